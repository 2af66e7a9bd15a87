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
    if kind.retiring or name == RETIREMENT:
        hard = _hard_people(columns)
        chosen = {each: _of_people(columns.table(each), hard) for each in READS[name]}
    else:
        chosen = _hard_rows(columns, kind)
    row, start = np.arange(len(table)), table.at
    end = np.maximum(_ends(columns, kind), start)
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


def _ends(columns: Columns, kind: SpanKind) -> Instants:
    """Return when the span of each row ends, by the rules that need no fold."""
    table = columns.table(kind.name)
    end = np.full(len(table), FOREVER, np.int64)
    if not len(table):
        return end
    if kind.name == RETIREMENT:
        return _next_of(columns, table, ("member.returned", "role.assigned"))
    if kind.until is not None:
        until = table.instants[kind.until]
        end = np.where(until == MISSING, FOREVER, until)
    if kind.retiring:
        end = np.minimum(end, _next_of(columns, table, (RETIREMENT,)))
    names = ("member", *kind.fields)
    if kind.replaced:
        end = np.minimum(end, _next_in_group(table, table, names))
    if kind.ends is not None:
        endings = columns.table(kind.ends)
        end = np.minimum(end, _next_in_group(table, endings, names))
        if kind.optional is not None:
            unnamed = endings.fields[kind.optional].codes < 0
            rest = tuple(name for name in names if name != kind.optional)
            end = np.minimum(end, _next_in_group(table, endings, rest, unnamed))
    return end


def _next_in_group(
    table: Table, events: Table, names: tuple[str, ...], chosen: Truths | None = None
) -> Instants:
    """Return, for each row of a table, when the next event was that has the same values; or `FOREVER`.

    Args:
        table: of beginnings.
        events: of what ends them.
        names: the fields.
        chosen: which events count; None for all.
    """
    numbers = _numbers([table, events], names)
    own, other = numbers[: len(table)], numbers[len(table) :]
    if chosen is not None:
        other = np.where(chosen, other, -1)
    rows = Rows.sorted(own, table.at, table.order)
    found = np.full(len(table), FOREVER, np.int64)
    if events is table:
        following = np.full(len(table), FOREVER, np.int64)
        same = rows.member[1:] == rows.member[:-1]
        following[:-1][same] = rows.at[1:][same]
    else:
        following = next_after(rows, Rows.sorted(other, events.at, events.order))
    found[rows.index] = following
    return found


def _next_of(columns: Columns, table: Table, names: tuple[str, ...]) -> Instants:
    """Return when each row's member had their next fact of some kinds, or `FOREVER`."""
    rows = Rows.sorted(table.persons["member"], table.at, table.order)
    found = np.full(len(table), FOREVER, np.int64)
    for name in names:
        events = columns.table(name)
        theirs = Rows.sorted(events.persons["member"], events.at, events.order)
        found[rows.index] = np.minimum(found[rows.index], next_after(rows, theirs))
    return found


def _hard_people(columns: Columns) -> Truths:
    """Return whose roles, leave and retirements need a fold.

    Those who have several identities; and of whom a retirement was told later than a role or leave that
    begins after it, or in its very instant.
    """
    hard = _with_identities(columns)
    lasting = [kind for kind in SPAN_KINDS.values() if kind.retiring]
    for kind in lasting:
        hard |= _with_ties(columns, kind)
    retired = columns.table(RETIREMENT)
    if not len(retired):
        return hard
    rows = Rows.sorted(retired.persons["member"], retired.at, retired.order)
    most = int(max(rows.order.max(), 0)) + 1
    latest = np.maximum.accumulate(rows.member.astype(np.int64) * most + rows.order) % most
    for kind in lasting:
        table = columns.table(kind.name)
        member = table.persons["member"].astype(np.int64)
        low, high = rows.between(member, np.iinfo(np.int64).min, table.at)
        there = np.flatnonzero(high > low)
        late = latest[high[there] - 1] > table.order[there]
        hard[member[there[late]]] = True
    return hard


def _with_ties(columns: Columns, kind: SpanKind) -> Truths:
    """Return of whom a span began in the very instant of an ending of its kind."""
    found = np.zeros(len(columns.people), bool)
    found[columns.table(kind.name).persons["member"][_tied(columns, kind)[0]]] = True
    return found


def _tied(columns: Columns, kind: SpanKind) -> tuple[Truths, Truths]:
    """Return which beginnings and which endings are of groups with one of each in the same instant."""
    assert kind.ends is not None  # noqa: S101 — what nothing ends has no ties
    table, endings = columns.table(kind.name), columns.table(kind.ends)
    names = tuple(name for name in ("member", *kind.fields) if name != kind.optional)
    group = _numbers([table, endings], names)
    at = np.concatenate([table.at, endings.at])
    place = np.unique(at, return_inverse=True)[1].reshape(-1)
    both = group * (len(place) + 1) + place
    shared = np.isin(both, np.intersect1d(both[: len(table)], both[len(table) :]))
    tied = np.isin(group, group[shared])
    return tied[: len(table)], tied[len(table) :]


def _hard_rows(columns: Columns, kind: SpanKind) -> dict[str, Truths]:
    """Return which beginnings and which endings of a kind need a fold."""
    several = _with_identities(columns)
    names = [kind.name] if kind.ends is None else [kind.name, kind.ends]
    found = {name: _of_people(columns.table(name), several) for name in names}
    if kind.ends is not None:
        for name, tied in zip(names, _tied(columns, kind), strict=True):
            found[name] |= tied
    return found


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
