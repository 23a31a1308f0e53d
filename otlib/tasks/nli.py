"""Natural language inference: fine-tune on English items, score in every language."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification

from otlib.data.items import LABELS, premises
from otlib.settings import Nli
from otlib.tasks.aligning import Aligning
from otlib.tasks.finetune import (
    ClsClassifier,
    FineTuned,
    Inputs,
    MeanPooledClassifier,
    PairClassifier,
    Predictions,
    fit,
    model_inputs,
    outputs,
)
from otlib.training.words import freeze_layers, load_encoder, longest_input, tokenise

POOLED = {"mean": MeanPooledClassifier, "pair": PairClassifier}


def finetune(
    encoder: str | Path,
    train_items: pd.DataFrame,
    dev_items: pd.DataFrame,
    folder: str | Path,
    settings: Nli = Nli(),
    *,
    seed: int = 0,
    resume: bool = False,
    aligning: Aligning | None = None,
) -> FineTuned:
    """Fine-tune an encoder on items, as a rule English ones.

    Parameters
    ----------
    encoder : str or path
        Checkpoint folder or hub name.
    train_items, dev_items : DataFrame
        As from :func:`otlib.data.items.read_nli`. The development items choose nothing.
    folder : path
        Where the log and the checkpoints go.
    seed : int
        Of the first weights of the last layer, the order of the items, and dropout.
    resume : bool
        Go on from the last checkpoint in the folder.
    aligning : Aligning, optional
        Align languages in the same training (:mod:`otlib.tasks.aligning`).

    Returns
    -------
    FineTuned
        The log is that of :func:`otlib.training.trainer.train` with the terms ``accuracy`` and ``dev_accuracy``;
        ``counts["truncated"]``: training items that were cut at ``max_length``.

    Raises
    ------
    FileNotFoundError
        If there is no encoder.
    ValueError
        If the encoder has not as many layers to freeze, or does not mark the second sentence for ``pooling: pair``.
    """
    torch.manual_seed(seed)
    tokenizer, base = load_encoder(encoder)
    if settings.pooling == "pair" and "token_type_ids" not in tokenizer.model_input_names:
        raise ValueError(f"nli.pooling: pair needs the sentences marked, which {encoder} does not: write mean or cls")
    if settings.pooling in POOLED:
        model: nn.Module = POOLED[settings.pooling](base)
    else:
        classifier = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=len(LABELS))
        model = ClsClassifier(classifier.float())
    freeze_layers(model.encoder, range(settings.freeze))
    max_length = longest_input(settings.max_length, tokenizer, model)
    inputs, truncated = _encode(tokenizer, train_items, max_length)
    dev_inputs, _ = _encode(tokenizer, dev_items, max_length)
    labels, dev_labels = _labels(train_items), _labels(dev_items)

    def evaluate(model: nn.Module) -> dict[str, float]:
        return {"dev_accuracy": accuracy_score(dev_labels, _classify(model, tokenizer, dev_inputs))}

    log = fit(
        model,
        tokenizer,
        inputs,
        {"labels": labels},
        _objective,
        settings,
        folder=folder,
        seed=seed,
        resume=resume,
        evaluate=evaluate,
        description="nli",
        aligning=aligning,
    )
    return FineTuned(model, tokenizer, log, {"truncated": truncated})


def _encode(tokenizer, items: pd.DataFrame, max_length: int) -> tuple[Inputs, int]:
    """Tokenised items, and how many of them were cut."""
    sides = items["sentence1"].tolist(), items["sentence2"].tolist()
    encoded = tokenise(tokenizer, *sides, truncation="longest_first", max_length=max_length)
    return model_inputs(tokenizer, encoded), sum(bool(one.overflowing) for one in encoded.encodings)


def _labels(items: pd.DataFrame) -> Tensor:
    return torch.tensor([LABELS.index(label) for label in items["gold_label"]])


def _objective(model, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    labels = batch["labels"]
    logits = model(**{name: value for name, value in batch.items() if name != "labels"}).float()
    return nn.functional.cross_entropy(logits, labels), {"accuracy": (logits.argmax(1) == labels).float().mean()}


def _classify(model, tokenizer, inputs: Inputs, *, at_once: int = 128) -> np.ndarray:
    """Number of the likeliest label of each item."""
    predicted = np.empty(len(inputs["input_ids"]), dtype=int)
    found = [(chosen, logits.argmax(1)) for chosen, logits in outputs(model, tokenizer, inputs, at_once)]
    if found:  # copied at the end: to copy a batch's labels would wait for the GPU
        batches, labels = zip(*found, strict=True)
        predicted[np.concatenate(batches)] = torch.cat(labels).cpu().numpy()
    return predicted


def predict(model, tokenizer, items: pd.DataFrame, settings: Nli = Nli(), *, at_once: int = 128) -> Predictions:
    """Predicted labels: ``language, pairID, gold, cluster`` (the premise), ``predicted``, in the order of the items.

    The model reads ``at_once`` items in one batch; but for rounding the results do not depend on it.
    """
    max_length = longest_input(settings.max_length, tokenizer, model)
    inputs, truncated = _encode(tokenizer, items, max_length)
    numbers = _classify(model, tokenizer, inputs, at_once=at_once)
    table = items[["language", "pairID", "gold_label"]].rename(columns={"gold_label": "gold"})
    table = table.assign(cluster=premises(items))
    table = table.reset_index(drop=True).assign(predicted=np.array(LABELS, dtype=object)[numbers])
    return Predictions(table, truncated)


def score(predictions: pd.DataFrame) -> pd.DataFrame:
    """``accuracy`` (XTREME's XNLI metric) and ``macro_f1`` (the paper says F1) per language, 0 to 100."""
    rows = []
    for language, group in predictions.groupby("language", sort=False):
        rows.append((language, "accuracy", 100 * accuracy_score(group["gold"], group["predicted"])))
        macro = f1_score(group["gold"], group["predicted"], labels=list(LABELS), average="macro", zero_division=0)
        rows.append((language, "macro_f1", 100 * float(macro)))
    return pd.DataFrame(rows, columns=["language", "metric", "value"])
