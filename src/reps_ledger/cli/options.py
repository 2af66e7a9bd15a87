"""Options that commands share, and errors as exit codes."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final, NoReturn
from urllib.parse import unquote

import msgspec
import typer

from reps_ledger import errors
from reps_ledger.cli.output import complain
from reps_ledger.domain.facts import Fact
from reps_ledger.files import may_be_written
from reps_ledger.ledger import Ledger
from reps_ledger.ledger import open as open_ledger

REFUSED: Final = 1
"""Exit code: something was refused, or does not add up; the output says what."""

USAGE: Final = 2
"""Exit code: the command, or a value in it, is wrong."""

STORAGE: Final = 3
"""Exit code: the ledger cannot be opened, read or written."""

FACTS: Final = "REPS_LEDGER_FACTS"
"""The environment variable that names a service's own facts, as ``module:NAME``."""

KEYS: Final = "REPS_LEDGER_KEYS"
"""The environment variable that names the key file of a ledger that seals, for every command."""

Target = Annotated[
    str,
    typer.Option(
        "--ledger",
        "-l",
        envvar="REPS_LEDGER",
        help="The ledger: a path, sqlite:///path, postgresql://… or umadb://…",
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        "--zone",
        envvar="REPS_LEDGER_ZONE",
        help="The time zone in which days are read: without it, the ledger's own. A new ledger keeps it; "
        "for one that declares another, use declare.",
    ),
]
Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        metavar="FILE",
        envvar=KEYS,
        help="The key file, by which personal texts are sealed and read where the ledger seals them.",
    ),
]
At = Annotated[
    str | None,
    typer.Option(
        "--at", metavar="DATE", help="As things were then: a date (its end) or an RFC 3339 instant."
    ),
]
KnownAt = Annotated[
    str | None,
    typer.Option(
        "--known-at",
        metavar="POSITION|DATE",
        help="As they were known then: a position, or a date or instant of recording.",
    ),
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Replace the file, if there is one; never a ledger or a key.")
]
New = Annotated[bool, typer.Option("--new", help="Make the ledger, if there is none yet.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask whether you are sure.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs.")]


_UNREADABLE: Final = (errors.TamperedSeal, errors.UnknownSeal, errors.WrongKey)
"""Errors of what is sealed that say that it, or the key file, cannot be read."""


@contextlib.contextmanager
def failing() -> Iterator[None]:
    """Turn the library's errors into words and exit codes."""
    try:
        yield
    except BrokenPipeError:
        raise  # nobody reads the output any more: see `main`
    except OSError as error:
        _fail(error, STORAGE)
    except (errors.StorageError, errors.CodecError, *_UNREADABLE) as error:
        if isinstance(error.__cause__, BrokenPipeError):
            raise error.__cause__ from None
        _fail(error, STORAGE)
    except (errors.InvalidInput, errors.ConfigurationError, errors.WrongKeys) as error:
        _fail(error, USAGE)
    except errors.LedgerError as error:
        _fail(error, REFUSED)


@contextlib.contextmanager
def opened(
    target: str,
    zone: str | None = None,
    keys: Path | None = None,
    *,
    new: bool = False,
    records: bool = False,
    texts: bool = False,
    new_keys: bool = False,
) -> Iterator[Ledger]:
    """Open a ledger, and turn the library's errors into words and exit codes.

    Args:
        target: the ledger.
        zone: in which its days are read; None for its own.
        keys: its key file; None for the one that the environment names, if it names one.
        new: whether it is made where there is none; its keys then too.
        records: whether something is recorded. Otherwise it may lie where nothing can be written.
        texts: whether personal texts are shown: if they are sealed, it is said how to read them.
        new_keys: whether the key file is made where there is none, although the ledger is there.
    """
    if not new:
        must_exist(target)
    keys = key_file(keys)
    file = file_of(target)
    new_keys = new_keys or (new and (file is None or not file.exists()))
    if keys is not None and not keys.exists() and not new_keys:
        # Another than the ledger's own would open no text of it, and look as though all keys were lost.
        _fail(errors.StorageError(f"there is no key file {keys}; it is made with its ledger"), STORAGE)
    with failing(), _open(target, zone, keys, records=records or new) as ledger:
        yield ledger
        if texts and keys is None and ledger.seals:
            complain(f"Personal texts are sealed here. To read them: --keys FILE, or {KEYS}=FILE")


def key_file(keys: Path | None) -> Path | None:
    """Return the key file that an option names, or else the environment; None where neither does."""
    told = os.environ.get(KEYS)
    return Path(told) if keys is None and told else keys


def looked_at(target: str) -> Ledger:
    """Open a ledger that is there without its keys, to be read."""
    must_exist(target)
    return open_ledger(target, facts=own_facts(), read_only=True)


def must_exist(target: str) -> None:
    """Say so, and exit, where a ledger that is named by its file is not there."""
    file = file_of(target)
    if file is not None and not file.exists():
        _fail(errors.StorageError(f"there is no ledger {target}; import --new makes one"), STORAGE)


def must_be_sure(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone, and exit where the answer is not yes."""
    if not yes and not typer.confirm(question, err=True):
        complain("Nothing was done.")
        raise typer.Exit(REFUSED)


def _open(target: str, zone: str | None, keys: Path | None, *, records: bool) -> Ledger:
    facts = own_facts()
    try:
        return open_ledger(target, zone=zone, facts=facts, keys=keys)
    except (errors.ReadOnly, errors.Altered):
        if records:
            raise
        return open_ledger(target, zone=zone, facts=facts, keys=keys, read_only=True)


def output(path: Path | None, *inputs: str | Path, replace: bool, checkpoint: bool = False) -> None:
    """Refuse a path to write to before any work is done: where something would be lost, or that is read.

    Args:
        path: where output is to go; None for nowhere.
        inputs: what else was named: files that are read, and other outputs.
        replace: whether a plain file that is there is to be replaced.
        checkpoint: whether it is a checkpoint that will be written.

    Raises:
        PathTaken: it may not be written.
    """
    if path is None:
        return
    place = may_be_written(path, replace=replace, checkpoint=checkpoint)
    if isinstance(place, int) or not (place.is_file() or not place.exists()):
        return  # whatever is open already, pipes and devices
    for each in inputs:
        if place == Path(os.path.realpath(each)) or (place.exists() and _same(place, each)):
            raise errors.PathTaken(f"{path} is in use by this command; name another file")


STDIN: Final = Path("/dev/stdin")
STDOUT: Final = Path("/dev/stdout")


def to_stdout(path: Path | None) -> Path | None:
    """Read ``-`` as standard output, where a file to write is named."""
    return STDOUT if path == Path("-") else path


def named(*paths: Path | None) -> list[Path]:
    """Return those paths that were given."""
    return [path for path in paths if path is not None]


def _same(place: Path, other: str | Path) -> bool:
    try:
        return place.samefile(other)
    except OSError:
        return False


def file_of(target: str) -> Path | None:
    """Return the file that a ledger is kept in, or None where it is no file."""
    file = unquote(target.removeprefix("sqlite:///"))
    return None if "://" in file else Path(file)


def own_facts() -> Iterable[type[Fact]]:
    """Return the service's own facts, which the user names as ``module:NAME``."""
    named = os.environ.get(FACTS)
    if not named:
        return ()
    module, _, name = named.partition(":")
    try:
        found: Iterable[type[Fact]] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise errors.ConfigurationError(
            f"{FACTS}={named!r} cannot be imported: {error}; name a list of classes as module:NAME"
        ) from error
    return found


def _fail(error: Exception, code: int) -> NoReturn:
    complain(f"reps-ledger: {error}")
    raise typer.Exit(code) from None


def valid_at(text: str | None) -> date | None:
    """Read an ``--at``: a date, or an instant.

    Raises:
        InvalidTime: it is neither.
    """
    if text is None:
        return None
    try:
        if len(text) == len("2018-10-01"):
            return msgspec.convert(text, date)
        return msgspec.convert(text, datetime)
    except (msgspec.MsgspecError, UnicodeEncodeError):
        raise errors.InvalidTime(
            f"{text!r} is no date or instant; write 2018-10-01 or 2018-10-01T12:00:00Z"
        ) from None


def known_at(text: str | None, ledger: Ledger) -> int | datetime | None:
    """Read a ``--known-at``: a position, a date (its end) or an instant.

    Raises:
        InvalidTime: it is none of them.
    """
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    moment = valid_at(text)
    return moment if isinstance(moment, datetime) else ledger.as_of(moment).valid_at
