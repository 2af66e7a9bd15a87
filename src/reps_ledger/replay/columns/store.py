"""Columns on disk, beside the log: brought up to date, and made anew when in any doubt.

A folder holds Parquet files and a manifest. Each table is two files, one of arrays and one of the
lists of values that its codes mean; everyone's names are another. A file is named by its content
and never changes. The manifest says which files belong together, at what position, and the
checksum of each; it has a checksum of its own, and replacing it is what makes a new state
visible. A crash, or another process that does the same, leaves one state or the other.

Nothing here is needed: whatever cannot be read, or does not fit, is made again from the log.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BufferedRandom
from pathlib import Path
from typing import IO, Any, Final, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from attrs import evolve, frozen

from reps_ledger.domain.amendments import AMENDING, Amendments
from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Registry
from reps_ledger.errors import Damaged, LedgerError, StorageError
from reps_ledger.files import (
    COLUMNS_MANIFEST,
    COLUMNS_SUFFIX,
    DRAFT,
    atomic_write,
    claim_folder,
    holds_columns,
    read_secret,
    sync_folder,
)
from reps_ledger.log import EventLog, Reading
from reps_ledger.log.amended import amended_by
from reps_ledger.log.history import facts_in
from reps_ledger.replay.columns.builder import Builder, build
from reps_ledger.replay.columns.model import (
    NAMES_DUPLICATES,
    Coded,
    Codes,
    Columns,
    Instants,
    LazyMapping,
    SaidOf,
    Table,
    TableSchema,
    floats_of,
    new_key,
    schema_of,
)
from reps_ledger.replay.columns.subset import columns_without

FORMAT: Final = 4
"""The version of the folder's format; a folder of another one is made anew."""

_PERSON: Final = "person:"
_CODE: Final = "code:"
_KEYED: Final = "keyed:"
_INSTANT: Final = "instant:"
_MOST_KEY: Final = 4096
_PEOPLE: Final = "people"
_IDENTITIES: Final = "identities"
_STEP: Final = 1 << 23
"""Bytes that are hashed at once."""
T = TypeVar("T")

_ROWS: Final = 1 << 18
"""Rows that are decoded at once."""
_ABANDONED: Final = 3600.0
"""Seconds after which a file that no manifest names was left by a crash."""

_FEW: Final = 100
_SHARE: Final = 4
"""All is made anew where amendments touch more people than both: a few, and such a part of all."""

_UNUSABLE: Final = (OSError, StorageError, ValueError, KeyError, msgspec.MsgspecError, pa.ArrowException)


class _StoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of columns.

    Attributes:
        file: its name in the folder.
        sha256: of its content, in hexadecimal.
    """

    file: str
    sha256: str


class _Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a folder holds.

    Attributes:
        format: the format's version.
        reading: the digest of all on which it depends how entries are read: of the kinds of fact, and in
            the folder of a log of its upcasters too.
        position: what is known.
        last: what tells the log that has the entry at that position from others.
        key: the file of the key by which names of accounts are hashed; None where it is not told.
        people: the file of everyone's names.
        identities: the file of the identifiers that facts of merged people were told with.
        tables: by stored name, the files of arrays and of values.
    """

    format: int
    reading: str
    position: int
    last: str | None
    key: str | None
    people: _StoredFile
    identities: _StoredFile
    tables: dict[str, tuple[_StoredFile, _StoredFile]]

    @property
    def files(self) -> set[str]:
        """The names of all files."""
        return {
            self.people.file,
            self.identities.file,
            *([] if self.key is None else [self.key]),
            *(s.file for both in self.tables.values() for s in both),
        }


class _Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manifest as it is written, with its checksum."""

    sha256: str
    manifest: msgspec.Raw


@frozen
class _Loaded:
    """What a folder holds, and its manifest."""

    manifest: _Manifest
    columns: Columns


# Files of arrays and of values


def _write_table(folder: Path, table: Table) -> tuple[_StoredFile, _StoredFile]:
    """Write a table's arrays and its values, each to a file."""
    times = {**table.times, **{_INSTANT + name: found for name, found in table.instants.items()}}
    persons = {_PERSON + name: found for name, found in table.persons.items()}
    codes = {_CODE + name: found.codes for name, found in table.fields.items()}
    codes |= {_KEYED + name: found.codes for name, found in table.keyed.items()}
    # Instants differ in their low bytes only; persons are sorted or nearly so. Codes of fields
    # repeat, and take a dictionary.
    encoding = {**dict.fromkeys(times, "BYTE_STREAM_SPLIT"), **dict.fromkeys(persons, "DELTA_BINARY_PACKED")}

    def write(file: IO[bytes]) -> None:
        pq.write_table(
            pa.table({**times, **persons, **codes}),
            file,
            compression="zstd",
            use_dictionary=[*codes],
            column_encoding=encoding,
            write_statistics=False,
            row_group_size=max(1, len(table)),
        )

    values = {name: found.values for name, found in (*table.fields.items(), *table.keyed.items())}
    arrays = _write_file(folder, table.name, write)
    return arrays, _write_values(folder, f"{table.name}.values", values)


def _write_values(folder: Path, stem: str, values: Mapping[str, Sequence[object]]) -> _StoredFile:
    """Write lists of values to a file, each as JSON."""
    written = {name: msgspec.json.encode(listed) for name, listed in values.items()}

    def write(file: IO[bytes]) -> None:
        columns = {name: pa.array([text], pa.large_binary()) for name, text in written.items()}
        pq.write_table(pa.table(columns), file, compression="zstd", use_dictionary=False)

    return _write_file(folder, stem, write)


def _write_file(folder: Path, stem: str, write: Callable[[IO[bytes]], None]) -> _StoredFile:
    """Write a file under a name made of its content; the folder is synced once, by `_seal`."""
    digest = ""

    def name_of(file: BufferedRandom) -> str:
        nonlocal digest
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return f"{stem}.{digest[:16]}.parquet"

    with atomic_write(folder / stem, name_of=name_of, sync=False) as file:
        write(file)
    return _StoredFile(f"{stem}.{digest[:16]}.parquet", digest)


def _map_file(folder: Path, stored: _StoredFile) -> mmap.mmap:
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
            _release(content)
    if digest.hexdigest() != stored.sha256:
        raise ValueError(f"{stored.file} is damaged")
    return content


def _release(content: mmap.mmap) -> None:
    """Have pages of a file that were read count as memory no longer, where the system can."""
    if hasattr(mmap, "MADV_DONTNEED"):
        content.madvise(mmap.MADV_DONTNEED)


def _read_column(content: mmap.mmap, name: str) -> npt.NDArray[Any]:
    """Return a column of numbers as one array, with little more than that in memory."""
    file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(content)))
    dtype = file.schema_arrow.field(name).type.to_pandas_dtype()
    found = np.empty(file.metadata.num_rows, dtype)
    done = 0
    for batch in file.iter_batches(_ROWS, columns=[name], use_threads=False):
        found[done : done + len(batch)] = batch.column(0).to_numpy()
        done += len(batch)
    _release(content)
    found.setflags(write=False)
    return found


def _column_names(content: mmap.mmap) -> set[str]:
    return {*pq.read_schema(pa.BufferReader(pa.py_buffer(content))).names}


def _read_values(values: mmap.mmap, name: str, hint: type[T]) -> tuple[T, ...]:
    """Return a list of values of a type out of a file of them."""
    file = pq.ParquetFile(pa.BufferReader(pa.py_buffer(values)))
    text = file.read(columns=[name])[name][0].as_buffer()
    return tuple(msgspec.json.decode(memoryview(text), type=list[hint]))  # type: ignore[valid-type]  # made here


def _read_table(content: mmap.mmap, values: mmap.mmap, schema: TableSchema) -> Table:
    """Return a table of its two files; each array is read when it is first asked for.

    Raises:
        KeyError: they are not of that kind of fact.
    """

    def codes(name: str) -> Codes:
        return _read_column(content, name)

    def instants(name: str) -> Instants:
        return _read_column(content, name)

    def field(name: str) -> Coded:
        listed: tuple[Any, ...] = _read_values(values, name, schema.hints[name])
        return Coded(listed, lambda: codes(_CODE + name))

    def hashes(name: str) -> Coded:
        return Coded(_read_values(values, name, str), lambda: codes(_KEYED + name))

    wanted = {*schema.times}
    wanted |= {_PERSON + name for name in schema.persons} | {_CODE + name for name in schema.coded}
    wanted |= {_INSTANT + name for name in schema.instants} | {_KEYED + name for name in schema.keyed}
    if (_column_names(content), _column_names(values)) != (wanted, {*schema.coded, *schema.keyed}):
        raise KeyError(schema.name)
    fields = LazyMapping(schema.coded, field)
    return Table(
        name=schema.name,
        times=LazyMapping(schema.times, instants),
        persons=LazyMapping(schema.persons, lambda name: codes(_PERSON + name)),
        fields=fields,
        keyed=LazyMapping(schema.keyed, hashes),
        numbers=LazyMapping(schema.numbers, lambda name: floats_of(fields[name])),
        instants=LazyMapping(schema.instants, lambda name: instants(_INSTANT + name)),
    )


# The folder


def folder_of(log: EventLog) -> Path | None:
    """Return where a log's columns are kept: beside its file; None where it is no file."""
    path = log.path
    return None if path is None else path.with_name(path.name + COLUMNS_SUFFIX)


def load_or_build(reading: Reading, folder: str | os.PathLike[str] | None, *, keep: bool = True) -> Columns:
    """Return the columns of a reading, loaded from a folder as far as it has them.

    What was recorded since is read and added, and the folder brought up to date; of those whose entries
    a correction, a retraction or a merge lets read otherwise, all entries are read again. Columns are made
    anew where an amendment concerns what names nobody, or very many, and where
    the folder is damaged, of another version, of other kinds of fact or of another log. Columns
    of an earlier position than the folder's are built apart and not kept. Where the folder cannot
    be written to, the answer is the same, and the next time costs as much.

    Args:
        reading: what is known.
        folder: where columns are kept; None to keep nothing.
        keep: whether the folder is brought up to date, and not only read.
    """
    if folder is None:
        return build(reading)
    place = Path(folder)
    try:
        claim_columns(place)
    except LedgerError:  # of others, or not to be read: nothing of ours comes to it
        return build(reading)
    manifest = _read_manifest(place)
    if manifest is not None and not _fits(manifest, reading):
        manifest = None
    if manifest is not None and manifest.position > reading.known_at:
        return build(reading)
    loaded = None if manifest is None else _load(place, manifest, reading.log.codec.registry)
    if loaded is not None and loaded.columns.position == reading.known_at:
        return loaded.columns
    columns = build(reading) if loaded is None else _extended(loaded.columns, reading)
    if keep:
        with suppress(OSError):
            _save(place, columns, reading, loaded)
    return columns


def check_columns(reading: Reading, folder: Path) -> list[str]:
    """Return where the columns in a folder differ from those made anew of the same position, in words.

    A folder that would not be used, as it is of another log, is not compared.
    """
    manifest = _read_manifest(folder)
    if manifest is None or manifest.position > reading.known_at or not _fits(manifest, reading):
        return []
    loaded = _load(folder, manifest, reading.log.codec.registry)
    if loaded is None:
        return [f"{folder} is damaged; the columns are made anew when they are used"]
    return [*_differences(loaded.columns, build(evolve(reading, known_at=manifest.position)))]


def _differences(kept: Columns, made: Columns) -> Iterator[str]:
    """Yield where columns differ from others of the same log, in words; their keys of accounts may."""
    if kept.people != made.people or dict(kept.identities) != dict(made.identities):
        yield "they name other people than the log"
    for name in sorted(kept.tables.keys() | made.tables.keys()):
        one, other = kept.table(name), made.table(name)
        arrays = [(each.times, each.persons, each.instants) for each in (one, other)]
        if len(one) != len(other):
            yield f"{name} has {len(one):,} rows, and {len(other):,} in the log"
            continue
        found = [(field, old[field], new[field]) for old, new in zip(*arrays, strict=True) for field in new]
        pairs = {field: (before, now) for field, before, now in found}
        pairs |= {field: (one.fields[field].codes, coded.codes) for field, coded in other.fields.items()}
        for field, coded in other.keyed.items():
            pairs[field] = (_first_rows(one.keyed[field].codes), _first_rows(coded.codes))
        for field, both in pairs.items():
            same = field not in other.fields or one.fields[field].values == other.fields[field].values
            if not (same and np.array_equal(*both)):
                yield f"{name}: {field} differs"


def _first_rows(codes: Codes) -> Instants:
    """Return for each row the first that has the same code: what codes say, whatever they are."""
    _, first, where = np.unique(codes, return_index=True, return_inverse=True)
    return first[where.reshape(-1)].astype(np.int64)


def _extended(earlier: Columns, reading: Reading) -> Columns:
    """Return columns with what was recorded since."""
    amendments, registry = reading.amendments(), reading.log.codec.registry
    new = [*reading.log.read(after=earlier.position, upto=reading.known_at)]
    touched = _touched(new, earlier, reading, amendments)
    if touched is None or len(touched) > max(_FEW, len(earlier.people) // _SHARE):
        return build(reading)
    taken: dict[int, Entry] = {}
    if touched:
        names = {*touched, *(name for name, kept in amendments.aliases.items() if kept in touched)}
        before = evolve(reading, known_at=earlier.position).amendments()
        names.update(name for name, kept in before.aliases.items() if kept in touched)
        earlier = columns_without(earlier, names)
        for entries in reading.members(sorted(touched)).values():
            taken.update((entry.origin, entry) for entry in entries)
        for entry in reading.of_kinds(NAMES_DUPLICATES):  # one of two duplicates is in nobody's history
            if not names.isdisjoint(people_in(entry.fact, registry)):
                taken[entry.origin] = entry
    plain = (entry for entry in new if entry.name not in AMENDING)
    for entry in amendments.apply(plain, registry):
        taken.setdefault(entry.origin, entry)
    builder = Builder(reading, amendments, earlier)
    builder.take(entry for _, entry in sorted(taken.items()))
    return builder.columns()


def _touched(
    new: Sequence[Entry], earlier: Columns, reading: Reading, amendments: Amendments
) -> set[str] | None:
    """Return of whom earlier entries are read otherwise now, or count again or no more.

    Returns:
        The identifiers that merges kept, or keep now. None where what changed names nobody.
    """
    amending = [entry for entry in new if entry.name in AMENDING]
    if not amending:
        return set()
    registry = reading.log.codec.registry
    before = evolve(reading, known_at=earlier.position).amendments().aliases
    aliases = amendments.aliases
    names = {name for name in before.keys() | aliases.keys() if before.get(name) != aliases.get(name)}
    for fact in (
        fact for entry in (*amending, *amended_by(amending, reading)) for fact in facts_in(entry.fact)
    ):
        people = people_in(fact, registry)
        if not people and not isinstance(fact, EntryCorrected | EntryRetracted):
            return None
        names.update(people)
    return {each.get(name, name) for each in (before, aliases) for name in names}


def _read_manifest(folder: Path) -> _Manifest | None:
    try:
        sealed = msgspec.json.decode((folder / COLUMNS_MANIFEST).read_bytes(), type=_Sealed)
        if hashlib.sha256(sealed.manifest).hexdigest() != sealed.sha256:
            return None
        return msgspec.json.decode(sealed.manifest, type=_Manifest)
    except _UNUSABLE:
        return None


def _fits(manifest: _Manifest, reading: Reading) -> bool:
    """Whether a manifest is of this format, these kinds of fact and upcasters, and this log."""
    return (
        manifest.format == FORMAT
        and manifest.key is not None  # as accounts that come later could not be told from these
        and manifest.reading == reading.log.codec.digest
        and manifest.last == reading.log.mark_at(manifest.position)
    )


def _load(folder: Path, manifest: _Manifest, registry: Registry) -> _Loaded | None:
    """Return the columns that a manifest names; None where its files cannot be used."""
    try:
        every = [
            manifest.people,
            manifest.identities,
            *(file for both in manifest.tables.values() for file in both),
        ]
        with ThreadPoolExecutor() as pool:
            contents = dict(zip(every, pool.map(lambda file: _map_file(folder, file), every), strict=True))
        tables = {}
        for name, (arrays, values) in manifest.tables.items():
            described = registry.named(name)
            if described is None:
                return None
            tables[name] = _read_table(contents[arrays], contents[values], schema_of(described))
        columns = Columns(
            position=manifest.position,
            people=_read_values(contents[manifest.people], _PEOPLE, str),
            tables=tables,
            registry=registry,
            identities=dict(_read_values(contents[manifest.identities], _IDENTITIES, tuple[int, SaidOf])),
            key=new_key() if manifest.key is None else _read_key(folder, manifest.key),
        )
    except _UNUSABLE:
        return None
    return _Loaded(manifest, columns)


def _save(folder: Path, columns: Columns, reading: Reading, loaded: _Loaded | None) -> None:
    """Put columns in the folder, unless it holds later ones by now."""
    key = _write_key(folder, columns.key)
    log = reading.log
    manifest = _write(folder, columns, (log.codec.digest, log.mark_at(columns.position)), loaded, key)
    before = _read_manifest(folder)
    if before is not None and _fits(before, reading) and before.position > manifest.position:
        return
    _seal(folder, manifest, before)


def write_columns(folder: str | os.PathLike[str], columns: Columns) -> None:
    """Write columns to a folder of their own, of no log; see `read_columns`.

    Raises:
        OSError: the folder cannot be written to.
        PathTaken: it holds something else.
    """
    place = Path(folder)
    claim_columns(place)
    _seal(place, _write(place, columns, (columns.registry.digest, None), None, None), _read_manifest(place))


def read_columns(folder: str | os.PathLike[str], registry: Registry) -> Columns:
    """Return the columns that `write_columns` wrote to a folder.

    Raises:
        Damaged: they are not there, or not as they were written, or of other kinds of fact.
    """
    place = Path(folder)
    manifest = _read_manifest(place)
    found = None
    if manifest is not None and (manifest.format, manifest.reading) == (FORMAT, registry.digest):
        found = _load(place, manifest, registry)
    if found is None:
        raise Damaged(f"{place} holds no columns that can be trusted; export them anew")
    return found.columns


def _key_file(key: bytes) -> str:
    """Return the name of the file of a key, which says of nothing but itself."""
    return f"key.{hashlib.sha256(key).hexdigest()[:16]}"


def _read_key(folder: Path, name: str) -> bytes:
    """Return a key.

    Raises:
        ValueError: it is not what was written, or others than its owner may read it.
        StorageError: it cannot be read.
    """
    key = read_secret(folder / name, _MOST_KEY)
    if _key_file(key) != name:
        raise ValueError(f"{name} is damaged")
    return key


def _write_key(folder: Path, key: bytes) -> str:
    """Write a key to a file that only its owner may read, unless it is there; return its name."""
    folder.mkdir(parents=True, exist_ok=True)
    name = _key_file(key)
    with suppress(StorageError, ValueError):
        _read_key(folder, name)
        return name
    with atomic_write(folder / name, secret=True) as file:
        file.write(key)
    return name


def _write(
    folder: Path, columns: Columns, of: tuple[str, str | None], loaded: _Loaded | None, key: str | None
) -> _Manifest:
    """Write the tables that are not as they were loaded.

    Args:
        folder: where.
        columns: what.
        of: how entries were read, and what tells the log from others.
        loaded: what the folder held.
        key: the file of the key of accounts.
    """
    reading, last = of
    folder.mkdir(parents=True, exist_ok=True)
    tables = {}
    for name, table in columns.tables.items():
        if loaded is not None and loaded.columns.tables.get(name) is table:
            tables[name] = loaded.manifest.tables[name]
        else:
            tables[name] = _write_table(folder, table)
    return _Manifest(
        format=FORMAT,
        reading=reading,
        position=columns.position,
        last=last,
        key=key,
        people=_write_values(folder, _PEOPLE, {_PEOPLE: columns.people}),
        identities=_write_values(folder, _IDENTITIES, {_IDENTITIES: [*columns.identities.items()]}),
        tables=tables,
    )


def _seal(folder: Path, manifest: _Manifest, before: _Manifest | None) -> None:
    """Replace the manifest, and remove the files that only the one before named."""
    body = msgspec.json.encode(manifest)
    sealed = _Sealed(hashlib.sha256(body).hexdigest(), msgspec.Raw(body))
    sync_folder(folder)  # a manifest on disk must not name files that are not
    with atomic_write(folder / COLUMNS_MANIFEST) as file:
        file.write(msgspec.json.encode(sealed))
    _clear(folder, manifest.files, set() if before is None else before.files)


_NAMED: Final = re.compile(r"[a-z0-9._-]+\.([0-9a-f]{16})\.parquet|key\.([0-9a-f]{16})")
"""The names of files that are written here, each with the beginning of the digest of what is in it."""


def claim_columns(folder: str | os.PathLike[str]) -> None:
    """Refuse a folder that was named for columns and holds something else.

    Raises:
        PathTaken: it holds other files, and no columns.
        StorageError: it cannot be read.
    """
    try:
        claim_folder(folder, _is_ours, "columns")
    except OSError as error:
        raise StorageError(f"{folder} cannot be read: {error.strerror or error}") from error


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds columns, also where their manifest is damaged or was not written yet."""
    if holds_columns(folder):
        return True
    there = [path for path in folder.iterdir() if DRAFT.fullmatch(path.name) is None]
    others = [path for path in there if path.name != COLUMNS_MANIFEST]
    return (not there or others != []) and all(_is_named_by_content(path) for path in others)


def _is_marked(path: Path) -> bool:
    """Whether a file is ours, whatever folder it lies in."""
    return DRAFT.fullmatch(path.name) is not None or _is_named_by_content(path)


def _is_named_by_content(path: Path) -> bool:
    """Whether a file carries our mark: in its name, the beginning of the digest of what is in it."""
    found = _NAMED.fullmatch(path.name)
    if found is None or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return False
    return digest.startswith(found[1] or found[2])


def _clear(folder: Path, used: set[str], former: set[str]) -> None:
    """Remove files that the former manifest named, and what crashes left long ago; nothing of others."""
    now = time.time()
    for path in folder.iterdir():
        if path.name in used or path.name == COLUMNS_MANIFEST or not path.is_file():
            continue
        with suppress(OSError):  # in use, or removed by another process
            if path.name in former or (now - path.stat().st_mtime > _ABANDONED and _is_marked(path)):
                path.unlink()
