"""Several short sentences in one row of what an encoder reads, so that little of it is padding (Krell et al., 2021).

A sentence sees itself only, and its positions begin anew: its hidden states are those it has in a row of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import transformers
from torch import Tensor, nn

from otlib.training.words import WordBatch, hidden_states

# Encoders whose subwords know no more of each other than mask and positions say.
PACKABLE = ("bert", "camembert", "electra", "roberta", "xlm-roberta")
LONGER = (1.0, 1.1, 1.2, 1.3)  # row lengths that are tried, beside the longest sentence


class Rows(NamedTuple):
    """Where the subwords of a padded batch (B, L) stand in rows (R, M) that hold several sentences each."""

    taken: np.ndarray  # (R, M): place in the padded batch, of the flattened (B * L,); any where there is no sentence
    sentence: np.ndarray  # (R, M): -1 where there is none
    position: np.ndarray  # (R, M): in the sentence
    place: np.ndarray  # (B, L): of each subword, in the flattened rows (R * M,)


def rows_of(lengths: Sequence[int], padded: int) -> Rows:
    """Put sentences of some lengths, each padded to ``padded`` so far, into rows with as little padding as is found."""
    tried = [_first_fit(lengths, round(factor * max(lengths))) for factor in LONGER]
    begins, size = min(tried, key=lambda one: one[0].max() // one[1] * one[1])
    count = begins.max() // size + 1
    taken, sentence, position = (np.full(count * size, fill) for fill in (0, -1, 0))
    place = np.zeros((len(lengths), padded), dtype=int)
    for one, (begin, length) in enumerate(zip(begins, lengths, strict=True)):
        here = slice(begin, begin + length)
        position[here], sentence[here] = np.arange(length), one
        taken[here] = one * padded + position[here]
        place[one, :length] = begin + position[here]
    return Rows(*(numbers.reshape(count, size) for numbers in (taken, sentence, position)), place)


def _first_fit(lengths: Sequence[int], size: int) -> tuple[np.ndarray, int]:
    """Where each sentence begins in rows of a size, counted over all rows; the longest are placed first."""
    free, begins = [], np.empty(len(lengths), dtype=int)
    for one in np.argsort(lengths, kind="stable")[::-1].tolist():
        row = next((row for row, room in enumerate(free) if room >= lengths[one]), len(free))
        if row == len(free):
            free.append(size)
        begins[one] = (row + 1) * size - free[row]
        free[row] -= lengths[one]
    return begins, size


def packs(encoder: nn.Module) -> bool:
    """Whether an encoder can read rows of several sentences."""
    attention = getattr(encoder.config, "_attn_implementation", None) in ("eager", "sdpa")
    masks = int(transformers.__version__.split(".")[0]) >= 5  # takes one of its own for each row
    both_ways = not getattr(encoder.config, "is_decoder", False)  # a mask of rows would take the causal one's place
    return attention and masks and both_ways and encoder.config.model_type in PACKABLE


def packed_states(encoder: nn.Module, batch: WordBatch, layers: Sequence[int]) -> list[Tensor]:
    """:func:`otlib.training.words.hidden_states`, of rows with several sentences where an encoder can read these."""
    if batch.lengths is None or not packs(encoder):
        return hidden_states(encoder, batch, layers)
    ids = batch.input_ids
    rows = rows_of(batch.lengths, ids.shape[1])
    if rows.taken.size >= ids.numel():
        return hidden_states(encoder, batch, layers)
    taken, sentence, position, place = (torch.from_numpy(numbers).to(ids.device, non_blocking=True) for numbers in rows)
    others = sentence[:, None, :, None] != sentence[:, None, None, :]  # (R, 1, M, M)
    mask = torch.zeros(others.shape, device=ids.device).masked_fill_(others, torch.finfo(torch.float32).min)
    before = getattr(encoder.embeddings.position_embeddings, "padding_idx", None)  # positions begin after it
    positions = position if before is None else position + before + 1
    packed = batch._replace(input_ids=ids.flatten()[taken], attention_mask=mask)
    found = hidden_states(encoder, packed, layers, position_ids=positions)
    return [x.flatten(0, 1).index_select(0, place.flatten()).view(*place.shape, -1) for x in found]
