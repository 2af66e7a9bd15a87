"""The commands that ask: show, roster, census, history, reconcile."""

from __future__ import annotations

from datetime import tzinfo
from typing import Annotated

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
from reps_ledger.cli.output import complain, day, entry_row, say, show_json, show_table
from reps_ledger.cli.people import accounts_of, called, name_column, name_of, with_names
from reps_ledger.domain.rules.phrases import place
from reps_ledger.projections import DIMENSIONS, words_for
from reps_ledger.views import MemberView


def register_queries(app: typer.Typer) -> None:
    """Add the commands that ask."""
    app.command(epilog="Example: reps-ledger show ana -l reps.db --at 2018-10-01")(show)
    app.command(epilog="Example: reps-ledger roster -l reps.db --role mentor --community indonesia")(roster)
    app.command(
        epilog="Example: reps-ledger census -l reps.db --by standing --each 2016-12-31 --each 2017-12-31"
    )(census)
    app.command(epilog="Example: reps-ledger history ana -l reps.db --known-at 120")(history)
    app.command(epilog="Example: reps-ledger reconcile -l reps.db --complete-rosters")(reconcile)


def show(
    member: Annotated[str, typer.Argument(help="Who.")],
    ledger: Target,
    at: At = None,
    known: KnownAt = None,
    zone: Zone = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Show one member: name, standing, profile, accounts, roles, vouches."""
    with opened(ledger, zone, keys, texts=True) as open_ledger:
        view = open_ledger.as_of(valid_at(at), known_at(known, open_ledger))
        person = view.member(member)
        if not person.history:
            complain(f"{member}: nothing is known of them then")
            if as_json:
                show_json(None)
            raise typer.Exit(REFUSED)
        if as_json:
            show_json(_member(person))
        else:
            _show_member(person, open_ledger.zone)


def _member(person: MemberView) -> dict[str, object]:
    membership = person.membership
    return {
        "member": person.member,
        "name": name_of(person),
        "profile": {**person.profile},
        "accounts": [{"provider": p, "account": a} for p, a in accounts_of(person)],
        "is_member": membership.is_member,
        "joined_at": membership.joined_at,
        "kind": membership.kind,
        "standing": membership.standing,
        "since": membership.since,
        "on_leave": membership.on_leave,
        "retired_at": membership.retired_at,
        "last_activity": membership.last_activity,
        "spells": membership.spells,
        "roles": person.roles.now,
        "roles_ever": person.roles.ever,
        "vouch_level": person.vouches.level,
        "vouches_received": person.vouches.received,
        "vouches_given": person.vouches.given,
        "communities": sorted(person.belonging.communities),
        "affiliations": sorted(person.belonging.affiliations),
        "mentors": sorted(person.belonging.mentors),
        "skills": person.belonging.skills,
    }


def _show_member(person: MemberView, zone: tzinfo) -> None:
    membership = person.membership
    who = called(person.member, name_of(person))
    if membership.is_member:
        retired = f"; retired {day(membership.retired_at, zone)}" if membership.retired_at else ""
        leave = "; on leave" if membership.on_leave else ""
        say(
            f"{who}: member since {day(membership.joined_at, zone)}, "
            f"{membership.standing} since {day(membership.since, zone)}{leave}{retired}"
        )
    else:
        say(f"{who}: never joined")
    if person.profile:
        rows = [(each.field, each.value, each.since) for each in person.profile.fields]
        show_table("Profile", ("field", "value", "since"), rows, zone)
    if accounts := accounts_of(person):
        show_table("Accounts", ("provider", "account"), accounts)
    show_table(
        "Roles",
        ("role", "from", "to", "how it ended", "assigned by"),
        [(place(h.role, h.community), h.start, h.end, h.how, h.by) for h in person.roles.ever],
        zone,
    )
    show_table(
        f"Vouched for by {len(person.vouches.received)}",
        ("voucher", "since", "reason"),
        [(v.voucher, v.at, v.reason) for v in person.vouches.received],
        zone,
    )


def roster(
    ledger: Target,
    role: Annotated[str | None, typer.Option("--role", help="Only who holds this role.")] = None,
    community: Annotated[
        str | None, typer.Option("--community", help="Only who is in this community.")
    ] = None,
    at: At = None,
    known: KnownAt = None,
    zone: Zone = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """List members, with their names, roles and standing."""
    with opened(ledger, zone, keys) as open_ledger:
        view = open_ledger.as_of(valid_at(at), known_at(known, open_ledger))
        rows = view.roster(role=role, community=community)
        names = open_ledger.names(row.member for row in rows)
    if as_json:
        plain = {row.member: msgspec.to_builtins(row) for row in rows}
        show_json([{"member": who, "name": names.get(who)} | each for who, each in plain.items()])
        return
    name = name_column((row.member for row in rows), names)
    show_table(
        f"{len(rows):,} people",
        ("member", *name, "roles", "since", "active", "last activity", "vouches"),
        [
            (
                r.member,
                *(names.get(r.member) for _ in name),
                r.roles,
                r.since,
                r.active,
                r.last_activity,
                r.vouch_level,
            )
            for r in rows
        ],
        open_ledger.zone,
    )


def census(
    ledger: Target,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help=f"What to count by; may be repeated: {', '.join(DIMENSIONS)}."),
    ] = None,
    each: Annotated[
        list[str] | None, typer.Option("--each", metavar="DATE", help="Count at this date; may be repeated.")
    ] = None,
    at: At = None,
    known: KnownAt = None,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Count members, now or through time."""
    names = by or []
    with opened(ledger, zone) as open_ledger:
        view = open_ledger.as_of(valid_at(at), known_at(known, open_ledger))
        dates = [moment for text in each or () if (moment := valid_at(text)) is not None]
        rows = view.census(by=names, at=dates or None)
    if as_json:
        show_json(rows)
        return
    show_table(
        "Members",
        ("at", *names, "members"),
        [(row.at, *row.group, row.members) for row in rows],
        open_ledger.zone,
    )


def history(
    ledger: Target,
    member: Annotated[str | None, typer.Argument(help="Whose; without it, everyone's.")] = None,
    at: At = None,
    known: KnownAt = None,
    zone: Zone = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Tell what happened, in order: one member's life, or everyone's."""
    with opened(ledger, zone, keys, texts=True) as open_ledger:
        view = open_ledger.as_of(valid_at(at), known_at(known, open_ledger))
        for entry, about, name in with_names(view.history(member), open_ledger):
            if as_json:
                show_json({**entry_row(entry), "name": name}, on_one_line=True)
                continue
            who = member or about
            corrected = " (corrected)" if entry.is_correction else ""
            moment = entry.occurred_at.astimezone(open_ledger.zone)
            when = entry.day or moment.isoformat(sep=" ", timespec="minutes")
            words = words_for(entry, who, open_ledger.zone)
            say(f"{when}  {'' if member else called(who, name) + ' '}{words}{corrected}")


def reconcile(
    ledger: Target,
    complete_rosters: Annotated[
        bool,
        typer.Option("--complete-rosters", help="Also list who holds a role without being on its roster."),
    ] = False,
    at: At = None,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """List what does not add up: failed assertions, orphans, leave past its return."""
    with opened(ledger, zone) as open_ledger:
        found = open_ledger.reconcile(at=valid_at(at), complete_rosters=complete_rosters)
    if as_json:
        show_json(found)
    else:
        show_table(
            f"{len(found):,} discrepancies",
            ("kind", "at", "what"),
            [(item.kind, item.at, item.words) for item in found],
            open_ledger.zone,
        )
    if found:
        raise typer.Exit(REFUSED)
