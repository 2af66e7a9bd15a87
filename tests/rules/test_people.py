"""Rules about who belongs, under which names."""

from __future__ import annotations

import io
from datetime import date
from typing import Final

import pytest

import reps_ledger as rl
from reps_ledger.domain.facts import kind_of
from scenarios import APR, AUG, FEB, JAN, JUL, JUN, MAR, MAY, Saying, given, joined, merged, retract

ANA: Final = rl.MemberJoined(member="ana")
RETIRED: Final = rl.MemberRetired(member="ana", how="resigned")
RETURNED: Final = rl.MemberReturned(member="ana")
MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor")
ENDED: Final = rl.RoleEnded(member="ana", role="mentor", how="resigned")
LINK: Final = rl.AccountLinked(member="ana", provider="git", account="octo")


def test_nobody_joins_twice() -> None:
    """Once a member, for ever a member: joining again is refused, with the first joining."""
    given((ANA, MAR)).when((ANA, JUN)).then_refused("already_joined", "ana", "2018-03-01", because=[0])


def test_nobody_joins_again_after_retiring() -> None:
    """A retired member is a member still, and returns instead of joining."""
    story = given((ANA, MAR), (RETIRED, APR))
    story.when((ANA, JUN)).then_refused("already_joined", "ana", because=[0])
    story.when((RETURNED, JUN)).then_recorded()


def test_joining_before_a_known_joining_contradicts_it() -> None:
    """An earlier joining would leave the later one, which stands, as a second."""
    given((ANA, MAR)).when((ANA, FEB)).then_refused("contradicts_later", "ana", "2018-02-01", because=[0])


def test_joining_after_a_joining_was_retracted() -> None:
    """Who joined by a mistake that was retracted may join."""
    given((ANA, MAR), retract(0)).when((ANA, JUN)).then_recorded()


def test_an_account_of_the_site_is_one_persons() -> None:
    """Joining with an account that is another's is refused, and names whose it is."""
    first = rl.MemberJoined(member="ana", account="octo@site")
    second = rl.MemberJoined(member="ben", account="octo@site")
    given((first, JAN)).when((second, FEB)).then_refused(
        "account_taken", "that account is", "ana", because=[0]
    )
    given((first, JAN)).when((first, FEB)).then_refused_all((0, "already_joined"), (0, "already_linked"))


def test_an_account_elsewhere_is_one_persons() -> None:
    """Linking an account is refused while it is linked, to them or to another."""
    story = given(joined("ana", "ben"), (LINK, FEB))
    ben = rl.AccountLinked(member="ben", provider="git", account="octo")
    story.when((LINK, MAR)).then_refused("already_linked", "that account at git", "ana", because=[2])
    story.when((ben, MAR)).then_refused("account_taken", "that account at git", "ana", because=[2])
    other = rl.AccountLinked(member="ben", provider="chat", account="octo")
    story.when((other, MAR)).then_recorded()


def test_an_account_may_change_hands() -> None:
    """Once unlinked, an account may be linked to another; before that it was not theirs."""
    ben = rl.AccountLinked(member="ben", provider="git", account="octo")
    unlink = rl.AccountUnlinked(member="ana", provider="git", account="octo")
    story = given(joined("ana", "ben"), (LINK, FEB), (unlink, MAR))
    story.when((ben, FEB)).then_refused("account_taken", because=[2])
    story.when((ben, APR)).then_recorded()


def test_linking_before_another_has_the_account_contradicts_it() -> None:
    """Backdated, a link may not begin before one that stands later."""
    ben = rl.AccountLinked(member="ben", provider="git", account="octo")
    given(joined("ana", "ben"), (LINK, MAR)).when((ben, FEB)).then_refused(
        "contradicts_later", "ben", because=[2]
    )


def test_only_ones_own_account_is_unlinked() -> None:
    """Unlinking what is nobody's, or another's, is refused; the link is named."""
    unlink = rl.AccountUnlinked(member="ben", provider="git", account="octo")
    story = given(joined("ana", "ben"))
    story.when((unlink, MAR)).then_refused("not_linked", "that account at git", "ben", because=())
    story = story.when((LINK, FEB)).then_recorded()
    story.when((unlink, MAR)).then_refused("not_linked", "that account at git", "ben", because=[2])


def test_nobody_retires_twice() -> None:
    """A second retirement is refused, with the first; after a return it is not."""
    story = given((ANA, JAN), (RETIRED, FEB))
    story.when((RETIRED, MAR)).then_refused("already_retired", "2018-02-01", because=[1])
    story.when((RETURNED, MAR)).then_recorded().when((RETIRED, APR)).then_recorded()


def test_only_the_retired_return() -> None:
    """Returning is refused of who is not retired, and of strangers for one reason."""
    given((ANA, JAN)).when((RETURNED, FEB)).then_refused("not_retired", "ana", because=())
    given().when((RETURNED, FEB)).then_refused("not_joined", "ana", "2018-02-01", because=())
    given((ANA, JAN), (RETIRED, MAR)).when((RETURNED, FEB)).then_refused("not_retired", because=())


def test_retiring_ends_every_role() -> None:
    """A retired member's roles have ended: ending them again is refused."""
    roles: list[Saying] = [(MENTOR, FEB), (rl.RoleAssigned(member="ana", role="council"), FEB)]
    story = given((ANA, JAN), roles, (RETIRED, MAR))
    story.when((ENDED, APR)).then_refused("role_not_held", "ana", "2018-04-01", because=())
    assert story.ledger.as_of().member("ana").roles.now == ()


def test_a_new_role_ends_a_retirement() -> None:
    """Who is given a role is retired no longer: they may retire again, and not return."""
    story = given((ANA, JAN), (RETIRED, FEB), (MENTOR, MAR))
    story.when((RETURNED, APR)).then_refused("not_retired", because=())
    story.when((RETIRED, APR)).then_recorded()


def test_a_retirement_may_not_contradict_a_later_end_of_a_role() -> None:
    """A backdated retirement would end the role before the end that was recorded of it."""
    given((ANA, JAN), (MENTOR, FEB), (ENDED, MAY)).when((RETIRED, APR)).then_refused(
        "contradicts_later", "mentor", because=[2]
    )


def test_a_retirement_may_be_backdated_between() -> None:
    """What was told before it and begins after it never begins; told anew, it does."""
    story = given((ANA, JAN), (MENTOR, FEB), (ENDED, MAR), (MENTOR, MAY))
    story = story.when((RETIRED, APR)).then_recorded()
    assert story.ledger.as_of(APR).member("ana").membership.retired_at is not None
    assert not story.ledger.as_of().member("ana").roles.held("mentor")
    assert [one.kind for one in story.ledger.reconcile()] == ["never_began"]
    story = story.when((MENTOR, MAY)).then_recorded()
    assert story.ledger.as_of().member("ana").roles.held("mentor")


def test_a_return_may_not_be_stolen_from_a_later_one() -> None:
    """A backdated return leaves a later one without a retirement."""
    given((ANA, JAN), (RETIRED, FEB), (RETURNED, MAY)).when((RETURNED, APR)).then_refused(
        "contradicts_later", "not retired", because=[2]
    )


def test_nobody_is_merged_with_themselves() -> None:
    """Merging a name with itself is refused, whoever it is."""
    itself = rl.MembersMerged(member="ana", duplicate="ana")
    given().when(itself).then_refused("same_person", "ana", because=())


def test_both_of_two_merged_have_joined() -> None:
    """A merge needs two members, and says of each who is none."""
    merge = rl.MembersMerged(member="ana", duplicate="ben")
    given().when(merge).then_refused_all((0, "not_joined"), (0, "not_joined"))
    given(joined("ana")).when(merge).then_refused("not_joined", "ben", because=())
    given(joined("ben")).when(merge).then_refused("not_joined", "ana", because=())


def test_a_merged_away_name_is_not_merged_again() -> None:
    """Neither as the duplicate nor as the one to keep: the kept name is used."""
    story = given(joined("ana", "ben", "cleo"), merged("ana", "ben", MAR))
    story.when(merged("cleo", "ben", APR)).then_refused("merged_away", "ben", "ana", because=[3])
    story.when(merged("ben", "cleo", APR)).then_refused("merged_away", "ben", "ana", because=[3])
    story.when(merged("cleo", "ana", APR)).then_recorded()


def test_a_merged_away_name_does_not_join_again() -> None:
    """Somebody who was found to be another does not join under the name merged away."""
    story = given(joined("ana", "ben"), merged("ana", "ben", MAR))
    story.when((rl.MemberJoined(member="ben"), APR)).then_refused("merged_away", "ben", "ana", because=[2])


def test_only_what_was_merged_is_unmerged() -> None:
    """An unmerge names the very pair of a merge that stands."""
    story = given(joined("ana", "ben", "cleo"), merged("ana", "ben", MAR))
    for kept, duplicate in (("cleo", "ben"), ("ben", "ana"), ("ana", "cleo")):
        fact = rl.MembersUnmerged(member=kept, duplicate=duplicate)
        story.when((fact, APR)).then_refused("not_merged", kept, duplicate, because=())


def test_the_kept_name_has_the_roles_of_the_duplicate() -> None:
    """After a merge, rules of the kept name see what the duplicate holds."""
    role = rl.RoleAssigned(member="ben", role="mentor")
    story = given(joined("ana", "ben"), (role, FEB), merged("ana", "ben", MAR))
    story.when((MENTOR, APR)).then_refused("role_held", "2018-02-01", because=[2])
    story.when((ENDED, APR)).then_recorded()


def test_an_unmerge_restores_both() -> None:
    """After an unmerge each has their own history: the duplicate their role, the other none."""
    role = rl.RoleAssigned(member="ben", role="mentor")
    undo = rl.MembersUnmerged(member="ana", duplicate="ben")
    story = given(joined("ana", "ben"), (role, FEB), merged("ana", "ben", MAR), (undo, APR))
    story.when((role, MAY)).then_refused("role_held", because=[2])
    story.when((MENTOR, MAY)).then_recorded()


def test_retracting_a_merge_restores_both() -> None:
    """A merge that was retracted counts as never recorded."""
    story = given(joined("ana", "ben"), merged("ana", "ben", MAR), retract(2))
    story.when((rl.CourseCompleted(member="ben", course="c"), APR)).then_recorded()
    story.when(merged("ben", "ana", APR)).then_recorded()


def test_merges_chain() -> None:
    """A duplicate of a duplicate is one person with the last that was kept."""
    story = given(
        joined("ana", "ben", "cleo"),
        (rl.RoleAssigned(member="cleo", role="mentor"), FEB),
        merged("ben", "cleo", MAR),
        merged("ana", "ben", APR),
    )
    story.when((MENTOR, MAY)).then_refused("role_held", because=[3])
    assert story.ledger.as_of().member("cleo").member == "ana"


@pytest.mark.parametrize("day", [JAN, FEB, date(2017, 1, 1)])
def test_identity_has_no_date(day: date) -> None:
    """A merged-away name is refused of days before the merge too: a merge has no date."""
    story = given(joined("ana", "ben"), merged("ana", "ben", JUN))
    course = rl.CourseCompleted(member="ben", course="c")
    story.when((course, day)).then_refused("merged_away", "ben", "ana", because=[2])


def test_joining_under_a_merged_away_name_before_the_merge() -> None:
    """A joining backdated to before the merge does not sneak in under the duplicate's name."""
    story = given(joined("ana", "ben"), merged("ana", "ben", JUN))
    story.when((rl.MemberJoined(member="ben"), date(2017, 5, 1))).then_refused(
        "merged_away", "ben", "ana", because=[2]
    )


@pytest.mark.parametrize(
    ("before", "fact"),
    [
        pytest.param(
            (rl.AccountLinked(member="ben", provider="git", account="b"), FEB),
            rl.AccountUnlinked(member="ana", provider="git", account="b"),
            id="account.unlinked",
        ),
        pytest.param(
            (rl.Vouched(member="eve", voucher="ben"), FEB),
            rl.VouchWithdrawn(member="eve", voucher="ana"),
            id="vouch.withdrawn-by",
        ),
        pytest.param(
            (rl.Vouched(member="ben", voucher="eve"), FEB),
            rl.VouchWithdrawn(member="ana", voucher="eve"),
            id="vouch.withdrawn-of",
        ),
        pytest.param(
            (rl.MentorAssigned(member="eve", mentor="ben"), FEB),
            rl.MentorReleased(member="eve", mentor="ana"),
            id="mentor.released",
        ),
        pytest.param(
            (rl.NoticeSent(member="ben", notice="n", stage="nudge"), FEB),
            rl.NoticeAnswered(member="ana", notice="n"),
            id="notice.answered",
        ),
        pytest.param(
            (rl.ReviewOpened(member="ben", review="r", policy="p"), FEB),
            rl.ReviewDecided(member="ana", review="r", outcome="active"),
            id="review.decided",
        ),
        pytest.param(
            (rl.RoleAssigned(member="ben", role="mentor"), FEB),
            rl.RoleEnded(member="ana", role="mentor", how="resigned"),
            id="role.ended",
        ),
        pytest.param((rl.LeaveStarted(member="ben"), FEB), rl.LeaveEnded(member="ana"), id="leave.ended"),
        pytest.param(
            (rl.CommunityJoined(member="ben", community="c"), FEB),
            rl.CommunityLeft(member="ana", community="c"),
            id="community.left",
        ),
        pytest.param(
            (rl.AgreementAccepted(member="ben", agreement="a"), FEB),
            rl.AgreementRevoked(member="ana", agreement="a"),
            id="agreement.revoked",
        ),
        pytest.param(
            (rl.ApplicationFiled(member="ben", role="mentor"), FEB),
            rl.ApplicationDecided(member="ana", role="mentor", outcome="yes"),
            id="application.decided",
        ),
    ],
)
def test_what_the_duplicate_began_the_kept_name_ends(before: Saying, fact: rl.Fact) -> None:
    """After a merge, what was begun under the duplicate's name is ended under the kept one."""
    story = given(joined("ana", "ben", "eve"), before, merged("ana", "ben", JUL))
    story.when((fact, AUG)).then_recorded()


@pytest.mark.parametrize(
    ("before", "fact"),
    [
        pytest.param(
            (rl.Vouched(member="eve", voucher="ben"), FEB),
            rl.Vouched(member="eve", voucher="ana"),
            id="vouch.given",
        ),
        pytest.param(
            (rl.MentorAssigned(member="eve", mentor="ben"), FEB),
            rl.MentorAssigned(member="eve", mentor="ana"),
            id="mentor.assigned",
        ),
    ],
)
def test_what_the_duplicate_began_the_kept_name_does_not_begin_again(before: Saying, fact: rl.Fact) -> None:
    """After a merge, what stands of the duplicate keeps the kept name from doing it twice."""
    story = given(joined("ana", "ben", "eve"), before, merged("ana", "ben", JUL))
    code = "already_vouched" if isinstance(fact, rl.Vouched) else "already_mentor"
    story.when((fact, AUG)).then_refused(code, because=[3])


ENDINGS_BY_DUPLICATE: Final[list[tuple[Saying, rl.Fact]]] = [
    (
        (rl.AccountLinked(member="ben", provider="git", account="b"), FEB),
        rl.AccountUnlinked(member="ben", provider="git", account="b"),
    ),
    ((rl.Vouched(member="eve", voucher="ben"), FEB), rl.VouchWithdrawn(member="eve", voucher="ben")),
    ((rl.MentorAssigned(member="eve", mentor="ben"), FEB), rl.MentorReleased(member="eve", mentor="ben")),
    (
        (rl.NoticeSent(member="ben", notice="n", stage="nudge"), FEB),
        rl.NoticeAnswered(member="ben", notice="n"),
    ),
    (
        (rl.ReviewOpened(member="ben", review="r", policy="p"), FEB),
        rl.ReviewDecided(member="ben", review="r", outcome="active"),
    ),
    (
        (rl.RoleAssigned(member="ben", role="mentor"), FEB),
        rl.RoleEnded(member="ben", role="mentor", how="resigned"),
    ),
    ((rl.LeaveStarted(member="ben"), FEB), rl.LeaveEnded(member="ben")),
    ((rl.CommunityJoined(member="ben", community="c"), FEB), rl.CommunityLeft(member="ben", community="c")),
    (
        (rl.AgreementAccepted(member="ben", agreement="a"), FEB),
        rl.AgreementRevoked(member="ben", agreement="a"),
    ),
    (
        (rl.ApplicationFiled(member="ben", role="mentor"), FEB),
        rl.ApplicationDecided(member="ben", role="mentor", outcome="yes"),
    ),
]


@pytest.mark.parametrize(
    ("before", "fact"),
    [pytest.param(before, fact, id=kind_of(fact).name) for before, fact in ENDINGS_BY_DUPLICATE],
)
def test_nothing_is_ended_under_a_merged_away_name(before: Saying, fact: rl.Fact) -> None:
    """After a merge, endings are refused of the merged-away name, which says what to use."""
    story = given(joined("ana", "ben", "eve"), before, merged("ana", "ben", JUL))
    codes = [refusal.code for refusal in story.when((fact, AUG)).refusals()]
    assert "merged_away" in codes


def test_a_merge_within_a_batch_leads_to_what_the_duplicate_did() -> None:
    """What is recorded after a merge in one batch is judged with the duplicate's history."""
    applied = rl.ApplicationFiled(member="ana", role="mentor"), APR
    given().when(joined("ana", "ben"), merged("ana", "ben", MAR), applied).then_recorded()


def test_a_merge_within_an_import_leads_to_what_the_duplicate_did() -> None:
    """What follows a merge in one import is judged with the duplicate's history."""
    applied = rl.ApplicationFiled(member="ana", role="mentor"), APR
    file = io.BytesIO()
    given(joined("ana", "ben"), merged("ana", "ben", MAR), applied).ledger.export(file)
    with rl.open(None) as other:
        report = other.import_history(file.getvalue().decode().splitlines())
        assert (report.recorded, len(report.refused)) == (4, 0)
