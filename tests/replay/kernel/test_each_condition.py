"""The kernel agrees with the reference on each kind of condition, where its answer changes.

Every measure and every window is asked by both lowerings, on histories whose facts lie on the
edges of its windows, and on both sides of the instants at which the reference may change.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.every import EVERY
from replay.kernel.test_agreement import EXAMPLES, NEVER, expected_of
from reps_ledger.domain.time import microseconds
from reps_ledger.policies import Policy, Subject, when
from reps_ledger.policies.language.bodies import Members
from reps_ledger.policies.language.conditions import leaves
from reps_ledger.policies.language.counts import Count, Distinct
from reps_ledger.policies.language.shares import Missed
from reps_ledger.replay.kernel import Kernel, Past, Points
from reps_ledger.replay.kernel.accounts import accounts_among
from reps_ledger.replay.kernel.measuring import counts
from reps_ledger.testing.replayed import columns_of, outcomes_by_kernel
from reps_ledger.testing.strategies import raw_histories, reviews, zones
from reps_ledger.testing.strategies.conditions import NAME

if TYPE_CHECKING:
    from reps_ledger.policies import Condition
    from reps_ledger.policies.language.conditions import Leaf
    from reps_ledger.testing import Recorded

TICK: Final = timedelta(microseconds=1)
EARLY: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATE: Final = datetime(2200, 1, 1, tzinfo=UTC)
COUNTING: Final = (Count, Distinct, Members, Missed)


def dates_of(data: Any, at: datetime, history: Recorded, leaf: Leaf) -> list[datetime]:
    """Dates at which facts happened, a review, and both sides of some edges of a condition."""
    instants = {entry.occurred_at for entry in history.standing}
    everybody = history.everybody()
    edges = {
        edge
        for person in everybody.everyone()
        for seen in {at, min(instants, default=at)}
        for edge in leaf.edges(Subject(person, seen, history.zone, everybody, NAME, NEVER))
        if EARLY < edge < LATE
    }
    chosen = data.draw(st.sets(st.sampled_from(sorted(edges)), max_size=6)) if edges else set()
    return sorted({at, *instants, *chosen, *(edge - TICK for edge in chosen)})


@pytest.mark.parametrize("condition", EVERY, ids=str)
def test_each_condition_on_its_edges(condition: Condition) -> None:
    """By words over all dates, by the general lowering at each, and in what is counted."""
    policy = Policy(NAME, cases=[when(condition).then("good")], otherwise="bad")
    (leaf,) = leaves(condition)
    measure: Any = getattr(leaf, "measure", None)

    @settings(
        max_examples=max(1, EXAMPLES // 4),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def agrees(data: Any) -> None:
        zone, at = data.draw(zones()), data.draw(reviews())
        history = data.draw(raw_histories(about=condition, at=at, zone=zone, odd=False))
        dates = dates_of(data, at, history, leaf)
        assert outcomes_by_kernel(policy, history, dates) == expected_of(policy, history, dates)
        everybody = history.everybody()
        columns = columns_of(history.standing, history.registry, history.amendments)
        known = sorted(history.standing, key=lambda entry: entry.position)
        accounts = accounts_among(known, columns.people)
        kernel = Kernel(columns, zone, NAME, policy.outcomes, accounts)
        none = Past(np.full(len(dates), -1), np.zeros(len(dates), np.int64))
        instants = np.array([microseconds(date) for date in dates])
        for number, person in enumerate(columns.people):
            points = Points(np.full(len(dates), number), instants)
            member = everybody.member(person)
            found = [
                leaf.find(Subject(member, date, zone, everybody, NAME, NEVER)) for date in dates
            ]
            holds = kernel.holds(condition, points, none).tolist()
            assert holds == [each.holds for each in found], person
            if isinstance(measure, COUNTING):
                values = counts(measure, points, kernel).tolist()
                assert values == [each.value for each in found], person

    agrees()
