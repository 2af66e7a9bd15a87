"""Policies with bugs, planted on purpose: each as somebody might write it by mistake."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import count as counting
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from reps_ledger.policies import (
    Policy,
    completed,
    facts,
    joined,
    months,
    on_leave,
    reports,
    tenure,
    weeks,
    when,
)
from reps_ledger.testing import Promises
from reps_ledger.testing.situations import PolicyLike

if TYPE_CHECKING:
    from reps_ledger.policies import Subject
__all__ = ["PLANTED", "REPORTS", "SOUND", "Planted", "leave_forgotten", "off_by_one"]

REPORTS: Final = facts("report.filed")
WINDOW: Final = timedelta(weeks=4)

SOUND: Final = Policy(
    "activity",
    cases=[
        when(on_leave()).then("active", "on declared leave"),
        when(reports(within=weeks(4)) >= 1).then("active"),
        when(reports(within=weeks(8)) >= 1).then("nudge"),
    ],
    otherwise="inactive",
    scale=["active", "nudge", "inactive"],
)
"""What the others should have been."""


def _active(*, so: bool) -> str:
    return "active" if so else "inactive"


def _counted(subject: Subject) -> list[datetime]:
    """Return when the member reported something that they did."""
    return [
        entry.occurred_at
        for entry in subject.dossier.of_kind("report.filed")
        if entry.fact.member == subject.dossier.name and not (entry.fact.announced or entry.fact.passive)
    ]


def hindsight(subject: Subject) -> str:
    """Forgets that a window has an end."""
    return _active(so=any(at > subject.at - WINDOW for at in _counted(subject)))


def hidden_clock(subject: Subject) -> str:
    """Asks what time it is, rather than of what time it is asked."""
    since = datetime.now(UTC) - WINDOW
    return _active(so=any(since < at for at in _counted(subject) if at <= subject.at))


def other_peoples_facts(subject: Subject) -> str:
    """Counts everybody's reports."""
    entries = subject.seen(subject.others.community(None, ["report.filed"]).entries)
    return _active(so=any(entry.occurred_at > subject.at - WINDOW for entry in entries))


def off_by_one(subject: Subject) -> str:
    """Lets both ends of a window count, and knows no nudge."""
    seen = [at for at in _counted(subject) if at <= subject.at]
    if any(span.holds(subject.at) for span in subject.dossier.spans("leave.started")):
        return "active"
    if any(at >= subject.at - WINDOW for at in seen):
        return "active"
    return "nudge" if any(at > subject.at - 2 * WINDOW for at in seen) else "inactive"


def by_recording(subject: Subject) -> str:
    """Takes what was recorded last for what happened last."""
    seen = subject.seen(subject.dossier.own("report.filed"))
    last = max(seen, key=lambda entry: entry.position, default=None)
    return _active(so=last is not None and last.occurred_at > subject.at - WINDOW)


_calls = counting()


def by_turns(subject: Subject) -> str:
    """Keeps a state of its own from one call to the next."""
    return _active(so=bool(_counted(subject)) and next(_calls) % 2 == 0)


_chance = random.Random(7)  # noqa: S311 — a mistake on purpose


def by_chance(subject: Subject) -> str:
    """Throws a coin where it does not know."""
    return _active(so=bool(_counted(subject)) or _chance.random() > 0.5)


def falls_over(subject: Subject) -> str:
    """Thinks that everybody has reported something."""
    return _active(so=_counted(subject)[-1] > subject.at - WINDOW)


def off_the_scale(subject: Subject) -> str:
    """Comes to an outcome of which nobody ever heard."""
    return "dormant" if len(_counted(subject)) > 1 else "active"


TOO_MUCH: Final = Policy(
    "too-much",
    cases=[when(reports() >= 3).then("inactive"), when(reports() >= 1).then("active")],
    otherwise="inactive",
    scale=["active", "inactive"],
)
"""The comparison is the wrong way round: three reports are worse than one."""

BETTER_AWAY: Final = Policy(
    "better-away",
    cases=[when(tenure() >= months(6)).then("active"), when(reports(within=weeks(4)) >= 1).then("active")],
    otherwise="inactive",
    scale=["active", "inactive"],
)
"""Time alone makes it better."""

NOT_KEPT: Final = Policy(
    "not-kept",
    cases=[
        when(joined(before=date(2018, 6, 1)) & completed("onboarding")).then("in"),
        when(completed("onboarding") & (reports() >= 1)).then("in"),
    ],
    otherwise="out",
    scale=["in", "out"],
)
"""Whoever was there before was to stay; the course is asked of them all the same."""

DEAD_CASE: Final = Policy(
    "dead-case",
    cases=[
        when(reports(within=weeks(4)) >= 1).then("active"),
        when(reports(within=weeks(2)) >= 1).then("very active"),
    ],
    otherwise="inactive",
)
"""The second case is taken by the first."""


@frozen(kw_only=True)
class Planted:
    """A bug, and what the kit is to make of it.

    Attributes:
        name: what was done wrong.
        judge: the policy that does it.
        law: the law that catches it.
        size: how many entries the smallest history has; None for no history.
        promises: what it promises.
        about: what is known of what it looks at.
        sure: whether the smallest history is the same each time; for chance it may be smaller.
    """

    name: str
    judge: PolicyLike
    law: str
    size: int | None
    promises: Promises = field(factory=Promises)
    about: object = REPORTS
    sure: bool = True

    def __str__(self) -> str:
        return self.name


_TWO: Final = Promises(outcomes=["active", "inactive"])

PLANTED: Final[tuple[Planted, ...]] = (
    Planted(name="hindsight", judge=hindsight, law="no_hindsight", size=2),
    Planted(name="a hidden clock", judge=hidden_clock, law="timelessness", size=2),
    Planted(name="other people's facts", judge=other_peoples_facts, law="isolation", size=2),
    Planted(name="order of recording", judge=by_recording, law="order_independence", size=3),
    Planted(name="a state of its own", judge=by_turns, law="determinism", size=2),
    Planted(name="chance", judge=by_chance, law="determinism", size=1, sure=False),
    Planted(name="an error", judge=falls_over, law="totality", size=0, promises=_TWO),
    Planted(name="off the scale", judge=off_the_scale, law="totality", size=3, promises=_TWO),
    Planted(
        name="more is worse",
        judge=TOO_MUCH,
        law="more_never_hurts",
        size=4,
        promises=Promises(more=["report.filed"]),
        about=None,
    ),
    Planted(
        name="absence helps",
        judge=BETTER_AWAY,
        law="absence_never_helps",
        size=1,
        promises=Promises(absence=True),
        about=None,
    ),
    Planted(
        name="grandfathering forgotten",
        judge=NOT_KEPT,
        law="grandfathering",
        size=1,
        promises=Promises(keeps=(date(2018, 6, 1), "in")),
        about=None,
    ),
    Planted(name="a dead case", judge=DEAD_CASE, law="reachability", size=None, about=None),
)

leave_forgotten: Final = Policy(
    SOUND.name, version="2", cases=SOUND.cases[1:], otherwise=SOUND.otherwise, scale=SOUND.scale
)
"""The case of those on leave was lost in an amendment."""
