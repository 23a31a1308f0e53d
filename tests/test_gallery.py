"""The gallery holds finished runs, a folder each, and the README their tables."""

import json
import re
from base64 import b64decode, b64encode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from otlib.record import ROOT, write_text
from otlib.study.gallery import ALL, FINDINGS, TABLES, headline_table, keep, put_table, smaller
from otlib.study.paper import paper_results
from otlib.study.study import load_study

STUDY = """
name: tiny
source: microworld
languages: [de]
seeds: [0, 1]
encoder: {checkpoint: bert-base-multilingual-cased}
methods: {none: {objective: none}}
"""


A_FINDING = "findings: [{says: x, method: none, against: none, expects: {nli: better}}]"


def finished(tmp_path, text):
    study = load_study(write_text(tmp_path / "tiny.yaml", text), outputs=tmp_path)
    names = ["01_primer.ipynb", "20_nli-none-seed0.ipynb", "20_nli-none-seed1.ipynb", "30_pair.partial.ipynb"]
    names += ["03_pretrain-seed0.ipynb", "03_pretrain-seed1.ipynb"]
    for path in [study.folder / "notebooks" / name for name in [*names, "41_ablations.ipynb"]]:
        write_text(path, "{}")
    for path in [study.folder / name for name in {*ALL.files, *FINDINGS.files}]:
        write_text(path, "{}")
    for name in ("plans.png", "ablations.png", "pretraining-seed0.png", "pretraining-seed1.png"):
        study.figures.mkdir(exist_ok=True)
        Image.new("L", (2, 2)).save(study.figures / name)
    return study


@pytest.fixture
def study(tmp_path):
    return finished(tmp_path, STUDY)


def names_of(kept, gallery):
    return {path.relative_to(gallery).as_posix() for path in kept}


def test_the_gallery_keeps_one_seed_and_no_unfinished_notebook(study, tmp_path):
    write_text(tmp_path / "gallery" / "tiny" / "old.txt", "of an earlier run")
    write_text(tmp_path / "gallery" / "other" / "report.html", "of another study")
    kept = names_of(keep(study, tmp_path / "gallery", seed=0), tmp_path / "gallery" / "tiny")
    names = ("01_primer", "03_pretrain-seed0", "20_nli-none-seed0", "41_ablations")
    figures = {f"figures/{name}.png" for name in ("plans", "ablations", "pretraining-seed0")}
    assert kept == {*ALL.files, *(f"notebooks/{name}.ipynb" for name in names), *figures}
    assert (tmp_path / "gallery" / "other" / "report.html").exists()


def test_of_a_study_of_findings_the_gallery_keeps_the_notebook_that_checks_them(tmp_path):
    """A notebook for each of fifty runs would be most of the repository."""
    study = finished(tmp_path, STUDY + A_FINDING)
    kept = names_of(keep(study, tmp_path / "gallery", seed=0), tmp_path / "gallery" / "tiny")
    assert kept == {*FINDINGS.files, "notebooks/41_ablations.ipynb", "figures/ablations.png"}


def test_of_text_that_is_not_ours_the_gallery_keeps_numbers_only(tmp_path):
    """Executed notebooks quote the sentences of a corpus, whose licence may forbid to pass them on."""
    write_text(tmp_path / "de-en.tsv", "de\ten\nHaus\thouse\n")
    files = STUDY.replace("microworld", "corpora") + "data: {parallel: '{language}-en.tsv'}"
    kept = names_of(keep(finished(tmp_path, files), tmp_path / "gallery", seed=0), tmp_path / "gallery" / "tiny")
    assert kept == {*TABLES.files}


def test_an_unfinished_study_is_refused_and_the_old_gallery_stays(study, tmp_path):
    write_text(tmp_path / "gallery" / "tiny" / "old.txt", "of an earlier run")
    (study.folder / "report.html").unlink()
    with pytest.raises(FileNotFoundError, match="no report.html yet: finish the study first, with make study STUDY="):
        keep(study, tmp_path / "gallery", seed=0)
    assert (tmp_path / "gallery" / "tiny" / "old.txt").exists()


def test_the_table_replaces_what_stands_between_its_marks_only(tmp_path):
    marks = "<!-- table of {}: made by make gallery -->\nold {}\n<!-- end of table -->"
    readme = write_text(
        tmp_path / "README.md", f"before\n{marks.format(*'aa')}\nmiddle\n{marks.format(*'bb')}\nafter\n"
    )
    put_table(readme, "table of b", "| new \\1 |\n")
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("after\n") and "old a" in text and "old b" not in text
    assert "b: made by make gallery -->\n| new \\1 |\n<!--" in text


GALLERY = ROOT / "outputs/gallery"


@pytest.mark.parametrize(
    ("study", "file", "mark"),
    [
        ("demo", "summary.md", "table"),
        ("real_text", "findings.md", "table"),
        ("real_text", "summary.md", "summary"),
        ("ablations", "findings.md", "table"),
        ("noise", "findings.md", "table"),
    ],
)
def test_the_gallerys_page_shows_the_tables_that_are_committed(study, file, mark):
    table = (GALLERY / study / file).read_text(encoding="utf-8").strip()
    page = (GALLERY / "README.md").read_text(encoding="utf-8")
    assert f"<!-- {mark} of {study}: made by make gallery -->\n{table}\n<!-- end of table -->" in page
    assert re.search(r"\d\.\d", table)


def test_the_front_page_shows_the_table_of_the_committed_default_study():
    table = headline_table((GALLERY / "demo/summary.md").read_text(encoding="utf-8"), paper_results())
    assert table in (ROOT / "README.md").read_text(encoding="utf-8")
    # The paper's table 1, averages over English and its five languages.
    rows = {cells[0]: cells[-2:] for cells in (line.replace(" ", "").split("|")[1:-1] for line in table.splitlines())}
    assert [rows[name] for name in ("none", "l2", "wordot")] == [["73.5", "73.4"], ["74.6", "68.0"], ["75.4", "74.7"]]
    assert rows["shuffled"] == rows["overlaprule"] == ["", ""]


def test_the_front_page_has_no_column_of_a_task_that_was_left_out():
    summary = (GALLERY / "demo/summary.md").read_text(encoding="utf-8")
    lines = [line for line in summary.splitlines() if "QA" not in line]
    header = headline_table("\n".join(lines), paper_results()).splitlines()[0]
    assert "NLI accuracy" in header and "QA" not in header


@pytest.mark.parametrize("page", ["README.md", "outputs/gallery/README.md"])
def test_every_number_of_a_page_stands_in_a_committed_file(page):
    """Numbers in prose were once of runs that nobody could look up."""
    text = (ROOT / page).read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|`[^`]*`|\]\(.*?\)|https?://\S+|Python 3\.\d+|arXiv \S+", "", text, flags=re.DOTALL)
    results = "\n".join(path.read_text(encoding="utf-8") for path in GALLERY.glob("*/*.md"))
    results += " ".join(f"{value:.1f}" for value in paper_results()["value"])
    numbers = re.findall(r"(?<![\w.])[+-]?\d+\.\d+(?![\w.])", prose)
    settings = {"2.2", "0.05"}  # gigabytes of the environment, the paper's epsilon
    lost = [number for number in numbers if number not in results and number not in settings]
    assert len(numbers) > 10 and not lost


def test_the_front_page_is_short():
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 150


def test_the_gallery_is_small():
    """The house plan allows it ten megabytes; what Jupyter has left there, git ignores."""
    kept = [path for path in GALLERY.rglob("*") if path.is_file() and ".ipynb_checkpoints" not in path.parts]
    assert sum(path.stat().st_size for path in kept) < 10 * 2**20


def test_images_take_less_room_and_look_the_same(study, tmp_path):
    """Twenty notebooks of figures once filled the gallery's ten megabytes."""
    ramp = np.linspace(0, 255, 400, dtype=np.uint8)
    pixels = np.dstack([np.tile(ramp, (300, 1)), np.full((300, 400), 90, np.uint8), np.tile(ramp[::-1], (300, 1))])
    pixels = np.clip(pixels + np.random.default_rng(0).integers(-3, 4, pixels.shape), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(study.figures / "plans.png")
    png = (study.figures / "plans.png").read_bytes()
    encoded = b64encode(png).decode()
    outputs = [{"output_type": "display_data", "data": {"image/png": encoded + "\n"}, "metadata": {}}]
    cell = {"cell_type": "code", "source": "", "outputs": outputs, "metadata": {}, "execution_count": 1}
    write_text(study.folder / "notebooks/01_primer.ipynb", json.dumps({"cells": [cell], "nbformat": 4}))
    write_text(study.folder / "report.html", f'<img src="data:image/png;base64,{encoded}"> iVBO')
    keep(study, tmp_path / "gallery", seed=0)
    kept = tmp_path / "gallery/tiny"
    again = json.loads((kept / "notebooks/01_primer.ipynb").read_text())["cells"][0]["outputs"][0]["data"]["image/png"]
    html = (kept / "report.html").read_text()
    assert html.endswith("> iVBO")
    for image in (
        b64decode(again),
        b64decode(html.split("base64,")[1].split('"')[0]),
        (kept / "figures/plans.png").read_bytes(),
    ):
        assert len(image) < 0.6 * len(png)
        found = np.asarray(Image.open(BytesIO(image)).convert("RGB"), dtype=int)
        assert found.shape == pixels.shape and np.abs(found - pixels).mean() < 4


def test_an_image_with_a_transparent_ground_gets_a_white_one():
    content = BytesIO()
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(content, "png")
    found = np.asarray(Image.open(BytesIO(smaller(content.getvalue() + b" " * 9999, ".png"))).convert("RGB"))
    assert (found == 255).all()
    assert smaller(b"a,b", ".csv") == b"a,b"
