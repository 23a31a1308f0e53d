"""Items of the tasks are read as they stand, and a faulty one is named."""

import json
import lzma

import pandas as pd
import pytest

from otlib.data.items import COLUMNS, premises, qa_items, read_nli, read_qa, read_squad


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


# Inference

HEADER = "language\tgold_label\tpairID\tsentence1\tsentence2\n"


def test_quotes_are_text(tmp_path):
    """A CSV reader would take the open quote for the start of a field and swallow the line end."""
    text = HEADER + 'de\tneutral\t1\t"Er ging\tSie sagte: "gut"\nen\tentailment\t2\tHe said "no.\tHe spoke.\n'
    items = read_nli(write(tmp_path / "xnli.tsv", text)).table
    assert items.values.tolist() == [
        ["de", "neutral", "1", '"Er ging', 'Sie sagte: "gut"'],
        ["en", "entailment", "2", 'He said "no.', "He spoke."],
    ]


def test_columns_are_found_by_name_and_missing_ones_are_filled(tmp_path):
    """English training sets have neither language nor pairID; line numbers keep the items apart."""
    text = "genre\tsentence1\tsentence2\tgold_label\nfiction\ta b\tc\tneutral\nfiction\td\te\tentailment\n"
    path = write(tmp_path / "mnli.tsv", text)
    items = read_nli(path).table
    assert list(items) == COLUMNS
    assert items["language"].tolist() == ["en", "en"]
    assert items["pairID"].tolist() == ["2", "3"]
    assert items["sentence2"].tolist() == ["c", "e"]
    assert read_nli(path, "de").table["language"].tolist() == ["de", "de"]


def test_compressed_items_read_as_plain_ones(tmp_path):
    """The benchmarks are kept compressed."""
    text = HEADER + "el\tcontradiction\t1\tΗ γάτα\tΟ σκύλος\n"
    (tmp_path / "xnli.tsv.xz").write_bytes(lzma.compress(text.encode()))
    plain = read_nli(write(tmp_path / "xnli.tsv", text)).table
    pd.testing.assert_frame_equal(read_nli(tmp_path / "xnli.tsv.xz").table, plain)


def test_items_without_consensus_are_left_out_and_counted(tmp_path):
    """SNLI and MultiNLI mark them by "-"; one such line must not stop a study, nor vanish."""
    text = HEADER + "en\t-\t1\ta\tb\nen\tneutral\t2\tc\td\n"
    items = read_nli(write(tmp_path / "snli.tsv", text))
    assert items.table["pairID"].tolist() == ["2"]
    assert items.dropped == {"no_consensus": 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "en\tcontradictory\t2\tc\td",
            r"xnli\.tsv, line 3: unknown label 'contradictory'; it must be one of",
        ),
        ("en\t\t2\tc\td", r"xnli\.tsv, line 3: unknown label ''"),
        ("en\tneutral\t2\t\u200b \ufeff\td", r"xnli\.tsv, line 3: an empty sentence"),
        ("en\tneutral\t2\t \td", r"xnli\.tsv, line 3: an empty sentence"),
        ("en\tneutral\t2\tc", r"xnli\.tsv, line 3: 4 fields where the header has 5"),
    ],
)
def test_a_malformed_item_is_named_by_file_and_line(tmp_path, line, message):
    """Among 400,000 items nobody would find it otherwise."""
    path = write(tmp_path / "xnli.tsv", HEADER + "en\tneutral\t1\ta\tb\n" + line + "\n")
    with pytest.raises(ValueError, match=message):
        read_nli(path)


def test_test_files_without_labels_are_refused(tmp_path):
    """XTREME strips the labels of XNLI's test set: scores would be chance."""
    path = write(tmp_path / "test.tsv", "sentence1\tsentence2\na\tb\n")
    with pytest.raises(ValueError, match="no column 'gold_label'"):
        read_nli(path)
    with pytest.raises(ValueError, match="holds no item"):
        read_nli(write(tmp_path / "empty.tsv", HEADER))


# Questions


def squad(*questions, context="Die Katze schläft im Haus."):
    """SQuAD v1.1 JSON of (id, question, answers as (text, start))."""
    qas = [
        {
            "id": name,
            "question": question,
            "answers": [{"text": text, "answer_start": start} for text, start in answers],
        }
        for name, question, answers in questions
    ]
    return {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": qas}]}]}


def write_json(path, data):
    return write(path, json.dumps(data, ensure_ascii=False))


def test_questions_are_read_with_their_contexts(tmp_path):
    """Each with all its answers and where they stand, from a plain file or a compressed one."""
    data = squad(("q1", "Wer schläft?", [("Die Katze", 0), ("Katze", 4)]), ("q2", "Wo?", [("im Haus", 18)]))
    questions = read_qa(write_json(tmp_path / "de.json", data))
    assert questions["id"].tolist() == ["q1", "q2"]
    assert questions["answers"].tolist() == [["Die Katze", "Katze"], ["im Haus"]]
    assert questions["starts"].tolist() == [[0, 4], [18]]
    (tmp_path / "de.json.xz").write_bytes(lzma.compress(json.dumps(data).encode()))
    pd.testing.assert_frame_equal(read_qa(tmp_path / "de.json.xz"), questions)


def test_offsets_count_characters_not_bytes(tmp_path):
    """Greek letters take two bytes each in UTF-8, and an emoji four."""
    context = "Η γάτα 🐈 κοιμάται στο σπίτι."
    data = squad(("q", "Πού;", [("στο σπίτι", context.index("στο"))]), context=context)
    assert read_qa(write_json(tmp_path / "el.json", data))["answers"][0] == ["στο σπίτι"]


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([("Die Katze", 0), ("Haus", 20)], "the answer 'Haus' is not at offset 20"),
        ([("Haus", -5)], "the answer 'Haus' is not at offset -5"),  # from the end it would be right
        ([("Haus", "21")], "the answer 'Haus' is not at offset '21'"),
        ([("Haus", True)], "the answer 'Haus' is not at offset True"),
        ([("Haus", None)], "the answer 'Haus' is not at offset None"),
        ([(" ", 3)], "the answer ' ' is empty"),
        ([("\u200b\u00a0", 3)], r"the answer '\\u200b\\xa0' is empty"),
        ([(None, 3)], "the answer None is empty"),
        ([(["Haus"], 21)], r"the answer \['Haus'\] is empty"),
        ([], "it has no answer"),
    ],
)
def test_a_faulty_answer_is_named_by_file_and_question(tmp_path, answers, message):
    """A wrong offset would teach another answer, and nothing would show it."""
    data = squad(("good", "Wo?", [("Haus", 21)]), ("q7", "Wo?", answers))
    with pytest.raises(ValueError, match=rf"de\.json, question q7: {message}"):
        read_qa(write_json(tmp_path / "de.json", data))


@pytest.mark.parametrize(
    ("context", "answer", "start", "found"),
    [
        ("A red fox ran.", " red fox ", 1, ("red fox", 2)),
        ("A red fox ran.", " red fox", 2, ("red fox", 2)),  # counted from the word
        ("A red fox\u200b ran.", "fox\u200b", 6, ("fox", 6)),
        ("A \ufeff\u200efox ran.", "\ufeff\u200efox", 2, ("fox", 4)),
        ("A red fox ran.", "fox\u200b", 6, ("fox", 6)),
        ("A red fox ran.", "\u2800fox\u3164", 6, ("fox", 6)),
        ("I \u2764\ufe0f you.", "\u2764\ufe0f", 2, ("\u2764", 2)),
        ("A red\u00a0fox ran.", "red fox", 2, ("red\u00a0fox", 2)),
        ("A red \n  fox ran.", "red fox", 2, ("red \n  fox", 2)),
        ("A red fox ran.", "red  fox", 2, ("red fox", 2)),
        ("Au cafe\u0301 noir.", "caf\u00e9", 3, ("cafe\u0301", 3)),
        ("Au caf\u00e9 noir.", "cafe\u0301", 3, ("caf\u00e9", 3)),
        ("E\u0301t\u00e9, au cafe\u0301.", "caf\u00e9", 8, ("cafe\u0301", 9)),
        ("\u00c9t\u00e9, caf\u00e9 caf\u00e9.", "cafe\u0301", 7, ("caf\u00e9", 5)),
        ("E\u0301t\u00e9, le fox, un fox.", "fox", 8, ("fox", 9)),  # the offset is of the composed text
        ("  A fox, a fox.", "fox", 2, ("fox", 4)),  # and of the text without its first blanks
        ("Un caf\u00e9.", "cafe\u0301", 0, ("caf\u00e9", 3)),  # it stands once
        ("Vi\u1ec7t Nam", "Vie\u0302\u0323t", 0, ("Vi\u1ec7t", 0)),
        ("\ud55c\uad6d \uc0ac\ub78c", "\u1112\u1161\u11ab\u1100\u116e\u11a8", 0, ("\ud55c\uad6d", 0)),
        ("A re\u00add \u200bfox ran.", "red fox", 2, ("re\u00add \u200bfox", 2)),
        ("Um \uff11\uff10 Uhr.", "10", 3, ("\uff11\uff10", 3)),
        ("\ufb01sh and \ufb01sh", "fish", 8, ("\ufb01sh", 8)),
    ],
)
def test_an_answer_becomes_what_stands_in_its_context(tmp_path, context, answer, start, found):
    """Else no subword began or ended with it, and the question was left out of the training without a word."""
    path = write_json(tmp_path / "x.json", squad(("q", "Who?", [(answer, start)]), context=context))
    read = read_squad(path)
    assert [(read.table["answers"][0][0], read.table["starts"][0][0])] == [found] and read.moved == 1
    again = read_squad(write_json(path, read.json))
    assert again.moved == 0 and again.table.equals(read.table)
    assert context.startswith(found[0], found[1])


@pytest.mark.parametrize(
    ("context", "answer", "start"),
    [
        ("A fox, a fox.", "fox", 3),
        ("A fox.", "fox", 3),
        ("Un caf\u00e9, un caf\u00e9.", "cafe\u0301", 9),
        ("A red fox.", "redfox", 2),
        ("A fox.", "Fox", 2),
    ],
)
def test_an_answer_whose_place_is_not_clear_is_refused(tmp_path, context, answer, start):
    """A guess would teach another place; of a data set of the hub the nearest is taken, and counted."""
    data = squad(("q", "Who?", [(answer, start)]), context=context)
    with pytest.raises(
        ValueError, match=f"x.json, question q: the answer .* is not at offset {start}, counted in char"
    ):
        read_qa(write_json(tmp_path / "x.json", data))


@pytest.mark.parametrize(
    "data",
    [
        *({"data": [{"title": "t"}]}, {"answers": []}, [1, 2], {"data": 3}, [[[["a", "b"]]]], {"data": [[["a", "b"]]]}),
        *({"data": {"paragraphs": []}}, {"data": [{"paragraphs": [{"context": "a", "qas": [["id"]]}]}]}, None, "data"),
        {"data": [{"paragraphs": [{"context": "a", "qas": [{"id": "q", "question": "?", "answers": ["a"]}]}]}]},
        {"data": [{"paragraphs": [{"context": "a", "qas": [{"id": "q", "question": "?", "answers": None}]}]}]},
    ],
)
def test_other_json_is_refused(tmp_path, data):
    """Whatever JSON may hold in SQuAD's place, it is one sentence."""
    with pytest.raises(ValueError, match=r"x\.json is not SQuAD v1\.1 JSON"):
        read_qa(write_json(tmp_path / "x.json", data))


@pytest.mark.parametrize("text", ["[" * 200_000, '{"data": ' + "1" * 5000 + "}", "", "a,b", "{'data': []}", "\ufeff"])
def test_what_is_no_json_is_refused(tmp_path, text):
    """Nested without end, numbers without end, nothing, a table."""
    with pytest.raises(ValueError, match=r"x\.json is not SQuAD v1\.1 JSON"):
        read_qa(write(tmp_path / "x.json", text))


@pytest.mark.parametrize("name", [["q"], {"q": 1}, None, 1.5, True])
def test_an_id_that_is_no_name_is_refused(tmp_path, name):
    """A list cannot be looked up."""
    with pytest.raises(ValueError, match=r"x\.json, question .*: its id is neither text nor a number"):
        read_qa(write_json(tmp_path / "x.json", squad((name, "Wo?", [("Haus", 21)]))))


@pytest.mark.parametrize("part", ["question", "context", "id"])
def test_half_a_character_is_refused(tmp_path, part):
    """JSON may escape one half of a surrogate pair, which no file in UTF-8 can hold and no tokenizer reads."""
    data = squad(("q", "Wo?", [("Haus", 21)]))
    paragraph = data["data"][0]["paragraphs"][0]
    (paragraph if part == "context" else paragraph["qas"][0])[part] += "\ud83d"
    with pytest.raises(ValueError, match=r"x\.json, question q.*: half a character stands in it"):
        read_qa(write(tmp_path / "x.json", json.dumps(data)))


def test_a_file_cut_short_or_without_questions_is_refused(tmp_path):
    """A download that broke off, and an empty benchmark, must not pass for a result."""
    path = write_json(tmp_path / "x.json", squad(("q", "Wo?", [("Haus", 21)])))
    path.write_text(path.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    with pytest.raises(ValueError, match=r"x\.json is not SQuAD v1\.1 JSON"):
        read_qa(path)
    with pytest.raises(ValueError, match=r"y\.json holds no question"):
        read_qa(write_json(tmp_path / "y.json", squad()))


def test_a_question_that_stands_twice_is_refused(tmp_path):
    """Its predictions could not be told apart."""
    data = squad(("q", "Wo?", [("Haus", 21)]), ("q", "Wer?", [("Die Katze", 0)]))
    with pytest.raises(ValueError, match=r"z\.json, question q: its id stands twice"):
        read_qa(write_json(tmp_path / "z.json", data))
    data = squad(
        (1, "Wo?", [("Haus", 21)]), ("1", "Wer?", [("Die Katze", 0)])
    )  # in a table of predictions they are one
    with pytest.raises(ValueError, match=r"z\.json, question 1: its id stands twice"):
        read_qa(write_json(tmp_path / "z.json", data))


# Items that depend on one another


def test_hypotheses_of_one_premise_are_a_cluster_of_the_same_name_in_all_languages():
    rows = [("en", "1", "A"), ("en", "2", "A"), ("en", "3", "B"), ("de", "2", "a"), ("de", "1", "a"), ("de", "3", "a")]
    items = pd.DataFrame(rows, columns=["language", "pairID", "sentence1"], index=range(5, 11))
    assert premises(items).tolist() == ["1", "1", "3", "1", "1", "3"]
    # Items of other names are other items, whatever they say.
    other = items.assign(pairID=[*"123456"])
    assert premises(other).tolist() == ["1", "1", "3", "4", "4", "4"]


def in_articles(*articles):
    """Articles of paragraphs of ids."""
    data = [
        {
            "paragraphs": [
                {
                    "context": "one two",
                    "qas": [
                        {"id": name, "question": "?", "answers": [{"text": "one", "answer_start": 0}]} for name in names
                    ],
                }
                for names in paragraphs
            ]
        }
        for paragraphs in articles
    ]
    return {"data": data}


@pytest.mark.parametrize(
    ("articles", "clusters"),
    [
        ([["ab", "c"], ["de"]], "aaadd"),
        ([["ab", "c", "de"]], "aacdd"),  # the micro-world, and the hub, have one article only
        ([["", "ab"], [""], ["c"]], "aac"),
    ],
)
def test_questions_of_an_article_or_else_of_a_paragraph_are_a_cluster(articles, clusters):
    assert qa_items(in_articles(*articles), "x").table["cluster"].tolist() == list(clusters)
