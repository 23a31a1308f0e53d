"""One's own sentences: every pair keeps its place, nothing is cut silently, every format says the same."""

import csv
import json
import os
import xml.etree.ElementTree as ET

import pytest
import torch
from test_notebooks import run_every_cell
from transformers import (
    AlbertConfig,
    AlbertModel,
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    ModernBertConfig,
    ModernBertModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

import otlib
from otlib.analysis import figures, measures
from otlib.analysis.alignments import Alignment, svg, write_alignments
from otlib.analysis.sentences import align_sentences
from otlib.data.pairs import as_pair, read_sides, typed_pairs
from otlib.record import write_text
from otlib.settings import AlignText
from otlib.study.align_text import encoder_of
from otlib.study.run import main
from otlib.training.middle import hidden_state
from otlib.training.pretrain import train_tokenizer
from otlib.training.words import collate_words, embed_corpus, encode_words, hidden_states, load_encoder

WORDS = [f"{a}{b}" for a in "bdfgkl" for b in ("ana", "ene", "olo")]
PAIRS = [("bana dene folo", "dene bana folo"), ("", "bana"), ("golo", "golo kene"), ("lana\tdolo ", " dolo lana")]
SIZES = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A random BERT of two layers that knows its words, as a checkpoint."""
    folder = tmp_path_factory.mktemp("encoder")
    (folder / "text").write_text("\n".join([" ".join(WORDS)] * 3))
    tokenizer = train_tokenizer([folder / "text"], folder, vocabulary_size=100, lowercase=True)
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(tokenizer), num_hidden_layers=2, max_position_embeddings=32, **SIZES)
    model = BertModel(config)
    model.embeddings.position_embeddings.weight.data.zero_()  # so that layer 0 knows words, and not where they stand
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(folder):
    return load_encoder(folder)


# --- from Python ----------------------------------------------------------------------------------------------


def test_equal_words_are_linked_wherever_they_stand(encoder):
    found = align_sentences(PAIRS, encoder, layer=0, bf16=False)
    assert [one.pharaoh for one in found] == ["0-1 1-0 2-2", "", "0-0", "0-1 1-0"]
    assert otlib.align_sentences is align_sentences


def test_a_pair_that_cannot_be_aligned_keeps_its_place_and_says_why(encoder):
    with pytest.warns(UserWarning, match="1 of 6 pairs could not be aligned whole, the first is pair 1"):
        found = align_sentences([("bana", "\u200d"), *PAIRS, ("", "")], encoder)
    assert [one.flaw for one in found] == [
        "a side has no word that the tokenizer knows a piece of",
        "",
        "a side is empty",
        "",
        "",
        "a side is empty",
    ]
    assert [bool(one.links) for one in found] == [False, True, False, True, True, False]
    assert found[1].left == PAIRS[0][0].split()


def test_a_sentence_that_the_encoder_cannot_take_whole_is_said_and_keeps_its_words(encoder):
    # embed_corpus cuts at 128 subwords with a warning that names no sentence; here users read links by their numbers.
    long = " ".join(WORDS * 3)
    with pytest.warns(UserWarning, match="1 of 2 pairs could not be aligned whole, the first is pair 2: longer than"):
        found = align_sentences([PAIRS[0], (long, long)], encoder)
    assert "longer than the 32 subwords that the encoder takes" in found[1].flaw
    assert len(found[1].left) == 54 and max(i for i, _ in found[1].links) < 31


def test_a_batch_of_pairs_equals_each_alone(encoder, monkeypatch):
    # Sorting by length and cutting into chunks must not move a result to another pair.
    monkeypatch.setattr("otlib.analysis.sentences.CHUNK", 1)
    draw = torch.Generator().manual_seed(0)
    sizes = torch.randint(1, 9, (12, 2), generator=draw).tolist()
    pairs = [tuple(" ".join(WORDS[(i + k) % 18] for k in range(n)) for n in size) for i, size in enumerate(sizes)]
    together = align_sentences(pairs, encoder, bf16=False, at_once=3, plans=True)
    for pair, one in zip(pairs, together, strict=True):
        (alone,) = align_sentences([pair], encoder, bf16=False, plans=True)
        assert (one.left, one.right, one.links) == (alone.left, alone.right, alone.links)
        torch.testing.assert_close(one.plan, alone.plan, atol=1e-4, rtol=1e-3)


def test_links_are_sure_of_words_that_send_all_their_mass_to_each_other(encoder):
    (one,) = align_sentences(PAIRS[:1], encoder, layer=0, plans=True, epsilon=0.01)
    assert one.link_confidence == pytest.approx([1, 1, 1], abs=0.01) and one.confidence == pytest.approx(1, abs=0.01)
    assert one.plan.shape == (3, 3)


def test_a_lower_price_moves_less(encoder):
    mass = {
        price: float(align_sentences(PAIRS[2:3], encoder, plans=True, unbalanced=price)[0].plan.sum())
        for price in (0.1, 0.5, None)
    }
    assert mass[0.1] < mass[0.5] < mass[None] == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("rule", ["argmax", "itermax", "threshold"])
def test_rules_link_more_or_fewer_words(encoder, rule):
    (one,) = align_sentences([("bana", "bana bana bana")], encoder, layer=0, rule=rule, unbalanced=None)
    assert len(one.links) == {"argmax": 1, "itermax": 2, "threshold": 3}[rule]


def test_moses_splits_strings_and_leaves_words_alone(encoder):
    moses = {"words": "moses", "languages": ("en", "de")}
    found = align_sentences([("Bana, dene.", "bana"), (["bana,"], ["bana"])], encoder, **moses)
    assert [one.left for one in found] == [["Bana", ",", "dene", "."], ["bana,"]]


def test_a_space_that_breaks_no_line_parts_no_words(encoder):
    # Gold files hold "10\u00a0000" as one word: split there, every later link would be shifted.
    (one,) = align_sentences([("bana\u00a0dene folo", "folo")], encoder)
    assert one.left == ["bana\u00a0dene", "folo"]


@pytest.mark.parametrize(
    ("pairs", "settings", "message"),
    [
        (PAIRS, {"layer": 3}, r"layer 3 is not there: the encoder has layers 0 \(embeddings\) to 2"),
        (PAIRS, {"rule": "max"}, "rule: input should be 'argmax', 'itermax' or 'threshold', got 'max'"),
        (PAIRS, {"epsilon": 0.0}, "epsilon: input should be greater than 0, got 0.0"),
        (PAIRS, {"rulez": "x"}, "rulez: .*there are layer, pooling"),
        (PAIRS, {"words": "moses"}, "words: moses needs languages, such as de en"),
        ("bana", {}, "pairs must be a list of pairs"),
        (["bana"], {}, "a sentence pair is two sentences"),
        ([("bana", "dene", "folo")], {}, "a sentence pair is two sentences"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(encoder, pairs, settings, message):
    with pytest.raises(ValueError, match=message) as refusal:
        align_sentences(pairs, encoder, **settings)
    assert "\n" not in str(refusal.value)


def test_a_bar_counts_all_pairs_where_there_is_a_terminal(encoder, monkeypatch):
    shown = []

    class Bar:
        def __init__(self, **options):
            shown.append(options)

        __enter__, __exit__, update = lambda self: self, lambda *_: None, lambda self, n: shown.append(n)

    monkeypatch.setattr("otlib.analysis.sentences.tqdm", Bar)
    monkeypatch.setattr("otlib.analysis.sentences.CHUNK", 1)
    align_sentences(PAIRS * 2, encoder, at_once=3)
    options, *counts = shown
    assert options["total"] == sum(counts) == 8 and len(counts) == 3
    assert options["disable"] is None  # to tqdm: off, unless the stream is a terminal


def test_the_models_mode_and_device_come_back(encoder):
    _, model = encoder
    model.train()
    align_sentences(PAIRS, encoder)
    assert model.training
    model.eval()


# --- plain strings wherever a pair is asked for ----------------------------------------------------------------


def test_plain_strings_are_words_and_not_letters(encoder):
    # encode_words once took every letter of a string for a word, and said nothing.
    tokenizer, model = encoder
    plain, words = (embed_corpus(model, tokenizer, side) for side in (["bana dene"], [["bana", "dene"]]))
    torch.testing.assert_close(plain, words)
    pair = "bana dene", "dene folo bana"
    (plan,), (same,) = (measures.pair_plans(model, tokenizer, [one]) for one in (pair, as_pair(pair)))
    assert plan.shape == (2, 3) and torch.equal(plan, same)


def test_strings_go_into_measures_and_figures():
    pair = "bana dene", "dene folo bana"
    assert measures.telling_pair([pair]).pivot == ["dene", "folo", "bana"]
    assert measures.mismatched([pair, ("golo", "kene")])[0].pivot == ["kene"]
    assert measures.by_confidence([pair], [torch.eye(2, 3)])["pivot"].tolist() == ["dene folo bana"]
    ax = figures.word_matrix(torch.eye(2, 3), *pair)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["bana", "dene"]
    assert len(figures.plans({"one": torch.eye(2, 3)}, *pair).flat[0].get_xticklabels()) == 3
    assert figures.gold_links(pair).get_xlim() == (0, 3)


# --- a middle layer --------------------------------------------------------------------------------------------

FAMILIES = {
    "bert": (BertModel, BertConfig(vocab_size=50, num_hidden_layers=3, **SIZES)),
    "xlm-r": (XLMRobertaModel, XLMRobertaConfig(vocab_size=50, num_hidden_layers=3, **SIZES)),
    "distilbert": (DistilBertModel, DistilBertConfig(vocab_size=50, n_layers=3, dim=16, n_heads=2, hidden_dim=32)),
    "modernbert": (ModernBertModel, ModernBertConfig(vocab_size=50, num_hidden_layers=3, pad_token_id=0, **SIZES)),
    "albert": (AlbertModel, AlbertConfig(vocab_size=50, num_hidden_layers=3, embedding_size=8, **SIZES)),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_middle_layer_is_the_same_without_those_above_it(encoder, family):
    torch.manual_seed(0)
    kind, config = FAMILIES[family]
    model = kind(config).eval()
    rows = encode_words(encoder[0], [["bana"], ["bana", "dene", "folo"]], max_length=32)
    batch = collate_words(rows, pad_token_id=0)
    batch = batch._replace(input_ids=batch.input_ids % 50)
    for layer in range(4):
        with torch.no_grad():
            (whole,) = hidden_states(model, batch, [layer])
            torch.testing.assert_close(hidden_state(model, batch, layer), whole)


def test_layers_above_are_not_run_and_no_hook_stays(encoder, monkeypatch):
    tokenizer, model = encoder
    batch = collate_words(encode_words(tokenizer, [["bana"]], max_length=32), pad_token_id=0)
    monkeypatch.setattr(type(model.encoder.layer[1].output), "forward", lambda *_: pytest.fail("layer 2 was run"))
    with pytest.raises(pytest.fail.Exception):
        hidden_states(model, batch, [1])
    monkeypatch.undo()
    calls = []
    hook = model.encoder.layer[1].register_forward_hook(lambda *_: calls.append(1))
    hidden_state(model, batch, 1)
    hook.remove()
    assert not calls and not model.encoder.layer[1]._forward_pre_hooks


# --- files -----------------------------------------------------------------------------------------------------

FOUND = [
    Alignment(["das", "<Haus>"], ["the", "house", "\x01"], [(0, 0), (1, 1)], [0.5, 0.98765], 0.71),
    Alignment([], ["x"], [], [], 0.0, "a side is empty"),
]


def test_every_format_holds_every_pair(tmp_path):
    paths = {kind: write_alignments(tmp_path / f"out.{kind}", FOUND) for kind in ("pharaoh", "json", "csv", "html")}
    assert paths["pharaoh"].read_text() == "0-0 1-1\n\n"
    rows = json.loads(paths["json"].read_text())
    assert rows[0]["links"] == [[0, 0], [1, 1]] and rows[0]["link_confidence"] == [0.5, 0.9877]
    assert rows[1] == {
        "left": [],
        "right": ["x"],
        "links": [],
        "link_confidence": [],
        "confidence": 0.0,
        "flaw": "a side is empty",
    }
    table = list(csv.DictReader(paths["csv"].open(encoding="utf-8", newline="")))
    assert [row["links"] for row in table] == ["0-0 1-1", ""] and table[0]["link_confidence"] == "0.5 0.9877"
    page = paths["html"].read_text()
    assert page.count("<svg") == 2 and "a side is empty" in page and "http-equiv" not in page
    assert write_alignments(tmp_path / "one.svg", FOUND[:1]).read_text() == svg(FOUND[0])
    with pytest.raises(ValueError, match="shows one sentence pair and here are 2"):
        write_alignments(tmp_path / "two.svg", FOUND)


def test_a_drawing_is_well_formed_and_tells_its_links_in_words():
    root = ET.fromstring(svg(FOUND[0]))
    tag = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{tag}title").text.endswith("das – the, <Haus> – house")
    lines = root.findall(f"{tag}line")
    assert [line.find(f"{tag}title").text for line in lines] == ["das – the: 0.50", "<Haus> – house: 0.99"]
    widths = [float(line.get("stroke-width")) for line in lines]
    assert widths[0] < widths[1]
    texts = {text.text: text.get("font-style") for text in root.findall(f"{tag}text")}
    assert texts == {"das": None, "<Haus>": None, "the": None, "house": None, "\ufffd": "italic"}
    ET.fromstring(svg(FOUND[1]))


@pytest.fixture
def align(folder, tmp_path, capsys, monkeypatch):
    """``align(files, *options)``: status, what was said, and the lines of the out file."""
    monkeypatch.chdir(tmp_path)

    def run(files, *options, out="out.txt"):
        for name, content in files.items():
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        status = main(["align-text", *files, "--encoder", str(folder), "--out", out, *options])
        path, said = tmp_path / out, capsys.readouterr()
        lines = path.read_text().split("\n") if path.is_file() else None
        return status, said.err.splitlines(), said.out.splitlines(), lines

    return run


BARRED = "".join(f"{left} ||| {right}\n" for left, right in PAIRS[:1] + PAIRS[2:]) + "\n ||| bana\n"


@pytest.mark.parametrize(
    "files",
    [
        {"pairs.txt": BARRED},
        {"pairs.tsv": "de\ten\n" + BARRED.replace("\t", " ").replace(" ||| ", "\t").replace("\n\n", "\n\t\n")},
        {"pairs.csv": "de,en\n" + BARRED.replace("\t", " ").replace(" ||| ", ",").replace("\n\n", "\n,\n")},
        {"a": "bana dene folo\ngolo\nlana dolo\n\n\n", "b": "dene bana folo\ngolo kene\ndolo lana\n\nbana\n"},
    ],
    ids=lambda files: next(iter(files)),
)
def test_a_file_gets_a_line_for_each_of_its_pairs_in_whatever_form_it_comes(align, files):
    status, errors, said, lines = align(files, "--layer", "0")
    assert status == 0 and lines == ["0-1 1-0 2-2", "0-0", "0-1 1-0", "", "", ""]
    assert errors[-1] == "2 of 5 pairs: a side is empty (pair 4, 5)"
    assert said == ["5 pairs, 6 links: out.txt"]
    if len(files) == 1 and "pairs.txt" not in files:
        assert "left is the column 'de', right 'en'" in errors[0]


def test_the_columns_of_a_wider_table_are_named(align):
    table = "source\ten\tde\nx\tbana dene\tdene bana\n"
    assert align({"t.tsv": table}, "--languages", "de", "en", "--layer", "0")[3] == ["0-1 1-0", ""]
    status, errors, _, _ = align({"t.tsv": table}, out="other.txt")
    assert status == 1 and errors == ["t.tsv has the columns source, en, de: name those of the two sides (languages)"]


def test_the_command_writes_what_the_name_asks_for(align):
    assert json.loads("\n".join(align({"p": BARRED}, out="new/out.json")[3]))[1]["left"] == ["golo"]
    assert (
        align({"p": "bana ||| bana"}, "--rule", "threshold", "--unbalanced", "null", out="one.svg")[3][0][:4] == "<svg"
    )


@pytest.mark.parametrize(
    ("files", "options", "message"),
    [
        ({"p": "bana ||| bana\nbana dene\n"}, [], "p, line 2: expected one '|||' between source and pivot, got 0"),
        ({"a": "bana\ndene\n", "b": "bana\n"}, [], "a has 2 lines but b has 1: line i of one must translate line i"),
        ({"p": b"bana ||| bana\nd\xe4ne ||| bana\n"}, [], "p, line 2: not UTF-8 (byte 0xe4)"),
        ({"p": ""}, [], "p: there is no sentence pair"),
        ({"p": BARRED}, ["--layer", "5"], "layer 5 is not there: the encoder has layers 0 (embeddings) to 2"),
        ({"p": BARRED}, ["--layer", "five"], "argument --layer: must be a whole number, got 'five'"),
        ({"p": BARRED}, ["--at-once", "-3"], "at_once: input should be greater than 0, got -3"),
        ({"p": BARRED}, ["--words", "moses"], "--words moses needs the languages of both sides"),
        ({"a.tsv": "de\nbana\n", "b.tsv": "en\nbana\n"}, [], "a.tsv is a table by its name, and of two files each has"),
        ({"a": "", "b": "", "c": ""}, [], "give one file of pairs, or two files with a side each, got 3"),
    ],
)
def test_a_wrong_file_or_option_is_one_sentence_and_leaves_nothing(align, files, options, message):
    status, errors, _, lines = align(files, *options)
    assert status == 1 and lines is None
    assert len(errors) == 1 and errors[0].startswith(message)


def test_a_place_that_cannot_be_written_is_said_before_anything_is_computed(align, monkeypatch):
    monkeypatch.setattr("otlib.analysis.sentences.align_sentences", lambda *_, **__: pytest.fail("computed"))
    assert "nothing may be written there" in align({"p": BARRED}, out="p/out.txt")[1][0]
    assert "is the file to be read" in align({"p": BARRED}, out="./p")[1][0]
    assert "it would not be compressed: leave out .gz" in align({"p": BARRED}, out="out.txt.gz")[1][0]
    os.mkfifo("pipe")
    assert "pipe is no file that can be replaced" in align({"p": BARRED}, out="pipe")[1][0]
    assert "o.tmp would be written on the way to o" in align({"o.tmp": BARRED}, out="o")[1][0]
    assert "an SVG shows one sentence pair and here are 5" in align({"p": BARRED}, out="out.svg")[1][0]


def test_a_link_to_the_file_to_be_written_stays_one(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write_alignments(tmp_path / "link", FOUND)
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there").read_text() == "0-0 1-1\n\n"


def test_what_moses_cannot_split_is_said(align):
    with pytest.warns(UserWarning, match="Moses splits km at blanks only"):
        align({"p": BARRED}, "--words", "moses", "--languages", "km", "en")


def test_a_missing_file_or_encoder_is_one_sentence(tmp_path, capsys, folder):
    given = ["--out", str(tmp_path / "out")]
    assert main(["align-text", str(tmp_path / "gone"), "--encoder", str(folder), *given]) == 1
    (tmp_path / "p").write_text(BARRED)
    assert main(["align-text", str(tmp_path / "p"), "--encoder", str(tmp_path / "none"), *given]) == 1
    gone, none = capsys.readouterr().err.splitlines()
    assert "gone is not there: give the file" in gone and "no complete encoder at" in none


def test_every_setting_is_an_option_of_the_command(capsys):
    with pytest.raises(SystemExit):
        main(["align-text", "--help"])
    said = capsys.readouterr().out
    assert all(f"--{name}" in said for name in AlignText.model_fields)


def test_a_pair_of_files_is_read_as_it_stands(tmp_path):
    (tmp_path / "p").write_text("a  b ||| c\n\nd ||| \n")
    assert read_sides([tmp_path / "p"]) == [("a  b ", " c"), ("", ""), ("d ", " ")]


# --- the notebook ----------------------------------------------------------------------------------------------


def test_every_cell_of_the_notebook_can_run_twice_and_leaves_all_formats(folder, tmp_path, monkeypatch):
    run_every_cell("50_your_sentences", {"checkpoint": str(folder), "out": str(tmp_path)}, monkeypatch)
    names = ["drawings.html", "first.svg", "links.csv", "links.json", "links.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert len((tmp_path / "links.txt").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("given", "message"),
    [({"sentences": " "}, "sentences: there is no"), ({"sentences": " ||| bana"}, "no pair .* first: a side is empty")],
)
def test_sentences_that_cannot_be_aligned_are_one_sentence_in_the_notebook(folder, monkeypatch, given, message):
    with pytest.raises(ValueError, match=message):
        run_every_cell("50_your_sentences", {"checkpoint": str(folder), **given}, monkeypatch)


def test_without_a_name_the_newest_aligned_encoder_of_a_demo_is_taken(tmp_path, monkeypatch):
    monkeypatch.setattr("otlib.study.align_text.ROOT", tmp_path)
    assert encoder_of("named") == "named"
    with pytest.raises(FileNotFoundError, match="run make study PAIRS=de-en SEEDS=0 first"):
        encoder_of("")
    for time, (study, seed) in enumerate([("demo", 1), ("demo-de-en", 0), ("demo", 0)]):
        mark = write_text(tmp_path / f"outputs/{study}/aligned/wordot/seed{seed}/run.json", "{}")
        os.utime(mark, (time, time))
    assert encoder_of("") == tmp_path / "outputs/demo/aligned/wordot/seed0"


@pytest.mark.parametrize("text", ["bana ||| dene\n\nbana", "bana\n", "a ||| b ||| c"])
def test_a_typed_line_without_two_sides_is_named(text):
    assert typed_pairs("\n a b ||| c \n") == [("a b ", " c")]
    with pytest.raises(ValueError, match="line [12] of the sentences: expected one"):
        typed_pairs(text)
