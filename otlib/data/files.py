"""Lines and tables of text files, plain or compressed; whatever is wrong is named by file and line."""

import bz2
import csv
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

DECOMPRESSORS = {".xz": lzma.LZMADecompressor, ".gz": partial(zlib.decompressobj, 31), ".bz2": bz2.BZ2Decompressor}

# How files begin that hold something else than text in UTF-8: what they are, and the mend.
OTHERS = {
    rb"\xff\xfe\0\0|\0\0\xfe\xff": "UTF-32, not UTF-8; convert the file: iconv -f UTF-32 -t UTF-8",
    rb"\xff\xfe|\xfe\xff": "UTF-16, not UTF-8; convert the file: iconv -f UTF-16 -t UTF-8",
    rb"\x1f\x8b": "compressed by gzip; let the name end in .gz",
    rb"\xfd7zXZ": "compressed by xz; let the name end in .xz",
    rb"BZh\d1AY&SY": "compressed by bzip2; let the name end in .bz2",
    rb"PK\x03\x04": "a zip archive; unpack it and name the file that it holds",
    rb"\x28\xb5\x2f\xfd|7z\xbc\xaf": "a zstd or 7-zip archive; unpack it",
    rb"(?i)(\xef\xbb\xbf)?\s*(<!doctype|<html|<\?xml)": "a page of HTML or XML, not its text; was the download right?",
    rb"version https://git-lfs": "a pointer of Git LFS, not the file itself; fetch it by: git lfs pull",
}
BINARY = "not text, or UTF-16 without its mark; then convert the file: iconv -f UTF-16LE (or BE) -t UTF-8"


def read_lines(path: str | Path) -> Iterator[str]:
    """Lines of a UTF-8 text file, plain or compressed (.xz, .gz, .bz2), without their line ends.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If the file holds something else than text, its lines end in carriage returns alone, a line is not UTF-8, or
        the compressed file is damaged; names file and line.
    """
    for number, line in enumerate(_lines(Path(path)), start=1):
        if number == 1 and "\r" in line:
            raise ValueError(f"{path}, line 1: a carriage return within it; if lines end so, convert: tr '\\r' '\\n'")
        yield line


def read_text(path: str | Path) -> str:
    """All of a file, with the errors of :func:`read_lines`; but carriage returns may stand anywhere."""
    return "\n".join(_lines(Path(path)))


def _lines(path: Path) -> Iterator[str]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; check the path in the study's data section")
    number, begun = 0, False
    try:
        for number, line in enumerate(_byte_lines(path), start=1):
            if not begun and line.strip():
                begun = True
                if said := _other(line) or (b"\0" in line and BINARY):
                    raise ValueError(f"{path}, line {number}: this is {said}")
            text = line.decode().rstrip("\r")
            yield text.lstrip("\ufeff") if number == 1 else text
    except UnicodeDecodeError as error:
        said = f"not UTF-8 (byte 0x{error.object[error.start]:02x}); convert the file from the encoding that it has, "
        said += "if that is Latin-1 by: iconv -f LATIN1 -t UTF-8"
        said = f"this is {BINARY}" if b"\0" in next(_chunks(path)) else said
        raise ValueError(f"{path}, line {number}: {said}") from error
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:  # bz2 raises OSError
        if path.suffix.lower() not in DECOMPRESSORS:
            raise
        with open(path, "rb") as file:
            said = _other(file.read(100))
        if said and not said.endswith(path.suffix.lower()):
            raise ValueError(f"{path}: this is {said}") from error
        raise ValueError(f"{path}, after line {number}: damaged {path.suffix} file ({error})") from error


def _other(begin: bytes) -> str | None:
    """What a file that begins so holds, and the mend, if it is none of UTF-8 text."""
    return next((said for pattern, said in OTHERS.items() if re.match(pattern, begin)), None)


def _byte_lines(path: Path) -> Iterator[bytes]:
    rest = b""
    for chunk in _chunks(path):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, of all streams of a compressed one; zeros may stand between and after these (padding)."""
    # Python's own readers of .xz and .bz2 silently leave out what comes after padding or a damaged header.
    new = DECOMPRESSORS.get(path.suffix.lower())
    stream = new and new()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            while new and chunk:
                if stream.eof:
                    chunk = chunk.lstrip(b"\0")
                    if not chunk:
                        break
                    stream = new()
                yield stream.decompress(chunk)
                chunk = stream.unused_data
            yield chunk
    if new and not stream.eof:
        raise EOFError("it ends in the middle")


def _format(path: str | Path) -> str:
    """What a file's name says of its format: ``.tsv`` of ``a.TSV.xz``, and nothing if it says nothing."""
    suffixes = [suffix for suffix in map(str.lower, Path(path).suffixes) if suffix not in DECOMPRESSORS]
    return suffixes[-1] if suffixes else ""


def is_table(path: str | Path) -> bool:
    """Whether the name says that the file is a table: ``.tsv`` or ``.csv``, compressed or not."""
    return _format(path) in (".tsv", ".csv")


def read_table(path: str | Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a table with a header, as (line number, row): ``.csv`` quoted, all else plain tab-separated.

    A blank line is a row of empty fields.

    Raises
    ------
    ValueError
        If one of ``columns`` is missing or one stands twice, a row is longer or shorter than the header, or a quote of
        a ``.csv`` is not closed; names file and line.
    """
    lines = read_lines(path)
    plain = ((number, line.split("\t")) for number, line in enumerate(lines, start=1))
    rows = _quoted_rows(path, lines) if _format(path) == ".csv" else plain
    header = next(rows, (1, []))[1]
    shown = ", ".join(header)[:200] or "nothing"
    for column in columns:
        if column not in header:
            raise ValueError(f"{path} has no column {column!r}: its first line reads {shown}")
    for column in header:
        if column and header.count(column) > 1:
            raise ValueError(f"{path}: two columns are named {column!r}: its first line reads {shown}; rename one")
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
