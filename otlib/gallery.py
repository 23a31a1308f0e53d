"""Keep what a finished study shows, for readers who run nothing: ``make gallery`` after ``make study``.

The executed notebooks, figures, tables and report go to ``outputs/gallery/``, and the main table into the README.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from otlib.record import ROOT, write_text
from otlib.study import ParameterError, Study, load_study

FILES = ("report.html", "results.csv", "summary.csv", "summary.md", "study.yaml")
TABLE = re.compile(r"(<!-- table: made by make gallery -->\n).*?(<!-- end of table -->)", re.DOTALL)


def keep(study: Study, gallery: str | Path, *, seed: int) -> list[Path]:
    """Copy the notebooks of one seed, and all figures and tables, to the gallery, which is made anew.

    Raises
    ------
    FileNotFoundError
        If the study is not finished.
    """
    gallery = Path(gallery)
    absent = [name for name in FILES if not (study.folder / name).exists()]
    if absent:
        raise FileNotFoundError(f"{study.folder} has no {absent[0]} yet; finish it with: make study STUDY={study.name}")
    unfinished = gallery.with_name(gallery.name + ".tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(study.figures, unfinished / "figures")
    (unfinished / "notebooks").mkdir()
    for path in sorted(study.notebooks.glob("*.ipynb")):
        other_seed = re.search(r"-seed(\d+)\.ipynb$", path.name)
        if not path.name.endswith(".partial.ipynb") and (other_seed is None or int(other_seed[1]) == seed):
            shutil.copy(path, unfinished / "notebooks" / path.name)
    for name in FILES:
        shutil.copy(study.folder / name, unfinished / name)
    shutil.rmtree(gallery, ignore_errors=True)
    unfinished.rename(gallery)
    return sorted(path for path in gallery.rglob("*") if path.is_file())


def put_table(readme: Path, table: str) -> None:
    """Replace what stands between the two table marks of the README.

    Raises
    ------
    ValueError
        If the marks are not there.
    """
    text = readme.read_text(encoding="utf-8")
    if not TABLE.search(text):
        raise ValueError(f"{readme} lacks the marks '<!-- table: made by make gallery -->' and '<!-- end of table -->'")
    write_text(readme, TABLE.sub(lambda match: f"{match[1]}{table.strip()}\n{match[2]}", text))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m otlib.gallery", description=__doc__.splitlines()[0])
    parser.add_argument("study", help="a name in params/, or a YAML file")
    try:
        study = load_study(parser.parse_args(arguments).study)
        kept = keep(study, ROOT / "outputs" / "gallery", seed=study.seeds[0])
        put_table(ROOT / "README.md", (study.folder / "summary.md").read_text(encoding="utf-8"))
    except (ParameterError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(kept)} files, {sum(path.stat().st_size for path in kept) / 2**20:.1f} MiB in outputs/gallery")
    return 0


if __name__ == "__main__":
    sys.exit(main())
