"""Those concerned by what is about to be recorded: whose histories are read, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.rules.governance import Surroundings, history_part
from reps_ledger.policies.charter.enforcing import people_named, types_read
from reps_ledger.policies.language.conditions import Condition
from reps_ledger.policies.subject import Dossier

__all__ = ["Concerned", "histories"]

T = TypeVar("T")


@frozen
class Concerned:
    """Those concerned by what is about to be recorded, and nobody else."""

    known: Surroundings
    types: frozenset[str]

    def member(self, member: str) -> Dossier:
        """Return what is known of somebody concerned."""
        entries = self.known.entries(history_part(member, self.types))
        return Dossier(member, entries or (), readings=self.known.readings)

    def everyone(self) -> Iterable[Dossier]:
        """Refuse: nobody else is known here."""
        raise _beyond()

    def community(self, community: str | None, kinds: Sequence[str] = ()) -> Dossier:
        """Refuse: nobody else is known here."""
        raise _beyond()

    def opportunities(self) -> Sequence[Entry]:
        """Refuse: nobody else is known here."""
        raise _beyond()

    def once(self, _: object, make: Callable[[], T]) -> T:
        """Make something; nothing is kept, as the next judgement may know more."""
        return make()


def _beyond() -> AssertionError:
    return AssertionError("a charter cannot ask recording for a whole body; it is refused")


def histories(member: str, condition: Condition | None, known: Surroundings) -> Iterator[Any]:
    """Name the histories at which a condition on somebody looks, as far as is known."""
    types = types_read(condition)
    waiting, named = [member], {member}
    while waiting:
        part = history_part(waiting.pop(), types)
        yield part
        for person in people_named(condition, tuple(known.entries(part) or ())):
            if person not in named:
                named.add(person)
                waiting.append(person)
