"""The queue of processes that write: its order, and that nothing hangs on it."""

from __future__ import annotations

import os
import stat
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processes import PATIENCE
from programs import start
from recorders import event, positions
from reps_ledger.errors import Busy
from reps_ledger.log.sqlite import SQLiteRecorder, turn
from reps_ledger.log.sqlite.turn import HAS_LOCKS, Turn
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(not HAS_LOCKS, reason="there is no queue without such locks")

SOON = 0.05


def beside(path: Path) -> Path:
    """Where the queue of a ledger is."""
    return path.with_name(f"{path.name}-turn")


def turns(folder: Path, count: int, name: str = "ledger.db") -> list[Turn]:
    """Places in one queue, each as another process has it."""
    ledger = folder / name
    ledger.touch()
    return [Turn(ledger, beside(ledger)) for _ in range(count)]


def until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_whoever_comes_back_at_once_is_behind_the_others(tmp_path: Path) -> None:
    """The turn goes to those who wait in the order in which they came, not to who had it last."""
    one, two, three = turns(tmp_path, 3)
    assert one.take(0) is True
    assert [two.take(0), three.take(0)] == [False, False]
    one.leave()
    assert one.take(0) is False
    for each in (two, three, one):
        assert each.take(PATIENCE) is True
        each.leave()
        each.close()


def test_whoever_leaves_before_the_turn_holds_nobody_up(tmp_path: Path) -> None:
    """The place of who waits no more is given up as soon as it comes."""
    one, two, three = turns(tmp_path, 3)
    assert one.take(0) is True
    assert [two.take(0), three.take(0)] == [False, False]
    two.leave()
    assert three.take(0) is False
    one.leave()
    assert three.take(PATIENCE) is True
    for each in (one, two, three):
        each.close()


class Model:
    """Who is in a queue, in order; whoever leaves before the turn came keeps the place until then."""

    def __init__(self, found: list[Turn]) -> None:
        self.found = found
        self.there: list[int] = []
        self.left: set[int] = set()
        self.has: int | None = None

    def take(self, who: int) -> None:
        """Ask for the turn, unless it was given: whoever is first gets it, and nobody else."""
        if self.has == who:
            return
        self.left.discard(who)
        if who not in self.there:
            self.there.append(who)
        first = self.there[0] == who
        assert self.found[who].take(PATIENCE if first else 0) is first
        self.has = who if first else self.has

    def leave(self, who: int) -> None:
        """Let the turn go, or leave the queue."""
        self.found[who].leave()
        self.has = None if self.has == who else self.has
        if who in self.there:
            self.left.add(who)
        while self.there and self.there[0] in self.left:
            gone = self.found[self.there[0]]
            until(lambda: gone._waits is None)  # noqa: B023 — called at once
            self.left.discard(self.there.pop(0))


@examples(0.5)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=14))
def test_it_is_a_queue(tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bool, int]]) -> None:
    """Whoever came first and is still there has the turn, and nobody else."""
    model = Model(turns(tmp_path_factory.mktemp("queue"), 4))
    for takes, who in steps:
        (model.take if takes else model.leave)(who)
    while model.there:
        if model.there[0] not in model.left:
            model.take(model.there[0])
        model.leave(model.there[0])
    for each in model.found:
        each.close()


def test_whoever_is_killed_passes_the_turn_on(sqlite_path: Path) -> None:
    """A process that dies in its turn holds nobody up, and one that died while it waited neither."""
    SQLiteRecorder(sqlite_path).close()
    with start("queue", sqlite_path) as holder:
        assert holder.hear() == "turn"
        waits = start("queue", sqlite_path)
        (own,) = turns(sqlite_path.parent, 1, sqlite_path.name)
        until(lambda: beside(sqlite_path).stat().st_size > 0)  # a ticket was drawn
        assert own.take(0) is False
        with waits:
            waits.kill()
        holder.kill()
        assert own.take(PATIENCE) is True
        own.close()


def test_whoever_is_stopped_holds_nobody_up(sqlite_path: Path) -> None:
    """A process that has the turn and does not write, as one that was stopped, costs others only order."""
    SQLiteRecorder(sqlite_path).close()
    with start("queue", sqlite_path) as holder, SQLiteRecorder(sqlite_path) as recorder:
        assert holder.hear() == "turn"
        assert recorder.append([event()]) == 1
        assert recorder.append([event()]) == 2
        holder.end("go")
        assert recorder.append([event()]) == 3


def test_whoever_writes_for_too_long_is_told_of(sqlite_path: Path) -> None:
    """Where the file itself stays locked, the others are told so in time."""
    with start("lock", sqlite_path) as holder:
        assert holder.hear() == "locked"
        with SQLiteRecorder(sqlite_path, timeout=SOON) as recorder, pytest.raises(Busy, match="try again"):
            recorder.append([event()])
        holder.end("go")


def _text(path: Path) -> None:
    path.write_text("a stranger's notes")


def _folder(path: Path) -> None:
    path.mkdir()


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize("there", [_text, _folder, _link, os.mkfifo])
def test_what_is_not_ours_stays(there: Callable[[Path], None], sqlite_path: Path) -> None:
    """Where something else is in its place there is no queue; it stays as it is, and writers write."""
    SQLiteRecorder(sqlite_path).close()
    place = beside(sqlite_path)
    there(place)
    before = place.lstat()
    with SQLiteRecorder(sqlite_path) as one, SQLiteRecorder(sqlite_path) as two:
        for number in range(1, 5):
            assert (one if number % 2 else two).append([event()]) == number
    after = place.lstat()
    assert (before.st_ino, before.st_mode, before.st_size) == (after.st_ino, after.st_mode, after.st_size)
    if stat.S_ISREG(after.st_mode):
        assert place.read_text() == "a stranger's notes"
    assert not place.with_name("elsewhere").exists()


def test_it_goes_with_the_last(sqlite_path: Path) -> None:
    """The queue's file is there while somebody may write, for all who may, and gone with the last of them."""
    with SQLiteRecorder(sqlite_path) as one, SQLiteRecorder(sqlite_path) as two:
        sqlite_path.chmod(0o664)
        assert one.append([event()]) == 1
        assert stat.S_IMODE(beside(sqlite_path).stat().st_mode) == 0o664
        assert two.append([event()]) == 2
        one.close()
        assert two.append([event()]) == 3  # in a file that was removed meanwhile, or not
    assert not beside(sqlite_path).exists()


def test_it_is_made_again(sqlite_path: Path) -> None:
    """Whoever removes the queue's file costs nobody anything: it is made again."""
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.append([event()]) == 1
        beside(sqlite_path).unlink()
        assert recorder.append([event()]) == 2
        assert beside(sqlite_path).exists()


def test_a_file_that_was_emptied(tmp_path: Path) -> None:
    """Whoever empties the queue's file, or writes into it, costs the others their order only."""
    one, two, three = turns(tmp_path, 3)
    assert one.take(0) is True
    assert two.take(0) is False
    os.truncate(one._path, 0)
    assert three.take(0) is not True  # ticket 1 again, which another has: it waits for nobody, and is told so
    one.leave()
    assert two.take(PATIENCE) is True
    for each in (one, two, three):
        each.close()


@pytest.mark.parametrize("number", [-100, -1, 2**62, 2**63 - 1])
def test_a_number_that_is_none(tmp_path: Path, number: int) -> None:
    """Whoever writes another number into the queue's file keeps nobody from waiting in it."""
    one, two = turns(tmp_path, 2)
    assert one.take(0) is True
    one._path.write_bytes(turn._MARK + turn._COUNTER.pack(number))
    assert two.take(0) is False
    one.leave()
    assert two.take(PATIENCE) is True
    for each in (one, two):
        each.close()


def test_readers_make_none(sqlite_path: Path) -> None:
    """Who only reads is in no queue."""
    with SQLiteRecorder(sqlite_path) as recorder:
        recorder.append([event()])
    with SQLiteRecorder(sqlite_path, read_only=True) as recorder:
        assert positions(recorder.read()) == [1]
        assert not beside(sqlite_path).exists()


def test_without_such_locks(sqlite_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no queue, writers look again and again: none is lost, none fails."""
    monkeypatch.setattr(turn, "HAS_LOCKS", False)
    recorders = [SQLiteRecorder(sqlite_path, timeout=PATIENCE) for _ in range(4)]
    assert not recorders[0]._connections._idle.turn._works  # type: ignore[union-attr]  # it is in a file
    failed: list[Any] = []

    def append(recorder: SQLiteRecorder) -> None:
        try:
            for _ in range(25):
                recorder.append([event()])
        except Exception as error:  # noqa: BLE001 — for the test to see
            failed.append(error)

    threads = [threading.Thread(target=append, args=(each,)) for each in recorders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert failed == []
    assert positions(recorders[0].read()) == list(range(1, 101))
    for recorder in recorders:
        recorder.close()
    assert not beside(sqlite_path).exists()


def test_descriptors_are_closed(sqlite_path: Path) -> None:
    """What waits and what is waited for leave no descriptor open."""
    SQLiteRecorder(sqlite_path).close()
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208 — counted
    one, two = turns(sqlite_path.parent, 2)
    for _ in range(20):
        assert one.take(0) is True
        assert two.take(0) is False
        one.leave()
        assert two.take(PATIENCE) is True
        two.leave()
    one.close()
    two.close()
    until(lambda: len(os.listdir("/proc/self/fd")) == before)  # noqa: PTH208 — counted
