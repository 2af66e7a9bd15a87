"""Fixtures that tests of several folders share, and how Hypothesis runs here."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from recorders import memory_recorder, sqlite_path, sqlite_recorder, targets
from servers import postgres_dsn, postgres_server, umadb_url

__all__ = [
    "memory_recorder",
    "postgres_dsn",
    "postgres_server",
    "sqlite_path",
    "sqlite_recorder",
    "targets",
    "umadb_url",
]

# The first example builds tables of characters, which takes a second.
settings.register_profile(
    "reps-ledger", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("reps-ledger")
