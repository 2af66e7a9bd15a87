"""What a charter asks of whom a role is given to, and of how it ends."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final

import pytest

import reps_ledger as rl
from charters.programmes import ADOPTED, AFTER, BEFORE, codes, programme, story
from reps_ledger.policies import (
    Width,
    accepted,
    days,
    distinct,
    held,
    holds,
    joined,
    months,
    organisation_of,
    reports,
    tenure,
    vouches,
    weeks,
    years,
)
from reps_ledger.policies.charter import Charter, RoleClause

MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor")


def role(**clause: Any) -> dict[str, Any]:
    """Make the clauses of a charter that says something of mentors."""
    return {"roles": [RoleClause(role="mentor", **clause)]}


def refusal(ledger: rl.Ledger, fact: rl.Fact, at: date = AFTER) -> rl.Refusal:
    """Return the one refusal of a fact."""
    with pytest.raises(rl.Refused) as raised:
        ledger.record(fact, by="council", occurred_at=at)
    (found,) = raised.value.refusals
    return found


def test_refusals_are_made_of_shortfalls() -> None:
    """Who lacks a course is told which, under which charter, and by which clause."""
    found = refusal(programme(**role(courses=["onboarding"])), MENTOR)
    assert found.code == "not_admitted"
    assert found.clause == "role mentor"
    assert found.words == (
        "ana may not become mentor under the charter of reps, version 1: "
        "needs the onboarding course; has none"
    )


def test_who_is_admitted_is_given_the_role() -> None:
    """The course once completed, the role is given; the moment of its completion will do."""
    ledger = programme(**role(courses=["onboarding"]))
    course = rl.CourseCompleted(member="ana", course="onboarding")
    ledger.record(course, by="ana", occurred_at=AFTER)
    assert codes(ledger, MENTOR, AFTER) == ()


def test_a_course_completed_later_does_not_admit_earlier() -> None:
    """A backdated assignment is judged by what was true on its own day."""
    ledger = programme(**role(courses=["onboarding"]))
    course = rl.CourseCompleted(member="ana", course="onboarding")
    ledger.record(course, by="ana", occurred_at=AFTER)
    assert codes(ledger, MENTOR, AFTER - timedelta(days=1)) == ("not_admitted",)


def test_the_past_is_not_judged() -> None:
    """What happened before the charter governed is recorded as it was, whenever it is told."""
    ledger = programme(**role(admission=vouches() >= 3))
    assert codes(ledger, MENTOR, BEFORE) == ()
    assert codes(ledger, rl.RoleAssigned(member="ben", role="mentor"), ADOPTED) == ("not_admitted",)


def test_nobody_is_removed_by_a_charter() -> None:
    """Who holds a role when a charter closes it goes on holding it."""
    ledger = programme((MENTOR, BEFORE), **role(closed=True))
    assert "mentor" in ledger.as_of(date(2019, 1, 1)).member("ana").roles
    assert codes(ledger, rl.RoleAssigned(member="ben", role="mentor")) == ("role_closed",)


def test_a_charter_governs_from_its_effective_date() -> None:
    """Between its adoption and its effective date, the rules before it hold."""
    ledger = story()
    charter = Charter(name="reps", version="1", roles=[RoleClause(role="mentor", closed=True)])
    effective: Any = date(2018, 9, 1)
    ledger.adopt(charter, by="council", occurred_at=ADOPTED, effective_from=effective)
    assert codes(ledger, MENTOR, date(2018, 8, 31)) == ()
    assert codes(ledger, rl.RoleAssigned(member="ben", role="mentor"), effective) == ("role_closed",)


def test_a_later_charter_takes_the_place_of_an_earlier_one() -> None:
    """Each fact is judged by the charter in force when it happened."""
    ledger = programme(**role(closed=True))
    ledger.adopt(Charter(name="reps", version="2"), by="council", occurred_at=date(2018, 9, 1))
    assert codes(ledger, MENTOR, date(2018, 8, 1)) == ("role_closed",)
    assert codes(ledger, MENTOR, date(2018, 9, 1)) == ()


def test_grandfathering_is_said_in_it() -> None:
    """Of whom the exception holds, none of it is asked; and it is no advice to others."""
    clause = role(admission=vouches() >= 3, unless=joined(before=date(2018, 3, 1)))
    ledger = programme(**clause)
    late = rl.MemberJoined(member="dora")
    ledger.record(late, by="council", occurred_at=date(2018, 4, 1))
    assert codes(ledger, MENTOR) == ()
    found = refusal(ledger, rl.RoleAssigned(member="dora", role="mentor"))
    assert "joined" not in found.words
    assert "3 more vouches" in found.words


@pytest.mark.parametrize(
    ("admission", "words"),
    [
        (accepted("conduct"), "needs to accept the conduct agreement"),
        (holds("rep"), "needs to be a rep"),
        (reports(within=months(6)) >= 2, "needs 2 more reports in the last 6 months"),
        (tenure() >= years(1), "(by itself on 2019-01-01)"),
        (held("rep") | (vouches() >= 1), "; or "),
    ],
)
def test_what_is_missing_is_said(admission: Any, words: str) -> None:
    """Each kind of admission says what somebody lacks."""
    assert words in refusal(programme(**role(admission=admission)), MENTOR).words


def test_a_term_must_be_said_and_is_no_longer() -> None:
    """A role with a term is given with its end, at the latest when the term is over."""
    ledger = programme(**role(term=years(2)))

    def until(year: int, month: int, day: int) -> rl.Fact:
        end: Any = date(year, month, day)
        return rl.RoleAssigned(member="ana", role="mentor", until=end)

    assert codes(ledger, MENTOR) == ("term_too_long",)
    assert codes(ledger, until(2020, 7, 2)) == ("term_too_long",)
    assert codes(ledger, until(2020, 7, 1)) == ()


@pytest.mark.parametrize(
    ("term", "start", "last"),
    [
        (years(1), date(2024, 2, 29), date(2025, 3, 1)),
        (months(1), date(2023, 1, 31), date(2023, 3, 1)),
        (weeks(4), date(2023, 3, 1), date(2023, 3, 29)),  # in Paris the clocks go forward between
    ],
    ids=str,
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris"])
def test_a_term_from_the_end_of_a_month_loses_no_day(zone: str, term: Width, start: date, last: date) -> None:
    """It lasts to the end of the day before the one named, and one more day is refused."""
    until: Any = last
    longer: Any = last + timedelta(days=1)
    charter = Charter(name="reps", version="1", roles=[RoleClause(role="mentor", term=term)])
    with rl.open(zone=zone, clock=lambda: datetime(2020, 1, 1, tzinfo=UTC)) as ledger:
        ledger.adopt(charter, by="council", occurred_at=date(2020, 1, 1))
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2020, 1, 2))
        found = refusal(ledger, rl.RoleAssigned(member="ana", role="mentor", until=longer), start)
        assert found.code == "term_too_long"
        assert str(last) in found.words
        ledger.record(rl.RoleAssigned(member="ana", role="mentor", until=until), by="x", occurred_at=start)
        assert ledger.as_of(last - timedelta(days=1)).roster(role="mentor")
        assert not ledger.as_of(last).roster(role="mentor")


def test_seats_count_those_who_sat_before_the_charter() -> None:
    """Who held the role when the charter came takes a seat; nobody is unseated."""
    ledger = programme((MENTOR, BEFORE), **role(seats=1))
    ben = rl.RoleAssigned(member="ben", role="mentor")
    assert codes(ledger, ben) == ("no_seat",)
    assert codes(ledger, rl.RoleAssigned(member="ben", role="mentor", community="java")) == ()
    ledger.record(rl.RoleEnded(member="ana", role="mentor", how="resigned"), by="ana")
    assert codes(ledger, ben, date(2020, 1, 2)) == ()


def test_a_role_ends_only_as_the_charter_lets_it() -> None:
    """Never removed means: who holds it may resign, and nobody ends it otherwise."""
    ledger = programme((MENTOR, BEFORE), **role(closed=True, ends=["resigned", "emeritus"]))
    assert codes(ledger, rl.RoleEnded(member="ana", role="mentor", how="removed")) == ("ending_not_allowed",)
    assert codes(ledger, rl.RoleEnded(member="ana", role="mentor", how="resigned")) == ()


def test_admission_looks_at_those_who_stand_for_them() -> None:
    """A vouch from a mentor counts where the voucher was one when they vouched."""
    clause = role(admission=vouches(voucher=holds("mentor")) >= 1)
    vouched = rl.Vouched(member="ana", voucher="ben")
    was = rl.RoleAssigned(member="ben", role="mentor")
    assert codes(programme((was, BEFORE), (vouched, BEFORE), **clause), MENTOR) == ()
    later = date(2018, 5, 2)
    assert codes(programme((vouched, BEFORE), (was, later), **clause), MENTOR) == ("not_admitted",)


def test_sponsors_from_different_organisations() -> None:
    """Two vouchers of one organisation are one; who left it counts by themselves again."""
    sponsors = distinct(organisation_of("voucher"), vouches().facts)
    facts: list[tuple[rl.Fact, date]] = [
        (rl.AffiliationStarted(member="ben", organisation="acme"), BEFORE),
        (rl.AffiliationStarted(member="cleo", organisation="acme"), BEFORE),
        (rl.Vouched(member="ana", voucher="ben"), BEFORE),
    ]
    second = rl.Vouched(member="ana", voucher="cleo")
    clause = role(admission=sponsors >= 2)
    assert codes(programme(*facts, (second, BEFORE), **clause), MENTOR) == ("not_admitted",)
    left = (rl.AffiliationEnded(member="cleo", organisation="acme"), BEFORE)
    assert codes(programme(*facts, left, (second, BEFORE), **clause), MENTOR) == ()


def test_dates_are_read_in_the_ledgers_zone() -> None:
    """Whether a course was required yet is told by the day in the ledger's zone."""
    from reps_ledger.policies import completed, on_or_after

    clause = RoleClause(role="mentor", admission=~on_or_after(date(2018, 7, 1)) | completed("onboarding"))
    charter = Charter(name="reps", version="1", roles=(clause,))
    evening = datetime(2018, 6, 30, 22, tzinfo=timezone(timedelta(0)))
    for zone, expected in (("UTC", ()), ("Europe/Paris", ("not_admitted",))):
        with rl.open(zone=zone) as ledger:
            ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=date(2018, 1, 1))
            ledger.adopt(charter, by="x", occurred_at=ADOPTED)
            assert codes(ledger, MENTOR, evening) == expected


def test_a_correction_is_judged_where_it_says_more() -> None:
    """Another reason for the same role is no news; another role is asked what it asks."""
    ledger = programme((MENTOR, BEFORE), **role(admission=vouches() >= 1))
    scout = ledger.record(rl.RoleAssigned(member="ben", role="scout"), by="council", occurred_at=AFTER)
    waived = ledger.record(
        rl.RoleAssigned(member="cleo", role="mentor"),
        by="council",
        occurred_at=AFTER,
        waiver="knows the trade",
    )
    mentor = rl.RoleAssigned(member="ben", role="mentor")
    wrong = rl.EntryCorrected(target=scout.id, replacement=mentor, reason="misread")
    with pytest.raises(rl.Refused) as raised:
        ledger.record(wrong, by="council")
    assert raised.value.codes == ("not_admitted",)
    same = rl.RoleAssigned(member="cleo", role="mentor", reason="knows the trade very well")
    told = rl.EntryCorrected(target=waived.entries[-1].id, replacement=same, reason="typo")
    assert ledger.record(told, by="council").entry.name == "entry.corrected"


def test_an_import_is_judged_too() -> None:
    """Rows of an import are refused as facts are, and the report says why."""
    ledger = programme(**role(courses=["onboarding"]))
    row = {"fact": "role.assigned", "member": "ana", "role": "mentor"}
    rows = [{**row, "occurred_at": "2018-05-01", "community": "java"}, {**row, "occurred_at": "2018-07-01"}]
    report = ledger.import_history(rows, by="council")
    assert (report.recorded, [r.codes for r in report.refused]) == (1, [("not_admitted",)])


def test_an_exported_history_is_imported_again_under_its_charter(tmp_path: Any) -> None:
    """Waivers and charters travel with the facts: nothing is refused the second time."""
    ledger = programme((MENTOR, BEFORE), **role(admission=vouches() >= 1, seats=2))
    ledger.record(
        rl.RoleAssigned(member="ben", role="mentor"), by="council", occurred_at=AFTER, waiver="founder"
    )
    ledger.export(tmp_path / "all.jsonl")
    with rl.open() as copy:
        report = copy.import_history(tmp_path / "all.jsonl")
        assert [row.reasons for row in report.refused] == []
        assert [e.fact for e in copy.history()] == [e.fact for e in ledger.history()]


def test_a_term_counts_calendar_months_and_days() -> None:
    """A term of days is fixed; both limits are inclusive."""
    ledger = programme(**role(term=days(30)))
    end: Any = date(2018, 7, 31)
    assert codes(ledger, rl.RoleAssigned(member="ana", role="mentor", until=end)) == ()


def test_an_effective_date_may_be_a_day() -> None:
    """It governs from the start of that day, as it would from the command line."""
    ledger = story()
    charter = Charter(name="reps", version="1", roles=[RoleClause(role="scout", closed=True)])
    ledger.adopt(charter, by="council", occurred_at=BEFORE, effective_from=ADOPTED)
    assert codes(ledger, rl.RoleAssigned(member="ana", role="scout"), ADOPTED) == ("role_closed",)
