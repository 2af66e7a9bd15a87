"""Conditions and policies of every kind, to be tried on histories."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from policies.making import DAY, NAME, widths
from reps_ledger.policies import (
    Case,
    Condition,
    Facts,
    Notice,
    Policy,
    Width,
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
)
from reps_ledger.policies.language.belonging import Affiliated, InCommunity
from reps_ledger.policies.language.bodies import LargestShare
from reps_ledger.policies.language.clocks import Tenure
from reps_ledger.policies.language.learned import Accepted, Completed, Exempt
from reps_ledger.policies.language.measures import OPERATORS, Compare, NumberMeasure
from reps_ledger.policies.language.people import Held, Holds, OnLeave
from reps_ledger.policies.language.reviewed import InOutcome, Noticed, Previously
from reps_ledger.policies.language.shares import Missed
from reps_ledger.policies.language.walking import parts
from reps_ledger.policies.language.windows import PERIODS, Between

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hypothesis.strategies import SearchStrategy

    from reps_ledger.policies import Measure

__all__ = [
    "conditions",
    "days_in",
    "families_of",
    "measures",
    "policies",
    "selections",
    "single_conditions",
    "widths_in",
    "windows",
]

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


_DAYS: Final = tuple(
    date.fromisoformat(text) for text in ("2018-10-01", "2019-03-31", "2020-02-29")
)


@cache
def windows(*, ahead: bool = True) -> SearchStrategy[Mapping[str, Any]]:
    """Make windows of every kind, as the arguments of a measure."""
    width, day, flags = widths(), st.sampled_from(_DAYS), st.booleans()
    event, which = selections(), st.sampled_from(["first", "last"])
    some = st.sampled_from([0, 1, 40])
    rolling = st.fixed_dictionaries({"within": width, "pausing": flags})
    looking = st.fixed_dictionaries({"within": width, "pausing": flags, "ahead": width})
    others = st.one_of(
        st.builds(since, day),
        st.builds(lambda first, length: since(first, first + length * DAY), day, some),
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
def measures(*, deep: bool = True) -> SearchStrategy[Measure]:
    """Make measures of every kind; those of a body only where ``deep``."""
    which, place = st.sampled_from(["first", "last"]), st.sampled_from([None, "paris"])
    role, anywhere = st.sampled_from([None, "rep"]), st.sampled_from([None, "", "paris"])
    counts = st.builds(lambda chosen, window: count(chosen, **window), selections(), windows())
    own: Any = counts | _distinct()
    kinds: list[SearchStrategy[Measure]] = [
        counts,
        counts,
        _distinct(),
        st.builds(lambda w: total("amount", "report.filed", **w), windows(ahead=False)),
        st.builds(
            lambda chosen, first, pausing: time_since(chosen, which=first, pausing=pausing),
            selections(),
            which,
            st.booleans(),
        ),
        st.builds(tenure),
        st.builds(lambda where: tenure("rep", community=where), anywhere),
        st.builds(in_outcome),
        st.builds(lambda where, as_: missed("vote", community=where, role=as_), place, role),
        st.builds(
            lambda mine, of, where, cap: share(mine, of, community=where, at_most=cap),
            own,
            selections(),
            place,
            st.none() | st.integers(1, 3),
        ),
    ]
    if deep:
        among = st.none() | conditions(max_leaves=2, deep=False)
        kinds += [st.builds(members, among), st.builds(largest_share, among)]
    return st.one_of(kinds)


@st.composite
def _comparisons(draw: st.DrawFn, *, deep: bool) -> Condition:
    measure = draw(measures(deep=deep))
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
    day = draw(st.sampled_from(_DAYS))
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
                joined(since=day - 40 * DAY, before=day),
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


def widths_in(value: object) -> set[Width]:
    """Return every width in an expression."""
    return {part for part in parts(value) if isinstance(part, Width)}


def days_in(value: object) -> set[date]:
    """Return every date in an expression, and the day after each."""
    found = {
        said
        for part in parts(value)
        for name in ("since", "until", "before", "day")
        if isinstance(said := getattr(part, name, None), date)
    }
    return found | {day + DAY for day in found}


_SPOKEN_OF: Final[Mapping[str, str]] = {
    "account": "people",
    "affiliation": "people",
    "agreement": "learning",
    "course": "learning",
    "leave": "leave",
    "member": "people",
    "notice": "notices",
    "opportunity": "opportunities",
    "report": "reports",
    "role": "roles",
    "vouch": "vouches",
}
"""Families of facts, by how their stored names begin."""

_LOOKED_AT: Final[Mapping[type, tuple[str, ...]]] = {
    Accepted: ("learning",),
    Affiliated: ("people",),
    Completed: ("learning",),
    Exempt: ("reviews",),
    Held: ("roles",),
    Holds: ("people", "roles"),
    InCommunity: ("roles",),
    InOutcome: ("reviews",),
    LargestShare: ("people", "roles"),
    Missed: ("leave", "opportunities", "roles"),
    Noticed: ("notices", "reports"),
    OnLeave: ("leave",),
    Previously: ("reviews",),
    Tenure: ("people", "roles"),
}
"""Families of facts at which conditions and measures look."""


def families_of(value: object) -> frozenset[str]:
    """Return the families of facts that make a difference to an expression."""
    found = {"people"} if isinstance(value, Policy) else set()
    for part in parts(value):
        found.update(_LOOKED_AT.get(type(part), ()))
        if getattr(part, "pausing", False):
            found.add("leave")
        if isinstance(part, Facts):
            found.update(_SPOKEN_OF[kind.partition(".")[0]] for kind in part.kinds)
    if isinstance(value, Policy) and value.notices:
        found.add("notices")
    return frozenset(found or {"people"})
