"""Some rows of columns: those that name some people, or all but these."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
from attrs import evolve

from reps_ledger.replay.columns.model import (
    NAMES_DUPLICATES,
    Coded,
    Codes,
    Columns,
    Instants,
    SaidOf,
    Table,
    Truths,
    Value,
)


def columns_of_people(columns: Columns, chosen: Truths) -> Columns:
    """Return columns of the facts that name some people, and of those that name nobody.

    Args:
        columns: of everyone.
        chosen: for each of the people, whether they are among them.
    """
    rows = {name: _rows_of(table, chosen) for name, table in columns.tables.items()}
    named = np.zeros(len(columns.people), bool)
    for name, table in columns.tables.items():
        _mark(named, table, rows[name])
    return _of_rows(columns, rows, named, columns.identities)


def columns_without(columns: Columns, names: Collection[str]) -> Columns:
    """Return columns without the facts that name some people.

    Args:
        columns: of everyone.
        names: whom, also by identifiers that merges do not keep.
    """
    chosen = np.array([person in names for person in columns.people], bool)
    named = np.zeros(len(columns.people), bool)
    rows: dict[str, Instants] = {}
    gone: set[int] = set()
    for name, table in columns.tables.items():
        dropped = _naming(table, chosen, names, columns)
        rows[name] = np.flatnonzero(~dropped)
        if columns.identities:
            gone.update(table.order[dropped].tolist())
        _mark(named, table, rows[name])
        named[_listed(columns, table, rows[name])] = True
    identities = {order: said for order, said in columns.identities.items() if order not in gone}
    return _of_rows(columns, rows, named, identities)


def _of_rows(
    columns: Columns, rows: Mapping[str, Instants], named: Truths, identities: Mapping[int, SaidOf]
) -> Columns:
    """Return columns of some rows of each table, and of the people whom these name."""
    renumbered = np.append(np.cumsum(named) - 1, -1).astype(np.int32)
    same = bool(named.all())
    tables = {
        name: table if same and len(rows[name]) == len(table) else _taken(table, rows[name], renumbered)
        for name, table in columns.tables.items()
        if len(rows[name])
    }
    people = tuple(np.array(columns.people, object)[named].tolist())
    return Columns(columns.position, people, tables, columns.registry, identities, columns.key)


def _mark(named: Truths, table: Table, rows: Instants) -> None:
    """Mark whom some rows name in fields for one person."""
    for codes in table.persons.values():
        mine = codes[rows]
        named[mine[mine >= 0]] = True


def _naming(table: Table, chosen: Truths, names: Collection[str], columns: Columns) -> Truths:
    """Return which rows name some people: in a field for one, in a list, or in a merge's own words."""
    found = table.naming(chosen)
    for field in _lists(columns, table):
        found |= table.fields[field].matching(lambda value: any(person in names for person in _people(value)))
    if table.name in NAMES_DUPLICATES:
        for field in table.persons:
            found |= table.fields[field].matching(lambda value: value in names)
    return found


def _listed(columns: Columns, table: Table, rows: Instants) -> list[int]:
    """Return the places of all whom lists of people name in some rows."""
    lists = _lists(columns, table)
    if not lists:
        return []
    places = {person: place for place, person in enumerate(columns.people)}
    found = []
    for field in lists:
        coded = table.fields[field]
        for code in np.unique(coded.codes[rows]).tolist():
            people = _people(coded.values[code]) if code >= 0 else ()
            found += [places[str(person)] for person in people if person in places]
    return found


def _people(value: Value) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)


def _lists(columns: Columns, table: Table) -> list[str]:
    """Return the fields that name several people."""
    described = columns.registry.named(table.name)
    return [] if described is None else [name for name in described.persons if name not in table.persons]


def _rows_of(table: Table, chosen: Truths) -> Instants:
    """Return the rows that name some people, or all rows of facts that never name anybody."""
    return np.flatnonzero(table.naming(chosen)) if table.persons else np.arange(len(table))


def _taken(table: Table, rows: Instants, people: Codes) -> Table:
    """Return some rows of a table, with people renumbered."""
    return evolve(
        table,
        times={name: found[rows] for name, found in table.times.items()},
        persons={name: people[codes[rows]] for name, codes in table.persons.items()},
        fields={name: _coded(coded, rows) for name, coded in table.fields.items()},
        keyed={name: _coded(coded, rows) for name, coded in table.keyed.items()},
        numbers={name: found[rows] for name, found in table.numbers.items()},
        instants={name: found[rows] for name, found in table.instants.items()},
    )


def _coded(coded: Coded, rows: Instants) -> Coded:
    """Return some rows of a field, with the values that are used there alone."""
    codes = coded.codes[rows]
    used = np.unique(codes[codes >= 0])
    renumbered = np.full(len(coded.values) + 1, -1, np.int32)
    renumbered[used] = np.arange(len(used), dtype=np.int32)
    return Coded(tuple(coded.values[code] for code in used.tolist()), renumbered[codes])
