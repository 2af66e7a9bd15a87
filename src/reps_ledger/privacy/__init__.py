"""Personal text, sealed under keys of each person's own, which are destroyed to erase somebody."""

from __future__ import annotations

from reps_ledger.privacy.key_store import NAME, ROWS, Destroyed, KeyStore, Tombstone
from reps_ledger.privacy.keys import KeyFile
from reps_ledger.privacy.sealing import open_sealed, reveal, row_key, seal, unseal
from reps_ledger.privacy.wrapped import LocalMaster, Master, WrappedKeys

__all__ = [
    "NAME",
    "ROWS",
    "Destroyed",
    "KeyFile",
    "KeyStore",
    "LocalMaster",
    "Master",
    "Tombstone",
    "WrappedKeys",
    "open_sealed",
    "reveal",
    "row_key",
    "seal",
    "unseal",
]
