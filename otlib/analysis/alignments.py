"""Two sentences with linked words, and how they are written: Pharaoh, JSON, CSV, SVG, HTML.

The drawings have no font, script or picture of their own, so that any browser shows any writing system.
"""

import json
import unicodedata
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from torch import Tensor

from otlib.data.files import DECOMPRESSORS
from otlib.record import write_csv, write_text

LINE, GAP, MARGIN = 24, 120, 12  # pixels: from word to word, between the two columns, around
LETTER = 9  # width of a letter, at most, of most fonts at this size; a Chinese one takes two
STYLE = "font:15px sans-serif;background:white"


class Alignment(NamedTuple):
    """The words of two sentences, and how they are linked."""

    left: list[str]
    right: list[str]
    links: list[tuple[int, int]]  # (left word, right word), counted from 0, in order
    link_confidence: list[float]  # of each link, 0 to 1 (otlib.transport.links.link_confidence)
    confidence: float  # of the pair, 0 to 1 (otlib.transport.links.pair_confidence)
    flaw: str = ""  # why not all of it could be aligned
    plan: Tensor | None = None  # (n, m), if it was asked for

    @property
    def pharaoh(self) -> str:
        """The links as Moses and Pharaoh write them, ``0-0 1-2``; empty if there is none."""
        return " ".join(f"{i}-{j}" for i, j in self.links)

    def _repr_html_(self) -> str:
        return svg(self)


# Files


def write_alignments(path: str | Path, alignments: Sequence[Alignment]) -> Path:
    """Write alignments in the format that the file's name ends in, whole or not at all.

    ``.json`` is a list of objects ``left, right, links, link_confidence, confidence, flaw``; ``.csv`` has a row a pair
    with the same columns, links as in Pharaoh; ``.html`` is a page with every drawing, ``.svg`` the drawing of one
    pair. Any other name gets Pharaoh: a line a pair, ``0-0 1-2``, which is empty for a pair without links.

    Raises
    ------
    ValueError
        If there is not one pair for an SVG, the name is that of a compressed file, or of what is no file (a device).
    OSError
        If the file cannot be written.
    """
    check_format(path, len(alignments))
    kind, path = Path(path).suffix.lower(), Path(path).resolve()  # a link stays one
    if kind == ".json":
        rows = ",\n".join(json.dumps(_record(one), ensure_ascii=False) for one in alignments)
        return write_text(path, f"[\n{rows}\n]\n")
    if kind == ".csv":
        return write_csv(path, pd.DataFrame(map(_row, alignments), columns=list(Alignment._fields[:-1])))
    if kind == ".html":
        return write_text(path, page(alignments, path.stem))
    if kind == ".svg":
        return write_text(path, svg(alignments[0]))
    return write_text(path, "".join(f"{one.pharaoh}\n" for one in alignments))


def check_format(path: str | Path, pairs: int) -> None:
    """Raise a ValueError if :func:`write_alignments` would, for so many pairs."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{path} is no file that can be replaced: name another")
    if path.suffix.lower() in DECOMPRESSORS:
        raise ValueError(f"{path}: it would not be compressed: leave out {path.suffix}")
    if path.suffix.lower() == ".svg" and pairs != 1:
        raise ValueError(f"{path}: an SVG shows one sentence pair and here are {pairs}: let the name end in .html")


def _record(alignment: Alignment) -> dict:
    rounded = [round(sure, 4) for sure in alignment.link_confidence]
    changed = {"link_confidence": rounded, "confidence": round(alignment.confidence, 4)}
    return {name: value for name, value in alignment._asdict().items() if name != "plan"} | changed


def _row(alignment: Alignment) -> dict:
    record = _record(alignment)
    texts = {side: " ".join(record[side]) for side in ("left", "right")}
    sure = " ".join(map(str, record["link_confidence"]))
    return record | texts | {"links": alignment.pharaoh, "link_confidence": sure}


# Drawings


def svg(alignment: Alignment) -> str:
    """A sentence pair as SVG: the words of both sides in two columns, and a line for each link.

    The surer a link, the darker and wider its line; words without link are grey and in italics. Pointing at a line
    shows its words and its confidence.
    """
    left, right, links, confidences = alignment[:4]
    widths = [max([*map(_width, words), LETTER]) for words in (left, right)]
    begins, ends = MARGIN + widths[0], MARGIN + widths[0] + GAP
    size = ends + widths[1] + MARGIN, 2 * MARGIN + LINE * max(len(left), len(right), 1)
    linked = {i for i, _ in links}, {j for _, j in links}
    parts = [_line(begins, ends, *link, left, right, sure) for link, sure in zip(links, confidences, strict=True)]
    parts += [_word(begins - 4, i, word, "end", i in linked[0]) for i, word in enumerate(left)]
    parts += [_word(ends + 4, j, word, "start", j in linked[1]) for j, word in enumerate(right)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" width="{size[0]}" '
        f'height="{size[1]}" role="img" style="max-width:100%;height:auto;{STYLE}">'
        f"<title>{_xml(described(alignment))}</title>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def page(alignments: Sequence[Alignment], title: str) -> str:
    """A page of HTML with the drawing of each sentence pair, under its number and its confidence."""
    body = "\n".join(_section(number, one) for number, one in enumerate(alignments, start=1))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_xml(title)}</title>\n<style>"
        "body{font:16px sans-serif;margin:1em auto;max-width:60em;padding:0 1em}"
        "h2{font-size:1em}small{font-weight:normal;color:#555}section{break-inside:avoid}</style></head>\n"
        f"<body><h1>{_xml(title)}</h1>\n{body}\n</body></html>\n"
    )


def _section(number: int, alignment: Alignment) -> str:
    flaw = f" – {_xml(alignment.flaw)}" if alignment.flaw else ""
    heading = f"<h2>{number} <small>confidence {alignment.confidence:.2f}{flaw}</small></h2>"
    return f"<section>{heading}\n{svg(alignment)}</section>"


def described(alignment: Alignment) -> str:
    """The links in words, for a reader who does not see the drawing."""
    pairs = ", ".join(f"{alignment.left[i]} – {alignment.right[j]}" for i, j in alignment.links)
    return f"{' '.join(alignment.left)} / {' '.join(alignment.right)}: {pairs or 'no link'}"


def _line(begins: int, ends: int, i: int, j: int, left, right, sure: float) -> str:
    shown = max(0.0, min(1.0, sure))
    return (
        f'<line x1="{begins}" y1="{_height(i)}" x2="{ends}" y2="{_height(j)}" stroke="#0173b2" '
        f'stroke-width="{1 + 3 * shown:.1f}" stroke-opacity="{0.25 + 0.75 * shown:.2f}">'
        f"<title>{_xml(left[i])} – {_xml(right[j])}: {sure:.2f}</title></line>"
    )


def _word(x: int, place: int, word: str, anchor: str, linked: bool) -> str:
    look = 'fill="#222"' if linked else 'fill="#767676" font-style="italic"'
    return f'<text x="{x}" y="{_height(place) + 5}" text-anchor="{anchor}" {look}>{_xml(word)}</text>'


def _height(place: int) -> int:
    return MARGIN + LINE * place + LINE // 2


def _width(word: str) -> int:
    """Room for a word, in pixels."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in word)
    marks = sum(unicodedata.combining(letter) > 0 for letter in word)
    return LETTER * (len(word) + wide - marks)


def _xml(text: str) -> str:
    """Text for XML, which holds no control characters."""
    return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in text))
