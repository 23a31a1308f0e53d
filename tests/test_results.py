"""What the runs of a study answered, read back as scores of items."""

import pandas as pd
import pytest

from otlib.record import running, write_csv, write_text
from otlib.study.results import collect_results, load_predictions
from otlib.study.study import load_study

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


@pytest.mark.parametrize("answer", ["a\rb", "a\nb", "NA", "", "007", '"', "a\0b", " "])
def test_any_answer_and_id_comes_back_as_it_was(study, answer):
    # A lone carriage return ended the row, and the report with it.
    answers = pd.DataFrame(
        {"language": "de", "id": [answer, "b"], "predicted": answer, "f1": [0.5, 0], "exact_match": 0}
    )
    folder = study.task_folder("qa", "none", 0)
    with running(folder, {}) as run:
        run.finish(predictions=answers)
    read = load_predictions(study)["qa"]
    assert read["item"].tolist() == [answer, "b"] and read["f1"].tolist() == [50, 0]


@pytest.mark.parametrize("method", ["007", "1e5", "NA", "null", "1.0"])
def test_results_of_a_method_are_found_whatever_its_name(tmp_path, method):
    # pandas reads a column of "007" as the number 7, and "NA" as missing: no row was that method's.
    path = write_text(tmp_path / "tiny.yaml", STUDY.replace("wordot: {", f"'{method}': {{"))
    study = load_study(path, outputs=tmp_path, check_data=False)
    row = {"study": "tiny", "method": method, "seed": 1, "task": "nli", "language": "de", "metric": "accuracy"}
    write_csv(study.task_folder("nli", method, 1) / "results.csv", pd.DataFrame([row | {"value": 50.1}]))
    assert collect_results(study).to_dict("records") == [row | {"value": 50.1}]


def test_a_task_without_predictions_is_left_out(study):
    assert load_predictions(study) == {}
