"""Local corpora become the same data folder that the micro-world writes."""

import json
import lzma
from pathlib import Path

import pytest

from otlib.corpora import read_gold, read_parallel
from otlib.local_data import prepare_files
from otlib.nli import read_nli
from otlib.qa import read_qa


@pytest.fixture
def corpora(tmp_path) -> dict:
    """Small corpora of two languages in the formats of the real ones; returns the arguments."""
    root = tmp_path / "corpora"
    root.mkdir()
    for language in ("de", "fr"):
        pairs = [(f"{language} Satz {i} hier.", f"sentence number {i}.") for i in range(40)]
        _table(root / f"pool.{language}.tsv", [language, "en"], pairs)
        _table(root / f"parallel.{language}.tsv", [language, "en"], pairs[:20] + [("", "an empty side")])
        _table(root / f"retrieval.{language}.tsv", [language, "en"], pairs[15:25])
    _table(
        root / "gold.de.tsv",
        ["en", "other", "sure", "possible"],
        [("sentence number 3 .", "Satz 3", "0-0 2-1", "1-0")],
    )
    nli = [
        ("A man sleeps.", 'A "man" rests.', "entailment"),
        ("A man sleeps.", "A man runs.", "contradiction"),
    ]
    _table(root / "nli.tsv", ["sentence1", "sentence2", "gold_label"], nli)
    test = [(code, "neutral", "1", "p", "h") for code in ("en", "de", "fr", "sw")]
    _table(root / "xnli.tsv", ["language", "gold_label", "pairID", "sentence1", "sentence2"], test)
    for name in ("squad", "xquad.en", "xquad.de"):
        (root / f"{name}.json").write_text(json.dumps(_squad(20)), encoding="utf-8")
    return {
        "parallel": str(root / "parallel.{language}.tsv"),
        "text": str(root / "pool.{language}.tsv"),
        "retrieval": str(root / "retrieval.{language}.tsv"),
        "gold": {"de": str(root / "gold.de.tsv")},
        "nli_train": [str(root / "nli.tsv"), str(root / "nli.tsv")],
        "nli_dev": [str(root / "nli.tsv")],
        "nli_test": str(root / "xnli.tsv"),
        "qa_train": str(root / "squad.json"),
        "qa_test": str(root / "xquad.{language}.json"),
        "qa_dev_share": 0.4,
    }


def _table(path: Path, header: list[str], rows: list[tuple]) -> None:
    path.write_text("".join("\t".join(row) + "\n" for row in [header, *rows]), encoding="utf-8")


def _squad(paragraphs: int) -> dict:
    def paragraph(i):
        answer = {"text": "Anna", "answer_start": 0}
        return {
            "context": f"Anna reads {i}.",
            "qas": [{"id": f"q{i}", "question": "Who?", "answers": [answer]}],
        }

    return {
        "version": "1.1",
        "data": [{"title": "t", "paragraphs": [paragraph(i) for i in range(paragraphs)]}],
    }


def test_every_part_is_read_back_by_the_readers_of_the_study(corpora, tmp_path):
    folder = tmp_path / "data"
    counts = prepare_files(folder, ["de", "fr"], **corpora)
    train = read_parallel(folder / "parallel/de-en.train.tsv", "de")
    assert train.source[0] == ["de", "Satz", "0", "hier", "."]  # Moses parted the full stop
    assert counts["de parallel"]["empty_side"] == 1
    assert len(read_parallel(folder / "parallel/fr-en.heldout.tsv", "fr")) == 10
    assert len(read_gold(folder / "gold/de-en.tsv")) == 1 and not (folder / "gold/fr-en.tsv").exists()
    assert len(read_nli(folder / "nli/xnli.train.tsv")) == 4
    assert set(read_nli(folder / "nli/xnli.test.tsv")["language"]) == {"en", "de", "fr"}
    sizes = {split: len(read_qa(folder / f"qa/en.{split}.json")) for split in ("train", "dev", "test")}
    assert sizes["train"] + sizes["dev"] == 20 and sizes["dev"] > 0 and sizes["test"] == 20
    assert counts["qa"]["test fr"] == 0 and not (folder / "qa/fr.test.json").exists()


def test_what_is_tested_is_not_trained_on(corpora, tmp_path):
    prepare_files(tmp_path / "data", ["de", "fr"], **corpora)
    train = read_parallel(tmp_path / "data/parallel/de-en.train.tsv", "de")
    numbers = {int(words[2]) for words in train.source}
    assert numbers == set(range(15)) - {3}  # 15 to 24 are the retrieval set, 3 has a gold alignment
    text = (tmp_path / "data/text/en.txt").read_text(encoding="utf-8")
    assert "number 16." not in text and "number 3." not in text


def test_a_sentence_is_pretrained_on_in_one_language_only(corpora, tmp_path):
    # The English side is the same in both files: neither its translations nor itself may come twice.
    counts = prepare_files(tmp_path / "data", ["de", "fr"], **corpora)["text"]
    numbers = [
        next(filter(str.isdigit, line.rstrip(".").split()))
        for language in ("en", "de", "fr")
        for line in (tmp_path / f"data/text/{language}.txt").read_text(encoding="utf-8").splitlines()
    ]
    assert len(numbers) == len(set(numbers)) == counts["en"] + counts["de"] + counts["fr"] > 20


def test_an_answer_that_is_not_at_its_offset_is_named(corpora, tmp_path):
    Path(corpora["qa_train"]).write_text(json.dumps(_squad(3)).replace('"answer_start": 0', '"answer_start": 1'))
    with pytest.raises(ValueError, match="squad.json, question q0"):
        prepare_files(tmp_path / "data", ["de", "fr"], **corpora)


def test_a_language_without_rows_in_the_nli_test_is_named(corpora, tmp_path):
    with pytest.raises(ValueError, match="xnli.tsv has no rows in fr"):
        rows = [("en", "neutral", "1", "p", "h"), ("de", "neutral", "1", "p", "h")]
        _table(Path(corpora["nli_test"]), ["language", "gold_label", "pairID", "sentence1", "sentence2"], rows)
        prepare_files(tmp_path / "data", ["de", "fr"], **corpora)


def test_test_items_that_stand_twice_or_not_in_every_language_are_named(corpora, tmp_path):
    """Both broke the notebooks after training, before its results were written."""
    path = Path(corpora["nli_test"])
    text = path.read_text()
    path.write_text(text + "de\tneutral\t1\tp\th\n")
    with pytest.raises(ValueError, match="xnli.tsv: pairID 1 stands twice in de"):
        prepare_files(tmp_path / "data", ["de", "fr"], **corpora)
    path.write_text(text + "de\tneutral\t2\tp\th\n")
    with pytest.raises(ValueError, match="xnli.tsv: pairID 2 is in de but not in .*an item has one pairID"):
        prepare_files(tmp_path / "data", ["de", "fr"], **corpora)


def test_questions_need_an_english_file_and_a_development_set(corpora, tmp_path):
    """Missed before alignment, not after it."""
    with pytest.raises(ValueError, match="data.qa_test: there is no English file"):
        prepare_files(tmp_path / "data", ["de"], **corpora | {"qa_test": str(tmp_path / "none.{language}.json")})
    with pytest.raises(ValueError, match="no question is left for dev; raise data.qa_dev_share, now 0.0"):
        prepare_files(tmp_path / "data", ["de"], **corpora | {"qa_dev_share": 0.0})


def test_gold_alignments_may_be_compressed(corpora, tmp_path):
    """Copied under the name of a plain table they could not be read."""
    packed = tmp_path / "gold.tsv.xz"
    packed.write_bytes(lzma.compress(Path(corpora["gold"]["de"]).read_bytes()))
    prepare_files(tmp_path / "data", ["de", "fr"], **corpora | {"gold": {"de": str(packed)}})
    assert read_gold(tmp_path / "data/gold/de-en.tsv") == read_gold(corpora["gold"]["de"])
