"""The command line: import, export, and the commands of the other files."""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from reps_ledger.cli.audit import register_audit
from reps_ledger.cli.backtests import register_replay
from reps_ledger.cli.charters import register_charters
from reps_ledger.cli.doctor import register_doctor
from reps_ledger.cli.options import (
    REFUSED,
    STDIN,
    STDOUT,
    STORAGE,
    AsJson,
    Keys,
    KnownAt,
    New,
    Replace,
    Target,
    Zone,
    failing,
    file_of,
    known_at,
    must_exist,
    named,
    opened,
    output,
    to_stdout,
    valid_at,
)
from reps_ledger.cli.output import complain, reading, say, show_json, show_table, working
from reps_ledger.cli.policies import register_judging
from reps_ledger.cli.privacy import must_have_keys, register_privacy
from reps_ledger.cli.queries import register_queries
from reps_ledger.cli.reviews import register_reviews
from reps_ledger.cli.state import register_state
from reps_ledger.domain.time import zone_name
from reps_ledger.errors import InvalidInput
from reps_ledger.files import output_file
from reps_ledger.importers import ImportReport
from reps_ledger.log import repair as repair_ledger
from reps_ledger.log import restore as restore_backup

app = typer.Typer(
    name="reps-ledger",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="A community's membership, kept as immutable facts.\n\n"
    "Exit codes: 0 done; 1 something was refused or does not add up; 2 wrong usage; "
    "3 the ledger cannot be opened, read or written.\n\n"
    "A service's own facts: REPS_LEDGER_FACTS=module:NAME names a list of their classes.\n\n"
    "Where personal texts are sealed: REPS_LEDGER_KEYS=FILE names the key file for every command.",
)
register_queries(app)
register_judging(app)
register_reviews(app)
register_charters(app)
register_replay(app)
register_audit(app)
register_privacy(app)
register_doctor(app)
register_state(app)


@app.command(
    "import",
    epilog="Example: reps-ledger import --new -l reps.db history.jsonl.gz --quarantine refused.jsonl",
)
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Files of the exchange format: .jsonl or .csv, or .gz; - for JSON lines on standard input."
        ),
    ],
    ledger: Target,
    by: Annotated[str, typer.Option("--by", help="Who recorded the rows that do not say it.")] = "import",
    on_refused: Annotated[
        str,
        typer.Option("--on-refused", help="quarantine: go on, and list them; stop: leave nothing behind."),
    ] = "quarantine",
    on_unknown_member: Annotated[
        str,
        typer.Option(
            "--on-unknown-member",
            help="refuse, or join: people joined when a row first names them, marked as inferred.",
        ),
    ] = "refuse",
    quarantine: Annotated[
        Path | None,
        typer.Option(
            "--quarantine",
            callback=to_stdout,
            help="Write the refused rows there, with their reasons; - for standard output.",
        ),
    ] = None,
    replace: Replace = False,
    new: New = False,
    as_recorded: Annotated[
        bool,
        typer.Option(
            "--as-recorded",
            help="Take what export --as-recorded wrote into an empty ledger as it is, or nothing of it.",
        ),
    ] = False,
    zone: Zone = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Import histories. Safe to run again: nothing is recorded twice.

    A new ledger that is given keys seals personal texts by them, and the key file is made with it.
    """
    refused = 0
    reports: dict[str, ImportReport] = {}
    files = _sources(files)
    if as_recorded:
        judged = (by, on_refused, on_unknown_member, quarantine) != ("import", "quarantine", "refuse", None)
        _import_as_recorded(files, ledger, zone, keys, new=new, judged=judged, as_json=as_json)
        return
    with failing():  # before a ledger is made for nothing, too
        own = file_of(ledger)
        output(quarantine, *(file for file in files if file != STDIN), *named(own, keys), replace=replace)
    with opened(ledger, zone, keys, new=new, records=True) as opened_ledger:
        kept = nullcontext() if quarantine is None else output_file(quarantine, replace=replace)
        with kept as file_of_refused:
            for file in files:
                with reading(file) as on_progress:
                    report = opened_ledger.import_history(
                        file,
                        by=by,
                        on_refused=on_refused,
                        on_unknown_member=on_unknown_member,
                        on_progress=on_progress,
                    )
                refused += len(report.refused)
                if file_of_refused is not None:
                    report.refused.write(file_of_refused)
                reports["-" if file == STDIN else str(file)] = report
                if not as_json and quarantine != STDOUT:
                    _show_report("standard input" if file == STDIN else str(file), report)
    _tell(reports, quarantine, as_json=as_json)
    if refused:
        raise typer.Exit(REFUSED)


def _sources(files: list[Path]) -> list[Path]:
    """Return the files to read, before a ledger is made for nothing."""
    found = [STDIN if file == Path("-") else file for file in files]
    for file in found:
        if file != STDIN and not file.is_file():
            complain(f"reps-ledger: {file} cannot be read: it is no file")
            raise typer.Exit(STORAGE)
    return found


def _tell(reports: dict[str, ImportReport], quarantine: Path | None, *, as_json: bool) -> None:
    """Say at the end what was not said yet: standard output may be taken by the refused rows."""
    if quarantine == STDOUT:
        for name, report in reports.items():
            complain(f"{name}: {len(report.refused):,} of {report.rows:,} rows refused")
    elif as_json:
        show_json({name: _report(report) for name, report in reports.items()})


def _import_as_recorded(
    files: list[Path],
    ledger: str,
    zone: str | None,
    keys: Path | None,
    *,
    new: bool,
    judged: bool,
    as_json: bool,
) -> None:
    with failing():
        if len(files) != 1:
            raise InvalidInput("what was recorded is one history: name one file with --as-recorded")
        if judged:
            raise InvalidInput(
                "--as-recorded takes entries as they are; leave out --by, --on-refused, "
                "--on-unknown-member and --quarantine"
            )
    (file,) = files
    with opened(ledger, zone, keys, new=new, records=True) as opened_ledger, reading(file) as on_progress:
        count = opened_ledger.import_as_recorded(file, on_progress=on_progress)
    if as_json:
        show_json({str(file): {"recorded": count}})
    else:
        say(f"{file}: {count:,} entries, as they were recorded")


def _report(report: ImportReport) -> dict[str, object]:
    found: dict[str, object] = {
        "rows": report.rows,
        "recorded": report.recorded,
        "known": report.known,
        "joined": report.joined,
        "trimmed": report.trimmed,
        "position": report.position,
        "refused": [{"line": row.line, "codes": row.codes, "reasons": row.reasons} for row in report.refused],
    }
    if report.refused.kept < len(report.refused):
        found["refused_rows"] = len(report.refused)  # of which the first are listed
    return found


def _show_report(name: str, report: ImportReport) -> None:
    inferred = f", {report.joined:,} people inferred to have joined" if report.joined else ""
    say(
        f"{name}: {report.rows:,} rows; {report.recorded:,} recorded{inferred}, "
        f"{report.known:,} known already, {len(report.refused):,} refused"
    )
    if report.trimmed:
        say(f"{report.trimmed:,} rows were read without the white space at the ends of their names")
    if report.refused.kept < len(report.refused):
        say(f"the first {report.refused.kept:,} refused rows are kept, and the others only counted")
    shown = 5
    rows: list[tuple[object, ...]] = []
    counts: Counter[str] = Counter()
    for row in report.refused:
        counts[row.codes[0]] += 1
        if counts[row.codes[0]] <= shown:
            rows.append((row.line, row.codes[0], "; ".join(row.reasons)))
    if rows:
        show_table(f"Refused: the first {shown} of each kind", ("line", "code", "reason"), rows)
        show_table("Refused, by kind", ("code", "rows"), sorted(counts.items()))


@app.command(epilog="Example: reps-ledger declare -l reps.db --by council --in Europe/Paris")
def declare(
    ledger: Target,
    by: Annotated[str, typer.Option("--by", help="Who declares it.")],
    zone: Annotated[str, typer.Option("--in", metavar="ZONE", help="An IANA name, such as Europe/Paris.")],
    on: Annotated[
        str | None, typer.Option("--on", metavar="DATE", help="When it was decided; without it, now.")
    ] = None,
    keys: Keys = None,
) -> None:
    """Declare in which time zone the days of a ledger are read from now on."""
    with opened(ledger, keys=keys, records=True) as opened_ledger:
        before = zone_name(opened_ledger.zone)
        receipt = opened_ledger.declare(zone=zone, by=by, occurred_at=valid_at(on))
        after = zone_name(opened_ledger.zone)
    say(f"days are read in {after} from position {receipt.position:,} on; before, in {before}")


@app.command(epilog="Example: reps-ledger export -l reps.db backup.jsonl.gz")
def export(
    file: Annotated[
        str, typer.Argument(help="Where to: .jsonl or .csv, or .gz; - for JSON lines on stdout.")
    ],
    ledger: Target,
    replace: Replace = False,
    known: KnownAt = None,
    as_recorded: Annotated[
        bool,
        typer.Option("--as-recorded", help="Write what is stored, byte for byte, for import --as-recorded."),
    ] = False,
    reveal: Annotated[
        bool,
        typer.Option(
            "--reveal", help="Write sealed texts in the clear; that this was done is recorded, with --by."
        ),
    ] = False,
    by: Annotated[str | None, typer.Option("--by", help="Who reveals them.")] = None,
    zone: Zone = None,
    keys: Keys = None,
) -> None:
    """Export every entry, in the exchange format. Sealed texts are written as "[sealed]"."""
    with opened(ledger, zone, keys, records=reveal) as opened_ledger:
        if reveal:  # that is recorded: not where it is refused in the end
            must_have_keys(opened_ledger, keys, "--reveal")
            if as_recorded:
                raise InvalidInput("--as-recorded writes what is stored: nothing of it can be revealed")
            output(None if file == "-" else Path(file), replace=replace)
        target = sys.stdout.buffer if file == "-" else file
        count = opened_ledger.export(
            target,
            known_at=known_at(known, opened_ledger),
            as_recorded=as_recorded,
            replace=replace,
            reveal=reveal,
            by=by,
        )
    complain(f"{count:,} entries written")


@app.command(epilog="Example: reps-ledger backup reps-2018-10-01.db -l reps.db")
def backup(
    file: Annotated[Path, typer.Argument(help="Where to: a file that is not there yet.")], ledger: Target
) -> None:
    """Copy a ledger into a new file, while others record: whole and checked, or not there."""
    with opened(ledger) as opened_ledger, working(file.name) as on_progress:
        position = opened_ledger.backup(file, on_progress=on_progress)
    say(f"{file}: a whole copy, up to position {position:,}")


@app.command(epilog="Example: reps-ledger restore reps-2018-10-01.db -l reps.db")
def restore(
    file: Annotated[Path, typer.Argument(help="The backup; it is only read.")],
    ledger: Target,
    incomplete: Annotated[
        bool, typer.Option("--incomplete", help="Also of a file that was copied without its write-ahead log.")
    ] = False,
) -> None:
    """Make a new ledger file of a backup: whole and checked, or not there."""
    with failing(), working(file.name) as on_progress:
        position = restore_backup(file, ledger, incomplete=incomplete, on_progress=on_progress)
    say(f"{ledger}: restored up to position {position:,}")


@app.command(epilog="Example: reps-ledger repair -l reps.db")
def repair(ledger: Target) -> None:
    """Make a ledger's guards what they should be, and remove foreign triggers, rules and indexes."""
    must_exist(ledger)
    with failing():
        done = repair_ledger(ledger)
    for each in done:
        say(each)
    say(f"{ledger}: {'put right; now let check judge what is in it' if done else 'nothing was wrong'}")
