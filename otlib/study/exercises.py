"""Exercises in notebooks: a reader's answer is compared with the right one, and told what is off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

BLANK = "no answer yet: put yours in the place of None"


def check(
    given: Any, right: Any, *, name: str = "", tolerance: float = 0.02, leeway: float = 0.0, hint: str = ""
) -> bool:
    """Print whether an answer is right, and if not, what is off, without giving the answer away.

    Parameters
    ----------
    given
        The reader's; ``None`` is none yet.
    right
        What it should be: a text (its case does not count), true or false, a set, a number, an array of numbers, also
        a tensor, or a sequence of such parts, each of which is judged.
    name : str
        What was asked, printed first: of several answers in one cell.
    tolerance, leeway : float
        How far numbers may be off: as a share of the largest right one, and in their own unit, where that allows more.
    hint : str
        Printed after what is off.

    Returns
    -------
    bool
        Whether it is right.

    Examples
    --------
    >>> check(None, 3)
    no answer yet: put yours in the place of None
    False
    >>> check(25, 0.25, hint="All words together weigh 1.")
    not yet: it is 100 times too large. All words together weigh 1.
    False
    >>> check([0.25, "apple"], [0.25, "Apple"])
    right
    True
    """
    off = BLANK if given is None else _off(given, right, tolerance, leeway)
    said = off if off == BLANK else f"not yet: {off}. {hint}".rstrip() if off else "right"
    print(f"{name}: {said}" if name else said)
    return not off


def _off(given: Any, right: Any, *room: float) -> str:
    """What is off; empty if nothing is."""
    if isinstance(right, bool | str):
        if not isinstance(given, type(right)):
            wanted = "True or False" if isinstance(right, bool) else "a text in quotes"
            return f"the answer is {wanted}, not {given!r}"
        same = given == right if isinstance(right, bool) else given.strip().casefold() == right.casefold()
        return "" if same else f"it is not {given!r}"
    if isinstance(right, set):
        return _off_members(given, right)
    if isinstance(right, Sequence) and any(isinstance(part, bool | str | set | Sequence) for part in right):
        return _off_parts(given, right, *room)
    return _off_numbers(given, right, *room)


def _off_members(given: Any, right: set) -> str:
    try:
        mine = dict.fromkeys(given)
    except TypeError:  # a number, or a list of lists: [0, 1] for (0, 1)
        mine = None
    if mine is None or isinstance(given, str):
        return f"the answer is a set of {len(right)}, not {given!r}"
    extra, missing = [one for one in mine if one not in right], len(right - mine.keys())
    said = [f"wrong in it: {', '.join(map(str, extra))}"] * bool(extra) + [f"not in it: {missing} more"] * bool(missing)
    return "; ".join(said)


def _off_parts(given: Any, right: Sequence, *room: float) -> str:
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) != len(right):
        return f"the answer has {len(right)} parts, yours is {given!r}"
    for number, (mine, true) in enumerate(zip(given, right, strict=True), 1):
        if off := "nothing there" if mine is None else _off(mine, true, *room):
            return f"part {number}: {off}"
    return ""


def _off_numbers(given: Any, right: Any, tolerance: float, leeway: float) -> str:
    given = given.detach() if hasattr(given, "detach") else given  # a tensor in training
    try:
        mine, true = np.asarray(given, dtype=float), np.asarray(right, dtype=float)
    except (TypeError, ValueError, OverflowError):
        return f"the answer is made of numbers, not {given!r}"
    if mine.shape != true.shape:
        turned = "; rows and columns are exchanged" if mine.shape == true.shape[::-1] else ""
        return f"its shape is {mine.shape} and should be {true.shape}{turned}"
    if not np.isfinite(mine).all():
        return "it is not finite"
    room = max(tolerance * (np.abs(true).max(initial=0) or 1), leeway)
    wrong = np.abs(mine - true) > room
    if not wrong.any():
        return ""
    if (np.abs(mine + true) <= room).all():
        return "its sign is wrong"
    for factor in (2, 10, 100):  # a half forgotten, per cent
        for times, how in ((factor, "large"), (1 / factor, "small")):
            if (np.abs(mine / times - true) <= room).all():
                return f"it is {factor} times too {how}"
    if true.ndim == 0:
        return f"it is too {'large' if mine > true else 'small'}"
    return f"{wrong.sum()} of its {true.size} numbers are off, number {int(wrong.argmax()) + 1} first"
