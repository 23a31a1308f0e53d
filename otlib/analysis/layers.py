"""Where in an encoder translations lie closest: retrieval and word alignment of every layer."""

from collections.abc import Sequence

import pandas as pd

from otlib.analysis.measures import links_by_rule, sentence_means
from otlib.analysis.retrieval import sentences_found
from otlib.analysis.word_alignment import alignment_error_rate
from otlib.data.text import GoldPair, ParallelText
from otlib.training.words import embed_layers

POOLINGS = ("last", "mean")


def scores_by_layer(
    model, tokenizer, text: ParallelText, gold: Sequence[GoldPair] = (), *, max_length: int, **transport
) -> pd.DataFrame:
    """Sentence retrieval of a text, and alignment error rates of gold pairs, in every layer (0 is the embeddings).

    A row ``pooling, layer, task, metric, value`` for each way to make a word's vector (last subword, mean of its
    subwords), layer and measure; the measures are those of :func:`otlib.analysis.measures.score_pair`.
    """
    layers, rows = range(model.config.num_hidden_layers + 1), []
    sure, possible = [pair.sure for pair in gold], [pair.possible for pair in gold]
    for pooling in POOLINGS:

        def embedded(sentences, pooling=pooling):
            return embed_layers(model, tokenizer, sentences, layers, pooling, max_length)

        (source, source_masks), (pivot, pivot_masks) = embedded(text.source), embedded(text.pivot)
        for layer in layers:
            means = sentence_means(source[layer], source_masks), sentence_means(pivot[layer], pivot_masks)
            found = 100 * float(sentences_found(*means).float().mean())
            rows.append((pooling, layer, "retrieval", "accuracy", found))
        if not gold:
            continue
        (x, x_masks), (y, y_masks) = (embedded([getattr(pair, side) for pair in gold]) for side in ("source", "pivot"))
        for layer in layers:
            for metric, links in links_by_rule(x[layer], y[layer], x_masks, y_masks, **transport).items():
                error = 100 * alignment_error_rate(links, sure, possible)
                rows.append((pooling, layer, "word_alignment", metric, error))
    return pd.DataFrame(rows, columns=["pooling", "layer", "task", "metric", "value"])


def best_layer(by_layer: pd.DataFrame) -> tuple[int, str]:
    """Layer and pooling with the highest sentence retrieval on average (over languages), the lower layer of equals."""
    retrieval = by_layer[by_layer["task"] == "retrieval"].groupby(["layer", "pooling"])["value"].mean()
    return retrieval.idxmax()
