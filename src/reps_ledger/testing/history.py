"""Histories as values: told as stories, evaluated, drawn as timelines and written as code.

A history is what was recorded, in order. It needs no ledger: policies are evaluated among
`Everybody` of whom its entries speak.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, tzinfo
from types import MappingProxyType
from typing import Final, Protocol, TypeGuard

from attrs import evolve, field, fields, frozen
from msgspec.structs import replace

from reps_ledger.domain.amendments import Amendments, resolve
from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry, entry_tag, people_in, unique
from reps_ledger.domain.facts import BUILT_IN, EntryCorrected, EntryRetracted, Fact, Registry, kind_of
from reps_ledger.domain.memo import Memo
from reps_ledger.importers.rows import write_row
from reps_ledger.ledger import Ledger
from reps_ledger.log import EventLog, Recording, SQLiteRecorder
from reps_ledger.policies.subject import Dossier, Previous, Subject
from reps_ledger.testing.memory_log import NOW, codec_of, entry_id, rules_of, tags_of

Row = dict[str, object]
"""A row of the exchange format."""

_KNOWN: Final = Registry(BUILT_IN)
_NONE: Final[Mapping[str, str]] = MappingProxyType({})


class Everybody(Memo):
    """The histories of everybody whom some entries name; see `SubjectContext`.

    Args:
        entries: the entries that stand, in any order.
        registry: the facts, of which it says which fields name people.
        readings: the id of a corrected entry to that of the correction in its place.
    """

    def __init__(
        self, entries: Iterable[Entry] = (), registry: Registry = _KNOWN, readings: Mapping[str, str] = _NONE
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
        """Return the history of a member."""
        if member not in self._dossiers:
            found = self._by_person.get(member, ())
            self._dossiers[member] = Dossier(member, found, readings=self.readings)
        return self._dossiers[member]

    def everyone(self) -> list[Dossier]:
        """Return the history of every member whom an entry names."""
        return [self.member(name) for name in sorted(self._by_person)]

    def community(self, community: str | None, kinds: Sequence[str] = ()) -> Dossier:
        """Return the history of a community; or, for None, of some kinds in the programme."""

        def concerns(entry: Entry) -> bool:
            if community is None:
                return entry.name in kinds
            return getattr(entry.fact, "community", None) == community

        def make() -> Dossier:
            found = filter(concerns, self.entries)
            return Dossier(community or "", found, is_community=True, readings=self.readings)

        return self.once(("community", community, tuple(kinds)), make)

    def opportunities(self) -> Sequence[Entry]:
        """Return every opportunity that was held, in effective order."""
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

    def body(self, community: str, at: datetime, zone: tzinfo = UTC, *, policy: str = "") -> Subject:
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


def is_fact(value: object) -> TypeGuard[Fact]:
    """Whether a value is a fact."""
    return hasattr(type(value), "__fact__")


def with_changes(fact: Fact, changes: Mapping[str, object]) -> Fact:
    """Return a fact of the same class with other values of some fields."""
    if not changes:
        return fact
    changed: Fact = evolve(fact, **changes)  # type: ignore[misc]  # mypy asks for one class
    return changed


def given_fields(fact: Fact) -> dict[str, object]:
    """Return the fields of a fact that differ from their defaults."""
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
        zone: the time zone in which instants are said.
        marks: instants that matter, such as a review, with words for each.
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
    given = given_fields(fact)
    who = given.pop("member", None)
    parts = [f"{name}={_shown(value, zone)}" for name, value in given.items()]
    name = kind_of(type(fact)).name
    return " ".join([name, *([str(who)] if who is not None else []), *parts])


def _shown(value: object, zone: tzinfo) -> str:
    if isinstance(value, datetime):
        return instant_words(value, zone)
    if isinstance(value, str):
        return short_id(value) if value.startswith(_IDS) else value
    if isinstance(value, tuple):
        return "+".join(_shown(each, zone) for each in value)
    return str(value)


def regression_test(law: str, says: str, subject: str, situation: str, call: str) -> str:
    """Return the code of a test, ready to paste.

    Args:
        law: the name of the law that it tests.
        says: what must hold.
        subject: the name of the policy that broke the law.
        situation: the situation, as code.
        call: the statement that checks it.
    """
    name = re.sub(r"\W+", "_", f"test_{law}_of_{subject}").strip("_").lower()
    body = situation.replace("\n", "\n    ")
    return f'def {name}() -> None:\n    """{says}"""\n    situation = {body}\n    {call}\n'


def situation_code(history: History, who: str, at: datetime, known_at: int) -> str:
    """Return the code of a call of ``situated`` that makes a situation again."""
    lines = [f"    {_entry_code(entry)}," for entry in history]
    lines.append(f"    who={_text(who)},")
    lines.append(f"    at={_instant(at)},")
    if known_at < len(history):
        lines.append(f"    known_at={known_at},")
    if history.zone is not UTC:
        lines.append(f"    zone={_zone(history.zone)},")
    if history.facts:
        lines.append(f"    facts=[{', '.join(cls.__name__ for cls in history.facts)}],")
    return "\n".join(["situated(", *lines, ")"])


def _entry_code(entry: Entry) -> str:
    pair = f"{_fact_code(entry.fact)}, {_instant(entry.occurred_at)}"
    more = [
        f", {name}={_text(getattr(entry, name))}"
        for name, usual in (("by", "council"), ("on_behalf_of", None), ("source", None))
        if getattr(entry, name) != usual
    ]
    return f"tell({pair}{''.join(more)})" if more else f"({pair})"


def _fact_code(fact: Fact) -> str:
    name = type(fact).__name__
    given = ", ".join(f"{key}={_value_code(value)}" for key, value in given_fields(fact).items())
    return f"{'rl.' if type(fact) in BUILT_IN else ''}{name}({given})"


def _value_code(value: object) -> str:
    if isinstance(value, datetime):
        return f"moment({_instant(value)})"
    if isinstance(value, date):
        return f"date({value.year}, {value.month}, {value.day})"
    if isinstance(value, str) and (short := short_id(value)) != value:
        return f"entry_id({short[1:]})"
    if isinstance(value, tuple):
        return f"({''.join(f'{_value_code(each)}, ' for each in value).rstrip()})"
    if is_fact(value):
        return _fact_code(value)
    return _text(value) if isinstance(value, str) else repr(value)


def _text(value: str) -> str:
    code = repr(value)
    return code if '"' in code else f'"{code[1:-1]}"'


def _instant(at: datetime) -> str:
    return f'"{instant_words(at)}"'


def _zone(zone: tzinfo) -> str:
    return f'ZoneInfo("{zone}")'


@checked
def moment(text: str, zone: tzinfo = UTC) -> datetime:
    """Read an instant in a zone: "2018-10-01" for the start of that day, "2018-10-01 12:00"."""
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


class Printer(Protocol):
    """What IPython and Hypothesis print values with, by calling ``_repr_pretty_``."""

    def text(self, obj: str) -> None:
        """Print a text as it is."""


@frozen
class Told:
    """A fact of a story, and when it happened; see `tell`."""

    fact: Fact
    at: datetime
    by: str = "council"
    on_behalf_of: str | None = None
    source: str | None = None


@checked
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
        at: when it happened: an aware datetime, a date for the start of that day in UTC, or text
            for `moment`.
        by: who recorded it.
        on_behalf_of: for whom they acted.
        source: where it came from.
    """
    when = at.isoformat() if isinstance(at, date) and not isinstance(at, datetime) else at
    instant = moment(when) if isinstance(when, str) else when
    return Told(fact, instant, by, on_behalf_of, source)


@checked
def tell_all(
    *told: Told | tuple[Fact, str | date], facts: Iterable[type[Fact]] = (), zone: tzinfo = UTC
) -> History:
    """Return a history of these facts, recorded in this order. No rule is asked.

    The entry at position n, from 1, has the id ``entry_id(n)``.

    Args:
        told: pairs of a fact and when it happened, or what `tell` returns.
        facts: the service's own kinds of fact.
        zone: the time zone in which dates are read.
    """
    facts_told = (each if isinstance(each, Told) else tell(*each) for each in told)
    entries = [entry_of(each, position) for position, each in enumerate(facts_told, 1)]
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

    def _repr_pretty_(self, printer: Printer, _cycle: bool) -> None:
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
        """What its corrections, retractions and merges make of its entries."""
        return self._memo.once("amendments", lambda: Amendments.among(self.entries))

    @property
    def standing(self) -> tuple[Entry, ...]:
        """The entries that stand, corrections and merges applied, in effective order."""
        return self._memo.once("standing", lambda: tuple(resolve(self.entries, self.registry)))

    def everybody(self) -> Everybody:
        """Return the histories of those whom it names, to evaluate policies on."""
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
        """Return a history of these entries instead, numbered anew in their order."""
        numbered = (replace(entry, position=place, origin=place) for place, entry in enumerate(entries, 1))
        return evolve(self, entries=tuple(numbered))

    def settled(self) -> History:
        """Return a history in which the entries that stand were recorded as they stand."""
        return self.of(sorted(self.standing, key=lambda entry: entry.position))

    def rows(self) -> list[Row]:
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
