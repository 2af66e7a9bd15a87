"""The documented way to back up a ledger in PostgreSQL, run as the page has it, while others record."""

from __future__ import annotations

import shlex
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

import reps_ledger as rl
from processes import PATIENCE
from reps_ledger.audit import make_key
from reps_ledger.log.postgres import apply_roles
from servers import new_database, postgres_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reps_ledger.log.storage import Stored

KEY: Final = make_key("example.org/reps")
SOURCE, TARGET = "postgresql://localhost/reps", "postgresql://localhost/again"
PAGE: Final = Path(__file__).parents[2] / "docs" / "backup.md"


def run_as_documented(program: str, places: dict[str, object]) -> None:
    """Run a program with the arguments that the page gives it, but for places."""
    page = PAGE.read_text(encoding="utf-8")
    (line,) = (each for each in page.splitlines() if each.startswith(f"{program} "))
    for written, place in places.items():
        assert written in line
        line = line.replace(written, str(place))
    postgres_program(*shlex.split(line))


def stored(ledger: rl.Ledger) -> list[Stored]:
    """All that a ledger has, as it is stored."""
    return list(ledger._core.log.stored())


@pytest.fixture
def again(postgres_server: dict[str, Any]) -> Iterator[str]:
    """Another database, which is empty."""
    with new_database(postgres_server) as dsn:
        yield dsn


def test_dump_and_restore_while_others_record(postgres_dsn: str, again: str, tmp_path: Path) -> None:
    """The dump has all that was acknowledged before, is the beginning of the log, and is a ledger again."""
    dump = tmp_path / "reps.dump"
    acknowledged: list[int] = []
    stop = threading.Event()

    def record(name: str) -> None:
        number = 0
        with rl.open(postgres_dsn) as own:
            while not stop.is_set():
                number += 1
                acknowledged.append(own.record(rl.MemberJoined(member=f"{name}{number}"), by="x").position)

    with rl.open(postgres_dsn) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", command_id="c1")
        kept = ledger.checkpoint(KEY)
        writers = [threading.Thread(target=record, args=(name,)) for name in "ab"]
        for writer in writers:
            writer.start()
        try:
            while len(acknowledged) < 20:
                assert all(writer.is_alive() for writer in writers)
                stop.wait(0.01)
            before = max(acknowledged)
            run_as_documented("pg_dump", {SOURCE: postgres_dsn, "reps.dump": dump})
            after = ledger.position
        finally:
            stop.set()
            for writer in writers:
                writer.join(PATIENCE)
        log = stored(ledger)
    run_as_documented("pg_restore", {TARGET: again, "reps.dump": dump})
    with rl.open(again) as restored:
        assert before <= restored.position <= after
        found = stored(restored)
        assert found == log[: len(found)]
        assert restored.verify(kept, KEY.verifying).ok
        assert restored.record(rl.MemberJoined(member="ana"), by="council", command_id="c1").repeated
        assert restored.record(rl.MemberJoined(member="new"), by="council").position > restored.position - 2
        assert restored.verify(kept, KEY.verifying).ok
        assert restored.as_of().member("new").membership.is_member
    with psycopg.connect(again) as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("DELETE FROM reps_events_tt_main")


def test_roles_are_made_once_more(postgres_dsn: str, again: str, tmp_path: Path) -> None:
    """Who may do what is not in the dump, and is made again where it is restored."""
    dump = tmp_path / "reps.dump"
    names = ("kept_writer", "kept_reader")
    with rl.open(postgres_dsn) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
    apply_roles(postgres_dsn, *names)
    try:
        run_as_documented("pg_dump", {SOURCE: postgres_dsn, "reps.dump": dump})
        run_as_documented("pg_restore", {TARGET: again, "reps.dump": dump})
        for made in (False, True):
            with psycopg.connect(again) as connection:
                rights = connection.execute(
                    "SELECT has_table_privilege(%s, 'reps_events_tt_main', 'SELECT')", [names[1]]
                ).fetchone()
            assert rights == (made,)
            apply_roles(again, *names)
        with rl.open(again) as restored:
            assert restored.record(rl.MemberJoined(member="ben"), by="council").position == 3
    finally:
        for dsn in (postgres_dsn, again):
            with psycopg.connect(dsn) as connection:
                for name in names:
                    connection.execute(f"DROP OWNED BY {name} CASCADE")
        with psycopg.connect(postgres_dsn) as connection:
            for name in names:
                connection.execute(f"DROP ROLE {name}")
