"""German: cases, verb second and its rest last, separable verbs, one-word compounds, `kein`, `weil`."""

from pathlib import Path

from otlib.data.microworld.concepts import GAMES, LIVING, MASS, NAMES, PEOPLE
from otlib.data.microworld.lexicon import Lexicon
from otlib.data.microworld.situations import Clause, Thing
from otlib.data.microworld.tokens import Token, capitalise, prefixed, word

LEXICON = Lexicon(
    Path(__file__).with_suffix(".tsv"),
    {
        "name": "word gender",
        "noun": "word gender plural weak? pronoun?",
        "adjective": "word",
        "verb": "subject?* object?* word prefix? third participle auxiliary case? preposition?",
        "place": "word*",
        "time": "word*",
        "modal": "word third",
        "number": "word",
    },
    {
        "gender": ("m", "f", "n"),
        "weak": ("yes",),
        "pronoun": ("er", "sie", "es"),
        "auxiliary": ("haben", "sein"),
        "case": ("dative",),
    },
)

# --- grammar ------------------------------------------------------------------------------------------------
CASES = ("nominative", "accusative", "dative")
# By gender, "p" being the plural, in the order of the cases.
DEFINITE = {
    "m": ("der", "den", "dem"),
    "f": ("die", "die", "der"),
    "n": ("das", "das", "dem"),
    "p": ("die", "die", "den"),
}
INDEFINITE = {"m": ("", "en", "em"), "f": ("e", "e", "er"), "n": ("", "", "em"), "p": ("e", "e", "en")}  # (k)ein-
STRONG = {"m": ("er", "en", "em"), "f": ("e", "e", "er"), "n": ("es", "es", "em"), "p": ("e", "e", "en")}
PRONOUNS = {"m": "er", "f": "sie", "n": "es", "p": "sie"}
CONTRACTIONS = {("zu", "dem"): "zum", ("zu", "der"): "zur"}
AUXILIARIES = {"haben": ("hat", "haben"), "sein": ("ist", "sind")}  # of one, of several


# --- noun phrases -------------------------------------------------------------------------------------------
def _gender(thing: Thing) -> str:
    return "p" if thing.several else LEXICON.noun(thing.concept)["gender"]


def _noun(thing: Thing, case: str) -> str:
    noun = LEXICON.noun(thing.concept)
    if thing.several:
        return noun["plural"] + "n" if case == "dative" and noun["plural"][-1] not in "ns" else noun["plural"]
    if noun["weak"] and case != "nominative":  # den Studenten, den Jungen, den Bauern
        return noun["word"] + ("n" if noun["word"][-1] in "er" else "en")
    return noun["word"]


def _definite(thing: Thing) -> bool:
    return thing.definite or thing.concept in MASS


def _adjective_ending(thing: Thing, case: str, *, negated: bool) -> str:
    gender, column = _gender(thing), CASES.index(case)
    if _definite(thing) or (negated and gender == "p"):
        return "en" if gender == "p" or case == "dative" or (gender, case) == ("m", "accusative") else "e"
    if gender != "p" and case == "dative":
        return "en"
    return STRONG[gender][column]


def _article(thing: Thing, case: str, *, negated: bool) -> str:
    """The, a or no; nothing before bare plurals."""
    gender, column = _gender(thing), CASES.index(case)
    if _definite(thing):
        return DEFINITE[gender][column]
    article = "ein" + INDEFINITE[gender][column]
    if negated:
        return "k" + article
    return "" if gender == "p" else article


def noun_phrase(thing: Thing, role: str, case: str, *, also: str = "", negated: bool = False) -> list[Token]:
    """Article, number, adjective, noun; ``negated`` with "kein". ``also``: what the case expresses."""
    if thing.concept in NAMES:
        return [word(LEXICON.text("name", thing.concept), role, also)]
    if thing.concept in GAMES:
        return [word(LEXICON.text("noun", thing.concept), role)]
    article = _article(thing, case, negated=negated)
    ending = _adjective_ending(thing, case, negated=negated)
    words = [word(LEXICON.text("number", thing.count), f"{role}.count")] if thing.count else []
    words += [word(LEXICON.text("adjective", one) + ending, f"{role}.adj") for one in thing.adjectives]
    words += [word(_noun(thing, case), LEXICON.noun_nodes(thing.concept, role), "" if article else also)]
    if not article:
        return words
    if negated:
        return [word(article, "neg", f"{role}.det"), *words]
    return [word(article, f"{role}.det", also), *words]


def _subject(clause: Clause) -> list[Token]:
    if not clause.pronoun:
        return noun_phrase(clause.subject, "subject", "nominative")
    gender = _gender(clause.subject)
    special = "" if gender == "p" else LEXICON.noun(clause.subject.concept)["pronoun"]  # "das Mädchen", but "sie"
    return [word(special or PRONOUNS[gender], "subject")]


# --- the clause ---------------------------------------------------------------------------------------------
def _object(clause: Clause, *, negated: bool) -> list[Token]:
    verb = LEXICON.verb(clause)
    words = noun_phrase(clause.object, "object", verb["case"] or "accusative", negated=negated)
    if not verb["preposition"]:
        return words
    merged = CONTRACTIONS.get((verb["preposition"], words[0].text))
    if merged:
        return [word(merged, "object.det", "verb"), *words[1:]]
    return [word(verb["preposition"], also="verb"), *words]


def _adverbial(role: str, concept: str | None) -> list[Token]:
    words = LEXICON.text(role, concept).split() if concept else []
    if len(words) == 3:
        return [word(words[0], f"{role}.prep"), word(words[1], f"{role}.det"), word(words[2], role)]
    if len(words) == 2:  # im = in dem
        return [word(words[0], f"{role}.prep {role}.det"), word(words[1], role)]
    return [word(text, role) for text in words]


def _middle(clause: Clause, without: str = "") -> list[Token]:
    """What stands between the finite verb and the end: definite phrases before time and place, others behind."""
    thing, person = clause.object if without != "object" else None, clause.recipient
    # "Passt heute zum Hut", "spielt heute Schach": these objects stand next to the end of the clause.
    close = bool(LEXICON.verb(clause)["preposition"]) or (thing is not None and thing.concept in GAMES)
    thing_last = thing is not None and (close or not _definite(thing))
    person_last = person is not None and not _definite(person) and not clause.negated
    kein = clause.negated and thing_last and not _definite(thing) and thing.count is None
    no = [word("nicht", "neg")] if clause.negated and not kein else []
    receiver = noun_phrase(person, "recipient", "dative", also="recipient.to") if person else []
    received = _object(clause, negated=kein) if thing else []
    time = _adverbial("time", clause.time) if without != "time" else []
    place = _adverbial("place", clause.place) if without != "place" else []
    return [
        *([] if person_last else receiver),
        *([] if thing_last else received),
        *time,
        *([*place, *no] if thing_last else [*no, *place]),
        *(receiver if person_last else []),
        *(received if thing_last else []),
    ]


def _verb(clause: Clause, *, plural: bool) -> tuple[list[Token], list[Token]]:
    """The finite verb, and what stands at the end of the clause."""
    verb = LEXICON.verb(clause)
    if clause.modal:
        modal = LEXICON["modal"][clause.modal]["word" if plural else "third"]
        return [word(modal, "modal")], [word(verb["prefix"] + verb["word"], "verb")]
    if clause.tense == "past":
        form = AUXILIARIES[verb["auxiliary"]][plural]
        return [word(form, also="verb")], [word(verb["prefix"] + verb["participle"], "verb")]
    end = [word(verb["prefix"], "verb")] if verb["prefix"] else []
    return [word(verb["word" if plural else "third"], "verb")], end


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    finite, end = _verb(inner, plural=inner.subject.several)
    if inner.tense == "present" and not inner.modal and end:  # a separable verb is one word at the end
        finite, end = [word(end[0].text + finite[0].text, "verb")], []
    words = [*_subject(inner), *_middle(inner), *end, *finite]
    return [word(",", "comma"), word("weil", "because"), *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    finite, end = _verb(clause, plural=clause.subject.several)
    first = _adverbial(clause.front, getattr(clause, clause.front)) if clause.front else []
    opening = [*first, *finite, *_subject(clause)] if first else [*_subject(clause), *finite]
    words = [*opening, *_middle(clause, without=clause.front or ""), *end, *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def _how_many(clause: Clause) -> list[Token]:
    """Wie viele Schlüssel, wie vielen Freunden, zu wie vielen Mänteln."""
    verb = LEXICON.verb(clause)
    case = verb["case"] or "accusative"
    counted = noun_phrase(clause.object._replace(count=None, plural=True, definite=False), "object", case)
    before = [word(verb["preposition"], also="verb")] if verb["preposition"] else []
    many = word("vielen" if case == "dative" else "viele", "ask")
    return [*before, word("wie", "ask"), many, *counted]


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about the ``subject``, ``object``, ``place``, ``time`` or ``count`` (of the object) of the clause."""
    if asked == "subject":
        ask = "wer" if clause.subject.concept in LIVING else "was"
        finite, end = _verb(clause, plural=False)
        words = [word(ask, "ask"), *finite, *_middle(clause), *end]
        return capitalise([*words, word("?", "stop")])
    finite, end = _verb(clause, plural=clause.subject.several)
    if asked == "count":
        words = [*_how_many(clause), *finite, *_subject(clause)]
        return capitalise([*words, *_middle(clause, without="object"), *end, word("?", "stop")])
    ask = {"place": "wo", "time": "wann", "object": "was"}[asked]
    if asked == "object":
        verb = LEXICON.verb(clause)
        if clause.object.concept in PEOPLE:
            ask = "wem" if verb["case"] == "dative" else "wen"
        elif verb["preposition"]:  # "wozu"
            ask = "wo" + verb["preposition"]
    words = [word(ask, "ask"), *finite, *_subject(clause), *_middle(clause, without=asked), *end]
    return capitalise([*words, word("?", "stop")])
