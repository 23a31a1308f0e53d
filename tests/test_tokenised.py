"""Parallel text that is tokenised once, kept in Arrow and read by rows gives what tokenising it every time gave."""

import fcntl
import hashlib
import random
import re
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from counting import count_words
from transformers import AutoTokenizer, BertConfig, BertModel

import otlib.data.aligners
import otlib.training.align
import otlib.training.packing
import otlib.training.tokenised
from otlib.data.arrow import Lists, kept
from otlib.data.text import ParallelText, read_prepared
from otlib.settings import Align
from otlib.training.align import align, pair_batches, shuffle_pairs
from otlib.training.pretrain import train_tokenizer
from otlib.training.tokenised import encode_pairs, tokenizer_hash
from otlib.training.words import encode_words, tokenise

ENGLISH = [f"{a}{b}" for a in "bdfgkl" for b in ("ana", "ene", "olo")]


def corpus(language, n):
    draw = random.Random(f"{language}0")
    pivot = [draw.sample(ENGLISH, draw.randint(3, 6)) for _ in range(n)]
    words = {word: f"{language}{word[::-1]}" for word in ENGLISH}
    return ParallelText(language, [[words[word] for word in draw.sample(p, len(p))] for p in pivot], pivot)


def with_a_long_sentence(text):
    source, pivot = [*text.source, text.source[0] * 30, ["\u200b"]], [*text.pivot, text.pivot[0], ["bana"]]
    return ParallelText(text.language, source, pivot)


CORPORA = {"de": with_a_long_sentence(corpus("de", 60)), "fr": corpus("fr", 25)}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encoder")
    words = ENGLISH + [f"{language}{word[::-1]}" for language in ("de", "fr") for word in ENGLISH]
    (folder / "text").write_text("\n".join([" ".join(words)] * 3))
    tokenizer = train_tokenizer([folder / "text"], folder, vocabulary_size=200, lowercase=True)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=48, initializer_range=0.1, bos_token_id=None, **shape
    )
    model = BertModel(config)
    torch.nn.init.zeros_(model.embeddings.position_embeddings.weight)
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def tokenizer(encoder):
    return AutoTokenizer.from_pretrained(encoder)


@pytest.fixture
def files(tmp_path):
    """The corpora as the tables of a study."""
    for code, text in CORPORA.items():
        rows = [f"{' '.join(a)}\t{' '.join(b)}\n" for a, b in zip(text.source, text.pivot, strict=True)]
        (tmp_path / f"{code}.tsv").write_text(f"{code}\ten\n{''.join(rows)}")
    return tmp_path


def read(files, kept=True):
    """The corpora of the tables, from Arrow or in memory."""
    return {code: read_prepared(files / f"{code}.tsv", code, files / "kept" if kept else None) for code in CORPORA}


def run(encoder, folder, corpora, *, seed=3, resume=False, **settings):
    given = Align(**{"steps": 6, "batch_size": 4, "learning_rate": 3e-3, **settings})
    return align(encoder, corpora, folder, given, seed=seed, resume=resume)


@pytest.fixture
def aligner(monkeypatch):
    """An aligner that links words by their places."""

    def links(text, name):
        return [{(i, i) for i in range(min(map(len, pair)))} for pair in zip(text.source, text.pivot, strict=True)]

    monkeypatch.setattr(otlib.training.align, "installed_aligner", lambda: "fast_align")
    monkeypatch.setattr(otlib.data.aligners, "one_to_one_links", links)


@pytest.fixture
def batches(monkeypatch):
    """Hashes of the batches of every training."""
    found, train = [], otlib.training.align.trainer.train

    def hashed(model, loader, *given, **more):
        digest = hashlib.sha256()
        for batch in loader:
            for tensor in (*batch.words[:3], batch.weights, batch.pairs):
                if tensor is not None:
                    digest.update(str((tensor.dtype, tuple(tensor.shape))).encode())
                    digest.update(tensor.contiguous().numpy().tobytes())
            digest.update(str((batch.words.longest, batch.languages)).encode())
        found.append(digest.hexdigest()[:16])
        return train(model, loader, *given, **more)

    monkeypatch.setattr(otlib.training.align.trainer, "train", hashed)
    return found


# --- what trainings are given ---------------------------------------------------------------------------------

# Batches and last loss when every training tokenised all of its text by itself, sentence by sentence.
BEFORE = {
    "plain": ("e8050e825bf0b94a", 30.2596),
    "pairs": ("a5142c643a5ac158", 14.3185),
    "shuffled": ("04a63e4529920bc3", 29.2547),
    "shuffled all": ("a99afbe7139284af", 29.6446),
    "tfidf": ("fc0ead015d36c544", 30.3207),
    "tfidf shuffled": ("9837db985a552018", 29.7128),
    "aligner": ("6478c16086227d21", 34.9676),
    "aligner shuffled": ("bfd4eb3b5a178ffd", 15.1261),
    "mutual": ("e8050e825bf0b94a", 15.497),
    "cut": ("07144efb709ef8ce", 30.3041),
}
SETTINGS = {
    "plain": {},
    "pairs": {"pairs": 20, "languages": ["fr"]},
    "shuffled": {"shuffled_pairs": 0.5},
    "shuffled all": {"shuffled_pairs": 1.0, "pairs": 22},
    "tfidf": {"marginals": "tfidf"},
    "tfidf shuffled": {"marginals": "tfidf", "shuffled_pairs": 0.5, "pairs": 21},
    "aligner": {"objective": "l2", "word_pairs": "aligner"},
    "aligner shuffled": {"objective": "contrastive-weak", "word_pairs": "aligner", "shuffled_pairs": 0.3},
    "mutual": {"objective": "contrastive-strong"},
    "cut": {"max_length": 6},
}


FAST = ("tfidf shuffled", "aligner shuffled")  # all that is made of text: weights, links, pairs that translate nothing


@pytest.mark.filterwarnings("ignore:sentences longer than")
@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in BEFORE]
)
def test_batches_and_losses_are_what_they_were(encoder, tmp_path, aligner, batches, name, monkeypatch):
    # Rows of several sentences draw another dropout.
    monkeypatch.setattr(otlib.training.packing, "packs", lambda encoder: False)
    log = run(encoder, tmp_path, CORPORA, **SETTINGS[name]).log
    before, loss = BEFORE[name]
    assert batches == [before]
    assert log["loss"].iloc[-1] == pytest.approx(loss, rel=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:sentences longer than")
@pytest.mark.parametrize("name", ["tfidf shuffled", "aligner shuffled", "cut"])
def test_text_in_a_file_trains_as_text_in_memory_does(encoder, files, aligner, batches, name):
    first, second = (run(encoder, files / str(kept), read(files, kept), **SETTINGS[name]) for kept in (False, True))
    assert batches[0] == batches[1]
    assert first.log.drop(columns="rate").equals(second.log.drop(columns="rate")) and first[1:] == second[1:]


def test_text_in_a_file_is_the_text_that_was_read(files):
    for code, text in read(files).items():
        before = read(files, kept=False)[code]
        assert [*text.source] == before.source and [*text.pivot] == before.pivot
        assert text.counts == before.counts and len(text) == len(before)
        some, again = (one.take([3, 1, 3], sampled=3) for one in (text, before))
        assert [some.source[i] for i in range(3)] == again.source and some.counts == again.counts
        mixed, mixed_again = (shuffle_pairs(one, 0.5, seed=1) for one in (text, before))
        assert [*mixed.pivot] == mixed_again.pivot and mixed.counts == mixed_again.counts


def reference(tokenizer, words, max_length):
    """Subwords and their words, one sentence and one subword at a time."""
    words = [word.strip() for word in words]
    text = " ".join(filter(None, words))
    (encoding,) = tokenise(tokenizer, [text], truncation=True, max_length=max_length).encodings
    ends = np.cumsum([len(word) + bool(word) for word in words]) - 1

    def words_of(part):
        found = [int(np.searchsorted(ends, begin, side="right")) for begin, _ in part.offsets]
        of_text = [side is not None for side in part.sequence_ids]
        return [word if real and word < len(ends) else -1 for word, real in zip(found, of_text, strict=True)]

    missing = {-1}.union(*map(words_of, encoding.overflowing))
    index = [-1 if word in missing else word for word in words_of(encoding)]
    return encoding.ids, index, len(words), len(words) - len({*index} - {-1}), bool(encoding.overflowing)


@pytest.mark.parametrize("max_length", [3, 6, 9, 40])
def test_sentences_encoded_together_are_those_encoded_alone(tokenizer, max_length):
    """Empty words and sentences, words that no subword begins in, and words cut in two, in any order."""
    draw = random.Random(max_length)
    words = [*ENGLISH, "\u200b", "", " ", "xyz", "bana-dene", "\u0301", "zzzzzzzz", "bana\u00a0dolo"]
    sentences = [draw.choices(words, k=draw.choice([0, 1, 2, 5, 12])) for _ in range(300)]
    rows = encode_words(tokenizer, sentences, max_length=max_length)
    for row, sentence in zip(rows, sentences, strict=True):
        found = (row.input_ids.tolist(), row.word_index.tolist(), *row[2:])
        assert found == reference(tokenizer, sentence, max_length)
        assert row.input_ids.dtype == row.word_index.dtype == np.int32
    assert encode_words(tokenizer, [], max_length=max_length) == []


def test_rows_and_counts_of_a_file_are_those_of_its_sentences(files, tokenizer, monkeypatch):
    """The file has several batches, and some of its pairs are asked for."""
    monkeypatch.setattr(otlib.training.tokenised, "AT_ONCE", 7)
    text = read(files)["de"].take([40, 3, 3, 60, 8])
    pairs = encode_pairs(tokenizer, text, 8)
    for side, sentences in ((pairs.source, text.source), (pairs.pivot, text.pivot)):
        rows = encode_words(tokenizer, [*sentences], max_length=8)
        for row, again in zip(side, rows, strict=True):
            assert all(np.array_equal(a, b) for a, b in zip(row, again, strict=True))
        assert side.lengths().tolist() == [len(row.input_ids) for row in rows]
    assert pairs.count() == count_words([*pairs.source, *pairs.pivot])
    assert pairs.count()["truncated"] == 1


# --- once ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def tokenised(monkeypatch):
    """How many sentences were tokenised, call by call."""
    found, encode = [], otlib.training.tokenised.encode_text

    def counting(tokenizer, sentences, **options):
        found.append(len(sentences))
        return encode(tokenizer, sentences, **options)

    monkeypatch.setattr(otlib.training.tokenised, "encode_text", counting)
    return found


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:sentences longer than")
def test_other_methods_and_seeds_tokenise_nothing(encoder, files, tokenised):
    """Not even one that exchanges translations, or trains on some of the pairs."""
    run(encoder, files / "a", read(files))
    texts = read(files)
    assert sum(tokenised) == 2 * sum(map(len, texts.values()))
    del tokenised[:]
    for folder, more in (("b", {"seed": 4}), ("c", {"shuffled_pairs": 0.5}), ("d", {"pairs": 9, "marginals": "tfidf"})):
        run(encoder, files / folder, read(files), **more)
    assert not tokenised
    run(encoder, files / "e", read(files), max_length=20)
    assert len(tokenised) == 4


def test_another_text_or_tokenizer_is_tokenised_anew(encoder, files, tokenizer, tokenised):
    encode_pairs(tokenizer, read(files)["fr"], 20)
    with open(files / "fr.tsv", "a") as file:
        file.write("frana\tbana\n")
    longer = read(files)["fr"]
    assert len(encode_pairs(tokenizer, longer, 20).source) == len(longer) == 26
    assert tokenised == [25, 25, 26, 26]
    tokenizer.truncation_side = "left"
    encode_pairs(tokenizer, longer, 20)
    assert len(tokenised) == 6


def test_a_tokenizer_is_the_same_after_it_was_used(encoder, tokenizer):
    """What it cut and padded last stands in its serialised form."""
    before = tokenizer_hash(tokenizer)
    tokenizer(["bana dene", "dene"], truncation=True, max_length=3, padding=True)
    assert tokenizer_hash(tokenizer) == before
    tokenizer.add_tokens(["banabana"])
    assert tokenizer_hash(tokenizer) != before


@pytest.mark.parametrize("kept", [False, True])
def test_a_finished_alignment_is_not_tokenised_again(encoder, files, tokenised, monkeypatch, kept):
    with pytest.warns(UserWarning, match="sentences longer than 48 subwords were cut: de 1 of 122"):
        first = run(encoder, files / "a", read(files, kept))
    texts = read(files, kept)
    shutil.rmtree(files / "kept", ignore_errors=True)
    del tokenised[:]
    with pytest.warns(UserWarning, match="sentences longer than 48 subwords were cut: de 1 of 122"):
        again = run(encoder, files / "a", texts, resume=True)
    assert not tokenised and again[1:] == first[1:] and again.log["loss"].tolist() == first.log["loss"].tolist()
    (files / "a" / "text.json").unlink()  # as of an older version
    monkeypatch.setattr(otlib.training.align.trainer, "train", lambda *_, **__: pytest.fail("trains"))
    with pytest.warns(UserWarning, match="sentences longer than 48 subwords were cut"):
        assert run(encoder, files / "a", read(files, kept), resume=True)[1:] == first[1:]


def resident(path):
    """KiB of a mapped file that count as memory of this process."""
    found = re.findall(rf"{re.escape(str(path))}\n.*?\nRss: +(\d+) kB", Path("/proc/self/smaps").read_text(), re.DOTALL)
    assert found, "it is not mapped"
    return sum(map(int, found))


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux says what is resident")
def test_what_was_read_of_a_file_does_not_stay_in_memory(files, tokenizer):
    """A long training would otherwise hold all of its text in the end."""
    text = read(files)["de"]
    assert text.source[0] and resident(text.source.file.path) > 0
    assert [*text.source] and resident(text.source.file.path) == 0
    pairs = encode_pairs(tokenizer, text, 20)
    kept = (files / "kept").glob("*.json")
    (path,) = [facts.with_suffix(".arrow") for facts in kept if "tokenizer" in facts.read_text()]
    (first, _), collate = pair_batches({"de": pairs}, tokenizer, 2, 4, 0, by_language=False)
    assert resident(path) == 0
    assert pairs.source[5] and resident(path) > 0
    assert len(collate([first]).words.input_ids) == 8 and resident(path) == 0


# --- files that are whole -----------------------------------------------------------------------------------------

SCHEMA = pa.schema({"number": pa.int32()})


def numbers(made=None, of=3):
    """Batches of three numbers; notes in ``made`` that they are asked for."""

    def batches():
        if made is not None:
            made.append(1)
        for start in range(of):
            yield pa.record_batch([pa.array(range(start, start + 3), pa.int32())], schema=SCHEMA)

    return batches


def flip(path):
    """Another byte in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES = {
    "short": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "empty": lambda path: path.write_bytes(b""),
    "flipped": flip,
    "gone": lambda path: path.unlink(),
    "facts are short": lambda path: path.with_suffix(".json").write_text("{"),
    "facts are gone": lambda path: path.with_suffix(".json").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_made_again(tmp_path, damage):
    made = []
    first = kept(tmp_path, {"a": 1}, SCHEMA, numbers(made), lambda: {"told": 5})
    whole = first.path.read_bytes()
    assert kept(tmp_path, {"a": 1}, SCHEMA, numbers(made)).facts["told"] == 5 and len(made) == 1
    DAMAGES[damage](first.path)
    again = kept(tmp_path, {"a": 1}, SCHEMA, numbers(made))
    assert len(made) == 2 and again.path.read_bytes() == whole
    assert again.table["number"].to_pylist() == [0, 1, 2, 1, 2, 3, 2, 3, 4]
    assert kept(tmp_path, {"a": 2}, SCHEMA, numbers(made)).path != first.path and len(made) == 3


@pytest.mark.parametrize("locks", [True, False])
def test_of_several_that_ask_at_once_all_get_a_whole_file(tmp_path, monkeypatch, locks):
    """One makes it; on a file system without locks each does, and none harms the others."""
    if not locks:

        def no_locks(*_):
            raise OSError("no locks available")

        monkeypatch.setattr(fcntl, "flock", no_locks)
    made, found, start = [], [], threading.Barrier(4)

    def slow():
        time.sleep(0.1)
        yield from numbers(made)()

    def ask():
        start.wait()
        found.append(kept(tmp_path, {"a": 1}, SCHEMA, slow))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [file.table["number"].to_pylist()[-1] for file in found] == [4] * 4
    assert len(made) == (1 if locks else 4) and not [*tmp_path.glob("*.tmp")]


def test_what_fails_in_the_middle_leaves_nothing(tmp_path, disk_with_room_for):
    """Neither what cannot be read nor a full disk; and what a killed process left is removed."""

    def unread():
        yield from numbers()()
        raise ValueError("line 7 is odd")

    with pytest.raises(ValueError, match="^line 7 is odd$"):
        kept(tmp_path, {"a": 1}, SCHEMA, unread)
    with disk_with_room_for(500), pytest.raises(OSError, match="arrow could not be written .*free some space"):
        kept(tmp_path, {"a": 1}, SCHEMA, numbers(of=100))
    assert {path.suffix for path in tmp_path.iterdir()} == {".lock"}
    (lock,) = tmp_path.iterdir()
    (tmp_path / f"{lock.stem}-killed.tmp").write_text("part")
    assert len(kept(tmp_path, {"a": 1}, SCHEMA, numbers()).table) == 9
    assert not [*tmp_path.glob("*.tmp")]


def test_lists_are_found_in_any_chunk():
    rows = [[*range(i % 4)] for i in range(25_000)]
    column = pa.chunked_array([pa.array(part, pa.list_(pa.int32())) for part in (rows[:3], [], rows[3:])])
    for lists in (Lists.of_rows(iter(rows), "int32"), Lists.of_column(column)):
        assert len(lists) == 25_000 and lists.sizes().tolist() == [*map(len, rows)]
        for i in (0, 1, 2, 3, 9_999, 10_000, 10_003, 24_999):
            assert lists[i].tolist() == rows[i]
        with pytest.raises(IndexError, match="there are 25000 lists, and none has the number 25000"):
            lists[25_000]
    assert len(Lists.of_rows([], "int32")) == 0
