"""A run's record is whole or not there; what a run with other settings has left is never taken for this one's."""

import errno
import hashlib
import json
import os
import re
import shutil
import subprocess
from contextlib import nullcontext
from datetime import datetime, timezone

import pandas as pd
import pytest

import otlib.provenance
from otlib.provenance import file_hash, git_state, hashes, weights
from otlib.record import (
    ROOT,
    begin,
    first_line,
    read_csv,
    running,
    shown,
    write_csv,
    write_results,
    write_run,
    write_text,
)


def test_provenance_names_parameters_commit_versions_hardware_data_and_time(tmp_path):
    data = tmp_path / "data.txt"
    data.write_text("abc")
    started = datetime.now(timezone.utc)
    path = write_run(tmp_path, parameters={"steps": 3}, started=started, data=[data], counts={"kept": 1})
    record = json.loads(path.read_text())
    assert record["parameters"] == {"steps": 3}
    assert record["counts"] == {"kept": 1}
    assert record["packages"]["torch"].startswith("2.")
    assert record["hardware"]["cpus"] >= 1
    assert record["started"] <= record["finished"]
    assert record["peak_memory_mib"] > 10
    # SHA-256 of "abc", from FIPS 180-2, appendix B.1.
    assert record["data"][str(data)].startswith("ba7816bf8f01cfea414140de5dae2223")


def test_provenance_outside_a_git_checkout_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("otlib.provenance.ROOT", tmp_path)
    record = json.loads(write_run(tmp_path, parameters={}, started=datetime.now(timezone.utc)).read_text())
    assert record["git"] is None


def test_a_file_that_git_does_not_know_makes_a_run_dirty_where_it_may_change_one(tmp_path, monkeypatch):
    """New code, a new notebook or study was not seen; what a run itself writes changes nothing."""
    monkeypatch.setattr("otlib.provenance.ROOT", tmp_path)
    for name in ("otlib/record.py", "params/demo.yaml", "notebooks/a.ipynb", "README.md"):
        write_text(tmp_path / name, "committed")
    write_text(tmp_path / ".gitignore", "*.tmp\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    assert git_state()["dirty"] is False and len(git_state()["commit"]) == 40
    for name in ("outputs/demo/run.json", "notes.txt", "otlib/new.tmp"):
        write_text(tmp_path / name, "new")
    assert git_state()["dirty"] is False
    for name in ("otlib/new.py", "params/own.yaml", "notebooks/new.ipynb", "README.md"):
        path = tmp_path / name
        write_text(path, "changed")
        assert git_state()["dirty"] is True, name
        path.unlink() if name != "README.md" else None
    assert git_state()["dirty"] is True


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("\x1b[31m\x1b[1m\n the \x1b[0mreason \nmore", "the reason"),
        ("\u200b\u2028\ufeff \nthe reason", "the reason"),
        ("\x1b[0m\n\u200b", "it gives no reason"),
        (OSError(), "it gives no reason"),
    ],
)
def test_a_reason_is_what_is_seen_of_a_message(message, reason):
    assert first_line(message) == reason


def test_a_write_that_fails_leaves_the_old_file(tmp_path, disk_with_room_for):
    # A full disk in the middle of writing must not cost the result that was there.
    path = write_text(tmp_path / "results.csv", "old")
    with disk_with_room_for(1000), pytest.raises(OSError, match="results.csv could not be written .* free some space"):
        write_text(path, "new" * 1000)
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("error", "written"), [(errno.EINVAL, True), (errno.EIO, False)])
def test_only_a_file_system_that_cannot_say_whether_it_is_written_is_believed(tmp_path, monkeypatch, error, written):
    """Some have no fsync of folders; a disk that fails is another matter."""

    def fsync(descriptor):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "fsync", fsync)
    with nullcontext() if written else pytest.raises(OSError, match="could not be written .*Input/output error"):
        write_text(tmp_path / "results.csv", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"][: int(written)]


# --- tables -------------------------------------------------------------------------------------------------

TEXTS = [
    *("a\rb", "\r", "a\nb", "a\r\nb", 'say "a"', '"', "a,b", "a\0b", "\t", "\\n", "'"),  # what ends or quotes a field
    *("", "NA", "N/A", "<NA>", "null", "nan", "None", "-inf", "#N/A"),  # what pandas takes for missing
    *("007", "1e5", "1_000", "-1", "0x1f", "True", "2020-01-01", "=1+1", "#c"),  # for a number, a date, a formula
    *(" lead", "trail ", "\u00a0", "\u2028", "\x85", "\x0b\x1c", "\ufeffbom", "汉字", "\ud800", "x" * 200_000),
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:9]))
def test_a_table_gives_back_the_text_that_was_written(tmp_path, text):
    """An answer with a lone carriage return ended its row on most Pythons; one of "NA" was missing."""
    column = pd.Series([text, "other", text], dtype=object)
    table = pd.DataFrame({"id": column, "predicted": column, "f1": 0.1 + 0.2, "seed": 7})
    read = read_csv(write_csv(tmp_path / "predictions.csv", table))
    assert read.astype(object).equals(table.astype(object))
    assert read["f1"].dtype == float and read["seed"].dtype == int
    alone = read_csv(write_csv(tmp_path / "predictions.csv", table.loc[[0, 2], ["id"]]))
    assert alone["id"].tolist() == [text, text]


def test_an_ordinary_table_is_written_as_pandas_does(tmp_path):
    table = pd.DataFrame({"text": ["a", "b, c", 'd "e"', None], "x": [0.1, 1e-7, 1e22, float("nan")], "y": [True] * 4})
    table["n"] = [1, -2, 3, 0]
    assert write_csv(tmp_path / "table.csv", table).read_text() == table.to_csv(index=False)


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "id,f1\na,x\n",
        "id,f1\na\nb,0.5\n",
        "id,f1\na,0.5,1\n",
        "id,f1\na,0.5\nb,0.5,1\n",
        'id,f1\n"a,0.5\n',
        "id,seed\na,\n",
    ],
)
def test_a_damaged_table_is_named_with_the_mend(tmp_path, damage):
    path = write_text(tmp_path / "predictions.csv", damage)
    with pytest.raises(ValueError, match=r"predictions.csv is damaged \(.*\): remove the folder .* by make study"):
        read_csv(path)


def test_tables_are_written_and_read_in_one_place():
    """Each reader once had its own idea of what is missing and what is a number."""
    for path in [*ROOT.glob("otlib/**/*.py"), *ROOT.glob("notebooks/*.ipynb")]:
        found = re.search(r"\.to_csv\(|pd\.read_csv\(", path.read_text(encoding="utf-8"))
        assert not found or path.name == "record.py", path


# --- a run from its beginning to its end --------------------------------------------------------------------


def scores(value=0.5, language="de"):
    return pd.DataFrame({"language": [language], "metric": ["accuracy"], "value": [value]})


COLUMNS = {"study": "tiny", "method": "none", "seed": 0, "task": "nli"}


@pytest.fixture
def text(tmp_path):
    return write_text(tmp_path / "text.txt", "one")


def finish(folder, parameters, inputs=()):
    with running(folder, parameters, inputs, COLUMNS) as run:
        write_text(folder / "checkpoint/step-3", "weights")
        run.finish(scores(), pd.DataFrame({"item": [1]}), counts={"read": 5})
    return run


def test_a_finished_run_has_its_results_its_predictions_and_a_record_of_everything_it_was_given(tmp_path, text):
    folder = tmp_path / "run"
    finish(folder, {"steps": 3, "clip": 1.0}, [text])
    assert sorted(path.name for path in folder.iterdir()) == [
        "parameters.json",
        "predictions.csv",
        "results.csv",
        "run.json",
    ]
    record = json.loads((folder / "run.json").read_text())
    assert record["parameters"] == {"steps": 3, "clip": 1.0} and record["counts"] == {"read": 5}
    assert list(record["data"]) == [str(text)]
    assert (
        pd.read_csv(folder / "results.csv").to_dict("records")[0] | COLUMNS
        == pd.read_csv(folder / "results.csv").to_dict("records")[0]
    )


def test_a_run_with_the_same_parameters_and_inputs_resumes_and_says_from_where(tmp_path, text, capsys):
    folder = tmp_path / "run"
    with pytest.raises(KeyError), running(folder, {"steps": 3}, [text]) as run:
        assert not run.resumes
        for name in ("step-3", "step-20", "step-30.tmp", "step-x1"):
            write_text(folder / "checkpoint" / name / "manifest.json", "{}")
        write_text(folder / "checkpoint/step-40/weights", "of an earlier version")
        raise KeyError("a crash")
    with running(folder, {"steps": 3}, [text]) as run:
        assert run.resumes and (folder / "checkpoint/step-20/manifest.json").exists()
        run.finish()
    assert not (folder / "checkpoint").exists()
    said = capsys.readouterr().out.splitlines()
    assert "begins, for it was not run before" in said[0] and "goes on from step 20" in said[1]


def test_an_encoder_that_is_trained_is_shown_and_its_record_stays(tmp_path, text, capsys):
    """A new record, of notebook 10 run by hand, made the tasks and the report out of date."""
    folder = tmp_path / "run"
    with running(folder, {"steps": 3}, [text]) as run:
        for name in ("config.json", "model.safetensors"):
            write_text(folder / name, "{}")
        record = run.finish(losses=1)
    first = record.read_bytes()
    with running(folder, {"steps": 3}, [text]) as run:
        run.finish(losses=2)
    assert record.read_bytes() == first
    assert "trained before and is shown as it is; to train anew, remove this folder" in capsys.readouterr().out
    with running(folder, {"steps": 3}, [text], COLUMNS) as run:  # results are of today
        run.finish(pd.DataFrame({"language": ["de"], "metric": ["accuracy"], "value": [1.0]}))
    assert (folder / "results.csv").exists() and record.read_bytes() != first


@pytest.mark.parametrize(
    ("parameters", "changed_text", "reason"),
    [
        ({"steps": 4, "clip": 1.0}, "one", "for steps was 3 and is 4"),
        ({"steps": 3, "clip": 1.0, "new": None}, "one", "by another version"),
        ({"steps": 3, "clip": 1.0}, "two", "text.txt has changed"),
    ],
)
def test_whatever_differs_makes_a_run_out_of_date_and_removes_what_it_left(
    tmp_path, text, capsys, parameters, changed_text, reason
):
    """A kill, or a setting refused later, must not hand out the old result as the new one."""
    folder = tmp_path / "run"
    finish(folder, {"steps": 3, "clip": 1.0}, [text])
    for name in ("log.jsonl", "config.json", "links/x.arrow", "checkpoint/step-1/x", "checkpoint.old/step-1/x"):
        write_text(folder / name, "old")
    write_text(folder / "notes.txt", "mine")
    write_text(text, changed_text)
    with pytest.raises(KeyError), running(folder, parameters, [text]) as run:
        assert not run.resumes
        raise KeyError
    assert sorted(path.name for path in folder.iterdir()) == ["notes.txt", "parameters.json"]
    assert reason in capsys.readouterr().out


def test_a_run_that_died_leaves_nothing_that_looks_finished(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(ValueError, match="accuracy of de is not a number"), running(folder, {}, (), COLUMNS) as run:
        run.finish(scores(float("nan")))
    assert not (folder / "run.json").exists() and not (folder / "results.csv").exists()


def test_a_block_without_a_result_is_refused(tmp_path):
    with pytest.raises(RuntimeError, match=r"run.finish\(...\)"), running(tmp_path / "run", {}):
        pass


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_a_damaged_record_begins_anew(tmp_path, text):
    """A power cut leaves an empty file; the run must not fail for ever."""
    begin(tmp_path, {"a": 1})
    write_text(tmp_path / "parameters.json", text)
    write_text(tmp_path / "results.csv", "old")
    assert begin(tmp_path, {"a": 1}) == "for its parameters.json is damaged"
    assert not (tmp_path / "results.csv").exists() and begin(tmp_path, {"a": 1}) is None


def test_begin_tells_nothing_when_nothing_changed_and_touches_nothing(tmp_path):
    assert begin(tmp_path, {"a": 1}) == "for it was not run before"
    write_text(tmp_path / "run.json", "{}")
    assert begin(tmp_path, {"a": 1}) is None
    assert (tmp_path / "run.json").exists()


def test_a_default_that_changes_in_the_code_makes_old_runs_out_of_date(tmp_path, monkeypatch):
    """Defaults were once not recorded: a run of yesterday's default was resumed as one of today's."""
    from otlib.settings import Nli

    assert begin(tmp_path, Nli(steps=5).model_dump(mode="json"))
    assert begin(tmp_path, Nli(steps=5).model_dump(mode="json")) is None

    class Changed(Nli):
        clip: float = 0.5

    assert begin(tmp_path, Changed(steps=5).model_dump(mode="json")) == "for clip was 1.0 and is 0.5"


def test_results_without_a_column_or_value_are_refused(tmp_path):
    with pytest.raises(ValueError, match="'method'"):
        write_results(tmp_path, scores(), study="tiny", seed=0, task="nli")
    with pytest.raises(ValueError, match="accuracy of de"):
        write_results(tmp_path, scores(float("nan")), study="tiny", method="none", seed=0, task="nli")
    assert not list(tmp_path.iterdir())


# --- encoders -----------------------------------------------------------------------------------------------


def trained(folder, text="weights"):
    """A finished run that has left an encoder."""
    with running(folder, {"steps": 1}) as run:
        write_text(folder / "model.safetensors", text)
        run.finish()
    return folder


def told(folder):
    return json.loads((folder / "run.json").read_text())


def test_a_run_tells_the_weights_that_it_started_from_and_those_that_it_left(tmp_path):
    """run.json had no hash of the encoder: nothing told one from another."""
    aligned = trained(tmp_path / "aligned")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert told(aligned)["weights"]["model.safetensors"]["sha256"] == digest and "started_from" not in told(aligned)
    with running(tmp_path / "nli", {}, [aligned / "run.json"], encoder=aligned) as run:
        run.finish()
    assert told(tmp_path / "nli")["started_from"] == {"model.safetensors": digest}
    assert "weights" not in told(tmp_path / "nli")


def test_weights_of_a_name_on_the_hub_are_those_in_its_cache(tmp_path, monkeypatch):
    write_text(tmp_path / "snapshot/model.safetensors", "weights")
    config = str(write_text(tmp_path / "snapshot/config.json", "{}"))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda name, file: name == "a/b" and config or None)
    assert hashes(weights("a/b")) == {"model.safetensors": hashlib.sha256(b"weights").hexdigest()}
    assert weights("a/unread") == {}


def test_weights_that_have_changed_are_not_taken_for_those_that_were_trained(tmp_path, capsys):
    """Their own run begins again, and none starts from them."""
    aligned = trained(tmp_path / "aligned")
    write_text(aligned / "model.safetensors", "others!")  # as long
    with (
        pytest.raises(
            ValueError, match="aligned: model.safetensors has changed since it was made: run the study again"
        ),
        running(tmp_path / "nli", {}, [aligned / "run.json"], encoder=aligned),
    ):
        pass
    assert not (tmp_path / "nli").exists()
    assert not trained(aligned).joinpath("checkpoint").exists()
    assert "aligned: begins, for model.safetensors has changed" in capsys.readouterr().out
    assert begin(aligned, {"steps": 1}) is None
    (aligned / "model.safetensors").unlink()
    assert begin(aligned, {"steps": 1}) == "for model.safetensors has changed"


def test_an_encoder_that_is_recorded_anew_with_the_same_weights_lets_what_was_begun_of_it_go_on(tmp_path):
    """Its record has a date: a task at its last step began from nothing."""
    aligned = trained(tmp_path / "aligned")
    begin(tmp_path / "nli", {}, [aligned / "run.json"])
    before = (aligned / "run.json").read_bytes()
    write_run(aligned, parameters={}, started=datetime.now(timezone.utc), weights=weights(aligned), seconds_more=1)
    assert (aligned / "run.json").read_bytes() != before
    assert begin(tmp_path / "nli", {}, [aligned / "run.json"]) is None
    write_text(aligned / "tokenizer.json", "another")
    assert "run.json has changed" in begin(tmp_path / "nli", {}, [aligned / "run.json"])
    trained(aligned, "others")
    assert "run.json has changed" in begin(tmp_path / "nli", {}, [aligned / "run.json"])


def test_a_run_that_a_version_before_began_goes_on(tmp_path):
    """An encoder was named by the bytes of its record."""
    mark = trained(tmp_path / "aligned") / "run.json"
    begin(tmp_path / "nli", {"a": 1}, [mark])
    written = {"parameters": {"a": 1}, "data": {shown(mark): file_hash(mark)}}
    write_text(tmp_path / "nli/parameters.json", json.dumps(written))
    assert begin(tmp_path / "nli", {"a": 1}, [mark]) is None
    assert begin(tmp_path / "nli", {"a": 2}, [mark]) == "for a was 1 and is 2"


def test_large_files_are_hashed_once(tmp_path, monkeypatch):
    """The weights of many encoders are read by many runs; by size and time they are known, and a copy by its bytes."""
    aligned = trained(tmp_path / "aligned")
    copy = shutil.copytree(aligned, tmp_path / "copy", copy_function=shutil.copyfile)
    read = []
    monkeypatch.setattr(
        otlib.provenance, "sha256", lambda path: read.append(path) or hashlib.sha256(b"weights").hexdigest()
    )
    for folder, times in ((aligned, 0), (copy, 1), (copy, 1)):
        assert begin(tmp_path / "nli", {"a": str(folder), "n": len(read)}, [folder / "run.json"])
        assert len([path for path in read if path.suffix == ".safetensors"]) == times
    text = write_text(tmp_path / "text.txt", "one")
    assert file_hash(text) and file_hash(text) and read[-2:] == [text, text]


def test_a_run_without_its_inputs_is_refused_with_the_mend(tmp_path):
    """A notebook opened before those that make what it reads."""
    with (
        pytest.raises(FileNotFoundError, match=r"aligned/run.json is not there: .*make study"),
        running(tmp_path / "nli", {}, [tmp_path / "aligned/run.json"]),
    ):
        pass
    assert not (tmp_path / "nli").exists()
