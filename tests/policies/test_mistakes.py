"""Twelve mistakes seen in such systems: each is impossible here, or caught."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import evolve

import reps_ledger as rl
from reps_ledger.errors import InvalidFact
from reps_ledger.policies import (
    Policy,
    count,
    days,
    digest,
    facts,
    notice,
    on_leave,
    reports,
    tenure,
    time_since,
    vouches,
    weeks,
    when,
)
from reps_ledger.policies.catalogue import listed
from reps_ledger.policies.lint import warnings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reps_ledger.policies import Verdict

JAN: Final = date(2018, 1, 1)
MAR: Final = date(2018, 3, 1)
TICK: Final = timedelta(microseconds=1)

POLICY: Final = Policy(
    "reps-activity",
    version="2018-10",
    cases=[
        when(on_leave()).then("active", "on declared leave"),
        when(tenure() < weeks(4)).then("active", "joined less than four weeks ago"),
        when(reports(within=weeks(4)) >= 1).then("active", "reported lately"),
        when(reports(within=weeks(8)) >= 1).then("nudge", "no report for four weeks"),
    ],
    otherwise="inactive",
    because="no report for eight weeks",
    scale=["active", "nudge", "inactive"],
    notices=[notice("inactive", "warning", answer_within=weeks(4))],
)


@pytest.fixture
def ledger() -> Iterator[rl.Ledger]:
    """A ledger in memory in which "ana" and "ben" joined, some time in 2018."""
    clock = datetime(2019, 1, 1, tzinfo=UTC)
    with rl.open(clock=lambda: clock) as made:
        made.record_all(
            [rl.MemberJoined(member=name) for name in ("ana", "ben")], by="council", occurred_at=JAN
        )
        yield made


def record(ledger: rl.Ledger, fact: rl.Fact, on: date, **options: Any) -> rl.Receipt:
    """Record one fact."""
    return ledger.record(fact, by="council", occurred_at=on, **options)


def outcome(ledger: rl.Ledger, at: date, member: str = "ana", policy: Policy = POLICY) -> str:
    """Return what a policy comes to."""
    return ledger.as_of(at).evaluate(policy, member).outcome


def test_mistake_01_leave_that_never_ends(ledger: rl.Ledger) -> None:
    """Leave lapses by itself at its expected return, with nothing to clear it; it is listed too."""
    back = datetime(2018, 6, 1, tzinfo=UTC)
    record(ledger, rl.LeaveStarted(member="ana", expected_return=back), MAR)
    before = ledger.as_of(back - TICK).evaluate(POLICY, "ana")
    assert (before.outcome, before.reason) == ("active", "on declared leave")
    assert (before.lapses_at, before.lapses_to) == (back, "inactive")
    assert outcome(ledger, back) == "inactive"
    assert [found.kind for found in ledger.reconcile()] == ["leave_overdue"]


def test_mistake_02_leave_and_tenure_honoured_here_and_ignored_there(ledger: rl.Ledger) -> None:
    """The list, the notices and the single answer are one evaluation: all honour the same."""
    record(ledger, rl.LeaveStarted(member="ben"), MAR)
    record(ledger, rl.MemberJoined(member="new"), date(2018, 6, 20))
    day = date(2018, 7, 1)
    everyone = {each.member: each.outcome for each in ledger.as_of(day).evaluate_all(POLICY)}
    assert everyone == {"ana": "inactive", "ben": "active", "new": "active"}
    for member, found in everyone.items():
        assert outcome(ledger, day, member) == found
    docket = ledger.open_reviews(POLICY, by="council", at=day, occurred_at=day)
    assert [item.member for item in docket.reviews] == ["ana"]
    sent: list[Any] = [
        entry.fact for entry in ledger.send_notices(POLICY, by="council", at=day, occurred_at=day)
    ]
    assert [(fact.member, fact.stage) for fact in sent] == [("ana", "warning")]


def test_mistake_03_intent_counted_as_activity(ledger: rl.Ledger) -> None:
    """What was announced counts only while it lies ahead; what a system made never does."""
    planned = rl.ReportFiled(member="ana", activity="event", announced=True)
    record(ledger, planned, date(2018, 6, 20))
    signed_up = rl.ReportFiled(member="ana", activity="event", passive=True)
    record(ledger, signed_up, date(2018, 6, 20))
    assert outcome(ledger, date(2018, 7, 1)) == "inactive"
    (notices,) = listed("reps-reminders").policies
    record(ledger, rl.RoleAssigned(member="ana", role="rep"), JAN)
    assert outcome(ledger, date(2018, 6, 1), policy=notices) == "nothing is due"
    assert outcome(ledger, date(2018, 6, 20), policy=notices) == "first notice is due"
    assert ledger.as_of().member("ana").membership.last_activity == datetime(2018, 1, 1, tzinfo=UTC)


def test_mistake_04_history_overwritten_by_an_edit(ledger: rl.Ledger) -> None:
    """A correction is a new entry: what was known before it stays as it was, for ever."""
    left = record(ledger, rl.MemberRetired(member="ana", how="resigned"), MAR)
    known = ledger.position
    edited = rl.EntryCorrected(
        target=left.entries[0].id,
        replacement=rl.MemberRetired(member="ana", how="emeritus"),
        reason="the form was saved again",
    )
    record(ledger, edited, date(2018, 9, 1))
    then, now = (ledger.as_of(known_at=at).member("ana").membership for at in (known, None))
    assert then.retired_at == datetime(2018, 3, 1, tzinfo=UTC)
    assert now.retired_at == datetime(2018, 9, 1, tzinfo=UTC)
    assert ledger.entry(left.entries[0].id).fact == rl.MemberRetired(member="ana", how="resigned")


def test_mistake_05_a_clock_that_runs_on_row_last_saved(ledger: rl.Ledger) -> None:
    """Recording late, or correcting a detail, does not make a report any younger."""
    late = record(ledger, rl.ReportFiled(member="ana", activity="talk"), MAR)
    assert late.entries[0].recorded_at == datetime(2019, 1, 1, tzinfo=UTC)
    aged = when(time_since("report.filed") < weeks(8)).then("young")
    policy = Policy("age", cases=[aged], otherwise="old")
    edge = datetime(2018, 4, 26, tzinfo=UTC)
    for _ in range(2):
        assert outcome(ledger, edge - TICK, policy=policy) == "young"
        assert outcome(ledger, edge, policy=policy) == "old"
        detail = rl.EntryCorrected(
            target=late.entries[0].id,
            replacement=rl.ReportFiled(member="ana", activity="talk", link="https://example.org"),
            reason="the link was missing",
        )
        if ledger.position == late.position:
            ledger.record(detail, by="council")


def test_mistake_06_a_voucher_is_deleted_and_the_vouch_still_counts(ledger: rl.Ledger) -> None:
    """A vouch names its voucher for ever; what no longer stands no longer counts."""
    given = record(ledger, rl.Vouched(member="ana", voucher="ben", reason="talks"), MAR)
    record(ledger, rl.MemberErased(member="ben", reason="request"), date(2018, 4, 1))
    record(ledger, rl.MemberRetired(member="ben", how="resigned"), date(2018, 4, 1))
    vouched = Policy("vouched", cases=[when(vouches() >= 1).then("yes")], otherwise="no")
    verdict = ledger.as_of(date(2018, 5, 1)).evaluate(vouched, "ana")
    assert verdict.outcome == "yes"
    (evidence,) = verdict.evidence
    fact: Any = ledger.entry(evidence).fact
    assert (fact.voucher, fact.reason) == ("ben", "talks")
    gone = rl.EntryRetracted(target=given.entries[0].id, reason="never given")
    record(ledger, gone, date(2018, 6, 1))
    assert outcome(ledger, date(2018, 7, 1), policy=vouched) == "no"
    assert ledger.as_of(date(2018, 7, 1)).member("ana").vouches.received == ()


def test_mistake_07_for_ever_contradicted_by_deletion(ledger: rl.Ledger) -> None:
    """Who left, and even was erased, is a member still; a returning Rep needs no new vouch."""
    record(ledger, rl.RoleAssigned(member="ana", role="rep"), JAN)
    record(ledger, rl.RoleEnded(member="ana", role="rep", how="inactive"), MAR)
    record(ledger, rl.MemberRetired(member="ana", how="removed"), MAR)
    record(ledger, rl.MemberErased(member="ana", reason="request"), date(2018, 4, 1))
    assert ledger.as_of().is_member("ana")
    assert ledger.as_of().member("ana").roles.ever[0].role == "rep"
    record(ledger, rl.ApplicationFiled(member="ana", role="rep"), date(2018, 6, 1))
    _, admission = listed("reps-leaving").policies
    verdict = ledger.as_of(date(2018, 7, 1)).evaluate(admission, "ana")
    assert verdict.outcome == "may be admitted"
    assert verdict.reason == "applied again; no new vouches are asked for"


def test_mistake_08_identities_joined_on_unnormalised_names(ledger: rl.Ledger) -> None:
    """A name has one spelling, and two names found to be one person count as one."""
    composed, decomposed = "jos\u00e9", "jose\u0301"
    record(ledger, rl.MemberJoined(member=composed), JAN)
    for other in (decomposed, f"{composed} ", f"\u200b{composed}"):
        with pytest.raises(InvalidFact):
            rl.ReportFiled(member=other, activity="talk")
    record(ledger, rl.ReportFiled(member="ben", activity="talk"), date(2018, 6, 20))
    day = date(2018, 7, 1)
    assert outcome(ledger, day) == "inactive"
    record(ledger, rl.MembersMerged(member="ana", duplicate="ben"), date(2018, 6, 25))
    assert outcome(ledger, day) == "active"
    listed_now = [verdict.member for verdict in ledger.as_of(day).evaluate_all(POLICY)]
    assert listed_now == ["ana", composed]
    assert outcome(ledger, day, member="ben") == "active"


def test_mistake_09_a_guard_written_the_wrong_way_round() -> None:
    """A case that can never match is found, with its number, before anybody adopts the policy."""
    assert warnings(POLICY) == ()
    guarded = when((tenure() < weeks(4)) & (tenure() > weeks(8))).then("active")
    contradictory = evolve(POLICY, cases=(guarded, *POLICY.cases))
    assert [found.case for found in warnings(contradictory)] == [0]
    assert "can never match" in str(warnings(contradictory)[0])
    swapped = evolve(POLICY, cases=(POLICY.cases[3], POLICY.cases[2]))
    assert [found.case for found in warnings(swapped)] == [1]


@pytest.mark.parametrize(("number", "other"), [(weeks(4), weeks(6)), (days(30), days(90))])
def test_mistake_10_prose_and_code_disagree_about_the_number(number: Any, other: Any) -> None:
    """The prose is made from the policy: change the number and the sentence says the new one."""
    before = Policy("p", cases=[when(reports(within=number) >= 1).then("active")], otherwise="quiet")
    after = Policy("p", cases=[when(reports(within=other) >= 1).then("active")], otherwise="quiet")
    assert f"in the last {number}" in before.words()
    assert before.words().replace(str(number), str(other)) == after.words()
    assert digest(before) != digest(after)


def test_mistake_11_activity_after_the_notice_counted_by_one_team_only(ledger: rl.Ledger) -> None:
    """A decision records up to where it knew and on what; later activity changes the next one."""
    record(ledger, rl.ReportFiled(member="ana", activity="talk"), JAN)
    day = date(2018, 7, 1)
    ledger.send_notices(POLICY, by="council", at=day, occurred_at=day)
    docket = ledger.open_reviews(POLICY, by="council", at=day, occurred_at=day)
    item = next(item for item in docket.reviews if item.member == "ana")
    ledger.decide(item, "inactive", "silent since January", by="council", occurred_at=day)
    record(ledger, rl.ReportFiled(member="ana", activity="event"), date(2018, 6, 28))
    replayed = ledger.replay_decision(item.review)
    assert replayed.reproduced
    assert replayed.followed
    first: Verdict = ledger.as_of(day, known_at=replayed.verdict.known_at).evaluate(POLICY, "ana")
    again = ledger.as_of(day).evaluate(POLICY, "ana")
    assert (first.outcome, again.outcome) == ("inactive", "active")
    assert set(again.evidence) - set(first.evidence)
    decided: Any = ledger.as_of().history("ana").entries[-1].fact
    assert decided.basis == replayed.verdict.known_at
    assert decided.evidence == first.evidence


def test_mistake_12_one_act_counted_twice(ledger: rl.Ledger) -> None:
    """One command leaves one record however often it comes; a correction adds no second act."""
    twice = Policy("twice", cases=[when(count(facts("report.filed")) >= 2).then("two")], otherwise="not two")
    talk = rl.ReportFiled(member="ana", activity="talk")
    first = record(ledger, talk, MAR, command_id="row 7")
    again = record(ledger, talk, MAR, command_id="row 7")
    assert again.repeated
    assert again.entries == first.entries
    replacement = rl.ReportFiled(member="ana", activity="event")
    told = rl.EntryCorrected(target=first.entries[0].id, replacement=replacement, reason="an event")
    record(ledger, told, MAR)
    row = {"fact": "report.filed", "member": "ben", "activity": "talk", "occurred_at": "2018-03-01"}
    for _ in range(2):
        ledger.import_history([row])
    assert outcome(ledger, date(2018, 4, 1), policy=twice) == "not two"
    assert outcome(ledger, date(2018, 4, 1), member="ben", policy=twice) == "not two"
