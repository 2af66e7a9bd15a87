"""What is known of the log while recording: the parts that rules name, folded and kept up to date."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice, product
from operator import attrgetter
from typing import Any, Final, Generic

from attrs import define, field

from reps_ledger.domain.amendments import AMENDING, Amendments, Changes
from reps_ledger.domain.entries import Entry, entries_named, entry_tag, people_in
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Registry
from reps_ledger.domain.rules.parts import MERGES, Part, S, Source
from reps_ledger.domain.rules.voids import StoredRow

Order = tuple[datetime, int]
"""A place in effective order: see `Entry.order`."""

_ORDER: Final = attrgetter("order")

_APART: Final = 32
"""Entries between two states that are kept of a part, so that one in the past is soon found."""


@define
class Held(Generic[S]):
    """A part in memory.

    Attributes:
        part: which.
        key: with which its entries are folded.
        entries: those that stand and that its fold takes, in effective order.
        state: after all of them.
        sources: of the log, from which its entries are.
        revision: which amendment it was changed by last.
        listed: those of the entries that belong to the part, once that was found out.
    """

    part: Part[S]
    key: str
    entries: list[Entry]
    sources: list[Source]
    state: S = field(init=False)
    revision: int = 0
    listed: tuple[Entry, ...] | None = None
    _kept: list[tuple[Order, S]] = field(factory=list)  # states after some of the entries, and these' places

    def __attrs_post_init__(self) -> None:
        self.state = self.part.fold.initial
        self._fold_from(0)

    def add(self, entry: Entry) -> None:
        """Add an entry, as it is read."""
        self.listed = None
        if not self.entries or self.entries[-1].order < entry.order:
            self.entries.append(entry)
            self.state = self.part.fold.evolve(self.state, entry, self.key)
            if len(self.entries) % _APART == 0:
                self._kept.append((entry.order, self.state))
            return
        insort(self.entries, entry, key=_ORDER)
        self._anew_from(entry.order)

    def change(self, gone: Iterable[Entry], come: Iterable[Entry]) -> None:
        """Remove some of the entries, and add others."""
        self.listed = None
        first: Order | None = None
        last: Order | None = None
        for entry, adds in (*((each, False) for each in gone), *((each, True) for each in come)):
            if adds:
                insort(self.entries, entry, key=_ORDER)
            else:
                del self.entries[self._index(entry)]
            first = entry.order if first is None else min(first, entry.order)
            last = entry.order if last is None else max(last, entry.order)
        if first is not None and last is not None:
            self._anew_from(first, last)

    def _index(self, entry: Entry) -> int:
        place = bisect_left(self.entries, entry.order, key=_ORDER)
        return next(i for i in range(place, len(self.entries)) if self.entries[i].id == entry.id)

    def entries_from(self, start: Order | None) -> Iterator[Entry]:
        """Yield the entries from a place in effective order on; all of them where it is None."""
        place = 0 if start is None else bisect_left(self.entries, start, key=_ORDER)
        return islice(self.entries, place, None)

    def ends_by(self, order: Order) -> bool:
        """Whether none of its entries comes after that place in effective order."""
        return not self.entries or self.entries[-1].order <= order

    def state_at(self, order: Order) -> S:
        """Return the state as it was at a place in effective order."""
        return self._state(order, bisect_right(self.entries, order, key=_ORDER))

    def state_before(self, order: Order) -> S:
        """Return the state as it was just before a place in effective order."""
        return self._state(order, bisect_left(self.entries, order, key=_ORDER))

    def _state(self, order: Order, end: int) -> S:
        if end == len(self.entries):
            return self.state
        state, start = self._kept_before(order)
        for entry in self.entries[start:end]:
            state = self.part.fold.evolve(state, entry, self.key)
        return state

    def _kept_before(self, order: Order) -> tuple[S, int]:
        """Return a state that is kept from before a place, and the index of the first entry after it."""
        place = bisect_left(self._kept, order, key=_place)
        if not place:
            return self.part.fold.initial, 0
        after, state = self._kept[place - 1]
        return state, bisect_right(self.entries, after, key=_ORDER)

    def _anew_from(self, first: Order, last: Order | None = None) -> None:
        """Fold anew after entries at a place changed, until the state is what it was there before.

        Args:
            first: the place.
            last: the last place at which entries changed; the first by default.
        """
        _, start = self._kept_before(first)
        before = self._kept[bisect_left(self._kept, first, key=_place) :]
        del self._kept[len(self._kept) - len(before) :]
        known = [each for each in before if each[0] >= (last or first)]
        self._fold_from(start, known)

    def _fold_from(self, start: int, known: Sequence[tuple[Order, S]] = ()) -> None:
        """Fold entries from an index on; ``known`` are states that may be met again."""
        fold, key, kept = self.part.fold, self.key, self._kept
        state = kept[-1][1] if kept else fold.initial
        place = 0
        for index in range(start, len(self.entries)):
            entry = self.entries[index]
            state = fold.evolve(state, entry, key)
            order = entry.order
            while place < len(known) and known[place][0] < order:
                place += 1
            if place < len(known) and known[place][0] == order:
                if known[place][1] == state:
                    kept += known[place:]
                    return  # all after it is as it was
                kept.append((order, state))
            elif (index + 1) % _APART == 0:
                kept.append((order, state))
        self.state = state


def _place(kept: tuple[Order, object]) -> Order:
    return kept[0]


def folded(part: Part[S], key: str, entries: Iterable[Entry]) -> S:
    """Fold entries in effective order, passing over those that the part's fold does not take."""
    state = part.fold.initial
    for entry in entries:
        if part.fold.takes(entry.name):
            state = part.fold.evolve(state, entry, key)
    return state


@define
class _Raw:
    """The entries of a source, as they were recorded.

    Attributes:
        facts: those that may be read as facts of the people and things that they name.
        others: merges and retractions, which are known by the amendments that they make.
    """

    facts: list[Entry] = field(factory=list)
    others: list[Entry] = field(factory=list)

    def add(self, entry: Entry) -> None:
        """Add an entry."""
        (self.others if entry.name in _OTHERS else self.facts).append(entry)

    def of(self, part: Part) -> Iterator[Entry]:
        """Yield what may be of a part."""
        yield from self.facts
        if part.fold.types is None or not part.fold.types.isdisjoint(_OTHERS):
            yield from self.others


_OTHERS: Final = MERGES | {"entry.retracted"}


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
        amended: rises whenever an amendment is added.
        merged: rises whenever people are merged or parted.
    """

    registry: Registry
    amendments: Amendments = field(factory=Amendments)
    size: int = 0
    revision: int = 0
    rows: dict[int, StoredRow | None] = field(factory=dict)
    amended: int = 0
    merged: int = 0
    _known: dict[str, Entry] = field(factory=dict)  # by id
    _amending: dict[str, Entry] = field(factory=dict)  # in order of position
    _raw: dict[Source, _Raw] = field(factory=dict)
    _held: dict[Part, Held] = field(factory=dict)
    _tagged: dict[str, list[Source]] = field(factory=dict)
    _dependents: dict[Source, dict[Part, None]] = field(factory=dict)
    _of_entry: dict[str, dict[Part, None]] = field(factory=dict)  # what follows an entry, by its original

    def missing(self, parts: Iterable[Part]) -> set[Source]:
        """Return the sources that must be read before these parts are known."""
        wanted: set[Source] = set()
        for part in parts:
            if part not in self._held:
                sources = self.sources(part)
                wanted.update(s for s in sources if s not in self._raw and not self._narrowed(s))
                wanted.update(self._unknown(part, sources))
        return wanted

    def _narrowed(self, source: Source) -> bool:
        """Whether a source is known now, as one of the same tag and more types is."""
        for wider in self._tagged.get(source.tag, ()):
            if wider.types is not None and (source.types is None or not source.types <= wider.types):
                continue
            known = self._raw[wider]
            self._took(source, (entry for each in (known.facts, known.others) for entry in each))
            return True
        return False

    def _took(self, source: Source, entries: Iterable[Entry]) -> None:
        """Take the entries of a source, from among some."""
        if source not in self._raw:
            self._tagged.setdefault(source.tag, []).append(source)
        raw = self._raw[source] = _Raw()
        for entry in entries:
            if source.types is None or entry.name in source.types:
                raw.add(entry)
                self.size += 1
        self.size += 1

    def sources(self, part: Part) -> list[Source]:
        """Return the sources of a part, as far as they can be known yet.

        A merge that was read adds the duplicate's history. What is known by the id of an amendment is found
        under that of what is amended in the end, too, as all further amendments of that are.
        """
        held = self._held.get(part)
        if held is not None:
            return held.sources
        if part.fold.people and self.amendments.aliases:
            names = map(self.amendments.identifiers, part.names)
            return [part.fold.part(*each).source for each in product(*names)]
        if part.fold.of_entry:
            root = self.amendments.root(part.key)
            if root != part.key:
                return [part.source, part.fold.part(root).source]
        return [part.source]

    def _unknown(self, part: Part, sources: Iterable[Source]) -> Iterator[Source]:
        """Yield the sources of what entries of a part correct, where that is needed and not known."""
        if not self._amending or part.fold.types == frozenset():
            return
        if part.fold.of_entry:
            entry = self._known.get(part.key)
            if entry is not None and self.amendments.root(part.key) not in self._known:
                yield from self._amended_by(entry)
            return
        for source in sources:
            raw = self._raw.get(source)
            for entry in raw.facts if raw is not None else ():
                yield from self._unknown_of(part, entry)

    def _unknown_of(self, part: Part, entry: Entry) -> Iterator[Source]:
        """Yield the sources of what an entry of a part corrects, where that is needed and not known."""
        fact: Any = entry.fact
        if isinstance(fact, EntryCorrected) and part.fold.takes(_name(fact.replacement)):
            while isinstance(fact, EntryCorrected) and not self.amendments.is_link(fact.target):
                target = self._known.get(fact.target)
                if target is None:
                    yield from self._amended_by(entry)
                    return
                entry, fact = target, target.fact

    def _amended_by(self, amendment: Entry) -> Iterator[Source]:
        """Yield the sources of what an amendment amends, at once and in the end, but those that were read."""
        names = dict.fromkeys((amendment.fact.target, *entries_named(amendment.tags)))
        sources = (Source(entry_tag(name)) for name in names if name != amendment.id)
        return (source for source in sources if source not in self._raw)

    def load(self, read: dict[Source, list[Entry]]) -> None:
        """Add the entries that were read from the log, by source."""
        self.revision += bool(read)
        amending: dict[str, Entry] = {}
        for source, entries in read.items():
            self._took(source, entries)
            self._known.update({entry.id: entry for entry in entries})
            amending.update({entry.id: entry for entry in entries if entry.name in AMENDING})
        if not amending.keys() <= self._amending.keys():
            self._amend(amending)

    def add(self, entry: Entry) -> None:
        """Add an entry that will be appended."""
        self.revision += 1
        name = entry.name
        parts: dict[Part, None] = {}
        for tag in entry.tags:
            for source in self._tagged.get(tag, ()):
                if source.types is not None and name not in source.types:
                    continue
                self._raw[source].add(entry)
                self._known[entry.id] = entry
                self.size += 1
                if (dependents := self._dependents.get(source)) is not None:
                    parts.update(dependents)
        if name in AMENDING:
            self._amend({entry.id: entry}, parts)
            return
        several = self.amendments.people
        renamed = bool(several) and any(person in several for person in people_in(entry.fact, self.registry))
        read = self.read(entry) if renamed else entry
        for part in parts:
            held = self._held.get(part)
            if held is not None and part.fold.takes(name) and (not renamed or self._counts(part, read)):
                held.add(read)

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
        if not all(source in self._raw or self._narrowed(source) for source in sources):
            return None
        if any(self._unknown(part, sources)):
            return None
        key = part.key_by(self.amendments.readings)
        held = Held(part, key, sorted(self._standing(part, sources), key=_ORDER), sources)
        if part.fold.retractions:
            return held  # of one entry: that is as quickly found as kept up to date
        self._held[part] = held
        if part.fold.of_entry:
            self._of_entry.setdefault(self.amendments.root(part.key), {})[part] = None
            sources = [part.source]
        for source in sources:
            self._dependents.setdefault(source, {})[part] = None
        return held

    def _standing(self, part: Part, sources: Sequence[Source]) -> Iterator[Entry]:
        """Yield the entries of a part that stand, as they are read now."""
        raw: dict[str, Entry] = {}
        if part.fold.of_entry:
            # Of the chain in which an entry is, only what stands; and all that names the entry.
            standing = self.amendments.readings.get(part.key, part.key)
            sources = [] if part.fold.retractions else [part.source]
            if standing in self._known:
                raw[standing] = self._known[standing]
        for source in sources:
            raw.update({entry.id: entry for entry in self._raw[source].of(part)})
        for entry in raw.values():
            if (read := self._read(part, entry)) is not None:
                yield read

    def _read(self, part: Part, entry: Entry) -> Entry | None:
        """Return an entry as it is read now, if it stands and is of a part's kinds."""
        name = entry.name
        amendments = self.amendments
        if self._amending:
            if name == "entry.corrected":
                name = _name(entry.fact.replacement)
            if not part.fold.takes(name) or not amendments.stands(entry.id):
                return None
            entry = self.read(entry)
        elif not part.fold.takes(name):
            return None
        return entry if self._counts(part, entry) else None

    def _counts(self, part: Part, read: Entry) -> bool:
        """Whether an entry that stands is of a part: retractions, and what a merge made void, of few."""
        if part.fold.retractions:
            return True  # what a merge made void stands all the same: it may be put right
        return not isinstance(read.fact, EntryRetracted) and not Amendments.is_void(read)

    def raw(self, sources: Iterable[Source]) -> dict[str, Entry]:
        """Return the entries of sources as recorded, by id."""
        found = (raw for source in sources if (raw := self._raw.get(source)) is not None)
        return {entry.id: entry for raw in found for each in (raw.facts, raw.others) for entry in each}

    def target(self, entry_id: str) -> Entry | None:
        """Return an entry as it was recorded, by its id; None if it is not known or not there."""
        return self._known.get(entry_id)

    def read(self, entry: Entry) -> Entry:
        """Return how an entry that stands is read, or would be if it were recorded now."""
        return self.amendments.reading(entry, self._known.get, self.registry)

    def with_amendment(self, entry: Entry) -> Amendments:
        """Return the amendments as they would be with this entry recorded too."""
        return Amendments.among([*self._amending.values(), entry])

    def _amend(self, amending: dict[str, Entry], parts: Iterable[Part] = ()) -> None:
        """Take amendments.

        Args:
            amending: which, by id.
            parts: those that may have to do with them, where it is one that was recorded just now.
        """
        last = next(reversed(self._amending.values()), None)
        self.amended += 1
        changes: Changes | None = None
        first = min(entry.position for entry in amending.values())
        if last is None or first > last.position:
            self._amending |= amending
            for entry in sorted(amending.values(), key=_by_position):
                changes = self.amendments.add(entry)
                self.merged += changes is None
        else:
            self._amending |= amending
            self._amending = {e.id: e for e in sorted(self._amending.values(), key=_by_position)}
            self.amendments = Amendments.among(self._amending.values())
            self.merged += 1
        if changes is None or not parts:
            self._held.clear()  # any entry may be read differently now
            self._dependents.clear()
            self._of_entry.clear()
            return
        for part in parts:
            self._change(part, changes)
        for name in {
            name for root, change in changes.items() for name in (root, *change) if name is not None
        }:
            of_entry = self._of_entry.get(name, {})
            for part in [*of_entry]:
                if not self._change(part, changes):
                    del of_entry[part]

    def _change(self, part: Part, changes: Changes) -> bool:
        """Change what is held of a part, or forget it: it is folded anew when it is needed next."""
        held = self._held.get(part)
        if held is None or held.revision == self.amended:
            return held is not None
        held.revision = self.amended
        if not self._changed(held, changes):
            del self._held[part]
            return False
        return True

    def _changed(self, held: Held, changes: Changes) -> bool:
        """Change what is held of a part as entries are read otherwise; False where it must be made anew."""
        part = held.part
        if part.fold.of_entry and self.amendments.root(part.key) != part.key:
            return False
        gone: list[Entry] = []
        come: list[Entry] = []
        for before, now in changes.values():
            for each, into in ((before, gone), (now, come)):
                entry = None if each is None else self._known.get(each)
                if each is None or (entry is not None and not any(s.holds(entry) for s in held.sources)):
                    continue
                if entry is None or any(self._unknown_of(part, entry)):
                    return False
                read = self.read(entry)
                if part.fold.takes(read.name) and self._counts(part, read):
                    into.append(read)
        held.key = part.key_by(self.amendments.readings)
        held.change(gone, come)
        return True


def _by_position(entry: Entry) -> int:
    return entry.position


def _name(fact: object) -> str:
    name: str = fact.__fact__.name  # type: ignore[attr-defined]  # every fact has it
    return name
