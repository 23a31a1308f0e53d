"""Hard alignments from transport plans (or from any matrix of similarities), and how sure of them one may be."""

from __future__ import annotations

import torch
from torch import Tensor

Links = set[tuple[int, int]]


def mutual_argmax(similarity: Tensor) -> Links:
    """Links (i, j) where each is the other's best in a matrix (n, m): one to one, and sure ones."""
    forth, back = similarity.argmax(1).tolist(), similarity.argmax(0).tolist()
    return {(i, j) for i, j in enumerate(forth) if back[j] == i}


def itermax(similarity: Tensor, *, rounds: int = 2, discount: float = 0.9) -> Links:
    """Mutual argmax, repeated: words with a link may get one more (SimAlign; Jalili Sabet et al., 2020, section 2.3).

    Parameters
    ----------
    similarity : Tensor, shape (n, m)
        Not negative.
    rounds : int
        The first is :func:`mutual_argmax`.
    discount : float
        What a similarity counts, in later rounds, if one of its two words has a link; if both have, nothing.
    """
    linked = torch.zeros_like(similarity, dtype=torch.bool)
    for _ in range(rounds):
        rows, columns = linked.any(1)[:, None], linked.any(0)[None, :]
        weight = torch.where(rows & columns, 0.0, torch.where(rows | columns, discount, 1.0)).to(similarity)
        weighted = similarity * weight
        for i, j in mutual_argmax(weighted):
            linked[i, j] |= weighted[i, j] > 0
    return set(map(tuple, linked.nonzero().tolist()))


def threshold(plan: Tensor, share: float = 0.3) -> Links:
    """Links whose confidence (:func:`link_confidence`) is at least ``share``, from a plan (n, m): many to many."""
    return set(map(tuple, (link_confidence(plan) >= share).nonzero().tolist()))


def link_confidence(plan: Tensor) -> Tensor:
    """Geometric mean of the shares that a link has of its two words' mass, shape (..., n, m); 0 on padding.

    1 where two words have their whole mass in common. The shares are of the mass that is moved, so that unbalanced and
    partial plans are on the same scale.
    """
    rows, columns = plan.sum(-1, keepdim=True), plan.sum(-2, keepdim=True)
    return plan / (rows * columns).sqrt().clamp(min=torch.finfo(plan.dtype).tiny)


def pair_confidence(plan: Tensor) -> Tensor:
    """Mean of :func:`link_confidence` over the mass of a plan (..., n, m), shape (...); 0 for an empty plan.

    From 1 / sqrt(n m), where everything goes everywhere, to 1, where every word has one partner.
    """
    return (plan * link_confidence(plan)).sum((-2, -1)) / plan.sum((-2, -1)).clamp(min=torch.finfo(plan.dtype).tiny)
