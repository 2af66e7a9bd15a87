"""What columns are: per kind of fact, arrays of all that stands, in order of member and time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from attrs import field, frozen

from reps_ledger.domain.facts import Registry
from reps_ledger.errors import InvalidInput
from reps_ledger.replay.columns.parts import Parts, parts_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MISSING", "Coded", "Codes", "Columns", "Floats", "Instants", "Lazily", "Table"]

MISSING: Final[int] = int(np.iinfo(np.int64).min)
"""No instant."""

Codes = npt.NDArray[np.int32]
Instants = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

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

    values: tuple[Any, ...]
    _codes: Codes | Callable[[], Codes]

    @cached_property
    def codes(self) -> Codes:
        """For each row, which of the values; -1 for None."""
        return self._codes() if callable(self._codes) else self._codes


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
        from reps_ledger.replay.columns.arrows import one_kind  # noqa: PLC0415 — only here

        return one_kind(self.table(name), self._parts(name), self.people)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Stream all kinds as Arrow: ``fact, member, occurred_at, position``."""
        from reps_ledger.replay.columns.arrows import every_kind  # noqa: PLC0415 — only here

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
    numbers = np.array([*map(_as_float, coded.values), np.nan], np.float64)
    return numbers[coded.codes]  # -1 is the last


def _as_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond what floats reach
        return np.inf if value > 0 else -np.inf
