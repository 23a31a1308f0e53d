"""The workshop: its notebooks run on a tiny study, solutions pass their checks, and the handout has none."""

import re
import shutil

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import pytest
from nbconvert.preprocessors import TagRemovePreprocessor
from test_notebooks import TINY, cells

from otlib.record import ROOT, write_text
from otlib.settings import NotMadeYet
from otlib.study.study import load_study, write_study

matplotlib.use("agg")

NOTEBOOKS = sorted(ROOT.glob("notebooks/workshop/*.ipynb"))
GUESSES = {"lowest divergence", "halved"}  # what a training of the real length answers; a tiny one may not
WORDS = {"words to translate"}  # answered at the tables, not in a cell


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The ``study.yaml`` of a tiny study without data and encoder, which the first notebook makes."""
    folder = tmp_path_factory.mktemp("workshop")
    return write_study(load_study(write_text(folder / "tiny.yaml", TINY), outputs=folder))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore:collapse")
def test_a_notebook_runs_an_empty_exercise_is_told_and_its_solution_is_right(tiny, path, monkeypatch, capsys):
    """In the order of the workshop; a check that takes any answer, or none, would teach nothing."""
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    space, empty, solved = {"__name__": "__main__"}, set(), set()
    for cell in cells(path, "code"):
        exec(compile(cell.source, f"{path.stem} {cell.id}", "exec"), space)
        plt.close("all")
        tags, said = cell.metadata.get("tags", []), capsys.readouterr().out
        if "parameters" in tags:
            space |= {"study": str(tiny)}
        names = set(re.findall(r'^\s*check\(.+? name="(.+?)"', cell.source, re.M))
        if "solution" in tags:
            solved |= names
            assert all(f"{name}: right" in said for name in names), said
        else:
            empty |= names - GUESSES
            assert all(f"{name}: no answer yet" in said for name in names - GUESSES - WORDS), said
            assert all(f"{name}: not yet: wrong in it: all thirty." in said for name in names & WORDS), said
    assert solved and empty == solved or path.stem == "4_language" and empty == WORDS


def test_what_was_never_aligned_is_told_before_a_training(tiny, monkeypatch):
    """Where neither 1_align nor the study was run: it was found out after the first of two trainings."""
    monkeypatch.setattr("otlib.study.study.Study.require_data", lambda _: None)
    shutil.rmtree(tiny.parent / "live", ignore_errors=True)
    imports, first = [cell.source for cell in cells(NOTEBOOKS[1], "code")][1:3]
    with pytest.raises(NotMadeYet, match=r"aligned/wordot/seed0/config.json is not there yet: run make study STUDY="):
        exec(f"{imports}\n{first}", {"study": str(tiny), "seed": 0})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_handout_has_the_exercises_and_no_solution(path):
    """It is what the class gets: a solution left in it, or an exercise taken out with it, would be seen too late."""
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    before = "\n".join(cell.source for cell in notebook.cells)
    solutions = [cell.id for cell in notebook.cells if "solution" in cell.metadata.get("tags", [])]
    handout, _ = TagRemovePreprocessor(remove_cell_tags={"solution"}).preprocess(notebook, {})
    left = [cell.source for cell in handout.cells]
    assert solutions and not {*solutions} & {cell.id for cell in handout.cells}
    assert before.count("**Exercise") == sum(source.count("**Exercise") for source in left)
    assert not re.search(r"^your_\w+ = (?!None|your_)", "\n".join(left), re.M)
    command = (ROOT / "Makefile").read_text().partition("\nhandout:")[2].partition("\n\n")[0]
    assert "TagRemovePreprocessor.remove_cell_tags solution" in command and "notebooks/workshop/*.ipynb" in command
    assert "notebooks/handout/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_workshop_computes_no_number_of_the_quick_look():
    """It once did the same again under another name."""
    workshop, quick = load_study("workshop"), load_study("demo", pairs=["de-en"], seeds=[0])
    assert workshop.data.seed != quick.data.seed
    for kind, method in (("align", "wordot"), ("nli", "wordot")):
        assert workshop.section(kind, method) != quick.section(kind, method)
    assert workshop.qa is None and len(workshop.pairs) == len(workshop.seeds) == 1
