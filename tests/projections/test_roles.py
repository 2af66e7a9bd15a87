"""Roles: held now and ever, by whom they were assigned, and why each ended."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import reps_ledger as rl
from scenarios import APR, FEB, JAN, JUN, MAR, MAY, Given, given, joined, merged

TICK: Final = timedelta(microseconds=1)
MENTOR: Final = rl.RoleAssigned(member="ana", role="mentor", community="id", reason="asked")
ENDED: Final = rl.RoleEnded(member="ana", role="mentor", community="id", how="inactive", reason="no reports")


def at(day: date) -> datetime:
    """Return the start of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def ever(story: Given) -> list[tuple[str, datetime, datetime | None, str | None]]:
    """Return every holding of ana: role, start, end and how it ended."""
    found = story.ledger.as_of().member("ana").roles.ever
    return [(one.role, one.start, one.end, one.how) for one in found]


def test_a_holding_says_who_when_and_why() -> None:
    """A holding knows who assigned it and why, and how and why it ended, in which entries."""
    story = given(joined("ana"), (MENTOR, FEB), (ENDED, MAY))
    (one,) = story.ledger.as_of().member("ana").roles.ever
    assert (one.role, one.community, one.by) == ("mentor", "id", "council")
    assert (one.reason, one.end_reason, one.how) == ("asked", "no reports", "inactive")
    assert (one.assigned_in, one.ended_in) == story.ids[1:]
    assert (one.start, one.ended, one.end) == (at(FEB), at(MAY), at(MAY))


def test_a_role_is_held_from_its_start_and_before_its_end() -> None:
    """A role is held at its start and not at its end."""
    story = given(joined("ana"), (MENTOR, FEB), (ENDED, MAY))
    view = story.ledger.as_of
    held = [
        view(instant).member("ana").roles.held("mentor", "id")
        for instant in (at(FEB) - TICK, at(FEB), at(MAY) - TICK, at(MAY))
    ]
    assert held == [False, True, True, False]


def test_only_what_is_held_ends() -> None:
    """An end ends that role in that community; a term that ran out keeps its own end."""
    term = rl.RoleAssigned(member="ana", role="council", until=at(MAR))
    other = rl.RoleAssigned(member="ana", role="mentor", community="other")
    story = given(joined("ana"), (MENTOR, FEB), (term, FEB), (other, FEB), (ENDED, APR))
    assert ever(story) == [
        ("mentor", at(FEB), at(APR), "inactive"),
        ("council", at(FEB), at(MAR), None),
        ("mentor", at(FEB), None, None),
    ]
    (council,) = [h for h in story.ledger.as_of().member("ana").roles.ever if h.role == "council"]
    assert (council.until, council.ended) == (at(MAR), None)


def test_retiring_ends_what_is_held() -> None:
    """A retirement ends every role held then, how and why it says, and none that had ended."""
    term = rl.RoleAssigned(member="ana", role="council", until=at(MAR))
    retired = rl.MemberRetired(member="ana", how="emeritus", reason="thanks")
    story = given(joined("ana"), (MENTOR, FEB), (term, FEB), (retired, MAY), (MENTOR, JUN))
    assert ever(story) == [
        ("mentor", at(FEB), at(MAY), "emeritus"),
        ("council", at(FEB), at(MAR), None),
        ("mentor", at(JUN), None, None),
    ]
    first = story.ledger.as_of().member("ana").roles.ever[0]
    assert (first.end_reason, first.ended_in) == ("thanks", story.ids[3])


def test_an_earlier_end_than_until() -> None:
    """A term that is ended early ends then, and one that is not ends at its until."""
    term = rl.RoleAssigned(member="ana", role="mentor", community="id", until=at(JUN))
    assert ever(given(joined("ana"), (term, FEB))) == [("mentor", at(FEB), at(JUN), None)]
    assert ever(given(joined("ana"), (term, FEB), (ENDED, APR))) == [("mentor", at(FEB), at(APR), "inactive")]


def test_merged_roles_are_one_persons() -> None:
    """After a merge the roles of both are the kept name's, even the same role twice."""
    ben = rl.RoleAssigned(member="ben", role="mentor", community="id")
    story = given(joined("ana", "ben"), (MENTOR, FEB), (ben, MAR), merged("ana", "ben", JUN))
    assert [start for _, start, _, _ in ever(story)] == [at(FEB), at(MAR)]
    story = story.when((ENDED, JUN)).then_recorded()
    assert [end for *_, end, _ in ever(story)] == [at(JUN), at(JUN)]


def test_the_roles_view() -> None:
    """Roles can be asked by name, in a community, and gone through."""
    programme = rl.RoleAssigned(member="ana", role="council")
    roles = given(joined("ana", on=JAN), (MENTOR, FEB), (programme, FEB)).ledger.as_of().member("ana")
    assert "mentor" in roles.roles
    assert "treasurer" not in roles.roles
    assert roles.roles.held("council")
    assert not roles.roles.held("mentor")
    assert [holding.role for holding in roles.roles] == ["mentor", "council"]
