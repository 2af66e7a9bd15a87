"""Auditing decisions: what they went by, as it stood then, and whether they would differ now."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest
from typer.testing import CliRunner

import reps_ledger as rl
from reps_ledger.cli.app import app
from reps_ledger.errors import NotFound
from reps_ledger.policies import Policy, reports, weeks, when
from scenarios import fixed_clock

if TYPE_CHECKING:
    from pathlib import Path

POLICY: Final = Policy(
    "activity",
    cases=[when(reports(within=weeks(8)) >= 2).then("active")],
    otherwise="inactive",
    scale=["active", "inactive"],
)
REVIEW: Final = "activity/2018-07-01/ana"
AT: Final = date(2018, 7, 1)


def report(ledger: rl.Ledger, day: date, activity: str = "talk") -> rl.Receipt:
    """Have ana report something."""
    filed = rl.ReportFiled(member="ana", activity=activity)
    return ledger.record(filed, by="ana", occurred_at=day)


def programme(target: Any = None) -> tuple[rl.Ledger, rl.Receipt]:
    """A ledger in which ana reported once, and was decided to be inactive."""
    ledger = rl.open(target, clock=fixed_clock)
    for member in ("ana", "ben"):
        joined = rl.MemberJoined(member=member)
        ledger.record(joined, by="council", occurred_at=date(2018, 1, 1))
    filed = report(ledger, date(2018, 6, 1))
    opened = ledger.open_reviews(POLICY, by="council", at=AT, occurred_at=AT)
    item = next(item for item in opened if item.member == "ana")
    ledger.decide(
        item, "inactive", "one is not enough", by="portal", on_behalf_of="council",
        occurred_at=date(2018, 7, 9),
    )  # fmt: skip
    return ledger, filed


def test_a_decision_and_what_it_went_by() -> None:
    """Who decided for whom, why, at which basis, and each entry of its evidence as it stood."""
    ledger, filed = programme()
    found = ledger.audit_decision(REVIEW)
    assert (found.member, found.decided, found.reason) == ("ana", "inactive", "one is not enough")
    assert found.by == "portal on behalf of council"
    assert found.decision.fact.review == REVIEW
    assert found.basis == found.decision.fact.basis
    assert [each.link.entry.id for each in found.evidence] == [filed.id]
    assert found.replayed is not None
    assert (found.replayed.reproduced, found.replayed.followed) == (True, True)
    assert (found.learned, found.would_differ) == ((), False)
    words = found.words()
    assert "recorded by portal on behalf of council" in words
    assert "recommended inactive, and does so again" in words
    assert "Nothing was learned since of that time." in words
    assert "it would be the same: inactive" in words


def test_what_was_recorded_late_would_have_made_a_difference() -> None:
    """A report of that time that was recorded later is told, and what it would have changed."""
    ledger, _ = programme()
    late = report(ledger, date(2018, 6, 20), "workshop")
    after = report(ledger, date(2018, 8, 20))
    found = ledger.audit_decision(REVIEW)
    assert [link.entry.id for link in found.learned] == [late.id]
    assert after.id not in {link.entry.id for link in found.learned}
    assert found.now is not None
    assert (found.now.outcome, found.would_differ) == ("active", True)
    assert found.replayed is not None
    assert found.replayed.reproduced
    assert "it would be otherwise: active" in str(found)


def test_evidence_is_shown_as_it_stood() -> None:
    """Evidence that was corrected since is shown as it was then, with what became of it."""
    ledger, filed = programme()
    other = rl.ReportFiled(member="ana", activity="workshop")
    fixed = ledger.record(rl.EntryCorrected(target=filed.id, replacement=other, reason="a typo"), by="ben")
    ledger.record(rl.EntryRetracted(target=fixed.id, reason="it was a talk"), by="ben")
    found = ledger.audit_decision(REVIEW)
    (evidence,) = found.evidence
    assert evidence.link.words == "reported talk"
    assert evidence.link.amended == ()
    assert [each.fact.reason for each in evidence.since] == ["a typo", "it was a talk"]
    assert [link.entry.id for link in found.learned] == [filed.id]
    assert "corrected after the decision, by ben" in found.words()
    assert found.would_differ is False


def test_evidence_that_had_been_corrected_before() -> None:
    """Evidence that a correction stood in the place of leads to the entry that it corrected."""
    ledger = rl.open(clock=fixed_clock)
    ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
    filed = report(ledger, date(2018, 6, 1))
    other = rl.ReportFiled(member="ana", activity="workshop")
    ledger.record(rl.EntryCorrected(target=filed.id, replacement=other, reason="a typo"), by="ana")
    ledger.open_reviews(POLICY, by="council", at=AT, occurred_at=AT)
    ledger.decide(REVIEW, "inactive", "r", by="council", occurred_at=AT)
    (evidence,) = ledger.audit_decision(REVIEW).evidence
    assert evidence.link.entry.id == filed.id
    assert evidence.link.words == "reported workshop"
    assert (len(evidence.link.amended), evidence.since) == (1, ())


def test_a_decision_without_a_basis() -> None:
    """What does not say what it went by is told as it is, and nothing is made up."""
    with rl.open(clock=fixed_clock) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
        opened = rl.ReviewOpened(member="ana", review="r1", policy="unknown")
        ledger.record(opened, by="council", occurred_at=AT)
        decided = rl.ReviewDecided(member="ana", review="r1", outcome="active", reason="we know her")
        ledger.record(decided, by="council", occurred_at=AT)
        found = ledger.audit_decision("r1")
        assert (found.basis, found.replayed, found.now) == (None, None, None)
        assert (found.evidence, found.learned, found.would_differ) == ((), (), None)
        assert "is not recorded" in found.words()
        with pytest.raises(NotFound):
            ledger.audit_decision("r2")


def test_a_corrected_decision_is_audited_as_it_reads() -> None:
    """A decision that was corrected is told as it stands, by who corrected it."""
    ledger, _ = programme()
    first = ledger.audit_decision(REVIEW)
    fact = first.decision.fact
    better = rl.ReviewDecided(
        member="ana", review=REVIEW, outcome="active", reason="on second thoughts",
        basis=fact.basis, policy_version=fact.policy_version, digest=fact.digest,
        recommended=fact.recommended, evidence=fact.evidence, as_of=fact.as_of, zone=fact.zone,
    )  # fmt: skip
    ledger.record(rl.EntryCorrected(target=first.decision.id, replacement=better, reason="r"), by="council")
    found = ledger.audit_decision(REVIEW)
    assert (found.decided, found.by) == ("active", "council")
    assert found.replayed is not None
    assert (found.replayed.reproduced, found.replayed.followed) == (True, False)


def run(*arguments: str) -> str:
    """Run a command that succeeds; return what it printed."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def test_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Audit and explain say the same in words, and as JSON."""
    monkeypatch.chdir(tmp_path)
    ledger, filed = programme("reps.db")
    role = rl.RoleAssigned(member="ana", role="mentor")
    ledger.record(role, by="council", occurred_at=date(2018, 2, 1))
    late = report(ledger, date(2018, 6, 20), "workshop")
    words = ledger.audit_decision(REVIEW).words()
    explained = ledger.as_of(AT).explain("ana", role="mentor").words()
    ledger.close()
    assert run("audit", REVIEW, "-l", "reps.db") == words + "\n"
    found = json.loads(run("audit", REVIEW, "-l", "reps.db", "--json"))
    assert [each["recorded"]["id"] for each in found["evidence"]] == [filed.id]
    learned = [each["recorded"]["fact"] for each in found["learned"]]
    assert learned == ["role.assigned", "report.filed"]
    assert found["learned"][1]["recorded"]["id"] == late.id
    assert (found["would_differ"], found["now"]["outcome"]) == (True, "active")
    assert (found["reproduced"], found["recommended"]) == (True, "inactive")
    asked = ("explain", "ana", "-l", "reps.db", "--at", "2018-07-01")
    assert run(*asked, "--role", "mentor") == explained + "\n"
    told = json.loads(run(*asked, "--role", "mentor", "--json"))
    assert (told["about"], told["holds"], len(told["chain"])) == ("role", True, 1)
    assert told["chain"][0]["recorded"]["by"] == "council"
    for option in ("--standing", "--vouches", "--membership"):
        told = json.loads(run(*asked, option, "--json"))
        assert told["about"] == option.removeprefix("--")
    both = CliRunner().invoke(app, [*asked, "--standing", "--vouches"])
    assert (both.exit_code, "one thing at a time" in both.output) == (2, True)
