"""The tables of a ledger file, the triggers that guard them, and how to tell that they are whole.

What the triggers promise against plain SQL, from whatever program: no entry is changed, removed,
replaced or put anywhere but at the end, and no row of the tag index is changed, removed, or added
unless its entry really has that tag and that type. An index row can therefore never be false. What
they cannot promise: an entry that another program inserts without its index rows is not found by
its tags, and who may alter the schema may drop the triggers. ``index_problems`` finds the one, and
``problems`` the other.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from reps_ledger.log.saying import SaidTags

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "APPLICATION_ID",
    "FORMAT_VERSION",
    "HEAD",
    "INDEX_TAGS",
    "INSERT_EVENT",
    "INSERT_ROWS",
    "INSERT_TAG",
    "MANY",
]

APPLICATION_ID: Final = 0x52657073
"""``Reps``: marks the file as a ledger, at a fixed place that ``file(1)`` can read too."""

FORMAT_VERSION: Final = 1
"""The version of the tables; a file with a higher one is left to a later release."""

HEAD: Final = "SELECT coalesce(max(position), 0) FROM events"
INSERT_EVENT: Final = "INSERT INTO events (position, type, data, tags) VALUES (?, ?, ?, ?)"
MANY: Final = 125
"""From so many entries on, an append is one of many: many rows a statement, rare checkpoints."""

CHECKPOINT_OFTEN: Final = "PRAGMA wal_autocheckpoint = 1000"
CHECKPOINT_RARELY: Final = "PRAGMA wal_autocheckpoint = 8000"
INSERT_ROWS: Final = {
    rows: INSERT_EVENT + ", (?, ?, ?, ?)" * (rows - 1) for rows in (1_000, 500, 250, MANY)
}
"""Statements that insert so many entries at once, the largest first."""

# OR IGNORE: a tag given twice is indexed once. It does not weaken the triggers' RAISE.
INSERT_TAG: Final = "INSERT OR IGNORE INTO tags (tag, type, position) VALUES (?, ?, ?)"
INDEX_TAGS: Final = (
    "INSERT OR IGNORE INTO tags (tag, type, position) SELECT j.value, e.type, e.position"
    " FROM events e, json_each(e.tags) j WHERE e.position > ? ORDER BY 1, 2, 3"
)

# STRICT makes SQLite check what the columns promise; it came with 3.37.
_STRICT: Final = sqlite3.sqlite_version_info >= (3, 37)
_EVENTS_OPTIONS: Final = " STRICT" if _STRICT else ""
_TAGS_OPTIONS: Final = " STRICT, WITHOUT ROWID" if _STRICT else " WITHOUT ROWID"


def _refusal(name: str, when: str, words: str) -> str:
    """A trigger that refuses what ``when`` describes, and undoes the transaction it is part of.

    ABORT would undo the one statement only. For that SQLite keeps a copy of every page that an
    append touches, which makes appends of a thousand entries a fifth slower.
    """
    return f"CREATE TRIGGER {name} BEFORE {when} BEGIN SELECT RAISE(ROLLBACK, '{words}'); END"


# An index row must say what its entry says. The entry is found by its row id and its few tags are
# looked through, so that this costs the same however long the log is.
_TAG_IS_TRUE: Final = (
    "EXISTS (SELECT 1 FROM events e, json_each(e.tags) j"
    " WHERE e.position = {row}.position AND e.type = {row}.type AND j.value = {row}.tag)"
)

OBJECTS: Final = {
    "events": (
        "CREATE TABLE events (position INTEGER PRIMARY KEY, type TEXT NOT NULL,"
        f" data BLOB NOT NULL, tags TEXT NOT NULL){_EVENTS_OPTIONS}"
    ),
    # By tag and type, then position: what a decision depends on is a range of this index, and a
    # member's ten thousand reports are not touched to learn when that member joined.
    "tags": (
        "CREATE TABLE tags (tag TEXT NOT NULL, type TEXT NOT NULL, position INTEGER NOT NULL,"
        f" PRIMARY KEY (tag, type, position)){_TAGS_OPTIONS}"
    ),
    # Every index ends in the row id, which is the position: this is (type, position).
    "events_by_type": "CREATE INDEX events_by_type ON events (type)",
    "events_keep": _refusal("events_keep", "UPDATE ON events", "entries are never changed"),
    "events_stay": _refusal("events_stay", "DELETE ON events", "entries are never removed"),
    # Also closes INSERT OR REPLACE, which fires no DELETE trigger on a connection that did not
    # ask for recursive triggers.
    "events_dense": _refusal(
        "events_dense",
        f"INSERT ON events WHEN NEW.position IS NOT ({HEAD}) + 1",
        "an entry goes to the next position",
    ),
    "tags_keep": _refusal("tags_keep", "UPDATE ON tags", "index rows are never changed"),
    "tags_stay": _refusal("tags_stay", "DELETE ON tags", "index rows are never removed"),
    "tags_true": _refusal(
        "tags_true",
        f"INSERT ON tags WHEN NOT {_TAG_IS_TRUE.format(row='NEW')}",
        "an index row says what its entry says",
    ),
}
"""Every table, index and trigger by name, as its SQL."""

_SCHEMA: Final = "SELECT name, sql FROM sqlite_master"
_GAPS: Final = "SELECT count(*), coalesce(max(position), 0) FROM events"
_SAID: Final = "SELECT position, type, NULL, tags FROM events"
_INDEXED: Final = "SELECT ?, tag, type, position FROM tags WHERE position <= ?"
_UNINDEXED: Final = (
    "SELECT e.position, j.value FROM events e, json_each(e.tags) j WHERE NOT EXISTS"
    " (SELECT 1 FROM tags t WHERE t.tag = j.value AND t.type = e.type"
    " AND t.position = e.position) LIMIT 10"
)
_UNTRUE: Final = (
    "SELECT t.position, t.tag FROM tags t"  # noqa: S608 - no text from outside
    f" WHERE NOT {_TAG_IS_TRUE.format(row='t')} LIMIT 10"
)


def initialise(connection: sqlite3.Connection) -> None:
    """Make an empty database a ledger, in one transaction; does nothing to one that is.

    Args:
        connection: in autocommit mode, with its busy timeout set.
    """
    connection.execute("BEGIN IMMEDIATE")
    # Another process may have been first, between our look at the file and this lock.
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        for statement in OBJECTS.values():
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
    connection.execute("COMMIT")


def problems(connection: sqlite3.Connection) -> Iterator[str]:
    """What is wrong with the file but for its tag index, in words; nothing if it is whole.

    Args:
        connection: whose reads should be in one transaction.

    Yields:
        One line for each problem found. A fault that stops the search is the last of them.
    """
    try:
        for (line,) in connection.execute("PRAGMA integrity_check"):
            if line != "ok":
                yield line
        present = dict(connection.execute(_SCHEMA).fetchall())
        for name, statement in OBJECTS.items():
            if present.get(name) != statement:
                yield f"{name} is {'changed' if name in present else 'missing'}"
        count, head = connection.execute(_GAPS).fetchone()
        if count != head:
            yield f"{head} is the last position, but there are {count} entries"
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        yield str(error)


def index_problems(connection: sqlite3.Connection, said: SaidTags | None = None) -> Iterator[str]:
    """What is wrong with the tag index, in words; nothing if it says what the entries say.

    Args:
        connection: whose reads should be in one transaction.
        said: what the entries say, if they were read already; of later ones nothing is asked.
    """
    try:
        if said is None:
            said = SaidTags()
            said.add(connection.execute(_SAID))
        index = connection.execute(_INDEXED, (said.secret, said.last))
        if said.agrees(index):
            return
        for position, tag in connection.execute(_UNINDEXED):
            yield f"position {position}: the tag {tag!r} is not in the index"
        for position, tag in connection.execute(_UNTRUE):
            yield f"position {position}: the index has {tag!r}, the entry does not"
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        yield str(error)
