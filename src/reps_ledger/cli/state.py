"""The commands about tables of state: refresh, check, rebuild, follow, sql."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from reps_ledger.cli.options import REFUSED, AsJson, Target, Zone, opened
from reps_ledger.cli.output import say, show_json, show_table
from reps_ledger.policies import load
from reps_ledger.state import Refreshed, State

Policies = Annotated[
    list[Path] | None,
    typer.Option(
        "--policy",
        help="Keep this policy's outcomes too: a TOML or JSON file; may be repeated. "
        "Without it, those of the policies that the tables keep already.",
    ),
]
Place = Annotated[
    Path | None,
    typer.Option("--path", help="A SQLite file to keep the tables in, instead of beside the ledger."),
]

_LOOK: Final = 0.5
"""Seconds after which it is looked at whether the tables are still kept up to date."""


def register_state(app: typer.Typer) -> None:
    """Add the commands about tables of state."""
    state = typer.Typer(
        no_args_is_help=True, help="Tables of what is so of everybody, kept beside the log.", name="state"
    )
    state.command(epilog="Example: reps-ledger state refresh -l reps.db")(refresh)
    state.command(epilog="Example: reps-ledger state check -l reps.db")(check)
    state.command(epilog="Example: reps-ledger state rebuild -l reps.db --policy activity.toml")(rebuild)
    state.command(epilog="Example: reps-ledger state follow -l reps.db")(follow)
    state.command(epilog='Example: reps-ledger state sql -l reps.db "SELECT * FROM roles_today"')(sql)
    app.add_typer(state)


@contextlib.contextmanager
def _state(ledger: str, zone: str | None, policies: list[Path] | None, path: Path | None) -> Iterator[State]:
    with opened(ledger, zone) as open_ledger:
        named = None if policies is None else [load(policy) for policy in policies]
        yield open_ledger.state(policies=named, path=path)


def refresh(
    ledger: Target, policies: Policies = None, path: Place = None, zone: Zone = None, as_json: AsJson = False
) -> None:
    """Bring the tables up to the log's head, as a job does now and then."""
    with _state(ledger, zone, policies, path) as state:
        _tell(state.opened, as_json=as_json)


def rebuild(
    ledger: Target, policies: Policies = None, path: Place = None, zone: Zone = None, as_json: AsJson = False
) -> None:
    """Make the tables anew from the log."""
    with _state(ledger, zone, policies, path) as state:
        _tell(state.opened if state.opened.rebuilt else state.rebuild(), as_json=as_json)


def _tell(done: Refreshed, *, as_json: bool) -> None:
    if as_json:
        show_json(done)
    else:
        say(str(done))


def check(ledger: Target, path: Place = None, zone: Zone = None, as_json: AsJson = False) -> None:
    """Compare the tables with what follows from the log; exits with 1 where they differ."""
    with _state(ledger, zone, None, path) as state:
        differences = state.check()
        position = state.position
    if as_json:
        show_json(differences)
    for difference in () if as_json else differences:
        say(difference)
    if differences:
        raise typer.Exit(REFUSED)
    if not as_json:
        say(f"the tables are those of position {position:,}")


def follow(ledger: Target, policies: Policies = None, path: Place = None, zone: Zone = None) -> None:
    """Keep the tables up to date as entries come, until it is interrupted."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with _state(ledger, zone, policies, path) as state:
        say(str(state.opened))
        with state.follow() as following:
            while not stop.wait(_LOOK):
                following.must_go_on()
        say(f"stopped at position {state.position:,}")


def sql(
    query: Annotated[str, typer.Argument(help="A query; it cannot change anything.")],
    ledger: Target,
    path: Place = None,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Answer a query on the tables, brought up to date first; docs/state.md says what they hold."""
    with _state(ledger, zone, None, path) as state:
        names, rows = state.sql(query)
    if as_json:
        show_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        show_table(f"{len(rows):,} rows", names, rows)
