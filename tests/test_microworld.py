"""The embedded world: situations, inference, questions, and what is written of them."""

import hashlib
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from otlib.data.items import LABELS
from otlib.data.microworld import en, speaks, write_world
from otlib.data.microworld.concepts import (
    ADJECTIVE_ANTONYMS,
    ADJECTIVES,
    CATEGORIES,
    COLOURS,
    COMPOUNDS,
    HYPERNYMS,
    MEMBERS,
    PERSONS,
    VERB_ANTONYMS,
    VERBS,
)
from otlib.data.microworld.sample import NO_DETAIL, Sampler
from otlib.data.microworld.situations import Clause, Thing
from otlib.data.microworld.tasks import TYPES, inference, question
from otlib.data.microworld.tokens import detokenise
from otlib.settings import Microworld


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
        alike = [clause for clause in item.paragraph if getattr(clause, item.asked) is not None]
        asked = [detokenise(en.question(clause, item.asked)) for clause in alike]
        assert asked.count(detokenise(en.question(about, item.asked))) == 1


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
    assert {row["language"] for row in _table(folder / "nli/xnli.train.tsv")} == {"en"}
    assert not (folder / "qa/de.train.json").exists()
    assert not list(folder.rglob("*.tmp"))


def test_test_items_are_the_same_in_every_language_and_labels_are_balanced(world):
    """Same pairID, same label; the type of the item stands in the pairID."""
    rows = _table(world[0] / "nli/xnli.test.tsv")
    by_language = {code: {r["pairID"]: r["gold_label"] for r in rows if r["language"] == code} for code in CODES}
    assert by_language["de"] == by_language["el"] == by_language["fr"]
    assert set(Counter(by_language["de"].values()).values()) == {30}
    assert all(name.rsplit("-", 1)[0] in TYPES[label] for name, label in by_language["de"].items())


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
        "    nli_train=30, nli_dev=9, nli_test=9, qa_train=20, qa_dev=5, qa_test=5))\n"
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


# The files of a small world, seed 1, as the first version of this package wrote them.
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
    "gold/bg-en.tsv": "c6b5ca701e0a5ac843f8dec73047ae10f7ec1cda06cbbe9796226ad003358fed",
    "gold/de-en.tsv": "9f230bc59ea28f581a6515a78216c66a4b56a54e5f19e4b861699c41a9b21212",
    "gold/el-en.tsv": "3548383d96c27721611e2c335f8af03bf98c8d58f50cc905bfdf087858c2ba19",
    "gold/es-en.tsv": "d505640c9f36bd7dc11c9ea4e23b9c2326ffeab89a8ba561b21ee8538efdb5b7",
    "gold/fr-en.tsv": "32c35e13ba3d9eec74f6fd365ddbe83b84b05aa3416da79689f7775fe9f9891f",
    "nli/xnli.dev.tsv": "60ac0be1d90e8952a060d2cbdd8bcfa3f6d808298d565c15ec0afc5da19bf616",
    "nli/xnli.test.tsv": "8bf8891eece03c6915907d138b5f5520be6571e47155f8b292c7e1508dc33bce",
    "nli/xnli.train.tsv": "1827cc0c54871ab02110172c83a056a9d48ca73c36d33d0c66f3e3340dd461cf",
    "parallel/bg-en.heldout.tsv": "233008b598265034968e4d5337a548951cd7b2383f0d028cc57d35e0c01904df",
    "parallel/bg-en.train.tsv": "ad3055b1451aee5b7f9d36eaa3d6a6d51e2fe63f6217084e6cc578c45afd1d7a",
    "parallel/de-en.heldout.tsv": "075797a8f4999afbffac225098350dd5fdc3e81f7e65c2276280de2bae0031f7",
    "parallel/de-en.train.tsv": "23f2672c97aee5693cae84d2bc1ac0a85ca85bac0c1083946f15ee8f1912b25a",
    "parallel/el-en.heldout.tsv": "ec24414d6a9dd1f5be2738f2d5954701644b454d080d89944b53019f17f34fb8",
    "parallel/el-en.train.tsv": "6754c529232a6868841c469bb51ec4783b002b8436ae99c2cb01fbdaed54067c",
    "parallel/es-en.heldout.tsv": "e2aaf30e1276c216eecf0381b9a0ad40ba956332fce9868873993bafd4611488",
    "parallel/es-en.train.tsv": "7e92391de2e7b5ec4386f4cc81cff413316b5f498b6b031c0f5ea973e4a49b74",
    "parallel/fr-en.heldout.tsv": "80cc247e5023d5825f47f76589b2fc96b06d8210016ff3bbca17f57e867349ea",
    "parallel/fr-en.train.tsv": "ad15338a265b0353c11bc694a7954d7587c6a628ed54f9d486542702d9e0333f",
    "qa/bg.test.json": "b859eb933c6849771167e4e31a78cd34ea0a3576c647905aed236376c8113039",
    "qa/de.test.json": "506968581287001742c43da2d088fbfcac76a4114a71af3a386d26baf022f6dc",
    "qa/el.test.json": "8f31914b54fc7fad27671382bded5960ebf9dd3eb4508dfcdfb18bf7f214a89c",
    "qa/en.dev.json": "c66ff768b7d07968d4056008d961cde2e08ea4e498dc5105df759080c89f3f73",
    "qa/en.test.json": "a33006de330201be7a35876ab3d36678404fa3471a240bd92a559561606eff34",
    "qa/en.train.json": "934140907d9c3ee1fbd3a3c145227dbc373eaf38ed79d2b89040c14dd7b27e02",
    "qa/es.test.json": "f9f278292dbd245bfd935e4b199850c91a6476166274fd012ae9e9821b881296",
    "qa/fr.test.json": "f9dcdcb39a8d7f29a11caf05addfca263c5d28d0207f8608a7aaee9cec060554",
    "text/bg.txt": "a2b20be12400f179b96b15c8e3b8dd47d5dc28e0b5a18ab1ba44f0e9aa270436",
    "text/de.txt": "d4cfe701efe26e8ae3ecea5e883e188dbc9d980599973de1536a36e9d2cf78cb",
    "text/el.txt": "da032e9d7ef74f608c2a04bd3f3cd32a537cdb61cdec0d3dfe6effc10cff243f",
    "text/en.txt": "7aff77839601dee6f221ca7b2f1e0a22475d7a282e88b3dd08a42f4f3abff880",
    "text/es.txt": "9b804b083398371ff4e0ed3c8def83556d9ec7586be61cec119fef8de7e557ba",
    "text/fr.txt": "d5881eef5de814364b70ff74d9a13e77ca6dc796cd5f05ae09940a1b2701a5ad",
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
    """A folder half written would look like data."""
    with pytest.raises(ValueError, match=message):
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
