"""A replay: rules asked again of a history that was recorded already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define, field

from reps_ledger.domain.rules.parts import Part
from reps_ledger.domain.rules.rulebook import Rulebook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.refusals import Refusal

__all__ = ["Replay"]

S = TypeVar("S")


@define
class Replay:
    """The states of parts as a history goes by, entry after entry in effective order.

    Attributes:
        rules: by which each entry is judged.
        readings: id of a corrected entry to that of the correction in its place, for parts
            that are about an entry.
        states: of the parts met so far; any other is as it was initially.
    """

    rules: Rulebook
    readings: Mapping[str, str] = field(factory=dict)
    states: dict[Part[Any], Any] = field(factory=dict)

    def state(self, part: Part[S]) -> S:
        """Return a part's state so far."""
        found: S = self.states.get(part, part.machine.initial)
        return found

    def judge(self, entry: Entry) -> Iterator[Refusal]:
        """Yield what rules say of an entry where the history stands."""
        for rule in self.rules.of(entry.fact):
            yield from rule.judge(
                entry, *(self.state(part) for part in rule.parts(entry.fact, self))
            )

    def take(self, entry: Entry, parts: Iterable[Part[Any]]) -> None:
        """Let parts take an entry."""
        for part in parts:
            if part.machine.takes(entry.name):
                key = part.key_by(self.readings)
                self.states[part] = part.machine.evolve(self.state(part), entry, key)
