"""Retrieval: how often the nearest word, and the nearest sentence, of another language is the translation."""

from collections.abc import Mapping, Sequence
from operator import attrgetter

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import normalize

from otlib.data.text import GoldPair

TIE = 1e-6  # cosines of the same float32 vectors differ by less
ROWS, COLUMNS = 512, 2048  # of the matrix of cosines, which is made in blocks that fit a processor's cache
ROUGH = 2**-7  # cosines of unit vectors in bfloat16 are wrong by .006 at most: 2 ** -9 for each side and for the result


def word_retrieval(source: Sequence[Tensor], pivot: Sequence[Tensor], gold: Sequence[GoldPair]) -> float:
    """Contextual word retrieval, per cent: how often the nearest word of all sentences is the one linked by gold.

    Of every word with a sure link the nearest word of the other language, by cosine, must be linked to it. Of several
    nearest, whose cosines differ by rounding only, one must be linked, and all must be written as one that is: the same
    word of a sentence that stands twice is right, but nothing is in a collapsed space. Both directions are averaged.

    Parameters
    ----------
    source, pivot : sequence of Tensor, shape (n_i, d)
        Word vectors of each sentence pair; a word that has none is zero: it is never right, nor what is found.

    Raises
    ------
    ValueError
        If no word has a sure link, or a vector is not finite.
    """
    return word_rate(words_found(source, pivot, gold))


def word_rate(words: Mapping[str, np.ndarray]) -> float:
    """Per cent of the words of :func:`words_found` that were right, the mean of both directions."""
    return float(np.mean([100 * words[side].sum() / words[f"{side}_of"].sum() for side in ("forth", "back")]))


def words_found(source: Sequence[Tensor], pivot: Sequence[Tensor], gold: Sequence[GoldPair]) -> dict[str, np.ndarray]:
    """Numbers of words in each sentence pair (N,): that have a sure link (``forth_of``, ``back_of`` for those of the
    pivot), and of these that find it (``forth``, ``back``); arguments and errors as for :func:`word_retrieval`."""
    starts = np.cumsum([(0, 0), *((len(x), len(y)) for x, y in zip(source, pivot, strict=True))], axis=0)
    links = np.array(
        [start + link for start, pair in zip(starts[:-1], gold, strict=True) for link in sorted(pair.sure)]
    )
    if not len(links):
        raise ValueError("word retrieval needs a sure link, there is none")
    units = [directions(torch.cat(list(side))) for side in (source, pivot)]
    forms = [
        _numbers([word for pair in gold for word in words(pair)])
        for words in (attrgetter("source"), attrgetter("pivot"))
    ]
    found = {}
    for name, side in (("forth", 0), ("back", 1)):
        asked, right = _right(units[side], units[1 - side], links[:, [side, 1 - side]], forms[1 - side])
        for column, words in ((name, asked[right]), (f"{name}_of", asked)):
            found[column] = np.diff(np.searchsorted(words, starts[:, side]))
    return found


def _right(x: Tensor, y: Tensor, links: np.ndarray, forms: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The linked rows of ``x``, and whether what is nearest in ``y`` is right; unit vectors, ``forms`` numbers y's."""
    asked, place = np.unique(links[:, 0], return_inverse=True)
    there, right = y.any(1), torch.zeros(len(asked), dtype=torch.bool)
    order = np.argsort(place, kind="stable")
    place, links = place[order], links[order]
    vectors, y_there = x[torch.from_numpy(asked)], y[there]
    others = y_there, y_there.bfloat16() if _is_fast_in_bfloat16() else None, forms[there]
    for start in range(0, len(asked), ROWS):
        here = slice(*np.searchsorted(place, [start, start + ROWS]))
        rows, partners = torch.from_numpy(place[here] - start), torch.from_numpy(links[here, 1])
        block = vectors[start : start + ROWS]
        near = (block[rows] * y[partners]).sum(1).masked_fill(~(block.any(1)[rows] & there[partners]), -torch.inf)
        linked = torch.full((len(block),), -torch.inf).scatter_reduce(0, rows, near, "amax")
        written = torch.zeros(len(block), int(forms.max()) + 1, dtype=torch.bool)
        written[rows, forms[partners]] = True
        right[start : start + ROWS] = _linked_is_nearest(block, linked, written, *others)
    return asked, right.numpy()


def _is_fast_in_bfloat16() -> bool:
    """Whether the processor multiplies matrices of bfloat16 faster than those of float32."""
    able = getattr(torch.cpu, "get_capabilities", dict)()
    return any(able.get(name) for name in ("avx512_bf16", "amx_bf16"))


def _linked_is_nearest(
    x: Tensor, linked: Tensor, written: Tensor, y: Tensor, rough_y: Tensor | None, forms: Tensor
) -> Tensor:
    """Whether no vector of ``y`` (M, d) is nearer to a row of ``x`` (R, d) than its best link, nor another as near.

    ``linked`` has the cosine of that link (R,), ``written`` which forms are right (R, forms). A block of y at a time,
    against the rows that nothing nearer was found for yet; if ``rough_y`` has y in bfloat16, only against those of them
    for which its cosines leave it open.
    """
    nearest, wrong = torch.full_like(linked, -torch.inf), torch.full_like(linked, -torch.inf)
    rows, rough_x = linked.isfinite().nonzero()[:, 0], x.bfloat16()
    for start in range(0, len(y), COLUMNS):
        block, open_rows = slice(start, start + COLUMNS), rows
        if rough_y is not None:
            open_rows = rows[(rough_x[rows] @ rough_y[block].T).amax(1) >= linked[rows] - ROUGH]
        cosines = x[open_rows] @ y[block].T
        best = cosines.amax(1)
        nearest[open_rows] = nearest[open_rows].maximum(best)
        close = best >= linked[open_rows] - TIE  # as a rule where the link is, and nowhere else
        rows_close = open_rows[close]
        right = written[rows_close][:, forms[block]]
        other = cosines[close].masked_fill(right, -torch.inf).amax(1)
        wrong[rows_close] = wrong[rows_close].maximum(other)
        rows = rows[nearest[rows] - TIE <= linked[rows]]
    found = torch.zeros(len(x), dtype=torch.bool)
    found[rows] = wrong[rows] < nearest[rows] - TIE
    return found


def _numbers(names: Sequence) -> Tensor:
    """A number for each different name, (N,)."""
    return torch.from_numpy(pd.factorize(np.array(names, dtype=object))[0])


def sentence_retrieval(x: Tensor, y: Tensor, names: Sequence[Sequence[str]] | None = None) -> float:
    """Per cent of sentences (N, d) whose nearest sentence of the other side is the translation.

    By cosine after each side's mean is taken off; both directions, averaged. A sentence that has no vector is zero: it
    is never right, nor what is found. So is every sentence if all of a side are the same, as in a collapsed space.

    Of several nearest sentences, whose cosines differ by rounding only, one must be the translation, and all must have
    its name: where a sentence stands twice, either is right, if ``names``, one a sentence on either side, say so.
    XTREME's script for Tatoeba asks for one nearest sentence and for its place in the list, so that which of two equal
    ones it finds is left to chance (Hu et al., 2020, arXiv:2003.11080).

    Raises
    ------
    ValueError
        If the sides are not of one shape, less than two sentence pairs have vectors, or one is not finite.
    """
    return float(100 * sentences_found(x, y, names).float().mean(1).mean())


def sentences_found(x: Tensor, y: Tensor, names: Sequence[Sequence[str]] | None = None) -> Tensor:
    """Whether each sentence finds its translation (2, N), back and forth; see :func:`sentence_retrieval`."""
    if x.shape != y.shape:
        raise ValueError(f"retrieval needs a translation for each sentence, got {len(x)} and {len(y)} vectors")
    present = x.any(1) & y.any(1)
    if present.sum() < 2:
        raise ValueError(f"sentence retrieval needs two sentence pairs with vectors, got {int(present.sum())}")
    units = [directions(z, centred=True) for z in (x, y)]
    numbers = [_numbers(side) for side in names] if names else [torch.arange(len(x))] * 2
    links = np.arange(len(x)).repeat(2).reshape(-1, 2)
    sides = ((*units, links, numbers[1]), (*reversed(units), links, numbers[0]))
    return torch.stack([torch.from_numpy(_right(*side)[1]) for side in sides])


def directions(x: Tensor, *, centred: bool = False) -> Tensor:
    """Unit vectors (N, d); zero for a zero vector and, ``centred`` on the mean of the others, for one at this mean."""
    check_finite(x)
    if centred:
        present, rounding = x.any(1), 1e-6 * x.norm(dim=1)
        x = (x - x[present].mean(0)) * present[:, None]
        x = x.masked_fill((x.norm(dim=1) <= rounding)[:, None], 0.0)
    return normalize(x, dim=-1)


def check_finite(*sides: Tensor) -> None:
    """A ValueError if a number of the vectors (N, d) is not finite."""
    for x in sides:
        if broken := int((~x.isfinite()).any(1).sum()):
            raise ValueError(f"{broken} of {len(x)} vectors are not finite numbers: align the encoder again")
