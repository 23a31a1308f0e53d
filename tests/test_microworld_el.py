"""Greek of the embedded world, against sentences, questions and alignments written by hand."""

from microworld_harness import (
    ANNA,
    BOOK,
    GIRL,
    MARIA,
    PETER,
    TEACHER,
    VICTOR,
    a,
    aligns,
    answers,
    asks,
    says,
    the,
)

from otlib.data.microworld.situations import Clause, Thing

SENTENCES = [
    # Articles with names and nouns; final ν; nominative and accusative.
    (Clause("see", MARIA, PETER), "Η Μαρία βλέπει τον Πέτρο."),
    (Clause("see", VICTOR, MARIA), "Ο Βίκτορας βλέπει τη Μαρία."),
    (Clause("see", PETER, VICTOR), "Ο Πέτρος βλέπει τον Βίκτορα."),
    (Clause("close", GIRL, Thing("door")), "Το κορίτσι κλείνει την πόρτα."),
    (Clause("feed", TEACHER, the("cat", "white")), "Ο δάσκαλος ταΐζει την άσπρη γάτα."),
    (Clause("feed", TEACHER, Thing("cat")), "Ο δάσκαλος ταΐζει τη γάτα."),
    (Clause("buy", GIRL, Thing("banana")), "Το κορίτσι αγοράζει την μπανάνα."),
    # Indefinite, plural, number.
    (Clause("see", a("king"), a("dog", "big")), "Ένας βασιλιάς βλέπει έναν μεγάλο σκύλο."),
    (
        Clause("eat", the("farmer", "poor", plural=True), a("apple", plural=True)),
        "Οι φτωχοί αγρότες τρώνε μήλα.",
    ),
    (
        Clause("help", the("nurse", plural=True), the("baker", "sad", plural=True)),
        "Οι νοσοκόμες βοηθούν τους λυπημένους φουρνάρηδες.",
    ),
    (
        Clause("buy", a("woman", count=3), a("horse", "black", count=3)),
        "Τρεις γυναίκες αγοράζουν τρία μαύρα άλογα.",
    ),
    (
        Clause("invite", Thing("guest", count=2), a("doctor", count=4)),
        "Οι δύο καλεσμένοι προσκαλούν τέσσερις γιατρούς.",
    ),
    # Old people, old animals and old things; irregular and indeclinable adjectives.
    (Clause("see", the("man", "old"), the("horse", "old")), "Ο ηλικιωμένος άντρας βλέπει το γέρικο άλογο."),
    (
        Clause("carry", GIRL, the("violin", "old", plural=True)),
        "Το κορίτσι κουβαλάει τα παλιά βιολιά.",
    ),
    (Clause("carry", PETER, a("chair", "heavy")), "Ο Πέτρος κουβαλάει μια βαριά καρέκλα."),
    (Clause("wash", PETER, the("boat", "blue", plural=True)), "Ο Πέτρος πλένει τις μπλε βάρκες."),
    # Compounds: genitive, adjective, one word; mass nouns and games.
    (Clause("drink", ANNA, Thing("apple_juice")), "Η Άννα πίνει τον χυμό μήλου."),
    (
        Clause("wash", ANNA, the("school_bus", "dirty", plural=True)),
        "Η Άννα πλένει τα βρώμικα σχολικά λεωφορεία.",
    ),
    (Clause("cook", Thing("cook"), Thing("potato_soup")), "Ο μάγειρας μαγειρεύει την πατατόσουπα."),
    (Clause("open", Thing("boy"), Thing("kitchen_door")), "Το αγόρι ανοίγει την πόρτα της κουζίνας."),
    (Clause("play_game", Thing("student", plural=True), Thing("chess")), "Οι φοιτητές παίζουν σκάκι."),
    (Clause("play_music", Thing("singer"), a("guitar")), "Ο τραγουδιστής παίζει κιθάρα."),
    (Clause("sell", MARIA, a("instrument")), "Η Μαρία πουλάει ένα μουσικό όργανο."),
    # Recipients and objects with a preposition.
    (Clause("give", TEACHER, BOOK, Thing("child")), "Ο δάσκαλος δίνει το βιβλίο στο παιδί."),
    (Clause("show", ANNA, a("letter_mail"), MARIA), "Η Άννα δείχνει ένα γράμμα στη Μαρία."),
    (Clause("send", ANNA, a("rose"), a("friend", count=2)), "Η Άννα στέλνει ένα τριαντάφυλλο σε δύο φίλους."),
    (
        Clause("bring", Thing("waiter", plural=True), Thing("coffee"), Thing("queen", plural=True)),
        "Οι σερβιτόροι φέρνουν τον καφέ στις βασίλισσες.",
    ),
    (Clause("call", MARIA, PETER, tense="past"), "Η Μαρία τηλεφώνησε στον Πέτρο."),
    (
        Clause("match_fit", Thing("hat"), Thing("winter_coat")),
        "Το καπέλο ταιριάζει με το χειμωνιάτικο παλτό.",
    ),
    # Past: aorist with and without augment, imperfect of states, deponents, plurals.
    (Clause("write", GIRL, a("word"), tense="past"), "Το κορίτσι έγραψε μια λέξη."),
    (Clause("read", Thing("boy", plural=True), BOOK, tense="past"), "Τα αγόρια διάβασαν το βιβλίο."),
    (
        Clause("know_thing", GIRL, Thing("number", plural=True), tense="past"),
        "Το κορίτσι ήξερε τους αριθμούς.",
    ),
    (Clause("visit", ANNA, Thing("brother", plural=True), tense="past"), "Η Άννα επισκέφτηκε τους αδελφούς."),
    (
        Clause("get_up", Thing("soldier", plural=True), time="morning", tense="past"),
        "Οι στρατιώτες σηκώθηκαν το πρωί.",
    ),
    # Place and time.
    (
        Clause("read", MARIA, BOOK, place="garden", time="monday"),
        "Η Μαρία διαβάζει το βιβλίο στον κήπο τη Δευτέρα.",
    ),
    (Clause("sleep", Thing("sheep", plural=True), place="mountain"), "Τα πρόβατα κοιμούνται στο βουνό."),
    # Negation, modals, dropped pronouns.
    (Clause("drink", MARIA, Thing("milk"), negated=True), "Η Μαρία δεν πίνει το γάλα."),
    (Clause("buy", PETER, a("animal"), negated=True), "Ο Πέτρος δεν αγοράζει κανένα ζώο."),
    (Clause("see", PETER, a("driver"), tense="past", negated=True), "Ο Πέτρος δεν είδε κανέναν οδηγό."),
    (Clause("see", GIRL, a("bird"), modal="can"), "Το κορίτσι μπορεί να δει ένα πουλί."),
    (Clause("sing", Thing("man", plural=True), modal="want"), "Οι άντρες θέλουν να τραγουδήσουν."),
    (Clause("work", Thing("baker", plural=True), modal="must"), "Οι φουρνάρηδες πρέπει να δουλέψουν."),
    (Clause("wait", MARIA, modal="must", negated=True), "Η Μαρία δεν χρειάζεται να περιμένει."),
    (Clause("hide", Thing("boy"), Thing("key"), tense="past", pronoun=True), "Έκρυψε το κλειδί."),
    (
        Clause("take_off", Thing("woman", plural=True), Thing("scarf"), modal="want", pronoun=True),
        "Θέλουν να βγάλουν το κασκόλ.",
    ),
    (
        Clause("laugh", MARIA, reason=Clause("dance", the("king", "old"), tense="past")),
        "Η Μαρία γελάει, επειδή ο ηλικιωμένος βασιλιάς χόρεψε.",
    ),
]

# Case, agreement, final ν, augment, "να": one wrong form fails.
test_sentences_are_those_a_greek_would_write = says("el", SENTENCES)


WHO_WHAT = Clause("read", MARIA, BOOK, place="school", time="sunday")
QUESTIONS = [
    (WHO_WHAT, "subject", "Ποιος διαβάζει το βιβλίο στο σχολείο την Κυριακή;"),
    (WHO_WHAT, "object", "Τι διαβάζει η Μαρία στο σχολείο την Κυριακή;"),
    (WHO_WHAT, "place", "Πού διαβάζει η Μαρία το βιβλίο την Κυριακή;"),
    (WHO_WHAT, "time", "Πότε διαβάζει η Μαρία το βιβλίο στο σχολείο;"),
    (Clause("see", the("king", plural=True), PETER, tense="past"), "object", "Ποιον είδαν οι βασιλιάδες;"),
    (Clause("see", the("king", plural=True), PETER, tense="past"), "subject", "Ποιος είδε τον Πέτρο;"),
    (Clause("call", ANNA, Thing("nurse")), "object", "Σε ποιον τηλεφωνεί η Άννα;"),
    (Clause("give", ANNA, BOOK, TEACHER, tense="past"), "object", "Τι έδωσε η Άννα στον δάσκαλο;"),
    (Clause("arrive", Thing("bus", plural=True), place="station"), "subject", "Τι φτάνει στον σταθμό;"),
    (Clause("arrive", Thing("bus", plural=True), place="station"), "place", "Πού φτάνουν τα λεωφορεία;"),
    (
        Clause("buy", ANNA, a("hat"), modal="want", place="park"),
        "place",
        "Πού θέλει να αγοράσει η Άννα ένα καπέλο;",
    ),
]

# Question words by case, the verb before its subject, the Greek question mark.
test_questions_are_those_a_greek_would_ask = asks("el", QUESTIONS)

# English-Greek, words counted from 0: sure links, and links that are only possible.
ALIGNMENTS = [
    # The girl reads the book . / Το κορίτσι διαβάζει το βιβλίο .
    (Clause("read", GIRL, BOOK), "0-0 1-1 2-2 3-3 4-4 5-5", ""),
    # Anna drinks the apple juice . / Η Άννα πίνει τον χυμό μήλου .
    (Clause("drink", ANNA, Thing("apple_juice")), "0-1 1-2 2-3 3-5 4-4 5-6", "0-0"),
    # The cook does not cook the potato soup . / Ο μάγειρας δεν μαγειρεύει την πατατόσουπα .
    (
        Clause("cook", Thing("cook"), Thing("potato_soup"), negated=True),
        "0-0 1-1 3-2 4-3 5-4 6-5 7-5 8-6",
        "2-3",
    ),
    # Maria gives a rose to the child in the garden . / Η Μαρία δίνει ένα τριαντάφυλλο στο παιδί στον κήπο .
    (
        Clause("give", MARIA, a("rose"), Thing("child"), place="garden"),
        "0-1 1-2 2-3 3-4 4-5 5-5 6-6 7-7 8-7 9-8 10-9",
        "0-0",
    ),
    # They want to call Peter on Monday . / Θέλουν να τηλεφωνήσουν στον Πέτρο τη Δευτέρα .
    (
        Clause("call", Thing("boy", plural=True), PETER, time="monday", modal="want", pronoun=True),
        "1-0 3-2 4-4 6-6 7-7",
        "0-2 2-0 2-1 1-1 3-3 4-3 5-5",
    ),
    # Peter does not see a dog . / Ο Πέτρος δεν βλέπει κανέναν σκύλο .
    (Clause("see", PETER, a("dog"), negated=True), "0-1 2-2 3-3 4-4 5-5 6-6", "0-0 1-3 2-4"),
    # Maria laughs because two old men danced . / Η Μαρία γελάει , επειδή δύο ηλικιωμένοι άντρες χόρεψαν .
    (
        Clause("laugh", MARIA, reason=Clause("dance", a("man", "old", count=2), tense="past")),
        "0-1 1-2 2-4 3-5 4-6 5-7 6-8 7-9",
        "0-0",
    ),
]

# Hand-made links: contractions, names' articles, auxiliaries, one-word compounds, dropped pronouns.
test_alignments_with_english_are_exact = aligns("el", ALIGNMENTS)

# "Σε ποιον τηλεφωνεί;" is answered by "στη Μαρία", not by "Μαρία".
test_the_answer_of_a_question_keeps_its_preposition = answers(
    "el", [(Clause("call", PETER, MARIA), "object", "στη Μαρία")]
)
