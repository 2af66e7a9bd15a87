"""Standing, and who counts as a member, as the charter in force says."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

import pytest

import reps_ledger as rl
from charters.programmes import ADOPTED, programme, story
from reps_ledger.policies import Policy, distinct, in_community, months, on_leave, reports, weeks, when
from reps_ledger.policies.charter import Charter, Standing

REPORT: Final = rl.ReportFiled(member="ana", activity="talk", community="java")
POLICY: Final = Policy(
    "standing",
    cases=[
        when(on_leave()).then("away"),
        when(reports(within=weeks(4)) >= 1).then("active"),
        when(reports(within=weeks(8)) >= 1).then("quiet"),
    ],
    otherwise="gone",
    scale=["active", "away", "quiet", "gone"],
)
BY_POLICY: Final = Standing(policy="standing", active=("active", "away"))
JUNE_10: Final = date(2018, 6, 10)


def reps(**clauses: Any) -> rl.Ledger:
    """A programme whose charter, of June, says how members stand; ana reports on 10 June."""
    return programme((REPORT, JUNE_10), policies=[POLICY], standing=BY_POLICY, **clauses)


def test_standing_is_what_the_policy_says() -> None:
    """In the words of the policy, with the verdict, and whether that counts as active."""
    ledger = reps()
    for day, outcome, active in [
        (date(2018, 7, 7), "active", True),
        (date(2018, 7, 8), "quiet", False),
        (date(2018, 8, 5), "gone", False),
    ]:
        found = ledger.as_of(day).member("ana").membership
        assert (found.standing, found.active) == (outcome, active)
        assert found.verdict is not None
        assert found.verdict.outcome == outcome
        assert found.is_member


def test_before_the_charter_the_default_rule_holds() -> None:
    """An act within twelve months is active before June, and by the policy after it."""
    ledger = reps()
    before = ledger.as_of(date(2018, 5, 31)).member("ben").membership
    assert (before.standing, before.verdict) == ("active", None)
    assert ledger.as_of(ADOPTED).member("ben").membership.standing == "gone"


def test_a_ledger_without_a_standing_policy_keeps_the_default() -> None:
    """A charter that says nothing of standing changes nothing of it."""
    with_charter = programme((REPORT, JUNE_10)).as_of(date(2018, 8, 1))
    without = story((REPORT, JUNE_10)).as_of(date(2018, 8, 1))
    for member in ("ana", "ben"):
        one, other = with_charter.member(member).membership, without.member(member).membership
        assert (one.standing, one.since, one.active) == (other.standing, other.since, other.active)
    assert with_charter.census(by="standing") == without.census(by="standing")


def test_spells_follow_the_policy_through_time() -> None:
    """Every spell begins and ends where a view at that instant says so."""
    ledger = reps()
    leave = rl.LeaveStarted(member="ana")
    ledger.record(leave, by="ana", occurred_at=date(2018, 9, 1))
    ledger.record(rl.LeaveEnded(member="ana"), by="ana", occurred_at=date(2018, 10, 1))
    spells = ledger.as_of(date(2019, 1, 1)).member("ana").membership.spells
    assert [spell.active for spell in spells] == [True, False, True, False, True, False]
    assert spells[0].end is not None
    assert spells[0].end.date() == ADOPTED
    tick = timedelta(microseconds=1)
    for spell in spells:
        assert ledger.as_of(spell.start).member("ana").membership.active == spell.active
        if spell.end is not None:
            last = ledger.as_of(spell.end - tick).member("ana").membership
            assert last.active == spell.active
            assert last.since == spell.start


def test_roster_and_census_stand_by_the_policy() -> None:
    """Lists and counts tell the same standing as each member's own view."""
    view = reps().as_of(date(2018, 7, 1))
    assert {(row.group[0], row.members) for row in view.census(by="standing")} == {("active", 1), ("gone", 2)}
    assert {row.member: row.active for row in view.roster()} == {"ana": True, "ben": False, "cleo": False}


def test_census_through_time_changes_with_the_charter() -> None:
    """Each date is counted by the charter in force then."""
    view = reps().as_of(date(2018, 7, 1))
    rows = view.census(by="standing", at=[date(2018, 5, 1), date(2018, 7, 1)])
    assert [(row.at.month, row.group[0], row.members) for row in rows] == [
        (5, "active", 3),
        (7, "active", 1),
        (7, "gone", 2),
    ]


def test_who_counts_as_a_member() -> None:
    """The charter defines it for the programme, and for each community that is free to."""
    half_a_year = distinct("month", "report.filed") >= 2
    active_here = in_community("java") | (reports(community="java") >= 1)
    ledger = reps(member=half_a_year, communities=[("java", active_here)])
    view = ledger.as_of(date(2018, 7, 1))
    assert (view.is_member("ana"), view.is_member("ana", community="java")) == (False, True)
    assert view.is_member("ana", community="italy") is False
    assert view.census(definition="charter") == ()
    ledger.record(REPORT, by="ana", occurred_at=date(2018, 7, 1))
    later = ledger.as_of(date(2018, 7, 2))
    assert later.is_member("ana")
    assert [row.members for row in later.census(definition="charter")] == [1]
    assert [(row.group, row.members) for row in later.census(by="community", definition="charter")] == [
        (("java",), 1)
    ]
    assert [row.members for row in later.census()] == [3]


def test_members_by_any_definition() -> None:
    """A census may go by a condition; a person without joining may count as well."""
    ledger = story((REPORT, JUNE_10))
    view = ledger.as_of(date(2018, 7, 1))
    assert [row.members for row in view.census(definition=reports() >= 1)] == [1]
    assert [row.members for row in view.census(definition="charter")] == [3]
    with pytest.raises(rl.InvalidInput, match="charter"):
        view.census(definition="ours")


def test_once_a_member_for_ever_a_member() -> None:
    """Whatever the charter defines, who joined stays joined."""
    ledger = reps(member=reports(within=months(1)) >= 1)
    view = ledger.as_of(date(2020, 1, 1))
    assert not view.is_member("ana")
    assert view.member("ana").membership.is_member
    assert [row.members for row in view.census()] == [3]


def test_a_view_knows_the_charter_that_was_known() -> None:
    """Known before its adoption was recorded, a view goes by the rule before."""
    ledger = story((REPORT, JUNE_10))
    before = ledger.position
    charter = Charter(name="reps", version="1", policies=(POLICY,), standing=BY_POLICY)
    ledger.adopt(charter, by="council", occurred_at=ADOPTED)
    day = date(2018, 8, 10)
    assert ledger.as_of(day, before).charter is None
    assert ledger.as_of(day, before).member("ana").membership.standing == "active"
    assert ledger.as_of(day).charter == charter
    assert ledger.as_of(day).member("ana").membership.standing == "gone"
    assert ledger.as_of(day).evaluate("standing", "ana").outcome == "gone"
    with pytest.raises(rl.NotFound, match="no charter in force"):
        ledger.as_of(day).evaluate("unknown", "ana")
