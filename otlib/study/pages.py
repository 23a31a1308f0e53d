"""Notebooks as pages of HTML that stand alone: no script, no request, images in words, tables that say they scroll.

``python -m otlib.study.pages STUDY NOTEBOOK OUT`` writes a study's report, the answer first.
"""

from __future__ import annotations

import functools
import re
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from otlib.analysis.figures.style import FIGURE_DPI
from otlib.record import first_line, shown, write_text
from otlib.study.study import Study, load_study

if TYPE_CHECKING:
    from nbformat import NotebookNode

HERE = Path(__file__).parent
OPENING = "opening"  # tags the cells of a notebook that its page begins with
WIDE = 760  # pixels: a figure that a phone shows by scrolling
MANY = 12  # columns: a table with more is printed across the paper
SHOWN = ["text/html", "text/markdown", "image/png", "image/jpeg", "text/plain"]  # the best kind of an output first
# No script and no request: what a notebook or a name smuggled in stays without effect.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
UNKNOWN_TO_MATPLOTLIB = {
    r"\\tfrac\s*(\w)(\w)": r"\\frac{\1}{\2}",
    r"\\[lr]Vert\b": r"\\Vert",
    r"\\ge\b": r"\\geq",
    r"\\le\b": r"\\leq",
    r"\\top\b": r"\\mathsf{T}",
    r"\\mathbf\s+(\w)": r"\\mathbf{\1}",
}


def read(text: str, name: str) -> NotebookNode:
    """A notebook of its text.

    Raises
    ------
    ValueError
        If it is none; says which.
    """
    import nbformat

    try:
        notebook = nbformat.reads(text, nbformat.NO_CONVERT)
        return type(notebook)(notebook, cells=list(notebook.cells))
    except Exception as error:
        raise ValueError(f"{name} is no notebook ({first_line(error)}): remove it and run the study again") from error


def page(
    notebook: NotebookNode,
    title: str,
    *,
    before: str = "",
    after: str = "",
    code: bool = True,
) -> str:
    """A notebook as a page of HTML that needs nothing else.

    Parameters
    ----------
    notebook : NotebookNode
        An executed notebook; cells tagged ``opening`` come first. An image is described by the plain text beside it.
    title : str
        Plain text.
    before, after : str
        HTML that begins and ends the page.
    code : bool
        Whether the code is shown.
    """
    notebook = type(notebook)(notebook, cells=_in_order(notebook.cells))
    head = document_head(title) + before
    html, _ = _exporter(code).from_notebook_node(
        notebook, {"page": {"head": head, "foot": f"{after}</main></body></html>\n"}}
    )
    return html


def document_head(title: str) -> str:
    """The beginning of a page of HTML, with its style; ``main`` is left open."""
    style = (HERE / "style.css").read_text(encoding="utf-8")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style></head>\n<body><main>\n"
    )


def _tags(cell) -> list[str]:
    return cell.metadata.get("tags", [])


def _in_order(cells: list) -> list:
    opening = [cell for cell in cells if OPENING in _tags(cell)]
    others = [cell for cell in cells if OPENING not in _tags(cell)]
    if opening and others[0].source.startswith("# "):  # the page's title stands above
        others[0] = type(others[0])(others[0], source=f"#{others[0].source}")
    return opening + others


@functools.cache
def _exporter(code: bool):
    """What makes HTML of a notebook; made once, for it takes a while."""
    from nbconvert.exporters import HTMLExporter
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        """Markdown with formulas as images."""

        def inline_math(self, body):
            return formula(body)

        def block_math(self, body):
            return f"<p>{formula(body, size=14)}</p>"

    exporter = HTMLExporter(
        template_name="basic",
        raw_template=(HERE / "page.html.j2").read_text(encoding="utf-8"),
        exclude_input=not code,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    exporter.config.NbConvertBase.display_data_priority = SHOWN
    exporter.register_filter("with_boxes", with_boxes)
    exporter.register_filter("image", image)
    rendered = MarkdownWithMath(Renderer(escape=False, exclude_anchor_links=True)).render
    exporter.register_filter("markdown2html", rendered)
    return exporter


def markdown(text: str) -> str:
    """Markdown as HTML, its tables in boxes."""
    return with_boxes(_exporter(True).environment.filters["markdown2html"](text))


def with_boxes(html: str) -> str:
    """HTML whose tables lie in boxes that scroll, and say so where they have to."""
    return re.sub(r"<table.*?</table>", lambda found: _box(found[0]), html, flags=re.DOTALL)


def _box(table: str) -> str:
    table = re.sub(r"\[[^\[\]<>]*\d, [^\[\]<>]*\d\]", r'<span class="together">\g<0></span>', table)  # an interval
    columns = max(len(re.findall(r"<t[hd]\b", row)) for row in table.split("<tr"))
    note = f"{columns} columns: scroll sideways"
    many = " many" if columns > MANY else ""
    return (
        f'<p class="scrolls" aria-hidden="true">{note} →</p>' * (columns > 2)
        + f'<div class="box{many}" role="region" tabindex="0" aria-label="Table, {note}">{table}</div>'
    )


def image(output: NotebookNode) -> str:
    """A figure of a notebook, described by the plain text beside it."""
    encoded = "".join(output.data["image/png"].split())
    drawn = Image.open(BytesIO(b64decode(encoded)))
    scale = FIGURE_DPI / drawn.info.get("dpi", (FIGURE_DPI,))[0]
    width, height = (round(scale * side) for side in drawn.size)
    said = output.data.get("text/plain", "")
    said = "A figure without a description" if not said or re.match(r"<(Figure|Axes)", said) else said
    look = f'width="{width}" height="{height}" alt="{escape(said)}" src="data:image/png;base64,{encoded}"'
    if width <= WIDE:
        return f'<img class="figure" {look}>'
    return (
        f'<p class="scrolls" aria-hidden="true">A wide figure: scroll sideways →</p>'
        f'<div class="box" role="region" tabindex="0" aria-label="Figure, scroll sideways">'
        f'<img class="figure wide" {look}></div>'
    )


@functools.cache
def formula(tex: str, size: float = 12.5) -> str:
    """A formula as an image described by its TeX; as its TeX where matplotlib cannot draw it."""
    from matplotlib import rc_context
    from matplotlib.mathtext import math_to_image

    drawn, svg = tex, BytesIO()
    for pattern, known in UNKNOWN_TO_MATPLOTLIB.items():
        drawn = re.sub(pattern, known, drawn)
    try:
        with rc_context({"svg.fonttype": "path", "svg.hashsalt": "otlib", "mathtext.fontset": "cm", "font.size": size}):
            depth = math_to_image(f"${drawn.strip()}$", svg, format="svg")  # points below the line
    except ValueError:
        return f"<code>{escape(tex)}</code>"
    encoded, place = b64encode(svg.getvalue()).decode(), f"vertical-align: {-depth:.1f}pt"
    return f'<img class="formula" style="{place}" alt="{escape(tex)}" src="data:image/svg+xml;base64,{encoded}">'


# The report


def write_report(study: Study, notebook: str | Path, out: Path) -> Path:
    """Write the page of a study's executed ``40_report``, with links to all executed notebooks."""
    executed = read(Path(notebook).read_text(encoding="utf-8"), shown(notebook))
    names = {path.name for path in (study.folder / "notebooks").glob("*.ipynb") if ".partial." not in path.name}
    later = {"41_ablations.ipynb"} if study.findings else set()
    return write_text(out, report(executed, study.title or study.name, after=links(names | later)))


def report(executed: NotebookNode, title: str, *, before: str = "", after: str = "") -> str:
    """The page of an executed ``40_report``: the study's title, the answer, no code."""
    return page(executed, title, before=f"{before}<h1>{escape(title)}</h1>\n", after=after, code=False)


def links(names: Iterable[str], suffix: str = ".ipynb", folder: str = "", level: int = 2) -> str:
    """HTML with a link to each of a study's executed notebooks, grouped by what they do; empty without any.

    ``folder``: the study's, from where the page lies; ``level`` is that of the heading.
    """
    groups: dict[str, list[str]] = {}
    for name in sorted(names):
        kind, _, run = Path(name).stem.partition("-")
        target = escape(f"{folder}notebooks/{Path(name).stem}{suffix}")
        groups.setdefault(kind, []).append(f'<a href="{target}">{escape(run or kind)}</a>')
    lines = [f"<li>{escape(kind)}: {', '.join(found)}</li>" for kind, found in groups.items()]
    head = f"<h{level}>The executed notebooks</h{level}>"
    return f"{head}\n<ul>\n{chr(10).join(lines)}\n</ul>\n" if lines else ""


def main(arguments: Sequence[str] | None = None) -> int:
    study, notebook, out = sys.argv[1:] if arguments is None else arguments
    try:
        write_report(load_study(study), notebook, Path(out))
    except (ValueError, OSError) as error:
        print(f"report | failed: {first_line(error)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
