"""Reconciliation: each way in which a record can fail to add up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given as for_all

import reps_ledger as rl
from histories import fill, histories, open_ledger
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
