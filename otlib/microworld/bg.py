"""Bulgarian: no cases, the article a suffix of a phrase's first word, "да" after modals, dropped pronouns.

A masculine subject has the full article (учителят), elsewhere the short one (учителя). Masculine things have
a count form (два стола), masculine people a numeral of their own (двама учители). Indefinite objects stand
bare (чете книга), but for people. A noun compound is an adjective (ябълков сок), a phrase (ключ за къщата) or
one word (учебник). The past is the aorist, or the imperfect of verbs without a natural end (тичаше).
"""

from __future__ import annotations

from otlib.microworld.situations import ANIMALS, COMPOUNDS, GAMES, MASS, PERSONS, Clause, Thing, Token
from otlib.microworld.tokens import capitalise, prefixed, word

CODE, NAME = "bg", "Bulgarian"

# --- lexicon ------------------------------------------------------------------------------------------------
NAMES = {
    "anna": "Анна", "maria": "Мария", "elena": "Елена", "sofia": "София",
    "peter": "Петър", "martin": "Мартин", "victor": "Виктор", "daniel": "Даниел",
}  # fmt: skip
NOUNS = {  # gender (s: masculine with the soft article, учителят), singular, plural, special counted plural
    "teacher": "s учител учители", "doctor": "s лекар лекари", "farmer": "m фермер фермери",
    "baker": "s пекар пекари", "cook": "m готвач готвачи", "painter": "m художник художници",
    "singer": "m певец певци", "driver": "m шофьор шофьори", "waiter": "m сервитьор сервитьори",
    "soldier": "m войник войници", "nurse": "f сестра сестри", "neighbour": "m съсед съседи",
    "friend": "s приятел приятели", "guest": "m гост гости", "student": "m студент студенти",
    "king": "s крал крале", "queen": "f кралица кралици", "boy": "n момче момчета",
    "girl": "n момиче момичета", "child": "n дете деца", "man": "m мъж мъже", "woman": "f жена жени",
    "mother": "f майка майки", "father": "m баща бащи", "brother": "m брат братя",
    "sister": "f сестра сестри",
    "dog": "n куче кучета", "cat": "f котка котки", "horse": "s кон коне", "bird": "f птица птици",
    "cow": "f крава крави", "sheep": "f овца овце", "mouse": "f мишка мишки", "fish": "f риба риби",
    "apple": "f ябълка ябълки", "pear": "f круша круши", "lemon": "m лимон лимони",
    "banana": "m банан банани", "orange_fruit": "m портокал портокали", "cherry": "f череша череши",
    "bread": "m хляб", "cake": "f торта торти", "soup": "f супа", "cheese": "n сирене", "egg": "n яйце яйца",
    "rice": "m ориз", "potato": "m картоф картофи", "water": "f вода", "milk": "n мляко", "coffee": "n кафе",
    "tea": "s чай", "wine": "n вино", "juice": "m сок",
    "coat": "n палто палта", "hat": "f шапка шапки", "shirt": "f риза ризи", "dress": "f рокля рокли",
    "shoe": "f обувка обувки", "scarf": "m шал шалове",
    "table": "f маса маси", "chair": "m стол столове", "bed": "n легло легла", "lamp": "f лампа лампи",
    "car": "f кола коли", "bus": "m автобус автобуси", "bicycle": "m велосипед велосипеди",
    "boat": "f лодка лодки",
    "guitar": "f китара китари", "piano": "n пиано пиана", "violin": "f цигулка цигулки",
    "flute": "f флейта флейти",
    "book": "f книга книги", "letter_mail": "n писмо писма", "newspaper": "m вестник вестници",
    "poem": "n стихотворение стихотворения", "school_book": "m учебник учебници",
    "film": "m филм филми", "match_game": "m мач мачове", "race": "n състезание състезания",
    "song": "f песен песни", "chess": "m шах", "football": "m футбол",
    "knife": "m нож ножове", "hammer": "m чук чукове", "spoon": "f лъжица лъжици",
    "door": "f врата врати", "window": "m прозорец прозорци", "box": "f кутия кутии",
    "key": "m ключ ключове", "watch_clock": "m часовник часовници", "ball": "f топка топки",
    "coin": "f монета монети", "rose": "f роза рози", "tulip": "n лале лалета",
    "letter_alphabet": "f буква букви", "word": "f дума думи", "number": "n число числа",
    "person": "m човек хора души", "animal": "n животно животни", "fruit": "m плод плодове",
    "drink_noun": "f напитка напитки", "vehicle": "n средство средства",
    "instrument": "m инструмент инструменти", "flower": "n цвете цветя", "tool": "m инструмент инструменти",
}  # fmt: skip
RELATIONAL = {  # adjectives that stand for the modifier of a compound
    "apple_cake": "ябълков ябълкова", "cherry_cake": "черешов черешова", "potato_soup": "картофен картофена",
    "apple_juice": "ябълков ябълкова", "orange_juice": "портокалов портокалова", "winter_coat": "зимен зимна",
    "kitchen_table": "кухненски кухненска", "garden_chair": "градински градинска",
    "kitchen_door": "кухненски кухненска", "school_bus": "училищен училищна",
}  # fmt: skip
SET_PHRASES = {  # adjectives that belong to the noun itself
    "nurse": "медицински медицинска", "vehicle": "превозен превозна", "instrument": "музикален музикална",
}  # fmt: skip
MODIFIERS = {"house_key": "за къщата"}  # what follows the head of a compound
ADJECTIVES = {  # masculine and feminine; all of masculine, feminine, neuter, plural where irregular
    "old": "стар стара", "young": "млад млада", "new": "нов нова", "big": "голям голяма голямо големи",
    "small": "малък малка", "rich": "богат богата", "poor": "беден бедна", "happy": "щастлив щастлива",
    "sad": "тъжен тъжна", "strong": "силен силна", "weak": "слаб слаба", "clean": "чист чиста",
    "dirty": "мръсен мръсна", "heavy": "тежък тежка", "light_weight": "лек лека", "expensive": "скъп скъпа",
    "cheap": "евтин евтина", "beautiful": "красив красива", "red": "червен червена",
    "blue": "син синя синьо сини", "green": "зелен зелена", "white": "бял бяла бяло бели",
    "black": "черен черна", "orange_colour": "оранжев оранжева",
}  # fmt: skip
# Third person singular and plural of the present, the past and the form after "да"; "се" or "си" before, the
# preposition of the object behind. A second word of the concept is the kind of clothes.
VERBS = {
    "eat": "яде ядат изяде изядоха изяде изядат", "drink": "пие пият изпи изпиха изпие изпият",
    "read": "чете четат прочете прочетоха прочете прочетат",
    "write": "пише пишат написа написаха напише напишат", "buy": "купува купуват купи купиха купи купят",
    "sell": "продава продават продаде продадоха продаде продадат",
    "see": "вижда виждат видя видяха види видят", "hear": "чува чуват чу чуха чуе чуят",
    "carry": "носи носят носеше носеха носи носят", "open": "отваря отварят отвори отвориха отвори отворят",
    "close": "затваря затварят затвори затвориха затвори затворят",
    "wash": "мие мият изми измиха измие измият", "wash garment": "пере перат изпра изпраха изпере изперат",
    "wash worn": "пере перат изпра изпраха изпере изперат",
    "repair": "поправя поправят поправи поправиха поправи поправят",
    "drive": "кара карат караше караха кара карат", "love": "обича обичат обичаше обичаха обича обичат",
    "hate": "мрази мразят мразеше мразеха мрази мразят",
    "visit": "посещава посещават посети посетиха посети посетят",
    "help": "помага помагат помогна помогнаха помогне помогнат на",
    "call": "се обажда обаждат обади обадиха обади обадят на",
    "invite": "кани канят покани поканиха покани поканят", "pick_up": "взема вземат взе взеха вземе вземат",
    "know_person": "познава познават познаваше познаваха познава познават",
    "know_thing": "знае знаят знаеше знаеха знае знаят",
    "feed": "храни хранят нахрани нахраниха нахрани нахранят",
    "paint": "рисува рисуват нарисува нарисуваха нарисува нарисуват",
    "play_music": "свири свирят свиреше свиреха свири свирят на",
    "play_game": "играе играят игра играха играе играят",
    "win": "печели печелят спечели спечелиха спечели спечелят",
    "lose": "губи губят загуби загубиха загуби загубят",
    "watch": "гледа гледат изгледа изгледаха изгледа изгледат",
    "put_on": "облича обличат облече облякоха облече облекат",
    "put_on worn": "си слага слагат сложи сложиха сложи сложат",
    "put_on shoes": "обува обуват обу обуха обуе обуят",
    "take_off": "съблича събличат съблече съблякоха съблече съблекат",
    "take_off worn": "си сваля свалят свали свалиха свали свалят",
    "take_off shoes": "събува събуват събу събуха събуе събуят",
    "find": "намира намират намери намериха намери намерят",
    "look_for": "търси търсят търсеше търсеха търси търсят", "hide": "крие крият скри скриха скрие скрият",
    "cut": "реже режат наряза нарязаха нареже нарежат", "cook": "готви готвят сготви сготвиха сготви сготвят",
    "bake": "пече пекат изпече изпекоха изпече изпекат", "learn": "учи учат научи научиха научи научат",
    "sing": "пее пеят изпя изпяха изпее изпеят",
    "match_fit": "подхожда подхождат подхождаше подхождаха подхожда подхождат на",
    "give": "дава дават даде дадоха даде дадат", "show": "показва показват показа показаха покаже покажат",
    "send": "изпраща изпращат изпрати изпратиха изпрати изпратят",
    "bring": "донася донасят донесе донесоха донесе донесат", "sleep": "спи спят спа спаха спи спят",
    "run": "тича тичат тичаше тичаха тича тичат", "laugh": "се смее смеят смееше смееха смее смеят",
    "cry": "плаче плачат плака плакаха плаче плачат", "swim": "плува плуват плуваше плуваха плува плуват",
    "dance": "танцува танцуват танцуваше танцуваха танцува танцуват",
    "work": "работи работят работеше работеха работи работят", "wait": "чака чакат чакаше чакаха чака чакат",
    "arrive": "пристига пристигат пристигна пристигнаха пристигне пристигнат",
    "depart": "тръгва тръгват тръгна тръгнаха тръгне тръгнат",
    "get_up": "става стават стана станаха стане станат",
}  # fmt: skip
CLOTHES_KINDS = {
    "coat": "garment", "winter_coat": "garment", "shirt": "garment", "dress": "garment", "hat": "worn",
    "scarf": "worn", "shoe": "shoes",
}  # fmt: skip
PLACES = {
    "garden": "в градината", "school": "в училището", "kitchen": "в кухнята", "market": "на пазара",
    "village": "в селото", "city": "в града", "park": "в парка", "station": "на гарата",
    "hospital": "в болницата", "forest": "в гората", "house": "в къщата", "street": "на улицата",
    "bank_money": "в банката", "bank_river": "на брега", "beach": "на плажа", "mountain": "в планината",
}  # fmt: skip
TIMES = {
    "today": "днес", "yesterday": "вчера", "morning": "сутринта", "evening": "вечерта", "night": "през нощта",
    "monday": "в понеделник", "sunday": "в неделя", "summer": "през лятото", "winter": "през зимата",
    "spring_season": "през пролетта",
}  # fmt: skip
TIMES_WITHOUT_ARTICLE = ("today", "yesterday", "monday", "sunday")
MODALS = {"must": "трябва трябва", "can": "може могат", "want": "иска искат"}  # of one, of several
NUMBERS = {2: "два две двама", 3: "три три трима", 4: "четири четири четирима", 5: "пет пет петима"}
ONE = {"m": "един", "f": "една", "n": "едно"}
PEOPLE = (*PERSONS, "person")


# --- noun phrases -------------------------------------------------------------------------------------------
def noun_phrase(thing: Thing, role: str, *, preposition: str = "", negated: bool = False) -> list[Token]:
    """Preposition, number, adjectives and noun."""
    # "to" of a recipient is a part of the situation; the preposition a verb asks for only helps to say it.
    main, also = (f"{role}.to", "") if role == "recipient" else ("", f"{role} verb")
    before = [word(preposition, main, also)] if preposition else []
    if thing.concept in NAMES:
        return [*before, word(NAMES[thing.concept], role)]
    gender, full = _gender(thing.concept), role == "subject"
    words = [_number(thing, role)] if thing.count else []
    words += [_agreeing(forms, node, gender, _plural(thing), full) for forms, node in _adjectives(thing, role)]
    words += [_noun(thing, role, full)]
    (text, articled, node), *others = words
    definite = (thing.definite or thing.concept in MASS) and thing.concept not in GAMES
    # Only the first word of the phrase bears the article: книгата, новата книга, двете нови книги.
    first = word(articled, node, f"{role}.det") if definite else word(text, node)
    tokens = [first, *(word(text, node) for text, _, node in others), *_modifier(thing.concept, role)]
    # Objects are bare, "чете книга", and so is what is denied, "не вижда лекар"; but "вижда един лекар".
    bare = _plural(thing) or (role != "subject" and (negated or thing.concept not in PEOPLE))
    if definite or bare:
        return before + tokens
    return [*before, word(ONE[gender], f"{role}.det"), *tokens]


def _number(thing: Thing, role: str) -> tuple[str, str, str]:
    """The numeral, the same with its article, and its node."""
    masculine, other, people = NUMBERS[thing.count].split()
    number = other
    if _gender(thing.concept) == "m":
        number = people if thing.concept in PEOPLE else masculine
    return number, number + ("та" if number.endswith("а") else "те"), f"{role}.count"


def _adjectives(thing: Thing, role: str) -> list[tuple[str, str]]:
    """Those that qualify, then those that make a compound or belong to the noun (старата кухненска маса)."""
    words = [(ADJECTIVES[adjective], f"{role}.adj") for adjective in thing.adjectives]
    words += [(RELATIONAL[thing.concept], f"{role}.mod")] if thing.concept in RELATIONAL else []
    return words + ([(SET_PHRASES[thing.concept], role)] if thing.concept in SET_PHRASES else [])


def _agreeing(forms: str, node: str, gender: str, plural: bool, full: bool) -> tuple[str, str, str]:
    """The adjective, the same with its article, and its node."""
    masculine, feminine, *others = forms.split()
    neuter, many = others or (feminine[:-1] + "о", feminine[:-1] + "и")
    if plural:
        return many, many + "те", node
    if gender == "m":
        return masculine, many + ("ят" if full else "я"), node  # новият, новия
    return (feminine, feminine + "та", node) if gender == "f" else (neuter, neuter + "то", node)


def _noun(thing: Thing, role: str, full: bool) -> tuple[str, str, str]:
    """The noun, the same with its article, and its nodes."""
    concept = _head(thing.concept)
    kind, singular, *plurals = NOUNS[concept].split()
    # учебник says both parts of a compound in one word.
    node = f"{role}.mod {role}" if thing.concept in COMPOUNDS and thing.concept in NOUNS else role
    if thing.count and kind in "ms" and concept not in PERSONS:
        # The count form of things looks like the short article: два стола, три коня; people have none.
        counted = plurals[1] if len(plurals) > 1 else _masculine(singular, kind, full=False)
        return counted, "", node
    if _plural(thing):
        return plurals[0], plurals[0] + ("те" if plurals[0][-1] in "ие" else "та"), node
    if kind == "n":
        return singular, singular + "то", node
    if kind == "f" or singular.endswith("а"):  # песента, бащата
        return singular, singular + "та", node
    return singular, _masculine(singular, kind, full=full), node


def _masculine(noun: str, kind: str, *, full: bool) -> str:
    """With the full article, столът and учителят, or with the short one, стола and учителя."""
    if kind == "s":
        return noun.removesuffix("й") + ("ят" if full else "я")
    return noun + ("ът" if full else "а")


def _modifier(concept: str, role: str) -> list[Token]:
    """The phrase behind the head of a compound."""
    if concept not in MODIFIERS:
        return []
    preposition, noun = MODIFIERS[concept].split()
    return [word(preposition, also=f"{role}.mod"), word(noun, f"{role}.mod")]


def _head(concept: str) -> str:
    return concept if concept in NOUNS else COMPOUNDS[concept][1]


def _gender(concept: str) -> str:
    return NOUNS[_head(concept)][0].replace("s", "m")


def _plural(thing: Thing) -> bool:
    return thing.plural or thing.count is not None


# --- clauses ------------------------------------------------------------------------------------------------
def _parts(clause: Clause) -> tuple[str, list[str], str]:
    """ "се", "си" or nothing, the six forms of the verb, and the preposition of its object or nothing."""
    kind = CLOTHES_KINDS.get(clause.object.concept, "") if clause.object else ""
    entry = VERBS.get(f"{clause.verb} {kind}") or VERBS[clause.verb]
    clitic = entry[:2] if entry.startswith(("се ", "си ")) else ""
    forms = entry.removeprefix(clitic).removesuffix(" на").split()
    return clitic, forms, "на" if entry.endswith(" на") else ""


def _verb(clause: Clause, *, plural: bool, first: bool = False) -> list[Token]:
    """Negation, modal with "да", and the verb, which alone tells a dropped "he, she, they"."""
    clitic, forms, _ = _parts(clause)
    form = forms[(4 if clause.modal else 2 if clause.tense == "past" else 0) + plural]
    verb = word(form, "verb", "subject" if clause.pronoun else "")
    little = [word(clitic, also="verb")] if clitic else []
    no = [word("не", "neg")] if clause.negated else []
    if clause.modal == "must" and clause.negated:
        # "не трябва" forbids; there being no need is another phrase.
        no, modal = [word("нямат" if plural else "няма", "neg", "modal")], "нужда"
    elif clause.modal:
        modal = MODALS[clause.modal].split()[plural]
    if clause.modal:
        return [*no, word(modal, "modal"), word("да", also="modal"), *little, verb]
    # The little pronoun needs a word to lean on: "Мария се смее", "Не се смее", but "Смее се".
    return [verb, *little] if first and not no else [*no, *little, verb]


def _subject(clause: Clause) -> list[Token]:
    return [] if clause.pronoun else noun_phrase(clause.subject, "subject")


def _adverbial(phrase: str, role: str, *, definite: bool) -> list[Token]:
    *preposition, noun = phrase.split()
    also = f"{role}.det" if definite else ""
    if definite and not preposition:  # "сутринта" is "in the morning"
        also += f" {role}.prep"
    return [*(word(text, f"{role}.prep") for text in preposition), word(noun, role, also)]


def _rest(clause: Clause, without: str = "") -> list[Token]:
    """What follows the verb, but for one constituent."""
    words = []
    if clause.object and without != "object":
        preposition = _parts(clause)[2]
        words += noun_phrase(clause.object, "object", preposition=preposition, negated=clause.negated)
    if clause.recipient:
        words += noun_phrase(clause.recipient, "recipient", preposition="на", negated=clause.negated)
    if clause.place and without != "place":
        words += _adverbial(PLACES[clause.place], "place", definite=True)
    if clause.time and without != "time":
        words += _adverbial(TIMES[clause.time], "time", definite=clause.time not in TIMES_WITHOUT_ARTICLE)
    return words


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    words = [*_subject(inner), *_verb(inner, plural=_plural(inner.subject)), *_rest(inner)]
    return [word(",", "comma"), word("защото", "because"), *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    verb = _verb(clause, plural=_plural(clause.subject), first=clause.pronoun)
    words = [*_subject(clause), *verb, *_rest(clause), *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about ``subject``, ``object``, ``place`` or ``time``."""
    if asked == "subject":
        living = clause.subject.concept in (*NAMES, *PEOPLE, *ANIMALS, "animal")
        words = [word("кой" if living else "какво", "ask"), *_verb(clause, plural=False)]
        return capitalise([*words, *_rest(clause), word("?", "stop")])
    verb = _verb(clause, plural=_plural(clause.subject))
    if asked == "object":
        preposition = _parts(clause)[2]
        words = [word(preposition, also="ask")] if preposition else []
        words += [word("кого" if clause.object.concept in (*NAMES, *PEOPLE) else "какво", "ask")]
    else:
        words = [word({"place": "къде", "time": "кога"}[asked], "ask")]
    # The subject follows the finite verb, "Какво иска Мария да чете?"; but not where an object follows as
    # well, since no case tells them apart: "Къде Мария видя Петър?"
    finite = next((i for i, token in enumerate(verb) if token.text == "да"), len(verb))
    before = 0 if clause.object and asked != "object" else finite
    words += [*verb[:before], *_subject(clause), *verb[before:], *_rest(clause, without=asked)]
    return capitalise([*words, word("?", "stop")])
