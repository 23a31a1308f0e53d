"""What a figure shows, in words and numbers, for readers who do not see it: computed where the figure is drawn."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_said: WeakKeyDictionary = WeakKeyDictionary()  # axes: what they show


def described(ax: Axes, text: str) -> Axes:
    """The axes, which now know what they show; a notebook keeps it as the plain text beside the figure."""
    _said[ax] = " ".join(text.split())
    ipython = sys.modules.get("IPython")
    if ipython and (shell := ipython.get_ipython()):  # each time, for a backend that is loaded takes it back
        in_words = shell.display_formatter.formatters["text/plain"]
        in_words.for_type(Figure, lambda figure, printer, cycle: printer.text(alt_text(figure) or repr(figure)))
    return ax


def alt_text(figure: Figure) -> str:
    """What the axes of a figure show, one after the other, each with its title; empty if nobody described them."""
    texts = [(ax.get_title(loc="left") or ax.get_title(), _said[ax]) for ax in figure.axes if ax in _said]
    return " ".join(f"{title}: {text}" if title else text for title, text in texts)


def number(value: float | str) -> str:
    """A number as it is read: three digits, no exponent where none is needed; what is none stays."""
    if isinstance(value, str):
        return value
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def named_numbers(values: Mapping[str, float]) -> str:
    """Names with their numbers; missing ones are left out."""
    return ", ".join(f"{name} {number(value)}" for name, value in values.items() if not np.isnan(value))


def listed(words: Iterable[str], most: int = 40) -> str:
    """Words in a row, the last ones counted if there are more than ``most``."""
    words = list(words)
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def courses(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> str:
    """Where curves, each (x, y), begin and end, and their lowest and highest points."""
    texts = []
    for name, (x, y) in curves.items():
        if len(y := np.asarray(y, dtype=float)):
            ends = f"{number(y[0])} at {number(x[0])} to {number(y[-1])} at {number(x[-1])}"
            texts.append(f"{name} from {ends}, between {number(np.nanmin(y))} and {number(np.nanmax(y))}")
    return "; ".join(texts)


def matrix_in_words(matrix, rows: Sequence[str], columns: Sequence[str]) -> str:
    """The largest entry of each row of a matrix (n, m), with the column that has it."""
    matrix = np.asarray(matrix, dtype=float)
    best = [
        f"{row} – {columns[entries.argmax()]} {number(entries.max())}"
        for row, entries in zip(rows, matrix, strict=True)
    ]
    return f"largest of each row: {listed(best)}"


def links_in_words(links: Iterable[tuple[int, int]], rows: Sequence[str], columns: Sequence[str]) -> str:
    """Links (i, j) as the words that they join."""
    return listed(f"{rows[i]} – {columns[j]}" for i, j in sorted(links)) or "none"
