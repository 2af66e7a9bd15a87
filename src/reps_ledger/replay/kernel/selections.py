"""Selections of facts in columns: which rows a policy counts, and which of them a point sees.

A selection (``facts("report.filed", verified=True)``) becomes `SelectedRows` once. Whatever does
not depend on when one looks is decided then: kinds, fields, sources, the person whose rows they
are, and what held of other people when each fact happened. What remains for each point is time:
has the date of the row passed, was the report verified by then, does the vouch still stand, and
what holds of other people now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
from attrs import evolve, frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Condition
from reps_ledger.policies.language.facts import Facts, Filter, PersonFilter
from reps_ledger.replay.columns.model import MISSING, Codes, Columns, Instants, Table, Truths, Value
from reps_ledger.replay.kernel.arrays import Integers, Points, Rows, expand_ranges
from reps_ledger.replay.kernel.spans import Spans

T = TypeVar("T", bound=np.generic)

Holds = Callable[[Condition, Points], Truths]
"""Answers a condition about the people whom facts name, at given instants."""

_FEW_PAIRS: Final = 8
"""Up to so many pairs for each row and point, counting pair by pair is quicker."""

SpansOf = Callable[[str], Spans]
"""Returns the spans that facts of a stored name begin."""


@frozen(eq=False)
class Bounds:
    """The window of each point, both ends included: arrays of what ``widths.Bounds`` is of one.

    Attributes:
        start: the first instant that counts, of each point or of all.
        end: the last instant that counts, no later than the point itself. Before ``start`` where
            the window is empty.
        ahead: until when what was announced counts too; None where nothing ahead does.
    """

    start: Instants | int
    end: Instants
    ahead: Instants | None = None


@frozen(eq=False)
class SelectedSpans:
    """When what the rows of a selection began lasts.

    Attributes:
        start: from when, of each row.
        end: until when.
        key: the same number for rows that began one thing; None where no two of one ever last at once.
    """

    start: Instants
    end: Instants
    key: Integers | None

    def only(self, kept: Truths) -> SelectedSpans:
        """Return those of the rows for which ``kept`` is true."""
        return SelectedSpans(self.start[kept], self.end[kept], None if self.key is None else self.key[kept])


@frozen(eq=False)
class AskedNow:
    """A condition that must hold of the people whom rows name, at the instant at which one looks.

    Attributes:
        condition: what must hold.
        who: whom each row names, as their place among all; -1 for nobody.
        answer: answers it.
    """

    condition: Condition
    who: Integers
    answer: Holds

    def holds(self, row: Integers, at: Instants) -> Truths:
        """Return whether it holds of whom rows name, at an instant for each."""
        who = self.who[row]
        named = np.flatnonzero(who >= 0)
        truth = np.zeros(len(who), bool)
        # The same few people are named again and again, and asked about at the same instants.
        instants, rank = np.unique(at[named], return_inverse=True)
        pairs, where = np.unique(who[named] * len(instants) + rank.reshape(-1), return_inverse=True)
        if len(pairs):
            asked = Points(pairs // len(instants), instants[pairs % len(instants)])
            truth[named] = self.answer(self.condition, asked)[where.reshape(-1)]
        return truth

    def only(self, kept: Truths) -> AskedNow:
        """Return the same of the rows for which ``kept`` is true."""
        return AskedNow(self.condition, self.who[kept], self.answer)


@frozen(eq=False)
class SelectedRows:
    """The rows that a selection may count, whenever they happened.

    Attributes:
        facts: the selection.
        rows: its rows; ``index`` counts through the tables one after another.
        tables: the tables of its kinds.
        announced: which rows were only announced.
        shown: which rows count once their date has passed.
        verified: when each was verified, or ``MISSING``; None where that does not matter.
        spans: of what lasts, when what each began starts and ends; None where that does not matter.
            A row may then be here several times, or not at all.
        now: what must hold of people when one looks.
    """

    facts: Facts
    rows: Rows
    tables: tuple[Table, ...]
    announced: Truths
    shown: Truths
    verified: Instants | None
    spans: SelectedSpans | None
    now: tuple[AskedNow, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether a row is seen from its date on, and that is all."""
        return self.verified is None and self.spans is None and not self.now

    @cached_property
    def plain(self) -> Rows:
        """The rows that count once their date has passed."""
        return self.rows if self.shown.all() else self.rows.only(self.shown)

    def seen(self, points: Points, bounds: Bounds) -> tuple[Integers, Integers]:
        """Return each row that a point counts, as the point's number and the row.

        The pairs are in the order of points, and of each in effective order.
        """
        end, ahead = bounds.end, bounds.ahead
        until = end if ahead is None else np.maximum(end, ahead)
        low, high = self.rows.between(points.member, bounds.start, until)
        number, row = expand_ranges(low, high)
        at = self.rows.at[row]
        now = points.at[number]
        kept = (at <= now) & (at <= end[number]) & self.shown[row]
        if ahead is not None:
            kept |= (at > now) & (at <= ahead[number]) & self.announced[row]
        if self.spans is not None:
            kept &= (self.spans.start[row] <= now) & (self.spans.end[row] > now)
        if self.verified is not None:
            verified = self.verified[row]
            by_then = (verified != MISSING) & (verified <= now)
            kept &= by_then == bool(self.facts.verified)
        number, row = number[kept], row[kept]
        for asked in self.now:
            kept = asked.holds(row, points.at[number])
            number, row = number[kept], row[kept]
        return number, row

    def count(self, points: Points, bounds: Bounds) -> Integers:
        """Return how many rows each point counts."""
        if self.is_plain and bounds.ahead is None:
            return self.plain.count(points.member, bounds.start, bounds.end)
        is_keyed = self.spans is not None and self.spans.key is not None
        if not self.now and not is_keyed and (found := self._count_by_row(points, bounds)) is not None:
            return found
        number, row = self.seen(points, bounds)
        if self.spans is not None and self.spans.key is not None:
            pairs = np.unique(np.stack([number, self.spans.key[row]]), axis=1)
            number = pairs[0]  # what several rows began counts once
        return np.bincount(number, minlength=len(points))

    def _count_by_row(self, points: Points, bounds: Bounds) -> Integers | None:
        """Count as `count` does, by which points count each row: of one member, some that follow each other.

        That holds where windows only ever move on, so that a row that has left one never comes back. Where
        many points count many rows, it saves looking at each pair.

        Returns:
            None where windows move back, or where there are no more pairs than rows and points.
        """
        end = bounds.end if bounds.ahead is None else np.maximum(bounds.end, bounds.ahead)
        low, high = self.rows.between(points.member, bounds.start, end)
        if int((high - low).sum()) <= _FEW_PAIRS * (len(points) + len(self.rows)):
            return None
        start = np.broadcast_to(bounds.start, len(points))
        there = np.flatnonzero(start <= end)
        there = there[np.lexsort((points.at[there], points.member[there]))]
        order = _Order(points.member[there])
        at, start, until = points.at[there], start[there], bounds.end[there]
        ahead = None if bounds.ahead is None else bounds.ahead[there]
        if not all(order.only_moves_on(each) for each in (start, until, ahead) if each is not None):
            return None
        first, after = order.first(until), order.first(start)
        since = order.first(at)
        chosen = np.flatnonzero(np.isin(self.rows.member, order.member))
        member, happened = self.rows.member[chosen].astype(np.int64), self.rows.at[chosen]
        begun, over = np.zeros(len(chosen), np.int64), np.full(len(chosen), len(there))
        if self.spans is not None:
            begun = since(member, self.spans.start[chosen])
            over = since(member, self.spans.end[chosen])
        if self.verified is not None:
            verified = self.verified[chosen]
            by_then = since(member, np.where(verified == MISSING, np.iinfo(np.int64).max, verified))
            if self.facts.verified:
                begun = np.maximum(begun, by_then)
            else:
                over = np.minimum(over, by_then)
        found = np.zeros(len(there) + 1, np.int64)
        shown = self.shown[chosen]
        _add(
            found,
            np.maximum(first(member, happened), begun),
            np.minimum(after(member, happened + 1), over),
            shown,
        )
        if ahead is not None:
            coming = order.first(ahead)(member, happened)
            announced = self.announced[chosen]
            _add(found, np.maximum(coming, begun), np.minimum(since(member, happened), over), announced)
        counts = np.zeros(len(points), np.int64)
        counts[there] = np.cumsum(found)[:-1]
        return counts

    def values(self, name: str, columns: Columns) -> tuple[Integers, tuple[Value, ...]]:
        """Return a field's codes for all rows, -1 for none, and the values that they mean."""
        # Each table has codes of its own. True and 1 are equal, and yet are different values.
        numbers: dict[tuple[type, Value], int] = {}
        found = []
        for table in self.tables:
            values, codes = _coded(table, name, columns)
            same = [numbers.setdefault((type(v), v), len(numbers)) for v in values]
            found.append(np.array([*same, -1], np.int64)[codes])
        return self.rows.take(_joined(found)), tuple(value for _, value in numbers)

    def people(self, name: str, columns: Columns) -> Integers:
        """Return whom each row names in a field, as their place among all; -1 for nobody."""
        return self.rows.take(_joined([_person(table, name, columns) for table in self.tables]))


@frozen(eq=False)
class _Order:
    """Points in the order of members and time.

    Attributes:
        member: whose each is.
    """

    member: Integers

    def only_moves_on(self, values: Instants) -> bool:
        """Whether of no member a later point has a lower value."""
        return bool(((values[1:] >= values[:-1]) | (self.member[1:] != self.member[:-1])).all())

    def first(self, values: Instants) -> Callable[[Integers, Instants], Integers]:
        """Return what finds, of a member, the first point whose value is at least so much."""
        rows = Rows(self.member, values, lambda: values, None)
        most = int(np.iinfo(np.int64).max)
        return lambda member, least: rows.between(member, least, most)[0]


def _add(found: Integers, first: Integers, after: Integers, kept: Truths) -> None:
    """Note where runs of points begin and end, so that a running sum counts those at each point."""
    kept = kept & (after > first)
    found += np.bincount(first[kept], minlength=len(found))
    found -= np.bincount(after[kept], minlength=len(found))


def select(facts: Facts, columns: Columns, spans: SpansOf, holds: Holds) -> SelectedRows:
    """Find the rows of a selection, each under the member whose it is.

    Raises:
        InvalidPolicy: it asks for what columns do not hold.
    """
    tables = tuple(columns.table(kind) for kind in facts.kinds)
    if not facts.lasting and len(tables) == 1 and facts.person == "member" and "member" in tables[0].persons:
        (table,) = tables  # its rows are in its members' order already
        kept = _passing(facts, table, columns)
        rows = Rows.presorted(table.persons["member"], table.at, lambda: table.order, kept)
        return _with_people(_selected(facts, tables, rows, None), columns, holds)
    owner = np.concatenate([_person(table, facts.person, columns) for table in tables])
    return _with_people(
        _selected(facts, tables, *_sorted(facts, tables, owner, columns, spans)), columns, holds
    )


def select_body(
    facts: Facts, community: str | None, columns: Columns, spans: SpansOf, holds: Holds
) -> SelectedRows:
    """Find the rows of a selection of everybody's facts: of a community, or of the programme.

    They are all under one member, number 0, who stands for everybody.

    Raises:
        InvalidPolicy: it asks for what columns do not hold.
    """
    tables = tuple(columns.table(kind) for kind in facts.kinds)
    owner = np.concatenate([_body_of(table, community, columns) for table in tables])
    return _with_people(
        _selected(facts, tables, *_sorted(facts, tables, owner, columns, spans)), columns, holds
    )


def _body_of(table: Table, community: str | None, columns: Columns) -> Integers:
    """Return 0 for the rows that happened in a community, or anywhere; else -1."""
    if community is None:
        return np.zeros(len(table), np.int64)
    values, codes = _coded(table, "community", columns)
    here = np.array([*(value == community for value in values), False], bool)[codes]
    return np.where(here, 0, -1)


def _sorted(
    facts: Facts, tables: tuple[Table, ...], owner: Integers, columns: Columns, spans: SpansOf
) -> tuple[Rows, SelectedSpans | None]:
    """Return the rows that pass, by owner and time; of what lasts, one for each span."""
    kept = _joined([_passing(facts, table, columns) for table in tables])
    at = _joined([table.at for table in tables])
    order = _joined([table.order for table in tables])
    owner = np.where(kept, owner, -1)
    if not facts.lasting:
        return Rows.sorted(owner, at, order), None
    found = [spans(table.name) for table in tables]
    before = np.cumsum([0, *(len(table) for table in tables)])
    row = _joined([each.row + first for each, first in zip(found, before.tolist(), strict=False)])
    rows = Rows.sorted(owner[row], at[row], order[row])
    start = rows.take(_joined([each.start for each in found]))
    end = rows.take(_joined([each.end for each in found]))
    key = _keys(found)
    lasting = SelectedSpans(start, end, None if key is None else rows.take(key))
    return rows.of(rows.take(row)), lasting


def _keys(spans: Sequence[Spans]) -> Integers | None:
    """Return a number for each of what these are spans of; None where no two of one ever last at once."""
    keys = [each.key for each in spans]
    if all(key is None for key in keys):
        return None
    numbers, first = [], 0
    for each, key in zip(spans, keys, strict=True):
        own = np.arange(len(each.row)) if key is None else key
        numbers.append(own + first)
        first += int(own.max(initial=-1)) + 1
    return _joined(numbers)


def _selected(
    facts: Facts, tables: tuple[Table, ...], rows: Rows, spans: SelectedSpans | None
) -> SelectedRows:
    announced = rows.take(_joined([flagged(table, "announced") for table in tables]))
    asked = any(item.name == "announced" for item in facts.where)
    verified = None
    if facts.verified is not None:
        verified = rows.take(_joined([_verified(table) for table in tables]))
    return SelectedRows(
        facts, rows, tables, announced, np.ones(len(rows), bool) if asked else ~announced, verified, spans
    )


def _with_people(found: SelectedRows, columns: Columns, holds: Holds) -> SelectedRows:
    """Keep the rows that name people of whom conditions held when the facts happened.

    Of whom conditions must hold when one looks, each row of those then says.
    """

    def asked(item: PersonFilter) -> AskedNow:
        return AskedNow(item.condition, found.people(item.name, columns), holds)

    facts = found.facts
    if facts.now:
        found = evolve(found, now=tuple(asked(item) for item in facts.now))
    kept = np.ones(len(found.rows), bool)
    for item in facts.who:
        kept &= asked(item).holds(np.arange(len(found.rows)), found.rows.at)
    if kept.all():
        return found
    return SelectedRows(
        facts,
        found.rows.only(kept),
        found.tables,
        found.announced[kept],
        found.shown[kept],
        None if found.verified is None else found.verified[kept],
        None if found.spans is None else found.spans.only(kept),
        tuple(each.only(kept) for each in found.now),
    )


def _verified(table: Table) -> Instants:
    return np.full(len(table), MISSING, np.int64) if table.verified is None else table.verified


def _passing(facts: Facts, table: Table, columns: Columns) -> Truths:
    """Return which rows pass all filters that do not depend on when one looks."""
    kept = np.ones(len(table), bool)
    for name, wanted in (("source", facts.sources), ("by", facts.recorded_by)):
        if wanted:
            kept &= table.fields[name].matching(wanted.__contains__)
    if not any(item.name == "passive" for item in facts.where):
        kept &= ~flagged(table, "passive")
    for item in facts.where:
        kept &= _filtered(item, table, columns)
    return kept


def _filtered(item: Filter, table: Table, columns: Columns) -> Truths:
    values, codes = _coded(table, item.name, columns)
    wanted = np.array([*(item.takes(value) for value in values), False], bool)
    return wanted[codes]


def flagged(table: Table, name: str) -> Truths:
    """Return which rows have a field that is true; none where they have no such field."""
    coded = table.fields.get(name)
    # Codes are read from a file when they are first asked for: not for a field that is never true.
    if coded is None or not any(value is True for value in coded.values):
        return np.zeros(len(table), bool)
    return coded.matching(lambda value: value is True)


def _coded(table: Table, name: str, columns: Columns) -> tuple[tuple[Value, ...], Codes]:
    """Return a field's different values, and which of them each row has; -1 for none."""
    if name in table.fields:
        coded = table.fields[name]
        return coded.values, coded.codes
    if name in table.persons:
        return columns.people, table.persons[name]
    _must_be_absent(table, name, columns)
    return (), np.full(len(table), -1, np.int32)


def _person(table: Table, name: str, columns: Columns) -> Integers:
    if name in table.persons:
        return table.persons[name].astype(np.int64)
    _must_be_absent(table, name, columns)
    return np.full(len(table), -1, np.int64)


def _must_be_absent(table: Table, name: str, columns: Columns) -> None:
    """Refuse a field that facts of this kind have, and columns do not hold.

    Raises:
        InvalidPolicy: it is one.
    """
    described = columns.registry.named(table.name)
    if described is not None and name in described.names:
        raise InvalidPolicy(
            f"{name!r} of {table.name} is personal text, an instant, or names several people: "
            "columns do not hold it so, and no backtest can go by it"
        )


def _joined(arrays: list[npt.NDArray[T]]) -> npt.NDArray[T]:
    # A single table's array is not copied.
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
