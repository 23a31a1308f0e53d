"""Notebooks run strictly and fail readably; a study skips what is done, resumes and isolates failures."""

import errno
import fcntl
import io
import os
import re
import resource
import runpy
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import nbformat
import pytest
from forks import run_module
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tqdm import tqdm

import otlib.study.run
from otlib.record import ROOT, shown, write_text
from otlib.settings import ParameterError
from otlib.study import yaml_file
from otlib.study.data import make_data
from otlib.study.run import NotebookError, Progress, main, run_notebook
from otlib.study.study import load_study, write_study


def write_notebook(path, parameters, *cells):
    first = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_markdown_cell("# Title"), first, *map(new_code_cell, cells)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def printed(path):
    cells = nbformat.read(path, nbformat.NO_CONVERT).cells
    return "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))


pytestmark = pytest.mark.usefixtures("forked_kernels")


# --- one notebook -------------------------------------------------------------------------------------------


def test_a_notebook_gets_its_parameters_with_the_type_of_their_defaults(tmp_path):
    # A seed passed on as text, or a name read as a number, would make another run than the one asked for.
    source = write_notebook(
        tmp_path / "n.ipynb",
        "method = 'none'\nseed = 0\nrate = 0.5\nfast = True",
        "print([method, seed, rate, fast])",
    )
    values = {"method": "007", "seed": "3", "rate": "0.1", "fast": "false"}
    out = run_notebook(source, tmp_path / "out" / "n.ipynb", values)
    assert printed(out) == "['007', 3, 0.1, False]\n"
    assert os.listdir(out.parent) == ["n.ipynb"]


@pytest.mark.parametrize("given", [None, "3"])
def test_a_notebook_has_one_thread_on_any_machine_unless_it_is_told(tmp_path, monkeypatch, given):
    monkeypatch.delenv("OMP_NUM_THREADS")
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    asks = "import os\nprint(os.environ['OMP_NUM_THREADS'], os.environ['RAYON_NUM_THREADS'])"
    out = run_notebook(write_notebook(tmp_path / "n.ipynb", "x = 1", asks), tmp_path / "out.ipynb", {})
    assert printed(out).split() == [given or "1"] * 2


@pytest.mark.parametrize(
    "parameters, message",
    [
        ({"sed": "1"}, "no parameter 'sed'.*seed"),
        ({"seed": "one"}, "seed must be int"),
        ({"seed": "1.5"}, "int"),
    ],
)
def test_an_unknown_or_ill_typed_parameter_is_refused_before_any_kernel(tmp_path, parameters, message):
    # papermill only warns of an unknown parameter and runs with the default.
    source = write_notebook(tmp_path / "n.ipynb", "seed = 0", "print(seed)")
    with pytest.raises(NotebookError, match=message):
        run_notebook(source, tmp_path / "out.ipynb", parameters)
    assert not list(tmp_path.glob("out*"))


def test_a_missing_notebook_is_refused(tmp_path):
    with pytest.raises(NotebookError, match="gone.ipynb"):
        run_notebook(tmp_path / "gone.ipynb", tmp_path / "out.ipynb", {})


def test_a_failed_cell_is_one_line_with_cell_and_error_and_leaves_the_partial_copy(tmp_path, capfd):
    source = write_notebook(tmp_path / "n.ipynb", "x = 1", "print('kept')", "raise ValueError('too\\nlong')")
    status = main(["notebook", str(source), str(tmp_path / "out.ipynb")])
    assert status == 1
    lines = [line for line in capfd.readouterr().err.splitlines() if line.startswith("out | ")]
    partial = tmp_path / "out.partial.ipynb"
    assert lines[1:] == [f"out | failed in cell [3]: ValueError: too (so far: {partial})"]
    assert "kept" in printed(partial)
    assert not (tmp_path / "out.ipynb").exists()


def test_a_success_after_a_failure_removes_the_partial_copy(tmp_path):
    source = write_notebook(tmp_path / "n.ipynb", "wrong = False", "assert not wrong")
    out = tmp_path / "out.ipynb"
    with pytest.raises(NotebookError):
        run_notebook(source, out, {"wrong": "true"})
    run_notebook(source, out, {"wrong": "false"})
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.ipynb"]


@pytest.mark.parametrize("death", ["os._exit(9)", "os.kill(os.getpid(), 9)"])
def test_a_kernel_that_dies_is_one_line_with_notebook_cell_and_likely_reason(tmp_path, death):
    # As a kernel does that the system kills for its memory.
    source = write_notebook(tmp_path / "n.ipynb", "x = 1", "print('kept')", f"import os; {death}", "print('never')")
    with pytest.raises(NotebookError, match=r"in cell \[3\] of n.ipynb: its kernel died, .*memory.*so far") as refusal:
        run_notebook(source, tmp_path / "out.ipynb", {})
    assert "\n" not in str(refusal.value)
    assert "kept" in printed(tmp_path / "out.partial.ipynb")


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        ("ValueError('\\n\\n  the reason\\nmore')", "ValueError: the reason"),
        ("ValueError('\\r\\x0bthe reason')", "ValueError: the reason"),
        ("ValueError('')", "ValueError: it gives no reason"),
        ("ValueError(' \\n\\t')", "ValueError: it gives no reason"),
        ("KeyError()", "KeyError: it gives no reason"),
        ("AssertionError()", "AssertionError: it gives no reason"),
    ],
)
def test_no_error_reaches_the_user_without_a_reason(tmp_path, monkeypatch, capsys, raised, reason):
    source = write_notebook(tmp_path / "n.ipynb", "x = 1", f"raise {raised}")
    with pytest.raises(NotebookError) as refusal:
        run_notebook(source, tmp_path / "out.ipynb", {})
    assert str(refusal.value).startswith(f"failed in cell [2]: {reason} (so far")

    def broken(study):
        raise eval(raised)

    monkeypatch.setattr("otlib.study.data.make_data", broken)
    assert main(["data", "demo"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("data | failed: ") and reason.rpartition(": ")[2] in said
    monkeypatch.setattr("otlib.study.plan.plan", broken)
    if "ValueError" in raised:  # the others are a fault of ours, and leave a traceback
        assert main(["plan", "demo"]) == 1
        assert reason.rpartition(": ")[2] in capsys.readouterr().err.splitlines()[0]


def test_a_cell_that_takes_longer_than_the_study_lets_it_fails_with_the_mend(tmp_path, capfd):
    """A notebook that hung kept a study for ever."""
    source = write_notebook(tmp_path / "n.ipynb", "study = ''", "print('kept')", "import time; time.sleep(600)")
    study = write_text(tmp_path / "tiny.yaml", TINY + "workflow: {cell_timeout: 1}")
    assert main(["notebook", str(source), str(tmp_path / "out.ipynb"), f"study={study}"]) == 1
    _, failed = capfd.readouterr().err.splitlines()
    assert failed.startswith("out | failed in cell [4]: it took longer than workflow.cell_timeout, 1 s; raise it")
    assert "kept" in printed(tmp_path / "out.partial.ipynb")
    assert main(["notebook", str(source), str(tmp_path / "out.ipynb"), "study=nowhere"]) == 1
    assert capfd.readouterr().err.splitlines()[1].startswith("out | failed: there is no study 'nowhere'")


def test_a_broken_notebook_is_one_line(tmp_path, capfd):
    (tmp_path / "n.ipynb").write_text("{")
    assert main(["notebook", str(tmp_path / "n.ipynb"), str(tmp_path / "out.ipynb")]) == 1
    assert capfd.readouterr().err.splitlines()[1].startswith("out | failed: NotJSONError: ")


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_parameter_that_is_not_finite_is_refused(tmp_path, number):
    source = write_notebook(tmp_path / "n.ipynb", "epsilon = 0.05")
    with pytest.raises(NotebookError, match="epsilon must be float"):
        run_notebook(source, tmp_path / "out.ipynb", {"epsilon": number})


@pytest.mark.parametrize(
    "arguments",
    [
        ["study", "demo", "--pairs", "de-en", "--pairs", "es-en"],
        ["study", "demo", "--cores", "1", "--cores=2"],
        ["plan", "demo", "--seeds", "0", "--seed", "0"],
        ["plan", "demo", "--seeds", "0,0"],
        ["plan", "demo", "--pairs", "de-en,es-en,de-en"],
        ["plan", "demo", "--set", "align.steps=7", "align.steps=7"],
        ["plan", "demo", "--set", "align.steps=7", "--set", "nli.steps=8", "--set", "align.steps=9"],
        ["notebook", "notebooks/02_data.ipynb", "out.ipynb", "pair=de-en", "pair=es-en"],
        ["align", "--study", "demo", "--method", "l2", "--method", "none"],
        ["align", "--study", "demo", "--study", "workshop", "--method", "none"],
        ["align", "--study", "demo", "--method", "none", "--seed", "1", "--seed", "1"],
    ],
)
def test_nothing_that_is_given_twice_is_lost_in_silence(arguments, capsys):
    """The last one once won, and a study ran without what had been asked for."""
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert "twice" in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (["align={steps: 2}", "align.steps=3"], "align and align.steps are given, one inside the other"),
        (["encoder.pretrain.steps=3", "encoder={checkpoint: a}"], "one inside the other"),
        (["align={steps: 2}"], "would drop align.batch_size"),
        (["encoder={pretrain: {steps: 2}}"], "would drop encoder.pretrain.vocabulary_size"),
        (["methods.l2={objective: l2}"], "would drop methods.l2.layers: set single keys, such as methods.l2.layers"),
    ],
)
def test_a_section_is_not_replaced_by_some_of_its_keys(chosen, message, capsys, monkeypatch):
    monkeypatch.setattr("otlib.study.plan.plan", lambda study: [])
    assert main(["plan", "demo", "--set", *chosen]) == 1
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


def test_settings_given_one_by_one_add_up(capsys, monkeypatch):
    shown = "otlib.study.plan.plan"
    monkeypatch.setattr(shown, lambda study: [f"{study.align.steps} {study.nli.steps} {study.qa} {[*study.methods]}"])
    chosen = ["--set", "align.steps=7", "--set", "nli.steps=8", "qa=null", "methods={none: {objective: none}}"]
    assert main(["plan", "workshop", *chosen]) == 0
    assert capsys.readouterr().out == "7 8 None ['none']\n\n"


def test_an_executed_notebook_keeps_one_state_of_a_bar_and_names_paths_from_the_repository(tmp_path):
    bar = "import sys\nfor i in range(9):\n    sys.stderr.write(f'\\r{i}%|'); sys.stderr.flush()"
    out = run_notebook(write_notebook(tmp_path / "n.ipynb", "x = 1", bar), tmp_path / "out.ipynb", {})
    assert printed(out) == "8%|"
    # What lies in the repository is named from there, so that no executed notebook tells a machine's paths.
    assert shown(ROOT / "outputs/x.ipynb") == "outputs/x.ipynb"
    assert nbformat.read(out, nbformat.NO_CONVERT).metadata.papermill.output_path == shown(out)


@pytest.mark.parametrize("seconds", [0.001, 1.9])
def test_progress_shows_the_first_and_last_state_of_a_bar_and_few_between(monkeypatch, seconds):
    """Of the trainer's own bar: once only bars that count "it/s" were shown, and the trainer's counts steps."""
    terminal, now = io.StringIO(), [0.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    progress = Progress("job", pause=1000, stream=terminal)
    bar = tqdm(total=100, desc="align wordot", unit="step", mininterval=0, file=progress)
    for _ in range(100):
        now[0] += seconds
        bar.update()
        bar.set_postfix(loss="0.5")
    bar.close()
    progress.write("a warning | of 3/4 [words] that is no bar\n")
    first, last = terminal.getvalue().splitlines()
    assert first.startswith("job | align wordot:   0%") and "0/100 [" in first
    assert last.startswith("job | align wordot: 100%") and "loss=0.5" in last


# --- a study ------------------------------------------------------------------------------------------------

STUDY = {
    "name": "tiny",
    "source": "microworld",
    "languages": ["de"],
    "seeds": [0],
    "encoder": {"checkpoint": "none-needed"},
    "align": {"steps": 1},
    "methods": {"none": {"objective": "none"}},
    "nli": {"steps": 1},
}
FOLDER = "import pathlib, time\nfolder = pathlib.Path('..', study).resolve().parent"
MARK = """made = folder / {}
made.mkdir(parents=True, exist_ok=True)
for name in ('run.json', 'results.csv', 'predictions.csv'):
    (made / name).write_text('x')"""
PARAMETERS = "study = ''\npair = ''\nmethod = ''\nseed = 0"
BODIES = {
    "01_transport_primer": "print('primer')",
    "02_data": "print('data')",
    "10_align": MARK.format("'aligned' / method / f'seed{seed}'"),
    "20_nli": MARK.format("'nli' / method / f'seed{seed}'"),
    "30_pair": MARK.format("'pairs' / pair"),
    "40_report": "(folder / 'results.csv').write_text('x')",
    "41_ablations": "(folder / 'findings.csv').write_text('x')",
}
WORLD = """
def speaks(code):
    return code == "de"

def write_world(folder, languages, settings):
    (folder / "made.txt").write_text("made")
    return {"made": 1}
"""

# No stub computes anything, and each process would import the libraries, for seconds.
TORCH = """
class cuda:
    is_available = staticmethod(lambda: False)
    device_count = staticmethod(lambda: 0)

class backends:
    mps = cuda

def get_num_threads():
    return 1
"""


def write_stub(repository, name, body=None):
    path = repository / "notebooks" / f"{name}.ipynb"
    return write_notebook(path, PARAMETERS, FOLDER, body or BODIES[name])


def run_study(repository, *arguments, **options):
    command = [sys.executable, "-m", "otlib", "study", "tiny", "--cores", "2", *arguments]
    return subprocess.run(
        command, cwd=repository, env=environment(repository), capture_output=True, text=True, **options
    )


def environment(repository):
    return {**os.environ, "PYTHONPATH": str(repository)}


def planned(repository, overrides):
    """Rules that Snakemake would run for the study with other settings, and how often."""
    path, outputs = repository / "params/tiny.yaml", repository / "outputs"
    write_study(load_study(path, overrides, outputs=outputs, check_data=False))
    asked = ["--snakefile", repository / "Snakefile", "--dry-run", "--nolock", "--cores", "8"]
    asked += ["--directory", repository / "outputs/tiny", "--config", "study=outputs/tiny/study.yaml"]
    done = run_module("snakemake", *asked, cwd=repository, env=environment(repository))
    assert done.returncode == 0, done.stdout
    assert "threads: " not in done.stdout  # each job has one, on eight cores, too
    table = re.findall(r"^(\w+) +(\d+)$", done.stdout, flags=re.MULTILINE)
    return {rule: int(count) for rule, count in table if rule not in ("total", "all")}


def jobs(result):
    return sorted(line.split(" | ")[0] for line in result.stdout.splitlines() if line.endswith("| started"))


ODD = "with $HOME, {braces}, 'two' \"quotes\" and \u00e9 #1"  # as people name folders


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A repository with stub notebooks and its study run to the end."""
    repository = tmp_path_factory.mktemp("a folder") / ODD
    shutil.copytree(ROOT / "otlib", repository / "otlib", ignore=shutil.ignore_patterns("microworld", "*.pyc"))
    shutil.copy(ROOT / "Snakefile", repository)
    (repository / "otlib/data/microworld").mkdir()
    (repository / "otlib/data/microworld/__init__.py").write_text(WORLD)
    (repository / "otlib/data/microworld/de.tsv").write_text("word\n" * 300_000)  # more than Snakemake would read
    (repository / "torch.py").write_text(TORCH)
    (repository / "params").mkdir()
    (repository / "params" / "tiny.yaml").write_text(yaml_file.dump(STUDY))
    for name in BODIES:
        write_stub(repository, name)
    result = run_study(repository)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Report: outputs/tiny/report.html" in result.stdout
    return repository


@pytest.fixture
def repository(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "my repository")


def test_a_second_run_does_nothing_even_where_files_have_another_time_as_of_a_new_checkout(repository):
    """Corpora that were copied anew, with the same content, once reran a study of days."""
    for path in (*repository.glob("otlib/data/microworld/*"), *repository.glob("notebooks/*")):
        os.utime(path, (time.time() + 5, time.time() + 5))
    result = run_study(repository)
    assert (result.returncode, jobs(result)) == (0, [])


@pytest.mark.parametrize(
    "overrides, jobs",
    [
        ({}, {}),
        ({"nli.steps": 2}, {"nli": 1, "report": 1}),
        ({"nli.clip": 1.0, "nli.warmup": 0.1}, {}),  # the defaults
        ({"nli.clip": 2.0}, {"nli": 1, "report": 1}),
        ({"align.steps": 2}, {"align": 1, "nli": 1, "pair": 1, "report": 1}),
        ({"methods.l2.objective": "l2"}, {"align": 1, "nli": 1, "pair": 1, "report": 1}),
        ({"title": "other {words} {0} {"}, {"report": 1}),
        ({"paper": {"experiment": "table2", "rows": {"none": "mBERT"}}}, {"report": 1}),
        (
            {"findings": [{"says": "{1.} {}", "method": "none", "against": "none", "expects": {"nli": "better"}}]},
            {"ablations": 1},
        ),
        (
            {
                "source": "corpora",
                "data.parallel": "{language}-en.tsv",
                "data.nli_train": ["train.tsv"],
                "data.nli_dev": ["dev.tsv"],
                "data.nli_test": "test.tsv",
            },
            {"data": 1, "parallel_text": 1, "align": 1, "nli": 1, "pair": 1, "report": 1},
        ),
    ],
)
def test_a_changed_setting_reruns_what_depends_on_it_and_nothing_else(repository, overrides, jobs):
    assert planned(repository, overrides) == jobs


@pytest.mark.slow
def test_each_seed_pretrains_and_a_method_of_tasks_only_is_in_no_pair(repository):
    write_stub(repository, "03_pretrain", MARK.format("'encoder' / f'seed{seed}'"))
    ceiling = {"objective": "none", "taught": "translations"}
    overrides = {"encoder.checkpoint": None, "encoder.pretrain": {}, "seeds": [0, 1], "methods.ceiling": ceiling}
    assert planned(repository, overrides) == {
        **{"data": 1, "parallel_text": 1, "pretrain": 2, "align": 4, "nli": 4, "pair": 1, "report": 1}
    }
    path = repository / "params/tiny.yaml"
    path.write_text(yaml_file.dump(STUDY | {"encoder": {"pretrain": {}}, "seeds": [0, 1]}))
    result = run_study(repository, "--", "--until", "align")
    assert result.returncode == 0, result.stdout + result.stderr
    assert [name for name in jobs(result) if "03" in name] == ["03_pretrain-seed0", "03_pretrain-seed1"]
    assert planned(repository, {"encoder.pretrain.steps": 7}) == {
        **{"pretrain": 2, "align": 2, "nli": 2, "pair": 1, "report": 1}
    }
    (repository / "outputs/tiny/encoder/seed1/run.json").unlink()
    assert planned(repository, {})["pretrain"] == 1


def test_what_was_aligned_of_a_checkpoint_that_is_gone_is_not_aligned_anew(repository):
    assert planned(repository, {"encoder.checkpoint": "/no such/folder"}) == {}


def test_steps_of_one_methods_tasks_rerun_these(repository):
    assert planned(repository, {"methods.none.task_steps": 2.0}) == {"nli": 1, "report": 1}


@pytest.mark.parametrize(
    ("lost", "rule"),
    [
        ("notebooks/01_transport_primer.ipynb", "transport_primer"),
        ("notebooks/10_align-none-seed0.ipynb", "align"),
        ("nli/none/seed0/run.json", "nli"),
        ("pairs/de-en/results.csv", "pair"),
        ("results.csv", "report"),
        ("notebooks/40_report.ipynb", "report"),
    ],
)
def test_whatever_is_lost_is_made_again(repository, lost, rule):
    """Only the last files were asked for, and they were there."""
    (repository / "outputs/tiny" / lost).unlink()
    assert planned(repository, {}).get(rule) == 1


@pytest.mark.slow
def test_a_lost_file_of_the_data_is_made_again_as_are_the_data_after_an_edit(repository):
    (repository / "outputs/tiny/data/made.txt").unlink()
    result = run_study(repository, "--", "data/run.json", "--dry-run")  # a file that is asked for, and a flag
    assert result.returncode == 0 and (repository / "outputs/tiny/data/run.json").exists()
    assert "data" in jobs(run_study(repository))
    assert (repository / "outputs/tiny/data/made.txt").exists()
    assert planned(repository, {}) == {}
    (repository / "otlib/data/microworld/__init__.py").write_text(WORLD + "\n# another word\n")
    again = jobs(run_study(repository, "--", "--forcerun", "report"))  # the flags of a user beside ours
    assert "data" in again and "10_align-none-seed0" in again


@pytest.mark.slow
def test_a_failed_notebook_stops_only_what_needs_it(repository):
    write_stub(repository, "20_nli", "print('kept')\nraise RuntimeError('no such luck')")
    write_stub(repository, "30_pair")
    result = run_study(repository)
    assert result.returncode != 0
    assert jobs(result) == ["20_nli-none-seed0", "30_pair-de-en", "40_report"]
    partial = "outputs/tiny/notebooks/20_nli-none-seed0.partial.ipynb"
    assert f"20_nli-none-seed0 | failed in cell [4]: RuntimeError: no such luck (so far: {partial})" in result.stderr
    assert "kept" in printed(repository / partial)
    assert not (repository / "outputs/tiny/nli/none/seed0/run.json").exists()

    write_stub(repository, "20_nli")
    assert planned(repository, {}) == {"nli": 1, "report": 1}


@pytest.mark.slow
def test_pairs_and_the_report_are_made_of_what_there_is_and_again_when_all_is(repository):
    """One run that failed kept everything back that is made of all of them."""
    methods = {"none": {"objective": "none"}, "wordot": {"objective": "wordot"}}
    (repository / "params/tiny.yaml").write_text(yaml_file.dump(STUDY | {"methods": methods}))
    fails = "if method == 'wordot':\n    raise RuntimeError('no such luck')\n"
    write_stub(repository, "10_align", fails + BODIES["10_align"])
    made = repository / "outputs/tiny/pairs/de-en/results.csv"
    made.unlink()
    (repository / "outputs/tiny/results.csv").unlink()  # of stubs that write always the same
    result = run_study(repository)
    assert result.returncode == 1 and made.exists()
    aligned = ["10_align-none-seed0", "10_align-wordot-seed0"]
    assert jobs(result) == [*aligned, "20_nli-none-seed0", "30_pair-de-en", "40_report"]
    *_, failed, report, goes_on = result.stderr.splitlines()
    assert failed.startswith("10_align-wordot-seed0 | failed in cell [4]: RuntimeError: no such luck")
    assert report == "Report of what there is: outputs/tiny/report.html" and "same command goes on" in goes_on
    again = run_study(repository)
    assert again.returncode == 1 and jobs(again) == ["10_align-wordot-seed0"]
    write_stub(repository, "10_align")
    whole = run_study(repository)
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert {"20_nli-wordot-seed0", "30_pair-de-en", "40_report"} < {*jobs(whole)}
    assert planned(repository, {"methods": methods}) == {}


@pytest.mark.slow
def test_what_waits_for_a_run_that_failed_is_in_no_report(repository):
    """It was made by earlier settings."""
    fails = "raise RuntimeError('no such luck')"
    write_stub(repository, "10_align", fails)
    old = repository / "outputs/tiny/nli/none/seed0/results.csv"
    result = run_study(repository)
    assert result.returncode == 1 and not old.exists()
    assert not (repository / "outputs/tiny/pairs/de-en/results.csv").exists()
    assert jobs(result) == ["10_align-none-seed0"]


@pytest.fixture
def aligning(repository):
    """A study that has just written the marks of an alignment, while its notebook goes on."""
    write_stub(repository, "10_align", BODIES["10_align"] + "\ntime.sleep(600)")
    mark = repository / "outputs/tiny/aligned/none/seed0/run.json"
    mark.unlink()
    command = [sys.executable, "-m", "otlib", "study", "tiny"]
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen(command, cwd=repository, env=environment(repository), start_new_session=True, **streams)
    while not mark.exists():
        assert process.poll() is None
        time.sleep(0.1)
    return repository, process, mark


@pytest.mark.slow
def test_a_killed_study_leaves_no_lock_and_goes_on(aligning):
    # Snakemake's own lock outlives a SIGKILL and asks the user to unlock by hand.
    repository, process, _ = aligning
    children = subprocess.check_output(["ps", "-o", "pid=", "--ppid", str(process.pid)], text=True).split()
    process.kill()
    for child in children:
        with suppress(ProcessLookupError):  # the process that forks kernels has ended by itself
            os.killpg(int(child), signal.SIGKILL)
    process.wait()
    write_stub(repository, "10_align")
    result = run_study(repository, "--", "--until", "align")
    assert (result.returncode, jobs(result)) == (0, ["10_align-none-seed0"])


@pytest.mark.parametrize("during", ["imports", "main"])
def test_ctrl_c_is_one_line_whatever_is_under_way(monkeypatch, capsys, during):
    """Imports, which take seconds, ended in a traceback, as did all commands but study."""

    class Stopped:
        def __getattr__(self, name):
            if name == "main" and during == "main":
                return self._stop
            raise KeyboardInterrupt

        def _stop(self):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "otlib.study.run", Stopped())
    with pytest.raises(SystemExit, match="130"):
        runpy.run_module("otlib", run_name="__main__")
    assert capsys.readouterr().err == "Stopped; the same command goes on.\n"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_stopped_study_ends_its_jobs_and_leaves_nothing_that_looks_finished(aligning, name):
    """A closed terminal, SIGHUP, once left Snakemake waiting for ever, with the lock."""
    repository, process, mark = aligning
    os.killpg(process.pid, getattr(signal, name))  # as a terminal does
    assert process.communicate(timeout=60)[1] == "Stopped; the same command goes on.\n"
    assert process.returncode == 128 + getattr(signal, name)
    assert not mark.exists()
    with open(repository / "outputs/tiny/.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


WAITS = "\nwhile not (folder / 'go').exists():\n    time.sleep(0.1)"


@pytest.mark.slow
@pytest.mark.parametrize("killed", [True, False], ids=["killed", "unread"])
def test_a_study_that_nobody_reads_any_more_goes_on(repository, killed):
    """Its jobs' next line once met a broken pipe: they failed, and Snakemake never ended."""
    write_stub(repository, "10_align", BODIES["10_align"] + WAITS)
    mark = repository / "outputs/tiny/aligned/none/seed0/run.json"
    mark.unlink()
    command = [sys.executable, "-m", "otlib", "study", "tiny"]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, cwd=repository, env=environment(repository), **streams)
    while not mark.exists():
        time.sleep(0.1)
    if killed:
        process.kill()
    process.stdout.close()
    write_text(repository / "outputs/tiny/go", "")
    status = process.wait(timeout=120)
    with open(repository / "outputs/tiny/.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # when whoever works has ended
    assert status == (-9 if killed else 0)
    assert planned(repository, {}) == {}
    assert "40_report | done" in (repository / "outputs/tiny/log.txt").read_text()


@pytest.mark.slow
def test_what_nohup_ignores_stays_ignored(aligning):
    repository, process, _ = aligning
    process.terminate()
    process.wait()
    script = "import os, signal, sys\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\nos.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", script, sys.executable, "-m", "otlib", "study", "tiny"]
    log = repository / "outputs/tiny/log.txt"
    log.unlink()
    process = subprocess.Popen(command, cwd=repository, env=environment(repository), stdout=subprocess.DEVNULL)
    while not (log.exists() and "started" in log.read_text()):
        time.sleep(0.1)
    process.send_signal(signal.SIGHUP)
    time.sleep(1)
    assert process.poll() is None
    process.terminate()
    process.wait(timeout=60)


def test_two_runs_of_one_study_do_not_meet(repository):
    with open(repository / "outputs/tiny/.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = run_study(repository, timeout=60)
    assert result.returncode == 1
    assert "study tiny is being run by process" in result.stderr


@pytest.mark.slow
def test_who_holds_a_study_is_said_truly_after_its_main_process_was_killed(aligning):
    """The lock file held the number of a process that was no more."""
    repository, process, _ = aligning
    children = subprocess.check_output(["ps", "-o", "pid=", "--ppid", str(process.pid)], text=True).split()
    process.kill()
    process.wait()
    result = run_study(repository, timeout=60)
    for child in children:
        with suppress(ProcessLookupError):  # the process that forks kernels has ended by itself
            os.killpg(int(child), signal.SIGKILL)
    assert f"study tiny is being run by process {children[-1]};" in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.fixture
def idle(tmp_path, monkeypatch):
    """A study whose jobs are not run."""
    monkeypatch.setattr("otlib.study.run.run_snakemake", lambda *_: (0, []))
    return load_study(write_text(tmp_path / "tiny.yaml", TINY), outputs=tmp_path / "outputs")


@pytest.mark.parametrize("code", ["ENOLCK", "ENOSYS", "EOPNOTSUPP", "ENOTSUP", "EINVAL", "EIO"])
def test_a_file_system_without_locks_runs_a_study_with_a_warning(idle, monkeypatch, capsys, code):
    """As NFS and Lustre may be: the message said that another process ran it."""

    def no_locks(file, how):
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert otlib.study.run.run_study(idle, cores=1) == 0
    said = capsys.readouterr().err
    assert "Nothing keeps a second process from running study tiny" in said and said.count("\n") == 1
    assert os.strerror(getattr(errno, code)) in said


@pytest.mark.parametrize("code", ["EWOULDBLOCK", "EAGAIN", "EACCES"])
def test_a_lock_of_another_machine_is_told_from_a_file_system_without_locks(idle, monkeypatch, code):
    """No process here has it open; the file says which one, and where, took it."""

    def taken(file, how):
        raise OSError(getattr(errno, code), "taken")

    monkeypatch.setattr(fcntl, "flock", taken)
    for text, who in (("12 on there", "12 on there, or by what it started"), ("", "of another machine")):
        write_text(idle.folder / ".lock", text)
        with pytest.raises(ParameterError, match=f"study tiny is being run by process {who}"):
            otlib.study.run.run_study(idle, cores=1)


@pytest.mark.parametrize("code", ["EROFS", "EACCES", "ENOSPC", "EDQUOT"])
def test_a_folder_that_cannot_be_written_is_one_sentence(idle, monkeypatch, code):
    def refused(path, **_):
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    monkeypatch.setattr("pathlib.Path.touch", refused)
    with pytest.raises(ParameterError, match=f"study tiny: .*{os.strerror(getattr(errno, code))}.*writable") as refusal:
        otlib.study.run.run_study(idle, cores=1)
    assert "\n" not in str(refusal.value)


def test_a_file_in_the_place_of_a_studys_folder_is_one_sentence(idle):
    write_text(idle.folder, "")
    with pytest.raises(ParameterError, match="study tiny: .* cannot be written"):
        otlib.study.run.run_study(idle, cores=1)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (["20_nli | started", "data | started", "data | done"], "20_nli | ended before it was done"),
        (["a | started", "a | failed: x"], "a | failed: x"),
        (["no rule"], "no rule"),
        ([], "Snakemake said nothing and ended with status -9"),
    ],
)
def test_a_study_that_breaks_off_says_what_did(idle, monkeypatch, capsys, said, told):
    monkeypatch.setattr("otlib.study.run.run_snakemake", lambda *_: (-9, said))
    assert otlib.study.run.run_study(idle, cores=1) == -9
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and lines[1].startswith(told) and "same command goes on" in lines[2]


def test_too_few_open_files_are_one_sentence_or_mended(capsys, monkeypatch):
    """Of 64 there was a traceback of Snakemake's."""
    limits, given = {"now": (64, 64)}, []
    monkeypatch.setattr("resource.getrlimit", lambda _: limits["now"])
    monkeypatch.setattr("resource.setrlimit", lambda _, limit: given.append(limit))
    monkeypatch.setattr("otlib.study.plan.plan", lambda study: [])
    assert main(["plan", "demo"]) == 1
    said = capsys.readouterr().err
    assert "only 64 files may be open at once" in said and "ulimit -n 256" in said and said.count("\n") == 1
    limits["now"] = (128, resource.RLIM_INFINITY)
    assert main(["plan", "demo"]) == 0 and given == [(256, resource.RLIM_INFINITY)]
    limits["now"] = (4096, 4096)
    assert main(["plan", "demo"]) == 0 and len(given) == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--seeds", "0,0"], "0 is chosen twice"),
        (["--set", "nli.stepps=2"], "nli.stepps is not a parameter"),
        (["--set", "nli.steps"], "KEY=VALUE"),
        (["--pairs", "fr-en"], "no pair fr-en"),
        (["--seeds", "one"], "whole numbers"),
    ],
)
def test_wrong_arguments_are_one_line_and_start_nothing(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.setattr("otlib.study.run.run_study", lambda *_, **__: pytest.fail("started"))
    path = write_text(tmp_path / "tiny.yaml", yaml_file.dump(STUDY))
    assert main(["study", str(path), "--cores", "2", *arguments]) == 1
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1


TINY = """
name: tiny
source: microworld
languages: [de]
seeds: [0]
encoder: {checkpoint: bert-base-multilingual-cased}
methods: {none: {objective: none}}
"""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left"), "data.tmp could not be written .* free some space"),
        (ValueError("a bad line"), "a bad line"),
    ],
)
def test_data_that_could_not_be_made_leave_those_of_before(tmp_path, monkeypatch, error, message):
    """A full disk, or a source that is malformed, costs nothing that was there."""
    study = load_study(write_text(tmp_path / "tiny.yaml", TINY), outputs=tmp_path)
    write_text(study.data_folder / "old.txt", "old")

    def broken(folder, languages, settings):
        write_text(folder / "half.txt", "half")
        raise error

    monkeypatch.setattr("otlib.data.microworld.write_world", broken)
    with pytest.raises(type(error), match=message):
        make_data(study)
    assert [path.name for path in study.data_folder.iterdir()] == ["old.txt"]
    assert not isinstance(error, OSError) or not study.folder.joinpath("data.tmp").exists()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[1", "line 1: expected .*"),
        ("{a: 1, a: 2}", "line 1: a stands twice"),
        ("{a\u200b: 1}", "the key 'a' holds .*"),
    ],
)
def test_a_value_that_cannot_be_read_is_one_line_with_the_reason(capsys, value, reason):
    assert main(["plan", "demo", "--set", f"align.layers={value}"]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(rf"SET: the value of align.layers cannot be read: {re.escape(repr(value))}: {reason}\n", said)


@pytest.mark.parametrize(
    ("study", "method", "said"),
    [
        ("nope", "wordot", "there is no study 'nope'; params/ holds"),
        ("demo", "wordto", "study demo has no method 'wordto'"),
    ],
)
def test_an_alignment_of_an_unknown_study_or_method_is_one_line(capsys, study, method, said):
    assert main(["align", "--study", study, "--method", method]) == 1
    assert re.fullmatch(f"{re.escape(said)}.*\n", capsys.readouterr().err)


def test_a_training_that_diverges_is_one_line(monkeypatch, capsys):
    def diverges(options):
        raise FloatingPointError("align: the loss is nan at step 3; lower learning_rate")

    monkeypatch.setattr("otlib.study.run._align_command", diverges)
    assert main(["align", "--study", "demo", "--method", "wordot"]) == 1
    assert capsys.readouterr().err == "align: the loss is nan at step 3; lower learning_rate\n"


@pytest.mark.parametrize(
    ("cuda", "mps", "asked", "flags"),
    [
        (True, False, ["--quiet"], ["--resources", "trainings=3", "--quiet"]),
        (True, False, ["--resources", "trainings=2"], ["--resources", "trainings=2"]),  # nothing to measure
        (False, True, ["--quiet"], ["--resources", "trainings=1", "--quiet"]),
        (False, False, ["--quiet"], ["--quiet"]),
    ],
)
def test_a_gpu_takes_as_many_trainings_as_fit(monkeypatch, tmp_path, cuda, mps, asked, flags):
    """With a job a core, fifteen trainings once shared the first GPU."""
    given = []
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    monkeypatch.setattr("otlib.study.plan.trainings_at_once", lambda study: 3)
    monkeypatch.setattr(
        "otlib.study.run.run_snakemake", lambda study, cores, flags, lock: (given.extend(flags) or 9, [])
    )
    study = load_study("demo", outputs=tmp_path, check_data=False)
    assert otlib.study.run.run_study(study, cores=2, flags=asked) == 9
    assert given == flags


def test_whatever_takes_a_gpu_counts_as_one():
    """The limit holds only for rules that take of it."""
    rules = (ROOT / "Snakefile").read_text(encoding="utf-8").count("trainings=1,")
    assert rules == 4  # pretraining, alignment, the tasks, which are one rule in a loop, and what encodes the pairs
