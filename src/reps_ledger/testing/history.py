"""Everybody, of plain entries: what one member's or one community's policy is evaluated among.

Timelines: a history as a person would draw it on a whiteboard.

Pasting: a situation as code, so that what was found once is kept as a test.

Histories as values: what was recorded, in order, and what stands of it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from types import MappingProxyType
from typing import Any, Final, TypeVar

from attrs import evolve, field, fields, frozen
from msgspec.structs import replace

from reps_ledger.domain.amendments import Amendments, resolve
from reps_ledger.domain.entries import Entry, entry_tag, people_in, unique
from reps_ledger.domain.facts import (
    BUILT_IN,
    EntryCorrected,
    EntryRetracted,
    Fact,
    Registry,
    kind_of,
)
from reps_ledger.domain.memo import Memo
from reps_ledger.importers.rows import write_row
from reps_ledger.ledger import Ledger
from reps_ledger.log import EventLog, Recording, SQLiteRecorder
from reps_ledger.policies.subject import Dossier, Previous, Subject
from reps_ledger.testing.memory_log import NOW, codec_of, entry_id, rules_of, tags_of

T = TypeVar("T")

_KNOWN: Final = Registry(BUILT_IN)
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Everybody(Memo):
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
        super().__init__()
        self.entries = tuple(sorted(entries, key=lambda entry: entry.order))
        self.readings = readings
        self._by_person: dict[str, list[Entry]] = {}
        self._dossiers: dict[str, Dossier] = {}
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


_IDS = "00000000-0000-8000-8000-"


def instant_words(instant: datetime, zone: tzinfo = UTC) -> str:
    """Say when: a day where it is the start of one, or to the microsecond."""
    local = instant.astimezone(zone).replace(tzinfo=None)
    return str(local.date()) if local.time() == time() else local.isoformat(sep=" ")


def short_id(entry_id: str) -> str:
    """Return ``#3`` for the entry that a story tells at position 3; other ids as they are."""
    return f"#{int(entry_id[len(_IDS) :])}" if entry_id.startswith(_IDS) else entry_id


def said_fields(fact: Fact) -> dict[str, Any]:
    """Return the fields of a fact that differ from what they are by default."""
    return {
        attribute.name: value
        for attribute in fields(type(fact))
        if (value := getattr(fact, attribute.name)) != attribute.default
    }


def timeline(
    entries: Iterable[Entry],
    zone: tzinfo = UTC,
    marks: Iterable[tuple[datetime, str]] = (),
    known_at: int | None = None,
) -> str:
    """Draw a history: a line for each entry, in the order in which they happened.

    Args:
        entries: as recorded, or as they stand.
        zone: in which instants are said.
        marks: instants that matter, such as a review, and what they are.
        known_at: entries recorded after this position are marked as not known yet.
    """
    lines: list[tuple[tuple[datetime, int, int], str, str]] = []
    for entry in entries:
        late = " (not known yet)" if known_at is not None and entry.position > known_at else ""
        words = f"{short_id(entry.id):<4} {_words(entry.fact, zone)}{late}"
        if entry.source is not None:
            words += f" (from {entry.source})"
        order = (entry.occurred_at, 0, entry.position)
        lines.append((order, instant_words(entry.occurred_at, zone), words))
    for number, (at, words) in enumerate(marks):
        lines.append(((at, 1, number), instant_words(at, zone), f"---> {words}"))
    if not lines:
        return "(nothing happened)"
    width = max(len(when) for _, when, _ in lines)
    return "\n".join(f"{when:<{width}}  {words}" for _, when, words in sorted(lines))


def _words(fact: Fact, zone: tzinfo) -> str:
    if isinstance(fact, EntryCorrected):
        return f"{short_id(fact.target)} was wrong; instead: {_words(fact.replacement, zone)}"
    said = said_fields(fact)
    who = said.pop("member", None)
    parts = [f"{name}={_shown(value, zone)}" for name, value in said.items()]
    name = kind_of(type(fact)).name
    return " ".join([name, *([str(who)] if who is not None else []), *parts])


def _shown(value: Any, zone: tzinfo) -> str:
    if isinstance(value, datetime):
        return instant_words(value, zone)
    if isinstance(value, str):
        return short_id(value) if value.startswith(_IDS) else value
    if isinstance(value, tuple):
        return "+".join(_shown(each, zone) for each in value)
    return str(value)


def regression_test(law: str, says: str, subject: str, situation: str, call: str) -> str:
    """Return a test, ready to paste.

    Args:
        law: what it is of.
        says: what must hold.
        subject: the name of the policy that broke it.
        situation: the situation, as code.
        call: how it is asked.
    """
    name = re.sub(r"\W+", "_", f"test_{law}_of_{subject}").strip("_").lower()
    body = situation.replace("\n", "\n    ")
    return f'def {name}() -> None:\n    """{says}"""\n    situation = {body}\n    {call}\n'


def situation_code(history: History, who: str, at: datetime, known_at: int) -> str:
    """Return a call of ``situated`` that makes a situation again."""
    lines = [f"    {_told(entry)}," for entry in history]
    lines.append(f"    who={_text(who)},")
    lines.append(f"    at={_instant(at)},")
    if known_at < len(history):
        lines.append(f"    known_at={known_at},")
    if history.zone is not UTC:
        lines.append(f"    zone={_zone(history.zone)},")
    if history.facts:
        lines.append(f"    facts=[{', '.join(cls.__name__ for cls in history.facts)}],")
    return "\n".join(["situated(", *lines, ")"])


def _told(entry: Entry) -> str:
    said = f"{_fact(entry.fact)}, {_instant(entry.occurred_at)}"
    more = [
        f", {name}={_text(getattr(entry, name))}"
        for name, usual in (("by", "council"), ("on_behalf_of", None), ("source", None))
        if getattr(entry, name) != usual
    ]
    return f"tell({said}{''.join(more)})" if more else f"({said})"


def _fact(fact: Fact) -> str:
    name = type(fact).__name__
    fields = ", ".join(f"{key}={_value(value)}" for key, value in said_fields(fact).items())
    return f"{'rl.' if type(fact) in BUILT_IN else ''}{name}({fields})"


def _value(value: Any) -> str:
    if isinstance(value, datetime):
        return f"moment({_instant(value)})"
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    if isinstance(value, str) and (short := short_id(value)) != value:
        return f"entry_id({short[1:]})"
    if hasattr(type(value), "__fact__"):
        return _fact(value)
    if isinstance(value, tuple):
        return f"({''.join(f'{_value(each)}, ' for each in value).rstrip()})"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    said = repr(value)
    return said if '"' in said else f'"{said[1:-1]}"'


def _instant(at: datetime) -> str:
    return f'"{instant_words(at)}"'


def _zone(zone: tzinfo) -> str:
    return f'ZoneInfo("{zone}")'


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
) -> History:
    """Return a history of these, recorded in the order of telling. No rule is asked.

    The entry at position n, from 1, has the id ``entry_id(n)``.

    Args:
        told: pairs of a fact and when it happened, or what `tell` returns.
        facts: the service's own kinds of fact.
        zone: in which dates are read.
    """
    said = (one if isinstance(one, Told) else tell(*one) for one in told)
    entries = [entry_of(each, position) for position, each in enumerate(said, 1)]
    return History(tuple(entries), tuple(facts), zone)


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
class History:
    """A whole history as a value: small enough to read, and printed as a timeline.

    Attributes:
        entries: as they were recorded, in order of position, corrections among them.
        facts: the service's own kinds of fact.
        zone: in which dates are read.
    """

    entries: tuple[Entry, ...]
    facts: tuple[type[Fact], ...] = ()
    zone: tzinfo = field(default=UTC, eq=False)
    _memo: Memo = field(factory=Memo, eq=False, init=False)

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
        return self._memo.once("people", self._people)

    def _people(self) -> tuple[str, ...]:
        named = (name for each in self.standing for name in people_in(each.fact, self.registry))
        return tuple(sorted(set(named)))

    @property
    def amendments(self) -> Amendments:
        """How its entries are to be read."""
        return self._memo.once("amendments", lambda: Amendments.among(self.entries))

    @property
    def standing(self) -> tuple[Entry, ...]:
        """What stands, corrections and merges applied, in effective order."""
        return self._memo.once("standing", lambda: tuple(resolve(self.entries, self.registry)))

    def everybody(self) -> Everybody:
        """Return those of whom it speaks, to evaluate policies on."""
        return self._memo.once(
            "everybody", lambda: Everybody(self.standing, self.registry, self.amendments.readings)
        )

    def known(self, position: int) -> History:
        """Return what was known at a position."""
        return evolve(self, entries=tuple(e for e in self.entries if e.position <= position))

    def without(self, ids: Collection[str]) -> History:
        """Return the same history as though some entries had never been recorded."""
        return evolve(self, entries=tuple(e for e in self.entries if e.id not in ids))

    def of(self, entries: Iterable[Entry]) -> History:
        """Return a history of other entries, numbered anew in their order."""
        numbered = (
            replace(entry, position=place, origin=place) for place, entry in enumerate(entries, 1)
        )
        return evolve(self, entries=tuple(numbered))

    def settled(self) -> History:
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
