"""Retrieval, word alignment and the shape of the space are what their definitions say, on a random encoder, too."""

from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn.functional import cosine_similarity
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import BertConfig, BertModel

from otlib.analysis import measures, retrieval
from otlib.analysis.measures import (
    Rotation,
    by_confidence,
    confidence_test,
    encoder_plans,
    fit_rotation,
    links_by_rule,
    mismatched,
    pair_plans,
    pair_scores,
    plan_links,
    retrieval_of,
    score_pair,
    telling_pair,
    unmarked,
)
from otlib.analysis.retrieval import sentence_retrieval, word_retrieval
from otlib.analysis.space import effective_rank, linear_cka, mean_cosine
from otlib.analysis.statistics import SENTENCE_PARTS
from otlib.analysis.word_alignment import alignment_error_rate
from otlib.data.text import GoldPair, ParallelText
from otlib.training.pretrain import train_tokenizer
from otlib.training.words import embed_corpus
from otlib.transport import transport_plan
from otlib.transport.links import mutual_argmax

# Retrieval


def unit(*coordinates):
    return torch.tensor(coordinates, dtype=torch.float)


def pair(*sure, n=3, m=3, pivot=None):
    """A gold pair of n and m words, each written in its own way unless the pivot's are given."""
    return GoldPair([f"s{i}" for i in range(n)], pivot or [f"p{j}" for j in range(m)], set(sure), set(sure))


def test_word_retrieval_by_hand():
    # From the source: words 0 and 1 of the first sentence find their translations, that of the second finds the
    # first sentence's word 1: right word, wrong place. Back: all but the word of the second sentence, which
    # finds none: its nearest is word 0 of the first.
    source = [torch.stack([unit(1, 0, 0), unit(0, 1, 0)]), torch.stack([unit(0.1, 1, 0.2)])]
    pivot = [torch.stack([unit(0, 2, 0), unit(3, 0, 0)]), torch.stack([unit(1, 0, 0.5)])]
    gold = [pair((0, 1), (1, 0), n=2, m=2), pair((0, 0), n=1, m=1)]
    assert word_retrieval(source, pivot, gold) == pytest.approx(100 * 2 / 3)


def test_any_of_several_translations_is_right_and_unlinked_words_are_not_asked_for():
    source = [torch.stack([unit(1, 0), unit(0, 1)])]
    pivot = [torch.stack([unit(1, 0.1), unit(1, 0.2), unit(0.1, -1)])]
    # Word 0 has two translations; word 1 and the last pivot word have none.
    assert word_retrieval(source, pivot, [pair((0, 0), (0, 1), n=2)]) == 100
    with pytest.raises(ValueError, match="there is none"):
        word_retrieval(source, pivot, [pair()])


def test_a_word_without_a_vector_is_never_found():
    # Zero has the same cosine with every word, so its argmax is word 0 of the first sentence: here the gold.
    source = [torch.zeros(1, 2)]
    pivot = [torch.stack([unit(1, 0), unit(0, 1)])]
    assert word_retrieval(source, pivot, [pair((0, 0), n=1, m=2)]) == 0  # back, only zero is there to find


def test_a_partner_without_a_vector_is_not_the_nearest():
    # Zero, whose cosine is 0, was nearer than words on the other side of the origin, and found where it was linked.
    source, pivot = [torch.stack([unit(1, 0), unit(0, 1)])], [torch.stack([unit(0, 0), unit(-1, -0.1)])]
    size = {"n": 2, "m": 2}
    assert word_retrieval(source, pivot, [pair((0, 0), **size)]) == 0
    assert word_retrieval(source, pivot, [pair((1, 1), **size)]) == 100  # the only word that is there
    assert word_retrieval(source, pivot, [pair((0, 0), (0, 1), **size)]) == 50  # forth by the other; back, none


def test_any_of_equally_near_words_is_right_if_they_are_one_word():
    # A word that stands twice, in the same context: which of the two is linked does not matter.
    source, pivot = [torch.stack([unit(1, 0), unit(0, 1)])], [torch.stack([unit(0, 2), unit(1, 1), unit(0, 1)])]
    twice = {"n": 2, "pivot": ["dog", "cat", "dog"]}
    for link in ((1, 0), (1, 2)):
        assert word_retrieval(source, pivot, [pair(link, **twice)]) == 100
        assert word_retrieval(source, pivot, [pair(link, n=2)]) == 50  # other words in one place: nothing is found
    assert word_retrieval(source, pivot, [pair((1, 1), **twice)]) == 0  # back, both source words are as near
    assert word_retrieval(source, pivot, [pair((1, 0), (1, 2), n=2)]) == 100  # both are right


def test_a_collapsed_space_finds_no_word():
    """Where all words lie in one place each was as near as its translation, and all of them were found."""
    same, sizes = torch.full((40, 8), 0.3), {"n": 40, "m": 40}
    nearly = same + 1e-9 * torch.randn(40, 8, generator=torch.Generator().manual_seed(0))
    for space in (same, nearly):
        assert word_retrieval([space], [space], [pair(*((i, i) for i in range(40)), **sizes)]) == 0


def test_word_retrieval_in_blocks_equals_that_in_one():
    generator = torch.Generator().manual_seed(0)
    source = [torch.randn(50, 4, generator=generator) for _ in range(25)]  # 1,250 words: two blocks
    pivot = [x + 0.2 * torch.randn(50, 4, generator=generator) for x in source]
    gold = [pair(*((i, i) for i in range(50)), n=50, m=50)] * 25
    x, y = torch.cat(source), torch.cat(pivot)
    cosine = cosine_similarity(x[:, None], y[None], dim=-1)
    right = torch.arange(len(x))
    expected = [(cosine.argmax(side) == right).double().mean() for side in (0, 1)]
    assert word_retrieval(source, pivot, gold) == pytest.approx(100 * float(sum(expected) / 2))


def nearest_by_definition(x, y, links, forms):
    """Whether each linked row finds its partner, by the whole matrix of cosines."""
    cosine = cosine_similarity(x[:, None].double(), y[None].double(), dim=-1)
    cosine[:, ~y.any(1)] = -2
    found = []
    for row in sorted({i for i, _ in links}):
        partners = [j for i, j in links if i == row]
        nearest = {j for j in range(len(y)) if cosine[row, j] > cosine[row].max() - 1e-5}
        right = {forms[j] for j in partners} >= {forms[j] for j in nearest} and nearest & {*partners}
        found.append(bool(right and x[row].any() and y[list(nearest)].any(1).all()))
    return found


@pytest.mark.parametrize("rows, columns, rough", [(512, 2048, False), (3, 5, False), (3, 5, True)])
def test_retrieval_in_blocks_of_any_size_finds_what_its_definition_says(monkeypatch, rows, columns, rough):
    # Small whole numbers: many words in one place, many equally near, some that have no vector; few forms.
    monkeypatch.setattr(retrieval, "ROWS", rows)
    monkeypatch.setattr(retrieval, "COLUMNS", columns)
    monkeypatch.setattr(retrieval, "_is_fast_in_bfloat16", lambda: rough)
    rng, answers = np.random.default_rng(0), set()
    for _ in range(10):
        x, y = (torch.from_numpy(rng.integers(-1, 2, (23, 4))).float() for _ in range(2))
        y[:12] = x[:12]
        names = [[f"w{i}" for i in rng.integers(0, 8, 23)] for _ in range(2)]
        sure = {(i, int(j)) for i in range(23) for j in {i % 12, rng.integers(23)}}
        found = retrieval.words_found([x], [y], [GoldPair(*names, sure, set())])
        forth = nearest_by_definition(x, y, sure, names[1])
        back = nearest_by_definition(y, x, {(j, i) for i, j in sure}, names[0])
        assert (found["forth"].item(), found["back"].item()) == (sum(forth), sum(back))
        x, y = (z - (1.0 * z.any(1)[:, None]) * z[z.any(1)].mean(0) for z in (x, y))  # sentences are centred
        of_x, of_y = retrieval.sentences_found(x, y, names)
        links = {(i, i) for i in range(23)}
        assert of_x.tolist() == nearest_by_definition(x, y, links, names[1])
        assert of_y.tolist() == nearest_by_definition(y, x, links, names[0])
        answers |= {*forth, *back, *of_x.tolist()}
    assert answers == {True, False}


def test_retrieval_tells_cosines_apart_that_are_one_in_bfloat16(monkeypatch):
    """Its numbers have two or three decimals; these words and those that compete with them differ in the fourth."""
    monkeypatch.setattr(retrieval, "COLUMNS", 64)
    generator = torch.Generator().manual_seed(0)
    y = torch.randn(300, 96, generator=generator)
    x = y + 0.5 * torch.randn(300, 96, generator=generator)
    rivals = y + 3e-3 * torch.randn(300, 96, generator=generator)
    gold = [GoldPair([f"s{i}" for i in range(300)], [f"p{i}" for i in range(600)], {(i, i) for i in range(300)}, set())]
    found = []
    for rough in (False, True):
        monkeypatch.setattr(retrieval, "_is_fast_in_bfloat16", lambda rough=rough: rough)
        found.append(retrieval.words_found([x], [torch.cat([y, rivals])], gold)["forth"].item())
    ahead = cosine_similarity(x.double(), y.double()) - cosine_similarity(x.double(), rivals.double())
    nearer = (ahead > retrieval.TIE).sum().item()
    assert ahead.abs().max() < 2e-3
    assert found == [nearer, nearer] and 100 < nearer < 200


class LargestTensor(TorchDispatchMode):
    """Within the block, how many numbers the largest tensor had."""

    size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.size = max([self.size, *(one.numel() for one in tree_leaves(made) if isinstance(one, torch.Tensor))])
        return made


def test_retrieval_never_holds_all_cosines_at_once(monkeypatch):
    monkeypatch.setattr(retrieval, "ROWS", 16)
    monkeypatch.setattr(retrieval, "COLUMNS", 32)
    x, names = torch.randn(300, 4, generator=torch.Generator().manual_seed(0)), ["a", "b"] * 150
    gold = [GoldPair(names, names, {(i, i) for i in range(300)}, set())]
    with LargestTensor() as largest:
        assert sentence_retrieval(x, x, (names, names)) == word_retrieval([x], [x], gold) == 100
    assert largest.size == x.numel()  # sixteen rows of all cosines would be four times as many


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


@pytest.mark.parametrize("n", [4, 200])
def test_identical_sentences_are_right_either_way(n):
    # Of equal ones argmax takes the first: of four perfect sentences, two of them the same, only three were found.
    x = torch.randn(n, 64, generator=torch.Generator().manual_seed(0)) + 1
    x[-1] = x[-2]
    names = [*map(str, range(n - 1)), str(n - 2)]
    both = names, names
    assert sentence_retrieval(x, x, both) == sentence_retrieval(x, 3 * x + 1e-7, both) == 100
    rolled = sentence_retrieval(x, x.roll(1, 0), (names, [names[-1], *names[:-1]]))
    assert rolled == pytest.approx(100 / n)  # only the repeated one is where it should be
    assert sentence_retrieval(x, x) == pytest.approx(100 * (n - 2) / n)  # two sentences in one place: neither is found


def test_a_collapsed_space_finds_no_sentence():
    # All are equally near: a tie of all with all is no success, also where rounding makes the mean another vector.
    same = torch.full((50, 8), 0.3)
    other = torch.randn(50, 8, generator=torch.Generator().manual_seed(0))
    assert (
        sentence_retrieval(same, same) == sentence_retrieval(same, other) == sentence_retrieval(0.7 * same, same) == 0
    )


def test_a_sentence_without_a_vector_is_neither_right_nor_found_and_moves_no_mean():
    x = torch.randn(20, 8, generator=torch.Generator().manual_seed(0)) + 3
    y = x.clone()
    y[4] = 0
    assert sentence_retrieval(x, y) == pytest.approx(95)
    names = [*map(str, range(20))] * 2
    twice = sentence_retrieval(torch.cat([x, torch.zeros(20, 8)]), torch.cat([x, x]), (names, names))
    assert twice == pytest.approx(50)


def test_retrieval_of_what_cannot_be_retrieved_is_refused():
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="needs a translation for each sentence, got 5 and 4"):
        sentence_retrieval(x, x[:4])
    for one in (x[:1], x[:0], x * (torch.arange(5) == 2)[:, None]):
        with pytest.raises(ValueError, match="needs two sentence pairs with vectors, got [01]"):
            sentence_retrieval(one, one)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_vectors_that_are_not_finite_are_refused_and_counted(value):
    # NaN is nearest to everything: a broken encoder had numbers like any other.
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    broken = x.clone()
    broken[1, 2] = broken[3, 0] = value
    gold = [pair((0, 0))]
    for score in (
        lambda: sentence_retrieval(x, broken),
        lambda: word_retrieval([broken], [x], gold),
        lambda: mean_cosine(broken),
        lambda: effective_rank(broken),
        lambda: linear_cka(x, broken),
        lambda: measures.plans_of([x], [broken], [torch.ones(5).bool()], [torch.ones(5).bool()]),
    ):
        with pytest.raises(ValueError, match="2 of 5 vectors are not finite"):
            score()


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


def test_the_shape_of_a_space_without_vectors_or_spread():
    # A zero vector has no direction; one vector has no other, and equal ones no spread: rounding is none either.
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)) + 1
    assert mean_cosine(torch.cat([x, torch.zeros(3, 4)])) == mean_cosine(x)
    for too_few in (x[:1], x[:0], torch.zeros(3, 4)):
        with pytest.raises(ValueError, match="a mean cosine needs two vectors that are not zero, got [01]"):
            mean_cosine(too_few)
    same = torch.full((50, 8), 0.3)
    assert effective_rank(same) == effective_rank(x[:1]) == linear_cka(same, same) == linear_cka(x, same[:6]) == 0
    with pytest.raises(ValueError, match="an effective rank needs a vector"):
        effective_rank(x[:0])
    for sides in ((x[:1], x[:1]), (x, x[:5])):
        with pytest.raises(ValueError, match="CKA compares two vectors or more of the same items"):
            linear_cka(*sides)


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
    gold = [p._replace(pivot=p.pivot[::-1][:3], sure={(0, 0)}) for p in gold_of(sentences())]
    text = ParallelText("de", sentences(), sentences())
    scores = values(pair_scores(model, tokenizer, text, gold))
    source, _ = embed_corpus(model, tokenizer, [p.source for p in gold])
    pivot, _ = embed_corpus(model, tokenizer, [p.pivot for p in gold])
    single = [transport_plan(y[None], x[None])[0].T for x, y in zip(source, pivot, strict=True)]
    for plan, expected in zip(pair_plans(model, tokenizer, gold), single, strict=True):
        torch.testing.assert_close(plan, expected, rtol=1e-4, atol=1e-6)
    links = list(map(mutual_argmax, single))
    singly = alignment_error_rate(links, [p.sure for p in gold], [p.possible for p in gold])
    assert 0 < singly < 1
    assert scores["word_alignment", "aer"] == pytest.approx(100 * singly)


def test_plans_have_source_words_in_rows_and_pivot_words_in_columns(encoder, tmp_path):
    # Swapped, every word would be labelled with the mass of another; sentences of one length would not show it.
    tokenizer, model = encoder
    for part in encoder:
        part.save_pretrained(tmp_path)
    pairs = [GoldPair(WORDS[:5], WORDS[:3], set(), set()), GoldPair(WORDS[:2], WORDS[:4], set(), set())]
    plans = pair_plans(model, tokenizer, pairs)
    assert [tuple(plan.shape) for plan in plans] == [(5, 3), (2, 4)]
    assert plans[0][:3].argmax(1).tolist() == [0, 1, 2]  # each word goes to itself
    loaded = encoder_plans({"here": tmp_path}, pairs)["here"]
    for plan, again in zip(plans, loaded, strict=True):
        torch.testing.assert_close(plan, again)


def test_the_similarity_of_two_languages_is_that_of_their_sentence_means(encoder):
    tokenizer, model = encoder
    source, pivot = sentences(), [text[::-1] for text in sentences()]
    means = [
        torch.stack([vectors.mean(0) for vectors in embed_corpus(model, tokenizer, s)[0]]) for s in (source, pivot)
    ]
    found = score_pair(model, tokenizer, ParallelText("de", source, pivot)).cka
    assert found == pytest.approx(linear_cka(*means)) and 0 < found < 1
    assert score_pair(model, tokenizer, ParallelText("de", source, source)).cka == pytest.approx(1)


def test_words_without_a_subword_get_no_link_and_spoil_nothing(encoder):
    # A zero-width joiner has no subword; its zero vector once was the mutual argmax of word 0.
    tokenizer, model = encoder
    text = ["\u200d", *WORDS[:3]]
    sides = [text, WORDS[4:9], ["\u200d"]]
    gold = [GoldPair(text, text, {(i, i) for i in range(1, 4)}, set())]
    scores = values(pair_scores(model, tokenizer, ParallelText("de", sides, sides), gold))
    assert scores.notna().all()
    assert scores["word_alignment", "aer"] == scores["word_alignment", "aer_cosine"] == 0
    assert scores["retrieval", "accuracy"] == pytest.approx(200 / 3)  # a sentence of no vector is never found


def test_a_sentence_without_words_has_an_empty_plan(encoder):
    tokenizer, model = encoder
    pairs = [GoldPair([], WORDS[:2], set(), set()), GoldPair(WORDS[:3], WORDS[:2], set(), set())]
    plans = pair_plans(model, tokenizer, pairs)
    assert [tuple(plan.shape) for plan in plans] == [(0, 2), (3, 2)]
    assert float(plans[1].sum()) == pytest.approx(1)


def test_truncated_words_are_missed(encoder):
    # The links of words beyond max_length stand in the gold: they count as not found, not as found.
    tokenizer, model = encoder
    text = WORDS[:6]
    heldout = ParallelText("de", [text, text[::-1]], [text, text[::-1]])
    whole = values(pair_scores(model, tokenizer, heldout, gold_of([text])))
    with pytest.warns(UserWarning, match="sentences were cut at 5 subwords"):
        cut = values(pair_scores(model, tokenizer, heldout, gold_of([text]), embed={"max_length": 5}))
    assert whole["word_retrieval", "accuracy"] == 100
    kept = 3  # of six words, beside the two special subwords
    assert cut["word_retrieval", "accuracy"] == pytest.approx(100 * kept / 6)
    assert cut["word_alignment", "aer"] == pytest.approx(100 * (1 - 2 * kept / (kept + 6)))


def test_subwords_cannot_be_scored_against_gold_words(encoder):
    tokenizer, model = encoder
    with pytest.raises(ValueError, match="pooling"):
        pair_scores(model, tokenizer, ParallelText("de", [WORDS], [WORDS]), embed={"pooling": "subword"})


@pytest.mark.parametrize("seed", [0, 1])
def test_every_measure_is_the_ratio_of_what_its_sentences_add(encoder, seed):
    """Of all sentences, and not of a mean over them: long sentences weigh more."""
    tokenizer, model = encoder
    draw = np.random.default_rng(seed)
    pairs = [
        GoldPair(text, draw.permutation(text)[: draw.integers(1, 6)].tolist(), {(0, 0), (1, 0)}, {(2, 0)})
        for text in sentences(30)
    ]
    heldout = ParallelText("de", [text[::-1] for text in sentences(20)], [text[1:] for text in sentences(20)])
    table, by_sentence, *_ = score_pair(model, tokenizer, heldout, pairs)
    assert len(by_sentence) == 50 and by_sentence["found"].isin([0, 1, 2])[:20].all()
    for task, metrics in SENTENCE_PARTS.items():
        for metric, parts in metrics.items():
            rates = [100 * by_sentence[part].sum() / by_sentence[f"{part}_of"].sum() for part in parts]
            assert values(table)[task, metric] == pytest.approx(np.mean(rates)) and 0 < np.mean(rates) < 100
    words = by_sentence[20:]
    assert (words["forth_of"] == 2).all() and (words["back_of"] == 1).all() and words["found"].isna().all()


def test_a_sentence_has_the_same_name_wherever_it_stands(encoder):
    """Two languages may be tested on the same English sentences: their items are then the same."""
    tokenizer, model = encoder
    texts = sentences()
    name = {}
    for order in (1, -1):
        heldout = ParallelText("de", texts, texts[::order])
        found = score_pair(model, tokenizer, heldout, gold_of(texts[::order])).sentences["item"]
        name[order] = found[: len(texts)].tolist()
        assert found[len(texts) :].tolist() == name[order]
    assert name[1] == name[-1][::-1] and len(set(name[1])) == len(texts)


def test_the_plans_of_a_score_are_those_of_the_gold_pairs_to_the_last_digit(encoder):
    tokenizer, model = encoder
    gold = gold_of(sentences(20))
    heldout = ParallelText("de", sentences(), sentences())
    plans = pair_plans(model, tokenizer, gold, epsilon=0.1)
    for plan, again in zip(score_pair(model, tokenizer, heldout, gold, epsilon=0.1).plans, plans, strict=True):
        assert torch.equal(plan, again)
    assert score_pair(model, tokenizer, heldout).plans == []


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
    monkeypatch.setattr(measures, "embed_corpus", lambda model, tokenizer, side, **_: sides[side])
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


def test_too_little_text_for_a_rotation_leaves_it_out(encoder):
    tokenizer, model = encoder
    sides = [[word] for word in WORDS[:16]]
    for words in (3, 16):
        with pytest.warns(UserWarning, match=f"{words} word pairs do not fix a rotation in 16 dimensions: .* left out"):
            assert fit_rotation(model, tokenizer, ParallelText("de", sides[:words], sides[:words])) is None


# Which sentences are translations


def test_mismatched_pairs_keep_their_source_and_no_sentence_meets_its_translation():
    pairs = gold_of(sentences())
    shuffled = mismatched(pairs)
    assert [pair.source for pair in shuffled] == [pair.source for pair in pairs]
    assert sorted(pair.pivot for pair in shuffled) == sorted(pair.pivot for pair in pairs)
    assert all(a.pivot != b.pivot and not a.sure and not a.possible for a, b in zip(shuffled, pairs, strict=True))


def test_mismatched_sentences_are_of_about_the_same_length():
    # Confidence depends on the length: pairs of any length would be told apart by it alone.
    pairs = [GoldPair(["a"] * n, [f"b{n}"] * n, set(), set()) for n in (9, 1, 8, 2, 7, 3)]
    lengths = [(len(pair.source), len(pair.pivot)) for pair in mismatched(pairs)]
    assert [abs(n - m) for n, m in sorted(lengths)] == [1, 1, 4, 1, 1, 8]  # the longest takes the shortest's


def test_mismatched_sentences_are_no_translations_where_a_sentence_stands_twice():
    # The next by length may be the same sentence: a translation that passed for none.
    pairs = gold_of([WORDS[:3], WORDS[:3], WORDS[3:6]])
    assert all(a.pivot != b.pivot for a, b in zip(pairs, mismatched(pairs), strict=True))
    for alike in (pairs[:1], pairs[:2]):
        with pytest.raises(ValueError, match="need two different pivot sentences"):
            mismatched(alike)
    with pytest.raises(ValueError, match="needs plans of both kinds, got 1 of translations and 0 of others"):
        confidence_test([torch.eye(2) / 2], [])
    with pytest.raises(ValueError, match="there is no sentence pair to draw"):
        telling_pair([])


def test_confidence_is_compared_by_every_translation_against_every_other_pair():
    # Area under the curve: the share of such comparisons that the translation wins, a tie counts half.
    sure, vague, between = torch.eye(2) / 2, torch.full((2, 2), 0.25), torch.tensor([[0.4, 0.1], [0.1, 0.4]])
    found = confidence_test([sure, between], [vague, between])
    assert found["AUC"] == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    # Mean over the mass of a link's share of its words: 1 for the identity, 1/2 where all goes everywhere.
    assert confidence_test([sure], [vague]) == pytest.approx({"translations": 1, "others": 0.5, "AUC": 1})


def test_the_least_confident_pair_comes_first():
    pairs = [GoldPair(["das", "Brot"], ["the", "bread"], set(), set()), GoldPair(["ja"], ["yes", "sir"], set(), set())]
    table = by_confidence(pairs, [torch.eye(2) / 2, torch.tensor([[0.5, 0.5]])])
    assert table[["source", "pivot"]].values.tolist() == [["ja", "yes sir"], ["das Brot", "the bread"]]
    assert table["confidence"].tolist() == pytest.approx([1 / 2**0.5, 1])


# Which sentence to draw


def test_without_gold_alignments_sentence_pairs_have_no_links():
    (found,) = unmarked(ParallelText("de", [["das", "Brot"]], [["bread"]]))
    assert found == GoldPair(["das", "Brot"], ["bread"], set(), set())


def test_the_telling_pair_is_short_and_has_the_most_links_beyond_one_to_one():
    plain = GoldPair(["a", "b"], ["x", "y"], {(0, 0), (1, 1)}, {(0, 0), (1, 1)})
    compound = GoldPair(["apple", "juice"], ["Apfelsaft"], {(0, 0), (1, 0)}, {(0, 0), (1, 0)})
    endless = GoldPair(["a"] * 40, ["x"], {(i, 0) for i in range(40)}, {(i, 0) for i in range(40)})
    assert telling_pair([plain, endless, compound]) is compound
    assert telling_pair([endless]) is endless


def test_the_telling_pair_is_no_stub_where_there_is_a_longer_one():
    # "Gets up" against "steht auf" has the most links of all, and shows nothing.
    stub = GoldPair(["gets", "up"], ["steht", "auf"], {(0, 0), (0, 1), (1, 0), (1, 1)}, set())
    crossing = GoldPair(list("abcdefg"), list("abcdefg"), {(0, 1), (1, 0)}, set())
    straight = GoldPair(list("abcdefg"), list("abcdefg"), {(0, 0), (1, 1)}, set())
    assert telling_pair([stub, straight, crossing]) is crossing


# Links by rule, and what a task makes an encoder forget


def test_a_word_that_the_plan_leaves_without_partner_has_no_link():
    diagonal = torch.diag(torch.tensor([0.48, 0.48, 0.04]))
    assert plan_links(diagonal, torch.ones(3).bool(), torch.ones(3).bool()) == {(0, 0), (1, 1)}


def test_itermax_links_words_that_the_mutual_argmax_leaves_over():
    x = [torch.tensor([[1.0, 0.2], [1.0, 0.0], [0.0, 1.0]])]
    y = [torch.tensor([[1.0, 0.0], [0.0, 1.0]])]
    sides = x, y, [torch.ones(3).bool()], [torch.ones(2).bool()]
    links = links_by_rule(measures.plans_of(*sides), *sides)
    assert links["aer_cosine"] == [{(1, 0), (2, 1)}] and links["aer_itermax"] == [{(0, 0), (1, 0), (2, 1)}]


def test_what_is_retrieved_of_each_language_is_of_its_first_pairs(encoder):
    tokenizer, model = encoder
    texts = sentences(20)
    halves = ParallelText("de", texts, texts[:10] + texts[:9:-1])  # the second half in another order
    found = retrieval_of(model, tokenizer, {"de": halves, "fr": ParallelText("fr", texts, texts)}, most=10)
    assert found.to_numpy().tolist() == [["de", "retrieval", 100.0], ["fr", "retrieval", 100.0]]
    assert retrieval_of(model, tokenizer, {"de": halves})["value"].item() < 100
