"""Reading entries back as facts, against the library's replay; and one member out of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eventsourcing.application import Application
from importing import fresh, write
from ratios import seconds, side_by_side, verdict
from recording import Member

import reps_ledger as rl

if TYPE_CHECKING:
    from pathlib import Path
    from uuid import UUID

FACTS = 50_000


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    file = folder / "read.jsonl"
    write(file, FACTS)
    target = folder / "read.db"
    fresh(target)
    ledger = rl.open(target)
    ledger.import_history(file)
    app: Application[UUID] = Application(
        env={"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": str(folder / "replay.db")}
    )
    for number in range(FACTS // 100):
        member = Member(name=f"m{number}")
        for other in range(99):
            member.report(activity=f"a{other}")
        app.save(member)

    def read() -> None:
        assert sum(1 for _ in ledger.entries()) == FACTS

    def replay() -> None:
        count = 0
        start = 1
        while batch := app.recorder.select_notifications(start=start, limit=1000):
            for notification in batch:
                app.mapper.to_domain_event(notification)
                count += 1
            start = batch[-1].id + 1
        assert count == FACTS

    ids: list[Any] = sorted({n.originator_id for n in app.recorder.select_notifications(1, FACTS)}, key=str)

    def rebuild() -> None:
        for each in ids:
            app.repository.get(each)

    found = side_by_side({"read": read, "replay": replay, "rebuild": rebuild}, 3)
    view = ledger.as_of()
    busiest = "m0000000"
    length = len(view.member(busiest).history)
    looks = 200

    def look() -> None:
        for _ in range(looks):
            person = ledger.as_of().member(busiest)
            _ = person.roles.now, person.membership.standing

    one = seconds(look) / looks
    ledger.close()
    app.close()
    return [
        f"reading back as facts: {found['read'] / FACTS * 1e6:.1f} µs an entry; "
        f"the library's replay {found['replay'] / FACTS * 1e6:.1f} µs an event",
        verdict("speed against the library's replay", found["replay"] / found["read"], 4),
        f"  the library's replay into aggregates takes {found['rebuild'] / FACTS * 1e6:.1f} µs "
        f"an event: {found['rebuild'] / found['read']:.2f} times as long as reading facts",
        f"  one member's roles and standing: {one * 1e6:.0f} µs with {length} entries, in a log of {FACTS:,}",
    ]
