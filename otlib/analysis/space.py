"""The shape of a space of vectors, and how alike two spaces are."""

import torch
from torch import Tensor

from otlib.analysis.retrieval import check_finite, directions


def mean_cosine(vectors: Tensor) -> float:
    """Mean cosine of two different vectors (N, d): 0 for an isotropic space, 1 for a collapsed one.

    A zero vector has no direction and is left out. A ValueError says if fewer than two are left, or one is not finite.
    """
    unit = directions(vectors.double())
    n = int(unit.any(1).sum())
    if n < 2:
        raise ValueError(f"a mean cosine needs two vectors that are not zero, got {n}")
    return float((unit.sum(0).square().sum() - n) / (n * (n - 1)))


def effective_rank(vectors: Tensor) -> float:
    """Exponential of the entropy of the centred vectors' singular values (Roy and Vetterli, 2007).

    0 if all vectors (N, d) are the same. A ValueError says if there is none, or one is not finite.
    """
    if not len(vectors):
        raise ValueError("an effective rank needs a vector, there is none")
    check_finite(vectors)
    values = torch.linalg.svdvals((vectors - vectors.mean(0)).double())
    if values.norm() <= 1e-6 * vectors.norm():  # rounding
        return 0.0
    share = values / values.sum()
    share = share[share > 0]
    return float((-(share * share.log()).sum()).exp())


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Linear centred kernel alignment of the same items' vectors (N, d) and (N, e), 0 to 1 (Kornblith et al., 2019).

    0 if all vectors of a side are the same. A ValueError says if there are fewer than two, or one is not finite.
    """
    if len(x) != len(y) or len(x) < 2:
        raise ValueError(f"CKA compares two vectors or more of the same items, got {len(x)} and {len(y)}")
    check_finite(x, y)
    lengths = x.norm(), y.norm()
    x, y = ((z - z.mean(0)).double() for z in (x, y))
    if any(z.norm() <= 1e-6 * length for z, length in zip((x, y), lengths, strict=True)):  # rounding
        return 0.0
    return float((x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm()))
