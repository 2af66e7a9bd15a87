"""Spans in columns: roles, leave, vouches and whatever else lasts.

The vectorised twin of ``domain.spans``. Rows of beginnings and endings are sorted by what tells spans
apart (a member's role in a community, say) and by time; each beginning then ends at the next ending of
its group, at the member's next retirement where that ends it, or at its own end date, whichever comes
first. Where more than that decides, rows are made entries again and `SpanFold` itself is asked: where a
beginning and an ending are of one instant, where a retirement was told after what it precedes, and where
merges gave somebody several identities. These are few.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from types import SimpleNamespace

import numpy as np
from attrs import frozen

from reps_ledger.domain.entries import Entry, Told
from reps_ledger.domain.spans import (
    ENDED,
    ENDED_BY,
    HOW_ENDED,
    LAPSED,
    READS,
    REPLACED,
    RETIRED,
    RETIREMENT,
    SPAN_FACTS,
    SPAN_KINDS,
    Span,
    SpanKind,
    folded,
)
from reps_ledger.domain.time import microseconds
from reps_ledger.replay.columns import Columns, Table
from reps_ledger.replay.columns.model import MISSING, Instants, Truths
from reps_ledger.replay.kernel.arrays import FOREVER, Integers, Rows, highest_so_far, next_event, to_datetime


@frozen(eq=False)
class Spans:
    """Spans of one kind.

    Attributes:
        table: of the facts that begin them.
        row: by which row of it each began. A row begins one, or none where it never began; that of a
            retirement may begin several, where the person had an identity that was not retired all along.
        start: when each began.
        end: the first instant at which it held no longer, or `FOREVER`.
        ended_by: the order of the entry that ended it; -1 where it lasts, or ended by itself.
        how: how it ended, as the place among `HOW_ENDED`; -1 where it lasts.
    """

    table: Table
    row: Integers
    start: Instants
    end: Instants
    ended_by: Integers
    how: Integers

    @property
    def member(self) -> Integers:
        """Whose each is, as their place among all people."""
        return self.table.persons["member"][self.row].astype(np.int64)

    @cached_property
    def key(self) -> Integers | None:
        """For each a number, the same for what is one thing; None where no two of one ever hold at once."""
        key = _numbers([self.table], ("member", *SPAN_KINDS[self.table.name].fields))[self.row]
        place = np.lexsort((self.start, key))
        group, start = key[place], self.start[place]
        latest = highest_so_far(group, self.end[place])
        overlapping = (group[1:] == group[:-1]) & (start[1:] < latest[:-1])
        return key if overlapping.any() else None


def spans_of(columns: Columns, name: str) -> Spans:
    """Find the spans of a kind.

    Args:
        columns: what is known.
        name: the stored name of the beginnings, of `SPAN_KINDS`.
    """
    kind, table = SPAN_KINDS[name], columns.table(name)
    ends, tied = _ends(columns, kind)
    row, end = np.arange(len(table)), np.maximum(ends.at, table.at)
    chosen = _hard(columns, kind, tied)
    if not chosen[name].any():
        return Spans(table, row, table.at, end, ends.by, ends.how)
    easy = ~chosen[name]
    found = folded(sorted(entries_of_rows(columns, chosen), key=lambda entry: entry.order)).of(name)
    numbers = np.array([_numbers_of(span) for span in found], np.int64).reshape(-1, 5).T
    of_rows = (row, table.at, end, ends.by, ends.how)
    return Spans(
        table, *(np.concatenate([own[easy], more]) for own, more in zip(of_rows, numbers, strict=True))
    )


def _numbers_of(span: Span) -> tuple[int, int, int, int, int]:
    """Return a span that was folded as the numbers of `Spans`, in their order."""
    how = span.how
    return (
        int(span.entry.id),
        microseconds(span.start),
        FOREVER if span.end is None else microseconds(span.end),
        -1 if span.ended_in is None else span.ended_in.origin,
        -1 if how is None else HOW_ENDED.index(how),
    )


@frozen(eq=False)
class Ends:
    """When, by which entry and how the span of each row ends.

    Attributes:
        at: when; `FOREVER` for never.
        by: the order of the entry; -1 for none, so that of two ends in one instant its own comes first.
        how: the place among `HOW_ENDED`; -1 for never.
    """

    at: Instants
    by: Integers
    how: Integers

    @classmethod
    def of(cls, at: Instants, by: Integers | int, how: str) -> Ends:
        """Return ends of one way of ending."""
        return cls(at, np.broadcast_to(by, at.shape), np.where(at == FOREVER, -1, HOW_ENDED.index(how)))

    def or_else(self, other: Ends) -> Ends:
        """Return, of each row, the earlier of two ends; of one instant, the one told first."""
        later = (other.at < self.at) | ((other.at == self.at) & (other.by < self.by))
        return Ends(
            np.where(later, other.at, self.at),
            np.where(later, other.by, self.by),
            np.where(later, other.how, self.how),
        )


@frozen(eq=False)
class _Ties:
    """Which rows are of groups in which a beginning and an ending are of one instant.

    Attributes:
        beginnings: of the table of beginnings.
        endings: of that of endings.
    """

    beginnings: Truths
    endings: Truths

    def __or__(self, other: _Ties) -> _Ties:
        return _Ties(self.beginnings | other.beginnings, self.endings | other.endings)

    def spread(self, numbers: Integers) -> _Ties:
        """Return all rows of wider groups, some row of which is among these.

        Args:
            numbers: of each row, of beginnings and then of endings, that of its group.
        """
        tied = np.isin(numbers, numbers[np.concatenate([self.beginnings, self.endings])])
        return _Ties(tied[: len(self.beginnings)], tied[len(self.beginnings) :])


def _ends(columns: Columns, kind: SpanKind) -> tuple[Ends, _Ties]:
    """Return how the span of each row ends, by the rules that need no fold; and where one is needed."""
    table = columns.table(kind.name)
    endings = columns.table(kind.ends) if kind.ends is not None else table
    ends = Ends.of(np.full(len(table), FOREVER, np.int64), -1, LAPSED)
    tied = _Ties(np.zeros(len(table), bool), np.zeros(len(endings), bool))
    if not len(table):
        return ends, tied
    if kind.name == RETIREMENT:
        for name in ("member.returned", "role.assigned"):
            ends = ends.or_else(_next_of(columns, table, name, ENDED))
        return ends, tied
    if kind.until is not None:
        until = table.instants[kind.until]
        ends = Ends.of(np.where(until == MISSING, FOREVER, np.maximum(until, table.at)), -1, LAPSED)
    if kind.retiring:
        ends = ends.or_else(_next_of(columns, table, RETIREMENT, RETIRED))
    names = ("member", *kind.fields)
    if kind.replaced:
        return ends.or_else(Ends.of(*next_alike([table], names), REPLACED)), tied
    passes: list[tuple[tuple[str, ...], Truths | None]] = [(names, None)]
    rest = tuple(name for name in names if name != kind.optional)
    if kind.optional is not None:
        passes.append((rest, endings.fields[kind.optional].codes < 0))
    for fields, chosen in passes:
        ending, more = _next_ending(table, endings, fields, chosen)
        ends, tied = ends.or_else(ending), tied | more
    if kind.optional is not None:  # an ending that names no value of that field concerns those of each
        tied = tied.spread(_numbers([table, endings], rest))
    return ends, tied


def next_alike(tables: list[Table], names: tuple[str, ...]) -> tuple[Instants, Integers]:
    """Return, for each row of the first table, when the next has the same values, and its order.

    Args:
        tables: whose rows are looked at.
        names: the fields that must be equal, which all of the tables have.

    Returns:
        `FOREVER` and -1 where no row of any of the tables follows.
    """
    times, orders = (np.concatenate([getattr(each, name) for each in tables]) for name in ("at", "order"))
    rows = Rows.sorted(_numbers(tables, names), times, orders)
    same = rows.member[1:] == rows.member[:-1]
    at, order = np.full(len(times), FOREVER, np.int64), np.full(len(times), -1, np.int64)
    at[rows.index[:-1][same]] = rows.at[1:][same]
    order[rows.index[:-1][same]] = rows.order[1:][same]
    return at[: len(tables[0])], order[: len(tables[0])]


def _next_ending(
    table: Table, endings: Table, names: tuple[str, ...], chosen: Truths | None
) -> tuple[Ends, _Ties]:
    """Return how the next ending that has the same values ends each row of a table.

    Args:
        table: of beginnings.
        endings: what may end them.
        names: the fields.
        chosen: which endings count; None for all.

    Returns:
        These, and the rows of groups with a beginning and an ending in one instant.
    """
    numbers = _numbers([table, endings], names)
    own, other = numbers[: len(table)], numbers[len(table) :]
    if chosen is not None:
        other = np.where(chosen, other, -1)
    rows, events = Rows.sorted(own, table.at, table.order), Rows.sorted(other, endings.at, endings.order)
    found = following(len(table), rows, events, ENDED)
    both = np.concatenate([rows.member, events.member])
    at = np.concatenate([rows.at, events.at])
    is_ending = np.arange(len(both)) >= len(rows)
    place = np.lexsort((is_ending, at, both))
    group, at, is_ending = both[place], at[place], is_ending[place]
    ties = (group[1:] == group[:-1]) & (at[1:] == at[:-1]) & (is_ending[1:] != is_ending[:-1])
    if not ties.any():
        return found, _Ties(np.zeros(len(table), bool), np.zeros(len(endings), bool))
    tied = np.isin(numbers, group[1:][ties])
    return found, _Ties(tied[: len(table)], tied[len(table) :])


def _next_of(columns: Columns, table: Table, name: str, how: str) -> Ends:
    """Return how the next fact of a kind, of each row's member, ends it."""
    rows = Rows.sorted(table.persons["member"], table.at, table.order)
    events = columns.table(name)
    theirs = Rows.sorted(events.persons["member"], events.at, events.order)
    return following(len(table), rows, theirs, how)


def following(size: int, rows: Rows, events: Rows, how: str) -> Ends:
    """Return how the next of some events ends each row of a table of a size."""
    at, by = np.full(size, FOREVER, np.int64), np.full(size, -1, np.int64)
    at[rows.index], by[rows.index] = next_event(rows, events)
    return Ends.of(at, by, how)


def _hard(columns: Columns, kind: SpanKind, tied: _Ties) -> dict[str, Truths]:
    """Return which rows a fold has to look at, by stored name: of whom, or of what, rules need one."""
    several = with_identities(columns)
    table = columns.table(kind.name)
    if not kind.retiring and kind.name != RETIREMENT:
        found = {kind.name: rows_of_people(table, several, kind) | tied.beginnings}
        if kind.ends is not None:
            found[kind.ends] = rows_of_people(columns.table(kind.ends), several, kind) | tied.endings
        return found
    several[table.persons["member"][tied.beginnings]] = True
    _mark_told_late(columns, "role.assigned" if kind.name == RETIREMENT else kind.name, several)
    return {name: rows_of_people(columns.table(name), several, kind) for name in READS[kind.name]}


def _mark_told_late(columns: Columns, name: str, people: Truths) -> None:
    """Mark of whom a retirement was told later than a role or leave that begins after it.

    Args:
        columns: what is known.
        name: of the facts that begin roles or leave.
        people: in which they are marked.
    """
    retired, table = columns.table(RETIREMENT), columns.table(name)
    if not len(retired) or not len(table):
        return
    rows = Rows.sorted(retired.persons["member"], retired.at, retired.order)
    latest = highest_so_far(rows.member, rows.order)
    member = table.persons["member"].astype(np.int64)
    low, high = rows.between(member, np.iinfo(np.int64).min, table.at)
    there = np.flatnonzero(high > low)
    late = latest[high[there] - 1] > table.order[there]
    people[member[there[late]]] = True


def rows_of_people(table: Table, people: Truths, kind: SpanKind) -> Truths:
    """Return which rows are of one of some people, whose spans of a kind are asked for.

    They are the member's, and those of the other whom the kind's spans are of too. Who is named beside them
    (as covering for somebody on leave) makes no difference.
    """
    return table.naming(people, [name for name in table.persons if name in {"member", kind.pair}])


def with_identities(columns: Columns) -> Truths:
    """Return who has several identities."""
    found = np.zeros(len(columns.people), bool)
    if columns.identities:
        orders = np.array([*columns.identities], np.int64)
        for name in {*columns.tables} & SPAN_FACTS:
            table = columns.table(name)
            told = np.isin(table.order, orders)
            for codes in table.persons.values():
                mine = codes[told]
                found[mine[mine >= 0]] = True
    return found


def entries_of_rows(columns: Columns, chosen: Mapping[str, Truths]) -> Iterator[Entry]:
    """Yield rows as entries with all that a fold asks of them; their ids are row numbers."""
    for name, rows in chosen.items():
        table = columns.table(name)
        described = columns.registry.named(name)
        assert described is not None  # noqa: S101 — every table is of a kind that is known
        for row in np.flatnonzero(rows).tolist():
            values = {field: _value(table, field, row, columns) for field in _asked_of(name)}
            fact = SimpleNamespace(__fact__=described.kind, **values)
            order = int(table.order[row])
            said = columns.identities.get(order)
            told = None
            if said is not None:
                told = Told(SimpleNamespace(**{**values, **said.fields}), said.reach)
            at = to_datetime(int(table.at[row]))
            yield Entry(
                id=str(row),
                recorded_at=at,
                occurred_at=at,
                by="",
                fact=fact,
                position=order,
                origin=order,
                told=told,
            )


def _asked_of(name: str) -> Iterator[str]:
    """Yield the fields that a fold asks of facts of a stored name."""
    yield "member"
    kind = SPAN_KINDS.get(name) or ENDED_BY.get(name)
    if kind is not None:
        yield from kind.fields
        if kind.name == name and kind.until is not None:
            yield kind.until


def _value(table: Table, name: str, row: int, columns: Columns) -> object:
    """Return the value of a field in a row."""
    if name in table.persons:
        return columns.people[table.persons[name][row]]
    if name in table.instants:
        instant = int(table.instants[name][row])
        return None if instant == MISSING else to_datetime(instant)
    coded = table.telling(name)
    code = int(coded.codes[row])
    return None if code < 0 else coded.values[code]


def _numbers(tables: list[Table], names: tuple[str, ...]) -> Integers:
    """Return a number for each row, the same where all fields of these names are equal."""
    found = np.zeros(sum(map(len, tables)), np.int64)
    for name in names:
        codes = _codes_across(tables, name)
        combined = found * (codes.max(initial=0) + 2) + codes
        found = np.unique(combined, return_inverse=True)[1].reshape(-1)
    return found


def _codes_across(tables: list[Table], name: str) -> Integers:
    """Return a field's codes in several tables, equal where the values are; 0 for None."""
    if name in tables[0].persons:
        return np.concatenate([each.persons[name] for each in tables]).astype(np.int64) + 1
    numbers: dict[object, int] = {}
    found = []
    for table in tables:
        coded = table.telling(name)
        same = np.array([numbers.setdefault(v, len(numbers) + 1) for v in coded.values] + [0])
        found.append(same[coded.codes])  # the code of None is -1, so it takes the last: 0
    return np.concatenate(found).astype(np.int64)
