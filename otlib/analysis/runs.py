"""What the runs of a study say of themselves in ``run.json``. Knows no torch."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from otlib.settings import COLLAPSED


def what_ran(folder: str | Path) -> dict[str, str]:
    """What the runs in a study's folder say of themselves: how many and when, commit, versions, hardware.

    What differs between runs is told with the number of runs that have it.
    """
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path(folder).glob("**/run.json"))]
    if not records:
        return {"runs": "none"}
    first, last = min(record["started"] for record in records), max(record["finished"] for record in records)
    packages = {name: None for record in records for name in record["packages"]}
    versions = [f"{name} {_counted(record['packages'].get(name) for record in records)}" for name in packages]
    return {
        "runs": f"{len(records)}, from {first} to {last}",
        "commit": _counted(_commit(record["git"]) for record in records),
        "Python": _counted(record["python"] for record in records),
        "packages": ", ".join(versions),
        "hardware": _counted(_machine(record["hardware"]) for record in records),
    }


def made(record: Mapping) -> dict[str, str]:
    """When a page was made, and by which commit, of the record of :func:`otlib.record.provenance`."""
    return {"this page": f"{record['finished']}, at commit {_commit(record['git'])}"}


def _counted(values: Iterable[str | None]) -> str:
    """The one value of all runs, or each with the number of runs that have it."""
    counts = Counter(value or "none" for value in values)
    return next(iter(counts)) if len(counts) == 1 else "; ".join(f"{value} ({n} runs)" for value, n in counts.items())


def _commit(git: Mapping | None) -> str:
    return "not in a git checkout" if not git else git["commit"][:12] + ", with changes of its own" * git["dirty"]


def _machine(hardware: Mapping) -> str:
    gpus = ", ".join(f"{n} x {name}" for name, n in Counter(hardware["gpus"]).items()) or "no GPU"
    return f"{hardware['platform']}, {hardware['cpus']} cores, {hardware['memory_gib']} GiB of memory, {gpus}"


def time_and_memory(folder: str | Path) -> pd.DataFrame:
    """What the runs in a study's folder say of themselves in ``run.json``: a row for each part of the study.

    Columns ``runs``, ``minutes`` (of all runs added up) and ``peak memory (GiB)`` (the highest of a run).
    """
    memory = "peak memory (GiB)"
    spent = []
    for path in sorted(Path(folder).glob("**/run.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        part = path.relative_to(folder).parts[0]
        spent.append((part, path, record["seconds"] / 60, record["peak_memory_mib"] / 1024))
    parts = pd.DataFrame(spent, columns=["part", "runs", "minutes", memory]).groupby("part", sort=False)
    return parts.agg({"runs": "count", "minutes": "sum", memory: "max"})


def collapsed_in_words(folders: Mapping[tuple[str, int], Path]) -> str:
    """The alignments, folders by method and seed, that left little of the spread of English words, by ``run.json``."""
    marks = {run: folder / "run.json" for run, folder in folders.items()}
    records = {run: json.loads(mark.read_text(encoding="utf-8")) for run, mark in marks.items() if mark.exists()}
    left = {run: record.get("spread_left") for run, record in records.items()}  # runs of older versions say nothing
    return ", ".join(
        f"{method} seed {seed} ({100 * share:.0f} % of the spread left)"
        for (method, seed), share in left.items()
        if share is not None and share < COLLAPSED
    )
