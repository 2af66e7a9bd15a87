"""Many who record in one SQLite file: they share commits, none starves, and times of recording go on."""

from __future__ import annotations

import sqlite3
import threading
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from processes import PATIENCE
from racers import LEAD, in_threads
from reps_ledger.errors import ConfigurationError, Conflict, Refused, StorageError
from reps_ledger.log.sqlite import presence
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START: Final = datetime(2020, 1, 1, tzinfo=UTC)
WHO: ContextVar[str] = ContextVar("WHO", default="nobody")


def joined(ledger: rl.Ledger, *members: str) -> None:
    """Have people join."""
    ledger.record_all([rl.MemberJoined(member=member) for member in members], by="council")


def report(member: str, activity: str = "talk") -> rl.ReportFiled:
    """A report."""
    return rl.ReportFiled(member=member, activity=activity)


class Commits:
    """Counts commits to ledgers in files, waits before them while a gate is shut, and fails some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.gate = threading.Event()
        self.gate.set()
        self.reached = threading.Event()
        self.fails = 0
        real = presence.FileConnection.execute

        def execute(connection: Any, sql: str, *arguments: Any) -> Any:
            if sql == "COMMIT":
                self.count += 1
                self.reached.set()
                assert self.gate.wait(PATIENCE)
                if self.fails:
                    self.fails -= 1
                    raise sqlite3.OperationalError("disk I/O error")
            return real(connection, sql, *arguments)

        monkeypatch.setattr(presence.FileConnection, "execute", execute)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    """Commits, counted."""
    return Commits(monkeypatch)


class Waiting:
    """Calls in threads of their own, which wait while the first one commits; what each came to, in order."""

    def __init__(self, ledger: rl.Ledger, commits: Commits) -> None:
        self.group: Any = ledger._core.log.recorder._group  # type: ignore[attr-defined]  # it is in a file
        self.commits = commits
        self.told: list[Any] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.commits.gate.clear()
        self.commits.reached.clear()
        return self

    def call(self, work: Callable[[], Any]) -> None:
        """Call something; the first is in its commit when this returns, the others are queued."""
        place = len(self.told)
        self.told.append(None)

        def run() -> None:
            WHO.set(f"thread {place}")
            try:
                self.told[place] = work()
            except Exception as error:  # noqa: BLE001 — it is what was told
                self.told[place] = error

        self._threads.append(threading.Thread(target=run, daemon=True))
        self._threads[-1].start()
        if place == 0:
            assert self.commits.reached.wait(PATIENCE)
        for _ in range(int(PATIENCE * 200)):
            if len(self.group._waiting) == place:
                return
            threading.Event().wait(0.005)
        raise AssertionError("it was not queued")

    def __exit__(self, *_: object) -> None:
        self.commits.gate.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def test_threads_share_a_commit(sqlite_path: Path, commits: Commits) -> None:
    """What threads record while another commits is one commit: each judged after those before it."""
    with rl.open(sqlite_path) as ledger:
        joined(ledger, "ana", "ben")
        vouch = rl.Vouched(member="ana", voucher="ben", reason="known")
        with Waiting(ledger, commits) as waiting:
            commits.count = 0
            waiting.call(lambda: ledger.record(report("ana"), by="ana"))
            for _ in range(2):
                waiting.call(lambda: ledger.record(vouch, by="ben"))
            waiting.call(lambda: ledger.record_all([report("ana"), report("ben")], by="x", command_id="c"))
            waiting.call(lambda: ledger.record_all([report("ana"), report("ben")], by="x", command_id="c"))
        first, vouched, again, command, repeated = waiting.told
        assert commits.count == 2
        assert [first.position, vouched.position, command.position] == [4, 5, 7]
        assert isinstance(again, Refused)
        assert again.codes == ("already_vouched",)
        assert repeated.repeated
        assert repeated.entries == command.entries
        assert [entry.position for entry in ledger.entries()] == [1, 2, 3, 4, 5, 6, 7]


def test_a_commit_that_fails_takes_back_what_was_judged(sqlite_path: Path, commits: Commits) -> None:
    """Whoever was judged by what a failing commit took back is told of the failure, also who was refused."""
    with rl.open(sqlite_path) as ledger:
        joined(ledger, "ana")
        with Waiting(ledger, commits) as waiting:
            waiting.call(lambda: ledger.record(report("ana"), by="ana"))
            waiting.call(lambda: ledger.record(rl.MemberJoined(member="ben"), by="council"))
            waiting.call(lambda: ledger.record(report("ben"), by="ben"))
            waiting.call(lambda: ledger.record(rl.MemberJoined(member="ben"), by="council"))
            commits.fails = 2
        assert [type(told) for told in waiting.told] == [StorageError] * 4
        assert ledger.position == 2
        with pytest.raises(Refused) as refused:
            ledger.record(report("ben"), by="ben")
        assert refused.value.codes == ("not_joined",)
        assert ledger.record(rl.MemberJoined(member="ben"), by="council").position == 3
        assert ledger.record(report("ben"), by="ben").position == 4


def _own(entry: rl.Entry) -> Iterator[rl.Refusal]:
    if entry.fact.activity == "broken":
        raise ZeroDivisionError("a rule of the service's own")
    if entry.fact.activity == "seen":
        yield rl.Refusal(code="seen", words=WHO.get())


def test_rules_of_a_service(sqlite_path: Path, commits: Commits) -> None:
    """Its rules see the context of whoever records, and an error of theirs concerns nobody else."""
    rule = rl.Rule(name="report.filed", judge=_own)
    with rl.open(sqlite_path, rules=[rule]) as ledger:
        joined(ledger, "ana")
        with Waiting(ledger, commits) as waiting:
            for activity in ("talk", "seen", "broken", "seen", "talk"):
                waiting.call(partial(ledger.record, report("ana", activity), by="ana"))
        first, seen, broken, again, last = waiting.told
        assert [first.position, last.position] == [3, 4]
        assert isinstance(broken, ZeroDivisionError)
        assert [each.refusals[0].words for each in (seen, again)] == ["thread 1", "thread 3"]


@pytest.mark.parametrize("where", ["file", "memory"])
def test_a_rule_that_uses_its_ledger(where: str, sqlite_path: Path) -> None:
    """A rule that records in the ledger that asks it is told so: it would wait for itself. It may read."""
    found: list[Any] = []

    def nosy(_: rl.Entry) -> Iterator[rl.Refusal]:
        found.append(ledger.as_of().member("ana").membership.is_member)
        try:
            ledger.record(report("ana"), by="rule")
        except ConfigurationError as error:
            found.append(str(error))
        return iter(())

    rule = rl.Rule(name="report.filed", judge=nosy)
    with rl.open(sqlite_path if where == "file" else None, rules=[rule], timeout=2) as ledger:
        joined(ledger, "ana")
        ledger.record(report("ana"), by="ana")
        assert found == [
            True,
            "a rule, or what it calls, records in the ledger that asks it; a rule only judges",
        ]
        assert len(list(ledger.entries())) == (3 if where == "file" else 2)


def test_what_others_recorded_is_judged(sqlite_path: Path) -> None:
    """A ledger that knows a part from before judges by what others recorded there since."""
    given = rl.RoleAssigned(member="ana", role="mentor")
    with rl.open(sqlite_path) as one, rl.open(sqlite_path) as two:
        joined(one, "ana")
        one.record(given, by="council")
        one.record(rl.RoleEnded(member="ana", role="mentor", how="resigned"), by="council")
        two.record(given, by="council")
        with pytest.raises(Refused) as refused:
            one.record(given, by="council")
        assert refused.value.codes == ("role_held",)
        two.record(rl.RoleEnded(member="ana", role="mentor", how="resigned"), by="council")
        assert one.record(given, by="council").position == 7


def test_a_batch_that_is_refused_leaves_nothing_known(sqlite_path: Path) -> None:
    """What was judged after an entry of a batch that was refused is not so for whoever comes next."""
    with rl.open(sqlite_path) as ledger:
        joined(ledger, "ana")
        with pytest.raises(Refused):
            ledger.record_all([rl.MemberJoined(member="ben"), report("carl")], by="council")
        with pytest.raises(Refused) as refused:
            ledger.record(report("ben"), by="ben")
        assert refused.value.codes == ("not_joined",)


@pytest.mark.parametrize("retries", [0, 20])
def test_contention_is_no_conflict(sqlite_path: Path, retries: int) -> None:
    """Sixteen threads of two ledgers that meet at one seat get it or are refused, and nothing else."""
    with (
        rl.open(sqlite_path, rules=[LEAD], retries=retries) as one,
        rl.open(sqlite_path, rules=[LEAD], retries=retries) as two,
    ):
        joined(one, *(f"m{number}" for number in range(16)))

        def sit(number: int) -> list[str]:
            said: list[str] = []
            ledger, member = (one, two)[number % 2], f"m{number}"
            for _ in range(6):
                try:
                    ledger.record(rl.RoleAssigned(member=member, role="lead"), by="x")
                except Refused as refused:
                    said += refused.codes
                except Conflict:
                    said.append("conflict")
                else:
                    said.append("sat")
                    (one, two)[number % 2].record(
                        rl.MemberRetired(member=f"m{number}", how="resigned"), by="x"
                    )
            return said

        told = [code for each in in_threads(16, sit) for code in each]
        assert {*told} <= {"sat", "no_seat"}
        assert told.count("sat") >= 1


def test_imports_meet_writers(sqlite_path: Path) -> None:
    """An import goes on however much others record what its rows depend on: without a single retry."""
    rows = [
        {"fact": "report.filed", "member": "ana", "activity": f"a{number}", "occurred_at": "2018-01-01"}
        for number in range(60)
    ]
    with rl.open(sqlite_path, retries=0) as one, rl.open(sqlite_path) as two:
        one.record(rl.MemberJoined(member="ana"), by="council", occurred_at=START.replace(year=2015))
        done = threading.Event()

        def write() -> int:
            count = 0
            while not done.is_set():
                two.record(report("ana"), by="ana")
                count += 1
            return count

        def load() -> int:
            try:
                parts = [rows[start : start + 6] for start in range(0, 60, 6)]
                return sum(one.import_history(part).recorded for part in parts)
            finally:
                done.set()

        recorded, written = in_threads(2, lambda number: (load, write)[number]())
        assert recorded == 60
        assert one.position == 2 + recorded + written


@examples(0.3)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-400, 400), st.booleans()), min_size=1, max_size=12))
def test_times_of_recording_never_run_backwards(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, bool]]
) -> None:
    """Whatever the clocks of those who record say; what happens is dated by the clock as it is."""
    path = tmp_path_factory.mktemp("clocks") / "reps.db"
    now = [START]

    def clock() -> datetime:
        return now[0]

    def row(number: int) -> dict[str, str]:
        return {
            "fact": "report.filed",
            "member": "ana",
            "activity": f"a{number}",
            "occurred_at": "2018-01-01",
        }

    with rl.open(path, clock=clock) as one, rl.open(path, clock=clock) as two:
        one.record(rl.MemberJoined(member="ana"), by="council", occurred_at=START.replace(year=2015))
        for number, (who, days, imports) in enumerate(steps):
            now[0] = START + timedelta(days=days)
            ledger = (one, two, one)[who]
            if imports:
                ledger.import_history([row(number)])
            else:
                entry = ledger.record(report("ana"), by="ana").entry
                assert entry.occurred_at == now[0]
        times = [entry.recorded_at for entry in one.entries()]
    assert times == sorted(times)
    assert max(times) == max(START, *(START + timedelta(days=days) for _, days, _ in steps))
