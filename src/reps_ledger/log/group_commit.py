"""Group commit: what several threads want done to a log is done in one transaction, with one commit.

Committing takes longer than the rest of a small write, and takes no longer for many writes than for one. So
while one thread commits, those that come queue what they want. Then the oldest of them leads: it does all of
it, one call after another, each seeing what those before it did, commits once, and everybody is told.
(DeWitt et al., "Implementation Techniques for Main Memory Database Systems", 1984.)
"""

from __future__ import annotations

import contextvars
import copy
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, Generic, Protocol, TypeVar

from reps_ledger.errors import Busy, ConfigurationError

T = TypeVar("T")

MOST: Final = 64
"""The weight of calls that are done in one transaction, unless one alone weighs more."""


class Transactions(Protocol):
    """A log in which one transaction after another can be made."""

    def transact(self, run: Callable[[], None], timeout: float) -> None:
        """Begin a transaction within some seconds, run something in it, and commit.

        Where that raises, nothing of it is kept. An error of the commit itself comes after ``run`` returned.
        """

    def mark(self) -> int | None:
        """Return what differs as soon as the transaction holds more; None where it was ended."""


class _Call(Generic[T]):
    """What one thread wants done, and what became of it."""

    __slots__ = ("came", "context", "done", "error", "finished", "result", "undone", "weight", "work")

    def __init__(self, work: Callable[[], T], undone: Callable[[], None], weight: int) -> None:
        self.work = work
        self.undone = undone
        self.weight = weight
        self.came: threading.Lock | None = None  # released once it is done, or its thread leads
        self.context: contextvars.Context | None = None  # of its thread, where another one may do it
        self.finished = False  # whether it is known what came of it
        self.done = False  # whether its thread was told
        self.result: T
        self.error: BaseException | None = None

    def do(self) -> None:
        """Do it, in the context variables of the thread that wants it."""
        self.error = None
        try:
            self.result = self.work() if self.context is None else self.context.run(self.work)
        except KeyboardInterrupt:  # of the thread that leads: a signal knows nothing of queues
            raise
        except BaseException as error:  # noqa: BLE001 — it is raised in the thread that it concerns
            self.error = error

    def fail(self, error: Exception) -> None:
        """Have it end in an error of several."""
        self.error = error if self.came is None else _copied(error)
        self.finished = True

    def tell(self) -> None:
        """Have its thread go on."""
        self.done = True
        if self.came is not None:
            self.came.release()

    def outcome(self) -> T:
        """Return what came of it, or raise."""
        if self.error is not None:
            raise self.error
        return self.result


class _Broken(Exception):
    """A call failed in such a way that the transaction is lost to all of them."""


class GroupCommit:
    """The queue of the threads of one process that write to one log.

    Args:
        log: in which transactions are made.
        timeout: how many seconds a call waits for its turn.
    """

    def __init__(self, log: Transactions, timeout: float) -> None:
        self._log = log
        self._timeout = timeout
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._process = os.getpid()
        self._guard = threading.Lock()
        self._waiting: deque[_Call[Any]] = deque()
        self._leader: _Call[Any] | None = None
        self._leading: int | None = None  # the thread that is in a transaction

    def run(self, work: Callable[[], T], *, undone: Callable[[], None], weight: int = 1) -> T:
        """Do something in a transaction, alone or with others; return once that is committed.

        Args:
            work: is called in the transaction; again, where a transaction of several failed. That may be in
                the thread of another caller, with the context variables of this one.
            undone: is called where ``work`` was called, and what it did was taken back.
            weight: how much there is to do, of `MOST`.

        Raises:
            Busy: its turn did not come in time; nothing was done.
            ConfigurationError: it is called by what runs in such a transaction.
        """
        if self._process != os.getpid():  # after a fork: the other threads are not here
            self._begin_anew()
        if self._leading == threading.get_ident():
            raise ConfigurationError(
                "a rule, or what it calls, records in the ledger that asks it; a rule only judges"
            )
        call = _Call(work, undone, weight)
        try:
            left = self._timeout
            if self._joined(call):
                left = self._await(call)
            if not call.done:
                self._lead(call, left)
        finally:
            if not call.done:
                self._leave(call)
        return call.outcome()

    def _joined(self, call: _Call[Any]) -> bool:
        """Queue a call; say whether another one leads."""
        with self._guard:
            leads = self._leader is None
            if leads:
                self._leader = call
            else:
                call.came = threading.Lock()
                call.came.acquire()
                call.context = contextvars.copy_context()
            self._waiting.append(call)
        return not leads

    def _await(self, call: _Call[Any]) -> float:
        """Wait until a call is done, or leads; return how many seconds it may wait on."""
        assert call.came is not None, "it was queued"
        deadline = time.monotonic() + self._timeout
        if not call.came.acquire(timeout=min(self._timeout, threading.TIMEOUT_MAX)):
            with self._guard:
                if call in self._waiting:
                    raise Busy("other threads keep writing to this ledger; nothing was written, try again")
            call.came.acquire()  # it is being done
        return max(0.0, deadline - time.monotonic())

    def _leave(self, call: _Call[Any]) -> None:
        """Take a call that was not done out of the queue; if it leads, the oldest of the others does."""
        with self._guard:
            with suppress(ValueError):
                self._waiting.remove(call)
            self._pass_on(call)

    def _pass_on(self, call: _Call[Any]) -> None:
        """Have the oldest call lead, where one leads that is done or gives up."""
        if self._leader is call:
            self._leader = self._waiting[0] if self._waiting else None
            if self._leader is not None and self._leader.came is not None:
                self._leader.came.release()

    def _lead(self, call: _Call[Any], timeout: float) -> None:
        """Do a call and those that wait in one transaction, or each in one of its own where that fails."""
        taken: list[_Call[Any]] = []
        try:
            self._together(taken, timeout)
        finally:
            with self._guard:
                if call.finished:
                    self._pass_on(call)
                else:  # interrupted, or not begun: those that are not done wait on, in their order
                    self._waiting.extendleft(each for each in reversed(taken) if not each.finished)
            for each in taken:
                if each.finished:
                    each.tell()

    def _together(self, taken: list[_Call[Any]], timeout: float) -> None:
        ran = False

        def run() -> None:
            nonlocal ran
            self._take(taken)
            self._do(taken)
            ran = True

        try:
            self._log.transact(run, timeout)
        except BaseException as error:
            for each in taken:
                each.undone()
            if not taken or not isinstance(error, Exception):
                raise  # it did not begin, or was interrupted: the others try again by themselves
            if ran:  # the commit failed, and with it whatever calls were told of each other
                for each in taken:
                    each.fail(error)
            elif len(taken) > 1:
                for each in taken:
                    self._alone(each, timeout)
        for each in taken:
            each.finished = True

    def _take(self, taken: list[_Call[Any]]) -> None:
        """Take the oldest calls out of the queue, as many as one transaction does."""
        with self._guard:
            weight = 0
            while self._waiting and (not taken or weight + self._waiting[0].weight <= MOST):
                weight += self._waiting[0].weight
                taken.append(self._waiting.popleft())

    def _do(self, calls: Iterable[_Call[Any]]) -> None:
        """Do calls one after another.

        Raises:
            _Broken: one failed, and left something in the transaction, or ended it.
        """
        self._leading = threading.get_ident()
        try:
            for each in calls:
                mark = self._log.mark()
                each.do()
                if each.error is not None and self._log.mark() != mark:
                    raise _Broken
        finally:
            self._leading = None

    def _alone(self, call: _Call[Any], timeout: float) -> None:
        try:
            self._log.transact(lambda: self._do([call]), timeout)
        except BaseException as error:
            call.undone()
            if not isinstance(error, Exception):
                raise
            if not isinstance(error, _Broken):
                call.fail(error)
        call.finished = True


def _copied(error: Exception) -> Exception:
    """Return an error for another thread to raise: each raise adds to what it says of where it was."""
    try:
        again = copy.copy(error)
    except Exception:  # noqa: BLE001 — not every class of errors can be copied
        return error
    again.__cause__ = error
    return again
