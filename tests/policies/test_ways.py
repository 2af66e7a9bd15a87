"""Ways: the smallest changes that give an outcome, of a few conditions that may be so or not."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Final

import pytest

from reps_ledger.errors import TooLarge
from reps_ledger.policies import Policy, at_least, completed, when
from reps_ledger.policies.language.conditions import AnyOf
from reps_ledger.policies.shortfalls import MAX_WAYS, every, minimal_changes

if TYPE_CHECKING:
    from reps_ledger.policies import Condition

NAMES: Final = "abcde"
A, B, C, D, E = (completed(name) for name in NAMES)


def ways(condition: Condition, to: str = "good", held: str = "") -> set[str]:
    """Return which courses would have to be completed, or not, where some are."""
    return ways_of(Policy("p", cases=[when(condition).then("good")], otherwise="bad"), to, held)


def ways_of(policy: Policy, to: str, held: str = "") -> set[str]:
    """Return the ways of a policy to an outcome, as the names of the courses."""
    found = minimal_changes(policy, frozenset({to}), lambda leaf: leaf in {completed(name) for name in held})
    said = ["".join(name for name in NAMES if completed(name) in way) for way in found]
    assert len(said) == len(set(said))
    return set(said)


@pytest.mark.parametrize(
    ("condition", "to", "held", "found"),
    [
        (A, "good", "", {"a"}),
        (~A, "good", "a", {"a"}),
        (A & B, "good", "", {"ab"}),
        (A & B, "good", "a", {"b"}),
        (A & B, "bad", "ab", {"a", "b"}),
        (A | B, "good", "", {"a", "b"}),
        (A | B, "bad", "ab", {"ab"}),
        (~(A | B), "good", "ab", {"ab"}),
        (~(A & B), "good", "ab", {"a", "b"}),
        (at_least(2, A, B, C), "good", "", {"ab", "ac", "bc"}),
        (at_least(2, A, B, C), "good", "a", {"b", "c"}),
        (at_least(2, A, B, C), "bad", "abc", {"ab", "ac", "bc"}),
        (at_least(2, A, B, C), "bad", "ab", {"a", "b"}),
        (at_least(3, A, B, C, D), "good", "", {"abc", "abd", "acd", "bcd"}),
        (at_least(3, A, B, C, D), "bad", "abcd", {"ab", "ac", "ad", "bc", "bd", "cd"}),
        (at_least(1, A, B, C), "bad", "abc", {"abc"}),
        (A & (B | C), "good", "", {"ab", "ac"}),
        (A | (A & B), "good", "", {"a"}),
        (A & ~A, "good", "", set()),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),
)
def test_the_smallest_changes_are_found(condition: Condition, to: str, held: str, found: set[str]) -> None:
    """Just those conditions that would have to be otherwise, and no more than enough of them."""
    assert ways(condition, to, held) == found


def test_what_holds_another_way_is_left_out_in_whatever_order_they_come() -> None:
    """One that is enough leaves out whatever holds it, before it or after it."""
    for order in permutations([A & B & C, D, A & B, A & B & E, D & E]):
        policy = Policy("p", cases=[when(each).then("good") for each in order], otherwise="bad")
        assert ways_of(policy, "good", "") == {"ab", "d"}


CASES: Final = Policy(
    "p", cases=[when(A).then("bad"), when(B).then("good"), when(C).then("bad")], otherwise="good"
)


@pytest.mark.parametrize(
    ("held", "found"), [("a", {"a"}), ("ab", {"a"}), ("ac", {"ab", "ac"}), ("c", {"b", "c"}), ("", {""})]
)
def test_no_case_before_may_take_it_and_none_at_all_will_do(held: str, found: set[str]) -> None:
    """A later case counts where none before it matches, and so does what no case is about."""
    assert ways_of(CASES, "good", held) == found


def some_of(name: str, number: int) -> Condition:
    """Make a condition that holds in so many ways."""
    return AnyOf(tuple(completed(f"{name}{n}") for n in range(number)))


def test_just_as_many_ways_as_the_limit_are_told() -> None:
    """Each of so many is found; where there is one more, none is."""
    assert MAX_WAYS == 40 * 50
    assert len(every([(some_of("x", 40), True), (some_of("y", 50), True)])) == MAX_WAYS
    more = [(some_of(name, number), True) for name, number in (("x", 3), ("y", 23), ("z", 29))]
    with pytest.raises(TooLarge, match="more than 2,000 ways"):
        every(more)
