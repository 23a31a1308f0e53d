"""The processes of a training as Accelerate sees them: which launches are refused, and a launch from a notebook.

Each process holds the whole model, for one of them saves it. FSDP, DeepSpeed, Megatron-LM and tensor parallelism, which
shard it, are refused before anything is computed: encoders of this study fit a GPU of 16 GB many times.
"""

from __future__ import annotations

import io
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, notebook_launcher
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import (
    DataLoaderConfiguration,
    ProjectConfiguration,
    is_tensorboard_available,
    parse_flag_from_env,
)
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from transformers.utils.logging import disable_progress_bar, set_verbosity_error

from otlib.record import first_line
from otlib.settings import Training

SHARDING = {  # what `accelerate launch` sets in the environment
    "ACCELERATE_USE_FSDP": "FSDP",
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "a parallelism config",
}


def state() -> PartialState:
    """Of this process among those that were launched together.

    Raises
    ------
    ValueError
        If the launch shards the model.
    """
    for variable, name in SHARDING.items():
        if parse_flag_from_env(variable):
            raise ValueError(
                f"{name} shards the model, and no process could save all of it: launch with a configuration without "
                "it, as by accelerate config, or accelerate launch --multi_gpu"
            )
    # The first PartialState of a process decides on which device it runs: make it as the Accelerator will.
    return PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"))


def new_accelerator(settings: Training, seed: int, folder: Path) -> Accelerator:
    """Accelerate's object for a training in a folder; with a tracker, that writes into ``<folder>/<tracker>``.

    Raises
    ------
    ValueError
        If the launch shards the model, or the tracker is not installed.
    """
    state()
    check_tracker(settings)
    # Accelerate keeps the precision of the first run in a process; a notebook may hold several runs.
    AcceleratorState._reset_state()
    return Accelerator(
        mixed_precision=settings.mixed_precision,
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True, data_seed=seed),
        # Encoders have parts that no loss depends on (a pooler, the layers above the chosen one).
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        log_with=settings.log_with,
        project_config=ProjectConfiguration(logging_dir=str(folder)),
    )


def check_tracker(settings: Training) -> None:
    """Raise a ValueError if what ``log_with`` names is not installed: accelerate only goes on without it."""
    if settings.log_with and not is_tensorboard_available():
        raise ValueError(f"log_with: {settings.log_with} is not installed: pip install tensorboard, or leave it out")


def launch(function: Callable[..., Any], processes: int, *given: Any, **named: Any) -> None:
    """Call a function in so many processes that train together, by ``accelerate.notebook_launcher``.

    Each has a GPU of its own or, on a machine without, a share of the cores. They are forks of a fresh process: of one
    that has used its GPU, as a notebook may have, none could be made.

    Parameters
    ----------
    function : callable
        Of a module, not of the notebook; what it returns is lost. Its arguments are pickled.

    Raises
    ------
    ValueError
        If there are fewer GPUs than processes, or none are asked for.
    RuntimeError
        If one of the processes fails, with its reason; the others are ended.
    """
    if processes < 1:
        raise ValueError(f"processes: input should be greater than 0, got {processes}")
    gpus = torch.cuda.device_count()
    if gpus and gpus < processes:
        raise ValueError(f"processes: {processes} need a GPU each, but there are {gpus}: ask for {gpus} at most")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
        fresh.submit(_launch, processes, not gpus, function, given, named).result()


def _launch(processes: int, on_cpu: bool, *call: Any) -> None:
    if on_cpu:
        os.environ["ACCELERATE_USE_CPU"] = "true"
    # It logs a traceback of what is raised below.
    logging.getLogger("torch.distributed.elastic.multiprocessing.api").setLevel(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()):  # the launcher tells of GPUs, also where there are none
            # A free port: that of the launcher's default is taken where another notebook trains.
            notebook_launcher(_call, call, processes, rdzv_backend="c10d", rdzv_endpoint="localhost:0")
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        said = failure.message["message"] if isinstance(failure.message, dict) else failure.message
        raise RuntimeError(f"process {rank} of {processes} failed: {first_line(said)}") from None


def _call(function: Callable[..., Any], given: Sequence[Any], named: Mapping[str, Any]) -> None:
    sys.stdout = sys.__stdout__
    set_verbosity_error()  # as notebooks do
    disable_progress_bar()
    function(*given, **named)
