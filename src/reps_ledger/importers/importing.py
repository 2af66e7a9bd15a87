"""Importing rows in batches, by all rules, so that an interrupted import can be run again.

A `Session` parses a batch of rows and judges it, and appends it in another thread while the next
batch is parsed and judged. One `Judge` is kept from batch to batch. What it knows stays true as
long as nobody else records: each append is on that condition, and when the condition fails, a new
judge reads the log and the rows are judged again.

`ImportReport` says what an import did; `Quarantine` holds the rows that were refused.
"""

from __future__ import annotations

import io
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from datetime import datetime, tzinfo
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import IO, Final, NamedTuple, Protocol, Self

import msgspec
from attrs import define, evolve, field, frozen
from msgspec.structs import replace

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import Entry, entry_tag, people_in, row_keys_in, row_tag, time_ordered_id
from reps_ledger.domain.facts import LedgerDeclared, MemberJoined, Registry
from reps_ledger.domain.rules import Judge, Source
from reps_ledger.domain.rules.folds import DECLARATION, MEMBER
from reps_ledger.domain.rules.parts import CORRECTIONS
from reps_ledger.domain.shown import shown
from reps_ledger.domain.time import zone_name, zone_of
from reps_ledger.domain.validation import MAX_DEPTH, MAX_REFUSED_BYTES, MAX_REFUSED_ROWS, text_within_depth
from reps_ledger.errors import CodecError, Conflict, ImportStopped, InvalidInput, LedgerError, OtherZone
from reps_ledger.importers.as_recorded import is_header
from reps_ledger.importers.files import Line, csv_rows, json_rows, open_file, value_rows
from reps_ledger.importers.rows import Row, read_row, trimmed
from reps_ledger.interchange import JsonValue
from reps_ledger.log.append import LARGEST_MEMORY, NEVER, Draft, Recording, make_draft

_IN_MEMORY = 1 << 20
_SHOWN = 2_000


@frozen(kw_only=True)
class RefusedRow:
    """A row that was not recorded.

    Attributes:
        line: its line in the file, or its number among the rows, from 1.
        codes: the codes of its refusals; ``invalid`` where it could not be read, ``id_taken`` where
            another fact was recorded under its id.
        reasons: why it was not recorded, in words.
        row: the row as it was read; where it could not be read as a row, its text, cut short.
    """

    line: int
    codes: tuple[str, ...]
    reasons: tuple[str, ...]
    row: JsonValue


class Quarantine:
    """The refused rows of one import: kept in a temporary file past a megabyte.

    Its length says how many were refused. Those past ``MAX_REFUSED_ROWS`` or ``MAX_REFUSED_BYTES`` of
    ``reps_ledger.domain.validation`` are counted, and not kept.

    Attributes:
        kept: how many are kept, and can be iterated over: the first ones.
    """

    def __init__(self) -> None:
        self.kept = 0
        self._bytes = 0
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 — see below
        self._count = 0
        # Closed when this is collected: Python warns about files that nobody closes.
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        dropped = f", {self._count - self.kept} of them only counted" if self._count > self.kept else ""
        return f"<Quarantine of {self._count} rows{dropped}; iterate over it>"

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
                line=kept["line"], codes=tuple(kept["codes"]), reasons=tuple(kept["reasons"]), row=kept["row"]
            )

    def add(self, refused: RefusedRow) -> None:
        """Add a row."""
        self._count += 1
        if self.kept >= MAX_REFUSED_ROWS or self._bytes >= MAX_REFUSED_BYTES:
            self._bytes = MAX_REFUSED_BYTES  # the first ones are kept, and no smaller one after them
            return
        row = refused.row
        if isinstance(row, str):
            row = row[:_SHOWN].encode("utf-8", "backslashreplace").decode()
        kept = {
            "line": refused.line,
            "codes": refused.codes,
            "reasons": [r[:_SHOWN].encode("utf-8", "backslashreplace").decode() for r in refused.reasons],
            "row": row,
        }
        try:
            line = msgspec.json.encode(kept)
        except (TypeError, ValueError, RecursionError):  # a value that no file could hold
            line = b""
        if not line or not text_within_depth(line, MAX_DEPTH + 1):  # or that could not be read back
            line = msgspec.json.encode({**kept, "row": shown(refused.row, _SHOWN)})
        self._file.seek(0, 2)
        self._file.write(line + b"\n")
        self._bytes += len(line)
        self.kept += 1

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
        recorded: rows that were recorded.
        known: rows that had been recorded before, or that repeat another row exactly.
        joined: people who were inferred to have joined; their joinings are not in ``recorded``.
        trimmed: rows that were read without white space at the ends of their names.
        refused: the rows that were not recorded, each with its line and reasons.
        position: the log's last position afterwards.
    """

    rows: int
    recorded: int
    known: int
    joined: int
    trimmed: int = field(default=0, repr=False)
    refused: Quarantine = field(repr=lambda rows: f"{len(rows)} rows")
    position: int


_PART: Final = 1_000
"""Rows whose parts are read in one query."""


class _Pending(msgspec.Struct, frozen=True, gc=False):
    """A row that may be recorded."""

    line: Line
    draft: Draft
    keys: tuple[str, ...]  # by each of these it is known again: its id, if it brought one, and its own key


class _Fresh:
    """Rows that were not recorded before, in their order, and by key."""

    def __init__(self) -> None:
        self.rows: list[_Pending] = []
        self._by_key: dict[str, _Pending] = {}

    def add(self, row: _Pending) -> None:
        """Add a row."""
        self.rows.append(row)
        self._by_key.update(dict.fromkeys(row.keys, row))

    def same_as(self, row: _Pending) -> _Pending | None:
        """Return the row that has a key of a row."""
        return next((self._by_key[key] for key in row.keys if key in self._by_key), None)


class _Judged(NamedTuple):
    """Rows that were judged.

    Attributes:
        pending: the rows.
        entries: those to append, with inferred joinings.
        joins: how many of the entries are inferred joinings.
        unread: rows that were refused before any rule was asked.
        refused: rows that rules refused.
    """

    pending: list[_Pending]
    entries: list[Entry]
    joins: int
    unread: list[RefusedRow]
    refused: list[RefusedRow]


class _Append(NamedTuple):
    """An append that another thread is making: the rows, and its positions."""

    judged: _Judged
    fresh: _Fresh
    positions: Future[list[int]]


class _Again(NamedTuple):
    """Rows that were judged and appended once more, after others recorded.

    Attributes:
        judged: the rows.
        own: how many had been appended although that was not told.
        known: how many others had recorded.
        positions: of what was appended.
    """

    judged: _Judged
    own: int
    known: int
    positions: list[int]


class Home(Protocol):
    """The ledger that rows are imported into."""

    @property
    def recording(self) -> Recording:
        """What judges and appends."""

    @property
    def zone(self) -> tzinfo:
        """The zone in which its dates are read."""

    @property
    def is_new(self) -> bool:
        """Whether it must declare itself before its first entry."""

    @property
    def seals(self) -> bool:
        """Whether it declares that it seals personal texts, or will."""

    def refreshed(self) -> tuple[tzinfo, frozenset[str]]:
        """Return the zone by all that is recorded, and the ids of the entries that make it so."""

    def adopt(self, declared: LedgerDeclared) -> None:
        """Be what the first row of an import declares, as this ledger is new.

        Raises:
            OtherZone: the ledger was opened with another zone.
        """

    def begin(self, by: str) -> Entry | None:
        """Record the declaration of a new ledger; None where others did meanwhile."""


@define(kw_only=True)
class Session:
    """One import.

    Attributes:
        home: the ledger that rows are imported into.
        recording: records in its log, under its rules.
        zone: in which the rows' dates are read: the ledger's own.
        by: who records rows that do not say by whom.
        stop: whether one refused row stops the import before anything is recorded.
        infer: whether people whom rows name are inferred to have joined.
        writer: appends, one batch at a time.
        rows: rows read so far.
    """

    home: Home
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
    _trimmed: int = 0
    _quarantine: Quarantine = field(factory=Quarantine)
    _new: bool = field(init=False)  # whether the ledger must declare itself before the first entry
    _derived: bool = field(init=False)  # whether ids of earlier rows may be digests of them
    _now: datetime = field(init=False)  # when rows that are being read were looked at
    _recorded_at: datetime = NEVER  # of what was judged last
    _first: Line | None = None
    _about_zone: frozenset[str] = frozenset()
    _kept: Judge | None = None
    _head: int = 0  # the last position, not counting the append under way
    _empty: bool = False  # whether the log was empty when the judge was new; see `Recording.load`
    _waiting: _Fresh = field(factory=_Fresh)  # with ``stop``: every row
    _unread: list[RefusedRow] = field(factory=list)  # with ``stop``: rows that cannot be read
    _appending: _Append | None = None

    def __attrs_post_init__(self) -> None:
        self._new = self.home.is_new
        self._derived = self.recording.log.derives_ids()
        _, self._about_zone = self.home.refreshed()

    def take(self, lines: list[Line]) -> None:
        """Record the rows of some lines; with ``stop``, only collect them.

        Dates of rows that follow a declaration of this ledger are read in the zone that is then
        in force, as they were when they were exported.
        """
        start = 0
        for number, line in enumerate(lines, 1):
            if not self._is_about_zone(line):
                continue
            self._take(lines[start:number])
            start = number
            if not self.stop:
                self._finish_append()
                self.zone, self._about_zone = self.home.refreshed()
        if start < len(lines):
            self._take(lines[start:])

    def _is_about_zone(self, line: Line) -> bool:
        """Whether a row declares the ledger, or amends what does."""
        row = line.row
        if line.problem is not None or not isinstance(row, dict):
            return False
        name = row.get("fact")
        if name == "ledger.declared":
            return True
        if name not in CORRECTIONS:
            return False
        replacement = row.get("replacement")
        declares = isinstance(replacement, dict) and replacement.get("fact") == "ledger.declared"
        return declares or row.get("target") in self._about_zone

    def _take(self, lines: list[Line]) -> None:
        if not self.rows:
            self._first = lines[0]
            if is_header(lines[0].row):
                raise InvalidInput(
                    "this history was exported as it was recorded: import it into an empty ledger with "
                    "import_as_recorded, or --as-recorded",
                    field="source",
                )
        self.rows += len(lines)
        self._now = self.recording.now()
        refused: list[RefusedRow] = []
        pending = self._prepared([p for line in lines if (p := self._pending(line, refused)) is not None])
        self._current_judge()  # before ids are looked up, as it reads the head
        fresh = self._unknown(pending, refused)
        if self.stop:
            for row in fresh.rows:
                self._waiting.add(row)
            self._unread += refused
        else:
            self._advance(fresh, refused)

    def finish(self) -> ImportReport:
        """Record the rows that were collected, wait for the last append, and report.

        Raises:
            ImportStopped: with ``stop``, a rule refuses a row.
        """
        if self.stop and (self._waiting.rows or self._unread):
            self._advance(self._waiting, self._unread)
        self._finish_append()
        return ImportReport(
            rows=self.rows,
            recorded=self._recorded,
            known=self._known,
            joined=self._joined,
            trimmed=self._trimmed,
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
            tidy = trimmed(line.row, self.recording.log.codec)
            row = read_row(tidy, self.recording.log.codec)
            self._trimmed += tidy is not line.row
            if isinstance(row.fact, LedgerDeclared):
                self._read_in_zone_of(row.fact, is_first=line is self._first)
                row = replace(row, fact=evolve(row.fact, seals=self.home.seals))
            keys = tuple(key for key in (row.id, row.row_key) if key is not None)
            return _Pending(line, self._draft(row), keys)
        except OtherZone:
            raise
        except LedgerError as error:
            words = error.words if isinstance(error, CodecError) else str(error)
            refused.append(_refused(line, ["invalid"], [words]))
        except RecursionError:
            refused.append(_refused(line, ["invalid"], ["the row is nested too deeply"]))
        return None

    def _prepared(self, pending: list[_Pending]) -> list[_Pending]:
        """Return rows as a ledger that seals judges them, and knows them again; see `Recording.prepared`."""
        if not self.recording.log.codec.seals:
            return pending
        drafts = self.recording.prepared([row.draft for row in pending])
        return [
            _Pending(
                row.line,
                draft,
                (*row.keys[: draft.id in row.keys], *([] if draft.row_key is None else [draft.row_key])),
            )
            for row, draft in zip(pending, drafts, strict=True)
        ]

    def _draft(self, row: Row) -> Draft:
        return make_draft(
            row.fact,
            occurred_at=row.occurred_at,
            by=self.by if row.by is None else row.by,
            entry_id=time_ordered_id(self._now) if row.id is None else row.id,
            codec=self.recording.log.codec,
            zone=self.zone,
            on_behalf_of=row.on_behalf_of,
            command_id=row.command_id,
            source=row.source,
            row_key=row.row_key,
        )

    def _unknown(self, pending: list[_Pending], refused: list[RefusedRow]) -> _Fresh:
        """Return the rows that were not recorded before, each once."""
        there = self._there(pending)
        fresh = _Fresh()
        looked_at = [fresh, self._waiting, *([] if self._appending is None else [self._appending.fresh])]
        for row in pending:
            earlier = next((same for rows in looked_at if (same := rows.same_as(row)) is not None), None)
            known = there.get(row.draft.id) if earlier is None else earlier.draft
            if known is None:
                fresh.add(row)
            elif self.recording.log.codec.is_same(known.fact, row.draft.fact):
                self._known += 1
            else:
                key = row.draft.row_key
                what = f"entry {row.draft.id}" if key is None else f"the row {key}"
                words = f"{what} exists, and says something else"
                refused.append(_refused(row.line, ["id_taken"], [words]))
        return fresh

    def _there(self, pending: Sequence[_Pending]) -> dict[str, Entry]:
        """Return the entries of those rows that are recorded, by the ids of the rows' drafts."""
        log = self.recording.log
        keys = {row.draft.row_key for row in pending if row.draft.row_key is not None}
        ids = {row.draft.id for row in pending if row.draft.id in row.keys}
        found = log.entries_of(ids | keys if self._derived else ids) | log.entries_of_rows(keys)
        return {row.draft.id: found[key] for row in pending for key in row.keys if key in found}

    def _advance(self, fresh: _Fresh, refused: list[RefusedRow]) -> None:
        """Judge rows while those before them are being appended, then begin to append them."""
        pending = fresh.rows
        judged = self._judged(pending, refused)
        if not self._finish_append():
            pending = self._not_recorded(pending)
            judged = self._judged(pending, refused)
        positions: Future[list[int]] = Future()
        if judged.entries:
            if self._new:
                self._begin()
            # Encoded in this thread: the writer would compete with it for the interpreter's lock.
            # The condition is that nobody appended anything, which is quickest to check and
            # nearly always true.
            try:
                events = self.recording.events(judged.entries)
            except Conflict as error:
                positions.set_exception(error)
            else:
                append = self.recording.log.append_events
                positions = self.writer.submit(append, events, (), self._head)
        else:
            positions.set_result([])
        self._appending = _Append(judged, fresh, positions)

    def _read_in_zone_of(self, declared: LedgerDeclared, *, is_first: bool) -> None:
        """Read the dates of the rows that follow a declaration in its zone.

        A new ledger is what the first row declares. Else, where nothing is recorded before all rows
        are read, the latest row holds.
        """
        if self._new and is_first:
            self.home.adopt(declared)
            self._new = False
            self.recording = self.home.recording
            self.zone = self.home.zone
        elif self.stop and not self._new:
            self.zone = zone_of(declared.zone)

    def _begin(self) -> None:
        """Have a new ledger declare itself before its first entries."""
        self._new = False
        entry = self.home.begin(self.by)
        if entry is None:  # others began it; appending will conflict, and these rows be judged again
            if zone_name(self.home.zone) != zone_name(self.zone):
                raise Conflict(
                    "others began this ledger meanwhile, in another time zone; import again, so that "
                    "days are read in that"
                )
            return
        self._current_judge().memory.load({DECLARATION.part(entry.name).source: [entry]})
        self._head = entry.position

    def _not_recorded(self, pending: list[_Pending]) -> list[_Pending]:
        """Return the rows that others have not recorded meanwhile."""
        self._current_judge()
        there = self._there(pending)
        self._known += len(there)
        return [row for row in pending if row.draft.id not in there]

    def _finish_append(self) -> bool:
        """Wait for the append under way.

        Returns:
            Whether rows that were judged after it need not be judged again.

        Raises:
            Conflict: others recorded at every try.
        """
        append, self._appending = self._appending, None
        if append is None:
            return True
        try:
            return self._account_for(append.judged, append.positions.result())
        except Conflict:
            self._append_again(append.judged)
            return False

    def _append_again(self, judged: _Judged) -> None:
        """Judge rows again by what others recorded meanwhile, and append them."""
        inside = self.recording.inside
        if inside is not None:
            weight = len(judged.pending)
            again = self.recording.alone(lambda: self._tried_again(judged, inside), weight=weight)
            self._account_for_again(again)
            return
        for attempt in range(self.recording.retries):
            self.recording.wait(attempt)
            try:
                again = self._tried_again(judged, self.recording)
            except Conflict:
                continue
            self._account_for_again(again)
            return
        raise Conflict("others kept recording what these rows depend on; import again to go on")

    def _tried_again(self, judged: _Judged, recording: Recording) -> _Again:
        """Judge rows anew, and append them; nothing is counted yet, as that may be taken back."""
        outside, self.recording, self._kept = self.recording, recording, None
        try:
            judge = self._current_judge()
            # The append may have succeeded although its reply was lost.
            there = self._there(judged.pending)
            own = sum(there[draft_id].id == draft_id for draft_id in there)
            pending = [row for row in judged.pending if row.draft.id not in there]
            again = self._judged(pending, judged.unread)
            positions: list[int] = []
            if again.entries:
                sources = judge.sources(again.entries)
                sources |= {Source(entry_tag(entry.id)) for entry in again.entries}
                sources |= {Source(row_tag(key)) for e in again.entries for key in row_keys_in(e.tags)}
                positions = recording.log.append_events(recording.events(again.entries), sources, self._head)
        finally:
            self.recording = outside
        return _Again(again, own, len(there) - own, positions)

    def _account_for_again(self, again: _Again) -> None:
        self._recorded += again.own
        self._known += again.known
        self._account_for(again.judged, again.positions)

    def _account_for(self, judged: _Judged, positions: list[int]) -> bool:
        """Count what was appended, and return whether nobody else appended before it."""
        self._recorded += len(judged.entries) - judged.joins
        self._joined += judged.joins
        for row in sorted(judged.unread + judged.refused, key=lambda row: row.line):
            self._quarantine.add(row)
        alone = not positions or positions[0] == self._head + 1
        if not alone:
            self._kept = None  # it does not know what others recorded
        if positions:
            self._head = positions[-1]
        return alone

    def _current_judge(self) -> Judge:
        """Return the judge that is kept, or a new one once that has grown too large."""
        judge = self._kept
        if judge is None or (judge.memory.size > LARGEST_MEMORY and not self.stop):
            self._finish_append()
            judge = self._kept = self.recording.judge()
            self._head = self.recording.log.head()
            self._empty = self._head == 0
        return judge

    def _judged(self, pending: list[_Pending], before: list[RefusedRow]) -> _Judged:
        judge = self._current_judge()
        place = self._head + len(self._entries_to_come()) + 1 + self._new
        found = _Judged(pending, [], 0, before, [])
        now = self.recording.now()
        self._recorded_at = max(self._recorded_at, self.recording.recorded_at(now, self._head))
        for start in range(0, len(pending), _PART):
            part = pending[start : start + _PART]
            self._load(judge, [row.draft for row in part], found)
            amended = False
            for row in part:
                # After an amendment, more parts may count; asking for one row at a time keeps this linear.
                if amended or judge.lacks(row.draft):
                    self._load(judge, [row.draft], found)
                place_of = place + len(found.entries)
                entry = self.recording.entry(judge, row.draft, place_of, now, self._recorded_at)
                found = self._judge(judge, row, entry, found)
                amended = amended or entry.name in AMENDING
        if self.stop:
            self._stop_at(found.unread + found.refused)
        return found

    def _entries_to_come(self) -> list[Entry]:
        return [] if self._appending is None else self._appending.judged.entries

    def _load(self, judge: Judge, drafts: list[Draft], found: _Judged) -> None:
        coming = [*self._entries_to_come(), *found.entries]
        self.recording.load(judge, drafts, upto=self._head, empty=self._empty, coming=coming)

    def _judge(self, judge: Judge, row: _Pending, entry: Entry, found: _Judged) -> _Judged:
        refusals = judge.refusals(entry)
        if self.infer and refusals and all(r.code == "not_joined" for r in refusals):
            joins = self._inferred(judge, row, entry, found)
            found.entries.extend(joins)
            found = found._replace(joins=found.joins + len(joins))
            if judge.lacks(entry):
                self._load(judge, [row.draft], found)
            place = entry.position + len(joins)
            entry = replace(entry, position=place, origin=place)
            refusals = judge.refusals(entry)
        if refusals:
            codes = [refusal.code for refusal in refusals]
            words = [refusal.words for refusal in refusals]
            found.refused.append(_refused(row.line, codes, words))
        else:
            judge.add(entry)
            found.entries.append(entry)
        return found

    def _inferred(self, judge: Judge, row: _Pending, entry: Entry, judged: _Judged) -> list[Entry]:
        """Return joinings of those whom a row names and who had not joined when it happened.

        If one of them cannot have joined then, there are none: the row will be refused.
        """
        found: list[Entry] = []
        asked = judge.parts(entry)
        for person in dict.fromkeys(people_in(entry.fact, judge.memory.registry)):
            part = MEMBER.part(person)
            known = judge.state(part) if part in asked else None
            if known is None or (known.joined and known.joined.order <= entry.order):
                continue
            draft = replace(
                row.draft,
                fact=MemberJoined(member=person, inferred=True),
                id=time_ordered_id(entry.recorded_at),
                row_key=None,
            )
            self._load(judge, [draft], judged)  # a rule about joining may name more parts
            place = entry.position + len(found)
            joining = self.recording.entry(judge, draft, place, entry.occurred_at, entry.recorded_at)
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
    home: Home,
    source: str | PathLike[str] | Iterable[object],
    *,
    by: str,
    on_refused: str,
    on_unknown_member: str,
    on_progress: Callable[[int, int], None] | None,
) -> ImportReport:
    """Import rows; see ``Ledger.import_history``."""
    _check_option("on_refused", on_refused, ("quarantine", "stop"))
    _check_option("on_unknown_member", on_unknown_member, ("refuse", "join"))
    with (
        _Rows(source, home.recording.log.codec.registry) as rows,
        ThreadPoolExecutor(1, "reps-ledger-import") as writer,
    ):
        session = Session(
            home=home,
            recording=home.recording,
            zone=home.zone,
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


def _check_option(what: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise InvalidInput(f"{what} must be one of {', '.join(options)}", field=what)


class _Rows:
    """The source of rows: values, or a file, which is closed in the end."""

    def __init__(self, source: str | PathLike[str] | Iterable[object], registry: Registry) -> None:
        self._raw: io.RawIOBase | None = None
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
