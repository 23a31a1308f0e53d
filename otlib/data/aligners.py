"""Word pairs of parallel text by a statistical aligner, if one is installed: eflomal or fast_align."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import pyarrow as pa

from otlib.data.arrow import Lists, Sentences, kept
from otlib.data.text import GoldPair, Links, ParallelText
from otlib.record import first_line

LINKS = pa.schema({"links": pa.list_(pa.int32())})


def installed_aligner() -> str | None:
    """``"eflomal"`` (Ostling and Tiedemann, 2016), else ``"fast_align"`` (Dyer et al., 2013), else None."""
    if importlib.util.find_spec("eflomal"):
        return "eflomal"
    return "fast_align" if shutil.which("fast_align") else None


def one_to_one_links(text: ParallelText, aligner: str) -> list[Links]:
    """Links (source word, pivot word) on which both directions of an aligner agree, as Cao et al. (2020) use them.

    In either direction a word has one partner at most, so that what both say is one to one. The aligner, ``"eflomal"``
    or ``"fast_align"``, learns from the text that it aligns: thousands of pairs are worth it.

    Raises
    ------
    RuntimeError
        If the aligner fails or returns another number of sentences; with what it said.
    """
    # An aligner splits at every blank of Unicode, such as a no-break space within a number: links would shift.
    sides = ([" ".join(re.sub(r"\s", "_", word) for word in words) for words in s] for s in (text.source, text.pivot))
    with tempfile.TemporaryDirectory() as folder:
        forth, back = {"eflomal": _eflomal, "fast_align": _fast_align}[aligner](*sides, Path(folder))
    if not len(forth) == len(back) == len(text):
        raise RuntimeError(f"{aligner} aligned {len(forth)} and {len(back)} of {len(text)} sentence pairs")
    return [_links(a) & _links(b) for a, b in zip(forth, back, strict=True)]


def kept_links(text: ParallelText, aligner: str, folder: str | Path) -> Lists:
    """:func:`one_to_one_links` of a text, made once: of each pair source word, pivot word, source word and so on.

    They are kept beside the text if that is read from a file (:func:`otlib.data.text.read_prepared`), else in
    ``folder``. An aligner finds other links each time it runs; these are the same for every training on the text.
    """

    def made() -> Iterator[pa.RecordBatch]:
        links = [[*chain.from_iterable(sorted(pair))] for pair in one_to_one_links(text, aligner)]
        yield pa.record_batch([pa.array(links, LINKS.field("links").type)], schema=LINKS)

    if isinstance(text.source, Sentences):
        folder = text.source.file.path.parent
    digest = hashlib.sha256()
    for words in chain(text.source, text.pivot):
        digest.update(f"{' '.join(words)}\n".encode())
    return Lists.of_column(kept(folder, {"text": digest.hexdigest(), "aligner": aligner}, LINKS, made).table["links"])


def gold_links(text: ParallelText, gold: Sequence[GoldPair], aligner: str) -> list[Links]:
    """:func:`one_to_one_links` of gold pairs, by an aligner that learns from the text and from the pairs themselves."""
    source, pivot = [*text.source, *(pair.source for pair in gold)], [*text.pivot, *(pair.pivot for pair in gold)]
    return one_to_one_links(ParallelText(text.language, source, pivot), aligner)[len(text) :]


def _links(line: str) -> Links:
    return {tuple(map(int, link.split("-"))) for link in line.split()}


def _eflomal(source: list[str], pivot: list[str], folder: Path) -> list[list[str]]:
    import eflomal

    links = [folder / "forth", folder / "back"]
    sides = ([f"{sentence}\n" for sentence in side] for side in (source, pivot))
    try:
        eflomal.Aligner().align(*sides, links_filename_fwd=str(links[0]), links_filename_rev=str(links[1]), quiet=True)
    except (OSError, RuntimeError, ValueError, subprocess.CalledProcessError) as error:
        raise RuntimeError(f"eflomal failed: {first_line(error)}") from error
    return [path.read_text(encoding="utf-8").splitlines() for path in links]


def _fast_align(source: list[str], pivot: list[str], folder: Path) -> list[list[str]]:
    pairs = zip(source, pivot, strict=True)
    # Its own sign between the sides must not stand in one.
    lines = [" ||| ".join(sentence.replace("|||", "|") for sentence in pair) + "\n" for pair in pairs]
    (folder / "pairs").write_text("".join(lines), encoding="utf-8")
    found = []
    for direction in ([], ["-r"]):
        command = ["fast_align", "-i", folder / "pairs", "-d", "-o", "-v", *direction]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise RuntimeError(f"fast_align failed with status {done.returncode}: {said[-1]}")
        found.append(done.stdout.splitlines())
    return found
