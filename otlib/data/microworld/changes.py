"""What follows from a clause, what it leaves open and what it excludes: one part changed, with the words for it."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from otlib.data.microworld.concepts import (
    ADJECTIVE_ANTONYMS,
    COLOURS,
    COMPOUNDS,
    DISTINCT_PLACES,
    GENERAL,
    HYPERNYMS,
    MEMBERS,
    NAMES,
    NOUN_OPPOSITES,
    NUMBERS,
    PERSONS,
    SYNONYMS,
    VERB_ANTONYMS,
    VERBS,
)
from otlib.data.microworld.sample import NO_DETAIL, Sampler, adjectives, places
from otlib.data.microworld.situations import Clause

GROUPS_OF_TIMES = (
    ("monday", "sunday"),
    ("morning", "evening", "night"),
    ("summer", "winter", "spring_season"),
)  # two of a group exclude each other, two of different groups do not

GENERAL_OF = {member: hypernym for hypernym, concepts in HYPERNYMS.items() for member in concepts}
SAME = {kind: {word: words for words in groups for word in words} for kind, groups in SYNONYMS.items()}


def _opposites(kind: str, pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The words for the opposite of each word that has one."""
    both = [(one, other) for pair in pairs for one, other in (pair, pair[::-1])]
    found: dict[str, tuple[str, ...]] = {}
    for one, other in both:
        for word in SAME[kind][one]:
            found[word] = (*found.get(word, ()), *SAME[kind][other])
    return found


OPPOSITES = {
    "verb": _opposites("verb", VERB_ANTONYMS),
    "noun": _opposites("noun", NOUN_OPPOSITES),
    "adjective": _opposites("adjective", ADJECTIVE_ANTONYMS)
    | {colour: tuple(other for other in COLOURS if other != colour) for colour in COLOURS},
}
# Adjectives and occupations that every label may change: they have synonyms and, adjectives, opposites.
_ADJECTIVES = [word for word in OPPOSITES["adjective"] if len(SAME["adjective"][word]) > 1]
_NO_OCCUPATION = {*OPPOSITES["noun"], *SAME["noun"]["child"]}
_OCCUPATIONS = [word for word in PERSONS if word not in _NO_OCCUPATION and len(SAME["noun"][word]) > 1]


class Change(NamedTuple):
    """What becomes of a clause: which part of it changes, how, and the clause that results."""

    part: str
    kind: str
    clause: Clause


def _roles(clause: Clause) -> list[str]:
    return [role for role in ("subject", "object") if getattr(clause, role) is not None]


def with_role(clause: Clause, role: str, **changes) -> Clause:
    return clause._replace(**{role: getattr(clause, role)._replace(**changes)})


def others(kind: str, concept: str) -> list[str]:
    """The other words for the same."""
    return [word for word in SAME[kind].get(concept, ()) if word != concept]


def _used(clause: Clause) -> set[str]:
    """The nouns of a clause, and all that mean the same."""
    return {word for role in _roles(clause) for word in SAME["noun"].get(getattr(clause, role).concept, ())}


def _rename(role: str, kind: str, clause: Clause, concepts: Iterable[str]) -> list[Change]:
    return [Change(role, kind, with_role(clause, role, concept=concept)) for concept in concepts]


def _adjectives(clause: Clause, kind: str, instead: Callable[[str], Iterable[str]]) -> list[Change]:
    """Every adjective in the place of one that a clause has, as far as it suits the noun."""
    return [
        Change(f"{role}.adj", kind, with_role(clause, role, adjectives=(other,)))
        for role in _roles(clause)
        for adjective in getattr(clause, role).adjectives
        for other in instead(adjective)
        if other in adjectives(getattr(clause, role).concept)
    ]


def following(sampler: Sampler, clause: Clause) -> list[Change]:
    """What follows from a clause: it holds whenever the clause does."""
    changes = _adjectives(clause, "synonym", lambda adjective: others("adjective", adjective))
    changes += [Change("verb", "synonym", clause._replace(verb=verb)) for verb in others("verb", clause.verb)]
    for role in _roles(clause):
        thing = getattr(clause, role)
        changes += _rename(role, "synonym", clause, others("noun", thing.concept))
        general = GENERAL_OF.get(thing.concept)
        if general and thing.concept not in NAMES and not thing.adjectives and general != "drink_noun":
            changes += _rename(role, "hypernym", clause, [general])  # but nobody drinks a drink
    return changes


def open_ones(sampler: Sampler, clause: Clause) -> list[Change]:
    """What neither follows from a clause nor is excluded by it."""
    rng = sampler.rng
    changes = _adjectives(clause, "unrelated", lambda adjective: _unrelated(sampler, adjective))
    for role in _roles(clause):
        thing = getattr(clause, role)
        if thing.concept in _OCCUPATIONS:
            able = [word for word in _OCCUPATIONS if word not in _used(clause)]
            changes += _rename(role, "occupation", clause, [sampler.pick(able)])
        if thing.concept in HYPERNYMS:
            changes += _rename(role, "hyponym", clause, _member(sampler, clause, role))
    for group in GROUPS_OF_TIMES:
        if clause.time in group:
            able = [time for other in GROUPS_OF_TIMES if other != group for time in other]
            changes.append(Change("time", "time", clause._replace(time=rng.choice(able))))
    return changes


def _unrelated(sampler: Sampler, adjective: str) -> list[str]:
    """An adjective that goes with another one: who is rich may be old."""
    apart = {*SAME["adjective"][adjective], *OPPOSITES["adjective"].get(adjective, ())}
    if adjective not in _ADJECTIVES:
        return []
    return sampler.rng.sample([other for other in _ADJECTIVES if other not in apart], 3)


def _member(sampler: Sampler, clause: Clause, role: str) -> list[str]:
    """A member of the hypernym that stands there: "an animal" may be a dog."""
    thing = getattr(clause, role)
    able = [
        concept
        for category in getattr(VERBS[clause.verb], role)
        for concept in MEMBERS[category]
        if concept in HYPERNYMS[thing.concept]
        and concept not in {*NAMES, *_used(clause)}
        and not (thing.several and concept in NO_DETAIL)
    ]
    return [sampler.pick(able)] if able else []


def excluded(sampler: Sampler, clause: Clause) -> list[Change]:
    """What cannot be if the clause holds, for both are about the same event."""
    rng = sampler.rng
    changes = _adjectives(clause, "antonym", lambda adjective: OPPOSITES["adjective"].get(adjective, ()))
    changes += [
        Change("verb", "antonym", clause._replace(verb=verb)) for verb in OPPOSITES["verb"].get(clause.verb, ())
    ]
    for role in _roles(clause):
        thing = getattr(clause, role)
        able = [word for word in OPPOSITES["noun"].get(thing.concept, ()) if word not in _used(clause)]
        changes += _rename(role, "antonym", clause, able)
        if thing.count:
            other = rng.choice([number for number in NUMBERS if number != thing.count])
            changes.append(Change(f"{role}.count", "number", with_role(clause, role, count=other)))
    changes += _rename("object", "substitution", clause, _another_kind(sampler, clause))
    if clause.place in DISTINCT_PLACES:
        able = [place for place in DISTINCT_PLACES if place != clause.place and place in places(clause.verb)]
        changes += [Change("place", "place", clause._replace(place=place)) for place in able]
    for group in GROUPS_OF_TIMES:
        if clause.time in group:
            other = rng.choice([time for time in group if time != clause.time])
            changes.append(Change("time", "time", clause._replace(time=other)))
    return changes


def _another_kind(sampler: Sampler, clause: Clause) -> list[str]:
    """Another thing, or another hypernym, that cannot be the object; no other person, for a cook may be a friend."""
    thing = clause.object
    if thing is None or thing.concept in (*PERSONS, *NAMES, "person"):
        return []
    categories = VERBS[clause.verb].object
    own = {thing.concept, GENERAL_OF.get(thing.concept), *HYPERNYMS.get(thing.concept, ())}
    members = [
        concept
        for category in categories
        for concept in MEMBERS[category]
        if concept not in {*PERSONS, *NAMES, *_used(clause)}
        and concept not in own
        and not is_a(concept, thing.concept)
        and (concept in NO_DETAIL) == (thing.concept in NO_DETAIL)
        and {*thing.adjectives} <= {*adjectives(concept)}
    ]
    hypernyms = sorted({GENERAL[category] for category in categories if category in GENERAL} - {*own, "person"})
    able = [sampler.pick(members)] if members else []
    return able + ([sampler.rng.choice(hypernyms)] if hypernyms and not thing.adjectives else [])


def is_a(one: str, other: str) -> bool:
    """A winter coat is a coat, and an overcoat."""
    heads = [{*SAME["noun"].get(COMPOUNDS.get(word, ("", word))[1], ()), word} for word in (one, other)]
    return bool(heads[0] & heads[1])


def hypernyms(clause: Clause) -> int:
    """How many of its subject and object are said by a general word."""
    return sum(getattr(clause, role).concept in HYPERNYMS for role in _roles(clause))


def fits(clause: Clause) -> bool:
    """Whether the verb takes this subject, object and place."""
    frame = VERBS[clause.verb]
    able = all(
        thing is None or any(thing.concept in (*MEMBERS[name], GENERAL.get(name)) for name in categories)
        for thing, categories in ((clause.subject, frame.subject), (clause.object, frame.object))
    )
    return able and (clause.place is None or clause.place in places(clause.verb))
