"""What goes into a transport problem, and what comes out: options and their checks, clouds, costs, epsilon, solutions.

Shapes: a batch has B pairs of clouds, of at most n and m points with d coordinates each.
"""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import NamedTuple

import torch
from torch import Tensor

COSTS = ("half_sqeuclidean", "euclidean", "cosine")
SOLVERS = ("converged", "geomloss", "exact")

# Of Sinkhorn's algorithm, in PyTorch and in the GPU's kernels.
BLOCK = 26  # iterations between two absorptions of the scalings into the potentials
SELF_ITERATIONS = 200
OVER_RELAXATION = 1.75  # a step of the potentials, in units of Sinkhorn's
TINY = 1e-30  # added to what is divided by

SMALLEST_SQUARE = 1e-8  # GeomLoss's floor under a squared distance before its root is taken; others take none


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

    @property
    def smallest_square(self) -> float:
        """Floor under a squared distance."""
        return SMALLEST_SQUARE if self.solver == "geomloss" else 0.0


class Clouds(NamedTuple):
    """Pairs of clouds made ready for a solver."""

    x: Tensor  # (B, n, d): float32 or float64, zero on padding
    y: Tensor  # (B, m, d)
    a: Tensor  # (B, n): weights, zero on padding
    b: Tensor  # (B, m)
    real: Tensor  # (B,): whether both clouds of the pair have a point


class Solution(NamedTuple):
    """What a solver found for each pair.

    Until a solver has converged no plan has both marginals, so there are two. The gradient by x is taken from
    ``plan_rows``, in which each point of x has its exact weight, and the gradient by y from ``plan_columns``. The
    gradients by the weights are ``by_a`` and ``by_b``: for entropic transport with both marginals, the potentials.
    """

    value: Tensor  # (B,)
    plan_rows: Tensor  # (B, n, m): the plan with exact row sums
    plan_columns: Tensor  # (B, n, m): the plan with exact column sums
    iterations: Tensor  # (B,)
    error: Tensor  # (B,): L1 distance of a marginal of the plan from the one asked for
    by_a: Tensor  # (B, n): derivative of the value by the weights, zero for absent points
    by_b: Tensor  # (B, m)


class SelfSolution(NamedTuple):
    """What a solver found for each cloud and itself."""

    half_value: Tensor  # (B,): half the optimal value, which debiasing subtracts
    self_plan: Tensor  # (B, n, n): the plan of a cloud to itself
    error: Tensor  # (B,)
    by_a: Tensor  # (B, n): derivative of the half value by the weights


def check(problem: Problem) -> None:
    """Raise a ValueError for options that are out of range or do not go together, a TypeError for what is no number."""
    cost, epsilon, relative, solver, tolerance, max_iterations, unbalanced, mass, _ = problem
    prices = [] if unbalanced is None else both_prices(unbalanced)
    numbers = [("epsilon", epsilon), ("tolerance", tolerance), ("max_iterations", max_iterations)]
    numbers += [("unbalanced", price) for price in prices] + [("mass", mass)] * (mass is not None)
    for name, number in numbers:
        if not isinstance(number, Real) or isinstance(number, bool):
            raise TypeError(f"{name} must be a number, got a {type(number).__name__}")
    if not isinstance(relative, bool):
        raise TypeError(f"relative must be True or False, got {relative!r}")
    if cost not in COSTS:
        raise ValueError(f"cost must be one of {', '.join(COSTS)}, got {cost!r}")
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, got {solver!r}")
    if not 0 < epsilon < math.inf:
        raise ValueError(
            f"epsilon must be positive and finite, got {epsilon}; for unregularised transport use solver='exact'"
        )
    if not 0 < tolerance < math.inf:
        raise ValueError(f"tolerance must be positive and finite, got {tolerance}")
    if not (isinstance(max_iterations, Integral) and max_iterations >= 1):
        raise ValueError(f"max_iterations must be a whole number of at least 1, got {max_iterations}")
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
    if unbalanced is not None and len(prices) != 2:
        raise ValueError(f"unbalanced must be one price, or one for x and one for y, got {unbalanced}")
    if not all(price >= 0 for price in prices):
        raise ValueError(f"unbalanced must not be negative, got {unbalanced}")


def check_clouds(x: Tensor, y: Tensor, x_mask, y_mask, a, b) -> None:
    """Raise a TypeError for what is no tensor of the kind asked for, a ValueError for shapes, devices and weights.

    The numbers of the weights are looked at on a CPU only, for elsewhere the host would have to wait. Those of the
    points are not: a point that is NaN makes the value of its pair NaN.
    """
    check_points("x", x)
    check_points("y", y)
    if len(x) != len(y) or x.shape[2] != y.shape[2] or x.device != y.device:
        raise ValueError(
            "x and y must have equally many pairs and coordinates, on one device, got "
            f"{tuple(x.shape)} on {x.device} and {tuple(y.shape)} on {y.device}"
        )
    for points, mask, weights, side in ((x, x_mask, a, "xa"), (y, y_mask, b, "yb")):
        if mask is not None:
            check_mask(f"{side[0]}_mask", mask, points)
        if weights is not None:
            _check_weights(side[1], weights, mask, points)


def check_points(name: str, points: Tensor) -> None:
    """Raise a TypeError or ValueError if these are no points (B, n, d)."""
    if not isinstance(points, Tensor) or not points.is_floating_point():
        raise TypeError(f"{name} must be a tensor of floating point numbers, got {_kind(points)}")
    if points.ndim != 3 or 0 in points.shape:
        raise ValueError(f"{name} must have shape (B, n, d), none of the three 0, got {tuple(points.shape)}")


def check_mask(name: str, mask: Tensor, points: Tensor) -> None:
    """Raise a TypeError or ValueError if this is no mask of the points."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"{name} must be a tensor of bool, True for a real point, got {_kind(mask)}: use .bool()")
    _check_rows(name, mask, points)


def _check_weights(name: str, weights: Tensor, mask: Tensor | None, points: Tensor) -> None:
    if not isinstance(weights, Tensor) or not weights.is_floating_point():
        raise TypeError(
            f"{name} must be a tensor of floating point numbers, the weights of the points, got {_kind(weights)}: a "
            f"mask is given as {'x' if name == 'a' else 'y'}_mask"
        )
    _check_rows(name, weights, points)
    if on_accelerator(weights):
        return
    weights = weights.detach() if mask is None else weights.detach().masked_fill(~mask, 0.0)
    total, least = weights.sum(1, dtype=torch.float64), weights.amin(1)
    wrong = ~((least >= 0) & ((total - 1).abs() <= 0.01))  # half precision rounds weights by up to 0.4 %
    if mask is not None:
        wrong &= mask.any(1)
    if wrong.any():
        pair = int(wrong.int().argmax())
        raise ValueError(
            f"{name}: the weights of a cloud's real points must not be negative and must sum to 1, but in pair {pair} "
            f"the least is {float(least[pair]):.3g} and the sum {float(total[pair]):.3g}: divide by their sum"
        )


def _check_rows(name: str, given: Tensor, points: Tensor) -> None:
    if given.shape != points.shape[:2] or given.device != points.device:
        raise ValueError(
            f"{name} must have shape {tuple(points.shape[:2])}, an entry for each point, on {points.device}, got "
            f"{tuple(given.shape)} on {given.device}"
        )


def _kind(given) -> str:
    return str(given.dtype) if isinstance(given, Tensor) else f"a {type(given).__name__}"


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

    Raises
    ------
    TypeError, ValueError
        If x is no tensor of points, or mask no mask of them.
    """
    check_points("x", x)
    if mask is not None:
        check_mask("mask", mask, x)
    norms = x.detach().to(_precision(x)).norm(dim=-1)
    return shares(norms, torch.ones_like(norms, dtype=torch.bool) if mask is None else mask)


def shares(weights: Tensor, mask: Tensor) -> Tensor:
    """Weights (B, n) of the real points, made to sum to 1 in each row; equal ones where the sum is 0 or not finite."""
    weights = weights.masked_fill(~mask, 0.0)
    total = weights.sum(1, keepdim=True)
    weights = torch.where((total > 0) & total.isfinite(), weights, mask.to(weights))
    return weights / weights.sum(1, keepdim=True).clamp(min=torch.finfo(weights.dtype).tiny)


# --- clouds -----------------------------------------------------------------------------------------------------------


def prepare(x, y, x_mask, y_mask, a, b, problem: Problem, overwrite: bool = False) -> Clouds:
    """Clouds near the origin with their weights, zero on padding; with ``overwrite``, x and y may change in place."""
    dtype = _precision(x, y)
    masks, weights = [], []
    for points, mask, given in ((x, x_mask, a), (y, y_mask, b)):
        mask = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device) if mask is None else mask
        given = mask.to(dtype) / mask.sum(1, keepdim=True).clamp(min=1) if given is None else given
        masks.append(mask)
        weights.append(given.to(dtype).masked_fill(~mask, 0.0))
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


def _precision(*points: Tensor) -> torch.dtype:
    return torch.float64 if any(z.dtype == torch.float64 for z in points) else torch.float32


def on_accelerator(tensor: Tensor) -> bool:
    """Whether the host runs ahead of the device that computes, so that reading a number would make it wait."""
    return tensor.device.type != "cpu"


# --- costs and epsilon ------------------------------------------------------------------------------------------------


def cost_matrix(cost: str, x: Tensor, y: Tensor | None = None, *, smallest_square: float = 0.0) -> Tensor:
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
    return (2 * squares).clamp_(min=smallest_square).sqrt_() if cost == "euclidean" else squares


def by_half_squares(plan: Tensor, C: Tensor, problem: Problem) -> Tensor:
    """Derivative of the optimal value by half the squared distances; the plan is its derivative by the costs ``C``.

    For the Euclidean cost sqrt(2 s) the chain rule divides by the cost. Between equal points there is no derivative,
    and zero is taken.
    """
    if problem.cost != "euclidean":
        return plan
    return torch.where(C.gt(1.01 * problem.smallest_square**0.5), plan / C, 0.0)


def epsilon_of_pairs(C: Tensor, clouds: Clouds, problem: Problem) -> Tensor:
    """Epsilon of each pair in units of the cost, shape (B,)."""
    if not problem.relative:
        return torch.full_like(clouds.a[:, 0], problem.epsilon)
    mean = torch.einsum("bi,bij,bj->b", clouds.a, C, clouds.b)
    # Between equal clouds the costs are rounding errors, in proportion to norms or squared norms. Epsilon stays above.
    norms = torch.linalg.vector_norm(clouds.x, dim=-1)
    rounding = 1e-6 * (clouds.a * (norms if problem.cost == "euclidean" else norms.square())).sum(1)
    return torch.maximum(problem.epsilon * mean, rounding).clamp(min=1e-30)
