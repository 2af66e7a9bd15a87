"""Seats under a charter: never more sit than there are seats, in whatever order it is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from charters.programmes import codes, programme
from reps_ledger.policies.charter import RoleClause
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

JULY: Final = datetime(2018, 7, 1, tzinfo=UTC)
ANA, BEN, CLEO = "ana", "ben", "cleo"


def day(number: int) -> datetime:
    """Return the start of a day, counted from 1 July."""
    return JULY + timedelta(days=number)


def mentor(member: str, until: int | None = None, community: str | None = None) -> rl.RoleAssigned:
    """Make somebody a mentor, until the start of a day."""
    end = None if until is None else day(until)
    return rl.RoleAssigned(member=member, role="mentor", until=end, community=community)


def ledger_of(*told: tuple[rl.Fact, int], seats: int = 1) -> rl.Ledger:
    """A programme with so many seats for mentors, in which these facts happened since July."""
    ledger = programme(roles=[RoleClause(role="mentor", seats=seats)])
    for fact, at in told:
        ledger.record(fact, by="council", occurred_at=day(at))
    return ledger


def refused(ledger: rl.Ledger, fact: rl.Fact, at: int | None) -> tuple[str, ...]:
    """Try to record a fact of a day, or of the time of what it corrects."""
    when: Any = None if at is None else day(at)
    return codes(ledger, fact, when)


def too_many(ledger: rl.Ledger) -> list[tuple[str | None, datetime, int]]:
    """Return with whose assignments there were too many, when, and how many sat beside them."""
    found = [one for one in ledger.reconcile() if one.kind == "not_admitted"]
    assert all("mentor has 2 seats" in one.words for one in found)
    return [(one.member, one.at, len(one.entries) - 1) for one in found]


def test_an_unmerge_may_leave_more_than_there_are_seats() -> None:
    """Ana and Ben took one seat as one person; told apart, Cleo was one too many, until one of them left."""
    told: list[tuple[rl.Fact, int]] = [
        (mentor(ANA), 0),
        (mentor(BEN, until=20), 1),
        (rl.MembersMerged(member=ANA, duplicate=BEN), 2),
        (mentor(CLEO, until=10), 3),
        (mentor(CLEO, until=19), 12),
        (mentor(CLEO), 25),
    ]
    ledger = ledger_of(*told, seats=2)
    assert too_many(ledger) == []
    ledger.record(rl.MembersUnmerged(member=ANA, duplicate=BEN), by="council", occurred_at=day(30))
    assert too_many(ledger) == [(CLEO, day(3), 2), (CLEO, day(12), 2)]


def test_who_leaves_when_another_sits_down_is_not_in_the_way() -> None:
    """A seat is free from the very moment at which it is left."""
    ledger = ledger_of((mentor(BEN), 10))
    assert refused(ledger, mentor(ANA, until=11), 0) == ("no_seat",)
    assert refused(ledger, mentor(ANA, until=10), 0) == ()


def test_a_seat_taken_at_once_is_taken_whatever_comes_later() -> None:
    """That somebody else sits down later does not make the seat free today."""
    ledger = ledger_of((mentor(BEN, until=9), 0), (mentor(CLEO), 20))
    assert refused(ledger, mentor(ANA, until=15), 5) == ("no_seat",)


def test_every_later_moment_is_looked_at() -> None:
    """The first to sit down later may leave room, and the second none."""
    ledger = ledger_of((mentor(BEN, until=12), 10), (mentor(CLEO), 11), seats=2)
    assert refused(ledger, mentor(ANA, until=11), 0) == ()
    other = ledger_of((mentor(BEN, until=12), 10), (mentor(CLEO), 11), seats=2)
    assert refused(other, mentor(ANA), 0) == ("no_seat",)


def test_a_term_that_is_over_by_then_takes_no_seat() -> None:
    """Who sits down last is counted beside those who sit then, not beside those who sat before."""
    ledger = ledger_of((mentor(BEN, until=12), 10), (mentor(CLEO), 20), seats=2)
    assert refused(ledger, mentor(ANA), 0) == ()


def test_who_retired_before_another_sat_down_holds_no_seat() -> None:
    """Told late, a role ends where it would have: when its holder retired."""
    ledger = ledger_of((rl.MemberRetired(member=ANA, how="resigned"), 5), (mentor(BEN), 10))
    assert refused(ledger, mentor(ANA), 0) == ()


def test_seats_are_those_of_one_community() -> None:
    """Who sits in another community, or for the whole programme, takes no seat of this one."""
    ledger = ledger_of((mentor(BEN, community="java"), 10))
    assert refused(ledger, mentor(CLEO), 0) == ()
    assert refused(ledger, mentor(ANA, community="java"), 0) == ("no_seat",)


def test_a_correction_counts_those_who_sat_down_on_its_day() -> None:
    """What is told of one day is one moment: who came after its target on it has a seat."""
    ledger = ledger_of()
    scout = rl.RoleAssigned(member=ANA, role="scout")
    wrong = ledger.record(scout, by="council", occurred_at=day(0))
    ledger.record(mentor(BEN), by="council", occurred_at=day(0))
    right = rl.EntryCorrected(target=wrong.id, replacement=mentor(ANA), reason="misread")
    assert refused(ledger, right, None) == ("no_seat",)


def test_a_correction_of_ones_own_seat_takes_no_second() -> None:
    """Who sits already may stay longer, until another sits down."""
    for until, expected in ((20, ()), (21, ("no_seat",))):
        ledger = ledger_of((mentor(BEN), 20))
        sat = ledger.record(mentor(ANA, until=5), by="council", occurred_at=day(0))
        longer = mentor(ANA, until=until)
        fact = rl.EntryCorrected(target=sat.id, replacement=longer, reason="it was longer")
        assert refused(ledger, fact, None) == expected


SITTING: Final = st.tuples(
    st.sampled_from((ANA, BEN, CLEO)),
    st.sampled_from((None, "java")),
    st.integers(0, 5),
    st.none() | st.integers(1, 4),
    st.booleans(),
)


@examples(0.4)
@given(seats=st.integers(1, 2), told=st.lists(SITTING, max_size=5))
def test_never_do_more_sit_than_there_are_seats(
    seats: int, told: Sequence[tuple[str, str | None, int, int | None, bool]]
) -> None:
    """Told in any order, exactly those are refused who would be one too many at some time."""
    ledger = ledger_of(seats=seats)
    sat: dict[tuple[str, str | None], range] = {}
    for member, place, start, length, said in told:
        if (member, place) in sat:
            continue
        end = 99 if length is None or not said else start + length
        others = [days for (_, where), days in sat.items() if where == place]
        full = any(sum(at in days for days in others) >= seats for at in range(start, end))
        fact = mentor(member, None if end == 99 else end, place)
        assert refused(ledger, fact, start) == (("no_seat",) if full else ())
        if full:
            continue
        if length is not None and not said:  # they resign, which is told at once
            end = start + length
            left = rl.RoleEnded(member=member, role="mentor", community=place, how="resigned")
            ledger.record(left, by=member, occurred_at=day(end))
        sat[member, place] = range(start, end)
