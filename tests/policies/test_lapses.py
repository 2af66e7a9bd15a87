"""When an outcome lapses by itself: exactly then, to exactly that, against brute force."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Final

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.asking import days_in, families_of, policies, single_conditions, widths_in
from policies.making import DAY, TICK, subjects
from reps_ledger.domain.time import day_start
from reps_ledger.policies import Condition, Policy, Subject, evaluate
from reps_ledger.policies.evaluation import edges_after, outcome_of
from reps_ledger.policies.language.conditions import holds, leaves
from reps_ledger.policies.language.windows import PERIODS, period_end

if TYPE_CHECKING:
    from collections.abc import Iterator

_YEARS: Final = 3 * 365
_GRID: Final = 9 * DAY + timedelta(hours=7)


def moments_of(subject: Subject) -> set[datetime]:
    """Return every instant of which any entry that a subject can see speaks."""
    found = {subject.at}
    others = [entry for dossier in subject.others.everyone() for entry in dossier.entries]
    for entry in [*others, *subject.others.community(None).entries]:
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


def dense(asked: object, subject: Subject) -> list[datetime]:
    """Return so many instants from now on that no change can hide between them."""
    return sorted({moment for moment in _dense(asked, subject) if moment >= subject.at})


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
    for step in range(int(_YEARS * DAY / _GRID)):
        yield subject.at + step * _GRID


@given(policies(max_cases=2, max_leaves=2), st.data())
@settings(max_examples=200)
def test_an_outcome_lasts_just_until_it_lapses(policy: Policy, data: st.DataObject) -> None:
    """Nothing changes before lapses_at; at lapses_at it is lapses_to; without one, never."""
    subject = data.draw(subjects(max_size=8, families=families_of(policy)))
    verdict = evaluate(policy, subject)
    lapses_at = verdict.lapses_at
    if lapses_at is not None:
        assert lapses_at > subject.at
        assert verdict.lapses_to != verdict.outcome
        assert outcome_of(policy, subject.moved(lapses_at)) == verdict.lapses_to
        assert outcome_of(policy, subject.moved(lapses_at - TICK)) == verdict.outcome
    for moment in dense(policy, subject):
        if lapses_at is None or moment < lapses_at:
            found = outcome_of(policy, subject.moved(moment))
            assert found == verdict.outcome, moment


@given(single_conditions(), st.data())
@settings(max_examples=500)
def test_a_condition_changes_only_at_its_edges(condition: Condition, data: st.DataObject) -> None:
    """Whatever a condition measures, between two of its edges it stays as it is."""
    subject = data.draw(subjects(max_size=8, families=families_of(condition)))
    (leaf,) = leaves(condition)
    edges = set(edges_after([leaf], subject))
    held = holds(leaf, subject)
    for moment in sorted({*dense(condition, subject), *edges}):
        found = holds(leaf, subject.moved(moment))
        assert found == held or moment in edges, moment
        held = found
