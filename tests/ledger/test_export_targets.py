"""Where an export goes: never over the ledger itself, and never over what is no file."""

from __future__ import annotations

import os
import stat
import threading
from typing import TYPE_CHECKING

import pytest

import reps_ledger as rl

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal", ".tree"])
def test_the_ledgers_own_files_are_refused(sqlite_path: Path, suffix: str) -> None:
    """An export onto the ledger's own file, or one beside it, is refused, and the ledger is as it was."""
    with rl.open(sqlite_path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        for replace in (False, True):
            with pytest.raises(rl.PathTaken, match="name another file"):
                ledger.export(f"{sqlite_path}{suffix}", replace=replace)
        ledger.record(rl.MemberJoined(member="ben"), by="council")
    with rl.open(sqlite_path) as again:
        assert [entry.name for entry in again.entries()] == ["ledger.declared", *["member.joined"] * 2]


def test_a_link_to_the_ledger_is_refused(sqlite_path: Path, tmp_path: Path) -> None:
    """A symbolic link does not hide the ledger's own file."""
    with rl.open(sqlite_path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        (tmp_path / "link.jsonl").symlink_to(sqlite_path)
        with pytest.raises(rl.PathTaken, match="is a ledger"):
            ledger.export(tmp_path / "link.jsonl", replace=True)


def test_a_replaced_file_keeps_its_mode_and_links_are_followed(tmp_path: Path) -> None:
    """The file that a link names is replaced, with the mode that it had; the link stays."""
    target, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    with rl.open() as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        assert ledger.export(link, replace=True) == 1
    assert link.is_symlink()
    assert '"member":"ana"' in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.jsonl", "real.jsonl"]


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """A named pipe stays one: whoever reads it gets the export."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_text()))
    reader.start()
    with rl.open() as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.export(pipe)
    reader.join(timeout=10)
    assert '"member":"ana"' in found[0]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
