"""What the tasks share: batches of tokenised items, heads on an encoder, frozen layers, one call to fine-tune."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from otlib.data.batches import draw, length_batches
from otlib.data.items import LABELS
from otlib.settings import FineTuning
from otlib.tasks.aligning import Aligning, joined
from otlib.training.memory import TO_READ, enough_memory
from otlib.training.trainer import ObjectiveFunction, process_count, skipped_steps, train

Inputs = dict[str, list[Tensor]]  # for every name of a model's input, a row of numbers an item


class FineTuned(NamedTuple):
    """A fine-tuned model, its tokenizer, the log of the training, and counts of what was cut or left out."""

    model: nn.Module
    tokenizer: object
    log: pd.DataFrame
    counts: dict[str, int]

    @property
    def skipped(self) -> int:
        """Steps without a finite gradient."""
        return skipped_steps(self.log)


class Predictions(NamedTuple):
    """A row for each item, in the order of the items, and how many items were cut to fit the encoder."""

    table: pd.DataFrame
    cut: int


def fit(
    model: nn.Module,
    tokenizer,
    inputs: Inputs,
    targets: Mapping[str, Tensor],
    objective: ObjectiveFunction,
    settings: FineTuning,
    *,
    folder: str | Path,
    seed: int,
    resume: bool,
    evaluate: Callable[[nn.Module], dict[str, float]],
    description: str,
    aligning: Aligning | None = None,
) -> pd.DataFrame:
    """Train a task's model in place on batches of items of similar length; the log of the trainer.

    ``targets``, a row an item, are what the objective finds in a batch beside the inputs. What ``evaluate`` finds, five
    times in the training, is logged and chooses nothing. ``aligning`` adds a term to some of the steps.
    """
    lengths = np.array([len(row) for row in inputs["input_ids"]])
    n = settings.steps * settings.accumulation * process_count() * settings.batch_size
    drawn = draw(len(lengths), n, np.random.default_rng(seed))
    batches = length_batches(drawn, lengths, batch_size=settings.batch_size, seed=seed)
    collate = partial(_collate, inputs=inputs, targets=targets, tokenizer=tokenizer)
    trained, watched = model, evaluate
    if aligning:
        given = {"batches_a_step": settings.accumulation * process_count(), "seed": seed}
        trained, batches, collate, objective = joined(aligning, model, tokenizer, batches, collate, objective, **given)

        def watched(both: nn.Module) -> dict[str, float]:
            return evaluate(both.task)

    return train(
        trained,
        DataLoader(batches, batch_size=1, collate_fn=collate),
        objective,
        settings,
        folder=folder,
        seed=seed,
        resume=resume,
        evaluate=watched,
        evaluate_every=max(1, settings.steps // 5),
        description=description,
    )


def _collate(batches, *, inputs: Inputs, targets: Mapping[str, Tensor], tokenizer) -> dict[str, Tensor]:
    (chosen,) = batches
    return {**pad(tokenizer, inputs, chosen), **{name: rows[torch.as_tensor(chosen)] for name, rows in targets.items()}}


@torch.no_grad()
def outputs(model, tokenizer, inputs: Inputs, at_once: int) -> Iterator[tuple[np.ndarray, Tensor]]:
    """What the model returns for all items, ``at_once`` in a batch: indices of the items and their outputs."""
    device = next(model.parameters()).device
    model.eval()
    for chosen in batches_by_length(inputs, at_once):
        batch = {name: rows.to(device) for name, rows in pad(tokenizer, inputs, chosen).items()}
        with enough_memory(TO_READ):
            found = model(**batch)
        yield chosen, found


# --- batches ----------------------------------------------------------------------------------------------------------


def model_inputs(tokenizer, encoded) -> Inputs:
    """The rows of a tokenizer's output that a model reads, as compact tensors."""
    names = [name for name in tokenizer.model_input_names if name in encoded]
    return {name: [torch.tensor(row, dtype=torch.int32) for row in encoded[name]] for name in names}


def batches_by_length(inputs: Inputs, batch_size: int) -> list[np.ndarray]:
    """Indices of all items in batches, the shortest first, so that little is padded."""
    order = np.argsort([len(row) for row in inputs["input_ids"]], kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def pad(tokenizer, inputs: Inputs, chosen: Sequence[int]) -> dict[str, Tensor]:
    """Chosen items as one batch, padded to the longest of them; every tensor is (B, L)."""
    fill = {"input_ids": tokenizer.pad_token_id, "token_type_ids": tokenizer.pad_token_type_id}
    return {
        name: pad_sequence([rows[i].long() for i in chosen], batch_first=True, padding_value=fill.get(name, 0))
        for name, rows in inputs.items()
    }


# --- heads ------------------------------------------------------------------------------------------------------------


class MeanPooledClassifier(nn.Module):
    """An encoder, the mean of its last hidden states over the real subwords, and a linear layer."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder, self.config = encoder, encoder.config
        self.classifier = nn.Linear(encoder.config.hidden_size, len(LABELS))

    def forward(self, **inputs: Tensor) -> Tensor:
        """Logits, shape (B, 3)."""
        hidden = self.encoder(**inputs).last_hidden_state
        real = inputs["attention_mask"][..., None].to(hidden.dtype)
        return self.classifier((hidden * real).sum(1) / real.sum(1))


class PairClassifier(nn.Module):
    """An encoder, the means of either sentence, their distance and product, and two layers (Conneau et al., 2017)."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder, self.config = encoder, encoder.config
        width = 4 * encoder.config.hidden_size
        self.classifier = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, len(LABELS)))

    def forward(self, **inputs: Tensor) -> Tensor:
        """Logits, shape (B, 3)."""
        hidden = self.encoder(**inputs).last_hidden_state
        real, second = (inputs[name].to(hidden.dtype) for name in ("attention_mask", "token_type_ids"))
        u, v = ((hidden * of[..., None]).sum(1) / of.sum(1, keepdim=True) for of in (real - second, second))
        return self.classifier(torch.cat([u, v, (u - v).abs(), u * v], 1))


class _TaskModel(nn.Module):
    """Transformers' own model of a task."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model, self.config = model, model.config

    @property
    def encoder(self) -> nn.Module:
        return self.model.base_model


class ClsClassifier(_TaskModel):
    """The classifier on the first subword, as the paper and XTREME use it."""

    def forward(self, **inputs: Tensor) -> Tensor:
        """Logits, shape (B, 3)."""
        return self.model(**inputs).logits


class SpanModel(_TaskModel):
    """The question answering model, returning both logits as one tensor."""

    def forward(self, **inputs: Tensor) -> Tensor:
        """Logits of start and end, shape (B, L, 2)."""
        output = self.model(**inputs)
        return torch.stack([output.start_logits, output.end_logits], -1)
