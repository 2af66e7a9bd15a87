"""What recording must read to judge a charter's condition: whose histories, and which facts.

Recording reads no more than it must: the histories of the people concerned, and of those whom
their facts name. A condition on a whole body would need everybody's, and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias, TypeVar

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Registry
from reps_ledger.domain.rules.charters import GovernanceContext, history_part
from reps_ledger.domain.rules.parts import Part
from reps_ledger.domain.spans import SHARED, SPAN_KINDS
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Condition
from reps_ledger.policies.language.facts import people_of
from reps_ledger.policies.language.reads import readers, reads_of
from reps_ledger.policies.subject import Dossier

AnyPart: TypeAlias = "Part[Any]"
"""A part of the log, whatever its state."""

_ALWAYS: Final = frozenset({"member.joined", "exemption.granted"})
"""What every judgement under a charter reads: who joined, and who was granted a waiver."""


def must_be_enforceable(condition: Condition) -> None:
    """Refuse a condition that cannot be judged while recording.

    Raises:
        InvalidPolicy: it looks at a whole body.
    """
    for part in readers(condition):
        reads = part.reads()
        if reads.everyone or reads.programme:
            raise InvalidPolicy(
                f"{part.words()}: this looks at everybody, which recording cannot; use it in a review policy"
            )


def types_read(condition: Condition | None, registry: Registry) -> frozenset[str]:
    """Return the stored names of all facts that judging a condition reads.

    Args:
        condition: which; None for what is read in any case.
        registry: the facts that the ledger knows.
    """
    return _ALWAYS | reads_of(condition).kinds(registry)


def people_named(condition: Condition | None, entries: Iterable[Entry]) -> Iterator[str]:
    """Yield the people in these entries whose own histories a condition reads too."""
    fields = sorted(reads_of(condition).people)
    for entry in entries:
        for field in fields:
            yield from people_of(entry.fact, field)


T = TypeVar("T")


@frozen
class Concerned:
    """The histories of those concerned by what is about to be recorded; see `SubjectContext`.

    Attributes:
        known: what recording has read.
        types: the stored names of the facts that were read of them.
    """

    known: GovernanceContext
    types: frozenset[str]

    def member(self, member: str) -> Dossier:
        """Return the history of somebody concerned, as far as it was read."""
        entries = self.known.entries(history_part(member, self.types))
        return Dossier(member, entries or (), readings=self.known.readings)

    def everyone(self) -> Iterable[Dossier]:
        """Refuse: recording does not read everybody's history."""
        raise _beyond()

    def community(self, community: str | None, kinds: Sequence[str] = ()) -> Dossier:
        """Refuse: recording does not read a whole body's history."""
        raise _beyond()

    def opportunities(self) -> Sequence[Entry]:
        """Refuse: recording does not read the whole programme's history."""
        raise _beyond()

    def once(self, _: object, make: Callable[[], T]) -> T:
        """Return what `make` returns; it is not kept, as the next judgement may know more."""
        return make()


def _beyond() -> AssertionError:
    return AssertionError("a charter cannot ask recording for a whole body; it is refused")


def histories(
    member: str, condition: Condition | None, known: GovernanceContext, registry: Registry
) -> Iterator[AnyPart]:
    """Name the histories that a condition on a member reads, as far as they are known.

    Their own leads to those of the people named in it, and so on: whoever asks again once these
    have been read is given the next ones.
    """
    types = types_read(condition, registry)
    waiting, named = [member], {member}
    while waiting:
        member = waiting.pop()
        yield from own_history(member, types, known)
        for person in people_named(condition, known.entries(history_part(member, types)) or ()):
            if person not in named:
                named.add(person)
                waiting.append(person)


def own_history(member: str, types: frozenset[str], known: GovernanceContext) -> Iterator[AnyPart]:
    """Name somebody's own history, and the merges of the people with whom they share spans.

    Two records of one voucher are one person.
    """
    part = history_part(member, types)
    yield part
    for entry in known.entries(part) or ():
        if entry.name in SHARED:
            yield history_part(getattr(entry.fact, SPAN_KINDS[entry.name].pair or ""), frozenset())
