"""What a finding names as its evidence, what counts towards it, and what the options change."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final

import reps_ledger as rl
from policies.making import (
    TICK,
    about,
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
from reps_ledger.policies import *

if TYPE_CHECKING:
    from reps_ledger.policies import Condition

AT: Final = "2018-10-01"


def found_in(condition: Condition, subject: Subject) -> tuple[str, ...]:
    """Return the evidence of a condition that is no combination."""
    from reps_ledger.policies.language.conditions import leaves

    (leaf,) = leaves(condition)
    return leaf.find(subject).entries


def test_a_comparison_has_the_evidence_of_what_is_measured() -> None:
    """Whether it holds or not, it names the entries that were counted."""
    subject = about(report("2018-06-01"), report("2018-06-02"), at=AT)
    assert found_in(reports() >= 2, subject) == ("e0", "e1")
    assert found_in(reports() >= 3, subject) == ("e0", "e1")


def test_the_time_in_the_programme_or_a_role_is_shown_by_what_began_it() -> None:
    """By the joining, or by the roles that were held without a gap since the first of them."""
    subject = about(
        joins("ana"), role("rep", on="2018-02-01", community="paris"), role("rep", on="2018-03-01"), at=AT
    )
    assert evidence(tenure(), subject) == ("e0",)
    assert evidence(tenure("rep"), subject) == ("e1", "e2")
    assert evidence(tenure("rep", community=""), subject) == ("e2",)


def test_the_time_in_the_programme_begins_at_the_joining_itself() -> None:
    """At that very instant they are in it."""
    subject = about(joins("ana", AT), at=AT)
    assert value(tenure(), subject) == moment(AT)
    assert value(tenure(), subject.moved(subject.at - TICK)) is None


def test_accounts_are_shown_by_what_told_of_them() -> None:
    """By their linking, and by each joining that named one: somebody with two records joined twice."""
    subject = about(
        (rl.MemberJoined(member="ana", account="a"), "2018-01-01"),
        (rl.AccountLinked(member="ana", provider="github", account="b"), "2018-02-01"),
        at=AT,
    )
    assert set(found_in(has_account(), subject)) == {"e0", "e1"}
    assert found_in(has_account("github"), subject) == ("e1",)
    again = (rl.MemberJoined(member="ana", account="a"), "2018-02-01")
    assert found_in(has_account(), about(joins("ana"), again, at=AT)) == ("e1",)
    assert found_in(has_account(), about(joins("ana"), again, at="2018-01-20")) == ()


def test_a_body_is_shown_by_the_joining_of_its_members() -> None:
    """The largest share names everybody of whom it is a share."""
    world = everybody(joins("ana"), joins("ben"), works_for("ana", "acme"))
    nobody = world.subject("nobody", moment(AT))
    assert evidence(largest_share(), nobody) == ("e0", "e1")
    assert evidence(members(), nobody) == ("e0", "e1")


def test_who_is_not_of_a_body_hides_nobody_after_them() -> None:
    """Who never joined, is still to join, or is elsewhere is passed over: all others count."""
    world = everybody(
        joins("abe", "2019-01-01"),
        vouched("ben", "aaron"),
        *((rl.CommunityJoined(member=name, community="rome"), "2018-01-01") for name in ("ada",)),
        joins("ada"),
        joins("ben"),
        joins("cem"),
        *((rl.CommunityJoined(member=name, community="paris"), "2018-02-01") for name in ("cem",)),
    )
    assert evidence(members(), world.subject("nobody", moment(AT))) == ("e3", "e4", "e5")
    assert evidence(members(), world.body("paris", moment(AT))) == ("e5",)


JUNE_AND_SEPTEMBER: Final = (
    report("2018-06-01", amount=2, areas=["web"]),
    report("2018-09-20", amount=1, areas=["l10n"]),
)


def test_every_count_takes_a_window() -> None:
    """Of the last four weeks only the later report, or vouch, is counted."""
    subject = about(*JUNE_AND_SEPTEMBER, vouched("ana", "ben"), at=AT)
    lately = weeks(4)
    assert value(reports(within=lately), subject) == 1
    assert value(distinct("areas", "report.filed", within=lately), subject) == 1
    assert value(distinct("month", "report.filed", within=lately), subject) == 1
    assert value(total("amount", "report.filed", within=lately), subject) == 1
    assert value(distinct(organisation_of("voucher"), "vouch.given", within=lately), subject) == 0
    assert value(vouches(within=lately), subject) == 0
    assert value(vouches(within=months(6)), subject) == 1


def test_every_clock_and_window_may_stand_still_during_leave() -> None:
    """Of four weeks, three were leave: what happened five weeks ago is of the last four."""
    subject = about(
        report("2018-08-27", amount=1),
        (rl.LeaveStarted(member="ana"), "2018-09-03"),
        (rl.LeaveEnded(member="ana"), "2018-09-24"),
        at=AT,
    )
    width = weeks(4)
    for measure in (
        reports(within=width, pausing=True),
        distinct("day", "report.filed", within=width, pausing=True),
        total("amount", "report.filed", within=width, pausing=True),
    ):
        assert value(measure, subject) == 1
    assert value(reports(within=width), subject) == 0
    assert so(time_since("report.filed", pausing=True) < width, subject)
    assert not so(time_since("report.filed") < width, subject)


def test_a_window_follows_the_first_time_or_the_last() -> None:
    """The first, unless it is said otherwise."""
    course = facts("course.completed")
    subject = about(
        (rl.CourseCompleted(member="ana", course="a"), "2018-05-30"),
        *JUNE_AND_SEPTEMBER,
        (rl.CourseCompleted(member="ana", course="b"), "2018-09-19"),
        at=AT,
    )
    assert evidence(reports(within=following(course, weeks(1))), subject) == ("e1",)
    assert evidence(reports(within=following(course, weeks(1), "last")), subject) == ("e2",)


def test_filters_may_be_given_in_a_mapping() -> None:
    """For fields whose names are options; a set of values is any of them."""
    subject = about(*JUNE_AND_SEPTEMBER, report("2018-09-21", activity="talk"), at=AT)
    assert evidence(reports(where={"activity": "talk"}), subject) == ("e2",)
    assert evidence(reports(areas="web"), subject) == ("e0",)
    (areas,) = reports(areas=("web", "design")).facts.where
    assert areas.takes("web")
    assert areas.takes(("l10n", "web"))  # a list, as the field has it, holds one of them
    assert not areas.takes(("l10n", "qa"))
    assert evidence(reports(amount={1, 2}), subject) == ("e0", "e1")


def test_the_order_of_a_set_of_values_is_no_part_of_the_meaning() -> None:
    """Text and numbers may be mixed where we do not know the field."""
    badges = facts("badge.awarded", badge={"gold", "silver", 7})
    assert badges == facts("badge.awarded", badge={7, "silver", "gold"})
    assert badges.words().endswith('with badge 7 or "gold" or "silver"')


def test_facts_without_a_field_have_no_value_of_it() -> None:
    """Neither a value that differs from others nor one to add up."""
    both = facts("report.filed", "course.completed")
    subject = about(
        report("2018-06-01", amount=2), (rl.CourseCompleted(member="ana", course="a"), "2018-06-02"), at=AT
    )
    assert value(total("amount", both), subject) == 2
    assert evidence(total("amount", both), subject) == ("e0",)
    assert value(distinct("amount", both), subject) == 1
    assert value(distinct("community", both), subject) == 0


def test_a_total_of_nothing_is_an_exact_number_too() -> None:
    """Its type does not depend on whether there was anything to add up."""
    nothing = value(total("amount", "report.filed"), about(at=AT))
    assert (nothing, type(nothing)) == (0, Fraction)


def test_an_agreement_is_accepted_by_name_and_version() -> None:
    """Another agreement of the same version is another."""
    told = rl.AgreementAccepted(member="ana", agreement="nda", version="2"), "2018-03-01"
    subject = about(told, at=AT)
    assert so(accepted("nda", version="2"), subject)
    assert not so(accepted("nda", version="1"), subject)
    assert not so(accepted("terms", version="2"), subject)
    assert not so(accepted("terms"), subject)


def test_at_least_so_many_is_that_many_or_more() -> None:
    """Two of three that hold are at least one, and two, and not three."""
    subject = about(joins("ana"), report("2018-06-01"), at=AT)
    three = is_member(), on_leave(), reports() >= 1
    assert [so(at_least(number, *three), subject) for number in (1, 2, 3)] == [True, True, False]
    nested = ~at_least(1, on_leave(), completed("a"))
    assert so(at_least(2, nested, is_member()), subject)


def test_measures_that_differ_are_told_apart_at_once() -> None:
    """Kinds that are made of the same parts do not share their hash, nor different parts."""
    several = [members(), largest_share(), members(on_leave()), count("report.filed"), tenure()]
    assert len({hash(measure) for measure in several}) == len(several)


def test_a_person_is_no_organisation_of_the_same_name() -> None:
    """Who has none counts as one of their own, whatever they are called."""
    subject = about(works_for("ben", "acme"), vouched("ana", "ben"), vouched("ana", "acme"), at=AT)
    assert value(distinct(organisation_of("voucher"), "vouch.given"), subject) == 2
