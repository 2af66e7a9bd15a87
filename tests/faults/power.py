"""Power loss: ``python -m faults.power FOLDER IMAGES SEED SYNCHRONOUS THREADS``.

A ledger is written on a disk that keeps an account. Then the power is cut at random moments: what
was synced is there, and of what was written since, random sectors are. Every such image is opened
as a ledger and compared with what was acknowledged by then. Prints what was found, as JSON.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import reps_ledger as rl
from faults.disk import Deed, Disk
from reps_ledger.log.sqlite import file, mark

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTOR: Final = 512
BATCHES: Final = 250


class Files:
    """Files as a disk has them: what is synced, and what was written since."""

    def __init__(self, folder: Path) -> None:
        self.synced = {str(path): bytearray(path.read_bytes()) for path in folder.iterdir()}
        self.pending: dict[str, list[Deed]] = {}

    def take(self, deed: Deed) -> None:
        """Do what was done."""
        match deed.what:
            case "sync":
                content = self.synced.setdefault(deed.path, bytearray())
                for each in self.pending.pop(deed.path, []):
                    _apply(content, each)
            case "write" | "truncate":
                self.pending.setdefault(deed.path, []).append(deed)
            case "delete":
                self.synced.pop(deed.path, None)
                self.pending.pop(deed.path, None)

    def image(self, chance: random.Random) -> dict[str, bytes]:
        """Return what may be found after the power was cut now."""
        found = {path: bytearray(content) for path, content in self.synced.items()}
        for path, deeds in self.pending.items():
            if path not in found:
                if chance.random() < 1 / 4:
                    continue  # not even its name was kept
                found[path] = bytearray()
            keep = chance.choice([0.0, 0.1, 0.5, 0.9, 1.0])
            for deed in deeds:
                for part in _sectors(deed):
                    if chance.random() < keep:
                        _apply(found[path], part)
        return {path: bytes(content) for path, content in found.items()}


def _sectors(deed: Deed) -> Iterator[Deed]:
    """Yield a write in the parts that a disk writes whole."""
    if deed.what != "write":
        yield deed
        return
    begin = 0
    while begin < len(deed.data):
        size = SECTOR - (deed.offset + begin) % SECTOR
        yield Deed("write", deed.path, deed.offset + begin, deed.data[begin : begin + size])
        begin += size


def _apply(content: bytearray, deed: Deed) -> None:
    if deed.what == "truncate":
        del content[deed.offset :]
        return
    content.extend(bytes(max(0, deed.offset - len(content))))
    content[deed.offset : deed.offset + len(deed.data)] = deed.data


def written(path: Path, disk: Disk, chance: random.Random, threads: int) -> tuple[list[rl.Entry], set[int]]:
    """Record batches in threads, and put each acknowledged position into the disk's account."""
    ends = {0}
    batches: list[list[rl.Fact]] = []
    for number in range(BATCHES):
        batches.append([rl.MemberJoined(member=f"m{number}")])
        batches[-1] += [
            rl.ReportFiled(member=f"m{number}", activity="talk", link="x" * chance.randrange(900))
            for _ in range(chance.randrange(4))
        ]
    with rl.open(path) as ledger, ThreadPoolExecutor(threads) as pool:

        def record(number: int) -> None:
            position = ledger.record_all(batches[number], by="council", command_id=f"c{number}").position
            ends.add(position)
            disk.told(position)

        list(pool.map(record, range(BATCHES)))
        return list(ledger.entries()), ends


def checked(files: dict[str, bytes], path: Path, entries: list[rl.Entry], ends: set[int], told: int) -> str:
    """Open an image as a ledger; say what is wrong with it, or nothing."""
    shutil.rmtree(path.parent, ignore_errors=True)
    path.parent.mkdir()
    for name, content in files.items():
        (path.parent / Path(name).name).write_bytes(content)
    try:
        with rl.open(path) as ledger:
            found = list(ledger.entries())
            problems = ledger._core.log.recorder.integrity_check()  # type: ignore[attr-defined]  # the ledger's own recorder
            if problems:
                return "damaged"
            if found != entries[: len(found)]:
                return "altered"
            if len(found) < told:
                return "lost"
            if len(found) not in ends:
                return "torn"
            ledger.record(rl.MemberJoined(member="after"), by="council")
            assert ledger.position == len(found) + (1 if found else 2)  # a new ledger declares itself first
    except rl.LedgerError as error:
        return type(error).__name__
    return ""


def main(folder: str, images: str, seed: str, synchronous: str, threads: str) -> None:
    """Write, cut the power, and tell."""
    file._PRAGMAS["synchronous"] = int(synchronous)
    mark._of = lambda path: 1  # noqa: ARG005 — the file of an image stands for the file itself
    chance = random.Random(int(seed))  # noqa: S311 — the same again when it fails
    place = Path(folder) / "ledger"
    place.mkdir()
    path = place / "reps.db"
    rl.open(path).close()
    files, disk = Files(place), Disk()
    disk.install()
    entries, ends = written(path, disk, chance, int(threads))
    disk.watching = False
    deeds, told = disk.deeds, 0
    cuts = sorted(chance.choices(range(len(deeds)), k=int(images)))
    outcomes: dict[str, int] = {}
    for number, deed in enumerate(deeds):
        if deed.what == "told":
            told = max(told, int(deed.path))  # threads are told of one commit in any order
        else:
            files.take(deed)
        while cuts and cuts[0] == number:
            cuts.pop(0)
            image = files.image(chance)
            said = checked(image, Path(folder) / "image" / "reps.db", entries, ends, told)
            outcomes[said or "whole"] = outcomes.get(said or "whole", 0) + 1
    report: dict[str, Any] = {"deeds": len(deeds), "entries": len(entries), "images": outcomes}
    with suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
