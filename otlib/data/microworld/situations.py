"""What is said: situations, made of concepts.

A situation is one clause: a verb concept with its subject, object, recipient, place, time, tense, polarity
and modal. Every language (``en.py`` with ``en.tsv``, ...) turns the same clause into words; nothing here
knows any language.
"""

from __future__ import annotations

from typing import NamedTuple


class Thing(NamedTuple):
    """A noun phrase. Names take no number, no adjective. ``count`` (2 to 5) implies plural."""

    concept: str
    plural: bool = False
    definite: bool = True
    adjectives: tuple[str, ...] = ()  # at most one in practice
    count: int | None = None

    @property
    def several(self) -> bool:
        """Whether the noun is in the plural."""
        return self.plural or self.count is not None


class Clause(NamedTuple):
    """One situation. ``pronoun`` replaces the subject by he, she or they, dropped in some languages."""

    verb: str
    subject: Thing
    object: Thing | None = None
    recipient: Thing | None = None
    place: str | None = None
    time: str | None = None
    tense: str = "present"  # or "past"; with a modal: always present
    negated: bool = False
    modal: str | None = None
    pronoun: bool = False
    front: str | None = None  # "place" or "time": said first ("In the evening the boy reads."); not in questions
    reason: Clause | None = None  # "..., because <clause>" (German: verb-final)
