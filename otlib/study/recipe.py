"""The recipe of a study beside the paper's: what a reader would check before a comparison of their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pandas as pd

from otlib.analysis.statistics import beside_paper
from otlib.data.aligners import installed_aligner
from otlib.settings import PIVOT, Align
from otlib.study.paper import paper_results
from otlib.study.study import Study
from otlib.training.align import ON_PAIRS

ALIGNED = ("wordot", *ON_PAIRS)
SILENT = "not said"
METRICS = (("nli", "accuracy"), ("qa", "f1"), ("qa", "exact_match"))
XTREME = {"nli": "5 epochs in batches of 32, 2e-05", "qa": "3 epochs in batches of 32, 3e-05"}


def _pairs(study: Study, method: Align) -> int | None:
    return method.pairs or study.data.parallel_pairs


def _steps(study: Study, method: Align) -> str:
    pairs, seen = _pairs(study, method), method.steps * method.batch_size * method.accumulation
    return f"{method.steps:,} steps" + (f", {seen / pairs:.3g} times {pairs:,} pairs" if pairs else "")


def _words(study: Study, method: Align) -> str:
    kinds = {"subword": "all subwords", "mean": "mean of a word's subwords"}
    return kinds.get(method.pooling, f"{method.pooling} subword of a word")


def _layers(study: Study, method: Align) -> str:
    means = ", their mean in units of their spreads" * (method.layer_reduction == "mean")
    return (method.layers if isinstance(method.layers, str) else ", ".join(map(str, method.layers))) + means


def _marginals(study: Study, method: Align) -> str:
    missed = f", missed at a price of {method.unbalanced:g}" if method.unbalanced else ""
    return method.marginals + missed + (f", {method.mass:.0%} of the mass moves" if method.mass else "")


def _word_pairs(study: Study, method: Align) -> str:
    nearest = "mutual nearest words of the frozen encoder"
    if method.word_pairs == "mutual":
        return nearest
    return installed_aligner() or f"{nearest}, for no aligner is installed here"


# What the paper says, and where if that is known here; the objectives that it is about; what a method of a study has.
ROWS: tuple[tuple[str, str, tuple[str, ...], Callable[[Study, Align], object]], ...] = (
    ("encoder", "mBERT, cased; table 5: XLM-R base", ALIGNED, lambda s, m: s.encoder.checkpoint or "pretrained here"),
    (
        "languages with English",
        "bg, de, el, es, fr; LargeWordOT (table 2): all fourteen",
        ALIGNED,
        lambda s, m: ", ".join(m.languages or s.languages),
    ),
    (
        "languages unseen",
        "ar, hi, ru, sw, th, tr, ur, vi, zh; LargeWordOT: none (table 2)",
        ALIGNED,
        lambda s, m: ", ".join(code for code in s.tested if code not in (m.languages or s.languages)) or "none",
    ),
    (
        "pairs a language",
        "250,000, upsampled where there are fewer; 1,000 to 250,000 in table 4",
        ALIGNED,
        lambda s, m: (
            (f"{_pairs(s, m):,}, fewer are gone through again" if _pairs(s, m) else "all, fewer again")
            + f", {m.shuffled_pairs:.0%} shuffled" * (m.shuffled_pairs > 0)
            + f", counted by their plan's confidence ** {m.confidence_power:g}" * (m.confidence_power > 0)
        ),
    ),
    ("words", "split by Moses", ALIGNED, lambda s, m: f"split by {getattr(s.data, 'words', 'whitespace')}"),
    (
        "batch x accumulation",
        "24 of each language x 2 (section 5); LargeWordOT and WordOT*: 8 x 3",
        ALIGNED,
        lambda s, m: f"{m.batch_size} of each language x {m.accumulation}",
    ),
    ("steps", "one epoch (section 5)", ALIGNED, _steps),
    (
        "optimiser, learning rate",
        "Adam, 5e-05 (section 5)",
        ALIGNED,
        lambda s, m: f"AdamW, {m.learning_rate:g}, weight decay {m.weight_decay:g}",
    ),
    ("warm-up", SILENT, ALIGNED, lambda s, m: f"{m.warmup:.3g} of the steps, then linearly to zero"),
    ("longest gradient", SILENT, ALIGNED, lambda s, m: f"{m.clip:g}"),
    ("longest sentence", SILENT, ALIGNED, lambda s, m: f"{m.max_length} subwords"),
    ("what is aligned", "last subword of a word; table 3: all subwords", ALIGNED, _words),
    ("layers", "last", ALIGNED, _layers),
    ("frozen while aligning", "nothing", ALIGNED, lambda s, m: "nothing" if m.freeze == "none" else f"{m.freeze} half"),
    (
        "transport problem",
        "a language's batch of parallel sentences, read as one problem or one a pair; appendix E: mixed",
        ("wordot",),
        lambda s, m: m.scope,
    ),
    ("marginals", "uniform; TF-IDF in section 4", ("wordot",), _marginals),
    (
        "cost and epsilon",
        "in words Euclidean, 0.05; by GeomLoss's defaults half_sqeuclidean, 0.05 ** 2 = 0.0025",
        ("wordot",),
        lambda s, m: f"{m.cost}, {m.epsilon:g}" + " of each pair's mean cost" * m.relative,
    ),
    ("solver", "GeomLoss", ("wordot",), lambda s, m: m.solver),
    (
        "anchor",
        "sum over English words, weight 1 (Eq. 2)",
        ALIGNED,
        lambda s, m: f"{m.anchor_reduction}, weight {m.anchor_weight:g}" if m.anchor_weight else "none",
    ),
    ("word pairs", "fast_align, one to one", ON_PAIRS, _word_pairs),
    ("L2 pulls to", SILENT, ("l2",), lambda s, m: f"{m.l2_target} English words"),
    ("seeds", "three", ALIGNED, lambda s, m: len(s.seeds)),
)


def recipe(study: Study) -> pd.DataFrame:
    """What to check against the paper: columns ``what, the paper, this study``.

    Where methods differ, each value is followed by their names. What the paper does not say is called ours. The last
    rows say how many numbers of each row of its table the study fills, and by which method.
    """
    rows = []
    for what, says, objectives, show in ROWS:
        texts = {name: str(show(study, m)) for name, m in study.methods.items() if m.objective in objectives}
        if texts:
            rows.append((what, says, "ours: " * (says == SILENT) + _by_method(texts)))
    for task in study.tasks:
        texts = {name: _task(study, task, name) for name in study.methods_of(task)}
        rows.append((task, f"on English, as in XTREME: {XTREME[task]}", _by_method(texts)))
    return pd.DataFrame([*rows, *_filled(study)], columns=["what", "the paper", "this study"])


def _task(study: Study, task: str, method: str) -> str:
    given, languages = study.section(task, method), ", ".join(study.taught(method))
    return f"on {languages}: {given.steps:,} steps of {given.batch_size * given.accumulation}, {given.learning_rate:g}"


def _by_method(texts: dict[str, str]) -> str:
    """The text if it is the same for every method, else each text with its methods."""
    methods: dict[str, list[str]] = {}
    for name, text in texts.items():
        methods.setdefault(text, []).append(name)
    return "; ".join(text + f" ({', '.join(names)})" * (len(methods) > 1) for text, names in methods.items())


def _filled(study: Study) -> Iterator[tuple[str, str, str]]:
    """Rows of the paper's table: their numbers, and how many the study will have beside them."""
    runs = product(study.paper.rows, METRICS, [PIVOT, *study.tested])
    planned = [
        (method, task, metric, language, 0, 0.0)
        for method, (task, metric), language in runs
        if task in study.tasks and method in study.methods_of(task)
    ]
    results = pd.DataFrame(planned, columns=["method", "task", "metric", "language", "seed", "value"])
    published = paper_results()
    cells = beside_paper(results, published, study.paper)
    cells = cells[(cells["metric"] != "macro_f1") & (cells["runs"] > 0)]
    for model, printed in published[published["experiment"] == study.paper.experiment].groupby("model", sort=False):
        methods = [method for method, row in study.paper.rows.items() if row == model]
        by = [f"{(cells['method'] == method).sum()} by {method}" for method in methods]
        yield f"{study.paper.experiment}, {model}", f"{len(printed)} numbers", ", ".join(by) or "none"
