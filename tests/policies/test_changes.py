"""What time alone does to one member's outcome, asked of a policy and not of a verdict."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.every import EVERY
from policies.making import TICK, about, moment, subjects
from reps_ledger.domain.time import FIRST, LAST
from reps_ledger.policies import (
    Dossier,
    Policy,
    Previous,
    count,
    evaluate,
    exempt,
    facts,
    in_outcome,
    is_member,
    members,
    previously,
    reports,
    weeks,
    when,
)
from reps_ledger.policies.language.conditions import holds as holds_now
from reps_ledger.policies.outcomes import (
    Change,
    edges_after,
    next_change,
    outcome_of,
    outcome_times,
    outcomes_through,
)
from reps_ledger.policies.shortfalls import shortfalls
from reps_ledger.testing.history import Everybody
from reps_ledger.testing.strategies import policies, reviews
from scale import examples

if TYPE_CHECKING:
    from reps_ledger.policies import Condition

REPORT: Final = rl.ReportFiled(member="ana", activity="talk")
VOUCH: Final = rl.Vouched(member="ana", voucher="ana")
LATELY: Final = Policy("p", cases=[when(reports(within=weeks(2)) >= 1).then("active")], otherwise="quiet")
EXEMPT: Final = Policy("other", cases=[when(exempt()).then("spared")], otherwise="asked")


def as_policy(condition: Condition) -> Policy:
    """Make the policy that asks for just that."""
    return Policy("p", cases=[when(condition).then("good")], otherwise="bad")


def test_edges_lie_ahead() -> None:
    """Whatever changes at the very instant has changed: only what comes later is an edge."""
    subject = about((REPORT, "2018-03-01"), (REPORT, "2018-03-08"), at="2018-03-15")
    edges = edges_after(LATELY.leaves(), subject)
    assert edges == sorted(set(edges))
    assert edges[0] > subject.at
    assert moment("2018-03-15") in edges_after(LATELY.leaves(), subject.moved(subject.at - TICK))
    assert moment("2018-03-22") in edges


def test_an_edge_at_which_nothing_changes_is_passed_over() -> None:
    """One of two reports grows old, and the other is enough until it does too."""
    subject = about((REPORT, "2018-03-01"), (REPORT, "2018-03-08"), at="2018-03-10")
    change = next_change(LATELY, subject)
    assert change is not None
    assert change.outcome == "quiet"
    assert moment("2018-03-22") <= change.at <= moment("2018-03-22") + TICK
    assert next_change(LATELY, about((REPORT, "2018-03-01"), at="2018-04-01")) is None


def test_a_policy_is_asked_under_its_own_name() -> None:
    """An exemption from one policy is none from another, whichever the subject was asked about."""
    spared = rl.ExemptionGranted(member="ana", policy="other", reason="ill", expires=moment("2018-06-01"))
    subject = about((spared, "2018-01-01"), at="2018-03-01")
    assert subject.policy != "other"
    assert outcome_of(EXEMPT, subject) == "spared"
    assert next_change(EXEMPT, subject) == Change(moment("2018-06-01"), "asked")
    assert evaluate(EXEMPT, subject).outcome == "spared"
    assert shortfalls(EXEMPT, subject, "spared") == ()
    ((need,),) = (way.needs for way in shortfalls(EXEMPT, subject, "asked"))
    assert need.on == moment("2018-06-01")
    assert outcome_of(evolve(EXEMPT, name="p"), subject) == "asked"


def test_decisions_on_another_policy_change_nothing() -> None:
    """How long somebody is in an outcome runs from the decision on that very policy."""
    told: list[tuple[rl.Fact, str]] = [
        (rl.ReviewOpened(member="ana", review="r", policy="other"), "2018-01-01"),
        (rl.ReviewDecided(member="ana", review="r", outcome="new"), "2018-01-02"),
    ]
    settled = when(in_outcome() >= weeks(2)).then("settled")
    policy = Policy("other", cases=[settled], otherwise="new")
    subject = about(*told, at="2018-01-03")
    assert next_change(policy, subject) == Change(moment("2018-01-16"), "settled")
    assert evaluate(policy, subject).lapses_at == moment("2018-01-16")
    assert next_change(evolve(policy, name="p"), subject) is None


def test_before_the_first_date_nobody_was_in_any_outcome() -> None:
    """There is no time in an outcome before the first date, however long ago that was."""
    policy = Policy("p", cases=[when(in_outcome() >= weeks(2)).then("settled")], otherwise="new")
    start = moment("2018-03-01")
    dates = [start + timedelta(weeks=number) for number in range(4)]
    found = [outcome for _, outcome in outcomes_through(policy, about(at=start), dates)]
    assert found == ["new", "new", "settled", "new"]


def test_the_previous_outcome_is_of_the_subject_alone() -> None:
    """Others are not taken to have been in the outcome that one member was told to have been in."""
    joined = [(rl.MemberJoined(member=name), "2018-01-01") for name in ("ana", "ben")]
    subject = about(*joined, at="2018-03-01", previous=Previous("good", moment("2018-02-01")))
    own = Policy("p", cases=[when(previously("good")).then("kept")], otherwise="new")
    assert evaluate(own, subject).outcome == "kept"
    asked = Policy("p", cases=[when(members(previously("good")) >= 1).then("some")], otherwise="no")
    assert evaluate(asked, subject).outcome == "no"
    assert subject.other("ben", subject.at).previous is None
    assert subject.of(subject.others.member("ben")).previous is None


def test_what_is_asked_of_oneself_is_asked_of_the_same_history() -> None:
    """Of a history that nobody else knows of, as where one asks what would be if."""
    told: list[tuple[rl.Fact, str]] = [(rl.MemberJoined(member="ana"), "2018-01-01"), (VOUCH, "2018-01-02")]
    known = about(*told, at="2018-03-01")
    supposed = evolve(known, others=Everybody())
    asked = count(facts("vouch.given", voucher=is_member())) >= 1
    assert holds_now(asked, known)
    assert holds_now(asked, supposed)
    assert not holds_now(asked, evolve(supposed, dossier=Dossier("ana", known.dossier.entries[1:])))


@examples(2)
@given(data=st.data(), policy=policies() | st.sampled_from(EVERY).map(as_policy))
def test_outcomes_through_time_are_those_of_each_instant(data: st.DataObject, policy: Policy) -> None:
    """Conditions are looked at only at their own edges; asked anew at any instant, a policy says the same."""
    subject = data.draw(subjects(about=policy))
    instants = {entry.occurred_at for entry in subject.dossier.entries} | {subject.at}
    subject = evolve(subject, at=data.draw(st.sampled_from(sorted({FIRST, *instants}))))
    until = data.draw(st.none() | reviews())
    found = [*outcome_times(policy, subject, until)]
    assert [found[0][0], found[-1][1]] == [subject.at, until]
    assert all(one[1] == other[0] and one[2] != other[2] for one, other in pairwise(found))
    edges = {edge for leaf in policy.leaves() for edge in leaf.edges(subject)} | instants
    around = {edge + by for edge in edges if FIRST < edge < LAST for by in (-TICK, 0 * TICK, TICK)}
    for at in around:
        if at >= subject.at and (until is None or at < until):
            (outcome,) = {said for start, end, said in found if start <= at and (end is None or at < end)}
            assert outcome == outcome_of(policy, subject.moved(at)), at
    first = next_change(policy, subject)
    later = [*outcome_times(policy, subject)][1:2]
    assert first == (Change(later[0][0], later[0][2]) if later else None)
