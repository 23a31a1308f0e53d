"""Plans and values of each solver against POT, GeomLoss and float64 references; what must hold of the plans."""

import math

import geomloss
import numpy as np
import ot
import pytest
import torch
from transport_references import clouds, half_squares, reference_plan, weighted

from otlib.transport import sinkhorn_divergence, transport_cost, transport_plan
from otlib.transport.problem import Problem, cost_matrix
from otlib.transport.solvers import SMALL_MASS, _network_simplex, _proximal, solve, solve_self


def options(**changed):
    return Problem("half_sqeuclidean", 0.05, True, "converged", 1e-3, 1000)._replace(**changed)


def test_plan_has_the_marginals_asked_for_and_is_the_reference():
    # POT's plan in float64; columns are exact, rows to the tolerance.
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


@pytest.mark.parametrize("changed", [{}, {"solver": "geomloss", "schedule": [4.0, 1.0, 0.2]}], ids=str)
def test_plan_rows_has_exact_row_sums_and_plan_columns_exact_column_sums(changed):
    # Also where the solver stops long before both plans are one: the gradients rely on it.
    x, y, *_ = clouds(n=12, m=10, d=2, seed=18, scale=3.0)
    a, b = (weighted(torch.ones(6, size, dtype=torch.bool), size) for size in (12, 10))
    C = cost_matrix("half_sqeuclidean", x, y)
    found = solve(C, a, b, 0.02 * C.mean((1, 2)), options(max_iterations=4, **changed), early_stop=True)
    assert (found.error > 1e-3).any() and not torch.allclose(found.plan_rows, found.plan_columns, atol=1e-4)
    torch.testing.assert_close(found.plan_rows.sum(2), a, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.plan_columns.sum(1), b, atol=1e-6, rtol=0)


def test_self_plan_is_the_reference_and_symmetric():
    # The solver for a cloud and itself against one that does not know that both sides are the same.
    x, _, mask, _ = clouds(seed=19)
    a = weighted(mask)
    C = cost_matrix("half_sqeuclidean", x)
    epsilon = 0.1 * torch.einsum("bi,bij,bj->b", a, C, a).clamp(min=0.1)
    found = solve_self(C, a, epsilon, options(tolerance=1e-5), early_stop=True)
    torch.testing.assert_close(found.self_plan, found.self_plan.mT, rtol=1e-5, atol=0)  # rounding only
    assert (found.self_plan[~mask] == 0).all()
    for k, plan in enumerate(found.self_plan):
        rows = mask[k]
        matrix, weights = (z.double().numpy() for z in (C[k][rows][:, rows], a[k][rows]))
        expected = reference_plan(matrix, weights / weights.sum(), weights / weights.sum(), float(epsilon[k]))
        np.testing.assert_allclose(plan[rows][:, rows].numpy(), expected, atol=1e-6)


def test_exact_solver_is_the_earth_movers_distance():
    # Without regularisation there is nothing to debias.
    x, y, x_mask, y_mask = clouds(seed=1)
    a, b = weighted(x_mask), weighted(y_mask)
    found = sinkhorn_divergence(x, y, x_mask, y_mask, a=a, b=b, solver="exact")
    for k, value in enumerate(found):
        rows, columns = x_mask[k], y_mask[k]
        matrix = half_squares(x[k][rows].double().numpy(), y[k][columns].double().numpy())
        p, q = (w.double().numpy() / w.double().sum().item() for w in (a[k][rows], b[k][columns]))
        assert float(value) == pytest.approx(ot.emd2(p, q, matrix), rel=1e-5)


def test_proximal_steps_come_to_the_exact_plan():
    # A GPU's exact solver against a CPU's.
    x, y, x_mask, y_mask = clouds(pairs=20, n=16, m=16, d=8, seed=2)
    matrix = torch.cdist(x, y) ** 2 / 2
    a, b = (mask / mask.sum(1, keepdim=True) for mask in (x_mask, y_mask))
    found, expected = _proximal(matrix, a, b), _network_simplex(matrix, a, b)
    torch.testing.assert_close(found.value, expected.value, rtol=2e-3, atol=0)
    assert found.error.max() < 1e-2
    assert (found.plan_columns[~x_mask] == 0).all()


@pytest.mark.parametrize(("cost", "p", "blur"), [("half_sqeuclidean", 2, 0.05), ("euclidean", 1, 0.05)])
@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_geomloss_solver_is_geomloss_default(cost, p, blur, scale):
    # The paper's setting: value and gradient are those of GeomLoss itself.
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


def test_unbalanced_values_do_not_depend_on_padding_where_costs_are_large():
    """The term of an absent point was 0 times infinity, and with it the value of its pair NaN."""
    x, y, x_mask, y_mask = clouds(seed=3, scale=30.0)
    options = {"epsilon": 0.01, "relative": False, "unbalanced": 0.1, "tolerance": 1e-4}
    values = transport_cost(x, y, x_mask, y_mask, **options)
    for k in range(len(x)):
        alone = transport_cost(x[k : k + 1, x_mask[k]], y[k : k + 1, y_mask[k]], **options)
        assert torch.isfinite(alone).all()
        torch.testing.assert_close(values[k : k + 1], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("price", [0.1, 1.0])
def test_unbalanced_plan_and_cost_are_those_of_pot(price):
    # The value is also that of the primal problem: cost, entropy and the price of both missed marginals.
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
    # An infinite price makes a marginal a constraint, whatever the other's price.
    x, y, x_mask, y_mask = clouds(seed=12)
    for prices, summed, mask in (((math.inf, 0.2), 2, x_mask), ((0.0, math.inf), 1, y_mask)):
        plan = transport_plan(x, y, x_mask, y_mask, unbalanced=prices, tolerance=1e-6)
        torch.testing.assert_close(plan.sum(summed), mask / mask.sum(1, keepdim=True), atol=1e-5, rtol=0)
    # With a free marginal every point of y chooses for itself.
    eps = 0.05 * (torch.cdist(x[:1, x_mask[0]], y[:1, y_mask[0]]) ** 2 / 2).mean()
    choice = torch.softmax(-(torch.cdist(x[:1, x_mask[0]], y[:1, y_mask[0]])[0] ** 2) / 2 / eps, 0)
    torch.testing.assert_close(plan[0][x_mask[0]][:, y_mask[0]], choice / y_mask[0].sum(), atol=1e-5, rtol=1e-3)


def test_an_infinite_price_is_balanced_transport():
    # To the last bit: it goes to the same solver.
    x, y, x_mask, y_mask = clouds(seed=13)
    plan = transport_plan(x, y, x_mask, y_mask, unbalanced=math.inf)
    assert torch.equal(plan, transport_plan(x, y, x_mask, y_mask))


@pytest.mark.parametrize("mass", [0.3, 0.8, 1.0])
def test_partial_transport_moves_the_cheapest_part(mass):
    # POT's partial transport; no point sends more than its weight.
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


@pytest.mark.parametrize("mass", [1e-6, 1e-3, 0.05, 0.1, 0.5])
@pytest.mark.parametrize("epsilon", [0.01, 0.05, 5.0])
def test_the_mass_that_moves_is_the_one_asked_for_however_small(mass, epsilon):
    # The tolerance is a part of the mass: of 1e-3 once between half and one and a half moved, of a large epsilon more.
    x, y, x_mask, y_mask = clouds(seed=3)
    plan, status = transport_plan(x, y, x_mask, y_mask, mass=mass, epsilon=epsilon, return_status=True)
    assert status.converged.all()
    torch.testing.assert_close(plan.sum((1, 2)), torch.full((6,), mass), rtol=2e-3, atol=0)
    assert (plan.sum(2) <= 1.01 * x_mask / x_mask.sum(1, keepdim=True)).all()


def test_both_ways_of_partial_transport_are_one():
    # A small mass is found by other steps: at the mass where they take over, values and plans are the same.
    x, y, x_mask, y_mask = clouds(seed=14)
    found = []
    for mass in (SMALL_MASS, np.nextafter(SMALL_MASS, 0)):
        options = {"mass": float(mass), "epsilon": 0.1, "tolerance": 1e-5}
        found.append([f(x, y, x_mask, y_mask, **options) for f in (transport_cost, transport_plan)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_partial_transport_between_equal_clouds_moves_its_mass():
    # All costs are zero: nothing but the bins' own says that no mass goes from bin to bin.
    x = torch.ones(1, 3, 2)
    for options in ({}, {"solver": "exact"}):
        assert float(transport_plan(x, x, mass=0.3, **options).sum()) == pytest.approx(0.3, rel=1e-3)
