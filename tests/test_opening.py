"""A notebook begins with the study that was run, and refuses what it does not know, in a sentence."""

import fcntl
import os
import re

import papermill
import pytest
from nbformat import v4, write

from otlib.record import write_text
from otlib.settings import NotMadeYet, ParameterError
from otlib.study import opening
from otlib.study.opening import check_parameters, open_study
from otlib.study.study import load_study, write_study
from otlib.study.yaml_file import study_file


@pytest.fixture
def outputs(tmp_path, monkeypatch):
    """Make folders of runs of the default study in a repository of their own, each newer than the one before."""
    monkeypatch.setattr(opening, "ROOT", tmp_path)
    monkeypatch.setattr("otlib.study.yaml_file.ROOT", tmp_path)
    write_text(tmp_path / "params/demo.yaml", "name: demo\n" + TINY)
    made = []

    def make(name, *files):
        study = load_study(write_text(tmp_path / "mine.yaml", f"name: {name}\n" + TINY), outputs=tmp_path / "outputs")
        for file in files:
            write_text(study.folder / file, "")
        path = write_study(study)
        made.append(path)
        os.utime(path, (2**30, 2**30 + len(made)))
        return study.folder

    return make


TINY = """
source: microworld
languages: [de]
seeds: [0]
encoder: {checkpoint: some-model}
methods: {none: {objective: none}, wordot: {objective: wordot}}
"""


def test_the_default_is_the_newest_study_that_is_finished_or_running(outputs, capsys):
    """After the quick look, outputs/demo-de-en, six of nine notebooks said that outputs/demo was not there."""
    assert open_study("demo*").folder.name == "demo"  # of params/, to say how it is made
    quick = outputs("demo-de-en")
    assert open_study("demo*").folder == quick  # begun, and interrupted
    done = outputs("demo-el-en", "report.html")
    outputs("demo-3")
    outputs("other", "report.html")
    assert open_study("demo*").folder == done
    running = outputs("demo-4", ".lock")
    assert open_study("demo*").folder == done
    with open(running / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert open_study("demo*").folder == running
    assert capsys.readouterr().out.splitlines()[-1] == f"Study demo-4, the newest of demo*: {running}"


def test_of_several_names_the_first_that_was_run_is_taken(outputs):
    outputs("demo-de-en", "report.html")
    assert open_study("ablations*|demo*").name == "demo-de-en"
    outputs("ablations")
    outputs("demo-el-en", "report.html")
    assert open_study("ablations*|demo*").name == "ablations"


def test_a_study_is_also_its_folder_or_the_name_of_it(outputs, tmp_path, monkeypatch):
    folder = outputs("demo-de-en")
    monkeypatch.chdir(tmp_path / "params")
    for named in ("demo-de-en", "outputs/demo-de-en", folder, folder / "study.yaml"):
        assert load_study(named).folder == folder
    assert study_file("demo") == tmp_path / "params/demo.yaml"
    monkeypatch.chdir(folder)
    with pytest.raises(ParameterError, match="there is no study ''"):
        load_study("")


@pytest.mark.parametrize("named", ["outputs/demo/study.yaml", "outputs/demo"])
def test_a_folder_that_is_not_there_yet_is_named_with_what_makes_it(outputs, named, tmp_path, monkeypatch):
    """As the notebooks of the gallery name it, in a clone where nothing was run."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError, match="outputs/demo is not there yet: run make study STUDY=demo first"):
        open_study(named)
    (tmp_path / "outputs/demo").mkdir(parents=True, exist_ok=True)
    with pytest.raises(ParameterError, match="outputs/demo has no study.yaml: run make study STUDY=demo first"):
        open_study(named)
    outputs("demo-de-en")
    with pytest.raises(ParameterError, match="params/ holds demo, outputs/ demo-de-en$"):
        open_study("nothing-here")


def test_data_that_are_missing_are_named_with_what_makes_them(outputs, tmp_path):
    """Not with the path of a corpus, which only the step that makes the data needs."""
    corpora = TINY.replace("microworld", "corpora") + "data: {parallel: '{language}.tsv'}\n"
    study = open_study(str(write_text(tmp_path / "params/own.yaml", "name: own\n" + corpora)))
    with pytest.raises(NotMadeYet, match=r"data/run.json is not there yet: run make study STUDY=\S+ first$") as error:
        study.require_data()
    assert error.value._render_traceback_() == [f"NotMadeYet: {error.value}"]


@pytest.mark.parametrize(
    ("chosen", "there"),
    [({"pair": "fr-en"}, "de-en"), ({"method": "wordto"}, "none, wordot"), ({"method": "none", "seed": 7}, "0")],
)
def test_an_unknown_pair_method_or_seed_is_refused_with_those_there_are(outputs, chosen, there):
    name, value = list(chosen.items())[-1]
    outputs("demo")
    said = f"study demo has no {name} {value!r}; it has {there}"
    with pytest.raises(ParameterError, match=f"^{re.escape(said)}$") as error:
        open_study("demo*", **chosen)
    assert error.value._render_traceback_() == [f"ParameterError: {said}"]  # no calls in a notebook


def test_a_parameter_that_the_notebook_has_not_is_refused():
    cells = ["study = 'demo'\nseed = 0", "# Parameters\nstudy = 'x'\nsed = 1", "other = 2"]
    with pytest.raises(ParameterError, match="no parameter 'sed', only study, seed"):
        check_parameters("study", "seed", cells=cells)
    check_parameters("study", "sed", cells=cells)
    check_parameters("study")  # outside a notebook


def test_papermill_stops_at_a_parameter_that_the_notebook_has_not(tmp_path):
    """It warns in its own log, and runs on with the default."""
    first = v4.new_code_cell("epsilon = 0.05", metadata={"tags": ["parameters"]})
    check = v4.new_code_cell("from otlib.study.opening import check_parameters\ncheck_parameters('epsilon')")
    path, out = tmp_path / "n.ipynb", tmp_path / "out.ipynb"
    write(v4.new_notebook(cells=[first, check, v4.new_code_cell("print('never')")]), path)
    options = {"kernel_name": "python3", "language": "python", "progress_bar": False}
    with pytest.raises(papermill.PapermillExecutionError, match="no parameter 'epsilom', only epsilon"):
        papermill.execute_notebook(path, out, {"epsilom": 0.1}, **options)
