"""Text, parallel text and gold word alignments: read, clean with counts, sample, split, batch."""

from __future__ import annotations

import bz2
import csv
import gzip
import lzma
import re
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

OPENERS = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


def read_lines(path: str | Path) -> Iterator[str]:
    """Lines of a UTF-8 text file, plain or compressed (.xz, .gz, .bz2), without their line ends.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If a line is not UTF-8 or the compressed file is damaged; names file and line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; check the path in the study's data section")
    number = 0
    try:
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}, line {number}: not UTF-8 (byte 0x{error.object[error.start]:02x}); "
            "convert the file, as by: iconv -f LATIN1 -t UTF-8"
        ) from error
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:  # gzip and bz2 raise OSError
        if path.suffix not in OPENERS:
            raise
        raise ValueError(f"{path}, after line {number}: damaged {path.suffix} file ({error})") from error


# Word tokenizers

NO_BLANKS = ("ja", "km", "lo", "my")  # languages without blanks and without a segmenter here


def word_tokenizer(kind: str, language: str) -> Callable[[str], list[str]]:
    """Split sentences into words.

    Parameters
    ----------
    kind : {"whitespace", "moses"}
        Blanks only, or the Moses tokenizer (the paper's) in its sacremoses version. Chinese and Thai, which have
        no blanks, are segmented instead: Chinese by jieba (its default dictionary and hidden Markov model), Thai
        by PyThaiNLP's newmm (longest words of its dictionary, within Thai character clusters). Moses then splits
        their ASCII segments only: it would part Thai tone marks from their letters.
    language : str
        Code, for the tokenizer's abbreviations and elisions.

    Raises
    ------
    ModuleNotFoundError
        If the language's segmenter is not installed.

    Warns
    -----
    UserWarning
        For Japanese, Khmer, Lao and Burmese, which nothing here splits: segment the text first, then use
        "whitespace".
    """
    if kind == "whitespace":
        return str.split
    if kind != "moses":
        raise ValueError(f"words must be whitespace or moses, got {kind!r}")
    from sacremoses import MosesTokenizer

    if language in NO_BLANKS:
        warnings.warn(
            f"Moses splits {language} at blanks only; segment it first and use words: whitespace",
            stacklevel=2,
        )
    tokenizer = MosesTokenizer(lang=language)
    if language in SEGMENTERS:
        segment = _segmenter(language)
        split = partial(tokenizer.tokenize, escape=False)
        return lambda sentence: [
            word for part in segment(" ".join(sentence.split())) for word in (split(part) if part.isascii() else [part])
        ]
    return lambda sentence: tokenizer.tokenize(sentence, escape=False)


def _jieba() -> Callable[[str], list[str]]:
    import jieba

    jieba.setLogLevel("WARNING")
    return jieba.lcut


def _newmm() -> Callable[[str], list[str]]:
    from pythainlp.tokenize import word_tokenize

    return partial(word_tokenize, engine="newmm")


SEGMENTERS = {"zh": _jieba, "th": _newmm}


def _segmenter(language: str) -> Callable[[str], list[str]]:
    try:
        return SEGMENTERS[language]()
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"words: moses splits {language} by the package {error.name}, which is not installed: "
            "pip install jieba pythainlp, or segment the text first and use words: whitespace"
        ) from error


# Parallel text


@dataclass(frozen=True)
class ParallelText:
    """Sentence pairs of one language with the pivot language, as words.

    Attributes
    ----------
    language : str
        Code of the source language.
    source, pivot : list of list of str
        Words; ``source[i]`` translates ``pivot[i]``.
    counts : dict of str to int
        What became of the pairs read: ``read``, ``empty_side``, ``too_long``, ``bad_ratio``, ``duplicate``,
        ``kept``, and later ``heldout``, ``overlap``, ``sampled``.
    """

    language: str
    source: list[list[str]]
    pivot: list[list[str]]
    counts: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.source)

    def take(self, indices: Sequence[int], **counts: int) -> ParallelText:
        """Pairs at ``indices``, in that order; ``counts`` are added to the counts."""
        source, pivot = [self.source[i] for i in indices], [self.pivot[i] for i in indices]
        return ParallelText(self.language, source, pivot, {**self.counts, **counts})


def read_parallel(
    path: str | Path | tuple[str | Path, str | Path],
    language: str,
    *,
    words: str = "whitespace",
    pivot: str = "en",
    max_words: int = 100,
    max_ratio: float = 9.0,
    deduplicate: bool = True,
) -> ParallelText:
    """Read and clean parallel text.

    Parameters
    ----------
    path : path or pair of paths
        A table with a header that names ``language`` and ``pivot`` (``.tsv`` without quoting, ``.csv`` with),
        lines ``source ||| pivot`` (any other name), or a pair of files with one sentence a line, source first
        (Moses). Each may be compressed.
    words : {"whitespace", "moses"}
        See :func:`word_tokenizer`.
    max_words, max_ratio
        Pairs with a longer side, or with more words on one side than ``max_ratio`` times those of the other,
        are dropped and counted (the defaults of Moses' clean-corpus script).
    deduplicate : bool
        Keep the first of equal pairs.

    Raises
    ------
    ValueError
        If the files of a pair differ in length, a column is missing, a line has the wrong number of fields, a
        line is not UTF-8, or no pair is left; names file and line.
    """
    pairs = read_pairs(path, language, pivot)
    text = clean_pairs(
        pairs,
        language,
        words=words,
        pivot=pivot,
        max_words=max_words,
        max_ratio=max_ratio,
        deduplicate=deduplicate,
    )
    if not len(text):
        raise ValueError(f"{_name(path)}: no sentence pair is left ({listed_counts(text.counts)})")
    return text


def read_prepared(path: str | Path, language: str) -> ParallelText:
    """A table of a study's own ``data`` folder, cleaned when it was made; of equal pairs the first is kept."""
    return read_parallel(path, language, max_words=sys.maxsize, max_ratio=sys.maxsize)


def clean_pairs(
    pairs: Iterable[tuple[str, str]],
    language: str,
    *,
    words: str = "whitespace",
    pivot: str = "en",
    max_words: int = 100,
    max_ratio: float = 9.0,
    deduplicate: bool = True,
    enough: int | None = None,
) -> ParallelText:
    """Split sentence pairs (source, pivot) into words and drop what :func:`read_parallel` drops, with counts.

    Parameters
    ----------
    enough : int, optional
        Read on until so many pairs are kept, and no further; to the end if None.
    """
    split_source, split_pivot = word_tokenizer(words, language), word_tokenizer(words, pivot)
    counts = dict.fromkeys(("read", "empty_side", "too_long", "bad_ratio", "duplicate", "kept"), 0)
    seen: set[tuple[str, str]] = set()
    source, target = [], []
    for left, right in pairs:
        counts["read"] += 1
        left_words, right_words = split_source(left), split_pivot(right)
        verdict = _verdict(len(left_words), len(right_words), max_words, max_ratio)
        key = (" ".join(left_words), " ".join(right_words))
        if verdict == "kept" and deduplicate and key in seen:
            verdict = "duplicate"
        counts[verdict] += 1
        if verdict == "kept":
            seen.add(key)
            source.append(left_words)
            target.append(right_words)
            if len(source) == enough:
                break
    return ParallelText(language, source, target, counts)


def _verdict(left: int, right: int, max_words: int, max_ratio: float) -> str:
    if not left or not right:
        return "empty_side"
    if max(left, right) > max_words:
        return "too_long"
    return "bad_ratio" if max(left, right) > max_ratio * min(left, right) else "kept"


def _name(path) -> str:
    return " and ".join(map(str, path)) if isinstance(path, tuple | list) else str(path)


def listed_counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.items())


def read_pairs(path: str | Path | tuple, language: str, pivot: str = "en") -> Iterator[tuple[str, str]]:
    """Sentence pairs (source, pivot) as they stand in a file, or pair of files, of :func:`read_parallel`."""
    if isinstance(path, tuple | list):
        return _moses_pairs(*path)
    suffixes = [suffix for suffix in Path(path).suffixes if suffix not in OPENERS]
    if suffixes and suffixes[-1] in (".tsv", ".csv"):
        return ((row[language], row[pivot]) for _, row in read_table(path, (language, pivot)))
    return _barred_pairs(path)


def _moses_pairs(source: str | Path, pivot: str | Path) -> Iterator[tuple[str, str]]:
    left, right = list(read_lines(source)), list(read_lines(pivot))
    if len(left) != len(right):
        raise ValueError(
            f"{source} has {len(left)} lines but {pivot} has {len(right)}: "
            "line i of one must translate line i of the other"
        )
    return zip(left, right, strict=True)


def _barred_pairs(path: str | Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_lines(path), start=1):
        sides = line.split("|||") if line.strip() else ["", ""]
        if len(sides) != 2:
            raise ValueError(
                f"{path}, line {number}: expected one '|||' between source and pivot, got {len(sides) - 1}"
            )
        yield sides[0], sides[1]


def read_table(path: str | Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table with a header, as (line number, row): ``.csv`` quoted, all else plain tab-separated.

    A blank line is a row of empty fields.

    Raises
    ------
    ValueError
        If one of ``columns`` is missing, a row is longer or shorter than the header, or a quote of a ``.csv`` is not
        closed; names file and line.
    """
    lines = read_lines(path)
    if ".csv" in Path(path).suffixes:
        rows = _quoted_rows(path, lines)
    else:
        rows = ((number, line.split("\t")) for number, line in enumerate(lines, start=1))
    header = next(rows, (1, []))[1]
    for column in columns:
        if column not in header:
            raise ValueError(f"{path} has no column {column!r}: its first line reads {', '.join(header) or 'nothing'}")
    for number, row in rows:
        if row in ([], [""]):
            row = [""] * len(header)
        if len(row) != len(header):
            raise ValueError(f"{path}, line {number}: {len(row)} fields where the header has {len(header)}")
        yield number, dict(zip(header, row, strict=True))


def _quoted_rows(path: str | Path, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((f"{line}\n" for line in lines), strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}; is a quote not closed?") from None


def split_heldout(text: ParallelText, n: int, *, seed: int) -> tuple[ParallelText, ParallelText]:
    """Split off ``n`` random pairs; pairs that share a side with one of them are dropped (count ``overlap``).

    Returns
    -------
    rest, heldout : ParallelText
    """
    if not 0 < n < len(text):
        raise ValueError(f"cannot hold out {n} of {len(text)} sentence pairs ({text.language})")
    order = np.random.default_rng(seed).permutation(len(text)).tolist()
    heldout = sorted(order[:n])
    sources = {tuple(text.source[i]) for i in heldout}
    pivots = {tuple(text.pivot[i]) for i in heldout}
    rest = [i for i in sorted(order[n:]) if tuple(text.source[i]) not in sources and tuple(text.pivot[i]) not in pivots]
    overlap = len(text) - n - len(rest)
    if not rest:
        raise ValueError(
            f"every pair of {text.language} shares a sentence with the {n} held out: none is left to train on"
        )
    return text.take(rest, heldout=n, overlap=overlap), text.take(heldout, heldout=n)


def sample(text: ParallelText, n: int, *, seed: int) -> ParallelText:
    """Draw ``n`` pairs without replacement, or all of a smaller text, in random order."""
    chosen = draw(len(text), min(n, len(text)), np.random.default_rng(seed))
    return text.take(chosen.tolist(), sampled=len(chosen))


# Batches


def draw(items: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``n`` indices below ``items``: shuffled epochs one after the other, the last one cut short."""
    epochs = [rng.permutation(items) for _ in range(-(-n // items))]
    return np.concatenate(epochs)[:n] if epochs else np.empty(0, dtype=int)


def length_batches(
    drawn: np.ndarray, lengths: np.ndarray, *, batch_size: int, seed: int, window: int = 50
) -> list[np.ndarray]:
    """Cut drawn indices into batches of sentences of similar length, so that little of a batch is padding.

    Each stretch of ``window`` batches is sorted by length, cut, and its batches are shuffled. With the same
    ``seed`` and number of batches, batch k of one corpus falls into the same quantile of length as batch k of
    another.

    Parameters
    ----------
    drawn : ndarray, shape (batches * batch_size,)
        Indices into ``lengths``, in random order.
    """
    rng = np.random.default_rng(seed)
    batches: list[np.ndarray] = []
    for start in range(0, len(drawn), window * batch_size):
        stretch = drawn[start : start + window * batch_size]
        by_length = stretch[np.argsort(lengths[stretch], kind="stable")]
        cut = [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]
        batches += [cut[i] for i in rng.permutation(len(cut))]
    return batches


# Gold alignments


class GoldPair(NamedTuple):
    """A sentence pair with gold links (English word, other word), counted from 0.

    ``possible`` includes the sure links, as in Och and Ney (2003).
    """

    en: list[str]
    other: list[str]
    sure: set[tuple[int, int]]
    possible: set[tuple[int, int]]


def read_gold(path: str | Path) -> list[GoldPair]:
    """Read gold word alignments: a tab-separated table with the columns ``en, other, sure, possible``.

    Sentences are words separated by blanks, links are ``en-other`` separated by blanks.

    Raises
    ------
    ValueError
        If a link is malformed or points outside its sentence, or a side is empty; names file and line.
    """
    pairs = []
    for number, row in read_table(path, ("en", "other", "sure", "possible")):
        where = f"{path}, line {number}"
        en, other = row["en"].split(), row["other"].split()
        if not en or not other:
            raise ValueError(f"{where}: a side is empty")
        sure = _links(row["sure"], len(en), len(other), where)
        pairs.append(GoldPair(en, other, sure, sure | _links(row["possible"], len(en), len(other), where)))
    if not pairs:
        raise ValueError(f"{path} holds no sentence pair")
    return pairs


def _links(text: str, n_en: int, n_other: int, where: str) -> set[tuple[int, int]]:
    links = set()
    for link in text.split():
        match = re.fullmatch(r"(\d+)-(\d+)", link)
        if match is None:
            raise ValueError(f"{where}: {link!r} is not a link of the form en-other, as 0-2")
        i, j = int(match[1]), int(match[2])
        if i >= n_en or j >= n_other:
            raise ValueError(
                f"{where}: link {link} is out of range: English has words 0-{n_en - 1}, the other side 0-{n_other - 1}"
            )
        links.add((i, j))
    return links


def tfidf_weights(sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
    """Weights of the words of each sentence by their rarity, summing to 1; marginals for optimal transport.

    A word counts its smoothed inverse document frequency, ``log((1 + N) / (1 + sentences with it)) + 1``, wherever it
    occurs, so that a type's weight in a sentence is its TF-IDF (Salton and Buckley, 1988). Case is ignored.
    """
    lowered = [[word.lower() for word in sentence] for sentence in sentences]
    frequency = Counter(word for sentence in lowered for word in set(sentence))
    weights = []
    for sentence in lowered:
        rarity = np.array([np.log((1 + len(lowered)) / (1 + frequency[word])) + 1 for word in sentence])
        weights.append(rarity / max(rarity.sum(), 1.0))
    return weights
