"""A made-up community whose members come and go: what questions about everybody are measured on."""

from __future__ import annotations

import heapq
import json
import random
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = date(2000, 1, 1)
DAYS = 8_000
FACTS_EACH = 10
"""Facts of a member, on average: a hundred thousand members in a log of a million facts."""
COMMUNITY = 400
"""Members of a community, on average."""
AREAS = ("docs", "events", "outreach", "support", "translation")
NEAR = 500
"""Members who know each other: those who joined one after the other."""

Row = dict[str, Any]


def rows(facts: int, *, seed: int = 1) -> Iterator[Row]:
    """Yield rows of the exchange format, by date: people join, take part for some years, and fall silent."""
    chance = random.Random(seed)
    members = facts // FACTS_EACH
    waiting: list[tuple[int, int, Row]] = []
    made = pushed = 0
    for number in range(members):
        today = number * DAYS // members
        while waiting and waiting[0][0] <= today:
            day, _, row = heapq.heappop(waiting)
            made += 1
            yield _dated(row, day)
        for after, row in _life(number, members, chance):
            pushed += 1
            heapq.heappush(waiting, (today + after, pushed, row))
    while waiting and made < facts:
        day, _, row = heapq.heappop(waiting)
        made += 1
        yield _dated(row, day)


def write(file: Path, facts: int) -> None:
    """Write rows as a file of JSON lines."""
    with file.open("w") as lines:
        for row in rows(facts):
            lines.write(json.dumps(row, separators=(",", ":")) + "\n")


def name_of(number: int) -> str:
    """Return a member's identifier."""
    return f"m{number:07d}"


def _dated(row: Row, day: int) -> Row:
    return row | {"occurred_at": (START + timedelta(days=day)).isoformat(), "by": "bench"}


def _life(number: int, members: int, chance: random.Random) -> Iterator[tuple[int, Row]]:
    """Yield what happens to a member, and after how many days."""
    member = name_of(number)
    community = f"c{chance.randrange(max(1, members // COMMUNITY)):03d}"
    yield 0, {"fact": "member.joined", "member": member}
    yield 0, {"fact": "community.joined", "member": member, "community": community}
    if chance.random() < 0.5:
        role = {"member": member, "role": chance.choice(["rep", "rep", "mentor"]), "community": community}
        yield 30, {"fact": "role.assigned", **role}
        if chance.random() < 0.5:
            yield 30 + chance.randrange(1, 1_000), {"fact": "role.ended", "how": "resigned", **role}
    if number and chance.random() < 0.6:
        voucher = name_of(chance.randrange(max(0, number - NEAR), number))
        yield 10, {"fact": "vouch.given", "member": member, "voucher": voucher, "reason": "we met"}
    if chance.random() < 0.1:
        yield 200, {"fact": "leave.started", "member": member}
        yield 300, {"fact": "leave.ended", "member": member}
    for each in range(chance.randrange(3, 11)):
        yield (
            chance.randrange(1, 1_000),
            {
                "fact": "report.filed",
                "member": member,
                "activity": f"event-{number}-{each}",
                "community": community,
                "areas": [chance.choice(AREAS)],
            },
        )
