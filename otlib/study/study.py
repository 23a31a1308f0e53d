"""A study: the typed parameters of one YAML file, the folders of its runs, and how a run begins and ends."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from otlib.record import ROOT, Run, running, shown, write_text
from otlib.settings import (
    PIVOT,
    RESOLVED,
    WATCHED,
    Align,
    CorporaData,
    Encoder,
    Evaluate,
    Finding,
    Language,
    Languages,
    Method,
    Microworld,
    Name,
    Nli,
    Paper,
    ParameterError,
    Qa,
    Section,
    Workflow,
    meaning,
    no_repeats,
)
from otlib.study import checks, yaml_file
from otlib.study.places import Places
from otlib.study.restriction import restriction

Kind = Literal["data", "pretrain", "align", "nli", "qa", "pair"]


class Study(Places, BaseModel):
    """The parameters of a study and the layout of its folder; made by :func:`load_study`.

    ``languages`` have parallel text; ``unseen`` ones are tested only, where the tasks have items in them; both are in
    alphabetical order, so that a file's order decides nothing. ``methods`` are complete: the ``align`` section with
    what each method changes in it.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Name
    title: str = ""
    source: str
    languages: Annotated[Languages, AfterValidator(sorted)]
    unseen: Annotated[list[Language], AfterValidator(no_repeats), AfterValidator(sorted)] = []
    seeds: Annotated[list[NonNegativeInt], Field(min_length=1), AfterValidator(no_repeats)]
    data: Section
    encoder: Encoder
    align: Align = Align()
    evaluate: Evaluate = Evaluate()
    methods: Annotated[dict[Name, Method], Field(min_length=1)]
    nli: Nli | None = None
    qa: Qa | None = None
    workflow: Workflow = Workflow()
    paper: Paper | None = None
    findings: list[Finding] = []

    _folder: Path = PrivateAttr()
    _given: str = PrivateAttr("")

    @field_validator("methods", mode="before")
    @classmethod
    def _over_the_align_section(cls, methods: Any, info: ValidationInfo) -> Any:
        """A method is given what the ``align`` section sets and the method does not."""
        shared = info.data["align"].model_dump(exclude_unset=True) if "align" in info.data else {}
        if not isinstance(methods, dict):
            return methods
        return {name: {**shared, **own} if isinstance(own, dict) else own for name, own in methods.items()}

    @model_validator(mode="after")
    def _names_what_there_is(self):
        checks.check_names(self)
        checks.check_sizes(self)
        return self

    # What there is to do.

    @property
    def pairs(self) -> list[str]:
        return [f"{language}-{PIVOT}" for language in self.languages]

    @property
    def tested(self) -> list[str]:
        """The languages beside English that the tasks are tested in."""
        return [*self.languages, *self.unseen]

    @property
    def pretrains(self) -> bool:
        return self.encoder.pretrain is not None

    @property
    def tasks(self) -> list[str]:
        return [task for task in ("nli", "qa") if getattr(self, task) is not None]

    def methods_of(self, kind: Kind) -> list[str]:
        """The methods with runs of a kind. Translations teach a task that has them; pairs come before the tasks."""
        translated = kind in ("align", "nli") or (kind == "qa" and self.source == "microworld")
        there = {name: method for name, method in self.methods.items() if translated or method.taught == "english"}
        return [name for name, method in there.items() if not (kind == "pair" and method.aligns_while_tuning)]

    def runs_of(self, kind: Kind) -> list[tuple[str, int]]:
        """Every such method with every seed."""
        return [*product(self.methods_of(kind), self.seeds)]

    def taught(self, method: str) -> list[str]:
        """The languages of the items that a method's tasks are taught."""
        return [PIVOT, *self.tested * (self.methods[method].taught == "translations")]

    @property
    def translated(self) -> list[str]:
        """The languages beside English that training items are needed in: those of a method taught by translations."""
        return self.tested * any(method.taught == "translations" for method in self.methods.values())

    def languages_with(self, kind: Literal["gold", "qa"]) -> list[str]:
        """The languages (pivot excluded) whose gold alignments, or QA test set, lie in the data folder."""
        path = self.gold if kind == "gold" else lambda language: self.qa_data(language, "test")
        return [language for language in self.tested if path(language).exists()]

    @property
    def command(self) -> str:
        """What runs the study, from the repository's root."""
        return f"make study {self._given}"

    # What a run is given.

    def section(self, kind: Kind, method: str | None = None) -> Section:
        """The settings of a kind of run, complete with their defaults."""
        if kind == "align":
            return self.methods[self._known("method", method, self.methods)]
        if kind == "pretrain":
            return self.encoder.pretrain
        section = self.align if kind == "pair" else getattr(self, kind)
        if method is None or (times := self.section("align", method).task_steps) == 1:
            return section
        return section.changed(steps=max(1, round(times * section.steps)))

    def changes(self, method: str) -> dict[str, Any]:
        """What a method sets otherwise than the ``align`` section; its objective in any case."""
        own, shared = self.methods[method].model_dump(), Method(**self.align.model_dump()).model_dump()
        return {"objective": own["objective"]} | {name: own[name] for name in own if own[name] != shared[name]}

    def transport(self) -> dict[str, Any]:
        """Cost, epsilon and solver of the ``align`` section, for the plans: the same for every method."""
        return self.align.transport()

    def settings_table(self, kind: Kind, method: str | None = None) -> pd.DataFrame:
        """Every setting of a section: ``value, here, meaning``, where ``here`` marks what the study sets."""
        section = self.align if (kind, method) == ("align", None) else self.section(kind, method)
        rows = [
            (name, getattr(section, name), "set" if name in section.model_fields_set else "", meaning(section, name))
            for name in type(section).model_fields
        ]
        return pd.DataFrame(rows, columns=["setting", "value", "here", "meaning"], dtype=object).set_index("setting")

    def parameters(self, kind: Kind, method: str | None = None, seed: int | None = None) -> dict[str, Any]:
        """Everything that a run of this kind is given except files: if it differs, an earlier run is out of date."""
        given: dict[str, Any] = {"study": self.name}
        given |= {name: value for name, value in (("method", method), ("seed", seed)) if value is not None}
        settings = self.section(kind, method).model_dump(mode="json", exclude=WATCHED)
        if kind == "data":
            given |= {"source": self.source, "languages": self.languages, "unseen": self.unseen}
            given |= {"translated": self.translated}
        elif kind == "pair":
            methods = {"methods": self.methods_of("pair"), "seeds": self.seeds}
            return given | methods | self.transport() | self.evaluate.model_dump()
        elif kind == "align":
            given |= {"encoder": self.encoder.checkpoint, "text": self.languages}
            settings = {name: settings[name] for name in Align.model_fields if name in settings}
        elif kind in ("nli", "qa"):
            given |= {"tested": self.tested, "taught": self.taught(method), "evaluate": self.evaluate.model_dump()}
            if self.methods[method].aligns_while_tuning:
                given["align"] = self.methods[method].model_dump(mode="json", include={*Align.model_fields} - WATCHED)
        return given | settings

    def inputs(
        self, kind: Kind, method: str | None = None, seed: int | None = None, language: str | None = None
    ) -> list[Path]:
        """The files that a run reads, as far as they decide what comes out."""
        if kind == "pretrain":
            return [self.text(code) for code in (PIVOT, *self.languages)]
        if kind == "align":
            return [*(self.parallel(code) for code in self.languages), *self.encoder_files(seed)]
        if kind == "pair":
            files = [self.parallel(language), self.parallel(language, "heldout"), self.gold(language)]
            aligned = [self.aligned(*run) / "run.json" for run in self.runs_of("pair")]
            some = [path for path in aligned if path.exists()] or aligned[:1]  # not all need be there, but one
            return [*(path for path in files if path.exists()), *some]
        read = [self.aligned(method, seed) / "run.json", *(self.parallel(code, "heldout") for code in self.languages)]
        if self.methods[method].aligns_while_tuning:
            read += [self.parallel(code) for code in self.languages]
        if kind == "nli":
            return [*read, *(self.nli_data(split) for split in ("train", "dev", "test"))]
        train = [self.qa_data(code, "train") for code in self.taught(method)]
        tests = [self.qa_data(code, "test") for code in (PIVOT, *self.languages_with("qa"))]
        return [*read, *train, self.qa_data(PIVOT, "dev"), *tests]

    @contextmanager
    def run(
        self, kind: Kind, method: str | None = None, seed: int | None = None, *, language: str | None = None
    ) -> Iterator[Run]:
        """Begin a run, say whether it resumes, and see that it is finished; see :func:`otlib.record.running`.

        ``with study.run("nli", "wordot", 0) as run:`` trains in ``run.folder`` with ``run.resumes``, and ends with
        ``run.finish(results, predictions)``.

        Parameters
        ----------
        kind : {"pretrain", "align", "nli", "qa", "pair"}
            Pretraining is of a seed, an alignment and a task are of a method and a seed, a pair is of a language.

        Raises
        ------
        FileNotFoundError
            If what it reads is not there; says what makes it.
        """
        columns: dict[str, Any] = {"study": self.name}
        if kind == "pretrain":
            folder = self.encoder_path(seed)
        elif kind == "pair":
            folder, columns["language"] = self.pair_folder(language), language
        else:
            folder = self.aligned(method, seed) if kind == "align" else self.task_folder(kind, method, seed)
            columns |= {"method": method, "seed": seed, "task": kind}
        self._require(files := self.inputs(kind, method, seed, language))
        run = (kind, method, seed)
        with running(folder, self.parameters(*run), files, columns, self.start(*run)) as begun:
            yield begun


class MicroworldStudy(Study):
    """A study on the embedded world."""

    source: Literal["microworld"]
    data: Microworld = Microworld()


class CorporaStudy(Study):
    """A study on corpora and benchmarks, on disk or on the Hugging Face hub."""

    source: Literal["corpora"]
    data: CorporaData

    @model_validator(mode="after")
    def _sections_have_data(self):
        checks.check_sections(self)
        return self


_AnyStudy = TypeAdapter(Annotated[MicroworldStudy | CorporaStudy, Field(discriminator="source")])


def load_study(
    study: str | Path | Study,
    overrides: Mapping[str, Any] | None = None,
    *,
    pairs: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    outputs: str | Path | None = None,
    check_data: bool = True,
) -> Study:
    """Read and check a study.

    Parameters
    ----------
    study : str, path or Study
        A YAML file, or the name of one in ``params/`` (``"demo"``, ``"paper/table2"``). The ``study.yaml``
        that a run left in its folder, as its first line says, is that run's study; so is the folder, or its name
        in ``outputs/`` (``"demo-de-en"``). A file with a key ``base``, the path of another from its own folder, holds
        only what differs: mappings are merged, lists, single values and data sets (``{hub: ...}``) replaced, an
        explicit null takes out a key of the base. Paths of data are taken from the folder of the file that is loaded.
        A Study is returned as it is.
    overrides : mapping, optional
        Values by dotted key, ``{"align.steps": 10}``; they replace or add single keys. A mapping of ``methods``
        replaces all of them; another one that would lose keys of the study is refused, as are a key and one inside it.
        A null takes a method out, ``{"methods.l2": None}``.
    pairs : sequence of str, optional
        Keep these pairs only (``"de-en"``). Such a study has its own name and folder, for its encoder may be
        trained on fewer languages, and then for proportionally fewer steps. A method or finding that names
        languages keeps those that are left, and is dropped if none is. With one pair the dotted keys of the
        file's ``quick`` section are set first, the overrides after them: a look at the study within minutes. A
        method that is null there is left out, unless an override sets it or a key of it.
    seeds : sequence of int, optional
        Keep these seeds only, in the same folder.
    outputs : path, optional
        Where study folders lie; the repository's ``outputs/`` if None.
    check_data : bool
        Whether the files that the study names must be there. A run's own ``study.yaml`` is never checked: its
        data was made already, and the corpora may have gone elsewhere since.

    Returns
    -------
    Study

    Raises
    ------
    ParameterError
        One sentence with file and key.

    Examples
    --------
    >>> study = load_study("demo", {"align.steps": 10})
    >>> study.pairs
    ['de-en', 'el-en']
    >>> study.methods["wordot"].steps
    10
    """
    if isinstance(study, Study):
        if overrides or pairs is not None or seeds is not None or outputs is not None:
            raise ParameterError(f"study {study.name} is loaded already: give its file, to load it with changes")
        return study
    path = yaml_file.study_file(study)
    raw, record, folder = yaml_file.read_study(path), yaml_file.is_record(path), path.resolve().parent
    quick, filled = raw.pop("quick", None) or {}, partial(_filled, path, raw, RESOLVED if record else str(folder))
    if not isinstance(quick, dict) or not all(isinstance(key, str) for key in quick):
        raise ParameterError(
            f"{shown(path)}: quick must hold values by dotted key, such as align.steps: 100, got {quick!r}"
        )
    overrides = overrides or {}
    loaded = filled(yaml_file.unless_set(quick, overrides) if len(set(pairs or ())) == 1 else {}, overrides)
    if quick and not overrides:  # checked even if it is not asked for
        filled(quick, where="quick: ")
    try:
        loaded = loaded.model_copy(update=restriction(loaded, pairs, seeds))
        if check_data and not record:
            checks.check_data(loaded)
    except ValueError as error:
        raise ParameterError(f"{shown(path)}: {error}") from None
    if not record:
        loaded._folder = Path(outputs or ROOT / "outputs").resolve() / loaded.name
    else:
        loaded._folder = folder if loaded.name == raw.get("name") else folder.with_name(loaded.name)
    given = shown(path).replace("$", "$$")  # for make
    if given.startswith("params/"):
        given = given.removeprefix("params/").removesuffix(".yaml")
    loaded._given = shlex.join([f"STUDY={given}", *([f"PAIRS={','.join(pairs)}"] if pairs else [])])
    return loaded


def _filled(path: Path, raw: dict, context: str, *overrides: Mapping[str, Any], where: str = "") -> Study:
    """The study of a file with overrides, one mapping after the other."""
    raw = deepcopy(raw)
    try:
        for keys in overrides:
            yaml_file.override(raw, keys)
        checks.check_old_forms(raw)
        return _AnyStudy.validate_python(raw, context=context)
    except ValidationError as error:
        raise ParameterError(f"{shown(path)}: {where}{checks.sentence(error, raw)}") from None
    except ValueError as error:
        raise ParameterError(f"{shown(path)}: {where}{error}") from None


def write_study(study: Study) -> Path:
    """Write the resolved parameters as ``study.yaml``, which :func:`load_study` reads back.

    Raises
    ------
    ParameterError
        If a file of this name is there that no run wrote.
    """
    path = study.folder / "study.yaml"
    if path.exists() and not yaml_file.is_record(path):
        raise ParameterError(f"{shown(path)} was not written by a run, which would overwrite it: move or rename it")
    values = study.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    values["methods"] = {method: study.changes(method) for method in study.methods}
    return write_text(path, yaml_file.RECORD + yaml_file.dump(values))
