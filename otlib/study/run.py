"""The command line: plan or run a study, one of its notebooks, its data or one of its alignments.

``python -m otlib study demo --pairs de-en --seeds 0 --set align.steps=100`` is what ``make study`` calls.
"""

import argparse
import ast
import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from otlib.record import ROOT, shown, write_text
from otlib.settings import ParameterError
from otlib.study import yaml_file
from otlib.study.study import Study, load_study, write_study


class NotebookError(RuntimeError):
    """A notebook could not be run to its end; the message is one line for the terminal."""


# --- one notebook -------------------------------------------------------------------------------------------


def run_notebook(notebook: str | Path, out: str | Path, parameters: Mapping[str, str]) -> Path:
    """Execute a notebook into ``out``, which appears only when every cell has succeeded.

    While it runs, and after a failure, the copy so far is ``<out>.partial.ipynb``.

    Parameters
    ----------
    notebook, out : path
        Source notebook and executed copy.
    parameters : mapping of str to str
        Texts for the parameters cell; each becomes the type of the literal that stands there.

    Raises
    ------
    NotebookError
        If a parameter is unknown or of the wrong type, or a cell fails: notebook, cell and error in one line.
    """
    papermill = _papermill()

    notebook, out = Path(notebook).resolve(), Path(out).resolve()
    if not notebook.is_file():
        raise NotebookError(f"failed: there is no notebook {shown(notebook)}")
    values = _typed(notebook.name, papermill.inspect_notebook(str(notebook)), parameters)
    partial = out.with_suffix(".partial.ipynb")
    out.parent.mkdir(parents=True, exist_ok=True)
    _set_kernel_environment()
    try:
        papermill.execute_notebook(
            notebook,
            partial,
            values,
            kernel_name="python3",
            progress_bar=False,
            coalesce_streams=True,  # keeps the last state of each progress bar
            stderr_file=Progress(out.stem),
            cwd=notebook.parent,
        )
        _tidy(partial, notebook, out)
    except papermill.PapermillExecutionError as error:
        what = f"failed in cell [{error.exec_count}]: {error.ename}: {error.evalue}"
    except Exception as error:
        what = f"failed: {type(error).__name__}: {error}"
    else:
        return out
    raise NotebookError(f"{what.splitlines()[0]} (so far: {shown(partial)})")


def _papermill():
    """Papermill, imported only where a notebook is run: it takes a second."""
    # And another second for what its JSON checker would use for web addresses, if it were there. No notebook does.
    sys.modules.setdefault("rfc3987_syntax", None)
    import papermill

    return papermill


def _typed(notebook: str, known: Mapping[str, dict], parameters: Mapping[str, str]) -> dict[str, Any]:
    values = {}
    for name, text in parameters.items():
        if name not in known:
            raise NotebookError(f"failed: {notebook} has no parameter {name!r}, only {', '.join(known)}")
        kind = type(ast.literal_eval(known[name]["default"]))
        try:
            values[name] = _PARSERS.get(kind, ast.literal_eval)(text)
        except (KeyError, ValueError, SyntaxError):
            reason = f"parameter {name} must be {kind.__name__}, got {text!r}"
            raise NotebookError(f"failed: {notebook}: {reason}") from None
    return values


_PARSERS = {str: str, int: int, float: float, bool: {"true": True, "false": False}.__getitem__}


def _set_kernel_environment():
    """Make the tokenizers library keep to the threads that the linear algebra libraries were given.

    And keep tqdm from asking for widgets, which an executed copy cannot hold.
    """
    if threads := os.environ.get("OMP_NUM_THREADS"):
        os.environ["RAYON_NUM_THREADS"] = threads
    os.environ.setdefault("PYTHONWARNINGS", "ignore:IProgress not found")


def _tidy(partial: Path, notebook: Path, out: Path):
    """Keep no path of this machine in the executed copy, and give it its name."""
    import nbformat

    executed = nbformat.read(partial, nbformat.NO_CONVERT)
    executed.metadata.papermill.update(input_path=shown(notebook), output_path=shown(out))
    write_text(partial, nbformat.writes(executed))
    os.replace(partial, out)


class Progress:
    """Text file that shows a kernel's progress bars as lines, a few a minute, each with the job's name."""

    def __init__(self, name: str, *, every: float = 10.0, stream=None):
        self._name, self._every, self._stream = name, every, stream or sys.stderr
        self._last = -every

    def write(self, text: str):
        bars = [line.strip() for line in text.replace("\r", "\n").split("\n") if "it/s]" in line or "s/it]" in line]
        if bars and (time.monotonic() - self._last >= self._every or "100%" in bars[-1]):
            self._last = time.monotonic()
            self._stream.write(f"{self._name} | {bars[-1]}\n")

    def flush(self):
        self._stream.flush()


# --- a study ------------------------------------------------------------------------------------------------


def run_study(study: Study, *, cores: int, flags: Sequence[str] = ()) -> int:
    """Run what of the study is not done yet and return the exit status; ``flags`` go to Snakemake."""
    study.folder.mkdir(parents=True, exist_ok=True)
    with _only_run(study) as lock:
        write_study(study)
        print(
            f"Study {study.name}: {', '.join(study.pairs)}; {', '.join(study.methods)}; seeds {study.seeds}",
            flush=True,
        )
        status, said = _snakemake(study, cores, flags, lock)
    if status == 0:
        report = study.folder / "report.html"
        print(f"Report: {shown(report)}" if report.exists() else "Done, without a report: it was not asked for")
        return 0
    failed = [line for line in said if " | failed" in line] or said[-20:]
    print("", *failed, "The study is not complete; the same command goes on.", sep="\n", file=sys.stderr)
    return status


@contextmanager
def _only_run(study: Study):
    """Take the study's lock; it is free again when this process and Snakemake have ended, even if they were killed."""
    with open(study.folder / ".lock", "a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            raise ParameterError(
                f"study {study.name} is being run by process {lock.read().strip()}; wait for it or stop it"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield lock


def _snakemake(study: Study, cores: int, flags: Sequence[str], lock) -> tuple[int, list[str]]:
    """Exit status and last lines; the terminal shows what jobs say of themselves, and how far all is."""
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        ROOT / "Snakefile",
        "--directory",
        study.folder,
    ]
    command += ["--cores", str(cores), "--rerun-incomplete", "--keep-going", "--nolock", "--quiet", "rules"]
    command += [*_one_at_a_time(), *flags, "--config", f"study={shown(study.folder / 'study.yaml')}"]
    # Its own process group, to stop it as a whole; it holds the lock too, in case this process is killed.
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=[lock.fileno()],
        start_new_session=True,
    )
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: os.killpg(process.pid, signal.SIGTERM))
    said = []
    for line in process.stdout:
        said.append(line.rstrip())
        if re.match(r"[\w.-]+ \| |\d+ of \d+ steps", line):
            print(line, end="", flush=True)
    return process.wait(), said


def _one_at_a_time() -> list[str]:
    """Flags for one training at a time if there is a GPU: as many as there are cores would not fit into it."""
    import torch

    found = torch.cuda.is_available() or torch.backends.mps.is_available()
    return ["--resources", "trainings=1"] if found else []


# --- arguments ----------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    options = _parser().parse_args(given[:end])
    options.flags = given[end + 1 :]
    try:
        return options.run(options)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m otlib", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    study = commands.add_parser("study", help="run a study", epilog="Arguments after -- go to Snakemake.")
    study.add_argument("--cores", type=int, default=os.cpu_count())
    study.set_defaults(run=_study_command)

    plan = commands.add_parser("plan", help="tell what a study would run, and how long")
    plan.set_defaults(run=_plan_command)
    for command in (study, plan):
        command.add_argument("study", help="a name in params/, or a YAML file")
        command.add_argument("--pairs", type=_list, help="these pairs only, such as de-en,es-en")
        command.add_argument("--seeds", type=_list, help="these seeds only, such as 0,1")
        command.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="such as align.steps=100")

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
    except (ValueError, OSError, ImportError) as error:
        sys.stderr.write(f"data | failed: {error}\n")
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
        aligned = align(
            study.encoder_path, corpora, folder, study.methods[options.method], seed=options.seed, resume=True
        )
        if main:
            run.finish(counts=aligned.text, word_pairs=aligned.word_pairs, processes=process_count())
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
    name, began = Path(options.out).stem, time.monotonic()
    sys.stderr.write(f"{name} | started\n")
    try:
        run_notebook(options.notebook, options.out, _assignments(options.parameters))
    except NotebookError as error:
        sys.stderr.write(f"{name} | {error}\n")
        return 1
    sys.stderr.write(f"{name} | done in {time.monotonic() - began:.0f} s\n")
    return 0


def _value(key: str, text: str) -> Any:
    try:
        return yaml_file.parse(text)
    except ValueError:
        raise ParameterError(f"SET: the value of {key} is no YAML: {text!r}") from None


def _list(text: str) -> list[str]:
    return text.split(",")


def _integer(text: str) -> int:
    if not text.isdecimal():
        raise ParameterError(f"seeds are whole numbers separated by commas, got {text!r}")
    return int(text)


def _assignments(texts: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    bare = [key for key, sign, _ in pairs if not sign]
    if bare:
        raise ParameterError(f"expected KEY=VALUE, got {bare[0]!r}")
    return {key: value for key, _, value in pairs}
