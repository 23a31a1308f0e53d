"""What the report shows: every table has the numbers of its summary, every sentence the verdict of its interval."""

import json
import re
from html import unescape

import numpy as np
import pandas as pd
import pytest
from nbconvert.filters import markdown2html

from otlib.analysis.report import (
    answer,
    at_a_glance,
    average_table,
    blanks_note,
    bullet_list,
    by_noise,
    facts,
    findings_in_words,
    findings_page,
    findings_table,
    gains_by_seen,
    kind_table,
    language_table,
    literal,
    paper_table,
    readable,
    said,
    seeds_note,
    verdict_table,
    verdicts_in_words,
    worse_in_words,
)
from otlib.analysis.runs import collapsed_in_words, made, time_and_memory, what_ran
from otlib.analysis.statistics import check_findings, contest, summarise
from otlib.record import write_text
from otlib.settings import Align, Finding

NLI, AER = ("nli", "accuracy"), ("word_alignment", "aer")


def results(gains, measures=(NLI,), languages=("en", "de", "fr"), seeds=3):
    """Scores by method: 50, and what the method gains in each language; the seeds differ by a tenth of a point."""
    rows = [
        (method, seed, task, language, metric, 50 + gain.get(language, 0) + seed / 10 * bool(gain))
        for method, gain in gains.items()
        for task, metric in measures
        for language in languages
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows, columns=["method", "seed", "task", "language", "metric", "value"])


def summary(gains, **given):
    return readable(summarise(results(gains, **given)))


GAINS = {"none": {}, "wordot": {"en": -1, "de": 6, "fr": 8}}


# Summaries as text


def test_a_readable_row_names_its_measure_and_writes_its_intervals():
    table = summary(GAINS).set_index(["method", "language"])
    assert set(table["measure"]) == {"NLI accuracy (%)"}
    assert table.loc[("none", "de"), "shown"] == "50.0"
    assert table.loc[("wordot", "average"), "shown"] == "57.1 [56.9, 57.3]"  # half of it 4.303 * 0.1 / sqrt(3)
    assert table.loc[("wordot", "average"), "change"] == "+7.1 [+6.9, +7.3]"


def test_the_table_of_averages_has_every_measure_and_leaves_gaps_empty():
    # summary.md is this table: a missing run must not read "nan".
    table = average_table(summary(GAINS), ["none", "wordot", "l2"], [NLI, AER])
    assert table.columns.tolist() == ["none", "wordot", "l2"] and table.index.name == "measure"
    assert table.loc["NLI accuracy (%)"].tolist() == ["50.0", "57.1 [56.9, 57.3]", ""]
    assert table.loc["alignment error rate, plan (%)"].tolist() == ["", "", ""]
    english = average_table(summary(GAINS), ["none", "wordot"], [NLI], language="en")
    assert english.loc["en: NLI accuracy (%)"].tolist() == ["50.0", "49.1 [48.9, 49.3]"]


def test_scores_split_by_the_kind_of_item_and_english_stands_beside():
    rows = [
        (f"{kind}-{i:06d}", language, method, seed, 100.0 * (kind + method == "antonymwordot" or language == "en"))
        for kind, n in (("number", 1), ("antonym", 3))
        for i in range(n)
        for language in ("en", "de", "fr")
        for method in ("none", "wordot", "left out")
        for seed in (0, 1)
    ]
    scores = pd.DataFrame(rows, columns=["item", "language", "method", "seed", "accuracy"])
    table = kind_table(scores, "accuracy", ["none", "wordot"])
    assert table.columns.tolist() == ["none", "wordot", "English", "items"]
    assert table.index.tolist() == ["antonym", "number"]  # the most frequent first
    assert table.loc["antonym"].tolist() == [0, 100, 100, 3] and table.loc["number"].tolist() == [0, 0, 100, 1]
    # Items of the real benchmarks are of no kind.
    for item in ("1", "arabic-2387335860751143628-1"):
        assert kind_table(scores.assign(item=item), "accuracy", ["none"]).empty
    assert kind_table(scores[:0], "accuracy", ["none"]).empty


def test_the_table_by_language_has_a_row_for_each_language_that_there_is():
    table = language_table(summary(GAINS), ["none", "wordot"], [NLI], ["en", "fr", "average", "th"])
    assert [language for _, language in table.index] == ["en", "fr", "average"]
    assert table["wordot"].str.startswith(("49.1", "58.1", "57.1")).all()


def test_at_a_glance_are_gains_of_the_tasks_and_values_of_the_rest():
    found = at_a_glance(summary(GAINS, measures=[NLI, AER, ("space", "mean_cosine_en")]), ["none", "wordot", "l2"])
    assert found.columns.tolist() == ["NLI accuracy: gain", "NLI accuracy: English", "alignment error rate, plan (%)"]
    assert found.loc["wordot"].tolist() == pytest.approx([7.1, -0.9, 57.1])
    assert found.loc["none"].isna().tolist() == [True, True, False] and found.loc["l2"].isna().all()


def test_a_list_has_a_line_for_each_row_or_says_that_there_is_none():
    rows = pd.DataFrame({"method": ["a", "b"], "gain": ["+1", "-2"], "other": [0, 0]})
    assert bullet_list(rows, "{method}: {gain}", otherwise="Nowhere.") == "- a: +1\n- b: -2"
    assert bullet_list(rows[:0], "{method}: {gain}", otherwise="Nowhere.") == "Nowhere."


def test_alignments_that_collapsed_are_named(tmp_path):
    left = {("l2", 0): {"spread_left": 0.95}, ("wordot", 0): {"spread_left": 0.068}, ("none", 0): {"spread_left": None}}
    left[("wordot", 1)] = {}  # an older version's
    for (method, seed), record in left.items():
        write_text(tmp_path / f"{method}{seed}" / "run.json", json.dumps(record))
    folders = {(method, seed): tmp_path / f"{method}{seed}" for method, seed in [*left, ("lost", 0)]}
    assert collapsed_in_words(folders) == "wordot seed 0 (7 % of the spread left)"


def test_a_note_names_the_languages_whose_f1_has_no_words():
    # Chinese and Thai F1 stood in the tables as if its words were words.
    note = blanks_note(["en", "zh", "de", "th", "zh", "ja"])
    assert note.startswith("**QA F1 in zh, th, ja:**") and "SQuAD, XQuAD and XTREME" in note
    assert blanks_note(pd.Series(["en", "de", "vi", "ko"])) == "" and blanks_note([]) == ""


# Methods against each other


def verdicts(gains, methods=("wordot",), rivals=("l2",), **given):
    pairs = [(method, rival) for rival in rivals for method in methods]
    return readable(contest(results(gains, **given), pairs=pairs))


def test_a_verdict_stands_beside_its_gain():
    table = verdict_table(verdicts({"l2": {}, "wordot": {"de": 6, "fr": 8}}), ["wordot", "subot"])
    assert table.loc[("l2", "NLI accuracy (%)"), "wordot"] == "+7.1 [+6.9, +7.3] better"
    assert table["subot"].isna().all()


def test_verdicts_in_words_put_each_measure_where_its_interval_puts_it():
    # The same rise is better for an accuracy and worse for an error rate.
    gains = {"l2": {}, "wordot": {"de": 6, "fr": 8}}
    (line,) = verdicts_in_words(verdicts(gains, measures=[NLI, AER]), otherwise="").splitlines()
    assert line.startswith("- **wordot** beats l2 in: NLI accuracy (%). ")
    assert line.endswith("**No clear difference** in: nothing. **l2 is better** in: alignment error rate, plan (%).")
    # "Beats l2 in: nothing" would read as a verdict.
    one_seed = verdicts(gains, seeds=1)
    assert verdicts_in_words(one_seed, otherwise="") == "- **wordot** or l2, one seed cannot tell: NLI accuracy (%)."
    told = verdicts(gains, measures=[AER])
    (line,) = verdicts_in_words(pd.concat([told, one_seed]), otherwise="").splitlines()
    assert "beats l2 in: nothing." in line and line.endswith("one seed cannot tell: NLI accuracy (%).")


@pytest.mark.parametrize(
    ("gains", "seeds", "said"),
    [
        ({"de": -6, "fr": 8}, 3, "- wordot against l2, de, NLI accuracy (%): -5.9 [-6.1, -5.7]"),
        ({"de": 6, "fr": 8}, 3, "Nowhere."),
        ({"de": -6, "fr": 8}, 1, "One seed cannot tell: 3 of 3 comparisons."),  # no items, no interval
    ],
)
def test_where_a_language_is_worse_one_seed_cannot_tell(gains, seeds, said):
    """With one seed the page said "Nowhere.", beside a loss of six points."""
    table = verdicts({"l2": {}, "wordot": {"en": 1, **gains}}, seeds=seeds)
    assert worse_in_words(table) == said
    assert worse_in_words(table[:0]) == "There is nothing to compare."


def test_what_one_seed_cannot_tell_is_counted_beside_what_others_can():
    told, untold = (verdicts({"l2": {}, "wordot": {"de": -6}}, seeds=n, measures=[m]) for n, m in ((3, NLI), (1, AER)))
    lines = worse_in_words(pd.concat([told, untold])).splitlines()
    assert lines[0].startswith("- wordot against l2, de, NLI") and lines[-1].endswith(
        "cannot tell: 3 of 6 comparisons."
    )


@pytest.mark.parametrize("metric", ["accuracy", "aer"])
def test_what_lies_beyond_its_interval_is_listed_without_a_verdict_too(metric):
    """The page said "Nowhere." beside a loss of -5.9 [-8.8, -3.0] that the correction had left without a verdict."""
    sign = -1 if metric == "aer" else 1
    low, high = sorted((sign * -8.8, sign * -3.0))
    row = {"method": "wordot", "rival": "l2", "metric": metric, "measure": "NLI accuracy (%)", "verdict": "unknown"}
    row |= {"language": "de", "gain": sign * -5.9, "gain_low": low, "gain_high": high, "change": "-5.9 [-8.8, -3.0]"}
    row["seeds"] = 1
    better = row | {"language": "fr", "gain_low": sign * 1.0, "gain_high": sign * 2.0}
    line = "- wordot against l2, de, NLI accuracy (%): -5.9 [-8.8, -3.0]"
    untold = worse_in_words(pd.DataFrame([row, better]))
    assert untold.splitlines() == [
        *("One seed cannot tell: 2 of 2 comparisons.", ""),
        *("Beyond an interval of the test items alone, on this one seed:", "", line),
    ]
    unclear = worse_in_words(pd.DataFrame([row, better]).assign(verdict="no clear difference", seeds=5))
    assert unclear.splitlines() == [
        *("Nowhere for sure.", "", "Beyond an interval of its own, but not once corrected for all comparisons:", ""),
        line,
    ]
    assert worse_in_words(pd.DataFrame([row, better]).assign(verdict="worse", seeds=5)).count(line) == 1


def test_seeds_that_are_copies_have_no_interval_and_are_not_one_seed():
    table = pd.DataFrame({"verdict": ["unknown", "unknown", "better"], "seeds": [1, 3, 3]})
    assert said(table).tolist() == ["one seed cannot tell", "no interval", "better"]


def test_the_note_on_seeds_names_the_methods_with_one():
    both = results({"none": {}, "wordot": {"de": 6}}, seeds=1)
    assert seeds_note(both).startswith("**One seed cannot tell** what another would say")
    some = pd.concat([results(GAINS), both.assign(method="late")])
    assert seeds_note(some).startswith("An interval that leaves zero out is a difference one can rely on")
    assert seeds_note(some).endswith("**One seed cannot tell** of late: their intervals are of the test items alone.")
    assert "One seed" not in seeds_note(results(GAINS))


# The answer


def answered(gains, measures=(NLI,), **given):
    return answer(
        verdicts({"none": {}, "wordot": gains}, rivals=["none"], measures=measures, **given), "wordot", measures
    )


@pytest.mark.parametrize(
    ("gains", "measures", "begins"),
    [
        ({"en": 1, "de": 6, "fr": 8}, [NLI], "**Aligning helps**: over the encoder as it was, wordot gains +7.1"),
        ({"en": 1, "de": 6, "fr": 8}, [NLI, AER], "**Aligning helps in one way and harms in another**: "),
        ({"en": 1, "de": -6, "fr": -8}, [NLI], "**Aligning harms**: "),
        ({"de": -0.1, "fr": -0.1}, [NLI], "**No gain by aligning is clear**: "),
    ],
)
def test_the_report_begins_with_its_answer(gains, measures, begins):
    text = answered(gains, measures)
    assert text.startswith(begins) and "on average over de, fr (3 seeds)." in text


def test_the_answer_says_by_how_much_and_where_not():
    text = answered({"en": -1, "de": 6, "fr": -0.1})
    assert "gains +3.1 [+2.8, +3.3] points of NLI accuracy (better)" in text
    assert text.endswith(
        "Where not, *worse: NLI accuracy in en (-0.9 [-1.1, -0.7]); no clear difference: NLI accuracy in fr*."
    )
    assert answered({"en": 2, "de": 6, "fr": 8}).endswith("It is better in every language, English included.")
    assert answered({"de": 6}, languages=("en", "de")).count(" in de (3 seeds)") == 1


def test_with_one_seed_the_answer_is_that_it_cannot_tell():
    text = answered({"en": -1, "de": 6, "fr": 8}, seeds=1)
    assert text.startswith("**One seed cannot tell whether aligning helps.** On this one, over the encoder as it was,")
    assert "gains +7.0 points of NLI accuracy, on average over de, fr" in text
    assert text.endswith("It is lower here in:\n\n- NLI accuracy in en: -1.0") and "better" not in text
    assert answered({"de": 6, "fr": 8}, seeds=1).endswith("In no language is it lower here.")
    assert answer(verdicts(GAINS, rivals=["none"]), "absent", [NLI]).startswith("**Nothing can be said yet**")


def test_without_rivals_the_tables_are_empty_and_the_words_say_so():
    none = verdicts(GAINS, rivals=[])
    assert verdicts_in_words(none, otherwise="The study has no L2 method.") == "The study has no L2 method."
    assert verdict_table(none, ["wordot"]).empty


def test_gains_are_split_by_the_languages_that_a_method_has_aligned():
    gains = {**GAINS, "german-only": {"de": 6, "fr": 2}}
    table = gains_by_seen(results(gains), None, {"german-only": ["de"]}, [NLI, AER])
    assert table.index.tolist() == [("german-only", False, "fr"), ("german-only", True, "de")]
    assert table["NLI accuracy (%)"].tolist() == ["+2.1 [+1.9, +2.3]", "+6.1 [+5.9, +6.3]"]
    assert gains_by_seen(results(gains), None, {}, [NLI]).empty


# Findings and the paper


def findings():
    said = [("1.", {"nli": "better", "word_alignment": "better"}), ("2.", {"qa": "better"})]
    given = [Finding(says=says, method="wordot", against="none", expects=expects) for says, expects in said]
    return check_findings(results(GAINS, measures=[NLI, AER]), None, given)


def test_a_finding_without_a_run_has_a_dash_for_its_gain():
    table = findings_table(findings())
    assert table["gain"].tolist() == ["+7.1 [+6.9, +7.3]", "+7.1 [+6.9, +7.3]", "–"]
    assert table["p"].tolist() == ["0.000", "0.000", "–"] and table["to lose"].tolist() == ["–", "–", "–"]
    assert table.loc[("1.", "nli"), ["method", "against", "expected", "outcome"]].tolist() == [
        *("wordot", "none", "better", "holds")
    ]
    assert findings_table(findings().assign(effect=20.04))["to lose"].tolist() == ["+20.0"] * 3


def test_findings_in_words_are_listed_by_their_outcome():
    assert findings_in_words(findings()).splitlines() == [
        "- *holds*: 1. (nli)",
        "- *does not hold*: 1. (word alignment)",
        "- *cannot tell*: 2. (qa)",
    ]


def test_with_one_seed_a_finding_says_that_it_cannot_tell():
    """It stood beside those that were not run, and of which no difference is clear, as "cannot tell"."""
    given = [Finding(says="1.", method="wordot", against="none", expects={"nli": "better"})]
    found = check_findings(results(GAINS, seeds=1), None, given)
    assert findings_table(found)["outcome"].tolist() == ["one seed cannot tell"]
    assert findings_in_words(found) == "- *one seed cannot tell*: 1. (nli)"


@pytest.mark.parametrize(
    ("says", "shown"), [("a | b", "a &#124; b"), ("two\nlines", "two lines"), ("1.", "1."), ("1e5", "1e5")]
)
def test_what_a_finding_says_is_one_cell_of_its_page(says, shown):
    # "1." was printed as the number 1; a pipe began another column.
    header, _, *rows = findings_page(findings().assign(finding=says)).splitlines()
    assert len(rows) == 3 and all(row.startswith(f"| {shown} ") for row in rows)
    assert {len(row.split("|")) for row in rows} == {len(header.split("|"))}


MARKUP = r"1. a <script>alert(1)</script> | `b` $x$ \(y\) [l](http://e.org) ![i](j) **c** _d_ ~~e~~ {f} {0} &amp; # <b>"


@pytest.mark.parametrize(
    "write",
    [
        lambda text: f"**{literal(text)}**",
        lambda text: findings_in_words(findings().assign(finding=text)),
        lambda text: facts({"title": text}),
    ],
)
def test_what_a_study_says_of_itself_is_text_in_the_report(write):
    """A title's script once ran in whoever's browser opened report.html."""
    page = markdown2html(write(MARKUP))
    assert not {*re.findall(r"<(\w+)", page)} - {"p", "strong", "em", "ul", "li", "span"}
    assert MARKUP in unescape(re.sub(r"</?span>", "", page))
    # Of MathJax's marks none has another one in its element, and a formula needs two.
    assert all(len(re.findall(r"[$\\]", text)) < 2 for text in re.split(r"<[^>]+>", page))


def test_methods_stand_side_by_side_beside_the_paper():
    columns = ["task", "metric", "language", "method", "value", "low", "high", "paper", "difference", "runs"]
    rows = [("nli", "accuracy", "de", m, 72.04, 71.0, 73.0, 70.0, 2.04, 3) for m in ("none", "wordot")]
    table = paper_table(pd.DataFrame(rows, columns=columns))
    assert table.loc[("nli", "accuracy", "de")].to_dict() == {
        (method, column): value
        for method in ("none", "wordot")
        for column, value in {"ours": "72.0 [71.0, 73.0]", "paper": 70.0, "difference": 2.0, "runs": 3}.items()
    }


# What ran, and what it took


def a_run(folder, number=0, **changes):
    record = {
        "started": f"2026-11-27T1{number}:00:00+00:00",
        "finished": f"2026-11-27T1{number}:30:00+00:00",
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "python": "3.11.7",
        "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
        "hardware": {"platform": "Linux", "cpus": 2, "memory_gib": 23.5, "gpus": []},
    }
    write_text(folder / f"nli/none/seed{number}/run.json", json.dumps(record | changes))


def test_the_report_says_what_ran_where_and_by_which_versions(tmp_path):
    for number in (0, 1):
        a_run(tmp_path, number)
    assert what_ran(tmp_path) == {
        "runs": "2, from 2026-11-27T10:00:00+00:00 to 2026-11-27T11:30:00+00:00",
        "commit": "0123456789ab",
        "Python": "3.11.7",
        "packages": "torch 2.13.0, numpy 2.4.6",
        "hardware": "Linux, 2 cores, 23.5 GiB of memory, no GPU",
    }
    assert what_ran(tmp_path / "absent") == {"runs": "none"}


def test_what_differs_between_runs_is_told_with_their_number(tmp_path):
    a_run(tmp_path, 0)
    a_run(tmp_path, 1, git={"commit": "f" * 40, "dirty": True}, packages={"torch": "2.9"})
    gpus = ["NVIDIA H100"] * 2
    a_run(tmp_path, 2, git=None, hardware={"platform": "Linux", "cpus": 8, "memory_gib": 9, "gpus": gpus})
    found = what_ran(tmp_path)
    changed = f"{'f' * 12}, with changes of its own (1 runs)"
    assert found["commit"] == f"0123456789ab (1 runs); {changed}; not in a git checkout (1 runs)"
    assert found["packages"].startswith("torch 2.13.0 (2 runs); 2.9 (1 runs), numpy 2.4.6 (2 runs); none (1 runs)")
    assert found["hardware"].endswith("; Linux, 8 cores, 9 GiB of memory, 2 x NVIDIA H100 (1 runs)")
    git = {"commit": "a" * 40, "dirty": False}
    assert made({"finished": "today", "git": git}) == {"this page": f"today, at commit {'a' * 12}"}


def test_time_adds_up_over_the_runs_of_a_part_and_memory_does_not(tmp_path):
    # Runs do not share their memory: the largest says what machine is needed.
    for folder, seconds, memory in (("aligned/a/seed0", 60, 1024), ("aligned/a/seed1", 90, 512), ("encoder", 6, 2048)):
        write_text(tmp_path / folder / "run.json", json.dumps({"seconds": seconds, "peak_memory_mib": memory}))
    table = time_and_memory(tmp_path)
    assert table.columns.tolist() == ["runs", "minutes", "peak memory (GiB)"]
    assert table.loc["aligned"].tolist() == [2, 2.5, 1.0] and table.loc["encoder"].tolist() == [1, 0.1, 2.0]


def test_a_study_without_runs_took_nothing(tmp_path):
    assert time_and_memory(tmp_path).empty and np.isclose(time_and_memory(tmp_path)["minutes"].sum(), 0)


def test_noise_curves_stand_under_the_method_that_is_repeated():
    noisy = {f"wordot-{share}": Align(shuffled_pairs=share) for share in (0.5, 0.1)}
    methods = {"none": Align(objective="none"), "wordot": Align(), **noisy, "l2": Align(objective="l2")}
    methods |= {"lone": Align(shuffled_pairs=1.0, pairs=4)}  # whose kind is not there without
    values = {"none": 1.0, "wordot": 9.0, "wordot-0.5": 3.0, "wordot-0.1": 8.0, "l2": 4.0, "lone": 5.0}
    rows = [
        ("retrieval", "accuracy", language, name, value)
        for name, value in values.items()
        for language in ("de", "average")
    ]
    summary = pd.DataFrame(rows, columns=["task", "metric", "language", "method", "value"])
    curves = by_noise(summary, methods, "retrieval", "accuracy")
    assert curves.to_dict() == {"wordot": {0.0: 9.0, 10.0: 8.0, 50.0: 3.0}}
    assert by_noise(summary, {"wordot": Align()}, "retrieval", "accuracy").empty
    assert by_noise(summary, methods, "nli", "accuracy").isna().all(axis=None)
