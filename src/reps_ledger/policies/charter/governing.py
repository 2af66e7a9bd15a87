"""Governing: charters as the judges of what is recorded.

The charter in force at a fact's ``occurred_at`` judges it, when it is recorded and never again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen
from msgspec.structs import replace

from reps_ledger.domain.facts import (
    CharterAdopted,
    EntryCorrected,
    EntryRetracted,
    Fact,
    Registry,
    RoleAssigned,
    RoleEnded,
    Vouched,
    kind_of,
)
from reps_ledger.domain.refusals import Refusal
from reps_ledger.domain.rules.governance import CHARTERS, Governance, history_part
from reps_ledger.domain.rules.machines import TARGET
from reps_ledger.domain.rules.seats import seats
from reps_ledger.errors import InvalidInput, InvalidPolicy
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.charter.clauses import (
    admitting,
    ending,
    is_waived,
    role_clause,
    room_for_vouch,
    title,
    vouch_clause,
    voucher_may,
)
from reps_ledger.policies.charter.concerned import Concerned, histories
from reps_ledger.policies.charter.documents import read_charter
from reps_ledger.policies.charter.enforcing import types_read
from reps_ledger.policies.language.conditions import holds
from reps_ledger.policies.subject import Dossier, Subject

if TYPE_CHECKING:
    from datetime import datetime

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.rules.governance import Act, Surroundings
    from reps_ledger.domain.rules.parts import Parts
    from reps_ledger.policies.language.conditions import Condition

__all__ = ["charter_of", "governance", "in_force"]

_CHARTERS: Final = CHARTERS.part("charter.adopted")
_CORRECTIONS = EntryCorrected | EntryRetracted


@lru_cache(maxsize=64)
def charter_of(document: str) -> Charter:
    """Return the charter that a document says.

    Raises:
        InvalidPolicy: something in it makes no sense.
    """
    return read_charter(document)


def effective_from(entry: Entry) -> datetime:
    """Return from when an adopted charter governs: never from before its adoption."""
    since: datetime | None = entry.fact.effective_from
    return entry.occurred_at if since is None else max(since, entry.occurred_at)


def in_force(adopted: Iterable[Entry], at: datetime) -> Entry | None:
    """Return the adoption of the charter in force at an instant: the last that had begun."""
    begun = [entry for entry in adopted if effective_from(entry) <= at]
    return max(begun, key=lambda entry: (effective_from(entry), entry.order), default=None)


def governance(registry: Registry, zone: tzinfo) -> Governance:
    """Make the judge of what is recorded: whatever charters the ledger holds.

    Args:
        registry: the facts that the ledger knows.
        zone: in which dates, months and years are read.
    """
    court = _Court(registry, zone)
    return Governance(parts=court.parts, judge=court.judge)


@frozen
class _Court:
    registry: Registry
    zone: tzinfo

    def parts(self, act: Act, known: Surroundings) -> Parts:
        """Name what judging depends on, under any of the charters adopted so far."""
        adopted = known.state(_CHARTERS)
        if not adopted:
            return (_CHARTERS,)
        found: list[Any] = [_CHARTERS]
        for entry in adopted:
            charter = _readable(entry)
            if charter is not None:
                found += _authorising(act, charter, known)
                found += _deciding(_said(act.fact), charter, known)
        return tuple(dict.fromkeys(found))

    def judge(self, entry: Entry, known: Surroundings) -> Iterator[Refusal]:
        """Yield what the charter in force refuses."""
        fact = _said(entry.fact)
        if isinstance(fact, CharterAdopted):
            yield from self._validity(fact)
        adopted: tuple[Entry, ...] = known.state(_CHARTERS) or ()
        adoption = in_force(adopted, entry.occurred_at)
        if adoption is None:
            return
        charter = _readable(adoption)
        if charter is None:
            if not isinstance(fact, CharterAdopted):
                yield Refusal(
                    code="charter_unreadable",
                    words=f"the charter in force, version {adoption.fact.version}, cannot be read; "
                    "adopt one that can",
                    entries=(adoption.id,),
                )
            return
        for refusal in self._judge(entry, fact, charter, known):
            yield _because_of(refusal, adoption)

    def _judge(
        self, entry: Entry, fact: Fact, charter: Charter, known: Surroundings
    ) -> Iterator[Refusal]:
        yield from self._authority(entry, charter, known)
        if isinstance(entry.fact, EntryRetracted) or not _changes(entry.fact, known):
            return
        match fact:
            case RoleAssigned():
                yield from self._assigned(entry, fact, charter, known)
            case RoleEnded(member=member, role=role):
                clause = charter.role(role)
                if clause is not None:
                    subject = self._subject(member, None, entry.occurred_at, known)
                    if not is_waived(role_clause(fact), subject):
                        yield from ending(fact, clause, charter)
            case Vouched():
                yield from self._vouched(entry, fact, charter, known)

    def _assigned(
        self, entry: Entry, fact: RoleAssigned, charter: Charter, known: Surroundings
    ) -> Iterator[Refusal]:
        clause = charter.role(fact.role)
        if clause is None:
            return
        subject = self._subject(fact.member, clause.looked_at, entry.occurred_at, known)
        if not is_waived(role_clause(fact), subject):
            yield from admitting(entry, fact, clause, charter, subject)
        if clause.seats is not None:
            rule = seats(fact.role, fact.community, limit=clause.seats)
            states = [known.state(part) for part in rule.parts(fact, known)]
            yield from rule.judge(_as_said(entry, fact), *states)

    def _vouched(
        self, entry: Entry, fact: Vouched, charter: Charter, known: Surroundings
    ) -> Iterator[Refusal]:
        if charter.vouching is None:
            return
        at = entry.occurred_at
        entries = known.entries(history_part(fact.member, _VOUCHES)) or ()
        member = Subject(Dossier(fact.member, entries), at, self.zone, Concerned(known, _VOUCHES))
        if is_waived(vouch_clause(fact), member):
            return
        voucher = self._subject(fact.voucher, charter.vouching.may, at, known)
        yield from voucher_may(fact, charter.vouching, charter, voucher)
        yield from room_for_vouch(fact, charter.vouching, charter, member)

    def _authority(self, entry: Entry, charter: Charter, known: Surroundings) -> Iterator[Refusal]:
        for kind in _kinds(entry.fact, known):
            authority = charter.authority(kind)
            if authority is None:
                continue

            def may(actor: str | None, authority: Any = authority) -> bool:
                if actor is None:
                    return False
                if actor in authority.actors:
                    return True
                if authority.themselves and actor == getattr(_said(entry.fact), "member", None):
                    return True
                if authority.when is None:
                    return False
                subject = self._subject(actor, authority.when, entry.occurred_at, known)
                return holds(authority.when, subject)

            if may(entry.by) or (entry.by in authority.agents and may(entry.on_behalf_of)):
                continue
            behalf = f" on behalf of {entry.on_behalf_of}" if entry.on_behalf_of else ""
            yield Refusal(
                code="no_authority",
                words=f"{entry.by}{behalf} may not record {kind} under {title(charter)}",
            )

    def _validity(self, fact: CharterAdopted) -> Iterator[Refusal]:
        try:
            charter = charter_of(fact.document)
            charter.check(self.registry)
        except InvalidInput as error:
            yield Refusal(code="invalid_charter", words=f"the charter makes no sense: {error}")
            return
        if charter.version != fact.version:
            yield Refusal(
                code="invalid_charter",
                words=f"the document says version {charter.version}; it is adopted as "
                f"version {fact.version}",
            )

    def _subject(
        self, member: str, condition: Condition | None, at: datetime, known: Surroundings
    ) -> Subject:
        others = Concerned(known, types_read(condition))
        return Subject(others.member(member), at, self.zone, others)


_VOUCHES: Final = frozenset({"vouch.given", "vouch.withdrawn", "exemption.granted"})


def _authorising(act: Act, charter: Charter, known: Surroundings) -> Iterator[Any]:
    """Name what tells whether somebody may record an act."""
    for kind in _kinds(act.fact, known):
        authority = charter.authority(kind)
        if authority is not None and authority.when is not None:
            for actor in (act.by, act.on_behalf_of):
                if actor is not None:
                    yield from histories(actor, authority.when, known)


def _deciding(fact: Fact, charter: Charter, known: Surroundings) -> Iterator[Any]:
    """Name what tells whether a charter lets a fact be."""
    match fact:
        case RoleAssigned(member=member, role=role, community=community):
            clause = charter.role(role)
            if clause is not None:
                yield from histories(member, clause.looked_at, known)
                if clause.seats is not None:
                    yield from seats(role, community, limit=clause.seats).parts(fact, known)
        case RoleEnded(member=member, role=role):
            if charter.role(role) is not None:
                yield from histories(member, None, known)
        case Vouched(member=member, voucher=voucher):
            if charter.vouching is not None:
                yield from histories(voucher, charter.vouching.may, known)
                yield history_part(member, _VOUCHES)


def _readable(adoption: Entry) -> Charter | None:
    try:
        return charter_of(adoption.fact.document)
    except InvalidPolicy:
        return None  # adopted before anybody read it, or by a later version of this software


def _said(fact: Fact) -> Fact:
    """Return what a fact says happened: a correction, its replacement."""
    return fact.replacement if isinstance(fact, EntryCorrected) else fact


def _target(fact: Fact, known: Surroundings) -> Fact | None:
    if not isinstance(fact, _CORRECTIONS):
        return None
    target = known.state(TARGET.part(fact.target))
    return None if target is None else _said(target.fact)


def _kinds(fact: Fact, known: Surroundings) -> list[str]:
    """Return the stored names that somebody must be allowed to record, to record a fact.

    To correct or retract what only some may record, one must be of them.
    """
    target = _target(fact, known)
    told = [fact, _said(fact), *(() if target is None else (target,))]
    return list(dict.fromkeys(kind_of(each).name for each in told))


def _changes(fact: Fact, known: Surroundings) -> bool:
    """Whether a fact says more than it corrects: another reason for the same role is no news."""
    target = _target(fact, known)
    if target is None or type(target) is not type(_said(fact)):
        return True
    names = ("member", "role", "community", "until", "how", "voucher")
    said = _said(fact)
    return any(getattr(target, name, None) != getattr(said, name, None) for name in names)


def _as_said(entry: Entry, fact: Fact) -> Any:
    return entry if entry.fact is fact else replace(entry, fact=fact)


def _because_of(refusal: Refusal, adoption: Entry) -> Refusal:
    return evolve(refusal, entries=(*refusal.entries, adoption.id))
