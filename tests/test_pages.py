"""Pages of HTML stand alone: no script, no request, every image in words, tables that say they scroll."""

import re
from base64 import b64encode
from html.parser import HTMLParser
from io import BytesIO

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from otlib.analysis.figures.style import FIGURE_DPI
from otlib.record import ROOT, write_text
from otlib.study import pages
from otlib.study.study import load_study, write_study

MARKUP = r"""a <script>alert(1)</script> "b" 'c' & <img src="http://e.org/x"> $x$ </title> </main>"""
ELSEWHERE = ("src", "srcset", "data", "action", "poster", "background")


class Elements(HTMLParser):
    """The elements of a page with their attributes, and the text of its title and headings."""

    def __init__(self, page):
        super().__init__()
        self.found, self.open, self.texts = [], [], {}
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, text):
        if self.open:
            self.texts[self.open[-1]] = self.texts.get(self.open[-1], "") + text

    def all(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def png(width=300, dpi=FIGURE_DPI):
    content = BytesIO()
    Image.new("L", (width, 20)).save(content, "png", dpi=(dpi, dpi))
    return b64encode(content.getvalue()).decode()


def displayed(**data):
    return new_output("display_data", {name.replace("_", "/"): value for name, value in data.items()})


def notebook(*cells):
    return new_notebook(cells=[new_code_cell("x", outputs=[cell]) if "output_type" in cell else cell for cell in cells])


def everything():
    """A notebook with each kind of cell and output, and what would reach for the network."""
    return notebook(
        new_markdown_cell("# Title\n\nA formula $\\tfrac12 x_i$ and [a link](https://arxiv.org/abs/2110.02887)."),
        displayed(image_png=png(), text_plain='words "as" <text>: 1.5'),
        displayed(text_html="<table><tr><th>a</th><td>1.0 [0.5, 1.5]</td><td>2</td></tr></table>", text_plain="a"),
        displayed(text_markdown="**bold**", text_plain="bold"),
        new_output("display_data", {"application/javascript": "alert(1)", "text/plain": "<script>alert(2)</script>"}),
        new_output("stream", name="stdout", text="<script>alert(3)</script>\n"),
    )


def test_a_page_asks_nothing_of_any_network_and_runs_nothing():
    """The report once loaded require.js and MathJax from elsewhere whenever it was opened."""
    page = pages.page(everything(), "title")
    elements = Elements(page)
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in elements.found}
    for _, attributes in elements.found:
        assert all(attributes[name].startswith("data:") for name in ELSEWHERE if name in attributes)
    assert not re.search(r"@import|url\(", page) and "alert(1)" not in page
    (policy,) = [meta["content"] for meta in elements.all("meta") if "content" in meta and "http-equiv" in meta]
    assert policy.startswith("default-src 'none'; img-src data:") and "script-src" not in policy
    assert {"href": "https://arxiv.org/abs/2110.02887"} in elements.all("a")  # only who follows it goes there


def test_titles_are_text_and_no_markup():
    page = pages.page(notebook(new_markdown_cell("# A")), MARKUP)
    elements = Elements(pages.report(notebook(new_markdown_cell("A")), MARKUP))
    assert Elements(page).texts["title"] == elements.texts["title"] == elements.texts["h1"] == MARKUP
    assert not elements.all("script") and not elements.all("img")


def test_every_image_has_a_description():
    """All images of the report were once without one."""
    figure, drawn = Elements(pages.page(everything(), "title")).all("img")[::-1]
    assert figure["alt"] == 'words "as" <text>: 1.5' and drawn["alt"] == r"\tfrac12 x_i"
    older = notebook(displayed(image_png=png(), text_plain="<Figure size 640x480 with 1 Axes>"))
    assert Elements(pages.page(older, "title")).all("img")[0]["alt"] == "A figure without a description"


def test_every_formula_of_the_notebooks_can_be_drawn():
    formulas = set()
    for path in ROOT.glob("notebooks/**/*.ipynb"):
        for cell in nbformat.read(path, nbformat.NO_CONVERT).cells:
            found = re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", cell.source, re.DOTALL) * (cell.cell_type == "markdown")
            formulas |= {block or inline for block, inline in found}
    assert len(formulas) > 20
    assert not [tex for tex in sorted(formulas) if not pages.formula(tex).startswith("<img")]
    assert pages.formula(r"\unheard{<}") == r"<code>\unheard{&lt;}</code>"


def test_a_table_scrolls_and_says_so():
    page = pages.page(everything(), "title")
    assert {"class": "box", "role": "region", "tabindex": "0", "aria-label": "Table, 3 columns: scroll sideways"} in (
        Elements(page).all("div")
    )
    assert ">3 columns: scroll sideways →</p>" in page
    assert '1.0 <span class="together">[0.5, 1.5]</span>' in page  # an interval is no two lines
    row = "<tr>" + "<td>1</td>" * 13 + "</tr>"
    assert 'class="box many"' in pages.with_boxes(f"<table>{row}</table>")  # printed across the paper


def test_a_wide_figure_scrolls_and_one_with_fewer_pixels_is_shown_as_large():
    wide, small = (pages.image(displayed(image_png=png(*size), text_plain="a")) for size in ((900,), (300, 55)))
    assert "A wide figure: scroll sideways" in wide and 'class="figure wide" width="900"' in wide
    assert small.startswith('<img class="figure" width="600" height="40"')


def test_the_answer_comes_first_and_the_page_has_one_title():
    cells = [new_markdown_cell("# The report"), new_markdown_cell("## Answer"), new_markdown_cell("## Rest")]
    cells[1].metadata["tags"] = ["opening"]
    given = new_notebook(cells=cells)
    page = pages.report(given, "Study")
    assert re.findall(r"<h(\d)[^>]*>(.+?)</h", page) == [
        ("1", "Study"),
        *(("2", x) for x in ("Answer", "The report", "Rest")),
    ]
    assert [cell.source for cell in given.cells] == ["# The report", "## Answer", "## Rest"]


def test_code_is_shown_in_pages_and_not_in_the_report():
    given = new_notebook(cells=[new_code_cell("shown_code = 1")])
    assert "shown_code" in pages.page(given, "x") and "shown_code" not in pages.report(given, "x")


STUDY = """
name: tiny
title: A <i>title</i>
source: microworld
languages: [de]
seeds: [0]
encoder: {checkpoint: bert-base-multilingual-cased}
methods: {none: {objective: none}}
findings: [{says: x, method: none, against: none, expects: {nli: better}}]
"""


def test_the_report_links_the_executed_notebooks(tmp_path):
    study = load_study(write_text(tmp_path / "tiny.yaml", STUDY), outputs=tmp_path)
    names = ["01_primer", "20_nli-none-seed0", "20_nli-none-seed1", "40_report", "30_pair-de-en.partial"]
    for name in names:
        write_text(study.folder / f"notebooks/{name}.ipynb", nbformat.writes(new_notebook()))
    made = tmp_path / "report.html"
    arguments = [str(write_study(study)), str(study.folder / "notebooks/40_report.ipynb"), str(made)]
    assert pages.main(arguments) == 0
    elements = Elements(made.read_text(encoding="utf-8"))
    kept = [*names[:4], "41_ablations"]  # the last one is made after the report
    assert [link["href"] for link in elements.all("a")] == [f"notebooks/{name}.ipynb" for name in kept]
    assert elements.texts["h1"] == "A <i>title</i>"


@pytest.mark.parametrize("content", ["", "{}", "no JSON", '{"cells": 3, "nbformat": 4}'])
def test_a_damaged_notebook_is_one_sentence(tmp_path, capsys, content):
    path, study = write_text(tmp_path / "40_report.ipynb", content), write_text(tmp_path / "tiny.yaml", STUDY)
    assert pages.main([str(study), str(path), str(tmp_path / "report.html")]) == 1
    said = capsys.readouterr().err
    assert "40_report.ipynb is no notebook" in said and said.count("\n") == 1
    assert not (tmp_path / "report.html").exists()
