"""The sections of a study's YAML file: the keys, their types, and what to say of a wrong one."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    Tag,
    ValidationError,
    ValidationInfo,
    with_config,
)
from typing_extensions import Required, TypedDict

PIVOT = "en"


class ParameterError(ValueError):
    """A study's parameters are wrong; the message names the file, the key and the mend."""


# A section is a dictionary that holds what the YAML sets and nothing else: it is passed on as keyword
# arguments, and every default has one home, the signature of the function that receives it.

_strict = with_config(ConfigDict(extra="forbid", strict=True))


def no_repeats(values: list) -> list:
    if len(set(values)) < len(values):
        raise ValueError("an entry stands twice")
    return values


def _not_pivot(language: str) -> str:
    if language == PIVOT:
        raise ValueError(f"the pivot language '{PIVOT}' is implied, list the other languages only")
    return language


def _located(path: str, info: ValidationInfo) -> str:
    expanded = os.path.expanduser(os.path.expandvars(path))
    if "$" in expanded:
        raise ValueError(f"an environment variable of {path!r} is not set")
    return os.path.normpath(Path(info.context, expanded))


def _located_checkpoint(checkpoint: str, info: ValidationInfo) -> str:
    is_hub_name = re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", checkpoint)
    if is_hub_name and not Path(info.context, checkpoint).exists():
        return checkpoint
    return _located(checkpoint, info)


def _only_language(text: str) -> str:
    """A text with no other braces than ``{language}``."""
    if re.search(r"[{}]", text.replace("{language}", "")):
        raise ValueError(f"{text} may hold {{language}}, the place of the language's code, and no other braces")
    return text


def _for_each_language(path: str) -> str:
    if "{language}" not in path:
        raise ValueError(f"the path {path} lacks {{language}}, the place of the language's code")
    return _only_language(path)


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Language = Annotated[Code, AfterValidator(_not_pivot)]
Source = Annotated[str, AfterValidator(_located)]
Pattern = Annotated[Source, AfterValidator(_for_each_language)]
Objective = Literal["none", "wordot", "l2", "contrastive-weak", "contrastive-strong"]
Precision = Literal["no", "fp16", "bf16"]
Measure = Literal["nli", "qa", "word_retrieval", "retrieval", "word_alignment"]
Verdict = Literal["better", "worse", "no clear difference", "as good"]
Share = Annotated[float, Field(ge=0, lt=1)]


@_strict
class _Training(TypedDict, total=False):
    steps: PositiveInt
    batch_size: PositiveInt
    accumulation: PositiveInt
    learning_rate: PositiveFloat
    warmup: Share
    weight_decay: NonNegativeFloat
    max_length: PositiveInt
    mixed_precision: Precision
    save_every: PositiveInt


@_strict
class MicroworldData(TypedDict, total=False):
    """Arguments of :func:`otlib.microworld.write_world`."""

    seed: NonNegativeInt
    text_sentences: PositiveInt
    parallel_pairs: PositiveInt
    heldout_pairs: PositiveInt
    nli_train: PositiveInt
    nli_dev: PositiveInt
    nli_test: PositiveInt
    qa_train: PositiveInt
    qa_dev: PositiveInt
    qa_test: PositiveInt


@_strict
class FilesData(TypedDict, total=False):
    """Arguments of :func:`otlib.local_data.prepare_files`.

    Paths are relative to the YAML file; ``~`` and ``$VARIABLES`` are expanded, ``{language}`` stays.
    """

    parallel: Required[Pattern]
    retrieval: Pattern
    gold: dict[Code, Source]
    text: Pattern
    nli_train: list[Source]
    nli_dev: list[Source]
    nli_test: Source
    qa_train: Source
    qa_test: Pattern
    words: Literal["whitespace", "moses"]
    parallel_pairs: PositiveInt
    heldout_pairs: PositiveInt
    max_words: PositiveInt
    pivot_share: Share
    qa_dev_share: Share
    seed: NonNegativeInt


@_strict
class HubSource(TypedDict, total=False):
    """A data set of the Hugging Face hub; ``{language}`` in ``config`` or ``split`` is a language's code.

    ``revision`` is a commit of the data set, for a study that must read the same for ever; the newest if there is none.
    """

    hub: Required[Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]]
    config: Annotated[str, AfterValidator(_only_language)]
    split: Annotated[str, AfterValidator(_only_language)]
    revision: str


@_strict
class FileSource(TypedDict):
    """What lies on disk instead: a file, or a pair of files (Moses, the English one last)."""

    file: Source | Annotated[list[Source], Field(min_length=2, max_length=2)]


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "several sources"
    return "a local file" if isinstance(value, dict) and "file" in value else "a hub data set"


OneSource = Annotated[
    Annotated[HubSource, Tag("a hub data set")] | Annotated[FileSource, Tag("a local file")],
    Discriminator(_kind),
]
Sources = Annotated[
    Annotated[HubSource, Tag("a hub data set")]
    | Annotated[FileSource, Tag("a local file")]
    | Annotated[list[OneSource], Field(min_length=1), Tag("several sources")],
    Discriminator(_kind),
]


@_strict
class HubData(TypedDict, total=False):
    """Arguments of :func:`otlib.hub_data.prepare_hub`; paths as in :class:`FilesData`."""

    parallel: Required[dict[Code, Sources]]
    nli_train: Sources
    nli_dev: Sources
    nli_test: OneSource
    qa_train: OneSource
    qa_test: OneSource
    words: Literal["whitespace", "moses"]
    parallel_pairs: PositiveInt
    heldout_pairs: PositiveInt
    max_words: PositiveInt
    qa_dev_share: Share
    seed: NonNegativeInt


@_strict
class Paper(TypedDict):
    """Rows of the paper's tables that methods of the study stand for; see :func:`otlib.study.paper_results`."""

    experiment: str
    rows: dict[Name, str]


@_strict
class Finding(TypedDict, total=False):
    """Something the paper found, to be tested by two methods; see :func:`otlib.evaluation.check_findings`."""

    says: Required[str]
    method: Required[Name]
    against: Required[Name]
    expects: Required[Annotated[dict[Measure, Verdict], Field(min_length=1)]]
    within: PositiveFloat
    languages: Annotated[list[Language], Field(min_length=1), AfterValidator(no_repeats)]


@_strict
class Pretrain(_Training, total=False):
    """Arguments of :func:`otlib.pretrain.pretrain`."""

    vocabulary_size: PositiveInt
    lowercase: bool
    layers: PositiveInt
    width: PositiveInt
    heads: PositiveInt
    feedforward: PositiveInt
    dropout: Share
    initializer_range: PositiveFloat
    masking: Annotated[float, Field(gt=0, lt=1)]
    heldout: PositiveInt
    seed: NonNegativeInt


@_strict
class Encoder(TypedDict, total=False):
    """Either a checkpoint (a folder or a hub name) or the arguments to pretrain one."""

    checkpoint: Annotated[str, AfterValidator(_located_checkpoint)] | None
    pretrain: Pretrain | None


@_strict
class Align(_Training, total=False):
    """Arguments of :func:`otlib.align.align`."""

    objective: Objective
    languages: list[Language]
    pairs: PositiveInt
    layers: Literal["last", "all"] | list[int]
    pooling: Literal["last", "first", "mean", "subword"]
    cost: Literal["half_sqeuclidean", "euclidean", "cosine"]
    epsilon: PositiveFloat
    relative: bool
    solver: Literal["converged", "geomloss", "exact"]
    scope: Literal["sentence", "batch", "mixed"]
    marginals: Literal["uniform", "norm", "tfidf"]
    temperature: PositiveFloat
    clip: PositiveFloat
    word_pairs: Literal["mutual", "aligner"]
    anchor_weight: NonNegativeFloat
    anchor_reduction: Literal["sum", "mean"]


@_strict
class Method(Align, total=False):
    """What a method changes in the ``align`` section; its objective at least."""

    objective: Required[Objective]


@_strict
class Nli(_Training, total=False):
    """Arguments of :func:`otlib.nli.finetune`."""

    pooling: Literal["mean", "cls"]
    freeze: NonNegativeInt


@_strict
class Qa(_Training, total=False):
    """Arguments of :func:`otlib.qa.finetune`."""

    freeze: NonNegativeInt
    stride: PositiveInt


def sentence(error: ValidationError, raw: dict) -> str:
    """The first faulty key with all that speaks against it, and the mend for the usual slips of YAML."""
    errors = [(_key(item, raw), item) for item in error.errors()]
    key, first = errors[0]
    others = len({other for other, _ in errors} - {key})
    more = f" (and {others} more)" if others else ""
    value = first["input"]
    if first["type"] == "extra_forbidden":
        return f"{key} is not a parameter{more}"
    if first["type"] in ("missing", "union_tag_not_found"):
        return f"{key} is missing{more}"
    if isinstance(value, bool) and first["type"] in ("string_type", "literal_error"):
        return f"{key} is {str(value).lower()}: YAML reads an unquoted no or off so, write it in quotes{more}"
    if number := isinstance(value, str) and re.fullmatch(r"([+-]?[\d.]+)(?:[eE]([+-]?\d+))?", value):
        return f"{key} is the text {value!r}: a number is written {_as_yaml(*number.groups())} in YAML{more}"
    reasons = " or ".join(dict.fromkeys(_reason(item) for other, item in errors if other == key))
    return f"{key}: {reasons}{more}" if key else f"{reasons}{more}"


def _key(item: dict, raw: Any) -> str:
    """Dotted key of a fault in the file; pydantic's location also names types, which stand in no file."""
    if item["type"].startswith("union_tag"):
        return "source"
    key = ""
    for part in item["loc"]:
        inside = isinstance(raw, dict) and part in raw
        if inside or (isinstance(raw, list) and isinstance(part, int)):
            raw = raw[part]
            key += f"[{part}]" if isinstance(part, int) else f".{part}"
        elif item["type"] == "missing" and part == item["loc"][-1]:
            key += f".{part}"
    return key.removeprefix(".")


def _reason(item: dict) -> str:
    if item["type"] == "value_error":
        return str(item["ctx"]["error"])
    if item["type"] == "union_tag_invalid":
        return f"must be {item['ctx']['expected_tags']}, got {item['ctx']['tag']!r}"
    return f"{item['msg'][0].lower()}{item['msg'][1:]}, got {item['input']!r}"


def _as_yaml(digits: str, exponent: str | None) -> str:
    if exponent is None:
        return f"{digits} without quotes"
    return f"{digits if '.' in digits else digits + '.0'}e{exponent if exponent[0] in '+-' else '+' + exponent}"
