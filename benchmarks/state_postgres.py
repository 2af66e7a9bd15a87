"""Tables of state in PostgreSQL: built, brought up to date and read, beside `COPY` of the same rows.

The ledger is that of ``state.py``, whose entries are appended to a server that the tests' binaries
start. Times are those of the clock on the wall, as the server is another process.

Run by itself: ``PYTHONPATH=tests python benchmarks/state_postgres.py 70000 FOLDER``.
"""

from __future__ import annotations

import itertools
import sys
from contextlib import ExitStack
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from ratios import seconds, side_by_side

import reps_ledger as rl
from reps_ledger.log import SQLiteRecorder, open_recorder
from servers import new_database, postgres_running
from state import GOALS, MANY, NOW, ONES, PAGE, PAST, PEOPLE, POLICY, QUARTERS, made

if TYPE_CHECKING:
    from reps_ledger.state import State
    from state import Contenders

FACTS = 20_000
BATCH = 2_000


def run(folder: Path, facts: int = FACTS) -> list[str]:
    """Measure; return what to print."""
    path = made(folder, facts)
    now = NOW["made"]
    with postgres_running() as server, new_database(server) as dsn:
        _copy(path, dsn)
        with rl.open(dsn, clock=lambda: now) as ledger:
            figures = _measured(ledger, dsn)
    lines = [f"state in PostgreSQL of {figures.pop('facts'):,.0f} facts:"]
    return lines + [GOALS[name].said(figure) for name, figure in figures.items()]


def _copy(path: Path, dsn: str) -> None:
    """Append a ledger's events as they are stored."""
    target, close = open_recorder(dsn)
    with SQLiteRecorder(path) as source, ExitStack() as closing:
        closing.callback(close)
        events = (found.event for found in source.read())
        while batch := list(itertools.islice(events, BATCH)):
            target.append(batch)


def _measured(ledger: rl.Ledger, dsn: str) -> dict[str, float]:
    ledger.columns()
    found: dict[str, float] = {"facts": float(ledger.as_of().known_at)}
    with ledger.state() as tables:
        rows = _rows(dsn)
        took = side_by_side({"build": tables.rebuild, "insert": lambda: _insert(dsn, *rows)}, 3)
        found["build"], found["insert"] = took["build"] / took["insert"], took["insert"] * 1e3
        found |= _read(tables, ledger)
        found["nothing new"] = side_by_side({"it": tables.refresh}, 100)["it"] * 1e3
        found["one fact"], found["many"] = _refreshed(ledger, tables)
    with ledger.state(policies=[POLICY]) as tables:
        found["one fact by policy"], found["many by policy"] = _refreshed(ledger, tables)
        assert tables.check() == ()
    return {name: found[name] for name in ("facts", *GOALS) if name in found}


def _refreshed(ledger: rl.Ledger, tables: State) -> tuple[float, float]:
    names = [row.member for row in tables.roster(at=PAST, limit=MANY)]
    took = []
    for number in range(ONES):
        fact = rl.ReportFiled(member=names[number * len(names) // ONES], activity="one more")
        ledger.record(fact, by="bench")
        took.append(seconds(tables.refresh))
    ledger.record_all([rl.ReportFiled(member=name, activity="and more") for name in names], by="bench")
    return sorted(took)[len(took) // 2] * 1e3, seconds(tables.refresh) / len(names) * 1e3


def _read(tables: State, ledger: rl.Ledger) -> dict[str, float]:
    now = ledger.as_of().valid_at
    instants = {"now": now, "past": PAST + timedelta(days=400)}
    contenders: Contenders = {
        f"roster {people} {name}": partial(tables.roster, community=f"of {people}", at=at)
        for people in PEOPLE
        for name, at in instants.items()
    }
    by = ("role", "standing")
    contenders |= {
        "page": lambda: tables.roster(community=f"of {PEOPLE[-1]}", limit=PAGE),
        "page of all": lambda: tables.roster(limit=PAGE),
        "census": lambda: tables.census(by=by, at=now),
        "quarters": lambda: tables.census(by=by, at=QUARTERS),
    }
    return {name: took * 1e3 for name, took in side_by_side(contenders, 5).items()}


def _rows(dsn: str) -> tuple[list[str], dict[str, list[tuple[Any, ...]]]]:
    """Return the statements that make indexes, and all rows by table."""
    with psycopg.connect(dsn) as connection:
        indexes = connection.execute(
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'reps_state'"
        ).fetchall()
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'reps_state'")
        rows = {name: connection.execute(f"SELECT * FROM reps_state.{name}").fetchall() for (name,) in names}  # noqa: S608 — of its own schema
    return [definition.replace("reps_state.", "raw.") for (definition,) in indexes], rows


def _insert(dsn: str, indexes: list[str], rows: dict[str, list[tuple[Any, ...]]]) -> None:
    """Copy rows into new tables, and make their indexes, in one transaction."""
    with psycopg.connect(dsn) as connection:
        connection.execute("DROP SCHEMA IF EXISTS raw CASCADE")
        connection.execute("CREATE SCHEMA raw")
        for name, some in rows.items():
            connection.execute(f"CREATE TABLE raw.{name} (LIKE reps_state.{name})")
            with connection.cursor() as cursor, cursor.copy(f"COPY raw.{name} FROM STDIN") as copy:
                for row in some:
                    copy.write_row(row)
        for definition in indexes:
            connection.execute(definition)


if __name__ == "__main__":
    kept = Path(sys.argv[2])
    kept.mkdir(parents=True, exist_ok=True)
    print("\n".join(run(kept, int(sys.argv[1]))))
