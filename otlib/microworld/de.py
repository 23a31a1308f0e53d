"""German: cases, verb second and its rest last, separable verbs, one-word compounds, `kein`, `weil`."""

from __future__ import annotations

from otlib.microworld.situations import ANIMALS, COMPOUNDS, GAMES, MASS, NAMES, PERSONS, Clause, Thing, Token
from otlib.microworld.tokens import capitalise, prefixed, word

CODE, NAME = "de", "German"

# --- lexicon --------------------------------------------------------------------------------------
PEOPLE = {
    "anna": "Anna", "maria": "Maria", "elena": "Elena", "sofia": "Sofia",
    "peter": "Peter", "martin": "Martin", "victor": "Viktor", "daniel": "Daniel",
}  # fmt: skip
FEMALE = ("anna", "maria", "elena", "sofia", "girl")  # "das Mädchen", but "sie"
NOUNS = {  # gender, singular, plural; * marks the weak masculines (den Studenten)
    "teacher": "m Lehrer Lehrer", "doctor": "m Arzt Ärzte", "farmer": "m Bauer* Bauern",
    "baker": "m Bäcker Bäcker", "cook": "m Koch Köche", "painter": "m Maler Maler",
    "singer": "m Sänger Sänger", "driver": "m Fahrer Fahrer", "waiter": "m Kellner Kellner",
    "soldier": "m Soldat* Soldaten", "nurse": "f Krankenschwester Krankenschwestern",
    "neighbour": "m Nachbar* Nachbarn", "friend": "m Freund Freunde", "guest": "m Gast Gäste",
    "student": "m Student* Studenten", "king": "m König Könige", "queen": "f Königin Königinnen",
    "boy": "m Junge* Jungen", "girl": "n Mädchen Mädchen", "child": "n Kind Kinder", "man": "m Mann Männer",
    "woman": "f Frau Frauen", "mother": "f Mutter Mütter", "father": "m Vater Väter",
    "brother": "m Bruder Brüder", "sister": "f Schwester Schwestern", "dog": "m Hund Hunde",
    "cat": "f Katze Katzen", "horse": "n Pferd Pferde", "bird": "m Vogel Vögel", "cow": "f Kuh Kühe",
    "sheep": "n Schaf Schafe", "mouse": "f Maus Mäuse", "fish": "m Fisch Fische", "apple": "m Apfel Äpfel",
    "pear": "f Birne Birnen", "lemon": "f Zitrone Zitronen", "banana": "f Banane Bananen",
    "orange_fruit": "f Orange Orangen", "cherry": "f Kirsche Kirschen", "bread": "n Brot Brote",
    "cake": "m Kuchen Kuchen", "soup": "f Suppe Suppen", "cheese": "m Käse Käse", "egg": "n Ei Eier",
    "rice": "m Reis Reis", "potato": "f Kartoffel Kartoffeln", "apple_cake": "m Apfelkuchen Apfelkuchen",
    "potato_soup": "f Kartoffelsuppe Kartoffelsuppen", "cherry_cake": "m Kirschkuchen Kirschkuchen",
    "water": "n Wasser Wasser", "milk": "f Milch Milch", "coffee": "m Kaffee Kaffee", "tea": "m Tee Tee",
    "wine": "m Wein Weine", "apple_juice": "m Apfelsaft Apfelsäfte",
    "orange_juice": "m Orangensaft Orangensäfte", "coat": "m Mantel Mäntel", "hat": "m Hut Hüte",
    "shirt": "n Hemd Hemden", "dress": "n Kleid Kleider", "shoe": "m Schuh Schuhe", "scarf": "m Schal Schals",
    "winter_coat": "m Wintermantel Wintermäntel", "table": "m Tisch Tische", "chair": "m Stuhl Stühle",
    "bed": "n Bett Betten", "lamp": "f Lampe Lampen", "kitchen_table": "m Küchentisch Küchentische",
    "garden_chair": "m Gartenstuhl Gartenstühle", "car": "n Auto Autos", "bus": "m Bus Busse",
    "bicycle": "n Fahrrad Fahrräder", "boat": "n Boot Boote", "school_bus": "m Schulbus Schulbusse",
    "guitar": "f Gitarre Gitarren", "piano": "n Klavier Klaviere", "violin": "f Geige Geigen",
    "flute": "f Flöte Flöten", "book": "n Buch Bücher", "letter_mail": "m Brief Briefe",
    "newspaper": "f Zeitung Zeitungen", "poem": "n Gedicht Gedichte",
    "school_book": "n Schulbuch Schulbücher", "film": "m Film Filme", "match_game": "n Spiel Spiele",
    "race": "n Rennen Rennen", "song": "n Lied Lieder", "chess": "n Schach Schach",
    "football": "m Fußball Fußball", "knife": "n Messer Messer", "hammer": "m Hammer Hämmer",
    "spoon": "m Löffel Löffel", "door": "f Tür Türen", "window": "n Fenster Fenster", "box": "f Kiste Kisten",
    "kitchen_door": "f Küchentür Küchentüren", "key": "m Schlüssel Schlüssel", "watch_clock": "f Uhr Uhren",
    "ball": "m Ball Bälle", "coin": "f Münze Münzen", "house_key": "m Hausschlüssel Hausschlüssel",
    "rose": "f Rose Rosen", "tulip": "f Tulpe Tulpen", "letter_alphabet": "m Buchstabe* Buchstaben",
    "word": "n Wort Wörter", "number": "f Zahl Zahlen", "person": "f Person Personen",
    "animal": "n Tier Tiere", "fruit": "f Frucht Früchte", "drink_noun": "n Getränk Getränke",
    "vehicle": "n Fahrzeug Fahrzeuge", "instrument": "n Instrument Instrumente", "flower": "f Blume Blumen",
    "tool": "n Werkzeug Werkzeuge",
}  # fmt: skip
ADJECTIVES = {  # the stem that takes the endings
    "old": "alt", "young": "jung", "new": "neu", "big": "groß", "small": "klein", "rich": "reich",
    "poor": "arm", "happy": "glücklich", "sad": "traurig", "strong": "stark", "weak": "schwach",
    "clean": "sauber", "dirty": "schmutzig", "heavy": "schwer", "light_weight": "leicht", "expensive": "teur",
    "cheap": "billig", "beautiful": "schön", "red": "rot", "blue": "blau", "green": "grün", "white": "weiß",
    "black": "schwarz", "orange_colour": "orangefarben",
}  # fmt: skip
VERBS = {  # [prefix|]infinitive, third person, participle; + marks the verbs with "sein"
    "eat": "essen isst gegessen", "drink": "trinken trinkt getrunken", "read": "lesen liest gelesen",
    "write": "schreiben schreibt geschrieben", "buy": "kaufen kauft gekauft",
    "sell": "verkaufen verkauft verkauft", "see": "sehen sieht gesehen", "hear": "hören hört gehört",
    "carry": "tragen trägt getragen", "open": "auf|machen macht gemacht", "close": "zu|machen macht gemacht",
    "wash": "waschen wäscht gewaschen", "repair": "reparieren repariert repariert",
    "drive": "fahren fährt gefahren", "love": "lieben liebt geliebt", "hate": "hassen hasst gehasst",
    "visit": "besuchen besucht besucht", "help": "helfen hilft geholfen", "call": "an|rufen ruft gerufen",
    "invite": "ein|laden lädt geladen", "pick_up": "ab|holen holt geholt",
    "know_person": "kennen kennt gekannt", "know_thing": "wissen weiß gewusst",
    "feed": "füttern füttert gefüttert", "paint": "an|malen malt gemalt",
    "play_music": "spielen spielt gespielt", "play_game": "spielen spielt gespielt",
    "win": "gewinnen gewinnt gewonnen", "lose": "verlieren verliert verloren",
    "watch": "an|sehen sieht gesehen", "put_on": "an|ziehen zieht gezogen",
    "take_off": "aus|ziehen zieht gezogen", "find": "finden findet gefunden",
    "look_for": "suchen sucht gesucht", "hide": "verstecken versteckt versteckt",
    "cut": "schneiden schneidet geschnitten", "cook": "kochen kocht gekocht", "bake": "backen backt gebacken",
    "learn": "lernen lernt gelernt", "sing": "singen singt gesungen", "match_fit": "passen passt gepasst",
    "give": "geben gibt gegeben", "show": "zeigen zeigt gezeigt", "send": "schicken schickt geschickt",
    "bring": "bringen bringt gebracht", "sleep": "schlafen schläft geschlafen",
    "run": "laufen läuft gelaufen+", "laugh": "lachen lacht gelacht", "cry": "weinen weint geweint",
    "swim": "schwimmen schwimmt geschwommen+", "dance": "tanzen tanzt getanzt",
    "work": "arbeiten arbeitet gearbeitet", "wait": "warten wartet gewartet",
    "arrive": "an|kommen kommt gekommen+", "depart": "ab|fahren fährt gefahren+",
    "get_up": "auf|stehen steht gestanden+",
}  # fmt: skip
VERBS_FOR = {  # where another verb goes with this object
    ("put_on", "hat"): "auf|setzen setzt gesetzt", ("take_off", "hat"): "ab|setzen setzt gesetzt",
    ("put_on", "scarf"): "um|binden bindet gebunden", ("take_off", "scarf"): "ab|nehmen nimmt genommen",
    ("know_thing", "song"): "kennen kennt gekannt", ("know_thing", "poem"): "kennen kennt gekannt",
}  # fmt: skip
FEEDING = "fressen frisst gefressen"  # what animals do when they eat
PLACES = {
    "garden": "im Garten", "school": "in der Schule", "kitchen": "in der Küche", "market": "auf dem Markt",
    "village": "im Dorf", "city": "in der Stadt", "park": "im Park", "station": "am Bahnhof",
    "hospital": "im Krankenhaus", "forest": "im Wald", "house": "im Haus", "street": "auf der Straße",
    "bank_money": "in der Bank", "bank_river": "am Ufer", "beach": "am Strand", "mountain": "auf dem Berg",
}  # fmt: skip
TIMES = {
    "today": "heute", "yesterday": "gestern", "morning": "am Morgen", "evening": "am Abend",
    "night": "in der Nacht", "monday": "am Montag", "sunday": "am Sonntag", "summer": "im Sommer",
    "winter": "im Winter", "spring_season": "im Frühling",
}  # fmt: skip
MODALS = {"must": "muss müssen", "can": "kann können", "want": "will wollen"}
NUMBERS = {2: "zwei", 3: "drei", 4: "vier", 5: "fünf"}
DEFINITE = {  # nominative, accusative, dative
    "m": "der den dem", "f": "die die der", "n": "das das dem", "p": "die die den",
}  # fmt: skip
INDEFINITE = {"m": " en em", "f": "e e er", "n": "  em", "p": "e e en"}  # after "ein" and "kein"
STRONG = {"m": "er en em", "f": "e e er", "n": "es es em", "p": "e e en"}
CASES = ("nominative", "accusative", "dative")


# --- noun phrases ---------------------------------------------------------------------------------
def _plural(thing: Thing) -> bool:
    return thing.plural or thing.count is not None


def _gender(thing: Thing) -> str:
    return "p" if _plural(thing) else NOUNS[thing.concept].split()[0]


def _noun(thing: Thing, case: str) -> str:
    _, singular, plural = NOUNS[thing.concept].split()
    if not _plural(thing):
        stem = singular.removesuffix("*")
        weak = singular.endswith("*") and case != "nominative"
        return stem + ("n" if stem[-1] in "er" else "en") if weak else stem
    return plural + "n" if case == "dative" and plural[-1] not in "ns" else plural


def _definite(thing: Thing) -> bool:
    return thing.definite or thing.concept in MASS


def _adjective_ending(thing: Thing, case: str, *, negated: bool) -> str:
    gender, column = _gender(thing), CASES.index(case)
    if _definite(thing) or (negated and gender == "p"):
        return "en" if gender == "p" or case == "dative" or (gender, case) == ("m", "accusative") else "e"
    if gender != "p" and case == "dative":
        return "en"
    return STRONG[gender].split()[column]


def _article(thing: Thing, case: str, *, negated: bool) -> str:
    """The, a or no; nothing before bare plurals."""
    gender, column = _gender(thing), CASES.index(case)
    if _definite(thing):
        return DEFINITE[gender].split()[column]
    article = "ein" + INDEFINITE[gender].split(" ")[column]
    if negated:
        return "k" + article
    return "" if gender == "p" else article


def noun_phrase(thing: Thing, role: str, case: str, *, also: str = "", negated: bool = False) -> list[Token]:
    """Article, number, adjective, noun; ``negated`` with "kein". ``also``: what the case expresses."""
    if thing.concept in NAMES:
        return [word(PEOPLE[thing.concept], role, also)]
    if thing.concept in GAMES:
        return [word(NOUNS[thing.concept].split()[1], role)]
    article = _article(thing, case, negated=negated)
    ending = _adjective_ending(thing, case, negated=negated)
    words = [word(NUMBERS[thing.count], f"{role}.count")] if thing.count else []
    words += [word(ADJECTIVES[adjective] + ending, f"{role}.adj") for adjective in thing.adjectives]
    parts = f"{role} {role}.mod" if thing.concept in COMPOUNDS else role
    words += [word(_noun(thing, case), parts, "" if article else also)]
    if not article:
        return words
    if negated:
        return [word(article, "neg", f"{role}.det"), *words]
    return [word(article, f"{role}.det", also), *words]


def _subject(clause: Clause) -> list[Token]:
    if not clause.pronoun:
        return noun_phrase(clause.subject, "subject", "nominative")
    if _plural(clause.subject) or clause.subject.concept in FEMALE:
        return [word("sie", "subject")]
    gender = "m" if clause.subject.concept in NAMES else _gender(clause.subject)
    return [word({"m": "er", "f": "sie", "n": "es"}[gender], "subject")]


# --- the clause -----------------------------------------------------------------------------------
def _object(clause: Clause, *, negated: bool) -> list[Token]:
    case = "dative" if clause.verb in ("help", "match_fit") else "accusative"
    words = noun_phrase(clause.object, "object", case, negated=negated)
    if clause.verb != "match_fit":
        return words
    if words[0].text in ("dem", "der"):  # zu + dem, zu + der
        return [word({"dem": "zum", "der": "zur"}[words[0].text], "object.det", "verb"), *words[1:]]
    return [word("zu", also="verb"), *words]


def _adverbial(concept: str | None, table: dict[str, str], role: str) -> list[Token]:
    words = table[concept].split() if concept else []
    if len(words) == 3:
        return [word(words[0], f"{role}.prep"), word(words[1], f"{role}.det"), word(words[2], role)]
    if len(words) == 2:  # im = in dem
        return [word(words[0], f"{role}.prep {role}.det"), word(words[1], role)]
    return [word(text, role) for text in words]


def _middle(clause: Clause, without: str = "") -> list[Token]:
    """Between the finite verb and the end: what is known before time and place, what is new after them."""
    thing, person = clause.object if without != "object" else None, clause.recipient
    close = clause.verb == "match_fit" or (thing is not None and thing.concept in GAMES)  # zum Hut passen
    thing_last = thing is not None and (close or not _definite(thing))
    person_last = person is not None and not _definite(person) and not clause.negated
    kein = clause.negated and thing_last and not _definite(thing) and thing.count is None
    no = [word("nicht", "neg")] if clause.negated and not kein else []
    receiver = noun_phrase(person, "recipient", "dative", also="recipient.to") if person else []
    received = _object(clause, negated=kein) if thing else []
    time = _adverbial(clause.time, TIMES, "time") if without != "time" else []
    place = _adverbial(clause.place, PLACES, "place") if without != "place" else []
    return [
        *([] if person_last else receiver),
        *([] if thing_last else received),
        *time,
        *([*place, *no] if thing_last else [*no, *place]),
        *(receiver if person_last else []),
        *(received if thing_last else []),
    ]


def _forms(clause: Clause) -> list[str]:
    """Infinitive, third person and participle of the verb, which may depend on who does it to what."""
    if clause.verb == "eat" and clause.subject.concept in (*ANIMALS, "animal"):
        return FEEDING.split()
    concept = clause.object.concept if clause.object else None
    return VERBS_FOR.get((clause.verb, concept), VERBS[clause.verb]).split()


def _verb(clause: Clause, *, plural: bool) -> tuple[list[Token], list[Token]]:
    """The finite verb, and what stands at the end of the clause."""
    full, third, participle = _forms(clause)
    *prefix, infinitive = full.split("|")
    if clause.modal:
        form = MODALS[clause.modal].split()[plural]
        return [word(form, "modal")], [word("".join(prefix) + infinitive, "verb")]
    if clause.tense == "past":
        being = participle.endswith("+")
        form = ("sind" if plural else "ist") if being else ("haben" if plural else "hat")
        return [word(form, also="verb")], [word("".join(prefix) + participle.removesuffix("+"), "verb")]
    return [word(infinitive if plural else third, "verb")], [word(part, "verb") for part in prefix]


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    finite, end = _verb(inner, plural=_plural(inner.subject))
    if inner.tense == "present" and not inner.modal and end:  # a separable verb is one word at the end
        finite, end = [word(end[0].text + finite[0].text, "verb")], []
    words = [*_subject(inner), *_middle(inner), *end, *finite]
    return [word(",", "comma"), word("weil", "because"), *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    finite, end = _verb(clause, plural=_plural(clause.subject))
    words = [*_subject(clause), *finite, *_middle(clause), *end, *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about the ``subject``, ``object``, ``place`` or ``time`` of the clause."""
    if asked == "subject":
        living = clause.subject.concept in NAMES or _living(clause.subject.concept)
        finite, end = _verb(clause, plural=False)
        words = [word("wer" if living else "was", "ask"), *finite, *_middle(clause), *end]
        return capitalise([*words, word("?", "stop")])
    ask = {"place": "wo", "time": "wann", "object": "was"}[asked]
    if asked == "object" and _person(clause.object.concept):
        ask = "wem" if clause.verb == "help" else "wen"
    elif asked == "object" and clause.verb == "match_fit":
        ask = "wozu"
    finite, end = _verb(clause, plural=_plural(clause.subject))
    words = [word(ask, "ask"), *finite, *_subject(clause), *_middle(clause, without=asked), *end]
    return capitalise([*words, word("?", "stop")])


def _person(concept: str) -> bool:
    return concept in PERSONS or concept in NAMES or concept == "person"


def _living(concept: str) -> bool:
    return _person(concept) or concept in ANIMALS
