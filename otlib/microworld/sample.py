"""Random situations that make sense: who does what to what, where and when."""

from __future__ import annotations

import random
from dataclasses import replace

from otlib.microworld.situations import (
    ADJECTIVES,
    CATEGORIES,
    GAMES,
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

COMMON_VERBS = {
    "eat": 3,
    "drink": 2,
    "read": 2,
    "buy": 3,
    "sell": 2,
    "see": 3,
    "give": 3,
    "carry": 2,
    "wash": 2,
}
WATER_PLACES = ("beach", "bank_river")
TIMELESS = {
    "know_person",
    "know_thing",
    "love",
    "hate",
    "match_fit",
}  # states: nowhere and never in particular


def members(category: str) -> tuple[str, ...]:
    """Concepts of a category of a verb's frame."""
    return CATEGORIES[category] if category in CATEGORIES else SPECIAL_CATEGORIES[category]


CATEGORY_OF = {concept: category for category, concepts in CATEGORIES.items() for concept in concepts}
NO_DETAIL = {*NAMES, *MASS, *GAMES}  # no adjective, no plural, no number


class Sampler:
    """Draws clauses from a random generator; probabilities are chosen for short, natural sentences."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self._verbs = list(VERBS)
        self._weights = [COMMON_VERBS.get(verb, 1) for verb in VERBS]

    def clause(
        self, *, verb: str | None = None, avoid: frozenset[str] = frozenset(), plain: bool = False
    ) -> Clause:
        """A random clause; ``avoid`` names concepts not to use, ``plain`` asks for no negation, modal, pronoun, reason."""
        rng = self.rng
        verb = verb or rng.choices(self._verbs, self._weights)[0]
        frame = VERBS[verb]
        used = set(avoid)
        subject = self._thing(frame.subject, used, definite=0.85)
        recipient = self._thing(frame.recipient, used, definite=0.85, detail=0.4) if frame.recipient else None
        obj = self._thing(frame.object, used, definite=0.55) if frame.object else None
        state = verb in TIMELESS
        somewhere = not state and verb != "depart"  # a place would be read as where one leaves for
        place = self._place(verb) if somewhere and rng.random() < (0.3 if recipient else 0.5) else None
        time = rng.choice(TIMES) if not state and rng.random() < (0.3 if place else 0.45) else None
        clause = Clause(verb, subject, obj, recipient, place, time, tense=self._tense(time))
        if plain:
            return clause
        roll = rng.random()
        if roll < 0.06:
            return replace(clause, negated=True)
        if roll < 0.15 and time != "yesterday" and not state:
            return replace(clause, modal=rng.choice(("must", "can", "want")), tense="present")
        if roll < 0.22:
            return replace(clause, pronoun=True)
        if roll < 0.27:
            return replace(clause, place=None, time=None, reason=self._reason(subject))
        return clause

    def category(self, categories: tuple[str, ...]) -> str:
        """One category, common nouns before names."""
        weights = [2 if category == "person" else 1 for category in categories]
        return self.rng.choices(categories, weights)[0]

    def adjective(self, concept: str) -> str | None:
        """An adjective that suits a concept, or None."""
        fitting = [a for a, categories in ADJECTIVES.items() if CATEGORY_OF.get(concept) in categories]
        return self.rng.choice(fitting) if fitting and concept not in NO_DETAIL else None

    def place(self, verb: str) -> str:
        return self._place(verb)

    def _thing(self, categories, used: set[str], *, definite: float, detail: float = 1.0) -> Thing:
        rng = self.rng
        for _ in range(50):
            concept = rng.choice(members(self.category(categories)))
            if concept not in used:
                break
        used.add(concept)
        if concept in NO_DETAIL:
            return Thing(concept)
        roll = rng.random()
        count = rng.choice(NUMBERS) if roll < 0.1 * detail else None
        plural = count is not None or roll < 0.22 * detail
        adjective = self.adjective(concept) if rng.random() < 0.35 * detail else None
        is_definite = count is None and rng.random() < definite
        return Thing(concept, plural, is_definite, (adjective,) if adjective else (), count)

    def _place(self, verb: str) -> str:
        if verb == "swim":
            return self.rng.choice(WATER_PLACES)
        return self.rng.choice(PLACES)

    def _tense(self, time: str | None) -> str:
        if time == "yesterday":
            return "past"
        return "past" if time != "today" and self.rng.random() < 0.35 else "present"

    def _reason(self, subject: Thing) -> Clause:
        verb = self.rng.choice(("sleep", "work", "wait", "laugh", "cry", "dance", "run"))
        other = self._thing(("person",), {subject.concept}, definite=1.0, detail=0.3)
        return Clause(verb, other, tense=self.rng.choice(("present", "past")))
