"""Amendments found the plain way, all anew: what those that are taken one by one are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reps_ledger.domain.amendments import AMENDING, Amendments
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Fact, MembersMerged, MembersUnmerged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reps_ledger.domain.entries import Entry

Changes = dict[str, list[tuple[int, str | None]]]


def plainly_among(entries: Iterable[Entry]) -> dict[str, Any]:
    """Return what `said_by` says of the amendments among some entries."""
    amending = sorted(
        (entry for entry in entries if entry.name in AMENDING), key=lambda entry: entry.position
    )
    retracted = _retracted(amending)
    readings = _readings(amending, retracted)
    merges, changes, positions = _merges(amending, retracted | readings.keys())
    aliases = {duplicate: _kept(changes, duplicate) for duplicate in merges}
    return {
        "retracted": retracted,
        "readings": readings,
        "merges": {name: entry.id for name, entry in merges.items()},
        "aliases": aliases,
        "people": _people(aliases),
        "changes": changes,
        "positions": positions,
    }


def said_by(amendments: Amendments) -> dict[str, Any]:
    """Return all that amendments say."""
    return {
        "retracted": amendments.retracted,
        "readings": dict(amendments.readings),
        "merges": {name: entry.id for name, entry in amendments.merges.items()},
        "aliases": dict(amendments.aliases),
        "people": dict(amendments.people),
        "changes": amendments.identities.changes,
        "positions": amendments.identities.positions,
    }


def plain_reach(amendments: Amendments, name: str, position: int) -> tuple[str, ...]:
    """Return who was the same person at a position and still is, by following every merge."""
    changes = amendments.identities.changes
    kept = _kept(changes, name, position)
    same = amendments.people.get(name, (name,))
    return tuple(other for other in same if _kept(changes, other, position) == kept)


def _kept(changes: Changes, name: str, upto: int | None = None) -> str:
    while (own := changes.get(name)) is not None:
        into = None
        for position, other in own:
            if upto is not None and position > upto:
                break
            into = other
        if into is None:
            break
        name = into
    return name


def _retracted(amending: Sequence[Entry]) -> set[str]:
    retracted: set[str] = set()
    for entry in reversed(amending):  # a retraction can only concern what came before it
        if isinstance(entry.fact, EntryRetracted) and entry.id not in retracted:
            retracted.add(entry.fact.target)
    for entry in amending:
        if isinstance(entry.fact, EntryCorrected) and entry.fact.target in retracted:
            retracted.add(entry.id)  # its target counts as never recorded
    return retracted


def _readings(amending: Sequence[Entry], retracted: set[str]) -> dict[str, str]:
    roots: dict[str, str] = {}
    last: dict[str, str] = {}
    for entry in amending:
        if isinstance(entry.fact, EntryCorrected) and entry.id not in retracted:
            root = roots.get(entry.fact.target, entry.fact.target)
            roots[entry.id] = root
            last[root] = entry.id
    chain = {**{root: root for root in last}, **roots}
    return {entry: last[root] for entry, root in chain.items() if entry != last[root]}


def _merges(amending: Sequence[Entry], void: set[str]) -> tuple[dict[str, Entry], Changes, list[int]]:
    places: dict[str, int] = {}
    standing: list[tuple[int, Entry, Fact]] = []
    for entry in amending:
        fact, place = entry.fact, entry.position
        if isinstance(fact, EntryCorrected):
            place = places.get(fact.target, place)  # it takes the place of what it corrects
            fact = fact.replacement
        places[entry.id] = place
        if entry.id not in void:
            standing.append((place, entry, fact))
    merges: dict[str, Entry] = {}
    changes: Changes = {}
    in_order = sorted(standing, key=lambda item: item[0])
    for place, entry, fact in in_order:
        _merge(merges, changes, place, entry, fact)
    return (
        merges,
        changes,
        [place for place, _, fact in in_order if isinstance(fact, MembersMerged | MembersUnmerged)],
    )


def _merge(merges: dict[str, Entry], changes: Changes, place: int, entry: Entry, fact: Fact) -> None:
    if isinstance(fact, MembersMerged):
        member, duplicate = fact.member, fact.duplicate
        if member == duplicate:
            return
        before = changes.get(duplicate, [])
        changes[duplicate] = [*before, (place, None)]
        if _kept(changes, member) == duplicate:  # the later merge decides which of them is kept
            changes[member] = [*changes[member], (place, None)]
            merges.pop(member, None)
        changes[duplicate] = [*before, (place, member)]
        merges[duplicate] = entry
    elif isinstance(fact, MembersUnmerged):
        last = changes.get(fact.duplicate, [])
        if last and last[-1][1] == fact.member:
            changes[fact.duplicate] = [*last, (place, None)]
            merges.pop(fact.duplicate, None)


def _people(aliases: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    of_person: dict[str, list[str]] = {}
    for duplicate, kept in aliases.items():
        of_person.setdefault(kept, [kept]).append(duplicate)
    groups = [tuple(sorted(names)) for names in of_person.values()]
    return {name: names for names in groups for name in names}
