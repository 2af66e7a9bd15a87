"""Shares of what all did, and misses in a row: what counts, is said, and when it may change."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from policies.making import DAY, TICK, about, entries_of, moment
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import (
    Facts,
    Policy,
    count,
    facts,
    missed,
    months,
    reports,
    share,
    since_last,
    tenure,
    weeks,
    when,
)
from reps_ledger.policies.language import conditions
from reps_ledger.policies.language.facts import Filter
from reps_ledger.testing.history import Everybody

if TYPE_CHECKING:
    from datetime import datetime

    from reps_ledger.policies import Subject

AT: Final = moment("2018-10-01")


def told(*dates: str, member: str = "ana", community: str | None = None) -> list[Any]:
    """Tell of reports."""
    filed = rl.ReportFiled(member=member, activity="talk", community=community)
    return [(filed, day) for day in dates]


def test_a_total_of_a_community_that_asks_for_another_is_of_nothing() -> None:
    """What they do adds nothing to it: all that they did is too much."""
    subject = about(*told("2018-09-01", "2018-09-02", community="paris"), at=AT)
    elsewhere = facts("report.filed", community="rome")
    compared = share(reports(community="paris"), elsewhere, community="paris")
    assert compared.missing("at_most", 0.5, subject) == -2


def test_without_a_window_a_total_is_of_nothing() -> None:
    """Since their last course, which never was: nobody did anything in that time."""
    subject = about(*told("2018-09-01", member="ben"), at=AT)
    found = (share(reports(within=since_last(facts("course.completed"))), "report.filed") >= 1).find(subject)
    assert (found.value, found.threshold, found.holds) == (0, 0, True)


def test_a_share_may_change_where_its_total_may() -> None:
    """At reports of others in the community, and where these leave the window; not elsewhere."""
    compared = share(reports(within=weeks(1)), "report.filed", community="paris") >= 0.5
    subject = about(
        *told("2018-09-20", member="ben", community="paris"),
        *told("2018-09-21", member="ben", community="rome"),
        (rl.CourseCompleted(member="ben", course="a"), "2018-09-22"),
        at="2018-09-01",
    )
    edges = {at for at in compared.edges(subject) if at > subject.at}
    assert {moment("2018-09-20"), moment("2018-09-27")} <= edges
    assert not any(moment(day) in edges for day in ("2018-09-21", "2018-09-22", "2018-09-28"))


def test_a_share_of_the_programme_may_change_with_what_others_did() -> None:
    """At the instant at which a report of somebody else leaves the window."""
    ledger = rl.open(clock=lambda: moment("2018-10-20"))
    recorded = [(rl.MemberJoined(member=member), "2018-01-01") for member in ("ana", "ben")]
    recorded += [*told("2018-10-01", "2018-10-01", member="ben"), *told("2018-10-10")]
    for fact, day in recorded:
        ledger.record(fact, by="council", occurred_at=moment(day))
    half = share(reports(within=weeks(2)), "report.filed") >= 0.5
    policy = Policy("p", cases=[when(half).then("good")], otherwise="bad")
    verdict = ledger.as_of(moment("2018-10-12")).evaluate(policy, "ana")
    assert (verdict.outcome, verdict.lapses_at) == ("bad", moment("2018-10-15"))


def test_a_share_is_from_nothing_to_all() -> None:
    """Both ends make sense; a comparison that is none, and less or more, do not."""
    subject = about(*told("2018-09-01"), at=AT)
    assert conditions.holds(share(reports(), "report.filed") >= 0, subject)
    assert conditions.holds(share(reports(), "report.filed") >= 1, subject)
    for wrong in (-0.01, 1.01):
        with pytest.raises(InvalidPolicy, match=str(wrong)):
            share(reports(), "report.filed") >= wrong  # noqa: B015 — comparing is what raises
    with pytest.raises(InvalidPolicy, match="whole number from 1, not 0"):
        share(reports(), "report.filed", at_most=0)


def test_totals_of_what_lasts_are_told_apart() -> None:
    """Two of one body: the vouches that stand, and the roles that are held."""
    subject = about(
        (rl.Vouched(member="ana", voucher="ben"), "2018-09-01"),
        (rl.Vouched(member="cem", voucher="ben"), "2018-09-01"),
        (rl.VouchWithdrawn(member="cem", voucher="ben"), "2018-09-02"),
        (rl.RoleAssigned(member="ana", role="rep"), "2018-09-03"),
        (rl.RoleEnded(member="ana", role="rep", how="resigned"), "2018-09-04"),
        (rl.RoleAssigned(member="ben", role="rep"), "2018-09-05"),
        at=AT,
    )
    for kind, ids in (("vouch.given", ["e0"]), ("role.assigned", ["e5"])):
        selection = facts(kind, lasting=True)
        everybody = subject.of(subject.others.community(None, selection.kinds))
        assert [entry.id for entry in selection.seen(everybody)] == ids
        everything = subject.of(subject.others.community(None, ("vouch.given", "role.assigned")))
        assert [entry.id for entry in selection.seen(everything)] == ids


def test_what_is_missing_of_a_share_counts_what_they_have() -> None:
    """Three of eleven: five more would be half of sixteen. None is missing of an exact share."""
    subject = about(*told("2018-09-01") * 3, *told("2018-09-01", member="ben") * 8, at=AT)
    compared = share(reports(), "report.filed")
    assert compared.missing("at_least", 0.5, subject) == 5
    assert compared.missing("exactly", 0.5, subject) is None
    assert share(reports(), "report.filed", at_most=4).missing("at_least", 0.5, subject) == 1


@pytest.mark.parametrize(
    ("own", "of", "community", "missing"),
    [
        (facts("report.filed"), facts("report.filed"), None, 4),
        (facts("report.filed", announced=True), facts("report.filed"), None, 2),
        (facts("report.filed", announced=False), facts("report.filed"), None, 4),
        (facts("report.filed", passive=True), facts("report.filed"), None, 2),
        (facts("report.filed"), facts("report.filed"), "paris", 2),
        (facts("report.filed", community="paris"), facts("report.filed"), "paris", 4),
        (
            facts("report.filed", community="paris"),
            facts("report.filed", community=("paris", "rome")),
            "paris",
            4,
        ),
        (facts("report.filed", source="b"), facts("report.filed", source="a"), None, 2),
        (facts("report.filed", source="a"), facts("report.filed", source=("a", "b")), None, 4),
        (facts("report.filed", recorded_by="b"), facts("report.filed", recorded_by="a"), None, 2),
        (facts("report.filed", recorded_by="a"), facts("report.filed", recorded_by=("a", "b")), None, 4),
    ],
    ids=str,
)
def test_half_of_four_is_two_or_four_more(own: Facts, of: Facts, community: str | None, missing: int) -> None:
    """Four, where what they do adds to the total as well."""
    filed = rl.ReportFiled(member="ben", activity="talk", community="paris")
    others = Everybody(entries_of([(filed, AT - DAY)] * 4, by="a", source="a"))
    subject = others.subject("ana", AT, UTC, policy="p")
    assert share(count(own), of, community=community).missing("at_least", 0.5, subject) == missing


def test_measures_say_what_they_measure() -> None:
    """As what a total is made of, or how often in a row."""
    assert share(reports(), "report.filed").words() == ("reports, as a part of all reports in that time")
    assert share(reports(), "report.filed").counted(1) == ("report, as a part of all reports in that time")
    assert missed("vote", community="paris", role="rep").words() == (
        '"vote" opportunities of paris missed in a row while a rep'
    )
    assert missed("vote").counted(1) == '"vote" opportunity missed in a row'
    assert (missed("vote") >= 2).words() == 'they missed at least 2 "vote" opportunities in a row'


def vote(day: str) -> tuple[rl.Fact, str]:
    """Tell that a vote was held."""
    return rl.OpportunityHeld(opportunity=f"vote {day}", kind="vote"), day


def test_a_vote_at_the_very_instant_of_the_role_counts() -> None:
    """They held the role from then on; and what they missed before is past."""
    subject = about(
        (rl.MemberJoined(member="ana"), "2018-01-01"),
        vote("2018-02-01"),
        (rl.RoleAssigned(member="ana", role="voter"), "2018-03-01"),
        vote("2018-03-01"),
        vote("2018-04-01"),
        at=AT,
    )
    assert missed("vote", role="voter").measure(subject).entries == ("e3", "e4")


def test_misses_may_change_with_the_role_that_they_are_of() -> None:
    """At votes and at what was taken; and at the edges of the role, where one is asked for."""
    subject = about(
        (rl.MemberJoined(member="ana"), "2018-01-01"),
        (rl.RoleAssigned(member="ana", role="voter"), "2018-03-01"),
        (rl.RoleEnded(member="ana", role="voter", how="resigned"), "2018-04-01"),
        vote("2018-05-01"),
        (rl.OpportunityTaken(member="ana", opportunity="vote 2018-05-01"), "2018-05-02"),
        at="2018-01-01",
    )
    plain = {moment("2018-05-01"), moment("2018-05-02")}
    assert set(missed("vote").edges(subject)) == plain
    of_role = set(missed("vote", role="voter").edges(subject))
    assert of_role == plain | {moment("2018-03-01"), moment("2018-04-01")}


def test_a_report_counts_as_verified_from_that_very_instant() -> None:
    """And may count less or more from then on, which a selection that does not ask does not say."""
    filed = told("2018-09-01")[0]
    check = rl.ReportVerified(member="ana", report="e0", verifier="ben")
    subject: Subject = about(filed, (check, "2018-09-05"), at="2018-09-05")
    checked = facts("report.filed", verified=True)
    assert [entry.id for entry in checked.seen(subject)] == ["e0"]
    assert checked.seen(subject.moved(subject.at - TICK)) == []
    assert list(checked.edges(subject)) == [moment("2018-09-01"), moment("2018-09-05")]
    assert list(facts("report.filed").edges(subject)) == [moment("2018-09-01")]


def test_what_is_announced_further_ahead_hides_nothing() -> None:
    """A report of next year does not end the looking for what is announced of next week."""

    def announced(at: datetime) -> tuple[rl.Fact, datetime]:
        return rl.ReportFiled(member="ana", activity="talk", announced=True), at

    plain = (rl.ReportFiled(member="ana", activity="talk"), AT + timedelta(days=1))
    ahead = reports(within=weeks(1), ahead=weeks(1))
    subject = about(plain, announced(AT + 2 * DAY), announced(AT + 30 * DAY), at=AT)
    assert ahead.measure(subject).entries == ("e1",)
    course = (rl.CourseCompleted(member="ana", course="a"), AT + DAY)
    both = count(facts("report.filed", "course.completed"), within=weeks(1), ahead=weeks(1))
    assert both.measure(about(course, announced(AT + 2 * DAY), at=AT)).entries == ("e1",)


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (lambda: facts("report.filed", "vouch.given", lasting=True), "^report.filed begins nothing"),
        (
            lambda: facts("report.filed", "course.completed", lasting=True),
            "course.completed, report.filed begins",
        ),
        (lambda: Facts(("report.filed",), where=(Filter("activity", ("a",)),) * 2), "twice"),
        (lambda: facts("report.filed", "vouch.given", colour="a"), "report.filed or vouch.given has"),
        (lambda: reports(activity=tenure() > months(1)), "report.filed names no person as 'activity'"),
        (
            lambda: facts("report.filed", "vouch.given", person="activity"),
            "report.filed or vouch.given names",
        ),
    ],
)
def test_selections_that_make_no_sense_say_of_what(attempt: Any, words: str) -> None:
    """The kinds and fields are named."""
    with pytest.raises(InvalidPolicy, match=words):
        attempt()


def test_selections_are_read_with_all_that_they_ask() -> None:
    """As whose they are, and verified by whom."""
    assert facts("vouch.given", person="voucher").words() == "vouches as voucher"
    assert facts("report.filed", verified=False).words(1) == "report verified by nobody"
    assert facts("leave.started", "role.assigned", lasting=True).words() == (
        "leaves or roles given that still stand"
    )
    assert facts("vouch.given", "mentor.assigned", person="voucher", lasting=True).lasting
