"""What somebody can do to a ledger file who may do anything to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path


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
