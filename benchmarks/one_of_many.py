"""One member's roles, standing and verdict, in logs of very different length."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from importing import fresh, write
from judging import AT, OWN, POLICY
from ratios import seconds

import reps_ledger as rl

if TYPE_CHECKING:
    from pathlib import Path

SIZES = (50_000, 10_000_000)
LOOKS = 300
GOAL = 1_000
"""Microseconds."""


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    lines = []
    for facts in SIZES:
        file, target = folder / "many.jsonl", folder / "many.db"
        write(file, facts)
        fresh(target)
        with rl.open(target) as ledger:
            ledger.import_history(file)
            start = date(2022, 1, 1)
            ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=start)
            report = rl.ReportFiled(member="ana", activity="event")
            for number in range(OWN - 1):
                day = start + timedelta(days=7 * number)
                ledger.record(report, by="ana", occurred_at=day)
            lines += _looked(ledger, facts)
        for path in (file, *folder.glob("many.db*")):
            path.unlink()
    return lines


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
