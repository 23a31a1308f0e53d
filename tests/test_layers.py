"""The curves over layers are made of the measures that notebook 30 takes of one layer."""

import pytest
from test_measures import encoder, gold_of, sentences, values  # noqa: F401

from otlib.analysis.layers import POOLINGS, best_layer, scores_by_layer
from otlib.analysis.measures import score_pair
from otlib.data.text import ParallelText


def test_every_layer_is_scored_as_it_would_be_alone(encoder):  # noqa: F811
    tokenizer, model = encoder
    texts = sentences(12)
    text = ParallelText("de", texts, [words[::-1] for words in texts])
    gold = [pair._replace(pivot=pair.pivot[::-1]) for pair in gold_of(texts)]
    table = scores_by_layer(model, tokenizer, text, gold, max_length=64, epsilon=0.1)
    for (pooling, layer), scores in table.groupby(["pooling", "layer"]):
        embed = {"layer": layer, "pooling": pooling, "max_length": 64}
        alone = values(score_pair(model, tokenizer, text, gold, embed=embed, epsilon=0.1).table)
        for (task, metric), value in values(scores).items():
            assert value == pytest.approx(alone[task, metric]), (pooling, layer, metric)
    layers = model.config.num_hidden_layers + 1
    assert len(table) == len(POOLINGS) * layers * 4 and table["layer"].max() == layers - 1
    without = scores_by_layer(model, tokenizer, text, max_length=64)
    assert set(without["task"]) == {"retrieval"}


def test_the_best_layer_is_that_of_the_highest_retrieval_and_the_lower_of_equals(encoder):  # noqa: F811
    tokenizer, model = encoder
    texts = sentences(12)
    table = scores_by_layer(model, tokenizer, ParallelText("de", texts, texts), max_length=64)
    assert best_layer(table)[0] == 0  # all find themselves
    table.loc[(table["layer"] == 1) & (table["pooling"] == "mean"), "value"] = 101.0
    assert best_layer(table) == (1, "mean")
