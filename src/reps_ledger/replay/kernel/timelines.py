"""Timelines: a policy's outcome of every member through all time, and not only at some dates.

The vectorised twin of ``policies.outcomes.outcome_times``: every instant at which the outcome changes by time
alone, of many members at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo
from functools import partial
from typing import Final

import numpy as np
from attrs import frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import fold
from reps_ledger.policies.policy import Policy
from reps_ledger.replay.columns.model import Columns, Instants
from reps_ledger.replay.kernel.algebra import first_match, truth_algebra
from reps_ledger.replay.kernel.arrays import FOREVER, Integers, Points, changing, to_datetime, until_next
from reps_ledger.replay.kernel.edges import changes
from reps_ledger.replay.kernel.histories import Histories
from reps_ledger.replay.kernel.points import Kernel

MEMBERS: Final = 16_384
"""Members whose timelines are made at once."""


@frozen(eq=False)
class Timelines:
    """The outcomes of members through time: parallel arrays, by member and time.

    Of one member each ends where the next starts, and any two that follow each other differ.

    Attributes:
        member: whose each is, as their place among all people.
        start: from when on, in microseconds since 1970.
        until: the first instant after it; `FOREVER` where no end is known.
        outcome: which, as its place among the outcomes.
        outcomes: those of the policy.
    """

    member: Integers
    start: Instants
    until: Instants
    outcome: Integers
    outcomes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.member)

    def rows(self, columns: Columns) -> Iterator[tuple[str, datetime, datetime | None, str]]:
        """Yield member, start, end and outcome of each; without an end where none is known."""
        for member, start, until, outcome in zip(
            self.member.tolist(), self.start.tolist(), self.until.tolist(), self.outcome.tolist(), strict=True
        ):
            end = None if until == FOREVER else to_datetime(until)
            yield columns.people[member], to_datetime(start), end, self.outcomes[outcome]


def timelines(
    columns: Columns,
    policy: Policy,
    zone: tzinfo,
    *,
    start: Points | None = None,
    until: int = FOREVER,
    members: int = MEMBERS,
    histories: Histories | None = None,
) -> Iterator[Timelines]:
    """Yield a policy's outcomes of members from an instant on, if nothing more is recorded.

    The previous outcome, for policies that ask, is that of the last decision that was recorded.

    Args:
        columns: what is known.
        policy: which policy.
        zone: in which dates, days, months and years are read.
        start: of which members and from when on; sorted by member, each once. By default all who ever
            joined, from then on.
        until: the end of all timelines, not included. Who starts at it or later has none.
        members: of how many members timelines are made at once.
        histories: of the same columns and zone, made earlier, to be used again.

    Raises:
        InvalidPolicy: the policy is about communities, or asks for what columns do not hold.
    """
    if policy.of != "member":
        raise InvalidPolicy(f"{policy.name} is about communities, which have no timelines here")
    if histories is None:
        histories = Histories(columns, zone)
    if start is None:
        joined = histories.joined
        there = np.flatnonzero(joined < FOREVER)
        start = Points(there, joined[there])
    kept = start.at < until
    start = Points(start.member[kept], start.at[kept])
    kernel = Kernel.of_record(histories, policy.name, policy.outcomes)
    for low in range(0, len(start), members):
        part = slice(low, low + members)
        yield _timelines(policy, kernel, Points(start.member[part], start.at[part]), until)


def _timelines(policy: Policy, kernel: Kernel, start: Points, until: int) -> Timelines:
    points, held = changes(policy.leaves(), kernel, start, until)
    algebra = truth_algebra(held.__getitem__)
    outcome = first_match(policy, len(points), partial(fold, algebra=algebra))
    kept = changing(points.member, outcome)
    member, at, outcome = points.member[kept], points.at[kept], outcome[kept]
    return Timelines(member, at, until_next(member, at, until), outcome, policy.outcomes)
