"""What a charter would not have allowed, by what is known now: terms told late, merges, unmerges.

A charter judges a fact once, when it is recorded. What is told later of the time before it may make it
one that would have been refused: a forgotten first term makes a third one too many. Nothing is undone by
that; reconciliation lists it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import RoleAssigned, Vouched
from reps_ledger.domain.rules.phrases import day_of, place
from reps_ledger.domain.spans import Span, in_order
from reps_ledger.errors import Refusal
from reps_ledger.policies.charter.adopted import readable
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.charter.clauses import (
    admitting,
    is_waived,
    role_clause,
    room_for_vouch,
    vouch_clause,
    voucher_may,
)
from reps_ledger.policies.subject import Dossier, Subject, SubjectContext
from reps_ledger.projections import Discrepancy
from reps_ledger.views.evaluator import PolicyEvaluator

T = TypeVar("T")

_Seat = tuple[str, str | None]
"""A role and its community."""

_BY_OTHERS = frozenset({"not_admitted", "may_not_vouch", "vouched_enough"})
"""Codes of what depends on other facts than the one that is judged."""


def not_admitted(evaluator: PolicyEvaluator, at: datetime | None) -> Iterator[Discrepancy]:
    """Yield what the charter in force when it was recorded would not allow, by what is known now.

    Only charters count that were known before the fact was told: a charter never judges the past.

    Args:
        evaluator: of all that is known.
        at: up to when; None for all that was told, also of what is still to come.
    """
    if not evaluator.adopted:
        return
    seated: dict[_Seat, list[Span]] = defaultdict(list)
    limits: dict[str, int] = {}
    for dossier in evaluator.everyone():
        for span in dossier.spans("role.assigned"):
            seated[span.entry.fact.role, span.entry.fact.community].append(span)
        for entry, charter, adopted_in in _judged(dossier, evaluator, at):
            for refusal in _refused(entry, charter, evaluator):
                yield _found(entry, refusal.words, (*refusal.entries, adopted_in))
            clause = charter.role(entry.fact.role) if isinstance(entry.fact, RoleAssigned) else None
            if clause is not None and clause.seats is not None:
                limits[entry.id] = clause.seats
    for seat, spans in seated.items():
        yield from _too_many(seat, spans, limits)


def _too_many(seat: _Seat, spans: Iterable[Span], limits: Mapping[str, int]) -> Iterator[Discrepancy]:
    """Yield the assignments of a role with which more held it than there were seats.

    Args:
        seat: the role and its community.
        spans: all times during which somebody held it.
        limits: the ids of assignments that a charter judges, with how many seats it allows.
    """
    holding: list[Span] = []
    for span in in_order(spans):
        entry = span.entry
        # Whoever holds it no longer does not come back by the same assignment.
        holding = [each for each in (*holding, span) if each.holds(entry.occurred_at)]
        seats = limits.get(entry.id)
        if seats is not None and len({each.entry.fact.member for each in holding}) > seats:
            words = f"{place(*seat)} has {seats} seat{'' if seats == 1 else 's'}"
            yield _found(entry, words, [each.entry.id for each in holding if each is not span])


def _judged(
    dossier: Dossier, evaluator: PolicyEvaluator, at: datetime | None
) -> Iterator[tuple[Entry, Charter, str]]:
    """Yield what charters judge of somebody, each with the charter in force, and by which it was adopted."""
    for entry in dossier.of_kind("role.assigned", "vouch.given"):
        if (at is not None and entry.occurred_at > at) or entry.fact.member != dossier.name:
            continue
        adoption = evaluator.charters.in_force(entry.occurred_at, known_before=entry.position)
        charter = None if adoption is None else readable(adoption)
        if adoption is not None and charter is not None:
            yield entry, charter, adoption.id


def _found(entry: Entry, words: str, causes: Iterable[str]) -> Discrepancy:
    return Discrepancy(
        kind="not_admitted",
        member=entry.fact.member,
        at=entry.occurred_at,
        words=f"{entry.name} of {day_of(entry)} would be refused by what is known now: {words}",
        entries=tuple(dict.fromkeys((entry.id, *causes))),
    )


def _refused(entry: Entry, charter: Charter, evaluator: PolicyEvaluator) -> Iterator[Refusal]:
    """Yield what a charter's clauses refuse, by the history before an entry."""
    fact = entry.fact

    def before(name: str) -> Subject:
        subject = evaluator.member(name, entry.occurred_at)
        others = _Before(subject.others, entry)
        return Subject(others.member(name), entry.occurred_at, subject.zone, others)

    found: Iterable[Refusal] = ()
    member = before(fact.member)
    match fact:
        case RoleAssigned(role=role):
            clause = charter.role(role)
            if clause is not None and not is_waived(role_clause(fact), member):
                found = admitting(entry, fact, clause, charter, member)
        case Vouched(voucher=voucher):
            if charter.vouching is not None and not is_waived(vouch_clause(fact), member):
                found = [
                    *voucher_may(fact, charter.vouching, charter, before(voucher)),
                    *room_for_vouch(fact, charter.vouching, charter, member),
                ]
    yield from (refusal for refusal in found if refusal.code in _BY_OTHERS)


@frozen
class _Before(SubjectContext):
    """Everybody's histories up to an entry, without it: by which it would be judged now."""

    everybody: SubjectContext
    entry: Entry

    def member(self, member: str) -> Dossier:
        """Return the history of a member before the entry."""
        whole = self.everybody.member(member)
        entries = [each for each in whole.entries if each.order < self.entry.order]
        return Dossier(whole.name, entries, readings=whole.readings)

    def everyone(self) -> Iterable[Dossier]:
        """Ask everybody: no clause that is enforced while recording does."""
        return self.everybody.everyone()

    def community(self, community: str | None, kinds: Sequence[str] = ()) -> Dossier:
        """Ask everybody, as `everyone` does."""
        return self.everybody.community(community, kinds)

    def opportunities(self) -> Sequence[Entry]:
        """Ask everybody, as `everyone` does."""
        return self.everybody.opportunities()

    def once(self, _key: object, make: Callable[[], T]) -> T:
        """Return what `make` returns; what is before another entry is something else."""
        return make()
