"""Processes that train together: launches that shard the model are refused, a notebook starts its own, and trackers."""

import json
import os
import sys
from types import SimpleNamespace

import pytest
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import LoggerType
from accelerate.utils.launch import prepare_multi_gpu_env
from test_trainer import Killed, killed_after, network, run
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from otlib.record import begin, write_text
from otlib.settings import Training
from otlib.study.run import main
from otlib.study.study import load_study
from otlib.training import processes

# Launches that shard the model

FSDP = """
compute_environment: LOCAL_MACHINE
distributed_type: FSDP
fsdp_config:
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_reshard_after_forward: true
  fsdp_state_dict_type: SHARDED_STATE_DICT
  fsdp_version: 2
machine_rank: 0
mixed_precision: 'no'
num_machines: 1
num_processes: 2
"""
MEGATRON = """
compute_environment: LOCAL_MACHINE
distributed_type: MEGATRON_LM
megatron_lm_config: {megatron_lm_tp_degree: 2}
machine_rank: 0
num_machines: 1
num_processes: 2
"""


def environment_of(config):
    """What ``accelerate launch --config_file`` sets for the processes."""
    arguments = launch_command_parser().parse_args(["--config_file", str(config), "-m", "otlib"])
    return prepare_multi_gpu_env(_validate_launch_command(arguments)[0])


@pytest.mark.parametrize(("text", "name"), [(FSDP, "FSDP"), (MEGATRON, "Megatron-LM"), ("", "DeepSpeed")])
def test_a_launch_that_shards_the_model_is_refused_before_anything_is_computed(
    tmp_path, monkeypatch, capsys, text, name
):
    """It was refused when the text was tokenised and the frozen encoder had read it."""
    monkeypatch.setattr("os.environ", dict(os.environ))
    sharded = environment_of(write_text(tmp_path / "config.yaml", text)) if text else {}
    for variable in processes.SHARDING:
        if variable in sharded or (not text and "DEEPSPEED" in variable):
            monkeypatch.setenv(variable, "true")  # DeepSpeed's configuration can be read only where it is installed
    monkeypatch.setattr("otlib.study.data.make_data", lambda study: pytest.fail("data were made"))
    assert main(["align", "--study", "demo", "--method", "wordot"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"{name} shards the model") and "accelerate config" in said and said.count("\n") == 1
    with pytest.raises(ValueError, match=f"{name} shards the model"):
        run(network(), tmp_path)


# Launches from a notebook


def test_more_processes_than_gpus_are_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    with pytest.raises(ValueError, match="processes: 3 need a GPU each, but there are 2: ask for 2 at most"):
        processes.launch(print, 3)


def test_no_process_at_all_is_refused(monkeypatch, tmp_path):
    from otlib.training import align

    monkeypatch.setattr(align, "load_encoder", lambda encoder: (None, None))
    with pytest.raises(ValueError, match="processes: input should be greater than 0, got -1"):
        align.align("encoder", {}, tmp_path, processes=-1)


@pytest.mark.parametrize("recorded", [True, False])
def test_a_process_that_fails_is_named_with_its_reason(tmp_path, monkeypatch, recorded):
    """The launcher's own report is forty lines long."""
    said = {"message": {"message": "ValueError: pairs: 9 were asked for\nmore", "extraInfo": {"timestamp": "0"}}}
    path = write_text(tmp_path / "error.json", json.dumps(said)) if recorded else tmp_path / "none"
    failure = ProcessFailure(local_rank=1, pid=7, exitcode=-9, error_file=str(path))

    def fails(*given, **named):
        raise ChildFailedError("_call", {1: failure})

    monkeypatch.setattr(processes, "notebook_launcher", fails)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    reason = "ValueError: pairs: 9 were asked for" if recorded else "Signal 9"
    with pytest.raises(RuntimeError, match=f"process 1 of 2 failed: {reason}") as error:
        processes._launch(2, True, print, (), {})
    assert "\n" not in str(error.value)


# Trackers


@pytest.fixture
def tensorboard(monkeypatch):
    """What is written by the only class of TensorBoard's that Accelerate uses: folder, options, scalars, its end."""
    written = []

    class SummaryWriter:
        def __init__(self, folder, **options):
            written.append((folder, options))

        def add_scalar(self, name, value, global_step):
            written.append((name, global_step))

        def flush(self):
            pass

        def close(self):
            written.append("closed")

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=SummaryWriter))
    monkeypatch.setattr("torch.utils.tensorboard", sys.modules["torch.utils.tensorboard"], raising=False)
    monkeypatch.setattr(processes, "is_tensorboard_available", lambda: True)
    monkeypatch.setattr("accelerate.tracking._available_trackers", [LoggerType.TENSORBOARD])
    return written


TRACKED = Training(steps=12, learning_rate=1e-2, save_every=4, log_with="tensorboard")


def test_a_tracker_is_off_by_default_and_has_the_rows_of_the_log_and_those_of_a_resumed_run_once(tmp_path, tensorboard):
    run(network(), tmp_path / "off")
    assert Training().log_with is None and not tensorboard
    with pytest.raises(Killed):
        run(network(), tmp_path / "on", TRACKED, objective=killed_after(9))
    log = run(network(), tmp_path / "on", TRACKED, resume=True)
    where = str(tmp_path / "on/tensorboard")
    opened = [one for one in tensorboard if isinstance(one, tuple) and isinstance(one[1], dict)]
    assert opened == [(where, {"purge_step": 1}), (where, {"purge_step": 9})]
    assert [step for name, step in (one for one in tensorboard if one[0] == "loss")] == log["step"].tolist()
    assert {"lr", "gradient_norm", "bias"} <= {one[0] for one in tensorboard} and tensorboard[-1] == "closed"


def test_a_tracker_that_is_not_installed_is_one_sentence(tmp_path, monkeypatch):
    """Accelerate only goes on without it."""
    monkeypatch.setattr(processes, "is_tensorboard_available", lambda: False)
    with pytest.raises(ValueError, match="log_with: tensorboard is not installed: pip install tensorboard, or leave"):
        run(network(), tmp_path, TRACKED)
    assert not (tmp_path / "log.jsonl").exists()
    with pytest.raises(ValueError, match="demo.yaml: nli.log_with: tensorboard is not installed: pip install"):
        load_study("demo", {"nli.log_with": "tensorboard"})


def test_a_tracker_decides_nothing_of_a_run_and_goes_with_what_is_out_of_date(tmp_path, monkeypatch):
    """To watch a training must not begin it anew."""
    monkeypatch.setattr(processes, "is_tensorboard_available", lambda: True)
    on = dict.fromkeys(("align.log_with", "nli.log_with", "qa.log_with", "encoder.pretrain.log_with"), "tensorboard")
    study, watched = load_study("demo"), load_study("demo", on)
    assert watched.align.log_with == watched.methods["wordot"].log_with == "tensorboard"
    for kind, method in (("pretrain", None), ("align", "wordot"), ("nli", "wordot"), ("qa", "wordot")):
        assert study.parameters(kind, method, 0) == watched.parameters(kind, method, 0)
    begin(tmp_path, {"steps": 1})
    write_text(tmp_path / "tensorboard/events", "x")
    assert begin(tmp_path, {"steps": 2}) and not (tmp_path / "tensorboard").exists()
