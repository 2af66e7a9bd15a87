"""Spans in columns (roles, leave, vouches …), and accounts, which no column may hold.

The vectorised twin of ``domain.spans``. Rows of beginnings and endings are sorted by what tells spans
apart (a member's role in a community, say) and by time; each beginning then ends at the next ending of
its group, at the member's next retirement where that ends it, or at its own end date, whichever comes
first. Where more than that decides, rows are made entries again and `SpanFold` itself is asked: where a
beginning and an ending are of one instant, where a retirement was told after what it precedes, and where
merges gave somebody several identities. These are few.

Account names are personal, so accounts are read from the log for the few policies that ask for
them, and forgotten again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from types import SimpleNamespace

import numpy as np
from attrs import frozen

from reps_ledger.domain.entries import Entry, Told
from reps_ledger.domain.spans import (
    ENDED_BY,
    READS,
    RETIREMENT,
    SPAN_FACTS,
    SPAN_KINDS,
    Span,
    SpanKind,
    folded,
)
from reps_ledger.domain.time import microseconds
from reps_ledger.policies.language.reads import reads_of
from reps_ledger.policies.policy import Policy
from reps_ledger.replay.columns import Columns, Table
from reps_ledger.replay.columns.model import MISSING, Instants
from reps_ledger.replay.kernel.arrays import FOREVER, Integers, Rows, Truths, next_after, to_datetime


@frozen(eq=False)
class Spans:
    """Spans of one kind.

    Attributes:
        table: of the facts that begin them.
        row: by which row of it each began. A row begins one, or none where it never began; that of a
            retirement may begin several, where the person had an identity that was not retired all along.
        start: when each began.
        end: the first instant at which it held no longer, or `FOREVER`.
    """

    table: Table
    row: Integers
    start: Instants
    end: Instants

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
        ends, rank = np.unique(self.end[place], return_inverse=True)
        # The latest end so far in each group, as its rank, so that groups do not mix.
        latest = np.maximum.accumulate(group * len(ends) + rank.reshape(-1)) - group * len(ends)
        overlapping = (
            (group[1:] == group[:-1]) & (start[1:] < ends[latest[:-1]]) if len(place) else np.zeros(0, bool)
        )
        return key if overlapping.any() else None


def spans_of(columns: Columns, name: str) -> Spans:
    """Find the spans of a kind.

    Args:
        columns: what is known.
        name: the stored name of the beginnings, of `SPAN_KINDS`.

    Raises:
        InvalidPolicy: what tells these spans apart is personal text, which columns do not hold.
    """
    kind, table = SPAN_KINDS[name], columns.table(name)
    end, tied = _ends(columns, kind)
    row, start, end = np.arange(len(table)), table.at, np.maximum(end, table.at)
    chosen = _hard(columns, kind, tied)
    if not chosen[name].any():
        return Spans(table, row, start, end)
    easy = ~chosen[name]
    found = folded(sorted(_entries(columns, chosen), key=lambda entry: entry.order)).of(name)
    return Spans(
        table,
        np.concatenate([row[easy], np.array([int(span.entry.id) for span in found], np.int64)]),
        np.concatenate([start[easy], np.array([microseconds(span.start) for span in found], np.int64)]),
        np.concatenate([end[easy], np.array([_end_of(span) for span in found], np.int64)]),
    )


def _end_of(span: Span) -> int:
    return FOREVER if span.end is None else microseconds(span.end)


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


def _ends(columns: Columns, kind: SpanKind) -> tuple[Instants, _Ties]:
    """Return when the span of each row ends, by the rules that need no fold; and where one is needed."""
    table = columns.table(kind.name)
    endings = columns.table(kind.ends) if kind.ends is not None else table
    end = np.full(len(table), FOREVER, np.int64)
    tied = _Ties(np.zeros(len(table), bool), np.zeros(len(endings), bool))
    if not len(table):
        return end, tied
    if kind.name == RETIREMENT:
        return _next_of(columns, table, ("member.returned", "role.assigned")), tied
    if kind.until is not None:
        until = table.instants[kind.until]
        end = np.where(until == MISSING, FOREVER, until)
    if kind.retiring:
        end = np.minimum(end, _next_of(columns, table, (RETIREMENT,)))
    names = ("member", *kind.fields)
    if kind.replaced:
        return np.minimum(end, _next_of_its_kind(table, names)), tied
    passes: list[tuple[tuple[str, ...], Truths | None]] = [(names, None)]
    if kind.optional is not None:
        rest = tuple(name for name in names if name != kind.optional)
        passes.append((rest, endings.fields[kind.optional].codes < 0))
    for fields, chosen in passes:
        following, more = _next_ending(table, endings, fields, chosen)
        end, tied = np.minimum(end, following), tied | more
    return end, tied


def _next_of_its_kind(table: Table, names: tuple[str, ...]) -> Instants:
    """Return, for each row of a table, when the next has the same values; or `FOREVER`."""
    rows = Rows.sorted(_numbers([table], names), table.at, table.order)
    following = np.full(len(table), FOREVER, np.int64)
    same = rows.member[1:] == rows.member[:-1]
    following[:-1][same] = rows.at[1:][same]
    found = np.full(len(table), FOREVER, np.int64)
    found[rows.index] = following
    return found


def _next_ending(
    table: Table, endings: Table, names: tuple[str, ...], chosen: Truths | None
) -> tuple[Instants, _Ties]:
    """Return, for each row of a table, when the next ending was that has the same values; or `FOREVER`.

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
    found = np.full(len(table), FOREVER, np.int64)
    found[rows.index] = next_after(rows, events)
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


def _next_of(columns: Columns, table: Table, names: tuple[str, ...]) -> Instants:
    """Return when each row's member had their next fact of some kinds, or `FOREVER`."""
    rows = Rows.sorted(table.persons["member"], table.at, table.order)
    found = np.full(len(table), FOREVER, np.int64)
    for name in names:
        events = columns.table(name)
        theirs = Rows.sorted(events.persons["member"], events.at, events.order)
        found[rows.index] = np.minimum(found[rows.index], next_after(rows, theirs))
    return found


def _hard(columns: Columns, kind: SpanKind, tied: _Ties) -> dict[str, Truths]:
    """Return which rows a fold has to look at, by stored name: of whom, or of what, rules need one."""
    several = _with_identities(columns)
    table = columns.table(kind.name)
    if not kind.retiring and kind.name != RETIREMENT:
        found = {kind.name: _of_people(table, several) | tied.beginnings}
        if kind.ends is not None:
            found[kind.ends] = _of_people(columns.table(kind.ends), several) | tied.endings
        return found
    several[table.persons["member"][tied.beginnings]] = True
    _mark_told_late(columns, "role.assigned" if kind.name == RETIREMENT else kind.name, several)
    return {name: _of_people(columns.table(name), several) for name in READS[kind.name]}


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
    most = int(rows.order.max()) + 1
    latest = np.maximum.accumulate(rows.member.astype(np.int64) * most + rows.order) % most
    member = table.persons["member"].astype(np.int64)
    low, high = rows.between(member, np.iinfo(np.int64).min, table.at)
    there = np.flatnonzero(high > low)
    late = latest[high[there] - 1] > table.order[there]
    people[member[there[late]]] = True


def _of_people(table: Table, people: Truths) -> Truths:
    """Return which rows name one of some people."""
    found = np.zeros(len(table), bool)
    for codes in table.persons.values():
        found |= np.append(people, False)[codes]  # the code of nobody is -1: the last
    return found


def _with_identities(columns: Columns) -> Truths:
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


def _entries(columns: Columns, chosen: Mapping[str, Truths]) -> Iterator[Entry]:
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
    coded = table.coded(name)
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
        coded = table.coded(name)
        same = np.array([numbers.setdefault(v, len(numbers) + 1) for v in coded.values] + [0])
        found.append(same[coded.codes])  # the code of None is -1, so it takes the last: 0
    return np.concatenate(found).astype(np.int64)


_LINKS = frozenset({"account.linked", "account.unlinked"})


@frozen(eq=False)
class Accounts:
    """Who had an account, and when.

    Attributes:
        member: whose each linked account is, as their place among all people.
        start: since when it was linked.
        end: the first instant at which it was linked no longer, or `FOREVER`.
        providers: the provider of each.
        joined: for each person, whether they joined with an account of the programme itself.
    """

    member: Integers
    start: Instants
    end: Instants
    providers: tuple[str, ...]
    joined: Truths

    def at(self, provider: str | None) -> Truths:
        """Return which linked accounts are at a provider; None for any."""
        return np.array([provider in (None, each) for each in self.providers], bool)


def accounts_among(entries: Iterable[Entry], people: tuple[str, ...]) -> Accounts:
    """Gather the accounts of everyone.

    Args:
        entries: all that stand, in order of position.
        people: everyone, in order of identifier, as in `Columns.people`.
    """
    places = {person: place for place, person in enumerate(people)}
    links: list[Entry] = []
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.name in _LINKS:
            links.append(entry)
        elif entry.name == "member.joined":
            before = first.get(entry.fact.member)
            if before is None or entry.order < before.order:
                first[entry.fact.member] = entry
    spans = folded(sorted(links, key=lambda entry: entry.order)).of("account.linked")
    joined = np.zeros(len(people), bool)
    for member, entry in first.items():
        joined[places[member]] = entry.fact.account is not None
    return Accounts(
        member=np.array([places[span.entry.fact.member] for span in spans], np.int64),
        start=np.array([microseconds(span.start) for span in spans], np.int64),
        end=np.array([FOREVER if span.end is None else microseconds(span.end) for span in spans], np.int64),
        providers=tuple(span.entry.fact.provider for span in spans),
        joined=joined,
    )


def asks_for_accounts(policy: Policy) -> bool:
    """Whether a policy asks who has an account."""
    return reads_of(policy).accounts
