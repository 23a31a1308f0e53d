import itertools
import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader
from transformers import AutoModel, BertConfig, BertModel

from otlib.settings import Training
from otlib.training import trainer
from otlib.training.trainer import finished_log, read_log, remove_checkpoints, save_pretrained, skipped_steps, train

DATA = [
    (torch.randn(4, generator=g), torch.randn(1, generator=g))
    for g in [torch.Generator().manual_seed(0)]
    for _ in range(22)
]
SETTINGS = Training(steps=12, learning_rate=1e-2)


def network(dropout=0.3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Dropout(dropout), nn.Linear(64, 1))


def objective(model, batch):
    x, y = batch
    error = model(x) - y
    return (error**2).mean(), {"bias": error.mean()}


def loader(batch_size=4, shuffle=True):
    return DataLoader(DATA, batch_size=batch_size, shuffle=shuffle, drop_last=True)


def run(model, folder, settings=SETTINGS, *, objective=objective, data=None, log_every=4, **options):
    """Train, with a row in the log for every four steps."""
    data = loader() if data is None else data
    return train(model, data, objective, settings, folder=folder, log_every=log_every, **options)


def state(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


class Killed(Exception):
    pass


def killed_after(calls):
    """An objective that ends the run, as a crash would, after so many calls."""
    left = [calls]

    def counted(model, batch):
        if not left[0]:
            raise Killed
        left[0] -= 1
        return objective(model, batch)

    return counted


@pytest.mark.parametrize(("killed_at", "accumulation"), [(7, 1), (10, 1), (9, 2)])
def test_resumed_run_equals_the_uninterrupted_one(tmp_path, killed_at, accumulation):
    """Weights, optimiser, schedule, place in the shuffled data and dropout go on as if nothing happened."""
    settings = SETTINGS.changed(save_every=3, accumulation=accumulation)
    whole = network()
    log = run(whole, tmp_path / "whole", settings)

    with pytest.raises(Killed):
        run(network(), tmp_path / "cut", settings, objective=killed_after(killed_at * accumulation))
    torch.manual_seed(99)
    resumed = nn.Sequential(nn.Linear(4, 64), nn.Tanh(), nn.Dropout(0.3), nn.Linear(64, 1))
    seen = []

    def counted(model, batch):
        seen.append(batch)
        return objective(model, batch)

    again = run(resumed, tmp_path / "cut", settings, objective=counted, resume=True)
    assert len(seen) == (12 - killed_at // 3 * 3) * accumulation
    assert torch.equal(state(whole), state(resumed))
    columns = ["step", "loss", "bias", "lr", "gradient_norm"]
    assert again[columns].equals(log[columns])


def test_learning_rate_rises_and_ends_at_zero_counted_in_optimiser_steps(tmp_path):
    """A schedule sized in batches would end at three quarters of its height with four batches a step."""
    settings = Training(steps=8, warmup=0.25, learning_rate=1.0, accumulation=4)
    log = run(network(), tmp_path, settings, log_every=1)
    # After warm-up of 2 steps the rate is at its height, then falls by sixths.
    expected = [2 / 3, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0]
    assert log["lr"].tolist() == pytest.approx(expected)


def test_accumulation_equals_a_large_batch(tmp_path):
    """Two batches of four with averaged losses have the gradient of their eight."""
    one, two = network(0), network(0)
    first = run(one, tmp_path / "1", data=loader(8, shuffle=False))
    data = DataLoader(DATA[:16], batch_size=4)  # what the loader of eights reads, in halves
    second = run(two, tmp_path / "2", SETTINGS.changed(accumulation=2), data=data)
    torch.testing.assert_close(state(one), state(two))
    for column in ("loss", "gradient_norm"):  # Adam itself does not see how large a gradient is
        assert first[column].tolist() == pytest.approx(second[column].tolist())


def test_seed_decides_everything_random(tmp_path):
    """The same seed gives the same run, another seed another one."""
    runs = []
    for number, seed in enumerate([0, 0, 1]):
        model = network()
        run(model, tmp_path / str(number), seed=seed)
        runs.append(state(model))
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_log_holds_means_since_the_row_before(tmp_path):
    """A row of ten steps says what happened in ten steps, not in the last of them."""
    settings = Training(steps=6, learning_rate=0.1)
    each, three = (run(network(), tmp_path / str(every), settings, log_every=every) for every in (1, 3))
    assert three["step"].tolist() == [3, 6]
    assert three["loss"].tolist() == pytest.approx([each["loss"][:3].mean(), each["loss"][3:].mean()])
    assert read_log(tmp_path / "3") == three.to_dict("records")


def test_evaluation_is_logged_and_leaves_training_as_it_was(tmp_path):
    """Evaluation runs without dropout and must not change the weights that come after."""
    plain, evaluated = network(), network()
    modes = []

    def evaluate(model):
        modes.append((model.training, torch.is_grad_enabled()))
        return {"noise": float(torch.rand(()))}

    run(plain, tmp_path / "1")
    log = run(evaluated, tmp_path / "2", evaluate=evaluate, evaluate_every=5)
    assert modes == [(False, False)] * 3
    assert log.dropna()["step"].tolist() == [5, 10, 12]
    assert torch.equal(state(plain), state(evaluated))


def test_frozen_parameters_stay_and_norms_do_not_decay(tmp_path):
    """Weight decay changes matrices only; what needs no gradient is left alone."""
    model = network(0)
    model[0].requires_grad_(False)
    before, bias = state(model[0]).clone(), model[3].bias.detach().clone()

    def nothing(model, batch):
        return 0 * model(batch[0]).sum(), {}

    run(model, tmp_path, SETTINGS.changed(weight_decay=0.5), objective=nothing)
    assert torch.equal(before, state(model[0]))
    assert torch.equal(bias, model[3].bias.detach())
    assert model[3].weight.norm() < network(0)[3].weight.norm()


# Gradients that are not finite


def broken_in(*calls, value="gradient"):
    """An objective that in these calls has a gradient of NaN at a finite loss, or a loss that is not finite."""
    made = itertools.count(1)

    def counted(model, batch):
        loss, terms = objective(model, batch)
        if next(made) in calls:
            nothing = 0 * loss
            loss = loss + (nothing**2).sqrt() if value == "gradient" else loss * value
        return loss, terms

    return counted


def held(folder):
    """Every number of the weights and of the optimiser in the folder's checkpoint."""
    (checkpoint,) = folder.glob("checkpoint/*")
    return [z for path in checkpoint.glob("*.safetensors") for z in load_file(path).values()]


@pytest.mark.parametrize("value", ["gradient", math.nan, math.inf], ids=str)
@pytest.mark.parametrize("accumulation", [1, 2])
def test_steps_without_a_finite_gradient_change_nothing_and_are_counted(tmp_path, accumulation, value):
    """The first, one that saves and the last among them: the saved model was NaN, and every resumed run failed."""
    states, settings, skipped = [], SETTINGS.changed(save_every=3, accumulation=accumulation), {1, 5, 6, 12}
    model = network()

    def keep(model):
        states.append(state(model))
        return {}

    with pytest.warns(UserWarning, match="^train: 4 of 12 steps had no finite gradient and were skipped$") as warned:
        broken = broken_in(*(accumulation * step for step in skipped), value=value)
        log = run(model, tmp_path, settings, objective=broken, evaluate=keep, evaluate_every=1)
    assert len(warned) == 1
    before, of_steps = [state(network()), *states], [step in skipped for step in range(1, 13)]
    assert [torch.equal(*pair) for pair in itertools.pairwise(before)] == of_steps
    assert log["skipped"].tolist() == [*map(int, of_steps)] and skipped_steps(log) == 4
    assert log["loss"].isna().tolist() == log["gradient_norm"].isna().tolist() == of_steps
    assert [row["skipped"] for row in read_log(tmp_path)] == log["skipped"].tolist()
    assert state(model).isfinite().all() and all(z.isfinite().all() for z in held(tmp_path))


def test_means_are_those_of_the_steps_that_were_made(tmp_path):
    """A row of several steps is not spoilt by one of them."""
    each, four = (run(network(), tmp_path / str(every), objective=broken_in(6), log_every=every) for every in (1, 4))
    assert four["skipped"].tolist() == [0, 1, 0]
    for column in ("loss", "gradient_norm"):
        assert four[column].tolist() == pytest.approx([each[column][i : i + 4].mean() for i in (0, 4, 8)])


def test_a_run_resumed_after_a_skipped_step_equals_the_uninterrupted_one(tmp_path):
    """The count as well, which the log keeps."""
    settings = SETTINGS.changed(save_every=3)
    whole, resumed = network(), network()
    log = run(whole, tmp_path / "whole", settings, objective=broken_in(3, 8))
    broken, left = broken_in(3, 8), itertools.count(1)

    def killed(model, batch):
        if next(left) == 8:
            raise Killed
        return broken(model, batch)

    with pytest.raises(Killed):
        run(network(), tmp_path / "cut", settings, objective=killed)
    again = run(resumed, tmp_path / "cut", settings, objective=broken_in(2), resume=True)  # call 8 is 2 after step 6
    assert torch.equal(state(whole), state(resumed))
    assert again["skipped"].tolist() == log["skipped"].tolist() and skipped_steps(again) == 2


@pytest.mark.parametrize("value", ["gradient", math.nan], ids=str)
def test_ten_such_steps_in_a_row_end_the_training_and_their_batches_are_kept(tmp_path, value):
    """Nine do not; the checkpoint is a healthy one, from which the training goes on when the cause is mended."""
    settings = SETTINGS.changed(steps=40, save_every=4, accumulation=2)
    run(network(), tmp_path / "nine", settings, objective=broken_in(*range(11, 29, 2), value=value))
    seen = []

    def noted(model, batch):
        seen.append(batch)
        return broken(model, batch)

    broken = broken_in(*range(11, 99, 2), value=value)
    loss = "nan" if value != "gradient" else r"\d"
    message = rf"no finite gradient in 10 steps up to step 15, where the loss is {loss}.*lower learning_rate, now 0.01"
    with pytest.raises(FloatingPointError, match=message) as error:
        run(network(), tmp_path, settings, objective=noted)
    kept = torch.load(tmp_path / "skipped-0.pt")
    assert str(tmp_path / "skipped-0.pt") in str(error.value) and len(seen) == 30
    assert all(
        torch.equal(a, b) for batch, last in zip(kept, seen[-2:], strict=True) for a, b in zip(batch, last, strict=True)
    )
    assert all(z.isfinite().all() for z in held(tmp_path))
    log = run(network(), tmp_path, settings, resume=True)
    assert log["step"].iloc[-1] == 40 and not (tmp_path / "skipped-0.pt").exists()


def test_a_training_of_which_every_step_is_skipped_is_none(tmp_path):
    """A short one never has ten: its model would be the one it began with."""
    with pytest.raises(FloatingPointError, match="no finite gradient in 3 steps up to step 3"):
        run(network(), tmp_path, SETTINGS.changed(steps=3), objective=broken_in(1, 2, 3))


@pytest.mark.parametrize("save_every", [1, None])
def test_weights_that_overflow_are_not_saved(tmp_path, save_every):
    """A finite gradient may be too much for a weight."""

    def steep(model, batch):
        return model[3].bias.sum(), {}

    settings = SETTINGS.changed(steps=1, learning_rate=3e38, warmup=0.0, save_every=save_every)
    with pytest.raises(FloatingPointError, match="a weight or a mean of AdamW is not finite at step 1; lower"):
        run(network(), tmp_path, settings, objective=steep)
    assert not list(tmp_path.glob("checkpoint/*"))


def test_a_loss_that_is_not_finite_though_its_gradient_is_stops_the_run_before_it_is_saved(tmp_path):
    """Nothing is known of the model then."""

    def lost(model, batch):
        loss, terms = objective(model, batch)
        return loss + math.inf, terms

    with pytest.raises(FloatingPointError, match="the loss is inf at step 2; lower learning_rate"):
        run(network(), tmp_path, SETTINGS.changed(save_every=2), objective=lost)
    assert not list(tmp_path.glob("checkpoint/*"))


class OverflowsAbove(torch.autograd.Function):
    """The loss, whose gradient is infinite if the loss scale is above 2, as in fp16."""

    @staticmethod
    def forward(ctx, loss):
        return loss.clone()

    @staticmethod
    def backward(ctx, grad):
        return torch.where(grad > 2, math.inf, grad)


def test_steps_by_which_the_loss_scale_is_found_do_not_end_the_training(tmp_path, monkeypatch):
    """fp16 begins at a scale of 65536 and halves it at every overflow: here in 15 steps, which are skipped."""
    accelerate = trainer.new_accelerator

    def on_a_cpu(settings, *given):
        accelerator = accelerate(settings.changed(mixed_precision="no"), *given)
        accelerator.scaler, accelerator.native_amp = torch.amp.GradScaler("cpu"), True
        accelerator.state._mixed_precision = "fp16"
        return accelerator

    monkeypatch.setattr(trainer, "new_accelerator", on_a_cpu)

    def overflowing(model, batch):
        loss, terms = objective(model, batch)
        return OverflowsAbove.apply(loss), terms

    model, settings = network(), SETTINGS.changed(steps=40, mixed_precision="fp16")
    with pytest.warns(UserWarning, match="15 of 40 steps had no finite gradient and were skipped"):
        log = run(model, tmp_path, settings, objective=overflowing, log_every=1)
    assert log["skipped"].tolist() == [1] * 15 + [0] * 25
    assert not torch.equal(state(model), state(network())) and state(model).isfinite().all()

    # What is NaN at any scale is tried until the scale is 1, and then ends the training.
    with pytest.raises(FloatingPointError, match="no finite gradient in 10 steps up to step 26"):
        run(network(), tmp_path, settings, objective=broken_in(*range(99)))


def test_precisions_may_follow_each_other_in_one_process(tmp_path):
    """Accelerate keeps the first precision of a process; a notebook may train twice."""
    dtypes = []

    def note(model, batch):
        dtypes.append((batch[0] @ batch[0].T).dtype)
        return objective(model, batch)

    for precision in ("no", "bf16", "no"):
        model = network()
        run(model, tmp_path, SETTINGS.changed(mixed_precision=precision, steps=1), objective=note)
        assert model(DATA[0][0]).dtype == torch.float32
    assert dtypes == [torch.float32, torch.bfloat16, torch.float32]


def test_empty_loader_is_refused(tmp_path):
    """Fewer examples than a batch, with drop_last, would loop for ever."""
    with pytest.raises(ValueError, match="no batch"):
        run(network(), tmp_path, data=loader(batch_size=23))


# Failing writes


def test_full_disk_gives_one_error_and_loses_no_checkpoint(tmp_path, disk_with_room_for):
    """The checkpoint before the one that found no room is whole, and the run goes on from it."""
    settings = SETTINGS.changed(save_every=4)
    with pytest.raises(Killed):
        run(network(), tmp_path, settings, objective=killed_after(5))
    with (
        disk_with_room_for(1000),
        pytest.raises(OSError, match="step-8 could not be written .* free some space"),
    ):
        run(network(), tmp_path, settings, resume=True)
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-4"]

    whole, resumed = network(), network()
    run(whole, tmp_path / "whole", settings)
    run(resumed, tmp_path, settings, resume=True)
    assert torch.equal(state(whole), state(resumed))


def test_kill_in_the_middle_of_a_checkpoint_leaves_the_one_before(tmp_path):
    """A folder half written, and a log line cut short, are not taken for a checkpoint and a row."""
    settings = SETTINGS.changed(save_every=4)
    with pytest.raises(Killed):
        run(network(), tmp_path, settings, objective=killed_after(6))
    half = tmp_path / "checkpoint" / "step-8.tmp"
    shutil.copytree(tmp_path / "checkpoint" / "step-4", half)
    os.truncate(half / "model.safetensors", 10)
    (half / "optimizer.safetensors").unlink()
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('{"step": 8, "lo')

    whole, resumed = network(), network()
    log = run(whole, tmp_path / "whole", settings)
    again = run(resumed, tmp_path, settings, resume=True)
    assert torch.equal(state(whole), state(resumed))
    assert again["step"].tolist() == log["step"].tolist() == [4, 8, 12]
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["step-12"]
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [4, 8, 12]


def test_new_run_does_not_go_on_from_an_old_one(tmp_path):
    """Without resume the folder's checkpoints and log are those of this run only."""
    settings = SETTINGS.changed(save_every=4)
    run(network(), tmp_path, settings)
    with pytest.raises(Killed):
        run(network(), tmp_path, settings, objective=killed_after(2))
    assert read_log(tmp_path) == []
    assert not list(tmp_path.glob("checkpoint/*"))


class NoTokenizer:
    def save_pretrained(self, folder):
        (Path(folder) / "tokenizer.json").write_text("{}")


def tiny_bert():
    return BertModel(
        BertConfig(vocab_size=50, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    )


def test_model_loads_only_when_all_of_it_is_written(tmp_path, disk_with_room_for):
    """A save that fails half-way must not look like a model, nor harm the one that was there."""
    save_pretrained(tiny_bert(), NoTokenizer(), tmp_path)
    before = AutoModel.from_pretrained(tmp_path)
    with disk_with_room_for(10_000), pytest.raises(OSError, match="could not be written"):
        save_pretrained(tiny_bert(), NoTokenizer(), tmp_path)
    assert torch.equal(state(AutoModel.from_pretrained(tmp_path)), state(before))
    with disk_with_room_for(10_000), pytest.raises(OSError, match="could not be written"):
        save_pretrained(tiny_bert(), NoTokenizer(), tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_config_is_the_last_file_to_arrive(tmp_path, monkeypatch):
    """Nothing loads without config.json, so a kill between two files leaves nothing that looks finished."""
    moved = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (moved.append(Path(b).name), replace(a, b)))
    save_pretrained(tiny_bert(), NoTokenizer(), tmp_path)
    assert sorted(moved) == ["config.json", "model.safetensors", "tokenizer.json"]
    assert moved[-1] == "config.json"
    remove_checkpoints(tmp_path)  # nothing to remove is no error


# Several processes

SCRIPT = """
import sys
from contextlib import suppress
import torch
from otlib.training.trainer import is_main_process, process_count
sys.path.insert(0, sys.argv[2])
from test_trainer import DATA, SETTINGS, Killed, broken_in, killed_after, network, run, state
from torch.utils.data import DataLoader

model = network(0)
model.register_parameter("unused", torch.nn.Parameter(torch.zeros(3)))
data = DataLoader(DATA[:16], batch_size=4)
assert process_count() == 2
run(model, sys.argv[1] + "/run", SETTINGS.changed(save_every=4), data=data)
if is_main_process():
    torch.save([p.detach() for p in model.parameters()], sys.argv[1] + "/weights.pt")
# One of the two has a gradient of NaN: both skip the step.
model, rank = network(0), int(not is_main_process())
run(model, sys.argv[1] + "/nan", SETTINGS, data=data, objective=broken_in(5) if rank else broken_in())
torch.save([p.detach() for p in model.parameters()], f"{sys.argv[1]}/rank{rank}.pt")
# Killed in the tenth step of twelve, with dropout, and resumed.
whole, resumed = network(), network()
for folder, model in (("whole", whole), ("cut", resumed)):
    killed = folder == "cut"
    if killed:
        with suppress(Killed):
            run(network(), sys.argv[1] + "/cut", SETTINGS.changed(save_every=4), data=data, objective=killed_after(9))
    run(model, f"{sys.argv[1]}/{folder}", SETTINGS.changed(save_every=4), data=data, resume=killed)
torch.save([state(whole), state(resumed)], f"{sys.argv[1]}/resumed{rank}.pt")
"""


@pytest.mark.slow
def test_two_processes_equal_one_with_batches_twice_as_large(tmp_path):
    """Other batches on every process, one gradient; parameters that nothing uses do no harm."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command += [str(script), str(tmp_path), str(Path(__file__).parent)]
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true", "PYTHONPATH": root}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]

    one = network(0)
    log = run(one, tmp_path / "one", data=DataLoader(DATA[:16], batch_size=8))
    two = [p for p in torch.load(tmp_path / "weights.pt") if p.shape != (3,)]
    torch.testing.assert_close(two, [p.detach() for p in one.parameters()])
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1)]
    assert all(torch.equal(a, b) and a.isfinite().all() for a, b in zip(*ranks, strict=True))
    assert [row["skipped"] for row in read_log(tmp_path / "nan")] == [0, 1, 0]
    resumed = [weights for rank in (0, 1) for weights in torch.load(tmp_path / f"resumed{rank}.pt")]
    assert all(torch.equal(weights, resumed[0]) for weights in resumed)
    assert read_log(tmp_path / "cut")[-1]["loss"] == read_log(tmp_path / "whole")[-1]["loss"]
    losses = [row["loss"] for row in read_log(tmp_path / "run")]
    assert losses == pytest.approx(log["loss"].tolist())
    with pytest.raises(ValueError, match="was written by 2 processes and this training has 1"):
        run(one, tmp_path / "run", data=DataLoader(DATA[:16], batch_size=8), resume=True)


def test_a_training_that_was_copied_with_its_record_is_finished(tmp_path):
    """A copy's files have the times of copying: the notebook trained again what it should have shown."""
    for name, text in (("config.json", "{}"), ("log.jsonl", '{"step": 3}\n')):
        (tmp_path / name).write_text(text)
    os.utime(tmp_path / "config.json", (1, 1))
    assert finished_log(tmp_path, 3) is None
    (tmp_path / "run.json").write_text("{}")
    assert finished_log(tmp_path, 3)["step"].tolist() == [3]
    assert finished_log(tmp_path, 4) is None
