"""Alignment objectives: what draws the words of a sentence and its translation together, what holds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from otlib.transport import norm_weights, sinkhorn_divergence
from otlib.words import WordBatch, hidden_states, pool_words


class PairBatch(NamedTuple):
    """Sentence pairs of several languages, equally many of each, languages one after the other.

    Attributes
    ----------
    words : WordBatch of 2P sentences
        First all P source sentences, then their P translations into the pivot language.
    languages : int
        How many there are.
    weights : Tensor, shape (2P, n), optional
        Of the words of each sentence, such as TF-IDF.
    pairs : Tensor of bool, shape (P, n, n), optional
        Words (source, pivot) that an aligner has paired.
    """

    words: WordBatch
    languages: int
    weights: Tensor | None = None
    pairs: Tensor | None = None

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


def wordot(*, scope: str = "sentence", marginals: str = "uniform", **transport) -> Divergence:
    """Sinkhorn divergence between the words of both sides, summed over the layers (Alqahtani et al., 2021).

    For the log: the share of transport problems that did not converge, their mean iterations and marginal error.

    Parameters
    ----------
    scope : {"sentence", "batch", "mixed"}
        One transport problem a sentence pair, averaged over the language's pairs; or one problem between all words of
        the language's batch (the paper can be read either way); or, as a control, one between all words of all
        languages and all English words (the paper's appendix E), whose value every language is given.
    marginals : {"uniform", "norm", "tfidf"}
        Weights of the words: equal; :func:`otlib.transport.norm_weights`; or those that the batch carries. A problem
        whose words have no weight takes equal ones.
    **transport
        Cost, epsilon, solver and so on, for :func:`otlib.transport.sinkhorn_divergence`.
    """
    if scope not in ("sentence", "batch", "mixed"):
        raise ValueError(f"scope must be sentence, batch or mixed, got {scope!r}")
    if marginals not in ("uniform", "norm", "tfidf"):
        raise ValueError(f"marginals must be uniform, norm or tfidf, got {marginals!r}")

    def divergence(source: Words, pivot: Words, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        problems = {"sentence": len(source.mask), "batch": batch.languages, "mixed": 1}[scope]
        layers, clouds, weights = len(source.layers), [], []
        for words, rows in zip((source, pivot), batch.sides(), strict=True):
            mask = words.mask.reshape(problems, -1).repeat(layers, 1)
            points = torch.cat([x.reshape(problems, -1, x.shape[-1]) for x in words.layers])
            clouds.append((points, mask))
            if marginals == "norm":
                weights.append(norm_weights(points, mask))
            elif marginals == "tfidf":
                weights.append(_shares(batch.weights[rows].reshape(problems, -1).repeat(layers, 1), mask))
        (x, x_mask), (y, y_mask) = clouds
        given = dict(zip("ab", weights, strict=False))
        values, status = sinkhorn_divergence(x, y, x_mask, y_mask, **given, return_status=True, **transport)
        values = values.reshape(layers, -1).sum(0)
        terms = {
            "unconverged": (~status.converged).float().mean(),
            "iterations": status.iterations.float().mean(),
            "marginal_error": status.error.mean(),
        }
        return language_means(values, batch) if scope == "sentence" else values.expand(batch.languages), terms

    return divergence


def _shares(weights: Tensor, mask: Tensor) -> Tensor:
    """Weights of the words that are there, summing to 1; equal where all are zero."""
    weights = weights * mask
    weights = torch.where(weights.sum(1, keepdim=True) > 0, weights, mask.to(weights))
    return weights / weights.sum(1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)


def l2(frozen: FrozenWords) -> Divergence:
    """Half the squared distance of word pairs, averaged over a sentence's pairs, summed over the layers.

    As Cao et al. (2020): the one-to-one word pairs are those of the batch, from an aligner, or else mutual nearest
    words, by cosine, of the frozen encoder. Half and average make it the divergence of a plan that knows these pairs
    only, so that an anchor weighs the same beside either.
    """

    def divergence(source: Words, pivot: Words, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        pairs = _word_pairs(source, pivot, batch, frozen)
        row, i, j = pairs.nonzero(as_tuple=True)
        distance = sum(
            ((x[row, i] - y[row, j]) ** 2).sum(-1) / 2 for x, y in zip(source.layers, pivot.layers, strict=True)
        )
        total = distance.new_zeros(len(pairs)).index_add(0, row, distance)
        return language_means(total / pairs.sum((1, 2)).clamp(min=1), batch), {}

    return divergence


def contrastive(frozen: FrozenWords, *, negatives: str, temperature: float = 0.1) -> Divergence:
    """A word must know its partner among others by cosine (Wu and Dredze, 2020), averaged over pairs and directions.

    The word pairs are those of :func:`l2`, the others all words of the language's batch. Summed over the layers.

    Parameters
    ----------
    negatives : {"weak", "strong"}
        Others are words of the other language only, or of both (the paper's weak and strong alignment).
    temperature : float
        Cosines are divided by it.
    """
    if negatives not in ("weak", "strong"):
        raise ValueError(f"negatives must be weak or strong, got {negatives!r}")

    def divergence(source: Words, pivot: Words, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        pairs = _word_pairs(source, pivot, batch, frozen)
        with torch.autocast(source.mask.device.type, enabled=False):  # cosines over a small temperature
            losses = [
                sum(_confusion(x, y, *part, negatives, temperature) for x, y in zip(xs, ys, strict=True))
                for xs, ys, *part in _by_language(source, pivot, pairs, batch.languages)
            ]
        return torch.stack(losses), {}

    return divergence


def _by_language(source: Words, pivot: Words, pairs: Tensor, languages: int):
    """Layers of both sides, masks and pairs of each language's part of the batch."""
    parts = zip(
        *(z.chunk(languages) for z in (*source.layers, *pivot.layers, source.mask, pivot.mask, pairs)), strict=True
    )
    for *layers, x_mask, y_mask, paired in parts:
        half = len(layers) // 2
        yield layers[:half], layers[half:], x_mask, y_mask, paired


def _confusion(x, y, x_mask, y_mask, pairs, negatives: str, temperature: float) -> Tensor:
    """Cross entropy of each pair's words, to find the other among the words of the batch."""
    x, y = (nn.functional.normalize(z[mask].float(), dim=-1) for z, mask in ((x, x_mask), (y, y_mask)))
    sentence, i, j = pairs.nonzero(as_tuple=True)
    # The number of a word among the real words of its side.
    number_x, number_y = (mask.flatten().cumsum(0).reshape(mask.shape) - 1 for mask in (x_mask, y_mask))
    partners = number_x[sentence, i], number_y[sentence, j]
    if not len(sentence):
        return (x.sum() + y.sum()) * 0.0
    losses = []
    for own, other, (anchor_words, partner) in ((x, y, partners), (y, x, partners[::-1])):
        scores = own[anchor_words] @ other.mT
        if negatives == "strong":
            within = own[anchor_words] @ own.mT
            itself = nn.functional.one_hot(anchor_words, len(own)).bool()
            scores = torch.cat([scores, within.masked_fill(itself, -torch.inf)], 1)
        losses.append(nn.functional.cross_entropy(scores / temperature, partner))
    return sum(losses) / 2


def _word_pairs(source: Words, pivot: Words, batch: PairBatch, frozen: FrozenWords) -> Tensor:
    """Paired words (P, n, m), bool."""
    if batch.pairs is None:
        return mutual_pairs(frozen(batch, "source"), frozen(batch, "pivot"))
    real = source.mask[:, :, None] & pivot.mask[:, None, :]
    return batch.pairs[:, : real.shape[1], : real.shape[2]] & real


def mutual_pairs(source: Words, pivot: Words) -> Tensor:
    """Words that are each other's nearest by cosine (mean over the layers), shape (P, n, m), bool."""
    with torch.autocast(source.mask.device.type, enabled=False):  # which is nearest may hang on the last digits
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
