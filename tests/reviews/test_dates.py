"""Reviews keep their date: whenever they are listed, decided, replayed or compared."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve
from hypothesis import given as using
from hypothesis import strategies as st
from typer.testing import CliRunner

import reps_ledger as rl
from reps_ledger.cli.app import app
from reps_ledger.domain.time import last_of_day
from reps_ledger.policies import Policy, digest, dumps, holds, reports, save, vouches, weeks, when
from reviews.test_workflow import POLICY, REVIEW, opened, programme
from scale import examples

END: Final = last_of_day(REVIEW, UTC)
BEN: Final = "activity/2018-07-01/ben"
ACTIVE: Final = Policy(
    "act",
    version="1",
    cases=[when(reports(within=weeks(4)) >= 1).then("active")],
    otherwise="inactive",
    scale=["active", "inactive"],
)
ROWS: Final[list[dict[str, Any]]] = [
    {"fact": "member.joined", "occurred_at": "2018-01-01", "by": "c", "member": "ben"},
    {
        "fact": "review.opened", "occurred_at": "2018-10-01", "by": "c",
        "member": "ben", "review": "r1", "policy": "act",
    },
    {
        "fact": "report.filed", "occurred_at": "2018-10-01", "by": "ben",
        "member": "ben", "activity": "e",
    },
]  # fmt: skip


def late(ledger: rl.Ledger) -> None:
    """Ben reports after the review date."""
    ledger.record(rl.ReportFiled(member="ben", activity="talk"), by="ben", occurred_at=date(2018, 7, 3))


def test_a_review_records_the_instant_that_it_is_about() -> None:
    """The opening says of which instant the policy was evaluated, and the docket repeats it."""
    ledger = programme()
    docket = opened(ledger)
    openings = [entry.fact for entry in ledger.entries() if entry.name == "review.opened"]
    assert [fact.as_of for fact in openings] == [END, END]
    assert [item.opened.as_of for item in docket] == [END, END]


@pytest.mark.parametrize("by", ["id", "item", "later item"])
def test_a_review_is_decided_at_its_own_date(by: str) -> None:
    """What came after the review date makes no difference, however and whenever it is decided."""
    ledger = programme()
    review: Any = opened(ledger).reviews[0]
    late(ledger)
    if by == "id":
        review = BEN
    elif by == "later item":
        review = ledger.as_of(date(2024, 1, 1)).docket().reviews[0]
    fact = ledger.decide(review, "nudge", "seen", by="council", occurred_at=date(2024, 1, 1)).entry.fact
    assert (fact.as_of, fact.recommended) == (END, "nudge")
    replayed = ledger.replay_decision(BEN)
    assert (replayed.verdict.at, replayed.reproduced, replayed.followed) == (END, True, True)


@pytest.mark.parametrize("everything", [False, True])
def test_a_review_is_decided_by_what_was_known_when_it_was_opened(everything: bool) -> None:
    """What was found since is not among it, unless that is asked for: then the decision's basis says so."""
    ledger = programme()
    opened(ledger)
    (knew,) = [entry.position for entry in ledger.entries() if getattr(entry.fact, "review", None) == BEN]
    ledger.record(rl.ReportFiled(member="ben", activity="found since"), by="ben", occurred_at=REVIEW)
    now = ledger.position
    fact = ledger.decide(
        BEN,
        "nudge",
        "minutes of July",
        by="council",
        occurred_at=date(2018, 7, 9),
        known_at=now if everything else None,
    ).entry.fact
    assert (fact.basis, fact.recommended) == ((now, "active") if everything else (knew, "nudge"))
    assert ledger.replay_decision(BEN).reproduced


def test_who_was_somebody_else_when_it_was_opened_is_decided_as_such() -> None:
    """A merge that came later is not of what was known, nor are the reports of the other record."""
    ledger = programme()
    ledger.record(rl.MemberJoined(member="benedict"), by="council", occurred_at=date(2017, 1, 1))
    ledger.record(rl.ReportFiled(member="benedict", activity="talk"), by="ben", occurred_at=REVIEW)
    opened(ledger)
    ledger.record(rl.MembersMerged(member="benedict", duplicate="ben"), by="council", occurred_at=REVIEW)
    fact = ledger.decide(BEN, "nudge", "r", by="council", occurred_at=date(2018, 7, 9)).entry.fact
    assert (fact.member, fact.recommended) == ("benedict", "nudge")
    assert ledger.replay_decision(BEN).reproduced
    assert BEN not in {item.review for item in ledger.as_of(date(2018, 8, 1)).docket()}


def test_an_opening_that_was_corrected_is_known_since_its_correction() -> None:
    """The member whom it names now is the one who is evaluated."""
    ledger = programme()
    opened(ledger)
    (opening,) = [entry for entry in ledger.entries() if getattr(entry.fact, "review", None) == BEN]
    ledger.record(
        rl.EntryCorrected(
            target=opening.id, reason="it is of ana", replacement=evolve(opening.fact, member="ana")
        ),
        by="council",
    )
    fact = ledger.decide(BEN, "nudge", "r", by="council", occurred_at=date(2018, 7, 9)).entry.fact
    assert (fact.member, fact.basis) == ("ana", ledger.position - 1)
    assert ledger.replay_decision(BEN).reproduced


def test_only_an_identifier_can_be_decided_by_another_knowledge() -> None:
    """An item of a docket knows what its docket knew."""
    ledger = programme()
    item = opened(ledger).reviews[0]
    with pytest.raises(rl.InvalidInput, match="what that docket knew"):
        ledger.decide(item, "nudge", "r", by="council", known_at=1)


def test_a_review_of_before_is_about_the_instant_at_which_it_is_looked_at() -> None:
    """Reviews recorded without their instant are listed and decided as they always were."""
    ledger = programme()
    opening = rl.ReviewOpened(member="ben", review="r1", policy="activity", digest=None)
    ledger.record(opening, by="council", occurred_at=date(2018, 7, 2))
    ledger.record(_stated(), by="council", occurred_at=date(2018, 7, 2))
    other = rl.ReviewOpened(member="ana", review="r2", policy="activity", digest=_stated().digest)
    ledger.record(other, by="council", occurred_at=date(2018, 7, 2))
    view = ledger.as_of(date(2018, 7, 9))
    (item,) = [item for item in view.docket() if item.review == "r2"]
    assert item.verdict is not None
    assert item.verdict.at == view.valid_at
    asked = view.docket(evaluated_at=REVIEW)
    assert [item.verdict.at for item in asked if item.verdict is not None] == [END]
    fact = ledger.decide("r2", "active", "r", by="council", occurred_at=date(2018, 7, 20)).entry.fact
    assert fact.as_of == datetime(2018, 7, 20, tzinfo=UTC)


def _stated() -> rl.PolicyStated:
    return rl.PolicyStated(
        policy=POLICY.name, version=POLICY.version, document=dumps(POLICY, "json"), digest=digest(POLICY)
    )


def test_a_date_of_a_decision_is_the_last_instant_of_that_day() -> None:
    """Imported or recorded: what happened on the day after is not seen; all readers say the same."""
    decided = {"fact": "review.decided", "by": "c", "member": "ben", "review": "r1", "outcome": "inactive"}
    imported, recorded = rl.open(), rl.open()
    imported.import_history([*ROWS, {**decided, "occurred_at": "2018-10-05", "as_of": "2018-09-30"}])
    recorded.import_history(ROWS)
    fact = rl.ReviewDecided(member="ben", review="r1", outcome="inactive", as_of=date(2018, 9, 30))
    recorded.record(fact, by="c", occurred_at=date(2018, 10, 5))
    for ledger in (imported, recorded):
        *_, entry = ledger.entries()
        assert entry.fact.as_of == last_of_day(date(2018, 9, 30), UTC)
        (compared,) = ledger.agreement(ACTIVE).compared
        assert (compared.at, compared.outcome) == (entry.fact.as_of, "inactive")
        assert ledger.backtest(ACTIVE, at=[date(2018, 9, 30)]).table.to_pylist()[0]["outcome"] == "inactive"


def test_a_decision_that_does_not_say_its_instant_has_that_of_its_review() -> None:
    """Of a decision recorded by other software: agreement and audit look at the review's date."""
    ledger = rl.open()
    rows = [dict(row) for row in ROWS]
    rows[1]["as_of"] = "2018-09-30"
    decided = {"fact": "review.decided", "by": "c", "member": "ben", "review": "r1", "outcome": "inactive"}
    ledger.import_history([*rows, {**decided, "occurred_at": "2018-10-05"}])
    assert [each.at for each in ledger.agreement(ACTIVE).compared] == [last_of_day(date(2018, 9, 30), UTC)]
    assert ledger.audit_decision("r1").at == last_of_day(date(2018, 9, 30), UTC)


@examples(0.3)
@using(
    zone=st.sampled_from(["UTC", "Asia/Tokyo", "America/Sao_Paulo", "Pacific/Apia", "Africa/Cairo"]),
    day=st.dates(date(2011, 12, 25), date(2019, 12, 31)),
)
def test_the_date_of_a_review_is_read_in_the_zone(zone: str, day: date) -> None:
    """A day's last instant is a microsecond before the next day, in every zone, however it comes in."""
    ledger = rl.open(zone=zone)
    place = ZoneInfo(zone)
    ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=date(2010, 1, 1))
    opening = rl.ReviewOpened(member="ana", review="r", policy="act", as_of=day)
    ledger.record(opening, by="x", occurred_at=day)
    ledger.import_history(
        [
            {
                "fact": "review.decided", "occurred_at": f"{day}", "member": "ana",
                "review": "r", "outcome": "active", "as_of": f"{day}",
            }
        ]
    )  # fmt: skip
    instants = [e.fact.as_of for e in ledger.entries() if e.name in {"review.opened", "review.decided"}]
    after = datetime.combine(day + timedelta(days=1), datetime.min.time(), place).astimezone(UTC)
    assert [instant + timedelta(microseconds=1) for instant in instants] == [after, after]
    assert ledger.as_of(day).valid_at == instants[0]


def test_the_command_line_decides_at_the_date_of_the_review(tmp_path: Path) -> None:
    """Years later, `review decide` goes by the review date, as `review list` does."""
    target, policy = tmp_path / "reps.db", tmp_path / "activity.toml"
    save(POLICY, policy)
    with programme(target=target) as ledger:
        late(ledger)
    run = CliRunner().invoke
    common = ["-l", str(target), "--by", "council"]
    run(app, ["review", "open", str(policy), *common, "--at", "2018-07-01", "--on", "2018-07-02"])
    listed = run(app, ["review", "list", "-l", str(target), "--json"])
    assert [each["as_of"] for each in json.loads(listed.output)["reviews"]] == [
        "2018-07-01T23:59:59.999999Z"
    ] * 2
    decide = ["review", "decide", BEN, "nudge", *common, "--reason", "seen", "--known-at", "99"]
    done = run(app, decide)
    assert done.exit_code == 0, done.output
    assert "the policy recommended nudge" in done.output
    with rl.open(target) as ledger:
        *_, entry = ledger.entries()
        assert entry.fact.as_of == END


def test_notices_look_at_what_was_outstanding_at_their_instant() -> None:
    """A nudge outstanding at a past date is not sent again for it, though it was answered since."""
    ledger = programme()
    (_, nudge) = ledger.send_notices(
        POLICY, by="council", at=date(2018, 6, 25), occurred_at=date(2018, 6, 26)
    )
    assert nudge.fact.member == "ben"
    late(ledger)  # a sign of life: nothing is outstanding now
    assert "ben" not in {sent.member for sent in ledger.as_of().docket().notices}
    again = ledger.send_notices(POLICY, by="council", at=date(2018, 7, 1), occurred_at=date(2018, 7, 2))
    assert [entry.fact.member for entry in again] == []


def test_a_notice_of_later_does_not_stand_in_the_way_of_an_earlier_one() -> None:
    """What was sent in July was not outstanding in June, for which notices are entered late."""
    ledger = programme()
    ledger.send_notices(POLICY, by="council", at=date(2018, 7, 1), occurred_at=date(2018, 7, 2))
    sent = ledger.send_notices(POLICY, by="council", at=date(2018, 6, 25), occurred_at=date(2018, 6, 26))
    assert [(entry.fact.member, entry.fact.stage) for entry in sent] == [
        ("ana", "appreciation"),
        ("ben", "nudge"),
    ]


@examples(0.3)
@using(
    day=st.dates(date(2018, 6, 21), date(2018, 8, 31)),
    now=st.booleans(),
    between=st.sampled_from(["nothing", "answer", "act", "merge"]),
)
def test_run_twice_for_a_past_date_notices_are_sent_once(day: date, now: bool, between: str) -> None:
    """Whatever happened between the two runs."""
    ledger = programme()
    on = None if now else day
    first = ledger.send_notices(POLICY, by="council", at=day, occurred_at=on)
    if between == "answer" and first:
        fact = first[-1].fact
        ledger.record(rl.NoticeAnswered(member=fact.member, notice=fact.notice), by="x", occurred_at=on)
    elif between == "act":
        ledger.record(rl.Vouched(member="ana", voucher="ben"), by="ben", occurred_at=on)
    elif between == "merge":
        ledger.record(rl.MembersMerged(member="cleo", duplicate="ben"), by="x")
    again = ledger.send_notices(POLICY, by="council", at=day, occurred_at=on)
    assert again == ()


CHANGES: Final = "if nothing more happens: nudge from 2018-07-18"


def test_nothing_more_is_said_only_where_nothing_later_is_known() -> None:
    """A view of the past that knows of later entries says that it does."""
    ledger = programme()
    known = ledger.position
    assert CHANGES in ledger.as_of(REVIEW).evaluate(POLICY, "ana").words()
    ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana", occurred_at=date(2018, 7, 10))
    words = ledger.as_of(REVIEW).evaluate(POLICY, "ana").words()
    assert "if nothing more happens" not in words
    assert "  later entries are known; with them: nudge from 2018-08-07" in words.splitlines()
    assert CHANGES in ledger.as_of(REVIEW, known_at=known).evaluate(POLICY, "ana").words()


def test_later_entries_are_told_also_where_nothing_changes() -> None:
    """A verdict that never changes by itself is still one of the past."""
    forever = Policy("p", cases=[when(reports() >= 1).then("active")], otherwise="new")
    ledger = programme()
    assert "later" not in ledger.as_of(REVIEW).evaluate(forever, "ana").words()
    ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana", occurred_at=date(2018, 7, 10))
    words = ledger.as_of(REVIEW).evaluate(forever, "ana").words()
    assert words.splitlines()[-1] == "  later entries are known; with them it does not change"


def test_later_entries_of_others_count_where_the_policy_reads_them() -> None:
    """What is known of a voucher's later life is known of the verdict that rests on their vouch."""
    vouched = Policy("p", cases=[when(vouches(voucher=holds("mentor")) >= 1).then("in")], otherwise="out")
    ledger = programme()
    ledger.record(rl.Vouched(member="ana", voucher="ben"), by="ben", occurred_at=date(2018, 6, 1))
    assert "later" not in ledger.as_of(REVIEW).evaluate(vouched, "ana").words()
    mentor = rl.RoleAssigned(member="ben", role="mentor")
    ledger.record(mentor, by="council", occurred_at=date(2018, 9, 1))
    words = ledger.as_of(REVIEW).evaluate(vouched, "ana").words()
    assert words.splitlines()[-1] == "  later entries are known; with them it does not change"
