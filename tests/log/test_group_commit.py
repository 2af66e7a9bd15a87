"""Group commit by itself: over a log that only says what it was asked, and fails when it is told to."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Self

import pytest

from processes import PATIENCE
from reps_ledger.errors import Busy, ConfigurationError, StorageError
from reps_ledger.log import group_commit
from reps_ledger.log.group_commit import MOST, GroupCommit, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable


WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


class Log:
    """A log of words: one transaction at a time, that is kept whole or not at all."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.commits: list[int] = []
        self.begun: list[float] = []
        self._new: list[str] | None = None
        self.fails_to_begin: list[Exception] = []
        self.fails_to_commit: list[Exception] = []
        self.interrupts: list[BaseException] = []  # once the calls of several threads are committed
        self.gate: threading.Event | None = None
        self.inside = threading.Event()

    def transact(self, run: Callable[[], None], timeout: float, outcome: Outcome) -> None:
        """Run something, and keep what it wrote."""
        self.begun.append(timeout)
        if self.fails_to_begin:
            raise self.fails_to_begin.pop(0)
        self._new = []
        try:
            run()
            if self.fails_to_commit:
                raise self.fails_to_commit.pop(0)
            if self._new:
                self.kept += self._new
                self.commits.append(len(self._new))
                outcome.committed = True
            if self.interrupts and len(self._new) > 1:
                raise self.interrupts.pop(0)
        finally:
            self._new = None

    def mark(self) -> int | None:
        """How much is in the transaction."""
        return None if self._new is None else len(self._new)

    def write(self, word: str) -> str:
        """Write a word in the transaction; wait there, if there is a gate."""
        assert self._new is not None
        self._new.append(word)
        if self.gate is not None:
            self.inside.set()
            assert self.gate.wait(PATIENCE)
        return word.upper()

    def end(self) -> None:
        """End the transaction, as a trigger does that rolls back."""
        self._new = None


class Crowd:
    """Threads that all wait behind a first one; what each was told, by name."""

    def __init__(self, log: Log, timeout: float = PATIENCE) -> None:
        self.log = log
        self.group = GroupCommit(log, timeout)
        self.told: dict[str, object] = {}
        self.undone: list[str] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.log.gate = threading.Event()
        self.join("first")
        assert self.log.inside.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        assert self.log.gate is not None
        gate, self.log.gate = self.log.gate, None
        gate.set()
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def join(self, name: str, work: Callable[[], object] | None = None, weight: int = 1) -> None:
        """Have another thread want something, by default to write its name; return once it waits."""
        before = len(self.group._waiting)

        def run() -> None:
            WHO.set(name)
            try:
                wanted = work or (lambda: self.log.write(name))
                self.told[name] = self.group.run(
                    wanted, undone=lambda: self.undone.append(name), weight=weight
                )
            except BaseException as error:  # noqa: BLE001 — it is what was told
                self.told[name] = error

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self._threads.append(thread)
        if name != "first":
            deadline = threading.Event()
            for _ in range(int(PATIENCE * 200)):
                if len(self.group._waiting) > before or not thread.is_alive():
                    return
                deadline.wait(0.005)
            raise AssertionError("it was not queued")


def interrupted_once(log: Log, word: str) -> Callable[[], str]:
    """What is interrupted the first time that it is done, and writes a word the next time."""
    interrupts = [KeyboardInterrupt()]

    def work() -> str:
        if interrupts:
            raise interrupts.pop()
        return log.write(word)

    return work


def test_those_who_wait_share_a_commit() -> None:
    """While one commits others queue; then they are done in their order, with one commit."""
    log = Log()
    with Crowd(log) as crowd:
        for name in "abc":
            crowd.join(name)
    assert log.kept == ["first", "a", "b", "c"]
    assert log.commits == [1, 3]
    assert crowd.told == {"first": "FIRST", "a": "A", "b": "B", "c": "C"}
    assert crowd.undone == []


def test_a_transaction_has_a_limit() -> None:
    """Not more than `MOST` is done in one transaction, unless one call alone is more."""
    log = Log()
    with Crowd(log) as crowd:
        for name, weight in (("a", MOST - 1), ("b", 1), ("c", 1), ("d", MOST + 1), ("e", 1)):
            crowd.join(name, weight=weight)
    assert log.kept == ["first", *"abcde"]
    assert log.commits == [1, 2, 1, 1, 1]


def test_what_is_refused_leaves_the_others() -> None:
    """A call that fails before it wrote anything is told so, and nobody else."""
    log = Log()

    def refuse() -> None:
        raise ZeroDivisionError

    with Crowd(log) as crowd:
        crowd.join("a")
        crowd.join("b", refuse)
        crowd.join("c")
    assert log.commits == [1, 2]
    assert isinstance(crowd.told.pop("b"), ZeroDivisionError)
    assert crowd.told == {"first": "FIRST", "a": "A", "c": "C"}
    assert crowd.undone == []


@pytest.mark.parametrize("ends", [False, True])
def test_what_breaks_a_transaction_is_tried_alone(ends: bool) -> None:
    """A call that fails after it wrote, or ends the transaction, has each of them done in one of its own."""
    log = Log()

    def breaks() -> None:
        log.write("half")
        if ends:
            log.end()
        raise StorageError("no room")

    with Crowd(log) as crowd:
        crowd.join("a")
        crowd.join("b", breaks)
        crowd.join("c")
    assert log.kept == ["first", "a", "c"]
    assert log.commits == [1, 1, 1]
    assert isinstance(crowd.told.pop("b"), StorageError)
    assert crowd.told == {"first": "FIRST", "a": "A", "c": "C"}
    assert crowd.undone == ["a", "b", "c", "b"]


def test_a_commit_that_fails_fails_all() -> None:
    """Nobody is told of a commit that failed: whatever was judged after another was judged after nothing."""
    log = Log()
    failed = StorageError("the disk is gone")

    def refuse() -> None:
        raise ZeroDivisionError

    def last() -> str:
        log.fails_to_commit = [failed]
        return log.write("c")

    with Crowd(log) as crowd:
        crowd.join("a")
        crowd.join("b", refuse)
        crowd.join("c", last)
    assert log.kept == ["first"]
    assert crowd.told.pop("first") == "FIRST"
    errors: list[Any] = [*crowd.told.values()]
    assert [str(error) for error in errors] == ["the disk is gone"] * 3
    assert len({id(error) for error in errors}) == 3  # each raises its own
    assert crowd.undone == ["a", "b", "c"]


def test_a_turn_that_does_not_come_fails_one() -> None:
    """A transaction that does not begin fails the call that leads; the next one tries by itself."""
    log = Log()
    with Crowd(log) as crowd:
        for name in "abc":
            crowd.join(name)
        log.fails_to_begin = [Busy("others write")]
    assert isinstance(crowd.told.pop("a"), Busy)
    assert crowd.told == {"first": "FIRST", "b": "B", "c": "C"}
    assert log.kept == ["first", "b", "c"]
    assert crowd.undone == []


def test_an_interrupt_is_of_the_thread_that_leads() -> None:
    """Whoever leads is interrupted; those for whom it was at work are done by the next."""
    log = Log()
    with Crowd(log) as crowd:
        crowd.join("a")
        crowd.join("b", interrupted_once(log, "b"))
        crowd.join("c")
    assert isinstance(crowd.told.pop("a"), KeyboardInterrupt)
    assert crowd.told == {"first": "FIRST", "b": "B", "c": "C"}
    assert log.kept == ["first", "b", "c"]
    assert crowd.undone == ["a", "b", "c"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError()])
def test_what_is_committed_is_not_done_again(error: BaseException) -> None:
    """Whatever comes once all is committed: everybody is told what came of it, and it is there once."""
    log = Log()
    with Crowd(log) as crowd:
        for name in "abc":
            crowd.join(name)
        log.interrupts = [error]
    assert log.kept == ["first", "a", "b", "c"]
    if isinstance(error, KeyboardInterrupt):  # of whoever led, and of nobody else
        assert crowd.told.pop("a") is error
        crowd.told["a"] = "A"
    assert crowd.told == {"first": "FIRST", "a": "A", "b": "B", "c": "C"}
    assert crowd.undone == []


def test_whoever_is_told_nothing_finds_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where whoever led was interrupted before it told the others, they look by themselves."""
    log = Log()
    monkeypatch.setattr(group_commit, "_LOOK_SECONDS", 0.02)
    real = group_commit._Batch.close
    lost = [KeyboardInterrupt(), KeyboardInterrupt()]

    def interrupted(batch: Any) -> None:
        if len(batch.calls) > 1 and lost:
            raise lost.pop()
        real(batch)

    monkeypatch.setattr(group_commit._Batch, "close", interrupted)
    with Crowd(log) as crowd:
        for name in "abc":
            crowd.join(name)
    assert log.kept == ["first", "a", "b", "c"]
    assert isinstance(crowd.told.pop("a"), KeyboardInterrupt)
    assert crowd.told == {"first": "FIRST", "b": "B", "c": "C"}


def test_what_was_lost_is_taken_back_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where whoever led was interrupted before it took back what it did, the next one does that first."""
    log = Log()
    monkeypatch.setattr(group_commit, "_LOOK_SECONDS", 0.02)
    real = GroupCommit._make_up
    lost = [KeyboardInterrupt()]

    def interrupted(group: Any) -> None:
        if group._last is not None and len(group._last.calls) > 1 and lost:
            raise lost.pop()
        real(group)

    monkeypatch.setattr(GroupCommit, "_make_up", interrupted)
    with Crowd(log) as crowd:
        crowd.join("a")
        crowd.join("b", interrupted_once(log, "b"))
        crowd.join("c")
    assert isinstance(crowd.told.pop("a"), KeyboardInterrupt)
    assert crowd.told == {"first": "FIRST", "b": "B", "c": "C"}
    assert sorted(log.kept) == ["b", "c", "first"]
    assert sorted(crowd.undone) == ["a", "b", "c"]


def test_the_main_thread_leads_alone() -> None:
    """An error that a handler of signals raises is of the call of the main thread, and of no other."""
    log = Log()
    group = GroupCommit(log, PATIENCE)
    told: list[str] = []
    other = threading.Thread(
        target=lambda: told.append(group.run(lambda: log.write("b"), undone=lambda: None)), daemon=True
    )

    def alarmed() -> None:
        other.start()
        while not group._waiting:
            threading.Event().wait(0.001)
        raise TimeoutError("of a handler")

    with pytest.raises(TimeoutError):
        group.run(alarmed, undone=lambda: None)
    other.join(PATIENCE)
    assert (log.kept, told) == (["b"], ["B"])


def test_whoever_waits_too_long_leaves() -> None:
    """A call whose turn does not come in time is told so; nothing of it is done, and the others go on."""
    log = Log()
    crowd = Crowd(log, timeout=0.05)
    with crowd:
        crowd.join("a")
        for _ in range(int(PATIENCE * 200)):
            if "a" in crowd.told:
                break
            threading.Event().wait(0.005)
        assert isinstance(crowd.told.pop("a"), Busy)
    assert log.kept == ["first"]
    assert crowd.group.run(lambda: log.write("later"), undone=lambda: None) == "LATER"


def test_each_call_has_its_own_context() -> None:
    """What another thread does for a call sees that call's context variables."""
    log = Log()
    seen: list[tuple[str, int]] = []
    with Crowd(log) as crowd:
        for name in "abc":
            crowd.join(name, lambda: seen.append((WHO.get(), threading.get_ident())))
    assert [name for name, _ in seen] == ["a", "b", "c"]
    assert len({thread for _, thread in seen}) == 1
    assert WHO.get() == "nobody"


def test_it_is_not_called_from_inside() -> None:
    """What runs in a transaction and wants another one is told so, where it would wait for itself."""
    log = Log()
    group = GroupCommit(log, PATIENCE)
    with pytest.raises(ConfigurationError, match="only judges"):
        group.run(lambda: group.run(lambda: log.write("a"), undone=lambda: None), undone=lambda: None)
    assert group.run(lambda: log.write("b"), undone=lambda: None) == "B"
    assert log.kept == ["b"]
