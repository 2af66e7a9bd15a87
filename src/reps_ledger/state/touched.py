"""Whose rows new entries may change.

Rows of a person come of their own history; and, where policies ask about other people, of theirs. An entry
changes the history of everybody whom it names. Its tags say who that is, also of what it corrects or
retracts. A merge, or what undoes or amends one, changes also what names either of the two beside somebody
else: a vouch that is void from now on, a mentor who is called otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import frozen

from reps_ledger.domain.entries import Entry, ledger_tag, people_in
from reps_ledger.domain.rules.parts import MERGES
from reps_ledger.log.amended import amended_by
from reps_ledger.log.history import Reading, facts_in
from reps_ledger.policies.charter.charter import Charter
from reps_ledger.policies.language.conditions import Condition
from reps_ledger.policies.language.facts import PersonFilter
from reps_ledger.policies.language.reads import Reads, parts, reads_of
from reps_ledger.policies.policy import Policy

_MERGES: Final = frozenset(map(ledger_tag, MERGES))
_RULES: Final = frozenset(map(ledger_tag, ("charter.adopted", "ledger.declared")))
_OPPORTUNITIES: Final = ledger_tag("opportunity.held")

Asked = Policy | Condition


@frozen
class Leaning:
    """How what is kept leans on other people.

    Attributes:
        on_everybody: whether some of it asks about everybody, or about a whole body: a share of a total.
        on_programme: whether some of it asks about what names no member: an opportunity that was held.
        steps: over how many people, one named by the other's facts, a change may reach somebody.
    """

    on_everybody: bool = False
    on_programme: bool = False
    steps: int = 0

    @property
    def alone(self) -> bool:
        """Whether nothing of it leans on other people."""
        return not (self.on_everybody or self.on_programme or self.steps)


def leaning_of(asked: Iterable[Asked], charters: Iterable[Charter]) -> Leaning:
    """Return how policies, and definitions of charters, lean on other people."""
    found: list[Asked] = [*asked]
    for charter in charters:
        found += charter.policies
        found += [*([] if charter.member is None else [charter.member]), *(c for _, c in charter.communities)]
    read = [(each, reads_of(each)) for each in found]
    return Leaning(
        on_everybody=any(reads.everyone for _, reads in read),
        on_programme=any(reads.programme for _, reads in read),
        steps=max((_steps(each, reads) for each, reads in read), default=0),
    )


def _steps(asked: object, reads: Reads) -> int:
    if not reads.people:
        return 0
    return max(1, _depth(asked))


def _depth(value: object) -> int:
    """Return how deep conditions on people named lie in each other."""
    inner = [part for part in parts(value) if isinstance(part, PersonFilter) and part is not value]
    return max((1 + _depth(part.condition) for part in inner), default=0)


@frozen
class Touched:
    """Whose rows may change.

    Attributes:
        people: their identifiers, also of those who were merged.
        communities: those that are named, or were.
        everybody: whether all people's may.
    """

    people: frozenset[str]
    communities: frozenset[str]
    everybody: bool = False


def touched_by(new: Sequence[Entry], reading: Reading, leaning: Leaning) -> Touched:
    """Return whose rows entries may change.

    Args:
        new: what came since.
        reading: all that is known, these among it.
        leaning: how what is kept leans on other people.
    """
    tags = {tag for entry in new for tag in entry.tags}
    people: set[str] = set()
    communities: set[str] = set()
    registry = reading.log.codec.registry
    for fact in (fact for entry in (*new, *amended_by(new, reading)) for fact in facts_in(entry.fact)):
        people.update(people_in(fact, registry))
        named = getattr(fact, "community", None)
        communities.update([named] if isinstance(named, str) else [])
    everybody = (
        leaning.on_everybody
        or not tags.isdisjoint(_RULES)
        or (leaning.on_programme and _OPPORTUNITIES in tags)
    )
    if not everybody:
        for _ in range(leaning.steps + (not tags.isdisjoint(_MERGES))):
            people |= _beside(people, reading)
    return Touched(frozenset(people), frozenset(communities), everybody)


def _beside(people: Iterable[str], reading: Reading) -> set[str]:
    """Return everybody whom an entry names beside one of some people, as it was told or reads now."""
    registry = reading.log.codec.registry
    return {
        person
        for name in people
        for entry in reading.recorded_of(name)
        for fact in facts_in(entry.fact)
        for person in people_in(fact, registry)
    }
