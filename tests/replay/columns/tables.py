"""The rows of columns as plain values, and the rows that a reading's histories imply."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reps_ledger.domain.entries import people_in
from reps_ledger.domain.time import microseconds
from reps_ledger.replay.columns import MISSING, Columns
from reps_ledger.replay.columns.model import schema_of

if TYPE_CHECKING:
    from datetime import datetime

    from reps_ledger.domain.entries import Entry
    from reps_ledger.log import Reading
    from reps_ledger.replay.columns import Table

__all__ = ["expected", "same", "told"]

Rows = list[dict[str, Any]]


def told(columns: Columns) -> tuple[int, tuple[str, ...], dict[str, Rows]]:
    """Everything in columns: their position, the people, and every row of every kind."""
    tables = {name: _rows(columns, table) for name, table in columns.tables.items()}
    return columns.position, columns.people, _accounts_numbered(tables)


def _accounts_numbered(tables: dict[str, Rows]) -> dict[str, Rows]:
    """Number accounts in the order in which they come: whatever the key, equal ones are to be equal."""
    numbers: dict[Any, int] = {None: -1}
    for rows in (tables[name] for name in sorted(tables)):
        for row in rows:
            for name in [name for name in row if name.startswith("keyed ")]:
                row[name] = numbers.setdefault(row[name], len(numbers))
    return tables


def _rows(columns: Columns, table: Table) -> Rows:
    people = (*columns.people, None)
    found: Rows = [{"at": int(at)} for at in table.at]
    for row, line in enumerate(found):
        line["order"] = int(table.order[row])
        for name, codes in table.persons.items():
            line[f"person {name}"] = people[codes[row]]
        for name, coded in table.fields.items():
            line[name] = (*coded.values, None)[coded.codes[row]]
        for name, coded in table.keyed.items():
            line[f"keyed {name}"] = (*coded.values, None)[coded.codes[row]]
        for name, instants in table.instants.items():
            line[name] = int(instants[row])
        if table.verified is not None:
            line["verified"] = int(table.verified[row])
    return found


def expected(reading: Reading) -> tuple[int, tuple[str, ...], dict[str, Rows]]:
    """The same, derived from histories one by one."""
    registry = reading.log.codec.registry
    aliases = reading.amendments().aliases
    people: list[str] = []
    verified: dict[str, int] = {}
    readings = reading.amendments().readings
    for person, entries in reading.people():
        people.append(person)
        first: dict[str, int] = {}
        for entry in entries:
            if entry.name == "report.verified":
                report = readings.get(entry.fact.report, entry.fact.report)
                first.setdefault(report, microseconds(entry.occurred_at))
        own = {e.id for e in entries if e.name == "report.filed" and e.fact.member == person}
        verified |= {name: at for name, at in first.items() if name in own}
    tables: dict[str, Rows] = {}
    for entry in reading.everyone():
        tables.setdefault(entry.name, []).append(_row(entry, registry, aliases, verified))
    for rows in tables.values():
        rows.sort(key=lambda row: row.get("person member") or "")
    assert {p for e in reading.everyone() for p in people_in(e.fact, registry)} >= set(people)
    tables = {name: tables[name] for name in sorted(tables)}
    return reading.known_at, tuple(people), _accounts_numbered(tables)


def _row(entry: Entry, registry: Any, aliases: Any, verified: dict[str, int]) -> dict[str, Any]:
    schema = schema_of(registry.of(entry.fact))
    row: dict[str, Any] = {"at": microseconds(entry.occurred_at), "order": entry.origin}
    for name in schema.persons:
        person = getattr(entry.fact, name)
        row[f"person {name}"] = None if person in aliases else person
    for name in schema.coded:
        row[name] = getattr(entry if name in {"by", "source"} else entry.fact, name)
    for name in schema.keyed:
        row[f"keyed {name}"] = getattr(entry.fact, name)
    for name in schema.instants:
        moment: datetime | None = getattr(entry.fact, name)
        row[name] = MISSING if moment is None else microseconds(moment)
    if "verified" in schema.times:
        row["verified"] = verified.get(entry.id, MISSING)
    return row


def same(one: Columns, other: Columns) -> bool:
    """Whether two are the same to the last code and value."""

    def whole(columns: Columns) -> Any:
        return (
            *told(columns),
            [
                (name, field, coded.values, [type(value) for value in coded.values])
                for name, table in columns.tables.items()
                for field, coded in table.fields.items()
            ],
            dict(columns.identities),
        )

    return bool(whole(one) == whole(other))
