"""The property-testing kit: facts drawn a second, and seconds of checking a typical policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from ratios import seconds

from reps_ledger.policies import Policy, on_leave, reports, tenure, weeks, when
from reps_ledger.testing import History, check_policy
from reps_ledger.testing.strategies import histories, raw_histories

if TYPE_CHECKING:
    from pathlib import Path

    from hypothesis.strategies import SearchStrategy

EXAMPLES = 500

POLICY = Policy(
    "bench",
    cases=[
        when(on_leave()).then("active", "on declared leave"),
        when(tenure() < weeks(4)).then("active", "new"),
        when(reports(within=weeks(4)) >= 1).then("active"),
        when(reports(within=weeks(8)) >= 1).then("nudge", "no report for four weeks"),
    ],
    otherwise="inactive",
    scale=["active", "nudge", "inactive"],
)


def drawn(strategy: SearchStrategy[History]) -> float:
    """Draw histories; return how many of their facts come in a second."""
    entries = 0

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def draw(history: History) -> None:
        nonlocal entries
        entries += len(history)

    took = seconds(draw)
    return entries / took


def run(_folder: Path) -> list[str]:
    """Measure; return what to print."""
    lines = []
    for name, strategy in (("legal", histories()), ("raw", raw_histories(odd=False))):
        drawn(strategy)  # the first time builds tables
        lines.append(f"facts of {name} histories drawn: {drawn(strategy):,.0f} a second (goal 1,000)")
    check_policy(POLICY)
    took = sorted(seconds(lambda: check_policy(POLICY)) for _ in range(5))
    lines.append(
        f"check_policy of four conditions at default settings: {took[2]:.1f} s, "
        f"at most {took[-1]:.1f} s (goal 10)"
    )
    return lines
