"""Which entries a query means: by looking at them, or by walking the indexes."""

from __future__ import annotations

import heapq
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from eventsourcing.dcb.api import DCBQueryItem

__all__ = ["QUICK", "Scan", "Span", "first_match", "matcher", "quick_rows", "scans_of"]

_CHUNK: Final = 1_000
_CHUNK_AT_LEAST: Final = 16
_PROBE: Final = 64
_PROBE_GROWTH: Final = 16

_BY_TYPE: Final = (
    "SELECT position FROM events WHERE type = ? AND position > ? AND position <= ?"
    " ORDER BY position LIMIT ?"
)
_ALL: Final = (
    "SELECT position FROM events WHERE position > ? AND position <= ? ORDER BY position LIMIT ?"
)
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
    "SELECT e.position, e.type, e.data, e.tags FROM json_each(?1) j"
    " CROSS JOIN tags t ON t.tag = j.value AND t.position > ?2 AND t.position <= ?3"
    " CROSS JOIN events e ON e.position = t.position LIMIT ?4"
)
_ENTRIES_OF_TAGS_AND_TYPES: Final = (
    "SELECT e.position, e.type, e.data, e.tags FROM json_each(?1) j CROSS JOIN json_each(?5) k"
    " CROSS JOIN tags t ON t.tag = j.value AND t.type = k.value"
    " AND t.position > ?2 AND t.position <= ?3"
    " CROSS JOIN events e ON e.position = t.position LIMIT ?4"
)
_encode = msgspec.json.Encoder().encode


class Span(NamedTuple):
    """The positions that are asked about: past ``after``, up to and with ``upto``."""

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
        return any(
            (not types or kind in types) and needed.issubset(tags) for types, needed in wanted
        )

    return matches


def scans_of(
    connection: sqlite3.Connection, items: Sequence[DCBQueryItem], span: Span
) -> Iterator[Scan]:
    """The scans whose union is the answer to a query, each of them once.

    Args:
        connection: in the transaction that ``span`` was measured in.
        items: at least one.
        span: what is asked about.
    """
    seen = set()
    for item in items:
        for scan in _scans_of_item(connection, item, span):
            if scan not in seen:
                seen.add(scan)
                yield scan


def quick_rows(
    connection: sqlite3.Connection, items: Sequence[DCBQueryItem], span: Span, most: int
) -> list[Any] | None:
    """The rows that match, in order of position, by one statement for each set of types.

    Returns:
        None if there are more than ``most``, or if an item has no tag or several: then the
        indexes must be walked in order.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for item in items:
        if len(item.tags) != 1:
            return None
        groups.setdefault(tuple(item.types), []).append(item.tags[0])
    found: dict[int, Any] = {}
    for types, tags in groups.items():
        sql = _ENTRIES_OF_TAGS_AND_TYPES if types else _ENTRIES_OF_TAGS
        given = (_encode(tags).decode(), *span, most + 1)
        rows = connection.execute(sql, (*given, _encode(types).decode()) if types else given)
        found.update((row[0], row) for row in rows)
        if len(found) > most:
            return None
    return [found[position] for position in sorted(found)]


def _scans_of_item(
    connection: sqlite3.Connection, item: DCBQueryItem, span: Span
) -> Iterator[Scan]:
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
        yield Scan(_by_tags(len(tags)), (kind, *ordered))


@cache
def _by_tags(count: int) -> str:
    """SQL that walks the first tag's range and looks each position up under the other tags."""
    others = "".join(
        " AND EXISTS (SELECT 1 FROM tags o"  # noqa: S608 - numbers of placeholders
        f" WHERE o.tag = ?{number} AND o.type = ?1 AND o.position = t.position)"
        for number in range(3, count + 2)
    )
    after, upto, limit = (f"?{count + extra}" for extra in (2, 3, 4))
    return (
        "SELECT t.position FROM tags t WHERE t.tag = ?2 AND t.type = ?1"  # noqa: S608 - see above
        f" AND t.position > {after} AND t.position <= {upto}{others}"
        f" ORDER BY t.position LIMIT {limit}"
    )


def _rarest_first(
    connection: sqlite3.Connection, tags: list[str], kind: str, span: Span
) -> list[str]:
    """The tags, the one with the fewest entries first, found without counting the frequent ones.

    So an entry of one member in one community is sought among the member's, not the community's.
    """
    limit = _PROBE
    while True:
        sizes = {
            tag: connection.execute(_PROBE_SIZE, (tag, kind, *span, limit)).fetchone()[0]
            for tag in tags
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
    scans: Sequence[Scan], span: Span, rows: Callable[[str, tuple[Any, ...]], list[tuple[int]]]
) -> Iterator[int]:
    """The positions that any of the scans finds, each once, ascending.

    Each scan is read a chunk at a time, when its turn comes, so that memory is bounded.

    Args:
        scans: what to unite.
        span: what is asked about.
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
