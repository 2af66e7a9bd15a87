"""What is measured on: a made-up community, the same each time."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

START = date(2000, 1, 1)
REPORTS = 16


def rows(facts: int, *, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield rows of the exchange format, by date: people join, get roles and vouches, and report.

    About one fact in twenty is a joining; most are reports.
    """
    chance = random.Random(seed)
    members: list[str] = []
    made = 0
    while made < facts:
        day = START + timedelta(days=made * 9000 // facts)
        member = f"m{len(members):07d}"
        members.append(member)
        for row in _life(member, members, chance):
            if made == facts:
                return
            made += 1
            yield {"fact": row.pop("fact"), "occurred_at": day.isoformat(), "by": "bench", **row}


def _life(member: str, members: list[str], chance: random.Random) -> Iterator[dict[str, Any]]:
    community = f"c{chance.randrange(50):02d}"
    yield {"fact": "member.joined", "member": member}
    yield {"fact": "role.assigned", "member": member, "role": "rep", "community": community}
    if len(members) > 1:
        voucher = members[chance.randrange(len(members) - 1)]
        yield {"fact": "vouch.given", "member": member, "voucher": voucher, "reason": "we met"}
    for number in range(REPORTS):
        author = members[chance.randrange(len(members))]
        yield {
            "fact": "report.filed",
            "member": author,
            "activity": f"event-{member}-{number}",
            "community": community,
            "amount": chance.randrange(100),
        }
