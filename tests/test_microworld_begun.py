"""A language that somebody begins: copied, translated in part, said in the words that are there."""

import importlib
import shutil
import sys

import pytest
from microworld_harness import FOLDER, LANGUAGES, the

from otlib.data import microworld
from otlib.data.microworld import begun, language, preview
from otlib.data.microworld.situations import Clause
from otlib.data.microworld.tokens import detokenise


@pytest.fixture
def begin(tmp_path, monkeypatch):
    """``begin(model)`` copies table and rules of a language to those of Italian; the table's path."""
    for name in ("concepts.tsv", "en.tsv", "en.py", "es.tsv", "es.py", "first.tsv", "first.py"):
        shutil.copy(FOLDER / name, tmp_path)
    monkeypatch.setattr(microworld, "_FOLDER", tmp_path)
    monkeypatch.setattr(microworld, "__path__", [str(tmp_path), *microworld.__path__])

    def copy(model):
        for end in ("tsv", "py"):
            shutil.copy(tmp_path / f"{model}.{end}", tmp_path / f"it.{end}")
        importlib.invalidate_caches()
        return tmp_path / "it.tsv"

    yield copy
    sys.modules.pop("otlib.data.microworld.it", None)


def change(path, *changes):
    """Replace parts of a file, each of which must be there."""
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def said(capsys, n=20):
    """What a preview prints: the lines of its report, and its sentences in Italian."""
    preview("it", n)
    report, *pairs = capsys.readouterr().out.strip("\n").split("\n\n")
    return report, [pair.split("\n")[1] for pair in pairs]


def test_a_finished_language_has_nothing_left_to_do():
    """A word that is rightly the same in two of them (French and Spanish: triste) has a note."""
    for code in LANGUAGES:
        assert not begun.unfinished(language(code).LEXICON), code


def test_right_after_copying_a_preview_says_what_is_not_translated(begin, capsys):
    """It said everything in Spanish and nothing of what was to be done."""
    begin("es")
    report, sentences = said(capsys, 3)
    assert "it.tsv: 275 of 283 entries still read as in es.tsv: line 10, profesor; line 11, médico; " in report
    assert "and 263 more" in report and "As it stands:" in report and "lacks" not in report
    assert len(sentences) == 3


def test_sentences_are_made_of_what_is_translated(begin, capsys):
    """The files are read anew: in a notebook nobody restarts for a word. Other words of the table stay out."""
    table = begin("es")
    preview("it", 1)
    verb = ("comer\t\tcomen\tcome\tcomió\tcomieron", "mangiare\t\tmangiano\tmangia\tmangiò\tmangiarono")
    change(table, ("manzana\tf\tmanzanas", "mela\tf\tmele"), verb)
    capsys.readouterr()
    report, sentences = said(capsys)
    assert "273 of 283" in report and "What can be said in translated words:" in report
    assert sentences and all({"mela", "mele"} & {*sentence.strip(".").split()} for sentence in sentences)


def test_a_word_whose_forms_are_those_of_the_model_is_not_done(begin):
    """Step 2 translates the words, step 3 the forms: between them a verb is half Spanish."""
    table = begin("es")
    change(table, ("verb\teat\t\tcomer", "verb\teat\t\tmangiare"))
    assert ("verb", "eat") in begun.unfinished(language("it", complete=False).LEXICON).copied.values()


def test_a_note_says_that_a_word_is_rightly_the_same(begin, capsys):
    table = begin("first")
    header, *rows = table.read_text(encoding="utf-8").splitlines()
    rows = [f"{row}\t\tas in English" if row.startswith("verb\tsleep") else row for row in rows]
    table.write_text("\n".join([f"{header}\tnote", *rows]).replace("\tsleeps\t\t", "\tsleeps\t\t\t"), encoding="utf-8")
    report, sentences = said(capsys)
    assert "26 of 30 entries" in report
    assert {*sentences} <= {f"{name} sleeps." for name in ("Anna", "Maria", "Peter")}


def test_thirty_words_and_small_rules_make_a_first_sentence(begin, capsys):
    """Two words are enough; what the rules cannot say yet is left out, not said wrongly."""
    table = begin("first")
    change(table, ("apple\tapple\tan\tthe", "apple\tmela\tuna\tla"), ("eats", "mangia"))
    report, sentences = said(capsys)
    assert "25 of 30 entries still read as in first.tsv" in report
    assert "it.tsv lacks 251 entries: name 'elena' (concepts.tsv, line 4); " in report
    assert "Anna mangia la mela." in sentences and "Peter mangia una mela." in sentences
    assert {sentence.split(" ", 1)[1] for sentence in sentences} == {"mangia la mela.", "mangia una mela."}


def test_the_order_of_the_first_rules_is_a_line(begin):
    """So that Turkish or Hindi has its first sentence, too."""
    rules = begin("first").with_suffix(".py")
    change(rules, ('"verb", "object", ', '"object", "verb", '))
    tokens = language("it", complete=False).sentence(Clause("eat", the("anna"), the("apple")))
    assert detokenise(tokens) == "Anna the apple eats."


def test_what_the_first_rules_lack_is_one_line_in_a_study(begin):
    begin("first")
    with pytest.raises(ValueError, match="it has no past, no modal verbs and no negation yet"):
        language("it", complete=False).sentence(Clause("eat", the("anna"), the("apple"), tense="past"))


def test_a_missing_row_is_named_by_file_and_row(begin, capsys):
    """A world would fail in the middle of its making; a preview goes on with the other words."""
    table = begin("es")
    change(table, ("noun\tnurse\t\tenfermera\tf\tenfermeras\n", ""))
    with pytest.raises(ValueError, match=r"it\.tsv has no noun 'nurse' \(concepts\.tsv, line 20\); add its row$"):
        microworld.write_world(table.parent / "data", ["it"])
    assert "it.tsv lacks 1 entries: noun 'nurse' (concepts.tsv, line 20)" in said(capsys, 1)[0]


@pytest.mark.parametrize(
    ("table_changes", "rule_changes", "message"),
    [
        ([("\tenfermera\t", "\t\t")], [], "it.tsv, line 20: word is empty; fill it for the noun 'nurse'"),
        ([], [('"plural"', '"plurall"')], "line 145: the rules read a column 'plurall'; name it in the header"),
        ([], [('LEXICON["modifier"]', 'LEXICON["extra"]')], "the rules read rows of kind 'extra', which their LEXICON"),
        ([], [('"plural"', '"plural')], "unterminated string literal"),
    ],
)
def test_a_fault_of_the_files_is_one_line_of_the_preview(begin, capsys, table_changes, rule_changes, message):
    """A traceback of thirty lines hides the one that says what to do."""
    table = begin("es")
    change(table, *table_changes)
    change(table.with_suffix(".py"), *rule_changes)
    preview("it", 50)
    out = capsys.readouterr().out.strip()
    assert message in out.splitlines()[-1]
