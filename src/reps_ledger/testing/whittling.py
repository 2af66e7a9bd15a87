"""Whittling: entries taken out of a situation, one or two at a time, while it still shows it.

Hypothesis makes what it drew small; entries that only stand there together (a mistake and its
retraction, say) it takes out one by one, which is not always possible.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import combinations
from typing import TYPE_CHECKING, Any

from attrs import evolve, fields

from reps_ledger.testing.desk import Desk, entry_id
from reps_ledger.testing.recorded import Recorded, Told, tell_all
from reps_ledger.testing.situations import Situation

if TYPE_CHECKING:
    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.facts import Fact

__all__ = ["whittled"]

_AT_ONCE = 2


def whittled(situation: Situation, shows: Callable[[Situation], bool]) -> Situation:
    """Return a situation without the entries that it does not take; the same where it takes all.

    What rules allowed they allow still.

    Args:
        situation: in which something shows.
        shows: whether it shows in another.
    """
    legal = _is_legal(situation.history)
    smaller = True
    while smaller:
        smaller = False
        for other in _with_less(situation):
            if (not legal or _is_legal(other.history)) and shows(other):
                situation, smaller = other, True
                break
    return situation


def _with_less(situation: Situation) -> Iterable[Situation]:
    """Yield situations without some entries: with the fewest first."""
    entries = situation.history.entries
    for number in range(min(_AT_ONCE, len(entries)), 0, -1):
        for gone in combinations(entries, number):
            kept = [entry for entry in entries if entry not in gone]
            known = sum(entry.position <= situation.known_at for entry in kept)
            history = _told_again(kept, situation.history)
            yield evolve(situation, history=history, known_at=known)


def _told_again(entries: list[Entry], history: Recorded) -> Recorded:
    """Return a history of some entries, with ids that say their new places."""
    places = {entry.id: entry_id(place) for place, entry in enumerate(entries, 1)}
    told = (
        Told(_renamed(e.fact, places), e.occurred_at, e.by, e.on_behalf_of, e.source)
        for e in entries
    )
    return tell_all(*told, facts=history.facts, zone=history.zone)


def _renamed(fact: Fact, places: dict[str, str]) -> Any:
    changes: dict[str, Any] = {}
    for attribute in fields(type(fact)):
        value = getattr(fact, attribute.name)
        if isinstance(value, str) and value in places:
            changes[attribute.name] = places[value]
        elif hasattr(type(value), "__fact__"):
            changes[attribute.name] = _renamed(value, places)
    return evolve(fact, **changes) if changes else fact  # type: ignore[misc]  # of any class


def _is_legal(history: Recorded) -> bool:
    desk = Desk(history.facts, (), history.zone)
    return all(
        desk.offer(e.fact, e.occurred_at, by=e.by, source=e.source) is not None for e in history
    )
