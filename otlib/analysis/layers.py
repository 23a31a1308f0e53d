"""Where in an encoder translations lie closest: retrieval and word alignment of every layer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from torch import Tensor

from otlib.analysis.figures import word_matrix
from otlib.analysis.measures import links_by_rule, plans_of, sentence_means, sentence_names
from otlib.analysis.retrieval import sentence_retrieval
from otlib.analysis.word_alignment import alignment_error_rate
from otlib.data.text import GoldPair, ParallelText
from otlib.training.words import embed_layers, load_encoder
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


class LayerPlans:
    """Transport plans of a few sentence pairs in every layer of some encoders, solved when they are asked for.

    Parameters
    ----------
    folders : mapping of method to Path
        The encoders, of one depth.
    pairs : sequence of GoldPair
    embed : mapping
        ``pooling`` and ``max_length`` of :func:`otlib.training.words.embed_layers`; ``layer`` is where to begin.
    **transport
        Of :func:`otlib.transport.transport_plan`.
    """

    def __init__(self, folders: Mapping[str, Path], pairs: Sequence[GoldPair], *, embed: Mapping, **transport):
        self.pairs = {f"{number}: {' '.join(pair.source)}": pair for number, pair in enumerate(pairs, 1)}
        self._transport, self._vectors = transport, {}
        for method, folder in folders.items():
            tokenizer, model = load_encoder(folder)
            self.layers = range(model.config.num_hidden_layers + 1)
            sides = [pair.source for pair in pairs], [pair.pivot for pair in pairs]
            options = self.layers, embed["pooling"], embed["max_length"]
            self._vectors[method] = [embed_layers(model, tokenizer, side, *options) for side in sides]
        self.first_layer = self.layers[embed["layer"]]

    def plan(self, epsilon: float, method: str, layer: int, sentence: str) -> Tensor:
        """The plan (n, m) of the sentence pair with this name among ``pairs``."""
        place = [*self.pairs].index(sentence)
        (x, x_masks), (y, y_masks) = self._vectors[method]
        one = ([side[place]] for side in (x[layer], y[layer], x_masks, y_masks))
        return plans_of(*one, **self._transport | {"epsilon": epsilon})[0]

    def draw(self, *, sentence: str, ax: Axes | None = None, **chosen) -> Axes:
        """That plan with its gold links, for :func:`otlib.analysis.figures.explore`."""
        pair, plan = self.pairs[sentence], self.plan(sentence=sentence, **chosen)
        look = {"sure": pair.sure, "possible": pair.possible, "vmax": 1 / max(plan.shape), "colourbar": ax is None}
        return word_matrix(plan, pair.source, pair.pivot, **look, ax=ax)
