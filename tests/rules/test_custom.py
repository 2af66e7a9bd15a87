"""Rules about a service's own facts, and rules of a service's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

import reps_ledger as rl
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.rules.builtin import Rulebook
from reps_ledger.domain.rules.folds import MEMBER
from scenarios import APR, FEB, MAR, given, joined, merged
from strategies import BadgeAwarded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reps_ledger.domain.rules.folds import MemberState

BADGE: Final = BadgeAwarded(member="ana", badge="helper")


@rl.fact("fund.opened")
@attrs.frozen(kw_only=True)
class FundOpened:
    """A fact about nobody."""

    fund: str


def only_mentors(entry: rl.Entry, life: MemberState) -> Iterator[rl.Refusal]:
    """Refuse badges of those who are no mentors."""
    if life.held("mentor", None, entry.occurred_at) is None:
        yield rl.Refusal(code="no_mentor_no_badge", words=f"{entry.fact.member} is no mentor")


MENTORS_ONLY: Final = rl.Rule(
    name="badge.awarded",
    parts=lambda fact, _: (MEMBER.part(getattr(fact, "member", "")),),
    judge=only_mentors,
)


def never(_entry: rl.Entry, *_states: Any) -> Iterator[rl.Refusal]:
    """Refuse everything."""
    yield rl.Refusal(code="closed", words="nobody joins at present")


def test_a_custom_fact_is_recorded_of_members() -> None:
    """A service's own fact is recorded, reads back equal, and is part of the member's history."""
    story = given(joined("ana"), facts=[BadgeAwarded]).when((BADGE, FEB)).then_recorded()
    assert [e.fact for e in story.ledger.history("ana")][-1] == BADGE


def test_a_custom_fact_needs_a_member() -> None:
    """Whom a service's own fact calls member must be one by then, and not merged away."""
    given(facts=[BadgeAwarded]).when((BADGE, FEB)).then_refused("not_joined", "ana", "2018-02-01", because=())
    story = given(joined("ana", "ben"), merged("ben", "ana", MAR), facts=[BadgeAwarded])
    story.when((BADGE, APR)).then_refused("merged_away", "ana", "ben", because=[2])


def test_a_custom_fact_about_nobody() -> None:
    """A service's own fact without a member is recorded as it is."""
    given(facts=[FundOpened]).when((FundOpened(fund="travel"), FEB)).then_recorded()


def test_an_unknown_class_is_refused() -> None:
    """A fact of a class that the ledger was not told of is refused, and nothing is written."""
    story = given(joined("ana"))
    with pytest.raises(rl.InvalidFactType, match=r"badge.awarded.*facts=\["):
        story.ledger.record(BADGE, by="council")
    with pytest.raises(rl.InvalidFactType, match=r"str is not a fact"):
        story.ledger.record("ana joined", by="council")  # type: ignore[arg-type]  # what is refused
    assert story.ledger.position == 1


def test_an_unknown_class_in_a_correction_is_refused() -> None:
    """A correction cannot bring in a fact that the ledger was not told of."""
    story = given(joined("ana"))
    fact = rl.EntryCorrected(target=story.ids[0], replacement=BADGE, reason="no")
    with pytest.raises(rl.InvalidFactType, match=r"badge\.awarded"):
        story.ledger.record(fact, by="council")
    assert story.ledger.position == 1


def test_a_rule_of_the_services_own() -> None:
    """An extra rule refuses what the built-in ones allow, and its refusals are gathered."""
    options: Any = {"facts": [BadgeAwarded], "rules": [MENTORS_ONLY]}
    story = given(joined("ana"), **options)
    story.when((BADGE, MAR)).then_refused("no_mentor_no_badge", "ana", because=())
    given(**options).when((BADGE, MAR)).then_refused_all((0, "not_joined"), (0, "no_mentor_no_badge"))
    mentor = rl.RoleAssigned(member="ana", role="mentor")
    story.when((mentor, FEB)).then_recorded().when((BADGE, MAR)).then_recorded()


def test_a_rule_of_ones_own_judges_built_in_facts_too() -> None:
    """An extra rule may refuse more of a built-in kind, beside what is refused already."""
    story = given(rules=[rl.Rule(name="member.retired", judge=never)])
    story = story.when(joined("ana")).then_recorded()
    retired = rl.MemberRetired(member="ana", how="died")
    story.when(retired).then_refused("closed", "nobody", because=())


def test_a_rule_of_ones_own_is_heard_beside_what_the_ledger_finds_itself() -> None:
    """That nothing was merged takes nothing away from what an extra rule says."""
    undo = rl.MembersUnmerged(member="ana", duplicate="ben")
    story = given(joined("ana", "ben"), rules=[rl.Rule(name="members.unmerged", judge=never)])
    story.when(undo).then_refused_all((0, "closed"), (0, "not_merged"))


def test_a_rule_of_an_unknown_fact_is_a_mistake() -> None:
    """A rule for a fact that the ledger does not know keeps it from opening."""
    with pytest.raises(rl.ConfigurationError, match=r"badge.awarded.*facts"):
        rl.open(None, rules=[MENTORS_ONLY])


@rl.fact("tea.shared")
@attrs.frozen(kw_only=True)
class TeaShared:
    """A service's own fact, with a list and no validators."""

    member: str
    guests: tuple[str, ...] = ()


def test_a_rulebook_says_which_rules_judge_a_fact() -> None:
    """Each kind has a rule under its name, of the service's own too; extra ones come after it."""
    registry = Registry((*BUILT_IN, BadgeAwarded))
    plain = Rulebook(registry, [MENTORS_ONLY])
    assert [rule.name for rule in plain.of(BADGE)] == ["badge.awarded", "badge.awarded"]
    assert plain.of(BADGE)[-1] is MENTORS_ONLY


def test_a_list_is_taken_for_a_tuple() -> None:
    """A service's own list field takes a list, as the built-in ones do."""
    with rl.open(facts=[TeaShared]) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        guests: object = ["ben", "cleo"]
        receipt = ledger.record(TeaShared(member="ana", guests=guests), by="ana")  # type: ignore[arg-type]  # what is refused
        assert receipt.entry.fact == TeaShared(member="ana", guests=("ben", "cleo"))
        assert ledger.entry(receipt.id).fact == receipt.entry.fact


def test_a_rule_must_be_a_rule() -> None:
    """What is no rule is refused when the ledger is opened."""
    with pytest.raises(rl.ConfigurationError, match="must be Rule values, not 1"):
        rl.open(rules=[1])  # type: ignore[list-item]  # what is refused


def test_a_command_id_is_of_one_command() -> None:
    """A command id that is used again for other facts is an error: nothing is dropped unseen."""
    with rl.open() as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", command_id="c1")
        with pytest.raises(rl.InvalidInput, match="c1"):
            ledger.record(rl.MemberJoined(member="ben"), by="council", command_id="c1")
        assert ledger.position == 1
