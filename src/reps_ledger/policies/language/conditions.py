"""How conditions are combined: ``&``, ``|``, ``~`` and ``at_least``.

An expression is a tree of frozen values. ``==`` between expressions is equality of these
values, so that trees compare; Python's own ``and``, ``or``, ``not`` and chained comparisons
cannot build one, and raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from fractions import Fraction
from typing import Any, ClassVar, Final, Generic, NoReturn, TypeVar

from attrs import field, frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.reads import Reader
from reps_ledger.policies.subject import Found, Subject


class Condition:
    """A truth about a member, or a community, at an instant. Combine with ``&``, ``|``, ``~``."""

    __slots__ = ()

    def __and__(self, other: object) -> Condition:
        return AllOf((*_parts(self, AllOf), *_parts(_condition(other, "&"), AllOf)))

    def __or__(self, other: object) -> Condition:
        return AnyOf((*_parts(self, AnyOf), *_parts(_condition(other, "|"), AnyOf)))

    def __invert__(self) -> Condition:
        return Not(self)

    def __bool__(self) -> NoReturn:
        raise InvalidPolicy(
            "a condition is true or false only of a member at an instant: write & for and, "
            "| for or, ~ for not, and (a <= x) & (x <= b) for a <= x <= b"
        )

    def words(self) -> str:
        """Say it as a clause about "they"."""
        raise AssertionError  # pragma: no cover — each kind of condition says its own

    def denial(self) -> str:
        """Say that it is not so."""
        return f"not ({self.words()})"

    def __str__(self) -> str:
        return self.words()


class Leaf(Condition, Reader):
    """A condition without conditions below it: what a finding is about.

    A kind of leaf says all about itself in its class: its key in documents, what it reads, how
    it is found and shown, and what may still come of it.
    """

    __slots__ = ()

    key: ClassVar[str]
    """Its name in documents."""

    def find(self, subject: Subject) -> Found:
        """Return whether it holds, and what made it so."""
        raise AssertionError  # pragma: no cover — each kind of leaf finds its own

    def edges(self, subject: Subject) -> Iterable[datetime]:
        """Return every instant at which it may change, if nothing more were recorded."""
        raise AssertionError  # pragma: no cover — each kind of leaf knows its own

    def may_become(self, subject: Subject, *, wanted: bool) -> bool:
        """Return whether it may hold, or not hold, by what may still be recorded.

        What began cannot have begun otherwise: nobody joins before a day that has passed, and
        nobody who completed a course has not.
        """
        return True

    def lacked(self) -> str | None:
        """Say of whom it does not hold that they lack it: "needs …"; None where `words` will do."""
        return None

    def missing(self, found: Found, subject: Subject) -> int | Fraction | None:
        """Return how much is missing of a number for it to be otherwise.

        Below 0, how much is too much; None where no number is measured.
        """
        return None

    def missing_words(self, missing: int | Fraction | None, *, wanted: bool) -> str:
        """Say what would have to be otherwise.

        Args:
            missing: as `missing` says.
            wanted: whether it would have to hold.
        """
        return self.words() if wanted else self.denial()

    def shown(self, found: Found, zone: tzinfo | None = None) -> str:
        """Say what was measured; nothing where nothing was."""
        return shown_day("on", found.value, zone) if isinstance(found.value, datetime) else ""


def shown_day(word: str, instant: datetime, zone: tzinfo | None) -> str:
    """Say the day of an instant: in a zone, or in its own."""
    return f"{word} {instant.astimezone(zone or instant.tzinfo).date()}"


def _parts(condition: Condition, kind: type[AllOf | AnyOf]) -> tuple[Condition, ...]:
    return condition.conditions if isinstance(condition, kind) else (condition,)


def _condition(value: object, operator: str) -> Condition:
    if not isinstance(value, Condition):
        raise InvalidPolicy(
            f"{operator} joins conditions, not {value!r:.60}; compare a measure with a number "
            "to make one, and put each comparison in parentheses"
        )
    return value


def _several(_: object, __: object, value: Any) -> None:
    if not isinstance(value, tuple) or len(value) < 2:  # noqa: PLR2004 — fewer is no list
        raise InvalidPolicy("needs two conditions or more")
    for item in value:
        _condition(item, "a list")


def _one(_: object, __: object, value: Any) -> None:
    _condition(value, "~")


@frozen(cache_hash=True)
class AllOf(Condition):
    """Every one of these."""

    conditions: tuple[Condition, ...] = field(validator=_several)

    def words(self) -> str:
        return " and ".join(_inner(c) for c in self.conditions)


@frozen(cache_hash=True)
class AnyOf(Condition):
    """At least one of these."""

    conditions: tuple[Condition, ...] = field(validator=_several)

    def words(self) -> str:
        return " or ".join(_inner(c) for c in self.conditions)


@frozen(cache_hash=True)
class Not(Condition):
    """The opposite."""

    condition: Condition = field(validator=_one)

    def words(self) -> str:
        return self.condition.denial()


@frozen(cache_hash=True)
class AtLeast(Condition):
    """At least so many of these.

    Attributes:
        number: how many, from 1 to all of them.
        conditions: of which.
    """

    number: int = field()
    conditions: tuple[Condition, ...] = field(validator=_several)

    @conditions.validator
    def _enough(self, _: object, value: tuple[Condition, ...]) -> None:
        if type(self.number) is not int or not 1 <= self.number <= len(value):
            raise InvalidPolicy(
                f"at least how many of {len(value)}? A whole number from 1 to {len(value)}, "
                f"not {self.number!r:.40}"
            )

    def words(self) -> str:
        listed = "; ".join(c.words() for c in self.conditions)
        return f"at least {self.number} of these {len(self.conditions)} hold: ({listed})"


def at_least(number: int, *conditions: Condition) -> Condition:
    """Make the condition that at least so many of these hold."""
    return AtLeast(number, conditions)


def _inner(condition: Condition) -> str:
    compound = isinstance(condition, AllOf | AnyOf | AtLeast)
    return f"({condition.words()})" if compound else condition.words()


T = TypeVar("T")


@frozen
class Algebra(Generic[T]):
    """What to make of a condition: of its leaves, and of what was made of the conditions inside.

    Attributes:
        leaf: makes something of a leaf.
        all_of: of what was made of several, all of which must hold.
        any_of: of several, one of which must.
        at_least: of a number, and several of which so many must.
        negated: of one that must not.
    """

    leaf: Callable[[Leaf], T]
    all_of: Callable[[list[T]], T]
    any_of: Callable[[list[T]], T]
    at_least: Callable[[int, list[T]], T]
    negated: Callable[[T], T]


def fold(condition: Condition, algebra: Algebra[T]) -> T:
    """Walk a condition from its leaves up, from left to right: the one walk that there is."""
    match condition:
        case AllOf(conditions):
            return algebra.all_of([fold(each, algebra) for each in conditions])
        case AnyOf(conditions):
            return algebra.any_of([fold(each, algebra) for each in conditions])
        case AtLeast(number, conditions):
            return algebra.at_least(number, [fold(each, algebra) for each in conditions])
        case Not(inner):
            return algebra.negated(fold(inner, algebra))
        case Leaf():
            return algebra.leaf(condition)
    raise AssertionError(condition)  # pragma: no cover — there is no other kind


def _concatenated(lists: list[list[Leaf]]) -> list[Leaf]:
    return [leaf for each in lists for leaf in each]


_LEAVES: Final[Algebra[list[Leaf]]] = Algebra(
    leaf=lambda leaf: [leaf],
    all_of=_concatenated,
    any_of=_concatenated,
    at_least=lambda _, lists: _concatenated(lists),
    negated=lambda inner: inner,
)


def leaves(condition: Condition) -> list[Leaf]:
    """Return the leaves of a condition, from left to right, repeats included."""
    return fold(condition, _LEAVES)


def truth(condition: Condition, of_leaf: Callable[[Leaf], bool]) -> bool:
    """Return whether a condition holds, where its leaves hold as told; every leaf is asked."""
    return fold(condition, Algebra(of_leaf, all, any, _enough, _negated))


def _enough(number: int, held: list[bool]) -> bool:
    return sum(held) >= number


def _negated(held: bool) -> bool:
    return not held


def holds(condition: Condition, subject: Subject) -> bool:
    """Return whether a condition holds of a subject."""
    return truth(condition, lambda leaf: leaf.find(subject).holds)
