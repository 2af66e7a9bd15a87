"""What somebody can do to a ledger who may do anything to its database."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import msgspec
from eventsourcing.dcb.api import DCBEvent

from reps_ledger.domain.entries import ledger_tag
from reps_ledger.log.postgres.guarded import GuardedRecorder
from reps_ledger.log.postgres.roles import EVENTS, SOUND
from reps_ledger.log.postgres.session import connect
from reps_ledger.log.sqlite import SQLiteRecorder
from reps_ledger.log.sqlite.file import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    import reps_ledger as rl

NOISE: Final = b"\0\xff"
"""What no program can read as an entry."""


@contextmanager
def unguarded(path: Path, *, dropped: Collection[str] = ()) -> Iterator[sqlite3.Connection]:
    """A connection without the guards, which are there again afterwards, unless they are dropped for good."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for name, sql in guards:
            if name not in dropped:
                connection.execute(sql)


@contextmanager
def unsound(recorder: Any) -> Iterator[None]:
    """Have a recorder's database take what is no entry meanwhile; one without guards takes it anyhow."""
    if isinstance(recorder, SQLiteRecorder):
        with recorder._connections.writing() as connection:
            connection.execute("DROP TRIGGER IF EXISTS events_sound")
        yield
        with recorder._connections.writing() as connection:
            connection.execute(OBJECTS["events_sound"])
    elif isinstance(recorder, GuardedRecorder):
        for able in ("DISABLE", "ENABLE"):
            with connect(recorder.datastore) as connected:
                connected.execute(f"ALTER TABLE {EVENTS} {able} TRIGGER {SOUND}".encode())
            if able == "DISABLE":
                yield
    else:
        yield


def plant(ledger: rl.Ledger, name: str = "member.joined", data: bytes = NOISE, *tags: str) -> int:
    """Append a row behind the rules and the guards, and return its position."""
    recorder = ledger._core.log.recorder
    with unsound(recorder):
        return recorder.append([DCBEvent(name, data, list(tags))])


def plant_void(ledger: rl.Ledger, position: int, **fields: object) -> int:
    """Void what is stored at a position behind the rules, whatever it is; return the void's own position."""
    row = ledger._core.log.row(position)
    leaf = None if row is None else row.leaf
    number = ledger.position + 1
    entry_id = f"void-{number}"
    said = {
        "id": entry_id,
        "recorded_at": ledger._core.now(),
        "occurred_at": ledger._core.now(),
        "by": "council",
        "fact": {"target_position": position, "leaf": leaf, "reason": "planted", **fields},
    }
    tags = [ledger_tag("entry.voided"), f"entry:{entry_id}"]
    return ledger._core.log.recorder.append([DCBEvent("entry.voided", msgspec.json.encode(said), tags)])
