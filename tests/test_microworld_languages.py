"""What holds in every language of the embedded world, those that are added included: each table makes a language."""

import random
from pathlib import Path

import pytest
from microworld_harness import LANGUAGES, MARIA, PETER, a, the

from otlib.data.microworld import language
from otlib.data.microworld.concepts import ADJECTIVES, CATEGORIES, HYPERNYMS, MASS, PLACES, TIMES, VERBS
from otlib.data.microworld.sample import Sampler
from otlib.data.microworld.situations import Clause, Thing
from otlib.data.microworld.tokens import capitalise, detokenise, links, prefixed, span, text_span, word

PARTS = ("subject", "object", "place", "time")


@pytest.fixture(params=LANGUAGES)
def speaker(request):
    return language(request.param)


@pytest.fixture(params=[code for code in LANGUAGES if code != "en"])
def foreign(request):
    return language(request.param)


def random_clauses(n, **how):
    sampler = Sampler(random.Random(1))
    return [sampler.clause(**how) for _ in range(n)]


def roles(tokens):
    """The parts of the clause that the words express or help to express, without what is inside a reason."""
    nodes = {node for token in tokens for node in token.main | token.also if not node.startswith("reason.")}
    return {node.split(".")[0] for node in nodes} & {*PARTS, "recipient", "verb", "neg", "modal"}


# --- words ----------------------------------------------------------------------------------------------------------
APPLE_JUICE = [word("Le", "subject.det"), word("jus", "subject"), word("d'", also="subject.mod", glue=True)]
APPLE_JUICE += [word("orange", "subject.mod"), word("arrive", "verb"), word(".", "stop")]


def test_text_is_written_without_blanks_before_stops_and_after_elisions():
    """The text of a span is found at its offset."""
    assert detokenise(APPLE_JUICE) == "Le jus d'orange arrive."
    assert span(APPLE_JUICE, "subject") == (0, 3)
    assert text_span(APPLE_JUICE, 0, 3) == (0, "Le jus d'orange")
    assert text_span(APPLE_JUICE, 3, 4) == (9, "orange arrive")
    with pytest.raises(ValueError, match="has no place"):
        span(APPLE_JUICE, "place")


def test_links_are_sure_between_words_of_their_own_meaning_and_else_possible():
    """A word that only helps links as possible; a merged word links to all that it says."""
    german = [
        word("Apfelsaft", "subject subject.mod"),
        word("ist", also="verb"),
        word("kommt", "verb"),
        word("an", "verb"),
    ]
    english = [word("apple", "subject.mod"), word("juice", "subject"), word("does", also="verb")]
    english += [word("arrive", "verb")]
    assert links(english, german) == ({(0, 0), (1, 0), (3, 2), (3, 3)}, {(3, 1), (2, 1), (2, 2), (2, 3)})


def test_sentences_of_a_text_do_not_align_across():
    """The same node in two sentences is two nodes."""
    one, two = prefixed([word("reads", "verb")], "0."), prefixed([word("liest", "verb")], "1.")
    assert links(one, two) == (set(), set())
    assert capitalise([word("él", "subject"), word("lee", "verb")])[0].text == "Él"


# --- every language -------------------------------------------------------------------------------------------------
def test_the_languages_of_the_study_are_found():
    """Nothing else lists the languages: a table and rules of the same name are one."""
    assert set(LANGUAGES) >= {"en", "de", "es", "fr", "bg", "el"}


def test_every_language_has_words_for_every_concept(speaker):
    """A concept without an entry would fail in the middle of a world's making."""
    for concept in [concept for concepts in CATEGORIES.values() for concept in concepts] + list(HYPERNYMS):
        plurals = [] if concept in MASS else [Thing(concept, plural=True), a(concept, count=3)]
        for thing in (Thing(concept), a(concept), *plurals):
            assert speaker.sentence(Clause("see", thing, thing))
    for verb in VERBS:
        obj = PETER if VERBS[verb].object else None
        for clause in (Clause(verb, MARIA, obj, tense="past"), Clause(verb, MARIA, obj, modal="must")):
            assert speaker.sentence(clause) and speaker.sentence(clause._replace(negated=True))
    for adjective in ADJECTIVES:
        assert speaker.sentence(Clause("see", the("man", adjective), the("woman", adjective, plural=True)))
    for place, time in zip(PLACES, (*TIMES, *TIMES), strict=False):
        assert speaker.sentence(Clause("sleep", MARIA, place=place, time=time))


def test_every_word_is_one_word(speaker):
    """Gold alignments count the words between blanks: a blank within a word would shift every link behind it."""
    for clause in random_clauses(1000):
        for tokens in [speaker.sentence(clause), *_questions(speaker, clause)]:
            assert all(token.text and token.text.split() == [token.text] for token in tokens), tokens
            assert all(token.main or token.also for token in tokens), tokens
            assert "stop" in tokens[-1].main and not any("stop" in token.main for token in tokens[:-1])


def test_a_sentence_says_the_whole_clause_and_nothing_else(speaker):
    """Whoever reads the sentence knows all parts of the situation; a rule that drops one would leave words unlinked."""
    for clause in random_clauses(1000):
        tokens = speaker.sentence(clause)
        given = {part for part in (*PARTS, "recipient", "modal") if getattr(clause, part)}
        assert roles(tokens) == given | {"verb"} | ({"neg"} if clause.negated else set()), detokenise(tokens)
        assert detokenise(tokens)[0].isupper()


def test_a_question_leaves_out_what_it_asks_for_and_keeps_the_rest(speaker):
    """A question that held its answer could be answered without the paragraph."""
    for clause in random_clauses(1000):
        tokens = speaker.sentence(clause)
        for part, asked in zip(_askable(clause), _questions(speaker, clause), strict=True):
            assert not any(node.split(".")[0] == part for token in asked for node in token.main), detokenise(asked)
            assert roles(asked) | {part} == roles(tokens), detokenise(asked)
            assert any("ask" in token.main for token in asked), detokenise(asked)


def test_every_part_that_is_asked_for_is_found_in_the_sentence(speaker):
    """Answers are cut out of the written sentence at an offset."""
    for clause in random_clauses(1000):
        tokens = speaker.sentence(clause)
        for part in _askable(clause):
            start, text = text_span(tokens, *span(tokens, part))
            assert text == text.strip() and detokenise(tokens)[start : start + len(text)] == text


def _askable(clause):
    """Questions are made of plain clauses whose subject is named."""
    plain = not (clause.pronoun or clause.negated or clause.modal or clause.reason)
    return [part for part in PARTS if plain and getattr(clause, part) is not None]


def _questions(speaker, clause):
    return [speaker.question(clause, part) for part in _askable(clause)]


def test_every_language_says_what_english_says(foreign):
    """Gold alignments: hardly a word of a random sentence is left without a link, and every verb has one."""
    linked, articles_linked, words, articles = 0, 0, 0, 0
    for clause in random_clauses(400):
        english, other = language("en").sentence(clause), foreign.sentence(clause)
        sure, possible = links(other, english)
        verbs = {j for j, token in enumerate(english) if "verb" in token.main}
        assert verbs <= {j for _, j in sure}, detokenise(other)
        of_article = {j for j, token in enumerate(english) if any(node.endswith(".det") for node in token.main)}
        found = {j for _, j in sure | possible}
        linked, articles_linked = linked + len(found), articles_linked + len(found & of_article)
        words, articles = words + len(english), articles + len(of_article)
    assert linked / words > 0.9  # not every language has an article before what is indefinite
    assert (linked - articles_linked) / (words - articles) > 0.97


def test_every_language_has_sentences_written_by_hand():
    """Rules that nobody has checked against a speaker's sentences are a guess."""
    tests = Path(__file__).parent
    for code in LANGUAGES:
        assert (tests / f"test_microworld_{code}.py").exists(), f"{code} has none: copy test_microworld_es.py"
