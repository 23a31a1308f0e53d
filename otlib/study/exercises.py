"""Checks of a reader's answers, which say what is off and not what is right."""

from __future__ import annotations

from typing import Any


def check(name: str, value: Any, truth: Any, *, within: float = 0.0, hint: str = "") -> bool:
    """Whether an answer is right; prints that, or what is off, with the ``hint``.

    Parameters
    ----------
    name : str
        What was asked.
    value
        The answer; None if there is none yet.
    truth
        A number, a set of links, or anything that can be compared.
    within : float
        How far a number may be off, in its own unit.

    Examples
    --------
    >>> check("mass on gold links", 0.62, 61.7, within=1, hint="In per cent.")
    mass on gold links: too small by 61.1. In per cent.
    False
    >>> check("links", {(0, 0), (1, 2)}, {(0, 0), (1, 1), (2, 2)})
    links: 2 are missing, and (1, 2) is none
    False
    """
    if value is None:
        print(f"{name}: no answer yet")
        return False
    fault = _fault(value, truth, within)
    print(f"{name}: {fault or 'right'}" + (f". {hint}" if fault and hint else ""))
    return not fault


def _fault(value: Any, truth: Any, within: float) -> str:
    if isinstance(truth, (set, frozenset)):
        if not isinstance(value, (set, frozenset)):
            return f"{value!r} is no set, such as {{(0, 0), (1, 2)}}"
        missing, wrong = truth - value, sorted(value - truth, key=str)
        parts = [f"{len(missing)} are missing"] * bool(missing)
        parts += [f"{', '.join(map(str, wrong))} {'is' if len(wrong) == 1 else 'are'} none"] * bool(wrong)
        return ", and ".join(parts)
    if isinstance(truth, (int, float)) and not isinstance(truth, bool):
        try:
            off = float(value) - truth
        except (TypeError, ValueError):
            return f"{value!r} is no number"
        return "" if abs(off) <= within else f"too {'large' if off > 0 else 'small'} by {abs(off):.3g}"
    return "" if value == truth else f"it is not {value!r}"
