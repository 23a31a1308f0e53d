import json
import lzma
import random

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import (
    AutoModel,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

import otlib.nli
from otlib.nli import COLUMNS, LABELS, finetune, freeze_layers, pad, predict, read_nli, score
from otlib.pretrain import train_tokenizer

# Reading

HEADER = "language\tgold_label\tpairID\tsentence1\tsentence2\n"


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_quotes_are_text(tmp_path):
    # A CSV reader would take the open quote for the start of a field and swallow the line end.
    text = HEADER + 'de\tneutral\t1\t"Er ging\tSie sagte: "gut"\nen\tentailment\t2\tHe said "no.\tHe spoke.\n'
    items = read_nli(write(tmp_path / "xnli.tsv", text))
    assert items.values.tolist() == [
        ["de", "neutral", "1", '"Er ging', 'Sie sagte: "gut"'],
        ["en", "entailment", "2", 'He said "no.', "He spoke."],
    ]


def test_columns_are_found_by_name_and_missing_ones_are_filled(tmp_path):
    # English training sets have neither language nor pairID; line numbers keep the items apart.
    text = "genre\tsentence1\tsentence2\tgold_label\nfiction\ta b\tc\tneutral\nfiction\td\te\tentailment\n"
    items = read_nli(write(tmp_path / "mnli.tsv", text))
    assert list(items) == COLUMNS
    assert items["language"].tolist() == ["en", "en"]
    assert items["pairID"].tolist() == ["2", "3"]
    assert items["sentence2"].tolist() == ["c", "e"]


def test_compressed_items_read_as_plain_ones(tmp_path):
    text = HEADER + "el\tcontradiction\t1\tΗ γάτα\tΟ σκύλος\n"
    (tmp_path / "xnli.tsv.xz").write_bytes(lzma.compress(text.encode()))
    plain = read_nli(write(tmp_path / "xnli.tsv", text))
    pd.testing.assert_frame_equal(read_nli(tmp_path / "xnli.tsv.xz"), plain)


def test_items_without_consensus_are_left_out_and_counted(tmp_path):
    # SNLI and MultiNLI mark them by "-"; one such line must not stop a study, nor vanish.
    text = HEADER + "en\t-\t1\ta\tb\nen\tneutral\t2\tc\td\n"
    items = read_nli(write(tmp_path / "snli.tsv", text))
    assert items["pairID"].tolist() == ["2"]
    assert items.attrs["no_consensus"] == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "en\tcontradictory\t2\tc\td",
            r"xnli\.tsv, line 3: unknown label 'contradictory'; it must be one of",
        ),
        ("en\t\t2\tc\td", r"xnli\.tsv, line 3: unknown label ''"),
        ("en\tneutral\t2\t \td", r"xnli\.tsv, line 3: an empty sentence"),
        ("en\tneutral\t2\tc", r"xnli\.tsv, line 3: 4 fields where the header has 5"),
    ],
)
def test_a_malformed_item_is_named_by_file_and_line(tmp_path, line, message):
    path = write(tmp_path / "xnli.tsv", HEADER + "en\tneutral\t1\ta\tb\n" + line + "\n")
    with pytest.raises(ValueError, match=message):
        read_nli(path)


def test_test_files_without_labels_are_refused(tmp_path):
    # XTREME strips the labels of XNLI's test set: scores would be chance.
    path = write(tmp_path / "test.tsv", "sentence1\tsentence2\na\tb\n")
    with pytest.raises(ValueError, match="no column 'gold_label'"):
        read_nli(path)
    with pytest.raises(ValueError, match="holds no item"):
        read_nli(write(tmp_path / "empty.tsv", HEADER))


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


FAST = {"steps": 60, "batch_size": 16, "learning_rate": 1e-2}
BRIEF = {"steps": 3, "batch_size": 8, "learning_rate": 1e-3}


@pytest.mark.parametrize("build", ["encoder", "xlmr"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_fine_tuning_learns_what_the_hypothesis_says(build, pooling, request, tmp_path):
    # Chance is one third. Labels, their order and the order of predictions must all be right for this.
    folder = request.getfixturevalue(build)
    model, tokenizer, log = finetune(folder, items(), items(30, seed=1), tmp_path, pooling=pooling, **FAST)
    test = pd.concat([items(40, seed=2), items(40, seed=3, language="de")])
    predictions = predict(model, tokenizer, test, batch_size=16)
    assert predictions[["language", "pairID", "gold"]].values.tolist() == (
        test[["language", "pairID", "gold_label"]].values.tolist()
    )
    assert (score(predictions).query("metric == 'accuracy'")["value"] > 70).all()
    assert log["dev_accuracy"].dropna().iloc[-1] > 0.7
    assert not model.training


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_padding_changes_no_logit(encoder, tmp_path, pooling):
    # A mean over padded positions would make an item depend on its neighbours in the batch.
    model, tokenizer, _ = finetune(encoder, items(), items(6), tmp_path, pooling=pooling, **BRIEF)
    inputs, _ = otlib.nli._encode(tokenizer, items(12), 32)
    with torch.no_grad():
        together = model(**pad(tokenizer, inputs, range(12)))
        alone = torch.cat([model(**pad(tokenizer, inputs, [i])) for i in range(12)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)  # float32, another order of sums


def test_padding_equals_the_tokenizers_own(encoder):
    # The reference is slower: it pads lists, one item after the other.
    tokenizer = otlib.nli.load_encoder(encoder)[0]
    table = items(9)
    inputs, _ = otlib.nli._encode(tokenizer, table, 32)
    expected = tokenizer(table["sentence1"].tolist(), table["sentence2"].tolist(), padding=True, return_tensors="pt")
    found = pad(tokenizer, inputs, range(9))
    assert set(found) == set(expected)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name])


@pytest.mark.parametrize("build", ["encoder", "xlmr"])
@pytest.mark.parametrize(("pooling", "freeze"), [("mean", 0), ("mean", 1), ("cls", 2), ("mean", 3)])
def test_frozen_layers_stay_and_the_others_move(build, pooling, freeze, request, tmp_path):
    # 1 freezes the embeddings, 2 the first layer too. Weight decay must not move them either.
    folder = request.getfixturevalue(build)
    before = AutoModel.from_pretrained(folder).state_dict()
    model, _, _ = finetune(folder, items(), items(6), tmp_path, pooling=pooling, freeze=freeze, **BRIEF)
    after = model.encoder.state_dict()
    for part, number in {"embeddings.": 1, "encoder.layer.0.": 2, "encoder.layer.1.": 3}.items():
        names = [name for name in after if name.startswith(part) and name.endswith("weight")]
        moved = [not torch.equal(before[name], after[name]) for name in names]
        assert names
        assert any(moved) == all(moved) == (number > freeze), part


def test_freezing_more_than_there_is_is_refused(encoder):
    model = AutoModel.from_pretrained(encoder)
    for freeze in (-1, 4):
        with pytest.raises(ValueError, match=f"between 0 and 3 for this encoder, got {freeze}"):
            freeze_layers(model, freeze)


def test_an_encoder_of_another_build_can_be_tuned_but_not_frozen():
    # Not freezing must not ask for BERT's parts.
    model = DistilBertModel(DistilBertConfig(vocab_size=50, dim=8, n_layers=1, n_heads=2, hidden_dim=16))
    freeze_layers(model, 0)
    with pytest.raises(ValueError, match="freeze must be 0 for a DistilBertModel"):
        freeze_layers(model, 1)


def test_an_unknown_pooling_or_a_missing_encoder_is_one_clear_error(encoder, tmp_path):
    with pytest.raises(ValueError, match="pooling must be cls or mean, got 'max'"):
        finetune(encoder, items(), items(6), tmp_path, pooling="max", **BRIEF)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        finetune(tmp_path / "nowhere", items(), items(6), tmp_path, **BRIEF)


def reading(monkeypatch):
    """Instead of training, collect the batches of every run."""
    read = []

    def train(model, loader, *_, **__):
        read.append(list(loader))
        return pd.DataFrame()

    monkeypatch.setattr(otlib.nli, "train", train)
    return read


def test_every_method_reads_the_same_batches(encoder, xlmr, tmp_path, monkeypatch):
    # Methods are compared on the same learning: batches depend on the seed and the data, not on the encoder.
    read = reading(monkeypatch)
    for folder, seed in ((encoder, 0), (xlmr, 0), (encoder, 1)):
        finetune(folder, items(), items(6), tmp_path, seed=seed, **BRIEF)
    bert, xlm, other_seed = ([batch["input_ids"] for batch in batches] for batches in read)
    assert all(torch.equal(a, b) for a, b in zip(bert, xlm, strict=True))
    assert not all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(bert, other_seed, strict=True))


def test_an_epoch_reads_every_item_once(encoder, tmp_path, monkeypatch):
    # Batches of similar lengths are a reordering, not a selection.
    read = reading(monkeypatch)
    finetune(encoder, items(90), items(6), tmp_path, steps=5, accumulation=2, batch_size=9)
    (batches,) = read
    assert len(batches) == 10
    seen = sorted(tuple(row[row != 0].tolist()) for batch in batches for row in batch["input_ids"])
    inputs, _ = otlib.nli._encode(otlib.nli.load_encoder(encoder)[0], items(90), 32)
    assert seen == sorted(tuple(row.tolist()) for row in inputs["input_ids"])


def test_the_seed_fixes_the_result(encoder, tmp_path):
    runs = [finetune(encoder, items(), items(6), tmp_path, seed=seed, **BRIEF)[0] for seed in (0, 0, 1)]
    first, again, other = (
        run.classifier.weight if hasattr(run, "classifier") else run.model.classifier.weight for run in runs
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_resumed_run_equals_an_uninterrupted_one(encoder, tmp_path, monkeypatch):
    settings = {"steps": 5, "batch_size": 8, "learning_rate": 1e-3, "save_every": 1, "pooling": "mean"}
    whole, _, log = finetune(encoder, items(), items(6), tmp_path / "whole", **settings)
    calls = []

    def stop(*_):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return 0.0

    with monkeypatch.context() as patch:
        patch.setattr(otlib.nli, "accuracy_score", stop)
        with pytest.raises(KeyboardInterrupt):
            finetune(encoder, items(), items(6), tmp_path / "cut", **settings)
    resumed, _, after = finetune(encoder, items(), items(6), tmp_path / "cut", resume=True, **settings)
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], value, rtol=0, atol=0)
    assert after["loss"].tolist() == log["loss"].tolist()
    assert after["dev_accuracy"][0] == 0  # this row is of the run that was interrupted


def test_items_longer_than_the_encoder_are_cut_and_counted(encoder, xlmr, tmp_path):
    # An index beyond the positions would fail, or read outside the table on a GPU.
    long = items(8).assign(sentence1=" ".join(NOUNS * 5))
    both = pd.concat([items(82), long], ignore_index=True)
    for folder in (encoder, xlmr):
        model, tokenizer, log = finetune(folder, both, items(6), tmp_path, max_length=512, **BRIEF)
        assert log.attrs["truncated"] == 8
        predictions = predict(model, tokenizer, both, max_length=512)
        assert predictions.attrs["truncated"] == 8
        assert len(predictions) == 90


def test_an_item_that_just_fits_is_not_counted_as_cut(encoder):
    tokenizer = otlib.nli.load_encoder(encoder)[0]
    table = items(1)
    length = len(tokenizer(table["sentence1"][0], table["sentence2"][0])["input_ids"])
    assert [otlib.nli._encode(tokenizer, table, limit)[1] for limit in (length, length - 1)] == [0, 1]
