"""Recording: from what somebody wants recorded to entries in the log.

`make_draft` checks what needs no history. `Recording` then reads the parts of the log that the
rules name, judges each draft, and appends the entries on condition that nothing new came into
those parts meanwhile. If something did, it begins anew.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from functools import partial
from typing import Final, TypeVar

import msgspec
from attrs import evolve, field, frozen
from eventsourcing.dcb.api import DCBEvent
from msgspec.structs import replace

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import Entry, command_tag, entry_tag, row_tag
from reps_ledger.domain.facts import (
    BUILT_IN,
    EntryCorrected,
    EntryRetracted,
    Fact,
    FactType,
    Registry,
    stated,
)
from reps_ledger.domain.rules import Act, Judge, Memory, Rulebook, Source
from reps_ledger.domain.rules.folds import ACCOUNT
from reps_ledger.domain.sealed import Owner, Sealed
from reps_ledger.domain.time import Clock, day_end, day_start, instant_of, last_of_day
from reps_ledger.domain.validation import MAX_ENTRY_BYTES, check_name
from reps_ledger.errors import (
    CodecError,
    Conflict,
    Erased,
    InvalidFact,
    InvalidInput,
    InvalidTime,
    Refusal,
    Refused,
    TooLarge,
)
from reps_ledger.log.codec import Codec
from reps_ledger.log.event_log import EventLog, Readable
from reps_ledger.log.history import Reading
from reps_ledger.log.sealing import (
    ROWS,
    AccountOf,
    Sealer,
    accounts_in,
    member_of,
    owner_of,
    personal_texts,
    with_names,
    with_tokens,
)

_BUILT_IN = frozenset(BUILT_IN)
_SIDES: Final = {"start": day_start, "end": day_end, "last": last_of_day}
"""What a plain date means, by what a field's metadata says of it."""


class Draft(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fact to record, with its instants resolved.

    Attributes:
        fact: what happened.
        occurred_at: when it happened, in UTC. None means now, and for a correction the instant of
            the entry that it corrects.
        day: the day on which it happened, where no more than the day is known.
        by: who records it.
        on_behalf_of: the person for whom they act.
        command_id: the command that it is part of.
        source: where it came from, for an imported one.
        id: the id of its entry.
        row_key: by what an imported row is known again.
    """

    fact: Fact
    occurred_at: datetime | None
    day: date | None
    by: str
    on_behalf_of: str | None = None
    command_id: str | None = None
    source: str | None = None
    id: str
    row_key: str | None = None


@frozen(kw_only=True)
class Receipt:
    """What was recorded.

    Attributes:
        entries: the new entries, in order.
        repeated: whether the command had been recorded before, with these entries.
    """

    entries: tuple[Entry, ...]
    repeated: bool = False

    @property
    def position(self) -> int:
        """The last entry's position: a view known at it includes all of the entries."""
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
    row_key: str | None = None,
) -> Draft:
    """Make a draft: resolve its dates, and check what can be checked without any history.

    Raises:
        InvalidFactType: the fact's class is not known here.
        InvalidFact: a text in it is sealed, and cannot be opened.
        InvalidInput: a name or an instant cannot be accepted.
    """
    check_name(by, "by")
    if on_behalf_of is not None:
        check_name(on_behalf_of, "on_behalf_of")
    if command_id is not None:
        check_name(command_id, "command_id")
    if source is not None:
        check_name(source, "source")
    at, day = _instant_and_day(occurred_at, zone)
    return Draft(
        fact=_in_instants(fact, codec, zone),
        occurred_at=at,
        day=day,
        by=by,
        on_behalf_of=on_behalf_of,
        command_id=command_id,
        source=source,
        id=entry_id,
        row_key=row_key,
    )


def _instant_and_day(occurred_at: date | None, zone: tzinfo) -> tuple[datetime | None, date | None]:
    if occurred_at is None:
        return None, None
    if isinstance(occurred_at, datetime):
        return instant_of(occurred_at, "occurred_at"), None
    if isinstance(occurred_at, date):
        return day_start(occurred_at, zone), occurred_at
    raise InvalidTime(
        f"occurred_at must be a datetime or a date, not {type(occurred_at).__name__}", field="occurred_at"
    )


def _in_instants(fact: Fact, codec: Codec, zone: tzinfo) -> Fact:
    """Return the fact with every date and instant in it as an instant in UTC."""
    described = codec.registry.of(fact)
    if described.personal:
        fact = codec.opened(fact)  # who corrects what they read may have read it sealed
        for name, text in personal_texts(fact, described):
            if isinstance(text, Sealed):
                raise InvalidFact(
                    f"{described.kind.name}: {name} is sealed, and there are no keys here to open it by; "
                    "open the ledger with them (keys=…, --keys), or say the text"
                )
    if described.days or described.instants or described.nested:
        fact = _resolved(fact, described, codec, zone)
    if described.cls not in _BUILT_IN:
        fact = _tupled(fact, described)
        _check_stored(fact, codec)
    return fact


def _resolved(fact: Fact, described: FactType, codec: Codec, zone: tzinfo) -> Fact:
    changes: dict[str, object] = {}
    for name, side in described.days:
        value = getattr(fact, name)
        if value is not None and not isinstance(value, datetime):
            changes[name] = _SIDES[side](value, zone)
    for name in described.instants:
        value = changes.get(name, getattr(fact, name))
        if isinstance(value, datetime):
            instant = instant_of(value, f"{described.cls.__name__}.{name}")
            if instant is not value:
                changes[name] = instant
    if isinstance(fact, EntryCorrected):
        replacement = _in_instants(fact.replacement, codec, zone)
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
        names = sorted(codec.registry.of(fact).names)
        other = [each for each in names if getattr(again, each, None) != getattr(fact, each)]
        raise InvalidFact(f"{name} would not read back equal: see {', '.join(other) or 'how it compares'}")


RETRIES: Final = 20
"""Times that a recording is tried again when others record what it depends on."""

KEPT: Final = 5_000
"""The largest `Memory.size` of a judge that is kept from one recording to the next."""

LARGEST_MEMORY: Final = 60_000
"""The `Memory.size` past which who goes through much of a log begins a new judge."""

NEVER: Final = datetime.min.replace(tzinfo=UTC)
_FIRST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.1


T = TypeVar("T")


class NotEmpty(Exception):
    """The log has begun already."""


class KeptJudge:
    """The judge of the last recording, kept for the next one in the same ledger.

    It knows its parts up to a position. If others recorded in them since, the next append fails
    on its condition, and the recording begins anew with another judge: so nothing needs to be
    read before it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: tuple[Judge, int] | None = None
        self._last = 0, NEVER

    def take(self) -> tuple[Judge, int] | None:
        """Take it, so that no other thread can; None where there is none."""
        with self._lock:
            kept, self._kept = self._kept, None
            return kept

    def forget(self) -> None:
        """Keep none, as what it knows was taken back."""
        with self._lock:
            self._kept = None
            self._last = 0, NEVER

    def appended(self, last: Entry) -> None:
        """Keep when the last entry was recorded."""
        self._last = last.position, last.recorded_at

    def recorded_at(self, position: int) -> datetime | None:
        """Return when the entry at a position was recorded, where that is known here."""
        last, recorded_at = self._last
        return recorded_at if last == position else None

    def give(self, judge: Judge, head: int) -> None:
        """Keep a judge that is complete up to a position, unless it grew large."""
        if judge.memory.size <= KEPT:
            with self._lock:
                self._kept = judge, head


@frozen(kw_only=True)
class Recording:
    """Records drafts in one log, under its rules.

    Attributes:
        log: the log.
        rules: by which drafts are judged.
        clock: returns the current time.
        retries: how often to try again after a conflict.
        pause: waits for some seconds; an argument, as the clock is.
        kept: the judge of the last recording.
        inside: the same in the log inside of a transaction; None where that has none. See `alone`.
    """

    log: EventLog
    rules: Rulebook
    clock: Clock
    retries: int = RETRIES
    pause: Callable[[float], None] = time.sleep
    kept: KeptJudge = field(factory=KeptJudge, eq=False, repr=False)
    inside: Recording | None = field(init=False, eq=False, repr=False)

    @inside.default
    def _of_inside(self) -> Recording | None:
        return None if self.log.inside is None else evolve(self, log=self.log.inside)

    def record(self, drafts: Sequence[Draft], command_id: str | None) -> Receipt:
        """Record all drafts in one append, or none.

        Raises:
            Refused: a rule refuses any of them.
            Conflict: others recorded in the same parts at every try; never where the log has transactions.
            Busy: others kept writing.
        """
        drafts = self.prepared(drafts)
        inside = self.inside
        if inside is None:
            return self._as_given(self._record_optimistically(drafts, command_id))
        record = partial(inside._record_alone, drafts, command_id)  # noqa: SLF001 — of this class
        receipt = self.alone(record, weight=len(drafts))
        if not receipt.repeated:
            self.log.appended(receipt.entries)
        return self._as_given(receipt)

    def _as_given(self, receipt: Receipt) -> Receipt:
        """Return a receipt of facts as they were given: with the names of accounts, not their tokens."""
        codec = self.log.codec
        if not codec.seals:
            return receipt
        facts = [with_names(entry.fact, codec.registry) for entry in receipt.entries]
        if all(fact is entry.fact for fact, entry in zip(facts, receipt.entries, strict=True)):
            return receipt
        entries = [replace(e, fact=fact) for e, fact in zip(receipt.entries, facts, strict=True)]
        return evolve(receipt, entries=tuple(entries))

    def prepared(self, drafts: Sequence[Draft]) -> Sequence[Draft]:
        """Return drafts as a ledger that seals judges them; the keys and tokens that they take are there.

        The names of accounts are tokens in them, and the keys of rows are digests by the key of whom the row
        is about. What is about somebody who was erased has neither: it is refused.
        """
        codec = self.log.codec
        sealer = codec.sealer
        if sealer is None or not sealer.seals:
            return drafts
        registry = codec.registry
        now = self.now()
        owners = [owner for draft in drafts for owner in _owners(draft, registry, now)]
        accounts = [named for draft in drafts for named in accounts_in(draft.fact, registry)]
        if len(drafts) > 1 or accounts:
            sealer.prepare(owners, accounts)
        return [self._prepared(draft, sealer) for draft in drafts]

    def _prepared(self, draft: Draft, sealer: Sealer) -> Draft:
        try:
            fact = with_tokens(draft.fact, self.log.codec.registry, sealer, self._linked)
            key = draft.row_key
            row_key = None if key is None else sealer.row_key(member_of(fact), key)
        except Erased:
            return replace(draft, row_key=None)
        if fact is draft.fact and row_key == key:
            return draft
        return replace(draft, fact=fact, row_key=row_key)

    def _linked(self, named: AccountOf) -> str | None:
        """Return the token by which an account was linked to a person, under any identifier of theirs.

        None where it was linked in the clear, before the ledger sealed; the member's own token where nobody
        linked it: what follows nothing is refused by its rule, or is a fact of somebody's own.
        """
        sealer = self.log.codec.sealer
        assert sealer is not None, "drafts are prepared by it"
        tokens = sealer.tokens_of(named)
        parts = {token: ACCOUNT.part(named.provider, token).source for token in tokens}
        in_the_clear = ACCOUNT.part(named.provider, named.account).source
        found, _ = self.log.read_sources([*parts.values(), in_the_clear])
        people: Mapping[str, str] | None = (
            None  # read once, if ever: seldom is anybody else's account unlinked
        )
        for token, source in parts.items():
            for entry in found[source]:
                member = member_of(entry.fact)
                if member != named.member and people is None:
                    people = Reading(log=self.log, known_at=self.log.head()).amendments().aliases
                known = people or {}
                if known.get(member, member) == known.get(named.member, named.member):
                    return token
        return None if found[in_the_clear] else str(sealer.account(named))

    def alone(self, work: Callable[[], T], *, weight: int) -> T:
        """Do something with the recording `inside` while nobody else records; see `EventLog.together`.

        Args:
            work: may be called again, in another thread.
            weight: how many entries may be appended.
        """
        return self.log.together(work, undone=self.kept.forget, weight=weight)

    def _record_alone(self, drafts: Sequence[Draft], command_id: str | None) -> Receipt:
        """Record drafts where nobody else does meanwhile: by the judge that is kept, or a new one."""
        if command_id is not None:
            before, _ = self._recorded_before(drafts, command_id)
            if before is not None:
                return before
        kept = self._kept_judge()
        if kept is not None:
            judge, known = kept
            try:
                return self._judged_and_appended(judge, drafts, command_id, known)
            except (Refused, Conflict):
                if self.log.head() == known:
                    self._keep(judge, known, drafts)
                    raise
        judge = self.judge()
        try:
            return self._judged_and_appended(judge, drafts, command_id, None)
        except Refused:
            self._keep(judge, self.log.head(), drafts)
            raise

    def _kept_judge(self) -> tuple[Judge, int] | None:
        """Take the judge that is kept; none where the log began to seal since."""
        kept = self.kept.take()
        return None if kept is None or kept[0].seals != self.log.codec.seals else kept

    def _keep(self, judge: Judge, head: int, drafts: Sequence[Draft]) -> None:
        """Keep a judge that refused drafts, unless it may have judged one of them after another."""
        if len(drafts) == 1:
            self.kept.give(judge, head)

    def _judged_and_appended(
        self, judge: Judge, drafts: Sequence[Draft], command_id: str | None, known: int | None
    ) -> Receipt:
        head = self.load(judge, drafts, known)
        receipt = self.append(judge, self.judged(judge, drafts, head), head, command_id)
        if receipt.entry.position == head + 1:
            self.kept.give(judge, receipt.position)
        return receipt

    def _record_optimistically(self, drafts: Sequence[Draft], command_id: str | None) -> Receipt:
        """Record drafts on condition that nothing came meanwhile, and try again where something did."""
        for attempt in range(self.retries + 1):
            # Taken before the command is looked for: otherwise another thread could record the
            # command, and keep a judge that knows of it, in between.
            kept = self._kept_judge() if attempt == 0 else None
            seen: int | None = None
            if command_id is not None or attempt:
                before, seen = self._recorded_before(drafts, command_id)
                if before is not None:
                    return before
            judge, head = kept or (self.judge(), seen)
            # Read up to the head at which the command was not there, so that the append fails if
            # it was recorded after that.
            try:
                return self._judged_and_appended(judge, drafts, command_id, head)
            except Refused:
                if kept is None or self.log.head() == head:
                    raise
                continue  # the kept judge may be out of date: try again with a new one
            except Conflict:
                if kept is None:
                    self.wait(attempt)
                continue
        raise Conflict(
            f"others kept recording what this depends on; gave up after {self.retries} retries. "
            "Nothing was written; try again"
        )

    def voiding(self) -> Recording:
        """Return what records voids: it leaves out what cannot be read, so that it is not in their way."""
        return evolve(self, log=Readable(self.log), kept=KeptJudge())

    def begin(self, first: Draft, drafts: Sequence[Draft]) -> tuple[Entry, ...]:
        """Record the first entry of a new log, and drafts after it, in one append.

        Raises:
            Refused: a rule refuses any of the drafts; it counts these from 0.
            NotEmpty: the log has begun already.
        """
        judge = self.judge()
        every = [first, *self.prepared(drafts)]
        head = self.load(judge, every)
        if head:
            raise NotEmpty
        try:
            entries = self.judged(judge, every, head)
        except Refused as refused:
            raise Refused([evolve(each, index=each.index - 1) for each in refused.refusals]) from None
        try:
            positions = self.log.append_events(self.log.events(entries), (), head)
        except Conflict:
            # The append may have succeeded although its reply was lost.
            there = self.log.entries_of([draft.id for draft in every])
            if len(there) < len(every):
                raise NotEmpty from None
            return tuple(there[draft.id] for draft in every)
        return self._as_given(Receipt(entries=_placed(entries, positions))).entries

    def wait(self, attempt: int) -> None:
        """Wait a short while of random length, so that two who conflict do not conflict again."""
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)
        self.pause(random.uniform(0, longest))  # noqa: S311 — not a secret

    def judge(self) -> Judge:
        """Return a judge that has read nothing yet."""
        return Judge(Memory(self.log.codec.registry), self.rules, self.log.codec.seals)

    def load(
        self,
        judge: Judge,
        drafts: Iterable[Act],
        upto: int | None = None,
        *,
        empty: bool = False,
        coming: Sequence[Entry] = (),
    ) -> int:
        """Read all parts that judging these drafts takes.

        Args:
            judge: takes what is read.
            drafts: what it will judge; entries that are judged again count as well.
            upto: the position up to which the judge knows its parts; None for a new judge.
            empty: whether the log was empty when the judge was new, and the judge was given all
                entries since. A part that it does not know is then empty and need not be read.
                (Not so entries by their id, nor parts that only governance names: entries may
                have been appended before anybody named those.)
            coming: entries that this judge judged, but that may not be in the log yet.

        Returns:
            The position up to which the judge knows its parts.
        """
        drafts = list(drafts)
        for position in judge.rows_missing(drafts):
            judge.memory.rows[position] = self.log.row(position)
        head = upto
        while True:
            missing = judge.memory.missing({part for draft in drafts for part in judge.parts(draft)})
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

    def judged(self, judge: Judge, drafts: Sequence[Draft], head: int) -> list[Entry]:
        """Return the entries to append, each judged after those before it.

        Raises:
            Refused: with the refusals of every draft.
        """
        now = self.now()
        recorded_at = self.recorded_at(now, head)
        entries: list[Entry] = []
        refusals: list[Refusal] = []
        judge.depended_on.clear()
        amended = False
        for index, draft in enumerate(drafts):
            # After an amendment, more parts may count; asking for one draft at a time keeps this linear.
            if amended or (index and judge.lacks(draft)):
                self.load(judge, [draft], head, coming=entries)
            entry = self.entry(judge, draft, head + 1 + index, now, recorded_at)
            found = judge.refusals(entry)
            refusals += [evolve(refusal, index=index) for refusal in found]
            if found:
                continue
            entries.append(entry)
            judge.add(entry)
            amended = amended or entry.name in AMENDING
        if refusals:
            raise Refused(refusals)
        return entries

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return instant_of(self.clock(), "clock")

    def recorded_at(self, now: datetime, head: int) -> datetime:
        """Return the time of recording of what is appended now: not before that of what is there.

        Inside of a transaction that is certain. Elsewhere others may append after ``head`` meanwhile.
        """
        if self.log.is_inside:
            head = self.log.storage.head()
        last = self.kept.recorded_at(head) or self.log.recorded_at(head)
        return now if last is None else max(now, last)

    def entry(self, judge: Judge, draft: Draft, position: int, now: datetime, recorded_at: datetime) -> Entry:
        """Return the entry of a draft.

        Args:
            judge: has read what judging it takes.
            draft: what to record.
            position: which it gets if nobody else appends.
            now: when it happened, where the draft does not say so.
            recorded_at: its time of recording.
        """
        at, day = draft.occurred_at, draft.day
        fact = draft.fact
        if isinstance(fact, EntryRetracted | EntryCorrected) and (at is None or day is not None):
            target = judge.memory.target(fact.target)
            # The day of its target began when it did there, in whatever zone days are read since.
            if target is not None and (at is None or day == target.day):
                at, day = target.occurred_at, target.day
        tags = judge.tags(fact, draft.id)
        if draft.command_id is not None:
            tags = (*tags, command_tag(draft.command_id))
        if draft.row_key is not None:
            tags = (*tags, row_tag(draft.row_key))
        return Entry(
            id=draft.id,
            position=position,
            recorded_at=recorded_at,
            occurred_at=now if at is None else at,
            day=day,
            by=draft.by,
            on_behalf_of=draft.on_behalf_of,
            command_id=draft.command_id,
            source=draft.source,
            schema=fact.__fact__.version,  # type: ignore[attr-defined]  # every fact has it
            fact=fact,
            tags=tags,
            origin=position,
            about=judge.about(fact) if judge.seals else None,
        )

    def append(
        self, judge: Judge, entries: Sequence[Entry], head: int, command_id: str | None = None
    ) -> Receipt:
        """Append judged entries, on condition that their parts hold nothing new since ``head``.

        Raises:
            Conflict: they do.
        """
        if self.log.is_inside and self.log.storage.head() == head:
            positions = self.log.append_events(self.events(entries), (), head)  # nothing can have come
        else:
            sources = judge.sources(entries)
            if command_id is not None:
                sources.add(Source(command_tag(command_id)))
            try:
                positions = self.log.append(entries, sources, head)
            except Erased as error:
                raise Conflict(str(error)) from error
        receipt = Receipt(entries=_placed(entries, positions))
        self.kept.appended(receipt.entries[-1])
        return receipt

    def events(self, entries: Sequence[Entry]) -> list[DCBEvent]:
        """Return the events of entries to append.

        Raises:
            Conflict: somebody was erased meanwhile whom an entry is about.
        """
        try:
            return self.log.events(entries)
        except Erased as error:
            raise Conflict(str(error)) from error

    def _recorded_before(self, drafts: Sequence[Draft], command_id: str | None) -> tuple[Receipt | None, int]:
        """Return the receipt of this command if it was recorded before, and the log's head.

        Without a command id, entries are looked up by their own ids: after a conflict these show
        whether the append succeeded although its reply was lost.

        Raises:
            InvalidInput: the command id was used for other facts.
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
        recorded = tuple(entries[position] for position in sorted(entries))
        codec = self.log.codec
        same = len(recorded) == len(drafts) and all(
            codec.is_same(entry.fact, draft.fact) for entry, draft in zip(recorded, drafts, strict=True)
        )
        if command_id is not None and not same:
            raise InvalidInput(
                f"command {command_id} was recorded before, of other facts; "
                "give each command an id of its own",
                field="command_id",
            )
        opened = tuple([codec.opened_entry(entry) for entry in recorded])
        return Receipt(entries=opened, repeated=command_id is not None), head


def _owners(draft: Draft, registry: Registry, now: datetime) -> Iterator[Owner]:
    """Yield whose keys a draft takes, as far as its fact says."""
    about = member_of(draft.fact)
    if draft.row_key is not None:
        yield Owner(about, ROWS, "")
    said = stated(draft.fact)
    described = registry.of(said)
    if next(personal_texts(said, described), None) is not None:
        yield owner_of(about, described.kind.name, draft.occurred_at or now)


def _placed(entries: Sequence[Entry], positions: Sequence[int]) -> tuple[Entry, ...]:
    """Return entries with the positions that they got."""
    return tuple(
        entry if entry.position == position else replace(entry, position=position, origin=position)
        for entry, position in zip(entries, positions, strict=True)
    )


def _add_coming(found: dict[Source, list[Entry]], coming: Sequence[Entry]) -> None:
    """Add to the entries that were read those of their sources that will be appended."""
    by_tag: dict[str, list[Entry]] = {}
    for entry in coming:
        for tag in entry.tags:
            by_tag.setdefault(tag, []).append(entry)
    for source, entries in found.items():
        entries += [entry for entry in by_tag.get(source.tag, ()) if source.holds(entry)]
