"""Contradictions: what an entry would make illegal of what was recorded before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reps_ledger.domain.amendments import resolve
from reps_ledger.domain.facts import EntryCorrected
from reps_ledger.domain.refusals import Refusal
from reps_ledger.domain.rules.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.facts import Fact
    from reps_ledger.domain.rules.memory import Memory
    from reps_ledger.domain.rules.parts import Part, Parts
    from reps_ledger.domain.rules.rulebook import Rulebook

__all__ = ["contradictions"]


def contradictions(entry: Entry, asked: Parts, memory: Memory, rules: Rulebook) -> list[Refusal]:
    """Replay the parts with and without an entry; what only its presence breaks is why not.

    Args:
        entry: what would be recorded.
        asked: the parts that the rules ask for to judge it.
        memory: which holds them.
        rules: by which they are replayed.
    """
    # Each once: two rules may name the same part, which must take an entry only once.
    parts = {p for p in asked if not p.machine.retractions}
    raw = memory.raw(source for p in parts for source in memory.sources(p))
    if isinstance(entry.fact, EntryCorrected):
        raw |= {target.id: target for target in _corrected(entry.fact, memory)}
    amendments = memory.with_amendment(entry)
    after = resolve([*raw.values(), entry], memory.registry, amendments)
    before = [e for e in after if e.id != entry.id]
    readings = amendments.readings
    allowed = {(e.id, r.code) for e, r in _violations(before, parts, Replay(rules, readings))}
    found = []
    for violator, refusal in _violations(after, parts, Replay(rules, readings)):
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


def _corrected(correction: EntryCorrected, memory: Memory) -> Iterator[Entry]:
    """Yield what a correction is about, back to the entry in whose place it stands."""
    fact: Fact = correction
    while isinstance(fact, EntryCorrected):
        target = memory.target(fact.target)
        assert target is not None, "a correction's target is looked up first"  # noqa: S101
        yield target
        fact = target.fact


def _violations(
    history: Sequence[Entry], parts: Collection[Part[Any]], replay: Replay
) -> Iterator[tuple[Entry, Refusal]]:
    for entry in history:
        for refusal in replay.judge(entry):
            yield entry, refusal
        replay.take(entry, parts)
