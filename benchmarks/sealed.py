"""What sealing costs a ledger: recording, importing and reading, beside one that does not seal."""

from __future__ import annotations

import itertools
from datetime import date
from typing import TYPE_CHECKING

from ratios import side_by_side, verdict

import reps_ledger as rl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PEOPLE = 50
COUNT = 200
ROWS = 20_000
REASON = "She ran four events and translated the guide."


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    return [*_recording(folder), *_importing(folder)]


def _opened(folder: Path, name: str, *, seals: bool) -> rl.Ledger:
    return rl.open(folder / f"{name}.db", keys=folder / f"{name}.keys" if seals else None)


def _recording(folder: Path) -> list[str]:
    works: dict[str, Callable[[], object]] = {}
    ledgers = {name: _opened(folder, name, seals=name == "sealed") for name in ("sealed", "plain")}
    for name, ledger in ledgers.items():
        people = [rl.MemberJoined(member=f"m{number}") for number in range(PEOPLE)]
        ledger.record_all(people, by="bench", occurred_at=date(2018, 1, 1))
        numbers = itertools.count()

        def work(ledger: rl.Ledger = ledger, numbers: itertools.count[int] = numbers) -> None:
            for _ in range(COUNT):
                number = next(numbers)
                role = rl.RoleAssigned(member=f"m{number % PEOPLE}", role=f"r{number}", reason=REASON)
                ledger.record(role, by="bench")

        work()  # the keys are made ahead
        works[name] = work
    times = side_by_side(works, 9)
    for ledger in ledgers.values():
        ledger.close()
    return [
        f"recording a fact with one personal text: {times['plain'] / COUNT * 1e3:.2f} ms in the clear, "
        f"{times['sealed'] / COUNT * 1e3:.2f} ms sealed",
        verdict("in the clear, beside sealed", times["plain"] / times["sealed"], 0.85),
    ]


def _importing(folder: Path) -> list[str]:
    joined = [
        {"fact": "member.joined", "member": f"m{number}", "occurred_at": "2018-01-01"}
        for number in range(ROWS // 10)
    ]
    reports = [
        {
            "fact": "report.filed",
            "member": f"m{number % len(joined)}",
            "activity": "talk",
            "link": f"https://example.org/{number}",
            "occurred_at": "2018-02-01",
        }
        for number in range(ROWS)
    ]
    numbers = itertools.count()

    def imported(*, seals: bool) -> None:
        name = f"import-{next(numbers)}"
        with _opened(folder, name, seals=seals) as ledger:
            report = ledger.import_history([*joined, *reports])
            assert report.recorded == len(joined) + ROWS

    times = side_by_side({"plain": lambda: imported(seals=False), "sealed": lambda: imported(seals=True)}, 5)
    with _opened(folder, "import-0", seals=False) as plain, _opened(folder, "import-1", seals=True) as sealed:
        reading = side_by_side(
            {
                "plain": lambda: sum(1 for _ in plain.entries()),
                "sealed": lambda: sum(1 for _ in sealed.entries()),
                "opened": lambda: [sealed.opened(entry) for entry in sealed.entries()],
            },
            7,
        )
    opening = (reading["opened"] - reading["sealed"]) / ROWS
    return [
        f"importing {ROWS:,} facts with one personal text: {times['plain']:.2f} s in the clear, "
        f"{times['sealed']:.2f} s sealed",
        verdict("in the clear, beside sealed", times["plain"] / times["sealed"], 0.8),
        f"reading everybody's entries, {ROWS / (ROWS + len(joined)):.0%} of them with a sealed text: "
        f"{reading['plain']:.3f} s in the clear, {reading['sealed']:.3f} s sealed; opening a text takes "
        f"{opening * 1e6:.0f} µs",
        verdict("in the clear, beside sealed", reading["plain"] / reading["sealed"], 0.9),
    ]
