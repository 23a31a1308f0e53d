"""What is wrong with a study, in one sentence: each check raises ValueError with key and mend."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from otlib.settings import Align
from otlib.study.paper import paper_results

if TYPE_CHECKING:
    from otlib.study.study import Study

ROTATION = "rotation"  # what results call the reference of otlib.analysis.measures.fit_rotation
NEEDED = {"nli": ("nli_train", "nli_dev", "nli_test"), "qa": ("qa_train", "qa_test")}


def listed(values: Collection) -> str:
    return ", ".join(map(str, values))


def check_old_forms(raw: dict[str, Any]) -> None:
    """Refuse the sources ``files`` and ``hub``, which are one now: ``corpora``."""
    if raw.get("source") in ("files", "hub"):
        raise ValueError(
            f"source: {raw['source']} is called corpora now: write source: corpora, "
            "where a corpus is a path, a list of paths or {hub: owner/name, ...}"
        )


def check_names(study: Study) -> None:
    """A method, a finding, a row of the paper or an unseen language names only what the study has."""
    if bool(study.encoder.checkpoint) == (study.encoder.pretrain is not None):
        raise ValueError("encoder needs either a checkpoint or a pretrain section")
    if ROTATION in study.methods:
        raise ValueError(f"methods.{ROTATION}: the name is taken by the reference of notebook 30, choose another")
    for name, method in study.methods.items():
        if method.taught == "translations" and not any(name in study.methods_of(task) for task in study.tasks):
            raise ValueError(
                f"methods.{name}.taught: translations are of inference items, and of the micro-world's questions; "
                "the study has no such task: take the method out"
            )
        if method.aligns_while_tuning and not study.tasks:
            raise ValueError(f"methods.{name}.while_tuning: the study has no task to be taught: take the method out")
    if not study.methods_of("pair"):
        raise ValueError(
            "methods: all are taught by translations or align while the tasks are taught, so that no encoder can be "
            "looked at before: add none: {objective: none}"
        )
    if known := [code for code in study.unseen if code in study.languages]:
        raise ValueError(f"unseen: {listed(known)} stands in languages as well, which have parallel text")
    if study.unseen and study.source == "microworld":
        raise ValueError(
            "unseen: the micro-world has parallel text of every language; align some only by align.languages"
        )
    sections = {"align": study.align} | {f"methods.{name}": method for name, method in study.methods.items()}
    for number, finding in enumerate(study.findings):
        sections[f"findings[{number}]"] = finding
        for key, method in finding.compared.items():
            if method not in study.methods:
                raise ValueError(
                    f"findings[{number}].{key}: there is no method {method!r}; it has {listed(study.methods)}"
                )
    for key, section in sections.items():
        if unknown := [code for code in section.languages or () if code not in study.languages]:
            raise ValueError(f"{key}.languages: {listed(unknown)} is not among the study's languages")
    if study.paper:
        _check_paper(study)


def check_sizes(study: Study) -> None:
    """Layers are those of the encoder, if it is known, and no method takes more pairs than there are."""
    there = study.data.parallel_pairs
    aligned = {"align": study.align} | {f"methods.{name}": method for name, method in study.methods.items()}
    for key, section in aligned.items():
        if section.pairs and there and section.pairs > there:
            raise ValueError(f"{key}.pairs: there are only {there} pairs (data.parallel_pairs), got {section.pairs}")
    if (depth := _depth(study)) is None:
        return
    for key, section in aligned.items():
        if not isinstance(section.layers, str) and (
            lost := [k for k in section.layers if not -depth - 1 <= k <= depth]
        ):
            raise ValueError(f"{key}.layers: the encoder has layers 0 (embeddings) to {depth}, not {listed(lost)}")
    for name, method in study.methods.items():
        _check_left_to_train(study, name, method, depth)
    if not -depth - 1 <= study.evaluate.layer <= depth:
        raise ValueError(f"evaluate.layer: the encoder has layers 0 (embeddings) to {depth}")
    for task in study.tasks:
        if getattr(study, task).freeze > depth + 1:
            raise ValueError(f"{task}.freeze: must be at most {depth + 1}, for embeddings and {depth} layers")


def _depth(study: Study) -> int | None:
    """How many layers the encoder has; None if only its library, or the hub, could tell."""
    if study.encoder.pretrain:
        return study.encoder.pretrain.layers
    try:
        config = json.loads(Path(study.encoder.checkpoint, "config.json").read_text(encoding="utf-8"))
        return next(config[name] for name in ("num_hidden_layers", "n_layers", "n_layer") if name in config)
    except (OSError, ValueError, StopIteration, TypeError):  # what is wrong with it, its reader will say
        return None


def _check_left_to_train(study: Study, name: str, method: Align, depth: int) -> None:
    """Something below the layers that a method aligns is not frozen."""
    if method.objective == "none":
        return
    highest = depth if isinstance(method.layers, str) else max(layer % (depth + 1) for layer in method.layers)
    tasks = {f" and {task}.freeze": getattr(study, task).freeze for task in study.tasks}
    for also, freeze in (tasks if method.aligns_while_tuning else {"": 0}).items():
        if {*range(highest + 1)} <= {*method.frozen_parts(depth), *range(freeze)}:
            raise ValueError(
                f"methods.{name}.layers: nothing is left to train up to layer {highest}, the highest that is aligned, "
                f"by what freeze{also} keep: freeze less, or align a higher layer"
            )


def _check_paper(study: Study) -> None:
    published = paper_results()
    experiments = published.loc[published["metric"] != "f1_change", "experiment"].unique()  # scores
    if study.paper.experiment not in experiments:
        raise ValueError(f"paper.experiment must be one of {listed(experiments)}, got {study.paper.experiment!r}")
    models = published.loc[published["experiment"] == study.paper.experiment, "model"].unique()
    for method, model in study.paper.rows.items():
        if method not in study.methods:
            raise ValueError(f"paper.rows: there is no method {method!r}; the study has {listed(study.methods)}")
        if model not in models:
            raise ValueError(f"paper.rows.{method} must be one of {listed(models)}, got {model!r}")


def check_sections(study: Study) -> None:
    """A task, and pretraining, has its data."""
    wanted = [key for task in study.tasks for key in NEEDED[task]] + ["text"] * study.pretrains
    if absent := [key for key in wanted if getattr(study.data, key) is None]:
        raise ValueError(f"data.{absent[0]} is missing, another section of the study needs it")


def check_data(study: Study) -> None:
    """Every language has data, and what is named, files, a checkpoint and a tracker, is there."""
    _check_trackers(study)
    if study.checkpoint_is_gone:
        raise ValueError(f"encoder.checkpoint: there is no folder {study.encoder.checkpoint}")
    if study.source == "corpora":
        from otlib.data.sources import check_corpora

        return check_corpora(study.data, study.languages, tested=study.tested, translated=study.translated)
    from otlib.data.microworld import speaks

    for language in study.languages:
        if not speaks(language):
            raise ValueError(f"languages: {language!r} has no data: otlib/data/microworld/{language}.tsv is missing")


def _check_trackers(study: Study) -> None:
    sections = {"encoder.pretrain": study.encoder.pretrain, "nli": study.nli, "qa": study.qa, "align": study.align}
    sections |= {f"methods.{name}": method for name, method in study.methods.items()}
    for name, section in sections.items():
        if section and section.log_with:
            from otlib.training.processes import check_tracker

            try:
                check_tracker(section)
            except ValueError as error:
                raise ValueError(f"{name}.{error}") from None


# --- what pydantic says ---------------------------------------------------------------------------------------


_NUMBERS = {"int_type": r"[+-]?[0-9]+", "float_type": r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"}


def sentence(error: ValidationError, raw: dict) -> str:
    """The first faulty key of ``raw`` with all that speaks against it, as one sentence."""
    errors = [(_key(item, raw), item) for item in error.errors()]
    key, first = errors[0]
    others = len({other for other, _ in errors} - {key})
    more = f" (and {others} more)" if others else ""
    value = first["input"]
    if first["type"] == "extra_forbidden":
        return f"{key} is not a parameter{more}"
    if first["type"] in ("missing", "union_tag_not_found"):
        return f"{key} is missing{more}"
    if isinstance(value, str) and first["type"] in _NUMBERS and re.fullmatch(_NUMBERS[first["type"]], value):
        return f"{key} is the text {value!r}: write {value} without quotes{more}"
    reasons = " or ".join(dict.fromkeys(_reason(item) for other, item in errors if other == key))
    return f"{key}: {reasons}{more}" if key else f"{reasons}{more}"


def _key(item: dict, raw: Any) -> str:
    """Dotted key of a fault in the file; pydantic's location also names types, which stand in no file."""
    if item["type"].startswith("union_tag") and item["loc"] == ():
        return "source"
    key = ""
    for part in item["loc"]:
        inside = isinstance(raw, dict) and part in raw
        if inside or (isinstance(raw, list) and isinstance(part, int)):
            raw = raw[part]
            key += f"[{part}]" if isinstance(part, int) else f".{part}"
        elif item["type"] == "missing" and part == item["loc"][-1]:
            key += f".{part}"
    return key.removeprefix(".")


def _reason(item: dict) -> str:
    if item["type"] in ("model_type", "dict_type"):
        return f"must be a mapping of keys to values, got {item['input']!r}"
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    if item["type"] == "union_tag_invalid":
        return f"must be {item['ctx']['expected_tags']}, got {item['ctx']['tag']!r}"
    return f"{item['msg'][0].lower()}{item['msg'][1:]}, got {item['input']!r}"
