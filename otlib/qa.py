"""Extractive question answering: read SQuAD's format, fine-tune on English, predict and score in every language."""

from __future__ import annotations

import json
import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import AutoModelForQuestionAnswering

from otlib.align import load_encoder
from otlib.corpora import draw, length_batches, read_lines
from otlib.nli import freeze_layers
from otlib.trainer import process_count, train


def read_qa(path: str | Path) -> pd.DataFrame:
    """Read questions from SQuAD v1.1 JSON, plain or compressed.

    Returns
    -------
    DataFrame
        Columns ``id, question, context, answers`` (list of str), ``starts`` (list of int, offsets in the context).

    Raises
    ------
    ValueError
        If the file is not such JSON, or an answer is not at its offset; names file and question.
    """
    try:
        articles = json.loads("\n".join(read_lines(path)))["data"]
        rows = [
            {
                "id": question["id"],
                "question": question["question"],
                "context": paragraph["context"],
                "answers": [answer["text"] for answer in question["answers"]],
                "starts": [answer["answer_start"] for answer in question["answers"]],
            }
            for article in articles
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not SQuAD v1.1 JSON ({type(error).__name__}: {error})") from None
    for row in rows:
        if not row["answers"]:
            raise ValueError(f"{path}, question {row['id']}: it has no answer, as SQuAD v1.1 asks for")
        for text, start in zip(row["answers"], row["starts"], strict=True):
            if row["context"][start : start + len(text)] != text:
                raise ValueError(
                    f"{path}, question {row['id']}: the answer {text!r} is not at offset {start}"
                )
    if not rows:
        raise ValueError(f"{path} holds no question")
    return pd.DataFrame(rows)


# --- windows ---------------------------------------------------------------------------------------------------------
def _windows(tokenizer, items: pd.DataFrame, max_length: int, stride: int) -> dict[str, list]:
    """Questions with stretches of their contexts: the model's inputs, ``item``, character ``offsets``, ``context``."""
    limit = max_length // 2
    questions = tokenizer(
        items["question"].tolist(), add_special_tokens=False, truncation=True, max_length=limit
    )
    encoded = tokenizer(
        [
            tokenizer.decode(ids) if len(ids) == limit else text
            for ids, text in zip(questions["input_ids"], items["question"], strict=True)
        ],
        items["context"].tolist(),
        truncation="only_second",
        max_length=max_length,
        stride=min(stride, max_length // 4),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    windows = {key: encoded[key] for key in tokenizer.model_input_names if key in encoded}
    windows["item"] = encoded["overflow_to_sample_mapping"]
    windows["offsets"] = encoded["offset_mapping"]
    windows["context"] = [
        [part == 1 for part in encoded.sequence_ids(i)] for i in range(len(windows["item"]))
    ]
    return windows


def _targets(windows: dict[str, list], items: pd.DataFrame) -> tuple[list[int], np.ndarray]:
    """Windows that hold their first answer whole, and its first and last subword there (windows, 2)."""
    kept, spans = [], []
    answers, starts = items["answers"].tolist(), items["starts"].tolist()
    for window, item in enumerate(windows["item"]):
        first, last = starts[item][0], starts[item][0] + len(answers[item][0])
        offsets, context = windows["offsets"][window], windows["context"][window]
        inside = [
            i for i, (left, right) in enumerate(offsets) if context[i] and left < last and right > first
        ]
        if inside and offsets[inside[0]][0] <= first and offsets[inside[-1]][1] >= last:
            kept.append(window)
            spans.append((inside[0], inside[-1]))
    return kept, np.array(spans)


# --- fine-tuning -----------------------------------------------------------------------------------------------------
class SpanModel(nn.Module):
    """Transformers' question answering model, returning both logits as one tensor."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.config = model.config

    @property
    def encoder(self) -> nn.Module:
        return self.model.base_model

    def forward(self, **inputs: Tensor) -> Tensor:
        """Logits of start and end, shape (B, L, 2)."""
        output = self.model(**inputs)
        return torch.stack([output.start_logits, output.end_logits], -1)


def finetune(
    encoder: str | Path,
    train_items: pd.DataFrame,
    dev_items: pd.DataFrame,
    folder: str | Path,
    *,
    freeze: int = 0,
    steps: int = 1000,
    batch_size: int = 32,
    accumulation: int = 1,
    learning_rate: float = 3e-5,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    max_length: int = 384,
    stride: int = 128,
    mixed_precision: str = "no",
    seed: int = 0,
    save_every: int | None = None,
    resume: bool = False,
):
    """Fine-tune an encoder on English questions.

    Parameters
    ----------
    encoder : str or path
        Checkpoint folder or hub name.
    train_items, dev_items : DataFrame
        As from :func:`read_qa`. The development questions choose nothing; their F1 is logged.
    freeze : int
        See :func:`otlib.nli.freeze_layers`.
    max_length, stride : int
        Subwords of a window with question and context, and how many neighbouring windows share.

    Returns
    -------
    model, tokenizer, log
        ``log.attrs`` counts ``windows`` and those ``without_answer``, which are not trained on.
    """
    torch.manual_seed(seed)
    tokenizer, _ = load_encoder(encoder)
    model = SpanModel(AutoModelForQuestionAnswering.from_pretrained(encoder))
    freeze_layers(model.encoder, freeze)
    max_length = min(max_length, tokenizer.model_max_length, model.config.max_position_embeddings)
    windows = _windows(tokenizer, train_items, max_length, stride)
    kept, spans = _targets(windows, train_items)
    if not kept:
        raise ValueError(f"no answer fits a window of {max_length} subwords: raise qa.max_length")
    lengths = np.array([len(windows["input_ids"][i]) for i in kept])
    batches = steps * accumulation * process_count()
    drawn = draw(len(kept), batches * batch_size, np.random.default_rng(seed))
    collate = partial(_collate, windows=windows, kept=kept, spans=spans, tokenizer=tokenizer)
    log = train(
        model,
        DataLoader(
            length_batches(drawn, lengths, batch_size=batch_size, seed=seed), batch_size=1, collate_fn=collate
        ),
        _objective,
        folder=folder,
        steps=steps,
        learning_rate=learning_rate,
        warmup=warmup,
        weight_decay=weight_decay,
        accumulation=accumulation,
        mixed_precision=mixed_precision,
        seed=seed,
        save_every=save_every,
        resume=resume,
        evaluate=lambda model: {"dev_f1": _dev_f1(model, tokenizer, dev_items, max_length, stride)},
        evaluate_every=max(1, steps // 5),
        description="qa",
    )
    log.attrs.update(windows=len(windows["item"]), without_answer=len(windows["item"]) - len(kept))
    return model, tokenizer, log


def _dev_f1(model, tokenizer, items, max_length, stride) -> float:
    return float(predict(model, tokenizer, items, max_length=max_length, stride=stride)["f1"].mean())


def _padded(tokenizer, windows: dict[str, list], chosen: Sequence[int]) -> dict[str, Tensor]:
    inputs = {key: [windows[key][i] for i in chosen] for key in tokenizer.model_input_names if key in windows}
    return dict(tokenizer.pad(inputs, return_tensors="pt"))


def _collate(batches, *, windows, kept, spans, tokenizer) -> dict[str, Tensor]:
    (chosen,) = batches
    return {**_padded(tokenizer, windows, [kept[i] for i in chosen]), "span": torch.from_numpy(spans[chosen])}


def _objective(model, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    logits = model(**{key: value for key, value in batch.items() if key != "span"}).float()
    real = batch["attention_mask"].bool()[..., None]
    logits = logits.masked_fill(~real, torch.finfo(logits.dtype).min)
    return nn.functional.cross_entropy(logits, batch["span"]), {}


# --- prediction ------------------------------------------------------------------------------------------------------
@torch.no_grad()
def predict(
    model,
    tokenizer,
    items: pd.DataFrame,
    *,
    max_length: int = 384,
    stride: int = 128,
    longest_answer: int = 30,
    batch_size: int = 64,
) -> pd.DataFrame:
    """Best answers: ``id, predicted, f1, exact_match`` (0 to 1), in the order of the items.

    The answer is the stretch of at most ``longest_answer`` subwords of the context, in any window, whose start and end
    logits have the highest sum.
    """
    max_length = min(max_length, tokenizer.model_max_length, model.config.max_position_embeddings)
    windows = _windows(tokenizer, items, max_length, stride)
    order = np.argsort([len(ids) for ids in windows["input_ids"]], kind="stable")
    device = next(model.parameters()).device
    best: dict[int, tuple[float, int, int]] = {}
    model.eval()
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        batch = {key: value.to(device) for key, value in _padded(tokenizer, windows, chosen).items()}
        scores, firsts, lasts = _best_spans(model(**batch).float().cpu(), windows, chosen, longest_answer)
        for window, value, first, last in zip(chosen, scores, firsts, lasts, strict=True):
            item, offsets = windows["item"][window], windows["offsets"][window]
            candidate = (value, offsets[first][0], offsets[last][1])
            best[item] = max(best.get(item, candidate), candidate)
    contexts = items["context"].tolist()
    texts = [contexts[i][best[i][1] : best[i][2]] for i in range(len(items))]
    scores = [score_answer(text, answers) for text, answers in zip(texts, items["answers"], strict=True)]
    return pd.DataFrame(
        {
            "id": items["id"].to_numpy(),
            "predicted": texts,
            "f1": [f1 for f1, _ in scores],
            "exact_match": [exact for _, exact in scores],
        }
    )


def _best_spans(logits: Tensor, windows, chosen, longest: int) -> tuple[list[float], list[int], list[int]]:
    length = logits.shape[1]
    context = torch.zeros(len(chosen), length, dtype=torch.bool)
    for row, window in enumerate(chosen):
        flags = windows["context"][window]
        context[row, : len(flags)] = torch.tensor(flags)
    start, end = logits.masked_fill(~context[..., None], -1e9).unbind(-1)
    ordered = torch.ones(length, length, dtype=torch.bool).triu().tril(longest - 1)
    sums = (start[:, :, None] + end[:, None, :]).masked_fill(~ordered, -torch.inf).flatten(1)
    values, places = sums.max(1)
    return values.tolist(), (places // length).tolist(), (places % length).tolist()


# --- scores ----------------------------------------------------------------------------------------------------------
def normalise_answer(text: str) -> str:
    """Lower case, without ASCII punctuation, English articles and extra blanks (official SQuAD v1.1 evaluation)."""
    text = "".join(character for character in text.lower() if character not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def score_answer(predicted: str, answers: Sequence[str]) -> tuple[float, float]:
    """F1 and exact match of an answer, the best over the gold answers, as in SQuAD v1.1."""
    return (
        max(_f1(predicted, answer) for answer in answers),
        max(float(normalise_answer(predicted) == normalise_answer(answer)) for answer in answers),
    )


def _f1(predicted: str, gold: str) -> float:
    left, right = normalise_answer(predicted).split(), normalise_answer(gold).split()
    common = sum((Counter(left) & Counter(right)).values())
    return 2 * common / (len(left) + len(right)) if common else 0.0


def score(predictions: pd.DataFrame) -> pd.DataFrame:
    """``f1`` and ``exact_match`` per language, from 0 to 100; ``predictions`` has a ``language`` column."""
    means = 100 * predictions.groupby("language", sort=False)[["f1", "exact_match"]].mean()
    return means.reset_index().melt("language", var_name="metric")[["language", "metric", "value"]]
