"""Keeping columns: beside the log, brought up to date, and made anew when in any doubt.

A folder holds files of columns and a manifest that says which of them belong together, what
position they are of, and the checksum of each. Files are written whole under names of their own
and then the manifest is replaced, so that a crash, or another process that does the same, leaves
the one state or the other. Nothing here is needed: what cannot be read is made again of the log.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa
from attrs import frozen

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.errors import Damaged
from reps_ledger.replay.columns.building import Builder, build
from reps_ledger.replay.columns.files import (
    Stored,
    map_file,
    opened,
    sync_folder,
    table_of,
    write_table,
    write_values,
)
from reps_ledger.replay.columns.model import Columns
from reps_ledger.replay.columns.parts import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.facts import Registry
    from reps_ledger.log import EventLog, Reading

__all__ = ["FORMAT", "folder_of", "keep_apart", "load_or_build", "open_apart"]

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
    path = getattr(log.recorder, "path", None)
    return path.with_name(path.name + ".columns") if isinstance(path, Path) else None


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
