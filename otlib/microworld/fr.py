"""French: ne ... pas, du, des, au, aux, elision, passé composé, adjectives before and after the noun."""

from __future__ import annotations

from otlib.microworld.situations import (
    ANIMALS,
    COMPOUNDS,
    FEMALE_NAMES,
    GAMES,
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
NOUNS = {  # gender, singular, plural where it is not the singular with -s
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
    "cheese": "m fromage", "egg": "m œuf", "rice": "m riz riz", "potato": "f patate", "water": "f eau eaux",
    "milk": "m lait", "coffee": "m café", "tea": "m thé", "wine": "m vin", "juice": "m jus jus",
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
MODIFIERS = {  # second part of a compound; a preposition stands before it where it is not "de"
    "apple_cake": "aux pommes", "cherry_cake": "aux cerises", "potato_soup": "de patates",
    "apple_juice": "de pomme", "orange_juice": "d' orange", "winter_coat": "d' hiver",
    "kitchen_table": "de cuisine", "garden_chair": "de jardin", "kitchen_door": "de cuisine",
    "school_bus": "d' école", "school_book": "d' école", "house_key": "de maison",
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
    "expensive": "cher chère chers chères", "cheap": "abordable abordable abordables abordables",
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
    "match_fit": "s'accorder accorde accordent accordé se", "give": "donner donne donnent donné",
    "show": "montrer montre montrent montré", "send": "envoyer envoie envoient envoyé",
    "bring": "apporter apporte apportent apporté", "sleep": "dormir dort dorment dormi",
    "run": "courir court courent couru", "laugh": "rire rit rient ri",
    "cry": "pleurer pleure pleurent pleuré", "swim": "nager nage nagent nagé",
    "dance": "danser danse dansent dansé", "work": "travailler travaille travaillent travaillé",
    "wait": "attendre attend attendent attendu", "arrive": "arriver arrive arrivent arrivé+",
    "depart": "partir part partent parti+", "get_up": "lever lève lèvent levé se",
}  # fmt: skip
PLACES = {  # au = à le: preposition and article in one
    "garden": "dans le jardin", "school": "à l' école", "kitchen": "dans la cuisine", "market": "au marché",
    "village": "au village", "city": "en ville", "park": "au parc", "station": "à la gare",
    "hospital": "à l' hôpital", "forest": "dans la forêt", "house": "dans la maison", "street": "dans la rue",
    "bank_money": "à la banque", "bank_river": "sur la rive", "beach": "à la plage",
    "mountain": "à la montagne",
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
    return thing.plural or thing.count is not None


def _feminine(thing: Thing) -> bool:
    if thing.concept in NAMES:
        return thing.concept in FEMALE_NAMES
    return NOUNS[_head(thing.concept)].startswith("f")


def _head(concept: str) -> str:
    return COMPOUNDS.get(concept, (None, concept))[1]


def _elided(text: str, following: str) -> tuple[str, bool]:
    """l', d', qu', n', s' before a vowel."""
    if following[0].lower() in VOWELS and text in ("le", "la", "de", "que", "ne", "se", "parce_que"):
        return text[:-1] + "'", True
    return text, False


def noun_phrase(
    thing: Thing, role: str, *, before: Token | None = None, negated: bool = False
) -> list[Token]:
    """Article, number, adjective, noun, modifier, adjective; ``before``: preposition, merged to au or du."""
    if thing.concept in NAMES:
        return [*_with(before, PEOPLE[thing.concept]), word(PEOPLE[thing.concept], role)]
    _, singular, *irregular = NOUNS[_head(thing.concept)].split()
    plural = _plural(thing) or thing.concept == "chess"
    noun = (
        singular if not plural or thing.concept == "chess" else irregular[0] if irregular else singular + "s"
    )
    words = [word(NUMBERS[thing.count], f"{role}.count")] if thing.count else []
    early = [a for a in thing.adjectives if a in BEFORE_NOUN]
    words += [word(_adjective(a, thing, noun), f"{role}.adj") for a in early]
    words += [word(noun, role), *_modifier(thing, role)]
    words += [
        word(_adjective(a, thing, "-"), f"{role}.adj") for a in thing.adjectives if a not in BEFORE_NOUN
    ]
    first = words[0].text
    if thing.definite or thing.concept in (*MASS, *GAMES):
        article = "les" if plural else "la" if _feminine(thing) else "le"
        if (
            before
            and (before.text, article) in CONTRACTIONS
            and not (article == "le" and _elided("le", first)[1])
        ):
            merged = CONTRACTIONS[before.text, article]
            return [word(merged, " ".join({f"{role}.det", *before.main}), " ".join(before.also)), *words]
        text, glue = _elided(article, first)
        return [*([before] if before else []), word(text, f"{role}.det", glue=glue), *words]
    if plural and thing.count:
        return [*_with(before, first), *words]
    if negated or (plural and (early or (before and before.text == "de"))):  # pas de pomme, de grands chiens
        text, glue = _elided("de", first)
        return [word(text, also=f"{role}.det", glue=glue), *words]
    article = "des" if plural else "une" if _feminine(thing) else "un"
    return [*_with(before, article), word(article, f"{role}.det"), *words]


def _with(before: Token | None, following: str) -> list[Token]:
    if before is None:
        return []
    text, glue = _elided(before.text, following)
    return [word(text, " ".join(before.main), " ".join(before.also), glue=glue)]


def _adjective(concept: str, thing: Thing, following: str) -> str:
    forms = ADJECTIVES[concept].split()
    if len(forms) == 5 and not _feminine(thing) and not _plural(thing) and following[0] in VOWELS:
        return forms[4]
    return forms[2 * _plural(thing) + _feminine(thing)]


def _modifier(thing: Thing, role: str) -> list[Token]:
    if thing.concept not in COMPOUNDS:
        return []
    preposition, noun = MODIFIERS[thing.concept].split()
    glue = preposition.endswith("'")
    return [word(preposition, also=f"{role}.mod", glue=glue), word(noun, f"{role}.mod")]


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
    bare = clause.negated and before is None and clause.object.count is None
    return noun_phrase(clause.object, "object", before=before, negated=bare)


def _verb(clause: Clause) -> list[Token]:
    """Finite verb with negation around it, then infinitive or participle."""
    infinitive, singular, many, participle, *reflexive = VERBS[clause.verb].split()
    plural = _plural(clause.subject)
    pronoun = bool(reflexive)
    if clause.modal:
        finite, end = [word(MODALS[clause.modal].split()[plural], "modal")], []
        base, pronoun = infinitive.removeprefix("s'"), False
        if reflexive:
            text, glue = _elided("se", base)
            end = [word(text, also="verb", glue=glue)]
        end += [word(part, "verb") for part in base.split("_")]
    elif clause.tense == "past":
        being = pronoun or participle.endswith("+")
        helper = ("sont" if plural else "est") if being else ("ont" if plural else "a")
        form = participle.removesuffix("+")
        if being:
            form += ("e" if _feminine(clause.subject) else "") + ("s" if plural else "")
        finite, end = [word(helper, also="verb")], [word(part, "verb") for part in form.split("_")]
    else:
        first, *rest = (many if plural else singular).split("_")
        finite, end = [word(first, "verb")], [word(part, "verb") for part in rest]
    if pronoun:
        text, glue = _elided("se", finite[0].text)
        finite = [word(text, also="verb", glue=glue), *finite]
    if clause.negated:
        text, glue = _elided("ne", finite[0].text)
        finite = [word(text, "neg", glue=glue), *finite, word("pas", "neg")]
    return [*finite, *end]


def _adverbial(concept: str | None, table: dict[str, str], role: str) -> list[Token]:
    words = table[concept].split() if concept else []
    nodes = {
        3: (f"{role}.prep", f"{role}.det", role),
        2: (f"{role}.prep {role}.det" if words[:1] == ["au"] else _article_or_preposition(words, role), role),
        1: (role,),
        0: (),
    }[len(words)]
    return [word(text, node, glue=text.endswith("'")) for text, node in zip(words, nodes, strict=True)]


def _article_or_preposition(words: list[str], role: str) -> str:
    return f"{role}.det" if words[:1] in (["le"], ["la"]) else f"{role}.prep"


def _rest(clause: Clause, without: str = "") -> list[Token]:
    words = _object(clause) if clause.object and without != "object" else []
    if clause.recipient:
        words += noun_phrase(clause.recipient, "recipient", before=word("à", "recipient.to"))
    words += _adverbial(clause.place, PLACES, "place") if without != "place" else []
    words += _adverbial(clause.time, TIMES, "time") if without != "time" else []
    return words


def _that(following: Token, node: str) -> Token:
    text, glue = _elided("que", following.text)
    return word(text, also=node, glue=glue)


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    words = [*_subject(inner), *_verb(inner), *_rest(inner)]
    return [word("parce", "because"), _that(words[0], "because"), *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    words = [*_subject(clause), *_verb(clause), *_rest(clause), *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about ``subject``, ``object``, ``place`` or ``time``, with "est-ce que"."""
    if asked == "subject":
        one = Clause(**{**clause.__dict__, "subject": Thing("man")})
        ask = [word("qui", "ask")] if _living(clause.subject.concept) else [
            word("qu'", "ask", glue=True), word("est-ce", also="ask"), word("qui", also="ask"),
        ]  # fmt: skip
        return capitalise([*ask, *_verb(one), *_rest(one), word("?", "stop")])
    words = [*_subject(clause), *_verb(clause), *_rest(clause, without=asked)]
    words = [*_asking(clause, asked), word("est-ce", also="ask"), _that(words[0], "ask"), *words]
    return capitalise([*words, word("?", "stop")])


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
