"""Spanish: dropped pronouns, adjectives after the noun, personal "a", "al", doubling "le", reflexives."""

from __future__ import annotations

from dataclasses import replace

from otlib.microworld.situations import ANIMALS, COMPOUNDS, GAMES, MASS, NAMES, PERSONS, Clause, Thing, Token
from otlib.microworld.tokens import capitalise, prefixed, word

CODE, NAME = "es", "Spanish"

# --- lexicon --------------------------------------------------------------------------------------
PEOPLE = {
    "anna": "Anna", "maria": "María", "elena": "Elena", "sofia": "Sofía",
    "peter": "Peter", "martin": "Martín", "victor": "Víctor", "daniel": "Daniel",
}  # fmt: skip
NOUNS = {  # gender, singular, plural; fm: feminine with the article "el" in the singular (el agua)
    "teacher": "m profesor profesores", "doctor": "m médico médicos", "farmer": "m granjero granjeros",
    "baker": "m panadero panaderos", "cook": "m cocinero cocineros", "painter": "m pintor pintores",
    "singer": "m cantante cantantes", "driver": "m conductor conductores", "waiter": "m camarero camareros",
    "soldier": "m soldado soldados", "nurse": "f enfermera enfermeras", "neighbour": "m vecino vecinos",
    "friend": "m amigo amigos", "guest": "m invitado invitados", "student": "m estudiante estudiantes",
    "king": "m rey reyes", "queen": "f reina reinas", "boy": "m chico chicos", "girl": "f chica chicas",
    "child": "m niño niños", "man": "m hombre hombres", "woman": "f mujer mujeres",
    "mother": "f madre madres", "father": "m padre padres", "brother": "m hermano hermanos",
    "sister": "f hermana hermanas", "dog": "m perro perros", "cat": "m gato gatos",
    "horse": "m caballo caballos", "bird": "m pájaro pájaros", "cow": "f vaca vacas",
    "sheep": "f oveja ovejas", "mouse": "m ratón ratones", "fish": "m pez peces",
    "apple": "f manzana manzanas", "pear": "f pera peras", "lemon": "m limón limones",
    "banana": "m plátano plátanos", "orange_fruit": "f naranja naranjas", "cherry": "f cereza cerezas",
    "bread": "m pan panes", "cake": "m pastel pasteles", "soup": "f sopa sopas", "cheese": "m queso quesos",
    "egg": "m huevo huevos", "rice": "m arroz arroces", "potato": "f patata patatas",
    "water": "fm agua aguas", "milk": "f leche leches", "coffee": "m café cafés", "tea": "m té tés",
    "wine": "m vino vinos", "juice": "m zumo zumos", "coat": "m abrigo abrigos",
    "hat": "m sombrero sombreros", "shirt": "f camisa camisas", "dress": "m vestido vestidos",
    "shoe": "m zapato zapatos", "scarf": "f bufanda bufandas", "table": "f mesa mesas",
    "chair": "f silla sillas", "bed": "f cama camas", "lamp": "f lámpara lámparas", "car": "m coche coches",
    "bus": "m autobús autobuses", "bicycle": "f bicicleta bicicletas", "boat": "m barco barcos",
    "guitar": "f guitarra guitarras", "piano": "m piano pianos", "violin": "m violín violines",
    "flute": "f flauta flautas", "book": "m libro libros", "letter_mail": "f carta cartas",
    "newspaper": "m periódico periódicos", "poem": "m poema poemas", "film": "f película películas",
    "match_game": "m partido partidos", "race": "f carrera carreras", "song": "f canción canciones",
    "chess": "m ajedrez ajedrez", "football": "m fútbol fútbol", "knife": "m cuchillo cuchillos",
    "hammer": "m martillo martillos", "spoon": "f cuchara cucharas", "door": "f puerta puertas",
    "window": "f ventana ventanas", "box": "f caja cajas", "key": "f llave llaves",
    "watch_clock": "m reloj relojes", "ball": "f pelota pelotas", "coin": "f moneda monedas",
    "rose": "f rosa rosas", "tulip": "m tulipán tulipanes", "letter_alphabet": "f letra letras",
    "word": "f palabra palabras", "number": "m número números", "person": "f persona personas",
    "animal": "m animal animales", "fruit": "f fruta frutas", "drink_noun": "f bebida bebidas",
    "vehicle": "m vehículo vehículos", "instrument": "m instrumento instrumentos", "flower": "f flor flores",
    "tool": "f herramienta herramientas",
}  # fmt: skip
MODIFIERS = {  # what follows the head of a compound
    "apple_cake": "de manzana", "cherry_cake": "de cereza", "potato_soup": "de patata",
    "apple_juice": "de manzana", "orange_juice": "de naranja", "winter_coat": "de invierno",
    "kitchen_table": "de cocina", "garden_chair": "de jardín", "kitchen_door": "de la cocina",
    "house_key": "de la casa", "school_bus": "escolar", "school_book": "escolar",
}  # fmt: skip
ADJECTIVES = {  # masculine; the other forms are regular
    "old": "viejo", "young": "joven", "new": "nuevo", "big": "grande", "small": "pequeño", "rich": "rico",
    "poor": "pobre", "happy": "feliz", "sad": "triste", "strong": "fuerte", "weak": "débil",
    "clean": "limpio", "dirty": "sucio", "heavy": "pesado", "light_weight": "ligero", "expensive": "caro",
    "cheap": "barato", "beautiful": "hermoso", "red": "rojo", "blue": "azul", "green": "verde",
    "white": "blanco", "black": "negro", "orange_colour": "naranja",
}  # fmt: skip
IRREGULAR_PLURALS = {
    "joven": "jóvenes",
    "feliz": "felices",
    "débil": "débiles",
    "azul": "azules",
    "naranja": "naranja",
}
VERBS = {  # infinitive (with "se": reflexive), present singular and plural, past singular and plural
    "eat": "comer come comen comió comieron", "drink": "beber bebe beben bebió bebieron",
    "read": "leer lee leen leyó leyeron", "write": "escribir escribe escriben escribió escribieron",
    "buy": "comprar compra compran compró compraron", "sell": "vender vende venden vendió vendieron",
    "see": "ver ve ven vio vieron", "hear": "oír oye oyen oyó oyeron",
    "carry": "llevar lleva llevan llevó llevaron", "open": "abrir abre abren abrió abrieron",
    "close": "cerrar cierra cierran cerró cerraron", "wash": "lavar lava lavan lavó lavaron",
    "repair": "reparar repara reparan reparó repararon",
    "drive": "conducir conduce conducen condujo condujeron", "love": "amar ama aman amaba amaban",
    "hate": "odiar odia odian odiaba odiaban", "visit": "visitar visita visitan visitó visitaron",
    "help": "ayudar ayuda ayudan ayudó ayudaron", "call": "llamar llama llaman llamó llamaron",
    "invite": "invitar invita invitan invitó invitaron",
    "pick_up": "recoger recoge recogen recogió recogieron",
    "know_person": "conocer conoce conocen conocía conocían",
    "know_thing": "saber sabe saben sabía sabían",
    "feed": "alimentar alimenta alimentan alimentó alimentaron",
    "paint": "pintar pinta pintan pintó pintaron", "play_music": "tocar toca tocan tocó tocaron",
    "play_game": "jugar juega juegan jugó jugaron", "win": "ganar gana ganan ganó ganaron",
    "lose": "perder pierde pierden perdió perdieron", "watch": "ver ve ven vio vieron",
    "put_on": "ponerse pone ponen puso pusieron", "take_off": "quitarse quita quitan quitó quitaron",
    "find": "encontrar encuentra encuentran encontró encontraron",
    "look_for": "buscar busca buscan buscó buscaron",
    "hide": "esconder esconde esconden escondió escondieron", "cut": "cortar corta cortan cortó cortaron",
    "cook": "cocinar cocina cocinan cocinó cocinaron", "bake": "hornear hornea hornean horneó hornearon",
    "learn": "aprender aprende aprenden aprendió aprendieron", "sing": "cantar canta cantan cantó cantaron",
    "match_fit": "combinar combina combinan combinaba combinaban", "give": "dar da dan dio dieron",
    "show": "mostrar muestra muestran mostró mostraron", "send": "enviar envía envían envió enviaron",
    "bring": "traer trae traen trajo trajeron", "sleep": "dormir duerme duermen durmió durmieron",
    "run": "correr corre corren corrió corrieron", "laugh": "reírse ríe ríen rio rieron",
    "cry": "llorar llora lloran lloró lloraron", "swim": "nadar nada nadan nadó nadaron",
    "dance": "bailar baila bailan bailó bailaron", "work": "trabajar trabaja trabajan trabajó trabajaron",
    "wait": "esperar espera esperan esperó esperaron", "arrive": "llegar llega llegan llegó llegaron",
    "depart": "salir sale salen salió salieron", "get_up": "levantarse levanta levantan levantó levantaron",
}  # fmt: skip
PLACES = {
    "garden": "en el jardín", "school": "en la escuela", "kitchen": "en la cocina", "market": "en el mercado",
    "village": "en el pueblo", "city": "en la ciudad", "park": "en el parque", "station": "en la estación",
    "hospital": "en el hospital", "forest": "en el bosque", "house": "en la casa", "street": "en la calle",
    "bank_money": "en el banco", "bank_river": "en la orilla", "beach": "en la playa",
    "mountain": "en la montaña",
}  # fmt: skip
TIMES = {
    "today": "hoy", "yesterday": "ayer", "morning": "por la mañana", "evening": "por la tarde",
    "night": "por la noche", "monday": "el lunes", "sunday": "el domingo", "summer": "en verano",
    "winter": "en invierno", "spring_season": "en primavera",
}  # fmt: skip
MODALS = {"must": "tiene tienen", "can": "puede pueden", "want": "quiere quieren"}
NUMBERS = {2: "dos", 3: "tres", 4: "cuatro", 5: "cinco"}
# Objects that live take "a"; bought or shown animals are things.
PERSONAL = ("love", "hate", "visit", "help", "call", "invite", "pick_up", "feed")
PERCEIVING = ("see", "hear", "know_person", "look_for")  # "ve al perro", but "ve un perro", "ve niños"


# --- noun phrases ---------------------------------------------------------------------------------
def _plural(thing: Thing) -> bool:
    return thing.plural or thing.count is not None


def _head(thing: Thing) -> tuple[str, str]:
    """Gender and form of the noun."""
    gender, singular, plural = NOUNS[COMPOUNDS.get(thing.concept, (None, thing.concept))[1]].split()
    return gender, plural if _plural(thing) else singular


def _adjective(concept: str, feminine: bool, plural: bool) -> str:
    form = ADJECTIVES[concept]
    if plural and form in IRREGULAR_PLURALS:
        return IRREGULAR_PLURALS[form]
    if feminine and form.endswith("o"):
        form = form[:-1] + "a"
    return form + "s" if plural else form


def noun_phrase(thing: Thing, role: str, *, before: Token | None = None, bare=True, negated=False) -> list[Token]:
    """Article, number, noun, modifier, adjective.

    ``before`` is a preposition, merged into "al"; ``bare``: whether the indefinite plural may do without
    "unos"; ``negated``: "ningún" for "un".
    """
    start = [before] if before else []
    if thing.concept in NAMES:
        return [*start, word(PEOPLE[thing.concept], role)]
    gender, noun = _head(thing)
    feminine, plural = gender != "m", _plural(thing)
    words = [word(NUMBERS[thing.count], f"{role}.count")] if thing.count else []
    modifier = _modifier(thing, role)
    adjectives = [word(_adjective(a, feminine, plural), f"{role}.adj") for a in thing.adjectives]
    if len(modifier) > 2:  # la llave cara de la casa: "la llave de la casa cara" is of an expensive house
        words += [word(noun, role), *adjectives, *modifier]
    else:
        words += [word(noun, role), *modifier, *adjectives]
    if thing.definite or thing.concept in MASS:
        article = ("las" if feminine else "los") if plural else "la" if gender == "f" else "el"
        if before and before.text == "a" and article == "el":
            return [word("al", " ".join({f"{role}.det", *before.main}), " ".join(before.also)), *words]
        return [*start, word(article, f"{role}.det"), *words]
    if plural:
        some = [] if bare or thing.count else [word("unas" if feminine else "unos", f"{role}.det", role)]
        return [*start, *some, *words]
    if negated:
        return [*start, word("ninguna" if feminine else "ningún", f"{role}.det", "neg"), *words]
    return [*start, word("una" if feminine else "un", f"{role}.det"), *words]


def _modifier(thing: Thing, role: str) -> list[Token]:
    if thing.concept not in COMPOUNDS:
        return []
    *before, last = MODIFIERS[thing.concept].split()
    if not before and _plural(thing):  # an adjective agrees: autobuses escolares
        last += "es"
    return [*(word(text, also=f"{role}.mod") for text in before), word(last, f"{role}.mod")]


def _subject(clause: Clause) -> list[Token]:
    return [] if clause.pronoun else noun_phrase(clause.subject, "subject", bare=False)


def _object(clause: Clause) -> list[Token]:
    before = _preposition(clause)
    bare = clause.negated or before is None or before.text != "a"
    return noun_phrase(clause.object, "object", before=before, bare=bare, negated=clause.negated)


def _preposition(clause: Clause) -> Token | None:
    """What stands between the verb and its object."""
    thing = clause.object
    if clause.verb == "match_fit":
        return word("con", also="verb")
    if thing.concept in GAMES:
        return word("a", also="verb")
    if not _living(thing.concept):
        return None
    indefinite = not thing.definite and thing.concept not in NAMES
    bare = indefinite and _plural(thing) and thing.count is None
    personal = clause.verb in PERSONAL and not (clause.verb == "feed" and bare)
    perceived = clause.verb in PERCEIVING and not bare and (_person(thing.concept) or not indefinite)
    return word("a", also="object") if personal or perceived else None


def _person(concept: str) -> bool:
    return concept in NAMES or concept in PERSONS or concept == "person"


def _living(concept: str) -> bool:
    return _person(concept) or concept in ANIMALS or concept == "animal"


# --- the clause -----------------------------------------------------------------------------------
def _lemma(clause: Clause) -> str:
    """Songs and poems are known like people."""
    works = clause.object is not None and clause.object.concept in ("song", "poem")
    return "know_person" if clause.verb == "know_thing" and works else clause.verb


def _verb(clause: Clause) -> list[Token]:
    """The verb with "no", reflexive "se" and the "le" that announces a recipient, before or behind it."""
    infinitive, *forms = VERBS[_lemma(clause)].split()
    plural = _plural(clause.subject)
    subject = "subject" if clause.pronoun else ""
    no = [word("no", "neg")] if clause.negated else []
    clitic = ("les" if _plural(clause.recipient) else "le") if clause.recipient else ""
    if clause.modal:
        form = MODALS[clause.modal].split()[plural]
        que = [word("que", also="modal")] if clause.modal == "must" else []
        verb = word(infinitive + clitic, "verb", "recipient" if clitic else "")
        return [*no, word(form, "modal", subject), *que, verb]
    reflexive = [word("se", also="verb")] if infinitive.endswith("se") else []
    announced = [word(clitic, also="recipient")] if clitic else []
    return [*no, *reflexive, *announced, word(forms[2 * (clause.tense == "past") + plural], "verb", subject)]


def _place(clause: Clause) -> list[Token]:
    """Where, but after "llegar" where to."""
    if clause.place is None:
        return []
    preposition, article, noun = PLACES[clause.place].split()
    if clause.verb != "arrive":
        return [word(preposition, "place.prep"), word(article, "place.det"), word(noun, "place")]
    if article == "el":
        return [word("al", "place.prep place.det"), word(noun, "place")]
    return [word("a", "place.prep"), word(article, "place.det"), word(noun, "place")]


def _time(clause: Clause) -> list[Token]:
    *before, noun = TIMES[clause.time].split() if clause.time else [""]
    if before == ["el"]:  # el lunes: on Monday
        return [word("el", "time.det", "time.prep"), word(noun, "time")]
    words = [word(text, node) for text, node in zip(before, ("time.prep", "time.det"), strict=False)]
    return [*words, word(noun, "time")] if noun else []


def _rest(clause: Clause, without: str = "") -> list[Token]:
    words = _object(clause) if clause.object and without != "object" else []
    if clause.recipient:
        words += noun_phrase(clause.recipient, "recipient", before=word("a", "recipient.to"), bare=False)
    words += _place(clause) if without != "place" else []
    words += _time(clause) if without != "time" else []
    return words


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    words = [*_subject(inner), *_verb(inner), *_rest(inner)]
    return [word("porque", "because"), *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    words = [*_subject(clause), *_verb(clause), *_rest(clause), *_reason(clause)]
    return capitalise([*words, word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about ``subject``, ``object``, ``place`` or ``time``; the verb before the subject."""
    if asked == "subject":
        one = replace(clause, subject=Thing("man"), pronoun=False)
        ask = "quién" if _living(clause.subject.concept) else "qué"
        words = [word(ask, "ask"), *_verb(one), *_rest(clause)]
    else:
        words = [*_asking(clause, asked), *_verb(clause), *_subject(clause), *_rest(clause, without=asked)]
    return [word("¿", also="ask", glue=True), *capitalise(words), word("?", "stop")]


def _asking(clause: Clause, asked: str) -> list[Token]:
    if asked == "place" and clause.verb == "arrive":
        return [word("adónde", "ask")]
    if asked != "object":
        return [word({"place": "dónde", "time": "cuándo"}[asked], "ask")]
    if _person(clause.object.concept):
        return [word("a", also="object"), word("quién", "ask")]
    preposition = _preposition(clause)
    animal = _living(clause.object.concept)  # asked for like a thing, without "a"
    return [*([preposition] if preposition and not animal else []), word("qué", "ask")]
