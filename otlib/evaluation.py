"""What alignment did to the space: retrieval, alignment error rate, isotropy; and intervals for every score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from otlib.corpora import GoldPair, ParallelText
from otlib.transport import transport_plan
from otlib.words import embed_corpus

Links = set[tuple[int, int]]


# --- word alignment --------------------------------------------------------------------------------------------------
def alignment_error_rate(
    predicted: Iterable[Links], sure: Iterable[Links], possible: Iterable[Links]
) -> float:
    """Alignment error rate over sentences (Och and Ney, 2003), from 0 (right) to 1.

    ``1 - (|A & S| + |A & P|) / (|A| + |S|)`` with the links of all sentences counted together; ``possible`` may leave
    out the sure links, which are possible too.

    Parameters
    ----------
    predicted, sure, possible : iterable of sets of (i, j)
        One set a sentence.

    Raises
    ------
    ValueError
        If the numbers of sentences differ, or there is neither a predicted nor a sure link.
    """
    right = right_sure = links = sure_links = 0
    for a, s, p in zip(predicted, sure, possible, strict=True):
        right_sure += len(a & s)
        right += len(a & (p | s))
        links += len(a)
        sure_links += len(s)
    if links + sure_links == 0:
        raise ValueError("the alignment error rate needs a predicted or a sure link, there is none")
    return 1 - (right_sure + right) / (links + sure_links)


def mutual_argmax(similarity: Tensor) -> Links:
    """Links (i, j) where each is the other's best in a matrix (n, m): a hard alignment of a plan or of cosines."""
    forth, back = similarity.argmax(1).tolist(), similarity.argmax(0).tolist()
    return {(i, j) for i, j in enumerate(forth) if back[j] == i}


def link_changes(
    gold: Sequence[GoldPair], before: Sequence[Links], after: Sequence[Links]
) -> tuple[Counter, Counter]:
    """Word pairs (English, other) of sure links that were ``won`` and ``lost`` between two hard alignments."""
    won: Counter[tuple[str, str]] = Counter()
    lost: Counter[tuple[str, str]] = Counter()
    for pair, old, new in zip(gold, before, after, strict=True):
        won.update((pair.en[i], pair.other[j]) for i, j in pair.sure & new - old)
        lost.update((pair.en[i], pair.other[j]) for i, j in pair.sure & old - new)
    return won, lost


# --- retrieval -------------------------------------------------------------------------------------------------------
def word_retrieval(en: Sequence[Tensor], other: Sequence[Tensor], gold: Sequence[GoldPair]) -> float:
    """Contextual word retrieval, per cent: is the nearest word, of all sentences, a gold translation in context?

    Parameters
    ----------
    en, other : sequence of Tensor, shape (n_i, d)
        Word vectors of each sentence pair.
    gold : sequence of GoldPair
        Words with a sure link are asked for, in both directions; the two rates are averaged.
    """
    rates = []
    for left, right, side in ((en, other, 0), (other, en, 1)):
        starts = np.cumsum([0, *(len(vectors) for vectors in right)])
        nearest = _cosine(torch.cat(list(left)), torch.cat(list(right))).argmax(1).tolist()
        hits = asked = place = 0
        for number, (vectors, pair) in enumerate(zip(left, gold, strict=True)):
            partners: dict[int, set[int]] = {}
            for link in pair.sure:
                partners.setdefault(link[side], set()).add(int(starts[number]) + link[1 - side])
            asked += len(partners)
            hits += sum(nearest[place + i] in found for i, found in partners.items() if i < len(vectors))
            place += len(vectors)
        rates.append(100 * hits / max(asked, 1))
    return float(np.mean(rates))


def sentence_retrieval(x: Tensor, y: Tensor) -> float:
    """Per cent of sentences (N, d) whose nearest sentence of the other side is the translation, of both directions.

    By cosine after each side's mean is taken off.
    """
    similarity = _cosine(x - x.mean(0), y - y.mean(0))
    right = torch.arange(len(x))
    found = [(similarity.argmax(side) == right).float().mean() for side in (0, 1)]
    return float(100 * torch.stack(found).mean())


def _cosine(x: Tensor, y: Tensor) -> Tensor:
    return torch.nn.functional.normalize(x, dim=-1) @ torch.nn.functional.normalize(y, dim=-1).T


# --- shape of the space ----------------------------------------------------------------------------------------------
def mean_cosine(vectors: Tensor) -> float:
    """Mean cosine of two different vectors (N, d): 0 for an isotropic space, 1 for a collapsed one."""
    unit = torch.nn.functional.normalize(vectors.double(), dim=-1)
    n = len(unit)
    return float((unit.sum(0).square().sum() - n) / (n * (n - 1)))


def effective_rank(vectors: Tensor) -> float:
    """Exponential of the entropy of the normalised singular values of centred vectors (Roy and Vetterli, 2007)."""
    values = torch.linalg.svdvals((vectors - vectors.mean(0)).double())
    share = values / values.sum()
    share = share[share > 0]
    return float((-(share * share.log()).sum()).exp())


def linear_cka(x: Tensor, y: Tensor) -> float:
    """Linear centred kernel alignment of two sets of vectors of the same items (Kornblith et al., 2019), 0 to 1."""
    x, y = ((z - z.mean(0)).double() for z in (x, y))
    return float((x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm()))


# --- a language pair -------------------------------------------------------------------------------------------------
def pair_scores(
    model,
    tokenizer,
    heldout: ParallelText,
    gold: Sequence[GoldPair] | None = None,
    *,
    layer: int = -1,
    pooling: str = "last",
    max_length: int = 128,
    **transport,
) -> pd.DataFrame:
    """Retrieval and word alignment of a language with English: columns ``task, metric, value``.

    Parameters
    ----------
    heldout : ParallelText
        For sentence retrieval.
    gold : sequence of GoldPair, optional
        For word retrieval and alignment error rates (in per cent) of the mutual argmax of the cosine and of the plan.
    **transport
        Cost, epsilon, solver of the plan; see :func:`otlib.transport.transport_plan`.
    """
    options = {"layer": layer, "pooling": pooling, "max_length": max_length}
    sides = [embed_corpus(model, tokenizer, side, **options) for side in (heldout.source, heldout.pivot)]
    sentences = [torch.stack([v[m].mean(0) for v, m in zip(*side, strict=True)]) for side in sides]
    rows = [
        ("retrieval", "accuracy", sentence_retrieval(*sentences)),
        ("space", "mean_cosine_en", mean_cosine(torch.cat(sides[1][0])[torch.cat(sides[1][1])])),
        ("space", "effective_rank_en", effective_rank(torch.cat(sides[1][0])[torch.cat(sides[1][1])])),
    ]
    if gold:
        en, _ = embed_corpus(model, tokenizer, [pair.en for pair in gold], **options)
        other, _ = embed_corpus(model, tokenizer, [pair.other for pair in gold], **options)
        rows.append(("word_retrieval", "accuracy", word_retrieval(en, other, gold)))
        cosine = [mutual_argmax(_cosine(x, y)) for x, y in zip(en, other, strict=True)]
        plans = [
            mutual_argmax(transport_plan(x[None], y[None], **transport)[0])
            for x, y in zip(en, other, strict=True)
        ]
        sure, possible = [pair.sure for pair in gold], [pair.possible for pair in gold]
        rows.append(("word_alignment", "aer", 100 * alignment_error_rate(plans, sure, possible)))
        rows.append(("word_alignment", "aer_cosine", 100 * alignment_error_rate(cosine, sure, possible)))
    return pd.DataFrame(rows, columns=["task", "metric", "value"])


# --- intervals -------------------------------------------------------------------------------------------------------
def bootstrap(
    scores: np.ndarray, *, samples: int = 2000, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile interval of the mean of ``scores`` (seeds, items), drawing seeds and items anew with replacement.

    For the difference of two methods on the same items, pass the differences: the bootstrap is then paired.
    """
    rng = np.random.default_rng(seed)
    seeds, items = scores.shape
    # Weights of the drawn seeds and items: the mean of a resample is a bilinear form in them.
    by_seed = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=samples) / seeds
    by_item = rng.multinomial(items, np.full(items, 1 / items), size=samples) / items
    means = np.einsum("bi,bi->b", by_seed @ scores, by_item)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def seed_interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Student interval of a mean over seeds; NaN where there is one seed only, which tells nothing."""
    from scipy import stats

    values = np.asarray(values, dtype=float)
    if len(values) < 2:
        return np.nan, np.nan
    if np.ptp(values) == 0:
        return float(values.mean()), float(values.mean())
    half = stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


ITEM_METRICS = {
    "nli": "accuracy",
    "qa": "f1",
}  # metrics that are means over items, whose predictions are kept


def summarise(
    results: pd.DataFrame, predictions: dict[str, pd.DataFrame] | None = None, *, baseline: str = "none"
) -> pd.DataFrame:
    """Mean over seeds of every method, task, metric and language, with 95 % intervals and the gain over ``baseline``.

    Parameters
    ----------
    results : DataFrame
        ``method, seed, task, language, metric, value``.
    predictions : dict of task to DataFrame, optional
        ``method, seed, language, item, score`` (per cent): their intervals come from a paired bootstrap over seeds and
        items; all other intervals are Student's over seeds.

    Returns
    -------
    DataFrame
        ``task, metric, language, method, value, low, high, gain, gain_low, gain_high, worse``. The language
        ``average`` is the mean over the languages beside English. ``worse``: the whole interval of the gain is on the
        wrong side of zero (above it for error rates).
    """
    averages = results[results["language"] != "en"]
    keys = ["method", "seed", "task", "metric"]
    averages = averages.groupby(keys, sort=False)["value"].mean().reset_index().assign(language="average")
    tables = {
        key: group.pivot_table(index="seed", columns="method", values="value", sort=False)
        for key, group in pd.concat([results, averages]).groupby(["task", "metric", "language"], sort=False)
    }
    rows = []
    for (task, metric, language), table in tables.items():
        items = None
        if predictions and ITEM_METRICS.get(task) == metric and task in predictions:
            items = _item_scores(predictions[task], language)
        for method in table.columns:
            rows.append(
                {"task": task, "metric": metric, "language": language, "method": method}
                | _summary(table, items, method, baseline, lower_is_better=metric.startswith("aer"))
            )
    return pd.DataFrame(rows)


def with_interval(table: pd.DataFrame, name: str = "value") -> pd.Series:
    """Text of each row's ``value`` (``"25.1 [24.0, 26.2]"``) or ``gain`` (signed); without an interval if NaN."""
    columns = ["value", "low", "high"] if name == "value" else [name, f"{name}_low", f"{name}_high"]
    text = table[columns].map(("{:.1f}" if name == "value" else "{:+.1f}").format)
    interval = " [" + text[columns[1]] + ", " + text[columns[2]] + "]"
    return text[columns[0]] + interval.where(table[columns[1]].notna(), "")


def contest(
    results: pd.DataFrame,
    predictions: dict[str, pd.DataFrame] | None = None,
    *,
    methods: Sequence[str],
    rivals: Sequence[str],
) -> pd.DataFrame:
    """Methods against rivals: rows of :func:`summarise` with the columns ``rival`` and ``verdict``.

    The gain is over the rival; the verdict is ``"better"`` or ``"worse"`` where its whole interval lies on one side
    of zero, else ``"no clear difference"``. Empty without methods or rivals.
    """
    tables = []
    for rival in rivals if len(methods) else []:
        table = summarise(results, predictions, baseline=rival)
        table = table[table["method"].isin(methods) & (table["method"] != rival) & table["gain"].notna()]
        lower_is_better = table["metric"].str.startswith("aer")
        better = np.where(lower_is_better, table["gain_high"] < 0, table["gain_low"] > 0)
        verdict = np.select([better, table["worse"]], ["better", "worse"], "no clear difference")
        tables.append(table.assign(rival=rival, verdict=verdict))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def _item_scores(predictions: pd.DataFrame, language: str) -> dict[str, np.ndarray]:
    """Scores (seeds, items) of each method; an item of the average is one in all languages beside English."""
    chosen = predictions["language"] != "en" if language == "average" else predictions["language"] == language
    table = predictions[chosen].pivot_table(
        index=["method", "seed"], columns="item", values="score", aggfunc="mean"
    )
    return {method: group.to_numpy() for method, group in table.groupby(level="method")}


def _summary(table, items, method: str, baseline: str, *, lower_is_better: bool) -> dict[str, float]:
    values = table[method].dropna()
    low, high = bootstrap(items[method]) if items else seed_interval(values)
    summary = {"value": values.mean(), "low": low, "high": high}
    if method == baseline or baseline not in table:
        return summary | {"gain": np.nan, "gain_low": np.nan, "gain_high": np.nan, "worse": False}
    both = table[[method, baseline]].dropna()
    gains = both[method] - both[baseline]
    paired = items and items[method].shape == items[baseline].shape
    low, high = bootstrap(items[method] - items[baseline]) if paired else seed_interval(gains)
    worse = low > 0 if lower_is_better else high < 0
    return summary | {"gain": gains.mean(), "gain_low": low, "gain_high": high, "worse": bool(worse)}
