"""A plan says what would run, fetch and write, from numbers that were measured or are known, and runs nothing."""

import time

import pandas as pd
import pytest
import torch
from transformers import BertConfig, BertModel

from otlib.record import ROOT, write_text
from otlib.settings import Nli, Training
from otlib.study import plan, recipe, steps
from otlib.study.paper import PUBLISHED, paper_results
from otlib.study.run import main
from otlib.study.study import load_study
from otlib.training import trainer
from otlib.training.pretrain import train_tokenizer

STUDY = """
name: tiny
title: A tiny study
source: corpora
languages: [de, el]
seeds: [0, 1]
data:
  parallel:
    de: {hub: Helsinki-NLP/europarl, config: de-en, split: train}
    el: [[a.el, a.en], {hub: Helsinki-NLP/europarl, config: el-en, split: train}]
  parallel_pairs: 1000
  nli_train: {hub: facebook/xnli, config: en, split: train}
  nli_dev: {hub: facebook/xnli, config: en, split: validation}
  nli_test: {hub: facebook/xnli, config: "{language}", split: test}
encoder: {checkpoint: owner/nowhere}
align: {steps: 10, batch_size: 4, accumulation: 2, max_length: 12, save_every: 5}
methods: {none: {objective: none}, wordot: {objective: wordot, steps: 20}, l2: {objective: l2}}
nli: {steps: 7, batch_size: 4, max_length: 12}
"""


@pytest.fixture
def study(tmp_path):
    return load_study(write_text(tmp_path / "tiny.yaml", STUDY), outputs=tmp_path / "outputs", check_data=False)


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    config = BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    return BertModel(config)


def test_jobs_are_notebooks_times_methods_times_seeds(study):
    # Counted by hand: 1 + 2 pairs, 3 methods x 2 seeds of two notebooks, 2 pairs, 1.
    table = plan.jobs(study)
    total = table.iloc[-1]
    assert total["runs"] == 1 + 2 + 6 + 6 + 2 + 1
    assert total["all steps"] == 2 * (0 + 20 + 10) + 2 * 3 * 7
    aligning = table[table["notebook"] == "10_align"].set_index("method")["steps"]
    assert aligning.to_dict() == {"none": 0, "wordot": 20, "l2": 10}


def test_each_seed_pretrains_and_a_ceiling_takes_its_own_steps():
    table = plan.jobs(load_study("demo", check_data=False)).set_index(["notebook", "method"])
    assert table.loc[("03_pretrain", ""), "runs"] == table.loc[("20_nli", "none"), "runs"]
    for notebook in ("20_nli", "21_qa"):
        assert table.loc[(notebook, "ceiling"), "steps"] == 1.5 * table.loc[(notebook, "none"), "steps"]


def test_what_a_study_does_not_set_is_the_functions_default(study):
    # Steps that stand in no file are run, too.
    bare = study.model_copy(update={"nli": Nli(batch_size=4)})
    assert {t.steps for t in plan.trainings(bare) if t.kind == "nli"} == {1000}


def test_data_of_unknown_size_or_licence_are_called_unknown(study):
    table = plan.data(study)
    assert table["key"].tolist() == ["parallel.de", "parallel.el", "parallel.el", "nli_train", "nli_dev", "nli_test"]
    rows = table.to_dict("records")
    assert rows[0] | {"used": 1000, "published": 1_000_000, "size": "363.9 MB", "licence": "unknown"} == rows[0]
    assert rows[1]["size"] == "not there + not there" and rows[2]["size"] == "unknown"
    assert [row["corpus"] for row in rows if row["key"] == "nli_test"] == ["facebook/xnli {language}"]
    assert rows[3] | {"used": "all", "published": 392_702, "size": "50.6 MB", "licence": "CC BY-NC 4.0"} == rows[3]


def test_disk_is_four_bytes_a_weight_for_each_encoder_kept(study, encoder):
    weights = 4 * sum(p.numel() for p in encoder.parameters())
    sizes = plan.disk(study, encoder).set_index("what")["size"]
    assert sizes["6 aligned encoders, float32"] == f"{6 * weights / 1e6:.1f} MB"
    demo = load_study("demo", seeds=[0, 1], check_data=False)
    found = dict(plan.disk(demo, encoder).to_numpy())
    assert found["2 pretrained encoders, float32"] == f"{2 * weights / 1e6:.1f} MB"
    # A checkpoint holds the weights and AdamW's two moments of each.
    assert sizes["a checkpoint of each training that is under way"] == f"{3 * weights / 1e6:.1f} MB"


SIZES = {"bert-base-multilingual-cased": 177.9, "distilbert-base-multilingual-cased": 134.7, "xlm-roberta-base": 278.0}


@pytest.mark.parametrize("name, millions", SIZES.items())
def test_published_encoders_have_their_published_size(name, millions):
    # Parameters of the encoder with its pooler, as the checkpoints have them.
    kind, sizes = PUBLISHED[name]
    with torch.device("meta"):
        model = plan.AutoModel.from_config(plan.AutoConfig.for_model(kind, **sizes))
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.1)


def test_hours_are_steps_times_seconds_of_batches_and_updates(study, encoder, monkeypatch):
    step = plan.Step(batch=3.0, update=1.0, measured=2, full=8)
    monkeypatch.setattr(plan, "measure", lambda *_: step)
    table = plan.hours(study, encoder, torch.device("cpu")).set_index(["notebook", "method"])
    # A step of alignment takes two batches; there are two seeds.
    assert table.loc[("10_align", "wordot"), "hours"] == pytest.approx(2 * 20 * (2 * 3 + 1) / 3600)
    assert table.loc[("20_nli", "none"), "hours"] == pytest.approx(2 * 7 * (3 + 1) / 3600)
    assert ("10_align", "none") not in table.index


def test_equal_settings_are_measured_once(study, encoder, monkeypatch):
    asked = []
    monkeypatch.setattr(plan, "measure", lambda t, *_: asked.append((t.kind, t.method)) or plan.Step(1, 1, 1, 1))
    plan.hours(study, encoder, torch.device("cpu"))
    assert asked == [("align", "wordot"), ("align", "l2"), ("nli", "none")]


def test_a_step_measured_with_fewer_examples_is_scaled_by_their_number(study, encoder, monkeypatch):
    # The update does not grow with the batch: only the batch's time is scaled.
    sizes = []

    def seconds(model, objective, batch, *_):
        loss, _ = objective(model, batch)
        assert torch.isfinite(loss)
        sizes.append(len(batch.words.input_ids))
        return 2.0, 0.5

    monkeypatch.setattr(steps, "_seconds", seconds)
    (wordot,) = [t for t in plan.trainings(study) if t.method == "wordot" and t.kind == "align"]
    assert plan.measure(wordot, encoder, 2, torch.device("cpu"), 40) == plan.Step(2.0, 0.5, 8, 8)
    monkeypatch.setattr(steps, "CPU_OPERATIONS", 0)
    assert plan.measure(wordot, encoder, 2, torch.device("cpu"), 40) == plan.Step(16.0, 0.5, 1, 8)
    assert sizes == [16, 2]


@pytest.mark.slow
def test_steps_are_those_of_the_trainer(study, encoder, monkeypatch):
    """A loop of the plan's own once measured other steps than those that are run."""
    seen = []

    def spied(*arguments, **options):
        seen.append((arguments[3].steps, arguments[3].accumulation, arguments[3].clip))
        return trainer.train(*arguments, **options)

    monkeypatch.setattr(steps, "train", spied)
    for training in [t for t in plan.trainings(study) if t.steps]:
        step = plan.measure(training, encoder, 2, torch.device("cpu"), 40)
        assert step.batch > 0 and step.update >= 0
    assert seen == [(7, 1, 1.0), (7, 2, 1.0)] * 5


def test_a_step_is_the_median_and_neither_waiting_nor_one_slow_step_counts(study, encoder):
    """On a busy machine a plan once said 4.5 hours and, called again, 1.0."""
    calls = []

    def objective(model, batch):
        calls.append(time.process_time())
        while len(calls) == 4 and time.process_time() < calls[-1] + 0.5:  # another's cache misses, say
            pass
        time.sleep(0.2)  # others had the core
        return model(batch.input_ids).last_hidden_state.square().mean(), {}

    given = study.nli.changed(accumulation=1)
    assert 0 < steps._step_seconds(encoder, objective, steps._sentences(50, 2, 8), given, 1, 5) < 0.15
    assert len(calls) == 7


def test_steps_have_one_thread_as_the_jobs_of_a_study(study, encoder, monkeypatch):
    threads = []
    monkeypatch.setattr(steps, "_seconds", lambda *_: threads.append(torch.get_num_threads()) or (1.0, 0.0))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        plan.measure(plan.trainings(study)[1], encoder, 2, torch.device("cpu"), 40)
        assert (threads, torch.get_num_threads()) == ([1], 2)
    finally:
        torch.set_num_threads(before)


def test_pretraining_is_measured_with_the_masked_share_of_the_vocabulary_head(encoder):
    (training,) = [t for t in plan.trainings(load_study("demo", check_data=False)) if t.kind == "pretrain"]
    model, objective = steps._task(encoder, training)
    logits = []
    model.bert.cls.register_forward_hook(lambda module, given, made: logits.append(made))
    loss, _ = objective(model, steps._sentences(50, 40, 10))
    assert logits[0].shape == (pytest.approx(400 * training.settings.masking, rel=0.3), 50) and loss.isfinite()


def test_examples_are_as_long_as_the_studys_own_where_they_are_there(tmp_path):
    study = load_study("demo", outputs=tmp_path, check_data=False)
    assert steps.own_lengths(study) == {}
    for code in ("en", "de", "el"):
        write_text(study.text(code), "a b c d\n" * 9 + "a b c d e f g h\n")
    assert steps.own_lengths(study) == {}  # no tokenizer
    train_tokenizer([study.text("en")], study.encoder_path(0), vocabulary_size=100, lowercase=False)
    assert steps.own_lengths(study) == {"pretrain": round(0.9 * 6 + 0.1 * 10)}  # with [CLS] and [SEP]
    write_text(study.nli_data("train"), "gold_label\tsentence1\tsentence2\n" + "neutral\ta b c\td e\n" * 3)
    write_text(study.parallel("de"), "de\ten\na b\tc d e f\n")
    write_text(study.parallel("el"), "el\ten\na\tb c d e f\n")
    assert steps.own_lengths(study) == {"pretrain": 6, "align": 5, "nli": 8}
    text = STUDY.replace("owner/nowhere", str(study.encoder_path(0)))
    tiny = load_study(write_text(tmp_path / "tiny.yaml", text), outputs=tmp_path, check_data=False)
    assert steps.own_lengths(tiny) == {}  # a tokenizer, no data


def test_a_plan_says_which_lengths_are_assumed(study, encoder, monkeypatch):
    monkeypatch.setattr(plan, "measure", lambda *_: plan.Step(1, 1, 1, 1))
    monkeypatch.setattr(plan, "own_lengths", lambda study: {"nli": 17})
    assert "at most max_length: align 40 (assumed), nli 17;" in plan._time(study, encoder, "random weights")


def test_lengths_reach_the_measurement(study, encoder, monkeypatch):
    asked = {}
    monkeypatch.setattr(plan, "measure", lambda t, *given: asked.update({t.kind: given[-1]}) or plan.Step(1, 1, 1, 1))
    plan.hours(study, encoder, torch.device("cpu"), {"nli": 17})
    assert asked == {"align": 40, "nli": 17}


def test_a_batch_is_what_a_step_of_two_takes_longer_than_a_step_of_one(study, monkeypatch):
    spent = {1: 5.0, 2: 8.0}
    monkeypatch.setattr(steps, "_step_seconds", lambda model, objective, batch, given, *_: spent[given.accumulation])
    assert steps._seconds(None, None, None, study.nli, 1, 1) == (3.0, 2.0)


def test_the_plan_prints_every_setting_and_marks_what_the_study_sets(study):
    tables = plan.settings_tables(study)
    world = plan.settings_tables(load_study("workshop"))["Settings: data"].set_index("setting")
    assert world.loc["nli_train", ["value", "here"]].tolist() == [str(load_study("workshop").data.nli_train), "set"]
    names = ["Settings: data", "Settings: align", "Settings: nli", "Settings: workflow"]
    names += ["Methods, and what they change in align"]
    assert list(tables) == names
    align = tables["Settings: align"].set_index("setting")
    assert align.loc["accumulation", ["value", "here"]].tolist() == ["2", "set"]
    assert align.loc["learning_rate", ["value", "here"]].tolist() == ["5e-05", ""]
    methods = tables["Methods, and what they change in align"].set_index("method")["sets"]
    assert methods["wordot"] == "objective: wordot, steps: 20"


# The recipe

PAPER = "paper: {experiment: table2, rows: {none: mBERT, wordot: WordOT, l2: L2}}\n"


def recipe_of(tmp_path, text=STUDY + PAPER, **given):
    study = load_study(write_text(tmp_path / "it.yaml", text), outputs=tmp_path, check_data=False, **given)
    return recipe.recipe(study).set_index("what")


def test_the_recipe_says_what_a_reader_checks_against_the_paper(tmp_path):
    table = recipe_of(tmp_path)
    said = {
        "encoder": "owner/nowhere",
        "languages with English": "de, el",
        "languages unseen": "none",
        "pairs a language": "1,000, fewer are gone through again",
        "words": "split by moses",
        "batch x accumulation": "4 of each language x 2",
        "steps": "20 steps, 0.16 times 1,000 pairs (wordot); 10 steps, 0.08 times 1,000 pairs (l2)",
        "optimiser, learning rate": "AdamW, 5e-05, weight decay 0.01",
        "warm-up": "ours: 0.1 of the steps, then linearly to zero",
        "longest gradient": "ours: 1",
        "longest sentence": "ours: 12 subwords",
        "what is aligned": "last subword of a word",
        "layers": "last",
        "transport problem": "sentence",
        "frozen while aligning": "nothing",
        "marginals": "uniform",
        "cost and epsilon": "half_sqeuclidean, 0.05 of each pair's mean cost",
        "solver": "converged",
        "anchor": "mean, weight 1",
        "word pairs": "mutual nearest words of the frozen encoder",
        "L2 pulls to": "ours: current English words",
        "seeds": "2",
        "nli": "on en: 7 steps of 4, 2e-05",
    }
    assert {what: here for what, here in table["this study"].items() if "table2" not in what} == said
    silent = table["the paper"] == "not said"
    assert (silent == table["this study"].str.startswith("ours")).all() and silent.sum() == 4


@pytest.mark.parametrize(
    "old, new, what, here",
    [
        ("seeds:", "unseen: [ur]\nseeds:", "languages unseen", "ur"),
        ("steps: 20}", "languages: [de]}", "languages with English", "de (wordot); de, el (l2)"),
        ("steps: 20}", "languages: [de]}", "languages unseen", "el (wordot); none (l2)"),
        (
            "steps: 20}",
            "steps: 5, pairs: 40}",
            "steps",
            "5 steps, 1 times 40 pairs (wordot); 10 steps, 0.08 times 1,000 pairs (l2)",
        ),
        ("  parallel_pairs: 1000\n", "", "pairs a language", "all, fewer again"),
        ("  parallel_pairs: 1000\n", "", "steps", "20 steps (wordot); 10 steps (l2)"),
        ("align: {", "align: {relative: false, ", "cost and epsilon", "half_sqeuclidean, 0.05"),
        (
            "steps: 20}",
            "shuffled_pairs: 1.0}",
            "pairs a language",
            "1,000, fewer are gone through again, 100% shuffled (wordot); 1,000, fewer are gone through again (l2)",
        ),
        (
            "steps: 20}",
            "task_steps: 2.0}",
            "nli",
            "on en: 7 steps of 4, 2e-05 (none, l2); on en: 14 steps of 4, 2e-05 (wordot)",
        ),
        ("align: {", "align: {pooling: subword, ", "what is aligned", "all subwords"),
        ("align: {", "align: {pooling: mean, ", "what is aligned", "mean of a word's subwords"),
        ("align: {", "align: {anchor_weight: 0.0, ", "anchor", "none"),
        ("align: {", "align: {layers: [1, 2], ", "layers", "1, 2"),
        (
            "align: {",
            "align: {layers: all, layer_reduction: mean, ",
            "layers",
            "all, their mean in units of their spreads",
        ),
        ("align: {", "align: {freeze: lower, ", "frozen while aligning", "lower half"),
        ("align: {", "align: {unbalanced: 2.0, ", "marginals", "uniform, missed at a price of 2"),
        ("align: {", "align: {mass: 0.8, ", "marginals", "uniform, 80% of the mass moves"),
        (
            "align: {",
            "align: {confidence_power: 4.0, ",
            "pairs a language",
            "1,000, fewer are gone through again, counted by their plan's confidence ** 4",
        ),
        (
            "{objective: l2",
            "{objective: l2, anchor_reduction: sum",
            "anchor",
            "mean, weight 1 (wordot); sum, weight 1 (l2)",
        ),
        ("{objective: l2", "{objective: l2, word_pairs: aligner", "word pairs", "fast_align"),
        ("{objective: l2", "{objective: l2, l2_target: frozen", "L2 pulls to", "ours: frozen English words"),
    ],
)
def test_the_recipe_names_the_methods_that_differ(tmp_path, monkeypatch, old, new, what, here):
    monkeypatch.setattr(recipe, "installed_aligner", lambda: "fast_align")
    monkeypatch.setattr(recipe, "_filled", lambda study: [])
    assert recipe_of(tmp_path, STUDY.replace(old, new, 1) + PAPER).loc[what, "this study"] == here


def test_the_recipe_says_if_no_aligner_is_there_and_leaves_out_what_no_method_has(tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "installed_aligner", lambda: None)
    monkeypatch.setattr(recipe, "_filled", lambda study: [])
    text = STUDY.replace("{objective: l2", "{objective: l2, word_pairs: aligner")
    assert recipe_of(tmp_path, text + PAPER).loc["word pairs", "this study"].endswith("no aligner is installed here")
    only = text.replace(", l2: {objective: l2, word_pairs: aligner}", "") + PAPER.replace(", l2: L2", "")
    assert not {"word pairs", "L2 pulls to"} & {*recipe_of(tmp_path, only).index}


def test_the_recipe_counts_the_papers_numbers_that_the_study_fills(tmp_path):
    # NLI in English, German, Greek; no average, for it is over all five languages, and no questions.
    table = recipe_of(tmp_path)
    assert table.loc["table2, WordOT"].tolist() == ["43 numbers", "3 by wordot"]
    assert table.loc["table2, LargeWordOT", "this study"] == "none"
    assert recipe_of(tmp_path, pairs=["de-en"]).loc["table2, mBERT", "this study"] == "2 by none"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["table2", "table3", "table4", "table5", "large", "wordot-star"])
def test_the_papers_studies_fill_every_number_of_their_rows(name):
    study = load_study(f"paper/{name}", check_data=False)
    table = recipe.recipe(study).set_index("what")
    published = paper_results()
    for method, model in study.paper.rows.items():
        row = (published["experiment"] == study.paper.experiment) & (published["model"] == model)
        filled = table.loc[f"{study.paper.experiment}, {model}"].tolist()
        assert filled == [f"{row.sum()} numbers", f"{row.sum()} by {method}"]


def test_a_plan_tells_the_recipe_of_a_study_beside_the_paper_only(tmp_path, study):
    beside = load_study(write_text(tmp_path / "it.yaml", STUDY + PAPER), outputs=tmp_path, check_data=False)
    assert "Recipe\n" in "\n".join(plan.plan(beside)) and "Recipe\n" not in "\n".join(plan.plan(study))


@pytest.mark.parametrize("method, anchor", [("wordot", ("sum", 1.0)), ("l2", ("mean", 0.5))])
def test_table_2_has_each_sources_recipe_and_both_methods_under_either_anchor(method, anchor):
    # Under each its own anchor, whichever encoder, the anchor may decide which of them wins.
    methods = load_study("paper/table2", check_data=False).methods
    assert (methods[method].anchor_reduction, methods[method].anchor_weight) == anchor
    one, two = ("wordot", "l2-anchor-sum") if method == "wordot" else ("wordot-anchor-mean", "l2-anchor-mean")
    alike, other = methods[one].model_dump(), methods[two].model_dump()
    assert (alike["anchor_reduction"], alike["anchor_weight"]) == anchor
    assert {name for name in alike if alike[name] != other[name]} == {"objective", "word_pairs"}


def test_a_step_that_does_not_fit_is_said_to_be_so(study, encoder, monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr(plan, "measure", full)
    table = plan.hours(study, encoder, torch.device("cpu"))
    assert table["hours"].isna().all() and table["measured"].str.contains("does not fit").all()


@pytest.mark.parametrize(
    ("message", "told"), [("\n\n no such size\nmore", "failed: no such size"), ("", "failed: it gives no reason")]
)
def test_a_step_that_fails_is_told_in_the_table(study, encoder, monkeypatch, message, told):
    def broken(*_):
        raise RuntimeError(message)

    monkeypatch.setattr(plan, "measure", broken)
    table = plan.hours(study, encoder, torch.device("cpu"))
    assert table["hours"].isna().all() and set(table["measured"]) == {told}


@pytest.mark.slow
def test_the_plan_measures_here_and_promises_no_gpu_hours_without_a_gpu(study, encoder, monkeypatch):
    monkeypatch.setattr(plan, "load_or_build", lambda study: (encoder, "random weights"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    text = "\n".join(plan.plan(study))
    assert "hours on this CPU" in text and "GPU hours" not in text
    assert "10_align" in text and "Helsinki-NLP/europarl de-en" in text
    assert not study.folder.exists()


def test_an_encoder_of_unknown_size_leaves_the_hours_out(study):
    text = "\n".join(plan.plan(study))
    assert "not measured: owner/nowhere is not on this machine" in text and "unknown" in text


def test_the_command_prints_the_plan_of_a_study_in_params(capsys, monkeypatch):
    monkeypatch.setattr(plan, "plan", lambda study: [study.name, f"{study.seeds} {study.nli.steps}"])
    assert main(["plan", "paper/large", "--seeds", "1", "--set", "nli.steps=3"]) == 0
    assert capsys.readouterr().out == "paper-large\n\n[1] 3\n\n"
    assert not (ROOT / "outputs/paper-large").exists()


@pytest.mark.parametrize("name", ["demo", "real_text", "paper/large"])
def test_jobs_data_and_disk_of_every_kind_of_study_can_be_told(name, encoder):
    study = load_study(name, check_data=False)
    disk = plan.disk(study, encoder)
    for table in (plan.jobs(study), plan.data(study), disk):
        assert len(table) and plan._text(table)
    tokenised = disk["what"].str.startswith("the same in Arrow with its subwords")
    assert tokenised.sum() == (name == "paper/large")


def test_a_gpu_shows_the_memory_of_its_longest_batch(study, encoder, monkeypatch):
    monkeypatch.setattr(plan, "measure", lambda *_: plan.Step(1.0, 1.0, 8, 8, memory=3 * 2**30))
    assert (plan.hours(study, encoder, torch.device("cuda"))["peak GiB"] == 3).all()
    assert "peak GiB" not in plan.hours(study, encoder, torch.device("cpu"))


@pytest.mark.parametrize(
    ("peaks", "free", "fit"),
    [([3.0, 1.0], 80, 17), ([7.0], 80, 8), ([40.0], 80, 1), ([90.0], 80, 1), ([float("nan")], 80, 1)],
)
def test_as_many_trainings_share_a_gpu_as_its_memory_holds_by_the_greatest_peak(
    tmp_path, monkeypatch, peaks, free, fit
):
    monkeypatch.setattr(plan, "hours", lambda study, encoder, device: pd.DataFrame({"peak GiB": peaks}))
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (free * 2**30, 80 * 2**30))
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: None)
    study = load_study("demo", outputs=tmp_path, check_data=False)
    assert plan.trainings_at_once(study) == fit
    monkeypatch.setattr(plan, "load_or_build", lambda study: (None, "its size is not known here"))
    assert plan.trainings_at_once(study) == 1


def test_a_method_that_aligns_while_the_tasks_are_taught_has_no_steps_of_its_own(tmp_path):
    overrides = {"methods.joint": {"objective": "wordot", "while_tuning": {"every": 2}}}
    study = load_study("demo", overrides, outputs=tmp_path, check_data=False)
    steps = {t.method: t.steps for t in plan.trainings(study) if t.kind == "align"}
    assert steps["joint"] == steps["none"] == 0 < steps["wordot"]


def test_the_time_of_a_step_is_that_of_all_its_parts():
    """A step of languages one after another calls the objective once for each."""

    def busy(model, batch):
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
        return model(batch).square().mean(), {}

    given = Training(steps=1)
    parts = trainer.Parts([torch.ones(1, 2), torch.ones(1, 2)])
    assert steps._step_seconds(torch.nn.Linear(2, 1), busy, parts, given, 1, 3) >= 0.04
