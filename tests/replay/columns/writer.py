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
    """Record and get columns again and again, or be killed at steps of writing them."""
    if how == "killed":
        while step := sys.stdin.readline():
            with limited():
                found = _killed_at(int(step), path)
            _say(found)
        return
    with rl.open(path) as ledger:
        for number in range(15):
            fact = rl.MemberJoined(member=f"{how}{number}")
            ledger.record(fact, by=how, occurred_at=date(2018, 1, 1))
            columns = ledger.columns()
            assert len(columns.people) == len(columns.table("member.joined"))
    _say("done")


def _say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def _killed_at(step: int, path: str) -> str:
    """Make columns in a child that is killed at a step; say whether it was, or there is no such."""
    child = os.fork()  # much sooner there than a process started afresh
    if child == 0:
        failed = 1
        try:
            with rl.open(path) as ledger:
                _die_at(step)
                ledger.columns()
            failed = 0
        finally:
            os._exit(failed)
    _, status = os.waitpid(child, 0)
    return "killed" if os.WIFSIGNALED(status) else f"ended with {os.waitstatus_to_exitcode(status)}"


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
