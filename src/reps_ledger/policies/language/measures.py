"""Measures: something measured of a member, or a community, and how it is compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NoReturn

from attrs import field, fields, frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.subject import Found

if TYPE_CHECKING:
    from reps_ledger.policies.subject import Measured, Subject

__all__ = [
    "NEAREST",
    "OPERATORS",
    "ClockMeasure",
    "Compare",
    "Measure",
    "Number",
    "NumberMeasure",
    "compare",
]

Number = int | float


class Measure:
    """Something measured of a member, or a community, at an instant. Compare it to use it."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int | float | Width):
            raise InvalidPolicy(
                f"== compares two expressions; write .exactly({other}) to compare the measure"
            )
        return type(self) is type(other) and _values(self) == _values(other)

    def __hash__(self) -> int:
        return hash((type(self), _values(self)))

    def __ge__(self, other: Any) -> Compare:
        return Compare(self, "at_least", other)

    def __gt__(self, other: Any) -> Compare:
        return Compare(self, "more_than", other)

    def __le__(self, other: Any) -> Compare:
        return Compare(self, "at_most", other)

    def __lt__(self, other: Any) -> Compare:
        return Compare(self, "less_than", other)

    def __bool__(self) -> NoReturn:
        raise InvalidPolicy("a measure is no condition: compare it with a number or a width")

    def exactly(self, threshold: Any) -> Compare:
        """Make the condition that it is this very number."""
        return Compare(self, "exactly", threshold)

    def words(self) -> str:
        """Say what is measured."""
        raise AssertionError  # pragma: no cover — each measure says its own

    def check(self, operator: str, threshold: object) -> None:
        """Refuse a threshold of the wrong kind.

        Raises:
            InvalidPolicy: it is one.
        """
        raise AssertionError  # pragma: no cover — each kind of measure knows its own

    def compared(self, operator: str, threshold: str, *, denied: bool = False) -> str:
        """Say a comparison, or its opposite, as a clause."""
        is_so = "is not" if denied else "is"
        return f"{self.words()} {is_so} {OPERATORS[operator]} {threshold}"

    def measure(self, subject: Subject) -> Measured:
        """Return its value, and the entries that make it."""
        raise AssertionError  # pragma: no cover — each measure measures its own

    def limit(self, threshold: Number | Width, subject: Subject) -> Any:
        """Return what the value is compared with: a share's threshold depends on a total."""
        return threshold

    def holds(self, measured: Measured, operator: str, limit: Any, subject: Subject) -> bool:
        """Return whether a measured value compares so with a limit."""
        raise AssertionError  # pragma: no cover — each kind of measure knows its own

    def edges(self, subject: Subject, threshold: Number | Width) -> Iterable[datetime]:
        """Return every instant at which the comparison may change."""
        raise AssertionError  # pragma: no cover — each measure knows its own

    def __str__(self) -> str:
        return self.words()


def _values(measure: Any) -> tuple[Any, ...]:
    return tuple(getattr(measure, a.name) for a in fields(type(measure)))


OPERATORS: Final = {
    "at_least": "at least",
    "more_than": "more than",
    "at_most": "at most",
    "less_than": "less than",
    "exactly": "exactly",
}
"""The comparisons, as documents name them, with their words."""

NEAREST: Final[Mapping[str, Callable[[Fraction], int | Fraction]]] = MappingProxyType(
    {
        "at_least": math.ceil,
        "more_than": lambda limit: math.floor(limit) + 1,
        "at_most": math.floor,
        "less_than": lambda limit: math.ceil(limit) - 1,
        "exactly": lambda limit: limit,
    }
)
"""The nearest whole number that compares so with a limit."""


class NumberMeasure(Measure):
    """A measure whose value is a number, compared with numbers."""

    __slots__ = ()

    whole = True
    """Whether it is compared with whole numbers only."""

    stepwise = True
    """Whether its value is always a whole number."""

    def check(self, operator: str, threshold: object) -> None:
        if type(threshold) is int and 0 <= threshold <= 2**53:
            return
        if type(threshold) is float and math.isfinite(threshold) and threshold >= 0:
            if not self.whole:
                return
            raise InvalidPolicy(f"the number of {self.words()} is whole; {threshold!r} is not")
        raise InvalidPolicy(
            f"{self.words()} is compared with a number from 0, not with {threshold!s:.60}"
        )

    def holds(
        self,
        measured: Measured,
        operator: str,
        limit: Any,
        subject: Subject,
    ) -> bool:
        return compare(measured.value, operator, limit)


def compare(value: Any, operator: str, threshold: Any) -> bool:
    """Return whether two values compare so."""
    match operator:
        case "at_least":
            return bool(value >= threshold)
        case "more_than":
            return bool(value > threshold)
        case "at_most":
            return bool(value <= threshold)
        case "less_than":
            return bool(value < threshold)
    return bool(value == threshold)


class ClockMeasure(Measure):
    """A measure of the time since something, compared with widths.

    Its value is the instant since which; None where there is none.
    """

    __slots__ = ()

    endless = False
    """Whether without an instant it is longer than any width; else it is shorter."""

    def check(self, operator: str, threshold: object) -> None:
        if not isinstance(threshold, Width):
            raise InvalidPolicy(
                f"{self.words()} is compared with a width such as weeks(4) or '4 weeks', "
                f"not with {threshold!s:.60}"
            )
        if operator == "exactly":
            raise InvalidPolicy(f"{self.words()} is hardly ever exact; use <, <=, > or >=")

    def reach(self, threshold: Width, subject: Subject) -> datetime:
        """Return the instant so long ago."""
        return threshold.before(subject.at, subject.zone)

    def holds(self, measured: Measured, operator: str, limit: Any, subject: Subject) -> bool:
        if measured.value is None:
            return self.endless == (operator in {"at_least", "more_than"})
        # The longer ago, the longer the time: the comparison of instants runs the other way.
        return compare(self.reach(limit, subject), operator, measured.value)


def _is_measure(_: object, __: object, value: Any) -> None:
    if not isinstance(value, Measure):
        raise InvalidPolicy(f"only measures are compared, not {value!r:.60}")


def _is_operator(_: object, __: object, value: Any) -> None:
    if value not in OPERATORS:
        raise InvalidPolicy(f"{value!r:.40} is no comparison; use one of {', '.join(OPERATORS)}")


def _plain(threshold: Any) -> Any:
    # 2.0 and 2 are equal, so they must be written the same.
    whole = isinstance(threshold, float) and threshold.is_integer()
    return int(threshold) if whole else threshold


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
    threshold: Number | Width = field(converter=_plain)

    @threshold.validator
    def _fits(self, _: object, value: Any) -> None:
        self.measure.check(self.operator, value)

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


def _written(threshold: object) -> str:
    return f"{threshold:,}" if isinstance(threshold, int | float) else str(threshold)
