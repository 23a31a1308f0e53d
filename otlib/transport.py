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
    """Debiased Sinkhorn divergence (B,) between clouds ``x`` (B, n, d) and ``y`` (B, m, d); differentiable."""
    with torch.autocast(x.device.type, enabled=False):
        x, y, a, b = _prepared(x, y, x_mask, y_mask, a, b)
        options = {"solver": solver, "tolerance": tolerance, "max_iterations": max_iterations}
        cross = _cost_matrix(x, y, cost)
        eps = _epsilon(cross, a, b, epsilon, relative)
        value = _value(cross, a, b, eps, **options)
        if solver != "exact":
            value = value - _self_value(_cost_matrix(x, x, cost), a, eps) / 2
            value = value - _self_value(_cost_matrix(y, y, cost), b, eps) / 2
        return torch.where((a.sum(1) > 0) & (b.sum(1) > 0), value, 0.0)


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
    """Transport plan (B, n, m) of each pair of clouds; zero on padding."""
    with torch.autocast(x.device.type, enabled=False):
        x, y, a, b = _prepared(x, y, x_mask, y_mask, a, b)
        matrix = _cost_matrix(x, y, cost)
        eps = _epsilon(matrix, a, b, epsilon, relative)
        return _solve(matrix, a, b, eps, solver=solver, tolerance=tolerance, max_iterations=max_iterations)[0]


def _prepared(x, y, x_mask, y_mask, a, b):
    dtype = torch.promote_types(x.dtype, torch.float32)
    clouds = []
    for points, mask, weights in ((x, x_mask, a), (y, y_mask, b)):
        mask = torch.ones(points.shape[:2], dtype=torch.bool, device=points.device) if mask is None else mask
        points = points.to(dtype).masked_fill(~mask[..., None], 0.0)
        if weights is None:
            weights = mask.to(dtype) / mask.sum(1, keepdim=True).clamp(min=1)
        clouds.append((points, weights.to(dtype) * mask))
    (x, a), (y, b) = clouds
    return x, y, a, b


def _cost_matrix(x: Tensor, y: Tensor, cost: str) -> Tensor:
    if cost == "cosine":
        x, y = (torch.nn.functional.normalize(points, dim=-1) for points in (x, y))
        return 1 - x @ y.mT
    squares = ((x**2).sum(-1)[:, :, None] + (y**2).sum(-1)[:, None, :]) / 2 - x @ y.mT
    squares = squares.clamp(min=0)
    if cost == "half_sqeuclidean":
        return squares
    if cost == "euclidean":
        return (2 * squares).clamp(min=1e-12).sqrt()
    raise ValueError(f"cost must be one of {', '.join(COSTS)}, got {cost!r}")


def _epsilon(matrix, a, b, epsilon, relative) -> Tensor:
    if not epsilon > 0:
        raise ValueError(
            f"epsilon must be positive, got {epsilon}; for unregularised transport use solver='exact'"
        )
    mean = torch.einsum("bi,bij,bj->b", a, matrix.detach(), b)
    return (epsilon * mean).clamp(min=1e-12) if relative else torch.full_like(mean, epsilon)


def _value(matrix, a, b, eps, **options) -> Tensor:
    plan, value = _solve(matrix.detach(), a, b, eps, **options)
    transported = (plan * matrix).sum((1, 2))
    return transported + (value - transported).detach()


def _self_value(matrix, a, eps, *, iterations: int = 12) -> Tensor:
    """Value of a cloud to itself: one potential, and averaged scalings that converge in a few iterations."""
    kernel = (-matrix.detach() / eps[:, None, None]).clamp(min=-80).exp()  # its diagonal is 1: no row vanishes
    kernel = kernel.masked_fill((a == 0)[:, :, None], 1.0)  # what padding would get does not matter, but is finite
    u = torch.ones_like(a)
    for _ in range(iterations):
        u = (u / torch.bmm(kernel, (a * u)[:, :, None])[..., 0]).sqrt()
    v = 1 / torch.bmm(kernel, (a * u)[:, :, None])[..., 0]
    plan = (a * u)[:, :, None] * kernel * (a * v)[:, None, :]
    value = eps * (a * (u.log() + v.log())).sum(1)
    transported = (plan * matrix).sum((1, 2))
    return transported + (value - transported).detach()


def _solve(matrix, a, b, eps, *, solver, tolerance, max_iterations):
    if solver == "exact":
        import ot

        plans = [
            torch.as_tensor(ot.emd(u.double().numpy(), v.double().numpy(), c.double().numpy()))
            if u.sum() > 0 and v.sum() > 0
            else torch.zeros(c.shape)
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
    for done in range(0, max_iterations, BLOCK):
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
