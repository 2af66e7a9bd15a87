"""Shortfalls: what is missing for a better outcome, as data and in words.

A policy's cases are turned into disjunctive normal form: the sets of truths of leaves that give an
outcome. Of each set, the leaves whose truth differs from what it is now would have to change; sets
that contain another are dropped. Trying all assignments of truth to leaves would give the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, time, tzinfo
from fractions import Fraction
from itertools import combinations
from math import comb
from typing import Final

from attrs import evolve, field, frozen

from reps_ledger.domain.time import local_day
from reps_ledger.errors import TooLarge
from reps_ledger.policies.language.conditions import Algebra, Condition, Leaf, fold, may_become
from reps_ledger.policies.outcomes import edges_after, outcome_of
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.subject import Subject


def first_time(leaf: Leaf, subject: Subject, *, wanted: bool) -> datetime | None:
    """Return when a leaf comes to hold, or not to, by time alone; None where it never does."""
    for edge in edges_after([leaf], subject):
        if leaf.find(subject.moved(edge)).holds == wanted:
            return edge
    return None


MAX_WAYS: Final = 2_000
"""The most sets of truths that are worked out; of a policy with more, none are said."""

_Set = frozenset[tuple[Leaf, bool]]  # of each leaf in it whether it is assumed to hold


def minimal_changes(
    policy: Policy, outcomes: frozenset[str], held: Callable[[Leaf], bool]
) -> tuple[frozenset[Leaf], ...]:
    """Return every smallest set of leaves whose change would give one of the outcomes.

    Args:
        policy: which policy.
        outcomes: any of which will do.
        held: whether a leaf holds now.

    Raises:
        TooLarge: there are more than `MAX_WAYS` sets of truths to look at.
    """
    found: list[_Set] = []
    before: list[Condition] = []  # earlier cases of other outcomes, none of which may match
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
    """Return every set of truths of leaves that makes each condition hold, or not, as wanted.

    Raises:
        TooLarge: there are more than `MAX_WAYS`.
    """
    return _together(fold(condition, _WAYS)(truth) for condition, truth in wanted)


def _together(several: Iterable[Iterable[_Set]]) -> list[_Set]:
    """Return every union of one set of each, but those that contradict themselves."""
    found: list[_Set] = [frozenset()]
    for ways in several:
        found = _product(found, _listed(ways))
    return found


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


_Ways = Callable[[bool], Iterable[_Set]]
"""Given a truth, returns the sets that give a condition that truth: only that one is worked out."""


def _several(number: int, needed: Callable[[bool], int], conditions: list[_Ways]) -> _Ways:
    """Return the ways of a condition that needs a number of others to have its truth.

    Args:
        number: how many others there are.
        needed: for a truth, how many of them must have it for the whole to have it.
        conditions: their ways.
    """

    def ways(truth: bool) -> Iterator[_Set]:
        _check(comb(number, needed(truth)))
        for chosen in combinations(conditions, needed(truth)):
            yield from _together(each(truth) for each in chosen)

    return ways


def _leaf_ways(leaf: Leaf) -> _Ways:
    return lambda truth: [frozenset({(leaf, truth)})]


_WAYS: Final[Algebra[_Ways]] = Algebra(
    leaf=_leaf_ways,
    all_of=lambda ways: _several(len(ways), lambda truth: len(ways) if truth else 1, ways),
    any_of=lambda ways: _several(len(ways), lambda truth: 1 if truth else len(ways), ways),
    at_least=lambda number, ways: _several(
        len(ways), lambda truth: number if truth else len(ways) - number + 1, ways
    ),
    negated=lambda ways: lambda truth: ways(not truth),
)


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


@frozen(kw_only=True)
class Shortfall:
    """One condition that would have to change.

    Attributes:
        condition: which.
        wanted: whether it would have to hold, or not to hold.
        missing: by how much a number would have to grow; below 0, to shrink; None where no
            number is measured.
        on: the instant at which time alone changes it, if nothing more is recorded; None where
            it never does.
    """

    condition: Leaf
    wanted: bool
    missing: int | Fraction | None = None
    on: datetime | None = None

    def words(self, zone: tzinfo | None = None) -> str:
        """Say what is needed."""
        words = self.condition.missing_words(self.missing, wanted=self.wanted)
        if self.on is None:
            return words
        return f"{words} (by itself on {local_day(self.on, zone or UTC)})"


@frozen(kw_only=True)
class Way:
    """One way to an outcome: a smallest set of conditions that would all have to change.

    Attributes:
        outcome: the outcome that was asked for; the way may lead to a better one.
        needs: the conditions, all of which would have to change.
        by: the first instant at which this would no longer be enough, or no longer be needed, if
            nothing more is recorded; None for never.
    """

    outcome: str
    needs: tuple[Shortfall, ...]
    by: datetime | None = None
    _zone: tzinfo | None = field(default=None, eq=False, repr=False)

    def words(self) -> str:
        """Say it in a sentence: "1 more report in the last 4 weeks, before 2018-12-01"."""
        words = ", and ".join(need.words(self._zone) for need in self.needs)
        if self.by is None:
            return words
        by = self.by.astimezone(self._zone).replace(tzinfo=None)
        if by.time() == time():
            return f"{words}, before {by.date()}"
        return f"{words}, before {by.isoformat(sep=' ', timespec='minutes')}"

    def __str__(self) -> str:
        return self.words()


def shortfalls(policy: Policy, subject: Subject, outcome: str) -> tuple[Way, ...]:
    """Return the ways in which a policy would have an outcome, or a better one.

    Ways that nothing may still open are left out. Those with the fewest needs come first.

    Raises:
        InvalidPolicy: it is none of the policy's outcomes.
        TooLarge: there are too many ways to say.
    """
    subject = evolve(subject, policy=policy.name)
    good = policy.at_least_as_good(outcome)
    now = _open_ways(policy, subject, good)
    if not now:
        return ()
    until: dict[frozenset[_Need], datetime] = {}
    for edge in edges_after(policy.leaves(), subject):
        if len(until) == len(now):
            break
        later = subject.moved(edge)
        then = set(_open_ways(policy, later, good))
        until |= {way: edge for way in now if way not in until and way not in then}
    order = {leaf: place for place, leaf in enumerate(policy.leaves())}
    found = [
        Way(
            outcome=outcome,
            needs=tuple(
                Shortfall(
                    condition=leaf,
                    wanted=wanted,
                    missing=missing,
                    on=first_time(leaf, subject, wanted=wanted),
                )
                for leaf, wanted, missing in sorted(way, key=lambda need: order[need[0]])
            ),
            by=until.get(way),
            zone=subject.zone,
        )
        for way in now
    ]
    return tuple(sorted(found, key=lambda way: _rank(way, order)))


def _rank(way: Way, order: Mapping[Leaf, int]) -> tuple[int, int, list[int]]:
    """Return what ways are sorted by: fewest needs, then fewest that no number measures."""
    uncounted = sum(need.missing is None for need in way.needs)
    return len(way.needs), uncounted, [order[need.condition] for need in way.needs]


_Need = tuple[Leaf, bool, int | Fraction | None]


def _open_ways(policy: Policy, subject: Subject, good: frozenset[str]) -> list[frozenset[_Need]]:
    """Return the sets of changes that may still come, each with what is missing of numbers.

    None where the outcome is good already.
    """
    if outcome_of(policy, subject) in good:
        return []
    found = {leaf: leaf.find(subject) for leaf in policy.leaves()}
    sets = minimal_changes(policy, good, lambda leaf: found[leaf].holds)
    return [
        frozenset((leaf, not found[leaf].holds, leaf.missing(found[leaf], subject)) for leaf in way)
        for way in sets
        if all(may_become(leaf, subject, wanted=not found[leaf].holds) for leaf in way)
    ]
