"""Files are there whole or not at all: whatever fails, and wherever a process is killed."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from reps_ledger.files import atomic_write, sync_folder

if TYPE_CHECKING:
    from io import BufferedRandom

KILLED: Final = """
import os, signal, sys
from pathlib import Path
from reps_ledger.files import atomic_write

left = int(sys.argv[2])

def counting(call):
    def counted(*args, **kwargs):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return call(*args, **kwargs)
    return counted

for owner, name in ((Path, "open"), (os, "fsync"), (Path, "chmod"), (Path, "replace")):
    setattr(owner, name, counting(getattr(owner, name)))
with atomic_write(sys.argv[1]) as file:
    file.write(b"new" * 100_000)
"""
"""Replaces a file, and is killed before some step."""


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def write(path: Path, content: bytes = b"new", **options: Any) -> None:
    """Write a file whole."""
    with atomic_write(path, **options) as file:
        file.write(content)


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    """What is written is there when the block ends, and not before; nothing else is left."""
    path = tmp_path / "file"
    for content in (b"one", b"another"):
        before = path.read_bytes() if path.exists() else None
        with atomic_write(path) as file:
            file.write(content)
            assert (path.read_bytes() if path.exists() else None) == before
        assert path.read_bytes() == content
    assert names(tmp_path) == ["file"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    """Whoever writes may fail: the old file stays, and no half of the new one is left."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(error: type[BaseException]) -> None:
        with atomic_write(path) as file:
            file.write(b"half")
            raise error

    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error):
            fail(error)
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["file"])


@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "replace"), (Path, "chmod")])
def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    """So may the disk, at any step before the new file is in place."""
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fails(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, fails)
        with pytest.raises(OSError, match="no space"):
            write(path)
    assert (path.read_bytes(), names(tmp_path)) == (b"old", ["file"])


def test_all_is_synced_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is on disk before the file has its name, and the name is before it returns."""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(handle: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file"
        steps.append(kind)
        if kind == "file":
            assert os.fstat(handle).st_size == 3
        fsync(handle)

    def renamed(self: Path, target: Any) -> Path:
        steps.append("rename")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    write(tmp_path / "file")
    assert steps == ["file", "rename", "folder"]
    steps.clear()
    write(tmp_path / "first", sync=False)
    sync_folder(tmp_path)
    assert steps == ["file", "rename", "folder"]


def test_a_name_made_of_the_content(tmp_path: Path) -> None:
    """A file may be named by what is in it, once that is known."""

    def name_of(file: BufferedRandom) -> str:
        return hashlib.file_digest(file, "sha256").hexdigest()

    write(tmp_path / "rough", b"content", name_of=name_of)
    assert names(tmp_path) == [hashlib.sha256(b"content").hexdigest()]


def test_a_link_is_followed_and_a_mode_kept(tmp_path: Path) -> None:
    """What a link names is replaced, not the link; and who might read the file still may."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"old")
    secret.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(secret)
    write(link)
    assert link.is_symlink()
    assert (secret.read_bytes(), stat.S_IMODE(secret.stat().st_mode)) == (b"new", 0o600)


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """What is no regular file is not replaced: it is written to."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    write(pipe)
    reader.join(timeout=30)
    assert read == [b"new"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_process_that_is_killed(tmp_path: Path) -> None:
    """Killed before any step, a process leaves the old file or the new one, each whole."""
    found = []
    for step in range(20):
        path = tmp_path / f"file{step}"
        path.write_bytes(b"old")
        command = [sys.executable, "-c", KILLED, str(path), str(step)]
        done = subprocess.run(command, check=False, timeout=30)
        found.append(path.read_bytes())
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL
    assert found == [b"old"] * 4 + [b"new" * 100_000] * 2


def test_many_writers_at_once(tmp_path: Path) -> None:
    """Of writers of the same file one is last; none leaves anything beside it."""
    path = tmp_path / "file"
    contents = [bytes([number]) * 10_000 for number in range(8)]
    writers = [threading.Thread(target=write, args=(path, content)) for content in contents]
    for each in writers:
        each.start()
    for each in writers:
        each.join(timeout=30)
    assert path.read_bytes() in contents
    assert names(tmp_path) == ["file"]
