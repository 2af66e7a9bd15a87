"""Governance: rules that are facts themselves, and judge only what is recorded after them.

A rule of the code judges whatever was recorded, again and again: a replay asks it of the
whole of history. What a charter says is different, for it never judges the past. It is asked
once, of an entry that is about to be recorded, and never of one that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, Final, Protocol, TypeVar

from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import CharterAdopted, Fact
from reps_ledger.domain.rules.parts import Fold, Part, Parts
from reps_ledger.errors import Refusal

S = TypeVar("S")


class Act(Protocol):
    """What somebody is about to record: a draft or an entry."""

    @property
    def fact(self) -> Fact:
        """What happened."""

    @property
    def by(self) -> str:
        """Who records it."""

    @property
    def on_behalf_of(self) -> str | None:
        """For whom they act."""


@frozen
class ActAsRead:
    """An act whose fact is read otherwise than it was given; see `Act`."""

    fact: Fact
    by: str
    on_behalf_of: str | None


class GovernanceContext(Protocol):
    """What governance may ask of the parts of the log that it names."""

    def state(self, part: Part[S]) -> S | None:
        """Return a part's state, or None while its entries are not at hand."""

    def entries(self, part: Part[Any]) -> Sequence[Entry] | None:
        """Return what stands of a part, in effective order, or None while it is not at hand.

        All that is known, also what happens later than the entry that is judged.
        """

    def recorded(self, entry_id: str) -> Entry | None:
        """Return an entry as it was recorded, or None while its part is not at hand."""

    @property
    def readings(self) -> Mapping[str, str]:
        """Ids of entries that were corrected to those of the corrections in their places."""


@frozen(kw_only=True)
class Governance:
    """What refuses facts beside the rules: the charter in force, as somebody interprets it.

    Attributes:
        parts: names what judging an act depends on. It is asked again as parts become known,
            until it names none that is new; states are then those after all of a part. Nobody
            may record anything of these parts between the judgement and the append.
        judge: takes the entry that would be recorded, and its surroundings: states are as they
            were at the entry's place in effective order, for a correction at its target's.
            Only parts that were named are at hand. Yields the refusals; pure.

    Both are shown corrections and retractions as such, where there is something to correct.
    """

    parts: Callable[[Act, GovernanceContext], Parts]
    judge: Callable[[Entry, GovernanceContext], Iterable[Refusal]]


def _adopt(state: tuple[Entry, ...], entry: Entry, _key: str) -> tuple[Entry, ...]:
    return (*state, entry) if isinstance(entry.fact, CharterAdopted) else state


CHARTERS: Final[Fold[tuple[Entry, ...]]] = Fold(
    prefix="ledger", types=frozenset({"charter.adopted"}), initial=(), evolve=_adopt
)
"""The charters that were adopted, in effective order: its only part is ``charter.adopted``'s."""


def _unchanged(state: None, _entry: Entry, _key: str) -> None:
    return state


@cache  # never forgotten: a part is found again by the very fold that it was named with
def _history(types: frozenset[str]) -> Fold[None]:
    return Fold(
        prefix="member", types=types, initial=None, evolve=_unchanged, people=True, merges=True
    )


def history_part(member: str, types: frozenset[str]) -> Part[None]:
    """Name the part of all facts of some types that concern a person, for their entries.

    Its state says nothing. What a duplicate did is under the name that a merge kept. Whether
    others whom these facts name were merged away is known only where their parts are named too.

    Args:
        member: who, as the one acting or the one named.
        types: stored names.
    """
    return _history(types).part(member)
