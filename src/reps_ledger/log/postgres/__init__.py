"""A ledger on PostgreSQL: the recorder, the guards of its tables, and who may do what."""

from __future__ import annotations

from reps_ledger.log.postgres.roles import apply_roles, guards_sql, roles_sql

__all__ = ["apply_roles", "guards_sql", "roles_sql"]
