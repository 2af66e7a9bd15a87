"""Enforcement of charters while facts are recorded: who may record what, admission, seats, vouches.

The charter in force at a fact's ``occurred_at`` judges it when it is recorded, and never again.
Corrections and retractions ask for the authority to record what they amend as well, whatever date
they are given. Seats are counted at the instant of the assignment, and at every later one at which
somebody else was seated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, tzinfo
from functools import lru_cache
from typing import Final

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
from reps_ledger.domain.rules.charters import CHARTERS, Act, Governance, GovernanceContext
from reps_ledger.domain.rules.folds import MEMBER, TARGET, MemberState
from reps_ledger.domain.rules.parts import Parts
from reps_ledger.domain.rules.phrases import day_of
from reps_ledger.errors import InvalidInput, Malformed, Refusal
from reps_ledger.policies.charter.charter import Authority, Charter
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
from reps_ledger.policies.charter.footprint import AnyPart, Concerned, histories, own_history, types_read
from reps_ledger.policies.documents import digest, loads
from reps_ledger.policies.language.conditions import Condition, holds
from reps_ledger.policies.subject import Subject

_CORRECTIONS: Final = EntryCorrected | EntryRetracted


def stated(fact: Fact) -> Fact:
    """Return what a fact states: of a correction, its replacement; any other itself."""
    return fact.replacement if isinstance(fact, EntryCorrected) else fact


def _targets(fact: Fact, known: GovernanceContext) -> list[Entry]:
    """Return the entries that a correction or retraction amends, as far as they are known.

    Retracting a correction also amends what that corrected, which stands again, and so on.
    """
    found: list[Entry] = []
    amending = fact
    while isinstance(amending, _CORRECTIONS):
        target = known.recorded(amending.target)
        if target is None:
            break
        found.append(target)
        if not isinstance(fact, EntryRetracted):
            break
        amending = target.fact
    return found


def _restored_parts(fact: Fact, known: GovernanceContext) -> Iterator[AnyPart]:
    """Name the parts of the entries that a retraction makes stand again."""
    if isinstance(fact, EntryRetracted):
        for target in _targets(fact, known):
            if isinstance(target.fact, _CORRECTIONS):
                yield TARGET.part(target.fact.target)


def _other_instants(entry: Entry, known: GovernanceContext) -> Iterator[datetime]:
    """Yield the instants, beside its own, whose charters say too who may record an entry.

    Those of the entries that it amends, and those from which charters govern that it adopts or
    amends: no date that is given to it gets around them.
    """
    targets = _targets(entry.fact, known)
    yield from (target.occurred_at for target in targets)
    for each in (entry, *targets):
        adopted = stated(each.fact)
        if isinstance(adopted, CharterAdopted) and adopted.effective_from is not None:
            yield max(adopted.effective_from, each.occurred_at)


def _kinds_needed(fact: Fact, known: GovernanceContext) -> list[str]:
    """Return the stored names of all that whoever records a fact must be allowed to record."""
    facts = [fact, stated(fact), *(stated(target.fact) for target in _targets(fact, known))]
    return list(dict.fromkeys(kind_of(each).name for each in facts))


def _is_news(entry: Entry, known: GovernanceContext) -> bool:
    """Whether an entry states what admission depends on otherwise than the entry it corrects.

    A correction of the reason alone is judged by nobody anew.
    """
    if not isinstance(entry.fact, EntryCorrected):
        return True
    corrected, now = entry.fact.target, stated(entry.fact)
    standing = known.entries(TARGET.part(corrected)) or ()
    target = next((each for each in standing if each.id == corrected), None)
    if target is None or type(target.fact) is not type(now):
        return True
    names = ("member", "role", "community", "until", "how", "voucher")
    return target.occurred_at != entry.occurred_at or any(
        getattr(target.fact, name, None) != getattr(now, name, None) for name in names
    )


def _seat_refusals(entry: Entry[RoleAssigned], limit: int, known: GovernanceContext) -> Iterator[Refusal]:
    """Refuse an assignment where all seats are taken.

    Args:
        entry: the assignment that would be recorded; of a correction, with its replacement.
        limit: how many seats there are.
        known: what recording has read; the parts of the rule `seats` among it.
    """
    fact = entry.fact
    rule = seats(fact.role, fact.community, limit=limit)
    found = [*rule.judge(entry, *(known.state(part) for part in rule.parts(fact, known)))]
    seated = known.entries(SEAT.part(*seat_names(fact.role, fact.community))) or ()
    others = {each.fact.member for each in seated} - {fact.member}
    # At the same instant too: a correction takes the place of its target, before other entries
    # of that instant.
    for moment in sorted({e.occurred_at for e in seated if e.occurred_at >= entry.occurred_at}):
        if found:
            break
        if _state_of(fact.member, moment, known, entry).held(fact.role, fact.community, moment):
            states = [_state_of(member, moment, known) for member in sorted(others)]
            found = [*rule.judge(replace(entry, occurred_at=moment), None, *states)]
    yield from found


def _state_of(member: str, at: datetime, known: GovernanceContext, *more: Entry) -> MemberState:
    """Return a member's state at an instant, with entries that would be recorded."""
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
    """Return the charter in a document.

    Raises:
        InvalidPolicy: something in it makes no sense.
    """
    return read_charter(document)


def adopted_charter(adoption: Entry[CharterAdopted]) -> Charter:
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


def effective_from(entry: Entry[CharterAdopted]) -> datetime:
    """Return from when an adopted charter governs: never from before its adoption."""
    since = entry.fact.effective_from
    return entry.occurred_at if since is None else max(since, entry.occurred_at)


def in_force(adopted: Iterable[Entry], at: datetime) -> Entry | None:
    """Return the adoption of the charter in force at an instant: the last that had begun."""
    begun = [entry for entry in adopted if effective_from(entry) <= at]
    return max(begun, key=lambda entry: (effective_from(entry), entry.order), default=None)


def governance(registry: Registry, zone: tzinfo) -> Governance:
    """Return what judges facts while they are recorded, by the charters that the ledger holds.

    Args:
        registry: the facts that the ledger knows.
        zone: in which dates, days, months and years are read.
    """
    enforcement = _Enforcement(registry, zone)
    return Governance(parts=enforcement.parts, judge=enforcement.judge)


@frozen
class _Enforcement:
    """The two functions of `Governance`, for a ledger's facts and zone."""

    registry: Registry
    zone: tzinfo

    def parts(self, act: Act, known: GovernanceContext) -> Parts:
        """Name the parts that judging an act depends on, under any charter adopted so far."""
        adopted = known.state(_CHARTERS)
        if not adopted:
            return (_CHARTERS,)
        found: list[AnyPart] = [_CHARTERS, *_restored_parts(act.fact, known)]
        for entry in adopted:
            charter = readable(entry)
            if charter is not None:
                found += self._parts_of_authority(act, charter, known)
                found += self._parts_of_clauses(stated(act.fact), charter, known)
        return tuple(dict.fromkeys(found))

    def _parts_of_authority(self, act: Act, charter: Charter, known: GovernanceContext) -> Iterator[AnyPart]:
        """Name the parts that say whether somebody may record an act."""
        for kind in _kinds_needed(act.fact, known):
            authority = charter.authority(kind)
            if authority is not None and authority.when is not None:
                for actor in (act.by, act.on_behalf_of):
                    if actor is not None:
                        yield from histories(actor, authority.when, known, self.registry)

    def _parts_of_clauses(self, fact: Fact, charter: Charter, known: GovernanceContext) -> Iterator[AnyPart]:
        """Name the parts that say whether a charter's clauses allow what a fact states."""
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
                    yield from own_history(member, _VOUCHES, known)

    def judge(self, entry: Entry, known: GovernanceContext) -> Iterator[Refusal]:
        """Yield what the charter in force refuses."""
        fact = stated(entry.fact)
        if isinstance(fact, CharterAdopted):
            yield from self._invalid_charter(fact)
        elif isinstance(fact, PolicyStated):
            yield from self._invalid_policy(fact)
        adopted: tuple[Entry, ...] = known.state(_CHARTERS) or ()
        if not adopted and not known.entries(_CHARTERS):
            return
        adoption = in_force(adopted, entry.occurred_at)
        if adoption is not None:
            yield from self._under(adoption, entry, fact, known)
        asked = [adoption]
        for moment in _other_instants(entry, known):
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
        if not _is_news(entry, known):
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
            yield from _seat_refusals(replace(entry, fact=fact), clause.seats, known)

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
        member = getattr(stated(entry.fact), "member", None)
        for kind in _kinds_needed(entry.fact, known):
            authority = charter.authority(kind)
            if authority is None:
                continue

            def may(actor: str | None, authority: Authority = authority) -> bool:
                if actor is None:
                    return False
                if actor in authority.actors or (authority.themselves and actor == member):
                    return True
                if authority.when is None:
                    return False
                subject = self._subject(actor, self._read(authority.when), at, known)
                return holds(authority.when, subject)

            if may(entry.by) or (entry.by in authority.agents and may(entry.on_behalf_of)):
                continue
            behalf = f" on behalf of {entry.on_behalf_of}" if entry.on_behalf_of else ""
            yield Refusal(
                code="no_authority", words=f"{entry.by}{behalf} may not record {kind} under {title(charter)}"
            )

    def _invalid_charter(self, fact: CharterAdopted) -> Iterator[Refusal]:
        """Refuse a document that is no charter, or another version than the fact says."""
        try:
            charter = charter_of(fact.document)
            charter.check(self.registry)
        except InvalidInput as error:
            yield Refusal(code="invalid_charter", words=f"the charter makes no sense: {error}")
            return
        if charter.version != fact.version:
            yield Refusal(
                code="invalid_charter",
                words=f"the document says version {charter.version}; it is adopted as version {fact.version}",
            )

    def _invalid_policy(self, fact: PolicyStated) -> Iterator[Refusal]:
        """Refuse a document that is not the policy of the digest: decisions are replayed by it."""
        try:
            policy = loads(fact.document)
            policy.check(self.registry)
        except InvalidInput as error:
            yield Refusal(code="invalid_policy", words=f"the policy makes no sense: {error}")
            return
        found = (policy.name, policy.version, digest(policy))
        if found != (fact.policy, fact.version, fact.digest):
            yield Refusal(
                code="invalid_policy",
                words=f"the document says {policy.name}, version {policy.version}, of digest "
                f"{found[2]}; it is stated as {fact.policy}, version {fact.version}, of digest "
                f"{fact.digest}",
            )

    def _read(self, condition: Condition | None) -> frozenset[str]:
        return types_read(condition, self.registry)

    def _subject(self, member: str, types: frozenset[str], at: datetime, known: GovernanceContext) -> Subject:
        others = Concerned(known, types)
        return Subject(others.member(member), at, self.zone, others)


_VOUCHES: Final = frozenset({"vouch.given", "vouch.withdrawn", "exemption.granted"})


def readable(adoption: Entry) -> Charter | None:
    """Return the charter that an entry adopted, or None where it cannot be read."""
    try:
        return charter_of(adoption.fact.document)
    except InvalidInput:
        return None  # recorded before charters were read, or by a later version of this software


def _because_of(refusal: Refusal, adoption: Entry) -> Refusal:
    return evolve(refusal, entries=(*refusal.entries, adoption.id))
