"""Figures to turn: controls where a person looks, small multiples elsewhere; bars likewise."""

import matplotlib
import matplotlib.pyplot as plt
import pytest

from otlib.analysis.figures import explore
from otlib.study.notebook import _set_kernel_environment
from otlib.training.bars import progress_bar, shows_widgets

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def nobody_looks(monkeypatch):
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    yield
    plt.close("all")


@pytest.fixture
def drawn():
    """What is asked of a figure, and the function that draws it."""
    asked = []

    def draw(ax=None, **chosen):
        asked.append(chosen)
        return ax or plt.subplots()[1]

    return asked, draw


KNOBS = {"epsilon": [0.05, 5.0, 0.01, 0.5], "method": ["wordot", "none"]}


def test_where_nobody_looks_there_is_a_row_for_each_knob(drawn):
    """Papermill, GitHub and a page show what the reader of JupyterLab can choose."""
    asked, draw = drawn
    grid = explore(draw, **KNOBS)
    assert [chosen["epsilon"] for chosen in asked] == [0.01, 0.05, 5.0, 0.05, 0.05]  # one at a time, in order
    assert [chosen["method"] for chosen in asked] == ["wordot"] * 4 + ["none"]
    assert grid[0, 2].get_title(plt.rcParams["axes.titlelocation"]) == "epsilon 5" and not grid[1, 2].get_visible()


def test_where_a_person_looks_every_knob_is_a_control_that_draws_anew(drawn, monkeypatch):
    ipywidgets = pytest.importorskip("ipywidgets")
    monkeypatch.setenv("JPY_SESSION_NAME", "lab/30_pair.ipynb")
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda *boxes: shown.extend(boxes))
    asked, draw = drawn
    assert explore(draw, **KNOBS) is None
    epsilon, method = shown[0].children[0].children
    assert isinstance(epsilon, ipywidgets.SelectionSlider) and isinstance(method, ipywidgets.Dropdown)
    assert [label for label, _ in epsilon.options] == ["0.01", "0.05", "0.5", "5"]
    assert asked == [{"epsilon": 0.05, "method": "wordot"}]
    epsilon.value = 5.0
    method.value = "none"
    assert asked[1:] == [{"epsilon": 5.0, "method": "wordot"}, {"epsilon": 5.0, "method": "none"}]


def test_bars_are_widgets_where_a_person_looks_and_text_for_papermill(monkeypatch):
    """Text on a red ground is what JupyterLab makes of a bar in stderr; a widget is nothing in an executed copy."""
    assert type(progress_bar(total=1, disable=True)).__module__ == "tqdm.std"
    monkeypatch.setenv("JPY_SESSION_NAME", "lab/10_align.ipynb")
    assert type(progress_bar(total=1, disable=True)).__module__ == "tqdm.notebook"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAYON_NUM_THREADS", "1")
    _set_kernel_environment()  # as a notebook does that starts another
    assert not shows_widgets()
