"""Warnings: cases of a policy that can never match, or that change nothing.

A case is called dead only where that is certain. Different conditions are taken to hold
independently of each other, unless they compare the same measure, or count the same facts in
windows of which one contains the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from math import floor

from attrs import frozen

from reps_ledger.domain.arguments import checked
from reps_ledger.errors import TooLarge
from reps_ledger.policies.language.conditions import Condition, Leaf
from reps_ledger.policies.language.measures import Compare, Measure, Threshold, compare
from reps_ledger.policies.language.widths import Width
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.shortfalls import every

_Truths = frozenset[tuple[Leaf, bool]]  # of each leaf in it whether it is assumed to hold


@frozen
class Warned:
    """Something in a policy that has no effect.

    Attributes:
        case: the place of the case, from 0; None for the outcome where no case matches.
        words: what is wrong with it.
    """

    case: int | None
    words: str

    def __str__(self) -> str:
        return self.words


@checked
def warnings(policy: Policy) -> tuple[Warned, ...]:
    """Return what in a policy can have no effect; nothing where that takes too long to tell."""
    cases = policy.cases
    found = []
    try:
        for number, case in enumerate(cases):
            before = [(each.when, False) for each in cases[:number]]
            if not any(map(_possible, every([(case.when, True)]))):
                words = f"case {number + 1} can never match: {case.when.words()}"
                found.append(Warned(number, words))
            elif not any(map(_possible, every([(case.when, True), *before]))):
                words = f"case {number + 1} can never match: the cases before it take all that would"
                found.append(Warned(number, words))
            elif not _matters(policy, number):
                words = (
                    f"case {number + 1} changes nothing: without it, "
                    f'the outcome would be "{case.outcome}" too'
                )
                found.append(Warned(number, words))
        if not any(map(_possible, every([(each.when, False) for each in cases]))):
            words = f'the outcome "{policy.otherwise}" never comes by itself: some case always matches'
            found.append(Warned(None, words))
    except TooLarge:
        return ()
    return tuple(found)


def _matters(policy: Policy, number: int) -> bool:
    """Whether some history may have another outcome without that case."""
    case = policy.cases[number]
    wanted = [(case.when, True), *((each.when, False) for each in policy.cases[:number])]
    for later in policy.cases[number + 1 :]:
        if later.outcome != case.outcome and _any_possible([*wanted, (later.when, True)]):
            return True
        wanted.append((later.when, False))
    return policy.otherwise != case.outcome and _any_possible(wanted)


def _any_possible(wanted: Sequence[tuple[Condition, bool]]) -> bool:
    return any(map(_possible, every(wanted)))


def _possible(truths: _Truths) -> bool:
    """Whether values of measures exist for which all the comparisons are as assumed."""
    compared: dict[Measure, list[tuple[Compare, bool]]] = {}
    for leaf, truth in truths:
        if isinstance(leaf, Compare):
            compared.setdefault(leaf.measure, []).append((leaf, truth))
    all_sizes = {
        _size(leaf.threshold)
        for measure, comparisons in compared.items()
        for leaf, _ in comparisons
        if measure.counted_facts is not None
    }
    values: dict[Measure, list[Fraction]] = {}
    for measure, comparisons in compared.items():
        for family in _families(comparisons):
            counted = measure.counted_facts is not None
            sizes = all_sizes if counted else {_size(leaf.threshold) for leaf, _ in family}
            whole = measure.stepwise and not measure.divides_a_total
            left = [
                value
                for most in measure.reachable_limits(sizes)
                for value in _candidates(sizes, whole=whole)
                if _all_so(family, value, most)
            ]
            if not left:
                return False
            if counted:
                values[measure] = left
    return all(_rising([values[measure] for measure in chain]) for chain in _chains(values))


def _families(comparisons: list[tuple[Compare, bool]]) -> Iterator[list[tuple[Compare, bool]]]:
    """Yield groups of comparisons whose thresholds have an order: days and weeks; months and years.

    Four weeks may be longer than a month or shorter, and a day than 24 hours: between the groups
    nothing is concluded.
    """
    for basis in dict.fromkeys(_basis(leaf.threshold) for leaf, _ in comparisons):
        yield [each for each in comparisons if _basis(each[0].threshold) == basis]


def _basis(threshold: object) -> str | None:
    return threshold.basis if isinstance(threshold, Width) else None


def _size(threshold: Threshold) -> Fraction:
    """Return a threshold as a number, by which those of one group are in order."""
    if isinstance(threshold, Width):
        return Fraction(threshold.size)
    return Fraction(str(threshold))


def _candidates(sizes: set[Fraction], *, whole: bool) -> list[Fraction]:
    """Return values to try, sorted: each threshold, and one on either side of it.

    Comparisons with these thresholds turn nowhere else, so that no other value need be tried.

    Args:
        sizes: the thresholds, at least one.
        whole: whether values are whole numbers.
    """
    ordered = sorted(sizes)
    between = [(low + high) / 2 for low, high in pairwise(ordered)]
    if whole:
        between = [Fraction(floor(middle)) for middle in between]
    return sorted({Fraction(0), *ordered, *between, ordered[-1] + 1})


def _all_so(family: list[tuple[Compare, bool]], value: Fraction, most: Fraction) -> bool:
    """Whether a value compares as assumed with thresholds that are capped."""
    return all(
        compare(value, leaf.operator, min(_size(leaf.threshold), most)) == truth for leaf, truth in family
    )


def _chains(values: Iterable[Measure]) -> Iterator[list[Measure]]:
    """Yield lists of counts of the same facts, each in a window that the next one's contains."""
    counts = [measure for measure in values if measure.counted_facts is not None]
    for facts in dict.fromkeys(count.counted_facts for count in counts):
        same = [count for count in counts if count.counted_facts == facts]
        whole = [count for count in same if count.within.unbounded]
        widths = {count: width for count in same if (width := count.within.plain_width) is not None}
        for basis in dict.fromkeys(width.basis for width in widths.values()):
            rolling = [count for count, width in widths.items() if width.basis == basis]
            rolling.sort(key=lambda count: _size(widths[count]))
            yield [*rolling, *whole]


def _rising(chain: list[list[Fraction]]) -> bool:
    """Whether a value can be chosen from each list so that none is less than the one before it."""
    lowest = Fraction(0)
    for values in chain:
        high_enough = [value for value in values if value >= lowest]
        if not high_enough:
            return False
        lowest = high_enough[0]
    return True
