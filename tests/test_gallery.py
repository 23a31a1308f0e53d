"""The gallery holds one finished run, and the README its table."""

import re

import pytest

from otlib.gallery import FILES, TABLE, keep, put_table
from otlib.record import ROOT, write_text
from otlib.study import load_study

STUDY = """
name: tiny
source: microworld
languages: [de]
seeds: [0, 1]
encoder: {checkpoint: bert-base-multilingual-cased}
methods: {none: {objective: none}}
"""


@pytest.fixture
def study(tmp_path):
    study = load_study(write_text(tmp_path / "tiny.yaml", STUDY), outputs=tmp_path)
    names = ["01_primer.ipynb", "20_nli-none-seed0.ipynb", "20_nli-none-seed1.ipynb", "30_pair.partial.ipynb"]
    for path in [study.notebooks / name for name in names] + [study.folder / name for name in FILES]:
        write_text(path, "{}")
    write_text(study.figures / "plans.png", "")
    return study


def test_the_gallery_keeps_one_seed_and_no_unfinished_notebook(study, tmp_path):
    write_text(tmp_path / "gallery" / "old.txt", "of an earlier run")
    kept = {path.relative_to(tmp_path / "gallery").as_posix() for path in keep(study, tmp_path / "gallery", seed=0)}
    notebooks = {"notebooks/01_primer.ipynb", "notebooks/20_nli-none-seed0.ipynb"}
    assert kept == {*FILES, *notebooks, "figures/plans.png"}


def test_an_unfinished_study_is_refused_and_the_old_gallery_stays(study, tmp_path):
    write_text(tmp_path / "gallery" / "old.txt", "of an earlier run")
    (study.folder / "report.html").unlink()
    with pytest.raises(FileNotFoundError, match="has no report.html yet; finish it with: make study STUDY=tiny"):
        keep(study, tmp_path / "gallery", seed=0)
    assert (tmp_path / "gallery" / "old.txt").exists()


def test_the_table_replaces_what_stands_between_its_marks_only(tmp_path):
    marks = "<!-- table: made by make gallery -->\nold\n<!-- end of table -->"
    readme = write_text(tmp_path / "README.md", f"before\n{marks}\nafter\n")
    put_table(readme, "| new \\1 |\n")
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "-->\n| new \\1 |\n<!--" in text
    with pytest.raises(ValueError, match="lacks the marks"):
        put_table(write_text(tmp_path / "OTHER.md", "no marks"), "| new |")


GALLERY = ROOT / "outputs/gallery/summary.md"


def test_the_readme_shows_the_table_of_the_committed_gallery():
    table = GALLERY.read_text(encoding="utf-8").strip()
    shown = TABLE.search((ROOT / "README.md").read_text(encoding="utf-8"))[0]
    assert table in shown and re.search(r"\d\d\.\d", table)
