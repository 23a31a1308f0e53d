"""Lines and tables of text files, plain or compressed; whatever is wrong is named by file and line."""

import bz2
import csv
import gzip
import lzma
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

OPENERS = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}


def read_lines(path: str | Path) -> Iterator[str]:
    """Lines of a UTF-8 text file, plain or compressed (.xz, .gz, .bz2), without their line ends.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If a line is not UTF-8 or the compressed file is damaged; names file and line.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; check the path in the study's data section")
    number = 0
    try:
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        said = f"not UTF-8 (byte 0x{error.object[error.start]:02x}); convert the file, as by: iconv -f LATIN1 -t UTF-8"
        raise ValueError(f"{path}, line {number}: {said}") from error
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:  # gzip and bz2 raise OSError
        if path.suffix not in OPENERS:
            raise
        raise ValueError(f"{path}, after line {number}: damaged {path.suffix} file ({error})") from error


def is_table(path: str | Path) -> bool:
    """Whether the name says that the file is a table: ``.tsv`` or ``.csv``, compressed or not."""
    suffixes = [suffix for suffix in Path(path).suffixes if suffix not in OPENERS]
    return bool(suffixes) and suffixes[-1] in (".tsv", ".csv")


def read_table(path: str | Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table with a header, as (line number, row): ``.csv`` quoted, all else plain tab-separated.

    A blank line is a row of empty fields.

    Raises
    ------
    ValueError
        If one of ``columns`` is missing, a row is longer or shorter than the header, or a quote of a ``.csv`` is not
        closed; names file and line.
    """
    lines = read_lines(path)
    plain = ((number, line.split("\t")) for number, line in enumerate(lines, start=1))
    rows = _quoted_rows(path, lines) if ".csv" in Path(path).suffixes else plain
    header = next(rows, (1, []))[1]
    for column in columns:
        if column not in header:
            raise ValueError(f"{path} has no column {column!r}: its first line reads {', '.join(header) or 'nothing'}")
    for number, row in rows:
        if row in ([], [""]):
            row = [""] * len(header)
        if len(row) != len(header):
            raise ValueError(f"{path}, line {number}: {len(row)} fields where the header has {len(header)}")
        yield number, dict(zip(header, row, strict=True))


def _quoted_rows(path: str | Path, lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader((f"{line}\n" for line in lines), strict=True)
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}; is a quote not closed?") from None


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines as :func:`read_lines` reads them, plain."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a tab-separated table as :func:`read_table` reads it."""
    write_lines(path, map("\t".join, (header, *rows)))
