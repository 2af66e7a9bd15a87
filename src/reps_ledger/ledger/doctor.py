"""What lies at a ledger's path: its files, who may read and write them, and what should be done about it."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from attrs import frozen

from reps_ledger.errors import LedgerError, StorageError
from reps_ledger.files import (
    COLUMNS_SUFFIX,
    DRAFT,
    KEYS_MARK,
    LEDGER_MARK,
    MARKED,
    OF_SQLITE,
    RECEIPTS_SUFFIX,
    STATE_MARK,
    STATE_SUFFIX,
    TREE_MARK,
    TREE_SUFFIX,
    TURN_SUFFIX,
    VIEWS_SUFFIX,
    holds_columns,
    mark_of,
    not_secret,
)
from reps_ledger.ledger.opening import open as open_ledger
from reps_ledger.log.sqlite.errors import writable

_WHAT: Final = {
    "": "the ledger",
    "-wal": "SQLite's log of what was committed last",
    "-shm": "SQLite's memory, while somebody has the ledger open",
    "-journal": "SQLite's journal of a transaction",
    TREE_SUFFIX: "a cache of the tree, for checkpoints and proofs",
    STATE_SUFFIX: "tables of state",
    f"{STATE_SUFFIX}-wal": "SQLite's log of the tables",
    f"{STATE_SUFFIX}-shm": "SQLite's memory of the tables",
    COLUMNS_SUFFIX: "columns, for backtests",
    VIEWS_SUFFIX: "views of the eventsourcing library",
    TURN_SUFFIX: "the queue of those who write",
    RECEIPTS_SUFFIX: "receipts of erasures",
}
_CACHES: Final = {TREE_SUFFIX: TREE_MARK, STATE_SUFFIX: STATE_MARK}
_ABANDONED: Final = 3600.0
"""Seconds after which a file that is not complete was left by a process that was killed."""


@frozen(kw_only=True)
class FoundFile:
    """A file that was found.

    Attributes:
        path: of the file.
        what: what it is.
        mode: who may read, write and search it, as ``ls`` says it.
        owner: whose it is: a name, or a number where there is none; empty where the system has none.
        size: its bytes.
    """

    path: str
    what: str
    mode: str
    owner: str
    size: int


@frozen(kw_only=True)
class Advice:
    """Something that is not as it should be.

    Attributes:
        path: of which file.
        words: what it is, and what to do.
    """

    path: str
    words: str

    def __str__(self) -> str:
        return f"{self.path}: {self.words}"


@frozen(kw_only=True)
class Diagnosis:
    """What was found of a ledger's files.

    Attributes:
        files: the files, the ledger first.
        notes: what is as it may be, and good to know.
        advice: what is not as it should be.
    """

    files: tuple[FoundFile, ...]
    notes: tuple[str, ...]
    advice: tuple[Advice, ...]

    @property
    def ok(self) -> bool:
        """Whether all is as it should be."""
        return not self.advice


def diagnose(
    path: str | os.PathLike[str],
    *,
    keys: Iterable[str | os.PathLike[str]] = (),
    key_store: str | os.PathLike[str] | None = None,
) -> Diagnosis:
    """Say what lies at a ledger's path, who may read and write it, and what should be done about it.

    Nothing is written. `Ledger.verify` says whether what a ledger holds is whole.

    Args:
        path: of the ledger's file.
        keys: files of signing keys, to look at their modes.
        key_store: the key file of a ledger that seals, to look at what it says of itself too.

    Raises:
        StorageError: nothing is there, or it cannot be looked at.
    """
    place = Path(os.path.realpath(path))
    try:
        if not place.is_file():
            raise StorageError(f"{path}: there is no ledger here")
        files = [*_files(place)]
        advice = [*_advice_on_ledger(place), *_advice_on_caches(place), *_advice_on_drafts(place)]
        for key in keys:
            status = Path(key).stat()
            files.append(_file(Path(key), "a signing key", status))
            advice += _advice_on_key(Path(key), status)
        notes = [*_notes(place)]
        if key_store is not None:
            store = Path(os.path.realpath(key_store))
            files.append(_file(store, "keys to personal texts", store.stat()))
            found = [*_key_store(store, place)]
            advice += [each for each in found if isinstance(each, Advice)]
            notes += [each for each in found if isinstance(each, str)]
        return Diagnosis(files=tuple(files), notes=tuple(notes), advice=tuple(advice))
    except OSError as error:
        raise StorageError(
            f"{error.filename or path} cannot be looked at: {error.strerror or error}"
        ) from error


def _files(place: Path) -> Iterator[FoundFile]:
    for suffix, what in _WHAT.items():
        each = place.with_name(f"{place.name}{suffix}")
        if each.exists():
            yield _file(each, what, each.stat())
    for each in _keys(place):
        yield _file(each, "the key of names of accounts in columns", each.stat())
    for each in _drafts(place):
        yield _file(each, "a file that is not complete", each.stat())


def _file(path: Path, what: str, status: os.stat_result) -> FoundFile:
    return FoundFile(
        path=str(path),
        what=what,
        mode=stat.filemode(status.st_mode),
        owner=_owner(status),
        size=status.st_size,
    )


def _owner(status: os.stat_result) -> str:
    try:
        import pwd  # noqa: PLC0415 — there is none on Windows
    except ImportError:
        return ""
    try:
        return pwd.getpwuid(status.st_uid).pw_name
    except KeyError:
        return str(status.st_uid)


def _keys(place: Path) -> list[Path]:
    folder = place.with_name(f"{place.name}{COLUMNS_SUFFIX}")
    return sorted(folder.glob("key.*")) if holds_columns(folder) else []


def _drafts(place: Path) -> list[Path]:
    folders = [place.parent, place.with_name(f"{place.name}{COLUMNS_SUFFIX}")]
    every = (each for folder in folders if folder.is_dir() for each in folder.iterdir())
    return sorted(each for each in every if DRAFT.fullmatch(each.name))


def _advice_on_ledger(place: Path) -> Iterator[Advice]:
    status, name = place.stat(), str(place)
    mark = mark_of(place)
    if mark != LEDGER_MARK:
        found = "no database" if mark is None else MARKED.get(mark, "the database of another program")
        yield Advice(path=name, words=f"this is no ledger, but {found}")
        return
    if status.st_nlink > 1:
        yield Advice(
            path=name,
            words="it has several names (hard links), and SQLite finds what lies beside it by its name: "
            "opened by another name, entries are lost. Remove the other names",
        )
    if status.st_mode & stat.S_IWOTH:
        yield Advice(path=name, words=f"anybody on this machine may write to it: run chmod o-w {place}")
    log, memory, journal = (place.with_name(f"{place.name}{suffix}") for suffix in OF_SQLITE)
    if log.exists() and log.stat().st_size and not memory.exists():
        yield Advice(
            path=str(log),
            words="nobody has the ledger open, and what was committed last may be here alone: keep it beside "
            "the ledger. Opening that once where it can be written takes it in",
        )
    if journal.exists() and journal.stat().st_size:
        yield Advice(
            path=str(journal),
            words="a writer was interrupted, or is at work: open the ledger once where it can be written",
        )
    for each in (log, memory):
        if each.exists() and not _goes_with(each.stat(), status):
            yield Advice(
                path=str(each),
                words="its owner or mode is not the ledger's: who may write to the one may not to the other. "
                f"Run chown --reference={place} and chmod --reference={place} on it",
            )


def _goes_with(beside: os.stat_result, ledger: os.stat_result) -> bool:
    """Whether those who may write to a ledger may write to a file beside it: its owner, or its group too."""
    if stat.S_IMODE(beside.st_mode) != stat.S_IMODE(ledger.st_mode):
        return False
    return beside.st_uid == ledger.st_uid or bool(ledger.st_mode & stat.S_IWGRP)


def _advice_on_caches(place: Path) -> Iterator[Advice]:
    for suffix, mark in _CACHES.items():
        each = place.with_name(f"{place.name}{suffix}")
        if each.exists() and (not each.is_file() or (each.stat().st_size and mark_of(each) != mark)):
            words = f"this is no {MARKED[mark].removeprefix('a ')}, and is left as it is: move it elsewhere"
            yield Advice(path=str(each), words=words)
    folder = place.with_name(f"{place.name}{COLUMNS_SUFFIX}")
    if folder.exists() and not holds_columns(folder):
        words = "this holds no columns, so that none are kept: move it elsewhere, or remove it"
        yield Advice(path=str(folder), words=words)
    for each in _keys(place):
        if not_secret(each.stat()) is not None:
            yield Advice(
                path=str(each),
                words="others than its owner may read this key, by which names of accounts can be guessed: "
                f"remove {folder}; it is made again with another key",
            )


def _advice_on_drafts(place: Path) -> Iterator[Advice]:
    now = time.time()
    for each in _drafts(place):
        if now - each.stat().st_mtime > _ABANDONED:
            yield Advice(path=str(each), words="left by a process that was killed: remove it")


def _advice_on_key(path: Path, status: os.stat_result) -> Iterator[Advice]:
    why = not_secret(status)
    if why is not None:
        yield Advice(
            path=str(path),
            words=f"{why}: run chmod 600 {path}, and where others may have read it, make a new key",
        )


def _key_store(store: Path, place: Path) -> Iterator[Advice | str]:
    """Yield what should be done about a key file, and what is good to know of it."""
    name = str(store)
    if mark_of(store) != KEYS_MARK:
        yield Advice(path=name, words="this is no key file: name the one by which the ledger is opened")
        return
    why = not_secret(store.stat())
    if why is not None:
        words = f"{why}: run chmod 600 {store}; who read it reads all personal texts of the ledger"
        yield Advice(path=name, words=words)
    if store.parent == place.parent:
        yield f"{store} lies in the folder of the ledger: a copy of that folder opens what is sealed in it"
    try:
        with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
            meta = dict(connection.execute("SELECT name, value FROM meta"))
            (left,) = connection.execute("SELECT count(*) FROM follow").fetchone()
    except sqlite3.Error as error:
        yield Advice(path=name, words=f"it cannot be looked at ({error}): open the ledger once with it")
        return
    yield from _binding(name, meta.get("ledger"), place)
    if "scrub" in meta:
        words = "traces of what was destroyed may be left in it: open the ledger once with it, alone"
        yield Advice(path=name, words=words)
    if left:
        words = f"erasures of {left:,} identifiers are not done yet: open the ledger once with it"
        yield Advice(path=name, words=words)


def _binding(name: str, own: object, place: Path) -> Iterator[Advice | str]:
    """Yield whether a key file is that of the ledger at a path."""
    try:
        with open_ledger(place, read_only=True) as ledger:
            seals, declared = ledger.seals, ledger._core.ledger  # noqa: SLF001 — of this package
    except LedgerError as error:
        yield f"whose keys {name} has was not compared: {error}"
        return
    if own is None:
        yield f"{name} has keys of no ledger yet" + ("" if seals else f", and {place} does not seal")
    elif own != declared:
        words = f"its keys are those of the ledger {own}, and not of {place}"
        yield Advice(path=name, words=words)
    else:
        yield f"{name} has the keys of {place}"


def _notes(place: Path) -> Iterator[str]:
    mode = place.stat().st_mode
    readers = (
        "everybody on this machine" if mode & stat.S_IROTH else "its group" if mode & stat.S_IRGRP else ""
    )
    who = f"its owner and {readers} may" if readers else "only its owner may"
    yield f"{who} read {place}, and so all that is recorded there and not sealed: names, accounts, reasons"
    yield "new files follow the umask: umask 077 keeps them to their owner, umask 027 to a group too"
    if not writable(place):
        yield "it cannot be recorded in from here: open it with read_only=True; commands that only ask do"
