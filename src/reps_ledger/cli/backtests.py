"""The commands of replay: backtest, sweep. They need the extra ``replay``."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from reps_ledger.cli.options import (
    STDOUT,
    AsJson,
    KnownAt,
    Replace,
    Target,
    Zone,
    known_at,
    opened,
    output,
    to_stdout,
)
from reps_ledger.cli.output import say, say_lines, show_json, show_table, working
from reps_ledger.cli.policies import PolicyOption, policy_named
from reps_ledger.domain.shown import shown
from reps_ledger.domain.time import local_day
from reps_ledger.errors import InvalidInput, InvalidTime, MissingExtra
from reps_ledger.policies import Policy
from reps_ledger.policies.documents import load_template

if TYPE_CHECKING:
    from reps_ledger.replay import Agreement, Backtest  # needs its extra

First = Annotated[str, typer.Option("--from", metavar="YEAR|DATE", help="The first year, or the first day.")]
Last = Annotated[str, typer.Option("--to", metavar="YEAR|DATE", help="The last year, or the last day.")]
Every = Annotated[str, typer.Option("--every", help="year, quarter, month or day: at its end.")]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        callback=to_stdout,
        help="Write the table there: .parquet, .csv or .arrow; - for Arrow alone on standard output.",
    ),
]


EXPLAINED: Final = 3
"""How many of the flips are explained; all are counted."""


def register_replay(app: typer.Typer) -> None:
    """Add the commands of replay."""
    app.command(epilog="Example: reps-ledger backtest activity.toml -l reps.db --from 2018 --to 2019")(
        backtest
    )
    app.command(
        epilog="Example: reps-ledger sweep template.toml -l reps.db --from 2018 --to 2019 --set weeks=4,8,12"
    )(sweep)


def _dates(every: str, first: str, last: str) -> list[date]:
    try:
        from reps_ledger import replay  # noqa: PLC0415 — needs an extra
    except ImportError as error:
        raise MissingExtra("replay", "a backtest") from error
    begin, end = _day(first, "01-01", "from"), _day(last, "12-31", "to")
    if every == "day":
        return replay.daily(begin, end)
    makers = {"year": replay.yearly, "quarter": replay.quarterly, "month": replay.monthly}
    if every not in makers:
        raise InvalidInput(f"every {every!r}? It is year, quarter, month or day", field="every")
    found = [day for day in makers[every](begin.year, end.year) if begin <= day <= end]
    if not found:
        raise InvalidInput(f"no {every} ends from {begin} to {end}", field="every")
    return found


def _day(text: str, of_year: str, option: str) -> date:
    """Read a day, or a year: its first or its last."""
    year = len(text) == len("2018")
    try:
        return datetime.strptime(f"{text}-{of_year}" if year else text, "%Y-%m-%d").date()  # noqa: DTZ007 — a day has no zone
    except ValueError:
        words = f"--{option} {shown(text, 40)} is no year or date; write 2018 or 2018-10-01"
        raise InvalidTime(words, field=option) from None


def backtest(
    policy: PolicyOption,
    ledger: Target,
    first: First,
    last: Last,
    every: Every = "quarter",
    against: Annotated[
        str | None, typer.Option("--against", help="Another policy to compare with; or: decisions.")
    ] = None,
    out: Out = None,
    replace: Replace = False,
    known: KnownAt = None,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Say what a policy would have come to, of everyone, at the ends of years, quarters, months."""
    with opened(ledger, zone) as open_ledger:
        output(out, policy, against or policy, replace=replace)
        when = known_at(known, open_ledger)
        other = against if against in {None, "decisions"} else policy_named(str(against))
        with working("backtest") as on_progress:
            found = open_ledger.backtest(
                policy_named(policy),
                at=_dates(every, first, last),
                against=other,
                known_at=when,
                on_progress=on_progress,
            )
        if out is not None:
            found.write(out, replace=replace)
        if out == STDOUT:
            return
        if as_json:  # with the ledger still open: it explains
            show_json(_values(found))
        else:
            _show(found, open_ledger.zone)
    if out is not None and not as_json:
        say(f"{out} written")


def _values(found: Backtest) -> dict[str, object]:
    flips = found.flips()
    return {
        "policy": found.policy.name,
        "against": _name(found),
        "position": found.position,
        "members": len(found.people),
        "counts": [
            {"at": at, "members": counts} for at, counts in zip(found.dates, found.counts(), strict=True)
        ],
        "transitions": [
            {"before": t.before, "after": t.after, "members": t.members} for t in found.transitions()
        ],
        "flips": len(flips),
        "explained": [
            {"flip": flip, "verdicts": [verdict.words() for verdict in found.explain(flip)]}
            for flip in flips[:EXPLAINED]
        ],
    } | _agreement(found)


def _name(found: Backtest) -> str | None:
    against = found.against
    return against.name if isinstance(against, Policy) else against


def _agreement(found: Backtest) -> dict[str, object]:
    """Return how often decisions agreed with the policy, and each that did not."""
    agreement = found.agreement
    if agreement is None:
        return {}
    return {
        "decisions": len(agreement.compared),
        "agreed": agreement.agreed,
        "outcomes": [
            {
                "outcome": outcome,
                "precision": agreement.precision(outcome),
                "recall": agreement.recall(outcome),
            }
            for outcome in found.policy.outcomes
        ],
        "disagreements": agreement.disagreements,
    }


def _show(found: Backtest, zone: tzinfo) -> None:
    outcomes = found.policy.outcomes
    show_table(
        f"{found.policy.name}: members by outcome",
        ("at", *outcomes),
        [
            (at, *(counts[outcome] for outcome in outcomes))
            for at, counts in zip(found.dates, found.counts(), strict=True)
        ],
        zone,
    )
    show_table(
        "From one date to the next",
        ("from", "to", "members"),
        [(t.before or "(new)", t.after, t.members) for t in found.transitions()],
    )
    if found.against is not None:
        flips = found.flips()
        counts = Counter((flip.was, flip.now) for flip in flips)
        show_table(
            f"{len(flips):,} times otherwise than {_name(found)}",
            (_name(found) or "", found.policy.name, "members and dates"),
            [(was, now, number) for (was, now), number in counts.most_common()],
        )
        for flip in flips[:EXPLAINED]:
            for verdict in found.explain(flip):
                say_lines(verdict.words())
    if found.agreement is not None:
        _show_agreement(found, found.agreement)


def _show_agreement(found: Backtest, agreement: Agreement) -> None:
    decisions = len(agreement.compared)
    say(f"{agreement.agreed:,} of {decisions:,} decisions are what the policy comes to")
    show_table(
        "By outcome",
        ("outcome", "precision", "recall"),
        [
            (name, _percent(agreement.precision(name)), _percent(agreement.recall(name)))
            for name in found.policy.outcomes
        ],
    )
    show_table(
        "Decided otherwise",
        ("review", "member", "decided", "the policy"),
        [(each.review, each.member, each.decided, each.outcome) for each in agreement.disagreements],
    )


def _percent(part: float | None) -> str:
    return "" if part is None else f"{part:.0%}"


def sweep(
    template: Annotated[
        str, typer.Argument(help="A policy's file with parameters: within = '$weeks weeks'.")
    ],
    ledger: Target,
    first: First,
    last: Last,
    values: Annotated[
        list[str], typer.Option("--set", metavar="NAME=A,B,C", help="A parameter's values; may be repeated.")
    ],
    every: Every = "year",
    out: Out = None,
    replace: Replace = False,
    known: KnownAt = None,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Try a policy with many parameters, and say how its outcomes move with them."""
    with opened(ledger, zone) as open_ledger, working("sweep") as on_progress:
        output(out, template, replace=replace)
        found = open_ledger.sweep(
            load_template(template),
            _parameters(values),
            at=_dates(every, first, last),
            known_at=known_at(known, open_ledger),
            on_progress=on_progress,
        )
        if out is not None:
            found.write(out, replace=replace)
    if out == STDOUT:
        return
    if as_json:
        show_json(found.rows)
        return
    last_date = max(row.at for row in found.rows)
    outcomes = list(dict.fromkeys(row.outcome for row in found.rows))
    numbers = {(row.parameters, row.outcome): row.members for row in found.rows if row.at == last_date}
    show_table(
        f"Members by outcome on {local_day(last_date, open_ledger.zone)}",
        (*found.names, *outcomes),
        [
            (*(str(value) for value in each), *(numbers.get((each, o), 0) for o in outcomes))
            for each in dict.fromkeys(row.parameters for row in found.rows)
        ],
    )
    if out is not None:
        say(f"{out} written")


def _parameters(values: list[str]) -> dict[str, list[int | str]]:
    found: dict[str, list[int | str]] = {}
    for text in values:
        name, equals, listed = text.partition("=")
        if not equals or not name or not listed:
            raise InvalidInput(f"{shown(text, 60)} sets nothing; write --set weeks=4,8,12", field="set")
        found[name] = [int(each) if each.isdecimal() else each for each in listed.split(",")]
    return found
