import math
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import torch
from torch.nn.functional import cosine_similarity
from transformers import BertConfig, BertModel

from otlib import evaluation
from otlib.corpora import GoldPair, ParallelText
from otlib.evaluation import (
    Rotation,
    alignment_error_rate,
    contest,
    effective_rank,
    fit_rotation,
    item_interval,
    linear_cka,
    link_scores,
    mean_cosine,
    pair_plans,
    pair_scores,
    seed_interval,
    sentence_retrieval,
    summarise,
    word_retrieval,
)
from otlib.links import mutual_argmax
from otlib.pretrain import train_tokenizer
from otlib.transport import transport_plan
from otlib.words import embed_corpus

# Word alignment

PREDICTED = {(0, 0), (1, 1), (2, 2)}
SURE = {(0, 0), (1, 2)}
POSSIBLE = {(1, 1)}


def test_alignment_error_rate_by_hand():
    # Och and Ney (2003): 1 - (|A & S| + |A & P|) / (|A| + |S|) = 1 - (1 + 2) / (3 + 2).
    assert alignment_error_rate([PREDICTED], [SURE], [POSSIBLE]) == pytest.approx(0.4)


def test_sure_links_are_possible_whether_said_or_not():
    # Files list the possible links without the sure ones, GoldPair.possible with them.
    for measure in (alignment_error_rate, link_scores):
        assert measure([PREDICTED], [SURE], [POSSIBLE]) == measure([PREDICTED], [SURE], [POSSIBLE | SURE])


def test_alignment_error_rate_is_zero_when_right_and_one_when_wrong():
    assert alignment_error_rate([SURE], [SURE], [set()]) == 0
    assert alignment_error_rate([{(5, 5)}], [SURE], [POSSIBLE]) == 1
    assert alignment_error_rate([set()], [SURE], [POSSIBLE]) == 1


def test_links_of_all_sentences_are_counted_together():
    # A mean over sentences would weigh a sentence of one link as much as one of nine: (0 + 1) / 2.
    nine = {(i, i) for i in range(9)}
    assert alignment_error_rate([nine, {(0, 1)}], [nine, {(0, 0)}], [set(), set()]) == pytest.approx(0.1)


def test_alignments_of_different_numbers_of_sentences_are_refused():
    with pytest.raises(ValueError, match="same sentences, got 2, 1, 1"):
        alignment_error_rate([PREDICTED, PREDICTED], [SURE], [POSSIBLE])


def test_alignment_error_rate_without_links_is_refused():
    with pytest.raises(ValueError, match="there is none"):
        alignment_error_rate([set()], [set()], [POSSIBLE])


def test_link_scores_by_hand():
    # Two of three predicted links are possible, one of two sure ones is found: F1 = 2 (2/3) (1/2) / (7/6).
    expected = {"precision": 2 / 3, "recall": 1 / 2, "f1": 4 / 7}
    assert link_scores([PREDICTED], [SURE], [POSSIBLE]) == pytest.approx(expected)
    assert link_scores([set()], [SURE], [POSSIBLE]) == {"precision": 0, "recall": 0, "f1": 0}


# Retrieval


def unit(*coordinates):
    return torch.tensor(coordinates, dtype=torch.float)


def pair(*sure):
    return GoldPair([], [], set(sure), set(sure))


def test_word_retrieval_by_hand():
    # From English: words 0 and 1 of the first sentence find their translations, that of the second finds the
    # first sentence's word 1: right word, wrong place. Back: all but the word of the second sentence, which
    # finds none: its nearest is word 0 of the first.
    en = [torch.stack([unit(1, 0, 0), unit(0, 1, 0)]), torch.stack([unit(0.1, 1, 0.2)])]
    other = [torch.stack([unit(0, 2, 0), unit(3, 0, 0)]), torch.stack([unit(1, 0, 0.5)])]
    gold = [pair((0, 1), (1, 0)), pair((0, 0))]
    assert word_retrieval(en, other, gold) == pytest.approx(100 * 2 / 3)


def test_any_of_several_translations_is_right_and_unlinked_words_are_not_asked_for():
    en = [torch.stack([unit(1, 0), unit(0, 1)])]
    other = [torch.stack([unit(1, 0.1), unit(1, 0.2), unit(0.1, -1)])]
    # Word 0 has two translations; word 1 and the last word of the other side have none.
    assert word_retrieval(en, other, [pair((0, 0), (0, 1))]) == 100
    with pytest.raises(ValueError, match="there is none"):
        word_retrieval(en, other, [pair()])


def test_a_word_without_a_vector_is_never_found():
    # Zero has the same cosine with every word, so its argmax is word 0 of the first sentence: here the gold.
    en = [torch.zeros(1, 2)]
    other = [torch.stack([unit(1, 0), unit(0, 1)])]
    assert word_retrieval(en, other, [pair((0, 0))]) == pytest.approx(50)  # back, only zero is there to find


def test_word_retrieval_in_blocks_equals_that_in_one():
    generator = torch.Generator().manual_seed(0)
    en = [torch.randn(50, 4, generator=generator) for _ in range(25)]  # 1,250 words: two blocks
    other = [x + 0.2 * torch.randn(50, 4, generator=generator) for x in en]
    gold = [pair(*((i, i) for i in range(50)))] * 25
    x, y = torch.cat(en), torch.cat(other)
    cosine = cosine_similarity(x[:, None], y[None], dim=-1)
    right = torch.arange(len(x))
    expected = [(cosine.argmax(side) == right).double().mean() for side in (0, 1)]
    assert word_retrieval(en, other, gold) == pytest.approx(100 * float(sum(expected) / 2))


def test_sentence_retrieval_counts_both_directions():
    x = torch.eye(4)
    assert sentence_retrieval(x, x) == 100
    # Sentences 2 and 3 are swapped, and so wrong both ways.
    assert sentence_retrieval(x, x[[0, 1, 3, 2]]) == 50
    # By definition, where the directions differ.
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(40, 3, generator=generator)
    y = x + torch.randn(40, 3, generator=generator)
    cosine = cosine_similarity((x - x.mean(0))[:, None], (y - y.mean(0))[None], dim=-1)
    back, forth = ((cosine.argmax(side) == torch.arange(40)).double().mean() for side in (0, 1))
    assert back != forth
    assert sentence_retrieval(x, y) == pytest.approx(float(100 * (back + forth) / 2))


def test_an_offset_between_languages_does_not_harm_sentence_retrieval():
    # Every language of mBERT lies around a point of its own; without centring this finds chance.
    x = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    assert sentence_retrieval(x, x + 100 * torch.eye(8)[0]) == 100


# Shape of the space


def test_mean_cosine_equals_the_mean_over_all_pairs():
    vectors = torch.randn(12, 5, generator=torch.Generator().manual_seed(0)) + 0.5
    pairs = [float(cosine_similarity(x, y, dim=0)) for x, y in combinations(vectors, 2)]
    assert mean_cosine(vectors) == pytest.approx(np.mean(pairs), abs=1e-6)


def test_mean_cosine_of_a_collapsed_and_an_orthogonal_space():
    assert mean_cosine(torch.ones(5, 3) * torch.arange(1, 6)[:, None]) == pytest.approx(1)
    assert mean_cosine(torch.eye(4)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_effective_rank_of_equal_singular_values_is_their_number(rank):
    # exp(entropy of k equal shares) = k; an offset is no direction, for vectors are centred.
    axes = torch.eye(7)[:rank]
    assert effective_rank(torch.cat([axes, -axes]) + 3) == pytest.approx(rank, rel=1e-5)


def test_linear_cka_equals_its_definition_by_gram_matrices():
    # Kornblith et al. (2019), Eq. 3: HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), K and L centred.
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(20, 4, generator=generator).double()
    y = torch.randn(20, 6, generator=generator).double() + 2
    centre = torch.eye(20).double() - 1 / 20
    k, el = (centre @ z @ z.T @ centre for z in (x, y))
    assert linear_cka(x, y) == pytest.approx(float((k * el).sum() / (k.norm() * el.norm())))


def test_linear_cka_ignores_rotation_scale_and_offset():
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0))
    rotation = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)))[0]
    assert linear_cka(x, 3 * x @ rotation + 5) == pytest.approx(1, abs=1e-6)


# A language pair

WORDS = [f"{a}{b}" for a in "bdfgkl" for b in ("ana", "ene", "olo")]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A random BERT that knows its words, and its tokenizer."""
    folder = tmp_path_factory.mktemp("encoder")
    (folder / "text").write_text("\n".join([" ".join(WORDS)] * 3))
    tokenizer = train_tokenizer([folder / "text"], folder, vocabulary_size=100, lowercase=True)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        initializer_range=0.3,
    )
    return tokenizer, BertModel(config).eval()


def sentences(n=12):
    draw = np.random.default_rng(0)
    return [draw.permutation(WORDS)[: draw.integers(3, 7)].tolist() for _ in range(n)]


def gold_of(texts):
    links = [{(i, i) for i in range(len(text))} for text in texts]
    return [GoldPair(text, text, sure, sure) for text, sure in zip(texts, links, strict=True)]


def values(scores):
    return scores.set_index(["task", "metric"])["value"]


def test_a_language_and_itself_are_perfectly_aligned(encoder):
    tokenizer, model = encoder
    texts = sentences()
    scores = values(pair_scores(model, tokenizer, ParallelText("de", texts, texts), gold_of(texts)))
    assert scores["word_alignment", "aer"] == scores["word_alignment", "aer_cosine"] == 0
    assert scores["word_retrieval", "accuracy"] == scores["retrieval", "accuracy"] == 100
    assert scores["space", "mean_cosine_en"] < 1
    assert 1 < scores["space", "effective_rank_en"] <= 16


def test_plans_of_a_batch_give_the_links_of_single_plans(encoder):
    # Sentences of a batch are padded: padding must take neither mass nor links.
    tokenizer, model = encoder
    gold = [p._replace(other=p.other[::-1][:3], sure={(0, 0)}) for p in gold_of(sentences())]
    text = ParallelText("de", sentences(), sentences())
    scores = values(pair_scores(model, tokenizer, text, gold))
    en, _ = embed_corpus(model, tokenizer, [p.en for p in gold])
    other, _ = embed_corpus(model, tokenizer, [p.other for p in gold])
    single = [transport_plan(x[None], y[None])[0] for x, y in zip(en, other, strict=True)]
    for plan, expected in zip(pair_plans(model, tokenizer, gold), single, strict=True):
        torch.testing.assert_close(plan, expected, rtol=1e-4, atol=1e-6)
    links = list(map(mutual_argmax, single))
    singly = alignment_error_rate(links, [p.sure for p in gold], [p.possible for p in gold])
    assert 0 < singly < 1
    assert scores["word_alignment", "aer"] == pytest.approx(100 * singly)


def test_words_without_a_subword_get_no_link_and_spoil_nothing(encoder):
    # A zero-width joiner has no subword; its zero vector once was the mutual argmax of word 0.
    tokenizer, model = encoder
    text = ["\u200d", *WORDS[:3]]
    only = ["\u200d"]
    gold = [GoldPair(text, text, {(i, i) for i in range(1, 4)}, set())]
    scores = values(pair_scores(model, tokenizer, ParallelText("de", [text, only], [text, only]), gold))
    assert scores.notna().all()
    assert scores["word_alignment", "aer"] == scores["word_alignment", "aer_cosine"] == 0
    assert scores["retrieval", "accuracy"] == 100  # a sentence of no vector is zero, not NaN


def test_truncated_words_are_missed(encoder):
    # The links of words beyond max_length stand in the gold: they count as not found, not as found.
    tokenizer, model = encoder
    text = WORDS[:6]
    heldout = ParallelText("de", [text, text[::-1]], [text, text[::-1]])
    whole = values(pair_scores(model, tokenizer, heldout, gold_of([text])))
    with pytest.warns(UserWarning, match="sentences were cut at 5 subwords"):
        cut = values(pair_scores(model, tokenizer, heldout, gold_of([text]), max_length=5))
    assert whole["word_retrieval", "accuracy"] == 100
    kept = 3  # of six words, beside the two special subwords
    assert cut["word_retrieval", "accuracy"] == pytest.approx(100 * kept / 6)
    assert cut["word_alignment", "aer"] == pytest.approx(100 * (1 - 2 * kept / (kept + 6)))


def test_subwords_cannot_be_scored_against_gold_words(encoder):
    tokenizer, model = encoder
    with pytest.raises(ValueError, match="pooling"):
        pair_scores(model, tokenizer, ParallelText("de", [WORDS], [WORDS]), pooling="subword")


# Intervals


# The rotation


def test_a_known_rotation_is_recovered(monkeypatch):
    draw = torch.Generator().manual_seed(0)
    en = [torch.randn(5, 8, generator=draw) for _ in range(20)]
    # A small turn, so that a word's translation is still its nearest; and a word without a vector.
    skew = torch.randn(8, 8, generator=draw)
    turn = torch.linalg.matrix_exp(0.1 * (skew - skew.T))
    masks = [torch.tensor([True, True, True, True, i > 0]) for i in range(20)]
    other = [(x @ turn + 0.1) * mask[:, None] for x, mask in zip(en, masks, strict=True)]
    sides = {"de": (other, masks), "en": (en, [torch.ones(5, dtype=torch.bool)] * 20)}
    monkeypatch.setattr(evaluation, "embed_corpus", lambda model, tokenizer, side, **_: sides[side])
    model = SimpleNamespace(config=SimpleNamespace(hidden_size=8))
    rotation = fit_rotation(model, None, SimpleNamespace(source="de", pivot="en"))
    torch.testing.assert_close(rotation.turn @ rotation.turn.T, torch.eye(8), rtol=0, atol=1e-5)
    torch.testing.assert_close(rotation.turn, turn.T, rtol=0, atol=1e-3)
    for found, expected, mask in zip(rotation(other, masks), en, masks, strict=True):
        torch.testing.assert_close(found, expected * mask[:, None], rtol=0, atol=1e-2)


def test_mapped_vectors_by_hand_and_missing_words_stay_zero():
    quarter = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    rotation = Rotation(torch.tensor([1.0, 1.0]), quarter, torch.tensor([10.0, 0.0]))
    (mapped,) = rotation([torch.tensor([[2.0, 1.0], [0.0, 0.0]])], [torch.tensor([True, False])])
    assert mapped.tolist() == [[10.0, 1.0], [0.0, 0.0]]


def test_scores_are_those_of_the_mapped_vectors(encoder):
    tokenizer, model = encoder
    text = sentences()
    identity = Rotation(torch.zeros(16), torch.eye(16), torch.zeros(16))
    flipped = identity._replace(turn=-torch.eye(16))
    given = ParallelText("de", text, text), gold_of(text)
    plain = pair_scores(model, tokenizer, *given)
    pd.testing.assert_frame_equal(pair_scores(model, tokenizer, *given, rotation=identity), plain)
    worse = values(pair_scores(model, tokenizer, *given, rotation=flipped))
    assert worse["word_retrieval", "accuracy"] < values(plain)["word_retrieval", "accuracy"] / 2
    assert worse["retrieval", "accuracy"] < values(plain)["retrieval", "accuracy"] / 2


def test_too_little_text_for_a_rotation_is_refused(encoder):
    tokenizer, model = encoder
    with pytest.raises(ValueError, match="3 word pairs do not fix a rotation in 16 dimensions"):
        fit_rotation(model, tokenizer, ParallelText("de", [WORDS[:3]], [WORDS[:3]]))


def test_interval_of_equal_scores_has_no_width():
    assert item_interval(np.full((3, 40), 0.25)) == pytest.approx((0.25, 0.25))


def test_interval_of_one_seed_is_that_of_the_items():
    scores = np.random.default_rng(0).normal(5, 2, size=(1, 500))
    expected = scipy.stats.t.interval(0.95, 499, scores.mean(), scores.std(ddof=1) / math.sqrt(500))
    assert item_interval(scores) == pytest.approx(expected)


def test_where_only_seeds_differ_the_interval_is_that_of_seeds():
    # Averaging over the seeds first would hide them, resampling three would understate them.
    by_seed = np.array([1.0, 2.0, 3.0])
    assert item_interval(by_seed[:, None].repeat(1000, 1)) == pytest.approx(seed_interval(by_seed), rel=1e-3)


@pytest.mark.parametrize(("of_seeds", "of_items"), [(2.0, 0.0), (0.0, 40.0), (1.0, 30.0), (0.5, 5.0)])
def test_the_interval_covers_the_truth_as_often_as_it_says(of_seeds, of_items):
    """Three seeds and a hundred items drawn anew six hundred times; a bootstrap of the seeds covers three in four."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(600):
        scores = rng.normal(0, of_seeds, (3, 1)) + rng.normal(0, of_items, 100) + rng.normal(0, 10, (3, 100))
        low, high = item_interval(scores)
        covered += low <= 0 <= high
    assert covered / 600 >= 0.92  # .95 less three standard errors


def test_student_interval_by_hand():
    # t(0.975, 2 degrees of freedom) = 4.303, standard deviation 1.
    assert seed_interval([1, 2, 3]) == pytest.approx((2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5), abs=1e-3)


# The summary


def tables(scores, task="nli", metric="accuracy"):
    """Results and predictions of arrays (seeds, items) by (method, language)."""
    rows = [
        (method, seed, language, f"item{item}", value)
        for (method, language), array in scores.items()
        for seed, line in enumerate(array)
        for item, value in enumerate(line)
    ]
    predictions = pd.DataFrame(rows, columns=["method", "seed", "language", "item", metric])
    results = predictions.groupby(["method", "seed", "language"])[metric].mean().reset_index(name="value")
    return results.assign(task=task, metric=metric), {task: predictions}


def row(summary, method, language="de"):
    chosen = summary[(summary["method"] == method) & (summary["language"] == language)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def noisy(gain=0.0, seeds=3, items=200):
    """Scores whose items differ far more than a method's gain."""
    items = np.random.default_rng(0).choice([0.0, 100.0], size=items)
    return np.tile(items, (seeds, 1)) + gain


def test_gain_is_paired_by_item():
    # Unpaired, items of standard deviation 50 would drown a gain of one point.
    results, predictions = tables({("none", "de"): noisy(), ("wordot", "de"): noisy(1.0)})
    found = row(summarise(results, predictions), "wordot")
    assert found["gain"] == pytest.approx(1)
    assert (found["gain_low"], found["gain_high"]) == pytest.approx((1, 1))
    assert found["high"] - found["low"] > 5


def test_items_are_paired_by_name_whatever_their_order():
    # Arrays put side by side in file order paired one item with another.
    results, predictions = tables({("none", "de"): noisy(), ("wordot", "de"): noisy(1.0)})
    mixed = {"nli": predictions["nli"].sample(frac=1, random_state=0)}
    pd.testing.assert_frame_equal(summarise(results, mixed), summarise(results, predictions))


def test_seeds_are_paired_by_number():
    # A method that has run on seeds 1 and 2 only is compared with the baseline's seeds 1 and 2.
    by_seed = np.array([[0.0], [50.0], [80.0]]).repeat(20, 1)
    gains = np.tile([1.0, 3.0], 10)
    results, predictions = tables({("none", "de"): by_seed, ("wordot", "de"): by_seed + gains})
    late = (results["method"] == "none") | (results["seed"] > 0)
    asked = {"nli": predictions["nli"].query("method == 'none' or seed > 0")}
    found, paired = (row(summarise(results[late], given), "wordot") for given in (None, asked))
    assert found["value"] == paired["value"] == pytest.approx(67)
    assert found["gain"] == paired["gain"] == pytest.approx(2) and found["seeds"] == 2
    # The seeds agree, the items do not: an interval of some width is that of paired items.
    assert 1 < paired["gain_low"] < paired["gain"] < paired["gain_high"] < 3


def test_an_item_that_one_method_lacks_is_left_out_of_the_pairs():
    results, predictions = tables({("none", "de"): noisy(), ("wordot", "de"): noisy(1.0)})
    table = predictions["nli"]
    fewer = {"nli": table[(table["method"] == "none") | (table["item"] != "item3")]}
    found = row(summarise(results, fewer), "wordot")
    assert (found["gain_low"], found["gain_high"]) == pytest.approx((1, 1))


def test_languages_without_parallel_text_have_an_average_of_their_own():
    scores = {("none", code): noisy() for code in ("en", "de", "th", "sw")}
    scores |= {
        ("wordot", "en"): noisy(),
        ("wordot", "de"): noisy(5.0),
        ("wordot", "th"): noisy(1.0),
        ("wordot", "sw"): noisy(3.0),
    }
    results, predictions = tables(scores)
    summary = summarise(results, predictions, unseen=["th", "sw"])
    assert row(summary, "wordot", "average")["gain"] == pytest.approx(5)
    unseen = row(summary, "wordot", "average_unseen")
    assert (unseen["gain"], unseen["gain_low"]) == pytest.approx((2, 2))


def test_one_seed_has_no_verdict():
    """Another seed may move a score by more than the items say."""
    results, predictions = tables({("none", "de"): noisy(seeds=1), ("wordot", "de"): noisy(-9.0, seeds=1)})
    found = row(summarise(results, predictions), "wordot")
    assert found["gain_high"] < 0 and not found["worse"]
    assert contest(results, predictions, methods=["wordot"], rivals=["none"])["verdict"].unique() == ["unknown"]


def test_copies_of_one_number_are_no_seeds():
    """The encoder as it was is the same for every seed."""
    assert np.isnan(seed_interval([33.7, 33.7, 33.7])).all()


def test_average_is_over_the_languages_beside_english():
    scores = {("none", language): np.full((2, 5), 50.0) for language in ("en", "de", "fr")}
    scores |= {("wordot", "en"): np.full((2, 5), 10.0)}
    scores |= {("wordot", "de"): np.full((2, 5), 56.0), ("wordot", "fr"): np.full((2, 5), 58.0)}
    results, predictions = tables(scores)
    for given in (None, predictions):
        found = row(summarise(results, given), "wordot", "average")
        assert (found["value"], found["gain"]) == pytest.approx((57, 7))


@pytest.mark.parametrize(
    ("metric", "change", "worse"),
    [
        ("accuracy", -5, True),
        ("accuracy", 5, False),
        ("aer", 5, True),
        ("aer_cosine", -5, False),
        ("mean_cosine_en", 5, True),
    ],
)
def test_worse_means_the_wrong_side_of_zero(metric, change, worse):
    # An error rate that rises is worse, an accuracy that rises is not.
    spread = np.array([[-0.5], [0.0], [0.5]]).repeat(2, 1)
    results, _ = tables({("none", "de"): np.full((3, 2), 40.0), ("wordot", "de"): 40 + change + spread})
    found = row(summarise(results.assign(metric=metric)), "wordot")
    assert found["worse"] == worse
    assert found["gain_low"] < change < found["gain_high"]


def test_a_loss_within_its_interval_is_not_worse():
    spread = np.array([[-6.0], [0.0], [6.0]]).repeat(2, 1)
    results, _ = tables({("none", "de"): np.full((3, 2), 40.0), ("wordot", "de"): 38 + spread})
    assert not row(summarise(results), "wordot")["worse"]


def test_one_seed_without_predictions_has_no_interval():
    # An interval of no width once made the smallest difference a finding.
    results, _ = tables({("none", "de"): noisy(seeds=1), ("wordot", "de"): noisy(-1.0, seeds=1)})
    found = row(summarise(results), "wordot")
    assert np.isnan(found["gain_low"]) and not found["worse"]


def test_the_baseline_has_no_gain_over_itself():
    results, predictions = tables({("none", "de"): noisy(), ("wordot", "de"): noisy(1.0)})
    found = row(summarise(results, predictions), "none")
    assert found[["gain", "gain_low", "gain_high"]].isna().all()
    alone = row(summarise(results[results["method"] == "wordot"], predictions), "wordot")
    assert np.isnan(alone["gain"])
