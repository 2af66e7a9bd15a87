"""What we did not make is left as it is, whatever path is named, and by whichever command or call."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing, nullcontext, suppress
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

import reps_ledger as rl
from processes import PATIENCE
from reps_ledger import files
from reps_ledger.audit import SigningKey, make_key
from reps_ledger.cli.app import app
from reps_ledger.errors import LedgerError, PathTaken, StorageError
from reps_ledger.files import may_be_written, output_file
from reps_ledger.log.sqlite import SQLiteDCBFactory
from reps_ledger.policies import Policy, count, facts, save, when
from reps_ledger.policies.charter import Charter, save_charter
from reps_ledger.replay import export_parts
from reps_ledger.testing import Situation, save_case
from reps_ledger.testing.history import History
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY: Final = make_key("example.org/reps")
POLICY: Final = Policy("p", cases=[when(count(facts("report.filed")) >= 1).then("good")], otherwise="bad")
SPECIAL: Final = (
    *(
        "reps.db",
        "reps.db-wal",
        "reps.db-shm",
        "reps.db.tree",
        "reps.db.state",
        "reps.db.columns",
        "reps.key",
    ),
    *("reps.db.columns/manifest.json", "reps.db.columns/new", "key-file", "to-ledger", "to-key", "to-wal"),
    *("hard-ledger", "hard-wal", "hard-shm", "hard-key", "reps.db-journal", "reps.db.views", "reps.db-WAL"),
    *("reps.db.tree-journal", "reps.db.state-wal", "./folder/../reps.db"),
)
"""Paths of what is never written over."""
PLAIN: Final = ("thesis.txt", "to-thesis", "hard-thesis", "other.db", "empty")
"""Paths of what is written over by who says so."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an open ledger, all that lies beside one, keys, links to them, and files of others."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REPS_LEDGER", raising=False)
    with rl.open("reps.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
        Path("kept.checkpoint").write_text(ledger.checkpoint(KEY).note)
        ledger.state()
        ledger.columns()
        Path("reps.key").write_text(f"{KEY.text}\n")
        Path("reps.key").chmod(0o600)
        (tmp_path / "key-file").symlink_to(next(Path("reps.db.columns").glob("key.*")))
        for name, target in (("ledger", "reps.db"), ("key", "reps.key"), ("wal", "reps.db-wal")):
            Path(f"to-{name}").symlink_to(target)
            os.link(target, f"hard-{name}")
        os.link("reps.db-shm", "hard-shm")
        Path("thesis.txt").write_text("precious")
        Path("to-thesis").symlink_to("thesis.txt")
        os.link("thesis.txt", "hard-thesis")
        Path("empty").touch()
        with closing(sqlite3.connect("other.db")) as connection:
            connection.execute("CREATE TABLE notes (text)")
            connection.commit()
        Path("folder").mkdir()
        Path("folder/photo.jpg").write_text("precious")
        yield tmp_path


def everything(folder: Path) -> dict[str, str]:
    """What lies in a folder: names, kinds and contents."""
    command = [sys.executable, "-I", "-c", _HASHING, str(folder)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
    found: dict[str, str] = json.loads(done.stdout)
    return found


# In another process, as whoever closes a ledger's file loses the locks that they have on it.
_HASHING: Final = """
import hashlib, json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
found = {
    str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    for path in sorted(folder.rglob("*"))
}
print(json.dumps(found))
"""


class Writer(Protocol):
    """Writes a file that a user names."""

    def __call__(self, _: rl.Ledger, path: str, /, *, replace: bool) -> object:
        """Write it."""


WRITERS: Final[dict[str, Writer]] = {
    "export": lambda ledger, path, *, replace: ledger.export(path, replace=replace),
    "policy": lambda _, path, *, replace: save(POLICY, path, replace=replace),
    "charter": lambda _, path, *, replace: save_charter(
        Charter(name="c", version="1", policies=[POLICY]), path, replace=replace
    ),
    "case": lambda _, path, *, replace: save_case(
        Situation(history=History(()), who="ana", at=datetime(2018, 1, 1, tzinfo=UTC)), path, replace=replace
    ),
    "backtest": lambda ledger, path, *, replace: ledger.backtest(POLICY, at=[date(2019, 1, 1)]).write(
        path, replace=replace
    ),
    "sweep": lambda ledger, path, *, replace: ledger.sweep(
        lambda n: evolve(POLICY, name=f"p{n}"), {"n": [1]}, at=[date(2019, 1, 1)]
    ).write(path, replace=replace),
}
"""Every call that writes a file that a user names."""


@pytest.mark.parametrize("writer", WRITERS)
def test_no_call_writes_over_what_is_not_ours(here: Path, writer: str) -> None:
    """Refused, whatever is said, or until it is said that a plain file is to be replaced; nothing changes."""
    write = WRITERS[writer]
    with rl.open("reps.db") as ledger:
        ledger.columns()
        before = everything(here)
        for path in (*SPECIAL, "kept.checkpoint"):
            for replace in (False, True):
                with pytest.raises(PathTaken, match="name another file"):
                    write(ledger, path, replace=replace)
        for path in PLAIN:
            with pytest.raises(PathTaken, match=r"replace=True, --replace"):
                write(ledger, path, replace=False)
        assert everything(here) == before
        write(ledger, "new", replace=False)
        with pytest.raises(PathTaken, match="is there already"):
            write(ledger, "new", replace=False)
        write(ledger, "new", replace=True)
        write(ledger, "to-thesis", replace=True)
        assert Path("thesis.txt").read_bytes() != b"precious"
        assert Path("hard-thesis").read_text() == "precious"


def run(*arguments: str) -> int:
    """Run a command; return its exit code."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code


COMMANDS: Final = {
    "checkpoint": ("checkpoint", "-l", "reps.db", "--key", "reps.key", "--out"),
    "bundle": ("bundle", "-l", "reps.db", "--member", "ana", "--key", "reps.key"),
    "export": ("export", "-l", "reps.db"),
    "quarantine": ("import", "-l", "reps.db", "rows.jsonl", "--quarantine"),
    "backtest": ("backtest", "p.toml", "-l", "reps.db", "--from", "2018", "--to", "2018", "--out"),
    "sweep": ("sweep", "t.toml", "-l", "reps.db", "--from", "2018", "--to", "2018", "--set", "n=1", "--out"),
    "make-key": ("make-key", "example.org/other"),
}
"""Every command that writes a file; its path comes last."""


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_writes_over_what_is_not_ours(here: Path, command: str) -> None:
    """The same on the command line, which ends with 2; also for what is read by the same command."""
    arguments = COMMANDS[command]
    Path("rows.jsonl").write_text('{"fact": "member.joined", "member": "ben", "occurred_at": "2018-01-01"}\n')
    save(POLICY, "p.toml")
    Path("t.toml").write_text(Path("p.toml").read_text().replace("= 1", '= "$n"'))
    again = () if command == "make-key" else ("--replace",)
    over = set() if command == "checkpoint" else {"kept.checkpoint"}
    inputs = {"backtest": "p.toml", "sweep": "t.toml", "quarantine": "rows.jsonl"}
    before = everything(here)
    for path in (*SPECIAL[::4], *over):
        assert run(*arguments, path, *again) == 2
    for path in (*PLAIN, *inputs.values()):
        assert run(*arguments, path) == 2
    if command in inputs:
        assert run(*arguments, inputs[command], *again) == 2
        os.link(inputs[command], "same")
        assert run(*arguments, "same", *again) == 2
        Path("same").unlink()
    assert everything(here) == before
    assert run(*arguments, "new") == 0
    assert run(*arguments, "new") == 2
    if again:
        assert run(*arguments, "new", *again) == 0
        assert run(*arguments, "thesis.txt", *again) == 0
    assert Path("hard-thesis").read_text() == "precious"


def test_a_checkpoint_takes_the_place_of_an_older_one(here: Path) -> None:
    """By who says so: it is what a job does every night. Nothing else takes that place."""
    out = (*COMMANDS["checkpoint"], "kept.checkpoint")
    with rl.open("reps.db") as ledger:
        ledger.record(rl.MemberJoined(member="ben"), by="council")
    before = (here / "kept.checkpoint").read_bytes()
    assert run(*out) == 2
    assert (here / "kept.checkpoint").read_bytes() == before
    assert run(*out, "--replace") == 0
    assert (here / "kept.checkpoint").read_bytes() != before
    assert run(*out[:-1], "both", "--state", "both") == 2
    assert not (here / "both").exists()


CACHES: Final[dict[str, Callable[[rl.Ledger, str], object]]] = {
    "tree": lambda ledger, path: ledger.checkpoint(KEY, state=path),
    "proof": lambda ledger, path: ledger.prove(1, state=path),
    "consistency": lambda ledger, path: ledger.prove_consistency(1, state=path),
    "bundle": lambda ledger, path: ledger.audit_bundle(member="ana", key=KEY, state=path),
    "state": lambda ledger, path: ledger.state(path=path).close(),
    "columns": lambda ledger, path: ledger.columns(folder=path),
    "parts": lambda ledger, path: export_parts(ledger.columns(), path, 2),
}
"""Every call that keeps something where a user says."""

OWN: Final = {
    **dict.fromkeys(("tree", "proof", "consistency", "bundle"), "reps.db.tree"),
    "state": "reps.db.state",
    "columns": "reps.db.columns",
}


@pytest.mark.parametrize("cache", CACHES)
def test_no_cache_is_kept_over_what_is_not_ours(here: Path, cache: str) -> None:
    """Only in a new place, or in one with its own mark; and another's folder is no place."""
    keep = CACHES[cache]
    os.mkfifo("pipe")
    Path("web").mkdir()
    Path("web/manifest.json").write_text('{"name": "a page"}')
    Path("web/parts.json").write_text('{"name": "a page"}')
    places = {*SPECIAL, *PLAIN, "kept.checkpoint", "pipe", "web", "folder"} - {OWN.get(cache, "")}
    places -= {"empty"} if cache not in {"columns", "parts"} else set()
    with rl.open("reps.db") as ledger:
        ledger.columns()
        before = everything(here)
        for path in sorted(places):
            with pytest.raises(PathTaken, match=r"name a(nother|new| new) (file|folder)"):
                keep(ledger, path)
        assert everything(here) == before
        for _ in range(2):
            keep(ledger, "new")
        keep(ledger, OWN.get(cache, "new"))


def test_a_strangers_files_beside_a_ledger_stay(tmp_path: Path) -> None:
    """Also where a cache would lie: it is not kept there, or that is said."""
    (tmp_path / "l.db.columns").mkdir()
    (tmp_path / "l.db.columns" / "manifest.json").write_text("precious")
    (tmp_path / "l.db.tree").write_text("├── precious")
    (tmp_path / "l.db.state").write_text("precious")
    with rl.open(tmp_path / "l.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        assert ledger.columns().people == ("ana",)
        with pytest.raises(PathTaken, match="no cache of a tree"):
            ledger.checkpoint(KEY)
        with pytest.raises(PathTaken, match="no file of tables of state"):
            ledger.state()
    assert (tmp_path / "l.db.columns" / "manifest.json").read_text() == "precious"
    assert (tmp_path / "l.db.tree").read_text() == "├── precious"
    assert (tmp_path / "l.db.state").read_text() == "precious"


@pytest.mark.parametrize(
    "suffix", ["-wal", "-journal", "-shm", ".tree", ".state", ".columns", ".tree-journal"]
)
def test_no_ledger_is_made_in_a_place_beside_one(tmp_path: Path, suffix: str) -> None:
    """SQLite would take it for its own, and the ledger would be lost."""
    with rl.open(tmp_path / "l.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
    with pytest.raises(StorageError, match="kept for what lies beside"):
        rl.open(tmp_path / f"l.db{suffix}")
    with rl.open(tmp_path / "l.db") as ledger:
        assert ledger.position == 2


def test_views_of_the_library_are_not_kept_in_a_ledger(here: Path) -> None:
    """The library would make its tables in whatever database is named for its views."""
    before = (here / "reps.db").read_bytes()
    for name in ("reps.db", "to-ledger", "reps.db.state", "reps.db-wal", "thesis.txt"):
        env = {"SQLITE_DBNAME": "reps.db", "SQLITE_VIEWS_DBNAME": name}
        with pytest.raises(LedgerError, match="name another file"):
            SQLiteDCBFactory(env).aggregate_recorder()
    assert (here / "reps.db").read_bytes() == before
    factory = SQLiteDCBFactory({"SQLITE_DBNAME": "reps.db"})
    for _ in range(2):
        factory.aggregate_recorder()
    factory.close()


TOUCHES: Final[dict[str, Callable[[rl.Ledger], object]]] = {
    "opened again": lambda _: rl.open("reps.db").close(),
    "exported onto": lambda ledger: ledger.export("reps.db", replace=True),
    "exported onto by another name": lambda ledger: ledger.export("hard-ledger", replace=True),
    "exported onto its memory": lambda ledger: ledger.export("reps.db-shm", replace=True),
    "exported onto its memory by another name": lambda ledger: ledger.export("hard-shm", replace=True),
    "imported": lambda ledger: ledger.import_history("reps.db"),
    "signed": lambda ledger: ledger.checkpoint(KEY),
    "signed with a cache there": lambda ledger: ledger.checkpoint(KEY, state="reps.db"),
    "in tables": lambda ledger: ledger.state().close(),
    "in tables there": lambda ledger: ledger.state(path="reps.db"),
    "in columns": lambda ledger: ledger.columns(),
}
"""What a process may do with a ledger that it has open."""


@pytest.mark.parametrize("touch", TOUCHES)
@pytest.mark.usefixtures("here")
def test_looking_at_a_ledger_gives_up_no_lock(touch: str) -> None:
    """Another process that closes the ledger then leaves the log that this one commits to.

    Where a process closes any file by which it read the ledger, it loses its locks (POSIX), and entries that
    were acknowledged were lost.
    """
    with rl.open("reps.db") as ledger:
        with suppress(LedgerError):
            TOUCHES[touch](ledger)
        other = "import reps_ledger as rl; rl.open('reps.db').close()"
        subprocess.run([sys.executable, "-c", other], check=True, timeout=PATIENCE)
        assert Path("reps.db-wal").exists()
        receipt = ledger.record(rl.MemberJoined(member="ben"), by="council")
        other = "import reps_ledger as rl; print(rl.open('reps.db').position)"
        found = subprocess.run(
            [sys.executable, "-c", other], capture_output=True, check=True, timeout=PATIENCE
        )
        assert int(found.stdout) == receipt.position


# Pipes, devices, and files that are open already


def test_a_pipe_and_a_device_are_written_to(here: Path) -> None:
    """Nothing is lost by that: they are no files."""
    os.mkfifo("pipe")
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(Path("pipe").read_text()))
    reader.start()
    with rl.open("reps.db") as ledger:
        ledger.export("pipe")
        reader.join(timeout=PATIENCE)
        assert '"member":"ana"' in found[0]
        assert ledger.export("/dev/null") == 2
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert (here / "reps.db").exists()


PROGRAM: Final = (sys.executable, "-c", "from reps_ledger.cli import main; main()")


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell, in which ``$R`` is the command line."""
    line = command.replace("$R", '"$@"')
    return subprocess.run(
        ["/bin/sh", "-c", line, "sh", *PROGRAM], capture_output=True, text=True, check=False, timeout=PATIENCE
    )


@pytest.mark.parametrize("out", ["/dev/stdout", "to-stdout"])
def test_standard_output_of_a_command(here: Path, out: str) -> None:
    """By its path it is written to, where it is a pipe or a new file; but no ledger is appended to."""
    Path("to-stdout").symlink_to("/dev/stdout")
    note = Path("kept.checkpoint").read_text()
    command = f"$R checkpoint -l reps.db --key reps.key --out {out}"
    assert shell(f"{command} | cat").stdout == note
    before = everything(here)
    assert shell(f"{command} >> reps.db").returncode == 2
    assert everything(here) == before


@pytest.mark.parametrize("name", ["/dev/fd/{}", "/proc/self/fd/{}", "link"])
def test_an_open_file_by_its_path(here: Path, name: str) -> None:
    """Whoever opened it said where to write: at its end, for example. A ledger is refused all the same."""
    for own in ("thesis.txt", "new", *SPECIAL[:4], "reps.key"):
        with Path(own).open("ab") as opened:
            path = name.format(opened.fileno())
            if path == "link":
                Path(path).unlink(missing_ok=True)
                Path(path).symlink_to(f"/dev/fd/{opened.fileno()}")
            before = everything(here)
            if own in SPECIAL:
                with pytest.raises(PathTaken), output_file(path) as file:
                    file.write(b", ours")
                with rl.open("reps.db") as ledger, pytest.raises(PathTaken):
                    ledger.export(opened)
                assert everything(here) == before
            else:
                with output_file(path) as file:
                    file.write(b", ours")
    assert (Path("thesis.txt").read_text(), Path("new").read_text()) == ("precious, ours", ", ours")


# Races


def test_a_file_that_appears_meanwhile_stays(here: Path) -> None:
    """Between the check and the end of the writing anything may happen, and nothing of others is lost."""

    def appears(make: Callable[[], object], *, replace: bool) -> None:
        Path("out").unlink(missing_ok=True)
        with output_file("out", replace=replace) as file:
            file.write(b"ours")
            make()

    before = everything(here)
    with pytest.raises(PathTaken, match=r"appeared while|is there already"):
        appears(lambda: Path("out").write_text("theirs"), replace=False)
    assert Path("out").read_text() == "theirs"
    for special in ("reps.db", "reps.key"):
        with pytest.raises(PathTaken, match="name another file"):
            appears(partial(shutil.copy, special, "out"), replace=True)
        assert Path("out").read_bytes() == Path(special).read_bytes()
    Path("out").unlink()
    assert everything(here) == before


def test_of_many_writers_of_one_new_file_one_wins(tmp_path: Path) -> None:
    """The others are told, and the file is whole."""
    told: list[bool] = []
    ready = threading.Barrier(8)

    def work(number: int) -> None:
        try:
            with output_file(tmp_path / "out") as file:
                file.write(bytes([number]) * 10_000)
                ready.wait(PATIENCE)
        except PathTaken:
            told.append(False)
        else:
            told.append(True)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for each in workers:
        each.start()
    for each in workers:
        each.join(PATIENCE)
    assert sorted(told) == [False] * 7 + [True]
    content = (tmp_path / "out").read_bytes()
    assert len(content) == 10_000
    assert len(set(content)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new file is written all the same, and one that is there is not written over."""

    def no_links(*_: object, **__: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    with output_file(tmp_path / "out") as file:
        file.write(b"ours")
    assert (tmp_path / "out").read_bytes() == b"ours"

    def late() -> None:
        with output_file(tmp_path / "late") as file:
            file.write(b"ours")
            (tmp_path / "late").write_bytes(b"theirs")

    with pytest.raises(PathTaken):
        late()
    assert (tmp_path / "late").read_bytes() == b"theirs"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["late", "out"]


# Odd paths


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", StorageError),
        (".", StorageError),
        ("folder", StorageError),
        ("no/such/folder", StorageError),
        ("~/out", StorageError),
        ("thesis.txt/below", StorageError),
        ("a\0b", StorageError),
        ("n" * 300, StorageError),
        ("loop", (StorageError, PathTaken)),
    ],
)
def test_what_is_no_place_for_a_file(here: Path, path: str, error: type[LedgerError]) -> None:
    """A clear error, and nothing is made. A tilde is a name: shells know whose home it means."""
    Path("loop").symlink_to("loop")
    before = sorted(each.name for each in here.iterdir())
    for replace in (False, True):
        with pytest.raises(error), output_file(path, replace=replace) as file:
            file.write(b"ours")
    assert sorted(each.name for each in here.iterdir()) == before


def test_a_disk_is_not_written_to(tmp_path: Path) -> None:
    """A block device is somebody's file system."""
    disk = tmp_path / "disk"
    try:
        os.mknod(disk, stat.S_IFBLK | 0o600, os.makedev(7, 250))
    except PermissionError:
        pytest.skip("only root makes a block device")
    with pytest.raises(PathTaken, match="is a disk"):
        may_be_written(disk, replace=True)


def test_a_secret_file_is_its_owners_from_its_first_byte(tmp_path: Path) -> None:
    """Whatever the umask says."""
    before = os.umask(0)
    try:
        with output_file(tmp_path / "key", secret=True) as file:
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
            file.write(KEY.text.encode())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert SigningKey.parse((tmp_path / "key").read_text()) == KEY


def test_marks_are_those_that_are_written(tmp_path: Path) -> None:
    """The guard knows each of them by what the code that makes it writes."""
    assert KEY.text.encode().startswith(files._SIGNING_KEY)
    with rl.open(tmp_path / "l.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.checkpoint(KEY)
        ledger.state()
        ledger.columns()
    assert files.mark_of(tmp_path / "l.db") == files.LEDGER_MARK
    assert files.mark_of(tmp_path / "l.db.tree") == files.TREE_MARK
    assert files.mark_of(tmp_path / "l.db.state") == files.STATE_MARK
    assert files.holds_columns(tmp_path / "l.db.columns")


@examples(0.5)
@example(content=b"PRIVATE+KEY+", replace=True, prefix=b"")
@given(
    content=st.binary(max_size=200),
    replace=st.booleans(),
    prefix=st.sampled_from([b"", b"SQLite format 3\0"]),
)
def test_no_plain_file_is_lost_unasked(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, replace: bool, prefix: bytes
) -> None:
    """Whatever is in it: it stays, or whoever said that it is to be replaced has the new one."""
    path = tmp_path_factory.mktemp("plain") / "file"
    path.write_bytes(prefix + content)
    is_key = (prefix + content).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"PRIVATE+KEY+")
    taken = not replace or is_key or files._is_of_sqlite(prefix + content)
    with pytest.raises(PathTaken) if taken else nullcontext(), output_file(path, replace=replace) as file:
        file.write(b"ours")
    assert path.read_bytes() == (prefix + content if taken else b"ours")
