"""Alignment training: an encoder, parallel text and an objective through the trainer.

On several GPUs or machines: ``accelerate launch -m otlib.align --study NAME --method METHOD --seed SEED``.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from torch.utils.data import DataLoader
from transformers import AutoModel, AutoTokenizer

from otlib import objectives
from otlib.aligners import installed_aligner, one_to_one_links
from otlib.corpora import ParallelText, draw, length_batches, tfidf_weights
from otlib.links import Links
from otlib.objectives import Alignment, EncoderLayers, FrozenWords, PairBatch
from otlib.record import write_text
from otlib.trainer import (
    finished_log,
    is_main_process,
    process_count,
    remove_checkpoints,
    save_pretrained,
    train,
    wait_for_everyone,
)
from otlib.words import EncodedSentence, collate_words, encode_words, longest_input, resolve_layers

ON_PAIRS = ("l2", "contrastive-weak", "contrastive-strong")
OBJECTIVES = ("none", "wordot", *ON_PAIRS)

Encoded = list[tuple[EncodedSentence, EncodedSentence]]
Weights = dict[str, list[tuple[np.ndarray, np.ndarray]]]


def align(
    encoder: str | Path,
    corpora: Mapping[str, ParallelText],
    folder: str | Path,
    *,
    objective: str = "wordot",
    languages: Sequence[str] | None = None,
    pairs: int | None = None,
    layers: str | int | Sequence[int] = "last",
    pooling: str = "last",
    cost: str = "half_sqeuclidean",
    epsilon: float = 0.05,
    relative: bool = True,
    solver: str = "converged",
    scope: str = "sentence",
    marginals: str = "uniform",
    temperature: float = 0.1,
    word_pairs: str = "mutual",
    anchor_weight: float = 1.0,
    anchor_reduction: str = "mean",
    steps: int = 300,
    batch_size: int = 24,
    accumulation: int = 1,
    learning_rate: float = 5e-5,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    clip: float = 1.0,
    max_length: int = 128,
    mixed_precision: str = "no",
    seed: int = 0,
    save_every: int | None = None,
    resume: bool = False,
) -> pd.DataFrame:
    """Align an encoder on parallel text and save it in ``folder``, where AutoModel and AutoTokenizer load it.

    A step takes an equal batch from every language and sums their losses (Alqahtani et al., 2021, section 3).

    Parameters
    ----------
    encoder : str or path
        Folder of a Hugging Face checkpoint, or a hub name; any encoder that returns hidden states.
    corpora : mapping of language to ParallelText
        A smaller corpus is gone through more often.
    objective : {"wordot", "l2", "contrastive-weak", "contrastive-strong", "none"}
        :func:`otlib.objectives.wordot`, :func:`otlib.objectives.l2`, :func:`otlib.objectives.contrastive`, or the
        encoder as it is.
    languages : sequence of str, optional
        Align these only; the others stay unseen.
    pairs : int, optional
        Use this many sentence pairs of each language only, the first of its corpus.
    layers : "last", "all", int or sequence of int
        Hidden states that are aligned and anchored; ``"all"`` takes the embeddings and every layer.
    pooling : {"last", "first", "mean", "subword"}
        See :func:`otlib.words.pool_words`.
    cost, epsilon, relative, solver
        See :func:`otlib.transport.sinkhorn_divergence`.
    scope : {"sentence", "batch", "mixed"}
    marginals : {"uniform", "norm", "tfidf"}
        See :func:`otlib.objectives.wordot`. TF-IDF is counted in the training text of each language and side.
    temperature : float
        See :func:`otlib.objectives.contrastive`.
    word_pairs : {"mutual", "aligner"}
        Of l2 and the contrastive objectives: mutual nearest words of the frozen encoder, or the links on which both
        directions of eflomal or fast_align agree, whichever is installed; nearest words if neither is.
    anchor_weight, anchor_reduction
        The paper's lambda, and what it weighs; see :func:`otlib.objectives.anchor`. The paper: 1 and
        ``"sum"``.
    steps : int
        Optimiser steps; the paper's is one epoch.
    batch_size : int
        Sentence pairs of each language in a batch; a step takes ``accumulation`` of them on every process.
    warmup, weight_decay, clip, mixed_precision, save_every
        See :func:`otlib.trainer.train`. The paper says nothing of the first and the third.
    resume : bool
        Go on from the last checkpoint in the folder; a training that was finished is not run again.
    max_length : int
        Subwords of a sentence, at most what the encoder takes; longer sentences are cut, counted and warned
        of.

    Returns
    -------
    DataFrame
        The log of :func:`otlib.trainer.train` with the terms of :class:`otlib.objectives.Alignment`;
        ``attrs`` holds under ``"text"`` the counts of :meth:`otlib.words.WordBatch.counts` for each language, and
        under ``"word_pairs"`` where the word pairs came from, for the objectives that have such. Empty for objective
        ``"none"``.

    Raises
    ------
    FileNotFoundError
        If there is no encoder.
    ValueError
        If a parameter makes no sense.
    RuntimeError
        If the word aligner fails.

    Warns
    -----
    UserWarning
        If sentences were cut, or transport problems did not converge.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"objective must be one of {', '.join(OBJECTIVES)}, got {objective!r}")
    if marginals == "tfidf" and pooling == "subword":
        raise ValueError("marginals 'tfidf' weigh words: pooling must be last, first or mean")
    if word_pairs not in ("mutual", "aligner"):
        raise ValueError(f"word_pairs must be mutual or aligner, got {word_pairs!r}")
    if word_pairs == "aligner" and pooling == "subword":
        raise ValueError("word_pairs 'aligner' are of words: pooling must be last, first or mean")
    torch.manual_seed(seed)
    tokenizer, model = load_encoder(encoder)
    if objective == "none":
        save_pretrained(model, tokenizer, folder)
        return pd.DataFrame()
    corpora = _chosen(corpora, languages, pairs)

    max_length = longest_input(max_length, tokenizer, model)
    encoded = {language: encode_pairs(tokenizer, text, max_length) for language, text in corpora.items()}
    counts = {language: count_pairs(pairs) for language, pairs in encoded.items()}
    _warn_of_cuts(counts, max_length)
    aligner = installed_aligner() if word_pairs == "aligner" else None
    said = {"text": counts}
    if objective in ON_PAIRS:
        said["word_pairs"] = aligner or "mutual nearest words of the frozen encoder" + (
            ", for no aligner is installed" if word_pairs == "aligner" else ""
        )
    if resume and (log := finished_log(folder, steps)) is not None:
        log.attrs |= said
        return log

    model = EncoderLayers(model, resolve_layers(layers, model.config))
    frozen = FrozenWords(model, pooling=pooling)
    divergence = make_divergence(
        frozen,
        objective=objective,
        scope=scope,
        marginals=marginals,
        temperature=temperature,
        cost=cost,
        epsilon=epsilon,
        relative=relative,
        solver=solver,
    )
    weights = word_weights(corpora) if marginals == "tfidf" else None
    links = _aligned(corpora, aligner, Path(folder), resume) if aligner and objective in ON_PAIRS else None
    log = train(
        model,
        pair_loader(encoded, tokenizer, steps * accumulation * process_count(), batch_size, seed, weights, links),
        Alignment(
            divergence,
            frozen,
            list(corpora),
            anchor_weight=anchor_weight,
            anchor_reduction=anchor_reduction,
            pooling=pooling,
        ),
        folder=folder,
        steps=steps,
        learning_rate=learning_rate,
        warmup=warmup,
        weight_decay=weight_decay,
        clip=clip,
        accumulation=accumulation,
        mixed_precision=mixed_precision,
        seed=seed,
        save_every=save_every,
        resume=resume,
        description=f"align {objective}",
    )
    save_pretrained(model.encoder, tokenizer, folder)
    remove_checkpoints(folder)
    _warn_of_transport(log, solver)
    log.attrs |= said
    return log


def make_divergence(
    frozen: FrozenWords, *, objective: str, scope: str, marginals: str, temperature: float, **transport
) -> objectives.Divergence:
    """What an objective's name stands for; arguments as in :func:`align`."""
    if objective == "wordot":
        return objectives.wordot(scope=scope, marginals=marginals, **transport)
    if objective == "l2":
        return objectives.l2(frozen)
    return objectives.contrastive(frozen, negatives=objective.removeprefix("contrastive-"), temperature=temperature)


def _chosen(
    corpora: Mapping[str, ParallelText], languages: Sequence[str] | None, pairs: int | None
) -> dict[str, ParallelText]:
    if not corpora:
        raise ValueError("align needs the parallel text of at least one language, got none")
    if unknown := set(languages or ()) - set(corpora):
        raise ValueError(f"languages: there is no parallel text of {', '.join(sorted(unknown))}")
    if short := [f"{code} has {len(text)}" for code, text in corpora.items() if len(text) < (pairs or 0)]:
        raise ValueError(f"pairs: {pairs} sentence pairs were asked for, but {', '.join(short)}")
    return {
        code: text.take(range(pairs or len(text))) for code, text in corpora.items() if code in (languages or corpora)
    }


def load_encoder(encoder: str | Path):
    """Tokenizer and encoder of a checkpoint folder or hub name; a clear error if there is none, or part of it only."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(encoder)
        model, loaded = AutoModel.from_pretrained(encoder, output_loading_info=True)
        model.float()  # a checkpoint may be stored in half precision
        # What is missing transformers makes up: a tokenizer of five words, weights at random.
        if len(tokenizer) <= len(tokenizer.all_special_tokens):
            raise ValueError("it has no tokenizer")
        if lost := sorted(key for key in loaded["missing_keys"] if not key.startswith("pooler.")):
            raise ValueError(f"{len(lost)} weights are not in it, {lost[0]} first")
        return tokenizer, model
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0]
        raise FileNotFoundError(
            f"no complete encoder at {encoder}: pretrain it first, or name another checkpoint ({reason})"
        ) from error


def encode_pairs(tokenizer, text: ParallelText, max_length: int) -> Encoded:
    """Tokenise both sides of the sentence pairs, once and for all."""
    sides = (encode_words(tokenizer, side, max_length=max_length) for side in (text.source, text.pivot))
    return list(zip(*sides, strict=True))


def count_pairs(pairs: Encoded) -> dict[str, int]:
    """Sentences and words of both sides, how many sentences were cut, and words without a vector."""
    total: Counter[str] = Counter()
    for start in range(0, len(pairs), 1000):
        sides = [side for pair in pairs[start : start + 1000] for side in pair]
        total.update(collate_words(sides, pad_token_id=0).counts())
    return dict(total)


def _warn_of_cuts(counts: Mapping[str, Mapping[str, int]], max_length: int) -> None:
    cut = [f"{language} {c['truncated']} of {c['sentences']}" for language, c in counts.items() if c["truncated"]]
    if cut:
        warnings.warn(f"sentences longer than {max_length} subwords were cut: {', '.join(cut)}", stacklevel=3)


def _warn_of_transport(log: pd.DataFrame, solver: str) -> None:
    if solver == "converged" and "unconverged" in log and (log["unconverged"] > 0).any():
        warnings.warn(
            f"up to {100 * log['unconverged'].max():.1g} % of the transport problems of a step did not converge (mean "
            f"marginal error up to {log['marginal_error'].max():.1e}): raise epsilon",
            stacklevel=3,
        )


def word_weights(corpora: Mapping[str, ParallelText]) -> Weights:
    """TF-IDF of the words of both sides of every pair."""
    return {
        language: list(zip(tfidf_weights(text.source), tfidf_weights(text.pivot), strict=True))
        for language, text in corpora.items()
    }


def _aligned(corpora: Mapping[str, ParallelText], aligner: str, folder: Path, resume: bool) -> dict[str, list[Links]]:
    """One-to-one links of every language, kept in the folder: an aligner draws lots, and every process and a resumed
    run need the same."""
    links = {}
    for language, text in corpora.items():
        path = folder / f"links-{language}.txt"
        if is_main_process() and not (resume and path.exists()):
            lines = [" ".join(f"{i}-{j}" for i, j in sorted(one)) for one in one_to_one_links(text, aligner)]
            write_text(path, "".join(f"{line}\n" for line in lines))
        wait_for_everyone()
        links[language] = [
            {tuple(map(int, link.split("-"))) for link in line.split()}
            for line in path.read_text(encoding="utf-8").splitlines()
        ]
    return links


def pair_loader(
    encoded: Mapping[str, Encoded],
    tokenizer,
    batches: int,
    batch_size: int,
    seed: int,
    weights: Weights | None = None,
    links: Mapping[str, list[Links]] | None = None,
) -> DataLoader:
    """Every batch of a run, in order: ``batch_size`` pairs of each language, of similar lengths."""
    schedules = []
    for number, pairs in enumerate(encoded.values()):
        drawn = draw(len(pairs), batches * batch_size, np.random.default_rng([seed, number]))
        lengths = np.array([max(len(side.input_ids) for side in pair) for pair in pairs])
        schedules.append(length_batches(drawn, lengths, batch_size=batch_size, seed=seed))
    collate = partial(
        _collate,
        encoded=list(encoded.values()),
        weights=None if weights is None else [weights[language] for language in encoded],
        links=None if links is None else [links[language] for language in encoded],
        pad_token_id=tokenizer.pad_token_id,
    )
    return DataLoader(list(zip(*schedules, strict=True)), batch_size=1, collate_fn=collate)


def _collate(batches, *, encoded: list[Encoded], weights, links, pad_token_id: int) -> PairBatch:
    (chosen,) = batches
    places = [(number, i) for number, indices in enumerate(chosen) for i in indices]
    rows = [encoded[number][i][side] for side in (0, 1) for number, i in places]
    words = collate_words(rows, pad_token_id=pad_token_id)
    batch = PairBatch(words, len(chosen))
    if weights is not None:
        padded = torch.zeros(len(rows), words.longest)
        for row, (side, (number, i)) in zip(padded, product((0, 1), places), strict=True):
            of_words = weights[number][i][side]
            row[: len(of_words)] = torch.from_numpy(of_words)
        batch = batch._replace(weights=padded)
    if links is not None:
        linked = [(row, i, j) for row, (number, pair) in enumerate(places) for i, j in links[number][pair]]
        pairs = torch.zeros(len(places), words.longest, words.longest, dtype=torch.bool)
        if linked:
            pairs[tuple(torch.tensor(linked).T)] = True
        batch = batch._replace(pairs=pairs)
    return batch


def main(arguments: Sequence[str] | None = None) -> None:
    """Align by the parameters of a study, as the notebook does, from the command line."""
    import argparse
    from datetime import datetime, timezone

    from otlib.corpora import read_prepared
    from otlib.record import write_run
    from otlib.study import load_study

    parser = argparse.ArgumentParser(prog="otlib.align", description=main.__doc__)
    parser.add_argument("--study", required=True, help="name in params/ or path of the YAML file")
    parser.add_argument("--method", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    chosen = parser.parse_args(arguments)
    started = datetime.now(timezone.utc)
    study = load_study(chosen.study)
    files = {language: study.parallel(language) for language in study.languages}
    folder, settings = study.aligned(chosen.method, chosen.seed), study.align_arguments(chosen.method)
    if is_main_process():
        study.begin_alignment(chosen.method, chosen.seed)
    wait_for_everyone()
    log = align(
        study.encoder_path,
        {language: read_prepared(path, language) for language, path in files.items()},
        folder,
        seed=chosen.seed,
        resume=chosen.resume,
        **settings,
    )
    if is_main_process():
        write_run(
            folder,
            parameters={**vars(chosen), **settings},
            started=started,
            data=list(files.values()),
            counts=log.attrs.get("text", {}),
            word_pairs=log.attrs.get("word_pairs"),
            processes=process_count(),
        )


if __name__ == "__main__":
    main()
