"""Parting: columns divided by member, so that each part can be run by itself.

A part holds all facts that name its members, and what is of the whole programme. Policies that
look at other people cannot be run on parts, and are refused.

A backtest part by part: what a worker does on any engine, and one machine with little memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zlib import crc32

import msgspec
import numpy as np
import pyarrow as pa
from attrs import evolve, frozen

from reps_ledger.domain.facts import BUILT_IN, Fact, Registry
from reps_ledger.domain.time import zone_of
from reps_ledger.errors import Damaged, InvalidInput, InvalidPolicy
from reps_ledger.policies.documents import dumps, loads
from reps_ledger.policies.language.reads import readers
from reps_ledger.replay.backtest import resolved
from reps_ledger.replay.columns import Coded, Columns, Table
from reps_ledger.replay.columns.store import FORMAT, keep_apart, open_apart
from reps_ledger.replay.kernel.run import Chunk, run

if TYPE_CHECKING:
    import os

    from reps_ledger.policies.policy import Policy

__all__ = [
    "MAX_PARTS",
    "Parted",
    "Task",
    "backtest_in_parts",
    "count_in_parts",
    "export_parts",
    "must_be_isolated",
    "open_parts",
    "part_folder",
    "part_of",
    "restricted",
    "run_part",
    "task_of",
]

MAX_PARTS: Final = 100_000
"""Parts of one export."""

_SEAL: Final = "parts.json"


class _Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What says that an export is whole."""

    format: int
    number: int
    position: int


def part_of(member: str, number: int) -> int:
    """Return in which of so many parts a member is: the same on every machine."""
    return crc32(member.encode()) % number


def part_folder(folder: str | os.PathLike[str], part: int) -> Path:
    """Return the folder of a part."""
    return Path(folder) / f"part={part:05d}"


def must_be_isolated(policy: Policy) -> None:
    """Refuse a policy that looks at other people.

    Raises:
        InvalidPolicy: it does, or at accounts, which columns do not hold.
    """
    for part in readers(policy):
        reads = part.reads()
        if reads.everyone or reads.people or reads.accounts:
            raise InvalidPolicy(
                f"{policy.name} looks beyond a member's own facts ({part.words()}): "
                "run it on one machine"
            )


@frozen
class Parted:
    """An export in parts.

    Attributes:
        folder: where; every worker must see it.
        number: how many parts there are.
        position: what was known.
    """

    folder: str
    number: int
    position: int


def export_parts(columns: Columns, folder: str | os.PathLike[str], number: int) -> Parted:
    """Write columns as Parquet, divided into so many parts by member.

    What says that they are all there is written last; an earlier export in the folder is gone
    from the moment at which this one begins.

    Raises:
        InvalidInput: the number is not from 1 to `MAX_PARTS`.
        OSError: the folder cannot be written to.
    """
    if type(number) is not int or not 1 <= number <= MAX_PARTS:
        raise InvalidInput(f"from 1 to {MAX_PARTS:,} parts, not {number!r:.40}", field="number")
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    (place / _SEAL).unlink(missing_ok=True)
    places = np.array([part_of(person, number) for person in columns.people], np.int64)
    for part in range(number):
        keep_apart(part_folder(folder, part), restricted(columns, places == part))
    rough = place / f"{_SEAL}.tmp"
    rough.write_bytes(msgspec.json.encode(_Seal(FORMAT, number, columns.position)))
    rough.replace(place / _SEAL)
    return Parted(str(place), number, columns.position)


def open_parts(folder: str | os.PathLike[str]) -> Parted:
    """Return the export in a folder.

    Raises:
        Damaged: there is none, or not all of it.
    """
    try:
        seal = msgspec.json.decode((Path(folder) / _SEAL).read_bytes(), type=_Seal)
    except (OSError, msgspec.MsgspecError):
        seal = None
    if seal is None or seal.format != FORMAT:
        raise Damaged(f"{folder} holds no whole export of parts; export them anew")
    return Parted(str(folder), seal.number, seal.position)


def restricted(columns: Columns, own: Any) -> Columns:
    """Return the facts that name some people, and those that name nobody.

    Args:
        columns: of everyone.
        own: for each of the people, whether they are meant.
    """
    rows = {name: _rows(table, own) for name, table in columns.tables.items()}
    named = np.zeros(len(columns.people), bool)
    for name, table in columns.tables.items():
        for codes in table.persons.values():
            chosen = codes[rows[name]]
            named[chosen[chosen >= 0]] = True
    turned = np.append(np.cumsum(named) - 1, -1).astype(np.int32)
    tables = {
        name: _taken(table, rows[name], turned)
        for name, table in columns.tables.items()
        if len(rows[name])
    }
    people = tuple(np.array(columns.people, object)[named].tolist())
    return Columns(columns.position, people, tables, columns.registry)


def _rows(table: Table, own: Any) -> Any:
    if not table.persons:
        return np.arange(len(table.at))
    kept = np.zeros(len(table.at), bool)
    for codes in table.persons.values():
        kept |= (codes >= 0) & np.append(own, False)[codes]
    return np.flatnonzero(kept)


def _taken(table: Table, rows: Any, turned: Any) -> Table:
    return evolve(
        table,
        times={name: found[rows] for name, found in table.times.items()},
        persons={name: turned[codes[rows]] for name, codes in table.persons.items()},
        fields={name: _coded(coded, rows) for name, coded in table.fields.items()},
        numbers={name: found[rows] for name, found in table.numbers.items()},
        instants={name: found[rows] for name, found in table.instants.items()},
    )


def _coded(coded: Coded, rows: Any) -> Coded:
    codes = coded.codes[rows]
    used = np.unique(codes[codes >= 0])
    turned = np.full(len(coded.values) + 1, -1, np.int32)
    turned[used] = np.arange(len(used), dtype=np.int32)
    return Coded(tuple(coded.values[code] for code in used.tolist()), turned[codes])


_ARROW: Final = pa.schema(
    [
        pa.field("member", pa.string()),
        pa.field("date", pa.timestamp("us", tz="UTC")),
        pa.field("outcome", pa.string()),
    ]
)


@frozen(kw_only=True)
class Task:
    """What workers do with each part.

    Attributes:
        document: the policy, as JSON.
        parted: where the parts are.
        dates: the review dates, sorted.
        zone: the IANA name of the zone in which dates, months and years are read.
        facts: the service's own kinds of fact.
    """

    document: str
    parted: Parted
    dates: tuple[datetime, ...]
    zone: str = "UTC"
    facts: tuple[type[Fact], ...] = ()


def task_of(
    policy: Policy,
    folder: str | os.PathLike[str],
    at: Iterable[date],
    zone: str,
    facts: Sequence[type[Fact]],
) -> Task:
    """Return what is to be done with each part of an export.

    Raises:
        Damaged: the folder holds no whole export.
        InvalidPolicy: the policy looks at other people.
    """
    must_be_isolated(policy)
    return Task(
        document=dumps(policy, "json"),
        parted=open_parts(folder),
        dates=tuple(resolved(at, zone_of(zone))),
        zone=zone,
        facts=tuple(facts),
    )


def run_part(task: Task, part: int) -> Iterator[pa.RecordBatch]:
    """Yield the outcomes of the members of one part: member, date, outcome.

    Raises:
        Damaged: the part is not as it was written.
    """
    policy = loads(task.document)
    columns, own = _opened(task, part)
    people = np.array(columns.people, object)
    outcomes = np.array(policy.outcomes, object)
    instants = pa.array(list(task.dates), pa.timestamp("us", tz="UTC"))
    for chunk in _chunks(policy, columns, task):
        codes = chunk.codes()
        codes[~own[chunk.low : chunk.high]] = -1
        row, column = np.nonzero(codes >= 0)
        yield pa.RecordBatch.from_arrays(
            [
                pa.array(people[row + chunk.low], pa.string()),
                instants.take(pa.array(column)),
                pa.array(outcomes[codes[row, column]], pa.string()),
            ],
            schema=_ARROW,
        )


def backtest_in_parts(
    policy: Policy,
    folder: str | os.PathLike[str],
    at: Iterable[date],
    *,
    zone: str = "UTC",
    facts: Sequence[type[Fact]] = (),
) -> Iterator[pa.RecordBatch]:
    """Yield the outcomes of every member at every date, with one part in memory at a time.

    Args:
        policy: one that looks at nobody else; see `must_be_isolated`.
        folder: where `export_parts` wrote the parts.
        at: the review dates; a date means its end.
        zone: the IANA name of the zone in which dates, months and years are read.
        facts: the service's own kinds of fact.

    Raises:
        Damaged: the folder holds no whole export, or a part is not as it was written.
        InvalidPolicy: the policy looks at other people.
    """
    task = task_of(policy, folder, at, zone, facts)
    for part in range(task.parted.number):
        yield from run_part(task, part)


def count_in_parts(
    policy: Policy,
    folder: str | os.PathLike[str],
    at: Iterable[date],
    *,
    zone: str = "UTC",
    facts: Sequence[type[Fact]] = (),
) -> tuple[dict[str, int], ...]:
    """Return, for each date, how many members have each outcome; see `backtest_in_parts`."""
    task = task_of(policy, folder, at, zone, facts)
    found = np.zeros((len(policy.outcomes), len(task.dates)), np.int64)
    for part in range(task.parted.number):
        columns, own = _opened(task, part)
        for chunk in _chunks(policy, columns, task):
            found += chunk.of(own[chunk.low : chunk.high]).counts()
    return tuple(
        {name: int(found[code, i]) for code, name in enumerate(policy.outcomes)}
        for i in range(len(task.dates))
    )


def _opened(task: Task, part: int) -> tuple[Columns, Any]:
    """Return the columns of a part, and which of their people are its own."""
    folder = part_folder(task.parted.folder, part)
    columns = open_apart(folder, Registry((*BUILT_IN, *task.facts)))
    if columns.position != task.parted.position:
        raise Damaged(f"{folder} is of another export than {task.parted.folder}; export anew")
    number = task.parted.number
    return columns, np.array([part_of(each, number) == part for each in columns.people], bool)


def _chunks(policy: Policy, columns: Columns, task: Task) -> Iterator[Chunk]:
    return run(policy, columns, task.dates, zone_of(task.zone))
