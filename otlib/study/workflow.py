"""Snakemake as a process of its own: one run of a study at a time, which needs nobody who reads what it says."""

import argparse
import fcntl
import glob
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from otlib.record import ROOT, shown
from otlib.settings import ParameterError
from otlib.study.current import outdated
from otlib.study.study import Study

SIGNALLED = 128  # and the signal's number: the status of what was stopped by one, as shells say it


@contextmanager
def only_run(study: Study):
    """Take the study's lock; it is free when this process and Snakemake, which goes on without it, have ended.

    On a file system that has no locks, as some of NFS and Lustre, it only warns.
    """
    path = study.folder / ".lock"
    try:
        study.folder.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        reason = f"{shown(study.folder)} cannot be written ({error.strerror})"
        raise ParameterError(f"study {study.name}: {reason}; make it writable, or free some space") from None
    with open(path, "ab+", buffering=0) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise ParameterError(
                f"study {study.name} is being run by process {_holders(path)}; wait for it or stop it"
            ) from None
        except OSError as error:
            warning = f"Nothing keeps a second process from running study {study.name} at the same time"
            print(f"{warning}: {shown(path)} cannot be locked ({error.strerror}).", file=sys.stderr)
        _sign(lock, os.getpid())
        yield lock


def _sign(lock, process: int):
    """Write into the lock who works."""
    with suppress(OSError):  # on a full disk what follows says so
        lock.truncate(0)
        lock.write(f"{process} on {platform.node()}".encode())


def _holders(path: Path) -> str:
    """The processes of this machine that hold a lock, which may be what a killed one has left; else who wrote in it."""
    found = set()
    for file in glob.glob("/proc/[0-9]*/fd/*"):
        with suppress(OSError):  # another user's, or closed by now
            if os.readlink(file) == str(path.resolve()):
                found.add(file.split("/")[2])
    found = sorted(found - {str(os.getpid())}, key=int)
    return ", ".join(found) or f"{path.read_text() or 'of another machine'}, or by what it started"


def run_snakemake(
    study: Study, cores: int, flags: Sequence[str], lock, part: str | None = None, rules: Sequence[str] = ()
) -> tuple[int, list[str]]:
    """Exit status and lines; the terminal shows what jobs say of themselves, and how far all is.

    Snakemake and its jobs write to the study's ``log.txt``, so that they need nobody who reads: if this process is
    killed, they go on. With a ``part`` of the Snakefile, that is made by these rules of what is there.
    """
    command = [sys.executable, "-m", "snakemake", *([part, "--allowed-rules", part, *rules] if part else ())]
    command += ["--snakefile", ROOT / "Snakefile", "--directory", study.folder]
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)  # a second --forcerun would undo the first
    parser.add_argument("-R", "--forcerun", nargs="*", action="extend", default=[] if part else outdated(study))
    forced, flags = parser.parse_known_args(flags)
    command += ["--forcerun", *forced.forcerun] if forced.forcerun else []
    # None at the end takes values: files that a user asks for may follow.
    command += ["--quiet", "rules", "--cores", str(cores), "--rerun-incomplete", "--keep-going", "--nolock"]
    # As YAML, or a blank and a # in the path would begin a comment.
    path = json.dumps(shown(study.folder / "study.yaml"), ensure_ascii=False)
    command += [*flags, "--config", f"study={path}", *([f"part={part}"] if part else ())]
    with open(study.folder / "log.txt", "ab" if part else "wb") as log:
        begun = log.tell()
        # Its own process group, to stop it as a whole.
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=[lock.fileno()],
            start_new_session=True,
        )
    _sign(lock, process.pid)
    said, stopped = [], []

    def stop(name, frame):
        stopped.append(name)
        _stop(process)

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) != signal.SIG_IGN:  # as nohup does
            signal.signal(name, stop)
    for line in _written(study.folder / "log.txt", begun, process):
        said.append(line.rstrip())
        if re.match(r"[\w.-]+ \| |\d+ of \d+ steps", line):
            tell(line)
    _stop(process)  # jobs of a Snakemake that was killed
    return SIGNALLED + stopped[0] if stopped else process.returncode, said


def _stop(process: subprocess.Popen):
    with suppress(ProcessLookupError):  # none of the group is left
        os.killpg(process.pid, signal.SIGTERM)


def _written(path: Path, begun: int, process: subprocess.Popen) -> Iterator[str]:
    """The lines that a process writes into a file, from a place on, until it has ended."""
    part, ended = b"", False
    with open(path, "rb") as file:
        file.seek(begun)
        while not ended:
            ended = process.poll() is not None
            *lines, part = (part + file.read()).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            time.sleep(0 if ended or lines else 0.2)


def tell(*lines: str, to=None):
    """Print at once; where nobody reads any more, as after a closed terminal, the study goes on without."""
    stream = to or sys.stdout
    try:
        print(*lines, sep="\n", file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
