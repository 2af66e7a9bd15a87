"""Following the log: what was recorded, then what is recorded from now on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from eventsourcing.dcb.api import DCBSubscription

from reps_ledger.errors import Closed

if TYPE_CHECKING:
    from eventsourcing.dcb.api import DCBQuery, DCBReadResponse, DCBSequencedEvent

    from reps_ledger.log.sqlite.recorder import SQLiteRecorder

__all__ = ["SQLiteSubscription"]

_POLL_SECONDS: Final = 0.05


class SQLiteSubscription(DCBSubscription["SQLiteRecorder"]):
    """Yields each matching event once, in order, and waits for the next when there is none.

    It is woken by appends through its own recorder, and asks for the head of the log twenty times
    a second to learn of those by other processes. That is one search in the file, as cheap as
    SQLite's ``data_version``, and needs no connection held open for each subscription.

    It has no thread: one thread iterates, and any thread may call ``stop``.
    """

    def __init__(self, recorder: SQLiteRecorder, query: DCBQuery | None, after: int | None) -> None:
        super().__init__(recorder, query, after)
        self._awake = threading.Event()
        self._response: DCBReadResponse | None = None  # None after a failure, to read again

    def __next__(self) -> DCBSequencedEvent:
        """Return the next event, however long that takes.

        Raises:
            StopIteration: the subscription was stopped, or its recorder closed.
        """
        while not self._has_been_stopped:
            try:
                event = self._next_recorded()
            except Closed:
                self.stop()
                break
            if event is not None:
                return event
            self._awake.wait(_POLL_SECONDS)
        raise StopIteration

    def _next_recorded(self) -> DCBSequencedEvent | None:
        """The next event there is by now, if there is one."""
        if self._response is None:
            # Cleared before looking: whatever is recorded after the look sets it again.
            self._awake.clear()
            if self._recorder.head() <= self._last_position:
                return None
            self._response = self._recorder.read(self._query, after=self._last_position)
        response, self._response = self._response, None
        for event in response:
            self._last_position = event.position
            self._response = response
            return event
        # None of those up to there matched; they need not be looked at again.
        self._last_position = max(self._last_position, response.head or 0)
        return None

    def wake(self) -> None:
        """End the wait, if there is one."""
        self._awake.set()

    def stop(self) -> None:
        """Stop the iteration, in whatever thread it waits."""
        super().stop()
        self._recorder.forget(self)
        self._awake.set()
