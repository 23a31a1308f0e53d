"""Inference and question answering about situations: the items that every language renders.

Both are made so that it does not help to count which words two texts share: a hypothesis says other words than its
premise whatever the label, a question other words than its answer's sentence, and what they mean decides.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

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
    PLACES,
    STATES,
    SYNONYMS,
    TIMES,
    VERB_ANTONYMS,
    VERBS,
)
from otlib.data.microworld.sample import NO_DETAIL, Sampler, adjectives, deniable, places
from otlib.data.microworld.situations import Clause, Thing

TWO_CHANGES = 0.1  # hypotheses with two changes; the others have one
NEGATED = 0.08  # items with a negation
SWAPPED = 0.1  # neutral items of which subject and object change places
DETAIL = 1.6  # how often premises have adjectives, plurals and numbers, and hypernyms (below), beside other text
HYPERNYM = 0.5

GROUPS_OF_TIMES = (
    ("monday", "sunday"),
    ("morning", "evening", "night"),
    ("summer", "winter", "spring_season"),
)  # two of a group exclude each other, two of different groups do not

_GENERAL_OF = {member: hypernym for hypernym, concepts in HYPERNYMS.items() for member in concepts}
_SAME = {kind: {word: words for words in groups for word in words} for kind, groups in SYNONYMS.items()}


def _opposites(kind: str, pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """The words for the opposite of each word that has one."""
    both = [(one, other) for pair in pairs for one, other in (pair, pair[::-1])]
    found: dict[str, tuple[str, ...]] = {}
    for one, other in both:
        for word in _SAME[kind][one]:
            found[word] = (*found.get(word, ()), *_SAME[kind][other])
    return found


_VERB_OPPOSITES = _opposites("verb", VERB_ANTONYMS)
_NOUN_OPPOSITES = _opposites("noun", NOUN_OPPOSITES)
_ADJECTIVE_OPPOSITES = _opposites("adjective", ADJECTIVE_ANTONYMS)
_ADJECTIVE_OPPOSITES |= {colour: tuple(other for other in COLOURS if other != colour) for colour in COLOURS}
# Adjectives and occupations that every label may change: they have synonyms and, adjectives, opposites.
_ADJECTIVES = [word for word in _ADJECTIVE_OPPOSITES if len(_SAME["adjective"][word]) > 1]
_NO_OCCUPATION = {*_NOUN_OPPOSITES, *_SAME["noun"]["child"]}
_OCCUPATIONS = [word for word in PERSONS if word not in _NO_OCCUPATION and len(_SAME["noun"][word]) > 1]


@dataclass(frozen=True)
class Inference:
    """A premise and a hypothesis, their label, and the type of the change that decides it."""

    premise: Clause
    hypothesis: Clause
    label: str
    kind: str


@dataclass(frozen=True)
class Question:
    """A paragraph of clauses, the number of the one that answers, the part that is asked for, and what is asked.

    ``asked`` is ``subject``, ``object``, ``place``, ``time`` or ``count`` (of the object); ``asks`` is the answering
    clause in the words of the question.
    """

    paragraph: tuple[Clause, ...]
    about: int
    asked: str
    asks: Clause


@dataclass(frozen=True)
class Change:
    """What becomes of a clause: which part of it changes, how, and the clause that results."""

    part: str
    kind: str
    clause: Clause


# --- changes --------------------------------------------------------------------------------------
def _roles(clause: Clause) -> list[str]:
    return [role for role in ("subject", "object") if getattr(clause, role) is not None]


def _with(clause: Clause, role: str, **changes) -> Clause:
    return replace(clause, **{role: replace(getattr(clause, role), **changes)})


def _others(kind: str, concept: str) -> list[str]:
    """The other words for the same."""
    return [word for word in _SAME[kind].get(concept, ()) if word != concept]


def _used(clause: Clause) -> set[str]:
    """The nouns of a clause, and all that mean the same."""
    return {word for role in _roles(clause) for word in _SAME["noun"].get(getattr(clause, role).concept, ())}


def _rename(role: str, kind: str, clause: Clause, concepts: Iterable[str]) -> list[Change]:
    return [Change(role, kind, _with(clause, role, concept=concept)) for concept in concepts]


def _adjectives(clause: Clause, kind: str, others: Callable[[str], Iterable[str]]) -> list[Change]:
    """Every adjective in the place of one that a clause has, as far as it suits the noun."""
    return [
        Change(f"{role}.adj", kind, _with(clause, role, adjectives=(other,)))
        for role in _roles(clause)
        for adjective in getattr(clause, role).adjectives
        for other in others(adjective)
        if other in adjectives(getattr(clause, role).concept)
    ]


def following(sampler: Sampler, clause: Clause) -> list[Change]:
    """What follows from a clause: it holds whenever the clause does."""
    changes = _adjectives(clause, "synonym", lambda adjective: _others("adjective", adjective))
    changes += [Change("verb", "synonym", replace(clause, verb=verb)) for verb in _others("verb", clause.verb)]
    for role in _roles(clause):
        thing = getattr(clause, role)
        changes += _rename(role, "synonym", clause, _others("noun", thing.concept))
        general = _GENERAL_OF.get(thing.concept)
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
            changes.append(Change("time", "time", replace(clause, time=rng.choice(able))))
    return changes


def _unrelated(sampler: Sampler, adjective: str) -> list[str]:
    """An adjective that goes with another one: who is rich may be old."""
    apart = {*_SAME["adjective"][adjective], *_ADJECTIVE_OPPOSITES.get(adjective, ())}
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
    changes = _adjectives(clause, "antonym", lambda adjective: _ADJECTIVE_OPPOSITES.get(adjective, ()))
    changes += [Change("verb", "antonym", replace(clause, verb=verb)) for verb in _VERB_OPPOSITES.get(clause.verb, ())]
    for role in _roles(clause):
        thing = getattr(clause, role)
        able = [word for word in _NOUN_OPPOSITES.get(thing.concept, ()) if word not in _used(clause)]
        changes += _rename(role, "antonym", clause, able)
        if thing.count:
            other = rng.choice([number for number in NUMBERS if number != thing.count])
            changes.append(Change(f"{role}.count", "number", _with(clause, role, count=other)))
    changes += _rename("object", "substitution", clause, _another_kind(sampler, clause))
    if clause.place in DISTINCT_PLACES:
        able = [place for place in DISTINCT_PLACES if place != clause.place and place in places(clause.verb)]
        changes += [Change("place", "place", replace(clause, place=place)) for place in able]
    for group in GROUPS_OF_TIMES:
        if clause.time in group:
            other = rng.choice([time for time in group if time != clause.time])
            changes.append(Change("time", "time", replace(clause, time=other)))
    return changes


def _another_kind(sampler: Sampler, clause: Clause) -> list[str]:
    """Another thing, or another hypernym, that cannot be the object; no other person, for a cook may be a friend."""
    thing = clause.object
    if thing is None or thing.concept in (*PERSONS, *NAMES, "person"):
        return []
    categories = VERBS[clause.verb].object
    own = {thing.concept, _GENERAL_OF.get(thing.concept), *HYPERNYMS.get(thing.concept, ())}
    members = [
        concept
        for category in categories
        for concept in MEMBERS[category]
        if concept not in {*PERSONS, *NAMES, *_used(clause)}
        and concept not in own
        and not _is_a(concept, thing.concept)
        and (concept in NO_DETAIL) == (thing.concept in NO_DETAIL)
        and {*thing.adjectives} <= {*adjectives(concept)}
    ]
    hypernyms = sorted({GENERAL[category] for category in categories if category in GENERAL} - {*own, "person"})
    able = [sampler.pick(members)] if members else []
    return able + ([sampler.rng.choice(hypernyms)] if hypernyms and not thing.adjectives else [])


def _is_a(one: str, other: str) -> bool:
    """A winter coat is a coat, and an overcoat."""
    heads = [{*_SAME["noun"].get(COMPOUNDS.get(word, ("", word))[1], ()), word} for word in (one, other)]
    return bool(heads[0] & heads[1])


def hypernyms(clause: Clause) -> int:
    """How many of its subject and object are said by a general word."""
    return sum(getattr(clause, role).concept in HYPERNYMS for role in _roles(clause))


# --- inference ------------------------------------------------------------------------------------
_DECIDING = {"entailment": following, "neutral": open_ones, "contradiction": excluded}


def inference(sampler: Sampler, label: str) -> Inference:
    """A random item with this label: a clause, and the same with one or two parts changed.

    The last change decides; the other, if there is one, follows. So the number of words that differ is the same
    under every label.
    """
    while True:
        premise = sampler.clause(plain=True, detail=DETAIL, general=HYPERNYM)
        if premise.recipient or premise.verb == "match_fit" or (premise.place and premise.time):  # long enough
            continue
        made = _negated(sampler, premise, label) if sampler.rng.random() < NEGATED else _plain(sampler, premise, label)
        if made:
            premise, hypothesis, kind = made
            return Inference(_reordered(sampler, premise), _reordered(sampler, hypothesis), label, kind)


def _plain(sampler: Sampler, premise: Clause, label: str) -> tuple[Clause, Clause, str] | None:
    swaps = label == "neutral" and sampler.rng.random() < SWAPPED
    first = Change("", "", premise)
    if swaps or sampler.rng.random() < TWO_CHANGES:
        first = _drawn(sampler, following(sampler, premise))
    second = first and _drawn(sampler, (following if swaps else _DECIDING[label])(sampler, first.clause), first.part)
    if not second:
        return None
    hypothesis, kind = second.clause, second.kind
    if swaps and hypothesis.object and not hypernyms(hypothesis):  # "a person sees a person" says no less swapped
        hypothesis, kind = replace(hypothesis, subject=hypothesis.object, object=hypothesis.subject), "swap"
    return (premise, hypothesis, kind) if _fits(hypothesis) and (kind == "swap") == swaps else None


def _negated(sampler: Sampler, special: Clause, label: str) -> tuple[Clause, Clause, str] | None:
    """Who buys no fruit buys no apple, who buys no apple may buy a fruit."""
    general = _drawn(sampler, [change for change in following(sampler, special) if change.part == "object"])
    if not general or general.kind != "hypernym" or not deniable(special):
        return None
    if not (other := _drawn(sampler, following(sampler, general.clause), "object")):
        return None
    general, special = other.clause, special
    no_general, no_special = replace(general, negated=True), replace(special, negated=True)
    pairs = {
        "entailment": [(no_general, no_special)],
        "neutral": [(no_special, no_general), (no_special, general), (general, no_special)],
        "contradiction": [(no_general, special), (special, no_general)],
    }
    return *sampler.rng.choice(pairs[label]), "negation"


def _drawn(sampler: Sampler, changes: Sequence[Change], apart: str = "") -> Change | None:
    """One of the changes of another part than ``apart``: first the kind and part are drawn, then the change."""
    able = [change for change in changes if change.part != apart]
    sorts = sorted({(change.kind, change.part) for change in able})
    sort = sampler.rng.choice(sorts) if sorts else None
    return sampler.rng.choice([change for change in able if (change.kind, change.part) == sort]) if sort else None


def _reordered(sampler: Sampler, clause: Clause) -> Clause:
    return replace(clause, front=sampler.front(clause.place, clause.time))


def _fits(clause: Clause) -> bool:
    """Whether the verb takes this subject, object and place."""
    frame = VERBS[clause.verb]
    able = all(
        thing is None or any(thing.concept in (*MEMBERS[name], GENERAL.get(name)) for name in categories)
        for thing, categories in ((clause.subject, frame.subject), (clause.object, frame.object))
    )
    return able and (clause.place is None or clause.place in places(clause.verb))


def said_again(sampler: Sampler, clause: Clause) -> Clause:
    """The same in other words, and perhaps in another order."""
    for _ in range(6):
        change = sampler.rng.choice(following(sampler, clause) or [None])
        if change and (change.kind == "synonym" or sampler.rng.random() < 0.4):
            clause = change.clause
    return _reordered(sampler, clause) if clause.front else clause


# --- questions ------------------------------------------------------------------------------------
_ASKED = ("subject", "object", "place", "time", "count")
_PAST_TIMES = tuple(time for time in TIMES if time != "today")
_EVENTS = [verb for verb, frame in VERBS.items() if frame.object and not frame.recipient and verb not in STATES]


def question(sampler: Sampler) -> Question:
    """A random paragraph of two sentences and a question about one of them.

    In what the question says by other words than the sentence does, at least two of verb, subject and object, the two
    sentences differ; in what it repeats they agree.
    """
    rng = sampler.rng
    while True:
        asked = rng.choice(_ASKED)
        verb = sampler.pick(_EVENTS)
        about = _told(sampler, verb, asked, {})
        named = [part for part in ("verb", "subject", "object") if part != asked]
        words = {part: rng.choice(found) for part in named if (found := _other_words(about, part))}
        if len(words) < 2 or (asked == "count" and not about.object.count):
            continue
        other = _beside(sampler, about, asked, words)
        if other is None or all(_is_said(word, other, part) for part, word in words.items()):
            continue
        asks = about
        for part, word in words.items():
            changes = {"concept": word, "adjectives": (), "count": None}
            asks = replace(asks, verb=word) if part == "verb" else _with(asks, part, **changes)
        unsaid = {part: None for part in ("place", "time") if part != asked}
        paragraph = (about, other) if rng.random() < 0.5 else (other, about)
        return Question(paragraph, paragraph.index(about), asked, replace(asks, front=None, **unsaid))


def _beside(sampler: Sampler, about: Clause, asked: str, words: Iterable[str]) -> Clause | None:
    """A sentence that differs in what is asked, in place, time and ``words``; half of its other verbs are opposites."""
    same = {role: getattr(about, role) for role in ("subject", "object") if role not in (asked, *words)}
    apart = sorted({*words, asked, "place", "time"} - {"verb"})
    verbs: Sequence[str] = (about.verb,)
    if "verb" in words:
        opposites = _VERB_OPPOSITES.get(about.verb, ()) if sampler.rng.random() < 0.5 else ()
        verbs = opposites or [verb for verb in _EVENTS if verb not in _SAME["verb"][about.verb]]
    able = (_told(sampler, sampler.pick(verbs), asked, same) for _ in range(20))
    return next((one for one in able if _fits(one) and all(_part(one, p) != _part(about, p) for p in apart)), None)


def _told(sampler: Sampler, verb: str, asked: str, same: dict[str, Thing]) -> Clause:
    """A clause in the past with place and time; its object is counted if its number is asked for."""
    said = sampler.clause(verb=verb, plain=True, detail=0.4, general=0)
    place, time = sampler.pick(places(verb) or PLACES), sampler.pick(_PAST_TIMES)
    front = sampler.rng.choice((None, "place", "time"))
    clause = replace(said, tense="past", place=place, time=time, front=front, **same)
    if asked != "count" or clause.object.concept in NO_DETAIL:
        return clause
    return _with(clause, "object", plural=True, count=sampler.rng.choice(NUMBERS), definite=False)


def _part(clause: Clause, part: str) -> str | int | None:
    value = clause.object.count if part == "count" else getattr(clause, part)
    return value.concept if isinstance(value, Thing) else value


def _other_words(clause: Clause, part: str) -> list[str]:
    """What else the verb, subject or object may be called: by a synonym or the hypernym."""
    if part == "verb":
        return _others("verb", clause.verb)
    concept = getattr(clause, part).concept
    return [*_others("noun", concept), *([_GENERAL_OF[concept]] if concept in {*_GENERAL_OF} - {*NAMES} else [])]


def _is_said(word: str, clause: Clause, role: str) -> bool:
    """Whether a word is true of a part of a clause; of a name any may be: Anna may be the friend."""
    if role == "verb":
        return clause.verb in _SAME["verb"][word]
    return getattr(clause, role).concept in {*_SAME["noun"].get(word, ()), *HYPERNYMS.get(word, ()), *NAMES}
