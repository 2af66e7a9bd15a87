"""From what a user names (nothing, a path, a URL, a recorder) to an open ledger."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

import reps_ledger as rl
from processes import PATIENCE
from racers import in_threads
from reps_ledger.errors import ConfigurationError, LedgerError, StorageError
from reps_ledger.log import SQLiteRecorder, open_recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JOINED = rl.MemberJoined(member="ana")


def works(target: Any) -> None:
    """A ledger can be made there, and found again."""
    with rl.open(target) as ledger:
        last = ledger.record(JOINED, by="x").position
    with rl.open(target) as ledger:
        # What is kept declares itself first.
        names = [entry.name for entry in ledger.entries()]
        assert names[-1:] == ["member.joined"]
        assert names[:-1] == (["ledger.declared"] if last == 2 else [])
        assert [entry.fact for entry in ledger.entries()][-1:] == [JOINED]


@pytest.fixture
def unreachable() -> Iterator[str]:
    """An address at which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.mark.parametrize("target", [None, ":memory:", "sqlite://", "sqlite:///:memory:"])
def test_in_memory(target: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing, and what SQLite calls memory, is a ledger in memory: its own, and gone."""
    monkeypatch.chdir(tmp_path)
    with rl.open(target) as first, rl.open(target) as second:
        first.record(JOINED, by="x")
        assert (first.position, second.position) == (1, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", [str, Path, "sqlite:///{}".format])
def test_a_file(form: Callable[[Any], Any], sqlite_path: Path) -> None:
    """A path as text, as a ``Path`` or in a URL names the same file."""
    works(form(sqlite_path))
    assert sqlite_path.exists()


def test_a_path_relative_to_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes name a file from where the process is; a name with no slash does too."""
    monkeypatch.chdir(tmp_path)
    works("sqlite:///one.db")
    works("two.db")
    assert {path.name for path in tmp_path.glob("*.db")} == {"one.db", "two.db"}


def test_odd_names(tmp_path: Path) -> None:
    """A name with spaces, signs of URLs or another script is a name; in a URL it is quoted."""
    for name in ("a b.db", "50%.db", "what?.db", "a#b.db", "日本.db"):
        works(tmp_path / name)
        assert (tmp_path / name).exists()
    works(f"sqlite:///{tmp_path}/c%20d.db")
    assert (tmp_path / "c d.db").exists()


def test_a_path_object_is_never_a_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given as a path is one, whatever it looks like."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match="folder"):
        rl.open(Path("postgresql://somewhere/else"))


def test_a_recorder_stays_its_owners() -> None:
    """A recorder of the user's is used as it is, and is not closed with the ledger."""
    works(InMemoryDCBRecorder())
    with SQLiteRecorder(":memory:") as recorder:
        assert open_recorder(recorder)[0] is recorder
        works(recorder)
        assert recorder.head() == 1


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_postgres(postgres_dsn: str, scheme: str) -> None:
    """PostgreSQL is opened by either name of its scheme."""
    works(postgres_dsn.replace("postgresql", scheme, 1))


def test_options_of_a_url_reach_postgres(postgres_dsn: str) -> None:
    """What else a URL says is not dropped: encryption that is demanded is insisted on."""
    works(f"{postgres_dsn}?application_name=ours&connect_timeout=3")
    recorder: Any
    recorder, close = open_recorder(f"{postgres_dsn}?application_name=ours")
    with recorder.datastore.get_connection() as connection:
        shown = connection.execute("SHOW application_name").fetchone()
    close()
    assert shown == {"application_name": "ours"}
    with pytest.raises(StorageError, match="SSL"):
        rl.open(f"{postgres_dsn}?sslmode=require")


def test_no_password_is_made_up(postgres_dsn: str) -> None:
    """Without a password in the URL there is none, so that libpq looks where it always does."""
    for url, expected in ((postgres_dsn, None), (postgres_dsn.replace("@", ":s3@"), "s3")):
        recorder: Any
        recorder, close = open_recorder(url)
        assert recorder.datastore.pool.kwargs.get("password") == expected
        close()


def test_many_open_a_new_database_at_once(postgres_dsn: str) -> None:
    """Of many who open an empty database at the same time, all find the same ledger."""

    def record(number: int) -> int:
        with rl.open(postgres_dsn) as ledger:
            ledger.record(rl.MemberJoined(member=f"m{number}"), by="x")
            return number

    assert in_threads(6, record) == list(range(6))
    with rl.open(postgres_dsn) as ledger:
        names = [entry.name for entry in ledger.entries()]
        assert names == ["ledger.declared", *["member.joined"] * 6]


def test_umadb(umadb_url: str) -> None:
    """UmaDB is opened at its host and port, with or without a slash behind."""
    address = umadb_url.removeprefix("http://")
    works(f"umadb://{address}")
    with rl.open(f"umadb://{address}/") as ledger:
        assert ledger.position == 2


@pytest.mark.parametrize("target", ["mysql://h/db", "http://h", "https://h/reps.db", "file://x"])
def test_an_unknown_scheme(target: str) -> None:
    """A URL of another kind is refused, with those that there are."""
    with pytest.raises(ConfigurationError, match="sqlite:///path, postgresql://… or umadb://…"):
        rl.open(target)


@pytest.mark.parametrize("target", ["postgresql://h/db?nonsense=1", "postgresql://u@[::1/db"])
def test_a_url_that_makes_no_sense(target: str) -> None:
    """A URL that PostgreSQL cannot read is refused as a matter of configuration."""
    with pytest.raises(ConfigurationError, match="no address"):
        rl.open(target)


@pytest.mark.parametrize("target", ["umadb://", "umadb://[::1"])
def test_an_address_that_makes_no_sense(target: str) -> None:
    """An address that UmaDB cannot read is an error of ours."""
    with pytest.raises(StorageError, match="cannot be opened"):
        rl.open(target)


@pytest.mark.parametrize("target", ["postgresql://u:secret@{}/db", "umadb://{}"])
def test_an_unreachable_server(target: str, unreachable: str) -> None:
    """Where no server listens, that is told within seconds, and no password with it."""
    began = time.monotonic()
    with pytest.raises(StorageError, match="cannot be opened") as raised:
        rl.open(target.format(unreachable))
    assert time.monotonic() - began < 5
    assert "secret" not in str(raised.value)


def test_a_missing_database(postgres_dsn: str) -> None:
    """A database that does not exist is told at once, by its name."""
    with pytest.raises(StorageError, match='"nowhere" does not exist'):
        rl.open(postgres_dsn.rpartition("/")[0] + "/nowhere")


def test_a_postgres_that_goes_away(postgres_server: dict[str, Any], postgres_dsn: str) -> None:
    """A connection that the server ends is an error of ours, and the next call has another."""
    import psycopg

    with rl.open(postgres_dsn) as ledger:
        ledger.record(JOINED, by="x")
        with psycopg.connect(**postgres_server, dbname="postgres", autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [postgres_dsn.rpartition("/")[2]],
            )
        outcomes = []
        for _ in range(10):
            try:
                outcomes.append(ledger.position)
            except StorageError:
                outcomes.append(-1)
        assert outcomes[-1] == 2
        assert set(outcomes) <= {2, -1}


def test_a_umadb_that_goes_away(request: pytest.FixtureRequest) -> None:
    """A server that ended is an error of ours in whatever is asked of it."""
    import servers

    serving = servers.umadb_url.__wrapped__()  # type: ignore[attr-defined]  # it must end early
    url = next(serving)
    request.addfinalizer(serving.close)
    with rl.open(url.replace("http", "umadb")) as ledger:
        ledger.record(JOINED, by="x")
        with ledger.subscribe(after=0) as subscription:
            assert [next(subscription).fact for _ in range(2)][1] == JOINED
            serving.close()
            with pytest.raises((LedgerError, StopIteration)):
                next(subscription)
        for ask in (
            lambda: ledger.position,
            lambda: list(ledger.entries()),
            lambda: ledger.as_of().member("ana"),
            lambda: ledger.record(rl.MemberJoined(member="ben"), by="x"),
        ):
            with pytest.raises(StorageError, match="cannot be reached"):
                ask()


HIDING = """
import sys
sys.modules[{module!r}] = None
import reps_ledger as rl
assert rl.open().position == 0
try:
    rl.open({target!r})
except rl.MissingExtra as error:
    print(error.extra, str(error), sep="|")
"""


@pytest.mark.parametrize(
    ("module", "target", "extra"),
    [
        ("psycopg", "postgresql://h/db", "postgres"),
        ("psycopg_pool", "postgresql://h/db", "postgres"),
        ("umadb", "umadb://h:1", "umadb"),
        ("eventsourcing_umadb", "umadb://h:1", "umadb"),
    ],
)
def test_a_missing_extra(module: str, target: str, extra: str) -> None:
    """Where an optional part is not installed, the rest works, and the error names the extra."""
    done = subprocess.run(
        [sys.executable, "-c", HIDING.format(module=module, target=target)],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": ""},
    )
    named, words = done.stdout.strip().split("|")
    assert named == extra
    assert f"pip install 'reps-ledger[{extra}]'" in words


@pytest.mark.parametrize(("module", "target"), [("psycopg", "postgresql://h/db"), ("umadb", "umadb://h:1")])
def test_a_missing_extra_is_a_matter_of_configuration(
    module: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever catches wrong configuration catches a missing extra, with its name."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError) as raised:
        rl.open(target)
    assert isinstance(raised.value, rl.MissingExtra)
    assert target.startswith(raised.value.extra)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:PASSW0RD@127.0.0.1:1/db",
        "postgresql://u:PASSW0RD@nohost.invalid/d",
        "postgresql://u:PASSW0RD@[/db",
        "postgresql://u:PASSW0RD%zz@h/db",
        "postgresql://u:PASSW0RD@h:notaport/db",
        "postgres://u:PASSW0RD@h/db?foo=bar",
        "postgresql://h/db?password=PASSW0RD&foo=bar",
        "postgresql:/u:PASSW0RD@h/db",
        "umadb://u:PASSW0RD@127.0.0.1:1",
        "umadb:/u:PASSW0RD@127.0.0.1:1",
        "mysql://u:PASSW0RD@h/db",
        "Postgresql://u:PASSW0RD@h/db",
    ],
)
def test_no_password_is_in_any_message(url: str) -> None:
    """Whatever is wrong with an address, neither the error nor its traceback repeats its password."""
    with pytest.raises((StorageError, ConfigurationError)) as raised:
        rl.open(url)
    told = "".join(traceback.format_exception_only(raised.value))
    cause = raised.value.__cause__
    while cause is not None:
        told += str(cause)
        cause = cause.__cause__
    assert "PASSW0RD" not in told
