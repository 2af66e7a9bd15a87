"""Charters in words, and what changes from one to another."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from reps_ledger.policies.language.nouns import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reps_ledger.policies.charter.charter import Authority, Charter, RoleClause, Vouching

__all__ = ["changes", "charter_words", "statements"]


def statements(charter: Charter) -> dict[str, str]:
    """Return what a charter says, statement by statement, each under what it is about."""
    found: dict[str, str] = {}
    if charter.source:
        found["source"] = f"It comes from {charter.source}."
    if charter.member is not None:
        found["members"] = (
            f"Who counts as a member: those of whom it is so that {charter.member.words()}."
        )
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
    for policy in charter.policies:
        found[f"policy {policy.name}"] = policy.words()
    return found


def _vouching(vouching: Vouching) -> Iterator[tuple[str, str]]:
    if vouching.may is not None:
        yield "who may vouch", f"Who may vouch: those of whom it is so that {vouching.may.words()}."
    if vouching.most is not None:
        vouches = "vouch" if vouching.most == 1 else "vouches"
        yield "vouches received", f"Nobody receives more than {vouching.most} standing {vouches}."
    if vouching.levels:
        told = ", ".join(f'"{each.name}" from {each.vouches}' for each in vouching.levels)
        yield "vouch levels", f"Levels by standing vouches: {told}."


def _role(clause: RoleClause) -> Iterator[tuple[str, str]]:
    role = clause.role
    if clause.closed:
        yield "admission", f"{role}: given to nobody any more; who holds it keeps it."
    if clause.admission is not None:
        yield (
            "admission",
            f"{role}: given to those of whom it is so that {clause.admission.words()}.",
        )
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
    said = f"{authority.fact} is recorded only by {', '.join(who)}"
    if authority.agents:
        said += f"; on their behalf by {', '.join(authority.agents)} too"
    return f"{said}."


def charter_words(charter: Charter) -> str:
    """Say a whole charter, a statement a paragraph."""
    title = f"The charter of {charter.name}, version {charter.version}."
    return "\n\n".join([title, *statements(charter).values()])


def changes(before: Charter, after: Charter) -> tuple[str, ...]:
    """Say what changes from one charter to another: added, dropped, and what became of what."""
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
    told = [line for line in lines if line[:2] in {"- ", "+ "}]
    return "\n  ".join([f"changed: {about}", *told])
