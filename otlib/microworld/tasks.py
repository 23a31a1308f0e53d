"""Inference and question answering about situations: the items that every language renders."""

from __future__ import annotations

from dataclasses import dataclass, replace

from otlib.microworld.sample import NO_DETAIL, TIMELESS, Sampler, members
from otlib.microworld.situations import (
    ADJECTIVE_ANTONYMS,
    COLOURS,
    HYPERNYMS,
    NUMBERS,
    TIMES,
    VERB_ANTONYMS,
    VERBS,
    Clause,
    Thing,
)

# Share of each type within its label; see README.md of this folder.
TYPES = {
    "entailment": {"drop": 0.42, "hypernym": 0.38, "number": 0.12, "negation": 0.08},
    "neutral": {"add": 0.42, "hyponym": 0.26, "swap": 0.14, "number": 0.10, "negation": 0.08},
    "contradiction": {"substitution": 0.34, "antonym": 0.34, "number": 0.18, "negation": 0.14},
}

_HYPERNYM_OF = {member: hypernym for hypernym, concepts in HYPERNYMS.items() for member in concepts}
_ANTONYMS = {pair[i]: pair[1 - i] for pair in VERB_ANTONYMS for i in (0, 1)}
_OPPOSITES: dict[str, tuple[str, ...]] = {}
for _pair in ADJECTIVE_ANTONYMS:
    for _i in (0, 1):
        _OPPOSITES[_pair[_i]] = (*_OPPOSITES.get(_pair[_i], ()), _pair[1 - _i])
for _colour in COLOURS:
    _OPPOSITES[_colour] = tuple(colour for colour in COLOURS if colour != _colour)


@dataclass(frozen=True)
class Inference:
    """A premise, a hypothesis, what follows, and by which relation."""

    premise: Clause
    hypothesis: Clause
    label: str
    kind: str


@dataclass(frozen=True)
class Question:
    """A paragraph of situations, and which part of which of them is asked for."""

    paragraph: tuple[Clause, ...]
    about: int
    asked: str


# --- inference -------------------------------------------------------------------------------------------------------
def inference(sampler: Sampler, label: str) -> Inference:
    """A random item with this label."""
    kinds = TYPES[label]
    kind = sampler.rng.choices(list(kinds), list(kinds.values()))[0]
    while True:
        premise = sampler.clause(plain=True)
        made = _MAKERS[label, kind](sampler, premise)
        if made is None:
            continue
        premise, hypothesis = made
        if kind != "negation" and sampler.rng.random() < 0.4:
            # A second, harmless change in every label, so that no single change gives the label away.
            hypothesis = _drop(sampler, hypothesis) or hypothesis
        if premise != hypothesis:
            return Inference(premise, hypothesis, label, kind)


def _roles(clause: Clause) -> list[str]:
    return [role for role in ("subject", "object") if getattr(clause, role) is not None]


def _pick(sampler: Sampler, options: list):
    return sampler.rng.choice(options) if options else None


def _drop(sampler: Sampler, clause: Clause) -> Clause | None:
    """Leave out an adjective, the place or the time."""
    options = [replace(clause, **{part: None}) for part in ("place", "time") if getattr(clause, part)]
    for role in _roles(clause):
        thing = getattr(clause, role)
        if thing.adjectives:
            options.append(replace(clause, **{role: replace(thing, adjectives=())}))
    return _pick(sampler, options)


def _dropped(sampler, premise):
    hypothesis = _drop(sampler, premise)
    return hypothesis and (premise, hypothesis)


def _added(sampler, premise):
    """The hypothesis knows more: an adjective, a place or a time."""
    options = []
    state = premise.verb in TIMELESS
    if premise.place is None and not state and premise.verb != "depart":
        options.append(replace(premise, place=sampler.place(premise.verb)))
    if premise.time is None and not state:
        times = [t for t in TIMES if t != ("today" if premise.tense == "past" else "yesterday")]
        options.append(replace(premise, time=sampler.rng.choice(times)))
    for role in _roles(premise):
        thing = getattr(premise, role)
        adjective = None if thing.adjectives else sampler.adjective(thing.concept)
        if adjective:
            options.append(replace(premise, **{role: replace(thing, adjectives=(adjective,))}))
    hypothesis = _pick(sampler, options)
    return hypothesis and (premise, hypothesis)


def _generalised(sampler, premise) -> tuple[Clause, Clause] | None:
    """Clauses that differ in one noun and its hypernym: (special, general)."""
    roles = [role for role in _roles(premise) if getattr(premise, role).concept in _HYPERNYM_OF]
    role = _pick(sampler, roles)
    if role is None or premise.verb == "swim":
        return None
    thing = getattr(premise, role)
    general = Thing(_HYPERNYM_OF[thing.concept], plural=thing.plural, definite=False)
    if general.concept == "drink_noun":
        general = replace(general, plural=False)
    return premise, replace(premise, **{role: general})


def _specialised(sampler, premise):
    made = _generalised(sampler, premise)
    return made and (made[1], made[0])


def _swapped(sampler, premise):
    """Who does it to whom: both must be able to do it."""
    thing = premise.object
    frame = VERBS[premise.verb]
    able = thing is not None and any(thing.concept in members(category) for category in frame.subject)
    if not able or premise.verb == "match_fit":
        return None
    return premise, replace(premise, subject=thing, object=premise.subject)


def _countable(thing: Thing | None) -> bool:
    return thing is not None and thing.concept not in NO_DETAIL and thing.concept not in HYPERNYMS


def _numbered(sampler, premise):
    role = _pick(sampler, [role for role in _roles(premise) if _countable(getattr(premise, role))])
    if role is None:
        return None
    thing = replace(getattr(premise, role), definite=False, plural=True, count=sampler.rng.choice(NUMBERS))
    return role, replace(premise, **{role: thing})


def _number_dropped(sampler, premise):
    made = _numbered(sampler, premise)
    if made is None:
        return None
    role, counted = made
    return counted, replace(counted, **{role: replace(getattr(counted, role), count=None)})


def _number_added(sampler, premise):
    made = _number_dropped(sampler, premise)
    return made and (made[1], made[0])


def _number_changed(sampler, premise):
    made = _numbered(sampler, premise)
    if made is None:
        return None
    role, counted = made
    thing = getattr(counted, role)
    other = sampler.rng.choice([number for number in NUMBERS if number != thing.count])
    return counted, replace(counted, **{role: replace(thing, count=other)})


def _substituted(sampler, premise):
    """Another thing of the same kind in the object's place, or another place or time."""
    options = []
    thing = premise.object
    if thing is not None:
        kinds = [kind for kind in VERBS[premise.verb].object if thing.concept in members(kind)]
        others = [
            c for kind in kinds for c in members(kind) if c not in (thing.concept, premise.subject.concept)
        ]
        bare = {True: [c for c in others if c in NO_DETAIL], False: [c for c in others if c not in NO_DETAIL]}
        same = bare[thing.concept in NO_DETAIL]
        if same:
            adjectives = ()
            options += 3 * [
                replace(
                    premise, object=replace(thing, concept=sampler.rng.choice(same), adjectives=adjectives)
                )
            ]
    if premise.place is not None and premise.verb != "swim":
        others = [place for place in _PLAIN_PLACES if place != premise.place]
        options.append(replace(premise, place=sampler.rng.choice(others)))
    hypothesis = _pick(sampler, options)
    return hypothesis and (premise, hypothesis)


_PLAIN_PLACES = ("garden", "school", "kitchen", "market", "park", "station", "hospital", "forest", "beach")


def _opposite(sampler, premise):
    """An antonym of the verb or of an adjective; another colour."""
    options = []
    if premise.verb in _ANTONYMS:
        options.append(replace(premise, verb=_ANTONYMS[premise.verb]))
        if not _fits(options[-1]):
            options.pop()
    for role in _roles(premise):
        thing = getattr(premise, role)
        for adjective in thing.adjectives:
            for opposite in _OPPOSITES.get(adjective, ()):
                options.append(replace(premise, **{role: replace(thing, adjectives=(opposite,))}))
    hypothesis = _pick(sampler, options)
    return hypothesis and (premise, hypothesis)


def _fits(clause: Clause) -> bool:
    frame = VERBS[clause.verb]
    return all(
        thing is None or any(thing.concept in members(category) for category in categories)
        for thing, categories in ((clause.subject, frame.subject), (clause.object, frame.object))
    )


def _denied(sampler, premise):
    """One of the two is negated."""
    negative = replace(premise, negated=True)
    return (premise, negative) if sampler.rng.random() < 0.5 else (negative, premise)


def _denied_general(sampler, premise):
    """Not any animal, hence no dog; only objects, for a negated subject would be "no person"."""
    thing = premise.object
    if thing is None or thing.concept not in _HYPERNYM_OF or thing.concept in NO_DETAIL:
        return None
    special = replace(premise, negated=True, object=Thing(thing.concept, definite=False))
    general = replace(special, object=Thing(_HYPERNYM_OF[thing.concept], definite=False))
    return general, special


def _denied_special(sampler, premise):
    made = _denied_general(sampler, premise)
    return made and (made[1], made[0])


_MAKERS = {
    ("entailment", "drop"): _dropped,
    ("entailment", "hypernym"): _generalised,
    ("entailment", "number"): _number_dropped,
    ("entailment", "negation"): _denied_general,
    ("neutral", "add"): _added,
    ("neutral", "hyponym"): _specialised,
    ("neutral", "swap"): _swapped,
    ("neutral", "number"): _number_added,
    ("neutral", "negation"): _denied_special,
    ("contradiction", "substitution"): _substituted,
    ("contradiction", "antonym"): _opposite,
    ("contradiction", "number"): _number_changed,
    ("contradiction", "negation"): _denied,
}


# --- questions -------------------------------------------------------------------------------------------------------
def question(sampler: Sampler) -> Question:
    """A random paragraph with a question that exactly one of its constituents answers."""
    rng = sampler.rng
    while True:
        asked_of = sampler.clause(plain=True)
        askable = ["subject"] if asked_of.object or asked_of.place else []
        askable += [part for part in ("object", "place", "time") if getattr(asked_of, part) is not None]
        if not askable or asked_of.verb == "match_fit":
            continue
        others: list[Clause] = []
        seen = set(_concepts(asked_of))
        for _ in range(rng.choice((1, 1, 2))):
            alike = asked_of.object is not None and rng.random() < 0.4
            other = sampler.clause(verb=asked_of.verb if alike else None, avoid=frozenset(seen), plain=True)
            if other.verb != "match_fit" and not seen & set(_concepts(other)):
                others.append(other)
                seen |= set(_concepts(other))
        if not others or any(not other.object and other.verb == asked_of.verb for other in others):
            continue
        paragraph = [*others, asked_of]
        rng.shuffle(paragraph)
        return Question(tuple(paragraph), paragraph.index(asked_of), rng.choice(askable))


def _concepts(clause: Clause) -> list[str]:
    things = [thing.concept for thing in (clause.subject, clause.object, clause.recipient) if thing]
    return [*things, *([clause.place] if clause.place else [])]
