"""Run the benchmarks: ``make bench``, or ``python benchmarks/run.py import read``.

Every figure is a ratio to a yardstick that is measured beside it, in the same run.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import auditing
import columns
import growth
import importing
import judging
import keeping
import kit
import memory
import one_of_many
import reading
import recording
import sealed
import state_postgres
import timelines
import writers

import privacy
import replay
import state
import views

BENCHMARKS = {
    "record": recording.run,
    "writers": writers.run,
    "import": importing.run,
    "read": reading.run,
    "growth": growth.run,
    "judge": judging.run,
    "one": one_of_many.run,
    "kit": kit.run,
    "columns": columns.run,
    "replay": replay.run,
    "replay-many": replay.run_many,
    "timelines": timelines.run,
    "audit": auditing.run,
    "memory": memory.run,
    "views": views.run,
    "keeping": keeping.run,
    "privacy": privacy.run,
    "sealed": sealed.run,
    "state": state.run,
    "state-postgres": state_postgres.run,
}


def main() -> None:
    """Run those named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    names = ", ".join(BENCHMARKS)
    parser.add_argument("name", nargs="*", help=f"which: {names}; all of them by default")
    chosen = parser.parse_args().name or [*BENCHMARKS]
    if unknown := [name for name in chosen if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]}; there are {names}")
    cache = Path(__file__).resolve().parent.parent / ".cache"
    cache.mkdir(exist_ok=True)
    for name in chosen:
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            for line in BENCHMARKS[name](Path(folder)):
                print(line)


if __name__ == "__main__":
    main()
