"""The event log: entries over any recorder of the ``eventsourcing`` library's DCB interface."""

from __future__ import annotations

import hashlib
import heapq
import os
import sys
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from operator import attrgetter
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBQueryItem,
    DCBRecorder,
    DCBSequencedEvent,
    DCBSubscription,
)
from eventsourcing.persistence import IntegrityError, PersistenceError

from reps_ledger.domain.entries import Entry, entry_tag, row_keys_in, row_tag
from reps_ledger.domain.facts import EntryVoided
from reps_ledger.domain.rules import Source
from reps_ledger.domain.rules.voids import StoredRow
from reps_ledger.domain.time import microseconds
from reps_ledger.errors import Altered, CodecError, Conflict, Damaged, NotOffered, ReadOnly, StorageError
from reps_ledger.log.codec import UNREADABLE, Codec
from reps_ledger.log.sealing import Stored as SealedText
from reps_ledger.log.sealing import redacted, sealed_in
from reps_ledger.log.storage import (
    OPENED_TO_READ,
    REPAIR,
    Copied,
    Indexed,
    Loading,
    Redacting,
    Rows,
    SelfChecking,
    Stored,
    Transactional,
    decoded_tags,
    storage_of,
    without_details,
)
from reps_ledger.log.tag_fingerprint import TagFingerprint
from reps_ledger.log.voided import VoidedPositions, looked_at, row_at
from reps_ledger.salted import is_salted, open_part

T = TypeVar("T")
PAGE: Final = 1_000
"""Entries read at a time."""

_NOT_ALLOWED: Final = "42501"  # PostgreSQL's insufficient_privilege


class EventLog:
    """Entries, appended on condition and read in order of position, past what is voided.

    Args:
        recorder: where events are kept.
        codec: how entries become events.
        read_only: whether nothing is appended, whatever the recorder would do.
        is_inside: whether this is a log inside of a transaction in which nobody else appends.
        voided: what is known to be voided, where another object of this log knows.

    Attributes:
        voided: the positions that are read past.
        inside: the same log inside of a transaction in which nobody else appends; None where there are none.
    """

    def __init__(
        self,
        recorder: DCBRecorder,
        codec: Codec,
        *,
        read_only: bool = False,
        is_inside: bool = False,
        voided: VoidedPositions | None = None,
    ) -> None:
        self.recorder = recorder
        self.read_only = read_only
        self.storage = storage_of(recorder)
        self.codec = codec
        self.is_inside = is_inside
        self.voided = VoidedPositions(self._read, codec) if voided is None else voided
        self.inside: EventLog | None = None
        if isinstance(recorder, Transactional):
            self._together = recorder.together
            self.inside = EventLog(recorder.inside, codec, is_inside=True)

    def head(self) -> int:
        """Return the last position, or 0."""
        with _translated():
            return self.storage.head()

    @property
    def path(self) -> Path | None:
        """The file that it is kept in; None where it is not kept in a file."""
        return self.storage.path

    def read(self, *, after: int = 0, upto: int | None = None, limit: int = PAGE) -> Iterator[Entry]:
        """Yield all entries in order of position, a page at a time.

        Args:
            after: only entries of a greater position.
            upto: only entries up to this position.
            limit: entries in a page.
        """
        past = self.voids()
        while True:
            response = self._read(DCBQuery(), after, limit)
            count = 0
            for entry in self._entries(response, upto, past):
                count += 1
                yield entry
            end = response.head or 0  # with a limit, the last position of the page
            count += sum(after < position <= end for position in past)
            if count < limit or (upto is not None and end >= upto):
                return
            after = end

    def read_sources(
        self, sources: Iterable[Source], *, upto: int | None = None
    ) -> tuple[dict[Source, list[Entry]], int]:
        """Return the entries of each source, and the position up to which they are complete.

        That is the head of the log as of the read, or ``upto`` where that comes before it.
        """
        found: dict[Source, list[Entry]] = {source: [] for source in sources}
        if not found:
            return found, _at_most(self.head(), upto)
        by_tag: dict[str, list[Source]] = {}
        for source in found:
            by_tag.setdefault(source.tag, []).append(source)
        response = self._read(_query(found), None, None)
        for entry in self._entries(response, upto, self._past(response)):
            for tag in dict.fromkeys(entry.tags):  # whoever wrote the log may have repeated one
                for source in by_tag.get(tag, ()):
                    if source.types is None or entry.name in source.types:
                        found[source].append(entry)
        return found, _at_most(response.head or 0, upto)

    def read_any(self, sources: Iterable[Source], *, upto: int | None = None) -> Iterator[Entry]:
        """Yield the entries of any of these sources, in order of position, up to a position."""
        wanted = frozenset(sources)
        return self._matching(_query(wanted), upto) if wanted else iter(())

    def read_few(
        self, sources: Iterable[Source], most: int, *, upto: int | None = None
    ) -> list[Entry] | None:
        """Return the entries of any of these sources, in order; None where they are more than ``most``."""
        past = self.voids()
        limit = most + 1 + len(past)
        found = [*self._entries(self._read(_query(sources), None, limit), upto, past)]
        return found if len(found) <= most else None

    def read_kinds(
        self, kinds: Iterable[str], *, after: int | None = None, upto: int | None = None
    ) -> Iterator[Entry]:
        """Yield all entries of these stored names in order of position, after and up to a position."""
        # One kind at a time: the library's recorder for PostgreSQL takes no more than that without a tag.
        queries = [DCBQuery([DCBQueryItem(types=[kind])]) for kind in sorted(kinds)]
        reads = [self._matching(query, upto, after) for query in queries]
        return heapq.merge(*reads, key=attrgetter("position"))

    @property
    def indexed(self) -> bool:
        """Whether `tags_from` and `at` can be asked."""
        return isinstance(self.storage, Indexed)

    def tags_from(self, prefix: str, *, after: str, limit: int) -> list[str]:
        """Return tags that begin with a prefix, in order, after a tag, at most ``limit``; see `indexed`."""
        assert isinstance(self.storage, Indexed), "see indexed"
        with _translated():
            return self.storage.tags_from(prefix, after=after, limit=limit)

    def at(self, positions: Sequence[int]) -> Iterator[Entry]:
        """Yield the entries at some positions, in the order of these; see `indexed`."""
        assert isinstance(self.storage, Indexed), "see indexed"
        past = self.voids()
        with _translated():
            rows = {row[0]: row for row in self.storage.rows_at(positions)}
        for position in positions:
            if position not in past:
                _, name, data, tags = rows[position]
                yield self.codec.decode(name, data, position, decoded_tags(position, tags))

    def times(self, *, upto: int) -> Iterator[tuple[int, int]]:
        """Yield when each entry occurred, in microseconds, and its position; in order of position."""
        past = self.voids()
        for position, name, data, _ in self.stored():
            if position > upto:
                return
            if position in past:
                continue
            yield microseconds(self.codec.occurred_at(name, data, position)), position

    def entries_of(self, ids: Iterable[str]) -> dict[str, Entry]:
        """Return the entries of these ids, by id; ids without an entry are left out."""
        wanted = frozenset(ids)
        tags = [entry_tag(entry_id) for entry_id in wanted]
        return {entry.id: entry for entry in self._tagged(tags) if entry.id in wanted}

    def entries_of_rows(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return the entries of imported rows of these keys, by key; keys without an entry are left out."""
        found = self._tagged([row_tag(key) for key in frozenset(keys)])
        return {key: entry for entry in found for key in row_keys_in(entry.tags)}

    def first_of_ids(self, ids: Iterable[str]) -> dict[str, int]:
        """Return the first position at which an entry that can be read has each of these ids."""
        wanted = frozenset(ids)
        found: dict[str, int] = {}
        for position, data, _ in self._raw([entry_tag(entry_id) for entry_id in wanted]):
            with suppress(*UNREADABLE):
                own = self.codec.id_of(data)
                if own in wanted:
                    found.setdefault(own, position)
        return found

    def first_of_rows(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the first position at which an entry is of the imported row of each of these keys."""
        found: dict[str, int] = {}
        for position, _, tags in self._raw([row_tag(key) for key in frozenset(keys)]):
            for key in row_keys_in(tags):
                found.setdefault(key, position)
        return found

    def _raw(self, tags: Sequence[str]) -> Iterator[tuple[int, bytes, Sequence[str]]]:
        """Yield position, stored bytes and tags of what has any of these tags, in order of position."""
        if tags:
            query = DCBQuery([DCBQueryItem(tags=[tag]) for tag in tags])
            response = self._read(query, None, None)
            for position, _, data, own in response.parsed(self._past(response)):
                yield position, data, own

    def _tagged(self, tags: Iterable[str]) -> Iterator[Entry]:
        """Yield the entries that have any of these tags, in order of position."""
        items = [DCBQueryItem(tags=[tag]) for tag in tags]
        return self._matching(DCBQuery(items)) if items else iter(())

    def id_at(self, position: int) -> str | None:
        """Return the id of the entry at a position, by which a copy of a log is told from another log.

        None where there is no entry, or one that is voided.
        """
        entry = next(self.read(after=position - 1, limit=1), None) if position else None
        return entry.id if entry is not None and entry.position == position else None

    def mark_at(self, position: int) -> str | None:
        """Return what tells how a log reads up to a position from all others; None without an entry there.

        It is the hash of the entry as it is stored, whose salt is in no other log but a copy, and of what is
        voided up to there: whatever was derived before something was voided is to be derived anew. What is
        sealed beside the entry is no part of it, as nothing is derived from that.
        """
        row = row_at(self._read, position) if position else None
        if row is None:
            return None
        _, name, data, tags = row
        row = position, name, open_part(data) if is_salted(data) else data, tags
        past = sorted(place for place in self.voids() if place <= position)
        return hashlib.sha256(msgspec.json.encode((*row, *past))).hexdigest()

    def row(self, position: int) -> StoredRow | None:
        """Return what a rule must know of what is stored at a position; None where nothing is."""
        # A number that no database has as a position may be asked for, by who judges what others stored.
        row = row_at(self._read, position) if 0 < position < 1 << 63 else None
        return None if row is None else looked_at(row, self.codec)

    def voids(self) -> Mapping[int, Entry[EntryVoided]]:
        """Return what is voided by now: the voids, by the positions that they void."""
        return self.voided.by()

    def recorded_at(self, position: int) -> datetime | None:
        """Return when the entry at a position was recorded, or the last before it that can be read."""
        while position > 0:
            row = row_at(self._read, position)
            if row is not None:
                with suppress(CodecError):
                    return self.codec.recorded_at(row[1], row[2], position)
            position -= 1
        return None

    def derives_ids(self) -> bool:
        """Whether the log may have entries of imported rows whose ids are digests of the rows.

        Those of stored format 1 do, which only a log that began with it has.
        """
        return any(not is_salted(data) for _, _, data, _ in self.stored(limit=1))

    def append(self, entries: Sequence[Entry], depends_on: Iterable[Source], after: int) -> list[int]:
        """Append entries on condition that the sources hold nothing after a position.

        Every append is conditional, and every condition has a source: on PostgreSQL only a
        conditional append takes the lock without which a reader could miss an entry.

        Returns:
            The positions of the entries.

        Raises:
            Conflict: the sources hold something newer. It may be these entries themselves, if the
                commit's reply was lost and the driver tried again: look for their ids.
        """
        sources = {Source(entry_tag(entries[0].id)), *depends_on}
        return self.append_events(self.events(entries), sources, after)

    def together(self, work: Callable[[], T], *, undone: Callable[[], None], weight: int) -> T:
        """Do something with the log `inside` of a transaction in which nobody else appends, and commit.

        Args:
            work: may be called again, and in another thread that commits for several; see `GroupCommit.run`.
            undone: is called where ``work`` was called, and what it appended was taken back.
            weight: how many entries may be appended.

        Raises:
            ReadOnly: the log was opened to be read.
            Busy: others kept writing for longer than the timeout.
            StorageError: it cannot be written.
        """
        inside = self.inside
        assert inside is not None, "it has transactions"
        self._must_be_writable()

        def taken_back() -> None:
            inside.voided.forget()
            self.voided.forget()  # in memory, a rule that reads the ledger reads what is not committed
            undone()

        return self._together(work, undone=taken_back, weight=weight)

    def appended(self, entries: Sequence[Entry]) -> None:
        """Know of entries that were appended `inside` of a transaction, and committed."""
        self.voided.appended(entries[0].position, [entry.name for entry in entries])

    def events(self, entries: Iterable[Entry]) -> list[DCBEvent]:
        """Return entries as the events that a recorder takes."""
        encode = self.codec.encode
        return [DCBEvent(entry.name, encode(entry), list(entry.tags)) for entry in entries]

    def append_events(self, events: Sequence[DCBEvent], sources: Iterable[Source], after: int) -> list[int]:
        """Append events as `append` appends entries; without sources, only at the log's end."""
        self._must_be_writable()
        condition = DCBAppendCondition(_query(sources), after)
        try:
            last = self.recorder.append(events, condition)
        except IntegrityError as error:
            raise Conflict("the part of the log that this depends on changed") from error
        except PersistenceError as error:
            if getattr(error.__cause__, "sqlstate", None) == _NOT_ALLOWED:
                raise ReadOnly(f"this role may not append to the log: {without_details(error)}") from error
            raise StorageError(f"the log could not be written: {without_details(error)}") from error
        first = last - len(events) + 1
        self.voided.appended(first, [event.type for event in events])
        return list(range(first, last + 1))

    def _must_be_writable(self) -> None:
        if self.read_only:
            raise ReadOnly(f"this ledger {OPENED_TO_READ}")

    def stored(self, *, after: int = 0, limit: int | None = None) -> Iterator[Stored]:
        """Yield entries as they are stored, in order of position, a page at a time.

        Nothing is decoded: this is what the audit hashes, and damaged entries can be read too.

        Args:
            after: only entries of a greater position.
            limit: at most so many entries; None for all.

        Yields:
            Position, stored name, stored bytes, and tags as a JSON array without spaces.
        """
        left = limit
        while left is None or left > 0:
            page = PAGE if left is None else min(PAGE, left)
            response = self._read(DCBQuery(), after, page)
            count = 0
            for row in response.rows():
                count += 1
                after = row[0]
                yield row
            if count < page:
                return
            if left is not None:
                left -= count

    def load(self, rows: Iterable[Stored]) -> int:
        """Take the entries of another log as they were recorded, all or none; return how many they are.

        Raises:
            InvalidInput: the log is not empty.
            Unfit: the last row that was taken cannot be held; nothing is kept.
            StorageError: this log takes none.
        """
        loading = self.recorder
        if not isinstance(loading, Loading):
            raise StorageError("this log gives its own positions; import into SQLite or PostgreSQL instead")
        return loading.load_rows(rows)

    def backup(
        self, target: str | os.PathLike[str], on_progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Copy the log as it is now into a new file, and return the copy's last position.

        Args:
            target: the new file.
            on_progress: called now and then with how much was copied, and of how much.

        Raises:
            StorageError: it cannot be copied, or not so.
        """
        copied = self.recorder
        if not isinstance(copied, Copied):
            raise StorageError(
                "this log cannot be copied from here: use what its server has for backups, or export it "
                "as it was recorded"
            )
        return copied.backup(target, on_progress)

    def must_be_redactable(self) -> None:
        """Raise an error where ciphertexts cannot be destroyed in this log.

        Raises:
            NotOffered: what keeps the log changes no entry, in no way.
            ReadOnly: the log was opened to be read, or this role may not redact.
        """
        self._must_be_writable()
        self._redacting().must_be_redactable()

    def redact(self, paths: Mapping[int, Collection[str]]) -> None:
        """Destroy ciphertexts, all in one transaction; `purge` follows.

        Args:
            paths: the fields whose ciphertexts go, by the positions of their entries.

        Raises:
            NotOffered: what keeps the log changes no entry, in no way.
            ReadOnly: the log was opened to be read, or this role may not redact.
            StorageError: it cannot be written.
        """
        self._must_be_writable()
        self._redacting().redact_rows(sorted(paths), lambda position, data: redacted(data, paths[position]))

    def sealed_under(self, tags: Iterable[str]) -> Iterator[tuple[int, list[SealedText]]]:
        """Yield what is sealed beside each entry under any of some tags, after its position.

        Nothing is decoded otherwise, so that it is as it was recorded; what cannot be read is left out.
        """
        items = [DCBQueryItem(tags=[tag]) for tag in dict.fromkeys(tags)]
        response = self._read(DCBQuery(items), None, None) if items else None
        for position, name, data, _ in () if response is None else response.parsed(self._past(response)):
            found: list[SealedText] = []
            with suppress(*UNREADABLE, CodecError):
                found += sealed_in(data, name)
            if found:
                yield position, found

    def purge(self, *, waits: bool = True) -> list[str]:
        """Leave nothing of what was redacted in any file; return why that could not be, in words.

        Args:
            waits: whether to wait for others who read what was there before.
        """
        return self._redacting().purge(waits=waits)

    def keeps_redacted(self) -> tuple[str, ...]:
        """Return what is kept of what was redacted, also after `purge`, until others do something."""
        return self._redacting().keeps

    def _redacting(self) -> Redacting:
        recorder = self.recorder
        if not isinstance(recorder, Redacting):
            raise NotOffered(
                "this log changes no entry in any way, so that no ciphertext in it can be redacted: what is "
                "sealed is erased by its keys alone. SQLite and PostgreSQL redact"
            )
        return recorder

    def must_be_unaltered(self) -> None:
        """Raise an error where the database does not hold the log as this project makes it.

        Raises:
            Altered: tables, indexes, triggers or functions are missing, changed or foreign.
        """
        checked = self.recorder
        with _translated():
            found = checked.schema_check() if isinstance(checked, SelfChecking) else []
        if found:
            raise Altered(f"the database is not as a ledger is made: {'; '.join(found)}. {REPAIR}")

    def structure_problems(self) -> list[str] | None:
        """Return what the database finds wrong with itself, in words; None if it has no check.

        Takes time in proportion to the log. A damaged database may also raise while it is read.
        """
        checked = self.recorder
        return checked.structure_check() if isinstance(checked, SelfChecking) else None

    def index_problems(self, fingerprint: TagFingerprint) -> list[str] | None:
        """Return where the index of tags differs from the entries; None as `structure_problems`.

        Args:
            fingerprint: of the tags that are stored with the entries.
        """
        checked = self.recorder
        return checked.index_check(fingerprint) if isinstance(checked, SelfChecking) else None

    def follow(self, *, after: int) -> DCBSubscription[DCBRecorder]:
        """Return the recorder's subscription; its iteration waits for events to come."""
        self.voids()  # so that events of before are read by what is voided now
        return self.recorder.subscribe(after=after)

    def entry(self, event: DCBSequencedEvent) -> Entry | None:
        """Return the entry of an event that came; None where it is voided."""
        position, inner = event.position, event.event
        if self.is_voided(event):
            return None
        try:
            return self.codec.decode(inner.type, inner.data, position, tuple(inner.tags))
        except CodecError:
            if position in self.voids():  # since others looked
                return None
            raise

    def is_voided(self, event: DCBSequencedEvent) -> bool:
        """Whether an event that came is voided, as far as is known where others read as far."""
        return event.position in self.voided.by(event.position)

    def _matching(
        self, query: DCBQuery, upto: int | None = None, after: int | None = None
    ) -> Iterator[Entry]:
        """Yield the entries that match, in order of position, after and up to a position."""
        response = self._read(query, after, None)
        return self._entries(response, upto, self._past(response))

    def _past(self, response: Rows) -> Container[int]:
        """Return the positions to be read past in what a read without a limit found."""
        return self.voided.by(response.head or 0)

    def _entries(self, response: Rows, upto: int | None, past: Container[int]) -> Iterator[Entry]:
        """Decode the entries up to a position; later ones are not decoded, so may be damaged."""
        decode = self.codec.decode
        last = sys.maxsize if upto is None else upto
        for position, kind, data, tags in response.parsed(past):
            if position > last:
                return
            yield decode(kind, data, position, tuple(tags))

    def _read(self, query: DCBQuery, after: int | None, limit: int | None) -> Rows:
        with _translated():
            return self.storage.read_rows(query, after=after, limit=limit)


class Readable(EventLog):
    """A log without what cannot be read: by this, who may void something is judged while other rows are bad.

    Args:
        log: the log.
    """

    def __init__(self, log: EventLog) -> None:
        super().__init__(
            log.recorder, log.codec, read_only=log.read_only, is_inside=log.is_inside, voided=log.voided
        )
        self.inside = None if log.inside is None else Readable(log.inside)

    def _entries(self, response: Rows, upto: int | None, past: Container[int]) -> Iterator[Entry]:
        """Decode the entries up to a position that can be decoded."""
        for position, kind, data, tags in response.rows():
            if upto is not None and position > upto:
                return
            if position not in past:
                with suppress(CodecError, Damaged):
                    yield self.codec.decode(kind, data, position, decoded_tags(position, tags))


@contextmanager
def _translated() -> Iterator[None]:
    """Turn the library's errors of reading into ours."""
    try:
        yield
    except PersistenceError as error:
        raise StorageError(f"the log could not be read: {without_details(error)}") from error


def _at_most(head: int, upto: int | None) -> int:
    return head if upto is None else min(head, upto)


def _query(sources: Iterable[Source]) -> DCBQuery:
    return DCBQuery([DCBQueryItem(types=source.listed, tags=[source.tag]) for source in sources])
