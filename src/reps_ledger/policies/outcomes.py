"""Outcomes through time: a policy's outcome at an instant, and when it would change by itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from attrs import evolve, frozen

from reps_ledger.domain.time import FIRST
from reps_ledger.policies.language.conditions import Leaf, holds, truth
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.subject import Previous, Subject


@frozen
class Change:
    """The first change of an outcome by time alone.

    Attributes:
        at: the first instant at which the outcome is another.
        outcome: the outcome then.
    """

    at: datetime
    outcome: str


def outcome_of(policy: Policy, subject: Subject) -> str:
    """Return a policy's outcome, without findings."""
    subject = evolve(subject, policy=policy.name)
    for case, _ in policy.steps:
        if holds(case.when, subject):
            return case.outcome
    return policy.otherwise


def edges_after(leaves: Iterable[Leaf], subject: Subject) -> list[datetime]:
    """Return every later instant at which one of the conditions may change, sorted."""
    found = {edge for leaf in leaves for edge in leaf.edges(subject) if edge > subject.at}
    return sorted(found)


def next_change(policy: Policy, subject: Subject) -> Change | None:
    """Return the first change of the outcome if nothing more is recorded; None for none."""
    _, *later = islice(outcome_times(policy, subject), 2)
    return Change(later[0][0], later[0][2]) if later else None


def outcome_times(
    policy: Policy, subject: Subject, until: datetime | None = None
) -> Iterator[tuple[datetime, datetime | None, str]]:
    """Yield a policy's outcomes from an instant on, if nothing more is recorded: each ``[start, end)``.

    Any two that follow each other differ. The last has no end where none is known. Between two of its
    edges no condition changes, so that it is enough to look at each condition at its own.

    Args:
        policy: which policy.
        subject: of whom; from its instant on.
        until: the end, unless it is None.
    """
    subject = evolve(subject, policy=policy.name)
    leaves, steps = policy.leaves(), policy.steps
    due: dict[datetime, list[Leaf]] = {}
    for leaf in leaves:
        for edge in edges_after([leaf], subject):
            if until is None or edge < until:
                due.setdefault(edge, []).append(leaf)
    held = {leaf: leaf.find(subject).holds for leaf in leaves}

    def decided() -> str:
        cases = (case.outcome for case, _ in steps if truth(case.when, held.__getitem__))
        return next(cases, policy.otherwise)

    start, outcome = subject.at, decided()
    for edge in sorted(due):
        now = subject.moved(edge)
        held.update((leaf, leaf.find(now).holds) for leaf in due[edge])
        then = decided()
        if then != outcome:
            yield start, edge, outcome
            start, outcome = edge, then
    yield start, until, outcome


def outcomes_through(
    policy: Policy, subject: Subject, dates: Iterable[datetime]
) -> list[tuple[datetime, str]]:
    """Return a policy's outcome at each date, where the date before gives the previous outcome.

    For the first date there is no previous outcome: recorded decisions are not looked at.

    Args:
        policy: which policy.
        subject: of whom; its instant does not matter.
        dates: in any order, repeats allowed; the result has each once, sorted.
    """
    previous = Previous("", FIRST)
    found = []
    for at in sorted(set(dates)):
        outcome = outcome_of(policy, evolve(subject, at=at, previous=previous))
        previous = previous.then(outcome, at)
        found.append((at, outcome))
    return found
