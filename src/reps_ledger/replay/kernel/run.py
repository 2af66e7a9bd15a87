"""Running a policy over dates: the outcome of every member at every date, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import evolve, frozen

from reps_ledger.domain.time import microseconds
from reps_ledger.errors import InvalidInput, InvalidPolicy, TooLarge
from reps_ledger.policies.language.conditions import AllOf, AnyOf, AtLeast, Condition, Leaf, Not
from reps_ledger.replay.kernel.arrays import Codes, Points
from reps_ledger.replay.kernel.bitsets import Words, by_date, everywhere, packed, unpacked
from reps_ledger.replay.kernel.masks import Masks, is_path
from reps_ledger.replay.kernel.points import Kernel, Past, leaf_holds
from reps_ledger.replay.kernel.spans import Accounts

if TYPE_CHECKING:
    from reps_ledger.policies.policy import Policy
    from reps_ledger.replay.columns import Columns

__all__ = ["CHUNK", "MAX_DATES", "Chunk", "PlaceCodes", "place_type", "run"]

CHUNK: Final = 131_072
"""Members that are evaluated at once."""

MAX_DATES: Final = 100_000
"""Dates of one run."""

_CELLS: Final = 1 << 25
"""Members times dates that are evaluated at once."""


PlaceCodes = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]
"""Places of outcomes among a policy's; -1 for none."""


def place_type(outcomes: int) -> type[np.signedinteger[Any]]:
    """Return the smallest type that holds the place of each of so many outcomes."""
    return np.int8 if outcomes <= np.iinfo(np.int8).max + 1 else np.int16


@frozen(eq=False)
class Chunk:
    """The outcomes of some members at all dates.

    Attributes:
        low: the first member, as a place among all people.
        high: the place after the last.
        dates: how many dates.
        words: for each outcome, on which dates it is each member's.
    """

    low: int
    high: int
    dates: int
    words: tuple[Words, ...]

    def of(self, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> Chunk:
        """Return the same with no outcome of the members that are not chosen."""
        return evolve(self, words=tuple(each * chosen for each in self.words))

    def counts(self) -> Codes:
        """Return how many members have each outcome, at each date."""
        return np.stack([by_date(each, self.dates) for each in self.words])

    def codes(self) -> PlaceCodes:
        """Return the place of each member's outcome at each date; -1 before they joined."""
        found = np.full((self.high - self.low, self.dates), -1, place_type(len(self.words)))
        for code, words in enumerate(self.words):
            found[unpacked(words, self.dates)] = code
        return found


def run(
    policy: Policy,
    columns: Columns,
    dates: Sequence[datetime],
    zone: tzinfo,
    *,
    chunk: int = CHUNK,
    kernel: Kernel | None = None,
    accounts: Accounts | None = None,
) -> Iterator[Chunk]:
    """Yield the outcomes of all who ever joined, in order of identifier, at sorted dates.

    Args:
        policy: which policy.
        columns: what is known.
        dates: sorted, each once.
        zone: in which dates, months and years are read.
        chunk: members that are evaluated at once.
        accounts: who had an account when, for policies that ask.
        kernel: one that ran a policy of the same name on the same columns, to be used again.

    Raises:
        InvalidPolicy: the policy is about communities, or asks for what columns do not hold.
        InvalidInput: the dates are not sorted, or one is there twice.
        TooLarge: there are more than `MAX_DATES`.
    """
    if policy.of != "member":
        raise InvalidPolicy(f"{policy.name} is about communities: evaluate it at each date")
    if len(dates) > MAX_DATES:
        raise TooLarge(f"{len(dates):,} dates; at most {MAX_DATES:,}", field="at")
    at = np.array([microseconds(date) for date in dates], np.int64)
    if len(at) > 1 and not (np.diff(at) > 0).all():
        raise InvalidInput("dates come in order, each once", field="at")
    if kernel is None:
        kernel = Kernel(columns, zone, accounts=accounts)
    kernel = kernel.of(policy.name, policy.outcomes)
    masks = Masks(kernel, at, policy.leaves())
    size = max(1, min(chunk, _CELLS // max(1, len(at))))
    for low in range(0, len(columns.people), size):
        high = min(low + size, len(columns.people))
        yield _chunk(policy, masks, low, high)


def _chunk(policy: Policy, masks: Masks, low: int, high: int) -> Chunk:
    joined = masks.since(masks.kernel.joined[low:high])
    if any(is_path(leaf) for leaf in masks.leaves):
        words = _through(policy, masks, low, high)
    else:
        words = _at_once(policy, masks, low, high)
    return Chunk(low, high, len(masks.dates), tuple(each & joined for each in words))


def _at_once(policy: Policy, masks: Masks, low: int, high: int) -> list[Words]:
    """Decide every date at once: of each, the first case that matches takes the bit."""
    held: dict[Leaf, Words] = {}

    def of(leaf: Leaf) -> Words:
        if leaf not in held:
            held[leaf] = masks.words(leaf, low, high)
        return held[leaf]

    left = everywhere(len(masks.dates), high - low)
    found = {outcome: np.zeros_like(left) for outcome in policy.outcomes}
    every = left
    for case, _ in policy.steps:
        hit = left & _logic(case.when, of, every)
        found[case.outcome] |= hit
        left = left & ~hit
    found[policy.otherwise] |= left
    return [found[outcome] for outcome in policy.outcomes]


def _logic(condition: Condition, of: Any, every: Words) -> Words:
    """Combine words as a condition combines its leaves."""
    match condition:
        case AllOf(conditions):
            parts = [_logic(each, of, every) for each in conditions]
            return np.asarray(np.bitwise_and.reduce(parts))
        case AnyOf(conditions):
            parts = [_logic(each, of, every) for each in conditions]
            return np.asarray(np.bitwise_or.reduce(parts))
        case Not(inner):
            return every & ~_logic(inner, of, every)
        case AtLeast(number, conditions):
            return _at_least([_logic(each, of, every) for each in conditions], number)
        case Leaf():
            found: Words = of(condition)
            return found
    raise AssertionError(condition)  # pragma: no cover — there is no other


def _at_least(parts: list[Words], number: int) -> Words:
    """Return where at least so many are set: of the first so many, how many are, bit by bit."""
    none = np.zeros_like(parts[0])
    reached = [~none] + [none] * number  # at least 0, 1 … of those looked at so far
    for part in parts:
        for count in range(number, 0, -1):
            reached[count] = reached[count] | (reached[count - 1] & part)
    return reached[number]


def _through(policy: Policy, masks: Masks, low: int, high: int) -> list[Words]:
    """Decide date after date, where a condition depends on the outcome before."""
    held = {
        leaf: unpacked(masks.words(leaf, low, high), len(masks.dates))
        for leaf in masks.leaves
        if not is_path(leaf)
    }
    size = high - low
    past = Past(np.full(size, -1, np.int64), np.zeros(size, np.int64))
    outcomes = policy.outcomes
    found = np.full((size, len(masks.dates)), -1, np.int64)
    members = np.arange(low, high)
    for number, at in enumerate(masks.dates.tolist()):
        points = Points(members, np.full(size, at))

        def of(leaf: Leaf, number: int = number, points: Points = points, past: Past = past) -> Any:
            if is_path(leaf):
                return leaf_holds(leaf, points, masks.kernel, past)
            return held[leaf][:, number]

        left = np.ones(size, bool)
        outcome = np.full(size, outcomes.index(policy.otherwise), np.int64)
        for case, _ in policy.steps:
            hit = left & masks.kernel.combined(case.when, of)
            outcome[hit] = outcomes.index(case.outcome)
            left &= ~hit
        past = Past(outcome, np.where(outcome == past.outcome, past.since, at))
        found[:, number] = outcome
    return [packed(found == code) for code in range(len(outcomes))]
