"""The kernel agrees with the reference on each kind of condition, where its answer changes.

Every measure and every window is asked by both lowerings, on histories whose facts lie on the
edges of its windows, and on both sides of the instants at which the reference may change.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pytest
from attrs import evolve
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.every import EVERY
from policies.making import entries_of
from replay.kernel.test_agreement import NEVER, expected_of
from reps_ledger.domain.time import microseconds
from reps_ledger.policies import (
    Policy,
    Subject,
    facts,
    following,
    months,
    preceding,
    reports,
    since_last,
    weeks,
    when,
)
from reps_ledger.policies.language.conditions import leaves
from reps_ledger.policies.language.counts import Count, Distinct
from reps_ledger.policies.language.shares import Members, Missed
from reps_ledger.replay.kernel import Histories, Kernel, Past, Points
from reps_ledger.replay.kernel.values import Counts
from reps_ledger.testing import History
from reps_ledger.testing.replayed import columns_of, outcomes_by_kernel
from reps_ledger.testing.strategies import raw_histories, reviews, zones
from reps_ledger.testing.strategies.policies import NAME
from reps_ledger.testing.strategies.vocabulary import widths_in
from scale import examples

if TYPE_CHECKING:
    from reps_ledger.policies import Condition
    from reps_ledger.policies.language.conditions import Leaf

TICK: Final = timedelta(microseconds=1)
EARLY: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATE: Final = datetime(2200, 1, 1, tzinfo=UTC)
COUNTING: Final = (Count, Distinct, Members, Missed)


def dates_of(data: Any, at: datetime, history: History, leaf: Leaf) -> list[datetime]:
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


def on_edges(data: Any, history: History, condition: Condition) -> History:
    """Repeat some entries exactly a width of the condition before or after others."""
    widths = sorted(widths_in(condition), key=str)
    if not history.entries or not widths:
        return history
    some = st.sampled_from(history.entries)
    again: list[rl.Entry] = []
    for told, other in data.draw(st.lists(st.tuples(some, some), max_size=4)):
        width = data.draw(st.sampled_from(widths))
        move = data.draw(st.sampled_from([width.after, width.before]))
        number = len(history.entries) + len(again) + 1
        again.append(
            msgspec.structs.replace(
                told,
                id=f"{told.id}-{number}",
                position=number,
                origin=number,
                occurred_at=move(other.occurred_at, history.zone),
            )
        )
    return evolve(history, entries=(*history.entries, *again))


@pytest.mark.parametrize("condition", EVERY, ids=str)
def test_each_condition_on_its_edges(condition: Condition) -> None:
    """Both lowerings give the reference's truths, and measures that count its values."""
    policy = Policy(NAME, cases=[when(condition).then("good")], otherwise="bad")
    (leaf,) = leaves(condition)
    measure: Any = getattr(leaf, "measure", None)

    @examples(0.2, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def agrees(data: Any) -> None:
        zone, at = data.draw(zones()), data.draw(reviews())
        history = data.draw(raw_histories(about=condition, at=at, zone=zone, odd=False))
        history = on_edges(data, history, condition)
        dates = dates_of(data, at, history, leaf)
        assert outcomes_by_kernel(policy, history, dates) == expected_of(policy, history, dates)
        everybody = history.everybody()
        columns = columns_of(history.standing, history.registry, history.amendments)
        kernel = Kernel(Histories(columns, zone), NAME, policy.outcomes)
        none = Past(np.full(len(dates), -1), np.zeros(len(dates), np.int64))
        instants = np.array([microseconds(date) for date in dates])
        for number, person in enumerate(columns.people):
            points = Points(np.full(len(dates), number), instants)
            member = everybody.member(person)
            found = [leaf.find(Subject(member, date, zone, everybody, NAME, NEVER)) for date in dates]
            holds = kernel.holds(condition, points, none).tolist()
            assert holds == [each.holds for each in found], person
            if isinstance(measure, COUNTING):
                measured = kernel.measured(measure, points)
                assert isinstance(measured, Counts)
                assert measured.values.tolist() == [each.value for each in found], person

    agrees()


COURSE: Final = facts("course.completed")
ANCHORED: Final = [
    following(COURSE, weeks(1)),
    following(COURSE, months(1), "last"),
    preceding(COURSE, weeks(1)),
    preceding(COURSE, months(1), "first"),
    since_last(COURSE),
    weeks(1),
    months(1),
]


@pytest.mark.parametrize("window", ANCHORED, ids=str)
def test_a_report_on_each_edge_of_a_window(window: Any) -> None:
    """A report as long before or after a course as a window is wide, or a microsecond beside."""
    policy = Policy(NAME, cases=[when(reports(within=window) >= 1).then("good")], otherwise="bad")
    start = datetime(2018, 3, 31, tzinfo=UTC)
    joined: Any = (rl.MemberJoined(member="ana"), datetime(2017, 1, 1, tzinfo=UTC))
    course: Any = (rl.CourseCompleted(member="ana", course="onboarding"), start)
    seen = set()
    for width in (weeks(1), months(1)):
        for move, tick in product((width.after, width.before), (-TICK, 0 * TICK, TICK)):
            at = move(start, UTC) + tick
            report: Any = (rl.ReportFiled(member="ana", activity="talk"), at)
            told = entries_of([joined, course, report])
            history = History(entries=tuple(sorted(told, key=lambda entry: entry.position)))
            ends = {width.after(at, UTC), width.after(start, UTC), at, start}
            dates = sorted({end + n * TICK for end in ends for n in (-1, 0, 1)})
            found = outcomes_by_kernel(policy, history, dates)
            assert found == expected_of(policy, history, dates)
            seen.update(found["ana"])
    assert seen == {"good", "bad"}
