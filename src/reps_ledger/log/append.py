"""Drafts: what somebody wants recorded, made ready before any rule is asked.

Recording: read what the rules depend on, judge, and append on condition that it still holds.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, Final

import msgspec
from attrs import evolve, field, frozen
from msgspec.structs import replace

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import Entry, command_tag, entry_tag
from reps_ledger.domain.facts import BUILT_IN, EntryCorrected, EntryRetracted, Fact, FactType
from reps_ledger.domain.rules import Judge, Memory, Rulebook, Source
from reps_ledger.domain.time import Clock, day_end, day_start, instant_of
from reps_ledger.domain.validation import MAX_ENTRY_BYTES, check_name
from reps_ledger.errors import (
    CodecError,
    Conflict,
    InvalidFact,
    InvalidInput,
    InvalidTime,
    Refusal,
    Refused,
    TooLarge,
)
from reps_ledger.log.codec import Codec
from reps_ledger.log.event_log import EventLog

_BUILT_IN = frozenset(BUILT_IN)


class Draft(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact to record, with its instants resolved.

    Attributes:
        fact: what happened.
        occurred_at: when, or None for now; a correction's None is its target's instant.
        day: the day, where no more is known.
        by: who records it.
        on_behalf_of: for whom.
        command_id: the command that it is part of.
        source: where it came from.
        id: the entry id that it must have.
    """

    fact: Fact
    occurred_at: datetime | None
    day: date | None
    by: str
    on_behalf_of: str | None = None
    command_id: str | None = None
    source: str | None = None
    id: str


@frozen(kw_only=True)
class Receipt:
    """What was recorded.

    Attributes:
        entries: the new entries, in order.
        repeated: the command had been recorded before; these are its entries.
    """

    entries: tuple[Entry, ...]
    repeated: bool = False

    @property
    def position(self) -> int:
        """The last entry's position: what is known from here on includes them all."""
        return self.entries[-1].position

    @property
    def entry(self) -> Entry:
        """The first entry: the only one, where one fact was recorded."""
        return self.entries[0]

    @property
    def id(self) -> str:
        """The first entry's id."""
        return self.entries[0].id


def make_draft(
    fact: Fact,
    *,
    occurred_at: date | None,
    by: str,
    entry_id: str,
    codec: Codec,
    zone: tzinfo,
    on_behalf_of: str | None = None,
    command_id: str | None = None,
    source: str | None = None,
) -> Draft:
    """Check everything about a fact that needs no history.

    Raises:
        InvalidFactType: the fact's class is not known here.
        InvalidInput: a name or an instant cannot be accepted.
    """
    check_name(by, "by")
    if on_behalf_of is not None:
        check_name(on_behalf_of, "on_behalf_of")
    if command_id is not None:
        check_name(command_id, "command_id")
    if source is not None:
        check_name(source, "source")
    at, day = _when(occurred_at, zone)
    return Draft(
        fact=_settled(fact, codec, zone),
        occurred_at=at,
        day=day,
        by=by,
        on_behalf_of=on_behalf_of,
        command_id=command_id,
        source=source,
        id=entry_id,
    )


def _when(occurred_at: date | None, zone: tzinfo) -> tuple[datetime | None, date | None]:
    if occurred_at is None:
        return None, None
    if isinstance(occurred_at, datetime):
        return instant_of(occurred_at, "occurred_at"), None
    if isinstance(occurred_at, date):
        return day_start(occurred_at, zone), occurred_at
    raise InvalidTime(
        f"occurred_at must be a datetime or a date, not {type(occurred_at).__name__}",
        field="occurred_at",
    )


def _settled(fact: Fact, codec: Codec, zone: tzinfo) -> Fact:
    """Return the fact with every date and instant in it as an instant in UTC."""
    described = codec.registry.of(fact)
    if described.days or described.instants or described.nested:
        fact = _with_instants(fact, described, codec, zone)
    if described.cls not in _BUILT_IN:
        fact = _tupled(fact, described)
        _check_stored(fact, codec)
    return fact


def _with_instants(fact: Fact, described: FactType, codec: Codec, zone: tzinfo) -> Fact:
    changes: dict[str, Any] = {}
    for name, side in described.days:
        value: Any = getattr(fact, name)
        if value is not None and not isinstance(value, datetime):
            changes[name] = (day_end if side == "end" else day_start)(value, zone)
    for name in described.instants:
        value = changes.get(name, getattr(fact, name))
        if isinstance(value, datetime):
            instant = instant_of(value, f"{described.cls.__name__}.{name}")
            if instant is not value:
                changes[name] = instant
    if isinstance(fact, EntryCorrected):
        replacement = _settled(fact.replacement, codec, zone)
        if replacement is not fact.replacement:
            changes["replacement"] = replacement
    if changes:
        fact = evolve(fact, **changes)  # type: ignore[misc]  # of any class
    return fact


def _tupled(fact: Fact, described: FactType) -> Fact:
    """Return a service's own fact with tuples where it was given lists."""
    lists = {
        name: tuple(value)
        for name, shape in described.shapes.items()
        if shape == "list" and isinstance(value := getattr(fact, name), list)
    }
    return evolve(fact, **lists) if lists else fact  # type: ignore[misc]  # of any class


def _check_stored(fact: Fact, codec: Codec) -> None:
    """Refuse a service's own fact that would not read back equal."""
    name = codec.registry.of(fact).kind.name
    try:
        again = codec.reread(fact)
    except (CodecError, UnicodeEncodeError, TypeError, OverflowError) as error:
        raise InvalidFact(f"{name} cannot be stored: {error}") from error
    if codec.size(fact) > MAX_ENTRY_BYTES // 2:
        raise TooLarge(f"{name} takes more than {MAX_ENTRY_BYTES // 2:,} bytes")
    if again != fact:
        raise InvalidFact(f"{name} would read back as {again}, which is not equal to {fact}")


RETRIES: Final = 20
"""Times that a recording is tried again when others record what it depends on."""

KEPT: Final = 5_000
"""Entries and empty places that are kept in memory from one recording to the next."""

_FIRST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.1


class KeptJudge:
    """The judge of the last recording, ready for the next one in the same ledger.

    It is complete up to a position. That others recorded since is found out by the next
    append's condition, which asks for all that the judgement rests on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[Judge, int] | None = None

    def take(self) -> tuple[Judge, int] | None:
        """Take it, so that no other thread can; None where there is none."""
        with self._lock:
            kept, self._kept = self._kept, None
            return kept

    def give(self, judge: Judge, head: int) -> None:
        """Keep a judge that is complete up to a position, unless it grew large."""
        if judge.memory.size <= KEPT:
            with self._lock:
                self._kept = judge, head


@frozen(kw_only=True)
class Recording:
    """Records drafts in one log, under its rules.

    Attributes:
        log: where.
        rules: under which rules.
        clock: what time it is.
        retries: how often to try again after a conflict.
        pause: waits for some seconds; injected, as the clock is.
        kept: what the last recording knew.
    """

    log: EventLog
    rules: Rulebook
    clock: Clock
    retries: int = RETRIES
    pause: Callable[[float], None] = time.sleep
    kept: KeptJudge = field(factory=KeptJudge, eq=False, repr=False)

    def record(self, drafts: Sequence[Draft], command_id: str | None) -> Receipt:
        """Record all drafts in one append, or none.

        Raises:
            Refused: a rule says no to any of them.
            Conflict: others kept recording what they depend on.
        """
        for attempt in range(self.retries + 1):
            # Taken first: the command must be looked for at or after what is kept.
            kept = self.kept.take() if attempt == 0 else None
            seen: int | None = None
            if command_id is not None or attempt:
                before, seen = self._before(drafts, command_id)
                if before is not None:
                    return before
            judge, head = kept or (self.judge(), seen)
            # Up to the same head, so that nothing goes unseen between the two looks.
            head = self.load(judge, drafts, head)
            try:
                entries = self.judged(judge, drafts, head)
                receipt = self.append(judge, entries, head, command_id)
            except Refused:
                if kept is None or self.log.head() == head:
                    raise
                continue  # what was kept may be out of date: look again
            except Conflict:
                if kept is None:
                    self.wait(attempt)
                continue
            if receipt.entry.position == head + 1:
                self.kept.give(judge, receipt.position)
            return receipt
        raise Conflict(
            f"others kept recording what this depends on; gave up after {self.retries} retries. "
            "Nothing was written; try again"
        )

    def wait(self, attempt: int) -> None:
        """Wait a short while of random length, so that two who met do not meet again."""
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)
        self.pause(random.uniform(0, longest))  # noqa: S311 — not a secret

    def judge(self) -> Judge:
        """Return a judge that knows nothing yet."""
        return Judge(Memory(self.log.codec.registry), self.rules)

    def load(
        self,
        judge: Judge,
        drafts: Iterable[Draft],
        upto: int | None = None,
        *,
        empty: bool = False,
        coming: Sequence[Entry] = (),
    ) -> int:
        """Read into a judge all that judging these drafts takes.

        Args:
            judge: what to read into.
            drafts: what will be judged.
            upto: the position up to which the judge is complete; None for a new one.
            empty: the log held nothing when the judge began, and the judge has seen all
                since, so that what it does not know is nothing. (An entry looked up by its
                id, and what only governance asks for, are the exceptions: they may have been
                appended without being asked for.)
            coming: entries that were judged in this judge, but may not be in the log yet.

        Returns:
            The position up to which it is complete.
        """
        drafts = list(drafts)
        head = upto
        while True:
            missing = judge.memory.missing(
                {part for draft in drafts for part in judge.parts(draft)}
            )
            if empty:
                asked = judge.memory.missing({p for d in drafts for p in judge.asked(d.fact)})
                nothing = {s for s in missing & asked if s.types is not None}
                judge.memory.load({source: [] for source in nothing})
                missing -= nothing
            if not missing and head is not None:
                return head
            found, position = self.log.read_sources(missing, upto=head)
            head = position if head is None else head
            if coming and found:
                _add_coming(found, coming)
            judge.memory.load(found)
            if not (any(found.values()) or judge.rules.led):
                return head  # nothing new is known, so that nothing more can be asked for

    def judged(self, judge: Judge, drafts: Sequence[Draft], head: int) -> list[Entry]:
        """Return the entries to append, each judged after those before it.

        Raises:
            Refused: with the refusals of every draft.
        """
        now = self.now()
        entries: list[Entry] = []
        refusals: list[Refusal] = []
        judge.depended_on.clear()
        for index, draft in enumerate(drafts):
            if index and judge.lacks(draft):
                self.load(judge, [draft], head, coming=entries)
            entry = self.entry(judge, draft, head + 1 + index, now)
            found = judge.refusals(entry)
            refusals += [evolve(refusal, index=index) for refusal in found]
            if found:
                continue
            entries.append(entry)
            judge.add(entry)
            if entry.name in AMENDING:  # what comes after it may depend on more than before
                self.load(judge, drafts[index + 1 :], head, coming=entries)
        if refusals:
            raise Refused(refusals)
        return entries

    def now(self) -> datetime:
        """Return what time it is, in UTC."""
        return instant_of(self.clock(), "clock")

    def entry(self, judge: Judge, draft: Draft, position: int, now: datetime) -> Entry:
        """Return the entry of a draft, at a position that it will have if nobody comes between."""
        at, day = draft.occurred_at, draft.day
        fact: Any = draft.fact
        if at is None and isinstance(fact, EntryRetracted | EntryCorrected):
            target = judge.memory.target(fact.target)
            if target is not None:
                at, day = target.occurred_at, target.day
        tags = judge.tags(draft.fact, draft.id)
        if draft.command_id is not None:
            tags = (*tags, command_tag(draft.command_id))
        return Entry(
            id=draft.id,
            position=position,
            recorded_at=now,
            occurred_at=now if at is None else at,
            day=day,
            by=draft.by,
            on_behalf_of=draft.on_behalf_of,
            command_id=draft.command_id,
            source=draft.source,
            schema=draft.fact.__fact__.version,  # type: ignore[attr-defined]  # every fact has it
            fact=draft.fact,
            tags=tags,
            origin=position,
        )

    def append(
        self, judge: Judge, entries: Sequence[Entry], head: int, command_id: str | None = None
    ) -> Receipt:
        """Append judged entries unless what they depend on changed since.

        Raises:
            Conflict: it changed.
        """
        sources = judge.sources(entries)
        if command_id is not None:
            sources.add(Source(command_tag(command_id)))
        positions = self.log.append(entries, sources, head)
        return Receipt(
            entries=tuple(
                entry
                if entry.position == position
                else replace(entry, position=position, origin=position)
                for entry, position in zip(entries, positions, strict=True)
            )
        )

    def _before(
        self, drafts: Sequence[Draft], command_id: str | None
    ) -> tuple[Receipt | None, int]:
        """Return the receipt of this very command, if it was recorded by some position.

        Raises:
            InvalidInput: the command id was used for other facts.

        Without a command id it is looked for by the entries' own ids: after a conflict they
        tell whether the append succeeded although its reply was lost.
        """
        if command_id is None:
            sources = [Source(entry_tag(draft.id)) for draft in drafts]
            wanted = {draft.id for draft in drafts}
        else:
            sources = [Source(command_tag(command_id))]
            wanted = set()
        found, head = self.log.read_sources(sources)
        entries = {
            entry.position: entry
            for source in sources
            for entry in found[source]
            if entry.id in wanted or (not wanted and entry.command_id == command_id)
        }
        if not entries:
            return None, head
        told = tuple(entries[position] for position in sorted(entries))
        if command_id is not None and [e.fact for e in told] != [d.fact for d in drafts]:
            raise InvalidInput(
                f"command {command_id} was recorded before, of other facts; "
                "give each command an id of its own",
                field="command_id",
            )
        return Receipt(entries=told, repeated=command_id is not None), head


def _add_coming(found: dict[Source, list[Entry]], coming: Sequence[Entry]) -> None:
    """Add to what was read the entries that will be in the log after it."""
    by_tag: dict[str, list[Entry]] = {}
    for entry in coming:
        for tag in entry.tags:
            by_tag.setdefault(tag, []).append(entry)
    for source, entries in found.items():
        entries += [entry for entry in by_tag.get(source.tag, ()) if source.holds(entry)]
