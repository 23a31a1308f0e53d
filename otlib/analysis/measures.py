"""What alignment did to the space: retrieval, word alignment, the shape of the space, a rotation as the reference."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from otlib.analysis.word_alignment import alignment_error_rate
from otlib.data.text import GoldPair, Links, ParallelText
from otlib.training.words import embed_corpus, load_encoder
from otlib.transport import transport_plan
from otlib.transport.links import mutual_argmax, pair_confidence

# Retrieval


def word_retrieval(source: Sequence[Tensor], pivot: Sequence[Tensor], gold: Sequence[GoldPair]) -> float:
    """Contextual word retrieval, per cent: how often the nearest word of all sentences is the one linked by gold.

    Of every word with a sure link the nearest word of the other language, by cosine, must be linked to it. Both
    directions are averaged.

    Parameters
    ----------
    source, pivot : sequence of Tensor, shape (n_i, d)
        Word vectors of each sentence pair; a word that has none is zero, and is never right.

    Raises
    ------
    ValueError
        If no word has a sure link.
    """
    found, starts = [], np.zeros(2, dtype=int)
    for x, y, pair in zip(source, pivot, gold, strict=True):
        found += [starts + link for link in sorted(pair.sure)]
        starts += len(x), len(y)
    if not found:
        raise ValueError("word retrieval needs a sure link, there is none")
    links = np.array(found)  # words are counted over all sentences
    units = [normalize(torch.cat(list(side)), dim=-1) for side in (source, pivot)]
    return float(np.mean([_retrieval_rate(*units, links), _retrieval_rate(*units[::-1], links[:, ::-1])]))


def _retrieval_rate(x: Tensor, y: Tensor, links: np.ndarray) -> float:
    """Per cent of the linked words of ``x`` whose nearest word of ``y`` is linked to them."""
    asked = np.unique(links[:, 0])
    vectors = x[torch.from_numpy(asked)]
    nearest = torch.cat([(rows @ y.T).argmax(1) for rows in vectors.split(1024)])
    gold = set(map(tuple, links.tolist()))
    found = zip(asked.tolist(), nearest.tolist(), vectors.any(1).tolist(), strict=True)
    return 100 * sum(present and (i, j) in gold for i, j, present in found) / len(asked)


def sentence_retrieval(x: Tensor, y: Tensor) -> float:
    """Per cent of sentences (N, d) whose nearest sentence of the other side is the translation.

    By cosine after each side's mean is taken off; both directions, averaged.
    """
    similarity = _cosine(x - x.mean(0), y - y.mean(0))
    found = [(similarity.argmax(side) == torch.arange(len(x))).float().mean() for side in (0, 1)]
    return float(100 * torch.stack(found).mean())


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    """Cosines (n, m) of all vectors of two sides."""
    return normalize(x, dim=-1) @ normalize(y, dim=-1).T


# Shape of the space


def mean_cosine(vectors: Tensor) -> float:
    """Mean cosine of two different vectors (N, d): 0 for an isotropic space, 1 for a collapsed one."""
    unit = normalize(vectors.double(), dim=-1)
    n = len(unit)
    return float((unit.sum(0).square().sum() - n) / (n * (n - 1)))


def effective_rank(vectors: Tensor) -> float:
    """Exponential of the entropy of the centred vectors' singular values (Roy and Vetterli, 2007)."""
    values = torch.linalg.svdvals((vectors - vectors.mean(0)).double())
    share = values / values.sum()
    share = share[share > 0]
    return float((-(share * share.log()).sum()).exp())


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Linear centred kernel alignment of the same items' vectors (N, d) and (N, e), 0 to 1 (Kornblith et al., 2019)."""
    x, y = ((z - z.mean(0)).double() for z in (x, y))
    return float((x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm()))


def sentence_cka(model, tokenizer, text: ParallelText, **embed) -> float:
    """:func:`linear_cka` of the source and the pivot sentences of a text, by the means of their word vectors.

    ``embed`` has options of :func:`otlib.training.words.embed_corpus`.
    """
    sides = _embed_sides(model, tokenizer, (text.source, text.pivot), embed)
    return linear_cka(*(_sentence_means(*side) for side in sides))


# A rotation, the reference that trains no encoder


class Rotation(NamedTuple):
    """Linear map of a language's word vectors onto English: ``(x - centre) @ turn + target``."""

    centre: Tensor  # (d,)
    turn: Tensor  # (d, d), orthogonal
    target: Tensor  # (d,)

    def __call__(self, vectors: Sequence[Tensor], masks: Sequence[Tensor]) -> list[Tensor]:
        """Mapped vectors (n_i, d) of each sentence; words that have none stay zero."""
        mapped = ((x - self.centre) @ self.turn + self.target for x in vectors)
        return [x * mask[:, None] for x, mask in zip(mapped, masks, strict=True)]


def fit_rotation(model, tokenizer, text: ParallelText, **embed) -> Rotation:
    """Rotation of a language onto English that brings paired words closest (Procrustes; Aldarmaki and Diab, 2019).

    Word pairs are each other's nearest by cosine within a sentence pair of the training text. ``embed`` has options of
    :func:`otlib.training.words.embed_corpus`.

    Raises
    ------
    ValueError
        If there are fewer word pairs than dimensions, which do not fix a rotation.
    """
    source, pivot = _embed_sides(model, tokenizer, (text.source, text.pivot), embed)
    x, y = [], []
    for a, b, a_mask, b_mask in zip(source[0], pivot[0], source[1], pivot[1], strict=True):
        links = sorted(_links_of_present(_cosine(a, b), a_mask, b_mask))
        x += [a[i] for i, _ in links]
        y += [b[j] for _, j in links]
    dimensions = model.config.hidden_size
    if len(x) < dimensions:
        raise ValueError(f"{len(x)} word pairs do not fix a rotation in {dimensions} dimensions: give more text")
    x, y = torch.stack(x), torch.stack(y)
    centre, target = x.mean(0), y.mean(0)
    turn, _ = orthogonal_procrustes((x - centre).double().numpy(), (y - target).double().numpy())
    return Rotation(centre, torch.from_numpy(turn).to(x), target)


# A language pair


def pair_scores(
    model,
    tokenizer,
    heldout: ParallelText,
    gold: Sequence[GoldPair] = (),
    *,
    rotation: Rotation | None = None,
    embed: dict | None = None,
    **transport,
) -> pd.DataFrame:
    """Retrieval and word alignment of a language with English: columns ``task, metric, value``.

    Parameters
    ----------
    heldout : ParallelText
        For sentence retrieval, by the mean of a sentence's word vectors, and the shape of the English space.
    gold : sequence of GoldPair
        For word retrieval and the alignment error rates (in per cent) of the mutual argmax of the plan
        (``aer``) and of the cosine (``aer_cosine``). Empty: without them.
    rotation : Rotation, optional
        Applied to the source language's vectors first; see :func:`fit_rotation`.
    embed : dict, optional
        ``layer``, ``pooling`` and ``max_length`` of :func:`otlib.training.words.embed_corpus`. Links are between
        words, so pooling ``"subword"`` cannot be scored.
    **transport
        Cost, epsilon, solver of the plan; see :func:`otlib.transport.transport_plan`.
    """
    if embed and embed.get("pooling") == "subword":
        raise ValueError("words are scored, not subwords: pooling must be last, first or mean")
    source, pivot = _embed_sides(model, tokenizer, (heldout.source, heldout.pivot), embed, rotation)
    words = torch.cat(pivot[0])[torch.cat(pivot[1])]
    rows = [
        ("retrieval", "accuracy", sentence_retrieval(_sentence_means(*source), _sentence_means(*pivot))),
        ("space", "mean_cosine_en", mean_cosine(words)),
        ("space", "effective_rank_en", effective_rank(words)),
    ]
    if gold:
        (x, x_masks), (y, y_masks) = _embed_sides(model, tokenizer, _sides(gold), embed, rotation)
        rows.append(("word_retrieval", "accuracy", word_retrieval(x, y, gold)))
        sure, possible = [pair.sure for pair in gold], [pair.possible for pair in gold]
        matrices = {"aer": _plans(x, y, x_masks, y_masks, **transport), "aer_cosine": map(_cosine, x, y)}
        for metric, similarities in matrices.items():
            links = list(map(_links_of_present, similarities, x_masks, y_masks))
            rows.append(("word_alignment", metric, 100 * alignment_error_rate(links, sure, possible)))
    return pd.DataFrame(rows, columns=["task", "metric", "value"])


def pair_plans(model, tokenizer, pairs: Sequence[GoldPair], *, embed: dict | None = None, **transport) -> list[Tensor]:
    """Transport plan (n_i, m_i) between the words of each pair's sentences, source words in rows, pivot in columns.

    Zero for words that have no vector; options as for :func:`pair_scores`.
    """
    (x, x_masks), (y, y_masks) = _embed_sides(model, tokenizer, _sides(pairs), embed)
    return _plans(x, y, x_masks, y_masks, **transport)


def encoder_plans(folders: Mapping[str, Path], pairs: Sequence[GoldPair], **options) -> dict[str, list[Tensor]]:
    """:func:`pair_plans` of several encoders, each loaded from its folder; options are passed on."""
    plans = {}
    for name, folder in folders.items():
        tokenizer, model = load_encoder(folder)
        plans[name] = pair_plans(model, tokenizer, pairs, **options)
    return plans


def _sides(pairs: Sequence[GoldPair]) -> tuple[list[list[str]], list[list[str]]]:
    return [pair.source for pair in pairs], [pair.pivot for pair in pairs]


def _embed_sides(model, tokenizer, sides, embed: dict | None, rotation: Rotation | None = None):
    """Vectors and masks of the source sentences, rotated if there is a rotation, and of the pivot sentences."""
    source, pivot = (embed_corpus(model, tokenizer, side, **(embed or {})) for side in sides)
    return (rotation(*source), source[1]) if rotation else source, pivot


def _sentence_means(vectors: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
    """Mean vector of each sentence's words (N, d); the vectors of missing words are zero."""
    return torch.stack([v.sum(0) / m.sum().clamp(min=1) for v, m in zip(vectors, masks, strict=True)])


def _plans(source, pivot, source_masks, pivot_masks, *, at_once: int = 64, **transport) -> list[Tensor]:
    """Transport plan (n_i, m_i) of each sentence pair, solved in batches of similar size."""
    plans: list = [None] * len(source)
    order = sorted(range(len(source)), key=lambda i: len(source[i]) * len(pivot[i]))
    for start in range(0, len(order), at_once):
        chosen = order[start : start + at_once]
        sides = (source, pivot, source_masks, pivot_masks)
        x, y, x_mask, y_mask = (pad_sequence([side[i] for i in chosen], batch_first=True) for side in sides)
        # Solved from pivot to source, as all results so far: the solver stops at a tolerance, and the other way round a
        # few near ties would become other links.
        solved = transport_plan(y, x, y_mask, x_mask, **transport).mT
        for i, plan in zip(chosen, solved, strict=True):
            plans[i] = plan[: len(source[i]), : len(pivot[i])]
    return plans


def _links_of_present(matrix: Tensor, source_mask: Tensor, pivot_mask: Tensor) -> Links:
    """Mutual argmax among the words that have a vector."""
    rows, columns = (mask.nonzero()[:, 0].tolist() for mask in (source_mask, pivot_mask))
    if not rows or not columns:
        return set()
    return {(rows[i], columns[j]) for i, j in mutual_argmax(matrix[rows][:, columns])}


# Which sentences are translations


def mismatched(pairs: Sequence[GoldPair]) -> list[GoldPair]:
    """Each pair's source sentence beside the pivot sentence of another pair of about the same length, without links."""
    order = sorted(range(len(pairs)), key=lambda i: (len(pairs[i].pivot), len(pairs[i].source)))
    shuffled: list = [None] * len(pairs)
    for i, following in zip(order, order[1:] + order[:1], strict=True):
        shuffled[i] = GoldPair(pairs[i].source, pairs[following].pivot, set(), set())
    return shuffled


def confidence_test(translations: Sequence[Tensor], others: Sequence[Tensor]) -> dict[str, float]:
    """Does the confidence of plans (n_i, m_i) tell translations from other sentence pairs, as of :func:`mismatched`?

    ``translations`` and ``others`` are the mean :func:`otlib.transport.links.pair_confidence` of each kind; ``AUC`` is
    how often a translation has the higher one of the two, from 0.5 (chance) to 1 (always).
    """
    sides = [[float(pair_confidence(plan)) for plan in plans] for plans in (translations, others)]
    is_translation = np.repeat([1, 0], [len(side) for side in sides])
    auc = roc_auc_score(is_translation, np.concatenate(sides))
    return {"translations": float(np.mean(sides[0])), "others": float(np.mean(sides[1])), "AUC": float(auc)}


def by_confidence(pairs: Sequence[GoldPair], plans: Sequence[Tensor]) -> pd.DataFrame:
    """The sentence pairs as text, the least confident plan first: columns ``source, pivot, confidence``."""
    source, pivot = (list(map(" ".join, side)) for side in _sides(pairs))
    table = pd.DataFrame({"source": source, "pivot": pivot, "confidence": [float(pair_confidence(p)) for p in plans]})
    return table.sort_values("confidence", ignore_index=True)


# Which sentence to draw


def unmarked(text: ParallelText) -> list[GoldPair]:
    """Sentence pairs without gold links, to look at where a language has no gold alignments."""
    return [GoldPair(*sides, set(), set()) for sides in zip(text.source, text.pivot, strict=True)]


def telling_pair(pairs: Sequence[GoldPair]) -> GoldPair:
    """The sentence pair to draw: of 7 to 11 words, which fit a page, with the most links beyond one to one.

    Of equal ones, that whose links cross most often.
    """
    fitting = [pair for pair in pairs if max(len(pair.source), len(pair.pivot)) <= 11]
    if not fitting:
        return min(pairs, key=lambda pair: len(pair.pivot))
    long_enough = [pair for pair in fitting if min(len(pair.source), len(pair.pivot)) >= 7]
    return max(long_enough or fitting, key=_extra_and_crossing)


def _extra_and_crossing(pair: GoldPair) -> tuple[int, int]:
    """Numbers of links beyond the first of each word, on both sides, and of pairs of links that cross."""
    source, pivot = ({link[side] for link in pair.sure} for side in (0, 1))
    crossing = sum(i < k and j > m for i, j in pair.sure for k, m in pair.sure)
    return 2 * len(pair.sure) - len(source) - len(pivot), crossing
