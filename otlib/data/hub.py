"""Read data sets of the Hugging Face hub through the ``datasets`` library, as streams of rows.

A ``corpus`` has the language filled in; its ``key`` is its place in the study for messages, such as ``data.gold.de``.
Every function raises ``ValueError`` with key, data set and mend if the data set cannot be read, at once or in the
middle, or lacks a column.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import pandas as pd

from otlib.data.items import COLUMNS, LABELS, NliItems, QaItems, qa_items
from otlib.data.text import GOLD_COLUMNS, GoldPair, gold_pairs, is_seen
from otlib.record import first_line
from otlib.settings import PIVOT, Hub


def load(name: str, config: str | None, split: str, revision: str | None):
    """Open a data set as a stream of rows: the one place that asks the network for them."""
    from datasets import load_dataset

    return load_dataset(name, config, split=split, revision=revision, streaming=True)


@cache
def configurations(name: str, revision: str | None) -> list[str]:
    """The configurations of a data set, asked of the network once."""
    from datasets import get_dataset_config_names

    return get_dataset_config_names(name, revision=revision)


def has_configuration(corpus: Hub, key: str) -> bool:
    """Whether the data set has the configuration; true if none is named."""
    with _named(corpus, key):
        return corpus.config is None or corpus.config in configurations(corpus.hub, corpus.revision)


def read_pairs(corpus: Hub, language: str, key: str, *, shuffle: Mapping[str, int] | None) -> Iterator[tuple[str, str]]:
    """Sentence pairs (source, pivot), in random order if ``shuffle`` holds a ``seed`` and a ``buffer_size``."""
    data = _open(corpus, key)
    if shuffle is not None:
        data = data.shuffle(**shuffle)
    return (_pair(row, language, corpus, key) for row in _rows(data, corpus, key))


def read_gold(corpus: Hub, key: str) -> list[GoldPair]:
    """Gold word alignments, in columns as in the file that :func:`otlib.data.text.read_gold` reads."""
    rows = []
    for number, row in enumerate(_rows(_open(corpus, key), corpus, key)):
        texts = _texts(_columns(row, GOLD_COLUMNS, corpus, key), corpus, where := f"{key}, row {number}")
        rows.append((where, dict(zip(GOLD_COLUMNS, texts, strict=True))))
    return gold_pairs(rows, f"{key}: the data set {corpus.hub}")


def read_nli(corpus: Hub, language: str, key: str) -> NliItems:
    """Inference items with the columns ``premise, hypothesis, label``; a row's number, from 0, is the ``pairID``.

    They are in ``language``, unless the rows hold translations, as in XNLI's ``all_languages``.
    """
    items, dropped = [], {"no_consensus": 0, "empty_side": 0}
    data = _open(corpus, key)
    labels = getattr((data.features or {}).get("label"), "names", LABELS)
    for number, row in enumerate(_rows(data, corpus, key)):
        label, premise, hypothesis = _columns(row, ("label", "premise", "hypothesis"), corpus, key)
        if isinstance(label, int) and 0 <= label < len(labels):
            label = labels[label]
        if label in (-1, "-"):
            dropped["no_consensus"] += 1
            continue
        if label not in LABELS:
            raise ValueError(f"{key}, row {number}: the data set {corpus.hub} has an unknown label {label!r}")
        where = f"{key}, row {number}"
        for code, *texts in _translations(language, premise, hypothesis, corpus, where):
            sides = [" ".join(text.split()) for text in _texts(texts, corpus, where)]
            if all(any(map(is_seen, side)) for side in sides):
                items.append((code, label, str(number), *sides))
            else:
                dropped["empty_side"] += 1
    return NliItems(pd.DataFrame(items, columns=COLUMNS), dropped)


def read_squad(corpus: Hub, key: str) -> QaItems:
    """Questions with SQuAD's columns, checked by :func:`otlib.data.items.qa_items`; answers move to where they stand.

    XQuAD on the hub has lost a blank before some paragraphs, so that its offsets there are one too high.
    """
    paragraphs: list[dict] = []
    for number, row in enumerate(_rows(_open(corpus, key), corpus, key)):
        name, question, context, answers = _columns(row, ("id", "question", "context", "answers"), corpus, key)
        if not paragraphs or paragraphs[-1]["context"] != context:
            paragraphs.append({"context": context, "qas": []})
        try:
            found = list(zip(answers["text"], answers["answer_start"], strict=True))
        except (KeyError, TypeError, ValueError):
            wanted = "answers, lists text and answer_start of one length,"
            raise _misplaced(answers, wanted, corpus, f"{key}, row {number}") from None
        found = [{"text": text, "answer_start": start} for text, start in found]
        paragraphs[-1]["qas"].append({"id": name, "question": question, "answers": found})
    articles = [{"title": corpus.hub, "paragraphs": [paragraph]} for paragraph in paragraphs]
    data = {"version": "1.1", "data": articles}
    return qa_items(data, f"{key}: the data set {corpus.hub}", nearest=True)


@contextmanager
def _named(corpus: Hub, key: str) -> Iterator[None]:
    """Errors of the network, the hub or the data set's own files: the mend is the same."""
    try:
        yield
    except Exception as error:
        fault = f"cannot be read from the hub ({type(error).__name__}: {first_line(error).rstrip('.')})"
        mend = "check its name, config and split and the network, or give a local copy: a path"
        raise ValueError(f"{key}: the data set {corpus.hub} {fault}; {mend}") from error


def _open(corpus: Hub, key: str):
    with _named(corpus, key):
        return load(corpus.hub, corpus.config, corpus.split, corpus.revision)


def _rows(data, corpus: Hub, key: str) -> Iterator[dict]:
    with _named(corpus, key):  # the connection may break in the middle
        yield from data


def _columns(row: Mapping, names: Sequence[str], corpus: Hub, key: str) -> list:
    for name in names:
        if name not in row:
            raise ValueError(f"{key}: the data set {corpus.hub} has no column {name!r}; it has {', '.join(row)}")
    return [row[name] for name in names]


def _misplaced(value: Any, wanted: str, corpus: Hub, where: str) -> ValueError:
    return ValueError(f"{where}: the data set {corpus.hub} has {value!r:.80} where {wanted} must stand")


def _texts(values: Sequence, corpus: Hub, where: str) -> list[str]:
    """The texts of a row; one that is missing (None) is empty."""
    for value in values:
        if not isinstance(value, str | None):
            raise _misplaced(value, "a text", corpus, where)
    return [value or "" for value in values]


def _pair(row: Mapping, language: str, corpus: Hub, key: str) -> tuple[str, str]:
    row = row.get("translation", row)
    if not isinstance(row, Mapping):
        raise _misplaced(row, "a text for each language", corpus, key)
    names = ("non_english", "english") if "non_english" in row else (language, PIVOT)
    left, right = _texts(_columns(row, names, corpus, key), corpus, key)
    return left, right


def _translations(language: str, premise: Any, hypothesis: Any, corpus: Hub, where: str) -> list[tuple]:
    """Language, premise and hypothesis: one of each, or (XNLI's ``all_languages``) all in one row."""
    if not isinstance(premise, Mapping):
        return [(language, premise, hypothesis)]
    try:
        translated = dict(zip(hypothesis["language"], hypothesis["translation"], strict=True))
    except (KeyError, TypeError, ValueError):
        raise _misplaced(hypothesis, "lists language and translation of one length", corpus, where) from None
    return [(code, text, translated.get(code)) for code, text in premise.items()]
