"""A study: typed parameters from one YAML file, the folders of its run and the table of its results."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PrivateAttr,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from otlib.parameters import (
    PIVOT,
    Align,
    Encoder,
    FilesData,
    Finding,
    HubData,
    Language,
    Method,
    MicroworldData,
    Name,
    Nli,
    Paper,
    ParameterError,
    Qa,
    no_repeats,
    sentence,
)
from otlib.record import ROOT, same_settings, shown, write_text

ROTATION = "rotation"  # what results call the reference of otlib.evaluation.fit_rotation


class Study(BaseModel):
    """The parameters of a study and the layout of its folder; made by :func:`load_study`.

    ``languages`` have parallel text; ``unseen`` ones are tested only, where the tasks have items in them.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Name
    title: str = ""
    source: str
    languages: Annotated[list[Language], Field(min_length=1), AfterValidator(no_repeats)]
    unseen: Annotated[list[Language], AfterValidator(no_repeats)] = []
    seeds: Annotated[list[NonNegativeInt], Field(min_length=1), AfterValidator(no_repeats)]
    data: Any
    encoder: Encoder
    align: Align = {}
    methods: Annotated[dict[Name, Method], Field(min_length=1)]
    nli: Nli | None = None
    qa: Qa | None = None
    paper: Paper | None = None
    findings: list[Finding] = []

    _folder: Path = PrivateAttr()

    @model_validator(mode="after")
    def _one_encoder(self):
        if bool(self.encoder.get("checkpoint")) == (self.encoder.get("pretrain") is not None):
            raise ValueError("encoder needs either a checkpoint or a pretrain section")
        return self

    @model_validator(mode="after")
    def _rows_of_the_paper(self):
        if self.paper is None:
            return self
        published = paper_results()
        experiments = published["experiment"].unique()
        if self.paper["experiment"] not in experiments:
            raise ValueError(
                f"paper.experiment must be one of {_listed(experiments)}, got {self.paper['experiment']!r}"
            )
        models = published.loc[published["experiment"] == self.paper["experiment"], "model"].unique()
        for method, model in self.paper["rows"].items():
            if method not in self.methods:
                raise ValueError(f"paper.rows: there is no method {method!r}; the study has {_listed(self.methods)}")
            if model not in models:
                raise ValueError(f"paper.rows.{method} must be one of {_listed(models)}, got {model!r}")
        return self

    @model_validator(mode="after")
    def _names_within(self):
        _check_names(self)
        return self

    # Where things lie.

    @property
    def folder(self) -> Path:
        """The folder that holds everything this study reads and writes."""
        return self._folder

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"

    @property
    def notebooks(self) -> Path:
        return self.folder / "notebooks"

    @property
    def figures(self) -> Path:
        return self.folder / "figures"

    @property
    def encoder_path(self) -> Path | str:
        """The encoder pretrained in the study's folder, or the checkpoint (folder or hub name) it names."""
        return self.folder / "encoder" if self.pretrains else self.encoder["checkpoint"]

    @property
    def encoder_files(self) -> list[Path]:
        """Files by which to tell whether the encoder is another than it was; none of a checkpoint on the hub."""
        if self.pretrains:
            return [self.folder / "encoder" / "run.json"]
        files = sorted(Path(self.encoder["checkpoint"]).glob("*"))
        return [path for path in files if path.name == "config.json" or path.suffix in (".safetensors", ".bin")]

    def text(self, language: str) -> Path:
        return self.data_folder / "text" / f"{language}.txt"

    def parallel(self, language: str, split: Literal["train", "heldout"] = "train") -> Path:
        return self.data_folder / "parallel" / f"{language}-{PIVOT}.{split}.tsv"

    def gold(self, language: str) -> Path:
        return self.data_folder / "gold" / f"{language}-{PIVOT}.tsv"

    def nli_data(self, split: Literal["train", "dev", "test"]) -> Path:
        return self.data_folder / "nli" / f"xnli.{split}.tsv"

    def qa_data(self, language: str, split: Literal["train", "dev", "test"]) -> Path:
        return self.data_folder / "qa" / f"{language}.{split}.json"

    def aligned(self, method: str, seed: int) -> Path:
        """Folder of the encoder aligned by a method with a seed."""
        return self._run_folder("aligned", method, seed)

    def task_folder(self, task: Literal["nli", "qa"], method: str, seed: int) -> Path:
        """Folder of the results of a task, fine-tuned from the aligned encoder."""
        return self._run_folder(task, method, seed)

    def pair_folder(self, language: str) -> Path:
        """Folder of the retrieval and word alignment results of a language with the pivot."""
        return self.folder / "pairs" / f"{language}-{PIVOT}"

    def _run_folder(self, kind: str, method: str, seed: int) -> Path:
        if method not in self.methods:
            raise ParameterError(f"study {self.name} has no method {method!r}; it has {', '.join(self.methods)}")
        if seed not in self.seeds:
            raise ParameterError(f"study {self.name} has no seed {seed}; it has {_listed(self.seeds)}")
        return self.folder / kind / method / f"seed{seed}"

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
        return self.encoder.get("pretrain") is not None

    @property
    def tasks(self) -> list[str]:
        return [task for task in ("nli", "qa") if getattr(self, task) is not None]

    def languages_with(self, kind: Literal["gold", "qa"]) -> list[str]:
        """The languages (pivot excluded) whose gold alignments, or QA test set, lie in the data folder."""
        path = self.gold if kind == "gold" else lambda language: self.qa_data(language, "test")
        return [language for language in self.tested if path(language).exists()]

    # Keyword arguments of the functions that do the work.

    def data_arguments(self) -> dict:
        return dict(self.data) | ({"unseen": self.unseen} if self.unseen else {})

    def pretrain_arguments(self) -> dict:
        return dict(self.encoder["pretrain"])

    def align_arguments(self, method: str) -> dict:
        """The ``align`` section with the method's changes."""
        return {**self.align, **self.methods[method]}

    def begin_alignment(self, method: str, seed: int) -> bool:
        """Whether an alignment in its folder began with these settings, this text and this encoder: it may be resumed.

        Called before each; see :func:`otlib.record.same_settings`.
        """
        settings = {**self.align_arguments(method), "encoder": self.encoder.get("checkpoint")}
        files = [self.parallel(language) for language in self.languages]
        return same_settings(self.aligned(method, seed), settings, data=[*files, *self.encoder_files])

    def transport_arguments(self, method: str | None = None) -> dict:
        """What the ``align`` section, with a method's changes if one is named, says of transport: for the plans."""
        settings = self.align if method is None else self.align_arguments(method)
        return {key: settings[key] for key in ("cost", "epsilon", "relative", "solver") if key in settings}

    def nli_arguments(self) -> dict:
        return dict(self.nli)

    def qa_arguments(self) -> dict:
        return dict(self.qa)


class MicroworldStudy(Study):
    """A study on the embedded world."""

    source: Literal["microworld"]
    data: MicroworldData = {}

    def check_data(self):
        """Raise ValueError if a language has no data."""
        for language in self.languages:
            if not Path(__file__).with_name("microworld").joinpath(f"{language}.py").exists():
                raise ValueError(f"languages: {language!r} has no data, otlib/microworld/{language}.py is missing")


class FilesStudy(Study):
    """A study on corpora that lie in files."""

    source: Literal["files"]
    data: FilesData

    @model_validator(mode="after")
    def _sections_have_data(self):
        _check_sections(self, ["text"] * self.pretrains)
        return self

    def check_data(self):
        """Raise ValueError if a language has no parallel text, or a named file is missing."""
        for language in self.languages:
            path = self.data["parallel"].format(language=language)
            if not Path(path).exists():
                raise ValueError(f"data.parallel: the language {language!r} has no file {path}")
        for key, path in _single_files(self.data):
            if not Path(path).exists():
                raise ValueError(f"data.{key}: there is no file {path}")


class HubStudy(Study):
    """A study on corpora and benchmarks of the Hugging Face hub, or local files in their stead."""

    source: Literal["hub"]
    data: HubData

    @model_validator(mode="after")
    def _sections_have_data(self):
        if self.pretrains:
            raise ValueError("encoder.pretrain needs text, which a study of source hub has not: name a checkpoint")
        _check_sections(self, [])
        return self

    def check_data(self):
        """Raise ValueError if a language has no parallel text, or a named file is missing."""
        for language in self.languages:
            if language not in self.data["parallel"]:
                raise ValueError(f"data.parallel: the language {language!r} has no source")
        for key, path in _files_of_sources(self.data, self.languages):
            if not Path(path).exists():
                raise ValueError(f"data.{key}: there is no file {path}")


_AnyStudy = TypeAdapter(Annotated[MicroworldStudy | FilesStudy | HubStudy, Field(discriminator="source")])


def _check_names(study: Study):
    """Raise ValueError if a method or a finding names what the study has not."""
    if ROTATION in study.methods:
        raise ValueError(f"methods.{ROTATION}: the name is taken by the reference of notebook 30, choose another")
    if known := [code for code in study.unseen if code in study.languages]:
        raise ValueError(f"unseen: {_listed(known)} stands in languages as well, which have parallel text")
    if study.unseen and study.source == "microworld":
        raise ValueError(
            "unseen: the micro-world has parallel text of every language; align some only by align.languages"
        )
    languages = {f"methods.{method}": settings for method, settings in study.methods.items()}
    for number, finding in enumerate(study.findings):
        languages[f"findings[{number}]"] = finding
        for key in ("method", "against"):
            if finding[key] not in study.methods:
                known = _listed(study.methods)
                raise ValueError(f"findings[{number}].{key}: there is no method {finding[key]!r}; it has {known}")
    for key, section in languages.items():
        if unknown := [code for code in section.get("languages", []) if code not in study.languages]:
            raise ValueError(f"{key}.languages: {_listed(unknown)} is not among the study's languages")


def _check_sections(study: Study, also: Sequence[str]):
    """Raise ValueError if a section of the study lacks its data."""
    needed = {"nli": ("nli_train", "nli_dev", "nli_test"), "qa": ("qa_train", "qa_test")}
    wanted = [key for task in study.tasks for key in needed[task]] + [*also]
    absent = [key for key in wanted if key not in study.data]
    if absent:
        raise ValueError(f"data.{absent[0]} is missing, another section of the study needs it")


def _files_of_sources(data: HubData, languages: Sequence[str]):
    sources = {f"parallel.{language}": data["parallel"][language] for language in languages}
    sources |= {key: data[key] for key in ("nli_train", "nli_dev", "nli_test", "qa_train") if key in data}
    for key, value in sources.items():
        for source in value if isinstance(value, list) else [value]:
            paths = source.get("file", [])
            for path in [paths] if isinstance(paths, str) else paths:
                yield key, path


def _single_files(data: FilesData):
    for key in ("nli_train", "nli_dev"):
        for index, path in enumerate(data.get(key, [])):
            yield f"{key}[{index}]", path
    for key in ("nli_test", "qa_train"):
        if key in data:
            yield key, data[key]
    for language, path in data.get("gold", {}).items():
        yield f"gold.{language}", path


# --- reading ------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key standing twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = [key for index, key in enumerate(keys) if key in keys[:index]]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"{twice[0]} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def load_study(
    study: str | Path,
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
    study : str or path
        A YAML file, or the name of one in ``params/`` (``"demo"``, ``"paper/table2"``). The ``study.yaml``
        that a run left in its folder is that run's study. A file with a key ``base``, the path of another
        from its own folder, holds only what differs: mappings are merged, lists, single values and sources
        (``{hub: ...}``, ``{file: ...}``) replaced, an explicit null removes a key. Paths of data are taken from the
        folder of the file that is loaded.
    overrides : mapping, optional
        Values by dotted key, ``{"align.steps": 10}``; they replace or add single keys.
    pairs : sequence of str, optional
        Keep these pairs only (``"de-en"``). Such a study has its own name and folder, for its encoder may be
        trained on fewer languages, and then for proportionally fewer steps. Methods and findings about some
        languages keep those that are left, and go with their last. With one pair the dotted keys of the
        file's ``quick`` section come before the overrides: a look at the study within minutes.
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
        One sentence with file and key. Numbers such as ``5e-5``, which YAML 1.1 reads as text, are refused
        rather than guessed at: ``5.0e-5`` is a number everywhere.
    """
    path = _study_file(study)
    raw = _read_study(path)
    try:
        quick = raw.pop("quick", None) or {}
        if not isinstance(quick, dict) or not all(isinstance(key, str) for key in quick):
            raise ValueError(f"quick must hold values by dotted key, such as align.steps: 100, got {quick!r}")
        for key, value in {**(quick if pairs and len(pairs) == 1 else {}), **(overrides or {})}.items():
            _override(raw, key, value)
        loaded = _AnyStudy.validate_python(raw, context=str(path.resolve().parent))
        loaded = _restricted(loaded, pairs, seeds)
        if check_data and path.name != "study.yaml":
            loaded.check_data()
            _check_checkpoint(loaded)
    except ValidationError as error:
        raise ParameterError(f"{shown(path)}: {sentence(error, raw)}") from None
    except ValueError as error:
        raise ParameterError(f"{shown(path)}: {error}") from None
    loaded._folder = (
        path.resolve().parent
        if path.name == "study.yaml"
        else Path(outputs or ROOT / "outputs").resolve() / loaded.name
    )
    return loaded


def _study_file(study: str | Path) -> Path:
    for path in (Path(study), ROOT / study, ROOT / "params" / f"{study}.yaml"):
        if path.is_file():
            return path
    known = [str(path.relative_to(ROOT / "params").with_suffix("")) for path in study_files()]
    raise ParameterError(f"there is no study {str(study)!r}; params/ holds {_listed(known)}")


def study_files() -> list[Path]:
    """The studies in ``params/``; a file that is ``base.yaml`` or begins with ``_`` is only what others build on."""
    paths = sorted(ROOT.glob("params/**/*.yaml"))
    return [path for path in paths if path.name != "base.yaml" and not path.name.startswith("_")]


def _read_study(path: Path, seen: Sequence[Path] = ()) -> dict:
    """The keys of a file over those of its base, and of the base's base."""
    raw, seen = _read_yaml(path), [*seen, path.resolve()]
    base = raw.pop("base", None)
    if base is None:
        return raw
    if not isinstance(base, str):
        raise ParameterError(f"{shown(path)}: base must be the path of a YAML file, got {base!r}")
    below = path.parent / base
    if not below.is_file():
        raise ParameterError(f"{shown(path)}: base: there is no file {shown(below)}")
    if below.resolve() in seen:
        raise ParameterError(f"{shown(path)}: base: {shown(below)} builds on this file itself; take one base out")
    return _merged(_read_study(below, seen), raw)


def _merged(base: dict, changes: dict) -> dict:
    """Both mappings as one; where they meet the changes win, and a null takes the key out."""
    merged = dict(base)
    for key, value in changes.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and not {"hub", "file"} & value.keys():  # one source stands for another whole
            merged[key] = _merged(base[key] if isinstance(base.get(key), dict) else {}, value)
        else:
            merged[key] = value
    return merged


def _read_yaml(path: Path) -> dict:
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except UnicodeDecodeError:
        raise ParameterError(f"{shown(path)}: the file is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}:" if mark else ""
        raise ParameterError(f"{shown(path)}:{where} {getattr(error, 'problem', error)}") from None
    if not isinstance(raw, dict):
        raise ParameterError(f"{shown(path)}: a study is a mapping of keys to values")
    return raw


def _override(raw: dict, key: str, value: Any):
    *sections, last = key.split(".")
    for section in sections:
        if raw.get(section) is None:
            raw[section] = {}
        raw = raw[section]
        if not isinstance(raw, dict):
            raise ValueError(f"override {key!r}: {section!r} holds a value, not further keys")
    raw[last] = value


def _restricted(study: Study, pairs: Sequence[str] | None, seeds: Sequence[int] | None) -> Study:
    changes: dict[str, Any] = {}
    if pairs is not None:
        unknown = [pair for pair in pairs if pair not in study.pairs]
        if unknown or not pairs:
            raise ValueError(f"there is no pair {_listed(unknown) or 'given'}; the study has {_listed(study.pairs)}")
        kept = [pair for pair in study.pairs if pair in pairs]
        if kept != study.pairs:
            changes["name"] = "-".join([study.name, *kept])
            changes["languages"] = [pair.split("-")[0] for pair in kept]
            changes["unseen"] = []
            changes["encoder"] = _fewer_languages(study.encoder, (len(kept) + 1) / (len(study.pairs) + 1))
            changes["methods"] = {
                method: dict(settings, languages=left) if left else settings
                for method, settings in study.methods.items()
                if (left := _left(settings, changes["languages"])) != []
            }
            changes["findings"] = [
                dict(finding, languages=left) if left else finding
                for finding in study.findings
                if (left := _left(finding, changes["languages"])) != []
                and {finding["method"], finding["against"]} <= changes["methods"].keys()
            ]
    if seeds is not None:
        unknown = [seed for seed in seeds if seed not in study.seeds]
        if unknown or not seeds:
            raise ValueError(f"there is no seed {_listed(unknown) or 'given'}; the study has {_listed(study.seeds)}")
        changes["seeds"] = [seed for seed in study.seeds if seed in seeds]
    return study.model_copy(update=changes)


def _left(section: Mapping[str, Any], languages: Sequence[str]) -> list[str] | None:
    """Those of the section's languages that are left, None if it names no languages."""
    named = section.get("languages")
    return None if named is None else [code for code in named if code in languages]


def _fewer_languages(encoder: Mapping[str, Any], share: float) -> dict[str, Any]:
    """The same number of pretraining steps for each language that is left, the pivot included."""
    pretrain = encoder.get("pretrain")
    if not pretrain or "steps" not in pretrain:
        return dict(encoder)
    return {**encoder, "pretrain": {**pretrain, "steps": max(1, round(share * pretrain["steps"]))}}


def _check_checkpoint(study: Study):
    checkpoint = study.encoder.get("checkpoint")
    if checkpoint and os.path.isabs(checkpoint) and not os.path.exists(checkpoint):
        raise ValueError(f"encoder.checkpoint: there is no folder {checkpoint}")


def _listed(values: Sequence) -> str:
    return ", ".join(map(str, values))


# --- the paper ----------------------------------------------------------------------------------------------


def paper_results() -> pd.DataFrame:
    """The numbers of the paper's tables (Alqahtani et al., 2021), as they are printed.

    Returns
    -------
    DataFrame
        Columns ``experiment, model, task, metric, language, value``. Experiments: ``table1``, ``table2``,
        ``table3`` (subwords), ``table4`` (data size; its models are numbers of pairs, its questions stand in
        table 8 of the paper), ``table5`` (XLM-R). Language ``average_seen``: over English and the five languages
        of WordOT's parallel text; ``average_all``: over all that were tested. Metrics: ``f1`` for ``nli`` (so
        the paper; the mBERT row published elsewhere is accuracy), ``f1`` and ``exact_match`` for ``qa``. Rows that
        the paper quotes from elsewhere (XLM, AMBER, MAD-X, XLM-R) are there too. The average of 1,000 pairs is
        printed as 72.7; the mean of its row is 73.6.
    """
    return pd.read_csv(Path(__file__).with_name("paper.csv"), dtype={"model": str})


# --- what a run leaves --------------------------------------------------------------------------------------


def write_study(study: Study) -> Path:
    """Write the resolved parameters as ``study.yaml``, which :func:`load_study` reads back."""
    text = yaml.safe_dump(study.model_dump(exclude_none=True), sort_keys=False, allow_unicode=True)
    return write_text(study.folder / "study.yaml", text)


def collect_results(study: Study) -> pd.DataFrame:
    """The results of the study so far, one tidy table, also written to its ``results.csv``.

    What earlier parameters left in the folder, say a method since removed, is not read. Beside the methods stands
    the reference ``"rotation"`` of notebook 30.
    """
    runs = [(method, seed) for method in study.methods for seed in study.seeds]
    folders = [study.task_folder(task, *run) for task in study.tasks for run in runs]
    folders += [study.pair_folder(language) for language in study.languages]
    tables = [pd.read_csv(path) for folder in folders if (path := folder / "results.csv").exists()]
    if not tables:
        raise FileNotFoundError(f"no results in {study.folder} yet: run the study first, with make study")
    table = pd.concat(tables, ignore_index=True)
    table = table[table["method"].isin([*study.methods, ROTATION]) & table["seed"].isin(study.seeds)]
    write_text(study.folder / "results.csv", table.to_csv(index=False))
    return table.reset_index(drop=True)


def load_predictions(study: Study) -> dict[str, pd.DataFrame]:
    """What every run so far answered to each test item, by task: ``language, item``, metrics, ``method, seed``.

    The metrics, ``accuracy`` or ``f1`` and ``exact_match``, go from 0 to 100; those of a language are means of them.
    """
    tables: dict[str, list[pd.DataFrame]] = {task: [] for task in study.tasks}
    for task, read in tables.items():
        for method in study.methods:
            for seed in study.seeds:
                path = study.task_folder(task, method, seed) / "predictions.csv"
                if path.exists():
                    read.append(_item_scores(task, path).assign(method=method, seed=seed))
    return {task: pd.concat(read, ignore_index=True) for task, read in tables.items() if read}


def _item_scores(task: str, path: Path) -> pd.DataFrame:
    # An answer may read "null" or "nan", an id may be a number: both are text.
    name = {"nli": "pairID", "qa": "id"}[task]
    table = pd.read_csv(path, dtype={name: str}, keep_default_na=False)
    if task == "nli":
        scores = {"accuracy": (table["gold"] == table["predicted"]) * 100.0}
    else:
        scores = {metric: table[metric] * 100 for metric in ("f1", "exact_match")}
    return pd.DataFrame({"language": table["language"], "item": table[name], **scores})
