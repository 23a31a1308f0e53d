"""The embedded world, or micro-world: one situation said in every language that has a table; see README.md here."""

import functools
import importlib
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from otlib.data.files import write_lines, write_table
from otlib.data.items import COLUMNS, LABELS
from otlib.data.layout import make_folders
from otlib.data.microworld import begun
from otlib.data.microworld.balance import COUNTS_WEIGHT, Weighted, balanced, overlap_of, shared_words, words_of
from otlib.data.microworld.changes import hypernyms
from otlib.data.microworld.sample import Sampler
from otlib.data.microworld.situations import Clause
from otlib.data.microworld.tasks import Inference, Question, inference, question, said_again
from otlib.data.microworld.tokens import Token, detokenise, links, span, text_span
from otlib.data.text import GoldPair, write_gold
from otlib.settings import PIVOT, Microworld, ParameterError

Utterance = tuple[Clause, str | None]  # a clause said, or asked about one of its parts
_FOLDER = Path(__file__).parent


def speaks(code: str) -> bool:
    """Whether the world has a language: its words, ``<code>.tsv`` here, and its rules, ``<code>.py``."""
    files = (_FOLDER / f"{code}.tsv", _FOLDER / f"{code}.py")
    return bool(re.fullmatch("[a-z]{2,3}", code)) and all(file.is_file() for file in files)


def language(code: str, *, complete: bool = True) -> ModuleType:
    """The lexicon and rules of a language, the module ``<code>.py`` here.

    Raises
    ------
    ValueError
        If the world has no such language, its table is wrong or, where it must be ``complete``, lacks a row; names what
        is missing, or the line.
    """
    if not speaks(code):
        raise ParameterError(
            f"the micro-world does not speak {code!r}: a language has a code of two or three letters, "
            f"and the files {code}.tsv and {code}.py in {_FOLDER}"
        )
    module = importlib.import_module(f"{__name__}.{code}")
    if complete:
        module.LEXICON.check_complete()
    return module


def preview(code: str, n: int = 100, *, seed: int = 0) -> None:
    """Print random sentences and questions of a language beside English, for reading; or what is wrong with its files.

    These are read anew at each call. Of a language that is not finished this says first which entries are still those
    of the table it was copied from, and which are missing; then it prints sentences, no questions, made of the words
    that are translated, as far as the rules can say them.
    """
    try:
        speaker, draws = importlib.reload(language(code, complete=False)), _Draws(seed)
        left = begun.unfinished(speaker.LEXICON)
        if left:
            said, clauses = begun.sayable(speaker, draws.sampler, left, n)
            print(*begun.report(left), said, "", sep="\n")
        for utterance in map(_uttering, clauses) if left else (_single(draws, "preview") for _ in range(n)):
            print(*(detokenise(_uttered(each, *utterance)) for each in (language(PIVOT), speaker)), "", sep="\n")
    except (ValueError, SyntaxError) as error:
        print(error)


def write_world(
    folder: str | Path, languages: Sequence[str], settings: Microworld = Microworld()
) -> dict[str, dict[str, int]]:
    """Write text, parallel text, gold alignments, NLI and QA in the formats of the real data sets.

    Development items are written in English only, test items in every language. Training items are all in English; each
    is also translated into one of the other languages in turn, for a ceiling to be taught by.

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
        raise ParameterError(f"languages must be different ones beside {PIVOT!r}, got {list(languages)}")
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
            "heldout": draws.different(f"heldout {code}", settings.heldout_pairs),
            "train": draws.different(f"train {code}", settings.parallel_pairs),
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
            sentences = [_say(self._english, *utterance) for utterance in utterances_of(item)]
            if all(self._owner.get(sentence, part) == part for sentence in sentences):
                self._owner.update(dict.fromkeys(sentences, part))
                return item
        raise ValueError(f"the micro-world has no new sentence left for the part {part!r}: ask for fewer items")

    def different(self, part: str, n: int) -> list[Utterance]:
        """Different sentences, and questions of a paragraph."""
        found: dict[str, Utterance] = {}
        for _ in range(20 * n):
            utterance = _single(self, part)
            found.setdefault(_say(self._english, *utterance), utterance)
            if len(found) == n:
                break
        if len(found) < n:
            raise ValueError(f"the micro-world has not {n} different sentences for {part!r}: ask for fewer items")
        return list(found.values())

    def inference(self, part: str, label: str) -> Inference:
        return self.draw(
            part, lambda: inference(self.sampler, label), lambda item: [(item.premise, None), (item.hypothesis, None)]
        )

    def question(self, part: str, even_in: Iterable[ModuleType] = ()) -> Question:
        """A question, of whose words both sentences of its paragraph say as many in each of some languages."""
        while True:
            item = self.draw(part, lambda: question(self.sampler), _question_and_paragraph)
            if all(_even(speaker, item) for speaker in even_in):
                return item


class _Text(NamedTuple):
    """What a small text says; ``answer``: the clause and its part that answer the question in it, if one does."""

    said: tuple[Utterance, ...]
    answer: Utterance | None = None


def _question_and_paragraph(item: Question) -> list[Utterance]:
    return [(item.asks, item.asked), *((clause, None) for clause in item.paragraph)]


def _even(speaker: ModuleType, item: Question) -> bool:
    asked = _say(speaker, item.asks, item.asked)
    return len({shared_words(asked, _say(speaker, clause)) for clause in item.paragraph}) == 1


def _uttered(speaker: ModuleType, clause: Clause, asked: str | None) -> list[Token]:
    return speaker.sentence(clause) if asked is None else speaker.question(clause, asked)


@functools.lru_cache(maxsize=4096)  # a candidate is said several times: to compare it, to count its words, to write it
def _say(speaker: ModuleType, clause: Clause, asked: str | None = None) -> str:
    return detokenise(_uttered(speaker, clause, asked))


def _single(draws: _Draws, part: str) -> Utterance:
    """A sentence or, three times in ten, the question of a paragraph."""
    if draws.rng.random() < 0.7:
        return draws.draw(part, draws.sampler.clause, _alone), None
    item = draws.question(part)
    return item.asks, item.asked


def _small_text(draws: _Draws, part: str) -> _Text:
    """Single, a sentence and the same in other words, or a question with its paragraph."""
    roll = draws.rng.random()
    if roll < 0.2:
        return _Text((_single(draws, part),))
    if roll < 0.75:
        one, other = draws.draw(part, partial(_twice, draws.sampler), lambda pair: [*map(_uttering, pair)])
        return _Text((_uttering(one), _uttering(other)))
    item = draws.question(part)
    return _Text(tuple(_question_and_paragraph(item)), (item.paragraph[item.about], item.asked))


def _uttering(clause: Clause) -> Utterance:
    return clause, None


def _alone(clause: Clause) -> list[Utterance]:
    return [_uttering(clause)]


def _twice(sampler: Sampler) -> tuple[Clause, Clause]:
    while True:
        clause = sampler.clause(plain=True, detail=1.4)
        again = said_again(sampler, clause)
        if again._replace(front=clause.front) != clause:
            return clause, again


def _document(speaker: ModuleType, draws: _Draws, part: str) -> str:
    """One line of text; behind a question and its paragraph stands the answer."""
    said, answer = _small_text(draws, part)
    text = " ".join(_say(speaker, *utterance) for utterance in said)
    return f"{text} {_answer(speaker, *answer)[1]}." if answer else text


def _answer(speaker: ModuleType, clause: Clause, asked: str) -> tuple[int, str]:
    """Where the answer stands in the written clause, and its text."""
    tokens = speaker.sentence(clause)
    return text_span(tokens, *span(tokens, "object.count" if asked == "count" else asked))


def _write_parallel(
    folder: Path, speakers: Mapping[str, ModuleType], code: str, pairs: dict[str, list[Utterance]]
) -> None:
    for split, items in pairs.items():
        sides = [tuple(_uttered(speakers[of], *item) for of in (code, PIVOT)) for item in items]
        rows = [[" ".join(token.text for token in side) for side in pair] for pair in sides]
        write_table(folder / "parallel" / f"{code}-{PIVOT}.{split}.tsv", (code, PIVOT), rows)
        if split == "heldout":
            write_gold(folder / "gold" / f"{code}-{PIVOT}.tsv", [_gold(source, pivot) for source, pivot in sides])


def _gold(source: Sequence[Token], pivot: Sequence[Token]) -> GoldPair:
    sure, possible = links(source, pivot)
    return GoldPair([token.text for token in source], [token.text for token in pivot], sure, sure | possible)


def _write_nli(folder: Path, speakers: Mapping[str, ModuleType], draws: _Draws, sizes: dict[str, int]) -> None:
    for split, n in sizes.items():
        balanced_in = speakers if split == "test" else {PIVOT: speakers[PIVOT]}
        items = balanced(n, LABELS, partial(draws.inference, f"nli {split}"), partial(_features, balanced_in))
        draws.rng.shuffle(items)
        rows = [
            (code, item.label, f"{item.kind}-{i:06d}", _say(speaker, item.premise), _say(speaker, item.hypothesis))
            for code, speaker, shared in _said_in(speakers, split, items)
            for i, item in shared
        ]
        write_table(folder / f"xnli.{split}.tsv", COLUMNS, rows)


def _said_in(speakers: Mapping[str, ModuleType], split: str, items: list) -> Iterator[tuple[str, ModuleType, list]]:
    """Numbered items of each language: all in English and of a test; of training each in one other language."""
    numbered, others = list(enumerate(items)), [code for code in speakers if code != PIVOT]
    for code, speaker in speakers.items():
        if code == PIVOT or split == "test":
            yield code, speaker, numbered
        elif split == "train":
            yield code, speaker, numbered[others.index(code) :: len(others)]


def _features(speakers: Mapping[str, ModuleType], item: Inference) -> Iterable[Weighted]:
    """What must not tell the label: words of either side, how much they share in any language, how general they are."""
    for code, speaker in speakers.items():
        sides = _say(speaker, item.premise), _say(speaker, item.hypothesis)
        yield overlap_of(*sides, code)
        if code == PIVOT:
            yield from words_of(*sides)
    yield COUNTS_WEIGHT, ("hypernyms", hypernyms(item.premise), hypernyms(item.hypothesis))


def _write_qa(folder: Path, speakers: Mapping[str, ModuleType], draws: _Draws, sizes: dict[str, int]) -> None:
    for split, n in sizes.items():
        even_in = speakers.values() if split == "test" else [speakers[PIVOT]]
        items = [draws.question(f"qa {split}", even_in) for _ in range(n)]
        for code, speaker, shared in _said_in(speakers, split, items):
            paragraphs = [_squad(speaker, item, f"{item.asked}-{i:06d}") for i, item in shared]
            data = {"version": "1.1", "data": [{"title": "micro-world", "paragraphs": paragraphs}]}
            (folder / f"{code}.{split}.json").write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def _squad(speaker: ModuleType, item: Question, name: str) -> dict:
    """The paragraph as SQuAD has it, with its question and where the answer stands."""
    sentences = [_say(speaker, clause) for clause in item.paragraph]
    before = "".join(f"{sentence} " for sentence in sentences[: item.about])
    start, text = _answer(speaker, item.paragraph[item.about], item.asked)
    answers = [{"text": text, "answer_start": len(before) + start}]
    asked = _say(speaker, item.asks, item.asked)
    return {"context": " ".join(sentences), "qas": [{"id": name, "question": asked, "answers": answers}]}
