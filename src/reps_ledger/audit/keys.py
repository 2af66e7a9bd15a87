"""Signing keys as files, which nobody but their owner may read."""

from __future__ import annotations

import os

from reps_ledger.audit.checkpoints import MAX_KEY, SigningKey
from reps_ledger.domain.arguments import checked
from reps_ledger.errors import InvalidNote
from reps_ledger.files import output_file, read_secret


@checked
def save_key(key: SigningKey, path: str | os.PathLike[str]) -> None:
    """Write a signing key to a new file that only its owner may read, from its first byte on.

    Raises:
        PathTaken: something is there; a key is never replaced.
        StorageError: the file cannot be written.
    """
    with output_file(path, secret=True) as file:
        file.write(f"{key.text}\n".encode())


@checked
def load_key(path: str | os.PathLike[str]) -> SigningKey:
    """Read a signing key from its file.

    Raises:
        InvalidInput: others than its owner may read or write the file.
        InvalidNote: it holds no signing key.
        StorageError: it cannot be read.
    """
    try:
        text = read_secret(path, 2 * MAX_KEY).decode()
    except UnicodeDecodeError as error:
        raise InvalidNote(f"{path}: is no text in UTF-8") from error
    return SigningKey.parse(text)
