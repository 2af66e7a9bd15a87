"""The core of a ledger: recording and reading, which reviews, proofs and backtests build on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import date, datetime, tzinfo
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from attrs import evolve, frozen

from reps_ledger.audit import Tree, TreeCache
from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry, command_tag, derived_id, time_ordered_id
from reps_ledger.domain.facts import (
    EntryCorrected,
    EntryRetracted,
    EntryVoided,
    ExemptionGranted,
    Fact,
    LedgerDeclared,
    stated,
)
from reps_ledger.domain.rules import Rulebook, Source
from reps_ledger.domain.rules.voids import StoredRow
from reps_ledger.domain.time import day_start, instant_of
from reps_ledger.domain.validation import MAX_BATCH
from reps_ledger.errors import (
    Closed,
    InvalidInput,
    MissingExtra,
    NotFound,
    ReadOnly,
    Refusal,
    Refused,
    TooLarge,
)
from reps_ledger.files import TREE_SUFFIX
from reps_ledger.ledger.everybody import KeptAnswers
from reps_ledger.ledger.zones import LedgerZone
from reps_ledger.log import OPENED_TO_READ, EventLog, Reading, Receipt, Recording
from reps_ledger.log.append import RETRIES, Draft, KeptJudge, NotEmpty, make_draft
from reps_ledger.policies.language.widths import TICK
from reps_ledger.views import View, as_instant, known_position

if TYPE_CHECKING:
    from reps_ledger.replay.columns import Columns


class Subscription(Iterator[Entry]):
    """Entries as they are recorded; waits for the next. Use it as a context manager."""

    @checked
    def __init__(self, log: EventLog, after: int) -> None:
        self._log = log
        self._inner = log.follow(after=after)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._inner.__exit__(*exception)

    def __next__(self) -> Entry:
        while (entry := self._log.entry(next(self._inner))) is None:
            pass
        return entry

    def stop(self) -> None:
        """End the iteration, from any thread."""
        self._inner.stop()


class Trees:
    """Merkle trees of one log, by the place where their inner hashes are kept.

    Args:
        log: the log. The default place is beside its file, with ``.tree`` added to its name; for a
            log that is not in a file, memory.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._guard = threading.Lock()
        self._made: dict[Path | None, Tree] = {}
        self._read_only = log.read_only

    def at(self, state: str | os.PathLike[str] | None) -> Tree:
        """Return the tree that is kept at a place; None for the default."""
        place = self._default() if state is None else Path(os.path.abspath(state))  # noqa: PTH100 — links stay
        with self._guard:
            if place not in self._made:
                own = self._read_only and state is None
                self._made[place] = Tree(self._log, TreeCache(place, read_only=own))
            return self._made[place]

    def _default(self) -> Path | None:
        path = self._log.path
        return None if path is None else path.with_name(path.name + TREE_SUFFIX)

    def close(self) -> None:
        """Close the files of their inner hashes."""
        with self._guard:
            for tree in self._made.values():
                tree.cache.close()
            self._made.clear()


ABOUT_ZONES: Final = (LedgerDeclared, EntryCorrected, EntryRetracted, EntryVoided)
"""Facts after which days may be read in another zone."""

Moment = int | Receipt | datetime | None
"""What was known: up to a position, a receipt or an instant of recording; None for everything."""

Dated = tuple[Fact, date | None]
"""A fact, and its ``occurred_at`` as the caller gave it."""


@frozen(kw_only=True)
class Attribution:
    """Who records something, for whom, by which command and from which source.

    Attributes:
        by: who records it.
        on_behalf_of: the person for whom ``by`` acts.
        command_id: makes recording idempotent: recorded again, it returns the first receipt.
        source: where the facts came from.
    """

    by: str
    on_behalf_of: str | None = None
    command_id: str | None = None
    source: str | None = None


class Core:
    """One open log with its rules, zone and clock: records in it and reads from it.

    Args:
        recording: judges and appends.
        zone: in which dates, days, months and years are read; one that is no `LedgerZone` never changes.
        close: closes the log, if it was opened for this ledger.
        rules: makes the rules for a zone, which may read dates; None for those of the recording.
    """

    def __init__(
        self,
        recording: Recording,
        zone: LedgerZone | tzinfo,
        close: Callable[[], None],
        rules: Callable[[tzinfo], Rulebook] | None = None,
    ) -> None:
        if not isinstance(zone, LedgerZone):
            zone = LedgerZone(recording.log, zone, recording.now, declares=False, follows=False)
        self._recording = recording
        self._recording_in: tzinfo | None = None
        self._rules = rules
        self.own_zone = zone
        self._trees = Trees(recording.log)
        self._answers = KeptAnswers(self.columns)
        self._close = close
        self._closing: list[Callable[[], None]] = []
        self._closed = False

    def close(self) -> None:
        """Close the log, and what was opened beside it; further calls raise errors."""
        if not self._closed:
            self._closed = True
            for close in self._closing:
                close()
            self._answers.forget()
            self._trees.close()
            self._close()

    def closes(self, close: Callable[[], None]) -> None:
        """Call a function when the ledger is closed."""
        self._closing.append(close)

    def must_be_open(self) -> None:
        """Raise an error if the ledger was closed.

        Raises:
            Closed: it was.
        """
        if self._closed:
            raise Closed("this ledger was closed; open it again")

    @property
    def read_only(self) -> bool:
        """Whether nothing is written: neither in the log nor beside it."""
        return self._recording.log.read_only

    def must_be_writable(self) -> None:
        """Raise an error if nothing can be recorded.

        Raises:
            Closed: the ledger was closed.
            ReadOnly: it was opened to be read.
        """
        self.must_be_open()
        if self.read_only:
            raise ReadOnly(f"this ledger {OPENED_TO_READ}")

    @property
    def zone(self) -> tzinfo:
        """The time zone in which dates, months and years are read now."""
        return self.own_zone.now

    @property
    def ledger(self) -> str | None:
        """The identifier that the ledger declares; None where it declares none."""
        return self.own_zone.ledger

    @property
    def is_new(self) -> bool:
        """Whether the ledger must declare itself before its first entry."""
        return self.own_zone.is_new

    @property
    def seals(self) -> bool:
        """Whether the ledger declares that it seals personal texts, or will with its first entry."""
        zone = self.own_zone
        return zone.seals or (zone.keyring is not None and zone.keyring.seals)

    def refreshed(self) -> tuple[tzinfo, frozenset[str]]:
        """Return the zone by all that is recorded, and the ids of the entries that make it so."""
        self.own_zone.refresh(self.log.head())
        return self.zone, self.own_zone.about

    def adopt(self, declared: LedgerDeclared) -> None:
        """Be what the first row of an import declares, as this ledger is new.

        Raises:
            OtherZone: the ledger was opened with another zone.
        """
        self.own_zone.adopt(declared)

    def must_fit(self, declared: LedgerDeclared) -> None:
        """Raise an error if this ledger was opened for another time zone than a history declares.

        Raises:
            OtherZone: it was.
        """
        self.own_zone.must_fit(declared)

    def begin(self, by: str) -> Entry | None:
        """Record the declaration of a new ledger; None where others did meanwhile."""
        declared = self.own_zone.declaration()
        if declared is None:
            return None
        draft = self._draft(declared, None, 0, Attribution(by=by))
        try:
            (entry,) = self.recording.begin(draft, [])
        except NotEmpty:
            self.own_zone.declaration()  # takes up what others declared
            return None
        self.own_zone.refresh(entry.position)
        return entry

    @property
    def recording(self) -> Recording:
        """What judges and appends, by the rules as they are in the ledger's zone."""
        if self._rules is None:
            return self._recording
        zone = self.zone
        if zone != self._recording_in:
            self._recording = self.recording_in(zone)
            self._recording_in = zone
        return self._recording

    def recording_in(self, zone: tzinfo) -> Recording:
        """Return what judges by the rules as they are in a zone, and knows nothing yet."""
        rules = self._recording.rules if self._rules is None else self._rules(zone)
        return evolve(self._recording, rules=rules, kept=KeptJudge())

    @property
    def log(self) -> EventLog:
        """The log.

        Raises:
            Closed: the ledger was closed.
        """
        self.must_be_open()
        return self._recording.log

    def tree(self, state: str | os.PathLike[str] | None) -> Tree:
        """Return the Merkle tree whose inner hashes are kept at a place; None for the default."""
        self.must_be_open()
        return self._trees.at(state)

    def record(self, pairs: Iterable[Dated], attribution: Attribution) -> Receipt:
        """Record facts in one atomic batch, each judged after those before it.

        Raises:
            Refused: any of them is refused, and none was recorded.
            InvalidInput: a value cannot be accepted, or there is no fact.
            TooLarge: there are more than ``MAX_BATCH``.
            Conflict: others kept recording what these depend on.
        """
        self.must_be_writable()
        facts = list(pairs)
        if not facts:
            raise InvalidInput("there is no fact to record", field="facts")
        if len(facts) > MAX_BATCH:
            raise TooLarge(f"{len(facts)} facts; record at most {MAX_BATCH} at once", field="facts")
        self._must_have_keys(facts)
        receipt: Receipt | None = None
        attempts = count()
        while receipt is None:
            try:
                receipt = self._record(facts, attribution, next(attempts))
            except Refused as refused:
                if not self._began_to_seal(refused):
                    raise
        if any(isinstance(fact, ABOUT_ZONES) for fact, _ in facts):
            self.own_zone.refresh(self.log.head())
        return receipt

    def _must_have_keys(self, facts: Iterable[Dated]) -> None:
        """Refuse to declare that a ledger seals which was opened without keys.

        Raises:
            Refused: it was.
        """
        for index, (fact, _) in enumerate(facts):
            if isinstance(fact, LedgerDeclared) and fact.seals and self.own_zone.keyring is None:
                words = (
                    "a ledger seals by its keys, and this one was opened without: name them (keys=…, --keys)"
                )
                raise Refused([Refusal(code="no_keys", words=words, index=index)])

    def _began_to_seal(self, refused: Refused) -> bool:
        """Whether others had the ledger begin to seal meanwhile: what was refused may be sealed now."""
        keyring = self.own_zone.keyring
        if keyring is None or keyring.seals or "unsealed" not in refused.codes:
            return False
        self.own_zone.refresh(self.log.head())
        return keyring.seals

    def _record(self, facts: list[Dated], attribution: Attribution, attempt: int) -> Receipt | None:
        """Record facts; None where others began the log, so that dates may mean other instants.

        Args:
            facts: what is recorded.
            attribution: by whom.
            attempt: how often that was tried before.
        """
        voids = all(isinstance(fact, EntryVoided) for fact, _ in facts)
        if not voids:
            self.own_zone.must_be_readable()
        first = self._first(facts, attribution)
        drafts = [self._draft(fact, at, index, attribution) for index, (fact, at) in enumerate(facts)]
        if first is None:
            recording = self.recording.voiding() if voids else self.recording
            return recording.record(drafts, attribution.command_id)
        try:
            _, *entries = self.recording.begin(first, drafts)
        except NotEmpty as error:
            if attempt >= RETRIES and not self.log.head():  # nobody began it: it is something else
                raise error.__context__ or error from None
            self.recording.wait(attempt)
            return None
        self.own_zone.refresh(entries[-1].position)
        return Receipt(entries=tuple(entries))

    def _first(self, facts: list[Dated], attribution: Attribution) -> Draft | None:
        """Return the declaration with which a new log begins, unless these facts declare it."""
        if not self.own_zone.is_new or any(isinstance(fact, LedgerDeclared) for fact, _ in facts):
            return None
        declared = self.own_zone.declaration()
        return None if declared is None else self._draft(declared, None, 0, Attribution(by=attribution.by))

    def record_waived(
        self, fact: Fact, occurred_at: date | None, reason: str, attribution: Attribution
    ) -> Receipt:
        """Record a fact; if clauses of the charter refuse it, with an exemption from each of them.

        An exemption lasts only for the instant of the fact.

        Raises:
            Refused: something else than a clause of the charter refuses it.
        """
        command_id = attribution.command_id
        before = [] if command_id is None else self.found(Source(command_tag(command_id)))
        if len(before) > 1:  # this command was waived before
            exempted = [(entry.fact, entry.occurred_at) for entry in before[:-1]]
            return self.record([*exempted, (fact, None)], attribution)
        # Resolved here, so that the fact and its exemptions happen at the same instant. (Of a
        # correction without a date it is that of its target.)
        correction = isinstance(fact, EntryCorrected | EntryRetracted)
        when = occurred_at if occurred_at or correction else self.now()
        try:
            return self.record([(fact, when)], attribution)
        except Refused as refused:
            clauses = {refusal.clause for refusal in refused.refusals}
            if None in clauses:
                raise
        at = self._when(fact, when)
        member: str = stated(fact).member  # type: ignore[attr-defined]  # charters judge what has one
        exemptions = [
            ExemptionGranted(member=member, policy=clause, reason=reason, expires=at + TICK)
            for clause in sorted(clause for clause in clauses if clause is not None)
        ]
        return self.record([*((each, at) for each in exemptions), (fact, when)], attribution)

    def forget(self) -> None:
        """Forget what is remembered of the log; a text of somebody who was erased may be among it."""
        self._recording.kept.forget()
        if self._recording.inside is not None:
            self._recording.inside.kept.forget()
        self._answers.forget()

    def as_of(self, valid_at: date | None = None, known_at: Moment = None) -> View:
        """Return what was true at an instant (None for now), as known at a position."""
        reading = self.reading(known_at)
        zone = self.own_zone.known(reading.known_at)
        at = self.now() if valid_at is None else as_instant(valid_at, zone)
        return View(reading, at, zone, lambda: self._answers.of(reading, zone))

    def now(self) -> datetime:
        """Return the current time, in UTC."""
        return self._recording.now()

    def reading(self, known_at: Moment = None) -> Reading:
        """Return the log as known at a position."""
        now = Reading(log=self.log, known_at=self.log.head())
        return evolve(now, known_at=known_position(known_at, now))

    def columns(
        self,
        at: Moment = None,
        folder: str | os.PathLike[str] | None = None,
        *,
        people: Collection[str] | None = None,
    ) -> Columns:
        """Return all that stands as arrays, brought up to date from where they are kept.

        Args:
            at: what is known.
            folder: where they are kept; None for beside the ledger's file.
            people: only all that names one of some people, which is read and not kept; None for everything.

        Raises:
            MissingExtra: the extra ``replay`` is not installed.
            PathTaken: the folder that was named holds something else than columns.
        """
        try:
            from reps_ledger.replay.columns import build, claim_columns, folder_of, load_or_build  # noqa: PLC0415 — an extra
        except ImportError as error:
            raise MissingExtra("replay", "columns of a ledger") from error
        reading = self.reading(at)
        if people is not None:
            return build(reading, people)
        if folder is not None:
            claim_columns(folder)
            return load_or_build(reading, folder)
        return load_or_build(reading, folder_of(reading.log), keep=not self.read_only)

    def column_differences(self) -> list[str]:
        """Return where the columns beside the ledger's file differ from what follows from the log, in words.

        Raises:
            MissingExtra: the extra ``replay`` is not installed.
        """
        try:
            from reps_ledger.replay.columns import check_columns, folder_of  # noqa: PLC0415 — an extra
        except ImportError as error:
            raise MissingExtra("replay", "columns of a ledger") from error
        folder = folder_of(self.log)
        return [] if folder is None else check_columns(self.reading(), folder)

    def entry(self, entry_id: str) -> Entry:
        """Return an entry as it was recorded, its sealed texts opened.

        Raises:
            NotFound: there is none of that id.
        """
        found = self.reading().entry(entry_id)
        if found is None:
            raise NotFound(f"there is no entry {entry_id}")
        return self.log.codec.opened_entry(found)

    def row(self, position: int) -> StoredRow:
        """Return what is stored at a position.

        Raises:
            NotFound: nothing is.
        """
        found = self.log.row(position)
        if found is None:
            raise NotFound(f"nothing is stored at position {position}")
        return found

    def found(self, source: Source) -> list[Entry]:
        """Return the entries under one tag, as they were recorded."""
        entries, _ = self.log.read_sources([source])
        return entries[source]

    def instant(self, occurred_at: date | None) -> datetime:
        """Resolve a caller's ``occurred_at``: a date means its start, None means now."""
        if occurred_at is None:
            return self.now()
        if isinstance(occurred_at, datetime):
            return instant_of(occurred_at, "occurred_at")
        return day_start(occurred_at, self.zone)

    def _when(self, fact: Fact, occurred_at: date | None) -> datetime:
        """Resolve a fact's ``occurred_at``; a correction without one has its target's instant."""
        if occurred_at is None and isinstance(fact, EntryCorrected | EntryRetracted):
            return self.entry(fact.target).occurred_at
        return self.instant(occurred_at)

    def _draft(self, fact: Fact, occurred_at: date | None, index: int, attribution: Attribution) -> Draft:
        command_id = attribution.command_id
        entry_id = time_ordered_id(self.now()) if command_id is None else derived_id(command_id, index)
        return make_draft(
            fact,
            occurred_at=occurred_at,
            by=attribution.by,
            entry_id=entry_id,
            codec=self.log.codec,
            zone=self.zone,
            on_behalf_of=attribution.on_behalf_of,
            command_id=command_id,
            source=attribution.source,
        )
