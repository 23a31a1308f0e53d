"""Draw items of which neither single words nor counts of shared words tell the label.

By minimisation (Taves, 1974; Pocock and Simon, 1975), as clinical trials allot their patients: of several candidates
with the wanted label the one is kept whose features so far stand least under this label and most under the others. So
every word of a premise, every word of a hypothesis and all counts of shared words come about equally often under each.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from math import sqrt
from typing import TypeVar

Item = TypeVar("Item")
Weighted = tuple[float, Hashable]
CANDIDATES = 6  # of which one is kept
COUNTS_WEIGHT = 4.0  # of the counts, against 1 of a word


def balanced(
    n: int, labels: Sequence[str], make: Callable[[str], Item], features: Callable[[Item], Iterable[Weighted]]
) -> list[Item]:
    """Draw ``n`` items, of each label in turn.

    Parameters
    ----------
    make : function
        A random item with a label.
    features : function
        What is to stand equally often under each label, and how much it weighs.
    """
    seen: dict[Hashable, list[int]] = defaultdict(lambda: [0] * len(labels))
    kept = []
    for number in range(n):
        label = number % len(labels)
        candidates = [make(labels[label]) for _ in range(CANDIDATES)]
        featured = [(item, list(features(item))) for item in candidates]
        item, found = min(featured, key=lambda pair: _imbalance(pair[1], seen, label))
        for _, feature in found:
            seen[feature][label] += 1
        kept.append(item)
    return kept


def words_of(premise: str, hypothesis: str) -> Iterable[Weighted]:
    """Every word of a premise, and every word of a hypothesis."""
    for side, text in (("premise", premise), ("hypothesis", hypothesis)):
        yield from ((1.0, (side, word)) for word in dict.fromkeys(_words(text)))


def overlap_of(premise: str, hypothesis: str, language: str) -> Weighted:
    """How many words two sentences of a language share, and how long they are."""
    left, right = Counter(_words(premise)), Counter(_words(hypothesis))
    return COUNTS_WEIGHT, (language, (left & right).total(), left.total(), right.total())


def shared_words(one: str, other: str) -> int:
    """How many words two sentences share."""
    return (Counter(_words(one)) & Counter(_words(other))).total()


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _imbalance(features: list[Weighted], seen: dict[Hashable, list[int]], label: int) -> float:
    """How much more often the features stand under the label than under the mean label, in standard deviations."""
    total = 0.0
    for weight, feature in features:
        counts = seen[feature]
        total += weight * (counts[label] - sum(counts) / len(counts)) / sqrt(sum(counts) + 1)
    return total
