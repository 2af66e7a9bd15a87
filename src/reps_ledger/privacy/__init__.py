"""Personal text, sealed under keys of each person's own, which are destroyed to erase somebody."""

from __future__ import annotations

from reps_ledger.privacy.key_store import NAME, ROWS, Destroyed, KeyStore, Tombstone
from reps_ledger.privacy.keyring import Keyring, opened_keys
from reps_ledger.privacy.keys import KeyFile
from reps_ledger.privacy.revealing import RevealedText, RevealedTexts, open_texts, texts_bytes
from reps_ledger.privacy.sealing import open_sealed, row_key, seal, unseal
from reps_ledger.privacy.wrapped import LocalMaster, Master, WrappedKeys

__all__ = [
    "NAME",
    "ROWS",
    "Destroyed",
    "KeyFile",
    "KeyStore",
    "Keyring",
    "LocalMaster",
    "Master",
    "RevealedText",
    "RevealedTexts",
    "Tombstone",
    "WrappedKeys",
    "open_sealed",
    "open_texts",
    "opened_keys",
    "row_key",
    "seal",
    "texts_bytes",
    "unseal",
]
