"""What views answer without tables: of few people in a long log, of everybody; and how that grows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from importing import fresh, write
from ratios import side_by_side

import reps_ledger as rl
from reps_ledger.policies import Notice, Policy, count, facts, holds, reports, when, years
from reps_ledger.projections import overviews, roster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FACTS = (25_000, 50_000, 100_000)
PEOPLE = (100, 200, 400)
JOINED = date(2024, 6, 1)
AT = datetime(2024, 7, 1, tzinfo=UTC)
REPEATS = 7
POLICY = Policy(
    "yearly",
    cases=[when(reports(within=years(1)) >= 1).then("active")],
    otherwise="quiet",
    scale=["active", "quiet"],
    notices=[Notice("quiet", stage="nudge")],
)
OF_OTHERS = Policy(
    "vouched",
    cases=[when(count(facts("vouch.given", lasting=True, voucher=holds("rep"))) >= 1).then("vouched")],
    otherwise="not",
)
EVERYBODY: dict[str, Callable[[rl.Ledger], object]] = {
    "everybody's roster": lambda ledger: ledger.as_of(AT).roster(),
    "a census of four years": lambda ledger: ledger.as_of(AT).census(
        by="role", at=[date(year, 1, 1) for year in range(2020, 2024)]
    ),
    "everyone's verdict": lambda ledger: sum(1 for _ in ledger.as_of(AT).evaluate_all(POLICY)),
    "everyone's, by a policy about their vouchers": lambda ledger: sum(
        1 for _ in ledger.as_of(AT).evaluate_all(OF_OTHERS)
    ),
    "reconciliation": lambda ledger: ledger.reconcile(at=AT),
    "notices that were planned before": lambda ledger: ledger.send_notices(
        POLICY, by="bench", at=AT, occurred_at=AT
    ),
}
"""Questions about everybody."""

Contenders = dict[str, "Callable[[], object]"]


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    ledgers = dict(_ledgers(folder))
    longest = ledgers[FACTS[-1]]
    by_length: Contenders = {}
    for length, ledger in ledgers.items():
        by_length[f"roster {length}"] = _roster(ledger, PEOPLE[0])
        by_length[f"docket {length}"] = _docket(ledger)
    by_people: Contenders = {f"{people} people": _roster(longest, people) for people in PEOPLE}
    by_people["reading"] = _reading(longest)
    found = side_by_side({**by_length, **by_people}, REPEATS)
    everybody = side_by_side({"all": _everybody(longest)}, 1)["all"]
    several = [*_of_everybody(ledgers)]
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
        + _growth(found[f"{what} {length}"] for length in FACTS)
        + " (goal: flat)"
        for what in ("roster", "docket")
    ]
    grown = _growth(found[f"{people} people"] for people in PEOPLE)
    return [*lines, f"  rosters of n, 2n and 4n people in one log: {grown} (goal: linear)", *several]


def _of_everybody(ledgers: dict[int, rl.Ledger]) -> Iterator[str]:
    """Measure questions about everybody, against reading everybody, and in logs of each length."""

    def asked(ask: Callable[[rl.Ledger], object], ledger: rl.Ledger) -> Callable[[], object]:
        return lambda: ask(ledger)

    def people(ledger: rl.Ledger) -> object:
        return sum(1 for _ in ledger.as_of(AT).reading.people())

    for ledger in ledgers.values():
        ledger.send_notices(POLICY, by="bench", at=AT, occurred_at=AT)
    contenders: Contenders = {
        f"{what} {length}": asked(ask, ledger)
        for what, ask in {"reading": people, **EVERYBODY}.items()
        for length, ledger in ledgers.items()
    }
    found = side_by_side(contenders, 3)
    for what in EVERYBODY:
        took = found[f"{what} {FACTS[-1]}"]
        yield (
            f"  {what}: {took:.2f} s, {took / found[f'reading {FACTS[-1]}']:.1f} times reading everybody's "
            f"histories; in logs of n, 2n and 4n facts {_growth(found[f'{what} {n}'] for n in FACTS)}"
        )


def _growth(took: Iterator[float]) -> str:
    first, *others = took
    return ", ".join(f"{each / first:.2f}" for each in (first, *others))


def _ledgers(folder: Path) -> Iterator[tuple[int, rl.Ledger]]:
    """Yield ledgers of each length, in which communities of each size were joined last."""
    for length in FACTS:
        file, target = folder / f"views-{length}.jsonl", folder / f"views-{length}.db"
        write(file, length)
        fresh(target)
        ledger = rl.open(target)
        ledger.import_history(file)
        step = length // 20 // max(PEOPLE) // 2  # people all along the log
        for people in PEOPLE:
            members = [f"m{step * number:07d}" for number in range(people)]
            joined = [rl.CommunityJoined(member=member, community=f"of {people}") for member in members]
            ledger.record_all(joined, by="bench", occurred_at=JOINED)
        opened = [
            rl.ReviewOpened(member=f"m{step * number:07d}", review=f"r{number}", policy=POLICY.name)
            for number in range(PEOPLE[0])
        ]
        ledger.record_all(opened, by="bench", occurred_at=JOINED)
        yield length, ledger


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
