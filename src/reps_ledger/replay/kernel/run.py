"""Runs a policy over dates: the outcome of every member at every date, in chunks of members."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from reps_ledger.domain.time import microseconds
from reps_ledger.errors import InvalidInput, InvalidPolicy, TooLarge
from reps_ledger.policies.language.conditions import Leaf, fold
from reps_ledger.policies.policy import Policy
from reps_ledger.replay.columns import Columns
from reps_ledger.replay.columns.model import Truths
from reps_ledger.replay.kernel.algebra import bitset_algebra, first_match, truth_algebra
from reps_ledger.replay.kernel.arrays import Integers, Points
from reps_ledger.replay.kernel.bitsets import Bitsets, all_dates, count_by_date, pack, unpack
from reps_ledger.replay.kernel.histories import Histories
from reps_ledger.replay.kernel.masks import Masks
from reps_ledger.replay.kernel.points import Kernel, Past, Query, is_path_dependent

CHUNK: Final = 131_072
"""Members that are evaluated at once."""

MAX_DATES: Final = 100_000
"""Dates of one run."""

_CELLS: Final = 1 << 25
"""Members times dates that are evaluated at once, at most."""

OutcomeCodes = npt.NDArray[np.int8 | np.int16]
"""Places of outcomes among a policy's, a row for each member, a column for each date; -1: none."""


def outcome_type(outcomes: int) -> type[np.int8 | np.int16]:
    """Return the smallest type that holds the place of each of so many outcomes, and -1."""
    return np.int8 if outcomes <= np.iinfo(np.int8).max + 1 else np.int16


@frozen(eq=False)
class Chunk:
    """The outcomes of some members at all dates.

    Attributes:
        low: the first member, as their place among all people.
        high: the place after the last one's.
        dates: how many dates.
        bitsets: for each outcome, on which dates it is each member's.
    """

    low: int
    high: int
    dates: int
    bitsets: tuple[Bitsets, ...]

    def of(self, chosen: Truths) -> Chunk:
        """Return the same without any outcome of the members that are not chosen."""
        return evolve(self, bitsets=tuple(each * chosen for each in self.bitsets))

    def counts(self) -> Integers:
        """Return how many members have each outcome, a row for each outcome, a column a date."""
        return np.stack([count_by_date(each, self.dates) for each in self.bitsets])

    def codes(self) -> OutcomeCodes:
        """Return the place of each member's outcome at each date; -1 before they joined."""
        kind = outcome_type(len(self.bitsets))
        found = np.full((self.high - self.low, self.dates), -1, kind)
        for code, bitsets in enumerate(self.bitsets):
            found[unpack(bitsets, self.dates)] = code
        return found


def run(
    policy: Policy,
    columns: Columns,
    dates: Sequence[datetime],
    zone: tzinfo,
    *,
    chunk: int = CHUNK,
    histories: Histories | None = None,
) -> Iterator[Chunk]:
    """Yield the outcomes of all who ever joined, in order of identifier, at sorted dates.

    Args:
        policy: which policy.
        columns: what is known.
        dates: sorted, each once.
        zone: in which dates, days, months and years are read.
        chunk: members that are evaluated at once.
        histories: of the same columns and zone, made by an earlier run, to be used again.

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
    if histories is None:
        histories = Histories(columns, zone)
    masks = Masks(Kernel(histories, policy.name, policy.outcomes), at, policy.leaves())
    size = max(1, min(chunk, _CELLS // max(1, len(at))))
    for low in range(0, len(columns.people), size):
        yield _chunk(policy, masks, range(low, min(low + size, len(columns.people))))


def _chunk(policy: Policy, masks: Masks, members: range) -> Chunk:
    joined = masks.since(masks.kernel.histories.joined[members.start : members.stop])
    if any(is_path_dependent(leaf) for leaf in masks.leaves):
        bitsets = _date_by_date(policy, masks, members)
    else:
        bitsets = _all_dates_at_once(policy, masks, members)
    of_members = tuple(each & joined for each in bitsets)
    return Chunk(members.start, members.stop, len(masks.dates), of_members)


def _all_dates_at_once(policy: Policy, masks: Masks, members: range) -> list[Bitsets]:
    """Decide every date at once: of each, the first case that matches takes the bit."""
    held: dict[Leaf, Bitsets] = {}

    def of_leaf(leaf: Leaf) -> Bitsets:
        if leaf not in held:
            held[leaf] = masks.bitsets(leaf, members)
        return held[leaf]

    every = all_dates(len(masks.dates), len(members))
    algebra = bitset_algebra(of_leaf, every)
    left = every
    found = {outcome: np.zeros_like(left) for outcome in policy.outcomes}
    for case, _ in policy.steps:
        hit = left & fold(case.when, algebra)
        found[case.outcome] |= hit
        left = left & ~hit
    found[policy.otherwise] |= left
    return [found[outcome] for outcome in policy.outcomes]


def _date_by_date(policy: Policy, masks: Masks, members: range) -> list[Bitsets]:
    """Decide date after date, where a condition depends on the outcome before.

    Everything that does not depend on it is worked out for all dates beforehand.
    """
    held = {
        leaf: unpack(masks.bitsets(leaf, members), len(masks.dates))
        for leaf in masks.leaves
        if not is_path_dependent(leaf)
    }
    size = len(members)
    past = Past(np.full(size, -1, np.int64), np.zeros(size, np.int64))
    outcomes = policy.outcomes
    found = np.full((size, len(masks.dates)), -1, np.int64)
    everyone = np.arange(members.start, members.stop)
    for number, at in enumerate(masks.dates.tolist()):
        query = Query(masks.kernel, Points(everyone, np.full(size, at)), past)

        def of_leaf(leaf: Leaf, number: int = number, query: Query = query) -> Truths:
            return query.holds(leaf) if is_path_dependent(leaf) else held[leaf][:, number]

        algebra = truth_algebra(of_leaf)
        outcome = first_match(policy, size, partial(fold, algebra=algebra))
        past = Past(outcome, np.where(outcome == past.outcome, past.since, at))
        found[:, number] = outcome
    return [pack(found == code) for code in range(len(outcomes))]
