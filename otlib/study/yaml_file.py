"""A study's YAML file: read by YAML 1.2, laid over the file that it names as its base, and written."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from otlib.record import ROOT, shown
from otlib.settings import ParameterError


def study_file(study: str | Path) -> Path:
    """The file of a study, given as a path, a path from the repository's root or a name in ``params/``.

    Raises
    ------
    ParameterError
        If there is none; names those that there are.
    """
    for path in (Path(study), ROOT / study, ROOT / "params" / f"{study}.yaml"):
        if path.is_file():
            return path
    known = [str(path.relative_to(ROOT / "params").with_suffix("")) for path in study_files()]
    raise ParameterError(f"there is no study {str(study)!r}; params/ holds {', '.join(known)}")


def study_files() -> list[Path]:
    """The studies in ``params/``; a file that is ``base.yaml`` or begins with ``_`` is only what others build on."""
    paths = sorted(ROOT.glob("params/**/*.yaml"))
    return [path for path in paths if path.name != "base.yaml" and not path.name.startswith("_")]


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
    try:
        return _merged(read_study(below, seen), raw, "")
    except _NothingToTakeOut as error:
        raise ParameterError(
            f"{shown(path)}: {error} is null, which takes a key of {shown(below)} out, but there is none of this name"
        ) from None


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
        if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") or character in _UNSEEN:
            seen = "".join(c for c in key if c != character and c.isprintable())
            raise ValueError(f"the key {seen!r} holds an invisible character (U+{ord(character):04X}): type it again")


# Blanks other than the usual one, fillers, joiners and variation selectors.
_UNSEEN = {chr(code) for code in (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x2800, 0x3000)}
_UNSEEN |= {chr(code) for code in (0x034F, 0x115F, 0x1160, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10))}


def override(raw: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key, such as ``align.steps``, in place.

    Raises
    ------
    ValueError
        If a part of the key holds a value and no further keys, or the key an invisible character.
    """
    _check_key(key)
    *sections, last = key.split(".")
    for section in sections:
        if raw.get(section) is None:
            raw[section] = {}
        raw = raw[section]
        if not isinstance(raw, dict):
            raise ValueError(f"override {key!r}: {section!r} holds a value, not further keys")
    raw[last] = value


def dump(values: Mapping[str, Any]) -> str:
    """The values as a YAML 1.2 text, in their order."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.allow_unicode = False, True
    yaml.sort_base_mapping_type_on_output = False
    stream = io.StringIO()
    yaml.dump(dict(values), stream)
    return stream.getvalue()
