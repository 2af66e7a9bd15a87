"""Importing: rows through all the rules, in batches, safe to run again."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import tzinfo
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple, Self

from attrs import define, field, frozen
from msgspec.structs import replace

from reps_ledger.domain.entries import Entry, people_in
from reps_ledger.domain.facts import MemberJoined, Registry
from reps_ledger.domain.rules import World
from reps_ledger.domain.rules.machines import LIFE
from reps_ledger.errors import (
    CodecError,
    Conflict,
    ImportStopped,
    InvalidInput,
    LedgerError,
)
from reps_ledger.importers.files import Line, csv_rows, json_rows, open_file, value_rows
from reps_ledger.importers.report import ImportReport, Quarantine, RefusedRow
from reps_ledger.importers.rows import Row, read_row, row_id
from reps_ledger.log.drafts import Draft, make_draft
from reps_ledger.log.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["import_history"]

BATCH: Final = 1_000
"""Rows recorded in one append."""

WORLD: Final = 200_000
"""Entries and empty places that an import keeps in memory before it starts afresh."""


def import_history(
    recording: Recording,
    zone: tzinfo,
    source: str | PathLike[str] | Iterable[Any],
    *,
    by: str,
    on_refused: str,
    on_unknown_member: str,
    on_progress: Callable[[int, int], None] | None,
) -> ImportReport:
    """Import rows; see ``Ledger.import_history``."""
    _one_of("on_refused", on_refused, ("quarantine", "stop"))
    _one_of("on_unknown_member", on_unknown_member, ("refuse", "join"))
    session = _Session(
        recording=recording,
        zone=zone,
        by=by,
        stop=on_refused == "stop",
        infer=on_unknown_member == "join",
    )
    with (
        _Rows(source, recording.log.codec.registry) as rows,
        ThreadPoolExecutor(1, "reps-ledger-import") as session.writer,
    ):
        while batch := list(islice(rows.lines, BATCH)):
            session.take(batch)
            if on_progress is not None:
                on_progress(session.rows, rows.read())
        return session.finish()


def _one_of(what: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise InvalidInput(f"{what} must be one of {', '.join(options)}", field=what)


class _Rows:
    """Where rows come from: a file, which is closed in the end, or values."""

    def __init__(self, source: str | PathLike[str] | Iterable[Any], registry: Registry) -> None:
        self._raw: IO[bytes] | None = None
        if isinstance(source, bytes):
            raise InvalidInput("give a path, or rows as dicts", field="source")
        if not isinstance(source, str | PathLike):
            self.lines = value_rows(source)
            return
        path = Path(source)
        file, self._raw = open_file(path)
        is_csv = path.name.lower().removesuffix(".gz").endswith(".csv")
        self.lines = csv_rows(file, registry) if is_csv else json_rows(file)

    def read(self) -> int:
        """Return how many bytes of the file were read."""
        return self._raw.tell() if self._raw is not None else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._raw is not None:
            self._raw.close()


class _Pending(NamedTuple):
    """A row that may be recorded."""

    line: Line
    draft: Draft


@frozen(kw_only=True)
class _Batch:
    """Rows that were judged, and are being written."""

    pending: list[_Pending]
    entries: int
    joins: int
    before: list[RefusedRow]
    refused: list[RefusedRow]
    written: Future[list[int]] | None


@define(kw_only=True)
class _Session:
    """One import under way: its world is kept from batch to batch while nobody intrudes.

    While one batch is written, in a thread of its own, the next one is read and parsed.
    """

    recording: Recording
    zone: tzinfo
    by: str
    stop: bool
    infer: bool
    rows: int = 0
    recorded: int = 0
    known: int = 0
    joined: int = 0
    quarantine: Quarantine = field(factory=Quarantine)
    _world: World | None = None
    _head: int = 0
    _empty: bool = False  # the log held nothing when the world began: what is unknown is nothing
    _waiting: list[_Pending] = field(factory=list)
    _batch: _Batch | None = None  # under way
    writer: Executor | None = None

    def take(self, lines: list[Line]) -> None:
        """Record what can be recorded of some lines; with ``stop``, only make it ready."""
        self.rows += len(lines)
        refused: list[RefusedRow] = []
        pending = [p for line in lines if (p := self._pending(line, refused)) is not None]
        self._settle()
        pending = self._unknown(pending, refused)
        if self.stop:
            self._stop_at(refused)
            self._waiting += pending
        else:
            self._batch = self._begun(pending, refused)

    def finish(self) -> ImportReport:
        """Record what waited, and report."""
        self._settle()
        if self._waiting:
            self._batch = self._begun(self._waiting, [])
            self._settle()
        return ImportReport(
            rows=self.rows,
            recorded=self.recorded,
            known=self.known,
            joined=self.joined,
            refused=self.quarantine,
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
            row = read_row(line.row, self.recording.log.codec)
            return _Pending(line, self._draft(row))
        except LedgerError as error:
            words = error.words if isinstance(error, CodecError) else str(error)
            refused.append(_refused(line, ["invalid"], [words]))
            return None
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

    def _unknown(self, pending: list[_Pending], refused: list[RefusedRow]) -> list[_Pending]:
        """Return the rows that the log does not hold, each once."""
        there = self._there(pending)
        fresh: dict[str, _Pending] = {}
        for one in pending:
            before = there.get(one.draft.id)
            earlier = fresh.get(one.draft.id)
            if earlier is not None:
                same = earlier.draft.fact == one.draft.fact
            elif before is not None:
                same = before.fact == one.draft.fact
            else:
                fresh[one.draft.id] = one
                continue
            if same:
                self.known += 1
            else:
                words = f"entry {one.draft.id} exists, and says something else"
                refused.append(_refused(one.line, ["id_taken"], [words]))
        return list(fresh.values())

    def _there(self, pending: list[_Pending]) -> dict[str, Entry]:
        """Return those entries that the log holds already, by id."""
        if not pending:
            return {}
        return self.recording.log.entries_of({one.draft.id for one in pending})

    def _begun(self, pending: list[_Pending], refused: list[RefusedRow]) -> _Batch:
        """Judge rows, and begin to append those that the rules allow."""
        world = self._begin()
        entries, joins, found = self._judged(world, pending)
        if self.stop:
            self._stop_at(found)
        written = None
        if entries:
            # The whole of a "stop" file is one append: nothing at all may come between.
            sources = None if self.stop else self.recording.sources(world, entries)
            assert self.writer is not None, "an import has a writer"  # noqa: S101
            written = self.writer.submit(self.recording.log.append, entries, sources, self._head)
        return _Batch(
            pending=pending,
            entries=len(entries),
            joins=joins,
            before=refused,
            refused=found,
            written=written,
        )

    def _settle(self) -> None:
        """Wait until the batch under way is written; begin it again where others intruded."""
        for attempt in range(self.recording.retries + 1):
            batch, self._batch = self._batch, None
            if batch is None:
                return
            try:
                positions = batch.written.result() if batch.written is not None else []
            except Conflict:
                self._world = None
                self.recording.wait(attempt)
                there = self._there(batch.pending)  # it may have succeeded, its reply lost
                self.recorded += len(there)
                rest = [one for one in batch.pending if one.draft.id not in there]
                self._batch = self._begun(rest, batch.before)
            else:
                self._written(batch, positions)
        if self._batch is not None:
            raise Conflict("others kept recording what these rows depend on; import again to go on")

    def _written(self, batch: _Batch, positions: list[int]) -> None:
        self.recorded += batch.entries - batch.joins
        self.joined += batch.joins
        for row in sorted(batch.before + batch.refused, key=lambda row: row.line):
            self.quarantine.add(row)
        if positions:
            if positions[0] != self._head + 1:
                self._world = None  # others recorded too: what they did is read afresh
            self._head = positions[-1]

    def _begin(self) -> World:
        if self._world is not None and self._world.size > WORLD and not self.stop:
            self._world = None
        if self._world is None:
            self._world = self.recording.world()
            self._head = self.recording.log.head()
            self._empty = self._head == 0
        return self._world

    def _judged(
        self, world: World, pending: list[_Pending]
    ) -> tuple[list[Entry], int, list[RefusedRow]]:
        entries: list[Entry] = []
        refused: list[RefusedRow] = []
        joins = 0
        now = self.recording.now()
        for start in range(0, len(pending), BATCH):
            batch = pending[start : start + BATCH]
            self.recording.load(
                world, [one.draft for one in batch], upto=self._head, empty=self._empty
            )
            for one in batch:
                place = self._head + 1 + len(entries)
                entry = self.recording.entry(world, one.draft, place, now)
                refusals = world.judge(entry)
                if self.infer and refusals and all(r.code == "not_joined" for r in refusals):
                    inferred = self._inferred(world, one, entry)
                    joins += len(inferred)
                    entries += inferred
                    place = self._head + 1 + len(entries)
                    entry = replace(entry, position=place, origin=place)
                    refusals = world.judge(entry)
                if refusals:
                    codes = [refusal.code for refusal in refusals]
                    words = [refusal.words for refusal in refusals]
                    refused.append(_refused(one.line, codes, words))
                else:
                    world.add(entry)
                    entries.append(entry)
        return entries, joins, refused

    def _inferred(self, world: World, one: _Pending, entry: Entry) -> list[Entry]:
        """Let everyone whom a row names, and whose life is in question, have joined with it."""
        found: list[Entry] = []
        asked = world.parts(entry.fact)
        for person in dict.fromkeys(people_in(entry.fact, world.registry)):
            life = LIFE.part(person)
            if life not in asked:
                continue
            draft = replace(
                one.draft,
                fact=MemberJoined(member=person, inferred=True),
                id=row_id({"joined": person, "with": entry.id}),
            )
            place = entry.position + len(found)
            joining = self.recording.entry(world, draft, place, entry.recorded_at)
            if not world.judge(joining):
                world.add(joining)
                found.append(joining)
        return found


def _refused(line: Line, codes: list[str], reasons: list[str]) -> RefusedRow:
    return RefusedRow(line=line.number, codes=tuple(codes), reasons=tuple(reasons), row=line.row)
