"""Tables, indexes, triggers and functions are those that were made, or nothing is recorded and it is said."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Final

import psycopg
import pytest
from typer.testing import CliRunner

import reps_ledger as rl
from reps_ledger.audit import make_key
from reps_ledger.cli.app import app
from reps_ledger.errors import Altered, Damaged
from reps_ledger.log.postgres.roles import EVENTS, TAGS, roles_sql

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KEY: Final = make_key("example.org/reps")
VOUCH: Final = rl.Vouched(member="ana", voucher="ben", reason="honest")

SWALLOWS: Final = (
    "CREATE TRIGGER zz_ev BEFORE INSERT ON events WHEN NEW.type = 'vouch.given' "
    "BEGIN SELECT RAISE(IGNORE); END;"
    "CREATE TRIGGER zz_tg BEFORE INSERT ON tags WHEN NEW.type = 'vouch.given' "
    "BEGIN SELECT RAISE(IGNORE); END"
)
REWRITES: Final = """
CREATE TRIGGER zz BEFORE INSERT ON events
WHEN NEW.type = 'vouch.given' AND instr(CAST(NEW.data AS TEXT), 'honest') > 0 BEGIN
    INSERT INTO events VALUES (
        NEW.position, NEW.type, CAST(replace(CAST(NEW.data AS TEXT), 'honest', 'forged') AS BLOB), NEW.tags
    );
    SELECT RAISE(IGNORE);
END
"""
HIDES: Final = (
    "CREATE TRIGGER zz BEFORE INSERT ON tags WHEN NEW.tag = 'member:ana' AND NEW.type = 'vouch.given' "
    "BEGIN SELECT RAISE(IGNORE); END"
)
ON_FILES: Final = {
    "swallows": (SWALLOWS, ["the trigger zz_ev is foreign", "the trigger zz_tg is foreign"]),
    "rewrites": (REWRITES, ["the trigger zz is foreign"]),
    "hides": (HIDES, ["the trigger zz is foreign"]),
    "dropped guard": ("DROP TRIGGER events_stay", ["events_stay is missing"]),
    "emptied guard": (
        "DROP TRIGGER tags_true; CREATE TRIGGER tags_true BEFORE INSERT ON tags BEGIN SELECT 1; END",
        ["tags_true is changed"],
    ),
    "dropped index": ("DROP INDEX events_by_type", ["events_by_type is missing"]),
    "foreign index": ("CREATE UNIQUE INDEX once ON tags (tag, type)", ["the index once is foreign"]),
}
"""What is done to a file, and what is found."""


def sql(path: Path, statements: str) -> None:
    """Do something to a ledger's file behind its back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(statements)


def filled(target: object) -> rl.Ledger:
    """Open a ledger of two people, one of whom reported something."""
    ledger = rl.open(target)  # type: ignore[arg-type]  # a path or an address
    ledger.record_all([rl.MemberJoined(member=who) for who in ("ana", "ben", "cleo")], by="council")
    return ledger


@pytest.fixture
def file(sqlite_path: Path) -> Path:
    """A ledger's file, closed."""
    filled(sqlite_path).close()
    return sqlite_path


@pytest.mark.parametrize("what", [name for name in ON_FILES if name != "foreign index"])
def test_what_was_done_to_a_file_is_found_and_put_right(file: Path, what: str) -> None:
    """It is not opened to be recorded in; it can be read and judged; and repaired, on request."""
    statements, found = ON_FILES[what]
    sql(file, statements)
    with pytest.raises(Altered) as raised:
        rl.open(file)
    assert all(words in str(raised.value) for words in found)
    assert "repair" in str(raised.value)
    with rl.open(file, read_only=True) as ledger:
        assert [each.words for each in ledger.check() if each.code == "database"] == found
        assert ledger.as_of().member("ana").membership.is_member
    assert len(rl.repair(file)) >= len(found)
    assert rl.repair(file) == []
    with rl.open(file) as ledger:
        ledger.record(VOUCH, by="ben")
        assert ledger.check() == ()


def test_a_foreign_index_is_found_too(sqlite_path: Path) -> None:
    """One that would refuse later entries may lie there long before it does."""
    rl.open(sqlite_path).close()
    sql(sqlite_path, ON_FILES["foreign index"][0])
    with pytest.raises(Altered, match="the index once is foreign"):
        rl.open(sqlite_path)
    assert rl.repair(sqlite_path) == ["removed the index once"]
    filled(sqlite_path).close()


@pytest.mark.parametrize("what", ["swallows", "rewrites", "hides"])
@pytest.mark.parametrize("many", [False, True], ids=["few", "many"])
def test_what_is_planted_while_it_is_open_gives_no_receipt(sqlite_path: Path, what: str, many: bool) -> None:
    """What was inserted is read back before it is acknowledged: nothing is half there, nothing is signed."""
    with filled(sqlite_path) as ledger:
        before = ledger.position
        sql(sqlite_path, ON_FILES[what][0])
        facts: list[rl.Fact] = [VOUCH]
        if many:
            facts += [rl.ReportFiled(member="cleo", activity=f"a{number}") for number in range(200)]
        with pytest.raises(Altered, match="is foreign"):
            ledger.record_all(facts, by="ben")
        assert ledger.position == before
        with pytest.raises(Altered):
            ledger.checkpoint(KEY)
        assert [found.words for found in ledger.check() if found.code == "database"] == ON_FILES[what][1]
    rl.repair(sqlite_path)
    with rl.open(sqlite_path) as ledger:
        assert ledger.record_all(facts, by="ben").position == before + len(facts)


def test_a_table_that_was_changed_cannot_be_put_right(file: Path) -> None:
    """Only a backup can; the error says so, and nothing was done."""
    sql(file, "ALTER TABLE events ADD COLUMN more TEXT; DROP TRIGGER events_stay")
    before = file.read_bytes()
    for attempt in (rl.open, rl.repair):
        with pytest.raises(Damaged, match=r"events is (changed|not as a ledger's)"):
            attempt(file)
    assert file.read_bytes() == before


def test_other_tables_in_the_file_are_nobody_s_business(file: Path) -> None:
    """What somebody keeps beside our tables does not matter."""
    sql(file, "CREATE TABLE mine (x); CREATE TRIGGER t AFTER INSERT ON mine BEGIN SELECT 1; END")
    with rl.open(file) as ledger:
        ledger.record(VOUCH, by="ben")


def test_on_the_command_line(file: Path) -> None:
    """Who records is told; who asks is answered; and it is put right on request, and said."""
    sql(file, ON_FILES["dropped guard"][0])
    run = CliRunner()
    done = run.invoke(app, ["declare", "--in", "UTC", "-l", str(file), "--by", "c"])
    assert done.exit_code != 0
    assert "events_stay is missing" in done.stderr
    done = run.invoke(app, ["check", "-l", str(file)])
    assert (done.exit_code, "database: events_stay is missing" in done.stderr) == (1, True)
    done = run.invoke(app, ["repair", "-l", str(file)])
    assert (done.exit_code, "made events_stay" in done.stdout) == (0, True)
    assert "nothing was wrong" in run.invoke(app, ["repair", "-l", str(file)]).stdout
    assert run.invoke(app, ["check", "-l", str(file)]).exit_code == 0


SWALLOW: Final = f"""
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.type = 'vouch.given' THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER zz BEFORE INSERT ON {EVENTS} FOR EACH ROW EXECUTE FUNCTION swallow()
"""
REWRITE: Final = f"""
CREATE FUNCTION rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.data = replace(convert_from(NEW.data, 'UTF8'), 'honest', 'forged')::bytea; RETURN NEW; END $$;
CREATE TRIGGER zz BEFORE INSERT ON {EVENTS} FOR EACH ROW EXECUTE FUNCTION rewrite()
"""
ON_SERVERS: Final = {
    "swallows": (SWALLOW, f"the trigger zz on {EVENTS} is foreign"),
    "rewrites": (REWRITE, f"the trigger zz on {EVENTS} is foreign"),
    "dropped guard": (f"DROP TRIGGER reps_events_stay ON {EVENTS}", "reps_events_stay is missing"),
    "disabled guard": (f"ALTER TABLE {TAGS} DISABLE TRIGGER reps_tags_stay", "reps_tags_stay is disabled"),
    "narrower guard": (
        f"""CREATE OR REPLACE TRIGGER reps_events_stay BEFORE TRUNCATE ON {EVENTS}
        FOR EACH STATEMENT EXECUTE FUNCTION reps_refuse()""",
        "reps_events_stay is changed",
    ),
    "emptied guard": (
        """CREATE OR REPLACE FUNCTION reps_refuse() RETURNS trigger LANGUAGE plpgsql
        SET search_path = pg_catalog AS $$ BEGIN RETURN NULL; END $$""",
        "the function reps_refuse is changed",
    ),
    "another append": (
        """CREATE OR REPLACE FUNCTION dcb_unconditional_append_tt(new_events dcb_event_tt[])
        RETURNS SETOF bigint LANGUAGE plpgsql AS $$ BEGIN RETURN; END $$""",
        "the function dcb_unconditional_append_tt is changed",
    ),
    "a rule": (
        f"CREATE RULE zz AS ON DELETE TO {EVENTS} DO INSTEAD NOTHING",
        f"the rule zz on {EVENTS} is foreign",
    ),
    "hidden rows": (
        f"ALTER TABLE {EVENTS} ENABLE ROW LEVEL SECURITY",
        f"level security  on {EVENTS} is foreign",
    ),
    "foreign index": (f"CREATE INDEX zz ON {TAGS} (main_id)", "the index zz is foreign"),
    "dropped index": (
        "DROP INDEX reps_events_tt_tag_idx_tag_main_id",
        "reps_events_tt_tag_idx_tag_main_id is missing",
    ),
}
"""What is done to a database, and what is found."""


@pytest.mark.parametrize("what", ON_SERVERS)
def test_what_was_done_to_a_server_is_found_and_put_right(postgres_dsn: str, what: str) -> None:
    """As of files: not opened to be recorded in, but read, judged, and repaired on request."""
    statements, found = ON_SERVERS[what]
    filled(postgres_dsn).close()
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(statements.encode())
    with pytest.raises(Altered) as raised:
        rl.open(postgres_dsn)
    assert found in str(raised.value)
    with rl.open(postgres_dsn, read_only=True) as ledger:
        assert [found in each.words for each in ledger.check()] == [True]
        assert not ledger.verify(str(_signed()), KEY.verifying).ok
    assert [found in words for words in rl.repair(postgres_dsn)] == [True]
    assert rl.repair(postgres_dsn) == []
    with rl.open(postgres_dsn) as ledger:
        ledger.record(VOUCH, by="ben")
        assert ledger.check() == ()


def _signed() -> object:
    with rl.open() as ledger:
        return ledger.checkpoint(KEY)


@pytest.mark.parametrize("what", ["swallows", "rewrites"])
@pytest.mark.parametrize("how", ["record", "import"])
def test_what_is_planted_on_an_open_server_gives_no_receipt(postgres_dsn: str, what: str, how: str) -> None:
    """What was committed is read back before it is acknowledged."""
    row = {
        "fact": "vouch.given",
        "member": "ana",
        "voucher": "ben",
        "reason": "honest",
        "occurred_at": "2030-01-01",
    }
    attempts: dict[str, Callable[[rl.Ledger], object]] = {
        "record": lambda ledger: ledger.record(VOUCH, by="ben"),
        "import": lambda ledger: ledger.import_history([row]),
    }
    with filled(postgres_dsn) as ledger:
        with psycopg.connect(postgres_dsn) as connection:
            connection.execute(ON_SERVERS[what][0].encode())
        with pytest.raises(Altered, match="the trigger zz"):
            attempts[how](ledger)
        with pytest.raises(Altered):
            ledger.checkpoint(KEY)


def test_roles_are_kept_by_a_repair(postgres_dsn: str) -> None:
    """Functions that run with their owner's rights do so afterwards too."""
    name = postgres_dsn.rpartition("/")[2]
    filled(postgres_dsn).close()
    try:
        with psycopg.connect(postgres_dsn) as connection:
            connection.execute(roles_sql(f"w_{name}", f"r_{name}").encode())
            connection.execute(f"DROP TRIGGER reps_events_stay ON {EVENTS}".encode())
        assert rl.repair(postgres_dsn) == ["reps_events_stay is missing"]
        with psycopg.connect(postgres_dsn) as connection:
            rights = connection.execute(
                "SELECT proname FROM pg_proc WHERE prosecdef AND proname NOT LIKE 'pg%' ORDER BY 1"
            ).fetchall()
        assert rights == [("dcb_conditional_append_tt",), ("reps_append_at_head",)]
    finally:
        with psycopg.connect(postgres_dsn) as connection:
            for role in (f"w_{name}", f"r_{name}"):
                connection.execute(f"DROP OWNED BY {role}".encode())
                connection.execute(f"DROP ROLE {role}".encode())
