"""A reader's answer is told what is off, and never the answer."""

import pytest
import torch

from otlib.study.exercises import check


@pytest.mark.parametrize(
    ("given", "right", "said"),
    [
        (None, 3, "no answer yet"),
        (" Apple", "apple", "right"),
        ("juice", "apple", "it is not 'juice'"),
        (3, "apple", "a text in quotes, not 3"),
        (True, True, "right"),
        (True, False, "it is not True"),
        (1, True, "True or False, not 1"),
        ({"a", "b"}, {"b", "a"}, "right"),
        ({"a", "x"}, {"b", "a"}, "wrong in it: x; not in it: 1 more"),
        ("a", {"a"}, "a set of 1, not 'a'"),
        (3, {"a"}, "a set of 1, not 3"),
        ([[0, 1]], {(0, 1)}, "a set of 1, not [[0, 1]]"),
        (0.0334, 1 / 30, "right"),
        (3.34, 1 / 30, "100 times too large"),
        (0.5, 1.0, "2 times too small"),
        (0.7, 1.0, "it is too small"),
        (-1.0, 1.0, "its sign is wrong"),
        (float("nan"), 1.0, "not finite"),
        ("x", 1.0, "made of numbers, not 'x'"),
        (0.01, 0.0, "right"),
        ([0.25, 4, 1], [0.25, 4.0, 1.0], "right"),
        ([0.25, 4, 2], [0.25, 4.0, 1.0], "1 of its 3 numbers are off, number 3 first"),
        (torch.eye(2)[:, :1], torch.eye(2)[:1], "its shape is (2, 1) and should be (1, 2); rows and columns are ex"),
        (torch.eye(2), torch.eye(2), "right"),
        (torch.eye(2, requires_grad=True), torch.eye(2), "right"),
        pytest.param(10**400, 1.0, "made of numbers", id="huge"),
        (["a", 2.0], ["a", 4.0], "part 2: it is 2 times too small"),
        (["a", None], ["a", 4.0], "part 2: nothing there"),
        ("a", ["a", 4.0], "the answer has 2 parts, yours is 'a'"),
    ],
)
def test_what_is_off_is_said(capsys, given, right, said):
    assert check(given, right, hint="Look again.") is (said == "right")
    out = capsys.readouterr().out
    assert said in out and out.count("\n") == 1
    assert ("Look again." in out) is (said not in ("right", "no answer yet"))


def test_what_is_right_is_not_given_away(capsys):
    check(17.0, 31.4)
    check(["x"] * 2, ["secret", "hidden"])
    out = capsys.readouterr().out
    assert "31" not in out and "secret" not in out


def test_an_answer_has_a_name_and_may_be_off_in_its_own_unit(capsys):
    assert check(3.04, 3, name="gain", tolerance=0, leeway=0.05)
    assert not check(3.06, 3, name="gain", tolerance=0, leeway=0.05, hint="Less none.")
    assert capsys.readouterr().out == "gain: right\ngain: not yet: it is too large. Less none.\n"
