"""The tables of state: what each is called, what its columns mean, and how SQL makes them.

Instants are whole microseconds since 1970 in UTC, so that every tool compares them alike; the views at the
end show them as text. Where no end is known, `until` is `FOREVER`: a row holds at an instant where
``start <= instant AND instant < until``. Entries are named by their positions in the log:
a correction by that of what it corrects.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, Literal

from attrs import frozen

from reps_ledger.domain.time import LAST, instant_at, microseconds

FORMAT: Final = 2
"""The version of these tables, and of what their rows mean; tables of another one are made anew."""

FOREVER: Final = microseconds(LAST) + 1
"""The end of what has none, in microseconds: the first instant after the calendar's last."""

Row = tuple[object, ...]
"""A row, in the order of its table's columns."""

Rows = dict[str, list[Row]]
"""Rows, by table."""


@frozen
class Column:
    """One column.

    Attributes:
        name: its name.
        holds: text, an instant, a position in the log, a number, or 1 and 0 for yes and no.
        words: what it means.
    """

    name: str
    holds: Literal["text", "instant", "position", "number", "flag"]
    words: str


@frozen
class Table:
    """One table.

    Attributes:
        name: its name.
        words: what one row of it is.
        columns: its columns.
        key: the columns that tell rows apart; none where rows may repeat.
        indexes: the columns of each index.
    """

    name: str
    words: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.columns)


_MEMBER: Final = Column("member", "text", "whose: the identifier that merges keep")
_START: Final = Column("start", "instant", "the first instant at which it holds")
_UNTIL: Final = Column("until", "instant", "the first instant at which it holds no longer")


def _ended(name: str, words: str) -> Column:
    return Column(name, "position", f"the entry {words}; NULL for none")


TABLES: Final = (
    Table(
        "member",
        "a person whom an entry names; `joined` is NULL for who never did",
        (
            _MEMBER,
            Column("kind", "text", "as what they joined: volunteer, staff …"),
            Column("joined", "instant", "when they joined"),
            Column("account", "instant", "since when they have an account of the programme's own site"),
            Column("first_seen", "instant", "when the first entry that names them happened"),
            Column("last_activity", "instant", "when they last acted, by the last refresh"),
            Column("reports", "number", "how many reports they filed, by the last refresh"),
            Column("changes", "instant", "when the next entry that is dated ahead comes to count"),
        ),
        key=("member",),
        indexes=(("joined",), ("changes",)),
    ),
    Table(
        "skill",
        "an area of a member's reports, by the last refresh",
        (
            _MEMBER,
            Column("skill", "text", "the area"),
            Column("reports", "number", "how many reports are about it"),
        ),
        key=("member", "skill"),
        indexes=(("skill", "member"),),
    ),
    Table(
        "span",
        "a time during which something held",
        (
            _MEMBER,
            Column("kind", "text", "the stored name of the facts that begin it: role.assigned …"),
            Column("k1", "text", "what tells it from the member's others: of a role its name"),
            Column("k2", "text", "what else does: of a role its community, NULL for the whole programme"),
            _START,
            _UNTIL,
            Column("began_in", "position", "the entry by which it began"),
            _ended("ended_in", "that ended it"),
            Column("how", "text", "ended, retired, replaced, or lapsed by itself; NULL where it lasts"),
        ),
        # The first has all that a roster shows of its members' spans, and spares looking up their rows.
        indexes=(
            ("member", "kind", "k1", "k2", "start", "until"),
            ("kind", "k1", "member"),
            ("kind", "k2", "member"),
            ("kind", "until"),
        ),
    ),
    Table(
        "standing",
        "a policy's outcome for a member, from when to when; it goes on into the future",
        (
            _MEMBER,
            Column("policy", "text", "which policy; '' for what says who is active"),
            _START,
            _UNTIL,
            Column("outcome", "text", "the outcome"),
            Column("active", "flag", "whether that counts as active; NULL for other policies"),
        ),
        key=("member", "policy", "start"),
        indexes=(("policy", "until"), ("policy", "active", "until"), ("policy", "outcome", "until")),
    ),
    Table(
        "counted",
        "a time during which a member counts as one, by the charter's own definitions",
        (_MEMBER, Column("community", "text", "of which community; '' for the programme"), _START, _UNTIL),
        key=("member", "community", "start"),
        indexes=(("community", "until"),),
    ),
    Table(
        "review",
        "a review, open from when to when",
        (
            _MEMBER,
            Column("review", "text", "its identifier"),
            Column("policy", "text", "by which policy"),
            _START,
            _UNTIL,
            Column("due", "instant", "when a decision is due; NULL for never"),
            Column("as_of", "instant", "the instant that it is about; NULL where that was not recorded"),
            Column("opened_in", "position", "the entry that opened it"),
            _ended("decided_in", "that decided it, or another review that is the same matter"),
            Column("outcome", "text", "what was decided; NULL while it is open"),
        ),
        indexes=(("member",), ("policy", "until"), ("until",)),
    ),
    Table(
        "notice",
        "a notice, outstanding until its member answered or acted",
        (
            _MEMBER,
            Column("notice", "text", "its identifier"),
            Column("stage", "text", "appreciation, nudge, warning …"),
            Column("policy", "text", "under which policy; NULL for none"),
            _START,
            _UNTIL,
            Column("deadline", "instant", "until when an answer counts; NULL for any time"),
            Column("sent_in", "position", "the entry that records it"),
            _ended("answered_in", "that answered it, or any other act"),
        ),
        indexes=(("member",), ("until",)),
    ),
    Table(
        "application",
        "an application for a role, open from when to when",
        (
            _MEMBER,
            Column("role", "text", "for which role"),
            Column("community", "text", "where; NULL for the whole programme"),
            _START,
            _UNTIL,
            Column("filed_in", "position", "the entry that filed it"),
            _ended("decided_in", "that decided it"),
            Column("outcome", "text", "what was decided; NULL while it is open"),
        ),
        indexes=(("member",), ("role", "until")),
    ),
    Table(
        "community",
        "a community that an entry names",
        (
            Column("community", "text", "its name"),
            Column("parent", "text", "of which it is part"),
            Column("founded", "instant", "when it was founded; NULL where only other facts name it"),
            _ended("founded_in", "that founded it"),
        ),
        key=("community",),
    ),
)
"""The tables, but for `meta`, which says of what log and position they are."""

OF_MEMBERS: Final = tuple(table for table in TABLES if table.names[0] == "member")
BY_NAME: Final[Mapping[str, Table]] = {table.name: table for table in TABLES}
"""The tables, by name."""

META: Final = "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"

Dialect = Literal["sqlite", "postgresql"]

_SQL_TYPES: Final[Mapping[str, str]] = {
    "text": "TEXT",
    "instant": "BIGINT",
    "position": "BIGINT",
    "number": "BIGINT",
    "flag": "SMALLINT",
}


def create_table(table: Table, dialect: Dialect) -> str:
    """Return the statement that makes a table."""
    # Text is ordered by its code points everywhere, as in Python.
    collation = {"sqlite": "", "postgresql": ' COLLATE "C"'}[dialect]
    columns = [
        f'"{column.name}" {_SQL_TYPES[column.holds]}{collation if column.holds == "text" else ""}'
        for column in table.columns
    ]
    if table.key:
        columns.append(f"PRIMARY KEY ({', '.join(table.key)})")
    rowless = " WITHOUT ROWID" if table.key and dialect == "sqlite" else ""
    return f'CREATE TABLE "{table.name}" ({", ".join(columns)}){rowless}'


def create_indexes(table: Table) -> Iterator[str]:
    """Yield the statements that make a table's indexes."""
    for columns in table.indexes:
        name = "_".join((table.name, *columns))
        yield f'CREATE INDEX "{name}" ON "{table.name}" ({", ".join(columns)})'


def create_views(dialect: Dialect) -> Iterator[str]:
    """Yield the statements that make, of each table, a view ``…_dated`` with instants as text in UTC.

    And one of who holds which role today, ``roles_today``.
    """
    for table in TABLES:
        if any(column.holds == "instant" for column in table.columns):
            columns = ", ".join(
                _dated(column.name, dialect) if column.holds == "instant" else column.name
                for column in table.columns
            )
            yield f'CREATE VIEW "{table.name}_dated" AS SELECT {columns} FROM "{table.name}"'
    now = {
        "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)",
        "postgresql": "CAST(extract(epoch FROM now()) * 1000000 AS BIGINT)",
    }[dialect]
    yield (
        "CREATE VIEW roles_today AS SELECT s.member, s.k1 AS role, s.k2 AS community, "
        f"{_dated('start', dialect, 's')}, {_dated('until', dialect, 's')}, t.outcome AS standing "
        f"FROM span s LEFT JOIN standing t ON t.member = s.member AND t.policy = '' "
        f"AND t.start <= {now} AND t.until > {now} "
        f"WHERE s.kind = 'role.assigned' AND s.start <= {now} AND s.until > {now}"
    )


def _dated(name: str, dialect: Dialect, of: str | None = None) -> str:
    column = name if of is None else f"{of}.{name}"
    seconds = f"{column} / 1000000"
    if dialect == "sqlite":
        text = f"strftime('%Y-%m-%dT%H:%M:%SZ', {seconds}, 'unixepoch')"
    else:
        text = f"to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    return f"CASE WHEN {column} < {FOREVER} THEN {text} END AS {name}"


def as_number(instant: datetime | None) -> int:
    """Return an end as tables hold it: `FOREVER` for none."""
    return FOREVER if instant is None else microseconds(instant)


def as_moment(number: object) -> datetime | None:
    """Return an instant of a table; None for `FOREVER` and for NULL."""
    return instant_at(number) if isinstance(number, int) and number < FOREVER else None


def beginning(number: object) -> datetime:
    """Return the instant at which a row begins: it always has one."""
    found = as_moment(number)
    assert found is not None, "a row begins somewhere"  # noqa: S101 — no row is written without
    return found
