"""The kernel: policies over columns, at any members and instants, with NumPy alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from attrs import define, field, frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import (
    AllOf,
    AnyOf,
    AtLeast,
    Condition,
    Leaf,
    Not,
)
from reps_ledger.replay.columns import Columns, Table
from reps_ledger.replay.kernel.accounts import Accounts
from reps_ledger.replay.kernel.asking import leaf_holds
from reps_ledger.replay.kernel.instants import Calendar, Instants, moment
from reps_ledger.replay.kernel.noticing import acts_of
from reps_ledger.replay.kernel.rows import Codes, Points, Rows, Truths, ragged
from reps_ledger.replay.kernel.selecting import Selected, select, select_body
from reps_ledger.replay.kernel.spanning import FOREVER, Spans, spans_of
from reps_ledger.replay.kernel.stretches import Stretches

if TYPE_CHECKING:
    from reps_ledger.policies.language.selections import Facts
    from reps_ledger.policies.language.shares import Share

__all__ = ["Kernel", "Past"]

T = TypeVar("T")


@frozen(eq=False)
class Past:
    """What a policy said of points before.

    Attributes:
        outcome: the place of the outcome among the kernel's outcomes; -1 for none.
        since: since when it has been that.
    """

    outcome: Codes
    since: Instants


@define(eq=False)
class Kernel:
    """Answers conditions of any members at any instants.

    Attributes:
        columns: what is known.
        zone: in which dates, months and years are read.
        policy: the name of the policy that is evaluated.
        outcomes: the outcomes of that policy.
        accounts: who had an account when; None where nobody asked the log.
    """

    columns: Columns
    zone: tzinfo
    policy: str = ""
    outcomes: tuple[str, ...] = ()
    accounts: Accounts | None = None
    never: int = FOREVER
    _made: dict[Any, Any] = field(factory=dict, init=False)

    def of(self, policy: str, outcomes: tuple[str, ...]) -> Kernel:
        """Return a kernel for a policy, which uses again what this one has made."""
        other = Kernel(self.columns, self.zone, policy, outcomes, self.accounts)
        other._made = self._made
        return other

    @cached_property
    def calendar(self) -> Calendar:
        """What the zone's calendar makes of instants."""
        return Calendar(self.zone)

    def holds(self, condition: Condition, points: Points, past: Past | None = None) -> Truths:
        """Return, for points, whether a condition holds."""
        return self.combined(condition, lambda leaf: leaf_holds(leaf, points, self, past))

    @staticmethod
    def must_be_own(past: Past | None) -> Past:
        """Return what a policy said before of the members that it is asked of.

        Raises:
            InvalidPolicy: of others, of whom a condition within a condition is asked, a run
                does not know it.
        """
        if past is None:
            raise InvalidPolicy(
                "a condition on the previous outcome of other people, or of a body's members, "
                "cannot be backtested; evaluate the policy at each date instead"
            )
        return past

    @staticmethod
    def combined(condition: Condition, of_leaf: Callable[[Leaf], Truths]) -> Truths:
        """Return where a condition holds, where its leaves hold as told."""
        return _truth(condition, of_leaf)

    @cached_property
    def joining(self) -> Codes:
        """The row of ``member.joined`` by which each person joined; -1 for who never did."""
        table = self.columns.table("member.joined")
        rows = Rows.sorted(table.persons["member"], table.at, table.order)
        first = rows.first_of(len(self.columns.people))
        return np.where(first >= 0, rows.index[first] if len(rows) else -1, -1)

    @cached_property
    def joined(self) -> Instants:
        """When each person joined, or after every instant."""
        table = self.columns.table("member.joined")
        return np.asarray(self.of_first(self.joining, table.at, self.never))

    @staticmethod
    def of_first(row: Codes, values: Any, none: Any = False) -> Any:  # noqa: FBT002 — a value
        """Return the values of some rows, and ``none`` for no row."""
        if not len(values):
            return np.full(len(row), none)
        return np.where(row >= 0, values[row], none)

    def first_time(self, table: Table, kept: Truths) -> Instants:
        """Return when each person first had one of the rows; after every instant for never."""
        found = np.full(len(self.columns.people), self.never, np.int64)
        member = table.persons["member"][kept]
        there = member >= 0
        np.minimum.at(found, member[there], table.at[kept][there])
        return found

    @staticmethod
    def is_value(table: Table, name: str, value: Any) -> Truths:
        """Return which rows have a value in a field; None for those that have none."""
        if name not in table.fields:
            raise InvalidPolicy(
                f"{name!r} of {table.name} is personal text: columns do not hold it, and no "
                "backtest can go by it; evaluate the policy at each date instead"
            )
        coded = table.fields[name]
        if value is None:
            return np.asarray(coded.codes < 0)
        same = [each == value for each in coded.values]
        return np.array([*same, False], bool)[coded.codes]

    @staticmethod
    def flag(table: Table, name: str) -> Truths:
        """Return which rows have a field that is true; none where they have no such field."""
        if name not in table.fields:
            return np.zeros(len(table.at), bool)
        coded = table.fields[name]
        if not any(value is True for value in coded.values):
            return np.zeros(len(table.at), bool)
        return np.array([*(value is True for value in coded.values), False], bool)[coded.codes]

    def act_of(self, name: str) -> str | None:
        """Return the field that names who acted, in a kind of fact that is somebody's act."""
        described = self.columns.registry.named(name)
        return None if described is None else described.kind.act

    @cached_property
    def acts(self) -> Rows:
        """Every act of every member."""
        return acts_of(self)

    def spans(self, name: str) -> Spans:
        """Return the spans of a kind of beginning."""
        return self._once(("spans", name), lambda: spans_of(self.columns, name))

    def stretches(self, name: str, **wanted: Any) -> Stretches:
        """Return spans of a kind with some values, by member; None is for any value."""

        def make() -> Stretches:
            spans = self.spans(name)
            kept = np.ones(len(spans.start), bool)
            for key, value in wanted.items():
                if value is not None:
                    kept &= self.is_value(spans.table, key, value)
            return Stretches.of(spans.table.persons["member"], spans.start, spans.end, kept)

        return self._once(("stretches", name, tuple(wanted.items())), make)

    def account_stretches(self, provider: str | None) -> Stretches:
        """Return when members had a linked account; at a provider, or at any."""
        told = self.known_accounts
        return Stretches.of(told.member, told.start, told.end, told.at(provider))

    @property
    def known_accounts(self) -> Accounts:
        """Who had an account when.

        Raises:
            InvalidPolicy: nobody asked the log.
        """
        if self.accounts is None:
            raise InvalidPolicy(
                "accounts are personal: columns do not hold them, and without the ledger itself "
                "no policy can go by them"
            )
        return self.accounts

    def role_spans(self, role: str, community: str | None) -> Stretches:
        """Return when members hold a role; in a community, or "" in the whole programme."""

        def make() -> Stretches:
            spans = self.spans("role.assigned")
            kept = self.is_value(spans.table, "role", role)
            if community is not None:
                kept &= self.is_value(spans.table, "community", community or None)
            return Stretches.of(spans.table.persons["member"], spans.start, spans.end, kept)

        return self._once(("roles", role, community), make)

    def merged_roles(self, role: str) -> Stretches:
        """Return when members held a role, overlapping and touching times as one."""

        def make() -> Stretches:
            held = self.role_spans(role, None)
            joined = self._joined_up(held)
            rows = [(m, start, end) for m, times in joined.items() for start, end in times]
            columns = np.array(rows, np.int64).reshape(-1, 3)
            return Stretches.of(columns[:, 0], columns[:, 1], columns[:, 2])

        return self._once(("merged", role), make)

    @staticmethod
    def _joined_up(stretches: Stretches) -> dict[int, list[tuple[int, int]]]:
        found: dict[int, list[tuple[int, int]]] = {}
        rows = stretches.rows
        for member, start, end in zip(
            rows.member.tolist(), rows.at.tolist(), stretches.end.tolist(), strict=True
        ):
            if end <= start:
                continue
            times = found.setdefault(member, [])
            if times and start <= times[-1][1]:
                times[-1] = (times[-1][0], max(times[-1][1], end))
            else:
                times.append((start, end))
        return found

    @cached_property
    def leave(self) -> Mapping[int, list[tuple[datetime, datetime | None]]]:
        """When members were on leave, of those who ever were: disjoint times, in order."""
        times = self._joined_up(self.stretches("leave.started"))
        return {
            member: [(moment(a), None if b == self.never else moment(b)) for a, b in each]
            for member, each in times.items()
        }

    def selected(self, facts: Facts) -> Selected:
        """Return the rows of a selection."""
        return self._once(facts, lambda: select(facts, self))

    def total(self, measure: Share, at: int, first: int, last: int, ahead: int | None) -> int:
        """Return how many facts make the total of which a share is."""
        body = self._once(
            ("body", measure.of, measure.community),
            lambda: select_body(measure.of, measure.community, self),
        )
        point = Points(np.zeros(1, np.int64), np.array([at]))
        far = None if ahead is None else np.array([ahead])
        return int(body.count(point, np.array([first]), np.array([last]), far)[0])

    def field_values(
        self, selected: Selected, name: str, number: Codes, row: Codes
    ) -> tuple[Codes, Codes]:
        """Return the values that rows have in a field, as codes; a list gives each of its own."""
        codes, values = self._once(
            ("values", selected.facts, name), lambda: selected.values(name, self)
        )
        mine = codes[row]
        number, mine = number[mine >= 0], mine[mine >= 0]
        several = [value if isinstance(value, tuple) else (value,) for value in values]
        numbers: dict[Any, int] = {}
        flat = [
            numbers.setdefault((type(v) is bool, v), len(numbers)) for each in several for v in each
        ]
        ends = np.cumsum([len(each) for each in several], dtype=np.int64)
        begins = ends - np.array([len(each) for each in several], np.int64)
        if not len(mine):
            return number, mine
        which, place = ragged(begins[mine], ends[mine])
        return number[which], np.array(flat, np.int64)[place]

    @cached_property
    def organisation_codes(self) -> Codes:
        """The organisation of each stretch of affiliation."""
        held = self.stretches("affiliation.started")
        coded = self.columns.table("affiliation.started").fields["organisation"]
        return coded.codes[held.rows.index].astype(np.int64)

    def organisations(
        self, selected: Selected, name: str, number: Codes, row: Codes
    ) -> tuple[Codes, Codes]:
        """Return the organisations of the people whom rows name, when they happened, as codes.

        Whoever has none counts as one of their own.
        """
        who = selected.people(name, self)[row]
        there = who >= 0
        number, who, at = number[there], who[there], selected.rows.at[row][there]
        held = self.stretches("affiliation.started")
        which, stretch = held.standing(Points(who, at))
        codes = self.organisation_codes[stretch]
        alone = np.ones(len(who), bool)
        alone[which] = False
        own = len(self.columns.table("affiliation.started").fields["organisation"].values)
        return (
            np.concatenate([number[which], number[alone]]),
            np.concatenate([codes, who[alone] + own]),
        )

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found


def _truth(condition: Condition, of_leaf: Callable[[Leaf], Truths]) -> Truths:
    """Return where a condition holds, where its leaves hold as told."""
    match condition:
        case AllOf(conditions):
            return np.asarray(np.all([_truth(each, of_leaf) for each in conditions], axis=0))
        case AnyOf(conditions):
            return np.asarray(np.any([_truth(each, of_leaf) for each in conditions], axis=0))
        case AtLeast(number, conditions):
            held = [_truth(each, of_leaf).astype(np.int64) for each in conditions]
            return np.asarray(np.sum(held, axis=0) >= number)
        case Not(inner):
            return ~_truth(inner, of_leaf)
        case Leaf():
            return of_leaf(condition)
    raise AssertionError(condition)  # pragma: no cover — there is no other
