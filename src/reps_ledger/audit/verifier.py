"""The verifier of audit bundles and proofs. It needs a public key, and neither ledger nor database.

A bundle is one JSON file: entries as they were stored, each with a proof that it is in the
ledger's tree, and the signed checkpoint of that tree. It proves that each of these entries was
recorded as it is, at its position. It does not prove that there are no others.

A consistency proof is one JSON file too, for whoever holds two checkpoints and nothing else.

Either may come from anybody, so nothing in it is believed: its size and depth are limited, there
is only one way to write each value, and the first thing wrong ends the reading.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen

from reps_ledger.audit.checkpoints import MAX_SIZE, SignedCheckpoint, VerifyingKey, read_checkpoint
from reps_ledger.audit.merkle import HASH_BYTES, MAX_PATH, Consistency, verify_consistency, verify_inclusion
from reps_ledger.domain.arguments import checked
from reps_ledger.domain.sealed import SEALED, commitment
from reps_ledger.domain.validation import MAX_ENTRY_BYTES, MAX_NAME
from reps_ledger.errors import InvalidBundle, InvalidProof
from reps_ledger.interchange import JsonValue, read_json
from reps_ledger.leaves import entry_hash
from reps_ledger.salted import is_salted, open_part, salt_of, sealed_part


def document_of(data: bytes, most: int, what: str) -> object:
    """Read JSON strictly: no repeated names, no fractions, no NaN or infinity.

    Args:
        data: the file.
        most: bytes at most.
        what: what it is, for error messages.

    Raises:
        InvalidBundle: it is no such JSON, too large, or nested too deep.
    """
    if len(data) > most:
        raise InvalidBundle(f"{what} has at most {most:,} bytes")
    try:
        return read_json(data, whole_numbers=True)
    except ValueError as error:
        raise InvalidBundle(f"{what} is JSON, in UTF-8: {error}") from error


def fields_of(row: object, names: frozenset[str], where: str) -> dict[str, object]:
    """Return an object, which must have exactly these fields.

    Raises:
        InvalidBundle: it has not.
    """
    if not isinstance(row, dict) or row.keys() != names:
        raise InvalidBundle(f"{where}: has {', '.join(sorted(names))}, and nothing else")
    return row


def text_of(value: object, where: str, *, most: int = MAX_ENTRY_BYTES) -> str:
    """Return a text, which must be valid Unicode and not too long.

    Raises:
        InvalidBundle: it is not.
    """
    if not isinstance(value, str) or len(value) > most:
        raise InvalidBundle(f"{where}: a text of at most {most:,} characters", field=where)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidBundle(f"{where}: not valid Unicode", field=where) from error
    return value


def number_of(value: object, where: str) -> int:
    """Return a whole number, which must be from 0 to `MAX_SIZE`.

    Raises:
        InvalidBundle: it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SIZE:
        raise InvalidBundle(f"{where}: a whole number from 0", field=where)
    return value


def base64_of(value: object, where: str, *, most: int) -> bytes:
    """Return the bytes of a base64 text, which must be written in the one canonical way.

    Args:
        value: the text.
        where: its place in the file, for error messages.
        most: bytes at most.

    Raises:
        InvalidBundle: it is no such text.
    """
    text = text_of(value, where, most=4 * most // 3 + 4)
    try:
        found = b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidBundle(f"{where}: not base64", field=where) from error
    if b64encode(found).decode() != text:
        raise InvalidBundle(f"{where}: base64 is written in one way only", field=where)
    if len(found) > most:
        raise InvalidBundle(f"{where}: at most {most:,} bytes", field=where)
    return found


FORMAT: Final = "reps-ledger audit bundle 1"
"""The format that a bundle names; a newer format has another number."""

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
        path: the hashes that prove that it is in the tree.
    """

    index: int
    position: int
    name: str
    data: bytes = field(repr=False)
    tags: str = field(repr=False)
    path: tuple[bytes, ...] = field(repr=False)

    @property
    def says(self) -> JsonValue:
        """The stored bytes decoded from JSON, without what is sealed beside; None where they are no JSON."""
        try:
            return json.loads(open_part(self.data) if is_salted(self.data) else self.data)
        except (ValueError, RecursionError):
            return None


@frozen(kw_only=True)
class ProvedVoid:
    """A proved entry of a bundle that voids what is stored at another position.

    What was stored there cannot be read, and is read past by everybody.

    Attributes:
        position: what it voids.
        voided_at: its own position.
        reason: what is known of it.
    """

    position: int
    voided_at: int
    reason: str


@frozen(kw_only=True)
class VerifiedBundle:
    """A bundle whose entries were all proved.

    Attributes:
        about: whom or what it is about: ``("member", "ana")``. Each entry says so itself, by its proved
            tags, or belongs to one that does.
        checkpoint: what the proofs lead to.
        entries: the proved entries, in order of position.
    """

    about: tuple[str, str]
    checkpoint: SignedCheckpoint
    entries: tuple[BundledEntry, ...]

    @property
    def redacted(self) -> tuple[tuple[int, str], ...]:
        """The texts whose ciphertext was destroyed: the position of the entry, and the field."""
        return tuple(
            (entry.position, path)
            for entry in self.entries
            for path, text in _sealed(entry, "entries").items()
            if text is None
        )

    @property
    def voids(self) -> tuple[ProvedVoid, ...]:
        """What is voided by entries of the bundle."""
        return tuple(void for entry in self.entries if (void := _void_of(entry)) is not None)

    def words(self) -> str:
        """Say what was proved, and what was not; and what cannot be read, a line for each."""
        kind, name = self.about
        count = len(self.entries)
        said = (
            f"{count:,} {'entry' if count == 1 else 'entries'} about the {kind} {name}: each was "
            f"recorded as it is here, among the first {self.checkpoint.size:,} of "
            f"{self.checkpoint.origin}. That there are no others is not proved."
        )
        lines = [
            f"What is at position {void.position} cannot be read, and position {void.voided_at} voids it: "
            f"{void.reason}"
            for void in self.voids
        ]
        if redacted := len(self.redacted):
            lines.append(f"Of {redacted:,} sealed texts beside them the ciphertext was destroyed.")
        return "\n".join([said, *lines])

    def __str__(self) -> str:
        return self.words()


def bundle_bytes(
    about: tuple[str, str], checkpoint: SignedCheckpoint, entries: Sequence[BundledEntry]
) -> bytes:
    """Return a bundle as the bytes of its file; see `VerifiedBundle` for what each part is."""
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


@checked
def verify_bundle(bundle: bytes | str | os.PathLike[str], key: VerifyingKey | str) -> VerifiedBundle:
    """Check a bundle: its signature, and the proof of every entry.

    Args:
        bundle: its bytes, or the path of its file.
        key: the public key that should have signed its checkpoint.

    Raises:
        InvalidBundle: it is not written as a bundle is, or an entry is not about whom or what it says.
        InvalidNote: its checkpoint, or the key, is not written as such.
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
        if before is not None and not (before.index < entry.index and before.position < entry.position):
            raise InvalidBundle(f"{where}: entries are in order, each once", field=where)
        _prove(entry, checkpoint, where)
        entries.append(entry)
        before = entry
    _must_be_about(about, entries)
    return VerifiedBundle(about=about, checkpoint=checkpoint, entries=tuple(entries))


def _must_be_about(about: tuple[str, str], entries: Sequence[BundledEntry]) -> None:
    """Refuse entries that have nothing to do with whom or what a bundle says it is about.

    Their tags are part of their leaves, and so proved. Those about a member have the member's tag, or that
    of an identifier which a merge among them says is the same person; those of a review have its tag,
    are evidence that its decision names, or belong to the whole ledger. Amendments share a tag with what
    they amend.

    Raises:
        InvalidBundle: one belongs to somebody or something else, or none is about it.
    """
    kind, name = about
    tags = [_tags_of(entry, number) for number, entry in enumerate(entries)]
    known = {f"{kind}:{name}"}
    if not any(known & own for own in tags):
        raise InvalidBundle(f"no entry is about the {kind} {name}", field="about")
    belonging: set[int] = set()
    while True:
        before = len(belonging)
        for number, (entry, own) in enumerate(zip(entries, tags, strict=True)):
            if number in belonging or not (known & own or (kind == "review" and _of_ledger(own))):
                continue
            belonging.add(number)
            known |= {tag for tag in own if tag.startswith("entry:")}
            if kind == "member" and entry.name == "members.merged":
                known |= {tag for tag in own if tag.startswith("member:")}
            if kind == "review" and entry.name == "review.decided":
                known |= {f"entry:{each}" for each in _evidence(entry)}
        if len(belonging) == before:
            break
    for number, entry in enumerate(entries):
        if number not in belonging:
            where = f"entries[{number}]"
            raise InvalidBundle(
                f"{where}, position {entry.position}: it is not about the {kind} {name}", field=where
            )


def _of_ledger(tags: frozenset[str]) -> bool:
    return any(tag.startswith("ledger:") for tag in tags)


def _void_of(entry: BundledEntry) -> ProvedVoid | None:
    """Return what an entry voids; None where it is no void."""
    says = entry.says if entry.name == "entry.voided" else None
    match says:
        case {"fact": {"target_position": int(position), "reason": str(reason)}}:
            return ProvedVoid(position=position, voided_at=entry.position, reason=reason)
        case {"fact": {"target_position": int(position), "reason": {"sealed": _}}}:
            return ProvedVoid(position=position, voided_at=entry.position, reason=SEALED)
    return None


def _evidence(entry: BundledEntry) -> list[str]:
    says = entry.says
    fact = says.get("fact") if isinstance(says, dict) else None
    found = fact.get("evidence") if isinstance(fact, dict) else None
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _tags_of(entry: BundledEntry, number: int) -> frozenset[str]:
    try:
        found = read_json(entry.tags)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, list) or not all(isinstance(tag, str) for tag in found):
        where = f"entries[{number}].tags"
        raise InvalidBundle(f"{where}: a JSON array of texts", field=where)
    return frozenset(found)


def _prove(entry: BundledEntry, checkpoint: SignedCheckpoint, where: str) -> None:
    if entry.index >= checkpoint.size:
        raise InvalidBundle(
            f"{where}: index {entry.index} is beyond the checkpoint's {checkpoint.size}", field=where
        )
    leaf = entry_hash(entry.position, entry.name, entry.data, entry.tags)
    try:
        verify_inclusion(entry.index, checkpoint.size, leaf, entry.path, checkpoint.root)
    except InvalidProof as error:
        raise InvalidProof(f"{where}, position {entry.position}: {error}") from error
    _must_be_committed(entry, where)


def _must_be_committed(entry: BundledEntry, where: str) -> None:
    """Refuse what is sealed beside an entry, which is no part of its leaf, unless that commits to it.

    Raises:
        InvalidBundle: it is not written as it should be.
        InvalidProof: it is something else.
    """
    wanted = _commitments(entry.says)
    beside = _sealed(entry, where)
    if wanted.keys() != beside.keys():
        raise InvalidProof(
            f"{where}, position {entry.position}: other fields are sealed beside it than it says"
        )
    for path, text in beside.items():
        if text is not None:
            blob = base64_of(text, f"{where}.data", most=MAX_ENTRY_BYTES)
            if b64encode(commitment(salt_of(entry.data), path, blob)).decode() != wanted[path]:
                words = f"what is sealed for {path} is not what the entry commits to"
                raise InvalidProof(f"{where}, position {entry.position}: {words}")


def _sealed(entry: BundledEntry, where: str) -> dict[str, str | None]:
    """Return the ciphertexts beside an entry by their fields, as base64; None where one was destroyed.

    Raises:
        InvalidBundle: they are not written so.
    """
    part = sealed_part(entry.data) if is_salted(entry.data) else None
    if part is None:
        return {}
    found = document_of(part, MAX_ENTRY_BYTES, f"{where}: what is sealed")
    if not isinstance(found, dict):
        raise InvalidBundle(f"{where}: what is sealed is an object of texts", field=where)
    return {path: None if text is None else text_of(text, where) for path, text in found.items()}


def _commitments(says: JsonValue) -> dict[str, JsonValue]:
    """Return what an entry commits to, by its fields."""
    fact = says.get("fact") if isinstance(says, dict) else None
    if not isinstance(fact, dict):
        return {}
    replacement = fact.get("replacement")
    inner = replacement.get("fields") if isinstance(replacement, dict) else None
    nested = inner.items() if isinstance(inner, dict) else ()
    fields = {**fact, **{f"replacement.{name}": value for name, value in nested}}
    return {
        name: value["sealed"]
        for name, value in fields.items()
        if isinstance(value, dict) and "sealed" in value
    }


def _bytes_of(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BUNDLE + 1)


def _document(data: bytes) -> dict[str, object]:
    found = document_of(data, MAX_BUNDLE, "a bundle")
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        told = found.get("format") if isinstance(found, dict) else None
        raise InvalidBundle(f"this is no {FORMAT!r}; it says {told!r:.60}", field="format")
    return fields_of(found, _FIELDS, "the bundle")


def _about(value: object) -> tuple[str, str]:
    match value:
        case dict() if len(value) == 1:
            ((kind, name),) = value.items()
            if kind in _ABOUT:
                return kind, text_of(name, f"about.{kind}", most=MAX_NAME)
    raise InvalidBundle("about: names a member or a review", field="about")


def _entry(row: object, where: str) -> BundledEntry:
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


MAX_PROOF = 64 * 1024
"""Bytes of a consistency proof's file at most."""

_GROWTH_FIELDS = frozenset({"old", "new", "old_root", "new_root", "proof"})


def consistency_values(proof: Consistency) -> dict[str, int | str | list[str]]:
    """Return a proof as the plain values that its file has."""
    return {
        "old": proof.old,
        "new": proof.new,
        "old_root": b64encode(proof.old_root).decode(),
        "new_root": b64encode(proof.new_root).decode(),
        "proof": [b64encode(each).decode() for each in proof.path],
    }


@checked
def verify_between(
    old: SignedCheckpoint | str, new: SignedCheckpoint | str, proof: bytes, key: VerifyingKey | str
) -> None:
    """Check that a checkpoint's tree begins with all entries of an older checkpoint's.

    Neither ledger nor database is needed. Sizes and roots are taken from the checkpoints; those in
    the proof's file are not looked at.

    Args:
        old: a checkpoint.
        new: a newer one.
        proof: the file that ``reps-ledger consistency`` printed.
        key: the public key that should have signed both.

    Raises:
        InvalidNote: a checkpoint, or the key, is not written as such.
        InvalidBundle: the proof's file is not written as a proof is.
        InvalidSignature: the key did not sign both.
        InvalidProof: the proof does not show it.
    """
    key = VerifyingKey.parse(key) if isinstance(key, str) else key
    older, newer = read_checkpoint(old), read_checkpoint(new)
    older.verify(key)
    newer.verify(key)
    found = fields_of(document_of(proof, MAX_PROOF, "a proof"), _GROWTH_FIELDS, "a proof")
    hashes = found["proof"]
    if not isinstance(hashes, list) or len(hashes) > MAX_PATH + 1:
        raise InvalidBundle(f"proof: a list of at most {MAX_PATH + 1} hashes", field="proof")
    path = [base64_of(each, "proof", most=HASH_BYTES) for each in hashes]
    verify_consistency(older.size, newer.size, older.root, newer.root, path)
