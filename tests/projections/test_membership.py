"""Membership: for ever; active while acts and leave say so; in spells that leave no gap."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given as for_all

import reps_ledger as rl
from histories import PEOPLE, fill, histories, open_ledger
from scale import examples
from scenarios import APR, FEB, JAN, JUL, JUN, MAR, MAY, Given, given, joined, merged

if TYPE_CHECKING:
    from histories import Offer
    from reps_ledger.views import MembershipView

TICK: Final = timedelta(microseconds=1)
REPORT: Final = rl.ReportFiled(member="ana", activity="talk")
RETIRED: Final = rl.MemberRetired(member="ana", how="resigned")


def at(year: int, month: int = 1, day: int = 1) -> datetime:
    """Return the start of a day."""
    return datetime(year, month, day, tzinfo=UTC)


def seen(story: Given, instant: datetime, member: str = "ana") -> MembershipView:
    """Return a membership as it was at an instant."""
    return story.ledger.as_of(instant).member(member).membership


def spells(story: Given, instant: datetime) -> list[tuple[bool, datetime, datetime | None]]:
    """Return ana's spells up to an instant."""
    return [(spell.active, spell.start, spell.end) for spell in seen(story, instant).spells]


def test_who_never_joined_is_no_member() -> None:
    """Somebody unknown, or only named, is no member and stands nowhere."""
    story = given((rl.ApplicationFiled(member="ana", role="mentor"), FEB))
    for member in ("ana", "nobody"):
        view = seen(story, at(2019), member)
        assert (view.is_member, view.standing, view.active) == (False, None, False)
        assert (view.joined_at, view.kind) == (None, None)
    assert seen(story, at(2019), "nobody").spells == ()


def test_a_member_is_one_for_ever() -> None:
    """Once joined, a member stays one: inactive, retired and dead."""
    dead = rl.MemberRetired(member="ana", how="died")
    story = given((rl.MemberJoined(member="ana", kind="staff"), JAN), (dead, FEB))
    view = seen(story, at(2500))
    assert (view.is_member, view.standing, view.kind) == (True, "inactive", "staff")
    assert view.joined_at == at(2018)
    assert view.retired_at == at(2018, 2)
    assert not seen(story, at(2018) - TICK).is_member


def test_an_act_counts_for_exactly_twelve_months() -> None:
    """A member is active before the instant twelve calendar months after an act, not at it."""
    story = given(joined("ana", on=JAN), (REPORT, at(2018, 3, 15)))
    end = at(2019, 3, 15)
    assert seen(story, end - TICK).standing == "active"
    assert seen(story, end).standing == "inactive"
    assert seen(story, end).since == end
    assert seen(story, end - TICK).since == at(2018)
    assert seen(story, end).last_activity == at(2018, 3, 15)


@pytest.mark.parametrize(
    ("day", "end"),
    [
        (date(2016, 2, 29), at(2017, 3, 1)),
        (date(2015, 2, 28), at(2016, 2, 28)),
        (date(2015, 3, 1), at(2016, 3, 1)),
    ],
)
def test_a_year_after_a_leap_day(day: date, end: datetime) -> None:
    """What was done on 29 February counts for all of the next February."""
    story = given(joined("ana", on=day))
    assert seen(story, end - TICK).active
    assert not seen(story, end).active


def test_months_are_read_in_the_ledgers_zone() -> None:
    """Twelve months are counted on local calendars: a year after a local day is that local day."""
    story = given(joined("ana", on=date(2016, 2, 29)), zone="Pacific/Auckland")
    end = at(2017, 2, 28) + timedelta(hours=11)
    assert seen(story, end - TICK).active
    assert not seen(story, end).active


def test_an_act_within_a_year_extends_the_spell() -> None:
    """Acts that lie close enough make one spell; where they do not, an absence lies between."""
    story = given(joined("ana", on=JAN), (REPORT, at(2019)))
    assert spells(story, at(2019, 6)) == [(True, at(2018), None)]
    story = given(joined("ana", on=JAN), (REPORT, at(2019) + TICK))
    assert spells(story, at(2019, 6)) == [
        (True, at(2018), at(2019)),
        (False, at(2019), at(2019) + TICK),
        (True, at(2019) + TICK, None),
    ]


@pytest.mark.parametrize(
    "fact",
    [
        rl.ReportFiled(member="ana", activity="t", passive=True),
        rl.ReportFiled(member="ana", activity="t", announced=True),
        rl.Vouched(member="ana", voucher="ben"),
        rl.RoleAssigned(member="ana", role="mentor"),
        rl.RoleAsserted(member="ana", role="mentor"),
        rl.AccountLinked(member="ana", provider="git", account="a"),
        rl.NoticeSent(member="ana", notice="n", stage="nudge"),
        rl.AffiliationStarted(member="ana", organisation="o"),
    ],
)
def test_what_others_or_systems_do_is_no_act(fact: rl.Fact) -> None:
    """Announcements, passive reports and what is done to a member keep nobody active."""
    story = given(joined("ana", "ben", on=JAN), (fact, JUN))
    assert seen(story, at(2019)).standing == "inactive"
    assert seen(story, at(2019)).last_activity == at(2018)


@pytest.mark.parametrize(
    "fact",
    [
        REPORT,
        rl.Vouched(member="ben", voucher="ana"),
        rl.CourseCompleted(member="ana", course="c"),
        rl.AgreementAccepted(member="ana", agreement="a"),
        rl.CommunityJoined(member="ana", community="c"),
        rl.ApplicationFiled(member="ana", role="mentor"),
    ],
)
def test_what_a_member_does_is_an_act(fact: rl.Fact) -> None:
    """What is marked as a member's act keeps them active for a year."""
    story = given(joined("ana", "ben", on=JAN), (fact, JUN))
    assert seen(story, at(2019, 6) - TICK).active
    assert not seen(story, at(2019, 6)).active


def test_leave_without_an_end_keeps_active() -> None:
    """A member on leave that has no expected return stays active for as long as it lasts."""
    story = given(joined("ana", on=JAN), (rl.LeaveStarted(member="ana"), FEB))
    assert seen(story, at(2099)).active
    assert seen(story, at(2099)).on_leave
    assert spells(story, at(2099)) == [(True, at(2018), None)]


def test_leave_lapses() -> None:
    """A leave past its expected return keeps nobody active, or on leave."""
    leave = rl.LeaveStarted(member="ana", expected_return=at(2020, 5))
    story = given(joined("ana", on=JAN), (leave, FEB))
    view = seen(story, at(2020, 5) - TICK)
    assert (view.on_leave, view.active) == (True, True)
    view = seen(story, at(2020, 5))
    assert (view.on_leave, view.active, view.since) == (False, False, at(2020, 5))


def test_leave_shorter_than_what_acts_give() -> None:
    """A short leave takes nothing from what the last act gives."""
    leave = rl.LeaveStarted(member="ana", expected_return=at(2018, 3))
    back = rl.LeaveEnded(member="ana")
    for told in ([(leave, FEB)], [(leave, FEB), (back, MAR)], [(leave, FEB), (back, JUL)]):
        story = given(joined("ana", on=JAN), *told)
        assert spells(story, at(2019, 2)) == [(True, at(2018), at(2019)), (False, at(2019), None)]


def test_leave_ended_early() -> None:
    """Leave that is ended keeps active until its end, or as long as the last act does."""
    leave, back = rl.LeaveStarted(member="ana"), rl.LeaveEnded(member="ana")
    story = given(joined("ana", on=JAN), (leave, FEB), (back, at(2020, 2)))
    view = seen(story, at(2020, 2))
    assert (view.on_leave, view.active, view.since) == (False, False, at(2020, 2))
    early = given(joined("ana", on=JAN), (leave, FEB), (back, MAY))
    assert seen(early, at(2018, 12)).active
    assert not seen(early, at(2019)).active


def test_retiring_ends_activity_and_leave() -> None:
    """From a retirement on a member is inactive and not on leave."""
    story = given(joined("ana", on=JAN), (rl.LeaveStarted(member="ana"), FEB), (RETIRED, MAR))
    view = seen(story, at(2018, 3))
    assert (view.active, view.on_leave, view.since) == (False, False, at(2018, 3))
    assert seen(story, at(2018, 3) - TICK).active


def test_an_act_after_a_retirement() -> None:
    """An act begins activity again; they are retired until they return or have a role."""
    story = given(joined("ana", on=JAN), (RETIRED, MAR), (REPORT, MAY))
    view = seen(story, at(2018, 6))
    assert (view.active, view.retired_at) == (True, at(2018, 3))
    assert spells(story, at(2019, 6)) == [
        (True, at(2018), at(2018, 3)),
        (False, at(2018, 3), at(2018, 5)),
        (True, at(2018, 5), at(2019, 5)),
        (False, at(2019, 5), None),
    ]
    returned: list[tuple[Any, date]] = [
        (rl.MemberReturned(member="ana"), JUN),
        (rl.RoleAssigned(member="ana", role="m"), JUN),
    ]
    for fact, day in returned:
        again = given(joined("ana", on=JAN), (RETIRED, MAR), (fact, day))
        assert seen(again, at(2018, 7)).retired_at is None
    assert seen(given(joined("ana", on=JAN), (RETIRED, MAR), returned[0]), at(2018, 7)).active


def test_retired_on_the_day_of_joining() -> None:
    """Who retired on the very day of joining is inactive since that day."""
    view = seen(given(joined("ana", on=JAN), (RETIRED, JAN)), at(2019))
    assert (view.is_member, view.standing) == (True, "inactive")
    assert view.since == at(2018)
    assert [spell.active for spell in view.spells] == [False]


def test_merged_members_have_joined_once() -> None:
    """Of two who joined and were merged, the first joining counts, and the acts of both."""
    ben = rl.MemberJoined(member="ben", kind="staff")
    story = given((ben, JAN), joined("ana", on=FEB), merged("ana", "ben", APR))
    view = seen(story, at(2018, 6))
    assert (view.joined_at, view.kind) == (at(2018), "staff")
    assert spells(story, at(2019, 1, 15)) == [(True, at(2018), None)]


@examples(1.5)
@for_all(told=histories())
def test_spells_are_contiguous_and_alternate(told: list[Offer]) -> None:
    """Spells follow one another without gaps, in turn, and the last says how they stand now."""
    with open_ledger() as ledger:
        fill(ledger, told)
        for instant in (at(2018, 7), at(2019, 2), at(2030)):
            for member in PEOPLE:
                view = ledger.as_of(instant).member(member).membership
                assert all(
                    one.end == other.start and one.active != other.active
                    for one, other in pairwise(view.spells)
                )
                assert all(spell.end is None or spell.start < spell.end for spell in view.spells)
                assert [spell.end for spell in view.spells[-1:]] in ([], [None])
                if view.is_member:
                    assert view.spells
                    assert view.active == view.spells[-1].active
                    assert view.since == view.spells[-1].start
                    assert view.since is not None
                    assert view.since <= instant
