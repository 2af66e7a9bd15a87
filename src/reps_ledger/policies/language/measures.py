"""Measures: what is measured of a member or a community, and the condition that compares it.

The measures of time are here too: since something happened, in the programme, in a role. Those
that count facts are in `counts`, those that look at everybody in `shares`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from fractions import Fraction
from types import MappingProxyType
from typing import ClassVar, Final, NoReturn

from attrs import field, fields, frozen

from reps_ledger.domain.facts import RoleAssigned
from reps_ledger.domain.shown import shown
from reps_ledger.domain.spans import joined_spans
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Leaf, shown_day
from reps_ledger.policies.language.facts import Facts, facts
from reps_ledger.policies.language.phrases import a_role, named, number_words
from reps_ledger.policies.language.reads import NOTHING, Reader, Reads
from reps_ledger.policies.language.validators import (
    Field,
    is_bool,
    is_name_or_none,
    is_place,
    of_type,
    one_of,
)
from reps_ledger.policies.language.widths import TICK, Width, paused_before, paused_leaving
from reps_ledger.policies.language.windows import Always, Window
from reps_ledger.policies.subject import Amount, Found, Limit, Measured, Subject, Value

Number = int | float

Threshold = Number | Width
"""With what a policy may compare a measure."""


class Measure(Reader):
    """What is measured of a member, or a community, at an instant. Compare it to get a condition.

    Its class declares everything about a kind of measure: its key in documents, its words, what
    it reads, how it is measured, compared and shown, when it may change and what it may become.
    """

    __slots__ = ()

    key: ClassVar[str]
    """Its name in documents."""

    whole: ClassVar[bool] = False
    """Whether its thresholds must be whole numbers."""

    stepwise: ClassVar[bool] = False
    """Whether its value is always a whole number."""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int | float | Width):
            raise InvalidPolicy(
                f"== compares two expressions; write .exactly({other}) to compare the measure"
            )
        if not isinstance(other, Measure) or type(self) is not type(other):
            return False
        return _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash((type(self), _values(self)))

    def __ge__(self, other: object) -> Compare:
        return Compare(self, "at_least", other)

    def __gt__(self, other: object) -> Compare:
        return Compare(self, "more_than", other)

    def __le__(self, other: object) -> Compare:
        return Compare(self, "at_most", other)

    def __lt__(self, other: object) -> Compare:
        return Compare(self, "less_than", other)

    def __bool__(self) -> NoReturn:
        raise InvalidPolicy("a measure is no condition: compare it with a number or a width")

    def exactly(self, threshold: object) -> Compare:
        """Make the condition that it equals a number: ``==`` compares expressions."""
        return Compare(self, "exactly", threshold)

    def words(self) -> str:
        """Say what is measured."""
        raise AssertionError  # pragma: no cover — each measure says its own

    def check(self, operator: str, threshold: object) -> None:
        """Refuse a comparison that makes no sense: with a number, a width, a part of a whole.

        Raises:
            InvalidPolicy: a measure of this kind is not compared so, or not with that.
        """
        raise AssertionError  # pragma: no cover — each kind of measure knows its own

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        """Say a comparison as a clause; its opposite where it is denied."""
        is_so = "is not" if denied else "is"
        return f"{self.words()} {is_so} {OPERATORS[operator]} {threshold}"

    def measure(self, subject: Subject) -> Measured:
        """Return its value, and the entries that make it."""
        raise AssertionError  # pragma: no cover — each measure measures its own

    def limit(self, threshold: Threshold, subject: Subject) -> Limit:
        """Return what the value is compared with: of a share, that part of a total."""
        return threshold

    def holds(self, measured: Measured, operator: str, limit: Limit, subject: Subject) -> bool:
        """Return whether a measured value compares so with a limit, as `limit` returned it."""
        raise AssertionError  # pragma: no cover — each kind of measure knows its own

    def edges(self, subject: Subject, threshold: Threshold) -> Iterable[datetime]:
        """Return every instant at which the comparison may change, if nothing more is recorded."""
        raise AssertionError  # pragma: no cover — each measure knows its own

    def may_change(self, subject: Subject, *, more: bool) -> bool:
        """Return whether facts that are still to be recorded may raise its value, or lower it."""
        raise AssertionError  # pragma: no cover — each kind of measure knows its own

    def missing(self, operator: str, threshold: Threshold, subject: Subject) -> int | Fraction | None:
        """Return by how much its value would have to grow for a comparison to hold.

        Below 0 it would have to shrink; None where it is no number, or cannot be said.

        Args:
            operator: of `OPERATORS`, or "not exactly".
            threshold: with what it is compared.
            subject: of whom.
        """
        return None

    def shown(self, found: Found, zone: tzinfo | None = None) -> str:
        """Say what was measured."""
        raise AssertionError  # pragma: no cover — each kind of measure shows its own

    def counted(self, number: int) -> str:
        """Say what is counted: in the singular for 1, else in the plural."""
        return self.words()

    @property
    def counted_facts(self) -> Facts | None:
        """The facts of which it is the number; None where it is anything but a plain count."""
        return None

    @property
    def within(self) -> Window:
        """The window that it looks at."""
        return Always()

    @property
    def divides_a_total(self) -> bool:
        """Whether it is compared with a part of a total, which may be of any size."""
        return False

    def reachable_limits(self, sizes: set[Fraction]) -> set[Fraction]:
        """Return the caps that a total may put on thresholds, as `lint` tries them.

        Args:
            sizes: the thresholds with which it is compared. Without a total nothing caps them.
        """
        return {max(sizes)}

    def __str__(self) -> str:
        return self.words()


def _values(measure: Measure) -> tuple[object, ...]:
    return tuple(getattr(measure, attribute.name) for attribute in fields(type(measure)))


OPERATORS: Final = {
    "at_least": "at least",
    "more_than": "more than",
    "at_most": "at most",
    "less_than": "less than",
    "exactly": "exactly",
}
"""The comparisons by their names in documents, with their words."""

NEAREST: Final[Mapping[str, Callable[[Fraction], int | Fraction]]] = MappingProxyType(
    {
        "at_least": math.ceil,
        "more_than": lambda limit: math.floor(limit) + 1,
        "at_most": math.floor,
        "less_than": lambda limit: math.ceil(limit) - 1,
        "exactly": lambda limit: limit,
    }
)
"""For each comparison, the whole number nearest to a limit for which it holds."""


class NumberMeasure(Measure):
    """A measure whose value is a number, compared with numbers."""

    __slots__ = ()

    whole = True
    stepwise = True

    def check(self, operator: str, threshold: object) -> None:
        if type(threshold) is int and 0 <= threshold <= 2**53:
            return
        if type(threshold) is float and math.isfinite(threshold) and threshold >= 0:
            if not self.whole:
                return
            raise InvalidPolicy(f"the number of {self.words()} is whole; {threshold!r} is not")
        raise InvalidPolicy(f"{self.words()} is compared with a number from 0, not with {threshold!s:.60}")

    def holds(self, measured: Measured, operator: str, limit: Limit, subject: Subject) -> bool:
        return compare(as_number(measured.value), operator, as_number(limit))

    def may_change(self, subject: Subject, *, more: bool) -> bool:
        return True

    def missing(self, operator: str, threshold: Threshold, subject: Subject) -> int | Fraction | None:
        if operator == "not exactly":
            return None
        value = as_number(self.measure(subject).value)
        limit = Fraction(as_number(self.limit(threshold, subject)))
        return int(NEAREST[operator](limit) - value) if self.stepwise else limit - Fraction(value)

    def shown(self, found: Found, zone: tzinfo | None = None) -> str:
        return number_words(as_number(found.value))


def as_number(value: Value | Limit) -> Amount:
    """Return a value that is a number, as every value and limit of a `NumberMeasure` is."""
    if isinstance(value, Amount):
        return value
    raise AssertionError(value)  # pragma: no cover — checked when it was built


def as_width(value: Limit) -> Width:
    """Return a limit that is a width, as every limit of a `ClockMeasure` is."""
    if isinstance(value, Width):
        return value
    raise AssertionError(value)  # pragma: no cover — checked when it was built


def compare(value: Amount, operator: str, limit: Amount) -> bool:
    """Return whether a value and a limit compare so.

    Args:
        value: what was measured.
        operator: of `OPERATORS`.
        limit: with what it is compared.
    """
    match operator:
        case "at_least":
            return value >= limit
        case "more_than":
            return value > limit
        case "at_most":
            return value <= limit
        case "less_than":
            return value < limit
    return value == limit


class ClockMeasure(Measure):
    """A measure of the time since something, compared with widths.

    Its value is the instant since which time is measured; None where there is none.
    """

    __slots__ = ()

    endless: ClassVar[bool] = False
    """Whether, without an instant, the time is longer than any width; else it is shorter."""

    def check(self, operator: str, threshold: object) -> None:
        if not isinstance(threshold, Width):
            raise InvalidPolicy(
                f"{self.words()} is compared with a width such as weeks(4) or '4 weeks', "
                f"not with {threshold!s:.60}"
            )
        if operator == "exactly":
            raise InvalidPolicy(f"{self.words()} is hardly ever exact; use <, <=, > or >=")

    def reach(self, threshold: Width, subject: Subject) -> datetime:
        """Return the instant that lies a width ago on this clock."""
        return threshold.before(subject.at, subject.zone)

    def holds(self, measured: Measured, operator: str, limit: Limit, subject: Subject) -> bool:
        if not isinstance(measured.value, datetime):
            return self.endless == (operator in {"at_least", "more_than"})
        longer = self.reach(as_width(limit), subject) - measured.value
        return compare(longer // TICK, operator, 0)

    def may_change(self, subject: Subject, *, more: bool) -> bool:
        return not more or self.measure(subject).value is None

    def shown(self, found: Found, zone: tzinfo | None = None) -> str:
        if isinstance(found.value, datetime):
            return shown_day("since", found.value, zone)
        return "never" if self.endless else "not yet"


def _is_measure(_: object, __: Field, value: object) -> None:
    if not isinstance(value, Measure):
        raise InvalidPolicy(f"only measures are compared, not {shown(value, 60)}")


def _is_operator(_: object, __: Field, value: object) -> None:
    if value not in OPERATORS:
        raise InvalidPolicy(f"{shown(value, 40)} is no comparison; use one of {', '.join(OPERATORS)}")


def _plain(threshold: object) -> object:
    # 2.0 and 2 are equal, so they must be written the same.
    return int(threshold) if isinstance(threshold, float) and threshold.is_integer() else threshold


@frozen(cache_hash=True)
class Compare(Leaf):
    """A measure compared with a number or a width.

    Attributes:
        measure: what is measured.
        operator: one of `OPERATORS`.
        threshold: with what it is compared.
    """

    measure: Measure = field(validator=_is_measure)
    operator: str = field(validator=_is_operator)
    threshold: Threshold = field(converter=_plain)

    @threshold.validator
    def _fits(self, _: object, value: object) -> None:
        self.measure.check(self.operator, value)

    def reads(self) -> Reads:
        return NOTHING  # its measure says what that reads

    def may_become(self, subject: Subject, *, wanted: bool) -> bool:
        if self.operator != "exactly":
            more = (self.operator in {"at_least", "more_than"}) == wanted
            return self.measure.may_change(subject, more=more)
        found = self.find(subject)
        # Another number would have to become more, or less; the same one, either.
        directions = {as_number(found.value) < as_number(found.threshold)} if wanted else {True, False}
        return any(self.measure.may_change(subject, more=more) for more in directions)

    def missing(self, found: Found, subject: Subject) -> int | Fraction | None:
        operator = _OPPOSITE[self.operator] if found.holds else self.operator
        return self.measure.missing(operator, self.threshold, subject)

    def missing_words(self, missing: int | Fraction | None, *, wanted: bool) -> str:
        if not missing:
            return super().missing_words(missing, wanted=wanted)
        number = max(missing, -missing)
        if isinstance(missing, Fraction):
            more = "more" if missing > 0 else "less"
            return f"{number_words(number)} {more} in {self.measure.words()}"
        more = "more" if missing > 0 else "fewer"
        return f"{number_words(number)} {more} {self.measure.counted(1 if number == 1 else 2)}"

    def shown(self, found: Found, zone: tzinfo | None = None) -> str:
        return self.measure.shown(found, zone)

    def words(self) -> str:
        return self.measure.compared(self.operator, _written(self.threshold))

    def denial(self) -> str:
        return self.measure.compared(self.operator, _written(self.threshold), denied=True)

    def find(self, subject: Subject) -> Found:
        measured = self.measure.measure(subject)
        limit = self.measure.limit(self.threshold, subject)
        holds = self.measure.holds(measured, self.operator, limit, subject)
        return Found(holds, measured.value, limit, measured.entries)

    def edges(self, subject: Subject) -> Iterable[datetime]:
        return self.measure.edges(subject, self.threshold)


_OPPOSITE: Final = {
    "at_least": "less_than",
    "less_than": "at_least",
    "more_than": "at_most",
    "at_most": "more_than",
    "exactly": "not exactly",
}
"""What it takes for a comparison not to hold."""


def _written(threshold: object) -> str:
    return f"{threshold:,}" if isinstance(threshold, int | float) else str(threshold)


def passing(starts: Iterable[datetime], width: Width, subject: Subject) -> Iterable[datetime]:
    """Yield every instant at which the time since one of these may pass a width.

    Comparisons differ in whether a width that is exactly reached counts: hence the instant a
    tick after each too.
    """
    for start in starts:
        yield start
        for instant in (start, start + TICK):
            leaving = width.leaving(instant, subject.zone)
            if leaving is not None:
                yield leaving


@frozen(eq=False)
class TimeSince(ClockMeasure):
    """The time since something happened: longer than any width where it never did.

    Attributes:
        facts: what happened.
        which: since the "last" time that it did, or the "first".
        pausing: whether the clock stands still during leave.
    """

    facts: Facts = field(validator=of_type(Facts, "facts(…)"))
    which: str = field(default="last", validator=one_of("first", "last"))
    pausing: bool = field(default=False, validator=is_bool)

    key = "time_since"
    endless = True

    def reads(self) -> Reads:
        return Reads(spans=frozenset({"leave.started"} if self.pausing else ()))

    def may_change(self, subject: Subject, *, more: bool) -> bool:
        if self.measure(subject).value is None:
            return not more
        if self.which == "last":
            return not more or self.facts.may_lessen(subject)
        # The first stays the first unless it stops counting, or an earlier one comes to count.
        return self.facts.may_lessen(subject) or (more and self.facts.may_regain(subject))

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
        entry = self.facts.anchor(subject, self.which)
        return Measured(None) if entry is None else Measured(entry.occurred_at, (entry.id,))

    def edges(self, subject: Subject, threshold: Threshold) -> Iterable[datetime]:
        width = as_width(threshold)
        yield from self.facts.edges(subject)
        starts = [entry.occurred_at for entry in self.facts.all(subject.dossier)]
        if not self.pausing:
            yield from passing(starts, width, subject)
            return
        leave = subject.dossier.leave
        for start, end in leave:
            yield start
            if end is not None:
                yield end
        for start in starts:
            for instant in (start, start + TICK):
                yield from paused_leaving(leave, width, instant, subject.zone)


@frozen(eq=False)
class Tenure(ClockMeasure):
    """The time since they joined, or have held a role: shorter than any width where they do not.

    Attributes:
        role: which role; None for the time since they joined the programme.
        community: where; None for anywhere, an empty text for a role of the whole programme.
    """

    role: str | None = field(default=None, validator=is_name_or_none)
    community: str | None = field(default=None, validator=is_place)

    def __attrs_post_init__(self) -> None:
        if self.role is None and self.community is not None:
            raise InvalidPolicy(f"their time in which role of {self.community!r}?")

    key = "tenure"

    def reads(self) -> Reads:
        if self.role is None:
            return Reads(facts=frozenset({"member.joined"}))
        return Reads(spans=frozenset({"role.assigned"}))

    def may_change(self, subject: Subject, *, more: bool) -> bool:
        # It only grows: that a role might end and begin anew is not considered.
        return more and self.measure(subject).value is None

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
            for span in subject.dossier.spans("role.assigned")
            if span.start <= subject.at and is_role(span.entry.fact, self.role, self.community)
        ]
        for start, end in joined_spans(spans):  # whoever was elected again without a gap held it all along
            if end is None or subject.at < end:
                holding = [span.entry.id for span in spans if span.start >= start]
                return Measured(start, tuple(holding))
        return Measured(None)

    def edges(self, subject: Subject, threshold: Threshold) -> Iterable[datetime]:
        if self.role is None:
            joined = subject.dossier.joined
            starts = [] if joined is None else [joined.occurred_at]
        else:
            yield from subject.span_edges("role.assigned")
            starts = [span.start for span in subject.dossier.spans("role.assigned")]
        yield from passing(starts, as_width(threshold), subject)


def is_role(given: RoleAssigned, role: str, community: str | None) -> bool:
    """Whether a role was given, in a community: None for any, "" for the whole programme."""
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
    """Measure the time since they joined the programme, or have held a role."""
    return Tenure(role, community)
