"""Checkpoints: the size and the root of a ledger's tree, signed (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from reps_ledger.audit.merkle import EMPTY, HASH_BYTES
from reps_ledger.audit.notes import Note, VerifyingKey, canonical_base64, read_note, sign
from reps_ledger.errors import InvalidNote, InvalidSignature

if TYPE_CHECKING:
    from reps_ledger.audit.notes import SigningKey

__all__ = ["MAX_SIZE", "SignedCheckpoint", "read_checkpoint", "sign_checkpoint"]

MAX_SIZE: Final = 2**63 - 1
"""The largest size of a tree."""

_NUMBER: Final = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_LINES: Final = 3


@frozen(kw_only=True)
class SignedCheckpoint:
    """A checkpoint as it was read or made. ``str()`` gives the note, to be kept elsewhere.

    Attributes:
        origin: whose log: the name of the key that signs for it.
        size: how many entries the tree has.
        root: its root.
        note: the whole note, with its signatures.
    """

    origin: str
    size: int
    root: bytes
    note: str = field(repr=False)
    _read: Note = field(repr=False, eq=False)

    def verify(self, key: VerifyingKey | str) -> None:
        """Check that it is signed by a key, for that key's own log.

        Raises:
            InvalidSignature: it is not.
            InvalidNote: the key is none.
        """
        key = VerifyingKey.parse(key) if isinstance(key, str) else key
        self._read.verify(key)
        if self.origin != key.name:
            raise InvalidSignature(f"the checkpoint is of the log {self.origin}, not of {key.name}")

    def __str__(self) -> str:
        return self.note


def sign_checkpoint(size: int, root: bytes, key: SigningKey) -> SignedCheckpoint:
    """Sign the root of a tree; its origin is the key's name."""
    text = f"{key.name}\n{size}\n{b64encode(root).decode()}\n"
    return read_checkpoint(sign(text, [key]))


def read_checkpoint(note: str | SignedCheckpoint) -> SignedCheckpoint:
    """Read a checkpoint. Nothing of it is to be believed before it is verified.

    Raises:
        InvalidNote: it is not one.
    """
    if isinstance(note, SignedCheckpoint):
        return note
    found = read_note(note)
    lines = found.text[:-1].split("\n")
    if len(lines) < _LINES or not all(lines):
        raise InvalidNote("a checkpoint has an origin, a size and a root, each on its line")
    origin, size, root, *_ = lines
    if not _NUMBER.match(size) or int(size) > MAX_SIZE:
        raise InvalidNote("the size of a checkpoint is a number without leading zeros")
    hashed = canonical_base64(root, "the root of a checkpoint")
    if len(hashed) != HASH_BYTES:
        raise InvalidNote(f"the root of a checkpoint has {HASH_BYTES} bytes")
    if size == "0" and hashed != EMPTY:
        raise InvalidNote("the root of no entries is the hash of nothing")
    return SignedCheckpoint(origin=origin, size=int(size), root=hashed, note=note, read=found)
