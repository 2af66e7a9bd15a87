"""Following the log within a process, across processes, and to the end of both."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from programs import start
from recorders import event, query
from reps_ledger.errors import Damaged
from reps_ledger.log.sqlite import SQLiteRecorder, recorder

if TYPE_CHECKING:
    from pathlib import Path


def test_what_matches_is_followed(memory_recorder: SQLiteRecorder) -> None:
    """Only what matches and is past ``after`` comes, each once, in order."""
    memory_recorder.append([event("a", "x"), event("a", "y"), event("b", "x"), event("a", "x")])
    with memory_recorder.subscribe(query("x", types=("a",)), after=1) as following:
        assert following is iter(following)
        assert next(following).position == 4
        memory_recorder.append([event("a", "y")])
        memory_recorder.append([event("a", "y"), event("a", "x"), event("a", "x")])
        assert [next(following).position, next(following).position] == [7, 8]


def test_an_append_here_wakes_at_once(
    sqlite_recorder: SQLiteRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription does not wait for its next look when its own recorder appends."""
    monkeypatch.setattr(recorder, "_POLL_SECONDS", 60.0)
    with sqlite_recorder.subscribe() as following, ThreadPoolExecutor() as pool:
        for number in range(1, 20):
            waiting = pool.submit(next, following)
            time.sleep(0.002)
            sqlite_recorder.append([event()])
            assert number == waiting.result(10).position


def test_an_append_through_another_recorder_is_seen(
    sqlite_recorder: SQLiteRecorder, sqlite_path: Path
) -> None:
    """Two recorders of one file, in one process or two, follow each other."""
    with SQLiteRecorder(sqlite_path) as other, sqlite_recorder.subscribe() as following:
        other.append([event()])
        assert next(following).position == 1
        with start("append", sqlite_path, "writer", 3) as program:
            program.end("go")
        assert list(range(2, 11)) == [next(following).position for _ in range(9)]


@pytest.mark.parametrize("ending", ["stop", "close", "leave"])
def test_the_end_of_a_wait(sqlite_recorder: SQLiteRecorder, ending: str) -> None:
    """Stopping it, leaving its context or closing the recorder ends a wait in another thread."""
    following = sqlite_recorder.subscribe()
    following.__enter__()
    ended = threading.Event()

    def follow() -> None:
        assert list(following) == []
        ended.set()

    thread = threading.Thread(target=follow)
    thread.start()
    assert not ended.wait(0.1)
    match ending:
        case "stop":
            following.stop()
        case "close":
            sqlite_recorder.close()
        case _:
            following.__exit__()
    assert ended.wait(5)
    thread.join(5)
    assert list(following) == []


def test_a_stopped_subscription_is_woken_no_more(sqlite_recorder: SQLiteRecorder) -> None:
    """Neither a stopped subscription nor one that nobody holds is kept by the recorder."""
    stopped, kept = sqlite_recorder.subscribe(), sqlite_recorder.subscribe()
    stopped.stop()
    sqlite_recorder.subscribe()
    assert [kept] == list(sqlite_recorder._followers)


def test_a_closed_file_ends_the_iteration(sqlite_recorder: SQLiteRecorder) -> None:
    """A subscription that meets closed connections ends, whoever closed them."""
    following = sqlite_recorder.subscribe()
    sqlite_recorder._connections.close()
    assert list(following) == []


def test_an_error_is_raised_and_can_be_tried_again(
    sqlite_recorder: SQLiteRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed read reaches the one who iterates; after it, nothing has been skipped."""
    sqlite_recorder.append([event() for _ in range(3)])
    following = sqlite_recorder.subscribe()
    assert next(following).position == 1

    def fail(*_: object, **__: object) -> None:
        raise Damaged

    with monkeypatch.context() as patch:
        patch.setattr(type(following._response), "__next__", fail)
        with pytest.raises(Damaged):
            next(following)
    assert [next(following).position, next(following).position] == [2, 3]
