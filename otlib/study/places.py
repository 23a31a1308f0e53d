"""The folder of a study: where it keeps what it reads and writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from otlib.provenance import WEIGHTS
from otlib.record import shown
from otlib.settings import PIVOT, NotMadeYet, ParameterError


class Places:
    """The layout of a study's folder; a base of :class:`otlib.study.study.Study`, which has the names."""

    @property
    def folder(self) -> Path:
        """The folder that holds everything this study reads and writes."""
        return self._folder

    @property
    def data_folder(self) -> Path:
        return self.folder / "data"

    @property
    def figures(self) -> Path:
        return self.folder / "figures"

    @property
    def tokenised(self) -> Path:
        """Folder of the parallel text in Arrow and its subwords, which every training with a tokenizer shares."""
        return self.folder / "tokenised"

    def encoder_path(self, seed: int) -> Path | str:
        """The encoder that a seed starts from: its own, pretrained, or the one checkpoint (folder or hub name)."""
        self._known("seed", seed, self.seeds)
        return self.folder / "encoder" / f"seed{seed}" if self.pretrains else self.encoder.checkpoint

    def encoder_files(self, seed: int) -> list[Path]:
        """Files that change when the encoder of a seed does; none for a checkpoint on the hub."""
        return [self.encoder_path(seed) / "run.json"] if self.pretrains else self.checkpoint_files()

    @property
    def checkpoint_is_gone(self) -> bool:
        """Whether the encoder was a folder, and is no more: what was aligned stays, nothing can be aligned anew."""
        checkpoint = Path(self.encoder.checkpoint or "")
        return checkpoint.is_absolute() and not checkpoint.is_dir()

    def checkpoint_files(self) -> list[Path]:
        """Those of the folder of a checkpoint; none if the study pretrains, or the checkpoint is on the hub."""
        folder = Path(self.encoder.checkpoint or "")
        found = sorted(folder.glob("*")) if folder.is_absolute() else []
        return [path for path in found if path.is_file() and (path.name == "config.json" or path.suffix in WEIGHTS)]

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

    def start(self, kind: str, method: str | None, seed: int | None) -> Path | str | None:
        """The encoder that a training starts from; None for runs that start from nothing, or train nothing."""
        if kind == "align":
            return self.encoder_path(seed)
        return self.aligned(method, seed) if kind in ("nli", "qa") else None

    def aligned_encoders(self) -> dict[tuple[str, int], Path]:
        """Folders of the aligned encoders by method and seed, without those that are not finished, or are no more."""
        folders = {run: self.aligned(*run) for run in self.runs_of("pair")}
        return {
            run: folder
            for run, folder in folders.items()
            if all(any(folder.glob(name)) for name in ("run.json", "config.json", "*.safetensors"))
        }

    def task_folder(self, task: Literal["nli", "qa"], method: str, seed: int) -> Path:
        """Folder of the results of a task, fine-tuned from the aligned encoder."""
        return self._run_folder(task, method, seed)

    def pair_folder(self, language: str) -> Path:
        """Folder of the retrieval and word alignment results of a language with the pivot."""
        return self.folder / "pairs" / f"{language}-{PIVOT}"

    def require_data(self) -> None:
        """Raise NotMadeYet, with what makes them, if the data are not there."""
        self._require([self.data_folder / "run.json"])

    def require_aligned(self, method: str, seed: int) -> None:
        """Raise NotMadeYet, with what makes it, if there is no encoder aligned by this method with this seed."""
        self._require([self.aligned(method, seed) / "config.json"])

    def require_names(self, **chosen: Any) -> None:
        """Raise ParameterError, with those there are, if the study has not this ``pair``, ``method`` or ``seed``."""
        there = {"pair": self.pairs, "method": [*self.methods], "seed": self.seeds}
        for name in there.keys() & chosen:
            self._known(name, chosen[name], there[name])

    def missing(self) -> list[str]:
        """Runs of the tasks and the pairs that have no results yet, such as ``"nli wordot seed 0"``."""
        folders = {
            f"{task} {m} seed {s}": self.task_folder(task, m, s) for task in self.tasks for m, s in self.runs_of(task)
        }
        folders |= {f"pair {language}": self.pair_folder(language) for language in self.languages}
        return [run for run, folder in folders.items() if not (folder / "results.csv").exists()]

    def _run_folder(self, kind: str, method: str, seed: int) -> Path:
        self._known("seed", seed, self.seeds)
        return self.folder / kind / self._known("method", method, self.methods) / f"seed{seed}"

    def _require(self, files: Sequence[Path]) -> None:
        if absent := [path for path in files if not path.exists()]:
            raise NotMadeYet(f"{shown(absent[0])} is not there yet: run {self.command} first")

    def _known(self, name: str, value: Any, there: Collection) -> Any:
        if value not in there:
            raise ParameterError(f"study {self.name} has no {name} {value!r}; it has {', '.join(map(str, there))}")
        return value
