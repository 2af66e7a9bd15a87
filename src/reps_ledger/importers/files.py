"""Reading files of rows: JSON lines or CSV, plain or gzip, of any length."""

from __future__ import annotations

import csv
import gzip
import os
import reprlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Final

import msgspec

from reps_ledger.domain.facts import Registry
from reps_ledger.domain.validation import MAX_DEPTH, MAX_ROW_BYTES, text_within_depth, within_depth
from reps_ledger.errors import InvalidInput, StorageError
from reps_ledger.files import mark_of
from reps_ledger.interchange import JsonObject, JsonValue, RepeatedKey, cell_text, read_json

_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_SHOWN: Final = reprlib.Repr()
_SHOWN.maxlevel, _SHOWN.maxdict, _SHOWN.maxlist, _SHOWN.maxstring = 4, 40, 40, 500
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


BinaryFile = IO[bytes] | gzip.GzipFile


def open_file(path: str | os.PathLike[str]) -> tuple[BinaryFile, IO[bytes]]:
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
    magic = raw.read(2)
    raw.seek(0)
    if magic == _GZIP:
        return gzip.GzipFile(fileobj=raw), raw
    return raw, raw


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
    problems: list[tuple[int, str]] = []
    # One cell may hold a whole row. The csv module's own limit, which is global, is lower.
    csv.field_size_limit(max(csv.field_size_limit(), MAX_ROW_BYTES))
    reader = csv.reader(_texts(file, problems), strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Line(reader.line_num, "", f"not CSV: {error}")
            continue
        for number, problem in problems:
            yield Line(number, "", problem)
        problems.clear()
        if cells is None:
            return
        if not any(cells):
            continue
        if header is None:
            header = _header(cells)
        elif len(cells) > len(header):
            problem = f"{len(cells)} cells under {len(header)} columns"
            yield Line(reader.line_num, ",".join(cells), problem)
        else:
            row, trouble = _from_cells(dict(zip(header, cells, strict=False)), registry)
            yield Line(reader.line_num, row, trouble)


def value_rows(rows: Iterable[object]) -> Iterator[Line]:
    """Yield rows given as values: dicts as they are, text as lines of JSON."""
    for number, row in enumerate(rows, 1):
        if isinstance(row, dict) and all(isinstance(name, str) for name in row):
            if within_depth(row):
                yield Line(number, row, None)
            else:
                yield Line(number, shown(row), _TOO_DEEP)
        elif isinstance(row, str | bytes):
            text = row if isinstance(row, bytes) else row.encode("utf-8", "surrogatepass")
            if len(text) > MAX_ROW_BYTES:
                yield Line(number, str(row[:100]), _too_long())
            else:
                found, problem = _object(text.strip())
                yield Line(number, found, problem)
        else:
            yield Line(number, shown(row), f"a row must be a dict, not {type(row).__name__}")


def shown(value: object) -> str:
    """Return a short text of a value, however large or nested it is or strange its repr."""
    return _SHOWN.repr(value).encode("ascii", "backslashreplace").decode()


def _too_long(most: int = MAX_ROW_BYTES) -> str:
    return f"the row is longer than {most:,} bytes"


def lines_of(file: BinaryFile, most: int = MAX_ROW_BYTES) -> Iterator[tuple[int, bytes, str | None]]:
    """Yield each line's number, bytes and problem, reading no more than ``most`` bytes at once.

    A line that is too long is cut short; where the file is damaged, lines end.
    """
    number = 0
    while True:
        number += 1
        try:
            line = file.readline(most + 1)
            cut = len(line) > most
            rest = line
            while cut and rest and not rest.endswith(b"\n"):
                rest = file.readline(most)
        except (OSError, EOFError, zlib.error) as error:
            yield number, b"", f"the file is damaged from here on: {error}"
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


def _texts(file: BinaryFile, problems: list[tuple[int, str]]) -> Iterator[str]:
    for number, line, problem in lines_of(file):
        if problem is not None:
            problems.append((number, problem))
            yield "\n"
            continue
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            problems.append((number, f"not UTF-8: {error.reason} at byte {error.start}"))
            yield "\n"


def _header(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInput(f"columns named twice: {', '.join(twice)}", field="header")
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
            return given, f"{name} cannot be read: {text!r:.80}"
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
