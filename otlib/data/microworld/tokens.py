"""Words with their meaning: sentences are built of them, alignments and answers read off them."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

from otlib.data.text import Links


class Token(NamedTuple):
    """One word with the parts of the situation it expresses.

    Node names: ``subject``, ``subject.det``, ``subject.adj``, ``subject.count``, ``subject.mod`` (modifier of
    a compound); the same below ``object`` and ``recipient`` (plus ``recipient.to``); ``verb``, ``neg``,
    ``modal``, ``place``, ``place.prep``, ``place.det``, ``time``, ``time.prep``, ``time.det``, ``because``,
    ``stop``, ``comma``, ``ask`` (question word); everything inside a reason clause is prefixed ``reason.``.

    ``main``: nodes this word expresses in its own right; ``also``: nodes it only helps to express
    (auxiliaries, linking prepositions, an article that another language writes as a suffix). Two words of a
    sentence pair are a *sure* link if their ``main`` nodes meet, a *possible* one if any of their nodes meet.
    """

    text: str
    main: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    glue: bool = False  # written without a blank before the next word (French l', d', qu')


@functools.cache  # worlds say the same few thousand words millions of times
def word(text: str, main: str = "", also: str = "", *, glue: bool = False) -> Token:
    """A token; ``main`` and ``also`` are node names separated by blanks."""
    return Token(text, frozenset(main.split()), frozenset(also.split()), glue)


def prefixed(tokens: Sequence[Token], prefix: str) -> list[Token]:
    """The same words as parts of a larger text: every node name behind ``prefix``."""
    return [_prefixed(token, prefix) for token in tokens]


@functools.cache
def _prefixed(token: Token, prefix: str) -> Token:
    main, also = (frozenset(prefix + node for node in nodes) for nodes in (token.main, token.also))
    return token._replace(main=main, also=also)


def capitalise(tokens: Sequence[Token]) -> list[Token]:
    """The first letter of the first word as a capital."""
    return [_capital(tokens[0]), *tokens[1:]]


@functools.cache
def _capital(token: Token) -> Token:
    return token._replace(text=token.text[0].upper() + token.text[1:])


def detokenise(tokens: Sequence[Token]) -> str:
    """The sentence as people write it."""
    return "".join(_pieces(tokens)).strip()


def _pieces(tokens: Sequence[Token]) -> list[str]:
    """Each word behind the blank that separates it from the one before, if there is one."""
    glued = [True] + [token.glue for token in tokens[:-1]]
    return [
        token.text if after_glue or token.text in ".,?;" else " " + token.text
        for token, after_glue in zip(tokens, glued, strict=True)
    ]


def links(source: Sequence[Token], pivot: Sequence[Token]) -> tuple[Links, Links]:
    """Gold alignment as (source word, pivot word), counted from 0: sure links, and links that are only possible."""
    sure, possible = set(), set()
    for i, left in enumerate(source):
        for j, right in enumerate(pivot):
            if left.main & right.main:
                sure.add((i, j))
            elif (left.main | left.also) & (right.main | right.also):
                possible.add((i, j))
    return sure, possible


def span(tokens: Sequence[Token], role: str) -> tuple[int, int]:
    """First and last word of a constituent (``subject``, ``object``, ...) of the main clause."""
    inside = [
        i
        for i, token in enumerate(tokens)
        if any(node == role or node.startswith(role + ".") for node in token.main or token.also)
    ]
    if not inside:
        raise ValueError(f"the sentence {detokenise(tokens)!r} has no {role}")
    return inside[0], inside[-1]


def text_span(tokens: Sequence[Token], first: int, last: int) -> tuple[int, str]:
    """Offset of words ``first`` to ``last`` in the written sentence, and their text."""
    pieces = _pieces(tokens)
    start = len("".join(pieces[:first])) + (len(pieces[first]) - len(pieces[first].lstrip()))
    return start, "".join(pieces[first : last + 1]).lstrip()
