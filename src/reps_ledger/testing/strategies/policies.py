"""Strategies for policies and charters, and for measures and conditions of every kind in them.

They use the words of `vocabulary`, so that histories make a difference to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Any, Final

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reps_ledger.domain.facts.roles import ENDINGS
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import (
    Case,
    Condition,
    Facts,
    Measure,
    Notice,
    Policy,
    accepted,
    affiliated,
    at_least,
    completed,
    count,
    distinct,
    exempt,
    facts,
    following,
    has_account,
    held,
    holds,
    in_community,
    in_outcome,
    is_member,
    joined,
    largest_share,
    members,
    missed,
    noticed,
    on_leave,
    on_or_after,
    organisation_of,
    preceding,
    previously,
    retired,
    share,
    since,
    since_last,
    tenure,
    this,
    time_since,
    total,
    years,
)
from reps_ledger.policies.charter import Authority, Charter, Level, Retention, RoleClause, Standing, Vouching
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.counts import Count, Distinct, Total
from reps_ledger.policies.language.measures import OPERATORS, Compare, NumberMeasure, Tenure, TimeSince
from reps_ledger.policies.language.people import (
    Accepted,
    Affiliated,
    Completed,
    Exempt,
    Held,
    Holds,
    InCommunity,
    IsMember,
    Joined,
    OnLeave,
    OnOrAfter,
    Retired,
    WithAccount,
)
from reps_ledger.policies.language.reviews import InOutcome, Noticed, Previously
from reps_ledger.policies.language.shares import LargestShare, Members, Missed, Share
from reps_ledger.policies.language.windows import PERIODS, Between
from reps_ledger.testing.strategies.edges import widths

_DAY: Final = timedelta(days=1)

_SELECTIONS: Final[Sequence[Facts]] = (
    facts("report.filed"),
    facts("report.filed"),
    facts("report.filed", activity="event"),
    facts("report.filed", activity=("talk", "event"), community="paris"),
    facts("report.filed", areas="web"),
    facts("report.filed", verified=True),
    facts("report.filed", verified=False),
    facts("report.filed", passive=True),
    facts("report.filed", announced=True),
    facts("report.filed", recorded_by="council", source="an import"),
    facts("report.filed", amount=2.5),
    facts("report.filed", "course.completed"),
    facts("vouch.given", lasting=True),
    facts("vouch.given", person="voucher"),
    facts("vouch.given", voucher=holds("rep"), lasting=True),
    facts("vouch.given", voucher=is_member() & ~on_leave()),
    facts("vouch.given", lasting=True, now={"voucher": holds("rep")}),
    facts("vouch.given", voucher=is_member(), now={"voucher": ~on_leave() & (tenure() < years(1))}),
    facts("mentor.assigned", lasting=True, now={"mentor": ~retired()}),
    facts("report.filed", now={"member": ~on_leave()}),
    facts("role.assigned", lasting=True),
    facts("role.assigned"),
    facts("leave.started"),
    facts("agreement.accepted", agreement="nda"),
    facts("member.joined"),
    facts("notice.sent", stage="nudge"),
    facts("opportunity.taken"),
    facts("affiliation.started", lasting=True),
)


@cache
def selections() -> SearchStrategy[Facts]:
    """Make selections of facts: every kind of filter."""
    return st.sampled_from(_SELECTIONS)


DAYS: Final = tuple(date.fromisoformat(text) for text in ("2018-10-01", "2019-03-31", "2020-02-29"))


@cache
def windows(*, ahead: bool = True) -> SearchStrategy[Mapping[str, Any]]:
    """Make windows of every kind, as the arguments of a measure."""
    width, day, flags = widths(), st.sampled_from(DAYS), st.booleans()
    event, which = selections(), st.sampled_from(["first", "last"])
    some = st.sampled_from([0, 1, 40])
    rolling = st.fixed_dictionaries({"within": width, "pausing": flags})
    looking = st.fixed_dictionaries({"within": width, "pausing": flags, "ahead": width})
    others = st.one_of(
        st.builds(since, day),
        st.builds(lambda first, length: since(first, first + length * _DAY), day, some),
        st.builds(lambda last: Between(until=last), day),
        st.builds(this, st.sampled_from(PERIODS)),
        st.builds(since_last, event),
        st.builds(following, event, width, which),
        st.builds(preceding, event, width, which),
    )
    anchored = st.fixed_dictionaries({"within": st.none() | others})
    return st.one_of([rolling, *([looking] if ahead else []), anchored])


@cache
def _distinct() -> SearchStrategy[Measure]:
    told_apart = st.sampled_from(
        [
            ("activity", facts("report.filed")),
            ("areas", facts("report.filed")),
            ("voucher", facts("vouch.given", lasting=True)),
            (organisation_of("voucher"), facts("vouch.given")),
            (organisation_of("verifier"), facts("report.verified")),
        ]
    )
    by_period = st.tuples(st.sampled_from(PERIODS), selections())
    return st.builds(
        lambda what, window: distinct(what[0], what[1], **window),
        told_apart | by_period,
        windows(ahead=False),
    )


@cache
def measure_strategies(
    among: SearchStrategy[Condition] | None = None,
) -> Mapping[type[Measure], SearchStrategy[Measure]]:
    """Return how to make each kind of measure.

    Written by hand, apart from what the kinds say of themselves: that independence is what makes
    the tests worth anything. A test asks that no kind is missing.

    Args:
        among: makes conditions on the members of a body; None for none.
    """
    which, place = st.sampled_from(["first", "last"]), st.sampled_from([None, "paris"])
    role, anywhere = st.sampled_from([None, "rep"]), st.sampled_from([None, "", "paris"])
    counts = st.builds(lambda chosen, window: count(chosen, **window), selections(), windows())
    some = st.none() if among is None else st.none() | among
    return {
        Count: counts,
        Distinct: _distinct(),
        Total: st.builds(lambda w: total("amount", "report.filed", **w), windows(ahead=False)),
        TimeSince: st.builds(
            lambda chosen, first, pausing: time_since(chosen, which=first, pausing=pausing),
            selections(),
            which,
            st.booleans(),
        ),
        Tenure: st.builds(tenure) | st.builds(lambda where: tenure("rep", community=where), anywhere),
        InOutcome: st.builds(in_outcome),
        Missed: st.builds(lambda where, as_: missed("vote", community=where, role=as_), place, role),
        Share: st.builds(
            lambda mine, of, where, cap: share(mine, of, community=where, at_most=cap),
            counts | _distinct(),
            selections(),
            place,
            st.none() | st.integers(1, 3),
        ),
        Members: st.builds(members, some),
        LargestShare: st.builds(largest_share, some),
    }


_OF_A_BODY: Final = frozenset({Members, LargestShare})


@cache
def measures(among: SearchStrategy[Condition] | None = None) -> SearchStrategy[Measure]:
    """Make measures of every kind; those of a body only where ``among`` says of whom."""
    kinds = measure_strategies(among)
    drawn = [kinds[kind] for kind in kinds if among is not None or kind not in _OF_A_BODY]
    return st.one_of([kinds[Count], *drawn])  # counts twice, as policies mostly count


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


@cache
def condition_strategies() -> Mapping[type[Leaf], SearchStrategy[Condition]]:
    """Return how to make each kind of condition that compares no measure.

    Written by hand, as `measure_strategies` is, and for the same reason.
    """
    day = st.sampled_from(DAYS)
    place = st.sampled_from([None, "paris", ""])
    role = st.sampled_from(["rep", "mentor"])
    version = st.sampled_from([None, "2"])
    outcomes = st.sampled_from([("good",), ("good", "fair")])
    return {
        Accepted: st.builds(lambda edition: accepted("nda", version=edition), version),
        Affiliated: st.builds(
            affiliated, st.sampled_from([None, "acme"]), kind=st.sampled_from([None, "employee"])
        ),
        Completed: st.builds(lambda edition: completed("onboarding", version=edition), version),
        Exempt: st.builds(exempt, st.sampled_from([None, NAME])),
        Held: st.builds(lambda which, where: held(which, community=where), role, place),
        Holds: st.builds(lambda which, where: holds(which, community=where), role, place),
        InCommunity: st.builds(in_community, st.sampled_from([None, "paris"])),
        IsMember: st.builds(is_member),
        Joined: st.one_of(
            st.builds(lambda before: joined(before=before), day),
            st.builds(
                lambda since, kind: joined(since=since, kind=kind), day, st.sampled_from([None, "staff"])
            ),
            st.builds(lambda before: joined(since=before - 40 * _DAY, before=before), day),
        ),
        Noticed: st.builds(
            noticed,
            st.sampled_from([None, "nudge", "warning"]),
            ago=st.none() | widths(),
            overdue=st.booleans(),
            heard=st.none() | st.booleans(),
        ),
        OnLeave: st.builds(on_leave),
        OnOrAfter: st.builds(on_or_after, day),
        Previously: st.builds(lambda some: previously(*some), outcomes),
        Retired: st.builds(retired, st.sampled_from([None, "resigned"])),
        WithAccount: st.builds(has_account, st.sampled_from([None, "github"])),
    }


@cache
def _plain() -> SearchStrategy[Condition]:
    # Not `one_of`, which a union around it would flatten: then few conditions would compare.
    return st.sampled_from(list(condition_strategies().values())).flatmap(lambda kind: kind)


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
        for condition in draw(st.lists(conditions(max_leaves=max_leaves), min_size=1, max_size=max_cases))
    ]
    otherwise = draw(st.sampled_from([one for one in outcomes if one != cases[0].outcome]))
    scale = tuple(outcomes) if draw(st.booleans()) else ()
    told = {case.outcome for case in cases} | {otherwise}
    plans = draw(st.lists(st.sampled_from(sorted(told)), unique=True, max_size=2))
    notices = [
        Notice(outcome, "nudge", draw(widths()), draw(st.sampled_from([None, *outcomes])))
        for outcome in plans
    ]
    return Policy(NAME, cases=tuple(cases), otherwise=otherwise, scale=scale, notices=tuple(notices))


@st.composite
def charters(draw: st.DrawFn, *, max_roles: int = 2) -> Charter:
    """Make charters: roles with admission, terms and seats, vouching, authorities, definitions.

    They shrink to a charter that says nothing.

    Args:
        draw: as Hypothesis gives it.
        max_roles: the most roles that it speaks of.
    """
    roles = draw(st.lists(_roles(), max_size=max_roles, unique_by=lambda clause: clause.role).map(tuple))
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
        authorities=draw(st.lists(_authorities(), max_size=2, unique_by=lambda each: each.fact).map(tuple)),
        retention=draw(st.just(()) | _retention().map(lambda each: (each,))),
        policies=() if judged is None else (judged,),
        standing=standing,
    )


def _retention() -> SearchStrategy[Retention]:
    return st.builds(Retention, fact=st.sampled_from(["notice.answered", "vouch.given"]), keep=widths())


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
