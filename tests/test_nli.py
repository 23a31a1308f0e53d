import json
import random

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import AutoModel, BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

import otlib.tasks.finetune
import otlib.tasks.nli
from otlib.data.items import COLUMNS, LABELS, premises
from otlib.settings import Nli
from otlib.tasks.finetune import pad
from otlib.tasks.nli import finetune, predict, score
from otlib.training.pretrain import train_tokenizer
from otlib.training.words import load_encoder

# Scores


def test_accuracy_and_macro_f1_by_hand():
    # Entailment: precision 1/2, recall 1; neutral: never predicted; contradiction: right. (2/3 + 0 + 1) / 3.
    gold = ["entailment", "neutral", "contradiction"]
    predicted = ["entailment", "entailment", "contradiction"]
    predictions = pd.DataFrame({"language": "de", "gold": gold, "predicted": predicted})
    english = predictions.assign(language="en", predicted=gold)
    scores = score(pd.concat([english, predictions])).set_index(["language", "metric"])["value"]
    assert scores["de", "accuracy"] == pytest.approx(200 / 3)
    assert scores["de", "macro_f1"] == pytest.approx(500 / 9)
    assert scores["en", "accuracy"] == scores["en", "macro_f1"] == 100


def test_macro_f1_weighs_a_label_that_does_not_occur_as_zero():
    # Over the labels present alone, predicting one label of a one-label sample would read 100.
    predictions = pd.DataFrame({"language": ["de"], "gold": ["neutral"], "predicted": ["neutral"]})
    assert score(predictions).set_index("metric")["value"]["macro_f1"] == pytest.approx(100 / 3)


def test_scores_equal_counts_of_hits_and_misses():
    # Precision and recall of each label by counting, on what a poor model might answer in two languages.
    draw = random.Random(0)
    rows = [(draw.choice(["th", "zh"]), draw.choice(LABELS), draw.choice(LABELS[:2])) for _ in range(300)]
    scores = score(pd.DataFrame(rows, columns=["language", "gold", "predicted"])).set_index(["language", "metric"])
    for language in ("th", "zh"):
        pairs = [(gold, predicted) for code, gold, predicted in rows if code == language]
        f1 = []
        for label in LABELS:
            hits = sum(gold == predicted == label for gold, predicted in pairs)
            named = sum(label in pair for pair in pairs)
            f1.append(2 * hits / (named + hits))  # 2 TP / (2 TP + FP + FN)
        right = sum(gold == predicted for gold, predicted in pairs)
        assert scores.loc[(language, "accuracy"), "value"] == pytest.approx(100 * right / len(pairs))
        assert scores.loc[(language, "macro_f1"), "value"] == pytest.approx(100 * sum(f1) / 3)


# Fine-tuning

NOUNS = [f"{a}{b}" for a in "bdfg" for b in ("ana", "ene", "olo")]
TELLING = dict(zip(["yes", "maybe", "never"], LABELS, strict=True))


def items(n=90, seed=0, language="en"):
    """Items whose hypothesis holds a word that gives the label away, of many lengths."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        word, label = list(TELLING.items())[number % 3]
        premise = " ".join(draw.choice(NOUNS, draw.integers(1, 12)))
        hypothesis = " ".join(draw.permutation([word, *draw.choice(NOUNS, draw.integers(1, 3))]))
        rows.append((language, label, str(number), premise, hypothesis))
    return pd.DataFrame(rows, columns=COLUMNS)


SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A random BERT and its tokenizer."""
    folder = tmp_path_factory.mktemp("bert")
    (folder / "text").write_text("\n".join([" ".join([*NOUNS, *TELLING])] * 3))
    tokenizer = train_tokenizer([folder / "text"], folder, vocabulary_size=100, lowercase=True)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=32, initializer_range=0.1, **SIZE)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def xlmr(encoder, tmp_path_factory):
    """The same of XLM-R's build: no token types, positions counted from the padding's number."""
    folder = tmp_path_factory.mktemp("xlmr")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((encoder / name).read_bytes())
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"model_input_names": ["input_ids", "attention_mask"], "model_max_length": 32}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=100,
        max_position_embeddings=34,
        type_vocab_size=1,
        pad_token_id=0,
        initializer_range=0.1,
        **SIZE,
    )
    XLMRobertaModel(config).save_pretrained(folder)
    return folder


FAST = Nli(steps=60, batch_size=16, learning_rate=1e-2)
BRIEF = Nli(steps=3, batch_size=8, learning_rate=1e-3)


@pytest.mark.parametrize(
    ("build", "pooling"),
    [("encoder", "mean"), ("encoder", "pair"), ("encoder", "cls"), ("xlmr", "mean"), ("xlmr", "cls")],
)
def test_fine_tuning_learns_what_the_hypothesis_says(build, pooling, request, tmp_path):
    # Chance is one third. Labels, their order and the order of predictions must all be right for this.
    folder = request.getfixturevalue(build)
    settings = FAST.changed(pooling=pooling)
    model, tokenizer, log, counts = finetune(folder, items(), items(30, seed=1), tmp_path, settings)
    test = pd.concat([items(40, seed=2), items(40, seed=3, language="de")])
    test.iloc[7, COLUMNS.index("sentence1")] = test["sentence1"].iloc[4]
    predictions, cut = predict(model, tokenizer, test, settings, at_once=16)
    assert predictions[["language", "pairID", "gold"]].values.tolist() == (
        test[["language", "pairID", "gold_label"]].values.tolist()
    )
    assert predictions["cluster"].tolist() == premises(test).tolist() and predictions["cluster"][7] == "4"
    assert (score(predictions).query("metric == 'accuracy'")["value"] > 70).all()
    assert log["dev_accuracy"].dropna().iloc[-1] > 0.7
    assert not model.training and counts == {"truncated": 0} and cut == 0


@pytest.mark.parametrize("pooling", ["mean", "pair", "cls"])
def test_padding_changes_no_logit(encoder, tmp_path, pooling):
    # A mean over padded positions would make an item depend on its neighbours in the batch.
    model, tokenizer, *_ = finetune(encoder, items(), items(6), tmp_path, BRIEF.changed(pooling=pooling))
    inputs, _ = otlib.tasks.nli._encode(tokenizer, items(12), 32)
    with torch.no_grad():
        together = model(**pad(tokenizer, inputs, range(12)))
        alone = torch.cat([model(**pad(tokenizer, inputs, [i])) for i in range(12)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)  # float32, another order of sums


@pytest.mark.parametrize(
    ("build", "pooling", "freeze"),
    [("encoder", "mean", 0), ("xlmr", "mean", 1), ("encoder", "cls", 2), ("xlmr", "cls", 2), ("encoder", "mean", 3)],
)
def test_frozen_layers_stay_and_the_others_move(build, pooling, freeze, request, tmp_path):
    # 1 freezes the embeddings, 2 the first layer too. Weight decay must not move them either.
    folder = request.getfixturevalue(build)
    before = AutoModel.from_pretrained(folder).state_dict()
    settings = BRIEF.changed(pooling=pooling, freeze=freeze)
    after = finetune(folder, items(), items(6), tmp_path, settings).model.encoder.state_dict()
    for part, number in {"embeddings.": 1, "encoder.layer.0.": 2, "encoder.layer.1.": 3}.items():
        names = [name for name in after if name.startswith(part) and name.endswith("weight")]
        moved = [not torch.equal(before[name], after[name]) for name in names]
        assert names
        assert any(moved) == all(moved) == (number > freeze), part


def test_a_pair_is_read_as_both_means_their_distance_and_product(encoder, tmp_path):
    # Premise and hypothesis told apart by the token types, one item at a time, without padding.
    model, tokenizer, *_ = finetune(encoder, items(), items(6), tmp_path, BRIEF.changed(pooling="pair"))
    inputs, _ = otlib.tasks.nli._encode(tokenizer, items(6), 32)
    for i in range(6):
        batch = pad(tokenizer, inputs, [i])
        with torch.no_grad():
            hidden = model.encoder(**batch).last_hidden_state[0]
            end = batch["input_ids"][0].tolist().index(tokenizer.sep_token_id) + 1
            u, v = hidden[:end].mean(0), hidden[end:].mean(0)
            expected = model.classifier(torch.cat([u, v, abs(u - v), u * v]))
            torch.testing.assert_close(model(**batch)[0], expected, atol=1e-5, rtol=1e-4)


def test_a_pair_whose_sentences_are_not_marked_is_refused(xlmr, tmp_path):
    with pytest.raises(ValueError, match=r"nli\.pooling: pair .* does not: write mean or cls"):
        finetune(xlmr, items(), items(6), tmp_path, BRIEF.changed(pooling="pair"))


def test_a_missing_encoder_is_one_clear_error(tmp_path):
    # Transformers would print a page of advice about the hub.
    with pytest.raises(FileNotFoundError, match="no complete encoder at .*nowhere: pretrain it first"):
        finetune(tmp_path / "nowhere", items(), items(6), tmp_path, BRIEF)


def reading(monkeypatch):
    """Instead of training, collect the batches of every run."""
    read = []

    def train(model, loader, *_, **__):
        read.append(list(loader))
        return pd.DataFrame()

    monkeypatch.setattr(otlib.tasks.finetune, "train", train)
    return read


def test_every_method_reads_the_same_batches(encoder, xlmr, tmp_path, monkeypatch):
    # Methods are compared on the same learning: batches depend on the seed and the data, not on the encoder.
    read = reading(monkeypatch)
    for folder, seed in ((encoder, 0), (xlmr, 0), (encoder, 1)):
        finetune(folder, items(), items(6), tmp_path, BRIEF, seed=seed)
    bert, xlm, other_seed = ([batch["input_ids"] for batch in batches] for batches in read)
    assert all(torch.equal(a, b) for a, b in zip(bert, xlm, strict=True))
    assert not all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(bert, other_seed, strict=True))


def test_an_epoch_reads_every_item_once(encoder, tmp_path, monkeypatch):
    # Batches of similar lengths are a reordering, not a selection.
    read = reading(monkeypatch)
    finetune(encoder, items(90), items(6), tmp_path, Nli(steps=5, accumulation=2, batch_size=9))
    (batches,) = read
    assert len(batches) == 10
    seen = sorted(tuple(row[row != 0].tolist()) for batch in batches for row in batch["input_ids"])
    inputs, _ = otlib.tasks.nli._encode(load_encoder(encoder)[0], items(90), 32)
    assert seen == sorted(tuple(row.tolist()) for row in inputs["input_ids"])


def test_the_seed_fixes_the_result(encoder, tmp_path):
    # Two runs that differ without a reason cannot be compared.
    runs = [finetune(encoder, items(), items(6), tmp_path, BRIEF, seed=seed).model for seed in (0, 0, 1)]
    first, again, other = (run.model.classifier.weight for run in runs)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_resumed_run_equals_an_uninterrupted_one(encoder, tmp_path, monkeypatch):
    # Classifier, dropout and the order of the items go on from where the run was stopped.
    settings = BRIEF.changed(steps=5, save_every=1, pooling="mean")
    whole, _, log, _ = finetune(encoder, items(), items(6), tmp_path / "whole", settings)
    calls = []

    def stop(*_):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 0.0

    with monkeypatch.context() as patch:
        patch.setattr(otlib.tasks.nli, "accuracy_score", stop)
        with pytest.raises(KeyboardInterrupt):
            finetune(encoder, items(), items(6), tmp_path / "cut", settings)
    resumed, _, after, _ = finetune(encoder, items(), items(6), tmp_path / "cut", settings, resume=True)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)
    assert after["loss"].tolist() == log["loss"].tolist()
    assert after["dev_accuracy"][0] == 0  # this row is of the run that was interrupted


def test_items_longer_than_the_encoder_are_cut_and_counted(encoder, xlmr, tmp_path):
    # An index beyond the positions would fail, or read outside the table on a GPU.
    long = items(8).assign(sentence1=" ".join(NOUNS * 5))
    both = pd.concat([items(82), long], ignore_index=True)
    for folder in (encoder, xlmr):
        settings = BRIEF.changed(max_length=512)
        tuned = finetune(folder, both, items(6), tmp_path, settings)
        assert tuned.counts == {"truncated": 8}
        predictions = predict(tuned.model, tuned.tokenizer, both, settings)
        assert predictions.cut == 8
        assert len(predictions.table) == 90


def test_an_item_that_just_fits_is_not_counted_as_cut(encoder):
    # The count is the tokenizer's own overflow, which an item of exactly the longest length has not.
    tokenizer = load_encoder(encoder)[0]
    table = items(1)
    length = len(tokenizer(table["sentence1"][0], table["sentence2"][0])["input_ids"])
    assert [otlib.tasks.nli._encode(tokenizer, table, limit)[1] for limit in (length, length - 1)] == [0, 1]
