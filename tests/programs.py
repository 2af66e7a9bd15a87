"""What other processes do in tests: ``python programs.py NAME PATH ARGUMENT...``."""

from __future__ import annotations

import faulthandler
import gc
import os
import random
import resource
import signal
import sqlite3
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBQueryItem
from eventsourcing.persistence import IntegrityError

from processes import Program, limited
from reps_ledger.errors import StorageError
from reps_ledger.log.sqlite import SQLiteRecorder, pool
from reps_ledger.log.sqlite.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["start"]


def start(name: str, path: Path, *arguments: object) -> Program:
    """Run one of the programs below in a process of its own; its output is for reading."""
    return Program(__file__, name, path, *arguments)


def say(words: object) -> None:
    """Tell the test, at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def heard() -> str:
    """Wait for a line from the test."""
    return sys.stdin.readline()


def batch(name: str, number: int, size: int = 3) -> list[DCBEvent]:
    """Events that belong together; each says which and how many they are."""
    return [
        DCBEvent("tick", f"{name} {number} {part} {size}".encode(), [f"writer:{name}", f"part:{part}"])
        for part in range(size)
    ]


def append(path: str, name: str, count: str) -> None:
    """Append so many batches, on condition that nobody else did what this one does."""
    with SQLiteRecorder(path, timeout=60) as recorder:
        say("open")
        heard()
        for number in range(int(count)):
            condition = DCBAppendCondition(
                DCBQuery([DCBQueryItem(["tick"], [f"writer:{name}"])]), recorder.head()
            )
            say(recorder.append(batch(name, number), condition))


def claim(path: str, name: str, count: str) -> None:
    """Race for numbered seats: whoever appends a seat first has it, and says so."""
    with SQLiteRecorder(path, timeout=60) as recorder:
        say("open")
        heard()
        for number in range(int(count)):
            seat = DCBAppendCondition(DCBQuery([DCBQueryItem([], [f"seat:{number}"])]))
            with suppress(IntegrityError):
                recorder.append([DCBEvent("claimed", name.encode(), [f"seat:{number}"])], seat)
                say(number)


def lock(path: str) -> None:
    """Hold the write lock until told otherwise."""
    with SQLiteRecorder(path) as recorder, recorder._connections.writing() as connection:
        connection.execute("BEGIN IMMEDIATE")
        say("locked")
        heard()
        connection.execute("ROLLBACK")


def queue(path: str) -> None:
    """Wait for the turn to write, and hold it until told otherwise, without writing."""
    place = Path(path)
    turn = Turn(place, place.with_name(f"{place.name}-turn"))
    assert turn.take(60)
    say("turn")
    heard()
    turn.close()


def killed(path: str, kills: str) -> None:
    """Kill writers in mid-append, and say the last position that each was told of."""
    chance = random.Random(7)  # noqa: S311 — the same moments again when it fails
    for kill in range(int(kills)):
        source, sink = os.pipe()
        child = os.fork()
        if child == 0:
            with SQLiteRecorder(path) as recorder:
                for number in range(1_000_000):
                    position = recorder.append(batch(f"w{kill}", number, 20))
                    os.write(sink, f"{position}\n".encode())
        os.close(sink)
        with os.fdopen(source) as answers:
            answers.readline()
            time.sleep(chance.random() * 0.03)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            lines = answers.read().split("\n")
        say(next((line for line in reversed(lines[:-1])), "1"))


def fill(path: str) -> None:
    """Append until the disk is full, as far as this process can tell; then make room."""
    with SQLiteRecorder(path) as recorder:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, hard))
        number = 0
        try:
            for number in range(100_000):
                recorder.append(batch("filler", number, 50))
        except StorageError as error:
            say(type(error).__name__)
            say(error)
        say(number)
        say(recorder.head())
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        say(recorder.append(batch("filler", number, 50)))


def fork(path: str) -> None:
    """Fork with the ledger open; parent and child both go on, the child for longer."""
    recorder = SQLiteRecorder(path)
    recorder.append(batch("before", 0))
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        recorder.append(batch("child", 0))
        os.read(source, 1)
        recorder.append(batch("child", 1))
        os._exit(0)
    recorder.append(batch("parent", 0))
    time.sleep(0.1)
    recorder.close()  # would take the log away from a child that had inherited its connections
    os.write(sink, b"!")
    say(os.waitpid(child, 0)[1])


def fork_unseen(path: str) -> None:
    """Fork behind Python's back, so that nobody closes anything first."""
    import ctypes

    recorder = SQLiteRecorder(path)
    recorder.append(batch("before", 0))
    child = ctypes.CDLL(None).fork()
    if child == 0:
        try:
            recorder.append(batch("child", 0))
        except StorageError as error:
            say(type(error).__name__)
            say(error)
        os._exit(0)
    os.waitpid(child, 0)
    say(recorder.append(batch("parent", 0)))


def _dropping(path: str, fork: Callable[[], int]) -> None:
    """Fork with the ledger open; the child drops it, and ends as programs do."""
    recorder = SQLiteRecorder(path)
    recorder.append(batch("before", 0))
    connections = list(recorder._connections._idle.connections)
    faulthandler.cancel_dump_traceback_later()  # a child has no such thread, and waits for its end
    child = fork()
    if child == 0:
        if not pool._inherited and recorder._connections._idle.process == os.getpid():
            recorder.append(batch("child", 0))
            connections = list(recorder._connections._idle.connections)
        del recorder
        gc.collect()
        say(f"{len(pool._inherited)} inherited")
        try:
            connections[0].execute("SELECT 1")
            say("open")
        except sqlite3.ProgrammingError:
            say("closed")
        return
    say(f"child ended with {os.waitpid(child, 0)[1]}")
    head = recorder.append(batch("parent", 0))
    say("log is there" if os.path.getsize(f"{path}-wal") else "no log")  # noqa: PTH202 — text
    say(head)
    recorder.close()


def drop_forked(path: str) -> None:
    """Fork as Python does; the child drops what it opened itself."""
    _dropping(path, os.fork)


def drop_unseen(path: str) -> None:
    """Fork behind Python's back; the child drops what it inherited."""
    import ctypes

    _dropping(path, ctypes.CDLL(None).fork)


PROGRAMS: dict[str, Callable[..., None]] = {
    "append": append,
    "claim": claim,
    "drop-forked": drop_forked,
    "drop-unseen": drop_unseen,
    "fill": fill,
    "fork": fork,
    "fork-unseen": fork_unseen,
    "killed": killed,
    "queue": queue,
    "lock": lock,
}

if __name__ == "__main__":
    with limited():
        PROGRAMS[sys.argv[1]](*sys.argv[2:])
