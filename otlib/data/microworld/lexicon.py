"""The words of a language, read from its table; the rules that make sentences of them are in its module."""

from collections.abc import Collection, Mapping
from pathlib import Path

from otlib.data.microworld import tables
from otlib.data.microworld.concepts import COMPOUNDS, LEMMAS, MEMBERS, PARTS, WHERE
from otlib.data.microworld.situations import Clause
from otlib.data.microworld.tables import Row

# A row with one of these cells is meant only for these concepts or categories: as subject or object of the verb, as
# the noun that the adjective describes.
CONDITIONS = ("subject", "object", "noun")


class Unsaid(ValueError):
    """Raised by rules for what they cannot say yet; the message names it (``"the past"``)."""


class Lexicon:
    """The lemmas of a language by kind and concept; see README.md here for the format of the table.

    ``missing`` are those that the table lacks, kind and concept: see :meth:`Lexicon.check_complete`.

    Parameters
    ----------
    path : Path
        The table.
    kinds, values
        What the language's rules need of it, as for :func:`otlib.data.microworld.tables.read`.

    Raises
    ------
    ValueError
        If the table is wrong; names file and line.
    """

    def __init__(self, path: Path, kinds: Mapping[str, str], values: Mapping[str, Collection[str]] | None = None):
        self.path = path
        conditions = [name for name in CONDITIONS if any(name in tables.columns(filled) for filled in kinds.values())]
        self._rows: dict[str, dict[str, Row]] = {kind: {} for kind in kinds}
        self._particular: dict[tuple[str, str], list[tuple[dict[str, set[str]], Row]]] = {}
        for row in tables.read(path, kinds, values, key=("kind", "concept", *conditions)):
            kind, concept = _known(row)
            only = {role: _concepts(row, role) for role in conditions if row[role]}
            if only:
                self._particular.setdefault((kind, concept), []).append((only, row))
            else:
                self._rows[kind][concept] = row
        self.missing = self._missing()

    def __getitem__(self, kind: str) -> Mapping[str, Row]:
        """The rows of a kind by concept, without those that are meant for certain subjects, objects or nouns only."""
        if kind not in self._rows:
            raise ValueError(f"{self.path}: the rules read rows of kind {kind!r}, which their LEXICON does not name")
        return self._rows[kind]

    def text(self, kind: str, concept: str | int) -> str:
        """The ``word`` of a lemma."""
        return self._rows[kind][str(concept)]["word"]

    def row(self, kind: str, concept: str, **said: str | None) -> Row:
        """The row of a lemma: one meant for what is ``said`` (subject, object, noun), or else the general one."""
        for only, row in self._particular.get((kind, concept), ()):
            if all(said[role] in concepts for role, concepts in only.items()):
                return row
        return self._rows[kind][concept]

    def noun(self, concept: str) -> Row:
        """The row of a noun or name; of a compound without a row of its own that of its head."""
        row = self._rows["name"].get(concept) or self._rows["noun"].get(concept)
        return row or self._rows["noun"][COMPOUNDS[concept][1]]

    def noun_nodes(self, concept: str, role: str) -> str:
        """The nodes of the noun itself; of a compound in one word, such as "Apfelsaft", both parts."""
        one_word = concept in COMPOUNDS and concept in self._rows["noun"]
        return f"{role} {role}.mod" if one_word else role

    def verb(self, clause: Clause) -> Row:
        """The row of the clause's verb."""
        thing = clause.object.concept if clause.object else None
        return self.row("verb", clause.verb, subject=clause.subject.concept, object=thing)

    def check_complete(self) -> None:
        """Raise ValueError, with file and row, if the table lacks a word for a concept."""
        if self.missing:
            more = f" (and {len(self.missing) - 1} more are missing)" if self.missing[1:] else ""
            raise ValueError(f"{self.path} has no {named(*self.missing[0])}; add its row{more}")

    def _missing(self) -> list[tuple[str, str]]:
        there = {kind: self._rows.get(kind, {}) for kind in (*LEMMAS, "modifier")}
        missing = [(kind, concept) for kind in LEMMAS for concept in LEMMAS[kind] if concept not in there[kind]]
        for concept, (_, head) in COMPOUNDS.items():
            if concept not in there["noun"] and concept not in there["modifier"]:
                missing.append(("noun or modifier" if "modifier" in self._rows else "noun", concept))
            elif concept not in there["noun"] and head not in there["noun"]:
                missing.append(("noun", head))
        return missing


def named(kind: str, concept: str) -> str:
    """A lemma with the row of ``concepts.tsv`` that it is of."""
    line = WHERE[kind.removesuffix(" or modifier"), concept].rpartition(", ")[2]
    return f"{kind} {concept!r} (concepts.tsv, {line})"


def _known(row: Row) -> tuple[str, str]:
    """Kind and concept of a row, which must be one that the world knows."""
    kind, concept = row["kind"], row["concept"]
    nouns = (*LEMMAS["noun"], *COMPOUNDS, *PARTS)
    known = nouns if kind in ("noun", "modifier") else LEMMAS[kind]
    if concept not in known:
        hint = tables.mend(concept, known)
        raise ValueError(f"{row.where}: concepts.tsv has no {kind} {concept!r}; {hint}")
    return kind, concept


def _concepts(row: Row, column: str) -> set[str]:
    """The concepts a cell lists; a category stands for its members, and for the general word of the same name."""
    nouns = (*LEMMAS["name"], *LEMMAS["noun"], *COMPOUNDS, *MEMBERS)
    return {concept for name in row.names(column, nouns) for concept in (name, *MEMBERS.get(name, ()))}
