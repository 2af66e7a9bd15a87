"""Recorders that misbehave on purpose: at the moment of a call, or by what they answer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.persistence import IntegrityError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery

__all__ = ["Faulty", "conflict"]


def conflict() -> None:
    """Say that somebody else was first, as a recorder does."""
    raise IntegrityError("somebody was first")


class Faulty(DCBRecorder):
    """Passes calls on, and does something else before or after some of them.

    Args:
        inner: the recorder that does the work.
        before: what to do before the nth call, by the call's name and number from 1; number 0
            means before every one.
        after: what to do after it.
    """

    def __init__(
        self,
        inner: DCBRecorder,
        *,
        before: dict[tuple[str, int], Callable[[], None]] | None = None,
        after: dict[tuple[str, int], Callable[[], None]] | None = None,
    ) -> None:
        self.inner = inner
        self.before = before or {}
        self.after = after or {}
        self.calls: Counter[str] = Counter()

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        """Append, or not."""
        position: int = self._call("append", lambda: self.inner.append(events, condition))
        return position

    def read(
        self, query: DCBQuery | None = None, *, after: int | None = None, limit: int | None = None
    ) -> Any:
        """Read, or not."""
        return self._call("read", lambda: self.inner.read(query, after=after, limit=limit))

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> Any:
        """Subscribe."""
        return self.inner.subscribe(query, after=after)

    def _call(self, name: str, call: Callable[[], Any]) -> Any:
        self.calls[name] += 1
        moments = ((name, self.calls[name]), (name, 0))
        for moment in moments:
            self.before.get(moment, _nothing)()
        answer = call()
        for moment in moments:
            self.after.get(moment, _nothing)()
        return answer


def _nothing() -> None:
    """Do nothing."""
