"""Outcomes through time: what a policy comes to, and when that would change by itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from attrs import evolve, frozen

from reps_ledger.domain.time import FIRST
from reps_ledger.policies.language.conditions import Leaf, holds
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.subject import Previous, Subject


@frozen
class Change:
    """What an outcome will turn into by itself.

    Attributes:
        at: the first instant at which it is something else.
        outcome: what it is then.
    """

    at: datetime
    outcome: str


def outcome_of(policy: Policy, subject: Subject) -> str:
    """Return what a policy comes to, and nothing more."""
    subject = evolve(subject, policy=policy.name)
    for case, _ in policy.steps:
        if holds(case.when, subject):
            return case.outcome
    return policy.otherwise


def edges_after(leaves: Iterable[Leaf], subject: Subject) -> list[datetime]:
    """Return every later instant at which any of these conditions may change, in order."""
    found = {edge for leaf in leaves for edge in leaf.edges(subject) if edge > subject.at}
    return sorted(found)


def next_change(policy: Policy, subject: Subject) -> Change | None:
    """Return what the outcome would turn into first, if nothing more were recorded.

    Between two edges no condition changes, so it is enough to look at each.
    """
    subject = evolve(subject, policy=policy.name)
    now = outcome_of(policy, subject)
    for edge in edges_after(policy.leaves(), subject):
        then = outcome_of(policy, subject.moved(edge))
        if then != now:
            return Change(edge, then)
    return None


def outcomes_through(
    policy: Policy, subject: Subject, dates: Iterable[datetime]
) -> list[tuple[datetime, str]]:
    """Return what a policy comes to at each date, the one before it being the previous outcome.

    Before the first date there was none: what people decided is not looked at.

    Args:
        policy: which policy.
        subject: of whom; at whatever instant.
        dates: in any order; each is told once, the earliest first.
    """
    previous = Previous("", FIRST)
    found = []
    for at in sorted(set(dates)):
        outcome = outcome_of(policy, evolve(subject, at=at, previous=previous))
        previous = previous.then(outcome, at)
        found.append((at, outcome))
    return found
