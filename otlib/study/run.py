"""The command line: plan or run a study, one of its notebooks, its data or one of its alignments; align sentences.

``python -m otlib study demo --pairs de-en --seeds 0 --set align.steps=100`` is what ``make study`` calls.
"""

import argparse
import os
import re
import resource
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from otlib.record import first_line, shown
from otlib.settings import ParameterError
from otlib.study import yaml_file
from otlib.study.align_text import add_options
from otlib.study.current import check_checkpoint, drop_what_waits
from otlib.study.kernels import warm_kernels
from otlib.study.notebook import NotebookError, Progress, run_notebook
from otlib.study.study import Study, load_study, write_study
from otlib.study.workflow import SIGNALLED, only_run, run_snakemake, tell

__all__ = ["NotebookError", "Progress", "main", "run_notebook", "run_study"]

SIZES = ("WORLD_SIZE", "PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MV2_COMM_WORLD_SIZE")  # what launchers say of processes
OPEN_FILES = 256  # that a process may need: libraries, sockets of kernels, data

# --- a study ------------------------------------------------------------------------------------------------

FAILED = 1  # Snakemake's status when a job has failed
STOPPED = "Stopped; the same command goes on."
PARTS = {"pairs": ["pair"], "conclusions": ["report", "ablations"]}  # of the Snakefile: a target, the rules it may run


def run_study(study: Study, *, cores: int, flags: Sequence[str] = ()) -> int:
    """Run what of the study is not done yet and return the exit status; ``flags`` go to Snakemake.

    Where runs have failed, the pairs and the report are made of the others, unless there are ``flags``.
    """
    with only_run(study) as lock, warm_kernels():
        check_checkpoint(study)
        write_study(study)
        tell(f"Study {study.name}: {', '.join(study.pairs)}; {', '.join(study.methods)}; seeds {study.seeds}")
        side_by_side = [] if "--resources" in flags else _side_by_side(study, _gpu())
        status, said = run_snakemake(study, cores, [*side_by_side, *flags], lock)
        if status == FAILED and not flags and drop_what_waits(study):
            for part, rules in PARTS.items():
                if status == FAILED:
                    ended, more = run_snakemake(study, cores, side_by_side, lock, part, rules)
                    said, status = said + more, ended or FAILED
    if status == 0:
        report = study.folder / "report.html"
        tell(f"Report: {shown(report)}" if report.exists() else "Done, without a report: it was not asked for")
        return 0
    if status > SIGNALLED:
        tell(STOPPED, to=sys.stderr)
        return status
    failed = [line for line in said if " | failed" in line]
    states = dict(found.groups() for line in said if (found := re.match(r"(\S+) \| (started|done|failed)\b", line)))
    open_ = [name for name, state in states.items() if state == "started"]
    failed += [f"{name} | ended before it was done: stopped, or out of memory" for name in open_]
    failed = failed or said[-20:] or [f"Snakemake said nothing and ended with status {status}."]
    reported = any(line.startswith("40_report | done") for line in said)
    report = [f"Report of what there is: {shown(study.folder / 'report.html')}"] * reported
    tell("", *failed, *report, "The study is not complete; the same command goes on.", to=sys.stderr)
    return status


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
        _allow_open_files()
        options = _parser().parse_args(given[:end])
        options.flags = given[end + 1 :]
        return options.run(options)
    except (ValueError, OSError, FloatingPointError, MemoryError) as error:
        print(str(error).strip() or f"{type(error).__name__}: {first_line(error)}", file=sys.stderr)
        return 1


def _allow_open_files():
    """Raise the limit of open files as far as a study needs and may; a ParameterError says where that is too little."""
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if limit != unlimited and limit < OPEN_FILES:
        if most != unlimited and most < OPEN_FILES:
            said = f"only {most} files may be open at once, and a study needs {OPEN_FILES}"
            raise ParameterError(f"{said}: raise the limit first, as by ulimit -n {OPEN_FILES}")
        resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, most))


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

    add_options(commands.add_parser("align-text", help="align the words of your own sentence pairs"))
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
    """Align as notebook 10 does; of several processes the main one makes the data and begins and finishes the run."""
    from otlib.data.text import read_prepared
    from otlib.training.align import align
    from otlib.training.trainer import is_main_process, wait_for_everyone

    study, key, processes = load_study(options.study), (options.method, options.seed), _processes()
    folder, main = study.aligned(*key), is_main_process()
    if main:
        print(f"processes that train: {processes}", flush=True)
        if not study.data_folder.exists():
            _data_command(options)
    wait_for_everyone()
    if not study.data_folder.exists():  # it said why
        return 1
    corpora = {code: read_prepared(study.parallel(code), code, study.tokenised) for code in study.languages}
    with study.run("align", *key) if main else nullcontext() as run:
        wait_for_everyone()
        encoder, settings = study.encoder_path(options.seed), study.methods[options.method]
        aligned = align(encoder, corpora, folder, settings, seed=options.seed, resume=True)
        if main:
            run.finish(processes=processes, **aligned.record())
    return 0


def _processes() -> int:
    """How many processes train together.

    Raises
    ------
    ParameterError
        If more were asked for: ``accelerate launch --cpu --num_processes 2`` starts one, and says nothing.
    """
    from otlib.training.trainer import process_count

    count = process_count()
    asked = {name: os.environ[name] for name in SIZES if os.environ.get(name, str(count)) != str(count)}
    if not asked and count == 1 and {"ACCELERATE_USE_CPU", "MASTER_ADDR"} <= {*os.environ}:
        asked = {"--num_processes": "several"}
    if asked:
        said = ", ".join(f"{name} is {number}" for name, number in asked.items())
        launch = "ACCELERATE_USE_CPU=true torchrun --nproc-per-node NUMBER -m otlib align ..."
        raise ParameterError(f"{said}, but {count} trains; on CPUs launch as many by {launch}")
    return count


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
        timeout = _cell_timeout(parameters.get("study"))
        run_notebook(options.notebook, options.out, parameters, cell_timeout=timeout)
    except NotebookError as error:
        sys.stderr.write(f"{name} | {error}\n")
        return 1
    sys.stderr.write(f"{name} | done in {time.monotonic() - began:.0f} s\n")
    return 0


def _cell_timeout(study: str | None) -> int | None:
    """The setting of the study that a notebook is given; none if it is given none."""
    try:
        return None if study is None else load_study(study, check_data=False).workflow.cell_timeout
    except ParameterError as error:
        raise NotebookError(f"failed: {error}") from None


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
