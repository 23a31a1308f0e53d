"""Wrong parameters are refused in one sentence with file and key; folders and results are exact."""

import inspect
import json
import math
from datetime import datetime, timezone
from importlib import import_module

import pandas as pd
import pytest
import yaml

from otlib import parameters
from otlib.record import RESULT_COLUMNS, ROOT, write_results, write_run, write_text
from otlib.study import ParameterError, collect_results, load_study, paper_results, study_files, write_study

TINY = """
name: tiny
source: files
languages: [de, es]
seeds: [0, 1]
data:
  parallel: "{language}-en.tsv"
  nli_train: [nli.tsv]
  nli_dev: [nli.tsv]
  nli_test: nli.tsv
encoder: {checkpoint: some-model}
align: {steps: 10, learning_rate: 1.0e-3}
methods:
  none: {objective: none}
  wordot: {objective: wordot, steps: 20}
nli: {steps: 5}
"""


@pytest.fixture
def tiny(tmp_path):
    for name in ("de-en.tsv", "es-en.tsv", "nli.tsv"):
        (tmp_path / name).write_text("")
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def load(path, **arguments):
    return load_study(path, outputs=path.parent / "outputs", **arguments)


def edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


# --- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "old, new, key, mend",
    [
        ("steps: 10", "stepps: 10", "align.stepps", "not a parameter"),
        ("nli: {steps: 5}", "nil: {steps: 5}", "nil", "not a parameter"),
        ("steps: 10", "steps: ten", "align.steps", "integer"),
        ("steps: 10", "steps: 0", "align.steps", "greater than 0"),
        ("steps: 10", "steps: 1.5", "align.steps", "integer"),
        ("steps: 10", "steps: '10'", "align.steps", "10 without quotes"),
        ("1.0e-3", "5e-5", "align.learning_rate", "5.0e-5"),
        ("1.0e-3", "1E5", "align.learning_rate", "1.0e+5"),
        ("1.0e-3", "2.0e5", "align.learning_rate", "2.0e+5"),
        ("[de, es]", "[de, no]", "languages[1]", "quotes"),
        ("[de, es]", "[de, de]", "languages", "twice"),
        ("[de, es]", "[de, en]", "languages[1]", "implied"),
        ("[0, 1]", "[0, yes]", "seeds[1]", "integer"),
        ("steps: 10", "mixed_precision: no", "align.mixed_precision", "quotes"),
        ("steps: 10", "layers: first", "align.layers", "'last' or 'all'"),
        ("objective: wordot, ", "", "methods.wordot.objective", "missing"),
        ("source: files", "source: web", "source", "'hub'"),
        ("source: files", "", "source", "missing"),
        ("seeds: [0, 1]", "", "seeds", "missing"),
        ("seeds: [0, 1]", "seeds: [0, 1]\nseeds: [2]", "seeds", "twice"),
        ("{checkpoint: some-model}", "{}", "encoder", "either a checkpoint or a pretrain section"),
        ("{checkpoint: some-model}", "{checkpoint: ./nowhere}", "encoder.checkpoint", "nowhere"),
        ("{language}-en.tsv", "de-en.tsv", "data.parallel", "{language}"),
        ("{language}-en.tsv", "$NOT_SET_HERE/{language}.tsv", "data.parallel", "environment variable"),
        ("[de, es]", "[de, fr]", "data.parallel", "'fr'"),
        ("nli_test: nli.tsv", "nli_test: gone.tsv", "data.nli_test", "gone.tsv"),
        ("  nli_test: nli.tsv\n", "", "data.nli_test", "missing"),
        ("name: tiny", "name: [tiny", "line 3", "expected"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence_with_file_key_and_mend(tiny, old, new, key, mend):
    # Section 6 of the brief of this study: bad parameters must not reach a kernel.
    with pytest.raises(ParameterError) as refusal:
        load(edited(tiny, old, new))
    message = str(refusal.value)
    assert "tiny.yaml" in message and key in message and mend in message
    assert "\n" not in message


HUB = """
name: tiny
source: hub
languages: [de, sw]
seeds: [0]
data:
  parallel_pairs: 250000
  parallel:
    de: {hub: Helsinki-NLP/europarl, config: de-en, split: train}
    sw: [{file: [moses.sw, moses.en]}, {hub: owner/voices, config: en-sw}, {file: more.tsv.gz}]
    th: {file: not-needed.tsv}
  nli_train: {hub: nyu-mll/multi_nli, split: train}
  nli_dev: [{file: nli.tsv}]
  nli_test: {hub: facebook/xnli, config: "{language}", split: test}
encoder: {checkpoint: some-model}
methods:
  none: {objective: none}
nli: {steps: 5}
"""


@pytest.fixture
def hub(tmp_path):
    for name in ("moses.sw", "moses.en", "more.tsv.gz", "nli.tsv"):
        (tmp_path / name).write_text("")
    path = tmp_path / "tiny.yaml"
    path.write_text(HUB)
    return path


def test_a_study_of_the_hub_names_data_sets_and_files_from_its_own_folder(hub):
    study = load(hub)
    assert study.data["parallel"]["de"] == {"hub": "Helsinki-NLP/europarl", "config": "de-en", "split": "train"}
    assert study.data["parallel"]["sw"][0] == {"file": [str(hub.parent / "moses.sw"), str(hub.parent / "moses.en")]}
    assert load_study(write_study(study)).model_dump() == study.model_dump()


@pytest.mark.parametrize(
    "old, new, key, mend",
    [
        ("hub: Helsinki-NLP/europarl", "hub: europarl", "data.parallel.de.hub", "pattern"),
        ("config: de-en", "confg: de-en", "data.parallel.de.confg", "not a parameter"),
        ("{hub: owner/voices, config: en-sw}", "{config: en-sw}", "data.parallel.sw[1].hub", "missing"),
        ("[moses.sw, moses.en]", "[moses.sw]", "data.parallel.sw[0].file", "at least 2 items"),
        ("more.tsv.gz", "gone.tsv.gz", "data.parallel.sw", "gone.tsv.gz"),
        ("[{file: nli.tsv}]", "[{file: gone.tsv}]", "data.nli_dev", "gone.tsv"),
        ("[de, sw]", "[de, ur]", "data.parallel", "'ur' has no source"),
        ("nli: {steps: 5}", "qa: {steps: 5}", "data.qa_train", "missing"),
        ("{checkpoint: some-model}", "{pretrain: {steps: 5}}", "encoder.pretrain", "name a checkpoint"),
    ],
)
def test_a_wrong_study_of_the_hub_is_refused_in_one_sentence(hub, old, new, key, mend):
    with pytest.raises(ParameterError) as refusal:
        load(edited(hub, old, new))
    message = str(refusal.value)
    assert "tiny.yaml" in message and key in message and mend in message and "\n" not in message


@pytest.mark.parametrize(
    "paper, key, mend",
    [
        ("{experiment: table9, rows: {}}", "paper.experiment", "table1, table2"),
        ("{experiment: table2, rows: {l2: L2}}", "paper.rows", "no method 'l2'"),
        ("{experiment: table2, rows: {none: Mbert}}", "paper.rows.none", "mBERT, L2, WordOT"),
        ("{experiment: table2}", "paper.rows", "missing"),
    ],
)
def test_a_row_that_the_paper_does_not_have_is_refused(tiny, paper, key, mend):
    tiny.write_text(f"{TINY}paper: {paper}\n")
    with pytest.raises(ParameterError) as refusal:
        load(tiny)
    message = str(refusal.value)
    assert "tiny.yaml" in message and key in message and mend in message


@pytest.mark.parametrize(
    "finding, key, mend",
    [
        ("{says: a, method: l2, against: none, expects: {nli: better}}", "findings[0].method", "no method 'l2'"),
        ("{says: a, method: wordot, against: none, expects: {nli: good}}", "findings[0].expects.nli", "better"),
        ("{says: a, method: wordot, against: none, expects: {}}", "findings[0].expects", "at least 1"),
        (
            "{says: a, method: wordot, against: none, expects: {nli: better}, languages: [fr]}",
            "findings[0].languages",
            "fr",
        ),
    ],
)
def test_a_finding_of_what_the_study_has_not_is_refused(tiny, finding, key, mend):
    tiny.write_text(f"{TINY}findings: [{finding}]\n")
    with pytest.raises(ParameterError) as refusal:
        load(tiny)
    message = str(refusal.value)
    assert "tiny.yaml" in message and key in message and mend in message


def test_a_method_for_languages_that_are_not_there_is_refused(tiny):
    with pytest.raises(ParameterError, match="methods.wordot.languages: fr"):
        load(edited(tiny, "steps: 20", "languages: [fr]"))


def test_methods_and_findings_about_some_languages_keep_those_that_are_left(tiny):
    finding = "{says: a, method: wordot, against: %s, languages: [%s], expects: {nli: better}}"
    far = "  far: {objective: wordot, languages: [es]}\n  none:"
    tiny.write_text(
        TINY.replace("steps: 20", "languages: [de, es]").replace("  none:", far)
        + f"findings: [{finding % ('none', 'es, de')}, {finding % ('none', 'es')}, {finding % ('far', 'de')}]\n"
    )
    assert len(load(tiny).findings) == 3
    left = load(tiny, pairs=["de-en"])
    assert left.methods["wordot"]["languages"] == ["de"] and "far" not in left.methods
    assert [found["languages"] for found in left.findings] == [["de"]]
    assert "languages" not in left.methods["none"]


def test_a_file_that_is_not_utf8_is_refused(tiny):
    tiny.write_bytes(TINY.replace("name: tiny", "name: tiny\ntitle: \xe9").encode("latin-1"))
    with pytest.raises(ParameterError, match="UTF-8"):
        load(tiny)


def test_an_unknown_study_is_refused_with_the_names_there_are():
    with pytest.raises(ParameterError, match="demo"):
        load_study("no-such-study")


def test_a_microworld_language_without_a_lexicon_is_refused():
    # A language without data must fail before any kernel starts.
    with pytest.raises(ParameterError, match=r"demo\.yaml.*'xx'"):
        load_study("demo", {"languages": ["xx"]})


@pytest.mark.parametrize("pairs, seeds", [(["fr-en"], None), ([], None), (None, [7]), (None, [])])
def test_pairs_and_seeds_outside_the_study_are_refused(tiny, pairs, seeds):
    with pytest.raises(ParameterError, match="tiny.yaml"):
        load(tiny, pairs=pairs, seeds=seeds)


def test_a_run_of_a_method_or_seed_outside_the_study_has_no_folder(tiny):
    study = load(tiny)
    with pytest.raises(ParameterError, match="no method 'l3'"):
        study.aligned("l3", 0)
    with pytest.raises(ParameterError, match="no seed 9"):
        study.task_folder("nli", "none", 9)


# --- meaning ------------------------------------------------------------------------------------------------


PAPER = [path for path in study_files() if path.parent.name == "paper"]
EPOCH = {"nli": (5, 392_702), "qa": (3, 87_599)}  # epochs, and items of MultiNLI and SQuAD v1.1


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_the_papers_experiments_take_its_epochs_and_its_learning_rates(path):
    # Section 5 of the paper, and XTREME's settings for the tasks.
    study = load_study(path, check_data=False)
    for method in study.methods:
        settings = study.align_arguments(method)
        pairs = settings["batch_size"] * settings["accumulation"]
        assert settings["steps"] == math.ceil(settings.get("pairs", study.data["parallel_pairs"]) / pairs)
        assert settings["learning_rate"] == 5e-5
    for task, (epochs, items) in EPOCH.items():
        settings = getattr(study, task)
        assert settings["steps"] == math.ceil(epochs * items / settings["batch_size"])
        assert settings["learning_rate"] == {"nli": 2e-5, "qa": 3e-5}[task]
    assert study.seeds == [0, 1, 2]


@pytest.mark.parametrize("path", PAPER, ids=lambda path: path.stem)
def test_every_language_of_the_papers_tables_is_tested(path):
    # Averages over all languages stayed empty where only those with parallel text were tested.
    study, published = load_study(path, check_data=False), paper_results()
    languages = set(published["language"]) - {"en", "average_seen", "average_all"}
    assert languages == {*study.tested}


def test_the_papers_experiments_say_only_what_differs():
    base = yaml.safe_load((ROOT / "params/paper/_base.yaml").read_text())
    for path in PAPER:
        own = yaml.safe_load(path.read_text())
        for section in ("data", "align", "encoder", "nli", "qa"):
            assert not [key for key in own.get(section, {}) if own[section][key] == base[section].get(key)]


@pytest.mark.parametrize("path", study_files(), ids=lambda path: path.stem)
def test_every_study_in_params_is_valid(path):
    assert load_study(path, check_data=False).name


def test_a_method_overrides_the_align_section_and_nothing_else_is_passed(tiny):
    study = load(tiny)
    assert study.align_arguments("none") == {"objective": "none", "steps": 10, "learning_rate": 1e-3}
    assert study.align_arguments("wordot") == {"objective": "wordot", "steps": 20, "learning_rate": 1e-3}


def test_plans_are_drawn_with_the_transport_that_trained(tiny):
    text = tiny.read_text().replace("align: {steps: 10,", "align: {epsilon: 0.1, steps: 10,")
    text = text.replace("{objective: wordot, steps: 20}", "{objective: wordot, epsilon: 0.2, cost: cosine}")
    study = load_study(write_text(tiny, text))
    assert study.transport_arguments() == {"epsilon": 0.1}
    assert study.transport_arguments("wordot") == {"epsilon": 0.2, "cost": "cosine"}


def test_overrides_replace_and_add_single_keys(tiny):
    study = load(tiny, overrides={"align.steps": 3, "nli.freeze": 1, "methods.l2.objective": "l2"})
    assert study.align_arguments("none")["steps"] == 3
    assert study.nli_arguments() == {"steps": 5, "freeze": 1}
    assert list(study.methods) == ["none", "wordot", "l2"]


@pytest.mark.parametrize("key", ["align.stepps", "aline.steps", "align.steps.deep"])
def test_an_override_of_an_unknown_key_is_refused(tiny, key):
    with pytest.raises(ParameterError, match=key.split(".")[0]):
        load(tiny, overrides={key: 1})


def test_fewer_pairs_get_a_folder_of_their_own_and_fewer_seeds_do_not(tiny):
    # An encoder pretrained on fewer languages must not be mixed up with the full study's.
    whole = load(tiny).folder
    assert load(tiny, pairs=["es-en"]).folder == whole.with_name("tiny-es-en")
    assert load(tiny, pairs=["es-en", "de-en"]).folder == whole
    assert load(tiny, seeds=[1]).folder == whole
    assert load(tiny, pairs=["es-en"], seeds=[1]).seeds == [1]


def test_fewer_pairs_keep_the_pretraining_steps_of_each_language(tiny):
    # Two of three languages are left: English and Spanish.
    edited(tiny, "encoder: {checkpoint: some-model}", "encoder: {pretrain: {steps: 90}}")
    for language in ("de", "es"):
        (tiny.parent / f"{language}.txt").write_text("")
    text = {"data.text": "{language}.txt"}
    assert load(tiny, pairs=["es-en"], overrides=text).pretrain_arguments()["steps"] == 60
    assert load(tiny, seeds=[1], overrides=text).pretrain_arguments()["steps"] == 90


def test_one_pair_alone_takes_the_quick_settings_and_overrides_come_last(tiny):
    tiny.write_text(tiny.read_text() + "\nquick: {nli.steps: 2, align.steps: 4}\n")
    assert load(tiny).nli_arguments()["steps"] == load(tiny, pairs=["es-en", "de-en"]).nli_arguments()["steps"] == 5
    quick = load(tiny, pairs=["es-en"], overrides={"align.steps": 3})
    assert quick.nli_arguments()["steps"] == 2 and quick.align_arguments("none")["steps"] == 3
    tiny.write_text(tiny.read_text().replace("nli.steps", "nli.stepps"))
    with pytest.raises(ParameterError, match="nli.stepps is not a parameter"):
        load(tiny, pairs=["es-en"])


@pytest.fixture
def derived(tiny):
    """Writes a study that builds on another file: ``derived(name, text, base)``."""

    def write(name, text="", base="tiny.yaml"):
        return write_text(tiny.parent / name, f"base: {base}\n{text}")

    return write


def test_a_study_holds_only_what_differs_from_its_base(tiny, derived):
    changes = "name: other\nlanguages: [es]\nalign: {steps: 7}\nmethods: {l2: {objective: l2}, none: null}\nnli: null\n"
    study = load(derived("other.yaml", changes))
    # Mappings are merged, lists replaced, a null takes a key out.
    assert (study.name, study.languages, study.seeds) == ("other", ["es"], [0, 1])
    assert study.align == {"steps": 7, "learning_rate": 1e-3}
    assert study.methods == {"wordot": {"objective": "wordot", "steps": 20}, "l2": {"objective": "l2"}}
    assert study.nli is None and study.data == load(tiny).data
    assert study.folder == load(tiny).folder.with_name("other")


def test_a_file_stands_for_a_data_set_of_the_base(tmp_path):
    """Merged key by key, the source would be both a data set and a file."""
    text = (
        f"base: {ROOT / 'params/paper/table2.yaml'}\nname: mine\n"
        "data: {parallel: {de: {file: de-en.tsv}}, nli_train: {file: mnli.tsv}}\n"
    )
    study = load_study(write_text(tmp_path / "mine.yaml", text), check_data=False)
    assert study.data["parallel"]["de"] == {"file": str(tmp_path / "de-en.tsv")}
    assert study.data["nli_train"] == {"file": str(tmp_path / "mnli.tsv")}
    assert study.data["parallel"]["fr"]["hub"] == "Helsinki-NLP/europarl"


def test_unseen_languages_have_no_parallel_text(tiny):
    study = load(write_text(tiny, tiny.read_text() + "unseen: [fr]\n"))
    assert study.pairs == ["de-en", "es-en"] and study.tested == ["de", "es", "fr"]
    assert study.data_arguments()["unseen"] == ["fr"]
    assert load(tiny, pairs=["es-en"]).unseen == []
    with pytest.raises(ParameterError, match="unseen: es stands in languages as well"):
        load(write_text(tiny, tiny.read_text().replace("unseen: [fr]", "unseen: [fr, es]")))


def test_a_base_may_have_a_base_and_the_last_word_is_the_files_own(derived):
    derived("between.yaml", "align: {steps: 7, batch_size: 3}\nquick: {align.steps: 2}\n")
    path = derived("last.yaml", "name: last\nalign: {batch_size: 4, learning_rate: null}\n", base="between.yaml")
    assert load(path).align == {"steps": 7, "batch_size": 4}
    assert load(path, pairs=["de-en"]).align["steps"] == 2
    assert load(path, overrides={"align.steps": 5}, pairs=["de-en"]).align["steps"] == 5


def test_a_null_in_a_mapping_that_the_base_lacks_is_not_kept(derived):
    assert load(
        derived("other.yaml", "qa: {steps: 3, freeze: null}\ndata: {qa_train: nli.tsv, qa_test: '{language}-en.tsv'}")
    ).qa == {"steps": 3}


def test_what_a_run_writes_names_no_base(tiny, derived):
    path = write_study(load(derived("other.yaml", "name: other\n")))
    assert "base" not in yaml.safe_load(path.read_text())
    tiny.unlink()
    assert load_study(path).align == {"steps": 10, "learning_rate": 1e-3}


@pytest.mark.parametrize(
    "base, reason",
    [
        ("gone.yaml", "there is no file"),
        ("other.yaml", "builds on this file itself"),
        ("circle.yaml", "builds on this file itself"),
        ("[tiny.yaml]", "must be the path of a YAML file"),
    ],
)
def test_a_base_that_cannot_be_read_is_refused_in_one_sentence(derived, base, reason):
    # Without a check a circle of bases would only end with Python's recursion limit.
    derived("circle.yaml", base="other.yaml")
    with pytest.raises(ParameterError, match=rf"(other|circle)\.yaml: base.*{reason}") as refusal:
        load(derived("other.yaml", base=base))
    assert "\n" not in str(refusal.value)


def test_a_file_to_build_on_is_no_study_of_its_own():
    stems = [path.stem for path in study_files()]
    assert "demo" in stems and "table2" in stems and not any(stem.startswith("_") for stem in stems)


def test_the_quick_look_of_every_study_is_valid():
    for path in study_files():
        assert load_study(path, pairs=[load_study(path, check_data=False).pairs[0]], check_data=False).name


def test_the_resolved_study_reads_back_the_same_even_when_the_corpora_are_gone(tiny):
    study = load(tiny, overrides={"align.steps": 3}, pairs=["de-en"])
    path = write_study(study)
    (tiny.parent / "nli.tsv").unlink()
    again = load_study(path)
    assert again.model_dump() == study.model_dump()
    assert again.folder == study.folder


def test_paths_are_taken_from_the_folder_of_the_file(tiny, monkeypatch):
    monkeypatch.setenv("CORPORA", str(tiny.parent))
    study = load(edited(tiny, '"{language}-en.tsv"', '"$CORPORA/{language}-en.tsv"'))
    assert study.data["nli_test"] == str(tiny.parent / "nli.tsv")
    assert study.data["parallel"] == str(tiny.parent / "{language}-en.tsv")


def test_a_checkpoint_is_a_hub_name_unless_such_a_folder_lies_beside_the_file(tiny):
    assert load(tiny).encoder_path == "some-model"
    (tiny.parent / "some-model").mkdir()
    assert load(tiny).encoder_path == str(tiny.parent / "some-model")


@pytest.mark.parametrize(
    "section, function",
    [
        ("Align", "otlib.align:align"),
        ("Pretrain", "otlib.pretrain:pretrain"),
        ("Nli", "otlib.nli:finetune"),
        ("Qa", "otlib.qa:finetune"),
        ("MicroworldData", "otlib.microworld:write_world"),
        ("FilesData", "otlib.local_data:prepare_files"),
        ("HubData", "otlib.hub_data:prepare_hub"),
    ],
)
def test_every_key_of_a_section_is_an_argument_of_its_function(section, function):
    # Sections are passed on as keyword arguments: a key that the function lacks would fail late in a run.
    module, name = function.split(":")
    arguments = inspect.signature(getattr(import_module(module), name)).parameters
    assert set(getattr(parameters, section).__annotations__) <= set(arguments)


# --- what a run leaves --------------------------------------------------------------------------------------


def test_provenance_names_parameters_commit_versions_hardware_data_and_time(tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("abc")
    started = datetime.now(timezone.utc)
    path = write_run(tmp_path, parameters={"steps": 3}, started=started, data=[data], counts={"kept": 1})
    record = json.loads(path.read_text())
    assert record["parameters"] == {"steps": 3}
    assert record["counts"] == {"kept": 1}
    assert record["packages"]["torch"].startswith("2.")
    assert record["hardware"]["cpus"] >= 1
    assert record["started"] <= record["finished"]
    assert record["peak_memory_mib"] > 10
    # SHA-256 of "abc", from FIPS 180-2, appendix B.1.
    assert record["data"][str(data)].startswith("ba7816bf8f01cfea414140de5dae2223")


def test_provenance_outside_a_git_checkout_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("otlib.record.ROOT", tmp_path)
    record = json.loads(write_run(tmp_path, parameters={}, started=datetime.now(timezone.utc)).read_text())
    assert record["git"] is None


def test_a_write_that_fails_leaves_the_old_file(tmp_path, disk_with_room_for):
    # A full disk in the middle of writing must not cost the result that was there.
    path = write_text(tmp_path / "results.csv", "old")
    with disk_with_room_for(1000), pytest.raises(OSError, match="results.csv could not be written .* free some space"):
        write_text(path, "new" * 1000)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "- a", "just words"])
def test_a_file_that_is_no_mapping_is_refused(tiny, text):
    with pytest.raises(ParameterError, match="a study is a mapping of keys to values"):
        load_study(write_text(tiny, text))


@pytest.mark.parametrize("quick", ["5", "[1]", "{1: 2}"])
def test_a_quick_section_holds_dotted_keys(tiny, quick):
    with pytest.raises(ParameterError, match="quick must hold values by dotted key"):
        load_study(write_text(tiny, f"{tiny.read_text()}quick: {quick}\n"))


def test_a_path_holds_no_other_braces_than_the_languages(tiny):
    with pytest.raises(ParameterError, match="may hold {language}.* and no other braces"):
        load_study(write_text(tiny, tiny.read_text().replace("{language}-en.tsv", "{language}-{split}.tsv")))


def scores(value=0.5, language="de"):
    return pd.DataFrame({"language": [language], "metric": ["accuracy"], "value": [value]})


def test_results_without_a_column_or_value_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'method'"):
        write_results(tmp_path, scores(), study="tiny", seed=0, task="nli")
    with pytest.raises(ValueError, match="accuracy of de"):
        write_results(tmp_path, scores(float("nan")), study="tiny", method="none", seed=0, task="nli")
    assert not list(tmp_path.iterdir())


def test_results_of_removed_methods_seeds_and_pairs_are_not_collected(tiny):
    # Stale folders of earlier parameters once looked like results of the study.
    study = load(tiny)
    for method in study.methods:
        for seed in study.seeds:
            row = dict(study="tiny", method=method, seed=seed)
            write_results(study.task_folder("nli", method, seed), scores(), task="nli", **row)
    both = pd.concat([scores().assign(method=m, seed=s) for m in ("none", "wordot") for s in (0, 1)])
    write_results(study.pair_folder("de"), both, study="tiny", task="retrieval")
    write_results(study.pair_folder("es"), both, study="tiny", task="retrieval")
    assert len(collect_results(study)) == 12

    fewer = load(tiny, seeds=[1], overrides={"methods": {"wordot": {"objective": "wordot"}}})
    table = collect_results(fewer)
    assert list(table.columns) == RESULT_COLUMNS
    assert table[["method", "seed", "task"]].value_counts().to_dict() == {
        ("wordot", 1, "nli"): 1,
        ("wordot", 1, "retrieval"): 2,
    }
    assert pd.read_csv(study.folder / "results.csv").equals(table)


def test_a_study_without_results_says_how_to_make_them(tiny):
    with pytest.raises(FileNotFoundError, match="run the study first, with make study"):
        collect_results(load(tiny))


def test_the_resolved_study_is_plain_yaml(tiny):
    raw = yaml.safe_load(write_study(load(tiny)).read_text())
    assert raw["align"] == {"steps": 10, "learning_rate": 1e-3}


# --- the paper ----------------------------------------------------------------------------------------------


def test_the_papers_averages_are_over_english_and_its_five_languages_and_over_all():
    # What "seen" and "all" mean is read off the numbers: every average of table 2 is the mean of its row.
    table = paper_results()
    for _, row in table[table["experiment"] == "table2"].groupby(["model", "task", "metric"]):
        values = row.set_index("language")["value"]
        languages = values.drop(["average_seen", "average_all"])
        seen = languages[languages.index.isin(["en", "bg", "de", "el", "es", "fr"])]
        assert seen.mean() == pytest.approx(values["average_seen"], abs=0.11)
        assert languages.mean() == pytest.approx(values["average_all"], abs=0.11)


def test_the_papers_numbers_are_there_once_and_are_per_cent():
    table = paper_results()
    assert not table.duplicated(["experiment", "model", "task", "metric", "language"]).any()
    assert table["value"].between(10, 100).all()
    value = table.set_index(["experiment", "model", "task", "metric", "language"])["value"]
    # Spot checks against the printed tables 1, 2, 3, 4, 5 and 8.
    assert value["table1", "AMBER", "nli", "f1", "average_seen"] == 76.4
    assert value["table1", "MAD-X (mBERT)", "qa", "exact_match", "average_seen"] == 53.8
    assert value["table2", "LargeWordOT", "nli", "f1", "sw"] == 62.2
    assert value["table2", "WordOT*", "qa", "exact_match", "average_all"] == 48.0
    assert value["table3", "SubOT", "qa", "f1", "average_seen"] == 74.0
    assert value["table4", "50000 pairs", "nli", "f1", "average_seen"] == 74.4
    assert value["table4", "1000 pairs", "qa", "f1", "en"] == 84.4
    assert value["table5", "XLM-R base", "nli", "f1", "average_seen"] == 77.5


def test_the_papers_numbers_are_packaged():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads TOML")
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    assert "paper.csv" in setuptools["package-data"]["otlib"]


def test_an_alignment_of_another_checkpoint_on_the_hub_is_not_gone_on_with(tiny):
    """It has no files here to tell it by: its name must do."""
    study = load(tiny)
    for language in study.languages:
        write_text(study.parallel(language), f"{language}\ten\n")
    assert not study.begin_alignment("wordot", 0)
    assert study.begin_alignment("wordot", 0)
    assert not load(edited(tiny, "some-model", "some-other-model")).begin_alignment("wordot", 0)
