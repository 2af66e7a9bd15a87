"""Outcomes through all time: of one member with thousands of entries, of many members, and calendars."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
from judging import POLICY
from ratios import seconds, side_by_side

import reps_ledger as rl
from reps_ledger.domain.time import microseconds
from reps_ledger.policies import (
    Condition,
    Dossier,
    Policy,
    Subject,
    completed,
    count,
    days,
    distinct,
    exempt,
    facts,
    following,
    holds,
    in_community,
    in_outcome,
    joined,
    missed,
    months,
    noticed,
    on_leave,
    preceding,
    reports,
    retired,
    share,
    since_last,
    tenure,
    this,
    time_since,
    total,
    weeks,
    when,
)
from reps_ledger.policies.outcomes import outcome_times
from reps_ledger.projections import membership, project
from reps_ledger.replay.kernel import Histories, Points, standing_by_default, timelines
from reps_ledger.testing import tell_all
from reps_ledger.testing.history import Everybody
from reps_ledger.testing.replayed import columns_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from reps_ledger.replay import Columns

ENTRIES = (750, 1_500, 3_000)
MEMBERS = (2_500, 5_000, 10_000)
REPEATS = 5
START = datetime(2010, 1, 1, tzinfo=UTC)
ZONE = ZoneInfo("Europe/Paris")
REPORTS = facts("report.filed")
KINDS: tuple[Condition, ...] = (
    reports(within=weeks(4)) >= 1,
    reports(within=months(1)) >= 2,
    count(REPORTS, within=days(1), ahead=weeks(4)) >= 1,
    reports(within=weeks(4), pausing=True) >= 1,
    reports(within=this("week")) >= 1,
    reports(within=since_last(facts("vouch.given", lasting=True))) >= 1,
    reports(within=following(facts("course.completed"), weeks(1), "last")) >= 1,
    reports(within=preceding(facts("course.completed"), months(1))) >= 1,
    count(facts("report.filed", verified=False), within=weeks(4)) >= 1,
    count(facts("role.assigned", lasting=True)) >= 1,
    count(facts("vouch.given", now={"voucher": tenure() >= weeks(4)}), within=months(6)) >= 1,
    distinct("month", REPORTS, within=months(6)) >= 2,
    total("amount", REPORTS, within=days(30)) > 2,
    time_since(REPORTS) > months(1),
    time_since(REPORTS, pausing=True) <= weeks(1),
    tenure("rep") > weeks(1),
    missed("vote", role="rep") >= 1,
    share(reports(within=weeks(4)), "report.filed") >= 0.5,
    noticed("nudge", ago=weeks(1), heard=False),
    in_outcome() < weeks(4),
    holds("rep", community="paris"),
    in_community("paris"),
    completed("onboarding"),
    joined(since=START.date()),
    exempt(),
    on_leave(),
    retired(),
)
"""Conditions of many kinds: each is asked as a policy of its own."""


def run(_: Path) -> list[str]:
    """Measure; return what to print."""
    return [*_of_one(), *_of_many(), *_calendars()]


def _of_one() -> list[str]:
    entries = {number: _life(number) for number in ENTRIES}
    columns = {number: columns_of(told) for number, told in entries.items()}
    policies = [Policy("p", cases=[when(each).then("good")], otherwise="bad") for each in KINDS]
    first = Points(np.zeros(1, np.int64), np.array([microseconds(START)]))

    def by_kernel(number: int, asked: Iterable[Policy]) -> Callable[[], object]:
        return lambda: [[*timelines(columns[number], each, ZONE, start=first)] for each in asked]

    def by_reference(number: int, asked: Iterable[Policy]) -> Callable[[], object]:
        def work() -> object:
            world = Everybody(entries[number])
            subject = Subject(world.member("ana"), START, ZONE, world)
            return [[*outcome_times(each, subject)] for each in asked]

        return work

    def by_default(number: int) -> Callable[[], object]:
        own = Dossier("ana", [each for each in entries[number] if getattr(each.fact, "member", "") == "ana"])
        return lambda: project(membership("ana", ZONE), own.entries).stretches

    most = ENTRIES[-1]
    found = side_by_side(
        {
            **{f"kernel {number}": by_kernel(number, policies) for number in ENTRIES},
            **{f"reference {number}": by_reference(number, policies) for number in ENTRIES},
            **{f"default {number}": by_default(number) for number in ENTRIES},
            "policy": by_kernel(most, [POLICY]),
            "policy by reference": by_reference(most, [POLICY]),
            "columns": lambda: columns_of(entries[most]),
        },
        REPEATS,
    )
    slowest = max(min(seconds(by_kernel(most, [each])) for _ in range(REPEATS)) for each in policies)
    return [
        f"all instants at which the outcome of a member with {most:,} entries changes (goal 20 ms):",
        f"  the default rule: {found[f'default {most}'] * 1e3:.1f} ms",
        f"  fourteen conditions: {found['policy'] * 1e3:.1f} ms by the kernel, and "
        f"{found['columns'] * 1e3:.1f} ms for their columns; "
        f"{found['policy by reference'] * 1e3:.0f} ms by the reference",
        f"  each of {len(KINDS)} kinds of condition by itself, by the kernel: "
        f"{found[f'kernel {most}'] / len(KINDS) * 1e3:.1f} ms, at most {slowest * 1e3:.1f} ms",
        *(
            f"  {what}, of n, 2n and 4n entries over n: "
            f"{_growth(found[f'{what} {each}'] for each in ENTRIES)} (goal: near linear)"
            for what in ("kernel", "reference", "default")
        ),
    ]


def _of_many() -> list[str]:
    columns = {members: _programme(members) for members in MEMBERS}

    def through_time(members: int) -> Callable[[], object]:
        return lambda: sum(len(part) for part in timelines(columns[members], POLICY, ZONE))

    most = MEMBERS[-1]
    found = side_by_side(
        {
            **{str(members): through_time(members) for members in MEMBERS},
            "default": lambda: len(standing_by_default(Histories(columns[most], ZONE))),
        },
        REPEATS,
    )
    return [
        f"fourteen conditions of {most:,} members with ten facts each, through all time: "
        f"{found[str(most)] / most * 1e6:.0f} µs a member; "
        f"the default rule: {found['default'] / most * 1e6:.1f} µs",
        f"  of n, 2n and 4n members over n: {_growth(found[str(each)] for each in MEMBERS)} (goal: linear)",
    ]


def _calendars() -> list[str]:
    chance = random.Random(1)
    instants = np.array([microseconds(START) + chance.randrange(10**15) for _ in range(20_000)], np.int64)
    calendar = Histories(columns_of([]), ZONE).calendar
    moments = [START + timedelta(microseconds=int(at) - microseconds(START)) for at in instants]
    found = side_by_side(
        {
            "arrays": lambda: calendar.after(instants, months(1)),
            "one by one": lambda: [months(1).leaving(at, ZONE) for at in moments],
        },
        REPEATS,
    )
    return [
        f"{len(instants):,} instants a month later in a zone with summer time: "
        f"{found['arrays'] * 1e3:.1f} ms, 1/{found['one by one'] / found['arrays']:.0f} of one by one"
    ]


def _growth(took: Iterable[float]) -> str:
    first, *others = took
    return ", ".join(f"{each / first:.1f}" for each in others)


def _life(number: int) -> list[rl.Entry]:
    """Tell of ana, who did something of every kind, again and again."""
    chance = random.Random(1)
    people = [f"v{each}" for each in range(20)]
    told: list[tuple[rl.Fact, datetime]] = [
        (rl.MemberJoined(member=each), START) for each in ("ana", *people)
    ]
    at, away = START, False
    for index in range(number - 1):
        at += timedelta(hours=37) * (0.3 + 1.4 * chance.random())
        voucher = chance.choice(people)
        back = rl.LeaveEnded(member="ana")
        leave = rl.LeaveStarted(member="ana", expected_return=at + timedelta(days=3))
        due = at + timedelta(days=4)
        some: list[rl.Fact] = [
            rl.Vouched(member="ana", voucher=voucher),
            rl.VouchWithdrawn(member="ana", voucher=voucher, reason="moved"),
            back if away else leave,
            rl.NoticeSent(member="ana", notice=f"n{index}", stage="nudge", policy="p", deadline=due),
            rl.RoleAssigned(member="ana", role="rep", community="paris", until=at + timedelta(days=6)),
            rl.OpportunityHeld(opportunity=f"o{index}", kind="vote"),
            rl.OpportunityTaken(member="ana", opportunity=f"o{index - 1}", kind="vote"),
            rl.CourseCompleted(member="ana", course="ethics", version=str(index)),
        ]
        away ^= index % 10 == 2
        report = rl.ReportFiled(member="ana", activity="talk", amount=chance.randrange(5))
        told.append((some[index % 10] if index % 10 < len(some) else report, at))
    return sorted(tell_all(*told), key=lambda entry: entry.position)


def _programme(members: int) -> Columns:
    """Tell of many, each of whom did a little."""
    chance = random.Random(2)
    told: list[tuple[rl.Fact, datetime]] = []
    for number in range(members):
        name, at = f"m{number}", START + timedelta(seconds=chance.randrange(86_400 * 1_000))
        told.append((rl.MemberJoined(member=name), at))
        for _ in range(9):
            at += timedelta(seconds=chance.randrange(86_400 * 120))
            some: list[rl.Fact] = [
                rl.Vouched(member=name, voucher=f"m{(number + 1) % members}"),
                rl.RoleAssigned(member=name, role="rep"),
                rl.LeaveStarted(member=name, expected_return=at + timedelta(days=30)),
            ]
            kind = chance.randrange(8)
            report = rl.ReportFiled(member=name, activity="talk")
            told.append((some[kind] if kind < len(some) else report, at))
    return columns_of(tell_all(*told))
