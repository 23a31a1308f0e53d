"""The embedded world: English, situations, inference, questions, and what is written of them."""

import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from otlib.microworld import LABELS, en, language, write_world
from otlib.microworld.sample import NO_DETAIL, Sampler, members
from otlib.microworld.situations import (
    ADJECTIVE_ANTONYMS,
    ADJECTIVES,
    CATEGORIES,
    COLOURS,
    COMPOUNDS,
    HYPERNYMS,
    MASS,
    PERSONS,
    PLACES,
    TIMES,
    VERB_ANTONYMS,
    VERBS,
    Clause,
    Thing,
)
from otlib.microworld.tasks import TYPES, inference, question
from otlib.microworld.tokens import capitalise, detokenise, links, prefixed, span, text_span, word

LANGUAGES = ("de", "es", "fr", "bg", "el")
ANNA, MARIA, PETER = Thing("anna"), Thing("maria"), Thing("peter")


def a(concept, *adjectives, **more):
    return Thing(concept, definite=False, adjectives=adjectives, **more)


def the(concept, *adjectives, **more):
    return Thing(concept, adjectives=adjectives, **more)


# --- English -------------------------------------------------------------------------------------------------------
SENTENCES = [
    (Clause("eat", ANNA, a("apple")), "Anna eats an apple."),
    (Clause("eat", ANNA, a("apple", "green")), "Anna eats a green apple."),
    (Clause("buy", the("child"), a("coat", "orange_colour")), "The child buys an orange coat."),
    (Clause("buy", the("child", plural=True), a("watch_clock", plural=True)), "The children buy watches."),
    (Clause("feed", a("woman", count=3), a("mouse", "small", count=2)), "Three women feed two small mice."),
    (Clause("invite", the("guest", count=2), the("man", plural=True)), "The two guests invite the men."),
    (Clause("drink", PETER, the("apple_juice")), "Peter drinks the apple juice."),
    (Clause("wash", MARIA, a("scarf", "dirty", plural=True)), "Maria washes dirty scarves."),
    (Clause("play_game", PETER, Thing("chess"), place="park"), "Peter plays chess in the park."),
    (Clause("play_music", the("king"), the("piano"), tense="past"), "The king played the piano."),
    (Clause("match_fit", the("hat"), the("dress", "blue")), "The hat matches the blue dress."),
    (Clause("watch", ANNA, the("match_game")), "Anna watches the match."),
    (Clause("know_thing", ANNA, the("word")), "Anna knows the word."),
    (Clause("look_for", the("boy"), a("key"), tense="past"), "The boy looked for a key."),
    (Clause("pick_up", PETER, the("nurse"), negated=True), "Peter does not pick up the nurse."),
    (Clause("take_off", PETER, the("coat"), tense="past", negated=True), "Peter did not take off the coat."),
    (Clause("sleep", the("dog", plural=True), negated=True), "The dogs do not sleep."),
    (
        Clause("give", the("teacher"), a("book", "old", count=2), the("boy"), tense="past"),
        "The teacher gave two old books to the boy.",
    ),
    (Clause("send", MARIA, a("letter_mail"), PETER, time="monday"), "Maria sends a letter to Peter on Monday."),
    (Clause("work", MARIA, place="bank_money", time="morning"), "Maria works in the bank in the morning."),
    (Clause("sleep", MARIA, place="bank_river", time="night"), "Maria sleeps on the bank at night."),
    (Clause("depart", the("school_bus"), time="yesterday", tense="past"), "The school bus left yesterday."),
    (Clause("swim", the("girl"), modal="can"), "The girl can swim."),
    (Clause("swim", the("girl"), modal="can", negated=True), "The girl can not swim."),
    (Clause("get_up", PETER, modal="must"), "Peter must get up."),
    (Clause("get_up", PETER, modal="must", negated=True), "Peter does not have to get up."),
    (Clause("sing", the("girl", plural=True), the("song"), modal="want"), "The girls want to sing the song."),
    (Clause("cook", ANNA, the("soup"), modal="want", negated=True), "Anna does not want to cook the soup."),
    (Clause("cry", the("queen"), pronoun=True, tense="past"), "She cried."),
    (Clause("see", the("mouse"), a("cat"), pronoun=True), "It sees a cat."),
    (Clause("run", the("king", plural=True), pronoun=True), "They run."),
    (
        Clause("laugh", PETER, reason=Clause("dance", the("cook"), tense="past")),
        "Peter laughs because the cook danced.",
    ),
]


@pytest.mark.parametrize(("clause", "expected"), SENTENCES)
def test_sentences_are_those_an_english_speaker_would_write(clause, expected):
    """Articles, plurals, third person, do-support, particles, modals."""
    assert detokenise(en.sentence(clause)) == expected


QUESTIONS = [
    (Clause("eat", ANNA, a("apple")), "subject", "Who eats an apple?"),
    (Clause("eat", the("boy", plural=True), a("apple")), "subject", "Who eats an apple?"),
    (Clause("arrive", the("bus"), place="station"), "subject", "What arrives at the station?"),
    (Clause("eat", ANNA, a("apple"), tense="past"), "object", "What did Anna eat?"),
    (Clause("visit", the("boy", plural=True), PETER), "object", "Whom do the boys visit?"),
    (
        Clause("give", ANNA, a("key"), PETER, place="park", tense="past"),
        "object",
        "What did Anna give to Peter in the park?",
    ),
    (Clause("sleep", the("cat"), place="garden", time="today"), "place", "Where does the cat sleep today?"),
    (Clause("put_on", ANNA, the("coat"), time="evening"), "time", "When does Anna put on the coat?"),
    (Clause("work", ANNA, time="sunday", modal="must"), "time", "When must Anna work?"),
    (Clause("work", ANNA, place="school", modal="want"), "place", "Where does Anna want to work?"),
]


@pytest.mark.parametrize(("clause", "asked", "expected"), QUESTIONS)
def test_questions_are_those_an_english_speaker_would_ask(clause, asked, expected):
    """Who or what, do-support, the asked part left out."""
    assert detokenise(en.question(clause, asked)) == expected


# --- words ---------------------------------------------------------------------------------------------------------
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


# --- situations ----------------------------------------------------------------------------------------------------
def test_random_situations_make_sense():
    """Frames, agreement of time and tense, states without place: no bread in the plural, no poor table."""
    sampler = Sampler(random.Random(0))
    for _ in range(3000):
        clause = sampler.clause(general=0)
        frame = VERBS[clause.verb]
        for role in ("subject", "object", "recipient"):
            thing, categories = getattr(clause, role), getattr(frame, role)
            assert (thing is None) == (not categories)
            if thing is None:
                continue
            fitting = [category for category in categories if thing.concept in members(category)]
            assert fitting
            if thing.concept in NO_DETAIL:
                assert not thing.plural and not thing.adjectives and thing.count is None
            kind = next(kind for kind, concepts in CATEGORIES.items() if thing.concept in concepts)
            assert all(kind in ADJECTIVES[adjective] for adjective in thing.adjectives)
        assert (clause.tense == "past") or clause.time != "yesterday"
        assert clause.modal is None or clause.tense == "present"
        assert clause.verb != "love" or clause.place is clause.time is None


def test_every_language_has_words_for_every_concept():
    """A concept without an entry would fail in the middle of a world's making."""
    nouns = [concept for concepts in CATEGORIES.values() for concept in concepts] + list(HYPERNYMS)
    for code in ("en", *LANGUAGES):
        speaker = language(code)
        for concept in nouns:
            plurals = [] if concept in MASS else [Thing(concept, plural=True), a(concept, count=3)]
            for thing in (Thing(concept), a(concept), *plurals):
                assert speaker.sentence(Clause("see", thing, thing))
        for verb in VERBS:
            obj = PETER if VERBS[verb].object else None
            for clause in (Clause(verb, MARIA, obj, tense="past"), Clause(verb, MARIA, obj, modal="must")):
                assert speaker.sentence(clause) and speaker.sentence(replace(clause, negated=True))
        for adjective in ADJECTIVES:
            assert speaker.sentence(Clause("see", the("man", adjective), the("woman", adjective, plural=True)))
        for place, time in zip(PLACES, (*TIMES, *TIMES), strict=False):
            assert speaker.sentence(Clause("sleep", MARIA, place=place, time=time))


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_says_what_english_says(code):
    """Gold alignments: hardly a word of a random sentence is left without a link, and every verb has one."""
    sampler, linked, words = Sampler(random.Random(1)), 0, 0
    for _ in range(400):
        clause = sampler.clause()
        english, other = en.sentence(clause), language(code).sentence(clause)
        sure, possible = links(english, other)
        verbs = {i for i, token in enumerate(english) if "verb" in token.main}
        assert verbs <= {i for i, _ in sure}, detokenise(other)
        linked += len({i for i, _ in sure | possible})
        words += len(english)
    assert linked / words > 0.95


# --- inference -----------------------------------------------------------------------------------------------------
def _is(special: Thing | None, general: Thing | None) -> bool:
    """Whether what is said of the one thing is said of the other: an independent reading of noun phrases."""
    if special is None or general is None:
        return special is general
    return (
        (special.concept == general.concept or special.concept in HYPERNYMS.get(general.concept, ()))
        and set(general.adjectives) <= set(special.adjectives)
        and (general.count in (None, special.count))
        and (special.plural == general.plural)
    )


def _follows(premise: Clause, hypothesis: Clause) -> bool:
    return (
        (premise.verb, premise.tense) == (hypothesis.verb, hypothesis.tense)
        and all(_is(getattr(premise, r), getattr(hypothesis, r)) for r in ("subject", "object", "recipient"))
        and all(getattr(hypothesis, part) in (None, getattr(premise, part)) for part in ("place", "time"))
    )


def _excludes(premise: Clause, hypothesis: Clause) -> bool:
    """The same person cannot have done both: opposites, other numbers, other things, elsewhere."""
    opposites = {frozenset(pair) for pair in (*VERB_ANTONYMS, *ADJECTIVE_ANTONYMS)}
    opposites |= {frozenset((one, other)) for one in COLOURS for other in COLOURS if one != other}
    if premise.subject.concept != hypothesis.subject.concept:
        return False
    pairs = [(getattr(premise, role), getattr(hypothesis, role)) for role in ("subject", "object")]
    for one, other in [(one, other) for one, other in pairs if one and other]:
        if {frozenset((x, y)) for x in one.adjectives for y in other.adjectives} & opposites:
            return True
        if None not in (one.count, other.count) and one.count != other.count:
            return True
        # Whoever is a boy is a child too, and a cook may be a friend.
        if one.concept != other.concept and not {one.concept, other.concept} & {*HYPERNYMS, *PERSONS}:
            return True
    elsewhere = premise.place and hypothesis.place and premise.place != hypothesis.place
    return bool(elsewhere) or frozenset((premise.verb, hypothesis.verb)) in opposites


def _label(premise: Clause, hypothesis: Clause) -> str:
    """What follows, read off the situations without knowing how the item was made."""
    if premise.negated != hypothesis.negated:
        return "contradiction"
    if premise.negated:  # contraposition: not at all, hence not in the garden
        return "entailment" if _follows(hypothesis, premise) else "neutral"
    if _follows(premise, hypothesis):
        return "entailment"
    return "contradiction" if _excludes(premise, hypothesis) else "neutral"


@pytest.mark.parametrize("label", LABELS)
def test_labels_are_what_an_independent_reader_finds(label):
    """Two prototypes' errors: "the young table" against the old one; an apple cake that is no cake."""
    sampler, kinds = Sampler(random.Random(2)), Counter()
    for _ in range(2000):
        item = inference(sampler, label)
        kinds[item.kind] += 1
        assert _label(item.premise, item.hypothesis) == label, (item.kind, item.premise, item.hypothesis)
        for clause in (item.premise, item.hypothesis):
            for thing in (clause.subject, clause.object):
                if thing and thing.adjectives and thing.concept not in HYPERNYMS:
                    kind = next(kind for kind, concepts in CATEGORIES.items() if thing.concept in concepts)
                    assert all(kind in ADJECTIVES[adjective] for adjective in thing.adjectives)
        if item.kind == "substitution" and item.premise.object:
            one, other = item.premise.object.concept, item.hypothesis.object.concept
            assert one == other or one not in COMPOUNDS.get(other, ()) and other not in COMPOUNDS.get(one, ())
    assert set(kinds) == set(TYPES[label])
    assert min(kinds.values()) > 2000 * 0.02


def test_the_hypothesis_alone_does_not_give_the_label_away():
    """Annotation artefacts (Gururangan et al. 2018): a bag of words of the hypothesis stays near one third."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.naive_bayes import MultinomialNB
    from sklearn.pipeline import make_pipeline

    sampler = Sampler(random.Random(3))
    items = [inference(sampler, LABELS[i % 3]) for i in range(4500)]
    said = [detokenise(en.sentence(item.hypothesis)) for item in items]
    labels = [item.label for item in items]
    model = make_pipeline(CountVectorizer(), MultinomialNB())
    model.fit(said[:3000], labels[:3000])
    assert model.score(said[3000:], labels[3000:]) < 0.38


# --- questions -----------------------------------------------------------------------------------------------------
def test_questions_have_one_answer():
    """Nobody and nothing occurs in two sentences of a paragraph; only the sentence asked about fits the question."""
    sampler = Sampler(random.Random(4))
    for _ in range(2000):
        item = question(sampler)
        about = item.paragraph[item.about]
        assert getattr(about, item.asked) is not None
        assert len(item.paragraph) in (2, 3)
        concepts = [
            thing.concept
            for clause in item.paragraph
            for thing in (clause.subject, clause.object, clause.recipient)
            if thing
        ]
        assert len(concepts) == len(set(concepts))
        places = [clause.place for clause in item.paragraph if clause.place]
        assert len(places) == len(set(places))
        asked = [detokenise(en.question(clause, item.asked)) for clause in item.paragraph
                 if getattr(clause, item.asked) is not None]  # fmt: skip
        assert asked.count(detokenise(en.question(about, item.asked))) == 1


# --- files ---------------------------------------------------------------------------------------------------------
SIZES = {
    "text_sentences": 300, "parallel_pairs": 150, "heldout_pairs": 60, "nli_train": 240, "nli_dev": 60, "nli_test": 90,
    "qa_train": 120, "qa_dev": 40, "qa_test": 60,
}  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    return folder, write_world(folder, ["de", "el", "fr"], seed=1, **SIZES)


def _table(path: Path) -> list[dict[str, str]]:
    header, *rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def _questions(path: Path) -> dict[str, dict]:
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    paragraphs = [paragraph for article in articles for paragraph in article["paragraphs"]]
    return {qa["id"]: {**qa, "context": p["context"]} for p in paragraphs for qa in p["qas"]}


def _sentences(text: str) -> set[str]:
    """The sentences and questions of an English text, tokenised or not."""
    return set(re.findall(r"[A-Z][^.?]*[.?]", text.replace(" .", ".").replace(" ?", "?")))


def test_the_world_has_the_sizes_and_files_asked_for(world):
    """The study reads these files by name."""
    folder, counts = world
    assert len((folder / "text/el.txt").read_text(encoding="utf-8").splitlines()) == 300
    assert len(_table(folder / "parallel/de-en.train.tsv")) == counts["parallel"]["de"] == 150
    assert len(_table(folder / "parallel/de-en.heldout.tsv")) == counts["heldout"]["de"] == 60
    assert len(_table(folder / "nli/xnli.test.tsv")) == 4 * counts["nli"]["test"] == 360
    assert {row["language"] for row in _table(folder / "nli/xnli.train.tsv")} == {"en"}
    assert not (folder / "qa/de.train.json").exists()
    assert not list(folder.rglob("*.tmp"))


def test_test_items_are_the_same_in_every_language_and_labels_are_balanced(world):
    """Same pairID, same label; the type of the item stands in the pairID."""
    rows = _table(world[0] / "nli/xnli.test.tsv")
    by_language = {code: {r["pairID"]: r["gold_label"] for r in rows if r["language"] == code} for code in LANGUAGES}
    assert by_language["de"] == by_language["el"] == by_language["fr"]
    assert set(Counter(by_language["de"].values()).values()) == {30}
    assert all(name.rsplit("-", 1)[0] in TYPES[label] for name, label in by_language["de"].items())


def test_answers_are_at_their_offsets_in_every_language(world):
    """SQuAD v1.1; the same ids everywhere."""
    english = _questions(world[0] / "qa/en.test.json")
    for code in ("en", "de", "el", "fr"):
        found = _questions(world[0] / f"qa/{code}.test.json")
        assert found.keys() == english.keys() and len(found) == 60
        for item in found.values():
            for answer in item["answers"]:
                start = answer["answer_start"]
                assert item["context"][start : start + len(answer["text"])] == answer["text"]
                assert answer["text"] and answer["text"] == answer["text"].strip()


def test_no_sentence_that_is_tested_was_seen_before(world):
    """Splits are disjoint by situation: premises, hypotheses, contexts, questions, held-out pairs, text."""
    folder = world[0]
    parts = {}
    for split in ("train", "dev", "test"):
        rows = [row for row in _table(folder / f"nli/xnli.{split}.tsv") if row["language"] == "en"]
        parts[f"nli {split}"] = {row[key] for row in rows for key in ("sentence1", "sentence2")}
        found = _questions(folder / f"qa/en.{split}.json").values()
        parts[f"qa {split}"] = set().union(*(_sentences(f"{item['context']} {item['question']}") for item in found))
    for code in ("de", "el", "fr"):
        for split in ("train", "heldout"):
            rows = _table(folder / f"parallel/{code}-en.{split}.tsv")
            parts[f"{split} {code}"] = set().union(*(_sentences(row["en"]) for row in rows))
    text = (folder / "text/en.txt").read_text(encoding="utf-8").splitlines()
    # The short answer that ends a document of three and more sentences is no sentence.
    documents = [re.sub(r"(?<=[.?]) [^.?]*\.$", "", line) if "?" in line else line for line in text]
    parts["text en"] = set().union(*(_sentences(line) for line in documents))
    assert all(len(part) > 20 for part in parts.values())
    owners = Counter(sentence for part in parts.values() for sentence in part)
    assert [sentence for sentence, n in owners.items() if n > 1] == []


def test_gold_alignments_are_those_of_the_held_out_pairs(world):
    """Words by blanks, links in range, sure and possible apart."""
    for code in ("de", "el", "fr"):
        gold = _table(world[0] / f"gold/{code}-en.tsv")
        pairs = _table(world[0] / f"parallel/{code}-en.heldout.tsv")
        assert [(row["en"], row["other"]) for row in gold] == [(row["en"], row[code]) for row in pairs]
        for row in gold:
            sure, possible = (
                {tuple(map(int, link.split("-"))) for link in row[key].split()} for key in ("sure", "possible")
            )
            assert sure and not sure & possible
            n, m = len(row["en"].split()), len(row["other"].split())
            assert all(i < n and j < m for i, j in sure | possible)


def test_a_world_depends_on_its_seed_alone(tmp_path):
    """Sets of strings are ordered by PYTHONHASHSEED; no draw may depend on that order."""
    code = (
        "import sys, hashlib, pathlib\n"
        "from otlib.microworld import write_world\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "write_world(folder, ['bg'], seed=5, text_sentences=60, parallel_pairs=30, heldout_pairs=10, nli_train=30,\n"
        "    nli_dev=9, nli_test=9, qa_train=20, qa_dev=5, qa_test=5)\n"
        "files = sorted(path for path in folder.rglob('*') if path.is_file())\n"
        "print(hashlib.sha256(b''.join(path.read_bytes() for path in files)).hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / hash_seed)],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        (["xx"], r"does not speak 'xx': otlib/microworld/xx\.py is missing"),
        (["../de"], "does not speak"),
        (["tokens"], "is no language"),
        (["de", "de"], "different ones"),
        (["en"], "different ones"),
    ],
)
def test_a_wrong_language_is_refused_before_anything_is_written(tmp_path, languages, message):
    """A folder half written would look like data."""
    with pytest.raises(ValueError, match=message):
        write_world(tmp_path / "world", languages)
    assert not (tmp_path / "world").exists()
