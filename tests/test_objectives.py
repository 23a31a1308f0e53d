from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from otlib.settings import Align
from otlib.training.objectives import (
    Alignment,
    EncoderLayers,
    FrozenWords,
    PairBatch,
    Words,
    alignment_of,
    anchor,
    contrastive,
    divergence_of,
    l2,
    language_means,
    mutual_pairs,
    wordot,
)
from otlib.training.words import WordBatch
from otlib.transport import sinkhorn_divergence, transport_cost, transport_plan
from otlib.transport.links import pair_confidence


def words(*shape, n_real=None, layers=1, seed=0):
    """Random word vectors; the first ``n_real[i]`` words of sentence i are real."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(shape[1]) < torch.tensor(n_real or [shape[1]] * shape[0])[:, None]
    return Words([torch.randn(shape, generator=generator) for _ in range(layers)], mask)


def batch_of(*languages):
    """Only the number of languages and of sentences is read."""
    ids = torch.zeros(2 * len(languages), 1, dtype=torch.long)
    return PairBatch(WordBatch(ids, ids, ids, 1), len(set(languages)))


def ot(**settings):
    return wordot(Align(**{"epsilon": 0.1, **settings}))


def test_wordot_is_the_mean_divergence_of_each_language():
    """One transport problem a sentence pair, languages never mixed; layers are summed."""
    x, y = (
        words(4, 5, 8, n_real=[5, 3, 4, 2], layers=2),
        words(4, 6, 8, n_real=[6, 2, 6, 1], layers=2, seed=1),
    )
    values, terms = ot()(x, y, batch_of(0, 0, 1, 1))
    assert terms["unconverged"] == 0 and terms["iterations"] > 0 and 0 < terms["marginal_error"] < 1e-3
    alone = torch.stack(
        [
            sum(
                sinkhorn_divergence(a[i : i + 1, : x.mask[i].sum()], b[i : i + 1, : y.mask[i].sum()], epsilon=0.1)[0]
                for a, b in zip(x.layers, y.layers, strict=True)
            )
            for i in range(4)
        ]
    )
    torch.testing.assert_close(values, alone.reshape(2, 2).mean(1), rtol=1e-2, atol=1e-2)


def test_batch_scope_pools_the_words_of_a_language():
    """The paper's other reading: one problem between all words of the language's batch."""
    x, y = words(4, 3, 8, n_real=[3, 2, 3, 1]), words(4, 3, 8, n_real=[1, 3, 2, 2], seed=1)
    values, _ = ot(scope="batch")(x, y, batch_of(0, 0, 1, 1))
    for number, rows in enumerate((slice(0, 2), slice(2, 4))):
        clouds = [side.layers[0][rows][side.mask[rows]][None] for side in (x, y)]
        torch.testing.assert_close(values[number], sinkhorn_divergence(*clouds, epsilon=0.1)[0], rtol=1e-2, atol=1e-2)


def test_mutual_pairs_are_one_to_one_nearest_and_real():
    """Each word has one partner at most, and each is the other's best."""
    x, y = words(3, 5, 4, n_real=[5, 4, 0]), words(3, 6, 4, n_real=[6, 3, 2], seed=1)
    x.layers[0][0, 1] = x.layers[0][0, 0]  # a repeated word: two equal neighbours
    pairs = mutual_pairs(x, y)
    assert pairs.sum(1).max() <= 1 and pairs.sum(2).max() <= 1
    assert pairs[0].any() and pairs[1].any() and not pairs[2].any()
    assert not pairs[1, 4:].any() and not pairs[1, :, 3:].any()
    cosine = torch.nn.functional.cosine_similarity(x.layers[0][1, :4, None], y.layers[0][1, None, :3], dim=-1)
    for i, j in pairs[1].nonzero().tolist():
        assert cosine[i, j] == cosine[i].max() == cosine[:, j].max()


class Given:
    """Frozen words that a test chooses."""

    def __init__(self, source, pivot):
        self.sides = {"source": source, "pivot": pivot}

    def __call__(self, batch, side):
        return self.sides[side]


def test_l2_takes_its_pairs_from_the_frozen_encoder():
    """Cao et al. (2020): pairs are fixed before tuning; the distance is that of the tuned words."""
    frozen = Given(words(2, 4, 8), words(2, 4, 8, seed=1))
    x, y = words(2, 4, 8, seed=2), words(2, 4, 8, seed=3)
    value, _ = l2(frozen)(x, y, batch_of(0, 0))
    expected = []
    for i, pairs in enumerate(mutual_pairs(frozen.sides["source"], frozen.sides["pivot"])):
        distances = [((x.layers[0][i, a] - y.layers[0][i, b]) ** 2).sum() / 2 for a, b in pairs.nonzero()]
        expected.append(torch.stack(distances).mean())
    torch.testing.assert_close(value, torch.stack(expected).mean()[None])


def test_l2_takes_the_pairs_of_an_aligner_where_the_batch_has_them():
    """Links of the batch go before nearest words; a link of a word without a vector counts for nothing."""
    x, y = words(2, 4, 8, n_real=[4, 2]), words(2, 3, 8, n_real=[3, 3], seed=1)
    pairs = torch.zeros(2, 5, 5, dtype=torch.bool)
    for link in [(0, 0, 1), (0, 3, 2), (1, 1, 0), (1, 3, 1)]:  # the last of a word that has no vector
        pairs[link] = True
    value, _ = l2(Given(None, None))(x, y, batch_of(0, 0)._replace(pairs=pairs))
    half = [
        ((x.layers[0][row, i] - y.layers[0][row, j]) ** 2).sum() / 2 for row, i, j in [(0, 0, 1), (0, 3, 2), (1, 1, 0)]
    ]
    torch.testing.assert_close(value, ((half[0] + half[1]) / 2 + half[2])[None] / 2)


@pytest.mark.parametrize("aligned", [False, True])
def test_l2_may_pull_to_the_frozen_english_words(aligned):
    """The released script of Cao et al. (2020): English words of a pair are those of the encoder before tuning."""
    frozen = Given(words(2, 4, 8), words(2, 4, 8, seed=1))
    x, y = words(2, 4, 8, layers=1, seed=2), words(2, 4, 8, seed=3)
    batch = batch_of(0, 0)
    pairs = torch.eye(4, dtype=torch.bool).repeat(2, 1, 1) if aligned else mutual_pairs(*frozen.sides.values())
    if aligned:
        batch = batch._replace(pairs=pairs)
    x.layers[0].requires_grad_(), y.layers[0].requires_grad_()
    value, _ = divergence_of(Align(objective="l2", l2_target="frozen"), frozen)(x, y, batch)
    half = (x.layers[0][:, :, None] - frozen.sides["pivot"].layers[0][:, None]).square().sum(-1) / 2
    torch.testing.assert_close(value, ((half * pairs).sum((1, 2)) / pairs.sum((1, 2))).mean()[None])
    value.sum().backward()
    assert x.layers[0].grad.any() and y.layers[0].grad is None


def test_l2_without_any_pair_is_zero():
    """An empty side must not make the loss zero divided by zero."""
    empty = words(1, 3, 4, n_real=[0])
    assert l2(Given(empty, empty))(empty, empty, batch_of(0))[0].tolist() == [0]


def test_anchor_is_the_squared_distance_of_real_words():
    """Eq. 2 of the paper sums over the words of a sentence; the mean divides by their number."""
    now, before = words(2, 3, 4, n_real=[3, 1]), words(2, 3, 4, n_real=[3, 1], seed=1)
    for side in (now, before):
        side.layers[0][~side.mask] = 0  # as pooling leaves them
    distance = ((now.layers[0] - before.layers[0]) ** 2).sum((1, 2))
    total = anchor(now, before, batch_of(0, 0), "sum")
    torch.testing.assert_close(total, distance.mean()[None])
    mean = anchor(now, before, batch_of(0, 0), "mean")
    torch.testing.assert_close(mean, (distance / torch.tensor([3, 1])).mean()[None])


@pytest.mark.parametrize("objective", ["wordot", "l2"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("scope, pairs", [("sentence", 1), ("batch", 2), ("mixed", 2)])
def test_a_summed_anchor_is_over_the_words_that_the_scope_pools(model, batch, scope, pairs, layers, objective):
    """Eq. 2 sums over the English words of a transport problem; a mean over sentences was as many times weaker."""
    model.layers = model.layers[-layers:]
    total = alignment(model, objective=objective, scope=scope, anchor_reduction="sum")
    mean = alignment(model, objective=objective, scope=scope, anchor_reduction="mean")
    with torch.no_grad():
        model.encoder.embeddings.word_embeddings.weight += 0.1 * torch.randn(40, 32)
        states = [model(batch.words.rows(slice(4, 8))), total.frozen.model(batch.words.rows(slice(4, 8)))]
        by_sentence = sum((x[:, 1:-1] - x0[:, 1:-1]).square().sum((1, 2)) for x, x0 in zip(*states, strict=True))
        # Two languages with two pairs each, five words a sentence.
        assert total(model, batch)[1]["anchor"].item() == pytest.approx(by_sentence.sum().item() / 2 * pairs, rel=1e-4)
        assert mean(model, batch)[1]["anchor"].item() == pytest.approx(by_sentence.sum().item() / 2 / 5, rel=1e-4)


def test_language_means_follow_the_languages():
    """Values of one language must not leak into the next."""
    values = torch.tensor([1.0, 3.0, 10.0, 20.0])
    assert language_means(values, batch_of(0, 0, 1, 1)).tolist() == [2, 15]


# The whole objective


@pytest.fixture()
def model():
    torch.manual_seed(0)
    config = BertConfig(vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    return EncoderLayers(BertModel(config).eval(), (0, 2))


@pytest.fixture()
def batch():
    """Two languages, two pairs each; every subword is a word."""
    ids = torch.randint(5, 40, (8, 7), generator=torch.Generator().manual_seed(0))
    index = torch.arange(7).repeat(8, 1) - 1
    index[:, -1] = -1
    return PairBatch(WordBatch(ids, torch.ones_like(ids), index, 5), 2)


def alignment(model, **settings):
    frozen, settings = FrozenWords(model, pooling="last"), Align(**settings)
    return Alignment(divergence_of(settings, frozen), frozen, ["de", "fr"], settings)


def test_a_name_without_a_divergence_is_not_taken_for_another():
    """Every name but two was once the contrastive objective, also one that was new in the settings."""
    with pytest.raises(ValueError, match="no divergence is named 'none'"):
        divergence_of(Align(objective="none"), None)


def test_loss_is_the_sum_over_languages_plus_the_weighted_anchor(model, batch):
    """Equal batches, losses summed, lambda on the anchor (section 3 of the paper)."""
    objective = alignment(model, anchor_weight=3.0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.1)
    loss, terms = objective(model, batch)
    assert {"divergence_de", "divergence_fr", "anchor", "spread", "unconverged"} < set(terms)
    assert terms["anchor"] > 0
    torch.testing.assert_close(
        loss, terms["divergence_de"] + terms["divergence_fr"] + 3 * terms["anchor"], rtol=1e-5, atol=1e-5
    )


def test_anchor_is_of_the_pivot_side_only(model, batch):
    """English stays where it was; the other languages come to it."""
    objective = alignment(model)
    other = batch.words.input_ids.clone()
    other[:4] = (other[:4] + 3) % 40
    changed = PairBatch(batch.words._replace(input_ids=other), batch.languages)
    with torch.no_grad():
        assert objective(model, batch)[1]["anchor"].item() == 0
        model.encoder.embeddings.word_embeddings.weight += 0.1 * torch.randn(40, 32)
        terms = [objective(model, b)[1]["anchor"].item() for b in (batch, changed)]
    assert terms[0] == pytest.approx(terms[1]) and terms[0] > 0


def test_frozen_encoder_does_not_move(model, batch):
    """The anchor is the encoder before tuning, not the encoder one step ago."""
    objective = alignment(model)
    before = objective.frozen(batch, "pivot").layers[1].clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss, _ = objective(model.train(), batch)
    loss.backward()
    optimizer.step()
    assert not objective.frozen.model.training
    assert torch.equal(objective.frozen(batch, "pivot").layers[1], before)


def test_objective_calls_the_model_once_a_batch(model, batch):
    """All languages and sides in one call: processes synchronise there, and small batches cost less."""
    objective, calls = alignment(model), []
    model.register_forward_hook(lambda *_: calls.append(1))
    objective(model, batch)
    assert calls == [1]


def test_without_anchor_no_frozen_encoder_runs(model, batch):
    """Weight zero saves the frozen encoder's time, and logs no anchor."""
    objective = alignment(model, anchor_weight=0.0)
    objective.frozen = None
    loss, terms = objective(model, batch)
    assert "anchor" not in terms and torch.isfinite(loss)


class Embedded(nn.Module):
    """An encoder whose only layer looks up its subwords."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(40, 16)

    def forward(self, words):
        return [self.table(words.input_ids)]


@pytest.mark.parametrize("options", [{}, {"scope": "batch"}, {"cost": "cosine"}, {"marginals": "norm"}], ids=str)
def test_nothing_in_a_training_step_waits_for_an_accelerator(batch, options, monkeypatch):
    """Tensors of the meta device have no numbers: whoever asks for one fails, as it would wait on a GPU."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # does not know the meta device
    model, batch = Embedded().to("meta"), batch._replace(words=batch.words.to("meta"))
    loss, terms = alignment(model, **options)(model, batch)
    loss.backward()
    assert model.table.weight.grad.shape == (40, 16) and "marginal_error" in terms
    with pytest.raises(RuntimeError, match="meta"):
        loss.item()


def sides(pairs=4, n=5, m=6, layers=1):
    x = words(pairs, n, 8, n_real=[5, 3, 4, 2], layers=layers)
    return x, words(pairs, m, 8, n_real=[6, 2, 6, 1], layers=layers, seed=1)


def test_mixed_scope_is_one_problem_of_all_languages():
    """Appendix E: the control that mixes languages."""
    x, y = sides()
    values, terms = ot(scope="mixed")(x, y, batch_of(0, 0, 1, 1))
    clouds = [side.layers[0][side.mask][None] for side in (x, y)]
    alone = sinkhorn_divergence(*clouds, epsilon=0.1)
    torch.testing.assert_close(values, alone.expand(2), rtol=1e-4, atol=1e-4)
    assert terms["iterations"] > 0


@pytest.mark.parametrize("scope", ["sentence", "batch"])
@pytest.mark.parametrize("marginals", ["norm", "tfidf"])
def test_marginals_are_those_of_the_words_that_are_there(scope, marginals):
    """Weights of the real words of a problem, summing to one; equal ones where all are zero."""
    x, y = sides()
    weights = [torch.rand(4, z.mask.shape[1], generator=torch.Generator().manual_seed(5)) for z in (x, y)]
    weights[0][0] = 0.0  # a sentence without any weight: equal ones
    padded = torch.zeros(8, 6)
    padded[:4, :5], padded[4:] = weights
    x, y = (
        Words(
            [nn.functional.pad(z.layers[0], (0, 0, 0, 6 - z.mask.shape[1]))],
            nn.functional.pad(z.mask, (0, 6 - z.mask.shape[1])),
        )
        for z in (x, y)
    )
    values, _ = ot(scope=scope, marginals=marginals)(x, y, batch_of(0, 0, 1, 1)._replace(weights=padded))
    expected = []
    for rows in [[0], [1], [2], [3]] if scope == "sentence" else [[0, 1], [2, 3]]:
        clouds, given = [], []
        for z, w in ((x, padded[:4]), (y, padded[4:])):
            cloud = torch.cat([z.layers[0][k][z.mask[k]] for k in rows])
            own = torch.cat([w[k][z.mask[k]] for k in rows]) if marginals == "tfidf" else cloud.norm(dim=1)
            own = own if own.sum() else torch.ones_like(own)
            clouds.append(cloud[None])
            given.append((own / own.sum())[None])
        expected.append(sinkhorn_divergence(*clouds, a=given[0], b=given[1], epsilon=0.1)[0])
    expected = torch.stack(expected)
    expected = expected.reshape(2, 2).mean(1) if scope == "sentence" else expected
    torch.testing.assert_close(values, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("negatives", ["weak", "strong"])
def test_contrastive_loss_by_hand(negatives):
    """Wu and Dredze (2020): cross entropy of cosines over the words of the batch of the language, both directions."""
    x, y = sides(layers=2)
    settings = Align(objective=f"contrastive-{negatives}", temperature=0.2)
    values, _ = contrastive(settings, Given(x, y))(x, y, batch_of(0, 0, 1, 1))
    pairs = mutual_pairs(x, y)
    for language in (0, 1):
        expected = 0.0
        for layer in (0, 1):
            clouds, places = [], []
            for side in (x, y):
                found = [
                    (k, i) for k in (2 * language, 2 * language + 1) for i in side.mask[k].nonzero()[:, 0].tolist()
                ]
                clouds.append(np.array([side.layers[layer][k, i].numpy() for k, i in found], dtype=float))
                clouds[-1] /= np.linalg.norm(clouds[-1], axis=1, keepdims=True)
                places.append({place: number for number, place in enumerate(found)})
            terms = []
            for k, i, j in pairs.nonzero().tolist():
                if k // 2 != language:
                    continue
                p, q = places[0][k, i], places[1][k, j]
                for own, other, here, there in ((*clouds, p, q), (*clouds[::-1], q, p)):
                    scores = list(other @ own[here] / 0.2)
                    if negatives == "strong":
                        scores += [own[here] @ z / 0.2 for number, z in enumerate(own) if number != here]
                    terms.append(np.log(np.exp(scores).sum()) - scores[there])
            expected += np.mean(terms)
        assert values[language].item() == pytest.approx(expected, rel=1e-4)


def test_contrastive_loss_without_a_pair_is_zero_and_learns_nothing():
    """The mean over no pairs would be zero divided by zero."""
    x, y = sides()
    x.layers[0].requires_grad_()
    nothing = Words(x.layers, torch.zeros_like(x.mask))
    settings = Align(objective="contrastive-weak")
    loss, _ = contrastive(settings, Given(nothing, y))(x, y, batch_of(0, 0, 1, 1))
    loss.sum().backward()
    assert (loss == 0).all() and (x.layers[0].grad == 0).all()


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_word_pairs_and_contrastive_losses_are_not_found_in_half_precision(precision):
    """Under autocast a product of float32 would be one of half precision, and other words the nearest."""
    x, y = words(6, 40, 64), words(6, 40, 64, seed=1)
    x, y = (side._replace(layers=[1 + 0.05 * side.layers[0]]) for side in (x, y))  # all of them near each other
    batch = batch_of(0, 0, 0, 1, 1, 1)
    divergence = contrastive(Align(objective="contrastive-strong"), Given(x, y))
    pairs, (values, _) = mutual_pairs(x, y), divergence(x, y, batch)
    with torch.autocast("cpu", dtype=precision):
        assert torch.equal(mutual_pairs(x, y), pairs)
        torch.testing.assert_close(divergence(x, y, batch)[0], values, rtol=0, atol=0)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    "options", [{"marginals": "norm"}, {"solver": "geomloss", "relative": False, "epsilon": 0.0025}], ids=str
)
def test_a_word_that_is_no_number_makes_the_loss_none_and_raises_nothing(options, value):
    """The trainer skips the step, and says so; weights of NaN would be refused."""
    x, y = sides()
    x.layers[0][0, 1] = value
    values, _ = ot(**options)(x, y, batch_of(0, 0, 1, 1))
    assert values.isnan().tolist() == [True, False]


@pytest.mark.parametrize("options", [{"unbalanced": 0.5}, {"mass": 0.7}], ids=str)
def test_a_word_may_stay_without_partner(options):
    """Unbalanced and partial transport are the library's own, with its gradients."""
    x, y = sides()
    x.layers[0].requires_grad_()
    values, terms = ot(**options)(x, y, batch_of(0, 0, 1, 1))
    function = transport_cost if "mass" in options else sinkhorn_divergence
    alone = function(x.layers[0], y.layers[0], x.mask, y.mask, epsilon=0.1, **options)
    torch.testing.assert_close(values, alone.reshape(2, 2).mean(1), rtol=1e-5, atol=1e-5)
    balanced, _ = ot()(x, y, batch_of(0, 0, 1, 1))
    assert (values < balanced).all() and terms["unconverged"] == 0
    (gradient,) = torch.autograd.grad(values.sum(), x.layers[0])
    assert gradient.abs().sum() > 0


def test_pairs_count_by_their_importance():
    values = torch.tensor([1.0, 3.0, 10.0, 20.0])
    importance = torch.tensor([1.0, 3.0, 0.0, 0.5])
    assert language_means(values, batch_of(0, 0, 1, 1)._replace(importance=importance)).tolist() == [2.5, 20]
    nothing = batch_of(0, 0, 1, 1)._replace(importance=torch.zeros(4))
    assert language_means(values, nothing).tolist() == [0, 0]  # not NaN


def test_confidence_is_of_the_frozen_plans_and_counts_pairs_in_the_loss(model, batch):
    objective = alignment_of(model, ["de", "fr"], Align(confidence_power=3.0, anchor_weight=0.0))
    source, pivot = (objective.frozen(batch, side) for side in ("source", "pivot"))
    plans = transport_plan(source.layers[-1], pivot.layers[-1], source.mask, pivot.mask, **Align().transport())
    confidence = pair_confidence(plans)
    loss, terms = objective(model, batch)
    assert terms["confidence"].item() == pytest.approx(confidence.mean().item(), rel=1e-5)
    values = sum(
        sinkhorn_divergence(x, y, source.mask, pivot.mask) for x, y in zip(source.layers, pivot.layers, strict=True)
    )
    cubes = confidence.reshape(2, 2) ** 3
    expected = ((values.reshape(2, 2) * cubes).sum(1) / cubes.sum(1)).sum()
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("objective", [{}, {"objective": "l2"}, {"objective": "l2", "l2_target": "frozen"}], ids=str)
def test_a_mean_over_layers_does_not_know_their_units(model, batch, objective):
    """Layers of an encoder have norms that differ tenfold: in a sum one of them is all of the loss."""

    class Scaled(EncoderLayers):
        def forward(self, batch):
            return [factor * states for factor, states in zip((1.0, 50.0), super().forward(batch), strict=True)]

    def loss_of(model, **settings):
        found = alignment_of(model, ["de", "fr"], Align(layers=[0, 2], **objective, **settings))
        with torch.no_grad():
            model.encoder.embeddings.word_embeddings.weight.mul_(1.01)
            loss, terms = found(model, batch)
            model.encoder.embeddings.word_embeddings.weight.div_(1.01)
        assert terms["anchor"] > 0
        return loss.item()

    scaled = Scaled(model.encoder, (0, 2))
    assert loss_of(scaled, layer_reduction="mean") == pytest.approx(loss_of(model, layer_reduction="mean"), rel=1e-3)
    assert loss_of(scaled) > 100 * loss_of(model)


def test_a_mean_over_layers_is_in_units_of_their_spread(model, batch):
    objective = alignment_of(model, ["de", "fr"], Align(layers=[0, 2], layer_reduction="mean", anchor_weight=0.0))
    rows = slice(4, 8)
    hidden = [states.detach() for states in model(batch.words)]
    expected = 0.0
    for states in hidden:
        x, y = states[:4, 1:6], states[rows, 1:6]
        spread = (y.flatten(0, 1) - y.flatten(0, 1).mean(0)).square().sum() / 19  # of twenty words
        expected += sinkhorn_divergence(x, y, relative=True).reshape(2, 2).mean(1).sum() / spread / 2
    torch.testing.assert_close(objective(model, batch)[0], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("half", "moves"), [("none", [0, 1, 2]), ("lower", [2]), ("upper", [0, 1])])
def test_a_half_of_the_encoder_stays_as_it_is(model, batch, half, moves):
    objective = alignment_of(model, ["de", "fr"], Align(layers=[2], freeze=half))
    parts = [model.encoder.embeddings, *model.encoder.encoder.layer]
    before = [[p.clone() for p in part.parameters()] for part in parts]
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    objective(model, batch)[0].backward()
    optimizer.step()
    pairs = zip(before, parts, strict=True)
    moved = [any(not torch.equal(a, b) for a, b in zip(old, part.parameters(), strict=True)) for old, part in pairs]
    assert [part for part, has in enumerate(moved) if has] == moves


def test_a_half_that_leaves_nothing_to_train_is_refused(model):
    model = EncoderLayers(model.encoder, (0, 1))
    with pytest.raises(ValueError, match="nothing is left to train below layer 1"):
        alignment_of(model, ["de", "fr"], Align(layers=[0, 1], freeze="lower"))
