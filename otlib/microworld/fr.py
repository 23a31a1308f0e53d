"""French: ne ... pas, du, des, au, aux, elision, passé composé, adjectives before and after the noun."""

from __future__ import annotations

from dataclasses import replace

from otlib.microworld.situations import (
    ANIMALS,
    COMPOUNDS,
    FEMALE_NAMES,
    MASS,
    NAMES,
    PERSONS,
    Clause,
    Thing,
    Token,
)
from otlib.microworld.tokens import capitalise, prefixed, word

CODE, NAME = "fr", "French"

# --- lexicon --------------------------------------------------------------------------------------
PEOPLE = {
    "anna": "Anna", "maria": "Maria", "elena": "Elena", "sofia": "Sofia",
    "peter": "Peter", "martin": "Martin", "victor": "Victor", "daniel": "Daniel",
}  # fmt: skip
NOUNS = {  # gender, singular, plural where it is not the singular with -s; here and below _ is a blank
    "teacher": "m professeur", "doctor": "m médecin", "farmer": "m fermier", "baker": "m boulanger",
    "cook": "m cuisinier", "painter": "m peintre", "singer": "m chanteur", "driver": "m conducteur",
    "waiter": "m serveur", "soldier": "m soldat", "nurse": "f infirmière", "neighbour": "m voisin",
    "friend": "m ami", "guest": "m invité", "student": "m étudiant", "king": "m roi", "queen": "f reine",
    "boy": "m garçon", "girl": "f fille", "child": "m enfant", "man": "m homme", "woman": "f femme",
    "mother": "f mère", "father": "m père", "brother": "m frère", "sister": "f sœur", "dog": "m chien",
    "cat": "m chat", "horse": "m cheval chevaux", "bird": "m oiseau oiseaux", "cow": "f vache",
    "sheep": "m mouton", "mouse": "f souris souris", "fish": "m poisson", "apple": "f pomme",
    "pear": "f poire", "lemon": "m citron", "banana": "f banane", "orange_fruit": "f orange",
    "cherry": "f cerise", "bread": "m pain", "cake": "m gâteau gâteaux", "soup": "f soupe",
    "cheese": "m fromage", "egg": "m œuf", "rice": "m riz riz", "potato": "f pomme_de_terre pommes_de_terre",
    "water": "f eau eaux", "milk": "m lait", "coffee": "m café", "tea": "m thé", "wine": "m vin", "juice": "m jus jus",
    "coat": "m manteau manteaux", "hat": "m chapeau chapeaux", "shirt": "f chemise", "dress": "f robe",
    "shoe": "f chaussure", "scarf": "f écharpe", "table": "f table", "chair": "f chaise", "bed": "m lit",
    "lamp": "f lampe", "car": "f voiture", "bus": "m bus bus", "bicycle": "m vélo",
    "boat": "m bateau bateaux", "guitar": "f guitare", "piano": "m piano", "violin": "m violon",
    "flute": "f flûte", "book": "m livre", "letter_mail": "f lettre", "newspaper": "m journal journaux",
    "poem": "m poème", "film": "m film", "match_game": "m match", "race": "f course", "song": "f chanson",
    "chess": "p échecs", "football": "m football", "knife": "m couteau couteaux",
    "hammer": "m marteau marteaux", "spoon": "f cuillère", "door": "f porte", "window": "f fenêtre",
    "box": "f boîte", "key": "f clé", "watch_clock": "f montre", "ball": "f balle", "coin": "f pièce",
    "rose": "f rose", "tulip": "f tulipe", "letter_alphabet": "f lettre", "word": "m mot",
    "number": "m nombre", "person": "f personne", "animal": "m animal animaux", "fruit": "m fruit",
    "drink_noun": "f boisson", "vehicle": "m véhicule", "instrument": "m instrument", "flower": "f fleur",
    "tool": "m outil",
}  # fmt: skip
MODIFIERS = {  # what follows the head of a compound
    "apple_cake": "aux pommes", "cherry_cake": "aux cerises", "potato_soup": "de pommes de terre",
    "apple_juice": "de pomme", "orange_juice": "d' orange", "winter_coat": "d' hiver",
    "kitchen_table": "de cuisine", "garden_chair": "de jardin", "kitchen_door": "de la cuisine",
    "school_bus": "scolaire", "school_book": "scolaire", "house_key": "de la maison",
}  # fmt: skip
ADJECTIVES = {  # masculine, feminine, masculine plural, feminine plural, masculine before a vowel
    "old": "vieux vieille vieux vieilles vieil", "young": "jeune jeune jeunes jeunes jeune",
    "new": "nouveau nouvelle nouveaux nouvelles nouvel", "big": "grand grande grands grandes grand",
    "small": "petit petite petits petites petit", "beautiful": "beau belle beaux belles bel",
    "rich": "riche riche riches riches", "poor": "pauvre pauvre pauvres pauvres",
    "happy": "heureux heureuse heureux heureuses", "sad": "triste triste tristes tristes",
    "strong": "fort forte forts fortes", "weak": "faible faible faibles faibles",
    "clean": "propre propre propres propres", "dirty": "sale sale sales sales",
    "heavy": "lourd lourde lourds lourdes", "light_weight": "léger légère légers légères",
    "expensive": "cher chère chers chères", "cheap": "bon_marché bon_marché bon_marché bon_marché",
    "red": "rouge rouge rouges rouges", "blue": "bleu bleue bleus bleues", "green": "vert verte verts vertes",
    "white": "blanc blanche blancs blanches", "black": "noir noire noirs noires",
    "orange_colour": "orange orange orange orange",
}  # fmt: skip
BEFORE_NOUN = ("old", "young", "new", "big", "small", "beautiful")
VERBS = {  # infinitive, present singular and plural, participle; + with être; se: reflexive
    "eat": "manger mange mangent mangé", "drink": "boire boit boivent bu", "read": "lire lit lisent lu",
    "write": "écrire écrit écrivent écrit", "buy": "acheter achète achètent acheté",
    "sell": "vendre vend vendent vendu", "see": "voir voit voient vu",
    "hear": "entendre entend entendent entendu", "carry": "porter porte portent porté",
    "open": "ouvrir ouvre ouvrent ouvert", "close": "fermer ferme ferment fermé",
    "wash": "laver lave lavent lavé", "repair": "réparer répare réparent réparé",
    "drive": "conduire conduit conduisent conduit", "love": "aimer aime aiment aimé",
    "hate": "détester déteste détestent détesté",
    "visit": "rendre_visite rend_visite rendent_visite rendu_visite", "help": "aider aide aident aidé",
    "call": "appeler appelle appellent appelé", "invite": "inviter invite invitent invité",
    "pick_up": "récupérer récupère récupèrent récupéré", "know_person": "connaître connaît connaissent connu",
    "know_thing": "savoir sait savent su", "feed": "nourrir nourrit nourrissent nourri",
    "paint": "peindre peint peignent peint", "play_music": "jouer joue jouent joué",
    "play_game": "jouer joue jouent joué", "win": "gagner gagne gagnent gagné",
    "lose": "perdre perd perdent perdu", "watch": "regarder regarde regardent regardé",
    "put_on": "mettre met mettent mis", "take_off": "enlever enlève enlèvent enlevé",
    "find": "trouver trouve trouvent trouvé", "look_for": "chercher cherche cherchent cherché",
    "hide": "cacher cache cachent caché", "cut": "couper coupe coupent coupé",
    "cook": "cuisiner cuisine cuisinent cuisiné", "bake": "cuire cuit cuisent cuit",
    "learn": "apprendre apprend apprennent appris", "sing": "chanter chante chantent chanté",
    "match_fit": "accorder accorde accordent accordé se", "give": "donner donne donnent donné",
    "show": "montrer montre montrent montré", "send": "envoyer envoie envoient envoyé",
    "bring": "apporter apporte apportent apporté", "sleep": "dormir dort dorment dormi",
    "run": "courir court courent couru", "laugh": "rire rit rient ri",
    "cry": "pleurer pleure pleurent pleuré", "swim": "nager nage nagent nagé",
    "dance": "danser danse dansent dansé", "work": "travailler travaille travaillent travaillé",
    "wait": "attendre attend attendent attendu", "arrive": "arriver arrive arrivent arrivé+",
    "depart": "partir part partent parti+", "get_up": "lever lève lèvent levé se",
}  # fmt: skip
STATES = {  # in the past imperfect: singular and plural
    "love": "aimait aimaient", "hate": "détestait détestaient", "know_person": "connaissait connaissaient",
    "know_thing": "savait savaient", "match_fit": "accordait accordaient",
}  # fmt: skip
PLACES = {  # au = à le: preposition and article in one
    "garden": "dans le jardin", "school": "à l' école", "kitchen": "dans la cuisine", "market": "au marché",
    "village": "dans le village", "city": "en ville", "park": "dans le parc", "station": "à la gare",
    "hospital": "à l' hôpital", "forest": "dans la forêt", "house": "dans la maison", "street": "dans la rue",
    "bank_money": "à la banque", "bank_river": "sur la rive", "beach": "sur la plage",
    "mountain": "dans la montagne",
}  # fmt: skip
TIMES = {
    "today": "aujourd'hui", "yesterday": "hier", "morning": "le matin", "evening": "le soir",
    "night": "la nuit", "monday": "lundi", "sunday": "dimanche", "summer": "en été", "winter": "en hiver",
    "spring_season": "au printemps",
}  # fmt: skip
MODALS = {"must": "doit doivent", "can": "peut peuvent", "want": "veut veulent"}
NUMBERS = {2: "deux", 3: "trois", 4: "quatre", 5: "cinq"}
PREPOSITIONS = {"visit": "à", "match_fit": "avec", "play_music": "de", "play_game": "à"}  # before the object
CONTRACTIONS = {("à", "le"): "au", ("à", "les"): "aux", ("de", "le"): "du", ("de", "les"): "des"}
VOWELS = "aeiouyéèêâîôûœh"  # every h of the lexicon is mute


# --- noun phrases ---------------------------------------------------------------------------------
def _plural(thing: Thing) -> bool:
    return thing.plural or thing.count is not None or thing.concept == "chess"


def _feminine(thing: Thing) -> bool:
    if thing.concept in NAMES:
        return thing.concept in FEMALE_NAMES
    return NOUNS[_head(thing.concept)].startswith("f")


def _head(concept: str) -> str:
    return COMPOUNDS.get(concept, (None, concept))[1]


def _short(text: str, following: str, main: str = "", also: str = "") -> Token:
    """A little word, which becomes l', d', qu', n' or s' before a vowel."""
    if text in ("le", "la", "de", "que", "ne", "se") and following[0].lower() in VOWELS:
        return word(text[:-1] + "'", main, also, glue=True)
    return word(text, main, also)


def _words(text: str, node: str) -> list[Token]:
    """A word, or the words of "pomme de terre" and "rendre visite"."""
    return [word(part, also=node) if part == "de" else word(part, node) for part in text.split("_")]


def noun_phrase(thing: Thing, role: str, *, before: Token | None = None, negated: bool = False) -> list[Token]:
    """Article, number, adjective, noun, modifier, adjective.

    ``before`` is a preposition, merged into "au", "aux", "du", "des"; ``negated``: "de" for "un" and "des".
    """
    if thing.concept in NAMES:
        return [*_with(before, PEOPLE[thing.concept]), word(PEOPLE[thing.concept], role)]
    noun = _words(_noun(thing), role)
    early = [t for a in thing.adjectives if a in BEFORE_NOUN for t in _adjective(a, thing, role, noun[0].text)]
    late = [t for a in thing.adjectives if a not in BEFORE_NOUN for t in _adjective(a, thing, role, "-")]
    modifier = _modifier(thing, role)
    # la clé chère de la maison: "la clé de la maison chère" is of an expensive house
    late = [*late, *modifier] if len(modifier) > 2 else [*modifier, *late]
    count = [word(NUMBERS[thing.count], f"{role}.count")] if thing.count else []
    words = [*count, *early, *noun, *late]
    first = words[0].text
    if thing.definite or thing.concept in MASS:
        return [*_definite(thing, role, before, first), *words]
    if thing.count:
        return [*_with(before, first), *words]
    if negated or (_plural(thing) and before and before.text == "de"):  # pas de livre; jouer de guitares
        return [_short("de", first, also=f"{role}.det verb" if before else f"{role}.det"), *words]
    if _plural(thing):  # de vieux livres, des livres rouges
        article = _short("de", first, f"{role}.det", role) if early else word("des", f"{role}.det", role)
    else:
        article = word("une" if _feminine(thing) else "un", f"{role}.det")
    return [*_with(before, article.text), article, *words]


def _definite(thing: Thing, role: str, before: Token | None, first: str) -> list[Token]:
    """The article, merged with a preposition: au, aux, du, des; but "à l'homme"."""
    text = "les" if _plural(thing) else "la" if _feminine(thing) else "le"
    article = _short(text, first, f"{role}.det")
    if before is None:
        return [article]
    merged = CONTRACTIONS.get((before.text, article.text))
    if merged is None:
        return [before, article]
    return [word(merged, " ".join(before.main | article.main), " ".join(before.also))]


def _with(before: Token | None, following: str) -> list[Token]:
    return [_short(before.text, following, " ".join(before.main), " ".join(before.also))] if before else []


def _noun(thing: Thing) -> str:
    _, singular, *irregular = NOUNS[_head(thing.concept)].split()
    if not _plural(thing) or thing.concept == "chess":
        return singular
    return irregular[0] if irregular else singular + "s"


def _adjective(concept: str, thing: Thing, role: str, following: str) -> list[Token]:
    forms = ADJECTIVES[concept].split()
    before_vowel = len(forms) == 5 and not _feminine(thing) and not _plural(thing) and following[0] in VOWELS
    return _words(forms[4 if before_vowel else 2 * _plural(thing) + _feminine(thing)], f"{role}.adj")


def _modifier(thing: Thing, role: str) -> list[Token]:
    if thing.concept not in COMPOUNDS:
        return []
    text = MODIFIERS[thing.concept]
    if " " not in text and _plural(thing):  # an adjective agrees: bus scolaires
        text += "s"
    mod = f"{role}.mod"
    return [
        word(part, also=mod, glue=part == "d'") if part in ("de", "d'", "la", "aux") else word(part, mod)
        for part in text.split()
    ]


def _subject(clause: Clause) -> list[Token]:
    if not clause.pronoun:
        return noun_phrase(clause.subject, "subject")
    text = "elle" if _feminine(clause.subject) else "il"
    return [word(text + "s" if _plural(clause.subject) else text, "subject")]


# --- the clause -----------------------------------------------------------------------------------
def _preposition(clause: Clause) -> Token | None:
    text = PREPOSITIONS.get(clause.verb)
    return word(text, also="verb") if text else None


def _object(clause: Clause) -> list[Token]:
    before = _preposition(clause)
    negated = clause.negated and (before is None or before.text == "de")
    return noun_phrase(clause.object, "object", before=before, negated=negated)


def _lemma(clause: Clause) -> str:
    """Songs and poems are known like people."""
    works = clause.object is not None and clause.object.concept in ("song", "poem")
    return "know_person" if clause.verb == "know_thing" and works else clause.verb


def _verb(clause: Clause) -> list[Token]:
    """Finite verb with negation around it, then infinitive or participle."""
    lemma, plural = _lemma(clause), _plural(clause.subject)
    infinitive, singular, many, participle, *reflexive = VERBS[lemma].split()
    if clause.modal:
        end = _words(infinitive, "verb")
        if reflexive:
            end = [_short("se", infinitive, also="verb"), *end]
        if clause.modal == "must" and clause.negated:  # "ne doit pas" would forbid
            finite = [word("ont" if plural else "a", also="modal")]
            end = [word("besoin", "modal"), _short("de", end[0].text, also="modal"), *end]
        else:
            finite = [word(MODALS[clause.modal].split()[plural], "modal")]
    elif clause.tense == "past" and lemma not in STATES:
        being = reflexive or participle.endswith("+")
        finite = [word(("sont" if plural else "est") if being else ("ont" if plural else "a"), also="verb")]
        agreement = ("e" if _feminine(clause.subject) else "") + ("s" if plural else "") if being else ""
        end = _words(participle.removesuffix("+") + agreement, "verb")
    else:
        forms = STATES[lemma].split() if clause.tense == "past" else (singular, many)
        first, *end = _words(forms[plural], "verb")
        finite = [first]
    if reflexive and not clause.modal:
        finite = [_short("se", finite[0].text, also="verb"), *finite]
    if clause.negated:
        finite = [_short("ne", finite[0].text, "neg"), *finite, word("pas", "neg")]
    return [*finite, *end]


def _adverbial(concept: str | None, table: dict[str, str], role: str) -> list[Token]:
    *before, noun = table[concept].split() if concept else [""]
    words = []
    for text in before:
        if text == "au":
            words.append(word(text, f"{role}.prep {role}.det"))
        elif text in ("le", "la", "l'"):  # le matin: in the morning
            words.append(word(text, f"{role}.det", "" if words else f"{role}.prep", glue=text == "l'"))
        else:
            words.append(word(text, f"{role}.prep"))
    return [*words, word(noun, role)] if noun else []


def _rest(clause: Clause, without: str = "") -> list[Token]:
    words = _object(clause) if clause.object and without != "object" else []
    if clause.recipient:
        words += noun_phrase(clause.recipient, "recipient", before=word("à", "recipient.to"))
    words += _adverbial(clause.place, PLACES, "place") if without != "place" else []
    words += _adverbial(clause.time, TIMES, "time") if without != "time" else []
    return words


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    words = [*_subject(inner), *_verb(inner), *_rest(inner)]
    because = [word("parce", "because"), _short("que", words[0].text, also="because")]
    return [*because, *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    words = [*_subject(clause), *_verb(clause), *_rest(clause), *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about ``subject``, ``object``, ``place`` or ``time``, with "est-ce que"."""
    if asked == "subject":
        one = replace(clause, subject=Thing("man"), pronoun=False)
        ask = [word("qui", "ask")] if _living(clause.subject.concept) else [
            word("qu'", "ask", glue=True), word("est-ce", also="ask"), word("qui", also="ask"),
        ]  # fmt: skip
        return capitalise([*ask, *_verb(one), *_rest(one), word("?", "stop")])
    words = [*_subject(clause), *_verb(clause), *_rest(clause, without=asked)]
    ask = [*_asking(clause, asked), word("est-ce", also="ask"), _short("que", words[0].text, also="ask")]
    return capitalise([*ask, *words, word("?", "stop")])


def _asking(clause: Clause, asked: str) -> list[Token]:
    if asked != "object":
        return [word({"place": "où", "time": "quand"}[asked], "ask")]
    before = _preposition(clause)
    person = clause.object.concept in (*NAMES, *PERSONS, "person")
    if before is not None:
        return [before, word("qui" if person else "quoi", "ask")]
    return [word("qui", "ask")] if person else [word("qu'", "ask", glue=True)]


def _living(concept: str) -> bool:
    return concept in (*NAMES, *PERSONS, *ANIMALS, "person", "animal")
