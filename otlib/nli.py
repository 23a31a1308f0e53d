"""Natural language inference: read XNLI's format, fine-tune on English, predict and score in every language."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import AutoModelForSequenceClassification

from otlib.align import load_encoder
from otlib.corpora import draw, length_batches, read_table
from otlib.trainer import process_count, train

LABELS = ("entailment", "neutral", "contradiction")
COLUMNS = ["language", "gold_label", "pairID", "sentence1", "sentence2"]


def read_nli(path: str | Path) -> pd.DataFrame:
    """Read inference items from a tab-separated table with a header, plain or compressed; quotes are text.

    Returns
    -------
    DataFrame
        Columns ``language, gold_label, pairID, sentence1, sentence2``. Where a file has no ``language``, it is English;
        where it has no ``pairID``, the line number stands for it.

    Raises
    ------
    ValueError
        If a label is unknown, a sentence empty or a column missing; names file and line.
    """
    rows = []
    for number, row in read_table(path, ("gold_label", "sentence1", "sentence2")):
        if row["gold_label"] not in LABELS:
            raise ValueError(
                f"{path}, line {number}: unknown label {row['gold_label']!r}; it must be one of {', '.join(LABELS)}"
            )
        if not row["sentence1"].strip() or not row["sentence2"].strip():
            raise ValueError(f"{path}, line {number}: an empty sentence")
        rows.append(
            {"language": "en", "pairID": str(number), **{key: row[key] for key in COLUMNS if key in row}}
        )
    if not rows:
        raise ValueError(f"{path} holds no item")
    return pd.DataFrame(rows)[COLUMNS]


class MeanPooledClassifier(nn.Module):
    """An encoder, the mean of its last hidden states over the real subwords, and a linear layer."""

    def __init__(self, encoder: nn.Module):
        super().__init__()
        self.encoder = encoder
        self.config = encoder.config
        self.classifier = nn.Linear(encoder.config.hidden_size, len(LABELS))

    def forward(self, **inputs: Tensor) -> Tensor:
        """Logits, shape (B, 3)."""
        hidden = self.encoder(**inputs).last_hidden_state
        real = inputs["attention_mask"][..., None].to(hidden.dtype)
        return self.classifier((hidden * real).sum(1) / real.sum(1))


class ClsClassifier(nn.Module):
    """Transformers' own classifier on the first subword, as the paper and XTREME use it."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model
        self.config = model.config

    @property
    def encoder(self) -> nn.Module:
        return self.model.base_model

    def forward(self, **inputs: Tensor) -> Tensor:
        """Logits, shape (B, 3)."""
        return self.model(**inputs).logits


def freeze_layers(encoder: nn.Module, freeze: int) -> None:
    """Keep parameters as they are: 0 none, 1 the embeddings, 1 + k the embeddings and the first k layers."""
    layers = encoder.encoder.layer
    if not 0 <= freeze <= len(layers) + 1:
        raise ValueError(f"freeze must be between 0 and {len(layers) + 1} for this encoder, got {freeze}")
    for part in [encoder.embeddings, *layers][:freeze]:
        part.requires_grad_(False)


def finetune(
    encoder: str | Path,
    train_items: pd.DataFrame,
    dev_items: pd.DataFrame,
    folder: str | Path,
    *,
    pooling: str = "cls",
    freeze: int = 0,
    steps: int = 1000,
    batch_size: int = 32,
    accumulation: int = 1,
    learning_rate: float = 2e-5,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    max_length: int = 128,
    mixed_precision: str = "no",
    seed: int = 0,
    save_every: int | None = None,
    resume: bool = False,
):
    """Fine-tune an encoder on English items.

    Parameters
    ----------
    encoder : str or path
        Checkpoint folder or hub name.
    train_items, dev_items : DataFrame
        As from :func:`read_nli`. The development items choose nothing; their accuracy is logged.
    folder : path
        Where the log goes.
    pooling : {"cls", "mean"}
        What the classifier reads: the first subword, as XTREME does, or the mean of all.
    freeze : int
        See :func:`freeze_layers`.

    Returns
    -------
    model, tokenizer, log
        The classifier, its tokenizer, and the log of :func:`otlib.trainer.train` with the terms ``accuracy`` and
        ``dev_accuracy``; ``log.attrs["truncated"]`` counts training items that were cut at ``max_length``.
    """
    torch.manual_seed(seed)
    tokenizer, base = load_encoder(encoder)
    if pooling == "mean":
        model: nn.Module = MeanPooledClassifier(base)
    elif pooling == "cls":
        model = ClsClassifier(
            AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=len(LABELS))
        )
    else:
        raise ValueError(f"pooling must be cls or mean, got {pooling!r}")
    freeze_layers(model.encoder, freeze)
    max_length = min(max_length, tokenizer.model_max_length, model.config.max_position_embeddings)
    encoded = _encode(tokenizer, train_items, max_length)
    lengths = np.array([len(ids) for ids in encoded["input_ids"]])
    batches = steps * accumulation * process_count()
    drawn = draw(len(lengths), batches * batch_size, np.random.default_rng(seed))
    collate = partial(_collate, encoded=encoded, labels=_labels(train_items), tokenizer=tokenizer)
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
        evaluate=lambda model: {
            "dev_accuracy": _accuracy(predict(model, tokenizer, dev_items, max_length=max_length))
        },
        evaluate_every=max(1, steps // 5),
        description="nli",
    )
    log.attrs["truncated"] = int((lengths >= max_length).sum())
    return model, tokenizer, log


def _encode(tokenizer, items: pd.DataFrame, max_length: int) -> dict[str, list]:
    return dict(
        tokenizer(
            items["sentence1"].tolist(),
            items["sentence2"].tolist(),
            truncation="longest_first",
            max_length=max_length,
        )
    )


def _labels(items: pd.DataFrame) -> Tensor:
    return torch.tensor([LABELS.index(label) for label in items["gold_label"]])


def _collate(batches, *, encoded: dict[str, list], labels: Tensor, tokenizer) -> dict[str, Tensor]:
    (chosen,) = batches
    return {**_padded(tokenizer, encoded, chosen), "labels": labels[torch.as_tensor(chosen)]}


def _padded(tokenizer, encoded: dict[str, list], chosen: Sequence[int]) -> dict[str, Tensor]:
    return dict(
        tokenizer.pad(
            {key: [values[i] for i in chosen] for key, values in encoded.items()}, return_tensors="pt"
        )
    )


def _objective(model, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    labels = batch["labels"]
    logits = model(**{key: value for key, value in batch.items() if key != "labels"}).float()
    return nn.functional.cross_entropy(logits, labels), {
        "accuracy": (logits.argmax(1) == labels).float().mean()
    }


@torch.no_grad()
def predict(
    model, tokenizer, items: pd.DataFrame, *, max_length: int = 128, batch_size: int = 128
) -> pd.DataFrame:
    """Predicted labels: ``language, pairID, gold, predicted``, in the order of the items."""
    max_length = min(max_length, tokenizer.model_max_length, model.config.max_position_embeddings)
    encoded = _encode(tokenizer, items, max_length)
    order = np.argsort([len(ids) for ids in encoded["input_ids"]], kind="stable")
    device = next(model.parameters()).device
    predicted = np.empty(len(order), dtype=object)
    model.eval()
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        batch = {key: value.to(device) for key, value in _padded(tokenizer, encoded, chosen).items()}
        predicted[chosen] = [LABELS[i] for i in model(**batch).argmax(1).tolist()]
    return pd.DataFrame(
        {
            "language": items["language"].to_numpy(),
            "pairID": items["pairID"].to_numpy(),
            "gold": items["gold_label"].to_numpy(),
            "predicted": predicted,
        }
    )


def score(predictions: pd.DataFrame) -> pd.DataFrame:
    """``accuracy`` (XTREME's XNLI metric) and ``macro_f1`` (the paper says F1), from 0 to 100, per language."""
    rows = []
    for language, group in predictions.groupby("language", sort=False):
        rows.append((language, "accuracy", 100 * _accuracy(group)))
        macro = f1_score(
            group["gold"], group["predicted"], labels=list(LABELS), average="macro", zero_division=0
        )
        rows.append((language, "macro_f1", 100 * float(macro)))
    return pd.DataFrame(rows, columns=["language", "metric", "value"])


def _accuracy(predictions: pd.DataFrame) -> float:
    return float(accuracy_score(predictions["gold"], predictions["predicted"]))
