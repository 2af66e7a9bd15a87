"""Writing a history in the exchange format."""

from __future__ import annotations

import csv
import gzip
import io
import os
from pathlib import Path
from typing import IO, Final

import msgspec

from reps_ledger.errors import InvalidInput, StorageError
from reps_ledger.files import atomic_write
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
)


def export_history(
    reading: Reading, target: str | os.PathLike[str] | IO[bytes], *, as_recorded: bool = False
) -> int:
    """Write every entry as recorded, in order of position, and return their number.

    A file at the path is replaced only once all is written. See ``Ledger.export``.

    Raises:
        StorageError: the file cannot be written.
        InvalidInput: what is stored should be written as CSV.
    """
    if not isinstance(target, str | os.PathLike):
        return _write_stored(reading, target) if as_recorded else _write_json(reading, target)
    try:
        path = Path(os.path.realpath(target))
    except ValueError as error:  # the path has a NUL
        raise StorageError(f"{target!r} cannot be written: {error}") from error
    _refuse_own_file(reading, path)
    names = path.name.lower().removesuffix(".gz")
    write = _write_csv if names.endswith(".csv") else _write_json
    if as_recorded:
        if write is _write_csv:
            raise InvalidInput(f"{path}: what is stored is written as JSON lines, not as CSV", field="target")
        write = _write_stored
    try:
        with atomic_write(path) as raw:
            if not path.name.lower().endswith(".gz"):
                return write(reading, raw)
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                return write(reading, packed)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error


def _refuse_own_file(reading: Reading, path: Path) -> None:
    own = reading.log.path
    if own is None:
        return
    taken = {f"{own}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")}
    if str(path) in taken:
        raise StorageError(f"{path} is the ledger's own file; export to another one")


def _write_stored(reading: Reading, file: _Binary) -> int:
    return write_as_recorded(reading.log, reading.known_at, file)


def _write_json(reading: Reading, file: _Binary) -> int:
    encode = msgspec.json.Encoder().encode
    count = 0
    for entry in reading.recorded():
        file.write(encode(write_row(entry, reading.log.codec)) + b"\n")
        count += 1
    return count


def _write_csv(reading: Reading, file: _Binary) -> int:
    codec = reading.log.codec
    own = sorted({name for described in codec.registry for name in described.names})
    columns = [*_ENVELOPE, *own]
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(columns)
        count = 0
        for entry in reading.recorded():
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
