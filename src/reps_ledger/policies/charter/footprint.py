"""What judging a condition takes while facts are recorded: whose histories, and what of them.

Recording reads no more than it must: the histories of those concerned, and of those whom these
name. A condition on a whole body would need everybody's, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Registry
from reps_ledger.domain.rules.charters import GovernanceContext, history_part
from reps_ledger.domain.rules.parts import Part
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Condition
from reps_ledger.policies.language.facts import values_of
from reps_ledger.policies.language.reads import readers, reads_of
from reps_ledger.policies.subject import Dossier

_ALWAYS: Final = frozenset({"member.joined", "exemption.granted"})
"""What every judgement under a charter looks at: whether they joined, and who is exempt."""


def must_be_enforceable(condition: Condition) -> None:
    """Refuse what cannot be judged while recording.

    Raises:
        InvalidPolicy: the condition looks at a whole body.
    """
    for part in readers(condition):
        reads = part.reads()
        if reads.everyone or reads.programme:
            raise InvalidPolicy(
                f"{part.words()}: this looks at everybody, which recording cannot; use it in a "
                "review policy"
            )


def types_read(condition: Condition | None, registry: Registry) -> frozenset[str]:
    """Return the stored names of all facts that a condition looks at.

    Args:
        condition: None for none.
        registry: the facts that the ledger knows.
    """
    return _ALWAYS | reads_of(condition).kinds(registry)


def people_named(value: Any, entries: Iterable[Entry]) -> Iterator[str]:
    """Yield others at whom a condition looks: those named in fields that it asks about.

    A field may name one person, or a list of them.
    """
    names = sorted(reads_of(value).people)
    for entry in entries:
        for name in names:
            yield from (each for each in values_of(entry.fact, name) if isinstance(each, str))


T = TypeVar("T")


@frozen
class Concerned:
    """Those concerned by what is about to be recorded, and nobody else."""

    known: GovernanceContext
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


def histories(
    member: str, condition: Condition | None, known: GovernanceContext, registry: Registry
) -> Iterator[Part[Any]]:
    """Name the histories at which a condition on somebody looks, as far as is known."""
    types = types_read(condition, registry)
    waiting, named = [member], {member}
    while waiting:
        part = history_part(waiting.pop(), types)
        yield part
        for person in people_named(condition, known.entries(part) or ()):
            if person not in named:
                named.add(person)
                waiting.append(person)
