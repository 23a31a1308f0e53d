"""Intervals cover what they say, gains are paired, and every verdict rests on a whole interval."""

import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from otlib.analysis.intervals import holm, item_estimate, item_interval, ratio_scores, seed_estimate, seed_interval
from otlib.analysis.statistics import (
    beside_paper,
    check_findings,
    contest,
    measure_name,
    measured,
    summarise,
    with_interval,
)
from otlib.settings import Finding, Paper
from otlib.study.paper import paper_results


@pytest.mark.slow
@pytest.mark.parametrize("module", ["intervals", "statistics", "report", "figures", "word_alignment"])
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


def drawn_sentences(rng, seeds, sentences):
    """Links and wrong links (seeds, sentences) of a test set whose sentences differ in length and in difficulty."""
    lengths = rng.integers(3, 30, sentences)
    of_seeds, rest = rng.normal(0, 0.005, (seeds, 1)), rng.normal(0, 0.1, (seeds, sentences))
    wrong = np.clip(rng.normal(0.3, 0.2, sentences) + of_seeds + rest, 0, 1)
    wholes = np.maximum(1, lengths + rng.integers(-2, 3, (seeds, sentences)))
    return np.round(wholes * wrong), wholes


@pytest.mark.parametrize(("seeds", "sentences"), [(3, 100), (5, 100), (3, 500), (5, 500)])
def test_the_interval_of_an_error_rate_covers_the_truth_as_often_as_it_says(seeds, sentences):
    """One of seeds alone, for a rate over a few hundred sentences, covers the truth in half of the cases or so."""
    rng = np.random.default_rng(0)
    parts, wholes = drawn_sentences(rng, 50, 200_000)
    truth, covered = parts.sum() / wholes.sum(), np.zeros(2)
    for _ in range(600):
        parts, wholes = drawn_sentences(rng, seeds, sentences)
        scores = np.array(list(map(ratio_scores, parts, wholes)))
        for i, (low, high) in enumerate((item_interval(scores), seed_interval(parts.sum(1) / wholes.sum(1)))):
            covered[i] += low <= truth <= high
    assert 0.92 <= covered[0] / 600 <= 0.98 and covered[1] / 600 < 0.8


@pytest.mark.parametrize("seeds", [1, 5])
def test_questions_about_one_article_are_no_independent_items(seeds):
    """Of XQuAD's size: 48 articles of about 25 questions, with an intra-class correlation of .06."""
    rng = np.random.default_rng(0)
    covered = np.zeros(2)
    for _ in range(600):
        sizes = rng.integers(5, 46, 48)
        items = 60 + np.repeat(rng.normal(0, 10, 48), sizes) + rng.normal(0, 40, sizes.sum())
        scores = items + rng.normal(0, 0.5, (seeds, 1)) + rng.normal(0, 10, (seeds, sizes.sum()))
        sums = np.add.reduceat(scores, np.cumsum(sizes) - sizes, axis=1)
        clustered = np.array([ratio_scores(one, sizes) for one in sums])
        for i, (low, high) in enumerate(map(item_interval, (clustered, scores))):
            covered[i] += low <= 60 <= high
    assert covered[0] / 600 >= 0.92 and covered[1] / 600 < 0.88


def test_ratio_scores_by_hand():
    # 6 of 12: the item with 4 of 6 has one more than its share, 1 / 4 of the mean whole.
    assert ratio_scores([4, 1, 1], [6, 2, 4]).tolist() == [0.5 + 1 / 4, 0.5, 0.5 - 1 / 4]
    assert ratio_scores([3, 5], [1, 1]).tolist() == [3, 5]  # of equal wholes, a mean
    assert ratio_scores([0, 0], [0, 0]).tolist() == [0, 0]


@pytest.mark.parametrize("shift", [-2.0, 0.3, 1.0])
def test_the_p_value_is_that_of_the_interval(shift):
    values = np.array([1.0, 2.0, 4.0]) + shift
    assert seed_estimate(values).p == pytest.approx(scipy.stats.ttest_1samp(values, 0).pvalue)
    low, high = seed_interval(values)
    assert (seed_estimate(values).p < 0.05) == (not low <= 0 <= high)
    items = np.random.default_rng(0).normal(shift, 2, size=(1, 30))
    assert item_estimate(items).p == pytest.approx(scipy.stats.ttest_1samp(items[0], 0).pvalue)


def test_what_never_differs_is_sure_and_no_gain_is_none():
    assert item_estimate(np.ones((3, 5))).p == 0 and item_estimate(np.zeros((3, 5))).p == 1
    assert np.isnan(seed_estimate([1.0]).p) and np.isnan(seed_estimate([]).mean)


def test_holms_correction_by_hand():
    # The smallest of three is tripled, the next doubled; none becomes smaller than the one before it.
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.6, 0.7]).tolist() == [1, 1] and holm([]).tolist() == []
    corrected = holm([np.nan, 0.04, np.nan, 0.01])  # what has no p-value is no comparison
    assert corrected[[1, 3]] == pytest.approx([0.04, 0.02]) and np.isnan(corrected[[0, 2]]).all()


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


def test_a_cluster_counts_once_whatever_its_size():
    """Ten copies of an item tell no more than one."""
    few = np.random.default_rng(0).normal(50, 20, (2, 3, 40))
    (once, alone), (copied, answers) = (
        tables({("none", "de"): one[0], ("wordot", "de"): one[1]}) for one in (few, few.repeat(10, 2))
    )
    cluster = answers["nli"]["item"].str.removeprefix("item").astype(int) // 10
    clustered = {"nli": answers["nli"].assign(cluster=cluster)}
    expected, found, narrow = (
        row(summarise(*given), "wordot") for given in ((once, alone), (copied, clustered), (copied, answers))
    )
    columns = ["value", "low", "high", "gain", "gain_low", "gain_high", "p"]
    assert found[columns].astype(float).to_numpy() == pytest.approx(expected[columns].astype(float).to_numpy())
    assert narrow["gain_high"] - narrow["gain_low"] < found["gain_high"] - found["gain_low"]


def test_items_of_their_own_in_each_language_are_averaged_as_such():
    """Gold sets differ in their sentences and numbers: each language has its share of the average, and of its error."""
    draw = np.random.default_rng(0)
    scores = {"de": draw.normal(50, 10, (1, 300)), "fr": draw.normal(70, 30, (1, 60))}
    results, predictions = tables({("none", code): array for code, array in scores.items()})
    own = predictions["nli"].assign(item=predictions["nli"]["language"] + predictions["nli"]["item"])
    found = row(summarise(results, {"nli": own}), "none", "average")
    error = math.sqrt(sum(one.var(ddof=1) / one.size for one in scores.values())) / 2
    assert found["value"] == pytest.approx(np.mean([one.mean() for one in scores.values()]))
    assert (found["high"] - found["low"]) / 2 == pytest.approx(1.966 * error, rel=0.01)


def test_an_interval_of_fewer_seeds_than_there_are_stands_around_the_mean_of_all():
    """Some runs may be from before sentences were kept: one of them alone tells nothing of other seeds."""
    by_seed = np.array([[0.0], [3.0], [6.0]]) + np.arange(20)
    results, predictions = tables({("none", "de"): 0 * by_seed, ("wordot", "de"): by_seed})
    one = {"nli": predictions["nli"].query("seed == 0")}
    found = row(summarise(results, one), "wordot")
    assert found["gain"] == pytest.approx(12.5) and np.isnan(found["p"])
    assert found["gain"] == pytest.approx((found["gain_low"] + found["gain_high"]) / 2)


def test_one_seed_has_no_verdict():
    """Another seed may move a score by more than the items say."""
    results, predictions = tables({("none", "de"): noisy(seeds=1), ("wordot", "de"): noisy(-9.0, seeds=1)})
    found = row(summarise(results, predictions), "wordot")
    assert found["gain_high"] < 0 and np.isnan(found["p"])
    assert contest(results, predictions, pairs=[("wordot", "none")])["verdict"].unique() == ["unknown"]


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
    ("metric", "change", "verdict"),
    [
        ("accuracy", -5, "worse"),
        ("accuracy", 5, "better"),
        ("aer", 5, "worse"),
        ("aer_cosine", -5, "better"),
        ("mean_cosine_en", 5, "worse"),
    ],
)
def test_worse_means_the_wrong_side_of_zero(metric, change, verdict):
    # An error rate that rises is worse, an accuracy that rises is not.
    spread = np.array([[-0.5], [0.0], [0.5]]).repeat(2, 1)
    results, _ = tables({("none", "de"): np.full((3, 2), 40.0), ("wordot", "de"): 40 + change + spread})
    found = row(contest(results.assign(metric=metric), pairs=[("wordot", "none")]), "wordot")
    assert found["verdict"] == verdict
    assert found["gain_low"] < change < found["gain_high"]


def test_a_loss_within_its_interval_is_not_worse():
    spread = np.array([[-6.0], [0.0], [6.0]]).repeat(2, 1)
    results, _ = tables({("none", "de"): np.full((3, 2), 40.0), ("wordot", "de"): 38 + spread})
    assert row(contest(results, pairs=[("wordot", "none")]), "wordot")["verdict"] == "no clear difference"


def test_one_seed_without_predictions_has_no_interval():
    # An interval of no width once made the smallest difference a finding.
    results, _ = tables({("none", "de"): noisy(seeds=1), ("wordot", "de"): noisy(-1.0, seeds=1)})
    found = row(summarise(results), "wordot")
    assert np.isnan(found["gain_low"]) and np.isnan(found["p"])


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
    table = contest(results({"wordot": [60.0], "l2": [70.0]}), pairs=[("wordot", "l2")])
    assert set(table["verdict"]) == {"unknown"}
    assert with_interval(table, "gain").tolist() == ["-10.0", "-10.0"]


@pytest.mark.parametrize("metric, verdict", [("accuracy", "better"), ("aer", "worse")])
def test_a_lower_error_rate_and_a_higher_score_are_better(metric, verdict):
    table = contest(results({"wordot": [70.0, 71.0, 72.0], "l2": [60.0, 61.0, 62.5]}, metric), pairs=[("wordot", "l2")])
    assert set(table["verdict"]) == {verdict}
    assert set(table["method"]) == {"wordot"} and set(table["rival"]) == {"l2"}


def test_without_a_rival_there_is_no_contest():
    scores = results({"wordot": [70.0, 71.0]})
    for pairs in ([], [("wordot", "l2")], [("wordot", "wordot")], [("l2", "wordot")]):
        empty = contest(scores, pairs=pairs)
        assert empty.empty and {"rival", "p_holm", "verdict", "gain"} <= set(empty)


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


def test_verdicts_of_one_page_are_corrected_together():
    """Of twenty methods that do nothing one is "better" beyond its own interval."""
    draw = np.random.default_rng(0)
    scores = results({"none": draw.normal(50, 1, 5), **{f"m{i}": draw.normal(50, 1, 5) for i in range(40)}})
    page = contest(scores, pairs=[(f"m{i}", "none") for i in range(40)])
    assert (page["p"] < 0.05).sum() >= 2 and set(page["verdict"]) == {"no clear difference"}
    assert page["p_holm"].max() <= 1 and (page["p_holm"] >= page["p"]).all()
    # A single comparison is not corrected; its interval never is.
    best = page.loc[page["p"].idxmin()]
    alone = contest(scores, pairs=[(best["method"], "none")])
    assert set(alone["verdict"]) <= {"better", "worse"} and alone["gain_low"].iloc[0] == best["gain_low"]


def test_averages_are_a_family_of_their_own():
    scores = [
        results({"none": [50, 50.1, 49.9], "wordot": [53, 53.6, 52.6]}).assign(language=f"l{i}") for i in range(9)
    ]
    page = contest(pd.concat(scores), pairs=[("wordot", "none")]).set_index("language")
    assert page.loc["average", "p_holm"] == page.loc["average", "p"] and page.loc["average", "verdict"] == "better"
    assert page.loc["l0", "p"] == pytest.approx(page.loc["average", "p"]) and page.loc["l0", "p"] < 0.05
    assert page.loc["l0", "p_holm"] == pytest.approx(9 * page.loc["l0", "p"])


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


def with_effect(gain, effect, metric="accuracy", spread=0.1):
    """Results of ``none`` at 30, ``a`` with an effect over it, and ``b`` with a gain over ``a``; seeds differ a bit."""
    means = {"none": 30, "a": 30 + effect, "b": 30 + effect + gain}
    wobble = {"none": [0, 0, 0], "a": [0, spread, -spread], "b": [spread, 0, -spread]}
    sign = -1 if metric == "aer" else 1
    scores = {method: [sign * (mean + one) for one in wobble[method]] for method, mean in means.items()}
    return results(scores, metric, "word_alignment" if metric == "aer" else "nli")


@pytest.mark.parametrize(
    ("gain", "effect", "given", "expected"),
    [
        (-1, 20, {}, "holds"),  # a twentieth of the effect
        (-1, 1.5, {}, "does not hold"),  # the same points, most of the effect
        (-15, 20, {}, "does not hold"),
        (-15, 20, {"within": 0.9}, "holds"),
        (-4, 20, {}, "cannot tell"),  # about as much as is allowed
        (3, 20, {}, "holds"),
        (0, 0.05, {}, "cannot tell"),  # nothing to lose
        (5, -20, {}, "cannot tell"),  # less than nothing
        (-1, 20, {"over": "c"}, "cannot tell"),  # not run
    ],
)
@pytest.mark.parametrize("metric", ["accuracy", "aer"])
def test_as_good_means_that_a_share_of_the_effect_is_kept(gain, effect, given, expected, metric):
    """Fifteen languages "did not cost the five" a point, which was three quarters of what alignment had gained."""
    task = "word_alignment" if metric == "aer" else "nli"
    assert outcome(with_effect(gain, effect, metric), "as good", task, **given) == expected


def test_the_error_of_the_effect_counts():
    """The loss is the same for every seed; how much there is to lose is not."""
    lost = with_effect(-3, 20, spread=0)
    assert outcome(lost.assign(value=lost["value"] + 0.1 * lost["seed"]), "as good") == "holds"
    unsure = lost["value"] + np.where(lost["method"] == "none", 0, 6.0 * (lost["seed"] - 1))
    assert outcome(lost.assign(value=unsure), "as good") == "cannot tell"


def test_without_a_clear_effect_nothing_can_be_lost():
    finding = Finding(says="1.", method="b", against="a", expects={"nli": "as good"})
    for effect, found in ((0.05, "no clear effect"), (-20, "no clear effect"), (20, "as good"), (1, "worse")):
        (row,) = check_findings(with_effect(-1, effect), None, [finding]).to_dict("records")
        assert (row["found"], row["effect"]) == (found, pytest.approx(effect))


def test_points_are_no_share_of_an_effect():
    with pytest.raises(ValueError, match="within"):
        Finding(says="", method="b", against="a", expects={"nli": "as good"}, within=2.0)
    with pytest.raises(ValueError, match="over: none has no gain over itself to lose a share of: name another method"):
        Finding(says="", method="b", against="none", expects={"nli": "as good"})


def test_a_finding_about_some_languages_looks_at_these_only():
    results = scored({"de": 5, "fr": -20})
    assert outcome(results, "better") == "does not hold"
    assert outcome(results, "better", languages=["de"]) == "holds"


def test_a_lower_error_rate_is_better():
    results = scored({"de": -5}, "word_alignment", "aer")
    assert outcome(results, "better", "word_alignment") == "holds"


def test_findings_of_one_page_are_corrected_together():
    scores = pd.concat([with_effect(0, 20), results({"c": [52.0, 50.9, 51.5], "d": [50.1, 50.0, 49.9]})])
    finding = Finding(says="1.", method="c", against="d", expects={"nli": "better"})
    alone = check_findings(scores, None, [finding])
    assert alone["found"].tolist() == ["better"] and 0.01 < alone["p_holm"][0] < 0.05
    others = [Finding(says=f"{i}", method="b", against="a", expects={"nli": "better"}) for i in range(4)]
    page = check_findings(scores, None, [finding, *others])
    assert page["p_holm"][0] == pytest.approx(5 * alone["p_holm"][0])
    assert set(page["found"]) == {"no clear difference"} and set(page["outcome"]) == {"cannot tell"}
    assert page["gain_low"][0] == alone["gain_low"][0] > 0


def test_of_what_was_not_run_and_of_one_seed_nothing_is_said():
    assert outcome(scored({"de": 5}), "better", "qa") == "cannot tell"
    assert outcome(scored({"de": 5}), "better", method="c") == "cannot tell"
    assert outcome(scored({"de": 5}, seeds=1), "no clear difference") == "cannot tell"
    # Items alone, of which there may be many, know nothing of another seed.
    alone, predictions = tables({(method, "de"): noisy(20 * (method != "n"), seeds=1) for method in "nabc"})
    for expected, over in (("better", "n"), ("as good", "n"), ("as good", "c")):
        finding = Finding(says="", method="b", against="a", over=over, expects={"nli": expected})
        for gained in (0, 9):
            value = alone["value"] + gained * (alone["method"] == "b")
            table = check_findings(alone.assign(value=value), predictions, [finding])
            assert table["found"].tolist() == ["unknown"] and table["outcome"].tolist() == ["cannot tell"]
            assert table["p_holm"].isna().all()


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
    scores, answers = tables({("wordot", code): noisy(items=50) for code in answers}, "qa", "f1")
    crossed = beside_paper(scores, paper_results(), Paper(experiment="table2", rows={"wordot": "WordOT"}), answers)
    seen_crossed = crossed.set_index(["metric", "language"]).loc[("f1", "average_seen")]
    half = scipy.stats.t.ppf(0.975, 49) * np.std(noisy(items=50)[0], ddof=1) / 50**0.5  # copies: of the items alone
    assert seen_crossed["high"] - seen_crossed["value"] == pytest.approx(half)
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
