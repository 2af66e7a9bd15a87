"""The yardstick: plain ``sqlite3``, with the ledger's tables and settings but nothing else."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TABLES = (
    "CREATE TABLE events (position INTEGER PRIMARY KEY, type TEXT NOT NULL,"
    " data BLOB NOT NULL, tags TEXT NOT NULL) STRICT",
    "CREATE TABLE tags (tag TEXT NOT NULL, type TEXT NOT NULL, position INTEGER NOT NULL,"
    " PRIMARY KEY (tag, type, position)) STRICT, WITHOUT ROWID",
    "CREATE INDEX events_by_type ON events (type)",
)
EVENT = "INSERT INTO events VALUES (?, ?, ?, ?)"
TAG = "INSERT INTO tags VALUES (?, ?, ?)"

Event = tuple[int, str, bytes, str]
Tag = tuple[str, str, int]


def connect(path: Path) -> sqlite3.Connection:
    """Open a new file with the ledger's tables, write-ahead log and full synchronisation."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    for table in TABLES:
        connection.execute(table)
    return connection


def rows_of(ledger: Path) -> tuple[list[Event], list[list[Tag]]]:
    """Return the rows that a ledger file holds: events, and the tags of each."""
    connection = sqlite3.connect(ledger)
    events = connection.execute("SELECT * FROM events ORDER BY position").fetchall()
    tags: list[list[Tag]] = [[] for _ in events]
    for tag in connection.execute("SELECT tag, type, position FROM tags"):
        tags[tag[2] - 1].append(tag)
    connection.close()
    return events, tags


def insert(connection: sqlite3.Connection, events: Iterable[Event], tags: Iterable[Tag]) -> None:
    """Insert rows in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(EVENT, events)
    connection.executemany(TAG, tags)
    connection.execute("COMMIT")
