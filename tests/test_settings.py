"""Each setting has one home, with a default and a meaning, and what makes no sense is refused there."""

import ast
import inspect
import math
from pathlib import Path

import pytest
from pydantic import ValidationError

import otlib
import otlib.settings
from otlib.settings import (
    Align,
    CorporaData,
    Encoder,
    Finding,
    Hub,
    Method,
    Microworld,
    Nli,
    Paper,
    Pretrain,
    Qa,
    Section,
    Training,
    Transport,
    meaning,
)
from otlib.transport import sinkhorn_divergence, transport_cost, transport_plan

SECTIONS = [
    value
    for value in vars(otlib.settings).values()
    if isinstance(value, type) and issubclass(value, Section) and value is not Section
]
FULL = [Microworld(), Pretrain(), Align(), Nli(), Qa(), Hub(hub="a/b"), CorporaData(parallel="{language}.tsv")]

# Defaults


def test_only_what_no_default_can_guess_must_be_given():
    """A study that leaves a section out takes all of its defaults."""
    required = {
        section: {name for name, field in section.model_fields.items() if field.is_required()} for section in SECTIONS
    }
    assert {section: names for section, names in required.items() if names} == {
        Hub: {"hub"},
        CorporaData: {"parallel"},
        Method: {"objective"},
        Paper: {"experiment", "rows"},
        Finding: {"says", "method", "against", "expects"},
    }


@pytest.mark.parametrize("function", [sinkhorn_divergence, transport_plan, transport_cost])
def test_transport_has_the_same_defaults_in_a_study_and_by_hand(function):
    """Transport imports no settings, so that its defaults stand twice."""
    signature = inspect.signature(function).parameters
    settings = Transport().model_dump(include=set(signature))  # a divergence of partial transport there is none
    assert {name: signature[name].default for name in settings} == settings
    assert Align().transport() == Transport().model_dump(exclude_none=True)
    given = {"cost": "cosine", "epsilon": 0.2, "unbalanced": 1.0}
    assert Align(**given).transport() == Transport().model_dump(exclude_none=True) | given


def test_defaults_of_the_tasks_are_xtremes():
    """Hu et al. (2020): learning rates, batches and lengths of XNLI and SQuAD."""
    assert (Nli().learning_rate, Nli().batch_size, Nli().max_length, Nli().pooling) == (2e-5, 32, 128, "cls")
    assert (Qa().learning_rate, Qa().batch_size, Qa().max_length, Qa().stride) == (3e-5, 32, 384, 128)


def test_a_method_has_the_defaults_of_alignment():
    """A method is the align section with changes; other defaults would change it silently."""
    assert Method(objective="wordot").model_dump(include=set(Align.model_fields)) == Align().model_dump()


# Changes


def test_changed_copies_and_checks():
    """A copy that is not checked would let a wrong setting through to a training."""
    first = Align(steps=10, scope="batch")
    second = first.changed(steps=20)
    assert (first.steps, second.steps, second.scope, type(second)) == (10, 20, "batch", Align)
    with pytest.raises(ValidationError, match="steps"):
        first.changed(steps=0)
    with pytest.raises(ValidationError, match="step_count"):
        first.changed(step_count=3)
    with pytest.raises(ValidationError, match="geomloss needs relative: false"):
        first.changed(solver="geomloss")


def test_changed_remembers_what_was_set():
    """What the YAML file sets is told apart from defaults in tables of settings."""
    assert Align(steps=300).changed(pairs=5).model_fields_set == {"steps", "pairs"}
    assert Method(objective="l2").changed().model_fields_set == {"objective"}


def test_changed_keeps_corpora():
    """Nested sections are written out and read again."""
    data = CorporaData(parallel={"de": {"hub": "a/b", "config": "de"}, "fr": ["x.fr", "x.en"]}, seed=1)
    assert data.changed(seed=1) == data
    assert data.changed(seed=2).parallel == data.parallel


def test_a_section_does_not_change():
    """What a run was given must still be so when it writes its record."""
    with pytest.raises(ValidationError, match="frozen"):
        Align().steps = 3


# Meanings


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_setting_has_a_meaning(section):
    """Tables of settings show it to readers."""
    for name in section.model_fields:
        line = meaning(section, name)
        assert line.endswith(".") and "\n" not in line and len(line) < 120, (name, line)


def test_a_section_that_changes_only_a_default_keeps_the_meaning():
    """Pydantic forgets the description of a field that is declared anew."""
    assert meaning(Align, "steps") == meaning(Qa(), "steps") == meaning(Training, "steps") == "Optimiser steps."
    assert meaning(Align, "batch_size") != meaning(Training, "batch_size")
    assert meaning(Align, "no_setting") == ""


# What is refused


@pytest.mark.parametrize("section", FULL, ids=lambda section: type(section).__name__)
def test_numbers_that_are_not_finite_are_refused(section):
    """Such a number passes the checks of its size (inf > 0), or every comparison with it is false (NaN)."""
    names = [name for name in type(section).model_fields if isinstance(getattr(section, name), float)]
    for name in names:
        for number in (math.inf, -math.inf, math.nan):
            with pytest.raises(ValidationError, match="finite"):
                section.changed(**{name: number})
    assert names or type(section) in (Microworld, Hub)


@pytest.mark.parametrize(
    ("section", "wrong", "message"),
    [
        (Training, {"steps": 0}, "greater than 0"),
        (Training, {"steps": -3}, "greater than 0"),
        (Training, {"steps": 3.5}, "valid integer"),
        (Training, {"steps": "3"}, "valid integer"),
        (Training, {"steps": True}, "valid integer"),
        (Training, {"accumulation": 0}, "greater than 0"),
        (Training, {"batch_size": 0}, "greater than 0"),
        (Training, {"warmup": 1.5}, "less than 1"),
        (Training, {"warmup": -0.1}, "greater than or equal to 0"),
        (Training, {"learning_rate": 0.0}, "greater than 0"),
        (Training, {"weight_decay": -0.1}, "greater than or equal to 0"),
        (Training, {"clip": 0.0}, "greater than 0"),
        (Training, {"save_every": 0}, "greater than 0"),
        (Training, {"mixed_precision": "fp8"}, "'no', 'fp16' or 'bf16'"),
        (Training, {"step": 3}, "not permitted"),
        (Pretrain, {"masking": 1.0}, "less than 1"),
        (Pretrain, {"lowercase": "yes"}, "valid boolean"),
        (Align, {"objective": "tlm"}, "'none', 'wordot', 'l2', 'contrastive-weak' or 'contrastive-strong'"),
        (Align, {"scope": "corpus"}, "'sentence', 'batch' or 'mixed'"),
        (Align, {"marginals": "length"}, "'uniform', 'norm' or 'tfidf'"),
        (Align, {"pooling": "max"}, "'last', 'first', 'mean' or 'subword'"),
        (Align, {"word_pairs": "words"}, "'mutual' or 'aligner'"),
        (Align, {"anchor_reduction": "max"}, "'sum' or 'mean'"),
        (Align, {"layers": "first"}, "'last' or 'all'"),
        (Align, {"languages": ["de", "en"]}, "the pivot language 'en' is implied"),
        (Align, {"cost": "manhattan"}, "'half_sqeuclidean', 'euclidean' or 'cosine'"),
        (Align, {"epsilon": 0.0}, "greater than 0"),
        (Align, {"temperature": 0.0}, "greater than 0"),
        (Nli, {"pooling": "max"}, "'mean', 'pair' or 'cls'"),
        (Nli, {"freeze": -1}, "greater than or equal to 0"),
        (Qa, {"stride": 0}, "greater than 0"),
        (Training, {"max_length": 2}, "greater than or equal to 3"),
        (Align, {"max_length": 1}, "greater than or equal to 3"),
        (Pretrain, {"max_length": 1}, "greater than or equal to 3"),
        (Nli, {"max_length": 5}, "greater than or equal to 6"),
        (Qa, {"max_length": 16}, "greater than or equal to 17"),
        (Pretrain, {"vocabulary_size": 5}, "greater than 5"),
        (Align, {"languages": []}, "at least 1"),
        (Align, {"languages": ["de", "de"]}, "an entry stands twice"),
        (Align, {"layers": []}, "at least 1"),
        (Align, {"layers": [1, 1]}, "an entry stands twice"),
        (Encoder, {"checkpoint": ""}, "the name is empty"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_refused_by_name(section, wrong, message):
    """The same clear error wherever the section is filled: by a study or by hand."""
    (name,) = wrong
    with pytest.raises(ValidationError, match=rf"(?s)\n{name}\b.*{message}"):
        section(**wrong)


@pytest.mark.parametrize(
    ("section", "wrong", "message"),
    [
        (Pretrain, {"width": 64, "heads": 5}, "5 heads cannot share a width of 64"),
        (Pretrain, {"heads": 128}, "128 heads cannot share a width of 64"),
        (Qa, {"stride": 384}, "384 must be less than max_length, 384"),
        (Qa, {"stride": 32, "max_length": 17}, "32 must be less than max_length, 17"),
    ],
    ids=str,
)
def test_sizes_that_do_not_go_together_are_refused(section, wrong, message):
    """They once failed in a library, hours later."""
    with pytest.raises(ValidationError, match=message):
        section(**wrong)


def test_the_default_stride_suits_every_window():
    """It is cut to a quarter of the window."""
    assert Qa(max_length=64).stride == 128


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pooling": "subword", "marginals": "tfidf"}, "marginals: tfidf weighs words"),
        ({"pooling": "subword", "word_pairs": "aligner"}, "word_pairs: an aligner links words"),
        ({"solver": "geomloss"}, "solver: geomloss needs relative: false"),
        ({"solver": "geomloss", "relative": False, "cost": "cosine"}, "not cosine"),
    ],
    ids=str,
)
@pytest.mark.parametrize("section", [Align, Method])
def test_settings_that_do_not_go_together_are_refused(section, settings, message):
    """Each is well-formed; together they ask for weights or links of subwords, or for what GeomLoss does not solve."""
    with pytest.raises(ValidationError, match=message):
        section(objective="wordot", **settings)


# One home

DATA = (Microworld, Hub, CorporaData)  # what these say is read in data, see below
OF_A_RUN = {"seed"}  # of a study's list of seeds, not of a section, where an encoder is aligned or fine-tuned


def redeclared(source, names):
    """Parameters of functions that have one of the names and a literal default; None stands for "not given"."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        given = node.args
        places = [*given.posonlyargs, *given.args]
        defaults = [*zip(places[::-1], given.defaults[::-1], strict=False)]
        defaults += zip(given.kwonlyargs, given.kw_defaults, strict=True)
        for parameter, default in defaults:
            literal = default is not None and not any(isinstance(part, ast.Name) for part in ast.walk(default))
            if parameter.arg in names and literal and ast.unparse(default) != "None":
                yield f"{getattr(node, 'name', 'lambda')}({parameter.arg}={ast.unparse(default)})"


def test_no_function_has_a_default_of_its_own_for_a_setting():
    """Two homes of one default drift apart, and the run's record tells one of them.

    Transport imports no settings (its defaults are compared above); data has parameters that only share a name.
    """
    names = {name for section in SECTIONS if section not in DATA for name in section.model_fields} - OF_A_RUN
    root, found = Path(otlib.__file__).parent, {}
    for path in sorted(root.rglob("*.py")):
        wing = path.relative_to(root).parts[0]
        if wing not in ("transport", "data") and (again := [*redeclared(path.read_text(encoding="utf-8"), names)]):
            found[str(path.relative_to(root))] = again
    assert not found


def test_a_default_of_its_own_is_found():
    """The search above must be able to find one."""
    source = """
def one(x, pooling="last", *, steps=-1, layer=3, cost=Align().cost, pairs=None, relative): ...
async def two(epsilon, /, warmup=(0, 1)): lambda batch_size=3: batch_size
"""
    names = {"pooling", "steps", "cost", "pairs", "relative", "epsilon", "warmup", "batch_size"}
    assert sorted(redeclared(source, names)) == [
        "lambda(batch_size=3)",
        "one(pooling='last')",
        "one(steps=-1)",
        "two(warmup=(0, 1))",
    ]


def test_one_heldout_pair_is_refused_for_its_sentence_has_no_other():
    """A study trained to its end, and then no sentence could be looked for among others."""
    for section, given in ((Microworld, {}), (CorporaData, {"parallel": "{language}.tsv"})):
        with pytest.raises(ValidationError, match="heldout_pairs"):
            section(heldout_pairs=1, **given)
