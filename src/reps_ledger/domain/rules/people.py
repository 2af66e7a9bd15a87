"""Rules about who belongs, and under which names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reps_ledger.domain.rules.machines import ACCOUNT, LIFE, Life, account_names
from reps_ledger.domain.rules.parts import Known, Parts, Rule
from reps_ledger.domain.rules.words import day_of, must_be_member, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.facts import Fact
    from reps_ledger.domain.refusals import Refusal

__all__ = ["PEOPLE", "life_of", "member_only"]


def life_of(fact: Any, _known: Known) -> Parts:
    """Name the part that most rules depend on: the member's life."""
    return (LIFE.part(fact.member),)


def member_only(entry: Entry, life: Life) -> Iterator[Refusal]:
    """Refuse what is said of somebody who is not a member."""
    fact: Any = entry.fact
    return must_be_member(life, fact.member, entry)


def _parts_of_joining(fact: Any, _known: Known) -> Parts:
    life = LIFE.part(fact.member)
    if fact.account is None:
        return (life,)
    return (life, ACCOUNT.part(*account_names(fact)))


def _joining(entry: Entry, life: Life, account: Entry | None = None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if life.joined is not None:
        yield refuse(
            "already_joined",
            f"{fact.member} joined on {day_of(life.joined)}: once a member, for ever a member",
            life.joined,
        )
    if account is not None:
        yield from _not_taken(fact.member, fact.account, account)


def _not_taken(member: str, account: str, link: Entry) -> Iterator[Refusal]:
    holder: Any = link.fact
    if holder.member == member:
        yield refuse("already_linked", f"{account} is {member}'s already", link)
    else:
        yield refuse("account_taken", f"{account} is the account of {holder.member}", link)


def _retiring(entry: Entry, life: Life) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if life.retired is not None:
        yield refuse(
            "already_retired", f"{fact.member} retired on {day_of(life.retired)}", life.retired
        )


def _returning(entry: Entry, life: Life) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if life.joined is not None and life.retired is None:
        yield refuse("not_retired", f"{fact.member} is not retired, so cannot return")


def _parts_of_account(fact: Any, _known: Known) -> Parts:
    return (LIFE.part(fact.member), ACCOUNT.part(*account_names(fact)))


def _linking(entry: Entry, life: Life, account: Entry | None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if account is not None:
        yield from _not_taken(fact.member, f"{fact.account} at {fact.provider}", account)


def _unlinking(entry: Entry, life: Life, account: Entry | None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    holder: Any = None if account is None else account.fact
    if holder is None or holder.member != fact.member:
        yield refuse(
            "not_linked", f"{fact.account} at {fact.provider} is not {fact.member}'s", account
        )


def _both_lives(fact: Any, _known: Known) -> Parts:
    return (LIFE.part(fact.member), LIFE.part(fact.duplicate))


def _merging(entry: Entry, member: Life, duplicate: Life) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if fact.member == fact.duplicate:
        yield refuse("same_person", f"{fact.member} cannot be merged with themselves")
        return
    yield from must_be_member(member, fact.member, entry)
    yield from must_be_member(duplicate, fact.duplicate, entry)


def _life_if_a_person(fact: Fact, _known: Known) -> Parts:
    member = getattr(fact, "member", None)
    return (LIFE.part(member),) if isinstance(member, str) else ()


def _member_if_a_person(entry: Entry, *lives: Life) -> Iterator[Refusal]:
    for life in lives:
        yield from member_only(entry, life)


def custom(name: str) -> Rule:
    """Make the rule of a service's own fact: whom it calls ``member`` must be one."""
    return Rule(name=name, parts=_life_if_a_person, judge=_member_if_a_person)


PEOPLE = (
    Rule(name="member.joined", parts=_parts_of_joining, judge=_joining),
    Rule(name="member.retired", parts=life_of, judge=_retiring),
    Rule(name="member.returned", parts=life_of, judge=_returning),
    Rule(name="account.linked", parts=_parts_of_account, judge=_linking),
    Rule(name="account.unlinked", parts=_parts_of_account, judge=_unlinking),
    Rule(name="members.merged", parts=_both_lives, judge=_merging),
    Rule(name="members.unmerged", parts=_both_lives),
    Rule(name="affiliation.started", parts=life_of, judge=member_only),
    Rule(name="affiliation.ended", parts=life_of, judge=member_only),
    Rule(name="member.erased", parts=life_of, judge=member_only),
)
"""The rules of ``domain/facts/people.py``, and of erasure."""
