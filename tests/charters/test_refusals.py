"""What people read when a charter refuses: of whom, under which clause, by what evidence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest

import reps_ledger as rl
from charters.programmes import ADOPTED, AFTER, BEFORE, programme, story
from reps_ledger.policies import (
    accepted,
    completed,
    held,
    holds,
    in_community,
    months,
    on_leave,
    reports,
    tenure,
    vouches,
    years,
)
from reps_ledger.policies.charter import Authority, Charter, RoleClause, Vouching

MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor", community="java")
TITLE: Final = "the charter of reps, version 1"


def refusal(ledger: rl.Ledger, fact: rl.Fact, at: date = AFTER, **options: Any) -> rl.Refusal:
    """Return the one refusal of a fact."""
    with pytest.raises(rl.Refused) as raised:
        ledger.record(fact, occurred_at=at, **{"by": "council", **options})
    (found,) = raised.value.refusals
    return found


def adoption(ledger: rl.Ledger) -> str:
    """Return the id of the entry that adopted the first charter."""
    return next(entry.id for entry in ledger.entries() if entry.name == "charter.adopted")


def mentors(**clause: Any) -> list[RoleClause]:
    """Make the clauses of a charter that says something of mentors."""
    return [RoleClause(role="mentor", **clause)]


def vouch(member: str, voucher: str) -> rl.Vouched:
    """Make a vouch."""
    return rl.Vouched(member=member, voucher=voucher)


@pytest.mark.parametrize(
    ("clause", "code", "told"),
    [
        ({"closed": True}, "role_closed", f"{TITLE} gives mentor in java to nobody any more"),
        ({"courses": ["c"]}, "not_admitted", f"ana may not become mentor in java under {TITLE}: "),
        ({"term": years(2)}, "term_too_long", "mentor in java for 2 years at most"),
    ],
)
def test_a_refused_role_is_named_with_its_community(clause: dict[str, Any], code: str, told: str) -> None:
    """So is the clause that a waiver lifts, and the charter whose it is."""
    ledger = programme(roles=mentors(**clause))
    found = refusal(ledger, MENTOR)
    assert (found.code, found.clause) == (code, "role mentor in java")
    assert told in found.words
    assert found.entries[-1] == adoption(ledger)


def test_a_term_is_counted_in_the_zone_of_the_ledger() -> None:
    """Six months from the first of July are over when the first of January begins there."""
    charter = Charter(name="reps", version="1", roles=mentors(term=months(6)))
    with rl.open(zone="Europe/Paris") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=BEFORE)
        ledger.adopt(charter, by="x", occurred_at=ADOPTED)
        assert "2019-01-01 at the latest" in refusal(ledger, MENTOR).words
        latest = datetime(2018, 12, 31, 23, tzinfo=UTC)  # in Paris, it is an hour later
        later = rl.RoleAssigned(member="ana", role="mentor", until=latest + timedelta(hours=1))
        assert refusal(ledger, later).clause == "role mentor"
        fact = rl.RoleAssigned(member="ana", role="mentor", until=latest)
        assert ledger.record(fact, by="x", occurred_at=AFTER).entry.fact == fact


def test_what_time_alone_brings_is_told_in_the_zone_of_the_ledger() -> None:
    """Who joined on the first of January has been here a year on the first of January."""
    charter = Charter(name="reps", version="1", roles=mentors(admission=tenure() >= years(1)))
    with rl.open(zone="Europe/Paris") as ledger:
        joined = rl.MemberJoined(member="ana")
        ledger.record(joined, by="x", occurred_at=date(2018, 1, 1))
        ledger.adopt(charter, by="x", occurred_at=ADOPTED)
        assert "(by itself on 2019-01-01)" in refusal(ledger, MENTOR).words


@pytest.mark.parametrize(
    ("admission", "told"),
    [
        (in_community("java"), ": it must be so that they are in java"),
        (~on_leave(), ": it must be so that they are not on leave"),
        (~holds("scout"), ": it must be so that they are not"),
        (~completed("c") & ~accepted("a"), "not completed"),
        (
            (reports() >= 1) & (vouches() >= 2) | held("lead"),
            "or needs 1 more report and needs 2 more vouches",
        ),
    ],
)
def test_all_that_is_missing_is_said(admission: Any, told: str) -> None:
    """What must be so, what must not be so, how much more; all of it, and what instead."""
    facts: list[tuple[rl.Fact, date]] = [
        (rl.LeaveStarted(member="ana"), BEFORE),
        (rl.RoleAssigned(member="ana", role="scout"), BEFORE),
        (rl.CourseCompleted(member="ana", course="c"), BEFORE),
        (rl.AgreementAccepted(member="ana", agreement="a"), BEFORE),
    ]
    ledger = programme(*facts, roles=mentors(admission=admission))
    assert told in refusal(ledger, MENTOR).words


def test_who_is_not_admitted_is_shown_what_was_counted() -> None:
    """The entries that counted, though not enough of them, are the evidence of the refusal."""
    told = (rl.ReportFiled(member="ana", activity="talk"), BEFORE)
    ledger = programme(told, roles=mentors(admission=reports() >= 2))
    report = next(entry.id for entry in ledger.entries() if entry.name == "report.filed")
    assert report in refusal(ledger, MENTOR).entries


@pytest.mark.parametrize(
    ("ends", "told"),
    [
        (("resigned", "emeritus"), "end only as resigned or emeritus, not as removed"),
        ((), "end only as not at all"),
    ],
)
def test_how_a_role_may_end_is_said(ends: tuple[str, ...], told: str) -> None:
    """The ways that are left, and the one that was tried; a waiver may lift it."""
    ledger = programme((MENTOR, BEFORE), roles=mentors(ends=ends))
    removed = rl.RoleEnded(member="ana", role="mentor", community="java", how="removed")
    found = refusal(ledger, removed)
    assert told in found.words
    assert found.clause == "role mentor in java"
    receipt = ledger.record(removed, by="council", occurred_at=AFTER, waiver="it was urgent")
    assert [entry.name for entry in receipt.entries] == ["exemption.granted", "role.ended"]


def test_who_may_not_vouch_is_told_why() -> None:
    """By name, with the charter, and what a voucher must be."""
    ledger = programme(vouching=Vouching(may=holds("mentor")))
    found = refusal(ledger, vouch("ana", "cleo"))
    assert found.words == f"cleo may not vouch under {TITLE}: needs to be a mentor"
    assert found.clause == "vouch by cleo"


@pytest.mark.parametrize(
    ("most", "told"), [(1, "ana has 1 standing vouch;"), (2, "ana has 2 standing vouches;")]
)
def test_who_has_enough_vouches_is_told_how_many(most: int, told: str) -> None:
    """With the vouches that stand, as entries; one may be waived."""
    ledger = programme(vouching=Vouching(most=most))
    dora = rl.MemberJoined(member="dora")
    ledger.record(dora, by="council", occurred_at=BEFORE)
    given = [
        ledger.record(vouch("ana", voucher), by=voucher, occurred_at=AFTER).entry.id
        for voucher in ("ben", "cleo")[:most]
    ]
    found = refusal(ledger, vouch("ana", "dora"))
    assert told in found.words
    assert TITLE in found.words
    assert found.clause == "vouch by dora"
    assert found.entries == (*given, adoption(ledger))


def test_who_has_no_authority_is_told_for_whom_they_acted() -> None:
    """By name, with the kind of fact and the charter; without anybody else's name."""
    ledger = programme(authorities=[Authority(fact="role.assigned", actors=["council"])])
    found = refusal(ledger, MENTOR, by="portal", on_behalf_of="ben")
    assert found.words == (f"portal on behalf of ben may not record role.assigned under {TITLE}")
    found = refusal(ledger, MENTOR, by="ben")
    assert found.words == f"ben may not record role.assigned under {TITLE}"


def test_a_document_of_another_version_is_told_both() -> None:
    """What it says, and as what it was to be adopted."""
    fact = rl.CharterAdopted(document='charter = "reps"\nversion = "2"', version="3")
    words = refusal(story(), fact).words
    assert "version 2" in words
    assert "version 3" in words
