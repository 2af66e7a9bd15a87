"""Rosters from tables: who holds a role or is in a community, a page at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, cast

from attrs import frozen

from reps_ledger.domain.spans import RETIREMENT, joined_times
from reps_ledger.domain.time import microseconds
from reps_ledger.state.schema import Row, as_moment
from reps_ledger.state.store import Reader

_ROLE: Final = "role.assigned"
_IN: Final = "community.joined"
_Span = tuple[str, str, str | None, str | None, int, int]
"""A span's kind, member, both keys, start and end."""

_MOST: Final = 500
"""Members of whom one statement asks."""


@frozen(kw_only=True)
class ListedMember:
    """One person on a roster.

    Attributes:
        member: who.
        roles: the roles that they held there.
        since: since when they had held the first of them without a gap; None for who held none.
        standing: how they stood; None where that is not known, as of who never joined or acted.
        active: whether that counts as active.
        on_leave: whether they were on leave.
        vouch_level: how many people had a standing vouch for them.
        mentors: who guided them, and had not retired.
        last_activity: when they last acted: always of the last refresh, whatever instant was asked about.
        skills: what their reports are about, the most frequent first; of the last refresh as well.
    """

    member: str
    roles: tuple[str, ...]
    since: datetime | None
    standing: str | None
    active: bool
    on_leave: bool
    vouch_level: int
    mentors: tuple[str, ...]
    last_activity: datetime | None
    skills: tuple[str, ...]


@frozen(kw_only=True)
class Asked:
    """What a roster is of; see `State.roster`.

    Attributes:
        at: at which instant.
        role: who holds this role.
        community: who is in this community.
        active: who is active, or is not.
        standing: who stands so.
        skill: whose reports are about this area.
        vouches: for whom at least so many people have a standing vouch.
    """

    at: datetime
    role: str | None
    community: str | None
    active: bool | None = None
    standing: str | None = None
    skill: str | None = None
    vouches: int | None = None


def listed(reader: Reader, asked: Asked, after: str | None, limit: int | None) -> Iterator[ListedMember]:
    """Yield the rows of a roster, by identifier.

    Args:
        reader: reads the tables.
        asked: what it is of.
        after: only identifiers after this one.
        limit: at most so many; None for all.
    """
    statement, values = _query(asked, after)
    if limit is not None:
        statement, values = f"{statement} LIMIT ?", [*values, limit]
    members = [str(member) for (member,) in reader.rows(statement, *values)]
    for first in range(0, len(members), _MOST):
        yield from _rows_of(reader, members[first : first + _MOST], asked)


@frozen
class _Clause:
    """A part of a query, with the values of its question marks."""

    words: str
    values: tuple[object, ...] = ()


def _query(asked: Asked, after: str | None) -> tuple[str, list[object]]:
    """Return the query for the members of a roster, in order, with its values."""
    now = microseconds(asked.at)
    # The plus signs keep databases to the indexes by key and member, whose order is that of pages.
    holds = _Clause("+s.start <= ? AND +s.until > ?", (now, now))
    filters = [*_filters(asked, after)]
    held = [_Clause(f"s.kind = '{_ROLE}'"), holds]
    if asked.role is not None:
        held.append(_Clause("s.k1 = ?", (asked.role,)))
    if asked.community is not None:
        held.append(_Clause("s.k2 = ?", (asked.community,)))
    parts = [("span", [*held, *filters])]
    if asked.role is None and asked.community is None:
        holding = (
            "(s.joined <= ? OR EXISTS (SELECT 1 FROM span h WHERE h.member = s.member "
            f"AND h.kind = '{_ROLE}' AND h.start <= ? AND h.until > ?))"
        )
        parts = [("member", [_Clause(holding, (now, now, now)), *filters])]
    elif asked.role is None:
        is_member = _Clause(
            "EXISTS (SELECT 1 FROM member m WHERE m.member = s.member AND m.joined <= ?)", (now,)
        )
        here = [_Clause(f"s.kind = '{_IN}'"), holds, _Clause("s.k1 = ?", (asked.community,)), is_member]
        parts.append(("span", [*here, *filters]))
    queries = [
        f"SELECT s.member FROM {table} s WHERE {' AND '.join(clause.words for clause in clauses)}"
        for table, clauses in parts
    ]
    if len(queries) == 1:
        queries[0] += " GROUP BY s.member"
    values = [value for _, clauses in parts for clause in clauses for value in clause.values]
    return f"{' UNION '.join(queries)} ORDER BY member", values


def _filters(asked: Asked, after: str | None) -> Iterator[_Clause]:
    """Yield conditions on the member of ``s``."""
    now = microseconds(asked.at)
    stands = (
        "EXISTS (SELECT 1 FROM standing t WHERE t.member = s.member AND t.policy = '' "
        "AND t.start <= ? AND +t.until > ?"
    )
    if after is not None:
        yield _Clause("s.member > ?", (after,))
    if asked.active is not None:
        yield _Clause(f"{'' if asked.active else 'NOT '}{stands} AND t.active = 1)", (now, now))
    if asked.standing is not None:
        yield _Clause(f"{stands} AND t.outcome = ?)", (now, now, asked.standing))
    if asked.skill is not None:
        exists = "EXISTS (SELECT 1 FROM skill k WHERE k.skill = ? AND k.member = s.member)"
        yield _Clause(exists, (asked.skill,))
    if asked.vouches is not None:
        yield _Clause(
            "(SELECT count(DISTINCT v.k1) FROM span v WHERE v.member = s.member AND v.kind = 'vouch.given' "
            "AND v.k1 <> v.member "
            "AND v.start <= ? AND v.until > ?) >= ?",
            (now, now, asked.vouches),
        )


def _rows_of(reader: Reader, members: Sequence[str], asked: Asked) -> Iterator[ListedMember]:
    """Yield the rows of some members, in their order."""
    marks = ", ".join("?" for _ in members)
    now = microseconds(asked.at)
    spans: dict[str, list[_Span]] = {}
    for row in _listed_spans(reader, members, now):
        spans.setdefault(row[1], []).append(row)
    stands = {
        str(member): (str(outcome), bool(active))
        for member, outcome, active in reader.rows(
            "SELECT member, outcome, active FROM standing WHERE policy = '' AND start <= ? AND +until > ? "
            f"AND member IN ({marks})",
            now,
            now,
            *members,
        )
    }
    levels = {
        str(member): int(str(number))
        for member, number in reader.rows(
            "SELECT member, count(DISTINCT k1) FROM span WHERE kind = 'vouch.given' AND k1 <> member "
            f"AND +start <= ? AND +until > ? AND member IN ({marks}) GROUP BY member",
            now,
            now,
            *members,
        )
    }
    own = {
        str(member): as_moment(last)
        for member, last in reader.rows(
            f"SELECT member, last_activity FROM member WHERE member IN ({marks})", *members
        )
    }
    skills = skills_of(reader, members)
    mentors = {
        member: {str(row[2]) for row in rows if row[0] == "mentor.assigned" and _holds_at(row, now)}
        for member, rows in spans.items()
    }
    retired = _retired(reader, sorted({name for names in mentors.values() for name in names}), now)
    for member in members:
        rows = spans.get(member, [])
        held = [
            row
            for row in rows
            if row[0] == _ROLE
            and _holds_at(row, now)
            and asked.role in (None, row[2])
            and asked.community in (None, row[3])
        ]
        outcome, active = stands.get(member, (None, False))
        yield ListedMember(
            member=member,
            roles=tuple(sorted({str(row[2]) for row in held})),
            since=_since(rows, held, now),
            standing=outcome,
            active=active,
            on_leave=any(row[0] == "leave.started" and _holds_at(row, now) for row in rows),
            vouch_level=levels.get(member, 0),
            mentors=tuple(sorted(mentors.get(member, set()) - retired)),
            last_activity=own[member],
            skills=skills.get(member, ()),
        )


def _holds_at(row: _Span, now: int) -> bool:
    return row[4] <= now < row[5]


def _since(rows: Iterable[_Span], held: Iterable[_Span], now: int) -> datetime | None:
    """Return since when somebody has held the first of some roles: elected again, all along."""
    found = []
    for seat in {row[2:4] for row in held}:
        same = joined_times(row[4:6] for row in rows if row[0] == _ROLE and row[2:4] == seat)
        found += [start for start, end in same if start <= now and (end is None or now < end)]
    return as_moment(min(found, default=None))


def _listed_spans(reader: Reader, members: Sequence[str], now: int) -> list[_Span]:
    """Return the roles that some members ever held, and what else rosters show of an instant."""
    marks = ", ".join("?" for _ in members)
    columns = "SELECT kind, member, k1, k2, start, until FROM span WHERE"
    found = reader.rows(
        f"{columns} kind = '{_ROLE}' AND member IN ({marks}) UNION ALL "
        f"{columns} kind IN ('leave.started', 'mentor.assigned') "
        f"AND +start <= ? AND +until > ? AND member IN ({marks})",
        *members,
        now,
        now,
        *members,
    )
    return cast("list[_Span]", found)  # the columns asked for


def spans_of(reader: Reader, members: Sequence[str]) -> list[Row]:
    """Return all spans of some members, by when they began."""
    marks = ", ".join("?" for _ in members)
    return reader.rows(
        "SELECT kind, member, k1, k2, start, until, began_in, ended_in, how FROM span "
        f"WHERE member IN ({marks}) ORDER BY start, began_in",
        *members,
    )


def skills_of(reader: Reader, members: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what the reports of some members are about, the most frequent first."""
    marks = ", ".join("?" for _ in members)
    found: dict[str, tuple[str, ...]] = {}
    for member, skill in reader.rows(
        f"SELECT member, skill FROM skill WHERE member IN ({marks}) ORDER BY member, reports DESC, skill",
        *members,
    ):
        found[str(member)] = (*found.get(str(member), ()), str(skill))
    return found


def _retired(reader: Reader, members: Sequence[str], now: int) -> set[str]:
    if not members:
        return set()
    marks = ", ".join("?" for _ in members)
    rows = reader.rows(
        f"SELECT member FROM span WHERE kind = '{RETIREMENT}' AND start <= ? AND until > ? "
        f"AND member IN ({marks})",
        now,
        now,
        *members,
    )
    return {str(member) for (member,) in rows}
