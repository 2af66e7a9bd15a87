"""Output: lines and tables for people, JSON for programs, progress bars on terminals."""

from __future__ import annotations

import codecs
import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final, Literal

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.sealed import GONE, SEALED, Sealed
from reps_ledger.domain.shown import OBEYED, printable
from reps_ledger.domain.time import local_day

stderr = Console(stderr=True)

_WIDE: Final = 10_000

_IN_JSON: Final = re.compile(f"(?!\\n){OBEYED.pattern}")
_BEYOND_ASCII: Final = re.compile(r"[^\x00-\x7f]")


def say(words: str) -> None:
    """Print one line: without reading markup in it, and without wrapping it."""
    Console().print(Text(printable(words)), soft_wrap=True)


def say_lines(words: str) -> None:
    """Print the lines of a text that we put together."""
    for line in words.split("\n"):
        say(line)


def complain(words: str) -> None:
    """Print a line on standard error."""
    stderr.print(Text(printable(words)), soft_wrap=True)


def show_json(value: object, *, on_one_line: bool = False) -> None:
    """Print a value as one JSON document, in which what a terminal would obey is escaped."""
    encoded = msgspec.json.encode(value, enc_hook=_read)
    text = (encoded if on_one_line else msgspec.json.format(encoded, indent=2)).decode()
    utf8 = codecs.lookup(sys.stdout.encoding or "ascii").name == "utf-8"
    sys.stdout.write((_IN_JSON if utf8 else _BEYOND_ASCII).sub(_escaped, text) + "\n")


def _read(value: object) -> object:
    """Return what a text that was not opened reads as: of an account too, which stands for itself by a token.

    Raises:
        NotImplementedError: it is something else, which JSON does not have.
    """
    if isinstance(value, Sealed):
        return str(value) if value in GONE else SEALED
    raise NotImplementedError(f"JSON has no {type(value).__name__}")


def _escaped(found: re.Match[str]) -> str:
    """Return a character as JSON escapes it: as two, where it is wide."""
    return json.dumps(found[0])[1:-1]


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], zone: tzinfo = UTC
) -> None:
    """Print a table; numbers to the right, days in a zone, names and cells as they are."""
    table = Table(title=Text(printable(title)), title_justify="left")
    for column in columns:
        table.add_column(Text(printable(column)), overflow="fold")  # never cut short
    for row in rows:
        table.add_row(*(Text(printable(_cell(cell, zone)), justify=_side(cell)) for cell in row))
    console = Console()
    if not console.is_terminal:
        console.width = _WIDE  # for programs: a row is a line
    console.print(table)


def day(moment: datetime | None, zone: tzinfo) -> str:
    """Say on which day something was, in a zone."""
    return local_day(moment, zone).isoformat() if moment is not None else ""


def _cell(value: object, zone: tzinfo) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case datetime():
            return day(value, zone)
        case tuple() | list() | set() | frozenset():
            return ", ".join(str(item) for item in value)
    return str(value)


def _side(value: object) -> Literal["left", "right"]:
    return "right" if isinstance(value, int) and not isinstance(value, bool) else "left"


def entry_row(entry: Entry) -> dict[str, object]:
    """Return an entry as plain values."""
    return {
        "id": entry.id,
        "position": entry.position,
        "fact": entry.name,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
        "by": entry.by,
        "fields": entry.fact,
    }


@contextlib.contextmanager
def reading(file: Path) -> Iterator[Callable[[int, int], None] | None]:
    """Show how much of a file has been read, on a terminal.

    Yields:
        What the import is to call with its rows and the bytes read; None where there is no
        terminal.
    """
    if not stderr.is_terminal or not file.is_file():
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
        task = progress.add_task(escape(printable(file.name)), total=file.stat().st_size, rows=0)
        yield lambda rows, read: progress.update(task, completed=read, rows=rows)


@contextlib.contextmanager
def working(what: str) -> Iterator[Callable[[int, int], None] | None]:
    """Show how much of some work is done, on a terminal.

    Yields:
        What is to be called with how much is done, of how much; None where there is no terminal.
    """
    if not stderr.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task(escape(printable(what)), total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
