"""Write a study's ``data`` folder: parallel text without what is tested, text to pretrain on, items of the tasks.

The micro-world writes the same layout from its own grammar, so that everything after this step is one code path.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from otlib.data.items import NliItems, read_qa
from otlib.data.text import GoldPair, ParallelText, read_gold, read_prepared, sample
from otlib.settings import PIVOT


def make_folders(folder: str | Path) -> Path:
    """Make the folders of a study's data."""
    for part in ("parallel", "gold", "text", "nli", "qa"):
        Path(folder, part).mkdir(parents=True, exist_ok=True)
    return Path(folder)


# Sentences, told apart


def sentence_key(words: Iterable[str]) -> str:
    """A sentence without blanks, case and punctuation, so that two tokenisations of it are one."""
    return "".join(character for character in "".join(words).casefold() if character.isalnum())


def sentences_of(text: ParallelText) -> set[str]:
    """The keys of all sentences, of both sides."""
    return {sentence_key(words) for side in (text.source, text.pivot) for words in side}


def gold_sentences(pairs: Sequence[GoldPair]) -> set[str]:
    """The keys of all sentences with gold alignments, of both sides."""
    return {sentence_key(words) for pair in pairs for words in (pair.source, pair.pivot)}


def heldout_sentences(folder: Path, languages: Sequence[str]) -> set[str]:
    """The keys of the held-out sentences, and of those with gold alignments, in a folder that has them already."""
    keys = set()
    for language in languages:
        keys |= sentences_of(read_prepared(folder / "parallel" / f"{language}-{PIVOT}.heldout.tsv", language))
        gold = folder / "gold" / f"{language}-{PIVOT}.tsv"
        keys |= gold_sentences(read_gold(gold)) if gold.exists() else set()
    return keys


# Text


def write_parallel(
    folder: Path,
    train: ParallelText,
    heldout: ParallelText,
    *,
    also_tested: set[str],
    pairs: int | None,
    seed: int,
) -> dict[str, dict[str, int]]:
    """Write the parallel text of a language, without training pairs that share a sentence with the tested ones.

    Parameters
    ----------
    also_tested : set of str
        Further sentences that must not be trained on, as :func:`sentence_key` makes them.
    pairs : int, optional
        Training pairs to draw, all where there are fewer; all in their order if None.

    Returns
    -------
    dict
        What became of the pairs read, for ``"<language> parallel"`` and ``"<language> heldout"``.

    Raises
    ------
    ValueError
        If no training pair is left.
    """
    language = train.language
    train = _without(train, sentences_of(heldout) | also_tested)
    if not len(train):
        raise ValueError(f"every {language} pair shares a sentence with those tested: none is left to train on")
    if pairs is not None:
        train = sample(train, pairs, seed=seed)
    _write_pairs(folder / "parallel" / f"{language}-{PIVOT}.train.tsv", train)
    _write_pairs(folder / "parallel" / f"{language}-{PIVOT}.heldout.tsv", heldout)
    return {f"{language} parallel": train.counts, f"{language} heldout": heldout.counts}


def _without(text: ParallelText, sentences: set[str]) -> ParallelText:
    kept = [
        i
        for i, (source, pivot) in enumerate(zip(text.source, text.pivot, strict=True))
        if sentence_key(source) not in sentences and sentence_key(pivot) not in sentences
    ]
    return text.take(kept, in_test=len(text) - len(kept))


def _write_pairs(path: Path, text: ParallelText) -> None:
    rows = zip(map(" ".join, text.source), map(" ".join, text.pivot), strict=True)
    path.write_text(
        f"{text.language}\t{PIVOT}\n" + "".join(f"{source}\t{pivot}\n" for source, pivot in rows),
        encoding="utf-8",
    )


def write_text_sides(
    folder: Path,
    pairs: Mapping[str, Sequence[tuple[str, str]]],
    tested: set[str],
    *,
    pivot_share: float,
    seed: int,
) -> dict[str, int]:
    """Write text to pretrain on: of each sentence pair one side, and of an English sentence one language.

    Parameters
    ----------
    pairs : mapping of language to pairs (source, pivot)
        Parallel text, which thereby is not parallel any more.
    tested : set of str
        Sentences to leave out, as :func:`sentence_key` makes them.
    pivot_share : float
        Probability of the English side.

    Returns
    -------
    dict
        Sentences of each language, and pairs left out: ``elsewhere`` (their English sentence is read in another
        language), ``in_test``, ``empty``.
    """
    rng = random.Random(seed)
    chosen: dict[str, dict[str, None]] = {language: {} for language in (PIVOT, *pairs)}  # ordered sets
    counts = {"elsewhere": 0, "in_test": 0, "empty": 0}
    side_of: dict[str, str] = {}  # English sentence -> the one language it is read in, translations included
    for language in sorted(pairs, key=lambda language: len(pairs[language])):  # the smallest has first choice
        for source, pivot in pairs[language]:
            side = side_of.setdefault(sentence_key(pivot), PIVOT if rng.random() < pivot_share else language)
            if side not in (PIVOT, language):
                counts["elsewhere"] += 1
                continue
            sentence = " ".join((pivot if side == PIVOT else source).split())
            if not sentence:
                counts["empty"] += 1
            elif sentence_key(sentence) in tested:
                counts["in_test"] += 1
            else:
                chosen[side][sentence] = None
    for language, sentences in chosen.items():
        (folder / "text" / f"{language}.txt").write_text("".join(f"{s}\n" for s in sentences), encoding="utf-8")
        counts[language] = len(sentences)
    return counts


# Tasks


def write_nli(
    folder: Path, languages: Sequence[str], splits: Mapping[str, tuple[str, Sequence[NliItems]]]
) -> dict[str, int]:
    """Write inference items: English ones for training and development, those of every language for the test.

    Parameters
    ----------
    splits : mapping of {"train", "dev", "test"} to (str, sequence of NliItems)
        The items of each, behind a name for messages; what was dropped is added to the counts.

    Raises
    ------
    ValueError
        If a language has no items, or a test item stands twice or not in every language.
    """
    counts = {}
    for split, (name, read) in splits.items():
        codes = [PIVOT, *languages] if split == "test" else [PIVOT]
        table = pd.concat([items.table for items in read], ignore_index=True)
        table = table[table["language"].isin(codes)]
        absent = sorted(set(codes) - set(table["language"]))
        if absent:
            raise ValueError(f"{name} has no rows in {', '.join(absent)}")
        if split == "test":
            _check_items(table, name)
        else:
            table = table.assign(pairID=range(len(table)))
        table.to_csv(folder / "nli" / f"xnli.{split}.tsv", sep="\t", index=False, quoting=csv.QUOTE_NONE)
        counts[split] = len(table)
        for dropped in ("no_consensus", "empty_side"):
            counts[f"{split} {dropped}"] = sum(items.dropped.get(dropped, 0) for items in read)
    return counts


def _check_items(table: pd.DataFrame, name: str) -> None:
    """Raise ValueError if a test item stands twice in a language, or not in each of them."""
    twice = table[table.duplicated(["language", "pairID"])]
    if len(twice):
        raise ValueError(f"{name}: pairID {twice['pairID'].iloc[0]} stands twice in {twice['language'].iloc[0]}")
    languages, counts = table["language"].unique(), table["pairID"].value_counts()
    alone = counts[counts < len(languages)]
    if len(alone):
        have = table.loc[table["pairID"] == alone.index[0], "language"]
        raise ValueError(
            f"{name}: pairID {alone.index[0]} is in {', '.join(have)} but not in {', '.join({*languages} - {*have})}: "
            "an item has one pairID in all languages"
        )


def write_qa(
    folder: Path,
    languages: Sequence[str],
    train: Mapping,
    tests: Mapping[str, Mapping],
    *,
    dev_share: float,
    seed: int,
) -> dict[str, int]:
    """Write questions in SQuAD's format, whole paragraphs of the training data becoming the development set.

    Parameters
    ----------
    train : mapping
        SQuAD's JSON.
    tests : mapping of language to mapping
        The same of each language that is tested.

    Raises
    ------
    ValueError
        If a set is empty, or a question or answer faulty (:func:`otlib.data.items.read_qa`).
    """
    rng = random.Random(seed)
    splits: dict[str, list] = {"train": [], "dev": []}
    for article in train["data"]:
        for paragraph in article["paragraphs"]:
            splits["dev" if rng.random() < dev_share else "train"].append(paragraph)
    counts = {}
    for split, paragraphs in splits.items():
        if not any(paragraph["qas"] for paragraph in paragraphs):
            mend = "raise" if split == "dev" else "lower"
            raise ValueError(
                f"data.qa_train: no question is left for {split}; {mend} data.qa_dev_share, now {dev_share}"
            )
        data = {"version": "1.1", "data": [{"title": split, "paragraphs": paragraphs}]}
        counts[split] = _write_questions(folder / "qa" / f"{PIVOT}.{split}.json", data)
    for language in (PIVOT, *languages):
        path = folder / "qa" / f"{language}.test.json"
        path.unlink(missing_ok=True)  # of an earlier call
        counts[f"test {language}"] = _write_questions(path, tests[language]) if language in tests else 0
    return counts


def _write_questions(path: Path, data: Mapping) -> int:
    """Write SQuAD's JSON; the number of its questions, all of which are checked."""
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return len(read_qa(path))
