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

from bisect import bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from attrs import evolve, field, frozen
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
)

AMENDING = frozenset({"entry.retracted", "entry.corrected", "members.merged", "members.unmerged"})
"""Stored names of the facts that change how other entries are read."""


@frozen
class Merges:
    """Who was one person with whom, as each position came to be known.

    Attributes:
        changes: for each identifier that was ever merged into another, in order of position: from
            which position on, and into whom; None for into nobody, after an unmerge.
        positions: of all merges and unmerges, in order; between two of them nobody's person changes.
    """

    changes: Mapping[str, tuple[tuple[int, str | None], ...]] = field(factory=dict)
    positions: Sequence[int] = ()

    def kept(self, name: str, upto: int | None = None) -> str:
        """Return the identifier that merges keep for a name, by those up to a position; None for all."""
        while (changes := self.changes.get(name)) is not None:
            into = None
            for position, other in changes:
                if upto is not None and position > upto:
                    break
                into = other
            if into is None:
                break
            name = into
        return name


@frozen(kw_only=True)
class Amendments:
    """How entries are read, by all amendments known so far.

    Attributes:
        retracted: ids of entries that count as never recorded.
        readings: id of each corrected entry to that of the correction in its place.
        merges: duplicate identifier to the entry that merged it.
        aliases: duplicate identifier to the identifier that is kept.
        identities: whom merges made one person, and when that was told.
        people: every identifier of a person who has several, to all of theirs.
    """

    retracted: frozenset[str] = frozenset()
    readings: Mapping[str, str] = field(factory=dict)
    merges: Mapping[str, Entry] = field(factory=dict)
    aliases: Mapping[str, str] = field(factory=dict)
    identities: Merges = field(factory=Merges)
    people: Mapping[str, tuple[str, ...]] = field(factory=dict)
    _at_once: dict[tuple[int, str], dict[str, tuple[str, ...]]] = field(factory=dict, init=False, eq=False)

    @classmethod
    def among(cls, entries: Iterable[Entry]) -> Amendments:
        """Return the amendments among entries of any kind."""
        amending = sorted(
            (entry for entry in entries if entry.name in AMENDING), key=lambda entry: entry.position
        )
        if not amending:
            return _NONE
        retracted = _retracted(amending)
        readings = _readings(amending, retracted)
        merges, identities = _merges(amending, retracted | readings.keys())
        aliases = {duplicate: identities.kept(duplicate) for duplicate in merges}
        return cls(
            retracted=frozenset(retracted),
            readings=readings,
            merges=merges,
            aliases=aliases,
            identities=identities,
            people=_people(aliases),
        )

    def followed_by(self, entry: Entry, amending: Container[str]) -> Amendments | None:
        """Return these amendments and a later one, at less cost than `among` takes for all of them.

        Args:
            entry: recorded after all amendments so far.
            amending: ids of all amendments so far.

        Returns:
            None where it amends an amendment, or what was amended before: `among` knows what comes of that.
        """
        fact = entry.fact
        if isinstance(fact, MembersMerged | MembersUnmerged):
            return self._with_merge(entry)
        target = fact.target
        if target in amending or target in self.readings or target in self.retracted:
            return None
        if isinstance(fact, EntryRetracted):
            return evolve(self, retracted=self.retracted | {target})
        if isinstance(fact.replacement, MembersMerged | MembersUnmerged):
            return None
        return evolve(self, readings={**self.readings, target: entry.id})

    def _with_merge(self, entry: Entry[MembersMerged | MembersUnmerged]) -> Amendments:
        fact = entry.fact
        merges, changes = {**self.merges}, {**self.identities.changes}
        _merge(merges, changes, entry.position, entry, fact)
        identities = Merges(changes, (*self.identities.positions, entry.position))
        touched = {name for each in (fact.member, fact.duplicate) for name in self.people.get(each, (each,))}
        aliases, people = {**self.aliases}, {**self.people}
        for name in touched:
            people.pop(name, None)
            aliases.pop(name, None)
            if name in merges:
                aliases[name] = identities.kept(name)
        people.update(_people({name: aliases[name] for name in touched if name in aliases}))
        return evolve(self, merges=merges, aliases=aliases, identities=identities, people=people)

    def apply(self, entries: Iterable[Entry], registry: Registry, *, void: bool = False) -> Iterator[Entry]:
        """Yield the entries that stand, as they are read now; give them in order of position.

        Args:
            entries: in that order.
            registry: the facts of the log.
            void: whether also what counts for nothing, as its two people turned out to be one.
        """
        if self is _NONE:
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
                origin, before = corrected.get(fact.target, (origin, None))
                fact = fact.replacement
                if before is not None and self.identities.changes:
                    fact = self._of_same_identity(fact, before, entry.position, registry)
            if entry.id in self.readings:
                corrected[entry.id] = origin, fact
            elif entry.id not in self.retracted:
                told = self._told(fact, origin, registry) if self.people else None
                if told is not None:
                    fact = self.renamed(fact, registry)
                if fact is not entry.fact or origin != entry.origin or told is not None:
                    yield replace(entry, fact=fact, origin=origin, told=told)
                else:
                    yield entry

    def _of_same_identity(self, fact: Fact, before: Fact, position: int, registry: Registry) -> Fact:
        """Return a replacement that keeps the identities of the fact before it.

        Whoever corrects a date names people by the identifiers that merges keep; that does not make
        it another identity's entry. A merge means the identifiers that it names.
        """
        if isinstance(fact, MembersMerged | MembersUnmerged):
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
        if isinstance(fact, MembersMerged | MembersUnmerged):
            return None
        named = [person for person in people_in(fact, registry) if person in self.people]
        if not named:
            return None
        return Told(fact, {person: self.reach(person, origin) for person in named})

    def reach(self, name: str, position: int) -> tuple[str, ...]:
        """Return the identifiers that meant the same person at a position, and still do."""
        same = self.people.get(name)
        if same is None:
            return (name,)
        # Once for all identifiers and all entries between two merges: a person may have hundreds of each.
        place = bisect_right(self.identities.positions, position), same[0]
        found = self._at_once.get(place)
        if found is None:
            people: dict[str, list[str]] = {}
            for other in same:
                people.setdefault(self.identities.kept(other, position), []).append(other)
            found = {other: tuple(names) for names in people.values() for other in names}
            self._at_once[place] = found
        return found[name]

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
        if isinstance(fact, MembersMerged | MembersUnmerged):
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


_NONE = Amendments()


def _retracted(amending: Sequence[Entry]) -> set[str]:
    """Return the ids that count as never recorded."""
    retracted: set[str] = set()
    for entry in reversed(amending):  # a retraction can only concern what came before it
        if isinstance(entry.fact, EntryRetracted) and entry.id not in retracted:
            retracted.add(entry.fact.target)
    for entry in amending:
        if isinstance(entry.fact, EntryCorrected) and entry.fact.target in retracted:
            retracted.add(entry.id)  # its target counts as never recorded
    return retracted


def _readings(amending: Sequence[Entry], retracted: set[str]) -> dict[str, str]:
    """Return for each corrected entry the last correction of it, or of its corrections."""
    roots: dict[str, str] = {}
    last: dict[str, str] = {}
    for entry in amending:
        if isinstance(entry.fact, EntryCorrected) and entry.id not in retracted:
            root = roots.get(entry.fact.target, entry.fact.target)
            roots[entry.id] = root
            last[root] = entry.id
    chain = {**{root: root for root in last}, **roots}
    return {entry: last[root] for entry, root in chain.items() if entry != last[root]}


def _merges(amending: Sequence[Entry], void: set[str]) -> tuple[dict[str, Entry], Merges]:
    """Return, for each duplicate, the entry that merged it; and who was one with whom when.

    Args:
        amending: in order of position.
        void: ids of entries that were retracted or corrected.
    """
    places: dict[str, int] = {}
    standing: list[tuple[int, Entry, Fact]] = []
    for entry in amending:
        fact, place = entry.fact, entry.position
        if isinstance(fact, EntryCorrected):
            place = places.get(fact.target, place)  # it takes the place of what it corrects
            fact = fact.replacement
        places[entry.id] = place
        if entry.id not in void:
            standing.append((place, entry, fact))
    merges: dict[str, Entry] = {}
    changes: dict[str, tuple[tuple[int, str | None], ...]] = {}
    in_order = sorted(standing, key=lambda item: item[0])
    for place, entry, fact in in_order:
        _merge(merges, changes, place, entry, fact)
    places_of_merges = [p for p, _, fact in in_order if isinstance(fact, MembersMerged | MembersUnmerged)]
    return merges, Merges(changes, tuple(places_of_merges))


def _merge(
    merges: dict[str, Entry],
    changes: dict[str, tuple[tuple[int, str | None], ...]],
    place: int,
    entry: Entry,
    fact: Fact,
) -> None:
    """Take the next merge or unmerge, by place, into both of these; other facts change nothing.

    Args:
        merges: for each duplicate, the entry that merged it.
        changes: as in `Merges`.
        place: from which position on it counts.
        entry: by which it was told.
        fact: what it says now.
    """
    if isinstance(fact, MembersMerged):
        member, duplicate = fact.member, fact.duplicate
        if member == duplicate:
            return
        changes[duplicate] = (*changes.get(duplicate, ()), (place, None))
        if Merges(changes).kept(member) == duplicate:  # the later merge decides which of them is kept
            changes[member] = (*changes[member], (place, None))
            merges.pop(member, None)
        changes[duplicate] = (*changes[duplicate][:-1], (place, member))
        merges[duplicate] = entry
    elif isinstance(fact, MembersUnmerged):
        last = changes.get(fact.duplicate, ())
        if last and last[-1][1] == fact.member:
            changes[fact.duplicate] = (*last, (place, None))
            merges.pop(fact.duplicate, None)


def _people(aliases: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return, for each identifier of a person who has several, all of theirs."""
    of_person: dict[str, list[str]] = {}
    for duplicate, kept in aliases.items():
        of_person.setdefault(kept, [kept]).append(duplicate)
    groups = [tuple(sorted(names)) for names in of_person.values()]
    return {name: names for names in groups for name in names}
