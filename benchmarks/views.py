"""Rosters and dockets of few people in a long log, against reading these people; and their growth."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from importing import fresh, write
from ratios import side_by_side

import reps_ledger as rl
from reps_ledger.policies import Policy, reports, when, years
from reps_ledger.projections import overviews, roster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FACTS = (25_000, 50_000, 100_000)
PEOPLE = (100, 200, 400)
JOINED = date(2024, 6, 1)
AT = datetime(2024, 7, 1, tzinfo=UTC)
REPEATS = 7
POLICY = Policy("yearly", cases=[when(reports(within=years(1)) >= 1).then("active")], otherwise="quiet")

Contenders = dict[str, "Callable[[], object]"]


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    ledgers = dict(_ledgers(folder))
    longest = ledgers[FACTS[-1]]
    by_length: Contenders = {}
    for facts, ledger in ledgers.items():
        by_length[f"roster {facts}"] = _roster(ledger, PEOPLE[0])
        by_length[f"docket {facts}"] = _docket(ledger)
    by_people: Contenders = {f"{people} people": _roster(longest, people) for people in PEOPLE}
    by_people["reading"] = _reading(longest)
    found = side_by_side({**by_length, **by_people}, REPEATS)
    everybody = side_by_side({"all": _everybody(longest)}, 1)["all"]
    for ledger in ledgers.values():
        ledger.close()
    one = found[f"{PEOPLE[0]} people"]
    lines = [
        f"a roster of {PEOPLE[0]} people in a log of {FACTS[-1]:,} facts: {one * 1e3:.0f} ms; "
        f"{one / found['reading']:.1f} times reading their histories, "
        f"1/{everybody / one:.0f} of reading everybody and leaving out who is not in it"
    ]
    lines += [
        f"  a {what} of {PEOPLE[0]}, in logs of n, 2n and 4n facts, over that in n: "
        + _growth(found[f"{what} {facts}"] for facts in FACTS)
        + " (goal: flat)"
        for what in ("roster", "docket")
    ]
    grown = _growth(found[f"{people} people"] for people in PEOPLE)
    return [*lines, f"  rosters of n, 2n and 4n people in one log: {grown} (goal: linear)"]


def _growth(took: Iterator[float]) -> str:
    first, *others = took
    return ", ".join(f"{each / first:.2f}" for each in (first, *others))


def _ledgers(folder: Path) -> Iterator[tuple[int, rl.Ledger]]:
    """Yield ledgers of each length, in which communities of each size were joined last."""
    for facts in FACTS:
        file, target = folder / f"views-{facts}.jsonl", folder / f"views-{facts}.db"
        write(file, facts)
        fresh(target)
        ledger = rl.open(target)
        ledger.import_history(file)
        step = facts // 20 // max(PEOPLE) // 2  # people all along the log
        for people in PEOPLE:
            members = [f"m{step * number:07d}" for number in range(people)]
            joined = [rl.CommunityJoined(member=member, community=f"of {people}") for member in members]
            ledger.record_all(joined, by="bench", occurred_at=JOINED)
        opened = [
            rl.ReviewOpened(member=f"m{step * number:07d}", review=f"r{number}", policy=POLICY.name)
            for number in range(PEOPLE[0])
        ]
        ledger.record_all(opened, by="bench", occurred_at=JOINED)
        yield facts, ledger


def _roster(ledger: rl.Ledger, people: int) -> Callable[[], object]:
    def look() -> None:
        assert len(ledger.as_of(AT).roster(community=f"of {people}")) == people

    return look


def _docket(ledger: rl.Ledger) -> Callable[[], object]:
    def look() -> None:
        assert len(ledger.as_of(AT).docket()) == PEOPLE[0]

    return look


def _reading(ledger: rl.Ledger) -> Callable[[], object]:
    """Read the same people's histories, and do nothing with them."""
    rows = ledger.as_of(AT).roster(community=f"of {PEOPLE[0]}")

    def look() -> None:
        assert len(ledger.as_of(AT).reading.members(row.member for row in rows)) == PEOPLE[0]

    return look


def _everybody(ledger: rl.Ledger) -> Callable[[], object]:
    """Make the same roster of everybody's overviews."""

    def look() -> None:
        reading = ledger.as_of(AT).reading
        registry = reading.log.codec.registry
        ((at, people),) = overviews(reading.everyone(), [AT], registry, UTC)
        assert len(roster(people.values(), at, community=f"of {PEOPLE[0]}")) == PEOPLE[0]

    return look
