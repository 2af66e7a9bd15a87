"""Every built-in kind of fact can be recorded, and refusals are gathered before anything else."""

from __future__ import annotations

from typing import Final

import pytest

import reps_ledger as rl
from reps_ledger.domain.facts import BUILT_IN, kind_of
from reps_ledger.domain.rules import BUILT_IN_RULES
from reps_ledger.policies import Policy, digest, dumps, on_leave, when
from scenarios import APR, FEB, JAN, MAR, NOW, Saying, correct, given, joined, merged, retract

ANA: Final = joined("ana")
BOTH: Final = joined("ana", "ben")
POLICY: Final = Policy("activity", cases=[when(on_leave()).then("active")], otherwise="quiet")
REPORT: Final = rl.ReportFiled(member="ana", activity="talk")

LEGAL: Final[dict[str, tuple[list[Saying], Saying]]] = {
    "member.joined": ([], rl.MemberJoined(member="ana", account="ana@site")),
    "member.retired": (ANA, rl.MemberRetired(member="ana", how="emeritus")),
    "member.returned": (
        [*ANA, (rl.MemberRetired(member="ana", how="resigned"), FEB)],
        (rl.MemberReturned(member="ana"), MAR),
    ),
    "account.linked": (ANA, rl.AccountLinked(member="ana", provider="git", account="a")),
    "account.unlinked": (
        [*ANA, (rl.AccountLinked(member="ana", provider="git", account="a"), FEB)],
        rl.AccountUnlinked(member="ana", provider="git", account="a"),
    ),
    "members.merged": (BOTH, rl.MembersMerged(member="ana", duplicate="ben")),
    "members.unmerged": (
        [*BOTH, merged("ana", "ben", MAR)],
        rl.MembersUnmerged(member="ana", duplicate="ben"),
    ),
    "affiliation.started": (ANA, rl.AffiliationStarted(member="ana", organisation="Acme")),
    "affiliation.ended": (ANA, rl.AffiliationEnded(member="ana", organisation="Acme")),
    "member.profiled": (ANA, rl.MemberProfiled(member="ana", field="name", value="Name One")),
    "community.described": ([], rl.CommunityDescribed(community="asia", field="link", value="here")),
    "organisation.described": ([], rl.OrganisationDescribed(organisation="Acme", field="kind", value="firm")),
    "vouch.given": (BOTH, rl.Vouched(member="ana", voucher="ben")),
    "vouch.withdrawn": (
        [*BOTH, (rl.Vouched(member="ana", voucher="ben"), FEB)],
        rl.VouchWithdrawn(member="ana", voucher="ben"),
    ),
    "role.assigned": (ANA, rl.RoleAssigned(member="ana", role="mentor", community="id")),
    "role.ended": (
        [*ANA, (rl.RoleAssigned(member="ana", role="mentor"), FEB)],
        rl.RoleEnded(member="ana", role="mentor", how="resigned"),
    ),
    "role.asserted": ([], rl.RoleAsserted(member="nobody", role="mentor")),
    "mentor.assigned": (BOTH, rl.MentorAssigned(member="ana", mentor="ben")),
    "mentor.released": (
        [*BOTH, (rl.MentorAssigned(member="ana", mentor="ben"), FEB)],
        rl.MentorReleased(member="ana", mentor="ben"),
    ),
    "community.founded": (
        [(rl.CommunityFounded(community="asia"), JAN)],
        (rl.CommunityFounded(community="indonesia", parent="asia"), FEB),
    ),
    "community.joined": (ANA, rl.CommunityJoined(member="ana", community="asia")),
    "community.left": (
        [*ANA, (rl.CommunityJoined(member="ana", community="asia"), FEB)],
        rl.CommunityLeft(member="ana", community="asia"),
    ),
    "report.filed": (ANA, REPORT),
    "report.verified": (
        [*ANA, (REPORT, FEB)],
        lambda ids: rl.ReportVerified(member="ana", report=ids[1], verifier="ben"),
    ),
    "opportunity.held": ([], rl.OpportunityHeld(opportunity="vote-1", kind="vote")),
    "opportunity.taken": (
        [*ANA, (rl.OpportunityHeld(opportunity="vote-1", kind="vote"), FEB)],
        (rl.OpportunityTaken(member="ana", opportunity="vote-1"), FEB),
    ),
    "course.completed": (ANA, rl.CourseCompleted(member="ana", course="basics", version="2")),
    "agreement.accepted": (ANA, rl.AgreementAccepted(member="ana", agreement="conduct")),
    "agreement.revoked": (
        [*ANA, (rl.AgreementAccepted(member="ana", agreement="conduct"), FEB)],
        rl.AgreementRevoked(member="ana", agreement="conduct"),
    ),
    "leave.started": (ANA, (rl.LeaveStarted(member="ana", expected_return=None), MAR)),
    "leave.ended": ([*ANA, (rl.LeaveStarted(member="ana"), MAR)], (rl.LeaveEnded(member="ana"), APR)),
    "notice.sent": (ANA, rl.NoticeSent(member="ana", notice="n1", stage="nudge")),
    "notice.answered": (
        [*ANA, (rl.NoticeSent(member="ana", notice="n1", stage="nudge"), FEB)],
        rl.NoticeAnswered(member="ana", notice="n1"),
    ),
    "application.filed": ([], rl.ApplicationFiled(member="new", role="mentor")),
    "application.decided": (
        [(rl.ApplicationFiled(member="new", role="mentor"), FEB)],
        rl.ApplicationDecided(member="new", role="mentor", outcome="accepted"),
    ),
    "review.opened": (ANA, rl.ReviewOpened(member="ana", review="r1", policy="p")),
    "review.decided": (
        [*ANA, (rl.ReviewOpened(member="ana", review="r1", policy="p"), FEB)],
        rl.ReviewDecided(member="ana", review="r1", outcome="active"),
    ),
    "exemption.granted": (ANA, rl.ExemptionGranted(member="ana", policy="p", reason="baby")),
    "ledger.declared": ([], rl.LedgerDeclared(ledger="reps", zone="UTC")),
    "charter.adopted": ([], rl.CharterAdopted(document='charter = "reps"\nversion = "1"', version="1")),
    "policy.stated": (
        [],
        rl.PolicyStated(policy="activity", version="1", document=dumps(POLICY), digest=digest(POLICY)),
    ),
    "entry.retracted": ([*ANA, (REPORT, FEB)], retract(1)),
    "entry.corrected": (
        [*ANA, (REPORT, FEB)],
        lambda ids: correct(1, rl.ReportFiled(member="ana", activity="booth"))(ids)[0],
    ),
    "access.given": (ANA, rl.AccessGiven(form="portable", person="ana")),
    "member.erased": (ANA, rl.MemberErased(member="ana", reason="request")),
    "text.redacted": (ANA, rl.TextRedacted(entries=("e1",), person="ana")),
}


def test_every_kind_has_a_story() -> None:
    """The table below this file's head, and the rulebook, know every built-in kind.

    What a void takes is no fact: see ``tests/ledger/test_voids.py``.
    """
    names = {kind_of(cls).name for cls in BUILT_IN}
    assert {*LEGAL, "entry.voided"} == names == {rule.name for rule in BUILT_IN_RULES}


@pytest.mark.parametrize("kind", LEGAL)
def test_a_legal_fact_is_recorded(kind: str) -> None:
    """Each kind of fact is recorded where its rules allow it, under its own name."""
    before, fact = LEGAL[kind]
    told = given(before).when(fact).then_recorded()
    assert told.ledger.entry(told.ids[-1]).name == kind


@pytest.mark.parametrize("kind", [name for name, (_, one) in LEGAL.items() if not callable(one)])
def test_a_legal_fact_is_recorded_in_one_batch(kind: str) -> None:
    """Each kind of fact may be recorded in one batch with what makes it legal."""
    before, fact = LEGAL[kind]
    told = given().when(before, fact).then_recorded()
    assert len(told.ids) == len(before) + 1


MEMBERS_ONLY: Final[dict[str, Saying]] = {
    kind: LEGAL[kind][1]
    for kind in (
        "member.retired",
        "account.linked",
        "affiliation.started",
        "affiliation.ended",
        "member.profiled",
        "role.assigned",
        "community.joined",
        "report.filed",
        "course.completed",
        "agreement.accepted",
        "leave.started",
        "review.opened",
        "exemption.granted",
        "member.erased",
    )
}


@pytest.mark.parametrize("kind", MEMBERS_ONLY)
def test_what_needs_a_member_is_refused_of_strangers(kind: str) -> None:
    """Facts about a member are refused of somebody who never joined, by name and date."""
    told = MEMBERS_ONLY[kind]
    day = told[1] if isinstance(told, tuple) else None
    words = "ana", (day or NOW.date()).isoformat(), "member.joined"
    given(joined("ben")).when(told).then_refused("not_joined", *words, because=())


@pytest.mark.parametrize("kind", MEMBERS_ONLY)
def test_what_needs_a_member_needs_one_on_its_day(kind: str) -> None:
    """Facts about a member are refused of a day before they joined."""
    told = MEMBERS_ONLY[kind]
    assert not callable(told)
    fact = told[0] if isinstance(told, tuple) else told
    given(joined("ana", on=MAR)).when((fact, FEB)).then_refused("not_joined", "2018-02-01", because=())


@pytest.mark.parametrize("kind", MEMBERS_ONLY)
def test_what_needs_a_member_is_refused_of_a_merged_away_name(kind: str) -> None:
    """Facts about a member name the identifier that a merge kept."""
    told = MEMBERS_ONLY[kind]
    fact = told[0] if isinstance(told, tuple) else told
    assert not callable(fact)
    story = given(joined("ana", "kept"), merged("kept", "ana", MAR))
    story.when((fact, APR)).then_refused("merged_away", "ana", "kept", because=[2])


@pytest.mark.parametrize(
    "fact",
    [
        rl.AccountUnlinked(member="ana", provider="git", account="a"),
        rl.Vouched(member="ana", voucher="ben"),
        rl.MentorAssigned(member="ana", mentor="ben"),
        rl.OpportunityTaken(member="ana", opportunity="o"),
    ],
    ids=lambda fact: kind_of(fact).name,
)
def test_who_had_not_joined_is_named_beside_other_reasons(fact: rl.Fact) -> None:
    """With the day too, so that one knows whose joining to record first, and by when."""
    refused = given().when((fact, FEB)).refusals()
    told = [refusal.words for refusal in refused if refusal.code == "not_joined"]
    assert any("ana" in words and "2018-02-01" in words for words in told)
    assert len(refused) > 1


def test_all_refusals_of_one_fact_are_gathered() -> None:
    """A fact with two problems is refused for both at once."""
    fact = rl.RoleAssigned(member="ana", role="mentor", until=JAN)
    given().when((fact, MAR)).then_refused_all((0, "not_joined"), (0, "until_before_start"))
    given().when(rl.Vouched(member="ana", voucher="ben")).then_refused_all(
        (0, "not_joined"), (0, "not_joined")
    )


def test_all_refusals_of_a_batch_are_gathered() -> None:
    """Every fact of a batch is judged, and each refusal says which fact it is about."""
    ana = rl.MemberJoined(member="ana")
    given(joined("ana")).when(
        rl.MemberJoined(member="ben"),
        ana,
        rl.Vouched(member="ben", voucher="ana"),
        rl.Vouched(member="cleo", voucher="dan"),
    ).then_refused_all((1, "already_joined"), (3, "not_joined"), (3, "not_joined"))


def test_facts_of_a_batch_are_judged_after_those_before_them() -> None:
    """Within a batch, the order counts: what comes too early is refused."""
    join, role = joined("ana")[0], (rl.RoleAssigned(member="ana", role="mentor"), FEB)
    given().when(join, role).then_recorded()
    given().when(role, join).then_refused_all((0, "not_joined"))
    given().when(join, role, role).then_refused_all((2, "role_held"))
