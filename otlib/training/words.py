"""Words to subwords and back: tokenise sentences of pre-split words, pool hidden states into word vectors."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import NamedTuple, get_args

import numpy as np
import torch
from safetensors import SafetensorError
from tokenizers import Regex, pre_tokenizers
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoConfig, AutoModel, AutoTokenizer

from otlib.data.pairs import words_of
from otlib.record import first_line
from otlib.settings import Evaluate, Pooling
from otlib.training.memory import TO_READ, enough_memory

POOLINGS = get_args(Pooling)


def load_encoder(encoder: str | Path):
    """Tokenizer and encoder of a checkpoint folder or hub name.

    Raises
    ------
    FileNotFoundError
        If there is none, or only part of it, or it is damaged; says which part and why.
    """
    with _reading("config.json", encoder):
        AutoConfig.from_pretrained(encoder)
    with _reading("tokenizer", encoder):
        tokenizer = AutoTokenizer.from_pretrained(encoder)
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token  # any would do: it is never attended to
        # Transformers makes up what is missing: a tokenizer of five words, weights at random.
        if len(tokenizer) <= len(tokenizer.all_special_tokens):
            raise ValueError("it has no tokenizer")
    with _reading("weights", encoder):
        found = {"output_loading_info": True, "ignore_mismatched_sizes": True}
        model, loaded = AutoModel.from_pretrained(encoder, **found)
        model.float()  # a checkpoint may be stored in half precision
        if lost := sorted(key for key in loaded["missing_keys"] if not key.startswith("pooler.")):
            raise ValueError(f"{len(lost)} weights are not in it, {lost[0]} first")
        if other := sorted(key for key, *_ in loaded["mismatched_keys"]):
            raise ValueError(f"{len(other)} have another shape than by config.json, {other[0]} first")
    return tokenizer, model


@contextmanager
def _reading(part: str, encoder: str | Path) -> Iterator[None]:
    """Turn whatever goes wrong while reading a part of an encoder into one error that says so."""
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # of a damaged file the libraries raise nearly all there are, even Exception itself
        speaks = isinstance(error, (OSError, ValueError, SafetensorError))
        reason = first_line(error) if speaks else f"{type(error).__name__}: {first_line(error)}"
        raise FileNotFoundError(
            f"no complete encoder at {encoder}: pretrain it first, or name another checkpoint ({part}: {reason})"
        ) from error


def freeze_layers(encoder: nn.Module, parts: Sequence[int]) -> None:
    """Keep parameters as they are: part 0 is the embeddings, k the k-th layer.

    A ValueError says if the encoder has fewer layers, or is not built as BERT and XLM-R are.
    """
    most = encoder.config.num_hidden_layers + 1
    if len(parts) > most:
        raise ValueError(f"freeze must be between 0 and {most} for this encoder, got {len(parts)}")
    if not len(parts):
        return
    if not hasattr(encoder, "embeddings") or not hasattr(getattr(encoder, "encoder", None), "layer"):
        raise ValueError(f"freeze must be off for a {type(encoder).__name__}: its layers are not BERT's")
    for part in parts:
        [encoder.embeddings, *encoder.encoder.layer][part].requires_grad_(False)


class EncodedSentence(NamedTuple):
    """One tokenised sentence, not padded: a row of a :class:`WordBatch` to come."""

    input_ids: np.ndarray
    word_index: np.ndarray
    n_words: int  # as it was given, also words that truncation dropped
    missing: int  # how many of them have no subword
    truncated: bool


class EncodedText(NamedTuple):
    """Tokenised sentences one after the other; see :class:`EncodedSentence`."""

    ends: np.ndarray  # of each sentence, in the two arrays that follow
    input_ids: np.ndarray
    word_index: np.ndarray
    n_words: np.ndarray
    missing: np.ndarray
    truncated: np.ndarray


class WordBatch(NamedTuple):
    """Sentences of words, tokenised and padded.

    ``word_index`` says to which word of its sentence a subword belongs: -1 for special tokens, padding and the remains
    of a word that truncation cut in two. ``longest`` is the number of words of the longest sentence, or more; it is a
    Python number, so that reading it waits for no GPU.
    """

    input_ids: Tensor  # (B, L)
    attention_mask: Tensor  # (B, L)
    word_index: Tensor  # (B, L)
    longest: int
    lengths: tuple[int, ...] | None = None  # subwords of each sentence, if known; Python numbers as well

    def to(self, device, non_blocking=False) -> WordBatch:
        """Copy of the batch on a device."""
        return WordBatch(*(tensor.to(device, non_blocking=non_blocking) for tensor in self[:3]), *self[3:])

    def rows(self, rows: slice) -> WordBatch:
        """Some of the sentences."""
        lengths = None if self.lengths is None else self.lengths[rows]
        return WordBatch(*(tensor[rows] for tensor in self[:3]), self.longest, lengths)


def tokenise(tokenizer, *texts: list[str], **options):
    """What a fast tokenizer makes of texts (and their pairs), in which ``[SEP]``, ``</s>`` and the like are plain text.

    Raises
    ------
    ValueError
        If the tokenizer is not a fast one, whose encodings alone say where words begin and end.
    """
    if not tokenizer.is_fast:
        raise ValueError(
            f"word boundaries need a fast tokenizer, got {type(tokenizer).__name__}; load it by AutoTokenizer"
        )
    backend, usual = tokenizer.backend_tokenizer, tokenizer.backend_tokenizer.pre_tokenizer
    names = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special and token.content[1:]]
    # Models that do not only join letters would still find such a name among their pieces: cut it after one letter.
    if names and getattr(backend.model, "ignore_merges", True):
        first = Regex("|".join(f"{re.escape(name[0])}(?={re.escape(name[1:])})" for name in names))
        cut = pre_tokenizers.Split(first, "merged_with_previous")
        backend.pre_tokenizer = pre_tokenizers.Sequence([usual, cut] if usual else [cut])
    try:
        return tokenizer(*texts, split_special_tokens=True, **options)
    finally:
        backend.pre_tokenizer = usual


def encode_words(tokenizer, sentences: Sequence[Sequence[str]], *, max_length: int) -> list[EncodedSentence]:
    """Tokenise sentences (words, or plain strings), each to at most ``max_length`` subwords with the special tokens.

    The subwords are those of the text of a sentence: its words joined by blanks, in languages without blanks too. A
    subword belongs to the word that its first letter is of; a blank, where it is a subword, to the word that follows.
    So a word may be split into subwords, or have none (a control character, say, or where a subword spans two words).
    """
    if not len(sentences):
        return []
    text = encode_text(tokenizer, sentences, max_length=max_length)
    rows = [np.split(numbers, text.ends[:-1]) for numbers in (text.input_ids, text.word_index)]
    counts = (text.n_words.tolist(), text.missing.tolist(), text.truncated.tolist())
    return [*map(EncodedSentence, *rows, *counts)]


def encode_text(tokenizer, sentences: Sequence[Sequence[str]], *, max_length: int) -> EncodedText:
    """:func:`encode_words` of one sentence or more, which stay together in few arrays."""
    stripped = [[word.strip() for word in words_of(sentence)] for sentence in sentences]
    texts = [" ".join(filter(None, words)) for words in stripped]
    options = {"return_attention_mask": False, "return_token_type_ids": False, "verbose": False}
    encodings = tokenise(tokenizer, texts, truncation=True, max_length=max_length, **options).encodings
    words, numbers, lengths = _WordPlaces(stripped), np.arange(len(encodings)), [*map(len, encodings)]
    word = words.of(encodings, numbers)
    # The last subword kept of a word cut in two is not the word's last subword: such a word is missing.
    overflowing = [encoding.overflowing for encoding in encodings]
    cut = words.of([*chain(*overflowing)], np.repeat(numbers, [*map(len, overflowing)]))
    word[np.isin(word, cut)] = -1
    word_index = np.where(word < 0, -1, word - np.repeat(words.first, lengths))
    present = np.bincount(words.sentence[np.unique(word[word >= 0])], minlength=len(encodings))
    return EncodedText(
        np.cumsum(lengths),
        np.fromiter(chain.from_iterable(encoding.ids for encoding in encodings), dtype=np.int32),
        word_index.astype(np.int32),
        words.count.astype(np.int32),
        (words.count - present).astype(np.int32),
        np.array([*map(bool, overflowing)]),
    )


class _WordPlaces:
    """Where the words of several sentences end, in one line of numbers that keeps the sentences apart."""

    def __init__(self, sentences: list[list[str]]):
        self.count = np.array([*map(len, sentences)])
        self.first = np.cumsum(self.count) - self.count  # word of each sentence
        self.sentence = np.repeat(np.arange(len(sentences)), self.count)  # of each word
        # A word ends at the blank after it; the end of one without a letter is that of the word before.
        sizes = np.fromiter((len(word) + bool(word) for words in sentences for word in words), dtype=np.int64)
        total = np.cumsum(np.concatenate([[0], sizes]))
        self.ends = total[1:] - 1 + 2 * self.sentence
        self.begin = total[self.first] + 2 * np.arange(len(sentences))  # of each sentence

    def of(self, encodings: list, sentence: np.ndarray) -> np.ndarray:
        """The word that each subword of some encodings begins in, counted over all sentences; -1 for special tokens."""
        sentence = np.repeat(sentence, [*map(len, encodings)])
        begin = np.fromiter((begin for encoding in encodings for begin, _ in encoding.offsets), dtype=np.int64)
        special = np.fromiter((side is None for one in encodings for side in one.sequence_ids), dtype=bool)
        word = np.searchsorted(self.ends, begin + self.begin[sentence], side="right")
        return np.where(special | (word >= self.first[sentence] + self.count[sentence]), -1, word)


def collate_words(rows: Sequence[EncodedSentence], *, pad_token_id: int) -> WordBatch:
    """Pad encoded sentences to the longest of them."""
    input_ids = [torch.from_numpy(row.input_ids).long() for row in rows]
    word_index = [torch.from_numpy(row.word_index).long() for row in rows]
    return WordBatch(
        pad_sequence(input_ids, batch_first=True, padding_value=pad_token_id),
        pad_sequence([torch.ones_like(ids) for ids in input_ids], batch_first=True),
        pad_sequence(word_index, batch_first=True, padding_value=-1),
        max(row.n_words for row in rows),
        tuple(map(len, input_ids)),
    )


def pool_words(hidden: Tensor, batch: WordBatch, *, pooling: str) -> tuple[Tensor, Tensor]:
    """Make one vector a word out of the hidden states of its subwords.

    Parameters
    ----------
    hidden : Tensor, shape (B, L, d)
        Hidden states of ``batch``.
    pooling : {"last", "first", "mean", "subword"}
        The word's last subword (WordOT; Cao et al., 2020), its first, their mean, or no pooling: every subword is an
        item of its own (SubOT). The first subword may be the mark of a blank alone, where the vocabulary has no piece
        that joins this mark to the beginning of the word.

    Returns
    -------
    vectors : Tensor, shape (B, n, d)
        Position i is word i of the sentence (``"subword"``: position i of the input). Zero where the mask is False.
    mask : Tensor, shape (B, n)
        False for padding, truncated words and words without a subword.
    """
    if pooling not in POOLINGS:
        raise ValueError(f"pooling must be one of {', '.join(POOLINGS)}, got {pooling!r}")
    if pooling == "subword":
        mask = batch.word_index >= 0
        return hidden * mask.unsqueeze(-1), mask
    n = batch.longest
    word = torch.where(batch.word_index >= 0, batch.word_index, n)  # slot n takes what belongs to no word
    if pooling == "mean":
        return _mean(hidden, word, n)
    # Position in the input of each word's first or last subword.
    length = word.shape[1]
    missing, reduce = (-1, "amax") if pooling == "last" else (length, "amin")
    places = torch.arange(length, device=word.device).expand_as(word)
    position = torch.full((len(word), n + 1), missing, device=word.device).scatter_reduce(1, word, places, reduce)
    position = position[:, :n]
    mask = position != missing
    index = position.masked_fill(~mask, 0).unsqueeze(-1).expand(-1, -1, hidden.shape[-1])  # (B, n, d)
    return hidden.gather(1, index) * mask.unsqueeze(-1), mask


def _mean(hidden: Tensor, word: Tensor, n: int) -> tuple[Tensor, Tensor]:
    size = (len(word), n + 1)
    count = hidden.new_zeros(size).scatter_add(1, word, torch.ones_like(word, dtype=hidden.dtype))[:, :n]
    index = word.unsqueeze(-1).expand_as(hidden)
    total = hidden.new_zeros(*size, hidden.shape[-1]).scatter_add(1, index, hidden)[:, :n]
    return total / count.clamp(min=1).unsqueeze(-1), count > 0


def pool_layers(layers: Sequence[Tensor], batch: WordBatch, *, pooling: str) -> tuple[list[Tensor], Tensor]:
    """:func:`pool_words` of the hidden states of several layers, which have one mask."""
    pooled = [pool_words(hidden, batch, pooling=pooling) for hidden in layers]
    return [vectors for vectors, _ in pooled], pooled[0][1]


def resolve_layers(layers: str | Sequence[int], config) -> tuple[int, ...]:
    """Indices into ``hidden_states`` of an encoder with this config: 0 is the embeddings, k the k-th layer.

    ``layers`` is ``"last"``, ``"all"`` (the embeddings and every layer) or numbers; negative ones count from the last
    layer. A ValueError says which layer is not there.
    """
    last = config.num_hidden_layers
    if layers == "last":
        return (last,)
    if layers == "all":
        return tuple(range(last + 1))
    if isinstance(layers, str) or not len(layers):
        raise ValueError(f"layers must be 'last', 'all' or a list of numbers, got {layers!r}")
    for layer in layers:
        if not -last - 1 <= layer <= last:
            raise ValueError(f"layer {layer} is not there: the encoder has layers 0 (embeddings) to {last}")
    return tuple(layer % (last + 1) for layer in layers)


def hidden_states(model, batch: WordBatch, layers: Sequence[int], **inputs: Tensor) -> list[Tensor]:
    """Run the encoder once: hidden states (B, L, d) of the chosen layers (negative: from the last)."""
    inputs |= {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    if tuple(layers) == (-1,):
        return [model(**inputs).last_hidden_state]
    output = model(**inputs, output_hidden_states=True)
    return [output.hidden_states[layer] for layer in layers]


def embed_words(model, batch: WordBatch, *, layers: Sequence[int], pooling: str) -> tuple[list[Tensor], Tensor]:
    """Contextual word vectors (B, n, d) of a batch, one tensor a layer, and their mask as of :func:`pool_words`."""
    return pool_layers(hidden_states(model, batch, layers), batch, pooling=pooling)


def longest_input(max_length: int, tokenizer, model) -> int:
    """``max_length``, or what the encoder takes at most if that is less; in subwords."""
    limits = [tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None)]
    for name, module in model.named_modules():
        # Where padding has a position, those of the subwords begin after it.
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            limits.append(len(module.weight) - module.padding_idx - 1)
    return min(max_length, *(limit for limit in limits if limit and limit > 0))  # none, or -1: no limit


def embed_corpus(
    model,
    tokenizer,
    sentences: Sequence[Sequence[str]],
    *,
    layer: int = Evaluate().layer,
    pooling: str = Evaluate().pooling,
    max_length: int = Evaluate().max_length,
    at_once: int = 128,
) -> tuple[list[Tensor], list[Tensor]]:
    """Word vectors of many sentences, in their order, on the CPU; a GPU computes them if there is one.

    The model's mode and device are left as they were. Sentences are cut at ``max_length`` subwords, or at what the
    encoder takes if that is less, with a warning that counts them.

    Parameters
    ----------
    sentences : sequence of sequence of str
        The words of each sentence, or plain strings whose words stand between blanks.
    layer : int
        0 is the embeddings, k the k-th layer; negative: from the last.
    pooling : {"last", "first", "mean", "subword"}
        As of :func:`pool_words`.
    at_once : int
        Sentences that the model reads in one batch.

    Returns
    -------
    vectors : list of Tensor, shape (n_i, d), float32
        Row i is word i of the sentence; zero where the mask is False. With pooling ``"subword"`` there is a row for
        each subword that belongs to a word.
    masks : list of Tensor, shape (n_i,), bool
        False for words that truncation dropped or that have no subword.
    """
    layers = resolve_layers([layer], model.config)
    (vectors,), masks = embed_layers(model, tokenizer, sentences, layers, pooling, max_length, at_once)
    return vectors, masks


@enough_memory(TO_READ)
def embed_layers(
    model,
    tokenizer,
    sentences: Sequence[Sequence[str]],
    layers: Sequence[int],
    pooling: str = Evaluate().pooling,
    max_length: int = Evaluate().max_length,
    at_once: int = 128,
) -> tuple[list[list[Tensor]], list[Tensor]]:
    """:func:`embed_corpus` of several layers at once: the vectors of each layer, and the masks, which they share."""
    max_length = longest_input(max_length, tokenizer, model)
    rows = encode_words(tokenizer, sentences, max_length=max_length)
    if cut := sum(row.truncated for row in rows):
        warnings.warn(f"{cut} of {len(rows)} sentences were cut at {max_length} subwords", stacklevel=3)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].input_ids))
    vectors, masks = [[None] * len(rows) for _ in layers], [None] * len(rows)
    home, training = next(model.parameters()).device, model.training
    device = torch.device("cuda") if torch.cuda.is_available() else home
    model.eval().to(device)
    for start in range(0, len(order), at_once):
        chosen = order[start : start + at_once]
        batch = collate_words([rows[i] for i in chosen], pad_token_id=tokenizer.pad_token_id).to(device)
        with torch.inference_mode():
            states, mask = embed_words(model, batch, layers=layers, pooling=pooling)
            states, mask = torch.stack(states).float().cpu(), mask.cpu()  # one copy from a GPU for all layers
        for row, i in enumerate(chosen):
            keep = mask[row] if pooling == "subword" else slice(rows[i].n_words)
            masks[i] = mask[row][keep].clone()
            for of_layer, one in zip(vectors, states, strict=True):
                of_layer[i] = one[row][keep].clone()  # outside inference mode, so that it may be trained on
    model.train(training).to(home)
    return vectors, masks
