"""Writing files atomically: a file is there complete or not at all, whatever interrupts it."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path
from typing import IO


@contextmanager
def atomic_write(
    path: str | os.PathLike[str], *, name_of: Callable[[BufferedRandom], str] | None = None, sync: bool = True
) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the place of another once it is complete and on disk.

    It is written in the same folder under a random name. When the block ends without an error
    the file is synced to disk, renamed, and its folder is synced; on an error it is removed. So
    neither a crash nor another process that writes the same file leaves half of one, and no file
    renamed later in the same folder survives a power cut that this one does not.

    A link is followed, and a file that is replaced keeps its mode. A path that is not a regular
    file (a pipe, a device) is written to directly.

    Args:
        path: of the file.
        name_of: returns the name for the file in the folder of ``path``, where that depends on its
            content; it is given the complete file, open for reading at its start.
        sync: whether to sync the folder. To write many files and then one that names them, pass
            False and call `sync_folder` once, before writing the last.

    Raises:
        OSError: it cannot be written; what was there before stays.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with target.open("wb") as file:
            yield file
        return
    draft = _draft_of(target)
    try:
        with draft.open("xb+") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if name_of is not None:
                file.seek(0)
                target = target.with_name(name_of(file))
        if target.exists():
            draft.chmod(stat.S_IMODE(target.stat().st_mode))
        draft.replace(target)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(target.parent)


@contextmanager
def new_file(path: str | os.PathLike[str], *, companions: Sequence[str] = ()) -> Iterator[Path]:
    """Give a name that nobody has to a file, once it is complete and on disk.

    The block writes a draft in the same folder, which only its owner may read until the block says
    otherwise. When the block ends without an error, the draft is synced and gets its name, unless
    something has that name by then; on an error it is removed.

    Args:
        path: of the new file. A link is followed.
        companions: what the names of files that the block may leave beside the draft have added.

    Yields:
        The path of the draft.

    Raises:
        FileExistsError: there is something at the path; it stays as it is.
        OSError: it cannot be written.
    """
    target = Path(os.path.realpath(path))
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    draft = _draft_of(target)
    try:
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            yield draft
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            os.link(draft, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links: what is replaced is an empty file of ours
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            draft.replace(target)
    finally:
        with suppress(OSError):
            for suffix in ("", *companions):
                draft.with_name(draft.name + suffix).unlink(missing_ok=True)
    sync_folder(target.parent)


def _draft_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Sync a folder to disk, so that files renamed in it stay renamed after a power cut.

    Raises:
        OSError: it cannot be synced.
    """
    if os.name == "posix":  # elsewhere a folder cannot be opened, and need not be
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
