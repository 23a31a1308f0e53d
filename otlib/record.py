"""What a run leaves behind: its provenance and its results, in files that are whole or not there."""

import errno
import json
import os
import platform
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd

from otlib.provenance import (
    ROOT,
    changed_weights,
    file_hash,
    git_state,
    hardware,
    hashes,
    input_hash,
    package_versions,
    peak_memory,
    weights,
)

RESULT_COLUMNS = ["study", "method", "seed", "task", "language", "metric", "value"]
NUMBERS = {"seed": int, "value": float, "f1": float, "exact_match": float}  # all other columns that are read are text


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
        "git": git_state(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "hardware": hardware(),
        "data": {shown(path): file_hash(path) for path in data},
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "seconds": round((finished - started).total_seconds(), 1),
        "peak_memory_mib": peak_memory(),
    }


def write_results(folder: str | Path, scores: pd.DataFrame, **columns: Any) -> Path:
    """Write a run's ``results.csv``: ``scores`` with constant ``columns`` added.

    Raises
    ------
    ValueError
        If a column of the results table is missing, or a value is not a number.
    """
    table = scores.assign(**columns)
    if missing := [column for column in RESULT_COLUMNS if column not in table]:
        raise ValueError(f"results for {folder} lack the column {missing[0]!r}")
    if len(bad := table.loc[table["value"].isna(), ["metric", "language"]]):
        raise ValueError(f"results for {folder}: {' of '.join(bad.iloc[0])} is not a number")
    return write_csv(Path(folder, "results.csv"), table[RESULT_COLUMNS])


# --- a run from its beginning to its end --------------------------------------------------------------------

LEFT_BY_A_RUN = ["checkpoint*", "run.json", "config.json", "log.jsonl", "text.json", "results.csv", "predictions.csv"]
LEFT_BY_A_RUN += ["links", "tensorboard"]


@dataclass
class Run:
    """A run that has begun; made by :func:`running`.

    Attributes
    ----------
    folder : Path
        Where it writes.
    parameters : dict
        Everything it is given, defaults included; JSON values.
    inputs : list of Path
        The files it reads.
    columns : dict
        Columns of the results table that are the same in all of its rows.
    resumes : bool
        Whether a run with the same parameters and inputs was begun here: training goes on from its last checkpoint.
    encoder : str or Path, optional
        Folder or hub name of the encoder that a training starts from.
    """

    folder: Path
    parameters: dict[str, Any]
    inputs: list[Path]
    columns: dict[str, Any]
    resumes: bool
    encoder: str | Path | None = None
    started: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    finished: bool = False

    def finish(self, results: pd.DataFrame | None = None, predictions: pd.DataFrame | None = None, **more: Any) -> Path:
        """Write what came out, ``run.json`` last, and drop the checkpoints.

        ``run.json`` names the weights that the run ``started_from``, and the ``weights`` that it has left.

        Parameters
        ----------
        results : DataFrame, optional
            Rows of ``results.csv`` without the run's constant columns.
        predictions : DataFrame, optional
            What was answered to each item, for ``predictions.csv``.
        **more
            Further entries of ``run.json``, such as counts.

        Raises
        ------
        ValueError
            If a column of the results table is missing, or a value is not a number.
        """
        if self.finished and results is None:  # a new record would make all that was made of the encoder out of date
            return self.folder / "run.json"
        if predictions is not None:
            write_csv(self.folder / "predictions.csv", predictions)
        if results is not None:
            write_results(self.folder, results, **self.columns)
        if self.encoder is not None:
            more["started_from"] = hashes(weights(self.encoder))
        if left := weights(self.folder):
            more["weights"] = left
        path = write_run(self.folder, parameters=self.parameters, started=self.started, data=self.inputs, **more)
        remove(self.folder / "checkpoint")
        self.finished = True
        return path


@contextmanager
def running(
    folder: str | Path,
    parameters: Mapping[str, Any],
    inputs: Sequence[str | Path] = (),
    columns: Mapping[str, Any] | None = None,
    encoder: str | Path | None = None,
) -> Iterator[Run]:
    """Begin a run in a folder, say whether it resumes, and see that it is finished.

    ``with running(...) as run:`` trains or measures and ends with ``run.finish(...)``. An error leaves the checkpoints,
    so that the same call goes on. The arguments are those of :class:`Run`.

    Raises
    ------
    RuntimeError
        If the block ends without ``run.finish(...)``.
    FileNotFoundError, ValueError
        If an input is not there, or is not what it was (:func:`begin`).
    """
    folder = Path(folder)
    reason = begin(folder, parameters, inputs)
    names = [path.parent.name.removeprefix("step-") for path in (folder / "checkpoint").glob("step-*/manifest.json")]
    found = [int(name) for name in names if name.isdecimal()]
    news = f"goes on from step {max(found)}" if found else f"begins, {reason}" if reason else "begins again"
    if done := all(any(folder.glob(name)) for name in ("run.json", "config.json", "*.safetensors")):
        news = "was trained before and is shown as it is; to train anew, remove this folder"
    print(f"{shown(folder)}: {news}")
    constant = dict(columns or {})
    run = Run(folder, dict(parameters), list(map(Path, inputs)), constant, reason is None, encoder, finished=done)
    yield run
    if not run.finished:
        raise RuntimeError(f"the run in {shown(folder)} ended without a result: end its with block by run.finish(...)")


def begin(
    folder: str | Path,
    parameters: Mapping[str, Any],
    inputs: Sequence[str | Path] = (),
    *,
    left: Sequence[str] = LEFT_BY_A_RUN,
) -> str | None:
    """Leave in a folder what a run is given, and remove what a run with other parameters or inputs has left there.

    If they stayed, and the new run were killed or refused a parameter, the next call would take the old result for the
    new one. What the run is given stands in ``parameters.json``.

    Parameters
    ----------
    folder, parameters, inputs
        As in :class:`Run`.
    left : sequence of str
        Patterns of the files and folders that are removed.

    Returns
    -------
    str or None
        Why nothing that was there can be used, such as ``"for steps was 300 and is 600"``; None if the same run was
        begun here before, which may be resumed.

    Raises
    ------
    FileNotFoundError
        If an input is not there; says how to make it.
    ValueError
        If an input is the ``run.json`` of an encoder, and the weights beside it are others than it says.
    """
    folder = Path(folder)
    if absent := [path for path in inputs if not Path(path).exists()]:
        raise FileNotFoundError(f"{shown(absent[0])} is not there: run the notebooks before it first (make study)")
    for path in inputs:
        if changed := _changed(path):
            made = f"{shown(Path(path).parent)}: {changed} since it was made"
            raise ValueError(f"{made}: run the study again, which makes it anew, or bring the file back")
    path, given = folder / "parameters.json", _given(parameters, inputs, input_hash)
    reason = _difference(path, given)
    if reason and _difference(path, _given(parameters, inputs, file_hash)) is None:  # as versions before wrote it
        reason = None
    if reason is None and (changed := _changed(folder / "run.json")):
        reason = f"for {changed}"
    if reason is None:
        return None
    for old in [old for pattern in left for old in folder.glob(pattern)]:
        remove(old)
    write_text(path, json.dumps(given, indent=1, sort_keys=True) + "\n")
    return reason


def _given(parameters: Mapping[str, Any], inputs: Sequence[str | Path], content: Callable) -> dict[str, Any]:
    given = {"parameters": dict(parameters), "data": {shown(path): content(path) for path in inputs}}
    return json.loads(json.dumps(given, sort_keys=True, default=str))


def _changed(mark: str | Path) -> str | None:
    """How weights differ from what the ``run.json`` beside them says; None if they do not."""
    name = changed_weights(mark) if Path(mark).name == "run.json" else None
    return name and f"{name} has changed"


def _difference(path: Path, given: Mapping[str, Mapping[str, Any]]) -> str | None:
    """How what a run is given differs from what is written in ``path``; None if it does not."""
    if not path.exists():
        return "for it was not run before"
    before = None
    with suppress(ValueError):
        before = json.loads(path.read_text(encoding="utf-8"))
    if before == given:
        return None
    if not isinstance(before, dict):  # as after a power cut
        return "for its parameters.json is damaged"
    for part in ("parameters", "data"):
        old, new = before.get(part, {}), given[part]
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                change = "has changed" if part == "data" else f"was {old.get(name)} and is {new.get(name)}"
                return f"for {name} {change}"
    return "for it was run by another version"


# --- files that are whole -----------------------------------------------------------------------------------


def shown(path: str | Path) -> str:
    """The path from the repository's root if it lies there, which says the same on every machine."""
    path = Path(path).resolve()
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def first_line(message: object) -> str:
    """What an error says, for a line of its own: the first line of its message in which something is seen."""
    lines = map(str.strip, re.sub(r"\x1b\[[\d;]*m", "", str(message)).splitlines())  # without colours
    return next((line for line in lines if any(map(str.isprintable, line))), "it gives no reason")


def write_text(path: Path, text: str) -> Path:
    """Write a file that is whole or, after an error, a kill or a power cut, what it was before.

    Raises
    ------
    OSError
        If it cannot be written, as on a full disk.
    """
    partial = path.with_name(path.name + ".tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(text.encode("utf-8", "surrogatepass"))
            sync(partial)
            os.replace(partial, path)
            sync(path.parent)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
    return path


def sync(path: Path) -> None:
    """Wait until the disk has what was written to a file, or the names of the files in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that has no such thing for folders
            raise
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file, or a folder, of which a kill leaves all or nothing under its name."""
    if path.is_dir() and not path.is_symlink():
        old = path.with_name(f"{path.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(path, old)
        shutil.rmtree(old, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_csv(path: str | Path, table: pd.DataFrame) -> Path:
    """Write a table as CSV, so that :func:`read_csv` gives back its text; a missing value is an empty field.

    As pandas does, but for a lone carriage return, which the ``csv`` module of most Pythons leaves unquoted, so that
    it ends the row, and NUL, which that of Python 3.10 refuses.
    """
    rows = [table.columns, *table.itertuples(index=False, name=None)]
    return write_text(Path(path), "".join(",".join(map(_field, row)) + "\n" for row in rows))


def _field(value: Any) -> str:
    text = "" if pd.isna(value) else str(value)
    return '"' + text.replace('"', '""') + '"' if re.search('[",\r\n\0]', text) else text


def read_csv(path: str | Path) -> pd.DataFrame:
    """Read ``results.csv`` or ``predictions.csv``: ``seed``, ``value`` and scores are numbers, all else is text.

    Text stays what it was: ``NA`` is no missing value, ``007`` no number.

    Raises
    ------
    ValueError
        If the file is damaged, as by an older version's lone carriage returns; names it and the mend.
    """
    whole = {"keep_default_na": False, "skip_blank_lines": False, "encoding_errors": "surrogatepass"}
    try:
        table = pd.read_csv(path, dtype=object, **whole)
        if not isinstance(table.index, pd.RangeIndex):  # pandas takes what goes beyond the header for an index
            raise ValueError("rows are longer than the header")
        table = table.astype({column: kind for column, kind in NUMBERS.items() if column in table})
    except ValueError as error:
        said = f"{shown(path)} is damaged ({' '.join(str(error).split())})"
        raise ValueError(f"{said}: remove the folder that it lies in and run the study again, by make study") from error
    with suppress(UnicodeError):  # half a surrogate pair stays a Python string
        table = table.infer_objects()
    return table


PLACE = (PermissionError, NotADirectoryError, IsADirectoryError, FileExistsError, FileNotFoundError)  # no want of room


@contextmanager
def writing(path: Path):
    """Turn whatever goes wrong while writing ``path`` into one ``OSError`` that names it and the mend."""
    try:
        yield
    except Exception as error:
        free = shutil.disk_usage(next(p for p in path.absolute().parents if p.exists())).free
        mend = "nothing may be written there" if isinstance(error, PLACE) else "free some space and run again"
        raise OSError(
            f"{path} could not be written ({first_line(error)}; {free / 2**20:,.0f} MiB free on that disk): "
            f"{mend}; what was complete is untouched"
        ) from error
