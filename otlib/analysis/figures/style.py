"""The look of all figures: fonts, colours, files."""

import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from seaborn.utils import relative_luminance

from otlib.analysis.statistics import BASELINE

GREY = "0.55"
FIGURE_DPI = 110  # of figures in notebooks
MARKERS = "os^DvPX*<>hd"  # with STROKES, what tells methods and curves apart without colours
STROKES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)))
NO_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")
SOURCE_COLOUR, PIVOT_COLOUR = sns.color_palette("colorblind")[1], sns.color_palette("colorblind")[0]


def use_style():
    """Set the look of all figures; the font, which comes with matplotlib, has Greek, Cyrillic and Arabic letters.

    For letters that it lacks see :mod:`otlib.analysis.figures.letters`; its warning replaces matplotlib's. In tables of
    notebooks, as in figures, a dollar begins no formula.
    """
    warnings.filterwarnings("ignore", "Glyph .*missing from")
    pd.set_option("display.html.use_mathjax", False)
    settings = {
        "font.family": "DejaVu Sans",
        "figure.dpi": FIGURE_DPI,
        "savefig.dpi": 200,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "svg.hashsalt": "otlib",  # equal figures are equal files
    }
    sns.set_theme(context="notebook", style="whitegrid", font_scale=0.85, rc=settings)


def method_palette(methods: Sequence[str]) -> dict[str, tuple | str]:
    """A colour for each of a study's methods, by its place among them; the baseline is grey."""
    others = [method for method in methods if method != BASELINE]
    colours = sns.color_palette("colorblind" if len(others) <= 10 else "husl", len(others))
    return {BASELINE: GREY, **dict(zip(others, colours, strict=True))}


def method_markers(methods: Sequence[str]) -> dict[str, str]:
    """A marker for each of a study's methods, by its place among them, as :func:`method_palette` has colours."""
    return {method: MARKERS[place % len(MARKERS)] for place, method in enumerate(methods)}


def strokes(count: int) -> list[dict]:
    """Looks of so many lines: colour, marker and dashes, which differ in grey as well."""
    colours = sns.color_palette("colorblind", count)
    return [
        {"color": colour, "marker": MARKERS[place % len(MARKERS)], "ls": STROKES[place % len(STROKES)]}
        for place, colour in enumerate(colours)
    ]


def save(ax: Axes, folder: str | Path, name: str) -> list[Path]:
    """Write the figure of some axes as ``<name>.png`` and ``<name>.svg``, each whole or not at all."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    written = []
    for kind, metadata in (("png", {}), ("svg", {"Date": None})):
        final = Path(folder, f"{name}.{kind}")
        unfinished = final.with_name(final.name + ".tmp")
        ax.figure.savefig(unfinished, format=kind, metadata=metadata, bbox_inches="tight")
        if kind == "svg":  # a comment holds each text, with controls that are no XML
            unfinished.write_bytes(NO_XML.sub(b"?", unfinished.read_bytes()))
        os.replace(unfinished, final)
        written.append(final)
    return written


def new_axes_if_none(ax: Axes | None, width: float, height: float) -> Axes:
    """The axes to draw on: those given, or those of a new figure of this size in inches."""
    return plt.subplots(figsize=(width, height), layout="constrained")[1] if ax is None else ax


def heatmap(
    matrix,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    cmap: str,
    vmax: float | None = None,
    numbers: str = "",
    label: str = "",
    lines: str = "white",
    ax: Axes,
) -> None:
    """Draw a matrix (n, m) as cells coloured from 0 to ``vmax``, the first row above, between lines of a colour.

    The cells have numbers if there is a format for them, and a colour bar if there is a label for it; those that are
    masked or not finite stay empty. Without ``vmax`` it is the largest value, or 1 if none is above 0. Seaborn's heat
    map draws the whole figure to measure its labels, and that of many matrices as often.

    Raises
    ------
    ValueError
        If the matrix has other numbers of rows and columns than there are names for.
    """
    values = np.ma.masked_invalid(matrix)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"a matrix {values.shape} cannot be drawn with {len(rows)} rows and {len(columns)} columns")
    if vmax is None:
        vmax = largest if values.count() and (largest := values.max()) > 0 else 1
    mesh = ax.pcolormesh(values, cmap=cmap, vmin=0, vmax=vmax, linewidth=0.5, edgecolor=lines)
    ax.set(xlim=(0, len(columns)), ylim=(len(rows), 0))
    ax.set_xticks(np.arange(len(columns)) + 0.5, columns)
    ax.set_yticks(np.arange(len(rows)) + 0.5, rows)
    ax.grid(False)
    sns.despine(ax=ax, left=True, bottom=True)
    for (i, j), value in np.ma.ndenumerate(values) if numbers else ():
        light = relative_luminance(mesh.to_rgba(value)) > 0.408
        ax.text(j + 0.5, i + 0.5, format(value, numbers), ha="center", va="center", color="0.15" if light else "w")
    if label:
        ax.figure.colorbar(mesh, ax=ax, label=label).outline.set_linewidth(0)


def legend_above(ax: Axes) -> Axes:
    """The axes, with a legend above them, which leaves a narrow page its width."""
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2, columnspacing=1.2)
    return ax


def legend_beside(ax: Axes) -> Axes:
    """The axes, with a legend on their right."""
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return ax
