"""Spans in columns: what began and perhaps ended, paired without a loop.

The same pairing as ``policies.spans``: sorted by what tells spans apart and by time, each
beginning ends at the next row of its kind, whatever it is, at the member's next retirement
where that ends it, or by itself, whichever comes first. So intervals alternate.

Accounts: who had one when. Their names are personal, so that no column keeps them.

They are read from the log for the few policies that ask, and forgotten again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from reps_ledger.domain.spans import BEGINNINGS
from reps_ledger.domain.spans import spans_of as folded_spans
from reps_ledger.domain.time import microseconds
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.reads import reads_of
from reps_ledger.replay.columns import MISSING
from reps_ledger.replay.kernel.arrays import END, Codes, Instants, Rows, Truths

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reps_ledger.domain.entries import Entry
    from reps_ledger.policies.policy import Policy
    from reps_ledger.replay.columns import Columns, Table

__all__ = ["FOREVER", "Accounts", "Spans", "accounts_among", "asks_for_accounts", "spans_of"]

FOREVER = END + 1
"""After every instant."""


@frozen(eq=False)
class Spans:
    """Spans of one kind, a row of the beginning fact's table each.

    Attributes:
        table: the table of the facts that begin them.
        start: when each began.
        end: the first instant at which it held no longer, or `FOREVER`.
    """

    table: Table
    start: Instants
    end: Instants


def spans_of(columns: Columns, name: str) -> Spans:
    """Pair the beginnings of a kind with their ends."""
    kind = BEGINNINGS[name]
    table = columns.table(name)
    ends = [columns.table(other) for other in sorted(kind.ends)]
    count = len(table.at)
    end = np.full(count, FOREVER, np.int64)
    if kind.until is not None:
        until = table.instants[kind.until]
        end = np.where(until == MISSING, FOREVER, until)
    if count == 0:
        return Spans(table, table.at, end)
    parts = [table, *ends]
    group = _groups(parts, kind.fields)
    at = np.concatenate([part.at for part in parts])
    order = np.concatenate([part.order for part in parts])
    place = np.lexsort((order, at, group))
    following = np.full(len(at), FOREVER, np.int64)
    same = group[place][1:] == group[place][:-1]
    following[place[:-1][same]] = at[place][1:][same]
    end = np.minimum(end, following[:count])
    if kind.retiring:
        end = np.minimum(end, _next_retirement(columns, table))
    return Spans(table, table.at, np.maximum(end, table.at))


def _groups(parts: list[Table], names: tuple[str, ...]) -> Codes:
    """Return a number for each row, the same where all fields that tell spans apart are."""
    found: Any = None
    for name in names:
        codes = _codes(parts, name)
        combined = codes if found is None else found * (codes.max(initial=0) + 2) + codes
        found = np.unique(combined, return_inverse=True)[1].reshape(-1)
    return np.asarray(found, np.int64)


def _codes(parts: list[Table], name: str) -> Codes:
    """Return a field's codes in several tables, equal where the values are."""
    if name in parts[0].persons:
        return np.concatenate([part.persons[name] for part in parts]).astype(np.int64) + 1
    numbers: dict[Any, int] = {}
    found = []
    for part in parts:
        if name not in part.fields:
            raise InvalidPolicy(
                f"{name!r} of {part.name} is personal text: columns do not hold it, and no "
                "backtest can go by it; evaluate the policy at each date instead"
            )
        coded = part.fields[name]
        same = np.array([numbers.setdefault(v, len(numbers) + 1) for v in coded.values] + [0])
        found.append(same[coded.codes])  # None is -1, and so the last: 0
    return np.concatenate(found).astype(np.int64)


def _next_retirement(columns: Columns, table: Table) -> Instants:
    """Return when each row's member retired next, or `FOREVER`."""
    retired = columns.table("member.retired")
    member = np.concatenate([table.persons["member"], retired.persons["member"]])
    rows = Rows.sorted(
        member, np.concatenate([table.at, retired.at]), np.concatenate([table.order, retired.order])
    )
    count = len(rows)
    is_retired = rows.index >= len(table.at)
    nexts = np.where(is_retired, np.arange(count), count)
    nexts = np.minimum.accumulate(nexts[::-1])[::-1]
    there = np.minimum(nexts, count - 1)
    mine = (nexts < count) & (rows.member[there] == rows.member)
    found = np.full(len(member), FOREVER, np.int64)
    found[rows.index] = np.where(mine, rows.at[there], FOREVER)
    return found[: len(table.at)]


_LINKS = frozenset({"account.linked", "account.unlinked"})


@frozen(eq=False)
class Accounts:
    """When members had accounts.

    Attributes:
        member: whose each linked account is, as a place among all people.
        start: from when.
        end: until when, or after every instant.
        providers: where each is.
        joined: of each person, whether they joined with an account of the programme's own.
    """

    member: Codes
    start: Instants
    end: Instants
    providers: tuple[str, ...]
    joined: Truths

    def at(self, provider: str | None) -> Truths:
        """Return which linked accounts are at a provider; None for any."""
        return np.array([provider in (None, each) for each in self.providers], bool)


def accounts_among(entries: Iterable[Entry], people: tuple[str, ...]) -> Accounts:
    """Gather accounts of entries that stand, given in order of position.

    Args:
        entries: any.
        people: everyone, in order of identifier.
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
        end=np.array(
            [FOREVER if span.end is None else microseconds(span.end) for span in spans], np.int64
        ),
        providers=tuple(span.entry.fact.provider for span in spans),
        joined=joined,
    )


def asks_for_accounts(policy: Policy) -> bool:
    """Whether a policy asks who has an account."""
    return reads_of(policy).accounts
