"""Selections of facts in columns: which rows count, and which of them are seen from a point."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import frozen

from reps_ledger.errors import InvalidPolicy
from reps_ledger.replay.columns import MISSING
from reps_ledger.replay.kernel.rows import Codes, Points, Rows, Truths, ragged

if TYPE_CHECKING:
    from reps_ledger.policies.language.selections import Facts, Filter
    from reps_ledger.replay.columns import Columns, Table
    from reps_ledger.replay.kernel.kernel import Kernel

__all__ = ["Selected", "select"]


@frozen(eq=False)
class Selected:
    """The rows that a selection may count, whenever they happened.

    Attributes:
        facts: the selection.
        rows: its rows; ``index`` counts through the tables one after another.
        tables: the tables of its kinds.
        announced: which rows were only announced.
        shown: which rows count once their date has passed.
        verified: when each was verified, or ``MISSING``; None where that does not matter.
        end: when what each began ends; None where that does not matter.
    """

    facts: Facts
    rows: Rows
    tables: tuple[Table, ...]
    announced: Truths
    shown: Truths
    verified: Codes | None
    end: Codes | None

    @property
    def is_plain(self) -> bool:
        """Whether a row is seen from its date on, and that is all."""
        return self.verified is None and self.end is None

    @cached_property
    def plain(self) -> Rows:
        """The rows that count once their date has passed."""
        return self.rows if self.shown.all() else self.rows.only(self.shown)

    def seen(self, points: Points, start: Any, end: Any, ahead: Any = None) -> tuple[Codes, Codes]:
        """Return, for points, each one's number and the rows that count, in effective order."""
        until = end if ahead is None else np.maximum(end, ahead)
        low, high = self.rows.between(points.member, start, until)
        number, row = ragged(low, high)
        at = self.rows.at[row]
        now = points.at[number]
        past = (at <= now) & (at <= _of(end, number)) & self.shown[row]
        if ahead is not None:
            past |= (at > now) & (at <= _of(ahead, number)) & self.announced[row]
        kept = past
        if self.end is not None:
            kept &= self.end[row] > now
        if self.verified is not None:
            verified = self.verified[row]
            told = (verified != MISSING) & (verified <= now)
            kept &= told == bool(self.facts.verified)
        return number[kept], row[kept]

    def count(self, points: Points, start: Any, end: Any, ahead: Any = None) -> Codes:
        """Return how many rows count, for each point."""
        if self.is_plain and ahead is None:
            return self.plain.count(points.member, start, end)
        number, _ = self.seen(points, start, end, ahead)
        return np.bincount(number, minlength=len(points))

    def values(self, name: str, kernel: Kernel) -> tuple[Codes, tuple[Any, ...]]:
        """Return a field's codes for all rows, -1 for none, and the values that they mean."""
        numbers: dict[Any, int] = {}
        found = []
        for table in self.tables:
            values, codes = _coded(table, name, kernel.columns)
            same = [numbers.setdefault((type(v), v), len(numbers)) for v in values]
            found.append(np.array([*same, -1], np.int64)[codes])
        return self.rows.pick(_joined(found)), tuple(value for _, value in numbers)

    def people(self, name: str, kernel: Kernel) -> Codes:
        """Return whom each row names in a field; -1 for nobody."""
        every = _joined([_person(table, name, kernel.columns) for table in self.tables])
        return np.asarray(self.rows.pick(every))


def _of(value: Any, number: Codes) -> Any:
    return value[number] if isinstance(value, np.ndarray) else value


def _coded(table: Table, name: str, columns: Columns) -> tuple[tuple[Any, ...], Any]:
    """Return a field's different values, and which of them each row has; -1 for none."""
    if name in table.fields:
        coded = table.fields[name]
        return coded.values, coded.codes
    if name in table.persons:
        return columns.people, table.persons[name]
    _must_be_absent(table, name, columns)
    return (), np.full(len(table.at), -1, np.int64)


def _must_be_absent(table: Table, name: str, columns: Columns) -> None:
    """Refuse a field that facts have, but columns do not hold.

    Raises:
        InvalidPolicy: it is one.
    """
    described = columns.registry.named(table.name)
    if described is not None and name in described.names:
        raise InvalidPolicy(
            f"{name!r} of {table.name} is personal text, an instant, or names several people: "
            "columns do not hold it so, and no backtest can go by it"
        )


def select(facts: Facts, kernel: Kernel) -> Selected:
    """Find the rows of a selection."""
    columns = kernel.columns
    tables = tuple(columns.table(kind) for kind in facts.kinds)
    if len(tables) == 1 and facts.person == "member" and "member" in tables[0].persons:
        owner = tables[0].persons["member"]  # rows of a table are in its members' order
        found = _selected(facts, tables, owner, kernel, in_place=True)
    else:
        owner = np.concatenate([_person(table, facts.person, columns) for table in tables])
        found = _selected(facts, tables, owner, kernel)
    return _with_people(found, kernel)


def select_body(facts: Facts, community: str | None, kernel: Kernel) -> Selected:
    """Find the rows of a selection of everybody's facts: of a community, or of the programme.

    They are all of one body, whose number is 0.
    """
    tables = tuple(kernel.columns.table(kind) for kind in facts.kinds)
    owner = np.concatenate([_in(table, community, kernel.columns) for table in tables])
    return _with_people(_selected(facts, tables, owner, kernel), kernel)


def _in(table: Table, community: str | None, columns: Columns) -> Codes:
    """Return 0 for the rows that happened in a community, or anywhere; else -1."""
    if community is None:
        return np.zeros(len(table.at), np.int64)
    values, codes = _coded(table, "community", columns)
    here = np.array([*(value == community for value in values), False], bool)[codes]
    return np.where(here, 0, -1)


def _selected(
    facts: Facts,
    tables: tuple[Table, ...],
    owner: Any,
    kernel: Kernel,
    *,
    in_place: bool = False,
) -> Selected:
    kept = _joined([_passing(facts, table, kernel) for table in tables])
    at = _joined([table.at for table in tables])
    if in_place:
        rows = Rows.in_place(owner, at, lambda: tables[0].order, kept)
    else:
        order = _joined([table.order for table in tables])
        rows = Rows.sorted(np.where(kept, owner, -1), at, order)
    announced = rows.pick(_joined([kernel.flag(table, "announced") for table in tables]))
    asked = any(item.name == "announced" for item in facts.where)
    end = None
    if facts.lasting:
        end = rows.pick(_joined([kernel.spans(kind).end for kind in facts.kinds]))
    verified = None
    if facts.verified is not None:
        verified = rows.pick(_joined([_verified(table) for table in tables]))
    return Selected(
        facts,
        rows,
        tables,
        announced,
        np.ones(len(rows), bool) if asked else ~announced,
        verified,
        end,
    )


def _with_people(found: Selected, kernel: Kernel) -> Selected:
    """Leave only rows of whose people it was so, when they happened, that conditions hold."""
    if not found.facts.who:
        return found
    kept = np.ones(len(found.rows), bool)
    for item in found.facts.who:
        who = found.people(item.name, kernel)
        there = np.flatnonzero(who >= 0)
        truth = np.zeros(len(who), bool)
        truth[there] = kernel.holds(item.condition, Points(who[there], found.rows.at[there]))
        kept &= truth
    if kept.all():
        return found
    return Selected(
        found.facts,
        found.rows.only(kept),
        found.tables,
        found.announced[kept],
        found.shown[kept],
        None if found.verified is None else found.verified[kept],
        None if found.end is None else found.end[kept],
    )


def _person(table: Table, name: str, columns: Columns) -> Codes:
    if name in table.persons:
        return table.persons[name].astype(np.int64)
    _must_be_absent(table, name, columns)
    return np.full(len(table.at), -1, np.int64)


def _verified(table: Table) -> Codes:
    if table.verified is None:
        return np.full(len(table.at), MISSING, np.int64)
    return table.verified


def _passing(facts: Facts, table: Table, kernel: Kernel) -> Truths:
    """Return which rows pass all filters that do not depend on when one looks."""
    kept = np.ones(len(table.at), bool)
    for name, wanted in (("source", facts.sources), ("by", facts.recorded_by)):
        if wanted:
            values, codes = table.fields[name].values, table.fields[name].codes
            kept &= np.array([value in wanted for value in values] + [False])[codes]
    if not any(item.name == "passive" for item in facts.where):
        kept &= ~kernel.flag(table, "passive")
    for item in facts.where:
        kept &= _filtered(item, table, kernel.columns)
    return kept


def _filtered(item: Filter, table: Table, columns: Columns) -> Truths:
    values, codes = _coded(table, item.name, columns)
    wanted = np.array([*(item.takes(value) for value in values), False], bool)
    return np.asarray(wanted[codes])


def _joined(parts: list[Any]) -> Any:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
