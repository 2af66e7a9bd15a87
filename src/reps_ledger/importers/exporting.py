"""Writing a history in the exchange format."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from reps_ledger.errors import StorageError
from reps_ledger.importers.rows import write_row
from reps_ledger.interchange import safe_cell
from reps_ledger.log import Reading

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


def export_history(reading: Reading, target: str | os.PathLike[str] | IO[bytes]) -> int:
    """Write every entry as recorded, in order of position; return how many.

    A path is replaced only once all is written. See ``Ledger.export``.

    Raises:
        StorageError: the file cannot be written.
    """
    if not isinstance(target, str | os.PathLike):
        return _write_json(reading, target)
    try:
        path = Path(os.path.realpath(target))
    except ValueError as error:  # the path has a NUL
        raise StorageError(f"{target!r} cannot be written: {error}") from error
    _refuse_own_file(reading, path)
    names = path.name.lower().removesuffix(".gz")
    write = _write_csv if names.endswith(".csv") else _write_json
    try:
        with _replacing(path) as raw:
            if not path.name.lower().endswith(".gz"):
                return write(reading, raw)
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                unpacked: Any = packed
                return write(reading, unpacked)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside ``path`` that takes its place once it is complete and on disk.

    A link is followed; a file that is replaced keeps its mode; what is there and is no regular
    file (a pipe, a device) is written to as it is.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            beside.chmod(stat.S_IMODE(path.stat().st_mode))
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def _refuse_own_file(reading: Reading, path: Path) -> None:
    own = reading.log.path
    if own is None:
        return
    taken = {f"{own}{suffix}" for suffix in ("", "-wal", "-shm", "-journal")}
    if str(path) in taken:
        raise StorageError(f"{path} is the ledger's own file; export to another one")


def _write_json(reading: Reading, file: IO[bytes]) -> int:
    encode = msgspec.json.Encoder().encode
    count = 0
    for entry in reading.recorded():
        file.write(encode(write_row(entry, reading.log.codec)) + b"\n")
        count += 1
    return count


def _write_csv(reading: Reading, file: IO[bytes]) -> int:
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


def _cell(value: Any) -> str:
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
