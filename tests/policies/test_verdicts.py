"""Verdicts: the same again, explained by their findings, without hindsight."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.making import TICK, about, entries_of, everything, subjects
from reps_ledger.policies import (
    Case,
    Condition,
    Dossier,
    Policy,
    Previous,
    Subject,
    completed,
    decide,
    evaluate,
    in_outcome,
    notice,
    on_leave,
    previously,
    reports,
    weeks,
    when,
)
from reps_ledger.policies.language.conditions import holds, leaves
from reps_ledger.policies.outcomes import outcome_of
from reps_ledger.testing.history import Everybody
from reps_ledger.testing.strategies import conditions, policies, single_conditions
from scale import examples

if TYPE_CHECKING:
    import random

    from reps_ledger.domain.entries import Entry

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md


@given(policies(), subjects())
def test_the_findings_alone_give_the_outcome(policy: Policy, subject: Subject) -> None:
    """Explanation is sound: whoever knows only the findings comes to the same outcome."""
    verdict = evaluate(policy, subject)
    assert decide(policy, verdict.findings) == verdict.outcome
    assert outcome_of(policy, subject) == verdict.outcome
    assert verdict.outcome in policy.outcomes
    assert len({finding.condition for finding in verdict.findings}) == len(verdict.findings)


@given(policies(), subjects())
def test_the_deciding_case_is_the_first_that_holds(policy: Policy, subject: Subject) -> None:
    """No case before it matches, and without notices it says the outcome."""
    policy = evolve(policy, notices=())
    verdict = evaluate(policy, subject)
    matching = [n for n, case in enumerate(policy.cases) if holds(case.when, verdict._subject)]
    assert verdict.case == (matching[0] if matching else None)
    if verdict.case is None:
        assert (verdict.outcome, verdict.reason) == (policy.otherwise, "")
    else:
        case = policy.cases[verdict.case]
        assert (verdict.outcome, verdict.reason) == (case.outcome, case.reason)


@given(policies(), subjects())
def test_evaluating_is_deterministic(policy: Policy, subject: Subject) -> None:
    """The same of the same, whatever was evaluated in between and however often."""
    first = evaluate(policy, subject)
    for later in (subject.at + timedelta(days=40), subject.at - timedelta(days=40)):
        evaluate(policy, subject.moved(later))
    again = evaluate(policy, subject)
    assert again == first
    assert str(again) == str(first)
    known = everything(subject)
    anew = Everybody(known).subject("ana", subject.at, subject.zone, previous=subject.previous)
    assert evaluate(policy, anew) == first


@given(policies(), subjects(), st.randoms(use_true_random=False))
@examples(0.6)
def test_the_order_of_telling_does_not_matter(
    policy: Policy, subject: Subject, random_: random.Random
) -> None:
    """Entries have an order of their own: effective time, then position."""
    known = list(everything(subject))
    random_.shuffle(known)
    again = Everybody(known).subject("ana", subject.at, subject.zone, previous=subject.previous)
    assert evaluate(policy, again) == evaluate(policy, subject)


def without(subject: Subject, *, gone: set[str]) -> Subject:
    """Return the same without some entries."""
    kept = [entry for entry in everything(subject) if entry.id not in gone]
    return Everybody(kept).subject("ana", subject.at, subject.zone, previous=subject.previous)


def is_announced(entry: Entry) -> bool:
    """Whether an entry tells what is to come."""
    return getattr(entry.fact, "announced", False)


@given(policies(), subjects())
def test_what_comes_later_changes_nothing(policy: Policy, subject: Subject) -> None:
    """Facts after the instant, by a microsecond or more, do not count; announced ones may."""
    entries = everything(subject)
    later = {e.id for e in entries if e.occurred_at > subject.at and not is_announced(e)}
    now, then = evaluate(policy, without(subject, gone=later)), evaluate(policy, subject)
    assert then.outcome == now.outcome
    assert [f.holds for f in then.findings] == [f.holds for f in now.findings]
    assert not later & set(then.evidence)


@given(single_conditions(), subjects())
def test_a_fact_a_microsecond_later_changes_nothing(condition: Condition, subject: Subject) -> None:
    """Whatever happens at the next microsecond is not known to happen now."""
    entries = list(everything(subject))
    late = subject.at + TICK
    more = entries_of([(e.fact, late) for e in entries if not is_announced(e)])
    renamed = [
        type(e)(
            id=f"late{i}",
            recorded_at=late,
            occurred_at=late,
            by=e.by,
            position=1_000 + i,
            origin=1_000 + i,
            fact=e.fact,
        )
        for i, e in enumerate(more)
    ]
    world = Everybody([*entries, *renamed])
    then = world.subject("ana", subject.at, subject.zone, previous=subject.previous)
    assert holds(condition, then) == holds(condition, subject)


@given(conditions(max_leaves=3), subjects())
@examples(0.8)
def test_evidence_is_what_the_subject_could_see(condition: Condition, subject: Subject) -> None:
    """Evidence names entries that exist and happened, or were announced."""
    entries = {entry.id: entry for entry in everything(subject)}
    previous = subject.previous.entries if subject.previous is not None else ()
    for leaf in leaves(condition):
        for name in leaf.find(subject).entries:
            entry = entries.get(name)
            assert entry is not None or name in previous
            assert entry is None or entry.occurred_at <= subject.at or is_announced(entry)


@given(policies(), subjects())
@examples(0.6)
def test_others_change_nothing_but_what_looks_at_them(policy: Policy, subject: Subject) -> None:
    """A policy that asks nothing about others does not depend on them."""
    if any(word in policy.words() for word in ("of all", "member", "whose", "organisation", "row")):
        return
    alone = Everybody(subject.dossier.entries)
    again = alone.subject("ana", subject.at, subject.zone, previous=subject.previous)
    assert evaluate(policy, again).outcome == evaluate(policy, subject).outcome


ACTIVE = Policy(
    "p",
    cases=(when(on_leave()).then("active", "on leave"), when(reports() >= 1).then("active")),
    otherwise="inactive",
    notices=(notice("inactive", "nudge", answer_within=weeks(4), unanswered="out"),),
    scale=("active", "inactive", "out"),
)


def test_silence_after_a_notice_has_its_outcome() -> None:
    """Nothing heard by the deadline: the notice's outcome, and the verdict says why."""
    nudge = rl.NoticeSent(
        member="ana", notice="n", stage="nudge", policy="p", deadline=about(at="2018-10-02").at
    )
    told = (nudge, "2018-09-01")
    early = evaluate(ACTIVE, about(told, at="2018-10-01"))
    assert (early.outcome, early.lapses_to) == ("inactive", "out")
    assert early.lapses_at == about(at="2018-10-02").at
    late = evaluate(ACTIVE, about(told, at="2018-10-02"))
    assert (late.outcome, late.case) == ("out", None)
    assert late.reason == "nothing was heard after the nudge"
    answered = (rl.NoticeAnswered(member="ana", notice="n"), "2018-09-30")
    assert evaluate(ACTIVE, about(told, answered, at="2018-10-02")).outcome == "inactive"


def test_gain_and_keep_have_different_thresholds() -> None:
    """Two reports to gain, one to keep, and a grace of two weeks after gaining."""
    lately = reports(within=weeks(4))
    policy = Policy(
        "p",
        cases=(
            when(lately >= 2).then("trusted"),
            when(previously("trusted") & ((lately >= 1) | (in_outcome() < weeks(2)))).then("trusted"),
        ),
        otherwise="plain",
    )
    report = (rl.ReportFiled(member="ana", activity="event"), "2018-09-20")
    subject = about(report, at="2018-10-01")
    assert evaluate(policy, subject).outcome == "plain"
    kept = evolve(subject, previous=Previous("trusted", subject.at - timedelta(days=90)))
    assert evaluate(policy, kept).outcome == "trusted"
    quiet = about(at="2018-10-01")
    fresh = evolve(quiet, previous=Previous("trusted", subject.at - timedelta(days=13)))
    assert evaluate(policy, fresh).outcome == "trusted"
    assert evaluate(policy, fresh).lapses_at == subject.at + timedelta(days=1)
    stale = evolve(quiet, previous=Previous("trusted", subject.at - timedelta(days=14)))
    assert evaluate(policy, stale).outcome == "plain"


def test_a_policy_asks_every_condition_up_to_the_deciding_case_and_none_after() -> None:
    """The findings are those of the cases up to the one that decided."""
    policy = Policy(
        "p",
        cases=(Case(completed("a") | completed("b"), "one"), Case(completed("c"), "two")),
        otherwise="none",
    )
    told = (rl.CourseCompleted(member="ana", course="a"), "2018-01-01")
    verdict = evaluate(policy, about(told, at="2018-10-01"))
    assert [str(f) for f in verdict.findings] == [
        "yes: they completed the a course",
        "no: they completed the b course",
    ]
    assert verdict.evidence == ("e0",)


def test_a_community_named_like_a_member_is_not_that_member() -> None:
    """What is asked of a person is asked of the person, also in a community of that name."""
    from reps_ledger.policies import facts, is_member
    from reps_ledger.policies.language.counts import Count

    entries = entries_of(
        [
            (rl.MemberJoined(member="paris"), about(at="2018-01-01").at),
            (rl.Vouched(member="ana", voucher="paris"), about(at="2018-02-01").at),
        ]
    )
    world = Everybody(entries)
    body = world.body("paris", about(at="2018-10-01").at)
    dossier = Dossier("paris", entries[1:], is_community=True)
    vouched = Count(facts("vouch.given", voucher=is_member()))
    assert vouched.measure(evolve(body, dossier=dossier)).value == 1
