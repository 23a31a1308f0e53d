r"""Batched optimal transport between clouds of points: costs, Sinkhorn divergence, transport plans.

For two clouds with weights :math:`a, b` and a cost matrix :math:`C`, the entropic transport problem is

.. math:: OT_\varepsilon(a, b) = \min_{\pi \ge 0,\ \pi 1 = a,\ \pi^T 1 = b} \langle \pi, C \rangle
          + \varepsilon\, KL(\pi\,|\,a \otimes b),

and the debiased Sinkhorn divergence (Feydy et al., 2019)

.. math:: S_\varepsilon(a, b) = OT_\varepsilon(a, b) - \tfrac12 OT_\varepsilon(a, a) - \tfrac12 OT_\varepsilon(b, b).

Clouds of unequal size are padded and masked. Everything is computed in float32 (float64 stays) outside autocast, and
gradients follow from the envelope theorem: the optimal plan is the derivative of the value by the cost matrix, so no
iteration is recorded.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

COSTS = ("half_sqeuclidean", "euclidean", "cosine")
SOLVERS = ("converged", "geomloss", "exact")


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
    tolerance: float = 1e-2,
    max_iterations: int = 1000,
) -> Tensor:
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
        Entropic regularisation: a part of each pair's mean cost if ``relative``, else in units of the cost.
    solver : {"converged", "geomloss", "exact"}
        To ``tolerance``; by GeomLoss's default schedule, which is the paper's setting with ``epsilon=0.05**2`` and
        ``relative=False``; or the unregularised problem by POT's network simplex, which needs no debiasing.
    tolerance : float
        Largest error of a marginal (L1) at which iterations stop.

    Returns
    -------
    Tensor, shape (B,)
        In units of the cost; 0 for a pair with an empty side.

    Raises
    ------
    ValueError
        If ``epsilon`` is not positive, the cost or the solver unknown, or they do not go together.
    """
    _check(epsilon, solver)
    with torch.autocast(x.device.type, enabled=False):
        x, y, a, b, real = _prepared(x, y, x_mask, y_mask, a, b)
        options = {"solver": solver, "tolerance": tolerance, "max_iterations": max_iterations}
        if solver == "geomloss":
            return torch.where(real, _geomloss(x, y, a, b, cost, epsilon, relative)[0], 0.0)
        cross = _cost_matrix(x, y, cost)
        eps = _epsilon(cross, x, a, b, epsilon, relative)
        value = _value(cross, a, b, eps, **options)
        if solver != "exact":
            value = value - _self_value(_cost_matrix(x, x, cost), a, eps) / 2
            value = value - _self_value(_cost_matrix(y, y, cost), b, eps) / 2
        return torch.where(real, value, 0.0)


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
    tolerance: float = 1e-2,
    max_iterations: int = 1000,
) -> Tensor:
    """Transport plan of each pair of clouds, shape (B, n, m); zero on padding. See :func:`sinkhorn_divergence`."""
    _check(epsilon, solver)
    with torch.autocast(x.device.type, enabled=False):
        x, y, a, b, real = _prepared(x, y, x_mask, y_mask, a, b)
        if solver == "geomloss":
            return _geomloss(x, y, a, b, cost, epsilon, relative)[1] * real[:, None, None]
        matrix = _cost_matrix(x, y, cost)
        eps = _epsilon(matrix, x, a, b, epsilon, relative)
        options = {"solver": solver, "tolerance": tolerance, "max_iterations": max_iterations}
        return _solve(matrix, a, b, eps, **options)[0] * real[:, None, None]


def _check(epsilon: float, solver: str) -> None:
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon}; for unregularised transport use solver='exact'")
    if solver not in SOLVERS:
        raise ValueError(f"solver must be one of {', '.join(SOLVERS)}, got {solver!r}")


def _prepared(x, y, x_mask, y_mask, a, b):
    """Points and weights in float32 at least, zero on padding, and which pairs have two sides."""
    dtype = torch.promote_types(x.dtype, torch.float32)
    clouds = []
    for points, mask, weights in ((x, x_mask, a), (y, y_mask, b)):
        mask = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device) if mask is None else mask
        points = points.to(dtype).masked_fill(~mask[..., None], 0.0)
        if weights is None:
            weights = mask.to(dtype) / mask.sum(1, keepdim=True).clamp(min=1)
        clouds.append((points, weights.to(dtype) * mask))
    (x, a), (y, b) = clouds
    real = (a.sum(1) > 0) & (b.sum(1) > 0)
    # A pair with an empty side becomes one word at the origin on either side: every number in it is finite.
    x, y = (points.masked_fill(~real[:, None, None], 0.0) for points in (x, y))
    first = torch.zeros_like(a), torch.zeros_like(b)
    for weights in first:
        weights[:, 0] = 1.0
    a, b = (torch.where(real[:, None], old, one) for old, one in zip((a, b), first, strict=True))
    return x, y, a, b, real


def _cost_matrix(x: Tensor, y: Tensor, cost: str) -> Tensor:
    if cost == "cosine":
        x, y = (torch.nn.functional.normalize(points, dim=-1) for points in (x, y))
        return 1 - x @ y.mT
    squares = ((x**2).sum(-1)[:, :, None] + (y**2).sum(-1)[:, None, :]) / 2 - x @ y.mT
    squares = squares.clamp(min=0)
    if cost == "half_sqeuclidean":
        return squares
    if cost == "euclidean":
        return (2 * squares).clamp(min=1e-8).sqrt()  # GeomLoss's floor
    raise ValueError(f"cost must be one of {', '.join(COSTS)}, got {cost!r}")


def _epsilon(matrix, x, a, b, epsilon, relative) -> Tensor:
    if not relative:
        return torch.full_like(a[:, 0], epsilon)
    mean = torch.einsum("bi,bij,bj->b", a, matrix.detach(), b)
    # Between equal points the costs are rounding errors of the norms, which a smaller epsilon would magnify.
    rounding = 1e-6 * (a * x.detach().square().sum(-1)).sum(1)
    return torch.maximum(epsilon * mean, rounding).clamp(min=1e-12)


def _value(matrix, a, b, eps, **options) -> Tensor:
    plan, value = _solve(matrix.detach(), a, b, eps, **options)
    transported = (plan * matrix).sum((1, 2))
    return transported + (value - transported).detach()


def _self_value(matrix, a, eps, *, iterations: int = 12) -> Tensor:
    """Value of a cloud to itself: one potential, and averaged scalings that converge in a few iterations."""
    kernel = (-matrix.detach() / eps[:, None, None]).clamp(min=-80).exp()
    kernel.diagonal(dim1=1, dim2=2).fill_(1.0)  # exactly, so that no row vanishes
    kernel = kernel.masked_fill((a == 0)[:, :, None], 1.0)  # what padding would get does not matter, but is finite
    u = torch.ones_like(a)
    for _ in range(iterations):
        u = (u / torch.bmm(kernel, (a * u)[:, :, None])[..., 0]).sqrt()
    v = 1 / torch.bmm(kernel, (a * u)[:, :, None])[..., 0]
    plan = (a * u)[:, :, None] * kernel * (a * v)[:, None, :]
    value = eps * (a * (u.log() + v.log())).sum(1)
    transported = (plan * matrix).sum((1, 2))
    return transported + (value - transported).detach()


def _geomloss(x, y, a, b, cost, epsilon, relative) -> tuple[Tensor, Tensor]:
    """Divergence and plan by the default schedule of GeomLoss's ``SamplesLoss`` (Feydy et al., 2019), unconverged.

    One symmetric step for each epsilon, halved in blur from the diameter of all real points down to ``epsilon``, then
    one step more through which the gradient flows.
    """
    if relative:
        raise ValueError("solver='geomloss' needs relative=False: its epsilon is absolute, blur ** p (0.05 ** 2)")
    if cost == "cosine":
        raise ValueError("solver='geomloss' knows the costs half_sqeuclidean (p=2) and euclidean (p=1), not cosine")
    power = 2 if cost == "half_sqeuclidean" else 1
    log_a, log_b = (weights.log().clamp(min=-1e5) for weights in (a, b))
    schedule = _schedule(x, y, a, b, power, epsilon ** (1 / power))
    fixed = x.detach(), y.detach()
    matrices = [_cost_matrix(left, right, cost) for left, right in ((x, fixed[1]), (y, fixed[0]))]
    matrices += [_cost_matrix(left, right, cost) for left, right in zip((x, y), fixed, strict=True)]
    logs = [log_b, log_a, log_a, log_b]  # of the side that is summed over: xy, yx, xx, yy
    swap = [1, 0, 2, 3]  # whose potential enters
    with torch.no_grad():
        potentials = [_soft_minimum(c, h, schedule[0]) for c, h in zip(matrices, logs, strict=True)]
        for eps in schedule:
            new = [_soft_minimum(c, h + potentials[j] / eps, eps) for c, h, j in zip(matrices, logs, swap, strict=True)]
            potentials = [(old + step) / 2 for old, step in zip(potentials, new, strict=True)]
    eps = schedule[-1]
    f, g, f_x, g_y = (
        _soft_minimum(c, h + potentials[j] / eps, eps) for c, h, j in zip(matrices, logs, swap, strict=True)
    )
    value = (a * (f - f_x)).sum(1) + (b * (g - g_y)).sum(1)
    with torch.no_grad():
        plan = ((f[:, :, None] + g[:, None, :] - matrices[0]) / eps).exp() * a[:, :, None] * b[:, None, :]
        plan = plan.masked_fill((a == 0)[:, :, None] | (b == 0)[:, None, :], 0.0)
    return value, plan


def _schedule(x, y, a, b, power: int, blur: float) -> list[float]:
    points = torch.cat([x.detach()[a > 0], y.detach()[b > 0]])
    diameter = float((points.amax(0) - points.amin(0)).norm()) if len(points) else 0.0
    if diameter <= blur:
        return [blur**power]
    steps = np.exp(np.arange(power * np.log(diameter), power * np.log(blur), power * np.log(0.5)))
    return [diameter**power, *steps.tolist(), blur**power]


def _soft_minimum(matrix: Tensor, log_weights: Tensor, eps: float) -> Tensor:
    return -eps * (log_weights[:, None, :] - matrix / eps).logsumexp(2)


def _solve(matrix, a, b, eps, *, solver, tolerance, max_iterations):
    if solver == "exact":
        import ot

        plans = [
            torch.as_tensor(ot.emd(u.double().numpy(), v.double().numpy(), c.double().numpy()))
            for u, v, c in zip(a.cpu(), b.cpu(), matrix.cpu(), strict=True)
        ]
        plan = torch.stack(plans).to(matrix)
        return plan, (plan * matrix).sum((1, 2))
    return _sinkhorn(matrix, a, b, eps, tolerance=tolerance, max_iterations=max_iterations)


RELAXATION = 1.6  # over-relaxed scalings converge in a fraction of the plain iterations
BLOCK = 20  # iterations between two absorptions of the scalings into the potentials


def _sinkhorn(matrix, a, b, eps, *, tolerance, max_iterations):
    """Plan and value. Scalings by matrix products; their logarithms are absorbed into the potentials in between."""
    eps = eps[:, None]
    log_a = a.log().clamp(min=-1e9)[:, :, None]
    padding = (b == 0)[:, None, :]
    f = matrix.masked_fill(padding, torch.inf).amin(2).nan_to_num(posinf=0.0)
    for _ in range(0, max_iterations, BLOCK):
        exponents = log_a + (f[:, :, None] - matrix) / eps[..., None]
        g = -eps * exponents.logsumexp(1)
        kernel = torch.softmax(exponents, 1)  # column sums 1: the plan is kernel * b once converged
        u, v = torch.ones_like(a), torch.ones_like(b)
        for iteration in range(BLOCK):
            relax = RELAXATION if iteration < BLOCK - 2 else 1.0
            row = torch.bmm(kernel, (b * v)[:, :, None])[..., 0].clamp(min=1e-30)
            target = a / row
            error = (row * u - a).abs().sum(1)
            u = target * (target / u.clamp(min=1e-30)) ** (relax - 1) if relax != 1 else target
            column = torch.bmm(u[:, None, :], kernel)[:, 0].clamp(min=1e-30)
            v = (1 / column) * (1 / column / v) ** (relax - 1) if relax != 1 else 1 / column
        f, g = f + eps * u.clamp(min=1e-30).log(), g + eps * v.log()
        if bool((error < tolerance).all()):
            break
    plan = u[:, :, None] * kernel * (b * v)[:, None, :]
    return plan, (a * f).sum(1) + (b * g).sum(1)
