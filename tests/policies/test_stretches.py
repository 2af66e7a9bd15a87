"""Stretches of time: spans that touch or overlap are one, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

import reps_ledger as rl
from policies.making import DAY, entries_of, everybody, moment
from reps_ledger.domain.spans import Span, joined_spans
from reps_ledger.policies import Dossier, Policy, count, evaluate, facts, holds, when

if TYPE_CHECKING:
    from datetime import datetime

START: Final = moment("2018-01-01")


def told(*days: tuple[int, int | None]) -> list[Span]:
    """Make spans of days."""
    (entry,) = entries_of([(rl.LeaveStarted(member="ana"), START)])
    return [
        Span(entry=entry, start=START + start * DAY, end=None if end is None else START + end * DAY, key=())
        for start, end in days
    ]


def number(at: datetime | None) -> int | None:
    """Return the day again."""
    return None if at is None else (at - START).days


@pytest.mark.parametrize(
    ("days", "joined"),
    [
        ([(0, 2), (1, 3)], [(0, 3)]),
        ([(1, 3), (0, 2)], [(0, 3)]),
        ([(0, 5), (1, 3)], [(0, 5)]),
        ([(0, 2), (2, 4)], [(0, 4)]),
        ([(0, 2), (3, 4)], [(0, 2), (3, 4)]),
        ([(0, 2), (1, None)], [(0, None)]),
        ([(0, None), (1, 2)], [(0, None)]),
        ([(0, 2), (1, 3), (4, 6), (5, 7)], [(0, 3), (4, 7)]),
        ([(1, 1), (2, 3)], [(2, 3)]),
        ([(0, 2), (1, 1)], [(0, 2)]),
        ([], []),
    ],
    ids=str,
)
def test_what_touches_or_overlaps_is_one_stretch(
    days: list[tuple[int, int | None]], joined: list[tuple[int, int | None]]
) -> None:
    """It lasts until the last of them ends, for ever where one does; what is empty covers none."""
    assert [(number(start), number(end)) for start, end in joined_spans(told(*days))] == joined


def test_what_lasts_in_a_community_is_of_all_its_members() -> None:
    """A community's roles are those that people hold in it; a member's, their own alone."""
    world = everybody(
        (rl.RoleAssigned(member="ana", role="rep", community="paris"), START),
        (rl.RoleAssigned(member="ben", role="rep", community="paris"), START),
        (rl.RoleEnded(member="ben", role="rep", community="paris", how="resigned"), START),
        (rl.RoleAssigned(member="cem", role="rep", community="paris"), START),
        (rl.Vouched(member="ana", voucher="ben"), START),
    )
    standing = count(facts("role.assigned", lasting=True))
    policy = Policy("p", cases=[when(standing.exactly(2)).then("two")], otherwise="not two", of="community")
    assert evaluate(policy, world.body("paris", START + DAY)).outcome == "two"
    held = Policy("p", cases=[when(holds("rep")).then("yes")], otherwise="no")
    for member, outcome in (("ana", "yes"), ("ben", "no"), ("cem", "yes"), ("dev", "no")):
        assert evaluate(held, world.subject(member, START + DAY)).outcome == outcome


def test_spans_of_a_member_are_their_own_but_for_what_two_people_share() -> None:
    """Of a history that names others too, a role is its holder's, a vouch its giver's too."""
    entries = entries_of(
        [
            (rl.RoleAssigned(member="ana", role="rep"), START),
            (rl.RoleAssigned(member="ben", role="rep"), START),
            (rl.Vouched(member="ben", voucher="ana"), START),
        ]
    )
    own = Dossier("ana", entries)
    for _ in range(2):
        assert [span.entry.id for span in own.spans("role.assigned")] == ["e0"]
        assert [span.entry.id for span in own.spans("vouch.given")] == ["e2"]
    body = Dossier("paris", entries, is_community=True)
    assert [span.entry.id for span in body.spans("role.assigned")] == ["e0", "e1"]
