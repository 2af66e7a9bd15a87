"""Windows anchored to an event of the member's own: since it, following it, up to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from reps_ledger.policies.language.checks import of_type, one_of
from reps_ledger.policies.language.selections import Facts
from reps_ledger.policies.language.widths import TICK, Width
from reps_ledger.policies.language.windows import Bounds, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from reps_ledger.domain.entries import Entry
    from reps_ledger.policies.subject import Subject

__all__ = ["Following", "Preceding", "SinceLast", "following", "preceding", "since_last"]


@frozen(cache_hash=True)
class SinceLast(Window):
    """Since the last time that something happened, that instant included.

    Attributes:
        facts: what happened; where it never did, the window is empty.
    """

    facts: Facts = field(validator=of_type(Facts, "facts(…)"))

    def bounds(self, subject: Subject) -> Bounds | None:
        found = self.facts.seen(subject)
        return Bounds(found[-1].occurred_at, subject.at) if found else None

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        for entry in entries:
            yield entry.occurred_at
        yield from self.facts.edges(subject)

    def words(self) -> str:
        return f"since their last {self.facts.words(1)}"


@frozen(cache_hash=True)
class Following(Window):
    """So long from the first or last time that something happened: ``[then, then + width)``.

    Attributes:
        facts: what happened; where it never did, the window is empty.
        width: how long.
        which: "first" or "last".
    """

    facts: Facts = field(validator=of_type(Facts, "facts(…)"))
    width: Width = field(validator=of_type(Width, "a width such as days(90)"))
    which: str = field(default="first", validator=one_of("first", "last"))

    def bounds(self, subject: Subject) -> Bounds | None:
        found = self.facts.seen(subject)
        if not found:
            return None
        start = found[0 if self.which == "first" else -1].occurred_at
        return Bounds(start, min(subject.at, self.width.after(start, subject.zone) - TICK))

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        for entry in self.facts.all(subject.dossier):  # from then on nothing more comes into it
            yield self.width.after(entry.occurred_at, subject.zone)
        for entry in entries:
            yield entry.occurred_at
        yield from self.facts.edges(subject)

    def words(self) -> str:
        return f"within {self.width} of their {self.which} {self.facts.words(1)}"


@frozen(cache_hash=True)
class Preceding(Window):
    """So long up to the last or first time that something happened: ``(then - width, then]``.

    Attributes:
        before: what happened; where it never did, the window is empty.
        width: how long.
        which: "first" or "last".
    """

    before: Facts = field(validator=of_type(Facts, "facts(…)"))
    width: Width = field(validator=of_type(Width, "a width such as years(1)"))
    which: str = field(default="last", validator=one_of("first", "last"))

    def bounds(self, subject: Subject) -> Bounds | None:
        if not (found := self.before.seen(subject)):
            return None
        then = found[0 if self.which == "first" else -1].occurred_at
        return Bounds(self.width.before(then, subject.zone) + TICK, then)

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        for entry in self.before.all(subject.dossier):  # from then on nothing more comes into it
            yield entry.occurred_at + TICK
        for entry in entries:
            yield entry.occurred_at
        yield from self.before.edges(subject)

    def words(self) -> str:
        return f"in the {self.width.span} up to their {self.which} {self.before.words(1)}"


def since_last(facts: Facts) -> SinceLast:
    """Make the window since the last time that something happened: a renewal, an election."""
    return SinceLast(facts)


def following(facts: Facts, width: Width, which: str = "first") -> Following:
    """Make the window of so long from the first or last time that something happened."""
    return Following(facts, width, which)


def preceding(facts: Facts, width: Width, which: str = "last") -> Preceding:
    """Make the window of so long up to the last or first time that something happened."""
    return Preceding(facts, width, which)
