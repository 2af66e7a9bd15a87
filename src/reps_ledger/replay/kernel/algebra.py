"""How AND, OR, NOT and "at least so many" combine what the leaves of a condition are lowered to."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reps_ledger.policies.language.conditions import Algebra, Condition, Leaf
from reps_ledger.policies.policy import Policy
from reps_ledger.replay.columns.model import Truths
from reps_ledger.replay.kernel.arrays import Integers
from reps_ledger.replay.kernel.bitsets import Bitsets


def truth_algebra(of_leaf: Callable[[Leaf], Truths]) -> Algebra[Truths]:
    """Return the operations on arrays of truths, one for each point.

    Args:
        of_leaf: what a leaf is lowered to.
    """
    return Algebra(
        leaf=of_leaf,
        all_of=lambda parts: np.asarray(np.logical_and.reduce(parts)),
        any_of=lambda parts: np.asarray(np.logical_or.reduce(parts)),
        at_least=_counted,
        negated=np.logical_not,
    )


def _counted(number: int, parts: list[Truths]) -> Truths:
    held: Integers = np.add.reduce(parts, dtype=np.int64)
    return held >= number


def first_match(policy: Policy, size: int, holds: Callable[[Condition], Truths]) -> Integers:
    """Return, for each of so many points, the place of the outcome of the first case that holds.

    Args:
        policy: whose cases, and whose outcomes.
        size: how many points.
        holds: returns where a condition holds.
    """
    outcome = np.full(size, policy.outcomes.index(policy.otherwise), np.int64)
    left = np.ones(size, bool)
    for case, _ in policy.steps:
        hit = left & holds(case.when)
        outcome[hit] = policy.outcomes.index(case.outcome)
        left &= ~hit
    return outcome


def bitset_algebra(of_leaf: Callable[[Leaf], Bitsets], every: Bitsets) -> Algebra[Bitsets]:
    """Return the operations on bitsets of dates, one for each member.

    Args:
        of_leaf: what a leaf is lowered to.
        every: all dates of all members: of a negated bitset, bits past the last date are cleared.
    """
    return Algebra(
        leaf=of_leaf,
        all_of=lambda parts: np.asarray(np.bitwise_and.reduce(parts)),
        any_of=lambda parts: np.asarray(np.bitwise_or.reduce(parts)),
        at_least=_counted_in_unary,
        negated=lambda part: every & ~part,
    )


def _counted_in_unary(number: int, parts: list[Bitsets]) -> Bitsets:
    """Return on which dates so many of these hold, or more.

    ``reached[n]`` is where at least n of the parts seen so far hold. A part raises those that were
    at n - 1, from the highest n down, so that it counts once.
    """
    none = np.zeros_like(parts[0])
    reached = [~none, *[none] * number]
    for part in parts:
        for count in range(number, 0, -1):
            reached[count] = reached[count] | (reached[count - 1] & part)
    return reached[number]
