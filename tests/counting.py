"""An independent count of tokenised sentences, sentence by sentence."""

from collections.abc import Sequence

from otlib.training.words import EncodedSentence


def count_words(rows: Sequence[EncodedSentence]) -> dict[str, int]:
    """Numbers of sentences, ``truncated`` sentences, words and ``missing_words`` (without a subword)."""
    words = sum(row.n_words for row in rows)
    present = sum(len({*row.word_index.tolist()} - {-1}) for row in rows)
    truncated = sum(row.truncated for row in rows)
    return {"sentences": len(rows), "truncated": truncated, "words": words, "missing_words": words - present}
