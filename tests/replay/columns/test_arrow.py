"""Columns as Arrow: what other tools read is what the columns say."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given

import reps_ledger as rl
from histories import Offer, fill, histories, open_ledger
from replay.columns.tables import told
from reps_ledger.replay.columns import build
from scale import examples
from strategies import MentoringHeld

if TYPE_CHECKING:
    from reps_ledger.replay.columns import Columns

DAY = date(2018, 1, 1)
NOON = datetime(2018, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def columns() -> Columns:
    """Columns with a value and a None of every type."""
    with open_ledger() as ledger:
        for who in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=who), by="x", occurred_at=DAY)
        held = MentoringHeld(
            member="ana",
            mentor="ben",
            minutes=3,
            score=0.5,
            remote=True,
            began=NOON,
            day=DAY,
            topics=("a", "b"),
        )
        ledger.record(held, by="ben", occurred_at=NOON)
        less = MentoringHeld(member="ben", mentor="ana", minutes=2**70)
        ledger.record(less, by="ben", occurred_at=NOON, source="calendar")
        return ledger.columns()


def test_one_kind_with_all_its_fields(columns: Columns) -> None:
    """Every field is there under its name, in a type of its own; None is null."""
    first, second = columns.arrow("mentoring.held").to_pylist()
    assert first == {
        "member": "ana",
        "mentor": "ben",
        "occurred_at": NOON,
        "position": 3,
        "minutes": "3",
        "score": 0.5,
        "remote": True,
        "began": NOON,
        "day": DAY,
        "topics": ["a", "b"],
        "mood": "good",
        "by": "ben",
        "source": None,
    }
    assert second["minutes"] == str(2**70)  # too large for 64 bits
    assert (second["began"], second["day"], second["topics"]) == (None, None, [])
    assert second["source"] == "calendar"


def test_types_do_not_hang_on_what_there_is(columns: Columns) -> None:
    """A kind of which nothing stands has the same types as one of which something does."""
    with open_ledger() as ledger:
        empty = build(ledger.as_of().reading).arrow("mentoring.held").schema
    full = columns.arrow("mentoring.held").schema
    assert [f for f in empty if f.name != "minutes"] == [f for f in full if f.name != "minutes"]
    assert empty.field("minutes").type == pa.int64()
    assert empty.field("topics").type == pa.list_(pa.string())
    assert empty.field("began").type == pa.timestamp("us", tz="UTC")
    assert columns.arrow("report.filed").schema.field("verified_at").type == empty.field("began").type


@given(histories())
@examples(0.5)
def test_all_kinds_as_one_table(offers: list[Offer]) -> None:
    """Streamed as one long table, each row is a fact, its member, its instant and its place."""
    with open_ledger() as ledger:
        fill(ledger, offers)
        columns = ledger.columns()
    table = pa.table(columns)
    _, _, kinds = told(columns)
    assert [(row["fact"], row["member"], row["position"]) for row in table.to_pylist()] == [
        (name, row.get("person member"), row["order"]) for name, rows in kinds.items() for row in rows
    ]
    assert pa.RecordBatchReader.from_stream(columns).read_all() == table
    for name in kinds:
        columns.arrow(name).validate(full=True)


def test_a_schema_may_be_asked_for(columns: Columns) -> None:
    """A reader may ask for plain strings."""
    wanted = pa.schema(
        [
            ("fact", pa.string()),
            ("member", pa.string()),
            ("occurred_at", pa.timestamp("us", tz="UTC")),
            ("position", pa.int64()),
        ]
    )
    assert pa.table(columns, schema=wanted).schema == wanted


def test_duckdb_reads_them(columns: Columns) -> None:
    """DuckDB queries all kinds as one table, and each kind with its fields."""
    facts = pa.table(columns)
    held = columns.arrow("mentoring.held")
    with duckdb.connect() as connection:
        connection.register("facts", facts)
        connection.register("held", held)
        found = connection.sql("SELECT fact, count(*) FROM facts GROUP BY ALL ORDER BY ALL")
        assert found.fetchall() == [("member.joined", 2), ("mentoring.held", 2)]
        long = connection.sql("SELECT member FROM held WHERE list_contains(topics, 'a')")
        assert long.fetchall() == [("ana",)]
