"""Explaining: why a member has a role, stands, is vouched for, counts as a member, or does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from reps_ledger.audit.explanations import Explanation
from reps_ledger.domain.facts import (
    ApplicationDecided,
    ApplicationFiled,
    Fact,
    LeaveEnded,
    LeaveStarted,
    MemberJoined,
    MemberRetired,
    MemberReturned,
    MembersMerged,
    MembersUnmerged,
    RoleAsserted,
    RoleAssigned,
    RoleEnded,
    Vouched,
    VouchWithdrawn,
)
from reps_ledger.domain.rules.words import place
from reps_ledger.errors import InvalidInput
from reps_ledger.policies.charter.governing import in_force
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.projections.membership import acting
from reps_ledger.views.judging import Judging
from reps_ledger.views.member import MemberView
from reps_ledger.views.tracing import Tracing, asked_of, charter_in_force

if TYPE_CHECKING:
    from reps_ledger.audit.explanations import Link
    from reps_ledger.domain.entries import Entry
    from reps_ledger.log.reading import Reading
    from reps_ledger.projections import Holding

__all__ = ["ABOUT", "explain"]

ABOUT: Final = ("role", "standing", "vouches", "membership")
"""What can be explained of a member."""

MAX_LINKS: Final = 200
"""Entries of a chain that are explained; older ones are counted."""

_ABOUT_ROLES: Final = (RoleAssigned, RoleEnded, RoleAsserted, ApplicationFiled, ApplicationDecided)
_LIFE: Final = (MemberJoined, MemberRetired, MemberReturned)
_MERGES: Final = (MembersMerged, MembersUnmerged)


@frozen
class _Found:
    """What is so, and which facts it rests on."""

    subject: str | None
    holds: bool
    statement: str
    rests_on: Callable[[Fact], bool]
    evidence: tuple[str, ...] = ()
    verdict: Verdict | None = None


def explain(
    judging: Judging,
    reading: Reading,
    member: str,
    at: datetime,
    about: str | None,
    *,
    role: str | None,
    community: str | None,
) -> Explanation:
    """Explain something of a member; see ``View.explain``."""
    about = _about(about, role)
    subject = judging.member(member, at)
    person = MemberView(subject, judging)
    match about:
        case "role":
            found = _role(person, str(role), community, at, judging)
        case "standing":
            found = _standing(person, judging)
        case "vouches":
            found = _vouches(person)
        case _:
            found = _membership(person, community, judging, at)
    adoption = in_force((e for e in judging.adopted if e.occurred_at <= at), at)
    links, omitted = _links(judging, reading, person, found, at)
    return Explanation(
        member=person.member,
        about=about,
        subject=found.subject,
        holds=found.holds,
        statement=found.statement,
        valid_at=at,
        known_at=reading.known_at,
        charter=charter_in_force(adoption),
        verdict=found.verdict,
        links=links,
        omitted=omitted,
        zone=judging.zone,
    )


def _about(about: str | None, role: str | None) -> str:
    if about is None:
        about = "standing" if role is None else "role"
    if about not in ABOUT:
        raise InvalidInput(f"explain {', '.join(ABOUT)}, not {about!r:.60}", field="about")
    if (about == "role") != (role is not None):
        raise InvalidInput("say which role, where a role is to be explained", field="role")
    return about


def _links(
    judging: Judging, reading: Reading, person: MemberView, found: _Found, at: datetime
) -> tuple[tuple[Link, ...], int]:
    tracing = Tracing(reading, judging.zone, person.member, reading.member(person.member)[1])
    rests_on = tracing.add(found.evidence)
    chains = []
    for entry, reads, amended in tracing.chains():
        facts = [entry.fact, *(getattr(each.fact, "replacement", None) for each in amended)]
        if (reads or entry).occurred_at <= at and (
            entry.id in rests_on or any(isinstance(f, _MERGES) or found.rests_on(f) for f in facts)
        ):
            chains.append((entry, reads, amended))
    chains.sort(key=_by_time)
    links = tuple(tracing.link(*chain) for chain in chains[-MAX_LINKS:])
    return links, len(chains) - len(links)


def _by_time(chain: tuple[Entry, Entry | None, Any]) -> tuple[datetime, int]:
    entry, reads, _ = chain
    return (reads or entry).occurred_at, entry.position


def _role(
    person: MemberView, role: str, community: str | None, at: datetime, judging: Judging
) -> _Found:
    def rests_on(fact: Fact) -> bool:
        return (
            isinstance(fact, _ABOUT_ROLES)
            and fact.role == role
            and community in {None, fact.community}
        )

    ever = [h for h in person.roles.ever if h.role == role and community in {None, h.community}]
    now = [holding for holding in ever if holding.held_at(at)]
    what = place(role, community)

    def day(moment: datetime | None) -> str:
        return "" if moment is None else moment.astimezone(judging.zone).date().isoformat()

    def until(holding: Holding) -> str:
        how = f" ({holding.how})" if holding.how else ""
        return f"{place(role, holding.community)} until {day(holding.end)}{how}"

    if now:
        held = " and ".join(f"{place(role, h.community)} since {day(h.start)}" for h in now)
        statement = f"{person.member} is {held}"
    elif ever:
        statement = f"{person.member} is not {what}, and was {until(ever[-1])}"
    else:
        statement = f"{person.member} is not {what}, and never was"
    ends = tuple(h.ended_in for h in ever if h.ended_in is not None)
    return _Found(what, bool(now), statement, rests_on, ends)


def _standing(person: MemberView, judging: Judging) -> _Found:
    membership = person.membership
    verdict = membership.verdict
    acts = [entry.id for entry in person.history if acting(entry.fact) == person.member]
    evidence = tuple(acts[-1:]) if verdict is None else verdict.evidence
    kinds = (*_LIFE, LeaveStarted, LeaveEnded)

    def rests_on(fact: Fact) -> bool:
        return isinstance(fact, kinds) and fact.member == person.member

    if not membership.is_member:
        statement = f"{person.member} never joined"
    else:
        since = membership.since
        from_when = "" if since is None else f" since {since.astimezone(judging.zone).date()}"
        rule = "" if verdict is not None else ", by the default rule"
        statement = f"{person.member} is {membership.standing}{from_when}{rule}"
    return _Found(None, membership.active, statement, rests_on, evidence, verdict)


def _vouches(person: MemberView) -> _Found:
    number = person.vouches.level
    named = person.vouch_level

    def rests_on(fact: Fact) -> bool:
        return isinstance(fact, Vouched | VouchWithdrawn) and fact.member == person.member

    people = "nobody" if not number else "1 person" if number == 1 else f"{number} people"
    level = f": level {named}" if named is not None else ""
    statement = f"{person.member} is vouched for by {people}{level}"
    return _Found(named, number > 0, statement, rests_on)


def _membership(
    person: MemberView, community: str | None, judging: Judging, at: datetime
) -> _Found:
    subject = judging.member(person.member, at)
    charter = judging.charter(at)
    definition = None if charter is None else charter.definition(community)
    counts = judging.counts_as_member(subject, community)
    verdict = None
    if definition is not None:
        verdict = asked_of(
            f"member of {community or 'the programme'}", definition, subject, judging
        )

    def rests_on(fact: Fact) -> bool:
        if getattr(fact, "member", None) != person.member:
            return False
        joins = community is not None and getattr(fact, "community", None) == community
        return isinstance(fact, _LIFE) or joins

    joined = person.membership.joined_at
    what = "a member" if community is None else f"a member of {community}"
    if joined is None:
        statement = f"{person.member} never joined"
    else:
        day = joined.astimezone(judging.zone).date()
        told = "counts as" if counts else "does not count as"
        statement = f"{person.member} joined on {day}, for ever, and {told} {what}"
    evidence = () if verdict is None else verdict.evidence
    return _Found(community, counts, statement, rests_on, evidence, verdict)
