"""The results of a study's runs as one table, and what they answered to each item."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from otlib.record import read_csv, write_csv
from otlib.study.checks import ROTATION
from otlib.study.study import Study

__all__ = ["ROTATION", "collect_results", "load_predictions"]


def collect_results(study: Study) -> pd.DataFrame:
    """The results of the study so far, one tidy table, also written to its ``results.csv``.

    What earlier parameters left in the folder, say a method since removed, is not read. Beside the methods stands
    the reference ``"rotation"`` of notebook 30.
    """
    folders = [study.task_folder(task, *run) for task in study.tasks for run in study.method_runs]
    folders += [study.pair_folder(language) for language in study.languages]
    tables = [read_csv(path) for folder in folders if (path := folder / "results.csv").exists()]
    if not tables:
        raise FileNotFoundError(f"no results in {study.folder} yet: run {study.command} first")
    table = pd.concat(tables, ignore_index=True)
    table = table[table["method"].isin([*study.methods, ROTATION]) & table["seed"].isin(study.seeds)]
    write_csv(study.folder / "results.csv", table)
    return table.reset_index(drop=True)


def load_predictions(study: Study) -> dict[str, pd.DataFrame]:
    """What every run so far answered to each test item, by task: ``language, item``, metrics, ``method, seed``.

    The metrics, ``accuracy`` or ``f1`` and ``exact_match``, go from 0 to 100; those of a language are means of them.
    """
    tables: dict[str, list[pd.DataFrame]] = {task: [] for task in study.tasks}
    for task, read in tables.items():
        for method, seed in study.method_runs:
            path = study.task_folder(task, method, seed) / "predictions.csv"
            if path.exists():
                read.append(_item_scores(task, path).assign(method=method, seed=seed))
    return {task: pd.concat(read, ignore_index=True) for task, read in tables.items() if read}


def _item_scores(task: str, path: Path) -> pd.DataFrame:
    name = {"nli": "pairID", "qa": "id"}[task]
    table = read_csv(path)
    if task == "nli":
        scores = {"accuracy": (table["gold"] == table["predicted"]) * 100.0}
    else:
        scores = {metric: table[metric] * 100 for metric in ("f1", "exact_match")}
    return pd.DataFrame({"language": table["language"], "item": table[name], **scores})
