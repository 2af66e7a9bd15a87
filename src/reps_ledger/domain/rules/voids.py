"""When a void is refused: the rule by which everybody reads past an entry that cannot be read.

A rule is pure, and what it judges by is folded from entries, which the row in question is none. So whoever
records looks at the row first, and puts what it found (a `StoredRow`) into the judge's memory beside the
parts that were read. A row never changes: nothing of it need be in the condition of the append.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from attrs import field, frozen

from reps_ledger.domain.entries import Entry, ledger_tag
from reps_ledger.domain.facts import EntryVoided, kind_of
from reps_ledger.domain.rules.parts import Fold, Known, Parts, Rule, Source
from reps_ledger.domain.rules.phrases import refuse
from reps_ledger.errors import Refusal

VOIDED: Final = kind_of(EntryVoided).name

VOIDS: Final = Source(ledger_tag(VOIDED), frozenset({VOIDED}))
"""All voids of a log. What is voided is part of what every decision depends on."""


@frozen(kw_only=True)
class StoredRow:
    """What is stored at a position, as far as a rule needs to know.

    Attributes:
        position: where.
        name: its stored name.
        data: its stored bytes.
        tags: its tags, as they are stored.
        leaf: the hash of its leaf, in hexadecimal; None for stored bytes of format 1, which have no salt.
        problem: why it cannot be read as an entry here; empty where it can.
        unknown: whether that is its kind or version, so that it may be read elsewhere.
        concerns: those of its tags that name people, communities and reviews, as far as tags can be read.
    """

    position: int
    name: str
    data: bytes = field(repr=False)
    tags: str = field(repr=False)
    leaf: str | None
    problem: str
    unknown: bool = False
    concerns: tuple[str, ...] = ()


Voids = Mapping[int, Entry[EntryVoided]]
"""Voids by the position that they void."""

_NONE: Final[Voids] = MappingProxyType({})


def _evolve(state: Voids, entry: Entry, _key: str) -> Voids:
    fact = entry.fact
    if not isinstance(fact, EntryVoided) or fact.target_position in state:
        return state
    return {**state, fact.target_position: entry}


_VOIDED: Final[Fold[Voids]] = Fold(
    prefix="ledger", types=frozenset({VOIDED}), initial=_NONE, evolve=_evolve, timeless=True
)
VOIDED_PART: Final = _VOIDED.part(VOIDED)
"""What is voided; whenever that was, as its position alone counts."""


def _parts(_fact: EntryVoided, _known: Known) -> Parts:
    return (VOIDED_PART,)


VOIDING: Final = Rule(name=VOIDED, parts=_parts)
"""`Judge` itself judges voids, by `void_refusals`: a history that is replayed has no rows."""


def void_refusals(entry: Entry[EntryVoided], row: StoredRow | None, voids: Voids) -> Iterator[Refusal]:
    """Yield why an entry may not be voided.

    Args:
        entry: the void that would be recorded.
        row: what is stored at the position that it names; None where nothing is.
        voids: what is voided.
    """
    fact = entry.fact
    place = fact.target_position
    before = voids.get(place)
    if before is not None:
        yield refuse("already_voided", f"position {place} was voided at position {before.position}", before)
    elif row is None or place >= entry.position:
        yield refuse("no_entry", f"there is nothing at position {place} before this")
    elif not row.problem:
        yield refuse("readable", f"the entry at position {place} can be read; retract it instead")
    elif fact.leaf != row.leaf:
        found = "has no salt, so that no hash is given" if row.leaf is None else f"has the hash {row.leaf}"
        yield refuse("other_row", f"this is no void of what is at position {place}: that {found}")


def void_stays(target: Entry) -> Refusal:
    """Return the refusal of what would take a void back."""
    return refuse("void_stays", f"entry {target.id} is a void, and what is voided stays so", target)
