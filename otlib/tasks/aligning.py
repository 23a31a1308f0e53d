"""Aligning while fine-tuning: every few steps of a task have an alignment term beside the task's loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from otlib.data.text import ParallelText
from otlib.settings import Align
from otlib.training.align import chosen_text, pair_batches, word_weights
from otlib.training.objectives import Alignment, EncoderLayers, PairBatch, alignment_of
from otlib.training.packing import packed_states
from otlib.training.tokenised import encode_corpora, warn_of_cuts
from otlib.training.trainer import ObjectiveFunction
from otlib.training.words import WordBatch, longest_input

COMPARED_EVERY = 5  # of the steps with a term, one compares its gradient with the task's: that takes a backward pass


class Aligning(NamedTuple):
    """What is aligned while a task is taught, and how: ``settings.while_tuning`` says when."""

    corpora: Mapping[str, ParallelText]
    settings: Align


class Joint(NamedTuple):
    """What the trainer needs in place of the task's model, batches, collate and objective."""

    model: nn.Module
    batches: list
    collate: Callable
    objective: ObjectiveFunction


def joined(
    aligning: Aligning,
    model: nn.Module,
    tokenizer,
    batches: list,
    collate: Callable,
    objective: ObjectiveFunction,
    *,
    batches_a_step: int,
    seed: int,
) -> Joint:
    """Add the alignment term to a task's training.

    The anchor is to the encoder as it is now. The log gets the terms of
    :class:`otlib.training.objectives.Alignment`, ``alignment`` (its loss, unweighted) and, now and then,
    ``gradient_cosine``: of the gradients of both losses by the encoder's parameters. Learning rate and frozen layers
    are the task's, with those that ``aligning`` freezes. A step of the task has ``batches_a_step`` batches.
    """
    settings, when = aligning.settings, aligning.settings.while_tuning
    layers = EncoderLayers(model.encoder, settings.layers)
    corpora = chosen_text(aligning.corpora, settings, seed)
    max_length = longest_input(settings.max_length, tokenizer, model.encoder)
    encoded, counts = encode_corpora(corpora, tokenizer, max_length)
    warn_of_cuts(counts, max_length)
    steps = [number // batches_a_step for number in range(len(batches))]
    count = sum(step % when.every == 0 for step in steps)
    schedule, of_pairs = pair_batches(
        encoded, tokenizer, count, settings.batch_size, seed, word_weights(corpora, settings), by_language=False
    )
    pairs = iter(schedule)
    with_pairs = [
        (batch, next(pairs) if step % when.every == 0 else None, step // when.every % COMPARED_EVERY == 0)
        for batch, step in zip(batches, steps, strict=True)
    ]

    def collate_both(given: list) -> dict:
        ((batch, pairs, compares),) = given
        return {"task": collate([batch]), "pairs": pairs and of_pairs([pairs]), "compares": bool(pairs and compares)}

    term = _Term(objective, alignment_of(layers, [*corpora], settings), when.weight)
    return Joint(_WithWords(model, layers.layers), with_pairs, collate_both, term)


class _WithWords(nn.Module):
    """A task's model that reads words as well, in one call, as training on several processes asks for."""

    def __init__(self, task: nn.Module, layers: tuple[int, ...]):
        super().__init__()
        self.task, self.layers = task, layers

    def forward(self, inputs: dict[str, Tensor], words: WordBatch | None):
        hidden = None if words is None else packed_states(self.task.encoder, words, self.layers)
        return self.task(**inputs), hidden


class _Term:
    def __init__(self, objective: ObjectiveFunction, alignment: Alignment, weight: float):
        self.objective, self.alignment, self.weight = objective, alignment, weight

    def __call__(self, model: nn.Module, batch: dict) -> tuple[Tensor, dict[str, Tensor]]:
        pairs: PairBatch | None = batch["pairs"]
        found = []

        def task_model(**inputs):
            logits, hidden = model(inputs, pairs and pairs.words)
            found.append(hidden)
            return logits

        loss, terms = self.objective(task_model, batch["task"])
        if pairs is None:
            return loss, terms
        aligned, more = self.alignment(lambda words: found[0], pairs)
        terms |= {**more, "alignment": aligned}
        if batch["compares"]:
            terms["gradient_cosine"] = gradient_cosine(loss, aligned, model.parameters())
        return loss + self.weight * aligned, terms


def gradient_cosine(one: Tensor, other: Tensor, parameters) -> Tensor:
    """Cosine of the gradients of two losses by the parameters that both depend on; the losses keep their graphs."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    sides = [torch.autograd.grad(loss, trained, retain_graph=True, allow_unused=True) for loss in (one, other)]
    shared = [(a, b) for a, b in zip(*sides, strict=True) if a is not None and b is not None]
    products, *norms = (
        sum((x * y).sum() for x, y in pairs)
        for pairs in (shared, [(a, a) for a, _ in shared], [(b, b) for _, b in shared])
    )
    return products / (norms[0] * norms[1]).sqrt().clamp(min=torch.finfo(products.dtype).tiny)
