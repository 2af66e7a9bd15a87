"""What columns are: per kind of fact, arrays of all that stands, in order of member and time.

Which column each field of a kind of fact becomes.

Columns as Arrow, for pandas, Polars, DuckDB and whatever else reads it.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from attrs import field, frozen

from reps_ledger.domain.facts import Registry
from reps_ledger.errors import InvalidInput, InvalidPolicy

if TYPE_CHECKING:
    from reps_ledger.domain.facts import FactType

__all__ = [
    "ENVELOPE",
    "MISSING",
    "Coded",
    "Codes",
    "Columns",
    "Floats",
    "Instants",
    "Lazily",
    "Parts",
    "Table",
    "every_kind",
    "one_kind",
    "parts_of",
]

ENVELOPE: Final = ("by", "source")
"""What of an entry itself is a column, beside when it happened and its place."""

_AS_SAID: Final = frozenset({"members.merged", "members.unmerged"})


@frozen(kw_only=True)
class Parts:
    """The columns of one kind of fact.

    Attributes:
        name: the stored name.
        persons: fields that name one person.
        several: fields that name several; they are among ``coded``.
        coded: fields kept as codes into their values, with `ENVELOPE`.
        shapes: what each of these holds, as `FactType` says.
        hints: of what type each is.
        numbers: those of them that hold numbers.
        instants: fields that hold an instant.
        times: when each happened, its order, and when it was verified, where it can be.
    """

    name: str
    persons: tuple[str, ...]
    several: tuple[str, ...]
    coded: tuple[str, ...]
    shapes: dict[str, str]
    hints: dict[str, Any]
    numbers: tuple[str, ...]
    instants: tuple[str, ...]
    times: tuple[str, ...]


def parts_of(described: FactType) -> Parts:
    """Say which columns a kind of fact has. Personal text has none: there is nothing to erase."""
    name = described.kind.name
    shapes = described.shapes
    persons = tuple(sorted(p for p in described.persons if shapes[p] == "text"))
    several = tuple(sorted(set(described.persons) - set(persons)))
    rest = sorted(described.names - set(persons) - described.personal - described.nested)
    coded = [field for field in rest if shapes[field] != "instant"]
    if name in _AS_SAID:
        coded += persons  # a duplicate is nobody any more, and yet it is what was said
    return Parts(
        name=name,
        persons=persons,
        several=several,
        coded=(*coded, *ENVELOPE),
        shapes={**{field: shapes[field] for field in coded}, **dict.fromkeys(ENVELOPE, "text")},
        hints={**typing.get_type_hints(described.cls), **dict.fromkeys(ENVELOPE, str)},
        numbers=tuple(field for field in coded if shapes[field] in {"int", "float"}),
        instants=tuple(field for field in rest if shapes[field] == "instant"),
        times=("at", "order", *(["verified"] if name == "report.filed" else [])),
    )


MISSING: Final[int] = int(np.iinfo(np.int64).min)
"""No instant."""

Codes = npt.NDArray[np.int32]
Instants = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

Value = str | int | float | date | tuple["Value", ...]
"""What a field may hold, where columns hold it: truth is an ``int`` to Python."""

T = TypeVar("T")


@frozen(eq=False)
class Coded:
    """A field, as codes into its different values.

    Attributes:
        values: the different values, sorted by ``repr``: text, truth, numbers, dates, and tuples
            of them for a field that holds a list. None is not among them.
        codes: for each row, which of them; -1 for None. Or what makes these when they are
            first asked for: often the values are enough.
    """

    values: tuple[Value, ...]
    _codes: Codes | Callable[[], Codes]

    @cached_property
    def codes(self) -> Codes:
        """For each row, which of the values; -1 for None."""
        return self._codes() if callable(self._codes) else self._codes

    def matching(self, passes: Callable[[Value], bool]) -> npt.NDArray[np.bool_]:
        """Return which rows have a value that passes; rows without a value do not."""
        passing = np.array([*map(passes, self.values), False], bool)
        return passing[self.codes]  # the code of None is -1: the last


class Lazily(Mapping[str, T]):
    """What is made of each of some names when it is first asked for; safe between threads."""

    def __init__(self, names: tuple[str, ...], make: Callable[[str], T]) -> None:
        self._names = dict.fromkeys(names)
        self._make = make
        self._made: dict[str, T] = {}
        self._lock = Lock()

    def __getitem__(self, name: str) -> T:
        if name not in self._names:
            raise KeyError(name)
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@frozen(eq=False)
class Table:
    """What stands of all facts of one stored name, known at a position.

    Rows are in the order of ``(persons["member"], at, order)``, where the facts have a member.
    Arrays are made or read when they are first asked for, and must not be written to.

    Attributes:
        name: the stored name.
        times: `at`, `order`, and `verified` where facts of this kind can be.
        persons: per field that names one person, codes into `Columns.people`; -1 for None, and
            for a duplicate that a merge names.
        fields: every other field that is no instant and holds no personal text; what a merge
            says, word for word; and ``by`` and ``source`` of the entries.
        numbers: the fields that hold numbers, as floats; NaN for None.
        instants: the fields that hold instants, in microseconds; `MISSING` for None.
    """

    name: str
    times: Mapping[str, Instants]
    persons: Mapping[str, Codes]
    fields: Mapping[str, Coded]
    numbers: Mapping[str, Floats]
    instants: Mapping[str, Instants]
    _sorted: dict[str, Instants] = field(factory=dict, init=False, repr=False)

    @property
    def at(self) -> Instants:
        """When each happened: microseconds since 1970, in UTC."""
        return self.times["at"]

    @property
    def order(self) -> Instants:
        """The position of the entry that each is, or that it corrects: it breaks ties of `at`."""
        return self.times["order"]

    @property
    def verified(self) -> Instants | None:
        """When somebody first verified each report; `MISSING` where nobody did.

        None for facts of other kinds.
        """
        return self.times.get("verified")

    def __len__(self) -> int:
        return len(self.at)

    def coded(self, name: str) -> Coded:
        """Return a field's values and codes.

        Raises:
            InvalidPolicy: columns do not hold it, as it is personal text.
        """
        if name not in self.fields:
            raise InvalidPolicy(
                f"{name!r} of {self.name} is personal text: columns do not hold it, and no "
                "backtest can go by it; evaluate the policy at each date instead"
            )
        return self.fields[name]

    def sorted_by(self, person: str) -> Instants:
        """Return the places of rows in the order of ``(persons[person], at, order)``.

        Raises:
            KeyError: no field of that name names one person.
        """
        found = self._sorted.get(person)
        if found is None:
            codes = self.persons[person]
            if person == "member":
                found = np.arange(len(codes), dtype=np.int64)
            else:
                found = np.lexsort((self.order, self.at, codes))
            found.setflags(write=False)
            self._sorted[person] = found
        return found


@frozen(eq=False)
class Columns:
    """All that stands of everyone's history, as known at a position.

    Arrow's readers take it as one long table of ``fact, member, occurred_at, position``; see
    `arrow` for all fields of one kind.

    Attributes:
        position: what is known: entries up to this position, corrections and merges applied.
        people: everyone whom anything that stands names, each under the identifier that merges
            kept, sorted.
        tables: by stored name; kinds of which nothing stands are absent.
        registry: the kinds of fact.
    """

    position: int
    people: tuple[str, ...]
    tables: Mapping[str, Table]
    registry: Registry = field(repr=False)

    def table(self, name: str) -> Table:
        """Return the table of a kind of fact; an empty one where nothing of it stands.

        Raises:
            InvalidInput: no fact has that stored name here.
        """
        found = self.tables.get(name)
        return _empty(self._parts(name)) if found is None else found

    def arrow(self, name: str) -> pa.Table:
        """Return one kind of fact as an Arrow table.

        People are strings in a dictionary, instants are timestamps of microseconds in UTC.

        Raises:
            InvalidInput: no fact has that stored name here.
        """
        from reps_ledger.replay.columns.model import one_kind  # noqa: PLC0415 — only here

        return one_kind(self.table(name), self._parts(name), self.people)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Stream all kinds as Arrow: ``fact, member, occurred_at, position``."""
        from reps_ledger.replay.columns.model import every_kind  # noqa: PLC0415 — only here

        return every_kind(self.tables, self.people).__arrow_c_stream__(requested_schema)

    def _parts(self, name: str) -> Parts:
        described = self.registry.named(name)
        if described is None:
            raise InvalidInput(f"this ledger knows no fact {name!r:.60}", field="name")
        return parts_of(described)


def _empty(parts: Parts) -> Table:
    none = np.empty(0, np.int64)
    codes = np.empty(0, np.int32)
    return Table(
        name=parts.name,
        times=dict.fromkeys(parts.times, none),
        persons=dict.fromkeys(parts.persons, codes),
        fields=dict.fromkeys(parts.coded, Coded((), codes)),
        numbers=dict.fromkeys(parts.numbers, np.empty(0, np.float64)),
        instants=dict.fromkeys(parts.instants, none),
    )


def floats_of(coded: Coded) -> Floats:
    """Return a field's numbers as floats; NaN for None."""
    values = cast("tuple[int | float, ...]", coded.values)  # it is a field of numbers
    numbers = np.array([*map(_as_float, values), np.nan], np.float64)
    return numbers[coded.codes]  # -1 is the last


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond what floats reach
        return np.inf if value > 0 else -np.inf


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
