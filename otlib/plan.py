"""What a study would run, told before anything is fetched or trained: jobs, data, disk, steps, hours.

``make plan STUDY=paper/table2`` prints it. It needs no network: the hours come from a step or two with random
weights on the machine at hand.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pandas as pd
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, BertForMaskedLM

from otlib import nli, qa
from otlib.align import align, make_divergence
from otlib.objectives import Alignment, EncoderLayers, FrozenWords, PairBatch
from otlib.pretrain import pretrain
from otlib.record import shown
from otlib.study import Study
from otlib.words import WordBatch, resolve_layers

# Encoders as they were published; what is not said is the default of their kind: 12 layers of width 768.
PUBLISHED = {
    "bert-base-multilingual-cased": ("bert", {"vocab_size": 119_547}),
    "xlm-roberta-base": (
        "xlm-roberta",
        {"vocab_size": 250_002, "max_position_embeddings": 514, "type_vocab_size": 1},
    ),
}

# What the data sets' pages on the hub say; what they do not say, or was not seen there, is "unknown".
LICENCES = {
    "cfilt/iitb-english-hindi": "CC BY-NC 4.0",
    "facebook/xnli": "CC BY-NC 4.0",
    "google/xquad": "CC BY-SA 4.0",
    "rajpurkar/squad": "CC BY-SA 4.0",
    "Helsinki-NLP/tanzil": "non-commercial use only",
}
DOWNLOADS = {  # bytes of a configuration, all of its splits
    ("Helsinki-NLP/europarl", "bg-en"): 84_700_000,
    ("Helsinki-NLP/europarl", "de-en"): 363_925_768,
    ("Helsinki-NLP/multiun", "en-zh"): 1_558_000_000,
    ("cfilt/iitb-english-hindi", None): 190_187_991,
    ("sentence-transformers/parallel-sentences-opensubtitles", "en-th"): 45_300_000,
    ("sentence-transformers/parallel-sentences-opensubtitles", "en-tr"): 854_000_000,
    ("facebook/xnli", "en"): 50_627_367,
}
ITEMS = {
    ("facebook/xnli", "train"): 392_702,
    ("facebook/xnli", "validation"): 2_490,
    ("facebook/xnli", "test"): 5_010,
    ("rajpurkar/squad", "train"): 87_599,
    ("google/xquad", "validation"): 1_190,
}
PAPER_PAIRS = {  # that the paper had of each language, in its appendix
    **{"bg": 371_000, "de": 1_000_000, "el": 157_000, "es": 990_000, "fr": 1_000_000, "ar": 2_000_000},
    **{"ru": 9_000_000, "zh": 3_000_000, "hi": 618_000, "th": 278_000, "tr": 9_000_000, "vi": 608_000},
    **{"ur": 422_000, "sw": 128_000},
}
CORPORA = ("nli_train", "nli_dev", "nli_test", "qa_train", "qa_test")
PAIR_BYTES = 641_862_911 / 1_961_119  # of text in a pair of Europarl's de-en

# Subwords that a step is measured with, or the study's longest if that is less: assumptions, printed with the hours.
LENGTHS = {"pretrain": 64, "align": 40, "nli": 64, "qa": 192}
CPU_OPERATIONS = 1e11  # of a measured step: seconds on one core


def plan(study: Study) -> Iterator[str]:
    """Everything below as texts for the terminal, the hours last; builds no data, asks no network, writes nothing."""
    yield f"Study {study.name}: {study.title}\nlanguages en, {', '.join(study.languages)}; folder {shown(study.folder)}"
    yield f"Jobs\n{_text(jobs(study))}"
    yield f"Data\n{_text(data(study))}"
    encoder, origin = load_or_build(study)
    yield f"Disk\n{_text(disk(study, encoder))}"
    yield f"Time\n{_time(study, encoder, origin)}" if encoder is not None else f"Time\nnot measured: {origin}"


def _text(table: pd.DataFrame) -> str:
    return table.to_markdown(index=False, tablefmt="simple", intfmt=",", floatfmt=",.1f", missingval="-")


def settings(function: Callable, given: dict[str, Any]) -> dict[str, Any]:
    """What a function is given, and its defaults for the rest."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty} | given


# --- jobs, data, disk ---------------------------------------------------------------------------------------


class Training(NamedTuple):
    """A training of the study: ``runs`` of it, one a seed, each with the same settings."""

    notebook: str
    kind: str
    method: str
    runs: int
    settings: dict[str, Any]

    @property
    def steps(self) -> int:
        return 0 if self.settings.get("objective") == "none" else self.settings["steps"]


def trainings(study: Study) -> list[Training]:
    """Pretraining, the alignments, the tasks, in the order in which they run."""
    seeds, found = len(study.seeds), []
    if study.pretrains:
        found.append(Training("03_pretrain", "pretrain", "", 1, settings(pretrain, study.pretrain_arguments())))
    for method in study.methods:
        found.append(Training("10_align", "align", method, seeds, settings(align, study.align_arguments(method))))
    finetuning = {"nli": ("20_nli", nli.finetune), "qa": ("21_qa", qa.finetune)}
    for task in study.tasks:
        notebook, function = finetuning[task]
        given = settings(function, dict(getattr(study, task)))
        found += [Training(notebook, task, method, seeds, given) for method in study.methods]
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
    used = study.data.get("parallel_pairs", "all")
    if study.source == "microworld":
        rows = [("parallel", "the micro-world, written by the study", used, used, "nothing to fetch", "MIT, as otlib")]
    elif study.source == "files":
        rows = [
            (key, path, used if key == "parallel" else "all", "", _size(path), "unknown") for key, path in _files(study)
        ]
    else:
        rows = [_hub_row(key, corpus, used) for key, corpus in _corpora(study)]
    return pd.DataFrame(rows, columns=["key", "corpus", "used", "published", "size", "licence"])


def _corpora(study: Study) -> list[tuple[str, dict[str, Any]]]:
    """Key and description of every corpus of the study's languages and tasks."""
    found = [(f"parallel.{language}", study.data["parallel"].get(language, [])) for language in study.languages]
    found += [
        (key, study.data[key]) for task in study.tasks for key in CORPORA if key.startswith(task) and key in study.data
    ]
    return [(key, one) for key, given in found for one in (given if isinstance(given, list) else [given])]


def _hub_row(key: str, corpus: dict[str, Any], used: int | str) -> tuple:
    language = key.partition(".")[2]
    used = used if language else "all"
    there = PAPER_PAIRS.get(language, "unknown")
    if "file" in corpus:
        paths = [corpus["file"]] if isinstance(corpus["file"], str) else corpus["file"]
        return key, " ".join(map(shown, paths)), used, there, " + ".join(map(_size, paths)), "unknown"
    hub, config = corpus["hub"], corpus.get("config")
    if not language:
        there = ITEMS.get((hub, corpus.get("split")), "unknown")
    size = DOWNLOADS.get((hub, config))
    name = f"{hub} {config or ''}".strip()
    return key, name, used, there, _bytes(size) if size else "unknown", LICENCES.get(hub, "unknown")


def _files(study: Study) -> list[tuple[str, str]]:
    """Key and path of every file that the study names, one for each of its languages where it says so."""
    found = []
    for key, value in study.data.items():
        values = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
        for path in [path for path in values if isinstance(path, str) and "/" in path]:
            languages = ["en", *study.languages] if key == "qa_test" else study.languages
            found += [(key, path.format(language=code)) for code in (languages if "{" in path else [""])]
    return found


def _size(path: str) -> str:
    return _bytes(Path(path).stat().st_size) if Path(path).is_file() else "not there"


def _bytes(number: float) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e9 else f"{number / 1e6:,.1f} MB"


def disk(study: Study, encoder: nn.Module | None) -> pd.DataFrame:
    """What the study writes: columns ``what, size``; "unknown" where the encoder's size is."""
    rows = []
    if study.source == "hub":
        corpora = {(corpus["hub"], corpus.get("config")) for _, corpus in _corpora(study) if "hub" in corpus}
        known = [DOWNLOADS[corpus] for corpus in corpora if corpus in DOWNLOADS]
        text = len(study.languages) * study.data.get("parallel_pairs", 0) * PAIR_BYTES
        rows.append(
            (
                f"{len(known)} data sets, if fetched whole ({len(corpora) - len(known)} more, of unknown size)",
                _bytes(sum(known)),
            )
        )
        rows.append(("parallel text made of them, at Europarl's bytes a pair", _bytes(text)))
    weights = 4 * sum(p.numel() for p in encoder.parameters()) if encoder is not None else None
    kept = len(study.methods) * len(study.seeds)
    rows.append((f"{kept} aligned encoders, float32", _bytes(kept * weights) if weights else "unknown"))
    saving = [t for t in trainings(study) if t.settings.get("save_every")]
    if saving:
        rows.append(("a checkpoint of each training that is under way", _bytes(3 * weights) if weights else "unknown"))
    return pd.DataFrame(rows, columns=["what", "size"])


# --- the encoder --------------------------------------------------------------------------------------------


def load_or_build(study: Study) -> tuple[nn.Module | None, str]:
    """The study's encoder if it is on this machine, or one of its size with random weights, and which it is.

    None, and the reason, if the size is not known here.
    """
    path = study.encoder_path
    try:
        return AutoModel.from_pretrained(path, local_files_only=True), f"the weights of {path}"
    except (OSError, ValueError):
        pass
    if study.pretrains:
        given = settings(pretrain, study.pretrain_arguments())
        kind, sizes = (
            "bert",
            {
                "vocab_size": given["vocabulary_size"],
                "hidden_size": given["width"],
                "num_hidden_layers": given["layers"],
                "num_attention_heads": given["heads"],
                "intermediate_size": given["feedforward"] or 4 * given["width"],
                "max_position_embeddings": given["max_length"],
            },
        )
    elif str(path) in PUBLISHED:
        kind, sizes = PUBLISHED[str(path)]
    else:
        return None, f"{path} is not on this machine and its size is not known here"
    return AutoModel.from_config(AutoConfig.for_model(kind, **sizes)), "random weights of the encoder's size"


# --- time ---------------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """Seconds of a batch of the study's size, measured with ``measured`` of its ``full`` examples, and of an update.

    On a GPU also the peak of its memory, in bytes, in a step of the longest examples.
    """

    batch: float
    update: float
    measured: int
    full: int
    memory: int | None = None


def _time(study: Study, encoder: nn.Module, origin: str) -> str:
    gpu = torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    where = f"one {torch.cuda.get_device_name()}" if gpu else f"this CPU, {torch.get_num_threads()} thread(s)"
    table = hours(study, encoder, device)
    known = table["hours"].dropna()
    unit = "GPU hours" if gpu else "hours on this CPU"
    lengths = ", ".join(f"{kind} {n}" for kind, n in LENGTHS.items() if kind in {t.kind for t in trainings(study)})
    lines = [
        _text(table.rename(columns={"hours": f"{unit}, all runs"})),
        f"together {known.sum():,.1f} {unit}" + (", and what was not measured" if table["hours"].isna().any() else ""),
        f"Measured on {where} with {origin}. Subwords of an example, assumed: {lengths} (at most max_length).",
        "Optimiser steps only: fetching data, predicting and the other notebooks come on top.",
    ]
    if not gpu:
        lines.append(
            "Each from one step after a first one; where fewer examples were measured than a batch has, its time"
        )
        lines.append("was scaled by their number. No GPU was seen, so nothing is said of its hours.")
    return "\n".join(lines)


def hours(study: Study, encoder: nn.Module, device: torch.device) -> pd.DataFrame:
    """Time of the optimiser steps of every training: columns ``notebook, method, seconds a step, measured, hours``.

    ``hours`` of all runs; NaN where a step could not be measured, and ``measured`` says why. On a GPU
    also ``peak GiB``. Equal settings are measured once.
    """
    rows, seen = [], {}
    for training in [t for t in trainings(study) if t.steps]:
        key = (training.kind, str(training.settings))
        if key not in seen:
            seen[key] = _measured(training, encoder, len(study.languages), device)
        step, note = seen[key]
        seconds = step.batch * training.settings["accumulation"] + step.update if step else float("nan")
        total = seconds * training.steps * training.runs / 3600
        memory = step.memory / 2**30 if step and step.memory else float("nan")
        rows.append((training.notebook, training.method, seconds, note, memory, total))
    columns = ["notebook", "method", "seconds a step", "measured", "peak GiB", "hours"]
    table = pd.DataFrame(rows, columns=columns)
    return table if device.type == "cuda" else table.drop(columns="peak GiB")


def _measured(training: Training, encoder: nn.Module, languages: int, device) -> tuple[Step | None, str]:
    try:
        step = measure(training, encoder, languages, device)
    except torch.OutOfMemoryError:
        return None, "does not fit into this GPU: a smaller batch_size, a greater accumulation"
    return step, f"{step.measured} of {step.full}"


def measure(training: Training, encoder: nn.Module, languages: int, device: torch.device) -> Step:
    """Time a step of a training: on a GPU the whole batch, on a CPU as much of it as takes seconds.

    A GPU takes a batch of the longest examples as well, in which its memory must suffice.

    Parameters
    ----------
    training : Training
        Its examples are sentence pairs (all languages together), inference items, windows or pieces of text.
    encoder : nn.Module
        Copied, so it stays as it is. A task's head, which is small, is left out.
    """
    given = training.settings
    longest = min(given["max_length"], encoder.config.max_position_embeddings)
    length = min(longest, LENGTHS[training.kind])
    full = given["batch_size"] * (languages if training.kind == "align" else 1)
    count = full if device.type == "cuda" else min(full, _affordable(training.kind, encoder, length))
    if training.kind == "align":
        groups = languages if count == full else min(2, count, languages)
        count -= count % groups
        model, objective = _alignment(encoder, given, groups)
    else:
        groups = None
        model, objective = _task(encoder, training)
    model.to(device)

    def batch_of(length: int):
        sentences = _sentences(encoder.config.vocab_size, count * (2 if groups else 1), length).to(device)
        if groups is None:
            return sentences
        return PairBatch(sentences, groups, torch.ones(2 * count, sentences.longest, device=device))

    first, repeats = (3, 10) if device.type == "cuda" else (1, 1)
    precision = {"no": None, "bf16": torch.bfloat16, "fp16": torch.float16}[given["mixed_precision"]]
    seconds, update = _seconds(model, objective, batch_of(length), first, repeats, precision)
    memory = None
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        _seconds(model, objective, batch_of(longest), 0, 1, precision)
        memory = torch.cuda.max_memory_allocated(device)
    return Step(seconds * full / count, update, count, full, memory)


def _affordable(kind: str, encoder: nn.Module, length: int) -> int:
    body = sum(p.numel() for p in encoder.parameters()) - encoder.get_input_embeddings().weight.numel()
    sentences = 2 if kind == "align" else 1
    return max(1, int(CPU_OPERATIONS / (6 * body * length * sentences)))


def _sentences(vocabulary: int, count: int, length: int) -> WordBatch:
    """Random subwords, four of five of which begin a word, between two that belong to none."""
    words = torch.arange(length - 2) * 4 // 5
    index = torch.cat([torch.tensor([-1]), words, torch.tensor([-1])]).expand(count, -1)
    longest = int(words[-1]) + 1
    return WordBatch(
        torch.randint(5, vocabulary, (count, length)),
        torch.ones(count, length, dtype=torch.long),
        index,
        torch.full((count,), longest),
        torch.zeros(count, dtype=torch.bool),
        longest,
    )


def _alignment(encoder: nn.Module, given: dict[str, Any], languages: int) -> tuple[nn.Module, Callable]:
    model = EncoderLayers(deepcopy(encoder), resolve_layers(given["layers"], encoder.config))
    frozen = FrozenWords(model, pooling=given["pooling"])
    keys = ("objective", "scope", "marginals", "temperature", "cost", "epsilon", "relative", "solver")
    divergence = make_divergence(frozen, **{key: given[key] for key in keys})
    names = [str(number) for number in range(languages)]
    keys = ("anchor_weight", "anchor_reduction", "pooling")
    return model, Alignment(divergence, frozen, names, **{key: given[key] for key in keys})


def _task(encoder: nn.Module, training: Training) -> tuple[nn.Module, Callable]:
    if training.kind == "pretrain":
        model = BertForMaskedLM(encoder.config)
        return model, lambda model, batch: (model(batch.input_ids, batch.attention_mask).logits.square().mean(), {})
    model = deepcopy(encoder)
    nli.freeze_layers(model, training.settings["freeze"])

    def objective(model, batch):
        return model(batch.input_ids, batch.attention_mask).last_hidden_state.square().mean(), {}

    return model, objective


def _seconds(model, objective, batch, first: int, repeats: int, precision: torch.dtype | None) -> tuple[float, float]:
    """Median seconds of loss and gradient of a batch, and of an update of the weights, after ``first`` of each."""
    model.train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-6, fused=True)
    device = next(model.parameters()).device
    spent = []
    for _ in range(first + repeats):
        times = [_now(device)]
        with torch.autocast(device.type, dtype=precision, enabled=precision is not None):
            loss, _ = objective(model, batch)
        loss.backward()
        times.append(_now(device))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        spent.append((times[1] - times[0], _now(device) - times[1]))
    batches, updates = zip(*spent[first:], strict=True)
    return median(batches), median(updates)


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
