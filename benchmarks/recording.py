"""One durable ``record`` against the library's ``Application.save``, and against a raw commit."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING

import raw
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from ratios import side_by_side, verdict

import reps_ledger as rl

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

COUNT = 300


class Member(Aggregate):
    """The library's own way: an aggregate per member."""

    @event("Registered")
    def __init__(self, name: str) -> None:
        self.name = name
        self.reports = 0

    @event("Reported")
    def report(self, activity: str) -> None:
        """Report one activity."""
        self.reports += 1


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    ledger = rl.open(folder / "record.db")
    ledger.record(rl.MemberJoined(member="ana"), by="bench")
    numbers = itertools.count()

    def record() -> None:
        for _ in range(COUNT):
            ledger.record(rl.ReportFiled(member="ana", activity=f"a{next(numbers)}"), by="bench")

    record()
    events, tags = raw.rows_of(folder / "record.db")
    connection = raw.connect(folder / "raw-record.db")
    positions = itertools.count(1)

    def commit() -> None:
        for index in range(1, COUNT + 1):
            position = next(positions)
            _, kind, data, names = events[index]
            raw.insert(
                connection,
                [(position, kind, data, names)],
                [(f"{tag}", kind, position) for tag, kind, _ in tags[index]],
            )

    app: Application[UUID] = Application(
        env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / "library.db")}
    )
    member = Member(name="ana")
    app.save(member)

    def save() -> None:
        for _ in range(COUNT):
            member.report(activity=f"a{next(numbers)}")
            app.save(member)

    found = side_by_side({"record": record, "library": save, "raw": commit}, 5)
    took = side_by_side({"record": record, "raw": commit}, 5, time.process_time)
    over = (took["record"] - took["raw"]) / COUNT * 1e6
    ledger.close()
    connection.close()
    app.close()
    each = {name: value / COUNT * 1e6 for name, value in found.items()}
    return [
        f"one durable record: {each['record']:.0f} µs; the library's Application.save "
        f"{each['library']:.0f} µs; a raw commit of the same rows {each['raw']:.0f} µs",
        verdict("speed against Application.save", found["library"] / found["record"], 1),
        verdict("speed against the raw commit", found["raw"] / found["record"], 0.6),
        verdict(f"100 µs against the processor's time over the raw commit, {over:.0f} µs", 100 / over, 1),
    ]
