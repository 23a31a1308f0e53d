"""Golden maps from subwords to words, for a tokenizer built as mBERT's and one built as XLM-R's.

Both are trained here, so that the maps can be read off by eye: the words below are pieces as a whole, and so is every
letter. (Pieces between the two depend on how the trainer breaks ties, and no sentence below needs one.)
"""

import pytest
import torch
from counting import count_words
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from otlib.training.words import collate_words, encode_words, pool_words

WORDS = ["cat", "play", "Vorsicht", "das", "котка", "γάτα", "القط", "बिल्ली", "แมว", "猫", "家"]
LETTERS = [*"sedtaияςو", "ि", "า", "-", "'", "."]
TEXT = WORDS * 30 + [word + "q" for word in WORDS] * 5 + LETTERS * 2 + ["q" + letter for letter in LETTERS]


@pytest.fixture(scope="module")
def wordpiece():
    """As mBERT cased: cut at punctuation and around Chinese characters, pieces within a word begin with ##."""
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=1000, min_frequency=10, special_tokens=special, show_progress=False)
    backend.train_from_iterator(TEXT, trainer)
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]")


@pytest.fixture(scope="module")
def sentencepiece():
    """As XLM-R: a unigram model whose marker of a blank, ▁, opens every word given, alone if need be."""
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=1000, special_tokens=special, unk_token="<unk>", show_progress=False)
    backend.train_from_iterator(TEXT, trainer)
    ends = [("<s>", 0), ("</s>", 2)]
    backend.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=ends)
    return PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="<pad>", unk_token="<unk>")


# Words, their subwords with the word of each, and the places of each word's first and last subword (None: no vector).
GOLDEN = {
    "wordpiece": [
        # several subwords
        (["cat", "cats", "played"], "cat:0 cat:1 ##s:1 play:2 ##e:2 ##d:2", [1, 2, 4], [1, 3, 6]),
        # punctuation within a word does not end it
        (["cat's", "play-cat", "."], "cat:0 ':0 s:0 play:1 -:1 cat:1 .:2", [1, 4, 7], [3, 6, 7]),
        # unknown words are one piece, and are words like others
        (["das", "☃☃cat", "بيت", "das"], "das:0 [UNK]:1 [UNK]:2 das:3", [1, 2, 3, 4], [1, 2, 3, 4]),
        # a joiner, a control character and nothing at all yield no subword, and shift no word after them
        (["cat", "\u200d", "das", "", "\x00", "cat"], "cat:0 das:2 cat:5", [1, 0, 2, 0, 0, 3], [1, 0, 2, 0, 0, 3]),
        (["das", "\u00a0", "cat"], "das:0 cat:2", [1, 0, 2], [1, 0, 2]),
        (["котката", "γάτας"], "котка:0 ##т:0 ##а:0 γάτα:1 ##ς:1", [1, 4], [3, 5]),
        (["القطو", "बिल्लीि", "แมวา"], "القط:0 ##و:0 बिल्ली:1 ##ि:1 แมว:2 ##า:2", [1, 3, 5], [2, 4, 6]),
        # mBERT cuts Chinese into characters: the word's last subword is its last character
        (["猫家", "家"], "猫:0 家:0 家:1", [1, 3], [2, 3]),
        (["New cat", "cat"], "[UNK]:0 cat:0 cat:1", [1, 3], [2, 3]),
    ],
    "sentencepiece": [
        (["cat", "cats", "played"], "▁cat:0 ▁cat:1 s:1 ▁play:2 e:2 d:2", [1, 2, 4], [1, 3, 6]),
        # the marker alone is the first subword of a word that no piece with a marker opens
        (["cat's", "play-cat", "."], "▁cat:0 ':0 s:0 ▁play:1 -:1 cat:1 ▁:2 .:2", [1, 4, 7], [3, 6, 8]),
        (
            ["das", "☃☃cat", "بيت", "das"],
            "▁das:0 ▁:1 <unk>:1 cat:1 ▁:2 <unk>:2 ▁das:3",
            [1, 2, 5, 7],
            [1, 4, 6, 7],
        ),
        # only blanks and nothing yield no subword: other characters are unknown, not dropped
        (["cat", "\u200d", "das", "", "cat"], "▁cat:0 ▁:1 <unk>:1 ▁das:2 ▁cat:4", [1, 2, 4, 0, 5], [1, 3, 4, 0, 5]),
        (["das", "\u00a0", "cat"], "▁das:0 ▁cat:2", [1, 0, 2], [1, 0, 2]),
        (["котката", "γάτας"], "▁котка:0 т:0 а:0 ▁γάτα:1 ς:1", [1, 4], [3, 5]),
        (["القطو", "बिल्लीि", "แมวา"], "▁القط:0 و:0 ▁बिल्ली:1 ि:1 ▁แมว:2 า:2", [1, 3, 5], [2, 4, 6]),
        (["猫家", "家"], "▁猫:0 家:0 ▁家:1", [1, 3], [2, 3]),
        (["das cat", "cat"], "▁das:0 ▁cat:0 ▁cat:1", [1, 3], [2, 3]),
    ],
}


def batch_of_one(tokenizer, words, max_length=32):
    return collate_words(encode_words(tokenizer, [words], max_length=max_length), pad_token_id=0)


def pooled_places(batch, pooling):
    """Place in the input of the subword that stands for each word of the one sentence, 0 where none does."""
    places = torch.arange(batch.input_ids.shape[1], dtype=torch.float)[None, :, None]
    vectors, mask = pool_words(places, batch, pooling=pooling)
    assert (vectors[0, ~mask[0]] == 0).all() and (vectors[0, mask[0]] > 0).all()
    return vectors[0, :, 0].int().tolist()


@pytest.mark.parametrize(
    "build, words, subwords, first, last",
    [(build, *case) for build, cases in GOLDEN.items() for case in cases],
)
def test_golden_map_of_subwords_to_words(build, words, subwords, first, last, request):
    """A word's vector is that of its own subwords, whatever the script and the tokenizer's build."""
    tokenizer = request.getfixturevalue(build)
    batch = batch_of_one(tokenizer, words)
    pieces = tokenizer.convert_ids_to_tokens(batch.input_ids[0])
    found = [f"{piece}:{word}" for piece, word in zip(pieces, batch.word_index[0].tolist(), strict=True)]
    ends = {"wordpiece": ("[CLS]:-1", "[SEP]:-1"), "sentencepiece": ("<s>:-1", "</s>:-1")}[build]
    assert found == [ends[0], *subwords.split(), ends[1]]
    assert (pooled_places(batch, "first"), pooled_places(batch, "last")) == (first, last)


@pytest.mark.parametrize("build", GOLDEN)
@pytest.mark.parametrize(
    "max_length, index, last",
    [
        (9, [-1, 0, 1, 1, 1, 1, 1, 2, -1], [1, 6, 7]),  # "cat", five subwords of "Vorsichtsate", "das": all fit
        (8, [-1, 0, 1, 1, 1, 1, 1, -1], [1, 6, 0]),  # "das" is gone
        (7, [-1, 0, -1, -1, -1, -1, -1], [1, 0, 0]),  # "Vorsichtsate" lost its end: it has no vector at all
        (3, [-1, 0, -1], [1, 0, 0]),
        (2, [-1, -1], [0, 0, 0]),
    ],
)
def test_golden_map_of_a_sentence_that_is_cut(build, max_length, index, last, request):
    """A word that was cut in two has no vector: its last subword is not there."""
    words = ["cat", "Vorsichtsate", "das"]
    batch = batch_of_one(request.getfixturevalue(build), words, max_length)
    assert batch.word_index[0].tolist() == index
    assert pooled_places(batch, "last") == last
    counts = count_words(encode_words(request.getfixturevalue(build), [words], max_length=max_length))
    truncated = int(max_length < 9)
    assert counts == {"sentences": 1, "truncated": truncated, "words": 3, "missing_words": last.count(0)}
