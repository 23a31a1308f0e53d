"""Keep what a finished study shows, for readers who run nothing: ``make gallery STUDY=...`` after ``make study``.

It goes to ``outputs/gallery/<study>/``, with images made smaller until the gallery keeps to its size; the study's table
(its findings, if it has any) and its summary go into the gallery's README where this has a place for them, the default
study's into the front page. All notebooks of the gallery become pages of HTML behind ``html/index.html``. These are
made and not committed: GitHub shows notebooks but no HTML, and with them the gallery would be twice as large. Files and
pages are all written, or none.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from PIL import Image

from otlib.analysis.figures.style import FIGURE_DPI
from otlib.analysis.report import facts
from otlib.analysis.runs import made, what_ran
from otlib.record import ROOT, provenance, shown, write_text
from otlib.settings import ParameterError
from otlib.study import pages
from otlib.study.checks import ROTATION
from otlib.study.paper import paper_results
from otlib.study.study import Study, load_study

LIMIT = 10 * 2**20  # bytes of the gallery, as it is committed
SIZES = ((256, 1.0), (64, 1.0), (64, 0.75), (64, 0.5))  # colours and share of their width that images keep: the first
# that makes the gallery small enough
HTML = "html"  # the folder of the pages, which git ignores
PROVENANCE, REPORT = "provenance.md", "notebooks/40_report.ipynb"


class Kept(NamedTuple):
    """What the gallery keeps of a study, in its folder: files, what matches patterns, a table for its README."""

    files: tuple[str, ...]
    patterns: tuple[str, ...]
    table: str


ALL = Kept(
    ("report.html", "results.csv", "summary.csv", "summary.md", "study.yaml"),
    ("notebooks/*.ipynb", "figures/*"),
    "summary.md",
)
FINDINGS = Kept(
    ("findings.csv", "findings.md", "summary.csv", "summary.md"),
    ("notebooks/41_*.ipynb", "figures/ablations.*"),
    "findings.md",
)
TABLES = Kept(("summary.csv", "summary.md"), (), "summary.md")


def kept_of(study: Study) -> Kept:
    """What is kept of this study.

    Of one with findings the notebook that checks them; else everything on the micro-world, and only tables on other
    text, because notebooks quote sentences that are not ours to pass on.
    """
    if study.findings:
        return FINDINGS
    return ALL if study.source == "microworld" else TABLES


def gather(study: Study, *, seed: int, room: int) -> dict[str, bytes]:
    """What is kept of a study, files of one seed only: content by the path in its folder of the gallery.

    Images are made smaller until all takes at most ``room`` bytes.

    Raises
    ------
    FileNotFoundError
        If the study is not finished.
    ValueError
        If it takes more room at the smallest.
    """
    files, patterns, _ = kept_of(study)
    absent = [name for name in files if not (study.folder / name).exists()]
    if absent:
        raise FileNotFoundError(
            f"{shown(study.folder)} has no {absent[0]} yet: finish the study first, with {study.command}"
        )
    sources = [study.folder / name for name in files]
    sources += [path for pattern in patterns for path in sorted(study.folder.glob(pattern))]
    contents = {PROVENANCE: _provenance(study).encode()}
    for path in sources:
        other_seed = re.search(r"-seed(\d+)\.\w+$", path.name)
        if not path.name.endswith(".partial.ipynb") and (other_seed is None or int(other_seed[1]) == seed):
            contents[path.relative_to(study.folder).as_posix()] = path.read_bytes()
    if "report.html" in contents:
        contents["report.html"] = _without_dead_links(contents["report.html"], contents)
    for look in SIZES:
        kept = {name: smaller(content, Path(name).suffix, *look) for name, content in contents.items()}
        if (size := sum(map(len, kept.values()))) <= room:
            return kept
    takes, left = (f"{max(each, 0) / 2**20:.1f} MiB" for each in (size, room))
    raise ValueError(
        f"study {study.name} takes {takes} with images at {SIZES[-1][1]:.0%} of their width, and outputs/gallery has "
        f"{left} left of {LIMIT / 2**20:.0f}: remove another study from it first"
    )


def _provenance(study: Study) -> str:
    """What ran, and when it was kept, as Markdown."""
    now = pd.Timestamp.now("UTC")
    kept = {name.replace("this page", "kept"): text for name, text in made(provenance({}, now)).items()}
    return facts({"study": study.title or study.name, "command": study.command} | what_ran(study.folder) | kept) + "\n"


def _without_dead_links(report: bytes, kept: Mapping[str, bytes]) -> bytes:
    """A report whose links to notebooks that are not kept are plain text."""
    link = re.compile(r'<a href="(notebooks/[^"]+)">(.*?)</a>')
    return link.sub(lambda found: found[0] if found[1] in kept else found[2], report.decode()).encode()


def room_beside(gallery: Path, study: str) -> int:
    """Bytes that a study may take in the gallery, whose pages of HTML do not count."""
    return LIMIT - sum(
        path.stat().st_size
        for path in gallery.rglob("*")
        if path.is_file() and not {study, HTML, ".ipynb_checkpoints"} & {*path.relative_to(gallery).parts}
    )


def keep(study: Study, gallery: str | Path, *, seed: int) -> list[Path]:
    """Write what is kept of a study to its folder of the gallery, and the pages of all studies there, both made anew.

    Raises
    ------
    OSError, ValueError
        As :func:`gather`, and if a notebook cannot be read; then nothing is written.
    """
    gallery = Path(gallery)
    kept = gather(study, seed=seed, room=room_beside(gallery, study.name))
    studies = {folder.name: _read(folder) for folder in sorted(gallery.glob("*/")) if folder.name != HTML}
    html = pages_of({**studies, study.name: kept})
    _replace(gallery / study.name, kept)
    _replace(gallery / HTML, {name: text.encode() for name, text in html.items()})
    return sorted(gallery / study.name / name for name in kept)


def _read(folder: Path) -> dict[str, bytes]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".ipynb", ".html", ".md", ".yaml"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def _replace(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Put files in the place of a folder, once all of them are written."""
    unfinished = folder.with_name(folder.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    for name, content in contents.items():
        (unfinished / name).parent.mkdir(parents=True, exist_ok=True)
        (unfinished / name).write_bytes(content)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


# Pages of HTML


def pages_of(studies: Mapping[str, Mapping[str, bytes]]) -> dict[str, str]:
    """The gallery's pages, HTML by path: an index, and each study's report and notebooks."""
    html, sections = {}, []
    for name, files in studies.items():
        title, notebooks = _title(name), [path for path in files if path.endswith(".ipynb")]
        back = f'<nav><a href="{{up}}index.html">Gallery</a> › {escape(title)}</nav>\n'
        foot = f"<footer><h2>Where this comes from</h2>{_origin(files)}</footer>\n"
        for path in notebooks:
            executed = pages.read(files[path].decode(), f"{name}/{path}")
            heading = f"{title}: {Path(path).stem}"
            before = back.format(up="../../")
            html[f"{name}/{Path(path).with_suffix('.html')}"] = pages.page(executed, heading, before=before, after=foot)
        if REPORT in files:
            executed, names = pages.read(files[REPORT].decode(), REPORT), [Path(path).name for path in notebooks]
            links = pages.links(names, ".html")
            html[f"{name}/report.html"] = pages.report(executed, title, before=back.format(up="../"), after=links)
        sections.append(_section(name, title, files))
    head = pages.document_head("Gallery of executed studies") + "<h1>Gallery of executed studies</h1>\n"
    return {"index.html": f"{head}{''.join(sections)}</main></body></html>\n", **html}


def _section(name: str, title: str, files: Mapping[str, bytes]) -> str:
    """A study in the index: its table, links to its pages, where it comes from."""
    tables = [file for file in files if file.endswith(".md") and file != PROVENANCE]
    chosen = [file for file in ("findings.md", "summary.md") if file in tables][:1] or tables
    table = "\n\n".join(files[file].decode() for file in chosen)
    report = f'<p><a href="{escape(name)}/report.html">The report</a></p>\n' if REPORT in files else ""
    notebooks = pages.links([Path(path).name for path in files if path.endswith(".ipynb")], ".html", f"{name}/", 3)
    return f"<h2>{escape(title)}</h2>\n{report}{pages.markdown(table)}\n{notebooks}{_origin(files)}\n"


def _origin(files: Mapping[str, bytes]) -> str:
    """The provenance of a study's files as HTML; what was kept by an older version has none."""
    return pages.markdown(files.get(PROVENANCE, b"What ran where was not recorded when this was kept.").decode())


def _title(name: str) -> str:
    """The title of a study that lies in ``params/``, else its name."""
    try:
        return load_study(name, check_data=False).title or name
    except (ParameterError, OSError):
        return name


# Images


def smaller(content: bytes, suffix: str, colours: int = 256, share: float = 1.0) -> bytes:
    """A file with its images in few colours; 256 are all that drawings have but for the edges of letters.

    Of their width and height a share is kept; they are shown as large as before.
    """
    if suffix == ".png":
        return _fewer_pixels(content, colours, share)
    if suffix in (".ipynb", ".html"):
        image = rb"iVBORw0KGgo[A-Za-z0-9+/=]+"  # a PNG in base64, by how it begins
        return re.sub(image, lambda found: b64encode(_fewer_pixels(b64decode(found[0]), colours, share)), content)
    return content


def _fewer_pixels(png: bytes, colours: int, share: float) -> bytes:
    drawn, kept = Image.open(BytesIO(png)), BytesIO()
    dots = [share * dpi for dpi in drawn.info.get("dpi", (FIGURE_DPI, FIGURE_DPI))]
    flat = Image.new("RGB", drawn.size, "white")
    flat.paste(drawn, mask=drawn.getchannel("A") if "A" in drawn.getbands() else None)
    if share < 1:
        flat = flat.resize([max(1, round(share * side)) for side in drawn.size], Image.Resampling.LANCZOS)
    kind = Image.Quantize.MEDIANCUT if colours == 256 else Image.Quantize.MAXCOVERAGE  # of few, the rare ones count
    flat.quantize(colours, kind).save(kept, "png", optimize=True, dpi=dots)
    return min(png, kept.getvalue(), key=len)


# Tables in pages


def put_table(page: Path, mark: str, table: str) -> None:
    """Replace the table behind a mark of a page; nothing if the page has no place for it."""
    text = page.read_text(encoding="utf-8")
    place = re.compile(rf"(<!-- {re.escape(mark)}: made by make gallery -->\n).*?(<!-- end of table -->)", re.DOTALL)
    write_text(page, place.sub(lambda match: f"{match[1]}{table.strip()}\n{match[2]}", text))


HEADLINE = {
    "NLI accuracy (%)": "NLI accuracy",
    "en: NLI accuracy (%)": "English",
    "QA F1 (%)": "QA F1",
    "en: QA F1 (%)": "English QA",
    "alignment error rate, plan (%)": "AER",
}
PAPERS = {"none": "mBERT", "l2": "L2", "wordot": "WordOT"}  # our method: the paper's row of table 1


def headline_table(summary: str, published: pd.DataFrame) -> str:
    """The front page's table: a row a method with measures of a study's ``summary.md``, the paper's averages beside."""
    header, _, *lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in summary.strip().splitlines()]
    ours = pd.DataFrame(lines, columns=header).set_index("measure").T.drop(ROTATION, errors="ignore")
    table = ours[[name for name in HEADLINE if name in ours]].rename(columns=HEADLINE)  # a task may be left out
    paper = published[published["experiment"] == "table1"].set_index(["task", "metric", "model"])["value"]
    for name, key in {"paper: XNLI F1": ("nli", "f1"), "paper: XQuAD F1": ("qa", "f1")}.items():
        found = {method: paper[(*key, model)] for method, model in PAPERS.items()}
        table[name] = [f"{found[method]:.1f}" if method in found else "" for method in table.index]
    return table.rename_axis("method").to_markdown(disable_numparse=True)


def experiments_table(published: pd.DataFrame) -> str:
    """The front page's table of the paper's experiments: the command of each, with what the paper has for its rows.

    The paper's values are averages over English and five languages, of XNLI's F1 and XQuAD's.
    """
    average = published[published["language"] == "average_seen"]
    values = average.set_index(["experiment", "model", "task", "metric"])["value"]
    rows = []
    for path in sorted((ROOT / "params/paper").glob("[!_]*.yaml")):
        study = load_study(f"paper/{path.stem}", check_data=False)
        printed = [
            f"{model} {values[study.paper.experiment, model, 'nli', 'f1']:.1f} / "
            f"{values[study.paper.experiment, model, 'qa', 'f1']:.1f}"
            for model in values[study.paper.experiment].index.unique("model")
            if model in study.paper.rows.values()
        ]
        rows.append((f"`{study.command}`", study.title, "; ".join(printed)))
    columns = ["command", "shows", "the paper: XNLI F1 / XQuAD F1"]
    return pd.DataFrame(rows, columns=columns).to_markdown(index=False, disable_numparse=True)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m otlib.study.gallery", description=__doc__.splitlines()[0])
    parser.add_argument("study", help="a name in params/, or a YAML file")
    try:
        study = load_study(parser.parse_args(arguments).study)
        experiments = experiments_table(paper_results())
        kept = keep(study, ROOT / "outputs" / "gallery", seed=study.seeds[0])
        page = ROOT / "outputs/gallery/README.md"
        for mark, name in (("table", kept_of(study).table), ("summary", "summary.md")):
            put_table(page, f"{mark} of {study.name}", (study.folder / name).read_text(encoding="utf-8"))
        if study.name == "demo":
            summary = (study.folder / "summary.md").read_text(encoding="utf-8")
            put_table(ROOT / "README.md", "headline table", headline_table(summary, paper_results()))
        put_table(ROOT / "README.md", "experiments table", experiments)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in kept) / 2**20
    print(f"{experiments}\n\n{len(kept)} files, {size:.1f} MiB in outputs/gallery/{study.name}")
    print("All notebooks as pages: outputs/gallery/html/index.html")
    return 0


if __name__ == "__main__":
    sys.exit(main())
