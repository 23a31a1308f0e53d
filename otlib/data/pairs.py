"""One's own sentence pairs: words or plain strings, from Python or from files."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from otlib.data.files import is_table, read_table
from otlib.data.text import GoldPair, read_pairs

Sentence = str | Sequence[str]  # plain, its words between blanks, or its words
Pair = GoldPair | tuple[Sentence, Sentence]


def words_of(sentence: Sentence) -> Sequence[str]:
    """The words of a sentence: those of a string stand between blanks, others are returned as they are.

    A no-break or ideographic space separates nothing, as in gold alignments, so that every number of a link stays that
    of a word in the file.
    """
    return re.findall(r"[^ \t\r\n]+", sentence) if isinstance(sentence, str) else sentence


def as_pair(pair: Pair) -> GoldPair:
    """A sentence pair without gold links of two sentences, such as ``("das Haus", "the house")``; a GoldPair as it is.

    A ValueError says if it is no pair.
    """
    if isinstance(pair, GoldPair):
        return pair
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise ValueError(f"a sentence pair is two sentences, such as ('das Haus', 'the house'), got {pair!r}")
    return GoldPair(*(list(words_of(side)) for side in pair), set(), set())


def typed_pairs(text: str) -> list[tuple[str, str]]:
    """Sentence pairs of a text with a line ``left ||| right`` each; a ValueError names a line that is none.

    It also says if there is no line.
    """
    pairs = []
    for number, line in enumerate(text.strip().splitlines(), start=1):
        sides = line.split("|||")
        if len(sides) != 2:
            raise ValueError(f"line {number} of the sentences: expected one '|||' between two sides, got {line!r}")
        pairs.append(tuple(sides))
    if not pairs:
        raise ValueError("sentences: there is no sentence pair")
    return pairs


def read_sides(paths: Sequence[str | Path], languages: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """Sentence pairs (left, right) as they stand in a file, or two: none is dropped, an empty line is an empty pair.

    Parameters
    ----------
    paths : sequence of one or two paths
        A table with a header (``.tsv`` without quoting, ``.csv`` with), lines ``left ||| right`` (any other name), or
        two files with one sentence a line (Moses).
    languages : pair of str, optional
        The columns of a table. If None, it must have two.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is not there or has no pair, its text not UTF-8, a line malformed, two files differ in length; names
        file and line.
    """
    for path in paths:
        if not Path(path).is_file():
            raise FileNotFoundError(f"{path} is not there: give the file of the sentence pairs")
    if len(paths) == 2:
        if table := next(filter(is_table, paths), None):
            raise ValueError(f"{table} is a table by its name, and of two files each has a sentence a line: give one")
        pairs = [*read_pairs(tuple(paths), "")]
    else:
        pairs = [*(_rows(paths[0], languages) if is_table(paths[0]) else read_pairs(paths[0], ""))]
    if not pairs:
        raise ValueError(f"{' and '.join(map(str, paths))}: there is no sentence pair")
    return pairs


def _rows(path: str | Path, languages: Sequence[str] | None) -> Iterator[tuple[str, str]]:
    for _, row in read_table(path, languages or ()):
        columns = languages or tuple(row)
        if len(columns) != 2:
            raise ValueError(f"{path} has the columns {', '.join(row)}: name those of the two sides (languages)")
        yield row[columns[0]], row[columns[1]]
