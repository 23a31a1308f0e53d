"""A part of a study: some of its pairs, some of its seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from otlib.settings import Align, Finding
from otlib.study.checks import listed

if TYPE_CHECKING:
    from otlib.study.study import Study


def restriction(study: Study, pairs: Sequence[str] | None, seeds: Sequence[int] | None) -> dict[str, Any]:
    """What changes in a study of which these pairs and seeds are kept; all of them if None.

    Raises
    ------
    ValueError
        If the study has no such pair or seed, or one is named twice.
    """
    for chosen in (pairs or (), seeds or ()):
        if twice := [one for number, one in enumerate(chosen) if one in chosen[:number]]:
            raise ValueError(f"{listed(twice)} is chosen twice: name it once")
    changes: dict[str, Any] = {}
    if pairs is not None:
        unknown = [pair for pair in pairs if pair not in study.pairs]
        if unknown or not pairs:
            known = listed(study.pairs)
            raise ValueError(f"there is no pair {listed(unknown) or 'given'}; the study has {known}")
        kept = [pair for pair in study.pairs if pair in pairs]
        if kept != study.pairs:
            changes |= _fewer_pairs(study, kept)
    if seeds is not None:
        unknown = [seed for seed in seeds if seed not in study.seeds]
        if unknown or not seeds:
            known = listed(study.seeds)
            raise ValueError(f"there is no seed {listed(unknown) or 'given'}; the study has {known}")
        changes["seeds"] = [seed for seed in study.seeds if seed in seeds]
    return changes


def _fewer_pairs(study: Study, kept: Sequence[str]) -> dict[str, Any]:
    """What changes in a study of which these pairs are kept."""
    languages = [pair.split("-")[0] for pair in kept]
    methods = {name: left for name, method in study.methods.items() if (left := _about(method, languages))}
    if not methods:
        raise ValueError(f"no method of the study aligns {listed(languages)}: name other pairs")
    paper = study.paper and {name: row for name, row in study.paper.rows.items() if name in methods}
    findings = [left for finding in study.findings if (left := _about(finding, languages))]
    encoder, share = study.encoder, (len(kept) + 1) / (len(study.pairs) + 1)
    if encoder.pretrain and "steps" in encoder.pretrain.model_fields_set:  # as many a language, the pivot included
        steps = max(1, round(share * encoder.pretrain.steps))
        encoder = encoder.changed(pretrain=encoder.pretrain.changed(steps=steps))
    return {
        "name": "-".join([study.name, *kept]),
        "languages": languages,
        "unseen": [],
        "encoder": encoder,
        "align": _about(study.align, languages) or study.align.changed(languages=None),
        "methods": methods,
        "paper": study.paper.changed(rows=paper) if paper else None,
        "findings": [found for found in findings if {*found.compared.values()} <= methods.keys()],
    }


def _about(section: Align | Finding, languages: Sequence[str]) -> Align | Finding | None:
    """A method or finding with those of its languages that are left; None if none is."""
    if section.languages is None:
        return section
    if getattr(section, "objective", "") == "none":  # aligns nothing
        return section.changed(languages=None)
    left = [code for code in section.languages if code in languages]
    return section.changed(languages=left) if left else None
