"""Bulgarian: no cases, the article a suffix of a phrase's first word, "да" after modals, dropped pronouns.

A masculine subject has the full article (учителят), elsewhere the short one (учителя). Masculine things have
a count form (два стола, колко стола), masculine people a numeral of their own (двама учители). Indefinite objects stand
bare (чете книга), but for people. A noun compound is an adjective (ябълков сок), a phrase (ключ за къщата) or
one word (учебник). The past is the aorist, or the imperfect of verbs without a natural end (тичаше).
"""

from pathlib import Path

from otlib.data.microworld.concepts import COMPOUNDS, GAMES, LIVING, MASS, NAMES, NUMBERS, PEOPLE, PERSONS
from otlib.data.microworld.lexicon import Lexicon
from otlib.data.microworld.situations import Clause, Thing
from otlib.data.microworld.tables import Row
from otlib.data.microworld.tokens import Token, capitalise, prefixed, word

LEXICON = Lexicon(
    Path(__file__).with_suffix(".tsv"),
    {
        "name": "word",
        "noun": "word gender plural? counted?",
        "modifier": "word* feminine? neuter? plural?",
        "adjective": "word feminine neuter? plural?",
        "verb": "object?* word plural past past_plural after_da after_da_plural clitic? preposition?",
        "place": "word*",
        "time": "word* definite?",
        "modal": "word plural",
        "number": "word feminine counted",
    },
    {"gender": ("m", "s", "f", "n"), "clitic": ("се", "си"), "definite": ("yes",)},
)
ONE = {"m": "един", "f": "една", "n": "едно"}


# --- noun phrases -------------------------------------------------------------------------------------------
def noun_phrase(thing: Thing, role: str, *, preposition: str = "", negated: bool = False) -> list[Token]:
    """Preposition, number, adjectives and noun."""
    # "to" of a recipient is a part of the situation; the preposition a verb asks for only helps to say it.
    main, also = (f"{role}.to", "") if role == "recipient" else ("", f"{role} verb")
    before = [word(preposition, main, also)] if preposition else []
    if thing.concept in NAMES:
        return [*before, word(LEXICON.text("name", thing.concept), role)]
    gender, full = _gender(thing.concept), role == "subject"
    words = [_number(thing, role)] if thing.count else []
    words += [_agreeing(row, node, gender, thing.several, full) for row, node in _adjectives(thing, role)]
    words += [_noun(thing, role, full)]
    (text, articled, node), *others = words
    definite = (thing.definite or thing.concept in MASS) and thing.concept not in GAMES
    # Only the first word of the phrase bears the article: книгата, новата книга, двете нови книги.
    first = word(articled, node, f"{role}.det") if definite else word(text, node)
    tokens = [first, *(word(text, node) for text, _, node in others), *_modifier(thing.concept, role)]
    # Objects are bare, "чете книга", and so is what is denied, "не вижда лекар"; but "вижда един лекар".
    bare = thing.several or (role != "subject" and (negated or thing.concept not in PEOPLE))
    if definite or bare:
        return before + tokens
    return [*before, word(ONE[gender], f"{role}.det"), *tokens]


def _number(thing: Thing, role: str) -> tuple[str, str, str]:
    """The numeral, the same with its article, and its node."""
    row = LEXICON["number"][str(thing.count)]
    number = row["feminine"]  # and neuter
    if _gender(thing.concept) == "m":
        number = row["counted" if thing.concept in PEOPLE else "word"]
    return number, number + ("та" if number.endswith("а") else "те"), f"{role}.count"


def _adjectives(thing: Thing, role: str) -> list[tuple[Row, str]]:
    """Those that qualify, then the one that makes a compound or belongs to the noun (старата кухненска маса)."""
    rows = [(LEXICON["adjective"][adjective], f"{role}.adj") for adjective in thing.adjectives]
    modifier = LEXICON["modifier"].get(thing.concept)
    if modifier and modifier["feminine"]:
        rows.append((modifier, f"{role}.mod" if thing.concept in COMPOUNDS else role))
    return rows


def _agreeing(row: Row, node: str, gender: str, plural: bool, full: bool) -> tuple[str, str, str]:
    """The adjective, the same with its article, and its node."""
    feminine = row["feminine"]
    neuter, many = row["neuter"] or feminine[:-1] + "о", row["plural"] or feminine[:-1] + "и"
    if plural:
        return many, many + "те", node
    if gender == "m":
        return row["word"], many + ("ят" if full else "я"), node  # новият, новия
    return (feminine, feminine + "та", node) if gender == "f" else (neuter, neuter + "то", node)


def _noun(thing: Thing, role: str, full: bool) -> tuple[str, str, str]:
    """The noun, the same with its article, and its nodes."""
    noun, node = LEXICON.noun(thing.concept), LEXICON.noun_nodes(thing.concept, role)
    gender, singular, plural = noun["gender"], noun["word"], noun["plural"]
    if thing.count and gender in "ms" and thing.concept not in PERSONS:
        # The count form of things looks like the short article: два стола, три коня; people have none.
        return noun["counted"] or _masculine(singular, gender, full=False), "", node
    if thing.several:
        return plural, plural + ("те" if plural[-1] in "ие" else "та"), node
    if gender == "n" or singular.endswith("о"):  # детето, таткото
        return singular, singular + "то", node
    if gender == "f" or singular.endswith("а"):  # песента, бащата
        return singular, singular + "та", node
    return singular, _masculine(singular, gender, full=full), node


def _masculine(noun: str, gender: str, *, full: bool) -> str:
    """With the full article, столът and учителят, or with the short one, стола and учителя."""
    if gender == "s":
        return noun.removesuffix("й") + ("ят" if full else "я")
    return noun + ("ът" if full else "а")


def _modifier(concept: str, role: str) -> list[Token]:
    """The phrase behind the head of a compound (ключ за къщата)."""
    modifier = LEXICON["modifier"].get(concept)
    if modifier is None or modifier["feminine"]:
        return []
    *linking, noun = modifier["word"].split()
    return [*(word(text, also=f"{role}.mod") for text in linking), word(noun, f"{role}.mod")]


def _gender(concept: str) -> str:
    return LEXICON.noun(concept)["gender"].replace("s", "m")


# --- clauses ------------------------------------------------------------------------------------------------
def _verb(clause: Clause, *, plural: bool, first: bool = False) -> list[Token]:
    """Negation, modal with "да", and the verb, which alone tells a dropped "he, she, they"."""
    row = LEXICON.verb(clause)
    column = "after_da" if clause.modal else "past" if clause.tense == "past" else ""
    form = row["_".join(filter(None, (column, "plural" if plural else ""))) or "word"]
    verb = word(form, "verb", "subject" if clause.pronoun else "")
    little = [word(row["clitic"], also="verb")] if row["clitic"] else []
    no = [word("не", "neg")] if clause.negated else []
    if clause.modal == "must" and clause.negated:
        # "не трябва" forbids; there being no need is another phrase.
        no, modal = [word("нямат" if plural else "няма", "neg", "modal")], "нужда"
    elif clause.modal:
        modal = LEXICON["modal"][clause.modal]["plural" if plural else "word"]
    if clause.modal:
        return [*no, word(modal, "modal"), word("да", also="modal"), *little, verb]
    # The little pronoun needs a word to lean on: "Мария се смее", "Не се смее", but "Смее се".
    return [verb, *little] if first and not no else [*no, *little, verb]


def _subject(clause: Clause) -> list[Token]:
    return [] if clause.pronoun else noun_phrase(clause.subject, "subject")


def _adverbial(role: str, concept: str | None) -> list[Token]:
    if concept is None:
        return []
    *preposition, noun = LEXICON.text(role, concept).split()
    definite = role == "place" or bool(LEXICON["time"][concept]["definite"])
    also = f"{role}.det" if definite else ""
    if definite and not preposition:  # "сутринта" is "in the morning"
        also += f" {role}.prep"
    return [*(word(text, f"{role}.prep") for text in preposition), word(noun, role, also)]


def _rest(clause: Clause, without: str = "") -> list[Token]:
    """What follows the verb, but for one constituent."""
    words = []
    if clause.object and without != "object":
        preposition = LEXICON.verb(clause)["preposition"]
        words += noun_phrase(clause.object, "object", preposition=preposition, negated=clause.negated)
    if clause.recipient:
        words += noun_phrase(clause.recipient, "recipient", preposition="на", negated=clause.negated)
    words += _adverbial("place", clause.place) if without != "place" else []
    words += _adverbial("time", clause.time) if without != "time" else []
    return words


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    words = [*_subject(inner), *_verb(inner, plural=inner.subject.several), *_rest(inner)]
    return [word(",", "comma"), word("защото", "because"), *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    first = _adverbial(clause.front, getattr(clause, clause.front)) if clause.front else []
    verb = _verb(clause, plural=clause.subject.several, first=clause.pronoun and not first)
    words = [*first, *_subject(clause), *verb, *_rest(clause, without=clause.front or ""), *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def _how_many(clause: Clause) -> list[Token]:
    """What is counted, behind "колко", which asks for the forms that a number does: колко ключа, колко гости."""
    thing = clause.object._replace(count=max(NUMBERS), definite=False)
    words = noun_phrase(thing, "object", preposition=LEXICON.verb(clause)["preposition"])
    return [word("колко", "ask") if "object.count" in token.main else token for token in words]


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about ``subject``, ``object``, ``place``, ``time`` or ``count`` (of the object)."""
    if asked == "subject":
        living = clause.subject.concept in LIVING
        words = [word("кой" if living else "какво", "ask"), *_verb(clause, plural=False)]
        return capitalise([*words, *_rest(clause), word("?", "stop")])
    verb, preposition = _verb(clause, plural=clause.subject.several), LEXICON.verb(clause)["preposition"]
    if asked == "count":
        words = _how_many(clause)
    elif asked == "object":
        words = [word(preposition, also="ask")] if preposition else []
        words += [word("кого" if clause.object.concept in PEOPLE else "какво", "ask")]
    else:
        words = [word({"place": "къде", "time": "кога"}[asked], "ask")]
    # The subject follows the finite verb, "Какво иска Мария да чете?"; but not where it could be taken for the
    # object, since no case tells them apart: "Къде Мария видя Петър?", "Колко кучета децата видяха?"
    finite = next((i for i, token in enumerate(verb) if token.text == "да"), len(verb))
    if asked == "count":
        mistakable = clause.subject.several and clause.object.concept in LIVING and not preposition
    else:
        mistakable = clause.object is not None and asked != "object"
    before = 0 if mistakable else finite
    rest = _rest(clause, without="object" if asked == "count" else asked)
    words += [*verb[:before], *_subject(clause), *verb[before:], *rest]
    return capitalise([*words, word("?", "stop")])
