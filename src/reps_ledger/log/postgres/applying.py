"""Making the roles on a server."""

from __future__ import annotations

from reps_ledger.errors import ConfigurationError, MissingExtra, ReadOnly, StorageError
from reps_ledger.log.postgres.roles import roles_sql

__all__ = ["apply_roles"]


def apply_roles(url: str, writer: str = "reps_writer", reader: str = "reps_reader") -> None:
    """Make the writer and the reader of a ledger, in one transaction: all of it or nothing.

    Args:
        url: ``postgresql://…`` of a ledger that was opened before, as the owner of its tables.
        writer: the role that may append.
        reader: the role that may read.

    Raises:
        InvalidInput: no role may have that name.
        ReadOnly: this role may not do it.
        StorageError: the server cannot be reached, or there is no ledger.
        MissingExtra: the extra ``postgres`` is not installed.
    """
    try:
        import psycopg  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise MissingExtra("postgres", "a ledger on PostgreSQL") from error
    statements = roles_sql(writer, reader)
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError("roles are made on PostgreSQL: give a postgresql://… address")
    try:
        with psycopg.connect(url) as connection:
            connection.execute(statements.encode())
    except psycopg.errors.InsufficientPrivilege as error:
        raise ReadOnly(f"only the owner of the tables makes its roles: {error}") from error
    except psycopg.errors.UndefinedTable as error:
        raise StorageError("there is no ledger there; open it once, as its owner") from error
    except psycopg.Error as error:
        raise StorageError(f"the roles cannot be made: {error}") from error
