"""The curves over layers are made of the measures that notebook 30 takes of one layer."""

import numpy as np
import pandas as pd
import pytest
from test_measures import encoder, gold_of, sentences, values  # noqa: F401

from otlib.analysis.layers import POOLINGS, LayerPlans, best_layer, scores_by_layer
from otlib.analysis.measures import pair_plans, score_pair, unmarked
from otlib.data.text import ParallelText
from otlib.transport.links import pair_confidence


def test_every_layer_is_scored_as_it_would_be_alone(encoder):  # noqa: F811
    tokenizer, model = encoder
    texts = sentences(12)
    text = ParallelText("de", texts, [words[::-1] for words in texts])
    gold = [pair._replace(pivot=pair.pivot[::-1]) for pair in gold_of(texts)]
    table = scores_by_layer(model, tokenizer, text, gold, max_length=64, epsilon=0.1)
    for (pooling, layer), scores in table.groupby(["pooling", "layer"]):
        embed = {"layer": layer, "pooling": pooling, "max_length": 64}
        alone = values(score_pair(model, tokenizer, text, gold, embed=embed, epsilon=0.1).table)
        plans = pair_plans(model, tokenizer, unmarked(text), embed=embed, epsilon=0.1)
        alone["word_alignment", "confidence"] = np.mean([pair_confidence(plan) for plan in plans])
        for (task, metric), value in values(scores).items():
            assert value == pytest.approx(alone[task, metric]), (pooling, layer, metric)
    layers = model.config.num_hidden_layers + 1
    assert len(table) == len(POOLINGS) * layers * 5 and table["layer"].max() == layers - 1
    without = scores_by_layer(model, tokenizer, text, max_length=64)
    assert set(without["task"]) == {"retrieval", "word_alignment"}


def test_a_plan_that_is_asked_for_is_that_of_its_method_layer_sentence_and_epsilon(encoder, monkeypatch):  # noqa: F811
    tokenizer, model = encoder
    monkeypatch.setattr("otlib.analysis.layers.load_encoder", lambda folder: encoder)
    pairs = gold_of(sentences(3))
    embed = {"layer": -2, "pooling": "mean", "max_length": 64}
    looked_at = LayerPlans({"wordot": "a folder"}, pairs, embed=embed, epsilon=0.1)
    last = model.config.num_hidden_layers
    assert looked_at.first_layer == last - 1 and [*looked_at.layers] == [*range(last + 1)]
    (name,) = [name for name, pair in looked_at.pairs.items() if pair is pairs[1]]
    for layer, epsilon in ((last, 0.1), (last - 1, 0.7)):
        (alone,) = pair_plans(model, tokenizer, pairs[1:2], embed=embed | {"layer": layer}, epsilon=epsilon)
        found = looked_at.plan(epsilon, "wordot", layer, name)
        assert found.numpy() == pytest.approx(alone.numpy(), abs=1e-5)
    ax = looked_at.draw(sentence=name, epsilon=0.1, method="wordot", layer=0)
    assert [label.get_text() for label in ax.get_yticklabels()] == pairs[1].source


def test_the_best_layer_is_where_plans_are_surest_on_average_over_languages():
    rows = [
        (language, pooling, layer, "word_alignment", "confidence", value)
        for language, values in {"de": [0.2, 0.9, 0.5, 0.5], "fr": [0.4, 0.2, 0.8, 0.5]}.items()
        for (pooling, layer), value in zip([("last", 0), ("last", 1), ("mean", 1), ("mean", 2)], values, strict=True)
    ]
    rows.append(("fr", "last", 2, "retrieval", "accuracy", 100.0))
    table = pd.DataFrame(rows, columns=["language", "pooling", "layer", "task", "metric", "value"])
    assert best_layer(table) == (1, "mean")
