"""Beyond one machine: parts of members, and Spark running the kernel on them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, date
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from reps_ledger.policies import (
    Policy,
    holds,
    members,
    missed,
    on_leave,
    previously,
    reports,
    tenure,
    vouches,
    weeks,
    when,
)
from reps_ledger.replay import backtest_in_parts, backtest_on_spark, count_in_parts, export_parts
from reps_ledger.replay.backtest import backtest, monthly, resolved
from reps_ledger.replay.partitions import must_be_isolated, part_folder, part_of
from scale import CLUSTER, seconds
from scenarios import fixed_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="needs a JVM")
needs_cluster = pytest.mark.skipif(not CLUSTER, reason="takes a minute: make test-spark does it")
PGREP: Final = shutil.which("pgrep") or "pgrep"

POLICY: Final = Policy(
    "activity",
    cases=[
        when(on_leave()).then("active", "on leave"),
        when(tenure() < weeks(4)).then("active", "new"),
        when(missed("vote") >= 2).then("quiet"),
        when((reports(within=weeks(6)) >= 2) & (vouches() >= 1)).then("active"),
        when(reports(within=weeks(12)) >= 1).then("quiet"),
        when(previously("quiet") & holds("mentor")).then("quiet", "kept"),
    ],
    otherwise="inactive",
    scale=["active", "quiet", "inactive"],
)
DATES: Final = monthly(2018, 2019)
PARTS: Final = 3


def programme(members_: int = 40) -> rl.Ledger:
    """Make a ledger in which people report, vouch, mentor, vote and rest at different paces."""
    ledger = rl.open(clock=fixed_clock)
    people = [f"m{number:03d}" for number in range(members_)]
    start = date(2018, 1, 1)
    ledger.record_all([rl.MemberJoined(member=m) for m in people], by="x", occurred_at=start)
    facts: list[Any] = []
    for number, member in enumerate(people):
        for month in range(1, 13, 1 + number % 5):
            report = rl.ReportFiled(member=member, activity="talk")
            facts.append((report, date(2018, month, 1 + number % 28)))
        if number:
            vouched = rl.Vouched(member=member, voucher=people[number - 1])
            facts.append((vouched, date(2018, 1 + number % 12, 5)))
        if number % 4 == 0:
            facts.append((rl.RoleAssigned(member=member, role="mentor"), date(2018, 2, 1)))
        if number % 7 == 0:
            facts.append((rl.LeaveStarted(member=member), date(2018, 6, 1)))
            facts.append((rl.LeaveEnded(member=member), date(2018, 9, 1)))
    for month in (3, 6, 9):
        held = rl.OpportunityHeld(opportunity=f"v{month}", kind="vote")
        facts.append((held, date(2018, month, 15)))
        facts += [
            (rl.OpportunityTaken(member=m, opportunity=f"v{month}"), date(2018, month, 15))
            for m in people[month::3]
        ]
    for batch in range(0, len(facts), 500):
        ledger.record_all(facts[batch : batch + 500], by="x")
    return ledger


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, Any, str]]]:
    """Parts of a programme, and what a backtest on one machine says of it."""
    folder = tmp_path_factory.mktemp("parts")
    ledger = programme()
    columns = ledger.columns()
    export_parts(columns, folder, PARTS)
    found = backtest(POLICY, columns, resolved(DATES, UTC), UTC)
    return folder, rows_of(found.table.to_pylist())


def rows_of(rows: Any) -> list[tuple[str, Any, str]]:
    """Return member, date and outcome of rows, in order."""
    return sorted((row["member"], row["date"].timestamp(), row["outcome"]) for row in rows)


def test_parts_together_say_what_one_machine_says(exported: tuple[Path, list[tuple[str, Any, str]]]) -> None:
    """Every member is in one part, with the outcomes that a whole backtest gives."""
    folder, expected = exported
    batches = backtest_in_parts(POLICY, folder, DATES)
    assert rows_of(row for batch in batches for row in batch.to_pylist()) == expected
    counted = Counter((at, outcome) for _, at, outcome in expected)
    counts = count_in_parts(POLICY, folder, DATES)
    dates = [date.timestamp() for date in resolved(DATES, UTC)]
    assert counted == Counter(
        {
            (date, outcome): number
            for date, each in zip(dates, counts, strict=True)
            for outcome, number in each.items()
            if number
        }
    )
    assert {part_of(member, PARTS) for member, _, _ in expected} == set(range(PARTS))


def test_a_damaged_part_is_an_error(
    exported: tuple[Path, list[tuple[str, Any, str]]], tmp_path: Path
) -> None:
    """A part that is not as it was written is not read."""
    folder = tmp_path / "copy"
    shutil.copytree(exported[0], folder)
    file = next(path for path in part_folder(folder, 1).iterdir() if "report" in path.name)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(rl.Damaged, match="part=00001"):
        list(backtest_in_parts(POLICY, folder, DATES))


def test_parts_of_two_exports_are_not_mixed(tmp_path: Path) -> None:
    """A part that is left of another export, or an export that was not finished, is an error."""
    with pytest.raises(rl.Damaged, match="no whole export"):
        count_in_parts(POLICY, tmp_path, DATES)
    export_parts(programme(6).columns(), tmp_path / "first", 2)
    export_parts(programme(9).columns(), tmp_path / "second", 2)
    shutil.rmtree(part_folder(tmp_path / "first", 1))
    shutil.copytree(part_folder(tmp_path / "second", 1), part_folder(tmp_path / "first", 1))
    with pytest.raises(rl.Damaged, match="another export"):
        count_in_parts(POLICY, tmp_path / "first", DATES)


@pytest.mark.parametrize("number", [0, -1, 100_001, 2.0, True])
def test_a_number_of_parts_that_makes_no_sense(number: Any, tmp_path: Path) -> None:
    """It is refused, and nothing is written."""
    with pytest.raises(rl.InvalidInput, match="parts"):
        export_parts(programme(2).columns(), tmp_path / "parts", number)
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize(
    "condition", [members() >= 3, vouches(voucher=holds("mentor")) >= 1], ids=["body", "others"]
)
def test_a_policy_that_looks_at_others_is_refused(condition: Any) -> None:
    """A part lacks other people's facts: such a policy is refused, and told to use one machine."""
    policy = Policy("p", cases=[when(condition).then("a")], otherwise="b")
    with pytest.raises(rl.InvalidPolicy, match="one machine"):
        must_be_isolated(policy)


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    """Spark in one process or, in ``make test-spark``, with two workers of their own."""
    pytest.importorskip("pyspark")
    from pyspark.sql import SparkSession

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    session = (
        SparkSession.builder.master("local-cluster[2,1,512]" if CLUSTER else "local[1]")
        .appName("reps-ledger")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.executor.memory", "512m")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.task.maxFailures", "8")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@needs_java
@seconds(120)
def test_spark_says_what_one_machine_says(
    spark: Any, exported: tuple[Path, list[tuple[str, Any, str]]], tmp_path: Path
) -> None:
    """Spark's rows are those of one machine, also after it wrote and read them as Parquet."""
    folder, expected = exported
    found = backtest_on_spark(spark, POLICY, folder, DATES)
    found.write.parquet(str(tmp_path / "out"))
    back = spark.read.parquet(str(tmp_path / "out")).toArrow().to_pylist()
    assert rows_of(back) == expected


@needs_java
@needs_cluster
def test_an_executor_that_is_killed_changes_nothing(
    spark: Any, exported: tuple[Path, list[tuple[str, Any, str]]]
) -> None:
    """When an executor is killed, another runs its parts again: the rows are the same."""
    folder, expected = exported
    many = 60
    slow = folder.parent / "many"
    export_parts(programme().columns(), slow, many)
    killed: list[int] = []
    driver = spark.sparkContext._gateway.proc.pid

    def kill() -> None:
        deadline = time.monotonic() + 60
        while not killed and time.monotonic() < deadline:
            listed = subprocess.run(
                [PGREP, "-P", str(driver), "-f", "CoarseGrainedExecutorBackend"],
                capture_output=True,
                text=True,
                check=False,
                timeout=10,
            )
            for pid in listed.stdout.split()[:1]:
                time.sleep(1)
                os.kill(int(pid), signal.SIGKILL)
                killed.append(int(pid))
            time.sleep(0.05)

    thread = threading.Thread(target=kill)
    thread.start()
    rows = backtest_on_spark(spark, POLICY, slow, DATES).toArrow().to_pylist()
    thread.join(60)
    assert killed
    assert rows_of(rows) == expected
