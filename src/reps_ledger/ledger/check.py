"""Judging a whole log again: what is in it that would not be recorded today, and which caches lie.

A log is read once, entry after entry. Of each it is asked whether its stored bytes are as this project
writes them, whether its id and the key of its row are its own, whether it lies under the tags that it should,
whether its fact may be made so, and whether the rules and the charter of its time let it be, by all that
was recorded before it. So rows that were appended behind the rules are found. Then the
caches beside the log are compared with what follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import msgspec
from attrs import define, evolve, field

from reps_ledger.audit import CODES, AuditFinding
from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import (
    Entry,
    command_tag,
    entries_named,
    entry_tag,
    row_keys_in,
    row_tag,
    subject_tags,
)
from reps_ledger.domain.facts import AccountUnlinked, EntryCorrected, EntryRetracted, EntryVoided
from reps_ledger.domain.rules import Judge
from reps_ledger.domain.rules.sealing import has_text
from reps_ledger.domain.validation import check_name
from reps_ledger.errors import Busy, Closed, CodecError, InvalidInput, LedgerError, MissingExtra
from reps_ledger.interchange import read_json
from reps_ledger.ledger.core import ABOUT_ZONES, Core
from reps_ledger.ledger.redacting import orders_of
from reps_ledger.ledger.states import kept_tables
from reps_ledger.log import Recording
from reps_ledger.log.append import LARGEST_MEMORY
from reps_ledger.log.sealing import may_be_sealed, redacted_fields, seal_problems
from reps_ledger.log.storage import Stored, decoded_tags
from reps_ledger.log.tag_fingerprint import TagFingerprint
from reps_ledger.salted import SEPARATOR, is_salted, plain

CHECKS: Final = {
    "no_entry": "what is stored at a position is no entry that this release can read",
    "voided": "what is stored at a position cannot be read, and was voided: everybody reads past it",
    "not_canonical": "stored bytes are not written as this project writes them, or say a name twice",
    "id_repeated": "an earlier entry has the same id",
    "row_repeated": "an earlier entry is of the same imported row",
    "tags": "an entry lies under other tags than its fact: it is not found, or found where it should not be",
    "invalid": "a fact has a value that it may not have",
    "seal": "what is sealed beside an entry is not what it commits to",
    "redaction": "a ciphertext was destroyed, and no text.redacted orders that",
    "in_the_clear": "personal texts that were recorded before the ledger sealed lie in the clear, for ever",
    "refused": "a rule, or the charter of its time, refuses an entry by what was recorded before it",
    "unjudged": "an entry could not be judged, as one that it depends on cannot be read",
    "no_zone": "the log declares no time zone: days are read in the zone with which it is opened",
    "database": CODES["database"],
    "cache": "what is kept beside the log is not what follows from it",
    "more": "there are more findings than were asked for",
}
"""What each code of a finding means."""

NOTES: Final = frozenset({"in_the_clear", "no_zone", "voided"})
"""Codes of what is worth knowing, and not wrong."""

MOST: Final = 10_000
"""Findings after which a check ends."""

_BATCH: Final = 1_000


def check(
    core: Core, *, on_progress: Callable[[int, int], None] | None = None, most: int = MOST
) -> tuple[AuditFinding, ...]:
    """Judge a whole log again; see `Ledger.check`."""
    every = _findings(core, on_progress)
    found = [*islice(every, most)]
    if next(every, None) is not None:
        found.append(AuditFinding(code="more", words=f"there are more than {most:,} findings"))
    return tuple(found)


def _findings(core: Core, on_progress: Callable[[int, int], None] | None) -> Iterator[AuditFinding]:
    log, head = core.log, core.log.head()
    for problem in _asked(log.structure_problems):
        yield AuditFinding(code="database", words=problem)
    log_again = _LogAgain(core)
    tags = TagFingerprint()
    rows = log.stored()
    while batch := [*islice(rows, _BATCH)]:
        known = [row for row in batch if row[0] <= head]
        tags.add(known)
        yield from log_again.take(known)
        if on_progress is not None:
            on_progress(min(batch[-1][0], head), head)
        if batch[-1][0] >= head:
            break
    if head and not core.own_zone.is_declared:
        yield AuditFinding(code="no_zone", words=CHECKS["no_zone"])
    if log_again.clear and core.own_zone.seals:
        first = log_again.first_clear
        words = f"{CHECKS['in_the_clear']}: of {log_again.clear:,} entries, the first at position {first}"
        yield AuditFinding(code="in_the_clear", words=words, position=first)
    for problem in _asked(lambda: log.index_problems(tags)):
        yield AuditFinding(code="database", words=problem)
    for problem in _caches(core):
        yield AuditFinding(code="cache", words=problem)


def _asked(check: Callable[[], list[str] | None]) -> list[str]:
    try:
        return check() or []
    except (Busy, Closed):
        raise
    except LedgerError as error:
        return [str(error)]


@define
class _LogAgain:
    """A log that is judged again, batch after batch.

    Attributes:
        core: the ledger.
        clear: how many entries have personal texts in the clear.
        first_clear: the position of the first of them; 0 for none.
    """

    core: Core
    clear: int = field(default=0, init=False)
    first_clear: int = field(default=0, init=False)
    _recording: Recording = field(init=False)
    _judge: Judge = field(init=False)
    _known: int = field(default=0, init=False)  # the position up to which the judge knows its parts
    _whole: bool = field(default=True, init=False)  # whether the judge was given all entries up to there

    _voids: Mapping[int, Entry[EntryVoided]] = field(init=False)
    _ordered: Mapping[str, int] = field(init=False)  # the last order of a redaction, by the id of an entry
    _older: set[int] = field(factory=set, init=False)  # positions of entries of the first format

    def __attrs_post_init__(self) -> None:
        self._voids = self.core.log.voids()
        self._ordered = orders_of(self.core.log)
        self._begin(0)

    def _begin(self, known: int) -> None:
        """Go on with another judge, in the zone that was known at a position."""
        self._recording = self.core.recording_in(self.core.own_zone.known(known))
        self._judge = evolve(self._recording.judge(), seals=False)  # sealed or not, it is there
        self._known, self._whole = known, known == 0

    def take(self, rows: Sequence[Stored]) -> Iterator[AuditFinding]:
        """Yield what is wrong with the next rows."""
        entries: list[Entry] = []
        self._older.clear()
        for position, name, data, tags in rows:
            if position in self._voids:
                void = self._voids[position]
                words = (
                    f"position {position}: it cannot be read, and {void.by} voided it at position "
                    f"{void.position}: {void.fact.reason}"
                )
                yield AuditFinding(code="voided", words=words, position=position)
                continue
            try:
                entry = self.core.log.codec.decode(name, data, position, decoded_tags(position, tags))
            except (Busy, Closed):
                raise
            except LedgerError as error:
                yield AuditFinding(code="no_entry", words=str(error), position=position)
                continue
            yield from _of_bytes(entry, data)
            yield from self._of_seals(entry, data)
            if not is_salted(data):
                self._older.add(position)
            entries.append(entry)
        yield from self._repeated(entries)
        yield from self._judged(entries)
        if rows:
            self._known = max(self._known, rows[-1][0])
        if self._judge.memory.size > LARGEST_MEMORY:
            self._begin(self._known)

    def _of_seals(self, entry: Entry, data: bytes) -> Iterator[AuditFinding]:
        """Yield what is wrong with what is sealed beside an entry; count entries whose texts are not."""
        place = entry.position
        for problem in seal_problems(data) if may_be_sealed(data) else ():
            yield AuditFinding(code="seal", words=f"position {place}: {problem}", position=place)
        if SEPARATOR in data and self._ordered.get(entry.id, 0) < place and redacted_fields(data):
            words = f"position {place}: {CHECKS['redaction']}"
            yield AuditFinding(code="redaction", words=words, position=place)
        if has_text(entry.fact, self.core.log.codec.registry, in_the_clear=True):
            self.first_clear = self.first_clear or place
            self.clear += 1

    def _repeated(self, entries: Sequence[Entry]) -> Iterator[AuditFinding]:
        """Yield the entries whose id or row an earlier entry has."""
        log = self.core.log
        ids = log.first_of_ids({entry.id for entry in entries})
        rows = log.first_of_rows({key for entry in entries for key in row_keys_in(entry.tags)})
        for entry in entries:
            place = entry.position
            before = ids.get(entry.id, place)
            if before < place:
                words = f"position {place}: position {before} has the id {entry.id} too"
                yield AuditFinding(code="id_repeated", words=words, position=place)
            for key in row_keys_in(entry.tags):
                before = rows.get(key, place)
                if before < place:
                    words = f"position {place}: position {before} is of the row {key} too"
                    yield AuditFinding(code="row_repeated", words=words, position=place)

    def _judged(self, entries: Sequence[Entry]) -> Iterator[AuditFinding]:
        before: list[Entry] = []
        one_by_one = not self._loaded(entries, before)
        for entry in entries:
            # After an amendment, more parts may count; asking for one entry at a time keeps this linear.
            known = not (one_by_one or self._judge.lacks(entry)) or self._loaded([entry], before)
            if known:
                yield from self._wrong_with(entry)
            else:
                words = f"position {entry.position}: an entry on which it depends cannot be read"
                yield AuditFinding(code="unjudged", words=words, position=entry.position)
            self._judge.add(entry)
            before.append(entry)
            one_by_one = one_by_one or entry.name in AMENDING
            if isinstance(entry.fact, ABOUT_ZONES) and self._zone_changed(entry.position):
                self._begin(entry.position)
                before, one_by_one = [], True

    def _zone_changed(self, position: int) -> bool:
        with suppress(CodecError):
            return self.core.own_zone.known(position) != self._recording.rules.zone
        return False

    def _loaded(self, entries: Sequence[Entry], before: Sequence[Entry]) -> bool:
        """Read what judging entries takes; return whether that can be read."""
        try:
            self._recording.load(self._judge, entries, upto=self._known, empty=self._whole, coming=before)
        except CodecError:
            return False
        return True

    def _said_otherwise(self, entry: Entry) -> tuple[set[str], set[str]]:
        """Return tags that an entry may have, and may lack, as earlier releases gave others.

        They gave a correction all tags of its target; and to what names an amendment, not the tag of what
        that amends in the end.
        """
        memory = self._judge.memory
        if isinstance(entry.fact, EntryCorrected | EntryRetracted):
            target = memory.target(entry.fact.target)
            return (set() if target is None else {*target.tags}), set()
        named = entries_named(entry.tags)
        return set(), {entry_tag(root) for name in named if (root := memory.amendments.root(name)) != name}

    def _wrong_with(self, entry: Entry) -> Iterator[AuditFinding]:
        place = entry.position
        try:
            _checked(entry)
        except InvalidInput as error:
            yield AuditFinding(code="invalid", words=f"position {place}: {error}", position=place)
        # Releases that wrote the first format knew fewer tags.
        least = {*subject_tags(entry.fact, self._judge.memory.registry), entry_tag(entry.id)}
        wanted = {*self._judge.tags(entry.fact, entry.id)}
        if place in self._older:
            wanted = least | wanted.intersection(entry.tags)
        if entry.command_id is not None:
            wanted.add(command_tag(entry.command_id))
        rows = row_keys_in(entry.tags)
        own = {*entry.tags} - {row_tag(key) for key in rows}
        may_have, may_lack = self._said_otherwise(entry)
        own -= may_have - wanted
        wanted -= may_lack - own
        if own != wanted or len(rows) > 1 or len({*entry.tags}) < len(entry.tags):
            words = "; ".join(
                f"{what}: {', '.join(sorted(tags))}"
                for what, tags in {"lacking": wanted - own, "too many": own - wanted}.items()
                if tags
            )
            words = f"position {place}: its tags are not those of its fact: {words or 'one is repeated'}"
            yield AuditFinding(code="tags", words=words, position=place)
        for refusal in self._judge.refusals(entry):
            if refusal.code == "unsealed" and isinstance(entry.fact, AccountUnlinked):
                continue  # of an account that was linked before the ledger sealed: in the clear, too
            words = f"position {place}: {refusal.code}: {refusal.words}"
            yield AuditFinding(code="refused", words=words, position=place)


def _of_bytes(entry: Entry, data: bytes) -> Iterator[AuditFinding]:
    """Yield whether stored bytes are not what this project writes."""
    try:
        text = plain(data)
        if msgspec.json.encode(read_json(text)) == text:
            return
        words = "its bytes are not written as they would be"
    except (ValueError, RecursionError) as error:
        words = str(error)
    words = f"position {entry.position}: {words}"
    yield AuditFinding(code="not_canonical", words=words, position=entry.position)


def _checked(entry: Entry) -> None:
    """Make a fact anew, with its validators.

    Raises:
        InvalidInput: a value may not be what it is.
    """
    check_name(entry.by, "by")
    for name in ("on_behalf_of", "command_id", "source"):
        value = getattr(entry, name)
        if value is not None:
            check_name(value, name)
    fact = entry.fact
    evolve(fact)
    while isinstance(fact, EntryCorrected):
        fact = fact.replacement
        evolve(fact)  # type: ignore[misc]  # of any class


def _caches(core: Core) -> Iterator[str]:
    """Yield where what is kept beside the log differs from what follows from it."""
    for problem in core.tree(None).differences():
        yield f"the tree's cache: {problem}"
    with suppress(MissingExtra):
        for problem in core.column_differences():
            yield f"columns: {problem}"
    tables = kept_tables(core)
    if tables is not None:
        try:
            for problem in tables.check():
                yield f"tables of state: {problem}"
        finally:
            tables.store.close()
