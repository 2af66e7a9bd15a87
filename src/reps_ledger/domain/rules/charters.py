"""Governance: what charters ask of new entries.

Rules of the code hold for all of history: whoever replays a history asks them again of every
entry. A charter is a fact itself and never judges the past, so that governance is asked once,
about an entry that is about to be recorded, and never about one that is in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Final, Protocol, TypeVar

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
    """An `Act` with its fact as it will be read: of the members who are kept by merges."""

    fact: Fact
    by: str
    on_behalf_of: str | None


class GovernanceContext(Protocol):
    """What governance may ask about the parts of the log that it names."""

    def state(self, part: Part[S]) -> S | None:
        """Return a part's state, or None while its entries were not read."""

    def entries(self, part: Part) -> Sequence[Entry] | None:
        """Return a part's entries that stand, in effective order; None while they were not read.

        Entries that happened later than the one that is judged are among them.
        """

    def recorded(self, entry_id: str) -> Entry | None:
        """Return an entry as it was recorded, or None while its part was not read."""

    @property
    def readings(self) -> Mapping[str, str]:
        """Ids of entries that were corrected to those of the corrections in their places."""


@frozen(kw_only=True)
class Governance:
    """What may refuse facts beside the rules: an interpretation of the charter in force.

    Attributes:
        parts: names the parts that judging an act depends on. It is asked again as parts become
            known, until it names none that is new; states are then those after all entries of
            a part. The append fails if somebody records in these parts meanwhile.
        judge: takes the entry that would be recorded, and a context in which states are as they
            were at the entry's place in effective order; for a correction, at its target's
            place. It can ask only about parts that were named. Yields the refusals; pure.

    Corrections and retractions are given to both as they are, not as what they change.
    """

    parts: Callable[[Act, GovernanceContext], Parts]
    judge: Callable[[Entry, GovernanceContext], Iterable[Refusal]]


def _adopt(state: tuple[Entry, ...], entry: Entry, _key: str) -> tuple[Entry, ...]:
    return (*state, entry) if isinstance(entry.fact, CharterAdopted) else state


CHARTERS: Final[Fold[tuple[Entry, ...]]] = Fold(
    prefix="ledger", types=frozenset({"charter.adopted"}), initial=(), evolve=_adopt
)
"""The charters that were adopted, in effective order; its one key is ``charter.adopted``."""


def _unchanged(state: None, _entry: Entry, _key: str) -> None:
    return state


@cache  # without a limit: a part equals another only if it has the very same fold
def _history(types: frozenset[str]) -> Fold[None]:
    return Fold(prefix="member", types=types, initial=None, evolve=_unchanged, people=True, merges=True)


def history_part(member: str, types: frozenset[str]) -> Part[None]:
    """Return the part of all facts of some types that concern a person, for its entries.

    Its state is always None. It holds the facts of merged duplicates too, under the name that
    is kept. Other people in these facts keep duplicate names unless their parts are named too.

    Args:
        member: who, as the one acting or the one named.
        types: stored names.
    """
    return _history(types).part(member)
