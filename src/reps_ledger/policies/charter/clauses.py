"""Clauses of charters: what each refuses, and the charter in words.

A refusal for a condition that does not hold says what is missing, as shortfalls do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Final

from attrs import evolve

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import RoleAssigned, RoleEnded, Vouched
from reps_ledger.domain.rules.phrases import place
from reps_ledger.domain.spans import person_key
from reps_ledger.domain.time import local_day
from reps_ledger.errors import Refusal
from reps_ledger.policies.charter.charter import Authority, Charter, Retention, RoleClause, Vouching
from reps_ledger.policies.language.conditions import Condition, holds
from reps_ledger.policies.language.phrases import quoted
from reps_ledger.policies.policy import Policy, when
from reps_ledger.policies.shortfalls import Shortfall
from reps_ledger.policies.subject import Subject
from reps_ledger.policies.verdicts import evaluate

_MOST_WAYS: Final = 3
"""How many ways to fulfil a condition a refusal says."""


def title(charter: Charter) -> str:
    """Say a charter's name and version."""
    return f"the charter of {charter.name}, version {charter.version}"


def role_clause(fact: RoleAssigned | RoleEnded) -> str:
    """Return the name by which a waiver lifts the clause of a role in a community."""
    return f"role {place(fact.role, fact.community)}"


def vouch_clause(fact: Vouched) -> str:
    """Return the name by which a waiver lifts the rules of vouching for one voucher."""
    return f"vouch by {fact.voucher}"


def is_waived(clause: str, subject: Subject) -> bool:
    """Whether a waiver lifts a clause for somebody now."""
    return any(span.entry.fact.policy == clause for span in subject.standing("exemption.granted"))


def admitting(
    entry: Entry, fact: RoleAssigned, clause: RoleClause, charter: Charter, subject: Subject
) -> Iterator[Refusal]:
    """Refuse to assign a role to somebody whom the charter does not admit to it."""
    name = role_clause(fact)
    what = place(fact.role, fact.community)
    by = title(charter)
    if clause.closed:
        yield _refuse("role_closed", f"{by} gives {what} to nobody any more", name)
    excepted = clause.unless is not None and holds(clause.unless, subject)
    if clause.asked is not None and not excepted:
        words = f"{fact.member} may not become {what}"
        yield from _unmet("not_admitted", words, clause.asked, by=by, clause=name, subject=subject)
    if clause.term is not None:
        last = clause.term.after(entry.occurred_at, subject.zone)
        if fact.until is None or fact.until > last:
            day = local_day(last, subject.zone)
            words = f"{by} gives {what} for {clause.term} at most: say until when, {day} at the latest"
            yield _refuse("term_too_long", words, name)


def ending(fact: RoleEnded, clause: RoleClause, charter: Charter) -> Iterator[Refusal]:
    """Refuse to end a role in a way that the charter does not allow."""
    if clause.ends is None or fact.how in clause.ends:
        return
    known = " or ".join(clause.ends) or "not at all"
    words = f"{title(charter)} lets {clause.role} end only as {known}, not as {fact.how}"
    yield _refuse("ending_not_allowed", words, role_clause(fact))


def voucher_may(fact: Vouched, clause: Vouching, charter: Charter, voucher: Subject) -> Iterator[Refusal]:
    """Refuse the vouch of somebody whom the charter does not allow to vouch."""
    if clause.may is not None:
        words = f"{fact.voucher} may not vouch"
        by = title(charter)
        yield from _unmet(
            "may_not_vouch", words, clause.may, by=by, clause=vouch_clause(fact), subject=voucher
        )


def room_for_vouch(fact: Vouched, clause: Vouching, charter: Charter, member: Subject) -> Iterator[Refusal]:
    """Refuse a vouch for somebody who has received as many as the charter allows."""
    received = [s for s in member.dossier.spans("vouch.given") if s.entry.fact.member == fact.member]
    moments = {member.at, *(max(member.at, span.start) for span in received)}
    for moment in sorted(moments):  # a backdated vouch counts beside later ones too
        standing = [span for span in received if span.holds(moment)]
        number = len({person_key(span.entry) for span in standing})
        if clause.most is not None and number >= clause.most:
            words = f"{fact.member} has {_vouches(number)}; {title(charter)} allows no more"
            refusal = _refuse("vouched_enough", words, vouch_clause(fact))
            yield evolve(refusal, entries=tuple(span.entry.id for span in standing))
            return


def _vouches(number: int) -> str:
    return f"{number} standing vouch{'' if number == 1 else 'es'}"


def _unmet(
    code: str, words: str, condition: Condition, *, by: str, clause: str, subject: Subject
) -> Iterator[Refusal]:
    """Refuse somebody of whom a condition does not hold, and say what is missing."""
    policy = Policy(clause, cases=[when(condition).then("yes")], otherwise="no")
    verdict = evaluate(policy, subject)
    if verdict.outcome == "yes":
        return
    ways = verdict.shortfalls("yes")
    missing = [" and ".join(lacking(need, subject) for need in way.needs) for way in ways[:_MOST_WAYS]]
    why = "; or ".join(missing) or f"it must be so that {condition.words()}"
    yield Refusal(code=code, words=f"{words} under {by}: {why}", entries=verdict.evidence, clause=clause)


def lacking(need: Shortfall, subject: Subject) -> str:
    """Say what somebody lacks, and when time alone would change that."""
    words = _lacking(need)
    if need.on is None:
        return words
    return f"{words} (by itself on {local_day(need.on, subject.zone)})"


def _lacking(need: Shortfall) -> str:
    leaf = need.condition
    if need.wanted and (lacked := leaf.lacked()) is not None:
        return lacked
    words = leaf.missing_words(need.missing, wanted=need.wanted)
    return f"needs {words}" if need.missing else f"it must be so that {words}"


def _refuse(code: str, words: str, clause: str | None) -> Refusal:
    return Refusal(code=code, words=words, clause=clause)


@checked
def statements(charter: Charter) -> dict[str, str]:
    """Return what a charter says: its statements, by what each is about."""
    found: dict[str, str] = {}
    if charter.source:
        found["source"] = f"It comes from {charter.source}."
    if charter.member is not None:
        found["members"] = f"Who counts as a member: those of whom it is so that {charter.member.words()}."
    for name, condition in charter.communities:
        found[f"members of {name}"] = (
            f"Who counts as a member of {name}: those of whom it is so that {condition.words()}."
        )
    if charter.standing is not None:
        found["standing"] = (
            f'Members stand as the policy "{charter.standing.policy}" says; '
            f"active are those for whom it says {quoted(charter.standing.active)}."
        )
    if charter.vouching is not None:
        found |= dict(_vouching(charter.vouching))
    for clause in charter.roles:
        for about, words in _role(clause):
            found[f"{clause.role}, {about}"] = words
    for authority in charter.authorities:
        found[f"who may record {authority.fact}"] = _authority(authority)
    found |= dict(map(_retention, charter.retention))
    for policy in charter.policies:
        found[f"policy {policy.name}"] = policy.words()
    return found


def _retention(clause: Retention) -> tuple[str, str]:
    words = f"Personal texts of {clause.fact} are erased {clause.keep} after the end of their calendar year."
    return f"how long texts of {clause.fact} are kept", words


def _vouching(vouching: Vouching) -> Iterator[tuple[str, str]]:
    if vouching.may is not None:
        yield "who may vouch", f"Who may vouch: those of whom it is so that {vouching.may.words()}."
    if vouching.most is not None:
        vouches = "vouch" if vouching.most == 1 else "vouches"
        yield "vouches received", f"Nobody receives more than {vouching.most} standing {vouches}."
    if vouching.levels:
        levels = ", ".join(f'"{each.name}" from {each.vouches}' for each in vouching.levels)
        yield "vouch levels", f"Levels by standing vouches: {levels}."


def _role(clause: RoleClause) -> Iterator[tuple[str, str]]:
    role = clause.role
    if clause.closed:
        yield "admission", f"{role}: given to nobody any more; who holds it keeps it."
    if clause.admission is not None:
        yield ("admission", f"{role}: given to those of whom it is so that {clause.admission.words()}.")
    if clause.courses:
        courses = "course" if len(clause.courses) == 1 else "courses"
        yield "courses", f"{role}: asks for the {courses} {', '.join(clause.courses)}."
    if clause.unless is not None:
        yield "exceptions", f"{role}: none of that is asked where {clause.unless.words()}."
    if clause.term is not None:
        yield "term", f"{role}: given for {clause.term} at most."
    if clause.seats is not None:
        yield "seats", f"{role}: held by {clause.seats} at most at once, in each community."
    if clause.ends is not None:
        how = " or ".join(clause.ends) or "in no way at all"
        yield "endings", f"{role}: ends only as {how}."
    if clause.review is not None:
        yield "review", f'{role}: reviewed by the policy "{clause.review}".'


def _authority(authority: Authority) -> str:
    who = list(authority.actors)
    who += ["the member concerned"] if authority.themselves else []
    if authority.when is not None:
        who.append(f"members of whom it is so that {authority.when.words()}")
    words = f"{authority.fact} is recorded only by {', '.join(who)}"
    if authority.agents:
        words += f"; on their behalf by {', '.join(authority.agents)} too"
    return f"{words}."


@checked
def charter_words(charter: Charter) -> str:
    """Say a whole charter, a paragraph for each statement."""
    title = f"The charter of {charter.name}, version {charter.version}."
    return "\n\n".join([title, *statements(charter).values()])


@checked
def changes(before: Charter, after: Charter) -> tuple[str, ...]:
    """Say which statements are added, dropped or changed from one charter to another."""
    old, new = statements(before), statements(after)
    found = []
    for about in dict.fromkeys([*old, *new]):
        was, now = old.get(about), new.get(about)
        if was is None:
            found.append(f"added: {now}")
        elif now is None:
            found.append(f"dropped: {was}")
        elif was != now:
            found.append(_changed(about, was, now))
    return tuple(found)


def _changed(about: str, was: str, now: str) -> str:
    if "\n" not in was and "\n" not in now:
        return f"changed: {was}\n     to: {now}"
    lines = difflib.ndiff(was.splitlines(), now.splitlines())
    changed = [line for line in lines if line[:2] in {"- ", "+ "}]
    return "\n  ".join([f"changed: {about}", *changed])
