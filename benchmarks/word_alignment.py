"""Our aligner beside SimAlign on gold word alignments: sentence pairs a second, and alignment error rates.

``python benchmarks/word_alignment.py ENCODER GOLD... [--text 'parallel/{language}-en.tsv']`` takes an encoder's folder
or hub name and tables of gold alignments, whose names begin with the language (``de-en.tsv``). Both aligners read the
same words with the same encoder and layer, in one process and in turns; the ratio is that of the times of a turn, the
median of all turns. Of SimAlign (Jalili Sabet et al., 2020) it is argmax and itermax of subwords. With
``--text`` eflomal learns from that parallel text and from the gold sentences, without their links. Neither is a part of
the project (``pip install simalign eflomal``), and what is not installed is left out.
"""

import argparse
import logging
import statistics
import warnings
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import torch
import transformers
from measuring import seconds

from otlib.analysis.sentences import RULES, align_sentences, decided, middle_layer
from otlib.analysis.word_alignment import links_against_gold
from otlib.data.aligners import gold_links, installed_aligner
from otlib.data.text import clean_pairs, read_gold, read_pairs
from otlib.training.words import load_encoder

TURNS = 3
PRECISIONS = {"bfloat16": True, "float32": False}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("encoder")
    parser.add_argument("gold", nargs="+")
    parser.add_argument("--text", help="parallel text for eflomal, with {language} in its name")
    parser.add_argument("--layer", type=int, help="the aligner's own by default")
    parser.add_argument("--timed", type=int, default=60, help="pairs of each language that are timed")
    return parser.parse_args()


def sim_aligner(encoder, layer, device):
    """A function of gold pairs that returns SimAlign's links by rule; None where it is not installed."""
    if not find_spec("simalign"):
        print("SimAlign is not installed, and is left out: pip install simalign")
        return None
    from simalign import SentenceAligner

    logging.disable(logging.INFO)
    aligner = SentenceAligner(encoder, matching_methods="ai", layer=layer, device=device)

    def align(pairs):
        found = [aligner.get_word_aligns(pair.source, pair.pivot) for pair in pairs]
        return {"argmax": [set(one["inter"]) for one in found], "itermax": [set(one["itermax"]) for one in found]}

    return align


def speed(pairs, ours, theirs, device):
    """A row for each of our precisions: pairs a second of both, and how many times as fast ours is."""
    rows = {}
    for name, align in ours.items():
        turns = [[seconds(lambda run=run: run(pairs), device) for run in (align, theirs)] for _ in range(TURNS)]
        fast, slow = (len(pairs) / statistics.median(times) for times in zip(*turns, strict=True))
        ratio = statistics.median(slow / fast for fast, slow in turns)
        rows[name] = {"otlib, pairs/s": fast, "SimAlign, pairs/s": slow, "times as fast": ratio}
    return pd.DataFrame(rows).T


def eflomal_links(text, language, gold):
    """Links of gold pairs by a statistical aligner that learns from parallel text; None where none is installed."""
    path, aligner = text.replace("{language}", language), installed_aligner()
    if aligner is None or not Path(path).exists():
        print(f"{language}: no eflomal, or no {path}: left out")
        return None
    parallel = clean_pairs(read_pairs(path, language), language, path, words="moses")
    return aligner, gold_links(parallel, gold, aligner)


def main():
    given = arguments()
    tokenizer, model = load_encoder(given.encoder)
    layer = middle_layer(model.config) if given.layer is None else given.layer
    device = "cuda" if torch.cuda.is_available() else "cpu"
    theirs = sim_aligner(given.encoder, layer, device)

    def aligned(pairs, **options):
        return align_sentences([pair[:2] for pair in pairs], (tokenizer, model), layer=layer, **options)

    ours = {name: partial(aligned, bf16=half) for name, half in PRECISIONS.items()}
    print(f"layer {layer}, {device}, {torch.get_num_threads()} threads, torch {torch.__version__}", flush=True)
    errors = {}
    for path in given.gold:
        gold, language = read_gold(path), Path(path).name.partition("-")[0]
        if theirs:
            timed = gold[:: max(1, len(gold) // given.timed)][: given.timed]
            print(
                f"\n{language}: {len(timed)} pairs\n{speed(timed, ours, theirs, device).round(2).to_string()}",
                flush=True,
            )
        links = {}
        for name, half in PRECISIONS.items():
            plans = [one.plan for one in aligned(gold, bf16=half, plans=True)]
            links |= {f"otlib {rule}, {name}": [set(decided(p, RULES[rule])) for p in plans] for rule in RULES}
        links |= {f"SimAlign {rule}": found for rule, found in (theirs(gold) if theirs else {}).items()}
        if given.text and (found := eflomal_links(given.text, language, gold)):
            links[found[0]] = found[1]
        errors[language] = links_against_gold(links, gold)["error rate"]
        print(errors[language].round(2).to_string(), flush=True)
    table = pd.DataFrame(errors)
    print(f"\nalignment error rate, %\n{table.assign(mean=table.mean(axis=1)).round(2).to_string()}")


if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.simplefilter("ignore", UserWarning)
    main()
