"""``make lab``: JupyterLab at the repository's root, in which nothing that git keeps is changed by being run.

Readers get their own copies of the notebooks, in ``lab/``, which git ignores. What JupyterLab saves by itself, outputs
and checkpoints, stays there; saved into a committed notebook it would be a change to git, and would make all that the
notebook has written out of date for ``make study``. Committed notebooks and the gallery can be opened and run, and are
read-only: a git filter would need a setting in every clone, and permissions of files do not hold for an administrator.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError

from otlib.record import ROOT

COMMITTED = ("notebooks", "outputs/gallery")
COPIES = "lab"


class Contents(AsyncLargeFileManager):
    """Jupyter's files, with those that are committed read-only."""

    async def get(self, path, *given, **named):
        """What Jupyter knows of a file or folder."""
        model = await super().get(path, *given, **named)
        return {**model, "writable": False} if _is_committed(path) else model

    async def save(self, model, path=""):
        """Write a file, unless it is committed."""
        _refuse_committed(path)
        return await super().save(model, path)

    async def delete(self, path):
        """Delete a file, unless it is committed."""
        _refuse_committed(path)
        return await super().delete(path)

    async def rename(self, old_path, new_path):
        """Move a file, unless it is committed or would stand among those that are."""
        _refuse_committed(old_path, new_path)
        return await super().rename(old_path, new_path)

    async def restore_checkpoint(self, checkpoint_id, path):
        """Write an earlier state over a file, unless it is committed."""
        _refuse_committed(path)
        return await super().restore_checkpoint(checkpoint_id, path)


def _refuse_committed(*paths: str) -> None:
    for path in filter(_is_committed, paths):
        raise HTTPError(403, f"{path} is read-only here: save it under another name, or open the one in {COPIES}/")


def _is_committed(path: str) -> bool:
    return f"{path.strip('/')}/".startswith(tuple(f"{folder}/" for folder in COMMITTED))


def copy_notebooks(root: Path = ROOT) -> Path:
    """The folder of copies, with those that are missing; one whose notebook has changed since is kept beside."""
    folder = root / COPIES
    for source in sorted((root / "notebooks").rglob("*")):
        copy = folder / source.relative_to(root / "notebooks")
        if source.is_dir() or ".ipynb_checkpoints" in source.parts:
            continue
        if copy.exists() and source.stat().st_mtime > copy.stat().st_mtime:
            old = copy.with_name(f"{copy.stem}-until-{datetime.now():%Y%m%d-%H%M%S}{copy.suffix}")
            copy.rename(old)
            print(f"{copy.relative_to(root)} is new: the notebook has changed. Yours is {old.name}")
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy)
    return folder


def main(flags: Sequence[str]) -> None:
    """Start JupyterLab in the place of this process; flags are its own."""
    copy_notebooks()
    # Defaults of ours, in labconfig/: controls are there when a copy is opened again, and nobody is asked about news.
    paths = [str(Path(__file__).parent), os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    options = {
        "ServerApp.root_dir": ROOT,
        "ServerApp.contents_manager_class": "otlib.study.lab.Contents",
        "LabApp.default_url": f"/lab/tree/{COPIES}",
    }
    given = [f"--{name}={value}" for name, value in options.items()]
    os.execv(sys.executable, [sys.executable, "-m", "jupyterlab", *given, *flags])


if __name__ == "__main__":
    main(sys.argv[1:])
