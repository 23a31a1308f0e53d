"""Tables and sentences of the report, made of summaries and verdicts. Knows no torch."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from otlib.analysis.statistics import (
    AVERAGE,
    BASELINE,
    LOWER_IS_BETTER,
    measure_name,
    measured,
    summarise,
    with_interval,
)
from otlib.data.text import NO_BLANKS, SEGMENTED
from otlib.settings import PIVOT, Align

# Text of others


def literal(text: str) -> str:
    """Markdown, on one line, that shows the text as it is: what it has of HTML, Markdown or formulas stays text.

    For whatever a study says of itself in words, its title and its findings; names have no such characters.
    """
    marks = re.sub(r"[&<>`*_~|#\[\]]|:(?=//)", lambda found: f"&#{ord(found[0])};", " ".join(text.split()))
    # Each in an element of its own, where MathJax, which reads the finished page, finds no second one.
    return re.sub(r"[$\\]", lambda found: f"<span>&#{ord(found[0])};</span>", marks)


def facts(values: Mapping[str, str]) -> str:
    """Markdown: a line for each name with its text, :func:`literal`."""
    return "\n".join(f"- **{literal(name)}**: {literal(text)}" for name, text in values.items())


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
    return table.reindex(pd.MultiIndex.from_product([names, languages])).dropna(how="all").fillna("")


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


def bullet_list(rows: pd.DataFrame, form: str, *, otherwise: str) -> str:
    """Markdown: a line for each row, ``form`` (``"{method}: {gain}"``) filled with its columns; or ``otherwise``."""
    return "\n".join(f"- {form.format_map(row)}" for row in rows.to_dict("records")) or otherwise


# Methods against each other

ONE_SEED = "one seed cannot tell"


def said(verdicts: pd.DataFrame) -> pd.Series:
    """Each verdict as the report says it: one seed cannot tell, and neither can seeds that are copies of one number."""
    unknown = verdicts["verdict"] == "unknown"
    return verdicts["verdict"].mask(unknown, "no interval").mask(unknown & (verdicts["seeds"] < 2), ONE_SEED)


def seeds_note(results: pd.DataFrame) -> str:
    """Markdown: how far intervals can be relied on, by the seeds that a method's results of a task rest on."""
    seeds = results.groupby(["method", "task"])["seed"].nunique().groupby(level="method").min()
    single = seeds[seeds < 2].index
    if len(single) == len(seeds):
        return (
            "**One seed cannot tell** what another would say: intervals are of the test items alone, however far from "
            "zero, and nothing has a verdict."
        )
    note = (
        "An interval that leaves zero out is a difference one can rely on, as far as this study's seeds and items go, "
        "if it is the only one looked at."
    )
    few = f" **One seed cannot tell** of {', '.join(single)}: their intervals are of the test items alone."
    return note + few * bool(len(single))


def answer(verdicts: pd.DataFrame, method: str, measures: Sequence[tuple[str, str]]) -> str:
    """Markdown: whether a method helps, by how much, and where not.

    ``verdicts`` has the rows of :func:`otlib.analysis.statistics.contest` over the encoder as it was, made
    :func:`readable`; measures (task, metric) that they lack are left out.
    """
    names = [measure_name(*measure) for measure in measures]
    rows = verdicts[(verdicts["method"] == method) & verdicts["measure"].isin(names)]
    if AVERAGE not in {*rows["language"]}:
        return "**Nothing can be said yet**: no method has results of a task beside those of the encoder as it was."
    rows = rows.assign(said=said(rows), name=rows["measure"].str.removesuffix(" (%)"))
    average = rows[rows["language"] == AVERAGE]
    alone = rows[~rows["language"].str.startswith(AVERAGE)]
    languages = ", ".join(alone.loc[alone["language"] != PIVOT, "language"].unique())
    one_seed, several = (average["said"] == ONE_SEED).all(), alone["language"].nunique() > 2  # English is one of them
    form = "{change} points of {name}" + " ({said})" * (not one_seed)
    gains = " and ".join(form.format_map(row) for row in average.to_dict("records"))
    what = f"over the encoder as it was, {method} gains {gains}, {'on average over' if several else 'in'} {languages}"
    if one_seed:
        lower = bullet_list(alone[_lost(alone) > 0], "{name} in {language}: {change}", otherwise="")
        where = f"It is lower here in:\n\n{lower}" if lower else "In no language is it lower here."
        return (
            f"**One seed cannot tell whether aligning helps.** On this one, {what}; the intervals are of the test "
            f"items alone. {where}"
        )
    return f"**{_headline({*average['verdict']})}**: {what} ({average['seeds'].max()} seeds). {_where_not(alone)}"


def _headline(verdicts: set[str]) -> str:
    """The answer in a few words, by the verdicts of all measures."""
    better, worse = "better" in verdicts, "worse" in verdicts
    if better and worse:
        return "Aligning helps in one way and harms in another"
    if better:
        return "Aligning helps" if verdicts == {"better"} else "Aligning helps in part"
    return "Aligning harms" if worse else "No gain by aligning is clear"


def _where_not(alone: pd.DataFrame) -> str:
    """A sentence about the rows of single languages that are not better."""
    parts = []
    for verdict in ("worse", "no clear difference", ONE_SEED, "no interval"):
        rows = alone[alone["said"] == verdict]
        form = "{name} in {language} ({change})" if verdict == "worse" else "{name} in {language}"
        if len(rows):
            parts.append(f"{verdict}: {', '.join(form.format_map(row) for row in rows.to_dict('records'))}")
    return f"Where not, *{'; '.join(parts)}*." if parts else "It is better in every language, English included."


def _lost(verdicts: pd.DataFrame, gain: str = "gain") -> pd.Series:
    """The gain, or an end of its interval, turned so that what is above zero is lost."""
    lower_is_better = verdicts["metric"].str.startswith(LOWER_IS_BETTER)
    return verdicts[gain].where(lower_is_better, -verdicts[gain]).astype(float)


def verdict_table(verdicts: pd.DataFrame, methods: Sequence[str]) -> pd.DataFrame:
    """Average gains with their verdicts: a row a rival and measure, a column a method.

    ``verdicts`` has the rows of :func:`otlib.analysis.statistics.contest`, made :func:`readable`.
    """
    average = verdicts[verdicts["language"] == AVERAGE]
    text = average["change"] + " " + said(average)
    table = average.assign(text=text).set_index(["rival", "measure", "method"])["text"]
    return table.unstack("method").reindex(columns=methods)


def verdicts_in_words(verdicts: pd.DataFrame, *, otherwise: str) -> str:
    """Markdown: a line for each method and rival with the measures of each verdict on average, or ``otherwise``."""
    average = verdicts[verdicts["language"] == AVERAGE]
    average = average.assign(said=said(average))
    lines = []
    for (rival, method), rows in average.groupby(["rival", "method"], sort=False):
        measures = rows.groupby("said")["measure"].agg(", ".join)
        untold = [verdict for verdict in (ONE_SEED, "no interval") if verdict in measures]
        sentences = [
            f"**{method}** beats {rival} in: {measures.get('better', 'nothing')}. "
            f"**No clear difference** in: {measures.get('no clear difference', 'nothing')}. "
            f"**{rival} is better** in: {measures.get('worse', 'nothing')}."
        ] * (set(measures.index) != {*untold})
        sentences += [f"**{method}** or {rival}, {verdict}: {measures[verdict]}." for verdict in untold]
        lines.append("- " + " ".join(sentences))
    return "\n".join(lines) or otherwise


def worse_in_words(verdicts: pd.DataFrame) -> str:
    """Markdown: a line for each language and measure in which a method is worse than its rival, ``Nowhere.`` if none.

    What lies beyond its own interval without a verdict is listed, too, and says why it has none: the correction for all
    comparisons, or that one seed cannot tell.
    """
    alone = verdicts[~verdicts["language"].str.startswith(AVERAGE)]
    if alone.empty:
        return "There is nothing to compare."
    form = "{method} against {rival}, {language}, {measure}: {change}"
    beyond = np.minimum(_lost(alone, "gain_low"), _lost(alone, "gain_high")) > 0
    worse, unknown = alone["verdict"] == "worse", alone["verdict"] == "unknown"
    unsure, untold = (
        bullet_list(alone[rows], form, otherwise="") for rows in (beyond & ~worse & ~unknown, beyond & unknown)
    )
    parts = []
    if not unknown.all():
        parts.append(bullet_list(alone[worse], form, otherwise="Nowhere for sure." if unsure else "Nowhere."))
    if unsure:
        parts += ["Beyond an interval of its own, but not once corrected for all comparisons:", unsure]
    if unknown.any():
        parts.append(f"One seed cannot tell: {unknown.sum()} of {len(alone)} comparisons.")
    if untold:
        parts += ["Beyond an interval of the test items alone, on this one seed:", untold]
    return "\n\n".join(parts)


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
    findings = findings.assign(outcome=_outcomes(findings))
    gain = with_interval(findings, "gain").where(findings["gain"].notna(), "–")
    effect = findings["effect"].map("{:+.1f}".format).where(findings["effect"].notna(), "–")
    p = findings["p_holm"].map("{:.3f}".format).where(findings["p_holm"].notna(), "–")
    table = findings.assign(gain=gain, p=p, **{"to lose": effect}).set_index(["finding", "task"])
    return table[["method", "against", "gain", "to lose", "expected", "p", "outcome"]]


def _outcomes(findings: pd.DataFrame) -> pd.Series:
    """Outcomes as the report says them."""
    return findings["outcome"].mask(findings["found"] == "unknown", ONE_SEED)


def findings_page(findings: pd.DataFrame) -> str:
    """:func:`findings_table` as Markdown, in which what a finding says is :func:`literal`."""
    text = findings_table(findings.assign(finding=findings["finding"].map(literal))).reset_index()
    return text.to_markdown(index=False, disable_numparse=True) + "\n"


def findings_in_words(findings: pd.DataFrame) -> str:
    """Markdown: a line for each outcome, with its findings."""
    named = findings["finding"].map(literal) + " (" + findings["task"].str.replace("_", " ") + ")"
    by_outcome = named.groupby(_outcomes(findings), sort=False).agg("; ".join)
    return "\n".join(f"- *{outcome}*: {those}" for outcome, those in by_outcome.items())


# The paper beside it


def paper_table(compared: pd.DataFrame) -> pd.DataFrame:
    """The rows of :func:`otlib.analysis.statistics.beside_paper`: methods side by side, each with ``ours, paper,
    difference, runs``."""
    table = compared.assign(ours=with_interval(compared)).set_index(["task", "metric", "language"])
    shown = table[["ours", "paper", "difference", "runs"]].round(1)
    return pd.concat(dict(list(shown.groupby(table["method"], sort=False))), axis=1)
