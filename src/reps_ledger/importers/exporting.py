"""Writing a history in the exchange format."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Final

import msgspec

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import EntryVoided
from reps_ledger.errors import InvalidInput
from reps_ledger.files import output_file, refuse_stream
from reps_ledger.importers.as_recorded import write_as_recorded
from reps_ledger.importers.rows import write_row
from reps_ledger.interchange import safe_cell
from reps_ledger.log import Reading

_Binary = IO[bytes] | gzip.GzipFile
_ENVELOPE: Final = (
    "fact",
    "schema",
    "id",
    "occurred_at",
    "recorded_at",
    "position",
    "by",
    "on_behalf_of",
    "command_id",
    "source",
    "row_key",
)


def export_history(
    reading: Reading,
    target: str | os.PathLike[str] | IO[bytes],
    *,
    as_recorded: bool = False,
    replace: bool = False,
    reveal: bool = False,
) -> int:
    """Write every entry as recorded, in order of position, and return their number.

    A file is there once all is written. See ``Ledger.export``. What is voided is left out, and so are voids:
    each is of a position in this log, and means nothing elsewhere. Written as they are stored, all are there.

    Raises:
        PathTaken: something is there that would be lost.
        StorageError: the file cannot be written.
        InvalidInput: what is stored should be written as CSV.
    """
    if not isinstance(target, str | os.PathLike):
        refuse_stream(target, field="target")
        if as_recorded:
            return _write_stored(reading, target)
        return _write_json(reading, target, reveal=reveal)
    named = os.path.realpath(target) if os.path.islink(target) else target  # noqa: PTH114 — also of a NUL
    name = Path(named).name.lower()
    write: Callable[[Reading, _Binary], int] = (
        _write_csv if name.removesuffix(".gz").endswith(".csv") else _write_json
    )
    if as_recorded:
        if write is _write_csv:
            raise InvalidInput(
                f"{target}: what is stored is written as JSON lines, not as CSV", field="target"
            )
        write = _write_stored
    if reveal:
        write = partial(_write_csv if write is _write_csv else _write_json, reveal=True)
    with output_file(target, replace=replace, secret=reveal, field="target") as raw:
        if not name.endswith(".gz"):
            return write(reading, raw)
        with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
            return write(reading, packed)


def _write_stored(reading: Reading, file: _Binary) -> int:
    return write_as_recorded(reading.log, reading.known_at, file)


def _exported(reading: Reading, *, reveal: bool) -> Iterator[Entry]:
    entries = (entry for entry in reading.recorded() if not isinstance(entry.fact, EntryVoided))
    return map(reading.log.codec.opened_entry, entries) if reveal else entries


def _write_json(reading: Reading, file: _Binary, *, reveal: bool = False) -> int:
    encode = msgspec.json.Encoder().encode
    count = 0
    for entry in _exported(reading, reveal=reveal):
        file.write(encode(write_row(entry, reading.log.codec)) + b"\n")
        count += 1
    return count


def _write_csv(reading: Reading, file: _Binary, *, reveal: bool = False) -> int:
    codec = reading.log.codec
    own = sorted({name for described in codec.registry for name in described.names})
    columns = [*_ENVELOPE, *own]
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(columns)
        count = 0
        for entry in _exported(reading, reveal=reveal):
            row = write_row(entry, codec)
            writer.writerow([_cell(row.get(name)) for name in columns])
            count += 1
        return count
    finally:
        text.detach()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return safe_cell(value)
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    plain = msgspec.to_builtins(value)
    return plain if isinstance(plain, str) else msgspec.json.encode(plain).decode()
