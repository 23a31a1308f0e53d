"""Figures of methods against each other, by language, measure and seed."""

import math
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from otlib.analysis.figures.letters import as_written, in_legend
from otlib.analysis.figures.style import legend_beside, method_palette, new_axes_if_none
from otlib.analysis.statistics import AVERAGE, AVERAGE_UNSEEN, BASELINE, measure_name
from otlib.settings import PIVOT

DOTS = {"fmt": "o", "capsize": 2.5, "lw": 1.4}


@as_written
def seed_scores(results: pd.DataFrame, methods: Sequence[str], *, label: str, ax: Axes | None = None) -> Axes:
    """One measure (``method, seed, value``) for each method: a point a seed, a line at their mean."""
    ax = new_axes_if_none(ax, 4.6, 0.9 + 0.42 * len(methods))
    palette = method_palette(methods)
    present = [method for method in methods if method in set(results["method"])]
    for place, method in enumerate(present):
        values = results.loc[results["method"] == method, "value"]
        ax.scatter(values, np.full(len(values), place), color=[palette[method]], s=34, alpha=0.75, zorder=3)
        ax.plot([values.mean()] * 2, [place - 0.3, place + 0.3], color=palette[method], lw=2.5, zorder=2)
    ax.set(yticks=range(len(present)), yticklabels=present, xlabel=label, ylim=(len(present) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    return ax


@as_written
def method_scores(
    summary: pd.DataFrame, task: str, metric: str, methods: Sequence[str], *, ax: Axes | None = None
) -> Axes:
    """A measure by language and method, with intervals: rows of :func:`otlib.analysis.statistics.summarise`."""
    ax = new_axes_if_none(ax, 7, 3.4)
    table = _measure(summary, task, metric)
    languages = _language_order(table)
    for rows, places, look in _dodged(table, languages, methods):
        ax.errorbar(places, rows["value"], yerr=_bars(rows, "value", "low", "high"), **look)
    low, high = ax.get_ylim()
    if "%" in measure_name(task, metric):
        # Student's intervals over few seeds reach beyond what a score can be.
        ax.set_ylim(max(low, -2), min(high, 102))
    ax.set(xticks=range(len(languages)), xticklabels=languages, xlim=(-0.5, len(languages) - 0.5))
    ax.set_ylabel(measure_name(task, metric))
    _set_average_apart(ax.axvspan, languages)
    ax.grid(axis="x", visible=False)
    return legend_beside(ax)


@as_written
def gains(summary: pd.DataFrame, task: str, metric: str, methods: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Gain of each method over the baseline by language, with paired intervals, as a forest plot."""
    ax = new_axes_if_none(ax, 5.6, 3.8)
    table = _measure(summary, task, metric)
    languages = _language_order(table)
    for rows, places, look in _dodged(table, languages, [method for method in methods if method != BASELINE]):
        ax.errorbar(rows["gain"], places, xerr=_bars(rows, "gain", "gain_low", "gain_high"), **look)
    ax.axvline(0, color="0.2", lw=1)
    ax.set(yticks=range(len(languages)), yticklabels=languages, ylim=(len(languages) - 0.5, -0.5))
    ax.set_xlabel(f"{measure_name(task, metric).removesuffix(' (%)')}: points over {BASELINE}")
    _set_average_apart(ax.axhspan, languages)
    ax.grid(axis="y", visible=False)
    return legend_beside(ax)


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
        ax.errorbar(gains, np.arange(len(methods)), xerr=spans, **DOTS, ms=4.5)
        ax.axvline(0, color="0.2", lw=1)
        ax.set(yticks=range(len(methods)), yticklabels=methods, ylim=(len(methods) - 0.5, -0.5))
        ax.set_title(measure_name(task, metric).removesuffix(" (%)"), fontsize="medium")
    figure.supxlabel(f"points over {reference}", fontsize="medium")
    return grid


@as_written
def transfer_by_alignment(
    results: pd.DataFrame,
    alignment: tuple[str, str],
    transfer: tuple[str, str],
    methods: Sequence[str],
    *,
    ax: Axes | None = None,
) -> Axes:
    """A transfer score against an alignment score, each a (task, metric): a point a run and language."""
    ax = new_axes_if_none(ax, 5.6, 3.8)
    runs = ["method", "seed", "language"]
    x, y = (_measure(results, *measure).set_index(runs)["value"] for measure in (alignment, transfer))
    both = pd.concat({"alignment": x, "transfer": y}, axis=1, join="inner").reset_index()
    both = both[both["method"].isin(methods)]
    palette = {in_legend(method): colour for method, colour in method_palette(methods).items()}
    both = both.assign(method=both["method"].map(in_legend), language=both["language"].map(in_legend))
    hues = {"hue_order": [m for m in map(in_legend, methods) if m in set(both["method"])], "palette": palette}
    kinds = {"x": "alignment", "y": "transfer", "hue": "method", "style": "language"}
    sns.scatterplot(both, **kinds, **hues, s=55, alpha=0.85, ax=ax)
    ax.set(xlabel=measure_name(*alignment), ylabel=measure_name(*transfer))
    return legend_beside(ax)


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


def _dodged(table: pd.DataFrame, languages: Sequence[str], methods: Sequence[str]):
    """Each method's rows by language, their places beside those of the others, and how they are drawn."""
    step = min(0.16, 0.7 / max(len(methods), 1))
    palette = method_palette(methods)
    for number, method in enumerate(methods):
        rows = table[table["method"] == method].set_index("language").reindex(languages)
        places = np.arange(len(languages)) + step * (number - (len(methods) - 1) / 2)
        yield rows, places, {**DOTS, "ms": 5, "color": palette[method], "label": in_legend(method)}


def _bars(rows: pd.DataFrame, value: str, low: str, high: str) -> np.ndarray:
    """Lengths (2, languages) of error bars; rounding must not make one negative."""
    return np.maximum(np.stack([rows[value] - rows[low], rows[high] - rows[value]]), 0)


def _set_average_apart(span, languages: Sequence[str]):
    """Grey behind the average; ``span`` is the method of the axes that fills a stretch of the languages' axis."""
    if AVERAGE in languages:
        place = languages.index(AVERAGE)
        span(place - 0.5, place + 0.5, color="0.94", zorder=0)
