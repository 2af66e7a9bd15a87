"""Strategies for charters: dated rules of a programme, in the words of `histories`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from attrs import evolve
from hypothesis import strategies as st

from reps_ledger.domain.facts.roles import ENDINGS
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.charter import (
    Authority,
    Charter,
    Level,
    RoleClause,
    Standing,
    Vouching,
)
from reps_ledger.testing.strategies.conditions import conditions, policies
from reps_ledger.testing.strategies.edges import widths

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from reps_ledger.policies import Condition

__all__ = ["charters"]


@st.composite
def charters(draw: st.DrawFn, *, max_roles: int = 2) -> Charter:
    """Make charters: roles with admission, terms and seats, vouching, authorities, definitions.

    They shrink to a charter that says nothing.

    Args:
        draw: as Hypothesis gives it.
        max_roles: the most roles that it speaks of.
    """
    roles = draw(
        st.lists(_roles(), max_size=max_roles, unique_by=lambda clause: clause.role).map(tuple)
    )
    judged = draw(st.none() | policies(max_cases=2, max_leaves=2))
    if judged is not None:
        judged = evolve(judged, name="standing")
    standing = None
    if judged is not None and draw(st.booleans()):
        standing = Standing(policy="standing", active=(draw(st.sampled_from(judged.outcomes)),))
    return Charter(
        name="programme",
        version="1",
        member=draw(st.none() | _enforceable()),
        communities=draw(st.just(()) | _enforceable().map(lambda each: (("paris", each),))),
        roles=roles,
        vouching=draw(st.none() | _vouching()),
        authorities=draw(
            st.lists(_authorities(), max_size=2, unique_by=lambda each: each.fact).map(tuple)
        ),
        policies=() if judged is None else (judged,),
        standing=standing,
    )


@cache
def _enforceable() -> SearchStrategy[Condition]:
    """Make conditions that can be enforced while recording."""
    return conditions(max_leaves=2, deep=False).filter(_may_be_held)


def _may_be_held(condition: Condition) -> bool:
    try:
        RoleClause(role="rep", admission=condition)
    except InvalidPolicy:
        return False
    return True


@st.composite
def _roles(draw: st.DrawFn) -> RoleClause:
    role = draw(st.sampled_from(["rep", "mentor"]))
    ends = draw(st.sampled_from([None, ENDINGS, ENDINGS[:1]]))
    if draw(st.sampled_from([False, False, False, True])):
        return RoleClause(role=role, closed=True, ends=ends)
    admission = draw(st.none() | _enforceable())
    courses = draw(st.sampled_from([(), ("onboarding",)]))
    return RoleClause(
        role=role,
        admission=admission,
        courses=courses,
        unless=draw(st.none() | _enforceable()) if admission is not None or courses else None,
        term=draw(st.none() | widths()),
        seats=draw(st.sampled_from([None, 1, 2])),
        ends=ends,
    )


@cache
def _vouching() -> SearchStrategy[Vouching]:
    levels = st.sampled_from([(), (Level("vouched", 1),), (Level("vouched", 1), Level("may", 3))])
    return st.builds(
        Vouching, may=st.none() | _enforceable(), most=st.none() | st.integers(1, 6), levels=levels
    )


@cache
def _authorities() -> SearchStrategy[Authority]:
    return st.builds(
        Authority,
        fact=st.sampled_from(["role.assigned", "role.ended", "report.verified", "vouch.given"]),
        actors=st.sampled_from([("council",), ("council", "ana")]),
        themselves=st.booleans(),
    )
