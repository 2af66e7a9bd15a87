"""The queue in which processes wait to write to one ledger file.

SQLite keeps no order among writers: who waits looks again after pauses that grow to a tenth of a second,
while who wrote last is back within microseconds. So writers first wait in a queue, and only its head asks
SQLite for the file. Where the queue fails, order is lost and nothing else: SQLite's own lock keeps writers
apart all the same.

The queue is a companion file, and to be in it is to have a byte of it locked. Who finds nobody there, which
is usual, locks its first byte. Others number themselves as they come, and lock one byte each, their ticket.
They wait for the lock on the ticket before their own, which the system gives them as soon as its holder lets
go of it, or dies. (This is the queue lock of Craig, and of Landin and Hagersten, over ranges of bytes.)

The locks are Linux's open file description locks: they belong to an opening of the file, not to a process, so
that they are not lost where another descriptor of the file is closed. They cannot be waited for with a limit
of time; so a thread of its own waits, and whoever wants the turn waits for that thread.
"""

from __future__ import annotations

import errno
import os
import stat
import struct
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

HAS_LOCKS: Final = sys.platform == "linux" and sys.maxsize > 1 << 32
"""Whether there can be a queue here; `_FLOCK` is as Linux with 64 bits has it."""

if HAS_LOCKS:
    import fcntl

_FLOCK: Final = struct.Struct("hhqqi4x")  # struct flock: type, whence, start, length, process
_MARK: Final = b"repsturn"  # with which the file begins; the number of the last ticket follows
_COUNTER: Final = struct.Struct("<q")
_BYTES: Final = len(_MARK) + _COUNTER.size
_FIRST: Final = 0  # the byte of who found nobody there
_DOOR: Final = 1  # that of who draws a ticket
_TICKETS: Final = _BYTES  # that of ticket 0
_MOST: Final = 1 << 62
_TAKEN: Final = frozenset({errno.EAGAIN, errno.EACCES})
if HAS_LOCKS:
    _LOCK_ALL: Final = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _FIRST, 0, 0)
    _UNLOCK_REST: Final = _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, _FIRST + 1, 0, 0)
    _UNLOCK_FIRST: Final = _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, _FIRST, 1, 0)
_DOOR_SECONDS: Final = 0.1
_DOOR_PAUSE: Final = 0.000_05
_IDLE_SECONDS: Final = 10.0


class _Tickets:
    """The file of a queue, open.

    Args:
        ledger: the ledger's file, whose owner and mode a new one gets.
        path: of the queue's file.

    Raises:
        OSError: it cannot be opened, or is something else.
    """

    def __init__(self, ledger: Path, path: Path) -> None:
        self._path = path
        self.file = _opened(ledger, path)

    def is_there(self) -> bool:
        """Whether the file was not removed."""
        return os.fstat(self.file).st_nlink > 0

    def is_empty(self) -> bool:
        """Lock the first byte if nobody is in the queue; say whether that is so.

        Raises:
            OSError: the file cannot be locked here.
        """
        try:
            fcntl.fcntl(self.file, fcntl.F_OFD_SETLK, _LOCK_ALL)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            return False
        fcntl.fcntl(self.file, fcntl.F_OFD_SETLK, _UNLOCK_REST)
        return True

    def draw(self) -> int:
        """Lock a new ticket, and return it.

        Raises:
            OSError: the file is something else, or cannot be locked here.
        """
        self._enter()
        try:
            ticket = self._last() + 1
            _lock(self.file, _TICKETS + ticket)
            os.pwrite(self.file, _MARK + _COUNTER.pack(ticket), 0)
        finally:
            _unlock(self.file, _DOOR)
        return ticket

    def _enter(self) -> None:
        """Lock the door, which everybody holds for some microseconds only."""
        deadline = 0.0
        while not _lock(self.file, _DOOR):
            now = time.monotonic()
            deadline = deadline or now + _DOOR_SECONDS
            if now > deadline:
                raise OSError(errno.EAGAIN, "the door of the queue stays locked", str(self._path))
            time.sleep(_DOOR_PAUSE)

    def _last(self) -> int:
        """Return the ticket that was drawn last."""
        found = os.pread(self.file, _BYTES + 1, 0)
        if not found:
            return 0
        if len(found) != _BYTES or not found.startswith(_MARK):
            raise OSError(errno.EEXIST, "this is no queue of ours", str(self._path))
        last: int = _COUNTER.unpack_from(found, len(_MARK))[0]
        return last if 0 <= last < _MOST else 0  # whoever wrote another number there did not count

    def close(self) -> None:
        """Close the file, and remove it where nobody else is in the queue."""
        with suppress(OSError):
            if self.is_empty():
                self._last()  # or it is not ours to remove
                there, own = os.stat(self._path, follow_symlinks=False), os.fstat(self.file)  # noqa: PTH116 — one call
                if (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino):
                    self._path.unlink()
        os.close(self.file)


def _opened(ledger: Path, path: Path) -> int:
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    while True:
        with suppress(FileNotFoundError):
            file = os.open(path, flags)
            if stat.S_ISREG(os.fstat(file).st_mode):
                return file
            os.close(file)
            raise OSError(errno.EEXIST, "this is no file", str(path))
        with suppress(FileExistsError):
            return _created(ledger, path, flags)


def _created(ledger: Path, path: Path, flags: int) -> int:
    """Make the file as SQLite makes those beside a database: for all who may write to that."""
    like = ledger.stat()
    mode = stat.S_IMODE(like.st_mode) & 0o666
    file = os.open(path, flags | os.O_CREAT | os.O_EXCL, mode)
    with suppress(OSError):
        os.fchmod(file, mode)
        if os.geteuid() == 0:
            os.fchown(file, like.st_uid, like.st_gid)
    return file


def _lock(file: int, at: int, *, length: int = 1) -> bool:
    """Lock bytes of a file, from one on; say whether nobody else has them."""
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, at, length, 0))
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    return True


def _await_lock(file: int, at: int) -> None:
    """Lock a byte of a file, however long that takes."""
    fcntl.fcntl(file, fcntl.F_OFD_SETLKW, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, at, 1, 0))


def _unlock(file: int, at: int) -> None:
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, at, 1, 0))


def _closed_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class Turn:
    """The place of one process in the queue of one ledger file; one thread at a time may use it.

    Args:
        ledger: the ledger's file.
        path: of the queue's file.
    """

    def __init__(self, ledger: Path, path: Path) -> None:
        self._ledger = ledger
        self._path = path
        self._works = HAS_LOCKS
        self._guard = threading.Lock()  # of all below
        self._tickets: _Tickets | None = None
        self._is_first = False  # whether the first byte is locked
        self._ticket: int | None = None  # that is locked: in the queue, or at its head
        self._wanted = False  # whether whoever drew it still wants it
        self._waits: int | None = None  # a descriptor, by which the thread waits for the ticket before it
        self._thread: threading.Thread | None = None
        self._asked, self._came = _closed_lock(), _closed_lock()

    def take(self, timeout: float) -> bool | None:
        """Wait for the turn. Who did not get it, and asks again, waits on at the same place; else `leave`.

        Returns:
            Whether it came within ``timeout`` seconds; None where there is no queue here.
        """
        if not self._works:
            return None
        try:
            with self._guard:
                if self._waits is not None:
                    self._wanted = True  # at the same place, though it was left
                elif self._ticket is None or not self._wanted:
                    if self._found_nobody():
                        return True
                    self._draw()
            return self._came.acquire(timeout=timeout)
        except (OSError, RuntimeError):
            # No such locks on this file system, no right to the file, no descriptor or thread left.
            self._works = False
            self.close()
            return None
        except BaseException:  # wherever it was interrupted: nothing of it stays locked
            self.close()
            raise

    def leave(self) -> None:
        """Let the turn go to the next, or leave the queue."""
        with self._guard:
            if self._is_first:
                assert self._tickets is not None, "it locked the byte"
                fcntl.fcntl(self._tickets.file, fcntl.F_OFD_SETLK, _UNLOCK_FIRST)
                self._is_first = False
            elif self._ticket is not None:
                self._leave()

    def close(self) -> None:
        """Leave the queue and close its file; it is opened again when it is needed."""
        with self._guard:
            self._is_first = False
            self._leave()
            tickets, self._tickets = self._tickets, None
        if tickets is not None:
            tickets.close()

    def disown(self) -> None:
        """Close, in a process that was forked, what belongs to its parent; nothing else may follow."""
        for file in (self._waits, self._tickets.file if self._tickets is not None else None):
            if file is not None:
                os.close(file)

    def anew(self) -> Turn:
        """Return a place in the same queue for another process."""
        return Turn(self._ledger, self._path)

    def _found_nobody(self) -> bool:
        """Whether nobody is in the queue; then this is its head."""
        tickets = self._tickets
        if tickets is None or not tickets.is_there():
            tickets = self._reopened()
        if self._ticket is not None:  # of whoever was interrupted in the middle of this
            self._leave()
        self._is_first = True  # before it is locked, so that an interrupt leaves nothing locked
        self._is_first = tickets.is_empty()
        return self._is_first

    def _reopened(self) -> _Tickets:
        if self._tickets is not None:
            os.close(self._tickets.file)
            self._tickets = None
        self._tickets = _Tickets(self._ledger, self._path)
        return self._tickets

    def _draw(self) -> None:
        """Draw a ticket, and have the thread wait for the one before it."""
        assert self._tickets is not None, "it was opened"
        if self._thread is None:
            thread = threading.Thread(target=self._wait, name="reps-ledger-turn", daemon=True)
            thread.start()
            self._thread = thread
        self._wanted = True
        self._ticket = self._tickets.draw()
        try:
            self._waits = os.dup(self._tickets.file)
        finally:  # also where it is interrupted
            if self._waits is not None:
                self._asked.release()

    def _leave(self) -> None:
        """Let the ticket go; the thread does that, if it waits."""
        self._wanted = False
        if self._waits is None:
            self._came.acquire(blocking=False)
            if self._ticket is not None and self._tickets is not None:
                _unlock(self._tickets.file, _TICKETS + self._ticket)
            self._ticket = None

    def _wait(self) -> None:
        """Wait for tickets, in a thread, until nothing was asked of it for some seconds."""
        while True:
            if not self._asked.acquire(timeout=_IDLE_SECONDS):
                with self._guard:
                    if self._waits is None:
                        self._thread = None
                        return
                continue
            file, ticket = self._waits, self._ticket
            assert file is not None, "who asks opens it"
            assert ticket is not None, "who asks drew it"
            with suppress(OSError):  # then order is lost
                _await_lock(file, _TICKETS + ticket - 1)
                _unlock(file, _TICKETS + ticket - 1)
                _await_lock(file, _FIRST)
                _unlock(file, _FIRST)
            with self._guard:
                if not self._wanted:
                    with suppress(OSError):
                        _unlock(file, _TICKETS + ticket)
                    self._ticket = None
                os.close(file)
                self._waits = None
                if self._wanted:
                    self._came.release()
