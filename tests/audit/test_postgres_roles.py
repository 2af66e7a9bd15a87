"""Who may do what on PostgreSQL: the server itself refuses everything else."""

# ruff: noqa: S608 — SQL of constants

from __future__ import annotations

from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

import reps_ledger as rl
from live.test_application import env_of
from reps_ledger.audit import make_key
from reps_ledger.errors import Altered, Inconsistent, InvalidInput, ReadOnly, StorageError
from reps_ledger.live import LedgerApplication
from reps_ledger.log.postgres import guards_sql, roles_sql
from reps_ledger.log.postgres.roles import EVENTS, TAGS

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY: Final = make_key("example.org/reps")
JOINED: Final = date(2018, 1, 1)
CHANGES: Final = [
    f"UPDATE {EVENTS} SET data = data",
    f"UPDATE {EVENTS} SET data = data WHERE false",
    f"DELETE FROM {EVENTS}",
    f"TRUNCATE {EVENTS} CASCADE",
    f"UPDATE {TAGS} SET tag = tag",
    f"DELETE FROM {TAGS}",
    f"TRUNCATE {TAGS}",
]
EVENT: Final = """ARRAY[('a.b', '{"id":"1"}'::bytea, ARRAY['entry:1'])]::dcb_event_tt[]"""


@pytest.fixture
def urls(postgres_dsn: str) -> Iterator[dict[str, str]]:
    """How the owner, a writer and a reader reach a ledger whose roles were made."""
    base, _, database = postgres_dsn.rpartition("/")
    server = base.rpartition("@")[2]
    named = {kind: f"{kind}_{database}" for kind in ("owner", "writer", "reader", "app", "asks")}
    with psycopg.connect(postgres_dsn, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {named['owner']} LOGIN CREATEROLE")
        admin.execute(f"ALTER DATABASE {database} OWNER TO {named['owner']}")
        admin.execute(f"ALTER SCHEMA public OWNER TO {named['owner']}")
        found = {kind: f"postgresql://{name}@{server}/{database}" for kind, name in named.items()}
        with rl.open(found["owner"]) as ledger:
            ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=JOINED)
        with psycopg.connect(found["owner"]) as owner:
            owner.execute(roles_sql(named["writer"], named["reader"]))
        admin.execute(f"CREATE ROLE {named['app']} LOGIN IN ROLE {named['writer']}")
        admin.execute(f"CREATE ROLE {named['asks']} LOGIN IN ROLE {named['reader']}")
        try:
            yield {**found, "writer": found["app"], "reader": found["asks"], "admin": postgres_dsn}
        finally:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            admin.execute(f"ALTER DATABASE {database} OWNER TO postgres")
            for name in ("app", "asks", "writer", "reader", "owner"):
                admin.execute(f"DROP OWNED BY {named[name]} CASCADE")
                admin.execute(f"DROP ROLE {named[name]}")


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own to the database."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def refused(connection: psycopg.Connection[Any], statement: str) -> bool:
    """Whether the server refuses a statement for lack of a privilege."""
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return True
    return False


def test_the_writer_records(urls: dict[str, str]) -> None:
    """A ledger opened by the writer records, imports, reads, and makes checkpoints."""
    with rl.open(urls["writer"]) as ledger:
        vouched = rl.MemberJoined(member="ben")
        receipt = ledger.record(vouched, by="council", occurred_at=JOINED, command_id="c1")
        assert ledger.record(vouched, by="council", occurred_at=JOINED, command_id="c1").repeated
        with pytest.raises(rl.Refused):
            ledger.record(vouched, by="council", occurred_at=JOINED)
        rows = [{"fact": "member.joined", "member": f"m{n}", "occurred_at": "2018-01-01"}
                for n in range(300)]  # fmt: skip
        assert ledger.import_history(rows).recorded == 300
        assert [row.member for row in ledger.as_of().roster()][:2] == ["ana", "ben"]
        kept = ledger.checkpoint(KEY)
        assert ledger.verify(kept, KEY.verifying).ok
        ledger.prove(receipt, at=kept).verify()


def test_the_reader_runs_an_application(urls: dict[str, str]) -> None:
    """Under the library's runners a role that owns nothing and may write nothing reads the ledger."""
    for kind in ("writer", "reader"):
        with LedgerApplication(env_of(urls[kind])) as application:
            assert [event.position for event in application.recorder.read()] == [1, 2]
    with rl.open(urls["writer"]) as ledger:
        ledger.record(rl.MemberJoined(member="ben"), by="council", occurred_at=JOINED)


def test_the_writer_does_nothing_else(urls: dict[str, str]) -> None:
    """Whatever the writer tries but reading and appending, the server refuses."""
    tries = [
        *CHANGES,
        f"INSERT INTO {EVENTS} (type, data, tags) VALUES ('a', '', '{{}}')",
        f"INSERT INTO {TAGS} VALUES ('member:ana', 1)",
        f"SELECT dcb_unconditional_append_tt({EVENT})",
        f"DO $$ BEGIN LOCK TABLE {EVENTS} IN EXCLUSIVE MODE; END $$",
        f"ALTER TABLE {EVENTS} DISABLE TRIGGER ALL",
        f"DROP TRIGGER reps_events_stay ON {EVENTS}",
        f"DROP TABLE {EVENTS}",
        "CREATE TABLE mine (x int)",
        f"CREATE TRIGGER mine BEFORE INSERT ON {EVENTS} EXECUTE FUNCTION reps_refuse()",
        "CREATE OR REPLACE FUNCTION public.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        f"SELECT setval('{EVENTS}_id_seq', 1)",
        "SET session_replication_role = replica",
    ]
    with connected(urls["writer"]) as connection:
        assert [statement for statement in tries if not refused(connection, statement)] == []
        assert connection.execute(f"SELECT count(*) FROM {EVENTS}").fetchone() == (2,)


def test_the_writer_cannot_lead_the_functions_astray(urls: dict[str, str]) -> None:
    """A search path of the writer's choosing changes nothing in a function of the owner's."""
    with connected(urls["writer"]) as connection:
        connection.execute("CREATE TEMP TABLE reps_events_tt_main (id bigint)")
        connection.execute("CREATE FUNCTION pg_temp.coalesce(bigint, int) RETURNS bigint"
                           " LANGUAGE sql AS 'SELECT 99'")  # fmt: skip
        connection.execute("SET search_path = pg_temp, public")
        (position,) = connection.execute(
            f"SELECT public.reps_append_at_head(2, {EVENT.replace('dcb', 'public.dcb')})"
        ).fetchone() or (None,)
        assert position == 3
        none = f"SELECT public.reps_append_at_head(2, {EVENT.replace('dcb', 'public.dcb')})"
        assert connection.execute(none).fetchall() == []


@pytest.mark.parametrize("role", ["writer", "reader"])
def test_only_the_owner_takes_in_what_was_recorded(urls: dict[str, str], role: str) -> None:
    """Positions and index rows are written by functions alone: who must use these imports no history so."""
    with rl.open(urls[role]) as ledger:
        before = ledger.position
        with pytest.raises(ReadOnly, match="only the owner"):
            ledger.import_as_recorded(['{"export":"as-recorded","format":1}'])
        assert ledger.position == before


def test_the_reader_reads(urls: dict[str, str]) -> None:
    """A ledger opened by the reader answers; recording is refused, and says why."""
    with rl.open(urls["reader"]) as ledger:
        assert ledger.as_of().member("ana").membership.is_member
        with ledger.subscribe(after=1) as log:
            assert next(log).fact == rl.MemberJoined(member="ana")
        kept = ledger.checkpoint(KEY)
        assert ledger.verify(kept, KEY.verifying).database
        with pytest.raises(ReadOnly, match="may not append"):
            ledger.record(rl.MemberJoined(member="ben"), by="council")
        with pytest.raises(StorageError):
            ledger.import_history([{"fact": "member.joined", "member": "ben", "occurred_at": "2018-01-01"}])
    tries = [
        *CHANGES,
        f"INSERT INTO {EVENTS} (type, data, tags) VALUES ('a', '', '{{}}')",
        f"SELECT reps_append_at_head(1, {EVENT})",
        f"SELECT dcb_conditional_append_tt(ARRAY[]::dcb_query_item_tt[], 1, {EVENT})",
        f"DO $$ BEGIN LOCK TABLE {EVENTS} IN EXCLUSIVE MODE; END $$",
        "CREATE TABLE mine (x int)",
    ]
    with connected(urls["reader"]) as connection:
        assert [statement for statement in tries if not refused(connection, statement)] == []


@pytest.mark.parametrize("who", ["owner", "admin"])
def test_the_triggers_refuse_whoever_asks(who: str, urls: dict[str, str]) -> None:
    """The owner, and even a superuser, change and remove nothing while the triggers are there."""
    merged = f"MERGE INTO {EVENTS} e USING (SELECT 1 AS x) s ON e.id = s.x WHEN MATCHED THEN DELETE"
    upserted = (
        f"INSERT INTO {EVENTS} (id, type, data, tags) VALUES (1, 'a.b', '{{\"id\":\"1\"}}', '{{entry:1}}')"
        " ON CONFLICT (id) DO UPDATE SET type = 'a'"
    )
    with connected(urls[who]) as connection:
        for statement in (*CHANGES, merged, upserted):
            if "false" in statement:  # changes nothing
                continue
            with pytest.raises(psycopg.errors.RestrictViolation, match="never changed or removed"):
                connection.execute(statement)


def test_the_owner_opens_it_again(urls: dict[str, str]) -> None:
    """A ledger that its owner opens again records, and takes nothing from the writer."""
    for _ in range(2):
        with rl.open(urls["owner"]) as ledger:
            ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana")
        with rl.open(urls["writer"]) as ledger:
            ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana")
    with psycopg.connect(urls["owner"]) as owner:
        database = urls["owner"].rpartition("/")[2]
        owner.execute(roles_sql(f"writer_{database}", f"reader_{database}"))
    with rl.open(urls["writer"]) as ledger:
        assert ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana").position == 7


def test_guards_come_with_the_tables(postgres_dsn: str) -> None:
    """Every ledger on PostgreSQL is guarded from when it is first opened; who drops a guard is found."""
    with rl.open(postgres_dsn) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
    with connected(postgres_dsn) as connection:
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(f"DELETE FROM {TAGS}")
        connection.execute(f"DROP TRIGGER reps_tags_stay ON {TAGS}")
        connection.execute("DROP FUNCTION reps_append_at_head")
        with pytest.raises(Altered, match="reps_tags_stay is missing"):
            rl.open(postgres_dsn)
        assert rl.repair(postgres_dsn) == [
            "reps_tags_stay is missing",
            "the function reps_append_at_head is missing",
        ]
        with rl.open(postgres_dsn) as ledger:
            rows = [{"fact": "member.joined", "member": "ben", "occurred_at": "2018-01-01"}]
            assert ledger.import_history(rows).recorded == 1
        with pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute(f"DELETE FROM {TAGS}")


def test_tampering_is_found_on_postgres(postgres_dsn: str) -> None:
    """Whoever may drop triggers may change rows; the tree and the index check find that."""
    with rl.open(postgres_dsn) as ledger:
        for number in range(300):
            facts = [rl.MemberJoined(member=f"m{number}")]
            if number % 50 == 3:  # a gap: an append that did not come to be
                with connected(postgres_dsn) as connection:
                    connection.execute(f"SELECT nextval('{EVENTS}_id_seq')")
            ledger.record_all(facts, by="council", occurred_at=JOINED)
        kept = ledger.checkpoint(KEY)
        assert ledger.verify(kept, KEY.verifying).ok
        last = ledger.position
        assert last > kept.size == 301
        proof = ledger.prove(last, at=kept)
        assert (proof.index, proof.position) == (300, last)
        with connected(postgres_dsn) as connection:
            connection.execute(f"ALTER TABLE {TAGS} DISABLE TRIGGER reps_tags_stay")
            connection.execute(f"DELETE FROM {TAGS} WHERE tag = 'member:m7'")
            found = ledger.verify(kept, KEY.verifying)
            assert found.codes == ("database", "database"), found.words()
            assert "reps_tags_stay is disabled" in found.words()
            assert "the tag 'member:m7' is not in the index" in found.words()
            connection.execute(f"INSERT INTO {TAGS} VALUES ('member:m9', 1)")
            connection.execute(f"ALTER TABLE {EVENTS} DISABLE TRIGGER reps_events_keep")
            connection.execute(f"UPDATE {EVENTS} SET data = '{{}}' WHERE id = 100")
        found = ledger.verify(kept, KEY.verifying)
        assert found.codes[:2] == ("root_mismatch", "entry_differs")
        assert found.findings[1].position == 100
        assert "the index has 'member:m9'" in found.words()
        with pytest.raises(Inconsistent):
            ledger.prove(5)


@pytest.mark.parametrize("name", ["", "a-b", 'a"b', "a'b", "A", "1a", "public", "x" * 64, "a b"])
def test_names_of_roles(name: str) -> None:
    """A role name that would need quoting is refused before it reaches any SQL."""
    with pytest.raises(InvalidInput):
        roles_sql(name)
    with pytest.raises(InvalidInput):
        roles_sql("writer", name)


def test_two_roles_are_two() -> None:
    """Writer and reader must be different roles; the SQL makes the triggers before the roles."""
    with pytest.raises(InvalidInput):
        roles_sql("reps", "reps")
    assert roles_sql().startswith(guards_sql())
