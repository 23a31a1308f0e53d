import random
import re
from functools import partial

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

import otlib.training.trainer
from otlib.data.microworld import write_world
from otlib.settings import Pretrain
from otlib.study.study import load_study
from otlib.training.pretrain import _collate, _pieces, mask_subwords, pretrain, train_tokenizer

WORDS = {
    "en": ["the", "dog", "reads", "a", "café", "book", "every", "évening"],
    "bg": ["кучето", "чете", "книга", "всяка", "вечер", "йод", "ѝ"],
    "el": ["ο", "σκύλος", "διαβάζει", "ένα", "βιβλίο", "κάθε", "βράδυ"],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("text")
    draw = random.Random(0)
    for size, (language, words) in zip((400, 60, 60), WORDS.items(), strict=True):
        starts = [(draw.randrange(7), draw.randint(2, 9)) for _ in range(size)]
        lines = [" ".join((words * 3)[i : i + n]).capitalize() + " ." for i, n in starts]
        (folder / f"{language}.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return {language: folder / f"{language}.txt" for language in WORDS}


SMALL = Pretrain(vocabulary_size=150, layers=1, width=32, heads=2, batch_size=12, max_length=16)


def test_lower_casing_keeps_accents(files, tmp_path):
    """BERT's own lower-casing strips accents: й would become и, and ένα be ενα."""
    tokenizer = train_tokenizer(list(files.values()), tmp_path, vocabulary_size=300, lowercase=True)
    for word in ("ЙОД", "Έ́να".replace("\u0301", ""), "ÉVENING", "Ѝ"):
        assert tokenizer.tokenize(word) == tokenizer.tokenize(word.lower())
        assert "".join(tokenizer.tokenize(word)).replace("##", "") == word.lower()
    cased = train_tokenizer(list(files.values()), tmp_path, vocabulary_size=300, lowercase=False)
    assert cased.tokenize("The") != cased.tokenize("the")


def test_saved_tokenizer_loads_with_the_same_ids(files, tmp_path):
    """transformers 5 rebuilds BERT tokenizers from the model's type: accents and case must survive that."""
    trained = train_tokenizer(list(files.values()), tmp_path, vocabulary_size=150, lowercase=True)
    pretrain(files, tmp_path / "encoder", SMALL.changed(steps=1))
    lines = [line for path in files.values() for line in path.read_text(encoding="utf-8").splitlines()]
    for folder in (tmp_path, tmp_path / "encoder"):
        loaded = AutoTokenizer.from_pretrained(folder)
        assert loaded.is_fast
        assert loaded(lines)["input_ids"] == trained(lines)["input_ids"]
        pair = loaded("the dog", "книга чете")
        assert pair["input_ids"] == trained("the dog", "книга чете")["input_ids"]
        assert sorted(set(pair["token_type_ids"])) == [0, 1]
        assert loaded.convert_ids_to_tokens([0, 1, 2, 3, 4]) == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def test_same_text_gives_the_same_vocabulary(files, tmp_path):
    """The trainer of the tokenizers library meets words, and so numbers pieces, in a random order."""
    vocabularies = [
        train_tokenizer(list(files.values()), tmp_path, vocabulary_size=150, lowercase=True).get_vocab()
        for _ in range(4)
    ]
    assert all(vocabulary == vocabularies[0] for vocabulary in vocabularies)
    assert len(vocabularies[0]) == 150


def test_words_that_are_rare_have_subwords_of_more_than_letters(tmp_path):
    """Counted as often as they stand, a thousand the's fill the vocabulary, and what is rare is spelled."""
    common = ["the", "there", "then", "these", "other", "another", "weather"]
    rare = [f"quick{ending}" for ending in "aehmnorstwy"]
    (tmp_path / "text").write_text("\n".join(common * 1000 + rare), encoding="utf-8")
    tokenizer = train_tokenizer([tmp_path / "text"], tmp_path, vocabulary_size=51, lowercase=True)
    assert tokenizer.tokenize("the") == ["the"] and tokenizer.tokenize("quickest")[0] == "quick"


@pytest.mark.slow
def test_the_default_study_splits_a_third_of_the_words_of_every_language(tmp_path):
    """Else words and subwords are about the same, and SubOT is not tested; 4 to 14 % were split once."""
    study = load_study("demo")
    few = {name: 10 for name in ("parallel_pairs", "heldout_pairs", "nli_train", "nli_dev", "nli_test", "qa_dev")}
    world = study.data.changed(**few, text_sentences=3000, qa_train=10, qa_test=10)
    write_world(tmp_path, study.languages, world)
    files = [tmp_path / "text" / f"{language}.txt" for language in ("en", *study.languages)]
    size = study.encoder.pretrain.vocabulary_size
    tokenizer = train_tokenizer(files, tmp_path, vocabulary_size=size, lowercase=True)
    for path in files:
        words = re.findall(r"[^\W\d]+", path.read_text(encoding="utf-8"))
        split = [len(pieces) > 1 for pieces in map(tokenizer.tokenize, words)]
        assert 1 / 3 < sum(split) / len(split) < 2 / 3, path.name


def test_batch_equals_the_tokenizers_own(files, tmp_path):
    """Pieces have no special tokens; a batch puts them on and pads, as the tokenizer would."""
    tokenizer = train_tokenizer(list(files.values()), tmp_path, vocabulary_size=150, lowercase=True)
    documents = ["the dog reads", "книга", "ένα βιβλίο κάθε βράδυ ."]
    batch = _collate([range(3)], pieces=_pieces(documents, tokenizer, 100), tokenizer=tokenizer)
    expected = tokenizer(documents, padding=True, return_tensors="pt")
    for name in ("input_ids", "attention_mask"):
        assert torch.equal(batch[name], expected[name])


def test_masking_follows_bert():
    """Devlin et al. (2019): of the chosen 80 % are masked, 10 % random, 10 % kept; special ones never."""

    class Tokenizer:
        all_special_ids, mask_token_id = [0, 1, 2, 3, 4], 4

        def __len__(self):
            return 1000

    input_ids = torch.randint(5, 1000, (200, 100), generator=torch.Generator().manual_seed(0))
    input_ids[:, 0], input_ids[:, 50], input_ids[:, 60:] = 2, 3, 0
    torch.manual_seed(0)
    masked, chosen = mask_subwords(input_ids, tokenizer=Tokenizer(), share=0.3)
    ordinary = input_ids >= 5
    assert not chosen[~ordinary].any()
    assert torch.equal(masked[~chosen], input_ids[~chosen])
    assert chosen[ordinary].float().mean() == pytest.approx(0.3, abs=0.02)
    is_mask, kept = masked[chosen] == 4, masked[chosen] == input_ids[chosen]
    assert is_mask.float().mean() == pytest.approx(0.8, abs=0.03)
    assert kept.float().mean() == pytest.approx(0.1, abs=0.03)
    assert masked[chosen].min() >= 4


def test_pretraining_learns_and_saves_an_encoder(files, tmp_path):
    """The held-out loss of every language falls, and the folder is a checkpoint like any other."""
    log = pretrain(files, tmp_path, SMALL.changed(steps=400))
    for language in files:
        heldout = log[f"heldout_{language}"].dropna()
        assert heldout.iloc[-1] < 0.8 * heldout.iloc[0]
    assert log["lr"].iloc[-1] == 0
    encoder, tokenizer = AutoModel.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert encoder.config.max_position_embeddings == tokenizer.model_max_length == 16
    left = {path.name for path in tmp_path.iterdir()}
    assert left >= {
        "config.json",
        "log.jsonl",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert not {name for name in left if name == "checkpoint" or name.endswith(".tmp")}


def test_saved_model_predicts_as_the_trained_one(files, tmp_path, monkeypatch):
    """The vocabulary head shares its weights with the embeddings: they must come back together."""
    seen = {}
    save = otlib.training.trainer.save_pretrained

    def note(model, *rest):
        seen["model"] = model
        save(model, *rest)

    monkeypatch.setattr("otlib.training.trainer.save_pretrained", note)
    pretrain(files, tmp_path, SMALL.changed(steps=3))
    batch = AutoTokenizer.from_pretrained(tmp_path)("the [MASK] reads", return_tensors="pt")
    loaded = AutoModelForMaskedLM.from_pretrained(tmp_path).eval()
    torch.testing.assert_close(loaded(**batch).logits, seen["model"](**batch).logits)


def test_another_seed_is_another_encoder_with_the_same_tokenizer(files, tmp_path):
    weights = {}
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        pretrain(files, tmp_path / name, SMALL.changed(steps=1, learning_rate=1e-9), seed=seed)
        model = AutoModel.from_pretrained(tmp_path / name)
        weights[name] = model.embeddings.word_embeddings.weight.detach()
    assert torch.equal(weights["a"], weights["b"]) and not torch.allclose(weights["a"], weights["c"])
    tokenizers = [(tmp_path / name / "tokenizer.json").read_text(encoding="utf-8") for name in weights]
    assert len(set(tokenizers)) == 1


def test_second_segment_starts_as_the_first(files, tmp_path):
    """Only single sentences are pretrained on: a pair's second segment would else be read through noise."""
    pretrain(files, tmp_path, SMALL.changed(steps=2))
    segments = AutoModel.from_pretrained(tmp_path).embeddings.token_type_embeddings.weight
    assert torch.equal(segments[0], segments[1])


def test_resumed_pretraining_equals_the_uninterrupted_one(files, tmp_path, monkeypatch):
    """Masks are drawn at random in every step: the resumed run must draw the same."""
    settings = SMALL.changed(steps=8, save_every=3, dropout=0.1)
    pretrain(files, tmp_path / "whole", settings)

    calls = []
    objective = otlib.training.pretrain._objective

    def killed(*arguments, **keywords):
        calls.append(1)
        if len(calls) == 5 * (1 + 3):  # a step here is followed by the evaluation of three languages
            raise KeyboardInterrupt
        return objective(*arguments, **keywords)

    monkeypatch.setattr("otlib.training.pretrain._objective", killed)
    with pytest.raises(KeyboardInterrupt):
        pretrain(files, tmp_path / "cut", settings)
    assert not (tmp_path / "cut" / "config.json").exists()
    assert [path.name for path in (tmp_path / "cut" / "checkpoint").iterdir()] == ["step-3"]
    monkeypatch.undo()
    pretrain(files, tmp_path / "cut", settings, resume=True)
    whole, cut = (AutoModel.from_pretrained(tmp_path / name).state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole if "pooler" not in name)


def test_a_finished_pretraining_is_not_run_again(files, tmp_path, monkeypatch):
    """As when a kill came between the saved encoder and the record; half an encoder does not count as finished."""
    settings = SMALL.changed(steps=3, save_every=2)
    first = pretrain(files, tmp_path, settings)
    encoder = (tmp_path / "model.safetensors").read_bytes()
    monkeypatch.setattr("otlib.training.trainer.train", lambda *_, **__: pytest.fail("trains"))
    monkeypatch.setattr("otlib.training.pretrain.train_tokenizer", lambda *_, **__: pytest.fail("trains"))
    again = pretrain(files, tmp_path, settings, resume=True)
    assert again.equals(first) and (tmp_path / "model.safetensors").read_bytes() == encoder
    monkeypatch.undo()
    (tmp_path / "config.json").unlink()  # killed while the encoder was being written
    pretrain(files, tmp_path, settings, resume=True)
    assert (tmp_path / "config.json").exists() and (tmp_path / "model.safetensors").read_bytes() == encoder


def test_languages_are_sampled_evenly_whatever_their_size(files, tmp_path, monkeypatch):
    """The largest file must not take the smaller languages' share."""
    scripts = {"en": 0, "other": 0}
    tokenizer = train_tokenizer(list(files.values()), tmp_path / "tokenizer", vocabulary_size=200, lowercase=True)
    objective = otlib.training.pretrain._objective

    def count(model, batch, **keywords):
        if model.training:
            for text in tokenizer.batch_decode(batch["input_ids"], skip_special_tokens=True):
                scripts["en" if text.isascii() or "é" in text else "other"] += 1
        return objective(model, batch, **keywords)

    monkeypatch.setattr("otlib.training.pretrain._objective", partial(count))
    pretrain(files, tmp_path / "encoder", SMALL.changed(steps=20))
    assert scripts["en"] == pytest.approx(20 * 12 / 3, rel=0.1)


def test_long_documents_are_cut_into_pieces_not_dropped(files, tmp_path):
    """A document longer than the encoder's limit is read to its end."""
    tokenizer = train_tokenizer(list(files.values()), tmp_path, vocabulary_size=200, lowercase=True)
    document = " ".join(WORDS["en"] * 5)
    pieces = _pieces(["the dog", document], tokenizer, 7)
    assert max(map(len, pieces)) == 7
    ids = tokenizer(document, add_special_tokens=False)["input_ids"]
    assert np.concatenate(pieces[1:]).tolist() == ids


def test_file_without_documents_is_refused(tmp_path):
    """One clear sentence that names the file."""
    (tmp_path / "de.txt").write_text("only one line\n\n")
    with pytest.raises(ValueError, match=r"de\.txt: pretraining needs at least two documents"):
        pretrain({"de": tmp_path / "de.txt"}, tmp_path / "encoder", SMALL.changed(steps=1))
