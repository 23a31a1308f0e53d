"""English of the embedded world, against sentences and questions written by hand."""

from microworld_harness import ANNA, MARIA, PETER, a, asks, says, the

from otlib.data.microworld.situations import Clause, Thing

SENTENCES = [
    (Clause("eat", ANNA, a("apple")), "Anna eats an apple."),
    (Clause("eat", ANNA, a("apple", "green")), "Anna eats a green apple."),
    (Clause("buy", the("child"), a("coat", "orange_colour")), "The child buys an orange coat."),
    (Clause("buy", the("child", plural=True), a("watch_clock", plural=True)), "The children buy watches."),
    (Clause("feed", a("woman", count=3), a("mouse", "small", count=2)), "Three women feed two small mice."),
    (Clause("invite", the("guest", count=2), the("man", plural=True)), "The two guests invite the men."),
    (Clause("drink", PETER, the("apple_juice")), "Peter drinks the apple juice."),
    (Clause("wash", MARIA, a("scarf", "dirty", plural=True)), "Maria washes dirty scarves."),
    (Clause("play_game", PETER, Thing("chess"), place="park"), "Peter plays chess in the park."),
    (Clause("play_music", the("king"), the("piano"), tense="past"), "The king played the piano."),
    (Clause("match_fit", the("hat"), the("dress", "blue")), "The hat matches the blue dress."),
    (Clause("watch", ANNA, the("match_game")), "Anna watches the match."),
    (Clause("know_thing", ANNA, the("word")), "Anna knows the word."),
    (Clause("look_for", the("boy"), a("key"), tense="past"), "The boy looked for a key."),
    (Clause("pick_up", PETER, the("nurse"), negated=True), "Peter does not pick up the nurse."),
    (Clause("take_off", PETER, the("coat"), tense="past", negated=True), "Peter did not take off the coat."),
    (Clause("sleep", the("dog", plural=True), negated=True), "The dogs do not sleep."),
    (
        Clause("give", the("teacher"), a("book", "old", count=2), the("boy"), tense="past"),
        "The teacher gave two old books to the boy.",
    ),
    (Clause("send", MARIA, a("letter_mail"), PETER, time="monday"), "Maria sends a letter to Peter on Monday."),
    (Clause("work", MARIA, place="bank_money", time="morning"), "Maria works in the bank in the morning."),
    (Clause("sleep", MARIA, place="bank_river", time="night"), "Maria sleeps on the bank at night."),
    (Clause("depart", the("school_bus"), time="yesterday", tense="past"), "The school bus left yesterday."),
    (Clause("swim", the("girl"), modal="can"), "The girl can swim."),
    (Clause("swim", the("girl"), modal="can", negated=True), "The girl can not swim."),
    (Clause("get_up", PETER, modal="must"), "Peter must get up."),
    (Clause("get_up", PETER, modal="must", negated=True), "Peter does not have to get up."),
    (Clause("sing", the("girl", plural=True), the("song"), modal="want"), "The girls want to sing the song."),
    (Clause("cook", ANNA, the("soup"), modal="want", negated=True), "Anna does not want to cook the soup."),
    (Clause("cry", the("queen"), pronoun=True, tense="past"), "She cried."),
    (Clause("see", the("mouse"), a("cat"), pronoun=True), "It sees a cat."),
    (Clause("run", the("king", plural=True), pronoun=True), "They run."),
    (
        Clause("laugh", PETER, reason=Clause("dance", the("cook"), tense="past")),
        "Peter laughs because the cook danced.",
    ),
    # Synonyms in their forms.
    (
        Clause("purchase", the("lady", "wealthy", plural=True), a("overcoat"), tense="past"),
        "The wealthy ladies purchased an overcoat.",
    ),
    (
        Clause("fix", the("gentleman", "aged", plural=True), the("bike", "filthy", plural=True)),
        "The aged gentlemen fix the filthy bikes.",
    ),
    (Clause("adore", a("instructor", "unhappy"), the("kid", "little")), "An unhappy instructor adores the little kid."),
    (Clause("detest", the("mum"), a("dog", "large", plural=True), negated=True), "The mum does not detest large dogs."),
    (Clause("discover", the("dad"), a("watch_clock", "inexpensive")), "The dad discovers an inexpensive watch."),
    (Clause("conceal", the("chef"), the("knife", "spotless"), tense="past"), "The chef concealed the spotless knife."),
    (Clause("weep", the("visitor", "needy", plural=True), tense="past"), "The needy visitors wept."),
    (Clause("notice", a("cow", "feeble"), a("automobile")), "A feeble cow notices an automobile."),
    (Clause("clean_wash", the("chauffeur", "glad"), a("garment")), "The glad chauffeur cleans a garment."),
    (
        Clause("transport", the("pal", "powerful", count=3), the("piano", "weighty")),
        "The three powerful pals transport the weighty piano.",
    ),
    (Clause("prepare", the("physician"), a("egg"), modal="want"), "The physician wants to prepare an egg."),
    (Clause("assist", the("boy", "youthful"), the("lady"), tense="past"), "The youthful boy assisted the lady."),
    (Clause("watch", the("lady"), a("movie", plural=True), pronoun=True), "She watches movies."),
    # Place or time said first.
    (
        Clause("read", MARIA, the("book"), place="garden", time="today", front="time"),
        "Today Maria reads the book in the garden.",
    ),
    (
        Clause("read", MARIA, the("book"), place="garden", time="summer", front="place"),
        "In the garden Maria reads the book in summer.",
    ),
    (Clause("get_up", PETER, time="monday", negated=True, front="time"), "On Monday Peter does not get up."),
    (Clause("sleep", the("dad"), place="school", modal="can", pronoun=True, front="place"), "At school he can sleep."),
    (
        Clause("give", ANNA, a("rose"), the("kid"), time="night", tense="past", front="time"),
        "At night Anna gave a rose to the kid.",
    ),
]

# Articles, plurals, third person, do-support, particles, modals.
test_sentences_are_those_an_english_speaker_would_write = says("en", SENTENCES)


QUESTIONS = [
    (Clause("eat", ANNA, a("apple")), "subject", "Who eats an apple?"),
    (Clause("eat", the("boy", plural=True), a("apple")), "subject", "Who eats an apple?"),
    (Clause("arrive", the("bus"), place="station"), "subject", "What arrives at the station?"),
    (Clause("eat", ANNA, a("apple"), tense="past"), "object", "What did Anna eat?"),
    (Clause("visit", the("boy", plural=True), PETER), "object", "Whom do the boys visit?"),
    (
        Clause("give", ANNA, a("key"), PETER, place="park", tense="past"),
        "object",
        "What did Anna give to Peter in the park?",
    ),
    (Clause("sleep", the("cat"), place="garden", time="today"), "place", "Where does the cat sleep today?"),
    (Clause("put_on", ANNA, the("coat"), time="evening"), "time", "When does Anna put on the coat?"),
    (Clause("work", ANNA, time="sunday", modal="must"), "time", "When must Anna work?"),
    (Clause("work", ANNA, place="school", modal="want"), "place", "Where does Anna want to work?"),
    (
        Clause("discover", the("gentleman"), a("key", count=3), place="garden", tense="past"),
        "count",
        "How many keys did the gentleman discover in the garden?",
    ),
    (
        Clause("buy", the("queen", plural=True), the("watch_clock", "expensive", plural=True), time="monday"),
        "count",
        "How many expensive watches do the queens buy on Monday?",
    ),
    (Clause("look_for", ANNA, a("lady", count=2)), "count", "How many ladies does Anna look for?"),
    (Clause("see", the("cat"), a("mouse", "small", plural=True)), "count", "How many small mice does the cat see?"),
    (Clause("sing", the("girl"), a("song", plural=True), modal="must"), "count", "How many songs must the girl sing?"),
    (
        Clause("give", PETER, a("book", count=4), the("kid"), modal="want"),
        "count",
        "How many books does Peter want to give to the kid?",
    ),
    (
        Clause("match_fit", the("hat", plural=True), a("coat", plural=True)),
        "count",
        "How many coats do the hats match?",
    ),
]

# Who or what, do-support, the asked part left out.
test_questions_are_those_an_english_speaker_would_ask = asks("en", QUESTIONS)
