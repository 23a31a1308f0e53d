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
    # Synonyms: nouns in their cases, adjectives after each gender, verbs in present, past and behind "να".
    (Clause("see", Thing("mum"), Thing("gentleman")), "Η μαμά βλέπει τον κύριο."),
    (
        Clause("notice", Thing("gentleman", plural=True), the("mum", "pretty"), tense="past"),
        "Οι κύριοι παρατήρησαν την ωραία μαμά.",
    ),
    (Clause("feed", Thing("lady"), the("cat", "large")), "Η κυρία ταΐζει την τεράστια γάτα."),
    (
        Clause("assist", Thing("dad", plural=True), the("gentleman", "aged", plural=True), tense="past"),
        "Οι μπαμπάδες συνέδραμαν τους γερασμένους κυρίους.",
    ),
    (
        Clause("detest", the("pal", "wealthy", plural=True), the("instructor", "needy", plural=True), tense="past"),
        "Οι εύποροι κολλητοί απεχθάνονταν τους άπορους εκπαιδευτικούς.",
    ),
    (Clause("detest", Thing("chef", plural=True), Thing("chauffeur")), "Οι σεφ απεχθάνονται τον σοφέρ."),
    (
        Clause("adore", the("lady", "youthful"), Thing("kid", plural=True), tense="past"),
        "Η νέα κυρία λάτρευε τα πιτσιρίκια.",
    ),
    (
        Clause("purchase", the("physician", "glad"), a("automobile", "costly", count=3), tense="past"),
        "Ο ευτυχισμένος ιατρός ψώνισε τρία πανάκριβα αμάξια.",
    ),
    (
        Clause("fix", Thing("visitor", plural=True), the("door", "weighty"), modal="must"),
        "Οι επισκέπτες πρέπει να επιδιορθώσουν την ασήκωτη πόρτα.",
    ),
    (
        Clause("clean_wash", ANNA, the("overcoat", "filthy", plural=True), tense="past"),
        "Η Άννα καθάρισε τα λερωμένα πανωφόρια.",
    ),
    (Clause("clean_wash", ANNA, a("pear", count=2), tense="past"), "Η Άννα ξέπλυνε δύο αχλάδια."),
    (Clause("wash", ANNA, a("garment"), negated=True), "Η Άννα δεν πλένει κανένα ρούχο."),
    (
        Clause("transport", Thing("student", plural=True), a("lamp", "inexpensive"), tense="past"),
        "Οι φοιτητές μετέφεραν μια πάμφθηνη λάμπα.",
    ),
    (Clause("conceal", Thing("boy", plural=True), Thing("key"), tense="past"), "Τα αγόρια καταχώνιασαν το κλειδί."),
    (
        Clause("discover", GIRL, a("flute", "spotless"), modal="can"),
        "Το κορίτσι μπορεί να ανακαλύψει ένα πεντακάθαρο φλάουτο.",
    ),
    (
        Clause(
            "prepare", MARIA, Thing("rice"), reason=Clause("weep", the("boy", "unhappy", plural=True), tense="past")
        ),
        "Η Μαρία ετοιμάζει το ρύζι, επειδή τα δυστυχισμένα αγόρια δάκρυσαν.",
    ),
    (Clause("watch", Thing("kid"), Thing("movie", plural=True), tense="past"), "Το πιτσιρίκι παρακολούθησε τα φιλμ."),
    (
        Clause("see", the("soldier", "powerful"), the("mouse", "little")),
        "Ο ισχυρός στρατιώτης βλέπει το μικροσκοπικό ποντίκι.",
    ),
    (Clause("wash", PETER, a("bike"), modal="want"), "Ο Πέτρος θέλει να πλύνει ένα δίκυκλο."),
    # Place or time first.
    (
        Clause("read", MARIA, BOOK, place="garden", time="monday", front="time"),
        "Τη Δευτέρα η Μαρία διαβάζει το βιβλίο στον κήπο.",
    ),
    (
        Clause("read", MARIA, BOOK, place="garden", time="monday", front="place"),
        "Στον κήπο η Μαρία διαβάζει το βιβλίο τη Δευτέρα.",
    ),
    (
        Clause("call", MARIA, PETER, time="evening", front="time", pronoun=True, tense="past"),
        "Το βράδυ τηλεφώνησε στον Πέτρο.",
    ),
    (
        Clause("see", GIRL, a("dog"), time="yesterday", front="time", tense="past", negated=True),
        "Χθες το κορίτσι δεν είδε κανέναν σκύλο.",
    ),
    (
        Clause("dance", Thing("lady", plural=True), place="beach", front="place", modal="want"),
        "Στην παραλία οι κυρίες θέλουν να χορέψουν.",
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
    # How many: the accusative of each gender, behind its preposition if the verb has one.
    (
        Clause("discover", Thing("gentleman"), Thing("key"), place="garden", tense="past"),
        "count",
        "Πόσα κλειδιά ανακάλυψε ο κύριος στον κήπο;",
    ),
    (Clause("win", TEACHER, a("match_game", count=4), tense="past"), "count", "Πόσους αγώνες κέρδισε ο δάσκαλος;"),
    (Clause("carry", ANNA, the("chair", "heavy", plural=True)), "count", "Πόσες βαριές καρέκλες κουβαλάει η Άννα;"),
    (
        Clause("visit", MARIA, a("friend", "needy", plural=True), time="sunday", tense="past"),
        "count",
        "Πόσους άπορους φίλους επισκέφτηκε η Μαρία την Κυριακή;",
    ),
    (Clause("see", MARIA, a("person", count=5), tense="past"), "count", "Πόσους ανθρώπους είδε η Μαρία;"),
    (Clause("call", ANNA, a("lady", plural=True), tense="past"), "count", "Σε πόσες κυρίες τηλεφώνησε η Άννα;"),
    (Clause("match_fit", Thing("hat"), a("overcoat", count=2)), "count", "Με πόσα πανωφόρια ταιριάζει το καπέλο;"),
    (
        Clause("conceal", Thing("dad", plural=True), Thing("knife"), modal="want"),
        "count",
        "Πόσα μαχαίρια θέλουν να καταχωνιάσουν οι μπαμπάδες;",
    ),
    (Clause("read", PETER, a("newspaper"), negated=True), "count", "Πόσες εφημερίδες δεν διαβάζει ο Πέτρος;"),
    (Clause("play_music", Thing("singer"), a("guitar")), "count", "Πόσες κιθάρες παίζει ο τραγουδιστής;"),
    (Clause("give", TEACHER, a("rose"), ANNA, tense="past"), "count", "Πόσα τριαντάφυλλα έδωσε ο δάσκαλος στην Άννα;"),
    (Clause("find", GIRL, Thing("house_key")), "count", "Πόσα κλειδιά του σπιτιού βρίσκει το κορίτσι;"),
    (Clause("read", MARIA, BOOK, time="sunday", front="time"), "subject", "Ποιος διαβάζει το βιβλίο την Κυριακή;"),
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
    # In the garden Maria discovered the keys . / Στον κήπο η Μαρία ανακάλυψε τα κλειδιά .
    (
        Clause("discover", MARIA, Thing("key", plural=True), place="garden", front="place", tense="past"),
        "0-0 1-0 2-1 3-3 4-4 5-5 6-6 7-7",
        "3-2",
    ),
]

# Hand-made links: contractions, names' articles, auxiliaries, one-word compounds, dropped pronouns.
test_alignments_with_english_are_exact = aligns("el", ALIGNMENTS)

# "Σε ποιον τηλεφωνεί;" is answered by "στη Μαρία", not by "Μαρία".
test_the_answer_of_a_question_keeps_its_preposition = answers(
    "el", [(Clause("call", PETER, MARIA), "object", "στη Μαρία")]
)
