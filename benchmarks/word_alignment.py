"""Our aligner beside SimAlign on gold word alignments: sentence pairs a second, and alignment error rates.

``python benchmarks/word_alignment.py ENCODER GOLD... [--text 'parallel/{language}-en.tsv']`` takes an encoder's folder
or hub name and tables of gold alignments, whose names begin with the language (``de-en.tsv``). Both aligners read the
same words with the same encoder and layer, in one process and in turns; the ratio is that of the times of a turn, the
median of all turns. SimAlign (Jalili Sabet et al., 2020) is timed as it comes, with its three rules, and with argmax
and itermax alone, which are its links here. With ``--text`` eflomal learns from that parallel text and from the gold
sentences, without their links. Neither is a part of the project (``pip install simalign eflomal``), and what is not
installed is left out.
"""

import argparse
import logging
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


def sim_aligners(encoder, layer, device):
    """By name, functions of gold pairs that return SimAlign's links by rule; none where it is not installed."""
    if not find_spec("simalign"):
        print("SimAlign is not installed, and is left out: pip install simalign")
        return {}
    from simalign import SentenceAligner

    logging.disable(logging.INFO)

    def align(aligner, pairs):
        found = [aligner.get_word_aligns(pair.source, pair.pivot) for pair in pairs]
        return {"argmax": [set(one["inter"]) for one in found], "itermax": [set(one["itermax"]) for one in found]}

    options = {"SimAlign": {}, "SimAlign, two rules": {"matching_methods": "ai"}}
    return {
        name: partial(align, SentenceAligner(encoder, layer=layer, device=device, **chosen))
        for name, chosen in options.items()
    }


def speed(pairs, ours, theirs, device):
    """A row for each of our precisions: pairs a second of all, and how many times as fast as the others ours is."""
    rows = {}
    for name, align in ours.items():
        turns = pd.DataFrame(
            {who: seconds(lambda run=run: run(pairs), device) for who, run in {"otlib": align, **theirs}.items()}
            for _ in range(TURNS)
        )
        rates = (len(pairs) / turns.median()).add_suffix(", pairs/s")
        ratios = turns.div(turns["otlib"], axis=0).median()[[*theirs]].add_prefix("times as fast as ")
        rows[name] = pd.concat([rates, ratios])
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
    theirs = sim_aligners(given.encoder, layer, device)
    two_rules = theirs.get("SimAlign, two rules", lambda gold: {})

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
        links |= {f"SimAlign {rule}": found for rule, found in two_rules(gold).items()}
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
