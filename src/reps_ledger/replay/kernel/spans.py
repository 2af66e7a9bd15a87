"""Spans in columns (roles, leave, vouches …), and accounts, which no column may hold.

The vectorised twin of ``domain.spans``: the same pairing, without a loop. Rows of beginnings and
endings are sorted by what tells spans apart (a member's role in a community, say) and by time;
each beginning then ends at the next row of its group, whatever that is, at the member's next
retirement where that ends it, or at its own end date, whichever comes first. So the spans of a
group never overlap.

Account names are personal, so accounts are read from the log for the few policies that ask for
them, and forgotten again.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.spans import BEGINNINGS
from reps_ledger.domain.spans import spans_of as folded_spans
from reps_ledger.domain.time import microseconds
from reps_ledger.policies.language.reads import reads_of
from reps_ledger.policies.policy import Policy
from reps_ledger.replay.columns import Columns, Table
from reps_ledger.replay.columns.model import MISSING, Instants
from reps_ledger.replay.kernel.arrays import FOREVER, Integers, Rows, Truths, next_after


@frozen(eq=False)
class Spans:
    """Spans of one kind, one for each row of the table of the facts that begin them.

    Attributes:
        table: that table.
        start: when each began.
        end: the first instant at which it held no longer, or `FOREVER`.
    """

    table: Table
    start: Instants
    end: Instants


def spans_of(columns: Columns, name: str) -> Spans:
    """Pair the beginnings of a kind with their ends.

    Args:
        columns: what is known.
        name: the stored name of the beginnings, of `BEGINNINGS`.

    Raises:
        InvalidPolicy: what tells these spans apart is personal text, which columns do not hold.
    """
    kind = BEGINNINGS[name]
    table = columns.table(name)
    count = len(table)
    end = np.full(count, FOREVER, np.int64)
    if kind.until is not None:
        until = table.instants[kind.until]
        end = np.where(until == MISSING, FOREVER, until)
    if count == 0:
        return Spans(table, table.at, end)
    tables = [table, *(columns.table(other) for other in sorted(kind.ends))]
    group = _group_numbers(tables, kind.fields)
    at = np.concatenate([each.at for each in tables])
    order = np.concatenate([each.order for each in tables])
    place = np.lexsort((order, at, group))
    following = np.full(len(at), FOREVER, np.int64)
    same = group[place][1:] == group[place][:-1]
    following[place[:-1][same]] = at[place][1:][same]
    end = np.minimum(end, following[:count])
    if kind.retiring:
        end = np.minimum(end, _next_retirement(columns, table))
    return Spans(table, table.at, np.maximum(end, table.at))


def _group_numbers(tables: list[Table], names: tuple[str, ...]) -> Integers:
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


def _next_retirement(columns: Columns, table: Table) -> Instants:
    """Return when each row's member retired next, or `FOREVER`."""
    retired = columns.table("member.retired")
    rows = Rows.sorted(table.persons["member"], table.at, table.order)
    events = Rows.sorted(retired.persons["member"], retired.at, retired.order)
    found = np.full(len(table), FOREVER, np.int64)
    found[rows.index] = next_after(rows, events)
    return found


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
    spans = folded_spans("account.linked", sorted(links, key=lambda entry: entry.order))
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
