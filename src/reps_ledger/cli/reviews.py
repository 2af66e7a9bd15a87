"""The commands of reviews: open, list, notify, decide, replay."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Annotated, Final

import msgspec
import typer

from reps_ledger.cli.options import (
    REFUSED,
    AsJson,
    At,
    Keys,
    KnownAt,
    Target,
    Zone,
    known_at,
    opened,
    valid_at,
)
from reps_ledger.cli.output import say, say_lines, show_json, show_table
from reps_ledger.cli.people import name_column
from reps_ledger.cli.policies import PolicyOption, policy_named, verdict_values
from reps_ledger.ledger import Ledger
from reps_ledger.views import DocketView

_TICK: Final = timedelta(microseconds=1)
By = Annotated[str, typer.Option("--by", help="Who does it.")]
On = Annotated[str | None, typer.Option("--on", metavar="DATE", help="When it was done; without it, now.")]


def register_reviews(app: typer.Typer) -> None:
    """Add the commands of reviews."""
    reviews = typer.Typer(no_args_is_help=True, help="Reviews: the docket and its decisions.")
    reviews.command(
        "open",
        epilog="Example: reps-ledger review open activity.toml -l reps.db --by council "
        "--at 2018-10-01 --due 2018-11-01",
    )(open_)
    reviews.command("list", epilog="Example: reps-ledger review list -l reps.db")(list_)
    reviews.command(epilog="Example: reps-ledger review notify activity.toml -l reps.db --by council")(notify)
    reviews.command(
        epilog="Example: reps-ledger review decide activity/2018-10-01/ana inactive "
        "-l reps.db --by council --reason 'no answer'"
    )(decide)
    reviews.command(epilog="Example: reps-ledger review replay activity/2018-10-01/ana -l reps.db")(replay)
    app.add_typer(reviews, name="review")


def open_(
    policy: PolicyOption,
    ledger: Target,
    by: By,
    at: At = None,
    due: Annotated[str | None, typer.Option("--due", metavar="DATE", help="When decisions are due.")] = None,
    outcome: Annotated[
        list[str] | None, typer.Option("--outcome", help="Review whoever has this outcome; may be repeated.")
    ] = None,
    on: On = None,
    zone: Zone = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Open a review of each member whom a policy does not find at its best. Safe to run again."""
    with opened(ledger, zone, keys, records=True) as open_ledger:
        docket = open_ledger.open_reviews(
            policy_named(policy),
            by=by,
            at=valid_at(at),
            due=valid_at(due),
            outcomes=outcome,
            occurred_at=valid_at(on),
        )
        names = _names(docket, open_ledger)
    _show_docket(docket, names, open_ledger.zone, as_json=as_json)


def list_(
    ledger: Target,
    policy: Annotated[
        str | None, typer.Option("--policy", help="Only under the policy of this name.")
    ] = None,
    at: At = None,
    zone: Zone = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """List the open reviews, with what is recommended, and the notices nobody answered."""
    with opened(ledger, zone, keys) as open_ledger:
        docket = open_ledger.as_of(valid_at(at)).docket(policy)
        names = _names(docket, open_ledger)
    _show_docket(docket, names, open_ledger.zone, as_json=as_json)


def _names(docket: DocketView, ledger: Ledger) -> dict[str, str]:
    return ledger.names({*(item.member for item in docket), *(sent.member for sent in docket.notices)})


def _show_docket(docket: DocketView, names: Mapping[str, str], zone: tzinfo, *, as_json: bool) -> None:
    if as_json:
        rows = [
            {
                "review": item.review,
                "member": item.member,
                "name": names.get(item.member),
                "as_of": item.opened.as_of,
                "due": item.opened.due,
                "overdue": item.overdue,
                "recommended": item.recommended,
                "verdict": verdict_values(item.verdict),
            }
            for item in docket
        ]
        notices = [{**msgspec.to_builtins(n), "name": names.get(n.member)} for n in docket.notices]
        show_json({"reviews": rows, "notices": notices})
        return
    name = name_column((item.member for item in docket), names)
    show_table(
        _counted(len(docket), "open review"),
        ("review", *name, "recommended", "why", "due", "overdue", "what would change it"),
        [
            (
                item.review,
                *(names.get(item.member) for _ in name),
                item.recommended,
                "" if item.verdict is None else item.verdict.reason,
                _last_day(item.opened.due),
                item.overdue,
                next((str(way) for way in item.ways), ""),
            )
            for item in docket
        ],
        zone,
    )
    if docket.notices:
        name = name_column((n.member for n in docket.notices), names)
        show_table(
            f"{_counted(len(docket.notices), 'notice')} after which nothing was heard",
            ("notice", "member", *name, "stage", "sent", "deadline"),
            [
                (
                    n.notice,
                    n.member,
                    *(names.get(n.member) for _ in name),
                    n.stage,
                    n.sent_at,
                    _last_day(n.deadline),
                )
                for n in docket.notices
            ],
            zone,
        )


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _last_day(deadline: datetime | None) -> datetime | None:
    """Return the last instant before a deadline: its day is the last on which it is met."""
    return None if deadline is None else deadline - _TICK


def notify(
    policy: PolicyOption,
    ledger: Target,
    by: By,
    at: At = None,
    channel: Annotated[str | None, typer.Option("--channel", help="By which channel: mail, chat …")] = None,
    on: On = None,
    zone: Zone = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Record the notices that a policy plans: appreciation for the active, nudges for the quiet."""
    with opened(ledger, zone, keys, records=True) as open_ledger:
        sent = open_ledger.send_notices(
            policy_named(policy), by=by, at=valid_at(at), channel=channel, occurred_at=valid_at(on)
        )
        names = open_ledger.names({entry.fact.member for entry in sent})
    facts = [entry.fact for entry in sent]
    if as_json:
        show_json([{**msgspec.to_builtins(f), "name": names.get(f.member)} for f in facts])
        return
    name = name_column((f.member for f in facts), names)
    show_table(
        _counted(len(facts), "notice"),
        ("member", *name, "stage", "notice", "deadline"),
        [
            (f.member, *(names.get(f.member) for _ in name), f.stage, f.notice, _last_day(f.deadline))
            for f in facts
        ],
        open_ledger.zone,
    )


def decide(
    review: Annotated[str, typer.Argument(help="The review's identifier.")],
    outcome: Annotated[str, typer.Argument(help="What was decided.")],
    ledger: Target,
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="Why.")],
    on: On = None,
    known: KnownAt = None,
    zone: Zone = None,
    keys: Keys = None,
) -> None:
    """Decide a review; what the policy recommended, and on what evidence, is recorded with it.

    The policy is evaluated at the date of the review, whenever it is decided.
    """
    with opened(ledger, zone, keys, records=True) as open_ledger:
        receipt = open_ledger.decide(
            review, outcome, reason, by=by, occurred_at=valid_at(on), known_at=known_at(known, open_ledger)
        )
    fact = receipt.entry.fact
    recommended = fact.recommended or "nothing: the policy's words are not known here"
    say(f"{review}: decided {fact.outcome}; the policy recommended {recommended}")


def replay(
    review: Annotated[str, typer.Argument(help="The review's identifier.")],
    ledger: Target,
    zone: Zone = None,
    keys: Keys = None,
) -> None:
    """Make a decision's recommendation again, of what was known then, and compare."""
    with opened(ledger, zone, keys) as open_ledger:
        found = open_ledger.replay_decision(review)
    say_lines(found.words())
    say_lines(found.verdict.words())
    if not found.reproduced:
        raise typer.Exit(REFUSED)
