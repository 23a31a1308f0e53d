"""Transport against exact and float64 references, and against GeomLoss."""

import numpy as np
import ot
import pytest
import torch
from scipy.special import logsumexp

from otlib import sinkhorn_divergence, transport_plan


def clouds(pairs=6, n=9, m=7, d=5, seed=0, scale=1.0):
    """Ragged pairs of clouds and their masks."""
    generator = torch.Generator().manual_seed(seed)
    x, y = (scale * torch.randn(pairs, size, d, generator=generator) for size in (n, m))
    masks = [torch.arange(size) < torch.randint(1, size + 1, (pairs, 1), generator=generator) for size in (n, m)]
    return x, y + scale, *masks


def half_squares(x, y):
    return ((x[:, None] - y[None]) ** 2).sum(-1) / 2


def entropic_cost(x, y, eps):
    """OT_eps by thousands of plain iterations in float64."""
    matrix = half_squares(x, y)
    log_a, log_b = (np.full(len(z), -np.log(len(z))) for z in (x, y))
    f, g = np.zeros(len(x)), np.zeros(len(y))
    for _ in range(4000):
        f = -eps * logsumexp(log_b + (g - matrix) / eps, axis=1)
        g = -eps * logsumexp(log_a[:, None] + (f[:, None] - matrix) / eps, axis=0)
    return f.mean() + g.mean()


@pytest.mark.parametrize("epsilon", [0.05, 0.2])
def test_divergence_agrees_with_a_converged_float64_loop(epsilon):
    x, y, x_mask, y_mask = clouds()
    found = sinkhorn_divergence(x, y, x_mask, y_mask, epsilon=epsilon, tolerance=1e-3)
    for k, value in enumerate(found):
        p, q = x[k][x_mask[k]].double().numpy(), y[k][y_mask[k]].double().numpy()
        eps = epsilon * half_squares(p, q).mean()
        expected = entropic_cost(p, q, eps) - entropic_cost(p, p, eps) / 2 - entropic_cost(q, q, eps) / 2
        assert float(value) == pytest.approx(expected, rel=1e-4)


def test_exact_solver_is_the_earth_movers_distance():
    x, y, x_mask, y_mask = clouds(seed=1)
    found = sinkhorn_divergence(x, y, x_mask, y_mask, solver="exact")
    for k, value in enumerate(found):
        matrix = half_squares(x[k][x_mask[k]].double().numpy(), y[k][y_mask[k]].double().numpy())
        assert float(value) == pytest.approx(ot.emd2([], [], matrix), rel=1e-5)


@pytest.mark.parametrize(("cost", "p", "blur"), [("half_sqeuclidean", 2, 0.05), ("euclidean", 1, 0.05)])
def test_geomloss_solver_is_geomloss_default(cost, p, blur):
    geomloss = pytest.importorskip("geomloss")
    x, y, *_ = clouds(seed=2)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    found = sinkhorn_divergence(ours, y, cost=cost, solver="geomloss", epsilon=blur**p, relative=False)
    weights = [torch.full(z.shape[:2], 1 / z.shape[1]) for z in (x, y)]
    expected = geomloss.SamplesLoss("sinkhorn", p=p, blur=blur)(weights[0], theirs, weights[1], y)
    torch.testing.assert_close(found, expected, rtol=2e-6, atol=1e-6)
    found.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("solver", ["converged", "exact", "geomloss"])
def test_padding_changes_nothing(solver):
    x, y, x_mask, y_mask = clouds(seed=3)
    options = {"solver": solver, "relative": solver != "geomloss"}
    clean = sinkhorn_divergence(x, y, x_mask, y_mask, **options)
    dirty = sinkhorn_divergence(
        x.masked_fill(~x_mask[..., None], 1e3), y.masked_fill(~y_mask[..., None], torch.nan), x_mask, y_mask, **options
    )
    assert torch.equal(clean, dirty)
    plan = transport_plan(x, y, x_mask, y_mask, **options)
    assert (plan[~x_mask] == 0).all() and (plan.mT[~y_mask] == 0).all()


def test_plan_has_the_marginals_asked_for():
    x, y, x_mask, y_mask = clouds(seed=4)
    plan = transport_plan(x, y, x_mask, y_mask, tolerance=1e-4)
    torch.testing.assert_close(plan.sum(2), x_mask / x_mask.sum(1, keepdim=True), atol=1e-4, rtol=0)
    torch.testing.assert_close(plan.sum(1), y_mask / y_mask.sum(1, keepdim=True), atol=1e-4, rtol=0)


def test_divergence_is_symmetric_and_zero_between_equal_clouds():
    x, y, x_mask, y_mask = clouds(seed=5)
    forth = sinkhorn_divergence(x, y, x_mask, y_mask, tolerance=1e-4)
    torch.testing.assert_close(forth, sinkhorn_divergence(y, x, y_mask, x_mask, tolerance=1e-4), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(sinkhorn_divergence(x, x, x_mask, x_mask), torch.zeros(len(x)), atol=1e-4, rtol=0)


def test_gradient_is_that_of_finite_differences():
    x, y, *_ = (z.double() for z in clouds(pairs=2, n=4, m=5, d=3, seed=6))

    def value(x):
        return sinkhorn_divergence(x, y, epsilon=0.5, relative=False, tolerance=1e-10)

    assert torch.autograd.gradcheck(value, x.requires_grad_(), eps=1e-5, atol=1e-5)


def test_an_empty_side_counts_zero_and_its_gradient_is_finite():
    x, y, x_mask, y_mask = clouds(seed=7, scale=17.0)
    x_mask = x_mask & (torch.arange(len(x)) > 0)[:, None]
    x.requires_grad_()
    for solver in ("converged", "geomloss"):
        value = sinkhorn_divergence(x, y, x_mask, y_mask, solver=solver, relative=solver != "geomloss")
        assert value[0] == 0 and (value[1:] > 0).all()
        gradient = torch.autograd.grad(value.sum(), x)[0]
        assert torch.isfinite(gradient).all() and (gradient[0] == 0).all()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_values_are_finite_at_every_norm_and_in_half_precision(scale):
    x, y, x_mask, y_mask = clouds(seed=8, scale=scale)
    y[:, :3] = x[:, :3]  # duplicates
    for cost in ("half_sqeuclidean", "euclidean", "cosine"):
        z = x.bfloat16().requires_grad_()
        value = sinkhorn_divergence(z, y.bfloat16(), x_mask, y_mask, cost=cost)
        assert value.dtype == torch.float32 and torch.isfinite(value).all()
        assert torch.isfinite(torch.autograd.grad(value.sum(), z)[0]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be positive"),
        ({"solver": "fast"}, "solver must be one of"),
        ({"cost": "manhattan"}, "cost must be one of"),
        ({"solver": "geomloss"}, "needs relative=False"),
        ({"solver": "geomloss", "relative": False, "cost": "cosine"}, "not cosine"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    x, y, *_ = clouds(pairs=1)
    with pytest.raises(ValueError, match=message):
        sinkhorn_divergence(x, y, **options)
