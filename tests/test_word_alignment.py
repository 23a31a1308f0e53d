"""Links are counted as Och and Ney count them, and what one method wins over another is said by its words."""

import numpy as np
import pandas as pd
import pytest

from otlib.analysis.word_alignment import (
    alignment_error_rate,
    better_and_worse,
    changed_words,
    link_changes,
    link_scores,
    links_against_gold,
    null_counts,
    sentence_errors,
)
from otlib.data.text import GoldPair

# Against gold

PREDICTED = {(0, 0), (1, 1), (2, 2)}
SURE = {(0, 0), (1, 2)}
POSSIBLE = {(1, 1)}


def test_alignment_error_rate_by_hand():
    # Och and Ney (2003): 1 - (|A & S| + |A & P|) / (|A| + |S|) = 1 - (1 + 2) / (3 + 2).
    assert alignment_error_rate([PREDICTED], [SURE], [POSSIBLE]) == pytest.approx(0.4)


def test_sure_links_are_possible_whether_said_or_not():
    # Files list the possible links without the sure ones, GoldPair.possible with them.
    for measure in (alignment_error_rate, link_scores):
        assert measure([PREDICTED], [SURE], [POSSIBLE]) == measure([PREDICTED], [SURE], [POSSIBLE | SURE])


def test_alignment_error_rate_is_zero_when_right_and_one_when_wrong():
    assert alignment_error_rate([SURE], [SURE], [set()]) == 0
    assert alignment_error_rate([{(5, 5)}], [SURE], [POSSIBLE]) == 1
    assert alignment_error_rate([set()], [SURE], [POSSIBLE]) == 1


def test_links_of_all_sentences_are_counted_together():
    # A mean over sentences would weigh a sentence of one link as much as one of nine: (0 + 1) / 2.
    nine = {(i, i) for i in range(9)}
    assert alignment_error_rate([nine, {(0, 1)}], [nine, {(0, 0)}], [set(), set()]) == pytest.approx(0.1)


def test_alignments_of_different_numbers_of_sentences_are_refused():
    with pytest.raises(ValueError, match="same sentences, got 2, 1, 1"):
        alignment_error_rate([PREDICTED, PREDICTED], [SURE], [POSSIBLE])


def test_alignment_error_rate_without_links_is_refused():
    with pytest.raises(ValueError, match="there is none"):
        alignment_error_rate([set()], [set()], [POSSIBLE])


def test_precision_and_recall_by_hand():
    # Two of three predicted links are possible, one of two sure ones is found.
    expected = {"precision": 2 / 3, "recall": 1 / 2}
    assert link_scores([PREDICTED], [SURE], [POSSIBLE]) == pytest.approx(expected)
    assert link_scores([set()], [SURE], [POSSIBLE]) == {"precision": 0, "recall": 0}


def test_where_every_link_is_sure_the_error_rate_is_one_less_the_harmonic_mean_of_precision_and_recall():
    # Och and Ney (2003): with S = P the error rate is 1 - F1.
    scores = link_scores([PREDICTED], [SURE | POSSIBLE], [set()])
    harmonic = 2 / (1 / scores["precision"] + 1 / scores["recall"])
    assert alignment_error_rate([PREDICTED], [SURE | POSSIBLE], [set()]) == pytest.approx(1 - harmonic)


def test_every_method_has_its_own_row_in_per_cent():
    gold = [GoldPair(list("abc"), list("xyz"), SURE, SURE | POSSIBLE)]
    table = links_against_gold({"none": [set()], "wordot": [PREDICTED]}, gold)
    assert table.loc["none"].to_dict() == {"error rate": 100, "precision": 0, "recall": 0}
    assert table.loc["wordot"].to_dict() == pytest.approx({"error rate": 40, "precision": 200 / 3, "recall": 50})


# What changes

DAS_BROT = GoldPair(["das", "Brot"], ["the", "bread"], {(0, 0), (1, 1)}, {(0, 0), (1, 1)})


def test_links_are_won_and_lost_by_their_words():
    won, lost = link_changes([DAS_BROT], before=[{(0, 0), (0, 1)}], after=[{(1, 1), (1, 0)}])
    assert won == {("Brot", "bread"): 1} and lost == {("das", "the"): 1}


def test_words_that_change_most_often_come_first_and_the_baseline_has_no_row():
    gold = [DAS_BROT, DAS_BROT, DAS_BROT]
    links = {"none": [set(), set(), {(0, 0)}], "wordot": [{(0, 0), (1, 1)}, {(1, 1)}, set()]}
    table = changed_words(links, gold)
    assert table["number"].to_dict() == {("wordot", "won"): 3, ("wordot", "lost"): 1}
    assert table["most often"].tolist() == ["Brot–bread (2), das–the (1)", "das–the (1)"]
    assert changed_words(links, gold, shown=1)["most often"].iloc[0] == "Brot–bread (2)"
    assert changed_words({"none": links["none"]}, gold).empty


def test_sentence_errors_stand_at_the_places_of_their_pairs():
    # A pair without a sure link has no error rate; what follows it once moved up by one.
    unmarked = GoldPair(["ach"], ["oh"], set(), {(0, 0)})
    links = {"none": [{(0, 0)}, set()], "wordot": [{(0, 0)}, {(0, 0), (1, 1)}]}
    errors = sentence_errors(links, [unmarked, DAS_BROT])
    pd.testing.assert_frame_equal(errors, pd.DataFrame({"none": [100.0], "wordot": [0.0]}, index=[1]))


def test_sentences_are_counted_as_better_or_worse_than_the_baseline_by_a_lower_error_rate():
    errors = pd.DataFrame({"none": [50.0, 20, 0, 0], "wordot": [0.0, 10, 0, 30], "l2": [50.0, 20, 0, 0]})
    counts = better_and_worse(errors)
    assert counts.loc["wordot"].to_dict() == {"better": 2, "same": 1, "worse": 1}
    assert counts.loc["l2"].to_dict() == {"better": 0, "same": 4, "worse": 0}
    assert "none" not in counts.index and np.all(counts.sum(axis=1) == len(errors))


def test_words_without_partner_are_counted_on_both_sides():
    # Source word 2 and pivot word 0 have no gold link; 2 and 1 are left alone: one of three words is right, and found.
    gold = GoldPair(["a", "b", "c"], ["x", "y", "z"], {(0, 1)}, {(1, 2)})
    right, both = null_counts([{(0, 0), (1, 2)}, set()], [gold, GoldPair(["a"], ["x"], {(0, 0)}, set())])
    assert right.tolist() == [2, 0]  # twice word 2 of the source
    assert both.tolist() == [2 + 2, 2 + 0]
