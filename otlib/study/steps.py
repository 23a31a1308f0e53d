"""How long a step of a training takes on the machine at hand, by steps of the trainer with random subwords."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from transformers import AutoTokenizer, BertForMaskedLM

from otlib import settings
from otlib.data.files import read_lines
from otlib.data.items import read_nli, read_qa
from otlib.data.text import read_pairs
from otlib.settings import PIVOT
from otlib.study.study import Study
from otlib.training.objectives import EncoderLayers, PairBatch, alignment_of
from otlib.training.pretrain import MaskedLanguageModel
from otlib.training.trainer import Parts, train
from otlib.training.words import WordBatch, freeze_layers, resolve_layers, tokenise

# Subwords of an example where a study's own data, or its tokenizer, are not there yet: assumptions, printed with the
# hours. Those of the micro-world are the demo's.
ASSUMED = {
    "corpora": {"pretrain": 64, "align": 40, "nli": 64, "qa": 192},
    "microworld": {"pretrain": 34, "align": 15, "nli": 30, "qa": 47},
}
LOOKED_AT = 500  # examples of a file whose subwords are counted
CPU_OPERATIONS = 2e10  # of a measured batch: less than a second on one core


class Planned(NamedTuple):
    """A training of the study: ``runs`` of it, one a seed, each with the same settings."""

    notebook: str
    kind: str
    method: str
    runs: int
    settings: settings.Training

    @property
    def steps(self) -> int:
        given = self.settings
        idle = isinstance(given, settings.Align) and (given.objective == "none" or given.aligns_while_tuning)
        return 0 if idle else given.steps


class Step(NamedTuple):
    """Seconds of a batch of the study's size, measured with ``measured`` of its ``full`` examples, and of an update.

    On a GPU also the peak of its memory, in bytes, in a step of the longest examples.
    """

    batch: float
    update: float
    measured: int
    full: int
    memory: int | None = None


def own_lengths(study: Study) -> dict[str, int]:
    """Mean subwords of an example of each kind of training whose data are there, and the study's tokenizer."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(study.encoder_path(study.seeds[0]), local_files_only=True)
    except (OSError, ValueError):
        return {}
    found = {}
    for kind in (*["pretrain"] * study.pretrains, "align", *study.tasks):
        most = (study.align if kind == "align" else study.section(kind)).max_length
        with suppress(OSError, ValueError):  # there are none, or they are damaged, which their reader will say
            cut = (tokenise(tokenizer, *texts, verbose=False)["input_ids"] for texts in _examples(study, kind))
            found[kind] = round(np.mean([min(len(ids), most) for rows in cut for ids in rows]))
    return found


def _examples(study: Study, kind: str) -> Iterator[tuple[list[str], ...]]:
    """The first examples of a training's data, of each language: texts, or the two texts of pairs."""
    if kind == "nli":
        items = read_nli(study.nli_data("train")).table.head(LOOKED_AT)
        yield items["sentence1"].tolist(), items["sentence2"].tolist()
    elif kind == "qa":
        items = read_qa(study.qa_data(PIVOT, "train")).head(LOOKED_AT)
        yield items["question"].tolist(), items["context"].tolist()
    elif kind == "align":
        for language in study.languages:
            for side in zip(*islice(read_pairs(study.parallel(language), language), LOOKED_AT), strict=True):
                yield ([*side],)
    else:
        for language in (PIVOT, *study.languages):
            yield ([*islice(read_lines(study.text(language)), LOOKED_AT)],)


@contextmanager
def one_thread() -> Iterator[None]:
    """As the jobs of a study have it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@one_thread()
def measure(training: Planned, encoder: nn.Module, languages: int, device: torch.device, subwords: int) -> Step:
    """Time steps of a training: on a GPU of the whole batch, on a CPU of as much of it as takes less than a second.

    A CPU's seconds are those of the process, so that other processes do not count. A GPU takes a batch of the longest
    examples as well, in which its memory must suffice.

    Parameters
    ----------
    training : Planned
        Its examples are sentence pairs (all languages together), inference items, windows or pieces of text.
    encoder : nn.Module
        Copied, so it stays as it is. A task's head, which is small, is left out.
    subwords : int
        Of an example, or ``max_length`` if that is less.
    """
    given, aligns = training.settings, training.kind == "align"
    longest = min(given.max_length, encoder.config.max_position_embeddings)
    length = min(longest, subwords)
    full = given.batch_size * (languages if aligns else 1)
    count = full if device.type == "cuda" else min(full, _affordable(training.kind, encoder, length))
    groups = 1
    if aligns:
        groups = languages if count == full else min(2, count, languages)
        count -= count % groups
    model, objective = _alignment(encoder, given, groups) if aligns else _task(encoder, training)

    def batch_of(length: int):
        if not aligns:
            return _sentences(encoder.config.vocab_size, count, length)
        parts = groups if given.by_language else 1
        sentences = _sentences(encoder.config.vocab_size, 2 * count // parts, length)
        batch = PairBatch(sentences, groups // parts, weights=torch.ones(2 * count // parts, sentences.longest))
        return Parts(batch._replace(first=number) for number in range(parts)) if given.by_language else batch

    first, repeats = (3, 10) if device.type == "cuda" else (1, 5)
    seconds, update = _seconds(model, objective, batch_of(length), given, first, repeats)
    memory = None
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        _step_seconds(model, objective, batch_of(longest), given.changed(accumulation=1), 0, 1)
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
    ids = torch.randint(5, vocabulary, (count, length))
    return WordBatch(ids, torch.ones_like(ids), index, int(words[-1]) + 1)


def _alignment(encoder: nn.Module, given: settings.Align, languages: int) -> tuple[nn.Module, Callable]:
    model = EncoderLayers(deepcopy(encoder), resolve_layers(given.layers, encoder.config))
    return model, alignment_of(model, [str(number) for number in range(languages)], given)


def _task(encoder: nn.Module, training: Planned) -> tuple[nn.Module, Callable]:
    if training.kind == "pretrain":
        return MaskedLanguageModel(BertForMaskedLM(encoder.config)), partial(_guess, share=training.settings.masking)
    model = deepcopy(encoder)
    freeze_layers(model, range(training.settings.freeze))

    def objective(model, batch):
        return model(batch.input_ids, batch.attention_mask).last_hidden_state.square().mean(), {}

    return model, objective


def _guess(model, batch: WordBatch, *, share: float):
    """Pretraining's objective: the vocabulary head reads the masked share of the subwords only."""
    chosen = torch.rand(batch.input_ids.shape, device=batch.input_ids.device) < share
    logits = model(batch.input_ids, batch.attention_mask, chosen).float()
    return nn.functional.cross_entropy(logits, batch.input_ids[chosen], reduction="sum"), {}


def _seconds(model, objective, batch, given: settings.Training, first: int, repeats: int) -> tuple[float, float]:
    """Seconds of a batch, and of an update of the weights: a step of two batches takes one batch longer."""
    one, two = (
        _step_seconds(model, objective, batch, given.changed(accumulation=batches), first, repeats)
        for batches in (1, 2)
    )
    of_batch = min(max(two - one, one / 2), one)  # where timings are rough, at least half of the step
    return of_batch, one - of_batch


def _step_seconds(model, objective, batch, given: settings.Training, first: int, repeats: int) -> float:
    """Median seconds of a step of the trainer, of ``repeats`` steps after the ``first`` ones."""
    starts, gpu = [], torch.cuda.is_available()

    def noted(model, batch):
        if gpu:
            torch.cuda.synchronize()
        starts.append(time.perf_counter() if gpu else time.process_time())
        return objective(model, batch)

    given = given.changed(steps=first + repeats + 1, save_every=None, learning_rate=1e-6)
    loader = DataLoader([batch], batch_size=1, collate_fn=lambda batches: batches[0])
    with tempfile.TemporaryDirectory() as folder:
        train(model, loader, noted, given, folder=folder, description="")
    calls = given.accumulation * (len(batch) if isinstance(batch, Parts) else 1)  # of a step
    return float(np.median(np.diff(starts[::calls])[first:]))
