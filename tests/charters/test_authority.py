"""Who may record what: default deny, once a kind of fact is named."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pytest

import reps_ledger as rl
from charters.programmes import AFTER, BEFORE, codes, programme
from reps_ledger.policies import holds
from reps_ledger.policies.charter import Authority

SCOUT: Final = rl.RoleAssigned(member="ana", role="scout")


def only(fact: str = "role.assigned", **options: Any) -> dict[str, Any]:
    """Make the clauses of a charter that says who may record a kind of fact."""
    return {"authorities": [Authority(fact=fact, **options)]}


def test_nobody_else_may_once_a_kind_is_named() -> None:
    """Only the actors named may record it; other kinds stay open to all."""
    ledger = programme(**only(actors=["council"]))
    assert codes(ledger, SCOUT, by="ana") == ("no_authority",)
    assert codes(ledger, rl.ReportFiled(member="ana", activity="a"), by="ana") == ()
    assert codes(ledger, SCOUT, by="council") == ()


def test_on_behalf_of_needs_an_agent() -> None:
    """To say that one acts for the council is not enough: the charter must name the agent."""
    ledger = programme(**only(actors=["council"], agents=["portal"]))
    assert codes(ledger, SCOUT, by="ana", on_behalf_of="council") == ("no_authority",)
    assert codes(ledger, SCOUT, by="portal") == ("no_authority",)
    assert codes(ledger, SCOUT, by="portal", on_behalf_of="ana") == ("no_authority",)
    assert codes(ledger, SCOUT, by="portal", on_behalf_of="council") == ()


def test_members_may_of_whom_a_condition_holds() -> None:
    """The condition is asked of the actor, when the fact happened."""
    mentor = (rl.RoleAssigned(member="ben", role="mentor"), BEFORE)
    ledger = programme(mentor, **only("course.completed", when=holds("mentor")))
    course = rl.CourseCompleted(member="ana", course="onboarding")
    assert codes(ledger, course, by="cleo") == ("no_authority",)
    assert codes(ledger, course, by="nobody") == ("no_authority",)
    ended = rl.RoleEnded(member="ben", role="mentor", how="resigned")
    ledger.record(ended, by="council", occurred_at=date(2018, 8, 1))
    assert codes(ledger, course, date(2018, 8, 1), by="ben") == ("no_authority",)
    assert codes(ledger, course, date(2018, 7, 31), by="ben") == ()


def test_the_member_concerned_may() -> None:
    """Where the charter says so, members may record what is about themselves."""
    held = (SCOUT, BEFORE)
    ledger = programme(held, **only("role.ended", actors=["council"], themselves=True))
    ended = rl.RoleEnded(member="ana", role="scout", how="resigned")
    assert codes(ledger, ended, by="ben") == ("no_authority",)
    assert codes(ledger, ended, by="ana") == ()


def test_what_is_about_no_member_is_nobodys_own() -> None:
    """A fact that names no member has none whom it concerns: only the actors may record it."""
    held = rl.OpportunityHeld(opportunity="v1", kind="vote")
    ledger = programme(**only("opportunity.held", actors=["council"], themselves=True))
    assert codes(ledger, held, by="ana") == ("no_authority",)
    assert codes(ledger, held, by="council") == ()


@pytest.mark.parametrize("by", ["ana", "council"])
def test_corrections_need_the_authority_over_what_they_correct(by: str) -> None:
    """Who may not record a kind may neither retract it, nor correct it, nor into it."""
    ledger = programme((SCOUT, BEFORE), **only(actors=["council"]))
    role = ledger.record(rl.RoleAssigned(member="ben", role="scout"), by="council", occurred_at=AFTER)
    report = ledger.record(rl.ReportFiled(member="ben", activity="a"), by="ben", occurred_at=AFTER)
    refused = ("no_authority",) if by == "ana" else ()
    other = rl.ReportFiled(member="ben", activity="b")
    for fact in (
        rl.EntryCorrected(target=report.id, replacement=SCOUT2, reason="r"),
        rl.EntryCorrected(target=role.id, replacement=other, reason="r"),
    ):
        found = codes_of(ledger, fact, by)
        assert found == refused
    if by == "ana":
        assert codes_of(ledger, rl.EntryRetracted(target=role.id, reason="r"), by) == refused


def test_a_correction_needs_every_authority() -> None:
    """Who may record one kind, and not the other, corrects neither into the other."""
    ledger = programme(
        authorities=[
            Authority(fact="role.assigned", actors=["council", "both"]),
            Authority(fact="report.filed", actors=["portal", "both"]),
        ]
    )
    report = rl.ReportFiled(member="ana", activity="a")
    filed = ledger.record(report, by="portal", occurred_at=AFTER)
    given = ledger.record(SCOUT2, by="council", occurred_at=AFTER)
    for fact in (
        rl.EntryCorrected(target=filed.id, replacement=SCOUT, reason="r"),
        rl.EntryCorrected(target=given.id, replacement=report, reason="r"),
    ):
        for by in ("council", "portal"):
            assert codes_of(ledger, fact, by) == ("no_authority",)
        assert codes_of(ledger, fact, "both") == ()


SCOUT2: Final = rl.RoleAssigned(member="cleo", role="scout")


def codes_of(ledger: rl.Ledger, fact: rl.Fact, by: str) -> tuple[str, ...]:
    """Try to correct something, at its own time."""
    try:
        ledger.record(fact, by=by)
    except rl.Refused as refused:
        return refused.codes
    return ()


def test_a_charter_may_say_who_amends_it() -> None:
    """The charter in force says who adopts the next one."""
    from reps_ledger.policies.charter import Charter

    ledger = programme(**only("charter.adopted", actors=["council"]))
    second = Charter(name="reps", version="2")
    with pytest.raises(rl.Refused) as raised:
        ledger.adopt(second, by="ana", occurred_at=AFTER)
    assert raised.value.codes == ("no_authority",)
    ledger.adopt(second, by="council", occurred_at=AFTER)


def test_no_waiver_lifts_an_authority() -> None:
    """Who may not record something may not waive that either."""
    ledger = programme(**only(actors=["council"]))
    position = ledger.position
    with pytest.raises(rl.Refused) as raised:
        ledger.record(SCOUT, by="ana", occurred_at=AFTER, waiver="I want to")
    assert raised.value.codes == ("no_authority",)
    assert ledger.position == position


def test_who_may_not_grant_exemptions_cannot_waive() -> None:
    """A waiver is an exemption: who may grant one is for the charter to say."""
    from reps_ledger.policies.charter import RoleClause

    clauses = only("exemption.granted", actors=["council"])
    ledger = programme(**clauses, roles=[RoleClause(role="scout", closed=True)])
    position = ledger.position
    with pytest.raises(rl.Refused) as raised:
        ledger.record(SCOUT, by="ana", occurred_at=AFTER, waiver="please")
    assert "no_authority" in raised.value.codes
    assert ledger.position == position
    ledger.record(SCOUT, by="council", occurred_at=AFTER, waiver="the last one")
