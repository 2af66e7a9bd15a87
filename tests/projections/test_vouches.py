"""Vouches and belonging: who stands for whom, and where a member belongs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import reps_ledger as rl
from scenarios import APR, FEB, JUN, MAR, MAY, given, joined, merged

PEOPLE: Final = joined("ana", "ben", "cleo")


def vouch(member: str, voucher: str) -> rl.Vouched:
    """Let one vouch for another."""
    return rl.Vouched(member=member, voucher=voucher, reason=f"{voucher} knows {member}")


def test_a_vouch_is_received_and_given() -> None:
    """A standing vouch is received by the one and given by the other, with when and why."""
    story = given(PEOPLE, (vouch("ana", "ben"), FEB))
    ana, ben = (story.ledger.as_of().member(name).vouches for name in ("ana", "ben"))
    (one,) = ana.received
    assert (one.member, one.voucher, one.reason) == ("ana", "ben", "ben knows ana")
    assert (one.at, one.given_in, one.stands) == (datetime(2018, 2, 1, tzinfo=UTC), story.ids[3], True)
    assert ben.given == (one,)
    assert (ana.given, ben.received, ana.level, ben.level) == ((), (), 1, 0)


def test_a_withdrawn_vouch_is_kept_and_does_not_count() -> None:
    """A vouch that was taken back stands no more; when, and in which entry, is known."""
    back = rl.VouchWithdrawn(member="ana", voucher="ben")
    story = given(PEOPLE, (vouch("ana", "ben"), FEB), (vouch("ana", "cleo"), FEB), (back, APR))
    state = story.ledger.as_of().member("ana").vouches
    assert [v.voucher for v in state.received] == ["cleo"]
    (gone,) = state.withdrawn
    assert (gone.voucher, gone.withdrawn, gone.withdrawn_in) == (
        "ben",
        datetime(2018, 4, 1, tzinfo=UTC),
        story.ids[5],
    )
    assert state.level == 1
    assert story.ledger.as_of(MAR).member("ana").vouches.level == 2


def test_only_the_vouch_that_stood_is_withdrawn() -> None:
    """Given again after a withdrawal, a vouch stands; the withdrawn one keeps its own end."""
    back = rl.VouchWithdrawn(member="ana", voucher="ben")
    fact = vouch("ana", "ben")
    story = given(PEOPLE, (fact, FEB), (back, MAR), (fact, APR), (back, MAY), (fact, JUN))
    state = story.ledger.as_of().member("ana").vouches
    assert [v.at.month for v in state.received] == [6]
    assert [v.withdrawn.month for v in state.withdrawn if v.withdrawn] == [3, 5]


def test_a_vouch_by_oneself_after_a_merge_does_not_count() -> None:
    """Where voucher and member turn out to be one, the vouch counts for nobody."""
    story = given(PEOPLE, (vouch("ana", "ben"), FEB), merged("ana", "ben", MAR))
    state = story.ledger.as_of().member("ana").vouches
    assert (state.all, state.received, state.given, state.level) == ((), (), (), 0)
    assert story.ledger.as_of().vouch_graph() == ()
    story = story.when((rl.MembersUnmerged(member="ana", duplicate="ben"), APR)).then_recorded()
    assert story.ledger.as_of().member("ana").vouches.level == 1


def test_two_vouches_of_one_person_count_once() -> None:
    """Where two vouchers turn out to be one, one person stands for the member."""
    told = [(vouch("cleo", "ana"), FEB), (vouch("cleo", "ben"), FEB)]
    story = given(PEOPLE, *told, merged("ana", "ben", MAR))
    state = story.ledger.as_of().member("cleo").vouches
    assert ([v.voucher for v in state.received], state.level) == (["ana", "ana"], 1)


def test_the_graph_of_vouches() -> None:
    """The graph has an edge for each standing vouch, by voucher and member."""
    back = rl.VouchWithdrawn(member="ana", voucher="cleo")
    told = [
        (vouch("ana", "cleo"), FEB),
        (vouch("ben", "cleo"), FEB),
        (vouch("cleo", "ana"), FEB),
        (vouch("ben", "ana"), FEB),
    ]
    story = given(PEOPLE, *told, (back, MAR))
    edges = [(v.voucher, v.member) for v in story.ledger.as_of().vouch_graph()]
    assert edges == [("ana", "ben"), ("ana", "cleo"), ("cleo", "ben")]


def test_where_a_member_belongs() -> None:
    """Accounts, organisations, communities and mentors are those begun and not ended."""
    story = given(
        (rl.MemberJoined(member="ana", account="a@site"), FEB),
        joined("ben", "cleo"),
        *[
            (fact, MAR)
            for fact in (
                rl.AccountLinked(member="ana", provider="git", account="a"),
                rl.AccountLinked(member="ana", provider="chat", account="a"),
                rl.AccountUnlinked(member="ana", provider="chat", account="a"),
                rl.AffiliationStarted(member="ana", organisation="Acme", kind="employee"),
                rl.AffiliationStarted(member="ana", organisation="Bund"),
                rl.AffiliationEnded(member="ana", organisation="Acme"),
                rl.CommunityJoined(member="ana", community="asia"),
                rl.CommunityJoined(member="ana", community="id"),
                rl.CommunityLeft(member="ana", community="asia"),
                rl.MentorAssigned(member="ana", mentor="ben"),
                rl.MentorAssigned(member="ana", mentor="cleo"),
                rl.MentorReleased(member="ana", mentor="ben"),
                rl.MentorAssigned(member="ben", mentor="ana"),
            )
        ],
    )
    state = story.ledger.as_of().member("ana").belonging
    assert state.accounts == {("", "a@site"), ("git", "a")}
    assert state.affiliations == {"Bund"}
    assert state.communities == {"id"}
    assert state.mentors == {"cleo"}


def test_skills_are_what_reports_are_about() -> None:
    """The areas of reports are skills, the most frequent first; announcements are none."""

    def report(*areas: str, announced: bool = False) -> rl.Fact:
        return rl.ReportFiled(member="ana", activity="t", areas=areas, announced=announced)

    story = given(
        joined("ana"),
        (report("web", "l10n"), FEB),
        (report("l10n"), MAR),
        (report(), MAR),
        (report("art", announced=True), MAR),
        (report("css"), MAR),
    )
    assert story.ledger.as_of().member("ana").belonging.skills == ("l10n", "css", "web")
