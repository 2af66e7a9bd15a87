"""Timing side by side: alternate the contenders, and compare their medians."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Time one run; by another clock, such as ``time.process_time``, where others use the machine."""
    began = clock()
    work()
    return clock() - began


def side_by_side(
    contenders: dict[str, Callable[[], object]], repeats: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Run every contender in turn, ``repeats`` times; return the median seconds of each."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, work in contenders.items():
            times[name].append(seconds(work, clock))
    return {name: statistics.median(found) for name, found in times.items()}


def verdict(what: str, ratio: float, goal: float) -> str:
    """Say how a ratio stands to its goal."""
    return f"  {what}: {ratio:.2f} (goal {goal:g}: {'reached' if ratio >= goal else 'MISSED'})"
