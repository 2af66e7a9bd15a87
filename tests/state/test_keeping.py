"""Keeping tables: on files and in PostgreSQL, across processes, kills, backups and other settings."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import stat
import time
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import reps_ledger as rl
from processes import Program
from racers import in_threads
from reps_ledger.domain.validation import PERSON, PERSONAL
from reps_ledger.ledger import everybody
from reps_ledger.policies import Policy, count, facts, members, reports, share, weeks, when
from reps_ledger.state import SqliteStore
from state.test_planted import BUSY, EAGER, charter

if TYPE_CHECKING:
    from pathlib import Path

START = date(2018, 1, 1)


def filled(target: Any, members: int = 20, **options: Any) -> rl.Ledger:
    """Open a ledger in which some people joined, vouched and hold roles."""
    ledger = rl.open(target, **options)
    for number in range(members):
        ledger.record(rl.MemberJoined(member=f"m{number:02}"), by="c", occurred_at=START)
    for number in range(1, members):
        member, before = f"m{number:02}", f"m{number - 1:02}"
        ledger.record(rl.Vouched(member=member, voucher=before, reason="r"), by="c", occurred_at=START)
        ledger.record(rl.RoleAssigned(member=member, role="lead", community=f"c{number % 3}"), by="c")
    return ledger


def names(rows: tuple[Any, ...]) -> list[str]:
    """Return whom rows are of."""
    return [row.member for row in rows]


def test_tables_of_another_server_lie_in_the_folder_for_caches(
    umadb_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A log on a server that has no place for tables has them in a file, named after its first entry."""
    caches = tmp_path / "caches"
    monkeypatch.setenv("XDG_CACHE_HOME", str(caches))
    url = umadb_url.replace("http", "umadb")
    with filled(url, 3) as ledger:
        first = ledger._core.log.id_at(1)
        assert names(ledger.state().roster(role="lead")) == ["m01", "m02"]
    (folder,) = caches.iterdir()
    assert [file.name for file in folder.glob("*.state")] == [f"{first}.state"]
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with rl.open(url) as ledger:
        state = ledger.state()
        assert (state.opened.entries, state.opened.people, state.opened.rebuilt) == (0, 0, False)
        ledger.record(rl.RoleAssigned(member="m00", role="lead"), by="c")
        assert state.refresh().people == 1
        assert names(state.roster(role="lead")) == ["m00", "m01", "m02"]
        assert state.check() == ()


def test_tables_that_can_be_kept_nowhere_are_refused(
    umadb_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the folder for caches cannot be made, the error says what to do instead."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with filled(umadb_url.replace("http", "umadb"), 2) as ledger:
        with pytest.raises(rl.StorageError, match="name a file with path="):
            ledger.state()
        assert names(ledger.state(path=tmp_path / "t.state").roster(role="lead")) == ["m01"]


def test_tables_lie_beside_the_file_and_are_there_again(tmp_path: Path) -> None:
    """A second process reads what the first wrote; nothing is derived twice."""
    with filled(tmp_path / "l.db") as ledger:
        assert ledger.state().refresh().entries == 0
    assert (tmp_path / "l.db.state").exists()
    with rl.open(tmp_path / "l.db") as ledger:
        state = ledger.state()
        assert state.position == ledger.position
        assert state.refresh().people == 0
        ledger.record(rl.ReportFiled(member="m01", activity="talk", areas=["web"]), by="m01")
        done = state.refresh()
        assert (done.entries, done.people, done.rebuilt) == (1, 1, False)
        assert names(state.roster(skill="web")) == ["m01"]
        assert state.check() == ()


def test_pages_stay_whole_while_entries_come(tmp_path: Path) -> None:
    """Page after page everybody is listed once, though people before them come and go meanwhile."""
    with filled(tmp_path / "l.db") as ledger:
        state = ledger.state()
        everyone = names(state.roster(role="lead"))
        found: list[str] = []
        while page := state.roster(role="lead", limit=4, after=found[-1] if found else None):
            found += names(page)
            ledger.record(
                rl.RoleEnded(member=page[0].member, role="lead", community=None), by="c"
            ) if False else None
            ledger.record(rl.MemberJoined(member=f"a{len(found)}"), by="c")
            ledger.record(rl.RoleAssigned(member=f"a{len(found)}", role="lead", community="c9"), by="c")
            state.refresh()
        assert found == everyone
        with pytest.raises(rl.InvalidInput, match="at least one row"):
            state.roster(limit=0)


def test_rosters_are_filtered(tmp_path: Path) -> None:
    """By who is active, how they stand, their skills and vouches, alone and together."""
    now = datetime(2019, 6, 1, tzinfo=UTC)
    with filled(tmp_path / "l.db", 6, clock=lambda: now) as ledger:
        ledger.record(rl.ReportFiled(member="m03", activity="talk", areas=["web", "docs"]), by="m03")
        state = ledger.state()
        assert names(state.roster(active=True)) == ["m03"]
        assert names(state.roster(active=False)) == ["m00", "m01", "m02", "m04", "m05"]
        assert names(state.roster(standing="active", skill="docs")) == ["m03"]
        assert names(state.roster(vouches=1)) == ["m01", "m02", "m03", "m04", "m05"]
        assert names(state.roster(vouches=1, community="c0")) == ["m03"]
        assert [row.skills for row in state.roster(community="c0")] == [("docs", "web")]


def test_who_lapses_when(tmp_path: Path) -> None:
    """Standings go on into the future: who will stand otherwise is read, not worked out."""
    now = datetime(2018, 12, 20, tzinfo=UTC)
    with rl.open(tmp_path / "l.db", clock=lambda: now) as ledger:
        for member, day in (("ana", START), ("ben", date(2018, 6, 1))):
            ledger.record(rl.MemberJoined(member=member), by="c", occurred_at=START)
            ledger.record(rl.ReportFiled(member=member, activity="talk"), by="c", occurred_at=day)
        state = ledger.state(policies=[BUSY])
        (lapse,) = state.lapsing(within=weeks(4))
        assert (lapse.member, lapse.at, lapse.before, lapse.after) == (
            "ana",
            datetime(2019, 1, 1, tzinfo=UTC),
            "active",
            "inactive",
        )
        assert names(state.lapsing(within=timedelta(days=400))) == ["ana", "ben"]
        (lapse,) = state.lapsing(within=weeks(1), policy="busy", at=date(2018, 6, 25))
        assert (lapse.member, lapse.after) == ("ben", BUSY.otherwise)
        assert state.joined_between(START, START) == ("ana", "ben")
        assert state.joined_between(date(2018, 1, 2), date(2019, 1, 1)) == ()
        assert state.find("AN") == ("ana",)
        assert state.find("%") == ()
        person = state.member("ana")
        assert person is not None
        assert [outcome for outcome, *_ in person.standing["busy"]] == ["active", BUSY.otherwise]
        assert state.member("nobody") is None


def test_entries_dated_ahead_come_to_count(tmp_path: Path) -> None:
    """What is only of now is derived again once its day has come, though nothing was recorded."""
    now = [datetime(2018, 6, 1, tzinfo=UTC)]
    with rl.open(tmp_path / "l.db", clock=lambda: now[0]) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="c", occurred_at=START)
        ahead = date(2018, 7, 1)
        ledger.record(rl.RoleAssigned(member="ana", role="lead"), by="c", occurred_at=ahead)
        state = ledger.state()
        assert state.sql("SELECT changes IS NULL FROM member")[1] == [(0,)]
        now[0] = datetime(2018, 7, 2, tzinfo=UTC)
        assert state.refresh().people == 1
        assert state.sql("SELECT changes IS NULL FROM member")[1] == [(1,)]
        assert state.refresh().people == 0
        assert state.check() == ()


def test_a_log_that_was_restored_is_noticed(tmp_path: Path) -> None:
    """Tables that know more than the log, or another past, are made anew, and say why."""
    path, copy = tmp_path / "l.db", tmp_path / "copy.db"
    with filled(path, 4) as ledger:
        ledger.state()
    shutil.copy(path, copy)
    with rl.open(path) as ledger:
        ledger.record(rl.MemberJoined(member="late"), by="c")
        ledger.state()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    shutil.copy(copy, path)
    with rl.open(path) as ledger:
        state = ledger.state()
        assert state.position == ledger.position
        assert "late" not in names(state.roster())
        ledger.record(rl.MemberJoined(member="other"), by="c")
        ledger.record(rl.MemberJoined(member="another"), by="c")
        assert not state.refresh().rebuilt
        assert state.check() == ()
    shutil.copy(copy, path)
    with rl.open(path) as ledger:
        for number in range(5):
            ledger.record(rl.MemberJoined(member=f"n{number}"), by="c")
        with closing(ledger.state()) as state:
            assert "other" not in names(state.roster())
            assert state.check() == ()


def test_other_settings_make_the_tables_anew(tmp_path: Path) -> None:
    """Other policies, another zone: what rows depend on is in their key, and is named."""
    path = tmp_path / "l.db"
    with filled(path, 3) as ledger:
        ledger.state().close()
        state = ledger.state(policies=[BUSY])
        assert state.refresh().rebuilt is False
        with pytest.raises(rl.InvalidInput, match="two policies are called 'busy'"):
            ledger.state(policies=[BUSY, EAGER])
        ledger.declare(zone="Asia/Tokyo", by="c")
        done = state.refresh()
        assert (done.rebuilt, done.because) == (True, "the zone changed")
        assert "made anew, as the zone changed" in str(done)


def test_policies_about_everybody_derive_everybody(tmp_path: Path) -> None:
    """A share of a total may change with anybody's facts: refreshing says that all were derived anew."""
    part = Policy(
        "part",
        cases=[when(share(reports(within=weeks(4)), "report.filed") >= 0.5).then("much")],
        otherwise="little",
    )
    with filled(tmp_path / "l.db", 3) as ledger:
        state = ledger.state(policies=[part])
        ledger.record(rl.ReportFiled(member="m00", activity="talk"), by="c")
        assert state.refresh().because == "new entries concern everybody"
        ledger.record(rl.ReportFiled(member="m01", activity="talk"), by="c")
        ledger.record(rl.ReportFiled(member="m01", activity="talk"), by="c")
        state.refresh()
        person = state.member("m00")
        assert person is not None
        now = ledger.as_of()
        begun = [outcome for outcome, start, _ in person.standing["part"] if start <= now.valid_at]
        assert begun[-1] == now.evaluate(part, "m00").outcome == "little"  # one of three
        assert state.check() == ()
        of_communities = Policy("p", cases=[when(members() >= 1).then("y")], otherwise="n", of="community")
        with pytest.raises(rl.InvalidInput, match="about communities"):
            ledger.state(policies=[of_communities])


def test_a_charters_name_is_its_own(tmp_path: Path) -> None:
    """A policy of another meaning under the name of a charter's is refused."""
    with filled(tmp_path / "l.db", 3) as ledger:
        ledger.adopt(charter(BUSY), by="c")
        assert ledger.state(policies=["busy"]).check() == ()
        with pytest.raises(rl.InvalidInput, match="a charter has a policy 'busy' too"):
            ledger.state(policies=[EAGER])


def test_another_programs_file_stays_as_it_is(tmp_path: Path) -> None:
    """A path that is somebody's database is refused, and not touched."""
    other = tmp_path / "notes.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE notes (text)")
        connection.commit()
    before = other.read_bytes()
    with filled(tmp_path / "l.db", 2) as ledger:
        with pytest.raises(rl.InvalidInput, match="another program"):
            ledger.state(path=other)
        with pytest.raises(rl.InvalidInput, match="is a ledger"):
            ledger.state(path=tmp_path / "l.db")
    assert other.read_bytes() == before


def test_queries_cannot_change_anything(shared_target: str) -> None:
    """Whoever reads by SQL reads; what cannot be answered is said to be the query's fault."""
    with filled(shared_target, 3) as ledger:
        state = ledger.state()
        columns, rows = state.sql("SELECT member, role, community FROM roles_today WHERE role = ?", "lead")
        assert columns == ("member", "role", "community")
        assert sorted(rows) == [("m01", "lead", "c1"), ("m02", "lead", "c2")]
        with pytest.raises(rl.ReadOnly):
            state.sql("DELETE FROM member")
        for wrong, values in (
            ("SELECT nothing FROM nowhere", ()),
            ("SELECT ?", ()),
            ("SELECT 1", (1,)),
            ("COMMIT; DELETE FROM member", ()),
            ("COMMIT; DELETE FROM reps_state.member", ()),
            ("SET TRANSACTION READ WRITE; DELETE FROM reps_state.member", ()),
        ):
            with pytest.raises(rl.InvalidInput, match="cannot be asked of the tables"):
                state.sql(wrong, *values)
        assert state.sql("SELECT start FROM span_dated WHERE k1 = 'm00'")[1] == [("2018-01-01T00:00:00Z",)]
        assert state.check() == ()


def test_following_keeps_up(tmp_path: Path) -> None:
    """Entries come to be in the tables while a block runs, without anybody asking for it."""
    with filled(tmp_path / "l.db", 3) as ledger:
        state = ledger.state()
        with state.follow(wait=0.01):
            ledger.record(rl.MemberJoined(member="new"), by="c")
            for _ in range(500):
                if state.position == ledger.position:
                    break
                time.sleep(0.01)
            assert state.position == ledger.position
            assert "new" in names(state.roster())
        assert state.check() == ()


def test_following_waits_for_others_and_says_when_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where others write for long it tries again; where it cannot go on, whoever asks is told why."""
    with filled(tmp_path / "l.db", 2) as ledger:
        state = ledger.state()
        real, errors = state.refresh, [rl.Busy("others write"), rl.Damaged("the tables are damaged")]

        def refresh() -> Any:
            if ledger.position > state.position and errors:
                raise errors.pop(0)
            return real()

        monkeypatch.setattr(state, "refresh", refresh)
        with state.follow(wait=0.01) as following:
            following.must_go_on()
            ledger.record(rl.MemberJoined(member="new"), by="c")
            with pytest.raises(rl.Damaged, match="the tables are damaged"):  # noqa: PT012 — whenever it is
                for _ in range(500):
                    following.must_go_on()
                    time.sleep(0.01)
        assert errors == []
        assert state.check() == ()


def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """What counted by a clock that was ahead counts no more by the right one, unless they are near."""
    now = [datetime(2018, 6, 1, tzinfo=UTC)]
    with rl.open(tmp_path / "l.db", clock=lambda: now[0]) as ledger:
        for member in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=member), by="c", occurred_at=START)
        ahead = datetime(2018, 6, 1, 0, 0, 30, tzinfo=UTC)
        ledger.record(rl.RoleAssigned(member="ana", role="lead"), by="c", occurred_at=ahead)
        state = ledger.state()
        for later, because in ((timedelta(seconds=40), ""), (timedelta(days=1), "the clock was set back")):
            report = rl.ReportFiled(member="ben", activity="talk")
            ledger.record(report, by="c", occurred_at=START)
            now[0] += later
            state.refresh()
            now[0] -= later
            ledger.record(report, by="c", occurred_at=START)
            assert state.refresh().because == because
            assert state.check() == ()
            assert state.refresh().people == 0
        assert state.sql("SELECT changes IS NULL FROM member WHERE member = 'ana'")[1] == [(0,)]


def test_a_full_disk_is_said_and_leaves_the_tables(tmp_path: Path) -> None:
    """Nothing was written, and once there is room it goes on."""
    with filled(tmp_path / "l.db", 3) as ledger:
        state = ledger.state()
        before = state.position
        store = state.tables.store
        assert isinstance(store, SqliteStore)
        ((pages,),) = store._writer.execute("PRAGMA page_count").fetchall()
        store._writer.execute(f"PRAGMA max_page_count = {pages}")
        ledger.record_all([rl.MemberJoined(member=f"new{number}") for number in range(900)], by="c")
        for write in (state.refresh, state.rebuild):
            with pytest.raises(rl.StorageError, match="the disk is full"):
                write()
        assert state.position == before
        store._writer.execute("PRAGMA max_page_count = 1000000")
        assert state.refresh().entries == 900
        assert state.check() == ()


def test_what_cannot_be_used_says_what_to_do(shared_target: str, tmp_path: Path) -> None:
    """Closed tables, and places where there can be none."""
    with filled(shared_target, 2) as ledger:
        state = ledger.state()
        (tmp_path / "notes.txt").write_text("milk, bread " * 100)
        for path, words in (
            (tmp_path, "must be a file"),
            (tmp_path / "no" / "own.state", "in a folder that is there"),
            (tmp_path / "notes.txt", "is no file of tables of state; name another file"),
        ):
            with pytest.raises((rl.StorageError, rl.PathTaken), match=words):
                ledger.state(path=path)
        with pytest.raises(rl.InvalidInput):
            state.joined_between(datetime(2018, 1, 1), START)  # noqa: DTZ001 — that is what is refused
        assert state.lapsing(within=timedelta.max, at=START) != ()
    for ask in (state.roster, state.check, lambda: state.position):
        with pytest.raises(rl.Closed):
            ask()


def test_people_are_found_in_any_case(shared_target: str) -> None:
    """Also by letters that databases know no cases of."""
    with rl.open(shared_target) as ledger:
        for member in ("Özil", "Ana", "日本"):
            ledger.record(rl.MemberJoined(member=member), by="c")
        state = ledger.state()
        for text, found in (("ÖZ", ("Özil",)), ("öz", ("Özil",)), ("aN", ("Ana",)), ("本", ("日本",))):
            assert state.find(text) == found


@rl.fact("talk-2.held")
@attrs.frozen(kw_only=True)
class TalkHeld:
    """A fact of a service that names several people, and a community in personal text."""

    speakers: tuple[str, ...] = attrs.field(metadata=PERSON)
    community: str = attrs.field(metadata=PERSONAL)


@rl.fact("house.named")
@attrs.frozen(kw_only=True)
class HouseNamed:
    """A fact of a service by which a community has a person's name."""

    community: str = attrs.field(metadata=PERSON)


@pytest.mark.parametrize(
    "fact", [TalkHeld(speakers=("ana", "zoe"), community="own"), HouseNamed(community="zoe")]
)
def test_communities_that_columns_do_not_hold(fact: rl.Fact, tmp_path: Path) -> None:
    """They are in the tables all the same, made anew or brought up to date."""
    with rl.open(tmp_path / "l.db", facts=[TalkHeld, HouseNamed]) as ledger:
        ledger.record(rl.CommunityFounded(community="docs"), by="c")
        state = ledger.state()
        ledger.record(fact, by="c")
        state.refresh()
        assert state.check() == ()
        state.rebuild()
        assert state.check() == ()


def test_a_charter_about_facts_that_are_unknown_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none was recorded, tables and views say the same without that kind of fact as with it."""
    monkeypatch.setattr(everybody, "FROM", 0)
    asks = Policy("busy", cases=[when(count(facts("house.named")) >= 1).then("active")], otherwise="quiet")
    counted: list[Any] = []
    for known in ([HouseNamed], []):
        with rl.open(tmp_path / "l.db", facts=known) as ledger:
            if known:
                ledger.record(rl.MemberJoined(member="ana"), by="c", occurred_at=START)
                ledger.adopt(charter(asks), by="c")
            state = ledger.state()
            assert state.check() == ()
            counted += [rows.census(by="standing", at=[START]) for rows in (state, ledger.as_of())]
            counted += [[row[:3] for row in state.sql("SELECT outcome, active, policy FROM standing")[1]]]
    assert counted[:3] == counted[3:]


REFRESHING = """
import sys
import reps_ledger as rl
from reps_ledger.ledger import states
ledger = rl.open(sys.argv[1])
store = states._store(ledger._core, None)
tables = states.Tables(states._Log(ledger._core), store)
print("ready", flush=True)
input()
print(tables.refresh().people, flush=True)
"""


def test_two_who_refresh_at_once_do_the_work_once(shared_target: str) -> None:
    """Two processes: who comes second waits, and finds it done."""
    with filled(shared_target, 30) as ledger:
        ledger.state().close()
        for number in range(30):
            ledger.record(rl.ReportFiled(member=f"m{number:02}", activity="talk"), by="c")
        with Program("-c", REFRESHING, shared_target) as one, Program("-c", REFRESHING, shared_target) as two:
            for process in (one, two):
                assert process.hear() == "ready"
            for process in (one, two):
                process.tell("go")
            assert sorted(int(process.hear()) for process in (one, two)) == [0, 30]
        with closing(ledger.state()) as state:
            assert state.refresh().people == 0
            assert state.check() == ()


def test_threads_refresh_the_same_tables(shared_target: str) -> None:
    """Threads that share tables write them one after another."""
    with filled(shared_target, 4) as ledger, closing(ledger.state()) as state:

        def work(number: int) -> None:
            for _ in range(10):
                ledger.record(rl.ReportFiled(member=f"m{number:02}", activity="talk"), by="c")
                state.refresh()

        in_threads(4, work)
        assert state.position == ledger.position
        assert state.check() == ()


KILLED = """
import sys
import reps_ledger as rl
ledger = rl.open(sys.argv[1])
state = ledger.state()
print("ready", flush=True)
number = 0
while True:
    for member in range(5):
        ledger.record(rl.ReportFiled(member=f"m{member:02}", activity=str(number)), by="c")
    number += 1
    state.refresh()
    if number % 7 == 0:
        state.rebuild()
"""


@pytest.mark.parametrize("after", [0.02, 0.11, 0.23])
def test_after_a_kill_tables_are_of_a_prefix_of_the_log(after: float, shared_target: str) -> None:
    """Whenever a process is killed, what it leaves is whole, and is brought up to date from there."""
    filled(shared_target, 8).close()
    with Program("-c", KILLED, shared_target) as process:
        assert process.hear() == "ready"
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    with rl.open(shared_target) as ledger, closing(ledger.state()) as state:
        assert state.check() == ()
        assert state.position == ledger.position


def test_a_policy_of_a_charter_takes_the_place_of_one_that_was_kept(tmp_path: Path) -> None:
    """Opened for what they keep, tables go on: with the charter's. Whoever names the other is told."""
    with filled(tmp_path / "l.db") as ledger:
        ledger.state(policies=[EAGER]).close()
        ledger.adopt(charter(BUSY), by="council")
        state = ledger.state()
        assert state.tables.policies == ()
        assert state.check() == ()
        _, kept = state.sql("SELECT DISTINCT policy FROM standing ORDER BY policy")
        assert kept == [("",), ("busy",)]
        with pytest.raises(rl.InvalidInput, match="give yours another name"):
            ledger.state(policies=[EAGER])
