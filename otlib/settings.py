"""Every setting of a study, declared once: typed sections with their defaults, and a line on what each one means.

A section is what the functions take, what ``run.json`` records whole, and what decides whether a run is current: a
default that changes here makes the runs of before out of date. What a YAML file sets is ``section.model_fields_set``.
"""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    Tag,
    ValidationInfo,
    model_validator,
)

PIVOT = "en"
WATCHED = {"log_with"}  # what these settings say decides nothing of what comes out: a run is current whatever they are
COLLAPSED = 0.3  # where alignment leaves less than this of the spread of English words, they have collapsed
RESOLVED = "resolved"  # the context of paths that stand in a run's own study.yaml, expanded already


class OneSentence(Exception):
    """An error whose message says all; a notebook shows it without the calls that led there."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class ParameterError(OneSentence, ValueError):
    """A study's parameters are wrong; the message names the file, the key and the mend."""


class NotMadeYet(OneSentence, FileNotFoundError):
    """A file that the study makes is not there; the message names what makes it."""


class Section(BaseModel):
    """Settings that belong together; unknown keys, wrong types and infinite numbers are refused."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )

    def changed(self, **changes: Any):
        """A copy with these changes, which are checked: ``Align().changed(steps=10)``."""
        return type(self)(**{**self.model_dump(exclude_unset=True), **changes})


def meaning(section: type[Section] | Section, name: str) -> str:
    """The line on what a setting means; where a section only changes its default, that of the section it extends."""
    kind = section if isinstance(section, type) else type(section)
    fields = (base.model_fields.get(name) for base in kind.__mro__ if issubclass(base, BaseModel))
    return next((field.description.strip() for field in fields if field and field.description), "")


# Kinds of values


def no_repeats(values: list) -> list:
    """The values; an error if one of them stands twice."""
    if len(set(values)) < len(values):
        raise ValueError("an entry stands twice")
    return values


def _not_pivot(language: str) -> str:
    if language == PIVOT:
        raise ValueError(f"the pivot language '{PIVOT}' is implied, list the other languages only")
    return language


def _only_language(text: str) -> str:
    if re.search(r"[{}]", text.replace("{language}", "")):
        raise ValueError(f"{text} may hold {{language}}, the place of the language's code, and no other braces")
    return text


def _located(path: str, info: ValidationInfo) -> str:
    """The path from the folder of the file that names it (the context), with ``~`` and ``$VARIABLES`` expanded.

    As it is if the context is :data:`RESOLVED`.
    """
    if info.context == RESOLVED:
        return path
    _only_language(path)
    expanded = os.path.expanduser(os.path.expandvars(path))
    if "$" in expanded:
        raise ValueError(f"an environment variable of {path!r} is not set")
    return os.path.normpath(Path(info.context or "", expanded))


def _located_checkpoint(checkpoint: str, info: ValidationInfo) -> str:
    if not checkpoint.strip():
        raise ValueError("the name is empty: write a folder or a name on the Hugging Face hub, or leave the key out")
    is_hub_name = re.fullmatch(r"\w[\w.-]*(/[\w.-]+)?", checkpoint)
    if is_hub_name and not Path(info.context or "", checkpoint).exists():
        return checkpoint
    return _located(checkpoint, info)


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Language = Annotated[Code, AfterValidator(_not_pivot)]
Languages = Annotated[list[Language], Field(min_length=1), AfterValidator(no_repeats)]
Share = Annotated[float, Field(ge=0, lt=1)]
Pooling = Literal["last", "first", "mean", "subword"]
Objective = Literal["none", "wordot", "l2", "contrastive-weak", "contrastive-strong"]
Measure = Literal["nli", "qa", "word_retrieval", "retrieval", "word_alignment"]
Verdict = Literal["better", "worse", "no clear difference", "as good"]


# Data: the embedded world, or corpora


class Microworld(Section):
    """The embedded world (:func:`otlib.data.microworld.write_world`)."""

    seed: NonNegativeInt = 0
    """Another seed is another world: other sentences of the same languages."""
    text_sentences: PositiveInt = 16000
    """Documents to pretrain on, for each language; the translation of none is in another language's."""
    parallel_pairs: PositiveInt = 4000
    """Sentence pairs to align on, for each language."""
    heldout_pairs: Annotated[int, Field(ge=2)] = 500
    """Sentence pairs with gold alignments, for each language; none is trained on."""
    nli_train: PositiveInt = 12000
    """Inference items to train on: English ones, and their translations for a method that is taught by them."""
    nli_dev: PositiveInt = 500
    """Inference items to watch the training by, in English."""
    nli_test: PositiveInt = 1000
    """Inference items of the test, the same in every language."""
    qa_train: PositiveInt = 8000
    """Questions to train on: English ones, and their translations for a method that is taught by them."""
    qa_dev: PositiveInt = 400
    """Questions to watch the training by, in English."""
    qa_test: PositiveInt = 800
    """Questions of the test, the same in every language."""


class Hub(Section):
    """A data set of the Hugging Face hub; ``{language}`` in config or split is the language's code."""

    hub: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    """Owner and name."""
    config: Annotated[str, AfterValidator(_only_language)] | None = None
    """Its configuration, if it has several."""
    split: Annotated[str, AfterValidator(_only_language)] = "train"
    """Its split."""
    revision: str | None = None
    """A commit, for a study that must read the same for ever; the newest if null."""


def _no_old_form(corpus: Any) -> Any:
    if isinstance(corpus, dict) and "file" in corpus:
        path = str(corpus["file"]).replace("'", "")
        raise ValueError(f"a file is named by its path alone: write {path} in the place of {{file: ...}}")
    if isinstance(corpus, dict) and not corpus.keys() & Hub.model_fields.keys():
        raise ValueError(
            "is no corpus: write a path, a list of paths, or {hub: owner/name}; "
            "the languages of inference items stand in their column language, or as {language} in a path"
        )
    return corpus


def _form(corpus: Any) -> str:
    if isinstance(corpus, list):
        return "paths" if all(isinstance(one, str) for one in corpus) else "several"
    return "data set" if isinstance(corpus, dict | Hub) else "path"


def _form_by_language(corpora: Any) -> str:
    return "by language" if isinstance(corpora, dict) and not {"hub", "file"} & corpora.keys() else "corpora"


# Where a corpus lies: a path, a list of paths, or a data set of the hub (see otlib.data.sources for what they hold).
FilePath = Annotated[str, AfterValidator(_located)]
Paths = Annotated[list[FilePath], Field(min_length=1)]
Corpus = Annotated[
    Annotated[FilePath, Tag("path")] | Annotated[Paths, Tag("paths")] | Annotated[Hub, Tag("data set")],
    Discriminator(_form),
    BeforeValidator(_no_old_form),
]
Corpora = Annotated[
    Annotated[FilePath, Tag("path")]
    | Annotated[Paths, Tag("paths")]
    | Annotated[Hub, Tag("data set")]
    | Annotated[list[Corpus], Tag("several")],
    Discriminator(_form),
    BeforeValidator(_no_old_form),
]


def names_language(corpora: Any) -> bool:
    """Whether ``{language}`` stands in a path, config or split of corpora."""
    if isinstance(corpora, list):
        return any(map(names_language, corpora))
    texts = (corpora.config, corpora.split) if isinstance(corpora, Hub) else (corpora,)
    return any("{language}" in text for text in texts if text)


def _for_each_language(corpora: Any) -> Any:
    if not isinstance(corpora, dict) and not names_language(corpora):
        said = corpora.hub if isinstance(corpora, Hub) else corpora
        raise ValueError(
            f"{said} lacks {{language}}, the place of the language's code; or name a corpus for each language"
        )
    return corpora


# The corpora of each language: by {language}, or as a mapping.
EachLanguage = Annotated[
    Annotated[Corpora, Tag("corpora")] | Annotated[dict[Code, Corpora], Tag("by language")],
    Discriminator(_form_by_language),
    AfterValidator(_for_each_language),
]


class CorporaData(Section):
    """Corpora and benchmarks, on disk or on the hub (:func:`otlib.data.sources.prepare`).

    Paths are relative to the YAML file.
    """

    parallel: EachLanguage
    """Sentence pairs of each language with English, to align on."""
    retrieval: EachLanguage | None = None
    """Sentence pairs to test on; without them some of the parallel ones are held out."""
    gold: EachLanguage | None = None
    """Gold word alignments; a language may lack them."""
    text: EachLanguage | None = None
    """Sentence pairs to pretrain on: of each only one side is taken, so that the text is not parallel."""
    nli_train: Corpora | None = None
    """Inference items; those in English are trained on, others where a method is taught by translations."""
    nli_dev: Corpora | None = None
    """Inference items to watch the training by, in English."""
    nli_test: Corpora | None = None
    """Inference items of the test, the same in every language."""
    qa_train: Corpora | None = None
    """Questions in English, in SQuAD's format."""
    qa_test: EachLanguage | None = None
    """Questions of the test; a language without them is not tested."""
    words: Literal["whitespace", "moses"] = "moses"
    """How parallel text is split into words: at blanks, or by Moses (Chinese and Thai by a segmenter)."""
    parallel_pairs: PositiveInt | None = None
    """Sentence pairs to draw for each language, all of a smaller corpus; null: all, in their order."""
    heldout_pairs: Annotated[int, Field(ge=2)] = 1000
    """Sentence pairs of each language to hold out where there is no retrieval set; of few pairs a fifth."""
    max_words: PositiveInt = 100
    """Sentence pairs with a longer side are dropped, and counted."""
    pivot_share: Share = 0.3
    """How often the side taken from a pair of text is the English one."""
    qa_dev_share: Share = 0.05
    """Part of the training paragraphs that becomes the development set."""
    seed: NonNegativeInt = 0
    """Of the draws and splits."""


# Trainings


class Training(Section):
    """What every training has (:func:`otlib.training.trainer.train`)."""

    steps: PositiveInt = 1000
    """Optimiser steps."""
    batch_size: PositiveInt = 32
    """Examples in a batch, on each process."""
    accumulation: PositiveInt = 1
    """Batches a step, whose losses are averaged."""
    learning_rate: PositiveFloat = 2e-5
    """AdamW's learning rate at its highest, after the warm-up; it falls linearly to zero."""
    warmup: Share = 0.1
    """Part of the steps in which the learning rate rises."""
    weight_decay: NonNegativeFloat = 0.01
    """On weight matrices; biases and normalisation parameters are exempt."""
    clip: PositiveFloat = 1.0
    """Limit on the norm of the gradient."""
    max_length: Annotated[int, Field(ge=3)] = 128
    """Subwords of an example, special ones included; at most what the encoder takes."""
    mixed_precision: Literal["no", "fp16", "bf16"] = "no"
    """Precision of the forward pass; weights and transport stay in float32."""
    gradient_checkpointing: bool = False
    """Compute each layer again for its gradient instead of keeping it: less memory, more time."""
    save_every: PositiveInt | None = None
    """Steps between checkpoints to resume from; null: none."""
    log_with: Literal["tensorboard"] | None = None
    """A tracker that is written the log as well, into the run's folder; null: none."""


class Pretrain(Training):
    """A small multilingual BERT from scratch (:func:`otlib.training.pretrain.pretrain`)."""

    steps: PositiveInt = 1500
    batch_size: PositiveInt = 64
    learning_rate: PositiveFloat = 4e-3
    max_length: Annotated[int, Field(ge=3)] = 64
    """Subwords of the longest piece of text, and positions of the encoder."""
    vocabulary_size: Annotated[int, Field(gt=5)] = 4000
    """Subwords of the tokenizer, at most; five are the special tokens."""
    lowercase: bool = True
    """Whether the tokenizer ignores case; accents stay."""
    layers: PositiveInt = 3
    """Layers of the encoder."""
    width: PositiveInt = 64
    """Dimensions of a hidden state."""
    heads: PositiveInt = 4
    """Attention heads of a layer."""
    feedforward: PositiveInt | None = None
    """Width of the feed-forward layers; null: four times the width."""
    dropout: Share = 0.0
    """Of hidden states and attention."""
    initializer_range: PositiveFloat = 0.08
    """Standard deviation of the first weights."""
    masking: Annotated[float, Field(gt=0, lt=1)] = 0.30
    """Part of the subwords to predict."""
    heldout: PositiveInt = 200
    """Documents a language, at most a tenth, whose loss is watched and that are not trained on."""

    @model_validator(mode="after")
    def _heads_share_the_width(self):
        if self.width % self.heads:
            raise ValueError(f"heads: {self.heads} heads cannot share a width of {self.width}: it must be a multiple")
        return self


class Encoder(Section):
    """The encoder to align: a checkpoint, or one that the study pretrains."""

    checkpoint: Annotated[str, AfterValidator(_located_checkpoint)] | None = None
    """A folder, or a name on the Hugging Face hub."""
    pretrain: Pretrain | None = None
    """Pretrain one instead."""


class Transport(Section):
    """The transport problem (:func:`otlib.transport.sinkhorn_divergence`)."""

    cost: Literal["half_sqeuclidean", "euclidean", "cosine"] = "half_sqeuclidean"
    """Of moving a word: half the squared distance, the distance, or one less the cosine."""
    epsilon: PositiveFloat = 0.05
    """Entropic regularisation: a larger one blurs the plan, a smaller one needs more iterations."""
    relative: bool = True
    """Whether epsilon is a fraction of each pair's mean cost, or in units of the cost (GeomLoss's blur ** p)."""
    solver: Literal["converged", "geomloss", "exact"] = "converged"
    """converged: until the marginals are met; geomloss: GeomLoss's schedule, the paper's; exact: no regularisation."""
    unbalanced: PositiveFloat | None = None
    """Price of missed marginals, in the units of epsilon, so that a word may stay without partner; null: none may."""
    mass: Annotated[float, Field(gt=0, le=1)] | None = None
    """Partial transport: only this part of the mass moves, the cheapest, without debiasing; null: all of it."""

    @model_validator(mode="after")
    def _solver_can(self):
        if self.solver == "geomloss" and self.relative:
            raise ValueError("solver: geomloss needs relative: false, for its epsilon is absolute (0.05 ** 2)")
        if self.solver == "geomloss" and self.cost == "cosine":
            raise ValueError("solver: geomloss knows the costs half_sqeuclidean (p=2) and euclidean (p=1), not cosine")
        if self.unbalanced and (self.mass or self.solver != "converged"):
            raise ValueError("unbalanced: goes with solver: converged, and without mass")
        if self.mass and self.solver == "geomloss":
            raise ValueError("mass: goes with solver: converged or exact")
        return self


class WhileTuning(Section):
    """An alignment term in the training of a task (:mod:`otlib.tasks.aligning`)."""

    every: PositiveInt = 4
    """Every so many steps of the task have the term."""
    weight: PositiveFloat = 1.0
    """Of the term, beside the task's loss."""


class Align(Transport, Training):
    """Alignment training (:func:`otlib.training.align.align`)."""

    objective: Objective = "wordot"
    """What is minimised; none: nothing, the encoder stays as it is."""
    steps: PositiveInt = 300
    batch_size: PositiveInt = 24
    """Sentence pairs of each language in a batch, on each process."""
    learning_rate: PositiveFloat = 5e-5
    by_language: bool = False
    """Languages one after another in a step: the memory of one; gradients are alike."""
    remembered: NonNegativeInt = 512
    """MiB of memory for the frozen encoder's English words, if these fit and come in several epochs; 0: none."""
    languages: Languages | None = None
    """Align these only, the others stay unseen; null: all."""
    pairs: PositiveInt | None = None
    """Sentence pairs of each language, the first of its corpus; null: all."""
    shuffled_pairs: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Part of the pairs of each language that exchange their English sentences at random; 1 is a control."""
    layers: Literal["last", "all"] | Annotated[list[int], Field(min_length=1), AfterValidator(no_repeats)] = "last"
    """Hidden states that are aligned and anchored; all: the embeddings (0) and every layer."""
    layer_reduction: Literal["sum", "mean"] = "sum"
    """Over these: the sum; or the mean, each in units of the spread of its English words before alignment."""
    freeze: Literal["none", "lower", "upper"] = "none"
    """What stays as it is: nothing, the embeddings and the lower half of the layers, or the upper half."""
    pooling: Pooling = "last"
    """Which subword stands for a word; subword: each for itself (SubOT)."""
    scope: Literal["sentence", "batch", "mixed"] = "sentence"
    """What a transport problem spans: a sentence pair, a language's batch, or the batch of all languages."""
    marginals: Literal["uniform", "norm", "tfidf"] = "uniform"
    """Weights of the words: equal, by the norm of their vectors, or by TF-IDF."""
    confidence_power: NonNegativeFloat = 0.0
    """Pairs count by this power of how sure the frozen encoder's plan is, so that noisy ones count less; 0: alike."""
    temperature: PositiveFloat = 0.1
    """Of the contrastive objectives: cosines are divided by it."""
    word_pairs: Literal["mutual", "aligner"] = "mutual"
    """Of l2 and the contrastive objectives: mutual nearest words of the frozen encoder, or an aligner's links."""
    l2_target: Literal["current", "frozen"] = "current"
    """English words that l2 pulls to: as they are now, or of the frozen encoder (the script of Cao et al., 2020)."""
    anchor_weight: NonNegativeFloat = 1.0
    """Weight of English's distance from the frozen encoder (the paper's lambda)."""
    while_tuning: WhileTuning | None = None
    """Align while the tasks are taught, by a term in their training, instead of before; null: before."""
    anchor_reduction: Literal["sum", "mean"] = "mean"
    """Over the words of an English sentence; a sum (the paper's equation 2) over the batch's if scope pools them."""

    @model_validator(mode="after")
    def _options_go_together(self):
        if self.pooling == "subword" and self.marginals == "tfidf":
            raise ValueError("marginals: tfidf weighs words, so that pooling must be last, first or mean")
        if self.pooling == "subword" and self.word_pairs == "aligner":
            raise ValueError("word_pairs: an aligner links words, so that pooling must be last, first or mean")
        if self.while_tuning and self.word_pairs == "aligner":
            raise ValueError("while_tuning: word pairs are mutual nearest words, so that word_pairs must be mutual")
        if self.by_language and self.scope == "mixed":
            raise ValueError("by_language: scope: mixed makes one problem of all languages, which it needs at once")
        if self.by_language and self.while_tuning:
            raise ValueError("by_language: is of alignment before the tasks, so that while_tuning must be off")
        if self.confidence_power and self.scope != "sentence":
            raise ValueError("confidence_power: weighs sentence pairs, so that scope must be sentence")
        return self

    @property
    def aligns_while_tuning(self) -> WhileTuning | None:
        """``while_tuning``, if there is an objective at all."""
        return self.while_tuning if self.objective != "none" else None

    def frozen_parts(self, depth: int) -> range:
        """What ``freeze`` keeps of an encoder of so many layers: 0 is the embeddings, k the k-th layer."""
        middle = depth // 2
        return {"none": range(0), "lower": range(middle + 1), "upper": range(middle + 1, depth + 1)}[self.freeze]

    def transport(self) -> dict[str, Any]:
        """The keyword arguments of :func:`otlib.transport.transport_plan` and its like."""
        return self.model_dump(include=set(Transport.model_fields), exclude_none=True)


class Evaluate(Section):
    """Where words and sentences are looked at, of every encoder alike (:func:`otlib.training.words.embed_corpus`)."""

    layer: int = -1
    """Hidden state: 0 the embeddings, k the k-th layer, negative: from the last."""
    pooling: Literal["last", "first", "mean"] = "last"
    """Which subword stands for a word."""
    max_length: Annotated[int, Field(ge=3)] = 128
    """Subwords of a sentence, special ones included; at most what the encoder takes."""


class Method(Align):
    """The ``align`` section with what a method changes in it, and how it is taught; a method names its objective."""

    objective: Objective
    taught: Literal["english", "translations"] = "english"
    """What the tasks are taught: English items, or with them their translations into all tested languages."""
    task_steps: PositiveFloat = 1.0
    """Steps of the tasks, as a multiple of those in their sections."""


class FineTuning(Training):
    """What the tasks share."""

    freeze: NonNegativeInt = 0
    """Parameters kept as they are: 0 none, 1 the embeddings, 1 + k the embeddings and the first k layers."""


class Nli(FineTuning):
    """Inference, taught in English (:func:`otlib.tasks.nli.finetune`)."""

    max_length: Annotated[int, Field(ge=6)] = 128
    pooling: Literal["mean", "pair", "cls"] = "cls"
    """What is classified: the mean of all subwords; of each sentence, and their difference; the first, as in XTREME."""


class Qa(FineTuning):
    """Questions, taught in English (:func:`otlib.tasks.qa.finetune`)."""

    learning_rate: PositiveFloat = 3e-5
    max_length: Annotated[int, Field(ge=17)] = 384
    """Subwords of a window with question and context."""
    stride: PositiveInt = 128
    """Subwords that neighbouring windows share; a quarter of the window at most."""

    @model_validator(mode="after")
    def _windows_move_on(self):
        if "stride" in self.model_fields_set and self.stride >= self.max_length:
            raise ValueError(f"stride: {self.stride} must be less than max_length, {self.max_length}")
        return self


# How a study is run


class Workflow(Section):
    """How notebooks are executed, which decides nothing of what comes out."""

    cell_timeout: PositiveInt | None = None
    """Seconds that a cell of a notebook may take, after which it has failed; null: any."""


# What is asked of the results


class Paper(Section):
    """Rows of one of the paper's tables that methods of the study stand for."""

    experiment: str
    """The table, such as table2."""
    rows: dict[Name, str]
    """The paper's row for each method."""


class Finding(Section):
    """Something the paper found, to be tested by two methods (:func:`otlib.analysis.statistics.check_findings`)."""

    says: str
    """The finding in words."""
    method: Name
    """The method that is compared."""
    against: Name
    """The method that it is compared with."""
    expects: Annotated[dict[Measure, Verdict], Field(min_length=1)]
    """The expected verdict for each measure."""
    within: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """Part that "as good" may lose of the effect there is to lose: the gain of ``against`` over ``over``."""
    over: Name = "none"
    """The method over which that effect is a gain."""
    languages: Languages | None = None
    """What it is about; null: all languages beside English."""

    @property
    def compared(self) -> dict[str, str]:
        """The methods that it needs, by the key that names them."""
        keys = ["method", "against", *(["over"] if "as good" in self.expects.values() else [])]
        return {key: getattr(self, key) for key in keys}

    @model_validator(mode="after")
    def _there_is_an_effect(self):
        if "as good" in self.expects.values() and self.against == self.over:
            raise ValueError(f"over: {self.over} has no gain over itself to lose a share of: name another method")
        return self


class AlignText(Section):
    """How one's own sentences are aligned (:func:`otlib.analysis.sentences.align_sentences`)."""

    layer: int | None = None
    """Hidden state: 0 the embeddings, k the k-th layer, negative: from the last; null: the one at 7/12 of the depth."""
    pooling: Literal["last", "first", "mean"] = "mean"
    """Which subword stands for a word."""
    epsilon: PositiveFloat = 0.1
    """Entropic regularisation of the plan, as a part of a pair's mean cost."""
    unbalanced: PositiveFloat | None = 0.5
    """Price of missed marginals, in the units of epsilon: a lower one leaves more words without partner, null none."""
    rule: Literal["argmax", "itermax", "threshold"] = "argmax"
    """How links are read off the plan: best both ways, a second time for words without link, or by confidence."""
    words: Literal["whitespace", "moses"] = "whitespace"
    """How text is split into words: at blanks, or by the Moses tokenizer, which needs languages."""
    languages: Annotated[tuple[str, str], BeforeValidator(tuple)] | None = None
    """Of the left and the right side: their codes, for Moses; in a table, the names of the two columns."""

    @model_validator(mode="after")
    def _moses_has_languages(self):
        if self.words == "moses" and self.languages is None:
            raise ValueError("words: moses needs languages, such as de en")
        return self
