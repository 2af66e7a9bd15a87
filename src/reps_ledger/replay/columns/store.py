"""Keeping columns: beside the log, brought up to date, and made anew when in any doubt.

A folder holds files of columns and a manifest that says which of them belong together, what
position they are of, and the checksum of each. Files are written whole under names of their own
and then the manifest is replaced, so that a crash, or another process that does the same, leaves
the one state or the other. Nothing here is needed: what cannot be read is made again of the log.

Files of columns: Parquet, each under a name of its own content, checked whole before use.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import frozen

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.errors import Damaged
from reps_ledger.replay.columns.builder import Builder, build
from reps_ledger.replay.columns.model import Coded, Columns, Lazily, Table, floats_of, parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.facts import Registry
    from reps_ledger.log import EventLog, Reading
    from reps_ledger.replay.columns.model import Parts

__all__ = [
    "FORMAT",
    "Stored",
    "folder_of",
    "keep",
    "keep_apart",
    "load_or_build",
    "map_file",
    "open_apart",
    "opened",
    "sync_folder",
    "table_of",
    "write_table",
]

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


FORMAT: Final = 1
"""The version of the folder's format; another one is made anew."""

MANIFEST: Final = "manifest.json"

_PEOPLE: Final = "people"
_ABANDONED: Final = 3600.0
"""Seconds after which a file that no manifest names was left by a crash."""

_UNUSABLE: Final = (OSError, ValueError, KeyError, msgspec.MsgspecError, pa.ArrowException)


class _Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a folder holds.

    Attributes:
        format: the format's version.
        registry: the digest of the kinds of fact.
        position: what is known.
        last: the id of the entry at that position: another log has another.
        people: the file of everyone's names.
        tables: by stored name, the files of arrays and of values.
    """

    format: int
    registry: str
    position: int
    last: str | None
    people: Stored
    tables: dict[str, tuple[Stored, Stored]]

    @property
    def files(self) -> set[str]:
        """The names of all files."""
        return {self.people.file, *(s.file for both in self.tables.values() for s in both)}


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manifest as it is written, with its checksum."""

    sha256: str
    manifest: msgspec.Raw


class _Amended(Exception):
    """Among what is new, something changes how earlier entries are read."""


@frozen
class _Kept:
    """What a folder held."""

    manifest: _Manifest
    columns: Columns


def folder_of(log: EventLog) -> Path | None:
    """Return where a log's columns are kept: beside its file; None where it is no file."""
    path = log.path
    return None if path is None else path.with_name(path.name + ".columns")


def load_or_build(reading: Reading, folder: str | os.PathLike[str] | None) -> Columns:
    """Return the columns of a reading, from a folder as far as they are there.

    What is new since they were kept is read and added, and the folder brought up to date. They
    are made anew where anything new amends what came before (corrections, retractions, merges),
    and where the folder is damaged, of another version, of other kinds of fact or of another
    log. A reading of an earlier position than the folder's is built apart, and not kept. A
    folder that cannot be written to changes nothing but what the next time costs.

    Args:
        reading: what is known.
        folder: where columns are kept; None to keep nothing.
    """
    if folder is None:
        return build(reading)
    place = Path(folder)
    manifest = _read_manifest(place)
    if manifest is not None and not _of_this(manifest, reading):
        manifest = None
    if manifest is not None and manifest.position > reading.known_at:
        return build(reading)
    kept = None if manifest is None else _load(place, manifest, reading.log.codec.registry)
    if kept is not None and kept.columns.position == reading.known_at:
        return kept.columns
    columns = build(reading) if kept is None else _extended(kept.columns, reading)
    with suppress(OSError):
        _save(place, columns, reading, kept)
    return columns


def _extended(earlier: Columns, reading: Reading) -> Columns:
    amendments = reading.amendments()
    builder = Builder(reading, amendments, earlier)
    new = reading.log.read(after=earlier.position, upto=reading.known_at)
    try:
        builder.take(amendments.apply(_unamended(new), builder.registry))
    except _Amended:
        return build(reading)
    return builder.columns()


def _unamended(entries: Iterable[Entry]) -> Iterator[Entry]:
    for entry in entries:
        if entry.name in AMENDING:
            raise _Amended
        yield entry


def _read_manifest(folder: Path) -> _Manifest | None:
    try:
        sealed = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=_Sealed)
        if hashlib.sha256(sealed.manifest).hexdigest() != sealed.sha256:
            return None
        return msgspec.json.decode(sealed.manifest, type=_Manifest)
    except _UNUSABLE:
        return None


def _of_this(manifest: _Manifest, reading: Reading) -> bool:
    """Whether a manifest is of this format, these kinds of fact, and this log."""
    return (
        manifest.format == FORMAT
        and manifest.registry == _digest(reading.log.codec.registry)
        and manifest.last == _id_at(reading.log, manifest.position)
    )


def _id_at(log: EventLog, position: int) -> str | None:
    """Return the id of the entry at a position, or None."""
    entry = next(log.read(after=position - 1, limit=1), None) if position else None
    return entry.id if entry is not None and entry.position == position else None


def _digest(registry: Registry) -> str:
    """Return the digest of all that columns depend on of the kinds of fact."""
    shapes = [
        (
            described.kind.name,
            described.kind.version,
            sorted(described.shapes.items()),
            sorted(described.persons),
            sorted(described.personal),
        )
        for described in registry
    ]
    return hashlib.sha256(msgspec.json.encode(sorted(shapes))).hexdigest()


def _load(folder: Path, manifest: _Manifest, registry: Registry) -> _Kept | None:
    try:
        every = [manifest.people, *(file for both in manifest.tables.values() for file in both)]
        with ThreadPoolExecutor() as pool:
            contents = dict(
                zip(every, pool.map(lambda file: map_file(folder, file), every), strict=True)
            )
        tables = {}
        for name, (arrays, values) in manifest.tables.items():
            described = registry.named(name)
            if described is None:
                return None
            tables[name] = table_of(contents[arrays], contents[values], parts_of(described))
        columns = Columns(
            position=manifest.position,
            people=opened(contents[manifest.people], _PEOPLE, str),
            tables=tables,
            registry=registry,
        )
    except _UNUSABLE:
        return None
    return _Kept(manifest, columns)


def _save(folder: Path, columns: Columns, reading: Reading, kept: _Kept | None) -> None:
    """Put columns in the folder, unless it holds later ones by now."""
    manifest = _write(folder, columns, _id_at(reading.log, columns.position), kept)
    before = _read_manifest(folder)
    if before is not None and _of_this(before, reading) and before.position > manifest.position:
        return
    _seal(folder, manifest, before)


def keep_apart(folder: str | os.PathLike[str], columns: Columns) -> None:
    """Put columns in a folder of their own, from which `open_apart` takes them.

    Raises:
        OSError: the folder cannot be written to.
    """
    place = Path(folder)
    _seal(place, _write(place, columns, None, None), _read_manifest(place))


def open_apart(folder: str | os.PathLike[str], registry: Registry) -> Columns:
    """Return the columns that `keep_apart` put in a folder.

    Raises:
        Damaged: they are not there, or not as they were written, or of other kinds of fact.
    """
    place = Path(folder)
    manifest = _read_manifest(place)
    kept = None
    if manifest is not None and manifest.format == FORMAT:
        kept = _load(place, manifest, registry) if manifest.registry == _digest(registry) else None
    if kept is None:
        raise Damaged(f"{place} holds no columns that can be trusted; export them anew")
    return kept.columns


def _write(folder: Path, columns: Columns, last: str | None, kept: _Kept | None) -> _Manifest:
    folder.mkdir(parents=True, exist_ok=True)
    tables = {}
    for name, table in columns.tables.items():
        same = kept is not None and kept.columns.tables.get(name) is table
        written = kept.manifest.tables[name] if same and kept else write_table(folder, table)
        tables[name] = written
    return _Manifest(
        format=FORMAT,
        registry=_digest(columns.registry),
        position=columns.position,
        last=last,
        people=write_values(folder, _PEOPLE, {_PEOPLE: columns.people}),
        tables=tables,
    )


def _seal(folder: Path, manifest: _Manifest, before: _Manifest | None) -> None:
    body = msgspec.json.encode(manifest)
    sealed = _Sealed(hashlib.sha256(body).hexdigest(), msgspec.Raw(body))
    rough = folder / f".{secrets.token_hex(8)}.tmp"
    with rough.open("xb") as file:
        file.write(msgspec.json.encode(sealed))
        file.flush()
        os.fsync(file.fileno())
    sync_folder(folder)  # the manifest must not last longer than what it names
    rough.replace(folder / MANIFEST)
    sync_folder(folder)
    _clear(folder, manifest.files, set() if before is None else before.files)


def _clear(folder: Path, used: set[str], former: set[str]) -> None:
    """Remove files that the former manifest named, and what crashes left long ago."""
    now = time.time()
    for path in folder.iterdir():
        if path.name in used or path.name == MANIFEST or not path.is_file():
            continue
        with suppress(OSError):  # in use, or removed by another process
            if path.name in former or now - path.stat().st_mtime > _ABANDONED:
                path.unlink()
