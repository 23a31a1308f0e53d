import json
import random
import string
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers.processors import TemplateProcessing
from torch import nn
from transformers import AutoModel, BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

import otlib.tasks.qa
from otlib.settings import Qa
from otlib.tasks.finetune import pad
from otlib.tasks.qa import best_spans, finetune, normalise_answer, predict, score, score_answer
from otlib.training.pretrain import train_tokenizer
from otlib.training.words import load_encoder

# Scores


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The  Cat's a-sleep.", "cats asleep"),  # punctuation goes without leaving a blank, then articles
        ("a an the", ""),
        ("Theatre and another", "theatre and another"),  # articles are whole words
        ("«Το σπίτι»,  της ΆΝΝΑΣ", "«το σπίτι» της άννας"),  # only ASCII punctuation goes
        ("В Бо́лгарии", "в бо́лгарии"),
        ("北京。", "北京。"),
    ],
)
def test_answers_are_normalised_as_squad_does(text, expected):
    # evaluate-v1.1.py: lower case, punctuation, articles, blanks, in this order.
    assert normalise_answer(text) == expected


def test_f1_and_exact_match_by_hand():
    # Two of three predicted words are right, and all of the gold: 2 (2/3) 1 / (2/3 + 1).
    assert score_answer("the old red house", ["red house!"]) == pytest.approx((0.8, 0))
    assert score_answer("Red house", ["red the house."]) == (1, 1)
    assert score_answer("cat", ["dog"]) == score_answer("", ["dog"]) == (0, 0)


def test_repeated_words_count_as_often_as_both_have_them():
    # Two of three words on either side are common; sets of words would have one.
    assert score_answer("ha ha no", ["ha ha ha"])[0] == pytest.approx(2 / 3)


def test_the_best_gold_answer_counts():
    # SQuAD's annotators chose different stretches, of which an answer need match one.
    assert score_answer("1 May", ["May", "1 May", "in May 1990"]) == (1, 1)


def test_scores_are_means_by_language_in_per_cent():
    # A mean over all questions would weigh languages by their numbers.
    predictions = pd.DataFrame({"language": ["en", "en", "de"], "f1": [1, 0.5, 0.25], "exact_match": [1, 0, 0]})
    scores = score(predictions).set_index(["language", "metric"])["value"]
    assert scores["en", "f1"] == 75
    assert scores["en", "exact_match"] == 50
    assert scores["de", "f1"] == 25


# The official evaluation of SQuAD v1.1 in words: "lower text and remove punctuation, articles and extra
# whitespace"; F1 between bags of tokens; the maximum over the gold answers. Written anew, character by character.


def official_tokens(answer):
    letters = [character for character in answer.lower() if character not in string.punctuation]
    text, word = [], ""
    for character in [*letters, "\0"]:  # a word is a run of letters, digits and underscores
        if character.isalnum() or character == "_":
            word += character
        else:
            text += [" " if word in ("a", "an", "the") else word, character]
            word = ""
    return "".join(text[:-1]).split()


def official_scores(predicted, golds):
    f1s, exact = [], []
    for gold in golds:
        left, right = official_tokens(predicted), official_tokens(gold)
        exact.append(float(left == right))
        rest, common = list(right), 0
        for token in left:
            if token in rest:
                rest.remove(token)
                common += 1
        precision, recall = (common / len(side) if side else 0 for side in (left, right))
        f1s.append(2 * precision * recall / (precision + recall) if common else 0.0)
    return max(f1s), max(exact)


PIECES = [
    *("the", "The", "a", "an", "AN", "theatre", "banana", "a-the", "U.S.", "can't", "the's", "a_b", "1,000", "½"),
    *("القاهرة", "كِتَاب", "،", "北京", "，", "。", "「北京」", "दिल्ली", "की", "।", "กรุงเทพ", "น้ำ", "ๆ"),
    *("Αθήνα", "ΑΘΉΝΑΣ", "οδός", "Москва", "Йод", "и\u0306", "e\u0301", "é", "İstanbul", "ß", "ẞ", "«", "»", "–"),
    *("“the”", "’s", "a\u0301", "the\u0301", "\u200d", "\u00a0", "\u3000", "\u2028", "\t", ".", "?!", "$", "€"),
]
ANSWERS = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(max_size=3), st.sampled_from([" ", "  ", ""])), max_size=8
).map("".join)


@settings(max_examples=400, deadline=None)
@given(ANSWERS, st.lists(ANSWERS, min_size=1, max_size=3))
def test_scores_equal_an_independent_reading_of_the_official_rules(predicted, golds):
    # Regular expressions and translation tables, against the rules spelled out above.
    assert score_answer(predicted, golds) == pytest.approx(official_scores(predicted, golds))
    assert score_answer(golds[0], golds) == pytest.approx(official_scores(golds[0], golds))


# Windows

NOUNS = [f"{a}{b}" for a in "bdfg" for b in ("ana", "ene", "olo")]
GREEK = ["γάτα", "σπίτι", "ήλιος", "δρόμος"]
MARKED = ["zoz", "zuz", "zez"]
WINDOW = Qa(max_length=32)
SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A random BERT of 32 positions and its tokenizer."""
    folder = tmp_path_factory.mktemp("bert")
    (folder / "text").write_text("\n".join([" ".join([*NOUNS, *GREEK, *MARKED])] * 3), encoding="utf-8")
    tokenizer = train_tokenizer([folder / "text"], folder, vocabulary_size=150, lowercase=True)
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
        vocab_size=150,
        max_position_embeddings=34,
        type_vocab_size=1,
        pad_token_id=0,
        initializer_range=0.1,
        **SIZE,
    )
    XLMRobertaModel(config).save_pretrained(folder)
    return folder


def questions(n=60, seed=0, words=NOUNS, length=(3, 12)):
    """Questions whose answer is the marked word of the context."""
    draw = random.Random(seed)
    rows = []
    for number in range(n):
        context = [draw.choice(words) for _ in range(draw.randint(*length))]
        context.insert(draw.randint(0, len(context)), draw.choice(MARKED))
        text = " ".join(context)
        answer = next(word for word in context if word in MARKED)
        rows.append((f"q{number}", " ".join(draw.sample(words, 2)), text, [answer], [text.index(answer)]))
    return pd.DataFrame(rows, columns=["id", "question", "context", "answers", "starts"])


def ragged(n=20, seed=0):
    """Questions over contexts with stray blanks and punctuation; answers of several words."""
    draw = random.Random(seed)
    rows = []
    for number in range(n):
        words = [draw.choice(NOUNS + GREEK) for _ in range(draw.randint(1, 60))]
        text = "".join(word + draw.choice([" ", "  ", ", ", ". ", "-"]) for word in words)
        first = draw.randrange(len(words))
        start = sum(len(word) for word in words[:first])
        start = text.index(words[first], start)
        answer = text[start : start + draw.randint(1, 20)].rstrip(" ,.-")
        rows.append((f"q{number}", "bana dene", text, [answer], [start]))
    return pd.DataFrame(rows, columns=["id", "question", "context", "answers", "starts"])


def test_windows_cover_the_context_and_share_their_stride(encoder):
    # A subword in no window could never be answered.
    tokenizer, _ = load_encoder(encoder)
    items = ragged()
    windows = otlib.tasks.qa._windows(tokenizer, items, 24, 6)
    assert max(map(len, windows.inputs["input_ids"])) == 24
    several = 0
    for item, text in enumerate(items["context"]):
        own = [windows.offsets[w] for w, i in enumerate(windows.item) if i == item]
        everything = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        assert sorted({tuple(place) for offsets in own for place in offsets.tolist()}) == everything
        for left, right in zip(own, own[1:], strict=False):
            assert left[-6:].tolist() == right[:6].tolist()
        several += len(own) > 1
    assert several > 5


def test_targets_are_the_answers_in_every_window_that_holds_them(encoder):
    # Off by one subword in a target teaches the wrong answer without any error.
    tokenizer, _ = load_encoder(encoder)
    items = ragged(60)
    windows = otlib.tasks.qa._windows(tokenizer, items, 24, 6)
    holding, spans = otlib.tasks.qa._targets(windows, items)
    assert len(holding) > 60
    single = 0
    for window in holding:
        item, (first, last) = windows.item[window], spans[window]
        begin, end = (int(i) for i in windows.context[window])
        assert begin <= first <= last < end
        offsets = windows.offsets[window]
        covered = items["context"][item][offsets[first - begin][0] : offsets[last - begin][1]]
        # An answer may end within a subword: the target is then the smallest stretch that covers it.
        answer = items["answers"][item][0]
        assert answer in covered
        if answer in NOUNS + GREEK:
            ids = windows.inputs["input_ids"][window][first : last + 1].tolist()
            assert ids == tokenizer(answer, add_special_tokens=False)["input_ids"]
            single += 1
    assert single
    # A window holds no answer only where the answer is not whole in it.
    for window in set(range(len(windows.item))) - set(holding):
        item, offsets = windows.item[window], windows.offsets[window]
        start = items["starts"][item][0]
        assert not offsets[0, 0] <= start < start + len(items["answers"][item][0]) <= offsets[-1, 1]


@pytest.mark.parametrize(
    "answer", ["{} bana", " {}", "{} ", "{}\u200b", "\u200b{}", "\u00a0{}\u2003", "\ufeff{}\u00ad", "{} \u200bbana"]
)
def test_what_a_tokenizer_drops_around_an_answer_costs_no_question(encoder, answer):
    # No subword began or ended with such an answer, and its windows counted as windows without one.
    tokenizer, _ = load_encoder(encoder)
    text = answer.format("zoz")
    context = "bana " * 20 + text + " dene" * 20
    items = pd.DataFrame(
        [("q", "bana", context, [text], [100])], columns=["id", "question", "context", "answers", "starts"]
    )
    windows = otlib.tasks.qa._windows(tokenizer, items, 24, 6)
    holding, spans = otlib.tasks.qa._targets(windows, items)
    ids = tokenizer(text.replace("\u200b", ""), add_special_tokens=False)["input_ids"]
    found = [windows.inputs["input_ids"][w][spans[w][0] : spans[w][1] + 1].tolist() for w in holding]
    assert holding and found == [ids] * len(holding) and len(holding) < len(windows.item)


@pytest.mark.parametrize("form", ["bert", "xlmr", "cls last", "no cls"])
def test_a_window_without_its_whole_answer_points_at_cls(encoder, form):
    # As in XTREME, which trains on such windows, too; without a [CLS] it is the first subword.
    tokenizer, _ = load_encoder(encoder)
    cls, sep = "[CLS]:{0}", "[SEP]:{0}"
    pair = {"xlmr": f"{cls} $A:0 {sep} {sep} $B:0 {sep}", "cls last": f"$A:0 {sep} $B:1 {sep} {cls}"}
    pair["no cls"] = f"$A:0 {sep} $B:1 {sep}"
    if form in pair:
        specials = [(name, tokenizer.convert_tokens_to_ids(name)) for name in ("[CLS]", "[SEP]")]
        template = TemplateProcessing(single="$A", pair=pair[form].format(0), special_tokens=specials)
        tokenizer.backend_tokenizer.post_processor = template
    items = questions(3, length=(1, 2))
    items.loc[1, "context"] = " ".join(["bana"] * 30 + ["zoz", "dene"] + ["dene"] * 30)
    items.at[1, "answers"], items.at[1, "starts"] = ["zoz dene"], [items["context"][1].index("zoz dene")]
    items.loc[2, "context"] = " ".join(["bana"] * 60)  # longer than every window
    items.at[2, "answers"], items.at[2, "starts"] = [items["context"][2]], [0]
    windows = otlib.tasks.qa._windows(tokenizer, items, 24, 6)
    holding, spans = otlib.tasks.qa._targets(windows, items)
    assert len(spans) == len(windows.item) and {windows.item[window] for window in holding} == {0, 1}
    without = set(range(len(windows.item))) - set(holding)
    assert {windows.item[window] for window in without} == {1, 2}
    for window in without:
        ids = windows.inputs["input_ids"][window].tolist()
        assert spans[window].tolist() == [ids.index(tokenizer.cls_token_id) if form != "no cls" else 0] * 2


def test_a_question_longer_than_half_a_window_is_cut_and_counted(encoder):
    # It would leave no room for the context, and the tokenizer would raise an error.
    tokenizer, _ = load_encoder(encoder)
    items = questions(3)
    items.loc[1, "question"] = " ".join(NOUNS * 5)
    windows = otlib.tasks.qa._windows(tokenizer, items, 32, 128)
    assert windows.cut_questions == 1
    window = windows.item.index(1)
    first, _ = windows.context[window]
    beginning = tokenizer.decode(windows.inputs["input_ids"][window][1 : first - 1])
    assert items["question"][1].startswith(beginning)
    assert len(beginning.split()) >= 5
    ends = [windows.offsets[w][-1, 1] for w, item in enumerate(windows.item) if item == 1]
    assert max(ends) == len(items["context"][1])


# Spans


def test_best_spans_equal_a_search_through_all():
    # The definition: start before end, both in the context, at most so many subwords, highest sum.
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(40, 11, 2, generator=generator)
    for longest in (1, 3, 30):
        context = [(2 + i % 4, 7 + i % 4) for i in range(40)]
        for row, (value, first, last) in enumerate(best_spans(logits, context, longest)):
            begin, end = context[row]
            start_logits, end_logits = logits[row].unbind(-1)
            expected = max(
                (float(start_logits[i] + end_logits[j]), i - begin, j - begin)
                for i in range(begin, end)
                for j in range(i, min(end, i + longest))
            )
            assert (value, first, last) == pytest.approx(expected)


class Pointer(nn.Module):
    """Points at a subword wherever it stands, and at everything outside the context even more."""

    def __init__(self, tokenizer, word):
        super().__init__()
        self.config = SimpleNamespace(max_position_embeddings=32)
        self.number = tokenizer.convert_tokens_to_ids(word)
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, input_ids, token_type_ids, attention_mask):
        logits = (input_ids == self.number).float() * 5 + (token_type_ids == 0).float() * 50
        return torch.stack([logits, logits], -1)


def test_the_answer_is_found_in_whichever_window_it_stands(encoder):
    # The best window decides; question, special subwords and padding can never be the answer.
    tokenizer, _ = load_encoder(encoder)
    items = questions(40, words=NOUNS + GREEK, length=(1, 80))
    items["context"] = items["context"].str.replace("zuz|zez", "zoz", regex=True)
    items["answers"] = [["zoz"]] * len(items)
    items["cluster"] = items["id"].str[:2]
    items = items[::-1]
    predictions, cut = predict(Pointer(tokenizer, "zoz"), tokenizer, items, WINDOW, at_once=7)
    assert cut == 0
    assert predictions[["id", "cluster"]].values.tolist() == items[["id", "cluster"]].values.tolist()
    assert (predictions["predicted"] == "zoz").all()
    assert (predictions[["f1", "exact_match"]] == 1).all(axis=None)


def test_the_answer_is_the_text_of_the_context_not_its_subwords(encoder):
    # Subwords are lower-cased and stripped of accents; the answer is cut from the text as it was written.
    tokenizer, _ = load_encoder(encoder)
    word = tokenizer.tokenize("ΣΠΊΤΙ")
    assert len(word) == 1
    items = pd.DataFrame(
        {
            "id": ["q"],
            "question": ["bana"],
            "context": ["🐈 γάτα  «ΣΠΊΤΙ», γάτα."],
            "answers": [["ΣΠΊΤΙ"]],
            "starts": [[9]],
        }
    )
    assert predict(Pointer(tokenizer, word[0]), tokenizer, items).table["predicted"].tolist() == ["ΣΠΊΤΙ"]


def test_a_context_without_a_subword_answers_nothing(encoder):
    # A context of control characters has no subword: nothing to point at, and no error.
    tokenizer, _ = load_encoder(encoder)
    items = questions(2)
    items.loc[1, "context"] = "\u200d"
    predictions = predict(Pointer(tokenizer, "zoz"), tokenizer, items).table
    assert predictions["predicted"][1] == ""
    assert predictions["f1"][1] == 0


# Fine-tuning

FAST = WINDOW.changed(steps=80, batch_size=16, learning_rate=1e-2)
BRIEF = WINDOW.changed(steps=3, batch_size=8, learning_rate=1e-3)


@pytest.mark.parametrize("build", ["encoder", "xlmr"])
def test_fine_tuning_learns_to_point_at_the_answer(build, request, tmp_path):
    # Long contexts need several windows; the answers of the test are read in all of them.
    folder = request.getfixturevalue(build)
    model, tokenizer, log, counts = finetune(folder, questions(120), questions(20, seed=1), tmp_path, FAST)
    predictions = predict(model, tokenizer, questions(40, seed=2, length=(1, 30)), FAST).table
    assert predictions["exact_match"].mean() > 0.9
    assert log["dev_f1"].dropna().iloc[-1] > 0.9
    assert counts["cut_questions"] == 0
    assert not model.training


def test_windows_without_the_answer_are_counted_and_trained_on(encoder, tmp_path, monkeypatch):
    # Windows longer than the encoder's 32 positions are not asked for, whatever max_length says.
    given, fit = [], otlib.tasks.qa.fit

    def spied(model, tokenizer, inputs, targets, *rest, **options):
        given.extend(zip(inputs["input_ids"], targets["span"].tolist(), strict=True))
        return fit(model, tokenizer, inputs, targets, *rest, **options)

    monkeypatch.setattr(otlib.tasks.qa, "fit", spied)
    long = questions(40, length=(40, 50))
    counts = finetune(encoder, long, questions(4), tmp_path, BRIEF.changed(max_length=512)).counts
    assert 0 < counts["without_answer"] < counts["windows"] == len(given)
    assert [span for _, span in given].count([0, 0]) == counts["without_answer"]


def test_answers_longer_than_every_window_are_one_clear_error(encoder, tmp_path):
    # There would be nothing to train on.
    items = questions(4, length=(40, 50))
    items["answers"], items["starts"] = [[text] for text in items["context"]], [[0]] * 4
    with pytest.raises(ValueError, match="no answer fits a window of 32 subwords: raise qa.max_length"):
        finetune(encoder, items, questions(4), tmp_path, BRIEF)


def test_frozen_embeddings_stay_and_layers_move(encoder, tmp_path):
    # Freezing must reach the encoder inside transformers' own model.
    before = AutoModel.from_pretrained(encoder).state_dict()
    tuned = finetune(encoder, questions(), questions(4), tmp_path, BRIEF.changed(freeze=1))
    after = tuned.model.encoder.state_dict()
    for name in ("embeddings.word_embeddings.weight", "encoder.layer.0.output.dense.weight"):
        assert torch.equal(before[name], after[name]) == name.startswith("embeddings")


def test_padding_takes_no_probability(encoder, tmp_path):
    # The loss of a question must not depend on the longer ones in its batch.
    model, tokenizer, *_ = finetune(encoder, questions(), questions(4), tmp_path, BRIEF)
    items = questions(12)
    windows = otlib.tasks.qa._windows(tokenizer, items, 32, 8)
    _, spans = otlib.tasks.qa._targets(windows, items)
    inputs = windows.inputs

    def loss(chosen):
        batch = {**pad(tokenizer, inputs, chosen), "span": torch.from_numpy(spans[chosen])}
        return float(otlib.tasks.qa._objective(model, batch)[0])

    assert len({len(row) for row in inputs["input_ids"]}) > 1
    with torch.no_grad():
        singly = np.mean([loss([i]) for i in range(len(spans))])
        assert loss(list(range(len(spans)))) == pytest.approx(singly, abs=1e-5)


def test_predictions_do_not_depend_on_the_batch(encoder, tmp_path):
    # Windows are sorted by length; each answer must come back to its question.
    model, tokenizer, *_ = finetune(encoder, questions(), questions(4), tmp_path, BRIEF)
    items = questions(30, seed=5, length=(1, 40))
    together, singly = (predict(model, tokenizer, items, at_once=size).table for size in (30, 1))
    assert (together["predicted"] == singly["predicted"]).mean() > 0.9  # float32: near ties may fall apart
