"""One kind of source, in every study and for every kind of data: a file, or a data set of the Hugging Face hub.

A *corpus* of the ``data`` section (:class:`otlib.settings.CorporaData`) is a path, ``corpora/de-en.tsv.xz``, or a data
set, ``{hub: owner/name, config: ..., split: ..., revision: ...}``. Where one may stand, there may be a list of them,
read one after the other.

``parallel``, ``retrieval``, ``text``, ``gold`` and ``qa_test`` are given for each language: by ``{language}`` in path,
config or split, which stands for the language's code, or as a mapping from codes to corpora, of which those of other
languages than the study's are not read. ``nli_train``, ``nli_dev``, ``nli_test`` and ``qa_train`` are corpora; those of
``nli_test`` hold every language, unless ``{language}`` stands in them.

=====================  =======================================================  ========================================
kind                   a file                                                   a data set's columns
=====================  =======================================================  ========================================
parallel, retrieval,   :func:`otlib.data.text.read_parallel`: a table, lines    ``translation`` (a text for each code),
text                   with ``|||``, or two Moses files                         one for each of the two codes, or
                                                                                ``english`` and ``non_english``
gold                   :func:`otlib.data.text.read_gold`                        ``en, other, sure, possible``
nli_train, nli_dev,    :func:`otlib.data.items.read_nli`                        ``premise, hypothesis, label``
nli_test
qa_train, qa_test      :func:`otlib.data.items.read_qa`                         SQuAD's
=====================  =======================================================  ========================================

**Moses files.** For sentence pairs a list of two paths is one corpus, the source's side and English's, unless their
names say that they are tables. Two such corpora are ``[[a.sw, a.en], [b.sw, b.en]]``, two files with ``|||`` are
``[[a], [b]]``. Every other list of paths is several corpora.

**What may be missing.** A language has no gold alignments, or is not tested on questions, if a mapping does not name it
or ``{language}`` leads to no file and no configuration of a data set. English questions must be there. ``parallel``,
``retrieval`` and ``text`` must name every language that is aligned.

The paper's corpora, as far as the hub has them without a loading script, which ``datasets`` has refused since its
version 4 (looked up in November 2026; their split is ``train``):

========  =======================================================  =================================================
language  data set                                                 config
========  =======================================================  =================================================
bg de el  Helsinki-NLP/europarl                                    bg-en, de-en, el-en
es fr     the same                                                 en-es, en-fr
ar ru zh  Helsinki-NLP/multiun                                     ar-en, en-ru, en-zh
hi        cfilt/iitb-english-hindi                                 none
th tr vi  sentence-transformers/parallel-sentences-opensubtitles   en-th, en-tr, en-vi
ur        none: Tanzil, English-Urdu, Moses format, from OPUS      ``[Tanzil.en-ur.ur, Tanzil.en-ur.en]``
sw        none: Tanzil and GlobalVoices, from OPUS                 a list of two such pairs
========  =======================================================  =================================================

English tasks: nyu-mll/multi_nli and rajpurkar/squad (``train``); tests: facebook/xnli (config ``"{language}"`` or
``all_languages``, ``test``) and google/xquad (``"xquad.{language}"``, ``validation``).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any

from otlib.data import hub
from otlib.data.files import is_table, read_lines
from otlib.data.items import NliItems, read_nli, read_qa
from otlib.data.layout import (
    gold_sentences,
    heldout_sentences,
    make_folders,
    write_nli,
    write_parallel,
    write_qa,
    write_text_sides,
)
from otlib.data.text import (
    GoldPair,
    ParallelText,
    clean_pairs,
    listed_counts,
    read_gold,
    read_pairs,
    split_heldout,
    word_tokenizer,
    write_gold,
)
from otlib.record import write_text
from otlib.settings import PIVOT, CorporaData, Hub

PAIRED = ("parallel", "retrieval", "text")  # sentence pairs, of which every language that is aligned needs some
EACH_LANGUAGE = (*PAIRED, "gold", "qa_test")
NEEDS = (("nli_test", "nli_train"), ("nli_test", "nli_dev"), ("qa_test", "qa_train"))
BUFFER = 300_000  # pairs that a stream is shuffled in, at least: neighbours tell of the same things
SPARE = 1.2  # pairs read beyond those wanted, for some share a sentence with those tested

Corpus = tuple[str, ...] | Hub  # one path, the two of a Moses pair, or a data set


# What a study names


def corpora_of(data: CorporaData, kind: str, language: str = PIVOT) -> list[Corpus]:
    """The single corpora of a language, ``{language}`` filled in; none if it, or the kind, is not named.

    Parameters
    ----------
    kind : str
        A field of ``data``, such as ``"parallel"``.

    Returns
    -------
    list of tuple of str, or Hub
        One path, the two paths of a Moses pair, or a data set.
    """
    corpora = getattr(data, kind)
    if isinstance(corpora, Mapping):
        corpora = corpora.get(language)
    return [] if corpora is None else list(_single(corpora, language, paired=kind in PAIRED))


def _single(corpora: Any, language: str, *, paired: bool) -> Iterator[Corpus]:
    if isinstance(corpora, Hub):
        texts = {"config": corpora.config, "split": corpora.split}
        yield corpora.model_copy(update={name: _filled(text, language) for name, text in texts.items() if text})
    elif isinstance(corpora, str):
        yield (_filled(corpora, language),)
    elif paired and len(corpora) == 2 and all(isinstance(path, str) and not is_table(path) for path in corpora):
        yield tuple(_filled(path, language) for path in corpora)
    else:
        for one in corpora:
            yield from _single(one, language, paired=paired)


def _filled(text: str, language: str) -> str:
    return text.replace("{language}", language)


def _keyed(data: CorporaData, kind: str, language: str = PIVOT) -> list[tuple[str, Corpus]]:
    """The single corpora, each behind its key for messages."""
    key = f"data.{kind}.{language}" if kind in EACH_LANGUAGE else f"data.{kind}"
    corpora = corpora_of(data, kind, language)
    return [(f"{key}[{i}]" if len(corpora) > 1 else key, corpus) for i, corpus in enumerate(corpora)]


def _name(corpus: Corpus) -> str:
    return f"the data set {corpus.hub}" if isinstance(corpus, Hub) else " and ".join(corpus)


def missing_files(data: CorporaData, languages: Sequence[str], *, tested: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Key and path of every file that the study names and needs, and that is not there.

    Parameters
    ----------
    languages : sequence of str
        The languages beside English that are aligned.
    tested : sequence of str
        Those that the tasks are tested in.
    """
    kinds = [(kind, languages) for kind in (*PAIRED, "gold")]
    kinds += [(kind, [PIVOT]) for kind in ("nli_train", "nli_dev", "qa_train")]
    kinds += [(kind, [PIVOT, *tested]) for kind in ("nli_test", "qa_test")]
    found: dict[tuple[str, str], None] = {}  # in order; a file that serves several languages once
    for kind, codes in kinds:
        for language in codes:
            corpora = [(key, corpus) for key, corpus in _keyed(data, kind, language) if not isinstance(corpus, Hub)]
            absent = [(key, path) for key, corpus in corpora for path in corpus if not Path(path).is_file()]
            if not (_may_be_missing(data, kind, language) and len(absent) == len(corpora)):
                found |= dict.fromkeys(absent)
    yield from found


def _may_be_missing(data: CorporaData, kind: str, language: str) -> bool:
    """Whether what ``{language}`` leads to may not be there: gold alignments, and questions but in English."""
    named = isinstance(getattr(data, kind), Mapping)
    return not named and (kind == "gold" or (kind == "qa_test" and language != PIVOT))


def check_corpora(data: CorporaData, languages: Sequence[str], *, tested: Sequence[str]) -> None:
    """Raise ValueError if a corpus is not named or a file not there; parameters as of :func:`missing_files`."""
    for kind, language in [*((kind, code) for kind in PAIRED for code in languages), ("qa_test", PIVOT)]:
        if getattr(data, kind) is not None and not corpora_of(data, kind, language):
            raise ValueError(f"data.{kind}: the language {language!r} has no corpus")
    for test, kind in NEEDS:
        if getattr(data, test) is not None and getattr(data, kind) is None:
            raise ValueError(f"data.{kind} is missing, data.{test} needs it")
    for key, path in missing_files(data, languages, tested=tested):
        raise ValueError(f"{key}: there is no file {path}")
    for key, corpus in chain.from_iterable(_keyed(data, kind, code) for kind in PAIRED for code in languages):
        if isinstance(corpus, tuple) and len(corpus) == 2 and all("|||" in next(read_lines(p), "") for p in corpus):
            raise ValueError(
                f"{key}: both files hold '|||', so that they are two corpora: write [[{'], ['.join(corpus)}]]"
            )


# Making the data of a study


def prepare(
    folder: str | Path, languages: Sequence[str], data: CorporaData, *, unseen: Sequence[str] = ()
) -> dict[str, dict[str, int]]:
    """Write the ``data`` folder of a study.

    What can be missed soon is missed before hours of reading: segmenters, files, the tasks, the gold alignments. With
    ``parallel_pairs`` a data set that is a language's only corpus is not read to its end but streamed in shuffled
    order: its files in random order, and the draw from a buffer of what is wanted or 300,000 pairs. Files, and several
    corpora, are read whole. No training pair shares a sentence with the held-out pairs or the gold alignments of its
    language, and nothing of these is in the text to pretrain on. Words are split here, once: the parallel files hold
    words separated by blanks.

    Called again with the same arguments in the same folder after the connection broke, it keeps the languages whose
    parallel text was complete.

    Parameters
    ----------
    folder : path
        Where to write.
    languages : sequence of str
        The languages beside English that have parallel text.
    data : CorporaData
        The study's ``data`` section.
    unseen : sequence of str
        Languages that are tested and have no parallel text.

    Returns
    -------
    dict
        Per part, what was kept and what was dropped and why; answers that did not stand at their offsets in a data
        set of the hub (XQuAD's) are moved to where they do, and counted.

    Raises
    ------
    FileNotFoundError, ValueError
        If a corpus cannot be read or is malformed; names key or file, and line.
    ModuleNotFoundError
        If a language's segmenter is not installed.
    """
    folder = make_folders(folder)
    tested = [*languages, *unseen]
    for language in languages:
        word_tokenizer(data.words, language)
    check_corpora(data, languages, tested=tested)
    counts: dict[str, dict[str, int]] = {}
    if data.nli_test is not None:
        splits = {split: _nli(data, f"nli_{split}", tested) for split in ("train", "dev", "test")}
        counts["nli"] = write_nli(folder, tested, splits)
    if data.qa_test is not None:
        counts["qa"] = _prepare_qa(folder, tested, data)
    gold = {language: _prepare_gold(folder, language, data) for language in languages}
    for language in languages:
        counts |= _prepare_language(folder, language, data, also_tested=gold_sentences(gold[language]))
    if data.text is not None:
        pairs = {language: list(_pairs(data, "text", language)) for language in languages}
        heldout = heldout_sentences(folder, languages)
        counts["text"] = write_text_sides(folder, pairs, heldout, pivot_share=data.pivot_share, seed=data.seed)
    for record in folder.glob("parallel/*.json"):
        record.unlink()
    return counts


# Sentence pairs and gold alignments


def _prepare_gold(folder: Path, language: str, data: CorporaData) -> list[GoldPair]:
    """Write the gold alignments of a language; none where there are none."""
    path = folder / "gold" / f"{language}-{PIVOT}.tsv"
    path.unlink(missing_ok=True)  # of an earlier call
    if not _is_there(data, "gold", language):
        return []
    read = (
        hub.read_gold(corpus, key) if isinstance(corpus, Hub) else read_gold(corpus[0])
        for key, corpus in _keyed(data, "gold", language)
    )
    pairs = list(chain.from_iterable(read))
    write_gold(path, pairs)
    return pairs


def _prepare_language(
    folder: Path, language: str, data: CorporaData, *, also_tested: set[str]
) -> dict[str, dict[str, int]]:
    """Write parallel text; what was read of the hub before, with the same files beside it, is kept."""
    record = folder / "parallel" / f"{language}.json"
    corpora = [corpus for kind in ("parallel", "retrieval", "gold") for corpus in corpora_of(data, kind, language)]
    files = _modified(corpora)
    if record.exists() and (before := json.loads(record.read_text(encoding="utf-8")))["files"] == files:
        return before["counts"]
    train = _parallel(data, "parallel", language)
    print(f"data | {language}: {train.counts['kept']} pairs kept of {train.counts['read']} read", file=sys.stderr)
    if data.retrieval is None:
        train, heldout = split_heldout(train, data.heldout_pairs, seed=data.seed)
    else:
        heldout = _parallel(data, "retrieval", language)
    counts = write_parallel(folder, train, heldout, also_tested=also_tested, pairs=data.parallel_pairs, seed=data.seed)
    if any(isinstance(corpus, Hub) for corpus in corpora):
        write_text(record, json.dumps({"files": files, "counts": counts}))
    return counts


def _modified(corpora: Iterable[Corpus]) -> dict[str, int]:
    """When each file was last changed, in nanoseconds."""
    paths = [Path(path) for corpus in corpora if not isinstance(corpus, Hub) for path in corpus]
    return {str(path): path.stat().st_mtime_ns for path in paths if path.exists()}


def _parallel(data: CorporaData, kind: str, language: str) -> ParallelText:
    corpora = corpora_of(data, kind, language)
    wanted = None
    if kind == "parallel" and data.parallel_pairs is not None and [*map(type, corpora)] == [Hub]:
        wanted = (data.heldout_pairs if data.retrieval is None else 0) + ceil(SPARE * data.parallel_pairs)
    pairs = _pairs(data, kind, language, wanted=wanted)
    text = clean_pairs(pairs, language, words=data.words, max_words=data.max_words, enough=wanted)
    if not len(text):
        names = ", ".join(map(_name, corpora))
        raise ValueError(f"data.{kind}.{language}: no sentence pair is left of {names} ({listed_counts(text.counts)})")
    return text


def _pairs(data: CorporaData, kind: str, language: str, *, wanted: int | None = None) -> Iterator[tuple[str, str]]:
    """Sentence pairs (source, pivot) of all corpora; shuffled if only so many are ``wanted``."""
    shuffle = None if wanted is None else {"seed": data.seed, "buffer_size": max(wanted, BUFFER)}
    for key, corpus in _keyed(data, kind, language):
        if isinstance(corpus, Hub):
            yield from hub.read_pairs(corpus, language, key, shuffle=shuffle)
        else:
            yield from read_pairs(corpus if len(corpus) == 2 else corpus[0], language)


def _is_there(data: CorporaData, kind: str, language: str) -> bool:
    """Whether a language has a corpus; if only some of several are not there, that is for their reader to say."""
    corpora = _keyed(data, kind, language)
    if isinstance(getattr(data, kind), Mapping):
        return bool(corpora)
    return any(
        hub.has_configuration(corpus, key) if isinstance(corpus, Hub) else Path(corpus[0]).is_file()
        for key, corpus in corpora
    )


# Items of the tasks


def _nli(data: CorporaData, kind: str, languages: Sequence[str]) -> tuple[str, list[NliItems]]:
    """The items of all corpora, those without ``{language}`` read once, behind their names."""
    english = _keyed(data, kind)
    corpora = [(key, corpus, PIVOT) for key, corpus in english]
    for language in languages if kind == "nli_test" else []:
        others = [one for one in _keyed(data, kind, language) if one not in english]
        corpora += [(key, corpus, language) for key, corpus in others]
    read = [
        hub.read_nli(corpus, language, key) if isinstance(corpus, Hub) else read_nli(corpus[0], language)
        for key, corpus, language in corpora
    ]
    names = dict.fromkeys(_name(corpus) for _, corpus, _ in corpora)
    return f"data.{kind}: {', '.join(names)}", read


def _prepare_qa(folder: Path, languages: Sequence[str], data: CorporaData) -> dict[str, int]:
    codes = [code for code in (PIVOT, *languages) if _is_there(data, "qa_test", code)]
    if PIVOT not in codes:
        key, corpus = _keyed(data, "qa_test")[0]
        raise ValueError(f"{key}: {_name(corpus)} has no configuration {corpus.config}; the tests need English")
    train, moved = _questions(data, "qa_train", PIVOT)
    tests = {code: _questions(data, "qa_test", code) for code in codes}
    questions = {code: found for code, (found, _) in tests.items()}
    counts = write_qa(folder, languages, train, questions, dev_share=data.qa_dev_share, seed=data.seed)
    return counts | {"moved answers": moved + sum(number for _, number in tests.values())}


def _questions(data: CorporaData, kind: str, language: str) -> tuple[dict, int]:
    """SQuAD's JSON, the articles of all corpora in the first one's, and how many answers had to be moved."""
    read = [
        hub.read_squad(corpus, key) if isinstance(corpus, Hub) else (_squad(corpus[0]), 0)
        for key, corpus in _keyed(data, kind, language)
    ]
    articles = [article for found, _ in read for article in found["data"]]
    return {**read[0][0], "data": articles}, sum(moved for _, moved in read)


def _squad(path: str) -> dict:
    read_qa(path)  # which names every fault
    return json.loads("\n".join(read_lines(path)))
