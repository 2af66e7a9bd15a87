"""Rules about vouches, roles and mentors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reps_ledger.domain.rules.machines import LIFE, MENTORING, VOUCH, Life
from reps_ledger.domain.rules.parts import Known, Parts, Rule
from reps_ledger.domain.rules.people import life_of
from reps_ledger.domain.rules.words import day_of, must_be_member, place, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.refusals import Refusal

__all__ = ["STANDING"]


def _vouch_parts(fact: Any, _known: Known) -> Parts:
    pair = VOUCH.part(fact.voucher, fact.member)
    return (LIFE.part(fact.member), LIFE.part(fact.voucher), pair)


def _vouching(
    entry: Entry, member: Life, voucher: Life, standing: Entry | None
) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if fact.member == fact.voucher:
        yield refuse("self_vouch", f"{fact.member} cannot vouch for themselves")
        return
    yield from must_be_member(member, fact.member, entry)
    yield from must_be_member(voucher, fact.voucher, entry)
    if standing is not None:
        yield refuse(
            "already_vouched",
            f"{fact.voucher} vouched for {fact.member} on {day_of(standing)}, and it stands",
            standing,
        )


def _withdrawing(
    _entry: Entry, _member: Life, _voucher: Life, standing: Entry | None
) -> Iterator[Refusal]:
    fact: Any = _entry.fact
    if standing is None:
        yield refuse("no_vouch", f"{fact.voucher} has no standing vouch for {fact.member}")


def _assigning(entry: Entry, life: Life) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if fact.until is not None and fact.until <= entry.occurred_at:
        yield refuse(
            "until_before_start", f"a term that starts on {day_of(entry)} cannot end before it"
        )
    held = life.held(fact.role, fact.community, entry.occurred_at)
    if held is not None:
        yield refuse(
            "role_held",
            f"{fact.member} holds {place(fact.role, fact.community)} since {day_of(held)}",
            held,
        )


def _ending(entry: Entry, life: Life) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if life.held(fact.role, fact.community, entry.occurred_at) is None:
        yield refuse(
            "role_not_held",
            f"{fact.member} did not hold {place(fact.role, fact.community)} on {day_of(entry)}",
            life.roles.get((fact.role, fact.community)),
        )


def _mentor_parts(fact: Any, _known: Known) -> Parts:
    pair = MENTORING.part(fact.mentor, fact.member)
    return (LIFE.part(fact.member), LIFE.part(fact.mentor), pair)


def _mentoring(
    entry: Entry, member: Life, mentor: Life, standing: Entry | None
) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if fact.member == fact.mentor:
        yield refuse("self_mentor", f"{fact.member} cannot be their own mentor")
        return
    yield from must_be_member(member, fact.member, entry)
    yield from must_be_member(mentor, fact.mentor, entry)
    if standing is not None:
        yield refuse(
            "already_mentor",
            f"{fact.mentor} is {fact.member}'s mentor since {day_of(standing)}",
            standing,
        )


def _releasing(
    entry: Entry, _member: Life, _mentor: Life, standing: Entry | None
) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if standing is None:
        yield refuse("no_mentor", f"{fact.mentor} is not {fact.member}'s mentor")


STANDING = (
    Rule(name="vouch.given", parts=_vouch_parts, judge=_vouching),
    Rule(name="vouch.withdrawn", parts=_vouch_parts, judge=_withdrawing),
    Rule(name="role.assigned", parts=life_of, judge=_assigning),
    Rule(name="role.ended", parts=life_of, judge=_ending),
    Rule(name="role.asserted"),
    Rule(name="mentor.assigned", parts=_mentor_parts, judge=_mentoring),
    Rule(name="mentor.released", parts=_mentor_parts, judge=_releasing),
)
"""The rules of ``domain/facts/vouching.py`` and ``domain/facts/roles.py``."""
