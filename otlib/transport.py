r"""Batched optimal transport between clouds of points: divergences and their gradients, plans, convergence.

**Cost and plan.** Two clouds, points :math:`x_i` with weights :math:`a_i` and :math:`y_j` with weights :math:`b_j`
(the *marginals*), and a cost :math:`C_{ij}` for a unit of mass from one to the other. A *plan* :math:`\pi` says how
much goes where, and transport is the cheapest plan:

.. math:: OT_\varepsilon(a, b) = \min_{\pi \ge 0,\ \pi 1 = a,\ \pi^T 1 = b} \langle \pi, C \rangle
          + \varepsilon\, KL(\pi\,|\,a \otimes b).

**Epsilon and potentials.** Without the second term this is a linear programme. With it the plan is smooth, unique and
of the form :math:`\pi_{ij} = a_i b_j \exp((f_i + g_j - C_{ij}) / \varepsilon)`; the *potentials* :math:`f, g` are all
that has to be found, by making rows and columns sum to :math:`a` and :math:`b` in turn (Sinkhorn's algorithm; Cuturi,
2013). A large epsilon spreads the mass, a small one comes near the linear programme and needs more iterations.
Epsilon has the unit of the cost, so it is given here as a fraction of each pair's mean cost, unless ``relative=False``.

**Debiasing.** The entropy draws points to the middle: :math:`OT_\varepsilon(a, a)` is not zero. The Sinkhorn
divergence

.. math:: S_\varepsilon(a, b) = OT_\varepsilon(a, b) - \tfrac12 OT_\varepsilon(a, a) - \tfrac12 OT_\varepsilon(b, b)

(Feydy et al., 2019) is, for the half squared Euclidean cost, zero for equal clouds and positive for all others.

**Gradients** follow from the envelope theorem: the optimal plan is the derivative of the value by the cost matrix, so
no iteration is recorded. Weights are constants.

**The paper's setting** is GeomLoss's default, blur .05: epsilon is :math:`.05^2 = .0025` in units of the cost. If word
vectors have norms near 17 and costs near 150, as we take those of mBERT to have, epsilon is 1e-5 relative to them:
transport that is not regularised in effect. GeomLoss makes some 14 annealing steps for it, one for each epsilon, and is
not converged at the end: on simulated vectors of that size its gradient is off that of exact transport by a quarter of
its norm on average over pairs of 8 to 64 words, by more on some (the primer shows one, ``benchmarks/transport.py``
measures many). ``solver="geomloss"`` reproduces this number for number.

Clouds of unequal size are padded and masked. Everything is computed in float32 (float64 stays) outside autocast.
"""

from __future__ import annotations

import math
import warnings
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

COSTS = ("half_sqeuclidean", "euclidean", "cosine")
SOLVERS = ("converged", "geomloss", "exact")


class Status(NamedTuple):
    """How a solver ended, for each pair of clouds; tensors of shape (B,).

    Attributes
    ----------
    converged : Tensor of bool
        Whether ``error`` is at most the tolerance.
    iterations : Tensor of int
    error : Tensor
        L1 distance between a marginal of the plan and the one asked for; each sums to 1.
    """

    converged: Tensor
    iterations: Tensor
    error: Tensor


def sinkhorn_divergence(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    *,
    a: Tensor | None = None,
    b: Tensor | None = None,
    cost: str = "half_sqeuclidean",
    epsilon: float = 0.05,
    relative: bool = True,
    solver: str = "converged",
    tolerance: float = 1e-3,
    max_iterations: int = 1000,
    unbalanced: float | None = None,
    return_status: bool = False,
) -> Tensor | tuple[Tensor, Status]:
    """Debiased Sinkhorn divergence between the clouds of each pair; differentiable to the points.

    Parameters
    ----------
    x, y : Tensor, shape (B, n, d) and (B, m, d)
        Points. What stands in padded rows does not matter.
    x_mask, y_mask : Tensor of bool, shape (B, n) and (B, m), optional
        True for a real point; all of them if None.
    a, b : Tensor, shape (B, n) and (B, m), optional
        Weights that sum to 1 over the real points; uniform if None.
    cost : {"half_sqeuclidean", "euclidean", "cosine"}
    epsilon : float
        Entropic regularisation: a fraction of each pair's mean cost if ``relative``, else in units of the cost.
    solver : {"converged", "geomloss", "exact"}
        To ``tolerance``; by GeomLoss's default schedule, which is the paper's setting with ``epsilon=0.05**2`` and
        ``relative=False``; or the unregularised problem, which needs no debiasing: POT's network simplex on a CPU,
        proximal steps on a GPU.
    tolerance : float
        Largest error of a marginal (L1) at which the iterations of a pair stop.
    max_iterations : int
        Where a gradient is wanted on a GPU, always 52 at most: looking at the error would make the host wait.
    unbalanced : float, optional
        Marginals may be missed at this price: the weight of their KL divergences, in the units of ``epsilon``
        (Sejourne et al., 2019). None: they are held.
    return_status : bool
        Return a :class:`Status` as well. Without it, pairs that did not converge are warned of, except on a GPU.

    Returns
    -------
    Tensor, shape (B,)
        In units of the cost; 0 for a pair with an empty side.

    Raises
    ------
    ValueError
        If ``epsilon`` is not positive, cost or solver unknown, or options do not go together.

    Warns
    -----
    UserWarning
        If pairs did not converge.
    """
    if isinstance(unbalanced, (tuple, list)):
        raise ValueError(f"a divergence has one price for both clouds, got {unbalanced}: use transport_cost")
    problem = _Problem(cost, epsilon, relative, solver, tolerance, max_iterations, unbalanced)
    return _value(x, y, x_mask, y_mask, a, b, problem, return_status, debias=solver != "exact")


def transport_cost(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    *,
    a: Tensor | None = None,
    b: Tensor | None = None,
    cost: str = "half_sqeuclidean",
    epsilon: float = 0.05,
    relative: bool = True,
    solver: str = "converged",
    tolerance: float = 1e-3,
    max_iterations: int = 1000,
    unbalanced: float | tuple[float, float] | None = None,
    mass: float | None = None,
    return_status: bool = False,
) -> Tensor | tuple[Tensor, Status]:
    """Transport between the clouds of each pair without debiasing, shape (B,); differentiable to the points.

    The minimum of cost, entropy and, if ``unbalanced``, the price of missed marginals. Parameters, errors and warnings
    are those of :func:`sinkhorn_divergence`, and:

    Parameters
    ----------
    unbalanced : float or pair of floats, optional
        One price for both clouds, or one for x and one for y: ``math.inf`` holds a marginal, 0 frees it
        (semi-relaxed transport).
    mass : float, optional
        Partial transport: only this part of the mass (between 0 and 1) is moved, the cheapest. The entropy is that of
        the plan with the waste in it.
    """
    problem = _Problem(cost, epsilon, relative, solver, tolerance, max_iterations, unbalanced, mass)
    if solver == "geomloss":
        raise ValueError("solver='geomloss' is a schedule for the debiased divergence: use sinkhorn_divergence")
    return _value(x, y, x_mask, y_mask, a, b, problem, return_status, debias=False)


@torch.no_grad()
def transport_plan(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    *,
    a: Tensor | None = None,
    b: Tensor | None = None,
    cost: str = "half_sqeuclidean",
    epsilon: float = 0.05,
    relative: bool = True,
    solver: str = "converged",
    tolerance: float = 1e-3,
    max_iterations: int = 1000,
    unbalanced: float | tuple[float, float] | None = None,
    mass: float | None = None,
    return_status: bool = False,
) -> Tensor | tuple[Tensor, Status]:
    """Transport plan of each pair of clouds, shape (B, n, m); zero on padding and for a pair with an empty side.

    Its columns sum to ``b``, its rows to ``a`` up to the tolerance, unless ``unbalanced`` or ``mass`` says otherwise.
    Parameters, errors and warnings are those of :func:`transport_cost`; ``solver="geomloss"`` goes as well.
    """
    problem = _Problem(cost, epsilon, relative, solver, tolerance, max_iterations, unbalanced, mass)
    _check(problem)
    with torch.autocast(x.device.type, enabled=False):
        clouds = _prepared(x, y, x_mask, y_mask, a, b, problem)
        solved = _across(clouds, problem, wait=True)[0]
        plan = solved.for_y * clouds.real[:, None, None]
    return _with_status(plan, solved.iterations, solved.error, problem, return_status)


@torch.no_grad()
def fused_gromov_wasserstein_plan(
    x: Tensor,
    y: Tensor,
    x_mask: Tensor | None = None,
    y_mask: Tensor | None = None,
    *,
    a: Tensor | None = None,
    b: Tensor | None = None,
    cost: str = "half_sqeuclidean",
    structure: float = 0.5,
) -> Tensor:
    """Plan that keeps distances within the clouds as well, shape (B, n, m); for evaluation, pair by pair through POT.

    Parameters
    ----------
    structure : float
        Weight of the differences between inner distances, from 0 (transport) to 1 (Gromov-Wasserstein); the cost has
        the rest (Vayer et al., 2020). Both are divided by their mean first.

    Raises
    ------
    ValueError
        If the cost is unknown or ``structure`` outside [0, 1].
    """
    import ot

    if not 0 <= structure <= 1:
        raise ValueError(f"structure must be between 0 and 1, got {structure}")
    problem = _Problem(cost=cost)
    _check(problem)
    clouds = _prepared(x, y, x_mask, y_mask, a, b, problem)
    across = _cost(_half_squares(clouds.x, clouds.y), cost)
    within = [_cost(_half_squares(z), cost) for z in (clouds.x, clouds.y)]
    plan = torch.zeros_like(across)
    for k in clouds.real.nonzero()[:, 0].tolist():
        rows, columns = clouds.a[k] > 0, clouds.b[k] > 0
        c, cx, cy = (
            _in_means(z[k][left][:, right])
            for z, left, right in ((across, rows, columns), (within[0], rows, rows), (within[1], columns, columns))
        )
        p, q = (
            w / w.sum() for w in (clouds.a[k][rows].double().cpu().numpy(), clouds.b[k][columns].double().cpu().numpy())
        )
        found = ot.gromov.fused_gromov_wasserstein(c, cx, cy, p, q, alpha=structure, symmetric=True)
        plan[k][rows.nonzero(), columns.nonzero()[:, 0]] = torch.as_tensor(found).to(plan)
    return plan


def _in_means(matrix: Tensor) -> np.ndarray:
    matrix = matrix.double().cpu().numpy()
    return matrix / (matrix.mean() or 1.0)


def norm_weights(x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Weights in proportion to the points' norms (Yokoi et al., 2020), shape (B, n), constants for the gradient.

    Words that say much have long vectors. A cloud of zeros has equal weights.
    """
    norms = x.detach().to(_precision(x)).norm(dim=-1)
    mask = torch.ones_like(norms, dtype=torch.bool) if mask is None else mask
    norms = norms.masked_fill(~mask, 0.0)
    norms = torch.where(norms.sum(1, keepdim=True) > 0, norms, mask.to(norms))
    return norms / norms.sum(1, keepdim=True).clamp(min=torch.finfo(norms.dtype).tiny)


# --- what goes in -----------------------------------------------------------------------------------------------------


class _Problem(NamedTuple):
    cost: str = "half_sqeuclidean"
    epsilon: float = 0.05
    relative: bool = True
    solver: str = "converged"
    tolerance: float = 1e-3
    max_iterations: int = 1000
    unbalanced: float | tuple[float, float] | None = None
    mass: float | None = None
    schedule: list[float] | None = None  # GeomLoss's epsilons, which depend on the whole batch


class _Clouds(NamedTuple):
    x: Tensor  # (B, n, d), centred, zero on padding
    y: Tensor
    a: Tensor  # (B, n), zero on padding
    b: Tensor
    real: Tensor  # (B,): both sides have a point


def _check(problem: _Problem) -> None:
    cost, epsilon, solver, unbalanced, mass = (
        getattr(problem, name) for name in ("cost", "epsilon", "solver", "unbalanced", "mass")
    )
    if cost not in COSTS:
        raise ValueError(f"cost must be one of {', '.join(COSTS)}, got {cost!r}")
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, got {solver!r}")
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}; for unregularised transport use solver='exact'")
    if solver == "geomloss" and problem.relative:
        raise ValueError("solver='geomloss' needs relative=False: its epsilon is absolute, blur ** p (0.05 ** 2)")
    if solver == "geomloss" and cost == "cosine":
        raise ValueError("solver='geomloss' knows the costs half_sqeuclidean (p=2) and euclidean (p=1), not cosine")
    if mass is not None and not 0 < mass <= 1:
        raise ValueError(f"mass must be above 0 and at most 1, got {mass}")
    if mass is not None and (unbalanced is not None or solver == "geomloss"):
        raise ValueError("partial transport (mass) goes with solver='converged' or 'exact', and without unbalanced")
    if unbalanced is not None and solver != "converged":
        raise ValueError(f"unbalanced transport needs solver='converged', got {solver!r}")
    if unbalanced is not None and not all(price >= 0 for price in _two(unbalanced)):
        raise ValueError(f"unbalanced must not be negative, got {unbalanced}")


def _two(prices) -> tuple[float, float]:
    return tuple(prices) if isinstance(prices, (tuple, list)) else (prices, prices)


def _prepared(x, y, x_mask, y_mask, a, b, problem: _Problem, overwrite: bool = False) -> _Clouds:
    dtype = _precision(x)
    masks, weights = [], []
    for points, mask, given in ((x, x_mask, a), (y, y_mask, b)):
        mask = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device) if mask is None else mask
        given = mask.to(dtype) / mask.sum(1, keepdim=True).clamp(min=1) if given is None else given
        masks.append(mask)
        weights.append(given.to(dtype) * mask)
    a, b = weights
    real = (a.sum(1) > 0) & (b.sum(1) > 0)
    if problem.cost == "cosine":  # between unit vectors it is half the squared distance
        x, y = (torch.nn.functional.normalize(z.to(dtype), dim=-1) for z in (x, y))
    elif problem.solver == "geomloss":  # its schedule depends on where the clouds lie
        x, y = (z.to(dtype, copy=not overwrite) for z in (x, y))
    else:  # costs are differences of large squares where clouds lie far from the origin: move them there
        centre = y[torch.arange(len(y), device=y.device), masks[1].byte().argmax(1)][:, None].to(dtype)
        x, y = (z.to(dtype, copy=not overwrite).sub_(centre) for z in (x, y))
    for points, mask in zip((x, y), masks, strict=True):
        _clear(points, ~(mask & real[:, None]))
    # A pair with an empty side becomes one point on either side, in the same place: every number in it is finite.
    a, b = (torch.where(real[:, None], weights, _first(weights)) for weights in (a, b))
    return _Clouds(x, y, a, b, real)


def _precision(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)


def _on_accelerator(tensor: Tensor) -> bool:
    """Where the host runs ahead of the computation, and looking at a number would make it wait."""
    return tensor.device.type != "cpu"


def _clear(points: Tensor, absent: Tensor) -> None:
    """Set rows to zero, in place; by their numbers where these cost nothing, which is several times as fast."""
    if _on_accelerator(points):
        points.masked_fill_(absent[..., None], 0.0)
    else:
        points[absent.nonzero(as_tuple=True)] = 0.0


def _first(weights: Tensor) -> Tensor:
    one = torch.zeros_like(weights)
    one[:, 0] = 1.0
    return one


def _half_squares(x: Tensor, y: Tensor | None = None) -> Tensor:
    """Half the squared distances; between a cloud and itself if there is no y, with an exact zero on the diagonal."""
    if y is None:
        gram = x @ x.mT
        half = gram.diagonal(dim1=1, dim2=2) / 2
        squares = gram.neg_().add_(half[:, :, None]).add_(half[:, None, :])
        squares.diagonal(dim1=1, dim2=2).zero_()
    else:
        half_x, half_y = (torch.linalg.vector_norm(z, dim=-1).square_().div_(2) for z in (x, y))
        squares = torch.baddbmm(half_x[:, :, None] + half_y[:, None, :], x, y.mT, alpha=-1)
    return squares.clamp_(min=0)


def _cost(squares: Tensor, cost: str) -> Tensor:
    return (2 * squares).clamp_(min=1e-8).sqrt_() if cost == "euclidean" else squares  # the floor is GeomLoss's


def _epsilon(matrix: Tensor, clouds: _Clouds, problem: _Problem) -> Tensor:
    if not problem.relative:
        return torch.full_like(clouds.a[:, 0], problem.epsilon)
    mean = torch.einsum("bi,bij,bj->b", clouds.a, matrix, clouds.b)
    # Between equal points the costs are rounding errors of the norms, which a smaller epsilon would magnify.
    rounding = 1e-6 * (clouds.a * torch.linalg.vector_norm(clouds.x, dim=-1).square()).sum(1)
    return torch.maximum(problem.epsilon * mean, rounding).clamp(min=1e-12)


# --- values and their gradients ---------------------------------------------------------------------------------------


class _Solved(NamedTuple):
    value: Tensor  # (B,)
    for_x: Tensor  # (B, n, m): derivative of the value by the cost as the x side sees it, with exact row sums
    for_y: Tensor  # the same with exact column sums: the plan
    iterations: Tensor  # (B,)
    error: Tensor  # (B,)


def _value(x, y, x_mask, y_mask, a, b, problem: _Problem, return_status: bool, *, debias: bool):
    _check(problem)
    with torch.autocast(x.device.type, enabled=False):
        learns = torch.is_grad_enabled() and (x.requires_grad or y.requires_grad)
        value, iterations, error = _Value.apply(x, y, x_mask, y_mask, a, b, problem, debias, learns)
    return _with_status(value, iterations, error, problem, return_status)


def _with_status(result: Tensor, iterations: Tensor, error: Tensor, problem: _Problem, return_status: bool):
    status = Status(error <= problem.tolerance, iterations, error)
    if return_status:
        return result, status
    if problem.solver == "converged" and not _on_accelerator(error) and not status.converged.all():
        warnings.warn(unconverged(status), stacklevel=4)
    return result


def unconverged(status: Status) -> str:
    """One sentence on the pairs that did not converge."""
    failed, pairs = int((~status.converged).sum()), len(status.error)
    return (
        f"{failed} of {pairs} transport problems did not converge in {int(status.iterations.max())} iterations (L1 "
        f"error of a marginal up to {float(status.error.max()):.1e}): raise epsilon, max_iterations or the tolerance"
    )


class _Value(torch.autograd.Function):
    """Value across, less half the values within the clouds. The gradient is made with it: nothing else is kept."""

    @staticmethod
    def forward(ctx, x, y, x_mask, y_mask, a, b, problem: _Problem, debias: bool, learns: bool):
        clouds = x, y, x_mask, y_mask, a, b
        if problem.solver == "geomloss":
            problem = problem._replace(schedule=_schedule(_prepared(*clouds, problem), problem))
        ctx.parts, ctx.like = _parts(x, y, x_mask, y_mask), [(x.shape, x.dtype), (y.shape, y.dtype)]
        if ctx.parts:
            value, iterations, error, gradients = _by_parts(ctx.parts, clouds, problem, debias, learns)
        else:
            value, iterations, error, gradients = _value_and_gradients(*clouds, problem, debias, learns)
        ctx.save_for_backward(*gradients)
        ctx.mark_non_differentiable(iterations, error)
        return value, iterations, error

    @staticmethod
    @once_differentiable
    def backward(ctx, grad, *_):
        saved, grad = ctx.saved_tensors, grad[:, None, None]
        if ctx.parts:
            scaled = [_whole(ctx.parts, saved[side::2], grad, *ctx.like[side]) for side in (0, 1)]
        else:
            scaled = [(grad * z).to(dtype) for z, (_, dtype) in zip(saved, ctx.like, strict=True)]
        return *scaled, *(None,) * 7


def _parts(x: Tensor, y: Tensor, x_mask: Tensor | None, y_mask: Tensor | None) -> list[tuple[Tensor, int, int]]:
    """Pairs of like size, which a CPU solves together because padding costs time: their rows, largest n and m.

    A part costs a millisecond whatever its size, hence as many parts as the square root of the milliseconds that all
    pairs would take at once. None where there is nothing to gain.
    """
    if _on_accelerator(x) or len(x) < 2 or (x_mask is None and y_mask is None):
        return []
    sizes = np.stack(
        [
            np.full(len(z), z.shape[1]) if mask is None else (mask.numpy() * np.arange(1, z.shape[1] + 1)).max(1)
            for z, mask in ((x, x_mask), (y, y_mask))
        ]
    ).clip(min=1)
    areas = sizes.prod(0)
    count = min(len(x), max(1, round((areas.sum() * (x.shape[2] + 200) / 5e6) ** 0.5)))
    if count == 1 and sizes.max(1).tolist() == [x.shape[1], y.shape[1]]:
        return []
    order = np.argsort(areas, kind="stable")
    return [(torch.from_numpy(rows), *map(int, sizes[:, rows].max(1))) for rows in np.array_split(order, count)]


def _by_parts(parts, clouds: tuple, problem: _Problem, debias: bool, learns: bool):
    results, gradients = [], []
    for rows, n, m in parts:
        sizes = (n, m) * 3
        part = [None if z is None else z[:, :size].index_select(0, rows) for z, size in zip(clouds, sizes, strict=True)]
        *result, slopes = _value_and_gradients(*part, problem, debias, learns, overwrite=True)
        results.append(result)
        gradients += slopes
    order = torch.cat([rows for rows, *_ in parts]).argsort()
    return *(torch.cat(pieces)[order] for pieces in zip(*results, strict=True)), gradients


def _whole(parts, gradients, grad: Tensor, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """Scaled gradients of the parts in the places of their pairs, zero on padding."""
    whole = torch.empty(shape, dtype=dtype, device=grad.device)
    for (rows, *_), gradient in zip(parts, gradients, strict=True):
        for row, one in zip(rows.tolist(), gradient, strict=True):  # several times as fast as index_copy_
            torch.mul(one, grad[row], out=whole[row, : len(one)])
            whole[row, len(one) :] = 0.0
    return whole


def _value_and_gradients(
    x, y, x_mask, y_mask, a, b, problem: _Problem, debias: bool, learns: bool, *, overwrite: bool = False
):
    wait = not (learns and _on_accelerator(x))
    clouds = _prepared(x, y, x_mask, y_mask, a, b, problem, overwrite)
    across, matrix, eps = _across(clouds, problem, wait)
    value, iterations, error = across.value, across.iterations, across.error
    # Every matrix is let go as soon as it was used: they are most of the memory of small vectors.
    pulls = [_slope(across.for_y, matrix, problem.cost).mT, _slope(across.for_x, matrix, problem.cost)]
    del across, matrix
    gradients = []
    for points, others, weights, given in zip(clouds[:2], clouds[1::-1], clouds[2:4], (x, y), strict=True):
        held = None
        if debias:
            inner, missed, held = _within(points, weights, eps, problem, wait)
            value, error = value - inner, torch.maximum(error, missed)
        if learns:
            gradient = _gradient(points, others, pulls.pop(), held)
            gradients.append(_of_direction(gradient, points, given) if problem.cost == "cosine" else gradient)
    return torch.where(clouds.real, value, 0.0), iterations, error, gradients


def _gradient(points: Tensor, others: Tensor, pull: Tensor, held: Tensor | None) -> Tensor:
    """Gradient, by the points, of half squared distances: to the others with weights ``pull``, less those within the
    cloud with weights ``held``."""
    weight = pull.sum(2)
    if held is None:
        gradient = weight[:, :, None] * points
    else:
        held.diagonal(dim1=1, dim2=2).add_(weight - held.sum(2))
        gradient = torch.bmm(held, points)
    return gradient.baddbmm_(pull, others, alpha=-1)


def _of_direction(gradient: Tensor, unit: Tensor, given: Tensor) -> Tensor:
    """Gradient by vectors, from that by their directions; zero for absent points."""
    across = gradient - unit * (gradient * unit).sum(-1, keepdim=True)
    length = torch.linalg.vector_norm(given.to(unit.dtype), dim=-1, keepdim=True).clamp(min=1e-12)
    return torch.where(unit.any(-1, keepdim=True), across / length, 0.0)


def _slope(plan: Tensor, matrix: Tensor, cost: str) -> Tensor:
    """Derivative by half the squared distances, from that by the cost; zero between equal points."""
    return torch.where(matrix > 1.01e-4, plan / matrix, 0.0) if cost == "euclidean" else plan


def _across(clouds: _Clouds, problem: _Problem, wait: bool):
    """Solution, cost matrix, and the epsilon of each pair (of each step, for GeomLoss's schedule)."""
    matrix = _cost(_half_squares(clouds.x, clouds.y), problem.cost)
    if problem.solver == "geomloss":
        schedule = problem.schedule or _schedule(clouds, problem)
        return _annealed(matrix, clouds.a, clouds.b, schedule), matrix, schedule
    eps = _epsilon(matrix, clouds, problem)
    if problem.mass is not None:
        return _partial(matrix, clouds.a, clouds.b, eps, problem, wait), matrix, eps
    return _solve(matrix, clouds.a, clouds.b, eps, problem, wait), matrix, eps


def _within(points: Tensor, weights: Tensor, eps, problem: _Problem, wait: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Half the value of a cloud to itself, its error and, since both sides of the cost move, its whole slope."""
    matrix = _cost(_half_squares(points), problem.cost)
    if problem.solver == "geomloss":
        solved = _annealed_within(matrix, weights, eps)
    elif problem.unbalanced is not None:
        solved = _solve(matrix, weights, weights, eps, problem, wait)
        solved = solved._replace(value=solved.value / 2, for_x=(solved.for_y + solved.for_y.mT) / 2)
    else:
        solved = _symmetric(matrix, weights, eps, problem, wait)
    return solved.value, solved.error, _slope(solved.for_x, matrix, problem.cost)


def _solve(matrix: Tensor, a: Tensor, b: Tensor, eps: Tensor, problem: _Problem, wait: bool) -> _Solved:
    if problem.solver == "exact":
        return _proximal(matrix, a, b) if _on_accelerator(matrix) else _network_simplex(matrix, a, b)
    if problem.unbalanced is not None and any(price != math.inf for price in _two(problem.unbalanced)):
        prices = [price * eps / problem.epsilon for price in _two(problem.unbalanced)]
        return _unbalanced(matrix, a, b, eps, prices, problem, wait)
    return _sinkhorn(matrix, a, b, eps, problem, wait)


# --- solvers ----------------------------------------------------------------------------------------------------------

BLOCK = 26  # iterations between two absorptions of the scalings into the potentials
BLOCKS_WITHOUT_WAITING = 2
OVER_RELAXATION = 1.75  # the length of a step, in the logarithm of the scalings
TINY = 1e-30


def _sinkhorn(matrix: Tensor, a: Tensor, b: Tensor, eps: Tensor, problem: _Problem, wait: bool) -> _Solved:
    """Scalings by matrix products (Cuturi, 2013), over-relaxed (Thibault et al., 2021), absorbed into the potentials
    now and then (Schmitzer, 2019). A pair that has converged is put away, so that no pair depends on the others."""
    eps, power = eps[:, None], torch.full_like(a[:, :1, None], OVER_RELAXATION)
    f = matrix.masked_fill((b == 0)[:, None, :], torch.inf).amin(2)
    error = torch.full_like(a[:, 0], torch.inf)
    most = problem.max_iterations if wait else min(problem.max_iterations, BLOCK * BLOCKS_WITHOUT_WAITING)
    index, finished = torch.arange(len(a), device=a.device), []
    for before in range(0, most, BLOCK):
        iterations = min(BLOCK, most - before)
        value, for_x, for_y, new_f, new_error = _block(matrix, a, b, eps, f, power, iterations)
        solved = _Solved(value, for_x, for_y, torch.full_like(index, before + iterations), new_error)
        done = new_error <= problem.tolerance
        if before + iterations == most or (wait and done.all()):
            finished.append((index, solved))
            break
        calm = (new_error < 3 * error)[:, None, None]
        power = torch.where(calm, power, 1.0)  # rare problems do not bear over-relaxation
        f = torch.where(new_error.isfinite()[:, None], new_f, f)
        error = new_error
        if wait and done.any():
            finished.append((index[done], _Solved(*(z[done] for z in solved))))
            index, matrix, a, b, eps, f, power, error = (z[~done] for z in (index, matrix, a, b, eps, f, power, error))
    if len(finished) == 1:
        return finished[0][1]
    order = torch.cat([index for index, _ in finished]).argsort()
    return _Solved(*(torch.cat(parts)[order] for parts in zip(*(solved for _, solved in finished), strict=True)))


def _block(matrix, a, b, eps, f, power, iterations):
    absent = a == 0
    exponent = torch.where(absent, -1e9, a.log())[:, :, None] + (f[:, :, None] - matrix) / eps[:, :, None]
    kernel = torch.softmax(exponent, 1)  # its columns sum to 1: the plan is kernel * b once converged
    g = eps * (kernel.amax(1).log() - exponent.amax(1))
    plan = exponent.copy_(kernel).mul_(b[:, None, :])
    transposed = plan.mT.contiguous()  # a row vector times a matrix is the fastest product
    target = (a + absent)[:, None]  # scalings of absent points stay 1
    floors = (absent.to(a) + TINY)[:, None], a.new_full((1, 1, 1), TINY)
    u, v = torch.ones_like(target), torch.ones_like(b)[:, None]
    for iteration in range(iterations):
        raised = power if iteration < iterations - 2 else 1.0
        u *= (target / torch.baddbmm(floors[0], v, transposed).mul_(u)).pow_(raised)
        v *= torch.baddbmm(floors[1], u, kernel).mul_(v).reciprocal_().pow_(raised)
    row = torch.baddbmm(floors[0], v, transposed)
    error = (u * row - target).abs().sum((1, 2))
    correction = target / row
    f = f + eps * correction.log()[:, 0]
    value = (a * f).sum(1) + (b * (g + eps * v.log()[:, 0])).sum(1)
    for_x = plan.mul_(v)
    for_y = torch.mul(for_x, u.mT, out=kernel)
    return value, for_x.mul_(correction.mT), for_y, f, error


def _symmetric(matrix: Tensor, a: Tensor, eps: Tensor, problem: _Problem, wait: bool) -> _Solved:
    """Half the value of a cloud to itself: both potentials are one, and averaged scalings need few iterations
    (Feydy et al., 2019, section 3.1)."""
    kernel = (matrix / -eps[:, None, None]).clamp_(min=-80).exp_()
    weights, present = a[:, None], (a > 0).to(a)[:, None]
    floor = a.new_full((1, 1, 1), TINY)
    u = present / weights.clamp(min=TINY).sqrt()
    tolerance = problem.tolerance / 10
    for iteration in range(1, 201 if wait else 11):
        reached = torch.baddbmm(floor, weights * u, kernel)
        if wait and iteration % 2 and iteration > 2 and bool((_missed(weights, u, reached) <= tolerance).all()):
            break
        u = (u * present / reached).sqrt_()
    reached = torch.baddbmm(floor, weights * u, kernel)
    exact = present / reached
    symmetric = weights * (u * exact).sqrt()
    plan = kernel.mul_(symmetric.mT).mul_(symmetric)
    value = eps * (weights * (u * exact + 1 - present).log()).sum((1, 2)) / 2
    iterations = torch.full_like(a[:, 0], iteration, dtype=torch.long)
    return _Solved(value, plan, plan, iterations, _missed(weights, u, reached))


def _missed(weights: Tensor, u: Tensor, reached: Tensor) -> Tensor:
    """L1 error of a marginal, from its scalings and what they are multiplied with; all (B, 1, n)."""
    return (weights * (u * reached - 1)).abs_().sum((1, 2))


def _annealed(matrix: Tensor, a: Tensor, b: Tensor, schedule: list[float]) -> _Solved:
    """GeomLoss's default (Feydy et al., 2019): one symmetric step for each epsilon, not run to convergence, then one
    more through which the gradient flows."""
    log_a, log_b = (weights.log().clamp(min=-1e5) for weights in (a, b))
    f = g = torch.zeros((), dtype=a.dtype, device=a.device)
    f, g = _soft_minimum(matrix, log_b, schedule[0], 2)[0], _soft_minimum(matrix, log_a, schedule[0], 1)[0]
    for eps in schedule:
        new_f = _soft_minimum(matrix, log_b + g / eps, eps, 2)[0]
        new_g = _soft_minimum(matrix, log_a + f / eps, eps, 1)[0]
        f, g = (f + new_f) / 2, (g + new_g) / 2
    new_f, rows = _soft_minimum(matrix, log_b + g / eps, eps, 2)
    new_g, columns = _soft_minimum(matrix, log_a + f / eps, eps, 1)
    value = (a * new_f).sum(1) + (b * new_g).sum(1)
    rows, columns = rows * a[:, :, None], columns * b[:, None, :]
    iterations = torch.full_like(a[:, 0], len(schedule) + 2, dtype=torch.long)
    return _Solved(value, rows, columns, iterations, (columns.sum(2) - a).abs().sum(1))


def _annealed_within(matrix: Tensor, a: Tensor, schedule: list[float]) -> _Solved:
    log_a = a.log().clamp(min=-1e5)
    f = _soft_minimum(matrix, log_a, schedule[0], 2)[0]
    for eps in schedule:
        f = (f + _soft_minimum(matrix, log_a + f / eps, eps, 2)[0]) / 2
    f, rows = _soft_minimum(matrix, log_a + f / eps, eps, 2)
    rows = rows * a[:, :, None]
    iterations = torch.full_like(a[:, 0], len(schedule) + 2, dtype=torch.long)
    return _Solved((a * f).sum(1), rows, rows, iterations, (rows.sum(1) - a).abs().sum(1))


def _soft_minimum(matrix: Tensor, log_weights: Tensor, eps: float, dim: int) -> tuple[Tensor, Tensor]:
    """Soft minimum of the costs over one side, and the share of each of its points.

    By the softmax, which a CPU computes ten times as fast as a logsumexp whose terms vanish.
    """
    exponent = torch.sub(log_weights.unsqueeze(3 - dim), matrix, alpha=1 / eps)
    share = torch.softmax(exponent, dim)
    return eps * (share.amax(dim).log() - exponent.amax(dim)), share


def _schedule(clouds: _Clouds, problem: _Problem) -> list[float]:
    """Epsilons from the diameter of all real points, halved in blur, down to the one asked for."""
    power = 2 if problem.cost == "half_sqeuclidean" else 1
    blur = problem.epsilon ** (1 / power)
    x, y, a, b, real = (z.detach() for z in clouds)
    points = torch.cat([x[(a > 0) & real[:, None]], y[(b > 0) & real[:, None]]])
    diameter = float((points.amax(0) - points.amin(0)).norm()) if len(points) else 0.0
    if diameter <= blur:
        return [blur**power]
    steps = np.exp(np.arange(power * np.log(diameter), power * np.log(blur), power * np.log(0.5)))
    return [diameter**power, *steps.tolist(), blur**power]


def _unbalanced(matrix, a, b, eps, prices, problem: _Problem, wait: bool) -> _Solved:
    """Damped soft minima (Chizat et al., 2018)."""
    eps, prices = eps[:, None], [price[:, None] for price in prices]
    damping = [torch.where(price.isinf(), 1.0, price / (price + eps)) for price in prices]
    log_a, log_b = (weights.log().clamp(min=-1e9) for weights in (a, b))
    scaled = matrix / eps[:, :, None]
    f, g = torch.zeros_like(a), torch.zeros_like(b)  # in units of epsilon
    iterations, done = torch.zeros_like(a[:, 0], dtype=torch.long), torch.zeros_like(a[:, 0], dtype=torch.bool)
    for _ in range(problem.max_iterations if wait else min(problem.max_iterations, BLOCK * BLOCKS_WITHOUT_WAITING)):
        new_f = damping[0] * _soft_minimum(scaled, log_b + g, 1.0, 2)[0]
        new_g = damping[1] * _soft_minimum(scaled, log_a + new_f, 1.0, 1)[0]
        moved = (a * (new_f - f).abs()).sum(1) + (b * (new_g - g).abs()).sum(1)
        f, g = torch.where(done[:, None], f, new_f), torch.where(done[:, None], g, new_g)
        iterations += ~done
        done = done | (moved <= problem.tolerance / 10)
        if wait and done.all():
            break
    plan = (log_a[:, :, None] + log_b[:, None, :] + f[:, :, None] + g[:, None, :] - scaled).exp()
    lost = eps[:, 0] * (1 - plan.sum((1, 2)))
    value = _dual(a, f, eps, prices[0]) + _dual(b, g, eps, prices[1]) + lost
    return _Solved(value, plan, plan, iterations, moved)


def _dual(weights: Tensor, potential: Tensor, eps: Tensor, price: Tensor) -> Tensor:
    held = eps * potential
    free = price * -torch.expm1(-held / price)
    return (weights * torch.where(price.isinf(), held, torch.where(price == 0, 0.0, free))).sum(1)


def _partial(matrix: Tensor, a: Tensor, b: Tensor, eps: Tensor, problem: _Problem, wait: bool) -> _Solved:
    """Balanced transport with a bin on either side that takes, at no cost, what is not to be moved (Caffarelli and
    McCann, 2010; Chapel et al., 2020)."""
    between_bins = 4 * (matrix * (a > 0)[:, :, None] * (b > 0)[:, None, :]).amax((1, 2))
    matrix = torch.nn.functional.pad(matrix, (0, 1, 0, 1))
    matrix[:, -1, -1] = between_bins
    a, b = (torch.nn.functional.pad(weights, (0, 1), value=1 - problem.mass) for weights in (a, b))
    solved = _solve(matrix, a, b, eps, problem, wait)
    return solved._replace(for_x=solved.for_x[:, :-1, :-1], for_y=solved.for_y[:, :-1, :-1])


def _network_simplex(matrix: Tensor, a: Tensor, b: Tensor) -> _Solved:
    """The linear programme, pair by pair (Bonneel et al., 2011), through POT."""
    import ot

    costs, rows, columns = (z.double().cpu().numpy() for z in (matrix, a, b))
    plans = [torch.as_tensor(ot.emd(*problem)) for problem in zip(rows, columns, costs, strict=True)]
    return _unregularised(matrix, torch.stack(plans).to(matrix), a, 1)


def _proximal(matrix: Tensor, a: Tensor, b: Tensor, *, steps: int = 200) -> _Solved:
    """The linear programme by proximal steps, all pairs at once (IPOT; Xie et al., 2020)."""
    mean = torch.einsum("bi,bij,bj->b", a, matrix, b).clamp(min=1e-12)
    kernel = (-matrix / (0.1 * mean[:, None, None])).clamp(min=-80).exp()
    a, b = a[:, None], b[:, None]
    floors = [(weights == 0).to(a) + TINY for weights in (a, b)]
    plan, v = a.mT * b, torch.ones_like(b)
    for _ in range(steps):
        step = kernel * plan
        u = a / torch.baddbmm(floors[0], v, step.mT)
        v = b / torch.baddbmm(floors[1], u, step)
        plan = step.mul_(u.mT).mul_(v)
    return _unregularised(matrix, plan, a[:, 0], steps)


def _unregularised(matrix: Tensor, plan: Tensor, a: Tensor, iterations: int) -> _Solved:
    error = (plan.sum(2) - a).abs().sum(1)
    count = torch.full_like(error, iterations, dtype=torch.long)
    return _Solved((plan * matrix).sum((1, 2)), plan, plan, count, error)
