"""Columns: made the first time, against reading alone; loaded; and brought up to date."""

from __future__ import annotations

import shutil
from datetime import date
from typing import TYPE_CHECKING

from importing import fresh, write
from ratios import side_by_side, verdict

import reps_ledger as rl
from reps_ledger.replay.columns import build

if TYPE_CHECKING:
    from pathlib import Path

FACTS = 200_000
NEW = 1_000


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    file = folder / "columns.jsonl"
    write(file, FACTS)
    target = folder / "columns.db"
    fresh(target)
    kept = folder / "columns.db.columns"
    with rl.open(target) as ledger:
        ledger.import_history(file)
        reading = ledger.as_of().reading

        def read() -> None:
            assert sum(1 for _ in reading.standing()) == FACTS

        def make() -> None:
            assert build(reading).position == FACTS

        def first() -> None:
            shutil.rmtree(kept, ignore_errors=True)
            assert ledger.columns().position == FACTS

        def second() -> None:
            columns = ledger.columns()
            codes = [x.codes for t in columns.tables.values() for x in t.fields.values()]
            assert len(columns.people) < sum(map(len, codes))

        found = side_by_side({"read": read, "make": make, "first": first, "second": second}, 3)
        size = sum(path.stat().st_size for path in kept.iterdir())
        again = kept.with_name("again")
        shutil.copytree(kept, again)
        report = rl.ReportFiled(member="m0000000", activity="event", community="c00")
        for _ in range(10):
            ledger.record_all([report] * (NEW // 10), by="bench", occurred_at=date(2025, 1, 1))

        def update() -> None:
            shutil.rmtree(again)
            shutil.copytree(kept, again)
            assert ledger.columns(folder=again).position == FACTS + NEW

        update_ = side_by_side({"update": update}, 3)["update"]
    each = {name: value / FACTS * 1e6 for name, value in found.items()}
    return [
        f"columns of {FACTS:,} facts: made in {each['make']:.2f} µs a fact, of which reading "
        f"them takes {each['read']:.2f}; kept too, {each['first']:.2f}",
        verdict("thousands of facts a second, made the first time", 1e3 / each["make"], 200),
        verdict("the same beyond reading them", 1e3 / (each["make"] - each["read"]), 200),
        f"  kept in {size / FACTS:.1f} bytes a fact, {size / target.stat().st_size:.3f} of the log",
        verdict("speed of loading all against making", found["make"] / found["second"], 10),
        f"  brought up to date with {NEW:,} new facts: {update_ * 1e3:.0f} ms, "
        f"{update_ / found['first']:.2f} of the first time",
    ]
