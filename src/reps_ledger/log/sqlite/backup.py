"""Copies of a ledger file: a backup while others write, and a restore. Whole and checked, or not there.

Both are SQLite's online backup (sqlite.org/backup.html) of one moment into a draft, which takes its
name once it was checked.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from reps_ledger.errors import Damaged, PathTaken, StorageError
from reps_ledger.files import OF_SQLITE, companion_of, new_file
from reps_ledger.log.sqlite.errors import KNOWN, is_damage, translated
from reps_ledger.log.sqlite.file import HEAD, index_problems, is_blank, left_beside, problems
from reps_ledger.log.sqlite.guards import altered
from reps_ledger.log.sqlite.mark import can_be_marked, clean
from reps_ledger.log.sqlite.pool import is_written_here, must_have_its_log_unless_open
from reps_ledger.log.sqlite.read_only import connect_to_read

Progress = Callable[[int, int], None]
"""Is called now and then with how many pages were copied, and of how many."""

_PAGES: Final = 1_000
"""Pages that are copied at a time: between these, signals are heard and others get the processor."""

_SHOWN: Final = 5
_TIMEOUT: Final = 5.0  # seconds that a restore waits for whoever opens or closes the backup


def back_up(
    source: sqlite3.Connection,
    own: Path | None,
    target: str | os.PathLike[str],
    on_progress: Progress | None = None,
) -> int:
    """Copy a ledger as a connection sees it now into a new file; return its last position.

    Others may append meanwhile. The copy has the permissions of the ledger's own file.

    Args:
        source: a connection to the ledger, in no transaction.
        own: the ledger's file; None for one in memory.
        target: the new file.
        on_progress: called now and then.

    Raises:
        Damaged: the copy is not whole, as the ledger is not.
        StorageError: there is something at the target, or it cannot be written. Nothing is left there.
    """
    path = Path(os.path.realpath(target))
    with _new_ledger(path, of=own) as draft:
        # With a transaction open, all of it is of one moment, and nobody's append begins it anew.
        source.execute("BEGIN")
        try:
            (head,) = source.execute(HEAD).fetchone()
            _copy(source, draft, path, on_progress)
        finally:
            if source.in_transaction:
                source.execute("ROLLBACK")
        _must_be_whole(draft, head)
        if own is not None and own.exists():
            draft.chmod(stat.S_IMODE(own.stat().st_mode))
    return int(head)


def restore(
    source: Path,
    target: str | os.PathLike[str],
    on_progress: Progress | None = None,
    *,
    incomplete: bool = False,
) -> int:
    """Make a new ledger of a backup; return its last position. The backup is only read.

    Args:
        source: the backup, or any ledger file; its write-ahead log, if it has one, is read with it.
        target: the new file.
        on_progress: called now and then.
        incomplete: whether it may lack what was in a write-ahead log that is not there.

    Raises:
        NotALedger: the backup is something else.
        Damaged: the backup is not whole.
        StorageError: there is no backup, there is something at the target, or it cannot be written.
    """
    try:
        if not source.is_file():
            raise StorageError(f"{source} cannot be restored: it is no file")
        if is_blank(source):
            raise StorageError(f"{source} cannot be restored: it is empty, and no ledger yet")
        if not incomplete:
            must_have_its_log_unless_open(source)
        shared = is_written_here(source)
        with closing(connect_to_read(source, _TIMEOUT, shared=shared)) as connection:
            return back_up(connection, source, target, on_progress)
    except KNOWN as error:
        raise translated(error, source) from error


@contextmanager
def _new_ledger(path: Path, *, of: Path | None) -> Iterator[Path]:
    """Yield a draft that becomes a new ledger file at a path; its errors are about that path."""
    _must_be_free(path, of)
    try:
        with new_file(path, companions=OF_SQLITE) as draft:
            yield draft
    except FileExistsError as error:
        raise StorageError(f"{path} is there already; name a new file") from error
    except OSError as error:
        raise translated(error, path) from error


def _must_be_free(path: Path, own: Path | None) -> None:
    """Refuse a path whose file would be taken for another's, or another's for its."""
    if own is not None and str(path) in {f"{own}{suffix}" for suffix in ("", *OF_SQLITE)}:
        raise StorageError(f"{path} is the ledger's own file; name another one")
    left = left_beside(path)
    if left is not None and not os.path.lexists(path):
        raise StorageError(left)
    beside = companion_of(path)
    if beside is not None:
        raise PathTaken(f"{path} is kept for what lies beside {beside[0]}; name another file", field="target")


def _copy(source: sqlite3.Connection, draft: Path, target: Path, on_progress: Progress | None) -> None:
    def progress(_: int, remaining: int, pages: int) -> None:
        if on_progress is not None:
            on_progress(pages - remaining, pages)

    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            # The draft is synced before it gets its name, and thrown away where that is not reached.
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            source.backup(connection, pages=_PAGES, progress=progress)
            clean(connection)
            connection.execute(can_be_marked())
    except sqlite3.Error as error:
        if is_damage(error):
            raise  # of the source: whoever lent it says so
        raise translated(error, target) from error


def _must_be_whole(draft: Path, head: int) -> None:
    with closing(sqlite3.connect(f"{draft.as_uri()}?immutable=1", uri=True)) as connection:
        found = [
            *altered(connection),
            *islice(problems(connection), _SHOWN),
            *islice(index_problems(connection), _SHOWN),
        ]
        if not found and connection.execute(HEAD).fetchone() != (head,):
            found = [f"{head} is its last position, and the copy has another"]
    if found:
        raise Damaged(f"what was to be copied is not whole, and nothing was written: {'; '.join(found)}")
