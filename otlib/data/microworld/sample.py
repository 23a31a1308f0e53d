"""Random situations that make sense: who does what to what, where and when."""

import functools
import random
from collections.abc import Sequence

from otlib.data.microworld.concepts import (
    ADJECTIVES,
    CATEGORIES,
    COMMON,
    GAMES,
    GENERAL,
    HYPERNYMS,
    MASS,
    MEMBERS,
    MODALS,
    NAMES,
    NUMBERS,
    PLACES,
    PLACES_OF,
    STATES,
    TIMES,
    VERBS,
)
from otlib.data.microworld.situations import Clause, Thing

NO_DETAIL = {*NAMES, *MASS, *GAMES}  # no adjective, no plural, no number
_CATEGORY_OF = {concept: category for category, concepts in CATEGORIES.items() for concept in concepts}


def places(verb: str) -> tuple[str, ...]:
    """Where people do this."""
    return () if verb in STATES else PLACES_OF.get(verb, PLACES)


def adjectives(concept: str) -> tuple[str, ...]:
    """Adjectives that suit a concept."""
    return () if concept in NO_DETAIL else _suiting(_CATEGORY_OF.get(concept))


@functools.cache
def _suiting(category: str | None) -> tuple[str, ...]:
    return tuple(adjective for adjective, categories in ADJECTIVES.items() if category in categories)


@functools.cache
def _weighted(options: tuple[str, ...]) -> tuple[str, ...]:
    """Each option as many times as it counts in a draw: common concepts three times, the category of persons twice.

    A category that bears the name of a common concept (``drink``, ``small``, ``song``) is drawn like it.
    """
    return tuple(o for o in options for _ in range(3 if o in COMMON else 2 if o == "person" else 1))


def deniable(clause: Clause) -> bool:
    """Whether a negation is clear; "does not eat three apples" is not, since it may be two that are eaten."""
    return clause.object is None or clause.object.count is None


class Sampler:
    """Draws clauses from a random generator; probabilities are chosen for short, natural sentences."""

    def __init__(self, rng: random.Random):
        self.rng = rng

    def pick(self, options: Sequence[str]) -> str:
        """One of the options; common concepts are drawn more often."""
        return self.rng.choice(_weighted(tuple(options)))

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
        where = places(verb)
        place = self.pick(where) if rng.random() < (0.3 if recipient else 0.5) and where else None
        time = self.pick(TIMES) if rng.random() < (0.3 if place else 0.45) and verb not in STATES else None
        clause = Clause(
            verb, subject, obj, recipient, place, time, tense=self._tense(time), front=self.front(place, time)
        )
        return clause if plain else self._varied(clause)

    def front(self, place: str | None, time: str | None) -> str | None:
        """Which of them is said first, if any is there: two clauses in five begin with it."""
        said = [role for role, concept in (("place", place), ("time", time)) if concept]
        return self.rng.choice(said) if said and self.rng.random() < 0.4 else None

    def adjective(self, concept: str) -> str | None:
        """An adjective that suits a concept, or None."""
        fitting = adjectives(concept)
        return self.pick(fitting) if fitting else None

    def _varied(self, clause: Clause) -> Clause:
        """Now and then a negation, a modal, a pronoun or a reason."""
        roll = self.rng.random()
        if roll < 0.06:
            return clause._replace(negated=deniable(clause))
        if roll < 0.15 and clause.time != "yesterday" and clause.verb not in STATES:
            return clause._replace(modal=self.rng.choice(MODALS), tense="present")
        if roll < 0.22 and clause.subject.concept not in HYPERNYMS:
            return clause._replace(pronoun=True)
        if roll < 0.27:
            return clause._replace(place=None, time=None, front=None, reason=self._reason(clause.subject))
        return clause

    def _general_role(self, verb: str) -> str:
        """Which part becomes a hypernym: the object only if it has one, and not in "drinks a drink"."""
        frame = VERBS[verb]
        able = verb != "drink" and any(category in GENERAL for category in frame.object)
        return self.rng.choice(("subject", "object")) if able else "subject"

    def _thing(self, categories, used: set[str], *, definite: float, detail: float, general=False) -> Thing:
        rng = self.rng
        for _ in range(50):
            category = self.pick(categories)
            concept = self.pick(MEMBERS[category])
            if concept not in used:
                break
        used.add(concept)
        if general and category in GENERAL:
            return Thing(GENERAL[category], plural=rng.random() < 0.15, definite=False)
        if concept in NO_DETAIL:
            return Thing(concept)
        roll = rng.random()
        count = rng.choice(NUMBERS) if roll < 0.1 * detail else None
        plural = count is not None or roll < 0.22 * detail
        adjective = self.adjective(concept) if rng.random() < 0.35 * detail else None
        is_definite = count is None and rng.random() < definite
        return Thing(concept, plural, is_definite, (adjective,) if adjective else (), count)

    def _tense(self, time: str | None) -> str:
        if time == "yesterday":
            return "past"
        return "past" if time != "today" and self.rng.random() < 0.35 else "present"

    def _reason(self, subject: Thing) -> Clause:
        verb = self.rng.choice(("sleep", "work", "wait", "laugh", "cry", "dance", "run"))
        other = self._thing(("person",), {subject.concept}, definite=1.0, detail=0.3)
        return Clause(verb, other, tense=self.rng.choice(("present", "past")))
