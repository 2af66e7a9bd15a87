"""Audit: nobody rewrites history unseen. Checkpoints, proofs, verification, and bundles."""

from __future__ import annotations

from reps_ledger.audit.checkpoints import (
    SignedCheckpoint,
    SigningKey,
    VerifyingKey,
    make_key,
    read_checkpoint,
    sign_checkpoint,
)
from reps_ledger.audit.keys import load_key, save_key
from reps_ledger.audit.merkle import Consistency, Inclusion, verify_consistency, verify_inclusion
from reps_ledger.audit.tree import Tree, make_bundle
from reps_ledger.audit.tree_cache import TreeCache
from reps_ledger.audit.verifier import BundledEntry, ProvedVoid, VerifiedBundle, verify_between, verify_bundle
from reps_ledger.audit.verify_log import CODES, AuditFinding, Verification, verify_log
from reps_ledger.leaves import entry_hash, entry_leaf

__all__ = [
    "CODES",
    "AuditFinding",
    "BundledEntry",
    "Consistency",
    "Inclusion",
    "ProvedVoid",
    "SignedCheckpoint",
    "SigningKey",
    "Tree",
    "TreeCache",
    "Verification",
    "VerifiedBundle",
    "VerifyingKey",
    "entry_hash",
    "entry_leaf",
    "load_key",
    "make_bundle",
    "make_key",
    "read_checkpoint",
    "save_key",
    "sign_checkpoint",
    "verify_between",
    "verify_bundle",
    "verify_consistency",
    "verify_inclusion",
    "verify_log",
]
