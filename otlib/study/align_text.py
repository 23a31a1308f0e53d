"""The command that aligns a file of sentence pairs: ``python -m otlib align-text FILE --encoder NAME --out FILE``."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from otlib.data.files import is_table, read_table
from otlib.record import ROOT, writing
from otlib.settings import AlignText, ParameterError, meaning

if TYPE_CHECKING:
    from otlib.analysis.alignments import Alignment

NAMED = 5  # pairs that a message lists


def encoder_of(checkpoint: str) -> str | Path:
    """The checkpoint of this name; without a name the newest encoder that WordOT aligned in a study ``demo*``.

    Raises
    ------
    FileNotFoundError
        If there is none; says what makes one.
    """
    if checkpoint:
        return checkpoint
    marks = ROOT.glob("outputs/demo*/aligned/wordot/seed*/run.json")
    newest = max(marks, key=lambda mark: mark.stat().st_mtime, default=None)
    if newest is None:
        raise FileNotFoundError(
            "there is no aligned encoder yet: run make study PAIRS=de-en SEEDS=0 first, or name a checkpoint"
        )
    return newest.parent


def add_options(command: argparse.ArgumentParser) -> None:
    """Declare the command's options; those of :class:`otlib.settings.AlignText` with their defaults and meaning."""
    command.description = (
        "Align the words of each sentence pair. FILE holds lines LEFT ||| RIGHT, or is a table (.tsv, .csv) with a "
        "header and two columns; or two files hold a sentence a line. The result has one line a pair with links "
        "0-0 1-2, left word - right word, counted from 0; or what the name of --out asks for: .json, .csv, .html, .svg."
    )
    command.add_argument("files", nargs="+", metavar="FILE")
    command.add_argument("--encoder", required=True, help="a checkpoint's folder, or its name on the Hugging Face hub")
    command.add_argument("--out", required=True, metavar="FILE")
    kinds = {"layer": {"type": _whole}, "epsilon": {"type": _number}, "unbalanced": {"type": _number_or_null}}
    kinds["languages"] = {"nargs": 2, "metavar": ("LEFT", "RIGHT")}
    for name, field in AlignText.model_fields.items():
        kind = kinds.get(name) or {"choices": field.annotation.__args__}
        said = f"{meaning(AlignText, name)} (default: {field.default})"
        command.add_argument(f"--{name}", default=argparse.SUPPRESS, help=said.replace("%", "%%"), **kind)
    command.add_argument("--at-once", type=_whole, help="sentences that the encoder reads in one batch")
    command.set_defaults(run=align_text)


def align_text(options: argparse.Namespace) -> int:
    """Align the pairs of the files and write them; what could not be aligned is counted on the terminal.

    Raises
    ------
    ValueError, OSError
        If a file, a setting or the encoder is wrong; one sentence that names it.
    """
    settings = {name: value for name, value in vars(options).items() if name in AlignText.model_fields}
    out = Path(options.out)
    _check_places(options.files, out)
    if settings.get("words") == "moses" and "languages" not in settings:
        raise ParameterError("--words moses needs the languages of both sides, such as --languages de en")
    from otlib.analysis.alignments import check_format, write_alignments
    from otlib.analysis.sentences import align_sentences
    from otlib.data.pairs import read_sides

    pairs = read_sides(options.files, settings.get("languages"))
    check_format(out, len(pairs))
    _say_columns(options.files, settings)
    _be_quiet()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\d+ of \d+ pairs could not be aligned")  # said below, by their lines
        found = align_sentences(pairs, options.encoder, at_once=options.at_once, **settings)
    write_alignments(out, found)
    for line in _summary(found):
        print(line, file=sys.stderr)
    print(f"{len(found)} pairs, {sum(len(one.links) for one in found)} links: {out}")
    return 0


def _check_places(files: Sequence[str], out: Path) -> None:
    if len(files) > 2:
        raise ParameterError(f"give one file of pairs, or two files with a side each, got {len(files)}")
    if out.is_dir():
        raise ParameterError(f"--out {out} is a folder: name a file")
    if any(out.resolve() == Path(path).resolve() for path in files):
        raise ParameterError(f"--out {out} is the file to be read, which it would replace: give another name")
    partial = out.with_name(f"{out.name}.tmp")
    if partial.exists():
        raise ParameterError(f"{partial} would be written on the way to {out}: move it, or give another --out")
    with writing(out):  # what comes of hours must find its place
        out.parent.mkdir(parents=True, exist_ok=True)
        partial.touch()
        partial.unlink()


def _say_columns(files: Sequence[str], settings: dict) -> None:
    """Name the columns that were taken, for a table without a header would lose its first pair to them."""
    if is_table(files[0]) and len(files) == 1 and "languages" not in settings:
        left, right = next(read_table(files[0], ()))[1]
        print(f"{files[0]}: by its first line, left is the column {left!r}, right {right!r}", file=sys.stderr)


def _be_quiet() -> None:
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


def _summary(found: Sequence[Alignment]) -> list[str]:
    """A line for each kind of flaw: how many pairs have it, and which."""
    places = defaultdict(list)
    for number, one in enumerate(found, start=1):
        if one.flaw:
            places[one.flaw].append(number)
    return [
        f"{len(numbers)} of {len(found)} pairs: {flaw} (pair {', '.join(map(str, numbers[:NAMED]))}"
        f"{', ...' if len(numbers) > NAMED else ''})"
        for flaw, numbers in places.items()
    ]


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from None


def _number_or_null(text: str) -> float | None:
    return None if text == "null" else _number(text)
