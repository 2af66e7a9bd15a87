"""Evaluating a policy: of one member with 100 facts, and of everyone."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from importing import fresh, write
from ratios import seconds

import reps_ledger as rl
from reps_ledger.policies import (
    Dossier,
    Policy,
    Subject,
    at_least,
    completed,
    distinct,
    evaluate,
    holds,
    months,
    on_leave,
    reports,
    tenure,
    time_since,
    vouches,
    weeks,
    when,
    years,
)
from reps_ledger.views.evaluator import PolicyEvaluator

if TYPE_CHECKING:
    from pathlib import Path

FACTS = 50_000
OWN = 100
AT = datetime(2024, 6, 1, tzinfo=UTC)

POLICY = Policy(
    "bench",
    cases=[
        when(on_leave()).then("active", "on leave"),
        when(tenure() < weeks(4)).then("active", "new"),
        when(holds("rep") & (reports(within=weeks(4)) >= 1)).then("active"),
        when(
            at_least(
                2,
                distinct("month", "report.filed", within=months(6)) >= 4,
                vouches() >= 3,
                completed("onboarding"),
            )
        ).then("active"),
        when((reports(within=weeks(8)) >= 2) & ~(reports(within=years(1)) >= 90)).then("nudge"),
        when(time_since("report.filed") > months(18)).then("alumni"),
        when((vouches(given=True) >= 1) & (reports(within=months(9)) >= 30)).then("nudge"),
    ],
    otherwise="inactive",
    scale=["active", "nudge", "inactive", "alumni"],
)
"""Fourteen conditions, all of which are asked of who is inactive."""


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    with rl.open() as alone:
        start = date(2022, 1, 1)
        alone.record(rl.MemberJoined(member="ana"), by="x", occurred_at=start)
        for number in range(OWN - 1):
            day = start + timedelta(days=7 * number)
            report = rl.ReportFiled(member="ana", activity="event")
            alone.record(report, by="ana", occurred_at=day)
        view = alone.as_of(AT)
        judging = PolicyEvaluator(view.reading, UTC)
        entries = tuple(view.history("ana"))
        others = judging.member("ana", AT).others

        def fold() -> bool:
            subject = Subject(Dossier("ana", entries), AT, UTC, others)
            return not evaluate(POLICY, subject).outcome

        folded = seconds(lambda: any(fold() for _ in range(200))) / 200
        verdict = view.evaluate(POLICY, "ana")
        explained = seconds(lambda: [verdict.words() for _ in range(20)]) / 20
    file = folder / "judge.jsonl"
    write(file, FACTS)
    fresh(folder / "judge.db")
    with rl.open(folder / "judge.db") as ledger:
        ledger.import_history(file)
        busiest = "m0000000"
        view = ledger.as_of(AT)
        length = len(view.member(busiest).history)

        def look() -> None:
            for _ in range(100):
                assert ledger.as_of(AT).evaluate(POLICY, busiest).outcome

        read = seconds(look) / 100
        members = 0

        def everyone() -> None:
            nonlocal members
            members = sum(1 for _ in ledger.as_of(AT).evaluate_all(POLICY))

        whole = seconds(everyone)
        tracemalloc.start()
        everyone()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return [
        f"evaluating fourteen conditions of one member with {len(entries)} facts: "
        f"{folded * 1e6:.0f} µs from entries to verdict (goal 1,000)",
        f"  read from a log of {FACTS:,} too, with {length} entries: {read * 1e6:.0f} µs",
        f"  in words, with when it would change: {explained * 1e6:.0f} µs",
        f"  everyone in that log: {whole:.2f} s for {members:,} members, "
        f"{whole / members * 1e6:.0f} µs each; peak of Python's memory {peak / 1e6:.0f} MB",
    ]
