"""Items of the tasks in the formats of XNLI and SQuAD, read with every fault named by file and line."""

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from otlib.data.files import read_table, read_text
from otlib.data.text import is_seen
from otlib.settings import PIVOT

LABELS = ("entailment", "neutral", "contradiction")
COLUMNS = ["language", "gold_label", "pairID", "sentence1", "sentence2"]


class NliItems(NamedTuple):
    """Inference items in the columns ``COLUMNS``, and how many were left out and why.

    ``no_consensus``: items labelled ``-``, on which the annotators of SNLI and MultiNLI did not agree; ``empty_side``:
    items of the hub with an empty sentence.
    """

    table: pd.DataFrame
    dropped: dict[str, int]


def read_nli(path: str | Path, language: str = PIVOT) -> NliItems:
    """Read inference items from a tab-separated table with a header, plain or compressed; quotes are text.

    A file without the column ``language`` is in the one given; without ``pairID``, the line number stands for it.

    Raises
    ------
    ValueError
        If a label is unknown, a sentence empty or a column missing; names file and line.
    """
    rows, no_consensus = [], 0
    for number, row in read_table(path, ("gold_label", "sentence1", "sentence2")):
        if row["gold_label"] == "-":
            no_consensus += 1
            continue
        if row["gold_label"] not in LABELS:
            said = f"unknown label {row['gold_label']!r}; it must be one of {', '.join(LABELS)}"
            raise ValueError(f"{path}, line {number}: {said}")
        sides = {side: " ".join(row[side].split()) for side in ("sentence1", "sentence2")}
        if not all(any(map(is_seen, text)) for text in sides.values()):
            raise ValueError(f"{path}, line {number}: an empty sentence")
        given = {key: row[key] for key in COLUMNS if key in row}
        rows.append({"language": language, "pairID": str(number), **given, **sides})
    if not rows:
        raise ValueError(f"{path} holds no item")
    return NliItems(pd.DataFrame(rows)[COLUMNS], {"no_consensus": no_consensus})


def premises(items: pd.DataFrame) -> pd.Series:
    """A name for each inference item's premise: the first ``pairID`` that has it, in the item's first language.

    XNLI has three hypotheses to a premise. All languages have the same name for it.
    """
    first = items.drop_duplicates("pairID")
    names = first.groupby(["language", "sentence1"], sort=False)["pairID"].transform("first")
    return items["pairID"].map(dict(zip(first["pairID"], names, strict=True)))


class QaItems(NamedTuple):
    """Questions as a table, as SQuAD's JSON, and how many answers were moved to where they stand.

    The columns are ``id, question, context, answers`` (list of str), ``starts`` (list of int, offsets in the context)
    and ``cluster``: the first id of the article, or of the paragraph where there is one article only, which names it in
    all languages. Questions of a cluster are easy or hard together.
    """

    table: pd.DataFrame
    json: dict
    moved: int


def read_qa(path: str | Path) -> pd.DataFrame:
    """The table of :func:`read_squad`."""
    return read_squad(path).table


def read_squad(path: str | Path) -> QaItems:
    """Read questions from SQuAD v1.1 JSON, plain or compressed; errors as of :func:`qa_items`."""
    text = read_text(path)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not SQuAD v1.1 JSON ({type(error).__name__}: {error})") from None
    return qa_items(data, str(path))


def qa_items(data: Any, name: str, *, nearest: bool = False) -> QaItems:
    """Questions of SQuAD v1.1 JSON, in which an answer becomes what stands in its context.

    Blanks and invisible characters around an answer are taken off. An answer is moved that differs from the context in
    blanks or Unicode's forms only, or whose offset was counted in another form. One that stands at another offset is
    moved to the ``nearest``, or refused.

    Raises
    ------
    ValueError
        If this is not such JSON, an id stands twice, or a question has no text, no answer, an empty one, or one that
        is not at its offset; names question and ``name``.
    """
    try:
        paragraphs = [paragraph for article in data["data"] for paragraph in article["paragraphs"]]
        asked = [
            (paragraph["context"], question, [(one["text"], one["answer_start"]) for one in question["answers"]])
            for paragraph in paragraphs
            for question in paragraph["qas"]
        ]
        rows = [{"id": one["id"], "question": one["question"], "context": context} for context, one, _ in asked]
        articles = [article["paragraphs"] for article in data["data"]]
        together = articles if len(articles) > 1 else [[paragraph] for paragraph in paragraphs]
        clusters = [ids[0] for ids in map(_ids, together) for _ in ids]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{name} is not SQuAD v1.1 JSON ({type(error).__name__}: {error})") from None
    if not rows:
        raise ValueError(f"{name} holds no question")
    moved, seen = 0, set()
    for row, (context, question, given) in zip(rows, asked, strict=True):
        fault = "its id stands twice" if str(row["id"]) in seen else _fault(row, given)
        spans = [] if fault else [_span(context, *answer, nearest=nearest) for answer in given]
        if None in spans:
            text, start = given[spans.index(None)]
            fault = f"the answer {text!r} is not at offset {start!r}, counted in characters from 0"
        if fault:
            raise ValueError(f"{name}, question {row['id']}: {fault}")
        seen.add(str(row["id"]))
        row["answers"], row["starts"] = [context[begin:end] for begin, end in spans], [begin for begin, _ in spans]
        for answer, text, start, old in zip(question["answers"], row["answers"], row["starts"], given, strict=True):
            answer.update(text=text, answer_start=start)
            moved += (text, start) != old
    return QaItems(pd.DataFrame(rows).assign(cluster=clusters), data, moved)


def _ids(paragraphs: list[dict]) -> list[str]:
    return [str(question["id"]) for paragraph in paragraphs for question in paragraph["qas"]]


def _fault(row: dict, answers: list[tuple]) -> str | None:
    if type(row["id"]) not in (str, int):
        return "its id is neither text nor a number"
    if not isinstance(row["question"], str) or not isinstance(row["context"], str):
        return "its question or its paragraph is no text"
    if re.search("[\ud800-\udfff]", f"{row['id']}{row['question']}{row['context']}"):
        return r"half a character stands in it, such as \ud83d, the half of an emoji"
    if not answers:
        return "it has no answer, and SQuAD v1.1 knows no unanswerable questions"
    empty = [text for text, _ in answers if not isinstance(text, str) or not any(map(is_seen, text))]
    return f"the answer {empty[0]!r} is empty" if empty else None


def _span(context: str, text: str, start: Any, *, nearest: bool) -> tuple[int, int] | None:
    """Begin and end of an answer in its context; None if they are not clear."""
    if type(start) is not int or start < 0:
        return None
    seen = [place for place, character in enumerate(text) if is_seen(character)]
    bare = text[seen[0] : seen[-1] + 1]
    if context.startswith(text, start):
        return start + seen[0], start + seen[-1] + 1
    exact = [(found.start(), found.start() + len(bare)) for found in re.finditer(f"(?={re.escape(bare)})", context)]
    spans = exact or list(_other_forms(context, _form(bare)))
    if not nearest:
        counted = [span for span in spans if start in _offsets(context[: span[0]])]
        spans = counted or spans * (not exact and len(spans) == 1)
    return min(spans, key=lambda span: abs(span[0] - start), default=None)


def _offsets(before: str) -> list[int]:
    """How many characters stand before an answer, in any form of Unicode, and without blanks at the beginning."""
    forms = [unicodedata.normalize(form, before) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    return [len(form) for form in (before, before.lstrip(), *forms)]


def _other_forms(context: str, form: str) -> Iterator[tuple[int, int]]:
    """Begins and ends of what has the same form."""
    if form not in _form(context):
        return
    for begin, character in enumerate(context):
        if is_seen(character) and form.startswith(_form(character)):
            ends = range(begin + 1, min(len(context), begin + 2 * len(form) + 8) + 1)
            if end := next((end for end in ends if _form(context[begin:end]) == form), None):
                yield begin, end


def _form(text: str) -> str:
    """Text in compatibility form, with single blanks and nothing invisible."""
    decomposed = unicodedata.normalize("NFKD", text)
    return " ".join("".join(one for one in decomposed if one.isspace() or is_seen(one)).split())
