"""A census at many instants: rows of who is in which group from when to when, counted as arrays.

Numbers stand for people and for groups, so that each instant costs a few passes over integers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import count

import numpy as np
import numpy.typing as npt
from attrs import frozen

from reps_ledger.domain.time import microseconds
from reps_ledger.projections.census import CensusRow
from reps_ledger.replay.kernel.arrays import changing

Integers = npt.NDArray[np.int64]
Pairs = tuple[Integers, Integers]
"""People and groups, as numbers: by person, without repeats."""

Found = tuple[str, str, int, int]
"""Of whom, of which group, from when, until when: microseconds since 1970."""


@frozen(eq=False)
class Dimension:
    """What a census counts by.

    Attributes:
        rows: who is in which group.
        default: the group of who has no row.
        counted: whether the group is how many different values there are.
        defined: rows of groups that say themselves who is in them; None where none do.
    """

    rows: Sequence[Found]
    default: str
    counted: bool = False
    defined: Sequence[Found] | None = None


@frozen(eq=False)
class People:
    """Who is counted.

    Attributes:
        joined: from when on each person counts as one who joined.
        defined: from when until when each counts by the programme's own definition.
        seen: from when on an entry names each person; nobody counts before.
    """

    joined: Sequence[Found]
    defined: Sequence[Found] = ()
    seen: Sequence[Found] = ()


class _Names:
    """Numbers for names, in the order in which they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def of(self, names: Sequence[str]) -> Integers:
        numbers = self.numbers
        new = [name for name in dict.fromkeys(names) if name not in numbers]
        numbers.update(zip(new, count(len(numbers))))
        return np.fromiter(map(numbers.__getitem__, names), np.int64, len(names))

    def listed(self) -> list[str]:
        return [*self.numbers]


@frozen(eq=False)
class _Rows:
    """Rows as arrays, by person and group."""

    member: Integers
    group: Integers
    start: Integers
    until: Integers

    @classmethod
    def of(cls, rows: Sequence[Found], people: _Names, groups: _Names) -> _Rows:
        member, group, start, until = zip(*rows, strict=True) if rows else ((), (), (), ())
        found, named = people.of(member), groups.of(group)
        place = np.lexsort((named, found))
        return cls(
            found[place],
            named[place],
            np.fromiter(start, np.int64, len(rows))[place],
            np.fromiter(until, np.int64, len(rows))[place],
        )

    def at(self, now: int) -> Pairs:
        """Return who is in which group at an instant."""
        kept = (self.start <= now) & (self.until > now)
        return _different(self.member[kept], self.group[kept])


def _once(member: Integers, group: Integers) -> Pairs:
    """Return pairs by person, each once."""
    place = np.lexsort((group, member))
    return _different(member[place], group[place])


def _different(member: Integers, group: Integers) -> Pairs:
    """Return pairs, in order, each once."""
    new = changing(member, group)
    return member[new], group[new]


@frozen(eq=False)
class _Counted:
    """A dimension as arrays, with the names of its groups and the number of the default one."""

    rows: _Rows
    defined: _Rows | None
    groups: _Names
    default: int
    counts: bool

    @classmethod
    def of(cls, dimension: Dimension, people: _Names) -> _Counted:
        groups = _Names()
        (default,) = groups.of([dimension.default]).tolist()
        defined = None if dimension.defined is None else _Rows.of(dimension.defined, people, groups)
        rows = _Rows.of(dimension.rows, people, groups)
        return cls(rows, defined, groups, default, dimension.counted)

    def at(self, now: int, definers: Collection[str]) -> Pairs:
        """Return who is in which group at an instant; `definers` are the groups that say so themselves."""
        member, group = self.rows.at(now)
        if self.defined is not None and definers:
            kept = ~np.isin(group, self.groups.of(sorted(definers)))
            more, groups = self.defined.at(now)
            member, group = _once(np.concatenate([member[kept], more]), np.concatenate([group[kept], groups]))
        if self.counts:
            member, number = np.unique(member, return_counts=True)
            group = self.groups.of([str(each) for each in number.tolist()])
        return member, group


def count_through_time(
    people: People,
    dimensions: Sequence[Dimension],
    instants: Sequence[datetime],
    definers: Sequence[Collection[str]],
) -> Iterator[CensusRow]:
    """Yield the groups of members at each instant, in order.

    Args:
        people: who is counted.
        dimensions: by what.
        instants: when, in order.
        definers: for each, which groups say themselves who is in them; "" for the whole programme.
    """
    names, whole = _Names(), _Names()
    joined, defined, seen = (
        _Rows.of(rows, names, whole) for rows in (people.joined, people.defined, people.seen)
    )
    counted = [_Counted.of(dimension, names) for dimension in dimensions]
    for at, own in zip(instants, definers, strict=True):
        now = microseconds(at)
        who = joined.at(now)[0]
        if "" in own:
            who = np.intersect1d(defined.at(now)[0], seen.at(now)[0])
        found = [each.at(now, {*own} - {""}) for each in counted]
        yield from _groups(at, who, len(names.numbers), counted, found)


def _groups(
    at: datetime, who: Integers, size: int, dimensions: Sequence[_Counted], found: Sequence[Pairs]
) -> Iterator[CensusRow]:
    """Yield how many of some people, of ``size`` in all, are in each combination of groups."""
    member, codes = who, np.zeros(len(who), np.int64)
    for dimension, (of, group) in zip(dimensions, found, strict=True):
        each = np.bincount(of, minlength=size)  # of each person, how many groups
        if each.max(initial=0) <= 1:
            value = np.full(size, dimension.default, np.int64)
            value[of] = group
            codes = codes * len(dimension.groups.numbers) + value[member]
            continue
        first = np.cumsum(each) - each
        number = np.maximum(each[member], 1)
        place = np.repeat(first[member], number) + _within(number)
        own = np.repeat(each[member] > 0, number)
        value = np.full(len(place), dimension.default, np.int64)
        value[own] = group[place[own]]
        codes = np.repeat(codes, number) * len(dimension.groups.numbers) + value
        member = np.repeat(member, number)
    combined, counts = np.unique(codes, return_counts=True)
    names = [dimension.groups.listed() for dimension in dimensions]
    rows = []
    for code, members in zip(combined.tolist(), counts.tolist(), strict=True):
        group_: tuple[str, ...] = ()
        for listed in reversed(names):
            code, value_ = divmod(code, len(listed))  # noqa: PLW2901 — digit after digit
            group_ = (listed[value_], *group_)
        rows.append((group_, members))
    for group_, members in sorted(rows):
        yield CensusRow(at=at, group=group_, members=members)


def _within(number: Integers) -> Integers:
    """Return for each run of so many its places from 0."""
    return np.arange(int(number.sum())) - np.repeat(np.cumsum(number) - number, number)
