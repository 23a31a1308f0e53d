"""Where numbers come from: the state of the code, versions, the machine, and hashes of files and of encoders."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ["torch", "transformers", "tokenizers", "accelerate", "POT", "numpy", "scipy", "scikit-learn", "pandas"]
CODE = ["otlib", "notebooks", "params", "Snakefile"]  # where a file that git does not know yet may change a run
WEIGHTS = (".safetensors", ".bin")
BESIDE_WEIGHTS = ["config.json", "tokenizer*", "vocab*", "*.model"]


def git_state() -> dict[str, Any] | None:
    """The commit and whether files differ from it; None outside a git checkout.

    ``dirty``: a tracked file is not as it was committed, or one that is new, and not ignored, lies where code,
    notebooks or studies do.
    """

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", ROOT, *arguments], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "-uno") or git("ls-files", "--others", "--exclude-standard", "--", *CODE)
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(changed)}
    except (OSError, subprocess.CalledProcessError):
        return None


def package_versions() -> dict[str, str]:
    """Of the packages that decide about numbers, those that are installed."""
    versions = {}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def hardware() -> dict[str, Any]:
    """This machine; ``threads`` and ``gpus`` as PyTorch sees them, if it is imported."""
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


def peak_memory() -> int:
    """Of this process, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 2**10)


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file; weights, which are large, are read once in a process while their size and time stay."""
    path = Path(path)
    stat = path.stat()
    return _weights_hash(path.resolve(), stat.st_size, stat.st_mtime_ns) if path.suffix in WEIGHTS else sha256(path)


@cache
def _weights_hash(path: Path, size: int, modified: int) -> str:
    return sha256(path)


# --- encoders -----------------------------------------------------------------------------------------------


def weight_files(encoder: str | Path) -> list[Path]:
    """The files of an encoder's weights; those of a name on the hub, in the hub's cache, once they are there."""
    folder = Path(encoder)
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(str(encoder), "config.json")
        if not isinstance(config, str):
            return []
        folder = Path(config).parent
    return sorted(path for path in folder.glob("*") if path.suffix in WEIGHTS)


def weights(encoder: str | Path) -> dict[str, dict[str, Any]]:
    """The :func:`fingerprint` of each file of an encoder's weights, as far as it goes that of its ``run.json``."""
    known = recorded_weights(Path(encoder, "run.json"))
    return {path.name: fingerprint(path, known.get(path.name, {})) for path in weight_files(encoder)}


def fingerprint(path: Path, before: Mapping[str, Any]) -> dict[str, Any]:
    """``bytes``, time of ``modified`` and ``sha256`` of a file.

    A file of the size and time that it had ``before`` is not read again (500 MB take half a second of a core).
    """
    stat = path.stat()
    found = {"bytes": stat.st_size, "modified": stat.st_mtime_ns}
    return {**found, "sha256": before["sha256"] if found.items() <= before.items() else file_hash(path)}


def recorded_weights(mark: Path) -> Mapping[str, Mapping[str, Any]]:
    """What a finished run's ``run.json`` says of the weights that it left; nothing if it left none."""
    try:
        return fingerprints(json.loads(mark.read_text(encoding="utf-8"))["weights"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def fingerprints(written: Any) -> dict[str, dict[str, Any]]:
    """Those of a record, without what is none, as after an edit by hand."""
    named = written.items() if isinstance(written, dict) else ()
    return {name: entry for name, entry in named if isinstance(entry, dict) and "sha256" in entry}


def hashes(weights: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The SHA-256 of each file, without size and time, which a copy does not keep."""
    return {name: of_file["sha256"] for name, of_file in weights.items()}


def changed_weights(mark: str | Path) -> str | None:
    """The first file of weights that is not, or no longer, what the ``run.json`` beside it says; None if all are."""
    mark = Path(mark)
    if not (written := hashes(recorded_weights(mark))):
        return None
    there = hashes(weights(mark.parent))
    return next((name for name in sorted({*written, *there}) if written.get(name) != there.get(name)), None)


def input_hash(path: str | Path) -> str | dict[str, str]:
    """What decides of an input: its hash, or those of the files of an encoder, whose ``run.json`` has dates."""
    path = Path(path)
    if path.name != "run.json" or not (of_weights := hashes(recorded_weights(path))):
        return file_hash(path)
    others = (file for pattern in BESIDE_WEIGHTS for file in sorted(path.parent.glob(pattern)))
    return of_weights | {file.name: file_hash(file) for file in others}
