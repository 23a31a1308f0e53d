"""A language in ten minutes: thirty words, and who does what to what, where and when. See README.md, "Ten minutes".

This is no language: copy it, with ``first.tsv``, under the code of yours.
"""

from pathlib import Path

from otlib.data.microworld.concepts import MASS, NAMES
from otlib.data.microworld.lexicon import Lexicon, Unsaid
from otlib.data.microworld.situations import Clause, Thing
from otlib.data.microworld.tokens import Token, capitalise, word

ORDER = ("subject", "verb", "object", "place", "time")

LEXICON = Lexicon(
    Path(__file__).with_suffix(".tsv"),
    {
        "name": "word",
        "noun": "word a? the?",  # with its articles, where there are any
        "verb": "word",  # she eats
        "place": "word*",  # the whole phrase, its noun last
        "time": "word*",
    },
)


def noun_phrase(thing: Thing, role: str) -> list[Token]:
    """Article and noun."""
    if thing.several or thing.adjectives:
        raise Unsaid(f"{__name__} has no plurals and no adjectives yet")
    noun = LEXICON.noun(thing.concept)
    if thing.concept in NAMES:
        return [word(noun["word"], role)]
    article = noun["the" if thing.definite or thing.concept in MASS else "a"]
    before = [word(article, f"{role}.det", glue=article.endswith("'"))] if article else []
    return [*before, word(noun["word"], role)]


def _adverbial(role: str, concept: str) -> list[Token]:
    *before, noun = LEXICON.text(role, concept).split()
    words = [word(text, node) for text, node in zip(before, (f"{role}.prep", f"{role}.det"), strict=False)]
    return [*words, word(noun, role)]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    if clause.tense == "past" or clause.modal or clause.negated:
        raise Unsaid(f"{__name__} has no past, no modal verbs and no negation yet")
    if clause.pronoun or clause.recipient or clause.reason:
        raise Unsaid(f"{__name__} has no pronouns, recipients and reasons yet")
    parts = {"subject": noun_phrase(clause.subject, "subject"), "verb": [word(LEXICON.verb(clause)["word"], "verb")]}
    if clause.object:
        parts["object"] = noun_phrase(clause.object, "object")
    parts |= {role: _adverbial(role, getattr(clause, role)) for role in ("place", "time") if getattr(clause, role)}
    order = dict.fromkeys(role for role in (clause.front, *ORDER) if role in parts)
    return capitalise([*(token for role in order for token in parts[role]), word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about a part of the clause."""
    raise Unsaid(f"{__name__} has no questions yet")
