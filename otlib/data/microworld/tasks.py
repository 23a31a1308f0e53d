"""Inference and question answering about situations: the items that every language renders."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from otlib.data.microworld.concepts import (
    ADJECTIVE_ANTONYMS,
    COLOURS,
    COMPOUNDS,
    DISTINCT_PLACES,
    HYPERNYMS,
    MEMBERS,
    NUMBERS,
    PERSONS,
    STATES,
    TIMES,
    VERB_ANTONYMS,
    VERBS,
)
from otlib.data.microworld.sample import NO_DETAIL, Sampler, adjectives, deniable, places
from otlib.data.microworld.situations import Clause, Thing

# Weights of the types that a hypothesis allows; README.md here has the shares that result.
TYPES = {
    "entailment": {"drop": 1.0, "hypernym": 5.0, "number": 8.0, "negation": 1.0},
    "neutral": {"add": 1.0, "hyponym": 0.35, "swap": 3.0, "number": 2.0, "negation": 1.0},
    "contradiction": {"substitution": 1.0, "antonym": 1.3, "number": 3.0, "negation": 0.15},
}
NEGATED = 0.08  # hypotheses with "not"
GENERAL = 0.4  # hypotheses with a hypernym
# Part of the premises that get one modifier more, of which the hypothesis says nothing. What entails more is longer;
# this makes the premises of all labels about equally long.
BESIDES = {"entailment": 0.1, "neutral": 0.7, "contradiction": 0.5}

_GENERAL_OF = {member: hypernym for hypernym, concepts in HYPERNYMS.items() for member in concepts}
_ANTONYMS = {pair[i]: pair[1 - i] for pair in VERB_ANTONYMS for i in (0, 1)}
_OPPOSITES = {
    **{a: [p[1 - p.index(a)] for p in ADJECTIVE_ANTONYMS if a in p] for pair in ADJECTIVE_ANTONYMS for a in pair},
    **{colour: [other for other in COLOURS if other != colour] for colour in COLOURS},
}


@dataclass(frozen=True)
class Inference:
    """A premise and a hypothesis, their label, and the type of their relation."""

    premise: Clause
    hypothesis: Clause
    label: str
    kind: str


@dataclass(frozen=True)
class Question:
    """A paragraph of clauses, the number of the one that is asked about, and the part that is asked for."""

    paragraph: tuple[Clause, ...]
    about: int
    asked: str


# --- inference ------------------------------------------------------------------------------------
def inference(sampler: Sampler, label: str) -> Inference:
    """A random item with this label.

    The hypothesis is drawn first, blind to the label, and kept only if every label has a premise for it;
    so the hypothesis alone tells nothing about the label.
    """
    while True:
        hypothesis = sampler.clause(plain=True, detail=1.2, general=GENERAL)
        if sampler.rng.random() < NEGATED:
            hypothesis = replace(hypothesis, negated=deniable(hypothesis))
        if all(any(_premises(sampler, hypothesis, other)) for other in TYPES):
            break
    kinds = dict(_premises(sampler, hypothesis, label))
    kind = sampler.rng.choices(list(kinds), [TYPES[label][kind] for kind in kinds])[0]
    premise = kinds[kind]
    if kind != "negation" and sampler.rng.random() < BESIDES[label]:
        premise = _detailed(sampler, premise, hypothesis) or premise
    return Inference(premise, hypothesis, label, kind)


def _premises(sampler: Sampler, hypothesis: Clause, label: str) -> Iterator[tuple[str, Clause]]:
    """Each type of the label that the hypothesis allows, with a premise of this type."""
    for kind in TYPES[label]:
        if (kind == "negation") == hypothesis.negated or (label, kind) == ("contradiction", "negation"):
            premise = _MAKERS[label, kind](sampler, hypothesis)
            if premise is not None:
                yield kind, premise


def _roles(clause: Clause) -> list[str]:
    return [role for role in ("subject", "object") if getattr(clause, role) is not None]


def _pick(sampler: Sampler, options: list):
    return sampler.rng.choice(options) if options else None


def _detailed(sampler: Sampler, clause: Clause, hypothesis: Clause | None = None) -> Clause | None:
    """One more adjective, place or time, on which the hypothesis is silent as well."""
    other = hypothesis or clause
    options = []
    if clause.place is None and other.place is None and places(clause.verb):
        options.append(replace(clause, place=sampler.pick(places(clause.verb))))
    if clause.time is None and other.time is None and clause.verb not in STATES:
        times = [time for time in TIMES if time != ("today" if clause.tense == "past" else "yesterday")]
        options.append(replace(clause, time=sampler.pick(times)))
    if not clause.negated:
        for role in _roles(clause):
            thing = getattr(clause, role)
            adjective = None if thing.adjectives else sampler.adjective(thing.concept)
            if adjective and thing == getattr(other, role):
                options.append(replace(clause, **{role: replace(thing, adjectives=(adjective,))}))
    return _pick(sampler, options)


def _stripped(sampler: Sampler, clause: Clause) -> Clause | None:
    """One adjective, place or time less."""
    options = [replace(clause, **{part: None}) for part in ("place", "time") if getattr(clause, part)]
    if not clause.negated:
        for role in _roles(clause):
            thing = getattr(clause, role)
            if thing.adjectives:
                options.append(replace(clause, **{role: replace(thing, adjectives=())}))
    return _pick(sampler, options)


def _special(sampler: Sampler, clause: Clause, roles: tuple[str, ...] = ("subject", "object")) -> Clause | None:
    """A member in the place of a hypernym: "a person" becomes "the teacher"."""
    for role in roles:
        thing = getattr(clause, role)
        if thing is None or thing.concept not in HYPERNYMS:
            continue
        categories = getattr(VERBS[clause.verb], role)
        used = [getattr(clause, other).concept for other in _roles(clause)]
        able = [
            concept
            for category in categories
            for concept in MEMBERS[category]
            if concept in HYPERNYMS[thing.concept]
            and concept not in used
            and not (thing.plural and concept in NO_DETAIL)
        ]
        if not able:
            return None
        definite = sampler.rng.random() < 0.8
        return replace(clause, **{role: Thing(sampler.pick(able), plural=thing.plural, definite=definite)})
    return None


def _general(sampler: Sampler, clause: Clause, roles: tuple[str, ...] = ("subject", "object")) -> Clause | None:
    """The hypernym in the place of a noun: "the teacher" becomes "a person"."""
    able = [role for role in _roles(clause) if role in roles and getattr(clause, role).concept in _GENERAL_OF]
    role = _pick(sampler, [role for role in able if (clause.verb, role) != ("drink", "object")])
    if role is None:
        return None
    thing = getattr(clause, role)
    plural = thing.plural and thing.concept not in NO_DETAIL
    return replace(clause, **{role: Thing(_GENERAL_OF[thing.concept], plural=plural, definite=False)})


def _swapped(sampler: Sampler, clause: Clause) -> Clause | None:
    """Subject and object change places, if both can do it to the other."""
    swapped = replace(clause, subject=clause.object, object=clause.subject) if clause.object else None
    return swapped if swapped and clause.verb != "match_fit" and _fits(swapped) else None


def _fits(clause: Clause) -> bool:
    """Whether the verb takes this subject, object and place."""
    frame = VERBS[clause.verb]
    able = all(
        thing is None or any(thing.concept in MEMBERS[category] for category in categories)
        for thing, categories in ((clause.subject, frame.subject), (clause.object, frame.object))
    )
    return able and (clause.place is None or clause.place in places(clause.verb))


def _counted(sampler: Sampler, clause: Clause) -> Clause | None:
    """A number for a plural that has none: "books" become "three books"."""
    roles = [
        role
        for role in _roles(clause)
        if (thing := getattr(clause, role)).plural
        and not thing.definite
        and thing.count is None
        and thing.concept not in HYPERNYMS
    ]
    role = _pick(sampler, roles)
    return role and replace(clause, **{role: replace(getattr(clause, role), count=sampler.rng.choice(NUMBERS))})


def _recounted(sampler: Sampler, clause: Clause, *, counted: bool) -> Clause | None:
    """Another number of things, or no number."""
    role = _pick(sampler, [role for role in _roles(clause) if getattr(clause, role).count is not None])
    if role is None:
        return None
    thing = getattr(clause, role)
    count = sampler.rng.choice([n for n in NUMBERS if n != thing.count]) if counted else None
    return replace(clause, **{role: replace(thing, count=count)})


def _substituted(sampler: Sampler, clause: Clause) -> Clause | None:
    """Another object of the same category, or another place; no other person, for a cook may be a friend as well."""
    options = []
    thing = clause.object
    if thing is not None and thing.concept not in (*HYPERNYMS, *PERSONS):
        used = {thing.concept, clause.subject.concept}
        others = [
            concept
            for category in VERBS[clause.verb].object
            if thing.concept in MEMBERS[category]
            for concept in MEMBERS[category]
            if concept not in used
            and (concept in NO_DETAIL) == (thing.concept in NO_DETAIL)
            and not _is_a(concept, thing.concept)
        ]
        if others:
            concept = sampler.pick(others)
            kept = tuple(adjective for adjective in thing.adjectives if adjective in adjectives(concept))
            options += 2 * [replace(clause, object=replace(thing, concept=concept, adjectives=kept))]
    if clause.place in DISTINCT_PLACES:
        others = [place for place in DISTINCT_PLACES if place != clause.place and place in places(clause.verb)]
        options += [replace(clause, place=sampler.pick(others))] if others else []
    return _pick(sampler, options)


def _is_a(one: str, other: str) -> bool:
    """A winter coat is a coat."""
    return COMPOUNDS.get(one, ("", one))[1] == other or COMPOUNDS.get(other, ("", other))[1] == one


def _opposite(sampler: Sampler, clause: Clause) -> Clause | None:
    """An antonym of the verb or of an adjective; another colour."""
    options = []
    if clause.verb in _ANTONYMS:
        turned = replace(clause, verb=_ANTONYMS[clause.verb])
        options += [turned] if _fits(turned) else []
    for role in _roles(clause):
        thing = getattr(clause, role)
        for adjective in thing.adjectives:
            fitting = [o for o in _OPPOSITES.get(adjective, ()) if o in adjectives(thing.concept)]
            if fitting:
                opposite = sampler.rng.choice(fitting)
                options.append(replace(clause, **{role: replace(thing, adjectives=(opposite,))}))
    return _pick(sampler, options)


def _denied(sampler: Sampler, clause: Clause) -> Clause | None:
    """The clause with "not", or without; no clause about "a person", whose negation would be "nobody"."""
    able = clause.subject.concept not in HYPERNYMS and deniable(clause)
    return replace(clause, negated=not clause.negated) if able else None


def _denied_more_widely(sampler: Sampler, clause: Clause) -> Clause | None:
    """Who does not sleep at all does not sleep in the garden; who sees no animal sees no dog."""
    return _stripped(sampler, clause) or _general(sampler, clause, roles=("object",))


def _denied_more_narrowly(sampler: Sampler, clause: Clause) -> Clause | None:
    """Who does not sleep in the garden may sleep elsewhere; who sees no dog may see another animal."""
    return _special(sampler, clause, roles=("object",)) or _detailed(sampler, clause)


_MAKERS = {
    ("entailment", "drop"): _detailed,
    ("entailment", "hypernym"): _special,
    ("entailment", "number"): _counted,
    ("entailment", "negation"): _denied_more_widely,
    ("neutral", "add"): _stripped,
    ("neutral", "hyponym"): _general,
    ("neutral", "swap"): _swapped,
    ("neutral", "number"): partial(_recounted, counted=False),
    ("neutral", "negation"): _denied_more_narrowly,
    ("contradiction", "substitution"): _substituted,
    ("contradiction", "antonym"): _opposite,
    ("contradiction", "number"): partial(_recounted, counted=True),
    ("contradiction", "negation"): _denied,
}


# --- questions ------------------------------------------------------------------------------------
def question(sampler: Sampler) -> Question:
    """A random paragraph with a question that exactly one of its constituents answers."""
    rng = sampler.rng
    while True:
        asked_of = sampler.clause(plain=True, detail=0.6, general=0)
        askable = [part for part in ("object", "place", "time") if getattr(asked_of, part) is not None]
        if not askable or asked_of.verb == "match_fit":
            continue
        asked = "subject" if rng.random() < 0.25 else rng.choice(askable)
        others: list[Clause] = []
        seen = set(_concepts(asked_of))
        for _ in range(rng.choice((1, 1, 1, 2))):
            alike = asked_of.object is not None and rng.random() < 0.3
            verb = asked_of.verb if alike else None
            other = sampler.clause(verb=verb, avoid=frozenset(seen), plain=True, detail=0.6, general=0)
            if other.verb != "match_fit" and not seen & set(_concepts(other)):
                others.append(other)
                seen |= set(_concepts(other))
        if not others or any(not other.object and other.verb == asked_of.verb for other in others):
            continue
        paragraph = [*others, asked_of]
        rng.shuffle(paragraph)
        return Question(tuple(paragraph), paragraph.index(asked_of), asked)


def _concepts(clause: Clause) -> list[str]:
    things = [thing.concept for thing in (clause.subject, clause.object, clause.recipient) if thing]
    return [*things, *([clause.place] if clause.place else [])]
