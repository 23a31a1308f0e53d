"""Words as the subwords of running text, and special tokens as plain text, for every kind of tokenizer.

The tokenizers are built by hand, so that their pieces can be read off by eye.
"""

import pandas as pd
import pytest
from counting import count_words
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer, GPT2Config, GPT2Model, PreTrainedTokenizerFast

from otlib.tasks.nli import _encode
from otlib.tasks.qa import _questions, _windows
from otlib.training.pretrain import _pieces
from otlib.training.words import embed_corpus, encode_words, load_encoder, tokenise

NAMES = {f"{name}_token": f"<{name}>" for name in ("pad", "bos", "eos", "unk", "mask")}
LETTERS = [*"abcdefghijklmnopqrstuvwxyzACDEKLMNPSU/|é猫<>[]"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def wrapped(backend, names=NAMES, ends="<bos> $A <eos>", **options):
    """As the hub's: with names of special tokens, which a tokenizer.json lists."""
    backend.add_special_tokens([*names.values(), "<|endoftext|>"])
    special = [(name, backend.token_to_id(name)) for name in names.values()]
    pair = f"{ends} {ends.replace('$A', '$B')}"
    backend.post_processor = processors.TemplateProcessing(single=ends, pair=pair, special_tokens=special)
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names, **options)


def bpe(blank, words, letters, **options):
    """Merges that build each word from its first letter on, words with a blank first."""
    pieces = [blank + word for word in words] + words[:1]
    merges = dict.fromkeys((piece[:end], piece[end]) for piece in pieces for end in range(1, len(piece)))
    known = dict.fromkeys([*NAMES.values(), *letters, *(a + b for a, b in merges)])
    return Tokenizer(models.BPE({piece: i for i, piece in enumerate(known)}, list(merges), **options))


WORDS = ["the", "house", "is", "red"]
FALLBACK = {"unk_token": "<unk>", "byte_fallback": True, "fuse_unk": True}


def byte_level(trim_offsets=True):
    """RoBERTa, GPT-2, ModernBERT; RoBERTa's offsets leave out the blank."""
    backend = bpe("Ġ", WORDS, sorted(pre_tokenizers.ByteLevel.alphabet()))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = wrapped(backend)
    if trim_offsets:
        template = tokenizer.backend_tokenizer.post_processor
        trimmed = processors.Sequence([processors.ByteLevel(trim_offsets=True), template])
        tokenizer.backend_tokenizer.post_processor = trimmed
    return tokenizer


def prepend():
    """Llama of old: a normalizer puts the mark of a blank before the text and for every blank."""
    backend = bpe("▁", WORDS, [*BYTES, "▁", *LETTERS], **FALLBACK)
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return wrapped(backend, ends="<bos> $A")


def metaspace():
    """Llama as it is converted today: the same by a pre-tokenizer, which cuts nothing."""
    backend = bpe("▁", WORDS, [*BYTES, "▁", *LETTERS], **FALLBACK)
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    return wrapped(backend, ends="<bos> $A")


def replace():
    """Gemma: no mark before the text."""
    backend = bpe("▁", WORDS, [*BYTES, "▁", *LETTERS], **FALLBACK)
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    return wrapped(backend, ends="<bos> $A")


def unigram():
    """XLM-R, whose vocabulary has the special tokens among its pieces."""
    pieces = [*NAMES.values(), "<|endoftext|>", "▁", *LETTERS, *(f"▁{word}" for word in WORDS)]
    backend = Tokenizer(models.Unigram([(piece, 0.0 if piece[1:] else -9.0) for piece in pieces], unk_id=3))
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    return wrapped(backend)


def wordpiece(names=None):
    """BERT."""
    names = names or {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    pieces = [*names.values(), "<|endoftext|>", *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)]
    backend = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return wrapped(backend, names, ends="[CLS] $A [SEP]")


def whole_words():
    """BERT's model over blanks alone: a special token is one word of the text."""
    tokenizer = wordpiece()
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return tokenizer


FAMILIES = {
    build.__name__: build for build in (byte_level, prepend, metaspace, replace, unigram, wordpiece, whole_words)
} | {"untrimmed": lambda: byte_level(trim_offsets=False)}


def mapped(tokenizer, words, max_length=99):
    """Subwords with the number of their word, special tokens left out."""
    (row,) = encode_words(tokenizer, [words], max_length=max_length)
    special = {*tokenizer.all_special_ids} - {tokenizer.unk_token_id}
    pieces = zip(tokenizer.convert_ids_to_tokens(row.input_ids), row.input_ids, row.word_index, strict=True)
    return " ".join(f"{piece}:{word}" for piece, number, word in pieces if number not in special)


@pytest.mark.parametrize(
    ("family", "words", "expected"),
    [
        ("byte_level", "the house is red", "the:0 Ġhouse:1 Ġis:2 Ġred:3"),
        ("untrimmed", "the house is red", "the:0 Ġhouse:1 Ġis:2 Ġred:3"),
        ("prepend", "the house is red", "▁the:0 ▁house:1 ▁is:2 ▁red:3"),
        ("metaspace", "the house is red", "▁the:0 ▁house:1 ▁is:2 ▁red:3"),
        ("replace", "the house is red", "the:0 ▁house:1 ▁is:2 ▁red:3"),
        ("unigram", "the house is red", "▁the:0 ▁house:1 ▁is:2 ▁red:3"),
        ("wordpiece", "the house is red", "the:0 house:1 is:2 red:3"),
        # one character of several pieces, and a blank that no piece joins to the word after it
        ("byte_level", "the ☃ red", "the:0 Ġ:1 â:1 ĺ:1 ĥ:1 Ġred:2"),
        ("untrimmed", "the ☃ red", "the:0 Ġ:1 â:1 ĺ:1 ĥ:1 Ġred:2"),
        ("prepend", "☃ the", "▁:0 <0xE2>:0 <0x98>:0 <0x83>:0 ▁the:1"),
        ("metaspace", "☃ the", "▁:0 <0xE2>:0 <0x98>:0 <0x83>:0 ▁the:1"),
        ("replace", "the ☃ red", "the:0 ▁:1 <0xE2>:1 <0x98>:1 <0x83>:1 ▁red:2"),
        # words of nothing, or of blanks, have no subword and add no blank to the text
        ("byte_level", ["", "the", "\u00a0", "", "red", " "], "the:1 Ġred:4"),
        ("replace", ["", "the", "  ", "", "red", ""], "the:1 ▁red:4"),
        # a word may hold blanks, or have them at its ends
        ("byte_level", ["the house", " is ", "red"], "the:0 Ġhouse:0 Ġis:1 Ġred:2"),
        ("prepend", ["the house", " is ", "red"], "▁the:0 ▁house:0 ▁is:1 ▁red:2"),
    ],
)
def test_subwords_of_words_are_those_of_the_text(family, words, expected):
    """Tokenised one by one, words of byte-level tokenizers lost their blanks: ``the ho use`` for ``the Ġhouse``."""
    assert mapped(FAMILIES[family](), words.split(" ") if isinstance(words, str) else words) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_subwords_are_those_that_the_tasks_read(family):
    """Alignment and fine-tuning must see the same input for the same sentence."""
    tokenizer = FAMILIES[family]()
    sentences = ["the house is red", "is é the猫", "red", "the|house < is [red]"]
    rows = encode_words(tokenizer, [sentence.split() for sentence in sentences], max_length=99)
    assert [row.input_ids.tolist() for row in rows] == tokenizer(sentences)["input_ids"]


@pytest.mark.parametrize("family", ["byte_level", "prepend", "replace"])
def test_a_word_cut_in_two_is_missing_whatever_the_tokenizer(family):
    """The words before it keep their subwords, and those after it have none."""
    tokenizer = FAMILIES[family]()
    ends = 1 + (family == "byte_level")
    words = ["the", "house", "is", "redo", "is"]
    for kept, expected in ((3, [0, 1, 2]), (4, [0, 1, 2, -1]), (5, [0, 1, 2, 3, 3])):
        rows = encode_words(tokenizer, [words], max_length=kept + ends)
        assert rows[0].word_index[1 : kept + 1].tolist() == expected
        counts = {"sentences": 1, "truncated": 1, "words": 5, "missing_words": 5 - len({*expected} - {-1})}
        assert count_words(rows) == counts


def test_a_subword_of_two_words_is_the_firsts_and_the_other_is_counted_as_missing():
    """Such a piece exists where nothing keeps merges from going over blanks."""
    backend = bpe("▁", ["of▁the", "house"], ["▁", *LETTERS], unk_token="<unk>")
    backend.normalizer = normalizers.Replace(" ", "▁")
    tokenizer = wrapped(backend)
    assert mapped(tokenizer, ["of", "the", "house"]) == "of▁the:0 ▁house:2"
    assert count_words(encode_words(tokenizer, [["of", "the", "house"]], max_length=9))["missing_words"] == 1


# Special tokens


def named(tokenizer):
    return [*tokenizer.all_special_tokens, "<|endoftext|>"]


@pytest.mark.parametrize("family", FAMILIES)
def test_special_tokens_in_a_text_are_plain_text(family):
    """A corpus crawled from the web, or a text about BERT, has them; read as such they would end the sentence."""
    tokenizer = FAMILIES[family]()
    special = {*tokenizer.convert_tokens_to_ids(named(tokenizer))}
    ends = [number for number in tokenizer("the")["input_ids"] if number in special]
    words = ["the", *named(tokenizer), "".join(named(tokenizer)), "red"]
    (row,) = encode_words(tokenizer, [words], max_length=999)
    assert [number for number in row.input_ids if number in special] == ends
    assert {*row.word_index.tolist()} - {-1} == {*range(len(words))}

    text = " ".join(words)
    pieces = [tokenizer.cls_token_id, *_pieces([text], tokenizer, 999)[0]]
    assert not special & {*pieces[1:]}
    items = pd.DataFrame({"sentence1": [text], "sentence2": [text]})
    (pair,) = _encode(tokenizer, items, 999)[0]["input_ids"]
    assert [number for number in pair.tolist() if number in special] == ends + ends
    items = pd.DataFrame({"question": [text], "context": [text]})
    (pair,) = _windows(tokenizer, items, 999, 9).inputs["input_ids"]
    assert [number for number in pair.tolist() if number in special] == ends + ends
    assert _questions(tokenizer, [tokenizer.mask_token], 1)[1] == 1  # several subwords: cut after the first


def test_a_special_token_alone_is_plain_text_where_bpe_looks_words_up_whole():
    """With ``ignore_merges``, as of Llama 3, a word that is a piece is not put together from its letters."""
    backend = bpe("▁", WORDS, ["▁", *LETTERS], ignore_merges=True)
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = wrapped(backend)
    (row,) = encode_words(tokenizer, [["the", "<eos>"]], max_length=99)
    assert " ".join(tokenizer.convert_ids_to_tokens(row.input_ids)) == "<bos> the < e o s > <eos>"


@pytest.mark.parametrize("family", FAMILIES)
def test_reading_plain_text_leaves_the_tokenizer_as_it_was(family, tmp_path):
    """It is saved with the encoder, for which ``[MASK]`` in a text may well be the mask."""
    tokenizer = FAMILIES[family]()
    before = tokenizer.backend_tokenizer.to_str()
    tokenise(tokenizer, ["the house"])
    assert tokenizer.backend_tokenizer.to_str() == before
    tokenizer.save_pretrained(tmp_path)
    for again in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        assert again.mask_token_id in again(f"the {tokenizer.mask_token}")["input_ids"]


def test_a_tokenizer_that_cuts_at_the_left_cuts_questions_there():
    """What is left of one fits half a window, as it must: else no window would have room for its context."""
    tokenizer = wordpiece()
    tokenizer.truncation_side = "left"
    items = pd.DataFrame({"question": ["the house is red " * 9 + "is the house"], "context": ["red house"]})
    windows = _windows(tokenizer, items, 12, 2)
    pieces = tokenizer.convert_ids_to_tokens(windows.inputs["input_ids"][0])
    assert " ".join(pieces) == "[CLS] house is red is the house [SEP] [CLS] red house [SEP]"
    assert windows.cut_questions == 1


def test_an_encoder_without_a_padding_token_is_read(tmp_path):
    """GPT-2 and Llama have none; what stands in for it is never attended to."""
    names = {name: token for name, token in NAMES.items() if name != "pad_token"}
    backend = bpe("Ġ", WORDS, sorted(pre_tokenizers.ByteLevel.alphabet()))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    wrapped(backend, names, ends="$A").save_pretrained(tmp_path)
    GPT2Model(GPT2Config(vocab_size=400, n_embd=8, n_layer=1, n_head=2, n_positions=16)).save_pretrained(tmp_path)
    tokenizer, model = load_encoder(tmp_path)
    sentences = [["the", "house"], ["red"]]
    (_, short), _ = embed_corpus(model.eval(), tokenizer, sentences)
    (alone,), _ = embed_corpus(model, tokenizer, sentences[1:])
    assert short.shape == (1, 8) and short.allclose(alone, atol=1e-5)
