"""Which results of a study, though they are there, are not those of its settings and files: they are made again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from otlib.data.sources import EACH_LANGUAGE, corpora_of, missing_files
from otlib.provenance import changed_weights, file_hash, fingerprint, fingerprints, hashes
from otlib.record import shown
from otlib.settings import PIVOT, Hub, ParameterError
from otlib.study.study import Study

KINDS = (*EACH_LANGUAGE, "nli_train", "nli_dev", "nli_test", "qa_train")
LEFT = {  # what a finished run leaves
    **dict.fromkeys(("pretrain", "align"), ("config.json", "*.safetensors")),
    **dict.fromkeys(("nli", "qa", "pair"), ("results.csv", "predictions.csv")),
}


def source_files(study: Study) -> list[Path]:
    """The files on this machine that the data are made of: corpora, or the micro-world's tables and rules."""
    if study.source == "microworld":
        from otlib.data import microworld

        spoken = {PIVOT, *study.languages}
        files = (path for end in ("py", "tsv") for path in Path(microworld.__file__).parent.glob(f"*.{end}"))
        return sorted(path for path in files if len(path.stem) > 3 or path.stem in spoken)  # else another language's
    corpora = (c for kind in KINDS for code in (PIVOT, *study.tested) for c in corpora_of(study.data, kind, code))
    paths = {Path(path) for corpus in corpora if not isinstance(corpus, Hub) for path in corpus}
    return sorted(path for path in paths if path.is_file())


def sources(study: Study, before: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The fingerprint of each of :func:`source_files`, of those as they were ``before`` without reading them again."""
    return {shown(path): fingerprint(path, before.get(shown(path), {})) for path in source_files(study)}


def data_are_current(study: Study) -> bool:
    """Whether the data are all there, made by the study's settings of files that say the same today.

    Files of another time, as of a copy or a new checkout, are read again; those that are gone change nothing.
    """
    mark = study.data_folder / "run.json"
    made = _record(mark)
    if made is None or made["parameters"] != study.parameters("data"):
        return False
    files = (study.data_folder / path.rpartition("/data/")[2] for path in made["data"])  # wherever the study was moved
    if not all(map(Path.exists, files)):
        return False
    if "sources" not in made:  # by a version before
        return all(path.stat().st_mtime <= mark.stat().st_mtime for path in source_files(study))
    before = fingerprints(made["sources"])
    return hashes(sources(study, before)).items() <= hashes(before).items()


def data_outlive_their_corpora(study: Study) -> bool:
    """Whether the data are current, and a file that they were made of is gone."""
    if study.source != "corpora" or not data_are_current(study):
        return False
    made = fingerprints(_record(study.data_folder / "run.json").get("sources"))
    gone = {*made} - {*map(shown, source_files(study))}
    return bool(gone) or any(
        missing_files(study.data, study.languages, tested=study.tested, translated=study.translated)
    )


def check_checkpoint(study: Study) -> None:
    """Raise ParameterError if the checkpoint is gone, and not all is aligned as the study says."""
    if not study.checkpoint_is_gone:
        return
    marks = [f"aligned/{method}/seed{seed}/run.json" for method, seed in study.runs_of("align")]
    if {*outdated(study)} & {*marks} or not all((study.folder / mark).exists() for mark in marks):
        missing = f"encoder.checkpoint: there is no folder {study.encoder.checkpoint}, and not all is aligned"
        raise ParameterError(f"{missing}: bring it back, or name another")


def outdated(study: Study) -> list[str]:
    """The marks (``run.json``, from the study's folder) of what was made by hand with other settings, or lost files.

    So are those of encoders whose weights are not what was trained, or whose checkpoint is not what it was.
    """
    runs = {study.encoder_path(seed): ("pretrain", None, seed) for seed in study.seeds if study.pretrains}
    runs |= {study.aligned(*run): ("align", *run) for run in study.runs_of("align")}
    runs |= {study.task_folder(task, *run): (task, *run) for task in study.tasks for run in study.runs_of(task)}
    runs |= {study.pair_folder(language): ("pair",) for language in study.languages}
    old = [study.data_folder] if (study.data_folder / "run.json").exists() and not data_are_current(study) else []
    for folder, (kind, *run) in runs.items():
        if made := _record(folder / "run.json"):
            lost = [pattern for pattern in LEFT[kind] if not any(folder.glob(pattern))]
            began = {shown(path): file_hash(path) for path in study.checkpoint_files()} if kind == "align" else {}
            changed = lost or changed_weights(folder / "run.json") or not began.items() <= made["data"].items()
            if changed or made["parameters"] != study.parameters(kind, *run):
                old.append(folder)
    return [str((folder / "run.json").relative_to(study.folder)) for folder in old]


def drop_what_waits(study: Study) -> bool:
    """Remove earlier results of what waits for a run that is not there, as for one that has failed.

    Else the pairs and the report, made of what there is, would take them for the study's; they are made again in any
    case. False, and nothing is removed, if there are no data.
    """
    if not (study.data_folder / "run.json").exists():
        return False
    waits_for = {study.aligned(*run): study.encoder_path(run[1]) for run in study.runs_of("align") if study.pretrains}
    for task in study.tasks:
        waits_for |= {study.task_folder(task, *run): study.aligned(*run) for run in study.runs_of(task)}
    for folder, before in waits_for.items():
        if not (before / "run.json").exists():
            _unlink(folder / "run.json", folder / "results.csv")
    if not any((study.aligned(*run) / "run.json").exists() for run in study.runs_of("pair")):
        _unlink(*(study.pair_folder(language) / name for language in study.languages for name in LEFT["pair"]))
    return True


def _unlink(*paths: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _record(mark: Path) -> dict[str, Any] | None:
    """What a finished run wrote of itself; None if it did not, or not in this form."""
    try:
        record = json.loads(mark.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(record, dict) and all(isinstance(record.get(key), dict) for key in ("parameters", "data"))
    return record if whole else None
