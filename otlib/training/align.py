"""Alignment training: an encoder, parallel text and an objective through the trainer.

On several GPUs or machines: ``accelerate launch -m otlib align --study NAME --method METHOD --seed SEED``.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch.utils.data import ConcatDataset, DataLoader

from otlib.data.aligners import installed_aligner, kept_links
from otlib.data.arrow import Lists
from otlib.data.batches import draw, length_batches, tfidf_weights
from otlib.data.text import ParallelText, taken
from otlib.record import write_text
from otlib.settings import COLLAPSED, Align
from otlib.training import trainer
from otlib.training.objectives import EncoderLayers, PairBatch, Words, alignment_of, spread
from otlib.training.processes import launch
from otlib.training.tokenised import TokenisedPairs, encode_corpora, warn_of_cuts
from otlib.training.words import collate_words, load_encoder, longest_input, pool_layers

ON_PAIRS = ("l2", "contrastive-weak", "contrastive-strong")

Weights = dict[str, tuple[Lists, Lists]]  # of each language, of the words of every source and pivot sentence


class Aligned(NamedTuple):
    """What came of an alignment training beside the encoder in its folder.

    ``log`` is that of :func:`otlib.training.trainer.train` with the terms of
    :class:`otlib.training.objectives.Alignment`; it is empty for objective ``"none"``.
    """

    log: pd.DataFrame
    text: dict[str, dict[str, int]]  # of each language, the counts of TokenisedPairs.count, and shuffled
    word_pairs: str | None  # where they came from; None if the objective has no word pairs
    spread_before: float | None = None  # of English words (objectives.spread) by the encoder as it was

    @property
    def skipped(self) -> int:
        """Steps without a finite gradient."""
        return trainer.skipped_steps(self.log)

    @property
    def spread_left(self) -> float | None:
        """The share of the spread that the last row of the log has left; None where nothing was trained."""
        kept = self.log["spread"].dropna() if "spread" in self.log else ()
        return float(kept.iloc[-1] / self.spread_before) if len(kept) and self.spread_before else None

    def record(self) -> dict[str, Any]:
        """What ``run.json`` says of the training."""
        spreads = {"spread_before": self.spread_before, "spread_left": self.spread_left}
        return {"counts": self.text, "word_pairs": self.word_pairs, "skipped_steps": self.skipped, **spreads}


def align(
    encoder: str | Path,
    corpora: Mapping[str, ParallelText],
    folder: str | Path,
    settings: Align = Align(),
    *,
    seed: int = 0,
    resume: bool = False,
    processes: int = 1,
) -> Aligned:
    """Align an encoder on parallel text and save it in ``folder``, where AutoModel and AutoTokenizer load it.

    A step takes an equal batch from every language and sums their losses (Alqahtani et al., 2021, section 3). The paper
    trains for one epoch with an anchor of weight 1 that is summed over the words; it says nothing of warm-up and
    clipping. Warnings count the sentences that were cut, and transport problems that did not converge, and say if the
    English words have collapsed: less than :data:`otlib.settings.COLLAPSED` of their spread before the first step is
    left.

    Parameters
    ----------
    encoder : str or path
        Folder of a Hugging Face checkpoint, or a hub name; any encoder that returns hidden states.
    corpora : mapping of language to ParallelText
        A smaller corpus is gone through more often. Text that :func:`otlib.data.text.read_prepared` keeps in a folder
        is tokenised once, into the same folder, for every training with this tokenizer and length.
    settings : Align
        An aligner (``word_pairs``) is eflomal or fast_align, whichever is installed; if neither is, word pairs are
        mutual nearest words. It runs once for a text, whatever is trained on it. TF-IDF is counted in the training text
        of each language and side.
    seed : int
        Of the order of the sentence pairs, of dropout, and of which pairs are shuffled.
    resume : bool
        Go on from the last checkpoint in the folder; a training that was finished is not run again.
    processes : int
        How many train together, as from a notebook; under ``accelerate launch`` there are several already.

    Raises
    ------
    FileNotFoundError
        If there is no encoder.
    ValueError
        If a setting does not fit the encoder or the text.
    RuntimeError
        If the word aligner, or one of several processes, fails.
    FloatingPointError
        If step after step has no finite gradient (:func:`otlib.training.trainer.train`).

    Examples
    --------
    >>> import tempfile
    >>> from otlib.settings import Pretrain
    >>> from otlib.training.pretrain import pretrain
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "text").write_text("ein Hund\\ndie Katze\\na dog\\nthe cat\\n" * 5)
    >>> _ = pretrain({"all": folder / "text"}, folder / "encoder", Pretrain(steps=1, width=8, heads=2))
    >>> text = ParallelText("de", [["ein", "Hund"], ["die", "Katze"]], [["a", "dog"], ["the", "cat"]])
    >>> aligned = align(folder / "encoder", {"de": text}, folder / "aligned", Align(steps=2, batch_size=2))
    >>> aligned.text["de"]["words"], [name for name in aligned.log if name.startswith("divergence")]
    (8, ['divergence_de'])
    """
    torch.manual_seed(seed)
    tokenizer, model = load_encoder(encoder)
    if settings.objective == "none" or settings.aligns_while_tuning:
        trainer.save_pretrained(model, tokenizer, folder)
        return Aligned(pd.DataFrame(), {}, None)
    if processes != 1:
        launch(align, processes, encoder, dict(corpora), folder, settings, seed=seed, resume=resume)
        resume = True  # what they have left
    max_length = longest_input(settings.max_length, tokenizer, model)
    aligner = origin = None
    if settings.objective in ON_PAIRS:
        origin = "mutual nearest words of the frozen encoder"
        if settings.word_pairs == "aligner":
            aligner = installed_aligner()
            origin = aligner or f"{origin}, for no aligner is installed"
    log = trainer.finished_log(folder, settings.steps) if resume else None
    model, kept = EncoderLayers(model, settings.layers), Path(folder) / "text.json"
    if log is not None and kept.exists():
        before = json.loads(kept.read_text(encoding="utf-8"))
    else:
        corpora = chosen_text(corpora, settings, seed)
        encoded, counts = encode_corpora(corpora, tokenizer, max_length)
        before = {"counts": counts, "spread": _english_spread(model, encoded, tokenizer, settings)}
        if trainer.is_main_process():
            write_text(kept, json.dumps(before) + "\n")
    warn_of_cuts(before["counts"], max_length)
    if log is not None:
        return _watched(Aligned(log, before["counts"], origin, before["spread"]))

    links = _links(corpora, aligner, Path(folder, "links")) if aligner else None
    batches = settings.steps * settings.accumulation * trainer.process_count()
    weights = word_weights(corpora, settings)
    schedule, collate = pair_batches(
        encoded, tokenizer, batches, settings.batch_size, seed, weights, links, by_language=settings.by_language
    )
    objective = alignment_of(model, list(corpora), settings)
    if _comes_back(encoded, model, settings, batches):
        english = ConcatDataset([pairs.pivot for pairs in encoded.values()])
        objective.frozen.remember(english, pad_token_id=tokenizer.pad_token_id)
    log = trainer.train(
        model,
        DataLoader(schedule, batch_size=1, collate_fn=collate),
        objective,
        settings,
        folder=folder,
        seed=seed,
        resume=resume,
        description=f"align {settings.objective}",
    )
    trainer.save_pretrained(model.encoder, tokenizer, folder)
    trainer.remove_checkpoints(folder)
    if settings.solver == "converged" and "unconverged" in log and (log["unconverged"] > 0).any():
        warnings.warn(
            f"up to {100 * log['unconverged'].max():.1g} % of the transport problems of a step did not converge (mean "
            f"marginal error up to {log['marginal_error'].max():.1e}): raise epsilon",
            stacklevel=2,
        )
    return _watched(Aligned(log, before["counts"], origin, before["spread"]))


@torch.no_grad()
def _english_spread(model: EncoderLayers, encoded: Mapping[str, TokenisedPairs], tokenizer, settings: Align) -> float:
    """The spread of the English words of each language's first pairs, a batch of them, before any step."""
    sides = [pairs.pivot for pairs in encoded.values()]
    rows = [side[i] for side in sides for i in range(min(settings.batch_size, len(side)))]
    batch = collate_words(rows, pad_token_id=tokenizer.pad_token_id)
    return float(spread(Words(*pool_layers(model.eval()(batch), batch, pooling=settings.pooling))))


def _watched(aligned: Aligned) -> Aligned:
    """The same, with a warning if the English words have collapsed."""
    if aligned.spread_left is not None and aligned.spread_left < COLLAPSED:
        warnings.warn(
            f"collapse: {100 * aligned.spread_left:.0f} % of the spread of English words before training is left; "
            "lower learning_rate, or raise anchor_weight",
            stacklevel=3,
        )
    return aligned


def chosen_text(corpora: Mapping[str, ParallelText], settings: Align, seed: int) -> dict[str, ParallelText]:
    """The languages and pairs that the settings ask for, as many of them shuffled, in the order of the alphabet."""
    languages, pairs = settings.languages, settings.pairs
    if not corpora:
        raise ValueError("align needs the parallel text of at least one language, got none")
    if unknown := set(languages or ()) - set(corpora):
        raise ValueError(f"languages: there is no parallel text of {', '.join(sorted(unknown))}")
    if short := [f"{code} has {len(text)}" for code, text in corpora.items() if len(text) < (pairs or 0)]:
        raise ValueError(f"pairs: {pairs} sentence pairs were asked for, but {', '.join(short)}")
    chosen = {code: corpora[code].take(range(pairs or len(corpora[code]))) for code in sorted(languages or corpora)}
    if settings.shuffled_pairs:
        for number, (language, text) in enumerate(chosen.items()):
            chosen[language] = shuffle_pairs(text, settings.shuffled_pairs, seed=[seed, number, 1])
    return chosen


def shuffle_pairs(text: ParallelText, share: float, *, seed: int | Sequence[int]) -> ParallelText:
    """The text with a share of its pairs, drawn at random, exchanging their English sentences at random.

    ``counts["shuffled"]``: pairs whose English sentence is another one now, which translates none of theirs. These are
    all that were drawn (two or more: one alone has no partner), unless more than half of those share sentences: pairs
    that share one do not exchange with each other. A larger share draws the same pairs and more.
    """
    n = len(text)
    source, pivot = map(_numbered, (text.source, text.pivot))
    # Pairs that share a sentence, themselves or through others, are a group: each moves on by the largest one's size.
    shared = coo_array((np.ones(n), (source, n + pivot)), shape=(2 * n, 2 * n))
    group = connected_components(shared, directed=False)[1][source]
    drawn = np.random.default_rng(seed).permutation(n)[: max(2, round(share * n))]
    to = drawn[np.argsort(pd.factorize(group[drawn])[0], kind="stable")]  # by groups, which are in random order
    by = np.roll(to, np.bincount(group[drawn]).max())
    rows = np.arange(n)
    rows[to] = by
    shuffled = int((group[to] != group[by]).sum())
    return replace(text, pivot=taken(text.pivot, rows), counts={**text.counts, "shuffled": shuffled})


def _numbered(sentences: Sequence[list[str]]) -> np.ndarray:
    """A number for every sentence, the same for equal ones."""
    numbers: dict[str, int] = {}
    found = (numbers.setdefault(" ".join(words), len(numbers)) for words in sentences)
    return np.fromiter(found, dtype=int, count=len(sentences))


def word_weights(corpora: Mapping[str, ParallelText], settings: Align) -> Weights | None:
    """TF-IDF of the words of both sides of every pair, if the settings ask for it."""
    if settings.marginals != "tfidf":
        return None
    return {
        language: tuple(Lists.of_rows(tfidf_weights(side), "float32") for side in (text.source, text.pivot))
        for language, text in corpora.items()
    }


def _links(corpora: Mapping[str, ParallelText], aligner: str, folder: Path) -> dict[str, Lists]:
    """Of every language (:func:`otlib.data.aligners.kept_links`); made by the main process, read by all."""
    for is_first in (True, False):
        if trainer.is_main_process() == is_first:
            links = {language: kept_links(text, aligner, folder) for language, text in corpora.items()}
        trainer.wait_for_everyone()
    return links


def _comes_back(encoded: Mapping[str, TokenisedPairs], model: EncoderLayers, settings: Align, batches: int) -> bool:
    """Whether English sentences are read more than once, and the vectors of all may be kept in memory."""
    sides = [pairs.pivot for pairs in encoded.values()]
    items = sum(int((side.lengths() if settings.pooling == "subword" else side.n_words).sum()) for side in sides)
    mib = items * len(model.layers) * model.encoder.config.hidden_size * 4 / 2**20
    return mib <= settings.remembered and batches * settings.batch_size * len(sides) > sum(map(len, sides))


def pair_batches(
    encoded: Mapping[str, TokenisedPairs],
    tokenizer,
    batches: int,
    batch_size: int,
    seed: int,
    weights: Weights | None = None,
    links: Mapping[str, Sequence] | None = None,
    *,
    by_language: bool,
) -> tuple[list, Callable[[list], PairBatch | trainer.Parts]]:
    """Batches of ``batch_size`` pairs of each language, of similar lengths, and what makes one of a list of one.

    ``by_language`` makes a part of it for each language. ``links`` of a pair are the words of one after the other:
    source word, pivot word, source word and so on.
    """
    schedules = []
    for number, pairs in enumerate(encoded.values()):
        drawn = draw(len(pairs.source), batches * batch_size, np.random.default_rng([seed, number]))
        lengths = np.maximum(pairs.source.lengths(), pairs.pivot.lengths())
        schedules.append(length_batches(drawn, lengths, batch_size=batch_size, seed=seed))
        pairs.release()
    given = {"encoded": encoded, "weights": weights, "links": links, "pad_token_id": tokenizer.pad_token_id}
    return list(zip(*schedules, strict=True)), partial(_collate_by_language if by_language else _collate, **given)


def _collate(batches, *, encoded: Mapping[str, TokenisedPairs], **given) -> PairBatch:
    (chosen,) = batches
    places = [(language, i) for language, indices in zip(encoded, chosen, strict=True) for i in indices]
    return _pair_batch(places, len(encoded), encoded=encoded, **given)


def _collate_by_language(batches, *, encoded: Mapping[str, TokenisedPairs], **given) -> trainer.Parts:
    (chosen,) = batches
    languages = enumerate(zip(encoded, chosen, strict=True))
    return trainer.Parts(
        _pair_batch([(language, i) for i in indices], 1, number, encoded=encoded, **given)
        for number, (language, indices) in languages
    )


def _pair_batch(
    places, languages: int, first: int = 0, *, encoded: Mapping[str, TokenisedPairs], weights, links, pad_token_id: int
) -> PairBatch:
    rows = [encoded[language][side][i] for side in (0, 1) for language, i in places]
    for pairs in encoded.values():
        pairs.release()
    words = collate_words(rows, pad_token_id=pad_token_id)
    before = dict(zip(encoded, accumulate((len(pairs.pivot) for pairs in encoded.values()), initial=0), strict=False))
    english = torch.tensor([before[language] + i for language, i in places])
    batch = PairBatch(words, languages, first, english=english)
    if weights is not None:
        padded = torch.zeros(len(rows), words.longest)
        for row, (side, (language, i)) in zip(padded, product((0, 1), places), strict=True):
            of_words = weights[language][side][i]
            row[: len(of_words)] = torch.from_numpy(of_words)
        batch = batch._replace(weights=padded)
    if links is not None:
        linked = [
            (row, i, j)
            for row, (language, pair) in enumerate(places)
            for i, j in np.reshape(links[language][pair], (-1, 2)).tolist()
        ]
        pairs = torch.zeros(len(places), words.longest, words.longest, dtype=torch.bool)
        if linked:
            pairs[tuple(torch.tensor(linked).T)] = True
        batch = batch._replace(pairs=pairs)
    return batch
