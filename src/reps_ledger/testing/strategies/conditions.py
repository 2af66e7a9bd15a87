"""Strategies for conditions and policies of every kind, in the words of `histories`."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from reps_ledger.policies import (
    Case,
    Condition,
    Notice,
    Policy,
    accepted,
    affiliated,
    at_least,
    completed,
    exempt,
    has_account,
    held,
    holds,
    in_community,
    is_member,
    joined,
    noticed,
    on_leave,
    on_or_after,
    previously,
    retired,
)
from reps_ledger.policies.language.measures import OPERATORS, Compare, NumberMeasure
from reps_ledger.testing.strategies.edges import widths
from reps_ledger.testing.strategies.measures import DAYS, measures

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["NAME", "conditions", "policies", "single_conditions"]

_DAY: Final = timedelta(days=1)

NAME: Final = "p"
"""What policies, and what histories say of policies, are called."""


@st.composite
def _comparisons(draw: st.DrawFn, *, deep: bool) -> Condition:
    among = conditions(max_leaves=2, deep=False) if deep else None
    measure = draw(measures(among))
    if not isinstance(measure, NumberMeasure):
        operator = draw(st.sampled_from([name for name in OPERATORS if name != "exactly"]))
        return Compare(measure, operator, draw(widths()))
    operator = draw(st.sampled_from(sorted(OPERATORS)))
    if measure.whole:
        return Compare(measure, operator, draw(st.integers(0, 4)))
    part = draw(st.sampled_from([0, 0.1, 0.25, 0.5, 1 / 3, 0.75, 1]))
    return Compare(measure, operator, part)


@st.composite
def _plain(draw: st.DrawFn) -> Condition:
    day = draw(st.sampled_from(DAYS))
    place = draw(st.sampled_from([None, "paris", ""]))
    role = draw(st.sampled_from(["rep", "mentor"]))
    version = draw(st.sampled_from([None, "2"]))
    option = draw(st.none() | st.booleans())
    return draw(
        st.sampled_from(
            [
                accepted("nda", version=version),
                affiliated(None if option is None else "acme", kind="employee" if option else None),
                completed("onboarding", version=version),
                exempt(None if option else NAME),
                has_account("github" if option else None),
                held(role, community=place),
                holds(role, community=place),
                in_community(place or None),
                is_member(),
                joined(before=day),
                joined(since=day, kind="staff" if option else None),
                joined(since=day - 40 * _DAY, before=day),
                noticed(
                    draw(st.sampled_from([None, "nudge", "warning"])),
                    ago=draw(st.none() | widths()),
                    overdue=draw(st.booleans()),
                    heard=option,
                ),
                on_leave(),
                on_or_after(day),
                previously("good"),
                previously("good", "fair"),
                retired("resigned" if option else None),
            ]
        )
    )


@cache
def single_conditions(*, deep: bool = True) -> SearchStrategy[Condition]:
    """Make conditions that hold no other: every kind, and every measure compared."""
    return _comparisons(deep=deep) | _comparisons(deep=deep) | _plain()


@cache
def conditions(*, max_leaves: int = 4, deep: bool = True) -> SearchStrategy[Condition]:
    """Make conditions: every kind, combined in every way."""
    return st.recursive(single_conditions(deep=deep), _combined, max_leaves=max_leaves)


def _combined(inner: SearchStrategy[Condition]) -> SearchStrategy[Condition]:
    return st.one_of(
        st.builds(lambda a, b: a & b, inner, inner),
        st.builds(lambda a, b: a | b, inner, inner),
        st.builds(lambda a: ~a, inner),
        st.lists(inner, min_size=2, max_size=3).flatmap(
            lambda several: st.integers(1, len(several)).map(lambda n: at_least(n, *several))
        ),
    )


@st.composite
def policies(draw: st.DrawFn, *, max_cases: int = 3, max_leaves: int = 3) -> Policy:
    """Make policies: some with a scale, some with notices that silence answers."""
    outcomes = ["good", "fair", "bad"]
    cases = [
        Case(condition, draw(st.sampled_from(outcomes)), draw(st.sampled_from(["", "a reason"])))
        for condition in draw(
            st.lists(conditions(max_leaves=max_leaves), min_size=1, max_size=max_cases)
        )
    ]
    otherwise = draw(st.sampled_from([one for one in outcomes if one != cases[0].outcome]))
    scale = tuple(outcomes) if draw(st.booleans()) else ()
    told = {case.outcome for case in cases} | {otherwise}
    plans = draw(st.lists(st.sampled_from(sorted(told)), unique=True, max_size=2))
    notices = [
        Notice(outcome, "nudge", draw(widths()), draw(st.sampled_from([None, *outcomes])))
        for outcome in plans
    ]
    return Policy(
        NAME, cases=tuple(cases), otherwise=otherwise, scale=scale, notices=tuple(notices)
    )
