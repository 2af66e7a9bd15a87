"""Corrections under a charter: asked again is what says more than it corrects, and only that."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

import pytest
from attrs import evolve

import reps_ledger as rl
from charters.programmes import ADOPTED, AFTER, codes, story
from reps_ledger.policies import holds
from reps_ledger.policies.charter import Charter, RoleClause, Vouching

STRICT: Final = Charter(
    name="reps",
    version="1",
    roles=(RoleClause(role="mentor", closed=True), RoleClause(role="scout", ends=("resigned",))),
    vouching=Vouching(may=holds("lead")),
)
SCOUT: Final = rl.RoleAssigned(member="ana", role="scout")
MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor", reason="tlaks")
ENDED: Final = rl.RoleEnded(member="ana", role="scout", how="removed", reason="tlaks")
VOUCHED: Final = rl.Vouched(member="ana", voucher="ben", reason="tlaks")
DECEMBER: Final = datetime(2018, 12, 1, tzinfo=UTC)


def told(fact: rl.Fact) -> tuple[rl.Ledger, rl.Entry]:
    """Tell a fact of July, and then of a charter of June that would have refused it."""
    ledger = story((SCOUT, date(2018, 1, 2)), (fact, AFTER))
    ledger.adopt(STRICT, by="council", occurred_at=ADOPTED)
    return ledger, next(entry for entry in ledger.entries() if entry.fact == fact)


def corrected(target: str, replacement: rl.Fact) -> rl.EntryCorrected:
    """Make a correction."""
    return rl.EntryCorrected(target=target, replacement=replacement, reason="misspelt")


def refused(ledger: rl.Ledger, fact: rl.Fact, at: date | None = None) -> tuple[str, ...]:
    """Try to record a correction, by default at the time of what it corrects."""
    return codes(ledger, fact, at)  # type: ignore[arg-type]  # pairs of a fact and a day


CHANGES: Final[list[tuple[rl.Fact, dict[str, Any], str]]] = [
    (MENTOR, {"member": "ben"}, "role_closed"),
    (MENTOR, {"community": "java"}, "role_closed"),
    (MENTOR, {"until": DECEMBER}, "role_closed"),
    (evolve(MENTOR, role="lead"), {"role": "mentor"}, "role_closed"),
    (evolve(MENTOR, until=DECEMBER), {"until": None}, "role_closed"),
    (ENDED, {"how": "inactive"}, "ending_not_allowed"),
    (VOUCHED, {"voucher": "cleo"}, "may_not_vouch"),
]


@pytest.mark.parametrize(("fact", "change", "code"), CHANGES)
def test_a_correction_that_says_more_is_asked_again(fact: Any, change: dict[str, Any], code: str) -> None:
    """Of whom, what, where, until when, how, or by whom: any of these is news."""
    ledger, entry = told(fact)
    assert refused(ledger, corrected(entry.id, evolve(fact, **change))) == (code,)


@pytest.mark.parametrize("fact", [MENTOR, ENDED, VOUCHED])
def test_another_reason_is_no_news(fact: Any) -> None:
    """What was recorded before the charter came may be put in better words, again and again."""
    ledger, entry = told(fact)
    for reason in ("talks", "talks a lot"):
        better = corrected(entry.id, evolve(fact, reason=reason))
        entry = ledger.record(better, by="council").entry
    assert ledger.as_of(AFTER).member("ana").timeline
    moved = corrected(entry.id, evolve(fact, reason="talks"))
    assert refused(ledger, moved, date(2018, 7, 2)) != ()


def test_another_kind_of_fact_is_news() -> None:
    """A report that turns out to have been a role is asked what the role is asked."""
    report = rl.ReportFiled(member="ana", activity="talk")
    ledger, entry = told(report)
    assert refused(ledger, corrected(entry.id, MENTOR)) == ("role_closed",)
    assert refused(ledger, corrected(entry.id, evolve(report, activity="talks"))) == ()


def test_an_application_that_becomes_a_role_is_news() -> None:
    """Though both name the same member and the same role."""
    ledger, entry = told(rl.ApplicationFiled(member="ana", role="mentor"))
    assert refused(ledger, corrected(entry.id, evolve(MENTOR, reason=""))) == ("role_closed",)


def test_a_retraction_is_asked_for_nothing_but_authority() -> None:
    """What a charter would not let be may be taken back at any time."""
    for fact in (MENTOR, VOUCHED):
        ledger, entry = told(fact)
        assert refused(ledger, rl.EntryRetracted(target=entry.id, reason="never")) == ()
