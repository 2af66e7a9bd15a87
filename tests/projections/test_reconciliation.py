"""Reconciliation: each way in which a record can fail to add up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import evolve
from hypothesis import given as for_all

import reps_ledger as rl
from histories import fill, histories, open_ledger
from reps_ledger.policies import count, facts
from reps_ledger.policies.charter import Charter, RoleClause
from reps_ledger.projections import DISCREPANCIES
from scale import examples
from scenarios import APR, FEB, JAN, JUN, MAR, MAY, Given, Saying, correct, given, joined, merged, retract

if TYPE_CHECKING:
    from histories import Offer

PEOPLE: Final = joined("ana", "ben", "cleo", on=JAN)
MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor", community="id")


def says(member: str, role: str = "mentor", *, held: bool = True) -> rl.Fact:
    """Let a roster claim something."""
    return rl.RoleAsserted(member=member, role=role, community="id", held=held)


def found(story: Given, **options: Any) -> list[tuple[str, str | None, str]]:
    """Return every discrepancy: kind, member and words."""
    return [(one.kind, one.member, one.words) for one in story.ledger.reconcile(**options)]


def test_a_record_that_adds_up() -> None:
    """Where rosters and record agree there is nothing to list."""
    story = given(PEOPLE, (MENTOR, FEB), (says("ana"), MAR), (says("ben", held=False), MAR))
    assert found(story) == []
    assert found(story, complete_rosters=True) == []


@pytest.mark.parametrize(
    ("told", "claim", "member", "words"),
    [
        ([], says("ana"), "ana", "the roster of 2018-03-01 lists ana as mentor in id, who held no"),
        ([], says("eve"), "eve", "lists eve as mentor in id, who never joined"),
        (
            [(rl.RoleAssigned(member="ana", role="council", community="id"), FEB)],
            says("ana"),
            "ana",
            "lists ana as mentor in id; the record says council",
        ),
        (
            [(MENTOR, FEB)],
            says("ana", held=False),
            "ana",
            "does not list ana as mentor in id, held since 2018-02-01",
        ),
        ([(MENTOR, APR)], says("ana"), "ana", "who held no role there"),
    ],
)
def test_an_assertion_that_fails(told: list[Saying], claim: rl.Fact, member: str, words: str) -> None:
    """A roster that says another thing than the record is listed, with what the record says."""
    story = given(PEOPLE, told, (claim, MAR))
    ((kind, who, why),) = found(story)
    assert (kind, who) == ("assertion_failed", member)
    assert words in why
    (one,) = story.ledger.reconcile()
    assert one.entries[0] == story.ids[-1]
    assert one.at == datetime(2018, 3, 1, tzinfo=UTC)


def test_an_assertion_is_compared_with_its_own_time() -> None:
    """A roster is compared with the record of its own instant: later changes do not matter."""
    ended = rl.RoleEnded(member="ana", role="mentor", community="id", how="resigned")
    story = given(PEOPLE, (MENTOR, FEB), (says("ana"), MAR), (ended, APR), (says("ana"), MAY))
    assert [one.at.month for one in story.ledger.reconcile()] == [5]
    assert found(story, at=APR) == []


def test_who_is_missing_from_a_complete_roster() -> None:
    """Taken for complete, a roster lacks whoever holds a role that it names without being on it."""
    ben = rl.RoleAssigned(member="ben", role="mentor", community="id")
    cleo = rl.RoleAssigned(member="cleo", role="mentor", community="jp")
    dan = rl.RoleAssigned(member="cleo", role="council", community="id")
    story = given(PEOPLE, [(one, FEB) for one in (MENTOR, ben, cleo, dan)], (says("ana"), MAR))
    assert found(story) == []
    assert found(story, complete_rosters=True) == [
        (
            "unlisted",
            "ben",
            ("ben holds mentor in id since 2018-02-01, but the roster of 2018-03-01 does not list them"),
        )
    ]
    listed = given(PEOPLE, (MENTOR, FEB), (ben, FEB), (says("ana"), MAR), (says("ben", held=False), MAR))
    assert [kind for kind, *_ in found(listed, complete_rosters=True)] == ["assertion_failed"]


def test_two_rosters_of_different_days() -> None:
    """Each day's roster is complete for itself; one that names nobody as holding says nothing."""
    ben = rl.RoleAssigned(member="ben", role="mentor", community="id")
    story = given(
        PEOPLE,
        (MENTOR, FEB),
        (says("ana"), MAR),
        (ben, APR),
        (says("ana"), MAY),
        (says("cleo", held=False), JUN),
    )
    (one,) = story.ledger.reconcile(complete_rosters=True)
    assert (one.kind, one.member, one.at.month) == ("unlisted", "ben", 5)


def test_an_orphan_of_a_retraction() -> None:
    """What a retraction leaves without its ground is listed, with why it no longer holds."""
    ended = rl.RoleEnded(member="ana", role="mentor", community="id", how="resigned")
    story = given(PEOPLE, (MENTOR, FEB), (ended, MAR), retract(3))
    assert found(story) == [
        (
            "orphaned",
            "ana",
            "role.ended of 2018-03-01 no longer holds: ana did not hold mentor in id on 2018-03-01",
        )
    ]


def test_an_orphaned_verification() -> None:
    """A verification of a report that was retracted is an orphan; a standing one is none."""
    report = rl.ReportFiled(member="ana", activity="talk")
    story = given(PEOPLE, (report, FEB))
    story = story.when(
        lambda ids: (rl.ReportVerified(member="ana", report=ids[3], verifier="ben"), MAR)
    ).then_recorded()
    assert found(story) == []
    story = story.when(retract(3)).then_recorded()
    ((kind, who, words),) = found(story)
    assert (kind, who) == ("orphaned", "ana")
    assert "no standing report of ana" in words


def test_a_corrected_report_stays_verified() -> None:
    """A verification still holds of a report whose wording was put right."""
    report = rl.ReportFiled(member="ana", activity="tlak")
    story = given(PEOPLE, (report, FEB))
    story = story.when(
        lambda ids: (rl.ReportVerified(member="ana", report=ids[3], verifier="ben"), MAR)
    ).then_recorded()
    right = rl.ReportFiled(member="ana", activity="talk")
    assert found(story.when(correct(3, right)).then_recorded()) == []


def test_a_merge_leaves_its_traces() -> None:
    """After a merge, a vouch for oneself is void; that both joined, or both held a role, is in order."""
    ben = rl.RoleAssigned(member="ben", role="mentor", community="id")
    vouch = rl.Vouched(member="ana", voucher="ben")
    story = given(PEOPLE, (MENTOR, FEB), (ben, MAR), (vouch, APR), merged("ana", "ben", JUN))
    assert found(story) == [
        ("void", "ana", "vouch.given of 2018-04-01 is void: ana and ben turned out to be one person")
    ]


def kinds(story: Given, **options: Any) -> list[tuple[str, str | None]]:
    """Return what is found, and of whom."""
    return [(kind, who) for kind, who, _ in found(story, **options)]


def test_a_roster_leaves_somebody_out_of_one_role() -> None:
    """Whoever is listed in one role and holds another that the roster names is missing there."""
    council = rl.RoleAssigned(member="ana", role="council", community="id")
    ben = rl.RoleAssigned(member="ben", role="mentor", community="id")
    story = given(PEOPLE, (MENTOR, FEB), (council, FEB), (ben, FEB))
    story = story.when((says("ana", "council"), MAR), (says("ben"), MAR)).then_recorded()
    assert kinds(story, complete_rosters=True) == [("unlisted", "ana")]


def test_a_roster_of_a_day_is_of_its_end() -> None:
    """Told before the role that was given that day, it does not fail; one of an instant does."""
    morning, noon = (datetime(2018, 3, 1, hour, tzinfo=UTC) for hour in (9, 12))
    story = given(PEOPLE, (says("ana"), MAR), (MENTOR, noon))
    assert found(story) == []
    assert kinds(given(PEOPLE, (says("ana"), morning), (MENTOR, noon))) == [("assertion_failed", "ana")]
    ended = rl.RoleEnded(member="ana", role="mentor", community="id", how="resigned")
    story = given(PEOPLE, (MENTOR, FEB), (says("ana"), MAR), (ended, noon))
    assert kinds(story) == [("assertion_failed", "ana")], "at the end of that day she no longer held it"


def test_whom_a_later_roster_no_longer_names() -> None:
    """Listed once, against the record, and not the next time: a finding of its own."""
    story = given(PEOPLE, (MENTOR, FEB), (says("ana"), MAR), (says("cleo"), MAR), (says("ana"), APR))
    assert kinds(story, complete_rosters=True) == [("assertion_failed", "cleo"), ("no_longer_named", "cleo")]
    assert kinds(story) == [("assertion_failed", "cleo")]
    again = given(PEOPLE, (MENTOR, FEB), *[(says(who), day) for day in (MAR, APR) for who in ("ana", "cleo")])
    assert kinds(again, complete_rosters=True) == [("assertion_failed", "cleo")] * 2


def test_a_role_that_never_began() -> None:
    """Planned, and retired before: it is listed, until their return is recorded."""
    story = given(PEOPLE, (MENTOR, JUN), (rl.MemberRetired(member="ana", how="resigned"), MAR))
    ((kind, who, words),) = found(story)
    assert (kind, who) == ("never_began", "ana")
    assert "mentor in id from 2018-06-01 on never began: they had retired on 2018-03-01" in words
    story = story.when((rl.MemberReturned(member="ana"), APR)).then_recorded()
    assert found(story) == []


def test_an_affiliation_that_ends_and_had_not_begun() -> None:
    """It is in order to record it, and listed."""
    left = rl.AffiliationEnded(member="ana", organisation="acme", kind="student")
    begun = rl.AffiliationStarted(member="ana", organisation="acme", kind="staff")
    story = given(PEOPLE, (begun, FEB), (left, MAR))
    assert found(story) == [
        (
            "ends_nothing",
            "ana",
            "affiliation.ended of 2018-03-01 ends nothing: ana did not belong to acme as student then",
        )
    ]


def test_a_term_told_late_that_makes_another_one_too_many() -> None:
    """The charter allowed each when it was recorded; by what is known now it would not allow the last."""
    twice = count(facts("role.assigned", role="mentor")) < 2
    charter = Charter(name="c", version="1", roles=[RoleClause(role="mentor", admission=twice)])
    with rl.open(clock=lambda: datetime(2018, 12, 1, tzinfo=UTC)) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=JAN)
        ledger.adopt(charter, by="x", occurred_at=JAN)
        for start, end in ((FEB, MAR), (MAY, JUN)):
            term = evolve(MENTOR, until=datetime(2018, end.month, 1, tzinfo=UTC))
            ledger.record(term, by="x", occurred_at=start)
        assert ledger.reconcile() == ()
        forgotten = evolve(MENTOR, until=datetime(2018, 5, 1, tzinfo=UTC))
        ledger.record(forgotten, by="x", occurred_at=MAR)
        (one,) = ledger.reconcile()
        assert (one.kind, one.member, one.at) == ("not_admitted", "ana", datetime(2018, 5, 1, tzinfo=UTC))
        assert "role.assigned of 2018-05-01 would be refused by what is known now" in one.words


def test_seats_that_an_unmerge_makes_too_many() -> None:
    """Two records that were one person took one seat; two people take two."""
    charter = Charter(name="c", version="1", roles=[RoleClause(role="mentor", seats=1)])
    with rl.open(clock=lambda: datetime(2018, 12, 1, tzinfo=UTC)) as ledger:
        for who in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=who), by="x", occurred_at=JAN)
        ledger.adopt(charter, by="x", occurred_at=JAN)
        until = datetime(2018, 6, 1, tzinfo=UTC)
        ledger.record(evolve(MENTOR, member="ben", until=until), by="x", occurred_at=FEB)
        ledger.record(rl.MembersMerged(member="ana", duplicate="ben"), by="x")
        ledger.record(
            rl.RoleEnded(member="ana", role="mentor", community="id", how="resigned"), by="x", occurred_at=MAR
        )
        ledger.record(MENTOR, by="x", occurred_at=APR)
        assert ledger.reconcile() == ()
        ledger.record(rl.MembersUnmerged(member="ana", duplicate="ben"), by="x")
        assert {(one.kind, one.member) for one in ledger.reconcile()} == {
            ("not_admitted", "ana"),
            ("orphaned", "ana"),
        }


def test_leave_past_its_return() -> None:
    """A leave that lapsed and was not closed is listed once it lapsed; closed, it is not."""
    leave = rl.LeaveStarted(member="ana", expected_return=datetime(2018, 4, 1, tzinfo=UTC))
    story = given(PEOPLE, (leave, FEB), (rl.LeaveStarted(member="ben"), FEB))
    assert found(story, at=MAR) == []
    assert found(story, at=APR) == [
        (
            "leave_overdue",
            "ana",
            "ana's leave of 2018-02-01 lapsed on 2018-04-01; record leave.ended, or a new leave",
        )
    ]
    (one,) = story.ledger.reconcile()
    assert one.entries == (story.ids[3],)
    assert one.at == datetime(2018, 4, 1, tzinfo=UTC)
    assert found(story.when((rl.LeaveEnded(member="ana"), MAY)).then_recorded()) == []


def test_custom_rules_find_orphans_too() -> None:
    """Rules of a service's own are part of what must add up."""

    def closed(_entry: rl.Entry, *_states: Any) -> list[rl.Refusal]:
        return [rl.Refusal(code="closed", words="the programme is closed")]

    plain = given(PEOPLE)
    recorder = plain.ledger._core.log.recorder
    rules = [rl.Rule(name="member.joined", judge=closed)]
    with rl.open(recorder, rules=rules) as ledger:
        assert {one.words for one in ledger.reconcile()} == {
            "member.joined of 2018-01-01 no longer holds: the programme is closed"
        }


def retracts(one: Offer) -> bool:
    """Say whether an offer takes another back, or makes two people one."""
    return one.retract or isinstance(one.fact, rl.MembersMerged | rl.RoleAsserted)


@examples(3)
@for_all(told=histories())
def test_a_record_of_which_nothing_was_retracted_has_no_orphans(told: list[Offer]) -> None:
    """What the rules let in, in whatever order, adds up: what a correction contradicts is refused."""
    with open_ledger() as ledger:
        fill(ledger, [one for one in told if not retracts(one)])
        lawful = {"leave_overdue", "ends_nothing", "never_began"}
        left = [one for one in ledger.reconcile() if one.kind not in lawful]
        assert [one.words for one in left] == []


@examples(0.6)
@for_all(told=histories())
def test_any_record_can_be_reconciled(told: list[Offer]) -> None:
    """Of any history, amended in any way, the discrepancies are listed, each of known entries."""
    with open_ledger() as ledger:
        fill(ledger, told)
        ids = {entry.id for entry in ledger.entries()}
        for one in ledger.reconcile(complete_rosters=True):
            assert one.kind in DISCREPANCIES
            assert one.entries
            assert ids >= set(one.entries)
