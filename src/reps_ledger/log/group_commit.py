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

_LOOK_SECONDS: Final = 0.25
"""How long a call waits to be told before it looks whether anybody leads."""


class Outcome(Protocol):
    """Where a transaction says whether it was committed, for who was interrupted before it was told."""

    committed: bool


class Transactions(Protocol):
    """A log in which one transaction after another can be made."""

    def transact(self, run: Callable[[], None], timeout: float, outcome: Outcome) -> None:
        """Begin a transaction within some seconds, run something in it, and commit what it appended."""

    def mark(self) -> int | None:
        """Return what differs once the transaction holds more; None where it was ended, or is not whole."""


class _Batch:
    """Calls that are done in one transaction, in their order.

    Attributes:
        committed: whether what they did is there for good.
        closed: whether everybody was told.
    """

    __slots__ = ("calls", "closed", "committed")

    def __init__(self) -> None:
        self.calls: list[_Call[Any]] = []
        self.committed = False
        self.closed = False

    def add(self, call: _Call[Any]) -> None:
        """Add a call."""
        call.batch = self
        self.calls.append(call)

    def take_back(self) -> None:
        """Tell the calls that nothing of what they did is kept."""
        for each in self.calls:
            each.undone()

    def close(self) -> None:
        """Tell their threads that they are done."""
        for each in self.calls:
            each.tell()
        self.closed = True


class _Call(Generic[T]):
    """What one thread wants done, and what became of it."""

    __slots__ = ("batch", "came", "context", "done", "error", "result", "thread", "undone", "weight", "work")

    def __init__(self, work: Callable[[], T], undone: Callable[[], None], weight: int) -> None:
        self.work = work
        self.undone = undone
        self.weight = weight
        self.thread = threading.get_ident()
        self.context = contextvars.copy_context()
        self.came = threading.Lock()  # released once it is done, or its thread may lead
        self.came.acquire()
        self.batch: _Batch | None = None  # in which it was done last
        self.done = False
        self.result: T
        self.error: BaseException | None = None

    def do(self) -> None:
        """Do it, in the context variables of the thread that wants it."""
        self.error = None
        try:
            own = self.thread == threading.get_ident()
            self.result = self.work() if own else self.context.run(self.work)
        except KeyboardInterrupt:  # of the thread that leads: a signal knows nothing of queues
            raise
        except BaseException as error:  # noqa: BLE001 — it is raised in the thread that it concerns
            self.error = error

    def fail(self, error: Exception) -> None:
        """Have it end in an error of several."""
        self.error = error if self.thread == threading.get_ident() else _copied(error)

    def tell(self) -> None:
        """Have its thread go on: it is done."""
        self.done = True
        self.wake()

    def wake(self) -> None:
        """Have its thread look whether it is done, or may lead."""
        with suppress(RuntimeError):  # it was woken before, and did not look yet
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

    Interrupts come anywhere. So whoever leads holds a lock, by ``with``, which none leaves locked; whoever
    waits is told, and also looks now and then whether anybody leads; and what became of a call is known by
    whether its batch was committed, also to who finds that it was told nothing. Signals are handled in the
    main thread: this leads for itself alone, so that an error which a handler raises is its own.

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
        self._guard = threading.Lock()  # of the queue
        self._waiting: deque[_Call[Any]] = deque()
        self._leads = threading.Lock()
        self._doing: int | None = None  # the thread that does calls
        self._last: _Batch | None = None

    def run(self, work: Callable[[], T], *, undone: Callable[[], None], weight: int = 1) -> T:
        """Do something in a transaction, alone or with others; return once that is committed.

        Args:
            work: is called in the transaction; again, where a transaction was lost. That may be in the thread
                of another caller, with the context variables of this one.
            undone: is called where ``work`` was called, and what it did was taken back.
            weight: how much there is to do, of `MOST`.

        Raises:
            Busy: its turn did not come in time; nothing was done.
            ConfigurationError: it is called by what runs in such a transaction.
        """
        if self._process != os.getpid():  # after a fork: the other threads are not here
            self._begin_anew()
        if self._doing == threading.get_ident() and self._leads.locked():
            raise ConfigurationError(
                "a rule, or what it calls, records in the ledger that asks it; a rule only judges"
            )
        call = _Call(work, undone, weight)
        try:
            with self._guard:
                self._waiting.append(call)
            self._wait_or_lead(call)
        finally:
            if not call.done:
                with self._guard, suppress(ValueError):
                    self._waiting.remove(call)
                self._wake_next()
        return call.outcome()

    def _wait_or_lead(self, call: _Call[Any]) -> None:
        deadline = 0.0
        while not call.done:
            if self._may_lead(call):
                with self._leads:
                    if not call.done:
                        self._lead(call, self._timeout if not deadline else deadline - time.monotonic())
                self._wake_next()
                continue
            now = time.monotonic()
            deadline = deadline or now + self._timeout
            if not call.came.acquire(timeout=max(0.0, min(_LOOK_SECONDS, deadline - now))):
                self._look(call, deadline)

    def _may_lead(self, call: _Call[Any]) -> bool:
        """Whether nobody leads, and nobody who waits came before."""
        if self._leads.locked():
            return False
        with self._guard:
            return self._waiting[0] is call if call in self._waiting else True

    def _look(self, call: _Call[Any], deadline: float) -> None:
        """Look, as nobody told this call anything for a while, whether somebody leads.

        Raises:
            Busy: its turn did not come in time.
        """
        with self._guard:
            if call not in self._waiting:
                return  # it is being done, or whoever did it is gone
            if not self._leads.locked():  # whoever should lead is gone: do not wait for them
                self._waiting.remove(call)
                self._waiting.appendleft(call)
            elif time.monotonic() > deadline:
                raise Busy("other threads keep writing to this ledger; nothing was written, try again")

    def _wake_next(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting[0].wake()

    def _lead(self, call: _Call[Any], timeout: float) -> None:
        """Do a call and those that wait in one transaction, or each in one of its own where that fails."""
        self._doing = None
        self._make_up()
        if call.batch is not None and call.batch.committed:
            call.done = True  # whoever did it was interrupted before it was told
            return
        batch = self._last = _Batch()
        try:
            self._together(batch, call, max(0.0, timeout))
        except BaseException:
            if batch.committed:
                batch.close()
            else:  # interrupted, or not begun: the others are done by the next
                self._make_up()
                with self._guard:
                    self._waiting.extendleft(each for each in reversed(batch.calls) if each is not call)
            raise
        batch.close()

    def _make_up(self) -> None:
        """Take back what is left of a batch whose leader was interrupted."""
        last, self._last = self._last, None
        if last is not None and not last.closed and not last.committed:
            last.take_back()

    def _together(self, batch: _Batch, call: _Call[Any], timeout: float) -> None:
        ran = False

        def run() -> None:
            nonlocal ran
            self._take(batch, call)
            self._do(batch.calls)
            ran = True

        try:
            self._log.transact(run, timeout, batch)
        except Exception as error:
            if not batch.calls:
                raise  # it did not begin: the next call tries by itself
            if batch.committed:
                return  # what failed was not the commit
            batch.take_back()
            if ran:  # the commit failed, and with it whatever calls were told of each other
                for each in batch.calls:
                    each.fail(error)
            elif len(batch.calls) > 1:
                for each in batch.calls:
                    self._alone(each, timeout)

    def _take(self, batch: _Batch, call: _Call[Any]) -> None:
        """Take a call out of the queue and, but in the main thread, the oldest others that fit."""
        with self._guard:
            with suppress(ValueError):
                self._waiting.remove(call)
            batch.add(call)
            weight = call.weight
            while (
                self._waiting
                and weight + self._waiting[0].weight <= MOST
                and threading.current_thread() is not threading.main_thread()
            ):
                weight += self._waiting[0].weight
                batch.add(self._waiting.popleft())

    def _do(self, calls: Iterable[_Call[Any]]) -> None:
        """Do calls one after another.

        Raises:
            _Broken: one failed, and left something in the transaction, or ended it.
        """
        self._doing = threading.get_ident()
        try:
            for each in calls:
                mark = self._log.mark()
                each.do()
                if each.error is not None and self._log.mark() != mark:
                    raise _Broken
        finally:
            self._doing = None

    def _alone(self, call: _Call[Any], timeout: float) -> None:
        batch = self._last = _Batch()
        batch.add(call)
        try:
            self._log.transact(lambda: self._do([call]), timeout, batch)
        except Exception as error:  # noqa: BLE001 — it is raised in the thread that it concerns
            if not batch.committed:
                call.undone()
                if not isinstance(error, _Broken):
                    call.fail(error)
        batch.closed = True


def _copied(error: Exception) -> Exception:
    """Return an error for another thread to raise: each raise adds to what it says of where it was."""
    try:
        again = copy.copy(error)
    except Exception:  # noqa: BLE001 — not every class of errors can be copied
        return error
    again.__cause__ = error
    return again
