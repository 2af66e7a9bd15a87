"""The command line: ``reps-ledger``. Needs the extra ``cli``."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from reps_ledger.cli.app import app  # noqa: PLC0415 — needs an extra
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"rich", "typer"}:
            raise
        sys.exit("the command line needs an extra: pip install 'reps-ledger[cli]'")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # whatever the locale, nothing fails on a letter
            stream.reconfigure(errors="backslashreplace")
    code: int | str | None = 0
    try:
        app()
    except SystemExit as ended:
        code = ended.code
    except OSError as error:
        code = _unwritten(error)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _unwritten(error)
    sys.exit(code)


def _unwritten(error: OSError) -> int:
    """Say that output could not be written, and return the exit code; a closed pipe is no fault.

    Python would try once more as it ends, and print what it runs into.
    """
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return 1
    with suppress(OSError):
        sys.stderr.write(f"reps-ledger: output cannot be written: {error.strerror or error}\n")
    return 3
