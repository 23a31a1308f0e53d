"""JupyterLab changes nothing that git keeps."""

import asyncio
import os
from pathlib import Path

import pytest
from nbformat.v4 import new_notebook
from tornado.web import HTTPError

from otlib.record import write_text
from otlib.study import lab
from otlib.study.lab import Contents, copy_notebooks


@pytest.fixture
def root(tmp_path):
    for path in ("notebooks/10_align.ipynb", "notebooks/workshop/01.ipynb", "notebooks/workshop/README.md"):
        write_text(tmp_path / path, "first")
    write_text(tmp_path / "notebooks/.ipynb_checkpoints/10_align-checkpoint.ipynb", "old")
    return tmp_path


def test_readers_get_copies_which_are_theirs(root, capsys):
    folder = copy_notebooks(root)
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert there == {"10_align.ipynb", "workshop/01.ipynb", "workshop/README.md"}
    write_text(folder / "10_align.ipynb", "with my answers")
    copy_notebooks(root)
    assert (folder / "10_align.ipynb").read_text() == "with my answers"
    source = write_text(root / "notebooks/10_align.ipynb", "second")
    os.utime(source, (2**32, 2**32))
    copy_notebooks(root)
    assert (folder / "10_align.ipynb").read_text() == "second"
    (mine,) = folder.glob("10_align-until-*.ipynb")
    assert mine.read_text() == "with my answers" and mine.name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "writable"),
    [
        ("notebooks/n.ipynb", False),
        ("/notebooks/workshop/n.ipynb", False),
        ("outputs/gallery/demo/notebooks/n.ipynb", False),
        ("lab/n.ipynb", True),
        ("outputs/demo/n.ipynb", True),
        ("notebooks-of-mine/n.ipynb", True),
        ("params/n.ipynb", True),
    ],
)
def test_what_is_committed_can_be_opened_and_not_changed(tmp_path, path, writable):
    model = {"type": "notebook", "format": "json", "content": new_notebook()}
    for folder in ((tmp_path / path.strip("/")).parent, tmp_path / "lab"):
        folder.mkdir(parents=True, exist_ok=True)
    Plain = Contents.__mro__[1]
    asyncio.run(Plain(root_dir=str(tmp_path)).save(dict(model), path))
    contents = Contents(root_dir=str(tmp_path))
    assert asyncio.run(contents.get(path))["writable"] is writable
    checkpoint = asyncio.run(contents.create_checkpoint(path))["id"]
    changes = [contents.save(dict(model), path), contents.rename(path, "lab/other.ipynb")]
    changes += [contents.rename("lab/other.ipynb", path), contents.restore_checkpoint(checkpoint, path)]
    for change in [*changes, contents.delete(path)]:
        if writable:
            asyncio.run(change)
        else:
            with pytest.raises(HTTPError, match="read-only here: save it under another name"):
                asyncio.run(change)


def test_the_lab_shows_the_copies_and_reaches_the_whole_repository(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(lab, "copy_notebooks", lambda: None)
    monkeypatch.setattr(os, "execv", lambda program, command: started.extend(command))
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/mine")
    lab.main(["--no-browser"])
    assert f"--ServerApp.root_dir={lab.ROOT}" in started and "--LabApp.default_url=/lab/tree/lab" in started
    assert started[-1] == "--no-browser"
    own, mine = os.environ["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert mine == "/mine" and "saveState" in Path(own, "labconfig/default_setting_overrides.json").read_text()
