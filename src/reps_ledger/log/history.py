"""Histories as known at a position: of a member, a community or everyone, as they are read now.

`Reading` finds the entries that a history needs (also those of merged duplicates, and originals
of corrections) and applies corrections, retractions and merges to them.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from typing import Final

from attrs import evolve, frozen

from reps_ledger.domain.amendments import AMENDING, Amendments, resolve
from reps_ledger.domain.entries import (
    LEDGER_WIDE,
    Entry,
    community_tag,
    entries_named,
    entry_tag,
    ledger_tag,
    member_tag,
    organisation_tag,
    people_in,
)
from reps_ledger.domain.facts import EntryCorrected, Fact, OrganisationDescribed
from reps_ledger.domain.rules import Source
from reps_ledger.domain.rules.parts import CORRECTIONS, MERGES
from reps_ledger.errors import InvalidInput
from reps_ledger.log.event_log import EventLog
from reps_ledger.log.sorting import RUN, in_effective_order, in_order

_MERGES: Final = MERGES | CORRECTIONS  # merges, and what may correct or retract one
_AMENDMENTS: Final = tuple(Source(ledger_tag(name), frozenset({name})) for name in sorted(AMENDING))
_ALL_MERGES: Final = tuple(Source(ledger_tag(name)) for name in sorted(MERGES))
"""All merges and unmerges, and what corrects or retracts one: such an entry has the tags of its target."""

_MEMBER: Final = member_tag("")

_TOGETHER: Final = 200  # people whose histories are read together
_READ: Final = 1_000  # entries read at a time in the order of their times

FEW_PEOPLE: Final = 16
"""Up to so many people's merges are sought one by one."""

MOST_MERGES: Final = 1_000
"""Where there are no more merges than that, all are read instead."""

_MERGES_A_NAME: Final = 32
"""Or than that for each of those whose merges were sought, which may lead from one to the next."""


class KeptSources(EventLog):
    """A log that reads each source once, for callers that read it as of many positions.

    Args:
        log: the log.
        upto: the greatest position that will be asked for.
    """

    def __init__(self, log: EventLog, upto: int) -> None:
        super().__init__(log.recorder, log.codec, voided=log.voided)
        self._upto = upto
        self._kept: dict[Source, list[Entry]] = {}

    def read_sources(
        self, sources: Iterable[Source], *, upto: int | None = None
    ) -> tuple[dict[Source, list[Entry]], int]:
        """Return the entries of each source, as `EventLog.read_sources` does."""
        wanted = list(sources)
        missing = [source for source in wanted if source not in self._kept]
        if missing:
            found, _ = super().read_sources(missing, upto=self._upto)
            self._kept.update(found)
        last = self._upto if upto is None else min(upto, self._upto)
        return {
            source: [entry for entry in self._kept[source] if entry.position <= last] for source in wanted
        }, last

    def read_any(self, sources: Iterable[Source], *, upto: int | None = None) -> Iterator[Entry]:
        """Yield the entries of any of these sources, as `EventLog.read_any` does."""
        found, _ = self.read_sources(sources, upto=upto)
        entries = {entry.position: entry for each in found.values() for entry in each}
        return (entry for _, entry in sorted(entries.items()))


@frozen(kw_only=True)
class Reading:
    """The log as known at one position.

    Attributes:
        log: the log.
        known_at: entries after this position are not read.
    """

    log: EventLog
    known_at: int

    def member(self, member: str, *, void: bool = False) -> tuple[str, list[Entry]]:
        """Return a member's identifier after merges, and their history in effective order.

        Entries of duplicates that were merged into the member are part of it, under the
        identifier that is kept.

        Args:
            member: who.
            void: whether also what a merge made void; see `Amendments.apply`.
        """
        (found,) = self.members([member], void=void).items()
        return found

    def members(
        self, names: Iterable[str], *, kinds: frozenset[str] | None = None, void: bool = False
    ) -> dict[str, list[Entry]]:
        """Return the histories of several people, each as of `member`, read together.

        Args:
            names: of whom. Those who are one person have one history, under the identifier that is kept.
            kinds: only entries of these stored names; None for all.
            void: as for `member`.
        """
        types = None if kinds is None else kinds | AMENDING
        wanted = [*names]
        raw, amendments = self._closure([Source(member_tag(name), types) for name in wanted])
        kept = [amendments.aliases.get(name, name) for name in wanted]
        return self._histories(raw.values(), amendments, kept, kinds=kinds, void=void)

    def _histories(
        self,
        raw: Iterable[Entry],
        amendments: Amendments,
        people: Iterable[str],
        *,
        kinds: frozenset[str] | None = None,
        void: bool = False,
    ) -> dict[str, list[Entry]]:
        """Return the entries that name each of some people, in effective order, as they are read now."""
        found: dict[str, list[Entry]] = {person: [] for person in people}
        registry = self.log.codec.registry
        for entry in resolve(raw, registry, amendments, void=void):
            if kinds is None or entry.name in kinds:
                for person in dict.fromkeys(people_in(entry.fact, registry)):
                    if person in found:
                        found[person].append(entry)
        return found

    def of_kinds(self, kinds: Collection[str], *, community: str | None = None) -> list[Entry]:
        """Return everybody's entries of some kinds in effective order, as they are read now.

        Args:
            kinds: their stored names.
            community: only those of a community; None for all.
        """
        if community is not None:
            first = Source(community_tag(community), frozenset(kinds) | CORRECTIONS)
            raw, amendments = self._closure([first])
        else:
            raw = {entry.id: entry for entry in self._amending()}
            amendments = Amendments.among(raw.values())
            raw.update({entry.id: entry for entry in self.log.read_kinds(kinds, upto=self.known_at)})
            raw.update(self.log.entries_of(_targets(raw.values()) - raw.keys()))
        standing = resolve(raw.values(), self.log.codec.registry, amendments)
        return [
            entry
            for entry in standing
            if entry.name in kinds and community in (None, getattr(entry.fact, "community", None))
        ]

    def recorded_of(self, member: str) -> list[Entry]:
        """Return a member's entries as they were recorded, in order of position.

        No correction, retraction or merge is applied. Entries of merged duplicates are among
        them, and amendments of any of these entries, and the originals of corrections whose
        replacement is about the member.
        """
        raw, amendments = self._closure([Source(member_tag(member))])
        aliases = amendments.aliases
        member = aliases.get(member, member)
        own = {member_tag(member)} | {member_tag(other) for other, into in aliases.items() if into == member}
        found: list[Entry] = []
        corrected: set[str] = set()
        for entry in sorted(raw.values(), key=lambda entry: entry.position, reverse=True):
            if entry.id in corrected or not own.isdisjoint(entry.tags):
                found.append(entry)
                if isinstance(entry.fact, EntryCorrected):
                    corrected.add(entry.fact.target)  # earlier, so still to come in this loop
        return found[::-1]

    def community(self, community: str) -> list[Entry]:
        """Return a community's history in effective order."""
        raw, _ = self._closure([Source(community_tag(community))])
        amending = {entry.id: entry for entry in self._amending()}
        standing = resolve({**raw, **amending}.values(), self.log.codec.registry)
        return [e for e in standing if getattr(e.fact, "community", None) == community]

    def describing(self, organisation: str) -> list[Entry]:
        """Return what describes an organisation, in effective order."""
        raw, amendments = self._closure([Source(organisation_tag(organisation))])
        standing = resolve(raw.values(), self.log.codec.registry, amendments)
        return [
            entry
            for entry in standing
            if isinstance(entry.fact, OrganisationDescribed) and entry.fact.organisation == organisation
        ]

    def ledger_wide(self, name: str) -> list[Entry]:
        """Return the entries that stand of a kind that concerns the whole ledger, in order.

        Args:
            name: ``charter.adopted``, ``entry.voided``, ``ledger.declared``, ``policy.stated`` or
                ``opportunity.held``.

        Raises:
            InvalidInput: it is none of these.
        """
        if name not in LEDGER_WIDE:
            raise InvalidInput(
                f"{name} is not of the whole ledger, as {', '.join(sorted(LEDGER_WIDE))} are", field="name"
            )
        raw, amendments = self._closure([Source(ledger_tag(name))])
        standing = resolve(raw.values(), self.log.codec.registry, amendments)
        return [entry for entry in standing if entry.name == name]

    def people(self, *, run: int = RUN) -> Iterator[tuple[str, list[Entry]]]:
        """Yield every person whom a standing entry names, with their history as of `member`.

        People are in order of the identifier that merges keep. Some hundred people's histories are
        held in memory at a time where the log finds them by tags; elsewhere one person's, beside about
        ``run`` entries that are being sorted.
        """
        if self.log.indexed and self.known_at > run:
            yield from self._people_by_tags()
            return
        registry = self.log.codec.registry
        amendments = self.amendments()
        named = (
            (person, entry)
            for entry in amendments.apply(self.log.read(upto=self.known_at), registry)
            for person in dict.fromkeys(people_in(entry.fact, registry))
            if person not in amendments.aliases  # merges themselves name duplicates
        )
        for person, pairs in groupby(in_order(named, _by_person, run=run), itemgetter(0)):
            yield person, [entry for _, entry in pairs]

    def _people_by_tags(self) -> Iterator[tuple[str, list[Entry]]]:
        amendments = self.amendments()
        after = ""
        while tags := self.log.tags_from(_MEMBER, after=after, limit=_TOGETHER):
            after = tags[-1]
            named = (tag.removeprefix(_MEMBER) for tag in tags)
            people = [person for person in named if person not in amendments.aliases]
            identifiers = [name for person in people for name in amendments.identifiers(person)]
            raw, _ = self._closure([Source(member_tag(name)) for name in identifiers], amendments)
            histories = self._histories(raw.values(), amendments, people)
            yield from ((person, entries) for person, entries in histories.items() if entries)

    def everyone(self, *, void: bool = False, run: int = RUN) -> Iterator[Entry]:
        """Yield everyone's history in effective order, in bounded memory.

        Args:
            void: as for `member`.
            run: how many entries are sorted in memory.
        """
        if self.log.indexed and self.known_at > run:
            return self._by_time(void=void, run=run)
        return in_effective_order(self.standing(void=void), run=run)

    def _by_time(self, *, void: bool, run: int) -> Iterator[Entry]:
        """Yield everyone's history as `everyone` does: times are sorted, then entries read in their order.

        What corrections concern is in memory, as the place of one depends on another.
        """
        registry, amendments = self.log.codec.registry, self.amendments()
        corrections = {e.id: e for e in self._amending() if e.name in CORRECTIONS}
        targets = self.log.entries_of({entry.fact.target for entry in corrections.values()})
        aside = {**targets, **corrections}
        corrected = resolve(aside.values(), registry, amendments, void=void)
        places = {entry.position for entry in aside.values()}
        times = (pair for pair in self.log.times(upto=self.known_at) if pair[1] not in places)
        positions = (position for _, position in in_order(times, _itself, run=run))
        batches = iter(lambda: [*islice(positions, _READ)], [])
        entries = (entry for batch in batches for entry in self.log.at(batch))
        others = amendments.apply(entries, registry, void=void)
        return heapq.merge(corrected, others, key=attrgetter("order"))

    def standing(self, *, void: bool = False) -> Iterator[Entry]:
        """Yield everyone's history in order of position, of recording; `void` as for `member`."""
        log = self.log
        return self.amendments().apply(log.read(upto=self.known_at), log.codec.registry, void=void)

    def amendments(self) -> Amendments:
        """Return all amendments that were known."""
        return Amendments.among(self._amending())

    def _amending(self) -> list[Entry]:
        found, _ = self.log.read_sources(_AMENDMENTS, upto=self.known_at)
        entries = {entry.id: entry for each in found.values() for entry in each}
        return sorted(entries.values(), key=lambda entry: entry.position)

    def kept(self) -> Reading:
        """Return the same reading of a log that reads each source once: see `KeptSources`."""
        return evolve(self, log=KeptSources(self.log, self.known_at))

    def recorded(self) -> Iterator[Entry]:
        """Yield every entry as it was recorded, in order of position."""
        return self.log.read(upto=self.known_at)

    def entry(self, entry_id: str) -> Entry | None:
        """Return the entry of that id as it was recorded, or None."""
        source = Source(entry_tag(entry_id))
        found, _ = self.log.read_sources([source], upto=self.known_at)
        return next((entry for entry in found[source] if entry.id == entry_id), None)

    def position_of(self, moment: datetime) -> int:
        """Return the last position recorded at or before a moment, by bisection.

        A convenience for people, who think in dates. Clocks may be wrong: programs keep positions.
        """
        low, high = 0, self.known_at
        while low < high:
            middle = (low + high + 1) // 2
            entry = next(iter(self.log.read(after=middle - 1, limit=1)), None)
            if entry is None or entry.position > high or entry.recorded_at > moment:
                high = middle - 1
            else:
                low = entry.position
        return low

    def _closure(
        self, first: Iterable[Source], amendments: Amendments | None = None
    ) -> tuple[dict[str, Entry], Amendments]:
        """Return by id the entries of sources, and of what these lead to; and the amendments among them.

        Entries lead to the originals of corrections, to the merges of people whom they name, and, of
        people whose entries are sought, to all that are the same person. What is read may lead to
        further sources, until none is new.

        Args:
            first: the sources.
            amendments: all that are known, where the caller has them: merges need not be sought then.
        """
        closure = _Closure(self, amendments)
        closure.read(first)
        return closure.raw, closure.amendments


class _Closure:
    """Entries of sources, and what these lead to; see `Reading._closure`.

    Attributes:
        raw: the entries by id, as they were recorded.
        amendments: those among them.
    """

    def __init__(self, reading: Reading, amendments: Amendments | None) -> None:
        self.raw: dict[str, Entry] = {}
        self.amendments = Amendments.among(()) if amendments is None else amendments
        self._reading = reading
        self._all_known = amendments is not None
        self._amending: list[Entry] = []
        self._wanted: set[Source] = set()  # and not read yet
        self._read: set[Source] = set()
        self._own: dict[str, frozenset[str] | None] = {}  # whose entries are sought, and of which kinds
        self._named: set[str] = set()  # whose merges are sought
        self._all_merges = self._all_known  # whether all were read
        self._try_at = FEW_PEOPLE  # of how many people merges are sought before all are tried to be read

    def read(self, first: Iterable[Source]) -> None:
        """Read sources, and what they lead to."""
        self._want(first)
        for source in self._wanted:
            if source.tag.startswith(_MEMBER):
                self._own[source.tag.removeprefix(_MEMBER)] = source.types
        self._named.update(self._own)
        if not self._all_merges and len(self._named) > self._try_at:
            self._read_all_merges()
        while self._wanted:
            # All merges that lead to one another first: who is one person is then found out once.
            while wanted := self._wanted:
                self._wanted = set()
                self._read |= wanted
                self._take(self._reading.log.read_any(wanted, upto=self._reading.known_at))
            if not self._all_known:
                self.amendments = Amendments.among(self._amending)
            self._want_all_of_same()

    def _want(self, sources: Iterable[Source]) -> None:
        self._wanted.update(source for source in sources if source not in self._read)

    def _want_all_of_same(self) -> None:
        """Seek the entries of all who are one person with somebody whose entries are sought."""
        people = self.amendments.people
        if not people:
            return
        looked_at: set[str] = set()
        for name, types in [*self._own.items()]:
            if name not in people or people[name][0] in looked_at:
                continue
            looked_at.add(people[name][0])
            added = [each for each in people[name] if each not in self._own]
            self._own.update(dict.fromkeys(added, types))
            self._want(Source(member_tag(each), types) for each in added)

    def _take(self, entries: Iterable[Entry]) -> None:
        """Take entries; those that are new may lead to more sources."""
        raw = self.raw
        new = [entry for entry in entries if entry.id not in raw]
        raw.update({entry.id: entry for entry in new})
        if not self._all_merges:
            self._seek_merges(new)
        amending = [entry for entry in new if entry.name in AMENDING]
        self._amending += amending
        for entry in amending:
            if isinstance(entry.fact, EntryCorrected) and entry.fact.target not in raw:
                # It has the tag of the first entry of its chain, under which the others are found at once.
                names = (entry.fact.target, *entries_named(entry.tags))
                self._want(Source(entry_tag(name)) for name in names if name != entry.id)

    def _seek_merges(self, entries: Iterable[Entry]) -> None:
        """Seek the merges of people whom entries name."""
        registry = self._reading.log.codec.registry
        facts = (fact for entry in entries for fact in facts_in(entry.fact))
        named = {person for fact in facts for person in people_in(fact, registry)} - self._named
        self._named |= named
        if len(self._named) > self._try_at:
            self._read_all_merges()
        if not self._all_merges:
            self._want(Source(member_tag(person), _MERGES) for person in named)

    def _read_all_merges(self) -> None:
        """Read all merges of the log, unless they are many."""
        upto = self._reading.known_at
        most = max(MOST_MERGES, _MERGES_A_NAME * len(self._named))
        self._try_at = 2 * most // _MERGES_A_NAME
        merges = self._reading.log.read_few(_ALL_MERGES, most, upto=upto)
        self._all_merges = merges is not None
        self._take(merges or ())


def _targets(entries: Iterable[Entry]) -> set[str]:
    """Return the ids of the entries that corrections among some are of."""
    return {entry.fact.target for entry in entries if isinstance(entry.fact, EntryCorrected)}


def facts_in(fact: Fact) -> tuple[Fact, ...]:
    """Return a fact, and of a correction also its replacement."""
    return (fact, fact.replacement) if isinstance(fact, EntryCorrected) else (fact,)


def _itself(pair: tuple[int, int]) -> tuple[int, int]:
    return pair


def _by_person(pair: tuple[str, Entry]) -> tuple[str, tuple[datetime, int]]:
    return pair[0], pair[1].order
