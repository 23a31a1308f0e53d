"""The concepts of the world, read from ``concepts.tsv``: nouns, adjectives, verbs, places, times and how they combine.

Nothing here knows any language. Concepts are drawn by their place in the table: the same seed makes the same world as
long as the table and the order of its rows stay as they are.
"""

from dataclasses import dataclass
from pathlib import Path

from otlib.data.microworld import tables
from otlib.data.microworld.tables import Row

KINDS = {
    "name": "sense?*",
    "noun": "category? traits?* parts?* members?* opposite?* synonym? sense?*",
    "category": "members* sense?*",
    "adjective": "traits?* describes?* opposite?* synonym? sense?*",
    "verb": "traits?* subject?* object?* recipient?* places?* opposite?* synonym? sense?*",
    "place": "traits?* sense?*",
    "time": "traits?* sense?*",
    "modal": "sense?*",
    "number": "sense?*",
}
TRAITS = {
    "noun": ("common", "mass"),
    "adjective": ("common", "colour"),
    "verb": ("common", "state"),
    "place": ("common", "apart"),
    "time": ("common",),
}
NO_CATEGORIES = ("", "part", "hypernym")  # nouns that are said in compounds only, and general words such as "fruit"
NOWHERE = "nowhere"
NAMES_CATEGORIES = ("members", "describes", "subject", "object", "recipient")  # columns


@dataclass(frozen=True)
class Frame:
    """Who may do the verb to what: categories of subject, object and recipient (empty: there is none)."""

    subject: tuple[str, ...]
    object: tuple[str, ...] = ()
    recipient: tuple[str, ...] = ()


def read_concepts(path: Path) -> list[Row]:
    """Read the table of concepts; README.md here has its format.

    Raises
    ------
    ValueError
        If the table is wrong, or a row names a concept, category or trait that there is not; names file and line.
    """
    rows = tables.read(path, KINDS)
    _complete_synonyms(rows)
    concepts = {kind: [row["concept"] for row in rows if row["kind"] == kind] for kind in KINDS}
    categories = ["name", *dict.fromkeys(row["category"] for row in rows if row["category"] not in NO_CATEGORIES)]
    known = {"describes": categories, "places": [NOWHERE, *concepts["place"]]}
    known |= dict.fromkeys(("subject", "object", "recipient"), [*categories, *concepts["category"]])
    named = {name for row in rows for column in NAMES_CATEGORIES for name in row.names(column)}
    for row in rows:
        if row["kind"] == "noun" and row["category"] not in {*named, *NO_CATEGORIES}:
            hint = tables.mend(row["category"], sorted(named & {*categories}))
            raise ValueError(f"{row.where}: no row uses the category {row['category']!r}; {hint}")
        if row["opposite"] and row["concept"] in row.names("opposite"):
            raise ValueError(f"{row.where}: {row['concept']!r} is its own opposite; name another")
        hypernym = row["category"] == "hypernym"
        members = categories if hypernym else concepts["noun"]
        own = {"traits": TRAITS.get(row["kind"], ()), "opposite": concepts[row["kind"]], "members": members}
        for column, names in (known | own).items():
            row.names(column, names)
        if row["kind"] == "noun" and hypernym != bool(row["members"]):
            raise ValueError(f"{row.where}: members are the categories of a hypernym; every hypernym names some")
        if row["kind"] == "number" and not row["concept"].isdecimal():
            raise ValueError(f"{row.where}: the number {row['concept']!r} must be written in digits")
        if row["parts"] and row.names("parts")[1:] not in [(noun,) for noun in concepts["noun"]]:
            raise ValueError(f"{row.where}: parts are a modifier and a noun of this table, got {row['parts']!r}")
    return rows


def _complete_synonyms(rows: list[Row]) -> None:
    """A word that means the same as another goes wherever that one goes, unless its row says otherwise."""
    by_name = {(row["kind"], row["concept"]): row for row in rows}
    for row in rows:
        kind = row["kind"]
        if not row["synonym"]:
            for column in ("category", "describes", "subject"):
                if column in tables.columns(KINDS[kind]) and not row[column]:
                    mend = f"fill it for the {kind} {row['concept']!r}, or name a synonym"
                    raise ValueError(f"{row.where}: {column} is empty; {mend}")
            continue
        (name,) = row.names("synonym", [concept for of, concept in by_name if of == kind])
        same = by_name[kind, name]
        if same["synonym"]:
            raise ValueError(f"{row.where}: synonym names {name!r}, which is one of {same['synonym']!r}: name that")
        for column in ("category", "describes", "subject", "object", "recipient", "places"):
            row[column] = row[column] or same[column]
        row["traits"] = " ".join(trait for trait in same.names("traits") if trait != "common")


_ROWS = {kind: [] for kind in KINDS}
for _row in read_concepts(Path(__file__).with_name("concepts.tsv")):
    _ROWS[_row["kind"]].append(_row)


def _all(kind: str) -> tuple[str, ...]:
    return tuple(row["concept"] for row in _ROWS[kind])


def _with(trait: str, kind: str) -> tuple[str, ...]:
    return tuple(row["concept"] for row in _ROWS[kind] if trait in row.names("traits"))


def _in(category: str) -> tuple[str, ...]:
    return tuple(row["concept"] for row in _ROWS["noun"] if row["category"] == category)


def _opposites(kind: str) -> tuple[tuple[str, str], ...]:
    """Pairs of opposites; a pair counts once, whether one of the two rows names the other or both do."""
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    for row in _ROWS[kind]:
        for other in row.names("opposite"):
            pairs.setdefault(frozenset((row["concept"], other)), (row["concept"], other))
    return tuple(pairs.values())


# --- nouns --------------------------------------------------------------------------------------------------
NAMES = _all("name")
CATEGORIES = {"name": NAMES} | {
    category: _in(category)
    for category in dict.fromkeys(row["category"] for row in _ROWS["noun"])
    if category not in NO_CATEGORIES
}
SPECIAL_CATEGORIES = {row["concept"]: row.names("members") for row in _ROWS["category"]}  # narrower, for verbs
MEMBERS = CATEGORIES | SPECIAL_CATEGORIES
HYPERNYMS = {  # every member is one: "an apple is a fruit"
    row["concept"]: tuple(concept for category in row.names("members") for concept in CATEGORIES[category])
    for row in _ROWS["noun"]
    if row["category"] == "hypernym"
}
GENERAL = {  # the hypernym of a category: "a person" for persons and names
    category: hypernym
    for category, concepts in MEMBERS.items()
    for hypernym, members in HYPERNYMS.items()
    if set(concepts) <= set(members)
}
COMPOUNDS = {row["concept"]: row.names("parts") for row in _ROWS["noun"] if row["parts"]}  # (modifier, head)
PARTS = _in("part")
MASS = _with("mass", "noun")  # no plural, no number, always with the definite article: "the bread"
PERSONS, ANIMALS, GAMES = CATEGORIES["person"], CATEGORIES["animal"], CATEGORIES["game"]
PEOPLE = frozenset((*NAMES, *PERSONS, "person"))
LIVING = PEOPLE | {*ANIMALS, "animal"}

NOUN_OPPOSITES = _opposites("noun")  # who is one of them is not the other

# --- adjectives ---------------------------------------------------------------------------------------------
ADJECTIVES = {row["concept"]: row.names("describes") for row in _ROWS["adjective"]}  # the categories they suit
ADJECTIVE_ANTONYMS = _opposites("adjective")
COLOURS = _with("colour", "adjective")  # each excludes the others

# --- verbs --------------------------------------------------------------------------------------------------
VERBS = {
    row["concept"]: Frame(*(row.names(role) for role in ("subject", "object", "recipient"))) for row in _ROWS["verb"]
}
VERB_ANTONYMS = _opposites("verb")
STATES = _with("state", "verb")  # verbs that are said without place and time
PLACES_OF = {  # where people do what they do in some places only
    row["concept"]: tuple(place for place in row.names("places") if place != NOWHERE)
    for row in _ROWS["verb"]
    if row["places"]
}
MODALS = _all("modal")

# --- places, times, numbers ---------------------------------------------------------------------------------
PLACES, TIMES = _all("place"), _all("time")
DISTINCT_PLACES = _with("apart", "place")  # who is at one of them is at none of the others
NUMBERS = tuple(int(number) for number in _all("number"))

# --- synonyms -----------------------------------------------------------------------------------------------
SYNONYMS = {  # by kind the words for the same, the plain one first
    kind: [
        (row["concept"], *(other["concept"] for other in _ROWS[kind] if other["synonym"] == row["concept"]))
        for row in _ROWS[kind]
        if not row["synonym"]
    ]
    for kind in ("noun", "adjective", "verb")
}

# --- all of them --------------------------------------------------------------------------------------------
COMMON = frozenset(row["concept"] for kind in TRAITS for row in _ROWS[kind] if "common" in row.names("traits"))
# What every language needs a word for; of the compounds, which languages make in their own ways, see Lexicon.
LEMMAS = {kind: _all(kind) for kind in KINDS if kind != "category"}
LEMMAS["noun"] = tuple(concept for concept in LEMMAS["noun"] if concept not in (*COMPOUNDS, *PARTS))
WHERE = {(kind, row["concept"]): row.where for kind in KINDS for row in _ROWS[kind]}  # file and line
