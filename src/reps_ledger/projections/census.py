"""The census: how many members there are, by what people ask for, through time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from itertools import product
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.errors import InvalidInput
from reps_ledger.projections.overview import Overview, Standings, overview

if TYPE_CHECKING:
    from reps_ledger.domain.facts import Registry

__all__ = ["DIMENSIONS", "CensusRow", "Defined", "census", "overviews"]

_NONE: Final = "(none)"


@frozen(kw_only=True)
class CensusRow:
    """How many members were in a group at an instant.

    Attributes:
        at: when.
        group: the value of each dimension asked for, in that order.
        members: how many people. Someone in two communities is in both groups.
    """

    at: datetime
    group: tuple[str, ...]
    members: int


_Dimension = Callable[[Overview, datetime], Iterable[str]]


@frozen(kw_only=True)
class Defined:
    """Who counts as a member, by a definition other than having joined.

    Attributes:
        members: of the programme.
        communities: of the communities that have a definition of their own.
    """

    members: frozenset[str]
    communities: Mapping[str, Collection[str]] = field(factory=dict)

    def of(self, person: str, communities: Iterable[str]) -> set[str]:
        """Return the communities that somebody counts as a member of."""
        other = {name for name in communities if name not in self.communities}
        return other | {name for name, people in self.communities.items() if person in people}


def _standing(person: Overview, at: datetime) -> Iterator[str]:
    yield person.stands(at)[0]


def _retired(person: Overview, _: datetime) -> Iterator[str]:
    yield "retired" if person.membership.retired_at is not None else "not retired"


def _level(person: Overview, _: datetime) -> Iterator[str]:
    yield str(person.vouches.level)


def _account(person: Overview, _: datetime) -> Iterator[str]:
    yield "with account" if person.belonging.accounts else "without account"


def _affiliation(person: Overview, _: datetime) -> Iterable[str]:
    return person.belonging.affiliations or [_NONE]


def _community(person: Overview, at: datetime) -> Iterable[str]:
    return person.communities(at) or [_NONE]


def _role(person: Overview, at: datetime) -> Iterable[str]:
    return {holding.role for holding in person.roles.at(at)} or [_NONE]


def _kind(person: Overview, _: datetime) -> Iterator[str]:
    yield person.membership.kind or _NONE


DIMENSIONS: Final[Mapping[str, _Dimension]] = {
    "account": _account,
    "affiliation": _affiliation,
    "community": _community,
    "kind": _kind,
    "retired": _retired,
    "role": _role,
    "standing": _standing,
    "vouch_level": _level,
}
"""What members can be counted by."""


def overviews(
    history: Iterable[Entry], instants: Iterable[datetime], registry: Registry, zone: tzinfo
) -> Iterator[tuple[datetime, Mapping[str, Overview]]]:
    """Yield everyone's overview at each instant, in one pass over a history.

    Args:
        history: everyone's entries in effective order.
        instants: when, in any order; each is yielded once, the earliest first.
        registry: knows which fields name people.
        zone: in which months are read.
    """
    states: dict[str, Overview] = {}
    waiting = sorted(set(instants))
    evolve = overview("", zone).evolve
    for entry in history:
        while waiting and waiting[0] < entry.occurred_at:
            yield waiting.pop(0), states
        if not waiting:
            return
        for person in people_in(entry.fact, registry):
            state = states.get(person) or overview(person, zone).initial
            states[person] = evolve(state, entry)
    while waiting:
        yield waiting.pop(0), states


def census(
    people: Iterable[Overview],
    at: datetime,
    by: tuple[str, ...] = (),
    *,
    standing: Standings | None = None,
    defined: Defined | None = None,
) -> tuple[CensusRow, ...]:
    """Count the members there were: whoever had joined, for ever.

    Args:
        people: everyone, folded up to ``at``.
        at: when.
        by: names of `DIMENSIONS`; nothing counts everyone in one group.
        standing: how members stand; None for the default rule.
        defined: who counts as a member; None for whoever had joined.

    Raises:
        InvalidInput: there is no such dimension.
    """
    for name in by:
        if name not in DIMENSIONS:
            raise InvalidInput(
                f"cannot count by {name!r}; choose of {', '.join(DIMENSIONS)}", field="by"
            )
    dimensions = dict(DIMENSIONS)
    if standing is not None:
        dimensions["standing"] = lambda person, at: [person.stands(at, standing)[0]]
    if defined is not None:
        dimensions["community"] = lambda person, at: (
            defined.of(person.member, person.communities(at)) or [_NONE]
        )
    counts: Counter[tuple[str, ...]] = Counter()
    for person in people:
        if _counts(person, defined):
            counts.update(product(*(dimensions[name](person, at) for name in by)))
    return tuple(
        CensusRow(at=at, group=group, members=number) for group, number in sorted(counts.items())
    )


def _counts(person: Overview, defined: Defined | None) -> bool:
    if defined is not None:
        return person.member in defined.members
    return person.membership.joined_at is not None
