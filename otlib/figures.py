"""Every plot of the study, one function a figure: data in, drawn on ``ax`` (a new one if None), Axes out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from otlib.corpora import GoldPair
from otlib.parameters import PIVOT

Links = Iterable[tuple[int, int]]

BASELINE = "none"
AVERAGE = "average"
GREY = "0.55"
SOURCE_COLOUR, PIVOT_COLOUR = sns.color_palette("colorblind")[1], sns.color_palette("colorblind")[0]
MEASURES = {
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


# --- look ---------------------------------------------------------------------------------------------------


def use_style():
    """Set the look of all figures; the font, which comes with matplotlib, has Greek and Cyrillic letters."""
    settings = {
        "font.family": "DejaVu Sans",
        "figure.dpi": 110,
        "savefig.dpi": 200,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        # Equal figures are equal files.
        "svg.hashsalt": "otlib",
    }
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.85, rc=settings)


def method_palette(methods: Sequence[str]) -> dict[str, tuple | str]:
    """A colour for each of a study's methods, by its place among them; the baseline is grey."""
    others = [method for method in methods if method != BASELINE]
    colours = sns.color_palette("colorblind" if len(others) <= 10 else "husl", len(others))
    return {BASELINE: GREY, **dict(zip(others, colours, strict=True))}


def save(figure: Figure | Axes, folder: str | Path, name: str) -> list[Path]:
    """Write a figure as ``<name>.png`` and ``<name>.svg``, each whole or not at all."""
    figure = figure if isinstance(figure, Figure) else figure.get_figure()
    Path(folder).mkdir(parents=True, exist_ok=True)
    written = []
    for kind, metadata in (("png", {}), ("svg", {"Date": None})):
        final = Path(folder, f"{name}.{kind}")
        unfinished = final.with_name(final.name + ".tmp")
        figure.savefig(unfinished, format=kind, metadata=metadata, bbox_inches="tight")
        os.replace(unfinished, final)
        written.append(final)
    return written


def _axes(ax: Axes | None, width: float, height: float) -> Axes:
    return plt.subplots(figsize=(width, height), layout="constrained")[1] if ax is None else ax


# --- words as points in the plane ---------------------------------------------------------------------------


def word_points(x, y, x_words: Sequence[str], y_words: Sequence[str], *, plan=None, ax: Axes | None = None) -> Axes:
    """Two sentences as points (n, 2), (m, 2); with a ``plan`` (n, m), lines as wide as the mass they move."""
    ax = _axes(ax, 6.5, 4.2)
    x, y = np.asarray(x), np.asarray(y)
    if plan is not None:
        plan = np.asarray(plan)
        for i, j in zip(*np.nonzero(plan > 1e-3 * plan.max()), strict=True):
            strength = plan[i, j] / plan.max()
            ax.plot(
                *zip(x[i], y[j], strict=True),
                color="0.4",
                lw=6 * strength,
                alpha=0.15 + 0.4 * strength,
                zorder=1,
            )
    _labelled_points(ax, x, x_words, SOURCE_COLOUR, "source")
    _labelled_points(ax, y, y_words, PIVOT_COLOUR, "pivot (English)")
    return _plane(ax)


def word_pulls(x, y, x_words: Sequence[str], y_words: Sequence[str], pulls, *, ax: Axes | None = None) -> Axes:
    """Two sentences as points, and an arrow ``pulls[i]`` (n, 2) from each source word."""
    ax = _axes(ax, 6.5, 4.2)
    x, pulls = np.asarray(x), np.asarray(pulls)
    arrows = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.006}
    ax.quiver(*x.T, *pulls.T, color=SOURCE_COLOUR, zorder=2, **arrows)
    ends = x + pulls
    ax.plot(*ends.T, ls="none")  # an arrow's end counts for the limits of the axes
    _labelled_points(ax, x, x_words, SOURCE_COLOUR, "source")
    _labelled_points(ax, y, y_words, PIVOT_COLOUR, "pivot (English)")
    return _plane(ax)


def word_paths(paths, y, x_words: Sequence[str], y_words: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """The way of each source word, ``paths`` (steps, n, 2), through the plane; its word stands at the end."""
    ax = _axes(ax, 6.5, 4.2)
    paths = np.asarray(paths)
    for i in range(paths.shape[1]):
        ax.plot(*paths[:, i].T, color=SOURCE_COLOUR, lw=1.2, alpha=0.7, zorder=1)
    ax.scatter(*paths[0].T, s=22, facecolor="white", edgecolor=SOURCE_COLOUR, zorder=2, label="source, at first")
    _labelled_points(ax, paths[-1], x_words, SOURCE_COLOUR, "source, at last", below=True)
    _labelled_points(ax, y, y_words, PIVOT_COLOUR, "pivot (English)")
    return _plane(ax)


def _labelled_points(ax: Axes, points, words: Sequence[str], colour, label: str, *, below: bool = False):
    points = np.asarray(points)
    ax.scatter(*points.T, s=42, color=colour, zorder=3, label=label)
    for word, point in zip(words, points, strict=True):
        ax.annotate(
            word,
            point,
            xytext=(0, -7 if below else 7),
            textcoords="offset points",
            ha="center",
            va="top" if below else "bottom",
            color=sns.dark_palette(colour, 4)[2],
            zorder=4,
        )


def _plane(ax: Axes) -> Axes:
    ax.set(xlabel="first dimension", ylabel="second dimension")
    ax.margins(0.14)
    ax.set_aspect("equal", adjustable="datalim")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return ax


# --- words against words ------------------------------------------------------------------------------------


def word_matrix(
    matrix,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    label: str = "mass moved",
    annotate: str = "",
    sure: Links = (),
    possible: Links = (),
    vmax: float | None = None,
    cmap: str = "Blues",
    colourbar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """A matrix (n, m) of words against words, with gold links framed: sure ones full, possible ones dashed.

    ``annotate`` is the format of the numbers in the cells, such as ``".1f"``; none are written if empty.
    """
    matrix = np.asarray(matrix)
    ax = _axes(ax, 2.2 + 0.42 * len(columns), 1.4 + 0.38 * len(rows))
    sns.heatmap(
        matrix,
        xticklabels=list(columns),
        yticklabels=list(rows),
        annot=bool(annotate),
        fmt=annotate,
        vmin=0,
        vmax=vmax,
        cmap=cmap,
        cbar=colourbar,
        cbar_kws={"label": label} if colourbar else None,
        linewidths=0.5,
        linecolor="0.92",
        ax=ax,
    )
    sure = set(sure)
    _frame_cells(ax, set(possible) - sure, (0, (2, 1.5)))
    _frame_cells(ax, sure, "solid")
    ax.tick_params(length=0)
    ax.set_yticklabels(ax.get_yticklabels(), rotation=0)
    ax.set_xticklabels(ax.get_xticklabels(), rotation=45, ha="right", rotation_mode="anchor")
    return ax


def _frame_cells(ax: Axes, links: Links, linestyle):
    for i, j in links:
        ax.add_patch(Rectangle((j + 0.05, i + 0.05), 0.9, 0.9, fill=False, edgecolor="#c44e00", lw=1.6, ls=linestyle))


def plans(
    named: Mapping[str, np.ndarray],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    sure: Links = (),
    possible: Links = (),
) -> np.ndarray:
    """Transport plans (n, m) of the same two sentences beside each other, one scale, gold links framed."""
    across = len(named) if len(named) < 4 else min(4, math.ceil(len(named) / 2))
    down = math.ceil(len(named) / across)
    size = (1.4 + across * (0.7 + 0.3 * len(columns)), down * (1.3 + 0.3 * len(rows)))
    figure, grid = plt.subplots(down, across, figsize=size, layout="constrained", squeeze=False)
    # No entry of a plan between uniform weights can be larger.
    most = 1 / max(len(rows), len(columns))
    for ax, (name, plan) in zip(grid.flat, named.items(), strict=False):
        word_matrix(plan, rows, columns, sure=sure, possible=possible, vmax=most, colourbar=False, ax=ax)
        ax.set_title(name)
    for ax in grid.flat[len(named) :]:
        ax.set_axis_off()
    for ax in grid[:, 1:].flat:
        ax.tick_params(labelleft=False)
    figure.colorbar(grid.flat[0].collections[0], ax=grid, label="mass moved", shrink=0.8, aspect=25)
    return grid


def telling_pair(pairs: Sequence[GoldPair], *, min_words: int = 7, max_words: int = 11) -> GoldPair:
    """The sentence pair to draw: of a length that fits a page, with the most links beyond one to one.

    Of equal ones, that whose links cross most often.
    """
    fitting = [pair for pair in pairs if max(len(pair.en), len(pair.other)) <= max_words]
    if not fitting:
        return min(pairs, key=lambda pair: len(pair.en))
    long_enough = [pair for pair in fitting if min(len(pair.en), len(pair.other)) >= min_words]
    return max(long_enough or fitting, key=lambda pair: (_extra_links(pair), _crossings(pair)))


def _extra_links(pair: GoldPair) -> int:
    en, other = ({link[side] for link in pair.sure} for side in (0, 1))
    return 2 * len(pair.sure) - len(en) - len(other)


def _crossings(pair: GoldPair) -> int:
    return sum(i < k and j > m for i, j in pair.sure for k, m in pair.sure)


# --- curves -------------------------------------------------------------------------------------------------


def curves(table: pd.DataFrame, *, xlabel: str, ylabel: str, logarithmic: bool = False, ax: Axes | None = None) -> Axes:
    """Columns of a table against its index, which stands on a logarithmic axis if ``logarithmic``."""
    ax = _axes(ax, 7, 3.3)
    marker = "o" if len(table) < 50 else None
    for name, colour in zip(table, sns.color_palette("colorblind", table.shape[1]), strict=True):
        ax.plot(table.index, table[name], color=colour, marker=marker, ms=3.5, lw=1.6, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log" if logarithmic else "linear")
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def training_curves(
    log: pd.DataFrame,
    columns: Mapping[str, str],
    *,
    ylabel: str,
    from_zero: bool = False,
    logarithmic: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Columns of a training log, named by ``columns`` (column: what to call it), against steps.

    They start at zero if ``from_zero``, and stand on a logarithmic axis if ``logarithmic``.

    Columns that a log does not have are left out; a log without rows gives a figure that says so.
    """
    ax = _axes(ax, 6.5, 3.2)
    ax.set(xlabel="optimiser steps", ylabel=ylabel)
    present = {column: name for column, name in columns.items() if column in log}
    if not present:
        ax.text(0.5, 0.5, "nothing was trained", ha="center", va="center", transform=ax.transAxes, color=GREY)
        ax.set(xticks=[], yticks=[])
        return ax
    for (column, name), colour in zip(present.items(), sns.color_palette("colorblind", len(present)), strict=True):
        curve = log[["step", column]].dropna()
        marker = "o" if len(curve) <= 12 else None
        ax.plot(curve["step"], curve[column], color=colour, label=name, marker=marker, ms=4, lw=1.6)
    if from_zero:
        ax.set_ylim(0, 1.1 * log[list(present)].max(axis=None))
    if logarithmic:
        ax.set_yscale("log")
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


# --- data ---------------------------------------------------------------------------------------------------


def sentence_lengths(lengths: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """How long sentences are: ``lengths`` has one column a language, one row a sentence pair, in words."""
    ax = _axes(ax, 6.5, 3.2)
    table = lengths.melt(var_name="language", value_name="words")
    colours = dict(zip(lengths, (SOURCE_COLOUR, PIVOT_COLOUR), strict=True))
    sns.histplot(table, x="words", hue="language", palette=colours, discrete=True, element="step", alpha=0.25, ax=ax)
    ax.set(xlabel="words in a sentence", ylabel="sentences")
    ax.get_legend().set(title=None, frame_on=False)
    return ax


def language_bars(values: Mapping[str, float], *, label: str, ax: Axes | None = None) -> Axes:
    """One number a language; English, the first of them or not, is grey."""
    ax = _axes(ax, 1.8 + 0.6 * len(values), 3)
    colours = [GREY if language == PIVOT else SOURCE_COLOUR for language in values]
    bars = ax.bar(list(values), list(values.values()), color=colours, width=0.65)
    ax.bar_label(bars, fmt="%.2f", padding=2, fontsize="small")
    ax.set(ylabel=label)
    ax.grid(axis="x", visible=False)
    ax.margins(y=0.12)
    return ax


# --- one run ------------------------------------------------------------------------------------------------


def language_scores(
    scores: pd.DataFrame,
    metric: str,
    *,
    label: str,
    colour=SOURCE_COLOUR,
    chance: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Scores of one run (``language, metric, value``, per cent) by language; hatched: the train language."""
    table = scores[scores["metric"] == metric]
    ax = _axes(ax, 1.8 + 0.65 * len(table), 3.2)
    bars = ax.bar(table["language"], table["value"], color=colour, width=0.65)
    for language, bar in zip(table["language"], bars, strict=True):
        bar.set(alpha=0.45 if language == PIVOT else 1, hatch="//" if language == PIVOT else None)
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # keeps numbers readable on the line
    ax.bar_label(bars, fmt="%.1f", padding=3, fontsize="small", bbox=paper)
    if chance is not None:
        ax.axhline(chance, color="0.3", ls="--", lw=1, zorder=2)
        ax.annotate("chance", (1.01, chance), xycoords=("axes fraction", "data"), va="center", fontsize="small")
    ax.set(ylim=(0, 108), yticks=range(0, 101, 20), ylabel=label, xlabel="language (hatched: trained on)")
    ax.grid(axis="x", visible=False)
    return ax


def score_grid(table: pd.DataFrame, *, label: str, ax: Axes | None = None) -> Axes:
    """Scores in per cent by kind of item (rows) and language (columns)."""
    ax = _axes(ax, 3.6 + 0.6 * table.shape[1], 1.2 + 0.34 * len(table))
    sns.heatmap(
        table,
        annot=True,
        fmt=".0f",
        vmin=0,
        vmax=100,
        cmap="crest",
        linewidths=0.5,
        cbar_kws={"label": label},
        ax=ax,
    )
    ax.set(xlabel="", ylabel="")
    ax.tick_params(length=0)
    ax.set_yticklabels(ax.get_yticklabels(), rotation=0)
    return ax


# --- methods against each other -----------------------------------------------------------------------------


def seed_scores(results: pd.DataFrame, methods: Sequence[str], *, label: str, ax: Axes | None = None) -> Axes:
    """One measure (``method, seed, value``) for each method: a point a seed, a line at their mean."""
    ax = _axes(ax, 4.6, 0.9 + 0.42 * len(methods))
    palette = method_palette(methods)
    present = [method for method in methods if method in set(results["method"])]
    for place, method in enumerate(present):
        values = results.loc[results["method"] == method, "value"]
        ax.scatter(values, np.full(len(values), place), color=[palette[method]], s=34, alpha=0.75, zorder=3)
        ax.plot([values.mean()] * 2, [place - 0.3, place + 0.3], color=palette[method], lw=2.5, zorder=2)
    ax.set(yticks=range(len(present)), yticklabels=present, xlabel=label, ylim=(len(present) - 0.5, -0.5))
    ax.grid(axis="y", visible=False)
    return ax


def method_scores(
    summary: pd.DataFrame, task: str, metric: str, methods: Sequence[str], *, ax: Axes | None = None
) -> Axes:
    """A measure by language and method, with intervals: rows of :func:`otlib.evaluation.summarise`."""
    ax = _axes(ax, 7, 3.4)
    table = _measure(summary, task, metric)
    languages = _language_order(table)
    for method, offset, colour in _dodged(methods):
        rows = table[table["method"] == method].set_index("language").reindex(languages)
        ax.errorbar(
            np.arange(len(languages)) + offset,
            rows["value"],
            yerr=_bars(rows, "value", "low", "high"),
            fmt="o",
            ms=5,
            capsize=2.5,
            lw=1.4,
            color=colour,
            label=method,
        )
    low, high = ax.get_ylim()
    if "%" in MEASURES.get((task, metric), ""):
        # Student's intervals over few seeds reach beyond what a score can be.
        ax.set_ylim(max(low, -2), min(high, 102))
    ax.set(xticks=range(len(languages)), xlim=(-0.5, len(languages) - 0.5))
    ax.set_ylabel(MEASURES.get((task, metric), f"{task} {metric}"))
    ax.set_xticklabels(languages, rotation=0)
    _set_average_apart(ax.axvspan, languages)
    ax.grid(axis="x", visible=False)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def gains(summary: pd.DataFrame, task: str, metric: str, methods: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """Gain of each method over the baseline by language, with paired intervals, as a forest plot."""
    ax = _axes(ax, 5.6, 3.8)
    table = _measure(summary, task, metric)
    languages = _language_order(table)
    others = [method for method in methods if method != BASELINE]
    palette = method_palette(methods)
    for method, offset, _ in _dodged(others):
        rows = table[table["method"] == method].set_index("language").reindex(languages)
        ax.errorbar(
            rows["gain"],
            np.arange(len(languages)) + offset,
            xerr=_bars(rows, "gain", "gain_low", "gain_high"),
            fmt="o",
            ms=5,
            capsize=2.5,
            lw=1.4,
            color=palette[method],
            label=method,
        )
    ax.axvline(0, color="0.2", lw=1)
    ax.set(yticks=range(len(languages)), yticklabels=languages, ylim=(len(languages) - 0.5, -0.5))
    measure = MEASURES.get((task, metric), f"{task} {metric}").removesuffix(" (%)")
    ax.set_xlabel(f"{measure}: points over {BASELINE}")
    _set_average_apart(ax.axhspan, languages)
    ax.grid(axis="y", visible=False)
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def scoreboard(
    summary: pd.DataFrame, measures: Sequence[tuple[str, str]], methods: Sequence[str], *, draw=method_scores
) -> np.ndarray:
    """A panel for each (task, metric), drawn by :func:`method_scores` or :func:`gains`, with one legend."""
    down = math.ceil(len(measures) / 2)
    across = min(2, len(measures))
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
        ax.errorbar(gains, np.arange(len(methods)), xerr=spans, fmt="o", ms=4.5, capsize=2.5, lw=1.4)
        ax.axvline(0, color="0.2", lw=1)
        ax.set(yticks=range(len(methods)), yticklabels=methods, ylim=(len(methods) - 0.5, -0.5))
        ax.set_title(MEASURES.get((task, metric), f"{task} {metric}").removesuffix(" (%)"), fontsize="medium")
    figure.supxlabel(f"points over {reference}", fontsize="medium")
    return grid


def transfer_by_alignment(
    results: pd.DataFrame,
    alignment: tuple[str, str],
    transfer: tuple[str, str],
    methods: Sequence[str],
    *,
    ax: Axes | None = None,
) -> Axes:
    """A transfer score against an alignment score, each a (task, metric): a point a run and language."""
    ax = _axes(ax, 5.6, 3.8)
    runs = ["method", "seed", "language"]
    x, y = (_measure(results, *measure).set_index(runs)["value"] for measure in (alignment, transfer))
    both = pd.concat({"alignment": x, "transfer": y}, axis=1, join="inner").reset_index()
    both = both[both["method"].isin(methods)]
    sns.scatterplot(
        both,
        x="alignment",
        y="transfer",
        hue="method",
        style="language",
        hue_order=[method for method in methods if method in set(both["method"])],
        palette=method_palette(methods),
        s=55,
        alpha=0.85,
        ax=ax,
    )
    ax.set(xlabel=MEASURES[alignment], ylabel=MEASURES[transfer])
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return ax


def _measure(table: pd.DataFrame, task: str, metric: str) -> pd.DataFrame:
    rows = table[(table["task"] == task) & (table["metric"] == metric)]
    if rows.empty:
        raise ValueError(f"there is no {metric} of the task {task} to draw")
    return rows


def _language_order(table: pd.DataFrame) -> list[str]:
    """English first, averages last, the others as they come."""
    rank = {PIVOT: -1, AVERAGE: 1, "average_unseen": 2}
    return sorted(table["language"].unique(), key=lambda language: rank.get(language, 0))


def _dodged(methods: Sequence[str]):
    """Each method with its place beside the others, in axis units, and its colour."""
    step = min(0.16, 0.7 / max(len(methods), 1))
    palette = method_palette(methods)
    for place, method in enumerate(methods):
        yield method, step * (place - (len(methods) - 1) / 2), palette[method]


def _bars(rows: pd.DataFrame, value: str, low: str, high: str) -> np.ndarray:
    """Lengths (2, languages) of error bars; rounding must not make one negative."""
    return np.maximum(np.stack([rows[value] - rows[low], rows[high] - rows[value]]), 0)


def _set_average_apart(span, languages: Sequence[str]):
    if AVERAGE in languages:
        place = languages.index(AVERAGE)
        span(place - 0.5, place + 0.5, color="0.94", zorder=0)
