"""Windows: which time counts. Rolling, of the calendar, or anchored to an event of the member.

A window gives its bounds at an instant, and the instants at which what lies in it may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import ClassVar, Final

from attrs import field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.shown import shown
from reps_ledger.domain.time import FIRST, LAST, day_start, local_day
from reps_ledger.errors import InvalidPolicy, InvalidTime
from reps_ledger.policies.language.facts import Facts
from reps_ledger.policies.language.reads import NOTHING, Reader, Reads
from reps_ledger.policies.language.validators import is_bool, is_date_or_none, of_type, one_of
from reps_ledger.policies.language.widths import TICK, Bounds, Width, paused_before, paused_leaving
from reps_ledger.policies.subject import Subject

PERIODS: Final = ("day", "week", "month", "quarter", "year")
"""Calendar periods, in the ledger's zone; weeks begin on Monday."""


class Window(Reader):
    """Which time counts."""

    __slots__ = ()

    keys: ClassVar[tuple[frozenset[str], ...]]
    """Sets of fields by which documents tell it from others: a table with all of one set is it."""

    unbounded: ClassVar[bool] = False
    """Whether it holds every other window."""

    def reads(self) -> Reads:
        return NOTHING

    @property
    def plain_width(self) -> Width | None:
        """Its width, where it is a plain rolling window; None for any other."""
        return None

    def moves(self, subject: Subject) -> bool:
        """Whether new facts may move it, so that what counts now counts no longer."""
        return False

    def is_open(self, subject: Subject) -> bool:
        """Whether something that happens from now on may lie in it."""
        return True

    def bounds(self, subject: Subject) -> Bounds | None:
        """Return its bounds at the subject's instant; None where it is empty."""
        raise AssertionError  # pragma: no cover — each window has its own

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterable[datetime]:
        """Return every instant at which one of these entries may enter it or leave it."""
        raise AssertionError  # pragma: no cover — each window has its own

    def words(self) -> str:
        """Say it."""
        raise AssertionError  # pragma: no cover — each window says its own


@frozen(cache_hash=True)
class Always(Window):
    """All that ever happened."""

    keys = ()
    unbounded = True

    def bounds(self, subject: Subject) -> Bounds | None:
        return Bounds(FIRST, subject.at)

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        for entry in entries:
            yield entry.occurred_at

    def words(self) -> str:
        return ""


@frozen(cache_hash=True)
class Rolling(Window):
    """A rolling window up to now: ``(at - width, at]``.

    Attributes:
        width: how far it goes back.
        ahead: how far to look ahead for what was announced: ``(at, at + ahead]``.
        pausing: whether the clock stands still during leave: the width is then counted back
            from the last instant at which it ran, leaving out times of leave.
    """

    width: Width = field(validator=of_type(Width, "a width such as weeks(4)"))
    ahead: Width | None = field(default=None, validator=of_type(Width, "a width"))
    pausing: bool = field(default=False, validator=is_bool)

    keys = (frozenset({"width"}),)

    def reads(self) -> Reads:
        return Reads(spans=frozenset({"leave.started"} if self.pausing else ()))

    @property
    def plain_width(self) -> Width | None:
        return self.width if self.ahead is None and not self.pausing else None

    def bounds(self, subject: Subject) -> Bounds | None:
        at, zone = subject.at, subject.zone
        if self.pausing:
            start = paused_before(subject.dossier.leave, self.width, at, zone)
        else:
            start = self.width.before(at, zone)
        ahead = None if self.ahead is None else self.ahead.after(at, zone)
        return Bounds(start + TICK, at, ahead)  # never empty: a width is at least an hour

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        zone = subject.zone
        leave = subject.dossier.leave if self.pausing else []
        for start, end in leave:
            yield start
            if end is not None:
                yield end
        for entry in entries:
            at = entry.occurred_at
            yield at
            yield from paused_leaving(leave, self.width, at, zone)
            if self.ahead is not None:
                yield self.ahead.coming(at, zone)

    def words(self) -> str:
        pausing = " (leave not counted)" if self.pausing else ""
        ahead = f" or announced for the next {self.ahead.span}" if self.ahead is not None else ""
        return f"in the last {self.width.span}{pausing}{ahead}"


@frozen(cache_hash=True)
class Between(Window):
    """A window between two dates, both included.

    Attributes:
        since: the first day, or None for no first.
        until: the last day, or None for up to now.
    """

    since: date | None = field(default=None, validator=is_date_or_none)
    until: date | None = field(default=None, validator=is_date_or_none)

    keys = (frozenset({"since"}), frozenset({"until"}))

    def __attrs_post_init__(self) -> None:
        if self.since is None and self.until is None:
            raise InvalidPolicy("give a first day, a last day or both")
        if self.since is not None and self.until is not None and self.until < self.since:
            raise InvalidPolicy(f"{self.until} comes before {self.since}: nothing lies between")

    def is_open(self, subject: Subject) -> bool:
        return self.until is None or subject.at < day_after(self.until, subject.zone)

    def bounds(self, subject: Subject) -> Bounds | None:
        start = FIRST if self.since is None else day_start(self.since, subject.zone)
        end = subject.at
        if self.until is not None:
            end = min(end, day_after(self.until, subject.zone) - TICK)
        return Bounds(start, end) if start <= end else None

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        if self.until is not None:  # when it closes
            yield day_after(self.until, subject.zone)
        for entry in entries:
            yield entry.occurred_at

    def words(self) -> str:
        if self.until is None:
            return f"since {self.since}"
        return f"from {self.since} to {self.until}" if self.since else f"up to {self.until}"


@frozen(cache_hash=True)
class This(Window):
    """The current calendar period, up to now.

    Attributes:
        period: one of `PERIODS`.
    """

    period: str = field(validator=one_of(*PERIODS))

    keys = (frozenset({"period"}),)

    def bounds(self, subject: Subject) -> Bounds | None:
        return Bounds(period_start(subject.at, self.period, subject.zone), subject.at)

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        for entry in entries:
            yield entry.occurred_at
            yield period_end(entry.occurred_at, self.period, subject.zone)

    def words(self) -> str:
        return "today" if self.period == "day" else f"this {self.period}"


def as_window(within: object, *, ahead: Width | None = None, pausing: bool = False) -> Window:
    """Return the window that a measure was given as ``within``.

    Args:
        within: a width, for a rolling window; a window; or None for `Always`.
        ahead: as for `Rolling`.
        pausing: as for `Rolling`.

    Raises:
        InvalidPolicy: it is no window, or none that can look ahead or pause.
    """
    if isinstance(within, Width):
        return Rolling(within, ahead, pausing)
    if ahead is not None or pausing:
        raise InvalidPolicy("only a rolling window, such as weeks(4), looks ahead or pauses")
    if within is None:
        return Always()
    if isinstance(within, Window):
        return within
    raise InvalidPolicy(
        f"within is a width such as weeks(4), or since(…), this(…), since_last(…), "
        f"following(…) or preceding(…); not {shown(within, 60)}"
    )


def since(day: date, until: date | None = None) -> Between:
    """Make the window from the start of a day to now, or to the end of another day."""
    return Between(day, until)


def this(period: str) -> This:
    """Make the window of the current "day", "week", "month", "quarter" or "year"."""
    return This(period)


def period_of(moment: datetime, period: str, zone: tzinfo = UTC) -> tuple[int, ...]:
    """Return the first day of the calendar period of an instant: year, month and day."""
    return _start(local_day(moment, zone), period).timetuple()[:3]


def period_start(moment: datetime, period: str, zone: tzinfo = UTC) -> datetime:
    """Return the first instant of the calendar period of an instant; at the earliest the calendar's first."""
    try:
        return day_start(_start(local_day(moment, zone), period), zone)
    except InvalidTime:
        return FIRST


def period_end(moment: datetime, period: str, zone: tzinfo = UTC) -> datetime:
    """Return the first instant after the calendar period of an instant."""
    start = _start(local_day(moment, zone), period)
    longest = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}[period]
    try:
        return day_start(_start(start + timedelta(days=longest), period), zone)
    except (InvalidTime, OverflowError):
        return LAST


def _start(day: date, period: str) -> date:
    match period:
        case "day":
            return day
        case "week":
            return day - timedelta(days=min(day.weekday(), (day - date.min).days))
        case "month":
            return day.replace(day=1)
        case "quarter":
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    return day.replace(month=1, day=1)


def day_after(day: date, zone: tzinfo) -> datetime:
    """Return the first instant after a day; the last instant that there is, for the last day."""
    try:
        return day_start(day + timedelta(days=1), zone)
    except (InvalidTime, OverflowError):
        return LAST


@frozen(cache_hash=True)
class SinceLast(Window):
    """The window since something last happened, that instant included.

    Attributes:
        facts: what; where it never happened, the window is empty.
    """

    facts: Facts = field(validator=of_type(Facts, "facts(…)"))

    keys = (frozenset({"facts"}),)

    def moves(self, subject: Subject) -> bool:
        return True

    def bounds(self, subject: Subject) -> Bounds | None:
        found = self.facts.anchor(subject, "last")
        return None if found is None else Bounds(found.occurred_at, subject.at)

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        for entry in entries:
            yield entry.occurred_at
        yield from self.facts.edges(subject)

    def words(self) -> str:
        return f"since their last {self.facts.words(1)}"


@frozen(cache_hash=True)
class Following(Window):
    """A window that begins when something happened: ``[then, then + width)``.

    Attributes:
        facts: what; where it never happened, the window is empty.
        width: how long it is.
        which: "first" or "last" time that it happened.
    """

    facts: Facts = field(validator=of_type(Facts, "facts(…)"))
    width: Width = field(validator=of_type(Width, "a width such as days(90)"))
    which: str = field(default="first", validator=one_of("first", "last"))

    keys = (frozenset({"facts", "width"}),)

    def moves(self, subject: Subject) -> bool:
        return _anchor_moves(self.facts, self.which, subject)

    def is_open(self, subject: Subject) -> bool:
        return _anchored_is_open(self, subject)

    def bounds(self, subject: Subject) -> Bounds | None:
        found = self.facts.anchor(subject, self.which)
        if found is None:
            return None
        start = found.occurred_at
        return Bounds(start, min(subject.at, self.width.after(start, subject.zone) - TICK))

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        for entry in self.facts.all(subject.dossier):  # when it closes
            yield self.width.after(entry.occurred_at, subject.zone)
        for entry in entries:
            yield entry.occurred_at
        yield from self.facts.edges(subject)

    def words(self) -> str:
        return f"within {self.width} of their {self.which} {self.facts.words(1)}"


@frozen(cache_hash=True)
class Preceding(Window):
    """A window that ends when something happened: ``(then - width, then]``.

    Attributes:
        before: what; where it never happened, the window is empty.
        width: how long it is.
        which: "first" or "last" time that it happened.
    """

    before: Facts = field(validator=of_type(Facts, "facts(…)"))
    width: Width = field(validator=of_type(Width, "a width such as years(1)"))
    which: str = field(default="last", validator=one_of("first", "last"))

    keys = (frozenset({"before", "width"}),)

    def moves(self, subject: Subject) -> bool:
        return _anchor_moves(self.before, self.which, subject)

    def is_open(self, subject: Subject) -> bool:
        return _anchored_is_open(self, subject)

    def bounds(self, subject: Subject) -> Bounds | None:
        found = self.before.anchor(subject, self.which)
        if found is None:
            return None
        then = found.occurred_at
        return Bounds(self.width.before(then, subject.zone) + TICK, then)

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        for entry in self.before.all(subject.dossier):  # when it closes
            yield entry.occurred_at + TICK
        for entry in entries:
            yield entry.occurred_at
        yield from self.before.edges(subject)

    def words(self) -> str:
        return f"in the {self.width.span} up to their {self.which} {self.before.words(1)}"


def _anchor_moves(facts: Facts, which: str, subject: Subject) -> bool:
    """Whether another fact may come to be the last, or the first.

    The last time may come again; the first stays the first unless it stops counting, or an earlier
    one comes to count.
    """
    return which == "last" or facts.may_lessen(subject) or facts.may_regain(subject)


def _anchored_is_open(window: Following | Preceding, subject: Subject) -> bool:
    """Whether something that happens from now on may lie in it: it may move, or is not over."""
    if window.moves(subject):
        return True
    bounds = window.bounds(subject)
    return bounds is None or bounds.end == subject.at


def since_last(facts: Facts) -> SinceLast:
    """Make the window since something last happened: a renewal, an election."""
    return SinceLast(facts)


def following(facts: Facts, width: Width, which: str = "first") -> Following:
    """Make the window of this width that begins when something first, or last, happened."""
    return Following(facts, width, which)


def preceding(facts: Facts, width: Width, which: str = "last") -> Preceding:
    """Make the window of this width that ends when something last, or first, happened."""
    return Preceding(facts, width, which)
