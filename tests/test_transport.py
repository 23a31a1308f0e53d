"""Transport against float64 references of POT, exact transport, GeomLoss, and what must hold of any divergence."""

import math
import warnings

import geomloss
import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from otlib import sinkhorn_divergence, transport_plan
from otlib.transport import (
    _network_simplex,
    _parts,
    _proximal,
    fused_gromov_wasserstein_plan,
    norm_weights,
    transport_cost,
)


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


# --- independent references, one pair at a time, in float64 ----


def reference_plan(matrix, a, b, eps):
    """Plan by Newton steps on the dual from a few hundred of Sinkhorn's; marginals are right to 1e-12."""
    f, g = np.zeros(len(a)), np.zeros(len(b))
    for _ in range(300):
        f = -eps * logsumexp(np.log(b) + (g - matrix) / eps, axis=1)
        g = -eps * logsumexp(np.log(a)[:, None] + (f[:, None] - matrix) / eps, axis=0)
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


def errors(x, y, x_mask, y_mask, a, b, epsilon, **options):
    """Relative error of each value, and of each gradient as a vector."""
    x = x.clone().requires_grad_()
    found, status = sinkhorn_divergence(x, y, x_mask, y_mask, a=a, b=b, epsilon=epsilon, return_status=True, **options)
    assert status.converged.all()
    found.sum().backward()
    pairs = []
    for k, value in enumerate(found.tolist()):
        rows, columns = x_mask[k], y_mask[k]
        p, q, p_weights, q_weights, gradient = (
            z.detach().double().numpy() for z in (x[k][rows], y[k][columns], a[k][rows], b[k][columns], x.grad[k][rows])
        )
        p_weights, q_weights = p_weights / p_weights.sum(), q_weights / q_weights.sum()
        expected, slope = reference_divergence(p, q, p_weights, q_weights, epsilon)
        pairs.append((abs(value - expected) / expected, np.linalg.norm(gradient - slope) / np.linalg.norm(slope)))
    return np.array(pairs).T


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 12),
    m=st.integers(1, 12),
    d=st.sampled_from([2, 8, 64, 300]),
    scale=st.sampled_from([1e-2, 1.0, 17.0, 300.0]),
    epsilon=st.sampled_from([0.05, 0.1, 0.3]),
    uniform=st.booleans(),
)
def test_values_and_gradients_are_those_of_a_float64_reference(seed, n, m, d, scale, epsilon, uniform):
    x, y, x_mask, y_mask = clouds(4, n, m, d, seed, scale)
    a, b = (mask / mask.sum(1, keepdim=True) if uniform else weighted(mask, seed) for mask in (x_mask, y_mask))
    # Points in the plane crowd: a given error of the marginals says less of the value there.
    value, gradient = errors(x, y, x_mask, y_mask, a, b, epsilon, tolerance=1e-4 if d == 2 else 1e-3)
    assert value.max() < 1e-5
    assert gradient.max() < 1e-3


def test_values_and_gradients_at_a_small_epsilon():
    for seed, d in enumerate((8, 16, 64, 300)):
        x, y, x_mask, y_mask = clouds(6, 12, 12, d, seed, scale=10.0)
        value, gradient = errors(x, y, x_mask, y_mask, weighted(x_mask), weighted(y_mask), 0.01)
        assert value.max() < 1e-4
        assert gradient.max() < 1e-2


@pytest.mark.parametrize("cost", ["euclidean", "cosine"])
def test_other_costs(cost):
    x, y, x_mask, y_mask = clouds(seed=11)
    found, _ = sinkhorn_divergence(x, y, x_mask, y_mask, cost=cost, epsilon=0.1, return_status=True)
    for k, value in enumerate(found.tolist()):
        p, q = (z.double().numpy() for z in (x[k][x_mask[k]], y[k][y_mask[k]]))
        a, b = (np.full(len(z), 1 / len(z)) for z in (p, q))
        p_q, p_p, q_q = (ot.dist(*pair, metric=cost) for pair in ((p, q), (p, p), (q, q)))
        eps = 0.1 * p_q.mean()
        parts = [reference_cost(*problem, eps)[0] for problem in ((p_q, a, b), (p_p, a, a), (q_q, b, b))]
        assert value == pytest.approx(parts[0] - parts[1] / 2 - parts[2] / 2, rel=1e-4)


def test_exact_solver_is_the_earth_movers_distance():
    x, y, x_mask, y_mask = clouds(seed=1)
    a, b = weighted(x_mask), weighted(y_mask)
    found = sinkhorn_divergence(x, y, x_mask, y_mask, a=a, b=b, solver="exact")
    for k, value in enumerate(found):
        rows, columns = x_mask[k], y_mask[k]
        matrix = half_squares(x[k][rows].double().numpy(), y[k][columns].double().numpy())
        p, q = (w.double().numpy() / w.double().sum().item() for w in (a[k][rows], b[k][columns]))
        assert float(value) == pytest.approx(ot.emd2(p, q, matrix), rel=1e-5)


def test_proximal_steps_come_to_the_exact_plan():
    x, y, x_mask, y_mask = clouds(pairs=20, n=16, m=16, d=8, seed=2)
    matrix = torch.cdist(x, y) ** 2 / 2
    a, b = (mask / mask.sum(1, keepdim=True) for mask in (x_mask, y_mask))
    found, expected = _proximal(matrix, a, b), _network_simplex(matrix, a, b)
    torch.testing.assert_close(found.value, expected.value, rtol=2e-3, atol=0)
    assert found.error.max() < 1e-2
    assert (found.for_y[~x_mask] == 0).all()


@pytest.mark.parametrize(("cost", "p", "blur"), [("half_sqeuclidean", 2, 0.05), ("euclidean", 1, 0.05)])
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_geomloss_solver_is_geomloss_default(cost, p, blur, scale):
    x, y, x_mask, y_mask = clouds(12, 9, 14, 6, seed=2, scale=scale)
    x, y = (z.masked_fill(~mask[..., None], 0.0) for z, mask in ((x, x_mask), (y, y_mask)))
    # GeomLoss's schedule begins at the extent of the padded batch: only clouds around the origin have the same.
    x[0, 0], y[0, 0], x_mask[0, 0], y_mask[0, 0] = -5 * scale, 5 * scale, True, True

    def ours(x, y):
        return sinkhorn_divergence(x, y, x_mask, y_mask, cost=cost, solver="geomloss", epsilon=blur**p, relative=False)

    def theirs(x, y):
        a, b = (mask.to(x) / mask.sum(1, keepdim=True) for mask in (x_mask, y_mask))
        return geomloss.SamplesLoss("sinkhorn", p=p, blur=blur)(a, x, b, y)

    def results(loss, dtype):
        points = [z.to(dtype).requires_grad_() for z in (x, y)]
        value = loss(*points)
        return value.detach().double(), torch.cat(torch.autograd.grad(value.sum(), points), 1).double()

    def distance(found, expected):
        return float((found - expected).norm() / expected.norm())

    exact = results(theirs, torch.float64)
    for found, expected in zip(results(ours, torch.float64), exact, strict=True):
        assert distance(found, expected) < (1e-9 if p == 2 else 1e-5)  # its float64 takes roots of rounding errors
    # In float32 costs of many epsilons round: to what GeomLoss's own float32 does, at worst.
    (value, gradient), (its_value, its_gradient) = (results(loss, torch.float32) for loss in (ours, theirs))
    assert distance(value, exact[0]) < 1e-6 + distance(its_value, exact[0])
    assert distance(gradient, exact[1]) < 1e-4 + distance(its_gradient, exact[1])


# --- what must hold of any divergence ----

SOLVERS = [
    {},
    {"solver": "exact"},
    {"solver": "geomloss", "relative": False, "epsilon": 0.05},
    {"unbalanced": 1.0},
    {"cost": "euclidean"},
    {"cost": "cosine"},
]


@pytest.mark.parametrize("options", SOLVERS, ids=str)
def test_padding_changes_nothing(options):
    x, y, x_mask, y_mask = clouds(seed=3)
    dirty = x.masked_fill(~x_mask[..., None], 1e3), y.masked_fill(~y_mask[..., None], torch.nan)
    wider = [torch.nn.functional.pad(z, (0, 0, 0, 5), value=7.0) for z in (x, y)]
    masks = [torch.nn.functional.pad(mask, (0, 5)) for mask in (x_mask, y_mask)]
    results = []
    for p, q, *sides in ((x, y, x_mask, y_mask), (*dirty, x_mask, y_mask), (*wider, *masks)):
        p = p.clone().requires_grad_()
        value = sinkhorn_divergence(p, q, *sides, **options)
        results.append((value.detach(), torch.autograd.grad(value.sum(), p)[0][:, : x.shape[1]]))
    for clean, *others in zip(*results, strict=True):
        assert all(torch.equal(clean, found) for found in others)
    plan = transport_plan(x, y, x_mask, y_mask, **options)
    assert torch.equal(plan, transport_plan(*dirty, x_mask, y_mask, **options))
    assert (plan[~x_mask] == 0).all() and (plan.mT[~y_mask] == 0).all()


@pytest.mark.parametrize("options", [o for o in SOLVERS if o.get("solver") != "geomloss"], ids=str)
def test_a_pair_does_not_depend_on_its_batch(options):
    x, y, x_mask, y_mask = clouds(pairs=16, d=16, seed=4, scale=5.0)
    together = sinkhorn_divergence(x, y, x_mask, y_mask, **options)
    for k in range(len(x)):
        alone = sinkhorn_divergence(x[k : k + 1, x_mask[k]], y[k : k + 1, y_mask[k]], **options)
        torch.testing.assert_close(alone[0], together[k], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"unbalanced": 0.5}, {"cost": "euclidean"}, {"cost": "cosine"}], ids=str)
def test_divergence_is_symmetric_zero_between_equal_clouds_and_positive(options):
    x, y, x_mask, y_mask = clouds(seed=5)
    options = {"tolerance": 1e-5, **options}
    forth = sinkhorn_divergence(x, y, x_mask, y_mask, **options)
    torch.testing.assert_close(forth, sinkhorn_divergence(y, x, y_mask, x_mask, **options), rtol=1e-5, atol=1e-6)
    itself = sinkhorn_divergence(x, x, x_mask, x_mask, **options)
    rounding = 1e-3 if options.get("cost") == "euclidean" else 1e-5  # the root of what is left of a square
    torch.testing.assert_close(itself, torch.zeros(len(x)), atol=rounding, rtol=0)
    assert (forth > 1e-3).all()


def test_moving_both_clouds_changes_nothing():
    x, y, x_mask, y_mask = clouds(seed=6, d=32)
    here = sinkhorn_divergence(x, y, x_mask, y_mask)
    there = sinkhorn_divergence(x + 30, y + 30, x_mask, y_mask)
    torch.testing.assert_close(here, there, rtol=2e-5, atol=0)


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (sinkhorn_divergence, {}),
        (sinkhorn_divergence, {"cost": "euclidean"}),
        (sinkhorn_divergence, {"cost": "cosine"}),
        (sinkhorn_divergence, {"unbalanced": 2.0}),
        (transport_cost, {}),
        (transport_cost, {"unbalanced": (math.inf, 1.0)}),
        (transport_cost, {"mass": 0.6}),
    ],
    ids=str,
)
def test_gradient_is_that_of_finite_differences(function, options):
    x, y, *_ = clouds(pairs=3, n=4, m=5, d=3, seed=6, dtype=torch.float64)
    a, b = (weighted(torch.ones(3, size, dtype=torch.bool)).double() for size in (4, 5))
    a, b = (w / w.sum(1, keepdim=True) for w in (a, b))

    def value(x, y):
        settings = {"epsilon": 0.5, "relative": False, "tolerance": 1e-10, "max_iterations": 5000}
        return function(x, y, a=a, b=b, **settings, **options)

    assert torch.autograd.gradcheck(value, (x.requires_grad_(), y.requires_grad_()), eps=1e-5, atol=1e-6)


def test_what_is_kept_for_the_gradient_does_not_grow_with_the_iterations():
    x, y, *_ = clouds(pairs=2, n=20, m=20, d=2, seed=7)

    def kept(**options):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda z: sizes.append(z.numel()) or z, lambda z: z):
            sinkhorn_divergence(x.clone().requires_grad_(), y, **options)
        return sum(sizes)

    assert kept(epsilon=0.3) == kept(epsilon=0.005, tolerance=1e-5)


def test_an_empty_side_counts_zero_and_its_gradient_is_zero():
    x, y, x_mask, y_mask = clouds(seed=7, scale=17.0)
    x_mask = x_mask & (torch.arange(len(x)) > 0)[:, None]
    x.requires_grad_()
    for options in SOLVERS:
        value = sinkhorn_divergence(x, y, x_mask, y_mask, **options)
        assert value[0] == 0 and (value[1:] > 0).all()
        gradient = torch.autograd.grad(value.sum(), x)[0]
        assert torch.isfinite(gradient).all() and (gradient[0] == 0).all()
        assert (transport_plan(x.detach(), y, x_mask, y_mask, **options)[0] == 0).all()


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("options", [o for o in SOLVERS if o.get("solver") != "geomloss"], ids=str)
def test_values_are_finite_at_every_norm_with_duplicates_and_in_half_precision(scale, options):
    x, y, x_mask, y_mask = clouds(seed=8, scale=scale)
    y[:, :3] = x[:, :3]
    x_mask[0], y_mask[0] = torch.arange(9) < 1, torch.arange(7) < 1  # single words, and the same
    z = x.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        value = sinkhorn_divergence(z, y.bfloat16(), x_mask, y_mask, **options)
    assert value.dtype == torch.float32 and torch.isfinite(value).all()
    assert torch.isfinite(torch.autograd.grad(value.sum(), z)[0]).all()


def test_points_of_weight_zero_are_not_there():
    x, y, x_mask, y_mask = clouds(seed=9)
    a = x_mask / x_mask.sum(1, keepdim=True)
    expected = sinkhorn_divergence(x, y, x_mask, y_mask)
    torch.testing.assert_close(sinkhorn_divergence(x, y, None, y_mask, a=a), expected, rtol=1e-6, atol=1e-6)


# --- plans ----


def test_plan_has_the_marginals_asked_for_and_is_the_reference():
    x, y, x_mask, y_mask = clouds(seed=4)
    a, b = weighted(x_mask, 1), weighted(y_mask, 2)
    plan = transport_plan(x, y, x_mask, y_mask, a=a, b=b, epsilon=0.1, tolerance=1e-5)
    torch.testing.assert_close(plan.sum(2), a, atol=1e-5, rtol=0)
    torch.testing.assert_close(plan.sum(1), b, atol=1e-6, rtol=0)
    for k, found in enumerate(plan):
        rows, columns = x_mask[k], y_mask[k]
        matrix = half_squares(x[k][rows].double().numpy(), y[k][columns].double().numpy())
        p, q = (w.double().numpy() / w.double().sum().item() for w in (a[k][rows], b[k][columns]))
        expected = ot.bregman.sinkhorn_log(p, q, matrix, 0.1 * (p @ matrix @ q), stopThr=1e-9)
        np.testing.assert_allclose(found[rows][:, columns].numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("price", [0.1, 1.0])
def test_unbalanced_plan_and_cost_are_those_of_pot(price):
    x, y, *_ = clouds(seed=10)
    plan = transport_plan(x, y, epsilon=0.1, unbalanced=price, tolerance=1e-6)
    value = transport_cost(x, y, epsilon=0.1, unbalanced=price, tolerance=1e-6)
    for k, found in enumerate(plan):
        matrix = half_squares(x[k].double().numpy(), y[k].double().numpy())
        a, b = np.full(9, 1 / 9), np.full(7, 1 / 7)
        eps, rho = 0.1 * matrix.mean(), price * matrix.mean()
        options = {"method": "sinkhorn_stabilized", "reg_type": "kl", "stopThr": 1e-12, "numItermax": 20_000}
        expected = ot.unbalanced.sinkhorn_unbalanced(a, b, matrix, eps, rho, **options)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)

        def divergence(p, q):
            return (p * np.log(p / q)).sum() - p.sum() + q.sum()

        primal = (expected * matrix).sum() + eps * divergence(expected, a[:, None] * b)
        primal += rho * (divergence(expected.sum(1), a) + divergence(expected.sum(0), b))
        assert float(value[k]) == pytest.approx(primal, rel=1e-5)


def test_semi_relaxed_transport_holds_one_marginal_only():
    x, y, x_mask, y_mask = clouds(seed=12)
    for prices, held, side in (((math.inf, 0.2), 2, x_mask), ((0.0, math.inf), 1, y_mask)):
        plan = transport_plan(x, y, x_mask, y_mask, unbalanced=prices, tolerance=1e-6)
        torch.testing.assert_close(plan.sum(held), side / side.sum(1, keepdim=True), atol=1e-5, rtol=0)
    # With a free marginal every point of y chooses for itself.
    eps = 0.05 * (torch.cdist(x[:1, x_mask[0]], y[:1, y_mask[0]]) ** 2 / 2).mean()
    choice = torch.softmax(-(torch.cdist(x[:1, x_mask[0]], y[:1, y_mask[0]])[0] ** 2) / 2 / eps, 0)
    torch.testing.assert_close(plan[0][x_mask[0]][:, y_mask[0]], choice / y_mask[0].sum(), atol=1e-5, rtol=1e-3)


def test_an_infinite_price_is_balanced_transport():
    x, y, x_mask, y_mask = clouds(seed=13)
    held = transport_plan(x, y, x_mask, y_mask, unbalanced=math.inf)
    assert torch.equal(held, transport_plan(x, y, x_mask, y_mask))


@pytest.mark.parametrize("mass", [0.3, 0.8, 1.0])
def test_partial_transport_moves_the_cheapest_part(mass):
    x, y, x_mask, y_mask = clouds(seed=14)
    exact = transport_plan(x, y, x_mask, y_mask, mass=mass, solver="exact")
    smooth = transport_plan(x, y, x_mask, y_mask, mass=mass, epsilon=0.01, tolerance=1e-4)
    for k in range(len(x)):
        rows, columns = x_mask[k], y_mask[k]
        matrix = half_squares(x[k][rows].double().numpy(), y[k][columns].double().numpy())
        a, b = (np.full(size, 1 / size) for size in matrix.shape)
        expected = (ot.partial.partial_wasserstein(a, b, matrix, m=mass) * matrix).sum()
        for plan, within in ((exact[k], 1e-5), (smooth[k], 0.05)):
            assert float(plan.sum()) == pytest.approx(mass, abs=1e-3)
            assert (plan[rows][:, columns].numpy() * matrix).sum() == pytest.approx(expected, rel=within, abs=1e-3)
            assert (plan.sum(1) <= 1 / rows.sum() + 1e-4).all()


def test_fused_gromov_wasserstein_sees_structure_where_costs_do_not():
    x, *_ = clouds(pairs=2, n=6, d=4, seed=15)
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    turned = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)))[0]
    y = x[:, order] @ turned
    mask = torch.tensor([[True] * 6, [False] * 6])
    plan = fused_gromov_wasserstein_plan(x, y, mask, mask, structure=1.0)
    assert torch.equal(plan[0].argmax(0), order) and (plan[1] == 0).all()
    plain = fused_gromov_wasserstein_plan(x, y, structure=0.0)
    torch.testing.assert_close(plain, transport_plan(x, y, solver="exact"), atol=1e-6, rtol=0)


def test_norm_weights_follow_the_norms_of_real_points():
    x, _, mask, _ = clouds(pairs=3, seed=17)
    x[0], mask[2] = 0.0, False
    weights = norm_weights(x.masked_fill(~mask[..., None], torch.nan).requires_grad_(), mask)
    assert not weights.requires_grad and (weights[~mask] == 0).all()
    torch.testing.assert_close(weights[0], mask[0] / mask[0].sum())
    torch.testing.assert_close(weights[1, mask[1]], x[1, mask[1]].norm(dim=1) / x[1, mask[1]].norm(dim=1).sum())


# --- status and refusals ----


def test_status_tells_who_converged_when():
    x, y, *_ = clouds(pairs=2, n=30, m=30, d=2, seed=16)
    y[0] = x[0] + 1e-3 * y[0]
    value, status = sinkhorn_divergence(x, y, epsilon=0.01, max_iterations=40, tolerance=1e-6, return_status=True)
    assert status.converged.tolist() == (status.error <= 1e-6).tolist()
    assert not status.converged.all() and (status.iterations <= 40).all()
    assert torch.isfinite(value).all()
    with pytest.warns(UserWarning, match=r"\d of 2 transport problems did not converge in 40 iterations .*: raise"):
        sinkhorn_divergence(x, y, epsilon=0.01, max_iterations=40, tolerance=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sinkhorn_divergence(x, y, epsilon=0.01, return_status=True)[1].converged.all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epsilon": 0.0}, "epsilon must be positive"),
        ({"solver": "fast"}, "solver must be one of"),
        ({"cost": "manhattan"}, "cost must be one of"),
        ({"solver": "geomloss"}, "needs relative=False"),
        ({"solver": "geomloss", "relative": False, "cost": "cosine"}, "not cosine"),
        ({"unbalanced": -1.0}, "must not be negative"),
        ({"unbalanced": 1.0, "solver": "exact"}, "needs solver='converged'"),
        ({"mass": 1.5}, "mass must be"),
        ({"mass": 0.5, "unbalanced": 1.0}, "without unbalanced"),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    x, y, *_ = clouds(pairs=1)
    with pytest.raises(ValueError, match=message):
        transport_plan(x, y, **options)
    if "mass" not in options:
        with pytest.raises(ValueError, match=message):
            sinkhorn_divergence(x, y, **options)


def test_a_semi_relaxed_divergence_is_refused():
    x, y, *_ = clouds(pairs=1)
    with pytest.raises(ValueError, match="one price for both clouds"):
        sinkhorn_divergence(x, y, unbalanced=(math.inf, 1.0))


def test_pairs_solved_in_parts_by_size_are_the_same_as_alone():
    # Enough work that a CPU sorts the pairs by size; what stands on padding is not a number.
    x, y, x_mask, y_mask = clouds(pairs=64, n=48, m=40, d=400)
    assert len(_parts(x, y, x_mask, y_mask)) > 1
    x_mask[3] = False
    x, y = (z.masked_fill(~mask[..., None], torch.nan).requires_grad_() for z, mask in ((x, x_mask), (y, y_mask)))
    values, status = sinkhorn_divergence(x, y, x_mask, y_mask, return_status=True)
    values.sum().backward()
    assert values[3] == 0 and status.converged.all()
    for k in [k for k in range(64) if k != 3]:
        p, q = (z[k : k + 1, mask[k]].detach().requires_grad_() for z, mask in ((x, x_mask), (y, y_mask)))
        alone = sinkhorn_divergence(p, q)
        alone.sum().backward()
        torch.testing.assert_close(values[k : k + 1], alone, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(x.grad[k, x_mask[k]], p.grad[0], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(y.grad[k, y_mask[k]], q.grad[0], rtol=1e-4, atol=1e-6)
    for z, mask in ((x, x_mask), (y, y_mask)):
        assert (z.grad[~mask] == 0).all()
