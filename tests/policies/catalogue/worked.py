"""Worked examples: a history told in real facts, and what a careful reader of a rule says of it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from attrs import frozen

import reps_ledger as rl
from policies.catalogue.own_facts import OWN_FACTS
from reps_ledger.policies.catalogue import listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reps_ledger.policies import Policy

__all__ = [
    "NOW",
    "TICK",
    "At",
    "Says",
    "Told",
    "Worked",
    "around",
    "asked",
    "at",
    "ledger_of",
    "policy_of",
    "reported",
    "told",
]

NOW: Final = datetime(2030, 1, 1, tzinfo=UTC)
"""What the clock says while histories are recorded."""

TICK: Final = timedelta(microseconds=1)

Says = tuple[str, str]
"""An outcome, and its reason."""


@frozen
class Told:
    """One fact of a history: when it happened, and from which system it came."""

    fact: rl.Fact
    on: date
    source: str | None = None


@frozen
class At:
    """What a policy says at an instant, or at the end of a day."""

    moment: date
    says: Says


@frozen(kw_only=True)
class Worked:
    """A history, and the verdicts of one policy of a rule on one member or community."""

    rule: str
    policy: str
    title: str
    history: tuple[Told, ...]
    verdicts: tuple[At, ...]
    who: str = "ana"

    def __str__(self) -> str:
        return f"{self.policy}-{self.title}".replace(" ", "-")


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """Return an instant."""
    return datetime(year, month, day, hour, tzinfo=UTC)


def told(fact: rl.Fact, on: date, source: str | None = None) -> Told:
    """Tell one fact."""
    return Told(fact, on, source)


def reported(
    activity: str, *days: date, member: str = "ana", community: str | None = None, source: str | None = None
) -> tuple[Told, ...]:
    """Tell reports of one activity."""
    fact = rl.ReportFiled(member=member, activity=activity, community=community)
    return tuple(Told(fact, day, source) for day in days)


def asked(moment: date, says: Says) -> tuple[At, ...]:
    """Ask once."""
    return (At(moment, says),)


def around(moment: datetime, before: Says, then: Says, after: Says) -> tuple[At, ...]:
    """Ask at the instant before a threshold, at it, and after it."""
    return (At(moment - TICK, before), At(moment, then), At(moment + TICK, after))


def policy_of(rule: str, name: str) -> Policy:
    """Return the policy of a rule by its name, or by its name and version."""
    found = [
        policy for policy in listed(rule).policies if name in {policy.name, f"{policy.name} {policy.version}"}
    ]
    (policy,) = found
    return policy


@cache
def ledger_of(history: tuple[Told, ...]) -> rl.Ledger:
    """Record a history in a ledger of its own, in memory."""
    ledger = rl.open(facts=OWN_FACTS, clock=lambda: NOW)
    for source, batch in _runs(history):
        pairs = [(each.fact, each.on) for each in batch]
        ledger.record_all(pairs, by="council", source=source)
    return ledger


def _runs(history: Sequence[Told]) -> list[tuple[str | None, list[Told]]]:
    runs: list[tuple[str | None, list[Told]]] = []
    for each in history:
        if not runs or runs[-1][0] != each.source or len(runs[-1][1]) >= 500:
            runs.append((each.source, []))
        runs[-1][1].append(each)
    return runs
