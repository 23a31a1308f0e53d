"""Batched transport beside GeomLoss, POT and FlashSinkhorn: time, memory and gradient error, as ratios in one process.

    python benchmarks/transport.py                               # CPU, one thread, a few minutes
    python benchmarks/transport.py --device cuda                 # adds the share of an encoder's training step
    python benchmarks/transport.py --truth truth.npz             # keeps the float64 gradients, which take POT ...
    python benchmarks/transport.py --truth truth.npz --device cuda --quick   # ... for a machine without it
    pip install flash-sinkhorn                                   # adds FlashSinkhorn on a GPU

Clouds are simulated, after what we take the word vectors of a sentence and its translation in mBERT to be: ragged (8 to
64 words), norm near 17, cosine .47 between any two words, .81 between translations. Every method computes the debiased
divergence of the same batch and its gradient; the methods take turns, and a ratio is the median over turns of two times
of the same turn. On a GPU otlib solves each pair in one launch (``otlib.transport.fused``); "plain" is what it does
where Triton is missing. A method that is not installed, or fails, is named and left out.
"""

import argparse
import importlib.util
import time
from pathlib import Path
from unittest import mock

import geomloss
import numpy as np
import pandas as pd
import torch
from measuring import peak_mib, seconds

from otlib.transport import sinkhorn_divergence, solvers

POT_ITERATIONS = 100
JUDGED = 4  # pairs whose gradient is compared with float64
SETTINGS = [(120, 768, 0.05), (120, 768, 0.01), (24, 768, 0.05), (120, 128, 0.05), (24, 128, 0.05)]
GROWTH = [(24, 32, 256), (48, 32, 256), (96, 32, 256), (48, 16, 256), (48, 64, 256), (48, 32, 64), (48, 32, 1024)]


def sentence_pairs(pairs, d, *, longest=64, seed=0):
    """Word vectors of sentences and of their translations: x, y, masks."""
    rng = np.random.default_rng(seed)
    lengths = np.clip(rng.gamma(4, longest / 9, size=(2, pairs)), longest / 8, longest).astype(int)
    common = rng.normal(size=d) * np.sqrt(0.47)
    meaning = rng.normal(size=(pairs, longest, d)) * np.sqrt(0.34)
    sides = []
    for side in lengths:
        order = (
            rng.permuted(np.tile(np.arange(longest), (pairs, 1)), axis=1) if len(sides) else np.arange(longest)[None]
        )
        words = np.take_along_axis(meaning, order[..., None], 1)
        words = (common + words + rng.normal(size=words.shape) * np.sqrt(0.19)) * 17 / np.sqrt(d)
        sides += [
            torch.tensor(words[:, : side.max()], dtype=torch.float32),
            torch.arange(side.max()) < torch.tensor(side)[:, None],
        ]
    x, x_mask, y, y_mask = sides
    return x, y, x_mask, y_mask


def weights(mask):
    return mask / mask.sum(1, keepdim=True)


# --- the methods: (x, y, masks, epsilon) -> divergence of each pair; epsilon is absolute, the same for all pairs


def otlib_converged(x, y, x_mask, y_mask, epsilon):
    return sinkhorn_divergence(x, y, x_mask, y_mask, epsilon=epsilon, relative=False, return_status=True)[0]


def otlib_plain(x, y, x_mask, y_mask, epsilon):
    with mock.patch.object(solvers, "_fused", lambda C: None):
        return otlib_converged(x, y, x_mask, y_mask, epsilon)


def otlib_geomloss(x, y, x_mask, y_mask, epsilon):
    return sinkhorn_divergence(x, y, x_mask, y_mask, epsilon=epsilon, relative=False, solver="geomloss")


def geomloss_default(x, y, x_mask, y_mask, epsilon):
    x, y = (z.masked_fill(~mask[..., None], 0.0) for z, mask in ((x, x_mask), (y, y_mask)))
    loss = geomloss.SamplesLoss("sinkhorn", p=2, blur=epsilon**0.5)
    return loss(weights(x_mask), x, weights(y_mask), y)


def flash_sinkhorn(x, y, x_mask, y_mask, epsilon):
    """GeomLoss's steps in Triton; pairs of unequal size go one by one, as a batch of them does inside the package."""
    from flash_sinkhorn import SamplesLoss

    # Without tuning, which takes seconds for each size.
    loss = SamplesLoss("sinkhorn", blur=epsilon**0.5, debias=True, half_cost=True, allow_tf32=False, autotune=False)
    return torch.stack([loss(x[k][x_mask[k]], y[k][y_mask[k]]) for k in range(len(x))])


def pot_batch(x, y, x_mask, y_mask, epsilon):
    import ot

    def value(p, q, a, b):
        options = {"reg": 2 * epsilon, "metric": "sqeuclidean", "method": "log_sinkhorn"}
        found = ot.batch.solve_sample_batch(p, q, a=a, b=b, max_iter=POT_ITERATIONS, tol=1e-12, **options)
        return found.value / 2

    a, b = weights(x_mask), weights(y_mask)
    return value(x, y, a, b) - value(x, x, a, a) / 2 - value(y, y, b, b) / 2


def pot_loop(x, y, x_mask, y_mask, epsilon):
    import ot

    def value(p, q):
        found = ot.solve_sample(p, q, reg=2 * epsilon, reg_type="KL", max_iter=POT_ITERATIONS, tol=1e-12)
        return found.value / 2

    pairs = [(x[k][x_mask[k]], y[k][y_mask[k]]) for k in range(len(x))]
    return torch.stack([value(p, q) - value(p, p) / 2 - value(q, q) / 2 for p, q in pairs])


def methods_on(device, slow):
    """The methods by name: GeomLoss first, then ours, then those of the other packages that are installed."""
    gpu, missing = device != "cpu", []
    methods = {"GeomLoss": geomloss_default, "otlib, converged": otlib_converged}
    if gpu:
        methods["otlib, converged, plain"] = otlib_plain
    methods["otlib, geomloss"] = otlib_geomloss
    if importlib.util.find_spec("ot"):
        methods[f"POT batch, {POT_ITERATIONS} its"] = pot_batch
        if slow:
            methods["POT loop"] = pot_loop
    else:
        missing.append("POT")
    if gpu and importlib.util.find_spec("flash_sinkhorn"):
        methods["FlashSinkhorn"] = flash_sinkhorn
    elif gpu:
        missing.append("flash-sinkhorn")
    if missing:
        print(f"Left out, not installed: {', '.join(missing)}")
    return methods


def that_run(methods, clouds, epsilon):
    """The methods that run here, after a first, slow run of each; the others are named."""
    running = {}
    for name, method in methods.items():
        try:
            gradients(method, clouds, epsilon)
            running[name] = method
        except Exception as error:
            print(f"Left out, {name} fails: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return running


# --- measurements


def gradients(method, clouds, epsilon):
    x, y, *masks = clouds
    x, y = x.detach().requires_grad_(), y.detach().requires_grad_()
    method(x, y, *masks, epsilon).sum().backward()
    return x.grad, y.grad


def time_of(method, clouds, epsilon):
    return seconds(lambda: gradients(method, clouds, epsilon), clouds[0].device)


def memory_of(method, clouds, epsilon):
    """Peak memory above that of the clouds and of the code itself, in MiB."""
    one_pair = [z[:1] for z in clouds]
    return peak_mib(
        lambda: gradients(method, clouds, epsilon), clouds[0].device, lambda: gradients(method, one_pair, epsilon)
    )


def true_gradient(x, y, epsilon):
    """By x, of one pair, in float64, from plans of POT."""
    import ot

    def plan(p, q):
        a, b = (np.full(len(z), 1 / len(z)) for z in (p, q))
        cost = ot.dist(p, q) / 2
        return ot.bregman.sinkhorn_log(a, b, cost, epsilon, stopThr=1e-10, numItermax=50_000)

    x, y = x.double().cpu().numpy(), y.double().cpu().numpy()
    within = plan(x, x)
    return (within + within.T) / 2 @ x - plan(x, y) @ y


class Truth:
    """Float64 gradients of the first pairs of each setting: from a file, where there is one, else from POT."""

    def __init__(self, path):
        self.path = path
        self.kept = dict(np.load(path)) if path and path.exists() else {}

    def __call__(self, setting, clouds, epsilon):
        x, y, x_mask, y_mask = (z[:JUDGED].cpu() for z in clouds)
        name = "-".join(map(str, setting))
        drawn = np.array([epsilon, float(x.double().abs().sum()), float(y.double().abs().sum())])
        if f"{name}-drawn" not in self.kept:
            if not importlib.util.find_spec("ot"):
                raise SystemExit(
                    f"No gradients of {name} without POT: give --truth a file that was written where it is"
                )
            self.kept[f"{name}-drawn"] = drawn
            for k in range(JUDGED):
                self.kept[f"{name}-{k}"] = true_gradient(x[k][x_mask[k]], y[k][y_mask[k]], epsilon)
            if self.path:
                np.savez_compressed(self.path, **self.kept)
        if not np.allclose(self.kept[f"{name}-drawn"], drawn, rtol=1e-5):
            raise SystemExit(f"{self.path} has the gradients of other clouds: write it anew with this NumPy")
        return [self.kept[f"{name}-{k}"] for k in range(JUDGED)]


def gradient_error(method, clouds, epsilon, truth):
    x_mask = clouds[2]
    found = gradients(method, clouds, epsilon)[0]
    errors = [
        np.linalg.norm(found[k][x_mask[k]].double().cpu().numpy() - expected) / np.linalg.norm(expected)
        for k, expected in enumerate(truth)
    ]
    return float(np.mean(errors))


def drawn(setting, device):
    """Clouds of a setting, and epsilon: computed on the CPU, so that it is the same on all machines."""
    pairs, d, relative = setting
    clouds = sentence_pairs(pairs, d)
    epsilon = relative * float((torch.cdist(clouds[0][:8], clouds[1][:8]) ** 2).mean() / 2)
    return [z.to(device) for z in clouds], epsilon


def compare(setting, device, repeats, methods, truth):
    clouds, epsilon = drawn(setting, device)
    methods, expected = that_run(methods, clouds, epsilon), truth(setting, clouds, epsilon)
    turns = pd.DataFrame(
        [{name: time_of(method, clouds, epsilon) for name, method in methods.items()} for _ in range(repeats)]
    )
    rows = {}
    for name, method in methods.items():
        rows[name] = {
            "ms": 1e3 * turns[name].median(),
            "time / GeomLoss": (turns[name] / turns["GeomLoss"]).median(),
            "MiB": memory_of(method, clouds, epsilon),
            "gradient error": gradient_error(method, clouds, epsilon, expected),
        }
    return pd.DataFrame(rows).T


def growth(device, repeats):
    """Time of the converged solver as each size grows."""
    for pairs, longest, d in GROWTH:
        clouds = [z.to(device) for z in sentence_pairs(pairs, d, longest=longest)]
        epsilon = 0.05 * float((torch.cdist(clouds[0][:8], clouds[1][:8]) ** 2).mean() / 2)
        both = geomloss_default, otlib_converged
        times = [[time_of(method, clouds, epsilon) for method in both] for _ in range(repeats + 1)]
        theirs, ours = np.array(times[1:]).T  # the first warms up
        print(
            f"B = {pairs:3}, n = {longest:2}, d = {d:4}: {1e3 * np.median(ours):6.1f} ({np.median(ours / theirs):.2f})",
            flush=True,
        )


# --- an encoder's training step, for a GPU


def step_share(device, repeats):
    """Share of the divergence in a training step of an mBERT-size encoder: 5 x 24 pairs, bfloat16."""
    from transformers import BertConfig, BertModel

    model = BertModel(BertConfig(vocab_size=119547), add_pooling_layer=False).to(device)
    ids = torch.randint(1000, 119547, (240, 48), device=device)
    optimiser = torch.optim.AdamW(model.parameters(), 1e-5)
    _, _, x_mask, y_mask = sentence_pairs(120, 768, longest=48)
    masks = x_mask.to(device), y_mask.to(device)

    def words():
        with torch.autocast(device, torch.bfloat16):
            hidden = model(ids).last_hidden_state
        return hidden[:120, : masks[0].shape[1]], hidden[120:, : masks[1].shape[1]]

    def step(divergence):
        optimiser.zero_grad()
        divergence(*words()).sum().backward()
        optimiser.step()

    def nothing(x, y):
        return x.float().square().mean() + y.float().square().mean()

    def ours(x, y):
        return sinkhorn_divergence(x, y, *masks, return_status=True)[0]

    def plain(x, y):
        with mock.patch.object(solvers, "_fused", lambda C: None):
            return ours(x, y)

    def theirs(x, y):
        return geomloss_default(x.float(), y.float(), *masks, 0.05**2)

    variants = {"encoder alone": nothing, "with otlib": ours, "with otlib, plain": plain, "with GeomLoss": theirs}
    try:
        # The transport waits for nothing and launches the same kernels whatever the numbers: a graph can hold it.
        points = tuple(z.detach().requires_grad_() for z in words())
        variants["with otlib, in a CUDA graph"] = torch.cuda.make_graphed_callables(ours, points)
    except RuntimeError as error:
        print(f"Left out, the CUDA graph fails: {' '.join(str(error).split())[:200]}")
    turns = []
    for _ in range(repeats + 2):
        row = {}
        for name, divergence in variants.items():
            torch.cuda.synchronize()
            start = time.perf_counter()
            step(divergence)
            torch.cuda.synchronize()
            row[name] = time.perf_counter() - start
        turns.append(row)
    turns = pd.DataFrame(turns[2:])
    alone = turns["encoder alone"]
    return pd.DataFrame(
        {"ms": 1e3 * turns.median(), "share of the step": [((turns[n] - alone) / turns[n]).median() for n in variants]}
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--slow", action="store_true", help="the loop over pairs as well")
    parser.add_argument("--truth", type=Path, help="file (.npz) of the float64 gradients: read, or written by POT")
    parser.add_argument("--quick", action="store_true", help="the first setting, and the training step on a GPU, only")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    methods, truth = methods_on(chosen.device, chosen.slow), Truth(chosen.truth)
    if chosen.device == "cuda":
        print(torch.cuda.get_device_name())
    for setting in SETTINGS[:1] if chosen.quick else SETTINGS:
        print(f"\n{setting[0]} pairs, d = {setting[1]}, epsilon = {setting[2]} of the mean cost, {chosen.device}")
        table = compare(setting, chosen.device, chosen.repeats, methods, truth)
        print(table.to_string(float_format="{:.3g}".format), flush=True)
    if not chosen.quick:
        print("\nGrowth of the converged solver, ms (time / GeomLoss)")
        growth(chosen.device, chosen.repeats)
    if chosen.device == "cuda":
        print("\nA training step, 5 x 24 pairs, mBERT's size, bfloat16")
        print(step_share(chosen.device, chosen.repeats).to_string(float_format="{:.3g}".format))


if __name__ == "__main__":
    main()
