from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

import otlib.tasks.aligning
import otlib.tasks.finetune
from otlib.data.text import ParallelText
from otlib.settings import Align, FineTuning, WhileTuning
from otlib.tasks.aligning import Aligning, gradient_cosine
from otlib.tasks.finetune import FineTuned, batches_by_length, fit, model_inputs, pad
from otlib.training.pretrain import train_tokenizer
from otlib.training.words import freeze_layers

PAIRS = [("a dog", "it"), ("the dog reads a book .", "a book"), ("reads", "every dog reads every book")]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    """Every word is a subword."""
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "text").write_text("\n".join(" ".join(pair) for pair in PAIRS * 3))
    return train_tokenizer([folder / "text"], folder, vocabulary_size=100, lowercase=True)


def encoded(tokenizer, **options):
    return tokenizer([left for left, _ in PAIRS], [right for _, right in PAIRS], **options)


def test_padding_equals_the_tokenizers_own(tokenizer):
    """The reference is slower: it pads lists, one item after the other."""
    found = pad(tokenizer, model_inputs(tokenizer, encoded(tokenizer)), range(len(PAIRS)))
    expected = encoded(tokenizer, padding=True, return_tensors="pt")
    assert set(found) == set(expected) == {"input_ids", "token_type_ids", "attention_mask"}
    for name in expected:
        assert torch.equal(found[name], expected[name])


def test_padding_is_what_the_tokenizer_says(tokenizer):
    """XLM-R's padding has another number than BERT's zero."""
    other = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, pad_token="[MASK]")
    other.model_input_names = ["input_ids", "attention_mask"]
    batch = pad(other, model_inputs(other, encoded(tokenizer)), [0, 2])
    assert set(batch) == {"input_ids", "attention_mask"}
    assert (batch["input_ids"][batch["attention_mask"] == 0] == 4).all()
    assert (batch["input_ids"][batch["attention_mask"] == 1] != 4).all()


def test_batches_by_length_hold_every_item_once_and_the_shortest_first():
    """An item left out would have no prediction."""
    inputs = {"input_ids": [torch.zeros(n) for n in (5, 3, 9, 3, 1)]}
    batches = batches_by_length(inputs, 2)
    assert [batch.tolist() for batch in batches] == [[4, 1], [3, 0], [2]]


def test_each_row_of_a_batch_has_its_own_target(tmp_path, monkeypatch):
    """Batches are drawn and sorted by length: a target that stayed behind would teach another item's answer."""
    inputs = {"input_ids": [torch.full((1 + number % 7,), number + 1) for number in range(20)]}
    targets = {"number": torch.arange(20), "twice": torch.arange(40).reshape(20, 2)}
    read = []
    monkeypatch.setattr(otlib.tasks.finetune, "train", lambda model, loader, *_, **__: read.extend(loader))
    tokenizer = type("Padding", (), {"pad_token_id": 0, "pad_token_type_id": 0})
    settings = FineTuning(steps=5, batch_size=4, accumulation=2)
    fit(
        nn.Identity(),
        tokenizer,
        inputs,
        targets,
        None,
        settings,
        folder=tmp_path,
        seed=0,
        resume=False,
        evaluate=None,
        description="task",
    )
    assert len(read) == 10
    for batch in read:
        assert torch.equal(batch["input_ids"][:, 0], batch["number"] + 1)
        assert torch.equal(batch["twice"][:, 1], 2 * batch["number"] + 1)
    seen = np.concatenate([batch["number"] for batch in read])
    assert sorted(seen) == sorted([*range(20)] * 2)


def test_freezing_more_than_there_is_is_refused():
    """A slice past the end would freeze less than was asked for, and say nothing."""
    config = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)
    model = BertModel(config)
    with pytest.raises(ValueError, match="between 0 and 3 for this encoder, got 4"):
        freeze_layers(model, range(4))


def test_an_encoder_of_another_build_can_be_tuned_but_not_frozen():
    """Not freezing must not ask for BERT's parts."""
    model = DistilBertModel(DistilBertConfig(vocab_size=50, dim=8, n_layers=1, n_heads=2, hidden_dim=16))
    freeze_layers(model, range(0))
    with pytest.raises(ValueError, match="freeze must be off for a DistilBertModel"):
        freeze_layers(model, range(1))


def test_a_fine_tuned_model_knows_how_many_steps_were_skipped():
    """The sum over the rows of the log; one written before they were counted has no such column."""
    assert FineTuned(None, None, pd.DataFrame({"step": [10, 20], "skipped": [0, 2]}), {}).skipped == 2
    assert FineTuned(None, None, pd.DataFrame({"step": [10, 20]}), {}).skipped == 0


# Aligning while a task is taught


@pytest.fixture(scope="module")
def parallel():
    source = [["hund", "liest", "buch"], ["katze", "sieht"], ["buch", "."], ["der", "hund", "sieht", "katze"]]
    pivot = [["dog", "reads", "book"], ["cat", "sees"], ["book", "."], ["the", "dog", "sees", "cat"]]
    return {"de": ParallelText("de", source, pivot), "fr": ParallelText("fr", source[::-1], pivot[::-1])}


class Classifier(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder, self.head = encoder, nn.Linear(8, 2)

    def forward(self, **inputs):
        return self.head(self.encoder(**inputs).last_hidden_state[:, 0])


def cross_entropy(model, batch):
    labels = batch["labels"]
    logits = model(**{name: value for name, value in batch.items() if name != "labels"})
    return nn.functional.cross_entropy(logits, labels), {"seen": torch.tensor(float(len(labels)))}


@pytest.fixture
def task(tmp_path):
    (tmp_path / "text").write_text("a dog reads the book . hund liest buch katze sieht der cat sees\n" * 9)
    tokenizer = train_tokenizer([tmp_path / "text"], tmp_path, vocabulary_size=80, lowercase=True)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=80, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16)
    model = Classifier(BertModel(config, add_pooling_layer=False))
    inputs = model_inputs(tokenizer, tokenizer(["a dog reads", "the book"] * 8))
    return model, tokenizer, inputs, {"labels": torch.tensor([0, 1] * 8)}


def tune(task, folder, parallel, *, steps=8, accumulation=1, resume=False, save_every=None, **while_tuning):
    model, tokenizer, inputs, targets = task
    given = FineTuning(steps=steps, accumulation=accumulation, batch_size=4, learning_rate=1e-2, save_every=save_every)
    aligning = None
    if while_tuning:
        aligning = Aligning(parallel, Align(batch_size=2, while_tuning=WhileTuning(**while_tuning)))
    options = {
        "folder": folder,
        "seed": 0,
        "resume": resume,
        "evaluate": lambda model: {"heads": model.head.out_features},
    }
    return fit(model, tokenizer, inputs, targets, cross_entropy, given, description="", aligning=aligning, **options)


def test_an_alignment_term_stands_in_every_so_many_steps_and_the_task_in_all(task, tmp_path, parallel, monkeypatch):
    batches = []

    def train(model, loader, objective, settings, **options):
        model.eval()  # no dropout
        for batch in loader:
            batches.append(batch)
            loss, terms = objective(model, batch)
            alone, _ = cross_entropy(task[0], batch["task"])
            if batch["pairs"] is None:
                torch.testing.assert_close(loss, alone)
            else:
                torch.testing.assert_close(loss, alone + 0.5 * terms["alignment"])
                assert {"divergence_de", "divergence_fr", "anchor", "spread"} <= set(terms)
            assert ("gradient_cosine" in terms) == batch["compares"]
        return options["evaluate"](model)

    monkeypatch.setattr(otlib.tasks.finetune, "train", train)
    assert tune(task, tmp_path, parallel, steps=12, every=2, weight=0.5) == {"heads": 2}
    assert [batch["pairs"] is not None for batch in batches] == [True, False] * 6
    assert [number for number, batch in enumerate(batches) if batch["compares"]] == [0, 10]
    batches.clear()
    tune(task, tmp_path, parallel, steps=4, accumulation=2, every=2, weight=0.5)
    assert [batch["pairs"] is not None for batch in batches] == [True, True, False, False] * 2


def test_the_cosine_of_gradients_is_that_of_both_losses_by_what_they_share():
    shared, own = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)
    one, other = (shared * torch.tensor([3.0, 4.0])).sum() + own.sum(), (shared * torch.tensor([4.0, 3.0])).sum()
    assert gradient_cosine(one, other, [shared, own]).item() == pytest.approx(24 / 25)
    assert gradient_cosine(one, -one, [shared, own]).item() == pytest.approx(-1)


def test_the_term_draws_languages_together_that_the_task_alone_leaves_apart(task, tmp_path, parallel):
    log = tune(task, tmp_path, parallel, steps=60, every=1, weight=1.0)
    assert log["divergence_de"].iloc[-1] < 0.5 * log["divergence_de"].iloc[0]
    assert log["loss"].notna().all() and (log["heads"].dropna() == 2).all()
    assert "divergence_de" not in tune(task, tmp_path / "alone", parallel)


def test_a_joint_training_resumes_where_it_was(task, tmp_path, parallel, monkeypatch):
    start = deepcopy(task[0].state_dict())
    tune(task, tmp_path / "whole", parallel, save_every=4, every=2)
    whole = deepcopy(task[0].state_dict())
    task[0].load_state_dict(start)
    real, calls = otlib.tasks.aligning._Term.__call__, []

    def stops(self, model, batch):
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return real(self, model, batch)

    monkeypatch.setattr(otlib.tasks.aligning._Term, "__call__", stops)
    with pytest.raises(KeyboardInterrupt):
        tune(task, tmp_path / "parts", parallel, save_every=4, every=2)
    task[0].load_state_dict(start)
    tune(task, tmp_path / "parts", parallel, save_every=4, every=2, resume=True)
    assert len(calls) == 7 + 4
    for name, weights in task[0].state_dict().items():
        torch.testing.assert_close(weights, whole[name], rtol=0, atol=0)
