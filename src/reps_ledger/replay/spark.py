"""Replay on Spark: the same kernel, run on each part of an export by Spark's workers.

Workers read the parts from a folder that all of them see. Needs the extra ``spark``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from reps_ledger.domain.facts import Fact
from reps_ledger.errors import MissingExtra
from reps_ledger.policies.policy import Policy
from reps_ledger.replay.partitions import run_part, task_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession  # of another extra

SCHEMA: Final = "member string, date timestamp, outcome string"
"""The columns of the result."""


def backtest_on_spark(
    spark: SparkSession,
    policy: Policy,
    folder: str | os.PathLike[str],
    at: Iterable[date],
    *,
    zone: str = "UTC",
    facts: Sequence[type[Fact]] = (),
) -> DataFrame:
    """Return the outcomes of every member at every date, as a Spark data frame.

    Each task of `mapInArrow` reads one part and runs the kernel on it. Where a worker is lost,
    Spark runs its parts again on another.

    Args:
        spark: a session; its workers' Python has reps-ledger with the extra ``spark``.
        policy: one that looks at nobody else; see `must_be_isolated`.
        folder: where `export_parts` wrote the parts; every worker must see it.
        at: the review dates; a date means its end.
        zone: the IANA name of the zone in which dates, days, months and years are read.
        facts: the service's own kinds of fact; workers import them.

    Raises:
        Damaged: the folder holds no whole export.
        InvalidPolicy: the policy looks at other people.
        MissingExtra: the extra ``spark`` is not installed.
    """
    try:
        import pandas  # noqa: F401, ICN001, PLC0415 — Spark asks for it late
        import pyspark  # noqa: F401, PLC0415 — needs an extra
    except ImportError as error:
        raise MissingExtra("spark", "a backtest on Spark") from error
    task = task_of(policy, folder, at, zone, facts)

    def work(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for part in batch.column(0).to_pylist():
                yield from run_part(task, part)

    number = task.export.number
    return spark.range(number, numPartitions=number).mapInArrow(work, SCHEMA)
