"""A redaction that is killed anywhere is carried out by whoever opens the ledger; others record meanwhile."""

from __future__ import annotations

import random
import time
from datetime import date
from typing import TYPE_CHECKING, Final

import pytest

import reps_ledger as rl
from hunting import hunt
from processes import Program
from reps_ledger.audit import make_key
from reps_ledger.domain.sealed import REDACTED
from reps_ledger.log.sealing import blobs_beside
from scale import times

if TYPE_CHECKING:
    from pathlib import Path

KEY: Final = make_key("example.org/interrupted")
TEXTS: Final = 40
"""How many texts there are about each of two people."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger that seals, in which somebody was erased."""
    with rl.open(tmp_path / "reps.db", keys=tmp_path / "reps.keys") as ledger:
        for member in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=date(2018, 1, 1))
        for number in range(TEXTS):
            for member in ("ana", "ben"):
                fact = rl.MemberProfiled(member=member, field="name", value=f"a name of {member} {number}")
                ledger.record(fact, by="council")
        ledger.erase("ana", by="dpo")
    return tmp_path


def ciphertexts(ledger: rl.Ledger) -> list[str]:
    """Return the ciphertexts about who was erased."""
    found = []
    for row in ledger._core.log.stored():
        if '"member:ana"' in row[3]:
            found += [text for text in blobs_beside(row[2]).values() if text]
    return found


def held_of(folder: Path) -> tuple[str, list[str]]:
    """Return a checkpoint of a ledger, and what is to be redacted in it."""
    with rl.open(folder / "reps.db") as ledger:
        return ledger.checkpoint(KEY).note, ciphertexts(ledger)


def must_be_redacted(folder: Path, held: str, gone: list[str]) -> None:
    """Open a ledger, and see that all about who was erased is gone, and all else is whole."""
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        assert ciphertexts(ledger) == []
        assert hunt(folder, gone) == {}
        assert ledger.check() == ()
        assert ledger.verify(held, KEY.verifying).ok
        assert [e.name for e in ledger.entries()].count("text.redacted") == 1
        told = [ledger.opened(e).fact for e in ledger.entries() if e.name == "member.profiled"]
        assert {fact.value for fact in told if fact.member == "ana"} == {REDACTED}
        assert [fact.value for fact in told if fact.member == "ben"][:TEXTS] == [
            f"a name of ben {number}" for number in range(TEXTS)
        ]
    assert hunt(folder, gone) == {}


_CHILD: Final = """
import os, sys
import reps_ledger as rl
from reps_ledger.log import EventLog
from reps_ledger.log.sqlite import redacting
folder, step = sys.argv[1], sys.argv[2]
def dies(place, name, after=0):
    count = 0
    inner = getattr(place, name)
    def end(*args, **options):
        nonlocal count
        count += 1
        if count > after:
            os._exit(7)
        return inner(*args, **options)
    setattr(place, name, end)
ledger = rl.open(f"{folder}/reps.db", keys=f"{folder}/reps.keys")
{
    "before anything is destroyed": lambda: dies(EventLog, "redact"),
    "in the midst": lambda: dies(redacting, "_put", after=7),
    "before old pages go": lambda: dies(EventLog, "purge"),
}[step]()
ledger.redact("ana", by="dpo")
"""


@pytest.mark.parametrize("step", ["before anything is destroyed", "in the midst", "before old pages go"])
def test_a_redaction_goes_on_where_it_was_killed(folder: Path, step: str) -> None:
    """All of an order or nothing of it is done, and opening does the rest."""
    held, gone = held_of(folder)
    with Program("-c", _CHILD, folder, step) as child:
        assert child.wait(30) == 7
    assert hunt(folder, gone) != {}
    must_be_redacted(folder, held, gone)


_REDACTING: Final = """
import sys
import reps_ledger as rl
ledger = rl.open(f"{sys.argv[1]}/reps.db", keys=f"{sys.argv[1]}/reps.keys")
print("ready", flush=True)
ledger.redact("ana", by="dpo")
print("done", flush=True)
"""


@pytest.mark.parametrize("seed", range(times(3, 100)))
def test_a_redaction_that_is_killed_at_random(folder: Path, seed: int) -> None:
    """Whenever that was."""
    held, gone = held_of(folder)
    with Program("-c", _REDACTING, folder) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(random.Random(seed).random() * 0.05)  # noqa: S311 — a moment
        child.kill()
        child.wait(30)
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        if "text.redacted" not in [e.name for e in ledger.entries()]:  # killed before it was ordered
            ledger.redact("ana", by="dpo")
    must_be_redacted(folder, held, gone)


_WRITING: Final = """
import sys, time
import reps_ledger as rl
ledger = rl.open(f"{sys.argv[1]}/reps.db", keys=f"{sys.argv[1]}/reps.keys")
print("ready", flush=True)
until = time.monotonic() + 1.5
while time.monotonic() < until:
    ledger.record(rl.MemberProfiled(member="ben", field="name", value="a later name"), by="x")
    ledger.as_of().member("ben")
"""


def test_others_record_while_it_is_redacted(folder: Path) -> None:
    """Two processes go on: nothing of theirs is lost, and what is pending at first is done in the end."""
    held, gone = held_of(folder)
    writers = [Program("-c", _WRITING, folder) for _ in range(2)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        time.sleep(0.2)
        report = ledger.redact("ana", by="dpo")
        assert report.texts == TEXTS
    for writer in writers:
        with writer:
            assert writer.wait(30) == 0
    must_be_redacted(folder, held, gone)
