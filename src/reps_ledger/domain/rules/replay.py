"""Histories that were recorded already, judged by the rules again.

- `Replay` asks rules about a history, entry after entry.
- `contradictions` finds what an entry in the past would make illegal of what came after it.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from attrs import define, field

from reps_ledger.domain.amendments import Corrected, Readings, resolve
from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Fact, Registry
from reps_ledger.domain.rules.builtin import Rulebook
from reps_ledger.domain.rules.folds import MemberState
from reps_ledger.domain.rules.memory import Held, Memory, Order, folded
from reps_ledger.domain.rules.parts import Part, Parts, S
from reps_ledger.domain.rules.phrases import days_read_in
from reps_ledger.domain.spans import SpanFold
from reps_ledger.errors import Refusal

_HasIdentities = MemberState | SpanFold
"""States that know their people's identities apart."""


CORRECTING: Final = EntryRetracted | EntryCorrected
"""The facts that amend other entries."""


@define
class Replay:
    """The states of parts while a history is replayed, entry after entry in effective order.

    Attributes:
        rules: by which each entry is judged.
        readings: id of a corrected entry to that of the correction in its place, for parts
            whose key is an entry's id.
        states: of the parts that took an entry; any other part is in its initial state.
        chains: the corrections that are known: what is meant by the id of one is what is meant by that of
            the first entry of its chain. None where such parts are given their states.
    """

    rules: Rulebook
    readings: Mapping[str, str] = field(factory=dict)
    states: dict[Part, Any] = field(factory=dict)
    chains: Readings | None = field(default=None, kw_only=True)
    _known: tuple[Collection[str], Collection[str]] | None = field(default=None, init=False)

    def state(self, part: Part[S]) -> S:
        """Return a part's state so far."""
        part = self.meant(part)
        found: S = self.states.get(part, part.fold.initial)
        if self._known is not None and isinstance(found, _HasIdentities):
            return found.among(*self._known)  # type: ignore[return-value]  # of the same type
        return found

    def meant(self, part: Part[S]) -> Part[S]:
        """Return the one part of all that mean the same entry."""
        if self.chains is None or not part.fold.follows:
            return part
        return part.fold.part(self.chains.original(part.key))

    def judge_as_told(self, entry: Entry, registry: Registry) -> Iterator[Refusal]:
        """Yield the refusals of an entry by what its people were when it was told.

        What was told of two identities that merges made one since is judged of each by itself.
        """
        if entry.told is not None:
            said, reach = people_in(entry.told.fact, registry), entry.told.reach
            reached = {name for each in said for name in reach.get(each, (each,))}
            self._known = people_in(entry.fact, registry), reached
        try:
            with days_read_in(self.rules.zone):
                found = [*self.judge(entry)]
        finally:
            self._known = None
        yield from found

    def judge(self, entry: Entry) -> Iterator[Refusal]:
        """Yield the refusals of an entry by the states so far."""
        for rule in self.rules.of(entry.fact):
            yield from rule.judge(entry, *(self.state(part) for part in rule.parts(entry.fact, self)))

    def parts(self, fact: Fact) -> set[Part]:
        """Return the parts by which a fact is judged."""
        return {part for rule in self.rules.of(fact) for part in rule.parts(fact, self)}

    def take(self, entry: Entry, parts: Iterable[Part]) -> None:
        """Evolve the states of these parts by an entry."""
        for part in {self.meant(part) for part in parts}:
            if part.fold.takes(entry.name):
                key = part.key_by(self.readings)
                self.states[part] = part.fold.evolve(self.state(part), entry, key)


def contradictions(entry: Entry, asked: Parts, memory: Memory, rules: Rulebook) -> list[Refusal]:
    """Replay some parts with and without an entry, and return the refusals that it causes.

    Refusals that the history has without the entry are not its fault: so are those of rules
    that were added after entries that break them.

    Args:
        entry: what would be recorded.
        asked: the parts that the rules name to judge it.
        memory: which holds them.
        rules: by which they are replayed.
    """
    # A set: two rules may name the same part, which must take an entry only once.
    parts = {p for p in asked if not p.fold.retractions}
    fact = entry.fact
    if isinstance(fact, CORRECTING) and memory.amendments.concerns_merges(fact):
        runs = _whole_histories(entry, parts, memory, rules)
    else:
        runs = _from_the_change_on(entry, parts, memory, rules)
    found = []
    for violator, refusals, before in runs:
        if violator.id == entry.id:
            found += refusals
            continue
        # How often each is refused: a refusal of one of a fact's people must not hide another's.
        allowed = Counter(refusal.code for refusal in before)
        for refusal in refusals:
            allowed[refusal.code] -= 1
            if allowed[refusal.code] < 0:
                words = f"it would contradict a later entry: {refusal.words}"
                found.append(Refusal(code="contradicts_later", words=words, entries=(violator.id,)))
    return found


_Judged = tuple[Entry, list[Refusal], list[Refusal]]
"""An entry, and why it is refused in the history with the entry in question, and without it."""


def _whole_histories(entry: Entry, parts: set[Part], memory: Memory, rules: Rulebook) -> Iterator[_Judged]:
    """Judge all entries of parts again, where any may be read otherwise, as people are merged or parted."""
    raw = memory.raw(source for p in parts for source in memory.sources(p))
    raw |= {target.id: target for target in _targets(entry.fact, memory)}
    then, now = memory.amendments, memory.with_amendment(entry)
    before = resolve(raw.values(), memory.registry, then)
    every = resolve([*raw.values(), entry], memory.registry, now, void=True)
    # What a merge made void counts for nothing; but of two people who are one, nothing new is told.
    after = [each for each in every if each.id == entry.id or not now.is_void(each)]
    refused: dict[str, list[Refusal]] = {}
    for each, refusals in _refused(before, parts, Replay(rules, then.readings, chains=then.readings)):
        refused[each.id] = refusals
    for each, refusals in _refused(after, parts, Replay(rules, now.readings, chains=now.readings)):
        yield each, refusals, refused.get(each.id, [])


def _targets(fact: Fact, memory: Memory) -> Iterator[Entry]:
    """Yield the entry that a correction or retraction amends, and what that amends, to the original."""
    while isinstance(fact, CORRECTING):
        target = memory.target(fact.target)
        assert target is not None, "a correction's target is looked up first"
        yield target
        fact = target.fact


def _refused(
    history: Iterable[Entry], parts: Collection[Part], replay: Replay
) -> Iterator[tuple[Entry, list[Refusal]]]:
    for entry in history:
        yield entry, [*replay.judge(entry)]
        # What it is judged by is known wherever the entry in question makes a difference to it; the
        # rest is the same without that entry, and so are refusals for want of it.
        replay.take(entry, {*parts, *replay.parts(entry.fact)})


@define(kw_only=True)
class _Rerun(Replay):
    """A replay of some parts from a place in a history on, as the states before it are known.

    Attributes:
        memory: which holds the parts.
        again: those whose entries are replayed.
        steady: those in which the entry in question makes no difference.
        start: the place.
        order: that of the entry that is judged.
    """

    memory: Memory
    again: Collection[Part]
    steady: Collection[Part]
    start: Order
    order: Order
    _before: dict[str, list[Entry]] | None = field(default=None, init=False)

    def state(self, part: Part[S]) -> S:
        """Return a part's state so far."""
        part = self.meant(part)
        if part in self.steady:
            return self._held(part).state_before(self.order)
        if part not in self.states:
            known = part in self.again
            self.states[part] = self._held(part).state_before(self.start) if known else self._begun(part)
        found: S = self.states[part]
        return found

    def take(self, entry: Entry, parts: Iterable[Part]) -> None:
        """Evolve the states of these parts by an entry."""
        super().take(entry, [part for part in parts if self.meant(part) not in self.steady])

    def _held(self, part: Part[S]) -> Held[S]:
        held = self.memory.held(part)
        assert held is not None, "recording loads every part before it judges"
        return held

    def _begun(self, part: Part[S]) -> S:
        """Return the state, before the place, of a part that only an entry of the parts leads to."""
        if self._before is None:
            self._before = {}
            for entry in _entries_of(self.again, self.memory):
                if entry.order >= self.start:
                    break
                for tag in dict.fromkeys(entry.tags):
                    self._before.setdefault(tag, []).append(entry)
        return folded(part, part.key_by(self.readings), self._before.get(part.source.tag, ()))


def _entries_of(parts: Iterable[Part], memory: Memory, start: Order | None = None) -> Iterator[Entry]:
    """Yield the entries of parts that are known, each once, in effective order, from a place on."""
    held = (found for part in parts if (found := memory.held(part)) is not None)
    return _each_once(heapq.merge(*(each.entries_from(start) for each in held), key=attrgetter("order")))


def _each_once(history: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries of a history without repeats, which follow one another."""
    return (next(same) for _, same in groupby(history, attrgetter("id")))


def _from_the_change_on(entry: Entry, parts: set[Part], memory: Memory, rules: Rulebook) -> Iterator[_Judged]:
    """Judge again what comes after an entry, until both histories are in the same state again.

    Only entries of those parts are judged in which it, or what it corrects, makes a difference.
    """
    read = memory.read(entry)
    target = memory.target(entry.fact.target) if isinstance(entry.fact, CORRECTING) else None
    gone = None if target is None else memory.read(target)
    changed = [read] if gone is None else [gone, read]
    again = {p for p in parts if p.fold.for_entries or any(p.fold.takes(each.name) for each in changed)}
    start = min(each.order for each in changed)

    def rerun(readings: Mapping[str, str]) -> _Rerun:
        return _Rerun(
            rules=rules,
            readings=readings,
            chains=now,
            memory=memory,
            again=again,
            steady=parts - again,
            start=start,
            order=start,
        )

    now = memory.amendments.readings
    without = rerun(now)
    with_it = rerun(now if target is None else Corrected(now, target.id, entry.id))
    last = max(each.order for each in changed)
    since, look_at = 0, 1
    # A service's rules may judge the entries of any part by any other.
    others = (e for e in _entries_of(parts - again, memory, start) if rules.adds_to(e.fact))
    history = heapq.merge(_entries_of(again, memory, start), others, [read], key=attrgetter("order"))
    for each in _each_once(history):
        without.order = with_it.order = each.order
        refusals: list[Refusal] = []
        before: list[Refusal] = []
        if each is not read:
            ((_, before),) = _refused([each], again, without)
        if gone is None or each.id != gone.id:
            ((_, refusals),) = _refused([each], again, with_it)
            yield each, refusals, before
        if each.order < last or (each.order == last and each is not read):
            continue
        since += 1
        if since == look_at:  # now and then, as states may be large
            look_at *= 2
            if all(without.state(part) == with_it.state(part) for part in {*without.states, *with_it.states}):
                return
