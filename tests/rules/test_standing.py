"""Rules about vouches, roles and mentors."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import pytest

import reps_ledger as rl
from scenarios import APR, AUG, FEB, JAN, JUL, JUN, MAR, MAY, NOON, given, joined, retract

BOTH: Final = joined("ana", "ben")
VOUCH: Final = rl.Vouched(member="ana", voucher="ben", reason="reliable")
WITHDRAWN: Final = rl.VouchWithdrawn(member="ana", voucher="ben")
MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor", community="id")
ENDED: Final = rl.RoleEnded(member="ana", role="mentor", community="id", how="resigned")
GUIDED: Final = rl.MentorAssigned(member="ana", mentor="ben")
RELEASED: Final = rl.MentorReleased(member="ana", mentor="ben")
TICK: Final = timedelta(microseconds=1)
UNTIL: Final = datetime(2018, 6, 1, tzinfo=UTC)


def term(until: date, role: str = "mentor") -> rl.RoleAssigned:
    """Assign a role for a term, which ends at the start of a day or at an instant."""
    if not isinstance(until, datetime):
        until = datetime(until.year, until.month, until.day, tzinfo=UTC)
    return rl.RoleAssigned(member="ana", role=role, community="id", until=until)


def test_nobody_vouches_for_themselves() -> None:
    """A vouch for oneself is refused for that alone."""
    given().when(rl.Vouched(member="ana", voucher="ana")).then_refused("self_vouch", "ana", because=())


def test_a_voucher_has_joined_by_then() -> None:
    """A backdated vouch from somebody who had not joined by then is refused."""
    story = given(joined("ana", on=JAN), joined("ben", on=MAR))
    story.when((VOUCH, FEB)).then_refused("not_joined", "ben", "2018-02-01", because=())
    story.when((VOUCH, MAR)).then_recorded()


def test_one_vouch_of_a_pair_stands() -> None:
    """Vouching again is refused while the vouch stands, and not once it was withdrawn."""
    story = given(BOTH, (VOUCH, FEB))
    story.when((VOUCH, MAR)).then_refused("already_vouched", "ben", "2018-02-01", because=[2])
    story.when((WITHDRAWN, MAR)).then_recorded().when((VOUCH, APR)).then_recorded()


def test_vouches_of_a_pair_have_a_direction() -> None:
    """That ben vouched for ana keeps nobody else from vouching, nor ana for ben."""
    story = given(joined("ana", "ben", "cleo"), (VOUCH, FEB))
    story = story.when((rl.Vouched(member="ben", voucher="ana"), MAR)).then_recorded()
    story.when((rl.Vouched(member="ana", voucher="cleo"), MAR)).then_recorded()


def test_a_vouch_before_one_that_stands_contradicts_it() -> None:
    """A backdated vouch would make the later one of the same pair a second."""
    given(BOTH, (VOUCH, MAY)).when((VOUCH, MAR)).then_refused("contradicts_later", "2018-03-01", because=[2])


def test_each_fact_of_a_batch_must_be_legal_when_its_turn_comes() -> None:
    """What a later fact of the batch would mend is refused all the same, and what leans on it."""
    given(BOTH, (VOUCH, JUN)).when((VOUCH, MAR), (WITHDRAWN, APR)).then_refused_all(
        (0, "contradicts_later"), (1, "no_vouch")
    )


def test_only_a_standing_vouch_is_withdrawn() -> None:
    """Withdrawing is refused where no vouch of that pair stands at that time."""
    given(BOTH).when((WITHDRAWN, MAR)).then_refused("no_vouch", "ben", "ana", because=())
    given(BOTH, (VOUCH, APR)).when((WITHDRAWN, MAR)).then_refused("no_vouch", because=())
    given(BOTH, (VOUCH, FEB), (WITHDRAWN, MAR)).when((WITHDRAWN, APR)).then_refused("no_vouch", because=())


def test_a_withdrawal_may_not_come_before_a_later_one() -> None:
    """A backdated withdrawal leaves the later one with nothing to withdraw."""
    given(BOTH, (VOUCH, FEB), (WITHDRAWN, MAY)).when((WITHDRAWN, APR)).then_refused(
        "contradicts_later", because=[3]
    )


def test_a_role_is_held_once() -> None:
    """A role that is held is not assigned again there; elsewhere and others are."""
    story = given(BOTH, (MENTOR, FEB))
    story.when((MENTOR, MAR)).then_refused("role_held", "mentor in id", "2018-02-01", because=[2])
    story.when((rl.RoleAssigned(member="ana", role="mentor"), MAR)).then_recorded()
    story.when((rl.RoleAssigned(member="ana", role="mentor", community="x"), MAR)).then_recorded()
    story.when((rl.RoleAssigned(member="ana", role="council", community="id"), MAR)).then_recorded()
    story.when((rl.RoleAssigned(member="ben", role="mentor", community="id"), MAR)).then_recorded()


def test_holdings_of_one_role_do_not_overlap_backwards() -> None:
    """A backdated holding without an end would run into the later one."""
    given(BOTH, (MENTOR, MAY)).when((MENTOR, MAR)).then_refused(
        "contradicts_later", "mentor in id", "2018-03-01", because=[2]
    )


def test_a_backdated_term_may_end_before_the_next_begins() -> None:
    """A backdated term that ends when the later one starts, or before, is recorded."""
    for until in (APR, MAY):
        given(BOTH, (MENTOR, MAY)).when((term(until), MAR)).then_recorded()
    given(BOTH, (MENTOR, MAY)).when((term(JUN), MAR)).then_refused("contradicts_later", because=[2])


def test_only_a_held_role_is_ended() -> None:
    """Ending is refused of a role never held, and before it was assigned."""
    given(BOTH).when((ENDED, MAR)).then_refused(
        "role_not_held", "ana", "mentor in id", "2018-03-01", because=()
    )
    given(BOTH, (MENTOR, APR)).when((ENDED, MAR)).then_refused("role_not_held", because=())
    elsewhere = rl.RoleEnded(member="ana", role="mentor", how="resigned")
    given(BOTH, (MENTOR, FEB)).when((elsewhere, MAR)).then_refused("role_not_held", because=())


def test_a_role_is_not_ended_before_a_later_end() -> None:
    """A backdated end would leave the later end with nothing to end."""
    given(BOTH, (MENTOR, FEB), (ENDED, MAY)).when((ENDED, APR)).then_refused(
        "contradicts_later", "mentor in id", "2018-05-01", because=[3]
    )


def test_an_end_may_be_backdated_between_two_holdings() -> None:
    """Backdated, an end and a new beginning between two that stand are recorded together."""
    story = given(BOTH, (MENTOR, FEB), (ENDED, JUL))
    story.when((ENDED, APR)).then_refused("contradicts_later", because=[3])
    story.when((MENTOR, MAY)).then_refused("role_held", because=[2])


def test_a_term_ends_after_it_starts() -> None:
    """A term that ends when it starts, or before, is refused."""
    given(BOTH).when((term(FEB), MAR)).then_refused("until_before_start", "2018-03-01", because=())
    given(BOTH).when((term(MAR), MAR)).then_refused("until_before_start", because=())
    given(BOTH).when((term(date(2018, 3, 2)), MAR)).then_recorded()


@pytest.mark.parametrize(("at", "held"), [(UNTIL - TICK, True), (UNTIL, False), (UNTIL + TICK, False)])
def test_a_role_is_held_before_its_until_and_not_at_it(at: datetime, *, held: bool) -> None:
    """At exactly ``until`` a role is held no longer: the rules and the view agree."""
    story = given(BOTH, (term(UNTIL), FEB))
    again = story.when((MENTOR, at))
    end = story.when((ENDED, at))
    if held:
        again.then_refused("role_held", because=[2])
        end.then_recorded()
    else:
        end.then_refused("role_not_held", because=[2])
        again.then_recorded()
    story = given(BOTH, (term(UNTIL), FEB))
    assert story.ledger.as_of(at).member("ana").roles.held("mentor", "id") is held


def test_ties_within_a_day_are_broken_by_position() -> None:
    """Of facts of one day, what was recorded first happened first."""
    story = given(BOTH, (MENTOR, MAR), (ENDED, MAR), (MENTOR, MAR))
    story.when((MENTOR, MAR)).then_refused("role_held", because=[4])
    assert story.ledger.as_of(MAR).member("ana").roles.held("mentor", "id")
    given(BOTH).when((ENDED, MAR), (MENTOR, MAR)).then_refused_all((0, "role_not_held"))


def test_a_date_is_the_start_of_its_day() -> None:
    """A fact of a day comes before what happened at noon of it, whatever was recorded first."""
    given(BOTH, (MENTOR, NOON)).when((ENDED, MAR)).then_refused("role_not_held", "2018-03-01", because=())
    given(BOTH, (MENTOR, MAR)).when((ENDED, NOON)).then_recorded()


def test_a_roster_may_claim_anything() -> None:
    """An assertion is never refused: not of strangers, nor against the record."""
    story = given((rl.RoleAsserted(member="x", role="mentor"), FEB), BOTH, (MENTOR, FEB))
    story.when((rl.RoleAsserted(member="ana", role="mentor", held=False), MAR)).then_recorded()


def test_nobody_is_their_own_mentor() -> None:
    """A member is not given themselves as mentor."""
    itself = rl.MentorAssigned(member="ana", mentor="ana")
    given().when(itself).then_refused("self_mentor", "ana", because=())


def test_both_mentor_and_member_have_joined() -> None:
    """Each of the two who had not joined is named."""
    given().when((GUIDED, FEB)).then_refused_all((0, "not_joined"), (0, "not_joined"))
    given(joined("ana")).when((GUIDED, FEB)).then_refused("not_joined", "ben", "2018-02-01", because=())


def test_a_mentor_is_assigned_once() -> None:
    """Who guides somebody is not assigned again until released; others may be beside them."""
    story = given(joined("ana", "ben", "cleo"), (GUIDED, FEB))
    story.when((GUIDED, MAR)).then_refused("already_mentor", "ben", "2018-02-01", because=[3])
    story.when((rl.MentorAssigned(member="ana", mentor="cleo"), MAR)).then_recorded()
    story.when((RELEASED, MAR)).then_recorded().when((GUIDED, APR)).then_recorded()


def test_only_a_mentor_is_released() -> None:
    """Releasing is refused of somebody who does not guide them at that time."""
    given(BOTH).when((RELEASED, MAR)).then_refused("no_mentor", "ben", "ana", because=())
    given(BOTH, (GUIDED, APR)).when((RELEASED, MAR)).then_refused("no_mentor", because=())


def test_what_was_retracted_does_not_stand() -> None:
    """A retracted vouch or mentor neither stands in the way nor can be ended."""
    story = given(BOTH, (VOUCH, FEB), (GUIDED, FEB), retract(2), retract(3))
    story.when((WITHDRAWN, MAR)).then_refused("no_vouch", because=())
    story.when((RELEASED, MAR)).then_refused("no_mentor", because=())
    story.when((VOUCH, AUG), (GUIDED, AUG)).then_recorded()
