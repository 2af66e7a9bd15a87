"""Corrections, retractions and merges: how recorded entries are read once these are applied.

- A retracted entry is read as if it had never been recorded. So a retraction that is itself
  retracted leaves its target standing.
- A corrected entry is replaced: its replacement is read under the correction's id, with the
  original's position among entries of the same instant.
- A merge makes two identifiers one person, at every date. Entries are read under the identifier
  that is kept, and keep that under which they were told beside it (see `Told`): what one of the two
  began goes on when the other's ends, and an unmerge gives each their own back.
- Where both people of a vouch, a mentoring or a verification turned out to be one, it is void: a history
  shows it, and it counts for nothing until an unmerge gives it back.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import TypeVar

from attrs import define, evolve, field
from msgspec.structs import replace

from reps_ledger.domain.entries import Entry, Told, people_in
from reps_ledger.domain.facts import (
    EntryCorrected,
    EntryRetracted,
    Fact,
    MembersMerged,
    MembersUnmerged,
    Registry,
    kind_of,
    stated,
)
from reps_ledger.domain.merges import Merges, Reach

AMENDING = frozenset({"entry.retracted", "entry.corrected", "members.merged", "members.unmerged"})
"""Stored names of the facts that change how other entries are read."""

D = TypeVar("D")

_Merging = MembersMerged | MembersUnmerged


class Readings(Mapping[str, str]):
    """The id of each corrected entry to that of the correction in its place: the last that stands.

    Corrections of one entry, and of its corrections, are a chain, known by the original's id.
    """

    def __init__(self) -> None:
        self._originals: dict[str, str] = {}
        self._gone: set[str] = set()  # corrections that do not stand
        self._chains: dict[str, list[tuple[int, str]]] = {}

    def original(self, entry_id: str) -> str:
        """Return the id of the entry with which a correction's chain began; of any other, its own."""
        return self._originals.get(entry_id, entry_id)

    def last(self, original: str) -> str | None:
        """Return the correction that stands in an original's place; None where none does."""
        chain = self._chains.get(original)
        return chain[-1][1] if chain else None

    def link(self, correction: Entry[EntryCorrected]) -> None:
        """Let a correction be of the chain of what it corrects; it may not stand."""
        self._originals[correction.id] = self.original(correction.fact.target)
        self._gone.add(correction.id)

    def add(self, correction: Entry[EntryCorrected]) -> None:
        """Add a correction that stands."""
        chain = self._chains.setdefault(self.original(correction.id), [])
        insort(chain, (correction.position, correction.id))
        self._gone.discard(correction.id)

    def remove(self, correction: Entry[EntryCorrected]) -> None:
        """Remove a correction that stands no more."""
        chain = self._chains[self.original(correction.id)]
        del chain[bisect_left(chain, (correction.position, correction.id))]
        self._gone.add(correction.id)

    def __getitem__(self, entry_id: str) -> str:
        found = self.get(entry_id)
        if found is None:
            raise KeyError(entry_id)
        return found

    def get(self, entry_id: str, default: D = None) -> str | D:  # type: ignore[assignment]  # as in `dict.get`
        """Return the id of the correction in an entry's place, or a default."""
        original = self._originals.get(entry_id, entry_id)
        chain = self._chains.get(original)
        if not chain or entry_id in self._gone or (last := chain[-1][1]) == entry_id:
            return default
        return last

    def __contains__(self, entry_id: object) -> bool:
        return self.get(str(entry_id)) is not None

    def __iter__(self) -> Iterator[str]:
        names = {name: None for name, chain in self._chains.items() if chain} | self._originals
        return (name for name in names if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Corrected(Mapping[str, str]):
    """Readings with one correction more, which is not among the amendments yet.

    Args:
        readings: without it.
        target: the id of the entry that it corrects, which stands.
        correction: its own id.
    """

    def __init__(self, readings: Mapping[str, str], target: str, correction: str) -> None:
        self._readings = readings
        self._target = target
        self._correction = correction

    def __getitem__(self, entry_id: str) -> str:
        if entry_id == self._target:
            return self._correction
        found = self._readings[entry_id]
        return self._correction if found == self._target else found

    def __iter__(self) -> Iterator[str]:
        yield self._target
        yield from self._readings

    def __len__(self) -> int:
        return len(self._readings) + 1


@define(eq=False)
class _Run:
    """Retractions, each of the one before it: whether the last counts says it of all of them."""

    target: str
    ids: list[str]


class Retracted(AbstractSet[str]):
    """Ids of entries that count as never recorded: retracted, or corrections of what is.

    A retraction that is retracted does not count. Long runs of retractions of retractions change with
    each further one, so only who is last in a run is looked at.
    """

    def __init__(self) -> None:
        self._others: set[str] = set()  # facts and corrections
        self._runs: dict[str, tuple[_Run, int]] = {}  # of each retraction: where it is
        self._counting: dict[str, int] = {}  # how many retractions of an entry count

    @classmethod
    def _from_iterable(cls, names: Iterable[D]) -> set[D]:
        return set(names)

    def __contains__(self, entry_id: object) -> bool:
        place = self._runs.get(entry_id)  # type: ignore[call-overload]  # an id
        return entry_id in self._others if place is None else self._in_run(*place)

    def _in_run(self, run: _Run, index: int) -> bool:
        last = len(run.ids) - 1
        return (self._counting.get(run.ids[last], 0) > 0) != bool((last - index) % 2)

    def __iter__(self) -> Iterator[str]:
        yield from self._others
        yield from (name for name in self._runs if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def is_target(self, entry_id: str) -> bool:
        """Whether any retraction of an entry counts."""
        return self._counting.get(entry_id, 0) > 0

    def add(self, entry_id: str) -> None:
        """Add a fact or a correction."""
        self._others.add(entry_id)

    def remove(self, entry_id: str) -> None:
        """Remove a fact or a correction."""
        self._others.remove(entry_id)

    def retract(self, retraction: str, target: str) -> str | None:
        """Take a retraction; return the fact or correction of which it may decide whether it is retracted."""
        place = self._runs.get(target)
        if place is not None:
            run, index = place
            if index == len(run.ids) - 1 and target not in self._counting:
                counted = not self._in_run(run, 0)
                run.ids.append(retraction)
                self._runs[retraction] = run, index + 1
                return self._count(run.target, 1 if not counted else -1)
            if index < len(run.ids) - 1:
                self._split(run, index + 1)
        self._runs[retraction] = _Run(target, [retraction]), 0
        return self._count(target, 1)

    def _split(self, run: _Run, index: int) -> None:
        """Let a run end before an index, so that something else may retract its last one too."""
        rest = _Run(run.ids[index - 1], run.ids[index:])
        counts = not self._in_run(run, index)
        del run.ids[index:]
        self._runs.update({name: (rest, place) for place, name in enumerate(rest.ids)})
        self._counting[rest.target] = int(counts)

    def _count(self, target: str, more: int) -> str | None:
        """Count more or fewer retractions of an entry, and what follows from that; as `retract`."""
        while True:
            before = self._counting.get(target, 0)
            place = self._runs.get(target)
            counted = place is not None and not self._in_run(place[0], 0)
            self._counting[target] = before + more
            if place is None:
                return target
            counts = not self._in_run(place[0], 0)
            if counts == counted:
                return None
            target, more = place[0].target, 1 if counts else -1


Changes = dict[str, tuple[str | None, str | None]]
"""Of entries whose reading changes: which id stood for one before, and which does now."""


@define(eq=False)
class Amendments:
    """How entries are read, by all amendments known so far.

    What one more costs does not grow with how many there are, as long as it does not make others count
    again or no more.

    Attributes:
        retracted: ids of entries that count as never recorded.
        readings: id of each corrected entry to that of the correction in its place.
        identities: whom merges made one person, and when that was told.
    """

    retracted: Retracted = field(factory=Retracted)
    readings: Readings = field(factory=Readings)
    identities: Merges = field(factory=Merges)
    _known: dict[str, Entry] = field(factory=dict)  # all amendments, in order of position
    _corrections: dict[str, list[str]] = field(factory=dict)  # whether they stand or not, by target
    _roots: dict[str, str] = field(factory=dict)  # of corrections and retractions: see `root`
    _places: dict[str, int] = field(factory=dict)  # of corrections and merges: from which position they count
    _merging: dict[str, Entry] = field(factory=dict)  # merges, and whatever corrects one or says one
    _links: dict[str, tuple[int, Fact]] = field(factory=dict)  # see `_link`

    @classmethod
    def among(cls, entries: Iterable[Entry]) -> Amendments:
        """Return the amendments among entries of any kind."""
        found = cls()
        amending = (entry for entry in entries if entry.name in AMENDING)
        for entry in sorted(amending, key=lambda entry: entry.position):
            found.add(entry)
        return found

    @property
    def merges(self) -> Mapping[str, Entry]:
        """Each duplicate identifier to the entry that merged it."""
        return self.identities.by

    @property
    def aliases(self) -> Mapping[str, str]:
        """Each duplicate identifier to the identifier that is kept."""
        return self.identities.aliases

    @property
    def people(self) -> Mapping[str, tuple[str, ...]]:
        """Every identifier of a person who has several, to all of theirs."""
        return self.identities.people

    def __eq__(self, other: object) -> bool:
        return self._said == other._said if isinstance(other, Amendments) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # they grow

    @property
    def _said(self) -> tuple[object, ...]:
        merged = self.identities
        return (
            {*self.retracted},
            dict(self.readings),
            {name: entry.id for name, entry in self.merges.items()},
            dict(self.aliases),
            dict(self.people),
            (merged.changes, merged.positions),
        )

    def add(self, entry: Entry) -> Changes | None:
        """Take the next amendment.

        Args:
            entry: recorded after all amendments so far.

        Returns:
            Which facts are read otherwise now; None where any may be, as people are merged or parted.
        """
        fact = entry.fact
        if isinstance(fact, _Merging):
            self._known[entry.id] = self._merging[entry.id] = entry
            self._places[entry.id] = entry.position
            if entry.id not in self.retracted and entry.id not in self.readings:
                self.identities.take(entry.position, entry, fact)
                self._links.clear()
            return None
        self._roots[entry.id] = self.root(fact.target)
        before: dict[str, str | None] = {}
        touched = {entry.id}
        if isinstance(fact, EntryRetracted):
            decided = self.retracted.retract(entry.id, fact.target)
            if decided is not None:
                touched |= self._settle(decided, before)
        else:
            self._correct(entry, before)
        self._known[entry.id] = entry
        concerns = self.concerns_merges(fact)
        if concerns and isinstance(fact, EntryCorrected):
            self._merging[entry.id] = entry
        if concerns or not self._merging.keys().isdisjoint(touched):
            self._merge_anew()
            return None
        changes = {name: (was, self._standing_for(name)) for name, was in before.items()}
        return {name: change for name, change in changes.items() if change[0] != change[1]}

    def _correct(self, entry: Entry[EntryCorrected], before: dict[str, str | None]) -> None:
        target = entry.fact.target
        self._places[entry.id] = self._places.get(target, entry.position)
        self._corrections.setdefault(target, []).append(entry.id)
        self.readings.link(entry)
        original = self.readings.original(entry.id)
        before[original] = self._standing_for(original)
        if target in self.retracted:
            self.retracted.add(entry.id)
        elif entry.id not in self.retracted:
            self.readings.add(entry)

    def _settle(self, entry_id: str, before: dict[str, str | None]) -> set[str]:
        """Find out anew whether an entry is retracted, and its corrections; return all that changed."""
        changed: set[str] = set()
        waiting = [entry_id]
        while waiting:
            each = waiting.pop()
            entry = self._known.get(each)
            correction = entry if entry is not None and isinstance(entry.fact, EntryCorrected) else None
            retracted = self.retracted.is_target(each)
            if correction is not None and correction.fact.target in self.retracted:
                retracted = True
            if retracted == (each in self.retracted):
                continue
            changed.add(each)
            original = self.readings.original(each)
            if original not in before:
                before[original] = self._standing_for(original)
            (self.retracted.add if retracted else self.retracted.remove)(each)
            if correction is not None:
                (self.readings.remove if retracted else self.readings.add)(correction)
            waiting += self._corrections.get(each, ())
        return changed

    def _standing_for(self, original: str) -> str | None:
        """Return the id that stands for an entry that corrects none; None where it is retracted."""
        last = self.readings.last(original)
        return last if last is not None or original in self.retracted else original

    def concerns_merges(self, fact: EntryRetracted | EntryCorrected) -> bool:
        """Whether a correction or retraction is of a merge, or makes one."""
        return fact.target in self._merging or isinstance(getattr(fact, "replacement", None), _Merging)

    def _merge_anew(self) -> None:
        """Take all merges that stand again, each in its place."""
        self.identities = Merges()
        self._links.clear()
        standing = [
            (self._places[entry.id], entry)
            for entry in self._merging.values()
            if entry.id not in self.retracted and entry.id not in self.readings
        ]
        for place, entry in sorted(standing, key=lambda item: item[0]):
            self.identities.take(place, entry, stated(entry.fact))

    def root(self, entry_id: str) -> str:
        """Return the id of what a correction or retraction amends in the end; of any other, its own."""
        return self._roots.get(entry_id, entry_id)

    def stands(self, entry_id: str) -> bool:
        """Whether an entry is neither retracted nor corrected."""
        return entry_id not in self.retracted and entry_id not in self.readings

    def is_link(self, entry_id: str) -> bool:
        """Whether an entry is a correction of which `reading` knows all that it depends on."""
        return entry_id in self._links

    def apply(self, entries: Iterable[Entry], registry: Registry, *, void: bool = False) -> Iterator[Entry]:
        """Yield the entries that stand, as they are read now; give them in order of position.

        Args:
            entries: in that order.
            registry: the facts of the log.
            void: whether also what counts for nothing, as its two people turned out to be one.
        """
        if not self._known:
            yield from entries
            return
        for entry in self._standing(entries, registry):
            if void or not self.is_void(entry):
                yield entry

    def void(self, entries: Iterable[Entry], registry: Registry) -> Iterator[Entry]:
        """Yield the entries that would stand if their two people were not one; see `apply`."""
        if self.aliases:
            yield from filter(self.is_void, self._standing(entries, registry))

    def _standing(self, entries: Iterable[Entry], registry: Registry) -> Iterator[Entry]:
        corrected: dict[str, tuple[int, Fact]] = {}  # by id, the place and the fact, as it was told
        for entry in entries:
            fact = entry.fact
            if isinstance(fact, EntryRetracted):
                continue
            origin = entry.position
            if isinstance(fact, EntryCorrected):
                origin, fact = self._replacing(entry, corrected.get(fact.target), registry)
            if entry.id in self.readings:
                corrected[entry.id] = origin, fact
            elif entry.id not in self.retracted:
                yield self._as_read(entry, fact, origin, registry)

    def reading(self, entry: Entry, known: Callable[[str], Entry | None], registry: Registry) -> Entry:
        """Return how an entry is read if it stands.

        Args:
            entry: as it was recorded; of a retraction, that itself is returned.
            known: returns an entry as it was recorded, by its id; None where it is not known.
            registry: the facts of the log.
        """
        fact = entry.fact
        if isinstance(fact, EntryRetracted):
            return entry
        if not isinstance(fact, EntryCorrected):
            return self._as_read(entry, fact, entry.position, registry)
        origin, said = self._link(entry, known, registry)
        return self._as_read(entry, said, origin, registry)

    def _link(
        self, entry: Entry[EntryCorrected], known: Callable[[str], Entry | None], registry: Registry
    ) -> tuple[int, Fact]:
        """Return the place of what a correction corrects, and what it says as it was told."""
        chain: list[Entry[EntryCorrected]] = []
        each: Entry | None = entry
        before: tuple[int, Fact] | None = None
        while each is not None and (before := self._links.get(each.id)) is None:
            if not isinstance(each.fact, EntryCorrected):
                before = each.position, each.fact
                break
            chain.append(each)
            each = known(each.fact.target)
        for link in reversed(chain):
            if before is not None and link is not entry:
                self._links[link.id] = before = self._replacing(link, before, registry)
            else:  # it may not be recorded yet; or what it corrects is not known yet
                before = self._replacing(link, before, registry)
        assert before is not None, "the correction itself is a link"
        return before

    def _replacing(
        self, entry: Entry[EntryCorrected], before: tuple[int, Fact] | None, registry: Registry
    ) -> tuple[int, Fact]:
        """Return the place and the fact of a correction, by those of what it corrects, if it is known."""
        fact = entry.fact.replacement
        if before is None:
            return entry.position, fact
        if self.identities.changes:
            fact = self._of_same_identity(fact, before[1], entry.position, registry)
        return before[0], fact

    def _as_read(self, entry: Entry, fact: Fact, origin: int, registry: Registry) -> Entry:
        """Return an entry with what it says, at its place, under the identifiers that are kept."""
        told = self._told(fact, origin, registry) if self.people else None
        if told is not None:
            fact = self.renamed(fact, registry)
        if fact is not entry.fact or origin != entry.origin or told is not None:
            return replace(entry, fact=fact, origin=origin, told=told)
        return entry

    def _of_same_identity(self, fact: Fact, before: Fact, position: int, registry: Registry) -> Fact:
        """Return a replacement that keeps the identities of the fact before it.

        Whoever corrects a date names people by the identifiers that merges keep; that does not make
        it another identity's entry. A merge means the identifiers that it names.
        """
        if isinstance(fact, _Merging):
            return fact

        def kept(value: str, others: Iterable[object]) -> str:
            for other in others:
                if not isinstance(other, str) or other == value:
                    continue
                if self.identities.kept(other, position) == value:
                    return other
            return value

        changes: dict[str, object] = {}
        for name in registry.of(fact).persons:
            value, said = getattr(fact, name), getattr(before, name, None)
            if isinstance(value, tuple) and isinstance(said, tuple):
                same: object = tuple([kept(item, [s for s in said if s not in value]) for item in value])
            elif isinstance(value, str):
                same = kept(value, [said])
            else:
                continue
            if same != value:
                changes[name] = same
        return _changed(fact, changes)

    def _told(self, fact: Fact, origin: int, registry: Registry) -> Told | None:
        """Return under which identifiers a fact was told; None where nobody in it has several."""
        if isinstance(fact, _Merging):
            return None
        people = self.people
        named = [person for person in people_in(fact, registry) if person in people]
        return Told(fact, Reach(self.identities, named, origin)) if named else None

    def reach(self, name: str, position: int) -> tuple[str, ...]:
        """Return the identifiers that meant the same person at a position, and still do."""
        return self.identities.reach(name, position)

    def identifiers(self, name: str) -> tuple[str, ...]:
        """Return all identifiers of the person whom merges keep under a name; of a duplicate, its own."""
        return (name,) if name in self.aliases else self.people.get(name, (name,))

    @staticmethod
    def is_void(entry: Entry) -> bool:
        """Whether an entry counts for nothing, as two people who must differ are one by a merge."""
        if entry.told is None or not (apart := kind_of(entry.fact).apart):
            return False
        now = {getattr(entry.fact, name) for name in apart}
        return len(now) < len({getattr(entry.told.fact, name) for name in apart})

    def renamed(self, fact: Fact, registry: Registry) -> Fact:
        """Return a fact with the identifiers that merges keep; merges themselves are unchanged."""
        if isinstance(fact, _Merging):
            return fact
        changes: dict[str, object] = {}
        for name in registry.of(fact).persons:
            value = getattr(fact, name)
            renamed = (
                tuple([self.aliases.get(item, item) for item in value])
                if isinstance(value, tuple)
                else self.aliases.get(value, value)
            )
            if renamed != value:
                changes[name] = renamed
        return _changed(fact, changes)


def _changed(fact: Fact, changes: Mapping[str, object]) -> Fact:
    return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class


def resolve(
    entries: Iterable[Entry], registry: Registry, amendments: Amendments | None = None, *, void: bool = False
) -> list[Entry]:
    """Return the entries that stand, as they are read now, in effective order.

    Args:
        entries: in any order. Whatever an amendment among them amends must be there too.
        registry: the facts of the log.
        amendments: those to apply; by default those among the entries.
        void: as for `Amendments.apply`.
    """
    known = sorted(entries, key=lambda entry: entry.position)
    if amendments is None:
        amendments = Amendments.among(known)
    return sorted(amendments.apply(known, registry, void=void), key=lambda entry: entry.order)
