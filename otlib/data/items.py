"""Items of the tasks in the formats of XNLI and SQuAD, read with every fault named by file and line."""

import json
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from otlib.data.files import read_lines, read_table
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
        if not all(sides.values()):
            raise ValueError(f"{path}, line {number}: an empty sentence")
        given = {key: row[key] for key in COLUMNS if key in row}
        rows.append({"language": language, "pairID": str(number), **given, **sides})
    if not rows:
        raise ValueError(f"{path} holds no item")
    return NliItems(pd.DataFrame(rows)[COLUMNS], {"no_consensus": no_consensus})


def read_qa(path: str | Path) -> pd.DataFrame:
    """Read questions from SQuAD v1.1 JSON, plain or compressed.

    The columns are ``id, question, context, answers`` (list of str), ``starts`` (list of int, offsets in the context).

    Raises
    ------
    ValueError
        If the file is not such JSON, an id stands twice, or a question has no text, no answer, an empty one, or one
        that is not at its offset; names file and question.
    """
    try:
        articles = json.loads("\n".join(read_lines(path)))["data"]
        rows = [
            {
                "id": question["id"],
                "question": question["question"],
                "context": paragraph["context"],
                "answers": [answer["text"] for answer in question["answers"]],
                "starts": [answer["answer_start"] for answer in question["answers"]],
            }
            for article in articles
            for paragraph in article["paragraphs"]
            for question in paragraph["qas"]
        ]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not SQuAD v1.1 JSON ({type(error).__name__}: {error})") from None
    if not rows:
        raise ValueError(f"{path} holds no question")
    seen = set()
    for row in rows:
        fault = "its id stands twice" if row["id"] in seen else _fault(row)
        if fault:
            raise ValueError(f"{path}, question {row['id']}: {fault}")
        seen.add(row["id"])
    return pd.DataFrame(rows)


def _fault(row: dict) -> str | None:
    if not isinstance(row["question"], str) or not isinstance(row["context"], str):
        return "its question or its paragraph is no text"
    if not row["answers"]:
        return "it has no answer, and SQuAD v1.1 knows no unanswerable questions"
    for text, start in zip(row["answers"], row["starts"], strict=True):
        if not isinstance(text, str) or not text.strip():
            return f"the answer {text!r} is empty"
        if not isinstance(start, int) or start < 0 or not row["context"].startswith(text, start):
            return f"the answer {text!r} is not at offset {start!r}, counted in characters from 0"
    return None
