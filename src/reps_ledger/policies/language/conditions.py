"""How conditions are combined: ``&``, ``|``, ``~`` and ``at_least``.

An expression is a tree of frozen values. ``==`` between expressions is equality of these
values, so that trees compare; Python's own ``and``, ``or``, ``not`` and chained comparisons
cannot build one, and raise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from fractions import Fraction
from typing import ClassVar, Final, Generic, NoReturn, TypeVar

from attrs import field, fields, frozen, has

from reps_ledger.domain.shown import shown
from reps_ledger.domain.time import local_day
from reps_ledger.domain.validation import MAX_NESTING
from reps_ledger.errors import InvalidPolicy, TooLarge
from reps_ledger.policies.language.reads import Reader
from reps_ledger.policies.language.validators import Field
from reps_ledger.policies.subject import Found, Subject


class Condition:
    """A truth about a member, or a community, at an instant. Combine with ``&``, ``|``, ``~``."""

    __slots__ = ("_levels",)

    _levels: int

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
    """A condition without conditions inside it: what a `Finding` is about.

    Its class declares everything about a kind of leaf: its key in documents, its words, what it
    reads, how it is evaluated and shown, when it may change and what it may still become.
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
        """Return whether facts that are still to be recorded may make it hold, or not hold.

        Facts in the past stay: nobody joins before a day that has passed, and a course that was
        completed stays so. Time alone is not considered here.

        Args:
            subject: of whom, now.
            wanted: whether it is to hold, or not to hold.
        """
        return True

    def lacked(self) -> str | None:
        """Say what is lacking where it does not hold: "needs …"; None where `words` will do."""
        return None

    def missing(self, found: Found, subject: Subject) -> int | Fraction | None:
        """Return by how much a number would have to grow for its truth to change.

        Below 0 it would have to shrink; None where no number is measured.
        """
        return None

    def missing_words(self, missing: int | Fraction | None, *, wanted: bool) -> str:
        """Say what would have to change.

        Args:
            missing: what the method `missing` returned.
            wanted: whether it would have to hold, or not to hold.
        """
        return self.words() if wanted else self.denial()

    def shown(self, found: Found, zone: tzinfo | None = None) -> str:
        """Say what was measured; an empty text where nothing was."""
        return shown_day("on", found.value, zone) if isinstance(found.value, datetime) else ""


def shown_day(word: str, instant: datetime, zone: tzinfo | None) -> str:
    """Say the day of an instant, after a word: in a zone, or in UTC."""
    return f"{word} {local_day(instant, zone or UTC)}"


def _parts(condition: Condition, kind: type[AllOf | AnyOf]) -> tuple[Condition, ...]:
    return condition.conditions if isinstance(condition, kind) else (condition,)


def levels_of(value: object) -> int:
    """Return how many expressions lie inside one another in a value, itself included."""
    if isinstance(value, tuple):
        return max(map(levels_of, value), default=0)
    if not has(kind := type(value)):
        return 0
    known: int | None = getattr(value, "_levels", None)
    if known is None:
        known = 1 + max((levels_of(getattr(value, each.name)) for each in fields(kind)), default=0)
        if isinstance(value, Condition):  # asked again by each that it becomes a part of
            object.__setattr__(value, "_levels", known)
    return known


def must_be_shallow(value: object) -> None:
    """Raise an error where an expression can no longer be said, written or compared.

    Raises:
        TooLarge: it is nested more than ``MAX_NESTING`` deep.
    """
    if levels_of(value) >= MAX_NESTING:
        raise TooLarge(f"a condition is nested more than {MAX_NESTING} deep; join fewer levels")


def _condition(value: object, operator: str) -> Condition:
    if not isinstance(value, Condition):
        raise InvalidPolicy(
            f"{operator} joins conditions, not {shown(value, 60)}; compare a measure with a number "
            "to make one, and put each comparison in parentheses"
        )
    return value


def _several(_: object, __: Field, value: object) -> None:
    if not isinstance(value, tuple) or len(value) < 2:  # noqa: PLR2004 — fewer combine nothing
        raise InvalidPolicy("needs two conditions or more")
    for item in value:
        _condition(item, "a list")
        must_be_shallow(item)


def _single(_: object, __: Field, value: object) -> None:
    _condition(value, "~")
    must_be_shallow(value)


@frozen(cache_hash=True)
class AllOf(Condition):
    """Every one of these conditions holds."""

    conditions: tuple[Condition, ...] = field(validator=_several)

    def words(self) -> str:
        return " and ".join(_inner(c) for c in self.conditions)


@frozen(cache_hash=True)
class AnyOf(Condition):
    """At least one of these conditions holds."""

    conditions: tuple[Condition, ...] = field(validator=_several)

    def words(self) -> str:
        return " or ".join(_inner(c) for c in self.conditions)


@frozen(cache_hash=True)
class Not(Condition):
    """A condition does not hold."""

    condition: Condition = field(validator=_single)

    def words(self) -> str:
        return self.condition.denial()


@frozen(cache_hash=True)
class AtLeast(Condition):
    """At least a number of these conditions hold.

    Attributes:
        number: how many, from 1 to all of them.
        conditions: two or more.
    """

    number: int = field()
    conditions: tuple[Condition, ...] = field(validator=_several)

    @conditions.validator
    def _enough(self, _: object, value: tuple[Condition, ...]) -> None:
        if type(self.number) is not int or not 1 <= self.number <= len(value):
            raise InvalidPolicy(
                f"at least how many of {len(value)}? A whole number from 1 to {len(value)}, "
                f"not {shown(self.number, 40)}"
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
    """How `fold` turns a condition into a value: a function for leaves, and one for each operator.

    The functions of operators take what the conditions inside were turned into.

    Attributes:
        leaf: turns a leaf into a value.
        all_of: combines the values of conditions all of which must hold.
        any_of: combines those of conditions one of which must hold.
        at_least: takes a number, and the values of conditions of which so many must hold.
        negated: takes the value of a condition that must not hold.
    """

    leaf: Callable[[Leaf], T]
    all_of: Callable[[list[T]], T]
    any_of: Callable[[list[T]], T]
    at_least: Callable[[int, list[T]], T]
    negated: Callable[[T], T]


def fold(condition: Condition, algebra: Algebra[T]) -> T:
    """Turn a condition into a value, from its leaves up and from left to right.

    Every other walk over conditions is an `Algebra` for this one.
    """
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
    """Return whether a condition holds, given which of its leaves hold. Every leaf is asked."""
    return fold(condition, Algebra(of_leaf, all, any, _enough, _negated))


def _enough(number: int, held: list[bool]) -> bool:
    return sum(held) >= number


def _negated(held: bool) -> bool:
    return not held


def holds(condition: Condition, subject: Subject) -> bool:
    """Return whether a condition holds of a subject."""
    return truth(condition, lambda leaf: leaf.find(subject).holds)


_May = tuple[bool, bool]  # whether a condition may hold, and whether it may not


def may_become(condition: Condition, subject: Subject, *, wanted: bool) -> bool:
    """Return whether a condition may hold, or not hold: now, by new facts, or by time alone.

    Its leaves are taken to change independently of each other.

    Args:
        condition: which.
        subject: of whom, now.
        wanted: whether it is to hold, or not to hold.
    """

    def of_leaf(leaf: Leaf) -> _May:
        held = leaf.find(subject).holds
        may_change = leaf.may_become(subject, wanted=not held) or any(
            leaf.find(subject.moved(edge)).holds != held for edge in leaf.edges(subject) if edge > subject.at
        )
        return held or may_change, not held or may_change

    may_hold, may_fail = fold(
        condition,
        Algebra[_May](
            leaf=of_leaf,
            all_of=lambda each: (all(may for may, _ in each), any(may for _, may in each)),
            any_of=lambda each: (any(may for may, _ in each), all(may for _, may in each)),
            at_least=lambda number, each: (
                sum(may for may, _ in each) >= number,
                sum(may for _, may in each) > len(each) - number,
            ),
            negated=lambda each: (each[1], each[0]),
        ),
    )
    return may_hold if wanted else may_fail
