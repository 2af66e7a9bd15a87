"""Notices at points: the last one of a stage, how old it is, and what was heard since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reps_ledger.replay.columns import MISSING
from reps_ledger.replay.kernel.instants import BEGINNING
from reps_ledger.replay.kernel.rows import Codes, Points, Rows, Truths
from reps_ledger.replay.kernel.spanning import FOREVER

if TYPE_CHECKING:
    from reps_ledger.policies.language.reviewed import Noticed
    from reps_ledger.replay.kernel.kernel import Kernel

__all__ = ["acts_of", "noticed"]


def noticed(leaf: Noticed, points: Points, kernel: Kernel) -> Truths:
    """Return, for points, whether the last notice is as a condition says."""
    table = kernel.columns.table("notice.sent")
    kept = kernel.is_value(table, "policy", leaf.policy or kernel.policy)
    if leaf.stage is not None:
        kept &= kernel.is_value(table, "stage", leaf.stage)
    rows = Rows.sorted(np.where(kept, table.persons["member"], -1), table.at, table.order)
    low, high = rows.between(points.member, BEGINNING, points.at)
    found = high > low
    row = np.where(found, high - 1, 0)
    if not len(rows):
        return found
    if leaf.ago is not None:
        found &= rows.at[row] <= kernel.calendar.before(points.at, leaf.ago)
    if leaf.overdue:
        deadline = table.instants["deadline"][rows.index]
        found &= (deadline[row] != MISSING) & (deadline[row] <= points.at)
    if leaf.heard is True:
        found &= _answered(rows, kernel)[row] <= points.at
    elif leaf.heard is False:
        found &= _next_act(rows, kernel)[row] > points.at
    return found


def _answered(rows: Rows, kernel: Kernel) -> Codes:
    """Return when each notice was first answered by whom it was sent to, or `FOREVER`."""
    sent = kernel.columns.table("notice.sent").fields["notice"]
    table = kernel.columns.table("notice.answered")
    answered = table.fields["notice"]
    same = {value: code for code, value in enumerate(sent.values)}
    codes = np.array([same.get(value, -1) for value in answered.values] + [-1])[answered.codes]
    step = len(sent.values) + 1
    keys = table.persons["member"].astype(np.int64) * step + codes
    place = np.lexsort((table.at, keys))
    keys, at = keys[place], table.at[place]
    wanted = rows.member * step + sent.codes[rows.index]
    first = np.searchsorted(keys, wanted, "left")
    there = np.minimum(first, max(len(keys) - 1, 0))
    found = np.full(len(rows), FOREVER, np.int64)
    if len(keys):
        mine = (first < len(keys)) & (keys[there] == wanted)
        found[mine] = at[there[mine]]
    return found


def _next_act(rows: Rows, kernel: Kernel) -> Codes:
    """Return when whom each notice was sent to acted next, or `FOREVER`."""
    acts = kernel.acts
    count = len(rows)
    both = Rows.sorted(
        np.concatenate([rows.member, acts.member]),
        np.concatenate([rows.at, acts.at]),
        np.concatenate([rows.order, acts.order]),
    )
    is_act = both.index >= count
    total = len(both)
    nexts = np.where(is_act, np.arange(total), total)
    nexts = np.minimum.accumulate(nexts[::-1])[::-1]
    there = np.minimum(nexts, total - 1)
    mine = (nexts < total) & (both.member[there] == both.member)
    found = np.full(total, FOREVER, np.int64)
    found[both.index] = np.where(mine, both.at[there], FOREVER)
    return found[:count]


def acts_of(kernel: Kernel) -> Rows:
    """Return every act of every member: what is announced, or made by a system, is none."""
    members: list[Any] = []
    ats: list[Any] = []
    orders: list[Any] = []
    for name, table in kernel.columns.tables.items():
        act = kernel.act_of(name)
        if act is None:
            continue
        kept = ~(kernel.flag(table, "passive") | kernel.flag(table, "announced"))
        members.append(np.where(kept, table.persons[act], -1))
        ats.append(table.at)
        orders.append(table.order)
    if not members:
        empty = np.zeros(0, np.int64)
        return Rows.sorted(empty, empty, empty)
    return Rows.sorted(np.concatenate(members), np.concatenate(ats), np.concatenate(orders))
