"""Histories at an as-of, and how an as-of is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, tzinfo
from typing import TYPE_CHECKING

from attrs import field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.time import instant_of, last_of_day
from reps_ledger.errors import InvalidInput
from reps_ledger.log.drafts import Receipt

if TYPE_CHECKING:
    from reps_ledger.log.reading import Reading

__all__ = ["History", "as_instant", "known_position"]


def as_instant(value: date, zone: tzinfo, what: str = "valid_at") -> datetime:
    """Read an as-of: a date means the end of that day, so that all that happened on it counts."""
    if isinstance(value, datetime):
        return instant_of(value, what)
    if isinstance(value, date):
        return last_of_day(value, zone)
    raise InvalidInput(f"{what} must be a date or a datetime, not {value!r:.80}", field=what)


@frozen(eq=False)
class History(Iterable[Entry]):
    """Entries in effective order, corrections applied, at an as-of.

    The history of everyone is read anew, in bounded memory, each time that it is gone through.
    """

    _source: Callable[[], Iterable[Entry]] = field(repr=False)
    valid_at: datetime
    known_at: int

    def __iter__(self) -> Iterator[Entry]:
        return (entry for entry in self._source() if entry.occurred_at <= self.valid_at)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of it at once."""
        return tuple(self)


def known_position(known_at: int | Receipt | datetime | None, reading: Reading) -> int:
    """Return the position that ``known_at`` means, no later than the log's head.

    Raises:
        InvalidInput: it is neither a position, a receipt, a datetime nor None.
    """
    if known_at is None:
        return reading.known_at
    if isinstance(known_at, Receipt):
        return min(known_at.position, reading.known_at)
    if isinstance(known_at, datetime):
        return reading.position_of(instant_of(known_at, "known_at"))
    if type(known_at) is not int or known_at < 0:
        raise InvalidInput(
            f"known_at must be a position from 0, a receipt or a datetime, not {known_at!r:.80}",
            field="known_at",
        )
    return min(known_at, reading.known_at)
