"""The kernel agrees with the reference evaluator, on every history and policy that can be made.

``make test-deep`` runs these with thousands of examples: REPS_EXAMPLES says how many.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import reps_ledger as rl
from policies.asking import families_of, policies, single_conditions, widths_in
from policies.making import NAME, World, histories, reviewed, zones
from replay.kernel.histories import columns_of
from reps_ledger.domain.time import FIRST, microseconds
from reps_ledger.policies import Policy, Previous, Subject
from reps_ledger.policies.evaluation import outcomes_through
from reps_ledger.policies.language.bodies import Members
from reps_ledger.policies.language.conditions import holds, leaves
from reps_ledger.policies.language.counts import Count, Distinct
from reps_ledger.policies.language.measures import Compare
from reps_ledger.policies.language.shares import Missed
from reps_ledger.replay.kernel import Kernel, Past, Points
from reps_ledger.replay.kernel.accounts import accounts_among
from reps_ledger.replay.kernel.measuring import counts
from reps_ledger.replay.kernel.running import run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import tzinfo

    from reps_ledger.domain.entries import Entry
    from reps_ledger.policies.language.conditions import Leaf

EXAMPLES: Final = int(os.environ.get("REPS_EXAMPLES", "150"))
FEW: Final = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
NEVER: Final = Previous("", FIRST)
EARLY: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATE: Final = datetime(2200, 1, 1, tzinfo=UTC)


TICK: Final = timedelta(microseconds=1)


def dates_of(
    data: Any, at: datetime, entries: Sequence[Entry], leaves: Iterable[Leaf], zone: tzinfo
) -> list[datetime]:
    """Dates at which facts happened, around a review, and on both sides of some edges.

    Edges are where the reference says that a condition may change: window ends, deadlines.
    """
    instants = {entry.occurred_at for entry in entries}
    world = World(entries)
    edges = {
        edge
        for person in world.everyone()
        for leaf in leaves
        for seen in {at, min(instants, default=at)}
        for edge in leaf.edges(Subject(person, seen, zone, world, NAME, NEVER))
        if EARLY < edge < LATE
    }
    chosen: set[datetime] = set()
    if edges:
        chosen = data.draw(st.sets(st.sampled_from(sorted(edges)), max_size=6))
    around = {at, at + timedelta(days=10), at - timedelta(days=40)}
    return sorted({*around, *instants, *chosen, *(edge - TICK for edge in chosen)})


@FEW
@given(st.data())
def test_every_condition_at_any_points(data: Any) -> None:
    """The general lowering answers each condition as the reference does, of anybody, any time."""
    condition = data.draw(single_conditions())
    zone, at = data.draw(zones()), data.draw(reviewed())
    families, widths = families_of(condition), widths_in(condition)
    entries = data.draw(histories(at, zone, families=families, of=widths))
    world, columns = World(entries), columns_of(entries)
    dates = dates_of(data, at, entries, leaves(condition), zone)
    accounts = accounts_among(entries, columns.people)
    kernel = Kernel(columns, zone, NAME, ("good", "fair", "bad"), accounts)
    none = Past(np.full(len(dates), -1), np.zeros(len(dates), np.int64))
    for number, person in enumerate(columns.people):
        instants = np.array([microseconds(date) for date in dates])
        points = Points(np.full(len(dates), number), instants)
        try:
            found = kernel.holds(condition, points, none).tolist()
        except rl.InvalidPolicy:
            return  # it asks for what columns do not hold, and says so
        expected = [
            holds(condition, Subject(world.member(person), date, zone, world, NAME, NEVER))
            for date in dates
        ]
        assert found == expected, f"{condition} of {person}"


COUNTING: Final = (Count, Distinct, Members, Missed)


@FEW
@given(st.data())
def test_every_count_at_any_points(data: Any) -> None:
    """What is counted is the value of the reference's finding, and not only on the same side."""
    condition = data.draw(
        single_conditions().filter(
            lambda each: isinstance(each, Compare) and isinstance(each.measure, COUNTING)
        )
    )
    zone, at = data.draw(zones()), data.draw(reviewed())
    families, widths = families_of(condition), widths_in(condition)
    entries = data.draw(histories(at, zone, families=families, of=widths))
    world, columns = World(entries), columns_of(entries)
    dates = dates_of(data, at, entries, leaves(condition), zone)
    kernel = Kernel(columns, zone, NAME, (), accounts_among(entries, columns.people))
    instants = np.array([microseconds(date) for date in dates])
    for number, person in enumerate(columns.people):
        points = Points(np.full(len(dates), number), instants)
        try:
            found = counts(condition.measure, points, kernel).tolist()
        except rl.InvalidPolicy:
            return  # it asks for what columns do not hold, and says so
        expected = [
            condition.find(Subject(world.member(person), date, zone, world, NAME, NEVER)).value
            for date in dates
        ]
        assert found == expected, f"{condition} of {person}"


def outcomes_of(
    policy: Policy,
    entries: Sequence[Entry],
    dates: Sequence[datetime],
    zone: tzinfo,
    chunk: int = 1_000,
) -> dict[str, list[str | None]]:
    """Return each person's outcomes by the kernel; None before they joined."""
    columns = columns_of(entries)
    return {
        columns.people[part.low + number]: [
            None if code < 0 else policy.outcomes[code] for code in codes
        ]
        for part in run(
            policy,
            columns,
            dates,
            zone,
            chunk=chunk,
            accounts=accounts_among(entries, columns.people),
        )
        for number, codes in enumerate(part.codes().tolist())
    }


def expected_of(
    policy: Policy, entries: Sequence[Entry], dates: Sequence[datetime], zone: tzinfo
) -> dict[str, list[str | None]]:
    """Return each person's outcomes by the reference."""
    world = World(entries)
    found: dict[str, list[str | None]] = {}
    for dossier in world.everyone():
        joined = dossier.joined
        subject = Subject(dossier, dates[0], zone, world)
        found[dossier.name] = [
            outcome if joined is not None and joined.occurred_at <= date else None
            for date, outcome in outcomes_through(policy, subject, dates)
        ]
    return found


@FEW
@given(st.data())
def test_every_policy_at_all_dates(data: Any) -> None:
    """Kernel and reference agree on every member's outcome at every date, whatever the chunks."""
    policy = data.draw(policies())
    zone, at = data.draw(zones()), data.draw(reviewed())
    families, widths = families_of(policy), widths_in(policy)
    entries = data.draw(histories(at, zone, families=families, of=widths))
    dates = dates_of(data, at, entries, policy.leaves(), zone)
    if data.draw(st.integers(0, 9)) == 0:  # more than two words of dates
        dates = sorted({*dates, *(at + timedelta(days=3 * i) for i in range(-70, 70))})
    chunk = data.draw(st.sampled_from([1, 2, 1_000]))
    try:
        found = outcomes_of(policy, entries, dates, zone, chunk)
    except rl.InvalidPolicy:
        return  # it asks for what columns do not hold, and says so
    assert found == expected_of(policy, entries, dates, zone)


def _window_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    from reps_ledger.replay.kernel import masks

    true = masks.Masks._window

    def planted(self: Any, leaf: Any) -> Any:
        found = true(self, leaf)
        return None if found is None else (found[0], found[1], found[2] - 1)

    monkeypatch.setattr(masks.Masks, "_window", planted)


def _lost_carry(monkeypatch: pytest.MonkeyPatch) -> None:
    from reps_ledger.replay.kernel import words

    true = words.between

    def planted(first: Any, last: Any, dates: int) -> Any:
        found = true(first, last, dates)
        found[1:] = 0
        return found

    monkeypatch.setattr(words, "between", planted)
    monkeypatch.setattr("reps_ledger.replay.kernel.masks.between", planted)


def _wrong_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    from reps_ledger.replay.kernel import words

    true = vars(words)["places"]
    monkeypatch.setattr(words, "places", lambda cuts, at: true(cuts, at + 1))


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
        vars(test_every_policy_at_all_dates)["hypothesis"].inner_test(data)

    with pytest.raises((AssertionError, ExceptionGroup)):
        agreement()
