"""What a study would run, told before anything is fetched or trained: settings, jobs, data, disk, steps, hours.

``make plan STUDY=paper/table2`` prints it. It needs no network: the hours come from a few steps of the trainer with
random weights on the machine at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from transformers import AutoConfig, AutoModel

from otlib.data.sources import corpora_of
from otlib.record import first_line, shown
from otlib.settings import PIVOT, CorporaData, Hub
from otlib.study.paper import DOWNLOADS, ITEMS, LICENCES, PAIR_BYTES, PAPER_PAIRS, PUBLISHED
from otlib.study.recipe import recipe
from otlib.study.steps import ASSUMED, Planned, Step, measure, own_lengths
from otlib.study.study import Study
from otlib.training.pretrain import bert_config

BY_LANGUAGE = ("parallel", "retrieval", "gold", "text", "qa_test")
CORPORA = ("parallel", "retrieval", "gold", "text", "nli_train", "nli_dev", "nli_test", "qa_train", "qa_test")


def plan(study: Study) -> Iterator[str]:
    """Everything below as texts for the terminal, the hours last; builds no data, asks no network, writes nothing."""
    yield f"Study {study.name}: {study.title}\nlanguages en, {', '.join(study.languages)}; folder {shown(study.folder)}"
    if study.paper:
        yield f"Recipe\n{_text(recipe(study), maxcolwidths=[22, 40, 54])}"
    yield from (f"{title}\n{_text(table)}" for title, table in settings_tables(study).items())
    yield f"Jobs\n{_text(jobs(study))}"
    yield f"Data\n{_text(data(study))}"
    encoder, origin = load_or_build(study)
    yield f"Disk\n{_text(disk(study, encoder))}"
    yield f"Time\n{_time(study, encoder, origin)}" if encoder is not None else f"Time\nnot measured: {origin}"


def _text(table: pd.DataFrame, **options) -> str:
    options = {"intfmt": ",", "floatfmt": ",.1f", "missingval": "-"} | options
    return table.to_markdown(index=False, tablefmt="simple", **options)


# --- settings, jobs, data, disk -----------------------------------------------------------------------------


def settings_tables(study: Study) -> dict[str, pd.DataFrame]:
    """All settings, complete: ``setting, value, here, meaning``, where ``here`` marks what the study sets.

    Of the alignments the ``align`` section, and then what each method changes in it.
    """
    kinds = ["data", *["pretrain"] * study.pretrains, "align", *study.tasks, "workflow"]
    tables = {}
    for kind in kinds:
        table = study.settings_table(kind).reset_index()
        # The objective stands with the methods, corpora in the table of data.
        elsewhere = CORPORA if isinstance(study.data, CorporaData) and kind == "data" else ["objective"]
        table = table[~table["setting"].isin(elsewhere)]
        # As texts: a table would print 5e-05 as 0.0.
        tables[f"Settings: {kind}"] = table.assign(value=table["value"].map(lambda v: "-" if v is None else str(v)))
    changes = [(name, ", ".join(f"{k}: {v}" for k, v in study.changes(name).items())) for name in study.methods]
    tables["Methods, and what they change in align"] = pd.DataFrame(changes, columns=["method", "sets"])
    return tables


def trainings(study: Study) -> list[Planned]:
    """Pretraining, the alignments, the tasks, in the order in which they run."""
    seeds, found = len(study.seeds), []
    if study.pretrains:
        found.append(Planned("03_pretrain", "pretrain", "", seeds, study.section("pretrain")))
    found += [Planned("10_align", "align", name, seeds, method) for name, method in study.methods.items()]
    for task in study.tasks:
        notebook = {"nli": "20_nli", "qa": "21_qa"}[task]
        methods = study.methods_of(task)
        found += [Planned(notebook, task, method, seeds, study.section(task, method)) for method in methods]
    return found


def jobs(study: Study) -> pd.DataFrame:
    """How often each notebook runs, and its optimiser steps: ``notebook, method, runs, steps, all steps``."""
    rows = [("01_transport_primer", "", 1, 0), ("02_data", "", len(study.pairs), 0)]
    rows += [(t.notebook, t.method, t.runs, t.steps) for t in trainings(study)]
    rows += [("30_pair", "", len(study.pairs), 0), ("40_report", "", 1, 0)]
    rows += [("41_ablations", "", 1, 0)] * bool(study.findings)
    table = pd.DataFrame(rows, columns=["notebook", "method", "runs", "steps"])
    table["all steps"] = table["runs"] * table["steps"]
    total = pd.DataFrame([["together", "", table["runs"].sum(), 0, table["all steps"].sum()]], columns=table.columns)
    return pd.concat([table, total], ignore_index=True)


def data(study: Study) -> pd.DataFrame:
    """The corpora: columns ``key, corpus, used, published, size, licence``.

    ``used``: pairs or items that the study takes; ``published``: that the paper had of them (a corpus may have grown
    since), or a benchmark has. Fewer than are used are gone through more often. Sizes are downloads, or files on this
    machine.
    """
    used = study.data.parallel_pairs or "all"
    if study.source == "microworld":
        rows = [("parallel", "the micro-world, written by the study", used, used, "nothing to fetch", "MIT, as otlib")]
    else:
        rows = [_row(key, corpus, used) for key, corpus in _corpora(study)]
    return pd.DataFrame(rows, columns=["key", "corpus", "used", "published", "size", "licence"])


def _corpora(study: Study) -> list[tuple[str, Hub | tuple[str, ...]]]:
    """Key and place of every corpus of the study's languages and tasks."""
    found = []
    for key in CORPORA:
        value = getattr(study.data, key)
        needed = key in ("parallel", "retrieval", "gold") or (key == "text" and study.pretrains)
        if value is None or not (needed or key.split("_")[0] in study.tasks):
            continue
        codes = [PIVOT] * (key == "qa_test") + (study.tested if key == "qa_test" else study.languages)
        for code in codes if key in BY_LANGUAGE else ["{language}"]:  # nli_test is one corpus in every language
            found += [
                (f"{key}.{code}" if key in BY_LANGUAGE else key, corpus) for corpus in corpora_of(study.data, key, code)
            ]
    return found


def _row(key: str, corpus: Hub | tuple[str, ...], used: int | str) -> tuple:
    kind, _, language = key.partition(".")
    used, there = used if kind == "parallel" else "all", "unknown"
    if kind == "parallel":
        there = PAPER_PAIRS.get(language, "unknown")
    if not isinstance(corpus, Hub):
        return key, " ".join(map(shown, corpus)), used, there, " + ".join(map(_size, corpus)), "unknown"
    size = DOWNLOADS.get((corpus.hub, corpus.config))
    if kind != "parallel":
        there = ITEMS.get((corpus.hub, corpus.split), "unknown")
    name = f"{corpus.hub} {corpus.config or ''}".strip()
    return key, name, used, there, _bytes(size) if size else "unknown", LICENCES.get(corpus.hub, "unknown")


def _size(path: str) -> str:
    return _bytes(Path(path).stat().st_size) if Path(path).is_file() else "not there"


def _bytes(number: float) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"


def disk(study: Study, encoder: nn.Module | None) -> pd.DataFrame:
    """What the study writes: columns ``what, size``; "unknown" where the encoder's size is."""
    rows = []
    corpora = {(c.hub, c.config) for _, c in _corpora(study) if isinstance(c, Hub)} if study.source == "corpora" else {}
    if corpora:
        known = [DOWNLOADS[corpus] for corpus in corpora if corpus in DOWNLOADS]
        unknown = len(corpora) - len(known)
        name = f"{len(known)} data sets, if fetched whole ({unknown} more, of unknown size)"
        text = len(study.languages) * (study.data.parallel_pairs or 0) * PAIR_BYTES
        rows.append((name, _bytes(sum(known))))
        rows.append(("parallel text made of them, at Europarl's bytes a pair", _bytes(text)))
        rows.append(("the same in Arrow with its subwords, about three times as large", _bytes(3 * text)))
    weights = 4 * sum(p.numel() for p in encoder.parameters()) if encoder is not None else None
    for what, kept in (("pretrained", len(study.seeds) * study.pretrains), ("aligned", len(study.runs_of("align")))):
        if kept:
            rows.append((f"{kept} {what} encoders, float32", _bytes(kept * weights) if weights else "unknown"))
    if any(t.settings.save_every for t in trainings(study)):
        rows.append(("a checkpoint of each training that is under way", _bytes(3 * weights) if weights else "unknown"))
    return pd.DataFrame(rows, columns=["what", "size"])


# --- the encoder --------------------------------------------------------------------------------------------


def load_or_build(study: Study) -> tuple[nn.Module | None, str]:
    """The study's encoder if it is on this machine, or one of its size with random weights, and which it is.

    None, and the reason, if the size is not known here.
    """
    path = study.encoder_path(study.seeds[0])
    try:
        return AutoModel.from_pretrained(path, local_files_only=True), f"the weights of {path}"
    except (OSError, ValueError):
        pass
    if study.pretrains:
        section = study.section("pretrain")
        model = AutoModel.from_config(bert_config(section, section.vocabulary_size, 0))
        return model, "random weights of the encoder's size"
    if str(path) not in PUBLISHED:
        return None, f"{path} is not on this machine and its size is not known here"
    kind, sizes = PUBLISHED[str(path)]
    return AutoModel.from_config(AutoConfig.for_model(kind, **sizes)), "random weights of the encoder's size"


# --- time ---------------------------------------------------------------------------------------------------


def _time(study: Study, encoder: nn.Module, origin: str) -> str:
    gpu = torch.cuda.is_available()
    where = f"one {torch.cuda.get_device_name()}" if gpu else "one core of this CPU"
    own = own_lengths(study)
    table = hours(study, encoder, torch.device("cuda" if gpu else "cpu"), own)
    known = table["hours"].dropna()
    unit = "GPU hours" if gpu else "hours on this CPU"
    kinds = {training.kind for training in trainings(study)}
    said = [f"{kind} {own.get(kind, f'{n} (assumed)')}" for kind, n in ASSUMED[study.source].items() if kind in kinds]
    lines = [
        _text(table.rename(columns={"hours": f"{unit}, all runs"}), floatfmt=",.3f"),
        f"together {known.sum():,.2f} {unit}" + (", and what was not measured" if table["hours"].isna().any() else ""),
        f"Measured on {where} with {origin}. Subwords of an example, at most max_length: {', '.join(said)};",
        "where it is not assumed, this is the mean of the study's own data.",
        "Optimiser steps only: fetching data, predicting and the other notebooks come on top.",
    ]
    if not gpu:
        lines += [
            "Hours of one core, which CORES share: by the median of five steps after a first one, with one batch and",
            "with two; where fewer examples were measured than a batch has, its time was scaled by their number.",
            "No GPU was seen: nothing is said of its hours.",
        ]
    return "\n".join(lines)


def hours(study: Study, encoder: nn.Module, device: torch.device, own: Mapping[str, int] | None = None) -> pd.DataFrame:
    """Time of the optimiser steps of every training: columns ``notebook, method, seconds a step, measured, hours``.

    ``hours`` of all runs; NaN where a step could not be measured, and ``measured`` says why. On a GPU
    also ``peak GiB``. Equal settings are measured once. ``own``: subwords of an example where they are not as assumed,
    by the kind of training.
    """
    rows, seen, subwords = [], {}, ASSUMED[study.source] | dict(own or {})
    for training in [t for t in trainings(study) if t.steps]:
        key = (training.kind, str(training.settings))
        if key not in seen:
            languages = getattr(training.settings, "languages", None) or study.languages
            seen[key] = _measured(training, encoder, len(languages), device, subwords[training.kind])
        step, note = seen[key]
        seconds = step.batch * training.settings.accumulation + step.update if step else float("nan")
        total = seconds * training.steps * training.runs / 3600
        memory = step.memory / 2**30 if step and step.memory else float("nan")
        rows.append((training.notebook, training.method, seconds, note, memory, total))
    columns = ["notebook", "method", "seconds a step", "measured", "peak GiB", "hours"]
    table = pd.DataFrame(rows, columns=columns)
    return table if device.type == "cuda" else table.drop(columns="peak GiB")


GPU_CONTEXT = 0.7 * 2**30  # bytes that a process takes beside what PyTorch counts
GPU_MARGIN = 1.3  # of a peak: memory is left in pieces, and notebook 30 holds two encoders


def trainings_at_once(study: Study) -> int:
    """How many of the study's trainings fit side by side into the first GPU, by the peaks of measured steps."""
    encoder, _ = load_or_build(study)
    if encoder is None:
        return 1
    device = torch.device("cuda")
    peak = hours(study, encoder, device)["peak GiB"].max() * 2**30  # NaN: nothing was measured
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, int(free / (GPU_MARGIN * peak + GPU_CONTEXT))) if peak > 0 else 1


def _measured(training: Planned, *given) -> tuple[Step | None, str]:
    try:
        step = measure(training, *given)
    except MemoryError:
        return None, "does not fit: a smaller batch_size, a greater accumulation"
    except RuntimeError as error:
        return None, f"failed: {first_line(error)}"
    return step, f"{step.measured} of {step.full}"
