"""Backtests at scale: the kernel, beside what else one might write for the same policy.

Every contender goes from the same Parquet files to the same histogram by date and outcome, each in
a process of its own and in turn, and all histograms must be equal. The naive fold is measured on a
sample of members: it makes facts of their rows and folds them at each date, and its time is scaled
by the number of facts.
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import time
from datetime import UTC
from pathlib import Path
from typing import Any

from ratios import verdict

SIZES = {1_000_000: 100_000, 10_000_000: 1_000_000}
"""Facts, roughly, to members."""
DATES = (4, 40, 400)
GOAL_DATES, GOAL_FACTS = 40, 9_000_000
"""Where the design has goals."""
REPEATS = 3
SAMPLE = 2_000
"""Members whose histories the naive fold goes through."""
SMALL = 16_384
"""Members at a time, for little memory."""
MANY, PARTS = 10_000_000, 40
"""Members of the largest histories, and into how many parts they are divided."""

_PEAK = re.compile(r"VmHWM:\s+(\d+)")


def run(folder: Path, sizes: dict[int, int] | None = None) -> list[str]:
    """Measure each contender at each size; return what to print."""
    lines = []
    for members in (SIZES if sizes is None else sizes).values():
        kept = folder / f"replay-{members}"
        facts = int(_step("save", kept, members, 0)["facts"])
        lines.append(f"replay of {facts:,} facts of {members:,} members, 14 conditions:")
        for dates in DATES:
            lines += _compared(kept, members, facts, dates)
        small = _step("small", kept, members, 40)
        lines.append(f"  kernel, {SMALL:,} members at a time: peak {small['peak']:,.0f} MB")
    return lines


def run_many(folder: Path) -> list[str]:
    """Measure a hundred million facts, a part at a time; return what to print."""
    kept = folder / "replay-many"
    made = _step("save-many", kept, MANY, 0)
    found = _step("many", kept, MANY, 40)
    return [
        f"replay of {made['facts']:,} facts of {MANY:,} members in {PARTS} parts, 40 dates: "
        f"{found['seconds']:.1f} s, peak {found['peak']:,.0f} MB (goal 1,500)"
    ]


def _compared(kept: Path, members: int, facts: int, dates: int) -> list[str]:
    """Run the contenders in turn; return what to print of one number of dates."""
    contenders = ["kernel", "numba", "duckdb"]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in contenders}
    for _ in range(REPEATS):
        for name in contenders:
            found[name].append(_step(name, kept, members, dates))
    naive = _step("naive", kept, members, dates)
    histograms = {json.dumps(each["counts"]) for runs in found.values() for each in runs}
    assert len(histograms) == 1, "the contenders disagree"
    seconds = {name: statistics.median(each["seconds"] for each in runs) for name, runs in found.items()}
    peak = {name: max(each["peak"] for each in runs) for name, runs in found.items()}
    scaled = naive["seconds"] * facts / naive["facts"]
    told = ", ".join(f"{name} {seconds[name]:.2f} s {peak[name]:,.0f} MB" for name in contenders)
    kernel = seconds["kernel"]
    lines = [f"  {dates} dates: {told}, naive {scaled:,.0f} s (scaled from {naive['facts']:,} facts)"]
    compared = {"numba": seconds["numba"] / kernel, "naive": scaled / kernel}
    compared["duckdb"] = seconds["duckdb"] / kernel
    if dates != GOAL_DATES or facts < GOAL_FACTS:
        said = ", ".join(f"{name} {ratio:.2f}" for name, ratio in compared.items())
        return [*lines, f"    times the kernel's: {said}"]
    goals = {"numba": 0.4, "naive": 300, "duckdb": 1}
    return lines + [verdict(f"  {each}, times the kernel's", compared[each], goals[each]) for each in goals]


def _step(name: str, kept: Path, members: int, dates: int) -> dict[str, Any]:
    """Do one step in a process of its own; return what it tells."""
    command = [sys.executable, __file__, name, str(kept), str(members), str(dates)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 — this very script
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _save(kept: Path, members: int) -> dict[str, Any]:
    import replay_histories as histories

    facts = histories.save(kept, members)
    (kept / "facts").write_text(str(facts))
    return {"facts": facts}


def _kernel(kept: Path, dates: int, chunk: int | None = None) -> dict[str, Any]:
    import numpy as np
    import replay_histories as histories

    from reps_ledger.replay.kernel.run import CHUNK
    from reps_ledger.replay.kernel.run import run as run_kernel

    facts, at = int((kept / "facts").read_text()), histories.dates(dates)
    began = time.perf_counter()
    columns = histories.load(kept, facts)
    counts = np.zeros((len(histories.POLICY.outcomes), dates), np.int64)
    for each in run_kernel(histories.POLICY, columns, at, UTC, chunk=chunk or CHUNK):
        counts += each.counts()
    return {"seconds": time.perf_counter() - began, "counts": counts.tolist()}


def _numba(kept: Path, members: int, dates: int) -> dict[str, Any]:
    import replay_histories as histories
    import replay_numba

    at = histories.dates(dates)
    warm = kept / "warm"  # compiling is not what is measured
    histories.save(warm, 1_000)
    replay_numba.histogram(warm, at, 1_000)
    began = time.perf_counter()
    counts = replay_numba.histogram(kept, at, members)
    return {"seconds": time.perf_counter() - began, "counts": counts}


def _duckdb(kept: Path, dates: int) -> dict[str, Any]:
    import replay_duckdb
    import replay_histories as histories

    at = histories.dates(dates)
    began = time.perf_counter()
    counts = replay_duckdb.histogram(kept, at)
    return {"seconds": time.perf_counter() - began, "counts": counts}


def _naive(kept: Path, members: int, dates: int) -> dict[str, Any]:
    """Fold a sample of members; the kernel must say the same of each of them."""
    import numpy as np
    import replay_histories as histories
    import replay_naive

    from reps_ledger.replay.kernel.run import run as run_kernel

    columns = histories.load(kept, int((kept / "facts").read_text()))
    at = histories.dates(dates)
    sample = np.sort(np.random.default_rng(1).choice(members, SAMPLE, replace=False)).tolist()
    rows = replay_naive.rows_of(columns, sample)
    began = time.perf_counter()
    each = replay_naive.histories(columns, sample, rows)
    found = {me: [replay_naive.outcome(me, told, date) for date in at] for me, told in each.items()}
    seconds = time.perf_counter() - began
    outcomes = histories.POLICY.outcomes
    for part in run_kernel(histories.POLICY, columns, at, UTC):
        codes = part.codes()
        for number in range(part.low, part.high):
            me = columns.people[number]
            if me in found:
                told = [None if c < 0 else outcomes[c] for c in codes[number - part.low].tolist()]
                assert told == found[me], me
    return {"seconds": seconds, "facts": sum(map(len, each.values()))}


def _save_many(kept: Path, members: int) -> dict[str, Any]:
    """Make histories part by part, as `export_parts` would divide them."""
    import replay_histories as histories
    from attrs import evolve

    from reps_ledger.replay.columns import Columns
    from reps_ledger.replay.columns.store import write_columns
    from reps_ledger.replay.partitions import export_parts, part_folder, part_of

    names: list[list[str]] = [[] for _ in range(PARTS)]
    for name in histories.names_of(members):
        names[part_of(name, PARTS)].append(name)
    facts = 0
    nothing = Columns(0, (), {}, histories.REGISTRY)
    export_parts(nothing, kept, PARTS)
    for part, people in enumerate(names):
        columns = histories.make(tuple(people), seed=part)
        facts += columns.position
        write_columns(part_folder(kept, part), evolve(columns, position=0))
    return {"facts": facts}


def _many(kept: Path, dates: int) -> dict[str, Any]:
    import replay_histories as histories

    from reps_ledger.replay import count_in_parts

    began = time.perf_counter()
    counts = count_in_parts(histories.POLICY, kept, histories.dates(dates))
    assert MANY * 0.99 < sum(counts[-1].values()) <= MANY  # who joined at the end is not in
    return {"seconds": time.perf_counter() - began}


def step(name: str, kept: Path, members: int, dates: int) -> dict[str, Any]:
    """Do one step, and tell this process's peak in MB too."""
    match name:
        case "save":
            told = _save(kept, members)
        case "save-many":
            told = _save_many(kept, members)
        case "kernel":
            told = _kernel(kept, dates)
        case "small":
            told = _kernel(kept, dates, chunk=SMALL)
        case "numba":
            told = _numba(kept, members, dates)
        case "duckdb":
            told = _duckdb(kept, dates)
        case "naive":
            told = _naive(kept, members, dates)
        case _:
            told = _many(kept, dates)
    # Not getrusage: its peak begins with that of the process that started this one.
    peak = _PEAK.search(Path("/proc/self/status").read_text())
    assert peak is not None
    return told | {"peak": int(peak[1]) / 1024}


if __name__ == "__main__":
    print(json.dumps(step(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
