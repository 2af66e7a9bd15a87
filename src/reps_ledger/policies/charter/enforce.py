"""Charters as judges of what is recorded.

The charter in force at a fact's ``occurred_at`` judges it when it is recorded, and never again.
Whoever corrects or retracts what only some may record must be one of them, whatever date is
given. Seats are counted when somebody takes one, and at every later instant at which others did.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Any, Final

from attrs import evolve, frozen
from msgspec.structs import replace

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import (
    CharterAdopted,
    EntryCorrected,
    EntryRetracted,
    Fact,
    PolicyStated,
    Registry,
    RoleAssigned,
    RoleEnded,
    Vouched,
    kind_of,
)
from reps_ledger.domain.rules.builtin import SEAT, seat_names, seats
from reps_ledger.domain.rules.charters import (
    CHARTERS,
    Act,
    Governance,
    GovernanceContext,
    history_part,
)
from reps_ledger.domain.rules.folds import MEMBER, TARGET
from reps_ledger.domain.rules.parts import Parts
from reps_ledger.domain.rules.phrases import day_of
from reps_ledger.errors import InvalidInput, Malformed, Refusal
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
from reps_ledger.policies.charter.documents import read_charter
from reps_ledger.policies.charter.footprint import Concerned, histories, types_read
from reps_ledger.policies.documents import digest, loads
from reps_ledger.policies.language.conditions import Condition, holds
from reps_ledger.policies.subject import Subject

_CORRECTIONS: Final = EntryCorrected | EntryRetracted


def said(fact: Fact) -> Fact:
    """Return what a fact says happened: a correction, its replacement."""
    return fact.replacement if isinstance(fact, EntryCorrected) else fact


def _targets(fact: Fact, known: GovernanceContext) -> list[Entry]:
    """Return the entries that a correction is about, as far as they are known.

    A retraction is also about what its target amended, which stands again.
    """
    found: list[Entry] = []
    aim = fact
    while isinstance(aim, _CORRECTIONS):
        target = known.recorded(aim.target)
        if target is None:
            break
        found.append(target)
        if not isinstance(fact, EntryRetracted):
            break
        aim = target.fact
    return found


def targeting(fact: Fact, known: GovernanceContext) -> Iterator[Any]:
    """Name where the entries are found that a retraction makes stand again."""
    if isinstance(fact, EntryRetracted):
        for target in _targets(fact, known):
            if isinstance(target.fact, _CORRECTIONS):
                yield TARGET.part(target.fact.target)


def other_moments(entry: Entry, known: GovernanceContext) -> Iterator[datetime]:
    """Yield when else a charter is asked who may record an entry, whatever its own date.

    When that happened which it amends; and when a charter begins to govern that it adopts or
    amends.
    """
    targets = _targets(entry.fact, known)
    yield from (target.occurred_at for target in targets)
    for each in (entry, *targets):
        adopted = said(each.fact)
        if isinstance(adopted, CharterAdopted) and adopted.effective_from is not None:
            yield max(adopted.effective_from, each.occurred_at)


def kinds(fact: Fact, known: GovernanceContext) -> list[str]:
    """Return the stored names that somebody must be allowed to record, to record a fact."""
    targets = [said(target.fact) for target in _targets(fact, known)]
    told = [fact, said(fact), *targets]
    return list(dict.fromkeys(kind_of(each).name for each in told))


def changes_something(entry: Entry, known: GovernanceContext) -> bool:
    """Whether a fact says more than it corrects: another reason for the same role is no news."""
    if not isinstance(entry.fact, EntryCorrected):
        return True
    aim, now = entry.fact.target, said(entry.fact)
    standing = known.entries(TARGET.part(aim)) or ()
    target = next((each for each in standing if each.id == aim), None)
    if target is None or type(target.fact) is not type(now):
        return True
    names = ("member", "role", "community", "until", "how", "voucher")
    return target.occurred_at != entry.occurred_at or any(
        getattr(target.fact, name, None) != getattr(now, name, None) for name in names
    )


def seating(
    entry: Entry, fact: RoleAssigned, limit: int, known: GovernanceContext
) -> Iterator[Refusal]:
    """Refuse to seat one more than there are seats.

    Args:
        entry: what would be recorded, as it is to be read.
        fact: the assignment that it says.
        limit: how many seats there are.
        known: what is known around it; the parts of ``seats`` are at hand.
    """
    rule = seats(fact.role, fact.community, limit=limit)
    found = [*rule.judge(entry, *(known.state(part) for part in rule.parts(fact, known)))]
    sat = known.entries(SEAT.part(*seat_names(fact.role, fact.community))) or ()
    others = {each.fact.member for each in sat} - {fact.member}
    # Of one instant too: a correction stands where its target did, before the rest of that day.
    for moment in sorted({e.occurred_at for e in sat if e.occurred_at >= entry.occurred_at}):
        if found:
            break
        if _life(fact.member, moment, known, entry).held(fact.role, fact.community, moment):
            lives = [_life(member, moment, known) for member in sorted(others)]
            found = [*rule.judge(replace(entry, occurred_at=moment), None, *lives)]
    yield from found


def _life(member: str, at: datetime, known: GovernanceContext, *more: Entry) -> Any:
    """Return somebody's life up to an instant, with entries that would be recorded."""
    part = MEMBER.part(member)
    state = MEMBER.initial
    entries = [*(known.entries(part) or ()), *more]
    for entry in sorted(entries, key=lambda entry: entry.order):
        if entry.occurred_at <= at:
            state = MEMBER.evolve(state, entry, part.key)
    return state


_CHARTERS: Final = CHARTERS.part("charter.adopted")


@lru_cache(maxsize=64)
def charter_of(document: str) -> Charter:
    """Return the charter that a document says.

    Raises:
        InvalidPolicy: something in it makes no sense.
    """
    return read_charter(document)


def adopted_charter(adoption: Entry) -> Charter:
    """Return the charter that an entry adopted.

    Raises:
        Malformed: it cannot be read: it was recorded by other software than this.
    """
    try:
        return charter_of(adoption.fact.document)
    except InvalidInput as error:
        raise Malformed(
            f"the charter that was adopted on {day_of(adoption)}, version "
            f"{adoption.fact.version}, cannot be read here: {error}; adopt one that can be, or "
            "use the version of reps-ledger that wrote it",
            position=adoption.position,
            entry_id=adoption.id,
        ) from error


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

    def parts(self, act: Act, known: GovernanceContext) -> Parts:
        """Name what judging depends on, under any of the charters adopted so far."""
        adopted = known.state(_CHARTERS)
        if not adopted:
            return (_CHARTERS,)
        found: list[Any] = [_CHARTERS, *targeting(act.fact, known)]
        for entry in adopted:
            charter = readable(entry)
            if charter is not None:
                found += self._authorising(act, charter, known)
                found += self._deciding(said(act.fact), charter, known)
        return tuple(dict.fromkeys(found))

    def _authorising(self, act: Act, charter: Charter, known: GovernanceContext) -> Iterator[Any]:
        """Name what tells whether somebody may record an act."""
        for kind in kinds(act.fact, known):
            authority = charter.authority(kind)
            if authority is not None and authority.when is not None:
                for actor in (act.by, act.on_behalf_of):
                    if actor is not None:
                        yield from histories(actor, authority.when, known, self.registry)

    def _deciding(self, fact: Fact, charter: Charter, known: GovernanceContext) -> Iterator[Any]:
        """Name what tells whether a charter lets a fact be."""
        match fact:
            case RoleAssigned(member=member, role=role, community=community):
                clause = charter.role(role)
                if clause is not None:
                    yield from histories(member, clause.looked_at, known, self.registry)
                    if clause.seats is not None:
                        yield from seats(role, community, limit=clause.seats).parts(fact, known)
            case RoleEnded(member=member, role=role):
                if charter.role(role) is not None:
                    yield from histories(member, None, known, self.registry)
            case Vouched(member=member, voucher=voucher):
                if charter.vouching is not None:
                    yield from histories(voucher, charter.vouching.may, known, self.registry)
                    yield history_part(member, _VOUCHES)

    def judge(self, entry: Entry, known: GovernanceContext) -> Iterator[Refusal]:
        """Yield what the charter in force refuses."""
        fact = said(entry.fact)
        if isinstance(fact, CharterAdopted):
            yield from self._validity(fact)
        elif isinstance(fact, PolicyStated):
            yield from self._wording(fact)
        adopted: tuple[Entry, ...] = known.state(_CHARTERS) or ()
        adoption = in_force(adopted, entry.occurred_at)
        if adoption is not None:
            yield from self._under(adoption, entry, fact, known)
        asked = [adoption]
        for moment in other_moments(entry, known):
            other = in_force(known.entries(_CHARTERS) or (), moment)
            charter = None if other is None else readable(other)
            if other is None or charter is None or other in asked:
                continue
            asked.append(other)
            for refusal in self._authority(entry, moment, charter, known):
                yield _because_of(refusal, other)

    def _under(
        self, adoption: Entry, entry: Entry, fact: Fact, known: GovernanceContext
    ) -> Iterator[Refusal]:
        charter = readable(adoption)
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
        self, entry: Entry, fact: Fact, charter: Charter, known: GovernanceContext
    ) -> Iterator[Refusal]:
        yield from self._authority(entry, entry.occurred_at, charter, known)
        if not changes_something(entry, known):
            return
        match fact:
            case RoleAssigned():
                yield from self._assigned(entry, fact, charter, known)
            case RoleEnded(member=member, role=role):
                clause = charter.role(role)
                if clause is not None:
                    subject = self._subject(member, self._read(None), entry.occurred_at, known)
                    if not is_waived(role_clause(fact), subject):
                        yield from ending(fact, clause, charter)
            case Vouched():
                yield from self._vouched(entry, fact, charter, known)

    def _assigned(
        self, entry: Entry, fact: RoleAssigned, charter: Charter, known: GovernanceContext
    ) -> Iterator[Refusal]:
        clause = charter.role(fact.role)
        if clause is None:
            return
        read = self._read(clause.looked_at)
        subject = self._subject(fact.member, read, entry.occurred_at, known)
        if not is_waived(role_clause(fact), subject):
            yield from admitting(entry, fact, clause, charter, subject)
        if clause.seats is not None:
            yield from seating(replace(entry, fact=fact), fact, clause.seats, known)

    def _vouched(
        self, entry: Entry, fact: Vouched, charter: Charter, known: GovernanceContext
    ) -> Iterator[Refusal]:
        if charter.vouching is None:
            return
        at = entry.occurred_at
        member = self._subject(fact.member, _VOUCHES, at, known)
        if is_waived(vouch_clause(fact), member):
            return
        voucher = self._subject(fact.voucher, self._read(charter.vouching.may), at, known)
        yield from voucher_may(fact, charter.vouching, charter, voucher)
        yield from room_for_vouch(fact, charter.vouching, charter, member)

    def _authority(
        self, entry: Entry, at: datetime, charter: Charter, known: GovernanceContext
    ) -> Iterator[Refusal]:
        for kind in kinds(entry.fact, known):
            authority = charter.authority(kind)
            if authority is None:
                continue

            def may(actor: str | None, authority: Any = authority) -> bool:
                if actor is None:
                    return False
                if actor in authority.actors:
                    return True
                if authority.themselves and actor == getattr(said(entry.fact), "member", None):
                    return True
                if authority.when is None:
                    return False
                subject = self._subject(actor, self._read(authority.when), at, known)
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

    def _wording(self, fact: PolicyStated) -> Iterator[Refusal]:
        """Refuse other words than those of the digest: decisions are replayed by them."""
        try:
            policy = loads(fact.document)
            policy.check(self.registry)
        except InvalidInput as error:
            yield Refusal(code="invalid_policy", words=f"the policy makes no sense: {error}")
            return
        told = (policy.name, policy.version, digest(policy))
        if told != (fact.policy, fact.version, fact.digest):
            yield Refusal(
                code="invalid_policy",
                words=f"the document says {policy.name}, version {policy.version}, of digest "
                f"{told[2]}; it is stated as {fact.policy}, version {fact.version}, of digest "
                f"{fact.digest}",
            )

    def _read(self, condition: Condition | None) -> frozenset[str]:
        return types_read(condition, self.registry)

    def _subject(
        self, member: str, types: frozenset[str], at: datetime, known: GovernanceContext
    ) -> Subject:
        others = Concerned(known, types)
        return Subject(others.member(member), at, self.zone, others)


_VOUCHES: Final = frozenset({"vouch.given", "vouch.withdrawn", "exemption.granted"})


def readable(adoption: Entry) -> Charter | None:
    """Return the charter that an entry adopted, or None where it cannot be read."""
    try:
        return charter_of(adoption.fact.document)
    except InvalidInput:
        return None  # adopted before anybody read it, or by a later version of this software


def _because_of(refusal: Refusal, adoption: Entry) -> Refusal:
    return evolve(refusal, entries=(*refusal.entries, adoption.id))
