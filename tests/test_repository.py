"""The repository itself: versions agree, notebooks are clean, layers hold, `make` explains itself."""

import ast
import importlib
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from otlib.record import ROOT
from otlib.study.yaml_file import parse

# The wings, each with those that it may import from; the modules of a wing import each other without a circle.
FLOORS = [{"study"}, {"analysis", "tasks"}, {"training"}, {"data", "transport"}]
FLOORS += [{"record"}, {"provenance", "settings"}]
ALONE = {"transport", "settings", "provenance"}  # import nothing of ours
TOO_LONG = ("otlib.settings",)  # one list, read by its sections
PYTHONS = ("3.10.13", "3.11.7", "3.12.1", "3.13.0")


def project():
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 reads TOML")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def lines_of(name):
    """Requirements of a lock, a line each: with the hashes of what may be installed."""
    text = (ROOT / name).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def locked(python):
    """Pinned version of each package that the locks install on a Linux machine with this Python."""
    version = {"python_version": python.rpartition(".")[0], "python_full_version": python}
    machine = {"sys_platform": "linux", "platform_machine": "x86_64", "os_name": "posix"}
    environment = {**default_environment(), **machine, **version}
    pins = {}
    for line in lines_of("requirements.lock") + lines_of("torch.lock"):
        pin = Requirement(line.partition(" --hash=")[0])
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


def test_the_lock_names_no_index_no_local_build_and_no_cuda_library_and_has_a_hash_for_every_file():
    # A host's name would tie the lock to one network; CUDA libraries are gigabytes that a CPU does not need.
    for line in lines_of("requirements.lock"):
        assert re.fullmatch(r"[a-z0-9.-]+==[\w.]+( ; [^-]+?)?( +--hash=sha256:[0-9a-f]{64})+", line), line
        assert not line.startswith(("nvidia-", "cuda-", "torch=="))
    assert all(re.fullmatch(r"torch==[\d.]+", line) for line in lines_of("torch.lock"))


def test_conda_and_binder_have_a_python_that_the_lock_knows_and_make_does_the_rest():
    dependencies = parse((ROOT / "environment.yml").read_text())["dependencies"]
    python = next(line.partition("=")[2] for line in dependencies if line.startswith("python="))
    assert any(full.startswith(python + ".") for full in PYTHONS)
    assert "make" in dependencies
    assert os.access(ROOT / "postBuild", os.X_OK) and "make install VENV=" in (ROOT / "postBuild").read_text()


NOTEBOOKS = sorted([*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("notebooks/workshop/*.ipynb")])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_carry_no_outputs(path):
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs") and not cell.get("execution_count"), cell["source"]


def modules():
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted((ROOT / "otlib").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(path, *, typing=True):
    """Modules of ours that a file imports, also inside functions; those for type checkers only if ``typing``."""
    found, tree = set(), ast.parse(path.read_text(encoding="utf-8"))
    for node in [] if typing else tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in whole}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module":
            allowed = path in (ROOT / "otlib/__init__.py", ROOT / "otlib/study/kernels.py")  # what notebooks import
            assert allowed or path.parts[-2] == "microworld", f"{path} hides an import"
    return {name for name in found if name.partition(".")[0] == "otlib"}


def wing(name):
    return name.split(".")[1] if "." in name else "otlib"


def test_the_wings_are_those_of_the_plan():
    wings = {wing(name) for name in MODULES} - {"otlib", "__main__"}
    assert wings == set.union(*FLOORS)


@pytest.mark.parametrize("name", [name for name in MODULES if wing(name) not in ("otlib", "__main__")])
def test_imports_point_down_and_never_up(name):
    """Making data once imported QA, which imported NLI, which imported alignment."""
    mine = wing(name)
    floor = next(number for number, wings in enumerate(FLOORS) if mine in wings)
    below = set.union(set(), *FLOORS[floor + 1 :])
    for other in imported(MODULES[name]):
        assert wing(other) == mine or (wing(other) in below and mine not in ALONE), f"{name} imports {other}"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f():\n    from otlib.study.run import main", {"otlib.study.run"}),
        ("from otlib import settings", {"otlib.settings"}),
        ("from otlib.training import align", {"otlib.training.align"}),
        ("from otlib.transport import transport_plan", {"otlib.transport"}),
        ("import otlib.study.plan as p", {"otlib.study.plan"}),
        ("if x:\n    try:\n        import numpy, otlib.record\n    finally: pass", {"otlib.record"}),
    ],
)
def test_the_layer_test_sees_imports_wherever_they_stand(tmp_path, source, found):
    path = tmp_path / "module.py"
    path.write_text(source)
    assert imported(path) == found


def test_no_module_imports_itself_through_others():
    """A circle within a wing would make its parts one module in two files."""
    graph = {name: imported(path, typing=False) & MODULES.keys() for name, path in MODULES.items()}
    done, open_ = set(), []

    def visit(name):
        assert name not in open_, f"a circle: {' -> '.join([*open_[open_.index(name) :], name])}"
        if name in done:
            return
        open_.append(name)
        for other in graph[name] - {name.rpartition(".")[0]}:
            visit(other)
        done.add(open_.pop())

    for name in graph:
        visit(name)


def test_modules_and_functions_keep_to_a_readable_size():
    for name, path in MODULES.items():
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 400 or name in TOO_LONG, f"{name} has {text.count(chr(10))} lines"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                documented = ast.get_docstring(node) is not None
                first = node.body[1].lineno if documented and len(node.body) > 1 else node.body[0].lineno
                assert node.end_lineno - first + 1 <= 60, f"{name}.{node.name} has {node.end_lineno - first + 1} lines"


def test_conventions_are_defined_once():
    for name in ("PIVOT", "LABELS", "Links"):
        defined = [
            module
            for module, path in MODULES.items()
            if re.search(rf"^{name}\b[^=\n]*=", path.read_text(encoding="utf-8"), re.MULTILINE)
        ]
        assert len(defined) == 1, f"{name} is defined in {defined}"


REFERENCE = re.compile(r":(?:func|class|meth|mod):`~?([\w.]+)`|\b(otlib(?:\.[A-Za-z_]\w*)+)")
PROSE = [*ROOT.glob("*.md"), *ROOT.glob("otlib/**/*.md"), *ROOT.glob("outputs/gallery/*.md"), *NOTEBOOKS]
PROSE += ROOT.glob("notebooks/workshop/*.md")


def lost(text, home="otlib"):
    """What a text refers to, such as :func:`name` of its own module or a dotted name, and cannot be imported."""
    found = {one or other for one, other in REFERENCE.findall(text)}
    return {name for name in found if not leads_somewhere(name if name.startswith("otlib.") else f"{home}.{name}")}


def leads_somewhere(name):
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            thing = importlib.import_module(".".join(parts[:end]))
        except ModuleNotFoundError:
            continue
        for part in parts[end:]:
            thing = getattr(thing, part, None)
        return thing is not None
    return False


@pytest.mark.parametrize("path", [*MODULES.values(), *PROSE], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_reference_leads_to_something_that_can_be_imported(path):
    """Docstrings named modules that had been moved, and readers searched for them."""
    home = next((name for name, module in MODULES.items() if module == path), "otlib")
    assert not lost(path.read_text(encoding="utf-8"), home)


def test_a_lost_reference_is_found():
    text = ":func:`train` :class:`Gone` :meth:`~otlib.record.Run.finish` otlib.settings.Align otlib.corpora.read"
    assert lost(text, "otlib.training.trainer") == {"Gone", "otlib.corpora.read"}


def test_notebooks_import_from_any_wing_but_never_the_runner():
    for path in ROOT.glob("notebooks/**/*.ipynb"):
        assert not re.search(r"otlib\.study(\.run|\.plan| import run)", path.read_text(encoding="utf-8")), path


def test_no_side_channels_through_tables():
    for name, path in MODULES.items():
        assert ".attrs" not in path.read_text(encoding="utf-8"), f"{name} hides results in DataFrame.attrs"


def test_only_the_trainer_and_what_it_needs_of_it_touch_accelerate():
    users = [
        path.stem
        for path in ROOT.glob("otlib/**/*.py")
        if re.search(r"^\s*(from|import) accelerate", path.read_text(), re.M)
    ]
    assert sorted(users) == ["checkpoints", "memory", "processes", "trainer"]


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
    for name in ("Makefile", "requirements.lock", "torch.lock"):
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
        assert calls[-1].startswith("python -m pytest --numprocesses ")
        return [re.findall(r"(--require-hashes|\w+\.lock)", call) for call in calls if ".lock" in call]

    asked = [["--require-hashes", "requirements.lock"], ["torch.lock"]]
    assert [installs(), installs()] == [asked, []]
    for name in ("requirements.lock", "torch.lock"):
        os.utime(checkout / name, (2**32, 2**32))
        assert installs() == asked
        os.utime(checkout / name, (0, 0))
        assert installs() == []


def test_make_installs_beside_a_jupyterlab_that_is_there(checkout):
    """As Binder asks it to, into an environment that conda has made."""
    (checkout / "env/bin").mkdir(parents=True)
    python = interpreter(checkout, "python", f'echo "$(basename $0) $*" >> {checkout}/calls')
    for name in ("python", "pip"):
        shutil.copy(python, checkout / "env/bin" / name)
    assert make(checkout, "install", f"PYTHON={python}", f"VENV={checkout}/env").returncode == 0
    assert (checkout / "env/.ready").exists() and not (checkout / ".venv").exists()
    calls = (checkout / "calls").read_text()
    assert "-m venv" not in calls and "pip install" in calls


@pytest.mark.parametrize("folder", ["", "my env"])
def test_make_installs_into_one_folder_or_none(checkout, folder):
    """Without a name it would be the machine's own pip, and with a blank two environments."""
    result = make(checkout, "--dry-run", "install", f"VENV={folder}")
    assert result.returncode and f"VENV must be the path of a folder, without blanks, got '{folder}'" in result.stderr


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
    wanted = "-m otlib study demo --cores 2 --pairs de-en --seeds 0,1 --set align.steps=9 qa.steps=8 -- -n"
    assert said == wanted.split()
    said = make(checkout, "plan", *variables).stdout.split()
    wanted = "-m otlib plan demo --pairs de-en --seeds 0,1 --set align.steps=9 qa.steps=8"
    assert said == wanted.split()


@pytest.mark.parametrize("slow", ["test", "study"])
def test_checks_that_hang_are_ended_and_named(checkout, slow):
    (checkout / ".ci").mkdir()
    script = (ROOT / ".ci/run").read_text()
    assert "within 30 make test" in script and "within 20 make study" in script
    (checkout / ".ci/run").write_text(
        script.replace("within 30 ", "within .003 ").replace("within 20 ", "within .003 ")
    )
    interpreter(checkout, "make", f"[ $1 != {slow} ] || sleep 60")
    path = {"PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", checkout / ".ci/run"], env=os.environ | path, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 124
    assert re.search(f"make {slow}.*: stopped after .003 minutes", done.stdout + done.stderr)


# --- SLURM --------------------------------------------------------------------------------------------------


def test_the_profile_for_slurm_names_rules_that_there_are():
    """Snakemake passes over one that there is not, and its jobs get no GPU."""
    profile = parse((ROOT / "params/slurm/config.yaml").read_text())
    rules = re.findall(r"^ *rule (\w+):|rule:\n +name:", (ROOT / "Snakefile").read_text(), re.MULTILINE)
    assert {*profile["set-resources"]} <= {*rules, "nli", "qa"} and "" in rules
    taking = re.findall(r"trainings=1", (ROOT / "Snakefile").read_text())
    assert sum(each["gpu"] for each in profile["set-resources"].values()) == len(taking) + 1  # both tasks by one rule
    assert profile["executor"] == "slurm"


def test_several_nodes_train_one_alignment_by_the_batch_script(tmp_path):
    """Each node launches its processes, and all meet on the first."""
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for name, body in {
        "scontrol": "printf 'node1\\nnode2\\n'",
        "srun": 'for SLURM_NODEID in 0 1; do export SLURM_NODEID; "$@"; done',
        "accelerate": 'echo "$@"',
    }.items():
        path = tmp_path / ".venv/bin" / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)
    node = {"SLURM_JOB_NODELIST": "node[1-2]", "SLURM_JOB_ID": "41234", "SLURM_NNODES": "2", "SLURM_GPUS_ON_NODE": "4"}
    environment = os.environ | node | {"PATH": f"{tmp_path / '.venv/bin'}:{os.environ['PATH']}"}
    script = ROOT / "params/slurm/align.sbatch"

    def run(*arguments):
        options = {"cwd": tmp_path, "env": environment, "capture_output": True, "text": True}
        return subprocess.run(["bash", script, *arguments], **options)

    said = run("paper/table 2", "wordot", "3").stdout.splitlines()
    assert len(said) == 2
    for rank, line in enumerate(said):
        assert f"--num_machines 2 --machine_rank {rank} --num_processes 8 --main_process_ip node1 " in line
        assert "--main_process_port 21234 " in line
        assert line.endswith("-m otlib align --study paper/table 2 --method wordot --seed 3")
    assert run("demo", "l2").stdout.endswith("--seed 0\n")
    assert "say which method" in run("demo").stderr and run("demo").returncode
    options = re.findall(r"^#SBATCH (--[\w-]+)=\S+$", script.read_text(), re.MULTILINE)
    assert {"--nodes", "--ntasks-per-node", "--gpus-per-node"} <= {*options}
    assert len(options) == script.read_text().count("#SBATCH")


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
