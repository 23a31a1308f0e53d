"""Which sentences are read together, and how much their words weigh."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np


def draw(items: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``n`` indices below ``items``: shuffled epochs one after the other, the last one cut short."""
    epochs = [rng.permutation(items) for _ in range(-(-n // items))]
    return np.concatenate(epochs)[:n] if epochs else np.empty(0, dtype=int)


def length_batches(drawn: np.ndarray, lengths: np.ndarray, *, batch_size: int, seed: int) -> list[np.ndarray]:
    """Cut drawn indices into batches of sentences of similar length, so that little of a batch is padding.

    ``drawn``, shape (batches * batch_size,), holds indices into ``lengths`` in random order. Each stretch of 50 batches
    is sorted by length, cut, and its batches are shuffled. With the same ``seed`` and number of batches, batch k of one
    corpus falls into the same quantile of length as batch k of another.
    """
    rng = np.random.default_rng(seed)
    batches: list[np.ndarray] = []
    for start in range(0, len(drawn), 50 * batch_size):
        stretch = drawn[start : start + 50 * batch_size]
        by_length = stretch[np.argsort(lengths[stretch], kind="stable")]
        cut = [by_length[i : i + batch_size] for i in range(0, len(by_length), batch_size)]
        batches += [cut[i] for i in rng.permutation(len(cut))]
    return batches


def tfidf_weights(sentences: Sequence[Sequence[str]]) -> Iterator[np.ndarray]:
    """Weights of the words of each sentence by their rarity, summing to 1; marginals for optimal transport.

    A word counts its smoothed inverse document frequency, ``log((1 + N) / (1 + sentences with it)) + 1``, wherever it
    occurs, so that a type's weight in a sentence is its TF-IDF (Salton and Buckley, 1988). Case is ignored.
    """
    frequency = Counter(word for sentence in sentences for word in {word.lower() for word in sentence})
    idf = {count: np.log((1 + len(sentences)) / (1 + count)) + 1 for count in {*frequency.values()}}
    for sentence in sentences:
        rarity = np.array([idf[frequency[word.lower()]] for word in sentence])
        yield rarity / max(rarity.sum(), 1.0)
