"""Greek: cases, articles also before names, "σε" merged with it, dropped pronouns, "να" after modals.

A noun compound is a genitive (χυμός μήλου), an adjective (σχολικό λεωφορείο) or one word (πατατόσουπα). The
past is the aorist, of states the imperfect (ήξερε); modals take the perfective, of states the imperfective.
"""

from __future__ import annotations

from otlib.microworld.situations import ANIMALS, COMPOUNDS, GAMES, MASS, PERSONS, Clause, Thing, Token
from otlib.microworld.tokens import capitalise, prefixed, word

CODE, NAME = "el", "Greek"

# --- lexicon ------------------------------------------------------------------------------------------------
NAMES = {  # gender, nominative, and accusative where it differs
    "anna": "f Άννα", "maria": "f Μαρία", "elena": "f Έλενα", "sofia": "f Σοφία",
    "peter": "m Πέτρος Πέτρο", "martin": "m Μάρτιν", "victor": "m Βίκτορας Βίκτορα", "daniel": "m Δανιήλ",
}  # fmt: skip
NOUNS = {  # f and n: singular, plural; m: nominative, accusative singular, nominative, accusative plural
    "teacher": "m δάσκαλος δάσκαλο δάσκαλοι δασκάλους", "doctor": "m γιατρός γιατρό γιατροί γιατρούς",
    "farmer": "m αγρότης αγρότη αγρότες αγρότες", "baker": "m φούρναρης φούρναρη φουρνάρηδες φουρνάρηδες",
    "cook": "m μάγειρας μάγειρα μάγειρες μάγειρες", "painter": "m ζωγράφος ζωγράφο ζωγράφοι ζωγράφους",
    "singer": "m τραγουδιστής τραγουδιστή τραγουδιστές τραγουδιστές",
    "driver": "m οδηγός οδηγό οδηγοί οδηγούς", "waiter": "m σερβιτόρος σερβιτόρο σερβιτόροι σερβιτόρους",
    "soldier": "m στρατιώτης στρατιώτη στρατιώτες στρατιώτες", "nurse": "f νοσοκόμα νοσοκόμες",
    "neighbour": "m γείτονας γείτονα γείτονες γείτονες", "friend": "m φίλος φίλο φίλοι φίλους",
    "guest": "m καλεσμένος καλεσμένο καλεσμένοι καλεσμένους",
    "student": "m φοιτητής φοιτητή φοιτητές φοιτητές", "king": "m βασιλιάς βασιλιά βασιλιάδες βασιλιάδες",
    "queen": "f βασίλισσα βασίλισσες", "boy": "n αγόρι αγόρια", "girl": "n κορίτσι κορίτσια",
    "child": "n παιδί παιδιά", "man": "m άντρας άντρα άντρες άντρες", "woman": "f γυναίκα γυναίκες",
    "mother": "f μητέρα μητέρες", "father": "m πατέρας πατέρα πατέρες πατέρες",
    "brother": "m αδελφός αδελφό αδελφοί αδελφούς", "sister": "f αδελφή αδελφές",
    "dog": "m σκύλος σκύλο σκύλοι σκύλους", "cat": "f γάτα γάτες", "horse": "n άλογο άλογα",
    "bird": "n πουλί πουλιά", "cow": "f αγελάδα αγελάδες", "sheep": "n πρόβατο πρόβατα",
    "mouse": "n ποντίκι ποντίκια", "fish": "n ψάρι ψάρια",
    "apple": "n μήλο μήλα", "pear": "n αχλάδι αχλάδια", "lemon": "n λεμόνι λεμόνια",
    "banana": "f μπανάνα μπανάνες",
    "orange_fruit": "n πορτοκάλι πορτοκάλια", "cherry": "n κεράσι κεράσια",
    "bread": "n ψωμί ψωμιά", "cake": "n κέικ κέικ", "soup": "f σούπα σούπες", "cheese": "n τυρί τυριά",
    "egg": "n αυγό αυγά", "rice": "n ρύζι ρύζια", "potato": "f πατάτα πατάτες",
    "potato_soup": "f πατατόσουπα πατατόσουπες",
    "water": "n νερό νερά", "milk": "n γάλα γάλατα", "coffee": "m καφές καφέ καφέδες καφέδες",
    "tea": "n τσάι τσάγια",
    "wine": "n κρασί κρασιά", "juice": "m χυμός χυμό χυμοί χυμούς",
    "coat": "n παλτό παλτά", "hat": "n καπέλο καπέλα", "shirt": "n πουκάμισο πουκάμισα",
    "dress": "n φόρεμα φορέματα", "shoe": "n παπούτσι παπούτσια", "scarf": "n κασκόλ κασκόλ",
    "table": "n τραπέζι τραπέζια", "chair": "f καρέκλα καρέκλες", "bed": "n κρεβάτι κρεβάτια",
    "lamp": "f λάμπα λάμπες",
    "car": "n αυτοκίνητο αυτοκίνητα", "bus": "n λεωφορείο λεωφορεία", "bicycle": "n ποδήλατο ποδήλατα",
    "boat": "f βάρκα βάρκες",
    "guitar": "f κιθάρα κιθάρες", "piano": "n πιάνο πιάνα", "violin": "n βιολί βιολιά",
    "flute": "n φλάουτο φλάουτα",
    "book": "n βιβλίο βιβλία", "letter_mail": "n γράμμα γράμματα", "newspaper": "f εφημερίδα εφημερίδες",
    "poem": "n ποίημα ποιήματα",
    "film": "f ταινία ταινίες", "match_game": "m αγώνας αγώνα αγώνες αγώνες", "race": "f κούρσα κούρσες",
    "song": "n τραγούδι τραγούδια", "chess": "n σκάκι", "football": "n ποδόσφαιρο",
    "knife": "n μαχαίρι μαχαίρια", "hammer": "n σφυρί σφυριά", "spoon": "n κουτάλι κουτάλια",
    "door": "f πόρτα πόρτες", "window": "n παράθυρο παράθυρα", "box": "n κουτί κουτιά",
    "key": "n κλειδί κλειδιά", "watch_clock": "n ρολόι ρολόγια", "ball": "f μπάλα μπάλες",
    "coin": "n νόμισμα νομίσματα", "rose": "n τριαντάφυλλο τριαντάφυλλα", "tulip": "f τουλίπα τουλίπες",
    "letter_alphabet": "n γράμμα γράμματα", "word": "f λέξη λέξεις",
    "number": "m αριθμός αριθμό αριθμοί αριθμούς",
    "person": "m άνθρωπος άνθρωπο άνθρωποι ανθρώπους", "animal": "n ζώο ζώα", "fruit": "n φρούτο φρούτα",
    "drink_noun": "n ποτό ποτά", "vehicle": "n όχημα οχήματα", "instrument": "n όργανο όργανα",
    "flower": "n λουλούδι λουλούδια", "tool": "n εργαλείο εργαλεία",
}  # fmt: skip
MODIFIERS = {  # what follows the head of a compound; its last word is the modifier
    "apple_cake": "μήλου", "cherry_cake": "με κεράσια", "apple_juice": "μήλου", "orange_juice": "πορτοκαλιού",
    "kitchen_table": "κουζίνας", "garden_chair": "κήπου", "kitchen_door": "της κουζίνας",
    "house_key": "του σπιτιού",
}  # fmt: skip
# Adjectives that stand for the modifier of a compound, and one that belongs to the noun itself.
RELATIONAL = {"winter_coat": "χειμωνιάτικος", "school_bus": "σχολικός", "school_book": "σχολικός"}
SET_PHRASES = {"instrument": "μουσικός"}
ADJECTIVES = {  # masculine singular; all six nominatives where irregular; one form where indeclinable
    "old": "παλιός", "young": "νεαρός", "new": "καινούριος", "big": "μεγάλος", "small": "μικρός",
    "rich": "πλούσιος", "poor": "φτωχός", "happy": "χαρούμενος", "sad": "λυπημένος", "strong": "δυνατός",
    "weak": "αδύναμος", "clean": "καθαρός", "dirty": "βρώμικος",
    "heavy": "βαρύς βαριά βαρύ βαριοί βαριές βαριά",
    "light_weight": "ελαφρύς ελαφριά ελαφρύ ελαφριοί ελαφριές ελαφριά", "expensive": "ακριβός",
    "cheap": "φτηνός", "beautiful": "όμορφος", "red": "κόκκινος", "blue": "μπλε", "green": "πράσινος",
    "white": "άσπρος", "black": "μαύρος", "orange_colour": "πορτοκαλί",
}  # fmt: skip
VERBS = {  # third person singular: present, past, after "να"; a fourth word is the preposition of the object
    "eat": "τρώει έφαγε φάει", "drink": "πίνει ήπιε πιει", "read": "διαβάζει διάβασε διαβάσει",
    "write": "γράφει έγραψε γράψει", "buy": "αγοράζει αγόρασε αγοράσει", "sell": "πουλάει πούλησε πουλήσει",
    "see": "βλέπει είδε δει", "hear": "ακούει άκουσε ακούσει", "carry": "κουβαλάει κουβάλησε κουβαλήσει",
    "open": "ανοίγει άνοιξε ανοίξει", "close": "κλείνει έκλεισε κλείσει", "wash": "πλένει έπλυνε πλύνει",
    "repair": "επισκευάζει επισκεύασε επισκευάσει", "drive": "οδηγεί οδήγησε οδηγήσει",
    "love": "αγαπάει αγαπούσε αγαπάει", "hate": "μισεί μισούσε μισεί",
    "visit": "επισκέπτεται επισκέφτηκε επισκεφτεί", "help": "βοηθάει βοήθησε βοηθήσει",
    "call": "τηλεφωνεί τηλεφώνησε τηλεφωνήσει σε", "invite": "προσκαλεί προσκάλεσε προσκαλέσει",
    "pick_up": "παραλαμβάνει παρέλαβε παραλάβει", "know_person": "γνωρίζει γνώριζε γνωρίζει",
    "know_thing": "ξέρει ήξερε ξέρει", "feed": "ταΐζει τάισε ταΐσει",
    "paint": "ζωγραφίζει ζωγράφισε ζωγραφίσει", "play_music": "παίζει έπαιξε παίξει",
    "play_game": "παίζει έπαιξε παίξει", "win": "κερδίζει κέρδισε κερδίσει", "lose": "χάνει έχασε χάσει",
    "watch": "παρακολουθεί παρακολούθησε παρακολουθήσει", "put_on": "φοράει φόρεσε φορέσει",
    "take_off": "βγάζει έβγαλε βγάλει", "find": "βρίσκει βρήκε βρει", "look_for": "ψάχνει έψαχνε ψάξει",
    "hide": "κρύβει έκρυψε κρύψει", "cut": "κόβει έκοψε κόψει", "cook": "μαγειρεύει μαγείρεψε μαγειρέψει",
    "bake": "ψήνει έψησε ψήσει", "learn": "μαθαίνει έμαθε μάθει", "sing": "τραγουδάει τραγούδησε τραγουδήσει",
    "match_fit": "ταιριάζει ταίριαζε ταιριάζει με", "give": "δίνει έδωσε δώσει",
    "show": "δείχνει έδειξε δείξει", "send": "στέλνει έστειλε στείλει", "bring": "φέρνει έφερε φέρει",
    "sleep": "κοιμάται κοιμήθηκε κοιμηθεί", "run": "τρέχει έτρεξε τρέξει", "laugh": "γελάει γέλασε γελάσει",
    "cry": "κλαίει έκλαψε κλάψει", "swim": "κολυμπάει κολύμπησε κολυμπήσει",
    "dance": "χορεύει χόρεψε χορέψει", "work": "δουλεύει δούλεψε δουλέψει",
    "wait": "περιμένει περίμενε περιμένει", "arrive": "φτάνει έφτασε φτάσει", "depart": "φεύγει έφυγε φύγει",
    "get_up": "σηκώνεται σηκώθηκε σηκωθεί",
}  # fmt: skip
THEY = {"τρώει": "τρώνε", "φάει": "φάνε", "ακούει": "ακούνε", "κλαίει": "κλαίνε", "κοιμάται": "κοιμούνται"}
THEY_ENDINGS = {"άει": "ούν", "εί": "ούν", "ει": "ουν", "εται": "ονται", "ε": "αν"}  # the first that fits
PLACES = {
    "garden": "στον κήπο", "school": "στο σχολείο", "kitchen": "στην κουζίνα", "market": "στην αγορά",
    "village": "στο χωριό", "city": "στην πόλη", "park": "στο πάρκο", "station": "στον σταθμό",
    "hospital": "στο νοσοκομείο", "forest": "στο δάσος", "house": "στο σπίτι", "street": "στον δρόμο",
    "bank_money": "στην τράπεζα", "bank_river": "στην όχθη", "beach": "στην παραλία", "mountain": "στο βουνό",
}  # fmt: skip
TIMES = {
    "today": "σήμερα", "yesterday": "χθες", "morning": "το πρωί", "evening": "το βράδυ", "night": "τη νύχτα",
    "monday": "τη Δευτέρα", "sunday": "την Κυριακή", "summer": "το καλοκαίρι", "winter": "τον χειμώνα",
    "spring_season": "την άνοιξη",
}  # fmt: skip
MODALS = {"must": "πρέπει πρέπει", "can": "μπορεί μπορούν", "want": "θέλει θέλουν"}  # of one, of several
NUMBERS = {2: "δύο δύο", 3: "τρεις τρία", 4: "τέσσερις τέσσερα", 5: "πέντε πέντε"}  # m or f, n
ARTICLES = {"m": "ο τον οι τους", "f": "η την οι τις", "n": "το το τα τα"}
ONE = {"m": "ένας έναν", "f": "μια μια", "n": "ένα ένα"}
NO = {"m": "κανένας κανέναν", "f": "καμία καμία", "n": "κανένα κανένα"}


# --- noun phrases -------------------------------------------------------------------------------------------
def noun_phrase(
    thing: Thing, role: str, *, case: int, preposition: str = "", negated: bool = False, bare: bool = False
) -> list[Token]:
    """Preposition, article, number, adjectives and noun; ``case``: 0 is the nominative, 1 the accusative."""
    # "to" of a recipient is a part of the situation; the preposition a verb asks for only helps to say it.
    main, also = (f"{role}.to", "") if role == "recipient" else ("", f"{role} verb")
    before = [word(preposition, main, also)] if preposition else []
    if thing.concept in NAMES:
        gender, *forms = NAMES[thing.concept].split()
        name = word(forms[min(case, len(forms) - 1)], role)
        return _with_article(before, ARTICLES[gender].split()[case], [name])
    plural = _plural(thing)
    gender, noun = _noun(thing.concept, case, plural)
    words = [word(NUMBERS[thing.count].split()[gender == "n"], f"{role}.count")] if thing.count else []
    words += _adjectives(thing, role, gender, case, plural)
    # πατατόσουπα says both parts of a compound in one word.
    both = f"{role}.mod {role}" if thing.concept in COMPOUNDS and thing.concept in NOUNS else role
    words += [word(noun, both), *_modifier(thing.concept, role)]
    if thing.concept in GAMES:
        return before + words
    if thing.definite or thing.concept in MASS:
        return _with_article(before, ARTICLES[gender].split()[case + 2 * plural], words, f"{role}.det")
    if plural or (bare and not thing.adjectives):
        return before + words
    if negated:  # "does not see any dog"
        return [*before, word(NO[gender].split()[case], f"{role}.det", "neg"), *words]
    return [*before, word(ONE[gender].split()[case], f"{role}.det"), *words]


def _with_article(before: list[Token], article: str, words: list[Token], node: str = "") -> list[Token]:
    """The words behind their article, which merges with "σε" (στον); that of a name has no ``node``."""
    also = "" if node else " ".join(words[0].main)
    # The feminine keeps its ν before vowels and stops only (την πόρτα, τη γάτα), the masculine always.
    stops = ("κ", "π", "τ", "ξ", "ψ", "μπ", "ντ", "γκ", *"αεηιουωάέήίόύώ")
    if article == "την" and not words[0].text.lower().startswith(stops):
        article = "τη"
    if before and before[0].text == "σε":
        main, also = " ".join([*before[0].main, node]), " ".join([*before[0].also, also])
        return [word("σ" + article, main, also), *words]
    return [*before, word(article, node, also), *words]


def _noun(concept: str, case: int, plural: bool) -> tuple[str, str]:
    """Gender and form."""
    gender, *forms = NOUNS[concept if concept in NOUNS else COMPOUNDS[concept][1]].split()
    return gender, forms[2 * plural + case if gender == "m" else plural]


def _adjectives(thing: Thing, role: str, gender: str, case: int, plural: bool) -> list[Token]:
    """Those that qualify, then those that make a compound or belong to the noun (το παλιό σχολικό βιβλίο)."""
    lemmas = [(_lemma(adjective, thing.concept), f"{role}.adj") for adjective in thing.adjectives]
    if thing.concept in RELATIONAL:
        lemmas.append((RELATIONAL[thing.concept], f"{role}.mod"))
    if thing.concept in SET_PHRASES:
        lemmas.append((SET_PHRASES[thing.concept], role))
    return [word(_agree(lemma, gender, case, plural), node) for lemma, node in lemmas]


def _lemma(adjective: str, concept: str) -> str:
    """Greek has a word each for old people, old animals and old things (a παλιός φίλος is no aged one)."""
    if adjective == "old" and concept in PERSONS:
        return "ηλικιωμένος"
    if adjective == "old" and concept in ANIMALS:
        return "γέρικος"
    return ADJECTIVES[adjective]


def _agree(lemma: str, gender: str, case: int, plural: bool) -> str:
    forms = lemma.split()
    if len(forms) == 1 and not lemma.endswith(("ος", "ός")):
        return lemma
    if len(forms) == 1:
        masculine, feminine, *others = ("ός ή ό οί ές ά" if lemma.endswith("ός") else "ος η ο οι ες α").split()
        if lemma[-3] == "ι":  # πλούσια, παλιά
            feminine = others[-1]
        forms = [lemma[:-2] + ending for ending in (masculine, feminine, *others)]
    form = forms["mfn".index(gender) + 3 * plural]
    if gender != "m" or case == 0:
        return form
    if plural:
        return form[:-2] + ("ούς" if form.endswith("οί") else "ους")
    return form[:-1]


def _modifier(concept: str, role: str) -> list[Token]:
    """The genitive, or the phrase with a preposition, behind the head of a compound."""
    *linking, last = MODIFIERS.get(concept, "").split() or [""]
    return [
        *(word(text, also=f"{role}.mod") for text in linking),
        *([word(last, f"{role}.mod")] if last else []),
    ]


def _plural(thing: Thing) -> bool:
    return thing.plural or thing.count is not None


# --- clauses ------------------------------------------------------------------------------------------------
def _verb(clause: Clause, *, plural: bool) -> list[Token]:
    """Negation, modal with "να", and the verb, which alone tells a dropped "he, she, they"."""
    present, past, after_na = VERBS[clause.verb].split()[:3]
    form = after_na if clause.modal else past if clause.tense == "past" else present
    words = [word("δεν", "neg")] if clause.negated else []
    if clause.modal:
        modal = MODALS[clause.modal].split()[plural]
        # "δεν πρέπει" forbids; there being no need is another verb.
        modal = "χρειάζεται" if clause.negated and clause.modal == "must" else modal
        words += [word(modal, "modal"), word("να", also="modal")]
    return [*words, word(_they(form) if plural else form, "verb", "subject" if clause.pronoun else "")]


def _they(form: str) -> str:
    """Third person plural from the singular: διαβάζει, διαβάζουν; διάβασε, διάβασαν."""
    if form in THEY:
        return THEY[form]
    ending = next(ending for ending in THEY_ENDINGS if form.endswith(ending))
    return form.removesuffix(ending) + THEY_ENDINGS[ending]


def _subject(clause: Clause) -> list[Token]:
    return [] if clause.pronoun else noun_phrase(clause.subject, "subject", case=0)


def _object_preposition(clause: Clause) -> str:
    return " ".join(VERBS[clause.verb].split()[3:])


def _rest(clause: Clause, without: str = "") -> list[Token]:
    """What follows the verb, but for one constituent."""
    words = []
    if clause.object and without != "object":
        words += noun_phrase(
            clause.object,
            "object",
            case=1,
            preposition=_object_preposition(clause),
            negated=clause.negated,
            bare=clause.verb == "play_music",  # "παίζει κιθάρα"
        )
    if clause.recipient:
        words += noun_phrase(clause.recipient, "recipient", case=1, preposition="σε", negated=clause.negated)
    if clause.place and without != "place":
        preposition, place = PLACES[clause.place].split()
        words += [word(preposition, "place.prep place.det"), word(place, "place")]
    if clause.time and without != "time":
        *article, time = TIMES[clause.time].split()
        words += [*(word(text, "time.det", "time.prep") for text in article), word(time, "time")]
    return words


def _reason(clause: Clause) -> list[Token]:
    if clause.reason is None:
        return []
    inner = clause.reason
    words = [*_subject(inner), *_verb(inner, plural=_plural(inner.subject)), *_rest(inner)]
    return [word(",", "comma"), word("επειδή", "because"), *prefixed(words, "reason.")]


def sentence(clause: Clause) -> list[Token]:
    """The clause as a sentence."""
    words = [
        *_subject(clause),
        *_verb(clause, plural=_plural(clause.subject)),
        *_rest(clause),
        *_reason(clause),
    ]
    return capitalise([*words, word(".", "stop")])


def question(clause: Clause, asked: str) -> list[Token]:
    """A question about ``subject``, ``object``, ``place`` or ``time``; ``;`` is the Greek question mark."""
    living = {*NAMES, *PERSONS, "person"}
    if asked == "subject":
        ask = "ποιος" if clause.subject.concept in {*living, *ANIMALS, "animal"} else "τι"
        words = [word(ask, "ask"), *_verb(clause, plural=False), *_rest(clause)]
    else:
        asks = {"object": "ποιον" if clause.object and clause.object.concept in living else "τι"}
        asks |= {"place": "πού", "time": "πότε"}
        before = _object_preposition(clause) if asked == "object" else ""
        words = [word(before, also="ask")] if before else []
        # The subject follows the verb: "Πού διαβάζει η Μαρία το βιβλίο;"
        words += [word(asks[asked], "ask"), *_verb(clause, plural=_plural(clause.subject)), *_subject(clause)]
        words += _rest(clause, without=asked)
    return capitalise([*words, word(";", "stop")])
