"""A world: the parts of a history that a recording depends on, folded and kept ready.

It holds what was read from the log, takes what is about to be appended, and judges each
new entry against the history around its own ``occurred_at``: what it would contradict
later counts too. It reads nothing by itself; `World.missing` says what to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, evolve, field

from reps_ledger.domain.amendments import AMENDING, Amendments, resolve
from reps_ledger.domain.entries import Entry, entry_tag, member_tag, subject_tags, unique
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Fact, Registry
from reps_ledger.domain.refusals import Refusal
from reps_ledger.domain.rules.parts import Part, Parts, Rule, Source
from reps_ledger.domain.rules.rulebook import Rulebook
from reps_ledger.domain.rules.words import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


__all__ = ["World"]

S = TypeVar("S")

_PLANS = 2_000
_Order = tuple[Any, int]


@define
class _Held:
    """A part as held: what stands of it in effective order, and the state after all of it."""

    entries: list[Entry]
    state: Any
    plain: bool  # of one source, and nothing in it amends

    def extend(self, part: Part[Any], entry: Entry) -> bool:
        """Take a newer entry; say False where the part must be folded anew."""
        if not self.plain or (self.entries and self.entries[-1].order > entry.order):
            return False
        self.entries.append(entry)
        self.state = part.machine.evolve(self.state, entry, part.key)
        return True

    def state_at(self, part: Part[Any], order: _Order) -> Any:
        if not self.entries or self.entries[-1].order <= order:
            return self.state
        state = part.machine.initial
        for entry in self.entries:
            if entry.order > order:
                break
            if part.machine.takes(entry.name):
                state = part.machine.evolve(state, entry, part.key)
        return state


@define
class World:
    """What is known of the log while recording."""

    registry: Registry
    rules: Rulebook
    _raw: dict[Source, list[Entry]] = field(factory=dict)
    _held: dict[Part[Any], _Held] = field(factory=dict)
    _tagged: dict[str, list[Source]] = field(factory=dict)
    _dependents: dict[Source, dict[Part[Any], None]] = field(factory=dict)
    _plans: dict[int, tuple[Fact, list[tuple[Rule, Parts]]]] = field(factory=dict)
    size: int = 0

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
        found = [part.source]
        held = self._held.get(part)
        if held is not None and held.plain:
            return found
        for source in found:  # grows while it is walked
            raw = self._raw.get(source)
            if raw:
                found += [s for s in _leads(raw, part) if s not in found]
        return found

    def load(self, read: dict[Source, list[Entry]]) -> None:
        """Take what was read from the log."""
        for source, entries in read.items():
            if source not in self._raw:
                self._tagged.setdefault(source.tag, []).append(source)
            self._raw[source] = entries
            self.size += 1 + len(entries)

    def state(self, part: Part[S]) -> S | None:
        """Return the state after all of a part, or None while it is not known."""
        held = self._hold(part)
        return None if held is None else held.state

    def parts(self, fact: Fact) -> Sequence[Part[Any]]:
        """Name what recording a fact depends on, as far as what is known tells."""
        plan = self._plan(fact)
        if len(plan) == 1 and not isinstance(fact, EntryCorrected):
            return plan[0][1]
        found = [part for _, parts in plan for part in parts]
        if isinstance(fact, EntryCorrected):
            found += self.parts(fact.replacement)
        return found

    def _plan(self, fact: Fact) -> list[tuple[Rule, Parts]]:
        """Return the rules that judge a fact, and their parts; asked several times a recording."""
        kept = self._plans.get(id(fact))
        if kept is not None and kept[0] is fact:
            return kept[1]
        rules = self.rules.of(fact)
        plan = [(rule, rule.parts(fact, self)) for rule in rules]
        if not any(rule.dynamic for rule in rules):
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[id(fact)] = fact, plan
        return plan

    def tags(self, fact: Fact, entry_id: str) -> tuple[str, ...]:
        """Return the tags under which the log is to find a fact."""
        return unique((*self._tags(fact), entry_tag(entry_id)))

    def _tags(self, fact: Fact) -> Iterator[str]:
        name = self.registry.of(fact).kind.name
        yield from subject_tags(fact, self.registry)
        for part in self.parts(fact):
            if part.machine.takes(name):
                yield part.source.tag
        if name in AMENDING or name == "charter.adopted":
            yield f"ledger:{name}"
        if isinstance(fact, EntryRetracted | EntryCorrected):
            target = self.target(fact.target)
            if target is not None:
                own = entry_tag(target.id)
                yield from (tag for tag in target.tags if tag != own)
        if isinstance(fact, EntryCorrected):
            yield from self._tags(fact.replacement)

    def target(self, entry_id: str) -> Entry | None:
        """Return the entry that a correction is about, as recorded, or None."""
        raw = self._raw.get(Source(entry_tag(entry_id)), ())
        return next((entry for entry in raw if entry.id == entry_id), None)

    def judge(self, entry: Entry) -> list[Refusal]:
        """Return every reason why an entry may not be recorded."""
        if isinstance(entry.fact, EntryRetracted | EntryCorrected):
            return self._judge_amendment(entry)
        refusals: list[Refusal] = []
        late = False
        for rule, parts in self._plan(entry.fact):
            states = []
            for part in parts:
                held = self._hold(part)
                assert held is not None, "recording loads every part before it judges"  # noqa: S101
                states.append(held.state_at(part, entry.order))
                if held.entries and held.entries[-1].order > entry.order:
                    late = late or part.machine.takes(entry.name)
            refusals += rule.judge(entry, *states)
        if late and not refusals:
            refusals = self._contradictions(entry)
        return refusals

    def _judge_amendment(self, entry: Entry) -> list[Refusal]:
        fact: Any = entry.fact
        target = self.target(fact.target)
        if target is None:
            return [refuse("no_entry", f"there is no entry {fact.target}")]
        (_, parts), *_ = self._plan(fact)
        if self.state(parts[0]) is None:
            return [
                refuse(
                    "not_standing",
                    f"entry {fact.target} was retracted or corrected before; "
                    "retract or correct what stands in its place",
                    target,
                )
            ]
        if isinstance(fact, EntryRetracted):
            return []
        if isinstance(target.fact, EntryRetracted):
            return [refuse("no_fact", f"entry {fact.target} is a retraction; retract it", target)]
        return self._contradictions(entry)

    def _contradictions(self, entry: Entry) -> list[Refusal]:
        """Replay the parts with and without an entry; what only its presence breaks is why not."""
        parts = [p for p in self.parts(entry.fact) if not p.machine.retractions]
        raw = {e.id: e for p in parts for s in self.sources(p) for e in self._raw[s]}
        if isinstance(entry.fact, EntryCorrected):
            target = self.target(entry.fact.target)
            assert target is not None, "a correction's target is looked up first"  # noqa: S101
            raw[target.id] = target
        after = resolve([*raw.values(), entry], self.registry)
        before = [e for e in after if e.id != entry.id]
        allowed = {(e.id, r.code) for e, r in self._violations(before, parts)}
        found = []
        for violator, refusal in self._violations(after, parts):
            if violator.id == entry.id:
                found.append(refusal)
            elif (violator.id, refusal.code) not in allowed:
                found.append(
                    Refusal(
                        code="contradicts_later",
                        words=f"it would contradict a later entry: {refusal.words}",
                        entries=(violator.id,),
                    )
                )
        return found

    def _violations(
        self, history: Sequence[Entry], parts: Sequence[Part[Any]]
    ) -> Iterator[tuple[Entry, Refusal]]:
        states = {part: part.machine.initial for part in parts}
        for entry in history:
            for rule in self.rules.of(entry.fact):
                needed = rule.parts(entry.fact, self)
                given = [states.get(part, part.machine.initial) for part in needed]
                for refusal in rule.judge(entry, *given):
                    yield entry, refusal
            for part, state in states.items():
                if part.machine.takes(entry.name):
                    states[part] = part.machine.evolve(state, entry, part.key)

    def add(self, entry: Entry) -> None:
        """Take an entry that will be appended, so that the next one is judged after it."""
        name = entry.name
        amends = name in AMENDING
        for tag in entry.tags:
            for source in self._tagged.get(tag, ()):
                if source.types is not None and name not in source.types:
                    continue
                self._raw[source].append(entry)
                self.size += 1
                for part in self._dependents.get(source, ()):
                    held = self._held.get(part)
                    if held is not None and (amends or not held.extend(part, entry)):
                        del self._held[part]  # folded anew when it is needed next

    def _hold(self, part: Part[S]) -> _Held | None:
        held = self._held.get(part)
        if held is not None:
            return held
        sources = self.sources(part)
        if any(source not in self._raw for source in sources):
            return None
        raw = {entry.id: entry for source in sources for entry in self._raw[source]}
        entries, plain = self._resolved(part, list(raw.values()))
        state = part.machine.initial
        for entry in entries:
            if part.machine.takes(entry.name):
                state = part.machine.evolve(state, entry, part.key)
        held = self._held[part] = _Held(entries, state, plain and len(sources) == 1)
        for source in sources:
            self._dependents.setdefault(source, {})[part] = None
        return held

    def _resolved(self, part: Part[Any], raw: list[Entry]) -> tuple[list[Entry], bool]:
        if not any(entry.name in AMENDING for entry in raw):
            return sorted(raw, key=lambda entry: entry.order), True
        standing = resolve(raw, self.registry)
        if part.machine.retractions:
            void = Amendments.among(raw).retracted
            standing += [e for e in raw if isinstance(e.fact, EntryRetracted) and e.id not in void]
        return standing, False


def _leads(raw: Sequence[Entry], part: Part[Any]) -> Iterator[Source]:
    amending = [entry for entry in raw if entry.name in AMENDING]
    if not amending:
        return
    here = {entry.id for entry in raw}
    for entry in amending:
        if isinstance(entry.fact, EntryCorrected) and entry.fact.target not in here:
            yield Source(entry_tag(entry.fact.target))
    if part.machine.merging:
        aliases = Amendments.among(raw).aliases
        for duplicate, kept in aliases.items():
            if kept == part.key:
                yield evolve(part.source, tag=member_tag(duplicate))
