"""English: articles, do-support in negations and questions, "to" before the recipient, noun compounds."""

from pathlib import Path

from otlib.data.microworld.concepts import GAMES, LIVING, MASS, NAMES, PEOPLE
from otlib.data.microworld.lexicon import Lexicon
from otlib.data.microworld.situations import Clause, Thing
from otlib.data.microworld.tokens import Token, capitalise, prefixed, word

LEXICON = Lexicon(
    Path(__file__).with_suffix(".tsv"),
    {
        "name": "word pronoun",
        "noun": "word plural? pronoun?",
        "modifier": "word",
        "adjective": "word",
        "verb": "word third past particle?",
        "place": "word*",
        "time": "word*",
        "modal": "word third",
        "number": "word",
    },
    {"pronoun": ("he", "she")},
)


def noun_phrase(thing: Thing, role: str) -> list[Token]:
    """Article, number, adjective, modifier, noun."""
    noun = LEXICON.noun(thing.concept)
    if thing.concept in (*NAMES, *GAMES):
        return [word(noun["word"], role)]
    words = [word(LEXICON.text("number", thing.count), f"{role}.count")] if thing.count else []
    words += [word(LEXICON.text("adjective", adjective), f"{role}.adj") for adjective in thing.adjectives]
    if thing.concept in LEXICON["modifier"]:
        words += [word(LEXICON.text("modifier", thing.concept), f"{role}.mod")]
    form = (noun["plural"] or noun["word"] + "s") if thing.several else noun["word"]
    words += [word(form, LEXICON.noun_nodes(thing.concept, role))]
    if thing.definite or thing.concept in MASS:
        return [word("the", f"{role}.det"), *words]
    if thing.several:
        return words
    return [word("an" if words[0].text[0] in "aeiou" else "a", f"{role}.det"), *words]


def _subject(clause: Clause) -> list[Token]:
    if not clause.pronoun:
        return noun_phrase(clause.subject, "subject")
    one = LEXICON.noun(clause.subject.concept)["pronoun"] or "it"
    return [word("they" if clause.subject.several else one, "subject")]


def _verb(clause: Clause, *, bare: bool = False) -> list[Token]:
    """The verb after its subject, with auxiliary, negation and modal; ``bare`` for the infinitive alone."""
    verb, plural = LEXICON.verb(clause), clause.subject.several
    base = verb["word"]
    after = [word(verb["particle"], "verb")] if verb["particle"] else []
    if bare:
        return [word(base, "verb"), *after]
    if clause.modal in ("want", "must") and clause.negated:
        helper = [word("do" if plural else "does", also="modal"), word("not", "neg")]
        # "must not" forbids; the negation of the obligation is what the other languages say.
        modal = word("want" if clause.modal == "want" else "have", "modal")
        return [*helper, modal, word("to", also="modal"), word(base, "verb"), *after]
    if clause.modal:
        no = [word("not", "neg")] if clause.negated else []
        to = [word("to", also="modal")] if clause.modal == "want" else []
        return [word(_modal(clause.modal, plural), "modal"), *no, *to, word(base, "verb"), *after]
    if clause.negated:
        helper = "did" if clause.tense == "past" else "do" if plural else "does"
        return [word(helper, also="verb"), word("not", "neg"), word(base, "verb"), *after]
    form = verb["past"] if clause.tense == "past" else base if plural else verb["third"]
    return [word(form, "verb"), *after]


def _modal(concept: str, plural: bool) -> str:
    return LEXICON["modal"][concept]["word" if plural else "third"]


def _adverbial(role: str, concept: str | None) -> list[Token]:
    """Preposition, article and noun: in the garden, at school, today."""
    *before, noun = LEXICON.text(role, concept).split() if concept else [""]
    words = [word(text, node) for text, node in zip(before, (f"{role}.prep", f"{role}.det"), strict=False)]
    return [*words, word(noun, role)] if noun else []


def _rest(clause: Clause, without: str = "") -> list[Token]:
    """What follows the verb, but for one constituent."""
    words = noun_phrase(clause.object, "object") if clause.object and without != "object" else []
    if clause.recipient:
        words += [word("to", "recipient.to"), *noun_phrase(clause.recipient, "recipient")]
    words += _adverbial("place", clause.place) if without != "place" else []
    words += _adverbial("time", clause.time) if without != "time" else []
    return words


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    words = [*_subject(inner), *_verb(inner), *_rest(inner)]
    return [word("because", "because"), *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    first = _adverbial(clause.front, getattr(clause, clause.front)) if clause.front else []
    words = [*first, *_subject(clause), *_verb(clause), *_rest(clause, without=clause.front or ""), *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about the ``subject``, ``object``, ``place``, ``time`` or ``count`` (of the object) of the clause."""
    if asked == "subject":
        one = clause._replace(subject=Thing("man"))
        ask = "who" if clause.subject.concept in LIVING else "what"
        return capitalise([word(ask, "ask"), *_verb(one), *_rest(clause), word("?", "stop")])
    if asked == "count":
        helper, verb = _inverted(clause)
        counted = noun_phrase(clause.object._replace(count=None, plural=True, definite=False), "object")
        words = [word("how", "ask"), word("many", "ask"), *counted, helper, *_subject(clause), *verb]
        return capitalise([*words, *_rest(clause, without="object"), word("?", "stop")])
    person = asked == "object" and clause.object.concept in PEOPLE
    ask = {"object": "whom" if person else "what", "place": "where", "time": "when"}[asked]
    helper, verb = _inverted(clause)
    words = [word(ask, "ask"), helper, *_subject(clause), *verb, *_rest(clause, without=asked)]
    return capitalise([*words, word("?", "stop")])


def _inverted(clause: Clause) -> tuple[Token, list[Token]]:
    """The auxiliary before the subject and what follows it."""
    plural, verb = clause.subject.several, _verb(clause, bare=True)
    if clause.modal in ("must", "can"):
        return word(_modal(clause.modal, plural), "modal"), verb
    helper = "did" if clause.tense == "past" else "do" if plural else "does"
    if clause.modal == "want":
        return word(helper, also="modal"), [word("want", "modal"), word("to", also="modal"), *verb]
    return word(helper, also="verb"), verb
