"""Hard alignments and confidences, by hand and on plans."""

import pytest
import torch

from otlib.transport import transport_plan
from otlib.transport.links import itermax, link_confidence, mutual_argmax, pair_confidence, threshold, without_partner


def test_mutual_argmax_keeps_what_both_sides_choose():
    # Row 1 prefers column 0, which prefers row 0; column 2 is nobody's choice.
    matrix = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.3, 0.1], [0.0, 0.7, 0.1]])
    assert mutual_argmax(matrix) == {(0, 0), (2, 1)}


def test_itermax_gives_a_left_over_word_the_partner_of_another():
    # "aujourd' hui" is "today": the second word of one is best, the first has no other partner.
    matrix = torch.tensor([[0.6, 0.1], [0.9, 0.2], [0.1, 0.8]])
    assert mutual_argmax(matrix) == itermax(matrix, rounds=1) == {(1, 0), (2, 1)}
    assert itermax(matrix) == {(0, 0), (1, 0), (2, 1)}


def test_itermax_discounts_second_partners_and_links_nothing_without_similarity():
    matrix = torch.tensor([[0.9, 0.8], [0.85, 0.7]])
    assert itermax(matrix) == {(0, 0), (0, 1), (1, 0)}
    assert itermax(matrix, discount=0.5) == {(0, 0), (1, 1)}
    assert itermax(torch.tensor([[0.9, 0.0], [0.0, 0.0]]), rounds=3) == {(0, 0)}


def test_confidence_is_one_for_a_permutation_and_least_for_the_product():
    order = torch.tensor([2, 0, 1])
    sure = torch.eye(3)[order] / 3
    spread = torch.full((3, 4), 1 / 12)
    torch.testing.assert_close(link_confidence(sure), 3 * sure)
    torch.testing.assert_close(pair_confidence(sure), torch.tensor(1.0))
    torch.testing.assert_close(pair_confidence(spread), torch.tensor(12**-0.5))
    assert threshold(sure) == {(i, int(j)) for i, j in enumerate(order)}
    assert threshold(spread) == set()


def test_a_word_that_has_two_partners_keeps_both_by_threshold():
    plan = torch.tensor([[1 / 3, 0.0, 1 / 6], [0.0, 1 / 3, 1 / 6]])
    assert threshold(plan) == {(0, 0), (0, 2), (1, 1), (1, 2)}
    assert mutual_argmax(plan) == {(0, 0), (1, 1)}


def test_translations_are_surer_than_strangers_and_padding_is_nothing():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 6, 16, generator=generator)
    y = torch.stack([x[0, [3, 1, 0, 2, 4, 5]] + 0.1, torch.randn(6, 16, generator=generator)])
    mask = torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    plan = transport_plan(x, y, mask, mask)
    translated, strange = pair_confidence(plan)
    assert translated > 0.99 > strange
    assert (link_confidence(plan)[1, 4:] == 0).all() and pair_confidence(torch.zeros(3, 4)) == 0


def test_an_empty_matrix_has_no_links_and_what_is_no_matrix_of_similarities_is_refused():
    for shape in ((0, 3), (3, 0), (0, 0)):
        assert (
            mutual_argmax(torch.zeros(shape)) == itermax(torch.zeros(shape)) == threshold(torch.zeros(shape)) == set()
        )
    for matrix in (torch.tensor([[0.5, torch.nan]]), torch.zeros(2, 2, 2), torch.zeros(2), torch.eye(2) > 0, [[0.5]]):
        for links in (mutual_argmax, itermax, threshold):
            with pytest.raises(ValueError, match=r"links need a tensor \(n, m\) of numbers"):
                links(matrix)
    for links in (itermax, threshold):
        with pytest.raises(ValueError, match="not negative here, got -0.1"):
            links(torch.tensor([[0.5, -0.1]]))
    for share in (0.0, 1.5, torch.nan):
        with pytest.raises(ValueError, match="share must be above 0 and at most 1"):
            threshold(torch.eye(2), share)


def test_a_word_is_without_partner_where_it_sends_less_than_half_its_share():
    plan = torch.tensor([[0.24, 0.0, 0.0], [0.0, 0.5, 0.15]])  # a share is 1/2 of a row, 1/3 of a column
    rows, columns = without_partner(plan)
    assert rows.tolist() == [True, False] and columns.tolist() == [False, False, True]
    assert without_partner(plan, share=0.4)[0].tolist() == [False, False]


def test_unbalanced_transport_leaves_the_word_that_is_far_from_all_without_partner():
    x = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [9.0, 9.0]]])
    y = torch.tensor([[[0.1, 0.0], [1.1, 0.0]]])
    assert not any(side.any() for side in without_partner(transport_plan(x, y)[0]))
    assert without_partner(transport_plan(x, y, unbalanced=0.1)[0])[0].tolist() == [False, False, True]
