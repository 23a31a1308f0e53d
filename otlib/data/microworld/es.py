"""Spanish: dropped pronouns, adjectives after the noun, personal "a", "al", doubling "le", reflexives."""

from pathlib import Path

from otlib.data.microworld.concepts import LIVING, MASS, NAMES, PEOPLE
from otlib.data.microworld.lexicon import Lexicon
from otlib.data.microworld.situations import Clause, Thing
from otlib.data.microworld.tokens import Token, capitalise, prefixed, word

LEXICON = Lexicon(
    Path(__file__).with_suffix(".tsv"),
    {
        "name": "word",
        "noun": "word gender plural",
        "modifier": "word* plural?*",
        "adjective": "word plural?",
        "verb": "object?* word third plural past past_plural preposition? personal?",
        "place": "word*",
        "time": "word*",
        "modal": "word plural",
        "number": "word",
    },
    {"gender": ("m", "f", "fm"), "personal": ("always", "unless_bare", "known")},
)


# --- noun phrases -------------------------------------------------------------------------------------------
def _adjective(concept: str, feminine: bool, plural: bool) -> str:
    adjective = LEXICON["adjective"][concept]
    if plural and adjective["plural"]:
        return adjective["plural"]
    form = adjective["word"]
    if feminine and form.endswith("o"):
        form = form[:-1] + "a"
    return form + "s" if plural else form


def noun_phrase(thing: Thing, role: str, *, before: Token | None = None, bare=True, negated=False) -> list[Token]:
    """Article, number, noun, modifier, adjective.

    ``before`` is a preposition, merged into "al"; ``bare``: whether the indefinite plural may do without
    "unos"; ``negated``: "ningún" for "un".
    """
    start = [before] if before else []
    row = LEXICON.noun(thing.concept)
    if thing.concept in NAMES:
        return [*start, word(row["word"], role)]
    feminine, plural = row["gender"] != "m", thing.several
    noun = word(row["plural" if plural else "word"], LEXICON.noun_nodes(thing.concept, role))
    words = [word(LEXICON.text("number", thing.count), f"{role}.count")] if thing.count else []
    modifier = _modifier(thing, role)
    adjectives = [word(_adjective(a, feminine, plural), f"{role}.adj") for a in thing.adjectives]
    if len(modifier) > 2:  # la llave cara de la casa: "la llave de la casa cara" is of an expensive house
        words += [noun, *adjectives, *modifier]
    else:
        words += [noun, *modifier, *adjectives]
    if thing.definite or thing.concept in MASS:
        article = ("las" if feminine else "los") if plural else "la" if row["gender"] == "f" else "el"
        if before and before.text == "a" and article == "el":
            return [word("al", " ".join({f"{role}.det", *before.main}), " ".join(before.also)), *words]
        return [*start, word(article, f"{role}.det"), *words]
    if plural:
        some = [] if bare or thing.count else [word("unas" if feminine else "unos", f"{role}.det", role)]
        return [*start, *some, *words]
    if negated:
        return [*start, word("ninguna" if feminine else "ningún", f"{role}.det", "neg"), *words]
    return [*start, word("una" if feminine else "un", f"{role}.det"), *words]


def _modifier(thing: Thing, role: str) -> list[Token]:
    """What follows the head of a compound: "de manzana", or an adjective that agrees, "escolares"."""
    if thing.concept not in LEXICON["modifier"]:
        return []
    row = LEXICON["modifier"][thing.concept]
    *before, last = (thing.several and row["plural"] or row["word"]).split()
    return [*(word(text, also=f"{role}.mod") for text in before), word(last, f"{role}.mod")]


def _subject(clause: Clause) -> list[Token]:
    return [] if clause.pronoun else noun_phrase(clause.subject, "subject", bare=False)


def _object(clause: Clause) -> list[Token]:
    before = _preposition(clause)
    bare = clause.negated or before is None or before.text != "a"
    return noun_phrase(clause.object, "object", before=before, bare=bare, negated=clause.negated)


def _preposition(clause: Clause) -> Token | None:
    """What stands between the verb and its object."""
    verb = LEXICON.verb(clause)
    if verb["preposition"]:
        return word(verb["preposition"], also="verb")
    return word("a", also="object") if _personal(verb["personal"], clause.object) else None


def _personal(kind: str, thing: Thing) -> bool:
    """Whether an object takes "a": always, if it is not bare, or if it is a person or a known animal as well."""
    if not kind or thing.concept not in LIVING:  # who is bought or shown is a thing
        return False
    indefinite = not thing.definite and thing.concept not in NAMES
    if kind == "always":
        return True
    if indefinite and thing.plural and thing.count is None:  # "alimenta ovejas", "ve niños"
        return False
    return kind == "unless_bare" or thing.concept in PEOPLE or not indefinite  # "ve un perro", "ve al perro"


# --- the clause ---------------------------------------------------------------------------------------------
def _verb(clause: Clause) -> list[Token]:
    """The verb with "no", reflexive "se" and the "le" that announces a recipient, before or behind it."""
    lemma, plural = LEXICON.verb(clause), clause.subject.several
    infinitive = lemma["word"]
    subject = "subject" if clause.pronoun else ""
    no = [word("no", "neg")] if clause.negated else []
    clitic = ("les" if clause.recipient.several else "le") if clause.recipient else ""
    if clause.modal:
        form = LEXICON["modal"][clause.modal]["plural" if plural else "word"]
        que = [word("que", also="modal")] if clause.modal == "must" else []
        verb = word(infinitive + clitic, "verb", "recipient" if clitic else "")
        return [*no, word(form, "modal", subject), *que, verb]
    reflexive = [word("se", also="verb")] if infinitive.endswith("se") else []
    announced = [word(clitic, also="recipient")] if clitic else []
    column = {"present": ("third", "plural"), "past": ("past", "past_plural")}[clause.tense][plural]
    return [*no, *reflexive, *announced, word(lemma[column], "verb", subject)]


def _place(clause: Clause) -> list[Token]:
    """Where, but after "llegar" where to: "en el parque", "al parque"."""
    *before, noun = LEXICON.text("place", clause.place).split() if clause.place else [""]
    if before and clause.verb == "arrive":
        before = ["al"] if before[1:] == ["el"] else ["a", *before[1:]]
    if before == ["al"]:
        return [word("al", "place.prep place.det"), word(noun, "place")]
    words = [word(text, node) for text, node in zip(before, ("place.prep", "place.det"), strict=False)]
    return [*words, word(noun, "place")] if noun else []


def _time(clause: Clause) -> list[Token]:
    *before, noun = LEXICON.text("time", clause.time).split() if clause.time else [""]
    if before == ["el"]:  # el lunes: on Monday
        return [word("el", "time.det", "time.prep"), word(noun, "time")]
    words = [word(text, node) for text, node in zip(before, ("time.prep", "time.det"), strict=False)]
    return [*words, word(noun, "time")] if noun else []


def _rest(clause: Clause, without: str = "") -> list[Token]:
    words = _object(clause) if clause.object and without != "object" else []
    if clause.recipient:
        words += noun_phrase(clause.recipient, "recipient", before=word("a", "recipient.to"), bare=False)
    words += _place(clause) if without != "place" else []
    words += _time(clause) if without != "time" else []
    return words


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    words = [*_subject(inner), *_verb(inner), *_rest(inner)]
    return [word("porque", "because"), *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    first = {"place": _place, "time": _time}[clause.front](clause) if clause.front else []
    opening = [*_subject(clause), *_verb(clause)]
    if clause.front == "place" and clause.verb == "arrive":  # "al mercado llega el autobús"
        opening = [*_verb(clause), *_subject(clause)]
    words = [*first, *opening, *_rest(clause, without=clause.front or ""), *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about ``subject``, ``object``, ``place``, ``time`` or ``count`` (of the object); the verb first."""
    if asked == "subject":
        one = clause._replace(subject=Thing("man"), pronoun=False)
        ask = "quién" if clause.subject.concept in LIVING else "qué"
        words = [word(ask, "ask"), *_verb(one), *_rest(clause)]
    else:
        left_out = "object" if asked == "count" else asked
        words = [*_asking(clause, asked), *_verb(clause), *_subject(clause), *_rest(clause, without=left_out)]
    return [word("¿", also="ask", glue=True), *capitalise(words), word("?", "stop")]


def _asking(clause: Clause, asked: str) -> list[Token]:
    if asked == "place" and clause.verb == "arrive":
        return [word("adónde", "ask")]
    if asked == "count":
        # Who is counted takes "a" as in "ve a dos niños", not as in "ve niños".
        before = _preposition(clause._replace(object=clause.object._replace(count=2, definite=False)))
        counted = noun_phrase(clause.object._replace(count=None, plural=True, definite=False), "object")
        many = "cuántos" if LEXICON.noun(clause.object.concept)["gender"] == "m" else "cuántas"
        return [*([before] if before else []), word(many, "ask"), *counted]
    if asked != "object":
        return [word({"place": "dónde", "time": "cuándo"}[asked], "ask")]
    if clause.object.concept in PEOPLE:
        return [word("a", also="object"), word("quién", "ask")]
    preposition = _preposition(clause)
    animal = clause.object.concept in LIVING  # asked for like a thing, without "a"
    return [*([preposition] if preposition and not animal else []), word("qué", "ask")]
