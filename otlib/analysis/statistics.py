"""Means over seeds, intervals, gains over a baseline, and the verdicts that follow from them. Knows no torch."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from otlib.analysis.intervals import Estimate, holm, item_estimate, seed_estimate
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
    ("word_alignment", "aer_itermax"): "alignment error rate, itermax (%)",
    ("word_alignment", "null_f1"): "F1 of words without partner (%)",
    ("nli", "retrieval"): "sentence retrieval after NLI (%)",
    ("qa", "retrieval"): "sentence retrieval after QA (%)",
    ("space", "mean_cosine_en"): "mean cosine of English words",
    ("space", "effective_rank_en"): "effective rank, English words",
}
# The metric of a task by which findings about it are judged.
MAIN_METRIC = dict(nli="accuracy", qa="f1", word_retrieval="accuracy", retrieval="accuracy", word_alignment="aer")
SENTENCE_PARTS = {  # columns of what is counted in each sentence of a pair, each a share of the column with _of added
    "retrieval": {"accuracy": ["found"]},
    "word_retrieval": {"accuracy": ["forth", "back"]},
    "word_alignment": {name: [name] for name in ("aer", "aer_cosine", "aer_itermax", "null_f1")},
}
LOWER_IS_BETTER = ("aer", "mean_cosine")  # how the names of such metrics begin


def measure_name(task: str, metric: str) -> str:
    """The name of a measure in tables and figures."""
    return MEASURES.get((task, metric), f"{task} {metric}")


def measured(table: pd.DataFrame, among: Iterable[tuple[str, str]] = tuple(MEASURES)) -> list[tuple[str, str]]:
    """Those ``among`` the measures (task, metric) that a table has, in their order."""
    there = set(zip(table["task"], table["metric"], strict=True))
    return [measure for measure in among if measure in there]


def with_interval(table: pd.DataFrame, name: str = "value") -> pd.Series:
    """Text of each row's ``value`` (``"25.1 [24.0, 26.2]"``) or ``gain`` (signed), no interval if NaN."""
    columns = ["value", "low", "high"] if name == "value" else [name, f"{name}_low", f"{name}_high"]
    text = table[columns].map(("{:.1f}" if name == "value" else "{:+.1f}").format).astype(str)
    interval = " [" + text[columns[1]] + ", " + text[columns[2]] + "]"
    return text[columns[0]] + interval.where(table[columns[1]].notna(), "")


# The summary

SUMMARY = [
    *("task", "metric", "language", "method", "value", "low", "high"),
    *("gain", "gain_low", "gain_high", "seeds", "p"),
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
        ``method, seed, language, item`` and a column for each metric (per cent) whose mean over the items is its value:
        intervals of these metrics are those of :func:`otlib.analysis.intervals.item_estimate`, all others of
        ``seed_estimate`` there. Items with the same ``cluster`` (all differ if there is no such column) depend on one
        another, and count as one.

    Returns
    -------
    DataFrame
        ``task, metric, language, method, value, low, high, gain, gain_low, gain_high, seeds, p``, with intervals
        of 95 %. Gains pair the seeds and items that both methods have; ``seeds`` counts them, and ``p`` is the p-value
        of no gain, NaN for one seed: another might say otherwise. The language ``average`` is the mean over the
        languages beside English and ``unseen``, ``average_unseen`` that over ``unseen`` ones, which had no parallel
        text.
    """
    rows = []
    for *group, by_seed, by_item in _scores(results, predictions or {}, unseen):
        for method in by_seed.columns:
            mean, _ = _combined(by_seed, by_item, [(method, 1)])
            gain, seeds, p = (np.nan, np.nan, np.nan), 0, np.nan
            if method != baseline and baseline in by_seed:
                found, seeds = _combined(by_seed, by_item, [(method, 1), (baseline, -1)])
                gain, p = (found.mean, *found.interval), found.p if seeds > 1 else np.nan
            rows.append((*group, method, mean.mean, *mean.interval, *gain, seeds, p))
    return pd.DataFrame(rows, columns=SUMMARY)


def _scores(
    results: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame],
    unseen: Sequence[str] = (),
    languages: Sequence[str] | None = None,
) -> Iterator[tuple[str, str, str, pd.DataFrame, dict[str, pd.DataFrame]]]:
    """Task, metric and language, averages included, with scores (seeds, methods) and each method's (seeds, items).

    ``languages``: of these alone.
    """
    parts = [results]
    for average in (AVERAGE, AVERAGE_UNSEEN):
        chosen = results[_counts_for(average, results["language"], unseen)]
        means = chosen.groupby(["method", "seed", "task", "metric"], sort=False)["value"].mean()
        parts.append(means.reset_index().assign(language=average))
    table = pd.concat(parts)
    table = table[table["language"].isin(languages or table["language"])]
    for (task, metric, language), group in table.groupby(["task", "metric", "language"], sort=False):
        by_seed = group.pivot_table(index="seed", columns="method", values="value", sort=False)
        answers = predictions.get(task, NO_ITEMS)
        by_item = {}
        if metric in answers:
            by_item = _item_scores(answers[_counts_for(language, answers["language"], unseen)], metric)
        yield task, metric, language, by_seed, by_item


def _counts_for(language: str, languages: pd.Series, unseen: Sequence[str]) -> pd.Series:
    """Which rows count for a language, or for an average over languages."""
    if language == AVERAGE:
        return ~languages.isin([PIVOT, *unseen])
    return languages.isin(unseen) if language == AVERAGE_UNSEEN else languages == language


def _item_scores(predictions: pd.DataFrame, metric: str) -> dict[str, pd.DataFrame]:
    """Each method's scores (seeds, clusters of items), whose mean is that over the languages.

    A language's mean is a sum over its clusters by a number of items: see :func:`otlib.analysis.intervals.ratio_scores`
    for the score of a cluster, to which a cluster adds in every language that it has items in.
    """
    rows = predictions.dropna(subset=metric)
    if rows.empty:
        return {}
    by_language = rows.groupby(["method", "seed", "language"], sort=False)[metric]
    effect = (rows[metric] - by_language.transform("mean")) / by_language.transform("size")
    cluster = rows["cluster" if "cluster" in rows else "item"]
    effects = effect.groupby([rows["method"], rows["seed"], cluster]).sum().unstack()
    means = by_language.mean().groupby(level=["method", "seed"])
    scores = effects.mul(effects.notna().sum(axis=1) / means.size(), axis=0).add(means.mean(), axis=0)
    return {method: group.droplevel("method") for method, group in scores.groupby(level="method")}


def _combined(
    by_seed: pd.DataFrame, by_item: Mapping[str, pd.DataFrame], weights: Sequence[tuple[str, float]]
) -> tuple[Estimate, int]:
    """The estimate of a weighted sum of methods' means, paired by seed and item, and how many seeds it rests on."""
    values = sum(weight * by_seed[method] for method, weight in weights).dropna()
    # Sums pair by label: what only one of them has becomes missing.
    scores = sum(weight * by_item.get(method, NO_ITEMS) for method, weight in weights)
    scores = scores.dropna(how="all").dropna(axis=1)
    if scores.empty:
        return seed_estimate(values), len(values)
    return item_estimate(scores.to_numpy())._replace(mean=float(values.mean())), len(scores)


# Verdicts

SURE = 0.05  # a p-value below it, corrected for the comparisons beside it, makes a verdict


def contest(
    results: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame] | None = None,
    *,
    pairs: Sequence[tuple[str, str]],
    unseen: Sequence[str] = (),
) -> pd.DataFrame:
    """Methods against rivals: rows of :func:`summarise` with the columns ``rival``, ``p_holm`` and ``verdict``.

    ``pairs`` are methods, each with its rival, over which the gain is; intervals are of one comparison each. The
    verdict is ``"better"`` or ``"worse"`` where ``p_holm`` is below .05, ``"unknown"`` for one seed or where there is
    no interval, else ``"no clear difference"``. ``p_holm`` is corrected (:func:`otlib.analysis.intervals.holm`) for all
    comparisons of averages together, and for all of single languages together: give one call the pairs of a page.
    """
    tables = [pd.DataFrame(columns=[*SUMMARY, "rival"])][: not pairs]
    for rival in dict.fromkeys(rival for _, rival in pairs):
        table = summarise(results, predictions, baseline=rival, unseen=unseen).assign(rival=rival)
        methods = [method for method, other in pairs if other == rival]
        tables.append(table[table["method"].isin(methods) & table["gain"].notna()])
    table = pd.concat(tables, ignore_index=True)
    together = table["language"].isin([AVERAGE, AVERAGE_UNSEEN])
    p = table["p"].astype(float).groupby(together).transform(holm)
    gains = table["gain"].where(~table["metric"].str.startswith(LOWER_IS_BETTER), -table["gain"])
    verdicts = list(map(_verdict, gains, p))
    return table.assign(p_holm=p, verdict=pd.Series(verdicts, table.index, dtype=object))


def _verdict(gain: float, p: float) -> str:
    """What a gain in what is good and its p-value say."""
    if np.isnan(p):
        return "unknown"
    return "no clear difference" if p >= SURE else "better" if gain > 0 else "worse"


def check_findings(
    results: pd.DataFrame, predictions: Mapping[str, pd.DataFrame] | None, findings: Sequence[Finding]
) -> pd.DataFrame:
    """What the paper found, beside what came out here.

    Parameters are as for :func:`summarise`; findings are :class:`otlib.settings.Finding`.

    Returns
    -------
    DataFrame
        ``finding, method, against, task, expected, gain, gain_low, gain_high, effect, p_holm, found, outcome``: the
        paired gain on average over the languages with its interval of 95 %, which is of one comparison; ``found`` is
        ``"better"``, ``"worse"``, ``"no clear difference"``, ``"unknown"`` (one seed) or ``"not run"``, by a p-value
        that is corrected for all rows (:func:`otlib.analysis.intervals.holm`). The outcome is ``"holds"`` where this is
        as expected, ``"does not hold"`` where it is another, and ``"cannot tell"`` where no difference is clear, or
        nothing was run. That no difference is clear proves none: where none is expected, this is only ``"not
        contradicted"``.

    Notes
    -----
    ``"as good"`` is about the effect that there is to lose, the gain of ``against`` over the finding's ``over``. What
    is tested is the sum of the gain over ``against`` and the share ``within`` of the effect, on the same seeds and
    items, so that the error of the effect counts: clearly above zero it is ``"as good"``, clearly below ``"worse"``.
    Where the effect itself is not clearly above zero, nothing is there to lose, and ``found`` is ``"no clear effect"``.
    """
    rows, predictions = [], predictions or {}
    judged = results[results["task"].map(MAIN_METRIC) == results["metric"]]
    for finding in findings:
        answers = {task: _about(finding, predictions[task]) for task in finding.expects.keys() & predictions.keys()}
        scores = {group[0]: group[3:] for group in _scores(_about(finding, judged), answers, languages=[AVERAGE])}
        for task, expected in finding.expects.items():
            found = _test(finding, expected, task, *scores.get(task, (NO_ITEMS, {})))
            rows.append((finding.says, finding.method, finding.against, task, expected, *found))
    columns = ["finding", "method", "against", "task", "expected"]
    table = pd.DataFrame(rows, columns=[*columns, "gain", "gain_low", "gain_high", "effect", "p_holm", "found"])
    table["p_holm"] = holm(table["p_holm"])
    table.loc[(table["p_holm"] >= SURE) & (table["found"] != "no clear effect"), "found"] = "no clear difference"
    return table.assign(outcome=list(map(_outcome, table["expected"], table["found"])))


def _about(finding: Finding, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a finding's methods and languages."""
    rows = table["method"].isin([finding.method, finding.against, finding.over])
    return table[rows & table["language"].isin(finding.languages)] if finding.languages else table[rows]


def _test(
    finding: Finding, expected: str, task: str, by_seed: pd.DataFrame, by_item: Mapping[str, pd.DataFrame]
) -> tuple[float, float, float, float, float, str]:
    """Gain, low, high and effect of a finding, with the p-value and the verdict of this comparison alone."""
    method, against, over, share = finding.method, finding.against, finding.over, finding.within
    as_good = expected == "as good"
    if not {method, against, *[over] * as_good} <= set(by_seed):
        return *[np.nan] * 5, "not run"
    gain, seeds = _combined(by_seed, by_item, [(method, 1), (against, -1)])
    sign, effect, tested = -1 if MAIN_METRIC[task].startswith(LOWER_IS_BETTER) else 1, np.nan, [gain]
    if as_good:
        to_lose, _ = _combined(by_seed, by_item, [(against, 1), (over, -1)])
        kept, seeds = _combined(by_seed, by_item, [(method, 1), (against, share - 1), (over, -share)])
        effect, tested = to_lose.mean, [to_lose, kept]
    p = np.max([one.p for one in tested]) if seeds > 1 else np.nan  # of "as good", both must be clear
    verdict = "worse" if sign * tested[-1].mean < 0 else expected if as_good else "better"
    if as_good and seeds > 1 and (to_lose.p >= SURE or sign * effect <= 0):
        p, verdict = 1.0, "no clear effect"
    return gain.mean, *gain.interval, effect, p, "unknown" if np.isnan(p) else verdict


def _outcome(expected: str, found: str) -> str:
    """What a verdict says of a finding."""
    if found in ("not run", "unknown", "no clear effect"):
        return "cannot tell"
    if expected == found:
        return "not contradicted" if expected == "no clear difference" else "holds"
    return "cannot tell" if found == "no clear difference" else "does not hold"


# The paper

SEEN = (PIVOT, "bg", "de", "el", "es", "fr")  # English and the languages of the paper's WordOT
PRINTED = {("nli", "f1"): ("accuracy", "macro_f1")}  # our measures of what the paper calls otherwise


def beside_paper(
    results: pd.DataFrame,
    published: pd.DataFrame,
    paper: Paper,
    predictions: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Our numbers beside the paper's, as far as there are runs.

    ``results`` and ``predictions`` are as for :func:`summarise`, of any part of the study; ``published`` is
    :func:`otlib.study.paper.paper_results`.

    Returns
    -------
    DataFrame
        ``task, metric, language, method, model, value, low, high, paper, difference, runs`` in the paper's order:
        mean over the seeds and its interval as of :func:`summarise`, the paper's value, ours minus the paper's,
        and how many runs are in; NaN where there is none. An average counts the runs that have all
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
                answers, by_item = (predictions or {}).get(task, NO_ITEMS), {}
                if metric in answers:
                    counted = (answers["method"] == method) & answers["language"].isin(languages)
                    by_item = _item_scores(answers[counted & answers["seed"].isin(values.index)], metric)
                ours, _ = _combined(values.to_frame(method), by_item, [(method, 1)])
                found = (ours.mean, *ours.interval, theirs, ours.mean - theirs, len(values))
                rows.append((task, metric, language, method, model, *found))
    columns = ["task", "metric", "language", "method", "model", "value", "low", "high", "paper", "difference", "runs"]
    return pd.DataFrame(rows, columns=columns)
