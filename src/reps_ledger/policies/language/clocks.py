"""Measures of time: since something happened, in the programme, in a role."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.checks import (
    is_bool,
    is_name_or_none,
    is_place,
    of_type,
    one_of,
)
from reps_ledger.policies.language.measures import ClockMeasure, Number
from reps_ledger.policies.language.nouns import a_role, named
from reps_ledger.policies.language.pausing import paused_before, paused_leaving
from reps_ledger.policies.language.selections import Facts, facts
from reps_ledger.policies.language.widths import TICK, Width
from reps_ledger.policies.subject import Measured

if TYPE_CHECKING:
    from reps_ledger.policies.subject import Subject

__all__ = ["Tenure", "TimeSince", "tenure", "time_since"]


def passing(starts: Iterable[datetime], width: Width, subject: Subject) -> Iterable[datetime]:
    """Yield when the time since each of these instants passes a width."""
    for start in starts:
        yield start
        for instant in (start, start + TICK):
            leaving = width.leaving(instant, subject.zone)
            if leaving is not None:
                yield leaving


@frozen(eq=False)
class TimeSince(ClockMeasure):
    """The time since something happened; endless where it never did.

    Attributes:
        facts: what.
        which: since the "last" time, or the "first".
        pausing: whether the clock stands still during leave.
    """

    facts: Facts = field(validator=of_type(Facts, "facts(…)"))
    which: str = field(default="last", validator=one_of("first", "last"))
    pausing: bool = field(default=False, validator=is_bool)

    endless = True

    def words(self) -> str:
        return f"the time since their {self.which} {self.facts.words(1)}"

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        pausing = " (leave not counted)" if self.pausing else ""
        return super().compared(operator, threshold, denied=denied) + pausing

    def reach(self, threshold: Width, subject: Subject) -> datetime:
        if self.pausing:
            return paused_before(subject.dossier.leave, threshold, subject.at, subject.zone)
        return super().reach(threshold, subject)

    def measure(self, subject: Subject) -> Measured:
        found = self.facts.seen(subject)
        if not found:
            return Measured(None)
        entry = found[0 if self.which == "first" else -1]
        return Measured(entry.occurred_at, (entry.id,))

    def edges(self, subject: Subject, threshold: Number | Width) -> Iterable[datetime]:
        assert isinstance(threshold, Width)  # noqa: S101 — checked when it was built
        yield from self.facts.edges(subject)
        starts = [entry.occurred_at for entry in self.facts.all(subject.dossier)]
        if not self.pausing:
            yield from passing(starts, threshold, subject)
            return
        leave = subject.dossier.leave
        for start, end in leave:
            yield start
            if end is not None:
                yield end
        for start in starts:
            for instant in (start, start + TICK):
                yield from paused_leaving(leave, threshold, instant, subject.zone)


@frozen(eq=False)
class Tenure(ClockMeasure):
    """The time in the programme, or in a role that they hold; none for who is not in it.

    Attributes:
        role: which role; None for the programme.
        community: where; None for anywhere, an empty text for a role of the whole programme.
    """

    role: str | None = field(default=None, validator=is_name_or_none)
    community: str | None = field(default=None, validator=is_place)

    def __attrs_post_init__(self) -> None:
        if self.role is None and self.community is not None:
            raise InvalidPolicy(f"their time in which role of {self.community!r}?")

    def words(self) -> str:
        if self.role is None:
            return "their time in the programme"
        return f"their time as {role_words(self.role, self.community)}"

    def measure(self, subject: Subject) -> Measured:
        if self.role is None:
            joined = subject.dossier.joined
            if joined is None or joined.occurred_at > subject.at:
                return Measured(None)
            return Measured(joined.occurred_at, (joined.id,))
        spans = [
            span
            for span in subject.standing("role.assigned")
            if is_role(span.entry.fact, self.role, self.community)
        ]
        if not spans:
            return Measured(None)
        first = min(spans, key=lambda span: span.start)
        return Measured(first.start, (first.entry.id,))

    def edges(self, subject: Subject, threshold: Number | Width) -> Iterable[datetime]:
        assert isinstance(threshold, Width)  # noqa: S101 — checked when it was built
        if self.role is None:
            joined = subject.dossier.joined
            starts = [] if joined is None else [joined.occurred_at]
        else:
            yield from subject.span_edges("role.assigned")
            starts = [span.start for span in subject.dossier.spans("role.assigned")]
        yield from passing(starts, threshold, subject)


def is_role(given: Any, role: str, community: str | None) -> bool:
    """Whether a role that was given is one in a community; None for any, "" for no community."""
    return given.role == role and (community is None or (given.community or "") == community)


def role_words(role: str, community: str | None) -> str:
    """Say a role, and where."""
    if community is None:
        return a_role(role)
    where = f"in {named(community)}" if community else "of the whole programme"
    return f"{a_role(role)} {where}"


def time_since(selection: Facts | str, *, which: str = "last", pausing: bool = False) -> TimeSince:
    """Measure the time since something last, or first, happened."""
    chosen = facts(selection) if isinstance(selection, str) else selection
    return TimeSince(chosen, which, pausing)


def tenure(role: str | None = None, *, community: str | None = None) -> Tenure:
    """Measure the time in the programme, or in a role that they hold."""
    return Tenure(role, community)
