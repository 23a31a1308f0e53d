"""Figures to turn: with controls where a person looks at a live notebook, as small multiples elsewhere."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Number
from textwrap import shorten
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from otlib.training.bars import shows_widgets

ACROSS = 3  # values of a knob that small multiples show


def explore(draw: Callable[..., Axes], **knobs: Sequence[Any]) -> np.ndarray | None:
    """Draw a figure that depends on a few choices, the knobs.

    In JupyterLab every knob is a slider (numbers) or a list (texts) above the figure. Where no kernel runs, as in an
    executed copy, there is a row of figures for each knob: its values, three at most, the other knobs as they begin.

    Parameters
    ----------
    draw : callable
        ``draw(ax=ax, **chosen)`` draws for one value of every knob; with ``ax=None`` it makes its own axes.
    **knobs : sequence
        The values of each; it begins with the first.

    Returns
    -------
    ndarray of Axes, or None
        The small multiples; None in JupyterLab.
    """
    if shows_widgets():
        return _controls(draw, knobs)
    return _small_multiples(draw, knobs)


def _controls(draw: Callable[..., Axes], knobs: Mapping[str, Sequence[Any]]) -> None:
    import ipywidgets
    from IPython.display import display

    def redraw(**chosen):
        draw(ax=None, **chosen)
        plt.show()

    controls = {}
    for name, values in knobs.items():
        options = {"options": [(_label(value), value) for value in _in_order(values)], "value": values[0]}
        kind, more = ipywidgets.Dropdown, {}
        if isinstance(values[0], Number):
            kind, more = ipywidgets.SelectionSlider, {"continuous_update": False}
        controls[name] = kind(**options, **more, description=name, style={"description_width": "5em"})
    above = ipywidgets.Box([*controls.values()], layout={"flex_flow": "row wrap"})
    display(ipywidgets.VBox([above, ipywidgets.interactive_output(redraw, controls)]))


def _small_multiples(draw: Callable[..., Axes], knobs: Mapping[str, Sequence[Any]]) -> np.ndarray:
    start = {name: values[0] for name, values in knobs.items()}
    size = (4.4 * ACROSS, 3.4 * len(knobs))
    figure, grid = plt.subplots(len(knobs), ACROSS, figsize=size, squeeze=False)
    drawn = []
    for ax in grid.flat:
        ax.set_visible(False)  # a heat map draws all that is seen, to measure its labels
    for row, (name, values) in zip(grid, knobs.items(), strict=True):
        for ax, value in zip(row, _in_order(values[:1] + _spread(values[1:])), strict=False):
            ax.set_visible(True)
            draw(ax=ax, **start | {name: value})
            ax.set_title(f"{name} {_label(value, 26)}").set_parse_math(False)
            ax.set_visible(False)
            drawn.append(ax)
    for ax in drawn:
        ax.set_visible(True)
    figure.set_layout_engine("constrained")
    return grid


def _spread(values: Sequence[Any]) -> list[Any]:
    """As many as small multiples have room for beside the first, from the lowest to the highest."""
    values = _in_order(values)
    places = np.linspace(0, len(values) - 1, min(len(values), ACROSS - 1)).round().astype(int)
    return [values[place] for place in places]


def _in_order(values: Sequence[Any]) -> list[Any]:
    return sorted(values) if all(isinstance(value, Number) for value in values) else [*values]


def _label(value: Any, letters: int = 60) -> str:
    return f"{value:g}" if isinstance(value, Number) else shorten(str(value), letters, placeholder=" …")
