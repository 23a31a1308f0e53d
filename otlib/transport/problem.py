"""What goes into a transport problem: its options and their checks, the clouds, cost matrices and epsilon.

Shapes: a batch has B pairs of clouds, of at most n and m points with d coordinates each.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

COSTS = ("half_sqeuclidean", "euclidean", "cosine")
SOLVERS = ("converged", "geomloss", "exact")

SMALLEST_SQUARE = 1e-8  # GeomLoss's floor under a squared distance before its root is taken


class Problem(NamedTuple):
    """Options of a transport problem, those of :func:`otlib.transport.transport_cost`; and GeomLoss's schedule."""

    cost: str
    epsilon: float
    relative: bool
    solver: str
    tolerance: float
    max_iterations: int
    unbalanced: float | tuple[float, float] | None = None
    mass: float | None = None
    schedule: list[float] | None = None  # epsilons of GeomLoss's steps: one list for all pairs of the batch


class Clouds(NamedTuple):
    """Pairs of clouds made ready for a solver."""

    x: Tensor  # (B, n, d): float32 or float64, zero on padding
    y: Tensor  # (B, m, d)
    a: Tensor  # (B, n): weights, zero on padding
    b: Tensor  # (B, m)
    real: Tensor  # (B,): whether both clouds of the pair have a point


def check(problem: Problem) -> None:
    """Raise a ValueError for options that are out of range or do not go together."""
    cost, epsilon, relative, solver, _, _, unbalanced, mass, _ = problem
    if cost not in COSTS:
        raise ValueError(f"cost must be one of {', '.join(COSTS)}, got {cost!r}")
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, got {solver!r}")
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}; for unregularised transport use solver='exact'")
    if solver == "geomloss" and relative:
        raise ValueError("solver='geomloss' needs relative=False: its epsilon is absolute, blur ** p (0.05 ** 2)")
    if solver == "geomloss" and cost == "cosine":
        raise ValueError("solver='geomloss' knows the costs half_sqeuclidean (p=2) and euclidean (p=1), not cosine")
    if mass is not None and not 0 < mass <= 1:
        raise ValueError(f"mass must be above 0 and at most 1, got {mass}")
    if mass is not None and (unbalanced is not None or solver == "geomloss"):
        raise ValueError("partial transport (mass) goes with solver='converged' or 'exact', and without unbalanced")
    if unbalanced is not None and solver != "converged":
        raise ValueError(f"unbalanced transport needs solver='converged', got {solver!r}")
    if unbalanced is not None and not all(price >= 0 for price in both_prices(unbalanced)):
        raise ValueError(f"unbalanced must not be negative, got {unbalanced}")


def both_prices(unbalanced: float | tuple[float, float]) -> tuple[float, float]:
    """The prices of a missed marginal of x and of y."""
    return tuple(unbalanced) if isinstance(unbalanced, (tuple, list)) else (unbalanced, unbalanced)


def norm_weights(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Weights in proportion to the norms of the points (Yokoi et al., 2020, "Word Rotator's Distance").

    The longer the vector of a word, the more it counts. In a cloud of zeros all points count the same.

    Parameters
    ----------
    x : Tensor, shape (B, n, d)
        Points. Padded rows may hold anything.
    mask : Tensor of bool, shape (B, n), optional
        True for a real point; all of them if None.

    Returns
    -------
    Tensor, shape (B, n)
        Each row sums to 1, or to 0 for a cloud without points. No gradient flows through the weights.
    """
    norms = x.detach().to(_precision(x)).norm(dim=-1)
    return shares(norms, torch.ones_like(norms, dtype=torch.bool) if mask is None else mask)


def shares(weights: Tensor, mask: Tensor) -> Tensor:
    """Weights (B, n) of the real points, made to sum to 1 in each row; equal ones where all are zero."""
    weights = weights.masked_fill(~mask, 0.0)
    weights = torch.where(weights.sum(1, keepdim=True) > 0, weights, mask.to(weights))
    return weights / weights.sum(1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)


# --- clouds -----------------------------------------------------------------------------------------------------------


def prepare(x, y, x_mask, y_mask, a, b, problem: Problem, overwrite: bool = False) -> Clouds:
    """Clouds near the origin with their weights, zero on padding; with ``overwrite``, x and y may change in place."""
    dtype = _precision(x)
    masks, weights = [], []
    for points, mask, given in ((x, x_mask, a), (y, y_mask, b)):
        mask = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device) if mask is None else mask
        given = mask.to(dtype) / mask.sum(1, keepdim=True).clamp(min=1) if given is None else given
        masks.append(mask)
        weights.append(given.to(dtype) * mask)
    a, b = weights
    real = (a.sum(1) > 0) & (b.sum(1) > 0)
    if problem.cost == "cosine":
        x, y = (torch.nn.functional.normalize(z.to(dtype), dim=-1) for z in (x, y))
    elif problem.solver == "geomloss":
        # GeomLoss starts at the extent of the whole batch, which would change if each pair were moved.
        x, y = (z.to(dtype, copy=not overwrite) for z in (x, y))
    else:
        # Far from the origin a cost is a small difference of large squares. So the first real point of y becomes the
        # origin of its pair.
        origin = y[torch.arange(len(y), device=y.device), masks[1].byte().argmax(1)][:, None].to(dtype)
        x, y = (z.to(dtype, copy=not overwrite).sub_(origin) for z in (x, y))
    for points, mask in zip((x, y), masks, strict=True):
        absent = ~(mask & real[:, None])
        if on_accelerator(points):
            points.masked_fill_(absent[..., None], 0.0)
        else:  # several times as fast, but an accelerator would have to wait for the indices
            points[absent.nonzero(as_tuple=True)] = 0.0
    # A pair with an empty side becomes one point on either side, in the same place, so that all its numbers are finite.
    a, b = (torch.where(real[:, None], z, torch.eye(1, z.shape[1], dtype=dtype, device=z.device)) for z in (a, b))
    return Clouds(x, y, a, b, real)


def _precision(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def on_accelerator(tensor: Tensor) -> bool:
    """Whether the host runs ahead of the device that computes, so that reading a number would make it wait."""
    return tensor.device.type != "cpu"


# --- costs and epsilon ------------------------------------------------------------------------------------------------


def cost_matrix(cost: str, x: Tensor, y: Tensor | None = None) -> Tensor:
    """Costs between the points of two clouds, shape (B, n, m); of a cloud to itself, (B, n, n), if there is no y.

    All come from half the squared distances, by matrix products: for the cosine cost the points are unit vectors, and
    1 - cos is half their squared distance.
    """
    if y is None:
        gram = x @ x.mT
        half = gram.diagonal(dim1=1, dim2=2) / 2
        squares = gram.neg_().add_(half[:, :, None]).add_(half[:, None, :])
        squares.diagonal(dim1=1, dim2=2).zero_()  # from a point to itself exactly zero
    else:
        half_x, half_y = (torch.linalg.vector_norm(z, dim=-1).square_().div_(2) for z in (x, y))
        squares = torch.baddbmm(half_x[:, :, None] + half_y[:, None, :], x, y.mT, alpha=-1)
    squares.clamp_(min=0)
    return (2 * squares).clamp_(min=SMALLEST_SQUARE).sqrt_() if cost == "euclidean" else squares


def by_half_squares(plan: Tensor, C: Tensor, cost: str) -> Tensor:
    """Derivative of the optimal value by half the squared distances; the plan is its derivative by the costs ``C``.

    For the Euclidean cost sqrt(2 s) the chain rule divides by the cost. Between equal points there is no derivative,
    and zero is taken.
    """
    return torch.where(C > 1.01 * SMALLEST_SQUARE**0.5, plan / C, 0.0) if cost == "euclidean" else plan


def epsilon_of_pairs(C: Tensor, clouds: Clouds, problem: Problem) -> Tensor:
    """Epsilon of each pair in units of the cost, shape (B,)."""
    if not problem.relative:
        return torch.full_like(clouds.a[:, 0], problem.epsilon)
    mean = torch.einsum("bi,bij,bj->b", clouds.a, C, clouds.b)
    # Between equal clouds the costs are rounding errors, in proportion to the squared norms. Epsilon stays above them.
    rounding = 1e-6 * (clouds.a * torch.linalg.vector_norm(clouds.x, dim=-1).square()).sum(1)
    return torch.maximum(problem.epsilon * mean, rounding).clamp(min=1e-12)
