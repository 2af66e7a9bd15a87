"""Texts that were given to somebody: for each a key that opens it and no other, beside an audit bundle.

A bundle proves what was recorded, and of a sealed text only what commits to its ciphertext. Whoever is given
the bundle and this file can check of each of these texts that it is the one that was sealed in that entry, in
that field, about that person: the commitment is in the entry, which is proved, and the ciphertext opens by
its key in that place alone. The file opens nothing else: a key of one text is a hash of its owner's.

The file is JSON: the ledger's identifier, of each text the position of its entry, its field and its key; and
what the ledger says of texts that it could not open any more, which is not proved.
"""

from __future__ import annotations

import json
import os
from base64 import b64encode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from attrs import frozen

from reps_ledger.audit import BundledEntry, VerifiedBundle
from reps_ledger.audit.verifier import base64_of, document_of, fields_of, number_of, text_of
from reps_ledger.domain.arguments import checked
from reps_ledger.domain.sealed import ERASED, LOST, Sealed
from reps_ledger.domain.validation import MAX_NAME
from reps_ledger.errors import InvalidBundle
from reps_ledger.log.codec import UNREADABLE
from reps_ledger.log.sealing import sealed_in
from reps_ledger.privacy.sealing import KEY_BYTES, open_sealed

FORMAT: Final = "reps-ledger texts 1"
"""The format that a file of texts names."""

MAX_TEXTS: Final = 64 * 1024 * 1024
"""Bytes of a file of texts at most."""

_MOST: Final = 200_000
_FIELDS: Final = frozenset({"format", "ledger", "keys", "gone"})
_KEY: Final = frozenset({"position", "path", "key"})
_GONE: Final = frozenset({"position", "path", "reads"})

T = TypeVar("T")
Place = tuple[int, str]
"""The position of an entry, and a field."""


@frozen(kw_only=True)
class RevealedText:
    """A text that was opened, and is the one that was sealed.

    Attributes:
        position: of its entry.
        entry: the entry's id.
        member: whom it is about; "" for nobody.
        fact: the stored name of the entry's fact.
        path: the field.
        text: what was sealed.
    """

    position: int
    entry: str
    member: str
    fact: str
    path: str
    text: str


@frozen(kw_only=True)
class RevealedTexts:
    """What the sealed texts of a bundle come to.

    Attributes:
        ledger: the identifier of the ledger.
        texts: those that were opened, each proved.
        redacted: those whose ciphertext was destroyed.
        gone: those that the ledger says it could not open any more, with what they read as there.
        sealed: those to which no key was given: texts about others are among them.
    """

    ledger: str
    texts: tuple[RevealedText, ...]
    redacted: tuple[Place, ...]
    gone: Mapping[Place, str]
    sealed: tuple[Place, ...]

    def words(self) -> str:
        """Say what was proved, and what was not."""
        return (
            f"{len(self.texts):,} texts were opened: each is what was sealed in its entry and field.\n"
            f"{len(self.redacted):,} more were redacted, {len(self.gone):,} cannot be opened any more as the "
            f"ledger says, and of {len(self.sealed):,} no key was given."
        )

    def __str__(self) -> str:
        return self.words()


def texts_bytes(ledger: str, keys: Mapping[Place, bytes], gone: Mapping[Place, str]) -> bytes:
    """Return the file of texts that are given to somebody.

    Args:
        ledger: the identifier of the ledger.
        keys: the key of each text.
        gone: what texts read as that cannot be opened any more.
    """
    return json.dumps(
        {
            "format": FORMAT,
            "ledger": ledger,
            "keys": [
                {"position": position, "path": path, "key": b64encode(key).decode()}
                for (position, path), key in sorted(keys.items())
            ],
            "gone": [
                {"position": position, "path": path, "reads": reads}
                for (position, path), reads in sorted(gone.items())
            ],
        },
        indent=1,
        ensure_ascii=False,
    ).encode()


@checked
def open_texts(bundle: VerifiedBundle, texts: bytes | str | os.PathLike[str]) -> RevealedTexts:
    """Open the sealed texts of a bundle to which keys were given, and check that each is what was sealed.

    Args:
        bundle: what `reps_ledger.audit.verify_bundle` returned.
        texts: the file of texts, or its path.

    Raises:
        InvalidBundle: it is not written as a file of texts is, or is not of this bundle.
        TamperedSeal: a ciphertext is not what its entry commits to.
        WrongKey: a key does not open its text, or the ledger is another.
        OSError: the file cannot be read.
        MissingExtra: the extra ``privacy`` is not installed.
    """
    ledger, keys, gone = _read(texts if isinstance(texts, bytes) else _bytes_of(Path(texts)))
    opened: list[RevealedText] = []
    redacted: list[Place] = []
    rest: list[Place] = []
    said: dict[Place, str] = {}
    for entry in bundle.entries:
        for text in _sealed_beside(entry, ledger):
            place = entry.position, text.place.path
            key = keys.pop(place, None)
            reads = gone.pop(place, None)
            if text.blob is None:
                redacted.append(place)
            elif key is not None:
                opened.append(_opened(entry, text, key))
            elif reads is not None:
                said[place] = reads
            else:
                rest.append(place)
    for position, path in (*keys, *gone):
        raise InvalidBundle(f"position {position}: nothing is sealed there for {path:.60}", field="keys")
    return RevealedTexts(
        ledger=ledger, texts=tuple(opened), redacted=tuple(redacted), gone=said, sealed=tuple(rest)
    )


def _opened(entry: BundledEntry, text: Sealed, key: bytes) -> RevealedText:
    place = text.place
    return RevealedText(
        position=entry.position,
        entry=place.entry,
        member=place.member,
        fact=place.fact,
        path=place.path,
        text=open_sealed(text, key),
    )


def _sealed_beside(entry: BundledEntry, ledger: str) -> Iterable[Sealed]:
    """Return what is sealed beside an entry, as it stands in a ledger."""
    found = []
    with suppress(*UNREADABLE):  # what is no entry has no seals
        for text in sealed_in(entry.data, entry.name):
            place = text.place._replace(ledger=ledger)
            found.append(Sealed.of(place, text.key, text.committed, text.salt, text.blob))
    return found


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_TEXTS + 1)


def _read(data: bytes) -> tuple[str, dict[Place, bytes], dict[Place, str]]:
    """Return a file of texts: the ledger, the keys, and what the ledger says of others.

    Raises:
        InvalidBundle: it is not written as such.
    """
    found = document_of(data, MAX_TEXTS, "a file of texts")
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        told = found.get("format") if isinstance(found, dict) else None
        raise InvalidBundle(f"this is no {FORMAT!r}; it says {told!r:.60}", field="format")
    fields = fields_of(found, _FIELDS, "a file of texts")
    keys: dict[Place, bytes] = {}
    for where, row in _rows(fields["keys"], "keys", _KEY):
        key = base64_of(row["key"], f"{where}.key", most=KEY_BYTES)
        if len(key) != KEY_BYTES:
            raise InvalidBundle(f"{where}.key: a key has {KEY_BYTES} bytes", field=where)
        _once(keys, _place(row, where), key, where)
    gone: dict[Place, str] = {}
    for where, row in _rows(fields["gone"], "gone", _GONE):
        reads = text_of(row["reads"], f"{where}.reads", most=MAX_NAME)
        if reads not in (ERASED, LOST):
            raise InvalidBundle(f"{where}.reads: {ERASED} or {LOST}", field=where)
        _once(gone, _place(row, where), reads, where)
    return text_of(fields["ledger"], "ledger", most=MAX_NAME), keys, gone


def _rows(value: object, name: str, fields: frozenset[str]) -> Iterable[tuple[str, dict[str, object]]]:
    if not isinstance(value, list) or len(value) > _MOST:
        raise InvalidBundle(f"{name}: a list of at most {_MOST:,}", field=name)
    return [
        (f"{name}[{number}]", fields_of(row, fields, f"{name}[{number}]")) for number, row in enumerate(value)
    ]


def _place(row: Mapping[str, object], where: str) -> Place:
    return number_of(row["position"], f"{where}.position"), text_of(
        row["path"], f"{where}.path", most=MAX_NAME
    )


def _once(known: dict[Place, T], place: Place, value: T, where: str) -> None:
    if place in known:
        raise InvalidBundle(f"{where}: each text once", field=where)
    known[place] = value
