"""What a ledger asks of its connections to PostgreSQL, and what it says where that is not so."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import psycopg
import pytest

import reps_ledger as rl
from reps_ledger.errors import Busy, ConfigurationError, StorageError
from reps_ledger.log import connect, open_recorder

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORT: Final = rl.ReportFiled(member="ana", activity="talk")
OTHERS: Final = (
    "SELECT count(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
)
TABLE: Final = "public.reps_events_tt_main"


def begun(dsn: str) -> rl.Ledger:
    """A ledger of one member."""
    ledger = rl.open(dsn)
    ledger.record(rl.MemberJoined(member="ana"), by="x")
    return ledger


def test_a_connection_that_died_is_replaced(postgres_dsn: str) -> None:
    """No call fails of connections that the server ended meanwhile."""
    with begun(postgres_dsn) as ledger, psycopg.connect(postgres_dsn, autocommit=True) as other:
        for _ in range(3):
            kill = OTHERS.replace("pid", "pg_terminate_backend(pid)", 1)
            assert other.execute(kill).fetchone() != (0,)
            while other.execute(kill).fetchone() != (0,):  # they end by and by, and others are opened
                time.sleep(0.01)
            before = ledger.position
            assert ledger.record(REPORT, by="ana").position > before


def test_no_descriptors_for_a_moment(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be told whether a connection lives, it is used, and none is lost."""
    with begun(postgres_dsn) as ledger, monkeypatch.context() as patch:

        def none_left(_: int) -> int:
            raise OSError(errno.EMFILE, "too many open files")

        patch.setattr(os, "dup", none_left)
        for _ in range(40):
            assert ledger.position == 2

        def interrupted(_: int) -> int:
            raise KeyboardInterrupt

        patch.setattr(os, "dup", interrupted)
        for _ in range(40):
            with pytest.raises(KeyboardInterrupt):
                ledger.position  # noqa: B018 — asks the server
        patch.undo()
        assert ledger.position == 2


@pytest.mark.parametrize("asks", ["record", "read"])
def test_who_holds_a_lock_is_named(postgres_dsn: str, asks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that does not come in time is `Busy`, which says who holds what."""
    monkeypatch.setattr(connect, "_LOCK_TIMEOUT", "1")
    name = "nightly dump"
    with (
        begun(postgres_dsn),
        psycopg.connect(postgres_dsn, application_name=name) as other,
        rl.open(postgres_dsn, timeout=0.2) as ledger,
    ):
        own = other.info.backend_pid
        mode = "SHARE ROW EXCLUSIVE" if asks == "record" else "ACCESS EXCLUSIVE"
        other.execute(f"LOCK TABLE {TABLE} IN {mode} MODE")
        words = rf"process {own} \({name} of .* holds reps_events_tt_main in "
        with pytest.raises(Busy, match=words) as busy:
            ledger.record(REPORT, by="ana") if asks == "record" else list(ledger.entries())
        assert re.search(r"idle in transaction, for \d+ s", str(busy.value))
        other.rollback()
        assert len(list(ledger.entries())) == 2


def test_commits_are_on_the_disk(postgres_dsn: str) -> None:
    """Where commits are not on the disk, a ledger is only read, or the address says better."""
    begun(postgres_dsn).close()
    database = urlsplit(postgres_dsn).path[1:]
    with psycopg.connect(postgres_dsn, autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{database}" SET synchronous_commit = off'.encode())
    with pytest.raises(StorageError, match="synchronous_commit is off"):
        rl.open(postgres_dsn)
    with rl.open(postgres_dsn, read_only=True) as ledger:
        assert ledger.position == 2
    with rl.open(f"{postgres_dsn}?options=-csynchronous_commit%3Don") as ledger:
        ledger.record(REPORT, by="ana")


@pytest.mark.parametrize("level", ["on", "local", "remote_write", "remote_apply"])
def test_connections_commit_as_the_first_did(postgres_dsn: str, level: str) -> None:
    """What is set stronger stays so, and what is set later to off does not reach an open ledger."""
    database = urlsplit(postgres_dsn).path[1:]
    with psycopg.connect(postgres_dsn, autocommit=True) as other:
        other.execute(f'ALTER DATABASE "{database}" SET synchronous_commit = {level}'.encode())
        recorder: Any
        recorder, close = open_recorder(postgres_dsn)
        other.execute(f'ALTER DATABASE "{database}" SET synchronous_commit = off'.encode())
    with recorder.datastore.get_connection() as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == {"synchronous_commit": level}
    close()


class Pooler:
    """A pooler as PgBouncer is: it drops what it does not know of a startup message, or refuses it."""

    def __init__(self, host: str, port: int, *, refuses: bool) -> None:
        self._server = (host, port)
        self._refuses = refuses
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(self._server) as server:
            size = int.from_bytes(client.recv(4, socket.MSG_WAITALL), "big")
            message = client.recv(size - 4, socket.MSG_WAITALL)
            if len(message) == 4:  # asks for encryption
                client.sendall(b"N")
                size = int.from_bytes(client.recv(4, socket.MSG_WAITALL), "big")
                message = client.recv(size - 4, socket.MSG_WAITALL)
            told = message[4:].split(b"\0")
            pairs = [pair for pair in zip(told[::2], told[1::2], strict=False) if pair[0]]
            if self._refuses and any(name == b"options" for name, _ in pairs):
                words = b"unsupported startup parameter in options: lock_timeout"
                fields = b"SFATAL\0C08P01\0M" + words + b"\0\0"
                client.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
                return
            kept = b"".join(b"\0".join(pair) + b"\0" for pair in pairs if pair[0] != b"options")
            startup = message[:4] + kept + b"\0"
            server.sendall((len(startup) + 4).to_bytes(4, "big") + startup)
            back = threading.Thread(target=_pass, args=(server, client), daemon=True)
            back.start()
            _pass(client, server)
            back.join(10)


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65_536):
            target.sendall(part)
        target.shutdown(socket.SHUT_RDWR)


@pytest.fixture(params=[False, True], ids=["drops", "refuses"])
def pooled(request: pytest.FixtureRequest, postgres_dsn: str) -> Iterator[str]:
    """The address of a pooler before a server, which drops settings, or refuses them."""
    parts = urlsplit(postgres_dsn)
    assert parts.hostname is not None
    assert parts.port is not None
    pooler = Pooler(parts.hostname, parts.port, refuses=request.param)
    yield postgres_dsn.replace(f":{parts.port}/", f":{pooler.port}/")
    pooler.close()


def test_a_pooler_that_keeps_settings_away_is_refused(pooled: str, postgres_dsn: str) -> None:
    """It is said plainly what is in the way, and what to do; nothing was made."""
    with pytest.raises(ConfigurationError, match=r"a pooler .* session mode"):
        rl.open(pooled)
    with psycopg.connect(postgres_dsn) as other:
        assert other.execute(f"SELECT to_regclass('{TABLE}')").fetchone() == (None,)


@pytest.mark.parametrize("timeout", [-1, float("nan"), float("inf"), 1e9])
def test_a_timeout_that_is_none(timeout: float) -> None:
    """A timeout is a number of seconds that can be waited for."""
    with pytest.raises(ConfigurationError, match="timeout is a number of seconds"):
        rl.open(None, timeout=timeout)


def test_a_timeout_where_nothing_waits() -> None:
    """Where it could mean nothing, that is said."""
    recorder, close = open_recorder(None)
    with pytest.raises(ConfigurationError, match="timeout means nothing here"):
        rl.open(recorder, timeout=1.0)
    close()
