"""Reading files of rows: JSON lines or CSV, plain or gzip, of any length."""

from __future__ import annotations

import csv
import gzip
import io
import os
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Final, Self

import msgspec
from typing_extensions import Buffer

from reps_ledger.domain.facts import Registry
from reps_ledger.domain.shown import shown, shown_names
from reps_ledger.domain.validation import (
    MAX_DEPTH,
    MAX_ROW_BYTES,
    MAX_ROW_NAMES,
    MAX_UNPACKED_BYTES,
    MAX_UNPACKED_TIMES,
    UNPACKED_ANYHOW,
    text_within_depth,
    within_depth,
)
from reps_ledger.errors import InvalidInput, StorageError, TooLarge
from reps_ledger.files import mark_of
from reps_ledger.interchange import JsonObject, JsonValue, RepeatedKey, cell_text, read_json

_CHUNK: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_DECODER: Final = msgspec.json.Decoder()
_TOO_DEEP: Final = f"the row is nested more than {MAX_DEPTH} deep"


class Line(msgspec.Struct, frozen=True, gc=False):
    """A row that was read, or why it could not be.

    Attributes:
        number: the line that it is on, from 1.
        row: the row; where there is a problem, its text.
        problem: why it cannot be read, or None.
    """

    number: int
    row: JsonValue
    problem: str | None


BinaryFile = IO[bytes] | gzip.GzipFile | io.BufferedReader


def open_file(path: str | os.PathLike[str]) -> tuple[BinaryFile, io.RawIOBase]:
    """Open a file for reading.

    Returns:
        The file to read, and the file as it is on disk: how far that was read is the progress.

    Raises:
        StorageError: it cannot be opened.
        InvalidInput: it is a database.
    """
    try:
        # A database must not be opened so: see `mark_of`.
        raw = None if mark_of(Path(path)) is not None else Path(path).open("rb")  # noqa: SIM115 — the caller closes it
    except (OSError, ValueError) as error:  # a ValueError where the path has a NUL
        reason = getattr(error, "strerror", None) or error
        raise StorageError(f"{path!s:.200} cannot be read: {reason}") from error
    if raw is None:
        raise InvalidInput(f"{path!s:.200} is a database, and has no rows to import; export it first")
    return open_stream(raw)


def open_stream(stream: IO[bytes]) -> tuple[BinaryFile, io.RawIOBase]:
    """Return the file to read of what is open already, plain or gzip, and the file as it is stored."""
    raw = _Source(stream)
    plain = io.BufferedReader(raw, _CHUNK)
    if plain.peek(2)[:2] != _GZIP:
        return plain, raw
    return io.BufferedReader(_Unpacked(gzip.GzipFile(fileobj=plain), raw), _CHUNK), raw


class _Source(io.RawIOBase):
    """A file that counts what is read of it; a pipe does not say."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        found = self._stream.read(len(view))
        view[: len(found)] = found
        self._count += len(found)
        return len(found)

    def tell(self) -> int:
        return self._count

    def close(self) -> None:
        super().close()
        self._stream.close()


class _Unpacked(io.RawIOBase):
    """What a packed file holds, up to the limits on it."""

    def __init__(self, packed: gzip.GzipFile, source: _Source) -> None:
        self._packed = packed
        self._source = source
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Read the next bytes.

        Raises:
            TooLarge: there are more than a file may hold.
        """
        view = memoryview(buffer)
        found = self._packed.read1(len(view))  # what comes before damage is given
        self._count += len(found)
        if self._count > UNPACKED_ANYHOW and self._count > MAX_UNPACKED_TIMES * self._source.tell():
            raise TooLarge(f"it unpacks to more than {MAX_UNPACKED_TIMES} times its size; unpack it first")
        if self._count > MAX_UNPACKED_BYTES:
            raise TooLarge(f"it unpacks to more than {MAX_UNPACKED_BYTES:,} bytes; split it")
        view[: len(found)] = found
        return len(found)


def json_rows(file: BinaryFile) -> Iterator[Line]:
    """Yield the rows of a file of JSON lines; blank lines are skipped."""
    for number, text, damage in lines_of(file):
        if damage is not None:
            yield Line(number, text.decode("utf-8", "backslashreplace"), damage)
        elif stripped := text.strip():
            row, problem = _object(stripped)
            yield Line(number, row, problem)


def csv_rows(file: BinaryFile, registry: Registry) -> Iterator[Line]:
    """Yield the rows of a CSV file, whose first row names the columns.

    Raises:
        InvalidInput: the first row does not name them, or names one twice.
    """
    # One cell may hold a whole row. The csv module's own limit, which is global, is lower.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))
    texts = _Texts(file)
    reader = csv.reader(texts, strict=True)
    header: list[str] | None = None
    while True:
        texts.begin()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            texts.problems.append((texts.number, f"not CSV: {error}"))
            cells = []
        except _LongRecord:
            texts.problems.append((texts.first, _too_long(MAX_ROW_BYTES)))
            texts.skip()
            cells = []
        for number, problem in texts.problems:
            yield Line(number, "", problem)
        if cells is None:
            return
        if not any(cells) or texts.problems:  # what was read of a damaged row is not what it said
            continue
        if header is None:
            header = _header(cells)
        elif len(cells) > len(header):
            problem = f"{len(cells)} cells under {len(header)} columns"
            yield Line(texts.number, ",".join(cells), problem)
        else:
            row, trouble = _from_cells(dict(zip(header, cells, strict=False)), registry)
            yield Line(texts.number, row, trouble)


def value_rows(rows: Iterable[object]) -> Iterator[Line]:
    """Yield rows given as values: dicts as they are, text as lines of JSON."""
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict) and all(isinstance(name, str) for name in row):
            if len(row) > MAX_ROW_NAMES:
                yield Line(number, shown(row, _CUT), _too_many(len(row)))
            elif within_depth(row):
                yield Line(number, row, None)
            else:
                yield Line(number, shown(row, _CUT), _TOO_DEEP)
        elif isinstance(row, str | bytes):
            text = row if isinstance(row, bytes) else row.encode("utf-8", "surrogatepass")
            if len(text) > MAX_ROW_BYTES:
                yield Line(number, str(row[:100]), _too_long())
            else:
                found, problem = _object(text.strip())
                yield Line(number, found, problem)
        else:
            yield Line(number, shown(row, _CUT), f"a row must be a dict, not {type(row).__name__}")


_CUT: Final = 2_000
"""Characters that are kept of what is no row."""


def _too_long(most: int = MAX_ROW_BYTES) -> str:
    return f"the row is longer than {most:,} bytes"


def _too_many(names: int) -> str:
    return f"the row has {names:,} names; at most {MAX_ROW_NAMES:,}"


def lines_of(
    file: BinaryFile, most: int = MAX_ROW_BYTES, on_cut: Callable[[bytes], object] = len
) -> Iterator[tuple[int, bytes, str | None]]:
    """Yield each line's number, bytes and problem, reading no more than ``most`` bytes at once.

    A line that is too long is cut short; where the file is damaged or unpacks to too much, lines end.

    Args:
        file: of lines.
        most: bytes of a line.
        on_cut: called with each part of a line that is too long.
    """
    number = 0
    while True:
        number += 1
        try:
            line = file.readline(most + 1)
            cut = len(line) > most
            rest = line
            if cut:
                on_cut(line)
            while cut and rest and not rest.endswith(b"\n"):
                rest = file.readline(most)
                on_cut(rest)
        except (OSError, EOFError, zlib.error) as error:
            yield number, b"", f"the file is damaged from here on: {error}"
            return
        except TooLarge as error:
            yield number, b"", f"nothing was read from here on: {error}"
            return
        if not line:
            return
        if number == 1:
            line = line.removeprefix(_BOM)
        yield number, line[:200] if cut else line, _too_long(most) if cut else None


def _object(text: bytes) -> tuple[JsonValue, str | None]:
    if not text_within_depth(text):
        return text.decode("utf-8", "backslashreplace"), _TOO_DEEP
    try:
        row = _DECODER.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return text.decode("utf-8", "backslashreplace"), f"not JSON: {error}"
    if not isinstance(row, dict):
        return text.decode("utf-8", "backslashreplace"), "not a JSON object"
    if len(row) > MAX_ROW_NAMES:
        return text.decode("utf-8", "backslashreplace"), _too_many(len(row))
    return row, _repeated(text, row)


def _repeated(text: bytes, row: JsonObject) -> str | None:
    """Return the problem if an object has a name twice: msgspec keeps the last of its values."""
    if len(msgspec.json.encode(row)) == len(text):
        return None  # compact text with nothing lost: the common case, at little cost
    try:
        read_json(text)
    except RepeatedKey as error:
        return f"named twice: {error.key}"
    except ValueError as error:
        return f"not JSON: {error}"
    return None


class _LongRecord(Exception):
    """A record of CSV has more bytes than a row may have."""


class _Texts:
    """The lines of a CSV file as text. A record may have many, where a cell has line ends.

    Attributes:
        number: of the line that was read last, from 1.
        first: of the first line of the record.
        problems: the first of the record's, and what ends the file, with their lines.
    """

    def __init__(self, file: BinaryFile) -> None:
        self.number = 0
        self.first = 1
        self.problems: list[tuple[int, str]] = []
        self._lines = lines_of(file, MAX_ROW_BYTES, self._on_cut)
        self._bytes = 0
        self._in_quotes = False  # of a record that is skipped: whether it goes on after the line
        self._cut = False

    def begin(self) -> None:
        """Begin a record."""
        self.first = self.number + 1
        self.problems = []
        self._bytes = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        """Return the next line of the record.

        Raises:
            _LongRecord: the record is longer than a row may be.
        """
        self._in_quotes, self._cut = self._bytes > 0, False
        self.number, line, problem = next(self._lines)
        self._bytes += len(line)
        if self._cut:
            raise _LongRecord
        if self._bytes > MAX_ROW_BYTES:
            self._count_quotes(line)
            raise _LongRecord
        if problem is None:
            try:
                return line.decode("utf-8")
            except UnicodeDecodeError as error:
                problem = f"not UTF-8: {error.reason} at byte {error.start}"
        if not (self.problems and line):  # the first of a record, and where the file ends too early
            self.problems.append((self.number, problem))
        return "\n"

    def skip(self) -> None:
        """Skip the rest of a record that is too long: up to the line with its last quote."""
        while self._in_quotes:
            self._cut = False
            found = next(self._lines, None)
            if found is None:
                return
            self.number, line, problem = found
            if self._cut:
                continue
            if problem is None:
                self._count_quotes(line)
            else:
                self.problems.append((self.number, problem))

    def _on_cut(self, part: bytes) -> None:
        self._cut = True
        self._count_quotes(part)

    def _count_quotes(self, line: bytes) -> None:
        # A quote within a cell is written twice.
        self._in_quotes ^= line.count(b'"') % 2 == 1


def _header(cells: list[str]) -> list[str]:
    if len(cells) > MAX_ROW_NAMES:
        raise TooLarge(
            f"the first row names {len(cells):,} columns; at most {MAX_ROW_NAMES:,}", field="header"
        )
    names = [cell.strip() for cell in cells]
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise InvalidInput(f"columns named twice: {shown_names(twice)}", field="header")
    if "fact" not in names:
        raise InvalidInput("the first row must name the columns, one of them 'fact'", field="header")
    return names


def _from_cells(cells: dict[str, str], registry: Registry) -> tuple[JsonValue, str | None]:
    """Return the values that the fact's fields take; an empty cell means that there is none."""
    given = {name: cell_text(text) for name, text in cells.items() if text}
    described = registry.named(given.get("fact", ""))
    if described is None:
        return given, None
    row: JsonObject = {}
    for name, text in given.items():
        kind = "int" if name == "schema" else described.shapes.get(name, "text")
        try:
            row[name] = _VALUES[kind](text) if kind in _VALUES else text
        except ValueError:
            quoted = "" if kind == "fact" else f": {shown(text)}"  # which has personal texts
            return given, f"{name} cannot be read{quoted}"
    return row, None


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _json(text: str) -> JsonValue:
    if not text_within_depth(text):
        raise ValueError(_TOO_DEEP)
    return _DECODER.decode(text)


_VALUES: Final[dict[str, Callable[[str], JsonValue]]] = {
    "bool": lambda text: _or_value_error(_boolean, text),
    "int": int,
    "float": float,
    "list": lambda text: _or_value_error(_json, text),
    "fact": lambda text: _or_value_error(_json, text),
}


def _or_value_error(read: Callable[[str], JsonValue], text: str) -> JsonValue:
    try:
        return read(text)
    except (KeyError, msgspec.MsgspecError) as error:
        raise ValueError(text) from error
