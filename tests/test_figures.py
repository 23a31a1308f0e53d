"""Figures draw what the data say: every method its colour, every word its label, every gap left a gap."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from otlib.analysis import figures
from otlib.data.text import GoldPair

METHODS = ["none", "wordot", "l2"]


@pytest.fixture(autouse=True)
def closed():
    figures.use_style()
    yield
    plt.close("all")


def summary():
    rows = [
        (task, metric, language, method, 50 + place, 45 + place, 55 + place, place, place - 1, place + 1)
        for task, metric in (("nli", "accuracy"), ("qa", "f1"))
        for language in ("de", "average", "en")
        for place, method in enumerate(METHODS)
    ]
    columns = ["task", "metric", "language", "method", "value", "low", "high", "gain", "gain_low", "gain_high"]
    return pd.DataFrame(rows, columns=columns)


def results(**constants):
    rows = [(method, seed, language, 10 * seed) for method in METHODS for seed in (0, 1) for language in ("de", "el")]
    return pd.DataFrame(rows, columns=["method", "seed", "language", "value"]).assign(**constants)


def labels(axis):
    return [text.get_text() for text in axis.get_ticklabels()]


def test_a_method_has_one_colour_whatever_is_drawn_beside_it():
    # Colours by order of appearance once made two methods swap colours between two figures of a report.
    palette = figures.method_palette(METHODS)
    assert palette["none"] == figures.GREY and len(set(map(str, palette.values()))) == 3
    ax = figures.method_scores(summary(), "nli", "accuracy", METHODS)
    other = figures.gains(summary(), "nli", "accuracy", METHODS)
    for drawn in (ax, other):
        for handle, name in zip(*drawn.get_legend_handles_labels(), strict=True):
            assert handle.lines[0].get_color() == palette[name]


def test_gains_leave_the_baseline_out_and_the_average_comes_last():
    ax = figures.gains(summary(), "qa", "f1", METHODS)
    assert ax.get_legend_handles_labels()[1] == ["wordot", "l2"]
    assert labels(ax.yaxis) == ["en", "de", "average"]


def test_variants_are_rows_and_the_reference_lies_on_the_line():
    grid = figures.variants(summary(), [("nli", "accuracy"), ("qa", "f1")], METHODS, reference=METHODS[0])
    assert grid.shape == (1, 2)
    first = grid[0, 0]
    assert labels(first.yaxis) == METHODS
    points = first.containers[0].lines[0].get_xdata()
    assert points.tolist() == [0, 1, 2]


def test_intervals_reach_from_low_to_high():
    # An error bar takes lengths, not ends: passing the ends draws intervals around the wrong place.
    ax = figures.method_scores(summary(), "nli", "accuracy", METHODS)
    (segment, *_) = ax.containers[1].lines[2][0].get_segments()
    assert segment[:, 1].tolist() == [46, 56]


def test_per_cent_end_at_a_hundred_however_wide_an_interval():
    # Two seeds give intervals of dozens of points: an axis down to -40 % leaves the scores no room.
    table = summary().assign(low=-300.0, high=400.0)
    low, high = figures.method_scores(table, "nli", "accuracy", METHODS).get_ylim()
    assert -5 < low <= 0 and 100 <= high < 105


def test_a_missing_run_leaves_a_gap_not_an_error():
    table = summary()
    table = table[(table["method"] != "l2") | (table["language"] != "de")]
    figures.scoreboard(table, [("nli", "accuracy"), ("qa", "f1")], METHODS)
    figures.scoreboard(table, [("nli", "accuracy")], METHODS, draw=figures.gains)


def test_a_measure_that_was_not_run_is_named():
    with pytest.raises(ValueError, match="no aer of the task word_alignment"):
        figures.method_scores(summary(), "word_alignment", "aer", METHODS)


def test_a_scoreboard_has_one_legend_and_no_empty_frame():
    measures = [("nli", "accuracy"), ("qa", "f1"), ("nli", "accuracy")]
    grid = figures.scoreboard(summary(), measures, METHODS)
    assert not any(ax.get_legend() for ax in grid.flat)
    assert [ax.axison for ax in grid.flat] == [True, True, True, False]
    assert [text.get_text() for text in grid.flat[0].figure.legends[0].get_texts()] == METHODS


def test_every_word_labels_its_row_or_column_and_gold_links_are_framed():
    rows, columns = ["the", "apple", "juice"], ["ο", "χυμός"]
    ax = figures.word_matrix(np.eye(3, 2), rows, columns, sure={(0, 0)}, possible={(0, 0), (1, 1)})
    assert labels(ax.yaxis) == rows and labels(ax.xaxis) == columns
    frames = {(patch.get_x() // 1, patch.get_y() // 1): patch.get_linestyle() for patch in ax.patches}
    assert frames.keys() == {(0, 0), (1, 1)} and len(ax.patches) == 2
    assert frames[0, 0] != frames[1, 1]


def test_gold_links_have_source_words_in_rows_and_sure_ones_are_filled():
    pair = GoldPair(["das", "Brot", "da"], ["the", "bread"], {(0, 0), (1, 1)}, {(0, 0), (1, 1), (2, 1)})
    ax = figures.gold_links(pair)
    assert labels(ax.yaxis) == pair.source and labels(ax.xaxis) == pair.pivot
    assert ax.collections[0].get_array().tolist() == [[1, 0], [0, 1], [0, 0]] and len(ax.patches) == 3


@pytest.mark.parametrize("number, shape", [(1, (1, 1)), (3, (1, 3)), (4, (2, 2)), (5, (2, 3))])
def test_plans_share_one_scale_and_the_first_column_has_the_words(number, shape):
    named = {f"method {i}": np.full((2, 3), 1 / 6) for i in range(number)}
    grid = figures.plans(named, ["a", "b"], ["x", "y", "z"])
    assert grid.shape == shape
    drawn = list(grid.flat)[:number]
    assert {ax.collections[0].get_clim() for ax in drawn} == {(0, 1 / 3)}
    assert labels(grid[0, 0].yaxis) == ["a", "b"]


def test_letters_of_all_languages_are_in_the_font():
    # A missing glyph is drawn as an empty box, and matplotlib only warns.
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    letters = "äöüßñ¿éèçœ Ελληνικά ΐώ Български ѝщъ"
    known = FT2Font(findfont(FontProperties(family=plt.rcParams["font.family"]))).get_charmap()
    assert {letter for letter in letters if ord(letter) not in known} == set()


def test_a_log_without_rows_says_so():
    ax = figures.training_curves(pd.DataFrame(), {"loss": "training"}, ylabel="loss")
    assert [text.get_text() for text in ax.texts] == ["nothing was trained"]


def test_columns_logged_now_and_then_are_joined_over_the_gaps():
    log = pd.DataFrame({"step": [10, 20, 30, 40], "loss": [4, 3, 2, 1], "dev": [np.nan, 0.5, np.nan, 0.7]})
    ax = figures.training_curves(log, {"loss": "training", "dev": "English", "other": "absent"}, ylabel="x")
    assert [line.get_xdata().tolist() for line in ax.lines] == [[10, 20, 30, 40], [20, 40]]


def test_lines_of_a_plan_are_as_many_as_its_entries():
    plan = np.array([[0.5, 0.0], [0.1, 0.4]])
    x, y = np.array([[0.0, 0], [1, 1]]), np.array([[0.0, 1], [1, 0]])
    assert len(figures.word_points(x, y, "ab", "cd", plan=plan).lines) == 3


def test_a_curve_from_zero_has_room_above_its_first_point():
    # The spread's first value, its largest, once lay on the frame.
    log = pd.DataFrame({"step": [1, 2], "spread": [0.6, 0.59]})
    ax = figures.training_curves(log, {"spread": "English"}, ylabel="spread", from_zero=True)
    assert ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > 0.6


def test_transfer_joins_the_two_scores_of_each_run():
    table = pd.concat(
        [results(task="nli", metric="accuracy"), results(task="word_retrieval", metric="accuracy").iloc[:5]]
    )
    ax = figures.transfer_by_alignment(table, ("word_retrieval", "accuracy"), ("nli", "accuracy"), METHODS)
    assert len(ax.collections[0].get_offsets()) == 5


def test_saving_twice_gives_equal_files_and_leaves_no_other(tmp_path):
    # A date or a random id in an SVG makes every rerun look like a change.
    ax = figures.language_scores(
        pd.DataFrame({"language": ["en", "de"], "metric": "f1", "value": [80.0, 60.0]}), "f1", label="F1 (%)"
    )
    written = figures.save(ax, tmp_path / "one", "scores")
    again = figures.save(ax, tmp_path / "two", "scores")
    assert [path.name for path in written] == ["scores.png", "scores.svg"]
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["scores.png", "scores.svg"]
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in again]


def test_every_figure_draws_into_the_axes_it_is_given():
    scores = pd.DataFrame({"language": ["en", "de"], "metric": "f1", "value": [80.0, 60.0]})
    grid = pd.DataFrame({"en": [90.0, 80.0], "de": [50.0, 40.0]}, index=["where", "who"])
    x = np.array([[0.0, 0], [1, 1]])
    drawings = [
        lambda ax: figures.word_points(x, x + 1, "ab", "cd", ax=ax),
        lambda ax: figures.word_pulls(x, x + 1, "ab", "cd", x / 2, ax=ax),
        lambda ax: figures.word_paths(np.stack([x, x + 1]), x, "ab", "cd", ax=ax),
        lambda ax: figures.word_matrix(np.eye(2), "ab", "cd", annotate=".1f", ax=ax),
        lambda ax: figures.gold_links(GoldPair(["a", "b"], ["c"], {(0, 0)}, {(0, 0)}), ax=ax),
        lambda ax: figures.curves(grid, xlabel="x", ylabel="y", ax=ax),
        lambda ax: figures.training_curves(pd.DataFrame(), {}, ylabel="y", ax=ax),
        lambda ax: figures.sentence_lengths(pd.DataFrame({"de": [3, 4], "en": [3, 5]}), ax=ax),
        lambda ax: figures.language_bars({"en": 1.0, "de": 2.0}, label="y", ax=ax),
        lambda ax: figures.language_scores(scores, "f1", label="F1", chance=33.0, ax=ax),
        lambda ax: figures.score_grid(grid, label="F1", ax=ax),
        lambda ax: figures.seed_scores(results(), METHODS, label="x", ax=ax),
        lambda ax: figures.method_scores(summary(), "qa", "f1", METHODS, ax=ax),
        lambda ax: figures.gains(summary(), "qa", "f1", METHODS, ax=ax),
    ]
    for draw in drawings:
        ax = plt.subplots()[1]
        assert draw(ax) is ax and ax.has_data() or ax.texts
        plt.close("all")
