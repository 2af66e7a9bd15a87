"""Clocks that stand still during leave.

While somebody is on leave their clock does not run: nothing grows older, and a width is counted
back from the instant at which the leave began. Between leaves a width is as long as the calendar
makes it at that instant, and the leave inside it is skipped.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from reps_ledger.domain.time import FIRST, LAST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from reps_ledger.policies.language.widths import Width

__all__ = ["Leave", "paused_before", "paused_leaving"]

Leave = "Sequence[tuple[datetime, datetime | None]]"
"""Disjoint times of leave in order, each ``[start, end)``; None for no end in sight."""


def paused_before(
    leave: Sequence[tuple[datetime, datetime | None]], width: Width, at: datetime, zone: tzinfo
) -> datetime:
    """Return the instant such that the clock ran for just so long between it and ``at``.

    Where a stretch of leave ends exactly there, its end.
    """
    now = at
    for start, end in leave:
        if start <= at and (end is None or at < end):
            now = start
    left = now - width.before(now, zone)
    for start, end in reversed(leave):
        if start >= now or end is None:
            continue
        ran = now - end
        if left <= ran:
            break
        left -= ran
        now = start
    return now - left if now - FIRST > left else FIRST


def paused_leaving(
    leave: Sequence[tuple[datetime, datetime | None]], width: Width, instant: datetime, zone: tzinfo
) -> Iterator[datetime]:
    """Yield when something of an instant may lie no longer within a width before.

    Exactly one instant where no leave comes after it; else also those that would be right if
    only so much of the leave had come by then.
    """
    paused = timedelta()
    last = width.leaving(instant, zone)
    if last is not None:
        yield last
    for start, end in leave:
        if end is None or end <= instant:
            continue
        paused += end - max(start, instant)
        if LAST - instant <= paused:
            return
        last = width.leaving(instant + paused, zone)
        if last is not None:
            yield last
