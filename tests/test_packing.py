"""Sentences that share a row of what the encoder reads have the hidden states and the gradient of rows of their own."""

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModel, DistilBertConfig, DistilBertModel

from otlib.training import packing
from otlib.training.objectives import EncoderLayers
from otlib.training.packing import PACKABLE, packed_states, packs, rows_of
from otlib.training.words import EncodedSentence, collate_words, hidden_states

LENGTHS = [5, 12, 3, 3, 9, 1, 7, 4]  # by which rows are longer than an encoder of 14 positions
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": 50}


def encoder_of(kind, attention="sdpa", **given):
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **SHAPE, max_position_embeddings=14, initializer_range=0.3, **given)
    return AutoModel.from_config(config, attn_implementation=attention).eval()


def batch_of(lengths=LENGTHS, pad_token_id=0):
    rng = np.random.default_rng(0)
    rows = [EncodedSentence(rng.integers(3, 50, n), np.arange(n), n, 0, False) for n in lengths]
    return collate_words(rows, pad_token_id=pad_token_id)


def states_and_gradient(states, model, batch):
    """Of the real subwords, and of a sum that weighs each of their numbers differently."""
    found = [x[batch.attention_mask.bool()] for x in states(model, batch, (1, 2))]
    model.zero_grad()
    sum((x * torch.linspace(-1, 1, x.numel()).view_as(x)).sum() for x in found).backward()
    return found, [p.grad for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", PACKABLE)
def test_hidden_states_and_gradient_are_those_of_rows_of_their_own(kind, attention, monkeypatch):
    model = encoder_of(kind, attention)
    batch = batch_of(pad_token_id=model.config.pad_token_id)
    read, real = [], model.forward
    monkeypatch.setattr(model, "forward", lambda **given: read.append(given["input_ids"].numel()) or real(**given))
    (apart, one_by_one), (together, packed) = (
        states_and_gradient(states, model, batch) for states in (hidden_states, packed_states)
    )
    assert read[1] < 0.6 * read[0]
    torch.testing.assert_close(together, apart, rtol=1e-4, atol=1e-5)
    assert len(packed) == len(one_by_one) > 10
    for ours, theirs in zip(packed, one_by_one, strict=True):
        assert (ours - theirs).norm() <= 1e-5 * max(theirs.norm(), 1.0)


def test_each_subword_has_one_place_and_rows_little_padding():
    lengths = np.random.default_rng(1).integers(3, 60, 40).tolist()
    rows = rows_of(lengths, 70)
    real = rows.sentence >= 0
    places = np.concatenate([row[:n] for row, n in zip(rows.place, lengths, strict=True)])
    assert len(set(places.tolist())) == real.sum() == sum(lengths) > 0.95 * real.size
    sentence, position = np.divmod(rows.taken[real], 70)
    assert (sentence == rows.sentence[real]).all() and (position == rows.position[real]).all()
    assert (rows.place[sentence, position] == real.ravel().nonzero()[0]).all()


@pytest.mark.parametrize("lengths", [[4], [6, 6, 6], [6, 5, 6]])
def test_what_holds_little_padding_is_read_as_it_is(lengths):
    """Hidden states are those of the padded batch to the last bit."""
    model, batch = encoder_of("bert"), batch_of(lengths)
    assert torch.equal(packed_states(model, batch, (2,))[0], hidden_states(model, batch, (2,))[0])


def test_an_encoder_with_other_positions_is_read_as_it_is():
    """DistilBERT takes no positions, and more models than these would mix neighbours without a word."""
    torch.manual_seed(0)
    model = DistilBertModel(DistilBertConfig(vocab_size=50, dim=32, n_layers=1, n_heads=2, hidden_dim=64)).eval()
    batch = batch_of()
    assert not packs(model) and packs(encoder_of("bert"))
    assert torch.equal(EncoderLayers(model, "last")(batch)[0], hidden_states(model, batch, (1,))[0])


def test_a_decoder_which_sees_only_what_went_before_is_read_as_it_is():
    model = encoder_of("bert", is_decoder=True)
    batch = batch_of()
    assert torch.equal(packed_states(model, batch, (2,))[0], hidden_states(model, batch, (2,))[0])


def test_an_older_transformers_is_given_no_mask_of_its_own(monkeypatch):
    monkeypatch.setattr(packing.transformers, "__version__", "4.57.1")
    assert not packs(encoder_of("bert"))
