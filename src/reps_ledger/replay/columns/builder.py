"""From values to codes: numbers in the order of first sight, and later in that of the values.

Order: where each row belongs, in the order of member, instant and position.

When reports were verified: the first time that somebody confirmed what now stands.

Building columns: a pass over what stands, and again from where an earlier pass ended.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from attrs import evolve, frozen

from reps_ledger.domain.time import EPOCH
from reps_ledger.replay.columns.model import (
    ENVELOPE,
    MISSING,
    Coded,
    Codes,
    Columns,
    Instants,
    Lazily,
    Parts,
    Table,
    floats_of,
    parts_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from reps_ledger.domain.amendments import Amendments
    from reps_ledger.domain.entries import Entry
    from reps_ledger.log import EventLog, Reading

__all__ = ["Builder", "Coder", "Reports", "United", "build", "placed", "united"]


class Coder(dict[Any, int]):
    """A code for each value, as they are first seen; -1 for None, and for some others.

    Args:
        others: what has no code.
    """

    def __init__(self, others: Iterable[Any] = ()) -> None:
        super().__init__(dict.fromkeys([None, *others], -1))
        self._next = 0

    def __missing__(self, value: Any) -> int:
        code = self[value] = self._next
        self._next += 1
        return code

    @property
    def seen(self) -> list[Any]:
        """The values that have a code, in its order."""
        return [value for value, code in self.items() if code >= 0]


@frozen(eq=False)
class United:
    """Earlier values and later ones, in one order.

    Attributes:
        values: all of them, each once.
        earlier: what turns a code of an earlier value into its place; None where all stay.
        later: what turns a code of a later value into its place.
    """

    values: tuple[Any, ...]
    earlier: Codes | None
    later: Codes


def united(earlier: tuple[Any, ...], later: Sequence[Any], key: Callable[[Any], str]) -> United:
    """Put values into the order of a key; what the earlier ones cost is a copy of them.

    Args:
        earlier: values in that order.
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
        return United(tuple([values[code] for code in in_order]), none, places)
    merged: list[Any] = []
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
        return United(earlier, None, places)
    before = np.arange(len(earlier) + 1, dtype=np.int32)
    before += np.searchsorted(np.array(inserted), before, side="right").astype(np.int32)
    before[-1] = -1
    return United((*merged, *earlier[done:]), before, places)


_PLAIN: Final = frozenset({str, bool, int})
"""Types of values of which no two that are equal are told apart otherwise."""


def _plain(value: Any) -> Any:
    # -0.0 equals 0.0, and which of them came first is nobody's concern
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value


def placed(member: Codes, at: Instants, order: Instants, *, settled: int = 0) -> Instants:
    """Return the places of rows in the order of ``(member, at, order)``.

    Args:
        member: the first key.
        at: the second.
        order: the third, which is never the same twice.
        settled: how many of the first rows are in order already.
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


class Reports:
    """Finds the rows of reports by the ids under which they were verified.

    Args:
        log: where those are found that were not among the reports taken.
        readings: id of a corrected entry to that of the correction in its place.
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

    def verified(self, reports: Table, verifications: Table, after: int) -> Instants:
        """Return when each report was verified first, by verifications after a position too.

        As in a member's own history: by those that name whose report it is.
        """
        chosen = np.flatnonzero(verifications.order > after)
        said = verifications.fields["report"]
        used, which = np.unique(said.codes[chosen], return_inverse=True)
        named = [str(said.values[code]) for code in used.tolist()]
        ids = [self._readings.get(name, name) for name in named]
        origins, same = np.unique(self._found(ids, after), return_inverse=True)
        places = np.full(len(origins) + 1, -1, np.int64)
        near = np.searchsorted(origins, reports.order)
        there = np.flatnonzero(np.append(origins, -1)[near] == reports.order)
        places[near[there]] = there
        rows = places[same[which]]
        owners = np.append(reports.persons["member"], -2)[rows]
        owned = (verifications.persons["member"][chosen] == owners) | (
            verifications.persons["verifier"][chosen] == owners
        )
        assert reports.verified is not None  # noqa: S101 — of these facts it is not
        first = np.where(reports.verified == MISSING, _NEVER, reports.verified)
        np.minimum.at(first, rows[owned], verifications.at[chosen[owned]])
        return np.where(first == _NEVER, MISSING, first)

    def _found(self, ids: list[str], after: int) -> Instants:
        """Return the origins of entries, taken or up to a position; 0 for none."""
        found = np.zeros(len(ids), np.int64)
        if self._ids:
            taken = pc.index_in(
                pa.array(ids, pa.large_string()), value_set=pa.concat_arrays(self._ids)
            )
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
        """What each correction that stands is a reading of."""
        found: dict[str, list[str]] = {}
        for name, reading in self._readings.items():
            found.setdefault(reading, []).append(name)
        return found


_REPORT: Final = "report.filed"
_VERIFIED: Final = "report.verified"
_PENDING: Final = 500
"""Entries of a kind that wait to become arrays; no more than a processor's cache holds."""

_MICROSECOND: Final = timedelta(microseconds=1)


def build(reading: Reading) -> Columns:
    """Return the columns of all that stands in a reading, in one pass over its log."""
    amendments = reading.amendments()
    builder = Builder(reading, amendments)
    builder.take(amendments.apply(reading.log.read(upto=reading.known_at), builder.registry))
    return builder.columns()


class Builder:
    """Makes columns of entries that stand, given in order of position.

    Args:
        reading: what is known.
        amendments: how its entries are read.
        earlier: columns to begin with; what is taken came after them, and amends nothing.
    """

    def __init__(
        self, reading: Reading, amendments: Amendments, earlier: Columns | None = None
    ) -> None:
        self.registry = reading.log.codec.registry
        self._reading = reading
        self._earlier = earlier or Columns(0, (), {}, self.registry)
        self._who = Coder(amendments.aliases)
        self._kinds: dict[str, _Kind] = {}
        self._reports = Reports(reading.log, amendments.readings)

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
            self._kinds[name] = _Kind(parts_of(described), self._who, self._earlier.table(name))
        self._kinds[name].take(entries)
        if name == _REPORT:
            self._reports.take(entries)

    def columns(self) -> Columns:
        """Return the columns of all that was taken, and of those that it began with."""
        people = united(self._earlier.people, self._who.seen, str)
        tables = {name: _renumbered(t, people) for name, t in self._earlier.tables.items()}
        for name, kind in self._kinds.items():
            tables[name] = kind.table(people)
        if _REPORT in tables and _VERIFIED in self._kinds:
            found = self._reports.verified(
                tables[_REPORT], tables[_VERIFIED], self._earlier.position
            )
            tables[_REPORT] = evolve(
                tables[_REPORT], times={**tables[_REPORT].times, "verified": found}
            )
        return Columns(
            position=self._reading.known_at,
            people=people.values,
            tables={name: tables[name] for name in sorted(tables)},
            registry=self.registry,
        )


def _renumbered(table: Table, people: United) -> Table:
    """Return a table with people renumbered; it stays in order, as their order stays."""
    before, turned = table.persons, people.earlier
    if turned is None:
        return table
    return evolve(table, persons=Lazily(tuple(before), lambda name: turned[before[name]]))


class _Kind:
    """The columns of one kind of fact in the making."""

    def __init__(self, parts: Parts, who: Coder, earlier: Table) -> None:
        self._parts = parts
        self._who = who
        self._earlier = earlier
        self._coders = {name: Coder() for name in parts.coded}
        self._at: list[Instants] = [earlier.at]
        self._order: list[Instants] = [earlier.order]
        self._persons: dict[str, list[Codes]] = {name: [] for name in parts.persons}
        self._coded: dict[str, list[Codes]] = {name: [] for name in parts.coded}
        self._instants = {name: [earlier.instants[name]] for name in parts.instants}

    def take(self, entries: Sequence[Entry]) -> None:
        """Take entries of this kind."""
        facts = [entry.fact for entry in entries]
        self._at.append(_instants([entry.occurred_at for entry in entries]))
        self._order.append(np.array([entry.origin for entry in entries], np.int64))
        for name in self._parts.persons:
            self._persons[name].append(_codes(self._who, name, facts))
        for name in self._parts.several:
            for people in {getattr(fact, name) for fact in facts}:
                for person in people or ():
                    self._who[person]  # which gives them a code
        for name in self._parts.coded:
            bearers = entries if name in ENVELOPE else facts
            self._coded[name].append(_codes(self._coders[name], name, bearers))
        for name in self._parts.instants:
            self._instants[name].append(_instants([getattr(fact, name) for fact in facts]))

    def table(self, people: United) -> Table:
        """Return the table; codes of people are places among these."""
        at, order = np.concatenate(self._at), np.concatenate(self._order)
        persons = {
            name: _turned(people, self._earlier.persons[name], self._persons.pop(name))
            for name in self._parts.persons
        }
        member = persons.get("member")
        settled = len(self._earlier)
        if member is None:
            member = np.zeros(len(at), np.int32)
        rows = placed(member, at, order, settled=settled)
        fields = {name: self._field(name, rows) for name in self._parts.coded}
        times = {"at": at[rows], "order": order[rows]}
        if self._earlier.verified is not None:
            rest = np.full(len(at) - settled, MISSING, np.int64)
            times["verified"] = np.concatenate([self._earlier.verified, rest])[rows]
        return Table(
            name=self._parts.name,
            times=times,
            persons={name: codes[rows] for name, codes in persons.items()},
            fields=fields,
            numbers=Lazily(self._parts.numbers, lambda name: floats_of(fields[name])),
            instants={name: np.concatenate(found)[rows] for name, found in self._instants.items()},
        )

    def _field(self, name: str, rows: Instants) -> Coded:
        earlier = self._earlier.fields[name]
        values = united(earlier.values, self._coders.pop(name).seen, repr)
        return Coded(values.values, _turned(values, earlier.codes, self._coded.pop(name))[rows])


def _turned(values: United, earlier: Codes, later: Sequence[Codes]) -> Codes:
    before = earlier if values.earlier is None else values.earlier[earlier]
    return np.concatenate([before, values.later[np.concatenate(later)]])


def _codes(coder: Coder, name: str, bearers: Sequence[Any]) -> Codes:
    return np.fromiter(
        map(coder.__getitem__, map(attrgetter(name), bearers)), np.int32, len(bearers)
    )


def _instants(moments: Sequence[datetime | None]) -> Instants:
    found = [MISSING if at is None else (at - EPOCH) // _MICROSECOND for at in moments]
    return np.array(found, np.int64)
