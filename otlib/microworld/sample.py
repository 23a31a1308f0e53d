"""Random situations that make sense: who does what to what, where and when."""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import replace

from otlib.microworld.situations import (
    ADJECTIVES,
    CATEGORIES,
    GAMES,
    HYPERNYMS,
    MASS,
    NAMES,
    NUMBERS,
    PLACES,
    SPECIAL_CATEGORIES,
    TIMES,
    VERBS,
    Clause,
    Thing,
)

# Three times as frequent as the rest: common things are common.
COMMON = {
    "eat", "drink", "read", "buy", "sell", "see", "give", "carry", "wash", "find", "sleep",
    "man", "woman", "child", "boy", "girl", "friend", "mother", "father", "teacher", "doctor", "dog", "cat",
    "horse",
    "apple", "bread", "cake", "egg", "water", "milk", "coffee", "coat", "shirt", "table", "chair", "car",
    "bus",
    "guitar", "book", "letter_mail", "song", "door", "window", "key", "rose", "knife", "word",
    "garden", "school", "kitchen", "market", "house", "today", "yesterday", "morning", "evening",
    "old", "young", "new", "big", "small", "red",
}  # fmt: skip
STATES = {"know_person", "know_thing", "love", "hate", "match_fit"}  # nowhere and never in particular
PLACES_OF = {
    "swim": ("beach", "bank_river"),
    "cook": ("kitchen", "house", "garden", "hospital", "school"),
    "bake": ("kitchen", "house", "village", "school"),
    "buy": ("market", "city", "village", "street", "station"),
    "sell": ("market", "city", "village", "street", "station"),
    "drive": ("city", "village", "street", "forest", "beach"),
    "get_up": ("house", "hospital", "garden", "forest"),
    "arrive": ("school", "market", "village", "city", "park", "station", "hospital", "beach"),
    "depart": (),  # a place would be read as where one leaves for
}
NO_DETAIL = {*NAMES, *MASS, *GAMES}  # no adjective, no plural, no number
CATEGORY_OF = {concept: category for category, concepts in CATEGORIES.items() for concept in concepts}
_GENERAL = {"name": "person", "motor": "vehicle", "drink": "drink_noun"} | {
    category: category for category in HYPERNYMS if category in CATEGORIES
}


def members(category: str) -> tuple[str, ...]:
    """Concepts of a category of a verb's frame."""
    return CATEGORIES[category] if category in CATEGORIES else SPECIAL_CATEGORIES[category]


def places(verb: str) -> tuple[str, ...]:
    """Where people do this."""
    return () if verb in STATES else PLACES_OF.get(verb, PLACES)


def adjectives(concept: str) -> tuple[str, ...]:
    """Adjectives that suit a concept."""
    return () if concept in NO_DETAIL else _suiting(CATEGORY_OF.get(concept))


@functools.cache
def _suiting(category: str | None) -> tuple[str, ...]:
    return tuple(adjective for adjective, categories in ADJECTIVES.items() if category in categories)


@functools.cache
def _urn(options: tuple[str, ...]) -> tuple[str, ...]:
    """The options, as often as they should be drawn; of the categories, persons twice."""
    return tuple(o for o in options for _ in range(3 if o in COMMON else 2 if o == "person" else 1))


def deniable(clause: Clause) -> bool:
    """Whether the negation means one thing: "does not eat three apples" may mean that it were two."""
    return clause.object is None or clause.object.count is None


class Sampler:
    """Draws clauses from a random generator; probabilities are chosen for short, natural sentences."""

    def __init__(self, rng: random.Random):
        self.rng = rng

    def pick(self, options: Sequence[str]) -> str:
        """One concept, common ones first."""
        return self.rng.choice(_urn(tuple(options)))

    def clause(
        self,
        *,
        verb: str | None = None,
        avoid: frozenset[str] = frozenset(),
        plain: bool = False,
        detail: float = 1.0,
        general: float = 0.05,
    ) -> Clause:
        """A random clause.

        ``avoid`` names concepts not to use; ``plain`` asks for no negation, modal, pronoun or reason;
        ``detail`` scales the chance of adjectives, plurals and numbers; ``general`` is the chance of a
        hypernym as subject or object.
        """
        rng = self.rng
        verb = verb or self.pick(tuple(VERBS))
        frame = VERBS[verb]
        used = set(avoid)
        role = self._general_role(verb) if rng.random() < general else ""
        subject = self._thing(frame.subject, used, definite=0.85, detail=detail, general=role == "subject")
        recipient, obj = None, None
        if frame.recipient:
            recipient = self._thing(frame.recipient, used, definite=0.85, detail=0.4 * detail)
        if frame.object:
            obj = self._thing(frame.object, used, definite=0.55, detail=detail, general=role == "object")
        place = self._place(verb) if rng.random() < (0.3 if recipient else 0.5) else None
        time = self._time(verb) if rng.random() < (0.3 if place else 0.45) else None
        clause = Clause(verb, subject, obj, recipient, place, time, tense=self._tense(time))
        return clause if plain else self._varied(clause)

    def adjective(self, concept: str) -> str | None:
        """An adjective that suits a concept, or None."""
        fitting = adjectives(concept)
        return self.pick(fitting) if fitting else None

    def _varied(self, clause: Clause) -> Clause:
        """Now and then a negation, a modal, a pronoun or a reason."""
        roll = self.rng.random()
        if roll < 0.06:
            return replace(clause, negated=deniable(clause))
        if roll < 0.15 and clause.time != "yesterday" and clause.verb not in STATES:
            return replace(clause, modal=self.rng.choice(("must", "can", "want")), tense="present")
        if roll < 0.22 and clause.subject.concept not in HYPERNYMS:
            return replace(clause, pronoun=True)
        if roll < 0.27:
            return replace(clause, place=None, time=None, reason=self._reason(clause.subject))
        return clause

    def _general_role(self, verb: str) -> str:
        """Subject or object, where there is a hypernym for it; nobody drinks a drink."""
        frame = VERBS[verb]
        able = verb != "drink" and any(category in _GENERAL for category in frame.object)
        return self.rng.choice(("subject", "object")) if able else "subject"

    def _thing(self, categories, used: set[str], *, definite: float, detail: float, general=False) -> Thing:
        rng = self.rng
        for _ in range(50):
            category = self.pick(categories)
            concept = self.pick(members(category))
            if concept not in used:
                break
        used.add(concept)
        if general and category in _GENERAL:
            return Thing(_GENERAL[category], plural=rng.random() < 0.15, definite=False)
        if concept in NO_DETAIL:
            return Thing(concept)
        roll = rng.random()
        count = rng.choice(NUMBERS) if roll < 0.1 * detail else None
        plural = count is not None or roll < 0.22 * detail
        adjective = self.adjective(concept) if rng.random() < 0.35 * detail else None
        is_definite = count is None and rng.random() < definite
        return Thing(concept, plural, is_definite, (adjective,) if adjective else (), count)

    def _place(self, verb: str) -> str | None:
        options = places(verb)
        return self.pick(options) if options else None

    def _time(self, verb: str) -> str | None:
        return None if verb in STATES else self.pick(TIMES)

    def _tense(self, time: str | None) -> str:
        if time == "yesterday":
            return "past"
        return "past" if time != "today" and self.rng.random() < 0.35 else "present"

    def _reason(self, subject: Thing) -> Clause:
        verb = self.rng.choice(("sleep", "work", "wait", "laugh", "cry", "dance", "run"))
        other = self._thing(("person",), {subject.concept}, definite=1.0, detail=0.3)
        return Clause(verb, other, tense=self.rng.choice(("present", "past")))
