"""Rosters and the census: who is there, and how many, by what people ask for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

import reps_ledger as rl
from histories import fill, histories, open_ledger
from reps_ledger.projections import DIMENSIONS
from scale import examples
from scenarios import APR, FEB, JAN, JUN, MAR, MAY, Given, given, joined, merged

if TYPE_CHECKING:
    from histories import Offer


def mentor(member: str, community: str | None = "id") -> rl.Fact:
    """Make somebody a mentor."""
    return rl.RoleAssigned(member=member, role="mentor", community=community)


def programme() -> Given:
    """Begin a story of a small programme: five people, of whom one only applied."""
    return given(
        (rl.MemberJoined(member="ana", kind="staff", account="a"), JAN),
        joined("ben", "cleo", "dan", on=JAN),
        (rl.ApplicationFiled(member="eve", role="mentor"), FEB),
        (mentor("ana"), FEB),
        (mentor("ana", None), FEB),
        (mentor("ben", "jp"), FEB),
        (rl.RoleAssigned(member="ben", role="council", community="id"), FEB),
        (rl.CommunityJoined(member="cleo", community="id"), FEB),
        (rl.CommunityJoined(member="ana", community="jp"), FEB),
        (rl.AccountLinked(member="ben", provider="git", account="b"), FEB),
        (rl.AffiliationStarted(member="ben", organisation="Acme"), FEB),
        (rl.AffiliationStarted(member="ben", organisation="Bund"), FEB),
        (rl.Vouched(member="cleo", voucher="ana"), MAR),
        (rl.Vouched(member="cleo", voucher="ben"), MAR),
        (rl.MentorAssigned(member="cleo", mentor="ana"), MAR),
        (rl.ReportFiled(member="cleo", activity="t", areas=("web", "l10n")), MAR),
        (rl.ReportFiled(member="cleo", activity="t", areas=("web",)), MAR),
        (rl.LeaveStarted(member="ben"), APR),
        (rl.MemberRetired(member="dan", how="resigned"), APR),
    )


def counted(story: Given, day: date, *by: str) -> dict[tuple[str, ...], int]:
    """Count members on a day."""
    return {row.group: row.members for row in story.ledger.as_of(day).census(by=by)}


def test_a_roster_lists_who_is_there() -> None:
    """A community's roster has who joined it or holds a role in it, by name, with all it says."""
    ana, ben, cleo = programme().ledger.as_of(MAY).roster(community="id")
    feb = datetime(2018, 2, 1, tzinfo=UTC)
    assert (ana.member, ana.roles, ana.since) == ("ana", ("mentor",), feb)
    assert (ben.member, ben.roles, ben.on_leave) == ("ben", ("council",), True)
    assert (cleo.member, cleo.roles, cleo.since) == ("cleo", (), None)
    assert (cleo.mentors, cleo.skills, cleo.vouch_level) == (("ana",), ("web", "l10n"), 2)
    assert (cleo.active, cleo.on_leave) == (True, False)
    assert cleo.last_activity == datetime(2018, 3, 1, tzinfo=UTC)


def test_a_roster_of_a_role() -> None:
    """A role's roster has who holds it, anywhere or in one community."""
    view = programme().ledger.as_of(MAY)

    def named(**options: Any) -> list[str]:
        return [row.member for row in view.roster(**options)]

    assert named(role="mentor") == ["ana", "ben"]
    assert named(role="mentor", community="id") == ["ana"]
    assert named(role="treasurer") == []
    assert named() == ["ana", "ben", "cleo", "dan"]
    assert [row.roles for row in view.roster(role="mentor")] == [("mentor",), ("mentor",)]
    assert [row.member for row in programme().ledger.as_of(JAN).roster(role="mentor")] == []


CENSUS: Final[dict[str, dict[tuple[str, ...], int]]] = {
    "account": {("with account",): 2, ("without account",): 2},
    "affiliation": {("Acme",): 1, ("Bund",): 1, ("(none)",): 3},
    "community": {("id",): 3, ("jp",): 2, ("(none)",): 1},
    "kind": {("staff",): 1, ("volunteer",): 3},
    "retired": {("retired",): 1, ("not retired",): 3},
    "role": {("mentor",): 2, ("council",): 1, ("(none)",): 2},
    "standing": {("active",): 3, ("inactive",): 1},
    "vouch_level": {("0",): 3, ("2",): 1},
}


def test_every_dimension_is_tried() -> None:
    """The table has every dimension that members can be counted by."""
    assert set(CENSUS) == set(DIMENSIONS)


@pytest.mark.parametrize("by", CENSUS)
def test_the_census_by_each_dimension(by: str) -> None:
    """Members are counted by each dimension; who is in two groups is in both."""
    assert counted(programme(), MAY, by) == CENSUS[by]


def test_the_census_of_all() -> None:
    """Without dimensions there is one group: whoever had joined by then, for ever."""
    story = programme()
    assert counted(story, MAY) == {(): 4}
    assert counted(story, date(2099, 1, 1)) == {(): 4}
    assert counted(story, date(2017, 12, 31)) == {}


def test_the_census_by_two_dimensions() -> None:
    """Two dimensions count every pair, in the order asked for."""
    story = programme()
    found = counted(story, MAY, "kind", "standing")
    assert found == {("staff", "active"): 1, ("volunteer", "active"): 2, ("volunteer", "inactive"): 1}
    assert counted(story, MAY, "standing", "kind") == {
        (standing, kind): number for (kind, standing), number in found.items()
    }


def test_merged_members_are_counted_once() -> None:
    """Two who were found to be one are one member."""
    story = given(joined("ana", "ben", on=JAN), merged("ana", "ben", JUN))
    assert counted(story, FEB) == {(): 1}
    assert [row.members for row in story.ledger.as_of(known_at=2).census()] == [2]


DAYS: Final = [date(2018, 1, 1) + timedelta(days=61 * n) for n in range(9)]


@examples(1.2)
@for_all(told=histories(), by=st.lists(st.sampled_from(sorted(DIMENSIONS)), max_size=2))
def test_the_census_through_time_is_that_of_each_day(told: list[Offer], by: list[str]) -> None:
    """Counting at many days in one pass gives what counting on each day alone gives."""
    with open_ledger() as ledger:
        fill(ledger, told)
        through = ledger.as_of(DAYS[-1]).census(by=by, at=DAYS)
        alone = [row for day in DAYS for row in ledger.as_of(day).census(by=by)]
        assert list(through) == alone


def test_a_census_is_in_order_of_time() -> None:
    """Days given in any order, or twice, are counted once each, the earliest first."""
    view = programme().ledger.as_of(JUN)
    rows = view.census(at=[MAY, date(2017, 1, 1), JAN, MAY])
    assert [(row.at.date(), row.members) for row in rows] == [(JAN, 4), (MAY, 4)]
    assert view.census(at=[]) == ()
