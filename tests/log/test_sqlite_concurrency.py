"""Threads, processes, forks and kills: no entry lost, none doubled, none out of order."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from eventsourcing.persistence import IntegrityError

from programs import start
from recorders import condition, event
from reps_ledger.log.sqlite import SQLiteRecorder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from eventsourcing.dcb.api import DCBSequencedEvent

    from processes import Program


def run(programs: Sequence[Program]) -> list[list[str]]:
    """Let programs that said that they are open go, all at once, and return what they say."""
    with ExitStack() as started:
        for program in programs:
            started.enter_context(program)
        for program in programs:
            assert program.hear() == "open"
        for program in programs:
            program.tell("go")
        said = [program.end().split() for program in programs]
    assert {0} == {program.returncode for program in programs}
    return said


def check_batches(found: Sequence[DCBSequencedEvent]) -> None:
    """Positions are dense, and no batch is torn: its parts are all there, next to each other."""
    assert list(range(1, len(found) + 1)) == [each.position for each in found]
    index = 0
    while index < len(found):
        name, number, _, size = found[index].event.data.decode().split()
        expected = [f"{name} {number} {part} {size}".encode() for part in range(int(size))]
        assert expected == [each.event.data for each in found[index : index + int(size)]]
        index += int(size)


@pytest.mark.parametrize("where", ["file", "memory"])
def test_threads_that_claim_seats(where: str, sqlite_path: Path) -> None:
    """Of eight threads that each want every seat, exactly one gets each."""
    won: Counter[int] = Counter()
    with SQLiteRecorder(sqlite_path if where == "file" else ":memory:", timeout=60) as recorder:

        def claim(_: int) -> None:
            for seat in range(40):
                with suppress(IntegrityError):
                    recorder.append([event("claimed", f"seat:{seat}")], condition(f"seat:{seat}"))
                    won[seat] += 1

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(claim, range(8)))
        assert dict.fromkeys(range(40), 1) == won
        assert recorder.head() == 40
        assert recorder.integrity_check() == []


def test_processes_that_claim_seats(sqlite_path: Path) -> None:
    """Of four processes that each want every seat, exactly one gets each."""
    said = run([start("claim", sqlite_path, name, 50) for name in "abcd"])
    assert [str(seat) for seat in range(50)] == sorted(chain(*said), key=int)
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.head() == 50


def test_processes_that_append(sqlite_path: Path) -> None:
    """What four processes were told is recorded is there, whole; a reader misses nothing."""
    programs = [start("append", sqlite_path, name, 50) for name in "abcd"]
    seen: list[int] = []
    with SQLiteRecorder(sqlite_path) as recorder, recorder.subscribe() as following:

        def follow() -> None:
            seen.extend(next(following).position for _ in range(600))

        thread = threading.Thread(target=follow)
        thread.start()
        acknowledged = [int(position) for lines in run(programs) for position in lines]
        thread.join(10)
        assert list(range(1, 601)) == seen
        check_batches(list(recorder.read()))
        assert list(range(3, 601, 3)) == sorted(acknowledged)


def test_a_tailing_reader_misses_nothing(sqlite_recorder: SQLiteRecorder) -> None:
    """A reader that always reads on from where it was sees every entry once, in order."""
    seen: list[int] = []
    done = threading.Event()

    def tail() -> None:
        while not (done.is_set() and sqlite_recorder.head() == len(seen)):
            seen.extend(found.position for found in sqlite_recorder.read(after=len(seen)))

    def append(name: int) -> None:
        for _ in range(50):
            sqlite_recorder.append([event("a", f"writer:{name}"), event("b")])

    reader = threading.Thread(target=tail)
    reader.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(append, range(4)))
    done.set()
    reader.join(20)
    assert list(range(1, 401)) == seen


def test_killed_writers(sqlite_path: Path) -> None:
    """After kill -9 in mid-append all that was acknowledged is there, and no batch is torn."""
    SQLiteRecorder(sqlite_path).close()
    with start("killed", sqlite_path, 25) as program:
        acknowledged = [int(line) for line in program.end().split()]
    assert len(acknowledged) == 25
    with SQLiteRecorder(sqlite_path) as recorder:
        found = list(recorder.read())
        assert max(acknowledged) <= len(found)
        check_batches(found)
        assert len({each.event.data.split()[0] for each in found}) == 25
        assert recorder.integrity_check() == []


def test_a_fork_with_the_ledger_open(sqlite_path: Path) -> None:
    """Parent and child both go on, and what either recorded is there when both are gone.

    Without care the child would write to a log that the parent deletes as it closes.
    """
    with start("fork", sqlite_path) as program:
        assert program.end() == "0\n"
    with SQLiteRecorder(sqlite_path) as recorder:
        found = list(recorder.read())
        check_batches(found)
        names = Counter(each.event.data.split()[0] for each in found)
        assert names == {b"before": 3, b"child": 6, b"parent": 3}


def test_a_fork_that_python_does_not_know_of(sqlite_path: Path) -> None:
    """A child that inherited open connections does not use them, and says why."""
    with start("fork-unseen", sqlite_path) as program:
        said = program.end().splitlines()
    assert said[0] == "Closed"
    assert "forked" in said[1]
    assert said[2] == "6"
