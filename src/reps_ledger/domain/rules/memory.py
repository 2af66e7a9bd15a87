"""What was read of the log while recording: the parts that rules name, folded and kept ready.

It reads nothing by itself; `Memory.missing` says what to read.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from reps_ledger.domain.amendments import AMENDING, Amendments, resolve
from reps_ledger.domain.entries import Entry, entry_tag, people_in
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Registry
from reps_ledger.domain.rules.parts import Part, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Held", "Memory"]

S = TypeVar("S")
_Order = tuple[Any, int]


@define
class Held:
    """A part as held: what stands of it in effective order, and the state after all of it."""

    entries: list[Entry]
    state: Any
    key: str
    plain: bool  # of one source, and nothing in it was amended or renamed

    def extend(self, part: Part[Any], entry: Entry) -> bool:
        """Take a newer entry; say False where the part must be folded anew."""
        if not self.plain or (self.entries and self.entries[-1].order > entry.order):
            return False
        self.entries.append(entry)
        self.state = part.machine.evolve(self.state, entry, self.key)
        return True

    def ends_by(self, order: _Order) -> bool:
        """Whether nothing in it comes after that place in effective order."""
        return not self.entries or self.entries[-1].order <= order

    def state_at(self, part: Part[Any], order: _Order) -> Any:
        """Return the state as it was at a place in effective order."""
        return fold(part, self.key, (entry for entry in self.entries if entry.order <= order))


def fold(part: Part[S], key: str, entries: Iterable[Entry]) -> S:
    """Fold what a part's machine takes of entries in effective order."""
    state = part.machine.initial
    for entry in entries:
        if part.machine.takes(entry.name):
            state = part.machine.evolve(state, entry, key)
    return state


@define
class Memory:
    """The parts of one log that are known, and how what they hold is to be read.

    Attributes:
        registry: the facts of the log.
        amendments: all that is known to amend other entries.
        size: entries and empty places held.
    """

    registry: Registry
    amendments: Amendments = field(factory=Amendments)
    size: int = 0
    _amending: dict[str, Entry] = field(factory=dict)
    _duplicates: dict[str, list[str]] = field(factory=dict)
    _raw: dict[Source, list[Entry]] = field(factory=dict)
    _held: dict[Part[Any], Held] = field(factory=dict)
    _tagged: dict[str, list[Source]] = field(factory=dict)
    _dependents: dict[Source, dict[Part[Any], None]] = field(factory=dict)

    def missing(self, parts: Iterable[Part[Any]]) -> set[Source]:
        """Return what must be read before these parts are known."""
        wanted: set[Source] = set()
        for part in parts:
            if part not in self._held:
                wanted.update(s for s in self.sources(part) if s not in self._raw)
        return wanted

    def sources(self, part: Part[Any]) -> list[Source]:
        """Return the sources of a part, as far as what is known tells.

        A merge leads to the duplicate's history; a correction to the entry that it corrects.
        """
        held = self._held.get(part)
        if held is not None and held.plain:
            return [part.source]
        found = [part.source]
        if part.machine.people and self._duplicates:
            names = ([name, *self._duplicates.get(name, ())] for name in part.names)
            found = [part.machine.part(*each).source for each in product(*names)]
        for source in found:  # grows while it is walked
            raw = self._raw.get(source)
            if raw and self._amending:
                found += [s for s in _corrected(raw) if s not in found]
        return found

    def load(self, read: dict[Source, list[Entry]]) -> None:
        """Take what was read from the log."""
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
        """Take an entry that will be appended."""
        name = entry.name
        for tag in entry.tags:
            for source in self._tagged.get(tag, ()):
                if source.types is not None and name not in source.types:
                    continue
                self._raw[source].append(entry)
                self.size += 1
                if name in AMENDING:
                    continue  # anything may read differently: see below
                for part in self._dependents.get(source, ()):
                    held = self._held.get(part)
                    if held is not None and not held.extend(part, entry):
                        del self._held[part]  # folded anew when it is needed next
        if name in AMENDING:
            self._amend({entry.id: entry})

    def with_amendment(self, entry: Entry) -> Amendments:
        """Return how all would be read if an entry were recorded too."""
        if entry.name not in AMENDING:
            return self.amendments
        return Amendments.among([*self._amending.values(), entry])

    def state(self, part: Part[S]) -> S | None:
        """Return the state after all of a part, or None while it is not known."""
        held = self.held(part)
        return None if held is None else held.state

    def held(self, part: Part[Any]) -> Held | None:
        """Return a part, folded; None while its sources are not known."""
        held = self._held.get(part)
        if held is not None:
            return held
        sources = self.sources(part)
        if any(source not in self._raw for source in sources):
            return None
        raw = self.raw(sources)
        key = part.key_by(self.amendments.readings)
        plain = len(sources) == 1 and not self._touched(raw.values())
        entries = (
            sorted(raw.values(), key=lambda entry: entry.order)
            if plain
            else self._resolved(part, raw)
        )
        held = self._held[part] = Held(entries, fold(part, key, entries), key, plain)
        for source in sources:
            self._dependents.setdefault(source, {})[part] = None
        return held

    def raw(self, sources: Iterable[Source]) -> dict[str, Entry]:
        """Return the entries of sources as recorded, by id."""
        return {entry.id: entry for source in sources for entry in self._raw[source]}

    def target(self, entry_id: str) -> Entry | None:
        """Return the entry that a correction is about, as recorded, or None."""
        raw = self._raw.get(Source(entry_tag(entry_id)), ())
        return next((entry for entry in raw if entry.id == entry_id), None)

    def _amend(self, amending: dict[str, Entry]) -> None:
        self._amending |= amending
        self.amendments = Amendments.among(self._amending.values())
        self._duplicates = {}
        for duplicate, kept in self.amendments.aliases.items():
            self._duplicates.setdefault(kept, []).append(duplicate)
        self._held.clear()  # anything may read differently now

    def _touched(self, entries: Iterable[Entry]) -> bool:
        """Whether any entry amends, or names somebody under a merged-away name."""
        if not self._amending:
            return False
        aliases = self.amendments.aliases
        return any(
            entry.name in AMENDING
            or any(person in aliases for person in people_in(entry.fact, self.registry))
            for entry in entries
        )

    def _resolved(self, part: Part[Any], raw: dict[str, Entry]) -> list[Entry]:
        standing = resolve(raw.values(), self.registry, self.amendments)
        if part.machine.retractions:
            void = self.amendments.retracted
            standing += [
                entry
                for entry in raw.values()
                if isinstance(entry.fact, EntryRetracted) and entry.id not in void
            ]
            standing.sort(key=lambda entry: entry.order)
        return standing


def _corrected(raw: Sequence[Entry]) -> Iterator[Source]:
    """Yield where to find the entries that are corrected here but recorded elsewhere."""
    here = {entry.id for entry in raw}
    for entry in raw:
        if isinstance(entry.fact, EntryCorrected) and entry.fact.target not in here:
            yield Source(entry_tag(entry.fact.target))
