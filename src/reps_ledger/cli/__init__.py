"""The command line: ``reps-ledger``. Needs the extra ``cli``."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    try:
        from reps_ledger.cli.app import app  # noqa: PLC0415 — needs an extra
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"rich", "typer"}:
            raise
        sys.exit("the command line needs an extra: pip install 'reps-ledger[cli]'")
    app()
