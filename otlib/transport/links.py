"""Hard alignments from transport plans, or from any matrix of similarities, and how sure they are.

A hard alignment of n with m words is a set of links (i, j), 0 <= i < n and 0 <= j < m.
"""

from __future__ import annotations

import torch
from torch import Tensor


def mutual_argmax(similarity: Tensor) -> set[tuple[int, int]]:
    """Links (i, j) where j is the best of row i, and i the best of column j, in a matrix (n, m).

    One to one: a word has one link or none. Of equal ones the first is the best. A ValueError says if this is no
    matrix, or holds NaN.
    """
    _check(similarity)
    if not similarity.numel():
        return set()
    best_columns, best_rows = similarity.argmax(1).tolist(), similarity.argmax(0).tolist()
    return {(i, j) for i, j in enumerate(best_columns) if best_rows[j] == i}


def itermax(similarity: Tensor, *, rounds: int = 2, discount: float = 0.9) -> set[tuple[int, int]]:
    """Mutual argmax, repeated: later rounds find partners for words without a link, also among words that have one.

    SimAlign; Jalili Sabet et al., 2020, section 2.3.

    Similarities (n, m) are not negative. The first round is :func:`mutual_argmax`; in later ones a similarity is
    multiplied by ``discount`` if one of its two words has a link, by 0 if both have. A ValueError says if this is no
    matrix, or holds NaN or a negative number.
    """
    _check(similarity, least=0.0)
    linked = torch.zeros_like(similarity, dtype=torch.bool)
    for _ in range(rounds):
        rows, columns = linked.any(1)[:, None], linked.any(0)[None, :]
        weight = torch.where(rows & columns, 0.0, torch.where(rows | columns, discount, 1.0)).to(similarity)
        weighted = similarity * weight
        for i, j in mutual_argmax(weighted):
            linked[i, j] |= weighted[i, j] > 0
    return set(map(tuple, linked.nonzero().tolist()))


def threshold(plan: Tensor, share: float = 0.3) -> set[tuple[int, int]]:
    """Links of a plan (n, m) whose confidence (:func:`link_confidence`) is at least ``share``; many to many.

    A ValueError says if ``share`` is not above 0 and at most 1 (0 would link words that send each other nothing), or as
    of :func:`itermax`.
    """
    _check(plan, least=0.0)
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    return set(map(tuple, (link_confidence(plan) >= share).nonzero().tolist()))


def _check(matrix: Tensor, least: float = -torch.inf) -> None:
    if not isinstance(matrix, Tensor) or matrix.ndim != 2 or matrix.dtype == torch.bool or matrix.isnan().any():
        got = f"shape {tuple(matrix.shape)}, {matrix.dtype}" if isinstance(matrix, Tensor) else type(matrix).__name__
        raise ValueError(f"links need a tensor (n, m) of numbers, got {got}, or NaN in it")
    if (matrix < least).any():
        raise ValueError(f"links need numbers that are not negative here, got {float(matrix.min()):.3g}")


def without_partner(plan: Tensor, share: float = 0.5) -> tuple[Tensor, Tensor]:
    """Which words of a plan (n, m) send or get less than a ``share`` of what each would if all weighed the same.

    Two tensors of bool, (n,) and (m,). Marginals of balanced transport are met, so that no word is among them where
    marginals are uniform; unbalanced and partial transport leave words without a partner.
    """
    _check(plan, least=0.0)
    sums = plan.sum(1), plan.sum(0)
    return tuple(side * len(side) < share for side in sums)


def link_confidence(plan: Tensor) -> Tensor:
    """How much of the mass of its two words each link of a plan (..., n, m) carries: the geometric mean of both shares.

    That is plan_ij / sqrt(r_i c_j), where r and c are the row and column sums of the plan: from 0, as on padding, to 1,
    where two words send all their mass to each other. Since the sums count moved mass only, unbalanced and partial
    plans have the same scale.
    """
    rows, columns = plan.sum(-1, keepdim=True), plan.sum(-2, keepdim=True)
    return plan / (rows * columns).sqrt().clamp(min=torch.finfo(plan.dtype).tiny)


def pair_confidence(plan: Tensor) -> Tensor:
    """Mean of :func:`link_confidence` over the mass of a plan (..., n, m): how sure the alignment of a pair is.

    From 1 / sqrt(n m), where every word sends mass everywhere, to 1, where every word has one partner; 0 for an empty
    plan.
    """
    return (plan * link_confidence(plan)).sum((-2, -1)) / plan.sum((-2, -1)).clamp(min=torch.finfo(plan.dtype).tiny)
