"""Every rule of the catalogue obeys the laws of policies; what one rightly breaks is declared.

``make test-deep`` asks them of thousands of histories: see `scale`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck

from policies.catalogue import stories_code, stories_mozilla, stories_others, stories_reps
from policies.catalogue.own_facts import OWN_FACTS, PostMade
from policies.catalogue.worked import Worked, policy_of
from reps_ledger.domain.time import day_end, day_start
from reps_ledger.policies.catalogue import CATALOGUE
from reps_ledger.testing import LawBroken, Promises, Situation, check_policy, judged, tell, tell_all
from reps_ledger.testing.laws import isolation
from scale import DEEP, examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reps_ledger.policies import Policy

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

FEW: Final = examples(0.2, suppress_health_check=list(HealthCheck))
DECLARED: Final[Mapping[str, Mapping[str, str]]] = {
    "discourse-trust-level-3": {"isolation": "it asks for a share of what everybody wrote"}
}
"""By policy, the laws that it rightly breaks, and why."""

PROMISED: Final[Mapping[str, Promises]] = {
    "reps-activity-label": Promises(more=["report.filed"], absence=True),
    "node-collaborator": Promises(more=["report.filed"], absence=True),
    "fedora-packagers": Promises(more=["report.filed"], absence=True),
    "carpentries-voters": Promises(more=["report.filed"], absence=True),
    "version-control-hg": Promises(more=["report.filed"], absence=True),
    "mozillians-vouched": Promises(more=["vouch.given"]),
    "kubernetes-inactivity": Promises(more=["report.filed"], absence=True),
    "express-inactivity": Promises(more=["report.filed"], absence=True),
    "reps-2018": Promises(more=["course.completed"], keeps=(date(2018, 11, 1), "to take the course")),
}
"""By policy, what it promises beside."""

STORIES: Final[tuple[Worked, ...]] = (
    *stories_reps.STORIES,
    *stories_mozilla.STORIES,
    *stories_code.STORIES,
    *stories_others.STORIES,
)
POLICIES: Final = [
    pytest.param(rule.name, policy, id=f"{policy.name} {policy.version}")
    for rule in CATALOGUE
    for policy in rule.policies
]


def told(rule: str, policy: Policy) -> Iterator[Situation]:
    """Yield the worked stories of a policy, as situations.

    Of moments of one story with one outcome, for one reason, only the first, but in the long run.
    """
    for story in STORIES:
        if story.rule != rule or policy_of(rule, story.policy) != policy:
            continue
        history = tell_all(
            *(tell(each.fact, _start(each.on), source=each.source) for each in story.history), facts=OWN_FACTS
        )
        firsts = {verdict.says: verdict for verdict in reversed(story.verdicts)}
        for verdict in story.verdicts if DEEP else firsts.values():
            yield Situation(history=history, who=story.who, at=_end(verdict.moment))


def _start(moment: date) -> datetime:
    return moment if isinstance(moment, datetime) else day_start(moment, UTC)


def _end(moment: date) -> datetime:
    return moment if isinstance(moment, datetime) else day_end(moment, UTC)


@pytest.mark.parametrize(("rule", "policy"), POLICIES)
def test_a_rule_obeys_the_laws(rule: str, policy: Policy) -> None:
    """Every law holds of a rule, on its worked stories and on drawn histories."""
    declared = DECLARED.get(policy.name, {})
    checked = check_policy(
        policy,
        facts=OWN_FACTS,
        settings=FEW,
        promises=PROMISED.get(policy.name, Promises()),
        except_for=declared,
        examples=told(rule, policy),
    )
    assert declared.items() <= checked.spared.items()
    assert checked.reached.keys() == set(policy.outcomes)


def test_what_is_declared_is_so() -> None:
    """Trust level 3 does ask for a share of what everybody wrote: strangers' posts undo it."""
    assert [*DECLARED] == ["discourse-trust-level-3"]
    policy = policy_of("discourse-trust-level-3", "discourse-trust-level-3")
    trusted = next(
        each
        for each in told("discourse-trust-level-3", policy)
        if judged(policy, each.subject(policy)) == policy.scale[0]
    )
    posts = [(PostMade(member="dev", post=f"new {n}"), trusted.at - timedelta(days=1)) for n in range(1_000)]
    strangers = tell_all(*posts, facts=OWN_FACTS)
    history = trusted.history.of([*trusted.history, *strangers])
    crowded = Situation(history=history, who=trusted.who, at=trusted.at)
    isolation(policy, trusted)
    with pytest.raises(LawBroken, match="what strangers did changes it"):
        isolation(policy, crowded)


def test_rules_of_a_body_are_not_asked_about_strangers() -> None:
    """A rule about a community is about all its people: isolation is not asked of it."""
    policy = policy_of("node-voting", "node-tsc-balance")
    checked = check_policy(policy, settings=FEW, laws=[isolation])
    assert checked.spared == {"isolation": "it is about communities"}


def test_what_is_promised_can_be_asked() -> None:
    """Every rule that promises something is in the catalogue, and its outcomes have an order."""
    scales = {policy.name: policy.scale for rule in CATALOGUE for policy in rule.policies}
    assert PROMISED.keys() | DECLARED.keys() <= scales.keys()
    assert all(scales[name] for name in PROMISED)
