r"""The algorithms: cost matrices and marginals in, values and plans out, for all pairs of a batch at once.

``C`` is the cost matrices (B, n, m); ``a`` (B, n) and ``b`` (B, m) are the marginals, zero for absent points;
``epsilon`` (B,) and the potentials ``f`` (B, n) and ``g`` (B, m) have the unit of the cost. *Scalings* ``u`` and ``v``
are potentials in another form: a plan is :math:`u_i K_{ij} v_j` with a *kernel* :math:`K` that contains
:math:`\exp(-C_{ij} / \varepsilon)`. They are row vectors, of shape (B, 1, n) and (B, 1, m), because a row vector times
a matrix is the fastest product.

``early_stop`` says whether a solver may read the error and stop once it is small. On an accelerator this makes the host
wait; without it, all pairs make the same, small number of iterations. Balanced problems of small clouds go on a GPU to
the programs of :mod:`otlib.transport.fused`, which look at their own error.
"""

from __future__ import annotations

import math
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from otlib.transport.problem import (
    BLOCK,
    OVER_RELAXATION,
    SELF_ITERATIONS,
    TINY,
    Clouds,
    Problem,
    SelfSolution,
    Solution,
    both_prices,
    on_accelerator,
)

BLOCKS_WITHOUT_EARLY_STOP = 2
SELF_ITERATIONS_WITHOUT_EARLY_STOP = 10
MOST_FUSED = 128  # points of a cloud: a larger matrix does not fit into the registers of a multiprocessor
SMALL_MASS = 0.1  # partial transport of less takes Sinkhorn's steps too long


def solve(C: Tensor, a: Tensor, b: Tensor, epsilon: Tensor, problem: Problem, early_stop: bool) -> Solution:
    """Transport between the clouds of each pair by the solver that the problem's options ask for."""
    if problem.solver == "geomloss":
        return _annealed(C, a, b, problem.schedule)
    if problem.mass is not None:
        return _partial(C, a, b, epsilon, problem, early_stop)
    if problem.solver == "exact":
        return _proximal(C, a, b) if on_accelerator(C) else _network_simplex(C, a, b)
    if problem.unbalanced is not None and any(price != math.inf for price in both_prices(problem.unbalanced)):
        # Prices are in the units of the epsilon option: both are multiplied by the same mean cost.
        prices = [price * epsilon / problem.epsilon for price in both_prices(problem.unbalanced)]
        return _unbalanced(C, a, b, epsilon, prices, problem, early_stop)
    if fused := _fused(C):
        return fused.sinkhorn(C, a, b, epsilon, tolerance=problem.tolerance, most=problem.max_iterations)
    return _sinkhorn(C, a, b, epsilon, problem, early_stop)


def solve_self(C: Tensor, a: Tensor, epsilon: Tensor, problem: Problem, early_stop: bool) -> SelfSolution:
    """Transport between each cloud and itself; ``C`` is symmetric, shape (B, n, n)."""
    if problem.solver == "geomloss":
        return _annealed_self(C, a, problem.schedule)
    if problem.unbalanced is not None:
        solution = solve(C, a, a, epsilon, problem, early_stop)
        plan, by_a = solution.plan_columns, (solution.by_a + solution.by_b) / 2
        return SelfSolution(solution.value / 2, (plan + plan.mT) / 2, solution.error, by_a)
    if fused := _fused(C):
        return fused.symmetric(C, a, epsilon, tolerance=problem.tolerance)
    return _symmetric(C, a, epsilon, problem, early_stop)


def _fused(C: Tensor) -> ModuleType | None:
    """The module of the GPU's own programs, where they can take these costs; Triton is imported here only."""
    if C.device.type != "cuda" or C.dtype != torch.float32 or max(C.shape[1:]) > MOST_FUSED:
        return None
    from otlib.transport import fused

    return fused if fused.works_on(C.device) else None


def _most_iterations(problem: Problem, early_stop: bool) -> int:
    most = problem.max_iterations
    return most if early_stop else min(most, BLOCK * BLOCKS_WITHOUT_EARLY_STOP)


# --- entropic transport, to convergence -------------------------------------------------------------------------------


def _sinkhorn(C: Tensor, a: Tensor, b: Tensor, epsilon: Tensor, problem: Problem, early_stop: bool) -> Solution:
    """Sinkhorn's algorithm (Cuturi, 2013) on the scalings, in blocks of iterations.

    Steps are over-relaxed (Thibault et al., 2021). After each block the scalings are absorbed into the potentials,
    before they grow too large for a float (Schmitzer, 2019). A pair that has converged leaves the batch: its result
    does not depend on how long the others take.
    """
    epsilon, power = epsilon[:, None], torch.full_like(a[:, :1, None], OVER_RELAXATION)
    f = C.masked_fill((b == 0)[:, None, :], torch.inf).amin(2)  # the soft minimum for an epsilon of 0
    error = torch.full_like(a[:, 0], torch.inf)
    most = _most_iterations(problem, early_stop)
    pairs, finished = torch.arange(len(a), device=a.device), []
    for before in range(0, most, BLOCK):
        iterations = min(BLOCK, most - before)
        solution, new_f = _sinkhorn_block(C, a, b, epsilon, f, power, iterations)
        solution = solution._replace(iterations=before + solution.iterations)
        done = solution.error <= problem.tolerance
        if before + iterations == most or (early_stop and done.all()):
            finished.append((pairs, solution))
            break
        # On rare problems over-relaxation makes the error grow: these go on with Sinkhorn's own steps.
        power = torch.where((solution.error < 3 * error)[:, None, None], power, 1.0)
        f = torch.where(solution.error.isfinite()[:, None], new_f, f)
        error = solution.error
        if early_stop and done.any():
            finished.append((pairs[done], Solution(*(z[done] for z in solution))))
            pairs, C, a, b, epsilon, f, power, error = (z[~done] for z in (pairs, C, a, b, epsilon, f, power, error))
    if len(finished) == 1:
        return finished[0][1]
    order = torch.cat([pairs for pairs, _ in finished]).argsort()
    return Solution(*(torch.cat(parts)[order] for parts in zip(*(solution for _, solution in finished), strict=True)))


def _sinkhorn_block(C, a, b, epsilon, f, power, iterations: int) -> tuple[Solution, Tensor]:
    """A block of Sinkhorn's iterations from the potential ``f``, and the potential at its end."""
    absent = a == 0
    exponent = torch.where(absent, -1e9, a.log())[:, :, None] + (f[:, :, None] - C) / epsilon[:, :, None]
    kernel = torch.softmax(exponent, 1)  # a_i exp((f_i + g_j - C_ij) / epsilon) with the g that makes columns sum to 1
    g = epsilon * (kernel.amax(1).log() - exponent.amax(1))
    plan = exponent.copy_(kernel).mul_(b[:, None, :])
    transposed = plan.mT.contiguous()
    target = (a + absent)[:, None]  # the scaling of an absent point stays 1
    floors = (absent.to(a) + TINY)[:, None], a.new_full((1, 1, 1), TINY)
    u, v = torch.ones_like(target), torch.ones_like(b)[:, None]
    for iteration in range(iterations):
        # The last two steps are Sinkhorn's own: an over-relaxed step misses both marginals.
        step = power if iteration < iterations - 2 else 1.0
        u *= (target / torch.baddbmm(floors[0], v, transposed).mul_(u)).pow_(step)
        v *= torch.baddbmm(floors[1], u, kernel).mul_(v).reciprocal_().pow_(step)
    row = torch.baddbmm(floors[0], v, transposed)
    error = (u * row - target).abs().sum((1, 2))
    exact_u = target / row  # makes the rows exact, as the last step made the columns
    f = f + epsilon * exact_u.log()[:, 0]
    g = g + epsilon * v.log()[:, 0]
    value = (a * f).sum(1) + (b * g).sum(1)
    plan_rows = plan.mul_(v)
    plan_columns = torch.mul(plan_rows, u.mT, out=kernel)
    made = torch.full_like(error, iterations, dtype=torch.long)
    by_a, by_b = f.masked_fill(absent, 0.0), g.masked_fill(b == 0, 0.0)
    return Solution(value, plan_rows.mul_(exact_u.mT), plan_columns, made, error, by_a, by_b), f


def _symmetric(C: Tensor, a: Tensor, epsilon: Tensor, problem: Problem, early_stop: bool) -> SelfSolution:
    """A cloud and itself: both potentials are the same, and steps halfway to Sinkhorn's need few iterations.

    Feydy et al., 2019, equation 25: the potential becomes the mean of itself and its soft minimum, so the scaling ``u``
    of the plan :math:`a_i u_i K_{ij} u_j a_j` becomes a geometric mean.
    """
    kernel = (C / -epsilon[:, None, None]).clamp_(min=-80).exp_()  # above zero in float32
    a, present = a[:, None], (a > 0).to(a)[:, None]
    floor = a.new_full((1, 1, 1), TINY)
    u = present / a.clamp(min=TINY).sqrt()
    tolerance = problem.tolerance / 10  # takes some three iterations more
    for iteration in range(1, 1 + (SELF_ITERATIONS if early_stop else SELF_ITERATIONS_WITHOUT_EARLY_STOP)):
        reached = torch.baddbmm(floor, a * u, kernel)
        # At every second iteration only: the error takes time as well.
        if early_stop and iteration % 2 and iteration > 2 and bool((_missed(a, u, reached) <= tolerance).all()):
            break
        u = (u * present / reached).sqrt_()
    reached = torch.baddbmm(floor, a * u, kernel)
    next_u = present / reached
    mean_u = a * (u * next_u).sqrt()
    self_plan = kernel.mul_(mean_u.mT).mul_(mean_u)
    potential = (u * next_u + 1 - present).log()
    half_value = epsilon * (a * potential).sum((1, 2)) / 2
    return SelfSolution(half_value, self_plan, _missed(a, u, reached), epsilon[:, None] * potential[:, 0] / 2)


def _missed(a: Tensor, u: Tensor, reached: Tensor) -> Tensor:
    """L1 error of the marginal ``a * u * reached``; all of shape (B, 1, n)."""
    return (a * (u * reached - 1)).abs_().sum((1, 2))


# --- entropic transport by GeomLoss's schedule ------------------------------------------------------------------------


def with_schedule(problem: Problem, clouds: Clouds) -> Problem:
    """Epsilons of GeomLoss's steps: blur ** p, for a blur that is halved from the extent of the clouds to the last one.

    As ``epsilon_schedule`` of GeomLoss with ``scaling=0.5``; p is 2 for the half squared cost and 1 for the distance.
    The extent is the diagonal of the smallest box around all real points of the batch.
    """
    x, y, a, b, real = clouds
    points = torch.cat([x[(a > 0) & real[:, None]], y[(b > 0) & real[:, None]]])
    points = points[points.isfinite().all(1)]  # the other pairs' schedule does not hang on a pair that is NaN
    extent = float((points.amax(0) - points.amin(0)).norm()) if len(points) else 0.0
    power = 2 if problem.cost == "half_sqeuclidean" else 1
    blur = problem.epsilon ** (1 / power)
    schedule = [blur**power]
    if extent > blur:
        steps = np.exp(np.arange(power * np.log(extent), power * np.log(blur), power * np.log(0.5)))
        schedule = [extent**power, *steps.tolist(), blur**power]
    return problem._replace(schedule=schedule)


def _annealed(C: Tensor, a: Tensor, b: Tensor, schedule: list[float]) -> Solution:
    """GeomLoss's ``sinkhorn_loop`` (Feydy's thesis, 2020, section 3.3.3): one step for each epsilon of the schedule.

    A step is halfway to Sinkhorn's, for both potentials at once. There is no test for convergence. One full step more
    gives the value and the plans, through which the gradient flows.
    """
    log_a, log_b = (weights.log().clamp(min=-1e5) for weights in (a, b))
    f, g = _soft_minimum(C, log_b, schedule[0], 2)[0], _soft_minimum(C, log_a, schedule[0], 1)[0]
    for epsilon in schedule:
        new_f = _soft_minimum(C, log_b + g / epsilon, epsilon, 2)[0]
        new_g = _soft_minimum(C, log_a + f / epsilon, epsilon, 1)[0]
        f, g = (f + new_f) / 2, (g + new_g) / 2
    new_f, row_shares = _soft_minimum(C, log_b + g / epsilon, epsilon, 2)
    new_g, column_shares = _soft_minimum(C, log_a + f / epsilon, epsilon, 1)
    value = (a * new_f).sum(1) + (b * new_g).sum(1)
    plan_rows, plan_columns = row_shares * a[:, :, None], column_shares * b[:, None, :]
    iterations = torch.full_like(a[:, 0], len(schedule) + 2, dtype=torch.long)
    error, by_a, by_b = (plan_columns.sum(2) - a).abs().sum(1), new_f * (a > 0), new_g * (b > 0)
    return Solution(value, plan_rows, plan_columns, iterations, error, by_a, by_b)


def _annealed_self(C: Tensor, a: Tensor, schedule: list[float]) -> SelfSolution:
    """The same for a cloud and itself, with one potential for both sides."""
    log_a = a.log().clamp(min=-1e5)
    f = _soft_minimum(C, log_a, schedule[0], 2)[0]
    for epsilon in schedule:
        f = (f + _soft_minimum(C, log_a + f / epsilon, epsilon, 2)[0]) / 2
    f, row_shares = _soft_minimum(C, log_a + f / epsilon, epsilon, 2)
    self_plan = row_shares * a[:, :, None]
    return SelfSolution((a * f).sum(1), self_plan, (self_plan.sum(1) - a).abs().sum(1), f * (a > 0))


def _soft_minimum(C: Tensor, log_weights: Tensor, epsilon: float, dim: int) -> tuple[Tensor, Tensor]:
    r"""Soft minimum of the costs over one side, :math:`-\varepsilon \log \sum_j \exp(w_j - C_{ij} / \varepsilon)`.

    And the share of each term in the sum. From a softmax, which a CPU computes ten times as fast as a logsumexp most of
    whose terms vanish.
    """
    exponent = torch.sub(log_weights.unsqueeze(3 - dim), C, alpha=1 / epsilon)
    shares = torch.softmax(exponent, dim)
    return epsilon * (shares.amax(dim).log() - exponent.amax(dim)), shares


# --- unbalanced and partial transport ---------------------------------------------------------------------------------


def _unbalanced(C, a, b, epsilon, prices: list[Tensor], problem: Problem, early_stop: bool) -> Solution:
    """Marginals may be missed at a price: Sinkhorn's steps, each potential damped (Chizat et al., 2018).

    A potential is multiplied by price / (price + epsilon): by 1 where a marginal is a constraint, by 0 where it is
    free. ``error`` is the last change of the potentials in units of epsilon, weighted by the marginals.

    Of partial transport of a small mass the last points are the bins. Sinkhorn's steps alone find the mass slowly, so
    that after each the plan without the bins is scaled to it; the part that was missed is added to ``error``.
    """
    epsilon, prices = epsilon[:, None], [price[:, None] for price in prices]
    damping = [torch.where(price.isinf(), 1.0, price / (price + epsilon)) for price in prices]
    log_a, log_b = (weights.log().clamp(min=-1e9) for weights in (a, b))
    scaled = C / epsilon[:, :, None]
    f, g = torch.zeros_like(a), torch.zeros_like(b)  # in units of epsilon
    iterations, done = torch.zeros_like(a[:, 0], dtype=torch.long), torch.zeros_like(a[:, 0], dtype=torch.bool)
    for _ in range(_most_iterations(problem, early_stop)):
        new_f = damping[0] * _soft_minimum(scaled, log_b + g, 1.0, 2)[0]
        new_g = damping[1] * _soft_minimum(scaled, log_a + new_f, 1.0, 1)[0]
        change = (a * (new_f - f).abs()).sum(1) + (b * (new_g - g).abs()).sum(1)
        if problem.mass is not None:
            log_plan = log_a[:, :, None] + log_b[:, None, :] + new_f[:, :, None] + new_g[:, None, :] - scaled
            excess = log_plan[:, :-1, :-1].flatten(1).logsumexp(1, keepdim=True) - math.log(problem.mass)
            change = change + excess[:, 0].expm1().abs()
        f, g = torch.where(done[:, None], f, new_f), torch.where(done[:, None], g, new_g)
        iterations += ~done
        done = done | (change <= problem.tolerance / 10)
        if early_stop and done.all():
            break
        if problem.mass is not None:
            shift = torch.where(done[:, None], 0.0, excess / 2)
            f, g = (torch.cat([z[:, :-1] - shift, z[:, -1:] + shift], 1) for z in (f, g))
    plan = (log_a[:, :, None] + log_b[:, None, :] + f[:, :, None] + g[:, None, :] - scaled).exp()
    # With both marginals nothing is unmoved: only where one may be missed does the mass of the plan count.
    unmoved = epsilon[:, 0] * (1 - plan.sum((1, 2))) if problem.mass is None else 0.0
    by_f, by_g = _dual_term(a, f, epsilon, prices[0]), _dual_term(b, g, epsilon, prices[1])
    value = (a * by_f).sum(1) + (b * by_g).sum(1) + unmoved
    by_a, by_b = (
        term + torch.where(weights > 0, epsilon * (1 - moved / weights), 0.0)
        for term, weights, moved in ((by_f, a, plan.sum(2)), (by_g, b, plan.sum(1)))
    )
    return Solution(value, plan, plan, iterations, change, by_a, by_b)


def _dual_term(weights: Tensor, potential: Tensor, epsilon: Tensor, price: Tensor) -> Tensor:
    """What a point adds to the dual value, by its weight: price * (1 - exp(-f / price)), or f for an infinite price."""
    f = epsilon * potential
    term = price * -torch.expm1(-f / price)
    term = torch.where(price.isinf(), f, torch.where(price == 0, 0.0, term))
    return torch.where(weights > 0, term, 0.0)  # the term of an absent point may be infinite


def _partial(C: Tensor, a: Tensor, b: Tensor, epsilon: Tensor, problem: Problem, early_stop: bool) -> Solution:
    """Only a part of the mass is moved, the cheapest (Caffarelli and McCann, 2010; Chapel et al., 2020).

    This is balanced transport with one point more on either side, a bin, that takes the rest of the other side's mass
    at no cost. Nothing goes from bin to bin. The error counts as a part of the mass.
    """
    dearest = (C * (a > 0)[:, :, None] * (b > 0)[:, None, :]).amax((1, 2))
    C = torch.nn.functional.pad(C, (0, 1, 0, 1))
    a, b = (torch.nn.functional.pad(weights, (0, 1), value=1 - problem.mass) for weights in (a, b))
    if problem.solver == "converged" and problem.mass < SMALL_MASS:
        C[:, -1, -1] = torch.inf
        solution = _unbalanced(C, a, b, epsilon, [torch.full_like(epsilon, torch.inf)] * 2, problem, early_stop)
    else:
        C[:, -1, -1] = 4 * dearest + 1000 * epsilon
        balanced = problem._replace(mass=None, tolerance=problem.tolerance * problem.mass)
        solution = solve(C, a, b, epsilon, balanced, early_stop)
        solution = solution._replace(error=solution.error / problem.mass)
    cut = {name: getattr(solution, name)[:, :-1, :-1] for name in ("plan_rows", "plan_columns")}
    return solution._replace(**cut, by_a=solution.by_a[:, :-1], by_b=solution.by_b[:, :-1])


# --- transport without regularisation ---------------------------------------------------------------------------------


def _network_simplex(C: Tensor, a: Tensor, b: Tensor) -> Solution:
    """The linear programme, pair by pair on the CPU, by POT's network simplex (Bonneel et al., 2011)."""
    import ot

    costs, rows, columns = (z.double().cpu().numpy() for z in (C, a, b))
    # To the simplex all costs below some 1e-9 are the same. Powers of two change no digit.
    costs = np.ldexp(costs, -np.frexp(costs.max((1, 2), keepdims=True))[1])
    problems = zip(rows, columns, costs, strict=True)
    plans = [torch.as_tensor(ot.emd(*z) if np.isfinite(z[2]).all() else np.full_like(z[2], np.nan)) for z in problems]
    return _unregularised(C, torch.stack(plans).to(C), a, 1)


def _proximal(C: Tensor, a: Tensor, b: Tensor, *, steps: int = 200) -> Solution:
    """The linear programme by proximal steps, all pairs at once (IPOT; Xie et al., 2020).

    A step is entropic transport whose entropy is relative to the last plan, with one of Sinkhorn's iterations. Epsilon,
    a tenth of the mean cost, need not become small: the plans come near the exact one all the same.
    """
    mean = torch.einsum("bi,bij,bj->b", a, C, b).clamp(min=TINY)
    kernel = (-C / (0.1 * mean[:, None, None])).clamp(min=-80).exp()
    a, b = a[:, None], b[:, None]
    floors = [(weights == 0).to(a) + TINY for weights in (a, b)]
    plan, v = a.mT * b, torch.ones_like(b)
    for _ in range(steps):
        step = kernel * plan
        u = a / torch.baddbmm(floors[0], v, step.mT)
        v = b / torch.baddbmm(floors[1], u, step)
        plan = step.mul_(u.mT).mul_(v)
    return _unregularised(C, plan, a[:, 0], steps)


def _unregularised(C: Tensor, plan: Tensor, a: Tensor, iterations: int) -> Solution:
    error = (plan.sum(2) - a).abs().sum(1)
    made = torch.full_like(error, iterations, dtype=torch.long)
    by_a, by_b = torch.zeros_like(a), torch.zeros_like(C[:, 0])  # not computed, and refused where they are asked for
    return Solution((plan * C).sum((1, 2)), plan, plan, made, error, by_a, by_b)
