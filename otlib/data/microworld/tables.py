"""Tables that people edit: one thing a row, tab-separated with a header; every fault is named by file and line."""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from otlib.data.files import read_lines

NOTE = "note"  # a column for remarks, which nothing reads
INVISIBLE = ("Cc", "Cf", "Co", "Zl", "Zp", "Zs")  # Unicode's categories of controls, formats and blanks
JOINERS = "\u200c\u200d"  # invisible too, but Persian and Hindi are written with them
ALPHABETS = {"LATIN", "GREEK", "CYRILLIC"}  # some of their letters look alike


class Row(dict[str, str]):
    """The cells of a row by column, an empty text where there is nothing; ``where`` names file and line."""

    def __init__(self, cells: Mapping[str, str], where: str):
        super().__init__(cells)
        self.where = where

    def __missing__(self, column: str) -> str:
        raise ValueError(f"{self.where}: the rules read a column {column!r}; name it in the header and in LEXICON")

    def names(self, column: str, known: Collection[str] | None = None) -> tuple[str, ...]:
        """What a cell lists, separated by blanks.

        Raises
        ------
        ValueError
            If one of them is not among the ``known`` ones.
        """
        names = tuple(self[column].split())
        for name in names:
            if known is not None and name not in known:
                raise ValueError(f"{self.where}: {column} names {name!r}, which is not known; {mend(name, known)}")
        return names


def mend(name: str, known: Collection[str]) -> str:
    """What to write in the place of an unknown name: the one that is meant, or one of a short list."""
    close = get_close_matches(name, known, n=1)
    if close:
        return f"is {close[0]!r} meant?"
    return f"it must be one of {', '.join(known)}" if 0 < len(known) < 20 else "concepts.tsv lists those there are"


def columns(filled: str) -> dict[str, str]:
    """The columns a kind of row fills, with their marks: ``word plural?*`` names two, the second marked ``?*``."""
    return {name.rstrip("?*"): name[len(name.rstrip("?*")) :] for name in filled.split()}


def read(
    path: Path,
    kinds: Mapping[str, str],
    values: Mapping[str, Collection[str]] | None = None,
    *,
    key: Sequence[str] = ("kind", "concept"),
) -> list[Row]:
    """Read a table whose columns ``kind`` and ``concept`` say what a row is about.

    Blank lines are skipped. Empty cells at the end of a row may be left out.

    Parameters
    ----------
    path : Path
        UTF-8, tab-separated, with a header.
    kinds : mapping of str to str
        For each kind of row the other columns that it fills, separated by blanks. A column marked ``?`` may be empty,
        one marked ``*`` may hold several words.
    values : mapping of str to collection of str, optional
        What a cell of a column may hold; anything, if the column is not named.
    key : sequence of str
        Columns of which no two rows have all in common.

    Raises
    ------
    ValueError
        If a column is missing or unknown, a row too long, its kind unknown, a cell empty that must be filled or filled
        that must be empty, a value not allowed, a character invisible, or a row stands twice.
    """
    lines = enumerate(read_lines(path), start=1)
    header = next(lines, (1, ""))[1].split("\t")
    _check_header(path, header, ["kind", "concept", *columns(" ".join(kinds.values()))])
    rows, seen = [], {}
    for number, line in lines:
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        cells = line.split("\t")
        if len(cells) > len(header):
            raise ValueError(f"{where}: {len(cells)} cells, but the header names {len(header)}; take out a tab")
        row = Row(dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True)), where)
        _check_row(row, kinds, values or {})
        about = tuple(row[column] for column in key)
        if about in seen:
            raise ValueError(
                f"{where}: {' '.join(filter(None, about))!r} stands in line {seen[about]} already; keep one of the two"
            )
        seen[about] = number
        rows.append(row)
    return rows


def _check_header(path: Path, header: list[str], needed: list[str]) -> None:
    where = f"{path}, line 1"
    for column in needed:
        if header.count(column) != 1:
            fault = "stands twice" if column in header else "is missing"
            raise ValueError(f"{where}: the column {column!r} {fault}; the header must read {', '.join(needed)}")
    for column in header:
        if column not in (*needed, NOTE):
            raise ValueError(f"{where}: the column {column!r} is not known; {mend(column, [*needed, NOTE])}")


def _check_row(row: Row, kinds: Mapping[str, str], values: Mapping[str, Collection[str]]) -> None:
    for column, text in row.items():
        fault = _unseen(text)
        if fault:
            raise ValueError(f"{row.where}: {column} {text!r} {fault}")
    kind = row["kind"]
    if kind not in kinds:
        raise ValueError(f"{row.where}: the kind {kind!r} is not known; {mend(kind, kinds)}")
    filled = {"kind": "", "concept": "", **columns(kinds[kind]), NOTE: "?*"}
    for column, text in row.items():
        marks = filled.get(column)
        if text and marks is None:
            own = ", ".join(columns(kinds[kind]))
            raise ValueError(f"{row.where}: {column} is {text!r}; empty it: of kind {kind}, only {own} are filled")
        if not text and marks is not None and "?" not in marks:
            raise ValueError(f"{row.where}: {column} is empty; fill it for the {kind} {row['concept']!r}")
        if " " in text and "*" not in filled[column]:
            raise ValueError(f"{row.where}: {column} is {text!r}; write one word, without a blank")
        if text and column in values and text not in values[column]:
            raise ValueError(f"{row.where}: {column} is {text!r}; {mend(text, values[column])}")


def _unseen(text: str) -> str:
    """A fault of a text that cannot be seen, such as a blank at its end; empty if there is none."""
    for character in text:
        if character not in " " + JOINERS and unicodedata.category(character) in INVISIBLE:
            name = unicodedata.name(character, "a control character")
            return f"holds an invisible character, {name} (U+{ord(character):04X}); type it anew"
    if text != " ".join(text.split()):
        return "begins or ends with a blank, or holds two in a row; take it out"
    if text != unicodedata.normalize("NFC", text):
        return "has accents apart from their letters; type it anew (in Unicode's composed form, NFC)"
    for word in text.split():
        alphabets = {unicodedata.name(letter).split()[0] for letter in word if letter.isalpha()} & ALPHABETS
        if len(alphabets) > 1:
            return f"mixes {' and '.join(sorted(alphabets))} letters, some of which look alike; type it anew"
    return ""
