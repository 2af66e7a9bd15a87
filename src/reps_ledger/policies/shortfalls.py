"""Shortfalls: what was missing for a better outcome, as data and in words.

Needs: whether a condition may still become otherwise, and how to say what is missing.

Ways: the smallest sets of conditions that would have to be otherwise.

A condition is turned into the sets of its leaves that would have to change for it to hold, or
not to hold: the disjunctive normal form of the difference, with every set dropped that holds
another. Worked out over all assignments of truth to leaves, the same sets come out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, tzinfo
from fractions import Fraction
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen

from reps_ledger.errors import TooLarge
from reps_ledger.policies.language.conditions import AllOf, AnyOf, AtLeast, Condition, Leaf, Not
from reps_ledger.policies.language.measures import (
    NEAREST,
    ClockMeasure,
    Compare,
    Count,
    Distinct,
    Measure,
    NumberMeasure,
    Tenure,
    TimeSince,
    Total,
)
from reps_ledger.policies.language.people import (
    Completed,
    Held,
    IsMember,
    Joined,
    OnOrAfter,
    WithAccount,
)
from reps_ledger.policies.language.phrases import number_words
from reps_ledger.policies.language.shares import Share
from reps_ledger.policies.language.windows import (
    Between,
    Following,
    Preceding,
    SinceLast,
    day_after,
)
from reps_ledger.policies.outcomes import edges_after, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from reps_ledger.policies.language.facts import Facts
    from reps_ledger.policies.language.windows import Window
    from reps_ledger.policies.policy import Policy
    from reps_ledger.policies.subject import Found, Subject

__all__ = [
    "MAX_WAYS",
    "Shortfall",
    "Way",
    "every",
    "first_time",
    "flips",
    "may_become",
    "missing_words",
    "shortfalls",
]

_MORE = frozenset({"at_least", "more_than"})


def may_become(leaf: Leaf, subject: Subject, *, wanted: bool) -> bool:
    """Return whether a condition may become so: by time alone, or by what may be recorded.

    What began cannot have begun otherwise: nobody joins before a day that has passed, and
    nobody who completed a course has not.
    """
    if _by_recording(leaf, subject, wanted=wanted):
        return True
    return first_time(leaf, subject, wanted=wanted) is not None


def _by_recording(leaf: Leaf, subject: Subject, *, wanted: bool) -> bool:  # noqa: PLR0911 — one a kind
    joined = subject.dossier.joined
    match leaf:
        case Compare(measure, "exactly"):
            found = leaf.find(subject)
            value: Any = found.value
            ways = {value < found.threshold} if wanted else {True, False}
            return any(_number_may_become(measure, subject, more=more) for more in ways)
        case Compare(measure, operator):
            more = (operator in _MORE) == wanted
            if isinstance(measure, ClockMeasure):
                return _clock(measure, subject, longer=more)
            return _number_may_become(measure, subject, more=more)
        case IsMember() | Held() | Completed():
            return wanted
        case WithAccount(provider=None):
            return wanted or joined is None or joined.fact.account is None
        case Joined(before=before):
            late = before is not None and subject.at.astimezone(subject.zone).date() >= before
            return wanted and joined is None and not late
        case OnOrAfter():
            return False
    return True


def _clock(measure: ClockMeasure, subject: Subject, *, longer: bool) -> bool:
    begun = measure.measure(subject).value is not None
    match measure:
        case TimeSince(which=which):
            return not longer and (which == "last" or not begun)
        case Tenure():  # what began goes on: to end a role in order to begin it anew is no way
            return longer and not begun
    return not begun or not longer


def _number_may_become(measure: Measure, subject: Subject, *, more: bool) -> bool:
    match measure:
        case Count(facts=facts, within=within) | Distinct(facts=facts, within=within):
            return _open(within, subject) if more else _may_lessen(facts, within)
        case Total(facts=facts, within=within):
            return _open(within, subject) if more else _may_lessen(facts, within)
        case Share(own=own):
            lessens = not more and _may_lessen(own.facts, own.within)
            return lessens or _open(own.within, subject)  # others may add to the total
    return True


def _open(within: Window, subject: Subject) -> bool:
    """Whether what happens from now on may count."""
    match within:
        case Between(until=until):
            return until is None or subject.at < day_after(until, subject.zone)
        case Following(which="first") | Preceding(which="first"):
            bounds = within.bounds(subject)
            return bounds is None or bounds.end == subject.at
    return True


def _may_lessen(facts: Facts, within: Window) -> bool:
    """Whether what counts may come to count no longer: it ends, is verified, or left behind."""
    anchored = isinstance(within, SinceLast) or (
        isinstance(within, Following | Preceding) and within.which == "last"
    )
    return facts.lasting or facts.verified is False or anchored


def missing_words(leaf: Leaf, missing: int | Fraction | None, *, wanted: bool) -> str:
    """Say what would have to be otherwise."""
    if isinstance(leaf, Compare) and missing is not None and missing != 0:
        number: Any = abs(missing)
        measure: Any = leaf.measure
        if isinstance(missing, Fraction):
            more = "more" if missing > 0 else "less"
            return f"{number_words(number)} {more} in {measure.words()}"
        more = "more" if missing > 0 else "fewer"
        return f"{number_words(number)} {more} {measure.counted(1 if number == 1 else 2)}"
    return leaf.words() if wanted else leaf.denial()


def first_time(leaf: Leaf, subject: Subject, *, wanted: bool) -> datetime | None:
    """Return when a condition becomes so by time alone; None where it never does."""
    for edge in edges_after([leaf], subject):
        if leaf.find(subject.moved(edge)).holds == wanted:
            return edge
    return None


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


@frozen(kw_only=True)
class Shortfall:
    """One condition that would have to be otherwise.

    Attributes:
        condition: which.
        wanted: whether it would have to hold, or not to hold.
        missing: how much is missing of a number, above 0; below 0, how much is too much; None
            where no number is measured.
        on: the instant at which time alone makes it so, if nothing more is recorded; None
            where it never does.
    """

    condition: Leaf
    wanted: bool
    missing: int | Fraction | None = None
    on: datetime | None = None

    def words(self, zone: tzinfo | None = None) -> str:
        """Say what is needed."""
        said = missing_words(self.condition, self.missing, wanted=self.wanted)
        if self.on is None:
            return said
        return f"{said} (by itself on {self.on.astimezone(zone or self.on.tzinfo).date()})"


@frozen(kw_only=True)
class Way:
    """One way to an outcome: a smallest set of conditions that would all have to be otherwise.

    Attributes:
        outcome: which outcome, or a better one.
        needs: what would have to be otherwise, all of it.
        by: the first instant at which this would no longer be enough, or no longer be needed;
            None where that never comes by itself.
    """

    outcome: str
    needs: tuple[Shortfall, ...]
    by: datetime | None = None
    _zone: tzinfo | None = field(default=None, eq=False, repr=False)

    def words(self) -> str:
        """Say it in a sentence: "1 more report in the last 4 weeks, before 2018-12-01"."""
        said = ", and ".join(need.words(self._zone) for need in self.needs)
        if self.by is None:
            return said
        by = self.by.astimezone(self._zone)
        told = by.replace(tzinfo=None)
        if told.time() == time():
            return f"{said}, before {told.date()}"
        return f"{said}, before {told.isoformat(sep=' ', timespec='minutes')}"

    def __str__(self) -> str:
        return self.words()


def shortfalls(policy: Policy, subject: Subject, outcome: str) -> tuple[Way, ...]:
    """Return the ways in which a policy would come to an outcome, or a better one.

    Those that nothing still to come can bring are left out. The fewest needs come first.

    Raises:
        InvalidPolicy: the policy never comes to that outcome.
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
    """Put first what takes the fewest changes, and what can be counted."""
    uncounted = sum(need.missing is None for need in way.needs)
    return len(way.needs), uncounted, [order[need.condition] for need in way.needs]


_Need = tuple[Leaf, bool, int | Fraction | None]


def _open_ways(policy: Policy, subject: Subject, good: frozenset[str]) -> list[frozenset[_Need]]:
    """Return the ways that are open, each as its needs; none where the outcome is good."""
    if outcome_of(policy, subject) in good:
        return []
    found = {leaf: leaf.find(subject) for leaf in policy.leaves()}
    sets = flips(policy, good, lambda leaf: found[leaf].holds)
    return [
        frozenset(
            (leaf, not found[leaf].holds, _missing(leaf, found[leaf], subject)) for leaf in way
        )
        for way in sets
        if all(may_become(leaf, subject, wanted=not found[leaf].holds) for leaf in way)
    ]


def _missing(leaf: Leaf, found: Found, subject: Subject) -> int | Fraction | None:
    """Return how much is missing of a number for the comparison to be otherwise."""
    if not isinstance(leaf, Compare) or not isinstance(leaf.measure, NumberMeasure):
        return None
    operator = _OPPOSITE[leaf.operator] if found.holds else leaf.operator
    if operator == "not exactly":
        return None
    if isinstance(leaf.measure, Share):
        return leaf.measure.missing(operator, leaf.threshold, subject)  # type: ignore[arg-type]
    value: Any = found.value
    limit = Fraction(found.threshold)  # type: ignore[arg-type]  # a number, as it measures one
    if not leaf.measure.stepwise:
        return Fraction(limit - value)
    return int(NEAREST[operator](limit) - value)


_OPPOSITE: Final = {
    "at_least": "less_than",
    "less_than": "at_least",
    "more_than": "at_most",
    "at_most": "more_than",
    "exactly": "not exactly",
}
