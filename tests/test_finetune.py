import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel, DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

import otlib.tasks.finetune
from otlib.settings import FineTuning
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
