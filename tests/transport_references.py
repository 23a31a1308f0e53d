"""Clouds to test transport with, and independent references: one pair at a time, in float64."""

import numpy as np
import torch


def clouds(pairs=6, n=9, m=7, d=5, seed=0, scale=1.0, dtype=torch.float32):
    """Ragged pairs of clouds and their masks."""
    generator = torch.Generator().manual_seed(seed)
    x, y = (scale * torch.randn(pairs, size, d, generator=generator, dtype=dtype) for size in (n, m))
    masks = [torch.arange(size) < torch.randint(1, size + 1, (pairs, 1), generator=generator) for size in (n, m)]
    return x, y + scale, *masks


def weighted(mask, seed=0):
    weights = torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)) * mask + 0.1 * mask
    return weights / weights.sum(1, keepdim=True)


def half_squares(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1) / 2


def reference_plan(matrix, a, b, eps):
    """Plan by Newton steps on the dual from a few hundred of Sinkhorn's; marginals are right to 1e-12."""
    f, g = np.zeros(len(a)), np.zeros(len(b))
    for _ in range(300):
        f = -eps * np.logaddexp.reduce(np.log(b) + (g - matrix) / eps, axis=1)
        g = -eps * np.logaddexp.reduce(np.log(a)[:, None] + (f[:, None] - matrix) / eps, axis=0)
    for _ in range(50):
        plan = a[:, None] * b * np.exp((f[:, None] + g - matrix) / eps)
        missing = np.concatenate([a - plan.sum(1), b - plan.sum(0)])
        if abs(missing).sum() < 1e-12:
            return plan
        hessian = np.block([[np.diag(plan.sum(1)), plan], [plan.T, np.diag(plan.sum(0))]])
        step = eps * np.linalg.lstsq(hessian, missing, rcond=1e-14)[0]
        step *= min(1.0, eps / abs(step).max())
        f, g = f + step[: len(f)], g + step[len(f) :]
    raise AssertionError(f"the reference is off by {abs(missing).sum():.1e}")


def reference_cost(matrix, a, b, eps):
    plan = reference_plan(matrix, a, b, eps)
    product = a[:, None] * b
    entropy = plan * np.log(np.maximum(plan, 1e-300) / product)
    return (plan * matrix).sum() + eps * entropy.sum(), plan


def reference_divergence(x, y, a, b, epsilon):
    """Value and gradient by x, of the half squared Euclidean cost, with epsilon relative to the mean cost."""
    matrix = half_squares(x, y)
    eps = epsilon * (a @ matrix @ b)
    across, plan = reference_cost(matrix, a, b, eps)
    within_x, plan_x = reference_cost(half_squares(x, x), a, a, eps)
    within_y, _ = reference_cost(half_squares(y, y), b, b, eps)
    return across - within_x / 2 - within_y / 2, plan_x @ x - plan @ y
