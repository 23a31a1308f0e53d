"""The repository itself: versions agree, notebooks are clean, layers hold, `make` explains itself."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement

from otlib.record import ROOT

# DESIGN's table of modules: a module imports only what stands before it.
LAYERS = [
    *(
        "parameters",
        "record",
        "transport",
        "links",
        "words",
        "corpora",
        "aligners",
        "microworld",
        "trainer",
        "objectives",
        "pretrain",
    ),
    *("align", "nli", "qa", "local_data", "hub_data", "evaluation", "figures", "study", "gallery"),
    *("plan", "run"),
]
PYTHONS = ("3.10.13", "3.11.7", "3.12.1", "3.13.0")


def project():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads TOML")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked(python):
    """Pinned version of each package that the lock installs on a Linux machine with this Python."""
    version = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    machine = {"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"}
    environment = {**default_environment(), **machine, **version}
    pins = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            if pin.marker is None or pin.marker.evaluate(environment):
                assert pin.name not in pins, f"{pin.name} is pinned twice for Python {python}"
                pins[pin.name] = str(pin.specifier).removeprefix("==")
    return pins, environment


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_pins_every_requirement_within_its_range(python):
    # pyproject.toml says what may be installed, requirements.lock what is: they once drifted apart in a peer.
    pins, environment = locked(python)
    metadata = project()
    extras = metadata["optional-dependencies"]
    for line in [*metadata["dependencies"], *extras["study"], *extras["test"]]:
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate(environment):
            name = re.sub(r"[-_.]+", "-", wanted.name).lower()
            assert name in pins, f"{name} is not in requirements.lock for Python {python}"
            assert wanted.specifier.contains(pins[name], prereleases=True)


def test_the_lock_names_no_index_no_local_build_and_no_cuda_library():
    # A host's name would tie the lock to one network; CUDA libraries are gigabytes that a CPU does not need.
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(r"[a-z0-9.-]+==[\w.]+( ; .+)?", line), line
            assert not line.startswith(("nvidia-", "cuda-", "triton"))


def test_conda_installs_the_same_lock():
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert {"pip": ["-r requirements.lock", "-e ."]} in dependencies
    python = next(line.partition("=")[2] for line in dependencies if str(line).startswith("python="))
    assert any(full.startswith(python + ".") for full in PYTHONS)


@pytest.mark.parametrize("path", sorted(ROOT.glob("notebooks/*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_carry_no_outputs(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs") and not cell.get("execution_count"), cell["source"]


@pytest.mark.parametrize("path", sorted(ROOT.glob("otlib/*.py")), ids=lambda path: path.stem)
def test_a_module_imports_only_what_stands_before_it(path):
    # Imports upward are how a loop for one task becomes a loop for all of them.
    if path.stem == "__init__":
        return
    allowed = LAYERS[: LAYERS.index(path.stem)]
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == "otlib":
            assert {alias.name for alias in node.names} <= set(allowed)
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("otlib."):
            assert node.module.split(".")[1] in allowed
        elif isinstance(node, ast.Import):
            assert not any(alias.name.startswith("otlib") for alias in node.names)


def test_only_the_trainer_touches_accelerate():
    users = [
        path.stem
        for path in ROOT.glob("otlib/**/*.py")
        if re.search(r"^\s*(from|import) accelerate", path.read_text(), re.M)
    ]
    assert users == ["trainer"]


def test_importing_the_package_does_not_load_torch():
    # The command line and Snakemake import it for every job.
    code = "import sys, otlib; otlib.load_study; assert 'torch' not in sys.modules; assert otlib.__all__"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_every_public_name_can_be_imported():
    import otlib

    for name in otlib.__all__:
        assert getattr(otlib, name) is not None
    with pytest.raises(AttributeError, match="nothing_here"):
        getattr(otlib, "nothing_here")  # noqa: B009


# --- make ---------------------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path):
    """A checkout without a virtual environment, and a folder of fake interpreters for its PATH."""
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    return tmp_path


def interpreter(checkout, name, body):
    path = checkout / "bin" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def make(checkout, *arguments):
    # Under `make test` a further make would take over its flags and announce its directory.
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *arguments], cwd=checkout, capture_output=True, text=True, env=outside)


@pytest.mark.parametrize(
    "body, message",
    [
        ("exit 1", "is older than Python 3.10: name a newer one"),
        ("case $2 in *ensurepip*) exit 1;; esac", "install its venv package"),
        (None, "There is no"),
    ],
)
def test_make_says_in_one_sentence_which_python_it_lacks(checkout, body, message):
    python = interpreter(checkout, "python", body) if body else checkout / "bin" / "python"
    result = make(checkout, "test", f"PYTHON={python}")
    assert result.returncode != 0
    assert message in result.stdout and result.stdout.count("\n") == 1
    assert not (checkout / ".venv").exists()


def test_make_installs_once_and_again_when_the_lock_changes(checkout):
    log = checkout / "calls"
    copied = 'cp "$0" .venv/bin/python; cp "$0" .venv/bin/pip'
    body = f'echo "$(basename $0) $*" >> {log}\ncase "$*" in "-m venv"*) mkdir -p .venv/bin; {copied};; esac'
    python = interpreter(checkout, "python", body)

    def installs():
        assert make(checkout, "test", f"PYTHON={python}").returncode == 0
        calls = log.read_text().splitlines()
        log.unlink()
        assert calls[-1] == "python -m pytest"
        return sum("requirements.lock" in call for call in calls)

    assert [installs(), installs()] == [1, 0]
    os.utime(checkout / "requirements.lock", (2**32, 2**32))
    assert installs() == 1


def test_make_passes_its_variables_to_the_study(checkout):
    (checkout / ".venv/bin").mkdir(parents=True)
    interpreter(checkout, "python", 'echo "$*"').rename(checkout / ".venv/bin/python")
    (checkout / ".venv/.ready").touch()
    variables = [
        "STUDY=demo",
        "PAIRS=de-en",
        "SEEDS=0,1",
        "SET=align.steps=9 qa.steps=8",
        "CORES=2",
        "FLAGS=-n",
    ]
    said = make(checkout, "study", *variables).stdout.split()
    wanted = "-m otlib.run study demo --cores 2 --pairs de-en --seeds 0,1 --set align.steps=9 qa.steps=8 -- -n"
    assert said == wanted.split()
    said = make(checkout, "plan", *variables).stdout.split()
    wanted = "-m otlib.run plan demo --pairs de-en --seeds 0,1 --set align.steps=9 qa.steps=8"
    assert said == wanted.split()


def test_clean_study_removes_the_folder_of_a_study_and_nothing_else(checkout):
    study, other = checkout / "outputs/demo", checkout / "outputs/gallery"
    for folder in (study, other):
        folder.mkdir(parents=True)
    (study / "study.yaml").touch()
    assert make(checkout, "clean-study", "STUDY=demo").returncode == 0
    assert "rm -rf outputs/paper-table2" in make(checkout, "-n", "clean-study", "STUDY=paper/table2").stdout
    assert make(checkout, "clean-study", "STUDY=gallery").returncode != 0
    assert make(checkout, "clean-study", "STUDY=").returncode != 0
    assert not study.exists() and other.exists()
