"""Order for histories of any length: an external merge sort.

Reading: histories as known at a position, with corrections and merges applied.
"""

from __future__ import annotations

import heapq
import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import IO, Any, Final, TypeVar

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

RUN: Final = 50_000
"""Entries sorted in memory at a time."""

_BLOCK: Final = 250

T = TypeVar("T")


def in_effective_order(entries: Iterable[Entry], *, run: int = RUN) -> Iterator[Entry]:
    """Yield entries by ``(occurred_at, origin)``, holding at most about ``run`` in memory."""
    return in_order(entries, _place, run=run)


def _place(entry: Entry) -> tuple[object, int]:
    return entry.order


def in_order(items: Iterable[T], key: Callable[[T], Any], *, run: int = RUN) -> Iterator[T]:
    """Yield what can be pickled in the order of a key, holding at most about ``run`` in memory.

    What is more than that is sorted in runs, which wait in one anonymous temporary file. What
    has the same key keeps its order.
    """
    source = iter(items)
    first = sorted(islice(source, run), key=key)
    if len(first) < run:
        yield from first
        return
    with tempfile.TemporaryFile(prefix="reps-ledger-") as file:
        runs = [_spill(first, file)]
        del first
        while rest := sorted(islice(source, run), key=key):
            runs.append(_spill(rest, file))
        yield from heapq.merge(*(_blocks(offsets, file) for offsets in runs), key=key)


def _spill(items: list[Any], file: IO[bytes]) -> list[int]:
    offsets = []
    for start in range(0, len(items), _BLOCK):
        offsets.append(file.tell())
        pickle.dump(items[start : start + _BLOCK], file, pickle.HIGHEST_PROTOCOL)
    return offsets


def _blocks(offsets: list[int], file: IO[bytes]) -> Iterator[Any]:
    for offset in offsets:
        file.seek(offset)
        yield from pickle.load(file)  # noqa: S301 — written by this very process


_MERGES: Final = MERGES | CORRECTIONS
_AMENDMENTS: Final = tuple(Source(ledger_tag(name), frozenset({name})) for name in sorted(AMENDING))


class KeptSources(EventLog):
    """A log of which each source is read once, for who asks as of many positions.

    Args:
        log: which log.
        upto: nothing after this position will be asked for.
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
            source: [entry for entry in self._kept[source] if entry.position <= last]
            for source in wanted
        }, last


@frozen(kw_only=True)
class Reading:
    """The log as known at one position.

    Attributes:
        log: which log.
        known_at: entries after this position are not known.
    """

    log: EventLog
    known_at: int

    def member(self, member: str) -> tuple[str, list[Entry]]:
        """Return who a member is after merges, and what stands of their history, in order.

        What a duplicate did is theirs, and read as theirs.
        """
        raw = self._closure(Source(member_tag(member)))
        aliases = Amendments.among(raw.values()).aliases
        kept = aliases.get(member, member)
        if kept != member:
            return self.member(kept)
        registry = self.log.codec.registry
        return member, [
            entry
            for entry in resolve(raw.values(), registry)
            if member in people_in(entry.fact, registry)
        ]

    def recorded_of(self, member: str) -> list[Entry]:
        """Return all that was recorded of a member, in order of position: nothing is applied.

        With what was recorded of those who were merged into them, what amended any of it, and
        what was corrected into it.
        """
        raw = self._closure(Source(member_tag(member)))
        aliases = Amendments.among(raw.values()).aliases
        kept = aliases.get(member, member)
        if kept != member:
            return self.recorded_of(kept)
        own = {member_tag(member)} | {
            member_tag(other) for other, into in aliases.items() if into == member
        }
        found: list[Entry] = []
        corrected: set[str] = set()
        for entry in sorted(raw.values(), key=lambda entry: entry.position, reverse=True):
            if entry.id in corrected or not own.isdisjoint(entry.tags):
                found.append(entry)
                if isinstance(entry.fact, EntryCorrected):
                    corrected.add(entry.fact.target)  # which came before it
        return found[::-1]

    def community(self, community: str) -> list[Entry]:
        """Return what stands of a community's history, in effective order."""
        raw = self._closure(Source(community_tag(community)))
        amending = {entry.id: entry for entry in self._amending()}
        standing = resolve({**raw, **amending}.values(), self.log.codec.registry)
        return [e for e in standing if getattr(e.fact, "community", None) == community]

    def ledger_wide(self, name: str) -> list[Entry]:
        """Return what stands of all facts of a kind that concerns the whole ledger, in order.

        Args:
            name: ``charter.adopted``, ``policy.stated`` or ``opportunity.held``.

        Raises:
            InvalidInput: facts of that name are not found this way.
        """
        if name not in LEDGER_WIDE:
            raise InvalidInput(
                f"{name} is not of the whole ledger, as {', '.join(sorted(LEDGER_WIDE))} are",
                field="name",
            )
        standing = resolve(
            self._closure(Source(ledger_tag(name))).values(), self.log.codec.registry
        )
        return [entry for entry in standing if entry.name == name]

    def people(self, *, run: int = RUN) -> Iterator[tuple[str, list[Entry]]]:
        """Yield everyone whom anything that stands names, with what `member` says of them.

        In order of identifier, each under the one that merges kept. One person's history is held
        in memory at a time, beside about ``run`` entries that wait to be sorted.
        """
        registry = self.log.codec.registry
        amendments = self.amendments()
        named = (
            (person, entry)
            for entry in amendments.apply(self.log.read(upto=self.known_at), registry)
            for person in dict.fromkeys(people_in(entry.fact, registry))
            if person not in amendments.aliases  # as merges themselves name those
        )
        for person, pairs in groupby(in_order(named, _by_person, run=run), itemgetter(0)):
            yield person, [entry for _, entry in pairs]

    def everyone(self) -> Iterator[Entry]:
        """Yield what stands of everyone's history in effective order, in bounded memory."""
        return in_effective_order(self.standing())

    def standing(self) -> Iterator[Entry]:
        """Yield what stands of everyone's history, in order of position."""
        return self.amendments().apply(self.log.read(upto=self.known_at), self.log.codec.registry)

    def amendments(self) -> Amendments:
        """Return how entries are to be read, by all that was known."""
        return Amendments.among(self._amending())

    def _amending(self) -> list[Entry]:
        found, _ = self.log.read_sources(_AMENDMENTS, upto=self.known_at)
        entries = {entry.id: entry for each in found.values() for entry in each}
        return sorted(entries.values(), key=lambda entry: entry.position)

    def kept(self) -> Reading:
        """Return the same, of a log that reads each source once: see `KeptSources`."""
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

        For people, who think in dates. Clocks may be wrong; programs keep positions.
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
        """Read a source, the duplicates merged into it, and all that its corrections correct."""
        raw: dict[str, Entry] = {}
        wanted, read = {first}, set[Source]()
        while wanted:
            found, _ = self.log.read_sources(wanted, upto=self.known_at)
            read |= wanted
            raw.update({entry.id: entry for entries in found.values() for entry in entries})
            wanted = {source for source in self._leads(raw, first) if source not in read}
        return raw

    def _leads(self, raw: dict[str, Entry], first: Source) -> Iterator[Source]:
        for entry in raw.values():
            if isinstance(entry.fact, EntryCorrected) and entry.fact.target not in raw:
                yield Source(entry_tag(entry.fact.target))
        for duplicate, kept in Amendments.among(raw.values()).aliases.items():
            if first.tag == member_tag(kept):
                yield evolve(first, tag=member_tag(duplicate))
        registry = self.log.codec.registry
        facts = [fact for entry in raw.values() for fact in _said(entry.fact)]
        for person in {person for fact in facts for person in people_in(fact, registry)}:
            if first.tag != member_tag(person):
                yield Source(member_tag(person), _MERGES)  # whom they were merged with


def _said(fact: Fact) -> tuple[Fact, ...]:
    return (fact, fact.replacement) if isinstance(fact, EntryCorrected) else (fact,)


def _by_person(pair: tuple[str, Entry]) -> tuple[str, tuple[datetime, int]]:
    return pair[0], pair[1].order
