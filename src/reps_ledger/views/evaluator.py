"""Evaluating policies and the charter in force for a view: on one reading of the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, tzinfo
from functools import cached_property
from itertools import islice
from threading import Lock
from typing import Final, TypeVar

from attrs import evolve, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import ReviewOpened
from reps_ledger.domain.memo import Memo
from reps_ledger.domain.shown import shown
from reps_ledger.domain.time import day_of
from reps_ledger.errors import InvalidInput, Malformed, NotFound
from reps_ledger.log.history import Reading
from reps_ledger.policies.charter.adopted import Adopted, adopted_charter, effective_from, readable
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.charter.eras import standing_by
from reps_ledger.policies.documents import digest, loads
from reps_ledger.policies.language.conditions import holds
from reps_ledger.policies.language.people import InCommunity, IsMember
from reps_ledger.policies.language.reads import reads_of
from reps_ledger.policies.outcomes import edges_after
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.subject import Dossier, Previous, Subject
from reps_ledger.policies.verdicts import Verdict, evaluate
from reps_ledger.projections import Membership, OpenReview, Spell, membership, project

T = TypeVar("T")

_KEPT: Final = 100_000
"""Entries of people's histories that are kept in memory: of a log that is no longer, everyone's."""

_BATCH: Final = 200
"""People whose histories are read together."""


@frozen
class Stand:
    """How a member stands.

    Attributes:
        outcome: "active", "inactive", or another outcome of the charter's standing policy.
        active: whether that counts as active.
    """

    outcome: str
    active: bool


class _Readings(Mapping[str, str]):
    """The id of each corrected entry to that of the correction in its place; read when first asked for."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    @cached_property
    def _found(self) -> Mapping[str, str]:
        return self._reading.amendments().readings

    def __getitem__(self, entry_id: str) -> str:
        return self._found[entry_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class _Others(Memo):
    """Other people's histories, which some policies ask about, as known at one position."""

    def __init__(self, reading: Reading) -> None:
        super().__init__()
        self._reading = reading
        self._readings = _Readings(reading)
        self._whole: dict[str, Dossier] = {}
        self._people: dict[str, Dossier] = {}
        self._entries = 0  # of those
        self._guard = Lock()

    def member(self, member: str) -> Dossier:
        found = self._known(member)
        if found is None:
            kept, entries = self._reading.member(member)
            found = self._keep(member, Dossier(kept, entries, readings=self._readings))
        return found

    def several(self, names: Iterable[str]) -> Iterator[Dossier]:
        """Yield the histories of people, in order of the identifiers that merges keep; read many at once."""
        for batch in _batches(sorted(names), _BATCH):
            found = {name: known for name in batch if (known := self._known(name)) is not None}
            missing = self._reading.members(name for name in batch if name not in found)
            for name, entries in missing.items():
                found[name] = self._keep(name, Dossier(name, entries, readings=self._readings))
            yield from (found[name] for name in sorted(found))

    def know(self, names: Iterable[str]) -> None:
        """Read people's histories together, who will be asked about one by one."""
        for _ in self.several(names):
            pass

    def _known(self, name: str) -> Dossier | None:
        return self._whole.get(name) or self._people.get(name)

    def _keep(self, name: str, dossier: Dossier) -> Dossier:
        """Keep a history in memory, and those before it as long as there is room."""
        with self._guard:
            before = self._people.pop(name, None)
            self._people[name] = dossier
            self._entries += len(dossier.entries) - (0 if before is None else len(before.entries))
            while self._entries > _KEPT and len(self._people) > 1:
                oldest = self._people.pop(next(iter(self._people)))
                self._entries -= len(oldest.entries)
        return dossier

    def everyone(self) -> Iterator[Dossier]:
        if self._reading.known_at > _KEPT:
            yield from self._read_all()
            return
        if not self._whole:
            self._whole = {dossier.name: dossier for dossier in self._read_all()}
        yield from self._whole.values()

    def _read_all(self) -> Iterator[Dossier]:
        for person, entries in self._reading.people():
            yield self._people.get(person) or Dossier(person, entries, readings=self._readings)

    def community(self, community: str | None, kinds: Sequence[str] = ()) -> Dossier:
        def make() -> Dossier:
            entries: Iterable[Entry]
            if community is None:
                entries = self._reading.of_kinds(kinds)
            else:
                entries = self._reading.community(community)
            return Dossier(community or "", entries, is_community=True, readings=self._readings)

        return self.once(("community", community, None if community else tuple(kinds)), make)

    def opportunities(self) -> Sequence[Entry]:
        return self.once("opportunities", lambda: tuple(self._reading.ledger_wide("opportunity.held")))


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(items)
    while batch := [*islice(left, size)]:
        yield batch


class PolicyEvaluator:
    """Evaluates policies and charters on one reading of a log."""

    def __init__(self, reading: Reading, zone: tzinfo) -> None:
        self.reading = reading
        self.zone = zone
        self._others = _Others(reading)
        self._checked: set[Policy] = set()

    def known(self, position: int) -> PolicyEvaluator:
        """Return an evaluator of the same log as known at an earlier position."""
        return PolicyEvaluator(evolve(self.reading, known_at=position), self.zone)

    @cached_property
    def adopted(self) -> tuple[Entry, ...]:
        """The adoptions of charters that are known, in effective order."""
        return tuple(self.reading.ledger_wide("charter.adopted"))

    @cached_property
    def charters(self) -> Adopted:
        """The same, by when they are in force."""
        return Adopted(self.adopted)

    def charter(self, at: datetime) -> Charter | None:
        """Return the charter in force at an instant, or None.

        Raises:
            Malformed: there is one, and it cannot be read here.
        """
        adoption = self.charters.in_force(at)
        return None if adoption is None else adopted_charter(adoption)

    def policy(self, named: Policy | str, at: datetime) -> Policy:
        """Return a policy, or the one of that name in the charter in force.

        Raises:
            NotFound: no charter in force has one of that name.
            InvalidPolicy: it asks for facts that this ledger does not know.
        """
        if isinstance(named, str):
            charter = self.charter(at)
            found = None if charter is None else charter.policy(named)
            if found is None:
                raise NotFound(f"no charter in force on {day_of(at, self.zone)} has a policy {named!r}")
            named = found
        elif not isinstance(named, Policy):
            raise InvalidInput(f"a policy, or the name of one, not {shown(named, 60)}", field="policy")
        if named not in self._checked:
            named.check(self.reading.log.codec.registry)
            self._checked.add(named)
        return named

    @cached_property
    def _stated(self) -> Mapping[str, Policy]:
        """The policies whose documents are recorded, alone or in a charter, by digest."""
        found: dict[str, Policy] = {}
        for charter in self.readable:
            for policy in charter.policies:
                found[digest(policy)] = policy
        for entry in self.reading.ledger_wide("policy.stated"):
            with suppress(InvalidInput):  # it cannot be read here
                policy = loads(entry.fact.document)
                found[digest(policy)] = policy  # its own digest; the entry may say another
        return found

    @cached_property
    def readable(self) -> tuple[Charter, ...]:
        """The charters that were adopted and can be read here."""
        found = (readable(entry) for entry in self.adopted)
        return tuple(charter for charter in found if charter is not None)

    def stated(self, wanted: str) -> Policy | None:
        """Return the policy of a digest, or None where its document is not recorded."""
        return self._stated.get(wanted)

    def words_of(self, opened: ReviewOpened | OpenReview, at: datetime) -> Policy | None:
        """Return the policy of an open review: by its digest, or by its name where it has none."""
        if opened.digest is not None:
            return self.stated(opened.digest)
        charter = self.charter(at)
        return None if charter is None else charter.policy(opened.policy)

    def verdict(self, policy: Policy, subject: Subject) -> Verdict:
        """Evaluate a policy for a subject."""
        return evaluate(policy, subject, self.reading.known_at)

    def evaluate(self, policy: Policy, name: str, at: datetime, previous: Previous | None = None) -> Verdict:
        """Evaluate a policy for one member, or for one community if it is about communities."""
        dossier = self._others.community(name) if policy.of == "community" else self._others.member(name)
        subject = Subject(dossier, at, self.zone, self._others, policy.name, previous)
        return self.verdict(policy, subject)

    def evaluate_all(self, policy: Policy, at: datetime) -> Iterator[Verdict]:
        """Yield the verdict of everyone who had joined, or of every community, by name."""
        if policy.of == "community":
            for name in self._communities(at):
                yield self.evaluate(policy, name, at)
            return
        asked = reads_of(policy).people
        for batch in _batches(self.members(at), _BATCH):
            if asked:
                self._others.know({name for subject in batch for name in subject.dossier.named(asked)})
            for subject in batch:
                yield self.verdict(policy, subject)

    def members(self, at: datetime) -> Iterator[Subject]:
        """Yield everyone who had joined by an instant."""
        for dossier in self.everyone():
            joined = dossier.joined
            if joined is not None and joined.occurred_at <= at:
                yield self.subject(dossier, at)

    def member(self, member: str, at: datetime) -> Subject:
        """Return one person at an instant."""
        return self.subject(self._others.member(member), at)

    def subject(self, dossier: Dossier, at: datetime) -> Subject:
        """Return somebody at an instant."""
        return Subject(dossier, at, self.zone, self._others)

    def _communities(self, at: datetime) -> list[str]:
        named = {
            getattr(entry.fact, "community", None)
            for entry in self.reading.standing()
            if entry.occurred_at <= at
        }
        return sorted(name for name in named if isinstance(name, str))

    def counts_as_member(self, subject: Subject, community: str | None = None) -> bool:
        """Whether somebody counts as a member, of the programme or of a community.

        By the definition of the charter in force; without one, whoever joined counts.
        """
        charter = self.charter(subject.at)
        definition = None if charter is None else charter.definition(community)
        if definition is None:
            definition = IsMember() if community is None else InCommunity(community)
        return holds(definition, subject)

    def everyone(self) -> Iterator[Dossier]:
        """Yield the history of every person whom a standing entry names."""
        yield from self._others.everyone()

    def several(self, names: Iterable[str]) -> Iterator[Dossier]:
        """Yield the histories of people, by the identifiers that merges keep; read many at a time."""
        yield from self._others.several(names)

    @cached_property
    def has_standing(self) -> bool:
        """Whether any adopted charter has a standing policy."""
        return any(charter.standing is not None for charter in self.readable)

    def stand(self, subject: Subject, state: Membership | None = None) -> tuple[Verdict | None, Stand]:
        """Return how somebody stands: by the charter in force, or else by the default rule.

        Args:
            subject: who, and when.
            state: their membership then, if the caller has it.
        """
        by = standing_by(self.charter(subject.at))
        if by is None:
            if state is None:
                seen = subject.seen(subject.dossier.entries)
                state = project(membership(subject.dossier.name, self.zone), seen)
            active = state.is_active(subject.at)
            return None, Stand("active" if active else "inactive", active)
        policy, outcomes = by
        verdict = self.verdict(policy, subject)
        return verdict, Stand(verdict.outcome, verdict.outcome in outcomes)

    def spells(self, subject: Subject, state: Membership) -> tuple[Spell, ...]:
        """Return every spell of activity and absence up to now.

        By the default rule the first begins with the first act; by a charter's policy, with
        joining. While a charter that cannot be read here was in force, the spell before it goes on.
        """
        if not self.has_standing:
            return state.spells(subject.at)
        joined = subject.dossier.joined
        if joined is None or joined.occurred_at > subject.at:
            return ()
        found: list[Spell] = []
        for edge in self._edges(subject, joined.occurred_at, state):
            try:
                _, stand = self.stand(subject.moved(edge))
            except Malformed:
                continue
            if found and found[-1].active == stand.active:
                continue
            if found:
                found[-1] = Spell(active=found[-1].active, start=found[-1].start, end=edge)
            found.append(Spell(active=stand.active, start=edge, end=None))
        return tuple(found)

    def _edges(self, subject: Subject, start: datetime, state: Membership) -> list[datetime]:
        """Return every instant up to now at which the standing may have changed."""
        then = subject.moved(start)
        edges = {start, *(effective_from(entry) for entry in self.adopted)}
        for charter in self.readable:
            policy = charter.standing_policy
            if policy is not None:
                edges.update(edges_after(policy.leaves(), then))
        edges.update(moment for stretch in state.stretches for moment in stretch)
        return sorted(edge for edge in edges if start <= edge <= subject.at)
