"""Shortfalls: what was missing for a better outcome, as data and in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, tzinfo
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, field, frozen

from reps_ledger.policies.evaluation import edges_after, outcome_of
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.measures import NEAREST, Compare, NumberMeasure
from reps_ledger.policies.language.shares import Share
from reps_ledger.policies.needs import first_time, may_become, missing_words
from reps_ledger.policies.ways import flips

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reps_ledger.policies.policy import Policy
    from reps_ledger.policies.subject import Found, Subject

__all__ = ["Shortfall", "Way", "shortfalls"]


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
    now = _ways(policy, subject, good)
    if not now:
        return ()
    until: dict[frozenset[_Need], datetime] = {}
    for edge in edges_after(policy.leaves(), subject):
        if len(until) == len(now):
            break
        later = subject.moved(edge)
        then = set(_ways(policy, later, good))
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


def _ways(policy: Policy, subject: Subject, good: frozenset[str]) -> list[frozenset[_Need]]:
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
