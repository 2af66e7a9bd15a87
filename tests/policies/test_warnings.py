"""What is said of a policy in which something can never be: which case, why, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.making import about, subjects
from reps_ledger.policies import (
    Policy,
    at_least,
    completed,
    count,
    days,
    distinct,
    facts,
    months,
    reports,
    share,
    tenure,
    time_since,
    weeks,
    when,
    years,
)
from reps_ledger.policies.language.conditions import AllOf, holds
from reps_ledger.policies.language.measures import OPERATORS, Compare
from reps_ledger.policies.lint import warnings
from reps_ledger.testing.strategies.vocabulary import families_of
from scale import examples

if TYPE_CHECKING:
    from reps_ledger.policies import Condition, Subject

MONTHS: Final = distinct("month", facts("report.filed"))
PART: Final = share(reports(), "report.filed")
CAPPED: Final = share(reports(), "report.filed", at_most=3)


def of_cases(*cases: tuple[Condition, str], otherwise: str = "no") -> Policy:
    """Make a policy of conditions and their outcomes, in order."""
    return Policy("p", cases=[when(asked).then(to) for asked, to in cases], otherwise=otherwise)


def warned(policy: Policy) -> list[tuple[int | None, str]]:
    """Return of which cases something is said, and what."""
    return [(found.case, str(found)) for found in warnings(policy)]


POSSIBLE: Final[list[Condition]] = [
    reports() < 1,
    reports() > 4,
    (MONTHS >= 2) & (MONTHS < 3),
    (PART >= 0.5) & (PART < 0.9),
    (PART > 0.25) & (PART < 0.5),
    PART > 1,
    (PART >= 0.9) & (PART <= 0.5),
    (CAPPED >= 0.9) & (CAPPED <= 0.5),
    (CAPPED >= 0.9) & (CAPPED <= 0.5) & (CAPPED > 0.25),
    (tenure() > days(40)) & (tenure() < months(2)),
    (time_since("report.filed") > months(1)) & (time_since("report.filed") < months(2)),
    (reports(within=weeks(4)) >= 5) & (reports(within=weeks(8)) < 7),
    (reports(within=weeks(8)) >= 3) & (reports(within=weeks(4)) < 3),
    (reports(within=months(2)) >= 3) & (reports(within=days(30)) < 3),
    (reports(within=weeks(4), pausing=True) >= 3) & (reports(within=weeks(8)) < 3),
    (reports(within=weeks(4), ahead=weeks(9)) >= 3) & (reports(within=weeks(8)) < 3),
    (reports(within=weeks(4)) >= 3) & (count("course.completed", within=weeks(8)) < 3),
]
IMPOSSIBLE: Final[list[Condition]] = [
    reports() < 0,
    (MONTHS > 1) & (MONTHS < 2),
    (PART >= 0.9) & (PART < 0.5),
    (PART >= 0.9) & (PART <= 0.5) & (PART > 0.25),
    (CAPPED >= 0.9) & (CAPPED < 0.5),
    (tenure() >= months(12)) & (tenure() < years(1)),
    (time_since("report.filed") > months(2)) & (time_since("report.filed") < months(1)),
    (reports(within=weeks(4)) >= 3) & (reports(within=days(56)) < 3),
    (reports(within=months(1)) >= 3) & (reports(within=months(2)) < 3),
    (reports(within=weeks(4)) >= 3) & (reports() < 3),
    (reports(within=months(1)) >= 3) & (reports() < 3),
]


@pytest.mark.parametrize("condition", POSSIBLE, ids=str)
def test_nothing_is_said_of_a_case_that_may_match(condition: Condition) -> None:
    """Shares lie between parts, and what has no order in time, or counts other facts, is free."""
    assert warned(of_cases((condition, "yes"))) == []


@pytest.mark.parametrize("condition", IMPOSSIBLE, ids=str)
def test_a_case_that_can_never_match_is_told_with_its_condition(condition: Condition) -> None:
    """No number is on both sides of a threshold, and a longer window holds the shorter."""
    ((case, said),) = warned(of_cases((completed("a"), "yes"), (condition, "maybe")))
    assert case == 1
    assert "case 2 can never match" in said
    assert condition.words() in said


def test_shares_of_nothing_and_of_much_meet_every_part() -> None:
    """At least 90 % and at most 50 %: so it is of no reports at all, and up to the cap of many."""
    assert holds((PART >= 0.9) & (PART <= 0.5), about(at="2018-10-01"))
    own = [(rl.ReportFiled(member="ana", activity="talk"), "2018-09-01")] * 3
    others = [(rl.ReportFiled(member="ben", activity="talk"), "2018-09-01")] * 9
    capped = (CAPPED >= 0.9) & (CAPPED <= 0.5) & (CAPPED > 0.2)
    assert holds((PART > 0.2) & (PART < 0.9), about(*own, *others, at="2018-10-01"))
    assert holds((CAPPED >= 0.9) & (CAPPED <= 0.5), about(*own, *others, at="2018-10-01"))
    assert holds(capped, about(*own, *others, at="2018-10-01"))


def test_a_case_of_which_the_cases_before_take_all_is_told() -> None:
    """Who has three reports has two: the second case is never reached."""
    ((case, said),) = warned(of_cases((reports() >= 2, "good"), (reports() >= 3, "great")))
    assert case == 1
    assert "case 2 can never match" in said
    assert "before it take all" in said


SAME: Final[list[Policy]] = [
    of_cases((reports() >= 3, "a"), (reports() >= 2, "a"), otherwise="b"),
    of_cases((reports() >= 3, "a"), (reports() < 2, "b"), otherwise="a"),
    of_cases((reports() >= 3, "a"), otherwise="a"),
]


@pytest.mark.parametrize("policy", SAME, ids=str)
def test_a_case_without_which_the_outcome_is_the_same_is_told(policy: Policy) -> None:
    """What it takes would come to the same outcome by a later case, or by none."""
    ((case, said),) = warned(policy)
    assert case == 0
    assert "case 1 changes nothing" in said
    assert '"a"' in said


def test_a_later_case_is_told_with_its_number() -> None:
    """Numbers are told from 1, as cases are numbered where a policy is read."""
    policy = of_cases((completed("a"), "yes"), (reports() >= 3, "no"))
    ((case, said),) = warned(policy)
    assert case == 1
    assert "case 2 changes nothing" in said


def test_a_case_that_changes_some_outcome_is_not_warned_of() -> None:
    """Of all that it takes, some would come to another outcome by a later case, or by none."""
    assert warned(of_cases((reports() >= 2, "a"), (reports() >= 1, "b"), otherwise="a")) == []
    assert warned(of_cases((reports() >= 3, "a"), (reports() < 2, "a"), otherwise="b")) == []


def test_an_outcome_that_some_case_always_takes_is_told() -> None:
    """With a report or without one: what no case is about never comes."""
    policy = of_cases((reports() >= 1, "yes"), (reports() < 1, "maybe"), otherwise="never")
    ((case, said),) = warned(policy)
    assert case is None
    assert '"never"' in said
    assert "some case always matches" in said


def test_a_case_that_always_matches_leaves_nothing_to_the_rest() -> None:
    """It may match itself; nothing after it ever comes."""
    policy = of_cases((reports() >= 0, "yes"), (completed("a"), "maybe"))
    (second, last) = warned(policy)
    assert second[0] == 1
    assert "before it take all" in second[1]
    assert last[0] is None


def test_of_what_is_too_tangled_nothing_is_said() -> None:
    """Where there are too many ways to look at, no case is called dead, not even a plain one."""
    tangle = at_least(10, *(completed(f"c{n}") | completed(f"d{n}") for n in range(20)))
    assert warned(of_cases((reports() < 0, "never"), (tangle, "yes"))) == []


NUMBERS: Final[list[Any]] = [
    reports(),
    reports(within=weeks(4)),
    reports(within=weeks(9)),
    reports(within=months(1)),
    reports(within=months(3)),
    reports(within=weeks(4), pausing=True),
    MONTHS,
]
PARTS: Final[list[Any]] = [PART, CAPPED, share(reports(), "course.completed")]
CLOCKS: Final[list[Any]] = [tenure(), time_since("report.filed")]
WIDTHS: Final = [days(6), weeks(1), days(30), months(1), months(3), years(1)]


def compared(
    measures: list[Any], operators: list[str], thresholds: st.SearchStrategy[Any]
) -> st.SearchStrategy[list[Compare]]:
    """Make several comparisons of some measures."""
    each = st.builds(Compare, st.sampled_from(measures), st.sampled_from(operators), thresholds)
    return st.lists(each, min_size=2, max_size=4)


COMPARISONS: Final = st.one_of(
    compared(NUMBERS, [*OPERATORS], st.integers(0, 4)),
    *(compared([part], [*OPERATORS], st.sampled_from([0, 0.25, 0.5, 0.9, 1])) for part in PARTS),
    compared(CLOCKS, sorted({*OPERATORS} - {"exactly"}), st.sampled_from(WIDTHS)),
)


@given(subjects(max_size=8, families=families_of(PART > 0.5)), COMPARISONS)
@examples(1.5)
def test_what_is_so_of_somebody_is_never_said_to_be_impossible(
    subject: Subject, asked: list[Compare]
) -> None:
    """Whatever comparisons come to for a member, a case that asks for just that may match."""
    found = [leaf if holds(leaf, subject) else ~leaf for leaf in asked]
    policy = of_cases((AllOf(tuple(found)), "yes"))
    assert [said for case, said in warned(policy) if case is not None] == []
