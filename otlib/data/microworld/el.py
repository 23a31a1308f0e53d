"""Greek: cases, articles also before names, "σε" merged with it, dropped pronouns, "να" after modals.

A noun compound is a genitive (χυμός μήλου), an adjective (σχολικό λεωφορείο) or one word (πατατόσουπα). The
past is the aorist, of states the imperfect (ήξερε); modals take the perfective, of states the imperfective.
"""

from pathlib import Path

from otlib.data.microworld.concepts import COMPOUNDS, GAMES, LIVING, MASS, NAMES, PEOPLE
from otlib.data.microworld.lexicon import Lexicon
from otlib.data.microworld.situations import Clause, Thing
from otlib.data.microworld.tokens import Token, capitalise, prefixed, word

LEXICON = Lexicon(
    Path(__file__).with_suffix(".tsv"),
    {
        "name": "word gender accusative?",
        "noun": "word gender accusative? plural? accusative_plural?",
        "modifier": "word* agrees?",
        "adjective": "noun?* word",
        "verb": "object?* word plural? past past_plural? after_na after_na_plural? preposition?",
        "place": "word*",
        "time": "word*",
        "modal": "word plural",
        "number": "word neuter?",
    },
    {"gender": ("m", "f", "n"), "agrees": ("yes",)},
)
NOMINATIVE, ACCUSATIVE = 0, 1
# By gender: nominative and accusative, of the article in the plural as well.
ARTICLES = {"m": ("ο", "τον", "οι", "τους"), "f": ("η", "την", "οι", "τις"), "n": ("το", "το", "τα", "τα")}
ONE = {"m": ("ένας", "έναν"), "f": ("μια", "μια"), "n": ("ένα", "ένα")}
NO = {"m": ("κανένας", "κανέναν"), "f": ("καμία", "καμία"), "n": ("κανένα", "κανένα")}
HOW_MANY = {"m": "πόσους", "f": "πόσες", "n": "πόσα"}  # as objects
# Endings of adjectives: nominatives of masculine, feminine and neuter, then in the plural.
ADJECTIVE_ENDINGS = {
    "ος": ("ος", "η", "ο", "οι", "ες", "α"),
    "ός": ("ός", "ή", "ό", "οί", "ές", "ά"),
    "ύς": ("ύς", "ιά", "ύ", "ιοί", "ιές", "ιά"),
}
THEY_ENDINGS = {"άει": "ούν", "εί": "ούν", "ει": "ουν", "εται": "ονται", "ε": "αν"}  # the first that fits


# --- noun phrases -------------------------------------------------------------------------------------------
def noun_phrase(
    thing: Thing, role: str, *, case: int, preposition: str = "", negated: bool = False, bare: bool = False
) -> list[Token]:
    """Preposition, article, number, adjectives and noun."""
    # "to" of a recipient is a part of the situation; the preposition a verb asks for only helps to say it.
    main, also = (f"{role}.to", "") if role == "recipient" else ("", f"{role} verb")
    before = [word(preposition, main, also)] if preposition else []
    row, plural = LEXICON.noun(thing.concept), thing.several
    gender = row["gender"]
    if thing.concept in NAMES:
        name = (case == ACCUSATIVE and row["accusative"]) or row["word"]
        return _with_article(before, ARTICLES[gender][case], [word(name, role)])
    words = [_number(thing.count, gender, f"{role}.count")] if thing.count else []
    words += _adjectives(thing, role, gender, case)
    words += [word(_noun(thing, case), LEXICON.noun_nodes(thing.concept, role)), *_modifier(thing.concept, role)]
    if thing.concept in GAMES:
        return before + words
    if thing.definite or thing.concept in MASS:
        return _with_article(before, ARTICLES[gender][case + 2 * plural], words, f"{role}.det")
    if plural or (bare and not thing.adjectives):
        return before + words
    if negated:  # "does not see any dog"
        return [*before, word(NO[gender][case], f"{role}.det", "neg"), *words]
    return [*before, word(ONE[gender][case], f"{role}.det"), *words]


def _with_article(before: list[Token], article: str, words: list[Token], node: str = "") -> list[Token]:
    """The words behind their article, which merges with "σε" (στον); that of a name has no ``node``."""
    also = "" if node else " ".join(words[0].main)
    # The feminine keeps its ν before vowels and stops only (την πόρτα, τη γάτα), the masculine always.
    stops = ("κ", "π", "τ", "ξ", "ψ", "μπ", "ντ", "γκ", *"αεηιουωάέήίόύώ")
    if article == "την" and not words[0].text.lower().startswith(stops):
        article = "τη"
    if before and before[0].text == "σε":
        main, also = " ".join([*before[0].main, node]), " ".join([*before[0].also, also])
        return [word("σ" + article, main, also), *words]
    return [*before, word(article, node, also), *words]


def _number(count: int, gender: str, node: str) -> Token:
    row = LEXICON["number"][str(count)]
    return word((gender == "n" and row["neuter"]) or row["word"], node)


def _noun(thing: Thing, case: int) -> str:
    noun = LEXICON.noun(thing.concept)
    if thing.several:
        return (case == ACCUSATIVE and noun["accusative_plural"]) or noun["plural"]
    return (case == ACCUSATIVE and noun["accusative"]) or noun["word"]


def _adjectives(thing: Thing, role: str, gender: str, case: int) -> list[Token]:
    """Those that qualify, then the one that makes a compound or belongs to the noun (το παλιό σχολικό βιβλίο)."""
    # Greek has a word each for old people, old animals and old things (a παλιός φίλος is no aged one).
    rows = [(LEXICON.row("adjective", one, noun=thing.concept), f"{role}.adj") for one in thing.adjectives]
    modifier = LEXICON["modifier"].get(thing.concept)
    if modifier and modifier["agrees"]:
        rows.append((modifier, f"{role}.mod" if thing.concept in COMPOUNDS else role))
    return [word(_agree(row["word"], gender, case, thing.several), node) for row, node in rows]


def _agree(adjective: str, gender: str, case: int, plural: bool) -> str:
    endings = ADJECTIVE_ENDINGS.get(adjective[-2:])
    if endings is None:  # indeclinable: μπλε
        return adjective
    ending = endings["mfn".index(gender) + 3 * plural]
    if gender == "f" and not plural and adjective[-3] in "ιίέ":  # πλούσια, παλιά, ωραία, νέα
        ending = endings[-1]
    form = adjective[:-2] + ending
    if gender != "m" or case == NOMINATIVE:
        return form
    if plural:
        return form[:-2] + ("ούς" if form.endswith("οί") else "ους")
    return form[:-1]


def _modifier(concept: str, role: str) -> list[Token]:
    """The genitive, or the phrase with a preposition, behind the head of a compound (χυμός μήλου)."""
    modifier = LEXICON["modifier"].get(concept)
    if modifier is None or modifier["agrees"]:
        return []
    *linking, last = modifier["word"].split()
    return [*(word(text, also=f"{role}.mod") for text in linking), word(last, f"{role}.mod")]


# --- clauses ------------------------------------------------------------------------------------------------
def _verb(clause: Clause, *, plural: bool) -> list[Token]:
    """Negation, modal with "να", and the verb, which alone tells a dropped "he, she, they"."""
    words = [word("δεν", "neg")] if clause.negated else []
    if clause.modal:
        modal = LEXICON["modal"][clause.modal]["plural" if plural else "word"]
        # "δεν πρέπει" forbids; there being no need is another verb.
        modal = "χρειάζεται" if clause.negated and clause.modal == "must" else modal
        words += [word(modal, "modal"), word("να", also="modal")]
    return [*words, word(_form(clause, plural), "verb", "subject" if clause.pronoun else "")]


def _form(clause: Clause, plural: bool) -> str:
    """The third person; its plural, if the table has none, follows from the singular: διαβάζει, διαβάζουν."""
    verb = LEXICON.verb(clause)
    if clause.modal:
        form, irregular = verb["after_na"], verb["after_na_plural"]
    elif clause.tense == "past":
        form, irregular = verb["past"], verb["past_plural"]
    else:
        form, irregular = verb["word"], verb["plural"]
    if not plural or irregular:
        return irregular if plural else form
    ending = next(ending for ending in THEY_ENDINGS if form.endswith(ending))
    return form.removesuffix(ending) + THEY_ENDINGS[ending]


def _subject(clause: Clause) -> list[Token]:
    return [] if clause.pronoun else noun_phrase(clause.subject, "subject", case=NOMINATIVE)


def _object(clause: Clause) -> list[Token]:
    return noun_phrase(
        clause.object,
        "object",
        case=ACCUSATIVE,
        preposition=LEXICON.verb(clause)["preposition"],
        negated=clause.negated,
        bare=clause.verb == "play_music",  # "παίζει κιθάρα"
    )


def _adverbial(role: str, concept: str | None) -> list[Token]:
    """The noun behind its preposition and article in one word, or its article alone: στον κήπο, το πρωί."""
    *before, noun = LEXICON.text(role, concept).split() if concept else [""]
    main, also = (f"{role}.prep {role}.det", "") if role == "place" else (f"{role}.det", f"{role}.prep")
    return [*(word(text, main, also) for text in before), word(noun, role)] if noun else []


def _rest(clause: Clause, without: str = "") -> list[Token]:
    """What follows the verb, but for one constituent."""
    words = []
    words += _object(clause) if clause.object and without != "object" else []
    if clause.recipient:
        words += noun_phrase(clause.recipient, "recipient", case=ACCUSATIVE, preposition="σε", negated=clause.negated)
    words += _adverbial("place", clause.place) if without != "place" else []
    words += _adverbial("time", clause.time) if without != "time" else []
    return words


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    words = [*_subject(inner), *_verb(inner, plural=inner.subject.several), *_rest(inner)]
    return [word(",", "comma"), word("επειδή", "because"), *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    first = _adverbial(clause.front, getattr(clause, clause.front)) if clause.front else []
    verb = _verb(clause, plural=clause.subject.several)
    words = [*first, *_subject(clause), *verb, *_rest(clause, without=clause.front or ""), *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def _how_many(clause: Clause) -> list[Token]:
    """What is counted, behind "how many" in its gender: πόσα κλειδιά, σε πόσους φίλους."""
    words = _object(clause._replace(object=clause.object._replace(count=None, plural=True, definite=False)))
    ask = word(HOW_MANY[LEXICON.noun(clause.object.concept)["gender"]], "ask")
    before = 1 if LEXICON.verb(clause)["preposition"] else 0
    return [*words[:before], ask, *words[before:]]


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about ``subject``, ``object``, ``place``, ``time`` or ``count`` (of the object); it ends in ``;``."""
    if asked == "subject":
        ask = "ποιος" if clause.subject.concept in LIVING else "τι"
        words = [word(ask, "ask"), *_verb(clause, plural=False), *_rest(clause)]
    elif asked == "count":
        words = [*_how_many(clause), *_verb(clause, plural=clause.subject.several), *_subject(clause)]
        words += _rest(clause, without="object")
    else:
        asks = {"object": "ποιον" if clause.object and clause.object.concept in PEOPLE else "τι"}
        asks |= {"place": "πού", "time": "πότε"}
        before = LEXICON.verb(clause)["preposition"] if asked == "object" else ""
        words = [word(before, also="ask")] if before else []
        # The subject follows the verb: "Πού διαβάζει η Μαρία το βιβλίο;"
        words += [word(asks[asked], "ask"), *_verb(clause, plural=clause.subject.several), *_subject(clause)]
        words += _rest(clause, without=asked)
    return capitalise([*words, word(";", "stop")])
