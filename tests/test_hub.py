"""Data sets of the hub become the same data folder; here they lie on disk, and `datasets` reads them itself."""

import json
from collections import Counter

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, TranslationVariableLanguages, Value

from otlib.data import hub
from otlib.data.batches import draw
from otlib.data.items import LABELS, read_nli, read_qa
from otlib.data.sources import prepare
from otlib.data.text import read_parallel, read_prepared
from otlib.settings import CorporaData
from otlib.study.data import make_data
from otlib.study.study import load_study

LANGUAGES = ["de", "th"]
LABEL = ClassLabel(names=list(LABELS))
SHELF = {}  # name on the hub: folder on this machine


@pytest.fixture(autouse=True)
def on_the_shelf(monkeypatch):
    """What was published is read from its folder; everything else is asked of the hub, where tests are offline."""
    load, configurations = hub.load, hub.configurations
    monkeypatch.setattr(hub, "load", lambda name, *rest: load(SHELF.get(name, name), *rest))
    monkeypatch.setattr(hub, "configurations", lambda name, *rest: configurations(SHELF.get(name, name), *rest))
    # A stream that is left before its end waits so long for threads of its own to close.
    monkeypatch.setattr("datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)


def published(folder, rows, *, split="train", config="default", features=None, files=1):
    """A data set as it lies on the hub: Parquet files, and a card that names configurations and splits; its name."""
    size = -(-len(rows) // files)
    (folder / config).mkdir(parents=True, exist_ok=True)
    for number in range(files):
        part = Dataset.from_list(rows[number * size : (number + 1) * size], features=features)
        part.to_parquet(folder / config / f"{split}-{number}.parquet")
    card = ""
    for name in sorted({path.parent.name for path in folder.glob("*/*.parquet")}):
        card += f"- config_name: {name}\n  data_files:\n"
        for part in sorted({path.name.split("-")[0] for path in folder.glob(f"{name}/*.parquet")}):
            card += f"  - split: {part}\n    path: {name}/{part}-*\n"
    (folder / "README.md").write_text(f"---\nconfigs:\n{card}---\n", encoding="utf-8")
    name = f"{folder.parent.name}/{folder.name}"
    SHELF[name] = str(folder)
    return name


def pairs(n, start=0):
    return [(f"Satz Nummer {i}.", f"sentence number {i}.") for i in range(start, start + n)]


def translation(rows):
    return [{"translation": {"de": left, "en": right}} for left, right in rows]


def questions(n):
    answers = {"text": ["Anna"], "answer_start": [0]}
    return [
        {"id": f"q{i}", "title": "t", "context": f"Anna reads {i // 2}.", "question": "Who?", "answers": answers}
        for i in range(n)
    ]


@pytest.fixture(scope="module")
def published_once(tmp_path_factory) -> dict:
    """German in OPUS's columns, Thai in sentence-transformers' columns and in a table; the benchmarks."""
    root = tmp_path_factory.mktemp("hub")
    europarl = published(root / "europarl", translation([*pairs(40), ("", "no German")]), config="de-en")
    subtitles = [{"english": right, "non_english": left} for left, right in pairs(30, 100)]
    (root / "more.tsv").write_text("th\ten\n" + "".join(f"{a}\t{b}\n" for a, b in pairs(10, 200)))
    mnli = [{"premise": f"A man\tsleeps {i}.", "hypothesis": "He rests.", "label": i % 3} for i in range(6)]
    mnli += [{"premise": "A dog.", "hypothesis": "A cat.", "label": -1}]
    mnli += [{"premise": "A dog.", "hypothesis": " \u200b", "label": 1}]
    nli = Features({"premise": Value("string"), "hypothesis": Value("string"), "label": LABEL})
    for split in ("train", "validation"):
        english = published(root / "mnli", mnli, split=split, features=nli)
    for code in ("en", *LANGUAGES):
        rows = [{"premise": f"{code} p{i}", "hypothesis": f"{code} h{i}", "label": i} for i in (2, 0)]
        xnli = published(root / "xnli", rows, config=code, split="test", features=nli)
    for code in ("en", "de"):
        xquad = published(root / "xquad", questions(4), config=f"xquad.{code}", split="validation")
    return {
        "parallel": {
            "de": {"hub": europarl, "config": "de-en", "split": "train"},
            "th": [{"hub": published(root / "subtitles", subtitles)}, str(root / "more.tsv")],
        },
        "nli_train": {"hub": english, "split": "train"},
        "nli_dev": [{"hub": english, "split": "validation"}],
        "nli_test": {"hub": xnli, "config": "{language}", "split": "test"},
        "qa_train": {"hub": published(root / "squad", questions(20)), "split": "train"},
        "qa_test": {"hub": xquad, "config": "xquad.{language}", "split": "validation"},
        "heldout_pairs": 5,
        "qa_dev_share": 0.4,
        "words": "whitespace",
    }


@pytest.fixture
def corpora(published_once) -> dict:
    return {**published_once, "parallel": dict(published_once["parallel"])}


@pytest.fixture
def german(corpora) -> dict:
    """Parallel text alone."""
    return {name: corpora[name] for name in ("parallel", "heldout_pairs", "words")}


def made(folder, languages=LANGUAGES, *, unseen=(), **corpora):
    return prepare(folder, languages, CorporaData.model_validate(corpora), unseen=unseen)


def numbers(path):
    return [int(words[2].rstrip(".")) for words in read_parallel(path, "de").source]


def test_every_part_is_read_back_by_the_readers_of_the_study(corpora, tmp_path):
    """One code path serves the hub, files and the micro-world."""
    folder = tmp_path / "data"
    counts = made(folder, **corpora)
    german, thai = (read_parallel(folder / f"parallel/{code}-en.train.tsv", code) for code in LANGUAGES)
    assert len(german) == 35 and counts["de parallel"]["empty_side"] == 1 and counts["de parallel"]["read"] == 41
    found = {int(words[2].rstrip(".")) for words in thai.source}
    assert len(thai) == 35 and found < {*range(100, 130), *range(200, 210)}  # from both corpora
    assert thai.pivot[0][0] == "sentence" and thai.source[0][0] == "Satz"

    items = {split: read_nli(folder / f"nli/xnli.{split}.tsv").table for split in ("train", "dev", "test")}
    assert items["train"]["gold_label"].tolist() == [*LABELS, *LABELS]
    assert items["train"]["sentence1"][0] == "A man sleeps 0."  # a tab would have made a column
    assert counts["nli"]["train no_consensus"] == counts["nli"]["train empty_side"] == 1
    table = items["test"].set_index(["language", "pairID"])
    assert len(table) == 6 and table.loc[("th", "0"), "sentence2"] == "th h2"
    assert table.loc[("th", "0"), "gold_label"] == "contradiction"

    sizes = {split: len(read_qa(folder / f"qa/en.{split}.json")) for split in ("train", "dev", "test")}
    assert sizes["train"] + sizes["dev"] == 20 and sizes["dev"] > 0 and sizes["test"] == 4
    contexts = [set(read_qa(folder / f"qa/en.{split}.json")["context"]) for split in ("train", "dev")]
    assert not contexts[0] & contexts[1]
    assert counts["qa"]["test th"] == 0 and not (folder / "qa/th.test.json").exists()


def test_xnli_of_all_languages_in_one_row_equals_one_configuration_each(corpora, tmp_path):
    """XNLI is on the hub in both forms."""
    codes = ["en", *LANGUAGES, "sw"]
    rows = [
        {
            "premise": {code: f"{code} p{i}" for code in codes},
            "hypothesis": {code: f"{code} h{i}" for code in codes},
            "label": i,
        }
        for i in (2, 0)
    ]
    features = Features(
        {
            "premise": {code: Value("string") for code in codes},
            "hypothesis": TranslationVariableLanguages(languages=codes),
            "label": LABEL,
        }
    )
    together = published(tmp_path / "all", rows, config="all_languages", split="test", features=features)
    made(tmp_path / "one", **corpora)
    corpora["nli_test"] = {"hub": together, "config": "all_languages", "split": "test"}
    made(tmp_path / "two", **corpora)
    one, two = (
        read_nli(tmp_path / part / "nli/xnli.test.tsv").table.sort_values(["language", "pairID"], ignore_index=True)
        for part in ("one", "two")
    )
    assert one.equals(two)


def test_files_take_the_place_of_every_data_set(corpora, tmp_path):
    """A study goes on where the hub cannot be reached."""
    folder = tmp_path / "hub"
    made(folder, **corpora)
    moses = [tmp_path / "x.de", tmp_path / "x.en"]
    for side, path in enumerate(moses):
        path.write_text("".join(pair[side] + "\n" for pair in [*pairs(40), ("", "no German")]))
    files = {
        "parallel": {"de": [str(path) for path in moses], "th": corpora["parallel"]["th"]},
        "nli_train": str(folder / "nli/xnli.train.tsv"),
        "nli_dev": str(folder / "nli/xnli.dev.tsv"),
        "nli_test": str(folder / "nli/xnli.test.tsv"),
        "qa_test": str(folder / "qa/{language}.test.json"),
    }
    made(tmp_path / "files", **{**corpora, **files})
    for path in sorted(folder.rglob("*.*")):
        if path.name not in ("en.train.json", "en.dev.json"):
            assert (tmp_path / "files" / path.relative_to(folder)).read_bytes() == path.read_bytes(), path


def test_data_sets_take_the_place_of_every_file(german, tmp_path):
    """Gold alignments, retrieval sets and text to pretrain on may lie on the hub, too, and are kept from training."""
    gold = [{"en": "sentence number 3 .", "other": "Satz 3", "sure": "0-0 2-1", "possible": None}]
    gold_set = published(tmp_path / "gold", gold, config="de")
    tested = published(tmp_path / "tested", translation(pairs(10, 15)))
    pool = published(tmp_path / "pool", translation(pairs(40)), config="de")
    (tmp_path / "gold.de").write_text("en\tother\tsure\tpossible\nsentence number 3 .\tSatz 3\t0-0 2-1\t\n")
    for name, start, n in (("tested", 15, 10), ("pool", 0, 40)):
        (tmp_path / f"{name}.tsv").write_text("de\ten\n" + "".join(f"{a}\t{b}\n" for a, b in pairs(n, start)))
    hub_sets = {
        "gold": {"hub": gold_set, "config": "{language}"},
        "retrieval": {"de": {"hub": tested}},
        "text": {"hub": pool, "config": "{language}"},
    }
    files = {
        "gold": str(tmp_path / "gold.{language}"),
        "retrieval": {"de": str(tmp_path / "tested.tsv")},
        "text": {"de": str(tmp_path / "pool.tsv")},
    }
    assert made(tmp_path / "a", ["de"], **german, **hub_sets) == made(tmp_path / "b", ["de"], **german, **files)
    written = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")]
    assert len(written) == 5
    for path in written:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes(), path
    assert set(numbers(tmp_path / "a/parallel/de-en.train.tsv")) == {*range(15), *range(25, 40)} - {3}
    assert len(numbers(tmp_path / "a/parallel/de-en.heldout.tsv")) == 10


def test_a_language_without_a_configuration_has_no_gold_alignments(german, tmp_path):
    """As one without a file; a language that a mapping names must have one."""
    name = published(tmp_path / "gold", [{"en": "a", "other": "x", "sure": "0-0", "possible": ""}], config="de")
    made(tmp_path / "data", **german, gold={"hub": name, "config": "{language}"})
    assert [path.name for path in (tmp_path / "data/gold").iterdir()] == ["de-en.tsv"]
    message = refusal(tmp_path / "again", **german, gold={"th": {"hub": name, "config": "th"}})
    assert message.startswith("data.gold.th: the data set") and "BuilderConfig 'th' not found" in message


def test_a_sample_does_not_read_the_whole_corpus_and_is_not_its_beginning(german, tmp_path):
    """Neighbours tell of the same things; nine million pairs are not to be fetched for 250,000."""
    german["parallel"]["de"] = {"hub": published(tmp_path / "big", translation(pairs(1600)), files=8)}
    counts, again, other = (
        made(tmp_path / name, ["de"], parallel_pairs=100, seed=seed, **german)["de parallel"]
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert counts["read"] == 125 and counts["sampled"] == 100
    texts = [(tmp_path / name / "parallel/de-en.train.tsv").read_text() for name in "abc"]
    assert counts == again and texts[0] == texts[1] != texts[2]
    drawn = numbers(tmp_path / "a/parallel/de-en.train.tsv")
    assert len(drawn) == len(set(drawn)) == 100 and drawn != sorted(drawn)
    assert max(drawn) > 200 or min(drawn) > 130  # not the first rows of the first file
    german["retrieval"] = {"de": {"hub": published(tmp_path / "tested", translation(pairs(10, 9000)))}}
    assert made(tmp_path / "d", ["de"], parallel_pairs=100, **german)["de parallel"]["read"] == 120


def test_a_small_corpus_is_upsampled_evenly_by_the_training(german, tmp_path):
    """The paper's 250,000 of 128,000: all are written once, and a pair comes up two or three times."""
    counts = made(tmp_path / "data", ["de"], parallel_pairs=90, **german)["de parallel"]
    read = read_prepared(tmp_path / "data/parallel/de-en.train.tsv", "de")
    assert counts["sampled"] == len(read) == 35
    drawn = Counter(draw(len(read), 90, np.random.default_rng(0)).tolist())
    assert len(drawn) == 35 and set(drawn.values()) == {2, 3}


def test_a_broken_connection_does_not_lose_the_languages_before_it(german, tmp_path, monkeypatch):
    """Hours of reading; but a language is read again if a file of its own has changed since."""
    asked, broken, load = [], True, hub.load

    def breaking(name, config, split, revision):
        asked.append((config, revision))
        if config == "th-en" and broken:
            raise ConnectionError("reset by peer")
        return load(name, config, split, None)

    monkeypatch.setattr(hub, "load", breaking)
    rows = [{"de": left, "th": left, "en": right} for left, right in pairs(40)]
    for code in LANGUAGES:
        name = published(tmp_path / "both", rows, config=f"{code}-en")
    german["parallel"] = {"hub": name, "config": "{language}-en", "revision": "abc"}
    gold, folder = tmp_path / "gold.tsv", tmp_path / "data"
    gold.write_text("en\tother\tsure\tpossible\nsentence number 3 .\tSatz 3\t0-0\t\n")
    german["gold"] = {"de": str(gold)}
    for codes in (["de-en", "th-en"], ["th-en"]):
        with pytest.raises(ValueError, match="both cannot be read .*reset by peer"):
            made(folder, **german)
        assert asked == [(code, "abc") for code in codes]
        asked.clear()
    gold.write_text(gold.read_text().replace("number 3", "number 4"))
    broken = False
    counts = made(folder, **german)
    assert [config for config, _ in asked] == ["de-en", "th-en"]
    assert made(tmp_path / "at_once", **german) == counts
    written = sorted(path.relative_to(folder) for path in folder.rglob("*.*"))
    assert written == sorted(path.relative_to(tmp_path / "at_once") for path in (tmp_path / "at_once").rglob("*.*"))
    assert not [path for path in written if path.suffix == ".json"]


def test_a_study_goes_on_with_what_it_read_unless_its_data_section_has_changed(german, tmp_path, monkeypatch):
    """Other limits make other text; what is complete leaves its counts in the record, and no trace of the break."""
    asked, broken, load = [], True, hub.load

    def breaking(name, *rest):
        asked.append(name)
        if name == "owner/away" and broken:
            raise ConnectionError("reset by peer")
        return load(german["parallel"]["de"]["hub"], *rest)

    monkeypatch.setattr(hub, "load", breaking)
    monkeypatch.setattr(hub, "_pair", lambda row, *_: tuple(row["translation"].values()))
    path, german_corpus = tmp_path / "tiny.yaml", "{hub: owner/german, config: de-en}"
    text = """
        name: tiny
        source: corpora
        languages: [de, fr]
        seeds: [0]
        encoder: {{checkpoint: bert-base-multilingual-cased}}
        methods: {{none: {{objective: none}}}}
        data:
          parallel: {{de: {german}, fr: {{hub: owner/away, config: de-en}}}}
          parallel_pairs: 50
          heldout_pairs: 4
          max_words: {limit}
        """
    for limit in (100, 90):
        path.write_text(text.format(german=german_corpus, limit=limit))
        with pytest.raises(ValueError, match="owner/away cannot be read .*reset by peer"):
            make_data(load_study(path, outputs=tmp_path))
    assert asked == ["owner/german", "owner/away"] * 2
    broken = False
    record = json.loads(make_data(load_study(path, outputs=tmp_path)).read_text())
    assert asked[4:] == ["owner/away"]
    counts = record["counts"]["de parallel"]
    assert counts == record["counts"]["fr parallel"]
    assert {counts[name] for name in ("read", "kept", "sampled", "heldout")} == {41, 40, 36, 4}
    assert "data/parallel/de-en.train.tsv" in " ".join(record["data"])
    assert not [name for name in record["data"] if name.endswith(".json")]


def test_what_was_kept_of_a_broken_call_is_still_kept_from_the_text(german, tmp_path, monkeypatch):
    """The held-out sentences of a language that is not read again must not be pretrained on."""
    pool = tmp_path / "pool.tsv"
    pool.write_text("de\ten\n" + "".join(f"{a}\t{b}\n" for a, b in pairs(40)))
    german["text"] = {"de": str(tmp_path / "away.tsv")}
    monkeypatch.setattr("otlib.data.sources.check_corpora", lambda *_, **__: None)
    with pytest.raises(FileNotFoundError):
        made(tmp_path / "data", ["de"], **german)
    monkeypatch.setattr(hub, "read_pairs", None)  # nothing is read of the hub any more
    german["text"] = {"de": str(pool)}
    counts = made(tmp_path / "data", ["de"], **german)
    assert counts["text"]["in_test"] == 5 and counts["text"]["en"] + counts["text"]["de"] == 35


def test_no_training_pair_shares_a_sentence_with_a_heldout_one(german, tmp_path):
    """The same English sentence stands beside several translations, in another case and punctuation."""
    rows = [(f"Satz {i}", f"Sentence {i // 2}" + "!" * (i % 2)) for i in range(60)]
    german["parallel"]["de"] = {"hub": published(tmp_path / "twice", translation(rows))}
    counts = made(tmp_path / "data", ["de"], **german)
    train, heldout = (read_parallel(tmp_path / f"data/parallel/de-en.{s}.tsv", "de") for s in ("train", "heldout"))
    english = [{words[1].rstrip("!") for words in text.pivot} for text in (train, heldout)]
    assert not english[0] & english[1]
    kept = counts["de parallel"]
    assert len(heldout) == 5 and len(train) == 60 - 5 - kept["overlap"] - kept["in_test"] and kept["in_test"] > 0


def test_unseen_languages_are_tested_only(corpora, tmp_path):
    """They have no parallel text, and need none."""
    made(tmp_path / "data", ["de"], unseen=["th"], **corpora)
    assert set(read_nli(tmp_path / "data/nli/xnli.test.tsv").table["language"]) == {"en", "de", "th"}
    assert list((tmp_path / "data/parallel").glob("th-*")) == []


def test_an_answer_is_moved_to_where_it_stands_and_counted(corpora, tmp_path):
    """XQuAD on the hub has lost a blank before a paragraph: its offsets there are one too high."""
    rows = questions(2)
    rows[1] |= {"context": "Anna and Anna read.", "answers": {"text": ["Anna"], "answer_start": [10]}}
    for code in ("en", "de"):
        name = published(tmp_path / "xquad", rows, config=f"xquad.{code}", split="validation")
    counts = made(tmp_path / "data", **corpora | {"qa_test": {**corpora["qa_test"], "hub": name}})
    assert counts["qa"]["moved answers"] == 2
    assert read_qa(tmp_path / "data/qa/de.test.json")["starts"].tolist() == [[0], [9]]


# Refusals


def refusal(folder, **corpora) -> str:
    with pytest.raises(ValueError) as error:
        made(folder, **corpora)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("parallel", {"hub": "nobody/nothing"}, "nobody/nothing cannot be read from the hub (ConnectionError"),
        ("parallel", {"config": "fr-en"}, "BuilderConfig 'fr-en' not found"),
        ("parallel", {"config": "de-en", "split": "test"}, "Bad split: test"),
        ("qa_train", {}, "has no column 'de'; it has id, title"),
    ],
)
def test_what_cannot_be_fetched_is_one_sentence_with_key_data_set_and_mend(corpora, tmp_path, kind, change, said):
    """The network, the name, the configuration, the split, the columns."""
    corpus = corpora["parallel"]["de"] if kind == "parallel" else corpora[kind]
    corpora["parallel"]["de"] = corpus = {**corpus, **change}
    message = refusal(tmp_path / "data", **corpora)
    assert message.startswith("data.parallel.de: the data set") and corpus["hub"] in message and said in message
    assert "column" in message or message.endswith("or give a local copy: a path")


@pytest.mark.parametrize(("words", "said"), [("\n reset by peer\n", "reset by peer"), ("", "it gives no reason")])
def test_a_connection_that_breaks_in_the_middle_is_the_same_sentence(corpora, tmp_path, monkeypatch, words, said):
    """The rows are a stream: it may end with an error at any of them."""

    class Broken:
        features = None

        def __iter__(self):
            yield {"premise": "a", "hypothesis": "b", "label": 0}
            raise ConnectionError(words)

    load = hub.load
    monkeypatch.setattr(hub, "load", lambda name, *rest: Broken() if "mnli" in name else load(name, *rest))
    message = refusal(tmp_path / "data", **corpora)
    assert message.startswith("data.nli_train: ") and message.endswith("a local copy: a path")
    assert f"(ConnectionError: {said})" in message


def test_tests_without_a_language_are_named(corpora, tmp_path):
    """A data set without {language} holds English alone, unless its rows hold translations."""
    english = {**corpora["nli_test"], "config": "en"}
    message = refusal(tmp_path / "data", **corpora | {"nli_test": english})
    assert message == f"data.nli_test: the data set {english['hub']} has no rows in de, th"
    misnamed = {**corpora["qa_test"], "config": "squad.{language}"}
    message = refusal(tmp_path / "data", **corpora | {"qa_test": misnamed})
    assert message.startswith("data.qa_test.en: ") and "has no configuration squad.en; the tests need" in message


def test_an_answer_that_stands_nowhere_is_refused(corpora, tmp_path):
    """In the training questions, too, before hours of alignment."""
    rows = questions(20)
    rows[1]["answers"] = {"text": ["Bert"], "answer_start": [3]}
    for code in ("en", "de"):
        name = published(tmp_path / "xquad", rows, config=f"xquad.{code}", split="validation")
    test = {**corpora["qa_test"], "hub": name}
    said = "question q1: the answer 'Bert' is not at offset 3"
    message = refusal(tmp_path / "data", **corpora | {"qa_test": test})
    assert message.startswith(f"data.qa_test.en: the data set {name}, {said}")
    train = {"hub": published(tmp_path / "squad", rows)}
    message = refusal(tmp_path / "data", **corpora | {"qa_train": train})
    assert message.startswith(f"data.qa_train: the data set {train['hub']}, {said}")


NO_ANSWER = {"text": [], "answer_start": []}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"answers": NO_ANSWER}, "question q3: it has no answer, and SQuAD v1.1 knows no unanswerable questions"),
        ({"answers": {"text": [""], "answer_start": [0]}}, "question q3: the answer '' is empty"),
        ({"answers": {"text": [None], "answer_start": [0]}}, "question q3: the answer None is empty"),
        (
            {"answers": {"text": ["Anna"], "answer_start": [None]}},
            "question q3: the answer 'Anna' is not at offset None",
        ),
        (
            {"answers": {"text": ["Anna"], "answer_start": []}},
            "where answers, lists text and answer_start of one length",
        ),
        ({"answers": None}, "has None where answers, lists text"),
        ({"context": None}, "question q3: its question or its paragraph is no text"),
        ({"question": None}, "question q3: its question or its paragraph is no text"),
        ({"id": None}, "question None: its id is neither text nor a number"),
        ({"id": "q1"}, "question q1: its id stands twice"),
    ],
)
@pytest.mark.parametrize("kind", ["qa_train", "qa_test"])
def test_a_faulty_question_stops_the_data_step(corpora, tmp_path, kind, change, said):
    """Such as those of SQuAD v2, which stopped the training, after hours of alignment."""
    rows = questions(8)
    rows[3] |= change
    corpora[kind] = {code: {"hub": published(tmp_path / "odd", rows)} for code in ("en", "de")}
    corpora[kind] = corpora[kind] if kind == "qa_test" else corpora[kind]["en"]
    message = refusal(tmp_path / "data", **corpora)
    assert message.startswith(f"data.{kind}") and f"the data set {tmp_path.name}/odd" in message and said in message


def test_answers_in_columns_of_another_kind_are_named(corpora, tmp_path):
    """A list of answers, as in SQuAD's own JSON; plain text."""
    for number, answers in enumerate(([{"text": "Anna", "answer_start": 0}], "Anna")):
        rows = [row | {"answers": answers} for row in questions(4)]
        corpora["qa_train"] = {"hub": published(tmp_path / f"{number}", rows)}
        message = refusal(tmp_path / "data", **corpora)
        assert message.startswith("data.qa_train, row 0: ") and "where answers, lists text and answer_start" in message


@pytest.mark.parametrize("kind", ["parallel", "gold", "nli_train"])
def test_a_column_that_holds_no_text_is_named(corpora, tmp_path, kind):
    """Words already split, say: a list has no words to split."""
    rows = {
        "parallel": [{"de": ["ein", "Haus"], "en": ["a", "house"]}],
        "gold": [{"en": ["a"], "other": ["x"], "sure": "0-0", "possible": ""}],
        "nli_train": [{"premise": ["a"], "hypothesis": ["b"], "label": 0}],
    }[kind]
    corpus = {"hub": published(tmp_path / "lists", rows)}
    corpora[kind] = corpus if kind == "nli_train" else {**corpora.get(kind, {}), "de": corpus}
    message = refusal(tmp_path / "data", **corpora)
    assert message.startswith(f"data.{kind}") and "where a text must stand" in message


def test_translations_that_are_none_are_named(corpora, tmp_path):
    """Of sentence pairs, and of inference items of which one side alone is translated."""
    corpora["parallel"]["de"] = {"hub": published(tmp_path / "flat", [{"translation": "made"}])}
    assert "'made' where a text for each language must stand" in refusal(tmp_path / "data", **corpora)
    corpora["parallel"]["de"] = {"hub": published(tmp_path / "gap", [{"translation": None}, *translation(pairs(1))])}
    assert "None where a text for each language must stand" in refusal(tmp_path / "data", **corpora)
    rows = [{"premise": {"en": "a", "de": "b"}, "hypothesis": "c", "label": 0}]
    corpora["nli_test"] = {"hub": published(tmp_path / "half", rows)}
    message = refusal(tmp_path / "data", **corpora)
    assert message.startswith("data.nli_test, row 0: ") and "'c' where lists language and translation" in message


def test_a_row_without_a_known_label_is_named(corpora, tmp_path):
    """By its number in the data set."""
    rows = [{"premise": "p", "hypothesis": "h", "label": label} for label in (0, 7)]
    train = {"hub": published(tmp_path / "odd", rows)}
    assert "data.nli_train, row 1: " in refusal(tmp_path / "data", **corpora | {"nli_train": train})


def test_a_faulty_gold_alignment_is_named_by_its_row(german, tmp_path):
    """As one of a file is by its line."""
    rows = [{"en": "a b", "other": "x", "sure": "0-0", "possible": ""}, {"en": "a", "other": "x", "sure": "0-1"}]
    german["gold"] = {"de": {"hub": published(tmp_path / "gold", rows)}}
    message = refusal(tmp_path / "data", **german)
    assert message.startswith("data.gold.de, row 1: link 0-1 is out of range")
