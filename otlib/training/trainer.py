"""The one training loop of the project, for every objective: optimiser steps, resume, logs.

The generators are seeded anew before every batch, by the seed, the process, the step and the batch's number in the
step, so that a resumed run draws the dropout and the masks that the uninterrupted one would have drawn. Therefore what
is random belongs into the objective, and a loader must give the same batches every time it is made (so does
``DataLoader(shuffle=True)``, whose order Accelerate seeds).
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

import pandas as pd
import torch
from accelerate import Accelerator, skip_first_batches
from accelerate.utils import send_to_device
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader

from otlib.record import remove, sync, write_text, writing
from otlib.settings import Training
from otlib.training.bars import progress_bar
from otlib.training.checkpoints import Checkpoints
from otlib.training.memory import TO_TRAIN, enough_memory
from otlib.training.processes import new_accelerator, state

ObjectiveFunction = Callable[[nn.Module, object], tuple[Tensor, dict[str, Tensor]]]


class Parts(list):
    """A batch in parts, which go through the model one after another: their losses are summed, their terms averaged."""


MOST_SKIPPED = 10  # steps in a row whose gradient is not finite: this is no single odd batch


@enough_memory(TO_TRAIN)
def train(
    model: nn.Module,
    loader: DataLoader,
    objective: ObjectiveFunction,
    settings: Training,
    *,
    folder: str | Path,
    seed: int = 0,
    resume: bool = False,
    log_every: int = 10,
    evaluate: Callable[[nn.Module], dict[str, float]] | None = None,
    evaluate_every: int | None = None,
    description: str = "train",
) -> pd.DataFrame:
    """Train ``model`` in place by AdamW; the learning rate rises linearly, then falls linearly to zero.

    The same code runs on a CPU, a GPU, or several of them under ``accelerate launch``; every process reads its own
    batches. ``folder`` receives ``log.jsonl`` and, with ``settings.save_every``, ``checkpoint/step-<n>``. A launch that
    shards the model is refused (:mod:`otlib.training.processes`).

    A step whose gradient has no finite norm is skipped: weights and optimiser stay. The log counts such steps, and a
    warning at the end. In fp16 those are among them by which the loss scale is found.

    Parameters
    ----------
    model : nn.Module
        Trained where its parameters require a gradient; left in evaluation mode, on the device of the training.
    loader : DataLoader
        Cycled until all steps are done. Of a batch in :class:`Parts` memory holds one part at a time.
    objective : callable
        ``objective(model, batch) -> (loss, terms)``: a scalar, and scalars to log by name. It must call ``model(...)``,
        and runs under autocast where ``settings.mixed_precision`` says so.
    seed : int
        Of the order of a shuffled loader, and of what the model and the objective draw.
    resume : bool
        Go on from the last complete checkpoint in ``folder``, if there is one; a warning names those that are damaged.
    evaluate : callable, optional
        ``evaluate(model) -> {name: number}``, in evaluation mode without gradients, every ``evaluate_every`` steps and
        after the last one. ``log_every`` steps have a row of the log.
    description : str
        Names the training in the progress bar and in errors; no bar if empty.

    Returns
    -------
    DataFrame
        The log: ``step``; of the steps since the row before how many were ``skipped``, and means over the others of
        ``loss``, ``gradient_norm`` and the terms, which are missing if there was none; the ``lr`` that the next step
        would use (0 in the last row), ``rate`` in steps a second, and what ``evaluate`` returned.

    Raises
    ------
    ValueError
        If there is nothing to train on, the launch shards the model, ``settings.log_with`` is not installed, or the
        checkpoint is of another model or number of processes.
    FloatingPointError
        If ten steps in a row, or all, are skipped (at a loss scale of at most 1); the last one's batches are kept in
        ``folder``. If a loss, or before saving a weight or a mean of AdamW, is not finite all the same.
    MemoryError, OSError
        If a step has no room in memory, or a file none on the disk; earlier checkpoints stay whole.
    """
    if len(loader) == 0:
        raise ValueError("the loader holds no batch: there is nothing to train on")
    folder, steps, accumulation = Path(folder), settings.steps, settings.accumulation
    accelerator = new_accelerator(settings, seed, folder)
    torch.manual_seed(seed)
    optimizer, scheduler = _optimizer(model, settings)
    prepared, optimizer, loader = accelerator.prepare(_sparing(model, settings), optimizer, loader)
    checkpoints = Checkpoints(folder, accelerator, model, optimizer, scheduler)

    if not resume:
        remove_checkpoints(folder)
    done = checkpoints.restore() if resume else 0
    log = _Log(folder, accelerator, keep_until=done)
    batches, terms = _cycle(loader, skip=done * accumulation), defaultdict(list)
    skips = _Skips(folder, description, settings, accelerator)
    silent = not (accelerator.is_main_process and description)
    shown = {"desc": description, "unit": "step", "mininterval": 2, "disable": silent}
    clock, since = time.perf_counter(), done
    with progress_bar(total=steps, initial=done, **shown) as bar:
        for step in range(done + 1, steps + 1):
            prepared.train()
            parts = list(islice(batches, accumulation))
            found = list(_gradients(accelerator, prepared, objective, parts, seed, step))
            norm = accelerator.clip_grad_norm_(prepared.parameters(), settings.clip)
            if math.isfinite(norm):  # the host waits for the device soon after anyway, to copy the next batch
                _add(terms, *found, {"gradient_norm": norm})
                skips.in_a_row = 0
            else:
                optimizer.zero_grad(set_to_none=True)  # AdamW passes over what has no gradient
                skips.add(step, parts, sum(part["loss"] for part in found) / accumulation)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad(set_to_none=True)
            bar.update()

            saves = settings.save_every is not None and _is_due(step, steps, settings.save_every)
            evaluates = evaluate is not None and _is_due(step, steps, evaluate_every)
            if not (saves or evaluates or _is_due(step, steps, log_every)):
                continue
            row = {"step": step, **_means(terms, accelerator), "skipped": skips.since_row}
            terms.clear()
            skips.since_row = 0
            _check_finite(row, prepared, optimizer if saves or step == steps else None, description)
            row |= {"lr": scheduler.get_last_lr()[0], "rate": (step - since) / (time.perf_counter() - clock)}
            bar.set_postfix(loss=f"{row.get('loss', math.nan):.3f}", refresh=False)
            if evaluates:
                with torch.no_grad():
                    row |= evaluate(accelerator.unwrap_model(prepared).eval())
            log.write(row)
            if saves:
                checkpoints.save(step)
            if evaluates or saves:
                clock, since = time.perf_counter(), step
    accelerator.wait_for_everyone()
    accelerator.unwrap_model(prepared, keep_fp32_wrapper=False).eval()
    accelerator.free_memory()
    rows = log.close()
    if (count := skipped_steps(rows)) and accelerator.is_main_process:
        warnings.warn(f"{description}: {count} of {steps} steps had no finite gradient and were skipped", stacklevel=3)
    return rows


def _sparing(model: nn.Module, settings: Training) -> nn.Module:
    """The model; if the settings say so, no layer's inner states are kept for the backward pass."""
    encoders = [module for module in model.modules() if getattr(module, "supports_gradient_checkpointing", False)]
    if settings.gradient_checkpointing and not encoders:
        raise ValueError("gradient_checkpointing: must be off, for this encoder has no such switch")
    for encoder in encoders if settings.gradient_checkpointing else ():
        older = getattr(encoder, "gradient_checkpointing_enable", None)  # its older name
        getattr(encoder, "activation_checkpointing_enable", older)({"use_reentrant": False})
    return model


def _optimizer(model: nn.Module, settings: Training):
    """AdamW, which decays matrices only, and its schedule."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": settings.weight_decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
    steps, warmup = settings.steps, math.ceil(settings.warmup * settings.steps)

    def factor(done: int) -> float:
        """Of the learning rate: above 0 from the start, 1 after the warm-up, 0 after all steps."""
        return min((done + 1) / (warmup + 1), (steps - done) / max(steps - warmup, 1))

    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, factor)


def _gradients(accelerator, model, objective, batches: list, seed: int, step: int) -> Iterator[dict[str, Tensor]]:
    """Add up the gradients of the batches of one step; yields the loss and the terms of each batch."""
    # The batches are fetched before seeding: a loader that starts a new epoch draws from the global generator.
    # On a CPU in bf16 the gradient of PyTorch's fused attention takes ten times as long as that of plain products.
    slow = accelerator.device.type == "cpu" and accelerator.mixed_precision == "bf16"
    for number, batch in enumerate(batches):
        _seed(seed, accelerator.process_index, step, number)
        parts, losses, terms = batch if isinstance(batch, Parts) else [batch], [], defaultdict(list)
        for place, part in enumerate(parts, 1):
            # Processes exchange their gradients once a step.
            last = number == len(batches) - 1 and place == len(parts)
            with contextlib.nullcontext() if last else accelerator.no_sync(model):
                with accelerator.autocast(), sdpa_kernel(SDPBackend.MATH) if slow else contextlib.nullcontext():
                    loss, of_part = objective(model, part)
                accelerator.backward(loss / len(batches))
            losses.append(loss.detach())
            _add(terms, of_part)
        yield {"loss": sum(losses), **{name: sum(values) / len(values) for name, values in terms.items()}}


def _is_due(step: int, steps: int, every: int | None) -> bool:
    """True for the last step, and for every ``every``-th one before it."""
    return step == steps or (every is not None and step % every == 0)


def _check_finite(row: dict, model, optimizer, description: str) -> None:
    """Raise a FloatingPointError if the loss or, with an optimizer, what would be saved is not finite."""
    state = chain(model.parameters(), *(z.values() for z in optimizer.state.values())) if optimizer else ()
    wrong = None if math.isfinite(row.get("loss", 0.0)) else f"the loss is {row['loss']}"
    if not all(numbers.isfinite().all() for numbers in state):
        wrong = wrong or "a weight or a mean of AdamW is not finite"
    if wrong:
        raise FloatingPointError(f"{description}: {wrong} at step {row['step']}; lower learning_rate")


class _Skips:
    """Steps that are skipped: how many since the last row of the log, and in a row; the same on all processes."""

    def __init__(self, folder: Path, description: str, settings: Training, accelerator: Accelerator):
        self.since_row, self.in_a_row, self.most = 0, 0, min(MOST_SKIPPED, settings.steps)
        self.path, self.scaler = folder / f"skipped-{accelerator.process_index}.pt", accelerator.scaler
        self.description, self.learning_rate = description, settings.learning_rate
        self.path.unlink(missing_ok=True)

    def add(self, step: int, batches: list, loss: Tensor) -> None:
        """Count a step; raise a FloatingPointError, and keep its batches, if there are too many in a row."""
        self.since_row += 1
        self.in_a_row += self.scaler is None or self.scaler.get_scale() <= 1  # above 1 it will try a smaller scale
        if self.in_a_row >= self.most:
            with writing(self.path):
                torch.save(send_to_device(batches, "cpu"), self.path)
            raise FloatingPointError(
                f"{self.description}: no finite gradient in {self.most} steps up to step {step}, where the loss is "
                f"{loss.item()}: lower learning_rate, now {self.learning_rate}, or see its batches in {self.path}"
            )


def skipped_steps(log: pd.DataFrame) -> int:
    """How many steps of a training were skipped, by its log."""
    return int(log["skipped"].sum()) if "skipped" in log else 0


def is_main_process() -> bool:
    """Whether this process is the one that writes files (the only one, unless launched on several)."""
    return state().is_main_process


def wait_for_everyone() -> None:
    """Let every process of the launch come this far."""
    state().wait_for_everyone()


def process_count() -> int:
    """How many processes train together; a loader holds the batches of all of them."""
    return state().num_processes


def _seed(*numbers: int) -> None:
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number) % 2**63
    torch.manual_seed(seed)


def _cycle(loader, skip: int) -> Iterator:
    epoch, skip = divmod(skip, len(loader))
    while True:
        loader.set_epoch(epoch)
        yield from skip_first_batches(loader, skip) if skip else loader
        epoch, skip = epoch + 1, 0


def _add(terms: dict[str, list[Tensor]], *found: dict[str, Tensor]) -> None:
    """Keep scalars until their means are asked for: reading one would wait for the device."""
    for name, value in chain(*(each.items() for each in found)):
        terms[name].append(torch.as_tensor(value).detach().float())


def _means(terms: dict[str, list[Tensor]], accelerator: Accelerator) -> dict[str, float]:
    """Means over the batches and processes."""
    totals = {name: sum(values).to(accelerator.device) for name, values in terms.items()}
    return {name: float(accelerator.reduce(totals[name], "mean")) / len(terms[name]) for name in terms}


class _Log:
    """``log.jsonl``: one row a line, appended; and the same in a tracker, if there is one."""

    def __init__(self, folder: Path, accelerator: Accelerator, *, keep_until: int):
        self.path, self.accelerator = folder / "log.jsonl", accelerator
        # Rows of a training that goes on from before them are no longer shown.
        accelerator.init_trackers("tensorboard", init_kwargs={"tensorboard": {"purge_step": keep_until + 1}})
        self.rows = [row for row in read_log(folder) if row["step"] <= keep_until] if keep_until else []
        if accelerator.is_main_process:
            write_text(self.path, "".join(json.dumps(row) + "\n" for row in self.rows))

    def write(self, row: dict) -> None:
        self.rows.append(row)
        if self.accelerator.is_main_process:
            with writing(self.path), open(self.path, "a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            self.accelerator.log({name: value for name, value in row.items() if name != "step"}, step=row["step"])

    def close(self) -> pd.DataFrame:
        for tracker in self.accelerator.trackers:  # end_training would end the exchange between processes as well
            tracker.finish()
        return pd.DataFrame(self.rows)


def read_log(folder: str | Path) -> list[dict]:
    """Rows of a training log, up to one that a kill cut short or that is damaged."""
    path, rows = Path(folder) / "log.jsonl", []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n") if path.exists() else []
    # Every whole line ends in a line break: what follows the last break is nothing, or a line that was cut short.
    with contextlib.suppress(ValueError):
        for line in lines[:-1]:
            rows.append(json.loads(line))
    return rows


def finished_log(folder: str | Path, steps: int) -> pd.DataFrame | None:
    """Log of a training that came to its last step and whose model was saved after that; None otherwise."""
    rows, model = read_log(folder), Path(folder, "config.json")
    if not rows or rows[-1]["step"] < steps or not model.exists():
        return None
    saved_after = model.stat().st_mtime_ns >= Path(folder, "log.jsonl").stat().st_mtime_ns
    return pd.DataFrame(rows) if saved_after or Path(folder, "run.json").exists() else None  # a copy has other times


def remove_checkpoints(folder: str | Path) -> None:
    """Drop the checkpoints of a training run, as when its result has been saved."""
    if is_main_process():
        remove(Path(folder) / "checkpoint")


def save_pretrained(model, tokenizer, folder: str | Path) -> None:
    """Write a Hugging Face checkpoint so that ``folder`` loads only when all of it is there.

    Its files are written to ``<folder>/model.tmp`` and moved one by one, last ``config.json``: without it none loads.
    """
    if not is_main_process():
        return
    folder = Path(folder)
    unfinished = folder / "model.tmp"
    with writing(folder / "config.json"):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        try:
            model.save_pretrained(unfinished)
            tokenizer.save_pretrained(unfinished)
            (folder / "config.json").unlink(missing_ok=True)
            for path in sorted(unfinished.iterdir(), key=lambda path: path.name == "config.json"):
                sync(path)
                os.replace(path, folder / path.name)
                sync(folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
