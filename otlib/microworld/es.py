"""Spanish: no subject pronouns, adjectives after the noun, personal "a", al and del, reflexive verbs."""

from __future__ import annotations

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
MODIFIERS = {  # second part of a compound, after "de"
    "apple": "manzana", "cherry": "cereza", "potato": "patata", "orange_fruit": "naranja",
    "winter": "invierno", "kitchen": "cocina", "garden": "jardín", "school": "escuela", "house": "casa",
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
VERBS = {  # infinitive, present singular and plural, past singular and plural; + "se" for reflexives
    "eat": "comer come comen comió comieron", "drink": "beber bebe beben bebió bebieron",
    "read": "leer lee leen leyó leyeron", "write": "escribir escribe escriben escribió escribieron",
    "buy": "comprar compra compran compró compraron", "sell": "vender vende venden vendió vendieron",
    "see": "ver ve ven vio vieron", "hear": "oír oye oyen oyó oyeron",
    "carry": "llevar lleva llevan llevó llevaron", "open": "abrir abre abren abrió abrieron",
    "close": "cerrar cierra cierran cerró cerraron", "wash": "lavar lava lavan lavó lavaron",
    "repair": "reparar repara reparan reparó repararon",
    "drive": "conducir conduce conducen condujo condujeron", "love": "amar ama aman amó amaron",
    "hate": "odiar odia odian odió odiaron", "visit": "visitar visita visitan visitó visitaron",
    "help": "ayudar ayuda ayudan ayudó ayudaron", "call": "llamar llama llaman llamó llamaron",
    "invite": "invitar invita invitan invitó invitaron",
    "pick_up": "recoger recoge recogen recogió recogieron",
    "know_person": "conocer conoce conocen conoció conocieron",
    "know_thing": "saber sabe saben supo supieron",
    "feed": "alimentar alimenta alimentan alimentó alimentaron",
    "paint": "pintar pinta pintan pintó pintaron", "play_music": "tocar toca tocan tocó tocaron",
    "play_game": "jugar juega juegan jugó jugaron", "win": "ganar gana ganan ganó ganaron",
    "lose": "perder pierde pierden perdió perdieron", "watch": "mirar mira miran miró miraron",
    "put_on": "ponerse pone ponen puso pusieron", "take_off": "quitarse quita quitan quitó quitaron",
    "find": "encontrar encuentra encuentran encontró encontraron",
    "look_for": "buscar busca buscan buscó buscaron",
    "hide": "esconder esconde esconden escondió escondieron", "cut": "cortar corta cortan cortó cortaron",
    "cook": "cocinar cocina cocinan cocinó cocinaron", "bake": "hornear hornea hornean horneó hornearon",
    "learn": "aprender aprende aprenden aprendió aprendieron", "sing": "cantar canta cantan cantó cantaron",
    "match_fit": "combinar combina combinan combinó combinaron", "give": "dar da dan dio dieron",
    "show": "mostrar muestra muestran mostró mostraron", "send": "enviar envía envían envió enviaron",
    "bring": "traer trae traen trajo trajeron", "sleep": "dormir duerme duermen durmió durmieron",
    "run": "correr corre corren corrió corrieron", "laugh": "reír ríe ríen rio rieron",
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
TIMES = {  # preposition, article (or -), noun
    "today": "- - hoy", "yesterday": "- - ayer", "morning": "por la mañana", "evening": "por la tarde",
    "night": "por la noche", "monday": "- el lunes", "sunday": "- el domingo", "summer": "en - verano",
    "winter": "en - invierno", "spring_season": "en - primavera",
}  # fmt: skip
MODALS = {"must": "debe deben", "can": "puede pueden", "want": "quiere quieren"}
NUMBERS = {2: "dos", 3: "tres", 4: "cuatro", 5: "cinco"}
# Verbs whose human or animal object takes "a" (bought or shown animals are things)
PERSONAL = {
    "see", "hear", "love", "hate", "visit", "help", "call", "invite", "pick_up", "know_person", "feed",
    "look_for",
}  # fmt: skip


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


def noun_phrase(thing: Thing, role: str, *, before: Token | None = None) -> list[Token]:
    """Article, number, noun, "de" with a modifier, adjective; ``before`` is a preposition, merged into al."""
    start = [before] if before else []
    if thing.concept in NAMES:
        return [*start, word(PEOPLE[thing.concept], role)]
    gender, noun = _head(thing)
    feminine, plural = gender != "m", _plural(thing)
    words = [word(NUMBERS[thing.count], f"{role}.count")] if thing.count else []
    words += [word(noun, role)]
    if thing.concept in COMPOUNDS:
        modifier = MODIFIERS[COMPOUNDS[thing.concept][0]]
        words += [word("de", also=f"{role}.mod"), word(modifier, f"{role}.mod")]
    words += [word(_adjective(a, feminine, plural), f"{role}.adj") for a in thing.adjectives]
    if thing.definite or thing.concept in MASS:
        article = ("las" if feminine else "los") if plural else "la" if gender == "f" else "el"
        if before and before.text == "a" and article == "el":
            return [word("al", " ".join({f"{role}.det", *before.main}), " ".join(before.also)), *words]
        return [*start, word(article, f"{role}.det"), *words]
    if plural:
        return [*start, *words]
    article = "una" if gender == "f" else "un"
    return [*start, word(article, f"{role}.det"), *words]


def _subject(clause: Clause) -> list[Token]:
    return [] if clause.pronoun else noun_phrase(clause.subject, "subject")


def _object(clause: Clause) -> list[Token]:
    thing = clause.object
    return noun_phrase(thing, "object", before=_preposition(clause))


def _preposition(clause: Clause) -> Token | None:
    if clause.verb == "match_fit":
        return word("con", also="verb")
    if clause.object.concept in GAMES:
        return word("a", also="verb")
    return word("a", also="object") if clause.verb in PERSONAL and _living(clause.object.concept) else None


def _living(concept: str) -> bool:
    return concept in NAMES or concept in PERSONS or concept in ANIMALS or concept in ("person", "animal")


# --- the clause -----------------------------------------------------------------------------------
def _verb(clause: Clause) -> list[Token]:
    infinitive, *forms = VERBS[clause.verb].split()
    plural = _plural(clause.subject)
    subject = "subject" if clause.pronoun else ""
    no = [word("no", "neg")] if clause.negated else []
    if clause.modal:
        return [*no, word(MODALS[clause.modal].split()[plural], "modal", subject), word(infinitive, "verb")]
    reflexive = [word("se", also="verb")] if infinitive.endswith("se") else []
    form = forms[2 * (clause.tense == "past") + plural]
    return [*no, *reflexive, word(form, "verb", subject)]


def _adverbial(concept: str | None, table: dict[str, str], role: str) -> list[Token]:
    if concept is None:
        return []
    preposition, article, noun = table[concept].split()
    words = [(preposition, f"{role}.prep"), (article, f"{role}.det"), (noun, role)]
    return [word(text, node) for text, node in words if text != "-"]


def _rest(clause: Clause, without: str = "") -> list[Token]:
    words = _object(clause) if clause.object and without != "object" else []
    if clause.recipient:
        words += noun_phrase(clause.recipient, "recipient", before=word("a", "recipient.to"))
    words += _adverbial(clause.place, PLACES, "place") if without != "place" else []
    words += _adverbial(clause.time, TIMES, "time") if without != "time" else []
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
        ask = "quién" if _living(clause.subject.concept) else "qué"
        words = [
            word(ask, "ask"),
            *_verb(Clause(**{**clause.__dict__, "subject": Thing("man")})),
            *_rest(clause),
        ]
    else:
        words = [*_asking(clause, asked), *_verb(clause), *_subject(clause), *_rest(clause, without=asked)]
    return [word("¿", also="ask", glue=True), *capitalise(words), word("?", "stop")]


def _asking(clause: Clause, asked: str) -> list[Token]:
    if asked != "object":
        return [word({"place": "dónde", "time": "cuándo"}[asked], "ask")]
    preposition = _preposition(clause)
    person = _living(clause.object.concept) and clause.object.concept not in (*ANIMALS, "animal")
    if person or preposition is None or clause.object.concept in GAMES:
        return [*([preposition] if preposition else []), word("quién" if person else "qué", "ask")]
    return [preposition, word("qué", "ask")]
