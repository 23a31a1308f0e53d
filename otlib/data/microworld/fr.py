"""French: ne ... pas, du, des, au, aux, elision, passé composé, adjectives before and after the noun."""

import re
from pathlib import Path

from otlib.data.microworld.concepts import LIVING, MASS, NAMES, PEOPLE
from otlib.data.microworld.lexicon import Lexicon
from otlib.data.microworld.situations import Clause, Thing
from otlib.data.microworld.tokens import Token, capitalise, prefixed, word

LEXICON = Lexicon(
    Path(__file__).with_suffix(".tsv"),
    {
        "name": "word gender",
        "noun": "word* gender plural?*",
        "modifier": "word* plural?*",
        "adjective": "word* feminine?* plural?* before_vowel?*",
        "verb": "object?* word* third* plural* participle* auxiliary past?* past_plural?* clitic? preposition?",
        "place": "word*",
        "time": "word*",
        "modal": "word plural",
        "number": "word",
    },
    {"gender": ("m", "f", "p"), "auxiliary": ("avoir", "être"), "clitic": ("se",)},
)
CONTRACTIONS = {("à", "le"): "au", ("à", "les"): "aux", ("de", "le"): "du", ("de", "les"): "des"}
LINKING = ("à", "au", "aux", "de", "d'", "du", "des", "la", "le", "l'", "les")
VOWELS = "aeiouyéèêâîôûœh"  # every h of the lexicon is mute, but that of "haïr"
ASPIRATED = ("haï", "hait")


# --- noun phrases -------------------------------------------------------------------------------------------
def _plural(thing: Thing) -> bool:
    """Whether the noun is in the plural, as those are always that have no singular (échecs)."""
    return thing.several or LEXICON.noun(thing.concept)["gender"] == "p"


def _feminine(thing: Thing) -> bool:
    return LEXICON.noun(thing.concept)["gender"] == "f"


def _short(text: str, following: str, main: str = "", also: str = "") -> Token:
    """A little word, which becomes l', d', qu', n' or s' before a vowel."""
    elided = following[0].lower() in VOWELS and not following.startswith(ASPIRATED)
    if text in ("le", "la", "de", "que", "ne", "se") and elided:
        return word(text[:-1] + "'", main, also, glue=True)
    return word(text, main, also)


def _words(text: str, node: str) -> list[Token]:
    """A word, or the words of "pomme de terre" and "rendre visite"."""
    return [word(part, also=node) if part == "de" else word(part, node) for part in text.split()]


def _parts(text: str) -> list[str]:
    """The words of a phrase, with l' and d' as words of their own, but not in "aujourd'hui"."""
    return re.sub(r"\b([ld]')", r"\1 ", text).split()


def noun_phrase(thing: Thing, role: str, *, before: Token | None = None, negated: bool = False) -> list[Token]:
    """Article, number, adjective, noun, modifier, adjective.

    ``before`` is a preposition, merged into "au", "aux", "du", "des"; ``negated``: "de" for "un" and "des".
    """
    if thing.concept in NAMES:
        name = LEXICON.text("name", thing.concept)
        return [*_with(before, name), word(name, role)]
    noun = _words(_noun(thing), LEXICON.noun_nodes(thing.concept, role))
    early, late = [], []
    for adjective in thing.adjectives:
        place = early if LEXICON["adjective"][adjective]["before_vowel"] else late
        place += _words(_agreeing(adjective, thing, noun[0].text), f"{role}.adj")
    modifier = _modifier(thing, role)
    # la clé chère de la maison: "la clé de la maison chère" is of an expensive house
    late = [*late, *modifier] if len(modifier) > 2 else [*modifier, *late]
    count = [word(LEXICON.text("number", thing.count), f"{role}.count")] if thing.count else []
    words = [*count, *early, *noun, *late]
    first = words[0].text
    if thing.definite or thing.concept in MASS:
        return [*_definite(thing, role, before, first), *words]
    if thing.count:
        return [*_with(before, first), *words]
    if negated or (_plural(thing) and before and before.text == "de"):  # pas de livre; jouer de guitares
        return [_short("de", first, also=f"{role}.det verb" if before else f"{role}.det"), *words]
    if _plural(thing):  # de vieux livres, des livres rouges
        article = _short("de", first, f"{role}.det", role) if early else word("des", f"{role}.det", role)
    else:
        article = word("une" if _feminine(thing) else "un", f"{role}.det")
    return [*_with(before, article.text), article, *words]


def _definite(thing: Thing, role: str, before: Token | None, first: str) -> list[Token]:
    """The article, merged with a preposition: au, aux, du, des; but "à l'homme"."""
    text = "les" if _plural(thing) else "la" if _feminine(thing) else "le"
    article = _short(text, first, f"{role}.det")
    if before is None:
        return [article]
    merged = CONTRACTIONS.get((before.text, article.text))
    if merged is None:
        return [before, article]
    return [word(merged, " ".join(before.main | article.main), " ".join(before.also))]


def _with(before: Token | None, following: str) -> list[Token]:
    return [_short(before.text, following, " ".join(before.main), " ".join(before.also))] if before else []


def _noun(thing: Thing) -> str:
    noun = LEXICON.noun(thing.concept)
    if not thing.several or noun["gender"] == "p":
        return noun["word"]
    return noun["plural"] or noun["word"] + "s"


def _agreeing(concept: str, thing: Thing, following: str) -> str:
    """The form of an adjective; only those that stand before the noun have one for vowels (un vieil homme)."""
    row = LEXICON["adjective"][concept]
    masculine = row["word"]
    feminine = row["feminine"] or (masculine if masculine.endswith("e") else masculine + "e")
    plural = row["plural"] or masculine + "s"
    if _plural(thing):
        invariable = masculine == feminine == plural
        return plural if invariable or not _feminine(thing) else feminine + "s"
    if _feminine(thing):
        return feminine
    return row["before_vowel"] if row["before_vowel"] and following[0] in VOWELS else masculine


def _modifier(thing: Thing, role: str) -> list[Token]:
    """What follows the head of a compound: "d'orange", or an adjective that agrees, "scolaires"."""
    if thing.concept not in LEXICON["modifier"]:
        return []
    row = LEXICON["modifier"][thing.concept]
    mod = f"{role}.mod"
    return [
        word(part, also=mod, glue=part.endswith("'")) if part in LINKING else word(part, mod)
        for part in _parts(_plural(thing) and row["plural"] or row["word"])
    ]


def _subject(clause: Clause) -> list[Token]:
    if not clause.pronoun:
        return noun_phrase(clause.subject, "subject")
    text = "elle" if _feminine(clause.subject) else "il"
    return [word(text + "s" if _plural(clause.subject) else text, "subject")]


# --- the clause ---------------------------------------------------------------------------------------------
def _preposition(clause: Clause) -> Token | None:
    text = LEXICON.verb(clause)["preposition"]
    return word(text, also="verb") if text else None


def _object(clause: Clause) -> list[Token]:
    before = _preposition(clause)
    negated = clause.negated and (before is None or before.text == "de")
    return noun_phrase(clause.object, "object", before=before, negated=negated)


def _verb(clause: Clause, counted: Thing | None = None) -> list[Token]:
    """Finite verb with negation around it, then infinitive or participle.

    ``counted`` is an object before the verb, with which the participle agrees.
    """
    verb, plural = LEXICON.verb(clause), _plural(clause.subject)
    if clause.modal:
        end = _words(verb["word"], "verb")
        if verb["clitic"]:
            end = [_short(verb["clitic"], end[0].text, also="verb"), *end]
        if clause.modal == "must" and clause.negated:  # "ne doit pas" would forbid
            finite = [word("ont" if plural else "a", also="modal")]
            end = [word("besoin", "modal"), _short("de", end[0].text, also="modal"), *end]
        else:
            finite = [word(LEXICON["modal"][clause.modal]["plural" if plural else "word"], "modal")]
    elif clause.tense == "past" and not verb["past"]:  # the perfect; states have an imperfect
        being = verb["auxiliary"] == "être"
        finite = [word(("sont" if plural else "est") if being else ("ont" if plural else "a"), also="verb")]
        before = clause.subject if being else counted
        participle = _participle(verb["participle"], before) if before else verb["participle"]
        end = _words(participle, "verb")
    else:
        forms = ("past", "past_plural") if clause.tense == "past" else ("third", "plural")
        first, *end = _words(verb[forms[plural]], "verb")
        finite = [first]
    if verb["clitic"] and not clause.modal:
        finite = [_short(verb["clitic"], finite[0].text, also="verb"), *finite]
    if clause.negated:
        finite = [_short("ne", finite[0].text, "neg"), *finite, word("pas", "neg")]
    return [*finite, *end]


def _participle(masculine: str, thing: Thing) -> str:
    """The participle, agreeing with what stands before it."""
    form = masculine + "e" if _feminine(thing) else masculine
    return form + "s" if _plural(thing) and form[-1] != "s" else form


def _adverbial(role: str, concept: str | None) -> list[Token]:
    *before, noun = _parts(LEXICON.text(role, concept)) if concept else [""]
    words = []
    for text in before:
        if text == "au":
            words.append(word(text, f"{role}.prep {role}.det"))
        elif text in ("le", "la", "l'"):  # le matin: in the morning
            words.append(word(text, f"{role}.det", "" if words else f"{role}.prep", glue=text == "l'"))
        else:
            words.append(word(text, f"{role}.prep"))
    return [*words, word(noun, role)] if noun else []


def _rest(clause: Clause, without: str = "") -> list[Token]:
    words = _object(clause) if clause.object and without != "object" else []
    if clause.recipient:
        words += noun_phrase(clause.recipient, "recipient", before=word("à", "recipient.to"))
    words += _adverbial("place", clause.place) if without != "place" else []
    words += _adverbial("time", clause.time) if without != "time" else []
    return words


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    words = [*_subject(inner), *_verb(inner), *_rest(inner)]
    because = [word("parce", "because"), _short("que", words[0].text, also="because")]
    return [*because, *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    first = _adverbial(clause.front, getattr(clause, clause.front)) if clause.front else []
    words = [*first, *_subject(clause), *_verb(clause), *_rest(clause, without=clause.front or ""), *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about ``subject``, ``object``, ``place``, ``time`` or ``count`` (of the object), with "est-ce que"."""
    if asked == "subject":
        one = clause._replace(subject=Thing("man"), pronoun=False)
        if clause.subject.concept in LIVING:
            ask = [word("qui", "ask")]
        else:
            ask = [word("qu'", "ask", glue=True), word("est-ce", also="ask"), word("qui", also="ask")]
        return capitalise([*ask, *_verb(one), *_rest(one), word("?", "stop")])
    before_verb, left_out = None, asked
    if asked == "count":
        clause = clause._replace(object=clause.object._replace(count=None, plural=True, definite=False))
        before_verb, left_out = (None if _preposition(clause) else clause.object), "object"
    words = [*_subject(clause), *_verb(clause, before_verb), *_rest(clause, without=left_out)]
    ask = [*_asking(clause, asked), word("est-ce", also="ask"), _short("que", words[0].text, also="ask")]
    return capitalise([*ask, *words, word("?", "stop")])


def _asking(clause: Clause, asked: str) -> list[Token]:
    if asked == "count":
        counted = noun_phrase(clause.object, "object", negated=True)[1:]  # behind "de", as in "pas de clés"
        many = [word("combien", "ask"), _short("de", counted[0].text, also="ask")]
        return [*_with(_preposition(clause), many[0].text), *many, *counted]
    if asked != "object":
        return [word({"place": "où", "time": "quand"}[asked], "ask")]
    before = _preposition(clause)
    person = clause.object.concept in PEOPLE
    if before is not None:
        return [before, word("qui" if person else "quoi", "ask")]
    return [word("qui", "ask")] if person else [word("qu'", "ask", glue=True)]
