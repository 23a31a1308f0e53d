"""The curves over layers are made of the measures that notebook 30 takes of one layer."""

import numpy as np
import pandas as pd
import pytest
from test_measures import encoder, gold_of, sentences, values  # noqa: F401

from otlib.analysis.layers import POOLINGS, best_layer, scores_by_layer
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


def test_the_best_layer_is_where_plans_are_surest_on_average_over_languages():
    rows = [
        (language, pooling, layer, "word_alignment", "confidence", value)
        for language, values in {"de": [0.2, 0.9, 0.5, 0.5], "fr": [0.4, 0.2, 0.8, 0.5]}.items()
        for (pooling, layer), value in zip([("last", 0), ("last", 1), ("mean", 1), ("mean", 2)], values, strict=True)
    ]
    rows.append(("fr", "last", 2, "retrieval", "accuracy", 100.0))
    table = pd.DataFrame(rows, columns=["language", "pooling", "layer", "task", "metric", "value"])
    assert best_layer(table) == (1, "mean")
