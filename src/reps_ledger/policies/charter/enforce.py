"""Enforcement of charters while facts are recorded: who may record what, admission, seats, vouches.

The charter in force at a fact's ``occurred_at`` judges it when it is recorded, and never again.
Corrections and retractions ask for the authority to record what they amend as well, whatever date
they are given. Seats are counted at the instant of the assignment, and at every later one at which
somebody else was seated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Final

from attrs import define, evolve, field, frozen
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
    stated,
)
from reps_ledger.domain.rules.builtin import SEAT, seat_names, seats
from reps_ledger.domain.rules.charters import CHARTERS, Act, Governance, GovernanceContext
from reps_ledger.domain.rules.folds import MEMBER, TARGET, MemberState
from reps_ledger.domain.rules.parts import Parts
from reps_ledger.errors import InvalidInput, Refusal
from reps_ledger.policies.charter.adopted import Adopted, charter_of, readable
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
from reps_ledger.policies.charter.footprint import AnyPart, Concerned, histories, own_history, types_read
from reps_ledger.policies.documents import digest, loads
from reps_ledger.policies.language.conditions import Condition, holds
from reps_ledger.policies.language.reads import reads_of
from reps_ledger.policies.subject import Subject

_CORRECTIONS: Final = EntryCorrected | EntryRetracted


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


def governance(registry: Registry, zone: tzinfo) -> Governance:
    """Return what judges facts while they are recorded, by the charters that the ledger holds.

    Args:
        registry: the facts that the ledger knows.
        zone: in which dates, days, months and years are read.
    """
    enforcement = _Enforcement(registry, zone)
    return Governance(parts=enforcement.parts, judge=enforcement.judge)


@frozen
class _Asked:
    """What charters ask, of all that were adopted: of many that ask the same, once.

    Attributes:
        adopted: the adoptions.
        authorities: by the stored name of facts, the conditions of who may record them.
        admissions: by role, the conditions for being given it; None for one of no condition.
        seated: the roles of which there are only so many.
        vouching: the conditions of who may vouch; None for one of no condition.
    """

    adopted: Adopted = field(factory=lambda: Adopted(()))
    authorities: Mapping[str, tuple[Condition | None, ...]] = field(factory=dict)
    admissions: Mapping[str, tuple[Condition | None, ...]] = field(factory=dict)
    seated: frozenset[str] = frozenset()
    vouching: tuple[Condition | None, ...] = ()

    @property
    def entries(self) -> Sequence[Entry]:
        """The adoptions that are known, in effective order."""
        return self.adopted.entries

    @classmethod
    def by(cls, entries: Sequence[Entry], registry: Registry, before: _Asked) -> _Asked:
        """Return what some adoptions ask; those of ``before`` are not read again where these only follow."""
        known = len(before.entries)
        if entries[:known] != before.entries:
            before, known = cls(), 0
        authorities, admissions = {**before.authorities}, {**before.admissions}
        seated, vouching = {*before.seated}, before.vouching
        for entry in entries[known:]:
            charter = readable(entry)
            if charter is None:
                continue
            for authority in charter.authorities:
                if authority.when is not None:
                    asked = authorities.get(authority.fact, ())
                    authorities[authority.fact] = _with_reads_of(authority.when, asked, registry)
            for clause in charter.roles:
                asked = admissions.get(clause.role, ())
                admissions[clause.role] = _with_reads_of(clause.looked_at, asked, registry)
                if clause.seats is not None:
                    seated.add(clause.role)
            if charter.vouching is not None:
                vouching = _with_reads_of(charter.vouching.may, vouching, registry)
        return cls(Adopted(entries), authorities, admissions, frozenset(seated), vouching)


def _with_reads_of(
    condition: Condition | None, others: tuple[Condition | None, ...], registry: Registry
) -> tuple[Condition | None, ...]:
    """Return conditions and another one, unless one of them reads the same."""

    def reads(each: Condition | None) -> tuple[frozenset[str], frozenset[str]]:
        return types_read(each, registry), frozenset(reads_of(each).people)

    return others if any(reads(each) == reads(condition) for each in others) else (*others, condition)


@define
class _Enforcement:
    """The two functions of `Governance`, for a ledger's facts and zone.

    Attributes:
        registry: the facts that the ledger knows.
        zone: in which dates are read.
        latest: what was adopted when this was asked last; many threads may ask.
    """

    registry: Registry
    zone: tzinfo
    latest: _Asked = field(factory=_Asked, init=False)

    def parts(self, act: Act, known: GovernanceContext) -> Parts:
        """Name the parts that judging an act depends on, under any charter adopted so far."""
        adopted = self._adopted(known)
        if not adopted.entries:
            return (_CHARTERS,)
        found: list[AnyPart] = [_CHARTERS, *_restored_parts(act.fact, known)]
        found += self._parts_of_authority(act, adopted, known)
        found += self._parts_of_clauses(stated(act.fact), adopted, known)
        return tuple(dict.fromkeys(found))

    def _adopted(self, known: GovernanceContext) -> _Asked:
        """Return what was adopted so far, also later than what is judged; found out once for each charter."""
        entries = known.entries(_CHARTERS) or ()
        if entries is not self.latest.entries:
            self.latest = _Asked.by(entries, self.registry, self.latest)
        return self.latest

    def _parts_of_authority(self, act: Act, adopted: _Asked, known: GovernanceContext) -> Iterator[AnyPart]:
        """Name the parts that say whether somebody may record an act."""
        for kind in _kinds_needed(act.fact, known):
            for condition in adopted.authorities.get(kind, ()):
                for actor in (act.by, act.on_behalf_of):
                    if actor is not None:
                        yield from histories(actor, condition, known, self.registry)

    def _parts_of_clauses(self, fact: Fact, adopted: _Asked, known: GovernanceContext) -> Iterator[AnyPart]:
        """Name the parts that say whether charters' clauses allow what a fact states."""
        match fact:
            case RoleAssigned(member=member, role=role, community=community):
                for condition in adopted.admissions.get(role, ()):
                    yield from histories(member, condition, known, self.registry)
                if role in adopted.seated:
                    yield from seats(role, community, limit=1).parts(fact, known)
            case RoleEnded(member=member, role=role):
                if role in adopted.admissions:
                    yield from histories(member, None, known, self.registry)
            case Vouched(member=member, voucher=voucher):
                for condition in adopted.vouching:
                    yield from histories(voucher, condition, known, self.registry)
                if adopted.vouching:
                    yield from own_history(member, _VOUCHES, known)

    def judge(self, entry: Entry, known: GovernanceContext) -> Iterator[Refusal]:
        """Yield what the charter in force refuses."""
        fact = stated(entry.fact)
        if isinstance(fact, CharterAdopted):
            yield from self._invalid_charter(fact)
        elif isinstance(fact, PolicyStated):
            yield from self._invalid_policy(fact)
        adopted = self._adopted(known).adopted
        if not adopted.entries:
            return
        before: tuple[Entry, ...] = known.state(_CHARTERS) or ()
        adoption = adopted.in_force(entry.occurred_at, upto=before[-1].order) if before else None
        if adoption is not None:
            yield from self._under(adoption, entry, fact, known)
        asked = [adoption]
        for moment in _other_instants(entry, known):
            other = adopted.in_force(moment)
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


def _because_of(refusal: Refusal, adoption: Entry) -> Refusal:
    return evolve(refusal, entries=(*refusal.entries, adoption.id))
