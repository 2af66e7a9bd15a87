"""A log as it was recorded, in a file and back: stored bytes, tags, ids, positions and times, one for one.

A file is JSON lines: a header, a line for each entry in order of position, and a last line that says how
many they are and the root of their Merkle tree. Each line has the hash of its leaf, so that what was changed
on the way is found at its line; what is missing, or stands elsewhere, is found by positions and the root.

Nothing is decoded, so that kinds of fact that are unknown here, versions that upcasters would change, and
even entries that cannot be read go through. No rule judges them: they were judged when they were recorded.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from os import PathLike
from typing import Annotated, Final, Protocol

import msgspec

from reps_ledger.audit.merkle import Frontier
from reps_ledger.domain.facts import LedgerDeclared
from reps_ledger.domain.validation import MAX_ENTRY_BYTES
from reps_ledger.errors import CodecError, Damaged, ImportStopped, TooLarge
from reps_ledger.importers.files import BinaryFile, lines_of, open_file
from reps_ledger.leaves import entry_hash
from reps_ledger.log import EventLog
from reps_ledger.log.codec import UNREADABLE
from reps_ledger.log.storage import Stored, Unfit, decoded_tags, encoded_tags

HEADER: Final = {"export": "as-recorded", "format": 1}
"""The first line."""

MAX_LINE: Final = 8 * MAX_ENTRY_BYTES
"""Bytes of a line at most: an entry of the largest size, with all of it escaped, and its tags."""

_encode = msgspec.json.Encoder().encode


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An entry as a line.

    Attributes:
        position: where it stands.
        fact: its stored name.
        data: its stored bytes, as text.
        base64: the same, where they are no text.
        tags: its tags; the text that is stored, where that is not written as a ledger writes it.
        leaf: the hash of its leaf in the Merkle tree.
    """

    position: Annotated[int, msgspec.Meta(ge=1, le=(1 << 63) - 1)]
    fact: str
    data: str | None = None
    base64: str | None = None
    tags: tuple[str, ...] | str = ()
    leaf: str = ""

    @property
    def stored(self) -> bytes:
        """Its stored bytes.

        Raises:
            ValueError: there are none, or they are no base64.
        """
        if (self.data is None) == (self.base64 is None):
            raise ValueError("an entry has either data or base64")
        return self.data.encode() if self.data is not None else b64decode(self.base64 or "", validate=True)


class _End(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The last line: how many entries there are, and the root of their tree."""

    entries: int
    root: str


_read_line: Final = msgspec.json.Decoder(_Line).decode
_read_end: Final = msgspec.json.Decoder(_End).decode


def write_as_recorded(log: EventLog, upto: int, file: BinaryFile) -> int:
    """Write the entries up to a position as they are stored, and return their number.

    Raises:
        TooLarge: an entry is larger than any that was recorded by rules.
    """
    tree = Frontier()
    file.write(_encode(HEADER) + b"\n")
    for row in log.stored():
        if row[0] > upto:
            break
        leaf = entry_hash(*row)
        line = _encode(_line_of(row, leaf))
        if len(line) >= MAX_LINE:
            raise TooLarge(f"position {row[0]}: the entry takes {len(line):,} bytes; at most {MAX_LINE:,}")
        file.write(line + b"\n")
        tree.push(leaf)
    file.write(_encode(_End(tree.count, b64encode(tree.root()).decode())) + b"\n")
    return tree.count


def _line_of(row: Stored, leaf: bytes) -> _Line:
    position, name, data, tags = row
    try:
        read: tuple[str, ...] | None = decoded_tags(position, tags)
    except Damaged:
        read = None
    try:
        text, encoded = data.decode(), None
    except UnicodeDecodeError:
        text, encoded = None, b64encode(data).decode()
    return _Line(
        position=position,
        fact=name,
        data=text,
        base64=encoded,
        tags=read if read is not None and encoded_tags(read) == tags else tags,
        leaf=b64encode(leaf).decode(),
    )


def is_header(row: object) -> bool:
    """Whether a row is the first of such a file."""
    return isinstance(row, dict) and row.get("export") == HEADER["export"]


class Empty(Protocol):
    """The ledger that a history is imported into."""

    @property
    def log(self) -> EventLog:
        """Its log."""

    def must_fit(self, declared: LedgerDeclared) -> None:
        """Raise an error if the ledger was opened for another time zone than the history declares.

        Raises:
            OtherZone: it was.
        """


def import_as_recorded(
    home: Empty,
    source: str | PathLike[str] | Iterable[str | bytes],
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Import a history as it was recorded, all or nothing; see ``Ledger.import_as_recorded``."""
    with ExitStack() as stack:
        read: Callable[[], int] = int
        if isinstance(source, str | PathLike):
            file, raw = open_file(source)
            stack.enter_context(raw)
            lines, read = lines_of(file, MAX_LINE), raw.tell
        else:
            lines = _given(source)
        reader = _Reader(home, lines)
        try:
            return home.log.load(_telling(reader.entries(), on_progress, read))
        except Unfit as error:
            raise ImportStopped(reader.number, [str(error)]) from error


def _given(lines: Iterable[str | bytes]) -> Iterator[tuple[int, bytes, str | None]]:
    for number, line in enumerate(lines, 1):
        yield number, line.encode("utf-8", "surrogatepass") if isinstance(line, str) else line, None


_TOLD: Final = 1_000


def _telling(
    rows: Iterator[Stored], on_progress: Callable[[int, int], None] | None, read: Callable[[], int]
) -> Iterator[Stored]:
    for count, row in enumerate(rows, 1):
        yield row
        if on_progress is not None and not count % _TOLD:
            on_progress(count, read())


class _Reader:
    """Reads the lines of a file.

    Attributes:
        number: of the line that was read last.
    """

    def __init__(self, home: Empty, lines: Iterator[tuple[int, bytes, str | None]]) -> None:
        self.number = 0
        self._home = home
        self._lines = lines
        self._tree = Frontier()
        self._declared = False

    def entries(self) -> Iterator[Stored]:
        """Yield the entries.

        Raises:
            ImportStopped: a line is not what was exported, or the file has no end.
        """
        self._begin()
        while True:
            text = self._next(
                "the file is cut short: its last line, which says how many entries it has, is missing"
            )
            if text.startswith(b'{"entries"'):
                self._end(text)
                return
            yield self._entry(text)

    def _next(self, missing: str) -> bytes:
        number, text, problem = next(self._lines, (self.number + 1, b"", missing))
        self.number = number
        if problem is not None:
            self._stop(problem)
        return text.strip()

    def _stop(self, reason: str) -> None:
        raise ImportStopped(self.number, [reason])

    def _begin(self) -> None:
        text = self._next("the file is empty")
        try:
            header = msgspec.json.decode(text)
        except UNREADABLE:
            header = None
        if not is_header(header):
            self._stop("this was not exported as it was recorded; import it by the rules instead")
        if header != HEADER:
            self._stop(
                f"this is of another format than {HEADER['format']}; use a later release of reps-ledger"
            )

    def _entry(self, text: bytes) -> Stored:
        try:
            line = _read_line(text)
            tags = line.tags if isinstance(line.tags, str) else encoded_tags(line.tags)
            row: Stored = (line.position, line.fact, line.stored, tags)
        except (*UNREADABLE, NotBase64, ValueError) as error:
            raise ImportStopped(self.number, [f"this is no entry: {error}"]) from error
        leaf = entry_hash(*row)
        if b64encode(leaf).decode() != line.leaf:
            self._stop("the entry is not what was exported: it has another hash")
        self._tree.push(leaf)
        self._must_fit(row)
        return row

    def _must_fit(self, row: Stored) -> None:
        position, name, data, _ = row
        if name != "ledger.declared" or self._declared:
            return
        self._declared = True
        try:
            entry = self._home.log.codec.decode(name, data, position)
        except CodecError:  # what cannot be read declares nothing
            return
        self._home.must_fit(entry.fact)

    def _end(self, text: bytes) -> None:
        try:
            end = _read_end(text)
        except UNREADABLE as error:
            raise ImportStopped(self.number, [f"this is no last line: {error}"]) from error
        if end.entries != self._tree.count:
            self._stop(f"{end.entries:,} entries were exported, and the file has {self._tree.count:,}")
        if end.root != b64encode(self._tree.root()).decode():
            self._stop("the entries are not those that were exported: their tree has another root")
        if next(self._lines, None) is not None:
            self.number += 1
            self._stop("something follows the last line")
