"""The command line: plan or run a study, one of its notebooks, its data or one of its alignments.

``python -m otlib study demo --pairs de-en --seeds 0 --set align.steps=100`` is what ``make study`` calls.
"""

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
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from otlib.record import ROOT, first_line, shown
from otlib.settings import ParameterError
from otlib.study import yaml_file
from otlib.study.current import outdated
from otlib.study.kernels import warm_kernels
from otlib.study.notebook import NotebookError, Progress, run_notebook
from otlib.study.study import Study, load_study, write_study

__all__ = ["NotebookError", "Progress", "main", "run_notebook", "run_study"]

# --- a study ------------------------------------------------------------------------------------------------


def run_study(study: Study, *, cores: int, flags: Sequence[str] = ()) -> int:
    """Run what of the study is not done yet and return the exit status; ``flags`` go to Snakemake."""
    with _only_run(study) as lock, warm_kernels():
        write_study(study)
        _tell(f"Study {study.name}: {', '.join(study.pairs)}; {', '.join(study.methods)}; seeds {study.seeds}")
        if "--resources" not in flags:
            flags = [*_side_by_side(study, _gpu()), *flags]
        status, said = _snakemake(study, cores, flags, lock)
    if status == 0:
        report = study.folder / "report.html"
        _tell(f"Report: {shown(report)}" if report.exists() else "Done, without a report: it was not asked for")
        return 0
    failed = [line for line in said if " | failed" in line]
    states = dict(found.groups() for line in said if (found := re.match(r"(\S+) \| (started|done|failed)\b", line)))
    open_ = [name for name, state in states.items() if state == "started"]
    failed += [f"{name} | ended before it was done: stopped, or out of memory" for name in open_]
    failed = failed or said[-20:] or [f"Snakemake said nothing and ended with status {status}."]
    _tell("", *failed, "The study is not complete; the same command goes on.", to=sys.stderr)
    return status


@contextmanager
def _only_run(study: Study):
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


def _snakemake(study: Study, cores: int, flags: Sequence[str], lock) -> tuple[int, list[str]]:
    """Exit status and lines; the terminal shows what jobs say of themselves, and how far all is.

    Snakemake and its jobs write to the study's ``log.txt``, so that they need nobody who reads: if this process is
    killed, they go on.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--directory", study.folder]
    command += ["--forcerun", *old] if (old := outdated(study)) else []
    command += ["--cores", str(cores), "--rerun-incomplete", "--keep-going", "--nolock", "--quiet", "rules"]
    # As YAML, or a blank and a # in the path would begin a comment.
    path = json.dumps(shown(study.folder / "study.yaml"), ensure_ascii=False)
    command += [*flags, "--config", f"study={path}"]
    with open(study.folder / "log.txt", "wb") as log:
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
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) != signal.SIG_IGN:  # as nohup does
            signal.signal(name, lambda *_: _stop(process))
    said = []
    for line in _written(study.folder / "log.txt", process):
        said.append(line.rstrip())
        if re.match(r"[\w.-]+ \| |\d+ of \d+ steps", line):
            _tell(line)
    _stop(process)  # jobs of a Snakemake that was killed
    return process.returncode, said


def _stop(process: subprocess.Popen):
    with suppress(ProcessLookupError):  # none of the group is left
        os.killpg(process.pid, signal.SIGTERM)


def _written(path: Path, process: subprocess.Popen) -> Iterator[str]:
    """The lines that a process writes into a file, until it has ended."""
    part, ended = b"", False
    with open(path, "rb") as file:
        while not ended:
            ended = process.poll() is not None
            *lines, part = (part + file.read()).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
            time.sleep(0 if ended or lines else 0.2)


def _tell(*lines: str, to=None):
    """Print at once; where nobody reads any more, as after a closed terminal, the study goes on without."""
    stream = to or sys.stdout
    try:
        print(*lines, sep="\n", file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _gpu() -> str | None:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def _side_by_side(study: Study, gpu: str | None) -> list[str]:
    """Flags for as many trainings at a time as fit into a GPU: as many as there are cores would not."""
    if gpu is None:
        return []
    from otlib.study.plan import trainings_at_once

    return ["--resources", f"trainings={trainings_at_once(study) if gpu == 'cuda' else 1}"]


# --- arguments ----------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    try:
        options = _parser().parse_args(given[:end])
        options.flags = given[end + 1 :]
        return options.run(options)
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        print(str(error).strip() or f"{type(error).__name__}: {first_line(error)}", file=sys.stderr)
        return 1


class _Once(argparse.Action):
    """Keep an option's value and refuse another one, which would take its place."""

    given = False

    def __call__(self, parser, namespace, values, option_string=None):
        if self.given:
            raise ParameterError(f"{option_string} is given twice: give it once")
        self.given = True
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    def __init__(self, **options):
        super().__init__(**options)
        self.register("action", None, _Once)

    def error(self, message):
        raise ParameterError(f"{message}; see {self.prog} --help")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m otlib", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    study = commands.add_parser("study", help="run a study", epilog="Arguments after -- go to Snakemake.")
    study.add_argument("--cores", type=_cores, default=os.cpu_count())
    study.set_defaults(run=_study_command)

    plan = commands.add_parser("plan", help="tell what a study would run, and how long")
    plan.set_defaults(run=_plan_command)
    for command in (study, plan):
        command.add_argument("study", help="a name in params/, or a YAML file")
        command.add_argument("--pairs", type=_list, help="these pairs only, such as de-en,el-en")
        command.add_argument("--seeds", type=_list, help="these seeds only, such as 0,1")
        command.add_argument(
            "--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="such as align.steps=100"
        )

    notebook = commands.add_parser("notebook", help="execute one notebook")
    notebook.add_argument("notebook")
    notebook.add_argument("out")
    notebook.add_argument("parameters", nargs="*", metavar="KEY=VALUE")
    notebook.set_defaults(run=_notebook_command)

    data = commands.add_parser("data", help="make the data of a study")
    data.add_argument("study")
    data.set_defaults(run=_data_command)

    align = commands.add_parser("align", help="train one alignment, also under accelerate launch")
    align.add_argument("--study", required=True, help="a name in params/, or a YAML file")
    align.add_argument("--method", required=True)
    align.add_argument("--seed", type=int, default=0)
    align.set_defaults(run=_align_command)
    return parser


def _data_command(options) -> int:
    from otlib.study.data import make_data

    sys.stderr.write("data | started\n")
    try:
        make_data(load_study(options.study))
    except Exception as error:
        expected = isinstance(error, ValueError | OSError | ImportError) and str(error).strip()
        if not expected:
            traceback.print_exc()
        sys.stderr.write(f"data | failed: {'' if expected else f'{type(error).__name__}: '}{first_line(error)}\n")
        return 1
    sys.stderr.write("data | done\n")
    return 0


def _align_command(options) -> int:
    """Align as notebook 10 does; of several processes the main one begins and finishes the run."""
    from otlib.data.text import read_prepared
    from otlib.training.align import align
    from otlib.training.trainer import is_main_process, process_count, wait_for_everyone

    study, key = load_study(options.study), (options.method, options.seed)
    folder, main = study.aligned(*key), is_main_process()
    corpora = {language: read_prepared(study.parallel(language), language) for language in study.languages}
    with study.run("align", *key) if main else nullcontext() as run:
        wait_for_everyone()
        encoder, settings = study.encoder_path(options.seed), study.methods[options.method]
        aligned = align(encoder, corpora, folder, settings, seed=options.seed, resume=True)
        if main:
            run.finish(processes=process_count(), **aligned.record())
    return 0


def _study_command(options) -> int:
    return run_study(_chosen_study(options), cores=options.cores, flags=options.flags)


def _plan_command(options) -> int:
    study = _chosen_study(options, check_data=False)
    from otlib.study.plan import plan

    for part in plan(study):
        print(part, end="\n\n", flush=True)
    return 0


def _chosen_study(options, *, check_data: bool = True) -> Study:
    overrides = {key: _value(key, value) for key, value in _assignments(options.set).items()}
    seeds = None if options.seeds is None else [_integer(seed) for seed in options.seeds]
    return load_study(options.study, overrides, pairs=options.pairs, seeds=seeds, check_data=check_data)


def _notebook_command(options) -> int:
    name, began, parameters = Path(options.out).stem, time.monotonic(), _assignments(options.parameters)
    sys.stderr.write(f"{name} | started\n")
    try:
        run_notebook(options.notebook, options.out, parameters)
    except NotebookError as error:
        sys.stderr.write(f"{name} | {error}\n")
        return 1
    sys.stderr.write(f"{name} | done in {time.monotonic() - began:.0f} s\n")
    return 0


def _value(key: str, text: str) -> Any:
    try:
        return yaml_file.parse(text)
    except ValueError as error:
        raise ParameterError(f"SET: the value of {key} cannot be read: {text!r}: {error}") from None


def _list(text: str) -> list[str]:
    return text.split(",")


def _integer(text: str) -> int:
    if not text.isdecimal():
        raise ParameterError(f"seeds are whole numbers separated by commas, got {text!r}")
    return int(text)


def _cores(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, got {text!r}")
    return int(text)


def _assignments(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    bare = [key for key, sign, _ in pairs if not sign]
    if bare:
        raise ParameterError(f"expected KEY=VALUE, got {bare[0]!r}")
    yaml_file.check_apart([key for key, *_ in pairs])
    return {key: value for key, _, value in pairs}
