"""Notebooks keep their form: prose first, plain parameters, short cells, no logic; the primer runs."""

import ast
import re
from itertools import groupby, product
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import pytest

from otlib.analysis.figures import alt_text, style
from otlib.record import ROOT, write_text
from otlib.settings import Pretrain
from otlib.study.data import make_data
from otlib.study.run import run_notebook
from otlib.study.study import load_study, write_study
from otlib.training.pretrain import pretrain

matplotlib.use("agg")

NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("notebooks/workshop/*.ipynb")])
PARAMETERS = {
    "01_transport_primer": ["epsilon", "steps"],
    "02_data": ["study", "pair"],
    "03_pretrain": ["study", "seed"],
    "10_align": ["study", "method", "seed", "processes"],
    "20_nli": ["study", "method", "seed"],
    "21_qa": ["study", "method", "seed"],
    "30_pair": ["study", "pair"],
    "40_report": ["study"],
    "41_ablations": ["study"],
    "50_your_sentences": ["checkpoint", "sentences", "file", "out"],
    "1_align": ["study", "seed"],  # of the workshop
    "2_evaluate": ["study", "seed"],
    "3_break": ["study", "seed"],
    "4_language": ["study", "seed", "new", "yours"],
}
METHODS = ("none", "wordot", "ceiling", "l2")
TWICE = [  # in the order of a study
    ("02_data", {"pair": "de-en"}),
    ("03_pretrain", {}),
    *(("10_align", {"method": method, "seed": 0}) for method in METHODS),
    *(("20_nli", {"method": method, "seed": 0}) for method in METHODS[:3]),
    *(("21_qa", {"method": method, "seed": 0}) for method in METHODS[:2]),  # the report says what is missing
    ("30_pair", {"pair": "de-en"}),
    ("40_report", {}),
    ("41_ablations", {}),
]
TINY = """
name: tiny
source: microworld
languages: [de]
seeds: [0]
data: {text_sentences: 200, parallel_pairs: 100, heldout_pairs: 40, nli_train: 60, nli_dev: 12, nli_test: 24,
       qa_train: 60, qa_dev: 12, qa_test: 16}
encoder: {pretrain: {vocabulary_size: 600, layers: 1, width: 16, heads: 2, steps: 5, max_length: 80, save_every: 3}}
align: {steps: 4, batch_size: 4, max_length: 80}
methods: {none: {objective: none}, wordot: {objective: wordot}, l2: {objective: l2},
          ceiling: {objective: none, taught: translations, task_steps: 2}}
nli: {pooling: mean, steps: 3, max_length: 80}
qa: {steps: 3, max_length: 80}
paper: {experiment: table2, rows: {wordot: WordOT}}
findings: [{says: "1.", method: wordot, against: l2, expects: {nli: better, word_alignment: as good}}]
"""
ALLOWED = {"otlib", "numpy", "pandas", "matplotlib", "torch", "transformers", "IPython"}
STANDARD = {"json", "collections", "datetime", "math"}
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path, kind=None):
    found = nbformat.read(path, nbformat.NO_CONVERT).cells
    return [cell for cell in found if kind in (None, cell.cell_type)]


def trees(path):
    return [(cell.source, ast.parse(cell.source)) for cell in cells(path, "code")]


def parameters(path):
    (cell,) = [cell for cell in cells(path, "code") if "parameters" in cell.metadata.get("tags", [])]
    return cell, ast.parse(cell.source).body


def test_the_notebooks_of_the_design_are_there():
    assert [path.stem for path in NOTEBOOKS] == list(PARAMETERS)


@every_notebook
def test_a_notebook_is_valid_and_its_cells_have_names(path):
    # Without ids, nbformat makes new ones at every save, and every save is a change.
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)
    assert notebook.metadata.kernelspec.name == "python3"


@every_notebook
def test_a_notebook_carries_no_outputs(path):
    for cell in cells(path, "code"):
        assert not cell.outputs and cell.execution_count is None, cell.id


@every_notebook
def test_the_first_code_cell_holds_plain_parameters(path):
    # papermill replaces this cell's values; what is computed there would be computed from the old ones.
    cell, body = parameters(path)
    assert cells(path, "code")[0] is not None and cells(path, "code")[0].id == cell.id
    assert all(isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) for node in body)
    assert [node.targets[0].id for node in body] == PARAMETERS[path.stem]


@every_notebook
def test_a_comment_on_a_parameter_has_no_equals_sign(path):
    # papermill cannot read such a line, and then calls the parameter unknown.
    for line in parameters(path)[0].source.splitlines():
        assert "=" not in line.partition("#")[2]


@every_notebook
def test_the_first_cell_tells_what_is_read_and_written_and_how_long_it_takes(path):
    first = cells(path)[0]
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    for word in ("**Reads**", "**Writes**", "**Takes**"):
        assert word in first.source
    assert len(first.source.split()) > 60


@every_notebook
def test_cells_are_short_and_prose_stands_between_them(path):
    for cell in cells(path, "code"):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 15, f"{cell.id} has {len(lines)} lines"
        assert max(map(len, lines), default=0) <= 120, f"{cell.id} has a line that few screens hold"
    for kind, run in groupby(cells(path), key=lambda cell: cell.cell_type):
        assert kind == "markdown" or len(list(run)) <= 2


@every_notebook
def test_a_notebook_defines_nothing(path):
    # What is worth a name is worth a place in otlib, and a test there.
    for source, tree in trees(path):
        for node in ast.walk(tree):
            assert not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef), source


@every_notebook
def test_a_notebook_imports_otlib_and_the_usual_tools_only(path):
    for source, tree in trees(path):
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} <= ALLOWED | STANDARD, source


@every_notebook
def test_a_notebook_needs_nobody_and_no_shell(path):
    # Run All in JupyterLab and papermill must do the same: no question, no widget but those of figures.explore, which
    # draws small multiples where nobody looks, no command of one system.
    for cell in cells(path, "code"):
        assert not re.search(r"^\s*[%!]|\binput\(|ipywidgets|/home/|/tmp/", cell.source, re.M), cell.source


@every_notebook
def test_one_figure_a_cell(path):
    drawing = re.compile(r"figures\.(?!save|use_style|explore|telling_pair|method_palette|MEASURES|gains\b(?!\())\w+\(")
    for cell in cells(path, "code"):
        assert len(drawing.findall(cell.source)) <= 1, cell.source


@pytest.mark.parametrize("name", ["21_qa", "40_report", "41_ablations"])
def test_a_notebook_with_f1_says_what_it_is_without_blanks(name):
    assert any(
        "Markdown(report.blanks_note(" in cell.source for cell in cells(ROOT / f"notebooks/{name}.ipynb", "code")
    )


@every_notebook
def test_every_call_of_a_figure_has_a_function(path):
    from otlib.analysis import figures

    for cell in cells(path, "code"):
        for name in re.findall(r"figures\.(\w+)", cell.source.replace("study.figures", "")):
            assert hasattr(figures, name), f"{cell.id}: otlib.analysis.figures has no {name}"


@every_notebook
def test_a_notebook_checks_its_parameters_by_name(path):
    """Papermill runs on with the default when a name is mistyped; what is checked is all that there is."""
    calls = [node for _, tree in trees(path) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    checks = {"open_study": lambda call: [*call.args, *(word.value for word in call.keywords)]}
    checks["check_parameters"] = lambda call: call.args
    (checked,) = [checks[name](call) for call in calls if (name := getattr(call.func, "id", "")) in checks]
    assert [getattr(one, "id", getattr(one, "value", None)) for one in checked] == PARAMETERS[path.stem]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The ``study.yaml`` of a tiny study, whose notebooks are run one after the other."""
    folder = tmp_path_factory.mktemp("tiny")
    study = load_study(write_text(folder / "tiny.yaml", TINY), outputs=folder)
    make_data(study)
    return write_study(study)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "given"), TWICE, ids=lambda value: value if isinstance(value, str) else "")
def test_every_cell_of_a_study_can_run_twice_and_no_name_changes_its_type(tiny, name, given, monkeypatch):
    """A second run of ``study = load_study(study)`` in JupyterLab once raised TypeError in eight notebooks."""
    run_every_cell(name, {"study": str(tiny), **given}, monkeypatch)


OWN = """
name: own
source: corpora
languages: [de]
seeds: [0]
data: {parallel: {de: mine}}
encoder: {checkpoint: ./encoder}
align: {steps: 2, batch_size: 4}
methods: {wordot: {objective: wordot}}
"""


def test_pairs_of_ones_own_are_enough(tmp_path, monkeypatch):
    """A file and an encoder: without gold alignments and tasks the notebook of an alignment ended in a TypeError."""
    words = {"der kleine Hund": "the small dog", "die alte Katze": "the old cat", "ein rotes Haus": "a red house"}
    pairs = [f"{a} {n} {b} ||| {words[a]} {n} {words[b]}" for a, b, n in product(words, words, range(5))]
    text = write_text(tmp_path / "mine", "".join(f"{pair}\n" for pair in pairs))
    shape = Pretrain(steps=1, vocabulary_size=200, layers=1, width=16, heads=2)
    pretrain({"all": text}, tmp_path / "encoder", shape)
    study = load_study(write_text(tmp_path / "own.yaml", OWN), outputs=tmp_path)
    make_data(study)
    given = {"study": str(write_study(study))}
    for name, more in (
        ("10_align", {"method": "wordot", "seed": 0}),
        ("30_pair", {"pair": "de-en"}),
        ("40_report", {}),
    ):
        run_every_cell(name, given | more, monkeypatch, times=1)


def test_every_cell_of_the_primer_can_run_twice(monkeypatch):
    run_every_cell("01_transport_primer", {"steps": 3}, monkeypatch)


def save_once(ax, folder, name):
    """What :func:`figures.save` does, where it has not done so: files are what takes long."""
    return [] if Path(folder, f"{name}.svg").exists() else style.save(ax, folder, name)


def run_every_cell(name, given, monkeypatch, *, times=2):
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    monkeypatch.setattr("otlib.analysis.figures.save", save_once)
    space, types = {"__name__": "__main__"}, {}
    for cell in cells(ROOT / f"notebooks/{name}.ipynb", "code"):
        for _ in range(times):
            exec(compile(cell.source, f"{name} {cell.id}", "exec"), space)
            if "parameters" in cell.metadata.get("tags", []):
                space |= given
            undescribed = [number for number in plt.get_fignums() if not alt_text(plt.figure(number))]
            assert not undescribed, f"{cell.id} draws what no function of figures describes"
            plt.close("all")
        for variable, value in space.items():
            if variable != "__builtins__" and value is not None:
                kind = types.setdefault(variable, type(value))
                assert type(value) is kind, f"{cell.id}: {variable} was {kind.__name__}, is {type(value).__name__}"


@pytest.mark.slow
def test_the_primer_runs_from_the_first_cell_to_the_last(tmp_path):
    # The workshop's first hour: its figures are there, and its own checks hold.
    out = run_notebook(ROOT / "notebooks/01_transport_primer.ipynb", tmp_path / "out.ipynb", {"steps": "5"})
    outputs = [output for cell in cells(out, "code") for output in cell.outputs]
    images = [output.data["text/plain"] for output in outputs if "image/png" in output.get("data", {})]
    assert len(images) >= 12 and not [text for text in images if re.match("<Figure", text)]  # each is described
    assert outputs[-1].text == "all as it should be\n"
