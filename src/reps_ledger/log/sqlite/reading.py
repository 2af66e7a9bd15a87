"""A read that streams: a page at a time, with no transaction open between pages."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
from eventsourcing.dcb.api import DCBEvent, DCBReadResponse, DCBSequencedEvent

from reps_ledger.errors import Damaged
from reps_ledger.log.sqlite.query import QUICK, Span, matcher, merged, quick_rows, scans_of
from reps_ledger.log.sqlite.schema import HEAD

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from eventsourcing.dcb.api import DCBQueryItem

    from reps_ledger.log.sqlite.connections import Connections

__all__ = ["FEW", "TAGS", "SQLiteReadResponse", "damaged_tags", "decoded_tags"]

PAGE: Final = 1_000
"""How many entries are fetched, and held, at a time."""

FEW: Final = 64
"""Up to so many entries it is quicker to look at each than to ask the indexes."""

_SCAN: Final = (
    "SELECT position, type, data, tags FROM events WHERE position > ? AND position <= ?"
    " ORDER BY position LIMIT ?"
)
# CROSS JOIN: in the order given, which is that of position, and one search for each.
_FETCH: Final = (
    "SELECT e.position, e.type, e.data, e.tags FROM json_each(?) j"
    " CROSS JOIN events e ON e.position = j.value"
)

Row = tuple[int, str, bytes, str]
TAGS: Final = msgspec.json.Decoder(tuple[str, ...])
"""Reads the tags of a stored row; see `decoded_tags`."""


def decoded_tags(position: int, tags: str) -> tuple[str, ...]:
    """The tags of a stored row.

    Raises:
        Damaged: they are not what this code ever writes.
    """
    try:
        return TAGS.decode(tags)
    except msgspec.DecodeError as error:
        raise damaged_tags(position, error) from error


def damaged_tags(position: int, error: Exception) -> Damaged:
    """Say that the tags of a stored row cannot be read."""
    return Damaged(f"position {position}: its tags cannot be read: {error}")


class SQLiteReadResponse(DCBReadResponse):
    """The entries that match, as of the moment of the read, and the head of the log then.

    The first page is read when this is made, right after the head; entries recorded
    after that are not returned, so that a read ends even while others append.

    Args:
        connections: where to read.
        items: of the query; none means every entry.
        after: return only entries past this position.
        limit: return at most so many.
    """

    def __init__(
        self,
        connections: Connections,
        items: Sequence[DCBQueryItem],
        *,
        after: int | None,
        limit: int | None,
    ) -> None:
        self._connections = connections
        self._connection: sqlite3.Connection | None = None
        self._items = items
        self._limit = None if limit is None else max(0, limit)
        with connections.reading() as connection:
            self._connection = connection
            # No transaction: entries never change, and none is ever put below another, so that
            # whatever is read after the head, up to the head, is as it was at the head.
            (head,) = connection.execute(HEAD).fetchone()
            # Clamped, as SQLite's integers have an end and Python's have none.
            self._span = Span(min(max(0, after or 0), head), head)
            self._pages = self._every_page()
            first = next(self._pages, [])
        self._connection = None
        self._ends_at = self._known_end(first)
        self._rows_left = self._all_rows(first)

    @property
    def head(self) -> int | None:
        """The log's last position as of the read or, with a limit, that of the last entry here."""
        if self._ends_at is None:
            with self._connections.reading() as connection:
                self._ends_at = self._end(connection)
        return self._ends_at or None

    def __next__(self) -> DCBSequencedEvent:
        position, kind, data, tags = next(self._rows_left)
        return DCBSequencedEvent(DCBEvent(kind, data, list(decoded_tags(position, tags))), position)

    def rows(self) -> Iterator[Row]:
        """The entries as plain rows, for who makes nothing of the library's events."""
        return self._rows_left

    def _all_rows(self, rows: list[Row]) -> Iterator[Row]:
        while rows:
            yield from rows
            rows = self._next_page()

    def _next_page(self) -> list[Row]:
        with self._connections.reading() as connection:
            self._connection = connection
            page = next(self._pages, [])
        self._connection = None
        return page

    def _rows(self, sql: str, arguments: tuple[Any, ...]) -> list[Any]:
        assert self._connection is not None, "pages are read while a connection is lent"  # noqa: S101
        return self._connection.execute(sql, arguments).fetchall()

    def _every_page(self) -> Iterator[list[Row]]:
        """The rows, a page at a time; runs on whatever connection is lent meanwhile."""
        after, upto = self._span
        if self._items and upto - after <= FEW:
            matches = matcher(self._items)
            rows = self._rows(_SCAN, (after, upto, FEW))
            yield [row for row in rows if matches(row[1], decoded_tags(row[0], row[3]))][
                : self._limit
            ]
        elif (quick := self._quick()) is not None:
            yield quick
        elif self._items:
            positions = islice(self._positions(), self._limit)
            while chunk := list(islice(positions, PAGE)):
                yield self._rows(_FETCH, (f"[{','.join(map(str, chunk))}]",))
        else:
            upto = upto if self._limit is None else min(upto, after + self._limit)
            while after < upto:
                rows = self._rows(_SCAN, (after, upto, PAGE))
                yield rows
                after = rows[-1][0] if rows else upto

    def _quick(self) -> list[Row] | None:
        """All rows at once where they are few, as they are for what a rule depends on."""
        if not self._items:
            return None
        assert self._connection is not None, "see _rows"  # noqa: S101
        rows = quick_rows(self._connection, self._items, self._span, QUICK)
        return rows if rows is None else rows[: self._limit]

    def _positions(self) -> Iterator[int]:
        assert self._connection is not None, "see _rows"  # noqa: S101
        scans = list(scans_of(self._connection, self._items, self._span))
        return merged(scans, self._span, self._rows)

    def _known_end(self, first: list[Row]) -> int | None:
        """What ``head`` is, 0 for none; None where only counting on would tell."""
        if self._limit is None:
            return self._span.upto
        if not first:
            return 0
        if len(first) < PAGE or self._limit <= PAGE:
            return first[-1][0]
        return None

    def _end(self, connection: sqlite3.Connection) -> int:
        """Where a long read with a limit will end: its positions, counted but not kept."""
        assert self._limit is not None, "without a limit the end is known"  # noqa: S101
        if not self._items:
            return min(self._span.upto, self._span.after + self._limit)
        self._connection = connection
        ends = deque(islice(self._positions(), self._limit), maxlen=1)
        self._connection = None
        return ends[0]
