"""Tables stay right whatever the testing kit's machine does: races, corrections, restored backups."""

from __future__ import annotations

import shutil
import sqlite3
import unittest
from contextlib import ExitStack, closing
from datetime import date
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

import reps_ledger as rl
from reps_ledger.policies import Policy, members, when
from reps_ledger.testing import ledger_machine
from scale import examples
from servers import new_database
from state.test_agreement import AT_ONCE, BUSY, LEANING, at_once_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reps_ledger.state import State

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

OF_ALL = Policy("crowded", cases=[when(members() >= 2).then("yes")], otherwise="no")
"""A policy about everybody, so that each entry concerns all."""

KEPT = [[], [BUSY], [LEANING], [OF_ALL, BUSY]]


def with_tables(  # noqa: C901 — a class of its own for each store
    make: Callable[[], Callable[[], rl.Ledger]], folders: Iterator[Path] | None = None
) -> Any:
    """Return the machine of a store, with tables that several processes might keep.

    Args:
        make: as for `ledger_machine`.
        folders: new ones, for backups; None where the store is no file.
    """

    class WithTables(ledger_machine(make)):  # type: ignore[misc]  # made for each store
        """Two ledgers on one store; each may bring the tables up to date, from wherever they are."""

        backup: Path | None = None

        def state_of(self, by: int, kept: list[Policy] | None = None) -> State:
            """Open the tables of one of the ledgers."""
            opened: State = self.ledgers[by].state(policies=kept)
            return opened

        @rule(by=st.integers(0, 1), kept=st.sampled_from(KEPT), many=AT_ONCE)
        def open_tables(self, by: int, kept: list[Policy], many: int | None) -> None:
            """Open them for some policies: they are made anew where these are others."""
            with at_once_from(many), closing(self.state_of(by, kept)) as state:
                assert state.position == self.ledgers[by].position

        @rule(by=st.integers(0, 1), many=AT_ONCE)
        def refresh(self, by: int, many: int | None) -> None:
            """Bring them up to date for the policies that they keep, by one of the ledgers."""
            with at_once_from(many), closing(self.state_of(by)) as state:
                assert state.refresh().entries == 0

        @rule(by=st.integers(0, 1))
        def rebuild(self, by: int) -> None:
            """Make them anew."""
            with closing(self.state_of(by)) as state:
                assert state.rebuild().rebuilt

        @rule(by=st.integers(0, 1))
        def check(self, by: int) -> None:
            """They are what follows from the log."""
            with closing(self.state_of(by)) as state:
                assert state.check() == ()

        @rule(by=st.integers(0, 1))
        def take_turns_with_tables(self, by: int) -> None:
            """Two that are open at once, one of which was brought up to date by the other's."""
            with closing(self.state_of(by)) as one, closing(self.state_of(1 - by)) as other:
                news = rl.MemberJoined(member=f"x{len(self.model.ids)}")
                self.model.attempt(self.ledgers[by], [(news, date(2018, 1, 1))])
                one.refresh()
                assert other.refresh().entries == 0
                assert other.check() == ()

        @precondition(lambda _: folders is not None)
        @rule()
        def back_up(self) -> None:
            """Copy the log as it is, for `restored`."""
            assert folders is not None
            self.backup = next(folders)
            self.backup.mkdir()
            with (
                closing(sqlite3.connect(self.path(0))) as source,
                closing(sqlite3.connect(self.backup / "old.db")) as copy,
            ):
                source.backup(copy)

        @precondition(lambda self: self.backup is not None)
        @rule(by=st.integers(0, 1), again=st.booleans())
        def restored(self, by: int, again: bool) -> None:
            """The tables of now beside the log of then: they notice, also once others recorded as much."""
            assert self.backup is not None
            self.state_of(by).close()
            restored = self.backup / "restored.db"
            shutil.copy(self.backup / "old.db", restored)
            for beside in self.path(by).parent.glob(f"{self.path(by).name}.state*"):
                shutil.copy(beside, self.backup / beside.name.replace(self.path(by).name, restored.name))
            with rl.open(restored) as ledger:
                while again and ledger.position < self.ledgers[by].position:
                    ledger.record(rl.MemberJoined(member=f"new{ledger.position}"), by="c")
                state = ledger.state()
                assert state.position == ledger.position
                assert state.check() == ()
            for each in self.backup.glob("restored*"):
                shutil.rmtree(each) if each.is_dir() else each.unlink()

        def path(self, by: int) -> Path:
            """Return the file of a ledger."""
            found: Path | None = self.ledgers[by]._core.log.path
            assert found is not None
            return found

        def teardown(self) -> None:
            """However it ends, they are right, or are brought there."""
            with closing(self.state_of(0)) as state:
                assert state.check() == ()
            super().teardown()

    return WithTables


def run(machine: Any, share: float) -> None:
    """Run it; the share is of the usual number of examples."""
    case = machine.TestCase
    case.settings = examples(
        share, stateful_step_count=14, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    result = unittest.TestResult()
    case("runTest").run(result)
    assert result.testsRun == 1
    assert result.wasSuccessful(), "".join(text for _, text in [*result.errors, *result.failures])


def test_tables_of_files(tmp_path: Path) -> None:
    """Beside a ledger's file, which is opened twice."""
    numbers = count()

    def make() -> Callable[[], rl.Ledger]:
        path = tmp_path / f"{next(numbers)}.db"
        return lambda: rl.open(path)

    run(with_tables(make, (tmp_path / f"backup{number}" for number in count())), 0.16)


def test_tables_in_postgresql(postgres_server: Any) -> None:
    """In a schema of the ledger's database."""
    with ExitStack() as databases:

        def make() -> Callable[[], rl.Ledger]:
            dsn = databases.enter_context(new_database(postgres_server))
            return lambda: rl.open(dsn)

        run(with_tables(make), 0.05)
