"""One import under way: parse a batch of rows, judge it, write it while the next is parsed.

The world that rows are judged in is kept from batch to batch. It stays true as long as nobody
else records what the rows depend on: each append is on that condition, and when it fails, the
world is read anew and the rows are judged again.
"""

from __future__ import annotations

from concurrent.futures import Executor, Future
from datetime import tzinfo
from typing import Final, NamedTuple

import msgspec
from attrs import define, field
from msgspec.structs import replace

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import Entry, entry_tag, people_in
from reps_ledger.domain.facts import MemberJoined
from reps_ledger.domain.rules import Source, World
from reps_ledger.domain.rules.machines import LIFE
from reps_ledger.errors import CodecError, Conflict, ImportStopped, LedgerError
from reps_ledger.importers.files import Line
from reps_ledger.importers.report import ImportReport, Quarantine, RefusedRow
from reps_ledger.importers.rows import Row, read_row, row_id
from reps_ledger.log.drafts import Draft, make_draft
from reps_ledger.log.recording import Recording

__all__ = ["Session"]

WORLD: Final = 60_000
"""Entries and empty places that an import keeps in memory before it reads afresh."""

_PART: Final = 1_000
"""Rows whose dependencies are read in one query."""


class _Pending(msgspec.Struct, frozen=True, gc=False):
    """A row that may be recorded."""

    line: Line
    draft: Draft


class _Judged(NamedTuple):
    """Rows that were judged: what is to be appended, and what was refused."""

    pending: list[_Pending]
    entries: list[Entry]
    joins: int
    unread: list[RefusedRow]  # which no rule was asked about
    refused: list[RefusedRow]


class _Flight(NamedTuple):
    """A batch that is being written."""

    judged: _Judged
    ids: dict[str, _Pending]
    written: Future[list[int]]


@define(kw_only=True)
class Session:
    """One import; see ``Ledger.import_history`` for what its options mean."""

    recording: Recording
    zone: tzinfo
    by: str
    stop: bool
    infer: bool
    writer: Executor
    rows: int = 0
    _recorded: int = 0
    _known: int = 0
    _joined: int = 0
    _quarantine: Quarantine = field(factory=Quarantine)
    _world: World | None = None
    _head: int = 0  # the last position, once what is in flight has landed
    _empty: bool = False  # the log held nothing when the world began: what is unknown is nothing
    _waiting: dict[str, _Pending] = field(factory=dict)  # with stop: every row of the file
    _unread: list[RefusedRow] = field(factory=list)  # with stop: those that are none
    _flight: _Flight | None = None

    def take(self, lines: list[Line]) -> None:
        """Record what can be recorded of some lines; with ``stop``, only make it ready."""
        self.rows += len(lines)
        refused: list[RefusedRow] = []
        pending = [p for line in lines if (p := self._pending(line, refused)) is not None]
        self._begin()  # its head is read before the log is asked for the rows' ids
        fresh = self._unknown(pending, refused)
        if self.stop:
            self._waiting.update(fresh)
            self._unread += refused
        else:
            self._advance(fresh, refused)

    def finish(self) -> ImportReport:
        """Record what waited, and report.

        Raises:
            ImportStopped: with ``stop``, a rule refuses a row.
        """
        if self.stop and (self._waiting or self._unread):
            self._advance(self._waiting, self._unread)
        self._settle()
        return ImportReport(
            rows=self.rows,
            recorded=self._recorded,
            known=self._known,
            joined=self._joined,
            refused=self._quarantine,
            position=self.recording.log.head(),
        )

    @staticmethod
    def _stop_at(refused: list[RefusedRow]) -> None:
        if refused:
            first = min(refused, key=lambda row: row.line)
            raise ImportStopped(first.line, first.reasons)

    def _pending(self, line: Line, refused: list[RefusedRow]) -> _Pending | None:
        if line.problem is not None:
            refused.append(_refused(line, ["invalid"], [line.problem]))
            return None
        try:
            return _Pending(line, self._draft(read_row(line.row, self.recording.log.codec)))
        except LedgerError as error:
            words = error.words if isinstance(error, CodecError) else str(error)
            refused.append(_refused(line, ["invalid"], [words]))
        except RecursionError:
            refused.append(_refused(line, ["invalid"], ["the row is nested too deeply"]))
        return None

    def _draft(self, row: Row) -> Draft:
        return make_draft(
            row.fact,
            occurred_at=row.occurred_at,
            by=self.by if row.by is None else row.by,
            entry_id=row.id,
            codec=self.recording.log.codec,
            zone=self.zone,
            on_behalf_of=row.on_behalf_of,
            command_id=row.command_id,
            source=row.source,
        )

    def _unknown(self, pending: list[_Pending], refused: list[RefusedRow]) -> dict[str, _Pending]:
        """Return the rows that were not recorded before, each once, by id."""
        flying = {} if self._flight is None else self._flight.ids
        there = self.recording.log.entries_of({one.draft.id for one in pending})
        fresh: dict[str, _Pending] = {}
        for one in pending:
            entry_id = one.draft.id
            earlier = fresh.get(entry_id) or flying.get(entry_id) or self._waiting.get(entry_id)
            if earlier is not None:
                same = earlier.draft.fact == one.draft.fact
            elif entry_id in there:
                same = there[entry_id].fact == one.draft.fact
            else:
                fresh[entry_id] = one
                continue
            if same:
                self._known += 1
            else:
                words = f"entry {entry_id} exists, and says something else"
                refused.append(_refused(one.line, ["id_taken"], [words]))
        return fresh

    def _advance(self, fresh: dict[str, _Pending], refused: list[RefusedRow]) -> None:
        """Judge rows while those before them are being written, then begin to write them."""
        pending = list(fresh.values())
        judged = self._judged(pending, refused)
        if not self._settle():
            pending = self._missing(pending)
            judged = self._judged(pending, refused)
        written: Future[list[int]] = Future()
        if judged.entries:
            # Made here, so that the writer rarely waits for its turn at Python. Nothing at all
            # may come between: the cheapest condition, and mostly true.
            log = self.recording.log
            events = log.events(judged.entries)
            written = self.writer.submit(log.append_events, events, (), self._head)
        else:
            written.set_result([])
        self._flight = _Flight(judged, fresh, written)

    def _missing(self, pending: list[_Pending]) -> list[_Pending]:
        """Return the rows that others did not record meanwhile."""
        self._begin()
        there = self.recording.log.entries_of({one.draft.id for one in pending})
        self._known += len(there)
        return [one for one in pending if one.draft.id not in there]

    def _settle(self) -> bool:
        """Wait until the batch in flight is written.

        Returns:
            Whether the world is still the one that later rows were judged in.

        Raises:
            Conflict: others kept recording what it depends on.
        """
        flight, self._flight = self._flight, None
        if flight is None:
            return True
        try:
            return self._written(flight.judged, flight.written.result())
        except Conflict:
            self._redo(flight.judged)
            return False

    def _redo(self, judged: _Judged) -> None:
        pending = judged.pending
        for attempt in range(self.recording.retries):
            self._world = None
            self.recording.wait(attempt)
            world = self._begin()
            # The append may have succeeded, and only its reply been lost.
            there = self.recording.log.entries_of({one.draft.id for one in pending})
            self._recorded += len(there)
            pending = [one for one in pending if one.draft.id not in there]
            again = self._judged(pending, judged.unread)
            try:
                positions: list[int] = []
                if again.entries:
                    sources = self.recording.sources(world, again.entries)
                    sources |= {Source(entry_tag(entry.id)) for entry in again.entries}
                    positions = self.recording.log.append(again.entries, sources, self._head)
                self._written(again, positions)
            except Conflict:
                continue
            return
        raise Conflict("others kept recording what these rows depend on; import again to go on")

    def _written(self, judged: _Judged, positions: list[int]) -> bool:
        self._recorded += len(judged.entries) - judged.joins
        self._joined += judged.joins
        for row in sorted(judged.unread + judged.refused, key=lambda row: row.line):
            self._quarantine.add(row)
        alone = not positions or positions[0] == self._head + 1
        if not alone:
            self._world = None  # others recorded too: what they did is read afresh
        if positions:
            self._head = positions[-1]
        return alone

    def _begin(self) -> World:
        world = self._world
        if world is None or (world.memory.size > WORLD and not self.stop):
            self._settle()
            world = self._world = self.recording.world()
            self._head = self.recording.log.head()
            self._empty = self._head == 0
        return world

    def _judged(self, pending: list[_Pending], before: list[RefusedRow]) -> _Judged:
        world = self._begin()
        place = self._head + len(self._flying()) + 1
        found = _Judged(pending, [], 0, before, [])
        now = self.recording.now()
        for start in range(0, len(pending), _PART):
            part = pending[start : start + _PART]
            self._load(world, [one.draft for one in part], found)
            for number, one in enumerate(part, 1):
                if world.lacks(one.draft):
                    self._load(world, [one.draft], found)
                entry = self.recording.entry(world, one.draft, place + len(found.entries), now)
                found = self._judge(world, one, entry, found)
                if entry.name in AMENDING:  # what comes after it may depend on more than before
                    self._load(world, [one.draft for one in part[number:]], found)
        if self.stop:
            self._stop_at(found.unread + found.refused)
        return found

    def _flying(self) -> list[Entry]:
        return [] if self._flight is None else self._flight.judged.entries

    def _load(self, world: World, drafts: list[Draft], found: _Judged) -> None:
        coming = [*self._flying(), *found.entries]
        self.recording.load(world, drafts, upto=self._head, empty=self._empty, coming=coming)

    def _judge(self, world: World, one: _Pending, entry: Entry, found: _Judged) -> _Judged:
        refusals = world.judge(entry)
        if self.infer and refusals and all(r.code == "not_joined" for r in refusals):
            joins = self._inferred(world, one, entry, found)
            found.entries.extend(joins)
            found = found._replace(joins=found.joins + len(joins))
            if world.lacks(entry):
                self._load(world, [one.draft], found)
            place = entry.position + len(joins)
            entry = replace(entry, position=place, origin=place)
            refusals = world.judge(entry)
        if refusals:
            codes = [refusal.code for refusal in refusals]
            words = [refusal.words for refusal in refusals]
            found.refused.append(_refused(one.line, codes, words))
        else:
            world.add(entry)
            found.entries.append(entry)
        return found

    def _inferred(self, world: World, one: _Pending, entry: Entry, judged: _Judged) -> list[Entry]:
        """Let everyone whom a row names, and whose life is in question, have joined with it.

        If one of them cannot have joined then, nobody does: the row will be refused.
        """
        found: list[Entry] = []
        asked = world.parts(entry)
        for person in dict.fromkeys(people_in(entry.fact, world.memory.registry)):
            life = LIFE.part(person)
            known = world.state(life) if life in asked else None
            if known is None or (known.joined and known.joined.order <= entry.order):
                continue
            draft = replace(
                one.draft,
                fact=MemberJoined(member=person, inferred=True),
                id=row_id({"joined": person, "with": entry.id}),
            )
            self._load(world, [draft], judged)  # a rule of joining may ask for more than lives
            place = entry.position + len(found)
            joining = self.recording.entry(world, draft, place, entry.recorded_at)
            if world.judge(joining):
                return []
            found.append(joining)
        for joining in found:
            world.add(joining)
        return found


def _refused(line: Line, codes: list[str], reasons: list[str]) -> RefusedRow:
    return RefusedRow(line=line.number, codes=tuple(codes), reasons=tuple(reasons), row=line.row)
