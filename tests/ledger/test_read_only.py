"""A ledger that is only read: it can be asked and verified wherever it lies, and nothing of it is changed."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
import pytest
from typer.testing import CliRunner

import reps_ledger as rl
from processes import PATIENCE, Program
from reps_ledger.audit import make_key
from reps_ledger.cli.app import app
from reps_ledger.log import SQLiteRecorder
from reps_ledger.log.sqlite import read_only
from reps_ledger.policies import Policy, count, facts, when

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY: Final = make_key("example.org/reps")
POLICY: Final = Policy("p", cases=[when(count(facts("report.filed")) >= 1).then("good")], otherwise="bad")
DAY: Final = date(2018, 1, 1)

KILLED: Final = """
import os, signal, sys
import reps_ledger as rl
ledger = rl.open(sys.argv[1])
ledger.record(rl.MemberJoined(member="cleo"), by="council")
os.kill(os.getpid(), signal.SIGKILL)
"""
"""Leaves a log, and memory that nobody shares any more."""

COMING_AND_GOING: Final = """
import sys, time
import reps_ledger as rl
number = 0
while True:
    with rl.open(sys.argv[1]) as ledger:
        for _ in range(5):
            number += 1
            ledger.record(rl.MemberJoined(member=f"m{number}"), by="council")
"""
"""Opens a ledger, records and closes it, over and over."""


HOLDING: Final = """
import sys
import reps_ledger as rl
with rl.open(sys.argv[1]) as ledger:
    ledger.record(rl.MemberJoined(member="eve"), by="council")
    print("open", flush=True)
    input()
    print("recorded", ledger.record(rl.MemberJoined(member="fay"), by="council").position, flush=True)
    input()
"""
"""Opens a ledger and records; told to go on, records once more."""


def filled(path: Path) -> str:
    """Make a ledger; return a checkpoint of it."""
    with rl.open(path) as ledger:
        for member in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=DAY)
        ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana", occurred_at=date(2018, 2, 1))
        return ledger.checkpoint(KEY).note


def clean(path: Path) -> int:
    """A ledger that was closed properly."""
    filled(path)
    return 4


def killed(path: Path) -> int:
    """One whose writer was killed: what it committed last is in the log alone."""
    filled(path)
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL
    assert path.with_name(f"{path.name}-wal").stat().st_size
    return 5


def copied(path: Path) -> int:
    """One that was copied with its log, without what is only memory."""
    count = killed(path)
    path.with_name(f"{path.name}-shm").unlink()
    return count


LEFT: Final[dict[str, Callable[[Path], int]]] = {"clean": clean, "killed": killed, "copied": copied}
"""How a ledger's files may have been left; each returns how many entries there are."""


def mount(*arguments: str) -> bool:
    """Mount something, where that is allowed; return whether it was."""
    command = shutil.which("mount")
    if command is None:
        return False
    return (
        subprocess.run([command, *arguments], check=False, capture_output=True, timeout=PATIENCE).returncode
        == 0
    )


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Let nothing be written in a folder: by a mount that only reads: permissions stop no root."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    if os.geteuid():
        pytest.skip("only root mounts")
    if not mount("-t", "tmpfs", "none", str(folder)):
        pytest.skip("nothing can be mounted here")
    try:
        shutil.copytree(copy, folder, dirs_exist_ok=True)
        assert mount("-o", "remount,ro", str(folder))
        yield
    finally:
        subprocess.run([shutil.which("umount") or "umount", "-l", str(folder)], check=True, timeout=PATIENCE)


@contextmanager
def ordinary(_: Path) -> Iterator[None]:
    """Leave a folder as it is."""
    yield


def state_of(folder: Path) -> list[tuple[str, int, int, int]]:
    """What lies in a folder, and when it was changed last; the folder too."""
    every = [folder, *sorted(folder.rglob("*"))]
    return [(str(path), (s := path.stat()).st_ino, s.st_size, s.st_mtime_ns) for path in every]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of its own."""
    made = tmp_path / "medium"
    made.mkdir()
    return made


@pytest.mark.parametrize("place", [ordinary, unwritable])
@pytest.mark.parametrize("left", LEFT)
def test_all_can_be_asked_and_nothing_is_written(
    folder: Path, left: str, place: Callable[[Path], AbstractContextManager[None]]
) -> None:
    """Every question has the answer that it has elsewhere; what was committed last is seen too."""
    path = folder / "reps.db"
    entries = LEFT[left](path)
    with place(folder):
        before = state_of(folder)
        with rl.open(path, read_only=True) as ledger:
            assert ledger.read_only
            assert ledger.position == len(list(ledger.entries())) == entries
            view = ledger.as_of()
            assert view.member("ana").membership.is_member
            assert len(view.roster()) == entries - 2
            assert ledger.backtest(POLICY, at=[date(2018, 12, 31)]).counts()[0]["good"] == 1
            assert ledger.columns().position == entries
            assert ledger.state().census(at=[DAY]) == view.census(at=[DAY])
            signed = ledger.checkpoint(KEY)
            assert ledger.verify(signed, KEY.verifying).ok
            assert ledger.prove(2, at=signed).size == entries
            assert ledger.audit_bundle(member="ana", checkpoint=signed)
            assert ledger.export(folder.with_name("out.jsonl")) == entries
            assert ledger.reconcile() == ()
        assert state_of(folder) == before


@pytest.mark.parametrize("kind", ["sqlite", "postgres", "umadb", "recorder"])
def test_nothing_is_recorded(kind: str, targets: Callable[[str], str], tmp_path: Path) -> None:
    """Whatever would record raises an error first that says what to do, wherever the log is."""
    target: object = targets(kind) if kind != "recorder" else SQLiteRecorder(tmp_path / "own.db")
    with rl.open(target) as ledger:  # type: ignore[arg-type]  # one of those that it takes
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=DAY)
        before = ledger.position
    with rl.open(target, read_only=True) as ledger:  # type: ignore[arg-type]  # see above
        assert ledger.as_of().member("ana").membership.is_member
        joined = rl.MemberJoined(member="ana")  # which would be refused
        for record in (
            lambda: ledger.record(joined, by="council"),
            lambda: ledger.record_all([joined], by="council"),
            lambda: ledger.record(joined, by="council", waiver="why"),
            lambda: ledger.import_history([]),
            lambda: ledger.import_as_recorded("none.jsonl"),
            lambda: ledger.declare(zone="Europe/Paris", by="council"),
            lambda: ledger.open_reviews(POLICY, by="council"),
            lambda: ledger.send_notices(POLICY, by="council"),
            lambda: ledger.decide("none", "good", "why", by="council"),
        ):
            with pytest.raises(rl.ReadOnly, match="without read_only=True"):
                record()
        assert ledger.position == before
    if isinstance(target, SQLiteRecorder):
        target.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_database_itself_refuses(kind: str, targets: Callable[[str], str]) -> None:
    """What is below says no too, should anything of ours forget to."""
    with rl.open(targets(kind)) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=DAY)
    with rl.open(targets(kind), read_only=True) as ledger:
        log = ledger._core.log
        log.read_only = False
        with pytest.raises(rl.StorageError):
            ledger.record(rl.MemberJoined(member="ben"), by="council")
        assert ledger.position == 2


def test_there_must_be_a_ledger(tmp_path: Path, postgres_dsn: str) -> None:
    """None is made to be read: not in a file, in memory, nor in a database."""
    path = tmp_path / "reps.db"
    for there in (False, True):
        if there:
            path.touch()
        with pytest.raises(rl.StorageError, match="no ledger here"):
            rl.open(path, read_only=True)
    path.write_text("milk, bread " * 100)
    with pytest.raises(rl.NotALedger):
        rl.open(path, read_only=True)
    with pytest.raises(rl.ConfigurationError, match="in memory"):
        rl.open(read_only=True)
    with pytest.raises(rl.StorageError, match="no ledger in this database"):
        rl.open(postgres_dsn, read_only=True)
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)
    assert [each.name for each in tmp_path.iterdir()] == ["reps.db"]


def test_a_journal_that_must_be_taken_back(tmp_path: Path) -> None:
    """Only who may write can do that, and it is not passed over."""
    path = tmp_path / "reps.db"
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    program = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN IMMEDIATE')\n"
        "c.execute('CREATE TABLE more (x)')\n"
        "c.executemany('INSERT INTO more VALUES (?)', [(b'x' * 4000,)] * 500); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=PATIENCE)
    assert path.with_name("reps.db-journal").stat().st_size
    before = state_of(tmp_path)
    with pytest.raises(rl.StorageError):
        rl.open(path, read_only=True)
    assert state_of(tmp_path) == before


def test_others_write_meanwhile(tmp_path: Path) -> None:
    """Who reads sees what others in this process recorded, whoever came first, and they lose nothing."""
    path = tmp_path / "reps.db"
    filled(path)
    with rl.open(path, read_only=True) as first:
        assert first.position == 4
        with rl.open(path) as writer:
            writer.record(rl.MemberJoined(member="cleo"), by="council")
            assert first.position == 5
            with rl.open(path, read_only=True) as second, second.subscribe(after=5) as coming:
                receipt = writer.record(rl.MemberJoined(member="dan"), by="council")
                assert next(coming).id == receipt.entry.id
            other = "import sys, reps_ledger as rl; rl.open(sys.argv[1]).close()"
            subprocess.run([sys.executable, "-c", other, str(path)], check=True, timeout=PATIENCE)
            assert path.with_name("reps.db-wal").exists()
            writer.record(rl.MemberJoined(member="eva"), by="council")
        assert first.position == 7
        assert [entry.position for entry in first.entries()] == [*range(1, 8)]
    assert path.with_name("reps.db-wal").exists()  # a writer's, who was not the last
    with rl.open(path) as writer:
        assert writer.position == 7
    assert sorted(each.name for each in tmp_path.iterdir()) == ["reps.db", "reps.db.tree"]


def test_a_writer_comes_to_a_file_read_without_locks(tmp_path: Path) -> None:
    """A connection that had none is closed only where this process has none to lose by that."""
    path = tmp_path / "reps.db"
    entries = copied(path)
    with rl.open(path, read_only=True) as reader:
        assert reader.position == entries
        with rl.open(path) as writer:
            assert reader.position == entries
            other = "import sys, reps_ledger as rl; rl.open(sys.argv[1]).close()"
            subprocess.run([sys.executable, "-c", other, str(path)], check=True, timeout=PATIENCE)
            assert path.with_name("reps.db-wal").exists()
            receipt = writer.record(rl.MemberJoined(member="dan"), by="council")
    with rl.open(path, read_only=True) as reader:
        assert reader.position == receipt.position == entries + 1


def reads(path: str, times: int) -> None:
    """Ask over and over, while others come and go; what is read is always whole, and never goes back.

    Until so many different positions were seen.
    """
    last, seen = 0, set[int]()
    end = time.monotonic() + PATIENCE / 2
    while len(seen) < times:
        assert time.monotonic() < end, seen
        with rl.open(path, read_only=True) as ledger:
            for _ in range(5):
                position = ledger.position
                found = [entry.position for entry in ledger.entries()]
                assert found[:position] == [*range(1, position + 1)]
                assert len(found) >= position >= last
                last = position
                seen.add(position)


@pytest.mark.parametrize("log", [b"x" * 64, b"\0" * 4096], ids=["no log", "zeros"])
def test_a_log_without_transactions_is_left(tmp_path: Path, log: bytes) -> None:
    """SQLite removes one as it closes the file; who only reads does not."""
    path = tmp_path / "reps.db"
    filled(path)
    beside = path.with_name("reps.db-wal")
    beside.write_bytes(log)
    there = {*tmp_path.iterdir()}
    with rl.open(path, read_only=True) as ledger:
        assert sum(1 for _ in ledger.entries()) == 4
    assert beside.read_bytes() == log
    assert {*tmp_path.iterdir()} == there


def test_who_reads_never_removes_the_log_of_a_writer(tmp_path: Path) -> None:
    """A log without transactions was there; before the reader is closed, a writer makes one of that name."""
    path = tmp_path / "reps.db"
    filled(path)
    path.with_name("reps.db-wal").write_bytes(b"x" * 64)
    reader = rl.open(path, read_only=True)
    with Program("-c", HOLDING, path) as writer:
        assert writer.hear() == "open"
        reader.close()
        writer.tell("on")
        assert writer.hear() == "recorded 6"
        with rl.open(path, read_only=True) as again:
            assert sum(1 for _ in again.entries()) == 6
        writer.tell("end")


def test_a_writer_that_comes_and_goes(tmp_path: Path) -> None:
    """Another process opens the ledger, records and closes it, over and over."""
    path = tmp_path / "reps.db"
    filled(path)
    with Program("-c", COMING_AND_GOING, path) as writer:
        try:
            reads(str(path), 30)
        finally:
            writer.kill()


OF_ANOTHER: Final = """
import os, sys
sys.path[:0] = sys.argv[3].split(os.pathsep)
import reps_ledger as rl
from ledger.test_read_only import reads
rl.open().as_of().member("ana")  # loads what is loaded late
os.setgid(65534); os.setuid(65534)
folder = os.path.dirname(sys.argv[1])
assert not os.access(folder, os.W_OK) and not os.access(sys.argv[1], os.W_OK)
reads(sys.argv[1], int(sys.argv[2]))
try:
    rl.open(sys.argv[1])
except rl.ReadOnly as error:
    assert "read_only=True" in str(error)
else:
    raise AssertionError
"""
"""Reads as another user, who may not write."""


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root becomes another user")
def test_another_user_who_may_only_read() -> None:
    """They read while the writer comes and goes, and leave nothing in the writer's way."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    try:
        path = folder / "reps.db"
        filled(path)
        with Program("-c", COMING_AND_GOING, path) as writer:
            try:
                arguments = [str(path), "30", os.pathsep.join(sys.path)]
                subprocess.run([sys.executable, "-c", OF_ANOTHER, *arguments], check=True, timeout=PATIENCE)
            finally:
                writer.kill()
        assert {each.stat().st_uid for each in folder.iterdir()} == {0}
    finally:
        shutil.rmtree(folder)


def test_what_was_read_without_locks_is_not_trusted_once_it_changed(tmp_path: Path) -> None:
    """Where others write while a statement reads, that is said, and asked again it is right."""
    path = tmp_path / "reps.db"
    filled(path)
    with SQLiteRecorder(path, read_only=True) as recorder:
        pool = recorder._connections
        loan = pool.reading()
        connection = loan.__enter__()
        assert isinstance(connection, read_only.ReadingConnection)
        assert connection.way == read_only.STILL
        with rl.open(path) as ledger:
            ledger.record(rl.MemberJoined(member="cleo"), by="council")
        with pytest.raises(rl.Busy, match="try again"):
            loan.__exit__(None, None, None)
        assert recorder.head() == 5


# The command line


def test_commands_that_record_nothing_read(folder: Path) -> None:
    """They need no option for that; one that records says what is wrong."""
    path = folder / "reps.db"
    note = filled(path)
    kept = folder.with_name("kept.checkpoint")
    kept.write_text(note)
    ledger = ("-l", str(path))
    with unwritable(folder):
        before = state_of(folder)
        for arguments in (
            ("show", "ana", *ledger),
            ("census", *ledger),
            ("history", *ledger),
            ("reconcile", *ledger),
            ("export", "-", *ledger),
            ("verify", str(kept), *ledger, "--key", str(KEY.verifying)),
            ("prove", "2", *ledger),
            ("state", "check", *ledger),
            ("review", "list", *ledger),
        ):
            result = CliRunner().invoke(app, list(arguments))
            assert result.exit_code == 0, (arguments, result.output)
        result = CliRunner().invoke(app, ["declare", *ledger, "--by", "council", "--in", "Europe/Paris"])
        assert result.exit_code == 3
        assert "cannot be written" in result.output
        assert state_of(folder) == before


# Modes


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_files_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    """The ledger, and all that lies beside it while it is open: those who may read it may read them too."""
    before = os.umask(umask)
    try:
        with rl.open(tmp_path / "reps.db") as ledger:
            ledger.record(rl.MemberJoined(member="ana"), by="council")
            ledger.checkpoint(KEY)
            ledger.state()
            ledger.columns()
            found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    finally:
        os.umask(before)
    keys = {name for name in found if name.startswith("key.")}
    assert len(keys) == 1
    assert {found.pop(name) for name in keys} == {0o600}
    assert found.pop("reps.db.columns") == 0o777 & ~umask
    assert {"reps.db", "reps.db-wal", "reps.db-shm", "reps.db.tree", "reps.db.state"} <= found.keys()
    assert set(found.values()) == {mode}, found
