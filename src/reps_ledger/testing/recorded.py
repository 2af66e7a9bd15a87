"""Histories as values: what was recorded, in order, and what stands of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, date, datetime, tzinfo
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen
from msgspec.structs import replace

from reps_ledger.domain.amendments import Amendments, resolve
from reps_ledger.domain.entries import Entry, entry_tag, people_in, unique
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Fact
from reps_ledger.importers.rows import write_row
from reps_ledger.ledger import Ledger
from reps_ledger.log import EventLog, Recording, SQLiteRecorder
from reps_ledger.testing.desk import NOW, codec_of, entry_id, rules_of, tags_of
from reps_ledger.testing.surroundings import Everybody
from reps_ledger.testing.timelines import timeline

if TYPE_CHECKING:
    from reps_ledger.domain.facts import Registry

__all__ = ["Recorded", "Told", "entry_id", "entry_of", "moment", "tell", "tell_all"]


def moment(text: str, zone: tzinfo = UTC) -> datetime:
    """Read an instant in a zone: "2018-10-01" for the start of that day, "2018-10-01 12:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@frozen
class Told:
    """A fact of a story, and when it happened; see `tell`."""

    fact: Fact
    at: datetime
    by: str = "council"
    on_behalf_of: str | None = None
    source: str | None = None


def tell(
    fact: Fact,
    at: str | date,
    *,
    by: str = "council",
    on_behalf_of: str | None = None,
    source: str | None = None,
) -> Told:
    """Tell a fact of a story.

    Args:
        fact: what happened.
        at: when: an aware datetime, a date for its start, or text for `moment`; in UTC.
        by: who recorded it.
        on_behalf_of: for whom they acted.
        source: where it came from.
    """
    when = at.isoformat() if isinstance(at, date) and not isinstance(at, datetime) else at
    instant = moment(when) if isinstance(when, str) else when
    return Told(fact, instant, by, on_behalf_of, source)


def tell_all(
    *told: Told | tuple[Fact, str | date], facts: Iterable[type[Fact]] = (), zone: tzinfo = UTC
) -> Recorded:
    """Return a history of these, recorded in the order of telling. No rule is asked.

    The entry at position n, from 1, has the id ``entry_id(n)``.

    Args:
        told: pairs of a fact and when it happened, or what `tell` returns.
        facts: the service's own kinds of fact.
        zone: in which dates are read.
    """
    said = (one if isinstance(one, Told) else tell(*one) for one in told)
    entries = [entry_of(each, position) for position, each in enumerate(said, 1)]
    return Recorded(tuple(entries), tuple(facts), zone)


def entry_of(told: Told, position: int) -> Entry:
    """Return the entry of a fact that is told at a position, from 1."""
    return Entry(
        id=entry_id(position),
        recorded_at=NOW,
        occurred_at=told.at,
        by=told.by,
        on_behalf_of=told.on_behalf_of,
        source=told.source,
        schema=told.fact.__fact__.version,  # type: ignore[attr-defined]  # every fact has it
        position=position,
        origin=position,
        fact=told.fact,
    )


@frozen(repr=False)
class Recorded:
    """A whole history as a value: small enough to read, and printed as a timeline.

    Attributes:
        entries: as they were recorded, in order of position, corrections among them.
        facts: the service's own kinds of fact.
        zone: in which dates are read.
    """

    entries: tuple[Entry, ...]
    facts: tuple[type[Fact], ...] = ()
    zone: tzinfo = field(default=UTC, eq=False)
    _made: dict[Any, Any] = field(factory=dict, eq=False, init=False)

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __repr__(self) -> str:
        return timeline(self.entries, self.zone)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(f"\n{self!r}\n")

    @property
    def registry(self) -> Registry:
        """The kinds of fact that it may hold."""
        return codec_of(self.facts).registry

    @property
    def people(self) -> tuple[str, ...]:
        """Everyone whom it names, in order of identifier."""
        found: tuple[str, ...] = self._once("people", self._people)
        return found

    def _people(self) -> tuple[str, ...]:
        named = (name for each in self.standing for name in people_in(each.fact, self.registry))
        return tuple(sorted(set(named)))

    @property
    def amendments(self) -> Amendments:
        """How its entries are to be read."""
        found: Amendments = self._once("amendments", lambda: Amendments.among(self.entries))
        return found

    @property
    def standing(self) -> tuple[Entry, ...]:
        """What stands, corrections and merges applied, in effective order."""
        found: tuple[Entry, ...] = self._once(
            "standing", lambda: tuple(resolve(self.entries, self.registry))
        )
        return found

    def everybody(self) -> Everybody:
        """Return those of whom it speaks, to evaluate policies on."""
        found: Everybody = self._once(
            "everybody",
            lambda: Everybody(self.standing, self.registry, self.amendments.readings),
        )
        return found

    def known(self, position: int) -> Recorded:
        """Return what was known at a position."""
        return evolve(self, entries=tuple(e for e in self.entries if e.position <= position))

    def without(self, ids: Collection[str]) -> Recorded:
        """Return the same history as though some entries had never been recorded."""
        return evolve(self, entries=tuple(e for e in self.entries if e.id not in ids))

    def of(self, entries: Iterable[Entry]) -> Recorded:
        """Return a history of other entries, numbered anew in their order."""
        numbered = (
            replace(entry, position=place, origin=place) for place, entry in enumerate(entries, 1)
        )
        return evolve(self, entries=tuple(numbered))

    def settled(self) -> Recorded:
        """Return a history in which what stands was recorded so from the beginning."""
        return self.of(sorted(self.standing, key=lambda entry: entry.position))

    def rows(self) -> list[dict[str, Any]]:
        """Return it in the exchange format, a row for each entry."""
        return [write_row(entry, codec_of(self.facts)) for entry in self.entries]

    def ledger(self) -> Ledger:
        """Return a ledger in memory that holds it, positions and ids included.

        No rule was asked, so that an illegal history can be read back too. Close it after use.
        """
        recorder = SQLiteRecorder(":memory:")
        log = EventLog(recorder, codec_of(self.facts))
        rules = rules_of(self.facts, (), self.zone)
        if self.entries:
            log.append(self._tagged(), (), 0)
        recording = Recording(log=log, rules=rules, clock=lambda: NOW)
        return Ledger(recording, self.zone, recorder.close)

    def _tagged(self) -> list[Entry]:
        """Return the entries under the tags by which a log finds them."""
        tags: dict[str, tuple[str, ...]] = {}
        found = []
        for entry in self.entries:
            own = entry.tags or tags_of(entry.fact, entry.position, self.facts)
            if not entry.tags and isinstance(entry.fact, EntryCorrected | EntryRetracted):
                target = entry.fact.target
                own = unique([*own, *(t for t in tags.get(target, ()) if t != entry_tag(target))])
            tags[entry.id] = own
            found.append(replace(entry, tags=own))
        return found

    def _once(self, key: str, make: Any) -> Any:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]
