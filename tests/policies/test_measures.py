"""Measures, one short story each: what counts, what does not, and what is the evidence."""

from __future__ import annotations

from datetime import UTC
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import pytest

import reps_ledger as rl
from policies.making import (
    TICK,
    Dated,
    about,
    entries_of,
    everybody,
    evidence,
    joins,
    moment,
    report,
    role,
    so,
    value,
    vouched,
    works_for,
)
from reps_ledger.domain.entries import Entry
from reps_ledger.policies import *
from reps_ledger.testing.history import Everybody

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reps_ledger.policies import Facts

AT: Final = "2018-10-01"


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (facts("report.filed"), ["e0", "e1", "e2", "e5"]),
        (facts("report.filed", activity="talk"), ["e1"]),
        (facts("report.filed", activity=("talk", "event")), ["e0", "e1", "e2", "e5"]),
        (facts("report.filed", activity={"talk", "walk"}), ["e1"]),
        (facts("report.filed", areas="web"), ["e1"]),
        (facts("report.filed", areas=("web", "l10n")), ["e1", "e2"]),
        (facts("report.filed", areas="web", activity="event"), []),
        (facts("report.filed", amount=2), ["e2"]),
        (facts("report.filed", amount=2.0), ["e2"]),
        (facts("report.filed", community="paris"), ["e0"]),
        (facts("report.filed", passive=True), ["e3"]),
        (facts("report.filed", passive=(True, False)), ["e0", "e1", "e2", "e3", "e5"]),
        (facts("report.filed", passive=False), ["e0", "e1", "e2", "e5"]),
        (facts("report.filed", announced=True), ["e4"]),
        (facts("report.filed", where={"activity": "talk"}), ["e1"]),
        (facts("report.filed", "course.completed"), ["e0", "e1", "e2", "e5", "e6"]),
        (facts("report.filed", "course.completed", course="a"), ["e6"]),
    ],
    ids=str,
)
def test_filters_choose_facts_by_their_fields(selection: Facts, expected: list[str]) -> None:
    """A field has one of the values; a list field holds one; every filter must pass."""
    subject = about(
        report("2018-02-01", community="paris"),
        report("2018-03-01", activity="talk", areas=["web", "design"]),
        report("2018-04-01", amount=2, areas=["l10n"]),
        report("2018-05-01", passive=True),
        report("2018-05-02", announced=True),
        report("2018-05-03", amount=1),
        (rl.CourseCompleted(member="ana", course="a"), "2018-06-01"),
        report("2018-06-01", member="ben"),
        report("2018-10-01 00:00:00.000001"),
        at=AT,
    )
    assert list(evidence(count(selection), subject)) == expected
    assert value(count(selection), subject) == len(expected)


def test_sources_and_recorders_choose_entries() -> None:
    """Where an entry came from, and who recorded it, are no fields of the fact."""
    when = moment("2018-06-01")
    fact = rl.ReportFiled(member="ana", activity="event")
    entries = [
        Entry(
            id=name,
            recorded_at=when,
            occurred_at=when,
            by=by,
            source=source,
            position=place,
            origin=place,
            fact=fact,
        )
        for place, (name, by, source) in enumerate(
            [("x", "council", None), ("y", "ana", "bugzilla"), ("z", "ana", "wiki")], 1
        )
    ]
    subject = Everybody(entries).subject("ana", moment(AT))
    assert evidence(reports(source="bugzilla"), subject) == ("y",)
    assert evidence(reports(source=("wiki", "bugzilla")), subject) == ("y", "z")
    assert evidence(reports(recorded_by="council"), subject) == ("x",)
    assert evidence(reports(recorded_by="ana", source="wiki"), subject) == ("z",)


def test_a_report_is_verified_from_when_somebody_did() -> None:
    """Verified by the review's instant; before, it was verified by nobody."""
    subject = about(
        report("2018-06-01"),
        report("2018-06-02"),
        (rl.ReportVerified(member="ana", report="e0", verifier="ben"), "2018-07-01"),
        at=AT,
    )
    assert evidence(reports(verified=True), subject) == ("e0",)
    assert evidence(reports(verified=False), subject) == ("e1",)
    early = subject.moved(moment("2018-07-01") - TICK)
    assert evidence(reports(verified=True), early) == ()
    assert evidence(reports(verified=False), early) == ("e0", "e1")


def test_a_verification_counts_for_the_reading_of_a_corrected_report() -> None:
    """Who verified a report that was corrected since verified the correction in its place."""
    entries = entries_of(
        [
            (rl.ReportFiled(member="ana", activity="event"), moment("2018-06-01")),
            (rl.ReportVerified(member="ana", report="old", verifier="ben"), moment("2018-07-01")),
        ]
    )
    dossier = Dossier("ana", entries, readings={"old": "e0"})
    subject = Subject(dossier, moment(AT), UTC, Everybody(entries))
    assert evidence(reports(verified=True), subject) == ("e0",)


def test_the_person_says_whose_facts_they_are() -> None:
    """Vouches received, given, and people mentored."""
    subject = about(
        vouched("ana", "ben"),
        vouched("cem", "ana"),
        vouched("dora", "ana"),
        (rl.MentorAssigned(member="cem", mentor="ana"), "2018-06-01"),
        (rl.MentorAssigned(member="dora", mentor="ana"), "2018-06-01"),
        (rl.MentorReleased(member="dora", mentor="ana"), "2018-07-01"),
        (rl.ApplicationFiled(member="cem", role="rep", references=["ana", "ben"]), "2018-06-01"),
        at=AT,
    )
    assert evidence(vouches(), subject) == ("e0",)
    assert evidence(vouches(given=True), subject) == ("e1", "e2")
    mentored = facts("mentor.assigned", person="mentor", lasting=True)
    assert evidence(count(mentored), subject) == ("e3",)
    assert evidence(count(facts("application.filed", person="references")), subject) == ("e6",)


def test_vouches_that_were_withdrawn_stand_no_longer() -> None:
    """A vouch counts from when it was given until it is withdrawn."""
    subject = about(
        vouched("ana", "ben"),
        vouched("ana", "cem"),
        (rl.VouchWithdrawn(member="ana", voucher="ben"), "2018-07-01"),
        at=AT,
    )
    assert evidence(vouches(), subject) == ("e1",)
    assert value(vouches(), subject.moved(moment("2018-07-01") - TICK)) == 2
    assert value(vouches(), subject.moved(moment("2018-07-01"))) == 1
    assert value(count(facts("vouch.given")), subject) == 2


def test_conditions_on_people_hold_when_the_fact_happened() -> None:
    """A vouch from who was a rep then counts, whatever they are now."""
    subject = about(
        role("rep", member="ben", on="2018-05-01"),
        (rl.RoleEnded(member="ben", role="rep", how="resigned"), "2018-07-01"),
        vouched("ana", "ben", "2018-06-01"),
        vouched("ana", "cem", "2018-06-01"),
        role("rep", member="cem", on="2018-08-01"),
        at=AT,
    )
    assert evidence(vouches(voucher=holds("rep")), subject) == ("e2",)
    assert evidence(vouches(voucher=~holds("rep")), subject) == ("e3",)


def test_of_a_list_of_people_one_will_do() -> None:
    """An application counts when one of its references fits; organisations are those of all."""
    subject = about(
        joins("ben"),
        works_for("ben", "acme"),
        works_for("cem", "umbrella"),
        (rl.ApplicationFiled(member="ana", role="rep", references=["cem", "ben"]), "2018-06-01"),
        (rl.ApplicationFiled(member="ana", role="mentor", references=["cem"]), "2018-06-02"),
        (rl.ApplicationFiled(member="ana", role="voter"), "2018-06-03"),
        at=AT,
    )
    members_refer = count(facts("application.filed", references=is_member()))
    assert evidence(members_refer, subject) == ("e3",)
    organisations = distinct(organisation_of("references"), "application.filed")
    assert value(organisations, subject) == 2


def test_different_values_are_counted_once() -> None:
    """Fields, items of list fields, and no value at all."""
    subject = about(
        report("2018-06-01", areas=["web", "l10n"], community="paris"),
        report("2018-06-02", activity="talk", areas=["web"]),
        report("2018-06-03"),
        at=AT,
    )
    assert value(distinct("activity", "report.filed"), subject) == 2
    assert value(distinct("areas", "report.filed"), subject) == 2
    assert value(distinct("community", "report.filed"), subject) == 1
    assert value(distinct("day", "report.filed"), subject) == 3
    assert value(distinct("month", "report.filed"), subject) == 1
    assert evidence(distinct("areas", "report.filed"), subject) == ("e0", "e1", "e2")


def test_periods_are_those_of_the_zone() -> None:
    """Two reports around midnight of a new year are of two days, weeks, quarters and years."""
    subject = about(
        report("2018-12-30 23:59:59.999999"), report("2018-12-31"), report("2019-01-01"), at="2019-06-01"
    )
    found = {p: value(distinct(p, "report.filed"), subject) for p in ("day", "week", "month")}
    found |= {p: value(distinct(p, "report.filed"), subject) for p in ("quarter", "year")}
    assert found == {"day": 3, "week": 2, "month": 2, "quarter": 2, "year": 2}


def test_organisations_of_people_are_those_of_then() -> None:
    """Vouchers count by employer when they vouched; who has none counts as one of their own."""
    subject = about(
        works_for("ben", "acme"),
        works_for("cem", "acme"),
        works_for("dora", "umbrella"),
        (rl.AffiliationEnded(member="cem", organisation="acme"), "2018-05-01"),
        vouched("ana", "ben"),
        vouched("ana", "cem"),
        vouched("ana", "dora", "2018-06-02"),
        vouched("ana", "eve"),
        at=AT,
    )
    measure = distinct(organisation_of("voucher"), facts("vouch.given", lasting=True))
    assert value(measure, subject) == 4  # acme, cem alone, umbrella, eve alone


def test_totals_are_exact_and_miss_nothing_that_has_an_amount() -> None:
    """Tenths add up to exactly one; reports without an amount are no evidence."""
    subject = about(*[report("2018-06-01", amount=0.5)] * 2, report("2018-06-02"), at=AT)
    assert value(total("amount", "report.filed"), subject) == 1
    assert isinstance(value(total("amount", "report.filed"), subject), Fraction)
    assert evidence(total("amount", "report.filed"), subject) == ("e0", "e1")
    assert value(total("amount", "report.filed"), about(at=AT)) == 0


def test_the_time_since_what_never_was_is_endless() -> None:
    """It is more than any width, and less than none."""
    subject = about(at=AT)
    assert so(time_since("report.filed") > weeks(9_999), subject)
    assert so(time_since("report.filed") >= weeks(9_999), subject)
    assert not so(time_since("report.filed") < weeks(9_999), subject)
    assert not so(time_since("report.filed") <= weeks(9_999), subject)


def test_who_never_joined_has_no_time_in_the_programme() -> None:
    """Tenure that has not begun is shorter than any width."""
    subject = about(at=AT)
    assert so(tenure() < days(1), subject)
    assert so(tenure() <= days(1), subject)
    assert not so(tenure() >= days(1), subject)
    assert so(in_outcome() < days(1), subject)


@pytest.mark.parametrize(("operator", "truths"), [(">=", "nyy"), (">", "nny"), ("<", "ynn"), ("<=", "yyn")])
def test_clocks_compare_to_the_microsecond(operator: str, truths: str) -> None:
    """A microsecond less than four weeks, just four weeks, and a microsecond more."""
    compared = {
        ">=": tenure() >= weeks(4),
        ">": tenure() > weeks(4),
        "<": tenure() < weeks(4),
        "<=": tenure() <= weeks(4),
    }[operator]
    subject = about(joins("ana", "2018-09-03"), at=AT)
    found = [so(compared, subject.moved(subject.at + n * TICK)) for n in (-1, 0, 1)]
    assert found == [truth == "y" for truth in truths]


def test_the_last_time_and_the_first() -> None:
    """The clock runs since the last by default, or since the first."""
    subject = about(report("2018-01-01"), report("2018-09-01"), at=AT)
    assert value(time_since("report.filed"), subject) == moment("2018-09-01")
    assert value(time_since("report.filed", which="first"), subject) == moment("2018-01-01")


def test_tenure_in_a_role_is_since_it_was_held_without_a_gap() -> None:
    """A role that has ended, or lapsed, gives none; communities may be told apart."""
    subject = about(
        role("rep", on="2018-02-01"),
        (rl.RoleEnded(member="ana", role="rep", how="expired"), "2018-03-01"),
        role("rep", on="2018-06-01", community="paris", until=moment("2018-12-01")),
        role("rep", on="2018-07-01"),
        at=AT,
    )
    assert value(tenure("rep"), subject) == moment("2018-06-01")
    assert value(tenure("rep", community=""), subject) == moment("2018-07-01")
    assert value(tenure("rep", community="paris"), subject) == moment("2018-06-01")
    assert value(tenure("rep", community="rome"), subject) is None
    assert value(tenure("mentor"), subject) is None
    assert value(tenure("rep"), subject.moved(moment("2018-12-01"))) == moment("2018-06-01")
    assert value(tenure("rep", community=""), subject.moved(moment("2018-12-01"))) == moment("2018-07-01")


def test_the_time_in_an_outcome_is_since_it_last_changed() -> None:
    """Two decisions alike in a row count from the first of them; others' policies do not."""
    told: list[Dated] = []
    for number, (outcome, policy) in enumerate(
        [("bad", "p"), ("good", "p"), ("good", "p"), ("bad", "other")], 1
    ):
        review = f"r{number}"
        told += [
            (rl.ReviewOpened(member="ana", review=review, policy=policy), f"2018-0{number}-01"),
            (rl.ReviewDecided(member="ana", review=review, outcome=outcome), f"2018-0{number}-02"),
        ]
    subject = about(*told, at=AT)
    assert value(in_outcome(), subject) == moment("2018-02-02")
    assert evidence(in_outcome(), subject) == ("e3", "e5")
    told_so = about(*told, at=AT, previous=Previous("good", moment("2018-09-01")))
    assert value(in_outcome(), told_so) == moment("2018-09-01")


def votes(*days_: str, kind: str = "vote", community: str | None = None) -> Iterator[Dated]:
    """Tell that votes were held."""
    for day in days_:
        yield rl.OpportunityHeld(opportunity=f"{kind} {day}", kind=kind, community=community), day


def took(day: str, kind: str = "vote") -> Dated:
    """Tell that ana took part in a vote."""
    return rl.OpportunityTaken(member="ana", opportunity=f"{kind} {day}"), day


SPRING: Final = ("2018-02-01", "2018-03-01", "2018-04-01", "2018-05-01")


def test_misses_in_a_row_count_back_from_the_last() -> None:
    """The last that was taken ends the count; what comes later does not count yet."""
    subject = about(joins("ana"), *votes(*SPRING, "2018-10-01 00:00:00.000001"), took("2018-03-01"), at=AT)
    assert value(missed("vote"), subject) == 2
    assert evidence(missed("vote"), subject) == ("e3", "e4")
    assert value(missed("vote"), subject.moved(moment("2018-03-01"))) == 0
    assert value(missed("meeting"), subject) == 0


def test_opportunities_before_joining_are_no_misses() -> None:
    """Nobody misses what was held before they came; at that very instant they could."""
    subject = about(*votes(*SPRING), joins("ana", "2018-04-01"), at=AT)
    assert value(missed("vote"), subject) == 2
    assert value(missed("vote"), about(*votes(*SPRING), at=AT)) == 0


def test_opportunities_while_on_leave_are_skipped() -> None:
    """Leave neither counts as misses nor breaks the row; it is over at its end."""
    subject = about(
        joins("ana"),
        *votes(*SPRING),
        (rl.LeaveStarted(member="ana"), "2018-03-01"),
        (rl.LeaveEnded(member="ana"), "2018-05-01"),
        at=AT,
    )
    assert evidence(missed("vote"), subject) == ("e1", "e4")


def test_misses_may_be_those_of_a_role_and_of_a_community() -> None:
    """Only votes held while they held the role; only those of the community."""
    subject = about(
        joins("ana"),
        *votes(*SPRING),
        *votes("2018-04-15", community="paris"),
        role("voter", on="2018-03-15"),
        (rl.RoleEnded(member="ana", role="voter", how="expired"), "2018-05-01"),
        at=AT,
    )
    assert evidence(missed("vote", role="voter"), subject) == ("e3", "e5")
    assert evidence(missed("vote", community="paris"), subject) == ("e5",)
    assert value(missed("vote"), subject) == 5


def test_a_share_is_of_all_that_was_done_in_the_same_time() -> None:
    """A quarter of four reports is one; those before the window do not count on either side."""
    subject = about(
        *[report("2018-09-20", member=name) for name in ("ana", "ben", "cem", "dora")],
        *[report("2018-01-20", member="ben")] * 40,
        at=AT,
    )
    quarter = share(reports(within=months(1)), "report.filed")
    assert so(quarter >= 0.25, subject)
    assert not so(quarter > 0.25, subject)
    assert not so(quarter >= 0.26, subject)
    assert so(quarter.exactly(0.25), subject)
    found = (quarter >= 0.25).find(subject)
    assert (found.value, found.threshold) == (1, 1)


def test_a_cap_limits_what_a_share_asks_for() -> None:
    """Half of a hundred reports is fifty, but two will do."""
    subject = about(*[report("2018-09-20", member="ben")] * 98, *[report("2018-09-20")] * 2, at=AT)
    assert not so(share(reports(), "report.filed") >= 0.5, subject)
    assert so(share(reports(), "report.filed", at_most=2) >= 0.5, subject)
    assert not so(share(reports(), "report.filed", at_most=3) >= 0.5, subject)


def test_a_total_knows_what_became_of_everyones_facts() -> None:
    """Verified reports, vouches that stand, roles that retirement ended: each as its member's."""
    verified: Dated = rl.ReportVerified(member="ben", report="e0", verifier="ana"), "2018-09-02"
    subject = about(
        report("2018-09-01", member="ben", community="paris"),
        report("2018-09-01", member="ben", community="paris"),
        verified,
        vouched("cem", "ben"),
        vouched("dora", "ben"),
        (rl.VouchWithdrawn(member="dora", voucher="ben"), "2018-07-01"),
        role("rep", member="ben", community="paris"),
        role("rep", member="cem", community="paris"),
        (rl.MemberRetired(member="cem", how="resigned"), "2018-07-01"),
        at=AT,
    )

    def whole(of: Facts, community: str | None = None) -> object:
        compared = share(reports(), of, community=community) >= 1
        return compared.find(subject).threshold

    assert whole(facts("report.filed", verified=True)) == 1
    assert whole(facts("report.filed", verified=False), "paris") == 1
    assert whole(facts("vouch.given", lasting=True)) == 1
    assert whole(facts("role.assigned", lasting=True), "paris") == 1
    later = share(reports(), facts("report.filed", verified=True)) >= 1
    assert moment("2018-09-02") in set(later.edges(subject.moved(moment("2018-01-01"))))


def test_a_share_may_be_of_a_community_and_of_different_days() -> None:
    """Of a community's total only what was done there counts."""
    subject = about(
        report("2018-09-01", community="paris"),
        report("2018-09-01", community="paris"),
        report("2018-09-02", community="paris", member="ben"),
        report("2018-09-02", community="rome", member="ben"),
        at=AT,
    )
    found = share(reports(), "report.filed", community="paris") >= 0.5
    assert found.find(subject).threshold == Fraction(3, 2)
    spread = share(distinct("day", "report.filed"), "report.filed") >= 0.5
    assert (spread.find(subject).value, spread.find(subject).threshold) == (1, 2)


def body() -> Everybody:
    """Tell of a body: who joined, where they are, and for whom they work."""
    return everybody(
        *(joins(name) for name in ("ana", "ben", "cem", "dora")),
        joins("eve", "2019-01-01"),
        works_for("ana", "acme"),
        works_for("ben", "acme"),
        works_for("cem", "umbrella"),
        works_for("dora", "acme"),
        (rl.AffiliationEnded(member="dora", organisation="acme"), "2018-05-01"),
        (rl.CommunityJoined(member="ana", community="paris"), "2018-02-01"),
        role("rep", member="cem", community="paris"),
        (rl.LeaveStarted(member="ben"), "2018-09-01"),
    )


def test_members_are_those_who_joined_by_now() -> None:
    """Of the programme all, of a community those in it; with a condition, those it holds of."""
    world, at = body(), moment(AT)
    assert value(members(), world.subject("nobody", at)) == 4
    assert value(members(), world.body("paris", at)) == 2
    assert value(members(on_leave()), world.subject("nobody", at)) == 1
    assert value(members(on_leave()), world.body("paris", at)) == 0
    assert value(members(affiliated("acme")), world.subject("nobody", at)) == 2
    assert value(members(), world.subject("nobody", moment("2019-01-01"))) == 5
    assert evidence(members(on_leave()), world.subject("nobody", at)) == ("e1",)


def test_the_largest_share_is_that_of_one_organisation() -> None:
    """Two of four work for one; who works for none counts alone; an empty body has none."""
    world, at = body(), moment(AT)
    assert value(largest_share(), world.subject("nobody", at)) == Fraction(1, 2)
    assert value(largest_share(), world.body("paris", at)) == Fraction(1, 2)
    assert value(largest_share(on_leave()), world.subject("nobody", at)) == 1
    assert value(largest_share(holds("mentor")), world.subject("nobody", at)) == 0
    assert so(largest_share() <= 0.5, world.subject("nobody", at))
    assert value(largest_share(), world.subject("nobody", moment("2018-04-01"))) == Fraction(3, 4)


def test_what_is_verified_of_a_body_is_told_apart_by_what_is_asked() -> None:
    """Two selections of verified reports, asked of one community, are each their own."""
    told = [
        report("2018-02-01", community="paris"),
        report("2018-02-02", community="paris", activity="talk"),
        (rl.ReportVerified(member="ana", report="e0", verifier="ben"), "2018-03-01"),
        (rl.ReportVerified(member="ana", report="e1", verifier="ben"), "2018-03-02"),
    ]
    subject = about(*told, at=AT)
    paris = subject.of(subject.others.community("paris"))
    for activity, ids in (("event", ("e0",)), ("talk", ("e1",))):
        asked = count(facts("report.filed", activity=activity, verified=True))
        assert evidence(asked, paris) == ids
