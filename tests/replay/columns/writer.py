"""What another process does to a ledger's columns: ``python writer.py LEDGER HOW``."""

from __future__ import annotations

import os
import signal
import sys
from datetime import date
from pathlib import Path
from typing import Any

import reps_ledger as rl
from processes import Program, limited
from reps_ledger.replay.columns import store

__all__ = ["start"]


def start(ledger: Path, how: str) -> Program:
    """Start this in a process of its own."""
    return Program(__file__, ledger, how)


def main(path: str, how: str) -> None:
    """Record and get columns again and again, or be killed at a step of writing them."""
    with rl.open(path) as ledger:
        if how.isdigit():
            _die_at(int(how))
            ledger.columns()
        else:
            for number in range(15):
                fact = rl.MemberJoined(member=f"{how}{number}")
                ledger.record(fact, by=how, occurred_at=date(2018, 1, 1))
                columns = ledger.columns()
                assert len(columns.people) == len(columns.table("member.joined"))
    sys.stdout.write("done\n")


def _die_at(step: int) -> None:
    """Kill this very process before some step at which what is written becomes visible."""
    left = step

    def counting(call: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
            return call(*args, **kwargs)

        return counted

    for owner, name in (
        (Path, "replace"),
        (Path, "unlink"),
        (Path, "mkdir"),
        (os, "fsync"),
        (store, "_clear"),
    ):
        setattr(owner, name, counting(getattr(owner, name)))


if __name__ == "__main__":
    with limited():
        main(sys.argv[1], sys.argv[2])
