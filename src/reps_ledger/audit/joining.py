"""Consistency proofs as files, for whoever holds two checkpoints and nothing else."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from reps_ledger.audit.checkpoints import SignedCheckpoint, read_checkpoint
from reps_ledger.audit.merkle import HASH_BYTES, MAX_PATH, verify_consistency
from reps_ledger.audit.notes import VerifyingKey
from reps_ledger.audit.reading import base64_of, document_of, fields_of
from reps_ledger.errors import InvalidBundle

if TYPE_CHECKING:
    from reps_ledger.audit.proofs import Consistency

__all__ = ["MAX_PROOF", "consistency_values", "verify_between"]

MAX_PROOF = 64 * 1024
"""Bytes of a consistency proof's file at most."""

_FIELDS = frozenset({"old", "new", "old_root", "new_root", "proof"})


def consistency_values(proof: Consistency) -> dict[str, Any]:
    """Return a proof as plain values: what its file says."""
    return {
        "old": proof.old,
        "new": proof.new,
        "old_root": b64encode(proof.old_root).decode(),
        "new_root": b64encode(proof.new_root).decode(),
        "proof": [b64encode(each).decode() for each in proof.path],
    }


def verify_between(
    old: SignedCheckpoint | str,
    new: SignedCheckpoint | str,
    proof: bytes,
    key: VerifyingKey | str,
) -> None:
    """Check that a checkpoint begins with all that an older one signed.

    Neither ledger nor database is needed. The sizes and the roots are those of the checkpoints,
    whatever the proof's file says.

    Args:
        old: a checkpoint.
        new: a newer one.
        proof: the file that ``reps-ledger consistency`` printed.
        key: the public key that should have signed both.

    Raises:
        InvalidNote: a checkpoint, or the key, cannot be read.
        InvalidBundle: the proof's file cannot be read.
        InvalidSignature: the key did not sign both.
        InvalidProof: the newer does not begin with the older, or the proof does not show it.
    """
    key = VerifyingKey.parse(key) if isinstance(key, str) else key
    older, newer = read_checkpoint(old), read_checkpoint(new)
    older.verify(key)
    newer.verify(key)
    found = fields_of(document_of(proof, MAX_PROOF, "a proof"), _FIELDS, "a proof")
    hashes = found["proof"]
    if not isinstance(hashes, list) or len(hashes) > MAX_PATH + 1:
        raise InvalidBundle(f"proof: a list of at most {MAX_PATH + 1} hashes", field="proof")
    path = [base64_of(each, "proof", most=HASH_BYTES) for each in hashes]
    verify_consistency(older.size, newer.size, older.root, newer.root, path)
