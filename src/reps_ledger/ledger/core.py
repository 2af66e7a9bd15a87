"""The core of a ledger: record, read as of, correct, follow, exchange.

Subscriptions: entries as they are recorded.

The trees of one ledger: where what is kept of them lies.

Waivers: a clause of the charter lifted for one fact, with a reason, on record.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import IO, Any, Self

from attrs import evolve

from reps_ledger.audit import Tree, TreeCache
from reps_ledger.domain.entries import Entry, command_tag, derived_id, time_ordered_id
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, ExemptionGranted, Fact
from reps_ledger.domain.rules import Source
from reps_ledger.domain.time import day_start, instant_of
from reps_ledger.domain.validation import MAX_BATCH
from reps_ledger.errors import Closed, InvalidInput, NotFound, Refused, TooLarge
from reps_ledger.importers import ImportReport, export_history, import_history
from reps_ledger.log import EventLog, Reading, Receipt, Recording
from reps_ledger.log.append import Draft, make_draft
from reps_ledger.policies.language.widths import TICK
from reps_ledger.projections import Discrepancy, reconcile
from reps_ledger.views import History, View, as_instant, known_position

__all__ = ["LedgerCore", "Subscription", "Trees", "waived"]


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
    """The trees of one log, by where their inner hashes are kept.

    Args:
        log: whose. The default place is beside its file, with ``.tree`` added to its name; a
            log that is no file has its place in memory.
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
        path = getattr(self._log.recorder, "path", None)
        return path.with_name(path.name + ".tree") if isinstance(path, Path) else None

    def close(self) -> None:
        """Give back what they hold."""
        with self._guard:
            for tree in self._made.values():
                tree.cache.close()
            self._made.clear()


_Pairs = Iterable[tuple[Fact, date | None]]


def waived(
    record: Callable[[_Pairs], Receipt],
    fact: Fact,
    occurred_at: date | None,
    reason: str,
    instant: Callable[[Fact, date | None], datetime],
) -> Receipt:
    """Record a fact; where the charter refuses it, with exemptions from the clauses that do.

    An exemption lasts for the instant of the fact and no longer. Nothing is waived that need
    not be.

    Args:
        record: records facts in one batch.
        fact: what happened.
        occurred_at: when, as it was given.
        reason: why the charter is waived.
        instant: says when a fact happens that is given so.

    Raises:
        Refused: something refuses it that cannot be waived.
    """
    # Now is one instant, for both; a correction without a date happens when its target did.
    correction = isinstance(fact, EntryCorrected | EntryRetracted)
    when = occurred_at if occurred_at or correction else instant(fact, None)
    try:
        return record([(fact, when)])
    except Refused as refused:
        clauses = {refusal.clause for refusal in refused.refusals}
        if None in clauses:
            raise
    at = instant(fact, when)
    about: Any = fact.replacement if isinstance(fact, EntryCorrected) else fact
    exemptions = [
        ExemptionGranted(member=about.member, policy=clause, reason=reason, expires=at + TICK)
        for clause in sorted(clause for clause in clauses if clause is not None)
    ]
    return record([*((each, at) for each in exemptions), (fact, when)])


Moment = int | Receipt | datetime | None


class LedgerCore:
    """What a ledger is without charters and reviews: see `Ledger`."""

    def __init__(self, recording: Recording, zone: tzinfo, close: Callable[[], None]) -> None:
        self._recording = recording
        self._log = recording.log
        self._trees = Trees(recording.log)
        self._zone = zone
        self._close = close
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the log, if this ledger opened it."""
        if not self._closed:
            self._closed = True
            self._trees.close()
            self._close()

    def record(
        self,
        fact: Fact,
        *,
        by: str,
        occurred_at: date | None = None,
        on_behalf_of: str | None = None,
        command_id: str | None = None,
        source: str | None = None,
        waiver: str | None = None,
    ) -> Receipt:
        """Record one fact.

        Args:
            fact: what happened.
            by: who records it.
            occurred_at: when it happened: an aware datetime, a date for the start of that
                day, or None for now (for a correction: when its target happened).
            on_behalf_of: for whom ``by`` acts.
            command_id: makes this idempotent: recorded again, it returns the first receipt.
            source: where the fact came from.
            waiver: why the charter's clauses, should they refuse the fact, are to be waived
                for it; recorded with it, as ``exemption.granted``. It lifts no rule, no
                limit of seats, and no authority.

        Raises:
            Refused: rules say no; it carries every refusal.
            InvalidInput: a value cannot be accepted.
            Conflict: others kept recording what this depends on.
        """

        def record(facts: Iterable[tuple[Fact, date | None]]) -> Receipt:
            return self.record_all(
                facts, by=by, on_behalf_of=on_behalf_of, command_id=command_id, source=source
            )

        if waiver is None:
            return record([(fact, occurred_at)])
        before = [] if command_id is None else self.found(Source(command_tag(command_id)))
        if len(before) > 1:  # this command was waived before
            return record(
                [*((entry.fact, entry.occurred_at) for entry in before[:-1]), (fact, None)]
            )
        return waived(record, fact, occurred_at, waiver, self._when)

    def record_all(
        self,
        facts: Iterable[Fact | tuple[Fact, date | None]],
        *,
        by: str,
        occurred_at: date | None = None,
        on_behalf_of: str | None = None,
        command_id: str | None = None,
        source: str | None = None,
    ) -> Receipt:
        """Record facts in one atomic batch, each judged after those before it.

        Args:
            facts: facts, or pairs of a fact and its own ``occurred_at``.
            by: who records them.
            occurred_at: when those without their own happened.
            on_behalf_of: for whom ``by`` acts.
            command_id: makes the batch idempotent.
            source: where the facts came from.

        Raises:
            Refused: any of them is refused, and none was recorded.
            InvalidInput: a value cannot be accepted, or there is no fact.
            TooLarge: there are more than ``MAX_BATCH``.
            Conflict: others kept recording what these depend on.
        """
        self._must_be_open()
        pairs = [pair if isinstance(pair, tuple) else (pair, occurred_at) for pair in facts]
        if not pairs:
            raise InvalidInput("there is no fact to record", field="facts")
        if len(pairs) > MAX_BATCH:
            raise TooLarge(f"{len(pairs)} facts; record at most {MAX_BATCH} at once", field="facts")
        drafts = [
            self._draft(fact, at, index, by, on_behalf_of, command_id, source)
            for index, (fact, at) in enumerate(pairs)
        ]
        return self._recording.record(drafts, command_id)

    def as_of(self, valid_at: date | None = None, known_at: Moment = None) -> View:
        """Return what was true at an instant, as known at a position.

        Args:
            valid_at: an aware datetime, or a date for the end of that day; None for now.
            known_at: a position, a receipt, or a datetime (turned into the last position
                recorded by then); None for everything.
        """
        self._must_be_open()
        at = self._recording.now() if valid_at is None else as_instant(valid_at, self._zone)
        now = Reading(log=self._log, known_at=self._log.head())
        return View(evolve(now, known_at=known_position(known_at, now)), at, self._zone)

    def history(self, member: str | None = None, *, community: str | None = None) -> History:
        """Return the history of a member, a community or everyone, as known now."""
        return self.as_of().history(member, community=community)

    def entries(self, *, after: int = 0) -> Iterator[Entry]:
        """Yield entries as they were recorded, in order of position, corrections among them."""
        self._must_be_open()
        return self._log.read(after=after)

    def entry(self, entry_id: str) -> Entry:
        """Return an entry as it was recorded.

        Raises:
            NotFound: there is none of that id.
        """
        self._must_be_open()
        found = Reading(log=self._log, known_at=self._log.head()).entry(entry_id)
        if found is None:
            raise NotFound(f"there is no entry {entry_id}")
        return found

    @property
    def position(self) -> int:
        """The last position, or 0."""
        self._must_be_open()
        return self._log.head()

    def reconcile(
        self, *, at: date | None = None, complete_rosters: bool = False
    ) -> tuple[Discrepancy, ...]:
        """List what does not add up: failed assertions, orphans, leave past its return.

        Args:
            at: up to when; None for now.
            complete_rosters: take the assertions of one day for a complete roster of the
                roles that they name, and list who holds one without being on it.
        """
        view = self.as_of(at)
        found = reconcile(
            view.history,
            self._log.codec.registry,
            self._recording.rules,
            view.valid_at,
            readings=view.reading.amendments().readings,
            zone=self._zone,
            complete_rosters=complete_rosters,
        )
        return tuple(found)

    def subscribe(self, *, after: int | Receipt | None = None) -> Subscription:
        """Follow the log: every entry after a position, then each new one as it is recorded.

        Args:
            after: a position or a receipt; None for from now on.
        """
        self._must_be_open()
        if after is None:
            after = self._log.head()
        elif isinstance(after, Receipt):
            after = after.position
        return Subscription(self._log, after)

    def export(self, target: str | os.PathLike[str] | IO[bytes], *, known_at: Moment = None) -> int:
        """Write every entry as known at a position in the exchange format; return how many.

        Args:
            target: a path (``.csv`` for CSV, ``.gz`` for gzip, else one JSON object a line),
                which is replaced only once all is written; or a binary file for JSON lines.
            known_at: as for `as_of`.
        """
        self._must_be_open()
        now = Reading(log=self._log, known_at=self._log.head())
        reading = evolve(now, known_at=known_position(known_at, now))
        return export_history(reading, target)

    def import_history(
        self,
        source: str | os.PathLike[str] | Iterable[Any],
        *,
        by: str = "import",
        on_refused: str = "quarantine",
        on_unknown_member: str = "refuse",
        on_progress: Callable[[int, int], None] | None = None,
    ) -> ImportReport:
        """Import rows of the exchange format. Run again, it records nothing twice.

        Args:
            source: a path (JSON lines or ``.csv``, plain or gzip), or rows as dicts.
            by: who recorded the rows that do not say it.
            on_refused: "quarantine" lists refused rows in the report; "stop" raises at the
                first, and leaves nothing behind (it holds all rows in memory until then).
            on_unknown_member: "refuse" rows that name people who have not joined, or "join":
                they joined at first sight, marked as inferred.
            on_progress: called now and then with the rows and the bytes read so far.

        Raises:
            ImportStopped: on_refused is "stop" and a row was refused.
            InvalidInput: an option is none of those, or the file cannot be read at all.
            Conflict: others kept recording what the rows depend on; import again to go on.
        """
        self._must_be_open()
        return import_history(
            self._recording,
            self._zone,
            source,
            by=by,
            on_refused=on_refused,
            on_unknown_member=on_unknown_member,
            on_progress=on_progress,
        )

    def instant(self, occurred_at: date | None) -> datetime:
        """Return when something happens: a date, at its start; None, now."""
        if occurred_at is None:
            return self._recording.now()
        if isinstance(occurred_at, datetime):
            return instant_of(occurred_at, "occurred_at")
        return day_start(occurred_at, self._zone)

    def _when(self, fact: Fact, occurred_at: date | None) -> datetime:
        """Return when a fact happens: a correction without a date, when its target did."""
        if occurred_at is None and isinstance(fact, EntryCorrected | EntryRetracted):
            return self.entry(fact.target).occurred_at
        return self.instant(occurred_at)

    def found(self, source: Source) -> list[Entry]:
        """Return the entries under one tag, as they were recorded."""
        self._must_be_open()
        entries, _ = self._log.read_sources([source])
        return entries[source]

    @property
    def zone(self) -> tzinfo:
        """The time zone in which dates, months and years are read."""
        return self._zone

    def _draft(  # noqa: PLR0917 — as record_all was given them
        self,
        fact: Fact,
        occurred_at: date | None,
        index: int,
        by: str,
        on_behalf_of: str | None,
        command_id: str | None,
        source: str | None,
    ) -> Draft:
        if command_id is None:
            entry_id = time_ordered_id(self._recording.now())
        else:
            entry_id = derived_id(command_id, index)
        return make_draft(
            fact,
            occurred_at=occurred_at,
            by=by,
            entry_id=entry_id,
            codec=self._log.codec,
            zone=self._zone,
            on_behalf_of=on_behalf_of,
            command_id=command_id,
            source=source,
        )

    def _must_be_open(self) -> None:
        if self._closed:
            raise Closed("this ledger was closed; open it again")
