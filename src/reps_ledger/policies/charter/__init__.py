"""Charters: a programme's dated rules, adopted by a fact, enforced while facts are recorded."""

from __future__ import annotations

from reps_ledger.policies.charter.charter import (
    Authority,
    Charter,
    Level,
    Retention,
    RoleClause,
    Standing,
    Vouching,
)
from reps_ledger.policies.charter.clauses import changes, charter_words, statements
from reps_ledger.policies.charter.documents import (
    charter_digest,
    dump_charter,
    load_charter,
    read_charter,
    save_charter,
)

__all__ = [
    "Authority",
    "Charter",
    "Level",
    "Retention",
    "RoleClause",
    "Standing",
    "Vouching",
    "changes",
    "charter_digest",
    "charter_words",
    "dump_charter",
    "load_charter",
    "read_charter",
    "save_charter",
    "statements",
]
