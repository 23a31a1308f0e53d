"""Means over seeds, intervals, gains over a baseline, and the verdicts that follow from them. Knows no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from otlib.settings import PIVOT, Finding, Paper

BASELINE = "none"  # the method that leaves the encoder as it was
AVERAGE = "average"  # stands for a language: over those with parallel text
AVERAGE_UNSEEN = "average_unseen"  # over those that are tested only
MEASURES = {  # how tables and figures call them, in their order
    ("nli", "accuracy"): "NLI accuracy (%)",
    ("nli", "macro_f1"): "NLI macro-F1 (%)",
    ("qa", "f1"): "QA F1 (%)",
    ("qa", "exact_match"): "QA exact match (%)",
    ("word_retrieval", "accuracy"): "word retrieval (%)",
    ("retrieval", "accuracy"): "sentence retrieval (%)",
    ("word_alignment", "aer"): "alignment error rate, plan (%)",
    ("word_alignment", "aer_cosine"): "alignment error rate, cosine (%)",
    ("space", "mean_cosine_en"): "mean cosine of English words",
    ("space", "effective_rank_en"): "effective rank, English words",
}
MAIN_METRIC = {  # the one by which findings about a task are judged
    "nli": "accuracy",
    "qa": "f1",
    "word_retrieval": "accuracy",
    "retrieval": "accuracy",
    "word_alignment": "aer",
}
ITEM_METRICS = (("nli", "accuracy"), ("qa", "f1"), ("qa", "exact_match"))  # means over items, whose scores are kept
LOWER_IS_BETTER = ("aer", "mean_cosine")  # how such metrics begin


def measure_name(task: str, metric: str) -> str:
    """The name of a measure in tables and figures."""
    return MEASURES.get((task, metric), f"{task} {metric}")


def measured(table: pd.DataFrame, among: Iterable[tuple[str, str]] = tuple(MEASURES)) -> list[tuple[str, str]]:
    """Those ``among`` the measures (task, metric) that a table has, in their order."""
    there = set(zip(table["task"], table["metric"], strict=True))
    return [measure for measure in among if measure in there]


# Intervals


def item_interval(scores: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the mean score of a method for other seeds and other test items of the same kind.

    Parameters
    ----------
    scores : ndarray, shape (seeds, items)
        Every seed's score of every item. For the difference of two methods on the same items, the differences: the
        interval is then paired.
    level : float
        How often such an interval contains the true mean.

    Returns
    -------
    low, high : float

    Notes
    -----
    Assumed is that a score is the true mean plus an effect of its seed, an effect of its item and a rest, all
    independent and about normal. The variance of the mean is then the variance of the seeds' means over their number,
    plus that of the items' means over theirs, less that of the rest, which both contain. The interval is Student's with
    the degrees of freedom of Satterthwaite (1946).

    Three seeds that differ leave about two degrees of freedom, and the interval is wide. It has to be: a bootstrap
    that resamples three seeds gives intervals of "95 %" that contain the true mean about 75 times in 100. With one
    seed the interval is that of the items alone and says nothing of other seeds; with one item it is
    :func:`seed_interval`.
    """
    seeds, items = scores.shape
    if items < 2:
        return seed_interval(scores.mean(1))
    mean, by_row, by_column = scores.mean(), scores.mean(1), scores.mean(0)
    of_items, freedom = by_column.var(ddof=1) / items, items - 1
    variance = of_items
    if seeds > 1:
        of_seeds = by_row.var(ddof=1) / seeds
        rest = scores - by_row[:, None] - by_column + mean
        shared = (rest**2).sum() / ((seeds - 1) * (items - 1) * scores.size)
        variance = max(of_seeds + of_items - shared, of_seeds, of_items)
        if variance > 0:
            freedom = variance**2 / (of_seeds**2 / (seeds - 1) + of_items**2 / (items - 1))
    half = stdtrit(freedom, (1 + level) / 2) * np.sqrt(variance)
    return float(mean - half), float(mean + half)


def seed_interval(values: np.ndarray, *, level: float = 0.95) -> tuple[float, float]:
    """Student interval of a mean over seeds; NaN for one seed, or copies of one number, which tell nothing."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or np.ptp(values) == 0:
        return np.nan, np.nan
    half = stdtrit(len(values) - 1, (1 + level) / 2) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def with_interval(table: pd.DataFrame, name: str = "value") -> pd.Series:
    """Text of each row's ``value`` (``"25.1 [24.0, 26.2]"``) or ``gain`` (signed), no interval if NaN."""
    columns = ["value", "low", "high"] if name == "value" else [name, f"{name}_low", f"{name}_high"]
    text = table[columns].map(("{:.1f}" if name == "value" else "{:+.1f}").format).astype(str)
    interval = " [" + text[columns[1]] + ", " + text[columns[2]] + "]"
    return text[columns[0]] + interval.where(table[columns[1]].notna(), "")


# The summary

SUMMARY = [
    *("task", "metric", "language", "method", "value", "low", "high"),
    *("gain", "gain_low", "gain_high", "seeds", "worse"),
]


def summarise(
    results: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame] | None = None,
    *,
    baseline: str = BASELINE,
    unseen: Sequence[str] = (),
) -> pd.DataFrame:
    """Mean over seeds of every method, task, metric and language, and the gain over ``baseline``.

    Parameters
    ----------
    results : DataFrame
        ``method, seed, task, language, metric, value``.
    predictions : mapping of task to DataFrame, optional
        ``method, seed, language, item`` and a column for each of their metrics (per cent): their intervals are those of
        :func:`item_interval`, all others of :func:`seed_interval`.

    Returns
    -------
    DataFrame
        ``task, metric, language, method, value, low, high, gain, gain_low, gain_high, seeds, worse``, with intervals
        of 95 %. Gains pair the seeds and items that both methods have; ``seeds`` counts them. The language
        ``average`` is the mean over the languages beside English and ``unseen``, ``average_unseen`` that over
        ``unseen`` ones, which had no parallel text. ``worse``: the whole interval of the gain is on the
        wrong side of zero (above it for error rates). One seed is never worse: another might be better.
    """
    keys = ["method", "seed", "task", "metric"]
    parts = [results]
    for average in (AVERAGE, AVERAGE_UNSEEN):
        chosen = results[_counts_for(average, results["language"], unseen)]
        parts.append(chosen.groupby(keys, sort=False)["value"].mean().reset_index().assign(language=average))
    groups = pd.concat(parts).groupby(["task", "metric", "language"], sort=False)
    rows = []
    for (task, metric, language), group in groups:
        by_seed = group.pivot_table(index="seed", columns="method", values="value", sort=False)
        by_item = {}
        if predictions and task in predictions and (task, metric) in ITEM_METRICS:
            by_item = _item_scores(predictions[task], metric, language, unseen)
        for method in by_seed.columns:
            rows.append(
                {"task": task, "metric": metric, "language": language, "method": method}
                | _mean(by_seed, by_item, method)
                | _paired_gain(by_seed, by_item, method, baseline, lower_is_better=metric.startswith(LOWER_IS_BETTER))
            )
    return pd.DataFrame(rows, columns=SUMMARY)


def _counts_for(language: str, languages: pd.Series, unseen: Sequence[str]) -> pd.Series:
    """Which rows count for a language, or for an average over languages."""
    if language == AVERAGE:
        return ~languages.isin([PIVOT, *unseen])
    return languages.isin(unseen) if language == AVERAGE_UNSEEN else languages == language


def _item_scores(
    predictions: pd.DataFrame, metric: str, language: str, unseen: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """Scores (seeds, items) of each method; an item of an average is its mean over the languages."""
    table = predictions[_counts_for(language, predictions["language"], unseen)].pivot_table(
        index=["method", "seed"], columns="item", values=metric
    )
    return {method: group.droplevel("method") for method, group in table.groupby(level="method")}


def _mean(by_seed: pd.DataFrame, by_item: Mapping[str, pd.DataFrame], method: str) -> dict[str, float]:
    """A method's mean over seeds, with the interval of its item scores where there are any."""
    values = by_seed[method].dropna()
    scores = by_item[method].dropna(axis=1) if method in by_item else pd.DataFrame()
    low, high = seed_interval(values) if scores.empty else item_interval(scores.to_numpy())
    return {"value": values.mean(), "low": low, "high": high}


def _paired_gain(
    by_seed: pd.DataFrame,
    by_item: Mapping[str, pd.DataFrame],
    method: str,
    baseline: str,
    *,
    lower_is_better: bool,
) -> dict[str, float]:
    """A method's mean gain over the baseline on the seeds and items that both have, NaN where there are none."""
    gain, low, high, seeds = np.nan, np.nan, np.nan, 0
    if method != baseline and baseline in by_seed:
        gains = (by_seed[method] - by_seed[baseline]).dropna()
        gain, seeds = gains.mean(), len(gains)
        differences = pd.DataFrame()
        if method in by_item and baseline in by_item:
            # Subtraction pairs by label: what only one of them has becomes missing.
            differences = (by_item[method] - by_item[baseline]).dropna(how="all").dropna(axis=1)
        if not differences.empty:
            low, high = item_interval(differences.to_numpy())
        else:
            low, high = seed_interval(gains)
    worse = seeds > 1 and bool(low > 0 if lower_is_better else high < 0)
    return {"gain": gain, "gain_low": low, "gain_high": high, "seeds": seeds, "worse": worse}


# Verdicts


def contest(
    results: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame] | None = None,
    *,
    methods: Sequence[str],
    rivals: Sequence[str],
    unseen: Sequence[str] = (),
) -> pd.DataFrame:
    """Methods against rivals: rows of :func:`summarise` with the columns ``rival`` and ``verdict``.

    The gain is over the rival; the verdict is ``"better"`` or ``"worse"`` where its whole interval lies on
    one side of zero, ``"unknown"`` where there is none or one seed only, else ``"no clear difference"``. No rows
    without methods or rivals.
    """
    tables = []
    for rival in rivals if len(methods) else []:
        table = summarise(results, predictions, baseline=rival, unseen=unseen)
        table = table[table["method"].isin(methods) & (table["method"] != rival) & table["gain"].notna()]
        lower_is_better = table["metric"].str.startswith(LOWER_IS_BETTER)
        better = np.where(lower_is_better, table["gain_high"] < 0, table["gain_low"] > 0)
        unknown = table["gain_low"].isna() | (table["seeds"] < 2)
        cases = {"unknown": unknown, "better": better, "worse": table["worse"]}
        verdict = np.select(list(cases.values()), list(cases), "no clear difference")
        tables.append(table.assign(rival=rival, verdict=verdict))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*SUMMARY, "rival", "verdict"])


def check_findings(
    results: pd.DataFrame, predictions: Mapping[str, pd.DataFrame] | None, findings: Sequence[Finding]
) -> pd.DataFrame:
    """What the paper found, beside what came out here.

    Parameters
    ----------
    results, predictions
        As for :func:`summarise`.
    findings : sequence of Finding
        See :class:`otlib.settings.Finding`. It expects ``"better"``, ``"worse"``, ``"no clear difference"``, or ``"as
        good"``: worse by less than ``within`` points.

    Returns
    -------
    DataFrame
        ``finding, method, against, task, gain, gain_low, gain_high, expected, found, outcome``: the paired gain on
        average over the languages with its interval of 95 %; ``found`` is the verdict of :func:`contest`, or
        ``"not run"``; the outcome is ``"holds"`` where the verdict is the expected one (or the whole interval is above
        the loss that ``"as good"`` allows), ``"does not hold"`` where it is another (below it), and ``"cannot tell"``
        where the interval does not decide, or nothing was run. That no difference is clear proves none: it is only
        ``"not contradicted"``.
    """
    rows = []
    for finding in findings:
        compared = _contest_of(finding, results, predictions or {}).set_index(["task", "metric"])
        for task, expected in finding.expects.items():
            row = {"finding": finding.says, "method": finding.method, "against": finding.against, "task": task}
            verdict, gain = "not run", {}
            if (task, MAIN_METRIC[task]) in compared.index:
                found = compared.loc[(task, MAIN_METRIC[task])]
                verdict, gain = found["verdict"], found[["gain", "gain_low", "gain_high"]].to_dict()
            if expected == "as good" and verdict not in ("not run", "unknown"):
                outcome = _as_good(task, gain, finding.within)
            else:
                outcome = _outcome(expected, verdict)
            rows.append({**row, **gain, "expected": expected, "found": verdict, "outcome": outcome})
    columns = ["finding", "method", "against", "task", "gain", "gain_low", "gain_high", "expected", "found", "outcome"]
    return pd.DataFrame(rows, columns=columns)


def _contest_of(finding: Finding, results: pd.DataFrame, predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A finding's two methods against each other, on average over the languages that it is about."""
    if finding.languages:
        results = results[results["language"].isin(finding.languages)]
        predictions = {task: table[table["language"].isin(finding.languages)] for task, table in predictions.items()}
    table = contest(results, predictions, methods=[finding.method], rivals=[finding.against])
    return table[table["language"] == AVERAGE]


def _outcome(expected: str, found: str) -> str:
    """What a verdict says of a finding that expects one."""
    if found in ("not run", "unknown"):
        return "cannot tell"
    if expected == found:
        return "not contradicted" if expected == "no clear difference" else "holds"
    return "cannot tell" if found == "no clear difference" else "does not hold"


def _as_good(task: str, gain: Mapping[str, float], within: float) -> str:
    """Whether the interval of the gain lies above a loss of ``within`` points."""
    low, high = gain["gain_low"], gain["gain_high"]
    if MAIN_METRIC[task].startswith(LOWER_IS_BETTER):
        low, high = -high, -low
    return "holds" if low > -within else "does not hold" if high < -within else "cannot tell"


# The paper

SEEN = (PIVOT, "bg", "de", "el", "es", "fr")  # English and the languages of the paper's WordOT
PRINTED = {("nli", "f1"): ("accuracy", "macro_f1")}  # our measures of what the paper calls otherwise


def beside_paper(results: pd.DataFrame, published: pd.DataFrame, paper: Paper) -> pd.DataFrame:
    """Our numbers beside the paper's, as far as there are runs.

    Parameters
    ----------
    results : DataFrame
        ``method, seed, task, language, metric, value``, of any part of the study.
    published : DataFrame
        The paper's numbers, from :func:`otlib.study.paper.paper_results`.
    paper : Paper
        The paper's table, and the row of it that each method stands for.

    Returns
    -------
    DataFrame
        ``task, metric, language, method, model, value, low, high, paper, difference, runs`` in the paper's order:
        mean over the seeds and Student's interval of it (95 %, NaN for one run), the paper's value, ours minus
        the paper's, and how many runs are in; NaN where there is none. An average counts the runs that have all
        of its languages. The paper's NLI F1 stands beside our accuracy and our macro-F1, for the paper does not
        say which it is.
    """
    tested = published[(published["experiment"] == "table2") & ~published["language"].str.startswith(AVERAGE)]
    table = published[published["experiment"] == paper.experiment]
    printed_values = table.set_index(["task", "metric", "language", "model"])["value"]
    compared = []
    for task, printed, language in table[["task", "metric", "language"]].drop_duplicates().itertuples(index=False):
        everywhere = tested.loc[tested["task"] == task, "language"].unique()
        averages = {"average_seen": [code for code in everywhere if code in SEEN], "average_all": [*everywhere]}
        for metric in PRINTED.get((task, printed), (printed,)):
            for method, model in paper.rows.items():
                if (task, printed, language, model) not in printed_values.index:
                    continue
                chosen = (results["method"] == method) & (results["task"] == task) & (results["metric"] == metric)
                values = _means_of(results[chosen], averages.get(language, [language]))
                low, high = seed_interval(values)
                theirs = printed_values[task, printed, language, model]
                row = (task, metric, language, method, model, values.mean(), low, high)
                compared.append((*row, theirs, values.mean() - theirs, len(values)))
    columns = ["task", "metric", "language", "method", "model", "value", "low", "high", "paper", "difference", "runs"]
    return pd.DataFrame(compared, columns=columns)


def _means_of(results: pd.DataFrame, languages: Sequence[str]) -> pd.Series:
    """Mean over the languages for each seed that has them all."""
    by_seed = results.pivot(index="seed", columns="language", values="value").reindex(columns=languages)
    return by_seed.dropna().mean(axis=1)
