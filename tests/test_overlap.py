"""What can be had without knowing a word: rules that only see which words two texts share."""

import pandas as pd
import pytest

from otlib.tasks.overlap import nli_rule, overlap_counts, qa_rule, unasked


@pytest.mark.parametrize(
    ("premise", "hypothesis", "counts"),
    [
        ("The dog, the cat.", "A dog sees the CAT!", (3, 1, 2, 4, 5)),
        ("", "one word", (0, 0, 2, 0, 2)),
        ("3.5 don't", "3.5", (2, 2, 0, 4, 2)),
        ("हिन्दी किताब", "किताब है", (1, 1, 1, 2, 2)),  # vowel signs are no letters to Python
        ("cafe\u0301", "caf\u00e9", (1, 0, 0, 1, 1)),
        ("Straße", "STRASSE", (1, 0, 0, 1, 1)),
        ("我爱你", "你爱他", (2, 1, 1, 3, 3)),
        ("ที่นี่", "ที่", (1, 1, 0, 2, 1)),
        ("ខ្ញុំ", "ខ្ញុំ", (2, 0, 0, 2, 2)),
    ],
)
def test_words_are_counted_in_any_script_without_case(premise, hypothesis, counts):
    assert overlap_counts(premise, hypothesis) == counts


def nli(rows):
    columns = ["language", "gold_label", "pairID", "sentence1", "sentence2"]
    return pd.DataFrame([(*row[:2], str(i), *row[2:]) for i, row in enumerate(rows)], columns=columns)


def test_a_task_that_overlap_solves_is_solved_in_a_language_never_seen():
    """Where copied words mean entailment, no translation is needed; what other languages teach does not count."""
    english = [("en", "entailment", f"a{i} b c", f"a{i} b") for i in range(40)]
    english += [("en", "contradiction", f"a{i} b c", f"d{i} e") for i in range(40)]
    misleading = [("de", "neutral", *row[2:]) for row in english * 3]
    test = nli([("el", "entailment", "x y z", "x y"), ("el", "contradiction", "x y z", "v w")])
    answered = nli_rule(nli(english + misleading), test)
    assert list(answered.columns) == ["language", "pairID", "gold", "predicted"]
    assert answered["predicted"].tolist() == answered["gold"].tolist()
    assert nli_rule(nli(english + misleading), test).equals(answered)


@pytest.mark.parametrize(
    ("context", "question", "runs"),
    [
        ("Tom sleeps. Anna read a book in Rome at 3.5 today.", "Where did Anna read a book?", ["in Rome at 3.5 today"]),
        ("Anna saw Tom on Monday.", "Who saw Tom?", ["Anna", "on Monday"]),
        ("他在北京。她在上海买书。", "她在哪里买书？", ["上海"]),
        ("One. Two", "Two?", ["Two"]),  # all of it is asked about
        ("?!", "x?", ["?!"]),
        ("", "x?", [""]),
    ],
)
def test_what_the_nearest_sentence_says_beyond_the_question(context, question, runs):
    assert [run.strip() for run in unasked(context, question)] == runs


def qa(*rows):
    return pd.DataFrame(
        [{"id": str(i), "context": c, "question": q, "answers": [a]} for i, (c, q, a) in enumerate(rows)]
    )


def test_which_run_answers_is_learned_in_english():
    train = qa(("Anna saw Tom on Monday.", "When saw Tom?", "on Monday"), ("Eve met Ben there.", "met Ben?", "there"))
    tests = {"de": qa(("Anna sah Tom am Montag.", "Wann sah Tom?", "am Montag"), ("Nichts.", "Was?", "Montag"))}
    answered = qa_rule(train, tests)
    assert list(answered.columns) == ["language", "id", "predicted", "f1", "exact_match"]
    assert answered["predicted"].tolist() == ["am Montag", "Nichts"] and answered["f1"].tolist() == [1, 0]
