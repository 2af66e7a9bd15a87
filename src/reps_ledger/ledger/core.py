"""The core of a ledger: recording and reading, which reviews, proofs and backtests build on."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Self

from attrs import evolve, frozen

from reps_ledger.audit import Tree, TreeCache
from reps_ledger.domain.entries import Entry, command_tag, derived_id, time_ordered_id
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, ExemptionGranted, Fact
from reps_ledger.domain.rules import Source
from reps_ledger.domain.time import day_start, instant_of
from reps_ledger.domain.validation import MAX_BATCH
from reps_ledger.errors import Closed, InvalidInput, NotFound, Refused, TooLarge
from reps_ledger.log import EventLog, Reading, Receipt, Recording
from reps_ledger.log.append import Draft, make_draft
from reps_ledger.policies.language.widths import TICK
from reps_ledger.views import View, as_instant, known_position


class Subscription(Iterator[Entry]):
    """Entries as they are recorded; waits for the next. Use it as a context manager."""

    def __init__(self, log: EventLog, after: int) -> None:
        self._log = log
        self._inner = log.follow(after=after)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._inner.__exit__(*exception)

    def __next__(self) -> Entry:
        return self._log.entry(next(self._inner))

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

    def at(self, state: str | os.PathLike[str] | None) -> Tree:
        """Return the tree that is kept at a place; None for the default."""
        place = self._default() if state is None else Path(os.path.abspath(state))  # noqa: PTH100 — links stay
        with self._guard:
            if place not in self._made:
                self._made[place] = Tree(self._log, TreeCache(place))
            return self._made[place]

    def _default(self) -> Path | None:
        path = self._log.path
        return None if path is None else path.with_name(path.name + ".tree")

    def close(self) -> None:
        """Close the files of their inner hashes."""
        with self._guard:
            for tree in self._made.values():
                tree.cache.close()
            self._made.clear()


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
        zone: in which dates, days, months and years are read.
        close: closes the log, if it was opened for this ledger.
    """

    def __init__(self, recording: Recording, zone: tzinfo, close: Callable[[], None]) -> None:
        self.recording = recording
        self.zone = zone
        self._trees = Trees(recording.log)
        self._close = close
        self._closed = False

    def close(self) -> None:
        """Close the log and its trees; further calls raise errors."""
        if not self._closed:
            self._closed = True
            self._trees.close()
            self._close()

    def must_be_open(self) -> None:
        """Raise an error if the ledger was closed.

        Raises:
            Closed: it was.
        """
        if self._closed:
            raise Closed("this ledger was closed; open it again")

    @property
    def log(self) -> EventLog:
        """The log.

        Raises:
            Closed: the ledger was closed.
        """
        self.must_be_open()
        return self.recording.log

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
        self.must_be_open()
        facts = list(pairs)
        if not facts:
            raise InvalidInput("there is no fact to record", field="facts")
        if len(facts) > MAX_BATCH:
            raise TooLarge(f"{len(facts)} facts; record at most {MAX_BATCH} at once", field="facts")
        drafts = [self._draft(fact, at, index, attribution) for index, (fact, at) in enumerate(facts)]
        return self.recording.record(drafts, attribution.command_id)

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
        when = occurred_at if occurred_at or correction else self.recording.now()
        try:
            return self.record([(fact, when)], attribution)
        except Refused as refused:
            clauses = {refusal.clause for refusal in refused.refusals}
            if None in clauses:
                raise
        at = self._when(fact, when)
        about = fact.replacement if isinstance(fact, EntryCorrected) else fact
        member: str = about.member  # type: ignore[attr-defined]  # charters judge what has one
        exemptions = [
            ExemptionGranted(member=member, policy=clause, reason=reason, expires=at + TICK)
            for clause in sorted(clause for clause in clauses if clause is not None)
        ]
        return self.record([*((each, at) for each in exemptions), (fact, when)], attribution)

    def as_of(self, valid_at: date | None = None, known_at: Moment = None) -> View:
        """Return what was true at an instant (None for now), as known at a position."""
        at = self.recording.now() if valid_at is None else as_instant(valid_at, self.zone)
        return View(self.reading(known_at), at, self.zone)

    def reading(self, known_at: Moment = None) -> Reading:
        """Return the log as known at a position."""
        now = Reading(log=self.log, known_at=self.log.head())
        return evolve(now, known_at=known_position(known_at, now))

    def entry(self, entry_id: str) -> Entry:
        """Return an entry as it was recorded.

        Raises:
            NotFound: there is none of that id.
        """
        found = self.reading().entry(entry_id)
        if found is None:
            raise NotFound(f"there is no entry {entry_id}")
        return found

    def found(self, source: Source) -> list[Entry]:
        """Return the entries under one tag, as they were recorded."""
        entries, _ = self.log.read_sources([source])
        return entries[source]

    def instant(self, occurred_at: date | None) -> datetime:
        """Resolve a caller's ``occurred_at``: a date means its start, None means now."""
        if occurred_at is None:
            return self.recording.now()
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
        if command_id is None:
            entry_id = time_ordered_id(self.recording.now())
        else:
            entry_id = derived_id(command_id, index)
        return make_draft(
            fact,
            occurred_at=occurred_at,
            by=attribution.by,
            entry_id=entry_id,
            codec=self.recording.log.codec,
            zone=self.zone,
            on_behalf_of=attribution.on_behalf_of,
            command_id=command_id,
            source=attribution.source,
        )
