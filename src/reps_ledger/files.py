"""Files that we write: what may be written over, and a file that is there complete or not at all.

One guard stands before every path that a user names for something to be written to. What we did not make is
left as it is: another's file or folder, and whatever a community would miss most, also where a link leads to
it: a ledger, what lies beside one, a key. Only a plain file is replaced, and only by who says so.

What is ours is known by a mark that it carries, never by its name alone.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from io import BufferedRandom
from pathlib import Path
from typing import IO, Final

from attrs import frozen

from reps_ledger.domain.shown import shown
from reps_ledger.errors import InvalidInput, PathTaken, StorageError

LEDGER_MARK: Final = 0x52657073
"""``Reps``: the application id of a ledger in SQLite, at a fixed place that ``file(1)`` can read too."""

TREE_MARK: Final = 0x52657454
"""``RetT``: that of the cache of a tree."""

STATE_MARK: Final = 0x52657453
"""``RetS``: that of tables of state."""

KEYS_MARK: Final = 0x5265704B
"""``RepK``: that of a store of keys to personal text."""

VIEWS_MARK: Final = 0
"""That of the file of views of the eventsourcing library, which marks none of its own."""

MARKED: Final = {
    LEDGER_MARK: "a ledger",
    TREE_MARK: "a cache of a tree",
    STATE_MARK: "a file of tables of state",
    KEYS_MARK: "a key store",
}
"""What a database of ours is called, by its application id."""

OF_SQLITE: Final = ("-wal", "-shm", "-journal")
"""What SQLite adds to a database's name for the files that it keeps beside it."""

TREE_SUFFIX: Final = ".tree"
STATE_SUFFIX: Final = ".state"
COLUMNS_SUFFIX: Final = ".columns"
VIEWS_SUFFIX: Final = ".views"
TURN_SUFFIX: Final = "-turn"
RECEIPTS_SUFFIX: Final = ".erasures"
COMPANIONS: Final = (TREE_SUFFIX, STATE_SUFFIX, COLUMNS_SUFFIX, VIEWS_SUFFIX, TURN_SUFFIX, RECEIPTS_SUFFIX)
"""What is added to the name of a ledger's file for what is kept beside it."""

COLUMNS_MANIFEST: Final = "manifest.json"
"""The file that says what a folder of columns holds."""

_NO_DATABASE: Final = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
_LEAST_BYTES: Final = 512  # the smallest page
_SHM: Final = "-shm"
_SHM_BYTES: Final = 32_768
_WAL: Final = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_JOURNAL: Final = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_SHM_VERSION: Final = 3_007_000
_SHM_HEADER: Final = 48
_SIGNING_KEY: Final = b"PRIVATE+KEY+"  # as audit writes it, whose verifier stands alone
_MANIFEST: Final = re.compile(rb'\{"sha256":"[0-9a-f]{64}","manifest":\{"format":')
_CHECKPOINT: Final = re.compile(rb"[^\n]+\n\d{1,19}\n[A-Za-z0-9+/]{43}=\n(?:[^\n]+\n)*\n\xe2\x80\x94 ")
_HEAD_BYTES: Final = 4096
_DESCRIPTOR: Final = re.compile(r"/(?:dev|proc/self|proc/thread-self)/fd/(\d{1,9})")
_STREAMS: Final = {"/dev/stdout": 1, "/dev/stderr": 2}
_MOST_LINKS: Final = 40
_REPLACE: Final = "name another file, or say that it is to be replaced (replace=True, --replace)"


@frozen
class _Found:
    """What a path names.

    Attributes:
        what: the same in words.
        replaceable: whether it may be replaced by who says so.
    """

    what: str
    replaceable: bool = False


def mark_of(path: Path) -> int | None:
    """Return the application id of a SQLite database; None where there is none.

    Raises:
        OSError: it cannot be read.
    """
    found = peek(path, "PRAGMA application_id")
    return None if found is None else found & 0xFFFF_FFFF


def peek(path: Path, statement: str) -> int | None:
    """Return the number that a statement finds in a SQLite database, whoever uses it; None for none.

    SQLite reads it, and as what nobody changes, so that no file beside another program's database is
    touched. It must not be read as other files are: where this process has the database open, closing the
    file would drop the locks of all its connections (POSIX), and another process that closes it would
    remove the log in which ours go on to commit. See "How To Corrupt" at sqlite.org, section 2.2.

    Args:
        path: of what may be a database; of what the log beside it has nothing is seen.
        statement: whose first row begins with a number.

    Raises:
        OSError: it cannot be read.
    """
    status = _regular(path)
    if status is None or status.st_size < _LEAST_BYTES or _is_shm(path, status):
        return None
    try:
        with closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        ) as connection:
            # Also of a file that is shorter than it says, as a crash leaves it, with the rest in the log.
            connection.execute("PRAGMA writable_schema = ON")
            found: int = connection.execute(statement).fetchone()[0]
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _NO_DATABASE:
            return None
        must_be_readable(path)
        raise OSError(errno.EIO, str(error), str(path)) from error
    return found


def must_be_readable(path: Path) -> None:
    """Raise what the system says where a file cannot be opened, without opening it: SQLite does not tell.

    Raises:
        OSError: it cannot be opened.
    """
    if not os.access(path, os.R_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    os.close(os.open(os.devnull, os.O_RDONLY))  # there may be too many open files


def _regular(path: Path) -> os.stat_result | None:
    """Return the status of a regular file; None where there is none."""
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def _is_shm(path: Path, status: os.stat_result) -> bool:
    """Whether a file is one that SQLite shares memory by, which must not be opened; see `mark_of`.

    It is known by its name, or in the same folder by its other name.
    """
    if path.name.lower().endswith(_SHM):
        return True
    if status.st_nlink == 1 or status.st_size == 0 or status.st_size % _SHM_BYTES:
        return False
    others = (each for each in path.parent.iterdir() if each.name.lower().endswith(_SHM))
    return any(each.exists() and each.samefile(path) for each in others)


def _head(path: Path) -> bytes | None:
    """Return how a regular file begins that is no database; None where there is none.

    No pipe or device is opened.
    """
    if _regular(path) is None:
        return None
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def companion_of(place: Path) -> tuple[Path, str] | None:
    """Return beside which database a path lies by its name, and the suffix; None where it is no companion.

    It need not be there: whatever were written there would be taken for the companion. The case of the suffix
    does not matter, as on some file systems it does not.

    Args:
        place: with links resolved.

    Raises:
        OSError: what may be the database cannot be read.
    """
    for suffix in (*OF_SQLITE, *COMPANIONS):
        if place.name[-len(suffix) :].lower() == suffix and len(place.name) > len(suffix):
            beside = place.with_name(place.name[: -len(suffix)])
            mark = mark_of(beside)
            if mark == LEDGER_MARK or (mark is not None and suffix in OF_SQLITE):
                return beside, suffix
            if suffix in OF_SQLITE and (inner := companion_of(beside)) is not None:
                return inner
    return None


def holds_columns(folder: Path) -> bool:
    """Whether a folder's manifest is that of columns, by how it begins: it may be damaged after that."""
    try:
        head = _head(folder / COLUMNS_MANIFEST)
    except OSError:
        return False
    return head is not None and _MANIFEST.match(head) is not None


def _found(place: Path) -> _Found | None:
    """Return what a path with links resolved names; None where nothing is there that anybody would miss."""
    try:
        return _by_place(place) or _by_content(place)
    except PermissionError:
        return _Found("a file that cannot be read, so that nobody can say what it is")


def _by_place(place: Path) -> _Found | None:
    """Return what a path names by where it lies, or as it is no file.

    Raises:
        OSError: it is a folder.
    """
    beside = companion_of(place)
    if beside is not None:
        return _Found(f"kept for what lies beside the database {beside[0]}")
    if holds_columns(place.parent):
        return _Found("in a folder of columns")
    if place.exists() and (of := companion_of(place.parent)) is not None and of[1] == RECEIPTS_SUFFIX:
        return _Found("a receipt of an erasure")
    if place.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder; name a file in it")
    return _Found("a disk") if place.is_block_device() else None


def _by_content(place: Path) -> _Found | None:
    """Return what a file is by how it begins, or what lies beside it."""
    status = _regular(place)
    if status is None:
        return None
    if _is_shm(place, status):
        return _OF_SQLITE_FILE
    mark = mark_of(place)
    if mark in MARKED:
        return _Found(MARKED[mark])
    for suffix in ("-wal", "-journal"):
        with suppress(OSError):
            if _is_of_sqlite(_head(place.with_name(place.name + suffix)) or b""):
                return _Found("a database that is in use")
    if mark is not None:
        return _ANOTHERS
    head = _head(place)
    return None if head is None else _of_head(head)


def _of_head(head: bytes) -> _Found:
    """Return what a file that is no database is, by how it begins."""
    if _is_of_sqlite(head):
        return _OF_SQLITE_FILE
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_SIGNING_KEY):
        return _Found("a signing key")
    if _CHECKPOINT.match(head):
        return _CHECKPOINT_FILE
    return _PLAIN


_PLAIN: Final = _Found("there already", replaceable=True)
_ANOTHERS: Final = _Found("the database of another program", replaceable=True)
_OF_SQLITE_FILE: Final = _Found("a file that SQLite keeps beside a database")
_CHECKPOINT_FILE: Final = _Found("a checkpoint, which only a newer one may replace")


def _is_of_sqlite(head: bytes) -> bool:
    """Whether a file begins as those do that SQLite keeps beside a database."""
    version = head[:4]
    return (
        version in _WAL
        or head.startswith(_JOURNAL)
        or (
            int.from_bytes(version, sys.byteorder) == _SHM_VERSION
            and head[:_SHM_HEADER] == head[_SHM_HEADER : 2 * _SHM_HEADER]
        )
    )


def _resolved(path: str | os.PathLike[str]) -> Path:
    """Return a path with links resolved. ``~`` is a name as any other: shells know what it means.

    Raises:
        StorageError: it is no path.
    """
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:  # it has a NUL
        raise StorageError(f"{shown(os.fspath(path), 200)} cannot be written: {error}") from error


def _descriptor(path: str | os.PathLike[str]) -> int | None:
    """Return which open file of this process a path names, as ``/dev/stdout`` does; None for none."""
    name = os.path.abspath(path)  # noqa: PTH100 — links stay
    for _ in range(_MOST_LINKS):
        if name in _STREAMS:
            return _STREAMS[name]
        if (found := _DESCRIPTOR.fullmatch(name)) is not None:
            return int(found[1])
        try:
            name = os.path.normpath(os.path.join(os.path.dirname(name), os.readlink(name)))  # noqa: PTH115, PTH118, PTH120 — text
        except (OSError, ValueError):  # no link
            return None
    return None


def may_be_written(
    path: str | os.PathLike[str], *, replace: bool = False, checkpoint: bool = False, field: str = "path"
) -> Path | int:
    """Refuse a path that a user named for something to be written to, unless nothing is lost by it.

    Pipes and character devices are written to, and so is what this process has open already.

    Args:
        path: of the file.
        replace: whether a plain file that is there is to be replaced.
        checkpoint: whether it is a checkpoint that will be written, which may replace an older one.
        field: what the path is called where it was given.

    Returns:
        The path with links resolved; or which open file of this process it names.

    Raises:
        PathTaken: something is there that would be lost.
        StorageError: it is no path, or a folder.
    """
    place = _resolved(path)
    handle = _descriptor(path)
    if handle is not None:
        refuse_stream(handle, field=field)
        return handle
    try:
        found = _found(place)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error
    if found is None:
        return place
    if found is _CHECKPOINT_FILE and checkpoint:
        found = _Found("a checkpoint that is there already", replaceable=True)
    if found.replaceable and replace:
        return place
    raise PathTaken(
        f"{path} is {found.what}; {_REPLACE if found.replaceable else 'name another file'}", field=field
    )


def refuse_stream(stream: int | IO[bytes], *, field: str = "path") -> None:
    """Refuse an open file that is a ledger, something beside one, or a key: as ``>> reps.db`` opens it.

    Raises:
        PathTaken: it is.
    """
    try:
        handle = stream if isinstance(stream, int) else stream.fileno()
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return
        place = Path(os.path.realpath(f"/dev/fd/{handle}"))
    except (AttributeError, OSError, ValueError):  # it is no open file
        return
    found = _found(place)
    if found is not None and not found.replaceable:
        raise PathTaken(f"{place} is {found.what}; name another file", field=field)


@contextmanager
def output_file(
    path: str | os.PathLike[str],
    *,
    replace: bool = False,
    checkpoint: bool = False,
    secret: bool = False,
    field: str = "path",
) -> Iterator[IO[bytes]]:
    """Open a file that a user named for something to be written to; see `may_be_written`.

    It is there once it is complete, as `atomic_write` says. If another file appeared there meanwhile, that
    one stays and this one is not written.

    Args:
        path: of the file.
        replace: whether a plain file that is there is to be replaced.
        checkpoint: whether it is a checkpoint that is written.
        secret: whether only its owner may read it.
        field: what the path is called where it was given.

    Raises:
        PathTaken: something is there that would be lost.
        StorageError: it cannot be written; what was there before stays.
    """

    def judged() -> Path | int:
        return may_be_written(path, replace=replace, checkpoint=checkpoint, field=field)

    place = judged()
    try:
        if isinstance(place, int):
            with os.fdopen(os.dup(place), "wb") as stream:
                yield stream
        else:
            with atomic_write(place, placing=judged, exclusive=not replace, secret=secret) as file:
                yield file
    except FileExistsError as error:
        raise PathTaken(f"{path} appeared while it was written; {_REPLACE}", field=field) from error
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror or error}") from error


def claim_database(path: Path, mark: int, *, field: str) -> None:
    """Refuse a path for a database of ours that holds something else.

    An empty file is one that SQLite began and a crash left, and holds nothing.

    Args:
        path: of the file.
        mark: the application id that it must have, if it is there.
        field: what the path is called where it was given.

    Raises:
        PathTaken: something else is there, or the place is kept for something else.
        OSError: it cannot be read.
    """
    place = _resolved(path)
    beside = companion_of(place)
    if beside is not None and (beside[1] in OF_SQLITE or _SUFFIX_OF.get(mark) != beside[1]):
        raise PathTaken(f"{path} is kept for what lies beside {beside[0]}; name another file", field=field)
    if holds_columns(place.parent):
        raise PathTaken(f"{path} is in a folder of columns; name another file", field=field)
    if not place.exists():
        return
    status = _regular(place)
    wanted = MARKED.get(mark, "a file of views").removeprefix("a ")
    if status is None:
        raise PathTaken(f"{path} must be a file: it is no {wanted}; name another file", field=field)
    if status.st_size == 0 or mark_of(place) == mark:
        return
    found = _by_content(place)
    known = "" if found is None or found == _PLAIN else f" {found.what}, and"
    raise PathTaken(f"{path} is{known} no {wanted}; name another file", field=field)


_SUFFIX_OF: Final = {TREE_MARK: TREE_SUFFIX, STATE_MARK: STATE_SUFFIX, VIEWS_MARK: VIEWS_SUFFIX}


def claim_folder(
    path: str | os.PathLike[str], ours: Callable[[Path], bool], what: str, *, field: str = "folder"
) -> None:
    """Refuse a folder that was named for something of ours and holds something else.

    Args:
        path: of the folder; it may be missing, or empty.
        ours: whether what a folder holds is ours, by the mark that it carries.
        what: of ours it should be.
        field: what the path is called where it was given.

    Raises:
        PathTaken: it holds something else, or the place is kept for something else.
        StorageError: it is no path.
    """
    place = _resolved(path)
    beside = companion_of(place)
    if (beside is not None and beside[1] != COLUMNS_SUFFIX) or holds_columns(place.parent):
        raise PathTaken(f"{path} is kept for something else; name a new folder", field=field)
    if not place.exists():
        return
    if not place.is_dir():
        raise PathTaken(f"{path} is no folder; name a new folder", field=field)
    if any(place.iterdir()) and not ours(place):
        raise PathTaken(f"{path} holds something else than {what}; name a new folder", field=field)


@contextmanager
def atomic_write(
    path: str | os.PathLike[str],
    *,
    name_of: Callable[[BufferedRandom], str] | None = None,
    sync: bool = True,
    placing: Callable[[], object] | None = None,
    exclusive: bool = False,
    secret: bool = False,
) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the place of another once it is complete and on disk.

    It guards nothing: it is for files of our own. What a user named is written by `output_file`.

    It is written in the same folder under a random name. When the block ends without an error
    the file is synced to disk, renamed, and its folder is synced; on an error it is removed. So
    neither a crash nor another process that writes the same file leaves half of one, and no file
    renamed later in the same folder survives a power cut that this one does not.

    A link is followed, and a file that is replaced keeps its mode. A path that is not a regular
    file (a pipe, a device) is written to directly.

    Args:
        path: of the file.
        name_of: returns the name for the file in the folder of ``path``, where that depends on its
            content; it is given the complete file, open for reading at its start.
        sync: whether to sync the folder. To write many files and then one that names them, pass
            False and call `sync_folder` once, before writing the last.
        placing: called when the file is complete, just before it takes its place; it may raise.
        exclusive: whether there must be no file in its place.
        secret: whether only its owner may read it, from its first byte on.

    Raises:
        OSError: it cannot be written; what was there before stays.
        FileExistsError: there is a file, and there must be none.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    draft = draft_beside(target)
    try:
        with draft.open("xb+") as file:
            if secret:
                draft.chmod(OWNER_ONLY)
            yield file
            file.flush()
            os.fsync(file.fileno())
            if name_of is not None:
                file.seek(0)
                target = target.with_name(name_of(file))
        if placing is not None:
            placing()
        if exclusive:
            _place(draft, target)
        else:
            if target.exists() and not secret:
                draft.chmod(stat.S_IMODE(target.stat().st_mode))
            draft.replace(target)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(target.parent)


def read_secret(path: str | os.PathLike[str], most: int) -> bytes:
    """Return what is in the file of a key, which nobody but its owner may read or write.

    What is no file, such as a pipe from a program that keeps keys, is read whatever its mode.

    Args:
        path: of the file.
        most: bytes to read at most.

    Raises:
        InvalidInput: others may read or write it.
        StorageError: it cannot be read.
    """
    try:
        if mark_of(Path(path)) is not None:
            raise InvalidInput(f"{path} is a database, and no key", field="key")
        with open(path, "rb") as file:  # noqa: PTH123 — the path may be a number's, as in /dev/fd
            why = not_secret(os.fstat(file.fileno()))
            if why is None:
                return file.read(most)
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror or error}") from error
    raise InvalidInput(
        f"{path} {why}: run chmod 600 {path}, and where others may have read it, make a new key", field="key"
    )


def not_secret(status: os.stat_result) -> str | None:
    """Return why the file of a key is not its owner's alone, in words; None where it is."""
    mode = stat.S_IMODE(status.st_mode)
    if os.name != "posix" or not stat.S_ISREG(status.st_mode) or not mode & _OTHERS:
        return None
    return f"is a key, and others than its owner may use it (mode {mode:03o})"


def create_empty(path: Path) -> None:
    """Make an empty file for a database, unless there is a file.

    Its mode follows the umask; SQLite by itself lets nobody but its owner write to it. Where none can
    be made, SQLite is the one to say so.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))


_OTHERS: Final = 0o077
OWNER_ONLY: Final = 0o600
"""The mode of a file that only its owner may read and write."""

DRAFT: Final = re.compile(r"\.reps-[0-9a-f]{16}\.tmp")
"""The names of files that are not complete yet; older ones were left by a crash."""


def draft_beside(target: Path) -> Path:
    """Return a new name in the folder of a file, for what is to take its place once it is complete."""
    return target.with_name(f".reps-{secrets.token_hex(8)}.tmp")


def _place(draft: Path, target: Path) -> None:
    """Give a file its name, unless another file has it.

    Raises:
        FileExistsError: another has.
    """
    try:
        os.link(draft, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links. Here the name is taken by an empty file for a moment.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        draft.replace(target)
    else:
        draft.unlink()


@contextmanager
def new_file(path: str | os.PathLike[str], *, companions: Sequence[str] = ()) -> Iterator[Path]:
    """Give a name that nobody has to a file, once it is complete and on disk.

    The block writes a draft in the same folder, which only its owner may read until the block says
    otherwise. When the block ends without an error, the draft is synced and gets its name, unless
    something has that name by then; on an error it is removed.

    Args:
        path: of the new file. A link is followed.
        companions: what the names of files that the block may leave beside the draft have added.

    Yields:
        The path of the draft.

    Raises:
        FileExistsError: there is something at the path; it stays as it is.
        OSError: it cannot be written.
    """
    target = Path(os.path.realpath(path))
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    draft = draft_beside(target)
    try:
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            yield draft
            os.fsync(handle)
        finally:
            os.close(handle)
        _place(draft, target)
    finally:
        with suppress(OSError):
            for suffix in ("", *companions):
                draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    sync_folder(target.parent)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Sync a folder to disk, so that files renamed in it stay renamed after a power cut.

    Raises:
        OSError: it cannot be synced.
    """
    if os.name == "posix":  # elsewhere a folder cannot be opened, and need not be
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
