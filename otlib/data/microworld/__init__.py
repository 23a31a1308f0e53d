"""The embedded world, or micro-world: one situation said in every language that has a table; see README.md here."""

import importlib
import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType

from otlib.data.files import write_lines, write_table
from otlib.data.items import COLUMNS, LABELS
from otlib.data.layout import make_folders
from otlib.data.microworld.sample import Sampler
from otlib.data.microworld.situations import Clause
from otlib.data.microworld.tasks import Inference, Question, inference, question
from otlib.data.microworld.tokens import Token, detokenise, links, prefixed, span, text_span
from otlib.data.text import GoldPair, write_gold
from otlib.settings import PIVOT, Microworld

Utterance = tuple[Clause, str | None]  # a clause said, or asked about one of its parts
_FOLDER = Path(__file__).parent


def speaks(code: str) -> bool:
    """Whether the world has a language: its words, ``<code>.tsv`` here, and its rules, ``<code>.py``."""
    files = (_FOLDER / f"{code}.tsv", _FOLDER / f"{code}.py")
    return bool(re.fullmatch("[a-z]{2,3}", code)) and all(file.is_file() for file in files)


def language(code: str) -> ModuleType:
    """The lexicon and rules of a language, the module ``<code>.py`` here.

    Raises
    ------
    ValueError
        If the world has no such language, or its table is wrong; names what is missing, or the line.
    """
    if not speaks(code):
        raise ValueError(
            f"the micro-world does not speak {code!r}: a language has a code of two or three letters, "
            f"and the files {code}.tsv and {code}.py in {_FOLDER}"
        )
    return importlib.import_module(f"{__name__}.{code}")


def preview(code: str, n: int = 100, *, seed: int = 0) -> None:
    """Print random sentences and questions of a language beside English, for reading."""
    draws = _Draws(seed)
    for _ in range(n):
        utterances = _utterances(draws, "preview", single=True)
        for each in (PIVOT, code):
            print(detokenise(_tokens(language(each), utterances)))
        print()


def write_world(
    folder: str | Path, languages: Sequence[str], settings: Microworld = Microworld()
) -> dict[str, dict[str, int]]:
    """Write text, parallel text, gold alignments, NLI and QA in the formats of the real data sets.

    Training and development items are written in English only, test items in every language.

    Parameters
    ----------
    folder : path
        The study's ``data`` folder.
    languages : sequence of str
        Languages beside English.
    settings : Microworld
        The seed, and how much is written.

    Returns
    -------
    dict
        Items written, per part.

    Raises
    ------
    ValueError
        If a language is unknown, named twice or English, or the world has not so many different sentences.

    Notes
    -----
    No English sentence or question of a part occurs in another part, so that nothing tested was seen before.
    """
    if len({PIVOT, *languages}) <= len(languages):
        raise ValueError(f"languages must be different ones beside {PIVOT!r}, got {list(languages)}")
    speakers = {code: language(code) for code in (PIVOT, *languages)}
    folder = make_folders(folder)
    draws = _Draws(settings.seed)
    # Test items are drawn first: no later part may repeat their sentences.
    nli = {"test": settings.nli_test, "dev": settings.nli_dev, "train": settings.nli_train}
    qa = {"test": settings.qa_test, "dev": settings.qa_dev, "train": settings.qa_train}
    _write_nli(folder / "nli", speakers, draws, nli)
    _write_qa(folder / "qa", speakers, draws, qa)
    for code in languages:
        pairs = {
            "heldout": draws.different(f"heldout {code}", settings.heldout_pairs, single=True),
            "train": draws.different(f"train {code}", settings.parallel_pairs, single=False),
        }
        _write_parallel(folder, speakers, code, pairs)
    for code in speakers:
        documents = [_document(speakers[code], draws, f"text {code}") for _ in range(settings.text_sentences)]
        write_lines(folder / "text" / f"{code}.txt", documents)
    return {
        "text": dict.fromkeys(speakers, settings.text_sentences),
        "parallel": dict.fromkeys(languages, settings.parallel_pairs),
        "heldout": dict.fromkeys(languages, settings.heldout_pairs),
        "nli": {split: nli[split] for split in ("train", "dev", "test")},
        "qa": {split: qa[split] for split in ("train", "dev", "test")},
    }


class _Draws:
    """Random items such that each English sentence belongs to one part of the data only."""

    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        self.sampler = Sampler(self.rng)
        self._owner: dict[str, str] = {}
        self._english = language(PIVOT)

    def draw(self, part: str, make: Callable, utterances_of: Callable[..., Sequence[Utterance]]):
        """The first item of ``make()`` none of whose sentences and questions belongs to another part."""
        for _ in range(1000):
            item = make()
            sentences = [detokenise(_uttered(self._english, *utterance)) for utterance in utterances_of(item)]
            if all(self._owner.get(sentence, part) == part for sentence in sentences):
                self._owner.update(dict.fromkeys(sentences, part))
                return item
        raise ValueError(f"the micro-world has no new sentence left for the part {part!r}: ask for fewer items")

    def clause(self, part: str) -> Clause:
        return self.draw(part, self.sampler.clause, lambda clause: [(clause, None)])

    def different(self, part: str, n: int, *, single: bool) -> list[tuple[Utterance, ...]]:
        """Different sentences, questions and small texts."""
        found: dict[tuple[Utterance, ...], None] = {}
        while len(found) < n:
            found[tuple(_utterances(self, part, single=single))] = None
        return list(found)

    def inference(self, part: str, label: str) -> Inference:
        return self.draw(
            part, lambda: inference(self.sampler, label), lambda item: [(item.premise, None), (item.hypothesis, None)]
        )

    def question(self, part: str) -> Question:
        return self.draw(part, lambda: question(self.sampler), _question_and_paragraph)


def _question_and_paragraph(item: Question) -> list[Utterance]:
    return [(item.paragraph[item.about], item.asked), *((clause, None) for clause in item.paragraph)]


def _uttered(speaker: ModuleType, clause: Clause, asked: str | None) -> list[Token]:
    return speaker.sentence(clause) if asked is None else speaker.question(clause, asked)


def _say(speaker: ModuleType, clause: Clause) -> str:
    return detokenise(speaker.sentence(clause))


def _utterances(draws: _Draws, part: str, *, single: bool) -> list[Utterance]:
    """A sentence or a question; if not ``single``, also two related sentences, or a question with its paragraph."""
    roll = draws.rng.random() * (0.65 if single else 1)
    if roll < 0.45:
        return [(draws.clause(part), None)]
    if roll < 0.65:
        item = draws.question(part)
        return [(item.paragraph[item.about], item.asked)]
    if roll < 0.8:
        item = draws.inference(part, draws.rng.choice(LABELS))
        return [(item.premise, None), (item.hypothesis, None)]
    return _question_and_paragraph(draws.question(part))


def _tokens(speaker: ModuleType, utterances: Sequence[Utterance]) -> list[Token]:
    """The words of all utterances; the number before each node keeps words of two utterances from being aligned."""
    tokens = []
    for number, (clause, asked) in enumerate(utterances):
        tokens += prefixed(_uttered(speaker, clause, asked), f"{number}.")
    return tokens


def _document(speaker: ModuleType, draws: _Draws, part: str) -> str:
    """One line of text; behind a question and its paragraph stands the answer."""
    utterances = _utterances(draws, part, single=False)
    text = detokenise(_tokens(speaker, utterances))
    if len(utterances) < 3:
        return text
    about, asked = utterances[0]
    tokens = speaker.sentence(about)
    return f"{text} {text_span(tokens, *span(tokens, asked))[1]}."


def _write_parallel(
    folder: Path, speakers: Mapping[str, ModuleType], code: str, pairs: dict[str, list[tuple[Utterance, ...]]]
) -> None:
    for split, items in pairs.items():
        sides = [(_tokens(speakers[code], item), _tokens(speakers[PIVOT], item)) for item in items]
        rows = [[" ".join(token.text for token in side) for side in pair] for pair in sides]
        write_table(folder / "parallel" / f"{code}-{PIVOT}.{split}.tsv", (code, PIVOT), rows)
        if split == "heldout":
            write_gold(folder / "gold" / f"{code}-{PIVOT}.tsv", [_gold(source, pivot) for source, pivot in sides])


def _gold(source: Sequence[Token], pivot: Sequence[Token]) -> GoldPair:
    sure, possible = links(source, pivot)
    return GoldPair([token.text for token in source], [token.text for token in pivot], sure, sure | possible)


def _write_nli(folder: Path, speakers: Mapping[str, ModuleType], draws: _Draws, sizes: dict[str, int]) -> None:
    for split, n in sizes.items():
        items = [draws.inference(f"nli {split}", LABELS[i % len(LABELS)]) for i in range(n)]
        draws.rng.shuffle(items)
        rows = [
            (code, item.label, f"{item.kind}-{i:06d}", _say(speaker, item.premise), _say(speaker, item.hypothesis))
            for code, speaker in (speakers if split == "test" else {PIVOT: speakers[PIVOT]}).items()
            for i, item in enumerate(items)
        ]
        write_table(folder / f"xnli.{split}.tsv", COLUMNS, rows)


def _write_qa(folder: Path, speakers: Mapping[str, ModuleType], draws: _Draws, sizes: dict[str, int]) -> None:
    for split, n in sizes.items():
        items = [draws.question(f"qa {split}") for _ in range(n)]
        for code, speaker in (speakers if split == "test" else {PIVOT: speakers[PIVOT]}).items():
            paragraphs = [_squad(speaker, item, f"{item.asked}-{i:06d}") for i, item in enumerate(items)]
            data = {"version": "1.1", "data": [{"title": "micro-world", "paragraphs": paragraphs}]}
            (folder / f"{code}.{split}.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def _squad(speaker: ModuleType, item: Question, name: str) -> dict:
    """The paragraph as SQuAD has it, with its question and where the answer stands."""
    sentences = [speaker.sentence(clause) for clause in item.paragraph]
    before = "".join(detokenise(tokens) + " " for tokens in sentences[: item.about])
    start, text = text_span(sentences[item.about], *span(sentences[item.about], item.asked))
    asked = detokenise(speaker.question(item.paragraph[item.about], item.asked))
    answers = [{"text": text, "answer_start": len(before) + start}]
    context = " ".join(detokenise(tokens) for tokens in sentences)
    return {"context": context, "qas": [{"id": name, "question": asked, "answers": answers}]}
