"""Subscriptions: entries as they are recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from reps_ledger.domain.entries import Entry
from reps_ledger.log import EventLog

__all__ = ["Subscription"]


class Subscription(Iterator[Entry]):
    """Entries as they are recorded; waits for the next. Use it as a context manager."""

    def __init__(self, log: EventLog, after: int) -> None:
        self._log = log
        self._inner = log.follow(after=after)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._inner.__exit__(*exception)

    def __next__(self) -> Entry:
        return self._log.entry(next(self._inner))

    def stop(self) -> None:
        """End the iteration, from any thread."""
        self._inner.stop()
