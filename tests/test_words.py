from types import SimpleNamespace

import pytest
import torch
from counting import count_words
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModel,
    BertConfig,
    BertModel,
    DebertaV2Config,
    ModernBertConfig,
    PreTrainedTokenizerFast,
    T5Config,
    XLMRobertaConfig,
    XLMRobertaModel,
    XLNetConfig,
)

from otlib.tasks.finetune import MeanPooledClassifier
from otlib.training.words import (
    POOLINGS,
    collate_words,
    embed_corpus,
    embed_layers,
    embed_words,
    encode_words,
    load_encoder,
    longest_input,
    pool_words,
    resolve_layers,
)

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "##s", "##ly", "play", "##ed", "."]


@pytest.fixture(scope="module")
def tokenizer():
    vocabulary = {piece: number for number, piece in enumerate(PIECES)}
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(PIECES),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
    )
    return BertModel(config).eval()


SENTENCES = [["the", "cats", "played", "."], ["catsly"], ["cat", "", "the"], []]


def batch_of(tokenizer, sentences, max_length=32):
    return collate_words(encode_words(tokenizer, sentences, max_length=max_length), pad_token_id=0)


def by_hand(tokenizer, words):
    """Subword positions of each word, tokenising word by word."""
    position, places = 1, []
    for word in words:
        count = len(tokenizer.tokenize(word)) if word else 0
        places.append(list(range(position, position + count)))
        position += count
    return places


@pytest.mark.parametrize("pooling", ["last", "first", "mean"])
def test_pooled_vector_is_that_of_the_words_own_subwords(tokenizer, pooling):
    """Definition of the poolings, against tokenising one word at a time."""
    batch = batch_of(tokenizer, SENTENCES)
    hidden = torch.randn(*batch.input_ids.shape, 8)
    vectors, mask = pool_words(hidden, batch, pooling=pooling)
    for row, words in enumerate(SENTENCES):
        for word, places in enumerate(by_hand(tokenizer, words)):
            assert bool(mask[row, word]) == bool(places)
            if places:
                subwords = hidden[row, places]
                expected = {"last": subwords[-1], "first": subwords[0], "mean": subwords.mean(0)}[pooling]
                torch.testing.assert_close(vectors[row, word], expected)


def test_words_without_subwords_and_padding_are_masked_and_zero(tokenizer):
    """A word that the tokenizer drops must not shift the words after it."""
    batch = batch_of(tokenizer, SENTENCES)
    for pooling in POOLINGS:
        vectors, mask = pool_words(torch.randn(*batch.input_ids.shape, 4), batch, pooling=pooling)
        assert not vectors[~mask].any()
        assert vectors[mask].abs().sum(-1).min() > 0
    _, mask = pool_words(torch.randn(*batch.input_ids.shape, 4), batch, pooling="last")
    assert mask.tolist() == [[True] * 4, [True] + [False] * 3, [True, False, True, False], [False] * 4]


def test_subword_pooling_keeps_every_subword_of_a_word(tokenizer):
    """SubOT: items are subwords, special tokens are none."""
    batch = batch_of(tokenizer, SENTENCES)
    _, mask = pool_words(torch.randn(*batch.input_ids.shape, 4), batch, pooling="subword")
    assert mask.sum(1).tolist() == [6, 3, 2, 0]


def test_words_that_truncation_drops_or_cuts_are_masked_and_counted(tokenizer):
    """The last subword kept of a word cut in two is not the word's last subword."""
    sentences = [["the", "cat", "played"], ["the"]]
    batch = batch_of(tokenizer, sentences, max_length=5)
    _, mask = pool_words(torch.randn(*batch.input_ids.shape, 4), batch, pooling="last")
    assert mask.tolist() == [[True, True, False], [True, False, False]]
    counts = count_words(encode_words(tokenizer, sentences, max_length=5))
    assert counts == {"sentences": 2, "truncated": 1, "words": 4, "missing_words": 1}


def test_gradient_reaches_the_pooled_subwords_only(tokenizer):
    """Masked positions must not train on their padding."""
    batch = batch_of(tokenizer, SENTENCES)
    hidden = torch.randn(*batch.input_ids.shape, 4, requires_grad=True)
    pool_words(hidden, batch, pooling="last")[0].sum().backward()
    touched = hidden.grad.abs().sum(-1) > 0
    expected = torch.zeros_like(touched)
    for row, words in enumerate(SENTENCES):
        for places in by_hand(tokenizer, words):
            if places:
                expected[row, places[-1]] = True
    assert torch.equal(touched, expected)


def test_padding_changes_no_vector(tokenizer, model):
    """A sentence has the same vectors alone and beside a longer one."""
    sentences = [["the", "cat"], ["the", "cats", "played", ".", "the", "cats", "played", "."]]
    together, mask = embed_words(model, batch_of(tokenizer, sentences), layers=(-1,), pooling="last")
    for row, words in enumerate(sentences):
        alone, _ = embed_words(model, batch_of(tokenizer, [words]), layers=(-1,), pooling="last")
        torch.testing.assert_close(together[0][row][mask[row]], alone[0][0], atol=1e-5, rtol=1e-4)


def test_embed_corpus_equals_one_batch_in_the_order_given(tokenizer, model):
    """Sorting by length must not change the order of the results, nor the model's mode."""
    model.train()
    vectors, masks = embed_corpus(model, tokenizer, SENTENCES, at_once=2)
    assert model.training
    model.eval()
    (expected,), mask = embed_words(model, batch_of(tokenizer, SENTENCES), layers=(-1,), pooling="last")
    for row, words in enumerate(SENTENCES):
        assert vectors[row].shape == (len(words), 32)
        assert torch.equal(masks[row], mask[row, : len(words)])
        torch.testing.assert_close(vectors[row], expected[row, : len(words)].detach(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("pooling", ["last", "mean", "subword"])
def test_vectors_of_a_corpus_are_those_of_its_batches_to_the_last_digit_and_may_be_trained_on(
    tokenizer, model, pooling
):
    layers = range(model.config.num_hidden_layers + 1)
    found, masks = embed_layers(model, tokenizer, SENTENCES[:1], layers, pooling)
    expected, mask = embed_words(model.eval(), batch_of(tokenizer, SENTENCES[:1]), layers=layers, pooling=pooling)
    kept = mask[0] if pooling == "subword" else slice(len(SENTENCES[0]))
    assert torch.equal(masks[0], mask[0][kept])
    for (vectors,), of_layer in zip(found, expected, strict=True):
        assert torch.equal(vectors, of_layer[0][kept])
        weight = torch.ones(vectors.shape[1], requires_grad=True)
        (vectors * weight).sum().backward()  # keeps the vectors for the gradient, which those of inference refuse
        torch.testing.assert_close(weight.grad, vectors.sum(0))


def test_sentences_longer_than_the_encoder_are_cut_there(tokenizer, model):
    """A position beyond the encoder's last would fail, or read outside the table on a GPU."""
    limit = model.config.max_position_embeddings
    with pytest.warns(UserWarning, match=f"1 of 2 sentences were cut at {limit} subwords"):
        (vectors, _), (mask, _) = embed_corpus(model, tokenizer, [["cat"] * 2 * limit, ["cat"]], max_length=10 * limit)
    assert len(vectors) == 2 * limit and mask.sum() == limit - 2
    assert not vectors.requires_grad and (vectors[~mask] == 0).all()


NO_LIMIT = SimpleNamespace(model_max_length=int(1e30))  # what transformers says where a tokenizer names none
TINY = {"vocab_size": 20, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.mark.parametrize(
    ("build", "options", "longest"),
    [
        ("bert", {}, 50),
        ("albert", {"embedding_size": 16}, 50),
        ("electra", {"embedding_size": 16}, 50),
        ("rembert", {"input_embedding_size": 16}, 50),
        ("distilbert", {"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}, 50),
        ("xlm", {"emb_dim": 32, "n_layers": 1, "n_heads": 2}, 50),
        ("nystromformer", {}, 50),  # its table has two rows more, which stay unused
        ("deberta", {}, 50),
        ("xlm-roberta", {}, 48),  # XLM-R's first position is the one after padding's
        ("xlm-roberta", {"pad_token_id": 3}, 46),
        ("camembert", {}, 48),
        ("xmod", {"languages": ["en"], "default_language": "en"}, 48),
        ("mpnet", {}, 48),
        ("data2vec-text", {}, 48),
        ("longformer", {"attention_window": [4]}, 48),
    ],
)
def test_an_encoder_takes_what_its_table_of_positions_holds(build, options, longest):
    """One subword more would fail, or on a GPU read what lies behind the table."""
    config = AutoConfig.for_model(build, **{**TINY, "max_position_embeddings": 50, **options})
    encoder = AutoModel.from_config(config).eval()
    assert longest_input(100, NO_LIMIT, encoder) == longest
    assert longest_input(100, NO_LIMIT, MeanPooledClassifier(encoder)) == longest
    encoder(torch.full((1, longest), 5), attention_mask=torch.ones(1, longest))
    with pytest.raises((IndexError, RuntimeError)):
        encoder(torch.full((1, longest + 1), 5), attention_mask=torch.ones(1, longest + 1))


@pytest.mark.parametrize(
    ("config", "longest"),
    [
        (T5Config(), 100),  # names no number of positions
        (XLNetConfig(), 100),  # -1
        (ModernBertConfig(max_position_embeddings=60), 60),  # no table, but the length that it was trained for
        (DebertaV2Config(position_biased_input=False, max_position_embeddings=60), 60),
    ],
)
def test_an_encoder_without_a_table_of_positions_takes_what_its_config_says(config, longest):
    """Its positions are relative, or rotations: nothing fails beyond, but nothing was learnt there."""
    encoder = SimpleNamespace(config=config, named_modules=lambda: [])
    assert longest_input(100, NO_LIMIT, encoder) == longest
    assert (
        longest_input(100, SimpleNamespace(model_max_length=30), encoder) == longest_input(30, NO_LIMIT, encoder) == 30
    )


def test_layers_are_the_hidden_states_of_any_encoder(tokenizer):
    """0 is the embeddings, -1 the last layer; nothing in the code is BERT's own."""
    config = XLMRobertaConfig(
        vocab_size=len(PIECES),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=34,
        pad_token_id=0,
    )
    encoder = XLMRobertaModel(config).eval()
    batch = batch_of(tokenizer, SENTENCES[:3])
    chosen = resolve_layers("all", config)
    assert chosen == (0, 1, 2)
    every, _ = embed_words(encoder, batch, layers=chosen, pooling="last")
    (last,), _ = embed_words(encoder, batch, layers=(-1,), pooling="last")
    torch.testing.assert_close(every[-1], last)
    assert not torch.allclose(every[0], every[1])


def test_layers_that_are_not_there_are_refused(model):
    """An index past the last layer would fail deep inside a training run."""
    assert resolve_layers("last", model.config) == (2,)
    assert resolve_layers([-1, 0], model.config) == (2, 0)
    for wrong in ([3], [-4], "first", []):
        with pytest.raises(ValueError, match="layer"):
            resolve_layers(wrong, model.config)


def test_padding_equals_the_tokenizers_own(tokenizer):
    """The tokenizer pads as well, all sentences at once."""
    batch = batch_of(tokenizer, SENTENCES)
    expected = tokenizer(SENTENCES, is_split_into_words=True, padding=True, return_tensors="pt")
    assert torch.equal(batch.input_ids, expected["input_ids"])
    assert torch.equal(batch.attention_mask, expected["attention_mask"])
    for row in range(len(SENTENCES)):
        words = [-1 if word is None else word for word in expected.word_ids(row)]
        assert batch.word_index[row].tolist() == words
    assert batch.longest == 4


def test_no_sentences_have_no_vectors(tokenizer, model):
    """Tokenizers fail on an empty list."""
    assert embed_corpus(model, tokenizer, []) == ([], [])


def test_unknown_pooling_is_refused(tokenizer):
    """Bad input gives one clear sentence."""
    batch = batch_of(tokenizer, SENTENCES)
    with pytest.raises(ValueError, match="pooling must be one of last, first, mean, subword, got 'max'"):
        pool_words(torch.zeros(*batch.input_ids.shape, 2), batch, pooling="max")


def test_slow_tokenizer_is_refused():
    """It does not say which word a subword belongs to."""
    with pytest.raises(ValueError, match="word boundaries need a fast tokenizer, got SimpleNamespace"):
        encode_words(SimpleNamespace(is_fast=False), SENTENCES, max_length=8)


@pytest.mark.parametrize("error", [OSError(), ValueError("\n\n")])
def test_an_encoder_that_fails_without_words_is_named_all_the_same(monkeypatch, error):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr("otlib.training.words.AutoConfig.from_pretrained", broken)
    with pytest.raises(
        FileNotFoundError, match=r"no complete encoder at owner/name: .*\(config.json: it gives no reason\)"
    ):
        load_encoder("owner/name")
