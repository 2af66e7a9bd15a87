"""The kernel agrees with the reference on each kind of condition, where its answer changes.

Every measure and every window is asked by both lowerings, on histories whose facts lie on the
edges of its windows, and on both sides of the instants at which the reference may change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.asking import families_of, widths_in
from policies.every import EVERY
from policies.making import NAME, World, histories, reviewed, zones
from replay.kernel.histories import columns_of
from replay.kernel.test_agreement import (
    EXAMPLES,
    NEVER,
    dates_of,
    expected_of,
    outcomes_of,
)
from reps_ledger.domain.time import microseconds
from reps_ledger.policies import Policy, Subject, when
from reps_ledger.policies.language.conditions import holds, leaves
from reps_ledger.replay.kernel import Kernel, Past, Points
from reps_ledger.replay.kernel.accounts import accounts_among

if TYPE_CHECKING:
    from reps_ledger.policies import Condition


@pytest.mark.parametrize("condition", EVERY, ids=str)
def test_each_condition_on_its_edges(condition: Condition) -> None:
    """By words over all dates, and by the general lowering at each of them."""
    policy = Policy(NAME, cases=[when(condition).then("good")], otherwise="bad")

    @settings(
        max_examples=max(1, EXAMPLES // 4),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def agrees(data: Any) -> None:
        zone, at = data.draw(zones()), data.draw(reviewed())
        families, widths = families_of(condition), widths_in(condition)
        entries = data.draw(histories(at, zone, families=families, of=widths))
        dates = dates_of(data, at, entries, leaves(condition), zone)
        expected = expected_of(policy, entries, dates, zone)
        assert outcomes_of(policy, entries, dates, zone) == expected
        world, columns = World(entries), columns_of(entries)
        accounts = accounts_among(entries, columns.people)
        kernel = Kernel(columns, zone, NAME, policy.outcomes, accounts)
        none = Past(np.full(len(dates), -1), np.zeros(len(dates), np.int64))
        instants = np.array([microseconds(date) for date in dates])
        for number, person in enumerate(columns.people):
            points = Points(np.full(len(dates), number), instants)
            found = kernel.holds(condition, points, none).tolist()
            assert found == [
                holds(condition, Subject(world.member(person), date, zone, world, NAME, NEVER))
                for date in dates
            ]

    agrees()
