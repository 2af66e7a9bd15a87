"""Import with all rules on, against a raw bulk insert of the same rows; is it linear?"""

from __future__ import annotations

import gc
import json
from itertools import chain
from typing import TYPE_CHECKING

import raw
from ratios import seconds, side_by_side, verdict
from workload import rows

import reps_ledger as rl
from reps_ledger.importers.importing import BATCH

if TYPE_CHECKING:
    from pathlib import Path

FACTS = 100_000


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    file = folder / "history.jsonl"
    write(file, FACTS)
    target = folder / "import.db"

    def load() -> None:
        fresh(target)
        with rl.open(target) as ledger:
            report = ledger.import_history(file)
            assert report.recorded == FACTS

    load()
    events, tags = raw.rows_of(target)
    gc.collect()
    gc.freeze()  # the yardstick's hundreds of thousands of rows are not the contender's to collect

    def insert() -> None:
        connection = raw.connect(folder / "raw-import.db")
        for start in range(0, FACTS, BATCH):
            part = slice(start, start + BATCH)
            raw.insert(connection, events[part], chain.from_iterable(tags[part]))
        connection.close()

    found = side_by_side({"import": load, "raw": insert}, 3)
    gc.unfreeze()
    half = folder / "half.jsonl"
    write(half, FACTS // 4)

    def load_quarter() -> None:
        fresh(target)
        with rl.open(target) as ledger:
            ledger.import_history(half)

    quarter = seconds(load_quarter)
    each = {name: value / FACTS * 1e6 for name, value in found.items()}
    return [
        f"import of {FACTS:,} facts with all rules on: {each['import']:.1f} µs a fact; "
        f"a raw bulk insert of the same rows {each['raw']:.1f} µs",
        verdict("speed against the raw insert", found["raw"] / found["import"], 0.5),
        f"  linear: four times the facts took {found['import'] / quarter:.1f} times as long",
    ]


def write(file: Path, facts: int) -> None:
    """Write rows as a file of JSON lines."""
    with file.open("w") as lines:
        for row in rows(facts):
            lines.write(json.dumps(row, separators=(",", ":")) + "\n")


def fresh(target: Path) -> None:
    """Remove a ledger's files."""
    for suffix in ("", "-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
