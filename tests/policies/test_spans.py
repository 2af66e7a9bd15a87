"""Spans: what began lasts until its own end, and no other's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import asdict
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.making import DAY, TICK, entries_of
from reps_ledger.domain.spans import SPAN_KINDS, Span, folded, in_order, joined_spans

if TYPE_CHECKING:
    from collections.abc import Callable

START: Final = datetime(2018, 1, 1, tzinfo=UTC)

# What begins, what ends it, and which other values of a field make it another span.
PAIRS: Final[dict[str, tuple[rl.Fact, list[rl.Fact], dict[str, Any]]]] = {
    "account.linked": (
        rl.AccountLinked(member="ana", provider="git", account="octo"),
        [rl.AccountUnlinked(member="ana", provider="git", account="octo")],
        {"member": "ben", "provider": "chat", "account": "cat"},
    ),
    "affiliation.started": (
        rl.AffiliationStarted(member="ana", organisation="acme"),
        [rl.AffiliationEnded(member="ana", organisation="acme")],
        {"member": "ben", "organisation": "zoo"},
    ),
    "agreement.accepted": (
        rl.AgreementAccepted(member="ana", agreement="conduct", version="1"),
        [rl.AgreementRevoked(member="ana", agreement="conduct", version="1")],
        {"member": "ben", "agreement": "licence", "version": "2"},
    ),
    "community.joined": (
        rl.CommunityJoined(member="ana", community="asia"),
        [rl.CommunityLeft(member="ana", community="asia")],
        {"member": "ben", "community": "europe"},
    ),
    "leave.started": (
        rl.LeaveStarted(member="ana"),
        [rl.LeaveEnded(member="ana"), rl.MemberRetired(member="ana", how="emeritus")],
        {"member": "ben"},
    ),
    "member.retired": (
        rl.MemberRetired(member="ana", how="emeritus"),
        [rl.MemberReturned(member="ana"), rl.RoleAssigned(member="ana", role="rep")],
        {"member": "ben"},
    ),
    "mentor.assigned": (
        rl.MentorAssigned(member="ana", mentor="cleo"),
        [rl.MentorReleased(member="ana", mentor="cleo")],
        {"member": "ben", "mentor": "dev"},
    ),
    "role.assigned": (
        rl.RoleAssigned(member="ana", role="rep", community="asia"),
        [
            rl.RoleEnded(member="ana", role="rep", community="asia", how="resigned"),
            rl.MemberRetired(member="ana", how="emeritus"),
        ],
        {"member": "ben", "role": "mentor", "community": None},
    ),
    "vouch.given": (
        rl.Vouched(member="ana", voucher="cleo"),
        [rl.VouchWithdrawn(member="ana", voucher="cleo")],
        {"member": "ben", "voucher": "dev"},
    ),
}
UNTIL: Final[dict[str, rl.Fact]] = {
    "exemption.granted": rl.ExemptionGranted(member="ana", policy="p", reason="ill", expires=START + 3 * DAY),
    "leave.started": rl.LeaveStarted(member="ana", expected_return=START + 3 * DAY),
    "role.assigned": rl.RoleAssigned(member="ana", role="rep", until=START + 3 * DAY),
}


def spans_told(name: str, *told: tuple[rl.Fact, timedelta]) -> list[tuple[Any, ...]]:
    """Return the spans: from when, until when, and which in the telling began and ended each."""
    entries = entries_of([(fact, START + after) for fact, after in told])
    return [
        (
            span.start - START,
            span.end and span.end - START,
            entries.index(span.entry),
            span.ended_in and entries.index(span.ended_in),
        )
        for span in in_order(folded(entries).of(name))
    ]


def changed(fact: rl.Fact, **fields: Any) -> rl.Fact:
    """Return the fact with other values of some fields."""
    made: rl.Fact = type(fact)(**{**asdict(fact), **fields})
    return made


def test_every_kind_is_tried_here() -> None:
    """A new kind of span has its rows in these tables."""
    assert PAIRS.keys() | UNTIL.keys() == SPAN_KINDS.keys()


ENDINGS: Final = [(name, end) for name, (_, ends, _) in PAIRS.items() for end in ends]
OTHERS: Final = [(name, field) for name, (_, _, other) in PAIRS.items() for field in other]


@pytest.mark.parametrize(("name", "end"), ENDINGS, ids=str)
def test_it_ends_with_its_end(name: str, end: rl.Fact) -> None:
    """It holds from its beginning up to its end, and the entry that ended it is told."""
    begun = PAIRS[name][0]
    assert spans_told(name, (begun, 0 * DAY), (end, DAY)) == [(0 * DAY, DAY, 0, 1)]


@pytest.mark.parametrize(("name", "field"), OTHERS, ids=str)
def test_what_differs_in_one_field_is_another(name: str, field: str) -> None:
    """The end, and the beginning anew, of what differs in one field leave it as it is."""
    begun, ends, other = PAIRS[name]
    apart = {field: other[field]}
    ended = changed(ends[0], **apart)
    assert spans_told(name, (begun, 0 * DAY), (ended, DAY)) == [(0 * DAY, None, 0, None)]
    assert spans_told(name, (begun, 0 * DAY), (changed(begun, **apart), DAY)) == [
        (0 * DAY, None, 0, None),
        (DAY, None, 1, None),
    ]


@pytest.mark.parametrize("name", PAIRS)
def test_beginning_again_ends_nothing(name: str) -> None:
    """The same once more is a span of its own; an end then ends both."""
    begun, ends, _ = PAIRS[name]
    told = spans_told(name, (begun, 0 * DAY), (begun, DAY), (ends[0], 2 * DAY))
    assert told == [(0 * DAY, 2 * DAY, 0, 2), (DAY, 2 * DAY, 1, 2)]


def test_the_latest_exemption_replaces() -> None:
    """One that is granted anew ends the earlier, also where it expires before that would have."""
    long, short = (
        rl.ExemptionGranted(member="ana", policy="p", reason="ill", expires=START + days * DAY)
        for days in (9, 3)
    )
    assert spans_told("exemption.granted", (long, 0 * DAY), (short, DAY)) == [
        (0 * DAY, DAY, 0, 1),
        (DAY, 3 * DAY, 1, None),
    ]


@pytest.mark.parametrize("name", sorted(PAIRS.keys() - {"leave.started", "role.assigned", "member.retired"}))
def test_retirement_ends_roles_and_leave_alone(name: str) -> None:
    """Accounts, agreements, vouches and the like outlast retirement."""
    told = spans_told(name, (PAIRS[name][0], 0 * DAY), (rl.MemberRetired(member="ana", how="emeritus"), DAY))
    assert told == [(0 * DAY, None, 0, None)]


def test_retirement_ends_all_roles_of_one_member() -> None:
    """Each of hers ends there, none of anybody else's, and none that had ended already."""
    told = spans_told(
        "role.assigned",
        (rl.RoleAssigned(member="ana", role="rep"), 0 * DAY),
        (rl.RoleAssigned(member="ben", role="rep"), 0 * DAY),
        (rl.RoleAssigned(member="ana", role="mentor"), 0 * DAY),
        (rl.RoleAssigned(member="ana", role="council"), 0 * DAY),
        (rl.RoleEnded(member="ana", role="mentor", how="resigned"), DAY),
        (rl.MemberRetired(member="ana", how="emeritus"), 2 * DAY),
        (rl.MemberRetired(member="ben", how="emeritus"), 3 * DAY),
    )
    assert [(end, by) for _, end, _, by in told] == [(2 * DAY, 5), (3 * DAY, 6), (DAY, 4), (2 * DAY, 5)]


@pytest.mark.parametrize("name", UNTIL)
def test_it_lapses_by_itself(name: str) -> None:
    """At the date that was given when it began, with no entry that ended it."""
    assert spans_told(name, (UNTIL[name], 0 * DAY)) == [(0 * DAY, 3 * DAY, 0, None)]


@pytest.mark.parametrize("name", ["leave.started", "role.assigned"])
@pytest.mark.parametrize(
    ("ended", "end", "by"),
    [(3 * DAY - TICK, 3 * DAY - TICK, 1), (3 * DAY, 3 * DAY, None), (4 * DAY, 3 * DAY, None)],
    ids=["before", "at", "after"],
)
def test_whichever_comes_first_ends_it(name: str, ended: timedelta, end: timedelta, by: int | None) -> None:
    """An end before the date that was given counts; at that date, or after, it had lapsed."""
    told = spans_told(name, (UNTIL[name], 0 * DAY), (rl.MemberRetired(member="ana", how="emeritus"), ended))
    assert told == [(0 * DAY, end, 0, by)]


def span(start: int, end: int | None) -> Span:
    """Make a span of days."""
    (entry,) = entries_of([(rl.LeaveStarted(member="ana"), START)])
    until = None if end is None else START + end * DAY
    return Span(entry=entry, start=START + start * DAY, end=until, key=())


days: Final = st.integers(0, 9)
spans: Final = st.lists(st.builds(span, days, st.none() | days), max_size=7)


@given(spans)
def test_joined_spans_cover_what_any_of_them_covers(some: list[Span]) -> None:
    """At each instant: covered just when some span holds; disjoint, apart and in order."""
    joined = joined_spans(some)
    for day in range(11):
        for at in (START + day * DAY, START + day * DAY - TICK):
            covered = any(start <= at and (end is None or at < end) for start, end in joined)
            assert covered == any(one.holds(at) for one in some)
    last = None
    for number, (start, end) in enumerate(joined):
        assert end is None or start < end
        assert number == 0 or (last is not None and last < start)
        last = end


@pytest.mark.parametrize(
    ("at", "held"), [(-TICK, False), (0 * DAY, True), (DAY - TICK, True), (DAY, False)], ids=str
)
def test_a_span_is_closed_at_its_start_and_open_at_its_end(at: timedelta, held: bool) -> None:
    """It holds on ``[start, end)``; one without an end holds for ever."""
    assert span(0, 1).holds(START + at) is held
    assert span(0, None).holds(START + at) is (at >= 0 * DAY)


@given(st.permutations(range(4)))
def test_an_end_told_out_of_order_leaves_no_negative_span(order: list[int]) -> None:
    """Whatever the order in which a caller gives them, no span ends before it starts."""
    facts: list[Callable[[], rl.Fact]] = [
        lambda: rl.LeaveStarted(member="ana"),
        lambda: rl.LeaveEnded(member="ana"),
    ]
    told = [(facts[day % 2](), START + day * DAY) for day in order]
    found = folded(entries_of(told)).of("leave.started")
    assert all(one.end is None or one.start <= one.end for one in found)
