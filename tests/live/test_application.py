"""A ledger under the library's projection runners, which keep a service's own tables up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import attrs
import pytest
from eventsourcing.dcb.domain import Tagged
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.sqlite import SQLiteTrackingRecorder
from psycopg.sql import SQL

import reps_ledger as rl
from intruders import NOISE, plant, plant_void
from racers import in_threads
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.errors import CodecError, StorageError, UnknownFact
from reps_ledger.live import EntryMapper, LedgerApplication
from reps_ledger.log import Codec, SQLiteRecorder, Upcaster
from reps_ledger.log.postgres.guarded import GuardedRecorder

if TYPE_CHECKING:
    from pathlib import Path

    from eventsourcing.persistence import Tracking, TrackingRecorder


class CountsInMemory(POPOTrackingRecorder):
    """How many reports each member filed, kept in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.reports: dict[str, int] = {}

    def count(self, member: str, tracking: Tracking) -> None:
        """Count one more, and how far the log was read."""
        with self._database_lock:
            self._assert_tracking_uniqueness(tracking)
            self._insert_tracking(tracking)
            self.reports[member] = self.reports.get(member, 0) + 1

    def counts(self) -> dict[str, int]:
        """The reports of each member."""
        return dict(self.reports)


class CountsInSQLite(SQLiteTrackingRecorder):
    """How many reports each member filed, in a table beside the library's tracking."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.create_table_statements.append(
            "CREATE TABLE IF NOT EXISTS reports (member TEXT PRIMARY KEY, filed INTEGER)"
        )

    def count(self, member: str, tracking: Tracking) -> None:
        """Count one more, and how far the log was read, in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "INSERT INTO reports VALUES (?, 1) ON CONFLICT (member) DO UPDATE SET filed = filed + 1",
                (member,),
            )

    def counts(self) -> dict[str, int]:
        """The reports of each member."""
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute("SELECT member, filed FROM reports")
            return {row["member"]: row["filed"] for row in cursor.fetchall()}


class CountsInPostgres(PostgresTrackingRecorder):
    """How many reports each member filed, in a table beside the library's tracking."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS reports (member TEXT PRIMARY KEY, filed INT)").format()
        )

    def count(self, member: str, tracking: Tracking) -> None:
        """Count one more, and how far the log was read, in one transaction."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                "INSERT INTO reports VALUES (%s, 1) "
                "ON CONFLICT (member) DO UPDATE SET filed = reports.filed + 1",
                (member,),
            )

    def counts(self) -> dict[str, int]:
        """The reports of each member."""
        with self.datastore.get_connection() as connection:
            rows = connection.execute("SELECT member, filed FROM reports").fetchall()
            return {row["member"]: row["filed"] for row in rows}


class Counting(Projection[Any]):
    """Counts reports; other facts only move it on."""

    name = "counting"
    fails: tuple[str, ...] = ()

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Take one entry."""
        entry: rl.Entry = domain_event.decision
        if isinstance(entry.fact, rl.ReportFiled):
            if entry.fact.activity in self.fails:
                raise RuntimeError(entry.fact.activity)
            self.view.count(entry.fact.member, tracking)
        else:
            self.view.insert_tracking(tracking)


def report(member: str, activity: str = "talk") -> rl.ReportFiled:
    """A report of somebody."""
    return rl.ReportFiled(member=member, activity=activity)


def runner(
    env: dict[str, str], view: type[TrackingRecorder], projection: Any = Counting
) -> ProjectionRunner[Any, Any]:
    """A runner of the library's, with a ledger as its application."""
    return ProjectionRunner(
        application_class=LedgerApplication, projection_class=projection, view_class=view, env=env
    )


def env_of(target: str) -> dict[str, str]:
    """What the library is told of a ledger file, or of one in PostgreSQL."""
    address = urlsplit(target)
    if address.scheme != "postgresql":
        return {"PERSISTENCE_MODULE": "reps_ledger.log.sqlite", "SQLITE_DBNAME": target}
    return {
        "PERSISTENCE_MODULE": "eventsourcing.dcb.postgres_tt",
        "POSTGRES_DBNAME": address.path.lstrip("/"),
        "POSTGRES_HOST": str(address.hostname),
        "POSTGRES_PORT": str(address.port),
        "POSTGRES_USER": str(address.username),
        "POSTGRES_PASSWORD": "-",
    }


@pytest.fixture
def env(sqlite_path: Path) -> dict[str, str]:
    """What the library is told of a ledger file."""
    return env_of(str(sqlite_path))


IN_MEMORY: Final = {"COUNTING_PERSISTENCE_MODULE": "eventsourcing.popo"}


@pytest.mark.parametrize(
    ("view", "more"), [(CountsInMemory, IN_MEMORY), (CountsInSQLite, {})], ids=["memory", "table"]
)
def test_a_view_follows_a_ledger(
    env: dict[str, str], sqlite_path: Path, view: type[TrackingRecorder], more: dict[str, str]
) -> None:
    """A view counts what was recorded before it began, and what is recorded while it runs."""
    with rl.open(sqlite_path) as ledger:
        people = [rl.MemberJoined(member=who) for who in ("ana", "ben")]
        ledger.record_all([*people, report("ana")], by="council")
        with runner(env | more, view) as running:
            running.wait(4, timeout=10)
            assert running.view.counts() == {"ana": 1}
            for _ in range(3):
                ledger.record(report("ben"), by="ben")
            receipt = ledger.record(report("ana"), by="ana")
            running.wait(receipt.position, timeout=10)
            assert running.view.counts() == {"ana": 2, "ben": 3}
            assert running.view.max_tracking_id("reps") == ledger.position == 8


def test_a_view_goes_on_where_it_was(env: dict[str, str], sqlite_path: Path) -> None:
    """A view in a table counts each entry once, however often it is stopped and begun again."""
    with rl.open(sqlite_path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        for times in range(1, 4):
            position = ledger.record(report("ana"), by="ana").position
            with runner(env, CountsInSQLite) as running:
                running.wait(position, timeout=10)
                assert running.view.counts() == {"ana": times}


def test_a_view_while_many_record(env: dict[str, str], sqlite_path: Path) -> None:
    """A view under which eight threads record counts every report once."""
    people = [f"m{number}" for number in range(8)]
    with rl.open(sqlite_path) as ledger, runner(env, CountsInSQLite) as running:
        ledger.record_all([rl.MemberJoined(member=who) for who in people], by="council")

        def record(number: int) -> None:
            for _ in range(10):
                ledger.record(report(people[number]), by=people[number])

        in_threads(8, record)
        running.wait(ledger.position, timeout=20)
        assert running.view.counts() == dict.fromkeys(people, 10)


def test_a_view_on_postgres(postgres_dsn: str) -> None:
    """A ledger on PostgreSQL is followed with the library's own module for it."""
    env = {**env_of(postgres_dsn), "COUNTING_PERSISTENCE_MODULE": "eventsourcing.postgres"}
    with rl.open(postgres_dsn) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.record(report("ana"), by="ana")
        with runner(env, CountsInPostgres) as running:
            running.wait(ledger.record(report("ana"), by="ana").position, timeout=10)
            assert running.view.counts() == {"ana": 2}
            running.view.datastore.close()


def test_many_begin_at_once_on_postgres(postgres_dsn: str) -> None:
    """Those who begin together wait for each other; the first makes the tables, with their guards."""

    def begin(_: int) -> list[str]:
        with LedgerApplication(env_of(postgres_dsn)) as application:
            recorder: Any = application.recorder
            return GuardedRecorder.structure_check(recorder.inner)

    for _ in range(3):
        assert in_threads(8, begin) == [[]] * 8


def test_an_address_without_a_server_says_so(postgres_dsn: str) -> None:
    """An application that cannot reach its database says so at once, and leaves no connections behind."""
    with pytest.raises(StorageError, match="PostgreSQL cannot be opened"):
        LedgerApplication({**env_of(postgres_dsn), "POSTGRES_DBNAME": "nobody_s"})


def test_a_projection_that_fails(env: dict[str, str], sqlite_path: Path) -> None:
    """An error in a projection stops it, comes out, and is met again where it was."""

    class Failing(Counting):
        """Does not bear one activity."""

        fails = ("bad",)

    with rl.open(sqlite_path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.record_all([report("ana"), report("ana", "bad"), report("ana")], by="ana")
        for _ in range(2):
            with pytest.raises(RuntimeError, match="bad"), runner(env, CountsInSQLite, Failing) as running:
                running.run_forever(timeout=10)
        with runner(env, CountsInSQLite) as running:
            running.wait(4, timeout=10)
            assert running.view.counts() == {"ana": 3}


@pytest.mark.parametrize("readable", [False, True], ids=["noise", "what can be read"])
def test_a_runner_reads_past_what_is_voided(shared_target: str, readable: bool) -> None:
    """It stops where something cannot be read, and says where; once that is voided it goes on after it."""
    env = {**env_of(shared_target), **IN_MEMORY}
    with rl.open(shared_target) as ledger:
        ledger.record_all([rl.MemberJoined(member="ana"), report("ana")], by="council")
        if readable:
            place = ledger.record(report("ana"), by="ana").position
            plant_void(ledger, place)
        else:
            place = plant(ledger, "report.filed", NOISE, "member:ana")
            words = f"position {place}: .*void {place}"
            with pytest.raises(CodecError, match=words) as raised, runner(env, CountsInMemory) as running:
                running.run_forever(timeout=10)
            assert raised.value.position == place
            with LedgerApplication(env) as application, pytest.raises(CodecError, match=f"position {place}"):
                list(application.events.read())
            ledger.void(place, by="council", reason="noise")
        last = ledger.record(report("ana"), by="ana").position
        with runner(env, CountsInMemory) as running:
            running.wait(last, timeout=10)
            assert running.view.counts() == {"ana": 2}
        with LedgerApplication(env) as application:
            found: list[Any] = list(application.events.read())
            assert [tagged.decision.id for tagged in found] == [entry.id for entry in ledger.entries()]
            assert application.events.read().head == ledger.position


@rl.fact("mentoring.told", version=2)
@attrs.frozen(kw_only=True)
class MentoringTold:
    """A fact of a service's own, which once had no minutes."""

    member: str
    minutes: int


class OurLedger(LedgerApplication):
    """A ledger that knows it."""

    facts = (MentoringTold,)
    upcasters = (Upcaster("mentoring.told", 1, lambda fields: {**fields, "minutes": 0}),)


def test_an_application_reads_a_ledger(env: dict[str, str], sqlite_path: Path) -> None:
    """An application gives entries with their tags; those of a service's own need naming."""
    with rl.open(sqlite_path, facts=OurLedger.facts, upcasters=OurLedger.upcasters) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", command_id="c")
        ledger.record(MentoringTold(member="ana", minutes=5), by="ana")
        entries = list(ledger.entries())
    with OurLedger(env) as application:
        recorder: Any = application.recorder
        assert isinstance(recorder.inner, SQLiteRecorder)
        found: list[Any] = list(application.events.read())
        assert [tagged.decision.fact for tagged in found] == [entry.fact for entry in entries]
        assert [tuple(tagged.tags) for tagged in found] == [entry.tags for entry in entries]
        assert "command:c" in found[1].tags
        assert {tagged.decision.position for tagged in found} == {0}
    with LedgerApplication(env) as application, pytest.raises(UnknownFact, match=r"mentoring\.told"):
        list(application.events.read())


def test_the_mapper_is_its_own_inverse() -> None:
    """An entry that is mapped to an event and back is the entry; noise is an error of ours."""
    mapper = EntryMapper(Codec(Registry(BUILT_IN)))
    with rl.open() as ledger:
        entry = ledger.record(report_of_a_member(ledger), by="ana").entry
    event = mapper.to_dcb_event(Tagged(tags=list(entry.tags), decision=entry))
    assert (event.type, event.tags) == ("report.filed", list(entry.tags))
    again: Any = mapper.to_domain_event(event)
    assert (again.decision.id, again.decision.fact) == (entry.id, entry.fact)
    assert again.decision.tags == entry.tags
    event.data = b"{}"
    with pytest.raises(CodecError):
        mapper.to_domain_event(event)


def report_of_a_member(ledger: rl.Ledger) -> rl.ReportFiled:
    """A report of somebody who joined."""
    ledger.record(rl.MemberJoined(member="ana"), by="council")
    return report("ana")
