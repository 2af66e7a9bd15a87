"""Seats: a role that only so many people may hold at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

import reps_ledger as rl
from reps_ledger.domain.rules.builtin import SEAT, seat_names
from scenarios import APR, FEB, JAN, JUN, MAR, MAY, Given, Saying, given, joined, merged, retract

PEOPLE: Final = joined("ana", "ben", "cleo", "dan")


def seat(member: str, community: str | None = "id", until: datetime | None = None) -> rl.Fact:
    """Give somebody a seat."""
    return rl.RoleAssigned(member=member, role="council", community=community, until=until)


def left(member: str) -> rl.Fact:
    """Let somebody leave their seat."""
    return rl.RoleEnded(member=member, role="council", community="id", how="resigned")


def council(*told: Saying | list[Saying], limit: int = 2) -> Given:
    """Begin a story of a council with two seats."""
    return given(PEOPLE, *told, rules=[rl.seats("council", "id", limit=limit)])


TAKEN: Final[list[Saying]] = [(seat("ana"), FEB), (seat("ben"), FEB)]


def test_a_seat_is_refused_once_all_are_taken() -> None:
    """The third of two seats is refused, with the entries by which the two are held."""
    council(TAKEN).when((seat("cleo"), MAR)).then_refused("no_seat", "council in id", "2", because=[4, 5])


@pytest.mark.parametrize(("limit", "words"), [(1, "has 1 seat,"), (2, "has 2 seats,")])
def test_how_many_seats_there_are_is_said(limit: int, words: str) -> None:
    """One seat is one, and two are several."""
    story = council(TAKEN[:limit], limit=limit)
    story.when((seat("cleo"), MAR)).then_refused("no_seat", words)


def test_seats_are_tagged_by_role_and_community() -> None:
    """Tags are written into logs, and an assignment is found by them for ever."""
    everywhere, there = seat_names("council", None), seat_names("council", "id")
    assert SEAT.part(*everywhere).source.tag == "role:council\x1f"
    assert SEAT.part(*there).source.tag == "role:council\x1fid"


def test_seats_count_in_one_community() -> None:
    """Seats are of one role in one community: others are not counted, nor limited."""
    story = council(TAKEN)
    story.when((seat("cleo", "other"), MAR), (seat("cleo", None), MAR)).then_recorded()
    mentor = rl.RoleAssigned(member="cleo", role="mentor", community="id")
    story.when((mentor, MAR)).then_recorded()


def test_an_end_frees_a_seat() -> None:
    """Whoever leaves makes room, from then on and not before."""
    story = council(TAKEN, (left("ana"), APR))
    story.when((seat("cleo"), MAR)).then_refused("no_seat", because=[4, 5])
    story.when((seat("cleo"), APR)).then_recorded()


def test_a_retirement_frees_a_seat() -> None:
    """Retiring ends the role, and frees its seat."""
    retired = rl.MemberRetired(member="ana", how="resigned")
    story = council(TAKEN, (retired, MAR)).when((seat("cleo"), APR)).then_recorded()
    story.when((seat("dan"), MAY)).then_refused("no_seat", because=[5, 7])


def test_the_end_of_a_term_frees_a_seat() -> None:
    """A seat is free at exactly the instant at which a term ends."""
    until = datetime(2018, 4, 1, tzinfo=UTC)
    story = council((seat("ana", until=until), FEB), (seat("ben"), FEB))
    story.when((seat("cleo"), MAR)).then_refused("no_seat", because=[4, 5])
    story.when((seat("cleo"), until)).then_recorded()


def test_seats_in_one_batch() -> None:
    """Within a batch, those before count: a seat is freed and taken, and not taken thrice."""
    story = council()
    story.when(*((seat(name), FEB) for name in ("ana", "ben", "cleo"))).then_refused_all((2, "no_seat"))
    story = story.when(TAKEN, (left("ana"), MAR), (seat("cleo"), MAR)).then_recorded()
    story.when((seat("dan"), APR)).then_refused("no_seat", because=[5, 7])


def test_a_retracted_seat_is_free() -> None:
    """A seat that was given by mistake, and retracted, is free."""
    council(TAKEN, retract(4)).when((seat("cleo"), MAR)).then_recorded()


def test_a_duplicate_of_one_person_takes_one_seat() -> None:
    """Two seats of people who turn out to be one are one seat."""
    story = council(TAKEN, merged("ana", "ben", MAR))
    story.when((seat("cleo"), APR)).then_recorded().when((seat("dan"), MAY)).then_refused(
        "no_seat", because=[4, 7]
    )


def test_no_seat_and_not_joined() -> None:
    """A stranger for whom there is no seat is refused for both."""
    council(TAKEN).when((seat("eve"), MAR)).then_refused_all((0, "not_joined"), (0, "no_seat"))


def test_a_backdated_seat_may_not_crowd_a_later_one() -> None:
    """A seat taken before others would leave the last of them without one."""
    story = council((seat("ana"), MAY), (seat("ben"), JUN))
    (refusal,) = story.when((seat("cleo"), MAR)).refusals()
    assert (refusal.code, refusal.entries) == ("contradicts_later", (story.ids[5],))


def test_an_undone_end_may_not_crowd_the_seats() -> None:
    """A correction that gives a third person a seat is refused as a recording is."""
    story = council(TAKEN, (seat("cleo", "other"), MAR))
    fact = seat("cleo")
    (refusal,) = story.when(
        lambda ids: rl.EntryCorrected(target=ids[6], replacement=fact, reason="it was here")
    ).refusals()
    assert refusal.code == "no_seat"


@pytest.mark.parametrize("community", ["id", None])
def test_seats_introduced_later_count_everybody(community: str | None) -> None:
    """Who was given the role before there was a rule is counted by it, also by a correction."""
    recorder = InMemoryDCBRecorder()
    before = rl.open(recorder)
    before.record_all([*PEOPLE, (seat("ana", community), FEB)], by="x")  # type: ignore[list-item]  # facts with dates
    other = before.record(seat("ben", "other"), by="x", occurred_at=FEB)
    right = rl.EntryCorrected(target=other.id, replacement=seat("ben", community), reason="r")
    two = before.record(right, by="x")
    for limit in (1, 2):
        under = rl.open(recorder, rules=[rl.seats("council", community, limit=limit)])
        with pytest.raises(rl.Refused) as raised:
            under.record(seat("cleo", community), by="x", occurred_at=MAR)
        (refusal,) = raised.value.refusals
        assert refusal.code == "no_seat"
        assert two.id in refusal.entries
        assert len(refusal.entries) == 2
    under = rl.open(recorder, rules=[rl.seats("council", community, limit=3)])
    under.record(seat("cleo", community), by="x", occurred_at=MAR)


def test_a_seat_for_the_whole_programme() -> None:
    """Seats of a role without a community count those who hold it without one."""
    story = given(PEOPLE, (seat("ana", None), JAN), rules=[rl.seats("council", limit=1)])
    story.when((seat("ben", None), FEB)).then_refused("no_seat", "council has 1", because=[4])
    story.when((seat("ben", "id"), FEB)).then_recorded()


@pytest.mark.parametrize("limit", [1, 3])
def test_as_many_as_the_limit_sit(limit: int) -> None:
    """Exactly the limit may sit, at any limit."""
    story = council(limit=limit)
    for name in ("ana", "ben", "cleo")[:limit]:
        story = story.when((seat(name), FEB)).then_recorded()
    story.when((seat("dan"), FEB)).then_refused("no_seat", because=range(4, 4 + limit))
