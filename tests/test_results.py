"""What the runs of a study answered, read back as scores of items."""

import numpy as np
import pandas as pd
import pytest

from otlib.analysis.statistics import summarise
from otlib.data.items import LABELS, read_nli
from otlib.data.microworld import write_world
from otlib.record import running, write_csv, write_results, write_text
from otlib.settings import Microworld
from otlib.study.results import OVERLAP_RULE, collect_results, load_predictions, not_in
from otlib.study.study import load_study
from otlib.tasks import nli
from otlib.tasks.nli import score
from otlib.tasks.overlap import nli_rule

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


def test_an_encoder_that_a_pair_was_without_is_named(tmp_path):
    """It had failed, and in the report the method was without a word among those that have all seeds."""
    study = load_study(write_text(tmp_path / "tiny.yaml", STUDY), {"nli": None, "qa": None}, outputs=tmp_path)
    assert study.missing() == ["pair de"]
    rows = [("none", 0), ("none", 1), ("wordot", 1), ("rotation", 0)]
    scores = pd.DataFrame([(*row, "retrieval", "accuracy", 50.0) for row in rows])
    scores.columns = ["method", "seed", "task", "metric", "value"]
    write_results(study.pair_folder("de"), scores, study="tiny", language="de")
    assert not_in(study, collect_results(study)) == ["pair de of wordot seed 0"]


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
        "cluster": ["007", "8"],
        "accuracy": [100.0, 0.0],
        "macro_f1": pytest.approx([100 / 3 + 100 / 27, 100 / 3 - 700 / 27]),  # of neutral 2 / 3, of the others 0
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


@pytest.mark.parametrize("labels", [LABELS, LABELS[:2]])
def test_items_have_the_macro_f1_of_their_language_as_mean(study, labels):
    """The report had an interval of seeds alone for it. A label that no item has is in the mean all the same."""
    draw = np.random.default_rng(0)
    answers = pd.DataFrame({side: draw.choice(labels, 90) for side in ("gold", "predicted")})
    answers = answers.assign(language=["en", "de", "fr"] * 30, pairID=np.arange(90))
    write_csv(study.task_folder("nli", "none", 0) / "predictions.csv", answers)
    read = load_predictions(study)["nli"].groupby("language")[["accuracy", "macro_f1"]].mean()
    expected = score(answers).pivot(index="language", columns="metric", values="value")
    assert read.to_numpy() == pytest.approx(expected.loc[read.index, read.columns].to_numpy())


@pytest.mark.parametrize(("given", "found"), [("q1", ["q1", "q1"]), ("", ["q1", "q2"])])
def test_questions_about_one_article_are_read_as_a_cluster(study, given, found):
    # Answers of before clusters were kept, or of items without any, stand for themselves.
    rows = f"language,id,cluster,predicted,f1,exact_match\nde,q1,{given},x,1,1\nde,q2,{given},x,1,1\n"
    write_text(study.task_folder("qa", "none", 0) / "predictions.csv", rows)
    assert load_predictions(study)["qa"]["cluster"].tolist() == found


SENTENCES = """item,found,found_of,forth,forth_of,back,back_of,aer,aer_of,aer_cosine,aer_cosine_of,method,seed
aa,2,2,,,,,,,,,none,0
bb,1,2,,,,,,,,,none,0
aa,,,3,4,1,2,1,8,2,8,none,0
cc,,,0,1,2,2,3,8,4,8,none,0
aa,0,2,,,,,,,,,rotation,1
aa,0,2,,,,,,,,,removed,0
aa,0,2,,,,,,,,,none,7
"""


def test_sentences_of_a_pair_are_items_whose_mean_is_the_measure(study):
    write_text(study.pair_folder("de") / "predictions.csv", SENTENCES)
    read = load_predictions(study)
    assert set(read) == {"retrieval", "word_retrieval", "word_alignment"}
    found = read["retrieval"]
    assert found["accuracy"].tolist() == [100, 50, 0] and found["cluster"].tolist() == ["aa", "bb", "aa"]
    assert found[["language", "method", "seed"]].values.tolist() == [*[["de", "none", 0]] * 2, ["de", "rotation", 1]]
    words = read["word_retrieval"]  # forth 3 / 5, back 3 / 4
    assert words["item"].tolist() == ["aa", "cc"] and words["accuracy"].mean() == pytest.approx((60 + 75) / 2)
    assert words["accuracy"][1] == pytest.approx((60 - 100 * 0.6 / 2.5 + 75 + 100 * 0.5 / 2) / 2)
    assert read["word_alignment"][["aer", "aer_cosine"]].mean().tolist() == pytest.approx([25, 37.5])
    summary = summarise(collected(read), read)
    assert summary[summary["language"] == "average"]["low"].notna().sum() == 4


def collected(predictions):
    """The results that belong to predictions."""
    long = [
        table.melt(["language", "item", "cluster", "method", "seed"], var_name="metric").assign(task=task)
        for task, table in predictions.items()
    ]
    keys = ["task", "metric", "language", "method", "seed"]
    return pd.concat(long).groupby(keys, sort=False)["value"].mean().reset_index()


def test_a_pair_without_gold_has_sentence_retrieval_only(study):
    text = "\n".join(line.rsplit(",", 10)[0] + "," + line.split(",", 11)[-1] for line in SENTENCES.splitlines()[:3])
    write_text(study.pair_folder("de") / "predictions.csv", text + "\n")
    assert list(load_predictions(study)) == ["retrieval"]


@pytest.mark.parametrize(("old", "new"), [("3,4", "x,4"), ("found_of", "other")])
def test_damaged_sentences_are_named_with_the_mend(study, old, new):
    write_text(study.pair_folder("de") / "predictions.csv", SENTENCES.replace(old, new))
    with pytest.raises(ValueError, match=r"predictions.csv is damaged \(.*\): remove the folder .* by make study"):
        load_predictions(study)


def test_a_task_without_predictions_is_left_out(study):
    assert load_predictions(study) == {}


def test_rules_that_know_no_word_stand_beside_the_methods_the_same_for_every_seed(study):
    """What overlap alone scores on the study's own items, in every language that is tested."""
    world = Microworld(nli_train=60, nli_dev=6, nli_test=30, qa_train=40, qa_dev=5, qa_test=20, text_sentences=5)
    write_world(study.data_folder, ["de", "fr"], world.changed(parallel_pairs=5, heldout_pairs=5))
    (study.data_folder / "qa/fr.test.json").unlink()
    row = {"study": "tiny", "method": "none", "seed": 1, "task": "nli", "language": "de", "metric": "accuracy"}
    write_csv(study.task_folder("nli", "none", 1) / "results.csv", pd.DataFrame([row | {"value": 50.1}]))
    table = collect_results(study)
    rule = table[table["method"] == OVERLAP_RULE]
    assert set(rule["language"]) == {"en", "de"} and rule["study"].eq("tiny").all()
    values = rule.pivot_table(index=["task", "metric", "language"], columns="seed", values="value")
    assert values[0].equals(values[1]) and not values.isna().any(axis=None)
    train, test = (read_nli(study.nli_data(split)).table for split in ("train", "test"))
    assert values.loc[("nli", "accuracy", "de"), 0] == pytest.approx(
        nli.score(nli_rule(train, test)).set_index(["language", "metric"])["value"]["de", "accuracy"]
    )
    assert {("qa", "f1", "de"), ("qa", "exact_match", "en"), ("nli", "macro_f1", "en")} <= set(values.index)
    only_nli = study.model_copy(update={"qa": None})
    only_nli._folder = study.folder
    assert set(collect_results(only_nli)["task"]) == {"nli"}
