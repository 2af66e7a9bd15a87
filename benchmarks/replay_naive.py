"""A fold over one member's facts at each date, as somebody writes it who has a list of facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import frozen
from replay_histories import EPOCH

import reps_ledger as rl
from reps_ledger.domain.time import Period

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reps_ledger.replay.columns import Columns, Table


@frozen
class Happened:
    """A fact, and when it happened."""

    at: datetime
    order: int
    fact: Any


_TOLD = ("activity", "role", "course", "community", "how")


def _fields(table: Table) -> list[str]:
    return [field for field in _TOLD if field in table.fields]


def rows_of(columns: Columns, members: Sequence[int]) -> dict[str, list[int]]:
    """Return the rows that name members, also as those who vouched, of each kind of fact.

    Everything that is needed of them is read, so that reading is not scaled with the sample.
    """
    import numpy as np

    wanted = np.zeros(len(columns.people), bool)
    wanted[list(members)] = True
    found = {}
    for name, table in columns.tables.items():
        mine = wanted[table.persons["member"]]
        if "voucher" in table.persons:
            mine = mine | wanted[table.persons["voucher"]]
        found[name] = np.flatnonzero(mine).tolist()
        assert len(table.at) == len(table.order)
        assert all(len(table.fields[field].codes) for field in _fields(table))
    return found


def histories(
    columns: Columns, members: Sequence[int], rows: dict[str, list[int]]
) -> dict[str, list[Happened]]:
    """Make facts of members, each one's in effective order: also of vouches that they gave."""
    people = columns.people
    found: dict[str, list[Happened]] = {people[number]: [] for number in members}
    for name, table in columns.tables.items():
        described = columns.registry.named(name)
        assert described is not None
        told = _fields(table)
        for row in rows[name]:
            values: dict[str, Any] = {
                field: people[int(codes[row])] for field, codes in table.persons.items() if codes[row] >= 0
            }
            for field in told:
                coded = table.fields[field]
                if coded.codes[row] >= 0:
                    values[field] = coded.values[int(coded.codes[row])]
            at = EPOCH + timedelta(microseconds=int(table.at[row]))
            happened = Happened(at, int(table.order[row]), described.cls(**values))
            for person in {values["member"], values.get("voucher")}:
                if person in found:
                    found[person].append(happened)
    for each in found.values():
        each.sort(key=lambda happened: (happened.at, happened.order))
    return found


def outcome(me: str, facts: Iterable[Happened], now: datetime) -> str | None:
    """Fold a member's facts up to a date; return the outcome."""
    joined = last = None
    away = False
    roles: set[tuple[str, str | None]] = set()
    vouchers: set[str] = set()
    given: set[str] = set()
    onboarded = False
    recent: list[datetime] = []
    months: set[tuple[int, int]] = set()
    weeks4 = weeks8 = events = months9 = 0
    ago4, ago8 = now - timedelta(weeks=4), now - timedelta(weeks=8)
    ago6, ago9, year, ago18 = (Period(number).before(now, UTC) for number in (6, 9, 12, 18))
    for happened in facts:
        at, fact = happened.at, happened.fact
        if at > now:
            break
        match fact:
            case rl.ReportFiled():
                last = at
                if at > year:
                    recent.append(at)
                    events += fact.activity == "event"
                    months9 += at > ago9
                    weeks8 += at > ago8
                    weeks4 += at > ago4
                    if at > ago6:
                        months.add((at.year, at.month))
            case rl.MemberJoined():
                joined = at
            case rl.RoleAssigned():
                roles.add((fact.role, fact.community))
            case rl.RoleEnded():
                roles.discard((fact.role, fact.community))
            case rl.LeaveStarted():
                away = True
            case rl.LeaveEnded():
                away = False
            case rl.MemberRetired():
                away = False
                roles.clear()
            case rl.Vouched():
                if fact.member == me:
                    vouchers.add(fact.voucher)
                if fact.voucher == me:
                    given.add(fact.member)
            case rl.VouchWithdrawn():
                if fact.member == me:
                    vouchers.discard(fact.voucher)
                if fact.voucher == me:
                    given.discard(fact.member)
            case rl.CourseCompleted():
                onboarded = onboarded or fact.course == "onboarding"
    if joined is None:
        return None
    held = {role for role, _ in roles}
    if away or joined > ago4 or ("rep" in held and weeks4 >= 1):
        return "active"
    if (len(months) >= 4) + (len(vouchers) >= 3) + onboarded >= 2:
        return "active"
    if "mentor" in held or (weeks8 >= 2 and len(recent) < 90) or events >= 2:
        return "nudge"
    if last is None or last < ago18:
        return "alumni"
    if given and months9 >= 30:
        return "nudge"
    return "inactive"
