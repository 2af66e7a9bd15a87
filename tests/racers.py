"""What several threads or processes do to one ledger at once: ``python racers.py TARGET``.

A racer is a process with a ledger of its own. It takes one task a line, as JSON, and answers each
with one line. Threads call the same tasks directly, on a ledger that they share.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Barrier, Timer
from typing import TYPE_CHECKING, Any, Final

import reps_ledger as rl
from processes import PATIENCE, Program, limited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["LEAD", "Racer", "attempt", "follow", "in_threads", "racers", "sit"]

LONGEST: Final = PATIENCE * (20 if os.environ.get("REPS_FAULTS") == "long" else 1)
"""Seconds that a task may take; of a long search for faults there are long ones."""

LEAD: Final = rl.seats("lead", limit=1)
"""One lead at a time: the rule under which every racer records."""


def attempt(ledger: rl.Ledger, tasks: Sequence[dict[str, Any]], by: str) -> list[dict[str, Any]]:
    """Try to record facts, one after another; say what became of each."""
    outcomes: list[dict[str, Any]] = []
    for task in tasks:
        fact = getattr(rl, task["fact"])(**task["fields"])
        try:
            receipt = ledger.record(fact, by=by, command_id=task.get("command_id"))
        except rl.Refused as refused:
            outcomes.append({"refused": list(refused.codes)})
        else:
            entry = receipt.entry
            outcomes.append(
                {
                    "recorded": entry.id,
                    "position": entry.position,
                    "by": entry.by,
                    "tags": list(entry.tags),
                    "repeated": receipt.repeated,
                }
            )
    return outcomes


def sit(ledger: rl.Ledger, member: str, times: int) -> list[str]:
    """Take the one seat of a lead so many times, and free it each time by retiring."""
    said: list[str] = []
    deadline = time.monotonic() + PATIENCE
    while said.count("sat") < times and time.monotonic() < deadline:
        try:
            ledger.record(rl.RoleAssigned(member=member, role="lead"), by=member)
        except rl.Refused as refused:
            said += refused.codes
            time.sleep(0.001)
        except rl.Conflict:
            said.append("conflict")
        else:
            said.append("sat")
            time.sleep(0.01)  # for the others to find the seat taken
            ledger.record(rl.MemberRetired(member=member, how="resigned"), by=member)
    return said


def follow(ledger: rl.Ledger, after: int, count: int) -> list[list[Any]]:
    """Follow the log from a position until so many entries were seen, or for too long."""
    seen: list[list[Any]] = []
    with ledger.subscribe(after=after) as subscription:
        timer = Timer(PATIENCE, subscription.stop)
        timer.start()
        for entry in subscription:
            seen.append([entry.position, entry.id])
            if len(seen) == count:
                break
        timer.cancel()
    return seen


TASKS: Final[dict[str, Callable[..., Any]]] = {"attempt": attempt, "follow": follow, "sit": sit}


class Racer:
    """A process with a ledger of its own."""

    def __init__(self, target: str) -> None:
        self.process = Program(__file__, target)

    def tell(self, task: str, **arguments: Any) -> None:
        """Give a task; the answer is for `heard`."""
        self.process.tell(json.dumps({"task": task, **arguments}))

    def heard(self) -> Any:
        """Wait for the answer to a task."""
        line = self.process.hear(LONGEST)
        assert line, f"a racer ended with {self.process.wait(10)}"
        return json.loads(line)


@contextmanager
def racers(target: str, count: int) -> Iterator[list[Racer]]:
    """So many processes, each with the ledger open; they end with the block."""
    with ExitStack() as started:
        running = [Racer(target) for _ in range(count)]
        for racer in running:
            started.enter_context(racer.process)
        for racer in running:
            assert racer.heard() == "open"
        yield running


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Call ``work`` with 0, 1, 2 … in so many threads that start together; give its answers."""
    barrier = Barrier(count)

    def run(number: int) -> Any:
        barrier.wait(10)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count), timeout=LONGEST))


def main(target: str) -> None:
    """Take tasks until there are no more."""
    with rl.open(target, rules=[LEAD]) as ledger:
        answer: Any = "open"
        while True:
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()
            line = sys.stdin.readline()
            if not line:
                return
            task = json.loads(line)
            with limited(LONGEST):
                answer = TASKS[task.pop("task")](ledger, **task)


if __name__ == "__main__":
    main(sys.argv[1])
