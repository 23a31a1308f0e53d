"""The Sinkhorn divergence against float64 references, and what must hold of any divergence and of its gradient."""

import itertools
import math
import warnings
from contextlib import nullcontext

import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transport_references import (
    clouds,
    half_squares,
    reference_cost,
    reference_divergence,
    reference_plan,
    weighted,
)

from otlib.transport import norm_weights, sinkhorn_divergence, transport_cost, transport_plan
from otlib.transport.divergence import _size_groups


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
    # Whatever the sizes, norms, epsilon and weights.
    x, y, x_mask, y_mask = clouds(4, n, m, d, seed, scale)
    a, b = (mask / mask.sum(1, keepdim=True) if uniform else weighted(mask, seed) for mask in (x_mask, y_mask))
    # Points in the plane crowd: a given error of the marginals says less of the value there.
    value, gradient = errors(x, y, x_mask, y_mask, a, b, epsilon, tolerance=1e-4 if d == 2 else 1e-3)
    assert value.max() < 1e-5
    assert gradient.max() < 1e-3


def test_values_and_gradients_at_a_small_epsilon():
    # A small epsilon makes float32 kernels vanish and needs more iterations: the tolerances are ten times wider.
    for seed, d in enumerate((8, 16, 64, 300)):
        x, y, x_mask, y_mask = clouds(6, 12, 12, d, seed, scale=10.0)
        value, gradient = errors(x, y, x_mask, y_mask, weighted(x_mask), weighted(y_mask), 0.01)
        assert value.max() < 1e-4
        assert gradient.max() < 1e-2


@pytest.mark.parametrize("cost", ["euclidean", "cosine"])
def test_divergence_of_the_other_costs_is_that_of_a_float64_reference(cost):
    # S(a, b) = OT(a, b) - OT(a, a) / 2 - OT(b, b) / 2, all three with the epsilon of the first.
    x, y, x_mask, y_mask = clouds(seed=11)
    found, _ = sinkhorn_divergence(x, y, x_mask, y_mask, cost=cost, epsilon=0.1, return_status=True)
    for k, value in enumerate(found.tolist()):
        p, q = (z.double().numpy() for z in (x[k][x_mask[k]], y[k][y_mask[k]]))
        a, b = (np.full(len(z), 1 / len(z)) for z in (p, q))
        p_q, p_p, q_q = (ot.dist(*pair, metric=cost) for pair in ((p, q), (p, p), (q, q)))
        eps = 0.1 * p_q.mean()
        parts = [reference_cost(*problem, eps)[0] for problem in ((p_q, a, b), (p_p, a, a), (q_q, b, b))]
        assert value == pytest.approx(parts[0] - parts[1] / 2 - parts[2] / 2, rel=1e-4)


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
    # Neither more padding nor what stands on it, be it not a number, changes a bit of value, gradient or plan.
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
    # The batch answers as the loop over its pairs does.
    x, y, x_mask, y_mask = clouds(pairs=16, d=16, seed=4, scale=5.0)
    together = sinkhorn_divergence(x, y, x_mask, y_mask, **options)
    for k in range(len(x)):
        alone = sinkhorn_divergence(x[k : k + 1, x_mask[k]], y[k : k + 1, y_mask[k]], **options)
        torch.testing.assert_close(alone[0], together[k], rtol=1e-6, atol=1e-6)


def test_pairs_solved_in_groups_by_size_are_the_same_as_alone():
    # Enough work that a CPU groups the pairs by size; what stands on padding is not a number.
    x, y, x_mask, y_mask = clouds(pairs=64, n=48, m=40, d=400)
    assert len(_size_groups(x, y, x_mask, y_mask)) > 1
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


@pytest.mark.parametrize("options", [{}, {"unbalanced": 0.5}, {"cost": "euclidean"}, {"cost": "cosine"}], ids=str)
def test_divergence_is_symmetric_zero_between_equal_clouds_and_positive(options):
    # S(a, b) = S(b, a) > 0 = S(a, a).
    x, y, x_mask, y_mask = clouds(seed=5)
    options = {"tolerance": 1e-5, **options}
    forth = sinkhorn_divergence(x, y, x_mask, y_mask, **options)
    torch.testing.assert_close(forth, sinkhorn_divergence(y, x, y_mask, x_mask, **options), rtol=1e-5, atol=1e-6)
    itself = sinkhorn_divergence(x, x, x_mask, x_mask, **options)
    rounding = 1e-3 if options.get("cost") == "euclidean" else 1e-5  # the root of what is left of a square
    torch.testing.assert_close(itself, torch.zeros(len(x)), atol=rounding, rtol=0)
    assert (forth > 1e-3).all()


def test_moving_both_clouds_changes_nothing():
    # Costs are differences of squares: far from the origin float32 would lose them.
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
        (transport_cost, {"mass": 0.06}),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_gradient_is_that_of_finite_differences(function, options):
    # The envelope theorem: the last plan alone gives the gradient by the points, the potentials that by the weights.
    x, y, *_ = clouds(pairs=2, n=4, m=5, d=2, seed=6, dtype=torch.float64)
    logits = [
        torch.randn(2, size, dtype=torch.float64, generator=torch.Generator().manual_seed(size)) for size in (4, 5)
    ]

    def value(x, y, *logits):
        a, b = (z.softmax(1) for z in logits)
        settings = {"epsilon": 0.5, "relative": False, "tolerance": 1e-10, "max_iterations": 5000}
        return function(x, y, a=a, b=b, **settings, **options)

    inputs = [z.requires_grad_() for z in (x, y, *logits)]
    assert torch.autograd.gradcheck(value, inputs, eps=1e-5, atol=1e-6)


def test_what_is_kept_for_the_gradient_does_not_grow_with_the_iterations():
    # Nothing of an iteration is recorded for the backward pass.
    x, y, *_ = clouds(pairs=2, n=20, m=20, d=2, seed=7)

    def kept(**options):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda z: sizes.append(z.numel()) or z, lambda z: z):
            sinkhorn_divergence(x.clone().requires_grad_(), y, **options)
        return sum(sizes)

    assert kept(epsilon=0.3) == kept(epsilon=0.005, tolerance=1e-5)


def test_an_empty_side_counts_zero_and_its_gradient_is_zero():
    # An empty sentence must neither fail nor spread NaN to its batch.
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
    # Equal points have costs of zero or of rounding errors, and bfloat16 has 8 bits.
    x, y, x_mask, y_mask = clouds(seed=8, scale=scale)
    y[:, :3] = x[:, :3]
    x_mask[0], y_mask[0] = torch.arange(9) < 1, torch.arange(7) < 1  # single words, and the same
    z = x.bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        value = sinkhorn_divergence(z, y.bfloat16(), x_mask, y_mask, **options)
    assert value.dtype == torch.float32 and torch.isfinite(value).all()
    assert torch.isfinite(torch.autograd.grad(value.sum(), z)[0]).all()


def test_points_of_weight_zero_are_not_there():
    # A weight of zero says the same as a mask.
    x, y, x_mask, y_mask = clouds(seed=9)
    a = x_mask / x_mask.sum(1, keepdim=True)
    expected = sinkhorn_divergence(x, y, x_mask, y_mask)
    torch.testing.assert_close(sinkhorn_divergence(x, y, None, y_mask, a=a), expected, rtol=1e-6, atol=1e-6)


def test_norm_weights_follow_the_norms_of_real_points():
    # Equal for a cloud of zeros, zero on padding, constants for the gradient.
    x, _, mask, _ = clouds(pairs=3, seed=17)
    x[0], mask[2] = 0.0, False
    weights = norm_weights(x.masked_fill(~mask[..., None], torch.nan).requires_grad_(), mask)
    assert not weights.requires_grad and (weights[~mask] == 0).all()
    torch.testing.assert_close(weights[0], mask[0] / mask[0].sum())
    torch.testing.assert_close(weights[1, mask[1]], x[1, mask[1]].norm(dim=1) / x[1, mask[1]].norm(dim=1).sum())


def test_gradients_by_the_weights_are_the_potentials_of_a_float64_reference():
    # Potentials are found up to a constant, and weights that sum to 1 do not see it. Padding and empty sides get none.
    x, y, x_mask, y_mask = clouds(pairs=16, n=40, m=30, d=512, seed=8)  # enough for groups by size
    x_mask[3] = False
    assert _size_groups(x, y, x_mask, y_mask)
    a, b = (weighted(mask).masked_fill(~mask, 0.0).requires_grad_() for mask in (x_mask, y_mask))
    value, status = transport_cost(x, y, x_mask, y_mask, a=a, b=b, epsilon=0.1, return_status=True)
    value.sum().backward()
    assert status.converged.all() and (a.grad[~x_mask] == 0).all() and (b.grad[~y_mask] == 0).all()
    for k in [k for k in range(16) if k != 3]:
        rows, columns = x_mask[k], y_mask[k]
        p, q, *weights = (z.detach().double().numpy() for z in (x[k][rows], y[k][columns], a[k][rows], b[k][columns]))
        p_weights, q_weights = (z / z.sum() for z in weights)
        matrix = half_squares(p, q)
        eps = 0.1 * (p_weights @ matrix @ q_weights)
        plan = reference_plan(matrix, p_weights, q_weights, eps)
        sums = matrix + eps * np.log(plan / (p_weights[:, None] * q_weights))  # f_i + g_j
        for found, expected in ((a.grad[k][rows], sums.mean(1)), (b.grad[k][columns], sums.mean(0))):
            found = found.double().numpy()
            np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=1e-4 * matrix.mean())
    assert (a.grad[3] == 0).all() and (b.grad[3] == 0).all()


@pytest.mark.parametrize("options", [o for o in SOLVERS if o.get("solver") != "exact"], ids=str)
def test_every_set_of_inputs_may_require_a_gradient(options):
    # Weights alone once failed in the backward pass; a gradient does not depend on which others are asked for.
    given = [*clouds(seed=3)]
    given += [weighted(mask) for mask in given[2:]]
    whole = [z.clone().requires_grad_() for z in (*given[:2], *given[4:])]

    def gradients(inputs):
        x, y, a, b = inputs
        value = sinkhorn_divergence(x, y, *given[2:4], a=a, b=b, **options).sum()
        return torch.autograd.grad(value, [z for z in inputs if z.requires_grad])

    expected = gradients(whole)
    assert all(gradient.isfinite().all() and gradient.any() for gradient in expected)
    for wanted in itertools.product([True, False], repeat=4):
        if any(wanted):
            found = gradients([z.detach().requires_grad_(needed) for z, needed in zip(whole, wanted, strict=True)])
            assert all(map(torch.equal, found, itertools.compress(expected, wanted)))


def test_there_is_no_gradient_by_the_weights_of_exact_transport():
    x, y, x_mask, y_mask = clouds()
    a = weighted(x_mask).requires_grad_()
    with pytest.raises(ValueError, match="no gradient by the weights: give a.detach"):
        sinkhorn_divergence(x, y, x_mask, y_mask, a=a, solver="exact")
    with torch.no_grad():
        assert sinkhorn_divergence(x, y, x_mask, y_mask, a=a, solver="exact").isfinite().all()


@pytest.mark.parametrize("by", ["points", "weights"])
def test_a_gradient_of_the_gradient_is_refused(by):
    # A gradient penalty was a constant: it changed nothing and said nothing.
    x, y, x_mask, y_mask = clouds()
    a = weighted(x_mask)
    leaf = (x if by == "points" else a).requires_grad_()
    value = sinkhorn_divergence(x, y, x_mask, y_mask, a=a).sum()
    with pytest.raises(RuntimeError, match="has no gradient of its own"):
        torch.autograd.grad(value, leaf, create_graph=True)


@pytest.mark.parametrize("scale", [1e-9, 1e-6, 1e6])
@pytest.mark.parametrize("options", [{}, {"solver": "exact"}, {"unbalanced": 1.0}, {"cost": "euclidean"}], ids=str)
def test_another_unit_of_length_changes_nothing_else(options, scale):
    # Floors and tolerances that are absolute would.
    x, y, x_mask, y_mask = clouds(seed=3)
    power = 1 if options.get("cost") == "euclidean" else 2
    results = []
    for unit in (1.0, scale):
        p = (x * unit).requires_grad_()
        value = sinkhorn_divergence(p, y * unit, x_mask, y_mask, **options)
        gradient = torch.autograd.grad(value.sum(), p)[0]
        plan = transport_plan(p, y * unit, x_mask, y_mask, **options)
        results.append((value / unit**power, gradient / unit ** (power - 1), plan))
    for here, there in zip(*results, strict=True):
        torch.testing.assert_close(there, here, rtol=1e-4, atol=1e-5)


# --- status and refusals ----


def test_status_tells_who_converged_when():
    # Whoever wants no status is warned of pairs that did not converge, and of nothing else.
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
        ({"epsilon": math.inf}, "epsilon must be positive and finite, got inf"),
        ({"epsilon": math.nan}, "epsilon must be positive and finite, got nan"),
        ({"tolerance": 0.0}, "tolerance must be positive and finite"),
        ({"tolerance": math.nan}, "tolerance must be positive and finite"),
        ({"max_iterations": 0}, "max_iterations must be a whole number of at least 1, got 0"),
        ({"max_iterations": 2.5}, "max_iterations must be a whole number"),
        ({"unbalanced": math.nan}, "must not be negative, got nan"),
        ({"mass": 0.0}, "mass must be"),
        ({"mass": math.nan}, "mass must be"),
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
def test_options_out_of_range_or_that_exclude_each_other_are_refused(options, message):
    # Before anything is computed, by a sentence with the rule and what came.
    x, y, *_ = clouds(pairs=1)
    with pytest.raises(ValueError, match=message):
        transport_plan(x, y, **options)
    if "mass" not in options:
        with pytest.raises(ValueError, match=message):
            sinkhorn_divergence(x, y, **options)


@pytest.mark.parametrize("option", ["epsilon", "tolerance", "max_iterations", "unbalanced", "mass"])
@pytest.mark.parametrize("value", [torch.tensor(0.5), "0.5", True], ids=repr)
def test_options_that_are_no_numbers_are_refused(option, value):
    # Of a tensor epsilon the gradient would be lost, and on a GPU the host would wait for it.
    x, y, *_ = clouds(pairs=1)
    with pytest.raises(TypeError, match=f"{option} must be a number, got a {type(value).__name__}"):
        transport_cost(x, y, **{option: value})


@pytest.mark.parametrize("relative", ["no", None, 0, torch.tensor(True)], ids=repr)
def test_whether_epsilon_is_relative_is_true_or_false(relative):
    # A text such as "no" would count as true.
    x, y, *_ = clouds(pairs=1)
    with pytest.raises(TypeError, match="relative must be True or False, got"):
        sinkhorn_divergence(x, y, relative=relative)


def test_two_prices_are_one_for_each_cloud():
    x, y, *_ = clouds(pairs=1)
    for prices in ((1.0,), (1.0, 2.0, 3.0)):
        with pytest.raises(ValueError, match="one price, or one for x and one for y"):
            transport_cost(x, y, unbalanced=prices)


X, Y, X_MASK, Y_MASK = clouds()
A = weighted(X_MASK)


@pytest.mark.parametrize("function", [sinkhorn_divergence, transport_cost, transport_plan])
@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"x_mask": X_MASK.long()}, TypeError, r"x_mask must be a tensor of bool, .* got torch.int64: use .bool\(\)"),
        ({"y_mask": Y_MASK.float()}, TypeError, "y_mask must be a tensor of bool"),
        ({"x_mask": X_MASK.tolist()}, TypeError, "x_mask must be a tensor of bool, .* got a list"),
        ({"x_mask": X_MASK[:, :-1]}, ValueError, r"x_mask must have shape \(6, 9\), .* got \(6, 8\)"),
        ({"x_mask": X_MASK.to("meta")}, ValueError, "x_mask must .* on cpu, got .* on meta"),
        ({"a": X_MASK}, TypeError, "a must be .* got torch.bool: a mask is given as x_mask"),
        ({"b": Y_MASK.long()}, TypeError, "b must be .* got torch.int64: a mask is given as y_mask"),
        ({"a": A.numpy()}, TypeError, "a must be a tensor .* got a ndarray"),
        ({"a": A[0]}, ValueError, r"a must have shape \(6, 9\)"),
        ({"a": A.to("meta")}, ValueError, "a must .* on cpu, got .* on meta"),
        ({"a": A - 0.2}, ValueError, "a: the weights .* must not be negative"),
        ({"a": A * math.nan}, ValueError, "a: the weights .* in pair 0 the least is nan"),
        ({"a": A * math.inf}, ValueError, "a: the weights .* the sum inf"),
        ({"a": A * 0.0}, ValueError, "a: the weights .* the sum 0"),
        ({"a": A * torch.tensor([1.0, 1, 1, 2, 1, 1])[:, None]}, ValueError, "in pair 3 .* the sum 2: divide by"),
        ({"x": X.long()}, TypeError, "x must be a tensor of floating point numbers, got torch.int64"),
        ({"y": Y.numpy()}, TypeError, "y must be a tensor of floating point numbers, got a ndarray"),
        ({"x": X[0]}, ValueError, r"x must have shape \(B, n, d\)"),
        ({"x": X[:, :0]}, ValueError, r"x must have shape .*, none of the three 0, got \(6, 0, 5\)"),
        ({"x": X[:0]}, ValueError, "x must have shape .*, none of the three 0"),
        ({"x": X[:2]}, ValueError, "x and y must have equally many pairs and coordinates"),
        ({"x": X[..., :3]}, ValueError, r"equally many pairs and coordinates, .* got \(6, 9, 3\) .* \(6, 7, 5\)"),
        ({"y": Y.to("meta")}, ValueError, "on one device, got .* on cpu and .* on meta"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else "",
)
def test_points_masks_and_weights_of_another_kind_are_refused(function, changed, error, message):
    # A mask of numbers, taken for one of bool, made every point absent and the value zero.
    with pytest.raises(error, match=message):
        function(**{"x": X, "y": Y, "x_mask": X_MASK, "y_mask": Y_MASK, **changed})


def test_norm_weights_of_what_is_no_cloud_are_refused():
    with pytest.raises(TypeError, match="mask must be a tensor of bool"):
        norm_weights(X, X_MASK.long())
    with pytest.raises(ValueError, match=r"x must have shape \(B, n, d\)"):
        norm_weights(X[0])


def test_points_of_two_precisions_are_computed_in_the_higher_one():
    # Whichever side has it; gradients are in that of their points.
    expected = sinkhorn_divergence(X.double(), Y.double(), X_MASK, Y_MASK)
    y = Y.double().requires_grad_()
    found = sinkhorn_divergence(X, y, X_MASK, Y_MASK)
    assert torch.equal(found, expected) and torch.autograd.grad(found.sum(), y)[0].dtype == torch.float64


@pytest.mark.parametrize("options", SOLVERS, ids=str)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_point_that_is_no_number_makes_its_pair_none_and_leaves_the_others_alone(options, value):
    # A training tells by it; on padding it counts for nothing, nor does a weight there.
    x, a = X.clone(), A.masked_fill(~X_MASK, value)
    x[2, 0] = value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, expected = (sinkhorn_divergence(z, Y, X_MASK, Y_MASK, a=a, **options) for z in (x, X))
        plan, expected_plan = (transport_plan(z, Y, X_MASK, Y_MASK, a=a, **options) for z in (x, X))
    others = torch.arange(len(X)) != 2
    assert found[2].isnan() and plan[2].isnan().any()
    torch.testing.assert_close(found[others], expected[others])
    torch.testing.assert_close(plan[others], expected_plan[others])


def test_a_semi_relaxed_divergence_is_refused():
    # Debiasing compares a cloud with itself: there it would be both the side with one price and that with the other.
    x, y, *_ = clouds(pairs=1)
    with pytest.raises(ValueError, match="one price for both clouds"):
        sinkhorn_divergence(x, y, unbalanced=(math.inf, 1.0))


@pytest.mark.parametrize("options", [{}, {"unbalanced": 1.0}, {"cost": "cosine"}, {"cost": "euclidean"}], ids=str)
def test_a_divergence_and_its_gradient_wait_for_no_accelerator(options, monkeypatch):
    """Tensors of the meta device have no numbers: whoever asks for one fails, as it would wait on a GPU."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # does not know the meta device
    x, y, x_mask, y_mask = (z.to("meta") for z in clouds())
    x.requires_grad_()
    value = sinkhorn_divergence(x, y, x_mask, y_mask, **options).sum()
    value.backward()
    assert x.grad.shape == x.shape
    with pytest.raises(RuntimeError, match="meta"):
        value.item()
