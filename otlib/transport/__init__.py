r"""Optimal transport between clouds of points: the loss, its gradient and its plans. Knows nothing of words.

``divergence`` has the public functions, ``problem`` what goes into a problem (options, clouds, costs, epsilon),
``solvers`` the algorithms, ``fused`` the one of them that a GPU runs in one launch, ``links`` hard alignments from
plans. All pairs of a batch are solved together; clouds of unequal size are padded and masked. Numbers are float32, or
float64 where the points are, also under autocast.

**Cost and plan.** There are two clouds: points :math:`x_i` with weights :math:`a_i`, and points :math:`y_j` with
weights :math:`b_j`. The weights are called *marginals*; those of a cloud sum to 1. The *cost matrix* says what it costs
to move a unit of mass from :math:`x_i` to :math:`y_j`: :math:`C_{ij}`, by default
:math:`\tfrac12 \|x_i - y_j\|^2`. A *plan* :math:`\pi` says how much mass goes from where to where, and the optimal plan
is the cheapest:

.. math:: OT_\varepsilon(a, b) = \min_{\pi \ge 0,\ \pi 1 = a,\ \pi^T 1 = b} \langle \pi, C \rangle
          + \varepsilon\, KL(\pi\,|\,a \otimes b).

**Epsilon and potentials.** With :math:`\varepsilon = 0` this is a linear programme. With :math:`\varepsilon > 0` the
optimal plan is unique, and smooth in the points:
:math:`\pi_{ij} = a_i b_j \exp((f_i + g_j - C_{ij}) / \varepsilon)`. Only the *potentials* :math:`f` and :math:`g` have
to be found. Sinkhorn's algorithm (Cuturi, 2013) changes :math:`f` so that the rows of the plan sum to :math:`a`, then
:math:`g` so that its columns sum to :math:`b`, and so on in turn. A large epsilon spreads the mass; a small one comes
near the linear programme and needs more iterations. Epsilon has the unit of the cost. Here it is given as a fraction
of each pair's mean cost, unless ``relative=False``.

**Debiasing.** Because of the entropy :math:`OT_\varepsilon(a, a)` is not zero, and minimising
:math:`OT_\varepsilon(a, b)` would draw the points of a cloud together. The Sinkhorn divergence subtracts this:

.. math:: S_\varepsilon(a, b) = OT_\varepsilon(a, b) - \tfrac12 OT_\varepsilon(a, a) - \tfrac12 OT_\varepsilon(b, b)

(Feydy et al., 2019). For the half squared Euclidean cost it is zero for equal clouds and positive for all others.

**Gradients** follow from the envelope theorem: the derivative of the optimal value by the cost matrix is the optimal
plan, and that by the weights is the potentials (epsilon is held fixed). So the gradient needs the last plan and
potentials only, and no iteration is recorded.

**The paper's setting** is GeomLoss's default: blur .05, that is, an epsilon of :math:`.05^2 = .0025` in units of the
cost. We take the word vectors of mBERT to have norms near 17 and costs near 150. Relative to such costs epsilon is
about 1e-5: the transport is not regularised in effect. GeomLoss anneals: it makes one step for each of some 14
epsilons, from large to small, and has not converged at the end. On simulated vectors of that size its gradient differs
from that of exact transport by a quarter of its norm, on average over pairs of 8 to 64 words, and by more on some (the
primer shows one, ``benchmarks/transport.py`` measures many). ``solver="geomloss"`` gives the same numbers as GeomLoss.

References
----------
Alqahtani et al., 2021, "Using Optimal Transport as Alignment Objective for fine-tuning Multilingual Contextualized
Embeddings", arXiv:2110.02887. Cuturi, 2013, "Sinkhorn Distances", arXiv:1306.0895. Feydy et al., 2019, "Interpolating
between Optimal Transport and MMD using Sinkhorn Divergences", arXiv:1810.08278. Sejourne et al., 2019, "Sinkhorn
Divergences for Unbalanced Optimal Transport", arXiv:1910.12958.
"""

from otlib.transport.divergence import Status, sinkhorn_divergence, transport_cost, transport_plan
from otlib.transport.problem import norm_weights

__all__ = ["Status", "norm_weights", "sinkhorn_divergence", "transport_cost", "transport_plan"]
