"""The commands of policies: policy check, evaluate, explain, audit. In words, or as JSON."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
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
    own_facts,
    valid_at,
)
from reps_ledger.cli.output import complain, day, entry_row, say, say_lines, show_json, show_table
from reps_ledger.cli.people import called, name_of
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.rules.phrases import place
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import Policy, Verdict, Width, digest, load, warnings
from reps_ledger.views.explain import Admission, Explanation, Link


def _show_explanation(found: Explanation, name: str | None, *, as_json: bool) -> None:
    if not as_json:
        if name is not None:
            say(f"About {called(found.member, name)}")
        say_lines(found.words())
        return
    show_json(
        {
            "member": found.member,
            "name": name,
            "about": found.about,
            "subject": found.subject,
            "holds": found.holds,
            "statement": found.statement,
            "valid_at": found.valid_at,
            "known_at": found.known_at,
            "charter": found.charter,
            "verdict": verdict_values(found.verdict),
            "omitted": found.omitted,
            "chain": [_link(link) for link in found.links],
        }
    )


def _entry(entry: Entry) -> dict[str, object]:
    more = {"on_behalf_of": entry.on_behalf_of, "source": entry.source}
    return entry_row(entry) | more


def _link(link: Link) -> dict[str, object]:
    return {
        "words": link.words,
        "said": link.said,
        "recorded": _entry(link.entry),
        "reads": None if link.reads is None else _entry(link.reads),
        "known": link.known,
        "charter": link.charter,
        "authority": link.authority,
        "admission": None if link.admission is None else _admission(link.admission),
        "amended": [_entry(each) for each in link.amended],
    }


def _admission(admission: Admission) -> dict[str, object]:
    return {
        "clause": admission.clause,
        "says": admission.says,
        "held": admission.held,
        "excepted": admission.excepted,
        "waived_in": admission.waived_in,
        "waiver": admission.waiver,
        "verdict": verdict_values(admission.verdict),
    }


def audit(
    review: Annotated[str, typer.Argument(help="The review's identifier.")],
    ledger: Target,
    zone: Zone = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Say what a decision went by, as it stood then, and whether it would differ now."""
    with opened(ledger, zone, keys, texts=True) as open_ledger:
        found = open_ledger.audit_decision(review)
        name = open_ledger.names([found.member]).get(found.member)
    if not as_json:
        if name is not None:
            say(f"About {called(found.member, name)}")
        say_lines(found.words())
        return
    replayed = found.replayed
    show_json(
        {
            "review": found.review,
            "member": found.member,
            "name": name,
            "decided": found.decided,
            "reason": found.reason,
            "by": found.by,
            "decision": _entry(found.decision),
            "at": found.at,
            "basis": found.basis,
            "recommended": None if replayed is None else replayed.recommended,
            "reproduced": None if replayed is None else replayed.reproduced,
            "followed": None if replayed is None else replayed.followed,
            "replayed": None if replayed is None else verdict_values(replayed.verdict),
            "evidence": [
                {**_link(each.link), "since": [_entry(e) for e in each.since]} for each in found.evidence
            ],
            "learned": [_link(link) for link in found.learned],
            "now": verdict_values(found.now),
            "would_differ": found.would_differ,
        }
    )


PolicyOption = Annotated[
    str, typer.Argument(help="A policy's file (TOML or JSON), or its name in the charter in force.")
]


def register_judging(app: typer.Typer) -> None:
    """Add the commands of policies."""
    policies = typer.Typer(no_args_is_help=True, help="Policies as documents.")
    policies.command(epilog="Example: reps-ledger policy check activity.toml")(check)
    app.add_typer(policies, name="policy")
    app.command(epilog="Example: reps-ledger evaluate activity.toml ana -l reps.db --at 2018-10-01")(evaluate)
    app.command(epilog="Example: reps-ledger explain ana -l reps.db --at 2018-10-01")(explain)
    app.command(epilog="Example: reps-ledger audit activity/2018-10-01/ana -l reps.db")(audit)


def policy_named(name: str) -> Policy | str:
    """Return the policy in a file of that name, or the name itself for the charter's.

    Raises:
        NotFound: it is the name of a file, and there is none.
        InvalidPolicy: what the file says makes no sense.
    """
    file = Path(name)
    if file.is_file() or file.suffix.lower() in {".toml", ".json"}:
        return load(name)
    return name


def check(
    file: Annotated[str, typer.Argument(help="The policy: TOML, or JSON.")], as_json: AsJson = False
) -> None:
    """Read a policy, say it in words, and warn of cases that have no effect."""
    with failing():
        policy = load(file)
        found = warnings(policy)
        unknown = unknown_facts(policy)
    if as_json:
        show_json(
            {
                "policy": policy.name,
                "version": policy.version,
                "digest": digest(policy),
                "words": policy.words(),
                "outcomes": policy.outcomes,
                "warnings": [{"case": each.case, "words": each.words} for each in found],
                "unknown_facts": unknown,
            }
        )
    else:
        say_lines(policy.words())
        say(f"digest {digest(policy)}")
        for each in (*found, *unknown):
            complain(f"warning: {each}")
    if found or unknown:
        raise typer.Exit(REFUSED)


def unknown_facts(policy: Policy) -> tuple[str, ...]:
    """Say which facts or fields a policy names that are not known here."""
    try:
        policy.check(Registry((*BUILT_IN, *own_facts())))
    except InvalidPolicy as error:
        return (str(error),)
    return ()


def evaluate(
    policy: PolicyOption,
    ledger: Target,
    member: Annotated[
        str | None, typer.Argument(help="Whom, or which community; without it, all, counted.")
    ] = None,
    at: At = None,
    known: KnownAt = None,
    zone: Zone = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a policy of one member, with reasons, or of everyone."""
    with opened(ledger, zone) as open_ledger:
        view = open_ledger.as_of(valid_at(at), known_at(known, open_ledger))
        found = view.policy(policy_named(policy))
        if member is not None:
            if found.of == "member" and not any(True for _ in view.history(member)):
                complain(f"note: nothing is known of {member} then")
            _show_verdict(view.evaluate(found, member), as_json=as_json)
            return
        counts: Counter[str] = Counter()
        rows: list[dict[str, object]] = []
        for name, outcome in view.outcomes(found).items():
            counts[outcome] += 1
            if as_json:
                rows.append({"member": name, "outcome": outcome})
    if as_json:
        show_json({"counts": counts, "verdicts": rows})
        return
    ordered = [outcome for outcome in found.outcomes if outcome in counts]
    show_table(found.name, ("outcome", "members"), [(name, counts[name]) for name in ordered])


def _show_verdict(verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        show_json(verdict_values(verdict))
        return
    say_lines(verdict.words())
    for outcome in _better(verdict):
        for way in verdict.shortfalls(outcome):
            say(f"  for {outcome}: {way}")


def _better(verdict: Verdict) -> tuple[str, ...]:
    """Return the next better outcome, where there is one."""
    scale = verdict.policy.scale
    if not scale or verdict.outcome == scale[0]:
        return ()
    return (scale[scale.index(verdict.outcome) - 1],)


def verdict_values(verdict: Verdict | None) -> dict[str, object] | None:
    """Return a verdict as plain values; None for none."""
    if verdict is None:
        return None
    return {
        "policy": verdict.policy.name,
        "version": verdict.policy.version,
        "digest": digest(verdict.policy),
        "member": verdict.member,
        "at": verdict.at,
        "known_at": verdict.known_at,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "case": verdict.case,
        "findings": [
            {
                "condition": found.condition.words(),
                "holds": found.holds,
                "value": _plain(found.value),
                "threshold": _plain(found.threshold),
                "entries": found.entries,
            }
            for found in verdict.findings
        ],
        "lapses_at": verdict.lapses_at,
        "lapses_to": verdict.lapses_to,
        "shortfalls": {
            outcome: [
                {
                    "words": way.words(),
                    "by": way.by,
                    "needs": [
                        {
                            "condition": need.condition.words(),
                            "wanted": need.wanted,
                            "missing": _plain(need.missing),
                            "on": need.on,
                        }
                        for need in way.needs
                    ],
                }
                for way in verdict.shortfalls(outcome)
            ]
            for outcome in _better(verdict)
        },
    }


def _plain(value: object) -> object:
    """Return a value as JSON has it: widths and fractions as text."""
    return str(value) if isinstance(value, Width | Fraction) else value


def explain(
    member: Annotated[str, typer.Argument(help="Whom.")],
    ledger: Target,
    role: Annotated[str | None, typer.Option("--role", help="The chain of entries behind this role.")] = None,
    community: Annotated[
        str | None, typer.Option("--community", help="Where: for --role and --membership.")
    ] = None,
    standing: Annotated[
        bool, typer.Option("--standing", help="The chain of entries behind their standing.")
    ] = False,
    vouches: Annotated[
        bool, typer.Option("--vouches", help="The chain of entries behind their vouches.")
    ] = False,
    membership: Annotated[
        bool, typer.Option("--membership", help="The chain behind whether they are a member.")
    ] = False,
    at: At = None,
    known: KnownAt = None,
    zone: Zone = None,
    keys: Keys = None,
    as_json: AsJson = False,
) -> None:
    """Explain a role, a standing, vouches or a membership; without an option, say it in short.

    For each entry: who recorded it and for whom, under which charter, how that let it be by
    what was known then, and what corrected it since.
    """
    asked = {"standing": standing, "vouches": vouches, "membership": membership}
    about = [name for name, wanted in asked.items() if wanted] + ([] if role is None else ["role"])
    if len(about) > 1:
        raise typer.BadParameter(f"explain one thing at a time, not {' and '.join(about)}")
    with opened(ledger, zone, keys, texts=True) as open_ledger:
        view = open_ledger.as_of(valid_at(at), known_at(known, open_ledger))
        person = view.member(member)
        if about:
            found = view.explain(member, about[0], role=role, community=community)
            _show_explanation(found, name_of(person), as_json=as_json)
            return
        if not person.history:
            complain(f"{member}: nothing is known of them then")
            if as_json:
                show_json(None)
            raise typer.Exit(REFUSED)
        stands, charter = person.membership, view.charter
        version = None if charter is None else f"{charter.name}, version {charter.version}"
        verdict = stands.verdict
        if as_json:
            show_json(
                {
                    "member": person.member,
                    "name": name_of(person),
                    "standing": stands.standing,
                    "since": stands.since,
                    "counts_as_member": view.is_member(member),
                    "charter": version,
                    "verdict": verdict_values(verdict),
                    "roles": person.roles.ever,
                    "vouches": person.vouches.received,
                    "vouch_level": person.vouch_level,
                }
            )
            return
        in_zone = open_ledger.zone
        if verdict is None:
            last = day(stands.last_activity, in_zone) or "never"
            say(
                f"{called(person.member, name_of(person))} is {stands.standing or 'no member'} since "
                f"{day(stands.since, in_zone) or 'never'}, by the default rule: an act "
                f"within the last 12 months, or leave (last act: {last})"
            )
        else:
            if name_of(person) is not None:
                say(f"About {called(person.member, name_of(person))}")
            _show_verdict(verdict, as_json=False)
        say(f"Charter in force: {version or 'none'}")
        level = f", level {person.vouch_level}" if person.vouch_level else ""
        say(f"Vouched for by {len(person.vouches.received)}{level}")
        show_table(
            "Roles",
            ("role", "from", "to", "given by", "why", "how it ended", "why"),
            [
                (place(h.role, h.community), h.start, h.end, h.by, h.reason, h.how, h.end_reason)
                for h in person.roles.ever
            ],
            in_zone,
        )
