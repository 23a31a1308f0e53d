"""What a run leaves behind: its provenance and its results, in files that are whole or not there."""

import hashlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = [
    "torch",
    "transformers",
    "tokenizers",
    "accelerate",
    "POT",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
]
RESULT_COLUMNS = ["study", "method", "seed", "task", "language", "metric", "value"]


def write_run(
    folder: str | Path,
    *,
    parameters: Mapping[str, Any],
    started: datetime,
    data: Sequence[str | Path] = (),
    **more: Any,
) -> Path:
    """Write ``run.json``, the mark of a complete run: what ran, on what, where and for how long.

    Parameters
    ----------
    folder : path
        The run's folder.
    parameters : mapping
        Everything the run was given, JSON values.
    started : datetime
        When it began, with time zone.
    data : sequence of paths
        Files it read; their SHA-256 are recorded.
    **more
        Further entries, such as counts or timings.
    """
    record = {**provenance(parameters, started, data), **more}
    return write_text(Path(folder, "run.json"), json.dumps(record, indent=1, default=str) + "\n")


def provenance(parameters: Mapping[str, Any], started: datetime, data: Sequence[str | Path] = ()) -> dict:
    """What is needed to tell two runs apart; see :func:`write_run`. Memory is this process's peak, in MiB."""
    finished = datetime.now(timezone.utc)
    return {
        "parameters": dict(parameters),
        "git": _git_state(),
        "python": platform.python_version(),
        "packages": _package_versions(),
        "hardware": _hardware(),
        "data": {shown(path): _sha256(path) for path in data},
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "seconds": round((finished - started).total_seconds(), 1),
        "peak_memory_mib": _peak_memory(),
    }


def write_results(folder: str | Path, scores: pd.DataFrame, **columns: Any) -> Path:
    """Write a run's ``results.csv``: ``scores`` with constant ``columns`` added.

    Raises
    ------
    ValueError
        If a column of the results table is missing, or a value is not a number.
    """
    table = scores.assign(**columns)
    missing = [column for column in RESULT_COLUMNS if column not in table]
    if missing:
        raise ValueError(f"results for {folder} lack the column {missing[0]!r}")
    if table["value"].isna().any():
        bad = table[table["value"].isna()].iloc[0]
        raise ValueError(f"results for {folder}: {bad['metric']} of {bad['language']} is not a number")
    return write_text(Path(folder, "results.csv"), table[RESULT_COLUMNS].to_csv(index=False))


def same_settings(folder: str | Path, settings: Mapping[str, Any], data: Sequence[str | Path] = ()) -> bool:
    """Whether the training in a folder was started with these settings on these files: it may be resumed.

    Both are left in the folder's ``parameters.json`` for the next time, so this is called before training. What a run
    with other settings has left there is removed first, or else a kill, or a setting that is refused, would let the
    next call take it for the result of these.
    """
    started_with = {"settings": dict(settings), "data": {shown(path): _sha256(path) for path in data}}
    text = json.dumps(started_with, indent=1, sort_keys=True, default=str) + "\n"
    path = Path(folder, "parameters.json")
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return True
    folder = path.parent
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    results = ("run.json", "config.json", "log.jsonl", "results.csv", "predictions.csv")
    for left in [*folder.glob("links-*.txt"), *(folder / name for name in results)]:
        left.unlink(missing_ok=True)
    write_text(path, text)
    return False


def shown(path: str | Path) -> str:
    """The path from the repository's root if it lies there, which says the same on every machine."""
    path = Path(path).resolve()
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def write_text(path: Path, text: str) -> Path:
    """Write a file that is whole or, after an error, what it was before.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk.
    """
    partial = path.with_name(path.name + ".tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(text, encoding="utf-8")
            os.replace(partial, path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
    return path


@contextmanager
def writing(path: Path):
    """Turn whatever goes wrong while writing ``path`` into one ``OSError`` that names it and the mend."""
    try:
        yield
    except Exception as error:
        free = shutil.disk_usage(next(p for p in path.absolute().parents if p.exists())).free
        raise OSError(
            f"{path} could not be written ({error}; {free / 2**20:,.0f} MiB free on that disk): "
            "free some space and run again; what was complete is untouched"
        ) from error


def _git_state() -> dict | None:
    """Commit and whether tracked files differ from it; None outside a git checkout."""

    def git(*arguments):
        return subprocess.run(["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True).stdout

    try:
        return {
            "commit": git("rev-parse", "HEAD").strip(),
            "dirty": bool(git("status", "--porcelain", "-uno")),
        }
    except (OSError, subprocess.CalledProcessError):
        return None


def _package_versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def _hardware() -> dict:
    torch = sys.modules.get("torch")
    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch else []
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads() if torch else None,
        "memory_gib": round(memory / 2**30, 1),
        "gpus": gpus,
    }


def _peak_memory() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (2**20 if sys.platform == "darwin" else 2**10)


def _sha256(path: str | Path) -> str:
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()
