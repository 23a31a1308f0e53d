"""The step that makes a study's data: from the micro-world, or from its corpora."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd

from otlib.provenance import sha256
from otlib.record import begin, write_run, writing
from otlib.settings import PIVOT
from otlib.study.current import sources
from otlib.study.study import Study


def make_data(study: Study) -> Path:
    """Make the study's ``data`` folder, which replaces an older one only when it is complete.

    What an earlier call with the same parameters had read of the hub before it broke off is not read again.

    Raises
    ------
    ValueError, OSError, ImportError
        If a corpus cannot be read, a package is missing, or the disk is full; one sentence with the mend.
    """
    started = datetime.now(timezone.utc)
    partial, parameters = study.folder / "data.tmp", study.parameters("data")
    begin(partial, parameters, left=("*",))
    read = sources(study, {})
    with _full_disk_named(partial):
        if study.source == "microworld":
            from otlib.data.microworld import write_world

            counts = write_world(partial, study.languages, study.data)
        else:
            from otlib.data.sources import prepare

            languages = {"unseen": study.unseen, "translated": study.translated}
            counts = prepare(partial, study.languages, study.data, **languages)
            if study.pretrains:
                _check_text(counts["text"], [PIVOT, *study.languages])
    (partial / "parameters.json").unlink()
    shutil.rmtree(study.data_folder, ignore_errors=True)
    os.replace(partial, study.data_folder)
    _forget_old_text(study)
    files = sorted(path for path in study.data_folder.rglob("*") if path.is_file())
    return write_run(study.data_folder, parameters=parameters, started=started, data=files, counts=counts, sources=read)


def _forget_old_text(study: Study) -> None:
    """Remove what is kept, in Arrow, of parallel text that is no more.

    Subwords of the text there is stay, of whatever tokenizer and length they are: the study may come back to these, as
    with another encoder.
    """
    facts = {path: _facts(path) for path in study.tokenised.glob("*.json")}
    texts = {sha256(path) for path in map(study.parallel, study.languages) if path.exists()}
    kept = {path.stem for path, of_file in facts.items() if of_file.get("text") in texts}
    for path, of_file in facts.items():
        if path.stem not in kept and of_file.get("words") not in kept:
            for suffix in (".json", ".arrow", ".lock"):  # without the first it counts as not there
                path.with_suffix(suffix).unlink(missing_ok=True)


def _facts(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # damaged, as by a power cut
        return {}


def read_counts(study: Study, language: str) -> pd.DataFrame:
    """What was kept and dropped when the data were made, as far as it is about a language: ``part, what, number``."""
    record = json.loads((study.data_folder / "run.json").read_text(encoding="utf-8"))
    others = set(study.languages) - {language}
    rows = [
        (part, name, number)
        for part, numbers in record["counts"].items()
        for name, number in numbers.items()
        if not others & {*part.split(), *name.split()}
    ]
    return pd.DataFrame(rows, columns=["part", "what", "number"]).set_index(["part", "what"])


def _check_text(counts: dict[str, int], languages: Sequence[str]) -> None:
    for language in languages:
        if counts[language] < 2:  # one of them is held out
            said = ", ".join(f"{what} {number}" for what, number in counts.items())
            raise ValueError(f"data.text: pretraining needs two sentences of {language}, of all these are left: {said}")


@contextmanager
def _full_disk_named(folder: Path):
    """Say of an error that names no file where it was written, and leave nothing of it."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        shutil.rmtree(folder, ignore_errors=True)
        with writing(folder):
            raise
