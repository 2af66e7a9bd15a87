"""Building columns, in one pass over what stands; or on top of columns of an earlier position.

Values become codes in the order in which they are first seen. When all is seen they are sorted,
so that equal histories give equal columns, and the codes are renumbered. With columns of an
earlier position to begin with, only what came after is read: the new values are merged into the
sorted old ones and the new rows into the sorted old ones, which costs a copy and no sort.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Final, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve, frozen

from reps_ledger.domain.amendments import Amendments
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.spans import SPAN_FACTS
from reps_ledger.domain.time import EPOCH
from reps_ledger.log import EventLog, Reading
from reps_ledger.replay.columns.model import (
    ENVELOPE,
    MISSING,
    Coded,
    Codes,
    Columns,
    Instants,
    LazyMapping,
    SaidOf,
    Table,
    TableSchema,
    Value,
    floats_of,
    keyed,
    schema_of,
)

V = TypeVar("V", bound=Hashable)


class Coder(dict[V | None, int]):
    """Gives each value a code when it is first asked for; -1 for None, and for some others.

    Args:
        others: values that get no code either.
    """

    def __init__(self, others: Iterable[V] = ()) -> None:
        super().__init__(dict.fromkeys([None, *others], -1))
        self._next = 0

    def __missing__(self, value: V) -> int:
        code = self[value] = self._next
        self._next += 1
        return code

    @property
    def seen(self) -> list[V]:
        """The values that have a code, in its order."""
        return [value for value, code in self.items() if value is not None and code >= 0]


@frozen(eq=False)
class MergedValues(Generic[V]):
    """Earlier and later values in one sorted list, and how their codes are renumbered.

    Attributes:
        values: all of them, each once.
        earlier: from the code of an earlier value to its place; None where all stay.
        later: from the code of a later value to its place. The last item of both is -1, so that
            the code of None stays -1.
    """

    values: tuple[V, ...]
    earlier: Codes | None
    later: Codes


def merge_values(earlier: tuple[V, ...], later: Sequence[V], key: Callable[[V], str]) -> MergedValues[V]:
    """Merge later values into earlier ones, by binary search: the earlier ones are only copied.

    Args:
        earlier: values in the order of ``key``.
        later: values as they were first seen.
        key: no two different values have the same.
    """
    values = [*later] if {*map(type, later)} <= _PLAIN else [_plain(value) for value in later]
    keys = [*map(key, values)]
    places = np.full(len(values) + 1, -1, np.int32)  # the last is for None
    in_order = sorted(range(len(values)), key=keys.__getitem__)
    if values and not earlier:
        places[in_order] = np.arange(len(values), dtype=np.int32)
        none = np.full(1, -1, np.int32)
        return MergedValues(tuple([values[code] for code in in_order]), none, places)
    merged: list[V] = []
    done = 0
    inserted: list[int] = []
    for code in in_order:
        place = bisect_left(earlier, keys[code], lo=done, key=key)
        places[code] = place + len(inserted)
        if place < len(earlier) and key(earlier[place]) == keys[code]:
            continue
        merged += earlier[done:place]
        merged.append(values[code])
        done = place
        inserted.append(place)
    if not inserted:
        return MergedValues(earlier, None, places)
    renumbered = np.arange(len(earlier) + 1, dtype=np.int32)
    moved = np.searchsorted(np.array(inserted), renumbered, side="right")
    renumbered += moved.astype(np.int32)
    renumbered[-1] = -1
    return MergedValues((*merged, *earlier[done:]), renumbered, places)


_PLAIN: Final = frozenset({str, bool, int})
"""Types of which no two equal values look different."""


def _plain(value: Any) -> Any:
    # -0.0 equals 0.0, so they share a code; which came first must not show, so it is 0.0.
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value


def sort_rows(member: Codes, at: Instants, order: Instants, *, settled: int = 0) -> Instants:
    """Return row numbers in the order of ``(member, at, order)``.

    Args:
        member: the first key.
        at: the second.
        order: the third, which is never the same twice.
        settled: how many of the first rows are in order already; the others are put among them.
    """
    new = settled + np.lexsort((order[settled:], at[settled:], member[settled:]))
    if not settled:
        return new
    low = np.searchsorted(member[:settled], member[new], side="left")
    high = np.searchsorted(member[:settled], member[new], side="right")
    wanted, tie = at[new], order[new]
    while (open_ := low < high).any():  # a binary search of all new rows at once
        middle = (low + high) // 2
        probe = np.minimum(middle, settled - 1)
        before = (at[probe] < wanted) | ((at[probe] == wanted) & (order[probe] < tie))
        low = np.where(open_ & before, middle + 1, low)
        high = np.where(open_ & ~before, middle, high)
    return np.insert(np.arange(settled, dtype=np.int64), low, new)


_AT_ONCE: Final = 500
_NEVER: Final = np.iinfo(np.int64).max


class VerifiedReports:
    """Finds when reports were first verified, by the ids under which verifications name them.

    A verification may name the report by the id of any entry that it has had: it may have been
    corrected before or since. What stays the same is its origin, the position of its first entry,
    which is the table's ``order``.

    Args:
        log: where those are looked up that were not among the reports taken.
        readings: from the id of a corrected entry to that of the correction in its place.
    """

    def __init__(self, log: EventLog, readings: Mapping[str, str]) -> None:
        self._log = log
        self._readings = readings
        self._ids: list[pa.Array] = []
        self._origins: list[Instants] = []

    def take(self, reports: Sequence[Entry]) -> None:
        """Take reports that stand."""
        self._ids.append(pa.array([entry.id for entry in reports], pa.large_string()))
        self._origins.append(np.array([entry.origin for entry in reports], np.int64))

    def verified(self, reports: Table, verifications: Table, new: Instants, after: int) -> Instants:
        """Return when each report was first verified.

        As in a member's own history, a verification counts if it names the person whose report
        it is, as its member or as its verifier.

        Args:
            reports: with what is known of other verifications than the new ones.
            verifications: all that stand.
            new: the orders of those that are new.
            after: the position up to which reports were taken earlier.
        """
        chosen = np.flatnonzero(np.isin(verifications.order, new))
        said = verifications.fields["report"]
        used, which = np.unique(said.codes[chosen], return_inverse=True)
        named = [str(said.values[code]) for code in used.tolist()]
        ids = [self._readings.get(name, name) for name in named]
        origins, same = np.unique(self._origins_of(ids, after), return_inverse=True)
        places = np.full(len(origins) + 1, -1, np.int64)
        near = np.searchsorted(origins, reports.order)
        there = np.flatnonzero(np.append(origins, -1)[near] == reports.order)
        places[near[there]] = there
        rows = places[same[which]]
        owners = np.append(reports.persons["member"], -2)[rows]
        owned = (verifications.persons["member"][chosen] == owners) | (
            verifications.persons["verifier"][chosen] == owners
        )
        assert reports.verified is not None  # noqa: S101 — reports can be verified
        first = np.where(reports.verified == MISSING, _NEVER, reports.verified)
        np.minimum.at(first, rows[owned], verifications.at[chosen[owned]])
        return np.where(first == _NEVER, MISSING, first)

    def _origins_of(self, ids: list[str], after: int) -> Instants:
        """Return the origins of entries, of those taken or up to a position; 0 for none."""
        found = np.zeros(len(ids), np.int64)
        if self._ids:
            taken = pc.index_in(pa.array(ids, pa.large_string()), value_set=pa.concat_arrays(self._ids))
            known = np.flatnonzero(taken.is_valid().to_numpy(zero_copy_only=False))
            places = taken.drop_null().to_numpy(zero_copy_only=False)
            found[known] = np.concatenate(self._origins)[places]
        missing = np.flatnonzero(found == 0) if after else found[:0]
        before = self._corrected() if len(missing) else {}
        for start in range(0, len(missing), _AT_ONCE):
            some = missing[start : start + _AT_ONCE]
            chains = {int(i): [ids[i], *before.get(ids[i], ())] for i in some}
            entries = self._log.entries_of([name for chain in chains.values() for name in chain])
            for i, chain in chains.items():
                found[i] = min((entries[n].position for n in chain if n in entries), default=0)
        return found

    def _corrected(self) -> Mapping[str, list[str]]:
        """Return the entries that each correction took the place of."""
        found: dict[str, list[str]] = {}
        for name, reading in self._readings.items():
            found.setdefault(reading, []).append(name)
        return found


_REPORT: Final = "report.filed"
_VERIFICATION: Final = "report.verified"
_PENDING: Final = 500
"""Entries of a kind that wait to become arrays; no more than a processor's cache holds."""

_MICROSECOND: Final = timedelta(microseconds=1)


def build(reading: Reading, people: Iterable[str] | None = None) -> Columns:
    """Return the columns of all that stands in a reading, in one pass over its log.

    Args:
        reading: what is known.
        people: only what names one of some people, found by its tags; None for everything.
    """
    amendments = reading.amendments()
    builder = Builder(reading, amendments)
    if people is None:
        builder.take(amendments.apply(reading.log.read(upto=reading.known_at), builder.registry))
    else:
        found = {e.origin: e for entries in reading.members(people).values() for e in entries}
        builder.take(entry for _, entry in sorted(found.items()))
    return builder.columns()


class Builder:
    """Makes columns of entries that stand, given in order of position.

    Args:
        reading: what is known.
        amendments: corrections, retractions and merges, as they are applied to its entries.
        earlier: columns to begin with, of what names nobody of whom entries are read otherwise now.
    """

    def __init__(self, reading: Reading, amendments: Amendments, earlier: Columns | None = None) -> None:
        self.registry = reading.log.codec.registry
        self._reading = reading
        self._earlier = earlier or Columns(0, (), {}, self.registry)
        self._key = self._earlier.key
        self._people = Coder(amendments.aliases)
        self._kinds: dict[str, _TableBuilder] = {}
        self._reports = VerifiedReports(reading.log, amendments.readings)
        self._identities = dict(self._earlier.identities)

    def take(self, entries: Iterable[Entry]) -> None:
        """Take entries that stand, in order of position."""
        pending: dict[type, list[Entry]] = {}
        for entry in entries:
            kind = type(entry.fact)
            if kind not in pending:
                pending[kind] = [entry]
                continue
            some = pending[kind]
            some.append(entry)
            if len(some) == _PENDING:
                self._flush(some)
                some.clear()
        for some in pending.values():
            self._flush(some)

    def _flush(self, entries: Sequence[Entry]) -> None:
        """Take some entries of one kind."""
        if not entries:
            return
        described = self.registry.of(entries[0].fact)
        name = described.kind.name
        if name not in self._kinds:
            earlier = self._earlier.table(name)
            self._kinds[name] = _TableBuilder(schema_of(described), self._people, earlier, self._key)
        self._kinds[name].take(entries)
        if name == _REPORT:
            self._reports.take(entries)
        if name in SPAN_FACTS:
            for entry in entries:
                if entry.told is not None:
                    said = ((field, getattr(entry.told.fact, field)) for field in described.persons)
                    fields = {field: person for field, person in said if person is not None}
                    self._identities[entry.origin] = SaidOf(fields, dict(entry.told.reach))

    def columns(self) -> Columns:
        """Return the columns of all that was taken, and of the earlier ones."""
        people = merge_values(self._earlier.people, self._people.seen, str)
        tables = {name: _renumbered(t, people) for name, t in self._earlier.tables.items()}
        for name, kind in self._kinds.items():
            tables[name] = kind.table(people)
        if _REPORT in tables and _VERIFICATION in self._kinds:
            new = self._kinds[_VERIFICATION].taken
            found = self._reports.verified(
                tables[_REPORT], tables[_VERIFICATION], new, self._earlier.position
            )
            tables[_REPORT] = evolve(tables[_REPORT], times={**tables[_REPORT].times, "verified": found})
        return Columns(
            position=self._reading.known_at,
            people=people.values,
            tables={name: tables[name] for name in sorted(tables)},
            registry=self.registry,
            identities=self._identities,
            key=self._key,
        )


def _renumbered(table: Table, people: MergedValues[str]) -> Table:
    """Return a table with people renumbered; rows stay in order, as the order of people does."""
    before, renumber = table.persons, people.earlier
    if renumber is None:
        return table
    return evolve(table, persons=LazyMapping(tuple(before), lambda name: renumber[before[name]]))


class _TableBuilder:
    """Makes the table of one kind of fact.

    Args:
        schema: which columns it has.
        people: the codes of people, shared by all kinds.
        earlier: the table to begin with.
        key: by which names of accounts are hashed.
    """

    def __init__(self, schema: TableSchema, people: Coder[str], earlier: Table, key: bytes) -> None:
        self._schema = schema
        self._key = key
        self._people = people
        self._earlier = earlier
        every = (*schema.coded, *schema.keyed)
        self._coders: dict[str, Coder[Value]] = {name: Coder() for name in every}
        self._at: list[Instants] = [earlier.at]
        self._order: list[Instants] = [earlier.order]
        self._persons: dict[str, list[Codes]] = {name: [] for name in schema.persons}
        self._coded: dict[str, list[Codes]] = {name: [] for name in every}
        self._instants = {name: [earlier.instants[name]] for name in schema.instants}

    def take(self, entries: Sequence[Entry]) -> None:
        """Take entries of this kind."""
        facts = [entry.fact for entry in entries]
        self._at.append(_instants([entry.occurred_at for entry in entries]))
        self._order.append(np.array([entry.origin for entry in entries], np.int64))
        for name in self._schema.persons:
            self._persons[name].append(_codes(self._people, name, facts))
        for name in self._schema.person_lists:
            for people in {getattr(fact, name) for fact in facts}:
                for person in people or ():
                    self._people[person]  # asking gives them a code
        for name in (*self._schema.coded, *self._schema.keyed):
            owners = entries if name in ENVELOPE else facts
            self._coded[name].append(_codes(self._coders[name], name, owners))
        for name in self._schema.instants:
            self._instants[name].append(_instants([getattr(fact, name) for fact in facts]))

    @property
    def taken(self) -> Instants:
        """The orders of the entries that were taken."""
        return np.concatenate(self._order[1:])

    def table(self, people: MergedValues[str]) -> Table:
        """Return the table, with people renumbered."""
        at, order = np.concatenate(self._at), np.concatenate(self._order)
        persons = {
            name: _renumber(people, self._earlier.persons[name], self._persons.pop(name))
            for name in self._schema.persons
        }
        member = persons.get("member")
        settled = len(self._earlier)
        if member is None:
            member = np.zeros(len(at), np.int32)
        rows = sort_rows(member, at, order, settled=settled)
        fields = {name: self._field(name, rows) for name in self._schema.coded}
        hashes = {name: self._hashes(name, rows) for name in self._schema.keyed}
        times = {"at": at[rows], "order": order[rows]}
        if self._earlier.verified is not None:
            rest = np.full(len(at) - settled, MISSING, np.int64)
            times["verified"] = np.concatenate([self._earlier.verified, rest])[rows]
        return Table(
            name=self._schema.name,
            times=times,
            persons={name: codes[rows] for name, codes in persons.items()},
            fields=fields,
            keyed=hashes,
            numbers=LazyMapping(self._schema.numbers, lambda name: floats_of(fields[name])),
            instants={name: np.concatenate(found)[rows] for name, found in self._instants.items()},
        )

    def _field(self, name: str, rows: Instants) -> Coded:
        return self._merged(name, self._earlier.fields[name], self._coders.pop(name).seen, rows)

    def _hashes(self, name: str, rows: Instants) -> Coded:
        seen = [keyed(str(account), self._key) for account in self._coders.pop(name).seen]
        return self._merged(name, self._earlier.keyed[name], seen, rows)

    def _merged(self, name: str, earlier: Coded, later: Sequence[Value], rows: Instants) -> Coded:
        merged = merge_values(earlier.values, later, repr)
        codes = _renumber(merged, earlier.codes, self._coded.pop(name))
        return Coded(merged.values, codes[rows])


def _renumber(values: MergedValues[V], earlier: Codes, later: Sequence[Codes]) -> Codes:
    before = earlier if values.earlier is None else values.earlier[earlier]
    return np.concatenate([before, values.later[np.concatenate(later)]])


def _codes(coder: Coder[V], name: str, owners: Sequence[object]) -> Codes:
    return np.fromiter(map(coder.__getitem__, map(attrgetter(name), owners)), np.int32, len(owners))


def _instants(moments: Sequence[datetime | None]) -> Instants:
    found = [MISSING if at is None else (at - EPOCH) // _MICROSECOND for at in moments]
    return np.array(found, np.int64)
