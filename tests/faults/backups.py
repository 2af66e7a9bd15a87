"""Backups in trouble: ``python -m faults.backups WHAT FOLDER TIMES SEED``.

Each backup must hold all that was acknowledged before it began, be the beginning of the log, and be
there whole or not at all; so must a ledger that is restored of one. Prints what was found, as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import reps_ledger as rl
from faults.kills import write
from faults.trouble import ENOUGH, facts, small_disk
from processes import PATIENCE
from reps_ledger.log.sqlite import SQLiteRecorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reps_ledger.log.storage import Stored

BEFORE: Final = 4_000
"""Entries that a ledger has before it is backed up, so that this takes a while."""


A_LEDGER: Final = 25
"""Kills until another ledger is begun: each copy is read whole, and grows with the ledger."""


class Writers:
    """Processes that record in one ledger, and what they were told so far."""

    def __init__(self, path: Path, count: int) -> None:
        self.told: dict[str, int] = {}
        self._children: list[int] = []
        self._sources: list[int] = []
        self._rest: dict[int, bytes] = {}
        for number in range(count):
            source, sink = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(source)
                try:
                    write(str(path), str(number), sink, 1, threading.Event())
                finally:
                    os._exit(1)
            os.close(sink)
            os.set_blocking(source, False)
            self._children.append(child)
            self._sources.append(source)
            self._rest[source] = b""

    def hear(self) -> dict[str, int]:
        """Return the last positions of all commands that were acknowledged by now."""
        for source in self._sources:
            with suppress(BlockingIOError):
                while chunk := os.read(source, 1 << 16):
                    *lines, self._rest[source] = (self._rest[source] + chunk).split(b"\n")
                    for command, position in (line.decode().split() for line in lines):
                        self.told[command] = int(position)
        return dict(self.told)

    def wait(self, count: int) -> None:
        """Wait until each of them recorded something since."""
        deadline = time.monotonic() + PATIENCE
        before = len(self.hear())
        while len(self.hear()) < before + count:
            assert time.monotonic() < deadline, "the writers stand still"
            time.sleep(0.002)

    def kill(self) -> None:
        """Kill them all."""
        for child in self._children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


@contextmanager
def writing(path: Path, count: int) -> Iterator[Writers]:
    """Have processes record while the block runs."""
    writers = Writers(path, count)
    try:
        writers.wait(count)
        yield writers
    finally:
        writers.kill()


def begun(folder: Path) -> Path:
    """Make a ledger of some size."""
    path = folder / "reps.db"
    with rl.open(path) as ledger:
        for number in range(0, BEFORE, 1_000):
            batch = [rl.MemberJoined(member=f"b{each}") for each in range(number, number + 1_000)]
            ledger.record_all(batch, by="council", command_id=f"before.{number}.1000")
    return path


def rows_of(path: Path) -> list[Stored]:
    """All entries of a ledger file, as they are stored."""
    with SQLiteRecorder(path, create=False) as recorder:
        problems = recorder.integrity_check()
        assert not problems, problems
        return list(rl.open(recorder)._core.log.stored())


def digest(rows: list[Stored]) -> str:
    """What tells other rows from these."""
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def wrong(rows: list[Stored], told: dict[str, int]) -> list[str]:
    """Return the commands of which a copy does not have all, and has not at their position."""
    last = {row[0]: json.loads(row[2])["command_id"] for row in rows if b'"command_id"' in row[2]}
    return [command for command, position in told.items() if last.get(position) != command]


def during(folder: Path, rounds: int, _: random.Random) -> dict[str, Any]:
    """Back up, round by round, while four processes record."""
    path = begun(folder)
    copies: list[tuple[int, str]] = []
    lost: list[str] = []
    with writing(path, 4) as writers, rl.open(path) as ledger:
        for number in range(rounds):
            writers.wait(4)
            told = writers.hear()
            target = folder / f"copy{number}.db"
            ledger.backup(target)
            rows = rows_of(target)
            copies.append((len(rows), digest(rows)))
            lost += wrong(rows, told)
            target.unlink()
    final = rows_of(path)
    return {
        "backups": len(copies),
        "lost": lost,
        "altered": sum(digest(final[:length]) != found for length, found in copies),
        "grew": copies[-1][0] - copies[0][0],
        "lost by writers": wrong(final, writers.hear()),
    }


def killed(folder: Path, rounds: int, chance: random.Random) -> dict[str, Any]:
    """Kill processes that back up, or restore, at random moments, while two others record."""
    found: Counter[str] = Counter()
    lost: list[str] = []
    by_writers: list[str] = []
    for first in range(0, rounds, A_LEDGER):
        place = folder / f"from{first}"
        place.mkdir()
        path = begun(place)
        with writing(path, 2) as writers:
            started = time.monotonic()
            with rl.open(path) as ledger:
                before = ledger.backup(place / "first.db")
            longest = 3 * (time.monotonic() - started)
            for number in range(first, min(first + A_LEDGER, rounds)):
                told = writers.hear()
                target = place / f"target{number}.db"
                restoring = number % 2 == 1
                kill(
                    partial(copy, path, place / "first.db", target, restoring=restoring),
                    longest * chance.random(),
                )
                whole = target.exists()
                found[f"{'restored' if restoring else 'backed up'}: {'whole' if whole else 'nothing'}"] += 1
                if whole:
                    rows = rows_of(target)
                    lost += wrong(rows, told) if not restoring or len(rows) != before else []
                    target.unlink()
        by_writers += wrong(rows_of(path), writers.hear())
        shutil.rmtree(place)
    return {"lost": lost, "found": found, "lost by writers": by_writers}


def copy(path: Path, backup: Path, target: Path, *, restoring: bool) -> None:
    """Back a ledger up, or restore a backup."""
    if restoring:
        rl.restore(backup, target)
    else:
        with rl.open(path) as ledger:
            ledger.backup(target)


def kill(work: Callable[[], None], after: float) -> None:
    """Have a process do some work, and kill it after so many seconds."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            work()
        os._exit(0)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def full(folder: Path, rounds: int, _: random.Random) -> dict[str, Any]:
    """Back up, and restore, to a disk without enough room; then again where there is room."""
    path = begun(folder)
    errors: Counter[str] = Counter()
    left: list[str] = []
    copies = 0
    with rl.open(path) as ledger:
        for number in range(300):
            ledger.record_all(facts(number), by="x", command_id=f"x.{number}.3")
        ledger.backup(folder / "first.db")
        for number in range(rounds):
            place = folder / f"small{number}"
            with small_disk(place, mounting=number % 2 == 0) as (_kind, room):
                for write in (ledger.backup, lambda target: rl.restore(folder / "first.db", target)):
                    try:
                        write(place / "copy.db")
                    except rl.StorageError as error:
                        errors[type(error).__name__] += 1
                    left += [each.name for each in place.iterdir()]
                room(ENOUGH)
                ledger.record_all(facts(1_000 + number), by="x", command_id=f"y.{number}.3")
                ledger.backup(place / "copy.db")
                copies += rows_of(place / "copy.db") == rows_of(path)
    return {"errors": errors, "left": left, "whole": copies}


DEEDS: Final = ("delete", "move", "replace", "replace all", "remove the log")


def taken_away(path: Path, deed: str, other: Path) -> None:
    """Do to a ledger's file what somebody does who does not know that it is open."""
    log = path.with_name(f"{path.name}-wal")
    match deed:
        case "delete":
            path.unlink()
        case "move":
            path.rename(path.with_name("elsewhere.db"))
        case "replace":
            shutil.copy(other, path.with_name("new"))
            path.with_name("new").replace(path)
        case "replace all":
            path.parent.rename(path.parent.with_name("away"))
            path.parent.mkdir()
            shutil.copy(other, path)
        case _:
            log.unlink()


def recorded(ledger: rl.Ledger, told: dict[str, int], ended: list[str]) -> None:
    """Record until that ends in an error; say what was acknowledged, and the error."""
    for number in range(100_000):
        command = f"c.{number}.3"
        try:
            told[command] = ledger.record_all(facts(number), by="x", command_id=command).position
        except rl.StorageError as error:
            ended.append(type(error).__name__)
            return


def replaced(folder: Path, rounds: int, chance: random.Random) -> dict[str, Any]:
    """Take a file away at a random moment while it is recorded in; save what was acknowledged."""
    other = begun(folder)
    kept = rows_of(other)
    errors: Counter[str] = Counter()
    lost: list[str] = []
    problems: list[str] = []
    for number in range(rounds):
        deed = DEEDS[number % len(DEEDS)]
        place = folder / f"round{number}" / "reps"
        place.mkdir(parents=True)
        path = place / "reps.db"
        with rl.open(path) as ledger:
            told: dict[str, int] = {}
            ended: list[str] = []
            writer = threading.Thread(target=recorded, args=(ledger, told, ended))
            writer.start()
            while not told:
                time.sleep(0.001)
            time.sleep(chance.random() * 0.05)
            taken_away(path, deed, other)
            writer.join(PATIENCE)
            errors.update([f"{deed}: {name}" for name in ended])
            ledger.backup(folder / "saved.db")
        lost += wrong(rows_of(folder / "saved.db"), told)
        (folder / "saved.db").unlink()
        if deed == "replace all" and rows_of(path) != kept:
            problems.append("closing the old ledger changed the new one")
    return {"errors": errors, "lost": lost, "problems": problems}


SEARCHES: Final[dict[str, Callable[[Path, int, random.Random], dict[str, Any]]]] = {
    "during": during,
    "full": full,
    "killed": killed,
    "replaced": replaced,
}


def main(what: str, folder: str, number: str, seed: str) -> None:
    """Search, and tell."""
    chance = random.Random(int(seed))  # noqa: S311 — the same again when it fails
    sys.stdout.write(json.dumps(SEARCHES[what](Path(folder), int(number), chance)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
