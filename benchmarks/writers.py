"""Many who record in one SQLite file: processes, each with its share; and threads, which share commits.

A process, or a thread, that records for its own member depends on nobody else. A disk that takes longer to
commit is one before whose commits some time is slept.
"""

from __future__ import annotations

import multiprocessing
import threading
import time
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ratios import verdict

import reps_ledger as rl
from reps_ledger.log.sqlite.presence import FileConnection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier
    from pathlib import Path

WRITERS = 16
SECONDS = 20.0
LEFT_OUT = 1.0
"""Of the processes' seconds, the first: until all are at it."""

THREAD_SECONDS = 5.0
SLOWER = (0.0, 0.001, 0.002)
"""Seconds that a commit takes longer."""


class Did(NamedTuple):
    """What a writer did.

    Attributes:
        records: how many times it recorded.
        slowest: the longest time that a call took, in seconds.
    """

    records: int
    slowest: float


def _record(ledger: rl.Ledger, number: int, seconds: float, left_out: float = 0.0) -> Did:
    report = rl.ReportFiled(member=f"m{number}", activity="talk")
    records, slowest = 0, 0.0
    begun = time.perf_counter()
    while (now := time.perf_counter()) < begun + seconds:
        ledger.record(report, by="bench")
        if now > begun + left_out:
            records += 1
            slowest = max(slowest, time.perf_counter() - now)
    return Did(records, slowest)


def _process(path: Path, number: int, ready: Barrier, told: Queue[Did]) -> None:
    with rl.open(path, timeout=60) as ledger:
        ready.wait(60)
        told.put(_record(ledger, number, SECONDS, LEFT_OUT))


def _in_processes(path: Path, count: int) -> list[Did]:
    _joined(path, count)
    spawn = multiprocessing.get_context("spawn")
    told: Any = spawn.Queue()
    ready = spawn.Barrier(count)
    running = [spawn.Process(target=_process, args=(path, number, ready, told)) for number in range(count)]
    for each in running:
        each.start()
    found = [told.get() for _ in running]
    for each in running:
        each.join()
    return found


def _joined(path: Path, count: int) -> None:
    with rl.open(path) as ledger:
        people = [rl.MemberJoined(member=f"m{number}") for number in range(count)]
        ledger.record_all(people, by="bench", occurred_at=date(2018, 1, 1))


class _Slow:
    """Counts commits, and has each take longer."""

    def __init__(self, seconds: float) -> None:
        self.commits = 0
        self._seconds = seconds
        self._real = FileConnection.execute

    def __enter__(self) -> Self:
        real = self._real

        def execute(connection: Any, sql: str, *arguments: Any) -> Any:
            if sql == "COMMIT":
                self.commits += 1
                if self._seconds:
                    time.sleep(self._seconds)
            return real(connection, sql, *arguments)

        FileConnection.execute = execute  # type: ignore[method-assign]  # a disk that is slower
        return self

    def __exit__(self, *_: object) -> None:
        FileConnection.execute = self._real  # type: ignore[method-assign]  # as it was


def _in_threads(path: Path, count: int, slower: float) -> tuple[int, int]:
    """Return how many were recorded, and by how many commits."""
    _joined(path, count)
    found: list[Did] = []
    with rl.open(path, timeout=60) as ledger, _Slow(slower) as slow:
        threads = [
            threading.Thread(target=lambda n=number: found.append(_record(ledger, n, THREAD_SECONDS)))
            for number in range(count)
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        return sum(each.records for each in found), slow.commits


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    return [*_processes(folder), *_threads(folder)]


def _processes(folder: Path) -> Iterator[str]:
    (alone,) = _in_processes(folder / "one.db", 1)
    found = _in_processes(folder / "many.db", WRITERS)
    records = [each.records for each in found]
    rate = sum(records) / (SECONDS - LEFT_OUT)
    slowest = max(each.slowest for each in found)
    yield (
        f"{WRITERS} processes: {rate:.0f} records a second in all, {min(records)} to {max(records)} each, "
        f"slowest call {slowest * 1e3:.0f} ms; one process {alone.records / (SECONDS - LEFT_OUT):.0f} a "
        f"second, slowest {alone.slowest * 1e3:.0f} ms"
    )
    yield verdict("the least of them against the busiest", min(records) / max(records), 0.5)
    yield verdict("all of them against one alone", sum(records) / alone.records, 0.4)
    share = WRITERS / rate
    yield verdict(f"40 fair shares of {share * 1e3:.1f} ms against the slowest call", 40 * share / slowest, 1)


def _threads(folder: Path) -> Iterator[str]:
    for slower in SLOWER:
        one, commits = _in_threads(folder / f"thread-{slower}.db", 1, slower)
        many, shared = _in_threads(folder / f"threads-{slower}.db", WRITERS, slower)
        yield (
            f"{WRITERS} threads, commits {slower * 1e3:.0f} ms slower: {many / THREAD_SECONDS:.0f} records a "
            f"second; one thread {one / THREAD_SECONDS:.0f}, in {commits} commits"
        )
        yield verdict("records a commit", many / shared, 6)
        yield verdict("against one thread", many / one, 4 if slower else 1.5)
