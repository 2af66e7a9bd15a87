"""What a charter says of vouches: who may, how many, and what level they make."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import reps_ledger as rl
from charters.programmes import AFTER, BEFORE, codes, programme
from reps_ledger.policies import holds, vouches
from reps_ledger.policies.charter import Level, Vouching

MENTOR: Final = (rl.RoleAssigned(member="ben", role="mentor"), BEFORE)


def vouch(member: str, voucher: str) -> rl.Vouched:
    """Make a vouch."""
    return rl.Vouched(member=member, voucher=voucher)


def clause(**options: Any) -> dict[str, Any]:
    """Make the clauses of a charter that says something of vouches."""
    return {"vouching": Vouching(**options)}


def test_only_whom_the_charter_lets_may_vouch() -> None:
    """The voucher is judged, and as they were when they vouched."""
    ledger = programme(MENTOR, **clause(may=holds("mentor")))
    assert codes(ledger, vouch("ana", "cleo")) == ("may_not_vouch",)
    assert codes(ledger, vouch("cleo", "ben")) == ()
    ledger.record(rl.RoleEnded(member="ben", role="mentor", how="resigned"), by="x", occurred_at=AFTER)
    assert codes(ledger, vouch("ana", "ben")) == ("may_not_vouch",)
    assert codes(ledger, vouch("ana", "cleo"), BEFORE) == ()


def test_three_vouches_let_vouch() -> None:
    """May vouch from so many standing vouches: the level of those who were vouched for."""
    ledger = programme((vouch("ana", "ben"), BEFORE), **clause(may=vouches() >= 2))
    assert codes(ledger, vouch("ben", "ana")) == ("may_not_vouch",)
    ledger.record(vouch("ana", "cleo"), by="x", occurred_at=date(2018, 5, 2))
    assert codes(ledger, vouch("ben", "ana")) == ()


def test_nobody_receives_more_than_the_most() -> None:
    """Standing vouches are counted: one that was withdrawn makes room."""
    ledger = programme((vouch("ana", "ben"), BEFORE), **clause(most=1))
    assert codes(ledger, vouch("ana", "cleo")) == ("vouched_enough",)
    withdrawn = rl.VouchWithdrawn(member="ana", voucher="ben")
    ledger.record(withdrawn, by="ben", occurred_at=AFTER)
    assert codes(ledger, vouch("ana", "cleo")) == ()


def test_vouches_that_they_gave_are_not_received() -> None:
    """Who vouched for others has room for vouches of their own."""
    ledger = programme((vouch("ben", "ana"), BEFORE), **clause(most=1))
    assert codes(ledger, vouch("ana", "cleo")) == ()


def test_levels_have_names() -> None:
    """The level of a member is named by the charter in force, and by none before it."""
    levels = [Level("vouched", 1), Level("trusted", 2)]
    ledger = programme((vouch("ana", "ben"), BEFORE), **clause(levels=levels))
    view = ledger.as_of(AFTER)
    assert view.member("ana").vouch_level == "vouched"
    assert view.member("ben").vouch_level is None
    assert ledger.as_of(BEFORE).member("ana").vouch_level is None


def test_a_waived_vouch_is_on_record() -> None:
    """What the charter says of vouches may be waived for one vouch, and for no other that day."""
    ledger = programme(**clause(may=holds("mentor"), most=1))
    receipt = ledger.record(vouch("ana", "cleo"), by="council", occurred_at=AFTER, waiver="no mentor is left")
    exemption: Any = receipt.entries[0].fact
    assert (exemption.member, exemption.policy) == ("ana", "vouch by cleo")
    assert codes(ledger, vouch("ana", "ben")) == ("may_not_vouch", "vouched_enough")
