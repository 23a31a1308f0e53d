"""Every plot of the study, one function a figure: data in, drawn on ``ax`` (a new one if None), Axes out.

All text is written as it is given, in any script that an installed font has: see :mod:`otlib.analysis.figures.letters`.
"""

# ruff: noqa: F401 (what is imported here is what the package offers)

from otlib.analysis.figures.alt import alt_text
from otlib.analysis.figures.explore import explore
from otlib.analysis.figures.methods import (
    gains,
    method_scores,
    scoreboard,
    seed_scores,
    transfer_by_alignment,
    variants,
)
from otlib.analysis.figures.runs import (
    curves,
    language_bars,
    language_scores,
    score_grid,
    sentence_lengths,
    training_curves,
)
from otlib.analysis.figures.style import GREY, method_palette, save, use_style
from otlib.analysis.figures.words import gold_links, plans, word_matrix, word_paths, word_points, word_pulls
