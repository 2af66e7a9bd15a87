"""Instants as integers: microseconds since 1970, and what widths and periods make of them.

Months, years and zones are resolved here, once for each different instant; everything else
in the kernel sees integers.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final

import numpy as np
from attrs import define, field

from reps_ledger.domain.time import EPOCH, FIRST, LAST, day_start, microseconds
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.language.windows import day_after, period_end, period_start
from reps_ledger.replay.kernel.placing import Instants, places

__all__ = ["BEGINNING", "END", "Calendar", "Instants", "moment"]

BEGINNING: Final = microseconds(FIRST)
END: Final = microseconds(LAST)


def moment(instant: int) -> datetime:
    """Return an instant as a datetime."""
    return EPOCH + timedelta(microseconds=int(instant))


@define
class Calendar:
    """What the calendar of a zone makes of instants; each different question is asked once.

    Attributes:
        zone: in which dates, months and years are read.
    """

    zone: tzinfo
    _known: dict[Any, int] = field(factory=dict)

    def before(self, instants: Instants, width: Width) -> Instants:
        """Return the instants so long before."""
        fixed = width.fixed
        if fixed is not None:
            by = int(fixed / timedelta(microseconds=1))
            return np.where(instants - BEGINNING > by, instants - by, BEGINNING)
        return self._each(instants, ("before", width), lambda at: width.before(at, self.zone))

    def after(self, instants: Instants, width: Width) -> Instants:
        """Return the instants so long after."""
        fixed = width.fixed
        if fixed is not None:
            by = int(fixed / timedelta(microseconds=1))
            return np.where(END - instants > by, instants + by, END)
        return self._each(instants, ("after", width), lambda at: width.after(at, self.zone))

    def period_start(self, instants: Instants, period: str) -> Instants:
        """Return the first instants of their calendar periods."""
        return self._each(
            instants, ("period", period), lambda at: period_start(at, period, self.zone)
        )

    def periods(self, instants: Instants, period: str) -> Instants:
        """Return a number for the calendar period of each instant, rising with time."""
        return np.asarray(places(self.period_starts(instants, period), instants))

    def period_starts(self, instants: Instants, period: str) -> Instants:
        """Return where each period begins, from the one of the first instant to the last's."""
        starts: list[int] = []
        if len(instants):
            last = moment(int(instants.max()))
            at = period_start(moment(int(instants.min())), period, self.zone)
            while at <= last:
                starts.append(microseconds(at))
                following = period_end(at, period, self.zone)
                if following <= at:  # the calendar ends here
                    break
                at = following
        return np.array(starts, np.int64)

    def start_of(self, day: date) -> int:
        """Return the first instant of a day."""
        return microseconds(day_start(day, self.zone))

    def end_of(self, day: date) -> int:
        """Return the last instant of a day."""
        return microseconds(day_after(day, self.zone)) - 1

    def _each(self, instants: Instants, what: Any, of: Callable[[datetime], datetime]) -> Instants:
        different, where = np.unique(instants, return_inverse=True)
        found = np.empty(len(different), np.int64)
        known = self._known
        for index, instant in enumerate(different.tolist()):
            key = (what, instant)
            value = known.get(key)
            if value is None:
                value = known[key] = microseconds(of(moment(instant)))
            found[index] = value
        return found[where.reshape(-1)]
