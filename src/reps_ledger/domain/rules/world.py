"""A world: what recording depends on, and the judgement of what is to be recorded.

Each new entry is judged against the history around its own ``occurred_at``; what it would
contradict later counts too. Who is the same person as whom has no date: what is said under a
merged-away name is refused, whenever it happened. Governance is asked last, and of nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from attrs import define, evolve, field, frozen
from msgspec.structs import replace

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import (
    LEDGER_WIDE,
    Entry,
    entry_tag,
    ledger_tag,
    people_in,
    subject_tags,
    unique,
)
from reps_ledger.domain.facts import (
    EntryCorrected,
    EntryRetracted,
    Fact,
    MembersMerged,
    MembersUnmerged,
    RoleAsserted,
    RoleAssigned,
)
from reps_ledger.domain.rules.contradictions import contradictions
from reps_ledger.domain.rules.governance import Act, ActAsRead
from reps_ledger.domain.rules.machines import LIFE, TARGET
from reps_ledger.domain.rules.memory import Held, Memory
from reps_ledger.domain.rules.parts import Part, Parts, Rule
from reps_ledger.domain.rules.rulebook import Rulebook
from reps_ledger.domain.rules.seats import SEAT, seat_names
from reps_ledger.domain.rules.words import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reps_ledger.domain.refusals import Refusal

__all__ = ["World"]

S = TypeVar("S")

_PLANS = 2_000
_CORRECTIONS = EntryRetracted | EntryCorrected
_MERGES = MembersMerged | MembersUnmerged


class _Plan(msgspec.Struct, frozen=True, gc=False):
    """The rules that judge a fact, each with its parts; and all of these parts."""

    fact: Fact
    steps: tuple[tuple[Rule, Parts], ...]
    parts: Parts


@define
class World:
    """What is known of a log while recording in it.

    Attributes:
        memory: what was read, and what is about to be appended.
        rules: the rules in force.
        leant: parts that judgements rested on and that may not be named again once more is
            known. Whoever records clears it.
    """

    memory: Memory
    rules: Rulebook
    leant: set[Part[Any]] = field(factory=set)
    _plans: dict[int, _Plan] = field(factory=dict)

    def state(self, part: Part[S]) -> S | None:
        """Return the state after all of a part, or None while it is not known."""
        return self.memory.state(part)

    def entries(self, part: Part[Any]) -> Sequence[Entry] | None:
        """Return what stands of a part, in effective order, or None while it is not known."""
        held = self.memory.held(part)
        if held is None:
            return None
        return tuple([entry for entry in held.entries if self._is_of(part, entry, held)])

    def recorded(self, entry_id: str) -> Entry | None:
        """Return an entry as it was recorded, or None while it is not known."""
        return self.memory.target(entry_id)

    @property
    def readings(self) -> Mapping[str, str]:
        """Ids of entries that were corrected to those of the corrections in their places."""
        return self.memory.amendments.readings

    def parts(self, act: Act) -> Parts:
        """Name what recording an act depends on, as far as what is known tells."""
        return (*self.asked(act.fact), *self._governing(act))

    def lacks(self, act: Act) -> bool:
        """Whether more must be read before an act is judged, by what became known since."""
        return self.rules.led and bool(self.memory.missing(self._led(act)))

    def _led(self, act: Act) -> Parts:
        """Name the parts that depend on what is known."""
        return self.parts(act) if self.rules.dynamic else self._governing(act)

    def _governing(self, act: Act) -> Parts:
        """Name what governance asks for."""
        governance = self.rules.governance
        if governance is None:
            return ()
        fact = self._as_read(act.fact)
        if fact is not act.fact:
            act = ActAsRead(fact, act.by, act.on_behalf_of)
        return governance.parts(act, self)

    def asked(self, fact: Fact) -> Parts:
        """Name what the rules ask for; governance may ask for more."""
        parts = self._plan(fact).parts
        read: Any = self._as_read(fact)
        if isinstance(read, EntryCorrected):
            return (*parts, *self._plan(read.replacement).parts)
        return parts

    def _plan(self, fact: Fact) -> _Plan:
        """Return the rules that judge a fact, and their parts; asked several times a recording."""
        kept = self._plans.get(id(fact))
        if kept is not None and kept.fact is fact:
            return kept
        rules = self.rules.of(fact)
        steps = tuple([(rule, rule.parts(fact, self)) for rule in rules])
        parts: Parts = sum((parts for _, parts in steps), ())
        others = self._others(fact, parts)
        if others:
            steps = (*steps, (_NO_RULE, others))
            parts += others
        plan = _Plan(fact, steps, parts)
        if not any(rule.dynamic for rule in rules):
            if len(self._plans) >= _PLANS:
                self._plans.clear()
            self._plans[id(fact)] = plan
        return plan

    def _others(self, fact: Fact, asked: Parts) -> Parts:
        """Name the lives of those whom no rule asks for: they may have been merged away."""
        if isinstance(fact, RoleAsserted):
            return ()  # a roster's claim is never refused
        lives = [LIFE.part(person) for person in people_in(fact, self.memory.registry)]
        return tuple([life for life in lives if life not in asked])

    def tags(self, fact: Fact, entry_id: str) -> tuple[str, ...]:
        """Return the tags under which the log is to find a fact."""
        return unique([*self._tags(fact), entry_tag(entry_id)])

    def _tags(self, fact: Fact) -> list[str]:
        registry = self.memory.registry
        name = registry.of(fact).kind.name
        found = subject_tags(fact, registry)
        # Not by what governance asks for: that it was looked at makes it no part of that.
        found += [part.source.tag for part in self.asked(fact) if part.machine.takes(name)]
        if isinstance(fact, RoleAssigned):
            found.append(SEAT.part(*seat_names(fact.role, fact.community)).source.tag)
        if name in AMENDING or name in LEDGER_WIDE:
            found.append(ledger_tag(name))
        if isinstance(fact, _CORRECTIONS):
            target = self.memory.target(fact.target)
            if target is not None:
                found += target.tags
        if isinstance(fact, EntryCorrected):
            found += self._tags(fact.replacement)
        return found

    def judge(self, entry: Entry) -> list[Refusal]:
        """Return every reason why an entry may not be recorded."""
        fact = entry.fact
        led: Parts = ()
        if self.rules.led:
            led = self._led(entry)
            self.leant.update(led)
        if isinstance(fact, _CORRECTIONS):
            return self._judge_correction(entry, led)
        refusals = self._merged_away(fact) if self.memory.amendments.aliases else []
        if not refusals:
            refusals = self._judge_by_rules(entry)
            refusals += self._governed(entry, led, entry.order)
        return refusals

    def _judge_by_rules(self, entry: Entry) -> list[Refusal]:
        fact = entry.fact
        refusals: list[Refusal] = []
        late = False
        order = entry.order
        for rule, parts in self._plan(fact).steps:
            states = []
            for part in parts:
                held = self.memory.held(part)
                assert held is not None, "recording loads every part before it judges"  # noqa: S101
                if held.ends_by(order) or isinstance(fact, _MERGES):
                    states.append(held.state)
                    continue
                states.append(held.state_at(part, order))
                late = late or part.machine.takes(entry.name)
            refusals += rule.judge(entry, *states)
        if isinstance(fact, MembersUnmerged):
            refusals += self._not_merged(fact)
        if late and not refusals:
            refusals = self._contradicted(entry)
        return refusals

    def add(self, entry: Entry) -> None:
        """Take an entry that will be appended, so that the next one is judged after it."""
        self.memory.add(entry)

    def _merged_away(self, fact: Fact) -> list[Refusal]:
        if isinstance(fact, MembersUnmerged | RoleAsserted):
            return []
        amendments = self.memory.amendments
        return [
            refuse(
                "merged_away",
                f"{person} was found to be {amendments.aliases[person]}; "
                f"record it of {amendments.aliases[person]}",
                amendments.merges[person],
            )
            for person in dict.fromkeys(people_in(fact, self.memory.registry))
            if person in amendments.aliases
        ]

    def _not_merged(self, fact: MembersUnmerged) -> list[Refusal]:
        merge = self.memory.amendments.merges.get(fact.duplicate)
        merged: Any = None if merge is None else merge.fact
        if isinstance(merged, EntryCorrected):
            merged = merged.replacement
        if merged is not None and merged.member == fact.member:
            return []
        return [refuse("not_merged", f"{fact.duplicate} is not merged into {fact.member}")]

    def _judge_correction(self, entry: Entry, led: Parts) -> list[Refusal]:
        fact: Any = entry.fact
        target = self.memory.target(fact.target)
        if target is None:
            return [refuse("no_entry", f"there is no entry {fact.target}")]
        standing = self.state(TARGET.part(fact.target))
        if standing is None:
            return [
                refuse(
                    "not_standing",
                    f"entry {fact.target} was retracted or corrected before; "
                    "retract or correct what stands in its place",
                    target,
                )
            ]
        refusals = self._judge_change(entry, target)
        refusals += self._governed(entry, led, (entry.occurred_at, standing.origin))
        return refusals

    def _judge_change(self, entry: Entry, target: Entry) -> list[Refusal]:
        fact: Any = entry.fact
        if isinstance(fact, EntryRetracted):
            return []
        if isinstance(target.fact, EntryRetracted):
            return [refuse("no_fact", f"entry {fact.target} is a retraction; retract it", target)]
        if isinstance(fact.replacement, _MERGES):
            return _same_person(fact.replacement)
        return self._contradicted(entry)

    def _contradicted(self, entry: Entry) -> list[Refusal]:
        return contradictions(entry, self.asked(entry.fact), self.memory, self.rules)

    def _governed(self, entry: Entry, led: Parts, place: tuple[Any, int]) -> Iterable[Refusal]:
        governance = self.rules.governance
        if governance is None:
            return ()
        asked = self.asked(entry.fact)
        fact = self._as_read(entry.fact)
        if fact is not entry.fact:
            entry = replace(entry, fact=fact)
        return governance.judge(entry, _Place(self, (*led, *asked), place))

    def _as_read(self, fact: Fact) -> Fact:
        """Return a fact as it will be read: what a correction says in its place may name anybody.

        Other facts are refused where they name somebody merged away.
        """
        amendments = self.memory.amendments
        if not isinstance(fact, EntryCorrected) or not amendments.aliases:
            return fact
        replacement = amendments.renamed(fact.replacement, self.memory.registry)
        return fact if replacement is fact.replacement else evolve(fact, replacement=replacement)

    def _is_of(self, part: Part[Any], entry: Entry, held: Held) -> bool:
        """Whether an entry, as it is read now, is of a part under whose tag it was found."""
        if not part.machine.takes(entry.name):
            return False
        if part.machine.people:
            named = {*people_in(entry.fact, self.memory.registry)}
            return named.difference(self.memory.amendments.aliases).issuperset(part.names)
        # A correction is found where its target was, also where it says something else now.
        return held.plain or part.source.tag in (entry_tag(part.key), *self._tags(entry.fact))


@frozen
class _Place:
    """What is known around an entry's place in effective order: see `Surroundings`."""

    world: World
    named: Parts  # what nobody may change until the entry is appended
    place: tuple[Any, int]

    def state(self, part: Part[S]) -> S | None:
        """Return a part's state at the place, or None where the part was not named."""
        held = self.world.memory.held(part) if part in self.named else None
        if held is None:
            return None
        found: S = held.state if held.ends_by(self.place) else held.state_at(part, self.place)
        return found

    def entries(self, part: Part[Any]) -> Sequence[Entry] | None:
        """Return what stands of a part, later too, or None where the part was not named."""
        return self.world.entries(part) if part in self.named else None

    def recorded(self, entry_id: str) -> Entry | None:
        """Return an entry as it was recorded, or None while it is not known."""
        return self.world.memory.target(entry_id)

    @property
    def readings(self) -> Mapping[str, str]:
        """Ids of entries that were corrected to those of the corrections in their places."""
        return self.world.readings


_NO_RULE = Rule(name="")


def _same_person(fact: MembersMerged | MembersUnmerged) -> list[Refusal]:
    if fact.member != fact.duplicate:
        return []
    return [refuse("same_person", f"{fact.member} cannot be merged with themselves")]
