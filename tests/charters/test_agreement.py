"""Charters and views agree: what recording asks of somebody is what a policy would say of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import pytest
from attrs import evolve, field, frozen
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from charters.programmes import AFTER, BEFORE, codes, programme
from policies.every import EVERY, REPORTS
from policies.making import entries_of, subjects
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.rules import Part
from reps_ledger.policies import (
    Condition,
    Policy,
    accepted,
    count,
    days,
    distinct,
    facts,
    following,
    holds,
    joined,
    noticed,
    on_leave,
    organisation_of,
    reports,
    time_since,
    vouches,
    weeks,
    when,
)
from reps_ledger.policies.charter import RoleClause
from reps_ledger.policies.charter.footprint import Concerned, histories, must_be_enforceable, types_read
from reps_ledger.policies.language.conditions import holds as is_so
from reps_ledger.policies.language.facts import BUILT_IN_FACTS
from reps_ledger.policies.subject import SubjectContext
from reps_ledger.testing.history import Everybody
from reps_ledger.testing.strategies import conditions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reps_ledger.policies import Subject

MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor")
Fact = tuple[rl.Fact, date]


def agree(ledger: rl.Ledger, condition: Condition) -> bool:
    """Whether ana is admitted by a charter that asks this, and by a policy, which must agree."""
    policy = Policy("p", cases=[when(condition).then("yes")], otherwise="no")
    said = ledger.as_of(AFTER).evaluate(policy, "ana").outcome == "yes"
    assert codes(ledger, MENTOR) == (() if said else ("not_admitted",))
    return said


def ledger_of(condition: Condition, *told: Fact) -> rl.Ledger:
    """A programme in which mentors must be so, and these facts happened."""
    return programme(*told, roles=[RoleClause(role="mentor", admission=condition)])


def report(member: str, day: int) -> Fact:
    """Tell of a report in May."""
    return rl.ReportFiled(member=member, activity="talk"), date(2018, 5, day)


def role(member: str, name: str) -> Fact:
    """Tell of a role, given in May."""
    return rl.RoleAssigned(member=member, role=name), BEFORE


def vouch(voucher: str, member: str = "ana", day: int = 2) -> Fact:
    """Tell of a vouch in May."""
    return rl.Vouched(member=member, voucher=voucher), date(2018, 5, day)


RETIRED: Final[Fact] = rl.MemberRetired(member="ana", how="resigned"), date(2018, 5, 3)
AWAY: Final[Fact] = rl.LeaveStarted(member="ana"), date(2018, 5, 3)
BACK: Final[Fact] = rl.LeaveEnded(member="ana"), date(2018, 6, 20)
ROLES: Final = facts("role.assigned", lasting=True)
TOGETHER: Final = distinct(organisation_of("voucher"), vouches().facts) >= 2


@pytest.mark.parametrize(
    ("condition", "told", "expected"),
    [
        (count(ROLES) >= 1, [role("ana", "rep")], True),
        (count(ROLES) >= 1, [role("ana", "rep"), RETIRED], False),
        (on_leave(), [AWAY], True),
        (on_leave(), [AWAY, RETIRED], False),
        (on_leave(), [AWAY, BACK], False),
        (count(REPORTS, within=weeks(4)) >= 1, [report("ana", 2)], False),
        (count(REPORTS, within=weeks(4), pausing=True) >= 1, [report("ana", 2), AWAY, BACK], True),
        (time_since(REPORTS, pausing=True) <= weeks(2), [report("ana", 2), AWAY, BACK], True),
        (time_since(REPORTS) <= weeks(2), [report("ana", 2), AWAY, BACK], False),
        (
            count(REPORTS, within=following(facts("course.completed"), days(9))) >= 1,
            [(rl.CourseCompleted(member="ana", course="c"), BEFORE), report("ana", 2)],
            True,
        ),
        (
            accepted("nda"),
            [
                (rl.AgreementAccepted(member="ana", agreement="nda"), BEFORE),
                (rl.AgreementRevoked(member="ana", agreement="nda"), date(2018, 5, 3)),
            ],
            False,
        ),
        (vouches(voucher=reports() >= 1) >= 1, [report("ben", 1), vouch("ben")], True),
        (vouches(voucher=reports() >= 1) >= 1, [report("cleo", 1), vouch("ben")], False),
        (
            vouches(voucher=vouches(voucher=holds("rep")) >= 1) >= 1,
            [role("cleo", "rep"), vouch("cleo", "ben", 1), vouch("ben")],
            True,
        ),
        (TOGETHER, [vouch("ben"), vouch("cleo")], True),
        (
            TOGETHER,
            [
                (rl.AffiliationStarted(member=member, organisation="acme"), BEFORE)
                for member in ("ben", "cleo")
            ]
            + [vouch("ben"), vouch("cleo")],
            False,
        ),
        (vouches() >= 1, [vouch("cleo", "ben")], False),
    ],
)
def test_who_is_admitted_is_whom_a_policy_admits(
    condition: Condition, told: list[Fact], expected: bool
) -> None:
    """Roles end as somebody retires, leave pauses the clock, vouchers are looked at in turn."""
    assert agree(ledger_of(condition, *told), condition) == expected


@pytest.mark.parametrize("corrected", [False, True])
def test_a_verified_report_stays_verified_when_it_is_corrected(corrected: bool) -> None:
    """Who verified it verified what stands in its place."""
    condition = count(facts("report.filed", verified=True)) >= 1
    ledger = ledger_of(condition)
    filed = ledger.record(rl.ReportFiled(member="ana", activity="tlak"), by="ana", occurred_at=BEFORE)
    seen = rl.ReportVerified(member="ana", report=filed.id, verifier="ben")
    ledger.record(seen, by="ben", occurred_at=date(2018, 5, 3))
    if corrected:
        right = rl.ReportFiled(member="ana", activity="talk")
        fact = rl.EntryCorrected(target=filed.id, replacement=right, reason="misspelt")
        ledger.record(fact, by="ana")
    assert agree(ledger, condition)


@pytest.mark.parametrize(
    ("condition", "read"),
    [
        (None, set()),
        (joined(before=date(2018, 1, 1)), set()),
        (reports() >= 1, {"report.filed"}),
        (count(facts("report.filed", verified=True)) >= 1, {"report.filed", "report.verified"}),
        (vouches() >= 1, {"vouch.given", "vouch.withdrawn"}),
        (count(facts("vouch.given")) >= 1, {"vouch.given"}),
        (holds("rep"), {"role.assigned", "role.ended", "member.retired", "member.returned"}),
        (
            count(REPORTS, within=weeks(4), pausing=True) >= 1,
            {"report.filed", "leave.started", "leave.ended"}
            | {"member.retired", "member.returned", "role.assigned"},
        ),
        (TOGETHER, {"vouch.given", "vouch.withdrawn", "affiliation.started", "affiliation.ended"}),
        (distinct("month", REPORTS) >= 2, {"report.filed"}),
    ],
)
def test_no_more_is_read_than_a_condition_looks_at(condition: Condition | None, read: set[str]) -> None:
    """Beside when somebody joined, and what they are exempt from."""
    assert types_read(condition, BUILT_IN_FACTS) == read | {"member.joined", "exemption.granted"}


@frozen
class Told:
    """What is known while recording: of everybody, or only of the histories that were named."""

    world: SubjectContext
    named: frozenset[Part[Any]] | None = None
    readings: Mapping[str, str] = field(default=MappingProxyType({}))

    def entries(self, part: Part[Any]) -> Sequence[rl.Entry] | None:
        """Return a history, if it was named."""
        if self.named is not None and part not in self.named:
            return None
        (member,) = part.names
        return [e for e in self.world.member(member).entries if part.fold.takes(e.name)]

    def state(self, part: Part[Any]) -> Any:
        """Say that nothing else is known."""

    def recorded(self, entry_id: str) -> Any:
        """Say that nothing else is known."""


def concerned(subject: Subject, condition: Condition) -> Subject:
    """Return a subject of whom is known what a charter would have read for a condition."""
    named = frozenset(histories("ana", condition, Told(subject.others), FACTS))
    others = Concerned(Told(subject.others, named), types_read(condition, FACTS))
    return evolve(subject, dossier=others.member("ana"), others=others)


def is_enforceable(condition: Condition) -> bool:
    """Whether a charter may ask it while recording."""
    try:
        must_be_enforceable(condition)
    except rl.InvalidPolicy:
        return False
    return True


ENFORCED: Final = [each for each in EVERY if is_enforceable(each)]


@rl.fact("pairing.held", act="member")
@frozen(kw_only=True)
class PairingHeld:
    """A kind of a service's own: an act, which names several people at once."""

    member: str
    partners: tuple[str, ...] = field(default=(), metadata={"person": True})


OWN: Final = (PairingHeld,)
FACTS: Final = Registry((*BUILT_IN, *OWN))
LISTS: Final = [
    count(facts("application.filed", references=holds("mentor"))) >= 1,
    count(facts("application.filed", references=reports() >= 1)) >= 1,
    count(facts("pairing.held", partners=holds("rep"))) >= 1,
    count(facts("pairing.held", partners=vouches(voucher=holds("rep")) >= 1)) >= 1,
    distinct(organisation_of("references"), facts("application.filed")) >= 2,
    distinct(organisation_of("partners"), facts("pairing.held")) >= 2,
]
"""Conditions on people whom a fact names in a list."""
ACTS: Final = [noticed(heard=False), noticed("nudge", heard=False)]
"""Conditions to which any act makes a difference, one of a service's own too."""


@given(
    data=st.data(),
    condition=st.sampled_from([*ENFORCED, *LISTS, *ACTS]) | conditions(max_leaves=2).filter(is_enforceable),
)
def test_what_is_read_is_enough(data: st.DataObject, condition: Condition) -> None:
    """The histories that are named tell of any condition what all that ever happened tells."""
    about = data.draw(st.sampled_from([None, condition, condition]))
    subject = data.draw(subjects(about=about, facts=OWN))
    assert is_so(condition, concerned(subject, condition)) == is_so(condition, subject)


def test_only_those_are_read_at_whom_a_condition_looks() -> None:
    """Vouchers, where it asks who they are; neither whom else a fact names, nor its words.

    Of every voucher who counts, at least whom they were merged with: two records of one are one.
    """
    vouched = rl.Vouched(member="ana", voucher="ben", reason="cleo says so too")
    world = Everybody(entries_of([(vouched, datetime(2018, 5, 1, tzinfo=UTC))]))
    for condition, people in (
        (vouches(voucher=holds("rep")) >= 1, {"ana", "ben"}),
        (vouches() >= 1, {"ana"}),
    ):
        named = [*histories("ana", condition, Told(world), BUILT_IN_FACTS)]
        assert {part.names for part in named if part.fold.types} == {(person,) for person in people}
        assert {part.names for part in named if not part.fold.types} == {("ben",)}


def test_nobody_else_is_known() -> None:
    """A charter that asked for a whole body would be told nothing false, but nothing."""
    others = Concerned(Told(Everybody(), frozenset()), frozenset())
    for ask in (others.everyone, others.opportunities, lambda: others.community("java")):
        with pytest.raises(AssertionError, match="whole body"):
            ask()


def test_references_who_are_mentors_admit() -> None:
    """A fact that names several people: a charter looks at each of them, as a policy does."""
    condition = count(facts("application.filed", references=holds("mentor"))) >= 1
    filed = rl.ApplicationFiled(member="ana", role="mentor", references=("cleo", "ben"))
    told = [role("ben", "mentor"), (filed, date(2018, 5, 3))]
    assert agree(ledger_of(condition, *told), condition)
    assert not agree(ledger_of(condition, told[1]), condition)


def test_an_act_of_a_service_s_own_is_heard() -> None:
    """Whoever acted after a notice was heard of, whatever the act: a charter knows that too."""
    condition = noticed("nudge", policy="p", heard=False)
    told: list[Fact] = [
        (rl.NoticeSent(member="ana", notice="n", stage="nudge", policy="p"), BEFORE),
        (PairingHeld(member="ana"), date(2018, 5, 3)),
    ]
    clauses = [RoleClause(role="mentor", admission=condition)]
    assert not agree(programme(*told, roles=clauses, kinds=OWN), condition)
    assert agree(programme(told[0], roles=clauses, kinds=OWN), condition)
