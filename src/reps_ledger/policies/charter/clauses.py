"""What a charter refuses, clause by clause. Refusals are made of shortfalls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import evolve

from reps_ledger.domain.facts import RoleAssigned, RoleEnded, Vouched
from reps_ledger.domain.refusals import Refusal
from reps_ledger.domain.rules.words import place
from reps_ledger.policies.language.conditions import Leaf, holds
from reps_ledger.policies.language.learned import Accepted, Completed
from reps_ledger.policies.language.people import Holds
from reps_ledger.policies.needs import missing_words
from reps_ledger.policies.policy import Policy, when
from reps_ledger.policies.verdicts import evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reps_ledger.domain.entries import Entry
    from reps_ledger.policies.charter.charter import Charter, RoleClause, Vouching
    from reps_ledger.policies.language.conditions import Condition
    from reps_ledger.policies.shortfalls import Shortfall
    from reps_ledger.policies.subject import Subject

__all__ = [
    "admitting",
    "ending",
    "is_waived",
    "lacking",
    "role_clause",
    "room_for_vouch",
    "title",
    "vouch_clause",
    "voucher_may",
]

_WAYS_TOLD: Final = 3


def title(charter: Charter) -> str:
    """Say which charter."""
    return f"the charter of {charter.name}, version {charter.version}"


def role_clause(fact: RoleAssigned | RoleEnded) -> str:
    """Return the name under which a waiver lifts what a charter asks of a role there."""
    return f"role {place(fact.role, fact.community)}"


def vouch_clause(fact: Vouched) -> str:
    """Return the name under which a waiver lifts what a charter says of one voucher's vouch."""
    return f"vouch by {fact.voucher}"


def is_waived(clause: str, subject: Subject) -> bool:
    """Whether a waiver lifts a clause for somebody now."""
    return any(span.entry.fact.policy == clause for span in subject.standing("exemption.granted"))


def admitting(
    entry: Entry, fact: RoleAssigned, clause: RoleClause, charter: Charter, subject: Subject
) -> Iterator[Refusal]:
    """Refuse to give a role to whom the charter does not admit."""
    name = role_clause(fact)
    what = place(fact.role, fact.community)
    by = title(charter)
    if clause.closed:
        yield _refuse("role_closed", f"{by} gives {what} to nobody any more", name)
    excepted = clause.unless is not None and holds(clause.unless, subject)
    if clause.asked is not None and not excepted:
        words = f"{fact.member} may not become {what}"
        yield from _asked("not_admitted", words, clause.asked, by=by, clause=name, subject=subject)
    if clause.term is not None:
        last = clause.term.after(entry.occurred_at, subject.zone)
        if fact.until is None or fact.until > last:
            day = last.astimezone(subject.zone).date()
            words = (
                f"{by} gives {what} for {clause.term} at most: say until when, {day} at the latest"
            )
            yield _refuse("term_too_long", words, name)


def ending(fact: RoleEnded, clause: RoleClause, charter: Charter) -> Iterator[Refusal]:
    """Refuse to end a role in a way that the charter does not know."""
    if clause.ends is None or fact.how in clause.ends:
        return
    known = " or ".join(clause.ends) or "not at all"
    words = f"{title(charter)} lets {clause.role} end only as {known}, not as {fact.how}"
    yield _refuse("ending_not_allowed", words, role_clause(fact))


def voucher_may(
    fact: Vouched, clause: Vouching, charter: Charter, voucher: Subject
) -> Iterator[Refusal]:
    """Refuse the vouch of whom the charter does not let vouch."""
    if clause.may is not None:
        words = f"{fact.voucher} may not vouch"
        by = title(charter)
        yield from _asked(
            "may_not_vouch", words, clause.may, by=by, clause=vouch_clause(fact), subject=voucher
        )


def room_for_vouch(
    fact: Vouched, clause: Vouching, charter: Charter, member: Subject
) -> Iterator[Refusal]:
    """Refuse a vouch for whom has received as many as the charter allows."""
    received = [
        s for s in member.dossier.spans("vouch.given") if s.entry.fact.member == fact.member
    ]
    moments = {member.at, *(max(member.at, span.start) for span in received)}
    for moment in sorted(moments):  # told late, it counts beside those that came after it
        standing = [span for span in received if span.holds(moment)]
        if clause.most is not None and len(standing) >= clause.most:
            words = f"{fact.member} has {_vouches(len(standing))}; {title(charter)} allows no more"
            refusal = _refuse("vouched_enough", words, vouch_clause(fact))
            yield evolve(refusal, entries=tuple(span.entry.id for span in standing))
            return


def _vouches(number: int) -> str:
    return f"{number} standing vouch{'' if number == 1 else 'es'}"


def _asked(
    code: str, words: str, condition: Condition, *, by: str, clause: str, subject: Subject
) -> Iterator[Refusal]:
    """Refuse whom a condition does not hold of, and say what is missing."""
    policy = Policy(clause, cases=[when(condition).then("yes")], otherwise="no")
    verdict = evaluate(policy, subject)
    if verdict.outcome == "yes":
        return
    ways = verdict.shortfalls("yes")
    missing = [
        " and ".join(lacking(need, subject) for need in way.needs) for way in ways[:_WAYS_TOLD]
    ]
    why = "; or ".join(missing) or f"it must be so that {condition.words()}"
    yield Refusal(
        code=code, words=f"{words} under {by}: {why}", entries=verdict.evidence, clause=clause
    )


def lacking(need: Shortfall, subject: Subject) -> str:
    """Say what somebody lacks."""
    said = _lacking(need)
    if need.on is None:
        return said
    return f"{said} (by itself on {need.on.astimezone(subject.zone).date()})"


def _lacking(need: Shortfall) -> str:
    leaf: Leaf = need.condition
    match leaf:
        case Completed(course) if need.wanted:
            return f"needs the {course} course; has none"
        case Accepted(agreement) if need.wanted:
            return f"needs to accept the {agreement} agreement"
        case Holds() if need.wanted:
            return f"needs to be {leaf.words().removeprefix('they are ')}"
    said = missing_words(leaf, need.missing, wanted=need.wanted)
    return f"needs {said}" if need.missing else f"it must be so that {said}"


def _refuse(code: str, words: str, clause: str | None) -> Refusal:
    return Refusal(code=code, words=words, clause=clause)
