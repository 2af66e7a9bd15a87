"""When an outcome lapses by itself: exactly then, to exactly that, against brute force."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.every import EVERY, REPORTS
from policies.making import DAY, TICK, about, everything, moment, subjects
from reps_ledger.domain.time import day_start
from reps_ledger.policies import (
    Condition,
    Policy,
    Subject,
    count,
    evaluate,
    members,
    missed,
    noticed,
    on_leave,
    tenure,
    weeks,
    when,
)
from reps_ledger.policies.language.conditions import leaves
from reps_ledger.policies.language.windows import PERIODS, period_end
from reps_ledger.policies.outcomes import edges_after, outcome_of
from reps_ledger.testing.strategies import policies, single_conditions
from reps_ledger.testing.strategies.vocabulary import days_in, families_of, widths_in
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

_YEARS: Final = 3 * 365
_GRID: Final = 9 * DAY + timedelta(hours=7)


def moments_of(subject: Subject) -> set[datetime]:
    """Return every instant of which any entry that a subject can see speaks."""
    found = {subject.at}
    others = [entry for dossier in subject.others.everyone() for entry in dossier.entries]
    for entry in [*others, *everything(subject)]:
        found.add(entry.occurred_at)
        for name in ("until", "expected_return", "deadline", "expires"):
            if isinstance(said := getattr(entry.fact, name, None), datetime):
                found.add(said)
    if subject.previous is not None:
        found.add(subject.previous.since)
    return found


def pauses(subject: Subject) -> set[timedelta]:
    """Return for how long the clock may have stood still, in all."""
    lengths = [end - start for start, end in subject.dossier.leave if end is not None]
    some = [c for n in range(4) for c in combinations(lengths, n)]
    return {sum(each, timedelta()) for each in some}


def dense(asked: object, subject: Subject, *, grid: bool = True) -> list[datetime]:
    """Return so many instants from now on that no change can hide between them."""
    found = {instant for instant in _dense(asked, subject) if instant >= subject.at}
    if grid:
        found |= {subject.at + step * _GRID for step in range(int(_YEARS * DAY / _GRID))}
    return sorted(found)


def _dense(asked: object, subject: Subject) -> Iterator[datetime]:
    bases = moments_of(subject)
    shifted = {base + pause for base in bases for pause in pauses(subject)}
    zone = subject.zone
    found = set(shifted)
    for base in shifted:
        for width in widths_in(asked):
            found.add(width.after(base, zone))
            found.add(width.before(base, zone))
            for near in (base - TICK, base, base + TICK):
                if (leaving := width.leaving(near, zone)) is not None:
                    found.add(leaving)
        found |= {period_end(base, period, zone) for period in PERIODS}
    found |= {day_start(day, zone) for day in days_in(asked)}
    for around in sorted(found):
        yield from (around - TICK, around, around + TICK)


@given(policies(max_cases=2, max_leaves=2), st.data())
def test_an_outcome_lasts_just_until_it_lapses(policy: Policy, data: st.DataObject) -> None:
    """Nothing changes before lapses_at; at lapses_at it is lapses_to; without one, never."""
    subject = data.draw(subjects(max_size=8, families=families_of(policy), of=widths_in(policy)))
    verdict = evaluate(policy, subject)
    lapses_at = verdict.lapses_at
    if lapses_at is not None:
        assert lapses_at > subject.at
        assert verdict.lapses_to != verdict.outcome
        assert outcome_of(policy, subject.moved(lapses_at)) == verdict.lapses_to
        assert outcome_of(policy, subject.moved(lapses_at - TICK)) == verdict.outcome
    for instant in dense(policy, subject):
        if lapses_at is None or instant < lapses_at:
            found = outcome_of(policy, subject.moved(instant))
            assert found == verdict.outcome, instant


def by_families() -> dict[str, list[Condition]]:
    """Conditions by the families of facts that they look at: one history serves them all."""
    found: defaultdict[str, list[Condition]] = defaultdict(list)
    for condition in EVERY:
        found[", ".join(sorted(families_of(condition)))].append(condition)
    return found


@pytest.mark.parametrize("conditions", by_families().values(), ids=by_families().keys())
def test_a_condition_changes_only_at_its_edges(conditions: list[Condition]) -> None:
    """Whatever a condition measures, between two of its edges it stays as it is."""
    widths = set().union(*map(widths_in, conditions))
    seen = subjects(max_size=7, families=families_of(conditions[0]), of=widths)

    # As many histories as a condition would have by itself, and more where many share them.
    @given(seen)
    @examples(max(0.5, len(conditions) / 20))
    def change_only_at_edges(subject: Subject) -> None:
        for condition in conditions:
            changes_only_at_edges(condition, subject, grid=False)

    change_only_at_edges()


def changes_only_at_edges(condition: Condition, subject: Subject, *, grid: bool) -> None:
    """Assert that a condition stays as it is but at what it says are its edges."""
    (leaf,) = leaves(condition)
    edges = set(edges_after([leaf], subject))
    held_now = leaf.find(subject).holds
    for instant in sorted({*dense(condition, subject, grid=grid), *edges}):
        found = leaf.find(subject.moved(instant)).holds
        assert found == held_now or instant in edges, (str(condition), instant)
        held_now = found


@given(single_conditions(), st.data())
def test_any_condition_changes_only_at_its_edges(condition: Condition, data: st.DataObject) -> None:
    """So does any other condition that can be written."""
    subject = data.draw(subjects(max_size=7, families=families_of(condition)))
    changes_only_at_edges(condition, subject, grid=True)


SOONER: Final[list[tuple[Condition, rl.Fact, str, str]]] = [
    (
        count(REPORTS, within=weeks(4), ahead=weeks(4)) >= 1,
        rl.ReportFiled(member="ana", activity="event", announced=True),
        "2019-01-01",
        "2018-12-04",
    ),
    (
        noticed("nudge", overdue=True),
        rl.NoticeSent(member="ana", notice="n", stage="nudge", policy="p", deadline=moment("2018-11-01")),
        "2018-09-01",
        "2018-11-01",
    ),
    (
        members(on_leave()) < 1,
        rl.LeaveStarted(member="ben", expected_return=moment("2018-11-01")),
        "2018-09-01",
        "2018-11-01",
    ),
    (members(tenure() >= weeks(4)) >= 2, rl.MemberJoined(member="cem"), "2018-09-20", "2018-10-18"),
]


@pytest.mark.parametrize(("condition", "fact", "on", "lapses"), SOONER, ids=str)
def test_outcomes_lapse_by_what_is_known_to_come(
    condition: Condition, fact: rl.Fact, on: str, lapses: str
) -> None:
    """What was announced comes near, deadlines pass, leave of others ends, others grow older."""
    told = [(rl.MemberJoined(member="ben"), "2018-01-01"), (fact, on)]
    verdict = evaluate(
        Policy("p", cases=(when(condition).then("good"),), otherwise="bad"), about(*told, at="2018-10-01")
    )
    assert (verdict.outcome, verdict.lapses_to) == ("bad", "good")
    assert verdict.lapses_at == moment(lapses)


def test_a_vote_still_to_be_taken_is_an_edge() -> None:
    """Of two votes that were held, the later is taken tomorrow: from then on none is missed."""
    told: list[tuple[rl.Fact, str]] = [
        (rl.MemberJoined(member="ana"), "2018-01-01"),
        (rl.OpportunityHeld(opportunity="v1", kind="vote"), "2018-02-01"),
        (rl.OpportunityHeld(opportunity="v2", kind="vote"), "2018-03-01"),
        (rl.OpportunityTaken(member="ana", opportunity="v2"), "2018-03-11"),
    ]
    subject = about(*told, at="2018-03-10")
    policy = Policy("p", cases=[when(missed("vote") >= 2).then("absent")], otherwise="there")
    verdict = evaluate(policy, subject)
    assert verdict.outcome == "absent"
    assert (verdict.lapses_at, verdict.lapses_to) == (moment("2018-03-11"), "there")
