"""A progress bar, where there is a terminal to show it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from reps_ledger.cli.output import stderr

__all__ = ["reading", "working"]


@contextlib.contextmanager
def reading(file: Path) -> Iterator[Callable[[int, int], None] | None]:
    """Show how much of a file was read; gives what the import is to call, or None."""
    if not stderr.is_terminal or not file.exists():
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size, rows=0)
        yield lambda rows, read: progress.update(task, completed=read, rows=rows)


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show how much of some work is done; gives what it is to call, or None."""
    if not stderr.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
