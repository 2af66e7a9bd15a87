"""A charter that cannot be read here: what does not need it works, what does says why."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import evolve

import reps_ledger as rl
from charters.programmes import AFTER, codes, programme
from reps_ledger.domain.rules import Rulebook
from reps_ledger.log.append import KeptJudge
from reps_ledger.policies import Policy, reports, weeks, when
from reps_ledger.policies.charter import Charter, Standing, dump_charter

if TYPE_CHECKING:
    from collections.abc import Callable

POLICY: Final = Policy("p", cases=[when(reports(within=weeks(4)) >= 1).then("active")], otherwise="quiet")
SINCE: Final = datetime(2018, 9, 1, tzinfo=UTC)
THEN: Final = date(2018, 10, 1)


@pytest.fixture
def ledger() -> rl.Ledger:
    """A programme, in which later software adopted what this one cannot read."""
    ledger = programme(policies=[POLICY], standing=Standing(policy="p"))
    adopt_unreadable(ledger)
    return ledger


def adopt_unreadable(ledger: rl.Ledger) -> None:
    """Adopt, as later software may, what this one cannot read; and state such a policy."""
    recording = ledger._core.recording
    book = Rulebook(recording.log.codec.registry, ())
    other = evolve(recording, rules=book, kept=KeptJudge())
    later = rl.Ledger(other, ledger.zone, lambda: None)
    document = 'format = 9\ncharter = "reps"\nversion = "9"'
    fact = rl.CharterAdopted(document=document, version="9", effective_from=SINCE)
    later.record(fact, by="council", occurred_at=date(2018, 8, 1))
    later.record(rl.PolicyStated(policy="q", version="1", document="nonsense =", digest="0"), by="council")


def unreadable(ledger: rl.Ledger) -> rl.Entry:
    """Return the entry that adopted what cannot be read here."""
    return [entry for entry in ledger.entries() if entry.name == "charter.adopted"][-1]


ASKED: Final[dict[str, Callable[[rl.View], Any]]] = {
    "charter": lambda view: view.charter,
    "membership": lambda view: view.member("ana").membership,
    "vouch level": lambda view: view.member("ana").vouch_level,
    "roster": lambda view: view.roster(),
    "census": lambda view: view.census(by="standing"),
    "definition": lambda view: view.census(definition="charter"),
    "is_member": lambda view: view.is_member("ana"),
    "policy": lambda view: view.evaluate("p", "ana"),
}


@pytest.mark.parametrize("asked", ASKED)
def test_what_needs_it_says_why_it_cannot_be_told(ledger: rl.Ledger, asked: str) -> None:
    """Where it is in force, a typed error names the adoption; before, all is as it was."""
    ASKED[asked](ledger.as_of(AFTER))
    told = "adopted on 2018-08-01, version 9, cannot be read here"
    with pytest.raises(rl.Malformed, match=told) as raised:
        ASKED[asked](ledger.as_of(THEN))
    adoption = unreadable(ledger)
    assert (raised.value.entry_id, raised.value.position) == (adoption.id, adoption.position)


def test_what_does_not_need_it_works(ledger: rl.Ledger) -> None:
    """Roles, timelines, dockets and policies that are given are told as ever."""
    view = ledger.as_of(THEN)
    assert view.member("ana").timeline
    assert view.member("ana").roles.now == ()
    assert view.evaluate(POLICY, "ana").outcome == "quiet"
    assert len(view.docket()) == 0
    docket = ledger.open_reviews(POLICY, by="council", at=AFTER, occurred_at=AFTER)
    assert len(docket) == len(("ana", "ben", "cleo"))


def test_another_charter_takes_its_place(ledger: rl.Ledger) -> None:
    """Nothing else is recorded under it; one that can be read may be adopted."""
    report = rl.ReportFiled(member="ana", activity="a")
    assert codes(ledger, report, THEN) == ("charter_unreadable",)
    charter = Charter(name="reps", version="10")
    fact = rl.CharterAdopted(document=dump_charter(charter), version="10")
    assert codes(ledger, fact, THEN) == ()
    assert codes(ledger, report, THEN) == ()
    assert ledger.as_of(THEN).member("ana").membership.standing == "active"


def test_what_cannot_be_read_is_named_where_it_refuses() -> None:
    """The version that is in force, and the entry that adopted it."""
    ledger = programme()
    adopt_unreadable(ledger)
    with pytest.raises(rl.Refused, match="version 9, cannot be read") as raised:
        ledger.record(rl.ReportFiled(member="ana", activity="a"), by="ana", occurred_at=THEN)
    (refusal,) = raised.value.refusals
    assert refusal.entries == (unreadable(ledger).id,)


def test_what_it_does_not_govern_is_amended() -> None:
    """Whoever amends what happened under it is asked by the charter of the day they say."""
    ledger = programme()
    report = rl.ReportFiled(member="ana", activity="a")
    told = ledger.record(report, by="ana", occurred_at=THEN)
    adopt_unreadable(ledger)
    assert codes(ledger, rl.EntryRetracted(target=told.id, reason="r"), AFTER) == ()
