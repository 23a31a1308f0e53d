"""Keep what a finished study shows, for readers who run nothing: ``make gallery STUDY=...`` after ``make study``.

They go to ``outputs/gallery/<study>/``, and the study's table into the README, where that has a place for it.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from otlib.record import ROOT, write_text
from otlib.study import ParameterError, Study, load_study


class Kept(NamedTuple):
    """What the gallery keeps of a study, in its folder: files, what matches patterns, a table for the README."""

    files: tuple[str, ...]
    patterns: tuple[str, ...]
    table: str


ALL = Kept(
    ("report.html", "results.csv", "summary.csv", "summary.md", "study.yaml"),
    ("notebooks/*.ipynb", "figures/*"),
    "summary.md",
)
FINDINGS = Kept(
    ("findings.csv", "findings.md", "summary.csv"), ("notebooks/41_*.ipynb", "figures/ablations.*"), "findings.md"
)
TABLES = Kept(("summary.csv", "summary.md"), (), "summary.md")


def kept_of(study: Study) -> Kept:
    """Of the micro-world everything, of findings the notebook that checks them, of other text the tables: notebooks
    quote sentences that are not ours to pass on."""
    if study.findings:
        return FINDINGS
    return ALL if study.source == "microworld" else TABLES


def keep(study: Study, gallery: str | Path, *, seed: int) -> list[Path]:
    """Copy what is kept of a study, notebooks of one seed only, to its folder of the gallery, which is made anew.

    Raises
    ------
    FileNotFoundError
        If the study is not finished.
    """
    files, patterns, _ = kept_of(study)
    absent = [name for name in files if not (study.folder / name).exists()]
    if absent:
        raise FileNotFoundError(f"{study.folder} has no {absent[0]} yet: finish the study first, with make study")
    kept = Path(gallery) / study.name
    unfinished = kept.with_name(kept.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    sources = [study.folder / name for name in files]
    sources += [path for pattern in patterns for path in study.folder.glob(pattern)]
    for path in sources:
        other_seed = re.search(r"-seed(\d+)\.ipynb$", path.name)
        if not path.name.endswith(".partial.ipynb") and (other_seed is None or int(other_seed[1]) == seed):
            copy = unfinished / path.relative_to(study.folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    shutil.rmtree(kept, ignore_errors=True)
    unfinished.rename(kept)
    return sorted(path for path in kept.rglob("*") if path.is_file())


def table_of(study: str) -> re.Pattern:
    """What stands in the README between the two marks of a study's table."""
    return re.compile(
        rf"(<!-- table of {re.escape(study)}: made by make gallery -->\n).*?(<!-- end of table -->)", re.DOTALL
    )


def put_table(readme: Path, study: str, table: str) -> None:
    """Replace a study's table in the README; nothing if there is no place for it."""
    text = readme.read_text(encoding="utf-8")
    write_text(readme, table_of(study).sub(lambda match: f"{match[1]}{table.strip()}\n{match[2]}", text))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m otlib.gallery", description=__doc__.splitlines()[0])
    parser.add_argument("study", help="a name in params/, or a YAML file")
    try:
        study = load_study(parser.parse_args(arguments).study)
        kept = keep(study, ROOT / "outputs" / "gallery", seed=study.seeds[0])
        table = study.folder / kept_of(study).table
        put_table(ROOT / "README.md", study.name, table.read_text(encoding="utf-8"))
    except (ParameterError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    size = sum(path.stat().st_size for path in kept) / 2**20
    print(f"{len(kept)} files, {size:.1f} MiB in outputs/gallery/{study.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
