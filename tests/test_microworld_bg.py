"""Bulgarian of the embedded world, against sentences, questions and alignments written by hand."""

from microworld_harness import (
    ANNA,
    BOOK,
    GIRL,
    MARIA,
    PETER,
    TEACHER,
    a,
    aligns,
    answers,
    asks,
    says,
    the,
)

from otlib.data.microworld.situations import Clause, Thing

SENTENCES = [
    # The article: full and short, hard and soft, after each gender, in the plural, on the first adjective.
    (Clause("see", Thing("singer"), Thing("baker")), "Певецът вижда пекаря."),
    (Clause("see", Thing("king"), Thing("man")), "Кралят вижда мъжа."),
    (Clause("invite", Thing("father"), Thing("guest")), "Бащата кани госта."),
    (Clause("sing", Thing("child", plural=True), Thing("song")), "Децата пеят песента."),
    (Clause("feed", Thing("woman", plural=True), Thing("horse", plural=True)), "Жените хранят конете."),
    (Clause("drink", the("soldier", "young"), Thing("tea")), "Младият войник пие чая."),
    (Clause("carry", GIRL, the("chair", "white")), "Момичето носи белия стол."),
    (Clause("see", the("dog", "big"), the("bicycle", "blue")), "Голямото куче вижда синия велосипед."),
    (
        Clause("help", the("nurse", plural=True), the("farmer", "sad", plural=True)),
        "Медицинските сестри помагат на тъжните фермери.",
    ),
    # Indefinite: bare things, "един" with people and subjects, bare again under a negation.
    (Clause("read", a("student", "poor"), a("letter_mail", "old")), "Един беден студент чете старо писмо."),
    (Clause("see", a("sister"), a("doctor")), "Една сестра вижда един лекар."),
    (Clause("see", a("child"), a("doctor"), tense="past", negated=True), "Едно дете не видя лекар."),
    (Clause("buy", PETER, a("animal"), negated=True), "Петър не купува животно."),
    (Clause("eat", a("cow", plural=True), a("apple", plural=True)), "Крави ядат ябълки."),
    # Numbers: of things, of masculine people, with the article.
    (Clause("buy", a("teacher", count=2), a("chair", count=2)), "Двама учители купуват два стола."),
    (
        Clause("see", a("woman", count=2), a("window", "dirty", count=4)),
        "Две жени виждат четири мръсни прозореца.",
    ),
    (Clause("see", a("brother", count=5), a("horse", count=3)), "Петима братя виждат три коня."),
    (Clause("sleep", Thing("friend", count=3)), "Тримата приятели спят."),
    (Clause("hide", GIRL, Thing("key", count=2)), "Момичето крие двата ключа."),
    (Clause("see", ANNA, a("person", count=4)), "Анна вижда четирима души."),
    # Compounds: adjective, phrase, one word; nouns of two words.
    (Clause("drink", ANNA, Thing("apple_juice")), "Анна пие ябълковия сок."),
    (Clause("arrive", Thing("school_bus"), tense="past"), "Училищният автобус пристигна."),
    (Clause("carry", PETER, the("kitchen_table", "heavy")), "Петър носи тежката кухненска маса."),
    (Clause("find", PETER, the("house_key", "small")), "Петър намира малкия ключ за къщата."),
    (Clause("write", TEACHER, a("school_book"), tense="past"), "Учителят написа учебник."),
    (Clause("wash", ANNA, a("vehicle")), "Анна мие превозно средство."),
    (Clause("play_game", Thing("boy", plural=True), Thing("chess")), "Момчетата играят шах."),
    # Verbs that choose by their object, and objects with a preposition.
    (Clause("wash", ANNA, Thing("shirt"), tense="past"), "Анна изпра ризата."),
    (Clause("wash", ANNA, Thing("car"), tense="past"), "Анна изми колата."),
    (Clause("put_on", MARIA, Thing("winter_coat")), "Мария облича зимното палто."),
    (Clause("put_on", MARIA, Thing("hat"), tense="past"), "Мария си сложи шапката."),
    (Clause("take_off", MARIA, Thing("shoe", plural=True), modal="must"), "Мария трябва да събуе обувките."),
    (Clause("play_music", Thing("painter"), a("guitar")), "Художникът свири на китара."),
    (Clause("match_fit", Thing("scarf"), Thing("dress")), "Шалът подхожда на роклята."),
    (Clause("give", TEACHER, BOOK, Thing("child")), "Учителят дава книгата на детето."),
    (Clause("show", ANNA, a("tulip"), a("friend")), "Анна показва лале на един приятел."),
    (
        Clause("send", ANNA, a("rose", "red", count=3), PETER, tense="past"),
        "Анна изпрати три червени рози на Петър.",
    ),
    # The place of "се": before the verb, but never first.
    (Clause("call", MARIA, PETER, tense="past"), "Мария се обади на Петър."),
    (Clause("call", MARIA, PETER, pronoun=True), "Обажда се на Петър."),
    (Clause("laugh", Thing("girl", plural=True), pronoun=True, negated=True), "Не се смеят."),
    (Clause("call", Thing("king"), TEACHER, modal="want"), "Кралят иска да се обади на учителя."),
    # Past: aorist, imperfect, plurals.
    (Clause("eat", Thing("mouse", plural=True), Thing("cheese"), tense="past"), "Мишките изядоха сиренето."),
    (
        Clause("put_on", Thing("man", plural=True), a("coat", plural=True), tense="past"),
        "Мъжете облякоха палта.",
    ),
    (Clause("run", Thing("waiter"), time="yesterday", tense="past"), "Сервитьорът тичаше вчера."),
    (Clause("know_thing", GIRL, Thing("number"), tense="past"), "Момичето знаеше числото."),
    # Place, time, modals, reason.
    (
        Clause("read", MARIA, BOOK, place="garden", time="monday"),
        "Мария чете книгата в градината в понеделник.",
    ),
    (Clause("work", Thing("cook"), place="city", time="night"), "Готвачът работи в града през нощта."),
    (Clause("swim", Thing("fish", plural=True), modal="can"), "Рибите могат да плуват."),
    (Clause("wait", MARIA, modal="must", negated=True), "Мария няма нужда да чака."),
    (
        Clause("cut", Thing("boy"), Thing("bread"), modal="can", negated=True),
        "Момчето не може да нареже хляба.",
    ),
    (
        Clause("cry", MARIA, reason=Clause("laugh", the("neighbour", "old"), tense="past")),
        "Мария плаче, защото старият съсед се смееше.",
    ),
    # Synonyms: nouns with their articles and numbers, adjectives, verbs in present, past and behind "да".
    (Clause("see", Thing("dad"), Thing("gentleman")), "Таткото вижда господина."),
    (Clause("help", the("dad", "aged"), Thing("dad", plural=True)), "Възрастният татко помага на татковците."),
    (
        Clause("notice", a("dad", count=2), the("gentleman", "wealthy", plural=True), tense="past"),
        "Двама татковци забелязаха заможните господа.",
    ),
    (Clause("invite", Thing("pal"), Thing("instructor")), "Другарят кани преподавателя."),
    (Clause("notice", Thing("chef"), Thing("chauffeur"), tense="past"), "Кулинарят забеляза водача."),
    (
        Clause("assist", Thing("lady", plural=True), the("visitor", "feeble"), tense="past"),
        "Дамите подпомогнаха немощния посетител.",
    ),
    (
        Clause("wash", Thing("mum"), the("overcoat", "filthy", plural=True), tense="past"),
        "Мамата изпра изцапаните балтони.",
    ),
    (Clause("wash", Thing("mum"), a("garment"), modal="must"), "Мамата трябва да изпере дреха."),
    (
        Clause("clean_wash", the("kid", "youthful", plural=True), the("bike", "little"), tense="past"),
        "Младичките хлапета почистиха мъничкото колело.",
    ),
    (
        Clause("purchase", Thing("physician"), a("automobile", "costly", count=3), tense="past"),
        "Докторът закупи три скъпоструващи автомобила.",
    ),
    (Clause("fix", PETER, the("automobile", "spotless"), modal="can"), "Петър може да оправи изчистения автомобил."),
    (Clause("fix", PETER, Thing("bed"), tense="past"), "Петър отремонтира леглото."),  # "оправи" is "made the bed"
    (
        Clause("transport", Thing("man", plural=True), the("piano", "weighty"), modal="want"),
        "Мъжете искат да пренесат тежичкото пиано.",
    ),
    (Clause("watch", the("kid", "glad"), Thing("movie"), tense="past"), "Радостното хлапе изгледа лентата."),
    (
        Clause("detest", a("queen", "needy"), the("king", "powerful"), tense="past"),
        "Една безпарична кралица ненавиждаше мощния крал.",
    ),
    (Clause("adore", Thing("girl", plural=True), the("dog", "large")), "Момичетата обожават огромното куче."),
    (
        Clause("discover", ANNA, the("flute", "lightweight"), modal="must", negated=True),
        "Анна няма нужда да открие лекичката флейта.",
    ),
    (
        Clause("conceal", Thing("boy", plural=True), a("watch_clock", "inexpensive"), tense="past"),
        "Момчетата укриха изгоден часовник.",
    ),
    (
        Clause("prepare", MARIA, Thing("rice"), reason=Clause("weep", the("mum", "unhappy"), tense="past")),
        "Мария приготвя ориза, защото нещастната мама ридаеше.",
    ),
    (Clause("put_on", ANNA, a("hat", "pretty")), "Анна си слага хубава шапка."),
    # Place or time first: "се" finds a word to lean on there.
    (
        Clause("read", MARIA, BOOK, place="garden", time="monday", front="time"),
        "В понеделник Мария чете книгата в градината.",
    ),
    (
        Clause("read", MARIA, BOOK, place="garden", time="monday", front="place"),
        "В градината Мария чете книгата в понеделник.",
    ),
    (
        Clause("call", MARIA, PETER, time="evening", front="time", pronoun=True, tense="past"),
        "Вечерта се обади на Петър.",
    ),
    (Clause("call", MARIA, PETER, time="evening", pronoun=True), "Обажда се на Петър вечерта."),
    (Clause("laugh", Thing("kid", plural=True), place="bank_river", front="place"), "На брега хлапетата се смеят."),
    (
        Clause("put_on", ANNA, Thing("hat"), time="winter", front="time", pronoun=True, modal="must"),
        "През зимата трябва да си сложи шапката.",
    ),
    (
        Clause("see", a("sister"), Thing("bird"), time="yesterday", front="time", tense="past", negated=True),
        "Вчера една сестра не видя птицата.",
    ),
]

# Article, count form, aspect, place of "се": one wrong form fails.
test_sentences_are_those_a_bulgarian_would_write = says("bg", SENTENCES)


WHO_WHAT = Clause("read", MARIA, BOOK, place="school", time="sunday")
QUESTIONS = [
    (WHO_WHAT, "subject", "Кой чете книгата в училището в неделя?"),
    (WHO_WHAT, "object", "Какво чете Мария в училището в неделя?"),
    (WHO_WHAT, "place", "Къде Мария чете книгата в неделя?"),
    (WHO_WHAT, "time", "Кога Мария чете книгата в училището?"),
    (Clause("see", the("king", plural=True), PETER, tense="past"), "object", "Кого видяха кралете?"),
    (Clause("see", the("king", plural=True), PETER, tense="past"), "subject", "Кой видя Петър?"),
    (Clause("call", ANNA, Thing("nurse")), "object", "На кого се обажда Анна?"),
    (Clause("laugh", Thing("student"), place="park"), "place", "Къде се смее студентът?"),
    (Clause("give", TEACHER, BOOK, ANNA, tense="past"), "object", "Какво даде учителят на Анна?"),
    (Clause("arrive", Thing("bus", plural=True), place="station"), "subject", "Какво пристига на гарата?"),
    (Clause("buy", ANNA, a("hat"), modal="want"), "object", "Какво иска Анна да купи?"),
    (Clause("put_on", ANNA, a("hat"), time="winter"), "time", "Кога Анна си слага шапка?"),
    # How many: the count form of masculine things, but the plural of people.
    (
        Clause("discover", Thing("gentleman"), Thing("key"), place="garden", tense="past"),
        "count",
        "Колко ключа откри господинът в градината?",
    ),
    (Clause("buy", TEACHER, a("chair", "new", count=4)), "count", "Колко нови стола купува учителят?"),
    (Clause("read", ANNA, the("book", "old", plural=True)), "count", "Колко стари книги чете Анна?"),
    (Clause("fix", PETER, a("bike", count=2), tense="past"), "count", "Колко колела оправи Петър?"),
    (Clause("visit", MARIA, a("friend", plural=True), tense="past"), "count", "Колко приятели посети Мария?"),
    (Clause("see", MARIA, a("person", count=5), tense="past"), "count", "Колко души видя Мария?"),
    (Clause("find", MARIA, Thing("house_key")), "count", "Колко ключа за къщата намира Мария?"),
    (
        Clause("call", ANNA, a("pal", "sad", plural=True), time="morning", tense="past"),
        "count",
        "На колко тъжни другари се обади Анна сутринта?",
    ),
    (Clause("play_music", Thing("singer"), a("guitar", count=2)), "count", "На колко китари свири певецът?"),
    (
        Clause("conceal", Thing("boy", plural=True), Thing("knife"), modal="want"),
        "count",
        "Колко ножа искат момчетата да укрият?",
    ),
    (Clause("read", PETER, Thing("newspaper"), negated=True), "count", "Колко вестника не чете Петър?"),
    (Clause("give", TEACHER, a("rose"), ANNA, tense="past"), "count", "Колко рози даде учителят на Анна?"),
    # Who is seen, and who sees.
    (
        Clause("see", Thing("kid", plural=True), a("horse", plural=True), tense="past"),
        "count",
        "Колко коня хлапетата видяха?",
    ),
    (
        Clause("read", MARIA, Thing("book"), time="sunday", front="time"),
        "subject",
        "Кой чете книгата в неделя?",
    ),
]

# Question words, "се" after them, a subject that cannot be mistaken for the object.
test_questions_are_those_a_bulgarian_would_ask = asks("bg", QUESTIONS)

# English-Bulgarian, words counted from 0: sure links, and links that are only possible.
ALIGNMENTS = [
    # The girl reads the book . / Момичето чете книгата .
    (Clause("read", GIRL, BOOK), "1-0 2-1 4-2 5-3", "0-0 3-2"),
    # The teacher washes the old car . / Учителят мие старата кола .
    (Clause("wash", TEACHER, the("car", "old")), "1-0 2-1 4-2 5-3 6-4", "0-0 3-2"),
    # Anna drinks the apple juice . / Анна пие ябълковия сок .
    (Clause("drink", ANNA, Thing("apple_juice")), "0-0 1-1 3-2 4-3 5-4", "2-2"),
    # The nurse does not write the school book . / Медицинската сестра не пише учебника .
    (
        Clause("write", Thing("nurse"), Thing("school_book"), negated=True),
        "1-0 1-1 3-2 4-3 6-4 7-4 8-5",
        "0-0 2-3 5-4",
    ),
    # Maria gives a rose to the child in the garden . / Мария дава роза на детето в градината .
    (
        Clause("give", MARIA, a("rose"), Thing("child"), place="garden"),
        "0-0 1-1 3-2 4-3 6-4 7-5 9-6 10-7",
        "5-4 8-6",
    ),
    # They want to call Peter in the morning . / Искат да се обадят на Петър сутринта .
    (
        Clause("call", Thing("boy", plural=True), PETER, time="morning", modal="want", pronoun=True),
        "1-0 3-3 4-5 7-6 8-7",
        "0-3 1-1 2-0 2-1 3-2 3-4 4-4 5-6 6-6",
    ),
    # Maria laughs because two old men slept . / Мария се смее , защото двама стари мъже спаха .
    (
        Clause("laugh", MARIA, reason=Clause("sleep", a("man", "old", count=2), tense="past")),
        "0-0 1-2 2-4 3-5 4-6 5-7 6-8 7-9",
        "1-1",
    ),
    # In the garden Maria discovered the keys . / В градината Мария откри ключовете .
    (
        Clause("discover", MARIA, Thing("key", plural=True), place="garden", front="place", tense="past"),
        "0-0 2-1 3-2 4-3 6-4 7-5",
        "1-1 5-4",
    ),
]

# Hand-made links: suffixed articles, compounds, "се", "да", dropped pronouns.
test_alignments_with_english_are_exact = aligns("bg", ALIGNMENTS)

# "На кого се обажда?" is answered by "на Мария", not by "Мария".
test_the_answer_of_a_question_keeps_its_preposition = answers(
    "bg", [(Clause("call", PETER, MARIA), "object", "на Мария")]
)
