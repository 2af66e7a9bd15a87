"""Files of columns: Parquet, each under a name of its own content, checked whole before use."""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reps_ledger.replay.columns.model import Coded, Lazily, Table, floats_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reps_ledger.replay.columns.parts import Parts

__all__ = ["Stored", "keep", "map_file", "opened", "sync_folder", "table_of", "write_table"]

_PERSON: Final = "person:"
_CODE: Final = "code:"
_INSTANT: Final = "instant:"
_STEP: Final = 1 << 23
_ROWS: Final = 1 << 18


class Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of columns.

    Attributes:
        file: its name in the folder.
        sha256: of its content, in hexadecimal.
    """

    file: str
    sha256: str


def write_table(folder: Path, table: Table) -> tuple[Stored, Stored]:
    """Write a table's arrays and its values, each to a file; return which."""
    arrays: dict[str, np.ndarray[Any, Any]] = {**table.times}
    arrays |= {_INSTANT + name: found for name, found in table.instants.items()}
    wide = [*arrays]
    arrays |= {_PERSON + name: found for name, found in table.persons.items()}
    codes = {_CODE + name: found.codes for name, found in table.fields.items()}
    encoding = {
        name: "BYTE_STREAM_SPLIT" if name in wide else "DELTA_BINARY_PACKED" for name in arrays
    }

    def write(file: IO[bytes]) -> None:
        pq.write_table(
            pa.table({**arrays, **codes}),
            file,
            compression="zstd",
            use_dictionary=[*codes],
            column_encoding=encoding,
            write_statistics=False,
            row_group_size=max(1, len(table)),
        )

    values = {name: found.values for name, found in table.fields.items()}
    return keep(folder, table.name, write), write_values(folder, f"{table.name}.values", values)


def write_values(folder: Path, stem: str, values: Mapping[str, tuple[Any, ...]]) -> Stored:
    """Write lists of values to a file, each as JSON; return which."""
    written = {name: msgspec.json.encode(listed) for name, listed in values.items()}

    def write(file: IO[bytes]) -> None:
        columns = {name: pa.array([text], pa.large_binary()) for name, text in written.items()}
        pq.write_table(pa.table(columns), file, compression="zstd", use_dictionary=False)

    return keep(folder, stem, write)


def keep(folder: Path, stem: str, write: Callable[[IO[bytes]], None]) -> Stored:
    """Write a file that is there whole or not at all, under a name made of its content."""
    rough = folder / f".{secrets.token_hex(8)}.tmp"
    try:
        with rough.open("xb+") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        stored = Stored(f"{stem}.{digest[:16]}.parquet", digest)
        rough.replace(folder / stored.file)
    except BaseException:
        with suppress(OSError):
            rough.unlink()
        raise
    return stored


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def map_file(folder: Path, stored: Stored) -> mmap.mmap:
    """Return a file's content, checked; it stays readable when the file is removed.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not what was written.
    """
    if Path(stored.file).name != stored.file:
        raise ValueError(f"{stored.file!r} is no name of a file")
    with (folder / stored.file).open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    digest = hashlib.sha256()
    with memoryview(content) as view:
        for begin in range(0, len(view), _STEP):
            digest.update(view[begin : begin + _STEP])
            _let_go(content)
    if digest.hexdigest() != stored.sha256:
        raise ValueError(f"{stored.file} is damaged")
    return content


def _let_go(content: mmap.mmap) -> None:
    """Have what was read of a file count as memory no longer, where the system can."""
    if hasattr(mmap, "MADV_DONTNEED"):
        content.madvise(mmap.MADV_DONTNEED)


def _column(content: mmap.mmap, name: str) -> Any:
    """Return a column of numbers as one array, with little more than that in memory."""
    file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(content)))
    dtype = file.schema_arrow.field(name).type.to_pandas_dtype()
    found = np.empty(file.metadata.num_rows, dtype)
    done = 0
    for batch in file.iter_batches(_ROWS, columns=[name], use_threads=False):
        found[done : done + len(batch)] = batch.column(0).to_numpy()
        done += len(batch)
    _let_go(content)
    found.setflags(write=False)
    return found


def _names(content: mmap.mmap) -> set[str]:
    return {*pq.read_schema(pa.BufferReader(pa.py_buffer(content))).names}


def opened(values: mmap.mmap, name: str, hint: Any) -> tuple[Any, ...]:
    """Return a list of values out of a file of them."""
    file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(values)))
    text = file.read(columns=[name])[name][0].as_buffer()
    listed: list[Any] = msgspec.json.decode(memoryview(text), type=list[hint])
    return tuple(listed)


def table_of(content: mmap.mmap, values: mmap.mmap, parts: Parts) -> Table:
    """Return a table of its two files; what is not needed at once is read when asked for.

    Raises:
        KeyError: they are not of that kind of fact.
    """

    def read(name: str) -> Any:
        return _column(content, name)

    def field(name: str) -> Coded:
        return Coded(opened(values, name, parts.hints[name]), lambda: read(_CODE + name))

    wanted = {*parts.times}
    wanted |= {_PERSON + name for name in parts.persons} | {_CODE + name for name in parts.coded}
    wanted |= {_INSTANT + name for name in parts.instants}
    if (_names(content), _names(values)) != (wanted, {*parts.coded}):
        raise KeyError(parts.name)
    fields = Lazily(parts.coded, field)
    return Table(
        name=parts.name,
        times=Lazily(parts.times, read),
        persons=Lazily(parts.persons, lambda name: read(_PERSON + name)),
        fields=fields,
        numbers=Lazily(parts.numbers, lambda name: floats_of(fields[name])),
        instants=Lazily(parts.instants, lambda name: read(_INSTANT + name)),
    )
