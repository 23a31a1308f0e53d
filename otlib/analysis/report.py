"""Tables and sentences of the report, made of summaries, verdicts and what runs say of themselves. Knows no torch."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from otlib.analysis.statistics import AVERAGE, BASELINE, measure_name, measured, summarise, with_interval
from otlib.data.text import NO_BLANKS, SEGMENTED
from otlib.settings import COLLAPSED, PIVOT, Align

# Text of others


def literal(text: str) -> str:
    """Markdown, on one line, that shows the text as it is: what it has of HTML, Markdown or formulas stays text.

    For whatever a study says of itself in words, its title and its findings; names have no such characters.
    """
    marks = re.sub(r"[&<>`*_~|#\[\]]|:(?=//)", lambda found: f"&#{ord(found[0])};", " ".join(text.split()))
    # Each in an element of its own, where MathJax, which reads the finished page, finds no second one.
    return re.sub(r"[$\\]", lambda found: f"<span>&#{ord(found[0])};</span>", marks)


# Summaries as text


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of :func:`otlib.analysis.statistics.summarise` with text: ``measure`` (its name), ``shown`` (value with
    interval), ``change`` (gain with interval)."""
    names = [measure_name(*measure) for measure in zip(table["task"], table["metric"], strict=True)]
    return table.assign(measure=names, shown=with_interval(table), change=with_interval(table, "gain"))


def average_table(
    summary: pd.DataFrame, methods: Sequence[str], measures: Sequence[tuple[str, str]], language: str = AVERAGE
) -> pd.DataFrame:
    """Averages over the languages, or the scores of one, with intervals: a row a measure, a column a method; of
    :func:`readable` rows."""
    shown = summary[summary["language"] == language].set_index(["measure", "method"])["shown"]
    names = [measure_name(*measure) for measure in measures]
    table = shown.unstack("method").reindex(index=names, columns=methods).astype(object).fillna("")
    return table if language == AVERAGE else table.rename(index=lambda name: f"{language}: {name}")


def language_table(
    summary: pd.DataFrame, methods: Sequence[str], measures: Sequence[tuple[str, str]], languages: Sequence[str]
) -> pd.DataFrame:
    """As :func:`average_table`, with a row for each measure and language that there is."""
    table = summary.set_index(["measure", "language", "method"])["shown"].unstack("method").reindex(columns=methods)
    names = [measure_name(*measure) for measure in measures]
    return table.reindex(pd.MultiIndex.from_product([names, languages])).dropna(how="all")


def kind_table(scores: pd.DataFrame, metric: str, methods: Sequence[str]) -> pd.DataFrame:
    """Scores by the kind of item, ``antonym`` of ``antonym-000123``, over all languages beside English; empty without.

    ``scores`` are a task's of :func:`otlib.study.results.load_predictions`. A row a kind, a column a method; the last
    ones are the mean of these methods in ``English`` and how many ``items`` there are.
    """
    scores = scores[scores["method"].isin(methods)]
    scores = scores.assign(kind=scores["item"].astype(str).str.extract(r"^(.+)-\d{6}$")[0]).dropna(subset="kind")
    english = scores["language"] == PIVOT
    table = scores[~english].groupby(["kind", "method"])[metric].mean().unstack("method").reindex(columns=methods)
    in_english = scores[english].groupby("kind")[metric].mean()
    table = table.assign(English=in_english, items=scores.groupby("kind")["item"].nunique())
    return table.sort_values("items", ascending=False)


def at_a_glance(summary: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """A row a method: its average gain in each task and its gain in English, then the averages of all other measures.

    ``summary`` has the rows of :func:`otlib.analysis.statistics.summarise`; the shape of the space is left out.
    """
    columns = {}
    for task, metric in measured(summary, [("nli", "accuracy"), ("qa", "f1")]):
        name = measure_name(task, metric).removesuffix(" (%)")
        columns[f"{name}: gain"] = _by_method(summary, task, metric, AVERAGE)["gain"]
        columns[f"{name}: English"] = _by_method(summary, task, metric, PIVOT)["gain"]
    for task, metric in measured(summary):
        if task not in ("nli", "qa", "space"):
            columns[measure_name(task, metric)] = _by_method(summary, task, metric, AVERAGE)["value"]
    return pd.DataFrame(columns).reindex(methods)


def _by_method(summary: pd.DataFrame, task: str, metric: str, language: str) -> pd.DataFrame:
    """The rows of one measure and language, by method."""
    chosen = (summary["task"] == task) & (summary["metric"] == metric) & (summary["language"] == language)
    return summary[chosen].set_index("method")


def blanks_note(languages: Iterable[str]) -> str:
    """Markdown: what F1 of QA means in those of the languages that are written without blanks; empty without any."""
    found = [language for language in dict.fromkeys(languages) if language in (*SEGMENTED, *NO_BLANKS)]
    if not found:
        return ""
    return (
        f"**QA F1 in {', '.join(found)}:** the words it compares are what stands between blanks, as in the official "
        "evaluation of SQuAD, XQuAD and XTREME. Without blanks an answer is one word or a few: F1 is hardly more than "
        "exact match there, and cannot be compared with an F1 over characters or segmented words."
    )


def collapsed_in_words(folders: Mapping[tuple[str, int], Path]) -> str:
    """The alignments, folders by method and seed, that left little of the spread of English words, by ``run.json``."""
    marks = {run: folder / "run.json" for run, folder in folders.items()}
    records = {run: json.loads(mark.read_text(encoding="utf-8")) for run, mark in marks.items() if mark.exists()}
    left = {run: record.get("spread_left") for run, record in records.items()}  # runs of older versions say nothing
    return ", ".join(
        f"{method} seed {seed} ({100 * share:.0f} % of the spread left)"
        for (method, seed), share in left.items()
        if share is not None and share < COLLAPSED
    )


def bullet_list(rows: pd.DataFrame, form: str, *, otherwise: str) -> str:
    """Markdown: a line for each row, ``form`` (``"{method}: {gain}"``) filled with its columns; or ``otherwise``."""
    return "\n".join(f"- {form.format_map(row)}" for row in rows.to_dict("records")) or otherwise


# Methods against each other


def verdict_table(verdicts: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Average gains with their verdicts: a row a rival and measure, a column a method.

    ``verdicts`` has the rows of :func:`otlib.analysis.statistics.contest`, made :func:`readable`.
    """
    average = verdicts[verdicts["language"] == AVERAGE]
    text = average["change"] + " " + average["verdict"]
    table = average.assign(text=text).set_index(["rival", "measure", "method"])["text"]
    return table.unstack("method").reindex(columns=methods)


def verdicts_in_words(verdicts: pd.DataFrame, *, otherwise: str) -> str:
    """Markdown: a line for each method and rival with the measures of each verdict on average, or ``otherwise``."""
    average = verdicts[verdicts["language"] == AVERAGE]
    lines = []
    for (rival, method), rows in average.groupby(["rival", "method"], sort=False):
        measures = rows.groupby("verdict")["measure"].agg(", ".join)
        said = [
            f"**{method}** beats {rival} in: {measures.get('better', 'nothing')}. "
            f"**No clear difference** in: {measures.get('no clear difference', 'nothing')}. "
            f"**{rival} is better** in: {measures.get('worse', 'nothing')}."
        ] * (set(measures.index) != {"unknown"})
        said += [f"**{method}** or {rival}, one seed cannot tell: {measures.get('unknown')}."] * ("unknown" in measures)
        lines.append("- " + " ".join(said))
    return "\n".join(lines) or otherwise


def worse_in_words(verdicts: pd.DataFrame) -> str:
    """Markdown: a line for each language and measure in which a method is worse than its rival, ``Nowhere.`` if none.

    Comparisons that nothing can be said of are counted, for worse they may be: one seed cannot tell.
    """
    alone = verdicts[~verdicts["language"].str.startswith(AVERAGE)]
    unknown = (alone["verdict"] == "unknown").sum()
    form = "{method} against {rival}, {language}, {measure}: {change}"
    nowhere = "Nowhere." if len(alone) > unknown else "" if unknown else "There is nothing to compare."
    found = bullet_list(alone[alone["verdict"] == "worse"], form, otherwise=nowhere)
    untold = f"One seed cannot tell: {unknown} of {len(alone)} comparisons." if unknown else ""
    return "\n\n".join(filter(None, [found, untold]))


def gains_by_seen(
    results: pd.DataFrame,
    predictions: Mapping[str, pd.DataFrame] | None,
    aligned: Mapping[str, Sequence[str]],
    measures: Sequence[tuple[str, str]],
) -> pd.DataFrame:
    """Gains over no alignment with intervals as text, in languages that a method has aligned and in others.

    ``aligned`` names the methods to show, each with the languages that it has aligned. Rows are ``method, seen,
    language``, a column is a measure (task, metric). Empty without methods.
    """
    gains = readable(summarise(results, predictions, baseline=BASELINE))
    names = [measure_name(*measure) for measure in measures]
    chosen = gains["method"].isin(aligned) & ~gains["language"].isin([PIVOT, AVERAGE]) & gains["measure"].isin(names)
    gains = gains[chosen & gains["gain"].notna()]
    seen = [row.language in aligned[row.method] for row in gains.itertuples()]
    table = gains.assign(seen=seen).pivot(index=["method", "seen", "language"], columns="measure", values="change")
    return table.fillna("")


# Findings


def by_noise(summary: pd.DataFrame, methods: Mapping[str, Align], task: str, metric: str) -> pd.DataFrame:
    """Averages over the languages against the per cent of pairs that are shuffled: a column for each method that others
    repeat with more of them; empty if none does."""
    families: dict[str, dict[float, str]] = {}
    for name, settings in methods.items():
        if settings.objective != "none":
            family = settings.model_dump_json(exclude={"shuffled_pairs"})
            families.setdefault(family, {})[100 * settings.shuffled_pairs] = name
    values = _by_method(summary, task, metric, AVERAGE)["value"]
    columns = {
        shares[0]: pd.Series({share: values.get(name) for share, name in shares.items()})
        for shares in families.values()
        if 0 in shares and len(shares) > 1
    }
    return pd.DataFrame(columns, dtype=float).sort_index()


def findings_table(findings: pd.DataFrame) -> pd.DataFrame:
    """What :func:`otlib.analysis.statistics.check_findings` found, with gains as text: a row a finding and task.

    ``to lose`` is the effect of which ``as good`` may lose a share, ``p`` is corrected for all rows.
    """
    gain = with_interval(findings, "gain").where(findings["gain"].notna(), "–")
    effect = findings["effect"].map("{:+.1f}".format).where(findings["effect"].notna(), "–")
    p = findings["p_holm"].map("{:.3f}".format).where(findings["p_holm"].notna(), "–")
    table = findings.assign(gain=gain, p=p, **{"to lose": effect}).set_index(["finding", "task"])
    return table[["method", "against", "gain", "to lose", "expected", "p", "outcome"]]


def findings_page(findings: pd.DataFrame) -> str:
    """:func:`findings_table` as Markdown, in which what a finding says is :func:`literal`."""
    text = findings_table(findings.assign(finding=findings["finding"].map(literal))).reset_index()
    return text.to_markdown(index=False, disable_numparse=True) + "\n"


def findings_in_words(findings: pd.DataFrame) -> str:
    """Markdown: a line for each outcome, with its findings."""
    named = findings["finding"].map(literal) + " (" + findings["task"].str.replace("_", " ") + ")"
    by_outcome = named.groupby(findings["outcome"], sort=False).agg("; ".join)
    return "\n".join(f"- *{outcome}*: {those}" for outcome, those in by_outcome.items())


# The paper beside it


def paper_table(compared: pd.DataFrame) -> pd.DataFrame:
    """The rows of :func:`otlib.analysis.statistics.beside_paper`: methods side by side, each with ``ours, paper,
    difference, runs``."""
    table = compared.assign(ours=with_interval(compared)).set_index(["task", "metric", "language"])
    shown = table[["ours", "paper", "difference", "runs"]].round(1)
    return pd.concat(dict(list(shown.groupby(table["method"], sort=False))), axis=1)


# What it took


def time_and_memory(folder: str | Path) -> pd.DataFrame:
    """What the runs in a study's folder say of themselves in ``run.json``: a row for each part of the study.

    Columns ``runs``, ``minutes`` (of all runs added up) and ``peak memory (GiB)`` (the highest of a run).
    """
    memory = "peak memory (GiB)"
    spent = []
    for path in sorted(Path(folder).glob("**/run.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        part = path.relative_to(folder).parts[0]
        spent.append((part, path, record["seconds"] / 60, record["peak_memory_mib"] / 1024))
    parts = pd.DataFrame(spent, columns=["part", "runs", "minutes", memory]).groupby("part", sort=False)
    return parts.agg({"runs": "count", "minutes": "sum", memory: "max"})
