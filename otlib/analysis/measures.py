"""What alignment did to the space: its shape, retrieval and word alignment, a rotation as the reference."""

import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd
import torch
from scipy.linalg import orthogonal_procrustes
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import normalize
from torch.nn.utils.rnn import pad_sequence

from otlib.analysis.retrieval import check_finite, sentence_retrieval, sentences_found, word_rate, words_found
from otlib.analysis.space import effective_rank, linear_cka, mean_cosine
from otlib.analysis.word_alignment import alignment_error_rate, link_errors, null_counts
from otlib.data.pairs import Pair, as_pair
from otlib.data.text import GoldPair, Links, ParallelText
from otlib.training.words import embed_corpus, load_encoder
from otlib.transport import transport_plan
from otlib.transport.links import itermax, mutual_argmax, pair_confidence, without_partner

# Retrieval of a few sentences


def retrieval_of(model, tokenizer, texts: Mapping[str, ParallelText], *, most: int = 300, **embed) -> pd.DataFrame:
    """Sentence retrieval of each language's text, of its first ``most`` pairs: ``language, metric, value``.

    As in :func:`score_pair`; before and after fine-tuning it shows what a task makes an encoder forget.
    """
    rows = []
    for language, text in texts.items():
        few = text.take(range(min(len(text), most)))
        means = (sentence_means(*side) for side in _embed_sides(model, tokenizer, (few.source, few.pivot), embed))
        rows.append((language, "retrieval", sentence_retrieval(*means, sentence_names(few))))
    return pd.DataFrame(rows, columns=["language", "metric", "value"])


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


def fit_rotation(model, tokenizer, text: ParallelText, **embed) -> Rotation | None:
    """Rotation of a language onto English that brings paired words closest (Procrustes; Aldarmaki and Diab, 2019).

    Word pairs are each other's nearest by cosine within a sentence pair of the training text. ``embed`` has options of
    :func:`otlib.training.words.embed_corpus`. None, with a warning, if there are not more word pairs than dimensions,
    which do not fix a rotation.
    """
    source, pivot = _embed_sides(model, tokenizer, (text.source, text.pivot), embed)
    x, y = [], []
    for a, b, a_mask, b_mask in zip(source[0], pivot[0], source[1], pivot[1], strict=True):
        links = sorted(_links_of_present(_cosine(a, b), a_mask, b_mask))
        x += [a[i] for i, _ in links]
        y += [b[j] for _, j in links]
    dimensions = model.config.hidden_size
    if len(x) <= dimensions:  # of their differences from the mean one is owed to the others
        said = f"{len(x)} word pairs do not fix a rotation in {dimensions} dimensions"
        warnings.warn(f"{said}: it is left out; give more parallel text", stacklevel=2)
        return None
    x, y = torch.stack(x), torch.stack(y)
    centre, target = x.mean(0), y.mean(0)
    turn, _ = orthogonal_procrustes((x - centre).double().numpy(), (y - target).double().numpy())
    return Rotation(centre, torch.from_numpy(turn).to(x), target)


# A language pair


class PairScores(NamedTuple):
    """Measures of a language pair, ``task, metric, value``, what each sentence adds to them, and what they are made of.

    ``sentences`` has a row for each held-out pair and one for each gold pair, with its English sentence's checksum as
    ``item``, and the columns of :data:`otlib.analysis.statistics.SENTENCE_PARTS`: numbers, each with its number of
    (``_of``), such as links that are wrong of all links. A measure is the sum of the one by that of the other, or the
    mean of two such rates. ``plans`` are those of the gold pairs, source words in rows, and ``cka`` is the linear CKA
    of both languages' held-out sentences (:func:`otlib.analysis.space.linear_cka`).
    """

    table: pd.DataFrame
    sentences: pd.DataFrame
    plans: list[Tensor]
    cka: float


Side = tuple[list[Tensor], list[Tensor]]  # word vectors (n_i, d) of sentences, and their masks (n_i,)


class PairVectors(NamedTuple):
    """Source and pivot side of the held-out pairs, and of the gold pairs, as one encoder reads them."""

    heldout: tuple[Side, Side]
    gold: tuple[Side, Side]


def pair_scores(*given, **options) -> pd.DataFrame:
    """The table of :func:`score_pair`."""
    return score_pair(*given, **options).table


def score_pair(
    model,
    tokenizer,
    heldout: ParallelText,
    gold: Sequence[GoldPair] = (),
    *,
    embed: dict | None = None,
    **options,
) -> PairScores:
    """Retrieval and word alignment of a language with English: :func:`score_vectors` of :func:`pair_vectors`."""
    return score_vectors(pair_vectors(model, tokenizer, heldout, gold, embed), heldout, gold, **options)


def pair_vectors(
    model, tokenizer, heldout: ParallelText, gold: Sequence[GoldPair] = (), embed: dict | None = None
) -> PairVectors:
    """What :func:`score_vectors` is made of.

    ``embed`` has ``layer``, ``pooling`` and ``max_length`` of :func:`otlib.training.words.embed_corpus`. Links are
    between words, so that pooling ``"subword"`` is refused by a ValueError.
    """
    if embed and embed.get("pooling") == "subword":
        raise ValueError("words are scored, not subwords: pooling must be last, first or mean")
    texts = (heldout.source, heldout.pivot), _sides(gold)
    return PairVectors(*(_embed_sides(model, tokenizer, sides, embed) for sides in texts))


def score_vectors(
    vectors: PairVectors,
    heldout: ParallelText,
    gold: Sequence[GoldPair] = (),
    *,
    rotation: Rotation | None = None,
    **transport,
) -> PairScores:
    """Retrieval and word alignment of a language with English.

    Parameters
    ----------
    heldout : ParallelText
        For sentence retrieval, by the mean of a sentence's word vectors, and the shape of the English space.
    gold : sequence of GoldPair
        For word retrieval and the alignment error rates (in per cent) of the mutual argmax of the plan
        (``aer``), without the words that the plan leaves without partner, and of the cosine (``aer_cosine``), of
        itermax of the cosine (``aer_itermax``), and the F1 of words without link of the plan's links (``null_f1``).
        Empty: without them.
    rotation : Rotation, optional
        Applied to the source language's vectors first; see :func:`fit_rotation`.
    **transport
        Cost, epsilon, solver of the plan; see :func:`otlib.transport.transport_plan`.
    """
    source, pivot = _rotated(vectors.heldout, rotation)
    words = torch.cat(pivot[0])[torch.cat(pivot[1])]
    means = sentence_means(*source), sentence_means(*pivot)
    found = sentences_found(*means, sentence_names(heldout))
    rows = [
        ("retrieval", "accuracy", float(100 * found.float().mean(1).mean())),
        ("space", "mean_cosine_en", mean_cosine(words)),
        ("space", "effective_rank_en", effective_rank(words)),
    ]
    sentences = [{"item": _checksums(heldout.pivot), "found": found.sum(0).numpy(), "found_of": 2}]
    plans = []
    if gold:
        (x, x_masks), (y, y_masks) = _rotated(vectors.gold, rotation)
        sentences.append({"item": _checksums(_sides(gold)[1]), **(words_of := words_found(x, y, gold))})
        rows.append(("word_retrieval", "accuracy", word_rate(words_of)))
        sure, possible = [pair.sure for pair in gold], [pair.possible for pair in gold]
        plans = plans_of(x, y, x_masks, y_masks, **transport)
        by_rule = links_by_rule(plans, x, y, x_masks, y_masks)
        for metric, links in by_rule.items():
            rows.append(("word_alignment", metric, 100 * alignment_error_rate(links, sure, possible)))
            sentences[-1] |= dict(zip((metric, f"{metric}_of"), link_errors(links, sure, possible), strict=True))
        right, of = null_counts(by_rule["aer"], gold)
        rows.append(("word_alignment", "null_f1", 100 * float(right.sum() / max(of.sum(), 1))))
        sentences[-1] |= {"null_f1": right, "null_f1_of": of}
    by_sentence = pd.concat(map(pd.DataFrame, sentences), ignore_index=True)
    by_sentence = by_sentence.astype(dict.fromkeys(by_sentence.columns.drop("item"), "Int64"))
    table = pd.DataFrame(rows, columns=["task", "metric", "value"])
    return PairScores(table, by_sentence, plans, linear_cka(*means))


def _rotated(sides: tuple[Side, Side], rotation: Rotation | None) -> tuple[Side, Side]:
    source, pivot = sides
    return (rotation(*source), source[1]) if rotation else source, pivot


def sentence_names(text: ParallelText) -> tuple[list[str], list[str]]:
    """What says that two sentences are the same, of both sides."""
    return tuple([" ".join(words) for words in side] for side in (text.source, text.pivot))


def _checksums(sentences: Sequence[Sequence[str]]) -> list[str]:
    """Short names of sentences, the same wherever a sentence stands."""
    return [f"{crc32(' '.join(words).encode()):08x}" for words in sentences]


def pair_plans(model, tokenizer, pairs: Sequence[Pair], *, embed: dict | None = None, **transport) -> list[Tensor]:
    """Transport plan (n_i, m_i) between the words of each pair's sentences, source words in rows, pivot in columns.

    Zero for words that have no vector; options as for :func:`pair_scores`. A pair may be two plain strings.
    """
    (x, x_masks), (y, y_masks) = _embed_sides(model, tokenizer, _sides(pairs), embed)
    return plans_of(x, y, x_masks, y_masks, **transport)


def encoder_plans(folders: Mapping[str, Path], pairs: Sequence[Pair], **options) -> dict[str, list[Tensor]]:
    """:func:`pair_plans` of several encoders, each loaded from its folder; options are passed on."""
    plans = {}
    for name, folder in folders.items():
        tokenizer, model = load_encoder(folder)
        plans[name] = pair_plans(model, tokenizer, pairs, **options)
    return plans


def _sides(pairs: Sequence[Pair]) -> tuple[list[list[str]], list[list[str]]]:
    pairs = list(map(as_pair, pairs))
    return [pair.source for pair in pairs], [pair.pivot for pair in pairs]


def _embed_sides(model, tokenizer, sides, embed: dict | None) -> tuple[Side, Side]:
    """Vectors and masks of the source and of the pivot sentences."""
    return tuple(embed_corpus(model, tokenizer, side, **(embed or {})) for side in sides)


def sentence_means(vectors: Sequence[Tensor], masks: Sequence[Tensor]) -> Tensor:
    """Mean vector of each sentence's words (N, d); the vectors of missing words are zero."""
    return torch.stack([v.sum(0) / m.sum().clamp(min=1) for v, m in zip(vectors, masks, strict=True)])


def plans_of(source, pivot, source_masks, pivot_masks, *, at_once: int = 64, **transport) -> list[Tensor]:
    """Transport plan (n_i, m_i) of each sentence pair, solved in batches of similar size."""
    plans = [torch.zeros(len(x), len(y)) for x, y in zip(source, pivot, strict=True)]
    order = sorted((i for i, plan in enumerate(plans) if plan.numel()), key=lambda i: plans[i].numel())
    for start in range(0, len(order), at_once):
        chosen = order[start : start + at_once]
        sides = (source, pivot, source_masks, pivot_masks)
        x, y, x_mask, y_mask = (pad_sequence([side[i] for i in chosen], batch_first=True) for side in sides)
        check_finite(x.flatten(0, 1), y.flatten(0, 1))
        # Solved from pivot to source, as all results so far: the solver stops at a tolerance, and the other way round a
        # few near ties would become other links.
        solved = transport_plan(y, x, y_mask, x_mask, **transport).mT
        for i, plan in zip(chosen, solved, strict=True):
            plans[i] = plan[: len(source[i]), : len(pivot[i])]
    return plans


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    """Cosines (n, m) of all vectors of two sides."""
    return normalize(x, dim=-1) @ normalize(y, dim=-1).T


def links_by_rule(plans: Sequence[Tensor], x, y, x_masks, y_masks) -> dict[str, list[Links]]:
    """Links of sentence pairs by three rules, of their plans and of word vectors (n_i, d) and (m_i, d), with masks.

    ``aer``: mutual argmax of the plan; ``aer_cosine``: of the cosine; ``aer_itermax``: itermax of the cosine, which is
    SimAlign's (Jalili Sabet et al., 2020) on words.
    """
    cosines = list(map(_cosine, x, y))
    from_0_to_1 = [(cosine / 2 + 0.5).clamp(min=0) for cosine in cosines]
    return {
        "aer": list(map(plan_links, plans, x_masks, y_masks)),
        "aer_cosine": list(map(_links_of_present, cosines, x_masks, y_masks)),
        "aer_itermax": list(map(partial(_links_of_present, rule=itermax), from_0_to_1, x_masks, y_masks)),
    }


def plan_links(plan: Tensor, source_mask: Tensor, pivot_mask: Tensor) -> Links:
    """Mutual argmax of a plan (n, m) among the words that have a vector and that it does not leave without partner."""
    masks = [mask.clone() for mask in (source_mask, pivot_mask)]
    if all(mask.any() for mask in masks):
        present = plan[masks[0]][:, masks[1]]
        for mask, alone in zip(masks, without_partner(present), strict=True):
            mask[mask.nonzero()[:, 0][alone]] = False
    return _links_of_present(plan, *masks)


def _links_of_present(matrix: Tensor, source_mask: Tensor, pivot_mask: Tensor, rule=mutual_argmax) -> Links:
    """Links among the words that have a vector."""
    rows, columns = (mask.nonzero()[:, 0].tolist() for mask in (source_mask, pivot_mask))
    if not rows or not columns:
        return set()
    return {(rows[i], columns[j]) for i, j in rule(matrix[rows][:, columns])}


# Which sentences are translations


def mismatched(pairs: Sequence[Pair]) -> list[GoldPair]:
    """Each pair's source sentence beside another pivot sentence, of a pair of about the same length, without links.

    A ValueError says if all pivot sentences are the same.
    """
    pairs = list(map(as_pair, pairs))
    order = sorted(range(len(pairs)), key=lambda i: (len(pairs[i].pivot), len(pairs[i].source)))
    shuffled: list = [None] * len(pairs)
    for place, i in enumerate(order):
        following = (pairs[j].pivot for j in order[place + 1 :] + order[:place])
        other = next((pivot for pivot in following if pivot != pairs[i].pivot), None)
        if other is None:
            raise ValueError("mismatched pairs need two different pivot sentences: give more text")
        shuffled[i] = GoldPair(pairs[i].source, other, set(), set())
    return shuffled


def confidence_test(translations: Sequence[Tensor], others: Sequence[Tensor]) -> dict[str, float]:
    """Does the confidence of plans (n_i, m_i) tell translations from other sentence pairs, as of :func:`mismatched`?

    ``translations`` and ``others`` are the mean :func:`otlib.transport.links.pair_confidence` of each kind; ``AUC`` is
    how often a translation has the higher one of the two, from 0.5 (chance) to 1 (always). A ValueError says if there
    is no plan of a kind.
    """
    if not translations or not others:
        raise ValueError(
            f"needs plans of both kinds, got {len(translations)} of translations and {len(others)} of others"
        )
    sides = [[float(pair_confidence(plan)) for plan in plans] for plans in (translations, others)]
    is_translation = np.repeat([1, 0], [len(side) for side in sides])
    auc = roc_auc_score(is_translation, np.concatenate(sides))
    return {"translations": float(np.mean(sides[0])), "others": float(np.mean(sides[1])), "AUC": float(auc)}


def by_confidence(pairs: Sequence[Pair], plans: Sequence[Tensor]) -> pd.DataFrame:
    """The sentence pairs as text, the least confident plan first: columns ``source, pivot, confidence``."""
    source, pivot = (list(map(" ".join, side)) for side in _sides(pairs))
    table = pd.DataFrame({"source": source, "pivot": pivot, "confidence": [float(pair_confidence(p)) for p in plans]})
    return table.sort_values("confidence", ignore_index=True)


# Which sentence to draw


def unmarked(text: ParallelText) -> list[GoldPair]:
    """Sentence pairs without gold links, to look at where a language has no gold alignments."""
    return [GoldPair(*sides, set(), set()) for sides in zip(text.source, text.pivot, strict=True)]


def telling_pair(pairs: Sequence[Pair]) -> GoldPair:
    """The sentence pair to draw: of 7 to 11 words, which fit a page, with the most links beyond one to one.

    Of equal ones, that whose links cross most often. A ValueError says if there is none.
    """
    if not pairs:
        raise ValueError("there is no sentence pair to draw")
    pairs = list(map(as_pair, pairs))
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
