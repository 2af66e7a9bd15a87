"""Ways: the smallest sets of conditions that would have to be otherwise.

A condition is turned into the sets of its leaves that would have to change for it to hold, or
not to hold: the disjunctive normal form of the difference, with every set dropped that holds
another. Worked out over all assignments of truth to leaves, the same sets come out.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Final

from reps_ledger.errors import TooLarge
from reps_ledger.policies.language.conditions import AllOf, AnyOf, AtLeast, Condition, Leaf, Not

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from reps_ledger.policies.policy import Policy

__all__ = ["MAX_WAYS", "every", "flips"]

MAX_WAYS: Final = 2_000
"""Ways that are kept while they are worked out; past it a policy is too tangled to say."""

_Set = frozenset[tuple[Leaf, bool]]  # leaves, each with the truth that is assumed of it


def flips(
    policy: Policy, outcomes: frozenset[str], held: Callable[[Leaf], bool]
) -> tuple[frozenset[Leaf], ...]:
    """Return every smallest set of leaves whose change would give one of the outcomes.

    Args:
        policy: which policy.
        outcomes: any of which will do.
        held: whether a leaf holds now.

    Raises:
        TooLarge: there are more than `MAX_WAYS`.
    """
    found: list[_Set] = []
    before: list[Condition] = []  # cases of other outcomes, none of which may match
    for case, _ in policy.steps:
        if case.outcome in outcomes:
            found += every([(case.when, True), *((each, False) for each in before)])
            _check(len(found))
        else:
            before.append(case.when)
    if policy.otherwise in outcomes:
        found += every([(each, False) for each in before])
    changes = (frozenset(leaf for leaf, wanted in way if held(leaf) != wanted) for way in found)
    return tuple(_smallest(changes))


def every(wanted: Iterable[tuple[Condition, bool]]) -> list[_Set]:
    """Return the ways in which each of these conditions is as wanted: truths of leaves.

    Raises:
        TooLarge: there are more than `MAX_WAYS`.
    """
    ways: list[_Set] = [frozenset()]
    for condition, truth in wanted:
        ways = _product(ways, _listed(_ways(condition, truth=truth)))
    return ways


def _listed(ways: Iterable[_Set]) -> list[_Set]:
    found: set[_Set] = set()
    for way in ways:
        found.add(way)
        _check(len(found))
    return list(found)


def _check(number: int) -> None:
    if number > MAX_WAYS:
        raise TooLarge(
            f"there are more than {MAX_WAYS:,} ways in which this policy comes to an outcome; "
            "its findings say what was measured"
        )


def _ways(condition: Condition, *, truth: bool) -> Iterator[_Set]:
    match condition:
        case Not(inner):
            yield from _ways(inner, truth=not truth)
        case AllOf(conditions):
            yield from _number(conditions, len(conditions) if truth else 1, truth=truth)
        case AnyOf(conditions):
            yield from _number(conditions, 1 if truth else len(conditions), truth=truth)
        case AtLeast(number, conditions):
            needed = number if truth else len(conditions) - number + 1
            yield from _number(conditions, needed, truth=truth)
        case Leaf():
            yield frozenset({(condition, truth)})


def _number(conditions: Sequence[Condition], number: int, *, truth: bool) -> Iterator[_Set]:
    """Yield the ways in which so many of the conditions have a truth."""
    _check(comb(len(conditions), number))
    for chosen in combinations(conditions, number):
        yield from every((each, truth) for each in chosen)


def _product(ways: list[_Set], others: list[_Set]) -> list[_Set]:
    return _listed(way | other for way in ways for other in others if not _contradict(way, other))


def _contradict(way: _Set, other: _Set) -> bool:
    return any((leaf, not truth) in other for leaf, truth in way)


def _smallest(sets: Iterable[frozenset[Leaf]]) -> list[frozenset[Leaf]]:
    kept: list[frozenset[Leaf]] = []
    for each in sorted(sets, key=len):
        if not any(smaller <= each for smaller in kept):
            kept.append(each)
    return kept
