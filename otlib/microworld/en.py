"""English: articles, do-support in negations and questions, "to" before the recipient, noun compounds."""

from __future__ import annotations

from dataclasses import replace

from otlib.microworld.situations import ANIMALS, COMPOUNDS, GAMES, MASS, PERSONS, Clause, Thing, Token
from otlib.microworld.tokens import capitalise, prefixed, word

CODE, NAME = "en", "English"

# --- lexicon --------------------------------------------------------------------------------------
NAMES = {
    "anna": "Anna", "maria": "Maria", "elena": "Elena", "sofia": "Sofia",
    "peter": "Peter", "martin": "Martin", "victor": "Victor", "daniel": "Daniel",
}  # fmt: skip
NOUNS = {  # singular, or singular and plural where the plural is not regular
    "teacher": "teacher", "doctor": "doctor", "farmer": "farmer", "baker": "baker", "cook": "cook",
    "painter": "painter", "singer": "singer", "driver": "driver", "waiter": "waiter", "soldier": "soldier",
    "nurse": "nurse", "neighbour": "neighbour", "friend": "friend", "guest": "guest", "student": "student",
    "king": "king", "queen": "queen", "boy": "boy", "girl": "girl", "child": "child children",
    "man": "man men", "woman": "woman women", "mother": "mother", "father": "father", "brother": "brother",
    "sister": "sister", "dog": "dog", "cat": "cat", "horse": "horse", "bird": "bird", "cow": "cow",
    "sheep": "sheep sheep", "mouse": "mouse mice", "fish": "fish fish", "apple": "apple", "pear": "pear",
    "lemon": "lemon", "banana": "banana", "orange_fruit": "orange", "cherry": "cherry cherries",
    "bread": "bread", "cake": "cake", "soup": "soup", "cheese": "cheese", "egg": "egg", "rice": "rice",
    "potato": "potato potatoes", "water": "water", "milk": "milk", "coffee": "coffee", "tea": "tea",
    "wine": "wine", "juice": "juice", "coat": "coat", "hat": "hat", "shirt": "shirt",
    "dress": "dress dresses", "shoe": "shoe", "scarf": "scarf scarves", "table": "table", "chair": "chair",
    "bed": "bed", "lamp": "lamp", "car": "car", "bus": "bus buses", "bicycle": "bicycle", "boat": "boat",
    "guitar": "guitar", "piano": "piano", "violin": "violin", "flute": "flute", "book": "book",
    "letter_mail": "letter", "newspaper": "newspaper", "poem": "poem", "film": "film",
    "match_game": "match matches", "race": "race", "song": "song", "chess": "chess", "football": "football",
    "knife": "knife knives", "hammer": "hammer", "spoon": "spoon", "door": "door", "window": "window",
    "box": "box boxes", "key": "key", "watch_clock": "watch watches", "ball": "ball", "coin": "coin",
    "rose": "rose", "tulip": "tulip", "letter_alphabet": "letter", "word": "word", "number": "number",
    "winter": "winter", "kitchen": "kitchen", "garden": "garden", "school": "school", "house": "house",
    "person": "person people", "animal": "animal", "fruit": "fruit fruits", "drink_noun": "drink",
    "vehicle": "vehicle", "instrument": "instrument", "flower": "flower", "tool": "tool",
}  # fmt: skip
ADJECTIVES = {
    "old": "old", "young": "young", "new": "new", "big": "big", "small": "small", "rich": "rich",
    "poor": "poor", "happy": "happy", "sad": "sad", "strong": "strong", "weak": "weak", "clean": "clean",
    "dirty": "dirty", "heavy": "heavy", "light_weight": "light", "expensive": "expensive", "cheap": "cheap",
    "beautiful": "beautiful", "red": "red", "blue": "blue", "green": "green", "white": "white",
    "black": "black", "orange_colour": "orange",
}  # fmt: skip
VERBS = {  # base, third person, past; a second word is a particle
    "eat": "eat eats ate", "drink": "drink drinks drank", "read": "read reads read",
    "write": "write writes wrote", "buy": "buy buys bought", "sell": "sell sells sold", "see": "see sees saw",
    "hear": "hear hears heard", "carry": "carry carries carried", "open": "open opens opened",
    "close": "close closes closed", "wash": "wash washes washed", "repair": "repair repairs repaired",
    "drive": "drive drives drove", "love": "love loves loved", "hate": "hate hates hated",
    "visit": "visit visits visited", "help": "help helps helped", "call": "call calls called",
    "invite": "invite invites invited", "pick_up": "pick picks picked up", "know_person": "know knows knew",
    "know_thing": "know knows knew", "feed": "feed feeds fed", "paint": "paint paints painted",
    "play_music": "play plays played", "play_game": "play plays played", "win": "win wins won",
    "lose": "lose loses lost", "watch": "watch watches watched", "put_on": "put puts put on",
    "take_off": "take takes took off", "find": "find finds found", "look_for": "look looks looked for",
    "hide": "hide hides hid", "cut": "cut cuts cut", "cook": "cook cooks cooked", "bake": "bake bakes baked",
    "learn": "learn learns learned", "sing": "sing sings sang", "match_fit": "match matches matched",
    "give": "give gives gave", "show": "show shows showed", "send": "send sends sent",
    "bring": "bring brings brought", "sleep": "sleep sleeps slept", "run": "run runs ran",
    "laugh": "laugh laughs laughed", "cry": "cry cries cried", "swim": "swim swims swam",
    "dance": "dance dances danced", "work": "work works worked", "wait": "wait waits waited",
    "arrive": "arrive arrives arrived", "depart": "leave leaves left", "get_up": "get gets got up",
}  # fmt: skip
PLACES = {  # preposition, article (or -), noun
    "garden": "in the garden", "school": "at - school", "kitchen": "in the kitchen",
    "market": "at the market", "village": "in the village", "city": "in the city", "park": "in the park",
    "station": "at the station", "hospital": "in the hospital", "forest": "in the forest",
    "house": "in the house", "street": "in the street", "bank_money": "in the bank",
    "bank_river": "on the bank", "beach": "on the beach", "mountain": "on the mountain",
}  # fmt: skip
TIMES = {
    "today": "- - today", "yesterday": "- - yesterday", "morning": "in the morning",
    "evening": "in the evening", "night": "at - night", "monday": "on - Monday", "sunday": "on - Sunday",
    "summer": "in - summer", "winter": "in - winter", "spring_season": "in - spring",
}  # fmt: skip
MODALS = {"must": "must must", "can": "can can", "want": "wants want"}  # singular, plural subject
NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
FEMALE = {"anna", "maria", "elena", "sofia", "nurse", "queen", "girl", "woman", "mother", "sister"}
PEOPLE = {*NAMES, *PERSONS, "person"}


# --- rules ----------------------------------------------------------------------------------------
def _noun(concept: str, plural: bool) -> str:
    singular, *irregular = NOUNS[concept].split()
    return (irregular[0] if irregular else singular + "s") if plural else singular


def noun_phrase(thing: Thing, role: str) -> list[Token]:
    if thing.concept in NAMES:
        return [word(NAMES[thing.concept], role)]
    if thing.concept in GAMES:
        return [word(NOUNS[thing.concept], role)]
    plural = thing.plural or thing.count is not None
    modifier, head = COMPOUNDS.get(thing.concept, (None, thing.concept))
    words = [word(NUMBERS[thing.count], f"{role}.count")] if thing.count else []
    words += [word(ADJECTIVES[adjective], f"{role}.adj") for adjective in thing.adjectives]
    words += [word(_noun(modifier, False), f"{role}.mod")] if modifier else []
    words += [word(_noun(head, plural), role)]
    if thing.definite or thing.concept in MASS:
        return [word("the", f"{role}.det"), *words]
    if plural:
        return words
    return [word("an" if words[0].text[0] in "aeiou" else "a", f"{role}.det"), *words]


def _subject(clause: Clause) -> list[Token]:
    if not clause.pronoun:
        return noun_phrase(clause.subject, "subject")
    return [word(_pronoun(clause.subject), "subject")]


def _pronoun(thing: Thing) -> str:
    if _plural(thing):
        return "they"
    if thing.concept not in PEOPLE:
        return "it"
    return "she" if thing.concept in FEMALE else "he"


def _plural(thing: Thing) -> bool:
    return thing.plural or thing.count is not None


def _verb(clause: Clause, *, bare: bool = False) -> list[Token]:
    """The verb after its subject, with auxiliary, negation and modal; ``bare`` for the infinitive alone."""
    base, third, past, *particle = VERBS[clause.verb].split()
    plural = _plural(clause.subject)
    after = [word(particle[0], "verb")] if particle else []
    if bare:
        return [word(base, "verb"), *after]
    if clause.modal == "want":
        modal = [word("to", also="modal")]
        if clause.negated:
            helper = word("do" if plural else "does", also="modal")
            return [helper, word("not", "neg"), word("want", "modal"), *modal, word(base, "verb"), *after]
        return [word(MODALS["want"].split()[plural], "modal"), *modal, word(base, "verb"), *after]
    if clause.modal == "must" and clause.negated:
        # "must not" forbids; the negation of the obligation is what the other languages say.
        helper = word("do" if plural else "does", also="modal")
        have = [word("have", "modal"), word("to", also="modal")]
        return [helper, word("not", "neg"), *have, word(base, "verb"), *after]
    if clause.modal:
        no = [word("not", "neg")] if clause.negated else []
        return [word(MODALS[clause.modal].split()[plural], "modal"), *no, word(base, "verb"), *after]
    if clause.negated:
        helper = "did" if clause.tense == "past" else "do" if plural else "does"
        return [word(helper, also="verb"), word("not", "neg"), word(base, "verb"), *after]
    form = past if clause.tense == "past" else base if plural else third
    return [word(form, "verb"), *after]


def _adverbial(concept: str | None, table: dict[str, str], role: str) -> list[Token]:
    if concept is None:
        return []
    preposition, article, noun = table[concept].split()
    words = [(preposition, f"{role}.prep"), (article, f"{role}.det"), (noun, role)]
    return [word(text, node) for text, node in words if text != "-"]


def _rest(clause: Clause, without: str = "") -> list[Token]:
    """What follows the verb, but for one constituent."""
    words = noun_phrase(clause.object, "object") if clause.object and without != "object" else []
    if clause.recipient:
        words += [word("to", "recipient.to"), *noun_phrase(clause.recipient, "recipient")]
    words += _adverbial(clause.place, PLACES, "place") if without != "place" else []
    words += _adverbial(clause.time, TIMES, "time") if without != "time" else []
    return words


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    return [
        word("because", "because"),
        *prefixed([*_subject(inner), *_verb(inner), *_rest(inner)], "reason."),
    ]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    words = [*_subject(clause), *_verb(clause), *_rest(clause), *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about the ``subject``, ``object``, ``place`` or ``time`` of the clause."""
    if asked == "subject":
        one = replace(clause, subject=Thing("man"))
        ask = "who" if clause.subject.concept in (*PEOPLE, *ANIMALS) else "what"
        return capitalise([word(ask, "ask"), *_verb(one), *_rest(clause), word("?", "stop")])
    person = asked == "object" and clause.object.concept in PEOPLE
    ask = {"object": "whom" if person else "what", "place": "where", "time": "when"}[asked]
    helper, verb = _inverted(clause)
    words = [word(ask, "ask"), helper, *_subject(clause), *verb, *_rest(clause, without=asked)]
    return capitalise([*words, word("?", "stop")])


def _inverted(clause: Clause) -> tuple[Token, list[Token]]:
    """The auxiliary before the subject and what follows it."""
    plural = _plural(clause.subject)
    if clause.modal in ("must", "can"):
        return word(MODALS[clause.modal].split()[plural], "modal"), _verb(clause, bare=True)
    helper = "did" if clause.tense == "past" else "do" if plural else "does"
    if clause.modal == "want":
        return word(helper, also="modal"), [
            word("want", "modal"), word("to", also="modal"), *_verb(clause, bare=True),
        ]  # fmt: skip
    return word(helper, also="verb"), _verb(clause, bare=True)
