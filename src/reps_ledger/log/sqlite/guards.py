"""Whether the tables of a ledger file, their indexes and their triggers are those that this project makes.

Somebody who could write the file once may have planted a trigger that swallows or changes what is
inserted, or dropped one that guards. So all that belongs to our tables is compared, text and all: nothing may
be missing, changed or foreign. What other tables a file holds is nobody's business here.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from reps_ledger.errors import Altered
from reps_ledger.log.sqlite.file import OBJECTS, make_current, objects_of
from reps_ledger.log.sqlite.pool import Connections

_TIMEOUT: Final = 60.0
"""Seconds to wait for others who write."""

_OURS: Final = (
    "SELECT type, name, sql FROM sqlite_master WHERE tbl_name IN ('events', 'tags')"
    " AND sql IS NOT NULL ORDER BY name"
)


def altered(connection: sqlite3.Connection) -> list[str]:
    """Return what is missing, changed or foreign, in words; of an older file, what it should have had."""
    present, wanted = _present(connection), objects_of(connection)
    found = [
        f"{name} is {'changed' if name in present else 'missing'}"
        for name, statement in {**OBJECTS, **wanted}.items()
        if (name in present and present[name][1] != statement) or (name in wanted and name not in present)
    ]
    found += [f"the {kind} {name} is foreign" for name, (kind, _) in present.items() if name not in OBJECTS]
    return found


def _present(connection: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """Return the kind and the text of all that belongs to our tables, by name."""
    return {name: (kind, sql) for kind, name, sql in connection.execute(_OURS)}


def repair_file(path: Path) -> list[str]:
    """Make a ledger file's indexes and triggers what they should be; return what was done, in words.

    Raises:
        Altered: a table is missing or changed, which nothing can put right.
        StorageError: there is no ledger, or it cannot be written.
    """
    with (
        closing(Connections(path, timeout=_TIMEOUT, create=False)) as connections,
        connections.writing() as connection,
    ):
        return _repair(connection)


def _repair(connection: sqlite3.Connection) -> list[str]:
    """Make indexes and triggers what they should be, in one transaction; return what was done, in words.

    Raises:
        Altered: a table is missing or changed, which nothing can put right.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        present = _present(connection)
        for name in ("events", "tags"):
            if present.get(name) != ("table", OBJECTS[name]):
                raise Altered(f"the table {name} is not as a ledger's is; restore a backup")
        done = []
        wanted = objects_of(connection)
        for name, (kind, sql) in present.items():
            if sql != {**OBJECTS, **wanted}.get(name):
                connection.execute(f'DROP {kind.upper()} "{name.replace(chr(34), chr(34) * 2)}"')
                what = f"the changed {name}" if name in OBJECTS else f"the {kind} {name}"
                done.append(f"removed {what}")
        for name, statement in wanted.items():
            if name not in present or present[name][1] != statement:
                connection.execute(statement)
                done.append(f"made {name}")
        if done:
            make_current(connection)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return done
