"""What can be said: language-neutral concepts and situations.

A situation is one clause: a verb concept with its subject, object, recipient, place, time, tense, polarity
and modal. Every language file (``en.py``, ``de.py``, ...) turns the same clause into words; nothing here
knows any language.
"""

from __future__ import annotations

from dataclasses import dataclass

# --- nouns, by category ---------------------------------------------------------------------------
NAMES = ("anna", "maria", "elena", "sofia", "peter", "martin", "victor", "daniel")
FEMALE_NAMES = ("anna", "maria", "elena", "sofia")
PERSONS = (
    "teacher", "doctor", "farmer", "baker", "cook", "painter", "singer", "driver", "waiter", "soldier",
    "nurse", "neighbour", "friend", "guest", "student", "king", "queen", "boy", "girl", "child", "man",
    "woman", "mother", "father", "brother", "sister",
)  # fmt: skip
ANIMALS = ("dog", "cat", "horse", "bird", "cow", "sheep", "mouse", "fish")
FRUITS = ("apple", "pear", "lemon", "banana", "orange_fruit", "cherry")
FOODS = (
    "bread",
    "cake",
    "soup",
    "cheese",
    "egg",
    "rice",
    "potato",
    "apple_cake",
    "potato_soup",
    "cherry_cake",
)
DRINKS = ("water", "milk", "coffee", "tea", "wine", "apple_juice", "orange_juice")
CLOTHES = ("coat", "hat", "shirt", "dress", "shoe", "scarf", "winter_coat")
FURNITURE = ("table", "chair", "bed", "lamp", "kitchen_table", "garden_chair")
VEHICLES = ("car", "bus", "bicycle", "boat", "school_bus")
INSTRUMENTS = ("guitar", "piano", "violin", "flute")
TEXTS = ("book", "letter_mail", "newspaper", "poem", "school_book")
SHOWS = ("film", "match_game", "race")
SONGS = ("song",)
GAMES = ("chess", "football")
TOOLS = ("knife", "hammer", "spoon")
OPENABLES = ("door", "window", "box", "kitchen_door")
SMALLS = ("key", "watch_clock", "ball", "coin", "house_key")
FLOWERS = ("rose", "tulip")
SIGNS = ("letter_alphabet", "word", "number")

# Hypernyms: every member of the category is one ("an apple is a fruit").
HYPERNYMS = {
    "person": PERSONS + NAMES,
    "animal": ANIMALS,
    "fruit": FRUITS,
    "drink_noun": DRINKS,
    "vehicle": VEHICLES,
    "instrument": INSTRUMENTS,
    "flower": FLOWERS,
    "tool": TOOLS,
}

CATEGORIES = {
    "name": NAMES,
    "person": PERSONS,
    "animal": ANIMALS,
    "fruit": FRUITS,
    "food": FOODS,
    "drink": DRINKS,
    "clothes": CLOTHES,
    "furniture": FURNITURE,
    "vehicle": VEHICLES,
    "instrument": INSTRUMENTS,
    "text": TEXTS,
    "show": SHOWS,
    "song": SONGS,
    "game": GAMES,
    "tool": TOOLS,
    "openable": OPENABLES,
    "small": SMALLS,
    "flower": FLOWERS,
    "sign": SIGNS,
}

# Compounds: (modifier, head). German writes one word, French and Spanish "N de N".
COMPOUNDS = {
    "apple_cake": ("apple", "cake"),
    "cherry_cake": ("cherry", "cake"),
    "potato_soup": ("potato", "soup"),
    "apple_juice": ("apple", "juice"),
    "orange_juice": ("orange_fruit", "juice"),
    "winter_coat": ("winter", "coat"),
    "kitchen_table": ("kitchen", "table"),
    "garden_chair": ("garden", "chair"),
    "kitchen_door": ("kitchen", "door"),
    "school_bus": ("school", "bus"),
    "school_book": ("school", "book"),
    "house_key": ("house", "key"),
}

MASS = (
    "bread",
    "soup",
    "cheese",
    "rice",
    "potato_soup",
    *DRINKS,
    *GAMES,
)  # no plural, no number, always definite or bare: we always say "the bread"

# --- places and times: whole adverbials, one fixed phrase a language --------------------------------
PLACES = (
    "garden", "school", "kitchen", "market", "village", "city", "park", "station", "hospital", "forest",
    "house", "street", "bank_money", "bank_river", "beach", "mountain",
)  # fmt: skip
# "in the garden", "at the school", ..., "at the bank" (bank_money), "on the bank" (bank_river: of the river)
TIMES = (
    "today", "yesterday", "morning", "evening", "night", "monday", "sunday", "summer", "winter",
    "spring_season",
)  # fmt: skip
# "today", "yesterday", "in the morning", "in the evening", "at night", "on Monday", ..., "in summer", ...

# --- adjectives: categories they may describe -----------------------------------------------------
_LIVING = ("person", "animal")
_GOODS = ("clothes", "furniture", "vehicle", "instrument", "text", "tool", "openable", "small")
ADJECTIVES = {
    "old": (*_LIVING, *_GOODS),
    "young": _LIVING,
    "new": _GOODS,
    "big": ("animal", "fruit", *_GOODS, "flower"),
    "small": ("animal", "fruit", *_GOODS, "flower"),
    "rich": ("person",),
    "poor": ("person",),
    "happy": ("person",),
    "sad": ("person",),
    "strong": _LIVING,
    "weak": _LIVING,
    "clean": ("clothes", "furniture", "vehicle", "openable", "tool"),
    "dirty": ("clothes", "furniture", "vehicle", "openable", "tool"),
    "heavy": ("furniture", "openable", "instrument", "text"),
    "light_weight": ("furniture", "openable", "instrument", "text"),
    "expensive": ("clothes", "furniture", "vehicle", "instrument", "small"),
    "cheap": ("clothes", "furniture", "vehicle", "instrument", "small"),
    "beautiful": ("clothes", "flower", "instrument", "text"),
    "red": ("clothes", "vehicle", "flower", "furniture"),
    "blue": ("clothes", "vehicle", "furniture"),
    "green": ("clothes", "vehicle", "furniture"),
    "white": ("clothes", "vehicle", "flower", "furniture"),
    "black": ("clothes", "vehicle", "animal", "furniture"),
    "orange_colour": ("clothes", "vehicle", "flower", "furniture"),
}
COLOURS = ("red", "blue", "green", "white", "black", "orange_colour")
ADJECTIVE_ANTONYMS = (
    ("old", "young"), ("old", "new"), ("big", "small"), ("rich", "poor"), ("happy", "sad"),
    ("strong", "weak"), ("clean", "dirty"), ("heavy", "light_weight"), ("expensive", "cheap"),
)  # fmt: skip


# --- verbs ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Frame:
    """Who may do the verb to what: categories of subject, object and recipient (empty: there is none)."""

    subject: tuple[str, ...]
    object: tuple[str, ...] = ()
    recipient: tuple[str, ...] = ()


_WHO = ("person", "name")
VERBS = {
    # transitive, person subject
    "eat": Frame((*_WHO, "animal"), ("fruit", "food")),
    "drink": Frame(_WHO, ("drink",)),
    "read": Frame(_WHO, ("text",)),
    "write": Frame(_WHO, ("text", "sign")),
    "buy": Frame(_WHO, ("fruit", "food", "clothes", "furniture", "vehicle", "instrument", "flower", "animal")),
    "sell": Frame(_WHO, ("fruit", "food", "clothes", "furniture", "vehicle", "instrument", "flower", "animal")),
    "see": Frame((*_WHO, "animal"), (*_WHO, "animal", "vehicle", "flower")),
    "hear": Frame(_WHO, (*_WHO, "animal", "song")),
    "carry": Frame(_WHO, ("furniture", "openable_box", "tool", "instrument")),
    "open": Frame(_WHO, ("openable",)),  # German: aufmachen (separable)
    "close": Frame(_WHO, ("openable",)),  # German: zumachen
    "wash": Frame(_WHO, ("clothes", "vehicle", "fruit")),
    "repair": Frame(_WHO, ("vehicle", "furniture", "tool", "openable")),
    "drive": Frame(_WHO, ("motor",)),
    "love": Frame(_WHO, (*_WHO, "animal")),
    "hate": Frame(_WHO, (*_WHO, "animal")),
    "visit": Frame(_WHO, _WHO),
    "help": Frame(_WHO, _WHO),  # German: dative
    "call": Frame(_WHO, _WHO),  # telephone; German: anrufen
    "invite": Frame(_WHO, _WHO),  # German: einladen
    "pick_up": Frame(_WHO, _WHO),  # fetch a person; German: abholen
    "know_person": Frame(_WHO, _WHO),  # English: know; German: kennen; Spanish: conocer
    "know_thing": Frame(_WHO, ("answer",)),  # English: know (the answer, the word); German: wissen; Spanish: saber
    "feed": Frame(_WHO, ("animal",)),
    "paint": Frame(_WHO, ("furniture", "openable", "flower")),
    "play_music": Frame(_WHO, ("instrument",)),  # English: play; Spanish: tocar
    "play_game": Frame(_WHO, ("game",)),  # English: play; Spanish: jugar a
    "win": Frame(_WHO, ("contest",)),
    "lose": Frame(_WHO, ("contest",)),
    "watch": Frame(_WHO, ("show",)),  # German: ansehen (separable: sieht ... an)
    "put_on": Frame(_WHO, ("clothes",)),  # German: anziehen
    "take_off": Frame(_WHO, ("clothes",)),  # German: ausziehen
    "find": Frame(_WHO, ("small", "tool", "text")),
    "look_for": Frame(_WHO, ("small", "tool", "text", *_WHO, "animal")),
    "hide": Frame(_WHO, ("small", "tool", "text")),
    "cut": Frame(_WHO, ("fruit", "sliceable")),
    "cook": Frame(_WHO, ("cookable",)),
    "bake": Frame(_WHO, ("bakeable",)),
    "learn": Frame(_WHO, ("song", "sign", "poem")),
    "sing": Frame(_WHO, ("song",)),
    "match_fit": Frame(("clothes",), ("clothes",)),  # English: match; German: passen zu; Spanish: combinar con
    # ditransitive: "gives the book to the child"
    "give": Frame(_WHO, ("fruit", "text", "flower", "small", "tool"), _WHO),
    "show": Frame(_WHO, ("text", "flower", "small", "vehicle", "animal"), _WHO),
    "send": Frame(_WHO, ("text", "flower"), _WHO),
    "bring": Frame(_WHO, ("fruit", "drink", "food", "flower", "text"), _WHO),
    # intransitive
    "sleep": Frame((*_WHO, "animal")),
    "run": Frame((*_WHO, "animal")),
    "laugh": Frame(_WHO),
    "cry": Frame(_WHO),
    "swim": Frame((*_WHO, "animal")),
    "dance": Frame(_WHO),
    "work": Frame(_WHO),
    "wait": Frame((*_WHO, "animal")),
    "arrive": Frame((*_WHO, "motor")),  # German: ankommen
    "depart": Frame((*_WHO, "motor")),  # English: leave; German: wegfahren / abfahren (separable)
    "get_up": Frame(_WHO),  # German: aufstehen; Spanish: levantarse; French: se lever
}
SPECIAL_CATEGORIES = {  # narrower selections used by VERBS above
    "openable_box": ("box",),
    "motor": ("car", "bus", "school_bus"),
    "answer": ("word", "number"),
    "contest": ("match_game", "race"),
    "sliceable": ("bread", "cake", "cheese", "potato", "apple_cake", "cherry_cake"),
    "cookable": ("soup", "rice", "potato", "egg", "potato_soup"),
    "bakeable": ("bread", "cake", "apple_cake", "cherry_cake"),
    "poem": ("poem",),
}
VERB_ANTONYMS = (
    ("buy", "sell"), ("open", "close"), ("love", "hate"), ("win", "lose"), ("put_on", "take_off"),
    ("laugh", "cry"), ("arrive", "depart"), ("find", "hide"),
)  # fmt: skip
MODALS = ("must", "can", "want")
NUMBERS = (2, 3, 4, 5)


# --- situations -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Thing:
    """A noun phrase. Names take no number, no adjective. ``count`` (2 to 5) implies plural."""

    concept: str
    plural: bool = False
    definite: bool = True
    adjectives: tuple[str, ...] = ()  # at most one in practice
    count: int | None = None


@dataclass(frozen=True)
class Clause:
    """One situation. ``pronoun`` replaces the subject by he, she or they, dropped in some languages."""

    verb: str
    subject: Thing
    object: Thing | None = None
    recipient: Thing | None = None
    place: str | None = None
    time: str | None = None
    tense: str = "present"  # or "past"; with a modal: always present
    negated: bool = False
    modal: str | None = None
    pronoun: bool = False
    reason: Clause | None = None  # "..., because <clause>" (German: verb-final)


# --- realisations ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Token:
    """One word with the parts of the situation it expresses.

    Node names: ``subject``, ``subject.det``, ``subject.adj``, ``subject.count``, ``subject.mod`` (modifier of
    a compound); the same below ``object`` and ``recipient`` (plus ``recipient.to``); ``verb``, ``neg``,
    ``modal``, ``place``, ``place.prep``, ``place.det``, ``time``, ``time.prep``, ``time.det``, ``because``,
    ``stop``, ``comma``, ``ask`` (question word); everything inside a reason clause is prefixed ``reason.``.

    ``main``: nodes this word expresses in its own right; ``also``: nodes it only helps to express
    (auxiliaries, linking prepositions, an article that another language writes as a suffix). Two words of a
    sentence pair are a *sure* link if their ``main`` nodes meet, a *possible* one if any of their nodes meet.
    """

    text: str
    main: frozenset[str] = frozenset()
    also: frozenset[str] = frozenset()
    glue: bool = False  # written without a blank before the next word (French l', d', qu')
