"""Eight processes and eight threads that record what conflicts, and somebody who follows."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import reps_ledger as rl
from processes import PATIENCE
from racers import LEAD, Crew, attempt
from scale import times

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from faults.harness import Tell

MEMBERS: Final = [f"m{number}" for number in range(6)]
RUNNERS: Final = 8


def tasks(seed: int, number: int) -> list[dict[str, Any]]:
    """Facts that meet those of others: the same vouches, roles and seats, given and ended."""
    chance = random.Random(seed)  # noqa: S311 — the same again when it fails
    found = []
    for index in range(number):
        member, other = chance.sample(MEMBERS, 2)
        kind, fields = chance.choice(
            [
                ("Vouched", {"member": member, "voucher": other, "reason": "known"}),
                ("VouchWithdrawn", {"member": member, "voucher": other, "reason": "gone"}),
                ("RoleAssigned", {"member": member, "role": "lead"}),
                ("RoleEnded", {"member": member, "role": "lead", "how": "resigned"}),
                ("LeaveStarted", {"member": member}),
                ("LeaveEnded", {"member": member}),
                ("MemberRetired", {"member": member, "how": "resigned"}),
                ("MemberReturned", {"member": member}),
                ("ReportFiled", {"member": member, "activity": "talk"}),
            ]
        )
        task = {"fact": kind, "fields": fields}
        if chance.random() < 1 / 4:
            task["command_id"] = f"{seed}-{index}"
        found.append(task)
    return found


class Follower:
    """Follows a ledger from its beginning in a thread of its own."""

    def __init__(self, ledger: rl.Ledger) -> None:
        self.seen: list[tuple[int, str]] = []
        self._subscription = ledger.subscribe(after=0)
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def _follow(self) -> None:
        for entry in self._subscription:
            self.seen.append((entry.position, entry.id))

    def stopped_at(self, position: int) -> list[tuple[int, str]]:
        """Wait until a position was seen; return all that was."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.seen and self.seen[-1][0] >= position:
                break
            time.sleep(0.05)
        self._subscription.stop()
        self._thread.join(PATIENCE)
        return self.seen


def crowded(
    ledger: rl.Ledger, shared_target: str, crew: Crew, number: int, seed: int
) -> Iterator[dict[str, Any]]:
    """Have everybody record at once; yield what became of each fact."""
    answers: list[list[dict[str, Any]]] = [[] for _ in range(RUNNERS)]

    def record(runner: int) -> None:
        answers[runner] = attempt(ledger, tasks(seed + runner, number), f"thread {runner}")

    with crew.on(shared_target, RUNNERS) as running:
        threads = [threading.Thread(target=record, args=[runner]) for runner in range(RUNNERS)]
        for runner, racer in enumerate(running):
            racer.tell("attempt", tasks=tasks(seed + RUNNERS + runner, number), by=f"process {runner}")
        for thread in threads:
            thread.start()
        for racer in running:
            yield from racer.heard()
        for thread in threads:
            thread.join(PATIENCE)
    for each in answers:
        yield from each


def test_a_crowd_and_a_follower(shared_target: str, tmp_path: Path, tell: Tell, crew: Crew) -> None:
    """Invariants hold, nothing acknowledged is missing, and the follower sees all, in order."""
    number, rounds = times(6, 60), times(1, 5)
    recorded = refused = 0
    with rl.open(shared_target, rules=[LEAD]) as ledger:
        ledger.record_all([rl.MemberJoined(member=member) for member in MEMBERS], by="council")
        follower = Follower(ledger)
        acknowledged: dict[int, str] = {}
        for round_ in range(rounds):
            for told in crowded(ledger, shared_target, crew, number, 1_000 * round_):
                if "refused" in told:
                    refused += 1
                else:
                    recorded += 1
                    acknowledged[told["position"]] = told["recorded"]
        seen = follower.stopped_at(ledger.position)
        entries = list(ledger.entries())
        ledger.export(tmp_path / "history.jsonl")
        assert ledger.reconcile() == ()
    where = "PostgreSQL" if "://" in shared_target else "SQLite"
    tell(
        f"{2 * RUNNERS} writers on {where}: {recorded:,} facts recorded, {refused:,} refused; "
        f"the follower saw {len(seen):,}"
    )
    assert seen == [(entry.position, entry.id) for entry in entries]
    assert acknowledged.items() <= dict(seen).items()
    assert len(entries) == 1 + len(MEMBERS) + recorded
    with rl.open(rules=[LEAD]) as again:  # whoever records them one after another is refused none
        report = again.import_history(tmp_path / "history.jsonl")
    assert (report.recorded, len(report.refused)) == (len(entries), 0)
