"""Question answering: fine-tune on English questions, point at the answer in every language."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from transformers import AutoModelForQuestionAnswering

from otlib.settings import Qa
from otlib.tasks.aligning import Aligning
from otlib.tasks.finetune import FineTuned, Inputs, Predictions, SpanModel, fit, model_inputs, outputs
from otlib.training.words import freeze_layers, load_encoder, longest_input, tokenise

# --- windows ----------------------------------------------------------------------------------------------------------


class Windows(NamedTuple):
    """Questions, each with a stretch of its context; a question has several windows where its context is long."""

    inputs: Inputs
    item: list[int]  # the question that a window belongs to
    context: list[tuple[int, int]]  # first subword of the context in the window, and the one after its last
    offsets: list[np.ndarray]  # where these subwords begin and end in the context, in characters: (subwords, 2)
    nowhere: list[int]  # the subword to point at where there is no answer: [CLS], else the first
    cut_questions: int  # questions of which half a window holds a part only


def _windows(tokenizer, items: pd.DataFrame, max_length: int, stride: int) -> Windows:
    questions, cut = _questions(tokenizer, items["question"].tolist(), max_length // 2)
    encoded = tokenise(
        tokenizer,
        questions,
        items["context"].tolist(),
        truncation="only_second",
        max_length=max_length,
        stride=min(stride, max_length // 4),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    context, offsets = [], []
    for number, pairs in enumerate(encoded["offset_mapping"]):
        sides = encoded.sequence_ids(number)
        first = sides.index(1) if 1 in sides else len(sides)
        last = first + sides.count(1)
        context.append((first, last))
        offsets.append(np.array(pairs[first:last], dtype=np.int32).reshape(-1, 2))
    item = encoded["overflow_to_sample_mapping"]
    cls = tokenizer.cls_token_id
    nowhere = [ids.index(cls) if cls in ids else 0 for ids in encoded["input_ids"]]
    return Windows(model_inputs(tokenizer, encoded), item, context, offsets, nowhere, cut)


def _questions(tokenizer, questions: list[str], limit: int) -> tuple[list[str], int]:
    """What ``limit`` subwords hold of each question, and how many they cut, at the side where the tokenizer does."""
    encoded = tokenise(tokenizer, questions, add_special_tokens=False, truncation=True, max_length=limit)
    held = [
        text[one.offsets[0][0] : one.offsets[-1][1]] if one.overflowing else text
        for one, text in zip(encoded.encodings, questions, strict=True)
    ]
    return held, sum(bool(one.overflowing) for one in encoded.encodings)


def _targets(windows: Windows, items: pd.DataFrame) -> tuple[list[int], np.ndarray]:
    """Windows that hold their first answer whole, and what every window is to point at (windows, 2).

    That is the first and last subword of the answer or, where it is not whole, [CLS] twice, as in XTREME. An answer is
    the subwords that it shares a character with: a tokenizer may drop its last mark or invisible ones.
    """
    inside, begins, whole = [], [], {}
    answers, starts = items["answers"].tolist(), items["starts"].tolist()
    for item, offsets in zip(windows.item, windows.offsets, strict=True):
        begin, end = starts[item][0], starts[item][0] + len(answers[item][0])
        inside.append(np.flatnonzero((offsets[:, 0] < end) & (offsets[:, 1] > begin)))
        begins.append(set(offsets[inside[-1], 0].tolist()))
        whole[item] = whole.get(item, set()) | begins[-1]  # in any window
    holding = [window for window, item in enumerate(windows.item) if begins[window] and begins[window] == whole[item]]
    spans = np.repeat(np.array(windows.nowhere)[:, None], 2, axis=1)
    for window in holding:
        spans[window] = windows.context[window][0] + inside[window][[0, -1]]
    return holding, spans


# --- fine-tuning ------------------------------------------------------------------------------------------------------


def finetune(
    encoder: str | Path,
    train_items: pd.DataFrame,
    dev_items: pd.DataFrame,
    folder: str | Path,
    settings: Qa = Qa(),
    *,
    seed: int = 0,
    resume: bool = False,
    aligning: Aligning | None = None,
) -> FineTuned:
    """Fine-tune an encoder on questions, as a rule English ones. A question takes up half a window at most.

    Parameters and errors are those of :func:`otlib.tasks.nli.finetune`, with items as from
    :func:`otlib.data.items.read_qa`; a ValueError also says if no window holds an answer.

    Returns
    -------
    FineTuned
        The log has the term ``dev_f1``; ``counts``: ``windows``, those ``without_answer``, which learn to point at
        [CLS] as in XTREME, and ``cut_questions``.
    """
    torch.manual_seed(seed)
    tokenizer, _ = load_encoder(encoder)
    model = SpanModel(AutoModelForQuestionAnswering.from_pretrained(encoder).float())
    freeze_layers(model.encoder, range(settings.freeze))
    max_length = longest_input(settings.max_length, tokenizer, model)
    windows = _windows(tokenizer, train_items, max_length, settings.stride)
    holding, spans = _targets(windows, train_items)
    if not holding:
        raise ValueError(f"no answer fits a window of {max_length} subwords: raise qa.max_length")
    dev_windows = _windows(tokenizer, dev_items, max_length, settings.stride)

    def evaluate(model: nn.Module) -> dict[str, float]:
        return {"dev_f1": _answer(model, tokenizer, dev_items, dev_windows)["f1"].mean()}

    log = fit(
        model,
        tokenizer,
        windows.inputs,
        {"span": torch.from_numpy(spans)},
        _objective,
        settings,
        folder=folder,
        seed=seed,
        resume=resume,
        evaluate=evaluate,
        description="qa",
        aligning=aligning,
    )
    n = len(windows.item)
    counts = {"windows": n, "without_answer": n - len(holding), "cut_questions": windows.cut_questions}
    return FineTuned(model, tokenizer, log, counts)


def _objective(model, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    logits = model(**{key: value for key, value in batch.items() if key != "span"}).float()
    real = batch["attention_mask"].bool()[..., None]
    logits = logits.masked_fill(~real, torch.finfo(logits.dtype).min)
    return nn.functional.cross_entropy(logits, batch["span"]), {}


# --- prediction and scores --------------------------------------------------------------------------------------------


def predict(
    model, tokenizer, items: pd.DataFrame, settings: Qa = Qa(), *, longest_answer: int = 30, at_once: int = 64
) -> Predictions:
    """Best answers: ``id, cluster, predicted, f1, exact_match`` (0 to 1), in the order of the items.

    The answer is the stretch of at most ``longest_answer`` subwords of the context, in any window, whose
    start and end logits have the highest sum. Questions longer than half a window are cut there, and counted.
    The model reads ``at_once`` windows in one batch; but for rounding the results do not depend on it.
    """
    max_length = longest_input(settings.max_length, tokenizer, model)
    windows = _windows(tokenizer, items, max_length, settings.stride)
    table = _answer(model, tokenizer, items, windows, longest_answer=longest_answer, at_once=at_once)
    return Predictions(table, windows.cut_questions)


def _answer(
    model, tokenizer, items: pd.DataFrame, windows: Windows, *, longest_answer: int = 30, at_once: int = 64
) -> pd.DataFrame:
    best: dict[int, tuple[float, int, int]] = {}  # of each item: score of the span, first and last character
    for chosen, logits in outputs(model, tokenizer, windows.inputs, at_once):
        context = [windows.context[window] for window in chosen]
        spans = best_spans(logits.float().cpu(), context, longest_answer)
        for window, (value, first, last) in zip(chosen, spans, strict=True):
            item, offsets = windows.item[window], windows.offsets[window]
            found = (value, int(offsets[first, 0]), int(offsets[last, 1])) if len(offsets) else (value, 0, 0)
            best[item] = max(best.get(item, found), found)
    contexts = items["context"].tolist()
    texts = [contexts[i][slice(*best[i][1:])] for i in range(len(items))]
    scores = [score_answer(text, answers) for text, answers in zip(texts, items["answers"], strict=True)]
    f1, exact = zip(*scores, strict=True)
    named = items.reindex(columns=["id", "cluster"]).reset_index(drop=True)
    return named.assign(predicted=texts, f1=f1, exact_match=exact)


def best_spans(logits: Tensor, context: Sequence[tuple[int, int]], longest: int) -> list[tuple[float, int, int]]:
    """The best of all spans of at most ``longest`` subwords within the context, for each window.

    Parameters
    ----------
    logits : Tensor, shape (B, L, 2)
        Of start and end.
    context : sequence of (int, int)
        First subword of the context, and the one after its last.

    Returns
    -------
    list of (score, first, last)
        Counted from the first subword of the context.
    """
    length = logits.shape[1]
    place = torch.arange(length)
    first, last = torch.tensor(context).T[:, :, None]  # (B, 1) each
    inside = (place >= first) & (place < last)  # (B, L)
    start, end = logits.masked_fill(~inside[..., None], torch.finfo(logits.dtype).min / 4).unbind(-1)
    reach = place - place[:, None]  # (L, L): how much further the end is than the start
    sums = start[:, :, None] + end[:, None, :]  # (B, L, L)
    sums = sums.masked_fill((reach < 0) | (reach >= longest), -torch.inf)
    values, flat = sums.flatten(1).max(1)
    spans = torch.stack([flat // length, flat % length], 1) - first
    return [(value, *span) for value, span in zip(values.tolist(), spans.tolist(), strict=True)]


PUNCTUATION = str.maketrans("", "", string.punctuation)
ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalise_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and extra blanks, as SQuAD v1.1 evaluates."""
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def score_answer(predicted: str, answers: Sequence[str]) -> tuple[float, float]:
    """F1 and exact match of an answer, the best over the gold answers, as in SQuAD v1.1."""
    text, golds = normalise_answer(predicted), [normalise_answer(answer) for answer in answers]
    return max(_f1(text, gold) for gold in golds), max(float(text == gold) for gold in golds)


def _f1(predicted: str, gold: str) -> float:
    left, right = predicted.split(), gold.split()
    common = sum((Counter(left) & Counter(right)).values())
    return 2 * common / (len(left) + len(right)) if common else 0.0


def score(predictions: pd.DataFrame) -> pd.DataFrame:
    """``f1`` and ``exact_match`` per language, from 0 to 100; ``predictions`` has a ``language`` column."""
    means = 100 * predictions.groupby("language", sort=False)[["f1", "exact_match"]].mean()
    return means.reset_index().melt("language", var_name="metric")[["language", "metric", "value"]]
