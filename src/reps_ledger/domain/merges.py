"""Merges: which identifiers are one person, now and as each position came to be known.

A merge puts one identifier, and whoever was merged into it before, under another; an unmerge takes it out
again. `Merges` takes them one after another. What a merge costs does not grow with those that came before it,
but for an unmerge, which walks over the identifiers that it gives back.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import TypeVar

from attrs import define, field

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Fact, MembersMerged, MembersUnmerged

D = TypeVar("D")


@define(eq=False)
class _Person:
    """Identifiers that are one person.

    Attributes:
        kept: the one that is kept.
        names: all of them.
        listed: these in order, once somebody asked.
    """

    kept: str
    names: dict[str, None]
    listed: tuple[str, ...] | None = None

    def all_names(self) -> tuple[str, ...]:
        if self.listed is None:
            self.listed = tuple(sorted(self.names))
        return self.listed


_Persons = dict[str, _Person]


class Aliases(Mapping[str, str]):
    """Each duplicate identifier to the one that is kept."""

    def __init__(self, persons: _Persons, into: Mapping[str, str]) -> None:
        self._persons = persons
        self._into = into

    def __getitem__(self, name: str) -> str:
        if name not in self._into:
            raise KeyError(name)
        return self._persons[name].kept

    def get(self, name: str, default: D = None) -> str | D:  # type: ignore[assignment]  # as in `dict.get`
        """Return the identifier that is kept for a duplicate; of any other name, the default."""
        return self._persons[name].kept if name in self._into else default

    def __contains__(self, name: object) -> bool:
        return name in self._into

    def __iter__(self) -> Iterator[str]:
        return iter(self._into)

    def __len__(self) -> int:
        return len(self._into)


class People(Mapping[str, tuple[str, ...]]):
    """Each identifier of a person who has several to all of theirs, in order."""

    def __init__(self, persons: _Persons) -> None:
        self._persons = persons

    def __getitem__(self, name: str) -> tuple[str, ...]:
        return self._persons[name].all_names()

    def __contains__(self, name: object) -> bool:
        return name in self._persons

    def __iter__(self) -> Iterator[str]:
        return iter(self._persons)

    def __len__(self) -> int:
        return len(self._persons)


class Reach(Mapping[str, tuple[str, ...]]):
    """For each identifier in a fact that was told: those that meant the same person then, and still do.

    They are found out when somebody asks, as only what ends spans does.
    """

    def __init__(self, merges: Merges, names: Sequence[str], position: int) -> None:
        self._merges = merges
        self._names = names
        self._position = position

    def __getitem__(self, name: str) -> tuple[str, ...]:
        if name not in self._names:
            raise KeyError(name)
        return self._merges.reach(name, self._position)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return repr(dict(self))


@define(eq=False)
class Merges:
    """Who is one person with whom, and was as each position came to be known.

    Attributes:
        changes: for each identifier that was ever merged into another, in order of position: from
            which position on, and into whom; None for into nobody, after an unmerge.
        positions: of all merges and unmerges, in order; between two of them nobody's person changes.
        by: each duplicate to the entry that merged it.
        aliases: each duplicate to the identifier that is kept.
        people: each identifier of a person who has several to all of theirs.
    """

    changes: dict[str, list[tuple[int, str | None]]] = field(factory=dict)
    positions: list[int] = field(factory=list)
    by: dict[str, Entry] = field(factory=dict)
    aliases: Aliases = field(init=False)
    people: People = field(init=False)
    _persons: _Persons = field(factory=dict)
    _into: dict[str, str] = field(factory=dict)
    _under: dict[str, dict[str, None]] = field(factory=dict)
    _kept_at: dict[int, dict[str, str]] = field(factory=dict)  # by place among the positions
    _reach: dict[tuple[int, str], dict[str, tuple[str, ...]]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.aliases = Aliases(self._persons, self._into)
        self.people = People(self._persons)

    def take(self, place: int, entry: Entry, fact: Fact) -> None:
        """Take the next merge or unmerge; other facts change nothing.

        Args:
            place: from which position on it counts; not below any that was taken.
            entry: by which it was told.
            fact: what it says now.
        """
        if not isinstance(fact, MembersMerged | MembersUnmerged):
            return
        self.positions.append(place)
        self._reach.clear()
        member, duplicate = fact.member, fact.duplicate
        if isinstance(fact, MembersUnmerged):
            if self._into.get(duplicate) == member:
                self._part(duplicate, place)
            return
        if member == duplicate:
            return
        if duplicate in self._into:
            self._part(duplicate)
        if self.kept(member) == duplicate:  # the later merge decides which of them is kept
            self._part(member, place)
        self._join(duplicate, member)
        self.changes.setdefault(duplicate, []).append((place, member))
        self.by[duplicate] = entry

    def _join(self, duplicate: str, member: str) -> None:
        """Put an identifier and all under it under another; neither is under the other yet."""
        self._into[duplicate] = member
        self._under.setdefault(member, {})[duplicate] = None
        upper, lower = (
            self._persons.get(name) or _Person(name, {name: None}) for name in (member, duplicate)
        )
        larger, smaller = (upper, lower) if len(upper.names) >= len(lower.names) else (lower, upper)
        self._persons.update(dict.fromkeys((*smaller.names, member, duplicate), larger))
        larger.names.update(smaller.names)
        larger.kept, larger.listed = upper.kept, None

    def _part(self, duplicate: str, place: int | None = None) -> None:
        """Take an identifier, and all under it, out from under another.

        Args:
            duplicate: which.
            place: from which position on; None where it is put under another at once.
        """
        if place is not None:
            self.changes[duplicate].append((place, None))
        self.by.pop(duplicate, None)
        del self._under[self._into.pop(duplicate)][duplicate]
        whole = self._persons[duplicate]
        own = [duplicate]
        for name in own:  # grows while it is walked
            own += self._under.get(name, ())
            del whole.names[name]
        whole.listed = None
        for person in (whole, _Person(duplicate, dict.fromkeys(own))):
            alone = len(person.names) == 1
            for name in own if person is not whole else person.names if alone else ():
                if alone:
                    del self._persons[name]
                else:
                    self._persons[name] = person

    def kept(self, name: str, upto: int | None = None) -> str:
        """Return the identifier that merges keep for a name, by those up to a position; None for all."""
        if upto is None:
            person = self._persons.get(name)
            return name if person is None else person.kept
        if name not in self.changes:
            return name
        # Once for all identifiers and all entries between two merges: a person may have hundreds of each.
        known = self._kept_at.setdefault(bisect_right(self.positions, upto), {})
        walked: list[str] = []
        while (found := known.get(name)) is None:
            changes = self.changes.get(name, ())
            before = bisect_right(changes, upto, key=itemgetter(0))
            into = changes[before - 1][1] if before else None
            if into is None:
                found = name
                break
            walked.append(name)
            name = into
        known.update(dict.fromkeys(walked, found))
        return found

    def reach(self, name: str, position: int) -> tuple[str, ...]:
        """Return the identifiers that meant the same person at a position, and still do."""
        person = self._persons.get(name)
        if person is None:
            return (name,)
        same = person.all_names()
        place = bisect_right(self.positions, position), same[0]
        found = self._reach.get(place)
        if found is None:
            people: dict[str, list[str]] = {}
            for other in same:
                people.setdefault(self.kept(other, position), []).append(other)
            found = {}
            for names in people.values():
                found.update(dict.fromkeys(names, tuple(names)))
            self._reach[place] = found
        return found[name]
