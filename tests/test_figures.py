"""Figures draw what the data say: every method its colour, every word its label, every gap left a gap."""

import matplotlib

matplotlib.use("Agg")

import re
import warnings
from pathlib import Path
from xml.dom import minidom

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from otlib.analysis import figures
from otlib.analysis.figures import letters
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


def test_a_cell_without_a_number_is_empty_and_names_fit_the_matrix():
    ax = figures.word_matrix([[0.5, np.nan], [np.inf, 2]], "a b", "c d", annotate=".1f")
    assert [text.get_text() for text in ax.texts] == ["0.5", "2.0"]
    ax = figures.word_matrix([[3, 4]], "a", "c d", annotate="d")
    assert [text.get_text() for text in ax.texts] == ["3", "4"]
    with pytest.raises(ValueError, match=r"a matrix \(2, 3\) cannot be drawn with 3 rows and 2 columns"):
        figures.word_matrix(np.ones((2, 3)), "a b c", "d e")


@pytest.mark.parametrize("value", [0, -1, np.nan])
def test_a_matrix_with_nothing_above_0_has_the_colours_of_one_with(value):
    ax = figures.word_matrix(np.full((2, 2), value), "a b", "c d", annotate=".0f")
    ax.figure.canvas.draw()
    mesh = ax.collections[0]
    assert mesh.get_clim() == (0, 1) and {text.get_color() for text in ax.texts} <= {"0.15"}


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


# Text as it is written

NAMES = ["$$", "US$5$", "_x", r"$\frac{$", ""]


def every_figure(names):
    """Each figure with these names wherever it takes words, languages, methods, kinds of item or columns."""
    n = len(names)
    of_methods = pd.concat(summary().query("method == 'none'").assign(method=name) for name in names)
    of_runs = pd.concat(results().query("method == 'none'").assign(method=name) for name in names)
    by_language = pd.DataFrame({"language": names, "metric": "f1", "value": 50.0})
    both = pd.concat([of_runs.assign(task="nli", metric="accuracy"), of_runs.assign(task="qa", metric="f1")])
    points, steps = np.random.default_rng(0).normal(size=(n, 2)), pd.DataFrame({"step": [1, 2]})
    columns = dict.fromkeys(names, [1.0, 2.0])
    log = steps.join(pd.DataFrame({f"c{i}": [1.0, 2.0] for i in range(n)}))
    yield figures.word_points(points, points + 1, names, names)
    yield figures.word_pulls(points, points + 1, names, names, points / 2)
    yield figures.word_paths(np.stack([points, points + 1]), points, names, names)
    yield figures.word_matrix(np.eye(n), names, names, label=names[0])
    yield figures.gold_links(GoldPair(names, names, {(0, 0)}, {(0, 0)}))
    yield figures.plans({name: np.eye(n) for name in names}, names, names)
    yield figures.curves(pd.DataFrame(columns), xlabel=names[0], ylabel=names[1])
    yield figures.training_curves(log, {f"c{i}": name for i, name in enumerate(names)}, ylabel=names[0])
    yield figures.sentence_lengths(pd.DataFrame({names[0]: [3, 4], names[1]: [3, 5]}))
    yield figures.language_bars(dict.fromkeys(names, 1.0), label=names[0])
    yield figures.language_scores(by_language, "f1", label=names[0], chance=33.0)
    yield figures.score_grid(pd.DataFrame(columns, index=names[:2]), label=names[0])
    yield figures.seed_scores(of_runs, names, label=names[0])
    yield figures.method_scores(of_methods, "nli", "accuracy", names)
    yield figures.gains(of_methods, "nli", "accuracy", names)
    yield figures.scoreboard(of_methods, [("nli", "accuracy")], names)
    yield figures.variants(of_methods, [("nli", "accuracy")], names, reference=names[0])
    renamed = both.replace({"de": names[0], "el": names[1]})
    yield figures.transfer_by_alignment(renamed, ("qa", "f1"), ("nli", "accuracy"), names, language=names[0])


def texts(drawn):
    return [text for text in np.ravel(drawn)[0].figure.findobj(matplotlib.text.Text) if text.get_text()]


def test_names_are_drawn_letter_by_letter_in_every_figure():
    # "$$" stopped 30_pair, "US$5$" lost its dollars, "_x" was left out of legends.
    for drawn in every_figure(NAMES):
        np.ravel(drawn)[0].figure.canvas.draw()
        shown = [text for text in texts(drawn) if text.get_text() in NAMES]
        assert shown and not any(text.get_parse_math() for text in shown if "$" in text.get_text())
        plt.close("all")


def test_every_figure_is_drawn_with_such_names():
    drawing = {name for name in dir(figures) if callable(getattr(figures, name))}
    drawing -= {"method_palette", "alt_text", "explore", "save", "use_style"}
    assert all(hasattr(getattr(figures, name), "__wrapped__") for name in drawing)
    assert len(drawing) == len(list(every_figure(["a", "b"])))


def test_legends_have_every_name_whatever_it_begins_with():
    columns, log = pd.DataFrame(dict.fromkeys(NAMES, [1, 2])), pd.DataFrame({"step": [1], "a": [1], "b": [2]})
    ax = figures.curves(columns, xlabel="x", ylabel="y")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == NAMES
    ax = figures.training_curves(log, {"a": "_a", "b": ""}, ylabel="y")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["_a", ""]
    table = pd.concat(summary().query("method == 'none'").assign(method=name) for name in NAMES)
    grid = figures.scoreboard(table, [("nli", "accuracy")], NAMES)
    assert [text.get_text() for text in grid[0, 0].figure.legends[0].get_texts()] == NAMES
    runs = results().query("method == 'none'").assign(method="_x")
    runs = pd.concat([runs.assign(task="nli", metric="accuracy"), runs.assign(task="qa", metric="f1")])
    ax = figures.transfer_by_alignment(runs, ("qa", "f1"), ("nli", "accuracy"), ["_x"], language="de")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["_x"]


def test_mathematics_of_others_stays_mathematics():
    # A user's title, set before or after, and the powers of ten of a logarithmic axis are meant.
    figure, (mine, other) = plt.subplots(1, 2)
    before = other.set_title("$x^2$")
    other.set_xscale("log")
    other.plot([1, 100], [1, 2])
    figures.word_matrix(np.eye(2), ["$$", "b"], ["c", "d"], ax=mine)
    after = mine.set_title("$y^2$")
    ax = figures.curves(pd.DataFrame({"$$": [1, 2]}, index=[0.01, 1]), xlabel="x", ylabel="y", logarithmic=True)
    for axes in (figure, ax.figure):
        axes.canvas.draw()
    numbers = [*other.get_xticklabels(), *ax.get_xticklabels()]
    assert numbers and all(text.get_parse_math() for text in [before, after, *numbers])


def test_tables_of_notebooks_are_no_mathematics_either():
    # Jupyter hides the dollars of words in a table, and sets what is between them in italics.
    assert "tex2jax_ignore" in pd.DataFrame({"word": ["US$5$"]})._repr_html_()


@pytest.mark.parametrize("word", ["\x0b", "\0", "\x1f", "\ufffe", "--", "]]>", "<&>"])
def test_an_svg_can_be_read_whatever_words_it_holds(tmp_path, word):
    # A control character in a comment makes an SVG that no browser shows.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ax = figures.word_matrix(np.eye(1), [f"a{word}b"], ["c"])
        minidom.parse(str(figures.save(ax, tmp_path, "words")[1]))


@pytest.fixture
def installed(monkeypatch):
    """Set the installed fonts, by the names of files that come with matplotlib."""

    def have(*names):
        paths = [str(Path(matplotlib.get_data_path(), "fonts/ttf", name)) for name in names]
        monkeypatch.setattr(letters, "findSystemFonts", lambda: paths)
        forget()

    def forget():
        letters._family.cache_clear()
        letters._installed.cache_clear()

    yield have
    forget()


@pytest.mark.parametrize(
    "word", ["äöüßñ¿éèçœ", "Ελληνικά", "Български ѝщъ", "تفاح", "a\u200d\u200b\xad \u3000", "❤\ufe0f"]
)
def test_letters_of_the_font_need_no_other(installed, word):
    installed()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = figures.word_matrix(np.eye(1), [word], ["a"])
    assert ax.get_yticklabels()[0].get_fontfamily() == ["DejaVu Sans"]


@pytest.mark.parametrize(
    ("word", "scripts"),
    [
        ("苹果", "CJK"),
        ("リンゴは", "Hiragana, Katakana"),
        ("사과", "Hangul"),
        ("सेब", "Devanagari"),
        ("แอปเปิ้ล", "Thai"),
        ("ہے", "Arabic"),
        ("🍎", "symbols and emoji"),
        ("「", "punctuation"),
        ("\ufdd0", "characters without a name"),
    ],
)
def test_one_sentence_names_the_scripts_that_no_font_has(installed, word, scripts, tmp_path):
    installed()
    with pytest.warns(UserWarning) as told:
        grid = figures.plans({"a": np.eye(1), word: np.eye(1)}, [word], ["b"])
    assert len(told) == 1
    assert f"no installed font has them: {scripts}; install fonts, on Debian fonts-noto-core" in str(told[0].message)
    with warnings.catch_warnings(record=True) as later:
        figures.use_style()
        figures.save(grid[0, 0], tmp_path, "plans")
    assert not later  # matplotlib's own, one a letter


def test_letters_that_the_font_lacks_come_from_an_installed_one(installed):
    installed("STIXGeneral.ttf")
    for drawn in every_figure(["ᶁog", "cat"]):
        lacking = [text for text in texts(drawn) if "ᶁ" in text.get_text()]
        assert lacking and all(text.get_fontfamily() == ["DejaVu Sans", "STIXGeneral"] for text in lacking)
        others = [text for text in texts(drawn) if "ᶁ" not in text.get_text()]
        assert all(text.get_fontfamily() == ["DejaVu Sans"] for text in others)
        plt.close("all")


def test_fonts_that_cannot_be_read_and_those_of_other_cuts_are_passed_over(installed, tmp_path):
    (tmp_path / "damaged.ttf").write_bytes(b"none")
    installed(str(tmp_path / "damaged.ttf"), "DejaVuSerif-Bold.ttf", "gone.ttf", "STIXGeneral.ttf")
    ax = figures.word_matrix(np.eye(1), ["ᶁ"], ["a"])
    assert ax.get_yticklabels()[0].get_fontfamily() == ["DejaVu Sans", "STIXGeneral"]


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
    assert len(figures.word_points(x, y, "a b", "c d", plan=plan).lines) == 3


def test_a_curve_from_zero_has_room_above_its_first_point():
    # The spread's first value, its largest, once lay on the frame.
    log = pd.DataFrame({"step": [1, 2], "spread": [0.6, 0.59]})
    ax = figures.training_curves(log, {"spread": "English"}, ylabel="spread", from_zero=True)
    assert ax.get_ylim()[0] == 0 and ax.get_ylim()[1] > 0.6


def test_transfer_joins_the_two_scores_of_each_run():
    table = pd.concat(
        [results(task="nli", metric="accuracy"), results(task="word_retrieval", metric="accuracy").iloc[:5]]
    )
    measures = ("word_retrieval", "accuracy"), ("nli", "accuracy")
    drawn = [figures.transfer_by_alignment(table, *measures, METHODS, language=code) for code in ("de", "el")]
    assert [sum(len(points.get_offsets()) for points in ax.collections) for ax in drawn] == [3, 2]


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
        lambda ax: figures.word_points(x, x + 1, "a b", "c d", ax=ax),
        lambda ax: figures.word_pulls(x, x + 1, "a b", "c d", x / 2, ax=ax),
        lambda ax: figures.word_paths(np.stack([x, x + 1]), x, "a b", "c d", ax=ax),
        lambda ax: figures.word_matrix(np.eye(2), "a b", "c d", annotate=".1f", ax=ax),
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


# What a figure shows without colours, and in words


def test_every_figure_says_what_it_shows_with_numbers():
    """Every image of the report once had an empty description."""
    for drawn in every_figure(["wordot", "l2"]):
        figure = np.ravel(drawn)[0].figure
        said = figures.alt_text(figure)
        assert re.search(r"\d", said) or "Gold links" in said, said
        assert "nan" not in said and "<" not in said and len(said) > 20
        plt.close("all")


def test_what_is_said_of_a_figure_are_its_numbers():
    ax = figures.gains(summary().replace("el", "fr"), "qa", "f1", METHODS)
    said = figures.alt_text(ax.figure)
    assert said.startswith("Points of QA F1 (%) over none with 95 % intervals: en: wordot +1.0 [+0.0, +2.0], l2 +2.0")
    assert "average: wordot +1.0" in said and "none +" not in said
    grid = figures.plans({"a": np.eye(2), "b": np.eye(2)[::-1]}, ["ja", "nein"], ["yes", "no"], sure={(0, 0)})
    said = figures.alt_text(grid[0, 0].figure)
    assert "a: mass moved" in said and "ja – yes 1, nein – no 1. Gold links are framed: ja – yes." in said
    assert "b: mass moved, words against words, largest of each row: ja – no 1" in said
    curve = figures.curves(pd.DataFrame({"up": [1.0, 3.0, 2.0]}), xlabel="layer", ylabel="rate")
    assert figures.alt_text(curve.figure) == "rate against layer: up from 1 at 0 to 2 at 2, between 1 and 3."


def test_of_many_languages_the_averages_are_told():
    table = pd.concat(summary().replace("de", code) for code in ("de", "el", "es", "fr", "bg", "th"))
    table = table.drop_duplicates(["task", "language", "method"])
    said = figures.alt_text(figures.method_scores(table, "nli", "accuracy", METHODS).figure)
    assert "average: none 50.0" in said and "bg" not in said and "6 other languages are drawn" in said


def test_methods_and_curves_differ_without_their_colours():
    markers = [line.lines[0].get_marker() for line in figures.method_scores(summary(), "qa", "f1", METHODS).containers]
    assert len(set(markers)) == len(METHODS)
    again = [line.lines[0].get_marker() for line in figures.gains(summary(), "qa", "f1", METHODS).containers]
    assert again == markers[1:]  # a method has one marker, whatever is drawn beside it
    lines = figures.curves(pd.DataFrame({"a": [1, 2], "b": [2, 1], "c": [3, 3]}), xlabel="x", ylabel="y").lines
    assert len({(line.get_marker(), line.get_linestyle()) for line in lines}) == 3


def test_a_notebook_keeps_beside_a_figure_what_it_shows(monkeypatch):
    shell = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    ax = figures.language_bars({"en": 1.25, "de": 1.5}, label="subwords per word")
    kept, _ = shell.display_formatter.format(ax.figure, include={"text/plain"})
    assert kept["text/plain"] == "subwords per word: en 1.25, de 1.5."
