"""Figures of one run: curves of its training, the data that it read, its scores."""

from collections.abc import Mapping

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from otlib.analysis.figures.alt import courses, described, named_numbers, number
from otlib.analysis.figures.letters import as_written, in_legend
from otlib.analysis.figures.style import (
    GREY,
    PIVOT_COLOUR,
    SOURCE_COLOUR,
    heatmap,
    legend_beside,
    new_axes_if_none,
    strokes,
)
from otlib.settings import PIVOT

# Curves


@as_written
def curves(table: pd.DataFrame, *, xlabel: str, ylabel: str, logarithmic: bool = False, ax: Axes | None = None) -> Axes:
    """Columns of a table against its index, which stands on a logarithmic axis if ``logarithmic``."""
    ax = new_axes_if_none(ax, 7, 3.3)
    for name, look in zip(table, strokes(table.shape[1]), strict=True):
        ax.plot(table.index, table[name], **look, **_marked(len(table)), label=in_legend(name))
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log" if logarithmic else "linear")
    if pd.api.types.is_integer_dtype(table.index) and len(table) < 20 and not logarithmic:  # such as layers
        ax.set_xticks(table.index)
    said = courses({name: (table.index, table[name]) for name in table})
    return described(legend_beside(ax), f"{ylabel} against {xlabel}: {said}.")


@as_written
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

    They start at zero if ``from_zero``, and stand on a logarithmic axis if ``logarithmic``. Columns that a log does not
    have are left out; a log without rows gives a figure that says so.
    """
    ax = new_axes_if_none(ax, 6.5, 3.2)
    ax.set(xlabel="optimiser steps", ylabel=ylabel)
    present = {column: name for column, name in columns.items() if column in log}
    if not present:
        ax.text(0.5, 0.5, "nothing was trained", ha="center", va="center", transform=ax.transAxes, color=GREY)
        ax.set(xticks=[], yticks=[])
        return described(ax, "An empty figure: nothing was trained.")
    drawn = {}
    for (column, name), look in zip(present.items(), strokes(len(present)), strict=True):
        curve = log[["step", column]].dropna()
        ax.plot(curve["step"], curve[column], **look, **_marked(len(curve)), label=in_legend(name))
        drawn[name] = curve["step"].to_numpy(), curve[column]
    if from_zero:
        ax.set_ylim(0, 1.1 * log[list(present)].max(axis=None))
    if logarithmic:
        ax.set_yscale("log")
    return described(legend_beside(ax), f"{ylabel} by optimiser steps: {courses(drawn)}.")


def _marked(points: int) -> dict:
    """Size of lines and markers, of which a long curve has a few only."""
    return {"ms": 4, "lw": 1.6, "markevery": max(1, points // 12)}


# Data


@as_written
def sentence_lengths(lengths: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """How long sentences are: ``lengths`` has one column a language, one row a sentence pair, in words."""
    ax = new_axes_if_none(ax, 6.5, 3.2)
    table = lengths.melt(var_name="language", value_name="words")
    colours = dict(zip(lengths, (SOURCE_COLOUR, PIVOT_COLOUR), strict=True))
    sns.histplot(table, x="words", hue="language", palette=colours, discrete=True, element="step", alpha=0.25, ax=ax)
    for drawn in (ax.collections[::-1], ax.get_legend().legend_handles):  # the last one lies at the bottom
        for shape, dashes in zip(drawn, ("-", "--"), strict=False):
            shape.set(linestyle=dashes, linewidth=1.6)
    ax.set(xlabel="words in a sentence", ylabel="sentences")
    ax.get_legend().set(title=None, frame_on=False)
    said = [f"{name} {of.min()} to {of.max()}, {number(of.median())} in the middle" for name, of in lengths.items()]
    return described(ax, f"How many words {len(lengths)} sentences have: {'; '.join(said)}.")


@as_written
def language_bars(values: Mapping[str, float], *, label: str, ax: Axes | None = None) -> Axes:
    """One number a language; English is grey."""
    ax = new_axes_if_none(ax, 1.8 + 0.6 * len(values), 3)
    colours = [GREY if language == PIVOT else SOURCE_COLOUR for language in values]
    bars = ax.bar(range(len(values)), list(values.values()), color=colours, width=0.65)
    ax.bar_label(bars, fmt="%.2f", padding=2, fontsize="small")
    ax.set(ylabel=label, xticks=range(len(values)), xticklabels=list(values))
    ax.grid(axis="x", visible=False)
    ax.margins(y=0.12)
    return described(ax, f"{label}: {named_numbers(values)}.")


# Scores


@as_written
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
    ax = new_axes_if_none(ax, 1.8 + 0.65 * len(table), 3.2)
    bars = ax.bar(range(len(table)), table["value"], color=colour, width=0.65)
    for language, bar in zip(table["language"], bars, strict=True):
        bar.set(alpha=0.45 if language == PIVOT else 1, hatch="//" if language == PIVOT else None)
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}  # keeps numbers readable on the line
    ax.bar_label(bars, fmt="%.1f", padding=3, fontsize="small", bbox=paper)
    if chance is not None:
        ax.axhline(chance, color="0.3", ls="--", lw=1, zorder=2)
        ax.annotate("chance", (1.01, chance), xycoords=("axes fraction", "data"), va="center", fontsize="small")
    ax.set(xticks=range(len(table)), xticklabels=table["language"], xlabel="language (hatched: trained on)")
    ax.set(ylim=(0, 108), yticks=range(0, 101, 20), ylabel=label)
    ax.grid(axis="x", visible=False)
    by_chance = "" if chance is None else f"; by chance {number(chance)}"
    return described(ax, f"{label} by language: {named_numbers(table.set_index('language')['value'])}{by_chance}.")


@as_written
def score_grid(table: pd.DataFrame, *, label: str, ax: Axes | None = None) -> Axes:
    """Scores in per cent by kind of item (rows) and language (columns)."""
    ax = new_axes_if_none(ax, 3.6 + 0.6 * table.shape[1], 1.2 + 0.34 * len(table))
    heatmap(table, table.index, table.columns, cmap="crest", vmax=100, numbers=".0f", label=label, ax=ax)
    ax.tick_params(length=0)
    said = [f"{kind}: {named_numbers(row)}" for kind, row in table.iterrows()]
    return described(ax, f"{label} by kind of item and language: {'; '.join(said)}.")
