"""The public functions: divergence, cost and plan. The docstring of :mod:`otlib.transport` has the mathematics."""

from __future__ import annotations

import itertools
import warnings
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from otlib.transport.problem import (
    Problem,
    by_half_squares,
    check,
    check_clouds,
    cost_matrix,
    epsilon_of_pairs,
    on_accelerator,
    prepare,
)
from otlib.transport.solvers import solve, solve_self, with_schedule


class Status(NamedTuple):
    """How a solver ended, for each pair of clouds; tensors of shape (B,).

    ``error`` is the L1 distance between a marginal of the plan and the one asked for, as a part of the moved mass: the
    largest of the pair's plans. Of unbalanced transport, and of a small mass, it is the last change of the potentials.
    """

    converged: Tensor  # whether the error is at most the tolerance
    iterations: Tensor  # made for the transport between the two clouds; 1 for the network simplex
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
    r"""Debiased Sinkhorn divergence between the clouds of each pair; differentiable, once, by points and weights.

    .. math:: S_\varepsilon(a, b) = OT_\varepsilon(a, b) - \tfrac12 OT_\varepsilon(a, a) - \tfrac12 OT_\varepsilon(b, b)

    (Feydy et al., 2019, arXiv:1810.08278); :mod:`otlib.transport` explains it.

    Parameters
    ----------
    x, y : Tensor, shape (B, n, d) and (B, m, d)
        Points. Padded rows may hold anything; a real point that is NaN or infinite makes its pair's value NaN.
    x_mask, y_mask : Tensor of bool, shape (B, n) and (B, m), optional
        True for a real point; all of them if None.
    a, b : Tensor, shape (B, n) and (B, m), optional
        Weights, not negative, that sum to 1 over the real points; uniform if None. One of zero is as a mask and gets
        no gradient; the gradients of a cloud's others are defined up to a constant.
    cost : {"half_sqeuclidean", "euclidean", "cosine"}
        Half the squared distance, the distance, or 1 - cos.
    epsilon, relative : float and bool
        Entropic regularisation: a fraction of each pair's mean cost if ``relative``, else in units of the cost.
    solver : {"converged", "geomloss", "exact"}
        ``"converged"`` iterates to ``tolerance``. ``"geomloss"`` makes the steps of GeomLoss's default; with
        ``epsilon=0.05**2, relative=False`` this is the paper's setting. ``"exact"`` solves the problem without
        regularisation, which needs no debiasing, by POT's network simplex on a CPU and by proximal steps on a GPU.
    tolerance : float
        A pair has converged when its error (see :class:`Status`) is at most this.
    max_iterations : int
        Most iterations for a pair. On a GPU, where a gradient is wanted, unbalanced transport, clouds of more than 128
        points and float64 take at most 52, the same for all pairs: a test for convergence makes the host wait.
    unbalanced : float, optional
        If given, marginals may be missed at this price: it is the weight of their KL divergences in the objective, in
        the units of ``epsilon`` (Sejourne et al., 2019). If None, marginals are constraints.
    return_status : bool
        Return a :class:`Status` as well. Without it, a warning counts the pairs that did not converge, except on a GPU.

    Returns
    -------
    Tensor, shape (B,)
        In units of the cost; 0 for a pair with an empty side. With ``return_status``: (values, Status).

    Raises
    ------
    ValueError
        If an option is out of range, or options do not go together; if shapes or devices differ; on a CPU, if weights
        are negative, NaN or do not sum to 1 (elsewhere the host would have to wait for them).
    TypeError
        If points or weights are no floating point tensors, masks not of bool, numbers no numbers.
    RuntimeError
        If the gradient's own gradient is asked for (``create_graph=True``).

    Examples
    --------
    The same cloud, moved by (2, 2): half the squared length of the move.

    >>> import torch
    >>> from otlib import sinkhorn_divergence
    >>> x = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]]])  # B = 1 pair, n = 3 points, d = 2
    >>> value = sinkhorn_divergence(x, x + 2.0)
    >>> value.shape, round(value.item(), 2)
    (torch.Size([1]), 4.0)
    """
    if isinstance(unbalanced, (tuple, list)):
        raise ValueError(f"a divergence has one price for both clouds, got {unbalanced}: use transport_cost")
    problem = Problem(cost, epsilon, relative, solver, tolerance, max_iterations, unbalanced)
    return _values(x, y, x_mask, y_mask, a, b, problem, return_status, debias=solver != "exact")


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
    """Entropic transport between the clouds of each pair, without debiasing; differentiable as the divergence.

    The value is the minimum of the transport cost, plus epsilon times the entropic term, plus, if ``unbalanced``, the
    price of missed marginals. All is as for :func:`sinkhorn_divergence`, except that ``solver="geomloss"`` is refused,
    and for:

    Parameters
    ----------
    unbalanced : float or pair of floats, optional
        One price for both clouds, or a price for x and one for y. With ``math.inf`` the marginal is a constraint, with
        0 it is free (semi-relaxed transport).
    mass : float, optional
        Partial transport: only this part of the mass (above 0, at most 1) is moved, the cheapest. The entropic term is
        then that of the problem with two bins, one on either side, for the mass that stays.
    """
    problem = Problem(cost, epsilon, relative, solver, tolerance, max_iterations, unbalanced, mass)
    if solver == "geomloss":
        raise ValueError("solver='geomloss' is a schedule for the debiased divergence: use sinkhorn_divergence")
    return _values(x, y, x_mask, y_mask, a, b, problem, return_status, debias=False)


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
    """Transport plan of each pair of clouds; not differentiable.

    Parameters, errors and warnings are those of :func:`transport_cost`, but ``solver="geomloss"`` is possible.

    Returns
    -------
    Tensor, shape (B, n, m)
        Mass that goes from each point of x to each point of y. Columns sum to ``b``, rows sum to ``a`` up to the
        tolerance, unless ``unbalanced`` or ``mass`` says otherwise. Zero on padding and for a pair with an empty side.
        With ``return_status``: (plans, Status).

    Examples
    --------
    Each point of x finds its partner in y, where the same two points stand in the other order.

    >>> import torch
    >>> from otlib import transport_plan
    >>> x = torch.tensor([[[0.0, 0.0], [3.0, 4.0]]])  # B = 1 pair, n = 2 points, d = 2
    >>> transport_plan(x, x.flip(1), solver="exact")
    tensor([[[0.0000, 0.5000],
             [0.5000, 0.0000]]])
    """
    problem = Problem(cost, epsilon, relative, solver, tolerance, max_iterations, unbalanced, mass)
    check(problem)
    check_clouds(x, y, x_mask, y_mask, a, b)
    with torch.autocast(x.device.type, enabled=False):
        clouds = prepare(x, y, x_mask, y_mask, a, b, problem)
        if solver == "geomloss":
            problem = with_schedule(problem, clouds)
        C = cost_matrix(cost, clouds.x, clouds.y, smallest_square=problem.smallest_square)
        solution = solve(C, clouds.a, clouds.b, epsilon_of_pairs(C, clouds, problem), problem, early_stop=True)
        plan = solution.plan_columns * clouds.real[:, None, None]
    return _with_status(plan, solution.iterations, solution.error, problem, return_status)


# --- values and their gradients ---------------------------------------------------------------------------------------


class _Result(NamedTuple):
    value: Tensor  # (B,)
    iterations: Tensor  # (B,)
    error: Tensor  # (B,)
    # Of the sum of the values: by x (B, n, d), y (B, m, d), a (B, n) and b (B, m); none if not wanted.
    gradients: list[Tensor]


class _SizeGroup(NamedTuple):
    pairs: Tensor  # places in the batch
    n: int  # the largest sizes of their clouds
    m: int


def _values(x, y, x_mask, y_mask, a, b, problem: Problem, return_status: bool, *, debias: bool):
    check(problem)
    check_clouds(x, y, x_mask, y_mask, a, b)
    by_points, by_weights = (any(z is not None and z.requires_grad for z in pair) for pair in ((x, y), (a, b)))
    if by_weights and problem.solver == "exact" and torch.is_grad_enabled():
        raise ValueError("solver='exact' has no gradient by the weights: give a.detach() and b.detach()")
    with torch.autocast(x.device.type, enabled=False):
        needs_gradient = torch.is_grad_enabled() and (by_points or by_weights)
        value, iterations, error = _EnvelopeGradient.apply(x, y, x_mask, y_mask, a, b, problem, debias, needs_gradient)
    return _with_status(value, iterations, error, problem, return_status)


def _with_status(result: Tensor, iterations: Tensor, error: Tensor, problem: Problem, return_status: bool):
    status = Status(error <= problem.tolerance, iterations, error)
    if return_status:
        return result, status
    if problem.solver == "converged" and not on_accelerator(error) and not status.converged.all():
        warnings.warn(
            f"{int((~status.converged).sum())} of {len(error)} transport problems did not converge in "
            f"{int(iterations.max())} iterations (L1 error of a marginal up to {float(error.max()):.1e}): raise "
            "epsilon, max_iterations or the tolerance",
            stacklevel=4,
        )
    return result


class _EnvelopeGradient(torch.autograd.Function):
    """Values of the pairs, and their gradients by the envelope theorem.

    The forward pass computes the gradients too, and keeps nothing else for the backward pass, which scales them.
    """

    @staticmethod
    def forward(ctx, x, y, x_mask, y_mask, a, b, problem: Problem, debias: bool, needs_gradient: bool):
        inputs = x, y, x_mask, y_mask, a, b
        if problem.solver == "geomloss":
            problem = with_schedule(problem, prepare(*inputs, problem))
        ctx.groups = _size_groups(x, y, x_mask, y_mask)
        ctx.like = [None if z is None else (z.shape, z.dtype) for z in (x, y, a, b)]
        if ctx.groups:
            result = _solve_groups(ctx.groups, inputs, problem, debias, needs_gradient)
        else:
            result = _solve_batch(*inputs, problem, debias, needs_gradient)
        ctx.save_for_backward(*result.gradients)
        ctx.mark_non_differentiable(result.iterations, result.error)
        return result.value, result.iterations, result.error

    @staticmethod
    def backward(ctx, grad, *_):
        if torch.is_grad_enabled():
            raise RuntimeError("create_graph=True: the gradient of a transport value has no gradient of its own")
        scaled, wanted = [None] * 4, (ctx.needs_input_grad[i] for i in (0, 1, 4, 5))
        for i in itertools.compress(range(4), wanted):
            shape, dtype = ctx.like[i]
            of_pairs = grad.reshape(-1, *(1,) * (len(shape) - 1))
            if ctx.groups:
                scaled[i] = _scatter(ctx.groups, ctx.saved_tensors[i::4], of_pairs, shape, dtype)
            else:
                scaled[i] = (of_pairs * ctx.saved_tensors[i]).to(dtype)
        by_x, by_y, by_a, by_b = scaled
        return by_x, by_y, None, None, by_a, by_b, None, None, None


def _solve_batch(
    x, y, x_mask, y_mask, a, b, problem: Problem, debias: bool, needs_gradient: bool, *, overwrite: bool = False
) -> _Result:
    """Values and gradients of a batch. Matrices are most of the memory of short vectors, so each is freed early."""
    early_stop = not (needs_gradient and on_accelerator(x))
    clouds = prepare(x, y, x_mask, y_mask, a, b, problem, overwrite)
    costs = partial(cost_matrix, problem.cost, smallest_square=problem.smallest_square)
    C = costs(clouds.x, clouds.y)
    epsilon = epsilon_of_pairs(C, clouds, problem)
    solution = solve(C, clouds.a, clouds.b, epsilon, problem, early_stop)
    value, iterations, error = solution.value, solution.iterations, solution.error
    # y's first, because pop takes the last.
    derivatives = [
        by_half_squares(solution.plan_columns, C, problem).mT,
        by_half_squares(solution.plan_rows, C, problem),
    ]
    by_weights, gradients = [solution.by_a, solution.by_b], []
    del solution, C
    for points, others, marginal, given in ((clouds.x, clouds.y, clouds.a, x), (clouds.y, clouds.x, clouds.b, y)):
        W, S = derivatives.pop(), None
        if debias:
            C = costs(points)
            itself = solve_self(C, marginal, epsilon, problem, early_stop)
            by_weights.append(by_weights.pop(0) - itself.by_a)
            value, error = value - itself.half_value, torch.maximum(error, itself.error)
            # The derivative of half the value by the costs is self_plan / 2, but each point stands on both sides.
            S = by_half_squares(itself.self_plan, C, problem)
            del itself, C
        if needs_gradient:
            gradient = _gradient(points, others, W, S)
            gradients.append(_of_direction(gradient, points, given) if problem.cost == "cosine" else gradient)
    if needs_gradient:
        gradients += [torch.where(clouds.real[:, None], z, 0.0) for z in by_weights]
    return _Result(torch.where(clouds.real, value, 0.0), iterations, error, gradients)


def _gradient(x: Tensor, y: Tensor, W: Tensor, S: Tensor | None) -> Tensor:
    r"""Gradient by :math:`x_i`, :math:`\sum_j W_{ij} (x_i - y_j) - \sum_j S_{ij} (x_i - x_j)`; changes S in place.

    W (B, n, m) is the derivative of the value by half the squared distances to y; S (B, n, n) that of the value within
    x, if this is subtracted.
    """
    sums = W.sum(2)
    if S is None:
        gradient = sums[:, :, None] * x
    else:
        S.diagonal(dim1=1, dim2=2).add_(sums - S.sum(2))
        gradient = torch.bmm(S, x)
    return gradient.baddbmm_(W, y, alpha=-1)


def _of_direction(gradient: Tensor, unit: Tensor, given: Tensor) -> Tensor:
    """Gradient by the vectors given, from that by their unit vectors; zero for absent points."""
    tangent = gradient - unit * (gradient * unit).sum(-1, keepdim=True)
    length = torch.linalg.vector_norm(given.to(unit.dtype), dim=-1, keepdim=True).clamp(min=1e-12)
    return torch.where(unit.any(-1, keepdim=True), tangent / length, 0.0)


# --- pairs of like size together, on a CPU ----------------------------------------------------------------------------


def _size_groups(x: Tensor, y: Tensor, x_mask: Tensor | None, y_mask: Tensor | None) -> list[_SizeGroup]:
    """Pairs of like size, to be solved together so that a CPU computes little padding; none if one batch is best.

    One batch would take about T milliseconds. With k groups about T / k are lost to padding, and k to the groups
    themselves, for each takes a millisecond whatever its size. The sum is least for k = sqrt(T).
    """
    if on_accelerator(x) or len(x) < 2 or (x_mask is None and y_mask is None):
        return []
    sizes = np.stack(
        [
            np.full(len(z), z.shape[1]) if mask is None else (mask.numpy() * np.arange(1, z.shape[1] + 1)).max(1)
            for z, mask in ((x, x_mask), (y, y_mask))
        ]
    ).clip(min=1)
    areas = sizes.prod(0)
    # An entry of the cost matrix takes d multiplications, and some 200 more in the iterations; 5e6 a millisecond.
    milliseconds = areas.sum() * (x.shape[2] + 200) / 5e6
    count = min(len(x), max(1, round(milliseconds**0.5)))
    if count == 1 and sizes.max(1).tolist() == [x.shape[1], y.shape[1]]:
        return []
    order = np.argsort(areas, kind="stable")
    groups = np.array_split(order, count)
    return [_SizeGroup(torch.from_numpy(pairs), *map(int, sizes[:, pairs].max(1))) for pairs in groups]


def _solve_groups(groups: list[_SizeGroup], inputs: tuple, problem: Problem, debias: bool, needs_gradient: bool):
    """Results of the groups in the order of the batch; gradients stay apart, the four of each group together."""
    results = []
    for pairs, n, m in groups:
        sizes = (n, m) * 3
        cut = [z if z is None else z[:, :size].index_select(0, pairs) for z, size in zip(inputs, sizes, strict=True)]
        results.append(_solve_batch(*cut, problem, debias, needs_gradient, overwrite=True))
    order = torch.cat([group.pairs for group in groups]).argsort()
    value, iterations, error, gradients = zip(*results, strict=True)
    return _Result(*(torch.cat(z)[order] for z in (value, iterations, error)), [*itertools.chain(*gradients)])


def _scatter(groups, gradients, grad: Tensor, shape: torch.Size, dtype: torch.dtype) -> Tensor:
    """Gradients of the groups, scaled, in the places of their pairs; zero on padding."""
    whole = torch.empty(shape, dtype=dtype, device=grad.device)
    for (pairs, *_), gradient in zip(groups, gradients, strict=True):
        for place, one in zip(pairs.tolist(), gradient, strict=True):  # several times as fast as index_copy_
            torch.mul(one, grad[place], out=whole[place, : len(one)])
            whole[place, len(one) :] = 0.0
    return whole
