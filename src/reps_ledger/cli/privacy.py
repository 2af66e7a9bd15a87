"""The commands about personal texts: to find, give, seal, erase and redact them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer
from attrs import asdict

from reps_ledger.audit import load_key
from reps_ledger.cli.audit import checkpoint_in
from reps_ledger.cli.options import (
    REFUSED,
    AsJson,
    At,
    Keys,
    Target,
    Yes,
    failing,
    file_of,
    key_file,
    looked_at,
    must_be_sure,
    named,
    opened,
    output,
    own_facts,
    valid_at,
)
from reps_ledger.cli.output import complain, say, say_lines, show_json, show_table
from reps_ledger.cli.people import called, name_column, name_of
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.facts.governance import ERASURES
from reps_ledger.domain.rules.sealing import has_text
from reps_ledger.errors import InvalidInput
from reps_ledger.files import RECEIPTS_SUFFIX
from reps_ledger.ledger import Ledger
from reps_ledger.ledger.erasing import ErasureReport
from reps_ledger.ledger.portable import BUNDLE, DATA, PAGE, TEXTS
from reps_ledger.ledger.retention import Due

_BEFORE_SEALING: Final = (
    "{count:,} entries have personal texts already. They stay in the clear, for ever, in all copies.",
    (
        "From now on personal texts are sealed by the keys in {keys}. Who loses that file loses the texts: "
        "keep a copy of it, apart from copies of the ledger."
    ),
    "Identifiers, dates, and who recorded what are never sealed. There is no way back.",
)


def register_privacy(app: typer.Typer) -> None:
    """Add the commands about personal texts."""
    app.command(epilog="Example: reps-ledger find alex -l reps.db")(find)
    app.command(epilog="Example: reps-ledger portable ana -l reps.db --by dpo --out for-ana")(portable)
    app.command(
        "begin-sealing",
        epilog="Example: reps-ledger begin-sealing -l reps.db --keys reps.keys --by council --yes",
    )(begin_sealing)
    app.command(epilog="Example: reps-ledger erase ana -l sealed.db --keys reps.keys --by dpo --yes")(erase)
    app.command(epilog="Example: reps-ledger redact ana -l sealed.db --by dpo --yes")(redact)
    app.command("due-erasures", epilog="Example: reps-ledger due-erasures -l sealed.db --keys reps.keys")(
        due_erasures
    )
    app.command("erase-due", epilog="Example: reps-ledger erase-due -l sealed.db --keys reps.keys --yes")(
        erase_due
    )


def find(
    text: Annotated[str, typer.Argument(help="The beginnings of words; of identifiers, a part.")],
    ledger: Target,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Find people by their names, addresses, accounts and identifiers."""
    with opened(ledger, keys=keys, texts=True) as open_ledger:
        found = open_ledger.find(text)
        names = open_ledger.names({person.member for person in found})
    if as_json:
        show_json([{"member": p.member, "name": names.get(p.member), "by": p.by} for p in found])
        return
    by: dict[str, list[str]] = {}
    for person in found:
        by.setdefault(person.member, []).append(person.by)
    name = name_column(by, names)
    show_table(
        f"{len(by):,} people",
        ("member", *name, "found by"),
        [(member, *(names.get(member) for _ in name), ways) for member, ways in by.items()],
    )


def portable(
    member: Annotated[str, typer.Argument(help="About whom.")],
    ledger: Target,
    by: Annotated[str, typer.Option("--by", help="Who gives it: that is recorded.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="The folder to write it into.")],
    on_behalf_of: Annotated[str | None, typer.Option("--on-behalf-of", help="For whom they act.")] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", metavar="FILE", help="A checkpoint that was kept: add proofs."),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Or a signing key, to sign a new checkpoint.")
    ] = None,
    keys: Keys = None,
) -> None:
    """Write all that is held about one person: data, a page to read, and proofs of them."""
    with opened(ledger, keys=keys, records=True) as open_ledger:
        must_have_keys(open_ledger, keys, "portable")
        parts = [DATA, PAGE] if checkpoint is None and key is None else [DATA, PAGE, BUNDLE, TEXTS]
        for part in parts:  # that it was given is recorded: not where it cannot be written
            output(out / part, *named(checkpoint, key, key_file(keys)), replace=False)
        held = None if checkpoint is None else checkpoint_in(checkpoint)
        signer = None if key is None else load_key(key)
        found = open_ledger.portable(member, by=by, on_behalf_of=on_behalf_of, checkpoint=held, key=signer)
        with _for_the_owner():
            written = found.write(out)
    for path in written:
        say(str(path))


@contextlib.contextmanager
def _for_the_owner() -> Iterator[None]:
    """Make new files and folders for their owner only, also in a folder that others may read."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def begin_sealing(
    ledger: Target,
    by: Annotated[str, typer.Option("--by", help="Who declares it.")],
    keys: Keys = None,
    yes: Yes = False,
) -> None:
    """Have a ledger seal personal texts from now on: there is no way back.

    What is recorded already stays in the clear. The key file is made where there is none.
    """
    with failing():
        file = key_file(keys)
        if file is None:
            raise InvalidInput("sealing takes keys: name a key file with --keys; a new one is made")
        with looked_at(ledger) as before:
            if before.seals:
                say(f"{ledger}: seals personal texts already")
                return
            registry = Registry((*BUILT_IN, *own_facts()))
            count = sum(has_text(entry.fact, registry) for entry in before.entries())
    for line in _BEFORE_SEALING:
        complain(line.format(count=count, keys=file))
    must_be_sure("Begin to seal?", yes=yes)
    with opened(ledger, keys=file, records=True, new_keys=True) as open_ledger:
        receipt = open_ledger.begin_sealing(by=by)
    say(f"{ledger}: seals personal texts from position {receipt.position:,} on")


def must_have_keys(ledger: Ledger, keys: Path | None, what: str) -> None:
    """Refuse what makes no sense without the keys of a ledger that seals.

    Raises:
        InvalidInput: they are not there.
    """
    if ledger.seals and key_file(keys) is None:
        raise InvalidInput(f"texts are sealed here, and {what} takes the key file: name it with --keys")


def erase(
    member: Annotated[str, typer.Argument(help="Whose personal texts; all identifiers of theirs count.")],
    ledger: Target,
    by: Annotated[str, typer.Option("--by", help="Who orders it.")],
    reason: Annotated[
        str, typer.Option("--reason", help=f"On which ground: {', '.join(ERASURES)}.")
    ] = ERASURES[0],
    on_behalf_of: Annotated[str | None, typer.Option("--on-behalf-of", help="For whom they act.")] = None,
    sign_with: Annotated[
        Path | None, typer.Option("--sign-with", metavar="FILE", help="A signing key, to sign the receipt.")
    ] = None,
    keys: Keys = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Destroy the personal texts about somebody, for ever. It can be repeated, and never undone.

    That they are a member stays, and so do their identifier, roles, dates and decisions.
    """
    with opened(ledger, keys=keys, records=True) as open_ledger:
        must_have_keys(open_ledger, keys, "erase")
        signer = None if sign_with is None else load_key(sign_with)
        person = open_ledger.as_of().member(member)
        if person.history and open_ledger.seals and reason in ERASURES:
            who = called(person.member, name_of(person))
            must_be_sure(f"Destroy all personal texts about {who}? Nothing undoes it.", yes=yes)
        report = open_ledger.erase(member, reason, by=by, on_behalf_of=on_behalf_of, sign_with=signer)
    receipt = _receipt(ledger, report)
    if as_json:
        show_json({**_values(report), "receipt_file": None if receipt is None else str(receipt)})
        return
    say_lines(report.words())
    if receipt is None:
        say("Keep the receipt, which is kept nowhere else:")
        say_lines(report.receipt.rstrip("\n"))
    else:
        say(f"The receipt is {receipt}")


def _receipt(ledger: str, report: ErasureReport) -> Path | None:
    """Return where the receipt of an erasure is; None where the ledger is no file."""
    file = file_of(ledger)
    return None if file is None else file.with_name(file.name + RECEIPTS_SUFFIX) / f"{report.order}.json"


def _values(report: ErasureReport) -> dict[str, object]:
    return {
        "members": report.members,
        "order": report.order,
        "reason": report.reason,
        "at": report.at,
        "texts": report.texts,
        "keys": report.keys,
        "accounts": report.accounts,
        "names": report.names,
        "mentioned": report.mentioned,
        "in_the_clear": report.in_the_clear,
        "pending": report.pending,
        "others_must": report.others_must,
        "receipt": report.receipt,
    }


def redact(
    member: Annotated[
        str | None, typer.Argument(help="Whose sealed texts; all identifiers of theirs count.")
    ] = None,
    *,
    ledger: Target,
    by: Annotated[str, typer.Option("--by", help="Who orders it.")],
    entry: Annotated[
        str | None, typer.Option("--entry", metavar="ID", help="All sealed texts of this entry instead.")
    ] = None,
    on_behalf_of: Annotated[str | None, typer.Option("--on-behalf-of", help="For whom they act.")] = None,
    keys: Keys = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Destroy the ciphertexts of sealed texts, which no backup of the keys opens then. Nothing undoes it.

    Whoever is to be erased is erased first: that destroys their keys. Every proof stays good.
    """
    with opened(ledger, keys=keys, records=True) as open_ledger:
        if (member is None) == (entry is None):
            raise InvalidInput("name a member, or an entry with --entry", field="member")
        whose = f"about {member}" if member is not None else f"of entry {entry}"
        must_be_sure(f"Destroy the ciphertexts of all sealed texts {whose}? Nothing undoes it.", yes=yes)
        if member is not None:
            report = open_ledger.redact(member, by=by, on_behalf_of=on_behalf_of)
        else:
            report = open_ledger.redact_entry(str(entry), by=by, on_behalf_of=on_behalf_of)
    if as_json:
        show_json(asdict(report))
    else:
        say_lines(report.words())


def due_erasures(ledger: Target, at: At = None, keys: Keys = None, as_json: AsJson = False) -> None:
    """List the personal texts that were kept as long as the charter in force says."""
    with opened(ledger, keys=keys) as open_ledger:
        must_have_keys(open_ledger, keys, "due-erasures")
        found = open_ledger.due_erasures(valid_at(at))
    if as_json:
        show_json(found)
    else:
        _show_due(found)


def _show_due(found: tuple[Due, ...]) -> None:
    show_table(
        f"{sum(each.texts for each in found):,} texts are due",
        ("member", "kind", "year", "texts"),
        [(each.member, each.kind, str(each.year), each.texts) for each in found],
    )


def erase_due(
    ledger: Target, at: At = None, keys: Keys = None, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Destroy the personal texts that were kept as long as the charter in force says, for ever."""
    with opened(ledger, keys=keys, records=True) as open_ledger:
        must_have_keys(open_ledger, keys, "erase-due")
        if not yes:
            found = open_ledger.due_erasures(valid_at(at))
            _show_due(found)
            if found:
                must_be_sure("Destroy these texts? Nothing undoes it.", yes=yes)
        report = open_ledger.erase_due(valid_at(at))
    if as_json:
        show_json(report)
    else:
        say(f"{sum(each.texts for each in report.erased):,} texts erased, {report.keys:,} keys destroyed")
        for each in report.pending:
            complain(f"still to be done: {each}")
    if report.pending:
        raise typer.Exit(REFUSED)
