"""State: tables of what is so of everybody, kept beside the log for services, pages and tools."""

from reps_ledger.state.rosters import ListedMember
from reps_ledger.state.schema import FOREVER, TABLES, Column, Table
from reps_ledger.state.state import Following, Holds, Lapse, Person, State
from reps_ledger.state.store import SqliteStore, Store
from reps_ledger.state.tables import Refreshed, Tables, kept_policies

__all__ = [
    "FOREVER",
    "TABLES",
    "Column",
    "Following",
    "Holds",
    "Lapse",
    "ListedMember",
    "Person",
    "Refreshed",
    "SqliteStore",
    "State",
    "Store",
    "Table",
    "Tables",
    "kept_policies",
]
