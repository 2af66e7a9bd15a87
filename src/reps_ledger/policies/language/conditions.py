"""How conditions are combined: ``&``, ``|``, ``~`` and ``at_least``.

An expression is a tree of frozen values. ``==`` between expressions is equality of these
values, so that trees compare; Python's own ``and``, ``or``, ``not`` and chained comparisons
cannot build one, and raise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from attrs import field, frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.subject import Found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from reps_ledger.policies.subject import Subject

__all__ = [
    "AllOf",
    "AnyOf",
    "AtLeast",
    "Condition",
    "Leaf",
    "Not",
    "at_least",
    "holds",
    "leaves",
    "truth",
]


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


class Leaf(Condition):
    """A condition without conditions below it: what a finding is about."""

    __slots__ = ()

    def find(self, subject: Subject) -> Found:
        """Return whether it holds, and what made it so."""
        raise AssertionError  # pragma: no cover — each kind of leaf finds its own

    def edges(self, subject: Subject) -> Iterable[datetime]:
        """Return every instant at which it may change, if nothing more were recorded."""
        raise AssertionError  # pragma: no cover — each kind of leaf knows its own


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


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Yield the leaves of a condition, from left to right, repeats included."""
    match condition:
        case AllOf(conditions) | AnyOf(conditions) | AtLeast(_, conditions):
            for each in conditions:
                yield from leaves(each)
        case Not(inner):
            yield from leaves(inner)
        case Leaf():
            yield condition


def truth(condition: Condition, of_leaf: Callable[[Leaf], bool]) -> bool:
    """Return whether a condition holds, where its leaves hold as told; every leaf is asked."""
    match condition:
        case AllOf(conditions):
            return all([truth(each, of_leaf) for each in conditions])
        case AnyOf(conditions):
            return any([truth(each, of_leaf) for each in conditions])
        case AtLeast(number, conditions):
            return sum([truth(each, of_leaf) for each in conditions]) >= number
        case Not(inner):
            return not truth(inner, of_leaf)
        case Leaf():
            return of_leaf(condition)
    raise AssertionError  # pragma: no cover — there is no other kind


def holds(condition: Condition, subject: Subject) -> bool:
    """Return whether a condition holds of a subject."""
    return truth(condition, lambda leaf: leaf.find(subject).holds)
