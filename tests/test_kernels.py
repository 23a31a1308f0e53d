"""Notebooks of a study get their kernels from a process that has its imports done, and are none the worse for it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from test_run import printed, write_notebook

from otlib.record import ROOT, write_text
from otlib.study import kernels
from otlib.study.kernels import ADDRESS, imported, warm_kernels
from otlib.study.notebook import NotebookError, run_notebook

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux only")


@pytest.fixture(scope="module")
def address():
    with warm_kernels():
        yield os.environ.pop(ADDRESS)


@pytest.fixture
def warm(address, monkeypatch):
    monkeypatch.setenv(ADDRESS, address)


def run(folder, *cells, parameters="x = 1"):
    return run_notebook(write_notebook(folder / "n.ipynb", parameters, *cells), folder / "out.ipynb", {})


def alive(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(process, *, within=10):
    end = time.monotonic() + within
    while alive(process) and time.monotonic() < end:
        time.sleep(0.05)
    return not alive(process)


@pytest.mark.slow
def test_a_warm_kernel_has_imported_what_notebooks_import_and_is_otherwise_as_any_other(warm, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("A_VARIABLE", "its value")
    asked = [
        "import os, sys\nprint({'torch', 'otlib.tasks.nli', 'sklearn.metrics', 'seaborn'} <= {*sys.modules})",
        "import torch\nprint(torch.get_num_threads(), os.environ['A_VARIABLE'], os.getcwd())",
        "print(torch.ones(300, 300).mm(torch.ones(300, 300)).sum().item(), __name__, 'kernels' in sys.argv[0])",
        "print(sys.path)",
    ]
    *said, path = printed(run(tmp_path, *asked)).splitlines()
    assert said == ["True", f"2 its value {tmp_path}", "27000000.0 __main__ False"]
    monkeypatch.delenv(ADDRESS)
    assert printed(run(tmp_path, "import sys\nprint(sys.path)")) == path + "\n"


def stand_in(*command, folder):
    """What a command of Python modules does if the warm process forks it."""
    whole = [sys.executable, "-I", "-S", kernels.__file__, sys.executable, "-m", *map(str, command)]
    return subprocess.run(whole, cwd=folder, capture_output=True, text=True)


@pytest.mark.slow
def test_who_executes_a_notebook_is_a_fork_as_well_with_the_words_and_the_status_of_the_command(warm, tmp_path):
    notebook = write_notebook(tmp_path / "n.ipynb", "wrong = False", "assert not wrong, 'no such luck'")
    done = stand_in("otlib", "notebook", notebook.name, "out.ipynb", folder=tmp_path)
    first, last = done.stderr.splitlines()
    assert done.returncode == 0 and first == "out | started" and last.startswith("out | done in ")
    failed = stand_in("otlib", "notebook", notebook.name, "no.ipynb", "wrong=true", folder=tmp_path)
    assert failed.returncode == 1 and "no | failed in cell [3]: AssertionError: no such luck" in failed.stderr
    page = stand_in("nbconvert", "--to", "html", "--log-level", "ERROR", "out.ipynb", folder=tmp_path)
    assert (page.returncode, page.stderr) == (0, "") and (tmp_path / "out.html").exists()
    assert stand_in("nbconvert", "--to", "html", "gone.ipynb", folder=tmp_path).returncode != 0
    broken = stand_in("otlib.nothing", folder=tmp_path)
    assert broken.returncode == 1 and "No module named otlib.nothing" in broken.stderr


def test_figures_of_a_warm_kernel_are_shown(warm, tmp_path):
    import nbformat

    out = run(tmp_path, "import matplotlib.pyplot as plt\nplt.plot([0, 1]);")
    outputs = nbformat.read(out, nbformat.NO_CONVERT).cells[-1].outputs
    assert "image/png" in outputs[-1].data


def test_the_warm_process_has_no_thread_that_a_fork_would_miss(warm, tmp_path):
    """A lock that another thread held would never be free again in a fork; jemalloc sees to that for its own."""
    lists = "import os\nfor thread in os.listdir(f'/proc/{os.getppid()}/task'):\n"
    lists += "    print(open(f'/proc/{os.getppid()}/task/{thread}/comm').read(), end='')"
    threads = printed(run(tmp_path, lists)).splitlines()
    assert len([name for name in threads if name != "jemalloc_bg_thd"]) == 1


def test_forks_share_nothing_that_a_notebook_changes(warm, tmp_path):
    changes = "import pandas as pd\npd.set_option('display.max_rows', 7)\nimport random, os\nos.environ['X'] = 'y'"
    looks = "import pandas as pd, os\nprint(pd.get_option('display.max_rows'), os.environ.get('X'))"
    run(tmp_path, changes)
    assert printed(run(tmp_path, looks)) == "60 None\n"


@pytest.mark.parametrize("death", ["os._exit(9)", "os.kill(os.getpid(), 9)"])
def test_the_death_of_a_warm_kernel_is_noticed(warm, tmp_path, death):
    with pytest.raises(NotebookError, match=r"in cell \[2\] of n.ipynb: its kernel died"):
        run(tmp_path, f"import os; {death}")


def test_a_warm_kernel_ends_with_the_process_that_executes_its_notebook(warm, tmp_path):
    pid = tmp_path / "pid"
    waits = f"import os, pathlib, time\npathlib.Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(600)"
    notebook = write_notebook(tmp_path / "n.ipynb", "x = 1", waits)
    command = [sys.executable, "-m", "otlib", "notebook", str(notebook), str(tmp_path / "out.ipynb")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (pid.exists() and pid.read_text()):
        time.sleep(0.05)
    kernel = int(pid.read_text())
    assert alive(kernel)
    process.kill()
    process.wait()
    assert gone(kernel)


@pytest.mark.slow
def test_kernels_go_on_without_the_warm_process_and_new_ones_start_as_ever(tmp_path, bare_kernels, monkeypatch):
    kills_parent = "import os, time\nprint(os.getppid())\nos.kill(os.getppid(), 9)\ntime.sleep(1)\nprint('went on')"
    kills_parent = f"import os\nassert os.getppid() != {os.getpid()}, 'no fork'\n{kills_parent}"
    monkeypatch.setattr(kernels, "__file__", bare_kernels)
    with warm_kernels():
        server, went_on = printed(run(tmp_path, kills_parent)).splitlines()
        assert went_on == "went on" and gone(int(server))
        assert printed(run(tmp_path, "print('started')")) == "started\n"


def test_where_no_warm_process_answers_kernels_start_as_ever(tmp_path, monkeypatch):
    monkeypatch.setenv(ADDRESS, str(tmp_path / "kernels"))
    assert printed(run(tmp_path, "print('started')")) == "started\n"
    ends_unheard = (
        "import socket, sys\nasked = socket.socket(1)\nasked.bind(sys.argv[1])\nasked.listen()\nasked.accept()"
    )
    process = subprocess.Popen([sys.executable, "-c", ends_unheard, os.environ[ADDRESS]])  # as one that fails to import
    while not os.path.exists(os.environ[ADDRESS]):
        time.sleep(0.05)
    assert printed(run(tmp_path, "print('started')")) == "started\n"
    assert process.wait() == 0


def test_a_kernel_is_of_this_python_whatever_is_installed_under_its_name(tmp_path, monkeypatch):
    """Another checkout's environment once ran the notebooks, where its kernel was found first."""
    other = {
        "argv": ["/gone/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "other",
    }
    spec = write_text(tmp_path / "jupyter/kernels/python3/kernel.json", json.dumps({**other, "env": {"OTHER": "1"}}))
    monkeypatch.setenv("JUPYTER_PATH", str(spec.parents[2]))
    said = printed(run(tmp_path, "import os, sys\nprint(sys.executable, os.environ.get('OTHER'))"))
    assert said == f"{sys.executable} None\n"


def test_a_stand_in_ends_with_its_executor_also_while_the_warm_process_imports(tmp_path):
    """It once took the process that adopted it for its parent, and kept the study's terminal open for ever."""
    address, said = str(tmp_path / "kernels"), tmp_path / "said"
    silent = (
        "import socket, sys, time\nasked = socket.socket(1)\nasked.bind(sys.argv[1])\nasked.listen()\ntime.sleep(60)"
    )
    server = subprocess.Popen([sys.executable, "-c", silent, address])
    while not os.path.exists(address):
        time.sleep(0.05)
    stand_in = [sys.executable, "-I", "-S", kernels.__file__, sys.executable, "-m", "ipykernel_launcher", "-f", "x"]
    script = f"import subprocess\nprocess = subprocess.Popen({stand_in!r}, start_new_session=True)\n"
    script += f"open({str(said)!r}, 'w').write(str(process.pid))\nprocess.wait()"
    executor = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, ADDRESS: address})
    while not (said.exists() and said.read_text()):
        time.sleep(0.05)
    time.sleep(0.5)  # it has asked by now
    assert alive(int(said.read_text()))
    executor.kill()
    executor.wait()
    assert gone(int(said.read_text()))
    server.kill()
    server.wait()


def test_a_warm_kernel_can_be_interrupted_and_goes_on(warm, tmp_path):
    async def answer(client, asked):
        while (said := await client.get_shell_msg(timeout=20))["parent_header"]["msg_id"] != asked:
            pass  # asked for while it started
        return said

    async def interrupted():
        manager = kernels.kernel_manager_class()(kernel_name="python3")
        await manager.start_kernel(cwd=str(tmp_path))
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=60)
        asked = client.execute("import time\ntime.sleep(600)")
        await asyncio.sleep(1)
        await manager.interrupt_kernel()
        first = await answer(client, asked)
        second = await answer(client, client.execute("1 + 1"))
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
        return first["content"]["ename"], second["content"]["status"]

    assert asyncio.run(interrupted()) == ("KeyboardInterrupt", "ok")


@pytest.mark.parametrize(("deep", "transport"), [("", "ipc"), ("/a folder with a long name" * 4, "tcp")])
def test_kernels_are_talked_to_by_files_which_no_other_process_can_take(tmp_path, monkeypatch, deep, transport):
    """Of two kernels that waited for the imports one died: its manager, calling a free port, had taken it itself."""
    folder = tmp_path if deep else tmp_path.parents[-2]  # /tmp
    monkeypatch.setattr("tempfile.tempdir", f"{folder}{deep}")
    os.makedirs(f"{folder}{deep}", exist_ok=True)
    manager = kernels.kernel_manager_class()()
    assert manager.transport == transport and (transport == "tcp" or len(manager.ip) + len("-5") < 104)
    shows = "import json, sys\nprint(json.load(open(sys.argv[sys.argv.index('-f') + 1]))['transport'])"
    assert printed(run(tmp_path, shows)) == f"{transport}\n"


def test_the_warm_process_ends_with_the_study(tmp_path):
    """Also when the study is killed, which closes the pipe that the warm process watches."""
    script = "import time\nfrom otlib.study.kernels import warm_kernels\nwith warm_kernels():\n"
    script += "    print('begun', flush=True)\n    time.sleep(600)"
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    study = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    assert study.stdout.readline() == "begun\n"
    children = f"/proc/{study.pid}/task/{study.pid}/children"
    with open(children) as file:
        (server,) = map(int, file.read().split())
    assert alive(server)
    study.send_signal(signal.SIGKILL)
    study.communicate()
    assert gone(server) and not list(tmp_path.glob("otlib-*"))


def test_elsewhere_than_on_linux_nothing_is_forked(monkeypatch):
    monkeypatch.setattr(kernels.sys, "platform", "darwin")
    with warm_kernels():
        assert ADDRESS not in os.environ


def test_what_the_notebooks_import_is_read_from_them(tmp_path):
    assert {"pandas", "otlib", "otlib.training.align", "otlib.tasks.qa"} <= {*imported(ROOT / "notebooks")}
    cells = ["import one\nimport two.three as x, four", "y = 1\nfrom five.six import (\n    seven,\n)"]
    write_notebook(tmp_path / "n.ipynb", "x = 1", *cells, "%matplotlib inline")
    assert imported(tmp_path) == ["five.six", "four", "one", "two.three"]


def test_the_first_who_asks_is_heard_however_early(tmp_path):
    """A kernel that asked before the warm process listened once started cold, a child of whoever executed it."""
    with warm_kernels(), socket.socket(socket.AF_UNIX) as early:
        early.connect(os.environ[ADDRESS])


@pytest.mark.parametrize(("answer", "used"), [(3, False), (0, True), (100, True)])
def test_a_process_that_has_begun_to_use_the_gpu_is_told_by_its_driver(monkeypatch, answer, used):
    """Its forks could not use it: the driver answers that it is not initialised (3) until its first use."""
    driver = type("Driver", (), {"cuDeviceGetCount": staticmethod(lambda count: answer)})
    monkeypatch.setattr(kernels.ctypes, "CDLL", lambda name: driver)
    assert kernels.gpu_in_use() is used


def test_without_a_driver_no_gpu_is_in_use(monkeypatch):
    def no_driver(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(kernels.ctypes, "CDLL", no_driver)
    assert kernels.gpu_in_use() is False
