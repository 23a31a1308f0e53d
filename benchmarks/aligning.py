"""A step of alignment training beside a plain rendering of the paper's recipe: pairs a second, and peak memory.

    python benchmarks/aligning.py                  # CPU, one thread, an encoder of 4 layers and width 256
    python benchmarks/aligning.py --device cuda    # mBERT's size, bfloat16

On one core of an EPYC processor, 14 languages of 8 pairs: all languages at once are 4.1 times as fast as the plain
recipe in .32 of its memory, one after another 3.7 times in .06; once English words are remembered, 4.7 and 3.8 times.

The plain recipe pads all languages together, encodes source and English sentences and the English ones once more by the
frozen encoder, and calls GeomLoss for one sentence pair after another. Sentences are simulated: lengths differ between
sentences, and from language to language, as subwords of one vocabulary do. In a second epoch the frozen encoder's
English words are in memory. The methods take turns in one process; a ratio is the median over turns of two times of the
same turn, which on a CPU are those of the process alone. Memory is above that of the models and their optimiser.
"""

import argparse
from copy import deepcopy

import geomloss
import numpy as np
import pandas as pd
import torch
from measuring import peak_mib, seconds
from transformers import BertConfig, BertModel

from otlib.settings import Align
from otlib.training.objectives import EncoderLayers, PairBatch, alignment_of
from otlib.training.words import EncodedSentence, collate_words

SIZES = {
    "cpu": dict(hidden_size=256, num_hidden_layers=4, num_attention_heads=4, intermediate_size=1024, vocab_size=30_000),
    "cuda": dict(vocab_size=119_547),
}


def sentence(rng, subwords, vocabulary):
    """So many subwords between two that belong to no word; three of four begin one."""
    words = np.cumsum(rng.random(subwords) < 0.75)
    index = np.concatenate([[-1], words - words[0], [-1]]).astype(np.int32)
    ids = rng.integers(5, vocabulary, subwords + 2).astype(np.int32)
    return EncodedSentence(ids, index, int(index.max()) + 1, 0, False)


def batches_of(languages, pairs, vocabulary, *, longest=126, seed=0):
    """The sentence pairs of a step: rows of the source and of the English side, for each language."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(languages):
        lengths = rng.gamma(3, 9, size=pairs)
        factor = rng.uniform(1, 1.8)  # subwords of the language for one of English
        sides = [np.clip(lengths * f * rng.uniform(0.8, 1.2, pairs), 4, longest).astype(int) for f in (factor, 1)]
        found.append([[sentence(rng, n, vocabulary) for n in side] for side in sides])
    return found


def english_of(languages):
    return [row for _, english in languages for row in english]


def at_once(languages):
    source, english = [row for source, _ in languages for row in source], english_of(languages)
    words = collate_words([*source, *english], pad_token_id=0)
    return [PairBatch(words, len(languages), english=torch.arange(len(english)))]


def one_by_one(languages):
    batches = [collate_words([*source, *english], pad_token_id=0) for source, english in languages]
    english = torch.arange(len(english_of(languages))).chunk(len(languages))
    return [PairBatch(words, 1, number, english=english[number]) for number, words in enumerate(batches)]


class Plain:
    """The paper's recipe as one would write it down."""

    def __init__(self, encoder):
        self.encoder, self.frozen = encoder, deepcopy(encoder).eval().requires_grad_(False)
        self.loss = geomloss.SamplesLoss("sinkhorn", p=2, blur=0.05)

    def __call__(self, batches):
        (batch,) = batches
        source, english = (batch.words.rows(rows) for rows in batch.sides())
        vectors = [self.words(self.encoder, side) for side in (source, english)]
        with torch.no_grad():
            anchors = self.words(self.frozen, english)
        divergence = sum(self.loss(x, y) for x, y in zip(*vectors, strict=True))
        anchor = sum(((y - y0) ** 2).sum() for y, y0 in zip(vectors[1], anchors, strict=True))
        ((divergence + anchor) * batch.languages / len(anchors)).backward()

    @staticmethod
    def words(encoder, side):
        """The last subword of every word of each sentence."""
        hidden = encoder(side.input_ids, attention_mask=side.attention_mask).last_hidden_state.float()
        last = [[i for i in range(len(w) - 1) if w[i] >= 0 and w[i + 1] != w[i]] for w in side.word_index.tolist()]
        return [one[places] for one, places in zip(hidden, last, strict=True)]


class Ours:
    def __init__(self, encoder, languages, *, remembers=False):
        self.model = EncoderLayers(encoder, "last")
        self.objective = alignment_of(self.model, [str(number) for number in range(len(languages))], Align())
        if remembers:
            self.objective.frozen.remember(english_of(languages), pad_token_id=0)

    def __call__(self, batches):
        for batch in batches:
            self.objective(self.model, batch)[0].backward()


def methods_of(encoder, languages, device):
    """A name, what makes a step's batches of its sentences, and what takes the gradient of these."""
    ours, plain = Ours(deepcopy(encoder), languages), Plain(deepcopy(encoder))
    later = Ours(deepcopy(encoder), languages, remembers=True)
    made = {"plain recipe": (at_once, plain), "at once": (at_once, ours), "by_language": (one_by_one, ours)}
    made |= {"at once, second epoch": (at_once, later), "by_language, second epoch": (one_by_one, later)}

    def step(make, method):
        batches = [b._replace(words=b.words.to(device), english=b.english.to(device)) for b in make(languages)]
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            method(batches)

    return {name: (lambda make=make, method=method: step(make, method)) for name, (make, method) in made.items()}


def compare(encoder, languages, pairs, device, repeats):
    """A row a method: milliseconds, pairs a second beside the plain recipe's, peak memory in MiB and beside it."""
    sentences = batches_of(languages, pairs, encoder.config.vocab_size)
    steps = methods_of(encoder, sentences, device)
    for step in steps.values():
        step()
    turns = pd.DataFrame([{name: seconds(step, device) for name, step in steps.items()} for _ in range(repeats)])
    memory = pd.Series({name: peak_mib(step, device) for name, step in steps.items()})
    return pd.DataFrame(
        {
            "ms": 1e3 * turns.median(),
            "pairs/s": languages * pairs / turns.median(),
            "times as fast": {name: (turns["plain recipe"] / turns[name]).median() for name in steps},
            "peak MiB": memory,
            "of the plain": memory / memory["plain recipe"],
        }
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--languages", type=int, nargs="+", default=[1, 5, 14])
    parser.add_argument("--pairs", type=int, default=8, help="of each language")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    encoder = BertModel(BertConfig(**SIZES[chosen.device]), add_pooling_layer=False).to(chosen.device).train()
    for languages in chosen.languages:
        print(f"\n{languages} languages, {chosen.pairs} pairs of each, {chosen.device}")
        table = compare(encoder, languages, chosen.pairs, chosen.device, chosen.repeats)
        print(table.to_string(float_format="{:.3g}".format), flush=True)


if __name__ == "__main__":
    main()
