"""Importing: rows through all the rules, in batches, safe to run again.

What an import did: how much was recorded, and every row that was not.

One import under way: parse a batch of rows, judge it, write it while the next is parsed.

The judge that rows are judged in is kept from batch to batch. It stays true as long as nobody
else records what the rows depend on: each append is on that condition, and when it fails, the
judge is read anew and the rows are judged again.
"""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import tzinfo
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import IO, Any, Final, NamedTuple, Self

import msgspec
from attrs import define, field, frozen
from msgspec.structs import replace

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import Entry, entry_tag, people_in
from reps_ledger.domain.facts import MemberJoined, Registry
from reps_ledger.domain.rules import Judge, Source
from reps_ledger.domain.rules.folds import MEMBER
from reps_ledger.domain.validation import MAX_DEPTH, text_within_depth
from reps_ledger.errors import CodecError, Conflict, ImportStopped, InvalidInput, LedgerError
from reps_ledger.importers.files import Line, csv_rows, json_rows, open_file, shown, value_rows
from reps_ledger.importers.rows import Row, read_row, row_id
from reps_ledger.log.append import Draft, Recording, make_draft

_IN_MEMORY = 1 << 20
_SHOWN = 2_000


@frozen(kw_only=True)
class RefusedRow:
    """A row that was not recorded.

    Attributes:
        line: its line in the file, or its number among the rows, from 1.
        codes: why, for programs: a refusal's code, or ``invalid``.
        reasons: why, in words.
        row: the row as it was read; text, cut short, where it could not be read as a row.
    """

    line: int
    codes: tuple[str, ...]
    reasons: tuple[str, ...]
    row: Any


class Quarantine:
    """The refused rows of one import, however many: kept in a temporary file past a megabyte."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._count = 0
        # Closed with the report, not by chance: Python warns of files that nobody closes.
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<Quarantine of {self._count} rows; iterate over it>"

    def __iter__(self) -> Iterator[RefusedRow]:
        place = 0
        while True:
            self._file.seek(place)
            line = self._file.readline()
            if not line:
                return
            place = self._file.tell()
            kept = msgspec.json.decode(line)
            yield RefusedRow(
                line=kept["line"],
                codes=tuple(kept["codes"]),
                reasons=tuple(kept["reasons"]),
                row=kept["row"],
            )

    def add(self, refused: RefusedRow) -> None:
        """Keep one more row."""
        row = refused.row
        if isinstance(row, str):
            row = row[:_SHOWN].encode("utf-8", "backslashreplace").decode()
        kept = {
            "line": refused.line,
            "codes": refused.codes,
            "reasons": [r.encode("utf-8", "backslashreplace").decode() for r in refused.reasons],
            "row": row,
        }
        try:
            line = msgspec.json.encode(kept)
        except (TypeError, ValueError, RecursionError):  # a value that no file could hold
            line = b""
        if not line or not text_within_depth(
            line, MAX_DEPTH + 1
        ):  # or that could not be read again
            line = msgspec.json.encode({**kept, "row": shown(refused.row)[:_SHOWN]})
        self._file.seek(0, 2)
        self._file.write(line + b"\n")
        self._count += 1

    def write(self, file: IO[bytes]) -> None:
        """Write every refused row, with its line and reasons, as a JSON object a line."""
        self._file.seek(0)
        while chunk := self._file.read(1 << 16):
            file.write(chunk)


@frozen(kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        rows: rows read.
        recorded: facts recorded by it, without the inferred joinings.
        known: rows that had been recorded before, or that repeat another row to the letter.
        joined: people who were inferred to have joined.
        refused: the rows that were not recorded, each with its line and reasons.
        position: the log's last position afterwards.
    """

    rows: int
    recorded: int
    known: int
    joined: int
    refused: Quarantine = field(repr=lambda rows: f"{len(rows)} rows")
    position: int


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
    _kept: Judge | None = None
    _head: int = 0  # the last position, once what is in flight has landed
    _empty: bool = False  # the log held nothing when the judge began: what is unknown is nothing
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
            Whether the judge is still the one that later rows were judged in.

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
            self._kept = None
            self.recording.wait(attempt)
            judge = self._begin()
            # The append may have succeeded, and only its reply been lost.
            there = self.recording.log.entries_of({one.draft.id for one in pending})
            self._recorded += len(there)
            pending = [one for one in pending if one.draft.id not in there]
            again = self._judged(pending, judged.unread)
            try:
                positions: list[int] = []
                if again.entries:
                    sources = judge.sources(again.entries)
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
            self._kept = None  # others recorded too: what they did is read afresh
        if positions:
            self._head = positions[-1]
        return alone

    def _begin(self) -> Judge:
        judge = self._kept
        if judge is None or (judge.memory.size > WORLD and not self.stop):
            self._settle()
            judge = self._kept = self.recording.judge()
            self._head = self.recording.log.head()
            self._empty = self._head == 0
        return judge

    def _judged(self, pending: list[_Pending], before: list[RefusedRow]) -> _Judged:
        judge = self._begin()
        place = self._head + len(self._flying()) + 1
        found = _Judged(pending, [], 0, before, [])
        now = self.recording.now()
        for start in range(0, len(pending), _PART):
            part = pending[start : start + _PART]
            self._load(judge, [one.draft for one in part], found)
            for number, one in enumerate(part, 1):
                if judge.lacks(one.draft):
                    self._load(judge, [one.draft], found)
                entry = self.recording.entry(judge, one.draft, place + len(found.entries), now)
                found = self._judge(judge, one, entry, found)
                if entry.name in AMENDING:  # what comes after it may depend on more than before
                    self._load(judge, [one.draft for one in part[number:]], found)
        if self.stop:
            self._stop_at(found.unread + found.refused)
        return found

    def _flying(self) -> list[Entry]:
        return [] if self._flight is None else self._flight.judged.entries

    def _load(self, judge: Judge, drafts: list[Draft], found: _Judged) -> None:
        coming = [*self._flying(), *found.entries]
        self.recording.load(judge, drafts, upto=self._head, empty=self._empty, coming=coming)

    def _judge(self, judge: Judge, one: _Pending, entry: Entry, found: _Judged) -> _Judged:
        refusals = judge.refusals(entry)
        if self.infer and refusals and all(r.code == "not_joined" for r in refusals):
            joins = self._inferred(judge, one, entry, found)
            found.entries.extend(joins)
            found = found._replace(joins=found.joins + len(joins))
            if judge.lacks(entry):
                self._load(judge, [one.draft], found)
            place = entry.position + len(joins)
            entry = replace(entry, position=place, origin=place)
            refusals = judge.refusals(entry)
        if refusals:
            codes = [refusal.code for refusal in refusals]
            words = [refusal.words for refusal in refusals]
            found.refused.append(_refused(one.line, codes, words))
        else:
            judge.add(entry)
            found.entries.append(entry)
        return found

    def _inferred(self, judge: Judge, one: _Pending, entry: Entry, judged: _Judged) -> list[Entry]:
        """Let everyone whom a row names, and whose life is in question, have joined with it.

        If one of them cannot have joined then, nobody does: the row will be refused.
        """
        found: list[Entry] = []
        asked = judge.parts(entry)
        for person in dict.fromkeys(people_in(entry.fact, judge.memory.registry)):
            life = MEMBER.part(person)
            known = judge.state(life) if life in asked else None
            if known is None or (known.joined and known.joined.order <= entry.order):
                continue
            draft = replace(
                one.draft,
                fact=MemberJoined(member=person, inferred=True),
                id=row_id({"joined": person, "with": entry.id}),
            )
            self._load(judge, [draft], judged)  # a rule of joining may ask for more than lives
            place = entry.position + len(found)
            joining = self.recording.entry(judge, draft, place, entry.recorded_at)
            if judge.refusals(joining):
                return []
            found.append(joining)
        for joining in found:
            judge.add(joining)
        return found


def _refused(line: Line, codes: list[str], reasons: list[str]) -> RefusedRow:
    return RefusedRow(line=line.number, codes=tuple(codes), reasons=tuple(reasons), row=line.row)


BATCH: Final = 1_000
"""Rows recorded in one append."""


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
    with (
        _Rows(source, recording.log.codec.registry) as rows,
        ThreadPoolExecutor(1, "reps-ledger-import") as writer,
    ):
        session = Session(
            recording=recording,
            zone=zone,
            by=by,
            stop=on_refused == "stop",
            infer=on_unknown_member == "join",
            writer=writer,
        )
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
