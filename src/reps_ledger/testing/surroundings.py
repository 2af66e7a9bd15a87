"""Everybody, of plain entries: what one member's or one community's policy is evaluated among."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reps_ledger.domain.entries import people_in
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.policies.subject import Dossier, Previous, Subject

if TYPE_CHECKING:
    from reps_ledger.domain.entries import Entry

__all__ = ["Everybody"]

T = TypeVar("T")

_KNOWN: Final = Registry(BUILT_IN)
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Everybody:
    """Everybody of whom some entries speak, without a log: surroundings for evaluation.

    Args:
        entries: what stands, in any order.
        registry: knows which fields name people; the built-in facts by default.
        readings: id of a corrected entry to that of the correction in its place.
    """

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        registry: Registry = _KNOWN,
        readings: Mapping[str, str] = _NONE,
    ) -> None:
        self.entries = tuple(sorted(entries, key=lambda entry: entry.order))
        self.readings = readings
        self._by_person: dict[str, list[Entry]] = {}
        self._dossiers: dict[str, Dossier] = {}
        self._made: dict[Any, Any] = {}
        for entry in self.entries:
            for person in dict.fromkeys(people_in(entry.fact, registry)):
                self._by_person.setdefault(person, []).append(entry)

    def member(self, member: str) -> Dossier:
        """Return what is known of a person."""
        if member not in self._dossiers:
            found = self._by_person.get(member, ())
            self._dossiers[member] = Dossier(member, found, readings=self.readings)
        return self._dossiers[member]

    def everyone(self) -> list[Dossier]:
        """Return every person of whom anything is known."""
        return [self.member(name) for name in sorted(self._by_person)]

    def community(self, community: str | None, kinds: Sequence[str] = ()) -> Dossier:
        """Return what happened in a community, or of some kinds in the whole programme."""

        def concerns(entry: Entry) -> bool:
            if community is None:
                return entry.name in kinds
            return getattr(entry.fact, "community", None) == community

        def make() -> Dossier:
            found = filter(concerns, self.entries)
            return Dossier(community or "", found, is_community=True, readings=self.readings)

        return self.once(("community", community, tuple(kinds)), make)

    def opportunities(self) -> Sequence[Entry]:
        """Return every opportunity that was held."""
        return [entry for entry in self.entries if entry.name == "opportunity.held"]

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return something made of all that is known, made once."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    def subject(
        self,
        member: str,
        at: datetime,
        zone: tzinfo = UTC,
        *,
        policy: str = "",
        previous: Previous | None = None,
    ) -> Subject:
        """Return a member at an instant."""
        return Subject(self.member(member), at, zone, self, policy, previous)

    def body(
        self, community: str, at: datetime, zone: tzinfo = UTC, *, policy: str = ""
    ) -> Subject:
        """Return a community at an instant."""
        return Subject(self.community(community), at, zone, self, policy)
