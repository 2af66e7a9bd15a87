"""Writers killed at random moments: ``python -m faults.kills TARGET KILLS SEED THREADS``.

Each is a process of its own that opens the ledger, records batches in some threads, which share commits in
SQLite, and tells each receipt. It is killed with SIGKILL, and the next one goes on. All the while another
process, which nobody kills, records too. At the end the log is compared with all receipts. Prints what was
found, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import reps_ledger as rl

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 0.04
"""Seconds until a writer is killed, once it recorded something."""

PATIENCE = 7_200.0
"""Seconds in which all that are to be killed are."""


def write(target: str, name: str, sink: int, threads: int, ends: threading.Event) -> None:
    """Record batches in threads until killed, or told to end; each command says how many facts it has."""
    with rl.open(target) as ledger:
        writing = [
            threading.Thread(target=record, args=(ledger, f"{name}-{number}", sink, ends))
            for number in range(threads)
        ]
        for thread in writing:
            thread.start()
        for thread in writing:
            thread.join(PATIENCE)


def record(ledger: rl.Ledger, name: str, sink: int, ends: threading.Event) -> None:
    """Record batches, and tell each receipt."""
    chance = random.Random(name)  # noqa: S311 — the same again when it fails
    number = 0
    while not ends.is_set():
        number += 1
        size = chance.randrange(1, 6)
        member = f"m{name}-{number}"
        facts: list[rl.Fact] = [rl.MemberJoined(member=member)]
        facts += [rl.ReportFiled(member=member, activity="talk") for _ in range(size - 1)]
        command = f"{name}.{number}.{size}"
        receipt = ledger.record_all(facts, by="council", command_id=command)
        os.write(sink, f"{command} {receipt.position}\n".encode())


@contextmanager
def bystander(target: str, told: dict[str, int]) -> Iterator[None]:
    """Have a process record while others are killed, and end by itself; take what it was told."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        ends = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ends.set())
        try:
            write(target, "by", sink, 1, ends)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(sink)
    answers: list[str] = []
    with os.fdopen(source) as said:
        hears = threading.Thread(target=lambda: answers.extend(said))
        hears.start()
        try:
            yield
        finally:
            os.kill(child, signal.SIGTERM)
            _, status = os.waitpid(child, 0)
            hears.join(60)
    assert status == 0, "a writer failed as others were killed"
    told |= {command: int(position) for command, position in map(str.split, answers)}


def killed(target: str, kill: int, threads: int, chance: random.Random) -> dict[str, int]:
    """Start a writer and kill it; return what it was told, by command."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        try:
            write(target, str(kill), sink, threads, threading.Event())
        finally:
            os._exit(1)
    os.close(sink)
    with os.fdopen(source) as answers:
        first = answers.readline()
        time.sleep(chance.random() * LONGEST)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "a writer ended by itself"
        lines = [first, *answers.read().split("\n")[:-1]]
    return {command: int(position) for command, position in map(str.split, lines)}


def compared(target: str, told: dict[str, int]) -> dict[str, Any]:
    """Compare the log with what writers were told."""
    found: dict[str, list[int]] = defaultdict(list)
    positions = []
    with rl.open(target) as ledger:
        for entry in ledger.entries():
            positions.append(entry.position)
            if entry.name != "ledger.declared":
                found[str(entry.command_id)].append(entry.position)
        after = ledger.record(rl.MemberJoined(member="after"), by="council").position
    torn = [name for name, each in found.items() if len(each) != int(name.split(".")[2])]
    apart = [name for name, each in found.items() if each[-1] - each[0] != len(each) - 1]
    lost = [command for command, position in told.items() if found.get(command, [0])[-1] != position]
    return {
        "entries": len(positions),
        "acknowledged": len(told),
        "unacknowledged": len(found) - len(told),
        "lost": lost,
        "torn": torn + apart,
        "dense": positions == list(range(1, len(positions) + 1)),
        "grows": positions == sorted(set(positions)) and after > positions[-1],
    }


def main(target: str, kills: str, seed: str, threads: str) -> None:
    """Kill so many writers, and tell."""
    rl.open(target).close()
    chance = random.Random(int(seed))  # noqa: S311 — the same again when it fails
    told: dict[str, int] = {}
    with bystander(target, told):
        for kill in range(int(kills)):
            told |= killed(target, kill, int(threads), chance)
    sys.stdout.write(json.dumps(compared(target, told)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
