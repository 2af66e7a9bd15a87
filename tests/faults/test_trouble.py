"""Disks that are full or broken, no file descriptors, locks held for long, servers that go."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

import reps_ledger as rl
from faults.disk import available
from faults.harness import ran
from faults.proxy import Proxy
from faulty import Faulty
from programs import start
from racers import in_threads
from reps_ledger.log import connect
from reps_ledger.log.sqlite import SQLiteRecorder
from scale import times
from servers import free_port, postgres_cluster

if TYPE_CHECKING:
    from pathlib import Path

    from faults.harness import Tell

WHOLE: Final[dict[str, list[str]]] = {"lost": [], "torn": [], "problems": []}


def whole(found: dict[str, Any]) -> dict[str, Any]:
    """What a search found wrong."""
    return {name: found[name] for name in WHOLE}


@pytest.mark.parametrize("trouble", ["full", "limited"])
def test_a_full_disk(trouble: str, tmp_path: Path, tell: Tell) -> None:
    """A typed error, nothing lost, and the same process goes on; an import is run again."""
    rounds = times(2, 25)
    found = ran("trouble", trouble, tmp_path, rounds, 1)
    tell(f"disk full, {rounds} times: {found}")
    assert whole(found) == WHOLE
    assert found["errors"] == {"StorageError": rounds, "import: StorageError": rounds}
    assert found["went on"] == rounds


@pytest.mark.skipif(not available(), reason="no VFS can be put around this Python's SQLite")
@pytest.mark.parametrize("trouble", ["io", "crowded"])
def test_a_broken_disk(tmp_path: Path, trouble: str, tell: Tell) -> None:
    """Whatever write, sync or cut fails, a typed error comes, and every command is done once."""
    deeds = times(100, 3_000)
    found = ran("trouble", trouble, tmp_path, deeds, 2)
    tell(f"{deeds:,} failing writes, syncs and cuts, {trouble}: {found}")
    assert whole(found) == WHOLE
    assert set(found["errors"]) == {"StorageError"}
    assert found["failed"]["sync"] > 0
    assert found["commands"] > 0


def test_no_file_descriptors(tmp_path: Path, tell: Tell) -> None:
    """Opening, reading and recording say so, and the same ledger goes on once there are some."""
    rounds = times(3, 50)
    found = ran("trouble", "descriptors", tmp_path, rounds, 3)
    tell(f"no file descriptors left, {rounds} times: {found}")
    assert whole(found) == WHOLE
    assert found["errors"] == {"StorageError": 3 * rounds}
    assert found["went on"] == rounds


def test_a_lock_that_is_held_for_too_long(sqlite_path: Path) -> None:
    """Who waits for longer than the timeout is told, wrote nothing, and goes on afterwards."""
    with SQLiteRecorder(sqlite_path, timeout=0.2) as recorder:
        ledger = rl.open(recorder)
        ledger.record(rl.MemberJoined(member="ana"), by="x")
        with start("lock", sqlite_path) as holder:
            assert holder.hear() == "locked"
            with pytest.raises(rl.Busy, match="nothing was written"):
                ledger.record(rl.MemberJoined(member="ben"), by="x")
            assert ledger.position == 2
            holder.end("go")
        assert ledger.record(rl.MemberJoined(member="ben"), by="x").position == 3


def test_a_table_that_is_locked_for_too_long(postgres_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on PostgreSQL: a typed error, nothing written, and it goes on."""
    monkeypatch.setattr(connect, "_LOCK_TIMEOUT", "1")
    with rl.open(postgres_dsn) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x")
        with psycopg.connect(postgres_dsn) as other:
            tables = other.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '%main%'"
            ).fetchall()
            for (name,) in tables:
                other.execute(f'LOCK TABLE "{name}" IN ACCESS EXCLUSIVE MODE')
            with pytest.raises(rl.StorageError):
                ledger.record(rl.MemberJoined(member="ben"), by="x")
        assert ledger.record(rl.MemberJoined(member="ben"), by="x").entry.fact.member == "ben"
        assert [entry.fact.member for entry in ledger.entries(after=1)] == ["ana", "ben"]


def test_a_server_that_is_restarted(tell: Tell) -> None:
    """While it is away errors are typed; afterwards the same ledger object goes on, none lost."""
    rounds, acknowledged, errors = times(2, 10), [], 0
    with postgres_cluster() as server:
        port = free_port()
        ledger = None
        for round_ in range(rounds):
            with server(port) as address:
                url = "postgresql://{user}@{host}:{port}/postgres".format(**address)
                ledger = ledger or rl.open(url)
                number, deadline = 0, time.monotonic() + 30
                while number < 10:
                    assert time.monotonic() < deadline
                    command = f"c{round_}-{number}"
                    try:
                        ledger.record(rl.MemberJoined(member=command), by="x", command_id=command)
                    except rl.StorageError:
                        errors += 1
                        continue
                    acknowledged.append(command)
                    number += 1
                assert [entry.command_id for entry in ledger.entries(after=1)] == acknowledged
            with pytest.raises(rl.StorageError):
                ledger.record(rl.MemberJoined(member="nobody"), by="x")
        assert ledger is not None
        ledger.close()
    tell(f"server stopped and started {rounds} times: {len(acknowledged)} commands, {errors} errors")


def swallowed(server: Any, database: str, member: str, drops: int) -> tuple[int, int]:
    """Record with every reply swallowed, and tell each command again; count drops and errors."""
    with Proxy(server["host"], server["port"]) as proxy:
        address = f"postgresql://postgres@127.0.0.1:{proxy.port}/{database}"
        errors = 0
        with rl.open(f"{address}?sslmode=disable&gssencmode=disable") as ledger:
            for number in range(drops):
                fact = rl.ReportFiled(member=member, activity=f"a{number}")
                command = f"{member}-{number}"
                proxy.dropping = True
                try:
                    receipt = ledger.record(fact, by=member, command_id=command)
                except rl.StorageError:
                    errors += 1
                    receipt = ledger.record(fact, by=member, command_id=command)
                assert receipt.entry.fact == fact
                assert not proxy.dropping
        return proxy.dropped, errors


def test_replies_that_are_lost(postgres_server: Any, postgres_dsn: str, tell: Tell) -> None:
    """Of a commit whose reply is cut off nothing is doubled: the command is told again."""
    drops = times(10, 1_250)
    members = [f"m{number}" for number in range(times(2, 8))]
    with rl.open(postgres_dsn) as ledger:
        ledger.record_all([rl.MemberJoined(member=member) for member in members], by="x")
        name = postgres_dsn.rsplit("/", 1)[1]
        found = in_threads(len(members), lambda n: swallowed(postgres_server, name, members[n], drops))
        dropped, errors = (sum(each) for each in zip(*found, strict=True))
        reports = Counter(
            (entry.fact.member, entry.fact.activity) for entry in ledger.entries(after=1 + len(members))
        )
    tell(
        f"{dropped:,} replies to a commit lost on PostgreSQL: {errors:,} errors told, "
        f"{reports.total():,} reports of {drops * len(members):,} commands"
    )
    assert dropped == drops * len(members)
    assert reports == {(member, f"a{n}"): 1 for member in members for n in range(drops)}


def test_replies_that_are_lost_on_sqlite(sqlite_path: Path, tell: Tell) -> None:
    """The same where an error comes after the commit: told again, it is there once."""
    drops = times(200, 10_000)

    def lost() -> None:
        raise rl.StorageError("the reply was lost")

    with SQLiteRecorder(sqlite_path) as recorder:
        rl.open(recorder).record(rl.MemberJoined(member="ana"), by="x")
        ledger = rl.open(Faulty(recorder, after={("append", 0): lost}))
        for number in range(drops):
            fact = rl.ReportFiled(member="ana", activity=f"a{number}")
            with pytest.raises(rl.StorageError):
                ledger.record(fact, by="ana", command_id=f"c{number}")
            assert ledger.record(fact, by="ana", command_id=f"c{number}").repeated
        reports = [entry.fact.activity for entry in rl.open(recorder).entries(after=2)]
    tell(f"{drops:,} replies lost on SQLite: {len(reports):,} reports")
    assert reports == [f"a{number}" for number in range(drops)]
