"""Opening a log by what a user names: a path, a URL or a recorder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, final
from urllib.parse import unquote

from eventsourcing.dcb.api import DCBReadResponse, DCBRecorder, DCBSubscription
from eventsourcing.dcb.popo import InMemoryDCBRecorder

from reps_ledger.domain.arguments import checked
from reps_ledger.errors import ConfigurationError, MissingExtra, StorageError
from reps_ledger.log.sqlite import SQLiteRecorder
from reps_ledger.log.sqlite.backup import restore as restore_file
from reps_ledger.log.sqlite.guards import repair_file
from reps_ledger.log.sqlite.recorder import MEMORY, TIMEOUT

if TYPE_CHECKING:
    from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBSequencedEvent
    from eventsourcing.dcb.postgres_tt import PostgresTTDCBFactory
    from psycopg import Connection


_LOCK_TIMEOUT: Final = "10"
_CONNECT_TIMEOUT: Final = "10"
_LONGEST: Final = 1_000_000

_SCHEMES: Final = frozenset({"sqlite", "postgresql", "postgres", "umadb"})

Target = str | os.PathLike[str] | DCBRecorder | None
"""What names a log."""


def open_recorder(
    target: Target, *, read_only: bool = False, timeout: float | None = None
) -> tuple[DCBRecorder, Callable[[], None]]:
    """Open a log.

    Args:
        target: None for memory; a path or ``sqlite:///path``; ``postgresql://…``;
            ``umadb://host:port``; or any recorder, which stays its owner's to close.
        read_only: whether nothing is made, nor anything but read. UmaDB, and a recorder that is given, are
            not told: `EventLog` keeps from appending to them.
        timeout: how many seconds to wait for others; None for the default. UmaDB, and a recorder that is
            given, know none.

    Returns:
        The recorder, and how to close it.

    Raises:
        StorageError: it cannot be opened.
        ConfigurationError: the URL means nothing here, or an extra is missing.
    """
    if timeout is not None and not 0 <= timeout <= _LONGEST:
        raise ConfigurationError(f"timeout is a number of seconds from 0 to {_LONGEST:,}, not {timeout}")
    if isinstance(target, DCBRecorder):
        _no_timeout(timeout, "a recorder that is given waits as it was made to")
        return target, lambda: None
    place = MEMORY if target is None else os.fspath(target)
    file = _file_of(target)
    if file is not None:
        return _sqlite(file, read_only, timeout)
    scheme, _, rest = place.partition("://")
    match scheme:
        case "postgresql" | "postgres":
            return _postgres(place, read_only, timeout)
        case "umadb":
            _no_timeout(timeout, "UmaDB has no locks that are waited for")
            return _umadb(rest)
    raise ConfigurationError(
        f"cannot open {scheme}://…; use a path, sqlite:///path, postgresql://… or umadb://…"
    )


def _no_timeout(timeout: float | None, why: str) -> None:
    if timeout is not None:
        raise ConfigurationError(f"timeout means nothing here: {why}")


def _file_of(target: str | os.PathLike[str] | None) -> str | None:
    """Return the path of the SQLite file that is named, or ``:memory:``; None where it is a server's."""
    if target is None:
        return MEMORY
    place = os.fspath(target)
    scheme, separator, rest = place.partition("://")
    if not separator or not isinstance(target, str):
        scheme = place.partition(":")[0]
        if isinstance(target, str) and place.startswith(f"{scheme}:/") and scheme.lower() in _SCHEMES:
            raise ConfigurationError(f"an address begins with {scheme}://, with two strokes")
        return place
    return (unquote(rest.removeprefix("/")) or MEMORY) if scheme == "sqlite" else None


@checked
def restore(
    backup: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    incomplete: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Make a new ledger file of a backup, or of any ledger file, and return its last position.

    It is there whole or not at all, whatever interrupts this, and was checked before: SQLite's own
    check of the file, the tables and their guards, positions without gaps, and the index of tags.
    The backup is only read. What was changed in an entry by who may write the file is found by
    `Ledger.verify`, with a checkpoint.

    Args:
        backup: the file that `Ledger.backup` wrote.
        target: a path or ``sqlite:///path`` at which there is nothing yet.
        incomplete: whether to go on with a file that was copied without its write-ahead log, so that
            what was recorded last may be missing.
        on_progress: called now and then with how many pages were copied, and of how many.

    Raises:
        NotALedger: the backup is something else.
        NewerFormat: it was written by a later version.
        Damaged: it is not whole; the error says what is wrong.
        StorageError: there is no backup, there is something at the target, or it cannot be written.
    """
    file = _file_of(target)
    if file is None or file == MEMORY:
        raise StorageError(
            "a backup is restored into a new file, and this names none; a ledger in PostgreSQL is "
            "restored by pg_restore, as docs/backup.md says"
        )
    return restore_file(Path(os.path.realpath(backup)), file, on_progress, incomplete=incomplete)


@checked
def repair(target: str | os.PathLike[str]) -> list[str]:
    """Make the guards of a ledger what they should be, and remove what is foreign; say what was done.

    Opening a ledger refuses one whose tables, indexes, triggers or functions are missing, changed or
    foreign, as nobody knows what else was done; so find out first. Entries are not looked at:
    `Ledger.check` does that.

    Args:
        target: a path or ``sqlite:///path``, or ``postgresql://…`` as the owner of the tables.

    Returns:
        What was done, or for PostgreSQL what was wrong, in words; nothing where nothing was.

    Raises:
        Altered: this does not put it right.
        StorageError: it cannot be opened.
    """
    file = _file_of(target)
    if file is not None and file != MEMORY:
        return repair_file(Path(os.path.realpath(file)))
    if not str(target).startswith(("postgresql://", "postgres://")):
        raise ConfigurationError("there is nothing to repair: name a file, or a postgresql://… address")
    from reps_ledger.log.postgres.guarded import repair_guarded  # noqa: PLC0415 — an extra

    factory = _library_of(str(target), read_only=False)
    try:
        return repair_guarded(factory.datastore)
    finally:
        factory.close()


def is_kept(recorder: DCBRecorder) -> bool:
    """Whether a log outlives its recorder, as far as can be known: not where it is in memory."""
    if isinstance(recorder, SQLiteRecorder):
        return recorder.path is not None
    return not isinstance(recorder, InMemoryDCBRecorder)


def postgres_of(recorder: DCBRecorder) -> Callable[[], Connection[Any]] | None:
    """Return what opens a connection to the PostgreSQL that holds a log; None where none does."""
    datastore = getattr(recorder, "datastore", None)
    if datastore is None:
        return None
    from reps_ledger.log.postgres.session import connect  # noqa: PLC0415 — an extra

    return partial(connect, datastore)


def _sqlite(path: str, read_only: bool, timeout: float | None) -> tuple[DCBRecorder, Callable[[], None]]:
    if read_only and path == MEMORY:
        raise ConfigurationError("a ledger in memory is empty, and stays so where it is only read")
    recorder = SQLiteRecorder(path, read_only=read_only, timeout=TIMEOUT if timeout is None else timeout)
    return recorder, recorder.close


def _postgres(url: str, read_only: bool, timeout: float | None) -> tuple[DCBRecorder, Callable[[], None]]:
    factory = _library_of(url, read_only=read_only, timeout=timeout)
    from reps_ledger.log.postgres.guarded import open_guarded  # noqa: PLC0415 — an extra
    from reps_ledger.log.postgres.session import must_have_sessions  # noqa: PLC0415 — an extra

    try:
        must_have_sessions(factory.datastore, records=not read_only)
        return open_guarded(factory.datastore, read_only=read_only), factory.close
    except (StorageError, ConfigurationError):
        factory.close()
        raise


def _library_of(url: str, *, read_only: bool, timeout: float | None = None) -> PostgresTTDCBFactory:
    """Return the library's connections to a database, which nothing was asked of yet."""
    try:
        import psycopg  # noqa: PLC0415 — an extra
        from eventsourcing.dcb.postgres_tt import PostgresTTDCBFactory  # noqa: PLC0415 — an extra
        from psycopg.conninfo import conninfo_to_dict  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise MissingExtra("postgres", "a ledger on PostgreSQL") from error
    from eventsourcing.utils import Environment  # noqa: PLC0415 — only needed here

    from reps_ledger.log.postgres.session import SETTING, live_pool  # noqa: PLC0415 — an extra

    try:
        options = {"connect_timeout": _CONNECT_TIMEOUT, **conninfo_to_dict(url)}
    except psycopg.ProgrammingError as error:
        # What libpq says repeats parts of the address, and so of a password; as does its traceback.
        said = "" if "@" in url or "password" in url else f": {error}"
        raise ConfigurationError(f"no address of a PostgreSQL database{said}") from None
    env = {
        "POSTGRES_DBNAME": str(options.get("dbname") or options.get("user") or "postgres"),
        "POSTGRES_HOST": str(options.get("host") or "127.0.0.1"),
        "POSTGRES_PORT": str(options.get("port") or 5432),
        "POSTGRES_USER": str(options.get("user") or "postgres"),
        "POSTGRES_PASSWORD": str(options.get("password") or "-"),
        "POSTGRES_LOCK_TIMEOUT": _LOCK_TIMEOUT,
    }
    factory = PostgresTTDCBFactory(Environment("reps", env))
    store: Any = factory.datastore
    store.pool = live_pool(store.pool, store.after_connect_func())
    # The library passes on five options; what else a URL says (sslmode …) must not be dropped,
    # nor a password be made up where libpq knows one (from .pgpass, for example).
    connect: Any = factory.datastore.pool.kwargs
    connect.update(options)
    if "password" not in options:
        del connect["password"]
    # The library limits the wait for its own lock only; without this, whoever locks the tables
    # (to change or rewrite them) would have every reader wait for ever.
    waits = int(_LOCK_TIMEOUT) * 1000 if timeout is None else max(1, round(timeout * 1000))
    limit = f"-c lock_timeout={waits}ms -c {SETTING}=on"
    if read_only:
        limit += " -c default_transaction_read_only=on"
    connect["options"] = f"{options['options']} {limit}" if "options" in options else limit
    return factory


def _umadb(place: str) -> tuple[DCBRecorder, Callable[[], None]]:
    try:
        import umadb  # noqa: PLC0415 — an extra
        from eventsourcing_umadb.recorders import UmaDBDCBRecorder  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise MissingExtra("umadb", "a ledger on UmaDB") from error
    host = place.partition("/")[0]
    where = host.rpartition("@")[2]
    try:
        client = umadb.Client(url=f"http://{host}")
    except Exception as error:  # noqa: BLE001 — whatever the client raises is told
        said = str(error).replace(host, where)
        raise StorageError(f"UmaDB cannot be opened at {where}: {said}") from (
            None if where != host else error
        )
    faults = (umadb.TransportError, umadb.AuthenticationError, umadb.CorruptionError)
    return _Translated(UmaDBDCBRecorder(client), faults), client.close


@final
class _Translated(DCBRecorder):
    """UmaDB's recorder, with the errors of its client as ours, and subscriptions that end."""

    def __init__(self, inner: DCBRecorder, faults: tuple[type[Exception], ...]) -> None:
        self._inner = inner
        self._faults = faults

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        with self._translated():
            return self._inner.append(events, condition)

    def read(
        self, query: DCBQuery | None = None, *, after: int | None = None, limit: int | None = None
    ) -> DCBReadResponse:
        with self._translated():
            return _Response(self._inner.read(query, after=after, limit=limit), self._translated)

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> DCBSubscription[Self]:
        with self._translated():
            return _Subscription(self, self._inner.subscribe(query, after=after), self._translated)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._faults as error:
            raise StorageError(f"the log cannot be reached: {error}") from error


_Translation = Callable[[], AbstractContextManager[None]]


class _Response(DCBReadResponse):
    """What is read, a batch at a time from the server."""

    def __init__(self, inner: DCBReadResponse, translated: _Translation) -> None:
        self._inner = inner
        self._translated = translated

    @property
    def head(self) -> int | None:
        with self._translated():
            return self._inner.head

    def __next__(self) -> DCBSequencedEvent:
        with self._translated():
            return next(self._inner)


class _Subscription(DCBSubscription[_Translated]):
    """A subscription that ends when it is stopped; UmaDB's own goes on waiting."""

    def __init__(self, recorder: _Translated, inner: Any, translated: _Translation) -> None:
        super().__init__(recorder)
        self._inner = inner
        self._translated = translated

    def __next__(self) -> DCBSequencedEvent:
        try:
            with self._translated():
                event: DCBSequencedEvent = next(self._inner)
                return event
        except Exception:
            if self._has_been_stopped:
                raise StopIteration from None
            raise

    def stop(self) -> None:
        super().stop()
        self._inner.stop()
        self._inner._subscription.cancel()  # noqa: SLF001 — it has no public way to end a wait
