"""Columns as Arrow, for pandas, Polars, DuckDB and whatever else reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from reps_ledger.replay.columns.model import MISSING, Coded, Codes, Instants, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reps_ledger.replay.columns.parts import Parts

__all__ = ["every_kind", "one_kind"]

_INSTANT: Final = pa.timestamp("us", tz="UTC")
_TYPES: Final[dict[str, pa.DataType]] = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "date": pa.date32(),
}
_LONG: Final = pa.schema(
    [
        ("fact", pa.dictionary(pa.int32(), pa.string())),
        ("member", pa.dictionary(pa.int32(), pa.string())),
        ("occurred_at", _INSTANT),
        ("position", pa.int64()),
    ]
)


def one_kind(table: Table, parts: Parts, people: tuple[str, ...]) -> pa.Table:
    """Return one kind of fact with all its columns; its rows stay in their order."""
    names = pa.array(people, pa.string())
    columns: dict[str, pa.Array] = {
        name: _dictionary(codes, names) for name, codes in table.persons.items()
    }
    columns["occurred_at"] = _moments(table.at)
    columns["position"] = pa.array(table.order)
    for name, found in table.fields.items():
        if name not in columns:
            columns[name] = _values(found, parts.shapes[name])
    for name, moments in table.instants.items():
        columns[name] = _moments(moments)
    if table.verified is not None:
        columns["verified_at"] = _moments(table.verified)
    return pa.table(columns)


def every_kind(tables: Mapping[str, Table], people: tuple[str, ...]) -> pa.Table:
    """Return all kinds as one long table: ``fact, member, occurred_at, position``."""
    names = pa.array(people, pa.string())
    kinds = pa.array([*tables], pa.string())
    batches = []
    for number, table in enumerate(tables.values()):
        nobody = np.full(len(table), -1, np.int32)
        columns = [
            _dictionary(np.full(len(table), number, np.int32), kinds),
            _dictionary(table.persons.get("member", nobody), names),
            _moments(table.at),
            pa.array(table.order),
        ]
        batches.append(pa.record_batch(columns, schema=_LONG))
    return pa.Table.from_batches(batches, schema=_LONG)


def _dictionary(codes: Codes, values: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), values)


def _moments(instants: Instants) -> pa.Array:
    return pa.array(instants, mask=instants == MISSING).cast(_INSTANT)


def _values(found: Coded, shape: str) -> pa.Array:
    if shape == "text":
        return _dictionary(found.codes, pa.array(found.values, pa.string()))
    values = _array(found.values, shape)
    return values.take(pa.array(found.codes, mask=found.codes < 0))


def _array(values: tuple[Any, ...], shape: str) -> pa.Array:
    if shape != "list":
        try:
            return pa.array(values, _TYPES[shape])
        except OverflowError:  # whole numbers beyond 64 bits
            return pa.array([str(value) for value in values], pa.string())
    kind = type(next((item for value in values for item in value), ""))
    return pa.array([[*value] for value in values], pa.list_(_LISTED.get(kind, pa.string())))


_LISTED: Final[dict[type, pa.DataType]] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
}
