"""Refusals speak of the person: who has two records holds, links and owes what either of them does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

import reps_ledger as rl
from reps_ledger.policies import Policy, reports, vouches, when
from reps_ledger.policies.charter import Charter, RoleClause, Vouching
from scenarios import APR, FEB, JUN, MAR, MAY, Saying, given, joined, merged

ANA_AND_OLD: Final = joined("ana", "old", "ben", "cleo")
MERGED: Final = merged("ana", "old")


def of_old(fact: Any, **fields: object) -> Any:
    """Tell a fact of the record that is merged into Ana's."""
    return fact(member="old", **fields)


ROLE: Final[dict[str, Any]] = {"role": "mentor", "community": "asia"}
ACCOUNT: Final = {"provider": "git", "account": "octo"}


@pytest.mark.parametrize(
    ("told", "fact", "code"),
    [
        ((of_old(rl.RoleAssigned, **ROLE), FEB), rl.RoleAssigned(member="ana", **ROLE), "role_held"),
        ((of_old(rl.LeaveStarted), FEB), rl.LeaveStarted(member="ana"), "on_leave"),
        (
            (of_old(rl.CommunityJoined, community="asia"), FEB),
            rl.CommunityJoined(member="ana", community="asia"),
            "already_in_community",
        ),
        (
            (of_old(rl.CourseCompleted, course="basics"), FEB),
            rl.CourseCompleted(member="ana", course="basics"),
            "already_completed",
        ),
        (
            (of_old(rl.AccountLinked, **ACCOUNT), FEB),
            rl.AccountLinked(member="ana", **ACCOUNT),
            "already_linked",
        ),
        (
            (of_old(rl.Vouched, voucher="cleo"), FEB),
            rl.Vouched(member="ana", voucher="cleo"),
            "already_vouched",
        ),
        (
            (rl.MentorAssigned(member="cleo", mentor="old"), FEB),
            rl.MentorAssigned(member="cleo", mentor="ana"),
            "already_mentor",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_one_record_has_the_person_has(told: Saying, fact: rl.Fact, code: str) -> None:
    """It is refused a second time under the other record, with the entry by which they have it."""
    given(ANA_AND_OLD, told, MERGED).when((fact, MAY)).then_refused(code, because=[4])


@pytest.mark.parametrize(
    ("told", "fact"),
    [
        (of_old(rl.RoleAssigned, **ROLE), rl.RoleEnded(member="ana", how="resigned", **ROLE)),
        (of_old(rl.LeaveStarted), rl.LeaveEnded(member="ana")),
        (of_old(rl.CommunityJoined, community="asia"), rl.CommunityLeft(member="ana", community="asia")),
        (of_old(rl.AccountLinked, **ACCOUNT), rl.AccountUnlinked(member="ana", **ACCOUNT)),
        (of_old(rl.AgreementAccepted, agreement="a"), rl.AgreementRevoked(member="ana", agreement="a")),
        (of_old(rl.Vouched, voucher="cleo"), rl.VouchWithdrawn(member="ana", voucher="cleo")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_one_record_has_is_ended_under_the_other(told: rl.Fact, fact: rl.Fact) -> None:
    """Once, and then no more."""
    story = given(ANA_AND_OLD, (told, FEB), MERGED).when((fact, MAY)).then_recorded()
    with pytest.raises(rl.Refused):
        story.ledger.record(fact, by="council", occurred_at=JUN)
    assert story.ledger.reconcile() == ()


def test_a_retired_record_is_no_retired_person() -> None:
    """They may retire, once, and then return."""
    gone = rl.MemberRetired(member="ana", how="resigned")
    story = given(ANA_AND_OLD, (of_old(rl.MemberRetired, how="removed"), FEB), MERGED)
    story.when((rl.MemberReturned(member="ana"), MAR)).then_refused("not_retired", because=())
    assert [one.kind for one in story.ledger.reconcile()] == ["retired_in_part"]
    story = story.when((gone, MAR)).then_recorded()
    story.when((gone, APR)).then_refused("already_retired", because=[6])
    story = story.when((rl.MemberReturned(member="ana"), APR)).then_recorded()
    assert story.ledger.reconcile() == ()


def test_leave_that_retirement_ended_may_begin_anew() -> None:
    """Who was on open leave, retired and came back goes on leave again."""
    leave = rl.LeaveStarted(member="ana")
    gone, back = rl.MemberRetired(member="ana", how="resigned"), rl.MemberReturned(member="ana")
    given(ANA_AND_OLD, (leave, FEB), (gone, MAR), (back, APR)).when((leave, MAY)).then_recorded()


def test_vouches_are_limited_by_people() -> None:
    """Two vouches by two records of one person leave room for another's, where two are allowed."""
    most = Charter(name="c", version="1", vouching=Vouching(most=2), roles=[
        RoleClause(role="rep", admission=vouches() >= 2)
    ])  # fmt: skip
    with rl.open(clock=lambda: datetime(2018, 12, 1, tzinfo=UTC)) as ledger:
        for member in ("ana", "ben", "old", "cleo"):
            ledger.record(rl.MemberJoined(member=member), by="x", occurred_at=date(2018, 1, 1))
        ledger.adopt(most, by="x", occurred_at=date(2018, 1, 2))
        for voucher in ("ana", "old"):
            ledger.record(rl.Vouched(member="cleo", voucher=voucher), by=voucher, occurred_at=FEB)
        rep = rl.RoleAssigned(member="cleo", role="rep")
        with pytest.raises(rl.Refused, match="2 standing vouches"):
            ledger.record(rl.Vouched(member="cleo", voucher="ben"), by="ben", occurred_at=MAR)
        ledger.record(rl.MembersMerged(member="ana", duplicate="old"), by="x")
        with pytest.raises(rl.Refused) as refused:
            ledger.record(rep, by="x", occurred_at=MAR)
        assert refused.value.codes == ("not_admitted",)
        ledger.record(rl.Vouched(member="cleo", voucher="ben"), by="ben", occurred_at=MAR)
        ledger.record(rep, by="x", occurred_at=APR)
        assert ledger.reconcile() == ()
        ledger.record(rl.MembersUnmerged(member="ana", duplicate="old"), by="x")
        assert [(one.kind, one.member) for one in ledger.reconcile()] == [("not_admitted", "cleo")]


def test_two_reviews_of_one_person_are_one_matter() -> None:
    """On the docket once; deciding either closes both, and there is nothing left to decide."""
    policy = Policy("act", cases=[when(reports() >= 1).then("active")], otherwise="inactive")
    with rl.open(clock=lambda: datetime(2018, 12, 1, tzinfo=UTC)) as ledger:
        for member in ("ana", "old"):
            ledger.record(rl.MemberJoined(member=member), by="x", occurred_at=date(2018, 1, 1))
        ledger.open_reviews(policy, by="x", at=MAR, occurred_at=MAR)
        first, second = ledger.as_of(APR).docket()
        ledger.record(rl.MembersMerged(member="ana", duplicate="old"), by="x")
        (one,) = ledger.as_of(APR).docket()
        assert (one.member, {one.review, *one.opened.also}) == ("ana", {first.review, second.review})
        ledger.decide(one, outcome="inactive", reason="agreed", by="x", occurred_at=MAY)
        assert not ledger.as_of(JUN).docket()
        (other,) = one.opened.also
        with pytest.raises(rl.Refused) as refused:
            ledger.decide(other, outcome="inactive", reason="again", by="x", occurred_at=JUN)
        assert refused.value.codes == ("already_decided",)
        assert ledger.reconcile() == ()
        ledger.record(rl.MembersUnmerged(member="ana", duplicate="old"), by="x")
        assert len(ledger.as_of(JUN).docket()) == 1, "that of the other record is open again"
