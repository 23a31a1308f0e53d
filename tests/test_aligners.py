"""Word pairs come from the aligner that is installed, and from both of its directions."""

import stat
import sys
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest

from otlib.data import aligners
from otlib.data.aligners import gold_links, installed_aligner, kept_links, one_to_one_links
from otlib.data.text import GoldPair, ParallelText

TEXT = ParallelText("de", [["der", "Hund", "bellt"], ["ja"]], [["the", "dog", "barks"], ["yes", "|||"]])
FORTH, BACK = ["0-0 1-1 2-1", "0-0"], ["0-0 1-1 1-2", ""]

FAST_ALIGN = """#!{python}
import sys
lines = open(sys.argv[sys.argv.index("-i") + 1], encoding="utf-8").read().splitlines()
assert all(line.count("|||") == 1 and all(side.strip() for side in line.split("|||")) for line in lines), lines
assert {{"-d", "-o", "-v"}} <= set(sys.argv)
{body}
"""


@pytest.fixture
def nothing_installed(monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(aligners.importlib.util, "find_spec", lambda name: None)
    return tmp_path / "bin"


def install_fast_align(folder, body):
    path = folder / "fast_align"
    path.write_text(FAST_ALIGN.format(python=sys.executable, body=body))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def fast_align(nothing_installed):
    install_fast_align(nothing_installed, f"print('\\n'.join({BACK!r} if '-r' in sys.argv else {FORTH!r}))")


@pytest.fixture
def eflomal(nothing_installed, monkeypatch):
    """A module with the interface of eflomal 2."""

    class Aligner:
        def align(self, source, pivot, links_filename_fwd, links_filename_rev, quiet):
            assert source == ["der Hund bellt\n", "ja\n"] and pivot == ["the dog barks\n", "yes |||\n"] and quiet
            for name, lines in ((links_filename_fwd, FORTH), (links_filename_rev, BACK)):
                with open(name, "w", encoding="utf-8") as file:
                    file.writelines(line + "\n" for line in lines)

    module = types.ModuleType("eflomal")
    module.Aligner = Aligner
    monkeypatch.setitem(sys.modules, "eflomal", module)
    monkeypatch.setattr(aligners.importlib.util, "find_spec", lambda name: module if name == "eflomal" else None)


def test_links_are_what_both_directions_of_fast_align_say(fast_align):
    assert installed_aligner() == "fast_align"
    assert one_to_one_links(TEXT, "fast_align") == [{(0, 0), (1, 1)}, set()]


def test_eflomal_is_taken_before_fast_align(fast_align, eflomal):
    assert installed_aligner() == "eflomal"
    assert one_to_one_links(TEXT, "eflomal") == [{(0, 0), (1, 1)}, set()]


def test_without_an_aligner_there_is_none(nothing_installed):
    assert installed_aligner() is None


def test_an_aligner_that_fails_is_one_sentence_with_what_it_said(nothing_installed):
    install_fast_align(nothing_installed, "sys.exit('no memory left')")
    with pytest.raises(RuntimeError, match="fast_align failed with status 1: no memory left"):
        one_to_one_links(TEXT, "fast_align")


def test_an_aligner_that_loses_a_sentence_is_refused(nothing_installed):
    install_fast_align(nothing_installed, "print('0-0')")
    with pytest.raises(RuntimeError, match="aligned 1 and 1 of 2 sentence pairs"):
        one_to_one_links(TEXT, "fast_align")


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\u2028", "\x85", "\x1c"])
def test_a_word_that_holds_a_blank_of_unicode_stays_one(nothing_installed, blank):
    """Aligners split at them, and every link after such a word would be of the word before."""
    install_fast_align(
        nothing_installed, "print(*('0-0' if len(line.split()) == 3 else '' for line in lines), sep='\\n')"
    )
    text = ParallelText("fr", [[f"10{blank}000"], [blank]], [["10,000"], [f"a{blank}"]])
    assert one_to_one_links(text, "fast_align") == [{(0, 0)}, {(0, 0)}]


def test_two_that_ask_at_once_get_the_links_of_one(tmp_path, monkeypatch):
    """Two trainings of a study start at the same time, and an aligner finds other links each time it runs."""
    asked = []

    def links(text, aligner):
        asked.append(aligner)
        time.sleep(0.2)
        return [{(len(asked), 0), (0, 1)}, set()]

    monkeypatch.setattr(aligners, "one_to_one_links", links)
    with ThreadPoolExecutor(2) as both:
        found = [one.result() for one in [both.submit(kept_links, TEXT, "fast_align", tmp_path) for _ in range(2)]]
    assert asked == ["fast_align"]
    assert [[pair.tolist() for pair in one] for one in found] == [[[0, 1, 1, 0], []]] * 2
    assert kept_links(TEXT, "eflomal", tmp_path)[0].tolist() == [0, 1, 2, 0]
    assert kept_links(TEXT.take([0, 1, 0]), "eflomal", tmp_path)[0].tolist() == [0, 1, 3, 0]


def test_links_of_gold_pairs_are_those_behind_the_text(eflomal):
    text = TEXT.take([0])
    gold = [GoldPair(TEXT.source[1], TEXT.pivot[1], {(0, 1)}, set())]
    both = one_to_one_links(TEXT, "eflomal")
    assert both[0] and gold_links(text, gold, "eflomal") == both[1:]
