"""Links between words against gold alignments: error rate, precision, recall, and what changes between methods."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from otlib.analysis.statistics import BASELINE
from otlib.data.text import GoldPair, Links


def alignment_error_rate(predicted: Iterable[Links], sure: Iterable[Links], possible: Iterable[Links]) -> float:
    """Alignment error rate over sentences (Och and Ney, 2003), from 0 (right) to 1.

    ``1 - (|A & S| + |A & P|) / (|A| + |S|)`` with the links of all sentences counted together.

    Parameters
    ----------
    predicted, sure, possible : iterable of sets of (i, j)
        One set a sentence. ``possible`` may leave out the sure links, which are possible too.

    Raises
    ------
    ValueError
        If the numbers of sentences differ, or there is neither a predicted nor a sure link.
    """
    right_sure, right, links, sure_links = _count_links(predicted, sure, possible)
    if links + sure_links == 0:
        raise ValueError("the alignment error rate needs a predicted or a sure link, there is none")
    return 1 - (right_sure + right) / (links + sure_links)


def link_scores(predicted: Iterable[Links], sure: Iterable[Links], possible: Iterable[Links]) -> dict[str, float]:
    """``precision`` and ``recall`` of links, from 0 to 1 (Och and Ney, 2003); arguments as for the error rate.

    Precision is the share of predicted links that are possible, recall the share of sure links that are predicted.
    Where there is no such link, it is 0.
    """
    right_sure, right, links, sure_links = _count_links(predicted, sure, possible)
    return {"precision": right / max(links, 1), "recall": right_sure / max(sure_links, 1)}


def link_errors(
    predicted: Iterable[Links], sure: Iterable[Links], possible: Iterable[Links]
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (N,) of each sentence whose sums have the error rate as ratio: ``|A| + |S| - |A & S| - |A & P|``, and
    ``|A| + |S|``; arguments as for the error rate."""
    counts = [_count_links([a], [s], [p]) for a, s, p in zip(predicted, sure, possible, strict=True)]
    right_sure, right, links, sure_links = np.array(counts).reshape(-1, 4).T
    return links + sure_links - right_sure - right, links + sure_links


def null_words(links: Links, n: int, m: int) -> set[tuple[str, int]]:
    """Words of a sentence of n words and its translation of m that have no link: (side, place)."""
    linked = {("source", i) for i, _ in links} | {("pivot", j) for _, j in links}
    return {*(("source", i) for i in range(n)), *(("pivot", j) for j in range(m))} - linked


def null_counts(predicted: Iterable[Links], gold: Sequence[GoldPair]) -> tuple[np.ndarray, np.ndarray]:
    """Numbers (N,) of each sentence whose sums have the F1 of words without partner as ratio.

    These are twice the words that have neither a predicted nor a gold link, sure or possible; and the words without a
    predicted link plus those without a gold one.
    """
    right, both = [], []
    for links, pair in zip(predicted, gold, strict=True):
        sizes = len(pair.source), len(pair.pivot)
        found, there = null_words(links, *sizes), null_words(pair.sure | pair.possible, *sizes)
        right.append(2 * len(found & there))
        both.append(len(found) + len(there))
    return np.array(right, dtype=int), np.array(both, dtype=int)


def _count_links(predicted, sure, possible) -> tuple[int, int, int, int]:
    """Numbers of links: predicted and sure, predicted and sure or possible, all predicted ones, all sure ones."""
    sides = [list(links) for links in (predicted, sure, possible)]
    if len({len(links) for links in sides}) > 1:
        got = ", ".join(str(len(links)) for links in sides)
        raise ValueError(f"predicted, sure and possible links must be of the same sentences, got {got}")
    counts = np.zeros(4, dtype=int)
    for a, s, p in zip(*sides, strict=True):
        counts += len(a & s), len(a & (p | s)), len(a), len(s)
    return tuple(counts.tolist())


def links_against_gold(links: Mapping[str, Sequence[Links]], gold: Sequence[GoldPair]) -> pd.DataFrame:
    """A row for each method's links: columns ``error rate, precision, recall``, in per cent."""
    sure, possible = [pair.sure for pair in gold], [pair.possible for pair in gold]
    rows = {
        method: {"error rate": alignment_error_rate(found, sure, possible), **link_scores(found, sure, possible)}
        for method, found in links.items()
    }
    return 100 * pd.DataFrame(rows).T


# What changes between two methods


def link_changes(gold: Sequence[GoldPair], before: Sequence[Links], after: Sequence[Links]) -> tuple[Counter, Counter]:
    """How often each word pair (source, pivot) of a sure link was won, and was lost, from one alignment to another."""
    won, lost = Counter(), Counter()
    for pair, old, new in zip(gold, before, after, strict=True):
        won.update((pair.source[i], pair.pivot[j]) for i, j in pair.sure & new - old)
        lost.update((pair.source[i], pair.pivot[j]) for i, j in pair.sure & old - new)
    return won, lost


def changed_words(
    links: Mapping[str, Sequence[Links]], gold: Sequence[GoldPair], *, baseline: str = BASELINE, shown: int = 6
) -> pd.DataFrame:
    """Sure links that each method has and the baseline lacks (``won``), and the reverse (``lost``).

    Rows are ``method, gold links`` (won or lost), columns ``number`` and ``most often``: the ``shown`` most frequent
    word pairs (source–pivot) with how often they occur.
    """
    rows = []
    for method in [name for name in links if name != baseline]:
        changes = link_changes(gold, links[baseline], links[method])
        for what, counter in zip(("won", "lost"), changes, strict=True):
            often = ", ".join(f"{source}–{pivot} ({n})" for (source, pivot), n in counter.most_common(shown))
            rows.append((method, what, counter.total(), often))
    table = pd.DataFrame(rows, columns=["method", "gold links", "number", "most often"])
    return table.set_index(["method", "gold links"])


def sentence_errors(links: Mapping[str, Sequence[Links]], gold: Sequence[GoldPair]) -> pd.DataFrame:
    """Error rate of each sentence pair in per cent: a column a method, a row for each pair that has a sure link.

    The index is the pair's place in ``gold``.
    """
    places = [place for place, pair in enumerate(gold) if pair.sure]
    errors = {
        method: [100 * alignment_error_rate([found[i]], [gold[i].sure], [gold[i].possible]) for i in places]
        for method, found in links.items()
    }
    return pd.DataFrame(errors, index=places)


def better_and_worse(errors: pd.DataFrame, *, baseline: str = BASELINE) -> pd.DataFrame:
    """In how many sentences (rows) each method has a lower error rate than the baseline, the same, or a higher one."""
    change = errors.sub(errors[baseline], axis=0).drop(columns=baseline)
    return pd.DataFrame({"better": (change < 0).sum(), "same": (change == 0).sum(), "worse": (change > 0).sum()})
