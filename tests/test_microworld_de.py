"""German of the embedded world, against sentences, questions and alignments written by hand."""

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
    # Articles and adjective endings: case, gender, after "der", after "ein", after nothing.
    (Clause("eat", the("boy", "happy"), the("apple", "big")), "Der glückliche Junge isst den großen Apfel."),
    (Clause("carry", a("man", "strong"), a("lamp", "heavy")), "Ein starker Mann trägt eine schwere Lampe."),
    (Clause("read", a("child", "poor"), a("book", "old")), "Ein armes Kind liest ein altes Buch."),
    (
        Clause("buy", the("queen", "rich"), a("hat", "orange_colour")),
        "Die reiche Königin kauft einen orangefarbenen Hut.",
    ),
    (Clause("buy", ANNA, a("watch_clock", "expensive")), "Anna kauft eine teure Uhr."),
    (
        Clause("sell", a("farmer", "old", plural=True), the("dress", "clean", plural=True)),
        "Alte Bauern verkaufen die sauberen Kleider.",
    ),
    (Clause("see", the("dog", plural=True), a("rose", "white", count=3)), "Die Hunde sehen drei weiße Rosen."),
    (
        Clause("wash", Thing("friend", count=2), the("car", "dirty", count=4)),
        "Die zwei Freunde waschen die vier schmutzigen Autos.",
    ),
    # Weak masculines.
    (Clause("know_person", Thing("student"), Thing("soldier")), "Der Student kennt den Soldaten."),
    (Clause("visit", Thing("farmer"), a("neighbour", "sad")), "Der Bauer besucht einen traurigen Nachbarn."),
    (Clause("learn", Thing("boy"), Thing("letter_alphabet")), "Der Junge lernt den Buchstaben."),
    (Clause("hear", MARIA, a("boy", "young")), "Maria hört einen jungen Jungen."),
    # Dative: of recipients, of "helfen", after "zu".
    (Clause("give", TEACHER, BOOK, Thing("child")), "Der Lehrer gibt dem Kind das Buch."),
    (
        Clause("send", ANNA, a("letter_mail", "beautiful"), the("doctor", "old", plural=True), tense="past"),
        "Anna hat den alten Ärzten einen schönen Brief geschickt.",
    ),
    (Clause("show", ANNA, BOOK, a("guest"), place="park"), "Anna zeigt das Buch im Park einem Gast."),
    (Clause("help", Thing("nurse"), a("woman", "weak")), "Die Krankenschwester hilft einer schwachen Frau."),
    (Clause("help", PETER, Thing("brother", plural=True)), "Peter hilft den Brüdern."),
    (Clause("match_fit", Thing("hat"), Thing("coat")), "Der Hut passt zum Mantel."),
    (Clause("match_fit", Thing("shoe", plural=True), Thing("scarf", plural=True)), "Die Schuhe passen zu den Schals."),
    (Clause("match_fit", Thing("scarf"), a("dress", "red"), negated=True), "Der Schal passt zu keinem roten Kleid."),
    # Compounds.
    (Clause("drink", ANNA, Thing("apple_juice")), "Anna trinkt den Apfelsaft."),
    (Clause("find", PETER, a("house_key", plural=True)), "Peter findet Hausschlüssel."),
    # Separable verbs: apart, joined in infinitive, participle and at the end of a clause.
    (Clause("call", MARIA, Thing("king"), time="evening"), "Maria ruft den König am Abend an."),
    (Clause("invite", PETER, ANNA, tense="past"), "Peter hat Anna eingeladen."),
    (
        Clause("pick_up", Thing("father"), GIRL, place="station", modal="must"),
        "Der Vater muss das Mädchen am Bahnhof abholen.",
    ),
    (
        Clause("wait", PETER, reason=Clause("call", Thing("driver"), a("waiter"))),
        "Peter wartet, weil der Fahrer einen Kellner anruft.",
    ),
    # The perfect with "sein" and with "haben".
    (
        Clause("arrive", Thing("bus", plural=True), time="night", tense="past"),
        "Die Busse sind in der Nacht angekommen.",
    ),
    (Clause("swim", Thing("fish"), tense="past"), "Der Fisch ist geschwommen."),
    (Clause("get_up", Thing("singer"), tense="past", negated=True), "Der Sänger ist nicht aufgestanden."),
    (Clause("drive", Thing("painter"), Thing("school_bus"), tense="past"), "Der Maler hat den Schulbus gefahren."),
    # Another verb, as the subject or the object has it.
    (Clause("eat", Thing("cow", plural=True), Thing("potato", plural=True)), "Die Kühe fressen die Kartoffeln."),
    (Clause("put_on", MARIA, a("hat")), "Maria setzt einen Hut auf."),
    (Clause("put_on", MARIA, Thing("winter_coat"), tense="past"), "Maria hat den Wintermantel angezogen."),
    (Clause("know_thing", GIRL, Thing("word")), "Das Mädchen weiß das Wort."),
    (Clause("know_thing", GIRL, Thing("song")), "Das Mädchen kennt das Lied."),
    (Clause("play_game", Thing("student", plural=True), Thing("chess")), "Die Studenten spielen Schach."),
    # Negation: "nicht" before the place and what belongs to the verb, "kein" with what is indefinite.
    (
        Clause("cook", Thing("cook"), Thing("rice"), place="kitchen", negated=True),
        "Der Koch kocht den Reis nicht in der Küche.",
    ),
    (
        Clause("open", Thing("child"), Thing("window"), time="today", negated=True),
        "Das Kind macht das Fenster heute nicht auf.",
    ),
    (Clause("bake", MARIA, a("cake"), place="house", negated=True), "Maria backt im Haus keinen Kuchen."),
    (
        Clause("hide", PETER, a("coin", "new", plural=True), tense="past", negated=True),
        "Peter hat keine neuen Münzen versteckt.",
    ),
    (Clause("help", PETER, a("child"), negated=True), "Peter hilft keinem Kind."),
    (
        Clause("play_game", Thing("king"), Thing("football"), place="park", negated=True),
        "Der König spielt im Park nicht Fußball.",
    ),
    (Clause("cut", ANNA, a("lemon", count=2), modal="want", negated=True), "Anna will nicht zwei Zitronen schneiden."),
    # Time before place; pronouns; the clause with "weil".
    (Clause("read", MARIA, BOOK, place="garden", time="monday"), "Maria liest das Buch am Montag im Garten."),
    (Clause("work", GIRL, place="market", pronoun=True), "Sie arbeitet auf dem Markt."),
    (Clause("sleep", Thing("sheep"), pronoun=True), "Es schläft."),
    (Clause("depart", Thing("car", plural=True), pronoun=True), "Sie fahren ab."),
    (
        Clause("cry", MARIA, tense="past", reason=Clause("laugh", the("neighbour", "old"), tense="past")),
        "Maria hat geweint, weil der alte Nachbar gelacht hat.",
    ),
    (
        Clause("run", Thing("dog"), reason=Clause("wash", Thing("man"), Thing("apple"), modal="can", negated=True)),
        "Der Hund läuft, weil der Mann den Apfel nicht waschen kann.",
    ),
    # Synonyms in their forms.
    (
        Clause("purchase", the("lady", "wealthy", plural=True), the("overcoat", "costly"), tense="past"),
        "Die wohlhabenden Damen haben den kostspieligen Paletot erworben.",
    ),
    (
        Clause("fix", the("gentleman", "aged"), the("bike", "filthy", plural=True)),
        "Der betagte Herr setzt die dreckigen Räder instand.",
    ),
    (Clause("fix", PETER, the("automobile"), modal="can"), "Peter kann den Wagen instandsetzen."),
    (
        Clause("detest", the("mum", "unhappy", plural=True), a("gentleman", "powerful"), tense="past"),
        "Die unglücklichen Mamas haben einen kräftigen Herrn verabscheut.",
    ),
    (Clause("adore", the("dad"), a("dog", "little")), "Der Papa vergöttert einen winzigen Hund."),
    (
        Clause("discover", the("physician", plural=True), a("watch_clock", "inexpensive", count=2), tense="past"),
        "Die Mediziner haben zwei preiswerte Uhren entdeckt.",
    ),
    (
        Clause("conceal", the("visitor"), a("knife", "spotless"), negated=True),
        "Der Besucher verbirgt kein fleckenloses Messer.",
    ),
    (Clause("weep", a("kid", "needy")), "Ein bedürftiges Kid heult."),
    (Clause("notice", the("cow", "feeble"), the("instructor")), "Die kraftlose Kuh erblickt den Pädagogen."),
    (
        Clause("clean_wash", the("chauffeur", "glad"), the("garment", "pretty", plural=True)),
        "Der fröhliche Chauffeur säubert die hübschen Kleidungsstücke.",
    ),
    (
        Clause("transport", the("pal", "youthful", count=3), the("piano", "weighty")),
        "Die drei jugendlichen Kumpel transportieren das schwergewichtige Klavier.",
    ),
    (Clause("carry", ANNA, a("flute", "lightweight", plural=True)), "Anna trägt leichtgewichtige Flöten."),
    (Clause("prepare", the("chef", plural=True), a("egg"), tense="past"), "Die Küchenchefs haben ein Ei zubereitet."),
    (Clause("prepare", MARIA, the("rice"), time="today"), "Maria bereitet den Reis heute zu."),
    (Clause("assist", the("nurse"), the("gentleman")), "Die Krankenschwester unterstützt den Herrn."),
    (Clause("show", ANNA, BOOK, a("pal", plural=True)), "Anna zeigt das Buch Kumpeln."),
    (Clause("watch", MARIA, a("movie"), modal="want"), "Maria will einen Streifen ansehen."),
    # Place or time said first: the verb stays second.
    (
        Clause("buy", the("boy"), a("pear"), time="monday", tense="past", front="time"),
        "Am Montag hat der Junge eine Birne gekauft.",
    ),
    (
        Clause("read", MARIA, BOOK, place="garden", time="summer", front="place"),
        "Im Garten liest Maria das Buch im Sommer.",
    ),
    (Clause("call", GIRL, PETER, time="evening", front="time", pronoun=True), "Am Abend ruft sie Peter an."),
    (
        Clause("open", the("child"), the("window"), place="school", time="today", front="time", negated=True),
        "Heute macht das Kind das Fenster nicht in der Schule auf.",
    ),
    (
        Clause("bake", MARIA, a("cake"), place="house", front="place", negated=True),
        "Im Haus backt Maria keinen Kuchen.",
    ),
    (
        Clause("give", TEACHER, a("rose"), the("child"), place="park", modal="want", front="place"),
        "Im Park will der Lehrer dem Kind eine Rose geben.",
    ),
]

# Case, endings, word order, auxiliary: one wrong form fails.
test_sentences_are_those_a_german_would_write = says("de", SENTENCES)


WHO_WHAT = Clause("read", MARIA, BOOK, place="school", time="sunday")
QUESTIONS = [
    (WHO_WHAT, "subject", "Wer liest das Buch am Sonntag in der Schule?"),
    (WHO_WHAT, "object", "Was liest Maria am Sonntag in der Schule?"),
    (WHO_WHAT, "place", "Wo liest Maria das Buch am Sonntag?"),
    (WHO_WHAT, "time", "Wann liest Maria das Buch in der Schule?"),
    (Clause("see", Thing("king", plural=True), PETER, tense="past"), "object", "Wen haben die Könige gesehen?"),
    (Clause("see", Thing("king", plural=True), PETER, tense="past"), "subject", "Wer hat Peter gesehen?"),
    (Clause("help", ANNA, Thing("nurse")), "object", "Wem hilft Anna?"),
    (Clause("invite", ANNA, PETER, place="city"), "place", "Wo lädt Anna Peter ein?"),
    (Clause("give", TEACHER, BOOK, ANNA, tense="past"), "object", "Was hat der Lehrer Anna gegeben?"),
    (Clause("arrive", Thing("bus", plural=True), place="station"), "subject", "Was kommt am Bahnhof an?"),
    (Clause("eat", Thing("mouse", plural=True), a("cheese")), "subject", "Wer frisst den Käse?"),
    (Clause("match_fit", Thing("hat"), Thing("coat")), "object", "Wozu passt der Hut?"),
    (Clause("buy", ANNA, a("hat"), time="winter", modal="want"), "time", "Wann will Anna einen Hut kaufen?"),
    # How many, in the case of the object and behind its preposition.
    (
        Clause("discover", the("gentleman"), a("key", count=3), place="garden", tense="past"),
        "count",
        "Wie viele Schlüssel hat der Herr im Garten entdeckt?",
    ),
    (
        Clause("buy", the("queen", plural=True), the("watch_clock", "expensive", plural=True), time="monday"),
        "count",
        "Wie viele teure Uhren kaufen die Königinnen am Montag?",
    ),
    (Clause("help", ANNA, a("friend", "old", plural=True)), "count", "Wie vielen alten Freunden hilft Anna?"),
    (
        Clause("help", the("boy"), a("child", count=2), tense="past"),
        "count",
        "Wie vielen Kindern hat der Junge geholfen?",
    ),
    (
        Clause("match_fit", the("hat"), a("coat", "red", plural=True)),
        "count",
        "Zu wie vielen roten Mänteln passt der Hut?",
    ),
    (Clause("invite", PETER, a("gentleman", count=4), time="today"), "count", "Wie viele Herren lädt Peter heute ein?"),
    (
        Clause("fix", the("boy", plural=True), a("chair", plural=True), modal="must"),
        "count",
        "Wie viele Stühle müssen die Jungen instandsetzen?",
    ),
    (
        Clause("give", TEACHER, a("book", count=5), ANNA, tense="past"),
        "count",
        "Wie viele Bücher hat der Lehrer Anna gegeben?",
    ),
    (
        Clause("read", MARIA, a("poem", plural=True), place="school", negated=True),
        "count",
        "Wie viele Gedichte liest Maria nicht in der Schule?",
    ),
    (Clause("find", MARIA, a("house_key", plural=True)), "count", "Wie viele Hausschlüssel findet Maria?"),
]

# Question words with their case; the verb second, its rest last.
test_questions_are_those_a_german_would_ask = asks("de", QUESTIONS)

# English-German, words counted from 0: sure links, and links that are only possible.
ALIGNMENTS = [
    # The girl reads the book . / Das Mädchen liest das Buch .
    (Clause("read", GIRL, BOOK), "0-0 1-1 2-2 3-3 4-4 5-5", ""),
    # Anna drinks the apple juice . / Anna trinkt den Apfelsaft .
    (Clause("drink", ANNA, Thing("apple_juice")), "0-0 1-1 2-2 3-3 4-3 5-4", ""),
    # Maria calls the king in the garden . / Maria ruft den König im Garten an .
    (
        Clause("call", MARIA, Thing("king"), place="garden"),
        "0-0 1-1 1-6 2-2 3-3 4-4 5-4 6-5 7-7",
        "",
    ),
    # Peter did not read a book . / Peter hat kein Buch gelesen .
    (
        Clause("read", PETER, a("book"), tense="past", negated=True),
        "0-0 2-2 3-4 5-3 6-5",
        "1-1 1-4 3-1 4-2",
    ),
    # The teacher gives a rose to the child . / Der Lehrer gibt dem Kind eine Rose .
    (
        Clause("give", TEACHER, a("rose"), Thing("child")),
        "0-0 1-1 2-2 3-5 4-6 6-3 7-4 8-7",
        "5-3",
    ),
    # Anna gives the book to children . / Anna gibt das Buch Kindern .
    (Clause("give", ANNA, BOOK, a("child", plural=True)), "0-0 1-1 2-2 3-3 5-4 6-5", "4-4"),
    # The hat matches the coat . / Der Hut passt zum Mantel .
    (Clause("match_fit", Thing("hat"), Thing("coat")), "0-0 1-1 2-2 3-3 4-4 5-5", "2-3"),
    # Maria cries because the old man wants to sleep . / Maria weint , weil der alte Mann schlafen will .
    (
        Clause("cry", MARIA, reason=Clause("sleep", the("man", "old"), modal="want")),
        "0-0 1-1 2-3 3-4 4-5 5-6 6-8 8-7 9-9",
        "7-8",
    ),
    # In the garden Maria fixed a chair . / Im Garten hat Maria einen Stuhl instandgesetzt .
    (
        Clause("fix", MARIA, a("chair"), place="garden", tense="past", front="place"),
        "0-0 1-0 2-1 3-3 4-6 5-4 6-5 7-7",
        "4-2",
    ),
]

# Hand-made links: compounds, separable verbs, "kein", "zum", the verb at the end.
test_alignments_with_english_are_exact = aligns("de", ALIGNMENTS)
