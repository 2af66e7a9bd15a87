"""Partitions ("parts"): columns divided by member, and backtests that run a part at a time.

Members are independent of one another for most policies, so that each part can be run by itself:
by a worker of any distributed engine, or one after the other on a machine with little memory. A
part holds every fact that names one of its members, and every fact that names nobody. It also
knows of the other people whom these facts name, without their own facts, so that their outcomes
there mean nothing and are dropped. A policy that looks at other people's facts is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zlib import crc32

import msgspec
import numpy as np
import pyarrow as pa
from attrs import frozen

from reps_ledger.domain.facts import BUILT_IN, Fact, Registry
from reps_ledger.domain.shown import shown
from reps_ledger.domain.time import zone_of
from reps_ledger.errors import Damaged, InvalidInput, InvalidPolicy
from reps_ledger.files import DRAFT, atomic_write, claim_folder
from reps_ledger.policies.documents import dumps, loads
from reps_ledger.policies.language.reads import readers
from reps_ledger.policies.policy import Policy
from reps_ledger.replay.backtest import resolved
from reps_ledger.replay.columns.model import Columns, Truths
from reps_ledger.replay.columns.store import FORMAT, read_columns, write_columns
from reps_ledger.replay.columns.subset import columns_of_people
from reps_ledger.replay.kernel.run import Chunk, run

MAX_PARTS: Final = 100_000
"""Parts of one export."""

_SEAL: Final = "parts.json"
_PART: Final = re.compile(r"part=\d{5,}")


class _Seal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is written last, and says that the export is whole."""

    format: int
    number: int
    position: int


def part_of(member: str, number: int) -> int:
    """Return the number of a member's part, from 0: the same on every machine."""
    return crc32(member.encode()) % number


def part_folder(folder: str | os.PathLike[str], part: int) -> Path:
    """Return the folder of a part, named as Hive-style partitions are."""
    return Path(folder) / f"part={part:05d}"


def must_be_isolated(policy: Policy) -> None:
    """Refuse a policy that looks at other people.

    Raises:
        InvalidPolicy: it does.
    """
    for part in readers(policy):
        reads = part.reads()
        if reads.everyone or reads.people:
            raise InvalidPolicy(
                f"{policy.name} looks beyond a member's own facts ({part.words()}): run it on one machine"
            )


@frozen
class PartsExport:
    """Columns that were exported in parts.

    Attributes:
        folder: where; every worker must see it.
        number: how many parts there are.
        position: what was known: entries up to this position.
    """

    folder: str
    number: int
    position: int


def export_parts(columns: Columns, folder: str | os.PathLike[str], number: int) -> PartsExport:
    """Write columns as Parquet, divided into so many parts by member.

    An earlier export in the folder can no longer be read once this one begins, and this one only
    once all of it is there.

    Raises:
        InvalidInput: the number is not from 1 to `MAX_PARTS`.
        PathTaken: the folder holds something else.
        OSError: it cannot be written to.
    """
    if type(number) is not int or not 1 <= number <= MAX_PARTS:
        raise InvalidInput(f"from 1 to {MAX_PARTS:,} parts, not {shown(number, 40)}", field="number")
    place = Path(folder)
    claim_folder(place, _is_ours, "an export of parts")
    place.mkdir(parents=True, exist_ok=True)
    (place / _SEAL).unlink(missing_ok=True)
    places = np.array([part_of(person, number) for person in columns.people], np.int64)
    for part in range(number):
        write_columns(part_folder(folder, part), columns_of_people(columns, places == part))
    with atomic_write(place / _SEAL) as file:
        file.write(msgspec.json.encode(_Seal(FORMAT, number, columns.position)))
    return PartsExport(str(place), number, columns.position)


def _is_ours(folder: Path) -> bool:
    """Whether a folder holds an export of parts, or the beginning of one, and nothing else in its place."""
    seal = folder / _SEAL
    if seal.exists():
        return _seal_in(folder) is not None
    return all(DRAFT.fullmatch(each.name) or _PART.fullmatch(each.name) for each in folder.iterdir())


def _seal_in(folder: Path) -> _Seal | None:
    try:
        return msgspec.json.decode((folder / _SEAL).read_bytes(), type=_Seal)
    except (OSError, msgspec.MsgspecError):
        return None


def open_parts(folder: str | os.PathLike[str]) -> PartsExport:
    """Return the export in a folder.

    Raises:
        Damaged: there is none, or not all of it.
    """
    seal = _seal_in(Path(folder))
    if seal is None or seal.format != FORMAT:
        raise Damaged(f"{folder} holds no whole export of parts; export them anew")
    return PartsExport(str(folder), seal.number, seal.position)


_RESULT: Final = pa.schema(
    [
        pa.field("member", pa.string()),
        pa.field("date", pa.timestamp("us", tz="UTC")),
        pa.field("outcome", pa.string()),
    ]
)


@frozen(kw_only=True)
class Task:
    """What a worker needs to run any part; it can be pickled.

    Attributes:
        document: the policy, as JSON.
        export: where the parts are.
        dates: the review dates, sorted.
        zone: the IANA name of the zone in which dates, days, months and years are read.
        facts: the service's own kinds of fact.
    """

    document: str
    export: PartsExport
    dates: tuple[datetime, ...]
    zone: str = "UTC"
    facts: tuple[type[Fact], ...] = ()


def task_of(
    policy: Policy, folder: str | os.PathLike[str], at: Iterable[date], zone: str, facts: Sequence[type[Fact]]
) -> Task:
    """Return what workers need to run a policy on the parts of an export.

    Raises:
        Damaged: the folder holds no whole export.
        InvalidPolicy: the policy looks at other people.
    """
    must_be_isolated(policy)
    return Task(
        document=dumps(policy, "json"),
        export=open_parts(folder),
        dates=tuple(resolved(at, zone_of(zone))),
        zone=zone,
        facts=tuple(facts),
    )


def run_part(task: Task, part: int) -> Iterator[pa.RecordBatch]:
    """Yield the outcomes of the members of one part as Arrow: member, date, outcome.

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
            schema=_RESULT,
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
        zone: the IANA name of the zone in which dates, days, months and years are read.
        facts: the service's own kinds of fact.

    Raises:
        Damaged: the folder holds no whole export, or a part is not as it was written.
        InvalidPolicy: the policy looks at other people.
    """
    task = task_of(policy, folder, at, zone, facts)
    for part in range(task.export.number):
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
    for part in range(task.export.number):
        columns, own = _opened(task, part)
        for chunk in _chunks(policy, columns, task):
            found += chunk.of(own[chunk.low : chunk.high]).counts()
    return tuple(
        {name: int(found[code, i]) for code, name in enumerate(policy.outcomes)}
        for i in range(len(task.dates))
    )


def _opened(task: Task, part: int) -> tuple[Columns, Truths]:
    """Return the columns of a part, and which of their people are members of that part."""
    folder = part_folder(task.export.folder, part)
    columns = read_columns(folder, Registry((*BUILT_IN, *task.facts)))
    if columns.position != task.export.position:
        raise Damaged(f"{folder} is of another export than {task.export.folder}; export anew")
    number = task.export.number
    return columns, np.array([part_of(each, number) == part for each in columns.people], bool)


def _chunks(policy: Policy, columns: Columns, task: Task) -> Iterator[Chunk]:
    return run(policy, columns, task.dates, zone_of(task.zone))
