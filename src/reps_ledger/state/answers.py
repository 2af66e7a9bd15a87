"""Questions about everybody as known at one position, answered from columns: what tables of now cannot.

The rows that answer are those of tables, derived from columns of that position and kept in memory.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from attrs import frozen

from reps_ledger.domain.time import microseconds
from reps_ledger.policies.charter.eras import eras_of
from reps_ledger.policies.policy import Policy
from reps_ledger.projections.census import CensusRow, RosterRow
from reps_ledger.replay.columns.model import MISSING, Columns
from reps_ledger.replay.everybody import Everybody
from reps_ledger.replay.kernel.arrays import BEGINNING, Integers, to_datetime
from reps_ledger.replay.kernel.histories import Histories
from reps_ledger.state.bulk import Bulk, entries_read
from reps_ledger.state.census import count, definers_of
from reps_ledger.state.rosters import Asked, listed
from reps_ledger.state.schema import BY_NAME
from reps_ledger.state.store import SqliteStore
from reps_ledger.views.evaluator import PolicyEvaluator

_KEPT: Final = frozenset({"member", "span", "standing", "counted"})
"""The tables that these questions read."""


@frozen(eq=False)
class Answers:
    """Answers about everybody, as known at one position; see ``views.Answers``.

    Attributes:
        evaluator: of the charters that were known.
        everybody: what is so of everybody through time.
        store: the rows, in memory.
    """

    evaluator: PolicyEvaluator
    everybody: Everybody
    store: SqliteStore

    @classmethod
    def of(cls, columns: Columns, evaluator: PolicyEvaluator) -> Answers:
        """Derive the rows that answer.

        Args:
            columns: all that is known.
            evaluator: evaluates policies and charters on the same.

        Raises:
            InvalidPolicy: a charter's asks for what columns do not hold.
        """
        everybody = Everybody(Histories(columns, evaluator.zone), eras_of(evaluator.adopted))
        # Nothing that these questions read is of a now; no policy is kept.
        bulk = Bulk(everybody, entries_read(evaluator.reading), now=BEGINNING, kept={})
        store = SqliteStore(None)
        with store.writing() as writer:
            writer.create()
            for name, rows in bulk.rows():
                if name in _KEPT:
                    writer.insert(BY_NAME[name], rows)
            writer.index()
        return cls(evaluator, everybody, store)

    def census(
        self, instants: Iterable[datetime], by: Sequence[str], *, by_charter: bool
    ) -> tuple[CensusRow, ...]:
        """Count members by dimensions, at some instants.

        Args:
            instants: when.
            by: the dimensions.
            by_charter: whether the definitions of charters say who counts, or whoever joined does.
        """
        definers = definers_of(self.evaluator) if by_charter else lambda _: frozenset()
        with self.store.reading() as reader:
            return tuple(count(reader, instants, by, definers))

    def roster(self, at: datetime, role: str | None, community: str | None) -> tuple[RosterRow, ...]:
        """List who held a role, or was in a community, by name."""
        asked = Asked(at=at, role=role, community=community)
        with self.store.reading() as reader:
            rows = [*listed(reader, asked, None, None)]
        people = self.everybody.histories.columns.people  # in order
        places = np.fromiter((bisect_left(people, row.member) for row in rows), np.int64, len(rows))
        now = microseconds(at)
        acted = self.everybody.last_activity(now)[places].tolist()
        return tuple(
            RosterRow(
                member=row.member,
                roles=row.roles,
                since=row.since,
                active=row.active,
                on_leave=row.on_leave,
                last_activity=None if last == MISSING else to_datetime(last),
                vouch_level=row.vouch_level,
                mentors=row.mentors,
                skills=areas,
            )
            for row, last, areas in zip(rows, acted, self._skills(places, now), strict=True)
        )

    def _skills(self, places: Integers, now: int) -> Iterator[tuple[str, ...]]:
        """Yield what the reports of each of some people are about, the most frequent first."""
        wanted = np.zeros(len(self.everybody.joined), bool)
        wanted[places] = True
        member, areas, number = self.everybody.areas(now, wanted)
        ranks = {area: rank for rank, area in enumerate(sorted({*areas}))}
        rank = np.fromiter(map(ranks.__getitem__, areas), np.int64, len(areas))
        order = np.lexsort((rank, -number, member))
        member, names = member[order], [areas[each] for each in order.tolist()]
        low, high = np.searchsorted(member, places), np.searchsorted(member, places, "right")
        for first, end in zip(low.tolist(), high.tolist(), strict=True):
            yield tuple(names[first:end])

    def outcomes(self, policy: Policy, at: datetime) -> Mapping[str, str]:
        """Return the outcome of everybody who had joined, by name.

        Raises:
            InvalidPolicy: the policy is about communities, or asks for what columns do not hold.
        """
        return self.everybody.outcomes_at(policy, microseconds(at))
