import json
import os
import random
import shutil
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

import otlib.data.aligners
import otlib.training.align
import otlib.training.trainer
from otlib.data.text import ParallelText, read_prepared
from otlib.provenance import sha256
from otlib.settings import Align
from otlib.study.run import main
from otlib.study.yaml_file import RECORD
from otlib.training.align import _comes_back, align, pair_batches, shuffle_pairs, word_weights
from otlib.training.pretrain import train_tokenizer
from otlib.training.tokenised import TokenisedPairs, encode_pairs
from otlib.training.trainer import read_log
from otlib.training.words import embed_corpus, load_encoder

ENGLISH = [f"{a}{b}" for a in "bdfgkl" for b in ("ana", "ene", "olo")]


def translation(language):
    """A language made of English: other words, one for one, in any order."""
    return {word: f"{language}{word[::-1]}" for word in ENGLISH}


def corpus(language, n=60, seed=0):
    draw = random.Random(f"{language}{seed}")
    pivot = [draw.sample(ENGLISH, draw.randint(3, 6)) for _ in range(n)]
    words = translation(language)
    return ParallelText(language, [[words[word] for word in draw.sample(p, len(p))] for p in pivot], pivot)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A random BERT and its tokenizer: every word is a subword or two."""
    folder = tmp_path_factory.mktemp("encoder")
    words = ENGLISH + [word for language in ("de", "fr") for word in translation(language).values()]
    (folder / "text").write_text("\n".join([" ".join(words)] * 3))
    tokenizer = train_tokenizer([folder / "text"], folder, vocabulary_size=200, lowercase=True)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=48,
        initializer_range=0.1,
    )
    model = BertModel(config)
    # An encoder that knows nothing but positions would match the words of two sentences by these.
    torch.nn.init.zeros_(model.embeddings.position_embeddings.weight)
    model.save_pretrained(folder)
    return folder


SMALL = {"steps": 6, "batch_size": 4, "learning_rate": 3e-3}
CORPORA = {"de": corpus("de"), "fr": corpus("fr", 25)}


def run(encoder, folder, corpora=CORPORA, *, seed=0, resume=False, **settings):
    return align(encoder, corpora, folder, Align(**settings), seed=seed, resume=resume)


def retrieval(folder, text):
    """Part of the words whose nearest English word of the sentence, by cosine, is their translation."""
    model, tokenizer = AutoModel.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    x, y = (embed_corpus(model, tokenizer, side)[0] for side in (text.source, text.pivot))
    words, right = translation(text.language), []
    for a, b, source, pivot in zip(x, y, text.source, text.pivot, strict=True):
        cosine = torch.nn.functional.normalize(a, dim=1) @ torch.nn.functional.normalize(b, dim=1).T
        right += [words[pivot[j]] == word for word, j in zip(source, cosine.argmax(1).tolist(), strict=True)]
    return sum(right) / len(right)


@pytest.mark.parametrize("layers", ["last", "all"])
def test_wordot_finds_the_words_translations(encoder, tmp_path, layers):
    """The point of it all: nobody said which word translates which, and new sentences come out right."""
    log = run(encoder, tmp_path, steps=150, batch_size=12, learning_rate=3e-3, layers=layers).log
    for language in CORPORA:
        heldout = corpus(language, seed=1)
        assert retrieval(encoder, heldout) < 0.3
        assert retrieval(tmp_path, heldout) > 0.75
    assert log["lr"].iloc[-1] == 0
    assert log["spread"].min() > 0.3


def test_a_collapse_is_seen_though_it_comes_before_the_first_row_of_the_log(encoder, tmp_path):
    """Of a spread that fell from .85 to .06 within ten steps, half of the first row's was said to be left."""
    options = {"steps": 10, "batch_size": 8, "learning_rate": 0.3, "anchor_weight": 0.0, "warmup": 0.0}
    with pytest.warns(UserWarning, match="collapse: [0-9]+ % of the spread .*learning_rate"):
        collapsed = run(encoder, tmp_path, **options)
    model, tokenizer = AutoModel.from_pretrained(encoder), AutoTokenizer.from_pretrained(encoder)
    words = torch.cat([v for c in CORPORA.values() for v in embed_corpus(model, tokenizer, c.pivot[:8])[0]])
    assert collapsed.spread_before == pytest.approx(float(words.std(0).mean()), rel=1e-4)
    assert collapsed.record()["spread_left"] == collapsed.log["spread"].iloc[-1] / collapsed.spread_before < 0.3
    assert len(collapsed.log) == 1  # of which all is left
    with pytest.warns(UserWarning, match="collapse"):
        assert run(encoder, tmp_path, resume=True, **options).spread_left == collapsed.spread_left
    assert run(encoder, tmp_path / "none", objective="none").record()["spread_left"] is None


def test_batch_scope_trains(encoder, tmp_path):
    """One problem a language: the clouds of words come together, whatever becomes of the single words."""
    log = run(encoder, tmp_path, scope="batch", steps=40, batch_size=12, learning_rate=3e-3).log
    for language in CORPORA:
        assert log[f"divergence_{language}"].iloc[-1] < 0.6 * log[f"divergence_{language}"].iloc[0]


def test_l2_draws_its_pairs_together(encoder, tmp_path):
    """The baseline trains through the same code."""
    log = run(encoder, tmp_path, objective="l2", steps=40, batch_size=12, learning_rate=3e-3).log
    assert log["divergence_de"].iloc[-1] < 0.8 * log["divergence_de"].iloc[0]
    assert (tmp_path / "config.json").exists()


def test_the_order_in_which_languages_are_given_decides_nothing(encoder, tmp_path):
    """Draws are seeded by a language's place: in another order the same study had other results."""
    order, reverse = CORPORA, dict(reversed(CORPORA.items()))
    logs = [
        run(encoder, tmp_path / str(number), corpora, steps=3, batch_size=4, shuffled_pairs=0.5, pairs=25).log
        for number, corpora in enumerate((order, reverse))
    ]
    pd.testing.assert_frame_equal(*(log.drop(columns="rate") for log in logs))
    weights = [load_file(tmp_path / number / "model.safetensors") for number in "01"]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_some_languages_and_the_first_pairs_only(encoder, tmp_path):
    """What is left out is neither read nor logged."""
    aligned = run(encoder, tmp_path, languages=["fr"], pairs=7, steps=2, batch_size=3)
    assert "divergence_fr" in aligned.log and "divergence_de" not in aligned.log
    assert aligned.text["fr"]["sentences"] == 14 and set(aligned.text) == {"fr"}
    for options, message in (
        ({"languages": ["xx"]}, "no parallel text of xx"),
        ({"pairs": 10**6}, "1000000 sentence pairs were asked for, but de has"),
    ):
        with pytest.raises(ValueError, match=message):
            run(encoder, tmp_path / "no", steps=1, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options, left",
    [
        ({"scope": "mixed"}, 0.8),
        ({"marginals": "tfidf"}, 0.8),
        ({"marginals": "norm", "scope": "batch"}, 0.8),
        ({"objective": "contrastive-weak"}, 0.93),  # pairs of the frozen encoder, which are mostly wrong here
        ({"objective": "contrastive-strong"}, 0.93),
    ],
    ids=str,
)
def test_other_objectives_train(encoder, tmp_path, options, left):
    """Controls and baselines go through the same code, and their divergence falls."""
    log = run(encoder, tmp_path, steps=40, batch_size=12, learning_rate=3e-3, **options).log
    for language in CORPORA:
        assert log[f"divergence_{language}"].iloc[-1] < left * log[f"divergence_{language}"].iloc[0]


def batches_of(*given, **more):
    schedule, collate = pair_batches(*given, by_language=False, **more)
    return [collate([one]) for one in schedule]


def words_of(batch):
    """How many words each sentence of a batch has, where each has a subword."""
    return [len(set(row) - {-1}) for row in batch.word_index.tolist()]


def test_rare_words_weigh_more_and_missing_ones_nothing(encoder):
    """TF-IDF weights follow their words into the batch, source sentences first."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    encoded = {language: encode_pairs(tokenizer, text, 48) for language, text in CORPORA.items()}
    weights = word_weights(CORPORA, Align(marginals="tfidf"))
    (batch,) = batches_of(encoded, tokenizer, 1, 5, 0, weights)
    assert batch.weights.shape == (20, batch.words.longest)
    lengths = words_of(batch.words)
    for row, of_sentence in enumerate(batch.weights):
        n = lengths[row]
        assert of_sentence[:n].sum() == pytest.approx(1) and (of_sentence[n:] == 0).all()
    known = [w for language in ("de", "fr") for w in weights[language][0]]
    assert any(
        np.allclose(batch.weights[0, : len(w)].numpy(), w) and not batch.weights[0, len(w) :].any() for w in known
    )


def test_links_stand_at_the_words_of_their_pair(encoder):
    """Batches reorder the pairs; a pair's links must go with it."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    text = ParallelText("de", [["bana", "bene"], ["dana"]], [["fana"], ["gana", "gene"]])
    links = {"de": [[1, 0], [0, 1]]}
    encoded = {"de": encode_pairs(tokenizer, text, 32)}
    (batch,) = batches_of(encoded, tokenizer, 1, 2, 0, links=links)
    first = words_of(batch.words)[1] - 1  # the row of the pair whose source has two words
    assert sorted(batch.pairs.nonzero().tolist()) == sorted([[first, 1, 0], [1 - first, 0, 1]])
    (batch,) = batches_of(encoded, tokenizer, 1, 2, 0, links={"de": [[], []]})
    assert batch.pairs.dtype == torch.bool and not batch.pairs.any()


@pytest.fixture
def aligner(monkeypatch):
    """An aligner that links words by their places, and says how often it was asked."""
    asked = []

    def links(text, name):
        asked.append((text.language, name))
        return [{(i, i) for i in range(len(words))} for words in text.source]

    monkeypatch.setattr(otlib.training.align, "installed_aligner", lambda: "fast_align")
    monkeypatch.setattr(otlib.data.aligners, "one_to_one_links", links)
    return asked


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["l2", "contrastive-weak"])
def test_the_run_says_where_its_word_pairs_come_from(encoder, tmp_path, monkeypatch, aligner, objective):
    """Without an aligner the run falls back to nearest words, and must say so."""
    options = {**SMALL, "objective": objective, "word_pairs": "aligner"}
    first = run(encoder, tmp_path / "a", **options)
    assert first.word_pairs == "fast_align" and aligner == [("de", "fast_align"), ("fr", "fast_align")]
    monkeypatch.setattr(otlib.training.align, "installed_aligner", lambda: None)
    other = run(encoder, tmp_path / "b", **options)
    assert other.word_pairs == "mutual nearest words of the frozen encoder, for no aligner is installed"
    assert other.log["loss"].tolist() != first.log["loss"].tolist()
    same = run(encoder, tmp_path / "c", **{**options, "word_pairs": "mutual"})
    assert same.word_pairs == "mutual nearest words of the frozen encoder"
    assert same.log["loss"].tolist() == other.log["loss"].tolist()


def test_links_of_a_text_are_made_once(encoder, tmp_path, aligner):
    """An aligner finds other links each time it runs: a resumed training, and all on one text, need the same."""
    corpora = {}
    for language, text in CORPORA.items():
        rows = [f"{' '.join(a)}\t{' '.join(b)}\n" for a, b in zip(text.source, text.pivot, strict=True)]
        (tmp_path / f"{language}.tsv").write_text(f"{language}\ten\n{''.join(rows)}")
        corpora[language] = read_prepared(tmp_path / f"{language}.tsv", language, tmp_path / "kept")
    options = {"objective": "l2", "word_pairs": "aligner"}
    for number, changed in enumerate(({}, {"seed": 1}, {"objective": "contrastive-weak"})):
        given = {**SMALL, **options, **changed}
        seed = given.pop("seed", 0)
        align(encoder, corpora, tmp_path / f"{number}", Align(**given), seed=seed)
    assert len(aligner) == 2
    align(encoder, corpora, tmp_path / "other", Align(**SMALL, **options, pairs=4))
    assert len(aligner) == 4


def test_a_resumed_run_on_text_in_memory_keeps_its_links(encoder, tmp_path, aligner):
    """They lie in its folder."""
    options = {**SMALL, "objective": "l2", "word_pairs": "aligner"}
    first = run(encoder, tmp_path, **options).log
    (tmp_path / "log.jsonl").unlink()
    again = run(encoder, tmp_path, resume=True, **options).log
    assert len(aligner) == 2 and again["loss"].tolist() == first["loss"].tolist()


def test_wordot_asks_no_aligner(encoder, tmp_path, aligner):
    """It has no word pairs: transport finds them."""
    aligned = run(encoder, tmp_path, word_pairs="aligner", **SMALL)
    assert not aligner and aligned.word_pairs is None


def test_objective_none_is_the_encoder_itself(encoder, tmp_path):
    """The baseline goes through the same folders as every other method."""
    aligned = run(encoder, tmp_path, objective="none", learning_rate=1.0)
    assert len(aligned.log) == 0 and aligned.text == {} and aligned.word_pairs is None and aligned.skipped == 0
    one, two = (AutoModel.from_pretrained(folder).state_dict() for folder in (encoder, tmp_path))
    assert all(torch.equal(one[name], two[name]) for name in one)
    ids = [AutoTokenizer.from_pretrained(folder)("bana deana")["input_ids"] for folder in (encoder, tmp_path)]
    assert ids[0] == ids[1]


def test_every_batch_holds_equally_many_pairs_of_every_language(encoder):
    """Equal batches, and a smaller corpus is repeated rather than run out of."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    encoded = {language: encode_pairs(tokenizer, text, 48) for language, text in CORPORA.items()}
    batches = batches_of(encoded, tokenizer, 20, 5, 0)
    assert len(batches) == 20
    for batch in batches:
        assert batch.languages == 2 and len(batch.words.input_ids) == 2 * (5 + 5)
        source, pivot = (batch.words.rows(rows) for rows in batch.sides())
        assert words_of(source) == words_of(pivot)
        for row in range(10):
            text = tokenizer.decode(source.input_ids[row], skip_special_tokens=True).replace(" ", "")
            back = tokenizer.decode(pivot.input_ids[row], skip_special_tokens=True).replace(" ", "")
            assert sorted(text.replace(("de", "fr")[row // 5], "")) == sorted(back)


def test_resumed_alignment_equals_the_uninterrupted_one(encoder, tmp_path, monkeypatch):
    """The anchor of a resumed run is still the encoder before tuning; English words are remembered to the last bit."""
    settings = {**SMALL, "save_every": 2, "accumulation": 2}
    log = run(encoder, tmp_path / "whole", **settings).log

    objective, calls = otlib.training.objectives.Alignment.__call__, []

    def killed(self, model, batch):
        calls.append(1)
        if len(calls) == 10:
            raise KeyboardInterrupt
        return objective(self, model, batch)

    monkeypatch.setattr(otlib.training.objectives.Alignment, "__call__", killed)
    with pytest.raises(KeyboardInterrupt):
        run(encoder, tmp_path / "cut", **settings)
    monkeypatch.undo()
    assert not (tmp_path / "cut" / "config.json").exists()
    again = run(encoder, tmp_path / "cut", resume=True, **settings).log
    assert again["loss"].tolist() == log["loss"].tolist()
    whole, cut = (AutoModel.from_pretrained(tmp_path / name).state_dict() for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert not (tmp_path / "cut" / "checkpoint").exists()


def test_a_finished_alignment_is_not_run_again(encoder, tmp_path, monkeypatch):
    """What was computed survives a crash of whatever came after it; half of it does not count as finished."""
    first = run(encoder, tmp_path, **SMALL)
    monkeypatch.setattr(otlib.training.trainer, "train", lambda *_, **__: pytest.fail("trains"))
    again = run(encoder, tmp_path, resume=True, **SMALL)
    assert again.log["loss"].tolist() == first.log["loss"].tolist() and again[1:] == first[1:]
    monkeypatch.undo()
    (tmp_path / "config.json").unlink()  # killed while the model was being written
    run(encoder, tmp_path, resume=True, **SMALL)
    assert (tmp_path / "config.json").exists()


def test_steps_without_a_finite_gradient_are_counted(encoder, tmp_path, monkeypatch):
    """For the record of the run and the notebook; a training that was finished remembers them."""
    objective, calls = otlib.training.objectives.Alignment.__call__, []

    def broken(self, model, batch):
        calls.append(1)
        loss, terms = objective(self, model, batch)
        return loss * (float("nan") if len(calls) in (2, 6) else 1.0), terms

    monkeypatch.setattr(otlib.training.objectives.Alignment, "__call__", broken)
    with pytest.warns(UserWarning, match="align wordot: 2 of 6 steps had no finite gradient and were skipped"):
        aligned = run(encoder, tmp_path, **SMALL)
    assert aligned.skipped == run(encoder, tmp_path, resume=True, **SMALL).skipped == 2 and len(calls) == 6
    assert all(w.isfinite().all() for w in AutoModel.from_pretrained(tmp_path).state_dict().values())


def test_transport_that_does_not_converge_is_logged_and_warned_of(encoder, tmp_path):
    """Where epsilon is tiny beside the costs, the run says so once, in plain words."""
    with pytest.warns(UserWarning, match="% of the transport problems of a step did not converge .* raise epsilon"):
        log = run(encoder, tmp_path, **SMALL, epsilon=1e-5).log
    assert (log["unconverged"] > 0).any() and log["loss"].notna().all()
    assert (log["iterations"] > 100).any()


def test_long_sentences_are_cut_counted_and_warned_of(encoder, tmp_path):
    """A sentence longer than the encoder's limit trains on its beginning, and the run says so."""
    text = corpus("de", 8)
    long = ParallelText("de", [*text.source, text.source[0] * 30], [*text.pivot, text.pivot[0]])
    with pytest.warns(UserWarning, match="sentences longer than 48 subwords were cut: de 1 of 18"):
        counts = run(encoder, tmp_path, {"de": long}, **SMALL).text["de"]
    assert counts["sentences"] == 18 and counts["truncated"] == 1
    assert 0 < counts["missing_words"] < len(text.source[0]) * 30


def test_pair_whose_words_all_vanish_does_no_harm(encoder, tmp_path):
    """Words without a subword leave an empty side: no NaN, and they are counted."""
    text = corpus("de", 8)
    odd = ParallelText("de", [["\u200b"], *text.source], [["bana"], *text.pivot])
    aligned = run(encoder, tmp_path, {"de": odd}, **SMALL)
    assert aligned.text["de"]["missing_words"] == 1
    assert aligned.log["loss"].notna().all()


def test_other_encoders_align_as_well(encoder, tmp_path):
    """Nothing is specific to BERT: XLM-R counts positions from the padding id."""
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=50,
        pad_token_id=tokenizer.pad_token_id,
    )
    XLMRobertaModel(config).save_pretrained(tmp_path / "xlmr")
    tokenizer.save_pretrained(tmp_path / "xlmr")
    log = run(tmp_path / "xlmr", tmp_path / "out", layers="all", pooling="mean", **SMALL).log
    assert log["loss"].notna().all()
    assert AutoModel.from_pretrained(tmp_path / "out").config.model_type == "xlm-roberta"


def test_bf16_trains_with_the_same_code(encoder, tmp_path):
    """Transport stays in float32; the saved weights are float32."""
    log = run(encoder, tmp_path, mixed_precision="bf16", **SMALL).log
    assert log["loss"].notna().all()
    assert next(AutoModel.from_pretrained(tmp_path).parameters()).dtype == torch.float32


def test_missing_or_half_written_encoder_is_refused(encoder, tmp_path):
    """One sentence that names the folder, not a page of the hub's advice."""
    half = tmp_path / "half"
    shutil.copytree(encoder, half)
    (half / "config.json").unlink()
    cut = tmp_path / "cut"
    shutil.copytree(encoder, cut)
    os.truncate(cut / "model.safetensors", 100)
    for folder in (tmp_path / "nowhere", half, cut):
        with pytest.raises(FileNotFoundError, match=f"no complete encoder at {folder}: pretrain it first"):
            run(folder, tmp_path / "out", **SMALL)


def test_a_checkpoint_without_its_tokenizer_or_some_weights_is_refused(encoder, tmp_path):
    """Transformers would make them up: a tokenizer that knows no word, weights at random."""
    folder = tmp_path / "folder"
    shutil.copytree(encoder, folder)
    for path in folder.glob("*token*"):
        path.unlink()
    with pytest.raises(FileNotFoundError, match="no complete encoder .*it has no tokenizer"):
        run(folder, tmp_path / "out", **SMALL)
    shutil.copytree(encoder, folder, dirs_exist_ok=True)
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "attention" in name)
    save_file({name: w for name, w in weights.items() if name != lost}, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(FileNotFoundError, match=f"1 weights are not in it, {lost} first"):
        run(folder, tmp_path / "out", **SMALL)


def of_width(width):
    return lambda text: json.dumps({**json.loads(text), "hidden_size": width})


@pytest.mark.parametrize(
    ("name", "damage", "reason"),
    [
        ("config.json", lambda text: text[:100], "config.json: .*not a valid JSON file"),
        ("config.json", lambda text: "", "config.json: .*not a valid JSON file"),
        ("config.json", lambda text: "null", "config.json: TypeError: "),
        (
            "config.json",
            of_width(64),
            "weights: .* have another shape than by config.json, embeddings.LayerNorm",
        ),
        ("model.safetensors", None, "weights: .*no file named model.safetensors"),
        ("model.safetensors", lambda text: "", "weights: .*header too small"),
        ("model.safetensors", lambda text: text[: len(text) // 2], "weights: .*file not fully covered"),
        ("tokenizer.json", None, "tokenizer: "),
        ("tokenizer.json", lambda text: text[:100], "tokenizer: Expecting value: line"),
        ("tokenizer.json", lambda text: "{}", "tokenizer: KeyError: 'added_tokens'"),
        ("tokenizer.json", lambda text: '{"added_tokens": []}', "tokenizer: Exception: Model missing"),
        ("tokenizer_config.json", lambda text: "[]", "tokenizer: AttributeError: "),
    ],
)
def test_a_damaged_encoder_is_refused_in_one_sentence_that_says_what_is_damaged(
    encoder, tmp_path, name, damage, reason
):
    """The libraries raise TypeErrors, KeyErrors, RuntimeErrors and even bare Exceptions."""
    folder = shutil.copytree(encoder, tmp_path / "folder")
    if damage is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(damage((folder / name).read_text("latin-1")), "latin-1")
    message = rf"^no complete encoder at {folder}: pretrain it first, or name another checkpoint \({reason}"
    with pytest.raises(FileNotFoundError, match=message) as error:
        load_encoder(folder)
    assert "\n" not in str(error.value)


def test_a_layer_that_the_encoder_lacks_is_refused(encoder, tmp_path):
    """Only the encoder knows how many layers it has."""
    with pytest.raises(ValueError, match="layer 3 is not there: the encoder has layers 0 .* to 2"):
        run(encoder, tmp_path, layers=[3], **SMALL)


def test_alignment_without_text_is_refused(encoder, tmp_path):
    """A study without a language would otherwise fail deep inside the loader."""
    with pytest.raises(ValueError, match="align needs the parallel text of at least one language, got none"):
        run(encoder, tmp_path, {}, **SMALL)


def test_command_line_aligns_by_the_parameters_of_a_study(encoder, tmp_path):
    """What ``accelerate launch -m otlib align`` runs: the study's folders and its parameters."""
    study = {
        "name": "tiny",
        "source": "microworld",
        "languages": ["de"],
        "seeds": [3],
        "encoder": {"checkpoint": str(encoder)},
        "align": {**SMALL, "layers": "last"},
        "methods": {"wordot-all": {"objective": "wordot", "layers": "all"}},
    }
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    parallel = tmp_path / "data" / "parallel" / "de-en.train.tsv"
    parallel.parent.mkdir(parents=True)
    lines = zip(CORPORA["de"].source, CORPORA["de"].pivot, strict=True)
    parallel.write_text("de\ten\n" + "".join(f"{' '.join(a)}\t{' '.join(b)}\n" for a, b in lines))
    command = ["align", "--study", str(tmp_path / "study.yaml"), "--method", "wordot-all", "--seed", "3"]
    assert main(command) == 0
    folder = tmp_path / "aligned" / "wordot-all" / "seed3"
    by_hand = run(encoder, tmp_path / "hand", {"de": CORPORA["de"]}, layers="all", seed=3, **SMALL).log
    assert read_log(folder)[-1]["loss"] == by_hand["loss"].iloc[-1]
    record = json.loads((folder / "run.json").read_text())
    assert record["parameters"]["layers"] == "all"
    assert record["started_from"] == {"model.safetensors": sha256(encoder / "model.safetensors")}
    assert record["weights"]["model.safetensors"]["sha256"] == sha256(folder / "model.safetensors")
    # Another encoder, by name or in the same place, is aligned anew.
    other = shutil.copytree(encoder, tmp_path / "other")
    for checkpoint, change in ((encoder, False), (other, True), (other, False), (other, True)):
        if change:
            weights = load_file(other / "model.safetensors")
            save_file({name: w * 1.01 for name, w in weights.items()}, other / "model.safetensors", {"format": "pt"})
        (tmp_path / "study.yaml").write_text(json.dumps({**study, "encoder": {"checkpoint": str(checkpoint)}}))
        before = (folder / "log.jsonl").read_text()
        assert main(command) == 0
        assert ((folder / "log.jsonl").read_text() != before) == change


@pytest.fixture
def fresh(encoder, tmp_path):
    """The command that aligns by a study of which nothing is there yet."""
    sizes = {"parallel_pairs": 20, "heldout_pairs": 4, "nli_train": 60, "nli_dev": 12, "nli_test": 24}
    sizes |= {"qa_train": 60, "qa_dev": 12, "qa_test": 16, "text_sentences": 50}
    study = {"name": "tiny", "source": "microworld", "languages": ["de"], "seeds": [0], "data": sizes}
    study |= {"encoder": {"checkpoint": str(encoder)}, "align": SMALL, "methods": {"l2": {"objective": "l2"}}}
    (tmp_path / "study.yaml").write_text(RECORD + json.dumps(study))
    return ["align", "--study", str(tmp_path / "study.yaml"), "--method", "l2"]


def test_command_line_makes_the_data_of_a_fresh_study(fresh, tmp_path, capsys):
    assert main(fresh) == 0
    assert "processes that train: 1\n" in capsys.readouterr().out
    assert (tmp_path / "data/run.json").exists() and (tmp_path / "aligned/l2/seed0/run.json").exists()


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2, but 1 trains"),
        ({"ACCELERATE_USE_CPU": "True", "MASTER_ADDR": "127.0.0.1"}, "--num_processes is several, but 1 trains"),
    ],
)
def test_fewer_processes_than_were_asked_for_are_refused(fresh, tmp_path, monkeypatch, capsys, said, message):
    """``accelerate launch --cpu --num_processes 2`` trained one, without a word."""
    monkeypatch.setattr("otlib.training.trainer.process_count", lambda: 1)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    assert main(fresh) == 1
    error = capsys.readouterr().err
    assert message in error and "torchrun" in error and error.count("\n") == 1
    assert not (tmp_path / "data").exists()


def test_a_checkpoint_in_half_precision_is_trained_in_full(encoder, tmp_path):
    """Weights of 11 bits would swallow most updates of 5e-5."""
    half = shutil.copytree(encoder, tmp_path / "half")
    weights = load_file(half / "model.safetensors")
    save_file({name: w.half() for name, w in weights.items()}, half / "model.safetensors", {"format": "pt"})
    config = json.loads((half / "config.json").read_text())
    (half / "config.json").write_text(json.dumps({**config, "dtype": "float16"}))
    run(half, tmp_path / "out", **SMALL)
    assert {w.dtype for w in load_file(tmp_path / "out" / "model.safetensors").values()} == {torch.float32}


def pairs_of(*sentences):
    source, pivot = zip(*(pair.split("-") for pair in sentences), strict=True)
    return ParallelText("de", [side.split() for side in source], [side.split() for side in pivot])


SHARED = [f"{i % 7} wo-{i} word" for i in range(40)] + [f"{i} wer-{i % 9} who" for i in range(40)]


@pytest.mark.parametrize(
    ("text", "share", "shuffled"),
    [
        (pairs_of(*(f"{i}-{i}" for i in range(100))), 1, 100),
        (pairs_of(*(f"{i}-{i}" for i in range(100))), 0.3, 30),
        (pairs_of("a-A", "b-B"), 0.1, 2),
        (pairs_of(*["a-A"] * 5, *["b-B"] * 5), 1, 10),  # repeated pairs
        (pairs_of("a-A", "b-A", "a-B", "c-C", "d-D", "e-E"), 1, 6),  # a has two translations, A as well
        (pairs_of(*SHARED), 0.5, 40),
        (pairs_of(*(f"{i}{pair[0]}-{i}{pair[1]}" for i in range(20) for pair in ("xA", "xB", "yB"))), 0.5, 30),
        (pairs_of(*["a-A"] * 6, *["b-B"] * 4), 1, 8),  # of six alike two find no other partner
        (pairs_of("a-A"), 1, 0),
    ],
    ids=str,
)
def test_shuffled_pairs_keep_no_translation_where_that_can_be_avoided(text, share, shuffled):
    """A control that keeps some translations by accident would be no control."""
    for seed in range(20):
        mixed = shuffle_pairs(text, share, seed=seed)
        translations = [*zip(text.source, text.pivot, strict=True)]
        kept = [pair in translations for pair in zip(mixed.source, mixed.pivot, strict=True)]
        assert mixed.counts["shuffled"] == kept.count(False) == shuffled
        assert mixed.source == text.source and sorted(mixed.pivot) == sorted(text.pivot)


def test_which_pairs_are_shuffled_is_random_by_seed_and_a_larger_share_holds_a_smaller_one():
    text = pairs_of(*(f"{i}-{i}" for i in range(100)))
    settings = ((0.1, 0), (0.3, 0), (0.3, 1))
    mixed = [shuffle_pairs(text, share, seed=seed).pivot for share, seed in settings]
    few, more, others = ({i for i in range(100) if pivot[i] != text.pivot[i]} for pivot in mixed)
    assert few < more != others
    one, again, other = (shuffle_pairs(text, 1, seed=seed).pivot for seed in (0, 0, 1))
    assert one == again != other
    steps = {(int(new[0]) - int(old[0])) % 100 for old, new in zip(text.pivot, one, strict=True)}
    assert len(steps) > 40  # no mere shift of the corpus


def test_every_run_and_language_shuffles_its_pairs_anew(encoder, tmp_path, monkeypatch):
    mixed = []
    monkeypatch.setattr(
        "otlib.training.align.shuffle_pairs",
        lambda *given, **seed: mixed.append(shuffle_pairs(*given, **seed)) or given[0],
    )
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        text = {language: pairs_of(*(f"{i}-{i}" for i in range(40))) for language in ("de", "fr")}
        run(encoder, tmp_path / folder, text, seed=seed, steps=1, batch_size=2, shuffled_pairs=0.5)
    de, fr, again, _, other, _ = (text.pivot for text in mixed)
    assert de == again and de != fr and de != other


@pytest.mark.slow
def test_alignment_on_shuffled_pairs_learns_no_translation_and_is_counted(encoder, tmp_path):
    """What moves without translations: the clouds come together, and words stay lost."""
    options = {"steps": 150, "batch_size": 12, "learning_rate": 3e-3, "shuffled_pairs": 1.0}
    aligned = run(encoder, tmp_path, **options)
    assert {code: counts["shuffled"] for code, counts in aligned.text.items()} == {"de": 60, "fr": 25}
    assert retrieval(tmp_path, corpus("de", seed=1)) < 0.5
    assert run(encoder, tmp_path / "none", **SMALL).text["de"]["shuffled"] == 0


@pytest.fixture(scope="module")
def sober(encoder, tmp_path_factory):
    """The encoder without dropout, which draws otherwise for batches of another shape."""
    folder = tmp_path_factory.mktemp("sober") / "encoder"
    shutil.copytree(encoder, folder)
    config = json.loads((folder / "config.json").read_text())
    none = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config | none))
    return folder


OBJECTIVES = [
    {},
    {"objective": "l2"},
    {"objective": "contrastive-strong"},
    {"scope": "batch", "anchor_reduction": "sum"},
    {"marginals": "tfidf", "layers": [1, 2]},
    {"confidence_power": 2.0},
]


@pytest.mark.parametrize(
    "settings", [OBJECTIVES[0], *(pytest.param(more, marks=pytest.mark.slow) for more in OBJECTIVES[1:])], ids=str
)
def test_languages_one_after_another_have_the_gradient_of_all_at_once(sober, tmp_path, monkeypatch, settings):
    """Their losses are summed; so are the gradients, each language padded to its own longest sentence."""
    gradients, real = [], otlib.training.trainer.Accelerator.clip_grad_norm_

    def keep(self, parameters, *rest):
        parameters = [*parameters]
        gradients.append(torch.cat([p.grad.flatten() for p in parameters if p.grad is not None]))
        return real(self, parameters, *rest)

    monkeypatch.setattr(otlib.training.trainer.Accelerator, "clip_grad_norm_", keep)
    corpora, logs = {"de": corpus("de"), "fr": corpus("fr", 40)}, []
    for by_language in (False, True):
        given = Align(steps=2, batch_size=6, by_language=by_language, **settings)
        logs.append(align(sober, corpora, tmp_path / str(by_language), given, seed=3).log.iloc[-1])
    together, _, apart, _ = gradients
    assert (together - apart).norm() <= 1e-5 * together.norm() > 0
    same = ["loss", "divergence_de", "divergence_fr", "anchor"]
    assert logs[1][same].tolist() == pytest.approx(logs[0][same].tolist(), rel=1e-3)
    assert logs[0]["anchor"] > 0


@pytest.mark.slow
def test_two_processes_of_a_notebook_train_as_one_that_accumulates(sober, tmp_path):
    """As those of ``accelerate launch`` do: each has half of a step's batches, and their gradients are averaged."""
    corpora = {}
    for code, text in (("de", corpus("de")), ("fr", corpus("fr", 40))):
        rows = zip(text.source, text.pivot, strict=True)
        path = tmp_path / f"{code}.tsv"
        path.write_text(f"{code}\ten\n" + "".join(f"{' '.join(a)}\t{' '.join(b)}\n" for a, b in rows))
        corpora[code] = read_prepared(path, code, tmp_path / "tokenised")  # on the disk, where all can read it
    alone = align(sober, corpora, tmp_path / "one", Align(**SMALL, accumulation=2), seed=3)
    both = align(sober, corpora, tmp_path / "two", Align(**SMALL), seed=3, processes=2)
    weights = [load_file(tmp_path / folder / "model.safetensors") for folder in ("one", "two")]
    for name in weights[0]:
        torch.testing.assert_close(weights[1][name], weights[0][name], rtol=0, atol=1e-6)
    assert both.log["loss"].tolist() == pytest.approx(alone.log["loss"].tolist(), rel=1e-5)
    assert both.text == alone.text and both.spread_before == alone.spread_before


def test_of_languages_one_after_another_a_step_holds_one(encoder, tmp_path):
    corpora = {"de": corpus("de"), "fr": corpus("fr", 40)}
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    encoded = {code: encode_pairs(tokenizer, text, 48) for code, text in corpora.items()}
    (first, *_), collate = pair_batches(encoded, tokenizer, 2, 6, 0, by_language=True)
    parts = collate([first])
    assert [(len(part.words.input_ids), part.languages, part.first) for part in parts] == [(12, 1, 0), (12, 1, 1)]
    assert all(part.words.attention_mask.any(0).all() for part in parts)  # padded to its own longest


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"scope": "mixed"}, "by_language: scope: mixed makes one problem"), ({"while_tuning": {}}, "by_language: is of")],
)
def test_languages_that_are_needed_at_once_are_not_taken_one_by_one(settings, said):
    with pytest.raises(ValueError, match=said):
        Align(by_language=True, **settings)


def test_layers_computed_twice_give_the_same_training(encoder, tmp_path):
    weights = []
    for twice in (False, True):
        given = Align(steps=3, batch_size=4, gradient_checkpointing=twice)
        align(encoder, {"de": corpus("de")}, tmp_path / str(twice), given)
        weights.append(load_file(tmp_path / str(twice) / "model.safetensors"))
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    with pytest.raises(ValueError, match="gradient_checkpointing: must be off"):
        otlib.training.trainer._sparing(torch.nn.Linear(1, 1), given)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"layers": [1, 2], "layer_reduction": "mean", "pooling": "mean", "by_language": True},
        {"pooling": "subword", "objective": "l2", "l2_target": "frozen", "shuffled_pairs": 0.5},
        {"confidence_power": 2.0, "scope": "sentence", "max_length": 6},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:sentences longer than")
def test_remembered_english_words_are_those_that_would_be_computed(encoder, tmp_path, monkeypatch, settings):
    """The frozen encoder reads every English sentence once, not in every epoch."""
    weights, read, real = [], [], otlib.training.objectives.packed_states

    def count(encoder, batch, layers):
        read[-1] += 0 if encoder.training else len(batch.input_ids)
        return real(encoder, batch, layers)

    monkeypatch.setattr(otlib.training.objectives, "packed_states", count)
    for remembered in (0, 1):
        read.append(0)
        given = Align(steps=16, batch_size=4, remembered=remembered, **settings)
        align(encoder, CORPORA, tmp_path / str(remembered), given)
        weights.append(torch.cat([p.flatten() for p in load_encoder(tmp_path / str(remembered))[1].parameters()]))
    start = torch.cat([p.flatten() for p in load_encoder(encoder)[1].parameters()])
    assert (weights[0] - weights[1]).norm() <= 1e-3 * (weights[0] - start).norm() > 0
    assert read[0] - read[1] == 2 * 16 * 4 - sum(map(len, CORPORA.values())) > 0


@pytest.mark.parametrize(
    ("settings", "pairs", "comes_back"),
    [({}, 10, True), ({}, 24, False), ({"pooling": "subword"}, 10, False), ({"remembered": 0}, 10, False)],
    ids=str,
)
def test_english_words_are_remembered_if_they_come_back_and_fit(settings, pairs, comes_back):
    """A MiB holds a million bytes: 10 sentences of 5 words, or of 200 subwords, of two layers and width 512."""
    model = SimpleNamespace(layers=[1, 2], encoder=SimpleNamespace(config=SimpleNamespace(hidden_size=512)))
    side = MagicMock(n_words=np.full(pairs, 5), lengths=lambda: np.full(pairs, 200), __len__=lambda _: pairs)
    encoded = {"de": TokenisedPairs(side, side, None)}
    given = Align(**{"batch_size": 4, "remembered": 1, **settings})
    assert _comes_back(encoded, model, given, 6) is comes_back
