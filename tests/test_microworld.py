"""The embedded world: situations, inference, questions, and what is written of them."""

import hashlib
import itertools
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from otlib.data import microworld
from otlib.data.items import LABELS, read_qa
from otlib.data.microworld import _Draws, _features, _say, _twice, _uttered, en, speaks, write_world
from otlib.data.microworld.balance import balanced, shared_words
from otlib.data.microworld.changes import GROUPS_OF_TIMES
from otlib.data.microworld.concepts import (
    ADJECTIVE_ANTONYMS,
    ADJECTIVES,
    CATEGORIES,
    COLOURS,
    COMPOUNDS,
    DISTINCT_PLACES,
    GENERAL,
    HYPERNYMS,
    MEMBERS,
    NAMES,
    NOUN_OPPOSITES,
    PERSONS,
    SYNONYMS,
    VERB_ANTONYMS,
    VERBS,
)
from otlib.data.microworld.sample import NO_DETAIL, Sampler
from otlib.data.microworld.situations import Clause, Thing
from otlib.data.microworld.tasks import inference, question, said_again
from otlib.data.microworld.tokens import detokenise
from otlib.settings import Microworld, ParameterError
from otlib.tasks.overlap import nli_rule, qa_rule


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
            fitting = [category for category in categories if thing.concept in MEMBERS[category]]
            assert fitting
            if thing.concept in NO_DETAIL:
                assert not thing.plural and not thing.adjectives and thing.count is None
            kind = next(kind for kind, concepts in CATEGORIES.items() if thing.concept in concepts)
            assert all(kind in ADJECTIVES[adjective] for adjective in thing.adjectives)
        assert (clause.tense == "past") or clause.time != "yesterday"
        assert clause.modal is None or clause.tense == "present"
        assert clause.verb != "love" or clause.place is clause.time is None


# --- inference -----------------------------------------------------------------------------------------------------
BASE = {kind: {word: words[0] for words in groups for word in words} for kind, groups in SYNONYMS.items()}
OPPOSITES = {
    *map(frozenset, (*NOUN_OPPOSITES, *VERB_ANTONYMS, *ADJECTIVE_ANTONYMS, *itertools.combinations(COLOURS, 2))),
    *(frozenset(pair) for group in GROUPS_OF_TIMES for pair in itertools.combinations(group, 2)),
    *map(frozenset, itertools.combinations(DISTINCT_PLACES, 2)),
}


def _base(kind: str, concept: str) -> str:
    return BASE[kind].get(concept, concept)


def _members(concept: str) -> set[str]:
    """All that a noun may be said of: an independent reading of the tables."""
    return {_base("noun", member) for member in HYPERNYMS.get(concept, (concept,))}


def _is(special: Thing | None, general: Thing | None) -> bool:
    """Whether what is said of the one thing is said of the other."""
    if special is None or general is None:
        return special is general
    adjectives = [{_base("adjective", adjective) for adjective in thing.adjectives} for thing in (special, general)]
    return (
        _members(special.concept) <= _members(general.concept)
        and adjectives[1] <= adjectives[0]
        and general.count in (None, special.count)
        and special.plural == general.plural
    )


def _follows(premise: Clause, hypothesis: Clause) -> bool:
    return (
        _base("verb", premise.verb) == _base("verb", hypothesis.verb)
        and premise.tense == hypothesis.tense
        and all(_is(getattr(premise, r), getattr(hypothesis, r)) for r in ("subject", "object", "recipient"))
        and all(getattr(hypothesis, part) in (None, getattr(premise, part)) for part in ("place", "time"))
    )


def _excludes(premise: Clause, hypothesis: Clause) -> bool:
    """The same event cannot be both: opposites, other numbers, another kind of thing, elsewhere, at another time."""
    words = [(_base("verb", premise.verb), _base("verb", hypothesis.verb))]
    words += [(getattr(premise, part), getattr(hypothesis, part)) for part in ("place", "time")]
    for one, other in ((getattr(premise, role), getattr(hypothesis, role)) for role in ("subject", "object")):
        if one and other:
            words.append((_base("noun", one.concept), _base("noun", other.concept)))
            words += [(_base("adjective", x), _base("adjective", y)) for x in one.adjectives for y in other.adjectives]
            if None not in (one.count, other.count) and one.count != other.count:
                return True
    if any(frozenset(pair) in OPPOSITES for pair in words):
        return True
    if premise.object is None:
        return False
    one, other = _members(premise.object.concept), _members(hypothesis.object.concept)
    # A cook may be a friend, and an apple cake is a cake.
    return not one & other and not {_base("noun", person) for person in (*PERSONS, *NAMES)} & (one | other)


def _label(premise: Clause, hypothesis: Clause) -> str:
    """What follows, read off the situations without knowing how the item was made."""
    if premise.negated and hypothesis.negated:  # contraposition: who buys no fruit buys no apple
        return "entailment" if _follows(hypothesis, premise) else "neutral"
    if premise.negated or hypothesis.negated:
        positive = (hypothesis, premise) if premise.negated else (premise, hypothesis)
        return "contradiction" if _follows(*positive) else "neutral"
    if _follows(premise, hypothesis):
        return "entailment"
    swapped = hypothesis._replace(subject=hypothesis.object, object=hypothesis.subject)
    if hypothesis.object and _follows(premise, swapped):
        return "neutral"
    return "contradiction" if _excludes(premise, hypothesis) else "neutral"


KINDS = {
    "entailment": {"synonym", "hypernym", "negation"},
    "neutral": {"unrelated", "occupation", "hyponym", "time", "swap", "negation"},
    "contradiction": {"antonym", "substitution", "number", "place", "time", "negation"},
}


@pytest.mark.parametrize("label", LABELS)
def test_labels_are_what_an_independent_reader_finds(label):
    """Prototypes' errors: "the young table" against the old one; an apple cake that is no cake."""
    sampler, kinds = Sampler(random.Random(2)), Counter()
    for _ in range(2000):
        item = inference(sampler, label)
        kinds[item.kind] += 1
        assert _label(item.premise, item.hypothesis) == label, (item.kind, item.premise, item.hypothesis)
        for clause in (item.premise, item.hypothesis):
            for role in ("subject", "object"):
                thing = getattr(clause, role)
                if thing and thing.adjectives and thing.concept not in HYPERNYMS:
                    kind = next(kind for kind, concepts in CATEGORIES.items() if thing.concept in concepts)
                    assert all(kind in ADJECTIVES[adjective] for adjective in thing.adjectives)
                if thing:  # nobody reads bread
                    categories = getattr(VERBS[clause.verb], role)
                    assert any(thing.concept in (*MEMBERS[name], GENERAL.get(name)) for name in categories)
    assert set(kinds) == KINDS[label]


@pytest.fixture(scope="module")
def drawn():
    """Items to fit a rule on, and others to test it on, each drawn by itself: English sides and labels."""

    def sides(seed, n):
        make = partial(inference, Sampler(random.Random(seed)))
        items = balanced(n, LABELS, make, partial(_features, {"en": en}))
        return [*zip(*((_say(en, item.premise), _say(en, item.hypothesis), item.label) for item in items), strict=True)]

    return sides(3, 3000), sides(4, 1000)


@pytest.mark.parametrize("side", [0, 1], ids=["premise", "hypothesis"])
def test_one_side_alone_does_not_give_the_label_away(drawn, side):
    """Annotation artefacts (Gururangan et al., 2018): a bag of words of either side stays near one third."""
    model = make_pipeline(CountVectorizer(token_pattern=r"\w+"), MultinomialNB())
    fitted, tested = drawn
    model.fit(fitted[side], fitted[2])
    assert model.score(tested[side], tested[2]) < 0.40


def test_how_many_words_two_sentences_share_does_not_give_the_label_away(drawn):
    """An earlier version: 65 per cent by counting, more than any encoder."""
    tables = [
        pd.DataFrame({"language": "en", "pairID": range(len(y)), "gold_label": y, "sentence1": p, "sentence2": h})
        for p, h, y in drawn
    ]
    answered = nli_rule(*tables)
    assert (answered["gold"] == answered["predicted"]).mean() < 0.38


def test_minimisation_is_what_makes_words_and_labels_independent():
    """Items as they come: the hypothesis alone is right in half of them."""
    sampler = Sampler(random.Random(3))
    items = [inference(sampler, LABELS[i % 3]) for i in range(4500)]
    said, labels = [detokenise(en.sentence(item.hypothesis)) for item in items], [item.label for item in items]
    model = make_pipeline(CountVectorizer(token_pattern=r"\w+"), MultinomialNB()).fit(said[:3000], labels[:3000])
    assert model.score(said[3000:], labels[3000:]) > 0.45


def test_what_is_said_again_means_the_same():
    sampler = Sampler(random.Random(5))
    for _ in range(1000):
        clause = sampler.clause(plain=True, detail=1.4)
        assert _follows(clause, said_again(sampler, clause))


# --- questions -----------------------------------------------------------------------------------------------------
def _may_be_told(clause: Clause, asks: Clause) -> bool:
    """Whether a question, by its verb, subject and object, may be about a clause."""
    verb = {"bake": "cook"}.get(clause.verb, _base("verb", clause.verb))
    return verb == _base("verb", asks.verb) and all(
        _may_be(getattr(clause, role).concept, getattr(asks, role).concept) for role in ("subject", "object")
    )


def _may_be(concept: str, word: str) -> bool:
    """Anna may be the friend, the friend may be the doctor, an apple cake is a cake; a boy is no girl."""
    if concept in NAMES or {concept, word} <= {*PERSONS}:
        return frozenset((_base("noun", concept), _base("noun", word))) not in OPPOSITES
    heads = {_base("noun", concept), _base("noun", COMPOUNDS.get(concept, ("", concept))[1])}
    return bool(heads & _members(word))


def test_questions_have_one_answer_that_meaning_alone_finds():
    """One sentence fits the question; what is asked differs in all; the question says it in other words."""
    sampler, asked = Sampler(random.Random(4)), Counter()
    for _ in range(2000):
        item = question(sampler)
        asked[item.asked] += 1
        about, asks = item.paragraph[item.about], item.asks
        assert len(item.paragraph) == 2
        answers = [c.object.count if item.asked == "count" else getattr(c, item.asked) for c in item.paragraph]
        assert len(set(answers)) == len(answers) and answers[item.about]
        said = {"subject": asks._replace(subject=about.subject), "object": asks._replace(object=about.object)}
        asks = said.get(item.asked, asks)  # what is asked for is not said
        alike = [c for c in item.paragraph if _may_be_told(c._replace(**_same(item.asked, about)), asks)]
        assert alike == [about]
        assert (asks.verb, asks.subject.concept, asks.object.concept) != (
            *(about.verb, about.subject.concept, about.object.concept),
        )
        assert asks.place in (None, about.place) and asks.time in (None, about.time)
        assert item.asked != "count" or all(clause.object.count for clause in item.paragraph)
        assert asks.object.concept != "drink_noun"
    assert set(asked) == {"subject", "object", "place", "time", "count"} and min(asked.values()) > 200


def _same(asked: str, about: Clause) -> dict[str, Thing]:
    return {asked: getattr(about, asked)} if asked in ("subject", "object") else {}


def test_the_sentence_that_shares_most_words_with_a_question_does_not_answer_it(world):
    """An earlier version: F1 95 by a rule that knows no word."""
    tests = {code: read_qa(world[0] / f"qa/{code}.test.json") for code in ("en", *CODES)}
    answered = qa_rule(read_qa(world[0] / "qa/en.train.json"), tests)
    assert answered.groupby("language")["f1"].mean().max() < 0.40  # of 60 questions; of 2,000 below .30
    # Endings and articles once told in Greek which sentence was meant, in 71 questions of 100.
    for code in tests:
        for asked, context in tests[code][["question", "context"]].itertuples(index=False):
            said = [shared_words(asked, sentence) for sentence in re.findall(r"[^.]+\.", context)]
            assert len(said) == 2 and said[0] == said[1], (asked, context)


def test_more_sentences_than_there_are_end_in_one_sentence(monkeypatch):
    draws = _Draws(5)
    always = microworld._single(draws, "train de")
    monkeypatch.setattr(microworld, "_single", lambda *_: always)
    assert draws.different("train de", 1) == [always]
    with pytest.raises(ValueError, match="has not 2 different sentences for 'train de': ask for fewer"):
        draws.different("train de", 2)


def test_text_says_nothing_twice_in_the_same_words():
    """A pronoun hides the noun that a synonym replaces: the two were one sentence."""
    draws = _Draws(5)
    for _ in range(1000):
        one, other = _twice(draws.sampler)
        assert sorted(_say(en, one).lower().split()) != sorted(_say(en, other).lower().split())
    said = draws.different("parallel", 500)
    assert len({detokenise(_uttered(en, *utterance)) for utterance in said}) == 500


# --- files ---------------------------------------------------------------------------------------------------------
SIZES = {
    "text_sentences": 300,
    "parallel_pairs": 150,
    "heldout_pairs": 60,
    "nli_train": 240,
    "nli_dev": 60,
    "nli_test": 90,
    "qa_train": 120,
    "qa_dev": 40,
    "qa_test": 60,
}
CODES = ("de", "el", "fr")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    return folder, write_world(folder, CODES, Microworld(seed=1, **SIZES))


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
    assert {row["language"] for row in _table(folder / "nli/xnli.dev.tsv")} == {"en"}
    assert not (folder / "qa/de.dev.json").exists()
    assert not list(folder.rglob("*.tmp"))


def test_test_items_are_the_same_in_every_language_and_labels_are_balanced(world):
    """Same pairID, same label; the type of the item stands in the pairID."""
    rows = _table(world[0] / "nli/xnli.test.tsv")
    by_language = {code: {r["pairID"]: r["gold_label"] for r in rows if r["language"] == code} for code in CODES}
    assert by_language["de"] == by_language["el"] == by_language["fr"]
    assert set(Counter(by_language["de"].values()).values()) == {30}
    assert all(name.rsplit("-", 1)[0] in KINDS[label] for name, label in by_language["de"].items())


def test_each_training_item_is_translated_into_one_language(world):
    """A ceiling is taught by them: the same items, with the same labels and answers asked for."""
    rows = _table(world[0] / "nli/xnli.train.tsv")
    items = {code: {(r["pairID"], r["gold_label"]) for r in rows if r["language"] == code} for code in ("en", *CODES)}
    assert [len(items[code]) for code in ("en", *CODES)] == [240, 80, 80, 80]
    assert set().union(*(items[code] for code in CODES)) == items["en"]
    asked = {code: _questions(world[0] / f"qa/{code}.train.json") for code in ("en", *CODES)}
    assert [len(asked[code]) for code in ("en", *CODES)] == [120, 40, 40, 40]
    assert set().union(*(asked[code] for code in CODES)) == asked["en"].keys()
    assert all(asked["de"][name]["context"] != asked["en"][name]["context"] for name in asked["de"])


def test_answers_are_at_their_offsets_in_every_language(world):
    """SQuAD v1.1; the same ids everywhere."""
    english = _questions(world[0] / "qa/en.test.json")
    for code in ("en", *CODES):
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
    for code in CODES:
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
    for code in CODES:
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
        "from otlib.data.microworld import write_world\n"
        "from otlib.settings import Microworld\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "write_world(folder, ['bg'], Microworld(seed=5, text_sentences=60, parallel_pairs=30, heldout_pairs=10,\n"
        "    nli_train=300, nli_dev=9, nli_test=9, qa_train=20, qa_dev=5, qa_test=5))\n"
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


# The files of a small world, seed 1.
SMALL = {
    "text_sentences": 150,
    "parallel_pairs": 60,
    "heldout_pairs": 40,
    "nli_train": 120,
    "nli_dev": 30,
    "nli_test": 60,
    "qa_train": 60,
    "qa_dev": 20,
    "qa_test": 40,
}
DIGESTS = {
    "gold/bg-en.tsv": "8c32c0bc6295ca8d670e674e7dba6268d2c517f8c80a11e70b9093d2aab7c959",
    "gold/de-en.tsv": "3720983039fcc01797534faf4a5282dac696e557c086a3f5eec5f28f6c6602f1",
    "gold/el-en.tsv": "d1f518af55a6399bda2976a11098140cc89665dc14a1673d269c0652dbf4b9db",
    "gold/es-en.tsv": "f4a6494be0a9630f3761f0402ed0009513b0babfb4c6242d56c453b46cac83e8",
    "gold/fr-en.tsv": "e3155f6c08315c7699650d7bf28315270c36f2cc5a3ef3594d400c2e91c55355",
    "nli/xnli.dev.tsv": "d2e980974075fed40ff5b594d2ed835d276c2b95e1437a2a5363a3bb337efdcc",
    "nli/xnli.test.tsv": "28104687514742d049f911d5bd5942c7bc64c97b683faa37445a6a63de78709d",
    "nli/xnli.train.tsv": "e0d0a1a96bd69bfc12a0e7fdb4d4a7b6852cfa0c5b7eb831de34e194949a6852",
    "parallel/bg-en.heldout.tsv": "2d2acd7293c3547b64a79a2c093b636751b78560cb257d624f6de696253d3c6a",
    "parallel/bg-en.train.tsv": "c64afd3ff1b929de22c0bd35d61f1591b539cc5a58aa0ca66ece83e5646ab0f4",
    "parallel/de-en.heldout.tsv": "ecbc4427e7d4d5abbbbfb8709fc859259ea73f0f35ae0cda9bf1ca17d5e088a8",
    "parallel/de-en.train.tsv": "89d0c7433ddec45b4d37d87cf719658de229263ff9e5c9f00cef801e35a3af8d",
    "parallel/el-en.heldout.tsv": "40785ce25715dd2b5f4d358fc519e18a3837ec07303e900c11df1957785d8755",
    "parallel/el-en.train.tsv": "62b9cae2def4b19eb5942d05e2c9513d153b2a31953cceb92cae8c202bd93b68",
    "parallel/es-en.heldout.tsv": "9631361149e3e35f2765e711839265cb1282f92ebbee46a03c79d725d0f36ff2",
    "parallel/es-en.train.tsv": "b6b8193348ca2640d414f93c2aaaf09da3cb4b7cf7da9db8792be6c15b3b1c33",
    "parallel/fr-en.heldout.tsv": "ab9a751a2159974f9855e07117ad46e083a745e2bfd29d04c0c2da9d5567085d",
    "parallel/fr-en.train.tsv": "1ea1eb1b80485e29103ee5172ef85b2f8aeaee040ebf46ecbee1e0a9b7c46601",
    "qa/bg.test.json": "15920d8a3c3324cab5a9f3c0b0b8b3678553fd205e4820edbad07f82c1ba7832",
    "qa/bg.train.json": "9386dee3a94c3cdf216f2f6eb074d064a913a88795fd6c28af0fc574149eb05c",
    "qa/de.test.json": "0176bda58b85403d3d734524229be1f49ba6e7676f773c35d5d563862cc566f5",
    "qa/de.train.json": "8217bf413448c36079557ef4e5a40fc12451d36a50b7791f275ffda6adff01b6",
    "qa/el.test.json": "63bbaf1d800b88bf7f3997d7baa067e0d8f832efefbc70fe73b7637c3c119b41",
    "qa/el.train.json": "9abd8967b717cc21367810de236e2779a752abaa593c1dd0b23b76731df8e99f",
    "qa/en.dev.json": "82388f242049dbb5c5a9b0285f107201e8394a77eb0bc91ed20742f1e274ed00",
    "qa/en.test.json": "028e53ff766b08324150484d146e4c00c4ce90918ecbae2f0b37816f69c385a9",
    "qa/en.train.json": "b3b1da1c9b7106b7f38d7de6079b641380ead47a90f0b410ce830a245c2500b3",
    "qa/es.test.json": "378274e938a3d878d9ed14aa67dbd970a8d817de86da98d0a2d2f2fcecc1f5e0",
    "qa/es.train.json": "74cde3f7c0852ce12ace472ab52162a69ab96a3a41102f06fa4bbb0896d9fe96",
    "qa/fr.test.json": "1e3a69300b3b66c02da0b373bebeb28af37f1c20a1684d6f4cd64716fe917bd6",
    "qa/fr.train.json": "b6342e0d74b93327f85eab3ec879872433e66597782d5d5b46d5731f945ed915",
    "text/bg.txt": "232b34c67a4c7692348e5ca77fa274182fdec2c7dd82799b6e334c7b9068d240",
    "text/de.txt": "a6e08c51c6c33bfbff087390d6f67b6be6438a4d05ea9c6633ff5ea09af5e4a2",
    "text/el.txt": "28b5e6b38f9c402e68bfbe7e98b011ffd81e21a16e42eb2b0693029ddddb5de1",
    "text/en.txt": "108b5363dfcd4b720760616ed10925b6906b84e3f56bb0f058f22bafb4d2e513",
    "text/es.txt": "ca6fbaadb51e344a9e38b21b04bcecccabace688a818849edd7ff9524a4c9a72",
    "text/fr.txt": "d6e7d723458c77b7b686910d7758f49330918770e17216d8e44645c96c659658",
}


def test_the_world_is_still_the_one_that_the_published_results_were_computed_on(tmp_path):
    """One word, one draw or one row order that changes makes another world, whose scores compare with nothing."""
    write_world(tmp_path, ["de", "es", "fr", "bg", "el"], Microworld(seed=1, **SMALL))
    written = {
        path.relative_to(tmp_path).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert written.keys() == DIGESTS.keys()
    assert [name for name in DIGESTS if written[name] != DIGESTS[name]] == []


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        (["xx"], r"does not speak 'xx'.*xx\.tsv and xx\.py"),
        (["../de"], "does not speak"),
        (["tokens"], "does not speak"),  # a module without a table
        (["concepts"], "does not speak"),  # a module and a table, but of concepts
        (["de", "de"], "different ones"),
        (["en"], "different ones"),
    ],
)
def test_a_wrong_language_is_refused_before_anything_is_written(tmp_path, languages, message):
    """A folder half written would look like data. A notebook shows the sentence alone."""
    with pytest.raises(ParameterError, match=message):
        write_world(tmp_path / "world", languages)
    assert not (tmp_path / "world").exists()


def test_whether_a_language_has_data_is_told_without_reading_its_words():
    """A study is checked before anything runs; a faulty row of a language it does not name must not stop it."""
    assert speaks("de") and not any(speaks(code) for code in ("xx", "../de", "tokens", "concepts", "", "DE"))
    code = (
        "import sys; from otlib.data.microworld import speaks\n"
        "assert speaks('fr') and 'otlib.data.microworld.fr' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
