"""Sentence pairs as an encoder reads them: tokenised once, kept in Arrow, read by batches."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import tokenizers

from otlib.data.arrow import Lists, Sentences, kept
from otlib.data.text import ParallelText
from otlib.training.words import EncodedSentence, encode_text

AT_ONCE = 5000  # pairs that are tokenised together: enough for every core, and little beside an encoder

NUMBERS, FLAG = pa.int32(), pa.bool_()
COLUMNS = {"input_ids": pa.list_(NUMBERS), "word_index": pa.list_(NUMBERS), "n_words": NUMBERS, "missing": NUMBERS}
COLUMNS["truncated"] = FLAG
PAIRS = pa.schema({f"{side}_{name}": kind for side in ("source", "pivot") for name, kind in COLUMNS.items()})


class Tokenised(Sequence[EncodedSentence]):
    """Tokenised sentences, which are columns of an Arrow table and stay there until they are asked for."""

    def __init__(self, table: pa.Table, side: str, rows: np.ndarray):
        columns = {name: table[f"{side}_{name}"] for name in COLUMNS}
        self.rows = rows
        self.input_ids, self.word_index = (Lists.of_column(columns.pop(name)) for name in ("input_ids", "word_index"))
        self.n_words, self.missing, self.truncated = (column.to_numpy()[rows] for column in columns.values())

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> EncodedSentence:
        row = self.rows[i]
        numbers = (int(self.n_words[i]), int(self.missing[i]), bool(self.truncated[i]))
        return EncodedSentence(self.input_ids[row], self.word_index[row], *numbers)

    def lengths(self) -> np.ndarray:
        """Subwords of each sentence, special ones included."""
        return self.input_ids.sizes()[self.rows]


class TokenisedPairs(NamedTuple):
    """Tokenised sentence pairs; ``release`` gives back the memory of those that were read from a file."""

    source: Tokenised
    pivot: Tokenised
    release: Callable[[], None]

    def count(self) -> dict[str, int]:
        """Of both sides: sentences, ``truncated`` ones, words and ``missing_words`` (without a subword)."""
        sides = (self.source, self.pivot)
        words, missing, truncated = (
            int(sum(getattr(side, name).sum(dtype=np.int64) for side in sides))
            for name in ("n_words", "missing", "truncated")
        )
        return {
            "sentences": sum(map(len, sides)),
            "truncated": truncated,
            "words": words,
            "missing_words": missing,
        }


def encode_corpora(
    corpora: Mapping[str, ParallelText], tokenizer, max_length: int
) -> tuple[dict[str, TokenisedPairs], dict[str, dict[str, int]]]:
    """Tokenised pairs of each language, and its counts."""
    encoded = {language: encode_pairs(tokenizer, text, max_length) for language, text in corpora.items()}
    shuffled = {language: {"shuffled": text.counts.get("shuffled", 0)} for language, text in corpora.items()}
    return encoded, {language: pairs.count() | shuffled[language] for language, pairs in encoded.items()}


def warn_of_cuts(counts: Mapping[str, Mapping[str, int]], max_length: int) -> None:
    """Warn of the sentences that were cut, by the counts of :func:`encode_corpora`."""
    if cut := [f"{code} {c['truncated']} of {c['sentences']}" for code, c in counts.items() if c["truncated"]]:
        warnings.warn(f"sentences longer than {max_length} subwords were cut: {', '.join(cut)}", stacklevel=3)


def encode_pairs(tokenizer, text: ParallelText, max_length: int) -> TokenisedPairs:
    """Tokenise both sides of the sentence pairs.

    If the text is that of a file (:func:`otlib.data.text.read_prepared`), all of its pairs are tokenised once and for
    all, in a file beside it, and read from there.
    """
    source, pivot = text.source, text.pivot
    if not (isinstance(source, Sentences) and isinstance(pivot, Sentences) and source.file is pivot.file):
        table = pa.Table.from_batches(_batches(tokenizer, source, pivot, max_length), PAIRS)
        rows = np.arange(len(text))
        return TokenisedPairs(*(Tokenised(table, side, rows) for side in ("source", "pivot")), lambda: None)
    whole = [Sentences(side.file, side.side) for side in (source, pivot)]
    key = {"words": source.file.path.stem, "tokenizer": tokenizer_hash(tokenizer), "max_length": max_length}
    key["tokenizers"] = tokenizers.__version__
    file = kept(source.file.path.parent, key, PAIRS, partial(_batches, tokenizer, *whole, max_length))
    return TokenisedPairs(*(Tokenised(file.table, side.side, side.rows) for side in (source, pivot)), file.release)


def tokenizer_hash(tokenizer) -> str:
    """Of all that decides which subwords a tokenizer finds, however it was used before."""
    backend = tokenizers.Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    backend.no_truncation()
    backend.no_padding()
    return hashlib.sha256(f"{tokenizer.truncation_side} {backend.to_str()}".encode()).hexdigest()


def _batches(
    tokenizer, source: Sequence[list[str]], pivot: Sequence[list[str]], max_length: int
) -> Iterator[pa.RecordBatch]:
    """Tokenised pairs, some thousands at a time."""
    pairs = zip(source, pivot, strict=True)
    while some := [*islice(pairs, AT_ONCE)]:
        columns = []
        for sentences in zip(*some, strict=True):
            text = encode_text(tokenizer, sentences, max_length=max_length)
            offsets = pa.array(np.concatenate([[0], text.ends]), pa.int32())
            columns += [pa.ListArray.from_arrays(offsets, pa.array(part)) for part in (text.input_ids, text.word_index)]
            columns += map(pa.array, (text.n_words, text.missing, text.truncated))
        yield pa.record_batch(columns, schema=PAIRS)
