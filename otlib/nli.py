"""Natural language inference: read XNLI's format, fine-tune on English, score in every language."""

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
from otlib.words import longest_input

LABELS = ("entailment", "neutral", "contradiction")
COLUMNS = ["language", "gold_label", "pairID", "sentence1", "sentence2"]


def read_nli(path: str | Path) -> pd.DataFrame:
    """Read inference items from a tab-separated table with a header, plain or compressed; quotes are text.

    Returns
    -------
    DataFrame
        Columns ``language, gold_label, pairID, sentence1, sentence2``. A file without ``language`` is
        English; without ``pairID``, the line number stands for it. Items labelled ``-``, on which the
        annotators of SNLI and MultiNLI did not agree, are left out; ``attrs["no_consensus"]`` counts them.

    Raises
    ------
    ValueError
        If a label is unknown, a sentence empty or a column missing; names file and line.
    """
    rows, no_consensus = [], 0
    for number, row in read_table(path, ("gold_label", "sentence1", "sentence2")):
        if row["gold_label"] == "-":
            no_consensus += 1
            continue
        if row["gold_label"] not in LABELS:
            raise ValueError(
                f"{path}, line {number}: unknown label {row['gold_label']!r}; it must be one of {', '.join(LABELS)}"
            )
        sides = {side: " ".join(row[side].split()) for side in ("sentence1", "sentence2")}
        if not all(sides.values()):
            raise ValueError(f"{path}, line {number}: an empty sentence")
        given = {key: row[key] for key in COLUMNS if key in row}
        rows.append({"language": "en", "pairID": str(number), **given, **sides})
    if not rows:
        raise ValueError(f"{path} holds no item")
    items = pd.DataFrame(rows)[COLUMNS]
    items.attrs["no_consensus"] = no_consensus
    return items


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
    """Keep parameters as they are: 0 none, 1 the embeddings, 1 + k the embeddings and the first k layers.

    Raises
    ------
    ValueError
        If the encoder has fewer layers, or is not built as BERT and XLM-R are.
    """
    most = encoder.config.num_hidden_layers + 1
    if not 0 <= freeze <= most:
        raise ValueError(f"freeze must be between 0 and {most} for this encoder, got {freeze}")
    if freeze == 0:
        return
    if not hasattr(encoder, "embeddings") or not hasattr(getattr(encoder, "encoder", None), "layer"):
        raise ValueError(f"freeze must be 0 for a {type(encoder).__name__}: its layers are not BERT's")
    for part in [encoder.embeddings, *encoder.encoder.layer][:freeze]:
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
        The classifier, its tokenizer, and the log of :func:`otlib.trainer.train` with the terms ``accuracy``
        and ``dev_accuracy``; ``log.attrs["truncated"]`` counts training items that were cut at
        ``max_length``.

    Raises
    ------
    FileNotFoundError
        If there is no encoder.
    ValueError
        If a parameter makes no sense.
    """
    torch.manual_seed(seed)
    tokenizer, base = load_encoder(encoder)
    if pooling == "mean":
        model: nn.Module = MeanPooledClassifier(base)
    elif pooling == "cls":
        model = ClsClassifier(
            AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=len(LABELS)).float()
        )
    else:
        raise ValueError(f"pooling must be cls or mean, got {pooling!r}")
    freeze_layers(model.encoder, freeze)
    max_length = longest_input(max_length, tokenizer, model)
    inputs, truncated = _encode(tokenizer, train_items, max_length)
    dev_inputs, _ = _encode(tokenizer, dev_items, max_length)
    labels, dev_labels = _labels(train_items), _labels(dev_items)
    log = train(
        model,
        DataLoader(
            batches_of(inputs, steps * accumulation, batch_size, seed=seed),
            batch_size=1,
            collate_fn=partial(_collate, inputs=inputs, labels=labels, tokenizer=tokenizer),
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
        evaluate=lambda model: {"dev_accuracy": accuracy_score(dev_labels, _classify(model, tokenizer, dev_inputs))},
        evaluate_every=max(1, steps // 5),
        description="nli",
    )
    log.attrs["truncated"] = truncated
    return model, tokenizer, log


# Batches

Inputs = dict[str, list[np.ndarray]]  # for every name of a model's input, a row of numbers an item


def batches_of(inputs: Inputs, batches: int, batch_size: int, *, seed: int) -> list[np.ndarray]:
    """Every batch of a run in order, ``batches`` for each process: indices of items of similar lengths."""
    lengths = np.array([len(row) for row in inputs["input_ids"]])
    n = batches * process_count() * batch_size
    drawn = draw(len(lengths), n, np.random.default_rng(seed))
    return length_batches(drawn, lengths, batch_size=batch_size, seed=seed)


def batches_by_length(inputs: Inputs, batch_size: int) -> list[np.ndarray]:
    """Indices of all items in batches, the shortest first, so that little is padded."""
    order = np.argsort([len(row) for row in inputs["input_ids"]], kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def pad(tokenizer, inputs: Inputs, chosen: Sequence[int]) -> dict[str, Tensor]:
    """Chosen items as one batch, padded to the longest of them; every tensor is (B, L)."""
    lengths = np.array([len(inputs["input_ids"][i]) for i in chosen])
    real = np.arange(lengths.max()) < lengths[:, None]  # (B, L)
    fill = {"input_ids": tokenizer.pad_token_id, "token_type_ids": tokenizer.pad_token_type_id}
    batch = {}
    for name, rows in inputs.items():
        padded = np.full(real.shape, fill.get(name, 0))
        padded[real] = np.concatenate([rows[i] for i in chosen])
        batch[name] = torch.from_numpy(padded)
    return batch


def model_inputs(tokenizer, encoded) -> Inputs:
    """The rows of a tokenizer's output that a model reads, as compact arrays."""
    names = [name for name in tokenizer.model_input_names if name in encoded]
    return {name: [np.array(row, dtype=np.int32) for row in encoded[name]] for name in names}


def _encode(tokenizer, items: pd.DataFrame, max_length: int) -> tuple[Inputs, int]:
    """Tokenised items, and how many of them were cut."""
    encoded = tokenizer(
        items["sentence1"].tolist(),
        items["sentence2"].tolist(),
        truncation="longest_first",
        max_length=max_length,
    )
    return model_inputs(tokenizer, encoded), sum(bool(one.overflowing) for one in encoded.encodings)


def _labels(items: pd.DataFrame) -> Tensor:
    return torch.tensor([LABELS.index(label) for label in items["gold_label"]])


def _collate(batches, *, inputs: Inputs, labels: Tensor, tokenizer) -> dict[str, Tensor]:
    (chosen,) = batches
    return {**pad(tokenizer, inputs, chosen), "labels": labels[torch.as_tensor(chosen)]}


def _objective(model, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    labels = batch["labels"]
    logits = model(**{name: value for name, value in batch.items() if name != "labels"}).float()
    return nn.functional.cross_entropy(logits, labels), {"accuracy": (logits.argmax(1) == labels).float().mean()}


# Prediction and scores


@torch.no_grad()
def _classify(model, tokenizer, inputs: Inputs, *, batch_size: int = 128) -> np.ndarray:
    """Number of the likeliest label of each item."""
    device = next(model.parameters()).device
    predicted = np.empty(len(inputs["input_ids"]), dtype=int)
    model.eval()
    for chosen in batches_by_length(inputs, batch_size):
        batch = {name: value.to(device) for name, value in pad(tokenizer, inputs, chosen).items()}
        predicted[chosen] = model(**batch).argmax(1).cpu().numpy()
    return predicted


def predict(model, tokenizer, items: pd.DataFrame, *, max_length: int = 128, batch_size: int = 128) -> pd.DataFrame:
    """Predicted labels: ``language, pairID, gold, predicted``, in the order of the items.

    ``attrs["truncated"]`` counts items that were cut at ``max_length``.
    """
    max_length = longest_input(max_length, tokenizer, model)
    inputs, truncated = _encode(tokenizer, items, max_length)
    numbers = _classify(model, tokenizer, inputs, batch_size=batch_size)
    predictions = items[["language", "pairID", "gold_label"]].rename(columns={"gold_label": "gold"})
    predictions = predictions.reset_index(drop=True).assign(predicted=np.array(LABELS, dtype=object)[numbers])
    predictions.attrs = {"truncated": truncated}
    return predictions


def score(predictions: pd.DataFrame) -> pd.DataFrame:
    """``accuracy`` (XTREME's XNLI metric) and ``macro_f1`` (the paper says F1) per language, 0 to 100."""
    rows = []
    for language, group in predictions.groupby("language", sort=False):
        rows.append((language, "accuracy", 100 * accuracy_score(group["gold"], group["predicted"])))
        macro = f1_score(group["gold"], group["predicted"], labels=list(LABELS), average="macro", zero_division=0)
        rows.append((language, "macro_f1", 100 * float(macro)))
    return pd.DataFrame(rows, columns=["language", "metric", "value"])
