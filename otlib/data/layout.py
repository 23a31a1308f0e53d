"""Write a study's ``data`` folder: parallel text without what is tested, text to pretrain on, items of the tasks.

The embedded world (:mod:`otlib.data.microworld`) writes the same files, so that what comes after is the same for both.
"""

import json
import random
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from otlib.data.files import write_lines, write_table
from otlib.data.items import COLUMNS, NliItems, read_qa
from otlib.data.text import GoldPair, ParallelText, is_seen, read_gold, read_prepared, sample
from otlib.settings import PIVOT, CorporaData


def make_folders(folder: str | Path) -> Path:
    """Make the folders of a study's data."""
    for part in ("parallel", "gold", "text", "nli", "qa"):
        Path(folder, part).mkdir(parents=True, exist_ok=True)
    return Path(folder)


def sentence_key(words: Iterable[str]) -> str:
    """What two writings of a sentence have in common: its letters, marks and numbers, without case.

    Blanks, invisible characters, punctuation and symbols do not count, nor does the form in Unicode (composed,
    decomposed, full width), nor whether an i has a dot (Turkish). A sentence of punctuation and symbols only is known
    by these.
    """
    text = unicodedata.normalize("NFD", "".join(words))
    key = "".join(map(_letters, text)) or "".join(map(_folded, text))
    return unicodedata.normalize("NFC", key).replace("i\u0307", "i").replace("\u0131", "i")


@cache
def _folded(character: str) -> str:
    """A character in compatibility form, without case (Unicode's compatibility caseless match); nothing if unseen."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    return "".join(filter(is_seen, folded))


@cache
def _letters(character: str) -> str:
    if unicodedata.decomposition(character).startswith("<compat> 0020"):  # such as an acute accent for an apostrophe
        return ""
    return "".join(part for part in _folded(character) if unicodedata.category(part)[0] in "LMN")


def sentences_of(text: ParallelText) -> set[str]:
    """The keys of all sentences, of both sides."""
    return set(map(sentence_key, text.source)) | set(map(sentence_key, text.pivot))


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


def write_parallel(
    folder: Path, train: ParallelText, heldout: ParallelText, data: CorporaData, *, also_tested: set[str]
) -> dict[str, dict[str, int]]:
    """Write the parallel text of a language; what became of its pairs.

    No training pair shares a sentence with those that are tested: ``heldout``, and the keys ``also_tested``. If none is
    left, ``ValueError`` says so.
    """
    language, tested = train.language, sentences_of(heldout) | also_tested
    sides = enumerate(zip(train.source, train.pivot, strict=True))
    kept = [i for i, pair in sides if tested.isdisjoint(map(sentence_key, pair))]
    if not kept:
        raise ValueError(f"every {language} pair shares a sentence with those tested: none is left to train on")
    train = train.take(kept, in_test=len(train) - len(kept))
    if data.parallel_pairs is not None:
        train = sample(train, data.parallel_pairs, seed=data.seed)
    for split, text in (("train", train), ("heldout", heldout)):
        rows = zip(map(" ".join, text.source), map(" ".join, text.pivot), strict=True)
        write_table(folder / "parallel" / f"{language}-{PIVOT}.{split}.tsv", (language, PIVOT), rows)
    return {f"{language} parallel": train.counts, f"{language} heldout": heldout.counts}


def write_text_sides(
    folder: Path, pairs: Mapping[str, Sequence[tuple[str, str]]], data: CorporaData, *, tested: set[str]
) -> dict[str, int]:
    """Write text to pretrain on: of each sentence pair one side, and of an English sentence one language.

    ``pairs`` are those (source, pivot) of each language; they are not parallel any more. Counted are the sentences of
    each language, and the pairs left out: ``elsewhere`` (their English sentence is read in another language),
    ``in_test`` (their key is among those ``tested``), ``empty``.
    """
    rng = random.Random(data.seed)
    chosen: dict[str, dict[str, None]] = {language: {} for language in (PIVOT, *pairs)}  # ordered sets
    counts = {"elsewhere": 0, "in_test": 0, "empty": 0}
    side_of: dict[str, str] = {}  # English sentence -> the one language it is read in, translations included
    for language in sorted(pairs, key=lambda language: len(pairs[language])):  # the smallest has first choice
        for source, pivot in pairs[language]:
            key = sentence_key(pivot) or f"{language} {source}"  # without English a pair is like no other
            side = side_of.setdefault(key, PIVOT if rng.random() < data.pivot_share else language)
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
        write_lines(folder / "text" / f"{language}.txt", sentences)
        counts[language] = len(sentences)
    return counts


def write_nli(
    folder: Path, languages: Mapping[str, Sequence[str]], splits: Mapping[str, tuple[str, Sequence[NliItems]]]
) -> dict[str, int]:
    """Write the inference items of each split in English and the other ``languages`` of that split.

    ``splits`` has those of ``train``, ``dev`` and ``test``, behind a name for messages. ``ValueError`` if a language
    has no items, or a test item stands twice or not in every language.
    """
    counts = {}
    for split, (name, read) in splits.items():
        codes = [PIVOT, *languages[split]]
        table = pd.concat([items.table for items in read], ignore_index=True)
        table = table[table["language"].isin(codes)]
        absent = sorted(set(codes) - set(table["language"]))
        if absent:
            mend = ", which a method taught by translations needs" if split == "train" and PIVOT not in absent else ""
            raise ValueError(f"{name} has no rows in {', '.join(absent)}{mend}")
        if split == "test":
            _check_items(table, name)
        else:
            table = table.assign(pairID=range(len(table)))
        write_table(folder / "nli" / f"xnli.{split}.tsv", COLUMNS, table[COLUMNS].astype(str).to_numpy().tolist())
        counts[split] = len(table)
        for why in ("no_consensus", "empty_side"):
            counts[f"{split} {why}"] = sum(items.dropped.get(why, 0) for items in read)
    return counts


def _check_items(table: pd.DataFrame, name: str) -> None:
    twice = table[table.duplicated(["language", "pairID"])]
    if len(twice):
        raise ValueError(f"{name}: pairID {twice['pairID'].iloc[0]} stands twice in {twice['language'].iloc[0]}")
    languages, counts = table["language"].unique(), table["pairID"].value_counts()
    alone = counts[counts < len(languages)]
    if len(alone):
        have = table.loc[table["pairID"] == alone.index[0], "language"]
        said = f"is in {', '.join(have)} but not in {', '.join(sorted({*languages} - {*have}))}"
        raise ValueError(f"{name}: pairID {alone.index[0]} {said}: an item has one pairID in all languages")


def write_qa(
    folder: Path, languages: Sequence[str], train: Mapping, tests: Mapping[str, Mapping], data: CorporaData
) -> dict[str, int]:
    """Write questions, given as SQuAD's JSON; some of the training paragraphs become the development set.

    ``ValueError`` if a set is empty, or a question or answer faulty (:func:`otlib.data.items.read_qa`).
    """
    rng = random.Random(data.seed)
    splits: dict[str, list] = {"train": [], "dev": []}
    for article in train["data"]:
        for paragraph in article["paragraphs"]:
            splits["dev" if rng.random() < data.qa_dev_share else "train"].append(paragraph)
    counts = {}
    for split, paragraphs in splits.items():
        if not any(paragraph["qas"] for paragraph in paragraphs):
            mend = f"{'raise' if split == 'dev' else 'lower'} data.qa_dev_share, now {data.qa_dev_share}"
            raise ValueError(f"data.qa_train: no question is left for {split}; {mend}")
        questions = {"version": "1.1", "data": [{"title": split, "paragraphs": paragraphs}]}
        counts[split] = _write_questions(folder / "qa" / f"{PIVOT}.{split}.json", questions)
    for language in (PIVOT, *languages):
        path = folder / "qa" / f"{language}.test.json"
        path.unlink(missing_ok=True)  # of an earlier call
        counts[f"test {language}"] = _write_questions(path, tests[language]) if language in tests else 0
    return counts


def _write_questions(path: Path, questions: Mapping) -> int:
    """Write SQuAD's JSON; the number of its questions, all of which are checked."""
    # Half a character, in what nothing reads, is written as an escape of JSON.
    path.write_text(json.dumps(questions, ensure_ascii=False), encoding="utf-8", errors="backslashreplace")
    return len(read_qa(path))
