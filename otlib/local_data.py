"""Lay out corpora and benchmarks that are already on disk as a study's ``data/`` folder.

The micro-world writes the same layout from its own grammar, so everything after this step is one code path.
Words are split here, once: the parallel files written hold words separated by blanks.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from otlib.corpora import (
    GoldPair,
    ParallelText,
    read_gold,
    read_lines,
    read_parallel,
    read_table,
    sample,
    split_heldout,
)
from otlib.nli import read_nli
from otlib.parameters import PIVOT
from otlib.qa import read_qa


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
    unseen: Sequence[str] = (),
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
        Sentence pairs to draw from every language, all of a smaller one; all in their order if None.
    qa_dev_share : float
        Part of the ``qa_train`` paragraphs that becomes the English development set.
    unseen : sequence of str
        Languages that are tested and have no parallel text.

    Returns
    -------
    dict
        Per file written, what was kept and what was dropped and why.

    Raises
    ------
    FileNotFoundError, ValueError
        If a file is missing or malformed; names file and line.
    """
    folder = make_folders(folder)
    gold = gold or {}
    counts: dict[str, dict[str, int]] = {}
    tested: set[str] = set()
    for language in languages:
        train = read_parallel(_path(parallel, language), language, words=words, max_words=max_words)
        if retrieval is None:
            train, heldout = split_heldout(train, heldout_pairs, seed=seed)
        else:
            heldout = read_parallel(_path(retrieval, language), language, words=words, max_words=max_words)
        sentences = set()
        if language in gold:
            pairs = read_gold(gold[language])
            _write_gold(folder / "gold" / f"{language}-{PIVOT}.tsv", pairs)
            sentences = {_key(side) for pair in pairs for side in (pair.en, pair.other)}
        counts |= write_parallel(folder, train, heldout, also_tested=sentences, pairs=parallel_pairs, seed=seed)
        tested |= sentences | _sentences(heldout)
    if text is not None:
        files = {language: _path(text, language) for language in languages}
        counts["text"] = _write_text(folder / "text", files, tested, pivot_share=pivot_share, seed=seed)
    if nli_test is not None:
        splits = {"train": nli_train, "dev": nli_dev, "test": [nli_test]}
        tables = {split: (", ".join(paths), [read_nli(path) for path in paths]) for split, paths in splits.items()}
        counts["nli"] = write_nli(folder, [*languages, *unseen], tables)
    if qa_test is not None:
        paths = {language: Path(_path(qa_test, language)) for language in (PIVOT, *languages, *unseen)}
        if not paths[PIVOT].exists():
            raise ValueError(f"data.qa_test: there is no English file {paths[PIVOT]}; the tests need one")
        tests = {language: read_squad(path) for language, path in paths.items() if path.exists()}
        counts["qa"] = write_qa(
            folder, [*languages, *unseen], read_squad(qa_train), tests, dev_share=qa_dev_share, seed=seed
        )
    return counts


def make_folders(folder: str | Path) -> Path:
    """Make the folders of a study's data."""
    for part in ("parallel", "gold", "text", "nli", "qa"):
        Path(folder, part).mkdir(parents=True, exist_ok=True)
    return Path(folder)


def write_parallel(
    folder: Path,
    train: ParallelText,
    heldout: ParallelText,
    *,
    also_tested: set[str] = frozenset(),
    pairs: int | None = None,
    seed: int = 0,
) -> dict[str, dict[str, int]]:
    """Write the parallel text of a language, without training pairs that share a sentence with the tested ones.

    Parameters
    ----------
    also_tested : set of str
        Further sentences that must not be trained on, as :func:`_key` makes them.
    pairs : int, optional
        Training pairs to draw, all where there are fewer; all in their order if None.

    Returns
    -------
    dict
        What became of the pairs read, for ``"<language> parallel"`` and ``"<language> heldout"``.
    """
    language = train.language
    train = _without(train, _sentences(heldout) | also_tested)
    if not len(train):
        raise ValueError(f"every {language} pair shares a sentence with those tested: none is left to train on")
    if pairs is not None:
        train = sample(train, pairs, seed=seed)
    _write_pairs(folder / "parallel" / f"{language}-{PIVOT}.train.tsv", train)
    _write_pairs(folder / "parallel" / f"{language}-{PIVOT}.heldout.tsv", heldout)
    return {f"{language} parallel": train.counts, f"{language} heldout": heldout.counts}


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


def _write_gold(path: Path, pairs: Sequence[GoldPair]) -> None:
    rows = ["en\tother\tsure\tpossible"]
    for pair in pairs:
        links = (" ".join(f"{i}-{j}" for i, j in sorted(some)) for some in (pair.sure, pair.possible - pair.sure))
        rows.append("\t".join([" ".join(pair.en), " ".join(pair.other), *links]))
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


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


def write_nli(
    folder: Path, languages: Sequence[str], splits: Mapping[str, tuple[str, Sequence[pd.DataFrame]]]
) -> dict[str, int]:
    """Write inference items: English ones for training and development, those of every language for the test.

    Parameters
    ----------
    splits : mapping of {"train", "dev", "test"} to (str, sequence of DataFrame)
        A name of the source for messages, and tables as from :func:`otlib.nli.read_nli`; what their ``attrs``
        count is added to the counts.

    Raises
    ------
    ValueError
        If a language has no items.
    """
    counts = {}
    for split, (name, tables) in splits.items():
        codes = [PIVOT, *languages] if split == "test" else [PIVOT]
        table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame({"language": []})
        table = table[table["language"].isin(codes)]
        absent = sorted(set(codes) - set(table["language"]))
        if absent:
            raise ValueError(f"{name or f'nli_{split}'} has no rows in {', '.join(absent)}")
        if split == "test":
            _check_items(table, name)
        else:
            table = table.assign(pairID=range(len(table)))
        table.to_csv(folder / "nli" / f"xnli.{split}.tsv", sep="\t", index=False, quoting=csv.QUOTE_NONE)
        counts[split] = len(table)
        for dropped in ("no_consensus", "empty_side"):
            counts[f"{split} {dropped}"] = sum(part.attrs.get(dropped, 0) for part in tables)
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


def read_squad(path: str | Path) -> dict:
    """The JSON of a file in SQuAD's format, checked by :func:`otlib.qa.read_qa`."""
    read_qa(path)
    return json.loads("\n".join(read_lines(path)))


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
    """
    rng = random.Random(seed)
    splits: dict[str, list] = {"train": [], "dev": []}
    for article in train["data"]:
        for paragraph in article["paragraphs"]:
            splits["dev" if rng.random() < dev_share else "train"].append(paragraph)
    counts = {}
    for split, paragraphs in splits.items():
        _write_json(
            folder / "qa" / f"{PIVOT}.{split}.json",
            {"version": "1.1", "data": [{"title": split, "paragraphs": paragraphs}]},
        )
        counts[split] = sum(len(paragraph["qas"]) for paragraph in paragraphs)
        if not counts[split]:
            mend = "raise" if split == "dev" else "lower"
            raise ValueError(
                f"data.qa_train: no question is left for {split}; {mend} data.qa_dev_share, now {dev_share}"
            )
    for language in (PIVOT, *languages):
        counts[f"test {language}"] = 0
        if language in tests:
            path = _write_json(folder / "qa" / f"{language}.test.json", tests[language])
            counts[f"test {language}"] = len(read_qa(path))
    return counts


def _write_json(path: Path, data: Mapping) -> Path:
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")
    return path
