"""Timelines of many members at once are those that the reference finds for each of them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import identities
import reps_ledger as rl
from policies.every import EVERY
from policies.making import entries_of
from replay.kernel.test_each_condition import on_edges
from reps_ledger.domain.time import FIRST, LAST, microseconds
from reps_ledger.policies import (
    Policy,
    Subject,
    count,
    facts,
    following,
    is_member,
    on_leave,
    reports,
    since_last,
    weeks,
    when,
)
from reps_ledger.policies.language.counts import Total
from reps_ledger.policies.language.reads import parts
from reps_ledger.policies.language.shares import LargestShare, Missed
from reps_ledger.policies.language.windows import Following, Preceding, SinceLast
from reps_ledger.policies.outcomes import outcome_times
from reps_ledger.projections import membership, project
from reps_ledger.replay.kernel import (
    Histories,
    Points,
    edges,
    pausing,
    selections,
    standing,
    standing_by_default,
    timelines,
)
from reps_ledger.replay.kernel.arrays import FOREVER, Intervals, changing
from reps_ledger.testing import History
from reps_ledger.testing.replayed import columns_of
from reps_ledger.testing.strategies import policies, raw_histories, reviews, single_conditions, zones
from reps_ledger.testing.strategies.policies import NAME
from scale import DEEP, examples, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from reps_ledger.policies import Condition, Dossier

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

Timeline = list[tuple[datetime, datetime | None, str]]

MANY: Final = examples(0.8, suppress_health_check=list(HealthCheck))


def by_kernel(
    policy: Policy, history: History, starts: dict[str, datetime], until: datetime | None, members: int
) -> dict[str, Timeline]:
    """Return the timelines that the kernel finds."""
    columns = columns_of(history.standing, history.registry, history.amendments)
    asked = [(columns.people.index(name), microseconds(at)) for name, at in sorted(starts.items())]
    found: dict[str, Timeline] = {}
    for part in timelines(
        columns,
        policy,
        history.zone,
        start=Points(np.array([m for m, _ in asked], np.int64), np.array([at for _, at in asked], np.int64)),
        until=FOREVER if until is None else microseconds(until),
        members=members,
    ):
        for member, start, end, outcome in part.rows(columns):
            found.setdefault(member, []).append((start, end, outcome))
    return found


def by_reference(
    policy: Policy, history: History, starts: dict[str, datetime], until: datetime | None
) -> dict[str, Timeline]:
    """Return those of the reference, member by member."""
    world = history.everybody()
    return {
        name: [*outcome_times(policy, Subject(world.member(name), at, history.zone, world), until)]
        for name, at in starts.items()
        if until is None or at < until
    }


def agree(policy: Policy, history: History, data: Any) -> None:
    """Assert that both find the same, whoever is asked for, from when on, and until when."""
    instants = sorted({FIRST, *(entry.occurred_at for entry in history.standing)})
    moments = st.sampled_from(instants) | reviews()
    columns = columns_of(history.standing, history.registry, history.amendments)
    people = data.draw(st.permutations(columns.people))
    some = people[: data.draw(st.integers(0, len(people)))]
    starts = {name: data.draw(moments) for name in some}
    until = data.draw(st.none() | moments)
    members = data.draw(st.sampled_from([1, 2, 1_000]))
    try:
        with pytest.MonkeyPatch.context() as patch:
            if data.draw(st.booleans()):  # count row by row, also where there are few
                patch.setattr(selections, "_FEW_PAIRS", -1)
            found = by_kernel(policy, history, starts, until, members)
    except rl.InvalidPolicy:
        return  # it asks for what columns do not hold, and says so
    assert found == by_reference(policy, history, starts, until)


def histories_about(data: Any, what: object) -> History:
    """Draw a history of what a policy asks about; some are of people who turn out to be one."""
    drawn = raw_histories(about=what, at=data.draw(reviews()), zone=data.draw(zones()), odd=False)
    found: History = data.draw(identities.histories() if data.draw(st.integers(0, 4)) == 0 else drawn)
    return found


@MANY
@given(st.data())
def test_every_policy(data: Any) -> None:
    """Every instant at which a policy's outcome changes, with the outcome, of everybody."""
    policy = data.draw(policies())
    agree(policy, histories_about(data, policy), data)


@MANY
@given(st.data())
def test_every_condition(data: Any) -> None:
    """Policies of one condition, where each of its changes shows in the outcome."""
    condition = data.draw(single_conditions())
    policy = Policy(NAME, cases=[when(condition).then("good")], otherwise="bad")
    agree(policy, histories_about(data, condition), data)


@pytest.mark.parametrize("condition", EVERY, ids=str)
def test_each_kind_on_its_edges(condition: Condition) -> None:
    """Each kind of condition, measure and window, where facts lie on the edges of its windows."""
    policy = Policy(NAME, cases=[when(condition).then("good")], otherwise="bad")

    @examples(0.2, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def agrees(data: Any) -> None:
        agree(policy, on_edges(data, histories_about(data, condition), condition), data)

    agrees()


def story(*told: tuple[rl.Fact, str]) -> History:
    """Tell of some days."""
    facts: Any = [(fact, datetime.fromisoformat(day).replace(tzinfo=UTC)) for fact, day in told]
    entries = sorted(entries_of(facts), key=lambda entry: entry.position)
    return History(tuple(entries))


def test_by_default_of_all_who_joined_from_then_on() -> None:
    """Each timeline starts as its member joins; who never did has none."""
    history = story(
        (rl.MemberJoined(member="ana"), "2018-01-01"),
        (rl.MemberJoined(member="ben"), "2018-03-01"),
        (rl.Vouched(member="ana", voucher="cleo"), "2018-03-01"),
        (rl.ReportFiled(member="ana", activity="talk"), "2018-02-01"),
    )
    policy = Policy(NAME, cases=[when(reports(within=weeks(1)) >= 1).then("good")], otherwise="bad")
    columns = columns_of(history.standing)
    (found,) = timelines(columns, policy, UTC)

    def day(month: int, number: int) -> datetime:
        return datetime(2018, month, number, tzinfo=UTC)

    assert [*found.rows(columns)] == [
        ("ana", day(1, 1), day(2, 1), "bad"),
        ("ana", day(2, 1), day(2, 8), "good"),
        ("ana", day(2, 8), None, "bad"),
        ("ben", day(3, 1), None, "bad"),
    ]
    assert len(found) == 4
    assert sum(len(part) for part in timelines(columns, policy, UTC, until=microseconds(day(2, 3)))) == 2
    assert [len(part) for part in timelines(columns, policy, UTC, members=1)] == [3, 1]
    assert [*timelines(columns_of([]), policy, UTC)] == []


def test_who_covers_for_somebody_on_leave_changes_nothing() -> None:
    """Order decides about ana's own leave, of one day; cleo's, for whom she covers, ends as ever."""
    history = story(
        (rl.MemberJoined(member="ana"), "2017-08-27"),
        (rl.LeaveEnded(member="ana"), "2018-10-01"),
        (rl.LeaveStarted(member="ana"), "2018-10-01"),
        (rl.LeaveStarted(member="cleo", covered_by="ana"), "2018-10-01"),
        (rl.LeaveEnded(member="cleo"), "2019-03-01"),
    )
    policy = Policy(NAME, cases=[when(on_leave()).then("good")], otherwise="bad")
    starts = {"ana": FIRST, "cleo": FIRST}
    found = by_kernel(policy, history, starts, None, 2)
    assert [len(found[name]) for name in starts] == [2, 3]
    assert found == by_reference(policy, history, starts, None)


def default_of(dossier: Dossier, zone: tzinfo) -> Timeline:
    """Return how somebody stands by the default rule, from the projection."""
    state = project(membership(dossier.name, zone), dossier.entries)
    found: Timeline = []
    at = state.joined_at
    for start, until in state.stretches:
        if start < until:
            if at is not None and at < start:
                found.append((at, start, "inactive"))
            found.append((start, None if until == LAST else until, "active"))
            at = until
    if at is not None and at != LAST:
        found.append((at, None, "inactive"))
    return found


@MANY
@given(st.data())
def test_the_default_rule(data: Any) -> None:
    """Who is active through all time, of everybody: by acts, leave and retirements, merges included."""
    agree_on_the_default(data)


def agree_on_the_default(data: Any) -> None:
    """Assert that both say the same of everybody."""
    zone = data.draw(zones())
    drawn = raw_histories(families=["people", "roles", "reports", "leave"], zone=zone, odd=False, max_size=20)
    history = evolve(data.draw(identities.histories() | drawn), zone=zone)
    columns = columns_of(history.standing, history.registry, history.amendments)
    found: dict[str, Timeline] = {}
    for member, start, end, outcome in standing_by_default(Histories(columns, zone)).rows(columns):
        found.setdefault(member, []).append((start, end, outcome))
    world = history.everybody()
    assert found == {name: of for name in columns.people if (of := default_of(world.member(name), zone))}


def fails(agreement: Callable[[Any], None]) -> bool:
    """Whether some example fails a property."""
    tried = settings(
        max_examples=3_000,
        deadline=None,
        phases=[Phase.generate],
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        tried(given(st.data())(agreement))()
    except AssertionError:
        return True
    return False


def _all_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "with_identities", lambda columns: np.zeros(len(columns.people), bool))


def _none_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "next_after", lambda acts, _: np.full(len(acts), FOREVER))


def _touching_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    true = Intervals.disjoint
    monkeypatch.setattr(Intervals, "disjoint", lambda self: true(Intervals(self.rows, self.end - 1)))


@seconds(300)
@pytest.mark.parametrize("plant", [_all_cut, _none_cut, _touching_apart])
def test_bugs_in_the_default_rule_are_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A retirement under one of two identities ends nothing; one under all does; times that touch are one."""
    plant(monkeypatch)
    assert fails(agree_on_the_default)


def test_communities_have_none() -> None:
    """A policy about communities is refused."""
    policy = Policy(NAME, cases=[when(on_leave()).then("good")], otherwise="bad", of="community")
    with pytest.raises(rl.InvalidPolicy, match="about communities"):
        next(timelines(columns_of([]), policy, UTC))


PLANTED: Final = [
    *(("CONDITION_EDGES", kind) for kind in edges.CONDITION_EDGES),
    *(("MEASURE_EDGES", kind) for kind in edges.MEASURE_EDGES),
    *(("WINDOW_EDGES", kind) for kind, of in edges.WINDOW_EDGES.items() if of is not edges._never),
]


HARD_TO_FIND: Final = frozenset({SinceLast, Preceding, Following, Missed, LargestShare, Total})
"""Kinds that few histories show to change by time alone."""


def is_found(conditions: Sequence[Condition]) -> bool:
    """Whether the comparison of policies of one of these conditions notices a planted bug."""

    def agreement(data: Any) -> None:
        condition = data.draw(st.sampled_from(conditions))
        policy = Policy(NAME, cases=[when(condition).then("good")], otherwise="bad")
        agree(policy, on_edges(data, histories_about(data, condition), condition), data)

    return fails(agreement)


@seconds(300)
@pytest.mark.parametrize(("table", "kind"), PLANTED, ids=lambda each: getattr(each, "__name__", ""))
def test_a_kind_without_its_edges_is_found(table: str, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted in each kind: it never says when it may change."""
    if kind in HARD_TO_FIND and not DEEP:
        pytest.skip("looking for these takes up to a minute: make test-deep does it")
    without = {**getattr(edges, table), kind: lambda *_: iter(())}
    monkeypatch.setattr(edges, table, without)
    of_kind = [each for each in EVERY if kind in map(type, parts(each))]
    assert is_found([each for each in of_kind if type(each) is kind] or [is_member(), *of_kind])


def _a_tick_early(monkeypatch: pytest.MonkeyPatch) -> None:
    true = edges.Asked.after
    monkeypatch.setattr(
        edges.Asked, "after", lambda self, at, width: edges._moved(true(self, at, width), lambda one: one - 1)
    )


def _carried_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        sys.modules["reps_ledger.replay.kernel.timelines"], "changing", lambda _, value: changing(value)
    )


@pytest.mark.parametrize("plant", [_a_tick_early, _carried_over])
def test_planted_bugs_are_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows that are left a tick too early, and outcomes carried from one member to the next."""
    plant(monkeypatch)
    assert is_found(EVERY)


def _never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    true = selections._add
    monkeypatch.setattr(
        selections,
        "_add",
        lambda found, first, after, kept: true(found, first, after * 0 + len(found) - 1, kept),
    )


def test_rows_that_never_leave_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a row that a window has left is counted on."""
    _never_left(monkeypatch)
    assert is_found([count(facts("report.filed", verified=False), within=weeks(4)) >= 1])


def test_a_clock_that_leave_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave delays by ten days when a report before it leaves a window; planted: also one after it."""
    back = datetime(2018, 1, 15, tzinfo=UTC)
    history = story(
        (rl.ReportFiled(member="ana", activity="talk"), "2018-01-01"),
        (rl.LeaveStarted(member="ana", expected_return=back), "2018-01-05"),
        (rl.ReportFiled(member="ana", activity="talk"), "2018-02-01"),
    )
    once = reports(within=weeks(4), pausing=True).exactly(1)
    policy = Policy(NAME, cases=[when(once).then("good")], otherwise="bad")
    starts = {"ana": FIRST}
    found = by_kernel(policy, history, starts, None, 1)
    assert [(start.month, start.day) for start, *_ in found["ana"][1:]] == [(1, 1), (2, 1), (2, 8), (3, 1)]
    assert found == by_reference(policy, history, starts, None)
    true = pausing.PausedClock._ended_by
    monkeypatch.setattr(
        pausing.PausedClock, "_ended_by", lambda self, member, ran: 0 * true(self, member, ran)
    )
    assert by_kernel(policy, history, starts, None, 1) != found


def test_windows_that_move_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vouch that is withdrawn lets a window begin earlier again: rows come back into it."""
    monkeypatch.setattr(selections, "_FEW_PAIRS", -1)
    history = story(
        (rl.Vouched(member="ana", voucher="ben"), "2018-01-01"),
        (rl.ReportFiled(member="ana", activity="talk"), "2018-01-03"),
        (rl.Vouched(member="ana", voucher="cleo"), "2018-01-05"),
        (rl.VouchWithdrawn(member="ana", voucher="cleo", reason="moved"), "2018-01-07"),
    )
    within = since_last(facts("vouch.given", lasting=True))
    policy = Policy(
        NAME, cases=[when(reports(within=within, verified=False) >= 1).then("good")], otherwise="bad"
    )
    starts = {"ana": FIRST}
    found = by_kernel(policy, history, starts, None, 1)
    assert [outcome for *_, outcome in found["ana"]] == ["bad", "good", "bad", "good"]
    assert found == by_reference(policy, history, starts, None)
    monkeypatch.setattr(selections._Order, "only_moves_on", lambda *_: True)  # planted
    assert by_kernel(policy, history, starts, None, 1) != found


def test_windows_after_a_first_time() -> None:
    """A window that something opens closes a width later, at the same instant by both."""
    course = (rl.CourseCompleted(member="ana", course="a"), "2018-02-01")
    history = story(
        (rl.MemberJoined(member="ana"), "2018-01-01"),
        course,
        (rl.ReportFiled(member="ana", activity="talk"), "2018-02-03"),
    )
    within = following(facts("course.completed"), weeks(1))
    policy = Policy(NAME, cases=[when(reports(within=within) >= 1).then("good")], otherwise="bad")
    starts = {"ana": datetime(2018, 1, 1, tzinfo=UTC) - timedelta(days=1)}
    assert by_kernel(policy, history, starts, None, 1) == by_reference(policy, history, starts, None)
