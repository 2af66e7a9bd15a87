"""Checkpoints: a ledger's size and the root of its tree, signed (c2sp.org/tlog-checkpoint).

A checkpoint is a signed note (c2sp.org/signed-note): a text, an empty line, and Ed25519
signatures, each on a line. Signing and verifying need the extra ``audit``.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from hashlib import sha256
from types import ModuleType
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from reps_ledger.audit.merkle import EMPTY, HASH_BYTES
from reps_ledger.domain.arguments import checked
from reps_ledger.errors import InvalidNote, InvalidSignature, MissingExtra

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


MAX_NOTE: Final = 256 * 1024
"""Characters of a note at most."""

MAX_SIGNATURES: Final = 64
"""Signatures of a note at most."""

MAX_KEY: Final = 1_000
"""Characters of a key at most."""

_ED25519: Final = b"\1"
_DASH: Final = "\N{EM DASH} "
_PRIVATE: Final = "PRIVATE+KEY+"
_ID: Final = re.compile(r"[0-9a-f]{8}\Z")
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4


def canonical_base64(text: str, what: str) -> bytes:
    """Decode base64 (RFC 4648, section 4), which must be written in the one canonical way.

    Args:
        text: what to decode.
        what: what it is, for error messages.

    Raises:
        InvalidNote: it is anything else, such as base64 with bits left over.
    """
    try:
        found = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not text or b64encode(found).decode() != text:
        raise InvalidNote(f"{what} is not base64")
    return found


def _ed25519() -> ModuleType:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise MissingExtra("audit", "signing and verifying checkpoints") from error
    return ed25519


def _is_name(name: str) -> bool:
    plain = name.isprintable() and "+" not in name and not any(c.isspace() for c in name)
    return bool(name) and plain and len(name) <= MAX_KEY


def _key_id(name: str, public: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:_ID_BYTES]


def _parsed(text: str, what: str) -> tuple[str, str, bytes]:
    """Split a written key into its name, its id in hexadecimal, and its 32 bytes."""
    name, _, rest = text.partition("+")
    named, _, encoded = rest.partition("+")
    if len(text) > MAX_KEY or not _is_name(name) or not _ID.match(named):
        raise InvalidNote(f"{what} is written name+id+base64, as C2SP signed notes say")
    data = canonical_base64(encoded, what)
    if data[:1] != _ED25519 or len(data) != 1 + _KEY_BYTES:
        raise InvalidNote(f"{what} is not an Ed25519 key")
    return name, named, data[1:]


_PRIME: Final = 2**255 - 19
_OF_ORDER_8: Final = 55188659117513257062467267217118295137698188065244968500265048394206261417927
_SMALL_ORDER: Final = frozenset({0, 1, _PRIME - 1, _OF_ORDER_8, _PRIME - _OF_ORDER_8})
"""The y coordinates of the points of small order on the curve of Ed25519 (RFC 8032, section 5.1)."""


def _is_weak(public: bytes) -> bool:
    """Whether a public key is a point of small order, or is not written in the one canonical way."""
    y = int.from_bytes(public, "little") & ((1 << 255) - 1)
    return y >= _PRIME or y in _SMALL_ORDER


@frozen
class VerifyingKey:
    """A public key, with which signatures are verified.

    Attributes:
        name: the name of the key, which is also the origin of the checkpoints that it signs.
        public: the 32 bytes of the Ed25519 key.
    """

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> VerifyingKey:
        """Read a key written ``name+id+base64``.

        Raises:
            InvalidNote: it is not written so.
        """
        name, named, public = _parsed(text.strip(), "a verifying key")
        key = cls(name, public)
        key._must_be_strong()
        if key.id.hex() != named:
            raise InvalidNote("the id of the verifying key is not that of its name and bytes")
        return key

    def _must_be_strong(self) -> None:
        if _is_weak(self.public):
            raise InvalidNote("the verifying key is weak: anybody could make signatures by it")

    @property
    def id(self) -> bytes:
        """The four bytes by which a signature names the key."""
        return _key_id(self.name, self.public)

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether a signature of a text was made with this key's private key.

        Raises:
            InvalidNote: the key is weak: anybody could make signatures by it.
            MissingExtra: the extra ``audit`` is not installed.
        """
        self._must_be_strong()
        ed25519 = _ed25519()
        from cryptography.exceptions import InvalidSignature as Wrong  # noqa: PLC0415 — an extra

        try:
            public = ed25519.Ed25519PublicKey.from_public_bytes(self.public)
            public.verify(signature, text.encode())
        except (Wrong, ValueError):
            return False
        return True

    def __str__(self) -> str:
        data = b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{self.id.hex()}+{data}"


@frozen
class SigningKey:
    """A private key, with which checkpoints are signed. Only `text` shows it.

    Attributes:
        name: the name of the key.
        seed: the 32 bytes of the Ed25519 key.
    """

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Read a key written ``PRIVATE+KEY+name+id+base64``.

        Raises:
            InvalidNote: it is not written so.
        """
        text = text.strip()
        if not text.startswith(_PRIVATE):
            raise InvalidNote("a signing key begins with PRIVATE+KEY+")
        name, named, seed = _parsed(text.removeprefix(_PRIVATE), "a signing key")
        key = cls(name, seed)
        if key.verifying.id.hex() != named:
            raise InvalidNote("the id of the signing key is not that of its name and bytes")
        return key

    @property
    def _private(self) -> Ed25519PrivateKey:
        key: Ed25519PrivateKey = _ed25519().Ed25519PrivateKey.from_private_bytes(self.seed)
        return key

    @property
    def verifying(self) -> VerifyingKey:
        """The public key that belongs to it."""
        return VerifyingKey(self.name, self._private.public_key().public_bytes_raw())

    @property
    def text(self) -> str:
        """The key as text, to be kept in a file that nobody else may read."""
        data = b64encode(_ED25519 + self.seed).decode()
        return f"{_PRIVATE}{self.name}+{self.verifying.id.hex()}+{data}"

    def signature(self, text: str) -> bytes:
        """Sign a text."""
        return self._private.sign(text.encode())


@checked
def make_key(name: str) -> SigningKey:
    """Make a new key.

    Args:
        name: the name of the key, without spaces and ``+``; best a URL without its scheme, such
            as ``example.org/reps``.

    Raises:
        InvalidNote: a key may not have that name.
        MissingExtra: the extra ``audit`` is not installed.
    """
    if not _is_name(name):
        raise InvalidNote(f"a key's name has no spaces and no +, and is not empty: {name!r:.60}")
    seed: bytes = _ed25519().Ed25519PrivateKey.generate().private_bytes_raw()
    return SigningKey(name, seed)


@frozen
class Signature:
    """One signature line of a note.

    Attributes:
        name: of the key.
        key_id: its four bytes.
        signature: the Ed25519 signature of the text.
    """

    name: str
    key_id: bytes
    signature: bytes


@frozen
class Note:
    """A note as it was read. Nothing in it can be trusted before `verify`.

    Attributes:
        text: what was signed; it ends in a newline.
        signatures: those that the note has.
    """

    text: str
    signatures: tuple[Signature, ...]

    def verify(self, key: VerifyingKey) -> None:
        """Check that a key signed the text.

        Raises:
            InvalidSignature: there is no signature of that key, or it is wrong.
        """
        own = [s for s in self.signatures if (s.name, s.key_id) == (key.name, key.id)]
        if not own:
            raise InvalidSignature(f"the note is not signed by {key.name}+{key.id.hex()}")
        for each in own:
            if not key.verifies(self.text, each.signature):
                raise InvalidSignature(f"the signature by {key.name}+{key.id.hex()} is wrong")


def sign(text: str, keys: Iterable[SigningKey]) -> str:
    """Return a note: a text that ends in a newline, and its signatures by some keys."""
    lines = []
    for key in keys:
        data = b64encode(key.verifying.id + key.signature(text)).decode()
        lines.append(f"{_DASH}{key.name} {data}\n")
    return f"{text}\n{''.join(lines)}"


def read_note(note: str) -> Note:
    """Read a note.

    Raises:
        InvalidNote: it is not written as a note is.
    """
    if len(note) > MAX_NOTE:
        raise InvalidNote(f"a note has at most {MAX_NOTE:,} characters")
    if any(character < " " and character != "\n" for character in note):
        raise InvalidNote("a note has no control characters")
    try:
        note.encode()
    except UnicodeEncodeError as error:
        raise InvalidNote("a note is valid Unicode") from error
    text, blank, rest = note.rpartition("\n\n")
    if not blank or not text or not rest.endswith("\n"):
        raise InvalidNote("a note is a text, an empty line and signatures, each ending its line")
    lines = rest[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise InvalidNote(f"a note has at most {MAX_SIGNATURES} signatures")
    return Note(text + "\n", tuple(_signature(line) for line in lines))


def _signature(line: str) -> Signature:
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not _is_name(name):
        raise InvalidNote("a signature line is a dash, the key's name and base64")
    data = canonical_base64(encoded, "a signature")
    if len(data) <= _ID_BYTES:
        raise InvalidNote("a signature is longer than the id of its key")
    return Signature(name, data[:_ID_BYTES], data[_ID_BYTES:])


MAX_SIZE: Final = 2**63 - 1
"""The largest size of a tree."""

_NUMBER: Final = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_LINES: Final = 3


@frozen(kw_only=True)
class SignedCheckpoint:
    """A checkpoint as it was read or made. ``str()`` gives the note, to be kept elsewhere.

    Attributes:
        origin: the name of the log, which is that of the key that signs for it.
        size: how many entries the tree has.
        root: the root of the tree.
        note: the whole note, with its signatures.
    """

    origin: str
    size: int
    root: bytes
    note: str = field(repr=False)
    _read: Note = field(repr=False, eq=False)

    def verify(self, key: VerifyingKey | str) -> None:
        """Check that a key signed it, and that its origin is that key's name.

        Raises:
            InvalidSignature: the key did not, or the origin is another.
            InvalidNote: the key is not written as a key is.
        """
        key = VerifyingKey.parse(key) if isinstance(key, str) else key
        self._read.verify(key)
        if self.origin != key.name:
            raise InvalidSignature(f"the checkpoint is of the log {self.origin}, not of {key.name}")

    def __str__(self) -> str:
        return self.note


@checked
def sign_checkpoint(size: int, root: bytes, key: SigningKey) -> SignedCheckpoint:
    """Sign the root of a tree; its origin is the key's name."""
    text = f"{key.name}\n{size}\n{b64encode(root).decode()}\n"
    return read_checkpoint(sign(text, [key]))


@checked
def read_checkpoint(note: str | SignedCheckpoint) -> SignedCheckpoint:
    """Read a checkpoint. Nothing in it can be trusted before it is verified.

    Raises:
        InvalidNote: it is not written as a checkpoint is.
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
