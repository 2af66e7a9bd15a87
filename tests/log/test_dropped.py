"""Ledgers, recorders and views that nobody closed: what they opened is closed with them."""

from __future__ import annotations

import gc
import os
import re
import sqlite3
import subprocess
import sys
import warnings
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import reps_ledger as rl
from processes import PATIENCE
from programs import start
from recorders import event, item
from reps_ledger.audit import make_key
from reps_ledger.live import LedgerApplication
from reps_ledger.log import sqlite
from reps_ledger.log.sqlite import SQLiteRecorder
from reps_ledger.log.sqlite.read import Span, scans_of

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = make_key("example.org/reps")
JOINED = rl.MemberJoined(member="ana")


def descriptors() -> set[str]:
    """What this process has open: files by their paths, connections by their numbers."""
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            found.add(os.readlink(descriptor))  # noqa: PTH115 — no path of a file
        except OSError:  # that of the listing itself
            continue
    return found


def connections_of(recorder: Any) -> list[sqlite3.Connection]:
    """The connections that a recorder of our own holds between operations."""
    return list(recorder._connections._idle.connections)


def is_open(connection: sqlite3.Connection) -> bool:
    """Whether a connection was not closed."""
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


def a_recorder(path: Path) -> list[Any]:
    """Leave a recorder, and a read from it of which one page was read."""
    recorder = SQLiteRecorder(path)
    recorder.append([event() for _ in range(2_500)])
    response = recorder.read()
    next(response)
    return [recorder, response, *connections_of(recorder)]


def a_subscription(path: Path) -> list[Any]:
    """Leave a recorder and a subscription, which refer to each other."""
    recorder = SQLiteRecorder(path)
    recorder.append([event()])
    subscription = recorder.subscribe()
    next(subscription)
    return [recorder, subscription, *connections_of(recorder)]


def a_ledger(path: Path) -> list[Any]:
    """Leave a ledger, a view of it, entries of which some were read, and its tree."""
    ledger = rl.open(path)
    ledger.record(JOINED, by="council")
    view = ledger.as_of(date(2041, 1, 1))
    assert view.member("ana").member == "ana"
    entries = ledger.entries()
    next(entries)
    ledger.checkpoint(KEY)
    return [ledger, view, entries, *connections_of(ledger._core.log.recorder)]


def a_ledger_in_memory(_: Path) -> list[Any]:
    """Leave a ledger in memory, whose tree is in memory too."""
    ledger = rl.open()
    ledger.record(JOINED, by="council")
    ledger.checkpoint(KEY)
    (tree,) = ledger._core._trees._made.values()
    kept = tree.cache._memory
    assert kept is not None
    return [ledger, *connections_of(ledger._core.log.recorder), kept]


def a_view(path: Path) -> list[Any]:
    """Leave a view, whose ledger nothing else refers to."""
    ledger = rl.open(path)
    ledger.record(JOINED, by="council")
    return [ledger.as_of(date(2041, 1, 1)), *connections_of(ledger._core.log.recorder)]


def an_application(path: Path) -> list[Any]:
    """Leave an application of the library."""
    application = LedgerApplication({"SQLITE_DBNAME": str(path)})
    recorder: Any = application.recorder
    recorder.append([event()])
    return [application, *connections_of(recorder.inner)]


LEFT: dict[str, Callable[[Path], list[Any]]] = {
    "recorder": a_recorder,
    "subscription": a_subscription,
    "ledger": a_ledger,
    "ledger in memory": a_ledger_in_memory,
    "view": a_view,
    "application": an_application,
}


@pytest.mark.parametrize("kind", LEFT)
def test_what_is_dropped_is_closed(kind: str, sqlite_path: Path) -> None:
    """Without its owner a connection is closed, not only forgotten, and no file stays open."""
    before = descriptors()
    left = LEFT[kind](sqlite_path)
    connections = [one for one in left if isinstance(one, sqlite3.Connection)]
    assert connections
    assert all(map(is_open, connections))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del left
        gc.collect()
    assert not any(map(is_open, connections))
    assert descriptors() <= before


@pytest.mark.parametrize("log", ["postgres", "umadb"])
def test_servers_are_left_too(log: str, targets: Callable[[str], Any]) -> None:
    """No connection to a server stays open when its ledger is dropped."""
    target = targets(log)
    with rl.open(target) as ledger:
        ledger.record(JOINED, by="council")
    gc.collect()
    before = descriptors()
    left = rl.open(target)
    assert left.position == 2
    assert not descriptors() <= before
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del left
        gc.collect()
    assert descriptors() <= before


LEFT_AT_THE_END = """
import atexit, sys
import reps_ledger as rl

left = []

def late():
    for ledger in left:
        try:
            print("position", ledger.position)
        except rl.Closed:
            print("closed")

atexit.register(late)  # comes last: after what closes connections, which is registered later
left += [rl.open(), rl.open(sys.argv[1])]
for ledger in left:
    ledger.record(rl.MemberJoined(member="ana"), by="council")
    ledger.checkpoint(sys.argv[2])
atexit.register(late)  # comes first
entries = left[1].entries()
next(entries)
"""


def test_what_is_left_at_the_end_of_the_process(sqlite_path: Path) -> None:
    """A script that closes nothing gets no warning, and leaves no file beside the ledger."""
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", LEFT_AT_THE_END, str(sqlite_path), KEY.text],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["position 1", "position 2", "closed", "position 2"]
    assert {"ledger.db", "ledger.db.tree"} == {path.name for path in sqlite_path.parent.iterdir()}


def test_a_child_that_drops_what_it_inherited(sqlite_path: Path) -> None:
    """It closes nothing of its parent's, who goes on; both when it drops it and when it ends."""
    with start("drop-unseen", sqlite_path) as program:
        said = program.end().splitlines()
    assert said == ["1 inherited", "open", "child ended with 0", "log is there", "6"]
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.head() == 6
        assert recorder.integrity_check() == []


def test_a_child_that_drops_what_is_its_own(sqlite_path: Path) -> None:
    """After a fork that Python knows of there is nothing to inherit, and each closes its own."""
    with start("drop-forked", sqlite_path) as program:
        said = program.end().splitlines()
    assert said == ["0 inherited", "closed", "child ended with 0", "log is there", "9"]
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.head() == 9
        assert recorder.integrity_check() == []


def test_placeholders_are_not_numbered(sqlite_recorder: SQLiteRecorder) -> None:
    """From 3.12 on Python warns of numbered ones that are given a sequence: of any statement."""
    asked = [
        item(*tags, types=types)
        for tags in ((), ("a",), ("a", "b"), ("a", "b", "c"))
        for types in ((), ("k",), ("k", "l"))
        if tags or types
    ]
    with sqlite_recorder._connections.reading() as connection:
        texts = [scan.sql for scan in scans_of(connection, asked, Span(0, 9))]
    for name in ("file", "read", "recorder"):
        module = import_module(f"{sqlite.__name__}.{name}")
        texts += [value for value in vars(module).values() if isinstance(value, str)]
    statements = [text for text in texts if re.match(r"SELECT|INSERT|WITH|PRAGMA", text)]
    assert len(statements) > 20
    assert [text for text in statements if re.search(r"\?\d", text)] == []
