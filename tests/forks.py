"""Python processes that start at once: forks of one that has imported libraries, and nothing of ours."""

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile

_server = multiprocessing.get_context("forkserver")  # single-threaded: pytest's own process may not be
_server.set_forkserver_preload(["pytest", "snakemake.cli", "pandas", "pydantic", "ruamel.yaml"])


def run_module(module, *arguments, cwd, env):
    """What ``python -m module`` does in a folder, with the modules of ours that lie there; both streams in one."""
    command = [module, *map(str, arguments)]
    with tempfile.NamedTemporaryFile("r") as said:
        process = _server.Process(target=_become, args=(command, str(cwd), env, said.name))
        process.start()
        process.join()
        return subprocess.CompletedProcess(command, process.exitcode, said.read())


def _become(command, folder, environment, said):
    written = os.open(said, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(written, stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path.insert(0, folder)
    sys.argv = command
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)
