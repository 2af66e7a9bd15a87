"""How AND, OR, NOT and "at least so many" combine what the leaves of a condition are lowered to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import numpy as np
from attrs import frozen

from reps_ledger.policies.language.conditions import AllOf, AnyOf, AtLeast, Condition, Leaf, Not
from reps_ledger.replay.kernel.arrays import Integers, Truths
from reps_ledger.replay.kernel.bitsets import Bitsets

__all__ = ["Algebra", "BitsetAlgebra", "TruthAlgebra", "fold"]

T = TypeVar("T")


class Algebra(Protocol[T]):
    """The operations on whatever leaves are lowered to."""

    def leaf(self, leaf: Leaf) -> T:
        """Return what a leaf is lowered to."""

    def all_of(self, parts: list[T]) -> T:
        """Return where all of these hold."""

    def any_of(self, parts: list[T]) -> T:
        """Return where any of these holds."""

    def at_least(self, number: int, parts: list[T]) -> T:
        """Return where so many of these hold, or more."""

    def negated(self, part: T) -> T:
        """Return where this does not hold."""


def fold(condition: Condition, algebra: Algebra[T]) -> T:
    """Combine what the leaves of a condition are lowered to, as the condition says."""
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
    raise AssertionError(condition)  # pragma: no cover — there is no other


@frozen
class TruthAlgebra:
    """Operations on arrays of truths, one for each point.

    Attributes:
        of_leaf: what a leaf is lowered to.
    """

    of_leaf: Callable[[Leaf], Truths]

    def leaf(self, leaf: Leaf) -> Truths:
        """Return where a leaf holds."""
        return self.of_leaf(leaf)

    @staticmethod
    def all_of(parts: list[Truths]) -> Truths:
        """Return where all of these hold."""
        found: Truths = np.logical_and.reduce(parts)
        return found

    @staticmethod
    def any_of(parts: list[Truths]) -> Truths:
        """Return where any of these holds."""
        found: Truths = np.logical_or.reduce(parts)
        return found

    @staticmethod
    def at_least(number: int, parts: list[Truths]) -> Truths:
        """Return where so many of these hold, or more."""
        held: Integers = np.add.reduce(parts, dtype=np.int64)
        return held >= number

    @staticmethod
    def negated(part: Truths) -> Truths:
        """Return where this does not hold."""
        return ~part


@frozen(eq=False)
class BitsetAlgebra:
    """Operations on bitsets of dates, one for each member.

    Attributes:
        of_leaf: what a leaf is lowered to.
        every: all dates of all members: of a negated bitset, bits past the last date are cleared.
    """

    of_leaf: Callable[[Leaf], Bitsets]
    every: Bitsets

    def leaf(self, leaf: Leaf) -> Bitsets:
        """Return on which dates a leaf holds."""
        return self.of_leaf(leaf)

    @staticmethod
    def all_of(parts: list[Bitsets]) -> Bitsets:
        """Return on which dates all of these hold."""
        found: Bitsets = np.bitwise_and.reduce(parts)
        return found

    @staticmethod
    def any_of(parts: list[Bitsets]) -> Bitsets:
        """Return on which dates any of these holds."""
        found: Bitsets = np.bitwise_or.reduce(parts)
        return found

    @staticmethod
    def at_least(number: int, parts: list[Bitsets]) -> Bitsets:
        """Return on which dates so many of these hold, or more.

        Counting in unary, bit by bit: ``reached[n]`` is where at least n of the parts seen so far
        hold. A part raises those that were at n - 1, from the highest n down, so that it counts
        once.
        """
        none = np.zeros_like(parts[0])
        reached = [~none, *[none] * number]
        for part in parts:
            for count in range(number, 0, -1):
                reached[count] = reached[count] | (reached[count - 1] & part)
        return reached[number]

    def negated(self, part: Bitsets) -> Bitsets:
        """Return on which dates this does not hold."""
        return self.every & ~part
