"""Columns as Arrow, for pandas, Polars, DuckDB and whatever else reads it."""

from __future__ import annotations

import typing
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from reps_ledger.replay.columns.model import MISSING, Coded, Codes, Instants, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reps_ledger.replay.columns.parts import Parts

__all__ = ["every_kind", "one_kind"]

_INSTANT: Final = pa.timestamp("us", tz="UTC")
_TYPES: Final[dict[type, pa.DataType]] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    date: pa.date32(),
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
            columns[name] = _values(found, name, parts)
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


def _values(found: Coded, name: str, parts: Parts) -> pa.Array:
    if parts.shapes[name] == "text":
        return _dictionary(found.codes, pa.array(found.values, pa.string()))
    kind = _type_of(parts.hints[name])
    try:
        values = pa.array(found.values, kind)
    except OverflowError:  # whole numbers beyond 64 bits
        values = pa.array([*map(str, found.values)], pa.string())
    return values.take(pa.array(found.codes, mask=found.codes < 0))


def _type_of(hint: Any) -> pa.DataType:
    if hint in _TYPES:
        return _TYPES[hint]
    inner = [option for option in typing.get_args(hint) if option is not type(None)]
    kind = _type_of(inner[0])
    return pa.list_(kind) if typing.get_origin(hint) is tuple else kind
