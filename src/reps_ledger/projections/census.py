"""The census: how many members there are, by what people ask for, through time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, tzinfo
from itertools import product
from typing import TYPE_CHECKING, Final

from attrs import frozen

from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.errors import InvalidInput
from reps_ledger.projections.overview import Overview, overview

if TYPE_CHECKING:
    from reps_ledger.domain.facts import Registry

__all__ = ["DIMENSIONS", "CensusRow", "census", "overviews"]

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


def _standing(person: Overview, at: datetime) -> Iterator[str]:
    yield "active" if person.membership.is_active(at) else "inactive"


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
    people: Iterable[Overview], at: datetime, by: tuple[str, ...] = ()
) -> tuple[CensusRow, ...]:
    """Count the members there were: whoever had joined, for ever.

    Args:
        people: everyone, folded up to ``at``.
        at: when.
        by: names of `DIMENSIONS`; nothing counts everyone in one group.

    Raises:
        InvalidInput: there is no such dimension.
    """
    for name in by:
        if name not in DIMENSIONS:
            raise InvalidInput(
                f"cannot count by {name!r}; choose of {', '.join(DIMENSIONS)}", field="by"
            )
    counts: Counter[tuple[str, ...]] = Counter()
    for person in people:
        if person.membership.joined_at is not None:
            counts.update(product(*(DIMENSIONS[name](person, at) for name in by)))
    return tuple(
        CensusRow(at=at, group=group, members=number) for group, number in sorted(counts.items())
    )
