"""Pretrain a small multilingual BERT from scratch: a WordPiece tokenizer, then masked language modelling.

Only where a study trains its own encoder. The text of the languages need not be parallel, and should not be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import WordPieceTrainer
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader
from transformers import AutoTokenizer, BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from otlib.data.batches import draw, length_batches
from otlib.data.files import read_lines
from otlib.settings import Pretrain
from otlib.training import trainer
from otlib.training.checkpoints import has_checkpoint
from otlib.training.words import tokenise

Pieces = list[np.ndarray]  # the subwords of each piece of text, without special tokens

SPECIAL_TOKENS = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}

SMOOTHING = 0.3


def train_tokenizer(files: Sequence[str | Path], folder: str | Path, *, vocabulary_size: int, lowercase: bool):
    """Train a WordPiece tokenizer and save it in ``folder``, where AutoTokenizer finds it.

    Files, plain or compressed, have one document a line. A word counts by a power of its frequency in all of them,
    :data:`SMOOTHING`, so that subwords follow the stems and endings that many words share, and rare words
    are not spelled letter by letter. Lower-casing keeps accents: ``été`` does not become ``ete``, nor ``й`` ``и``. The
    same text gives the same vocabulary, always. It holds the special tokens, with the ids 0 to 4, and the most frequent
    letters: a thousand or, for Chinese has more, a fifth of ``vocabulary_size``, which is the upper limit of all.
    """
    normalizer = normalizers.BertNormalizer(lowercase=lowercase, strip_accents=False)
    tokenizer = _bert_tokenizer(models.WordPiece(unk_token=SPECIAL_TOKENS["unk_token"]), normalizer)
    words = _words(files, normalizer, tokenizer.pre_tokenizer)
    alphabet = _alphabet(words, max(1000, vocabulary_size // 5))
    # The learner meets words in a random order: left to itself it would number the continuing letters, and
    # break ties between merges, anew each time. Listed as special tokens they are numbered first.
    continuing = [f"##{letter}" for letter in alphabet if _inside_words(letter, tokenizer)]
    learner = WordPieceTrainer(
        vocab_size=vocabulary_size,
        special_tokens=[*SPECIAL_TOKENS.values(), *continuing],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    tokenizer.train_from_iterator(([word] * round(count**SMOOTHING) for word, count in words.items()), learner)
    model = models.WordPiece(tokenizer.get_vocab(), unk_token=SPECIAL_TOKENS["unk_token"])
    tokenizer = _bert_tokenizer(model, normalizer)
    special = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=special
    )
    names = ["input_ids", "token_type_ids", "attention_mask"]
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=names, **SPECIAL_TOKENS)
    wrapped.save_pretrained(folder)
    return wrapped


def _bert_tokenizer(model, normalizer) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def _words(files, normalizer, pre_tokenizer) -> Counter[str]:
    """How often each word stands in the text."""
    lines = (normalizer.normalize_str(line) for file in files for line in read_lines(file))
    return Counter(word for line in lines for word, _ in pre_tokenizer.pre_tokenize_str(line))


def _alphabet(words: Mapping[str, int], limit: int) -> list[str]:
    """The most frequent letters of the words (ties by code point), in the order of their code points."""
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for letter in word:
            counts[letter] += count
    return sorted(sorted(counts, key=lambda letter: (-counts[letter], letter))[:limit])


def _inside_words(letter: str, tokenizer: Tokenizer) -> bool:
    """Whether a letter can stand inside a word: punctuation and Chinese characters are words of their own."""
    text = tokenizer.normalizer.normalize_str(f"a{letter}")
    return len(tokenizer.pre_tokenizer.pre_tokenize_str(text)) == 1


def pretrain(
    files: Mapping[str, str | Path],
    folder: str | Path,
    settings: Pretrain = Pretrain(),
    *,
    seed: int = 0,
    resume: bool = False,
) -> pd.DataFrame:
    """Train tokenizer and encoder on the text of all languages and save both in ``folder``.

    Files have one document a line. Documents longer than ``settings.max_length`` subwords are cut into pieces; every
    batch holds pieces of similar length, drawn evenly from the languages whatever the sizes of their files. The loss of
    the held-out documents is logged as ``heldout_<language>``; the tokenizer has read them. ``seed`` is of weights,
    masks, batches and of which documents are held out. ``resume`` goes on from the last checkpoint in the folder; a
    training that was finished is not run again.

    Returns
    -------
    DataFrame
        The log of :func:`otlib.training.trainer.train`.
    """
    folder = Path(folder)
    if resume and (log := trainer.finished_log(folder, settings.steps)) is not None:
        return log
    tokenizer = _tokenizer(list(files.values()), folder, settings, resume)
    rng = np.random.default_rng(seed)
    trained, unseen = {}, {}
    for language, path in files.items():
        trained[language], unseen[language] = _read_pieces(path, tokenizer, settings, rng)

    torch.manual_seed(seed)
    model = MaskedLanguageModel(BertForMaskedLM(bert_config(settings, len(tokenizer), tokenizer.pad_token_id)))
    mask = partial(mask_subwords, tokenizer=tokenizer, share=settings.masking)
    batches = settings.steps * settings.accumulation * trainer.process_count()
    log = trainer.train(
        model,
        _loader(trained, tokenizer, batches, settings.batch_size, seed),
        partial(_objective, mask=mask),
        settings,
        folder=folder,
        seed=seed,
        resume=resume,
        evaluate=partial(_heldout_losses, heldout=unseen, tokenizer=tokenizer, mask=mask),
        evaluate_every=max(1, settings.steps // 5),
        description="pretrain",
    )
    segments = model.bert.bert.embeddings.token_type_embeddings.weight.data
    # Single sentences never show the second segment: let it start out as the first one rather than as noise.
    segments[1] = segments[0]
    tokenizer.model_max_length = settings.max_length
    trainer.save_pretrained(model.bert, tokenizer, folder)
    trainer.remove_checkpoints(folder)
    return log


def bert_config(settings: Pretrain, vocabulary: int, pad_token_id: int) -> BertConfig:
    """The encoder's shape."""
    return BertConfig(
        vocab_size=vocabulary,
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=settings.feedforward or 4 * settings.width,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.dropout,
        initializer_range=settings.initializer_range,
        max_position_embeddings=settings.max_length,
        pad_token_id=pad_token_id,
    )


def _tokenizer(files, folder: Path, settings: Pretrain, resume: bool):
    # A run that got as far as a checkpoint has saved its tokenizer whole.
    if not (resume and has_checkpoint(folder)) and trainer.is_main_process():
        train_tokenizer(files, folder, vocabulary_size=settings.vocabulary_size, lowercase=settings.lowercase)
    trainer.wait_for_everyone()
    return AutoTokenizer.from_pretrained(folder)


def _read_pieces(path, tokenizer, settings: Pretrain, rng) -> tuple[Pieces, Pieces]:
    """Pieces of the documents to train on, and of those held out."""
    documents = [line for line in read_lines(path) if line.strip()]
    if len(documents) < 2:
        raise ValueError(f"{path}: pretraining needs at least two documents, one a line, got {len(documents)}")
    out = np.zeros(len(documents), dtype=bool)
    out[rng.permutation(len(documents))[: max(1, min(settings.heldout, len(documents) // 10))]] = True
    return tuple(
        _pieces([documents[i] for i in np.flatnonzero(chosen)], tokenizer, settings.max_length - 2)
        for chosen in (~out, out)
    )


def _pieces(documents: list[str], tokenizer, longest: int) -> Pieces:
    options = {"add_special_tokens": False, "return_attention_mask": False, "return_token_type_ids": False}
    pieces = []
    for start in range(0, len(documents), 10_000):
        for ids in tokenise(tokenizer, documents[start : start + 10_000], verbose=False, **options)["input_ids"]:
            pieces += [np.array(ids[cut : cut + longest], dtype=np.int32) for cut in range(0, len(ids), longest)]
    return pieces


def _loader(trained: Mapping[str, Pieces], tokenizer, batches: int, batch_size: int, seed: int) -> DataLoader:
    """Every batch of the run, in order: draws from the languages in turn, each reshuffled when used up."""
    pieces = [*chain(*trained.values())]
    rng = np.random.default_rng(seed)
    size = batches * batch_size
    each = -(-size // len(trained))
    starts = np.cumsum([0, *map(len, trained.values())])
    drawn = [start + draw(len(part), each, rng) for start, part in zip(starts, trained.values(), strict=False)]
    drawn = np.stack(drawn, axis=1).reshape(-1)[:size]
    lengths = np.array([*map(len, pieces)])
    order = length_batches(drawn, lengths, batch_size=batch_size, seed=seed)
    return DataLoader(order, batch_size=1, collate_fn=partial(_collate, pieces=pieces, tokenizer=tokenizer))


def _collate(batches: list[np.ndarray], *, pieces: Pieces, tokenizer) -> dict[str, Tensor]:
    (chosen,) = batches
    begin, end = [tokenizer.cls_token_id], [tokenizer.sep_token_id]
    rows = [torch.from_numpy(np.concatenate([begin, pieces[i], end])) for i in chosen]
    real = [torch.ones(len(row), dtype=torch.long) for row in rows]
    return {
        "input_ids": pad_sequence(rows, batch_first=True, padding_value=tokenizer.pad_token_id),
        "attention_mask": pad_sequence(real, batch_first=True),
    }


def mask_subwords(input_ids: Tensor, *, tokenizer, share: float, generator=None) -> tuple[Tensor, Tensor]:
    """Choose a share of the subwords to predict, never special tokens: the masked input and the chosen, both (B, L).

    Of the chosen subwords the mask replaces 80 %, a random subword 10 %; 10 % stay (Devlin et al., 2019).
    """
    special = torch.tensor(tokenizer.all_special_ids, device=input_ids.device)
    where = {"device": input_ids.device, "generator": generator}
    chosen = (torch.rand(input_ids.shape, **where) < share) & ~torch.isin(input_ids, special)
    fate = torch.rand(input_ids.shape, **where)
    random = torch.randint(len(SPECIAL_TOKENS), len(tokenizer), input_ids.shape, **where)
    masked = input_ids.masked_fill(chosen & (fate < 0.8), tokenizer.mask_token_id)
    return torch.where(chosen & (fate >= 0.9), random, masked), chosen


class MaskedLanguageModel(nn.Module):
    """BERT with its vocabulary head run on the chosen subwords only: most of the head's work is saved."""

    def __init__(self, bert: BertForMaskedLM):
        super().__init__()
        self.bert = bert

    def forward(self, input_ids: Tensor, attention_mask: Tensor, chosen: Tensor) -> Tensor:
        """Logits of the chosen subwords, shape (chosen, vocabulary)."""
        hidden = self.bert.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return self.bert.cls(hidden[chosen])


def _objective(model, batch: dict[str, Tensor], *, mask, generator=None) -> tuple[Tensor, dict[str, Tensor]]:
    masked, chosen = mask(batch["input_ids"], generator=generator)
    logits = model(masked, batch["attention_mask"], chosen).float()
    # A batch may have nothing chosen: its loss is zero, not zero by zero.
    total = nn.functional.cross_entropy(logits, batch["input_ids"][chosen], reduction="sum")
    return total / chosen.sum().clamp(min=1), {}


def _heldout_losses(model, *, heldout: Mapping[str, Pieces], tokenizer, mask) -> dict[str, float]:
    """Mean loss per language, under the same masks every time."""
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(0)
    losses = {}
    for language, pieces in heldout.items():
        order = np.argsort([*map(len, pieces)], kind="stable")
        batches = [_collate([order[i : i + 64]], pieces=pieces, tokenizer=tokenizer) for i in range(0, len(order), 64)]
        each = [
            _objective(model, {k: v.to(device) for k, v in batch.items()}, mask=mask, generator=generator)[0]
            for batch in batches
        ]
        losses[f"heldout_{language}"] = float(torch.stack(each).mean())
    return losses
