"""Tables of state under the library's runners: one commit an entry, against entries taken together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from eventsourcing.persistence import Tracking
from eventsourcing.utils import Environment
from importing import fresh, write
from ratios import seconds

import reps_ledger as rl
from reps_ledger.live import StateFactory, StateTables

if TYPE_CHECKING:
    from pathlib import Path

FACTS = 20_000
NEW = 1_000
AMONG = (1_000, 50)
"""People of whom the new entries are: nearly everybody, and few."""


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    file = folder / "keeping.jsonl"
    write(file, FACTS)
    lines = [f"{NEW:,} new entries into tables of a log of {FACTS:,}, as a runner takes them:"]
    for people in AMONG:
        one, together = _taken(file, folder / f"keeping-{people}.db", people)
        lines += [
            f"  of {people:,} people: {one / NEW * 1e3:.2f} ms an entry with a commit each, "
            f"{together / NEW * 1e3:.3f} ms in one commit: {one / together:.0f} times as long"
        ]
    return lines


def _taken(file: Path, target: Path, people: int) -> tuple[float, float]:
    """Return the seconds of taking entries one by one, and together."""
    fresh(target)
    env = {
        "PERSISTENCE_MODULE": "reps_ledger.log.sqlite",
        "STATE_PERSISTENCE_MODULE": "reps_ledger.live",
        "SQLITE_DBNAME": str(target),
    }
    with rl.open(target) as ledger:
        ledger.import_history(file)
        with StateFactory.construct(Environment("state", env)).tracking_recorder(_Hasty) as view:
            members = [row.member for row in view.state.roster(limit=people)]
            reports = [
                rl.ReportFiled(member=members[number % people], activity=f"a{number}")
                for number in range(NEW)
            ]

            def take() -> None:
                view.insert_tracking(Tracking("reps", ledger.position))

            one = 0.0
            for report in reports:
                ledger.record(report, by="bench")
                one += seconds(take)
            ledger.record_all(reports, by="bench")
            together = seconds(take)
            assert view.state.position == ledger.position
            assert view.state.check() == ()
    return one, together


class _Hasty(StateTables):
    gather = 0.0
