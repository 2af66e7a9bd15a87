"""A ledger in memory: the real recording and rules, over a log that is a list.

A charter that is in force is enforced too. Thousands of small histories are made in a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final, TypeVar

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, Fact, Registry, kind_of
from reps_ledger.domain.rules import Judge, Rule, Rulebook, Source
from reps_ledger.domain.rules.memory import Memory
from reps_ledger.domain.rules.voids import StoredRow
from reps_ledger.errors import Refused
from reps_ledger.log import Codec, Recording, Upcaster
from reps_ledger.log.append import make_draft
from reps_ledger.policies.charter.enforce import governance

T = TypeVar("T")

NOW: Final = datetime(2041, 1, 1, tzinfo=UTC)
"""When the histories of tests are recorded: long after all that happens in them."""


@checked
def entry_id(position: int) -> str:
    """Return the id of a story's entry at a position, from 1: the same in every run."""
    return f"00000000-0000-8000-8000-{position:012d}"


@lru_cache(maxsize=64)
def codec_of(facts: tuple[type[Fact], ...]) -> Codec:
    """Return a codec of the built-in facts and some of a service's own.

    Its upcasters change nothing: tests of older versions are the service's own.
    """
    steps = [
        Upcaster(kind_of(cls).name, version, _as_it_is)
        for cls in facts
        for version in range(1, kind_of(cls).version)
    ]
    return Codec(Registry((*BUILT_IN, *facts)), steps)


def _as_it_is(fields: dict[str, T]) -> dict[str, T]:
    return fields


@lru_cache(maxsize=64)
def rules_of(facts: tuple[type[Fact], ...], rules: tuple[Rule, ...], zone: tzinfo) -> Rulebook:
    """Return the rules of a ledger of those facts."""
    registry = codec_of(facts).registry
    return Rulebook(registry, rules, governance(registry, zone), zone)


def tags_of(fact: Fact, position: int, facts: tuple[type[Fact], ...] = ()) -> tuple[str, ...]:
    """Return the tags under which a log finds a fact, whatever the rules say of it."""
    memory = Memory(codec_of(facts).registry)
    return Judge(memory, rules_of(facts, (), UTC)).tags(fact, entry_id(position))


class _Log:
    """As much of an `EventLog` as recording needs."""

    inside = None
    is_inside = False

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.entries: list[Entry] = []
        self._tagged: dict[str, list[Entry]] = {}

    def head(self) -> int:
        return len(self.entries)

    def recorded_at(self, position: int) -> datetime | None:
        return self.entries[position - 1].recorded_at if position else None

    def read_sources(
        self, sources: Iterable[Source], *, upto: int | None = None
    ) -> tuple[dict[Source, list[Entry]], int]:
        head = len(self.entries)
        last = head if upto is None else min(upto, head)
        found = {
            source: [
                entry
                for entry in self._tagged.get(source.tag, ())
                if entry.position <= last and (source.types is None or entry.name in source.types)
            ]
            for source in sources
        }
        return found, last

    def row(self, position: int) -> StoredRow | None:
        if not 0 < position <= len(self.entries):
            return None
        name = self.entries[position - 1].name
        return StoredRow(position=position, name=name, data=b"", tags="[]", leaf=None, problem="")

    def append(self, entries: Sequence[Entry], _depends_on: Iterable[Source], _after: int) -> list[int]:
        for entry in entries:
            self.entries.append(entry)
            for tag in dict.fromkeys(entry.tags):
                self._tagged.setdefault(tag, []).append(entry)
        return [entry.position for entry in entries]


class InMemoryLedger:
    """Records facts that the rules allow, and refuses others, as a ledger does.

    Args:
        facts: the service's own kinds of fact.
        rules: its own rules.
        zone: in which dates are read.
    """

    def __init__(
        self, facts: tuple[type[Fact], ...] = (), rules: tuple[Rule, ...] = (), zone: tzinfo = UTC
    ) -> None:
        log: Any = _Log(codec_of(facts))  # only in what recording asks of it is it an event log
        self._zone = zone
        self._log: _Log = log
        self._recording = Recording(
            log=log,
            rules=rules_of(facts, rules, zone),
            clock=lambda: NOW + timedelta(seconds=len(self.entries)),
        )

    @property
    def entries(self) -> Sequence[Entry]:
        """What was recorded, in order of position."""
        return self._log.entries

    def offer(
        self,
        fact: Fact,
        at: date | None,
        *,
        by: str = "council",
        on_behalf_of: str | None = None,
        source: str | None = None,
    ) -> Entry | None:
        """Record a fact if the rules allow it; return its entry, or None."""
        try:
            return self.record([(fact, at)], by=by, on_behalf_of=on_behalf_of, source=source)[0]
        except Refused:
            return None

    def record(
        self,
        facts: Iterable[tuple[Fact, date | None]],
        *,
        by: str = "council",
        on_behalf_of: str | None = None,
        source: str | None = None,
    ) -> Sequence[Entry]:
        """Record facts in one batch; return their entries.

        Args:
            facts: pairs of a fact and when it happened.
            by: who records them.
            on_behalf_of: for whom they act.
            source: where the facts came from.

        Raises:
            Refused: rules say no, and nothing was recorded.
        """
        drafts = [
            make_draft(
                fact,
                occurred_at=at,
                by=by,
                on_behalf_of=on_behalf_of,
                source=source,
                entry_id=entry_id(len(self.entries) + 1 + number),
                codec=self._log.codec,
                zone=self._zone,
            )
            for number, (fact, at) in enumerate(facts)
        ]
        return self._recording.record(drafts, None).entries

    def recorded(self) -> tuple[Entry, ...]:
        """Return all of it, as a value."""
        return tuple(self._log.entries)
