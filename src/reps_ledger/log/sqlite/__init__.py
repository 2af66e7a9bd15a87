"""The log in one SQLite file; also a persistence module of the library.

Set ``PERSISTENCE_MODULE`` to this module's name and ``SQLITE_DBNAME`` to a path. The library looks
for exactly one factory among the names here.
"""

from reps_ledger.log.sqlite.factory import SQLiteDCBFactory
from reps_ledger.log.sqlite.recorder import SQLiteRecorder

__all__ = ["SQLiteDCBFactory", "SQLiteRecorder"]
