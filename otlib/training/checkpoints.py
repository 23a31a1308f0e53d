"""Checkpoints of a training, from which it goes on as if it had not been interrupted.

``checkpoint/step-<n>`` is whole or not there, and whatever is damaged in it is found: ``manifest.json``, written last,
has the size and the SHA-256 of the other files. These are safetensors and JSON, so that reading them runs no code, and
the log up to then. They hold no state of a random generator, for the trainer seeds the generators before every batch.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import warnings
from pathlib import Path

from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from safetensors import SafetensorError
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor, nn

from otlib.provenance import sha256
from otlib.record import first_line, remove, shown, sync, write_text, writing

WEIGHTS, OPTIMIZER, STATE, LOG = FILES = ("model.safetensors", "optimizer.safetensors", "state.json", "log.jsonl")
MANIFEST = "manifest.json"


class Checkpoints:
    """The checkpoints of one training; every process makes one, and the main process writes.

    Parameters
    ----------
    folder : Path
        Of the training: checkpoints lie in ``<folder>/checkpoint``.
    model : nn.Module
        As it was before Accelerate wrapped it.
    optimizer, scheduler
        Those that :meth:`Checkpoints.restore` brings back to where they were.
    """

    def __init__(self, folder: Path, accelerator: Accelerator, model: nn.Module, optimizer, scheduler):
        self.training, self.folder, self.accelerator = folder, folder / "checkpoint", accelerator
        self.model, self.optimizer, self.scheduler = model, optimizer, scheduler

    def save(self, step: int) -> None:
        """Write a checkpoint beside the older one, name it when the disk has all of it, then drop the older one.

        Raises
        ------
        OSError
            If a file cannot be written, as on a full disk; the older checkpoint stays.
        """
        if not self.accelerator.is_main_process:
            return
        final = self.folder / f"step-{step}"
        unfinished = final.with_name(f"{final.name}.tmp")
        with writing(final):
            for path in _left_by_a_kill(self.folder):
                shutil.rmtree(path, ignore_errors=True)
            unfinished.mkdir(parents=True)
            try:
                self._write(unfinished, step)
            except BaseException:
                shutil.rmtree(unfinished, ignore_errors=True)
                raise
            remove(final)  # is there if it was damaged, and the training went on from before it
            os.replace(unfinished, final)
            sync(self.folder)
        for path in _numbered(self.folder):
            if path != final:
                remove(path)

    def _write(self, folder: Path, step: int) -> None:
        optimizer, scaler = self.optimizer.state_dict(), self.accelerator.scaler
        state = {
            "step": step,
            "processes": self.accelerator.num_processes,
            "param_groups": optimizer["param_groups"],
            "scheduler": self.scheduler.state_dict(),
            "scaler": scaler.state_dict() if scaler is not None else None,  # the loss scale of fp16
        }
        save_model(self.model, str(folder / WEIGHTS))
        save_file(_flat(optimizer["state"]), str(folder / OPTIMIZER))
        write_text(folder / STATE, json.dumps(state, indent=1) + "\n")
        write_text(folder / LOG, (self.training / LOG).read_text(encoding="utf-8"))
        for name in (WEIGHTS, OPTIMIZER):
            sync(folder / name)
        files = {name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)} for name in FILES}
        write_text(folder / MANIFEST, json.dumps(files, indent=1) + "\n")

    def restore(self) -> int:
        """Load the newest checkpoint that is whole, and its log; one warning says what is wrong with newer ones.

        Returns
        -------
        int
            Its step; 0 if there is none.

        Raises
        ------
        ValueError
            If it is of another number of processes, or of another model.
        """
        path = None
        if self.accelerator.is_main_process and (path := _newest_whole(self.folder)):
            write_text(self.training / LOG, (path / LOG).read_text(encoding="utf-8"))
        (path,) = broadcast_object_list([path])
        if path is None:
            return 0
        state = json.loads((path / STATE).read_text(encoding="utf-8"))
        if state["processes"] != self.accelerator.num_processes:
            raise ValueError(
                f"{path} was written by {state['processes']} processes and this training has "
                f"{self.accelerator.num_processes}: launch as many again, or delete that checkpoint"
            )
        try:
            moments = _nested(load_file(path / OPTIMIZER))
            load_model(self.model, path / WEIGHTS)
        except (RuntimeError, SafetensorError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"{path} is of another model ({reason}): delete that checkpoint, or train in another folder"
            ) from error
        self.optimizer.load_state_dict({"state": moments, "param_groups": state["param_groups"]})
        self.scheduler.load_state_dict(state["scheduler"])
        if self.accelerator.scaler is not None and state["scaler"]:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        return state["step"]


def has_checkpoint(folder: str | Path) -> bool:
    """Whether a training came as far as a checkpoint, which may have been damaged since."""
    return any((path / MANIFEST).exists() for path in _numbered(Path(folder, "checkpoint")))


def _flat(states: dict[int, dict[str, Tensor]]) -> dict[str, Tensor]:
    """The optimiser's state of each parameter, by ``<number of the parameter>.<name>``."""
    return {f"{i}.{name}": value.contiguous() for i, state in states.items() for name, value in state.items()}


def _nested(tensors: dict[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """What :func:`_flat` was given."""
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        number, name = key.split(".")
        states.setdefault(int(number), {})[name] = value.clone()  # the file may be mapped, and will be deleted
    return states


def _numbered(folder: Path) -> list[Path]:
    """``step-<n>`` in a folder, whole or not, by number."""
    found = [path for path in folder.glob("step-*") if re.fullmatch("step-[0-9]+", path.name)]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def _left_by_a_kill(folder: Path) -> list[Path]:
    """Checkpoints that were not yet complete, or being removed."""
    return [*folder.glob("step-*.tmp"), *folder.glob("step-*.old")]


def _newest_whole(folder: Path) -> Path | None:
    whole, faults = None, []
    for path in reversed(_numbered(folder)):
        if (fault := _fault(path)) is None:
            whole = path
            break
        faults.append(f"{path.name} {fault}")
    others = {*folder.glob("step-*")} - {*_numbered(folder), *_left_by_a_kill(folder)}
    faults += [f"{path.name} has no number of steps in its name" for path in sorted(others)]
    if faults:
        then = f"goes on from {whole.name}" if whole else "begins again"
        warnings.warn(f"{shown(folder)}: {'; '.join(faults)}: the training {then}", stacklevel=2)
    return whole


def _fault(folder: Path) -> str | None:
    """How a checkpoint differs from what was written; None if it does not."""
    try:
        written = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name in FILES:
            size, digest = written[name]["bytes"], written[name]["sha256"]
            if (found := (folder / name).stat().st_size) != size:
                return f"has {found} bytes in {name}, where {size} were written"
            if sha256(folder / name) != digest:
                return f"has other bytes in {name} than were written"
    except FileNotFoundError as error:
        name = Path(error.filename).name
        return f"has no {name}" + (", as one of an earlier version" if name == MANIFEST else "")
    except (ValueError, KeyError, TypeError):
        return f"has a damaged {MANIFEST}"
    except OSError as error:
        return f"cannot be read ({first_line(error)})"
    return None
