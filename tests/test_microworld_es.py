"""Spanish of the embedded world, against sentences, questions and alignments written by hand."""

from microworld_harness import (
    ANNA,
    BOOK,
    GIRL,
    MARIA,
    PETER,
    TEACHER,
    a,
    aligns,
    asks,
    says,
    the,
)

from otlib.data.microworld.situations import Clause, Thing

SENTENCES = [
    # Gender and number of articles and adjectives.
    (Clause("eat", the("boy", "happy"), the("apple", "small")), "El chico feliz come la manzana pequeña."),
    (
        Clause("buy", a("queen", "rich"), a("watch_clock", "expensive", plural=True)),
        "Una reina rica compra relojes caros.",
    ),
    (
        Clause("wash", the("nurse", "young", plural=True), the("shirt", "blue", plural=True)),
        "Las enfermeras jóvenes lavan las camisas azules.",
    ),
    (
        Clause("sell", the("singer", "sad"), a("dress", "orange_colour", count=2)),
        "El cantante triste vende dos vestidos naranja.",
    ),
    (Clause("drink", ANNA, Thing("water")), "Anna bebe el agua."),
    (Clause("carry", Thing("friend", count=3), the("lamp", "heavy")), "Los tres amigos llevan la lámpara pesada."),
    (Clause("paint", MARIA, the("bed", "white")), "María pinta la cama blanca."),
    # The indefinite plural is bare as an object, not as a subject or recipient.
    (Clause("eat", a("cow", "big", plural=True), a("pear", plural=True)), "Unas vacas grandes comen peras."),
    (Clause("show", PETER, BOOK, a("guest", plural=True)), "Peter les muestra el libro a unos invitados."),
    # Personal "a": people and dear animals, "al"; not what is bought, nor what is seen indefinitely.
    (Clause("see", ANNA, the("doctor", "old")), "Anna ve al médico viejo."),
    (Clause("visit", Thing("soldier"), MARIA, tense="past"), "El soldado visitó a María."),
    (Clause("look_for", MARIA, a("child", "poor")), "María busca a un niño pobre."),
    (Clause("hear", MARIA, a("child", plural=True)), "María oye niños."),
    (Clause("see", Thing("cat"), a("mouse", "black")), "El gato ve un ratón negro."),
    (Clause("see", Thing("cat"), Thing("bird")), "El gato ve al pájaro."),
    (Clause("feed", GIRL, a("sheep")), "La chica alimenta a una oveja."),
    (Clause("feed", GIRL, a("sheep", plural=True)), "La chica alimenta ovejas."),
    (Clause("invite", PETER, a("neighbour", plural=True), tense="past"), "Peter invitó a unos vecinos."),
    (Clause("buy", Thing("farmer"), Thing("horse"), tense="past"), "El granjero compró el caballo."),
    (Clause("look_for", ANNA, Thing("spoon")), "Anna busca la cuchara."),
    # Recipients, announced by "le" before the verb or behind the infinitive.
    (Clause("give", TEACHER, BOOK, Thing("child")), "El profesor le da el libro al niño."),
    (
        Clause("send", ANNA, a("letter_mail", "beautiful"), the("friend", plural=True), tense="past"),
        "Anna les envió una carta hermosa a los amigos.",
    ),
    (
        Clause("bring", Thing("waiter"), Thing("wine"), PETER, modal="want"),
        "El camarero quiere traerle el vino a Peter.",
    ),
    (Clause("give", MARIA, a("rose"), Thing("queen"), negated=True), "María no le da ninguna rosa a la reina."),
    # Compounds; an adjective that belongs to the head.
    (Clause("drink", ANNA, Thing("orange_juice")), "Anna bebe el zumo de naranja."),
    (Clause("take_off", ANNA, the("winter_coat", "red")), "Anna se quita el abrigo de invierno rojo."),
    (Clause("find", PETER, a("house_key", "small")), "Peter encuentra una llave pequeña de la casa."),
    (
        Clause("drive", Thing("man"), a("school_bus", "old", plural=True)),
        "El hombre conduce autobuses escolares viejos.",
    ),
    # Reflexive verbs, verbs with a preposition, verbs chosen by the object, states in the imperfect.
    (Clause("get_up", Thing("king", plural=True), tense="past"), "Los reyes se levantaron."),
    (Clause("put_on", MARIA, a("hat"), modal="must"), "María tiene que ponerse un sombrero."),
    (Clause("laugh", MARIA, negated=True), "María no se ríe."),
    (Clause("play_game", Thing("student", plural=True), Thing("chess")), "Los estudiantes juegan al ajedrez."),
    (Clause("play_music", Thing("painter"), Thing("guitar")), "El pintor toca la guitarra."),
    (
        Clause("match_fit", Thing("shoe", plural=True), Thing("coat"), tense="past"),
        "Los zapatos combinaban con el abrigo.",
    ),
    (Clause("know_thing", GIRL, Thing("number")), "La chica sabe el número."),
    (Clause("know_thing", GIRL, Thing("poem")), "La chica conoce el poema."),
    (Clause("know_person", GIRL, Thing("baker"), tense="past"), "La chica conocía al panadero."),
    # Places: "llegar" goes somewhere. Times with and without article.
    (Clause("arrive", Thing("bus"), place="market", time="monday"), "El autobús llega al mercado el lunes."),
    (
        Clause("arrive", Thing("father"), place="station", time="night", tense="past"),
        "El padre llegó a la estación por la noche.",
    ),
    (Clause("read", MARIA, BOOK, place="garden", time="summer"), "María lee el libro en el jardín en verano."),
    # Negation, modals, dropped pronouns, reasons.
    (Clause("write", PETER, a("poem", "new"), tense="past", negated=True), "Peter no escribió ningún poema nuevo."),
    (Clause("help", PETER, a("woman"), negated=True), "Peter no ayuda a ninguna mujer."),
    (Clause("invite", PETER, a("neighbour", plural=True), negated=True), "Peter no invita a vecinos."),
    (
        Clause("wait", Thing("driver", plural=True), modal="must", negated=True),
        "Los conductores no tienen que esperar.",
    ),
    (Clause("swim", Thing("fish"), modal="can", pronoun=True), "Puede nadar."),
    (Clause("cut", Thing("cook", plural=True), Thing("bread"), time="today", pronoun=True), "Cortan el pan hoy."),
    (
        Clause("cry", MARIA, reason=Clause("laugh", the("neighbour", "old"), tense="past")),
        "María llora porque el vecino viejo se rio.",
    ),
    # Synonyms in their forms.
    (
        Clause("purchase", the("lady", "wealthy", plural=True), the("overcoat", "costly"), tense="past"),
        "Las señoras adineradas adquirieron el gabán costoso.",
    ),
    (
        Clause("fix", the("gentleman", "aged", plural=True), the("bike", "filthy", plural=True), tense="past"),
        "Los señores ancianos arreglaron las bicis mugrientas.",
    ),
    (
        Clause("detest", the("mum", "unhappy", plural=True), the("kid", "youthful", plural=True), tense="past"),
        "Las mamás infelices detestaban a los críos juveniles.",
    ),
    (Clause("adore", the("dad"), a("dog", "little")), "El papá adora a un perro diminuto."),
    (
        Clause("discover", the("physician", plural=True), a("watch_clock", "inexpensive", count=2), tense="past"),
        "Los doctores hallaron dos relojes económicos.",
    ),
    (
        Clause("conceal", the("instructor"), a("knife", "spotless"), negated=True),
        "El maestro no oculta ningún cuchillo inmaculado.",
    ),
    (Clause("weep", a("visitor", "needy", plural=True)), "Unos huéspedes necesitados sollozan."),
    (Clause("notice", the("cow", "feeble"), the("pal")), "La vaca enclenque divisa al colega."),
    (Clause("notice", the("chef"), a("automobile", "large", plural=True)), "El chef divisa automóviles enormes."),
    (
        Clause("clean_wash", the("chauffeur", "glad"), the("garment", "pretty")),
        "El chófer alegre limpia la prenda bonita.",
    ),
    (
        Clause("transport", the("pal", "powerful", count=3), the("piano", "weighty"), tense="past"),
        "Los tres colegas robustos transportaron el piano macizo.",
    ),
    (Clause("carry", ANNA, a("flute", "lightweight", plural=True)), "Anna lleva flautas livianas."),
    (Clause("prepare", the("chef", plural=True), a("egg"), modal="must"), "Los chefs tienen que preparar un huevo."),
    (Clause("assist", the("physician"), a("lady"), negated=True), "El doctor no auxilia a ninguna señora."),
    (Clause("watch", MARIA, the("movie", plural=True), tense="past"), "María vio los filmes."),
    # Place or time said first; "llegar" then has its subject behind it.
    (
        Clause("buy", the("boy"), a("pear"), tense="past", time="monday", front="time"),
        "El lunes el chico compró una pera.",
    ),
    (
        Clause("read", MARIA, BOOK, place="garden", time="summer", front="place"),
        "En el jardín María lee el libro en verano.",
    ),
    (Clause("read", MARIA, BOOK, place="garden", time="today", front="time"), "Hoy María lee el libro en el jardín."),
    (Clause("sleep", the("cat"), time="night", front="time", pronoun=True), "Por la noche duerme."),
    (
        Clause("put_on", PETER, a("hat"), place="street", front="place", modal="want", negated=True),
        "En la calle Peter no quiere ponerse ningún sombrero.",
    ),
    (
        Clause("arrive", the("bus", plural=True), place="market", time="yesterday", tense="past", front="place"),
        "Al mercado llegaron los autobuses ayer.",
    ),
    (
        Clause("arrive", the("bus"), place="station", time="evening", negated=True, front="time"),
        "Por la tarde el autobús no llega a la estación.",
    ),
]

# Agreement, personal "a", clitics, contraction: one wrong form fails.
test_sentences_are_those_a_spaniard_would_write = says("es", SENTENCES)


WHO_WHAT = Clause("read", MARIA, BOOK, place="school", time="sunday")
QUESTIONS = [
    (WHO_WHAT, "subject", "¿Quién lee el libro en la escuela el domingo?"),
    (WHO_WHAT, "object", "¿Qué lee María en la escuela el domingo?"),
    (WHO_WHAT, "place", "¿Dónde lee María el libro el domingo?"),
    (WHO_WHAT, "time", "¿Cuándo lee María el libro en la escuela?"),
    (Clause("see", Thing("king", plural=True), PETER, tense="past"), "object", "¿A quién vieron los reyes?"),
    (Clause("see", Thing("king", plural=True), PETER, tense="past"), "subject", "¿Quién vio a Peter?"),
    (Clause("feed", ANNA, Thing("dog")), "object", "¿Qué alimenta Anna?"),
    (Clause("give", TEACHER, BOOK, ANNA, tense="past"), "object", "¿Qué le dio el profesor a Anna?"),
    (Clause("arrive", Thing("bus", plural=True), place="station"), "subject", "¿Qué llega a la estación?"),
    (Clause("arrive", Thing("bus", plural=True), place="station"), "place", "¿Adónde llegan los autobuses?"),
    (Clause("match_fit", Thing("hat"), Thing("coat")), "object", "¿Con qué combina el sombrero?"),
    (Clause("play_game", Thing("boy"), Thing("football")), "object", "¿A qué juega el chico?"),
    (Clause("put_on", ANNA, a("hat"), time="winter"), "time", "¿Cuándo se pone Anna un sombrero?"),
    # How many: gender, "a" for counted people and dear animals, not for what is bought or seen.
    (
        Clause("discover", the("gentleman"), a("key", count=3), place="garden", tense="past"),
        "count",
        "¿Cuántas llaves halló el señor en el jardín?",
    ),
    (
        Clause(
            "buy", the("queen", plural=True), the("watch_clock", "expensive", plural=True), time="monday", tense="past"
        ),
        "count",
        "¿Cuántos relojes caros compraron las reinas el lunes?",
    ),
    (Clause("visit", ANNA, a("friend", plural=True), tense="past"), "count", "¿A cuántos amigos visitó Anna?"),
    (Clause("assist", PETER, a("nurse", "old", count=2)), "count", "¿A cuántas enfermeras viejas auxilia Peter?"),
    (Clause("see", ANNA, a("child", plural=True)), "count", "¿A cuántos niños ve Anna?"),
    (Clause("see", ANNA, the("dog", plural=True)), "count", "¿Cuántos perros ve Anna?"),
    (Clause("feed", GIRL, a("sheep", plural=True)), "count", "¿A cuántas ovejas alimenta la chica?"),
    (Clause("sell", the("farmer"), a("cow", count=4)), "count", "¿Cuántas vacas vende el granjero?"),
    (
        Clause("give", TEACHER, a("book", plural=True), the("kid", plural=True), modal="want"),
        "count",
        "¿Cuántos libros quiere darles el profesor a los críos?",
    ),
    (
        Clause("find", PETER, a("house_key", "small", plural=True), negated=True),
        "count",
        "¿Cuántas llaves pequeñas de la casa no encuentra Peter?",
    ),
    (Clause("match_fit", the("hat"), a("coat", count=2)), "count", "¿Con cuántos abrigos combina el sombrero?"),
    (Clause("take_off", MARIA, a("garment", count=2)), "count", "¿Cuántas prendas se quita María?"),
]

# Question words with their preposition, the verb before its subject.
test_questions_are_those_a_spaniard_would_ask = asks("es", QUESTIONS)

# English-Spanish, words counted from 0: sure links, and links that are only possible.
ALIGNMENTS = [
    # The girl reads the old book . / La chica lee el libro viejo .
    (Clause("read", GIRL, the("book", "old")), "0-0 1-1 2-2 3-3 4-5 5-4 6-6", ""),
    # Anna drinks the apple juice . / Anna bebe el zumo de manzana .
    (Clause("drink", ANNA, Thing("apple_juice")), "0-0 1-1 2-2 3-5 4-3 5-6", "3-4"),
    # Peter does not see the king . / Peter no ve al rey .
    (Clause("see", PETER, Thing("king"), negated=True), "0-0 2-1 3-2 4-3 5-4 6-5", "1-2 5-3"),
    # The teacher gives a rose to the child . / El profesor le da una rosa al niño .
    (
        Clause("give", TEACHER, a("rose"), Thing("child")),
        "0-0 1-1 2-3 3-4 4-5 5-6 6-6 7-7 8-8",
        "7-2",
    ),
    # She does not read a book on Monday . / No lee ningún libro el lunes .
    (
        Clause("read", GIRL, a("book"), time="monday", pronoun=True, negated=True),
        "2-0 3-1 4-2 5-3 7-5 8-6",
        "0-1 1-1 2-2 6-4",
    ),
    # Dogs run in the garden . / Unos perros corren en el jardín .
    (Clause("run", a("dog", plural=True), place="garden"), "0-1 1-2 2-3 3-4 4-5 5-6", "0-0"),
    # Maria gets up because the boys must work . / María se levanta porque los chicos tienen que trabajar .
    (
        Clause("get_up", MARIA, reason=Clause("work", Thing("boy", plural=True), modal="must")),
        "0-0 1-2 2-2 3-3 4-4 5-5 6-6 7-8 8-9",
        "1-1 2-1 6-7",
    ),
    # On Monday a bus arrived at the market . / El lunes un autobús llegó al mercado .
    (
        Clause("arrive", a("bus"), place="market", time="monday", tense="past", front="time"),
        "1-1 2-2 3-3 4-4 5-5 6-5 7-6 8-7",
        "0-0",
    ),
    # At the market a bus arrived . / Al mercado llegó un autobús .
    (Clause("arrive", a("bus"), place="market", tense="past", front="place"), "0-0 1-0 2-1 3-3 4-4 5-2 6-5", ""),
]

# Hand-made links: compounds, "al", doubling "le", "ningún", dropped pronouns.
test_alignments_with_english_are_exact = aligns("es", ALIGNMENTS)
