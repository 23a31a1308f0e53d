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

The paper's corpora stand in ``params/paper/_base.yaml`` and ``large.yaml``, on the hub where it has them without a
loading script, which ``datasets`` refuses since its version 4.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any

from otlib.data import hub, items, layout, text
from otlib.data.files import is_table, read_lines
from otlib.record import write_text
from otlib.settings import PIVOT, CorporaData, Hub

PAIRED = ("parallel", "retrieval", "text")  # sentence pairs, of which every language that is aligned needs some
EACH_LANGUAGE = (*PAIRED, "gold", "qa_test")
NEEDS = (("nli_test", "nli_train"), ("nli_test", "nli_dev"), ("qa_test", "qa_train"))
BUFFER = 300_000  # pairs that a stream is shuffled in, at least: neighbours tell of the same things
SPARE = 1.2  # pairs read beyond those wanted, for some share a sentence with those tested

Corpus = tuple[str, ...] | Hub  # one path, the two of a Moses pair, or a data set


def corpora_of(data: CorporaData, kind: str, language: str = PIVOT) -> list[Corpus]:
    """The single corpora of a language, ``{language}`` filled in; an empty list if the study names none.

    ``kind`` is a field of ``data``, such as ``"parallel"``.
    """
    corpora = getattr(data, kind)
    if isinstance(corpora, Mapping):
        corpora = corpora.get(language)
    return [] if corpora is None else list(_single(corpora, language, paired=kind in PAIRED))


def _single(corpora: Any, language: str, *, paired: bool) -> Iterator[Corpus]:
    if isinstance(corpora, Hub):
        given = corpora.model_dump(include={"config", "split"}, exclude_none=True)
        yield corpora.model_copy(update={name: one.replace("{language}", language) for name, one in given.items()})
    elif isinstance(corpora, str):
        yield (corpora.replace("{language}", language),)
    elif paired and len(corpora) == 2 and all(isinstance(path, str) and not is_table(path) for path in corpora):
        yield tuple(path.replace("{language}", language) for path in corpora)
    else:
        for one in corpora:
            yield from _single(one, language, paired=paired)


def _keyed(data: CorporaData, kind: str, language: str = PIVOT) -> list[tuple[str, Corpus]]:
    """The single corpora, each behind its key for messages."""
    key = f"data.{kind}.{language}" if kind in EACH_LANGUAGE else f"data.{kind}"
    corpora = corpora_of(data, kind, language)
    return [(f"{key}[{i}]" if len(corpora) > 1 else key, corpus) for i, corpus in enumerate(corpora)]


def _name(corpus: Corpus) -> str:
    return f"the data set {corpus.hub}" if isinstance(corpus, Hub) else " and ".join(corpus)


def missing_files(
    data: CorporaData, languages: Sequence[str], *, tested: Sequence[str], translated: Sequence[str] = ()
) -> Iterator[tuple[str, str]]:
    """Key and path of every file that the study names and needs, and that is not there.

    ``languages`` are those beside English that are aligned, ``tested`` those that the tasks are tested in,
    ``translated`` those that inference is taught in.
    """
    wanted = [(kind, code) for kind in (*PAIRED, "gold") for code in languages]
    wanted += [(kind, PIVOT) for kind in ("nli_train", "nli_dev", "qa_train")]
    wanted += [("nli_train", code) for code in translated]
    wanted += [(kind, code) for kind in ("nli_test", "qa_test") for code in (PIVOT, *tested)]
    found: dict[tuple[str, str], None] = {}  # in order; a file that serves several languages once
    for kind, language in wanted:
        corpora = [(key, corpus) for key, corpus in _keyed(data, kind, language) if not isinstance(corpus, Hub)]
        absent = [(key, path) for key, corpus in corpora for path in corpus if not Path(path).is_file()]
        by_language = not isinstance(getattr(data, kind), Mapping)  # named by {language}, which may lead to nothing
        optional = by_language and (kind == "gold" or (kind == "qa_test" and language != PIVOT))
        if not (optional and len(absent) == len(corpora)):
            found |= dict.fromkeys(absent)
    yield from found


def check_corpora(
    data: CorporaData, languages: Sequence[str], *, tested: Sequence[str], translated: Sequence[str] = ()
) -> None:
    """Raise ValueError if a corpus is not named or a file not there; parameters as of :func:`missing_files`."""
    for kind, language in [*((kind, code) for kind in PAIRED for code in languages), ("qa_test", PIVOT)]:
        if getattr(data, kind) is not None and not corpora_of(data, kind, language):
            raise ValueError(f"data.{kind}: the language {language!r} has no corpus")
    for test, kind in NEEDS:
        if getattr(data, test) is not None and getattr(data, kind) is None:
            raise ValueError(f"data.{kind} is missing, data.{test} needs it")
    for key, path in missing_files(data, languages, tested=tested, translated=translated):
        raise ValueError(f"{key}: there is no file {path}")
    gold = [corpus for language in languages for corpus in corpora_of(data, "gold", language)]
    if gold and not any(isinstance(corpus, Hub) or Path(corpus[0]).is_file() for corpus in gold):
        raise ValueError(f"data.gold: no language has such a file, as {gold[0][0]}; mend the path, or leave gold out")
    for key, corpus in chain.from_iterable(_keyed(data, kind, code) for kind in PAIRED for code in languages):
        if isinstance(corpus, tuple) and len(corpus) == 2 and all("|||" in next(read_lines(p), "") for p in corpus):
            mend = f"write [[{'], ['.join(corpus)}]]"
            raise ValueError(f"{key}: both files hold '|||', so that they are two corpora: {mend}")


def prepare(
    folder: str | Path,
    languages: Sequence[str],
    data: CorporaData,
    *,
    unseen: Sequence[str] = (),
    translated: Sequence[str] = (),
) -> dict[str, dict[str, int]]:
    """Write the ``data`` folder of a study.

    What is quick to check comes before hours of reading: first segmenters and files, then the tasks, gold alignments
    and retrieval sets, the parallel text last. Of few pairs a fifth is held out, not ``heldout_pairs``, which is said.

    With ``parallel_pairs`` a data set that is a language's only corpus is not read to its end but streamed in shuffled
    order: its files in random order, its pairs drawn from a buffer of as many as are wanted, at least 300,000. Files,
    and several corpora, are read whole. No training pair shares a sentence with the held-out pairs or the gold
    alignments of its language, and nothing of these is in the text to pretrain on. Words are split here, once, and
    separated by blanks.

    Called again with the same arguments in the same folder after the connection broke, it keeps the languages whose
    parallel text was complete.

    Parameters
    ----------
    folder : path
        The ``data`` folder; made if it is not there.
    languages, unseen : sequence of str
        The languages beside English that have parallel text, and those that are tested without it.
    data : CorporaData
        The study's ``data`` section.
    translated : sequence of str
        The languages beside English that the training items of inference are needed in.

    Returns
    -------
    dict
        Per part, what was kept and what was dropped and why. Answers with blanks around them, or that do not stand at
        their offsets in a data set of the hub (XQuAD's), are moved to where they do, and counted.

    Raises
    ------
    FileNotFoundError, ModuleNotFoundError, ValueError
        If a corpus or a language's segmenter is not there, or a corpus is malformed; names key or file, and line.
    """
    folder, tested = layout.make_folders(folder), [*languages, *unseen]
    for language in languages:
        text.word_tokenizer(data.words, language)
    check_corpora(data, languages, tested=tested, translated=translated)
    counts: dict[str, dict[str, int]] = {}
    if data.nli_test is not None:
        spoken = {"train": translated, "dev": [], "test": tested}
        splits = {split: _nli(data, f"nli_{split}", codes) for split, codes in spoken.items()}
        counts["nli"] = layout.write_nli(folder, spoken, splits)
    if data.qa_test is not None:
        counts["qa"] = _prepare_qa(folder, tested, data)
    gold = {language: layout.gold_sentences(_prepare_gold(folder, language, data)) for language in languages}
    retrieval = {language: _retrieval(language, data) for language in languages}
    for language in languages:
        counts |= _prepare_language(folder, language, data, retrieval[language], also_tested=gold[language])
    if data.text is not None:
        pairs = {language: list(_pairs(data, "text", language)) for language in languages}
        heldout = layout.heldout_sentences(folder, languages)
        counts["text"] = layout.write_text_sides(folder, pairs, data, tested=heldout)
    for record in folder.glob("parallel/*.json"):
        record.unlink()
    return counts


def _prepare_gold(folder: Path, language: str, data: CorporaData) -> list[text.GoldPair]:
    """Write the gold alignments of a language; none where there are none."""
    path = folder / "gold" / f"{language}-{PIVOT}.tsv"
    path.unlink(missing_ok=True)  # of an earlier call
    if not _is_there(data, "gold", language):
        return []
    read = (
        hub.read_gold(corpus, key) if isinstance(corpus, Hub) else text.read_gold(corpus[0])
        for key, corpus in _keyed(data, "gold", language)
    )
    pairs = list(chain.from_iterable(read))
    text.write_gold(path, pairs)
    return pairs


def _prepare_language(
    folder: Path, language: str, data: CorporaData, heldout: text.ParallelText | None, *, also_tested: set[str]
) -> dict[str, dict[str, int]]:
    """Write parallel text, and the held-out pairs, which are some of it if None are given.

    What was read of the hub before, with the same files beside it, is kept.
    """
    record = folder / "parallel" / f"{language}.json"
    corpora = [corpus for kind in ("parallel", "retrieval", "gold") for corpus in corpora_of(data, kind, language)]
    paths = [Path(path) for corpus in corpora if not isinstance(corpus, Hub) for path in corpus]
    files = {str(path): path.stat().st_mtime_ns for path in paths if path.exists()}
    if record.exists() and (before := json.loads(record.read_text(encoding="utf-8")))["files"] == files:
        return before["counts"]
    train = _parallel(data, "parallel", language)
    print(f"data | {language}: {train.counts['kept']} pairs kept of {train.counts['read']} read", file=sys.stderr)
    if heldout is None:
        train, heldout = text.split_heldout(train, _heldout_size(data, train), seed=data.seed)
    counts = layout.write_parallel(folder, train, heldout, data, also_tested=also_tested)
    if any(isinstance(corpus, Hub) for corpus in corpora):
        write_text(record, json.dumps({"files": files, "counts": counts}))
    return counts


def _retrieval(language: str, data: CorporaData) -> text.ParallelText | None:
    """The pairs of a language to test on, if the study names some."""
    if data.retrieval is None:
        return None
    pairs = _parallel(data, "retrieval", language)
    if len(pairs) < 2:
        raise ValueError(f"data.retrieval.{language}: only one sentence pair is left: give at least two")
    return pairs


def _heldout_size(data: CorporaData, train: text.ParallelText) -> int:
    """``heldout_pairs``, or a fifth of the pairs, at least two, where these would be more than half; which is said."""
    there, wanted = len(train), data.heldout_pairs
    if 2 * wanted <= there:
        return wanted
    if there < 3:
        raise ValueError(f"data.parallel.{train.language}: of {there} sentence pairs none can be held out: give more")
    size = max(2, there // 5)
    said = f"{size} of {there} pairs are held out to test on: data.heldout_pairs, {wanted}, would be more than half"
    print(f"data | {train.language}: {said}", file=sys.stderr)
    return size


def _parallel(data: CorporaData, kind: str, language: str) -> text.ParallelText:
    corpora = corpora_of(data, kind, language)
    wanted = None
    if kind == "parallel" and data.parallel_pairs is not None and [*map(type, corpora)] == [Hub]:
        wanted = (data.heldout_pairs if data.retrieval is None else 0) + ceil(SPARE * data.parallel_pairs)
    pairs = _pairs(data, kind, language, wanted=wanted)
    name = f"data.{kind}.{language}, {', '.join(map(_name, corpora))}"
    return text.clean_pairs(pairs, language, name, words=data.words, max_words=data.max_words, enough=wanted)


def _pairs(data: CorporaData, kind: str, language: str, *, wanted: int | None = None) -> Iterator[tuple[str, str]]:
    """Sentence pairs (source, pivot) of all corpora; shuffled if only so many are ``wanted``."""
    shuffle = None if wanted is None else {"seed": data.seed, "buffer_size": max(wanted, BUFFER)}
    for key, corpus in _keyed(data, kind, language):
        if isinstance(corpus, Hub):
            yield from hub.read_pairs(corpus, language, key, shuffle=shuffle)
        else:
            yield from text.read_pairs(corpus if len(corpus) == 2 else corpus[0], language)


def _is_there(data: CorporaData, kind: str, language: str) -> bool:
    """Whether a language has a corpus. If only some of several are there, the reader raises an error later."""
    corpora = _keyed(data, kind, language)
    if isinstance(getattr(data, kind), Mapping):
        return bool(corpora)
    return any(
        hub.has_configuration(corpus, key) if isinstance(corpus, Hub) else Path(corpus[0]).is_file()
        for key, corpus in corpora
    )


def _nli(data: CorporaData, kind: str, languages: Sequence[str]) -> tuple[str, list[items.NliItems]]:
    """The items of all corpora, in English and other languages, behind their names."""
    corpora: dict[tuple[str, Corpus], str] = {}  # with their language; without ``{language}`` each is read once
    for language in (PIVOT, *languages):
        for one in _keyed(data, kind, language):
            corpora.setdefault(one, language)
    read = [
        hub.read_nli(corpus, language, key) if isinstance(corpus, Hub) else items.read_nli(corpus[0], language)
        for (key, corpus), language in corpora.items()
    ]
    names = dict.fromkeys(_name(corpus) for _, corpus in corpora)
    return f"data.{kind}: {', '.join(names)}", read


def _prepare_qa(folder: Path, languages: Sequence[str], data: CorporaData) -> dict[str, int]:
    codes = [code for code in (PIVOT, *languages) if _is_there(data, "qa_test", code)]
    if PIVOT not in codes:
        key, corpus = _keyed(data, "qa_test")[0]
        raise ValueError(f"{key}: {_name(corpus)} has no configuration {corpus.config}; the tests need English")
    (train, moved), tests = _questions(data, "qa_train", PIVOT), {}
    for code in codes:
        tests[code], more = _questions(data, "qa_test", code)
        moved += more
    return {**layout.write_qa(folder, languages, train, tests, data), "moved answers": moved}


def _questions(data: CorporaData, kind: str, language: str) -> tuple[dict, int]:
    """SQuAD's JSON, the articles of all corpora in the first one's, and how many answers had to be moved."""
    read: list[items.QaItems] = []
    places: dict[str, str] = {}
    for key, corpus in _keyed(data, kind, language):
        read.append(hub.read_squad(corpus, key) if isinstance(corpus, Hub) else items.read_squad(corpus[0]))
        ids, place = read[-1].table["id"].astype(str), f"{key}, {_name(corpus)}"
        for twice in ids[ids.isin(places)]:
            raise ValueError(f"{place}, question {twice}: its id stands twice, first in {places[twice]}")
        places |= dict.fromkeys(ids, place)
    articles = [article for one in read for article in one.json["data"]]
    return {**read[0].json, "data": articles}, sum(one.moved for one in read)
