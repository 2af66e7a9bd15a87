"""Corrections, retractions and merges: how recorded entries are read once these are applied.

- A retracted entry is read as if it had never been recorded. So a retraction that is itself
  retracted leaves its target standing.
- A corrected entry is replaced: its replacement is read under the correction's id, with the
  original's position among entries of the same instant.
- A merge makes two identifiers one person, at every date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import evolve, field, frozen
from msgspec.structs import replace

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import (
    EntryCorrected,
    EntryRetracted,
    Fact,
    MembersMerged,
    MembersUnmerged,
    Registry,
)

AMENDING = frozenset({"entry.retracted", "entry.corrected", "members.merged", "members.unmerged"})
"""Stored names of the facts that change how other entries are read."""


@frozen(kw_only=True)
class Amendments:
    """How entries are read, by all amendments known so far.

    Attributes:
        retracted: ids of entries that count as never recorded.
        readings: id of each corrected entry to that of the correction in its place.
        merges: duplicate identifier to the entry that merged it.
        aliases: duplicate identifier to the identifier that is kept.
    """

    retracted: frozenset[str] = frozenset()
    readings: Mapping[str, str] = field(factory=dict)
    merges: Mapping[str, Entry] = field(factory=dict)
    aliases: Mapping[str, str] = field(factory=dict)

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
        merges, direct = _merges(amending, retracted | readings.keys())
        return cls(
            retracted=frozenset(retracted),
            readings=readings,
            merges=merges,
            aliases={duplicate: _last(direct, duplicate) for duplicate in direct},
        )

    def apply(self, entries: Iterable[Entry], registry: Registry) -> Iterator[Entry]:
        """Yield the entries that stand, as they are read now; give them in order of position."""
        if self is _NONE:
            yield from entries
            return
        origins: dict[str, int] = {}
        for entry in entries:
            fact = entry.fact
            if isinstance(fact, EntryRetracted):
                continue
            origin = entry.position
            if isinstance(fact, EntryCorrected):
                origin = origins.get(fact.target, origin)
                fact = fact.replacement
            if entry.id in self.readings:
                origins[entry.id] = origin
            elif entry.id not in self.retracted:
                if self.aliases:
                    fact = self.renamed(fact, registry)
                if fact is not entry.fact or origin != entry.origin:
                    yield replace(entry, fact=fact, origin=origin)
                else:
                    yield entry

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
        return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class


def resolve(
    entries: Iterable[Entry], registry: Registry, amendments: Amendments | None = None
) -> list[Entry]:
    """Return the entries that stand, as they are read now, in effective order.

    Args:
        entries: in any order. Whatever an amendment among them amends must be there too.
        registry: the facts of the log.
        amendments: those to apply; by default those among the entries.
    """
    known = sorted(entries, key=lambda entry: entry.position)
    if amendments is None:
        amendments = Amendments.among(known)
    return sorted(amendments.apply(known, registry), key=lambda entry: entry.order)


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


def _merges(amending: Sequence[Entry], void: set[str]) -> tuple[dict[str, Entry], dict[str, str]]:
    """Return, for each duplicate, the entry that merged it and the member it was merged into.

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
    direct: dict[str, str] = {}
    for _, entry, fact in sorted(standing, key=lambda item: item[0]):
        if isinstance(fact, MembersMerged):
            direct.pop(fact.duplicate, None)
            if _last(direct, fact.member) == fact.duplicate:
                direct.pop(fact.member, None)  # the later merge decides which of them is kept
            if fact.member != fact.duplicate:
                direct[fact.duplicate] = fact.member
                merges[fact.duplicate] = entry
        elif isinstance(fact, MembersUnmerged) and direct.get(fact.duplicate) == fact.member:
            del direct[fact.duplicate]
    return {duplicate: merges[duplicate] for duplicate in direct}, direct


def _last(direct: Mapping[str, str], name: str) -> str:
    while (following := direct.get(name)) is not None:
        name = following
    return name
