"""The command about a ledger's files: doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reps_ledger.cli.options import REFUSED, AsJson, Keys, Target, failing, file_of, key_file
from reps_ledger.cli.output import complain, say, show_json, show_table
from reps_ledger.errors import InvalidInput
from reps_ledger.ledger.doctor import diagnose

SigningKeys = Annotated[
    list[Path] | None,
    typer.Option("--key", metavar="FILE", help="The file of a signing key, to look at; may be repeated."),
]


def register_doctor(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: reps-ledger doctor -l reps.db --key reps.key")(doctor)


def doctor(ledger: Target, signing: SigningKeys = None, keys: Keys = None, as_json: AsJson = False) -> None:
    """Say what lies beside a ledger, who may read and write it, and what to do about it."""
    with failing():
        file = file_of(ledger)
        if file is None:
            raise InvalidInput("doctor looks at the files of a ledger in SQLite; its server keeps this one")
        found = diagnose(file, keys=signing or (), key_store=key_file(keys))
    if as_json:
        show_json({"ok": found.ok, "files": found.files, "notes": found.notes, "advice": found.advice})
    else:
        show_table(
            "Files",
            ("path", "what", "mode", "owner", "bytes"),
            [(each.path, each.what, each.mode, each.owner, each.size) for each in found.files],
        )
        for note in found.notes:
            say(note)
        for each in found.advice:
            complain(str(each))
    if not found.ok:
        raise typer.Exit(REFUSED)
