"""Columns: all that stands of everyone's history, an array for each field of each kind of fact.

A kind of fact is one `Table`. People, text and other values are kept as codes into a list of the
different values; instants as microseconds. Rows are in the order of member and time, as nearly
every question is about one member's facts in order. `TableSchema` says which fields of a kind
become which arrays, and the end of this file gives columns to Arrow, for pandas, Polars, DuckDB
and whatever else reads that.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import cached_property
from hashlib import blake2b
from secrets import token_bytes
from threading import Lock
from typing import Final, TypeVar, cast

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from attrs import field, frozen

from reps_ledger.domain.facts import FactType, Registry
from reps_ledger.domain.shown import shown
from reps_ledger.errors import InvalidInput, InvalidPolicy

ENVELOPE: Final = ("by", "source")
"""What of an entry itself is a column, beside when it happened and its position."""

NAMES_DUPLICATES: Final = frozenset({"members.merged", "members.unmerged"})
"""The kinds of which columns hold word for word whom they name."""

MISSING: Final[int] = int(np.iinfo(np.int64).min)
"""No instant."""

Codes = npt.NDArray[np.int32]
"""Places in a list of different values; -1 for None."""

Truths = npt.NDArray[np.bool_]

Instants = npt.NDArray[np.int64]
"""Microseconds since 1970, in UTC."""

Floats = npt.NDArray[np.float64]

Value = str | int | float | date | tuple["Value", ...]
"""What a field may hold that is kept as codes (``bool`` is an ``int``)."""

T = TypeVar("T")


@frozen(kw_only=True)
class TableSchema:
    """Which columns a kind of fact has.

    Attributes:
        name: the stored name.
        persons: fields that name one person.
        person_lists: fields that name several people; they are among ``coded``.
        coded: fields kept as codes into their values, and `ENVELOPE`.
        keyed: names of accounts, which are personal: kept as codes into keyed hashes of them.
        shapes: what each coded field holds, as `FactType` says.
        hints: the type of each field.
        numbers: the coded fields that hold numbers.
        instants: fields that hold an instant.
        times: when each happened, its order, and when it was verified, where it can be.
    """

    name: str
    persons: tuple[str, ...]
    person_lists: tuple[str, ...]
    coded: tuple[str, ...]
    keyed: tuple[str, ...]
    shapes: dict[str, str]
    hints: dict[str, type]
    numbers: tuple[str, ...]
    instants: tuple[str, ...]
    times: tuple[str, ...]


def schema_of(described: FactType) -> TableSchema:
    """Return which columns a kind of fact has.

    Personal text has none, so that nothing need be erased from columns; but accounts have codes.
    """
    name = described.kind.name
    shapes = described.shapes
    persons = tuple(sorted(p for p in described.persons if shapes[p] == "text"))
    person_lists = tuple(sorted(set(described.persons) - set(persons)))
    rest = sorted(described.names - set(persons) - described.personal - described.nested)
    coded = [field for field in rest if shapes[field] != "instant"]
    if name in NAMES_DUPLICATES:
        # A duplicate is nobody once it is merged, so it has no code; what was said is kept here.
        coded += persons
    return TableSchema(
        name=name,
        persons=persons,
        person_lists=person_lists,
        coded=(*coded, *ENVELOPE),
        keyed=tuple(sorted(described.keyed)),
        shapes={**{field: shapes[field] for field in coded}, **dict.fromkeys(ENVELOPE, "text")},
        hints={**typing.get_type_hints(described.cls), **dict.fromkeys(ENVELOPE, str)},
        numbers=tuple(field for field in coded if shapes[field] in {"int", "float"}),
        instants=tuple(field for field in rest if shapes[field] == "instant"),
        times=("at", "order", *(["verified"] if name == "report.filed" else [])),
    )


@frozen(eq=False)
class Coded:
    """A field, as codes into its different values.

    Attributes:
        values: the different values, sorted by ``repr``. None is not among them.
        codes: for each row, the place of its value among these; -1 for None. It may be given as
            a function that makes the codes when they are first asked for: often the values are
            enough.
    """

    values: tuple[Value, ...]
    _codes: Codes | Callable[[], Codes]

    @cached_property
    def codes(self) -> Codes:
        """For each row, the place of its value; -1 for None."""
        return self._codes() if callable(self._codes) else self._codes

    def matching(self, passes: Callable[[Value], bool]) -> Truths:
        """Return which rows have a value that passes; rows without a value do not."""
        passing = np.array([*map(passes, self.values), False], bool)
        return passing[self.codes]  # the code of None is -1: the last


class LazyMapping(Mapping[str, T]):
    """A mapping of some names, whose values are made when first asked for; safe between threads.

    Args:
        names: its keys.
        make: from a key to its value.
    """

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
    """All facts of one stored name that stand, as known at a position.

    Rows are in the order of ``(persons["member"], at, order)``, where the facts have a member.
    Arrays are made or read when they are first asked for, and must not be written to.

    Attributes:
        name: the stored name.
        times: `at`, `order`, and `verified` where facts of this kind can be.
        persons: for each field that names one person, codes into `Columns.people`; -1 for None,
            and for a duplicate that a merge names.
        fields: every other field, but for instants and personal text; what a merge says, word
            for word; and ``by`` and ``source`` of the entries.
        numbers: the fields that hold numbers, as floats; NaN for None.
        instants: the fields that hold instants, in microseconds; `MISSING` for None.
        keyed: the fields that name accounts; their values are hashes, keyed by `Columns.key`.
    """

    name: str
    times: Mapping[str, Instants]
    persons: Mapping[str, Codes]
    fields: Mapping[str, Coded]
    keyed: Mapping[str, Coded]
    numbers: Mapping[str, Floats]
    instants: Mapping[str, Instants]
    _sorted: dict[str, Instants] = field(factory=dict, init=False, repr=False)

    @property
    def at(self) -> Instants:
        """When each happened: microseconds since 1970, in UTC."""
        return self.times["at"]

    @property
    def order(self) -> Instants:
        """The position of each row's first entry, whatever corrected it: it breaks ties of `at`."""
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

    def telling(self, name: str) -> Coded:
        """Return a field by which spans are told apart: of accounts the hashes, of others the values.

        Raises:
            InvalidPolicy: columns do not hold it, as it is personal text.
        """
        return self.keyed[name] if name in self.keyed else self.coded(name)

    def naming(self, people: Truths, fields: Iterable[str] | None = None) -> Truths:
        """Return which rows name some people in fields for one person.

        Args:
            people: for each of `Columns.people`, whether they are among them.
            fields: in which of `persons`; None for any.
        """
        found = np.zeros(len(self), bool)
        for name in self.persons if fields is None else fields:
            found |= np.append(people, False)[self.persons[name]]  # the code of nobody is -1: the last
        return found

    def sorted_by(self, person: str) -> Instants:
        """Return the row numbers in the order of ``(persons[person], at, order)``.

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


class SaidOf(msgspec.Struct, frozen=True, array_like=True):
    """Under which identifiers a fact was told, some of whose people have several; see ``Told``.

    Attributes:
        fields: for each field that names one person, the identifier that it was told with.
        reach: for each of these, all that meant the same person then and still do.
    """

    fields: dict[str, str]
    reach: dict[str, tuple[str, ...]]


def new_key() -> bytes:
    """Return a random key."""
    return token_bytes(32)


def keyed(text: str, key: bytes) -> str:
    """Return a keyed hash of the name of an account."""
    return blake2b(text.encode(), key=key, digest_size=16).hexdigest()


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
        identities: by `Table.order`, of facts on which spans depend and that name people with several
            identifiers, the ones that they were told with.
        key: by which names of accounts are hashed, so that nobody without it can try out names.
    """

    position: int
    people: tuple[str, ...]
    tables: Mapping[str, Table]
    registry: Registry = field(repr=False)
    identities: Mapping[int, SaidOf] = field(factory=dict, repr=False)
    key: bytes = field(factory=new_key, repr=False)

    def table(self, name: str) -> Table:
        """Return the table of a kind of fact; an empty one where nothing of it stands.

        Raises:
            InvalidInput: no fact has that stored name here.
        """
        found = self.tables.get(name)
        return _empty(self._schema(name)) if found is None else found

    def arrow(self, name: str) -> pa.Table:
        """Return one kind of fact as an Arrow table, with all its fields.

        People are strings in a dictionary, instants are timestamps of microseconds in UTC.

        Raises:
            InvalidInput: no fact has that stored name here.
        """
        return _arrow_of_kind(self.table(name), self._schema(name), self.people)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Stream all kinds as Arrow: ``fact, member, occurred_at, position``."""
        found = _arrow_of_all(self.tables, self.people)
        return found.__arrow_c_stream__(requested_schema)

    def _schema(self, name: str) -> TableSchema:
        described = self.registry.named(name)
        if described is None:
            raise InvalidInput(f"this ledger knows no fact {shown(name, 60)}", field="name")
        return schema_of(described)


def _empty(schema: TableSchema) -> Table:
    none = np.empty(0, np.int64)
    codes = np.empty(0, np.int32)
    return Table(
        name=schema.name,
        times=dict.fromkeys(schema.times, none),
        persons=dict.fromkeys(schema.persons, codes),
        fields=dict.fromkeys(schema.coded, Coded((), codes)),
        keyed=dict.fromkeys(schema.keyed, Coded((), codes)),
        numbers=dict.fromkeys(schema.numbers, np.empty(0, np.float64)),
        instants=dict.fromkeys(schema.instants, none),
    )


def floats_of(coded: Coded) -> Floats:
    """Return a field's numbers as floats; NaN for None."""
    values = cast("tuple[int | float, ...]", coded.values)  # it is a field of numbers
    numbers = np.array([*map(_as_float, values), np.nan], np.float64)
    return numbers[coded.codes]  # the code of None is -1: the last


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond what floats reach
        return np.inf if value > 0 else -np.inf


_INSTANT: Final = pa.timestamp("us", tz="UTC")
_ARROW_TYPES: Final[dict[type, pa.DataType]] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
    date: pa.date32(),
}
_OF_ALL_KINDS: Final = pa.schema(
    [
        ("fact", pa.dictionary(pa.int32(), pa.string())),
        ("member", pa.dictionary(pa.int32(), pa.string())),
        ("occurred_at", _INSTANT),
        ("position", pa.int64()),
    ]
)


def _arrow_of_kind(table: Table, schema: TableSchema, people: tuple[str, ...]) -> pa.Table:
    names = pa.array(people, pa.string())
    columns: dict[str, pa.Array] = {name: _dictionary(codes, names) for name, codes in table.persons.items()}
    columns["occurred_at"] = _timestamps(table.at)
    columns["position"] = pa.array(table.order)
    for name, found in table.fields.items():
        if name not in columns:
            columns[name] = _values(found, name, schema)
    for name, moments in table.instants.items():
        columns[name] = _timestamps(moments)
    if table.verified is not None:
        columns["verified_at"] = _timestamps(table.verified)
    return pa.table(columns)


def _arrow_of_all(tables: Mapping[str, Table], people: tuple[str, ...]) -> pa.Table:
    names = pa.array(people, pa.string())
    kinds = pa.array([*tables], pa.string())
    batches = []
    for number, table in enumerate(tables.values()):
        nobody = np.full(len(table), -1, np.int32)
        columns = [
            _dictionary(np.full(len(table), number, np.int32), kinds),
            _dictionary(table.persons.get("member", nobody), names),
            _timestamps(table.at),
            pa.array(table.order),
        ]
        batches.append(pa.record_batch(columns, schema=_OF_ALL_KINDS))
    return pa.Table.from_batches(batches, schema=_OF_ALL_KINDS)


def _dictionary(codes: Codes, values: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), values)


def _timestamps(instants: Instants) -> pa.Array:
    return pa.array(instants, mask=instants == MISSING).cast(_INSTANT)


def _values(found: Coded, name: str, schema: TableSchema) -> pa.Array:
    if schema.shapes[name] == "text":
        return _dictionary(found.codes, pa.array(found.values, pa.string()))
    kind = _arrow_type(schema.hints[name])
    try:
        values = pa.array(found.values, kind)
    except OverflowError:  # whole numbers beyond 64 bits
        values = pa.array([*map(str, found.values)], pa.string())
    return values.take(pa.array(found.codes, mask=found.codes < 0))


def _arrow_type(hint: object) -> pa.DataType:
    """Return the Arrow type of a field's type hint: of ``int | None`` that of ``int``."""
    if hint in _ARROW_TYPES:
        return _ARROW_TYPES[hint]
    inner = [option for option in typing.get_args(hint) if option is not type(None)]
    kind = _arrow_type(inner[0])
    return pa.list_(kind) if typing.get_origin(hint) is tuple else kind
