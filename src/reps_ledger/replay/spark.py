"""Replay on Spark: the same kernel, on parts of members, wherever Spark runs them.

The parts are read by the workers from a folder that all of them see. Needs the extra ``spark``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
from attrs import frozen

from reps_ledger.domain.facts import BUILT_IN, Fact, Registry
from reps_ledger.domain.time import zone_of
from reps_ledger.errors import MissingExtra
from reps_ledger.policies.documents import dumps, loads
from reps_ledger.replay.columns.store import open_apart
from reps_ledger.replay.dates import resolved
from reps_ledger.replay.kernel.running import run
from reps_ledger.replay.parting import must_be_isolated, part_folder, part_of

if TYPE_CHECKING:
    import os

    from pyspark.sql import DataFrame, SparkSession

    from reps_ledger.policies.policy import Policy

__all__ = ["SCHEMA", "Task", "backtest_on_spark", "run_part"]

SCHEMA: Final = "member string, date timestamp, outcome string"
"""The columns of the result."""

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
        folder: where the parts are.
        number: how many parts there are.
        dates: the review dates, sorted.
        zone: the IANA name of the zone in which dates, months and years are read.
        facts: the service's own kinds of fact.
    """

    document: str
    folder: str
    number: int
    dates: tuple[datetime, ...]
    zone: str
    facts: tuple[type[Fact], ...] = ()


def run_part(task: Task, part: int) -> Iterator[pa.RecordBatch]:
    """Yield the outcomes of the members of one part: what a worker does, on any engine.

    Raises:
        Damaged: the part is not as it was written.
    """
    policy = loads(task.document)
    columns = open_apart(part_folder(task.folder, part), Registry((*BUILT_IN, *task.facts)))
    own = np.array([part_of(person, task.number) == part for person in columns.people], bool)
    people = np.array(columns.people, object)
    outcomes = np.array(policy.outcomes, object)
    instants = pa.array(list(task.dates), pa.timestamp("us", tz="UTC"))
    for chunk in run(policy, columns, task.dates, zone_of(task.zone)):
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


def backtest_on_spark(
    spark: SparkSession,
    policy: Policy,
    folder: str | os.PathLike[str],
    number: int,
    at: Iterable[date],
    *,
    zone: str = "UTC",
    facts: Sequence[type[Fact]] = (),
) -> DataFrame:
    """Return the outcomes of every member at every date, as a Spark data frame.

    Args:
        spark: a session.
        policy: one that looks at nobody else; see `must_be_isolated`.
        folder: where `export_parts` wrote the parts; every worker must see it.
        number: how many parts there are.
        at: the review dates; a date means its end.
        zone: the IANA name of the zone in which dates, months and years are read.
        facts: the service's own kinds of fact; workers import them.

    Raises:
        InvalidPolicy: the policy looks at other people.
        MissingExtra: the extra ``spark`` is not installed.
    """
    try:
        import pyspark  # noqa: F401, PLC0415 — needs an extra
    except ImportError as error:
        raise MissingExtra("spark", "a backtest on Spark") from error
    must_be_isolated(policy)
    dates = resolved(at, zone_of(zone))
    task = Task(
        document=dumps(policy, "json"),
        folder=str(folder),
        number=number,
        dates=tuple(dates),
        zone=zone,
        facts=tuple(facts),
    )

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for part in batch.column(0).to_pylist():
                yield from run_part(task, part)

    return spark.range(number, numPartitions=number).mapInArrow(work, SCHEMA)
