"""Optimal transport as an alignment objective for multilingual encoders.

The public names are imported on first use, so that ``import otlib`` does not load torch.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOME = {
    "sinkhorn_divergence": "transport",
    "transport_plan": "transport",
    "align_sentences": "analysis.sentences",
    "alignment_error_rate": "analysis.word_alignment",
    "load_study": "study.study",
    "open_study": "study.opening",
    "ParameterError": "settings",
    "Study": "study.study",
}
__all__ = list(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module 'otlib' has no attribute {name!r}")
    return getattr(import_module(f"otlib.{_HOME[name]}"), name)


def __dir__():
    return sorted([*globals(), *__all__])
