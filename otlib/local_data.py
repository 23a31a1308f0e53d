"""Lay out corpora and benchmarks that are already on disk as a study's ``data/`` folder.

The micro-world writes the same layout from its own grammar, so everything after this step is one code path.
Words are split here, once: the parallel files written hold words separated by blanks.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from otlib.corpora import (
    ParallelText,
    read_gold,
    read_lines,
    read_parallel,
    read_table,
    sample,
    split_heldout,
)
from otlib.nli import read_nli
from otlib.qa import read_qa

PIVOT = "en"


def prepare_files(
    folder: str | Path,
    languages: Sequence[str],
    *,
    parallel: str,
    text: str | None = None,
    gold: Mapping[str, str] | None = None,
    retrieval: str | None = None,
    nli_train: Sequence[str] = (),
    nli_dev: Sequence[str] = (),
    nli_test: str | None = None,
    qa_train: str | None = None,
    qa_test: str | None = None,
    words: str = "moses",
    parallel_pairs: int | None = None,
    heldout_pairs: int = 1000,
    max_words: int = 60,
    pivot_share: float = 0.3,
    qa_dev_share: float = 0.05,
    seed: int = 0,
) -> dict[str, dict[str, int]]:
    """Write the ``data`` folder of a study from local files.

    Parameters
    ----------
    folder : path
        Where to write.
    languages : sequence of str
        The languages beside English.
    parallel, text, retrieval, qa_test : str
        Paths with ``{language}`` in them. ``text`` names *parallel* files that become non-parallel text: a pair gives
        one of its two sides only, English with probability ``pivot_share``. ``retrieval`` becomes the held-out pairs;
        without it ``heldout_pairs`` are split off ``parallel``. A language without a ``qa_test`` file is not tested.
    gold : mapping of language to path
        Gold word alignments; a language may lack them.
    words : {"whitespace", "moses"}
        How parallel text is split into words.
    parallel_pairs : int, optional
        Sentence pairs to draw from every language, upsampled where there are fewer; all of them if None.
    qa_dev_share : float
        Part of the ``qa_train`` paragraphs that becomes the English development set.

    Returns
    -------
    dict
        Per file written, what was kept and what was dropped and why.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or malformed; names file and line.
    """
    folder = Path(folder)
    for part in ("parallel", "gold", "text", "nli", "qa"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    gold = gold or {}
    counts: dict[str, dict[str, int]] = {}
    tested: set[str] = set()
    for language in languages:
        train = read_parallel(_path(parallel, language), language, words=words, max_words=max_words)
        if retrieval is None:
            train, heldout = split_heldout(train, heldout_pairs, seed=seed)
        else:
            heldout = read_parallel(_path(retrieval, language), language, words=words, max_words=max_words)
        sentences = _sentences(heldout)
        if language in gold:
            shutil.copy(gold[language], folder / "gold" / f"{language}-{PIVOT}.tsv")
            for pair in read_gold(gold[language]):
                sentences |= {_key(pair.en), _key(pair.other)}
        train = _without(train, sentences)
        if parallel_pairs is not None:
            train = sample(train, parallel_pairs, seed=seed)
        counts[f"{language} parallel"], counts[f"{language} heldout"] = train.counts, heldout.counts
        _write_pairs(folder / "parallel" / f"{language}-{PIVOT}.train.tsv", train)
        _write_pairs(folder / "parallel" / f"{language}-{PIVOT}.heldout.tsv", heldout)
        tested |= sentences
    if text is not None:
        files = {language: _path(text, language) for language in languages}
        counts["text"] = _write_text(folder / "text", files, tested, pivot_share=pivot_share, seed=seed)
    if nli_test is not None:
        counts["nli"] = _write_nli(folder / "nli", languages, nli_train, nli_dev, nli_test)
    if qa_test is not None:
        counts["qa"] = _write_qa(folder / "qa", languages, qa_train, qa_test, dev_share=qa_dev_share, seed=seed)
    return counts


def _path(template: str, language: str) -> str:
    return template.format(language=language)


def _key(words: Iterable[str]) -> str:
    """A sentence without blanks, case and punctuation, so that two tokenisations of it are one."""
    return "".join(character for character in "".join(words).casefold() if character.isalnum())


def _sentences(text: ParallelText) -> set[str]:
    return {_key(words) for side in (text.source, text.pivot) for words in side}


def _without(text: ParallelText, sentences: set[str]) -> ParallelText:
    kept = [
        i
        for i, (source, pivot) in enumerate(zip(text.source, text.pivot, strict=True))
        if _key(source) not in sentences and _key(pivot) not in sentences
    ]
    return text.take(kept, in_test=len(text) - len(kept))


def _write_pairs(path: Path, text: ParallelText) -> None:
    rows = zip(map(" ".join, text.source), map(" ".join, text.pivot), strict=True)
    path.write_text(
        f"{text.language}\t{PIVOT}\n" + "".join(f"{source}\t{pivot}\n" for source, pivot in rows),
        encoding="utf-8",
    )


def _write_text(
    folder: Path, files: Mapping[str, str], tested: set[str], *, pivot_share: float, seed: int
) -> dict[str, int]:
    rng = random.Random(seed)
    chosen: dict[str, dict[str, None]] = {language: {} for language in (PIVOT, *files)}  # ordered sets
    counts = {"elsewhere": 0, "in_test": 0, "empty": 0}
    side_of: dict[str, str] = {}  # English sentence -> the one language it is read in, translations included
    tables = {language: [row for _, row in read_table(path, (language, PIVOT))] for language, path in files.items()}
    for language in sorted(tables, key=lambda language: len(tables[language])):  # the smallest has first choice
        for row in tables[language]:
            side = side_of.setdefault(_key(row[PIVOT]), PIVOT if rng.random() < pivot_share else language)
            if side not in (PIVOT, language):
                counts["elsewhere"] += 1
                continue
            sentence = " ".join(row[side].split())
            if not sentence:
                counts["empty"] += 1
            elif _key(sentence) in tested:
                counts["in_test"] += 1
            else:
                chosen[side][sentence] = None
    for language, sentences in chosen.items():
        (folder / f"{language}.txt").write_text("".join(f"{s}\n" for s in sentences), encoding="utf-8")
        counts[language] = len(sentences)
    return counts


def _write_nli(folder: Path, languages, train, dev, test) -> dict[str, int]:
    counts = {}
    for split, paths in (("train", train), ("dev", dev), ("test", [test])):
        table = pd.concat([read_nli(path) for path in paths], ignore_index=True)
        table = table[table["language"].isin([PIVOT, *languages])]
        if split != "test":
            table["pairID"] = range(len(table))
        absent = {PIVOT, *languages} - set(table["language"])
        if split == "test" and absent:
            raise ValueError(f"{test} has no rows in {', '.join(sorted(absent))}")
        counts[split] = len(table)
        table.to_csv(folder / f"xnli.{split}.tsv", sep="\t", index=False, quoting=csv.QUOTE_NONE)
    return counts


def _write_qa(folder: Path, languages, train, test, *, dev_share: float, seed: int) -> dict[str, int]:
    read_qa(train)  # refuses a malformed file before anything is written
    articles = json.loads("\n".join(read_lines(train)))["data"]
    rng = random.Random(seed)
    splits: dict[str, list] = {"train": [], "dev": []}
    for article in articles:
        for paragraph in article["paragraphs"]:
            splits["dev" if rng.random() < dev_share else "train"].append(paragraph)
    counts = {}
    for split, paragraphs in splits.items():
        data = {"version": "1.1", "data": [{"title": split, "paragraphs": paragraphs}]}
        (folder / f"{PIVOT}.{split}.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
        counts[split] = sum(len(paragraph["qas"]) for paragraph in paragraphs)
    for language in (PIVOT, *languages):
        path = Path(_path(test, language))
        counts[f"test {language}"] = len(read_qa(path)) if path.exists() else 0
        if path.exists():
            shutil.copy(path, folder / f"{language}.test.json")
    return counts
