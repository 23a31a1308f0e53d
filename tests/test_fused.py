"""The GPU's own programs against the plain solvers and float64 references; without a GPU in Triton's interpreter."""

import os
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import ot
import pytest
import torch
from transport_references import clouds, half_squares, reference_divergence, weighted

from otlib.record import ROOT
from otlib.transport import fused, sinkhorn_divergence, solvers, transport_cost, transport_plan
from otlib.transport.problem import Problem, cost_matrix, epsilon_of_pairs, prepare

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # conftest.py asks for it where there is no GPU
DEVICE = "cpu" if INTERPRETED else "cuda"
needs_triton = pytest.mark.skipif(
    fused.triton is None or not (INTERPRETED or torch.cuda.is_available()),
    reason="Triton is not installed, whose interpreter runs the GPU's programs here",
)


def problem(**changed):
    return Problem("half_sqeuclidean", 0.05, True, "converged", 1e-3, 1000)._replace(**changed)


def prepared(x, y, x_mask, y_mask, a, b, options):
    """Costs, weights and epsilon of a batch, as the public functions prepare them."""
    ready = prepare(x, y, x_mask, y_mask, a, b, options)
    C = cost_matrix(options.cost, ready.x, ready.y)
    return ready, C, epsilon_of_pairs(C, ready, options)


def on_device(solve, *tensors, **numbers):
    found = solve(*(z.to(DEVICE) for z in tensors), **numbers)
    return type(found)(*(z.cpu() for z in found))


def distance(found, expected):
    return float((found - expected).norm() / expected.norm())


@pytest.fixture
def by_programs(monkeypatch):
    """``by_programs(function, *arguments)``: a public function, whose balanced problems the programs solve."""

    def call(function, *arguments, **options):
        with monkeypatch.context() as patch:
            patch.setattr(solvers, "_fused", lambda C: fused)
            return function(*arguments, **options)

    return call


# --- against the plain solvers ----------------------------------------------------------------------------------------

SHAPES = [
    (9, 7, 1.0, 0.05),
    (1, 5, 1.0, 0.1),
    (17, 33, 6.0, 0.01),  # norms of 17, as of mBERT's words
    (128, 128, 3.0, 1.0),
    (64, 100, 6.0, 0.02),
]


@needs_triton
@pytest.mark.parametrize(("n", "m", "scale", "epsilon"), SHAPES)
def test_the_programs_find_what_the_plain_solvers_find(n, m, scale, epsilon):
    x, y, x_mask, y_mask = clouds(pairs=2, n=n, m=m, d=8, seed=3, scale=scale)
    options = problem(epsilon=epsilon)
    ready, C, eps = prepared(x, y, x_mask, y_mask, weighted(x_mask, 1), weighted(y_mask, 2), options)
    expected = solvers._sinkhorn(C, ready.a, ready.b, eps, options, early_stop=True)
    found = on_device(fused.sinkhorn, C, ready.a, ready.b, eps, tolerance=options.tolerance, most=1000)
    assert found.iterations.tolist() == expected.iterations.tolist() and found.iterations.dtype == torch.long
    torch.testing.assert_close(found.value, expected.value, rtol=1e-6, atol=0)
    torch.testing.assert_close(found.error, expected.error, rtol=0, atol=1e-5)
    for name in ("plan_rows", "plan_columns", "by_a", "by_b"):
        assert distance(getattr(found, name), getattr(expected, name)) < 1e-5, name


@needs_triton
@pytest.mark.parametrize(("n", "_", "scale", "epsilon"), SHAPES)
def test_a_cloud_and_itself_as_the_plain_solver_has_them(n, _, scale, epsilon):
    # The plain solver makes all iterate until the last has converged.
    x, _, mask, _ = clouds(pairs=3, n=n, m=n, d=8, seed=3, scale=scale)
    options = problem(epsilon=epsilon)
    a = weighted(mask)
    ready, C, eps = prepared(x, x, mask, mask, a, a, options)
    C = cost_matrix("half_sqeuclidean", ready.x)
    expected = solvers._symmetric(C, ready.a, eps, options, early_stop=True)
    found = on_device(fused.symmetric, C, ready.a, eps, tolerance=options.tolerance)
    assert (found.error <= options.tolerance / 10).all()
    torch.testing.assert_close(found.half_value, expected.half_value, rtol=1e-6, atol=1e-7)
    assert distance(found.self_plan, expected.self_plan) < 1e-4
    torch.testing.assert_close(found.by_a, expected.by_a, rtol=1e-4, atol=1e-5 * float(eps.max()))


@needs_triton
@pytest.mark.parametrize("cost", ["half_sqeuclidean", "euclidean", "cosine"])
def test_values_and_gradients_are_those_of_the_plain_path(cost, by_programs):
    # A word of one cloud, a pair with an empty side, a weight of zero, twice the same point.
    x, y, x_mask, y_mask = clouds(pairs=4, n=6, m=8, d=5, seed=5, scale=3.0)
    x_mask[0], y_mask[1], y_mask[2] = torch.arange(6) < 1, False, True
    a, b = weighted(x_mask), weighted(y_mask)
    b[2, 0], b[2, 1] = 0.0, b[2, 0] + b[2, 1]
    b[1] = 0.0
    y[2, 3] = y[2, 4]

    def results(device):
        inputs = [z.to(device, copy=True).requires_grad_() for z in (x, y, a, b)]
        value = sinkhorn_divergence(
            *inputs[:2], x_mask.to(device), y_mask.to(device), a=inputs[2], b=inputs[3], cost=cost
        )
        value.sum().backward()
        return value.detach().cpu(), *(z.grad.cpu() for z in inputs)

    expected, found = results("cpu"), by_programs(results, DEVICE)
    assert found[0][1] == 0 and all((z[1] == 0).all() for z in found[1:])
    torch.testing.assert_close(found[0], expected[0], rtol=1e-5, atol=1e-6)  # a small difference of three values
    for gradient, plain in zip(found[1:], expected[1:], strict=True):
        assert distance(gradient, plain) < 1e-4


@needs_triton
def test_partial_transport_goes_through_the_programs_as_well(by_programs):
    # It is a balanced problem with a point more on either side.
    x, y, x_mask, y_mask = clouds(pairs=2, seed=14)
    tensors = [z.to(DEVICE) for z in (x, y, x_mask, y_mask)]
    found = by_programs(transport_plan, *tensors, mass=0.8).cpu()
    torch.testing.assert_close(found, transport_plan(x, y, x_mask, y_mask, mass=0.8), rtol=0, atol=1e-5)


# --- against float64 --------------------------------------------------------------------------------------------------


@needs_triton
@pytest.mark.parametrize(("epsilon", "scale"), [(0.01, 6.0), (1.0, 1.0)])
def test_divergence_and_gradient_are_those_of_float64(epsilon, scale, by_programs):
    x, y, x_mask, y_mask = clouds(pairs=2, n=9, m=7, d=8, seed=9, scale=scale)
    points = [z.to(DEVICE, copy=True).requires_grad_() for z in (x, y)]
    masks = [mask.to(DEVICE) for mask in (x_mask, y_mask)]
    found = by_programs(sinkhorn_divergence, *points, *masks, epsilon=epsilon, tolerance=1e-5)
    gradient, found = torch.autograd.grad(found.sum(), points[0])[0].cpu(), found.detach()
    for k in range(len(x)):
        p, q = x[k][x_mask[k]].double().numpy(), y[k][y_mask[k]].double().numpy()
        a, b = (np.full(len(z), 1 / len(z)) for z in (p, q))
        value, by_x = reference_divergence(p, q, a, b, epsilon)
        assert float(found[k]) == pytest.approx(value, rel=1e-5)
        assert distance(gradient[k][x_mask[k]].double(), torch.from_numpy(by_x)) < 1e-4


@needs_triton
def test_a_small_epsilon_comes_near_the_earth_movers_distance(by_programs):
    x, y, *_ = clouds(pairs=2, n=8, m=8, d=8, seed=13, scale=6.0)
    plan = by_programs(transport_plan, x.to(DEVICE), y.to(DEVICE), epsilon=0.002).cpu().double()
    for k in range(len(x)):
        matrix = half_squares(x[k].double().numpy(), y[k].double().numpy())
        exact = ot.emd2(np.full(8, 1 / 8), np.full(8, 1 / 8), matrix)
        assert (plan[k].numpy() * matrix).sum() == pytest.approx(exact, rel=1e-3)


# --- each pair for itself ---------------------------------------------------------------------------------------------


@needs_triton
@pytest.mark.filterwarnings("ignore:All-NaN slice:RuntimeWarning")  # of the interpreter
def test_a_pair_that_is_no_number_stops_at_once_and_leaves_the_others_alone(by_programs):
    x, y, x_mask, y_mask = (z.to(DEVICE) for z in clouds(pairs=2, seed=8))
    alone = by_programs(transport_cost, x[:1], y[:1], x_mask[:1], y_mask[:1], return_status=True)
    x[1, 0] = torch.nan
    value, status = by_programs(transport_cost, x, y, x_mask, y_mask, return_status=True)
    assert value[1].isnan() and not status.converged[1] and status.iterations[1] <= 2 * solvers.BLOCK
    assert value[0] == alone[0][0] and status.converged[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert by_programs(sinkhorn_divergence, x, y, x_mask, y_mask).isnan().tolist() == [False, True]


@needs_triton
def test_each_pair_iterates_until_its_own_error_is_small():
    # On an accelerator the plain path makes all pairs stop at the same number.
    x, y, *_ = clouds(pairs=2, n=12, m=12, d=2, seed=18, scale=3.0)
    y[0] = y[0] + 20.0  # far apart, all costs are nearly alike
    options = problem(epsilon=0.01)
    ready, C, eps = prepared(x, y, None, None, None, None, options)
    found = on_device(fused.sinkhorn, C, ready.a, ready.b, eps, tolerance=1e-3, most=1000)
    alone = on_device(fused.sinkhorn, C[1:], ready.a[1:], ready.b[1:], eps[1:], tolerance=1e-3, most=10**12)
    assert found.iterations[0] == solvers.BLOCK < 52 < found.iterations[1] and (found.error <= 1e-3).all()
    assert all(torch.equal(z[1:], other) for z, other in zip(found, alone, strict=True))


@needs_triton
@pytest.mark.parametrize("most", [1, 4, 30])
def test_no_more_iterations_than_asked_for_and_exact_marginals_all_the_same(most):
    x, y, *_ = clouds(pairs=1, n=12, m=10, d=2, seed=18, scale=3.0)
    ready, C, eps = prepared(x, y, None, None, None, None, problem(epsilon=0.02))
    found = on_device(fused.sinkhorn, C, ready.a, ready.b, eps, tolerance=1e-9, most=most)
    expected = solvers._sinkhorn(C, ready.a, ready.b, eps, problem(tolerance=1e-9, max_iterations=most), True)
    assert found.iterations.item() == expected.iterations.item() == most
    assert distance(found.plan_rows, expected.plan_rows) < 1e-5
    torch.testing.assert_close(found.plan_rows.sum(2), ready.a, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.plan_columns.sum(1), ready.b, atol=1e-6, rtol=0)


@needs_triton
def test_where_over_relaxation_fails_the_steps_become_sinkhorns_own():
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(1, 10, 2, generator=generator), torch.randn(1, 10, 2, generator=generator)
    options = problem(epsilon=0.003, max_iterations=130)
    ready, C, eps = prepared(x, y, None, None, None, None, options)
    expected = solvers._sinkhorn(C, ready.a, ready.b, eps, options, early_stop=True)
    found = on_device(fused.sinkhorn, C, ready.a, ready.b, eps, tolerance=options.tolerance, most=130)
    torch.testing.assert_close(found.error, expected.error, rtol=1e-2, atol=0)
    assert distance(found.plan_columns, expected.plan_columns) < 1e-2


# --- where they are used ----------------------------------------------------------------------------------------------


def costs_of(device="cuda", dtype=torch.float32, shape=(3, 128, 128)):
    return SimpleNamespace(device=torch.device(device), dtype=dtype, shape=shape)


@pytest.mark.parametrize(
    ("costs", "works", "taken"),
    [
        (costs_of(), True, True),
        (costs_of(), False, False),
        (costs_of("cpu"), True, False),
        (costs_of(dtype=torch.float64), True, False),
        (costs_of(shape=(3, 129, 5)), True, False),
        (costs_of(shape=(3, 5, 129)), True, False),
    ],
    ids=str,
)
def test_the_programs_take_small_float32_problems_on_a_gpu_with_triton(costs, works, taken, monkeypatch):
    monkeypatch.setattr(fused, "works_on", lambda device: works)
    assert (solvers._fused(costs) is fused) == taken


def test_a_gpu_without_triton_is_told_of_once_and_goes_on(monkeypatch):
    monkeypatch.setattr(fused, "triton", None)
    fused.works_on.cache_clear()
    with pytest.warns(UserWarning, match=r"Triton does not run on cpu \(it is not installed\): PyTorch's operations"):
        assert not fused.works_on(torch.device("cpu"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not fused.works_on(torch.device("cpu"))
    fused.works_on.cache_clear()


@needs_triton
def test_a_first_launch_says_whether_triton_works(monkeypatch):
    fused.works_on.cache_clear()
    assert fused.works_on(torch.device(DEVICE))
    fused.works_on.cache_clear()

    def fails(*_):
        raise RuntimeError("Failed to find C compiler.\nPlease specify via CC")

    monkeypatch.setattr(fused, "_launch", fails)
    with pytest.warns(UserWarning, match="RuntimeError: Failed to find C compiler. Please specify via CC"):
        assert not fused.works_on(torch.device(DEVICE))
    fused.works_on.cache_clear()


@needs_triton
def test_a_gpu_on_which_the_programs_find_wrong_numbers_does_without_them(monkeypatch):
    """Compiled for a GPU that none of us has, they must not be trusted unseen."""
    five, seven = torch.arange(5.0), torch.arange(7.0)
    C = ((five[:, None] - seven).abs() / 8)[None].double()
    a, b, epsilon = torch.full((1, 5), 1 / 5).double(), torch.full((1, 7), 1 / 7).double(), torch.tensor([0.1]).double()
    problem = Problem("euclidean", 0.1, False, "converged", 1e-9, 2000)
    known = solvers._sinkhorn(C, a, b, epsilon, problem, True).value
    known_half = solvers._symmetric(C[:, :, :5], a, epsilon, problem, True).half_value
    assert (round(known.item(), 6), round(known_half.item(), 6)) == (fused.KNOWN_VALUE, fused.KNOWN_HALF_VALUE)
    monkeypatch.setattr(fused, "_known_values", lambda device: (fused.KNOWN_VALUE + 1e-3, fused.KNOWN_HALF_VALUE))
    fused.works_on.cache_clear()
    with pytest.warns(UserWarning, match="it finds 0.189872 and 0.057937 where 0.188872 and 0.057937 are right"):
        assert not fused.works_on(torch.device(DEVICE))
    fused.works_on.cache_clear()


def test_a_cpu_never_loads_triton():
    code = (
        "import sys, torch; from otlib.transport import sinkhorn_divergence as f; "
        "f(torch.rand(1, 2, 3), torch.rand(1, 2, 3)); assert 'triton' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@needs_triton
def test_the_programs_compile_for_gpus_of_two_generations():
    """What the interpreter lets pass and a compiler does not: a loop whose variable changes its type, an odd layout."""
    outside = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    subprocess.run([sys.executable, "-c", COMPILE], check=True, cwd=ROOT, env=outside)


COMPILE = """
import triton
from triton.backends.compiler import GPUTarget
from otlib.transport import fused

constants = {"N": 16, "BLOCK": 26, "OVER_RELAXATION": 1.75, "TINY": 1e-30}
numbers = {"n": "i32", "m": "i32", "most": "i32", "tolerance": "fp32", "iterations": "*i64"}
for capability in (80, 90):
    for program in (fused._solve_pair, fused._solve_cloud):
        names = program.arg_names
        kinds = {name: "constexpr" if name in constants else numbers.get(name, "*fp32") for name in names}
        given = {(names.index(name),): value for name, value in constants.items() if name in names}
        source = triton.compiler.ASTSource(fn=program, signature=kinds, constexprs=given)
        compiled = triton.compile(source, target=GPUTarget("cuda", capability, 32), options={"num_warps": 1})
        assert compiled.asm["cubin"]
"""
