"""From what a user names (a path, a URL, a recorder) to a recorder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.persistence import PersistenceError

from reps_ledger.errors import ConfigurationError, MissingExtra, StorageError
from reps_ledger.log.sqlite import SQLiteRecorder

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Target", "open_recorder"]

_LOCK_TIMEOUT: Final = "10"


Target = str | os.PathLike[str] | DCBRecorder | None
"""What names a log."""


def open_recorder(target: Target) -> tuple[DCBRecorder, Callable[[], None]]:
    """Open a log.

    Args:
        target: None for memory; a path or ``sqlite:///path``; ``postgresql://…``;
            ``umadb://host:port``; or any recorder, which stays its owner's to close.

    Returns:
        The recorder, and how to close it.

    Raises:
        StorageError: it cannot be opened.
        ConfigurationError: the URL means nothing here, or an extra is missing.
    """
    if isinstance(target, DCBRecorder):
        return target, lambda: None
    place = ":memory:" if target is None else os.fspath(target)
    scheme, separator, rest = place.partition("://")
    if not separator or not isinstance(target, str):
        return _sqlite(place)
    match scheme:
        case "sqlite":
            return _sqlite(unquote(rest.removeprefix("/")) or ":memory:")
        case "postgresql" | "postgres":
            return _postgres(place)
        case "umadb":
            return _umadb(rest)
    raise ConfigurationError(
        f"cannot open {scheme}://…; use a path, sqlite:///path, postgresql://… or umadb://…"
    )


def _sqlite(path: str) -> tuple[DCBRecorder, Callable[[], None]]:
    recorder = SQLiteRecorder(path)
    return recorder, recorder.close


def _postgres(url: str) -> tuple[DCBRecorder, Callable[[], None]]:
    try:
        from eventsourcing.dcb.postgres_tt import PostgresTTDCBFactory  # noqa: PLC0415 — an extra
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise MissingExtra("postgres", "a ledger on PostgreSQL") from error
    from eventsourcing.utils import Environment  # noqa: PLC0415 — only needed here

    options = conninfo_to_dict(url)
    env = {
        "POSTGRES_DBNAME": str(options.get("dbname") or options.get("user") or "postgres"),
        "POSTGRES_HOST": str(options.get("host") or "127.0.0.1"),
        "POSTGRES_PORT": str(options.get("port") or 5432),
        "POSTGRES_USER": str(options.get("user") or "postgres"),
        "POSTGRES_PASSWORD": str(options.get("password") or "-"),
        "POSTGRES_LOCK_TIMEOUT": _LOCK_TIMEOUT,
    }
    try:
        factory = PostgresTTDCBFactory(Environment("reps", env))
        return factory.dcb_recorder(), factory.close
    except PersistenceError as error:
        raise StorageError(f"PostgreSQL cannot be opened: {error}") from error


def _umadb(place: str) -> tuple[DCBRecorder, Callable[[], None]]:
    try:
        from eventsourcing_umadb.recorders import UmaDBDCBRecorder  # noqa: PLC0415 — an extra
        from umadb import Client  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise MissingExtra("umadb", "a ledger on UmaDB") from error
    host = urlsplit(f"//{place}")
    try:
        client = Client(url=f"http://{host.netloc}")
    except Exception as error:
        raise StorageError(f"UmaDB cannot be opened at {host.netloc}: {error}") from error
    return UmaDBDCBRecorder(client), lambda: None
