"""The census from tables: how many members are in each group, at an instant or at many.

A dimension is a query of rows ``member, group, start, until``: somebody is in a group while a row of theirs
holds, and in the dimension's default group while none does. One instant is counted over the rows that hold
then, many over all rows, which are read once: in NumPy; without it, one instant after another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from itertools import product
from typing import Final

from attrs import frozen

from reps_ledger.domain.spans import RETIREMENT
from reps_ledger.domain.time import microseconds
from reps_ledger.policies.charter.eras import definitions
from reps_ledger.projections.census import NONE, CensusRow
from reps_ledger.state.schema import FOREVER
from reps_ledger.state.store import Reader
from reps_ledger.views.evaluator import PolicyEvaluator

Definers = Callable[[datetime], Collection[str]]
"""Returns the communities that say themselves who is their member, at an instant; "" for the programme."""


@frozen
class _Source:
    """Where rows come from.

    Attributes:
        table: which table.
        group: the expression for the group.
        where: which of its rows; empty for all.
        start: the column from which on they hold.
        until: the one until which they do; None for ever.
    """

    table: str
    group: str
    where: str = ""
    start: str = "start"
    until: str | None = "until"

    def query(self, *, limited: bool) -> str:
        """Return the query of its rows; limited to an instant, that two question marks stand for."""
        until = str(FOREVER) if self.until is None else self.until
        said = [self.where] if self.where else []
        if limited:
            said += [f"{self.start} <= ?", f"{until} > ?"]
        where = f" WHERE {' AND '.join(said)}" if said else ""
        return f"SELECT member, {self.group}, {self.start}, {until} FROM {self.table}{where}"


def _of_spans(kind: str, group: str) -> _Source:
    return _Source("span", group, f"kind = '{kind}' AND {group} IS NOT NULL")


@frozen
class _Dimension:
    """One dimension.

    Attributes:
        sources: of its rows.
        default: the group of who has no row.
        counted: whether the group is how many different values there are.
    """

    sources: tuple[_Source, ...]
    default: str = NONE
    counted: bool = False


_COMMUNITY: Final = "community"
_INACTIVE: Final = "inactive"
"""How people stand of whom no row says otherwise; most rows say so, and need not be read."""
_DIMENSIONS: Final[Mapping[str, _Dimension]] = {
    "account": _Dimension(
        (
            _of_spans("account.linked", "'with account'"),
            _Source("member", "'with account'", "account IS NOT NULL", "account", None),
        ),
        "without account",
    ),
    "affiliation": _Dimension((_of_spans("affiliation.started", "k1"),)),
    _COMMUNITY: _Dimension((_of_spans("role.assigned", "k2"), _of_spans("community.joined", "k1"))),
    "kind": _Dimension((_Source("member", "kind", "joined IS NOT NULL", "joined", None),)),
    "retired": _Dimension((_of_spans(RETIREMENT, "'retired'"),), "not retired"),
    "role": _Dimension((_of_spans("role.assigned", "k1"),)),
    "standing": _Dimension(
        (_Source("standing", "outcome", f"policy = '' AND outcome <> '{_INACTIVE}'"),), _INACTIVE
    ),
    "vouch_level": _Dimension(
        (_Source("span", "k1", "kind = 'vouch.given' AND k1 <> member"),), "0", counted=True
    ),
}
"""The dimensions, by name: those of a view's census."""

_COUNTED: Final = (_Source("counted", "community"),)
_JOINED: Final = (_Source("member", "''", "joined IS NOT NULL", "joined", None),)
_SEEN: Final = (_Source("member", "''", start="first_seen", until=None),)

Found = tuple[str, str, int, int]
"""Of whom, of which group, from when, until when."""


def definers_of(evaluator: PolicyEvaluator) -> Definers:
    """Return which communities define their members, by the charters that an evaluator knows."""
    return lambda at: frozenset(name for name, _ in definitions(evaluator.charter(at)))


def count(
    reader: Reader, instants: Iterable[datetime], by: Sequence[str], definers: Definers
) -> Iterator[CensusRow]:
    """Yield the groups of members at each instant, the earliest first, and the groups in order.

    Args:
        reader: reads the tables.
        instants: when.
        by: names of dimensions; none counts everyone in one group.
        definers: which communities define their members themselves.
    """
    when = sorted(set(instants))
    defining = [definers(at) for at in when]
    if find_spec("numpy") is not None:
        rows = rows_of(reader, when[0] if len(when) == 1 else None)
        yield from _through_time(rows, when, by, defining)
        return
    for at, own in zip(when, defining, strict=True):
        yield from _count_at(rows_of(reader, at), at, by, own)


def _through_time(
    rows: RowsOf, instants: Sequence[datetime], by: Sequence[str], definers: Sequence[Collection[str]]
) -> Iterator[CensusRow]:
    """Count at many instants, over rows that are read once."""
    from reps_ledger.replay.census import Dimension, People, count_through_time

    counted = rows.counted() if any(definers) else []
    people = People(
        rows.joined(),
        [row for row in counted if not row[1]],
        rows.seen() if any("" in own for own in definers) else (),
    )
    dimensions = [
        Dimension(
            rows.dimension(name),
            _DIMENSIONS[name].default,
            _DIMENSIONS[name].counted,
            [row for row in counted if row[1]] if name == _COMMUNITY else None,
        )
        for name in by
    ]
    yield from count_through_time(people, dimensions, instants, definers)


@frozen
class RowsOf:
    """Reads the rows of a census.

    Attributes:
        joined: from when on each person counts as one who joined.
        seen: from when on an entry names each person.
        counted: when each counts by a definition of a charter, of a community or of the programme, "".
        dimension: the rows of a dimension.
    """

    joined: Callable[[], list[Found]]
    seen: Callable[[], list[Found]]
    counted: Callable[[], list[Found]]
    dimension: Callable[[str], list[Found]]


def rows_of(reader: Reader, at: datetime | None = None) -> RowsOf:
    """Return what reads rows: those that hold at an instant, or all."""

    def read(sources: Iterable[_Source]) -> list[Found]:
        found: list[Found] = []
        for source in sources:
            values = () if at is None else (microseconds(at),) * 2
            found += reader.rows(source.query(limited=at is not None), *values)  # type: ignore[arg-type]  # as it names them
        return found

    return RowsOf(
        joined=lambda: read(_JOINED),
        seen=lambda: read(_SEEN),
        counted=lambda: read(_COUNTED),
        dimension=lambda name: read(_DIMENSIONS[name].sources),
    )


def _count_at(
    rows: RowsOf, at: datetime, by: Sequence[str], definers: Collection[str]
) -> Iterator[CensusRow]:
    counted: dict[str, set[str]] = {}
    for member, community, *_ in rows.counted() if definers else ():
        counted.setdefault(community, set()).add(member)
    if "" in definers:
        people = {member for member, *_ in rows.seen()} & counted.get("", set())
    else:
        people = {member for member, *_ in rows.joined()}
    groups = {name: _groups(rows, name, counted, definers) for name in by}
    defaults = {name: {_DIMENSIONS[name].default} for name in by}
    counts: Counter[tuple[str, ...]] = Counter()
    for member in people:
        counts.update(product(*(groups[name].get(member) or defaults[name] for name in by)))
    for group, number in sorted(counts.items()):
        yield CensusRow(at=at, group=group, members=number)


def _groups(
    rows: RowsOf, name: str, counted: Mapping[str, Collection[str]], definers: Collection[str]
) -> dict[str, set[str]]:
    """Return the groups of each person in a dimension; nobody is in it who is in the default group."""
    found: dict[str, set[str]] = {}
    for member, group, *_ in rows.dimension(name):
        if name != _COMMUNITY or group not in definers:
            found.setdefault(member, set()).add(group)
    if name == _COMMUNITY:
        for community, members in counted.items():
            for member in members if community else ():
                found.setdefault(member, set()).add(community)
    if _DIMENSIONS[name].counted:
        return {member: {str(len(values))} for member, values in found.items()}
    return found
