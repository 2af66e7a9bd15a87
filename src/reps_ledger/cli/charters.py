"""The commands of charters: adopt, show, diff."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reps_ledger.cli.options import (
    REFUSED,
    AsJson,
    At,
    Keys,
    KnownAt,
    Target,
    Zone,
    failing,
    known_at,
    opened,
    valid_at,
)
from reps_ledger.cli.output import complain, day, say, say_lines, show_json
from reps_ledger.errors import InvalidTime, NotFound
from reps_ledger.ledger import Ledger
from reps_ledger.policies import warnings
from reps_ledger.policies.charter import (
    Charter,
    changes,
    charter_digest,
    charter_words,
    load_charter,
    statements,
)


def register_charters(app: typer.Typer) -> None:
    """Add the commands of charters."""
    charters = typer.Typer(no_args_is_help=True, help="Charters: a programme's dated rules.")
    charters.command(
        epilog="Example: reps-ledger charter adopt reps-2018.toml -l reps.db --by council --from 2018-11-01"
    )(adopt)
    charters.command(epilog="Example: reps-ledger charter show -l reps.db --at 2018-12-01")(show)
    charters.command(epilog="Example: reps-ledger charter diff reps-2018.toml reps-2019.toml")(diff)
    app.add_typer(charters, name="charter")


def adopt(
    file: Annotated[str, typer.Argument(help="The charter: TOML, or JSON.")],
    ledger: Target,
    by: Annotated[str, typer.Option("--by", help="Who records its adoption.")],
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="From when it governs; else its adoption.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="When it was adopted; else now.")
    ] = None,
    zone: Zone = None,
    keys: Keys = None,
) -> None:
    """Adopt a charter. It governs what happens from its effective date on, and never the past."""
    with opened(ledger, zone, keys, records=True) as open_ledger:
        charter = load_charter(file)
        receipt = open_ledger.adopt(charter, by=by, occurred_at=valid_at(on), effective_from=valid_at(since))
    entry = receipt.entry
    since_day = day(entry.fact.effective_from or entry.occurred_at, open_ledger.zone)
    say(f"{charter.name}, version {charter.version}, governs from {since_day} on")
    for policy in charter.policies:
        for each in warnings(policy):
            complain(f"warning: {policy.name}: {each}")


def show(
    ledger: Target, at: At = None, known: KnownAt = None, zone: Zone = None, as_json: AsJson = False
) -> None:
    """Say the charter in force, in words."""
    with opened(ledger, zone) as open_ledger:
        charter = _in_force(open_ledger, at, known)
    if as_json:
        show_json(
            {
                "charter": charter.name,
                "version": charter.version,
                "digest": charter_digest(charter),
                "statements": statements(charter),
            }
        )
    else:
        say_lines(charter_words(charter))


def _in_force(ledger: Ledger, at: str | None, known: str | None) -> Charter:
    charter = ledger.as_of(valid_at(at), known_at(known, ledger)).charter
    if charter is None:
        raise NotFound("no charter is in force then; adopt one with: charter adopt FILE")
    return charter


def diff(
    before: Annotated[str, typer.Argument(help="A charter's file; or a date, with --ledger.")],
    after: Annotated[str, typer.Argument(help="Another's.")],
    ledger: Annotated[
        str | None, typer.Option("--ledger", "-l", envvar="REPS_LEDGER", help="Whose charters, by date.")
    ] = None,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Say what changes from one charter to another, in words. Exits with 1 where anything does."""
    with failing():
        found = changes(_of(before, ledger, zone), _of(after, ledger, zone))
    if as_json:
        show_json(found)
    else:
        say_lines("\n".join(found) if found else "nothing changes")
    if found:
        raise typer.Exit(REFUSED)


def _of(named: str, ledger: str | None, zone: str | None) -> Charter:
    """Return the charter in a file, or the one in force on a date."""
    if Path(named).is_file():
        return load_charter(named)
    if ledger is None:
        raise NotFound(f"there is no file {named}; to compare by date, name the ledger")
    try:
        valid_at(named)
    except InvalidTime:
        raise NotFound(f"there is no file {named}, and it is no date either") from None
    with opened(ledger, zone) as open_ledger:
        return _in_force(open_ledger, named, None)
