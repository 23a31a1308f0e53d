"""Data sets of the hub become the same data folder; here they lie on disk, and `datasets` reads them itself."""

import json
from collections import Counter

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, TranslationVariableLanguages, Value, load_dataset

from otlib import hub_data
from otlib.corpora import draw, read_parallel, read_prepared
from otlib.hub_data import prepare_hub
from otlib.nli import LABELS, read_nli
from otlib.qa import read_qa
from otlib.run import make_data
from otlib.study import load_study

LANGUAGES = ["de", "th"]
LABEL = ClassLabel(names=list(LABELS))


def published(folder, rows, *, split="train", config="default", features=None, files=1):
    """A data set as it lies on the hub: Parquet files, and a card that names configurations and splits."""
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
    return str(folder)


def pairs(n, start=0):
    return [(f"Satz Nummer {i}.", f"sentence number {i}.") for i in range(start, start + n)]


def translation(rows):
    return [{"translation": {"de": left, "en": right}} for left, right in rows]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="module")
def published_once(root) -> dict:
    """German in OPUS's columns, Thai in sentence-transformers' columns and in a table; the benchmarks."""
    europarl = published(root / "europarl", translation([*pairs(40), ("", "no German")]), config="de-en")
    subtitles = [{"english": right, "non_english": left} for left, right in pairs(30, 100)]
    (root / "more.tsv").write_text("th\ten\n" + "".join(f"{a}\t{b}\n" for a, b in pairs(10, 200)))
    mnli = [{"premise": f"A man\tsleeps {i}.", "hypothesis": "He rests.", "label": i % 3} for i in range(6)]
    mnli += [{"premise": "A dog.", "hypothesis": "A cat.", "label": -1}]
    mnli += [{"premise": "A dog.", "hypothesis": " ", "label": 1}]
    nli = Features({"premise": Value("string"), "hypothesis": Value("string"), "label": LABEL})
    for split in ("train", "validation"):
        published(root / "mnli", mnli, split=split, features=nli)
    for code in ("en", *LANGUAGES):
        rows = [{"premise": f"{code} p{i}", "hypothesis": f"{code} h{i}", "label": i} for i in (2, 0)]
        published(root / "xnli", rows, config=code, split="test", features=nli)
    squad = published(root / "squad", questions(20))
    for code in ("en", "de"):
        published(root / "xquad", questions(4), config=f"xquad.{code}", split="validation")
    return {
        "parallel": {
            "de": {"hub": europarl, "config": "de-en", "split": "train"},
            "th": [
                {"hub": published(root / "subtitles", subtitles)},
                {"file": str(root / "more.tsv")},
            ],
        },
        "nli_train": {"hub": str(root / "mnli"), "split": "train"},
        "nli_dev": [{"hub": str(root / "mnli"), "split": "validation"}],
        "nli_test": {"hub": str(root / "xnli"), "config": "{language}", "split": "test"},
        "qa_train": {"hub": squad, "split": "train"},
        "qa_test": {"hub": str(root / "xquad"), "config": "xquad.{language}", "split": "validation"},
        "heldout_pairs": 5,
        "qa_dev_share": 0.4,
        "words": "whitespace",
    }


@pytest.fixture
def sources(published_once) -> dict:
    return {**published_once, "parallel": dict(published_once["parallel"])}


def questions(n):
    answers = {"text": ["Anna"], "answer_start": [0]}
    return [
        {"id": f"q{i}", "title": "t", "context": f"Anna reads {i // 2}.", "question": "Who?", "answers": answers}
        for i in range(n)
    ]


def test_every_part_is_read_back_by_the_readers_of_the_study(sources, tmp_path):
    folder = tmp_path / "data"
    counts = prepare_hub(folder, LANGUAGES, **sources)
    german, thai = (read_parallel(folder / f"parallel/{code}-en.train.tsv", code) for code in LANGUAGES)
    assert len(german) == 35 and counts["de parallel"]["empty_side"] == 1 and counts["de parallel"]["read"] == 41
    numbers = {int(words[2].rstrip(".")) for words in thai.source}
    assert len(thai) == 35 and numbers < {*range(100, 130), *range(200, 210)}  # from both sources
    assert thai.pivot[0][0] == "sentence" and thai.source[0][0] == "Satz"

    items = {split: read_nli(folder / f"nli/xnli.{split}.tsv") for split in ("train", "dev", "test")}
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


def test_xnli_of_all_languages_in_one_row_equals_one_configuration_each(sources, tmp_path):
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
    prepare_hub(tmp_path / "one", LANGUAGES, **sources)
    sources["nli_test"] = {"hub": together, "config": "all_languages", "split": "test"}
    prepare_hub(tmp_path / "two", LANGUAGES, **sources)
    one, two = (
        read_nli(tmp_path / part / "nli/xnli.test.tsv").sort_values(["language", "pairID"], ignore_index=True)
        for part in ("one", "two")
    )
    assert one.equals(two)


def test_local_files_take_the_place_of_every_data_set(sources, tmp_path):
    prepare_hub(tmp_path / "hub", LANGUAGES, **sources)
    moses = [tmp_path / "x.de", tmp_path / "x.en"]
    for side, path in enumerate(moses):
        path.write_text("".join(pair[side] + "\n" for pair in [*pairs(40), ("", "no German")]))
    folder = tmp_path / "hub"
    files = {
        "parallel": {"de": {"file": [str(path) for path in moses]}, "th": sources["parallel"]["th"]},
        "nli_train": {"file": str(folder / "nli/xnli.train.tsv")},
        "nli_dev": {"file": str(folder / "nli/xnli.dev.tsv")},
        "nli_test": {"file": str(folder / "nli/xnli.test.tsv")},
        "qa_test": {"file": str(folder / "qa/{language}.test.json")},
    }
    prepare_hub(tmp_path / "files", LANGUAGES, **{**sources, **files})
    for path in sorted(folder.rglob("*.*")):
        if path.name not in ("en.train.json", "en.dev.json"):
            assert (tmp_path / "files" / path.relative_to(folder)).read_bytes() == path.read_bytes(), path


def test_a_sample_does_not_read_the_whole_corpus_and_is_not_its_beginning(sources, tmp_path):
    big = published(tmp_path / "big", translation(pairs(4000)), files=8)
    sources["parallel"]["de"] = {"hub": big}
    plain = {name: sources[name] for name in ("parallel", "heldout_pairs", "words")}
    counts, again, other = (
        prepare_hub(tmp_path / name, ["de"], parallel_pairs=100, seed=seed, **plain)["de parallel"]
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert counts["read"] == 125 and counts["sampled"] == 100
    texts = [(tmp_path / name / "parallel/de-en.train.tsv").read_text() for name in "abc"]
    assert counts == again and texts[0] == texts[1] != texts[2]
    train = read_parallel(tmp_path / "a/parallel/de-en.train.tsv", "de")
    numbers = [int(words[2].rstrip(".")) for words in train.source]
    assert len(numbers) == len(set(numbers)) == 100 and numbers != sorted(numbers)
    assert max(numbers) > 500 or min(numbers) > 130  # not the first rows of the first file


def test_a_small_corpus_is_upsampled_evenly_by_the_training(sources, tmp_path):
    # The paper's 250,000 of 128,000: all are written once, and a pair comes up two or three times.
    plain = {name: sources[name] for name in ("parallel", "heldout_pairs", "words")}
    counts = prepare_hub(tmp_path / "data", ["de"], parallel_pairs=90, **plain)["de parallel"]
    read = read_prepared(tmp_path / "data/parallel/de-en.train.tsv", "de")
    assert counts["sampled"] == len(read) == 35
    drawn = Counter(draw(len(read), 90, np.random.default_rng(0)).tolist())
    assert len(drawn) == 35 and set(drawn.values()) == {2, 3}


def test_a_broken_connection_does_not_lose_the_languages_before_it(sources, root, tmp_path, monkeypatch):
    asked, broken = [], True

    def load(hub, config, split, revision):
        asked.append((hub, revision))
        if "thai" in hub and broken:
            raise ConnectionError("reset by peer")
        return load_dataset(str(root / "europarl"), "de-en", split=split, streaming=True)

    monkeypatch.setattr(hub_data, "load", load)
    path = tmp_path / "tiny.yaml"
    text = """
        {{name: tiny, source: hub, languages: [de, fr], seeds: [0], encoder: {{checkpoint: x}},
         methods: {{none: {{objective: none}}}}, data: {{heldout_pairs: 4, max_words: {limit},
         parallel: {{de: {{hub: owner/german, revision: abc}}, fr: {{hub: owner/thai}}}}}}}}
        """
    path.write_text(text.format(limit=100))
    monkeypatch.setattr(hub_data, "_pair", lambda row, *_: tuple(row["translation"].values()))
    with pytest.raises(ValueError, match="owner/thai cannot be read .*reset by peer"):
        make_data(load_study(path, outputs=tmp_path))
    assert asked == [("owner/german", "abc"), ("owner/thai", None)]
    path.write_text(text.format(limit=90))  # other text: nothing is kept
    with pytest.raises(ValueError, match="owner/thai"):
        make_data(load_study(path, outputs=tmp_path))
    assert len(asked) == 4
    broken = False
    record = json.loads(make_data(load_study(path, outputs=tmp_path)).read_text())
    assert [hub for hub, _ in asked[4:]] == ["owner/thai"]
    assert record["counts"]["de parallel"] == record["counts"]["fr parallel"]
    assert not [name for name in record["data"] if name.endswith(".json")]


def test_no_training_pair_shares_a_sentence_with_a_heldout_one(sources, tmp_path):
    # The same English sentence stands beside several translations, in another case and punctuation.
    rows = [(f"Satz {i}", f"Sentence {i // 2}" + "!" * (i % 2)) for i in range(60)]
    sources["parallel"]["de"] = {"hub": published(tmp_path / "twice", translation(rows))}
    plain = {name: sources[name] for name in ("parallel", "heldout_pairs", "words")}
    counts = prepare_hub(tmp_path / "data", ["de"], **plain)
    train, heldout = (read_parallel(tmp_path / f"data/parallel/de-en.{s}.tsv", "de") for s in ("train", "heldout"))
    english = [{words[1].rstrip("!") for words in text.pivot} for text in (train, heldout)]
    assert not english[0] & english[1]
    kept = counts["de parallel"]
    assert len(heldout) == 5 and len(train) == 60 - 5 - kept["overlap"] - kept["in_test"] and kept["in_test"] > 0


def test_the_record_of_a_study_shows_the_counts_of_each_language(sources, root, tmp_path, monkeypatch):
    def load(hub, config, split, revision):
        return load_dataset(str(root / hub.split("/")[1]), config, split=split, streaming=True)

    monkeypatch.setattr(hub_data, "load", load)
    path = tmp_path / "tiny.yaml"
    path.write_text(
        """
        {name: tiny, source: hub, languages: [de], seeds: [0], encoder: {checkpoint: x},
         methods: {none: {objective: none}},
         data: {parallel: {de: {hub: owner/europarl, config: de-en}}, parallel_pairs: 50, heldout_pairs: 4}}
        """
    )
    study = load_study(path, outputs=tmp_path)
    record = json.loads(make_data(study).read_text())
    counts = record["counts"]["de parallel"]
    assert {counts[name] for name in ("read", "kept", "sampled", "heldout")} == {41, 40, 36, 4}
    assert record["parameters"]["parallel"]["de"]["hub"] == "owner/europarl"
    assert "data/parallel/de-en.train.tsv" in " ".join(record["data"])


# Refusals


def refusal(tmp_path, sources, **changes) -> str:
    with pytest.raises(ValueError) as error:
        prepare_hub(tmp_path / "data", LANGUAGES, **{**sources, **changes})
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    "source, said",
    [
        ({"hub": "nobody/nothing"}, "nobody/nothing cannot be read from the hub (ConnectionError"),  # tests are offline
        ({"hub": "{root}/europarl", "config": "fr-en"}, "BuilderConfig 'fr-en' not found"),
        ({"hub": "{root}/europarl", "config": "de-en", "split": "test"}, "Bad split: test"),
        ({"hub": "{root}/squad"}, "has no column 'de'; it has id, title"),
    ],
)
def test_what_cannot_be_fetched_is_one_sentence_with_key_data_set_and_mend(sources, root, tmp_path, source, said):
    source = {name: value.replace("{root}", str(root)) for name, value in source.items()}
    message = refusal(tmp_path, sources, parallel={"de": source})
    assert message.startswith("data.parallel.de: the data set") and source["hub"] in message and said in message
    assert "column" in message or "give a local copy: {file: path}" in message


def test_a_connection_that_breaks_in_the_middle_is_the_same_sentence(sources, tmp_path, monkeypatch):
    class Broken:
        features = None

        def __iter__(self):
            yield {"premise": "a", "hypothesis": "b", "label": 0}
            raise ConnectionError("reset by peer")

    load = hub_data.load
    monkeypatch.setattr(hub_data, "load", lambda hub, *rest: Broken() if "mnli" in hub else load(hub, *rest))
    message = refusal(tmp_path, sources)
    assert message.startswith("data.nli_train: ") and "reset by peer" in message and "{file: path}" in message


def test_a_language_without_source_or_test_items_is_named(sources, tmp_path):
    german = {"de": sources["parallel"]["de"]}
    assert refusal(tmp_path, sources, parallel=german).startswith("data.parallel.th is missing")
    english = {**sources["nli_test"], "config": "en"}
    assert refusal(tmp_path, sources, nli_test=english) == "data.nli_test has no rows in de, th"
    misnamed = {**sources["qa_test"], "config": "squad.{language}"}
    assert refusal(tmp_path, sources, qa_test=misnamed).startswith("data.qa_test: there is no English test set")


def test_an_answer_is_moved_to_where_it_stands_and_counted(sources, tmp_path):
    """XQuAD on the hub has lost a blank before a paragraph: its offsets there are one too high."""
    rows = questions(2)
    rows[1] |= {"context": "Anna and Anna read.", "answers": {"text": ["Anna"], "answer_start": [10]}}
    for code in ("en", "de"):
        published(tmp_path / "xquad", rows, config=f"xquad.{code}", split="validation")
    sources["qa_test"] = {**sources["qa_test"], "hub": str(tmp_path / "xquad")}
    counts = prepare_hub(tmp_path / "data", LANGUAGES, **sources)
    assert counts["qa"]["moved answers"] == 2
    assert read_qa(tmp_path / "data/qa/de.test.json")["starts"].tolist() == [[0], [9]]


def test_unseen_languages_are_tested_only(sources, tmp_path):
    parallel = {"de": sources["parallel"]["de"]}
    prepare_hub(tmp_path / "data", ["de"], **sources | {"parallel": parallel}, unseen=["th"])
    assert set(read_nli(tmp_path / "data/nli/xnli.test.tsv")["language"]) == {"en", "de", "th"}
    assert [path.name for path in (tmp_path / "data/parallel").glob("th-*")] == []


def test_an_answer_that_stands_nowhere_is_refused(sources, tmp_path):
    rows = questions(2)
    rows[1]["answers"] = {"text": ["Bert"], "answer_start": [3]}
    for code in ("en", "de"):
        published(tmp_path / "xquad", rows, config=f"xquad.{code}", split="validation")
    sources["qa_test"] = {**sources["qa_test"], "hub": str(tmp_path / "xquad")}
    assert "en.test.json, question q1: the answer 'Bert' is not at offset 3" in refusal(tmp_path, sources)


def test_a_row_without_a_known_label_is_named(sources, tmp_path):
    rows = [{"premise": "p", "hypothesis": "h", "label": label} for label in (0, 7)]
    sources["nli_train"] = {"hub": published(tmp_path / "odd", rows)}
    assert "data.nli_train, row 1: " in refusal(tmp_path, sources)
