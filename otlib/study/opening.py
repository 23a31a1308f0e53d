"""What a notebook begins with: its study is found, and what it was given is checked."""

from __future__ import annotations

import ast
import fcntl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from otlib.record import ROOT, shown
from otlib.settings import ParameterError
from otlib.study.study import Study, load_study

INJECTED = "# Parameters\n"  # how a cell begins that papermill has put in


def open_study(study: str, **chosen: Any) -> Study:
    """The study that a notebook is about; a printed line says which one, and where it lies.

    Parameters
    ----------
    study : str
        What :func:`otlib.study.study.load_study` reads: a name in ``params/``, a YAML file, or a study's folder. Or
        names of folders under ``outputs/`` with a star: ``"demo*"`` is the newest of them that is finished or running,
        else the newest that was begun, and ``params/demo.yaml`` if there is none. Of several, ``"ablations*|demo*"``,
        it is the first that has a folder. The corpora need not be there: the study's data are made already, or missing.
    **chosen
        The notebook's other parameters, of which ``pair``, ``method`` and ``seed`` are the study's.

    Raises
    ------
    ParameterError
        If the study has no such pair, method or seed, or papermill was given a parameter that the notebook has not;
        one sentence with those there are.
    """
    check_parameters("study", *chosen)
    names = str(study).split("|")
    folder = next(filter(None, map(_newest, names)), None) if "*" in names[0] else None
    opened = load_study(folder or names[0].replace("*", ""), check_data=False)
    opened.require_names(**chosen)
    why = f", the newest of {study}" if folder else ""
    print(f"Study {opened.name}{why}: {shown(opened.folder)}")
    return opened


def check_parameters(*known: str, cells: Sequence[str] | None = None) -> None:
    """Refuse a parameter that papermill was given and the notebook does not know; papermill itself only warns.

    Parameters
    ----------
    *known : str
        The notebook's parameters.
    cells : sequence of str, optional
        What the kernel has run so far; its own history if None.

    Raises
    ------
    ParameterError
        Names the parameter and those there are.
    """
    if cells is None:
        from IPython import get_ipython

        cells = get_ipython().user_ns.get("In", ()) if get_ipython() else ()
    for cell in cells:
        for node in ast.parse(cell).body if cell.startswith(INJECTED) else ():
            for name in [target.id for target in getattr(node, "targets", ()) if isinstance(target, ast.Name)]:
                if name not in known:
                    raise ParameterError(f"the notebook has no parameter {name!r}, only {', '.join(known)}")


def _newest(name: str) -> Path | None:
    """The folder under ``outputs/`` of this name, with a star for any rest, that a notebook should be about."""
    folders = [path.parent for path in ROOT.glob(f"outputs/{name}/study.yaml")]
    return max(folders, key=lambda f: (_is_there(f), (f / "study.yaml").stat().st_mtime), default=None)


def _is_there(folder: Path) -> bool:
    """Whether a study is finished, or a process is at it."""
    if (folder / "report.html").exists() or not (folder / ".lock").exists():
        return (folder / "report.html").exists()
    with open(folder / ".lock") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
