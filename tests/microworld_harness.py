"""What the tests of all languages of the micro-world share.

The file of a language lists what a speaker would write, by hand, and makes tests of it::

    test_sentences = says("it", [(Clause("read", GIRL, BOOK), "La ragazza legge il libro."), ...])
"""

from pathlib import Path

import pytest

from otlib.data import microworld
from otlib.data.microworld import language, speaks
from otlib.data.microworld.situations import Thing
from otlib.data.microworld.tokens import detokenise, links, span, text_span

FOLDER = Path(microworld.__file__).parent
LANGUAGES = sorted(table.stem for table in FOLDER.glob("*.tsv") if speaks(table.stem))  # English among them

ANNA, MARIA, PETER, VICTOR = Thing("anna"), Thing("maria"), Thing("peter"), Thing("victor")
GIRL, TEACHER, BOOK = Thing("girl"), Thing("teacher"), Thing("book")


def a(concept, *adjectives, **more):
    return Thing(concept, definite=False, adjectives=adjectives, **more)


def the(concept, *adjectives, **more):
    return Thing(concept, adjectives=adjectives, **more)


def says(code, expected):
    """A test of sentences: a list of (clause, sentence)."""

    @pytest.mark.parametrize(("clause", "sentence"), expected, ids=[sentence for _, sentence in expected])
    def test(clause, sentence):
        """One wrong form, one word in the wrong place fails."""
        said = detokenise(language(code).sentence(clause))
        assert said == sentence, f"{code} says {said!r}, not {sentence!r}"

    return test


def asks(code, expected):
    """A test of questions: a list of (clause, part that is asked for, question)."""

    @pytest.mark.parametrize(("clause", "part", "question"), expected, ids=[question for *_, question in expected])
    def test(clause, part, question):
        """The question word with its case or preposition, the order of the words, the asked part left out."""
        asked = detokenise(language(code).question(clause, part))
        assert asked == question, f"{code} asks {asked!r}, not {question!r}"

    return test


def aligns(code, expected):
    """A test of gold alignments: a list of (clause, sure links, links that are only possible).

    Links are written as in the files: English word - other word, counted from 0, separated by blanks.
    """

    @pytest.mark.parametrize(("clause", "sure", "possible"), expected)
    def test(clause, sure, possible):
        """Every link, and no other, is the one made by hand."""
        source, pivot = language(code).sentence(clause), language("en").sentence(clause)
        found = [" ".join(f"{j}-{i}" for j, i in sorted((j, i) for i, j in some)) for some in links(source, pivot)]
        wanted = [" ".join(sorted(some.split(), key=_numbers)) for some in (sure, possible)]
        assert found == wanted, f"{detokenise(pivot)} / {detokenise(source)}: {found}, not {wanted}"

    return test


def answers(code, expected):
    """A test of answers: a list of (clause, part that is asked for, answer)."""

    @pytest.mark.parametrize(("clause", "part", "answer"), expected, ids=[answer for *_, answer in expected])
    def test(clause, part, answer):
        """The answer is the whole phrase, with its preposition."""
        tokens = language(code).sentence(clause)
        found = text_span(tokens, *span(tokens, part))[1]
        assert found == answer, f"{code} answers {found!r}, not {answer!r}"

    return test


def _numbers(link):
    return [int(number) for number in link.split("-")]
