"""Backups while others record, killed at random, and on full disks: whole, or not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults.backups import DEEDS
from faults.harness import ran
from scale import times

if TYPE_CHECKING:
    from pathlib import Path

    from faults.harness import Tell


def test_backups_while_others_record(tmp_path: Path, tell: Tell) -> None:
    """Each has all that was acknowledged before it began, and is the beginning of the log."""
    rounds = times(5, 100)
    found = ran("backups", "during", tmp_path, rounds, 1)
    tell(f"{rounds:,} backups while four processes record: {found}")
    assert (found["backups"], found["lost"], found["altered"]) == (rounds, [], 0)
    assert found["lost by writers"] == []
    assert found["grew"] > 0


def test_killed_backups_and_restores(tmp_path: Path, tell: Tell) -> None:
    """Killed at any moment, there is a whole copy or none, and the ledger lost nothing."""
    kills = times(12, 300)
    found = ran("backups", "killed", tmp_path, kills, 2)
    tell(f"kill -9 of {kills:,} backups and restores: {found}")
    assert (found["lost"], found["lost by writers"]) == ([], [])
    assert sum(found["found"].values()) == kills
    assert any(name.endswith("nothing") for name in found["found"])


def test_files_that_are_taken_away(tmp_path: Path, tell: Tell) -> None:
    """The next append is a typed error, and what was acknowledged can be saved; others are left alone."""
    rounds = times(10, 500)
    found = ran("backups", "replaced", tmp_path, rounds, 4)
    tell(f"ledger files deleted, moved and replaced {rounds} times while they were recorded in: {found}")
    assert (found["lost"], found["problems"]) == ([], [])
    assert found["errors"] == {f"{deed}: StorageError": rounds // len(DEEDS) for deed in DEEDS}


def test_a_copy_on_a_full_disk(tmp_path: Path, tell: Tell) -> None:
    """A typed error and nothing left; there is a whole copy once there is room."""
    rounds = times(2, 50)
    found = ran("backups", "full", tmp_path, rounds, 3)
    tell(f"backups and restores on a full disk, {rounds} times: {found}")
    assert found == {"errors": {"StorageError": 2 * rounds}, "left": [], "whole": rounds}
