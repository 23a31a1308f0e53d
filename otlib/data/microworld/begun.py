"""A language that somebody has begun: what its table lacks, what still reads as it was copied, what can be said yet."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from otlib.data.files import read_lines
from otlib.data.microworld.concepts import COMPOUNDS, NAMES, VERBS
from otlib.data.microworld.lexicon import CONDITIONS, Lexicon, Unsaid, named
from otlib.data.microworld.sample import Sampler
from otlib.data.microworld.situations import Clause
from otlib.data.microworld.tables import NOTE
from otlib.settings import PIVOT

DRAWS = 30_000  # clauses looked at for those that can be said: seconds
SHOWN = 12  # entries that a report names
NO_FORMS = ("kind", "concept", NOTE, "word", "gender", *CONDITIONS)

Lemma = tuple[str, str]  # kind and concept


class Unfinished(NamedTuple):
    """What is left to do in the table ``path``: ``missing`` rows, and ``copied`` ones, that read as in ``model``."""

    path: Path
    missing: Sequence[Lemma]
    copied: dict[str, Lemma]  # by the line's number and its word
    entries: int
    model: str = ""

    def __bool__(self) -> bool:
        return bool(self.missing or self.copied)


def unfinished(lexicon: Lexicon) -> Unfinished:
    """What a table lacks, and the rows that read as in the table beside it with which it has most rows in common.

    A row reads as another if all of its cells do, or all of several other forms beside its word. Names, which may be
    the same in many languages, do not count, nor does a row with a remark in the column ``note``.
    """
    rows, copied, model = _rows(lexicon.path), {}, ""
    for other in sorted(lexicon.path.parent.glob("*.tsv")):
        if lexicon.path.stem != PIVOT and other not in (lexicon.path, lexicon.path.with_name("concepts.tsv")):
            theirs = {_key(row): row for _, row in _rows(other)}
            same = {
                f"line {line}, {row['word']}": (row["kind"], row["concept"])
                for line, row in rows
                if row["kind"] != "name" and not row.get(NOTE) and _reads_as(row, theirs.get(_key(row), {}))
            }
            copied, model = (same, other.name) if len(same) > len(copied) else (copied, model)
    return Unfinished(lexicon.path, lexicon.missing, copied, len(rows), model)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line and filled cells of each row of a table."""
    header, *lines = (line.split("\t") for line in read_lines(path))
    rows = (dict(zip(header, cells, strict=False)) for cells in lines)
    rows = enumerate(({column: text for column, text in row.items() if text} for row in rows), start=2)
    return [(line, row) for line, row in rows if {"kind", "concept", "word"} <= row.keys()]


def _key(row: dict[str, str]) -> tuple[str | None, ...]:
    return tuple(map(row.get, ("kind", "concept", *CONDITIONS)))


def _reads_as(row: dict[str, str], other: dict[str, str]) -> bool:
    forms, others = ({name: text for name, text in one.items() if name not in NO_FORMS} for one in (row, other))
    return row == other or (len(forms) > 1 and forms == others)


def report(left: Unfinished) -> Iterator[str]:
    """What is left to do, a line each."""
    if left.copied:
        yield (
            f"{left.path.name}: {len(left.copied)} of {left.entries} entries still read as in {left.model}: "
            f"{_some([*left.copied])}"
        )
        yield f"Where a word is rightly the same, say so in a column {NOTE!r} of its row."
    if left.missing:
        yield f"{left.path.name} lacks {len(left.missing)} entries: {_some([named(*lemma) for lemma in left.missing])}"


def _some(names: Sequence[str]) -> str:
    more = f"; and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more


def sayable(speaker: ModuleType, sampler: Sampler, left: Unfinished, n: int) -> tuple[str, list[Clause]]:
    """Up to ``n`` random clauses of which every word is there and translated, and a sentence that says what they are.

    If there are none, clauses of which every word is there.
    """
    missing, copied = _open(left.missing), _open(left.copied.values())
    for shut, said in ((missing | copied, "What can be said in translated words:"), (missing, "As it stands:")):
        if found := list(islice(_clauses(speaker, sampler, shut), n)):
            return said, found
    return "Nothing can be said yet: it takes a verb with somebody to do it, and with its object, if it has one.", []


def _open(lemmas) -> set[Lemma]:
    return {(kind.removesuffix(" or modifier").replace("modifier", "noun"), concept) for kind, concept in lemmas}


def _clauses(speaker: ModuleType, sampler: Sampler, shut: set[Lemma]) -> Iterator[Clause]:
    verbs = [verb for verb in VERBS if ("verb", verb) not in shut]
    for _ in range(DRAWS if verbs else 0):
        clause = sampler.clause(verb=sampler.pick(verbs))
        if shut.isdisjoint(lemmas(clause)):
            try:
                speaker.sentence(clause)
            except Unsaid:
                continue
            yield clause


def lemmas(clause: Clause) -> Iterator[Lemma]:
    """Kind and concept of all that a clause says; of a compound that of its head, too."""
    yield "verb", clause.verb
    for kind in ("place", "time", "modal"):
        if concept := getattr(clause, kind):
            yield kind, concept
    for thing in filter(None, (clause.subject, clause.object, clause.recipient)):
        yield "name" if thing.concept in NAMES else "noun", thing.concept
        yield from (("noun", part) for part in COMPOUNDS.get(thing.concept, ())[1:])
        yield from (("adjective", adjective) for adjective in thing.adjectives)
        if thing.count:
            yield "number", str(thing.count)
    if clause.reason:
        yield from lemmas(clause.reason)
