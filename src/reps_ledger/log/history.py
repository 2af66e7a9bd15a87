"""Histories as known at a position: of a member, a community or everyone, as they are read now.

`Reading` finds the entries that a history needs (also those of merged duplicates, and originals
of corrections) and applies corrections, retractions and merges to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

from attrs import evolve, frozen

from reps_ledger.domain.amendments import AMENDING, Amendments, resolve
from reps_ledger.domain.entries import (
    LEDGER_WIDE,
    Entry,
    community_tag,
    entry_tag,
    ledger_tag,
    member_tag,
    people_in,
)
from reps_ledger.domain.facts import EntryCorrected, Fact
from reps_ledger.domain.rules import Source
from reps_ledger.domain.rules.parts import CORRECTIONS, MERGES
from reps_ledger.errors import InvalidInput
from reps_ledger.log.event_log import EventLog
from reps_ledger.log.sorting import RUN, in_effective_order, in_order

_MERGES: Final = MERGES | CORRECTIONS  # merges, and what may correct or retract one
_AMENDMENTS: Final = tuple(Source(ledger_tag(name), frozenset({name})) for name in sorted(AMENDING))


class KeptSources(EventLog):
    """A log that reads each source once, for callers that read it as of many positions.

    Args:
        log: the log.
        upto: the greatest position that will be asked for.
    """

    def __init__(self, log: EventLog, upto: int) -> None:
        super().__init__(log.recorder, log.codec)
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
        raw = self._closure(Source(member_tag(member)))
        aliases = Amendments.among(raw.values()).aliases
        kept = aliases.get(member, member)
        if kept != member:
            return self.member(kept, void=void)
        registry = self.log.codec.registry
        standing = resolve(raw.values(), registry, void=void)
        return member, [entry for entry in standing if member in people_in(entry.fact, registry)]

    def recorded_of(self, member: str) -> list[Entry]:
        """Return a member's entries as they were recorded, in order of position.

        No correction, retraction or merge is applied. Entries of merged duplicates are among
        them, and amendments of any of these entries, and the originals of corrections whose
        replacement is about the member.
        """
        raw = self._closure(Source(member_tag(member)))
        aliases = Amendments.among(raw.values()).aliases
        kept = aliases.get(member, member)
        if kept != member:
            return self.recorded_of(kept)
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
        raw = self._closure(Source(community_tag(community)))
        amending = {entry.id: entry for entry in self._amending()}
        standing = resolve({**raw, **amending}.values(), self.log.codec.registry)
        return [e for e in standing if getattr(e.fact, "community", None) == community]

    def ledger_wide(self, name: str) -> list[Entry]:
        """Return the entries that stand of a kind that concerns the whole ledger, in order.

        Args:
            name: ``charter.adopted``, ``ledger.declared``, ``policy.stated`` or ``opportunity.held``.

        Raises:
            InvalidInput: it is none of these.
        """
        if name not in LEDGER_WIDE:
            raise InvalidInput(
                f"{name} is not of the whole ledger, as {', '.join(sorted(LEDGER_WIDE))} are", field="name"
            )
        standing = resolve(self._closure(Source(ledger_tag(name))).values(), self.log.codec.registry)
        return [entry for entry in standing if entry.name == name]

    def people(self, *, run: int = RUN) -> Iterator[tuple[str, list[Entry]]]:
        """Yield every person whom a standing entry names, with their history as of `member`.

        People are in order of the identifier that merges keep. One person's history is held in
        memory at a time, beside about ``run`` entries that are being sorted.
        """
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

    def everyone(self, *, void: bool = False) -> Iterator[Entry]:
        """Yield everyone's history in effective order, in bounded memory; `void` as for `member`."""
        return in_effective_order(self.standing(void=void))

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

    def _closure(self, first: Source) -> dict[str, Entry]:
        """Return by id the entries of a source, of merged duplicates, and originals of corrections.

        What is read may lead to further sources, until none is new.
        """
        raw: dict[str, Entry] = {}
        wanted, read = {first}, set[Source]()
        while wanted:
            found, _ = self.log.read_sources(wanted, upto=self.known_at)
            read |= wanted
            raw.update({entry.id: entry for entries in found.values() for entry in entries})
            wanted = {source for source in self._further(raw, first) if source not in read}
        return raw

    def _further(self, raw: dict[str, Entry], first: Source) -> Iterator[Source]:
        """Yield the sources that entries lead to: originals, duplicates, and people's merges."""
        for entry in raw.values():
            if isinstance(entry.fact, EntryCorrected) and entry.fact.target not in raw:
                yield Source(entry_tag(entry.fact.target))
        for duplicate, kept in Amendments.among(raw.values()).aliases.items():
            if first.tag == member_tag(kept):
                yield evolve(first, tag=member_tag(duplicate))
        registry = self.log.codec.registry
        facts = [fact for entry in raw.values() for fact in _facts_in(entry.fact)]
        for person in {person for fact in facts for person in people_in(fact, registry)}:
            if first.tag != member_tag(person):
                yield Source(member_tag(person), _MERGES)


def _facts_in(fact: Fact) -> tuple[Fact, ...]:
    return (fact, fact.replacement) if isinstance(fact, EntryCorrected) else (fact,)


def _by_person(pair: tuple[str, Entry]) -> tuple[str, tuple[datetime, int]]:
    return pair[0], pair[1].order
