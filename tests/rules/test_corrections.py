"""Rules about corrections: retracting, putting right, and what later recordings then see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from scenarios import APR, FEB, JAN, JUN, MAR, MAY, NOON, correct, given, joined, merged, retract
from strategies import BadgeAwarded

if TYPE_CHECKING:
    from datetime import date

BOTH: Final = joined("ana", "ben")
MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor")
COUNCIL: Final = rl.RoleAssigned(member="ana", role="council")
ENDED: Final = rl.RoleEnded(member="ana", role="mentor", how="resigned")
COUNCIL_ENDED: Final = rl.RoleEnded(member="ana", role="council", how="resigned")
REPORT: Final = rl.ReportFiled(member="ana", activity="talk")
VOTE: Final = rl.OpportunityHeld(opportunity="v", kind="vote")
NUDGE: Final = rl.NoticeSent(member="ana", notice="n", stage="nudge")
UNKNOWN: Final = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("later", [(MENTOR, MAY), (rl.MemberRetired(member="ben", how="died"), MAY)])
def test_a_merge_may_be_backdated(later: tuple[rl.Fact, date]) -> None:
    """A merge is recorded though either of the two did something after its date."""
    story = given(BOTH, later).when(merged("ana", "ben", APR)).then_recorded()
    assert story.ledger.as_of().member("ben").member == "ana"


def test_a_merge_may_be_dated_before_either_joined() -> None:
    """Who is the same person as whom has no date: two who joined are, whenever that was found."""
    story = given(joined("ana", "ben", on=MAR)).when(merged("ana", "ben", FEB)).then_recorded()
    assert story.ledger.as_of().member("ben").member == "ana"


def test_a_merge_is_not_put_right_to_one_of_somebody_merged_already() -> None:
    """Ben, who is Ana, would be Cleo instead, unseen; to merge Ana, or to turn a merge around, is allowed."""
    story = given(joined("ana", "ben", "cleo", "dan"), merged("ana", "ben", FEB), merged("cleo", "dan", MAR))
    again = rl.MembersMerged(member="cleo", duplicate="ben")
    story.when(correct(5, again)).then_refused("merged_away", "ben was found to be ana", because=[4])
    whole = story.when(correct(5, rl.MembersMerged(member="cleo", duplicate="ana"))).then_recorded()
    assert whole.ledger.as_of().member("ben").member == "cleo"
    turned = given(joined("ana", "ben"), merged("ana", "ben", FEB))
    turned = turned.when(correct(2, rl.MembersMerged(member="ben", duplicate="ana"))).then_recorded()
    assert turned.ledger.as_of().member("ana").member == "ben"


def test_what_a_merge_made_void_may_be_put_right() -> None:
    """A vouch between two records of one person counts for nothing, and can still be put right."""
    vouch = rl.Vouched(member="ana", voucher="ben")
    story = given(joined("ana", "ben", "cleo"), (vouch, FEB), merged("ana", "ben", MAR))
    assert [one.kind for one in story.ledger.reconcile()] == ["void"]
    for mend in (retract(3), correct(3, rl.Vouched(member="ana", voucher="cleo"))):
        again = given(joined("ana", "ben", "cleo"), (vouch, FEB), merged("ana", "ben", MAR))
        mended = again.when(mend).then_recorded()
        assert mended.ledger.reconcile() == ()


def test_an_unknown_entry_is_not_corrected() -> None:
    """A correction or retraction of an entry that does not exist is refused, and names it."""
    story = given(BOTH)
    for fact in (
        rl.EntryRetracted(target=UNKNOWN, reason="?"),
        rl.EntryCorrected(target=UNKNOWN, replacement=REPORT, reason="?"),
        rl.EntryRetracted(target="no id at all", reason="?"),
    ):
        story.when(fact).then_refused("no_entry", fact.target, because=())


def test_a_retracted_role_may_be_assigned_again() -> None:
    """Recordings after a retraction see a history without what was retracted."""
    story = given(BOTH, (MENTOR, FEB)).when(retract(2)).then_recorded()
    story.when((ENDED, MAR)).then_refused("role_not_held", because=())
    story.when((MENTOR, MAR)).then_recorded()


def test_a_retraction_may_be_retracted() -> None:
    """Retracting a retraction restores its target, for later recordings and for views."""
    story = given(BOTH, (MENTOR, FEB), retract(2), retract(3))
    assert "mentor" in story.ledger.as_of().member("ana").roles
    story.when((MENTOR, MAR)).then_refused("role_held", because=[2])
    story.when((ENDED, MAR)).then_recorded()


def test_what_does_not_stand_is_not_corrected() -> None:
    """What was retracted, or corrected, is neither retracted nor corrected again."""
    story = given(BOTH, (REPORT, FEB), retract(2), (REPORT, MAR), correct(4, REPORT))
    for number in (2, 4):
        story.when(retract(number)).then_refused("not_standing", story.ids[number], because=[number])
        story.when(correct(number, REPORT)).then_refused("not_standing", because=[number])


def test_a_retraction_is_retracted_once() -> None:
    """A retraction that was retracted does not stand, and the entry that it restored does."""
    story = given(BOTH, (REPORT, FEB), retract(2), retract(3))
    story.when(retract(3)).then_refused("not_standing", because=[3])
    story.when(retract(2)).then_recorded().when(retract(2)).then_refused("not_standing", because=[2])


def test_a_retraction_is_not_corrected() -> None:
    """A retraction has nothing to correct: it is retracted."""
    given(BOTH, (REPORT, FEB), retract(2)).when(correct(3, REPORT)).then_refused(
        "no_fact", "retraction", because=[3]
    )


def test_a_correction_happens_when_its_target_did() -> None:
    """Without a date a correction, or retraction, takes its target's, to the day or the instant."""
    story = given(BOTH, (REPORT, FEB), (REPORT, NOON), correct(2, REPORT), correct(3, REPORT))
    story = story.when(retract(0)).then_recorded()
    by_day, at_noon, retraction = (story.ledger.entry(id_) for id_ in story.ids[4:])
    assert by_day.day == FEB
    assert (at_noon.day, at_noon.occurred_at) == (None, NOON)
    assert retraction.day == JAN


def test_a_correction_in_place() -> None:
    """A corrected role is another role: the first was never held, the second is since then."""
    story = given(BOTH, (MENTOR, FEB), correct(2, COUNCIL))
    story.when((ENDED, MAR)).then_refused("role_not_held", because=())
    story.when((COUNCIL, MAR)).then_refused("role_held", "council", "2018-02-01", because=[3])
    view = story.ledger.as_of(FEB).member("ana")
    assert [holding.role for holding in view.roles.ever] == ["council"]


def test_a_correction_in_time() -> None:
    """A correction with a date moves what happened."""
    story = given(BOTH, (MENTOR, FEB), correct(2, MENTOR, APR))
    story.when((ENDED, MAR)).then_refused("role_not_held", "2018-03-01", because=())
    story.when((ENDED, APR)).then_recorded()


def test_a_correction_to_another_member() -> None:
    """A role given to the wrong person is moved: the first never had it, the second has."""
    right = rl.RoleAssigned(member="ben", role="mentor")
    story = given(BOTH, (MENTOR, FEB), correct(2, right))
    story.when((right, MAR)).then_refused("role_held", "ben", because=[3])
    story.when((MENTOR, MAR)).then_recorded()
    view = story.ledger.as_of(FEB)
    assert view.member("ana").roles.ever == ()
    assert view.member("ben").roles.held("mentor")
    assert [entry.id for entry in view.member("ana").history] == [story.ids[0]]


def test_a_correction_may_be_corrected() -> None:
    """What stands in an entry's place is corrected in its turn, at the first one's place."""
    story = given(BOTH, (REPORT, FEB), (MENTOR, FEB), correct(3, COUNCIL), correct(4, MENTOR))
    history = story.ledger.history("ana").entries
    assert [(e.id, e.origin) for e in history if e.name == "role.assigned"] == [(story.ids[5], 4)]
    story.when((ENDED, FEB)).then_recorded()


def test_a_correction_of_a_correction_is_judged_at_the_first_ones_place() -> None:
    """Among ties too: whoever it is about must have joined before that."""

    def entered(member: str, community: str) -> rl.Fact:
        return rl.CommunityJoined(member=member, community=community)

    story = given(
        joined("ana", on=JAN),
        (entered("ana", "asia"), FEB),
        (rl.MemberJoined(member="ben"), FEB),
        correct(1, entered("ana", "paris")),
    )
    story.when(correct(3, entered("ben", "paris"))).then_refused("not_joined", because=())


def test_a_retracted_correction_leaves_the_original() -> None:
    """Retracting a correction undoes it: what was recorded first stands again."""
    story = given(BOTH, (MENTOR, FEB), correct(2, COUNCIL), retract(3))
    story.when((MENTOR, MAR)).then_refused("role_held", because=[2])
    story.when((COUNCIL, MAR)).then_recorded()


def test_retracting_a_corrected_correction_leaves_the_first_one() -> None:
    """Of a chain of corrections, retracting the last leaves the one before it."""
    story = given(BOTH, (MENTOR, FEB), correct(2, COUNCIL), correct(3, MENTOR), retract(4))
    story.when((COUNCIL, MAR)).then_refused("role_held", because=[3])


def test_a_replacement_is_judged_as_a_recording() -> None:
    """What is put in an entry's place is refused for what it would be refused for."""
    story = given(BOTH, (MENTOR, FEB), (COUNCIL, MAR))
    story.when(correct(3, MENTOR)).then_refused("role_held", "mentor", because=[2])
    stranger = rl.RoleAssigned(member="eve", role="mentor")
    story.when(correct(3, stranger)).then_refused("not_joined", "eve", "2018-03-01", because=())
    story.when(correct(3, COUNCIL, on=MAY)).then_recorded()


def test_a_replacement_may_not_contradict_what_came_later() -> None:
    """A correction whose replacement breaks a later entry is refused, with that entry."""
    story = given(BOTH, (REPORT, FEB), (MENTOR, MAY))
    story.when(correct(2, MENTOR)).then_refused("contradicts_later", "mentor", "2018-02-01", because=[3])
    story.when(correct(2, MENTOR, on=JUN)).then_refused("role_held", because=[3])


@pytest.mark.parametrize("fact", [(COUNCIL, None), (MENTOR, MAY)])
def test_a_correction_may_not_take_away_what_came_to_depend_on_it(fact: tuple[rl.Fact, date | None]) -> None:
    """The later entry is put right first; or what stands in its way is retracted, which is always allowed."""
    story = given(BOTH, (MENTOR, FEB), (ENDED, APR))
    story.when(correct(2, *fact)).then_refused("contradicts_later", "did not hold mentor", because=[3])
    story.when(retract(3)).then_recorded().when(correct(2, *fact)).then_recorded()


def test_a_retraction_may_leave_orphans() -> None:
    """Retracting is always allowed; what it orphans is for reconciliation to list."""
    story = given(BOTH, (MENTOR, FEB), (ENDED, APR)).when(retract(2)).then_recorded()
    (found,) = story.ledger.reconcile()
    assert (found.kind, found.member) == ("orphaned", "ana")
    assert found.entries == (story.ids[3],)
    assert "role.ended of 2018-04-01" in found.words


def test_what_an_orphan_breaks_is_not_held_against_another() -> None:
    """What does not hold before a correction is not a reason to refuse the correction."""
    story = given(BOTH, (MENTOR, FEB), (ENDED, APR), (REPORT, MAY), retract(2))
    story.when(correct(4, rl.ReportFiled(member="ana", activity="booth"))).then_recorded()
    story.when((MENTOR, MAR)).then_recorded()


def test_a_corrected_merge() -> None:
    """A merge put right merges the other, and the wrong one is themselves again."""
    story = given(
        joined("ana", "ben", "cleo"),
        merged("ana", "ben", MAR),
        correct(3, rl.MembersMerged(member="ana", duplicate="cleo")),
    )
    story.when((rl.CourseCompleted(member="ben", course="c"), APR)).then_recorded()
    story.when((rl.CourseCompleted(member="cleo", course="c"), APR)).then_refused(
        "merged_away", "cleo", "ana", because=[4]
    )
    story.when((rl.MembersUnmerged(member="ana", duplicate="cleo"), APR)).then_recorded()


def test_a_correction_may_name_whom_a_merge_knows_by_another_name() -> None:
    """It is judged of the one whom it will be read of: who joined, and holds the role."""
    other = rl.ReportFiled(member="ben", activity="booth")
    story = given(BOTH, (REPORT, FEB), merged("ana", "ben", MAR))
    story = story.when(correct(2, other)).then_recorded()
    (read,) = [e.fact for e in story.ledger.history("ana") if e.name == "report.filed"]
    assert read == rl.ReportFiled(member="ana", activity="booth")
    story = given(BOTH, (MENTOR, FEB), (REPORT, FEB), merged("ana", "ben", MAR))
    again = rl.RoleAssigned(member="ben", role="mentor")
    story.when(correct(3, again)).then_refused("role_held", "ana", because=[2])


def test_a_merge_is_not_corrected_to_one_with_themselves() -> None:
    """A correction of a merge is refused for that alone, as the merge itself would be."""
    story = given(joined("ana", "ben"), merged("ana", "ben", MAR))
    itself = rl.MembersMerged(member="ana", duplicate="ana")
    story.when(correct(2, itself)).then_refused("same_person", "ana", because=())


def test_corrections_within_a_batch_that_they_follow() -> None:
    """An entry is retracted in the same batch as what the retraction makes legal."""
    story = given(BOTH, (MENTOR, FEB))
    target = story.ids[2]
    fact = rl.EntryRetracted(target=target, reason="a mistake")
    story.when(fact, (MENTOR, MAR)).then_recorded()
    story.when(fact, fact).then_refused_all((0, "not_standing"), (1, "not_standing"))


def test_correcting_to_another_kind() -> None:
    """The replacement may be of another kind than what was recorded."""
    story = given(BOTH, (REPORT, FEB), facts=[BadgeAwarded])
    story = story.when(correct(2, BadgeAwarded(member="ben", badge="b"))).then_recorded()
    names = [entry.name for entry in story.ledger.history()]
    assert names == ["member.joined", "member.joined", "badge.awarded"]
    assert [entry.name for entry in story.ledger.history("ben")] == names[1:]


DEPENDING: Final[dict[str, tuple[list[Any], int, rl.Fact]]] = {
    "a role, on having joined": ([(MENTOR, FEB)], 0, rl.MemberJoined(member="ana")),
    "a report": ([(REPORT, FEB)], 0, rl.MemberJoined(member="ana")),
    "a vouch for somebody else": (
        [(rl.Vouched(member="ben", voucher="ana"), FEB)],
        0,
        rl.MemberJoined(member="ana"),
    ),
    "taking part, on there being something": (
        [(VOTE, JAN), (rl.OpportunityTaken(member="ana", opportunity="v"), FEB)],
        2,
        VOTE,
    ),
    "a community, on its parent": (
        [
            (rl.CommunityFounded(community="asia"), JAN),
            (rl.CommunityFounded(community="java", parent="asia"), FEB),
        ],
        2,
        rl.CommunityFounded(community="asia"),
    ),
    "an answer, on its notice": (
        [(NUDGE, JAN), (rl.NoticeAnswered(member="ana", notice="n", answer="soon"), FEB)],
        2,
        NUDGE,
    ),
    "a verification, on its report": (
        [(REPORT, JAN), lambda ids: (rl.ReportVerified(member="ana", report=ids[2], verifier="ben"), FEB)],
        2,
        REPORT,
    ),
}


@pytest.mark.parametrize("case", DEPENDING)
def test_what_others_depend_on_is_not_corrected_to_a_later_day(case: str) -> None:
    """Whatever a replay of the rules would refuse is a contradiction, of whatever kind."""
    facts, target, fact = DEPENDING[case]
    story = given(BOTH, facts[0])
    for more in facts[1:]:
        story = story.when(more).then_recorded()
    story.when(correct(target, fact, on=MAR)).then_refused("contradicts_later", because=[len(facts) + 1])
    story.when(correct(target, fact, on=JAN)).then_recorded()


def test_a_correction_is_known_from_its_position_on() -> None:
    """A view known before a correction is as it was, whatever its date."""
    story = given(BOTH, (MENTOR, FEB))
    before = story.ledger.position
    story = story.when(correct(2, COUNCIL)).then_recorded()
    ledger = story.ledger
    roles = ledger.as_of(JUN, known_at=before).member("ana").roles
    assert [holding.role for holding in roles] == ["mentor"]
    assert [holding.role for holding in ledger.as_of(JUN).member("ana").roles] == ["council"]


def test_undoing_an_unmerge() -> None:
    """Retracting an unmerge leaves the two merged."""
    undo = rl.MembersUnmerged(member="ana", duplicate="ben")
    story = given(BOTH, merged("ana", "ben", MAR), (undo, APR), retract(3))
    story.when((rl.CourseCompleted(member="ben", course="c"), MAY)).then_refused("merged_away", because=[2])
    story.when((COUNCIL, MAY), (COUNCIL_ENDED, JUN)).then_recorded()
