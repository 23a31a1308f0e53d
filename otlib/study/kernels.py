"""Kernels that begin with their libraries imported: forks of one process that has imported what the notebooks import.

To start Python and to import torch, transformers, pandas and seaborn takes six seconds of a core, and a study starts a
kernel a notebook, a hundred in all. So :func:`warm_kernels` starts one process with these imports, for as long as the
study runs, and a notebook's kernel is a fork of it, as is the process that executes the notebook. To Jupyter a kernel
is the small process that asked for the fork (this file, as a script, before the command that it stands for): it ends
when the kernel ends, and the kernel ends with it. Where nothing answers, as without a study, it becomes that command.
"""

import ast
import ctypes
import functools
import importlib
import json
import os
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

ADDRESS = "OTLIB_KERNELS"  # environment variable: the socket at which the warm process answers
LONGEST_SOCKET = 100  # characters of a Unix socket's path; macOS takes 104
CUDA_NOT_INITIALIZED = 3  # what the driver says before its first use
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
KERNEL = "ipykernel_launcher"  # the module that is one
TO_EXECUTE = ["ipykernel.kernelapp", "papermill", "otlib.study.run"]
ON_FIRST_USE = ["accelerate", "seaborn", "sklearn.metrics", "transformers.models.bert.modeling_bert"]  # of otlib


@contextmanager
def warm_kernels():
    """Within the block, notebooks that this process or its children execute get their kernels from a warm process.

    Only on Linux: elsewhere a fork of a process with these libraries may not be safe.
    """
    if sys.platform != "linux":
        yield
        return
    with tempfile.TemporaryDirectory(prefix="otlib-", ignore_cleanup_errors=True) as folder:
        address = os.path.join(folder, "kernels")
        inline = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "OMP_NUM_THREADS": "1"}
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)  # before anyone can ask
        listener.listen(64)
        server = subprocess.Popen(
            [sys.executable, __file__, "serve", address, str(listener.fileno())],
            pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE,  # closed when this process ends, however it ends
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Without the last one, to ask whether there is a GPU would begin to use it.
            env=os.environ | inline | {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"},
            start_new_session=True,
        )
        listener.close()
        os.environ[ADDRESS] = address
        try:
            yield
        finally:
            os.environ.pop(ADDRESS, None)
            server.kill()
            server.communicate()


def kernel_manager_class():
    """Jupyter's manager of a kernel, which starts it by this file and, where paths are short enough, talks by files.

    By default it looks for free ports and gives them back until the kernel takes them. Before it does, another process
    may have, or the manager itself, which calls the ports all the while: of many kernels that start at once one dies.
    """
    from ipykernel.kernelspec import get_kernel_dict
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec

    class WarmKernelManager(AsyncKernelManager):
        def __init__(self, **options):
            super().__init__(**options)
            # Of this Python: what is installed under the notebooks' kernel name may be another environment's.
            self._kernel_spec = KernelSpec(resource_dir="", **get_kernel_dict())
            self._folder = tempfile.TemporaryDirectory(prefix="otlib-", ignore_cleanup_errors=True)
            if os.name == "posix" and len(self._folder.name) < LONGEST_SOCKET - len("/kernel-5"):
                self.transport, self.ip = "ipc", os.path.join(self._folder.name, "kernel")
                self.connection_file = os.path.join(self._folder.name, "kernel.json")

        def format_kernel_cmd(self, extra_arguments=None):
            return [sys.executable, "-I", "-S", __file__, *super().format_kernel_cmd(extra_arguments)]

    return WarmKernelManager


# --- the warm process ---------------------------------------------------------------------------------------


def serve(address: str, descriptor: int):
    """Fork a kernel for everyone who asks, until stdin is closed; the first one waits for the imports.

    ``descriptor`` is of the socket that listens at the address.
    """
    sys.path.pop(0)  # this file's folder
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    with socket.socket(fileno=descriptor) as listener:
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            import_for_notebooks()
            if gpu_in_use():
                break
            if os.fork() == 0:
                listener.close()
                _become_what_is_asked(connection)
            connection.close()
    shutil.rmtree(os.path.dirname(address), ignore_errors=True)  # whoever made it was killed


def gpu_in_use() -> bool:
    """Whether this process has begun to use an NVIDIA GPU, which none of its forks could use any more."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return driver.cuDeviceGetCount(ctypes.byref(ctypes.c_int())) != CUDA_NOT_INITIALIZED


@functools.cache
def import_for_notebooks():
    """Import what the notebooks and who executes them do, and what otlib imports only when it is needed."""
    for module in [*TO_EXECUTE, *imported(NOTEBOOKS)]:
        importlib.import_module(module)
    for module in ON_FIRST_USE if "torch" in sys.modules else ():
        importlib.import_module(module)


def imported(notebooks: Path) -> list[str]:
    """The modules that the notebooks of a folder import."""
    modules = set()
    for path in sorted(notebooks.glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for source in ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"):
            with suppress(SyntaxError):  # as of a %magic
                for statement in ast.parse(source).body:
                    if isinstance(statement, ast.Import):
                        modules.update(name.name for name in statement.names)
                    elif isinstance(statement, ast.ImportFrom):
                        modules.add(statement.module)
    return sorted(modules)


def _become_what_is_asked(connection: socket.socket):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    _, streams, *_ = socket.recv_fds(connection, 1, 3)
    for own, theirs in enumerate(streams):
        os.dup2(theirs, own)
        os.close(theirs)
    asked = json.loads(connection.makefile("rb").readline())
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    if (threads := os.environ.get("OMP_NUM_THREADS")) and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(threads))
    connection.sendall(b"%d\n" % os.getpid())
    ended = threading.Event()
    threading.Thread(target=_end_with, args=[connection, ended], daemon=True).start()
    sys.argv, status = asked["command"], 0
    if sys.argv[0] == KERNEL:  # its parent is none that it should end with: `_end_with` sees to that
        sys.argv.append("--IPKernelApp.parent_handle=1")
    try:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = int(end.code or 0)
    ended.set()  # but for what is done at exit
    sys.stderr.flush()
    connection.sendall(b"%d\n" % status)
    sys.exit()


def _end_with(connection: socket.socket, ended: threading.Event):
    connection.recv(1)
    if not ended.is_set():
        os._exit(1)


# --- the process that stands for a fork ---------------------------------------------------------------------


def stand_for(command: list[str]):
    """Ask for a fork that does what ``python -m module`` would, and end with it, or it with this process.

    If nobody answers, become this command.
    """
    parent, numbers = os.getppid(), []  # the fork's process, and its status if it ends by itself
    with suppress(KeyError, OSError, ValueError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ[ADDRESS])
        socket.send_fds(connection, [b"\n"], [0, 1, 2])
        module = command[command.index("-m") + 1 :]
        asked = {"command": module, "environment": dict(os.environ), "folder": os.getcwd()}
        connection.sendall(json.dumps(asked).encode() + b"\n")
        signal.signal(signal.SIGINT, lambda *_: numbers and os.kill(numbers[0], signal.SIGINT))
        while os.getppid() == parent and len(numbers) < 2:  # also while the warm process is still at its imports
            if select.select([connection], [], [], 1)[0]:
                said = connection.recv(64)
                if numbers and not said:
                    sys.exit(1)
                numbers += map(int, said.split() or [b""])  # a ValueError if the warm process has failed
        sys.exit(numbers[1] if numbers[1:] else 1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execv(command[0], command)


if __name__ == "__main__":
    serve(sys.argv[2], int(sys.argv[3])) if sys.argv[1] == "serve" else stand_for(sys.argv[1:])
