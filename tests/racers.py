"""What several threads or processes do to one ledger at once: ``python racers.py``.

A racer is a process with a ledger of its own. It takes one task a line, as JSON, and answers each
with one line. Threads call the same tasks directly, on a ledger that they share.
"""

from __future__ import annotations

import json
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

__all__ = ["LEAD", "Crew", "Racer", "attempt", "follow", "in_threads", "sit"]

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

    def __init__(self) -> None:
        self.process = Program(__file__)

    def tell(self, task: str, **arguments: Any) -> None:
        """Give a task; the answer is for `heard`."""
        self.process.tell(json.dumps({"task": task, **arguments}))

    def heard(self) -> Any:
        """Wait for the answer to a task."""
        line = self.process.hear(PATIENCE)
        assert line, f"a racer ended with {self.process.wait(10)}"
        return json.loads(line)


class Crew:
    """Racers that serve one test after another, as starting one takes a second. Close it."""

    def __init__(self) -> None:
        self._started = ExitStack()
        self._free: list[Racer] = []

    @contextmanager
    def on(self, target: str, count: int) -> Iterator[list[Racer]]:
        """Have so many racers open a ledger; they close it at the end of the block."""
        while len(self._free) < count:
            racer = Racer()
            self._started.enter_context(racer.process)
            self._free.append(racer)
        racing = [self._free.pop() for _ in range(count)]
        try:
            self._all(racing, "open", target=target)
            yield racing
            self._all(racing, "close")
        except BaseException:
            for racer in racing:  # which may be at it still
                racer.process.kill()
            raise
        self._free += racing

    @staticmethod
    def _all(racing: Sequence[Racer], task: str, **arguments: Any) -> None:
        for racer in racing:
            racer.tell(task, **arguments)
        for racer in racing:
            assert racer.heard() == task

    def close(self) -> None:
        """End them all."""
        self._started.close()


def in_threads(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Call ``work`` with 0, 1, 2 … in so many threads that start together; give its answers."""
    barrier = Barrier(count)

    def run(number: int) -> Any:
        barrier.wait(10)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count), timeout=PATIENCE))


def main() -> None:
    """Take tasks until there are no more."""
    ledger: rl.Ledger | None = None
    while line := sys.stdin.readline():
        task = json.loads(line)
        name = task.pop("task")
        answer: Any = name
        with limited(PATIENCE):
            if name == "open":
                ledger = rl.open(task["target"], rules=[LEAD])
            else:
                assert ledger is not None
                if name == "close":
                    ledger.close()
                else:
                    answer = TASKS[name](ledger, **task)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
