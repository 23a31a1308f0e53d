"""The tables that people edit: each fault is named by file, line and mend; what is right is read as it stands."""

from itertools import product

import pytest
from microworld_harness import FOLDER, LANGUAGES, the

from otlib.data.microworld import language
from otlib.data.microworld.concepts import COMPOUNDS, LEMMAS, PARTS, read_concepts
from otlib.data.microworld.lexicon import Lexicon
from otlib.data.microworld.situations import Clause
from otlib.data.microworld.tables import read

KINDS = {kind: "word" for kind in LEMMAS} | {
    "noun": "word gender plural?",
    "modifier": "word*",
    "verb": "subject?* object?* word",
    "place": "word*",
}
VALUES = {"gender": ("m", "f")}
HEADER = ["kind", "concept", "subject", "object", "word", "gender", "plural"]


def toy_rows():
    """A language in which every concept is its own word."""
    rows = [list(HEADER)]
    for kind, concepts in LEMMAS.items():
        rows += [[kind, concept, "", "", concept, "m" if kind == "noun" else "", ""] for concept in concepts]
    rows += [["noun", concept, "", "", concept, "m", ""] for concept in PARTS]
    return rows + [["modifier", concept, "", "", "of it", "", ""] for concept in COMPOUNDS]


def lexicon(tmp_path, rows):
    path = tmp_path / "xx.tsv"
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return Lexicon(path, KINDS, VALUES)


def changed(kind, concept, column, value):
    """The toy table with one cell changed, and the line it stands in."""
    rows = toy_rows()
    number = next(i for i, row in enumerate(rows) if row[:2] == [kind, concept])
    rows[number][HEADER.index(column)] = value
    return rows, number + 1


@pytest.mark.parametrize(
    ("kind", "concept", "column", "value", "message"),
    [
        ("noun", "apple", "kind", "nuon", "kind 'nuon' is not known; is 'noun' meant"),
        ("noun", "apple", "concept", "appel", "no noun 'appel'; is 'apple' meant"),
        ("noun", "apple", "concept", "zzz", "no noun 'zzz'; concepts.tsv lists those there are"),
        ("noun", "apple", "concept", "pear", "'noun pear' stands in line"),
        ("noun", "apple", "word", "", "word is empty; fill it for the noun 'apple'"),
        ("noun", "apple", "gender", "", "gender is empty"),
        ("noun", "apple", "gender", "n", "gender is 'n'; it must be one of m, f"),
        ("verb", "eat", "gender", "m", "gender is 'm'; empty it: of kind verb, only subject, object, word"),
        ("noun", "apple", "word", "big apple", "word is 'big apple'; write one word"),
        ("verb", "eat", "object", "aple", "object names 'aple', which is not known; is 'apple' meant"),
        ("noun", "apple", "word", "ap\u00adple", r"invisible character, SOFT HYPHEN \(U\+00AD\)"),
        ("place", "park", "word", "in\u00a0the park", r"NO-BREAK SPACE \(U\+00A0\)"),
        ("noun", "apple", "word", "\u200bapple", "ZERO WIDTH SPACE"),
        ("noun", "apple", "word", "apple ", "begins or ends with a blank"),
        ("place", "park", "word", "in  the park", "holds two in a row"),
        ("noun", "apple", "word", "pa\u0303o", "accents apart from their letters"),
        ("noun", "apple", "word", "ябълкa", "mixes CYRILLIC and LATIN letters"),
    ],
)
def test_a_faulty_cell_is_named_by_line_with_what_to_do(tmp_path, kind, concept, column, value, message):
    """A participant who edits a table has nothing else to find the fault by."""
    rows, line = changed(kind, concept, column, value)
    with pytest.raises(ValueError, match=message) as error:
        lexicon(tmp_path, rows)
    where = rf"xx\.tsv, line {line}: "
    if "stands in line" in message:  # the second of the two is named
        where = r"xx\.tsv, line \d+: .*" + str(line)
    assert error.match(where)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[0].remove("gender"), "line 1: the column 'gender' is missing; the header must read kind"),
        (lambda rows: rows[0].append("gender"), "line 1: the column 'gender' stands twice"),
        (lambda rows: rows[0].append("plurall"), "line 1: the column 'plurall' is not known; is 'plural' meant"),
        (lambda rows: rows[5].append("more"), "line 6: 8 cells, but the header names 7"),
        (lambda rows: rows.pop(), r"has no noun or modifier 'house_key' \(concepts\.tsv, line \d+\); add its row"),
        (lambda rows: rows.remove(["time", "today", "", "", "today", "", ""]), "has no time 'today'"),
        (lambda rows: rows.remove(["noun", "juice", "", "", "juice", "m", ""]), "has no noun 'juice'.* 1 more"),
        (lambda rows: rows.clear(), "line 1: the column 'kind' is missing"),
    ],
)
def test_a_faulty_table_is_refused(tmp_path, change, message):
    """Columns, rows too many and words too few."""
    rows = toy_rows()
    change(rows)
    with pytest.raises(ValueError, match=r"xx\.tsv.*" + message):
        lexicon(tmp_path, rows).check_complete()


def test_a_table_in_another_encoding_is_refused(tmp_path):
    """Spreadsheets export Latin-1; read as UTF-8 it would be another word."""
    (tmp_path / "xx.tsv").write_bytes("kind\tconcept\nnoun\tcafé\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"xx\.tsv, line 2: not UTF-8"):
        read(tmp_path / "xx.tsv", {"noun": ""})


def test_editors_may_cut_empty_cells_and_add_blank_lines_and_notes(tmp_path):
    """Many editors strip the tabs at the end of a line, and a spreadsheet writes a byte order mark."""
    rows = [["\ufeffkind", *HEADER[1:], "note"]]
    for row in toy_rows()[1:]:
        rows += [[*row, "checked by two speakers"]] if row[1] == "apple" else [list(row)]
        while rows[-1][-1] == "":
            rows[-1].pop()
    rows.insert(3, [])
    assert lexicon(tmp_path, rows)["noun"].keys() == lexicon(tmp_path, toy_rows())["noun"].keys()


def test_joiners_that_persian_and_hindi_need_are_no_fault(tmp_path):
    """They are as invisible as a zero-width space, but belong to the spelling."""
    rows, _ = changed("verb", "eat", "word", "می‌خورد")
    assert lexicon(tmp_path, rows).text("verb", "eat") == "می‌خورد"


def test_a_word_for_certain_subjects_or_objects_is_taken_for_these_only(tmp_path):
    """German animals "fressen"; a category stands for its members and for its general word."""
    rows = toy_rows()
    rows += [["verb", "eat", "animal", "", "fressen"], ["verb", "put_on", "", "hat scarf", "aufsetzen"]]
    words = lexicon(tmp_path, rows)
    said = {
        subject: words.verb(Clause("eat", the(subject), the("apple")))["word"] for subject in ("dog", "animal", "man")
    }
    assert said == {"dog": "fressen", "animal": "fressen", "man": "eat"}
    said = {thing: words.verb(Clause("put_on", the("man"), the(thing)))["word"] for thing in ("hat", "scarf", "coat")}
    assert said == {"hat": "aufsetzen", "scarf": "aufsetzen", "coat": "put_on"}


def test_a_compound_has_a_word_of_its_own_or_that_of_its_head(tmp_path):
    """Apfelsaft is one word with both meanings, apple juice is two."""
    rows = [row for row in toy_rows() if row[1] != "apple_juice"] + [["noun", "apple_juice", "", "", "Apfelsaft", "m"]]
    words = lexicon(tmp_path, rows)
    assert words.noun("apple_juice")["word"] == "Apfelsaft"
    assert words.noun_nodes("apple_juice", "object") == "object object.mod"
    assert words.noun("orange_juice")["word"] == "juice"
    assert words.noun_nodes("orange_juice", "object") == "object"


@pytest.mark.parametrize(("code", "ending"), list(product(LANGUAGES, ["\n", "\r\n"])))
def test_a_table_that_a_spreadsheet_has_saved_is_the_same_table(tmp_path, code, ending):
    """Windows ends lines by CR LF."""
    rules = language(code).LEXICON
    text = (FOLDER / f"{code}.tsv").read_text(encoding="utf-8")
    (tmp_path / "copy.tsv").write_bytes(text.replace("\n", ending).encode())
    header, *rows = [line.split("\t") for line in text.splitlines()]
    filled = {row[0]: " ".join(f"{column}?*" for column in header[2:]) for row in rows}
    keys = ("kind", "concept", *(column for column in ("subject", "object", "noun") if column in header))
    for row in read(tmp_path / "copy.tsv", filled, key=keys):
        found = rules.row(row["kind"], row["concept"], **{role: row[role].split(" ")[0] for role in keys[2:]})
        assert found == row


# --- concepts -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "concept", "column", "value", "message"),
    [
        ("noun", "apple", "category", "", "category is empty; fill it for the noun 'apple'"),
        ("verb", "buy", "subject", "", "subject is empty; fill it for the verb 'buy', or name a synonym"),
        ("noun", "kid", "synonym", "chidl", "synonym names 'chidl', which is not known; is 'child' meant"),
        ("noun", "kid", "synonym", "physician", "synonym names 'physician', which is one of 'doctor': name that"),
        ("noun", "apple", "category", "friut", "no row uses the category 'friut'; is 'fruit' meant"),
        ("verb", "buy", "opposite", "buy", "'buy' is its own opposite"),
        ("noun", "apple", "traits", "comon", "traits names 'comon', which is not known; is 'common' meant"),
        ("time", "today", "traits", "mass", "traits names 'mass', which is not known; it must be one of common"),
        ("noun", "apple_cake", "parts", "cake", "parts are a modifier and a noun of this table, got 'cake'"),
        ("noun", "apple_cake", "parts", "apple kake", "parts are a modifier and a noun"),
        ("noun", "person", "members", "", "every hypernym names some"),
        ("noun", "person", "members", "persson", "members names 'persson'"),
        ("noun", "apple", "members", "fruit", "members"),
        ("category", "cookable", "members", "sop rice", "members names 'sop', which is not known; is 'soup' meant"),
        ("verb", "eat", "object", "fruits", "object names 'fruits', which is not known; is 'fruit' meant"),
        ("verb", "eat", "subject", "", "subject is empty"),
        ("verb", "buy", "opposite", "sel", "opposite names 'sel', which is not known; is 'sell' meant"),
        ("verb", "swim", "places", "sea", "places names 'sea'"),
        ("adjective", "old", "describes", "things", "describes names 'things'"),
        ("adjective", "old", "object", "person", "object is 'person'; empty it: of kind adjective"),
        ("number", "2", "concept", "two", "'two' must be written in digits"),
        ("noun", "apple", "concept", "pear", "'noun pear' stands in line"),
    ],
)
def test_a_concept_that_names_what_there_is_not_is_refused(tmp_path, kind, concept, column, value, message):
    """A verb with an object category that is misspelt would never find an object."""
    header, *rows = [line.split("\t") for line in (FOLDER / "concepts.tsv").read_text(encoding="utf-8").splitlines()]
    next(row for row in rows if row[:2] == [kind, concept])[header.index(column)] = value
    (tmp_path / "concepts.tsv").write_text("".join("\t".join(row) + "\n" for row in [header, *rows]), encoding="utf-8")
    with pytest.raises(ValueError, match=r"concepts\.tsv, line \d+: .*" + message):
        read_concepts(tmp_path / "concepts.tsv")
