"""Arrow files that are made once, by whoever needs one first, and read from the disk row by row."""

from __future__ import annotations

import fcntl
import hashlib
import json
import mmap
import os
import uuid
import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from otlib.record import writing

FORMAT = 1  # of what the files hold: another number makes all of them anew


class ArrowFile:
    """A whole Arrow file, mapped into memory, and ``facts``: what stands beside it in a JSON file."""

    def __init__(self, path: Path, facts: dict[str, Any]):
        self.path, self.facts = path, facts
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.table = pa.ipc.open_file(pa.py_buffer(self._map)).read_all()
        self.release()

    def __reduce__(self):
        """Another process maps the file anew."""
        return ArrowFile, (self.path, self.facts)

    def release(self) -> None:
        """Count what was read of the file no longer as memory of this process; it is read again where it is needed."""
        self._map.madvise(mmap.MADV_DONTNEED)


def kept(
    folder: str | Path,
    key: Mapping[str, Any],
    schema: pa.Schema,
    make: Callable[[], Iterable[pa.RecordBatch]],
    facts: Callable[[], Mapping[str, Any]] = dict,
) -> ArrowFile:
    """The Arrow file of a key in a folder; it is made if it is not there, or not whole.

    Of several processes that ask at once one makes it and the others wait. On a file system without locks each makes
    it; the files are the same, and the last one stays.

    Parameters
    ----------
    key : mapping
        All that decides what the file holds, JSON values: such as hashes of what it is made of.
    schema : pyarrow.Schema
        Of its batches.
    make : callable
        Returns the batches, one after the other; they need not be in memory together.
    facts : callable, optional
        Returns what shall stand in ``ArrowFile.facts`` beside the key; it is called after the last batch.

    Raises
    ------
    OSError
        If the file cannot be written, as on a full disk; a part of it is not left behind.
    """
    name = hashlib.sha256(json.dumps({**key, "format": FORMAT}, sort_keys=True).encode()).hexdigest()[:32]
    path = Path(folder) / f"{name}.arrow"
    if (file := _whole(path)) is None:
        with _alone(path):
            if (file := _whole(path)) is None:
                _write(path, schema, make(), lambda: {**key, **facts()})
                file = _whole(path)
    return file


def _whole(path: Path) -> ArrowFile | None:
    """The file, if it is there and nothing of it is lost or changed."""
    try:
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if path.stat().st_size == facts.get("bytes") and _checksum(path) == facts.get("crc32"):
            return ArrowFile(path, facts)
    except (FileNotFoundError, ValueError):  # not there, or JSON that a power cut has left
        pass
    return None


def _checksum(path: Path) -> int:
    checksum = 0
    with open(path, "rb") as file:
        while block := file.read(2**20):
            checksum = zlib.crc32(block, checksum)
    return checksum


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process makes this file; parts of it that a killed one has left are removed."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = open(path.with_suffix(".lock"), "w")  # noqa: SIM115
    with lock:
        with suppress(OSError):  # no locks on this file system
            fcntl.flock(lock, fcntl.LOCK_EX)
            for old in path.parent.glob(f"{path.stem}-*.tmp"):
                old.unlink(missing_ok=True)
        yield


def _write(
    path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], facts: Callable[[], Mapping[str, Any]]
) -> None:
    """Write the file, then its facts, by which it counts as whole; each is moved to its place when it is complete."""
    parts = [path.with_name(f"{path.stem}-{uuid.uuid4().hex}{suffix}.tmp") for suffix in (".arrow", ".json")]
    try:
        with writing(path):
            sink = pa.OSFile(str(parts[0]), "wb")
            writer = pa.ipc.new_file(sink, schema)
        for batch in batches:  # an error in making one is not one in writing it
            with writing(path):
                writer.write_batch(batch)
        with writing(path):
            writer.close()
            sink.close()
            told = {**facts(), "bytes": parts[0].stat().st_size, "crc32": _checksum(parts[0])}
            parts[1].write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
            for part, final in zip(parts, (path, path.with_suffix(".json")), strict=True):
                with open(part, "rb") as file:
                    os.fsync(file.fileno())
                os.replace(part, final)
    except BaseException:
        for part in parts:
            part.unlink(missing_ok=True)
        raise


class Lists(Sequence[np.ndarray]):
    """Lists of numbers, kept as few long arrays; each is copied when it is asked for."""

    def __init__(self, chunks: Iterable[tuple[np.ndarray, np.ndarray]]):
        """Chunks are (offsets, values): list i of one is ``values[offsets[i]:offsets[i + 1]]``."""
        self._chunks = [*chunks]
        self._starts = [*accumulate((len(offsets) - 1 for offsets, _ in self._chunks), initial=0)]

    @classmethod
    def of_column(cls, column: pa.ChunkedArray) -> Lists:
        """Those of an Arrow column, which are read from the disk when they are asked for."""
        return cls((chunk.offsets.to_numpy(), chunk.values.to_numpy()) for chunk in column.chunks)

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence[float]], dtype: str) -> Lists:
        """Those of an iterable that need not be in memory as a whole."""
        chunks, ends, values = [], [0], []
        for row in rows:
            values.append(np.asarray(row, dtype=dtype))
            ends.append(ends[-1] + len(row))
            if len(values) == 10_000:
                chunks.append((np.array(ends), np.concatenate(values)))
                ends, values = [0], []
        if values:
            chunks.append((np.array(ends), np.concatenate(values)))
        return cls(chunks)

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, i: int) -> np.ndarray:
        if not 0 <= i < len(self):
            raise IndexError(f"there are {len(self)} lists, and none has the number {i}")
        number = bisect_right(self._starts, int(i)) - 1
        offsets, values = self._chunks[number]
        row = int(i) - self._starts[number]
        return values[offsets[row] : offsets[row + 1]].copy()

    def sizes(self) -> np.ndarray:
        """Of each list."""
        return np.concatenate([np.diff(offsets) for offsets, _ in self._chunks] or [np.empty(0, dtype=int)])


class Sentences(Sequence[list[str]]):
    """Sentences of words in a column of an Arrow file, or some of them: each is read when it is asked for."""

    def __init__(self, file: ArrowFile, side: str, rows: np.ndarray | None = None):
        self.file, self.side = file, side
        self.rows = np.arange(len(file.table)) if rows is None else rows

    def take(self, indices: Sequence[int]) -> Sentences:
        """Some of them, in another order."""
        return Sentences(self.file, self.side, self.rows[np.asarray(indices, dtype=int)])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> list[str]:
        return self.file.table[self.side][int(self.rows[i])].as_py().split(" ")

    def __iter__(self) -> Iterator[list[str]]:
        for start in range(0, len(self), 10_000):
            texts = self.file.table[self.side].take(pa.array(self.rows[start : start + 10_000])).to_pylist()
            self.file.release()
            yield from (text.split(" ") for text in texts)
