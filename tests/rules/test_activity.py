"""Rules about communities, reports, opportunities, courses and agreements."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from scenarios import APR, FEB, JAN, MAR, MAY, NOW, correct, given, joined, merged, retract

if TYPE_CHECKING:
    from scenarios import Saying

BOTH: Final = joined("ana", "ben")
ASIA: Final = rl.CommunityFounded(community="asia")
INDONESIA: Final = rl.CommunityFounded(community="indonesia", parent="asia")
ENTERED: Final = rl.CommunityJoined(member="ana", community="asia")
LEFT: Final = rl.CommunityLeft(member="ana", community="asia")
REPORT: Final = rl.ReportFiled(member="ana", activity="talk")
VOTE: Final = rl.OpportunityHeld(opportunity="vote-1", kind="vote")
TAKEN: Final = rl.OpportunityTaken(member="ana", opportunity="vote-1")
ACCEPTED: Final = rl.AgreementAccepted(member="ana", agreement="conduct", version="1")
REVOKED: Final = rl.AgreementRevoked(member="ana", agreement="conduct", version="1")


def test_a_community_is_founded_once() -> None:
    """A community that exists is not founded again, later or before."""
    given((ASIA, FEB)).when((ASIA, MAR)).then_refused("community_exists", "asia", "2018-02-01", because=[0])
    given((ASIA, FEB)).when((ASIA, JAN)).then_refused("contradicts_later", "asia", because=[0])


def test_a_parent_was_founded_before() -> None:
    """A community is not founded inside one that does not exist then, or inside itself."""
    given().when((INDONESIA, FEB)).then_refused("no_parent", "asia", "2018-02-01", because=())
    given((ASIA, FEB)).when((INDONESIA, JAN)).then_refused("no_parent", "2018-01-01", because=())
    itself = rl.CommunityFounded(community="asia", parent="asia")
    given().when((itself, JAN)).then_refused("no_parent", "asia", because=())


def test_two_problems_of_a_founding() -> None:
    """A founding with a known name and an unknown parent is refused for both."""
    fact = rl.CommunityFounded(community="asia", parent="nowhere")
    given((ASIA, JAN)).when((fact, FEB)).then_refused_all((0, "community_exists"), (0, "no_parent"))


def test_a_community_is_joined_once() -> None:
    """Joining a community one is in is refused, and not after one left."""
    story = given(BOTH, (ENTERED, FEB))
    story.when((ENTERED, MAR)).then_refused("already_in_community", "ana", "asia", "2018-02-01", because=[2])
    story.when((LEFT, MAR)).then_recorded().when((ENTERED, APR)).then_recorded()


def test_a_community_is_left_by_who_is_in_it() -> None:
    """Leaving is refused of who is not in the community at that time."""
    given(BOTH).when((LEFT, MAR)).then_refused("not_in_community", "ana", "asia", because=())
    given(BOTH, (ENTERED, APR)).when((LEFT, MAR)).then_refused("not_in_community", because=())
    given(BOTH, (ENTERED, FEB), (LEFT, MAY)).when((LEFT, APR)).then_refused(
        "contradicts_later", "not in asia", because=[3]
    )


def test_entering_before_a_known_entry_contradicts_it() -> None:
    """Backdated, a joining would make the later one a second."""
    given(BOTH, (ENTERED, APR)).when((ENTERED, MAR)).then_refused("contradicts_later", because=[2])


def test_a_report_is_of_the_past_unless_announced() -> None:
    """What is still to come can be announced, and not reported; this very moment is past."""
    later = NOW + timedelta(microseconds=1)
    announced = rl.ReportFiled(member="ana", activity="talk", announced=True)
    given(BOTH).when((REPORT, later)).then_refused("in_the_future", "2020-01-01", "announced", because=())
    given(BOTH).when((REPORT, NOW)).then_recorded()
    given(BOTH).when((announced, later)).then_recorded()


def test_a_report_of_a_strangers_future_has_two_problems() -> None:
    """A report of somebody unknown in the future is refused for both reasons."""
    given().when((REPORT, NOW + timedelta(days=1))).then_refused_all((0, "not_joined"), (0, "in_the_future"))


def test_only_a_report_of_that_member_is_verified() -> None:
    """What is no report, or somebody else's, or unknown, is not verified; it is named."""
    story = given(BOTH, (REPORT, FEB))
    story.when(rl.ReportVerified(member="ana", report="?", verifier="ben")).then_refused(
        "no_report", "?", "ana", because=()
    )
    story.when(lambda ids: rl.ReportVerified(member="ben", report=ids[2], verifier="ana")).then_refused(
        "no_report", "ben", because=[2]
    )
    story.when(lambda ids: rl.ReportVerified(member="ana", report=ids[0], verifier="ben")).then_refused(
        "no_report", "ana", because=[0]
    )


def test_nobody_verifies_their_own_report() -> None:
    """A report is verified by somebody else."""
    story = given(BOTH, (REPORT, FEB))
    story.when(lambda ids: rl.ReportVerified(member="ana", report=ids[2], verifier="ana")).then_refused(
        "self_verification", "ana", because=[2]
    )
    story.when(rl.ReportVerified(member="ana", report="?", verifier="ana")).then_refused_all(
        (0, "no_report"), (0, "self_verification")
    )


def test_only_a_standing_report_is_verified() -> None:
    """A retracted report is not verified; once the retraction is retracted, it is."""
    story = given(BOTH, (REPORT, FEB), retract(2))
    story.when(lambda ids: rl.ReportVerified(member="ana", report=ids[2], verifier="ben")).then_refused(
        "no_report", "ana", because=()
    )
    story = story.when(retract(3)).then_recorded()
    story.when(lambda ids: rl.ReportVerified(member="ana", report=ids[2], verifier="ben")).then_recorded()


@pytest.mark.parametrize("corrected", [False, True], ids=["as it was", "corrected"])
def test_a_report_is_verified_by_the_id_that_it_had_at_first(*, corrected: bool) -> None:
    """Also when one verification is recorded after another that came later."""

    def verified(by: str, on: date) -> Saying:
        return lambda ids: (rl.ReportVerified(member="ana", report=ids[3], verifier=by), on)

    told: list[Any] = [joined("ana", "ben", "cem"), (REPORT, FEB)]
    if corrected:
        told.append(correct(3, rl.ReportFiled(member="ana", activity="event")))
    story = given(*told)
    story.when(verified("ben", APR)).then_recorded().when(verified("cem", MAR)).then_recorded()


def test_a_report_of_a_duplicate_is_verified_as_the_kept_names() -> None:
    """After a merge, the duplicate's report is the kept name's, and is verified as theirs."""
    story = given(BOTH, (rl.ReportFiled(member="ben", activity="talk"), FEB), merged("ana", "ben"))
    story.when(lambda ids: rl.ReportVerified(member="ana", report=ids[2], verifier="eve")).then_recorded()


def test_nobody_verifies_their_own_report_by_a_merged_away_name() -> None:
    """After a merge, the duplicate's name does not verify the reports of the one kept."""
    story = given(BOTH, (REPORT, FEB), merged("ana", "ben"))
    story.when(lambda ids: rl.ReportVerified(member="ana", report=ids[2], verifier="ben")).refusals()


def test_only_what_was_held_is_taken() -> None:
    """Taking part is refused in what had not been held by then, once per problem."""
    given(BOTH).when((TAKEN, MAR)).then_refused("no_opportunity", "vote-1", "2018-03-01", because=())
    given(BOTH, (VOTE, APR)).when((TAKEN, MAR)).then_refused("no_opportunity", because=())
    given().when((TAKEN, MAR)).then_refused_all((0, "not_joined"), (0, "no_opportunity"))


def test_what_was_taken_part_in_was_not_held_before() -> None:
    """The opportunity may be recorded later than the taking's own date asks, but not after it."""
    given(BOTH, (VOTE, MAR)).when((TAKEN, MAR)).then_recorded()


def test_a_course_is_completed_once_in_a_version() -> None:
    """A course is not completed again in the same version, and may be in another."""
    first = rl.CourseCompleted(member="ana", course="basics", version="1")
    story = given(BOTH, (first, FEB))
    story.when((first, MAR)).then_refused("already_completed", "basics", "2018-02-01", because=[2])
    story.when((first, JAN)).then_refused("contradicts_later", "2018-01-01", because=[2])
    second = rl.CourseCompleted(member="ana", course="basics", version="2")
    story.when((second, MAR)).then_recorded()
    story.when((rl.CourseCompleted(member="ana", course="basics"), MAR)).then_recorded()


def test_only_what_was_accepted_is_revoked() -> None:
    """Revoking is refused of an agreement, or a version of it, not accepted by then."""
    given(BOTH).when((REVOKED, MAR)).then_refused("not_accepted", "ana", "conduct", because=())
    story = given(BOTH, (ACCEPTED, APR))
    story.when((REVOKED, MAR)).then_refused("not_accepted", because=())
    other = rl.AgreementRevoked(member="ana", agreement="conduct", version="2")
    story.when((other, MAY)).then_refused("not_accepted", "conduct", because=())
    story.when((ACCEPTED, MAY)).then_recorded().when((REVOKED, MAY)).then_recorded()


def test_a_revocation_may_not_come_before_a_later_one() -> None:
    """A backdated revocation would leave the later one with nothing to revoke."""
    given(BOTH, (ACCEPTED, FEB), (REVOKED, MAY)).when((REVOKED, APR)).then_refused(
        "contradicts_later", because=[3]
    )
