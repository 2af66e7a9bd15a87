"""Waivers: one clause, one fact, one reason, on record."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

import reps_ledger as rl
from charters.programmes import AFTER, codes, programme
from reps_ledger.policies import vouches
from reps_ledger.policies.charter import RoleClause, Vouching

MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor")


def ledger_of(**clause: Any) -> rl.Ledger:
    """A programme that says something of mentors."""
    return programme(roles=[RoleClause(role="mentor", **clause)])


def test_a_waiver_is_recorded_in_the_same_append() -> None:
    """The exemption comes first, names the clause and the reason, and lasts for that instant."""
    ledger = ledger_of(admission=vouches() >= 1)
    receipt = ledger.record(MENTOR, by="council", occurred_at=AFTER, waiver="founder")
    exemption, assigned = receipt.entries
    fact: Any = exemption.fact
    assert (exemption.name, assigned.fact) == ("exemption.granted", MENTOR)
    assert (fact.policy, fact.reason) == ("role mentor", "founder")
    assert fact.expires > exemption.occurred_at == assigned.occurred_at
    assert exemption.by == assigned.by == "council"


def test_a_waiver_lasts_no_longer() -> None:
    """The next time, the same is asked again."""
    ledger = ledger_of(admission=vouches() >= 1)
    ledger.record(MENTOR, by="council", occurred_at=AFTER, waiver="founder")
    ledger.record(rl.RoleEnded(member="ana", role="mentor", how="resigned"), by="ana", occurred_at=AFTER)
    assert codes(ledger, MENTOR, date(2018, 8, 1)) == ("not_admitted",)


def test_nothing_is_waived_without_need() -> None:
    """Where nothing refuses a fact, its waiver leaves no trace."""
    receipt = ledger_of().record(MENTOR, by="council", occurred_at=AFTER, waiver="just in case")
    assert [entry.name for entry in receipt.entries] == ["role.assigned"]


def test_a_waiver_lifts_no_rule_and_no_seat() -> None:
    """What the domain refuses, and a seat that is taken, no reason lifts; nothing is written."""
    ledger = ledger_of(admission=vouches() >= 1, seats=1)
    ledger.record(MENTOR, by="council", occurred_at=AFTER, waiver="founder")
    position = ledger.position
    for member, code in (("ben", "no_seat"), ("nobody", "not_joined"), ("ana", "role_held")):
        fact = rl.RoleAssigned(member=member, role="mentor")
        with pytest.raises(rl.Refused) as raised:
            ledger.record(fact, by="council", occurred_at=AFTER, waiver="please")
        assert code in raised.value.codes
    assert ledger.position == position


def test_a_waiver_needs_a_reason() -> None:
    """An empty reason is refused, and nothing is written."""
    ledger = ledger_of(closed=True)
    position = ledger.position
    with pytest.raises(rl.InvalidFact):
        ledger.record(MENTOR, by="council", occurred_at=AFTER, waiver=" ")
    assert ledger.position == position


def test_a_waiver_now() -> None:
    """Without a date both are recorded at one instant, now."""
    ledger = ledger_of(closed=True)
    receipt = ledger.record(MENTOR, by="council", waiver="the very last")
    assert len({entry.occurred_at for entry in receipt.entries}) == 1


def test_a_waived_command_is_idempotent() -> None:
    """Recorded again under the same command id, it returns the first receipt."""
    ledger = ledger_of(closed=True)
    first = ledger.record(MENTOR, by="council", occurred_at=AFTER, waiver="last", command_id="form-1")
    again = ledger.record(MENTOR, by="council", occurred_at=AFTER, waiver="last", command_id="form-1")
    assert again.repeated
    assert again.entries == first.entries


def test_a_correction_may_be_waived() -> None:
    """The exemption is of whom the correction names, and at the time of what it corrects."""
    ledger = programme(roles=[RoleClause(role="lead", closed=True)])
    wrong = rl.RoleAssigned(member="ana", role="scout")
    target = ledger.record(wrong, by="council", occurred_at=AFTER)
    lead = rl.RoleAssigned(member="ana", role="lead")
    fact = rl.EntryCorrected(target=target.id, reason="it was lead", replacement=lead)
    receipt = ledger.record(fact, by="council", waiver="she leads it already")
    assert [entry.name for entry in receipt.entries] == ["exemption.granted", "entry.corrected"]
    assert {entry.occurred_at for entry in receipt.entries} == {target.entry.occurred_at}
    assert "lead" in ledger.as_of(AFTER).member("ana").roles


def test_a_waiver_keeps_the_day() -> None:
    """A fact of a day is recorded with day precision, waived or not."""
    ledger = programme(roles=[RoleClause(role="lead", closed=True)])
    for role in ("scout", "lead"):
        fact = rl.RoleAssigned(member="ana", role=role)
        receipt = ledger.record(fact, by="council", occurred_at=AFTER, waiver="why not")
        assert receipt.entries[-1].day == AFTER


SCOUT: Final = rl.RoleAssigned(member="ana", role="scout")
RESIGNED: Final = rl.RoleEnded(member="ana", role="scout", how="resigned")
VOUCH: Final = rl.Vouched(member="ana", voucher="ben")


@pytest.mark.parametrize(
    ("fact", "clause", "code"),
    [
        (MENTOR, "role mentor", "not_admitted"),
        (RESIGNED, "role scout", "ending_not_allowed"),
        (VOUCH, "vouch by ben", "may_not_vouch"),
    ],
)
@pytest.mark.parametrize(
    ("member", "other", "month"),
    [("ana", "", 7), ("ana", "x", 7), ("ben", "", 7), ("ana", "", 9)],
    ids=["theirs", "another clause", "another member", "expired"],
)
def test_an_exemption_on_record_lifts_its_clause(  # noqa: PLR0917 — what, and which exemption
    fact: rl.Fact, clause: str, code: str, member: str, other: str, month: int
) -> None:
    """While it lasts, for whom it names and for the clause that it names, and for no other."""
    ledger = programme(
        (SCOUT, date(2018, 5, 1)),
        roles=[
            RoleClause(role="mentor", admission=vouches() >= 1),
            RoleClause(role="scout", ends=["removed"]),
        ],
        vouching=Vouching(may=vouches() >= 3),
    )
    exempt = rl.ExemptionGranted(
        member=member, policy=clause + other, reason="r", expires=datetime(2018, 9, 1, tzinfo=UTC)
    )
    ledger.record(exempt, by="council", occurred_at=date(2018, 6, 2))
    lifted = (member, other, month) == ("ana", "", 7)
    assert codes(ledger, fact, date(2018, month, 1)) == (() if lifted else (code,))
