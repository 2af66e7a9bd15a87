"""What is known of the log while recording: the parts that rules name, folded and kept up to date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import product
from typing import Generic

from attrs import define, field

from reps_ledger.domain.amendments import AMENDING, Amendments, resolve
from reps_ledger.domain.entries import Entry, entry_tag, people_in
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Registry
from reps_ledger.domain.rules.parts import Part, S, Source
from reps_ledger.domain.rules.voids import StoredRow

Order = tuple[datetime, int]
"""A place in effective order: see `Entry.order`."""


@define
class Held(Generic[S]):
    """A part in memory.

    Attributes:
        entries: those that stand, in effective order.
        state: after all of them.
        key: with which they were folded.
        plain: whether they are of one source, and none of them was amended or renamed; only then
            can entries be added.
    """

    entries: list[Entry]
    state: S
    key: str
    plain: bool

    def extend(self, part: Part[S], entry: Entry) -> bool:
        """Add a newly recorded entry; return False where the part must be folded anew."""
        if not self.plain or (self.entries and self.entries[-1].order > entry.order):
            return False
        self.entries.append(entry)
        self.state = part.fold.evolve(self.state, entry, self.key)
        return True

    def ends_by(self, order: Order) -> bool:
        """Whether none of its entries comes after that place in effective order."""
        return not self.entries or self.entries[-1].order <= order

    def state_at(self, part: Part[S], order: Order) -> S:
        """Return the state as it was at a place in effective order."""
        return folded(part, self.key, (entry for entry in self.entries if entry.order <= order))


def folded(part: Part[S], key: str, entries: Iterable[Entry]) -> S:
    """Fold entries in effective order, passing over those that the part's fold does not take."""
    state = part.fold.initial
    for entry in entries:
        if part.fold.takes(entry.name):
            state = part.fold.evolve(state, entry, key)
    return state


@define
class Memory:
    """The parts of one log that were read, and the amendments by which their entries are read.

    It reads nothing by itself: `missing` says what to read, and `load` takes it.

    Attributes:
        registry: the facts of the log.
        amendments: made of all amending entries that were read.
        size: a measure of the memory that it takes: entries and sources held.
        revision: rises whenever something is added.
        rows: what is stored at positions that voids name; None where nothing is.
    """

    registry: Registry
    amendments: Amendments = field(factory=Amendments)
    size: int = 0
    revision: int = 0
    rows: dict[int, StoredRow | None] = field(factory=dict)
    _amending: dict[str, Entry] = field(factory=dict)  # in order of position
    _raw: dict[Source, list[Entry]] = field(factory=dict)
    _held: dict[Part, Held] = field(factory=dict)
    _tagged: dict[str, list[Source]] = field(factory=dict)
    _dependents: dict[Source, dict[Part, None]] = field(factory=dict)

    def missing(self, parts: Iterable[Part]) -> set[Source]:
        """Return the sources that must be read before these parts are known."""
        wanted: set[Source] = set()
        for part in parts:
            if part not in self._held:
                wanted.update(s for s in self.sources(part) if s not in self._raw)
        return wanted

    def sources(self, part: Part) -> list[Source]:
        """Return the sources of a part, as far as they can be known yet.

        A merge that was read adds the duplicate's history; a correction adds the entry that it
        corrects.
        """
        held = self._held.get(part)
        if held is not None and held.plain:
            return [part.source]
        found = [part.source]
        if part.fold.people and self.amendments.aliases:
            names = map(self.amendments.identifiers, part.names)
            found = [part.fold.part(*each).source for each in product(*names)]
        for source in found:  # grows while it is walked
            raw = self._raw.get(source)
            if raw and self._amending:
                found += [s for s in _corrected(raw) if s not in found]
        return found

    def load(self, read: dict[Source, list[Entry]]) -> None:
        """Add the entries that were read from the log, by source."""
        self.revision += bool(read)
        amending: dict[str, Entry] = {}
        for source, entries in read.items():
            if source not in self._raw:
                self._tagged.setdefault(source.tag, []).append(source)
            self._raw[source] = entries
            self.size += 1 + len(entries)
            amending.update({entry.id: entry for entry in entries if entry.name in AMENDING})
        if not amending.keys() <= self._amending.keys():
            self._amend(amending)

    def add(self, entry: Entry) -> None:
        """Add an entry that will be appended."""
        self.revision += 1
        name = entry.name
        for tag in entry.tags:
            for source in self._tagged.get(tag, ()):
                if source.types is not None and name not in source.types:
                    continue
                self._raw[source].append(entry)
                self.size += 1
                if name in AMENDING:
                    continue  # `_amend` below forgets every part that was folded
                for part in self._dependents.get(source, ()):
                    held = self._held.get(part)
                    if held is not None and not held.extend(part, entry):
                        del self._held[part]  # folded anew when it is needed next
        if name in AMENDING:
            self._amend({entry.id: entry})

    def with_amendment(self, entry: Entry) -> Amendments:
        """Return the amendments as they would be with this entry recorded too."""
        if entry.name not in AMENDING:
            return self.amendments
        following = self.amendments.followed_by(entry, self._amending)
        return following or Amendments.among([*self._amending.values(), entry])

    def state(self, part: Part[S]) -> S | None:
        """Return the state after all entries of a part, or None while it is not known."""
        held = self.held(part)
        return None if held is None else held.state

    def held(self, part: Part[S]) -> Held[S] | None:
        """Return a part in memory, folded if need be; None while a source of it is missing."""
        held = self._held.get(part)
        if held is not None:
            return held
        sources = self.sources(part)
        if any(source not in self._raw for source in sources):
            return None
        raw = self.raw(sources)
        key = part.key_by(self.amendments.readings)
        plain = len(sources) == 1 and not self._touched(raw.values())
        entries = sorted(raw.values(), key=lambda entry: entry.order) if plain else self._resolved(part, raw)
        held = self._held[part] = Held(entries, folded(part, key, entries), key, plain)
        for source in sources:
            self._dependents.setdefault(source, {})[part] = None
        return held

    def raw(self, sources: Iterable[Source]) -> dict[str, Entry]:
        """Return the entries of sources as recorded, by id."""
        return {entry.id: entry for source in sources for entry in self._raw[source]}

    def target(self, entry_id: str) -> Entry | None:
        """Return an entry as it was recorded, by its id; None if it is not known or not there."""
        raw = self._raw.get(Source(entry_tag(entry_id)), ())
        return next((entry for entry in raw if entry.id == entry_id), None)

    def _amend(self, amending: dict[str, Entry]) -> None:
        last = next(reversed(self._amending.values()), None)
        following = None
        if len(amending) == 1 and last is not None:
            (entry,) = amending.values()
            if entry.position > last.position:
                following = self.amendments.followed_by(entry, self._amending)
        self._amending |= amending
        if following is None:
            amended = sorted(self._amending.values(), key=_by_position)
            self._amending = {entry.id: entry for entry in amended}
            following = Amendments.among(amended)
        self.amendments = following
        self._held.clear()  # any entry may be read differently now

    def _touched(self, entries: Iterable[Entry]) -> bool:
        """Whether any entry amends another, or names somebody with several identifiers."""
        if not self._amending:
            return False
        several = self.amendments.people
        return any(
            entry.name in AMENDING
            or any(person in several for person in people_in(entry.fact, self.registry))
            for entry in entries
        )

    def _resolved(self, part: Part, raw: dict[str, Entry]) -> list[Entry]:
        standing = resolve(raw.values(), self.registry, self.amendments)
        if part.fold.retractions:
            retracted = self.amendments.retracted
            standing += [
                entry
                for entry in raw.values()
                if isinstance(entry.fact, EntryRetracted) and entry.id not in retracted
            ]
            # What a merge made void stands all the same: it may be put right.
            standing += self.amendments.void(sorted(raw.values(), key=_by_position), self.registry)
            standing.sort(key=lambda entry: entry.order)
        return standing


def _by_position(entry: Entry) -> int:
    return entry.position


def _corrected(raw: Sequence[Entry]) -> Iterator[Source]:
    """Yield the sources of entries that are corrected by ``raw`` but are not in it."""
    here = {entry.id for entry in raw}
    for entry in raw:
        if isinstance(entry.fact, EntryCorrected) and entry.fact.target not in here:
            yield Source(entry_tag(entry.fact.target))
