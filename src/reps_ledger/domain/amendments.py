"""Corrections, retractions and merges: from what was recorded to what it says now.

An entry that is retracted is read as though it had never been recorded; so a retraction
that is itself retracted leaves its target standing. A corrected entry is read with the
replacement in its place, under the correction's id and at the original's place among ties.
A merge says that two identifiers are one person, whatever the dates: identity has no date.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

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
    """How the entries known so far are to be read.

    Attributes:
        retracted: ids of entries that count as never recorded.
        readings: id of an entry to that of the correction which stands in its place.
        merges: duplicate identifier to the entry of the merge that made it one.
        aliases: duplicate identifier to the one that is kept.
    """

    retracted: frozenset[str] = frozenset()
    readings: Mapping[str, str] = field(factory=dict)
    merges: Mapping[str, Entry] = field(factory=dict)
    aliases: Mapping[str, str] = field(factory=dict)

    @classmethod
    def among(cls, entries: Iterable[Entry]) -> Amendments:
        """Gather the amendments among entries, which may hold any others too."""
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
        """Yield what stands of entries in order of position, as it is to be read now."""
        if self is _NONE:  # among them nothing amends anything
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
        """Return a fact as said of those who are kept; who was merged with whom stays as said."""
        if isinstance(fact, MembersMerged | MembersUnmerged):
            return fact
        changes: dict[str, Any] = {}
        for name in registry.of(fact).persons:
            value = getattr(fact, name)
            if isinstance(value, tuple):
                renamed: Any = tuple(self.aliases.get(item, item) for item in value)
            else:
                renamed = self.aliases.get(value, value)
            if renamed != value:
                changes[name] = renamed
        return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class


def resolve(
    entries: Iterable[Entry], registry: Registry, amendments: Amendments | None = None
) -> list[Entry]:
    """Return what stands of these entries, in effective order.

    The entries must hold, beside their amendments, all that those amend; amendments known from
    elsewhere may be given.
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
            retracted.add(entry.id)  # there is nothing that it could correct
    return retracted


def _readings(amending: Sequence[Entry], retracted: set[str]) -> dict[str, str]:
    """Return what stands in the place of each corrected entry: the last of its corrections."""
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
    """Return the merge that made each duplicate one, and into whom it was merged."""
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
                direct.pop(fact.member, None)  # the later merge says which of them is kept
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
