"""The results of a study's runs as one table, and what they answered to each item."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from otlib.analysis.intervals import ratio_scores
from otlib.analysis.statistics import SENTENCE_PARTS
from otlib.data.items import LABELS, read_nli, read_qa
from otlib.record import read_csv, shown, write_csv
from otlib.settings import PIVOT, NotMadeYet
from otlib.study.checks import ROTATION
from otlib.study.study import Study
from otlib.tasks import nli, overlap, qa
from otlib.tasks.overlap import OVERLAP_RULE

__all__ = ["OVERLAP_RULE", "ROTATION", "collect_results", "load_predictions", "not_in"]


def collect_results(study: Study) -> pd.DataFrame:
    """The results of the study so far, one tidy table, also written to its ``results.csv``.

    What earlier parameters left in the folder, say a method since removed, is not read. Beside the methods stand two
    references, the ``"rotation"`` of notebook 30 and the ``"overlap rule"`` of :mod:`otlib.tasks.overlap`.
    """
    folders = [study.task_folder(task, *run) for task in study.tasks for run in study.runs_of(task)]
    folders += [study.pair_folder(language) for language in study.languages]
    tables = [read_csv(path) for folder in folders if (path := folder / "results.csv").exists()]
    if not tables:
        raise NotMadeYet(f"{shown(study.folder)} has no results yet: run {study.command} first")
    of_rule = {"study": study.name, "method": OVERLAP_RULE}
    tables += [scores.assign(seed=seed, **of_rule) for scores in _overlap_scores(study) for seed in study.seeds]
    table = pd.concat(tables, ignore_index=True)
    table = table[table["method"].isin([*study.methods, ROTATION, OVERLAP_RULE]) & table["seed"].isin(study.seeds)]
    write_csv(study.folder / "results.csv", table)
    return table.reset_index(drop=True)


def not_in(study: Study, results: pd.DataFrame) -> list[str]:
    """What :func:`collect_results` did not find: runs (``Study.missing``), and encoders that a pair was without."""
    looked_at = results[~results["task"].isin(study.tasks)]
    there = {*looked_at[["language", "method", "seed"]].itertuples(index=False, name=None)}
    pairs = [language for language in study.languages if (study.pair_folder(language) / "results.csv").exists()]
    return study.missing() + [
        f"pair {language} of {method} seed {seed}"
        for language in pairs
        for method, seed in study.runs_of("pair")
        if (language, method, seed) not in there
    ]


def _overlap_scores(study: Study) -> list[pd.DataFrame]:
    """What rules that know no word score on the study's own test items, as far as there are any."""
    tables = []
    if "nli" in study.tasks and study.nli_data("test").exists():
        train, test = (read_nli(study.nli_data(split)).table for split in ("train", "test"))
        test = test[test["language"].isin([PIVOT, *study.tested])]
        tables.append(nli.score(overlap.nli_rule(train, test)).assign(task="nli"))
    if "qa" in study.tasks and study.qa_data(PIVOT, "test").exists():
        tests = {code: read_qa(study.qa_data(code, "test")) for code in (PIVOT, *study.languages_with("qa"))}
        tables.append(qa.score(overlap.qa_rule(read_qa(study.qa_data(PIVOT, "train")), tests)).assign(task="qa"))
    return tables


def load_predictions(study: Study) -> dict[str, pd.DataFrame]:
    """What every run so far answered to each test item, by task, for :func:`otlib.analysis.statistics.summarise`.

    Columns are ``language, item, cluster``, the metrics of the task, ``method, seed``. The metrics go from 0 to 100;
    what a run scored in a language is the mean of them. Where this is a ratio of sums over the items (macro-F1, word
    retrieval, error rates), an item's score is as of :func:`otlib.analysis.intervals.ratio_scores`. Items with the same
    ``cluster`` (a premise, an article, an English sentence) depend on one another.
    """
    tables: dict[str, list[pd.DataFrame]] = {}
    for task in study.tasks:
        for method, seed in study.runs_of(task):
            path = study.task_folder(task, method, seed) / "predictions.csv"
            if path.exists():
                tables.setdefault(task, []).append(_item_scores(task, path).assign(method=method, seed=seed))
    for language in study.languages:
        path = study.pair_folder(language) / "predictions.csv"
        for task, scores in _sentence_scores(path) if path.exists() else ():
            known = scores["method"].isin([*study.methods, ROTATION]) & scores["seed"].isin(study.seeds)
            tables.setdefault(task, []).append(scores[known].assign(language=language))
    return {task: pd.concat(read, ignore_index=True) for task, read in tables.items()}


def _item_scores(task: str, path: Path) -> pd.DataFrame:
    table = read_csv(path)
    name = table[{"nli": "pairID", "qa": "id"}[task]]
    if task == "nli":
        by_language = [_inference_scores(*one) for one in table.groupby("language", sort=False)[["gold", "predicted"]]]
        scores = pd.concat(by_language).reindex(table.index)
    else:
        scores = table[["f1", "exact_match"]] * 100
    cluster = table.get("cluster", name)  # runs of older versions have none
    return table[["language"]].assign(item=name, cluster=cluster.where(cluster != "", name)).join(scores)


def _inference_scores(language: str, answers: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and macro-F1 of each item: the F1 of a label is a share of the times that it is given."""
    gold, predicted = ({label: answers[side] == label for label in LABELS} for side in ("gold", "predicted"))
    f1 = [ratio_scores(2 * (gold[one] & predicted[one]), gold[one] * 1 + predicted[one]) for one in LABELS]
    accuracy = (answers["gold"] == answers["predicted"]) * 100.0
    return pd.DataFrame({"accuracy": accuracy, "macro_f1": 100 * np.mean(f1, axis=0)}, index=answers.index)


def _sentence_scores(path: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each measure's task with the scores of sentences, of all methods and seeds of a language pair."""
    table = read_csv(path)
    names = [name for metrics in SENTENCE_PARTS.values() for parts in metrics.values() for name in parts]
    counts = [column for name in names for column in (name, f"{name}_of") if name in table]
    try:
        table = table.assign(**{column: pd.to_numeric(table[column]) for column in counts})
    except (KeyError, ValueError) as error:
        said = f"{shown(path)} is damaged ({error}): remove the folder that it lies in"
        raise ValueError(f"{said} and run the study again, by make study") from error
    for (method, seed), run in table.groupby(["method", "seed"], sort=False):
        for task, metrics in SENTENCE_PARTS.items():
            sentences, scores = run[["item"]], {}
            for metric, parts in metrics.items():
                if parts[0] in run and (rows := run.dropna(subset=parts)).size:
                    rates = [ratio_scores(rows[part], rows[f"{part}_of"]) for part in parts]
                    scores[metric] = pd.Series(100 * np.mean(rates, axis=0), rows.index)
            if scores:
                yield task, sentences.assign(cluster=run["item"], method=method, seed=seed, **scores).dropna()
