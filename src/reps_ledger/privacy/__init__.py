"""Personal text, sealed under keys of each person's own, which are destroyed to erase somebody."""

from __future__ import annotations

from reps_ledger.privacy.keyring import Keyring, opened_keys
from reps_ledger.privacy.keys import KeyFile, KeyStore
from reps_ledger.privacy.sealing import open_sealed, row_key, seal, unseal

__all__ = ["KeyFile", "KeyStore", "Keyring", "open_sealed", "opened_keys", "row_key", "seal", "unseal"]
