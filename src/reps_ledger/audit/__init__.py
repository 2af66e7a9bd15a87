"""Audit: nobody rewrites history unseen. Checkpoints, proofs, verification, bundles."""

from __future__ import annotations

from reps_ledger.audit.bundles import make_bundle
from reps_ledger.audit.checkpoints import SignedCheckpoint, read_checkpoint, sign_checkpoint
from reps_ledger.audit.explanations import Admission, CharterInForce, Explanation, Link
from reps_ledger.audit.joining import verify_between
from reps_ledger.audit.leaves import entry_hash, entry_leaf
from reps_ledger.audit.merkle import verify_consistency, verify_inclusion
from reps_ledger.audit.notes import SigningKey, VerifyingKey, make_key
from reps_ledger.audit.proofs import Consistency, Inclusion
from reps_ledger.audit.shelf import Shelf
from reps_ledger.audit.tree import Tree
from reps_ledger.audit.verifier import BundledEntry, VerifiedBundle, verify_bundle
from reps_ledger.audit.verifying import CODES, AuditFinding, Verification, verify_log

__all__ = [
    "CODES",
    "Admission",
    "AuditFinding",
    "BundledEntry",
    "CharterInForce",
    "Consistency",
    "Explanation",
    "Inclusion",
    "Link",
    "Shelf",
    "SignedCheckpoint",
    "SigningKey",
    "Tree",
    "Verification",
    "VerifiedBundle",
    "VerifyingKey",
    "entry_hash",
    "entry_leaf",
    "make_bundle",
    "make_key",
    "read_checkpoint",
    "sign_checkpoint",
    "verify_between",
    "verify_bundle",
    "verify_consistency",
    "verify_inclusion",
    "verify_log",
]
