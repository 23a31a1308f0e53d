"""Keep what a finished study shows, for readers who run nothing: ``make gallery STUDY=...`` after ``make study``.

They go to ``outputs/gallery/<study>/``; the study's table (its findings, if it has any) and its summary go into the
gallery's README where this has a place for them, the default study's into the front page.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from base64 import b64decode, b64encode
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from PIL import Image

from otlib.record import ROOT, shown, write_text
from otlib.study.checks import ROTATION
from otlib.study.paper import paper_results
from otlib.study.study import Study, load_study


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


def keep(study: Study, gallery: str | Path, *, seed: int) -> list[Path]:
    """Copy what is kept of a study, files of one seed only, to its folder of the gallery, which is made anew.

    Raises
    ------
    FileNotFoundError
        If the study is not finished.
    """
    files, patterns, _ = kept_of(study)
    absent = [name for name in files if not (study.folder / name).exists()]
    if absent:
        raise FileNotFoundError(
            f"{shown(study.folder)} has no {absent[0]} yet: finish the study first, with {study.command}"
        )
    kept = Path(gallery) / study.name
    unfinished = kept.with_name(kept.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    sources = [study.folder / name for name in files]
    sources += [path for pattern in patterns for path in study.folder.glob(pattern)]
    for path in sources:
        other_seed = re.search(r"-seed(\d+)\.\w+$", path.name)
        if not path.name.endswith(".partial.ipynb") and (other_seed is None or int(other_seed[1]) == seed):
            copy = unfinished / path.relative_to(study.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(smaller(path.read_bytes(), path.suffix))
    shutil.rmtree(kept, ignore_errors=True)
    unfinished.rename(kept)
    return sorted(path for path in kept.rglob("*") if path.is_file())


def smaller(content: bytes, suffix: str) -> bytes:
    """A file with its images in at most 256 colours, which is all that drawings have but for the edges of letters."""
    if suffix == ".png":
        return _fewer_colours(content)
    if suffix in (".ipynb", ".html"):
        image = rb"iVBORw0KGgo[A-Za-z0-9+/=]+"  # a PNG in base64, by how it begins
        return re.sub(image, lambda found: b64encode(_fewer_colours(b64decode(found[0]))), content)
    return content


def _fewer_colours(png: bytes) -> bytes:
    drawn, kept = Image.open(BytesIO(png)), BytesIO()
    flat = Image.new("RGB", drawn.size, "white")
    flat.paste(drawn, mask=drawn.getchannel("A") if "A" in drawn.getbands() else None)
    flat.quantize(256).save(kept, "png", optimize=True)
    return min(png, kept.getvalue(), key=len)


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


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m otlib.study.gallery", description=__doc__.splitlines()[0])
    parser.add_argument("study", help="a name in params/, or a YAML file")
    try:
        study = load_study(parser.parse_args(arguments).study)
        kept = keep(study, ROOT / "outputs" / "gallery", seed=study.seeds[0])
        page = ROOT / "outputs/gallery/README.md"
        for mark, name in (("table", kept_of(study).table), ("summary", "summary.md")):
            put_table(page, f"{mark} of {study.name}", (study.folder / name).read_text(encoding="utf-8"))
        if study.name == "demo":
            summary = (study.folder / "summary.md").read_text(encoding="utf-8")
            put_table(ROOT / "README.md", "headline table", headline_table(summary, paper_results()))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in kept) / 2**20
    print(f"{len(kept)} files, {size:.1f} MiB in outputs/gallery/{study.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
