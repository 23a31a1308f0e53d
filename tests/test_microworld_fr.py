"""French of the embedded world, against sentences, questions and alignments written by hand."""

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
    # Articles with elision, adjectives before and after the noun, their agreement.
    (Clause("eat", the("boy", "happy"), the("apple", "small")), "Le garçon heureux mange la petite pomme."),
    (Clause("see", Thing("man"), the("bird", "black", plural=True)), "L'homme voit les oiseaux noirs."),
    (Clause("see", a("man", "old"), a("friend", "strong")), "Un vieil homme voit un ami fort."),
    (Clause("wash", the("nurse", "young"), Thing("scarf")), "La jeune infirmière lave l'écharpe."),
    (Clause("find", PETER, a("tool", "new")), "Peter trouve un nouvel outil."),
    (Clause("buy", a("queen", "rich"), a("dress", "beautiful")), "Une reine riche achète une belle robe."),
    (
        Clause("sell", the("king", plural=True), a("lamp", "orange_colour", count=2)),
        "Les rois vendent deux lampes orange.",
    ),
    (Clause("buy", MARIA, a("watch_clock", "cheap", plural=True)), "Maria achète des montres bon marché."),
    (Clause("paint", Thing("friend", count=3), the("chair", "white")), "Les trois amis peignent la chaise blanche."),
    (Clause("drink", Thing("child"), Thing("water")), "L'enfant boit l'eau."),
    # The indefinite plural: des, but de before an adjective.
    (
        Clause("feed", a("farmer", plural=True), a("horse", "big", plural=True)),
        "Des fermiers nourrissent de grands chevaux.",
    ),
    (Clause("show", PETER, BOOK, a("friend", "old", plural=True)), "Peter montre le livre à de vieux amis."),
    (Clause("show", PETER, BOOK, a("guest", "sad", plural=True)), "Peter montre le livre à des invités tristes."),
    # au, aux, du, de la, de l'; jouer de, jouer à, rendre visite à.
    (Clause("give", TEACHER, BOOK, Thing("boy")), "Le professeur donne le livre au garçon."),
    (Clause("give", TEACHER, BOOK, Thing("man")), "Le professeur donne le livre à l'homme."),
    (
        Clause("send", ANNA, a("letter_mail"), Thing("sister", plural=True), tense="past"),
        "Anna a envoyé une lettre aux sœurs.",
    ),
    (Clause("play_music", Thing("painter"), Thing("piano")), "Le peintre joue du piano."),
    (Clause("play_music", Thing("painter"), Thing("guitar")), "Le peintre joue de la guitare."),
    (Clause("play_music", Thing("painter"), a("instrument")), "Le peintre joue d'un instrument."),
    (Clause("play_music", Thing("painter"), a("flute"), negated=True), "Le peintre ne joue pas de flûte."),
    (Clause("play_music", Thing("painter"), a("violin", plural=True)), "Le peintre joue de violons."),
    (Clause("play_game", Thing("student", plural=True), Thing("chess")), "Les étudiants jouent aux échecs."),
    (Clause("play_game", GIRL, Thing("football"), tense="past"), "La fille a joué au football."),
    (Clause("visit", Thing("soldier"), ANNA, tense="past", negated=True), "Le soldat n'a pas rendu visite à Anna."),
    (Clause("match_fit", Thing("hat"), the("coat", plural=True)), "Le chapeau s'accorde avec les manteaux."),
    # Compounds and nouns of several words.
    (Clause("drink", ANNA, Thing("orange_juice")), "Anna boit le jus d'orange."),
    (Clause("bake", ANNA, a("apple_cake", plural=True)), "Anna cuit des gâteaux aux pommes."),
    (Clause("cook", Thing("cook"), a("potato", count=4)), "Le cuisinier cuisine quatre pommes de terre."),
    (Clause("put_on", ANNA, the("winter_coat", "red")), "Anna met le manteau d'hiver rouge."),
    (Clause("find", PETER, the("house_key", "expensive")), "Peter trouve la clé chère de la maison."),
    (
        Clause("drive", Thing("driver"), a("school_bus", "small", plural=True)),
        "Le conducteur conduit de petits bus scolaires.",
    ),
    # Past: avoir, être with agreement, reflexive, states in the imperfect.
    (
        Clause("arrive", Thing("mother", plural=True), place="station", tense="past"),
        "Les mères sont arrivées à la gare.",
    ),
    (Clause("depart", Thing("bus"), time="night", tense="past"), "Le bus est parti la nuit."),
    (Clause("get_up", MARIA, tense="past", negated=True), "Maria ne s'est pas levée."),
    (Clause("run", Thing("mouse", plural=True), tense="past"), "Les souris ont couru."),
    (Clause("know_thing", GIRL, Thing("word"), tense="past"), "La fille savait le mot."),
    (Clause("know_thing", GIRL, Thing("song")), "La fille connaît la chanson."),
    (Clause("love", Thing("neighbour", plural=True), PETER, tense="past"), "Les voisins aimaient Peter."),
    # Negation with "pas de"; modals.
    (Clause("read", Thing("baker"), Thing("newspaper"), negated=True), "Le boulanger ne lit pas le journal."),
    (Clause("eat", ANNA, a("orange_fruit"), tense="past", negated=True), "Anna n'a pas mangé d'orange."),
    (Clause("hide", PETER, a("coin", count=2), negated=True), "Peter ne cache pas deux pièces."),
    (
        Clause("open", GIRL, a("window", plural=True), modal="want", negated=True),
        "La fille ne veut pas ouvrir de fenêtres.",
    ),
    (Clause("get_up", Thing("waiter"), modal="must"), "Le serveur doit se lever."),
    (
        Clause("wait", Thing("doctor", plural=True), modal="must", negated=True),
        "Les médecins n'ont pas besoin d'attendre.",
    ),
    # Place, time, pronouns, reasons.
    (Clause("read", MARIA, BOOK, place="garden", time="monday"), "Maria lit le livre dans le jardin lundi."),
    (
        Clause("work", Thing("cook"), place="school", time="spring_season"),
        "Le cuisinier travaille à l'école au printemps.",
    ),
    (Clause("swim", Thing("mouse", plural=True), modal="can", pronoun=True), "Elles peuvent nager."),
    (
        Clause("cry", MARIA, reason=Clause("laugh", a("neighbour", "old"), tense="past")),
        "Maria pleure parce qu'un vieux voisin a ri.",
    ),
    # Synonyms in their forms.
    (
        Clause("purchase", the("lady", "wealthy", plural=True), the("overcoat", "costly"), tense="past"),
        "Les dames fortunées ont acquis le pardessus coûteux.",
    ),
    (
        Clause("fix", the("gentleman", "aged", plural=True), the("bike", "filthy", plural=True), tense="past"),
        "Les messieurs âgés ont rafistolé les bicyclettes crasseuses.",
    ),
    (
        Clause("detest", the("mum", "unhappy", plural=True), the("kid", "youthful", plural=True), tense="past"),
        "Les mamans malheureuses haïssaient les gamins juvéniles.",
    ),
    (Clause("detest", the("dad"), the("pal"), negated=True), "Le papa ne hait pas le copain."),
    (Clause("adore", PETER, a("horse", "large", plural=True), negated=True), "Peter n'adore pas de gros chevaux."),
    (Clause("carry", PETER, a("box", "large")), "Peter porte une grosse boîte."),
    (
        Clause("discover", the("physician", plural=True), a("watch_clock", "inexpensive", count=2), tense="past"),
        "Les docteurs ont découvert deux montres abordables.",
    ),
    (
        Clause("conceal", a("instructor", "old"), a("knife", "spotless"), negated=True),
        "Un vieil enseignant ne dissimule pas de couteau immaculé.",
    ),
    (Clause("weep", a("visitor", "needy", plural=True)), "Des visiteurs démunis sanglotent."),
    (
        Clause("notice", the("cow", "feeble"), the("automobile", "old"), tense="past"),
        "La vache chétive a aperçu la vieille automobile.",
    ),
    (
        Clause("clean_wash", the("chauffeur", "glad"), a("garment", "pretty", plural=True)),
        "Le chauffeur joyeux nettoie de jolis vêtements.",
    ),
    (Clause("wash", ANNA, the("dress", "pretty", plural=True)), "Anna lave les jolies robes."),
    (
        Clause("transport", the("pal", "powerful", count=3), a("guitar", "lightweight"), tense="past"),
        "Les trois copains robustes ont transporté une guitare ultralégère.",
    ),
    (Clause("carry", ANNA, the("table", "weighty")), "Anna porte la table pesante."),
    (Clause("prepare", the("chef", plural=True), a("egg"), modal="must"), "Les cuistots doivent préparer un œuf."),
    (Clause("assist", the("nurse"), a("lady", "little"), tense="past"), "L'infirmière a assisté une dame minuscule."),
    (Clause("watch", MARIA, a("movie", plural=True)), "Maria regarde des longs-métrages."),
    # Place or time said first.
    (
        Clause("buy", the("boy"), a("pear"), tense="past", time="monday", front="time"),
        "Lundi le garçon a acheté une poire.",
    ),
    (
        Clause("read", MARIA, BOOK, place="garden", time="summer", front="place"),
        "Dans le jardin Maria lit le livre en été.",
    ),
    (
        Clause("sleep", the("mouse", plural=True), place="kitchen", time="today", front="time", pronoun=True),
        "Aujourd'hui elles dorment dans la cuisine.",
    ),
    (Clause("weep", the("dad"), place="hospital", front="place", negated=True), "À l'hôpital le papa ne sanglote pas."),
    (
        Clause("get_up", the("nurse", plural=True), time="night", tense="past", front="time"),
        "La nuit les infirmières se sont levées.",
    ),
    (
        Clause("arrive", the("bus"), place="market", time="evening", modal="must", front="place"),
        "Au marché le bus doit arriver le soir.",
    ),
]

# Elision, agreement, contraction, auxiliary: one wrong form fails.
test_sentences_are_those_a_frenchman_would_write = says("fr", SENTENCES)


WHO_WHAT = Clause("read", MARIA, BOOK, place="school", time="sunday")
QUESTIONS = [
    (WHO_WHAT, "subject", "Qui lit le livre à l'école dimanche?"),
    (WHO_WHAT, "object", "Qu'est-ce que Maria lit à l'école dimanche?"),
    (WHO_WHAT, "place", "Où est-ce que Maria lit le livre dimanche?"),
    (WHO_WHAT, "time", "Quand est-ce que Maria lit le livre à l'école?"),
    (
        Clause("invite", Thing("king", plural=True), PETER, tense="past"),
        "object",
        "Qui est-ce que les rois ont invité?",
    ),
    (Clause("visit", ANNA, Thing("nurse")), "object", "À qui est-ce qu'Anna rend visite?"),
    (Clause("get_up", Thing("mother", plural=True), tense="past"), "subject", "Qui s'est levé?"),
    (Clause("give", TEACHER, BOOK, ANNA, tense="past"), "object", "Qu'est-ce que le professeur a donné à Anna?"),
    (Clause("arrive", Thing("bus", plural=True), place="station"), "subject", "Qu'est-ce qui arrive à la gare?"),
    (Clause("match_fit", Thing("hat"), Thing("coat")), "object", "Avec quoi est-ce que le chapeau s'accorde?"),
    (Clause("play_game", Thing("boy"), Thing("football")), "object", "À quoi est-ce que le garçon joue?"),
    (Clause("play_music", Thing("man"), Thing("piano")), "object", "De quoi est-ce que l'homme joue?"),
    # How many: the participle agrees with what is counted, but not behind a preposition.
    (
        Clause("discover", the("gentleman"), a("key", count=3), place="garden", tense="past"),
        "count",
        "Combien de clés est-ce que le monsieur a découvertes dans le jardin?",
    ),
    (
        Clause("purchase", the("queen", plural=True), the("piano", "old", plural=True), time="monday", tense="past"),
        "count",
        "Combien de vieux pianos est-ce que les reines ont acquis lundi?",
    ),
    (
        Clause("put_on", ANNA, a("scarf", plural=True), tense="past"),
        "count",
        "Combien d'écharpes est-ce qu'Anna a mises?",
    ),
    (Clause("write", ANNA, a("word", count=5), tense="past"), "count", "Combien de mots est-ce qu'Anna a écrits?"),
    (
        Clause("cook", the("chef"), a("potato", count=2), tense="past"),
        "count",
        "Combien de pommes de terre est-ce que le cuistot a cuisinées?",
    ),
    (
        Clause("assist", MARIA, a("friend", plural=True), tense="past", negated=True),
        "count",
        "Combien d'amis est-ce que Maria n'a pas assistés?",
    ),
    (
        Clause("see", the("boy", plural=True), a("person", plural=True), tense="past"),
        "count",
        "Combien de personnes est-ce que les garçons ont vues?",
    ),
    (
        Clause("visit", ANNA, a("nurse", "young", plural=True), tense="past"),
        "count",
        "À combien de jeunes infirmières est-ce qu'Anna a rendu visite?",
    ),
    (
        Clause("play_music", the("man"), a("guitar", count=2), tense="past"),
        "count",
        "De combien de guitares est-ce que l'homme a joué?",
    ),
    (
        Clause("match_fit", the("hat"), the("coat", "red", plural=True)),
        "count",
        "Avec combien de manteaux rouges est-ce que le chapeau s'accorde?",
    ),
    (
        Clause("give", TEACHER, a("book", "large", count=4), the("kid"), modal="want"),
        "count",
        "Combien de gros livres est-ce que le professeur veut donner au gamin?",
    ),
    (
        Clause("know_person", PETER, a("lady", plural=True), tense="past"),
        "count",
        "Combien de dames est-ce que Peter connaissait?",
    ),
]

# Question words with their preposition, "est-ce que" and its elision.
test_questions_are_those_a_frenchman_would_ask = asks("fr", QUESTIONS)

# English-French, words counted from 0: sure links, and links that are only possible.
ALIGNMENTS = [
    # The girl reads the red book . / La fille lit le livre rouge .
    (Clause("read", GIRL, the("book", "red")), "0-0 1-1 2-2 3-3 4-5 5-4 6-6", ""),
    # Anna drinks the orange juice . / Anna boit le jus d' orange .
    (Clause("drink", ANNA, Thing("orange_juice")), "0-0 1-1 2-2 3-5 4-3 5-6", "3-4"),
    # Peter did not eat a potato . / Peter n' a pas mangé de pomme de terre .
    (
        Clause("eat", PETER, a("potato"), tense="past", negated=True),
        "0-0 2-1 2-3 3-4 5-6 5-8 6-9",
        "1-2 1-4 3-2 4-5 5-7",
    ),
    # The teacher gives a rose to the boy in the morning . / Le professeur donne une rose au garçon le matin .
    (
        Clause("give", TEACHER, a("rose"), Thing("boy"), time="morning"),
        "0-0 1-1 2-2 3-3 4-4 5-5 6-5 7-6 9-7 10-8 11-9",
        "8-7",
    ),
    # The boys play chess . / Les garçons jouent aux échecs .
    (Clause("play_game", Thing("boy", plural=True), Thing("chess")), "0-0 1-1 2-2 3-4 4-5", "2-3"),
    # The painter does not play a flute in spring . / Le peintre ne joue pas de flûte au printemps .
    (
        Clause("play_music", Thing("painter"), a("flute"), time="spring_season", negated=True),
        "0-0 1-1 3-2 3-4 4-3 6-6 7-7 8-8 9-9",
        "2-3 2-5 4-5 5-5",
    ),
    # Peter works at the market . / Peter travaille au marché .
    (Clause("work", PETER, place="market"), "0-0 1-1 2-2 3-2 4-3 5-4", ""),
    # Dogs run in the garden . / Des chiens courent dans le jardin .
    (Clause("run", a("dog", plural=True), place="garden"), "0-1 1-2 2-3 3-4 4-5 5-6", "0-0"),
    # Maria gets up because he visits Peter . / Maria se lève parce qu' il rend visite à Peter .
    (
        Clause("get_up", MARIA, reason=Clause("visit", Thing("boy"), PETER, pronoun=True)),
        "0-0 1-2 2-2 3-3 4-5 5-6 5-7 6-9 7-10",
        "1-1 2-1 3-4 5-8",
    ),
    # Peter does not have to sleep . / Peter n' a pas besoin de dormir .
    (
        Clause("sleep", PETER, modal="must", negated=True),
        "0-0 2-1 2-3 3-4 5-6 6-7",
        "1-2 1-4 1-5 3-2 3-5 4-2 4-4 4-5",
    ),
    # In the morning a friend detested the king . / Le matin un ami haïssait le roi .
    (
        Clause("detest", a("friend"), the("king"), time="morning", tense="past", front="time"),
        "1-0 2-1 3-2 4-3 5-4 6-5 7-6 8-7",
        "0-0",
    ),
]

# Hand-made links: compounds, "ne ... pas", "au", auxiliaries, words of several words.
test_alignments_with_english_are_exact = aligns("fr", ALIGNMENTS)
