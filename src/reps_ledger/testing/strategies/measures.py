"""Strategies for what policies measure: selections, windows and measures of every kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from reps_ledger.policies import (
    Facts,
    count,
    distinct,
    facts,
    following,
    holds,
    in_outcome,
    is_member,
    largest_share,
    members,
    missed,
    on_leave,
    organisation_of,
    preceding,
    share,
    since,
    since_last,
    tenure,
    this,
    time_since,
    total,
)
from reps_ledger.policies.language.windows import PERIODS, Between
from reps_ledger.testing.strategies.edges import widths

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from reps_ledger.policies import Condition, Measure

__all__ = ["DAYS", "measures", "selections", "windows"]

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
def measures(among: SearchStrategy[Condition] | None = None) -> SearchStrategy[Measure]:
    """Make measures of every kind; those of a body only where ``among`` says of whom."""
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
    if among is not None:
        some = st.none() | among
        kinds += [st.builds(members, some), st.builds(largest_share, some)]
    return st.one_of(kinds)
