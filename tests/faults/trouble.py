"""A disk in trouble: ``python -m faults.trouble TROUBLE FOLDER TIMES SEED``.

In each, one process goes on recording through the trouble and after it. Prints what was found, as
JSON: how often an error was told and of which type, and what of the acknowledged is not there.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import reps_ledger as rl
from faults.disk import Disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LITTLE, MORE, ENOUGH = 1_000_000, 2_000_000, 40_000_000
"""Bytes: in which to record until nothing fits, to go on for a while, and for everything."""

IO_ERROR, FULL = 10, 13
"""SQLite's codes."""


def facts(number: int) -> list[rl.Fact]:
    """Return a batch that belongs together."""
    joined: rl.Fact = rl.MemberJoined(member=f"m{number}")
    report: rl.Fact = rl.ReportFiled(member=f"m{number}", activity="talk", link="x" * 2_000)
    return [joined, report, report]


def told(path: Path, acknowledged: dict[str, int]) -> dict[str, Any]:
    """Compare a ledger, opened again, with what was acknowledged."""
    found: Counter[str] = Counter()
    last: dict[str, int] = {}
    with rl.open(path) as ledger:
        for entry in ledger.entries():
            if entry.name == "ledger.declared":
                continue
            found[str(entry.command_id)] += 1
            last[str(entry.command_id)] = entry.position
        problems = ledger._core.log.recorder.integrity_check()  # type: ignore[attr-defined]  # the ledger's own recorder
    return {
        "lost": [name for name, position in acknowledged.items() if last.get(name) != position],
        "torn": [name for name, count in found.items() if count != len(facts(0))],
        "problems": problems,
    }


@contextmanager
def small_disk(folder: Path, *, mounting: bool) -> Iterator[tuple[str, Callable[[int], None]]]:
    """A place with little room: a small file system where one may be made, else a limit.

    Yields its kind, and what sets how many bytes there are.
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={LITTLE}", "tmpfs", str(folder)]
    try:
        mounted = (
            mounting and not subprocess.run(mount, check=False, capture_output=True, timeout=10).returncode
        )
    except OSError:
        mounted = False
    if mounted:

        def remount(size: int) -> None:
            again = ["mount", "-o", f"remount,size={size}", str(folder)]
            subprocess.run(again, check=True, timeout=10)

        try:
            yield "tmpfs", remount
        finally:
            subprocess.run(["umount", str(folder)], check=True, timeout=10)  # noqa: S607 — a system's own
        return
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))  # of each of two files

    limit(LITTLE)
    yield "RLIMIT_FSIZE", limit
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


def limited(folder: Path, rounds: int, chance: random.Random) -> dict[str, Any]:
    """The same where nothing may be mounted: files that may not grow."""
    return full(folder, rounds, chance, mounting=False)


def full(folder: Path, rounds: int, _: random.Random, *, mounting: bool = True) -> dict[str, Any]:
    """Record until the disk is full, make room, and go on; and an import that meets it too."""
    errors: Counter[str] = Counter()
    after = 0
    rows = folder / "rows.jsonl"
    with rl.open() as other:
        for number in range(700):
            other.record_all(facts(number), by="import", command_id=f"i{number}")
        other.export(rows)
    outcome: dict[str, Any] = {}
    for round_ in range(rounds):
        with small_disk(folder / f"small{round_}", mounting=mounting) as (kind, room):
            path = folder / f"small{round_}" / "reps.db"
            acknowledged: dict[str, int] = {}
            with rl.open(path) as ledger:
                error = None
                for number in range(10_000, 20_000):
                    command = f"c{number}"
                    try:
                        receipt = ledger.record_all(facts(number), by="x", command_id=command)
                    except rl.StorageError as raised:
                        error = type(raised).__name__
                        break
                    acknowledged[command] = receipt.position
                errors[str(error)] += 1
                room(MORE)
                receipt = ledger.record_all(facts(number), by="x", command_id=command)
                acknowledged[command] = receipt.position
                try:
                    ledger.import_history(rows)
                except rl.StorageError as raised:
                    errors[f"import: {type(raised).__name__}"] += 1
                room(ENOUGH)
                report = ledger.import_history(rows)
                after += report.recorded + report.known == len(facts(0)) * 700
            outcome = {"kind": kind, **told(path, acknowledged)}
            if outcome["lost"] or outcome["problems"] or outcome["torn"]:
                break
    return {"errors": errors, "went on": after, **outcome}


def io(folder: Path, deeds: int, chance: random.Random, *, threads: int = 1) -> dict[str, Any]:
    """Have some deeds fail, as a broken disk does; tell every command, in some threads, until it is done."""
    path = folder / "reps.db"
    rl.open(path).close()
    disk = Disk()
    disk.watching = False
    failed: Counter[str] = Counter()

    def fails(what: str, _: str) -> int:
        often = 1 / 12 if what == "sync" else 1 / 80
        code = chance.choice([IO_ERROR, FULL]) if chance.random() < often else 0
        if code:
            failed[what] += 1
        return code

    disk.install()
    acknowledged: dict[str, int] = {}
    errors: Counter[str] = Counter()
    numbers = itertools.count()

    def record(ledger: rl.Ledger) -> None:
        while failed.total() < deeds:
            number = unfinished.pop() if unfinished else next(numbers)
            try:
                receipt = ledger.record_all(facts(number), by="x", command_id=f"c{number}")
            except rl.StorageError as error:
                errors[type(error).__name__] += 1
                unfinished.append(number)
                return
            acknowledged[f"c{number}"] = receipt.position

    unfinished: list[int] = []
    disk.fails = fails
    while failed.total() < deeds:
        try:
            with rl.open(path) as ledger, ThreadPoolExecutor(threads) as pool:
                list(pool.map(record, [ledger] * threads))
        except rl.StorageError as error:  # of opening it
            errors[type(error).__name__] += 1
    disk.fails = lambda *_: 0
    return {"failed": failed, "errors": errors, "commands": len(acknowledged), **told(path, acknowledged)}


def crowded(folder: Path, deeds: int, chance: random.Random) -> dict[str, Any]:
    """The same with threads that share commits."""
    return io(folder, deeds, chance, threads=4)


def descriptors(folder: Path, rounds: int, _: random.Random) -> dict[str, Any]:
    """Use up all file descriptors, ask for what needs some, and go on once there are some."""
    path = folder / "reps.db"
    acknowledged: dict[str, int] = {}
    errors: Counter[str] = Counter()
    after = 0
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    for round_ in range(rounds):
        taken: list[int] = []
        ledger = rl.open(path)
        ledger._core.log.recorder._connections.before_fork()  # type: ignore[attr-defined]  # closes idle
        ledger._core.log.recorder._connections.after_fork_in_parent()  # type: ignore[attr-defined]  # the ledger's own recorder
        try:
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        except OSError:
            pass
        for ask in (
            lambda: rl.open(path),
            lambda: list(ledger.entries()),  # noqa: B023 — asked at once
            lambda: ledger.record_all(facts(round_), by="x", command_id=f"c{round_}"),  # noqa: B023 — called at once
        ):
            try:
                ask()
            except rl.StorageError as error:
                errors[type(error).__name__] += 1
        for each in taken:
            os.close(each)
        receipt = ledger.record_all(facts(round_), by="x", command_id=f"c{round_}")
        acknowledged[f"c{round_}"] = receipt.position
        after += 1
        ledger.close()
    return {"errors": errors, "went on": after, **told(path, acknowledged)}


TROUBLES: Final[dict[str, Callable[[Path, int, random.Random], dict[str, Any]]]] = {
    "crowded": crowded,
    "descriptors": descriptors,
    "full": full,
    "io": io,
    "limited": limited,
}


def main(trouble: str, folder: str, number: str, seed: str) -> None:
    """Make trouble, and tell."""
    chance = random.Random(int(seed))  # noqa: S311 — the same again when it fails
    found = TROUBLES[trouble](Path(folder), int(number), chance)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
