"""One member's roles, standing and verdict, in logs of very different length."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from eventsourcing.dcb.api import DCBEvent
from importing import fresh
from judging import AT, OWN, POLICY
from ratios import seconds

import reps_ledger as rl
from reps_ledger.domain.entries import Entry, community_tag, derived_id, entry_tag, member_tag
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.log import Codec, SQLiteRecorder

if TYPE_CHECKING:
    from pathlib import Path

SIZES = (50_000, 10_000_000)
BATCH = 20_000
EACH = 20
"""Facts of each of the others."""
LOOKS = 300
GOAL = 1_000
"""Microseconds."""


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    lines = []
    for facts in SIZES:
        target = folder / "many.db"
        fresh(target)
        _fill(target, facts)
        with rl.open(target) as ledger:
            start = date(2022, 1, 1)
            ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=start)
            report = rl.ReportFiled(member="ana", activity="event")
            for number in range(OWN - 1):
                day = start + timedelta(days=7 * number)
                ledger.record(report, by="ana", occurred_at=day)
            lines += _looked(ledger, facts)
        for path in folder.glob("many.db*"):
            path.unlink()
    return lines


def _fill(target: Path, facts: int) -> None:
    """Put a long log of others there: straight into the recorder, as only its length matters."""
    codec = Codec(Registry(BUILT_IN))
    at = datetime(2020, 1, 1, tzinfo=UTC)
    people = facts // EACH
    with SQLiteRecorder(target) as recorder:
        for low in range(0, facts, BATCH):
            events = []
            for number in range(low, min(low + BATCH, facts)):
                member = f"m{number % people:07}"  # each one's facts lie far apart
                fact: rl.Fact = rl.ReportFiled(member=member, activity="event", community="c")
                if number < people:
                    fact = rl.MemberJoined(member=member)
                found = derived_id("bench", number)
                entry = Entry(
                    id=found, recorded_at=at, occurred_at=at, by="x", position=0, origin=0,
                    fact=fact,
                )  # fmt: skip
                tags = [member_tag(member), entry_tag(found)]
                if number >= people:
                    tags.append(community_tag("c"))
                events.append(DCBEvent(entry.name, codec.encode(entry), tags))
            recorder.append(events)


def _looked(ledger: rl.Ledger, facts: int) -> list[str]:
    def member() -> None:
        for _ in range(LOOKS):
            found = ledger.as_of(AT).member("ana")
            assert not list(found.roles)
            assert found.membership.is_member

    def verdict() -> None:
        for _ in range(LOOKS):
            assert ledger.as_of(AT).evaluate(POLICY, "ana").outcome

    lines = []
    for name, look in (("roles and standing", member), ("verdict of 14 conditions", verdict)):
        look()
        took = min(seconds(look) for _ in range(3)) / LOOKS * 1e6
        reached = "reached" if took <= GOAL else "MISSED"
        lines.append(
            f"  {name} of one member with {OWN} facts, in a log of {facts:,}: {took:.0f} µs "
            f"(goal {GOAL:,}: {reached})"
        )
    return lines
