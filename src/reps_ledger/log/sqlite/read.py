"""Reading a ledger file: which entries match a query, and the response that streams them.

Few entries are found by looking at each of them, or by one statement over the index of tags; many
by walking ranges of the indexes and merging them. `SQLiteReadResponse` reads a page at a time, and
leaves no transaction open between pages.
"""

from __future__ import annotations

import heapq
import sqlite3
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache
from itertools import groupby, islice, takewhile
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

import msgspec
from eventsourcing.dcb.api import DCBEvent, DCBReadResponse, DCBSequencedEvent

from reps_ledger.errors import Busy
from reps_ledger.log.sqlite.file import HEAD
from reps_ledger.log.storage import TAGS, damaged_tags, decoded_tags, tags_if_readable

if TYPE_CHECKING:
    from eventsourcing.dcb.api import DCBQuery, DCBQueryItem


_CHUNK: Final = 1_000
_CHUNK_AT_LEAST: Final = 16
_PROBE: Final = 64
_PROBE_GROWTH: Final = 16

_BY_TYPE: Final = (
    "SELECT position FROM events WHERE type = ? AND position > ? AND position <= ? ORDER BY position LIMIT ?"
)
_ALL: Final = "SELECT position FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
# The index on tags goes by type next: to walk it in order of position takes one scan a type. This
# hops from type to type, so that it costs a search for each of them, not a look at every row.
_TYPES_OF_TAG: Final = (
    "WITH RECURSIVE found (type) AS (SELECT min(type) FROM tags WHERE tag = :tag UNION ALL"
    " SELECT (SELECT min(type) FROM tags WHERE tag = :tag AND type > found.type) FROM found"
    " WHERE found.type IS NOT NULL) SELECT type FROM found WHERE type IS NOT NULL"
)
_PROBE_SIZE: Final = (
    "SELECT count(*) FROM (SELECT 1 FROM tags WHERE tag = ? AND type = ? AND position > ?"
    " AND position <= ? LIMIT ?)"
)


QUICK: Final = 1_000
"""Up to so many entries are found and fetched at once; more are walked through in order."""

# CROSS JOIN: in the order given, so that each tag (of each type) is one search in the index.
_ENTRIES_OF_TAGS: Final = (
    "SELECT e.position, e.type, e.data, e.tags FROM json_each(?) j"
    " CROSS JOIN tags t ON t.tag = j.value AND t.position > ? AND t.position <= ?"
    " CROSS JOIN events e ON e.position = t.position LIMIT ?"
)
_ENTRIES_OF_TAGS_AND_TYPES: Final = (
    "SELECT e.position, e.type, e.data, e.tags FROM json_each(?) j CROSS JOIN json_each(?) k"
    " CROSS JOIN tags t ON t.tag = j.value AND t.type = k.value"
    " AND t.position > ? AND t.position <= ?"
    " CROSS JOIN events e ON e.position = t.position LIMIT ?"
)
# Hops from tag to tag, as `_TYPES_OF_TAG` does from type to type.
_TAGS_FROM: Final = (
    "WITH RECURSIVE found (tag) AS (SELECT min(tag) FROM tags WHERE tag > :after AND tag < :end UNION ALL"
    " SELECT (SELECT min(tag) FROM tags WHERE tag > found.tag AND tag < :end) FROM found"
    " WHERE found.tag IS NOT NULL) SELECT tag FROM found WHERE tag IS NOT NULL LIMIT :limit"
)
_POSITIONS_OF_TAGS: Final = (
    "SELECT t.position FROM json_each(?) j"
    " CROSS JOIN tags t ON t.tag = j.value AND t.position > ? AND t.position <= ? LIMIT ?"
)
_POSITIONS_OF_TAGS_AND_TYPES: Final = (
    "SELECT t.position FROM json_each(?) j CROSS JOIN json_each(?) k"
    " CROSS JOIN tags t ON t.tag = j.value AND t.type = k.value"
    " AND t.position > ? AND t.position <= ? LIMIT ?"
)
_encode = msgspec.json.Encoder().encode

SORTED: Final = 50_000
"""Up to so many positions are found first and sorted in memory."""


class Span(NamedTuple):
    """A range of positions: after ``after``, up to and including ``upto``."""

    after: int
    upto: int


class Scan(NamedTuple):
    """A range of one index, in order of position: SQL that ends in after, upto and a limit."""

    sql: str
    arguments: tuple[str, ...] = ()


def matcher(items: Sequence[DCBQueryItem]) -> Callable[[str, Iterable[str]], bool]:
    """A predicate over an entry's type and tags: any item, each any type and all tags of it."""
    wanted = [(frozenset(item.types), frozenset(item.tags)) for item in items]

    def matches(kind: str, tags: Iterable[str]) -> bool:
        return any((not types or kind in types) and needed.issubset(tags) for types, needed in wanted)

    return matches


def scans_of(connection: sqlite3.Connection, items: Sequence[DCBQueryItem], span: Span) -> Iterator[Scan]:
    """Yield the scans whose union is the answer to a query, without repeats.

    Args:
        connection: in the transaction that ``span`` was measured in.
        items: at least one.
        span: the positions to search.
    """
    seen = set()
    for item in items:
        for scan in _scans_of_item(connection, item, span):
            if scan not in seen:
                seen.add(scan)
                yield scan


def quick_rows(
    connection: sqlite3.Connection, items: Sequence[DCBQueryItem], span: Span, most: int
) -> list[Row] | None:
    """The rows that match, in order of position, by one statement for each set of types.

    Returns:
        None if there are more than ``most``, if an item has no tag or several, or if entries are
        under so many of the tags that it cannot be told: then the indexes must be walked in order.
    """
    statements = _statements(items, _ENTRIES_OF_TAGS, _ENTRIES_OF_TAGS_AND_TYPES)
    if statements is None:
        return None
    found: dict[int, Row] = {}
    for sql, wanted in statements:
        rows = connection.execute(sql, (*wanted, *span, most + 1)).fetchall()
        found.update((row[0], row) for row in rows)
        # Rows, not entries: an entry under several of the tags comes once for each of them, and a
        # statement that was cut short may have left out any others.
        if len(rows) > most or len(found) > most:
            return None
    return [found[position] for position in sorted(found)]


def sorted_positions(
    connection: sqlite3.Connection, items: Sequence[DCBQueryItem], span: Span
) -> list[int] | None:
    """The positions that match, in order; None where `quick_rows` returns it, past ``SORTED`` of them."""
    statements = _statements(items, _POSITIONS_OF_TAGS, _POSITIONS_OF_TAGS_AND_TYPES)
    if statements is None:
        return None
    found: set[int] = set()
    for sql, wanted in statements:
        rows = connection.execute(sql, (*wanted, *span, SORTED + 1)).fetchall()
        found.update(position for (position,) in rows)
        if len(rows) > SORTED or len(found) > SORTED:
            return None
    return sorted(found)


def _statements(
    items: Sequence[DCBQueryItem], of_tags: str, of_tags_and_types: str
) -> list[tuple[str, tuple[str, ...]]] | None:
    """Return one statement for each set of types, with its tags and types; None for other items.

    Args:
        items: of a query.
        of_tags: the statement for every type.
        of_tags_and_types: the one for some types.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for item in items:
        if len(item.tags) != 1:
            return None
        groups.setdefault(tuple(item.types), []).append(item.tags[0])
    return [
        (of_tags_and_types, (_text(tags), _text(types))) if types else (of_tags, (_text(tags),))
        for types, tags in groups.items()
    ]


def _text(values: Sequence[str]) -> str:
    return _encode(values).decode()


def _scans_of_item(connection: sqlite3.Connection, item: DCBQueryItem, span: Span) -> Iterator[Scan]:
    tags = list(dict.fromkeys(item.tags))
    types = list(dict.fromkeys(item.types))
    if not tags:
        yield from (Scan(_BY_TYPE, (kind,)) for kind in types) if types else (Scan(_ALL),)
        return
    if not types:
        rows = connection.execute(_TYPES_OF_TAG, {"tag": tags[0]}).fetchall()
        types = [kind for (kind,) in rows]
    for kind in types:
        ordered = _rarest_first(connection, tags, kind, span) if len(tags) > 1 else tags
        first, *others = ordered
        yield Scan(_by_tags(len(tags)), (first, kind, *others))


@cache
def _by_tags(count: int) -> str:
    """SQL that walks the first tag's range and looks each position up under the other tags.

    Its arguments: the first tag, the type, the other tags, then those of every `Scan`.
    """
    others = (
        " AND EXISTS (SELECT 1 FROM tags o WHERE o.tag = ? AND o.type = t.type AND o.position = t.position)"
    ) * (count - 1)
    return (
        f"SELECT t.position FROM tags t WHERE t.tag = ? AND t.type = ?{others}"  # noqa: S608 — no text from outside
        " AND t.position > ? AND t.position <= ? ORDER BY t.position LIMIT ?"
    )


def _rarest_first(connection: sqlite3.Connection, tags: list[str], kind: str, span: Span) -> list[str]:
    """The tags, the one with the fewest entries first, found without counting the frequent ones.

    So an entry of one member in one community is sought among the member's, not the community's.
    """
    limit = _PROBE
    while True:
        sizes = {
            tag: connection.execute(_PROBE_SIZE, (tag, kind, *span, limit)).fetchone()[0] for tag in tags
        }
        if min(sizes.values()) < limit:
            return sorted(tags, key=lambda tag: sizes[tag])
        limit *= _PROBE_GROWTH


def first_match(connection: sqlite3.Connection, items: Sequence[DCBQueryItem], span: Span) -> bool:
    """Whether anything in the span matches; stops at the first scan that finds something."""
    quick = quick_rows(connection, items, span, 0)
    if quick is not None:
        return False
    return any(
        connection.execute(scan.sql, (*scan.arguments, *span, 1)).fetchone()
        for scan in scans_of(connection, items, span)
    )


def merged(
    scans: Sequence[Scan], span: Span, rows: Callable[[str, tuple[object, ...]], list[tuple[int]]]
) -> Iterator[int]:
    """The positions that any of the scans finds, each once, ascending.

    Each scan is read a chunk at a time, when its turn comes, so that memory is bounded.

    Args:
        scans: what to unite.
        span: the positions to search.
        rows: runs SQL; may use another connection each time, as positions never change.
    """
    chunk = max(_CHUNK_AT_LEAST, _CHUNK // max(1, len(scans)))

    def walk(scan: Scan) -> Iterator[int]:
        after = span.after
        while True:
            found = rows(scan.sql, (*scan.arguments, after, span.upto, chunk))
            for (after,) in found:
                yield after
            if len(found) < chunk:
                return

    return (position for position, _ in groupby(heapq.merge(*map(walk, scans))))


PAGE: Final = 1_000
"""How many entries are fetched, and held, at a time."""

MANY: Final = 32
"""Entries under more tags than that are hardly so few that they are all fetched at once."""

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
T = TypeVar("T")


class Lender(Protocol):
    """What lends a connection to read by; see `Connections`."""

    @property
    def read_only(self) -> bool:
        """Whether others may change what is read without locks, so that it must be read again."""

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Return the answer to a question."""

    def reading(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend a connection for reading."""


def tags_from(connection: sqlite3.Connection, prefix: str, after: str, limit: int) -> list[str]:
    """The tags that begin with a prefix, in order, after a tag: at most ``limit`` of them."""
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    values = {"after": max(prefix, after), "end": end, "limit": limit}
    return [tag for (tag,) in connection.execute(_TAGS_FROM, values)]


def rows_at(connection: sqlite3.Connection, positions: Iterable[int]) -> list[Row]:
    """The entries at these positions."""
    return connection.execute(_FETCH, (_listed(positions),)).fetchall()


def _listed(positions: Iterable[int]) -> str:
    return f"[{','.join(map(str, positions))}]"


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
        self, connections: Lender, items: Sequence[DCBQueryItem], *, after: int | None, limit: int | None
    ) -> None:
        self._connections = connections
        self._connection: sqlite3.Connection | None = None
        self._items = items
        self._limit = None if limit is None else max(0, limit)

        def first_page(connection: sqlite3.Connection) -> list[Row]:
            self._connection = connection
            # No transaction: entries never change, and none is ever put below another, so that
            # whatever is read after the head, up to the head, is as it was at the head.
            (head,) = connection.execute(HEAD).fetchone()
            # Clamped, as SQLite's integers have an end and Python's have none.
            self._span = Span(min(max(0, after or 0), head), head)
            self._pages = self._every_page()
            return next(self._pages, [])

        first = connections.ask(first_page)
        self._connection = None
        self._ends_at = self._known_end(first)
        self._rows_left = self._all_rows(first)

    @property
    def head(self) -> int | None:
        """The log's last position as of the read or, with a limit, that of the last entry here."""
        if self._ends_at is None:
            self._ends_at = self._connections.ask(self._end)
        return self._ends_at or None

    def __next__(self) -> DCBSequencedEvent:
        position, kind, data, tags = next(self._rows_left)
        return DCBSequencedEvent(DCBEvent(kind, data, list(decoded_tags(position, tags))), position)

    def rows(self) -> Iterator[Row]:
        """Yield the entries as they are stored, for who makes no events of them."""
        return self._rows_left

    def parsed(self, past: Container[int] = ()) -> Iterator[tuple[int, str, bytes, tuple[str, ...]]]:
        """Yield the entries with their tags read, but for those at positions to be read past.

        Raises:
            Damaged: the tags of an entry cannot be read.
        """
        position = 0
        decode = TAGS.decode
        try:
            for position, kind, data, tags in self._rows_left:
                if position not in past:
                    yield position, kind, data, decode(tags)
        except msgspec.DecodeError as error:
            raise damaged_tags(position, error) from error

    def _all_rows(self, rows: list[Row]) -> Iterator[Row]:
        done = 0
        while rows:
            yield from rows
            last, done = rows[-1][0], done + len(rows)
            try:
                rows = self._next_page()
            except Busy:
                if not self._connections.read_only:
                    raise
                yield from self._rest(last, done)
                return

    def _rest(self, after: int, done: int) -> Iterator[Row]:
        """Read on in another response, where others changed the file while a page was read."""
        left = None if self._limit is None else self._limit - done
        rest = SQLiteReadResponse(self._connections, self._items, after=after, limit=left)
        return takewhile(lambda row: row[0] <= self._span.upto, rest.rows())

    def _next_page(self) -> list[Row]:
        with self._connections.reading() as connection:
            self._connection = connection
            page = next(self._pages, [])
        self._connection = None
        return page

    def _rows(self, sql: str, arguments: tuple[object, ...]) -> list[Any]:
        assert self._connection is not None, "pages are read while a connection is lent"
        return self._connection.execute(sql, arguments).fetchall()

    def _every_page(self) -> Iterator[list[Row]]:
        """The rows, a page at a time; runs on whatever connection is lent meanwhile."""
        after, upto = self._span
        if self._items and upto - after <= FEW:
            matches = matcher(self._items)
            rows = self._rows(_SCAN, (after, upto, FEW))
            yield [row for row in rows if matches(row[1], tags_if_readable(row[3]))][: self._limit]
        elif (quick := self._quick()) is not None:
            yield quick
        elif self._items:
            positions = islice(self._positions(), self._limit)
            while chunk := list(islice(positions, PAGE)):
                yield self._rows(_FETCH, (_listed(chunk),))
        else:
            upto = upto if self._limit is None else min(upto, after + self._limit)
            while after < upto:
                rows = self._rows(_SCAN, (after, upto, PAGE))
                yield rows
                after = rows[-1][0] if rows else upto

    def _quick(self) -> list[Row] | None:
        """All rows at once where they are few, as they are for what a rule depends on."""
        if not self._items or len(self._items) > MANY:
            return None
        assert self._connection is not None, "see _rows"
        rows = quick_rows(self._connection, self._items, self._span, QUICK)
        return rows if rows is None else rows[: self._limit]

    def _positions(self) -> Iterator[int]:
        assert self._connection is not None, "see _rows"
        found = sorted_positions(self._connection, self._items, self._span)
        if found is not None:
            return iter(found)
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
        assert self._limit is not None, "without a limit the end is known"
        if not self._items:
            return min(self._span.upto, self._span.after + self._limit)
        self._connection = connection
        ends = deque(islice(self._positions(), self._limit), maxlen=1)
        self._connection = None
        return ends[0]


class SQLiteReads(ABC):
    """How a log in SQLite is read, by what lends a connection: a pool, or a transaction its own."""

    @property
    @abstractmethod
    def _lender(self) -> Lender:
        """What lends connections."""

    def read(
        self, query: DCBQuery | None = None, *, after: int | None = None, limit: int | None = None
    ) -> SQLiteReadResponse:
        """Return the events that match, in order of position, streaming.

        Args:
            query: any of its items must match; none, or no items, for every event.
            after: only events past this position.
            limit: at most so many.

        Returns:
            An iterator over the events as of now. Its ``head`` is the log's last position or,
            with a limit, the last event's; None if there is none.
        """
        items = query.items if query else []
        return SQLiteReadResponse(self._lender, items, after=after, limit=limit)

    def read_rows(self, query: DCBQuery, *, after: int | None, limit: int | None) -> SQLiteReadResponse:
        """Return what matches as plain rows; see `read`."""
        return self.read(query, after=after, limit=limit)

    def tags_from(self, prefix: str, *, after: str, limit: int) -> list[str]:
        """Return tags that begin with a prefix, in order, after a tag: at most ``limit`` of them."""
        return self._lender.ask(lambda connection: tags_from(connection, prefix, after, limit))

    def rows_at(self, positions: Sequence[int]) -> list[Row]:
        """Return the entries at these positions, in any order."""
        return self._lender.ask(lambda connection: rows_at(connection, positions))
