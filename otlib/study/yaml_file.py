"""A study's YAML file: read by YAML 1.2, laid over the file that it names as its base, and written."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from otlib.data.text import is_seen
from otlib.record import ROOT, shown
from otlib.settings import ParameterError

METHOD = re.compile(r"methods\.[^.]+")  # the dotted key of a whole one
RECORD = "# Written by a run, which reads it back. To change something, copy it under another name.\n"


def is_record(path: Path) -> bool:
    """Whether a run wrote this file: it says so, or lies with a study's data, as those of earlier versions do."""
    if path.name != "study.yaml":
        return False
    with open(path, "rb") as file:
        return file.readline() == RECORD.encode() or any(path.parent.glob("data/parallel/*.train.tsv"))


def study_file(study: str | Path) -> Path:
    """The file of a study: itself, the name of one in ``params/``, or a folder that a run has left, or its name.

    Paths are also looked for from the repository's root, and a folder's name in its ``outputs/``.

    Raises
    ------
    ParameterError
        If there is none; names those that there are, or what makes the folder.
    """
    files = [Path(study), ROOT / study, ROOT / "params" / f"{study}.yaml"]
    if str(study):
        files += [folder / study / "study.yaml" for folder in (Path(), ROOT, ROOT / "outputs")]
    for path in files:
        if path.is_file():
            return path
    known = {str(path.relative_to(ROOT / "params").with_suffix("")): path for path in study_files()}
    folder = re.fullmatch(r"outputs/([^/]+)(/study\.yaml)?/?", str(study))
    for name in known:
        if folder and folder[1] == name.replace("/", "-"):
            lacks = "has no study.yaml" if (ROOT / "outputs" / folder[1]).is_dir() else "is not there yet"
            raise ParameterError(f"outputs/{folder[1]} {lacks}: run make study STUDY={name} first")
    there = ", ".join(path.parent.name for path in sorted(ROOT.glob("outputs/*/study.yaml")))
    left = f", outputs/ {there}" if there else ""
    raise ParameterError(f"there is no study {str(study)!r}; params/ holds {', '.join(known)}{left}")


def study_files() -> list[Path]:
    """The studies in ``params/``; a file that is ``base.yaml`` or begins with ``_`` is only what others build on.

    ``config.yaml`` is a profile of Snakemake.
    """
    paths = sorted(ROOT.glob("params/**/*.yaml"))
    return [path for path in paths if path.name not in ("base.yaml", "config.yaml") and not path.name.startswith("_")]


def read_study(path: Path, seen: Sequence[Path] = ()) -> dict[str, Any]:
    """The keys of a file over those of its base, and of the base's base.

    Raises
    ------
    ParameterError
        If a file cannot be read, a base is missing or goes round in a circle, or a null takes out a key that the base
        does not have; one sentence with file and key.
    """
    raw, seen = _read(path), [*seen, path.resolve()]
    base = raw.pop("base", None)
    if base is None:
        return raw
    if not isinstance(base, str):
        raise ParameterError(f"{shown(path)}: base must be the path of a YAML file, got {base!r}")
    below = path.parent / base
    if not below.is_file():
        raise ParameterError(f"{shown(path)}: base: there is no file {shown(below)}")
    if below.resolve() in seen:
        raise ParameterError(f"{shown(path)}: base: {shown(below)} builds on this file itself; take one base out")
    own = raw["quick"] if isinstance(raw.get("quick"), dict) else {}
    left_out = {key: own.pop(key) for key in [*own] if own[key] is None and METHOD.fullmatch(str(key))}
    try:
        merged = _merged(read_study(below, seen), raw, "")
    except _NothingToTakeOut as error:
        raise ParameterError(
            f"{shown(path)}: {error} is null, which takes a key of {shown(below)} out, but there is none of this name"
        ) from None
    quick = merged.get("quick")
    if isinstance(quick, dict):  # what this file takes out, the base's quick look must not bring back
        quick, out = unless_set(quick, own), [*_taken_out(raw)]
        merged["quick"] = {
            key: value for key, value in quick.items() if key in own or not any(map(partial(_holds, inner=key), out))
        } | left_out
    return merged


def _taken_out(changes: dict, above: str = "") -> Iterator[str]:
    for key, value in changes.items():
        if value is None:
            yield f"{above}{key}"
        elif isinstance(value, dict):
            yield from _taken_out(value, f"{above}{key}.")


def _holds(key: str, inner: str) -> bool:
    """Whether a dotted key is another one, or holds it."""
    return f"{inner}.".startswith(f"{key}.")


class _NothingToTakeOut(Exception):
    pass


def _merged(base: dict, changes: dict, above: str) -> dict:
    """Both mappings as one; where they meet the changes win, and a null takes the key out."""
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            if key not in merged:
                raise _NothingToTakeOut(f"{above}{key}")
            del merged[key]
        elif isinstance(value, dict) and not _is_data_set(value):  # a data set stands for another whole
            below = base[key] if isinstance(base.get(key), dict) and not _is_data_set(base[key]) else {}
            merged[key] = _merged(below, value, f"{above}{key}.")
        else:
            merged[key] = value
    return merged


def _is_data_set(value: dict) -> bool:
    return isinstance(value.get("hub"), str)  # a method may be called hub, too


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = parse(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ParameterError(f"{shown(path)}: the file is not UTF-8 text") from None
    except ValueError as error:
        raise ParameterError(f"{shown(path)}: {error}") from None
    if not isinstance(raw, dict):
        raise ParameterError(f"{shown(path)}: a study is a mapping of keys to values")
    return raw


def parse(text: str) -> Any:
    """The value of a YAML 1.2 text: ``5e-5`` is a number, ``no`` and ``1:30`` are texts.

    Raises
    ------
    ValueError
        If it is no YAML, or a key stands twice or holds an invisible character; one sentence, with the line if known.
    """
    if directive := re.search(r"^%YAML.*", text, re.MULTILINE):
        raise ValueError(f"a study is read as YAML 1.2: take the line {directive[0]} out")
    try:
        value = YAML(typ="safe", pure=True).load(text)
        _check_keys(value)
    except YAMLError as error:
        raise ValueError(_reason(error)) from None
    except RecursionError:
        raise ValueError("values are nested too deeply, or hold themselves by an alias (&, *)") from None
    return value


def _reason(error: YAMLError) -> str:
    if not isinstance(error, MarkedYAMLError):
        return " ".join(str(error).split())
    problem = error.problem or error.context
    if twice := re.match(r'found duplicate key "(.*?)" with value', problem):
        problem = f"{twice[1]} stands twice"
    return f"line {error.problem_mark.line + 1}: {problem}" if error.problem_mark else problem


def _check_keys(value: Any) -> None:
    """Raise ValueError if a key looks like another one: it holds a character that is not seen."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_key(str(key))
            _check_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_keys(inner)


def _check_key(key: str) -> None:
    for character in key:
        if character != " " and not is_seen(character):
            seen = "".join(c for c in key if c != character and c.isprintable())
            raise ValueError(f"the key {seen!r} holds an invisible character (U+{ord(character):04X}): type it again")


def check_apart(keys: Sequence[str]) -> None:
    """Raise ValueError if a dotted key is given twice, or with one inside it: one of both would be lost."""
    for number, key in enumerate(keys):
        for other in keys[number + 1 :]:
            if other == key:
                raise ValueError(f"{key} is given twice: give it once")
            if _holds(key, other) or _holds(other, key):
                raise ValueError(f"{key} and {other} are given, one inside the other: give single keys only")


def override(raw: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Set dotted keys, such as ``align.steps``, in place; null takes a method out, as ``methods.l2: null``.

    Raises
    ------
    ValueError
        If a part of a key holds a value and no further keys, a key holds an invisible character or another of the keys,
        there is no method to take out, or a mapping would replace one with further keys; ``methods`` alone may, for it
        is a choice.
    """
    check_apart([*values])
    for key, value in values.items():
        _check_key(key)
        *sections, last = key.split(".")
        section = raw
        for name in sections:
            if section.get(name) is None:
                section[name] = {}
            section = section[name]
            if not isinstance(section, dict):
                raise ValueError(f"override {key!r}: {name!r} holds a value, not further keys")
        if key != "methods" and (lost := [*_lost(section.get(last), value, f"{key}.")]):
            raise ValueError(f"the value of {key} would drop {', '.join(lost)}: set single keys, such as {lost[0]}")
        if METHOD.fullmatch(key) and value is None:
            if last not in section:
                raise ValueError(f"{key} is null, which takes a method out, but there is none of this name")
            del section[last]
        else:
            section[last] = value


def unless_set(quick: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    """A quick look's dotted keys without the nulls that would take out what others set, or a part of it."""
    return {
        key: value for key, value in quick.items() if value is not None or not any(map(partial(_holds, key), others))
    }


def _lost(there: Any, value: Any, above: str) -> Iterator[str]:
    """Keys of a mapping that another one in its place lacks; none if one of both is no mapping, or a data set."""
    if isinstance(there, dict) and isinstance(value, dict) and not _is_data_set(there) and not _is_data_set(value):
        for name, inner in there.items():
            if name in value:
                yield from _lost(inner, value[name], f"{above}{name}.")
            else:
                yield f"{above}{name}"


def dump(values: Mapping[str, Any]) -> str:
    """The values as a YAML 1.2 text, in their order."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.allow_unicode = False, True
    yaml.sort_base_mapping_type_on_output = False
    stream = io.StringIO()
    yaml.dump(dict(values), stream)
    return stream.getvalue()
