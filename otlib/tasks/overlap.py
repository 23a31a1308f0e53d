"""Rules that know no word: they only see which words two texts share.

What such a rule scores can be had without any translation. A task on which it does as well as an encoder says nothing
of what the encoder knows of a language (Gururangan et al., 2018; McCoy et al., 2019).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from itertools import groupby

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from otlib.data.text import MARKS
from otlib.settings import PIVOT
from otlib.tasks.qa import score_answer

OVERLAP_RULE = "overlap rule"  # its name among the methods
NLI_ITEMS, QA_ITEMS = 20_000, 2_000  # English training items that are looked at, at most: two dozen numbers are learned
# Thai, Lao, Tibetan, Burmese, Khmer, Japanese and Chinese, which have no blanks: each letter counts as a word.
LETTERS = "\u0e01-\u0eff\u0f40-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
WORD = re.compile(rf"[{LETTERS}][{MARKS}]*|[^\W{LETTERS}](?:[^\W{LETTERS}]|[{MARKS}])*")
SENTENCE = re.compile(r".+?(?:[.!?؟۔।]+(?=\s|$)|[。？！]+|$)", re.DOTALL)
CHOICES = {  # which of the runs of words is the answer
    "first": lambda runs: runs[0],
    "last": lambda runs: runs[-1],
    "longest": lambda runs: max(runs, key=len),
    "shortest": lambda runs: min(runs, key=len),
}


def overlap_counts(premise: str, hypothesis: str) -> tuple[int, int, int, int, int]:
    """Words in both, in the premise only, in the hypothesis only, of the premise, of the hypothesis."""
    left, right = (Counter(word for word, *_ in _words(text)) for text in (premise, hypothesis))
    return (left & right).total(), (left - right).total(), (right - left).total(), left.total(), right.total()


def _words(text: str) -> list[tuple[str, int, int]]:
    """The words of a text without case, each with its begin and end."""
    return [(unicodedata.normalize("NFKC", m[0].casefold()), *m.span()) for m in WORD.finditer(text)]


def nli_rule(train_items: pd.DataFrame, test_items: pd.DataFrame) -> pd.DataFrame:
    """Gradient-boosted trees on :func:`overlap_counts`, taught on the English ones of the training items.

    Parameters
    ----------
    train_items, test_items : DataFrame
        As from :func:`otlib.data.items.read_nli`.

    Returns
    -------
    DataFrame
        ``language, pairID, gold, predicted``, as of :func:`otlib.tasks.nli.predict`.
    """
    english = train_items[train_items["language"] == PIVOT]
    english = english.sample(min(len(english), NLI_ITEMS), random_state=0)
    trees = HistGradientBoostingClassifier(random_state=0).fit(_counts(english), english["gold_label"])
    table = test_items[["language", "pairID", "gold_label"]].rename(columns={"gold_label": "gold"})
    return table.assign(predicted=trees.predict(_counts(test_items)))


def _counts(items: pd.DataFrame) -> np.ndarray:
    return np.array([*map(overlap_counts, items["sentence1"], items["sentence2"])])


def qa_rule(train_items: pd.DataFrame, tests: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """From the sentence that shares most words with the question, a run of words that are not in the question.

    Which run, the first, last, longest or shortest, is what suits the training questions best.

    Parameters
    ----------
    train_items, tests : DataFrame, mapping of language to DataFrame
        English questions, and those of the test; as from :func:`otlib.data.items.read_qa`.

    Returns
    -------
    DataFrame
        ``language, id, predicted, f1, exact_match``, as of :func:`otlib.tasks.qa.predict`.
    """
    train_items = train_items.sample(min(len(train_items), QA_ITEMS), random_state=0)
    best = max(CHOICES, key=lambda choice: _answers(train_items, choice)["f1"].mean())
    tables = {language: _answers(items, best) for language, items in tests.items()}
    return pd.concat(tables, names=["language"]).reset_index("language").reset_index(drop=True)


def _answers(items: pd.DataFrame, choice: str) -> pd.DataFrame:
    texts = [CHOICES[choice](unasked(*texts)) for texts in zip(items["context"], items["question"], strict=True)]
    f1, exact = zip(*map(score_answer, texts, items["answers"]), strict=True)
    return pd.DataFrame({"id": items["id"].to_numpy(), "predicted": texts, "f1": f1, "exact_match": exact})


def unasked(context: str, question: str) -> list[str]:
    """The runs of words that are not in the question, of the sentence that shares most words with it; one at least."""
    asked = {word for word, *_ in _words(question)}
    sentences = [(m.group(), _words(m.group())) for m in SENTENCE.finditer(context)] or [(context, [])]
    sentence, words = max(sentences, key=lambda one: len(asked & {word for word, *_ in one[1]}))
    runs = [[*run] for known, run in groupby(words, key=lambda word: word[0] in asked) if not known]
    return [sentence[run[0][1] : run[-1][2]] for run in runs] or [sentence]
