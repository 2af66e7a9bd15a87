"""Building columns: a pass over what stands, and again from where an earlier pass ended."""

from __future__ import annotations

from datetime import timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import evolve

from reps_ledger.domain.time import EPOCH
from reps_ledger.replay.columns.coding import Coder, United, united
from reps_ledger.replay.columns.model import (
    MISSING,
    Coded,
    Codes,
    Columns,
    Instants,
    Lazily,
    Table,
    floats_of,
)
from reps_ledger.replay.columns.parts import ENVELOPE, Parts, parts_of
from reps_ledger.replay.columns.placing import placed
from reps_ledger.replay.columns.verifying import Reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from reps_ledger.domain.amendments import Amendments
    from reps_ledger.domain.entries import Entry
    from reps_ledger.log import Reading

__all__ = ["Builder", "build"]

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
