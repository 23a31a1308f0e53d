"""What the report's sentences rest on: predictions of all runs, verdicts with intervals, changed links."""

import numpy as np
import pandas as pd
import pytest

from otlib.corpora import GoldPair
from otlib.evaluation import (
    beside_paper,
    check_findings,
    contest,
    link_changes,
    seed_interval,
    summarise,
    with_interval,
)
from otlib.record import same_settings, write_text
from otlib.study import load_predictions, load_study, paper_results

STUDY = """
name: tiny
source: microworld
languages: [de]
seeds: [0, 1]
encoder: {checkpoint: bert-base-multilingual-cased}
methods: {none: {objective: none}, wordot: {objective: wordot}}
nli: {}
qa: {}
"""


@pytest.fixture
def study(tmp_path):
    path = write_text(tmp_path / "tiny.yaml", STUDY)
    return load_study(path, outputs=tmp_path, check_data=False)


def results(scores, metric="accuracy", task="nli"):
    """Scores by method, one a seed, of German."""
    rows = [(method, seed, value) for method, values in scores.items() for seed, value in enumerate(values)]
    table = pd.DataFrame(rows, columns=["method", "seed", "value"])
    return table.assign(task=task, metric=metric, language="de")


# --- predictions --------------------------------------------------------------------------------------------


def test_predictions_of_all_runs_become_item_scores_in_per_cent(study):
    nli = "language,pairID,gold,predicted\nde,007,neutral,neutral\nde,8,neutral,entailment\n"
    write_text(study.task_folder("nli", "wordot", 1) / "predictions.csv", nli)
    write_text(
        study.task_folder("qa", "none", 0) / "predictions.csv",
        "language,id,predicted,f1,exact_match\nde,a-1,x,0.25,0\n",
    )
    read = load_predictions(study)
    assert read["nli"].to_dict("list") == {
        "language": ["de", "de"],
        "item": ["007", "8"],
        "accuracy": [100.0, 0.0],
        "method": ["wordot", "wordot"],
        "seed": [1, 1],
    }
    assert read["qa"][["f1", "exact_match"]].values.tolist() == [[25.0, 0.0]]


def test_a_predicted_answer_may_be_missing_or_read_null(study):
    # pandas takes "null" and an empty answer for a missing value, which equals nothing.
    rows = "language,pairID,gold,predicted\nde,null,neutral,neutral\n"
    write_text(study.task_folder("nli", "none", 0) / "predictions.csv", rows)
    assert load_predictions(study)["nli"]["item"].tolist() == ["null"]


def test_a_task_without_predictions_is_left_out(study):
    assert load_predictions(study) == {}


# --- verdicts -----------------------------------------------------------------------------------------------


def test_one_seed_tells_nothing_of_an_interval_nor_of_better_and_worse():
    # An interval without width once made every difference between single runs a sure one.
    assert np.isnan(seed_interval([70.0])).all()
    table = contest(results({"wordot": [60.0], "l2": [70.0]}), methods=["wordot"], rivals=["l2"])
    assert set(table["verdict"]) == {"unknown"}
    assert with_interval(table, "gain").tolist() == ["-10.0", "-10.0"]


@pytest.mark.parametrize("metric, verdict", [("accuracy", "better"), ("aer", "worse")])
def test_a_lower_error_rate_and_a_higher_score_are_better(metric, verdict):
    table = contest(
        results({"wordot": [70.0, 71.0, 72.0], "l2": [60.0, 61.0, 62.5]}, metric),
        methods=["wordot"],
        rivals=["l2"],
    )
    assert set(table["verdict"]) == {verdict}
    assert set(table["method"]) == {"wordot"} and set(table["rival"]) == {"l2"}


def test_without_a_rival_there_is_no_contest():
    scores = results({"wordot": [70.0, 71.0]})
    assert contest(scores, methods=["wordot"], rivals=[]).empty
    assert contest(scores, methods=[], rivals=["wordot"]).empty


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


def test_links_are_won_and_lost_by_their_words():
    gold = [GoldPair(["the", "bread"], ["das", "Brot"], {(0, 0), (1, 1)}, {(0, 0), (1, 1)})]
    won, lost = link_changes(gold, before=[{(0, 0), (0, 1)}], after=[{(1, 1), (1, 0)}])
    assert won == {("bread", "Brot"): 1} and lost == {("the", "das"): 1}


# --- the paper ----------------------------------------------------------------------------------------------


def runs(values, method="wordot", task="nli", metric="accuracy"):
    """Scores of one method: a list of a value a seed, by language."""
    rows = [(code, seed, value) for code, scores in values.items() for seed, value in enumerate(scores)]
    table = pd.DataFrame(rows, columns=["language", "seed", "value"])
    return table.assign(method=method, task=task, metric=metric)


def compare(results, experiment="table2", **rows):
    table = beside_paper(results, paper_results(), experiment=experiment, rows=rows)
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


# --- resuming -----------------------------------------------------------------------------------------------


def test_a_training_goes_on_only_with_equal_settings_on_equal_data(tmp_path):
    # Resumed with another learning rate, a run is neither the one nor the other.
    data = write_text(tmp_path / "text.txt", "one")
    folder = tmp_path / "run"
    assert not same_settings(folder, {"steps": 10}, data=[data])
    assert same_settings(folder, {"steps": 10}, data=[data])
    assert not same_settings(folder, {"steps": 20}, data=[data])
    write_text(data, "two")
    assert not same_settings(folder, {"steps": 20}, data=[data])
    assert same_settings(folder, {"steps": 20}, data=[data])


def test_what_other_settings_left_is_no_result_of_these(tmp_path):
    # Refused or killed once, a run with new settings was handed the old model the next time.
    left = [
        "config.json",
        "log.jsonl",
        "run.json",
        "results.csv",
        "predictions.csv",
        "links-de.txt",
        "checkpoint/step-8/model.safetensors",
    ]
    same_settings(tmp_path, {"layers": "last"})
    for name in [*left, "parameters.json.bak"]:
        write_text(tmp_path / name, "old")
    assert same_settings(tmp_path, {"layers": "last"}) and all((tmp_path / name).exists() for name in left)
    assert not same_settings(tmp_path, {"layers": [9]})
    assert not any((tmp_path / name).exists() for name in left) and (tmp_path / "parameters.json.bak").exists()


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
    finding = {"says": "1.", "method": "b", "against": "a", "expects": {task: expected}, **finding}
    (row,) = check_findings(results, None, [finding]).to_dict("records")
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


def test_with_interval_of_nothing_is_nothing():
    assert with_interval(pd.DataFrame(columns=["value", "low", "high"], dtype=float)).empty
