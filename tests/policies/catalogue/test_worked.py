"""Every rule of the catalogue on worked histories: what a careful reader of the rule would say."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

import pytest

from policies.catalogue import stories_code, stories_mozilla, stories_others, stories_reps
from policies.catalogue.worked import TICK, Worked, ledger_of, policy_of
from reps_ledger.policies import Policy, decide
from reps_ledger.policies.catalogue import CATALOGUE

STORIES: Final[tuple[Worked, ...]] = (
    *stories_reps.STORIES,
    *stories_mozilla.STORIES,
    *stories_code.STORIES,
    *stories_others.STORIES,
)
POLICIES: Final = [(rule.name, policy) for rule in CATALOGUE for policy in rule.policies]


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_the_verdict_is_a_careful_readers(story: Worked) -> None:
    """At every instant of a story the policy says what the rule says, and why."""
    policy = policy_of(story.rule, story.policy)
    ledger = ledger_of(story.history)
    for each in story.verdicts:
        verdict = ledger.as_of(each.moment).evaluate(policy, story.who)
        assert (verdict.outcome, verdict.reason) == each.says, (str(each.moment), str(verdict))
        assert decide(policy, verdict.findings) == verdict.outcome


def _is_instant_before(one: date, other: date) -> bool:
    instants = isinstance(one, datetime) and isinstance(other, datetime)
    return instants and other - one == TICK


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_a_threshold_is_foreseen(story: Worked) -> None:
    """An instant before an outcome changes, the verdict says when it will and to what."""
    policy = policy_of(story.rule, story.policy)
    ledger = ledger_of(story.history)
    for one, next_one in zip(story.verdicts, story.verdicts[1:], strict=False):
        near = _is_instant_before(one.moment, next_one.moment)
        if near and one.says[0] != next_one.says[0]:
            verdict = ledger.as_of(one.moment).evaluate(policy, story.who)
            assert (verdict.lapses_at, verdict.lapses_to) == (next_one.moment, next_one.says[0])


@pytest.mark.parametrize("story", STORIES, ids=str)
def test_everyone_at_once_is_each_alone(story: Worked) -> None:
    """Evaluating everyone gives each the verdict that they have alone."""
    policy = policy_of(story.rule, story.policy)
    view = ledger_of(story.history).as_of(story.verdicts[-1].moment)
    found = {verdict.member: verdict.outcome for verdict in view.evaluate_all(policy)}
    assert found[story.who] == view.evaluate(policy, story.who).outcome


@pytest.mark.parametrize(("rule", "policy"), POLICIES, ids=lambda value: getattr(value, "name", value))
def test_every_outcome_is_reached(rule: str, policy: Policy) -> None:
    """Each outcome of a policy, and each reason that it gives, comes up in some story."""
    told = {
        each.says
        for story in STORIES
        if story.rule == rule and policy_of(rule, story.policy) == policy
        for each in story.verdicts
    }
    assert {outcome for outcome, _ in told} == set(policy.outcomes)
    reasons = {(case.outcome, case.reason) for case, _ in policy.steps}
    assert told == reasons | {(policy.otherwise, policy.because)}
