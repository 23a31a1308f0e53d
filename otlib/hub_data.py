"""Lay out corpora and benchmarks of the Hugging Face hub as a study's ``data/`` folder.

A source is ``{hub: owner/name, config: ..., split: train, revision: ...}``, read through the ``datasets`` library, or
``{file: ...}``, what :mod:`otlib.local_data` reads: a study goes on where the hub cannot be reached. Data sets
that need a loading script, which ``datasets`` has refused since its version 4, are such a case.

The paper's corpora, as far as the hub has them without a script (looked up in November 2026):

========  ===============================================================  =================================
language  data set                                                         config
========  ===============================================================  =================================
bg de el  Helsinki-NLP/europarl                                            bg-en, de-en, el-en
es fr     the same                                                         en-es, en-fr
ar ru zh  Helsinki-NLP/multiun                                             ar-en, en-ru, en-zh
hi        cfilt/iitb-english-hindi                                         none
th tr vi  sentence-transformers/parallel-sentences-opensubtitles           en-th, en-tr, en-vi
ur        none: Tanzil, English-Urdu, Moses format, from OPUS              ``{file: [tanzil.ur, tanzil.en]}``
sw        none: Tanzil and GlobalVoices, English-Swahili, from OPUS        a list of two such pairs of files
========  ===============================================================  =================================

Their split is ``train``. English tasks: nyu-mll/multi_nli and rajpurkar/squad (``train``); tests: facebook/xnli
(config ``"{language}"`` or ``all_languages``, ``test``) and google/xquad (``"xquad.{language}"``, ``validation``).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import ceil
from pathlib import Path

import pandas as pd

from otlib.corpora import ParallelText, clean_pairs, listed_counts, read_pairs, split_heldout, word_tokenizer
from otlib.local_data import make_folders, read_squad, write_nli, write_parallel, write_qa
from otlib.nli import COLUMNS, LABELS, read_nli
from otlib.parameters import PIVOT
from otlib.record import write_text

Source = Mapping[str, str | Sequence[str]]
BUFFER = 300_000  # pairs that a stream is shuffled in, at least: neighbours tell of the same things
SPARE = 1.2  # pairs read beyond those wanted, for some share a sentence with the held-out ones


def prepare_hub(
    folder: str | Path,
    languages: Sequence[str],
    *,
    parallel: Mapping[str, Source | Sequence[Source]],
    nli_train: Source | Sequence[Source] = (),
    nli_dev: Source | Sequence[Source] = (),
    nli_test: Source | None = None,
    qa_train: Source | None = None,
    qa_test: Source | None = None,
    words: str = "moses",
    parallel_pairs: int | None = None,
    heldout_pairs: int = 1000,
    max_words: int = 100,
    qa_dev_share: float = 0.05,
    unseen: Sequence[str] = (),
    seed: int = 0,
) -> dict[str, dict[str, int]]:
    """Write the ``data`` folder of a study from data sets of the hub, or files in their stead.

    Called again with the same arguments after the connection broke, it keeps the languages whose parallel text was
    complete.

    Parameters
    ----------
    folder : path
        Where to write.
    languages : sequence of str
        The languages beside English.
    parallel : mapping of language to source, or to several
        A data set with a column ``translation`` (a text for each language's code), with a column for each of
        the two codes, or with ``english`` and ``non_english``; or a file, as :func:`otlib.corpora.read_parallel`
        reads it.
    nli_train, nli_dev : source, or several
        A data set with ``premise, hypothesis, label``, or XNLI's TSV; English items are kept.
    nli_test : source
        The same in every language: by ``{language}`` in ``config`` or ``split``, or in a data set or file that
        holds all of them.
    qa_train, qa_test : source
        A data set with SQuAD's columns, or its JSON; ``{language}`` stands for the code in ``config``, ``split``
        or ``file`` of the test. A language without such a configuration or file is not tested.
    words : {"whitespace", "moses"}
        How parallel text is split into words.
    parallel_pairs : int, optional
        Sentence pairs of every language, drawn at random (the paper's 250,000). Where there are fewer, all: alignment
        goes through them more often, which is the paper's upsampling.
        A data set that is a language's only source is then not read to its end but streamed in shuffled order:
        its files in random order, and the draw from a buffer of what is wanted or 300,000 pairs. Several sources, and
        files, are read whole. All pairs, in their order, if None.
    heldout_pairs : int
        Pairs split off before; no training pair shares a sentence with them.
    qa_dev_share : float
        Part of the ``qa_train`` paragraphs that becomes the English development set.
    unseen : sequence of str
        Languages that are tested and have no parallel text.

    Returns
    -------
    dict
        Per file written, what was kept and what was dropped and why; answers that did not stand at their offsets
        (XQuAD's, where a blank before the paragraph is gone) are moved to where they do, and counted.

    Raises
    ------
    FileNotFoundError, ValueError
        If a source cannot be read or has other columns; names the key, the data set and the mend.
    ModuleNotFoundError
        If a language's segmenter is not installed.
    """
    folder = make_folders(folder)
    counts: dict[str, dict[str, int]] = {}
    for language in languages:  # whatever is missing is missed before hours of reading
        word_tokenizer(words, language)
    tested = [*languages, *unseen]
    if nli_test is not None:
        splits = {"train": _listed(nli_train), "dev": _listed(nli_dev), "test": [nli_test]}
        tables = {
            split: (f"data.nli_{split}", [_nli_items(source, tested, f"data.nli_{split}") for source in sources])
            for split, sources in splits.items()
        }
        counts["nli"] = write_nli(folder, tested, tables)
    if qa_test is not None:
        train, moved = _squad(qa_train, "data.qa_train")
        tests = _squad_tests(qa_test, tested)
        questions = {code: questions for code, (questions, _) in tests.items()}
        counts["qa"] = write_qa(folder, tested, train, questions, dev_share=qa_dev_share, seed=seed)
        counts["qa"]["moved answers"] = moved + sum(number for _, number in tests.values())
    for language in languages:
        if language not in parallel:
            raise ValueError(f"data.parallel.{language} is missing: the language needs a source of parallel text")
        record = folder / "parallel" / f"{language}.json"
        if record.exists():
            counts |= json.loads(record.read_text(encoding="utf-8"))
            continue
        wanted = None if parallel_pairs is None else heldout_pairs + ceil(SPARE * parallel_pairs)
        text = _parallel(parallel[language], language, words=words, max_words=max_words, wanted=wanted, seed=seed)
        print(f"data | {language}: {text.counts['kept']} pairs kept of {text.counts['read']} read", file=sys.stderr)
        train, heldout = split_heldout(text, heldout_pairs, seed=seed)
        written = write_parallel(folder, train, heldout, pairs=parallel_pairs, seed=seed)
        counts |= written
        if all("hub" in source for source in _listed(parallel[language])):
            write_text(record, json.dumps(written))
    for record in folder.glob("parallel/*.json"):
        record.unlink()
    return counts


def _listed(sources: Source | Sequence[Source]) -> Sequence[Source]:
    return [sources] if isinstance(sources, Mapping) else sources


# The hub


def load(hub: str, config: str | None, split: str, revision: str | None):
    """Open a data set of the hub as a stream of rows: the one place that asks the network for them."""
    from datasets import load_dataset

    return load_dataset(hub, config, split=split, revision=revision, streaming=True)


def _open(source: Source, key: str, language: str = ""):
    config = source.get("config")
    config = config and config.format(language=language)
    split = source.get("split", "train").format(language=language)
    try:
        return load(source["hub"], config, split, source.get("revision"))
    except Exception as error:  # of the network, the hub or the data set's own files: the mend is the same
        raise _unreadable(source, key, error) from error


def _rows(data, source: Source, key: str) -> Iterator[dict]:
    try:
        yield from data
    except Exception as error:  # the connection may break in the middle
        raise _unreadable(source, key, error) from error


def _unreadable(source: Source, key: str, error: Exception) -> ValueError:
    said = (str(error).splitlines() or [""])[0].rstrip(".")
    return ValueError(
        f"{key}: the data set {source['hub']} cannot be read from the hub ({type(error).__name__}: {said}); "
        "check its name, config and split and the network, or give a local copy: {file: path}"
    )


def _column(row: Mapping, name: str, source: Source, key: str):
    if name not in row:
        raise ValueError(f"{key}: the data set {source['hub']} has no column {name!r}; it has {', '.join(row)}")
    return row[name]


# Parallel text


def _parallel(
    sources: Source | Sequence[Source], language: str, *, words: str, max_words: int, wanted: int | None, seed: int
) -> ParallelText:
    sources, key = _listed(sources), f"data.parallel.{language}"
    if len(sources) > 1 or "file" in sources[0]:
        wanted = None
    pairs = chain.from_iterable(_pairs(source, language, key, wanted=wanted, seed=seed) for source in sources)
    text = clean_pairs(pairs, language, words=words, max_words=max_words, enough=wanted)
    if not len(text):
        raise ValueError(f"{key}: no sentence pair is left ({listed_counts(text.counts)})")
    return text


def _pairs(source: Source, language: str, key: str, *, wanted: int | None, seed: int) -> Iterable[tuple[str, str]]:
    if "file" in source:
        path = source["file"]
        return read_pairs(path if isinstance(path, str | Path) else tuple(path), language)
    data = _open(source, key, language)
    if wanted is not None:
        data = data.shuffle(seed=seed, buffer_size=max(wanted, BUFFER))
    return (_pair(row, language, source, key) for row in _rows(data, source, key))


def _pair(row: Mapping, language: str, source: Source, key: str) -> tuple[str, str]:
    row = row.get("translation", row) or {}
    names = ("non_english", "english") if "non_english" in row else (language, PIVOT)
    left, right = (_column(row, name, source, key) for name in names)
    return left or "", right or ""


# Tasks


def _nli_items(source: Source, languages: Sequence[str], key: str) -> pd.DataFrame:
    if "file" in source:
        return read_nli(source["file"])
    each = any("{language}" in source.get(part, "") for part in ("config", "split"))
    items, dropped = [], {"no_consensus": 0, "empty_side": 0}
    for language in (PIVOT, *languages) if each else (PIVOT,):
        data = _open(source, key, language)
        labels = getattr((data.features or {}).get("label"), "names", LABELS)
        for number, row in enumerate(_rows(data, source, key)):
            label = _column(row, "label", source, key)
            if isinstance(label, int) and 0 <= label < len(labels):
                label = labels[label]
            if label in (-1, "-"):
                dropped["no_consensus"] += 1
                continue
            if label not in LABELS:
                raise ValueError(f"{key}, row {number}: the data set {source['hub']} has an unknown label {label!r}")
            for code, premise, hypothesis in _translations(row, language, source, key):
                sides = [" ".join(side.split()) for side in (premise, hypothesis)]
                if all(sides):
                    items.append((code, label, str(number), *sides))
                else:
                    dropped["empty_side"] += 1
    table = pd.DataFrame(items, columns=COLUMNS)
    table.attrs |= dropped
    return table


def _translations(row: Mapping, language: str, source: Source, key: str) -> Iterator[tuple[str, str, str]]:
    """Language, premise and hypothesis: one of each, or (XNLI's ``all_languages``) all in one row."""
    premise, hypothesis = (_column(row, name, source, key) for name in ("premise", "hypothesis"))
    if not isinstance(premise, Mapping):
        yield language, premise or "", hypothesis or ""
    else:
        translated = dict(zip(hypothesis["language"], hypothesis["translation"], strict=True))
        for code, text in premise.items():
            yield code, text, translated[code]


def _squad(source: Source, key: str, language: str = PIVOT) -> tuple[dict, int]:
    """SQuAD's JSON, and how many answers had to be moved."""
    if "file" in source:
        return read_squad(source["file"].format(language=language)), 0
    paragraphs: list[dict] = []
    moved = 0
    for row in _rows(_open(source, key, language), source, key):
        name, question, context, answers = (
            _column(row, column, source, key) for column in ("id", "question", "context", "answers")
        )
        if not paragraphs or paragraphs[-1]["context"] != context:
            paragraphs.append({"context": context, "qas": []})
        places = list(zip(answers["text"], answers["answer_start"], strict=True))
        found = [{"text": text, "answer_start": _place(context, text, start)} for text, start in places]
        moved += sum(one["answer_start"] != start for one, (_, start) in zip(found, places, strict=True))
        paragraphs[-1]["qas"].append({"id": name, "question": question, "answers": found})
    return {"version": "1.1", "data": [{"title": source["hub"], "paragraphs": paragraphs}]}, moved


def _place(context: str, answer: str, start: int) -> int:
    """Where the answer stands that is nearest to ``start``; ``start`` if nowhere."""
    if context.startswith(answer, start):
        return start
    places = [found.start() for found in re.finditer(f"(?={re.escape(answer)})", context)]
    return min(places, key=lambda place: abs(place - start), default=start)


def _squad_tests(source: Source, languages: Sequence[str]) -> dict[str, tuple[dict, int]]:
    key, codes = "data.qa_test", [PIVOT, *languages]
    if "file" in source:
        codes = [code for code in codes if Path(source["file"].format(language=code)).exists()]
    elif "{language}" in source.get("config", ""):
        there = _configurations(source, key)
        codes = [code for code in codes if source["config"].format(language=code) in there]
    if PIVOT not in codes:
        raise ValueError(f"{key}: there is no English test set of this name; write {{language}} in its place")
    return {code: _squad(source, key, code) for code in codes}


def _configurations(source: Source, key: str) -> list[str]:
    from datasets import get_dataset_config_names

    try:
        return get_dataset_config_names(source["hub"], revision=source.get("revision"))
    except Exception as error:  # as in _open
        raise _unreadable(source, key, error) from error
