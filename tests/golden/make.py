"""Make the golden ledger of this version: ``python tests/golden/make.py``, once for each release.

It writes a folder named for the version, with a ledger file that holds every kind of fact, and
what this version answers about it. Later versions open a copy and must answer the same, for
ever; a folder that is there is never written again.
"""

from __future__ import annotations

import itertools
import shutil
import sys
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from eventsourcing.dcb.api import DCBEvent

import reps_ledger as rl
from reps_ledger.audit import SigningKey
from reps_ledger.log.sqlite.file import OBJECTS, SOUND
from reps_ledger.policies import Policy, digest, dumps, on_leave, reports, vouches, weeks, when
from reps_ledger.policies.charter import Authority, Charter, Level, RoleClause, Standing, Vouching

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reps_ledger.ledger import DecisionAudit
    from reps_ledger.policies import Verdict

__all__ = ["FOLDER", "KEY", "VERSION", "answers", "fill", "opened", "sealed", "sealed_answers"]

FOLDER: Final = Path(__file__).parent
VERSION: Final = "0.2.0.dev4"

KEY: Final = SigningKey("example.org/golden", bytes(range(32)))
"""Signs nothing but the golden checkpoints: everybody knows it."""

POLICY: Final = Policy(
    "activity",
    version="1",
    cases=[when(on_leave()).then("active", "on leave"), when(reports(within=weeks(8)) >= 1).then("active")],
    otherwise="inactive",
    scale=["active", "inactive"],
)
CHARTER: Final = Charter(
    name="reps",
    version="1",
    roles=(RoleClause(role="mentor", admission=vouches() >= 1, seats=2),),
    authorities=(Authority(fact="review.decided", actors=("council",), agents=("portal",)),),
    vouching=Vouching(levels=(Level("trusted", 1),)),
    policies=(POLICY,),
    standing=Standing(policy="activity"),
)
DATES: Final = (date(2017, 1, 1), date(2018, 3, 1), date(2018, 10, 1), date(2030, 1, 1))
MEMBERS: Final = ("ana", "ben", "cleo", "cleo2", "dev", "eve", "nobody")


def opened(path: Path) -> rl.Ledger:
    """Open a ledger whose clock goes on by a minute each time it is asked."""
    ticks = itertools.count()
    start = datetime(2019, 1, 1, tzinfo=UTC)
    return rl.open(path, clock=lambda: start + timedelta(minutes=next(ticks)))


def fill(ledger: rl.Ledger) -> None:
    """Record facts of every kind, corrections and merges, by commands that name their ids."""
    numbers = itertools.count(1)
    ids: dict[str, str] = {}

    def record(fact: rl.Fact, day: date, by: str = "council", **options: Any) -> str:
        number = next(numbers)
        command = f"golden-{number}"
        receipt = ledger.record(fact, by=by, occurred_at=day, command_id=command, **options)
        return receipt.id

    record(rl.LedgerDeclared(ledger="golden", zone="UTC"), date(2016, 1, 1))
    for fact, day, name in _plain():
        ids[name] = record(fact, day)
    record(rl.ReportVerified(member="ana", report=ids["report"], verifier="ben"), date(2018, 2, 4), "ben")
    ledger.adopt(CHARTER, by="council", occurred_at=date(2018, 3, 1), command_id="golden-charter")
    record(
        rl.RoleAssigned(member="ana", role="mentor", community="asia", reason="elected"),
        date(2018, 3, 2), "portal", on_behalf_of="council", source="form 7",
    )  # fmt: skip
    record(rl.RoleAssigned(member="dev", role="mentor"), date(2018, 3, 3), waiver="founder")
    wrong = record(rl.ReportFiled(member="dev", activity="tlak"), date(2018, 5, 1), "dev")
    right = rl.ReportFiled(member="dev", activity='talk \N{SNOWMAN} "quoted"', amount=2.5)
    fixed = record(rl.EntryCorrected(target=wrong, replacement=right, reason="a typo"), date(2018, 5, 2))
    gone = record(rl.ReportFiled(member="eve", activity="talk"), date(2018, 5, 3), "eve")
    record(rl.EntryRetracted(target=gone, reason="it was cancelled"), date(2018, 5, 3))
    record(
        rl.PolicyStated(
            policy=POLICY.name, version=POLICY.version, document=dumps(POLICY, "json"),
            digest=digest(POLICY),
        ),
        date(2018, 7, 1),
    )  # fmt: skip
    record(
        rl.ReviewOpened(
            member="eve", review="r1", policy="activity", due=date(2018, 8, 1),
            digest=digest(POLICY), as_of=date(2018, 7, 1),
        ),
        date(2018, 7, 1),
    )  # fmt: skip
    verdict = ledger.as_of(date(2018, 7, 1)).evaluate(POLICY, "eve")
    decided = rl.ReviewDecided(
        member="eve", review="r1", outcome="inactive", reason="no answer",
        basis=verdict.known_at, policy_version="1", digest=digest(POLICY),
        recommended=verdict.outcome, evidence=verdict.evidence, as_of=verdict.at, zone="UTC",
    )  # fmt: skip
    record(decided, date(2018, 8, 2), "portal", on_behalf_of="council")
    record(rl.ReviewOpened(member="dev", review="r2", policy="activity"), date(2018, 9, 1))
    filed = {"fact": "report.filed", "by": "council", "activity": "talk", "occurred_at": "2018-09-02"}
    rows = [
        {**filed, "member": "ana", "id": "0190a5a4-0000-7000-8000-000000000001", "row_key": "sheet:1"},
        {**filed, "member": "ben", "id": "0190a5a4-0000-7000-8000-000000000002", "source": "sheet"},
    ]
    assert ledger.import_history(rows).recorded == len(rows)
    late = rl.ReportFiled(member="eve", activity="workshop", areas=("docs", "web"))
    record(late, date(2018, 6, 20), "eve")
    record(rl.EntryRetracted(target=fixed, reason="it was right at first"), date(2018, 5, 4))
    record(rl.MemberErased(member="nobody", reason="request"), date(2018, 9, 9))
    record(rl.AccessGiven(form="portable", person="ana"), date(2018, 9, 9))
    record(rl.TextRedacted(entries=(ids["report"],)), date(2018, 9, 9))
    noise = _planted(ledger, DCBEvent("report.filed", b"\0\xff", ["member:ana"]))
    ledger.void(noise, by="council", reason="noise", occurred_at=date(2018, 9, 10), command_id="golden-void")
    for fact in (
        rl.MemberProfiled(member="cleo", field="name", value='Name \N{SNOWMAN} "One"'),
        rl.MemberProfiled(member="cleo", field="pronouns", value="they"),
        rl.MemberProfiled(member="cleo", field="pronouns"),
        rl.CommunityDescribed(community="asia", field="languages", value="id, th"),
        rl.OrganisationDescribed(organisation="Acme", field="link", value="https://example.org/acme"),
    ):
        record(fact, date(2018, 9, 11))


def _planted(ledger: rl.Ledger, noise: DCBEvent) -> int:
    """Append what cannot be read behind the guards, as another program did before there were any."""
    recorder: Any = ledger._core.log.recorder
    for statement in (f"DROP TRIGGER {SOUND}", OBJECTS[SOUND]):
        with recorder._connections.writing() as connection:
            connection.execute(statement)
        if statement != OBJECTS[SOUND]:
            position: int = recorder.append([noise])
    return position


def _plain() -> Iterator[tuple[rl.Fact, date, str]]:
    """Yield facts that stand by themselves, with names for those that others refer to."""
    for member in ("ana", "ben", "cleo", "cleo2", "dev", "eve"):
        kind = "staff" if member == "eve" else "volunteer"
        yield rl.MemberJoined(member=member, kind=kind), date(2016, 1, 1), member
    yield rl.MemberJoined(member="nobody", account="x@site", inferred=True), date(2016, 1, 2), ""
    for fact in (
        rl.CommunityFounded(community="asia"),
        rl.CommunityFounded(community="indonesia", parent="asia"),
        rl.CommunityJoined(member="ana", community="indonesia"),
        rl.CommunityJoined(member="ben", community="asia"),
        rl.CommunityLeft(member="ben", community="asia"),
        rl.AccountLinked(member="ana", provider="git", account="ana\u00e9"),
        rl.AccountUnlinked(member="ana", provider="git", account="ana\u00e9"),
        rl.AffiliationStarted(member="ben", organisation="Acme"),
        rl.AffiliationEnded(member="ben", organisation="Acme"),
        rl.AffiliationStarted(member="ana", organisation="Acme"),
        rl.MembersMerged(member="cleo", duplicate="cleo2", reason="one person"),
        rl.Vouched(member="ana", voucher="ben", reason="ran three events with her"),
        rl.Vouched(member="ben", voucher="ana", reason="we met"),
        rl.VouchWithdrawn(member="ben", voucher="ana", reason="a mistake"),
        rl.RoleAssigned(member="ben", role="coach", until=date(2017, 1, 1)),
        rl.RoleEnded(member="ben", role="coach", how="resigned"),
        rl.RoleAsserted(member="ana", role="coach"),
        rl.MentorAssigned(member="ana", mentor="ben"),
        rl.MentorReleased(member="ana", mentor="ben"),
        rl.OpportunityHeld(opportunity="vote-1", kind="vote"),
        rl.OpportunityTaken(member="ana", opportunity="vote-1"),
        rl.CourseCompleted(member="ana", course="basics", version="2"),
        rl.AgreementAccepted(member="ana", agreement="conduct", version="1"),
        rl.AgreementRevoked(member="ana", agreement="conduct", version="1"),
        rl.LeaveStarted(member="cleo", expected_return=date(2017, 6, 1)),
        rl.LeaveEnded(member="cleo"),
        rl.NoticeSent(member="cleo", notice="n1", stage="nudge", policy="activity"),
        rl.NoticeAnswered(member="cleo", notice="n1", answer="soon"),
        rl.NoticeSent(member="dev", notice="n2", stage="nudge", policy="activity"),
        rl.ApplicationFiled(member="ana", role="mentor", references=("ben",)),
        rl.ApplicationDecided(member="ana", role="mentor", outcome="accepted", reason="elected"),
        rl.ExemptionGranted(member="dev", policy="activity", reason="founder"),
        rl.MemberRetired(member="ben", how="emeritus", reason="thanks"),
        rl.MemberReturned(member="ben"),
    ):
        yield fact, date(2016, 2, 1), ""
    report = rl.ReportFiled(
        member="ana", activity="workshop", community="indonesia", areas=("docs",), amount=3.0,
        link="https://example.org/1",
    )  # fmt: skip
    yield report, date(2018, 2, 3), "report"
    yield rl.MembersMerged(member="dev", duplicate="eve"), date(2018, 2, 5), ""
    yield rl.MembersUnmerged(member="dev", duplicate="eve"), date(2018, 2, 6), ""


def answers(ledger: rl.Ledger) -> Any:
    """Return what is answered about the ledger, as plain values."""
    checkpoint = ledger.checkpoint(KEY)
    found: dict[str, Any] = {
        "entries": [
            {"tags": entry.tags, "entry": msgspec.structs.replace(entry, tags=())}
            for entry in ledger.entries()
        ],
        "checkpoint": checkpoint.note,
        "proof": ledger.prove(7).path,
        "verified": ledger.verify(checkpoint, KEY.verifying).ok,
        "exported": _exported(ledger),
        "reconciled": ledger.reconcile(at=DATES[-1]),
        "decision": _decision(ledger.audit_decision("r1")),
        "views": {},
    }
    positions = (ledger.position // 2, ledger.position)
    for day, known_at in itertools.product(DATES, positions):
        view = ledger.as_of(day, known_at=known_at)
        found["views"][f"{day} at {known_at}"] = {
            "members": {member: _member(view, member) for member in MEMBERS},
            "roster": view.roster(),
            "census": view.census(by=["community", "standing", "vouch_level"]),
            "docket": [(item.review, item.recommended, item.overdue) for item in view.docket()],
            "verdicts": [_verdict(verdict) for verdict in view.evaluate_all(POLICY)],
            "vouches": view.vouch_graph(),
            "described": [
                view.described(community="asia").fields,
                view.described(organisation="Acme").fields,
            ],
        }
    return msgspec.json.decode(msgspec.json.encode(found))


def _member(view: rl.View, member: str) -> dict[str, Any]:
    person = view.member(member)
    return {
        "name": person.member,
        "standing": person.membership.standing,
        "since": person.membership.since,
        "spells": person.membership.spells,
        "roles": person.roles.ever,
        "now": person.roles.now,
        "vouch_level": person.vouch_level,
        "vouches": person.vouches.all,
        "belonging": person.belonging,
        "profile": person.profile.fields,
        "timeline": [(line.at, line.by, line.entry, line.corrected) for line in person.timeline],
        "is_member": view.is_member(member),
        "mentor": [
            (link.entry.id, link.reads and link.reads.id, link.charter, link.known)
            for link in view.explain(member, role="mentor").links
        ],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    """A verdict as values; in which words it is said may change."""
    return {
        "member": verdict.member,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "case": verdict.case,
        "evidence": verdict.evidence,
        "lapses_at": verdict.lapses_at,
    }


def _decision(found: DecisionAudit) -> dict[str, Any]:
    assert found.replayed is not None
    assert found.now is not None
    return {
        "decided": found.decided,
        "by": found.by,
        "basis": found.basis,
        "evidence": [each.link.entry.id for each in found.evidence],
        "recommended": found.replayed.recommended,
        "reproduced": found.replayed.reproduced,
        "verdict": _verdict(found.replayed.verdict),
        "learned": [link.entry.id for link in found.learned],
        "now": _verdict(found.now),
        "would_differ": found.would_differ,
    }


def _exported(ledger: rl.Ledger) -> list[Any]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "history.jsonl"
        ledger.export(path)
        return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def sealed(folder: Path) -> rl.Ledger:
    """Open the ledger of a folder that seals."""
    start = datetime(2019, 1, 1, tzinfo=UTC)
    return rl.open(folder / "sealed.db", keys=folder / "sealed.keys", clock=lambda: start)


def fill_sealed(ledger: rl.Ledger) -> None:
    """Record sealed texts in every place that may have one; erase one person, redact a text of another."""
    for name in ("ana", "ben", "cleo"):
        joined = rl.MemberJoined(member=name, account=f"account of {name}")
        ledger.record(joined, by="council", occurred_at=date(2018, 1, 1))
        ledger.record(rl.AccountLinked(member=name, provider="git", account=f"octo {name}"), by=name)
        ledger.record(rl.MemberProfiled(member=name, field="name", value=f"Name of {name}"), by=name)
        given = ledger.record(
            rl.RoleAssigned(member=name, role="lead", reason=f"elected {name}"), by="council"
        )
        role = rl.RoleAssigned(member=name, role="mentor", reason=f"appointed {name}")
        ledger.record(
            rl.EntryCorrected(target=given.id, replacement=role, reason=f"a slip of {name}"), by="x"
        )
        row = {
            "fact": "report.filed",
            "member": name,
            "activity": "talk",
            "link": f"https://example.org/{name}",
        }
        ledger.import_history([{**row, "occurred_at": "2018-02-01"}])
    ledger.erase("ben", by="dpo")
    ledger.redact_entry(given.id, by="dpo")


def sealed_answers(ledger: rl.Ledger) -> Any:
    """Return what is answered about a ledger that seals, its texts opened."""
    found = {
        "facts": [ledger.opened(entry).fact for entry in ledger.entries()],
        "tags": [entry.tags for entry in ledger.entries()],
        "found": [(each.member, each.by) for each in ledger.find("name")],
        "checkpoint": ledger.checkpoint(KEY).note,
        "pseudonyms": ledger.pseudonyms(["ana", "ben"]),
    }
    return msgspec.json.decode(msgspec.json.encode(found))


def main() -> None:
    """Make the folder of this version."""
    folder = FOLDER / VERSION
    folder.mkdir()  # fails where it is there
    path = folder / "ledger.db"
    with opened(path) as ledger:
        fill(ledger)
        found = answers(ledger)
    path.with_name("ledger.db.tree").unlink()
    text = msgspec.json.format(msgspec.json.encode(found, order="sorted"), indent=1)
    (folder / "expected.json").write_bytes(text + b"\n")
    with sealed(folder) as ledger:
        fill_sealed(ledger)
        kept = sealed_answers(ledger)
    for beside in ("sealed.db.tree", "sealed.db.state"):
        (folder / beside).unlink(missing_ok=True)
    shutil.rmtree(folder / "sealed.db.erasures")
    text = msgspec.json.format(msgspec.json.encode(kept, order="sorted"), indent=1)
    (folder / "sealed.json").write_bytes(text + b"\n")
    sys.stdout.write(f"{folder}: {len(found['entries'])} entries\n")


if __name__ == "__main__":
    main()
