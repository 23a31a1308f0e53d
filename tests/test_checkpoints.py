"""Checkpoints: whole or not there after a kill, checked when they are read, and read without running their code."""

import builtins
import io
import itertools
import json
import os
import pickle
import re
import shutil
import warnings
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch
from safetensors.torch import load_file, save_file
from test_trainer import SETTINGS, Killed, OverflowsAbove, killed_after, network, objective, run, state
from torch import nn

import otlib.record
from otlib.provenance import sha256
from otlib.record import remove, running
from otlib.training import trainer
from otlib.training.trainer import finished_log, read_log, remove_checkpoints, save_pretrained

SETTINGS = SETTINGS.changed(steps=6, save_every=2)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The collection of garbage after each training takes ten times as long as these trainings."""
    monkeypatch.setattr("gc.collect", lambda: 0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Weights and log of the uninterrupted training."""
    model = network()
    log = run(model, tmp_path_factory.mktemp("whole"), SETTINGS, log_every=1)
    return SimpleNamespace(weights=state(model), losses=log["loss"].tolist())


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Folder of a training that was killed in its sixth step, with the checkpoint before the last as well."""
    folder = tmp_path_factory.mktemp("killed")
    with pytest.raises(Killed):
        run(network(), folder, SETTINGS, objective=killed_after(3), log_every=1)
    older = shutil.copytree(folder / "checkpoint/step-2", folder / "older")
    with pytest.raises(Killed):
        run(network(), folder, SETTINGS, objective=killed_after(3), resume=True, log_every=1)
    assert [path.name for path in (folder / "checkpoint").iterdir()] == ["step-4"]
    older.rename(folder / "checkpoint/step-2")
    return folder


def resumed_from(folder, whole):
    """The step that a training goes on from; its end must be that of the uninterrupted one."""
    model, steps = network(), []

    def counted(model, batch):
        steps.append(1)
        return objective(model, batch)

    log = run(model, folder, SETTINGS, objective=counted, resume=True, log_every=1)
    assert torch.equal(state(model), whole.weights) and log["loss"].tolist() == whole.losses
    assert [path.name for path in (folder / "checkpoint").glob("step-*[0-9]")] == ["step-6"]
    return SETTINGS.steps - len(steps)


def test_a_checkpoint_is_safetensors_and_json(killed):
    """Neither can hold code; a pickle can, even where only weights are to be read from it."""
    names = {path.name for path in (killed / "checkpoint/step-4").iterdir()}
    assert names == {"model.safetensors", "optimizer.safetensors", "state.json", "log.jsonl", "manifest.json"}


# Damage


def cut(name):
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size // 2)


def emptied(name):
    return lambda folder: os.truncate(folder / name, 0)


def lost(name):
    return lambda folder: (folder / name).unlink()


def flipped(name, place=-1):
    def flip(folder):
        content = bytearray((folder / name).read_bytes())
        content[place] ^= 1
        (folder / name).write_bytes(content)

    return flip


def a_file(folder):
    shutil.rmtree(folder)
    folder.write_text("")


def without_files(folder):
    shutil.rmtree(folder)
    folder.mkdir()


DAMAGES = {
    "emptied weights": (emptied("model.safetensors"), r"has 0 bytes in model.safetensors, where \d+ were written"),
    "cut optimiser": (cut("optimizer.safetensors"), r"has \d+ bytes in optimizer.safetensors, where \d+ were written"),
    "flipped weight": (flipped("model.safetensors"), "has other bytes in model.safetensors than were written"),
    "flipped moment": (flipped("optimizer.safetensors"), "has other bytes in optimizer.safetensors than were written"),
    "flipped state": (flipped("state.json", 13), "has other bytes in state.json than were written"),
    "flipped digest": (flipped("manifest.json", 60), "has other bytes in model.safetensors than were written"),
    "cut manifest": (cut("manifest.json"), "has a damaged manifest.json"),
    "another manifest": (lambda folder: (folder / "manifest.json").write_text("[1]"), "has a damaged manifest.json"),
    "half deleted": (lost("state.json"), "has no state.json"),
    "without files": (without_files, "has no manifest.json, as one of an earlier version"),
    "a file": (a_file, r"cannot be read \(.*Not a directory.*\)"),
}


@pytest.mark.parametrize(("damage", "reason"), DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_passed_over_with_one_warning(tmp_path, killed, whole, damage, reason):
    """For the one before it, which is there after a kill between the two, or for the beginning."""
    folder = shutil.copytree(killed, tmp_path / "run")
    damage(folder / "checkpoint/step-4")
    said = rf"^{re.escape(str(folder))}/checkpoint: step-4 {reason}: the training goes on from step-2$"
    with pytest.warns(UserWarning, match=said) as warned:
        assert resumed_from(folder, whole) == 2
    assert len(warned) == 1

    folder = shutil.copytree(killed, tmp_path / "again")
    damage(folder / "checkpoint/step-4")
    flipped("model.safetensors")(folder / "checkpoint/step-2")
    with pytest.warns(UserWarning, match=f"step-4 {reason}; step-2 has other .*: the training begins again$") as warned:
        assert resumed_from(folder, whole) == 0
    assert len(warned) == 1


def test_what_is_no_checkpoint_by_its_name_is_named_and_stays(tmp_path, killed, whole):
    folder = shutil.copytree(killed, tmp_path / "run")
    for name in ("step-abc", "step-", "step-9.tmp", "step-9.old"):
        (folder / "checkpoint" / name).mkdir()
    said = (
        "checkpoint: step- has no number of steps in its name; step-abc has no number of steps in its name: the "
        "training goes on from step-4$"
    )
    with pytest.warns(UserWarning, match=said):
        assert resumed_from(folder, whole) == 4
    assert sorted(path.name for path in (folder / "checkpoint").iterdir()) == ["step-", "step-6", "step-abc"]


@pytest.mark.parametrize(
    "damage", [lost, emptied, cut, lambda name: flipped(name, 0)], ids=lambda damage: damage.__name__
)
def test_a_damaged_log_is_that_of_the_checkpoint_again(tmp_path, killed, whole, damage):
    """A power cut may take the rows that were not yet on the disk."""
    folder = shutil.copytree(killed, tmp_path / "run")
    damage("log.jsonl")(folder)
    assert len(read_log(folder)) < 4
    assert resumed_from(folder, whole) == 4


def test_a_checkpoint_of_another_model_is_refused(tmp_path, killed):
    """As of another layer width, which no fallback mends."""
    folder = shutil.copytree(killed, tmp_path / "run")
    wider = nn.Sequential(nn.Linear(4, 65), nn.Tanh(), nn.Dropout(0.3), nn.Linear(65, 1))
    with pytest.raises(ValueError, match=r"step-4 is of another model \(.*size mismatch.*\): delete that checkpoint"):
        run(wider, folder, SETTINGS, resume=True)


# Code


class Code:
    """Pickled, it makes a file when it is loaded."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


PICKLES = ["custom_checkpoint_0.pkl", "random_states_0.pkl", "scheduler.bin", "scaler.pt", "sampler.bin"]
PICKLES += ["optimizer.bin", "pytorch_model.bin", "model.safetensors", "optimizer.safetensors"]


@pytest.fixture
def planted(tmp_path, killed):
    """A folder whose checkpoint is full of pickles, and the file that they make when they are loaded."""
    folder, mark = shutil.copytree(killed, tmp_path / "run"), tmp_path / "executed"
    code = pickle.dumps(Code(mark))
    pickle.loads(code)
    assert mark.exists()
    mark.unlink()
    for name in PICKLES:
        (folder / "checkpoint/step-4" / name).write_bytes(code)
    return folder, mark


def test_no_code_in_a_checkpoint_is_executed(planted, killed, whole):
    """Accelerate loads the state of what is registered from pickles, whatever is in them."""
    folder, mark = planted
    for name in ("model.safetensors", "optimizer.safetensors"):
        shutil.copy(killed / "checkpoint/step-4" / name, folder / "checkpoint/step-4")
    assert resumed_from(folder, whole) == 4 and not mark.exists()


def test_no_code_in_place_of_weights_is_executed(planted):
    """Not even if the manifest vouches for it."""
    folder, mark = planted
    checkpoint = folder / "checkpoint/step-4"
    manifest = {
        path.name: {"bytes": path.stat().st_size, "sha256": sha256(path)} for path in sorted(checkpoint.iterdir())
    }
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"step-4 is of another model \(.*header.*\): delete that checkpoint"):
        run(network(), folder, SETTINGS, resume=True)
    assert not mark.exists()


def test_no_code_in_an_earlier_versions_checkpoint_is_executed(planted, whole):
    folder, mark = planted
    for path in (folder / "checkpoint/step-4").glob("*.json"):
        path.unlink()
    with pytest.warns(UserWarning, match="step-4 has no manifest.json, as one of an earlier version: .* from step-2$"):
        assert resumed_from(folder, whole) == 2
    assert not mark.exists()


# Precisions


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_a_resumed_run_in_half_precision_equals_the_uninterrupted_one(tmp_path, monkeypatch, precision):
    """In fp16 the loss scale, and the count of steps until it grows, decide which steps are skipped."""
    accelerate = trainer.new_accelerator

    def on_a_cpu(settings, *given):
        accelerator = accelerate(settings.changed(mixed_precision="no"), *given)
        accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=3)
        accelerator.native_amp, accelerator.state._mixed_precision = True, "fp16"
        return accelerator

    if precision == "fp16":
        monkeypatch.setattr(trainer, "new_accelerator", on_a_cpu)

    def overflowing(left):
        left = itertools.count(left, -1)

        def counted(model, batch):
            if not next(left):
                raise Killed
            loss, terms = objective(model, batch)
            return OverflowsAbove.apply(loss), terms

        return counted

    settings = SETTINGS.changed(steps=14, save_every=4, mixed_precision=precision)
    models = [network(), network()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of steps that are skipped
        log = run(models[0], tmp_path / "whole", settings, objective=overflowing(-1), log_every=1)
        with pytest.raises(Killed):
            run(network(), tmp_path / "cut", settings, objective=overflowing(10), log_every=1)
        again = run(models[1], tmp_path / "cut", settings, objective=overflowing(-1), resume=True, log_every=1)
    assert torch.equal(state(models[0]), state(models[1]))
    columns = ["step", "loss", "skipped", "gradient_norm", "lr"]
    assert again[columns].equals(log[columns])
    assert precision == "bf16" or log["skipped"].tolist() == [1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]


# Kills and power cuts


class Dead(BaseException):
    """The process has been killed."""


@contextmanager
def killed_after_changes(number):
    """The process dies after so many changes to the disk, and makes none from then on; yields those it made.

    What it dies of writing stays half written.
    """
    made = []

    def changing(function, stop=lambda result, *given: None, changes=lambda *given: True):
        def change(*given, **options):
            if not changes(*given, *options.values()):
                return function(*given, **options)
            if len(made) == number:
                raise Dead
            result = function(*given, **options)
            made.append(function.__name__)
            if len(made) == number:
                stop(result, *given)
                raise Dead
            return result

        return change

    def writes(_path, mode="r", *_):
        return isinstance(mode, str) and any(letter in mode for letter in "wax+")

    opening = changing(open, stop=lambda file, *_: file.close(), changes=writes)
    halving = changing(
        safetensors.torch.serialize_file, stop=lambda _, tensors, path: os.truncate(path, os.path.getsize(path) // 2)
    )
    with pytest.MonkeyPatch.context() as patch:
        for name in ("replace", "rename", "unlink", "rmdir", "mkdir", "fsync"):
            patch.setattr(os, name, changing(getattr(os, name)))
        patch.setattr(builtins, "open", opening)
        patch.setattr(io, "open", opening)
        patch.setattr(safetensors.torch, "serialize_file", halving)
        yield made


class Encoder:
    """A model and its tokenizer, as far as saving goes."""

    def __init__(self, model):
        self.model = model

    def save_pretrained(self, folder):
        save_file(self.model.state_dict(), folder / "model.safetensors")
        (folder / "config.json").write_text("{}")


def run_to_its_end(folder, steps=2):
    """What a notebook of the study does: train with checkpoints, save the model, write the record."""
    with running(folder, {"steps": steps}) as record:
        if not (record.resumes and finished_log(folder, steps) is not None):
            model, nothing = network(), SimpleNamespace(save_pretrained=lambda folder: None)
            settings = SETTINGS.changed(steps=steps, save_every=1)
            run(model, folder, settings, resume=record.resumes, log_every=1, description="")
            save_pretrained(Encoder(model), nothing, folder)
            remove_checkpoints(folder)
        record.finish()


def test_after_a_kill_at_any_change_to_the_disk_the_run_goes_on_to_the_same_end(tmp_path, monkeypatch):
    """A checkpoint half deleted once blocked every later run. No kill leaves anything that must be warned of."""
    monkeypatch.setattr(otlib.record, "provenance", lambda *given: {})

    def fsync(descriptor):
        """Counts, and takes no time."""

    monkeypatch.setattr(os, "fsync", fsync)
    warnings.simplefilter("error")
    with killed_after_changes(-1) as made:
        run_to_its_end(tmp_path / "whole")
    expected = load_file(tmp_path / "whole/model.safetensors")
    log = [row["loss"] for row in read_log(tmp_path / "whole")]
    assert {"open", "serialize_file", "replace", "unlink", "rmdir", "mkdir", "fsync"} <= {*made} and len(made) > 60
    for number in range(1, len(made)):
        folder = tmp_path / str(number)
        with pytest.raises(Dead), killed_after_changes(number):
            run_to_its_end(folder)
        run_to_its_end(folder)
        found = load_file(folder / "model.safetensors")
        assert all(torch.equal(found[name], expected[name]) for name in expected), number
        assert [row["loss"] for row in read_log(folder)] == log and (folder / "run.json").exists(), number
        assert not (folder / "checkpoint").exists(), number


def test_a_folder_is_removed_as_a_whole(tmp_path):
    """Half a checkpoint must not bear the name of one."""
    names = [*"abc"]
    for number in range(1, 6):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name in names:
            (folder / name).touch()
        with killed_after_changes(number), pytest.raises(Dead):
            remove(folder)
        assert not folder.exists()
        remove(folder.with_name(f"{number}.old"))  # what the kill left
    assert not list(tmp_path.iterdir())


def test_what_gets_its_name_is_on_the_disk(tmp_path, monkeypatch):
    """A power cut would else leave a name without the bytes."""
    synced, named, fsync, replace = set(), [], os.fsync, os.replace

    def content(path):
        return os.stat(path).st_ino, os.stat(path).st_size

    def noted(descriptor):
        synced.add(content(descriptor))
        fsync(descriptor)

    def checked(source, target):
        if not str(target).endswith(".old"):
            named.append(Path(target).name)
            for path in [Path(source), *Path(source).glob("*")]:
                assert content(path) in synced, path
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", checked)
    run_to_its_end(tmp_path / "run")
    assert {"step-1", "step-2", "manifest.json", "model.safetensors", "config.json", "run.json"} <= {*named}
