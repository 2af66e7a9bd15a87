"""The kernel agrees with the reference evaluator, on every history and policy that can be made.

``make test-deep`` runs these with thousands of examples.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import reps_ledger as rl
from reps_ledger.domain.time import FIRST, microseconds
from reps_ledger.policies import Policy, Previous, Subject, when
from reps_ledger.policies.language.conditions import holds
from reps_ledger.policies.outcomes import outcomes_through
from reps_ledger.replay.kernel import Histories, Kernel, Past, Points
from reps_ledger.testing.replayed import columns_of, outcomes_by_kernel
from reps_ledger.testing.strategies import policies, raw_histories, reviews, single_conditions, zones
from reps_ledger.testing.strategies.policies import NAME
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reps_ledger.testing import History

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

FEW: Final = examples(1.6, suppress_health_check=list(HealthCheck))
NEVER: Final = Previous("", FIRST)


def dates_of(at: datetime, history: History) -> list[datetime]:
    """Dates at which facts happened, and around a review."""
    instants = {entry.occurred_at for entry in history.standing}
    return sorted({at, *instants, at + timedelta(days=10), at - timedelta(days=40)})


@FEW
@given(st.data())
def test_every_condition_at_any_points(data: Any) -> None:
    """The general lowering answers each condition as the reference does, of anybody, any time."""
    condition = data.draw(single_conditions())
    zone, at = data.draw(zones()), data.draw(reviews())
    history = data.draw(raw_histories(about=condition, at=at, zone=zone, odd=False))
    world = history.everybody()
    columns = columns_of(history.standing, history.registry, history.amendments)
    dates = dates_of(at, history)
    kernel = Kernel(Histories(columns, zone), NAME, ("good", "fair", "bad"))
    none = Past(np.full(len(dates), -1), np.zeros(len(dates), np.int64))
    for number, person in enumerate(columns.people):
        instants = np.array([microseconds(date) for date in dates])
        points = Points(np.full(len(dates), number), instants)
        try:
            found = kernel.holds(condition, points, none).tolist()
        except rl.InvalidPolicy:
            return  # it asks for what columns do not hold, and says so
        expected = [
            holds(condition, Subject(world.member(person), date, zone, world, NAME, NEVER)) for date in dates
        ]
        assert found == expected, f"{condition} of {person}"


def expected_of(policy: Policy, history: History, dates: Sequence[datetime]) -> dict[str, list[str | None]]:
    """Return each person's outcomes by the reference."""
    world = history.everybody()
    found: dict[str, list[str | None]] = {}
    for dossier in world.everyone():
        joined = dossier.joined
        subject = Subject(dossier, dates[0], history.zone, world)
        found[dossier.name] = [
            outcome if joined is not None and joined.occurred_at <= date else None
            for date, outcome in outcomes_through(policy, subject, dates)
        ]
    return found


def agreed(policy: Policy, data: Any) -> None:
    """Kernel and reference agree on a policy: every member, every date, whatever the chunks."""
    zone, at = data.draw(zones()), data.draw(reviews())
    history = data.draw(raw_histories(about=policy, at=at, zone=zone, odd=False))
    dates = dates_of(at, history)
    if data.draw(st.integers(0, 9)) == 0:  # more than two blocks of 64 dates
        dates = sorted({*dates, *(at + timedelta(days=3 * i) for i in range(-70, 70))})
    chunk = data.draw(st.sampled_from([1, 2, 1_000]))
    try:
        found = outcomes_by_kernel(policy, history, dates, chunk=chunk)
    except rl.InvalidPolicy:
        return  # it asks for what columns do not hold, and says so
    assert found == expected_of(policy, history, dates)


@FEW
@given(st.data())
def test_every_policy_at_all_dates(data: Any) -> None:
    """Kernel and reference agree on every member's outcome at every date, whatever the chunks."""
    agreed(data.draw(policies()), data)


@FEW
@given(st.data())
def test_every_condition_at_all_dates(data: Any) -> None:
    """They agree on policies of one condition, where each of its changes shows in the outcome."""
    condition = data.draw(single_conditions())
    agreed(Policy(NAME, cases=[when(condition).then("good")], otherwise="bad"), data)


def _window_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    from reps_ledger.replay.kernel import masks

    true = masks.Masks._window

    def planted(self: Any, leaf: Any) -> Any:
        found = true(self, leaf)
        return None if found is None else (found[0], found[1], found[2] - 1)

    monkeypatch.setattr(masks.Masks, "_window", planted)


def _lost_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    from reps_ledger.replay.kernel import bitsets

    true = bitsets.bits_between

    def planted(first: Any, last: Any, dates: int) -> Any:
        found = true(first, last, dates)
        found[1:] = 0
        return found

    monkeypatch.setattr(bitsets, "bits_between", planted)
    monkeypatch.setattr("reps_ledger.replay.kernel.masks.bits_between", planted)


def _wrong_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    from reps_ledger.replay.kernel.masks import Masks

    true = Masks.since  # what begins at the very instant of a date has begun then
    monkeypatch.setattr(Masks, "since", lambda self, instants: true(self, instants + 1))


@pytest.mark.parametrize("plant", [_window_edge, _lost_carry, _wrong_tie])
def test_planted_bugs_are_found(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An off-by-one window edge, a lost carry across words, a wrong tie: agreement finds each."""
    plant(monkeypatch)

    @settings(
        max_examples=2_000,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def agreement(data: Any) -> None:
        vars(test_every_condition_at_all_dates)["hypothesis"].inner_test(data)

    with pytest.raises((AssertionError, ExceptionGroup)):
        agreement()
