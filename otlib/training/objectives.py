"""Alignment objectives: a distance between the words of a sentence and of its translation, and the anchor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from otlib.settings import Align
from otlib.training.packing import packed_states
from otlib.training.words import EncodedSentence, WordBatch, collate_words, freeze_layers, pool_layers, resolve_layers
from otlib.transport import norm_weights, sinkhorn_divergence, transport_cost, transport_plan
from otlib.transport.links import pair_confidence
from otlib.transport.problem import shares

AT_ONCE = 64  # sentences that the frozen encoder reads to remember them


class PairBatch(NamedTuple):
    """P sentence pairs of several languages, equally many of each, languages one after the other."""

    words: WordBatch  # of 2P sentences: all source sentences, then their translations into the pivot language
    languages: int  # how many there are
    first: int = 0  # number of the first of them, of a training that takes its languages one after another
    weights: Tensor | None = None  # (2P, n): of the words of each sentence, such as TF-IDF
    importance: Tensor | None = None  # (P,): of each pair in its language's mean; None: alike
    pairs: Tensor | None = None  # (P, n, n), bool: words (source, pivot) that an aligner has paired
    english: Tensor | None = None  # (P,): numbers of the pivot sentences among those of all languages

    def sides(self) -> tuple[slice, slice]:
        """Rows of ``words`` that hold the source sentences, and the pivot sentences."""
        pairs = len(self.words.input_ids) // 2
        return slice(pairs), slice(pairs, None)


class Words(NamedTuple):
    """Word vectors of one side of a batch: a (P, n, d) tensor for each layer, and the mask (P, n)."""

    layers: list[Tensor]
    mask: Tensor

    def over(self, units: Sequence[Tensor]) -> Words:
        """The vectors of each layer divided by its unit."""
        return self._replace(layers=[x / unit for x, unit in zip(self.layers, units, strict=True)])


class EncoderLayers(nn.Module):
    """An encoder that returns the chosen hidden states only (:func:`otlib.training.words.resolve_layers`).

    Of several processes each waits for the gradients of all that a model returns; an encoder's other outputs (a
    pooler's) would have none.
    """

    def __init__(self, encoder: nn.Module, layers: str | Sequence[int]):
        super().__init__()
        self.encoder = encoder
        self.layers = resolve_layers(layers, encoder.config)

    def forward(self, batch: WordBatch) -> list[Tensor]:
        """Hidden states (B, L, d), one for each layer; those of padding have no meaning."""
        return packed_states(self.encoder, batch, self.layers)


# --- divergences ------------------------------------------------------------------------------------------------------

# Source words, pivot words, PairBatch -> one value a language, shape (languages,), and terms for the log
Divergence = Callable[[Words, Words, PairBatch], tuple[Tensor, dict[str, Tensor]]]


def divergence_of(settings: Align, frozen: FrozenWords) -> Divergence:
    """The divergence that an objective's name stands for: :func:`wordot`, :func:`l2` or :func:`contrastive`."""
    if settings.objective == "wordot":
        return wordot(settings)
    if settings.objective == "l2":
        return l2(frozen, settings.l2_target)
    if settings.objective in ("contrastive-weak", "contrastive-strong"):
        return contrastive(settings, frozen)
    raise ValueError(f"objective: no divergence is named {settings.objective!r}")


def wordot(settings: Align) -> Divergence:
    """Sinkhorn divergence between the words of both sides, summed over the layers (Alqahtani et al., 2021, Eq. 1).

    For the log: the share of transport problems that did not converge, their mean iterations and marginal error.

    By ``settings.scope`` a problem spans a sentence pair (the values are averaged over the language's pairs), all words
    of the language's batch (the paper can be read either way), or all words of all languages and all English words (a
    control of the paper's appendix E); the one value of the last counts for every language.

    By ``settings.marginals`` words weigh the same, or by :func:`otlib.transport.norm_weights`, or as the batch says
    (TF-IDF); where all words of a problem have weight zero, they weigh the same. With ``settings.mass`` it is the cost
    of partial transport, which has no debiased form here.
    """

    solve = partial(transport_cost if settings.mass else sinkhorn_divergence, **settings.transport())

    def divergence(source: Words, pivot: Words, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        problems = {"sentence": len(source.mask), "batch": batch.languages, "mixed": 1}[settings.scope]
        layers, clouds, weights = len(source.layers), [], []
        for words, rows in zip((source, pivot), batch.sides(), strict=True):
            mask = words.mask.reshape(problems, -1).repeat(layers, 1)
            points = torch.cat([x.reshape(problems, -1, x.shape[-1]) for x in words.layers])
            clouds.append((points, mask))
            if settings.marginals == "norm":
                weights.append(norm_weights(points, mask))
            elif settings.marginals == "tfidf":
                weights.append(shares(batch.weights[rows].reshape(problems, -1).repeat(layers, 1), mask))
        (x, x_mask), (y, y_mask) = clouds
        a, b = weights or (None, None)
        values, status = solve(x, y, x_mask, y_mask, a=a, b=b, return_status=True)
        values = values.reshape(layers, -1).sum(0)
        terms = {
            "unconverged": (~status.converged).float().mean(),
            "iterations": status.iterations.float().mean(),
            "marginal_error": status.error.mean(),
        }
        return language_means(values, batch) if settings.scope == "sentence" else values.expand(batch.languages), terms

    return divergence


def l2(frozen: FrozenWords, target: str = "current") -> Divergence:
    """Half the squared distance of word pairs, averaged over a sentence's pairs, summed over the layers.

    After Cao et al. (2020): the one-to-one word pairs are those of the batch, from an aligner, or else mutual nearest
    words, by cosine, of the frozen encoder. This is what transport costs by a plan that moves equal masses between
    paired words and no others; therefore an anchor of the same weight counts as much here as beside :func:`wordot`.
    The English words of the pairs are the ``"current"`` ones or, as in the released script of Cao et al., the
    ``"frozen"`` ones (``target``). That script pairs [CLS] and [SEP] as well, and averages over the pairs of four
    sentences.
    """

    def divergence(source: Words, pivot: Words, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        pairs = _word_pairs(source, pivot, batch, frozen)
        row, i, j = pairs.nonzero(as_tuple=True)
        if target == "frozen":
            pivot = frozen(batch, "pivot")
        layers = zip(source.layers, pivot.layers, strict=True)
        distance = sum(((x[row, i] - y[row, j]) ** 2).sum(-1) / 2 for x, y in layers)
        total = distance.new_zeros(len(pairs)).index_add(0, row, distance)
        return language_means(total / pairs.sum((1, 2)).clamp(min=1), batch), {}

    return divergence


def contrastive(settings: Align, frozen: FrozenWords) -> Divergence:
    """Cross entropy of finding a word's partner among other words by cosine (Wu and Dredze, 2020).

    The word pairs are those of :func:`l2`. The other words are all those of the language's batch: on the partner's side
    only (objective ``"contrastive-weak"``, the paper's weak alignment) or on both (``"contrastive-strong"``). Cosines
    are divided by ``settings.temperature``. Averaged over pairs and both directions, summed over the layers.
    """
    strong = settings.objective == "contrastive-strong"

    def divergence(source: Words, pivot: Words, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        pairs = _word_pairs(source, pivot, batch, frozen)
        size, losses = len(pairs) // batch.languages, []
        with torch.autocast(source.mask.device.type, enabled=False):  # cosines over a small temperature
            for start in range(0, len(pairs), size):
                rows = slice(start, start + size)
                rest = source.mask[rows], pivot.mask[rows], pairs[rows], strong, settings.temperature
                layers = zip(source.layers, pivot.layers, strict=True)
                losses.append(sum(_confusion(x[rows], y[rows], *rest) for x, y in layers))
        return torch.stack(losses), {}

    return divergence


def _confusion(x, y, x_mask, y_mask, pairs, strong: bool, temperature: float) -> Tensor:
    """Cross entropy of finding the partner of each paired word among the words of the language's batch."""
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
        if strong:
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
    """Mean of the pairs' values for each language, by their importance, shape (languages,)."""
    values = values.reshape(batch.languages, -1)
    if batch.importance is None:
        return values.mean(1)
    importance = batch.importance.reshape(batch.languages, -1)
    return (values * importance).sum(1) / importance.sum(1).clamp(min=torch.finfo(importance.dtype).tiny)


# --- the whole objective ----------------------------------------------------------------------------------------------


class FrozenWords:
    """Word vectors of the encoder as it was before alignment; those of the last batch are kept, not computed again.

    With ``in_units`` each layer's vectors are divided by the spread of the batch's English words in it.
    """

    def __init__(self, model: EncoderLayers, *, pooling: str, in_units: bool = False):
        self.model = deepcopy(model).eval().requires_grad_(False)
        self.pooling, self.in_units = pooling, in_units
        self._batch, self._words = None, {}
        self._english, self._remembered = None, None

    def remember(self, english: Sequence[EncodedSentence], *, pad_token_id: int) -> None:
        """Compute the words of these English sentences once, when the first are asked for, and keep them in memory."""
        self._english = english, pad_token_id

    @torch.no_grad()
    def __call__(self, batch: PairBatch, side: str) -> Words:
        words = self._as_they_are(batch, side)
        return words.over(self.units(batch)) if self.in_units else words

    def _as_they_are(self, batch: PairBatch, side: str) -> Words:
        if batch.words is not self._batch:
            self._batch, self._words = batch.words, {}
        if side not in self._words:
            rows = batch.words.rows(batch.sides()[0 if side == "source" else 1])
            self.model.to(rows.input_ids.device)
            if side == "pivot" and self._english is not None:
                self._words[side] = self._recalled(batch)
            else:
                self._words[side] = Words(*pool_layers(self.model(rows), rows, pooling=self.pooling))
        return self._words[side]

    def _recalled(self, batch: PairBatch) -> Words:
        """The words of the batch's English sentences, which are in memory."""
        ids, longest = batch.words.input_ids, batch.words.longest
        if self._remembered is None:
            self._remembered = self._all_words(*self._english, ids.device)
        start, size, vectors, mask = self._remembered
        item = torch.arange(ids.shape[1] if self.pooling == "subword" else longest, device=ids.device)
        there = item < size[batch.english, None]
        place = (start[batch.english, None] + item).masked_fill(~there, 0)
        there &= mask[place]
        return Words([x[place] * there[..., None] for x in vectors], there)

    def _all_words(self, english: Sequence[EncodedSentence], pad_token_id: int, device) -> tuple:
        """Where the words of each sentence begin (N,), how many there are (N,), their vectors and their mask."""
        # Always in the same batches: a resumed training has the same numbers to the last bit.
        lengths, words = np.array([(len(row.input_ids), row.n_words) for row in english]).T
        size = torch.from_numpy(lengths if self.pooling == "subword" else words)
        start, vectors, mask = size.cumsum(0) - size, [], torch.empty(int(size.sum()), dtype=torch.bool, device=device)
        for chosen in np.array_split(np.argsort(lengths, kind="stable"), -(-len(english) // AT_ONCE)):
            batch = collate_words([english[i] for i in chosen], pad_token_id=pad_token_id).to(device)
            layers, real = pool_layers(self.model(batch), batch, pooling=self.pooling)
            item = torch.arange(real.shape[1])
            there = item < size[chosen, None]
            place = (start[chosen, None] + item)[there].to(device)
            vectors = vectors or [x.new_empty(len(mask), x.shape[-1]) for x in layers]
            for kept, x in zip([*vectors, mask], [*layers, real], strict=True):
                kept[place] = x[there.to(device)]
        return start.to(device), size.to(device), vectors, mask

    @torch.no_grad()
    def units(self, batch: PairBatch) -> list[Tensor]:
        """Of each layer the root of the mean squared distance of the batch's English words from their mean."""
        pivot = self._as_they_are(batch, "pivot")
        return [_variances(x, pivot.mask).sum().sqrt().clamp(min=1e-6) for x in pivot.layers]

    @torch.no_grad()
    def confidence(self, batch: PairBatch, **transport) -> Tensor:
        """How sure the plan of each pair is, (P,), in the last of the layers (:func:`pair_confidence`)."""
        source, pivot = self(batch, "source"), self(batch, "pivot")
        masks = source.mask, pivot.mask
        plans, _ = transport_plan(source.layers[-1], pivot.layers[-1], *masks, return_status=True, **transport)
        return pair_confidence(plans)


def anchor(pivot: Words, frozen: Words, batch: PairBatch, reduction: str, pooled: bool = False) -> Tensor:
    """Squared distance of English words from their frozen vectors, summed over the layers, one value a language.

    A mean over the sentences of what is averaged (``reduction`` ``"mean"``) or summed (``"sum"``) over the words of
    each. Eq. 2 of Alqahtani et al. (2021) sums over the English words of a transport problem: where problems are
    ``pooled`` (scopes ``"batch"`` and ``"mixed"``), a sum is over all words of the language's batch; of a mixed problem
    the languages' sums add up to its own. A divergence is an average over words; beside it a sum weighs as many times
    more as the sentence, or the batch, has words.
    """
    layers = zip(pivot.layers, frozen.layers, strict=True)
    distance = sum(((x.float() - x0.float()) ** 2).sum((1, 2)) for x, x0 in layers)
    if reduction == "mean":
        distance = distance / pivot.mask.sum(1).clamp(min=1)
    elif pooled:
        distance = distance * (len(distance) // batch.languages)
    return distance.reshape(batch.languages, -1).mean(1)


def spread(words: Words) -> Tensor:
    """Mean standard deviation of a dimension over all words, in the last layer; near zero, all words are alike."""
    return _variances(words.layers[-1].detach(), words.mask).sqrt().mean()


def _variances(vectors: Tensor, mask: Tensor) -> Tensor:
    """Variance of each dimension (d,) over all real words of (P, n, d)."""
    vectors, real = vectors.float(), mask[..., None]
    count = real.sum().clamp(min=2)
    mean = (vectors * real).sum((0, 1)) / count
    return ((vectors - mean) * real).square().sum((0, 1)) / (count - 1)


class Alignment:
    """Divergence plus weighted anchor, summed over the languages; what the trainer minimises.

    ``frozen`` is the encoder to stay close to; ``languages`` names the languages in the log.
    """

    def __init__(self, divergence: Divergence, frozen: FrozenWords, languages: Sequence[str], settings: Align):
        self.divergence, self.frozen, self.languages, self.settings = divergence, frozen, languages, settings

    def __call__(self, model: nn.Module, batch: PairBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss and terms: those of the divergence, ``divergence_<language>``, ``anchor`` (unweighted), ``spread``."""
        hidden, given = model(batch.words), self.settings
        source, pivot = (
            Words(*pool_layers([states[rows] for states in hidden], batch.words.rows(rows), pooling=given.pooling))
            for rows in batch.sides()
        )
        terms, layers = {"spread": spread(pivot)}, 1
        if given.layer_reduction == "mean":
            units, layers = self.frozen.units(batch), len(hidden)
            source, pivot = source.over(units), pivot.over(units)
        if given.confidence_power:
            confidence = self.frozen.confidence(batch, **given.transport())
            terms["confidence"] = confidence.mean()
            batch = batch._replace(importance=confidence**given.confidence_power)
        values, more = self.divergence(source, pivot, batch)
        values = values / layers
        loss = values.sum()
        names = self.languages[batch.first : batch.first + batch.languages]
        terms |= more | {f"divergence_{name}": value for name, value in zip(names, values, strict=True)}
        if given.anchor_weight:
            distance = anchor(
                pivot, self.frozen(batch, "pivot"), batch, given.anchor_reduction, given.scope != "sentence"
            )
            anchored = distance.sum() / layers
            loss = loss + given.anchor_weight * anchored
            # A sum over the languages, also where the trainer averages the terms of each.
            terms["anchor"] = anchored * len(self.languages) / batch.languages
        return loss, terms


def alignment_of(model: EncoderLayers, languages: Sequence[str], settings: Align) -> Alignment:
    """The objective of these settings; remembers the model as it is, and freezes what they keep of it.

    A half of the layers that is frozen is AlignFreeze (Bakos et al., NAACL 2025). A ValueError says if then, with what
    was frozen before, no parameter is left to train below the layers that are aligned.
    """
    frozen = FrozenWords(model, pooling=settings.pooling, in_units=settings.layer_reduction == "mean")
    encoder, highest = model.encoder, max(model.layers)
    freeze_layers(encoder, settings.frozen_parts(encoder.config.num_hidden_layers))
    layers = getattr(getattr(encoder, "encoder", None), "layer", None)
    below = [encoder] if layers is None else [encoder.embeddings, *layers[:highest]]
    if not any(parameter.requires_grad for part in below for parameter in part.parameters()):
        raise ValueError(f"freeze: nothing is left to train below layer {highest}, the highest that is aligned")
    return Alignment(divergence_of(settings, frozen), frozen, languages, settings)
