"""Text, parallel text and gold word alignments: read, clean with counts, sample, split."""

import re
import sys
import unicodedata
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from otlib.data.arrow import Sentences, kept
from otlib.data.batches import draw
from otlib.data.files import is_table, read_lines, read_table, write_table
from otlib.provenance import sha256
from otlib.settings import PIVOT

# Not seen: fillers, variation selectors and more of Unicode's Default_Ignorable_Code_Point, and the blank of Braille.
UNSEEN = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)

Links = set[tuple[int, int]]  # of the words of a sentence pair: (source word, pivot word), counted from 0

# Languages without blanks: those that a segmenter splits, and those that nothing here splits.
SEGMENTED = ("zh", "th")
NO_BLANKS = ("bo", "dz", "ja", "km", "lo", "lzh", "my", "wuu", "yue")

# Characters that only lay a text out: soft hyphen, direction marks, word joiner and other operators, byte order mark.
LAYOUT = re.compile(r"[\u00ad\u061c\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
# At a word's ends; but after a virama one spells final consonants of Bengali and Malayalam.
LOOSE_JOINERS = re.compile(r"(?<!\S)[\u200c\u200d]+|(?<![\u09cd\u0d4d\u200c\u200d])[\u200c\u200d]+(?!\S)")
# For a set of a regular expression: combining marks; and all that belongs to the character before it, as they do.
MARKS = "".join(chr(code) for code in range(0x300, 0x20000) if unicodedata.category(chr(code)).startswith("M"))
ATTACHED = MARKS + "\u180e\u200c\u200d\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef"
FLAG_LETTER = "[\U0001f1e6-\U0001f1ff]"  # two of them are a flag


@cache
def is_seen(character: str) -> bool:
    """Whether a reader sees it: it is no blank, no control or format character, no filler or variation selector."""
    hidden = unicodedata.category(character) in ("Zs", "Zl", "Zp", "Cc", "Cf")
    return not (hidden or UNSEEN.match(character))


def word_tokenizer(kind: str, language: str) -> Callable[[str], list[str]]:
    """Split sentences into words.

    Parameters
    ----------
    kind : {"whitespace", "moses"}
        Blanks only, or the Moses tokenizer (the paper's) in its sacremoses version. Chinese and Thai, which have no
        blanks, are segmented first: Chinese by jieba (its default dictionary and hidden Markov model), Thai by
        PyThaiNLP's newmm (longest words of its dictionary, within Thai character clusters). Moses then splits only
        their ASCII segments: it would part Thai tone marks from their letters. Either kind reads text in Unicode's
        form NFC, without characters that only lay it out (soft hyphens, direction marks, byte order marks and the
        like), without words of invisible characters only, and takes a blank of no width for a blank. The two joiners,
        which spell words in Hindi and Persian, stay inside words, and combining marks, variation selectors and emoji of
        several characters are never parted.
    language : str
        Code, for abbreviations and elisions. A warning tells of Japanese, Khmer, Lao and Burmese, which nothing here
        splits.

    Raises
    ------
    ModuleNotFoundError
        If the language's segmenter is not installed.
    """
    split = _splitter(kind, language)

    def words(sentence: str) -> list[str]:
        found = LOOSE_JOINERS.sub("", " ".join(split(_plain(sentence)))).split()
        return [word for word in found if any(map(is_seen, word))]

    return words


def _plain(sentence: str) -> str:
    """A sentence in form NFC, without the characters that only lay it out."""
    return unicodedata.normalize("NFC", LAYOUT.sub("", sentence.replace("\u200b", " ")))


def _splitter(kind: str, language: str) -> Callable[[str], list[str]]:
    if kind == "whitespace":
        return str.split
    if kind != "moses":
        raise ValueError(f"words must be whitespace or moses, got {kind!r}")
    if language in NO_BLANKS:
        warnings.warn(
            f"Moses splits {language} at blanks only; segment it first and use words: whitespace", stacklevel=3
        )
    split = _moses(language)
    if language not in SEGMENTED:
        return split
    segment = _segmenter(language)

    def words(sentence: str) -> list[str]:
        parted = "\0".join(segment(" ".join(sentence.split())))
        parted = re.sub(f"({FLAG_LETTER})\0({FLAG_LETTER})", r"\1\2", parted)
        parts = re.sub(f"\0(?=[{ATTACHED}])|(?<=\u200d)\0", "", parted).split("\0")
        return [word for part in parts for word in (split(part) if part.isascii() else [part])]

    return words


def _moses(language: str) -> Callable[[str], list[str]]:
    """The Moses tokenizer, which by itself makes words of many marks and of every part of an emoji."""
    from sacremoses import MosesTokenizer

    moses = MosesTokenizer(lang=language)
    sign = rf"[^{moses.IsAlnum}{ATTACHED}\s.'`,\-]"
    emoji = rf"{FLAG_LETTER}{{2}}|[0-9]\ufe0f?\u20e3|{sign}[{ATTACHED}]*(?:(?<=\u200d){sign}[{ATTACHED}]*)*"
    moses.PAD_NOT_ISALNUM = re.compile(f"({emoji})"), r" \1 "
    return partial(moses.tokenize, escape=False)


def _segmenter(language: str) -> Callable[[str], list[str]]:
    try:
        if language == "th":
            from pythainlp.tokenize import word_tokenize

            return partial(word_tokenize, engine="newmm")
        import jieba

        jieba.setLogLevel("WARNING")
        return jieba.lcut
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"words: moses splits {language} by the package {error.name}, which is not installed: "
            "pip install jieba pythainlp, or segment the text first and use words: whitespace"
        ) from error


# Parallel text

SIDES = pa.schema({"source": pa.string(), "pivot": pa.string()})  # of a file, a sentence pair a row


@dataclass(frozen=True)
class ParallelText:
    """Sentence pairs of a language with English, as words: ``source[i]`` translates ``pivot[i]``.

    ``counts`` says what became of the pairs read: ``read``, ``empty_side``, ``too_long``, ``bad_ratio``, ``duplicate``,
    ``kept``, and later ``heldout``, ``overlap``, ``in_test``, ``sampled``.
    """

    language: str
    source: Sequence[list[str]]
    pivot: Sequence[list[str]]
    counts: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.source)

    def take(self, indices: Sequence[int], **counts: int) -> "ParallelText":
        """Pairs at ``indices``, in that order; ``counts`` are added to the counts."""
        source, pivot = taken(self.source, indices), taken(self.pivot, indices)
        return ParallelText(self.language, source, pivot, {**self.counts, **counts})


def taken(sentences: Sequence[list[str]], indices: Sequence[int]) -> Sequence[list[str]]:
    """Sentences at ``indices``, in that order; those of a file are not read for it."""
    return sentences.take(indices) if isinstance(sentences, Sentences) else [sentences[i] for i in indices]


def read_parallel(
    path: str | Path | tuple[str | Path, str | Path], language: str, *, max_words: int = 100, max_ratio: float = 9.0
) -> ParallelText:
    """Read and clean parallel text, whose words stand between blanks.

    Parameters
    ----------
    path : path or pair of paths
        A table with a header that names ``language`` and ``en`` (``.tsv`` without quoting, ``.csv`` with), lines
        ``source ||| pivot`` (any other name), or a pair of files with one sentence a line, source first (Moses).
    max_words, max_ratio
        Pairs with a longer side, or with more words on one side than ``max_ratio`` times those of the other, are
        dropped and counted (the defaults of Moses' clean-corpus script). Of equal pairs the first is kept.

    Raises
    ------
    ValueError
        If the files of a pair differ in length, a line is malformed, or no pair is left; names file and line.
    """
    name = " and ".join(map(str, path)) if isinstance(path, tuple) else str(path)
    return clean_pairs(read_pairs(path, language), language, name, max_words=max_words, max_ratio=max_ratio)


def read_prepared(path: str | Path, language: str, folder: str | Path | None = None) -> ParallelText:
    """Parallel text in a study's own ``data`` folder, which was cleaned when it was made; equal pairs are read once.

    With a ``folder`` the text stays on the disk, in an Arrow file there (:func:`otlib.data.arrow.kept`), and a sentence
    is read when it is asked for.
    """
    limits = {"max_words": sys.maxsize, "max_ratio": sys.maxsize}
    if folder is None:
        return read_parallel(path, language, **limits)
    counts: dict[str, int] = {}

    def batches() -> Iterator[pa.RecordBatch]:
        pairs = _kept_pairs(read_pairs(path, language), language, str(path), counts, **limits)
        while some := [*islice(pairs, 10_000)]:
            yield pa.record_batch([[" ".join(words) for words in side] for side in zip(*some, strict=True)], SIDES)

    key = {"text": sha256(path), "language": language}
    file = kept(folder, key, SIDES, batches, lambda: {"counts": counts})
    return ParallelText(language, Sentences(file, "source"), Sentences(file, "pivot"), file.facts["counts"])


def clean_pairs(
    pairs: Iterable[tuple[str, str]],
    language: str,
    name: str,
    *,
    words: str = "whitespace",
    max_words: int = 100,
    max_ratio: float = 9.0,
    enough: int | None = None,
) -> ParallelText:
    """Split sentence pairs (source, pivot) into words and drop what :func:`read_parallel` drops, with counts.

    Reading stops once ``enough`` pairs are kept; None reads all of them. If no pair is left, a ``ValueError`` names
    ``name``.
    """
    counts: dict[str, int] = {}
    limits = {"words": words, "max_words": max_words, "max_ratio": max_ratio}
    left = [*islice(_kept_pairs(pairs, language, name, counts, **limits), enough)]
    source, pivot = map(list, zip(*left, strict=True))
    return ParallelText(language, source, pivot, counts)


def _kept_pairs(
    pairs: Iterable[tuple[str, str]],
    language: str,
    name: str,
    counts: dict[str, int],
    *,
    max_words: int,
    max_ratio: float,
    words: str = "whitespace",
) -> Iterator[tuple[list[str], list[str]]]:
    """The pairs that :func:`clean_pairs` keeps, as words; what became of those read so far is in ``counts``."""
    split_source, split_pivot = word_tokenizer(words, language), word_tokenizer(words, PIVOT)
    counts |= dict.fromkeys(("read", "empty_side", "too_long", "bad_ratio", "duplicate", "kept"), 0)
    seen: set[tuple[str, str]] = set()
    for left, right in pairs:
        left_words, right_words = split_source(left), split_pivot(right)
        shorter, longer = sorted((len(left_words), len(right_words)))
        key = (" ".join(left_words), " ".join(right_words))
        if not shorter:
            verdict = "empty_side"
        elif longer > max_words:
            verdict = "too_long"
        elif longer > max_ratio * shorter:
            verdict = "bad_ratio"
        else:
            verdict = "duplicate" if key in seen else "kept"
        counts["read"] += 1
        counts[verdict] += 1
        if verdict == "kept":
            seen.add(key)
            yield left_words, right_words
    if not seen:
        listed = ", ".join(f"{verdict} {number}" for verdict, number in counts.items())
        raise ValueError(f"{name}: no sentence pair is left ({listed})")


def read_pairs(path: str | Path | tuple[str | Path, str | Path], language: str) -> Iterator[tuple[str, str]]:
    """Sentence pairs (source, pivot) as they stand in a file, or pair of files, of :func:`read_parallel`."""
    if isinstance(path, tuple):
        return _moses_pairs(*path)
    if is_table(path):
        return ((row[language], row[PIVOT]) for _, row in read_table(path, (language, PIVOT)))
    return _barred_pairs(path)


def _moses_pairs(source: str | Path, pivot: str | Path) -> Iterator[tuple[str, str]]:
    left, right = list(read_lines(source)), list(read_lines(pivot))
    if len(left) != len(right):
        said = f"{source} has {len(left)} lines but {pivot} has {len(right)}"
        raise ValueError(f"{said}: line i of one must translate line i of the other")
    return zip(left, right, strict=True)


def _barred_pairs(path: str | Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_lines(path), start=1):
        sides = line.split("|||") if line.strip() else ["", ""]
        if len(sides) != 2:
            said = f"expected one '|||' between source and pivot, got {len(sides) - 1}"
            raise ValueError(f"{path}, line {number}: {said}")
        yield sides[0], sides[1]


def split_heldout(text: ParallelText, n: int, *, seed: int) -> tuple[ParallelText, ParallelText]:
    """The rest, and ``n`` random pairs; a pair that shares a side with one of these is dropped (count ``overlap``)."""
    if not 0 < n < len(text):
        raise ValueError(f"cannot hold out {n} of {len(text)} sentence pairs ({text.language})")
    order = np.random.default_rng(seed).permutation(len(text)).tolist()
    heldout = sorted(order[:n])
    sources, pivots = ({tuple(side[i]) for i in heldout} for side in (text.source, text.pivot))
    rest = [i for i in sorted(order[n:]) if tuple(text.source[i]) not in sources and tuple(text.pivot[i]) not in pivots]
    return text.take(rest, heldout=n, overlap=len(text) - n - len(rest)), text.take(heldout, heldout=n)


def sample(text: ParallelText, n: int, *, seed: int) -> ParallelText:
    """Draw ``n`` pairs without replacement, or all of a smaller text, in random order."""
    chosen = draw(len(text), min(n, len(text)), np.random.default_rng(seed))
    return text.take(chosen.tolist(), sampled=len(chosen))


# Gold alignments

GOLD_COLUMNS = ("en", "other", "sure", "possible")


class GoldPair(NamedTuple):
    """A sentence pair with its gold links, (source word, pivot word) counted from 0."""

    source: list[str]
    pivot: list[str]
    sure: Links
    possible: Links  # the sure ones among them, as in Och and Ney (2003)


def read_gold(path: str | Path) -> list[GoldPair]:
    """Read gold word alignments: a tab-separated table with the columns ``en, other, sure, possible``.

    Sentences are words separated by blanks, links are ``en-other`` separated by blanks: English first, other than
    in :class:`GoldPair`. A no-break or ideographic space separates nothing: words may hold it.

    Raises
    ------
    ValueError
        If a link is malformed or points outside its sentence, a side is empty, or there is no sure link; names file
        and line.
    """
    rows = read_table(path, GOLD_COLUMNS)
    return gold_pairs(((f"{path}, line {number}", row) for number, row in rows), str(path))


def gold_pairs(rows: Iterable[tuple[str, Mapping[str, str]]], name: str) -> list[GoldPair]:
    """Sentence pairs of (place, row), where a row has the columns of :func:`read_gold`.

    A place, such as a file and line, and ``name``, that of the whole, stand in error messages.
    """
    pairs = []
    for where, row in rows:
        pivot, source = (re.findall(r"[^ \t\r\n]+", row[side]) for side in ("en", "other"))
        if not pivot or not source:
            raise ValueError(f"{where}: a side is empty")
        sure, possible = (_links(row[kind], len(source), len(pivot), where) for kind in ("sure", "possible"))
        pairs.append(GoldPair(source, pivot, sure, sure | possible))
    if not pairs:
        raise ValueError(f"{name} holds no sentence pair")
    if not any(pair.sure for pair in pairs):
        raise ValueError(f"{name} holds no sure link, against which alignments are measured")
    return pairs


def _links(text: str, n_source: int, n_pivot: int, where: str) -> Links:
    links = set()
    for link in text.split():
        match = re.fullmatch(r"(\d+)-(\d+)", link)
        if match is None:
            raise ValueError(f"{where}: {link!r} is not a link of the form en-other, as 0-2")
        j, i = int(match[1]), int(match[2])
        if i >= n_source or j >= n_pivot:
            said = f"English has words 0-{n_pivot - 1}, the other side 0-{n_source - 1}"
            raise ValueError(f"{where}: link {link} is out of range: {said}")
        links.add((i, j))
    return links


def write_gold(path: Path, pairs: Sequence[GoldPair]) -> None:
    """Write the table that :func:`read_gold` reads."""
    rows = []
    for pair in pairs:
        flipped = (sorted((j, i) for i, j in some) for some in (pair.sure, pair.possible - pair.sure))
        links = (" ".join(f"{en}-{other}" for en, other in some) for some in flipped)
        rows.append([" ".join(pair.pivot), " ".join(pair.source), *links])
    write_table(path, GOLD_COLUMNS, rows)
