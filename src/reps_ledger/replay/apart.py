"""A backtest part by part: what a worker does on any engine, and one machine with little memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
from attrs import frozen

from reps_ledger.domain.facts import BUILT_IN, Fact, Registry
from reps_ledger.domain.time import zone_of
from reps_ledger.errors import Damaged
from reps_ledger.policies.documents import dumps, loads
from reps_ledger.replay.columns.store import open_apart
from reps_ledger.replay.dates import resolved
from reps_ledger.replay.kernel.running import Chunk, run
from reps_ledger.replay.parting import (
    Parted,
    must_be_isolated,
    open_parts,
    part_folder,
    part_of,
)

if TYPE_CHECKING:
    import os

    from reps_ledger.policies.policy import Policy
    from reps_ledger.replay.columns import Columns

__all__ = ["Task", "backtest_in_parts", "count_in_parts", "run_part", "task_of"]

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
