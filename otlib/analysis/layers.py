"""Where in an encoder translations lie closest: retrieval and word alignment of every layer."""

from collections.abc import Sequence

import pandas as pd

from otlib.analysis.measures import links_by_rule, plans_of, sentence_means, sentence_names
from otlib.analysis.retrieval import sentence_retrieval
from otlib.analysis.word_alignment import alignment_error_rate
from otlib.data.text import GoldPair, ParallelText
from otlib.training.words import embed_layers
from otlib.transport.links import pair_confidence

POOLINGS = {"last": "last subword", "mean": "mean of subwords"}


def scores_by_layer(
    model, tokenizer, text: ParallelText, gold: Sequence[GoldPair] = (), *, max_length: int, **transport
) -> pd.DataFrame:
    """Sentence retrieval of a text, and alignment error rates of gold pairs, in every layer (0 is the embeddings).

    A row ``pooling, layer, task, metric, value`` for each way to make a word's vector (last subword, mean of its
    subwords), layer and measure. The measures are those of :func:`otlib.analysis.measures.score_pair`, and the
    ``confidence`` of the text's plans (0 to 1; :func:`otlib.transport.links.pair_confidence`), which needs no gold.
    """
    layers, rows = range(model.config.num_hidden_layers + 1), []
    sure, possible = [pair.sure for pair in gold], [pair.possible for pair in gold]
    for pooling in POOLINGS:

        def embedded(sentences, pooling=pooling):
            return embed_layers(model, tokenizer, sentences, layers, pooling, max_length)

        (source, source_masks), (pivot, pivot_masks) = embedded(text.source), embedded(text.pivot)
        for layer in layers:
            means = sentence_means(source[layer], source_masks), sentence_means(pivot[layer], pivot_masks)
            found = sentence_retrieval(*means, sentence_names(text))
            rows.append((pooling, layer, "retrieval", "accuracy", found))
            plans = plans_of(source[layer], pivot[layer], source_masks, pivot_masks, **transport)
            confidence = sum(float(pair_confidence(plan)) for plan in plans) / len(plans)
            rows.append((pooling, layer, "word_alignment", "confidence", confidence))
        if not gold:
            continue
        (x, x_masks), (y, y_masks) = (embedded([getattr(pair, side) for pair in gold]) for side in ("source", "pivot"))
        for layer in layers:
            sides = x[layer], y[layer], x_masks, y_masks
            for metric, links in links_by_rule(plans_of(*sides, **transport), *sides).items():
                error = 100 * alignment_error_rate(links, sure, possible)
                rows.append((pooling, layer, "word_alignment", metric, error))
    return pd.DataFrame(rows, columns=["pooling", "layer", "task", "metric", "value"])


def best_layer(by_layer: pd.DataFrame) -> tuple[int, str]:
    """Layer and pooling of the surest plans, on average over languages: where a word's partner is clearest.

    Sentence retrieval would choose otherwise: on an encoder trained to tell sentences apart, the last layer.
    """
    confidence = by_layer[by_layer["metric"] == "confidence"].groupby(["layer", "pooling"])["value"].mean()
    return confidence.idxmax()
