r"""Balanced entropic transport on a GPU in one launch: the iterations of a pair never leave one multiprocessor.

Made of PyTorch's operations, an iteration on clouds of a sentence's words takes as long as its launches, and the host
would have to wait to learn how many are needed. Here one Triton program solves one pair, from the cost matrix to the
plans: it reads its costs, iterates until its own error is at most the tolerance, and writes. Steps, numbers of
iterations and what is returned are those of ``_sinkhorn`` and ``_symmetric`` in :mod:`otlib.transport.solvers`, which
take all other problems and are the reference in tests.

**Numbers.** In a block of iterations, :math:`K_{ij} = a_i \exp((f_i + g_j - C_{ij}) / \varepsilon)`, where :math:`f` is
the potential reached so far and :math:`g` is the one that makes each column of :math:`K` sum to 1, by a softmax. The
plan is :math:`u_i K_{ij} b_j v_j`, with scalings that start at 1 and are absorbed into the potentials before they grow
too large for float32 (Schmitzer, 2019, algorithm 2). Rows of absent points are zero in :math:`K`, and their scalings
stay 1; columns of absent points have a weight of zero. A cloud and itself have costs of zero on the diagonal, so that
their scalings need no absorption.

**Layout.** A program holds costs and :math:`K` in registers, padded to N x N for an N of 16, 32, 64 or 128, and touches
no global memory until it has converged. Triton compiles it once for each N, in seconds, and keeps it on disk. A matrix
has shape (N / 8, N / 4, 8, 4): Triton lays the last two dimensions out over the 32 threads of a warp, the second over
the warps, and the first in each thread. So a vector along the rows (N / 8, 8) or along the columns (N / 4, 4) costs a
thread few registers, and few threads repeat the same division. A sum over a column takes additions within a thread and
three shuffles; a sum over a row takes two, and shared memory where there is more than one warp. For an N of 64 there
are 4 warps, 32 entries to a thread; for 128 there are 8, 64 to a thread.

References
----------
Cuturi, 2013, "Sinkhorn Distances", arXiv:1306.0895. Feydy et al., 2019, "Interpolating between Optimal Transport and
MMD using Sinkhorn Divergences", arXiv:1810.08278. Schmitzer, 2019, "Stabilized Sparse Scaling Algorithms for Entropy
Regularized Transport Problems", arXiv:1610.06519. Thibault et al., 2021, "Overrelaxed Sinkhorn-Knopp Algorithm for
Regularized Optimal Transport", arXiv:1711.01851. Tillet et al., 2019, "Triton: An Intermediate Language and Compiler
for Tiled Neural Network Computations".
"""

from __future__ import annotations

import functools
import warnings

import torch
from torch import Tensor

from otlib.transport.problem import (
    BLOCK,
    OVER_RELAXATION,
    SELF_ITERATIONS,
    TINY,
    SelfSolution,
    Solution,
)

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None

ENTRIES_OF_A_WARP = 1024
MOST_WARPS = 8
# Of points 0 to 4 on a line and 0 to 6 (and of the five and themselves), an eighth of their distance, epsilon 0.1.
KNOWN_VALUE, KNOWN_HALF_VALUE = 0.188872, 0.057937


@functools.cache
def works_on(device: torch.device) -> bool:
    """Whether Triton runs on this GPU and solves two known problems; a warning says why not."""
    reason = "it is not installed"
    if triton is not None:
        try:
            found, right = _known_values(device), (KNOWN_VALUE, KNOWN_HALF_VALUE)
            if all(abs(one - other) <= 1e-5 for one, other in zip(found, right, strict=True)):
                return True
            reason = f"it finds {found[0]:.6f} and {found[1]:.6f} where {right[0]} and {right[1]} are right"
        except Exception as error:  # no C compiler, a GPU too old, another Triton: each fails in its own way
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    warnings.warn(
        f"Triton does not run on {device} ({reason}): PyTorch's operations solve transport, with at most 52 iterations "
        "where a gradient is wanted",
        stacklevel=2,
    )
    return False


def _known_values(device: torch.device) -> tuple[float, float]:
    five, seven = torch.arange(5.0, device=device), torch.arange(7.0, device=device)
    C = ((five[:, None] - seven).abs() / 8)[None]
    a, b, epsilon = (
        torch.full_like(C[:, :, 0], 1 / 5),
        torch.full_like(C[:, 0], 1 / 7),
        torch.full_like(C[:, 0, 0], 0.1),
    )
    value = sinkhorn(C, a, b, epsilon, tolerance=1e-5, most=1000).value
    half = symmetric(C[:, :, :5].contiguous(), a, epsilon, tolerance=1e-5).half_value
    return float(value), float(half)


def sinkhorn(C: Tensor, a: Tensor, b: Tensor, epsilon: Tensor, *, tolerance: float, most: int) -> Solution:
    """Transport between the two clouds of each pair.

    Parameters
    ----------
    C : Tensor of float32, shape (B, n, m)
        Cost matrices; n and m at most 128.
    a, b : Tensor of float32, shape (B, n) and (B, m)
        Weights, zero for absent points.
    epsilon : Tensor of float32, shape (B,)
        In units of the cost.
    tolerance, most : float and int
        A pair iterates until its error is at most the tolerance, or ``most`` times.

    Returns
    -------
    Solution
        As that of the plain solver. No gradient flows through it.
    """
    B, n, m = C.shape
    solution = Solution(
        value=C.new_empty(B),
        plan_rows=C.new_empty(B, n, m),
        plan_columns=C.new_empty(B, n, m),
        iterations=C.new_empty(B, dtype=torch.long),
        error=C.new_empty(B),
        by_a=C.new_empty(B, n),
        by_b=C.new_empty(B, m),
    )
    constants = {"BLOCK": BLOCK, "OVER_RELAXATION": OVER_RELAXATION, "TINY": TINY}
    most = min(int(most), 2**31 - 1)  # the program counts in 32 bits
    _launch(_solve_pair, (C, a, b, epsilon), solution, (n, m, float(tolerance), most), constants)
    return solution


def symmetric(C: Tensor, a: Tensor, epsilon: Tensor, *, tolerance: float) -> SelfSolution:
    """Transport between each cloud and itself, by symmetric costs ``C`` (B, n, n); all else is as for two clouds."""
    B, n, _ = C.shape
    solution = SelfSolution(
        half_value=C.new_empty(B), self_plan=C.new_empty(B, n, n), error=C.new_empty(B), by_a=C.new_empty(B, n)
    )
    _launch(_solve_cloud, (C, a, epsilon), solution, (n, float(tolerance) / 10, SELF_ITERATIONS), {"TINY": TINY})
    return solution


def _launch(program, given: tuple, solution: tuple, numbers: tuple, constants: dict) -> None:
    """One program for each pair of the batch, on the device of its tensors."""
    C = given[0]
    N = max(16, triton.next_power_of_2(max(C.shape[1:])))
    warps = min(MOST_WARPS, max(1, N * N // ENTRIES_OF_A_WARP))
    with torch.cuda.device_of(C):
        tensors = (*(z.contiguous() for z in given), *solution)
        program[(len(C),)](*tensors, *numbers, N=N, **constants, num_warps=warps)


def _jit(function):
    # Compiled for no value of these: sizes vary from batch to batch.
    return triton.jit(function, do_not_specialize=["n", "m", "most"]) if triton else function


# --- the programs of the GPU ------------------------------------------------------------------------------------------


@_jit
def _solve_pair(
    C, a, b, epsilon,
    value, plan_rows, plan_columns, iterations, errors, by_a, by_b,
    n, m, tolerance, most,
    N: tl.constexpr, BLOCK: tl.constexpr, OVER_RELAXATION: tl.constexpr, TINY: tl.constexpr,
):  # fmt: skip
    pair = tl.program_id(0).to(tl.int64)
    i, j = _places(N, 8), _places(N, 4)
    rows, columns = pair * n + i, pair * m + j
    entries, inside = _down(rows) * m + _across(j), _down(i < n) & _across(j < m)
    weights_a, weights_b = tl.load(a + rows, i < n, 0.0), tl.load(b + columns, j < m, 0.0)
    absent_a, absent_b = weights_a == 0, weights_b == 0
    target_a = tl.where(absent_a, 1.0, weights_a)  # the scaling of an absent point stays 1
    floor_a = tl.where(absent_a, 1.0, TINY)
    log_a = tl.where(absent_a, -1e9, tl.log(target_a))
    eps = tl.load(epsilon + pair)
    costs = tl.load(C + entries, inside, 0.0)
    f = _least_of_rows(tl.where(_across(absent_b), float("inf"), costs))  # the soft minimum for an epsilon of 0
    K, u, v = costs, tl.zeros_like(weights_a), tl.zeros_like(weights_b)
    exact_u, reached_f, reached_g = u, u, v
    made, error, power, going = 0, float("inf"), OVER_RELAXATION, True
    while going:
        K, g = _absorbed(costs, f, log_a, eps)
        count = tl.minimum(BLOCK, most - made)
        u, v = _scalings(K, target_a, weights_b, floor_a, TINY, power, count)
        row = _sums_of_rows(K * _across(weights_b * v)) + floor_a
        exact_u = target_a / row  # makes the rows exact, as the last step made the columns
        reached_f, reached_g = f + eps * tl.log(exact_u), g + eps * tl.log(v)
        before, error, made = error, _sum(tl.abs(u * row - target_a)), made + count
        # On rare problems over-relaxation makes the error grow: these go on with Sinkhorn's own steps. If the error of
        # those is no number, neither are the costs.
        finite = tl.abs(error) < float("inf")
        hopeless = (power == 1.0) & ~finite
        power = tl.where(error < 3 * before, power, 1.0)
        f = tl.where(finite, reached_f, f)
        going = (made < most) & ~(error <= tolerance) & ~hopeless
    K *= _across(weights_b * v)
    potential_a, potential_b = tl.where(absent_a, 0.0, reached_f), tl.where(absent_b, 0.0, reached_g)
    tl.store(plan_rows + entries, K * _down(exact_u), inside)
    tl.store(plan_columns + entries, K * _down(u), inside)
    tl.store(by_a + rows, potential_a, i < n)
    tl.store(by_b + columns, potential_b, j < m)
    tl.store(value + pair, _sum(weights_a * potential_a) + _sum(weights_b * potential_b))
    tl.store(iterations + pair, made)
    tl.store(errors + pair, error)


@_jit
def _absorbed(costs, f, log_a, eps):
    """The matrix whose columns sum to 1, and the potential that makes them do so."""
    exponent = _down(log_a) + (_down(f) - costs) / eps
    largest = tl.max(tl.max(exponent, 0), 1)
    K = tl.exp(exponent - _across(largest))
    total = _sums_of_columns(K)
    return K / _across(total), -eps * (largest + tl.log(total))


@_jit
def _scalings(K, target_a, weights_b, floor_a, floor_b, power, count):
    """Scalings of rows and columns after a block of iterations; the columns are exact."""
    u, v = tl.zeros_like(target_a) + 1.0, tl.zeros_like(weights_b) + 1.0
    for iteration in range(count):
        # The last two steps are Sinkhorn's own: an over-relaxed step misses both marginals.
        step = tl.where(iteration < count - 2, power, 1.0)
        row = _sums_of_rows(K * _across(weights_b * v)) + floor_a
        u *= _raised(target_a / (row * u), step)
        column = _sums_of_columns(K * _down(u)) + floor_b
        v *= _raised(1.0 / (column * v), step)
    return u, v


@_jit
def _raised(x, power):
    return tl.where(power == 1.0, x, tl.exp2(power * tl.log2(x)))


@_jit
def _solve_cloud(
    C, a, epsilon,
    half_value, self_plan, errors, by_a,
    n, tolerance, most,
    N: tl.constexpr, TINY: tl.constexpr,
):  # fmt: skip
    cloud = tl.program_id(0).to(tl.int64)
    i, j = _places(N, 8), _places(N, 4)
    rows = cloud * n + i
    entries, inside = _down(rows) * n + _across(j), _down(i < n) & _across(j < n)
    weights = tl.load(a + rows, i < n, 0.0)
    present = tl.where(weights > 0, 1.0, 0.0)
    eps = tl.load(epsilon + cloud)
    exponent = tl.load(C + entries, inside, 0.0) / -eps
    K = tl.exp(tl.where(exponent < -80.0, -80.0, exponent))  # above zero in float32
    u = present / tl.sqrt(tl.maximum(weights, TINY))
    reached = _sums_of_rows(K * _across(_turned(weights * u))) + TINY
    made, error = 0, float("inf")
    while (made < most) & (error > tolerance):
        for _ in range(2):  # a step is half of Sinkhorn's: the scaling becomes a geometric mean
            u = tl.sqrt(u * present / reached)
            reached = _sums_of_rows(K * _across(_turned(weights * u))) + TINY
        made, error = made + 2, _sum(weights * tl.abs(u * reached - 1.0))
    next_u = present / reached
    mean_u = weights * tl.sqrt(u * next_u)
    potential = eps * tl.log(u * next_u + 1.0 - present) / 2
    tl.store(self_plan + entries, K * _down(mean_u) * _across(_turned(mean_u)), inside)
    tl.store(half_value + cloud, _sum(weights * potential))
    tl.store(errors + cloud, error)
    tl.store(by_a + rows, potential, i < n)


# --- vectors along the rows (N / 8, 8) and along the columns (N / 4, 4) of a matrix (N / 8, N / 4, 8, 4) --------------


@_jit
def _places(SIZE: tl.constexpr, LANES: tl.constexpr):
    return tl.arange(0, SIZE // LANES)[:, None] * LANES + tl.arange(0, LANES)[None, :]


@_jit
def _down(vector):
    """A vector along the rows, to be broadcast over the columns."""
    return tl.expand_dims(tl.expand_dims(vector, 2), 1)


@_jit
def _across(vector):
    """A vector along the columns, to be broadcast over the rows."""
    return tl.expand_dims(tl.expand_dims(vector, 1), 0)


@_jit
def _sums_of_rows(matrix):
    return tl.sum(tl.sum(matrix, 1), 2)


@_jit
def _sums_of_columns(matrix):
    return tl.sum(tl.sum(matrix, 0), 1)


@_jit
def _least_of_rows(matrix):
    return tl.min(tl.min(matrix, 1), 2)


@_jit
def _sum(vector):
    return tl.sum(tl.sum(vector, 0), 0)


@_jit
def _turned(vector):
    """A vector along the rows of a square matrix as one along its columns."""
    return tl.reshape(vector, [vector.shape[0] * 2, 4])
