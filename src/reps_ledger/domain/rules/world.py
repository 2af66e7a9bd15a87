"""A world: what recording depends on, and the judgement of what is to be recorded.

Each new entry is judged against the history around its own ``occurred_at``; what it would
contradict later counts too. Who is the same person as whom has no date: what is said under a
merged-away name is refused, whenever it happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from attrs import define, field

from reps_ledger.domain.amendments import AMENDING, resolve
from reps_ledger.domain.entries import Entry, entry_tag, people_in, subject_tags, unique
from reps_ledger.domain.facts import (
    EntryCorrected,
    EntryRetracted,
    Fact,
    MembersMerged,
    MembersUnmerged,
    RoleAsserted,
)
from reps_ledger.domain.refusals import Refusal
from reps_ledger.domain.rules.machines import LIFE
from reps_ledger.domain.rules.memory import Memory
from reps_ledger.domain.rules.parts import Part, Parts, Rule
from reps_ledger.domain.rules.replay import Replay
from reps_ledger.domain.rules.rulebook import Rulebook
from reps_ledger.domain.rules.words import refuse

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

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
    """

    memory: Memory
    rules: Rulebook
    _plans: dict[int, _Plan] = field(factory=dict)

    def state(self, part: Part[S]) -> S | None:
        """Return the state after all of a part, or None while it is not known."""
        return self.memory.state(part)

    def parts(self, fact: Fact) -> Sequence[Part[Any]]:
        """Name what recording a fact depends on, as far as what is known tells."""
        parts = self._plan(fact).parts
        if isinstance(fact, EntryCorrected):
            return (*parts, *self.parts(fact.replacement))
        return parts

    def _plan(self, fact: Fact) -> _Plan:
        """Return the rules that judge a fact, and their parts; asked several times a recording."""
        kept = self._plans.get(id(fact))
        if kept is not None and kept.fact is fact:
            return kept
        rules = self.rules.of(fact)
        steps = tuple([(rule, rule.parts(fact, self)) for rule in rules])
        parts = steps[0][1] if len(steps) == 1 else sum((parts for _, parts in steps), ())
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
        found += [part.source.tag for part in self.parts(fact) if part.machine.takes(name)]
        if name in AMENDING or name == "charter.adopted":
            found.append(f"ledger:{name}")
        if isinstance(fact, _CORRECTIONS):
            target = self.memory.target(fact.target)
            if target is not None:
                own = entry_tag(target.id)
                found += [tag for tag in target.tags if tag != own]
        if isinstance(fact, EntryCorrected):
            found += self._tags(fact.replacement)
        return found

    def judge(self, entry: Entry) -> list[Refusal]:
        """Return every reason why an entry may not be recorded."""
        fact = entry.fact
        if isinstance(fact, _CORRECTIONS):
            return self._judge_correction(entry)
        refusals = self._merged_away(fact) if self.memory.amendments.aliases else []
        if refusals:
            return refusals
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
            refusals = self._contradictions(entry)
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

    def _judge_correction(self, entry: Entry) -> list[Refusal]:
        fact: Any = entry.fact
        target = self.memory.target(fact.target)
        if target is None:
            return [refuse("no_entry", f"there is no entry {fact.target}")]
        parts = self._plan(fact).parts
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
        if isinstance(fact.replacement, _MERGES):
            return _same_person(fact.replacement)
        return self._contradictions(entry)

    def _contradictions(self, entry: Entry) -> list[Refusal]:
        """Replay the parts with and without an entry; what only its presence breaks is why not."""
        # Each once: two rules may name the same part, which must take an entry only once.
        parts = {p for p in self.parts(entry.fact) if not p.machine.retractions}
        raw = self.memory.raw(source for p in parts for source in self.memory.sources(p))
        if isinstance(entry.fact, EntryCorrected):
            target = self.memory.target(entry.fact.target)
            assert target is not None, "a correction's target is looked up first"  # noqa: S101
            raw[target.id] = target
        amendments = self.memory.with_amendment(entry)
        after = resolve([*raw.values(), entry], self.memory.registry, amendments)
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
        self, history: Sequence[Entry], parts: Collection[Part[Any]]
    ) -> Iterator[tuple[Entry, Refusal]]:
        replay = Replay(self.rules)
        for entry in history:
            for refusal in replay.judge(entry):
                yield entry, refusal
            replay.take(entry, parts)


_NO_RULE = Rule(name="")


def _same_person(fact: MembersMerged | MembersUnmerged) -> list[Refusal]:
    if fact.member != fact.duplicate:
        return []
    return [refuse("same_person", f"{fact.member} cannot be merged with themselves")]
