"""Inference and question answering about situations: the items that every language renders.

Both are made so that it does not help to count which words two texts share: a hypothesis says other words than its
premise whatever the label, a question other words than its answer's sentence, and what they mean decides.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from otlib.data.microworld.changes import (
    GENERAL_OF,
    OPPOSITES,
    SAME,
    Change,
    excluded,
    fits,
    following,
    hypernyms,
    is_a,
    open_ones,
    others,
    with_role,
)
from otlib.data.microworld.concepts import HYPERNYMS, NAMES, NUMBERS, PERSONS, PLACES, STATES, TIMES, VERBS
from otlib.data.microworld.sample import NO_DETAIL, Sampler, deniable, places
from otlib.data.microworld.situations import Clause, Thing

TWO_CHANGES = 0.1  # hypotheses with two changes; the others have one
NEGATED = 0.08  # items with a negation
SWAPPED = 0.1  # neutral items of which subject and object change places
DETAIL = 1.6  # how often premises have adjectives, plurals and numbers, and hypernyms (below), beside other text
HYPERNYM = 0.5


class Inference(NamedTuple):
    """A premise and a hypothesis, their label, and the type of the change that decides it."""

    premise: Clause
    hypothesis: Clause
    label: str
    kind: str


class Question(NamedTuple):
    """A paragraph of clauses, the number of the one that answers, the part that is asked for, and what is asked.

    ``asked`` is ``subject``, ``object``, ``place``, ``time`` or ``count`` (of the object); ``asks`` is the answering
    clause in the words of the question.
    """

    paragraph: tuple[Clause, ...]
    about: int
    asked: str
    asks: Clause


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
        hypothesis, kind = hypothesis._replace(subject=hypothesis.object, object=hypothesis.subject), "swap"
    return (premise, hypothesis, kind) if fits(hypothesis) and (kind == "swap") == swaps else None


def _negated(sampler: Sampler, special: Clause, label: str) -> tuple[Clause, Clause, str] | None:
    """Who buys no fruit buys no apple, who buys no apple may buy a fruit."""
    general = _drawn(sampler, [change for change in following(sampler, special) if change.part == "object"])
    if not general or general.kind != "hypernym" or not deniable(special):
        return None
    if not (other := _drawn(sampler, following(sampler, general.clause), "object")):
        return None
    general, special = other.clause, special
    no_general, no_special = general._replace(negated=True), special._replace(negated=True)
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
    return clause._replace(front=sampler.front(clause.place, clause.time))


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
_WAYS = {"bake": "cook"}  # who bakes a cake prepares it
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
        if len({*words.values()}) < 2 or (asked == "count" and not about.object.count):
            continue
        other = _beside(sampler, about, asked, words)
        if other is None or all(_is_said(word, other, part) for part, word in words.items()):
            continue
        asks = about
        for part, word in words.items():
            changes = {"concept": word, "adjectives": (), "count": None}
            asks = asks._replace(verb=word) if part == "verb" else with_role(asks, part, **changes)
        unsaid = {part: None for part in ("place", "time") if part != asked}
        paragraph = (about, other) if rng.random() < 0.5 else (other, about)
        return Question(paragraph, paragraph.index(about), asked, asks._replace(front=None, **unsaid))


def _beside(sampler: Sampler, about: Clause, asked: str, words: Iterable[str]) -> Clause | None:
    """A sentence that differs in what is asked, in place, time and ``words``, not in number and article; of the verbs
    that have an opposite half become it."""
    roles = [role for role in ("subject", "object") if role != asked]
    same = {role: getattr(about, role) for role in roles if role not in words}
    apart = sorted({*words, asked, "place", "time"} - {"verb"})
    verbs: Sequence[str] = (about.verb,)
    if "verb" in words:
        opposites = OPPOSITES["verb"].get(about.verb, ()) if sampler.rng.random() < 0.5 else ()
        verbs = opposites or [verb for verb in _EVENTS if verb not in SAME["verb"][about.verb]]
    for _ in range(40):
        other = _told(sampler, sampler.pick(verbs), asked, same)
        for role in (role for role in roles if role not in same):
            other = with_role(other, role, **_form(getattr(about, role), getattr(other, role)))
        alike = all((getattr(about, r).concept in NO_DETAIL) == (getattr(other, r).concept in NO_DETAIL) for r in roles)
        counted = asked != "count" or other.object.count
        if alike and counted and fits(other) and all(_part(other, part) != _part(about, part) for part in apart):
            return other
    return None


def _form(like: Thing, thing: Thing) -> dict:
    """Number and article of one thing for another, which has a count of its own if it has one."""
    count = (thing.count or like.count) if like.count else None
    return {"plural": like.several, "definite": like.definite, "count": count}


def _told(sampler: Sampler, verb: str, asked: str, same: dict[str, Thing]) -> Clause:
    """A clause in the past with place and time; its object is counted if its number is asked for."""
    said = sampler.clause(verb=verb, plain=True, detail=0.4, general=0)
    place, time = sampler.pick(places(verb) or PLACES), sampler.pick(_PAST_TIMES)
    front = sampler.rng.choice((None, "place", "time"))
    clause = said._replace(tense="past", place=place, time=time, front=front, **same)
    if asked != "count" or clause.object.concept in NO_DETAIL:
        return clause
    return with_role(clause, "object", plural=True, count=sampler.rng.choice(NUMBERS), definite=False)


def _part(clause: Clause, part: str) -> str | int | None:
    value = clause.object.count if part == "count" else getattr(clause, part)
    return value.concept if isinstance(value, Thing) else value


def _other_words(clause: Clause, part: str) -> list[str]:
    """What else the verb, subject or object may be called: by a synonym or the hypernym."""
    if part == "verb":
        return others("verb", clause.verb)
    concept = getattr(clause, part).concept
    general = GENERAL_OF.get(concept, "drink_noun")
    return [*others("noun", concept), *([general] if general != "drink_noun" and concept not in NAMES else [])]


def _is_said(word: str, clause: Clause, part: str) -> bool:
    """Whether a word may be true of a part of a clause: Anna may be the friend, and so may be the doctor."""
    if part == "verb":
        return _WAYS.get(clause.verb, clause.verb) in SAME["verb"][word]
    concept = getattr(clause, part).concept
    if {word, concept} <= {*PERSONS}:
        return concept not in OPPOSITES["noun"].get(word, ())
    return concept in {*SAME["noun"].get(word, ()), *HYPERNYMS.get(word, ()), *NAMES} or is_a(concept, word)
