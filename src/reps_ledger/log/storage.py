"""What the event log asks of a recorder beyond the library's interface, and an adapter.

The library's recorders make an event object of every row, and say neither where they keep their
events nor how they are. Ours for SQLite does all of that itself; any other is adapted.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, runtime_checkable

import msgspec
from eventsourcing.dcb.api import DCBQuery, DCBQueryItem

from reps_ledger.errors import Damaged, InvalidInput, how_to_void
from reps_ledger.log.tag_fingerprint import TagFingerprint

if TYPE_CHECKING:
    from eventsourcing.dcb.api import DCBReadResponse, DCBRecorder


T = TypeVar("T")
Stored = tuple[int, str, bytes, str]
"""An entry as it is stored: position, stored name, bytes, and tags as a JSON array."""

Parsed = tuple[int, str, bytes, "Sequence[str]"]
"""The same with its tags read."""

_NO_ENTRY: Final = DCBQuery([DCBQueryItem(tags=["ledger:head"])])
"""A query that no entry matches: it costs nothing, and its response says the head."""

OPENED_TO_READ: Final = "was opened to be read only; open it without read_only=True to record in it"
"""What is said of a log to who appends to it all the same."""

_encode_tags = msgspec.json.Encoder().encode


TAGS: Final = msgspec.json.Decoder(tuple[str, ...])
"""Reads the tags of a stored row; see `decoded_tags`."""


def decoded_tags(position: int, tags: str) -> tuple[str, ...]:
    """The tags of a stored row.

    Raises:
        Damaged: they are not JSON as this code writes it.
    """
    try:
        return TAGS.decode(tags)
    except msgspec.DecodeError as error:
        raise damaged_tags(position, error) from error


def tags_if_readable(tags: str) -> tuple[str, ...]:
    """The tags of a stored row; none where they cannot be read: then no index can have them either."""
    try:
        return TAGS.decode(tags)
    except msgspec.DecodeError:
        return ()


def encoded_tags(tags: Sequence[str]) -> str:
    """Return tags as they are stored: a JSON array without spaces."""
    return _encode_tags(tags).decode()


def fitting_tags(tags: str) -> tuple[str, ...]:
    """Return the tags of a stored row, of which a database can make an index.

    Raises:
        Unfit: it cannot.
    """
    try:
        found = TAGS.decode(tags)
    except msgspec.DecodeError as error:
        raise Unfit(f"its tags cannot be read: {error}") from error
    if any("\0" in tag for tag in found):
        raise Unfit("a tag has a NUL character")
    return found


def must_be_empty(head: int) -> None:
    """Refuse to take a whole history in where there is one.

    Raises:
        InvalidInput: the last position is not 0.
    """
    if head:
        raise InvalidInput(
            "only an empty ledger takes in a history as it was recorded, and this one has entries up to "
            f"position {head:,}; name a new one, or import the history by the rules",
            field="source",
        )


def damaged_tags(position: int, error: Exception) -> Damaged:
    """Return the error that the tags of a stored row cannot be read."""
    return Damaged(f"position {position}: its tags cannot be read: {error}; {how_to_void(position)}")


def without_details(error: Exception) -> str:
    """Return what a database says is wrong, without the row that it may quote."""
    return str(error).partition("\nDETAIL")[0]


class Rows(Protocol):
    """The entries that a read found, in order of position; they can be iterated once."""

    @property
    def head(self) -> int | None:
        """The log's last position as of the read, or with a limit that of the last entry."""

    def rows(self) -> Iterator[Stored]:
        """Yield them as they are stored."""

    def parsed(self, past: Container[int] = ()) -> Iterator[Parsed]:
        """Yield them with their tags read, but for those at positions to be read past.

        Raises:
            Damaged: the tags of an entry cannot be read.
        """


REPAIR: Final = (
    "Find out who did that; then `reps-ledger repair` makes guards again and removes what is foreign. "
    "`reps-ledger check` judges what is in the log"
)
"""What to do where the tables of a log are not as this project makes them."""


@runtime_checkable
class SelfChecking(Protocol):
    """Storage that can check itself for damage."""

    def schema_check(self) -> list[str]:
        """Return what is missing, changed or foreign among its tables and what acts on them, in words."""

    def structure_check(self) -> list[str]:
        """Return what is wrong with it but for the index of tags, in words."""

    def index_check(self, fingerprint: TagFingerprint) -> list[str]:
        """Return where the index of tags differs from the entries' tags, in words."""


@runtime_checkable
class Storage(Protocol):
    """Where entries are stored."""

    @property
    def path(self) -> Path | None:
        """The file; None where it is not kept in a file."""

    def head(self) -> int:
        """Return the last position, 0 where there is no entry."""

    def read_rows(self, query: DCBQuery, *, after: int | None, limit: int | None) -> Rows:
        """Return the entries after a position that match a query, at most ``limit`` of them."""


@runtime_checkable
class Indexed(Protocol):
    """Storage whose tags and positions can be looked up, also by who reads everything."""

    def tags_from(self, prefix: str, *, after: str, limit: int) -> list[str]:
        """Return tags that begin with a prefix, in order, after a tag: at most ``limit`` of them."""

    def rows_at(self, positions: Sequence[int]) -> list[Stored]:
        """Return the entries at these positions, in any order."""


class Unfit(Exception):
    """An entry that the log cannot hold as it was recorded; it says why."""


@runtime_checkable
class Loading(Protocol):
    """Storage that takes the entries of another log as they were recorded."""

    def load_rows(self, rows: Iterable[Stored]) -> int:
        """Take all rows in one transaction, into an empty log; return how many they are.

        Raises:
            InvalidInput: the log is not empty. The rows were not looked at.
            Unfit: the last row that was taken cannot be held; nothing is kept.
        """


NOT_SOUND: Final = "nothing was redacted, as what is sealed there is not written as a ledger writes it"
"""Why a database refuses to redact what somebody else wrote, in words."""


@runtime_checkable
class Redacting(Protocol):
    """Storage in which ciphertexts can be destroyed, and nothing else be changed.

    Attributes:
        keeps: what the storage keeps of what was redacted, also after `purge`, until others do something.
    """

    keeps: tuple[str, ...]

    def must_be_redactable(self) -> None:
        """Raise an error where whoever asks may not redact.

        Raises:
            ReadOnly: they may not.
        """

    def redact_rows(self, positions: Iterable[int], change: Callable[[int, bytes], bytes]) -> None:
        """Change the stored bytes of rows, all in one transaction and for good.

        Args:
            positions: of the rows.
            change: from a position and its stored bytes to what is to be stored there: the same, but for
                ciphertexts that became null.
        """

    def purge(self, *, waits: bool) -> list[str]:
        """Leave nothing of what was redacted in any file; return why that could not be, in words.

        Args:
            waits: whether to wait for others who read what was there before.
        """


@runtime_checkable
class Transactional(Protocol):
    """Storage in which one can read, judge and append while nobody else appends."""

    @property
    def inside(self) -> DCBRecorder:
        """The log inside of the transaction that `together` makes."""

    def together(self, work: Callable[[], T], *, undone: Callable[[], None], weight: int) -> T:
        """Do something `inside` of a transaction that other threads may share; see `GroupCommit.run`."""


@runtime_checkable
class Copied(Protocol):
    """Storage that can copy itself into a file, or say how it is copied."""

    def backup(
        self, target: str | os.PathLike[str], on_progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Copy it as it is now into a new file, and return the copy's last position."""


class _Recorder:
    """A recorder of the library, adapted to `Storage`."""

    path: Path | None = None

    def __init__(self, recorder: DCBRecorder) -> None:
        self._recorder = recorder

    def head(self) -> int:
        response = self._recorder.read(_NO_ENTRY)
        list(response)
        return response.head or 0

    def read_rows(self, query: DCBQuery, *, after: int | None, limit: int | None) -> Rows:
        return _Events(self._recorder.read(query, after=after, limit=limit))


class _Events:
    """The library's events, adapted to `Rows`."""

    def __init__(self, response: DCBReadResponse) -> None:
        self._response = response

    @property
    def head(self) -> int | None:
        return self._response.head

    def rows(self) -> Iterator[Stored]:
        for event in self._response:
            inner = event.event
            yield event.position, inner.type, inner.data, encoded_tags(inner.tags)

    def parsed(self, past: Container[int] = ()) -> Iterator[Parsed]:
        for event in self._response:
            if event.position not in past:
                inner = event.event
                if None in inner.tags:  # as an array in PostgreSQL may have it
                    raise damaged_tags(event.position, ValueError("one is null"))
                yield event.position, inner.type, inner.data, inner.tags


def storage_of(recorder: DCBRecorder) -> Storage:
    """Return a recorder as storage: itself where it is one, or adapted."""
    return recorder if isinstance(recorder, Storage) else _Recorder(recorder)
