"""The commands of audit: keys, checkpoints, proofs, verification, bundles."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Annotated, Final

import typer

from reps_ledger.audit import (
    SignedCheckpoint,
    VerifyingKey,
    load_key,
    make_key,
    read_checkpoint,
    save_key,
    verify_between,
    verify_bundle,
)
from reps_ledger.audit.verifier import consistency_values
from reps_ledger.cli.options import (
    REFUSED,
    STDIN,
    AsJson,
    Keys,
    Replace,
    Target,
    Zone,
    failing,
    named,
    opened,
    output,
    to_stdout,
    valid_at,
)
from reps_ledger.cli.output import complain, say, say_lines, show_json, working
from reps_ledger.domain.shown import shown
from reps_ledger.errors import InvalidBundle, InvalidInput
from reps_ledger.files import output_file
from reps_ledger.ledger.check import MOST, NOTES
from reps_ledger.log.postgres import apply_roles, roles_sql
from reps_ledger.privacy import open_texts

_MOST: Final = 1_000_000
_SHOWN: Final = 500  # characters

Key = Annotated[str, typer.Option("--key", metavar="KEY", help="The public key, or a file that holds it.")]
Signing = Annotated[Path, typer.Option("--key", metavar="FILE", help="The file of the signing key.")]
State = Annotated[
    Path | None, typer.Option("--state", help="Where inner hashes are kept; by default beside the ledger.")
]
Checkpoint = Annotated[Path, typer.Argument(help="The file of a checkpoint that was kept.")]


def register_audit(app: typer.Typer) -> None:
    """Add the commands of audit."""
    app.command("make-key", epilog="Example: reps-ledger make-key example.org/reps reps.key")(make_key_)
    app.command(epilog="Example: reps-ledger checkpoint -l reps.db --key reps.key --out reps.checkpoint")(
        checkpoint
    )
    app.command("check", epilog="Example: reps-ledger check -l reps.db")(check_)
    app.command(epilog="Example: reps-ledger void 7 -l reps.db")(void)
    app.command(epilog="Example: reps-ledger verify reps.checkpoint -l reps.db --key reps.pub")(verify)
    app.command(epilog="Example: reps-ledger prove 12 -l reps.db --at reps.checkpoint")(prove)
    app.command(epilog="Example: reps-ledger consistency reps.checkpoint -l reps.db --key reps.pub")(
        consistency
    )
    app.command(
        "verify-consistency",
        epilog="Example: reps-ledger verify-consistency reps.checkpoint newer.checkpoint "
        "proof.json --key reps.pub",
    )(verify_consistency)
    app.command(epilog="Example: reps-ledger bundle ana.json -l reps.db --member ana --key reps.key")(bundle)
    app.command("verify-bundle", epilog="Example: reps-ledger verify-bundle ana.json --key reps.pub")(
        verify_bundle_
    )
    app.command("postgres-roles", epilog="Example: reps-ledger postgres-roles --writer reps_writer")(
        postgres_roles
    )


def _text(path: Path) -> str:
    """Read a small file of text; - is standard input."""
    with (STDIN if path == Path("-") else path).open("rb") as file:
        data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise InvalidInput(f"{path}: has more than {_MOST:,} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path}: is no text in UTF-8") from error


def _verifying(key: str) -> VerifyingKey:
    path = Path(key)
    return VerifyingKey.parse(_text(path) if path.is_file() else key)


def checkpoint_in(path: Path) -> SignedCheckpoint:
    """Read a checkpoint from a file.

    Raises:
        InvalidNote: it is none.
    """
    return read_checkpoint(_text(path))


def _proof(path: tuple[bytes, ...]) -> list[str]:
    return [b64encode(each).decode() for each in path]


def make_key_(
    name: Annotated[str, typer.Argument(help="Of whom: a URL without its scheme, best.")],
    file: Annotated[Path, typer.Argument(help="A new file for the signing key: keep it secret.")],
) -> None:
    """Make a key to sign checkpoints with; print the public key, to be given to everybody."""
    with failing():
        key = make_key(name)
        save_key(key, file)
    typer.echo(str(key.verifying))


def checkpoint(
    ledger: Target,
    key: Signing,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", callback=to_stdout, help="Where to write it; without it, or with -, it is printed."
        ),
    ] = None,
    since: Annotated[
        Path | None,
        typer.Option(help="An earlier checkpoint of this key: sign nothing that is not that log grown."),
    ] = None,
    replace: Replace = False,
    state: State = None,
) -> None:
    """Sign how many entries there are and the root of their tree. Keep it elsewhere."""
    with opened(ledger) as open_ledger:
        signer = load_key(key)
        output(out, key, *named(since, state), replace=replace, checkpoint=True)
        held = None if since is None else checkpoint_in(since)
        found = open_ledger.checkpoint(signer, since=held, state=state)
        if out is not None:
            with output_file(out, replace=replace, checkpoint=True) as file:
                file.write(found.note.encode())
            complain(f"{out}: {found.size:,} entries signed")
    if out is None:
        typer.echo(found.note, nl=False)


def verify(
    kept: Checkpoint,
    ledger: Target,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="The public key, or a file that holds it.")
    ] = None,
    state: State = None,
    as_json: AsJson = False,
) -> None:
    """Read and hash the whole ledger, and compare it with a checkpoint that was kept."""
    with opened(ledger) as open_ledger:
        signer = None if key is None else _verifying(key)
        found = open_ledger.verify(checkpoint_in(kept), signer, state=state)
    if as_json:
        show_json(
            {
                "ok": found.ok,
                "origin": found.checkpoint.origin,
                "size": found.checkpoint.size,
                "entries": found.entries,
                "signed": found.signed,
                "zone": found.zone,
                "database": found.database,
                "findings": found.findings,
            }
        )
    elif found.ok:
        say_lines(found.words())
        if found.zone is None:
            say("It declares no time zone: its days are read in the zone with which it is opened.")
    else:
        for each in found.findings:
            complain(f"{each.code}: {each.words}")
    if not found.ok:
        raise typer.Exit(REFUSED)


def check_(
    ledger: Target,
    zone: Zone = None,
    keys: Keys = None,
    most: Annotated[int, typer.Option(min=1, help="End after so many findings.")] = MOST,
    as_json: AsJson = False,
) -> None:
    """Judge the whole ledger again: its entries by all rules, and the caches beside it."""
    with opened(ledger, zone, keys) as open_ledger, working("check") as on_progress:
        found = open_ledger.check(on_progress=on_progress, most=most)
        position = open_ledger.position
    wrong = [each for each in found if each.code not in NOTES]
    if as_json:
        show_json({"ok": not wrong, "position": position, "findings": found})
    else:
        for each in found:
            (complain if each in wrong else say)(f"{each.code}: {each.words}")
        if not wrong:
            say(f"{position:,} entries were judged again; nothing is wrong.")
    if wrong:
        raise typer.Exit(REFUSED)


def void(
    position: Annotated[int, typer.Argument(help="Of what cannot be read.")],
    ledger: Target,
    by: Annotated[str | None, typer.Option("--by", help="Who decides it.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="What is known of it.")] = None,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="When it was decided; without it, now.")
    ] = None,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Also a kind or version that is not known here.")
    ] = False,
    keys: Keys = None,
) -> None:
    """Show what is at a position; with --by, have everybody read past it for good, as it cannot be read."""
    with opened(ledger, keys=keys, records=by is not None) as open_ledger:
        row = open_ledger.look_at(position)
        size, tags = f"{len(row.data):,} bytes", shown(row.tags, _SHOWN)
        say(f"position {position}: {row.name}, {size}, under the tags {tags}")
        say(f"it reads: {shown(row.data.decode(errors='replace'), _SHOWN)}")
        say(f"it cannot be read as an entry: {row.problem}" if row.problem else "it can be read as an entry")
        if by is None:
            return
        if reason is None:
            raise InvalidInput("a void needs a --reason", field="reason")
        receipt = open_ledger.void(position, by=by, reason=reason, occurred_at=valid_at(on), unknown=unknown)
    say(f"voided at position {receipt.position:,}: everybody reads past it from now on")


def prove(
    position: Annotated[int, typer.Argument(help="Of the entry.")],
    ledger: Target,
    at: Annotated[
        Path | None, typer.Option("--at", help="The file of a checkpoint; without it, all.")
    ] = None,
    state: State = None,
) -> None:
    """Prove that an entry is in the tree, as JSON."""
    with opened(ledger) as open_ledger:
        held = None if at is None else checkpoint_in(at)
        found = open_ledger.prove(position, at=held, state=state)
    show_json(
        {
            "position": found.position,
            "index": found.index,
            "size": found.size,
            "root": b64encode(found.root).decode(),
            "leaf": b64encode(found.leaf).decode(),
            "proof": _proof(found.path),
        }
    )


def consistency(
    old: Checkpoint,
    ledger: Target,
    key: Key,
    new: Annotated[
        Path | None, typer.Option("--new", help="The file of a newer one; without it, all.")
    ] = None,
    state: State = None,
) -> None:
    """Prove that a newer tree begins with all that a checkpoint signed, as JSON."""
    with opened(ledger) as open_ledger:
        signer = _verifying(key)
        older, newer = checkpoint_in(old), None if new is None else checkpoint_in(new)
        for each in (older, newer):
            if each is not None:
                each.verify(signer)
        found = open_ledger.prove_consistency(older, newer, state=state)
    show_json(consistency_values(found))


def verify_consistency(
    old: Checkpoint,
    new: Annotated[Path, typer.Argument(help="The file of a newer one.")],
    proof: Annotated[Path, typer.Argument(help="What consistency printed.")],
    key: Key,
) -> None:
    """Verify that a checkpoint begins with all that an older one signed: no ledger is needed."""
    with failing():
        older, newer = checkpoint_in(old), checkpoint_in(new)
        verify_between(older, newer, _text(proof).encode(), _verifying(key))
    say(f"The {newer.size:,} entries begin with the {older.size:,} that were signed before.")


def bundle(
    file: Annotated[
        Path, typer.Argument(callback=to_stdout, help="Where to write it; - for standard output.")
    ],
    ledger: Target,
    member: Annotated[str | None, typer.Option("--member", help="All about this member.")] = None,
    review: Annotated[str | None, typer.Option("--review", help="All about this decision.")] = None,
    at: Annotated[
        Path | None, typer.Option("--at", help="The file of a checkpoint to prove it against.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Or a signing key, to sign a new checkpoint.")
    ] = None,
    replace: Replace = False,
    state: State = None,
    zone: Zone = None,
) -> None:
    """Write the entries about a member or a decision, with proofs, as one file to verify."""
    with opened(ledger, zone) as open_ledger:
        output(file, *named(at, key, state), replace=replace)
        data = open_ledger.audit_bundle(
            member=member,
            review=review,
            checkpoint=None if at is None else checkpoint_in(at),
            key=None if key is None else load_key(key),
            state=state,
        )
        with output_file(file, replace=replace) as opened_file:
            opened_file.write(data)
    complain(f"{file}: {len(data):,} bytes written")


def verify_bundle_(
    file: Annotated[Path, typer.Argument(help="The bundle.")],
    key: Key,
    texts: Annotated[
        Path | None,
        typer.Option("--texts", help="The keys that were given with it: the texts that they open are shown."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a bundle with nothing but the public key: neither ledger nor database is needed."""
    with failing():
        read = file
        try:
            found = verify_bundle(file, _verifying(key))
            if texts is None:
                revealed = None
            else:
                read = texts
                revealed = open_texts(found, texts)
        except InvalidBundle as error:
            complain(f"reps-ledger: {read}: {error}")
            raise typer.Exit(REFUSED) from None
    if as_json:
        rows = [
            {"index": entry.index, "position": entry.position, "name": entry.name, "entry": entry.says}
            for entry in found.entries
        ]
        kind, name = found.about
        show_json(
            {
                "about": {kind: name},
                "origin": found.checkpoint.origin,
                "size": found.checkpoint.size,
                "entries": rows,
                "voids": found.voids,
                "redacted": found.redacted,
                **({} if revealed is None else {"texts": revealed.texts}),
            }
        )
        return
    for entry in found.entries:
        say(f"{entry.position}  {entry.name}  {entry.data.decode(errors='replace')}")
    say_lines(found.words())
    if revealed is not None:
        for each in revealed.texts:
            say(f"{each.position}  {each.path}  {each.text}")
        say_lines(revealed.words())


def postgres_roles(
    writer: Annotated[
        str, typer.Option("--writer", help="The role that may read, and append.")
    ] = "reps_writer",
    reader: Annotated[str, typer.Option("--reader", help="The role that may read.")] = "reps_reader",
    apply: Annotated[
        str | None,
        typer.Option("--apply", metavar="URL", help="Run it there, as the owner of the tables, instead."),
    ] = None,
) -> None:
    """Print the SQL by which PostgreSQL lets a writer only append, and a reader only read."""
    with failing():
        if apply is None:
            typer.echo(roles_sql(writer, reader), nl=False)
            return
        apply_roles(apply, writer, reader)
    complain(f"{writer} may append and read, {reader} may read; grant them to who logs in")
