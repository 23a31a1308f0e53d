"""Figures of methods against each other, by language, measure and seed."""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from otlib.analysis.figures.alt import described, number
from otlib.analysis.figures.letters import as_written, in_legend
from otlib.analysis.figures.style import legend_above, method_markers, method_palette, new_axes_if_none
from otlib.analysis.statistics import AVERAGE, AVERAGE_UNSEEN, BASELINE, measure_name, with_interval
from otlib.settings import PIVOT

DOTS = {"ls": "none", "capsize": 2.5, "lw": 1.4}
IN_WORDS = 5  # languages at most whose numbers are all told; of more, English and the averages


@as_written
def seed_scores(results: pd.DataFrame, methods: Sequence[str], *, label: str, ax: Axes | None = None) -> Axes:
    """One measure (``method, seed, value``) for each method: a point a seed, a line at their mean."""
    ax = new_axes_if_none(ax, 4.6, 0.9 + 0.42 * len(methods))
    palette, markers, said = method_palette(methods), method_markers(methods), []
    present = [method for method in methods if method in set(results["method"])]
    for place, method in enumerate(present):
        values = results.loc[results["method"] == method, "value"]
        look = {"color": [palette[method]], "marker": markers[method], "s": 34, "alpha": 0.75, "zorder": 3}
        ax.scatter(values, np.full(len(values), place), **look)
        said.append(f"{method} {number(values.mean())} ({number(values.min())} to {number(values.max())})")
        ax.plot([values.mean()] * 2, [place - 0.3, place + 0.3], color=palette[method], lw=2.5, zorder=2)
    ax.set(yticks=range(len(present)), yticklabels=present, xlabel=label, ylim=(len(present) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    return described(ax, f"{label} of every seed; means and ranges: {'; '.join(said)}.")


@as_written
def method_scores(
    summary: pd.DataFrame, task: str, metric: str, methods: Sequence[str], *, ax: Axes | None = None
) -> Axes:
    """A measure by language and method, with intervals: rows of :func:`otlib.analysis.statistics.summarise`."""
    table = _measure(summary, task, metric)
    languages = _language_order(table)
    ax = new_axes_if_none(ax, max(4.8, 0.9 + 0.5 * len(languages)), 3.5)
    for rows, places, look in _dodged(table, languages, methods, method_palette(methods), method_markers(methods)):
        ax.errorbar(places, rows["value"], yerr=_bars(rows, "value", "low", "high"), **look)
    low, high = ax.get_ylim()
    if "%" in measure_name(task, metric):
        # Student's intervals over few seeds reach beyond what a score can be.
        ax.set_ylim(max(low, -2), min(high, 102))
    ax.set(xticks=range(len(languages)), xticklabels=languages, xlim=(-0.5, len(languages) - 0.5))
    ax.set_ylabel(measure_name(task, metric))
    _set_average_apart(ax.axvspan, languages)
    ax.grid(axis="x", visible=False)
    said = _scores_in_words(table, languages, methods, "value")
    return described(legend_above(ax), f"{measure_name(task, metric)} with 95 % intervals: {said}.")


@as_written
def gains(summary: pd.DataFrame, task: str, metric: str, methods: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Gain of each method over the baseline by language, with paired intervals, as a forest plot."""
    table = _measure(summary, task, metric)
    languages, others = _language_order(table), [method for method in methods if method != BASELINE]
    ax = new_axes_if_none(ax, 4.8, max(3.8, 0.9 + 0.55 * len(languages)))
    for rows, places, look in _dodged(table, languages, others, method_palette(methods), method_markers(methods)):
        ax.errorbar(rows["gain"], places, xerr=_bars(rows, "gain", "gain_low", "gain_high"), **look)
    ax.axvline(0, color="0.2", lw=1)
    ax.set(yticks=range(len(languages)), yticklabels=languages, ylim=(len(languages) - 0.5, -0.5))
    ax.set_xlabel(f"{measure_name(task, metric).removesuffix(' (%)')}: points over {BASELINE}")
    _set_average_apart(ax.axhspan, languages)
    ax.grid(axis="y", visible=False)
    said = _scores_in_words(table, languages, others, "gain")
    name = f"Points of {measure_name(task, metric)} over {BASELINE}"
    return described(legend_above(ax), f"{name} with 95 % intervals: {said}.")


@as_written
def scoreboard(
    summary: pd.DataFrame, measures: Sequence[tuple[str, str]], methods: Sequence[str], *, draw=method_scores
) -> np.ndarray:
    """A panel for each (task, metric), drawn by :func:`method_scores` or :func:`gains`, with one legend."""
    down, across = math.ceil(len(measures) / 2), min(2, len(measures))
    size = (1.2 + 5.8 * across, 3.1 * down)
    figure, grid = plt.subplots(down, across, figsize=size, layout="constrained", squeeze=False)
    for ax, measure in zip(grid.flat, measures, strict=False):
        draw(summary, *measure, methods, ax=ax)
        handles, labels = ax.get_legend_handles_labels()
        ax.get_legend().remove()
    for ax in grid.flat[len(measures) :]:
        ax.set_axis_off()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), frameon=False)
    return grid


@as_written
def variants(
    summary: pd.DataFrame, measures: Sequence[tuple[str, str]], methods: Sequence[str], *, reference: str
) -> np.ndarray:
    """Gain of each method over a reference, on average over the languages: a column a (task, metric), a row a method.

    ``summary`` holds gains over the reference: ``summarise(..., baseline=reference)``.
    """
    size = (1.8 + 2.6 * len(measures), 0.9 + 0.28 * len(methods))
    figure, grid = plt.subplots(1, len(measures), figsize=size, sharey=True, layout="constrained", squeeze=False)
    for ax, (task, metric) in zip(grid.flat, measures, strict=True):
        table = _measure(summary, task, metric)
        rows = table[table["language"] == AVERAGE].set_index("method").reindex(methods)
        gains = rows["gain"].where(rows.index != reference, 0.0)
        spans = _bars(rows.assign(gain=gains), "gain", "gain_low", "gain_high")
        ax.errorbar(gains, np.arange(len(methods)), xerr=spans, **DOTS, marker="o", ms=4.5)
        ax.axvline(0, color="0.2", lw=1)
        ax.set(yticks=range(len(methods)), yticklabels=methods, ylim=(len(methods) - 0.5, -0.5))
        ax.set_title(measure_name(task, metric).removesuffix(" (%)"), fontsize="medium")
        said = with_interval(rows.loc[rows.index != reference].dropna(subset="gain"), "gain")
        described(ax, f"points over {reference}, on average, with 95 % intervals: {_named(said)}.")
    figure.supxlabel(f"points over {reference}", fontsize="medium")
    return grid


@as_written
def transfer_by_alignment(
    results: pd.DataFrame,
    alignment: tuple[str, str],
    transfer: tuple[str, str],
    methods: Sequence[str],
    *,
    language: str,
    ax: Axes | None = None,
) -> Axes:
    """A transfer score against an alignment score, each a (task, metric), in one language: a point a run."""
    ax = new_axes_if_none(ax, 4.4, 3.6)
    runs = ["method", "seed", "language"]
    x, y = (_measure(results, *measure).set_index(runs)["value"] for measure in (alignment, transfer))
    both = pd.concat({"alignment": x, "transfer": y}, axis=1, join="inner").reset_index()
    both = both[both["language"] == language]
    palette, markers, said = method_palette(methods), method_markers(methods), {}
    for method in [method for method in methods if method in set(both["method"])]:
        points = both[both["method"] == method]
        look = {"color": [palette[method]], "marker": markers[method], "label": in_legend(method)}
        ax.scatter(points["alignment"], points["transfer"], s=45, alpha=0.85, **look)
        said[method] = f"at {number(points['alignment'].mean())}, {number(points['transfer'].mean())}"
    ax.set(xlabel=f"{measure_name(*alignment)}, {language}", ylabel=measure_name(*transfer))
    names = f"{language}: {measure_name(*transfer)} (up) against {measure_name(*alignment)} (right)"
    return described(legend_above(ax), f"{names}, means of the seeds: {_named(said)}.")


def _measure(table: pd.DataFrame, task: str, metric: str) -> pd.DataFrame:
    """The rows of one measure."""
    rows = table[(table["task"] == task) & (table["metric"] == metric)]
    if rows.empty:
        raise ValueError(f"there is no {metric} of the task {task} to draw")
    return rows


def _language_order(table: pd.DataFrame) -> list[str]:
    """English first, averages last, the others as they come."""
    rank = {PIVOT: -1, AVERAGE: 1, AVERAGE_UNSEEN: 2}
    return sorted(table["language"].unique(), key=lambda language: rank.get(language, 0))


def _named(texts) -> str:
    """Names with what is said of them."""
    return ", ".join(f"{name} {text}" for name, text in texts.items())


def _scores_in_words(table: pd.DataFrame, languages: Sequence[str], methods: Sequence[str], name: str) -> str:
    """Each method's value or gain with its interval, language by language; of many, English and the averages alone."""
    few = len(languages) <= IN_WORDS
    told = [language for language in languages if few or language in (PIVOT, AVERAGE, AVERAGE_UNSEEN)]
    texts = table.assign(text=with_interval(table, name)).dropna(subset=name).set_index(["language", "method"])["text"]
    said = {
        language: _named({method: texts[language, method] for method in methods if (language, method) in texts.index})
        for language in told
    }
    others = f"; {len(languages) - len(told)} other languages are drawn" if len(told) < len(languages) else ""
    return "; ".join(f"{language}: {text}" for language, text in said.items() if text) + others


def _dodged(
    table: pd.DataFrame,
    languages: Sequence[str],
    methods: Sequence[str],
    palette: Mapping[str, tuple | str],
    markers: Mapping[str, str],
):
    """Each method's rows by language, their places beside those of the others, and how they are drawn."""
    step = min(0.16, 0.7 / max(len(methods), 1))
    for place, method in enumerate(methods):
        rows = table[table["method"] == method].set_index("language").reindex(languages)
        places = np.arange(len(languages)) + step * (place - (len(methods) - 1) / 2)
        yield (
            rows,
            places,
            {**DOTS, "ms": 5, "color": palette[method], "marker": markers[method], "label": in_legend(method)},
        )


def _bars(rows: pd.DataFrame, value: str, low: str, high: str) -> np.ndarray:
    """Lengths (2, languages) of error bars; rounding must not make one negative."""
    return np.maximum(np.stack([rows[value] - rows[low], rows[high] - rows[value]]), 0)


def _set_average_apart(span, languages: Sequence[str]):
    """Grey behind the average; ``span`` is the method of the axes that fills a stretch of the languages' axis."""
    if AVERAGE in languages:
        place = languages.index(AVERAGE)
        span(place - 0.5, place + 0.5, color="0.94", zorder=0)
