"""Checkpoints, proofs and verification of a million entries, and what they cost who appends."""

from __future__ import annotations

import itertools
import random
import re
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ratios import seconds, side_by_side, verdict

import reps_ledger as rl
from reps_ledger.audit import SigningKey
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.log import Codec, EventLog, SQLiteRecorder

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT = 1_000_000
NEW = 1_000
MEMBERS = 50_000
ROUNDS = 15
KEY = SigningKey("example.org/bench", bytes(32))
NOW = datetime(2018, 1, 1, tzinfo=UTC)


def entries(count: int) -> Iterator[Entry]:
    """Make reports by many members, of about the size that they have."""
    for number in range(count):
        member = f"m{number % MEMBERS:07d}"
        entry_id = f"{number:08x}-0000-7000-8000-000000000000"
        yield Entry(
            id=entry_id,
            recorded_at=NOW,
            occurred_at=NOW,
            by="bench",
            fact=rl.ReportFiled(member=member, activity=f"event-{number}", community="indonesia"),
            tags=(f"member:{member}", "community:indonesia", f"entry:{entry_id}"),
        )


def fill(path: Path, count: int) -> None:
    """Write a log of so many entries, past the rules."""
    with SQLiteRecorder(path) as recorder:
        log = EventLog(recorder, Codec(Registry(BUILT_IN)))
        made = entries(count)
        while batch := list(itertools.islice(made, 10_000)):
            recorder.append(log.events(batch))


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    path = folder / "audit.db"
    fill(path, COUNT)
    found = [f"audit of {COUNT:,} entries:"]
    with rl.open(path) as ledger:
        first = seconds(lambda: ledger.checkpoint(KEY))
        found.append(f"  the first checkpoint, of all: {first:.2f} s")
        times = []
        for _ in range(ROUNDS):
            append(ledger, NEW)
            times.append(seconds(lambda: ledger.checkpoint(KEY)))
        found.append(goal(f"a checkpoint over {NEW:,} new entries", statistics.median(times), 0.01))
        chance = random.Random(1)
        proofs = [seconds(lambda: ledger.prove(chance.randint(1, COUNT)).verify()) for _ in range(ROUNDS * 5)]
        found.append(goal("an inclusion proof, made and verified", statistics.median(proofs), 0.01))
        found.append(f"    the slowest of {len(proofs)}: {max(proofs) * 1000:.1f} ms")
        joined = seconds(lambda: ledger.prove_consistency(COUNT // 3).verify())
        found.append(f"  a consistency proof: {joined * 1000:.1f} ms")
        (folder / "checkpoint").write_text(ledger.checkpoint(KEY).note)
    command = [sys.executable, __file__, str(path), str(folder / "checkpoint")]
    taken, cpu, peak = subprocess.run(  # noqa: S603 — this very script
        command, check=True, capture_output=True, text=True
    ).stdout.split()
    found.append(goal("verification, the database's own check included", float(taken), 5))
    found.append(f"    processor time of it: {float(cpu):.2f} s")
    found.append(f"    peak memory of the process: {int(peak) // 1024} MB (goal 100)")
    kept, tree = path.stat().st_size, path.with_name("audit.db.tree").stat().st_size
    found.append(f"  kept beside the log: {tree / 2**20:.1f} MB, {tree / kept:.3f} of its size")
    return found + appending(folder)


def goal(what: str, taken: float, most: float) -> str:
    """Say how a time stands to its goal."""
    reached = "reached" if taken < most else "MISSED"
    return f"  {what}: {taken * 1000:,.1f} ms (goal {most * 1000:,.0f}: {reached})"


def append(ledger: rl.Ledger, count: int) -> None:
    """Record members, as many as asked."""
    head = ledger.position
    facts = [rl.MemberJoined(member=f"new-{head + number}") for number in range(count)]
    ledger.record_all(facts, by="bench")


def appending(folder: Path) -> list[str]:
    """Compare appending to a ledger that is checkpointed with one that never was."""
    ledgers = {name: rl.open(folder / f"{name}.db") for name in ("plain", "kept")}
    numbers = itertools.count()
    for ledger in ledgers.values():
        ledger.record(rl.MemberJoined(member="ana"), by="bench")

    def record(name: str) -> None:
        for _ in range(300):
            report = rl.ReportFiled(member="ana", activity=f"a{next(numbers)}")
            ledgers[name].record(report, by="bench")

    times: dict[str, list[float]] = {"plain": [], "kept": []}
    for _ in range(ROUNDS):
        ledgers["kept"].checkpoint(KEY)  # outside of what is timed: it is its own cost
        taken = side_by_side({name: partial(record, name) for name in ledgers}, 1)
        for name, value in taken.items():
            times[name].append(value)
    for ledger in ledgers.values():
        ledger.close()
    each = {name: statistics.median(value) for name, value in times.items()}
    return [
        f"one durable record: {each['plain'] / 300 * 1e6:.0f} µs, and with checkpoints kept "
        f"{each['kept'] / 300 * 1e6:.0f} µs",
        verdict("speed of appending with checkpoints kept", each["plain"] / each["kept"], 0.95),
    ]


def verify(path: Path, checkpoint: Path) -> None:
    """Verify in this process; print the seconds by the clock, the processor's, the peak in kB."""
    with rl.open(path) as ledger:
        began, worked = time.perf_counter(), time.process_time()
        found = ledger.verify(checkpoint.read_text(), KEY.verifying)
        taken, cpu = time.perf_counter() - began, time.process_time() - worked
        assert found.ok, found.words()
    status = Path("/proc/self/status").read_text()
    print(taken, cpu, re.search(r"VmHWM:\s+(\d+)", status)[1])  # type: ignore[index]  # it is there on Linux


if __name__ == "__main__":
    verify(Path(sys.argv[1]), Path(sys.argv[2]))
