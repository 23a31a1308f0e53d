"""Figures of words: as points in the plane, and as a matrix of words against words."""

import math
from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from otlib.analysis.figures.alt import described, links_in_words, listed, matrix_in_words, number
from otlib.analysis.figures.letters import as_written
from otlib.analysis.figures.style import PIVOT_COLOUR, SOURCE_COLOUR, heatmap, legend_beside, new_axes_if_none
from otlib.data.pairs import Pair, as_pair, words_of

# Points in the plane


@as_written
def word_points(x, y, x_words: Sequence[str], y_words: Sequence[str], *, plan=None, ax: Axes | None = None) -> Axes:
    """Two sentences as points (n, 2), (m, 2); with a ``plan`` (n, m), lines as wide as the mass they move."""
    x_words, y_words = words_of(x_words), words_of(y_words)
    ax = new_axes_if_none(ax, 6.5, 4.2)
    x, y = np.asarray(x), np.asarray(y)
    if plan is not None:
        plan = np.asarray(plan)
        for i, j in zip(*np.nonzero(plan > 1e-3 * plan.max()), strict=True):
            strength = plan[i, j] / plan.max()
            ends = np.stack([x[i], y[j]])
            ax.plot(*ends.T, color="0.4", lw=6 * strength, alpha=0.15 + 0.4 * strength, zorder=1)
    _labelled_points(ax, x, x_words, SOURCE_COLOUR, "source")
    lines = "" if plan is None else f" Lines are the mass that moves, {matrix_in_words(plan, x_words, y_words)}."
    said = f"Words in the plane, source: {listed(x_words)}; English: {listed(y_words)}.{lines}"
    return described(_finished(ax, y, y_words), said)


@as_written
def word_pulls(x, y, x_words: Sequence[str], y_words: Sequence[str], pulls, *, ax: Axes | None = None) -> Axes:
    """Two sentences as points, and an arrow ``pulls[i]`` (n, 2) from each source word."""
    x_words, y_words = words_of(x_words), words_of(y_words)
    ax = new_axes_if_none(ax, 6.5, 4.2)
    x, pulls = np.asarray(x), np.asarray(pulls)
    arrows = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.006}
    ax.quiver(*x.T, *pulls.T, color=SOURCE_COLOUR, zorder=2, **arrows)
    ends = x + pulls
    ax.plot(*ends.T, ls="none")  # an arrow's end counts for the limits of the axes
    _labelled_points(ax, x, x_words, SOURCE_COLOUR, "source")
    lengths = [f"{word} {number(length)}" for word, length in zip(x_words, np.hypot(*pulls.T), strict=True)]
    said = f"Arrows from source words in the plane, their lengths: {listed(lengths)}."
    return described(_finished(ax, y, y_words), f"{said} English words: {listed(y_words)}.")


@as_written
def word_paths(paths, y, x_words: Sequence[str], y_words: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """The way of each source word, ``paths`` (steps, n, 2), through the plane; its word stands at the end."""
    x_words, y_words = words_of(x_words), words_of(y_words)
    ax = new_axes_if_none(ax, 6.5, 4.2)
    paths = np.asarray(paths)
    for i in range(paths.shape[1]):
        ax.plot(*paths[:, i].T, color=SOURCE_COLOUR, lw=1.2, alpha=0.7, zorder=1)
    ax.scatter(*paths[0].T, s=22, facecolor="white", edgecolor=SOURCE_COLOUR, zorder=2, label="source, at first")
    _labelled_points(ax, paths[-1], x_words, SOURCE_COLOUR, "source, at last", below=True)
    ways = [f"{word} {number(way)}" for word, way in zip(x_words, np.hypot(*(paths[-1] - paths[0]).T), strict=True)]
    said = f"Ways of source words through the plane, from first to last place: {listed(ways)}."
    return described(_finished(ax, y, y_words), f"{said} English words, at rest: {listed(y_words)}.")


def _labelled_points(ax: Axes, points, words: Sequence[str], colour, label: str, *, below: bool = False):
    """Draw points (n, 2) with their words above or below them."""
    points = np.asarray(points)
    marker = "s" if colour == PIVOT_COLOUR else "o"
    ax.scatter(*points.T, s=42, color=colour, marker=marker, zorder=3, label=label)
    for word, point in zip(words, points, strict=True):
        place = {"xytext": (0, -7 if below else 7), "ha": "center", "va": "top" if below else "bottom"}
        dark = sns.dark_palette(colour, 4)[2]
        ax.annotate(word, point, **place, textcoords="offset points", color=dark, zorder=4)


def _finished(ax: Axes, y, y_words: Sequence[str]) -> Axes:
    """The plane with the pivot words, a legend, and axes of one scale, with room around the words."""
    _labelled_points(ax, y, y_words, PIVOT_COLOUR, "pivot (English)")
    ax.set(xlabel="first dimension", ylabel="second dimension")
    ax.margins(0.14)
    ax.set_aspect("equal", adjustable="datalim")
    return legend_beside(ax)


# Words against words


@as_written
def word_matrix(
    matrix,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    label: str = "mass moved",
    annotate: str = "",
    sure: Iterable[tuple[int, int]] = (),
    possible: Iterable[tuple[int, int]] = (),
    vmax: float | None = None,
    cmap: str = "Blues",
    colourbar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """A matrix (n, m) of words against words, with gold links framed: sure ones full, possible ones dashed.

    ``rows`` and ``columns`` are words, or plain strings whose words stand between blanks.
    ``annotate`` is the format of the numbers in the cells, such as ``".1f"``; none are written if empty.
    """
    rows, columns = list(words_of(rows)), list(words_of(columns))
    ax = new_axes_if_none(ax, 1.4 + 0.42 * len(columns) + 0.8 * colourbar, 1.4 + 0.38 * len(rows))
    look = {"cmap": cmap, "vmax": vmax, "lines": "0.92"}
    heatmap(matrix, rows, columns, **look, numbers=annotate, label=label if colourbar else "", ax=ax)
    sure, possible = set(sure), set(possible)
    for links, style in ((possible - sure, (0, (2, 1.5))), (sure, "solid")):
        for i, j in links:
            corner = (j + 0.05, i + 0.05)
            ax.add_patch(Rectangle(corner, 0.9, 0.9, fill=False, edgecolor="#c44e00", lw=1.6, ls=style))
    ax.tick_params(length=0)
    plt.setp(ax.get_xticklabels(), rotation=45, ha="right", rotation_mode="anchor")
    framed = f" Gold links are framed: {links_in_words({*sure, *possible}, rows, columns)}." if sure or possible else ""
    return described(ax, f"{label}, words against words, {matrix_in_words(matrix, rows, columns)}.{framed}")


@as_written
def gold_links(pair: Pair, *, ax: Axes | None = None) -> Axes:
    """The gold links of a sentence pair, source words in rows: sure ones filled and framed, possible ones dashed."""
    pair = as_pair(pair)
    links = [[(i, j) in pair.sure for j in range(len(pair.pivot))] for i in range(len(pair.source))]
    framed = {"sure": pair.sure, "possible": pair.possible}
    ax = word_matrix(links, pair.source, pair.pivot, **framed, vmax=2, colourbar=False, ax=ax)
    sure, possible = (links_in_words(of, pair.source, pair.pivot) for of in (pair.sure, pair.possible - pair.sure))
    return described(ax, f"Gold links of a sentence pair, sure: {sure}; possible: {possible}.")


@as_written
def plans(
    named: Mapping[str, np.ndarray],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    sure: Iterable[tuple[int, int]] = (),
    possible: Iterable[tuple[int, int]] = (),
) -> np.ndarray:
    """Transport plans (n, m) of the same two sentences beside each other, one scale, gold links framed."""
    rows, columns = words_of(rows), words_of(columns)
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
