"""Alignment objectives: what draws the words of a sentence and its translation together, what holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from otlib.transport import sinkhorn_divergence
from otlib.words import WordBatch, hidden_states, pool_words


class PairBatch(NamedTuple):
    """Sentence pairs of several languages, equally many of each, languages one after the other.

    Attributes
    ----------
    words : WordBatch of 2P sentences
        First all P source sentences, then their P translations into the pivot language.
    languages : int
        How many there are.
    """

    words: WordBatch
    languages: int

    def sides(self) -> tuple[slice, slice]:
        """Rows of ``words`` that hold the source sentences, and the pivot sentences."""
        pairs = len(self.words.input_ids) // 2
        return slice(pairs), slice(pairs, None)


class Words(NamedTuple):
    """Word vectors of one side of a batch: a (P, n, d) tensor for each layer, and the mask (P, n)."""

    layers: list[Tensor]
    mask: Tensor


class EncoderLayers(nn.Module):
    """An encoder that returns the chosen hidden states only.

    Its other outputs (a pooler's, the layers above) lead nowhere, which several processes could not train.
    """

    def __init__(self, encoder: nn.Module, layers: Sequence[int]):
        super().__init__()
        self.encoder = encoder
        self.layers = tuple(layers)

    def forward(self, batch: WordBatch) -> list[Tensor]:
        """Hidden states (B, L, d), one for each layer."""
        return hidden_states(self.encoder, batch, self.layers)


# Divergences: source words, pivot words, PairBatch -> one value a language, shape (languages,), and terms for the log

Divergence = Callable[[Words, Words, PairBatch], tuple[Tensor, dict[str, Tensor]]]


def wordot(*, scope: str = "sentence", **transport) -> Divergence:
    """Sinkhorn divergence between the words of both sides, summed over the layers (Alqahtani et al., 2021).

    For the log: the share of transport problems that did not converge, their mean iterations and marginal error.

    Parameters
    ----------
    scope : {"sentence", "batch"}
        One transport problem a sentence pair, averaged over the language's pairs; or one problem between all
        words of the language's batch. The paper can be read either way.
    **transport
        Cost, epsilon, solver and so on, for :func:`otlib.transport.sinkhorn_divergence`.
    """
    if scope not in ("sentence", "batch"):
        raise ValueError(f"scope must be sentence or batch, got {scope!r}")

    def divergence(source: Words, pivot: Words, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        if scope == "batch":
            source, pivot = _pooled(source, batch), _pooled(pivot, batch)
        layers = len(source.layers)
        clouds = (
            torch.cat(source.layers),
            torch.cat(pivot.layers),
            source.mask.repeat(layers, 1),
            pivot.mask.repeat(layers, 1),
        )
        values, status = sinkhorn_divergence(*clouds, return_status=True, **transport)
        values = values.reshape(layers, -1).sum(0)
        terms = {
            "unconverged": (~status.converged).float().mean(),
            "iterations": status.iterations.float().mean(),
            "marginal_error": status.error.mean(),
        }
        return values if scope == "batch" else language_means(values, batch), terms

    return divergence


def l2(frozen: FrozenWords) -> Divergence:
    """Half the squared distance of word pairs, averaged over a sentence's pairs, summed over the layers.

    As Cao et al. (2020), but the one-to-one word pairs are not fast_align's: they are mutual nearest words,
    by cosine, of the frozen encoder. Half and average make it the divergence of a plan that knows these pairs
    only, so that an anchor weighs the same beside either.
    """

    def divergence(source: Words, pivot: Words, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        pairs = mutual_pairs(frozen(batch, "source"), frozen(batch, "pivot"))  # (P, n, m)
        row, i, j = pairs.nonzero(as_tuple=True)
        distance = sum(
            ((x[row, i] - y[row, j]) ** 2).sum(-1) / 2 for x, y in zip(source.layers, pivot.layers, strict=True)
        )
        total = distance.new_zeros(len(pairs)).index_add(0, row, distance)
        return language_means(total / pairs.sum((1, 2)).clamp(min=1), batch), {}

    return divergence


def mutual_pairs(source: Words, pivot: Words) -> Tensor:
    """Words that are each other's nearest by cosine (mean over the layers), shape (P, n, m), bool."""
    cosine = sum(
        nn.functional.normalize(x.float(), dim=-1) @ nn.functional.normalize(y.float(), dim=-1).mT
        for x, y in zip(source.layers, pivot.layers, strict=True)
    )
    real = source.mask[:, :, None] & pivot.mask[:, None, :]
    cosine = cosine.masked_fill(~real, -torch.inf)
    # Of equal neighbours argmax takes the first, so that every word has one partner at most.
    forth = nn.functional.one_hot(cosine.argmax(2), cosine.shape[2]).bool()
    back = nn.functional.one_hot(cosine.argmax(1), cosine.shape[1]).bool().mT
    return forth & back & real


def _pooled(words: Words, batch: PairBatch) -> Words:
    """All words of a language as one cloud: (P, n, d) -> (languages, P / languages * n, d)."""
    return Words(
        [x.reshape(batch.languages, -1, x.shape[-1]) for x in words.layers], words.mask.reshape(batch.languages, -1)
    )


def language_means(values: Tensor, batch: PairBatch) -> Tensor:
    """Mean of the pairs' values for each language, shape (languages,)."""
    return values.reshape(batch.languages, -1).mean(1)


# The whole objective


class FrozenWords:
    """Word vectors of the encoder as it was before alignment; of the last batch they are remembered."""

    def __init__(self, model: EncoderLayers, *, pooling: str):
        self.model = deepcopy(model).eval().requires_grad_(False)
        self.pooling = pooling
        self._batch, self._words = None, {}

    @torch.no_grad()
    def __call__(self, batch: PairBatch, side: str) -> Words:
        if batch is not self._batch:
            self._batch, self._words = batch, {}
        if side not in self._words:
            rows = batch.words.rows(batch.sides()[0 if side == "source" else 1])
            self.model.to(rows.input_ids.device)
            self._words[side] = pooled_words(self.model(rows), rows, self.pooling)
        return self._words[side]


def pooled_words(hidden: list[Tensor], rows: WordBatch, pooling: str) -> Words:
    pooled = [pool_words(states, rows, pooling=pooling) for states in hidden]
    return Words([vectors for vectors, _ in pooled], pooled[0][1])


def anchor(pivot: Words, frozen: Words, batch: PairBatch, *, reduction: str) -> Tensor:
    """Squared distance of English words from their frozen vectors, one mean over sentences a language.

    Summed over the layers and, within a sentence, over the words (``"sum"``, Eq. 2 of Alqahtani et al., 2021)
    or averaged over them (``"mean"``). A divergence is an average over words too, so a sum weighs as many
    times more as there are words.
    """
    if reduction not in ("sum", "mean"):
        raise ValueError(f"anchor_reduction must be sum or mean, got {reduction!r}")
    distance = sum(
        ((x.float() - x0.float()) ** 2).sum((1, 2)) for x, x0 in zip(pivot.layers, frozen.layers, strict=True)
    )
    if reduction == "mean":
        distance = distance / pivot.mask.sum(1).clamp(min=1)
    return language_means(distance, batch)


def spread(words: Words) -> Tensor:
    """Mean standard deviation of a dimension over all words, last of the layers: near zero is a collapse."""
    vectors, real = words.layers[-1].detach().float(), words.mask[..., None]
    count = real.sum().clamp(min=2)
    mean = (vectors * real).sum((0, 1)) / count
    return (((vectors - mean) * real).square().sum((0, 1)) / (count - 1)).sqrt().mean()


class Alignment:
    """Divergence plus weighted anchor, summed over the languages; what the trainer minimises.

    Parameters
    ----------
    divergence : Divergence
        :func:`wordot` or :func:`l2`.
    frozen : FrozenWords
        The encoder to stay close to.
    languages : sequence of str
        Names of the languages' numbers, for the log.
    """

    def __init__(
        self,
        divergence: Divergence,
        frozen: FrozenWords,
        languages: Sequence[str],
        *,
        anchor_weight: float,
        anchor_reduction: str,
        pooling: str,
    ):
        self.divergence, self.frozen, self.languages = divergence, frozen, list(languages)
        self.anchor_weight, self.anchor_reduction, self.pooling = anchor_weight, anchor_reduction, pooling

    def __call__(self, model: nn.Module, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and terms: those of the divergence, ``divergence_<language>``, ``anchor`` (unweighted), ``spread``."""
        hidden = model(batch.words)
        source, pivot = (
            pooled_words([states[rows] for states in hidden], batch.words.rows(rows), self.pooling)
            for rows in batch.sides()
        )
        values, terms = self.divergence(source, pivot, batch)
        loss = values.sum()
        terms |= {f"divergence_{name}": value for name, value in zip(self.languages, values, strict=True)}
        if self.anchor_weight:
            held = anchor(pivot, self.frozen(batch, "pivot"), batch, reduction=self.anchor_reduction).sum()
            loss = loss + self.anchor_weight * held
            terms["anchor"] = held
        return loss, {**terms, "spread": spread(pivot)}
