"""The verifier of audit bundles: needs a bundle and a public key, and neither ledger nor database.

A bundle is one JSON file: entries as they were stored, each with a proof that it is in the
ledger's tree, and the signed checkpoint of that tree. It proves of every entry that it was
recorded as it is, at its place. It does not prove that there are no others.

A bundle comes from anybody, so that nothing in it is believed: it is limited in size and depth,
everything in it has one way only to be written, and the first thing wrong ends the reading.
"""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from reps_ledger.audit.checkpoints import SignedCheckpoint, read_checkpoint
from reps_ledger.audit.leaves import entry_hash
from reps_ledger.audit.merkle import HASH_BYTES, MAX_PATH, verify_inclusion
from reps_ledger.audit.notes import VerifyingKey
from reps_ledger.audit.reading import base64_of, document_of, fields_of, number_of, text_of
from reps_ledger.domain.limits import MAX_ENTRY_BYTES, MAX_NAME
from reps_ledger.errors import InvalidBundle, InvalidProof

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

__all__ = [
    "FORMAT",
    "MAX_BUNDLE",
    "MAX_ENTRIES",
    "BundledEntry",
    "VerifiedBundle",
    "verify_bundle",
    "written",
]

FORMAT: Final = "reps-ledger audit bundle 1"
"""What a bundle says it is; a newer one says another number."""

MAX_BUNDLE: Final = 256 * 1024 * 1024
"""Bytes of a bundle at most."""

MAX_ENTRIES: Final = 100_000
"""Entries of a bundle at most."""

_MAX_TAGS: Final = MAX_ENTRY_BYTES
_FIELDS: Final = frozenset({"format", "about", "checkpoint", "entries"})
_ABOUT: Final = frozenset({"member", "review"})
_ENTRY: Final = frozenset({"index", "position", "name", "data", "tags", "proof"})


@frozen(kw_only=True)
class BundledEntry:
    """An entry of a bundle, as it was stored.

    Attributes:
        index: of its leaf: how many entries come before it.
        position: its position in its log.
        name: its stored name.
        data: its stored bytes: JSON.
        tags: its tags, as a JSON array.
        path: the proof that it is in the tree.
    """

    index: int
    position: int
    name: str
    data: bytes = field(repr=False)
    tags: str = field(repr=False)
    path: tuple[bytes, ...] = field(repr=False)

    @property
    def says(self) -> Any:
        """What the stored bytes say, as plain values; None where they are no JSON."""
        try:
            return json.loads(self.data)
        except (ValueError, RecursionError):
            return None


@frozen(kw_only=True)
class VerifiedBundle:
    """A bundle of which everything was proved.

    Attributes:
        about: whom or what it says it is about: ``("member", "ana")``. That is not proved.
        checkpoint: of which tree.
        entries: what was proved, in order of position.
    """

    about: tuple[str, str]
    checkpoint: SignedCheckpoint
    entries: tuple[BundledEntry, ...]

    def words(self) -> str:
        """Say what was proved, and what was not."""
        kind, name = self.about
        count = len(self.entries)
        return (
            f"{count:,} {'entry' if count == 1 else 'entries'} about the {kind} {name}: each was "
            f"recorded as it is here, among the first {self.checkpoint.size:,} of "
            f"{self.checkpoint.origin}. That there are no others is not proved."
        )

    def __str__(self) -> str:
        return self.words()


def written(
    about: tuple[str, str], checkpoint: SignedCheckpoint, entries: Sequence[BundledEntry]
) -> bytes:
    """Return the bytes of a bundle."""
    return json.dumps(
        {
            "format": FORMAT,
            "about": dict([about]),
            "checkpoint": checkpoint.note,
            "entries": [
                {
                    "index": entry.index,
                    "position": entry.position,
                    "name": entry.name,
                    "data": b64encode(entry.data).decode(),
                    "tags": entry.tags,
                    "proof": [b64encode(each).decode() for each in entry.path],
                }
                for entry in entries
            ],
        },
        indent=1,
        ensure_ascii=False,
    ).encode()


def verify_bundle(
    bundle: bytes | str | os.PathLike[str], key: VerifyingKey | str
) -> VerifiedBundle:
    """Check a bundle: its signature, and the proof of every entry.

    Args:
        bundle: its bytes, or the path of its file.
        key: the public key that should have signed its checkpoint.

    Raises:
        InvalidBundle: it cannot be read.
        InvalidNote: its checkpoint, or the key, cannot be read.
        InvalidSignature: the checkpoint is not signed by the key.
        InvalidProof: an entry is not what the checkpoint signed.
        OSError: the file cannot be read.
    """
    key = VerifyingKey.parse(key) if isinstance(key, str) else key
    document = _document(bundle if isinstance(bundle, bytes) else _bytes_of(Path(bundle)))
    about = _about(document["about"])
    checkpoint = read_checkpoint(text_of(document["checkpoint"], "checkpoint"))
    checkpoint.verify(key)
    rows = document["entries"]
    if not isinstance(rows, list) or len(rows) > MAX_ENTRIES:
        raise InvalidBundle(f"entries: a list of at most {MAX_ENTRIES:,}", field="entries")
    entries: list[BundledEntry] = []
    before: BundledEntry | None = None
    for number, row in enumerate(rows):
        where = f"entries[{number}]"
        entry = _entry(row, where)
        if before is not None and not (
            before.index < entry.index and before.position < entry.position
        ):
            raise InvalidBundle(f"{where}: entries are in order, each once", field=where)
        _prove(entry, checkpoint, where)
        entries.append(entry)
        before = entry
    return VerifiedBundle(about=about, checkpoint=checkpoint, entries=tuple(entries))


def _prove(entry: BundledEntry, checkpoint: SignedCheckpoint, where: str) -> None:
    if entry.index >= checkpoint.size:
        raise InvalidBundle(
            f"{where}: index {entry.index} is beyond the checkpoint's {checkpoint.size}",
            field=where,
        )
    leaf = entry_hash(entry.position, entry.name, entry.data, entry.tags)
    try:
        verify_inclusion(entry.index, checkpoint.size, leaf, entry.path, checkpoint.root)
    except InvalidProof as error:
        raise InvalidProof(f"{where}, position {entry.position}: {error}") from error


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BUNDLE + 1)


def _document(data: bytes) -> dict[str, Any]:
    found = document_of(data, MAX_BUNDLE, "a bundle")
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        told = found.get("format") if isinstance(found, dict) else None
        raise InvalidBundle(f"this is no {FORMAT!r}; it says {told!r:.60}", field="format")
    return fields_of(found, _FIELDS, "the bundle")


def _about(value: Any) -> tuple[str, str]:
    match value:
        case dict() if len(value) == 1:
            ((kind, name),) = value.items()
            if kind in _ABOUT:
                return kind, text_of(name, f"about.{kind}", most=MAX_NAME)
    raise InvalidBundle("about: names a member or a review", field="about")


def _entry(row: Any, where: str) -> BundledEntry:
    found = fields_of(row, _ENTRY, where)
    proof = found["proof"]
    if not isinstance(proof, list) or len(proof) > MAX_PATH:
        raise InvalidBundle(f"{where}.proof: a list of at most {MAX_PATH} hashes", field=where)
    path = tuple(base64_of(each, f"{where}.proof", most=HASH_BYTES) for each in proof)
    data = base64_of(found["data"], f"{where}.data", most=MAX_ENTRY_BYTES)
    return BundledEntry(
        index=number_of(found["index"], f"{where}.index"),
        position=number_of(found["position"], f"{where}.position"),
        name=text_of(found["name"], f"{where}.name", most=MAX_NAME),
        data=data,
        tags=text_of(found["tags"], f"{where}.tags", most=_MAX_TAGS),
        path=path,
    )
