"""Intervals cover what they say, gains are paired, and every verdict rests on a whole interval."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from otlib.analysis.statistics import (
    beside_paper,
    check_findings,
    contest,
    item_interval,
    measure_name,
    measured,
    seed_interval,
    summarise,
    with_interval,
)
from otlib.settings import Finding, Paper
from otlib.study.paper import paper_results


@pytest.mark.parametrize("module", ["statistics", "report", "figures", "word_alignment"])
def test_what_makes_no_vectors_does_not_load_torch(module):
    # Torch takes seconds to import, and the report needs none of it.
    code = f"import sys, otlib.analysis.{module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# Intervals


def test_interval_of_equal_scores_has_no_width():
    assert item_interval(np.full((3, 40), 0.25)) == pytest.approx((0.25, 0.25))


def test_interval_of_one_seed_is_that_of_the_items():
    scores = np.random.default_rng(0).normal(5, 2, size=(1, 500))
    expected = scipy.stats.t.interval(0.95, 499, scores.mean(), scores.std(ddof=1) / math.sqrt(500))
    assert item_interval(scores) == pytest.approx(expected)


def test_where_only_seeds_differ_the_interval_is_that_of_seeds():
    # Averaging over the seeds first would hide them, resampling three would understate them.
    by_seed = np.array([1.0, 2.0, 3.0])
    assert item_interval(by_seed[:, None].repeat(1000, 1)) == pytest.approx(seed_interval(by_seed), rel=1e-3)


@pytest.mark.parametrize(("of_seeds", "of_items"), [(2.0, 0.0), (0.0, 40.0), (1.0, 30.0), (0.5, 5.0)])
def test_the_interval_covers_the_truth_as_often_as_it_says(of_seeds, of_items):
    """Three seeds and a hundred items are drawn anew six hundred times; a bootstrap of three seeds is too narrow."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(600):
        scores = rng.normal(0, of_seeds, (3, 1)) + rng.normal(0, of_items, 100) + rng.normal(0, 10, (3, 100))
        low, high = item_interval(scores)
        covered += low <= 0 <= high
    assert covered / 600 >= 0.92  # .95 less three standard errors


def test_student_interval_by_hand():
    # t(0.975, 2 degrees of freedom) = 4.303, standard deviation 1.
    assert seed_interval([1, 2, 3]) == pytest.approx((2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5), abs=1e-3)


# The summary


def tables(scores, task="nli", metric="accuracy"):
    """Results and predictions of arrays (seeds, items) by (method, language)."""
    rows = [
        (method, seed, language, f"item{item}", value)
        for (method, language), array in scores.items()
        for seed, line in enumerate(array)
        for item, value in enumerate(line)
    ]
    predictions = pd.DataFrame(rows, columns=["method", "seed", "language", "item", metric])
    results = predictions.groupby(["method", "seed", "language"])[metric].mean().reset_index(name="value")
    return results.assign(task=task, metric=metric), {task: predictions}


def row(summary, method, language="de"):
    chosen = summary[(summary["method"] == method) & (summary["language"] == language)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def noisy(gain=0.0, seeds=3, items=200):
    """Scores whose items differ far more than a method's gain."""
    items = np.random.default_rng(0).choice([0.0, 100.0], size=items)
    return np.tile(items, (seeds, 1)) + gain


def test_gain_is_paired_by_item():
    # Unpaired, items of standard deviation 50 would drown a gain of one point.
    results, predictions = tables({("none", "de"): noisy(), ("wordot", "de"): noisy(1.0)})
    found = row(summarise(results, predictions), "wordot")
    assert found["gain"] == pytest.approx(1)
    assert (found["gain_low"], found["gain_high"]) == pytest.approx((1, 1))
    assert found["high"] - found["low"] > 5


def test_items_are_paired_by_name_whatever_their_order():
    # Arrays put side by side in file order paired one item with another.
    results, predictions = tables({("none", "de"): noisy(), ("wordot", "de"): noisy(1.0)})
    mixed = {"nli": predictions["nli"].sample(frac=1, random_state=0)}
    pd.testing.assert_frame_equal(summarise(results, mixed), summarise(results, predictions))


def test_seeds_are_paired_by_number():
    # A method that has run on seeds 1 and 2 only is compared with the baseline's seeds 1 and 2.
    by_seed = np.array([[0.0], [50.0], [80.0]]).repeat(20, 1)
    gains = np.tile([1.0, 3.0], 10)
    results, predictions = tables({("none", "de"): by_seed, ("wordot", "de"): by_seed + gains})
    late = (results["method"] == "none") | (results["seed"] > 0)
    asked = {"nli": predictions["nli"].query("method == 'none' or seed > 0")}
    found, paired = (row(summarise(results[late], given), "wordot") for given in (None, asked))
    assert found["value"] == paired["value"] == pytest.approx(67)
    assert found["gain"] == paired["gain"] == pytest.approx(2) and found["seeds"] == 2
    # The seeds agree, the items do not: an interval of some width is that of paired items.
    assert 1 < paired["gain_low"] < paired["gain"] < paired["gain_high"] < 3


def test_an_item_that_one_method_lacks_is_left_out_of_the_pairs():
    results, predictions = tables({("none", "de"): noisy(), ("wordot", "de"): noisy(1.0)})
    table = predictions["nli"]
    fewer = {"nli": table[(table["method"] == "none") | (table["item"] != "item3")]}
    found = row(summarise(results, fewer), "wordot")
    assert (found["gain_low"], found["gain_high"]) == pytest.approx((1, 1))


def test_languages_without_parallel_text_have_an_average_of_their_own():
    scores = {("none", code): noisy() for code in ("en", "de", "th", "sw")}
    scores |= {
        ("wordot", "en"): noisy(),
        ("wordot", "de"): noisy(5.0),
        ("wordot", "th"): noisy(1.0),
        ("wordot", "sw"): noisy(3.0),
    }
    results, predictions = tables(scores)
    summary = summarise(results, predictions, unseen=["th", "sw"])
    assert row(summary, "wordot", "average")["gain"] == pytest.approx(5)
    unseen = row(summary, "wordot", "average_unseen")
    assert (unseen["gain"], unseen["gain_low"]) == pytest.approx((2, 2))


def test_one_seed_has_no_verdict():
    """Another seed may move a score by more than the items say."""
    results, predictions = tables({("none", "de"): noisy(seeds=1), ("wordot", "de"): noisy(-9.0, seeds=1)})
    found = row(summarise(results, predictions), "wordot")
    assert found["gain_high"] < 0 and not found["worse"]
    assert contest(results, predictions, methods=["wordot"], rivals=["none"])["verdict"].unique() == ["unknown"]


def test_copies_of_one_number_are_no_seeds():
    """The encoder as it was is the same for every seed."""
    assert np.isnan(seed_interval([33.7, 33.7, 33.7])).all()


def test_average_is_over_the_languages_beside_english():
    scores = {("none", language): np.full((2, 5), 50.0) for language in ("en", "de", "fr")}
    scores |= {("wordot", "en"): np.full((2, 5), 10.0)}
    scores |= {("wordot", "de"): np.full((2, 5), 56.0), ("wordot", "fr"): np.full((2, 5), 58.0)}
    results, predictions = tables(scores)
    for given in (None, predictions):
        found = row(summarise(results, given), "wordot", "average")
        assert (found["value"], found["gain"]) == pytest.approx((57, 7))


@pytest.mark.parametrize(
    ("metric", "change", "worse"),
    [
        ("accuracy", -5, True),
        ("accuracy", 5, False),
        ("aer", 5, True),
        ("aer_cosine", -5, False),
        ("mean_cosine_en", 5, True),
    ],
)
def test_worse_means_the_wrong_side_of_zero(metric, change, worse):
    # An error rate that rises is worse, an accuracy that rises is not.
    spread = np.array([[-0.5], [0.0], [0.5]]).repeat(2, 1)
    results, _ = tables({("none", "de"): np.full((3, 2), 40.0), ("wordot", "de"): 40 + change + spread})
    found = row(summarise(results.assign(metric=metric)), "wordot")
    assert found["worse"] == worse
    assert found["gain_low"] < change < found["gain_high"]


def test_a_loss_within_its_interval_is_not_worse():
    spread = np.array([[-6.0], [0.0], [6.0]]).repeat(2, 1)
    results, _ = tables({("none", "de"): np.full((3, 2), 40.0), ("wordot", "de"): 38 + spread})
    assert not row(summarise(results), "wordot")["worse"]


def test_one_seed_without_predictions_has_no_interval():
    # An interval of no width once made the smallest difference a finding.
    results, _ = tables({("none", "de"): noisy(seeds=1), ("wordot", "de"): noisy(-1.0, seeds=1)})
    found = row(summarise(results), "wordot")
    assert np.isnan(found["gain_low"]) and not found["worse"]


def test_the_baseline_has_no_gain_over_itself():
    results, predictions = tables({("none", "de"): noisy(), ("wordot", "de"): noisy(1.0)})
    found = row(summarise(results, predictions), "none")
    assert found[["gain", "gain_low", "gain_high"]].isna().all()
    alone = row(summarise(results[results["method"] == "wordot"], predictions), "wordot")
    assert np.isnan(alone["gain"])


# Verdicts


def results(scores, metric="accuracy", task="nli"):
    """Scores by method, one a seed, of German."""
    rows = [(method, seed, value) for method, values in scores.items() for seed, value in enumerate(values)]
    table = pd.DataFrame(rows, columns=["method", "seed", "value"])
    return table.assign(task=task, metric=metric, language="de")


def test_one_seed_tells_nothing_of_an_interval_nor_of_better_and_worse():
    # An interval without width once made every difference between single runs a sure one.
    assert np.isnan(seed_interval([70.0])).all()
    table = contest(results({"wordot": [60.0], "l2": [70.0]}), methods=["wordot"], rivals=["l2"])
    assert set(table["verdict"]) == {"unknown"}
    assert with_interval(table, "gain").tolist() == ["-10.0", "-10.0"]


@pytest.mark.parametrize("metric, verdict", [("accuracy", "better"), ("aer", "worse")])
def test_a_lower_error_rate_and_a_higher_score_are_better(metric, verdict):
    table = contest(
        results({"wordot": [70.0, 71.0, 72.0], "l2": [60.0, 61.0, 62.5]}, metric), methods=["wordot"], rivals=["l2"]
    )
    assert set(table["verdict"]) == {verdict}
    assert set(table["method"]) == {"wordot"} and set(table["rival"]) == {"l2"}


def test_without_a_rival_there_is_no_contest():
    scores = results({"wordot": [70.0, 71.0]})
    for empty in (contest(scores, methods=["wordot"], rivals=[]), contest(scores, methods=[], rivals=["wordot"])):
        assert empty.empty and {"rival", "verdict", "gain"} <= set(empty)


def test_gains_are_paired_by_seed():
    # Seeds differ far more than methods do: unpaired, this gain of one point would drown.
    summary = summarise(results({"none": [50.0, 60.0, 70.0], "wordot": [51.0, 61.1, 70.9]}))
    row = summary[(summary["method"] == "wordot") & (summary["language"] == "de")].iloc[0]
    assert row["gain"] == pytest.approx(1) and 0.7 < row["gain_low"] < 1 < row["gain_high"] < 1.3


def test_an_interval_is_written_with_its_value():
    table = pd.DataFrame({"value": [25.06], "low": [24.0], "high": [26.2]})
    assert with_interval(table).tolist() == ["25.1 [24.0, 26.2]"]
    table = pd.DataFrame({"gain": [1.0], "gain_low": [-0.5], "gain_high": [2.5]})
    assert with_interval(table, "gain").tolist() == ["+1.0 [-0.5, +2.5]"]


def test_with_interval_of_nothing_is_nothing():
    assert with_interval(pd.DataFrame(columns=["value", "low", "high"], dtype=float)).empty


# Findings


def scored(gains, task="nli", metric="accuracy", seeds=3):
    """Results of methods a (worse by each language's gain) and b; the seeds differ by a tenth of a point."""
    rows = [
        (method, seed, task, language, metric, 50 + (gain if method == "b" else 0) + seed / 10 * (method == "b"))
        for language, gain in gains.items()
        for method in "ab"
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["method", "seed", "task", "language", "metric", "value"])


def outcome(results, expected, task="nli", **finding):
    given = Finding(**{"says": "1.", "method": "b", "against": "a", "expects": {task: expected}, **finding})
    (row,) = check_findings(results, None, [given]).to_dict("records")
    assert (row["finding"], row["against"], row["expected"]) == ("1.", "a", expected)
    return row["outcome"]


@pytest.mark.parametrize(
    ("gain", "better", "worse", "none"),
    [
        (5, "holds", "does not hold", "does not hold"),
        (-5, "does not hold", "holds", "does not hold"),
        (-0.1, "cannot tell", "cannot tell", "not contradicted"),
    ],
)
def test_a_finding_is_judged_by_the_whole_interval(gain, better, worse, none):
    results = scored({"en": 40, "de": gain, "fr": gain})
    outcomes = [outcome(results, expected) for expected in ("better", "worse", "no clear difference")]
    assert outcomes == [better, worse, none]


@pytest.mark.parametrize(
    ("gain", "within", "expected"), [(-1, 2.0, "holds"), (-5, 2.0, "does not hold"), (-1, 1.0, "cannot tell")]
)
def test_as_good_means_worse_by_less_than_what_is_allowed(gain, within, expected):
    """That no difference is clear is no proof of none; this is one."""
    results = scored({"de": gain, "fr": gain})
    assert outcome(results, "as good", within=within) == expected
    mirrored = results.assign(task="word_alignment", metric="aer", value=-results["value"])
    assert outcome(mirrored, "as good", task="word_alignment", within=within) == expected


def test_a_finding_about_some_languages_looks_at_these_only():
    results = scored({"de": 5, "fr": -20})
    assert outcome(results, "better") == "does not hold"
    assert outcome(results, "better", languages=["de"]) == "holds"


def test_a_lower_error_rate_is_better():
    results = scored({"de": -5}, "word_alignment", "aer")
    assert outcome(results, "better", "word_alignment") == "holds"


def test_of_what_was_not_run_and_of_one_seed_nothing_is_said():
    assert outcome(scored({"de": 5}), "better", "qa") == "cannot tell"
    assert outcome(scored({"de": 5}), "better", method="c") == "cannot tell"
    assert outcome(scored({"de": 5}, seeds=1), "no clear difference") == "cannot tell"


def test_without_predictions_of_a_task_findings_about_it_are_judged_by_seeds():
    # Findings of alignment have no items; the tables of other tasks must not be mixed in.
    results = scored({"de": 5}, "word_retrieval")
    (row,) = check_findings(
        results,
        {"nli": tables({("a", "de"): noisy()})[1]["nli"]},
        [Finding(says="1.", method="b", against="a", expects={"word_retrieval": "better"})],
    ).to_dict("records")
    assert row["outcome"] == "holds" and row["gain"] == pytest.approx(5.1)


# The paper


def runs(values, method="wordot", task="nli", metric="accuracy"):
    """Scores of one method: a list of a value a seed, by language."""
    rows = [(code, seed, value) for code, scores in values.items() for seed, value in enumerate(scores)]
    table = pd.DataFrame(rows, columns=["language", "seed", "value"])
    return table.assign(method=method, task=task, metric=metric)


def compare(results, experiment="table2", **rows):
    table = beside_paper(results, paper_results(), Paper(experiment=experiment, rows=rows))
    return table.set_index(["task", "metric", "language", "method"])


def test_our_numbers_stand_beside_those_of_the_papers_row():
    table = compare(runs({"de": [70.0, 71.0, 75.0]}), wordot="WordOT", none="mBERT")
    row = table.loc["nli", "accuracy", "de", "wordot"]
    assert (row["model"], row["value"], row["paper"], row["runs"]) == ("WordOT", 72.0, 73.7, 3)
    assert row["difference"] == pytest.approx(72.0 - 73.7)
    # Student's t with two degrees of freedom: 4.3027 standard errors, by its table.
    half = 4.3027 * np.std([70, 71, 75], ddof=1) / 3**0.5
    assert (row["low"], row["high"]) == (pytest.approx(72 - half, abs=1e-3), pytest.approx(72 + half, abs=1e-3))
    # What has not been run stands there with the paper's value, and says so.
    missing = table.loc["nli", "accuracy", "de", "none"]
    assert (missing["paper"], missing["runs"]) == (72.0, 0) and np.isnan(missing["value"])


def test_the_papers_f1_stands_beside_accuracy_and_macro_f1():
    table = compare(runs({"sw": [50.0]}, metric="macro_f1"), wordot="LargeWordOT")
    assert table.loc["nli", "macro_f1", "sw", "wordot"]["difference"] == pytest.approx(50 - 62.2)
    assert table.loc["nli", "accuracy", "sw", "wordot"]["runs"] == 0
    assert table.loc["qa", "f1", "de", "wordot"]["paper"] == 71.8
    assert table.loc["qa", "exact_match", "zh", "wordot"]["paper"] == 43.1


def test_an_average_counts_the_runs_that_have_all_of_its_languages():
    # A mean over the easy languages only would look like progress.
    answers = {"en": [80.0, 82.0], "de": [70.0, 72.0], "el": [60.0, 62.0], "es": [50.0]}
    table = compare(runs(answers, task="qa", metric="f1"), wordot="WordOT")
    seen = table.loc["qa", "f1", "average_seen", "wordot"]
    assert (seen["value"], seen["runs"], seen["paper"]) == (65.0, 1, 74.7)
    assert np.isnan(seen["low"])
    assert table.loc["qa", "f1", "average_all", "wordot"]["runs"] == 0


def test_a_table_of_averages_alone_is_compared_by_the_same_averages():
    languages = ["en", "bg", "de", "el", "es", "fr"]
    table = compare(runs({code: [70.0 + i] for i, code in enumerate(languages)}), "table3", wordot="SubOT")
    assert set(table.index.get_level_values("language")) == {"average_seen", "average_all"}
    row = table.loc["nli", "accuracy", "average_seen", "wordot"]
    assert row["value"] == 72.5 and row["difference"] == pytest.approx(72.5 - 75.7)


# Names of measures


def test_measures_stand_in_the_order_of_their_names_whatever_the_order_of_the_table():
    table = pd.DataFrame({"task": ["qa", "space", "nli"], "metric": ["f1", "mean_cosine_en", "accuracy"]})
    assert measured(table) == [("nli", "accuracy"), ("qa", "f1"), ("space", "mean_cosine_en")]
    assert measured(table, [("qa", "f1"), ("retrieval", "accuracy")]) == [("qa", "f1")]


def test_a_measure_without_a_name_is_called_by_its_task_and_metric():
    assert measure_name("nli", "accuracy") == "NLI accuracy (%)"
    assert measure_name("tagging", "f1") == "tagging f1"
