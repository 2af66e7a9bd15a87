"""Key stores interrupted: ``python -m faults.key_stores FOLDER WHAT HOW TIMES SEED SYNCHRONOUS``.

Keys are made in a key store, people erased from it, or its master key is rotated (WHAT: ``make``, ``erase``
or ``rotate``). Then (HOW)

- ``cut``: on a disk that keeps an account, at so many random moments, the process is killed, or the power is
  cut: what was synced is there, and of what was written since, random sectors are;
- ``told``: the same at the moment when it is acknowledged;
- ``kill``: so many processes are killed with SIGKILL while they do it.

Each time the store is opened again: it is whole, as before or as after; as after if that was acknowledged.
No byte of what was destroyed is left. Prints what was found, as JSON.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from attrs import define, field

from faults.disk import Deed, Disk
from faults.power import Files
from hunting import hunted
from privacy.layouts import Person, fill
from reps_ledger.domain.sealed import Owner
from reps_ledger.errors import LedgerError, WrongKey
from reps_ledger.privacy import KeyFile, LocalMaster, WrappedKeys
from reps_ledger.privacy import store as store_file
from reps_ledger.privacy.sealing import KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

PEOPLE: Final = 60


class Folder(Files):
    """Files of which a delete is lost with the power, unless the folder was synced."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.vanishing: dict[str, bytearray] = {}

    def take(self, deed: Deed) -> None:
        """Do what was done."""
        if deed.what == "delete":
            if deed.offset:
                self.vanishing.clear()
            elif deed.path in self.synced:
                self.vanishing[deed.path] = bytearray(self.synced[deed.path])
        elif deed.what == "sync":
            self.vanishing.pop(deed.path, None)  # another file has the name, and is there
        super().take(deed)

    def killed(self) -> dict[str, bytes]:
        """Return what is found after the process was killed now: all that it did."""

        class Always(random.Random):
            def random(self) -> float:
                return 0.5

            def choice(self, seq: Any) -> Any:
                return seq[-1]

        return Files.image(self, Always())

    def image(self, chance: random.Random) -> dict[str, bytes]:
        """Return what may be found after the power was cut now."""
        found = super().image(chance)
        for path, content in self.vanishing.items():
            if path not in found and chance.random() < 1 / 2:
                found[path] = bytes(content)
        return found


class Case(Protocol):
    """Something that is done to a store, and may be interrupted."""

    def make(self, path: Path, chance: random.Random) -> None:
        """Make the store."""

    def do(self, path: Path, told: Callable[[], object]) -> None:
        """Do it, and say when it is acknowledged."""

    def found(self, path: Path) -> tuple[str, list[bytes]]:
        """Open the store again: return "before", "after" or what is wrong, and what must not be found now.

        Where it was not done it is done again.
        """


def others_are_whole(store: KeyFile, people: list[Person]) -> bool:
    """Whether everything is there of some people."""
    names = store.names(person.name for person in people)
    return all(
        {name: store.key(name) for name in person.keys} == person.keys
        and store.known_token("example", person.texts[0], person.name) == person.token
        and store.account(person.token) == ("example", person.texts[0])
        and names[person.name] == person.texts[1]
        for person in people
    )


@define
class Erasing:
    """Some people are erased at once."""

    gone: list[Person] = field(factory=list)
    others: list[Person] = field(factory=list)

    def make(self, path: Path, chance: random.Random) -> None:
        """Make the store."""
        with KeyFile.open(path) as store:
            people = fill(store, PEOPLE, chance)
        self.gone, self.others = people[::5], [each for each in people if each not in people[::5]]

    def _erase(self, store: KeyFile) -> None:
        store.erase(
            [each.tombstone for each in self.gone], [name for each in self.gone for name in each.keys]
        )

    def do(self, path: Path, told: Callable[[], object]) -> None:
        """Erase, and scrub."""
        with KeyFile.open(path) as store:
            self._erase(store)
            told()
            store.scrub()

    def found(self, path: Path) -> tuple[str, list[bytes]]:
        """Look whether they were erased, all of them or none, and nobody else."""
        with KeyFile.open(path, create=False) as store:
            erased = {store.is_erased(each.name) for each in self.gone}
            known = {store.known_token("example", each.texts[0], each.name) is not None for each in self.gone}
            keys = {store.key(name) == key for each in self.gone for name, key in each.keys.items()}
            names = bool(store.names(each.name for each in self.gone))
            follow = store.to_follow() == [each.tombstone for each in self.gone]
            must = store.must_scrub
            if not others_are_whole(store, self.others):
                return "others are gone", []
            if (erased, known, keys, names, follow, must) == ({True}, {False}, {False}, False, True, False):
                said = "after"
            elif (erased, known, keys, names, follow, must) == ({False}, {True}, {True}, True, False, False):
                said = "before"
                self._erase(store)
                store.scrub()
            else:
                return f"torn: {erased} {known} {keys} {names} {follow} {must}", []
        return said, [secret for each in self.gone for secret in each.secrets]


@define
class Rotating:
    """A master key takes the place of another."""

    old: LocalMaster = field(factory=lambda: LocalMaster(secrets.token_bytes(32)))
    new: LocalMaster = field(factory=lambda: LocalMaster(secrets.token_bytes(32)))
    people: list[Person] = field(factory=list)
    stored: list[bytes] = field(factory=list)

    def make(self, path: Path, chance: random.Random) -> None:
        """Make the store."""
        with WrappedKeys.open(path, self.old) as store:
            self.people = fill(store, PEOPLE, chance)
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute(
                "SELECT key FROM keys WHERE key IS NOT NULL UNION ALL SELECT text FROM accounts "
                "UNION ALL SELECT exact FROM accounts UNION ALL SELECT text FROM names "
                "UNION ALL SELECT value FROM meta WHERE name = 'wrapped'"
            )
            self.stored = [value[12:28] for (value,) in rows.fetchall()]

    def do(self, path: Path, told: Callable[[], object]) -> None:
        """Rotate, which scrubs."""
        with WrappedKeys.open(path, self.old) as store:
            store.rotate(self.new)
            told()

    def found(self, path: Path) -> tuple[str, list[bytes]]:
        """Look which master key opens it, and whether all is there."""
        opened = []
        for master in (self.old, self.new):
            try:
                with WrappedKeys.open(path, master, create=False) as store:
                    opened.append(master)
                    if not others_are_whole(store, self.people):
                        return "not whole", []
                    if store.must_scrub:
                        return "not scrubbed", []
            except WrongKey:
                pass
        if opened == [self.old]:
            with WrappedKeys.open(path, self.old) as store:
                store.rotate(self.new)
        elif opened != [self.new]:
            return "opened by both keys, or by none", []
        return "after" if opened == [self.new] else "before", self.stored


class Making:
    """Many keys are made in a store that has none."""

    def make(self, path: Path, chance: random.Random) -> None:
        """Make the store, with whatever it has at first."""
        del chance
        KeyFile.open(path).close()

    def do(self, path: Path, told: Callable[[], object]) -> None:
        """Make keys for many."""
        with KeyFile.open(path) as store:
            store.bind("ledger")
            store.prepare(Owner(f"m{number}", "vouch.given", "2018") for number in range(PEOPLE))
            told()

    def found(self, path: Path) -> tuple[str, list[bytes]]:
        """Look whether all have keys, or none."""
        with KeyFile.open(path, create=False) as store:
            store.bind("ledger")
            owners = store.due("vouch.given", "2019")
            whole = all(len(store.current(owner)[1]) == KEY_BYTES for owner in owners)
        return {0: "before", PEOPLE: "after"}.get(len(owners), "torn") if whole else "not whole", []


CASES: Final[dict[str, type[Case]]] = {"erase": Erasing, "make": Making, "rotate": Rotating}


def checked(case: Case, path: Path, *, told: bool) -> str:
    """Open a store that was interrupted; say how it was found."""
    try:
        said, gone = case.found(path)
    except LedgerError as error:
        return f"{type(error).__name__}: {error}"
    if told and said == "before":
        return "lost"
    if gone and any(hunted(each.read_bytes(), gone) for each in path.parent.iterdir()):
        return "something is left"
    return said


def cut(case: Case, path: Path, moments: Callable[[list[Deed]], list[int]], chance: random.Random) -> Any:
    """Interrupt a store at some moments, after so many things were done to it."""
    folder, disk = Folder(path.parent), Disk()
    disk.install()
    case.do(path, lambda: disk.told("done"))
    disk.watching = False
    told, found = False, {"killed": Counter[str](), "cut": Counter[str]()}
    cuts = Counter(moments(disk.deeds))
    for number, deed in enumerate(disk.deeds):
        told = told or deed.what == "told"
        folder.take(deed)
        for _ in range(cuts[number]):
            for how, files in (("killed", folder.killed()), ("cut", folder.image(chance))):
                image = path.parent.parent / "image" / path.name
                shutil.rmtree(image.parent, ignore_errors=True)
                image.parent.mkdir()
                for name, content in files.items():
                    (image.parent / Path(name).name).write_bytes(content)
                    (image.parent / Path(name).name).chmod(0o600)
                found[how][checked(case, image, told=told)] += 1
    return {"deeds": len(disk.deeds), **found}


def kill(case: Case, path: Path, times: int, chance: random.Random) -> Any:
    """Kill so many processes that do it."""
    found: Counter[str] = Counter()
    longest = 0.0
    for number in range(times + 1):
        place = path.parent.parent / f"killed-{number}" / path.name
        place.parent.mkdir()
        shutil.copy(path, place)
        if not longest:
            began = time.perf_counter()
            case.do(place, lambda: None)
            longest = 1.5 * (time.perf_counter() - began)
            continue
        told = _killed(case, place, chance.random() * longest)
        found[checked(case, place, told=told)] += 1
        shutil.rmtree(place.parent)
    return {"killed": found}


def _killed(case: Case, path: Path, seconds: float) -> bool:
    """Kill a process so many seconds after it began; return whether it had acknowledged."""
    source, sink = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(sink, b"begin\n")
            case.do(path, lambda: os.write(sink, b"told\n"))
        finally:
            os._exit(0)
    os.close(sink)
    with os.fdopen(source) as said:
        assert said.readline() == "begin\n"
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return said.readline() == "told\n"


def main(folder: str, what: str, how: str, *numbers: str) -> None:
    """Interrupt, and tell."""
    times, seed, synchronous = map(int, numbers)
    others = [each for each in store_file._PRAGMAS_OF_FILES if each[0] != "synchronous"]
    store_file._PRAGMAS_OF_FILES = (*others, ("synchronous", str(synchronous), synchronous))  # type: ignore[misc]  # a fault
    chance = random.Random(seed)  # noqa: S311 — the same again when it fails
    path = Path(folder) / "store" / "reps.keys"
    path.parent.mkdir(parents=True)
    done = CASES[what]()
    done.make(path, chance)
    match how:
        case "kill":
            found = kill(done, path, times, chance)
        case "cut":
            found = cut(done, path, lambda deeds: chance.choices(range(len(deeds)), k=times), chance)
        case _:
            found = cut(done, path, lambda deeds: [deeds.index(Deed("told", "done"))] * times, chance)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
