"""The gallery holds finished runs, a folder each, and the README their tables."""

import json
import re
from base64 import b64decode, b64encode
from io import BytesIO

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from otlib.record import ROOT, write_text
from otlib.study import gallery
from otlib.study.gallery import (
    ALL,
    FINDINGS,
    HTML,
    LIMIT,
    PROVENANCE,
    SIZES,
    TABLES,
    experiments_table,
    gather,
    headline_table,
    keep,
    put_table,
    room_beside,
    smaller,
)
from otlib.study.pages import links
from otlib.study.paper import paper_results
from otlib.study.study import load_study, write_study

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
    for path in [study.folder / "notebooks" / name for name in [*names, "40_report.ipynb", "41_ablations.ipynb"]]:
        write_text(path, nbformat.writes(new_notebook(cells=[new_markdown_cell(f"# {path.stem}")])))
    for path in [study.folder / name for name in {*ALL.files, *FINDINGS.files} - {"study.yaml"}]:
        write_text(path, "{}")
    write_text(study.folder / "report.html", links(["20_nli-none-seed0.ipynb", "20_nli-none-seed1.ipynb"]))
    write_text(study.folder / "summary.md", "| measure | none |\n|:--|:--|\n| NLI accuracy (%) | 1.5 |\n")
    write_study(study)
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
    names = ("01_primer", "03_pretrain-seed0", "20_nli-none-seed0", "40_report", "41_ablations")
    figures = {f"figures/{name}.png" for name in ("plans", "ablations", "pretraining-seed0")}
    assert kept == {PROVENANCE, *ALL.files, *(f"notebooks/{name}.ipynb" for name in names), *figures}
    assert (tmp_path / "gallery" / "other" / "report.html").exists()


def test_of_a_study_of_findings_the_gallery_keeps_the_notebook_that_checks_them(tmp_path):
    """A notebook for each of fifty runs would be most of the repository."""
    study = finished(tmp_path, STUDY + A_FINDING)
    kept = names_of(keep(study, tmp_path / "gallery", seed=0), tmp_path / "gallery" / "tiny")
    assert kept == {PROVENANCE, *FINDINGS.files, "notebooks/41_ablations.ipynb", "figures/ablations.png"}


def test_of_text_that_is_not_ours_the_gallery_keeps_numbers_only(tmp_path):
    """Executed notebooks quote the sentences of a corpus, whose licence may forbid to pass them on."""
    write_text(tmp_path / "de-en.tsv", "de\ten\nHaus\thouse\n")
    files = STUDY.replace("microworld", "corpora") + "data: {parallel: '{language}-en.tsv'}"
    kept = names_of(keep(finished(tmp_path, files), tmp_path / "gallery", seed=0), tmp_path / "gallery" / "tiny")
    assert kept == {PROVENANCE, *TABLES.files}


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
        ("real_text_cpu", "summary.md", "summary"),
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
    """The house plan allows it ten megabytes."""
    assert LIMIT == 10 * 2**20 and room_beside(GALLERY, "none of it") > 0


def test_images_take_less_room_and_look_the_same(study, tmp_path):
    """Twenty notebooks of figures once filled the gallery's ten megabytes."""
    ramp = np.linspace(0, 255, 400, dtype=np.uint8)
    pixels = np.dstack([np.tile(ramp, (300, 1)), np.full((300, 400), 90, np.uint8), np.tile(ramp[::-1], (300, 1))])
    pixels = np.clip(pixels + np.random.default_rng(0).integers(-3, 4, pixels.shape), 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(study.figures / "plans.png")
    png = (study.figures / "plans.png").read_bytes()
    encoded = b64encode(png).decode()
    outputs = [{"output_type": "display_data", "data": {"image/png": encoded + "\n"}, "metadata": {}}]
    write_text(
        study.folder / "notebooks/01_primer.ipynb",
        nbformat.writes(
            new_notebook(cells=[new_code_cell(outputs=[nbformat.from_dict(output) for output in outputs])])
        ),
    )
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


# The size


def noisy(study):
    """Give a study a figure that takes 120 kB, and with fewer colours and pixels less."""
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(study.figures / "plans.png")
    return sum(map(len, gather(study, seed=0, room=LIMIT).values()))


def test_the_gallery_keeps_to_its_size_by_smaller_images(study):
    whole = noisy(study)
    kept = gather(study, seed=0, room=whole - 1)
    image = Image.open(BytesIO(kept["figures/plans.png"]))
    assert sum(map(len, kept.values())) < whole and image.size == (200, 200)
    kept = gather(study, seed=0, room=whole // 4)
    image = Image.open(BytesIO(kept["figures/plans.png"]))
    assert image.width == 200 * SIZES[-1][1] and image.info["dpi"][0] == pytest.approx(110 * SIZES[-1][1], abs=0.1)


def test_a_study_that_does_not_fit_is_refused_before_anything_is_written(study, tmp_path, monkeypatch):
    place = tmp_path / "gallery"
    write_text(place / "tiny/old.txt", "of an earlier run")
    write_text(place / "other/large.bin", "x" * 3000)
    write_text(place / HTML / "old.html", "x" * 9000)  # is not committed, and takes no room
    monkeypatch.setattr(gallery, "LIMIT", 4000)
    assert room_beside(place, "tiny") == 1000
    with pytest.raises(ValueError, match=r"study tiny takes 0.0 MiB with images at 50% of their width, and outputs"):
        keep(study, place, seed=0)
    assert sorted(path.name for path in place.rglob("*") if path.is_file()) == ["large.bin", "old.html", "old.txt"]


def test_a_damaged_notebook_is_named_and_nothing_is_written(study, tmp_path):
    write_text(tmp_path / "gallery/tiny/old.txt", "of an earlier run")
    write_text(study.folder / "notebooks/41_ablations.ipynb", "{")
    with pytest.raises(ValueError, match=r"tiny/notebooks/41_ablations.ipynb is no notebook \("):
        keep(study, tmp_path / "gallery", seed=0)
    assert [path.name for path in (tmp_path / "gallery").rglob("*") if path.is_file()] == ["old.txt"]


# Pages of HTML


def test_every_notebook_becomes_a_page_that_the_index_links(study, tmp_path):
    place = tmp_path / "gallery"
    other = write_text(place / "older/notebooks/41_ablations.ipynb", nbformat.writes(new_notebook()))
    write_text(place / "older/tasks.md", "| task |\n|--|\n| 2.5 |\n")
    keep(study, place, seed=0)
    pages = {path.relative_to(place / HTML).as_posix() for path in (place / HTML).rglob("*.html")}
    names = ("01_primer", "03_pretrain-seed0", "20_nli-none-seed0", "40_report", "41_ablations")
    notebooks = {f"tiny/notebooks/{name}.html" for name in names} | {"older/notebooks/41_ablations.html"}
    assert pages == {"index.html", "tiny/report.html", *notebooks} and other.exists()
    index = (place / HTML / "index.html").read_text(encoding="utf-8")
    assert {*re.findall(r'href="([^"]+)"', index)} == {"tiny/report.html", *notebooks}
    assert "1.5" in index and "2.5" in index  # the tables
    assert "What ran where was not recorded when this was kept." in index
    report = (place / HTML / "tiny/report.html").read_text(encoding="utf-8")
    linked = re.findall(r'href="(notebooks/[^"]+)"', report)
    assert {f"tiny/{link}" for link in linked} == {page for page in notebooks if "tiny" in page}


def test_links_to_what_is_not_kept_are_text(study):
    report = gather(study, seed=0, room=LIMIT)["report.html"].decode()
    assert '<a href="notebooks/20_nli-none-seed0.ipynb">none-seed0</a>, none-seed1' in report


def test_the_gallery_says_where_it_comes_from(study, tmp_path):
    record = {"started": "2026-01-01", "finished": "2026-01-02", "git": {"commit": "c" * 40, "dirty": False}}
    record |= {"python": "3.11", "packages": {"torch": "2.9"}}
    record |= {"hardware": {"platform": "Linux", "cpus": 2, "memory_gib": 4, "gpus": []}}
    write_text(study.folder / "data/run.json", json.dumps(record))
    kept = gather(study, seed=0, room=LIMIT)[PROVENANCE].decode()
    for said in (
        "**commit**: cccccccccccc",
        "torch 2.9",
        "**runs**: 1, from 2026-01-01",
        "**command**: make study",
        "kept",
    ):
        assert said in kept
    keep(study, tmp_path / "gallery", seed=0)
    page = (tmp_path / "gallery" / HTML / "tiny/notebooks/01_primer.html").read_text(encoding="utf-8")
    assert "cccccccccccc" in page and "4 GiB of memory" in page


def test_titles_of_studies_are_text_in_the_gallery(study, tmp_path, monkeypatch):
    title = "<script>alert(1)</script> $x$ &amp;"
    titled = study.model_copy(update={"title": title})
    monkeypatch.setattr(gallery, "load_study", lambda name, **options: titled)
    keep(titled, tmp_path / "gallery", seed=0)
    found = [path.read_text(encoding="utf-8") for path in (tmp_path / "gallery" / HTML).rglob("*.html")]
    assert len(found) == 7 and all("<script" not in page and 'class="formula"' not in page for page in found)
    assert all("&lt;script&gt;alert(1)&lt;/script&gt;" in page for page in found)


# The paper's experiments


def test_each_experiment_of_the_paper_has_a_row_with_its_command_and_the_papers_values():
    lines = experiments_table(paper_results()).splitlines()[2:]
    studies = sorted(path.stem for path in (ROOT / "params/paper").glob("[!_]*.yaml"))
    assert [line.split("`")[1] for line in lines] == [f"make study STUDY=paper/{name}" for name in studies]
    (table2,) = [line for line in lines if "paper/table2`" in line]
    assert "mBERT 73.5 / 73.4; L2 74.6 / 68.0; WordOT 75.4 / 74.7" in table2  # table 1 of the paper
