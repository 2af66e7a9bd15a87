"""Every error that reps-ledger raises on purpose.

The tree::

    LedgerError
    ├── Refused                 a rule says no; nothing was written
    ├── InvalidInput            (also a ValueError) an argument or a value cannot be accepted
    │   ├── InvalidFact         a fact's field has a value that it may not have
    │   ├── InvalidBundle       an audit bundle that cannot be read
    │   ├── InvalidNote         a key, a signed note or a checkpoint that cannot be read
    │   ├── InvalidPolicy       a policy, a charter or a document of one that makes no sense
    │   ├── InvalidTime         a naive datetime, a date that does not exist, an unknown zone
    │   ├── PathTaken           something is at a path that would be lost; nothing was written
    │   └── TooLarge            past a documented limit
    ├── ConfigurationError      how the ledger was opened cannot work
    │   ├── InvalidFactType     a class that cannot be stored as a fact
    │   ├── OtherZone           a ledger keeps its time zone, and another was given
    │   ├── UpcasterGap         no way from an old schema version to the present one
    │   └── MissingExtra        an optional dependency is not installed
    ├── CodecError              stored bytes that cannot be read as a fact
    │   ├── UnknownFact         a stored name that this ledger was not told of
    │   ├── UnknownVersion      a schema version newer than the code
    │   └── Malformed           wrong fields, wrong types, not JSON
    ├── NotFound                no such entry, or no such position
    ├── NotProved               what should be proved is not
    │   ├── Inconsistent        the log is not what it was when it was last looked at
    │   ├── InvalidSignature    a note is not signed by that key, or signed wrongly
    │   └── InvalidProof        a proof does not lead to the root
    ├── ImportStopped           an import with on_refused="stop" met a row that it refuses
    ├── PrivacyError            sealed text, and the keys to it
    │   ├── Erased              keys were destroyed, as they were to be
    │   ├── Redacted            the ciphertext was destroyed
    │   ├── TamperedSeal        the ciphertext is not what was sealed
    │   ├── UnknownSeal         sealed in a way that this code does not know
    │   ├── WrongKey            a key does not open what is sealed
    │   └── WrongKeys           the key store is that of another ledger
    └── StorageError            the log itself
        ├── Conflict            others kept recording in between; retries are used up
        ├── NotALedger          the file is something else
        ├── NewerFormat         the file was written by a later version
        ├── NotOffered          what keeps the log cannot do that, however it is asked
        ├── ReadOnly            the file or its folder cannot be written
        ├── Busy                another process holds the write lock for too long
        ├── Damaged             the database is corrupt
        │   └── Altered         its tables or guards are not as this project makes them
        └── Closed              the ledger was closed

Each carries what a program needs as attributes; ``str()`` is for people, and says what to do.

A rule's no, as a value: gathered and shown together, not raised one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

__all__ = [
    "Altered",
    "Busy",
    "Closed",
    "CodecError",
    "ConfigurationError",
    "Conflict",
    "Damaged",
    "Erased",
    "ImportStopped",
    "Inconsistent",
    "InvalidBundle",
    "InvalidFact",
    "InvalidFactType",
    "InvalidInput",
    "InvalidNote",
    "InvalidPolicy",
    "InvalidProof",
    "InvalidSignature",
    "InvalidTime",
    "LedgerError",
    "Malformed",
    "MissingExtra",
    "NewerFormat",
    "NotALedger",
    "NotFound",
    "NotOffered",
    "NotProved",
    "OtherZone",
    "PathTaken",
    "PrivacyError",
    "ReadOnly",
    "Redacted",
    "Refusal",
    "Refused",
    "StorageError",
    "TamperedSeal",
    "TooLarge",
    "UnknownFact",
    "UnknownSeal",
    "UnknownVersion",
    "UpcasterGap",
    "WrongKey",
    "WrongKeys",
]


class LedgerError(Exception):
    """The root of all errors here."""


class Refused(LedgerError):
    """A rule says no. Nothing was written.

    Attributes:
        refusals: every refusal, each with a code, words and the ids of the entries behind it.
    """

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        super().__init__("; ".join(refusal.words for refusal in self.refusals))

    @property
    def codes(self) -> tuple[str, ...]:
        """The refusals' codes, in order."""
        return tuple(refusal.code for refusal in self.refusals)


class InvalidInput(LedgerError, ValueError):
    """An argument or a value that cannot be accepted.

    Attributes:
        field: the field or argument at fault, where there is one.
    """

    def __init__(self, words: str, *, field: str | None = None) -> None:
        self.field = field
        super().__init__(words)


class InvalidFact(InvalidInput):
    """A fact's field has a value that it may not have."""


class InvalidBundle(InvalidInput):
    """An audit bundle that cannot be read: it is too large, or not what a bundle is."""


class InvalidNote(InvalidInput):
    """A key, a signed note or a checkpoint that cannot be read."""


class InvalidPolicy(InvalidInput):
    """A policy, a condition, a charter, or a document of one, that makes no sense.

    Attributes:
        place: where in the document, such as ``cases[2].when.count.within``; empty for a
            value that was built in Python.
        key: which field of what was built is wrong, where the place does not say it.
    """

    def __init__(self, words: str, *, place: str = "", key: str = "") -> None:
        self.place = place
        self.key = key
        self.words = words
        super().__init__(f"{place}: {words}" if place else words, field=place or None)


class InvalidTime(InvalidInput):
    """A naive datetime, an instant out of range, or an unknown time zone."""


class PathTaken(InvalidInput):
    """What is at a path is not ours to write over, or was not to be replaced; nothing was written."""


class TooLarge(InvalidInput):
    """A value past one of the limits in ``reps_ledger.domain.validation``."""


class ConfigurationError(LedgerError):
    """How the ledger was opened cannot work."""


class InvalidFactType(ConfigurationError):
    """A class that cannot be stored as a fact."""


class OtherZone(ConfigurationError):
    """A ledger keeps its time zone, and was opened with another.

    Attributes:
        own: the zone that the ledger declares.
        given: the other.
    """

    def __init__(self, own: str, given: str) -> None:
        self.own = own
        self.given = given
        super().__init__(
            f"this ledger's days are read in {own}, and it was opened with {given}; leave the zone out, "
            f"and ask a view for days in {given} with view.in_zone({given!r}), or change it for "
            f"good with ledger.declare(zone={given!r}, …)"
        )


class UpcasterGap(ConfigurationError):
    """There is no way from an old schema version to the present one."""


class MissingExtra(ConfigurationError):
    """An optional dependency is not installed.

    Attributes:
        extra: what to install, as in ``pip install 'reps-ledger[extra]'``.
    """

    def __init__(self, extra: str, purpose: str) -> None:
        self.extra = extra
        super().__init__(f"{purpose} needs an extra: pip install 'reps-ledger[{extra}]'")


def how_to_void(position: int) -> str:
    """Return what to do about an entry that cannot be read, in words."""
    return (
        f"where nobody can read it, `reps-ledger void {position}` or ledger.void({position}, by=…, reason=…) "
        "has everybody read past it"
    )


class CodecError(LedgerError):
    """Stored bytes that cannot be read as a fact.

    Attributes:
        position: where in the log, or None if it is not from a log.
        entry_id: the entry, if its id could be read.
    """

    def __init__(self, words: str, *, position: int | None = None, entry_id: str | None = None) -> None:
        self.words = words
        self.position = position
        self.entry_id = entry_id
        where = [f"position {position}"] if position is not None else []
        where += [f"entry {entry_id}"] if entry_id is not None else []
        super().__init__(f"{', '.join(where)}: {words}" if where else words)


class UnknownFact(CodecError):
    """A stored name that this ledger was not told of; pass its class to ``open(facts=…)``."""


class UnknownVersion(CodecError):
    """A schema version that this code does not know; use a newer version of the code."""


class Malformed(CodecError):
    """Not JSON, or not the fields and types that the fact has."""


class NotFound(LedgerError):
    """No such entry, or no such position."""


class NotProved(LedgerError):
    """What should be proved is not: believe nothing of it."""


class Inconsistent(NotProved):
    """The log is not what it was: something in it was changed or removed."""


class InvalidSignature(NotProved):
    """A note is not signed by the key that is asked for, or signed wrongly."""


class InvalidProof(NotProved):
    """A proof does not lead to the root."""


class ImportStopped(LedgerError):
    """An import with ``on_refused="stop"`` met a row that it refuses; nothing of it was kept.

    Attributes:
        line: the line of the row, from 1.
        reasons: why, in words.
    """

    def __init__(self, line: int, reasons: Sequence[str]) -> None:
        self.line = line
        self.reasons = tuple(reasons)
        super().__init__(f"line {line}: {'; '.join(self.reasons)}; nothing was imported")


class PrivacyError(LedgerError):
    """Sealed text or the keys to it. No message quotes a personal text, an account or a key."""


class Erased(PrivacyError):
    """Keys were destroyed, as they were to be; for a person who was erased nothing is made any more.

    Attributes:
        member: the person's identifier; or "" where the text is about nobody.
    """

    def __init__(self, member: str) -> None:
        self.member = member
        super().__init__(
            f"this was erased, of {member or 'nobody'}: its keys were destroyed, and none are made again"
        )


class Redacted(PrivacyError):
    """The ciphertext of a text was destroyed; what commits to it stays."""


class TamperedSeal(PrivacyError):
    """The ciphertext is not what was sealed: it was changed, exchanged or cut short."""


class UnknownSeal(PrivacyError):
    """Sealed in a way that this code does not know; use a newer version of the code."""


class WrongKey(PrivacyError):
    """A key does not open what is sealed: it is another key, or the text was sealed for another place."""


class WrongKeys(PrivacyError):
    """The key store is that of another ledger.

    Attributes:
        own: the identifier of the store's ledger.
        given: of the other.
    """

    def __init__(self, own: str, given: str) -> None:
        self.own = own
        self.given = given
        super().__init__(f"this key store is that of the ledger {own}, and cannot serve {given}")


class StorageError(LedgerError):
    """The log could not do what was asked."""


class Conflict(StorageError):
    """Others kept recording what this depends on; nothing was written. Try again."""


class NotALedger(StorageError):
    """The file or database is something else."""


class NewerFormat(StorageError):
    """The log was written by a later version of reps-ledger."""


class NotOffered(StorageError):
    """What keeps the log cannot do that, however it is asked."""


class ReadOnly(StorageError):
    """The file or its folder cannot be written, or this role may not write."""


class Busy(StorageError):
    """Another process held the write lock for longer than the timeout; nothing was written."""


class Damaged(StorageError):
    """The database is corrupt."""


class Altered(Damaged):
    """Tables, indexes, triggers or functions of the log are not those that this project makes."""


class Closed(StorageError):
    """The ledger was closed."""


@frozen(kw_only=True)
class Refusal:
    """Why a fact may not be recorded.

    Attributes:
        code: a stable name for programs, such as ``not_joined``.
        words: a sentence for the person who tried.
        entries: ids of the recorded entries that caused it.
        index: which fact of a batch, from 0.
        clause: the clause of the charter that refuses, which a waiver may lift; None where
            nothing can.
    """

    code: str
    words: str
    entries: tuple[str, ...] = ()
    index: int = 0
    clause: str | None = None
