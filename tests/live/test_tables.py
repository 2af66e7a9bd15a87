"""The tables of state under the library's runners: exactly once, in batches, beside `ledger.state()`."""

from __future__ import annotations

import gc
import itertools
import json
import random
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from eventsourcing.persistence import Tracking
from eventsourcing.projection import ProjectionRunner
from eventsourcing.utils import Environment

import reps_ledger as rl
from live.test_application import env_of
from processes import Program
from racers import in_threads
from reps_ledger.ledger import states
from reps_ledger.live import LedgerApplication, StateFactory, StateProjection, StateTables
from reps_ledger.policies import Policy, reports, weeks, when
from reps_ledger.state import Refreshed, SqliteStore, Tables
from reps_ledger.state.postgres import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Runner = ProjectionRunner[LedgerApplication, StateTables]

PATIENCE: Final = 20.0
HEAD: Final = 9
"""The position of a ledger that declared itself, and that eight people joined."""


class Hasty(StateTables):
    """Gathers nothing."""

    gather = 0.0


@contextmanager
def running(target: str, view: type[StateTables] = StateTables, **more: str) -> Iterator[Runner]:
    """Run the library's runner over a ledger."""
    runner: Runner = ProjectionRunner(
        application_class=view.application_class,
        projection_class=StateProjection,
        view_class=view,
        env={**env_of(target), "STATE_PERSISTENCE_MODULE": "reps_ledger.live", **more},
    )
    with closing(runner.view), runner:
        yield runner


def opened(target: str) -> StateTables:
    """Open tables as a runner does."""
    env = {**env_of(target), "STATE_PERSISTENCE_MODULE": "reps_ledger.live"}
    return StateFactory.construct(Environment("state", env)).tracking_recorder()


def filled(target: str, members: int = 8, **options: Any) -> rl.Ledger:
    """Open a ledger in which some people joined."""
    ledger = rl.open(target, **options)
    ledger.record_all([rl.MemberJoined(member=f"m{number}") for number in range(members)], by="c")
    return ledger


def report(number: int, activity: str = "talk") -> rl.ReportFiled:
    """A report of somebody."""
    return rl.ReportFiled(member=f"m{number}", activity=activity)


def as_left(ledger: rl.Ledger) -> Tables:
    """Return the tables as somebody left them; they are not brought up to date."""
    core = ledger._core
    return Tables(states._Log(core), states._store(core, None))


def position_of(tables: Tables) -> int:
    """Return the position that tables are of."""
    with tables.store.reading() as reader:
        return int(reader.meta()["position"])


@pytest.fixture
def refreshed(monkeypatch: pytest.MonkeyPatch) -> list[Refreshed]:
    """What each refresh did, as they come."""
    done: list[Refreshed] = []
    refresh = Tables.refresh

    def told(tables: Tables) -> Refreshed:
        done.append(refresh(tables))
        return done[-1]

    monkeypatch.setattr(Tables, "refresh", told)
    return done


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When each transaction that wrote to tables ended."""
    times: list[float] = []

    def counted(writing: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def write(store: Any) -> Iterator[Any]:
            with writing(store) as writer:
                yield writer
            times.append(time.monotonic())

        return write

    for store in (SqliteStore, PostgresStore):
        monkeypatch.setattr(store, "writing", counted(store.writing))
    return times


def test_a_runner_keeps_the_tables(shared_target: str) -> None:
    """Whoever waits for a position finds it in the tables, which `ledger.state()` and others share."""
    with filled(shared_target) as ledger:
        with running(shared_target) as runner:
            assert runner.view.max_tracking_id("reps") == ledger.position == HEAD
            for number in range(3):
                receipt = ledger.record(rl.RoleAssigned(member=f"m{number}", role="lead"), by="c")
                runner.wait(receipt.position, timeout=PATIENCE)
                held = [row.member for row in runner.view.state.roster(role="lead")]
                assert held == ["m0", "m1", "m2"][: number + 1]
            with pytest.raises(TimeoutError):
                runner.wait(ledger.position + 1, timeout=0.2)
            with closing(ledger.state()) as state:
                assert (state.opened.entries, state.opened.rebuilt) == (0, False)
                ledger.record(report(5), by="c")
                state.refresh()
                assert state.position == ledger.position
            runner.wait(ledger.record(report(5), by="c").position, timeout=PATIENCE)
            assert runner.view.state.check() == ()
        with running(shared_target) as runner:
            assert runner.view.state.opened.entries == 0
            runner.wait(ledger.position, timeout=PATIENCE)


def test_a_wait_ends_by_what_others_took(shared_target: str) -> None:
    """A position is that of the tables, whoever brought them there; in an empty log there is none."""
    with rl.open(shared_target) as ledger, opened(shared_target) as view:
        assert view.max_tracking_id("reps") is None
        view.wait("reps", None, timeout=0.1)
        position = ledger.record(rl.MemberJoined(member="ana"), by="c").position
        with pytest.raises(TimeoutError):
            view.wait("reps", position, timeout=0.1)
        with closing(ledger.state()) as state:
            view.wait("reps", position, timeout=PATIENCE)
            view.insert_tracking(Tracking("reps", position))
            assert state.check() == ()


def test_many_entries_are_one_commit(
    shared_target: str, commits: list[float], refreshed: list[Refreshed]
) -> None:
    """A batch of entries is taken in one transaction, rows and position."""
    with filled(shared_target) as ledger, running(shared_target) as runner:
        commits.clear()
        refreshed.clear()
        for _ in range(3):
            before = ledger.position
            last = ledger.record_all([report(number % 8) for number in range(400)], by="c").position
            runner.wait(last, timeout=PATIENCE)
            assert last == before + 400
        assert [done.entries for done in refreshed if done.entries] == [400, 400, 400]
        assert len(commits) == 3
        assert runner.view.state.check() == ()


def test_entries_that_come_one_by_one_are_gathered(shared_target: str, commits: list[float]) -> None:
    """Commits are some time apart, however many entries come meanwhile."""
    with filled(shared_target) as ledger, running(shared_target) as runner:
        commits.clear()
        for number in range(60):
            ledger.record(report(number % 8), by="c")
            time.sleep(0.005)
        runner.wait(ledger.position, timeout=PATIENCE)
        apart = [after - before for before, after in itertools.pairwise(commits)]
        assert all(gap >= StateTables.gather for gap in apart)
        assert 1 <= len(commits) < 60
        assert runner.view.state.check() == ()


def test_two_runners_take_each_entry_once(shared_target: str, refreshed: list[Refreshed]) -> None:
    """Two runners on the same tables, while four threads record and another refreshes: each counts once."""
    with (
        filled(shared_target) as ledger,
        closing(ledger.state()) as state,
        running(shared_target, Hasty) as one,
        running(shared_target, Hasty) as two,
    ):
        refreshed.clear()

        def record(number: int) -> None:
            for _ in range(12):
                ledger.record(report(number), by="c")
            state.refresh()

        in_threads(4, record)
        for runner in (one, two):
            runner.wait(ledger.position, timeout=PATIENCE)
        assert sum(done.entries for done in refreshed) == 48
        assert [done.because for done in refreshed if done.rebuilt] == []
        assert state.sql("SELECT sum(reports) FROM member")[1] == [(48,)]
        assert state.check() == ()


def test_an_error_comes_out_and_nothing_is_half_done(
    shared_target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that cannot be taken stops the runner; the tables stay as they were, and go on from there."""
    with filled(shared_target) as ledger:
        derive = Tables._derive

        def failing(*arguments: Any, **options: Any) -> int:
            derive(*arguments, **options)
            raise ZeroDivisionError

        with running(shared_target) as runner:
            monkeypatch.setattr(Tables, "_derive", failing)
            position = ledger.record(report(1), by="c").position
            with pytest.raises(ZeroDivisionError):
                runner.wait(position, timeout=PATIENCE)
        monkeypatch.undo()
        tables = as_left(ledger)
        with closing(tables.store):
            assert tables.check() == ()
            assert position_of(tables) == ledger.position - 1
        with running(shared_target) as runner:
            runner.wait(ledger.record(report(1), by="c").position, timeout=PATIENCE)
            assert runner.view.state.check() == ()


RUNNING: Final = """
import json, os, signal, sys
from eventsourcing.projection import ProjectionRunner
from reps_ledger.live import LedgerApplication, StateProjection, StateTables
from reps_ledger.state import Tables

class Hasty(StateTables):
    gather = 0.0

def dying(*arguments, **options):
    derive(*arguments, **options)
    os.kill(os.getpid(), signal.SIGKILL)

def told_apart(tables):
    reading, now = tables.log.reading(), tables.log.now()
    with tables.store.writing() as writer:
        position = int(writer.meta()["position"])
        if position == reading.known_at:
            return refresh(tables)
        writer.tell(tables._meta(reading, now))
    with tables.store.writing() as writer:
        return tables._catch_up(writer, reading, now, position)

derive, refresh = Tables._derive, Tables.refresh
if "dying" in sys.argv:
    Tables._derive = dying
if "told apart" in sys.argv:
    Tables.refresh = told_apart
with ProjectionRunner(
    application_class=LedgerApplication,
    projection_class=StateProjection,
    view_class=Hasty,
    env={**json.loads(sys.argv[1]), "STATE_PERSISTENCE_MODULE": "reps_ledger.live"},
) as runner:
    print("ready", flush=True)
    runner.run_forever(60)
"""


def program(target: str, *bugs: str) -> Program:
    """Start a process in which a runner keeps tables."""
    return Program("-c", RUNNING, json.dumps(env_of(target)), *bugs)


def test_a_runner_that_is_killed(shared_target: str) -> None:
    """Two processes keep the tables, and one is killed at any moment: the other goes on, then a new one.

    Whatever is left, at any time, is of a prefix of the log.
    """
    moments = random.Random(7)  # noqa: S311 — any moments do
    with filled(shared_target) as ledger:
        ledger.state().close()
        for _ in range(3):
            with program(shared_target) as killed, program(shared_target) as other:
                assert (killed.hear(), other.hear()) == ("ready", "ready")
                end = time.monotonic() + moments.uniform(0.0, 0.3)
                while time.monotonic() < end:
                    ledger.record_all([report(number % 8) for number in range(20)], by="c")
                killed.kill()
                tables = as_left(ledger)
                with closing(tables.store):
                    assert tables.check() == ()
                    deadline = time.monotonic() + PATIENCE
                    while position_of(tables) < ledger.position:
                        assert time.monotonic() < deadline
                        time.sleep(0.01)
                    assert tables.check() == ()
                ledger.record_all([report(number % 8) for number in range(20)], by="c")
                other.kill()
                killed.wait(PATIENCE)
                other.wait(PATIENCE)
            tables = as_left(ledger)
            with closing(tables.store):
                assert tables.check() == ()
        with running(shared_target) as runner:
            runner.wait(ledger.record(report(0), by="c").position, timeout=PATIENCE)
            assert not runner.view.state.opened.rebuilt
            reported = runner.view.state.sql("SELECT sum(reports) FROM member")[1]
            assert reported == [(ledger.position - HEAD,)]
            assert runner.view.state.check() == ()


@pytest.mark.parametrize("bugs", [(), ("told apart",)], ids=["as it is", "planted"])
def test_a_position_told_apart_from_rows_would_be_found(bugs: tuple[str, ...], shared_target: str) -> None:
    """A runner that dies once its rows are written has counted nothing; by a planted bug, it loses them."""
    with filled(shared_target) as ledger:
        ledger.state().close()
        with program(shared_target, "dying", *bugs) as process:
            assert process.hear() == "ready"
            position = ledger.record(report(3), by="c").position
            assert process.wait(PATIENCE) != 0
        tables = as_left(ledger)
        with closing(tables.store):
            told = position_of(tables)
            found = tables.check()
        if bugs:
            assert told == position
            assert any("member lacks member 'm3'" in words for words in found)
        else:
            assert told == position - 1
            assert found == ()


@rl.fact("mentoring.noted")
@attrs.frozen(kw_only=True)
class MentoringNoted:
    """A fact of a service's own."""

    member: str


class OurLedger(LedgerApplication):
    """A ledger that knows it."""

    facts = (MentoringNoted,)


BUSY: Final = Policy("busy", cases=[when(reports(within=weeks(8)) >= 1).then("busy")], otherwise="idle")


class OurTables(StateTables):
    """Tables of that, with the outcomes of a policy."""

    application_class = OurLedger
    policies = (BUSY,)


def test_a_service_names_its_facts_and_policies(shared_target: str) -> None:
    """A service's own application is the same ledger; its policies are kept, also by `ledger.state()`."""
    with filled(shared_target, 2, facts=OurLedger.facts) as ledger:
        with running(shared_target, OurTables) as runner:
            assert runner.app.name == "reps"
            ledger.record(MentoringNoted(member="m0"), by="c")
            runner.wait(ledger.record(report(1), by="c").position, timeout=PATIENCE)
            found = [runner.view.state.member(who) for who in ("m0", "m1")]
            now = [each.standing["busy"][-2:] for each in found if each is not None]
            assert [[outcome for outcome, *_ in each] for each in now] == [["idle"], ["busy", "idle"]]
        with closing(ledger.state()) as state:
            assert (state.opened.entries, state.opened.rebuilt) == (0, False)
            assert state.tables.policies == (BUSY,)
            assert state.check() == ()


def test_tables_lie_where_the_environment_says(sqlite_path: Path, tmp_path: Path) -> None:
    """They may be in any SQLite file, as `ledger.state(path=…)` has them."""
    other = tmp_path / "other.db"
    with filled(str(sqlite_path)) as ledger:
        with running(str(sqlite_path), STATE_TABLES_PATH=str(other)) as runner:
            runner.wait(ledger.record(report(1), by="c").position, timeout=PATIENCE)
        assert not sqlite_path.with_name("ledger.db.state").exists()
        with closing(ledger.state(path=other)) as state:
            assert state.opened.entries == 0


def test_tables_of_another_ledger_are_refused(sqlite_path: Path) -> None:
    """Entries that are not in the ledger of the tables stop the runner, with what is wrong."""
    with running(":memory:") as runner:
        with rl.open(runner.app.recorder) as ledger:
            ledger.record(rl.MemberJoined(member="ana"), by="c")
        with pytest.raises(rl.ConfigurationError, match="a log in memory cannot be shared"):
            runner.wait(1, timeout=PATIENCE)
    elsewhere = str(sqlite_path.with_name("elsewhere.db"))
    with filled(str(sqlite_path)), filled(elsewhere) as other, opened(str(sqlite_path)) as view:
        receipt = other.record(report(1), by="c")
        with pytest.raises(rl.ConfigurationError, match="entry 10 of the application is not in"):
            view.take(receipt.entry, Tracking("reps", receipt.position))


def test_a_view_that_is_dropped_closes_what_it_opened(shared_target: str) -> None:
    """Without a warning, as a ledger does; its tables cannot be read any more."""
    with filled(shared_target, 1):
        view = opened(shared_target)
        state = view.state
        assert state.find("m") == ("m0",)
        del view
        gc.collect()
        with pytest.raises(rl.LedgerError):
            state.find("m")


def secret() -> str:
    """A password."""
    return "a b&c/d"


def test_an_environment_names_its_ledger(postgres_dsn: str, tmp_path: Path) -> None:
    """A file with odd characters, a database with a password; nothing but these two."""
    path = str(tmp_path / "a b%20c?.db")
    filled(LedgerApplication.target(env_of(path)), 1).close()
    assert (tmp_path / "a b%20c?.db").exists()
    env = {**env_of(postgres_dsn), "POSTGRES_GET_PASSWORD_TOPIC": f"{__name__}:secret"}
    assert LedgerApplication.target(env).endswith("&password=a%20b%26c%2Fd")
    filled(LedgerApplication.target(env_of(postgres_dsn)), 1).close()
    with rl.open(postgres_dsn) as ledger:
        assert ledger.position == 2
    with pytest.raises(rl.ConfigurationError, match="in a SQLite file or in PostgreSQL"):
        LedgerApplication.target({"PERSISTENCE_MODULE": "eventsourcing.dcb.popo"})


def test_nothing_else_is_kept_there() -> None:
    """The persistence module of the tables has no recorders of events."""
    with StateFactory({"PERSISTENCE_MODULE": "reps_ledger.live"}) as factory:
        for make in (factory.aggregate_recorder, factory.application_recorder, factory.process_recorder):
            with pytest.raises(rl.ConfigurationError, match="keeps tables of state, not events"):
                make()
