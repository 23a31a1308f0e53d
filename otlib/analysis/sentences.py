"""One's own sentences, aligned word by word by any encoder."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from otlib.analysis.alignments import Alignment
from otlib.data.pairs import Sentence, as_pair
from otlib.data.text import word_tokenizer
from otlib.settings import AlignText
from otlib.training.memory import TO_READ, enough_memory
from otlib.training.middle import hidden_state
from otlib.training.words import (
    EncodedSentence,
    collate_words,
    encode_words,
    load_encoder,
    longest_input,
    pool_words,
    resolve_layers,
)
from otlib.transport import transport_plan
from otlib.transport.links import itermax, link_confidence, mutual_argmax, pair_confidence, threshold

RULES = {"argmax": mutual_argmax, "itermax": itermax, "threshold": threshold}
AT_ONCE = {"cpu": 16, "cuda": 128}  # sentences: more of them leave a CPU's cache, fewer leave a GPU idle
CHUNK = 16  # batches of pairs whose sentences are sorted by length together, and whose vectors are held at once


def align_sentences(
    pairs: Sequence[tuple[Sentence, Sentence]],
    encoder: str | Path | tuple,
    *,
    plans: bool = False,
    bf16: bool | None = None,
    at_once: int | None = None,
    **settings,
) -> list[Alignment]:
    """Align the words of sentence pairs by transport plans between their vectors in an encoder.

    A pair that cannot be aligned keeps its place, without links, and says why in ``flaw``. Nothing is cut silently: a
    sentence with more subwords than the encoder takes has no links beyond them, and a warning counts such pairs.

    Parameters
    ----------
    pairs : sequence of pairs
        Two sentences each, as strings or as lists of words: ``("das Haus", "the house")``.
    encoder : str, path or (tokenizer, model)
        A checkpoint's folder or its name on the Hugging Face hub, or what
        :func:`otlib.training.words.load_encoder` returned. A GPU computes if there is one.
    plans : bool
        Whether to keep each pair's plan.
    bf16 : bool, optional
        Whether the encoder computes in bfloat16; if None, where the processor does so in hardware. Plans are float32.
    at_once : int, optional
        Sentences that the encoder reads in one batch; 16 on a CPU and 128 on a GPU if None.
    **settings
        ``layer``, ``pooling``, ``epsilon``, ``unbalanced``, ``rule``, ``words`` and ``languages`` of
        :class:`otlib.settings.AlignText`. By default a word is the mean of its subwords in a layer at 7/12 of the
        depth, and a link joins two words that are each other's best in a plan that may leave words without partner.

    Returns
    -------
    list of Alignment
        One a pair, in their order.

    Raises
    ------
    ValueError
        If a setting is wrong, an item of ``pairs`` is no pair, or the encoder has no such layer.
    FileNotFoundError
        If there is no whole encoder.
    MemoryError
        If a batch has no room on the device.

    Examples
    --------
    >>> from otlib import align_sentences
    >>> found = align_sentences([("das Haus ist klein", "the house is small")], "outputs/…")  # doctest: +SKIP
    >>> found[0].pharaoh  # doctest: +SKIP
    '0-0 1-1 2-2 3-3'
    """
    chosen = _checked(settings)
    if at_once is not None and at_once < 1:
        raise ValueError(f"at_once: input should be greater than 0, got {at_once}")
    sides = _split(pairs, chosen)
    tokenizer, model = load_encoder(encoder) if isinstance(encoder, (str, Path)) else encoder
    found: list[Alignment] = []
    with _on_device(model) as device, tqdm(total=len(sides), unit="pair", delay=2, disable=None) as bar:
        reader = _Reader(tokenizer, model, device, chosen, bf16, at_once or AT_ONCE.get(device.type, 16))
        for start in range(0, len(sides), CHUNK * reader.at_once):
            some = sides[start : start + CHUNK * reader.at_once]
            found += reader.aligned(some, plans)
            bar.update(len(some))
    if cut := [place for place, one in enumerate(found, start=1) if one.left and one.right and one.flaw]:
        warnings.warn(
            f"{len(cut)} of {len(found)} pairs could not be aligned whole, the first is pair {cut[0]}: "
            f"{found[cut[0] - 1].flaw}",
            stacklevel=2,
        )
    return found


def _checked(settings: dict) -> AlignText:
    try:
        return AlignText(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        name = first["loc"][0] if first["loc"] else "settings"
        known = f"; there are {', '.join(AlignText.model_fields)}" if first["type"] == "extra_forbidden" else ""
        raise ValueError(f"{name}: {said[0].lower()}{said[1:]}, got {first['input']!r}{known}") from None


def _split(pairs: Sequence, settings: AlignText) -> list[tuple[list[str], list[str]]]:
    """Both sides of each pair as words; Moses splits strings only."""
    if isinstance(pairs, str):
        raise ValueError("pairs must be a list of pairs, got one string: write [(left, right)]")
    moses = settings.words == "moses" and [word_tokenizer("moses", code) for code in settings.languages]
    sides = []
    for pair in pairs:
        words = as_pair(pair)[:2]
        if moses:
            words = (split(one) if isinstance(one, str) else one for split, one in zip(moses, pair[:2], strict=True))
        sides.append(tuple(map(list, words)))
    return sides


def middle_layer(config) -> int:
    """The layer of an encoder with this config whose words align best: at 7/12 of the depth, the 7th of 12."""
    return round(7 / 12 * config.num_hidden_layers)


@contextmanager
def _on_device(model) -> Iterator[torch.device]:
    """A GPU, if there is one, where the model is put for the block; its mode and device come back."""
    home, training = next(model.parameters()).device, model.training
    device = torch.device("cuda") if torch.cuda.is_available() else home
    model.eval().to(device)
    try:
        yield device
    finally:
        model.train(training).to(home)


def _has_bf16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16, without which it would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and getattr(torch.cpu, "_is_avx512_bf16_supported", bool)()


class _Reader:
    """Aligns some pairs at a time with one encoder."""

    def __init__(self, tokenizer, model, device, settings: AlignText, bf16: bool | None, at_once: int):
        layer = middle_layer(model.config) if settings.layer is None else settings.layer
        (self.layer,) = resolve_layers([layer], model.config)
        self.tokenizer, self.model, self.device, self.settings = tokenizer, model, device, settings
        self.bf16 = _has_bf16(device) if bf16 is None else bf16
        self.at_once = at_once
        self.limit = longest_input(2**31 - 1, tokenizer, model)

    @enough_memory(TO_READ)
    @torch.inference_mode()
    def aligned(self, sides: list[tuple[list[str], list[str]]], plans: bool) -> list[Alignment]:
        """The alignments of pairs of words, in their order."""
        rows = encode_words(self.tokenizer, [words for pair in sides for words in pair], max_length=self.limit)
        vectors, masks = self.vectors(rows)
        found = []
        for place, plan in enumerate(self.plans(vectors, masks)):
            one, other = rows[2 * place : 2 * place + 2]
            links = decided(plan, RULES[self.settings.rule])
            confidence = link_confidence(plan)
            found.append(
                Alignment(
                    *sides[place],
                    links,
                    [float(confidence[link]) for link in links],
                    float(pair_confidence(plan)),
                    self.flaw(one, other),
                    plan.clone() if plans else None,
                )
            )
        return found

    def vectors(self, rows: list[EncodedSentence]) -> tuple[list[Tensor], list[Tensor]]:
        """Word vectors (n_i, d) of each sentence on the device, float32, and their masks."""
        vectors, masks = [None] * len(rows), [None] * len(rows)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids))
        # One context for all batches: within it the weights are rounded once.
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16):
            for start in range(0, len(order), self.at_once):
                chosen = order[start : start + self.at_once]
                batch = collate_words([rows[i] for i in chosen], pad_token_id=self.tokenizer.pad_token_id)
                batch = batch.to(self.device)
                hidden = hidden_state(self.model, batch, self.layer).float()
                pooled, mask = pool_words(hidden, batch, pooling=self.settings.pooling)
                for row, i in enumerate(chosen):
                    vectors[i], masks[i] = pooled[row, : rows[i].n_words], mask[row, : rows[i].n_words]
        return vectors, masks

    def plans(self, vectors: list[Tensor], masks: list[Tensor]) -> list[Tensor]:
        """Plan (n_i, m_i) of each two neighbours, on the CPU, solved in batches of similar size."""
        sizes = [(len(x), len(y)) for x, y in zip(vectors[::2], vectors[1::2], strict=True)]
        plans = [torch.zeros(size) for size in sizes]
        order = sorted((i for i, size in enumerate(sizes) if all(size)), key=lambda i: sizes[i][0] * sizes[i][1])
        for start in range(0, len(order), 4 * self.at_once):
            chosen = order[start : start + 4 * self.at_once]
            x, y, x_mask, y_mask = (
                pad_sequence([side[2 * i + which] for i in chosen], batch_first=True)
                for side in (vectors, masks)
                for which in (0, 1)
            )
            solved = transport_plan(
                x, y, x_mask, y_mask, cost="cosine", epsilon=self.settings.epsilon, unbalanced=self.settings.unbalanced
            ).cpu()
            for i, plan in zip(chosen, solved, strict=True):
                plans[i] = plan[: sizes[i][0], : sizes[i][1]]
        return plans

    def flaw(self, *rows: EncodedSentence) -> str:
        """What keeps a pair from being aligned whole."""
        if not all(row.n_words for row in rows):
            return "a side is empty"
        if any(row.truncated for row in rows):
            return f"longer than the {self.limit} subwords that the encoder takes: words beyond have no link"
        if any(row.missing == row.n_words for row in rows):
            return "a side has no word that the tokenizer knows a piece of"
        return ""


def decided(plan: Tensor, rule) -> list[tuple[int, int]]:
    """Links of a plan (n, m) by a rule, among the words that have a vector, which send or get something."""
    rows, columns = ((plan.sum(side) > 0).nonzero()[:, 0].tolist() for side in (1, 0))
    return sorted((rows[i], columns[j]) for i, j in rule(plan[rows][:, columns]))
