"""Everyone's history, from columns: what conditions ask of it again and again, worked out once."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from datetime import datetime, tzinfo
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from attrs import define, field

from reps_ledger.replay.columns.model import Columns, Instants, Table, Truths
from reps_ledger.replay.kernel.arrays import FOREVER, Integers, Intervals, Rows, to_datetime
from reps_ledger.replay.kernel.calendars import Calendar
from reps_ledger.replay.kernel.selections import flagged
from reps_ledger.replay.kernel.spans import Spans, spans_of

T = TypeVar("T")
N = TypeVar("N", bound=np.generic)


@define(eq=False)
class Histories:
    """Everyone's history: when they joined, what they held and when, what they did.

    Nothing in it depends on a policy, so that all policies of a sweep share one.

    Attributes:
        columns: what is known.
        zone: in which dates, days, months and years are read.
    """

    columns: Columns
    zone: tzinfo
    _made: dict[Hashable, object] = field(factory=dict, init=False)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return something made of the histories, made once."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]  # type: ignore[assignment]  # what ``make`` made for the key
        return found

    @cached_property
    def calendar(self) -> Calendar:
        """Calendar arithmetic in the zone."""
        return Calendar(self.zone)

    @cached_property
    def joining(self) -> Integers:
        """The row of ``member.joined`` by which each person joined; -1 for who never did."""
        table = self.columns.table("member.joined")
        rows = Rows.sorted(table.persons["member"], table.at, table.order)
        first = rows.first_of(len(self.columns.people))
        return take_or(rows.index, first, -1)

    @cached_property
    def joined(self) -> Instants:
        """When each person joined; `FOREVER` for who never did."""
        return take_or(self.columns.table("member.joined").at, self.joining, FOREVER)

    def first_time(self, table: Table, kept: Truths) -> Instants:
        """Return when each person first had one of the kept rows; `FOREVER` for never."""
        found = np.full(len(self.columns.people), FOREVER, np.int64)
        member = table.persons["member"][kept]
        there = member >= 0
        np.minimum.at(found, member[there], table.at[kept][there])
        return found

    @cached_property
    def acts(self) -> Rows:
        """Every act of every member. What was announced, or made by a system, is none."""
        members: list[Integers] = []
        ats: list[Instants] = []
        orders: list[Integers] = []
        for name, table in self.columns.tables.items():
            described = self.columns.registry.named(name)
            if described is None or described.kind.act is None:
                continue
            kept = ~(flagged(table, "passive") | flagged(table, "announced"))
            members.append(np.where(kept, table.persons[described.kind.act], -1))
            ats.append(table.at)
            orders.append(table.order)
        if not members:
            none = np.zeros(0, np.int64)
            return Rows.sorted(none, none, none)
        return Rows.sorted(np.concatenate(members), np.concatenate(ats), np.concatenate(orders))

    def spans(self, name: str) -> Spans:
        """Return the spans that facts of a stored name begin."""
        return self.once(("spans", name), lambda: spans_of(self.columns, name))

    def intervals(self, name: str, **wanted: str | None) -> Intervals:
        """Return when spans of a kind held, of everyone.

        Args:
            name: the stored name of their beginnings.
            wanted: fields of these, with the values that they must have; None for any value.
        """

        def make() -> Intervals:
            spans = self.spans(name)
            kept = np.ones(len(spans.table), bool)
            for key, value in wanted.items():
                if value is not None:
                    kept &= is_value(spans.table, key, value)
            return Intervals.of(spans.member, spans.start, spans.end, kept[spans.row])

        return self.once(("intervals", name, tuple(wanted.items())), make)

    def role_intervals(self, role: str, community: str | None) -> Intervals:
        """Return when members held a role.

        Args:
            role: which.
            community: where; None for anywhere, "" for a role of the whole programme.
        """

        def make() -> Intervals:
            spans = self.spans("role.assigned")
            kept = is_value(spans.table, "role", role)
            if community is not None:
                kept &= is_value(spans.table, "community", community or None)
            return Intervals.of(spans.member, spans.start, spans.end, kept[spans.row])

        return self.once(("roles", role, community), make)

    def merged_roles(self, role: str, community: str | None) -> Intervals:
        """Return as `role_intervals` does, with overlapping and touching times as one."""
        return self.once(("merged", role, community), lambda: self.role_intervals(role, community).disjoint())

    def merged(self, name: str) -> Intervals:
        """Return when spans of a kind held, of everyone, with overlapping and touching times as one."""
        return self.once(("merged", name), lambda: self.intervals(name).disjoint())

    def community_intervals(self, community: str | None) -> Intervals:
        """Return when members were in a community, or held a role in it; None for in any."""

        def make() -> Intervals:
            found = []
            for name in ("community.joined", "role.assigned"):
                spans = self.spans(name)
                table = spans.table
                here = is_value(table, "community", community)
                kept = ~here if community is None else here
                owner = np.where(kept[spans.row], spans.member, -1)
                found.append((owner, spans.start, spans.end))
            member, start, end = (np.concatenate(each) for each in zip(*found, strict=True))
            return Intervals.of(member, start, end)

        return self.once(("community", community), make)

    @cached_property
    def joined_with_account(self) -> Instants:
        """When people joined, under any of their identifiers, with an account of the programme itself.

        `FOREVER` for who never did.
        """
        table = self.columns.table("member.joined")
        return self.first_time(table, table.keyed["account"].codes >= 0)

    @cached_property
    def leave(self) -> Mapping[int, list[tuple[datetime, datetime | None]]]:
        """When members were on leave, of those who ever were: disjoint times, in order."""
        leave, found = self.merged("leave.started"), dict[int, list[tuple[datetime, datetime | None]]]()
        for member, start, end in zip(
            leave.rows.member.tolist(), leave.rows.at.tolist(), leave.end.tolist(), strict=True
        ):
            until = None if end == FOREVER else to_datetime(end)
            found.setdefault(member, []).append((to_datetime(start), until))
        return found

    @cached_property
    def organisation_codes(self) -> Integers:
        """The organisation of each interval of ``affiliation.started``."""
        held = self.intervals("affiliation.started")
        spans = self.spans("affiliation.started")
        coded = spans.table.fields["organisation"]
        return coded.codes[spans.row[held.rows.index]].astype(np.int64)


def is_value(table: Table, name: str, value: str | None) -> Truths:
    """Return which rows have a value in a field; None for those that have none.

    Raises:
        InvalidPolicy: columns do not hold the field, as it is personal text.
    """
    coded = table.coded(name)
    return coded.codes < 0 if value is None else coded.matching(lambda each: each == value)


def take_or(values: npt.NDArray[N], row: Integers, none: int) -> npt.NDArray[N]:
    """Return the values of some rows, and ``none`` for row -1."""
    if not len(values):
        return np.full(len(row), none, values.dtype)
    return np.where(row >= 0, values[row], none)
