"""Means over seeds, intervals, gains over a baseline, and the verdicts that follow from them. Knows no torch."""

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
# The metric of a task by which findings about it are judged.
MAIN_METRIC = dict(nli="accuracy", qa="f1", word_retrieval="accuracy", retrieval="accuracy", word_alignment="aer")
ITEM_METRICS = (("nli", "accuracy"), ("qa", "f1"), ("qa", "exact_match"))  # means over items, whose scores are kept
LOWER_IS_BETTER = ("aer", "mean_cosine")  # how the names of such metrics begin


def measure_name(task: str, metric: str) -> str:
    """The name of a measure in tables and figures."""
    return MEASURES.get((task, metric), f"{task} {metric}")


def measured(table: pd.DataFrame, among: Iterable[tuple[str, str]] = tuple(MEASURES)) -> list[tuple[str, str]]:
    """Those ``among`` the measures (task, metric) that a table has, in their order."""
    there = set(zip(table["task"], table["metric"], strict=True))
    return [measure for measure in among if measure in there]


# Intervals


def item_interval(scores: np.ndarray) -> tuple[float, float]:
    """95 % interval (low, high) of a method's mean score, for other seeds and other test items of the same kind.

    Parameters
    ----------
    scores : ndarray, shape (seeds, items)
        Every seed's score of every item. For the difference of two methods on the same items, the differences: the
        interval is then paired.

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
    variance = of_items = by_column.var(ddof=1) / items
    freedom = items - 1
    if seeds > 1:
        of_seeds = by_row.var(ddof=1) / seeds
        rest = scores - by_row[:, None] - by_column + mean
        shared = (rest**2).sum() / ((seeds - 1) * (items - 1) * scores.size)
        variance = max(of_seeds + of_items - shared, of_seeds, of_items)
        if variance > 0:
            freedom = variance**2 / (of_seeds**2 / (seeds - 1) + of_items**2 / (items - 1))
    half = stdtrit(freedom, 0.975) * np.sqrt(variance)
    return float(mean - half), float(mean + half)


def seed_interval(values: np.ndarray) -> tuple[float, float]:
    """Student's 95 % interval of a mean over seeds; NaN for one seed, or copies of one number, which tell nothing."""
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or np.ptp(values) == 0:
        return np.nan, np.nan
    half = stdtrit(len(values) - 1, 0.975) * values.std(ddof=1) / np.sqrt(len(values))
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
NO_ITEMS = pd.DataFrame()  # scores (seeds, items) where there are none


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
    parts = [results]
    for average in (AVERAGE, AVERAGE_UNSEEN):
        chosen = results[_counts_for(average, results["language"], unseen)]
        means = chosen.groupby(["method", "seed", "task", "metric"], sort=False)["value"].mean()
        parts.append(means.reset_index().assign(language=average))
    rows = []
    for (task, metric, language), group in pd.concat(parts).groupby(["task", "metric", "language"], sort=False):
        by_seed = group.pivot_table(index="seed", columns="method", values="value", sort=False)
        by_item = {}
        if predictions and task in predictions and (task, metric) in ITEM_METRICS:
            by_item = _item_scores(predictions[task], metric, language, unseen)
        for method in by_seed.columns:
            mean = _mean(by_seed[method].dropna(), by_item.get(method, NO_ITEMS).dropna(axis=1))
            gain, seeds = (np.nan, np.nan, np.nan), 0
            if method != baseline and baseline in by_seed:
                gains = (by_seed[method] - by_seed[baseline]).dropna()
                # Subtraction pairs by label: what only one of them has becomes missing.
                by_label = by_item.get(method, NO_ITEMS) - by_item.get(baseline, NO_ITEMS)
                gain, seeds = _mean(gains, by_label.dropna(how="all").dropna(axis=1)), len(gains)
            _, low, high = gain
            worse = seeds > 1 and bool(low > 0 if metric.startswith(LOWER_IS_BETTER) else high < 0)
            rows.append((task, metric, language, method, *mean, *gain, seeds, worse))
    return pd.DataFrame(rows, columns=SUMMARY)


def _counts_for(language: str, languages: pd.Series, unseen: Sequence[str]) -> pd.Series:
    """Which rows count for a language, or for an average over languages."""
    if language == AVERAGE:
        return ~languages.isin([PIVOT, *unseen])
    return languages.isin(unseen) if language == AVERAGE_UNSEEN else languages == language


def _item_scores(predictions: pd.DataFrame, metric: str, language: str, unseen: Sequence[str]):
    """Scores (seeds, items) of each method; an item of an average is its mean over the languages."""
    chosen = predictions[_counts_for(language, predictions["language"], unseen)]
    table = chosen.pivot_table(index=["method", "seed"], columns="item", values=metric)
    return {method: group.droplevel("method") for method, group in table.groupby(level="method")}


def _mean(by_seed: pd.Series, by_item: pd.DataFrame) -> tuple[float, float, float]:
    """The mean over seeds, and its interval: of the item scores (seeds, items) where there are any."""
    return by_seed.mean(), *(seed_interval(by_seed) if by_item.empty else item_interval(by_item.to_numpy()))


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
        verdict = np.select([unknown, better, table["worse"]], ["unknown", "better", "worse"], "no clear difference")
        tables.append(table.assign(rival=rival, verdict=verdict))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=[*SUMMARY, "rival", "verdict"])


def check_findings(
    results: pd.DataFrame, predictions: Mapping[str, pd.DataFrame] | None, findings: Sequence[Finding]
) -> pd.DataFrame:
    """What the paper found, beside what came out here.

    Parameters are as for :func:`summarise`; findings are :class:`otlib.settings.Finding`.

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
            metric = MAIN_METRIC[task]
            gain, found = [np.nan] * 3, "not run"
            if (task, metric) in compared.index:
                *gain, found = compared.loc[(task, metric), ["gain", "gain_low", "gain_high", "verdict"]]
            _, low, high = gain
            if metric.startswith(LOWER_IS_BETTER):
                low, high = -high, -low
            outcome = _outcome(expected, found, low, high, finding.within)
            rows.append((finding.says, finding.method, finding.against, task, *gain, expected, found, outcome))
    columns = ["finding", "method", "against", "task", "gain", "gain_low", "gain_high", "expected", "found", "outcome"]
    return pd.DataFrame(rows, columns=columns)


def _contest_of(finding: Finding, results: pd.DataFrame, predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """A finding's two methods against each other, on average over the languages that it is about."""
    if finding.languages:
        results = results[results["language"].isin(finding.languages)]
        predictions = {task: table[table["language"].isin(finding.languages)] for task, table in predictions.items()}
    table = contest(results, predictions, methods=[finding.method], rivals=[finding.against])
    return table[table["language"] == AVERAGE]


def _outcome(expected: str, found: str, low: float, high: float, within: float) -> str:
    """What a verdict, and the interval of the gain in what is good, say of a finding."""
    if found in ("not run", "unknown"):
        return "cannot tell"
    if expected == "as good":
        return "holds" if low > -within else "does not hold" if high < -within else "cannot tell"
    if expected == found:
        return "not contradicted" if expected == "no clear difference" else "holds"
    return "cannot tell" if found == "no clear difference" else "does not hold"


# The paper

SEEN = (PIVOT, "bg", "de", "el", "es", "fr")  # English and the languages of the paper's WordOT
PRINTED = {("nli", "f1"): ("accuracy", "macro_f1")}  # our measures of what the paper calls otherwise


def beside_paper(results: pd.DataFrame, published: pd.DataFrame, paper: Paper) -> pd.DataFrame:
    """Our numbers beside the paper's, as far as there are runs.

    ``results`` are as for :func:`summarise`, of any part of the study; ``published`` is
    :func:`otlib.study.paper.paper_results`.

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
    rows = []
    for task, printed, language in table[["task", "metric", "language"]].drop_duplicates().itertuples(index=False):
        everywhere = list(tested.loc[tested["task"] == task, "language"].unique())
        averages = {"average_seen": [code for code in everywhere if code in SEEN], "average_all": everywhere}
        languages = averages.get(language, [language])
        for metric in PRINTED.get((task, printed), (printed,)):
            for method, model in paper.rows.items():
                if (task, printed, language, model) not in printed_values.index:
                    continue
                chosen = (results["method"] == method) & (results["task"] == task) & (results["metric"] == metric)
                by_seed = results[chosen].pivot(index="seed", columns="language", values="value")
                values = by_seed.reindex(columns=languages).dropna().mean(axis=1)
                theirs = printed_values[task, printed, language, model]
                ours = (values.mean(), *seed_interval(values))
                rows.append((task, metric, language, method, model, *ours, theirs, ours[0] - theirs, len(values)))
    columns = ["task", "metric", "language", "method", "model", "value", "low", "high", "paper", "difference", "runs"]
    return pd.DataFrame(rows, columns=columns)
